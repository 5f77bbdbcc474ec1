/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_jwt.h"


#define XR_JWT_MAX_HEADER    1024       /* decoded */
#define XR_JWT_HEADER_DEPTH  4
#define XR_JWT_CLAIMS_DEPTH  8

/* No name of an algorithm is longer. */

#define XR_JWT_MAX_ALG       16

/* Decoded bytes "n" start at this offset of the text that they came from. */

#define XR_JWT_ENCODED_POS(n)  ((n) * 4 / 3)


typedef enum {
    XR_JWT_ALG = 0,
    XR_JWT_KID,
    XR_JWT_TYP,
    XR_JWT_CTY,
    XR_JWT_CRIT,
    XR_JWT_B64,
    XR_JWT_ZIP,
    XR_JWT_ENC,
    XR_JWT_MEMBERS
} xr_jwt_member_t;


static const xr_str_t  xr_jwt_members[XR_JWT_MEMBERS] = {
    XR_STR("alg"), XR_STR("kid"), XR_STR("typ"), XR_STR("cty"),
    XR_STR("crit"), XR_STR("b64"), XR_STR("zip"), XR_STR("enc")
};


/* Header, payload, signature; RFC 7515, section 3.1. */

typedef struct {
    xr_str_t  parts[3];
} xr_jwt_parts_t;


static xr_rc_t
xr_jwt_split(xr_str_t token, xr_jwt_parts_t *out, xr_err_t *err)
{
    size_t    i, n;
    xr_str_t  rest;

    rest = token;

    for (i = 0; i < XR_COUNT(out->parts) - 1; i++) {
        n = xr_str_find(rest, '.');

        if (n == rest.len) {
            return xr_fail(err, XR_INVALID, token.len,
                           "fewer than three parts");
        }

        out->parts[i] = xr_str_of(rest.data, n);
        rest = xr_str_of(rest.data + n + 1, rest.len - n - 1);
    }

    n = xr_str_find(rest, '.');

    if (n != rest.len) {
        return xr_fail(err, XR_INVALID, token.len - rest.len + n,
                       "more than three parts");
    }

    out->parts[i] = rest;

    return XR_OK;
}


static bool
xr_jwt_base64url(xr_str_t s)
{
    size_t   i;
    uint8_t  c;

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
            && !(c >= '0' && c <= '9') && c != '-' && c != '_')
        {
            return false;
        }
    }

    return true;
}


/* An empty signature is one of "none", which is a matter of xr_jwt_parse(). */

bool
xr_jwt_is(xr_str_t token)
{
    xr_jwt_parts_t  p;

    return xr_jwt_split(token, &p, NULL) == XR_OK
           && p.parts[0].len > 0 && p.parts[1].len > 0
           && xr_jwt_base64url(p.parts[0])
           && xr_jwt_base64url(p.parts[1])
           && xr_jwt_base64url(p.parts[2]);
}


/* Decodes to the end of "memory"; "pos" is where the part starts. */

static xr_rc_t
xr_jwt_decode(xr_str_t part, size_t pos, xr_buf_t *memory, xr_str_t *out,
    xr_err_t *err)
{
    size_t    len;
    uint8_t  *to;

    to = memory->data + memory->len;

    if (part.len == 0
        || xr_base64url_decode(part, to, memory->size - memory->len, &len)
           != XR_OK)
    {
        return xr_fail(err, XR_INVALID, pos, "a part is not base64url");
    }

    memory->len += len;
    *out = xr_str_of(to, len);

    return XR_OK;
}


static xr_rc_t
xr_jwt_object(xr_str_t text, size_t depth, size_t pos, xr_json_t *out,
    xr_err_t *err)
{
    xr_err_t          at;
    xr_json_limits_t  limits;

    limits.depth = depth;
    limits.members = XR_JWT_MAX_CLAIMS;

    if (xr_json_check(text, &limits, out, &at) != XR_OK) {
        return xr_fail(err, XR_INVALID, pos + XR_JWT_ENCODED_POS(at.pos),
                       at.what);
    }

    if (out->type != XR_JSON_OBJECT) {
        return xr_fail(err, XR_INVALID, pos, "not a JSON object");
    }

    return XR_OK;
}


static const char *
xr_jwt_set_alg(xr_jwt_t *t, const xr_json_t *value)
{
    uint8_t   memory[XR_JWT_MAX_ALG];
    xr_rc_t   rc;
    xr_buf_t  b;
    xr_str_t  name;

    b = xr_buf(memory, sizeof(memory));
    rc = xr_json_text(value, &b, &name);

    if (rc != XR_OK && rc != XR_NO_SPACE) {
        return "alg is not a string";
    }

    t->alg = (rc == XR_OK) ? xr_alg_of(name) : XR_ALG_NOT_SET;

    return NULL;
}


/* An opaque name and nothing more: no path, no URL, no query is made of it. */

static const char *
xr_jwt_set_kid(xr_jwt_t *t, const xr_json_t *value, xr_buf_t *b)
{
    if (xr_json_text(value, b, &t->kid) != XR_OK
        || t->kid.len > XR_KEY_ID_MAX_SIZE)
    {
        return "kid is not a string of at most 256 bytes";
    }

    if (xr_str_has_control(t->kid)) {
        return "a control character in kid";
    }

    t->has_kid = true;

    return NULL;
}


/* RFC 7519, section 5.2: "JWT" says that the payload is a token itself. */

static const char *
xr_jwt_check_cty(const xr_json_t *value)
{
    size_t    i;
    uint8_t   memory[XR_JWT_MAX_HEADER];
    xr_buf_t  b;
    xr_str_t  cty;

    static const xr_str_t  nested[] = {
        XR_STR("JWT"), XR_STR("application/jwt")
    };

    b = xr_buf(memory, sizeof(memory));

    if (xr_json_text(value, &b, &cty) != XR_OK) {
        return "cty is not a string";
    }

    for (i = 0; i < XR_COUNT(nested); i++) {

        if (xr_str_eq_nocase(cty, nested[i])) {
            return "a token in a token";
        }
    }

    return NULL;
}


/* Keys that a header brings or points to (jwk, jku, x5u) are nobody's. */

static const char *
xr_jwt_set(xr_jwt_t *t, const xr_json_t *name, const xr_json_t *value,
    xr_buf_t *kid)
{
    size_t  i;

    for (i = 0; i < XR_JWT_MEMBERS; i++) {

        if (xr_json_is(name, xr_jwt_members[i])) {
            break;
        }
    }

    switch (i) {

    case XR_JWT_ALG:
        return xr_jwt_set_alg(t, value);

    case XR_JWT_KID:
        return xr_jwt_set_kid(t, value, kid);

    case XR_JWT_TYP:
        return (value->type == XR_JSON_STRING) ? NULL : "typ is not a string";

    case XR_JWT_CTY:
        return xr_jwt_check_cty(value);

    case XR_JWT_CRIT:
    case XR_JWT_B64:
    case XR_JWT_ZIP:
    case XR_JWT_ENC:
        return "crit, b64, zip or enc in the header";

    default:
        return NULL;
    }
}


/* What is kept of the header in "memory" is its kid, at the front. */

static xr_rc_t
xr_jwt_header(xr_str_t text, xr_buf_t *memory, xr_jwt_t *t, xr_err_t *err)
{
    xr_rc_t          rc;
    uint8_t          unescaped[XR_KEY_ID_MAX_SIZE];
    xr_buf_t         kid;
    xr_json_t        root, name, value;
    const char      *what;
    xr_json_iter_t   it;

    if (text.len > XR_JWT_MAX_HEADER) {
        return xr_fail(err, XR_INVALID, XR_JWT_ENCODED_POS(XR_JWT_MAX_HEADER),
                       "a header of more than 1024 bytes");
    }

    rc = xr_jwt_object(text, XR_JWT_HEADER_DEPTH, 0, &root, err);

    if (rc != XR_OK) {
        return rc;
    }

    kid = xr_buf(unescaped, sizeof(unescaped));
    t->alg = XR_ALG_COUNT;

    it = xr_json_iter(&root);

    while (xr_json_next(&it, &name, &value)) {
        what = xr_jwt_set(t, &name, &value, &kid);

        if (what != NULL) {
            return xr_fail(err, XR_INVALID,
                           XR_JWT_ENCODED_POS((size_t) (value.raw.data
                                                        - text.data)), what);
        }
    }

    if (t->alg == XR_ALG_COUNT) {
        return xr_fail(err, XR_INVALID, 0, "no alg");
    }

    if (t->alg == XR_ALG_NOT_SET) {
        return xr_fail(err, XR_DENIED, 0, "an algorithm that is not known");
    }

    if (t->kid.len > 0) {
        memmove(memory->data, t->kid.data, t->kid.len);
    }

    t->kid.data = memory->data;
    memory->len = t->kid.len;

    return XR_OK;
}


xr_rc_t
xr_jwt_parse(xr_str_t token, void *memory, xr_jwt_t *t, xr_err_t *err)
{
    size_t          pos;
    xr_rc_t         rc;
    xr_buf_t        b;
    xr_str_t        text;
    xr_jwt_t        parsed;
    xr_jwt_parts_t  p;

    if (token.len > XR_JWT_MAX_SIZE) {
        return xr_fail(err, XR_INVALID, XR_JWT_MAX_SIZE,
                       "the token is longer than 8192 bytes");
    }

    memset(&parsed, 0, sizeof(parsed));
    b = xr_buf(memory, XR_JWT_MEMORY(token.len));
    text = xr_str_of(NULL, 0);

    rc = xr_jwt_split(token, &p, err);

    if (rc == XR_OK) {
        rc = xr_jwt_decode(p.parts[0], 0, &b, &text, err);
    }

    if (rc == XR_OK) {
        rc = xr_jwt_header(text, &b, &parsed, err);
    }

    if (rc != XR_OK) {
        return rc;
    }

    pos = p.parts[0].len + 1;
    rc = xr_jwt_decode(p.parts[1], pos, &b, &text, err);

    if (rc == XR_OK) {
        rc = xr_jwt_object(text, XR_JWT_CLAIMS_DEPTH, pos, &parsed.claims, err);
    }

    pos += p.parts[1].len;

    if (rc == XR_OK) {
        rc = xr_jwt_decode(p.parts[2], pos + 1, &b, &parsed.signature, err);
    }

    if (rc == XR_OK) {
        parsed.input = xr_str_of(token.data, pos);
        *t = parsed;
    }

    return rc;
}


xr_rc_t
xr_jwt_claim(const xr_jwt_t *t, xr_str_t name, xr_buf_t *memory,
    xr_str_t *out)
{
    xr_rc_t    rc;
    xr_str_t   text;
    xr_json_t  v;

    rc = xr_json_get(&t->claims, name, &v);

    if (rc != XR_OK) {
        return rc;
    }

    switch (v.type) {

    case XR_JSON_STRING:
        rc = xr_json_text(&v, memory, &text);

        if (rc != XR_OK) {
            return rc;
        }

        break;

    case XR_JSON_NUMBER:
    case XR_JSON_TRUE:
    case XR_JSON_FALSE:
        text = v.raw;
        break;

    default: /* null, arrays, objects */
        return XR_INVALID;
    }

    if (text.len > XR_JWT_CLAIM_MAX || xr_str_has_control(text)) {
        return XR_INVALID;
    }

    *out = text;

    return XR_OK;
}
