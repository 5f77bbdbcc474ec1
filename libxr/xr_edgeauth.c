/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_edgeauth.h"
#include "xr_path.h"

#include <string.h>


#define XR_EDGEAUTH_MAC_DIGITS   (2 * XR_SHA256_SIZE)

/* What every number of a JavaScript signer is exact up to. */

#define XR_EDGEAUTH_MAX_NUMBER   ((uint64_t) 1 << 53)

/* The ways in which signers spell the path of a URL token. */

#define XR_EDGEAUTH_SPELLINGS    4

/* An S3 key of 1024 bytes, escaped twice, has 5 * 1024. */

#define XR_EDGEAUTH_MAX_ESCAPED  8192


typedef enum {
    XR_EDGEAUTH_IP = 0,
    XR_EDGEAUTH_ST,
    XR_EDGEAUTH_EXP,
    XR_EDGEAUTH_ACL,
    XR_EDGEAUTH_ID,
    XR_EDGEAUTH_DATA,
    XR_EDGEAUTH_FIELDS
} xr_edgeauth_field_t;


static const xr_str_t  xr_edgeauth_names[XR_EDGEAUTH_FIELDS] = {
    XR_STR("ip="), XR_STR("st="), XR_STR("exp="), XR_STR("acl="),
    XR_STR("id="), XR_STR("data=")
};

static const xr_str_t  xr_edgeauth_hmac = XR_STR("~hmac=");
static const xr_str_t  xr_edgeauth_url = XR_STR("~url=");


/* Splits "name=value"; XR_EDGEAUTH_FIELDS when the name is not known. */

static xr_edgeauth_field_t
xr_edgeauth_field(xr_str_t field, xr_str_t *value)
{
    size_t  i;

    for (i = 0; i < XR_EDGEAUTH_FIELDS; i++) {

        if (field.len > 0
            && field.data[0] == xr_edgeauth_names[i].data[0]
            && xr_str_starts(field, xr_edgeauth_names[i]))
        {
            *value = xr_str_of(field.data + xr_edgeauth_names[i].len,
                               field.len - xr_edgeauth_names[i].len);
            break;
        }
    }

    return (xr_edgeauth_field_t) i;
}


static const char *
xr_edgeauth_number(xr_str_t value, int64_t *out)
{
    uint64_t  n;

    if (xr_str_uint(&value, &n) != XR_OK || value.len != 0
        || n > XR_EDGEAUTH_MAX_NUMBER)
    {
        return "the time is not a number of seconds";
    }

    *out = (int64_t) n;

    return NULL;
}


static const char *
xr_edgeauth_acl(xr_str_t value, xr_str_t *out)
{
    size_t    n;
    xr_str_t  rest;

    rest = value;

    for (n = 0; rest.len > 0; n++) {

        if (n == XR_EDGEAUTH_MAX_ACL) {
            return "more than 16 patterns in acl";
        }

        if (xr_str_cut(&rest, '!').len == 0) {
            return "an empty pattern in acl";
        }
    }

    if (value.data[value.len - 1] == '!') {
        return "an empty pattern in acl";
    }

    *out = value;

    return NULL;
}


static const char *
xr_edgeauth_set(xr_edgeauth_t *t, xr_edgeauth_field_t field, xr_str_t value)
{
    switch (field) {

    case XR_EDGEAUTH_ST:
        return xr_edgeauth_number(value, &t->st);

    case XR_EDGEAUTH_EXP:
        return xr_edgeauth_number(value, &t->exp);

    case XR_EDGEAUTH_ACL:
        return xr_edgeauth_acl(value, &t->acl);

    case XR_EDGEAUTH_IP:
        t->ip = value;
        return NULL;

    case XR_EDGEAUTH_ID:
        t->id = value;
        return NULL;

    default: /* XR_EDGEAUTH_DATA */
        t->data = value;
        return NULL;
    }
}


static xr_rc_t
xr_edgeauth_fields(xr_edgeauth_t *t, xr_err_t *err)
{
    size_t                pos;
    uint32_t              seen;
    xr_str_t              rest, field, value;
    const char           *what;
    xr_edgeauth_field_t   f;

    seen = 0;
    pos = 0;

    while (pos <= t->message.len) {
        rest = xr_str_of(t->message.data + pos, t->message.len - pos);
        field = xr_str_cut(&rest, '~');

        f = xr_edgeauth_field(field, &value);

        if (f == XR_EDGEAUTH_FIELDS) {
            return xr_fail(err, XR_INVALID, pos, "an unknown field");
        }

        if ((seen & 1U << f) != 0) {
            return xr_fail(err, XR_INVALID, pos, "a field stands twice");
        }

        if (value.len == 0) {
            return xr_fail(err, XR_INVALID, pos, "an empty field");
        }

        what = xr_edgeauth_set(t, f, value);

        if (what != NULL) {
            return xr_fail(err, XR_INVALID, pos, what);
        }

        seen |= 1U << f;
        pos += field.len + 1;
    }

    if (t->exp == 0) {
        return xr_fail(err, XR_INVALID, 0, "no exp");
    }

    return XR_OK;
}


static xr_rc_t
xr_edgeauth_check_bytes(xr_str_t message, xr_err_t *err)
{
    size_t  i;

    for (i = 0; i < message.len; i++) {

        if (message.data[i] < 0x20 || message.data[i] == 0x7f) {
            return xr_fail(err, XR_INVALID, i, "a control character");
        }
    }

    return XR_OK;
}


/* Takes the MAC off the end: what is left is what it was made of. */

static xr_rc_t
xr_edgeauth_split(xr_str_t token, xr_edgeauth_t *t, xr_err_t *err)
{
    size_t    len;
    xr_str_t  tail, digits;

    if (token.len > XR_EDGEAUTH_MAX_SIZE) {
        return xr_fail(err, XR_INVALID, XR_EDGEAUTH_MAX_SIZE,
                       "the token is longer than 2048 bytes");
    }

    if (token.len <= xr_edgeauth_hmac.len + XR_EDGEAUTH_MAC_DIGITS) {
        return xr_fail(err, XR_INVALID, token.len, "the token is cut short");
    }

    len = token.len - xr_edgeauth_hmac.len - XR_EDGEAUTH_MAC_DIGITS;
    tail = xr_str_of(token.data + len, xr_edgeauth_hmac.len);
    digits = xr_str_of(tail.data + tail.len, XR_EDGEAUTH_MAC_DIGITS);

    if (!xr_str_eq(tail, xr_edgeauth_hmac)
        || xr_hex_decode(digits, t->mac, sizeof(t->mac)) != XR_OK)
    {
        return xr_fail(err, XR_INVALID, len, "the token does not end with "
                       "hmac and 64 hexadecimal digits");
    }

    t->message = xr_str_of(token.data, len);

    return XR_OK;
}


xr_rc_t
xr_edgeauth_parse(xr_str_t token, xr_edgeauth_t *t, xr_err_t *err)
{
    xr_rc_t        rc;
    xr_edgeauth_t  parsed;

    memset(&parsed, 0, sizeof(parsed));

    rc = xr_edgeauth_split(token, &parsed, err);

    if (rc == XR_OK) {
        rc = xr_edgeauth_check_bytes(parsed.message, err);
    }

    if (rc == XR_OK) {
        rc = xr_edgeauth_fields(&parsed, err);
    }

    if (rc == XR_OK) {
        *t = parsed;
    }

    return rc;
}


/*
 * As the public signers do it: JavaScript's encodeURIComponent(), then "~",
 * "'" and "*" as well, digits in lower case.
 */

static void
xr_edgeauth_escape(xr_str_t s, xr_buf_t *out)
{
    size_t   i;
    uint8_t  c;

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'
            || c == '!' || c == '(' || c == ')')
        {
            xr_buf_putc(out, c);

        } else {
            xr_buf_putc(out, '%');
            xr_buf_hex(out, xr_str_of(&c, 1));
        }
    }
}


/*
 * The key that made the MAC of "parts", or NULL.  Tries all keys whether or
 * not one fits, so that the time tells nothing about which did.
 */

static const xr_key_t *
xr_edgeauth_key(const xr_edgeauth_t *t, const xr_keyset_t *keys,
    const xr_str_t *parts, size_t n)
{
    size_t           i;
    uint8_t          mac[XR_SHA256_SIZE];
    const xr_key_t  *key;

    key = NULL;

    for (i = 0; i < keys->n; i++) {

        if (xr_hmac_sign(keys->keys[i].hmac, parts, n, mac) == XR_OK
            && xr_equal(mac, t->mac, sizeof(mac)))
        {
            key = &keys->keys[i];
        }
    }

    return key;
}


/* The key that signed the path in one of its spellings, likeliest first. */

static const xr_key_t *
xr_edgeauth_url_key(const xr_edgeauth_t *t, const xr_auth_request_t *req,
    const xr_keyset_t *keys)
{
    size_t           i, spellings;
    uint8_t          memory[XR_EDGEAUTH_MAX_ESCAPED];
    xr_buf_t         escaped;
    xr_str_t         path, parts[3];
    const xr_key_t  *key;

    parts[0] = t->message;
    parts[1] = xr_edgeauth_url;

    spellings = xr_str_eq(req->raw_path, req->path) ? XR_EDGEAUTH_SPELLINGS / 2
                                                    : XR_EDGEAUTH_SPELLINGS;

    for (i = 0; i < spellings; i++) {
        path = (i < 2) ? req->raw_path : req->path;

        if (i % 2 == 0) {
            parts[2] = path;

        } else {
            escaped = xr_buf(memory, sizeof(memory));
            xr_edgeauth_escape(path, &escaped);

            if (!xr_buf_ok(&escaped)) {
                continue;               /* longer than any key of S3 */
            }

            parts[2] = xr_buf_str(&escaped);
        }

        key = xr_edgeauth_key(t, keys, parts, XR_COUNT(parts));

        if (key != NULL) {
            return key;
        }
    }

    return NULL;
}


/*
 * The acl is split before it is unescaped: an escaped "!" belongs to a path.
 * A pattern with a broken escape matches nothing.
 */

static bool
xr_edgeauth_acl_covers(xr_str_t acl, const xr_auth_request_t *req)
{
    uint8_t   memory[XR_EDGEAUTH_MAX_SIZE];
    xr_buf_t  unescaped;
    xr_str_t  pattern;

    while (acl.len > 0) {
        pattern = xr_str_cut(&acl, '!');

        if (xr_str_find(pattern, '%') != pattern.len) {
            unescaped = xr_buf(memory, sizeof(memory));

            if (xr_path_decode(pattern, &unescaped, NULL) != XR_OK) {
                continue;
            }

            pattern = xr_buf_str(&unescaped);
        }

        if (xr_auth_match(pattern, req->path)
            || xr_auth_match(pattern, req->raw_path))
        {
            return true;
        }
    }

    return false;
}


static bool
xr_edgeauth_address_ok(xr_str_t ip, const xr_addr_t *address)
{
    uint8_t    memory[64];
    xr_buf_t   unescaped;
    xr_addr_t  signed_for;

    unescaped = xr_buf(memory, sizeof(memory));

    return xr_path_decode(ip, &unescaped, NULL) == XR_OK
           && xr_addr_parse(xr_buf_str(&unescaped), &signed_for) == XR_OK
           && xr_addr_eq(&signed_for, address);
}


/* All that a token says, once it is known that a key of the tenant says so. */

static xr_deny_t
xr_edgeauth_judge(const xr_edgeauth_t *t, const xr_auth_request_t *req,
    const xr_auth_limits_t *limits)
{
    if (t->st > req->now + limits->leeway) {
        return XR_DENY_TOKEN_EARLY;
    }

    if (t->exp + limits->leeway <= req->now) {
        return XR_DENY_TOKEN_EXPIRED;
    }

    if (limits->max_lifetime != 0
        && t->exp > req->now + limits->max_lifetime)
    {
        return XR_DENY_TOKEN_LIFETIME;
    }

    if (t->ip.data != NULL && !xr_edgeauth_address_ok(t->ip, req->address)) {
        return XR_DENY_TOKEN_ADDRESS;
    }

    if (t->acl.data != NULL && !xr_edgeauth_acl_covers(t->acl, req)) {
        return XR_DENY_TOKEN_SCOPE;
    }

    return XR_DENY_NONE;
}


xr_deny_t
xr_edgeauth_verify(const xr_edgeauth_t *t, const xr_auth_request_t *req,
    const xr_auth_limits_t *limits, const xr_keyset_t *keys,
    xr_principal_t *who)
{
    xr_deny_t        deny;
    const xr_key_t  *key;

    if (t->acl.data != NULL) {
        key = xr_edgeauth_key(t, keys, &t->message, 1);

    } else {
        key = xr_edgeauth_url_key(t, req, keys);
    }

    if (key == NULL) {
        return XR_DENY_TOKEN_SIGNATURE;
    }

    deny = xr_edgeauth_judge(t, req, limits);

    if (deny == XR_DENY_NONE) {
        who->subject = t->id;
        who->data = t->data;
        who->not_before = t->st;
        who->expires = t->exp;
        who->key_id = key->id;
    }

    return deny;
}


/* Each field is followed by "~", which also stands before the MAC. */

static void
xr_edgeauth_put(xr_edgeauth_field_t field, xr_str_t value, bool escape,
    xr_buf_t *out)
{
    if (value.len == 0) {
        return;
    }

    xr_buf_put(out, xr_edgeauth_names[field]);

    if (escape) {
        xr_edgeauth_escape(value, out);

    } else {
        xr_buf_put(out, value);
    }

    xr_buf_putc(out, '~');
}


static void
xr_edgeauth_put_number(xr_edgeauth_field_t field, int64_t n, xr_buf_t *out)
{
    uint8_t   memory[20];
    xr_buf_t  digits;

    if (n != 0) {
        digits = xr_buf(memory, sizeof(memory));

        xr_buf_uint(&digits, (uint64_t) n);
        xr_edgeauth_put(field, xr_buf_str(&digits), false, out);
    }
}


static const char *
xr_edgeauth_check_spec(const xr_edgeauth_spec_t *spec)
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
xr_edgeauth_sign(const xr_edgeauth_spec_t *spec, xr_str_t message,
    const xr_key_t *key, uint8_t mac[XR_SHA256_SIZE], xr_err_t *err)
{
    uint8_t   memory[XR_EDGEAUTH_MAX_ESCAPED];
    xr_buf_t  escaped;
    xr_str_t  parts[3];

    parts[0] = message;
    parts[1] = xr_edgeauth_url;
    parts[2] = spec->url;

    if (spec->acl.len == 0 && spec->escape) {
        escaped = xr_buf(memory, sizeof(memory));
        xr_edgeauth_escape(spec->url, &escaped);

        if (!xr_buf_ok(&escaped)) {
            return xr_fail(err, XR_INVALID, 0, "the url is too long");
        }

        parts[2] = xr_buf_str(&escaped);
    }

    if (xr_hmac_sign(key->hmac, parts, (spec->acl.len == 0) ? 3 : 1, mac)
        != XR_OK)
    {
        return xr_fail(err, XR_ERROR, 0, "HMAC failed");
    }

    return XR_OK;
}


/* What is written is parsed again: nothing leaves that would be refused. */

static xr_rc_t
xr_edgeauth_write(const xr_edgeauth_spec_t *spec, const xr_key_t *key,
    xr_buf_t *out, xr_err_t *err)
{
    size_t         start;
    xr_rc_t        rc;
    uint8_t        mac[XR_SHA256_SIZE];
    xr_edgeauth_t  t;

    start = out->len;

    xr_edgeauth_put(XR_EDGEAUTH_IP, spec->ip, spec->escape, out);
    xr_edgeauth_put_number(XR_EDGEAUTH_ST, spec->st, out);
    xr_edgeauth_put_number(XR_EDGEAUTH_EXP, spec->exp, out);

    /* signers leave the acl as it is: its "/" and "*" are meant */

    xr_edgeauth_put(XR_EDGEAUTH_ACL, spec->acl, false, out);
    xr_edgeauth_put(XR_EDGEAUTH_ID, spec->id, spec->escape, out);
    xr_edgeauth_put(XR_EDGEAUTH_DATA, spec->data, spec->escape, out);

    if (!xr_buf_ok(out)) {
        return xr_fail(err, XR_NO_SPACE, 0, "the token is too long");
    }

    rc = xr_edgeauth_sign(spec, xr_str_of(out->data + start,
                                          out->len - start - 1),
                          key, mac, err);

    if (rc != XR_OK) {
        return rc;
    }

    xr_buf_puts(out, "hmac=");
    xr_buf_hex(out, xr_str_of(mac, sizeof(mac)));

    if (!xr_buf_ok(out)) {
        return xr_fail(err, XR_NO_SPACE, 0, "the token is too long");
    }

    return xr_edgeauth_parse(xr_str_of(out->data + start, out->len - start),
                             &t, err);
}


xr_rc_t
xr_edgeauth_make(const xr_edgeauth_spec_t *spec, const xr_key_t *key,
    xr_buf_t *out, xr_err_t *err)
{
    size_t       start;
    xr_rc_t      rc;
    const char  *what;

    what = xr_edgeauth_check_spec(spec);

    if (what != NULL) {
        return xr_fail(err, XR_INVALID, 0, what);
    }

    start = out->len;
    rc = xr_edgeauth_write(spec, key, out, err);

    if (rc != XR_OK) {
        out->len = start;
    }

    return rc;
}
