/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_edgeauth.h"


/* Each field is followed by "~", which also stands before the MAC. */

static void
xr_edgeauth_make_put(const char *field, xr_str_t value, bool escape,
    xr_buf_t *out)
{
    if (value.len == 0) {
        return;
    }

    xr_buf_puts(out, field);

    if (escape) {
        xr_edgeauth_escape(value, out);

    } else {
        xr_buf_put(out, value);
    }

    xr_buf_putc(out, '~');
}


static void
xr_edgeauth_make_number(const char *field, int64_t n, xr_buf_t *out)
{
    uint8_t   memory[20];
    xr_buf_t  digits;

    if (n != 0) {
        digits = xr_buf(memory, sizeof(memory));

        xr_buf_uint(&digits, (uint64_t) n);
        xr_edgeauth_make_put(field, xr_buf_str(&digits), false, out);
    }
}


static const char *
xr_edgeauth_make_check(const xr_edgeauth_spec_t *spec)
{
    size_t    i;
    xr_str_t  values[3];

    if (spec->acl.len == 0 && spec->url.len == 0) {
        return "neither acl nor url";
    }

    if (spec->exp <= 0 || spec->st < 0 || spec->st > spec->exp) {
        return "exp is not positive, or st is not between 0 and exp";
    }

    /* a "~" would end the value and start a field that nobody asked for */

    if (xr_str_find(spec->acl, '~') != spec->acl.len) {
        return "a \"~\" in acl";
    }

    values[0] = spec->ip;
    values[1] = spec->id;
    values[2] = spec->data;

    for (i = 0; i < XR_COUNT(values) && !spec->escape; i++) {

        if (xr_str_find(values[i], '~') != values[i].len) {
            return "a \"~\" in a value that is not escaped";
        }
    }

    return NULL;
}


static xr_rc_t
xr_edgeauth_make_sign(const xr_edgeauth_spec_t *spec, xr_str_t message,
    const xr_key_t *key, uint8_t mac[XR_HASH_MAX_SIZE], xr_err_t *err)
{
    uint8_t   memory[XR_EDGEAUTH_MAX_ESCAPED];
    xr_buf_t  escaped;
    xr_str_t  parts[3];

    parts[0] = message;
    parts[1] = xr_str("~url=");
    parts[2] = spec->url;

    if (spec->acl.len == 0 && spec->escape) {
        escaped = xr_buf(memory, sizeof(memory));
        xr_edgeauth_escape(spec->url, &escaped);

        if (!xr_buf_ok(&escaped)) {
            return xr_fail(err, XR_INVALID, 0, "the url is too long");
        }

        parts[2] = xr_buf_str(&escaped);
    }

    if (xr_hmac_sign(key->hmac, XR_SHA256, parts,
                     (spec->acl.len == 0) ? 3 : 1, mac)
        != XR_OK)
    {
        return xr_fail(err, XR_ERROR, 0, "HMAC failed");
    }

    return XR_OK;
}


/* What is written is read again: nothing leaves that would be refused. */

static xr_rc_t
xr_edgeauth_make_verify(xr_str_t token, xr_err_t *err)
{
    xr_rc_t           rc;
    uint8_t           memory[XR_EDGEAUTH_MAX_SIZE];
    xr_buf_t          b;
    xr_edgeauth_t     t;
    xr_constraints_t  c, in_token;

    rc = xr_edgeauth_parse(token, &t, err);

    if (rc != XR_OK) {
        return rc;
    }

    b = xr_buf(memory, sizeof(memory));

    if (xr_edgeauth_constraints(&t, &b, &c, &in_token) != XR_OK) {
        return xr_fail(err, XR_INVALID, 0, "data has an origin, country, "
                       "quality or rate that it cannot have");
    }

    return XR_OK;
}


static xr_rc_t
xr_edgeauth_make_write(const xr_edgeauth_spec_t *spec, const xr_key_t *key,
    xr_buf_t *out, xr_err_t *err)
{
    size_t   start;
    xr_rc_t  rc;
    uint8_t  mac[XR_HASH_MAX_SIZE];

    start = out->len;

    xr_edgeauth_make_put("ip=", spec->ip, spec->escape, out);
    xr_edgeauth_make_number("st=", spec->st, out);
    xr_edgeauth_make_number("exp=", spec->exp, out);

    /* signers leave the acl as it is: its "/" and "*" are meant */

    xr_edgeauth_make_put("acl=", spec->acl, false, out);
    xr_edgeauth_make_put("id=", spec->id, spec->escape, out);
    xr_edgeauth_make_put("data=", spec->data, spec->escape, out);

    if (!xr_buf_ok(out)) {
        return xr_fail(err, XR_NO_SPACE, 0, "the token is too long");
    }

    rc = xr_edgeauth_make_sign(spec, xr_str_of(out->data + start,
                                               out->len - start - 1),
                               key, mac, err);

    if (rc != XR_OK) {
        return rc;
    }

    xr_buf_puts(out, "hmac=");
    xr_buf_hex(out, xr_str_of(mac, XR_SHA256_SIZE));

    if (!xr_buf_ok(out)) {
        return xr_fail(err, XR_NO_SPACE, 0, "the token is too long");
    }

    return xr_edgeauth_make_verify(xr_str_of(out->data + start,
                                             out->len - start), err);
}


xr_rc_t
xr_edgeauth_make(const xr_edgeauth_spec_t *spec, const xr_key_t *key,
    xr_buf_t *out, xr_err_t *err)
{
    size_t       start;
    xr_rc_t      rc;
    const char  *what;

    what = xr_edgeauth_make_check(spec);

    if (what != NULL) {
        return xr_fail(err, XR_INVALID, 0, what);
    }

    start = out->len;
    rc = xr_edgeauth_make_write(spec, key, out, err);

    if (rc != XR_OK) {
        out->len = start;
    }

    return rc;
}
