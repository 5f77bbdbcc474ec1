/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_http_date.h"
#include "xr_precondition.h"


/* Seconds after which a date of change is as good as a strong entity tag. */

#define XR_PRECONDITION_STRONG  60


/* Visible characters, and what is beyond ASCII. */

static bool
xr_precondition_etag_char(uint8_t c)
{
    return c == 0x21 || (c >= 0x23 && c <= 0x7e) || c >= 0x80;
}


/* Takes an entity tag off the front of "*s". */

static bool
xr_precondition_take(xr_str_t *s, xr_precondition_etag_t *tag)
{
    size_t  n;

    tag->weak = xr_str_starts(*s, xr_str_of("W/", 2));

    if (tag->weak) {
        xr_str_skip(s, 2);
    }

    if (s->len == 0 || s->data[0] != '"') {
        return false;
    }

    n = 1;

    while (n < s->len && xr_precondition_etag_char(s->data[n])) {
        n++;
    }

    if (n == s->len || s->data[n] != '"') {
        return false;
    }

    tag->opaque = xr_str_of(s->data, n + 1);
    xr_str_skip(s, n + 1);

    return true;
}


xr_rc_t
xr_precondition_etag(xr_str_t s, xr_precondition_etag_t *out)
{
    xr_precondition_etag_t  tag;

    if (!xr_precondition_take(&s, &tag) || s.len > 0) {
        return XR_INVALID;
    }

    *out = tag;

    return XR_OK;
}


static bool
xr_precondition_same(const xr_precondition_etag_t *a,
    const xr_precondition_etag_t *b, bool strong)
{
    return !(strong && (a->weak || b->weak))
           && xr_str_eq(a->opaque, b->opaque);
}


bool
xr_precondition_names(xr_str_t list, xr_str_t etag, bool strong)
{
    bool                    found;
    xr_str_t                s;
    xr_precondition_etag_t  tag, own;

    if (xr_str_eq(list, xr_str_of("*", 1))) {
        return true;
    }

    if (xr_precondition_etag(etag, &own) != XR_OK) {
        return false;
    }

    s = list;
    found = false;

    for ( ;; ) {
        xr_str_skip_space(&s);

        if (s.len > 0 && s.data[0] != ',') {

            if (!xr_precondition_take(&s, &tag)) {
                return false;
            }

            found = found || xr_precondition_same(&tag, &own, strong);
            xr_str_skip_space(&s);
        }

        if (s.len == 0) {
            return found;
        }

        if (s.data[0] != ',') {
            return false;
        }

        xr_str_skip(&s, 1);
    }
}


/*
 * How the object's last change lies to the date in "value": 1 after it, -1
 * not after it, 0 if one of the two dates is missing or malformed.
 */

static int
xr_precondition_changed(xr_str_t value, const xr_precondition_object_t *o,
    int64_t now)
{
    int64_t  since;

    if (value.data == NULL
        || o->last_modified < 0
        || xr_http_date(value, now, &since) != XR_OK)
    {
        return 0;
    }

    return (o->last_modified > since) ? 1 : -1;
}


static bool
xr_precondition_if_range(xr_str_t value, const xr_precondition_object_t *o,
    int64_t now)
{
    int64_t                 date;
    xr_precondition_etag_t  tag, own;

    if (xr_precondition_etag(value, &tag) == XR_OK) {
        return xr_precondition_etag(o->etag, &own) == XR_OK
               && xr_precondition_same(&tag, &own, true);
    }

    return o->last_modified >= 0
           && o->date - o->last_modified >= XR_PRECONDITION_STRONG
           && xr_http_date(value, now, &date) == XR_OK
           && date == o->last_modified;
}


xr_precondition_result_t
xr_precondition_evaluate(const xr_precondition_request_t *r,
    const xr_precondition_object_t *o, int64_t now, bool *range)
{
    bool  reads;

    *range = false;
    reads = (r->method != XR_PRECONDITION_OTHER);

    if (r->if_match.data != NULL) {

        if (!xr_precondition_names(r->if_match, o->etag, true)) {
            return XR_PRECONDITION_FAILED;
        }

    } else if (xr_precondition_changed(r->if_unmodified_since, o, now) > 0) {
        return XR_PRECONDITION_FAILED;
    }

    if (r->if_none_match.data != NULL) {

        if (xr_precondition_names(r->if_none_match, o->etag, false)) {
            return reads ? XR_PRECONDITION_NOT_MODIFIED
                         : XR_PRECONDITION_FAILED;
        }

    } else if (reads
               && xr_precondition_changed(r->if_modified_since, o, now) < 0)
    {
        return XR_PRECONDITION_NOT_MODIFIED;
    }

    *range = r->method == XR_PRECONDITION_GET
             && (r->if_range.data == NULL
                 || xr_precondition_if_range(r->if_range, o, now));

    return XR_PRECONDITION_PASS;
}
