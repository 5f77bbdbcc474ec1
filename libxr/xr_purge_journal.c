/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_purge_table.h"


#define XR_PURGE_HEAD    "xr-purge-1 "
#define XR_PURGE_DIGITS  16             /* of a number */

/* A letter for each scope that is written; the rest follows from these. */

static const char  xr_purge_letters[XR_PURGE_SCOPES] = {
    [XR_PURGE_TENANT] = 't',
    [XR_PURGE_PREFIX] = 'p',
    [XR_PURGE_OBJECT] = 'o',
    [XR_PURGE_TAG] = 'g',
    [XR_PURGE_SOME] = 's',
    [XR_PURGE_ALL] = 'a'
};


static void
xr_purge_digits(uint64_t n, xr_buf_t *out)
{
    size_t   i;
    uint8_t  bytes[sizeof(n)];

    for (i = sizeof(n); i > 0; i--) {
        bytes[i - 1] = (uint8_t) n;
        n >>= 8;
    }

    xr_buf_hex(out, xr_str_of(bytes, sizeof(bytes)));
}


/* " <checksum>\n" of what was written since "start". */

static void
xr_purge_journal_end(const xr_purge_t *p, size_t start, xr_buf_t *out)
{
    uint64_t  sum;

    if (!xr_buf_ok(out)) {
        return;
    }

    sum = xr_siphash_64(p->key, 0, xr_str_of(out->data + start,
                                             out->len - start));
    xr_buf_putc(out, ' ');
    xr_purge_digits(sum, out);
    xr_buf_putc(out, '\n');
}


void
xr_purge_journal_head(const xr_purge_t *p, xr_buf_t *out)
{
    size_t  start;

    start = out->len;

    xr_buf_puts(out, XR_PURGE_HEAD);
    xr_buf_hex(out, xr_str_of(p->key, XR_SIPHASH_KEY_SIZE));
    xr_purge_journal_end(p, start, out);
}


void
xr_purge_journal_line(const xr_purge_t *p, const xr_purge_record_t *record,
    xr_buf_t *out)
{
    size_t  start;

    start = out->len;

    xr_purge_digits(record->generation, out);
    xr_buf_putc(out, ' ');
    xr_purge_digits(record->tenant, out);
    xr_buf_putc(out, ' ');
    xr_buf_putc(out, (uint8_t) xr_purge_letters[record->scope]);
    xr_buf_putc(out, record->soft ? 's' : 'h');
    xr_buf_putc(out, ' ');
    xr_buf_hex(out, xr_str_of(record->hash, XR_SIPHASH_SIZE));
    xr_purge_journal_end(p, start, out);
}


/* Numbers 0 is the floor, then two for each entry: hard and soft. */

bool
xr_purge_journal_next(const xr_purge_t *p, size_t *i, xr_purge_record_t *out)
{
    size_t                   n, rooms;
    uint64_t                 generation;
    const xr_purge_entry_t  *e;

    rooms = 1 + 2 * xr_purge_room(p);

    while (*i < rooms) {
        n = (*i)++;
        memset(out, 0, sizeof(xr_purge_record_t));

        if (n == 0) {
            out->scope = XR_PURGE_ALL;
            out->generation = p->floor;

            if (p->floor != 0) {
                return true;
            }

            continue;
        }

        e = &p->entries[(n - 1) / 2];
        generation = ((n - 1) % 2 == 0) ? e->hard : e->soft;

        if (e->hash[0] == 0 || generation == 0) {
            continue;
        }

        out->generation = generation;
        out->tenant = e->tenant;
        out->scope = (xr_purge_scope_t) e->scope;
        out->soft = ((n - 1) % 2 != 0);
        memcpy(out->hash, e->hash, XR_SIPHASH_SIZE);

        return true;
    }

    return false;
}


static bool
xr_purge_number(xr_str_t s, uint64_t *out)
{
    int     digit;
    size_t  i;

    *out = 0;

    for (i = 0; i < s.len; i++) {
        digit = xr_hex_digit(s.data[i]);

        if (digit < 0) {
            return false;
        }

        *out = *out << 4 | (uint64_t) digit;
    }

    return s.len == XR_PURGE_DIGITS;
}


/* Takes "<checksum>" off the end of a line that has it right. */

static bool
xr_purge_journal_sum(const uint8_t *key, xr_str_t *line)
{
    uint64_t  sum;
    xr_str_t  text;

    if (line->len <= XR_PURGE_DIGITS) {
        return false;
    }

    text = xr_str_of(line->data, line->len - XR_PURGE_DIGITS - 1);

    if (line->data[text.len] != ' '
        || !xr_purge_number(xr_str_of(text.data + text.len + 1,
                                      XR_PURGE_DIGITS), &sum)
        || sum != xr_siphash_64(key, 0, text))
    {
        return false;
    }

    *line = text;

    return true;
}


static bool
xr_purge_journal_parse(const xr_purge_t *p, xr_str_t line,
    xr_purge_record_t *out)
{
    xr_str_t  scope;

    memset(out, 0, sizeof(xr_purge_record_t));

    if (!xr_purge_journal_sum(p->key, &line)
        || !xr_purge_number(xr_str_cut(&line, ' '), &out->generation)
        || !xr_purge_number(xr_str_cut(&line, ' '), &out->tenant))
    {
        return false;
    }

    scope = xr_str_cut(&line, ' ');

    if (scope.len != 2 || line.len != 2 * XR_SIPHASH_SIZE
        || xr_hex_decode(line, out->hash, sizeof(out->hash)) != XR_OK)
    {
        return false;
    }

    out->soft = (scope.data[1] == 's');

    while (out->scope < XR_PURGE_SCOPES
           && xr_purge_letters[out->scope] != scope.data[0])
    {
        out->scope++;
    }

    return out->scope < XR_PURGE_SCOPES && out->generation != 0
           && (out->scope == XR_PURGE_ALL || (out->hash[0] & 1) != 0);
}


static xr_rc_t
xr_purge_journal_begin(xr_purge_t *p, xr_str_t line)
{
    uint8_t   key[XR_SIPHASH_KEY_SIZE];
    xr_str_t  hex;

    static const xr_str_t  head = XR_STR(XR_PURGE_HEAD);

    if (line.len + 1 != XR_PURGE_HEAD_SIZE || !xr_str_starts(line, head)) {
        return XR_INVALID;
    }

    hex = xr_str_of(line.data + head.len, 2 * XR_SIPHASH_KEY_SIZE);

    if (xr_hex_decode(hex, key, sizeof(key)) != XR_OK
        || !xr_purge_journal_sum(key, &line))
    {
        return XR_INVALID;
    }

    xr_purge_set_key(p, key);

    return XR_OK;
}


xr_rc_t
xr_purge_journal_replay(xr_purge_t *p, xr_str_t text, xr_purge_replay_t *out)
{
    size_t             n;
    xr_rc_t            rc;
    xr_str_t           line;
    xr_purge_record_t  record;

    memset(out, 0, sizeof(xr_purge_replay_t));

    n = xr_str_find(text, '\n');

    rc = (n < text.len) ? xr_purge_journal_begin(p, xr_str_of(text.data, n))
                        : XR_INVALID;
    if (rc != XR_OK) {
        return rc;
    }

    xr_str_skip(&text, n + 1);

    while (text.len > 0) {
        n = xr_str_find(text, '\n');

        if (n == text.len) {
            out->torn = true;
            break;
        }

        line = xr_str_of(text.data, n);
        xr_str_skip(&text, n + 1);

        if (!xr_purge_journal_parse(p, line, &record)) {
            out->damaged++;
            continue;
        }

        xr_purge_put(p, &record);
        out->records++;
    }

    return XR_OK;
}
