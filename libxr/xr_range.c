/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_range.h"

#include <string.h>


#define XR_RANGE_SAFE_DIGITS  19        /* of numbers that fit into 64 bits */


/* A number of any size: its digits, but for leading zeros, and its value. */

typedef struct {
    xr_str_t  digits;
    uint64_t  value;                /* UINT64_MAX: that, or more */
} xr_range_number_t;


/* Takes a number off the front of "*s". */

static bool
xr_range_number(xr_str_t *s, xr_range_number_t *n)
{
    size_t    i, zeros;
    xr_str_t  digits;

    zeros = 0;

    while (zeros < s->len && s->data[zeros] == '0') {
        zeros++;
    }

    n->value = 0;

    for (i = zeros; i < s->len; i++) {

        if (s->data[i] < '0' || s->data[i] > '9') {
            break;
        }

        n->value = n->value * 10 + (uint64_t) (s->data[i] - '0');
    }

    if (i == 0) {
        return false;
    }

    digits = xr_str_of(s->data + zeros, i - zeros);
    n->digits = digits;

    if (digits.len > XR_RANGE_SAFE_DIGITS
        && xr_str_uint(&digits, &n->value) != XR_OK)
    {
        n->value = UINT64_MAX;
    }

    xr_str_skip(s, i);

    return true;
}


/* Values would not do for numbers beyond 64 bits. */

static bool
xr_range_less(const xr_range_number_t *a, const xr_range_number_t *b)
{
    if (a->digits.len != b->digits.len) {
        return a->digits.len < b->digits.len;
    }

    return a->digits.len > 0
           && memcmp(a->digits.data, b->digits.data, a->digits.len) < 0;
}


/* Takes "first-last", "first-" or "-suffix" off the front of "*s". */

static bool
xr_range_spec(xr_str_t *s, xr_range_spec_t *spec)
{
    bool               has_first, has_last;
    xr_range_number_t  first, last;

    has_first = xr_range_number(s, &first);

    if (s->len == 0 || s->data[0] != '-') {
        return false;
    }

    xr_str_skip(s, 1);

    has_last = xr_range_number(s, &last);

    if (!has_first && !has_last) {
        return false;
    }

    spec->suffix = !has_first;
    spec->first = has_first ? first.value : last.value;
    spec->last = (has_first && has_last) ? last.value : UINT64_MAX;

    return !(has_first && has_last && xr_range_less(&last, &first));
}


size_t
xr_range_parse(xr_str_t value, xr_range_spec_t *specs, size_t max)
{
    size_t    n;
    xr_str_t  s;

    static const xr_str_t  unit = XR_STR("bytes=");

    if (!xr_str_starts(value, unit)
        && (value.len < unit.len
            || !xr_str_eq_nocase(xr_str_of(value.data, unit.len), unit)))
    {
        return 0;
    }

    s = xr_str_of(value.data + unit.len, value.len - unit.len);
    n = 0;

    for ( ;; ) {
        xr_str_skip_space(&s);

        if (s.len > 0 && s.data[0] != ',') {

            if (n == max || !xr_range_spec(&s, &specs[n])) {
                return 0;
            }

            n++;
            xr_str_skip_space(&s);
        }

        if (s.len == 0) {
            return n;
        }

        if (s.data[0] != ',') {
            return 0;
        }

        xr_str_skip(&s, 1);
    }
}


/* Section 14.1.2: false if the member is not satisfiable. */

static bool
xr_range_apply(const xr_range_spec_t *spec, uint64_t length, xr_range_t *r)
{
    uint64_t  first;

    first = spec->first;

    if (spec->suffix) {

        if (first == 0) {
            return false;
        }

        first = (first < length) ? length - first : 0;
    }

    if (first >= length) {
        return false;
    }

    r->first = first;
    r->last = (spec->last < length) ? spec->last : length - 1;

    return true;
}


/* Puts "r" where it belongs in "ranges", by its first byte. */

static void
xr_range_insert(xr_range_t *ranges, size_t n, xr_range_t r)
{
    while (n > 0 && ranges[n - 1].first > r.first) {
        ranges[n] = ranges[n - 1];
        n--;
    }

    ranges[n] = r;
}


/* Joins ranges that overlap or touch; returns how many are left. */

static size_t
xr_range_merge(xr_range_t *ranges, size_t n)
{
    size_t       i;
    xr_range_t  *last;

    last = ranges;

    for (i = 1; i < n; i++) {

        if (ranges[i].first > last->last + 1) {
            *++last = ranges[i];

        } else if (ranges[i].last > last->last) {
            last->last = ranges[i].last;
        }
    }

    return (size_t) (last - ranges) + 1;
}


/* Whether there is a suffix of at least one byte. */

static bool
xr_range_has_suffix(const xr_range_spec_t *specs, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {

        if (specs[i].suffix && specs[i].first > 0) {
            return true;
        }
    }

    return false;
}


xr_range_result_t
xr_range_resolve(const xr_range_spec_t *specs, size_t n, uint64_t length,
    xr_range_t *ranges, size_t *nranges)
{
    size_t      i, k;
    uint64_t    rest;
    xr_range_t  r;

    *nranges = 0;

    if (n == 0 || (length == 0 && xr_range_has_suffix(specs, n))) {
        return XR_RANGE_NONE;
    }

    k = 0;
    rest = length;

    for (i = 0; i < n; i++) {

        if (!xr_range_apply(&specs[i], length, &r)) {
            continue;
        }

        if (xr_range_bytes(r) > rest) {
            return XR_RANGE_NONE;
        }

        rest -= xr_range_bytes(r);
        xr_range_insert(ranges, k++, r);
    }

    if (k == 0) {
        return XR_RANGE_UNSATISFIABLE;
    }

    *nranges = xr_range_merge(ranges, k);

    return (*nranges == 1) ? XR_RANGE_ONE : XR_RANGE_MANY;
}


bool
xr_range_begin(const xr_range_spec_t *specs, size_t n, uint64_t *first)
{
    size_t    i;
    uint64_t  lowest;

    lowest = UINT64_MAX;

    for (i = 0; i < n; i++) {

        if (!specs[i].suffix && specs[i].first < lowest) {
            lowest = specs[i].first;
        }
    }

    *first = (lowest > XR_RANGE_LENGTH_MAX) ? 0 : lowest;

    return lowest == 0 || !xr_range_has_suffix(specs, n);
}


uint64_t
xr_range_most(const xr_range_spec_t *specs, size_t n)
{
    size_t    i;
    uint64_t  sum, bytes;

    sum = 0;

    for (i = 0; i < n; i++) {

        if (specs[i].suffix) {
            bytes = specs[i].first;

        } else if (specs[i].last == UINT64_MAX) {
            return XR_RANGE_UNKNOWN;

        } else {
            bytes = specs[i].last - specs[i].first + 1;
        }

        if (bytes > UINT64_MAX - sum) {
            return XR_RANGE_UNKNOWN;
        }

        sum += bytes;
    }

    return sum;
}


/* Takes a number that an object can have off "*s". */

static bool
xr_range_offset(xr_str_t *s, uint64_t *out)
{
    return xr_str_uint(s, out) == XR_OK && *out <= XR_RANGE_LENGTH_MAX;
}


static bool
xr_range_char(xr_str_t *s, uint8_t c)
{
    if (s->len == 0 || s->data[0] != c) {
        return false;
    }

    xr_str_skip(s, 1);

    return true;
}


xr_rc_t
xr_range_content_parse(xr_str_t value, xr_range_content_t *out)
{
    xr_str_t            s;
    xr_range_content_t  c;

    static const xr_str_t  unit = XR_STR("bytes ");

    if (value.len < unit.len
        || !xr_str_eq_nocase(xr_str_of(value.data, unit.len), unit))
    {
        return XR_INVALID;
    }

    s = xr_str_of(value.data + unit.len, value.len - unit.len);

    c = (xr_range_content_t) { { 0, 0 }, XR_RANGE_UNKNOWN, false };

    if (xr_range_char(&s, '*')) {
        c.unsatisfied = true;

    } else if (!xr_range_offset(&s, &c.range.first)
               || !xr_range_char(&s, '-')
               || !xr_range_offset(&s, &c.range.last)
               || c.range.last < c.range.first)
    {
        return XR_INVALID;
    }

    if (!xr_range_char(&s, '/')) {
        return XR_INVALID;
    }

    /* both halves may not be unknown */

    if ((c.unsatisfied || !xr_range_char(&s, '*'))
        && !xr_range_offset(&s, &c.length))
    {
        return XR_INVALID;
    }

    if (s.len > 0 || (!c.unsatisfied && c.range.last >= c.length)) {
        return XR_INVALID;
    }

    *out = c;

    return XR_OK;
}


void
xr_range_content(xr_buf_t *b, xr_range_t range, uint64_t length)
{
    xr_buf_puts(b, "bytes ");
    xr_buf_uint(b, range.first);
    xr_buf_putc(b, '-');
    xr_buf_uint(b, range.last);
    xr_buf_putc(b, '/');
    xr_buf_uint(b, length);
}


void
xr_range_content_unsatisfied(xr_buf_t *b, uint64_t length)
{
    xr_buf_puts(b, "bytes */");
    xr_buf_uint(b, length);
}
