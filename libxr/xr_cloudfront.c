/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_cloudfront.h"


/* What every number of a JavaScript signer is exact up to. */

#define XR_CLOUDFRONT_MAX_NUMBER     ((uint64_t) 1 << 53)

/* A signature of that length in base64. */

#define XR_CLOUDFRONT_MAX_ENCODED                                             \
    ((XR_CLOUDFRONT_MAX_SIGNATURE + 2) / 3 * 4)

#define XR_CLOUDFRONT_MAX_ID         64


static const xr_str_t  xr_cloudfront_names[XR_CLOUDFRONT_PARAMS] = {
    [XR_CLOUDFRONT_EXPIRES] = XR_STR("Expires"),
    [XR_CLOUDFRONT_POLICY] = XR_STR("Policy"),
    [XR_CLOUDFRONT_SIGNATURE] = XR_STR("Signature"),
    [XR_CLOUDFRONT_KEY_PAIR_ID] = XR_STR("Key-Pair-Id"),
    [XR_CLOUDFRONT_HASH_ALGORITHM] = XR_STR("Hash-Algorithm")
};


xr_str_t
xr_cloudfront_name(xr_cloudfront_param_t p)
{
    return xr_cloudfront_names[p];
}


xr_cloudfront_param_t
xr_cloudfront_param(xr_str_t name, bool *exact)
{
    size_t  i;

    *exact = false;

    for (i = 0; i < XR_CLOUDFRONT_PARAMS; i++) {

        if (name.len == xr_cloudfront_names[i].len
            && xr_str_eq_nocase(name, xr_cloudfront_names[i]))
        {
            *exact = xr_str_eq(name, xr_cloudfront_names[i]);
            break;
        }
    }

    return (xr_cloudfront_param_t) i;
}


/*
 * Strict: whole groups of four, at most two "_" and only at the end.  "work"
 * has s.len bytes; it becomes the same in the alphabet of RFC 4648, section 5.
 */

static xr_rc_t
xr_cloudfront_decode(xr_str_t s, uint8_t *work, uint8_t *out, size_t size,
    size_t *len, xr_err_t *err)
{
    size_t  i, n;

    if (s.len == 0 || s.len % 4 != 0) {
        return xr_fail(err, XR_INVALID, s.len, "base64 that is cut short");
    }

    n = s.len;

    while (n > s.len - 2 && s.data[n - 1] == '_') {
        n--;
    }

    for (i = 0; i < n; i++) {

        if (s.data[i] == '_') {
            return xr_fail(err, XR_INVALID, i, "padding inside of base64");
        }

        work[i] = (s.data[i] == '~') ? '_' : s.data[i];
    }

    if (xr_base64url_decode(xr_str_of(work, n), out, size, len) != XR_OK) {
        return xr_fail(err, XR_INVALID, 0, "not CloudFront's base64");
    }

    return XR_OK;
}


static bool
xr_cloudfront_time(xr_str_t digits, int64_t *out)
{
    uint64_t  n;

    if (digits.len == 0 || digits.data[0] == '0'
        || xr_str_uint(&digits, &n) != XR_OK || digits.len != 0
        || n > XR_CLOUDFRONT_MAX_NUMBER)
    {
        return false;
    }

    *out = (int64_t) n;

    return true;
}


/*
 * An address or a network.  CloudFront allows bits behind the prefix, and
 * signers write 0.0.0.0/0 when they mean any address, IPv6 ones too.
 */

static bool
xr_cloudfront_network(xr_str_t s, xr_addr_net_t *net)
{
    bool      v4;
    size_t    i, n;
    uint64_t  bits, prefix;
    xr_str_t  addr;

    n = xr_str_find(s, '/');
    addr = xr_str_of(s.data, n);

    if (xr_addr_parse(addr, &net->addr) != XR_OK) {
        return false;
    }

    v4 = xr_str_find(addr, ':') == n;
    bits = v4 ? 32 : 128;

    if (n != s.len) {
        s = xr_str_of(s.data + n + 1, s.len - n - 1);

        if (s.len > 3 || xr_str_uint(&s, &prefix) != XR_OK || s.len != 0
            || prefix > bits)
        {
            return false;
        }

        bits = prefix;
    }

    net->bits = (uint8_t) (v4 && bits != 0 ? bits + 96 : bits);

    for (i = net->bits; i < 8 * sizeof(net->addr.bytes); i++) {
        net->addr.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
    }

    return true;
}


/* "v" is a value of the policy; its place is told as one in the base64. */

static xr_rc_t
xr_cloudfront_refuse(const xr_cloudfront_t *c, const xr_json_t *v,
    const char *what, xr_err_t *err)
{
    size_t  pos;

    pos = (size_t) (v->raw.data - c->policy.data);

    return xr_fail(err, XR_INVALID, pos / 3 * 4 + pos % 3, what);
}


/* The value of the only member that an object may have. */

static bool
xr_cloudfront_only(const xr_json_t *object, const char *name, xr_json_t *out)
{
    xr_json_t       member, value;
    xr_json_iter_t  it;

    if (object->type != XR_JSON_OBJECT) {
        return false;
    }

    it = xr_json_iter(object);

    return xr_json_next(&it, &member, out) && xr_json_is(&member, xr_str(name))
           && !xr_json_next(&it, &member, &value);
}


static const char *
xr_cloudfront_date(const xr_json_t *v, int64_t *out)
{
    xr_json_t  number;

    if (!xr_cloudfront_only(v, "AWS:EpochTime", &number)
        || number.type != XR_JSON_NUMBER
        || !xr_cloudfront_time(number.raw, out))
    {
        return "not {\"AWS:EpochTime\": number of seconds}";
    }

    return NULL;
}


static const char *
xr_cloudfront_address(const xr_json_t *v, xr_buf_t *text, xr_cloudfront_t *c)
{
    xr_json_t  address;

    if (!xr_cloudfront_only(v, "AWS:SourceIp", &address)
        || xr_json_text(&address, text, &c->network) != XR_OK
        || !xr_cloudfront_network(c->network, &c->net))
    {
        return "not {\"AWS:SourceIp\": \"address or network\"}";
    }

    return NULL;
}


static xr_rc_t
xr_cloudfront_conditions(xr_cloudfront_t *c, const xr_json_t *v,
    xr_buf_t *text, xr_err_t *err)
{
    xr_json_t        name, value;
    const char      *what;
    xr_json_iter_t   it;

    if (v->type != XR_JSON_OBJECT) {
        return xr_cloudfront_refuse(c, v, "Condition is not an object", err);
    }

    it = xr_json_iter(v);

    while (xr_json_next(&it, &name, &value)) {

        if (xr_json_is(&name, xr_str("DateLessThan"))) {
            what = xr_cloudfront_date(&value, &c->expires);

        } else if (xr_json_is(&name, xr_str("DateGreaterThan"))) {
            what = xr_cloudfront_date(&value, &c->not_before);

        } else if (xr_json_is(&name, xr_str("IpAddress"))) {
            what = xr_cloudfront_address(&value, text, c);

        } else {
            what = "an unknown condition";
        }

        if (what != NULL) {
            return xr_cloudfront_refuse(c, &value, what, err);
        }
    }

    if (c->expires == 0) {
        return xr_cloudfront_refuse(c, v, "no DateLessThan", err);
    }

    return XR_OK;
}


static xr_rc_t
xr_cloudfront_statement(xr_cloudfront_t *c, const xr_json_t *v,
    xr_buf_t *text, xr_err_t *err)
{
    xr_json_t        name, value, condition;
    const char      *what;
    xr_json_iter_t   it;

    if (v->type != XR_JSON_OBJECT) {
        return xr_cloudfront_refuse(c, v, "a statement is not an object", err);
    }

    condition = (xr_json_t) { .type = XR_JSON_NULL, .raw = v->raw };
    c->any_resource = true;
    it = xr_json_iter(v);

    while (xr_json_next(&it, &name, &value)) {
        what = NULL;

        if (xr_json_is(&name, xr_str("Resource"))) {
            c->any_resource = false;

            if (xr_json_text(&value, text, &c->resource) != XR_OK
                || c->resource.len == 0)
            {
                what = "Resource is not a URL";
            }

        } else if (xr_json_is(&name, xr_str("Condition"))) {
            condition = value;

        } else {
            what = "an unknown member of the statement";
        }

        if (what != NULL) {
            return xr_cloudfront_refuse(c, &value, what, err);
        }
    }

    return xr_cloudfront_conditions(c, &condition, text, err);
}


/* The first half of "memory" takes the policy, the second what it says. */

static xr_rc_t
xr_cloudfront_policy(xr_str_t encoded, uint8_t *memory, xr_cloudfront_t *c,
    xr_err_t *err)
{
    size_t          len;
    xr_rc_t         rc;
    xr_err_t        e;
    xr_buf_t        text;
    xr_json_t       root, list, statement, more;
    xr_json_iter_t  it;

    /* four objects and an array; six names if all of them are there */

    static const xr_json_limits_t  limits = { 5, 16 };

    if (encoded.len > XR_CLOUDFRONT_MAX_POLICY) {
        return xr_fail(err, XR_INVALID, XR_CLOUDFRONT_MAX_POLICY,
                       "the policy is longer than 4096 bytes");
    }

    rc = xr_cloudfront_decode(encoded, memory + encoded.len, memory,
                              encoded.len, &len, err);

    if (rc != XR_OK) {
        return rc;
    }

    c->policy = xr_str_of(memory, len);

    if (xr_json_check(c->policy, &limits, &root, &e) != XR_OK) {
        return xr_fail(err, XR_INVALID, e.pos / 3 * 4 + e.pos % 3, e.what);
    }

    if (!xr_cloudfront_only(&root, "Statement", &list)
        || list.type != XR_JSON_ARRAY)
    {
        return xr_cloudfront_refuse(c, &root, "not {\"Statement\": []}", err);
    }

    it = xr_json_iter(&list);

    if (!xr_json_next(&it, NULL, &statement)
        || xr_json_next(&it, NULL, &more))
    {
        return xr_cloudfront_refuse(c, &list, "not exactly one statement",
                                    err);
    }

    text = xr_buf(memory + encoded.len, encoded.len);

    return xr_cloudfront_statement(c, &statement, &text, err);
}


static xr_rc_t
xr_cloudfront_signed(xr_str_t encoded, xr_cloudfront_t *c, xr_err_t *err)
{
    uint8_t  work[XR_CLOUDFRONT_MAX_ENCODED];

    if (encoded.len > sizeof(work)) {
        return xr_fail(err, XR_INVALID, sizeof(work),
                       "the signature is longer than 512 bytes");
    }

    return xr_cloudfront_decode(encoded, work, c->signature,
                                sizeof(c->signature), &c->signature_len, err);
}


static xr_rc_t
xr_cloudfront_id(xr_str_t id, xr_cloudfront_t *c, xr_err_t *err)
{
    size_t   i;
    uint8_t  letter;

    if (id.len == 0 || id.len > XR_CLOUDFRONT_MAX_ID) {
        return xr_fail(err, XR_INVALID, 0, "no Key-Pair-Id");
    }

    for (i = 0; i < id.len; i++) {
        letter = id.data[i] | 0x20;

        if ((id.data[i] < '0' || id.data[i] > '9')
            && (letter < 'a' || letter > 'z'))
        {
            return xr_fail(err, XR_INVALID, i,
                           "a foreign character in Key-Pair-Id");
        }
    }

    c->key_pair_id = id;

    return XR_OK;
}


static xr_rc_t
xr_cloudfront_hash(xr_str_t name, xr_cloudfront_t *c, xr_err_t *err)
{
    if (name.data == NULL || xr_str_eq(name, xr_str("SHA1"))) {
        c->hash = XR_SHA1;

    } else if (xr_str_eq(name, xr_str("SHA256"))) {
        c->hash = XR_SHA256;

    } else {
        return xr_fail(err, XR_INVALID, 0, "an unknown Hash-Algorithm");
    }

    return XR_OK;
}


static xr_rc_t
xr_cloudfront_what(const xr_cloudfront_params_t *params, uint8_t *memory,
    xr_cloudfront_t *c, xr_err_t *err)
{
    xr_str_t  expires, policy;

    expires = params->values[XR_CLOUDFRONT_EXPIRES];
    policy = params->values[XR_CLOUDFRONT_POLICY];

    if ((expires.data == NULL) == (policy.data == NULL)) {
        return xr_fail(err, XR_INVALID, 0,
                       "not exactly one of Expires and Policy");
    }

    c->custom = (policy.data != NULL);

    if (c->custom) {
        return xr_cloudfront_policy(policy, memory, c, err);
    }

    if (!xr_cloudfront_time(expires, &c->expires)) {
        return xr_fail(err, XR_INVALID, 0,
                       "Expires is not a number of seconds");
    }

    return XR_OK;
}


xr_rc_t
xr_cloudfront_parse(const xr_cloudfront_params_t *params, void *memory,
    xr_cloudfront_t *c, xr_err_t *err)
{
    xr_rc_t          rc;
    const xr_str_t  *values;
    xr_cloudfront_t  parsed;

    memset(&parsed, 0, sizeof(parsed));

    values = params->values;

    rc = xr_cloudfront_id(values[XR_CLOUDFRONT_KEY_PAIR_ID], &parsed, err);

    if (rc == XR_OK) {
        rc = xr_cloudfront_hash(values[XR_CLOUDFRONT_HASH_ALGORITHM], &parsed,
                                err);
    }

    if (rc == XR_OK) {
        rc = xr_cloudfront_signed(values[XR_CLOUDFRONT_SIGNATURE], &parsed,
                                  err);
    }

    if (rc == XR_OK) {
        rc = xr_cloudfront_what(params, memory, &parsed, err);
    }

    if (rc == XR_OK) {
        *c = parsed;
    }

    return rc;
}


/* A string of JSON, as every writer of it writes these characters. */

static void
xr_cloudfront_string(xr_str_t s, xr_buf_t *out)
{
    size_t   i;
    uint8_t  c;

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (c < 0x20) {
            xr_buf_puts(out, "\\u00");
            xr_buf_hex(out, xr_str_of(&c, 1));
            continue;
        }

        if (c == '"' || c == '\\') {
            xr_buf_putc(out, '\\');
        }

        xr_buf_putc(out, c);
    }
}


void
xr_cloudfront_canned(xr_str_t resource, int64_t expires, xr_buf_t *out)
{
    xr_cloudfront_custom(resource, expires, 0, xr_str_of(NULL, 0), out);
}


void
xr_cloudfront_custom(xr_str_t resource, int64_t expires, int64_t not_before,
    xr_str_t network, xr_buf_t *out)
{
    xr_buf_puts(out, "{\"Statement\":[{\"Resource\":\"");
    xr_cloudfront_string(resource, out);
    xr_buf_puts(out, "\",\"Condition\":{"
                     "\"DateLessThan\":{\"AWS:EpochTime\":");
    xr_buf_uint(out, (uint64_t) expires);

    if (not_before != 0) {
        xr_buf_puts(out, "},\"DateGreaterThan\":{\"AWS:EpochTime\":");
        xr_buf_uint(out, (uint64_t) not_before);
    }

    if (network.len > 0) {
        xr_buf_puts(out, "},\"IpAddress\":{\"AWS:SourceIp\":\"");
        xr_cloudfront_string(network, out);
        xr_buf_putc(out, '"');
    }

    xr_buf_puts(out, "}}}]}");
}


void
xr_cloudfront_encode(xr_str_t in, xr_buf_t *out)
{
    size_t  i, pad;

    i = out->len;

    xr_buf_base64url(out, in);

    for ( /* void */ ; i < out->len; i++) {

        if (out->data[i] == '_') {
            out->data[i] = '~';
        }
    }

    for (pad = (3 - in.len % 3) % 3; pad > 0; pad--) {
        xr_buf_putc(out, '_');
    }
}
