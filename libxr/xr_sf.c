/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_sf.h"


#define XR_SF_INTEGER_DIGITS   15       /* RFC 8941, section 3.3.1 */
#define XR_SF_DECIMAL_DIGITS   12       /* in front of the point, 3.3.2 */
#define XR_SF_FRACTION_DIGITS  3


/* Kinds of bytes: bits. */

#define XR_SF_DIGIT       0x01
#define XR_SF_LOWER       0x02
#define XR_SF_ALPHA       0x04
#define XR_SF_KEY_CHAR    0x08          /* also "_", "-", "." and "*" */
#define XR_SF_TOKEN_CHAR  0x10          /* also those of RFC 9110, ":", "/" */
#define XR_SF_BASE64      0x20          /* also "+" and "/" */
#define XR_SF_SPACE       0x40
#define XR_SF_BLANK       0x80          /* a space or a tab */


static const uint8_t  xr_sf_kinds[256] = {
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xc0, 0x10, 0x00, 0x10, 0x10, 0x10, 0x10, 0x10,
    0x00, 0x00, 0x18, 0x30, 0x00, 0x18, 0x18, 0x30,
    0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39,
    0x39, 0x39, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x34, 0x34, 0x34, 0x34, 0x34, 0x34, 0x34,
    0x34, 0x34, 0x34, 0x34, 0x34, 0x34, 0x34, 0x34,
    0x34, 0x34, 0x34, 0x34, 0x34, 0x34, 0x34, 0x34,
    0x34, 0x34, 0x34, 0x00, 0x00, 0x00, 0x10, 0x18,
    0x10, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e,
    0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e,
    0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e,
    0x3e, 0x3e, 0x3e, 0x00, 0x10, 0x00, 0x10, 0x00
};


static bool
xr_sf_is(uint8_t c, uint8_t kinds)
{
    return (xr_sf_kinds[c] & kinds) != 0;
}


/* "c" is not NUL, which strchr() would find at the end of any list. */

static bool
xr_sf_among(uint8_t c, const char *list)
{
    return c != '\0' && strchr(list, c) != NULL;
}


static bool
xr_sf_at(xr_str_t s, uint8_t c)
{
    return s.len > 0 && s.data[0] == c;
}


/* Takes "n" bytes off "*s", which has them. */

static xr_str_t
xr_sf_take(xr_str_t *s, size_t n)
{
    xr_str_t  head;

    head = xr_str_of(s->data, n);

    if (n > 0) {
        *s = xr_str_of(s->data + n, s->len - n);
    }

    return head;
}


static xr_str_t
xr_sf_take_while(xr_str_t *s, uint8_t kinds)
{
    size_t          n, len;
    const uint8_t  *p;

    p = s->data;
    len = s->len;

    for (n = 0; n < len && xr_sf_is(p[n], kinds); n++) {
        /* void */
    }

    return xr_sf_take(s, n);
}


static xr_rc_t
xr_sf_key(xr_str_t *s, xr_str_t *out)
{
    if (s->len == 0
        || !(xr_sf_is(s->data[0], XR_SF_LOWER) || s->data[0] == '*'))
    {
        return XR_INVALID;
    }

    *out = xr_sf_take_while(s, XR_SF_KEY_CHAR);

    return XR_OK;
}


/* At most 15 digits. */

static int64_t
xr_sf_value(xr_str_t digits)
{
    size_t   i;
    int64_t  n;

    n = 0;

    for (i = 0; i < digits.len; i++) {
        n = n * 10 + (digits.data[i] - '0');
    }

    return n;
}


static xr_rc_t
xr_sf_number(xr_str_t *s, xr_sf_item_t *out)
{
    size_t    i;
    int64_t   sign;
    xr_str_t  whole, fraction;

    sign = 1;

    if (xr_sf_at(*s, '-')) {
        (void) xr_sf_take(s, 1);
        sign = -1;
    }

    whole = xr_sf_take_while(s, XR_SF_DIGIT);

    if (whole.len == 0 || whole.len > XR_SF_INTEGER_DIGITS) {
        return XR_INVALID;
    }

    out->type = XR_SF_INTEGER;
    out->number = sign * xr_sf_value(whole);

    if (!xr_sf_at(*s, '.')) {
        return XR_OK;
    }

    (void) xr_sf_take(s, 1);
    fraction = xr_sf_take_while(s, XR_SF_DIGIT);

    if (whole.len > XR_SF_DECIMAL_DIGITS
        || fraction.len == 0 || fraction.len > XR_SF_FRACTION_DIGITS)
    {
        return XR_INVALID;
    }

    out->type = XR_SF_DECIMAL;
    out->number = xr_sf_value(whole);

    for (i = 0; i < XR_SF_FRACTION_DIGITS; i++) {
        out->number = out->number * 10
                      + ((i < fraction.len) ? fraction.data[i] - '0' : 0);
    }

    out->number *= sign;

    return XR_OK;
}


static xr_rc_t
xr_sf_string(xr_str_t *s, xr_sf_item_t *out)
{
    size_t  i;

    (void) xr_sf_take(s, 1);
    out->type = XR_SF_STRING;

    for (i = 0; i < s->len && s->data[i] != '"'; i++) {

        if (s->data[i] < 0x20 || s->data[i] >= 0x7f) {
            return XR_INVALID;
        }

        if (s->data[i] == '\\'
            && (++i == s->len || !xr_sf_among(s->data[i], "\"\\")))
        {
            return XR_INVALID;
        }
    }

    if (i == s->len) {
        return XR_INVALID;
    }

    out->text = xr_sf_take(s, i);
    (void) xr_sf_take(s, 1);

    return XR_OK;
}


/* RFC 8941, section 4.2.7: padding may be missing, but is all or nothing. */

static xr_rc_t
xr_sf_bytes(xr_str_t *s, xr_sf_item_t *out)
{
    size_t    digits, pad;
    xr_str_t  all;

    (void) xr_sf_take(s, 1);
    all = *s;

    digits = xr_sf_take_while(s, XR_SF_BASE64).len;

    for (pad = 0; xr_sf_at(*s, '='); pad++) {
        (void) xr_sf_take(s, 1);
    }

    if (!xr_sf_at(*s, ':')
        || digits % 4 == 1 || (pad > 0 && (digits % 4 == 0
                                           || digits % 4 + pad != 4)))
    {
        return XR_INVALID;
    }

    out->type = XR_SF_BYTES;
    out->text = xr_str_of(all.data, digits + pad);

    (void) xr_sf_take(s, 1);

    return XR_OK;
}


static xr_rc_t
xr_sf_boolean(xr_str_t *s, xr_sf_item_t *out)
{
    if (s->len < 2 || !xr_sf_among(s->data[1], "01")) {
        return XR_INVALID;
    }

    out->type = XR_SF_BOOLEAN;
    out->number = s->data[1] - '0';
    (void) xr_sf_take(s, 2);

    return XR_OK;
}


static xr_rc_t
xr_sf_bare(xr_str_t *s, xr_sf_item_t *out)
{
    uint8_t  c;

    *out = (xr_sf_item_t) { .number = 0 };

    if (s->len == 0) {
        return XR_INVALID;
    }

    c = s->data[0];

    if (c == '-' || xr_sf_is(c, XR_SF_DIGIT)) {
        return xr_sf_number(s, out);
    }

    if (c == '*' || xr_sf_is(c, XR_SF_ALPHA)) {
        out->type = XR_SF_TOKEN;
        out->text = xr_sf_take_while(s, XR_SF_TOKEN_CHAR);

        return XR_OK;
    }

    switch (c) {

    case '"':
        return xr_sf_string(s, out);

    case ':':
        return xr_sf_bytes(s, out);

    case '?':
        return xr_sf_boolean(s, out);

    default:
        return XR_INVALID;
    }
}


/* Takes any number of parameters off "*s". */

static xr_rc_t
xr_sf_params(xr_str_t *s, xr_str_t *out)
{
    xr_str_t      all, key;
    xr_sf_item_t  item;

    all = *s;

    while (xr_sf_at(*s, ';')) {
        (void) xr_sf_take(s, 1);
        (void) xr_sf_take_while(s, XR_SF_SPACE);

        if (xr_sf_key(s, &key) != XR_OK) {
            return XR_INVALID;
        }

        if (xr_sf_at(*s, '=')) {
            (void) xr_sf_take(s, 1);

            if (xr_sf_bare(s, &item) != XR_OK) {
                return XR_INVALID;
            }
        }
    }

    *out = xr_str_of(all.data, all.len - s->len);

    return XR_OK;
}


static xr_rc_t
xr_sf_list(xr_str_t *s, xr_sf_item_t *out)
{
    xr_str_t      all, params;
    xr_sf_item_t  item;

    (void) xr_sf_take(s, 1);
    all = *s;

    for ( ;; ) {
        (void) xr_sf_take_while(s, XR_SF_SPACE);

        if (xr_sf_at(*s, ')')) {
            break;
        }

        if (xr_sf_bare(s, &item) != XR_OK
            || xr_sf_params(s, &params) != XR_OK
            || !(xr_sf_at(*s, ' ') || xr_sf_at(*s, ')')))
        {
            return XR_INVALID;
        }
    }

    *out = (xr_sf_item_t) {
        .type = XR_SF_LIST,
        .text = xr_str_of(all.data, all.len - s->len)
    };

    (void) xr_sf_take(s, 1);

    return XR_OK;
}


/* A member with its parameters, RFC 8941, section 4.2.2. */

static xr_rc_t
xr_sf_member(xr_str_t *s, xr_sf_member_t *out)
{
    xr_rc_t  rc;

    if (xr_sf_key(s, &out->key) != XR_OK) {
        return XR_INVALID;
    }

    if (xr_sf_at(*s, '=')) {
        (void) xr_sf_take(s, 1);

        rc = xr_sf_at(*s, '(') ? xr_sf_list(s, &out->value)
                               : xr_sf_bare(s, &out->value);
        if (rc != XR_OK) {
            return rc;
        }

    } else {
        out->value = (xr_sf_item_t) { .type = XR_SF_BOOLEAN, .number = 1 };
    }

    return xr_sf_params(s, &out->params);
}


xr_rc_t
xr_sf_next(xr_str_t *s, xr_sf_member_t *out)
{
    (void) xr_sf_take_while(s, XR_SF_SPACE);

    if (s->len == 0) {
        return XR_NOT_FOUND;
    }

    if (xr_sf_member(s, out) != XR_OK) {
        return XR_INVALID;
    }

    (void) xr_sf_take_while(s, XR_SF_BLANK);

    if (s->len == 0) {
        return XR_OK;
    }

    if (!xr_sf_at(*s, ',')) {
        return XR_INVALID;
    }

    (void) xr_sf_take(s, 1);
    (void) xr_sf_take_while(s, XR_SF_BLANK);

    return (s->len == 0) ? XR_INVALID : XR_OK;  /* a comma is not the last */
}
