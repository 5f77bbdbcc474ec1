/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_origin.h"
#include "xr_addr.h"
#include "xr_path.h"

#include <string.h>


#define XR_ORIGIN_HOST_MAX      253     /* RFC 1035, in text */
#define XR_ORIGIN_LABEL_MAX     63
#define XR_ORIGIN_PREFIX_MAX    1024    /* S3's bound on a key */
#define XR_ORIGIN_BASE_MAX      (1 + 63 + 3 * XR_ORIGIN_PREFIX_MAX)


/* "[user@]host[:port]", taken apart */

typedef struct {
    uint8_t   memory[XR_ORIGIN_HOST_MAX];
    xr_str_t  host;                     /* in lower case */
    uint16_t  port;                     /* 0: not given */
    bool      literal;                  /* an address, not a name */
} xr_origin_authority_t;


typedef struct {
    xr_str_t               url;
    xr_str_t               region;
    xr_str_t               endpoint;
    xr_str_t               style;
    xr_str_t               prefix;      /* raw; empty or starting with "/" */
    xr_origin_authority_t  authority;   /* to connect to */
    xr_origin_t            out;
    const xr_mem_t        *mem;
    xr_err_t              *err;
} xr_origin_state_t;


static const xr_str_t  xr_origin_scheme_s3 = XR_STR("s3://");
static const xr_str_t  xr_origin_scheme_http = XR_STR("http://");
static const xr_str_t  xr_origin_scheme_https = XR_STR("https://");


static xr_str_t
xr_origin_skip(xr_str_t s, size_t n)
{
    return xr_str_of(s.data + n, s.len - n);
}


static bool
xr_origin_alnum(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9');
}


static bool
xr_origin_label_ok(xr_str_t label)
{
    size_t   i;
    uint8_t  c;

    if (label.len == 0 || label.len > XR_ORIGIN_LABEL_MAX
        || label.data[0] == '-' || label.data[label.len - 1] == '-')
    {
        return false;
    }

    for (i = 0; i < label.len; i++) {
        c = label.data[i];

        if (!xr_origin_alnum(c) && c != '-' && c != '_') {
            return false;
        }
    }

    return true;
}


/* Whether a resolver could read "label" as a number, "127" or "0x7f". */

static bool
xr_origin_number(xr_str_t label)
{
    size_t  i;

    if (label.len > 1 && label.data[0] == '0'
        && (label.data[1] == 'x' || label.data[1] == 'X'))
    {
        return true;
    }

    for (i = 0; i < label.len; i++) {

        if (label.data[i] < '0' || label.data[i] > '9') {
            return false;
        }
    }

    return true;
}


/*
 * A host name, or an address in its usual form.  What ends in a number is an
 * address to resolvers, which read "127.1" or "0x7f.1" in ways of their own:
 * such a name has to be a dotted quad.
 */

static bool
xr_origin_host_ok(xr_str_t host, bool *literal)
{
    xr_str_t   rest, label;
    xr_addr_t  addr;

    *literal = false;

    if (host.len == 0 || host.len > XR_ORIGIN_HOST_MAX) {
        return false;
    }

    if (host.data[0] == '[') {
        *literal = true;

        return host.data[host.len - 1] == ']'
               && xr_str_find(host, ':') < host.len
               && xr_addr_parse(xr_str_of(host.data + 1, host.len - 2), &addr)
                  == XR_OK;
    }

    if (host.data[host.len - 1] == '.') {
        return false;
    }

    label = host;

    for (rest = host; rest.len > 0; /* void */) {
        label = xr_str_cut(&rest, '.');

        if (!xr_origin_label_ok(label)) {
            return false;
        }
    }

    if (xr_origin_number(label)) {
        *literal = true;

        return xr_addr_parse(host, &addr) == XR_OK;
    }

    return true;
}


/* The offset of the ":" in front of the port, or s.len. */

static size_t
xr_origin_port_at(xr_str_t s)
{
    size_t  end;

    end = 0;

    if (s.len > 0 && s.data[0] == '[') {
        end = xr_str_find(s, ']');
    }

    return end + xr_str_find(xr_origin_skip(s, end), ':');
}


static xr_rc_t
xr_origin_authority(xr_str_t s, size_t pos, xr_origin_authority_t *a,
    xr_err_t *err)
{
    size_t    i, n;
    uint8_t   c;
    uint64_t  port;
    xr_str_t  rest;

    if (xr_str_find(s, '@') < s.len) {
        return xr_fail(err, XR_INVALID, pos, "user information is not taken");
    }

    n = xr_origin_port_at(s);
    a->port = 0;

    if (!xr_origin_host_ok(xr_str_of(s.data, n), &a->literal)) {
        return xr_fail(err, XR_INVALID, pos, "the host is neither a host name "
                       "nor an address");
    }

    if (n < s.len) {
        rest = xr_origin_skip(s, n + 1);

        if (xr_str_uint(&rest, &port) != XR_OK || rest.len > 0 || port == 0
            || port > UINT16_MAX)
        {
            return xr_fail(err, XR_INVALID, pos + n + 1, "the port is not a "
                           "number from 1 to 65535");
        }

        a->port = (uint16_t) port;
    }

    for (i = 0; i < n; i++) {
        c = s.data[i];
        a->memory[i] = (c >= 'A' && c <= 'Z') ? (uint8_t) (c | 0x20) : c;
    }

    a->host = xr_str_of(a->memory, n);

    return XR_OK;
}


static xr_rc_t
xr_origin_bucket(xr_origin_state_t *st, xr_str_t bucket, size_t pos)
{
    size_t     i;
    uint8_t    c;
    xr_addr_t  addr;

    if (bucket.len < 3 || bucket.len > 63) {
        return xr_fail(st->err, XR_INVALID, pos, "a bucket's name is 3 to 63 "
                       "characters long");
    }

    for (i = 0; i < bucket.len; i++) {
        c = bucket.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.'
              || c == '-'))
        {
            return xr_fail(st->err, XR_INVALID, pos + i, "a bucket's name "
                           "consists of a-z, 0-9, \".\" and \"-\"");
        }

        if (c == '.' && i > 0 && bucket.data[i - 1] == '.') {
            return xr_fail(st->err, XR_INVALID, pos + i, "a bucket's name has "
                           "no two dots in a row");
        }
    }

    if (!xr_origin_alnum(bucket.data[0])
        || !xr_origin_alnum(bucket.data[bucket.len - 1]))
    {
        return xr_fail(st->err, XR_INVALID, pos, "a bucket's name starts and "
                       "ends with a letter or a digit");
    }

    if (xr_addr_parse(bucket, &addr) == XR_OK) {
        return xr_fail(st->err, XR_INVALID, pos, "a bucket's name is not an "
                       "address");
    }

    st->out.bucket = bucket;

    return XR_OK;
}


/* Splits what follows the scheme into authority and prefix. */

static xr_rc_t
xr_origin_split(xr_origin_state_t *st, size_t pos, xr_str_t *authority)
{
    size_t    i, n;
    uint8_t   c;
    xr_str_t  rest;

    for (i = pos; i < st->url.len; i++) {
        c = st->url.data[i];

        if (c == '?' || c == '#') {
            return xr_fail(st->err, XR_INVALID, i, "a query or a fragment is "
                           "not taken");
        }
    }

    rest = xr_origin_skip(st->url, pos);
    n = xr_str_find(rest, '/');

    *authority = xr_str_of(rest.data, n);
    st->prefix = xr_origin_skip(rest, n);

    if (st->prefix.len > XR_ORIGIN_PREFIX_MAX) {
        return xr_fail(st->err, XR_INVALID, pos + n, "the prefix is longer "
                       "than 1024 bytes");
    }

    return XR_OK;
}


static xr_rc_t
xr_origin_region(xr_origin_state_t *st)
{
    if (st->region.len == 0) {
        st->region = xr_str("us-east-1");
    }

    if (!xr_origin_label_ok(st->region)) {
        return xr_fail(st->err, XR_INVALID, 0, "region= is not 1 to 63 of "
                       "letters, digits, \"-\" and \"_\"");
    }

    st->out.region = st->region;

    return XR_OK;
}


static xr_rc_t
xr_origin_endpoint(xr_origin_state_t *st)
{
    xr_rc_t   rc;
    uint8_t   memory[XR_ORIGIN_HOST_MAX];
    xr_buf_t  b;
    xr_str_t  rest;

    st->out.tls = true;

    if (st->endpoint.len == 0) {
        b = xr_buf(memory, sizeof(memory));
        xr_buf_puts(&b, "s3.");
        xr_buf_put(&b, st->region);
        xr_buf_puts(&b, ".amazonaws.com");

        return xr_origin_authority(xr_buf_str(&b), 0, &st->authority,
                                   st->err);
    }

    if (xr_str_starts(st->endpoint, xr_origin_scheme_https)) {
        rest = xr_origin_skip(st->endpoint, xr_origin_scheme_https.len);

    } else if (xr_str_starts(st->endpoint, xr_origin_scheme_http)) {
        rest = xr_origin_skip(st->endpoint, xr_origin_scheme_http.len);
        st->out.tls = false;

    } else {
        return xr_fail(st->err, XR_INVALID, 0, "endpoint= does not start with "
                       "http:// or https://");
    }

    rc = xr_origin_authority(rest, 0, &st->authority, NULL);

    if (rc != XR_OK) {
        return xr_fail(st->err, rc, 0, "endpoint= is not a URL of a scheme, a "
                       "host and perhaps a port, and nothing else");
    }

    return XR_OK;
}


static xr_rc_t
xr_origin_style(xr_origin_state_t *st)
{
    if (xr_str_eq(st->style, xr_str("virtual"))
        || (st->style.len == 0 && st->endpoint.len == 0))
    {
        st->out.style = XR_ORIGIN_VIRTUAL_STYLE;

    } else if (xr_str_eq(st->style, xr_str("path")) || st->style.len == 0) {
        st->out.style = XR_ORIGIN_PATH_STYLE;

    } else {
        return xr_fail(st->err, XR_INVALID, 0, "style= is neither \"path\" "
                       "nor \"virtual\"");
    }

    if (st->out.style == XR_ORIGIN_PATH_STYLE) {
        return XR_OK;
    }

    if (st->authority.literal) {
        return xr_fail(st->err, XR_INVALID, 0, "style=virtual needs an "
                       "endpoint with a host name");
    }

    if (st->out.tls && xr_str_find(st->out.bucket, '.') < st->out.bucket.len) {
        return xr_fail(st->err, XR_INVALID, 0, "style=path is needed for a "
                       "bucket with a dot under TLS: no certificate covers "
                       "its host name");
    }

    return XR_OK;
}


static xr_rc_t
xr_origin_s3(xr_origin_state_t *st)
{
    xr_rc_t   rc;
    xr_str_t  bucket;

    st->out.kind = XR_ORIGIN_S3;

    rc = xr_origin_split(st, xr_origin_scheme_s3.len, &bucket);

    if (rc == XR_OK) {
        rc = xr_origin_bucket(st, bucket, xr_origin_scheme_s3.len);
    }

    if (rc == XR_OK) {
        rc = xr_origin_region(st);
    }

    if (rc == XR_OK) {
        rc = xr_origin_endpoint(st);
    }

    if (rc == XR_OK) {
        rc = xr_origin_style(st);
    }

    return rc;
}


static xr_rc_t
xr_origin_http(xr_origin_state_t *st, size_t pos)
{
    xr_rc_t   rc;
    xr_str_t  authority;

    st->out.kind = XR_ORIGIN_HTTP;

    if (st->region.len != 0) {
        return xr_fail(st->err, XR_INVALID, 0, "region= is for s3 origins "
                       "only");
    }

    if (st->endpoint.len != 0) {
        return xr_fail(st->err, XR_INVALID, 0, "endpoint= is for s3 origins "
                       "only");
    }

    if (st->style.len != 0) {
        return xr_fail(st->err, XR_INVALID, 0, "style= is for s3 origins "
                       "only");
    }

    rc = xr_origin_split(st, pos, &authority);

    if (rc != XR_OK) {
        return rc;
    }

    return xr_origin_authority(authority, pos, &st->authority, st->err);
}


/*
 * The prefix is held to the rules of request paths and then encoded as they
 * are, so that an object has one name however its origin was written.
 */

static xr_rc_t
xr_origin_base(xr_origin_state_t *st)
{
    size_t    pos;
    xr_rc_t   rc;
    uint8_t   memory[XR_ORIGIN_BASE_MAX], decoded[XR_ORIGIN_PREFIX_MAX];
    xr_buf_t  b, d;
    xr_err_t  err;

    b = xr_buf(memory, sizeof(memory));
    d = xr_buf(decoded, sizeof(decoded));

    if (st->out.kind == XR_ORIGIN_S3 && st->out.style == XR_ORIGIN_PATH_STYLE)
    {
        xr_buf_putc(&b, '/');
        xr_buf_put(&b, st->out.bucket);
    }

    if (st->prefix.len > 1) {
        pos = (size_t) (st->prefix.data - st->url.data);

        rc = xr_path_check(st->prefix, &err);

        if (rc == XR_OK) {
            rc = xr_path_decode(st->prefix, &d, &err);
        }

        if (rc != XR_OK) {
            return xr_fail(st->err, rc, pos + err.pos, err.what);
        }

        if (d.len > 0 && d.data[d.len - 1] == '/') {
            d.len--;
        }

        xr_path_encode(xr_buf_str(&d), &b);
    }

    if (!xr_buf_ok(&b) || !xr_buf_ok(&d)) {
        return xr_fail(st->err, XR_NO_SPACE, 0, "the prefix is too long");
    }

    if (xr_str_dup(st->mem, xr_buf_str(&b), &st->out.base) != XR_OK) {
        return xr_fail(st->err, XR_NO_SPACE, 0, "out of memory");
    }

    return XR_OK;
}


/* The Host header: the bucket in front where the style wants it. */

static xr_rc_t
xr_origin_host(xr_origin_state_t *st)
{
    uint8_t   memory[64 + XR_ORIGIN_HOST_MAX + 6];
    uint16_t  standard;
    xr_buf_t  b;

    b = xr_buf(memory, sizeof(memory));

    if (st->out.kind == XR_ORIGIN_S3
        && st->out.style == XR_ORIGIN_VIRTUAL_STYLE)
    {
        xr_buf_put(&b, st->out.bucket);
        xr_buf_putc(&b, '.');
    }

    xr_buf_put(&b, st->authority.host);

    if (b.len > XR_ORIGIN_HOST_MAX) {
        return xr_fail(st->err, XR_INVALID, 0, "style=virtual makes a host "
                       "name of more than 253 characters");
    }

    standard = st->out.tls ? 443 : 80;
    st->out.port = (st->authority.port != 0) ? st->authority.port : standard;

    if (st->out.port != standard) {
        xr_buf_putc(&b, ':');
        xr_buf_uint(&b, st->out.port);
    }

    if (xr_str_dup(st->mem, xr_buf_str(&b), &st->out.host) != XR_OK
        || xr_str_dup(st->mem, st->authority.host, &st->out.endpoint)
           != XR_OK
        || xr_str_dup(st->mem, st->out.bucket, &st->out.bucket) != XR_OK
        || xr_str_dup(st->mem, st->out.region, &st->out.region) != XR_OK)
    {
        return xr_fail(st->err, XR_NO_SPACE, 0, "out of memory");
    }

    return XR_OK;
}


xr_rc_t
xr_origin_parse(xr_str_t url, xr_str_t region, xr_str_t endpoint,
    xr_str_t style, const xr_mem_t *mem, xr_origin_t *out, xr_err_t *err)
{
    xr_rc_t            rc;
    xr_origin_state_t  st;

    memset(&st, 0, sizeof(st));

    st.url = url;
    st.region = region;
    st.endpoint = endpoint;
    st.style = style;
    st.mem = mem;
    st.err = err;

    if (xr_str_starts(url, xr_origin_scheme_s3)) {
        rc = xr_origin_s3(&st);

    } else if (xr_str_starts(url, xr_origin_scheme_http)) {
        rc = xr_origin_http(&st, xr_origin_scheme_http.len);

    } else if (xr_str_starts(url, xr_origin_scheme_https)) {
        st.out.tls = true;
        rc = xr_origin_http(&st, xr_origin_scheme_https.len);

    } else {
        rc = xr_fail(err, XR_INVALID, 0, "the URL does not start with s3://, "
                     "http:// or https://");
    }

    if (rc == XR_OK) {
        rc = xr_origin_base(&st);
    }

    if (rc == XR_OK) {
        rc = xr_origin_host(&st);
    }

    if (rc == XR_OK) {
        *out = st.out;
    }

    return rc;
}


void
xr_origin_path(const xr_origin_t *origin, xr_str_t key, xr_buf_t *out)
{
    xr_buf_put(out, origin->base);
    xr_buf_putc(out, '/');
    xr_path_encode(key, out);
}


size_t
xr_origin_path_size(const xr_origin_t *origin, xr_str_t key)
{
    return origin->base.len + 1 + 3 * key.len;
}
