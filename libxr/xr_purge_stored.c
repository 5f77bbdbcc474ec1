/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_purge_table.h"


/* What is stored, and what is to be: since when, and its tags. */


void
xr_purge_stored_digits(uint64_t last, uint8_t digits[XR_PURGE_STORED_DIGITS])
{
    size_t  i;

    for (i = XR_PURGE_STORED_DIGITS; i > 0; i--) {
        digits[i - 1] = (uint8_t) "0123456789abcdef"[last & 0xf];
        last >>= 4;
    }
}


xr_purge_verdict_t
xr_purge_stored_judge(const xr_purge_t *p, uint64_t tenant, xr_str_t object,
    xr_str_t stored)
{
    int              digit;
    size_t           i;
    uint64_t         since;
    xr_str_t         tag;
    xr_purge_pair_t  pair, tags;

    if (stored.len < XR_PURGE_STORED_DIGITS) {
        return XR_PURGE_GONE;
    }

    since = 0;

    for (i = 0; i < XR_PURGE_STORED_DIGITS; i++) {
        digit = xr_hex_digit(stored.data[i]);

        if (digit < 0) {
            return XR_PURGE_GONE;
        }

        since = since << 4 | (uint64_t) digit;
    }

    xr_str_skip(&stored, XR_PURGE_STORED_DIGITS);
    tags = (xr_purge_pair_t) { 0, 0 };

    while (stored.len > 0) {
        tag = xr_str_cut(&stored, ' ');

        if (xr_str_eq(tag, xr_str("*"))) {
            xr_purge_add(p, tenant, XR_PURGE_SOME, xr_str_of(NULL, 0), &tags);

        } else if (tag.len > 0) {
            xr_purge_add(p, tenant, XR_PURGE_TAG, tag, &tags);
        }
    }

    pair = xr_purge_object(p, tenant, object);

    if (tags.hard > since || pair.hard > since) {
        return XR_PURGE_GONE;
    }

    return (tags.soft > since || pair.soft > since) ? XR_PURGE_STALE
                                                    : XR_PURGE_GOOD;
}


bool
xr_purge_stored_tag_ok(xr_str_t tag)
{
    size_t  i;

    for (i = 0; i < tag.len; i++) {

        if (tag.data[i] <= 0x20 || tag.data[i] >= 0x7f || tag.data[i] == ',') {
            return false;
        }
    }

    return tag.len > 0 && tag.len <= XR_PURGE_TAG_MAX
           && !xr_str_eq(tag, xr_str("*"));
}


void
xr_purge_stored_tags(xr_str_t header, size_t *n, xr_buf_t *out)
{
    size_t    i;
    xr_str_t  tag;

    while (header.len > 0 && *n <= XR_PURGE_TAGS) {

        for (i = 0; i < header.len && header.data[i] != ' '
                    && header.data[i] != '\t' && header.data[i] != ','; i++)
        {
            /* void */
        }

        tag = xr_str_of(header.data, i);
        xr_str_skip(&header, (i < header.len) ? i + 1 : i);

        if (!xr_purge_stored_tag_ok(tag)) {
            continue;
        }

        if ((*n)++ == XR_PURGE_TAGS) {
            tag = xr_str("*");
        }

        xr_buf_putc(out, ' ');
        xr_buf_put(out, tag);
    }
}
