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


/* The likeliest first. */

typedef enum {
    XR_EDGEAUTH_EXP = 0,
    XR_EDGEAUTH_ACL,
    XR_EDGEAUTH_ID,
    XR_EDGEAUTH_DATA,
    XR_EDGEAUTH_ST,
    XR_EDGEAUTH_IP,
    XR_EDGEAUTH_FIELDS
} xr_edgeauth_field_t;


static const xr_str_t  xr_edgeauth_names[XR_EDGEAUTH_FIELDS] = {
    XR_STR("exp="), XR_STR("acl="), XR_STR("id="), XR_STR("data="),
    XR_STR("st="), XR_STR("ip=")
};

static const xr_str_t  xr_edgeauth_hmac = XR_STR("~hmac=");
static const xr_str_t  xr_edgeauth_url = XR_STR("~url=");


/* Splits "name=value"; XR_EDGEAUTH_FIELDS when the name is not known. */

static xr_edgeauth_field_t
xr_edgeauth_field(xr_str_t field, xr_str_t *value)
{
    size_t  i;

    if (field.len == 0) {
        return XR_EDGEAUTH_FIELDS;
    }

    for (i = 0; i < XR_EDGEAUTH_FIELDS; i++) {

        if (field.data[0] == xr_edgeauth_names[i].data[0]
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

    if (!xr_str_has_control(message)) {
        return XR_OK;
    }

    i = 0;

    while (!xr_str_has_control(xr_str_of(message.data + i, 1))) {
        i++;
    }

    return xr_fail(err, XR_INVALID, i, "a control character");
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


void
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
xr_edgeauth_key(const xr_edgeauth_t *t, const xr_key_t *keys, size_t nkeys,
    const xr_str_t *parts, size_t n)
{
    size_t           i;
    uint8_t          mac[XR_HASH_MAX_SIZE];
    const xr_key_t  *key;

    key = NULL;

    for (i = 0; i < nkeys; i++) {

        if (keys[i].kind == XR_KIND_EDGEAUTH
            && xr_hmac_sign(keys[i].hmac, XR_SHA256, parts, n, mac) == XR_OK
            && xr_equal(mac, t->mac, sizeof(t->mac)))
        {
            key = &keys[i];
        }
    }

    return key;
}


/* The key that signed the path in one of its spellings, likeliest first. */

static const xr_key_t *
xr_edgeauth_url_key(const xr_edgeauth_t *t, const xr_auth_request_t *req,
    const xr_key_t *keys, size_t nkeys)
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

        key = xr_edgeauth_key(t, keys, nkeys, parts, XR_COUNT(parts));

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

        if (xr_auth_covers(pattern, req)) {
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


/*
 * Data as it was before the signer escaped it.  Where that cannot have been,
 * it was not escaped, and is "data" itself.
 */

static xr_str_t
xr_edgeauth_unescape(xr_str_t data, xr_buf_t *b)
{
    if (xr_str_find(data, '%') == data.len
        || xr_path_decode(data, b, NULL) != XR_OK)
    {
        return data;
    }

    return xr_buf_str(b);
}


/* What "part" of the unescaped text is in the token, which outlives that. */

static xr_str_t
xr_edgeauth_in_token(xr_str_t part, xr_str_t text, xr_str_t data)
{
    size_t          i, start;
    const uint8_t  *p, *first;

    if (part.len == 0 || text.data == data.data) {
        return part;
    }

    p = data.data;
    first = p;
    start = (size_t) (part.data - text.data);

    for (i = 0; i < start + part.len; i++) {

        if (i == start) {
            first = p;
        }

        p += (*p == '%') ? 3 : 1;
    }

    return xr_str_of(first, (size_t) (p - first));
}


/*
 * The names of a quality and of a rate class are used as they stand in the
 * token, so a signer must not have escaped them; none does.
 */

xr_rc_t
xr_edgeauth_constraints(const xr_edgeauth_t *t, xr_buf_t *memory,
    xr_constraints_t *out, xr_constraints_t *in_token)
{
    xr_str_t          text;
    xr_constraints_t  read, kept;

    text = xr_edgeauth_unescape(t->data, memory);

    if (xr_constraints_read(text, &read) != XR_OK) {
        return XR_INVALID;
    }

    kept.origin = xr_edgeauth_in_token(read.origin, text, t->data);
    kept.country = xr_edgeauth_in_token(read.country, text, t->data);
    kept.quality = xr_edgeauth_in_token(read.quality, text, t->data);
    kept.rate = xr_edgeauth_in_token(read.rate, text, t->data);

    if (!xr_str_eq(kept.quality, read.quality)
        || !xr_str_eq(kept.rate, read.rate))
    {
        return XR_INVALID;
    }

    *out = read;
    *in_token = kept;

    return XR_OK;
}


static xr_deny_t
xr_edgeauth_narrow(const xr_edgeauth_t *t, const xr_auth_request_t *req,
    xr_constraints_t *in_token)
{
    uint8_t           memory[XR_EDGEAUTH_MAX_SIZE];
    xr_buf_t          b;
    xr_constraints_t  c;

    if (t->data.len == 0) {
        memset(in_token, 0, sizeof(xr_constraints_t));
        return XR_DENY_NONE;
    }

    b = xr_buf(memory, sizeof(memory));

    if (xr_edgeauth_constraints(t, &b, &c, in_token) != XR_OK) {
        return XR_DENY_TOKEN_CLAIM;
    }

    return xr_constraints_judge(&c, req);
}


xr_deny_t
xr_edgeauth_judge(const xr_edgeauth_t *t, const xr_auth_request_t *req,
    const xr_auth_policy_t *policy, xr_constraints_t *in_token)
{
    xr_deny_t  deny;

    deny = xr_auth_times(t->st, 0, t->exp, req, policy);

    if (deny != XR_DENY_NONE) {
        return deny;
    }

    if (t->ip.data != NULL && !xr_edgeauth_address_ok(t->ip, req->address)) {
        return XR_DENY_TOKEN_ADDRESS;
    }

    deny = xr_edgeauth_narrow(t, req, in_token);

    if (deny != XR_DENY_NONE) {
        return deny;
    }

    if (t->acl.data != NULL && !xr_edgeauth_acl_covers(t->acl, req)) {
        return XR_DENY_TOKEN_SCOPE;
    }

    return XR_DENY_NONE;
}


xr_deny_t
xr_edgeauth_verify(const xr_edgeauth_t *t, const xr_auth_request_t *req,
    const xr_auth_policy_t *policy, const xr_key_t *keys, size_t nkeys,
    xr_principal_t *who)
{
    xr_deny_t          deny;
    const xr_key_t    *key;
    xr_constraints_t   kept;

    if (t->acl.data != NULL) {
        key = xr_edgeauth_key(t, keys, nkeys, &t->message, 1);

    } else {
        key = xr_edgeauth_url_key(t, req, keys, nkeys);
    }

    if (key == NULL) {
        return XR_DENY_TOKEN_SIGNATURE;
    }

    deny = xr_edgeauth_judge(t, req, policy, &kept);

    if (deny == XR_DENY_NONE) {
        who->kind = XR_KIND_EDGEAUTH;
        who->subject = t->id;
        who->token_id = xr_str_of(NULL, 0);
        who->key_id = key->id;
        who->not_before = t->st;
        who->expires = t->exp;
        who->constraints = kept;
    }

    return deny;
}


xr_rc_t
xr_edgeauth_claim(const xr_edgeauth_t *t, xr_str_t name, xr_str_t *out)
{
    size_t    n;
    uint8_t   memory[XR_EDGEAUTH_MAX_SIZE];
    xr_buf_t  b;
    xr_str_t  text, rest, item;

    if (t->data.data != NULL && xr_str_eq(name, xr_str("data"))) {
        *out = t->data;
        return XR_OK;
    }

    b = xr_buf(memory, sizeof(memory));
    text = xr_edgeauth_unescape(t->data, &b);
    rest = text;

    while (rest.len > 0) {
        item = xr_str_cut(&rest, ',');
        n = xr_str_find(item, ':');

        if (n != item.len && xr_str_eq(xr_str_of(item.data, n), name)) {
            item = xr_str_of(item.data + n + 1, item.len - n - 1);
            *out = xr_edgeauth_in_token(item, text, t->data);
            return XR_OK;
        }
    }

    return XR_NOT_FOUND;
}
