/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_sigv4.h"

#include <string.h>


#define XR_SIGV4_ALGORITHM       "AWS4-HMAC-SHA256"
#define XR_SIGV4_TERMINATOR      "aws4_request"

#define XR_SIGV4_TIME_MAX        253402300799   /* 9999-12-31T23:59:59Z */
#define XR_SIGV4_DAY             86400
#define XR_SIGV4_DATE_SIZE       8              /* "20260102" */

#define XR_SIGV4_OWN_HEADERS     4
#define XR_SIGV4_CANONICAL_SIZE  16384
#define XR_SIGV4_SCOPE_SIZE      256
#define XR_SIGV4_SECRET_SIZE     256
#define XR_SIGV4_STRING_SIZE     512


typedef struct {
    xr_sigv4_header_t  elts[XR_SIGV4_MAX_HEADERS + XR_SIGV4_OWN_HEADERS];
    size_t             n;
} xr_sigv4_headers_t;


const xr_str_t  xr_sigv4_empty_payload = XR_STR(
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");


static void
xr_sigv4_digits(char *p, int64_t n, size_t width)
{
    while (width > 0) {
        p[--width] = (char) ('0' + n % 10);
        n /= 10;
    }
}


/*
 * Proleptic Gregorian calendar in years that begin in March, so that a leap
 * day is the last one of its year: era of 400 years, year of the era, day of
 * the year, month by the 153 days that each five months have.
 */

static void
xr_sigv4_date(int64_t now, char date[17])
{
    int64_t  days, era, doe, yoe, doy, m, month, year, seconds;

    days = now / XR_SIGV4_DAY + 719468;         /* since 0000-03-01 */
    seconds = now % XR_SIGV4_DAY;

    era = days / 146097;
    doe = days % 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    m = (5 * doy + 2) / 153;

    month = (m < 10) ? m + 3 : m - 9;
    year = era * 400 + yoe + (month <= 2 ? 1 : 0);

    xr_sigv4_digits(date, year, 4);
    xr_sigv4_digits(date + 4, month, 2);
    xr_sigv4_digits(date + 6, doy - (153 * m + 2) / 5 + 1, 2);
    date[8] = 'T';
    xr_sigv4_digits(date + 9, seconds / 3600, 2);
    xr_sigv4_digits(date + 11, seconds / 60 % 60, 2);
    xr_sigv4_digits(date + 13, seconds % 60, 2);
    date[15] = 'Z';
    date[16] = '\0';
}


/* Neither a line break nor a space can move what follows it. */

static bool
xr_sigv4_visible(xr_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {

        if (s.data[i] <= 0x20 || s.data[i] == 0x7f) {
            return false;
        }
    }

    return true;
}


/* An empty credential would sign too: for nobody. */

static xr_rc_t
xr_sigv4_check(const xr_sigv4_request_t *req,
    const xr_credentials_t *credentials, xr_err_t *err)
{
    if (req->path.len == 0 || req->path.data[0] != '/') {
        return xr_fail(err, XR_INVALID, 0, "the path does not start with "
                       "\"/\"");
    }

    if (req->method.len == 0 || req->host.len == 0
        || req->payload_hash.len == 0)
    {
        return xr_fail(err, XR_INVALID, 0, "the method, the host or the "
                       "payload hash is empty");
    }

    if (credentials->access_key.len == 0 || credentials->secret_key.len == 0
        || req->region.len == 0 || req->service.len == 0)
    {
        return xr_fail(err, XR_INVALID, 0, "the credentials, the region or "
                       "the service are empty");
    }

    if (!xr_sigv4_visible(req->method) || !xr_sigv4_visible(req->host)
        || !xr_sigv4_visible(req->path) || !xr_sigv4_visible(req->query)
        || !xr_sigv4_visible(req->payload_hash)
        || !xr_sigv4_visible(req->region) || !xr_sigv4_visible(req->service)
        || !xr_sigv4_visible(credentials->access_key)
        || !xr_sigv4_visible(credentials->session_token))
    {
        return xr_fail(err, XR_INVALID, 0, "the request holds a space or a "
                       "control character");
    }

    return XR_OK;
}


/* Values may hold spaces; a name is lower case, so that it sorts as sent. */

static bool
xr_sigv4_header_ok(const xr_sigv4_header_t *h)
{
    size_t   i;
    uint8_t  c;

    for (i = 0; i < h->name.len; i++) {
        c = h->name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'
              || c == '_'))
        {
            return false;
        }
    }

    for (i = 0; i < h->value.len; i++) {
        c = h->value.data[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }

    return h->name.len > 0;
}


static int
xr_sigv4_order(xr_str_t a, xr_str_t b)
{
    int  order;

    order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

    if (order != 0) {
        return order;
    }

    return (a.len > b.len) - (a.len < b.len);
}


/*
 * Merges the caller's headers with the signer's.  Ascending order of the
 * whole is what refuses unsorted, repeated and reserved names alike.
 */

static xr_rc_t
xr_sigv4_merge(const xr_sigv4_request_t *req,
    const xr_credentials_t *credentials, const char *date,
    xr_sigv4_headers_t *out, xr_err_t *err)
{
    size_t                    i, j, nown;
    const xr_sigv4_header_t  *next;

    const xr_sigv4_header_t  own[XR_SIGV4_OWN_HEADERS] = {
        { XR_STR("host"), req->host },
        { XR_STR("x-amz-content-sha256"), req->payload_hash },
        { XR_STR("x-amz-date"), xr_str(date) },
        { XR_STR("x-amz-security-token"), credentials->session_token }
    };

    if (req->nheaders > XR_SIGV4_MAX_HEADERS) {
        return xr_fail(err, XR_INVALID, 0, "too many headers to sign");
    }

    nown = XR_SIGV4_OWN_HEADERS;

    if (credentials->session_token.len == 0) {
        nown--;
    }

    i = 0;
    j = 0;

    for (out->n = 0; out->n < req->nheaders + nown; out->n++) {

        if (i == req->nheaders
            || (j < nown
                && xr_sigv4_order(own[j].name, req->headers[i].name) < 0))
        {
            next = &own[j++];

        } else {
            next = &req->headers[i++];

            if (!xr_sigv4_header_ok(next)
                || xr_str_eq(next->name, own[XR_SIGV4_OWN_HEADERS - 1].name))
            {
                return xr_fail(err, XR_INVALID, i - 1, "a header to sign has "
                               "a wrong name or value");
            }
        }

        if (out->n > 0
            && xr_sigv4_order(out->elts[out->n - 1].name, next->name) >= 0)
        {
            return xr_fail(err, XR_INVALID, 0, "the headers to sign are not "
                           "sorted, repeated or the signer's own");
        }

        out->elts[out->n] = *next;
    }

    return XR_OK;
}


static void
xr_sigv4_signed_headers(const xr_sigv4_headers_t *headers, xr_buf_t *out)
{
    size_t  i;

    for (i = 0; i < headers->n; i++) {

        if (i > 0) {
            xr_buf_putc(out, ';');
        }

        xr_buf_put(out, headers->elts[i].name);
    }
}


/* A run of blanks inside a value counts as one space. */

static void
xr_sigv4_value(xr_str_t value, xr_buf_t *out)
{
    size_t   i;
    uint8_t  c, last;

    value = xr_str_trim(value);
    last = 0;

    for (i = 0; i < value.len; i++) {
        c = (value.data[i] == '\t') ? ' ' : value.data[i];

        if (c != ' ' || last != ' ') {
            xr_buf_putc(out, c);
        }

        last = c;
    }
}


static xr_rc_t
xr_sigv4_write(const xr_sigv4_request_t *req,
    const xr_sigv4_headers_t *headers, xr_buf_t *out, xr_err_t *err)
{
    size_t  i;

    xr_buf_put(out, req->method);
    xr_buf_putc(out, '\n');
    xr_buf_put(out, req->path);
    xr_buf_putc(out, '\n');
    xr_buf_put(out, req->query);
    xr_buf_putc(out, '\n');

    for (i = 0; i < headers->n; i++) {
        xr_buf_put(out, headers->elts[i].name);
        xr_buf_putc(out, ':');
        xr_sigv4_value(headers->elts[i].value, out);
        xr_buf_putc(out, '\n');
    }

    xr_buf_putc(out, '\n');
    xr_sigv4_signed_headers(headers, out);
    xr_buf_putc(out, '\n');
    xr_buf_put(out, req->payload_hash);

    if (!xr_buf_ok(out)) {
        return xr_fail(err, XR_NO_SPACE, 0, "the canonical request does not "
                       "fit");
    }

    return XR_OK;
}


static xr_rc_t
xr_sigv4_prepare(const xr_sigv4_request_t *req,
    const xr_credentials_t *credentials, const char *date,
    xr_sigv4_headers_t *headers, xr_buf_t *out, xr_err_t *err)
{
    xr_rc_t  rc;

    rc = xr_sigv4_check(req, credentials, err);

    if (rc == XR_OK) {
        rc = xr_sigv4_merge(req, credentials, date, headers, err);
    }

    if (rc == XR_OK) {
        rc = xr_sigv4_write(req, headers, out, err);
    }

    return rc;
}


xr_rc_t
xr_sigv4_canonical(const xr_sigv4_request_t *req,
    const xr_credentials_t *credentials, const char *date, xr_buf_t *out)
{
    xr_sigv4_headers_t  headers;

    return xr_sigv4_prepare(req, credentials, date, &headers, out, NULL);
}


/* The key's own scope: a key of other credentials never signs. */

static xr_rc_t
xr_sigv4_key_scope(const xr_sigv4_request_t *req,
    const xr_credentials_t *credentials, uint8_t out[XR_SHA256_SIZE],
    xr_err_t *err)
{
    xr_rc_t   rc;
    uint8_t   memory[XR_SIGV4_SCOPE_SIZE + XR_SIGV4_SECRET_SIZE];
    xr_buf_t  b;

    b = xr_buf(memory, sizeof(memory));

    xr_buf_put(&b, req->region);
    xr_buf_putc(&b, '\n');
    xr_buf_put(&b, req->service);
    xr_buf_putc(&b, '\n');
    xr_buf_put(&b, credentials->secret_key);

    if (!xr_buf_ok(&b)) {
        rc = xr_fail(err, XR_NO_SPACE, 0, "the secret key, the region or the "
                     "service is too long");

    } else {
        rc = xr_sha256(xr_buf_str(&b), out);

        if (rc != XR_OK) {
            xr_fail(err, rc, 0, "SHA-256 failed");
        }
    }

    xr_wipe(memory, sizeof(memory));

    return rc;
}


/* Each step's MAC is the key of the next one. */

static xr_rc_t
xr_sigv4_key_derive(const xr_sigv4_request_t *req,
    const xr_credentials_t *credentials, const char *date,
    uint8_t out[XR_SHA256_SIZE])
{
    size_t    i;
    xr_rc_t   rc;
    uint8_t   memory[XR_SIGV4_SECRET_SIZE + 4];
    uint8_t   mac[XR_SHA256_SIZE];
    xr_buf_t  b;
    xr_str_t  key;

    const xr_str_t  steps[] = {
        xr_str_of(date, XR_SIGV4_DATE_SIZE), req->region, req->service,
        xr_str(XR_SIGV4_TERMINATOR)
    };

    b = xr_buf(memory, sizeof(memory));

    xr_buf_puts(&b, "AWS4");
    xr_buf_put(&b, credentials->secret_key);

    rc = xr_buf_ok(&b) ? XR_OK : XR_NO_SPACE;
    key = xr_buf_str(&b);

    for (i = 0; i < XR_COUNT(steps) && rc == XR_OK; i++) {
        rc = xr_hmac_sha256(key, steps[i], mac);

        if (rc == XR_OK) {
            memcpy(out, mac, XR_SHA256_SIZE);
            key = xr_str_of(out, XR_SHA256_SIZE);
        }
    }

    xr_wipe(memory, sizeof(memory));
    xr_wipe(mac, sizeof(mac));

    return rc;
}


static xr_rc_t
xr_sigv4_key_refresh(const xr_sigv4_request_t *req,
    const xr_credentials_t *credentials, const char *date,
    xr_sigv4_key_t *key, xr_err_t *err)
{
    int64_t  day;
    xr_rc_t  rc;
    uint8_t  scope[XR_SHA256_SIZE];

    rc = xr_sigv4_key_scope(req, credentials, scope, err);

    if (rc != XR_OK) {
        return rc;
    }

    day = req->now / XR_SIGV4_DAY + 1;

    if (key->day == day && memcmp(key->scope, scope, sizeof(scope)) == 0) {
        return XR_OK;
    }

    key->day = 0;

    rc = xr_sigv4_key_derive(req, credentials, date, key->key);

    if (rc != XR_OK) {
        return xr_fail(err, rc, 0, "the signing key could not be derived");
    }

    memcpy(key->scope, scope, sizeof(scope));
    key->day = day;

    return XR_OK;
}


static void
xr_sigv4_put_scope(const xr_sigv4_request_t *req, const char *date,
    xr_buf_t *out)
{
    xr_buf_put(out, xr_str_of(date, XR_SIGV4_DATE_SIZE));
    xr_buf_putc(out, '/');
    xr_buf_put(out, req->region);
    xr_buf_putc(out, '/');
    xr_buf_put(out, req->service);
    xr_buf_puts(out, "/" XR_SIGV4_TERMINATOR);
}


/* The MAC of the string to sign, which holds the canonical request's hash. */

static xr_rc_t
xr_sigv4_mac(const xr_sigv4_request_t *req, xr_str_t canonical,
    const char *date, const xr_sigv4_key_t *key,
    uint8_t out[XR_SHA256_SIZE], xr_err_t *err)
{
    xr_rc_t   rc;
    uint8_t   hash[XR_SHA256_SIZE], memory[XR_SIGV4_STRING_SIZE];
    xr_buf_t  b;

    rc = xr_sha256(canonical, hash);

    if (rc != XR_OK) {
        return xr_fail(err, rc, 0, "SHA-256 failed");
    }

    b = xr_buf(memory, sizeof(memory));

    xr_buf_puts(&b, XR_SIGV4_ALGORITHM "\n");
    xr_buf_puts(&b, date);
    xr_buf_putc(&b, '\n');
    xr_sigv4_put_scope(req, date, &b);
    xr_buf_putc(&b, '\n');
    xr_buf_hex(&b, xr_str_of(hash, sizeof(hash)));

    if (!xr_buf_ok(&b)) {
        return xr_fail(err, XR_NO_SPACE, 0, "the region or the service is too "
                       "long");
    }

    rc = xr_hmac_sha256(xr_str_of(key->key, sizeof(key->key)),
                        xr_buf_str(&b), out);

    if (rc != XR_OK) {
        return xr_fail(err, rc, 0, "HMAC-SHA256 failed");
    }

    return XR_OK;
}


xr_rc_t
xr_sigv4_sign(const xr_sigv4_request_t *req,
    const xr_credentials_t *credentials, xr_sigv4_key_t *key,
    xr_sigv4_t *out, xr_err_t *err)
{
    xr_rc_t             rc;
    uint8_t             mac[XR_SHA256_SIZE];
    uint8_t             memory[XR_SIGV4_CANONICAL_SIZE];
    xr_buf_t            b;
    xr_sigv4_headers_t  headers;

    out->authorization_len = 0;

    if (req->now < 0 || req->now > XR_SIGV4_TIME_MAX) {
        return xr_fail(err, XR_INVALID, 0, "the time lies outside the years "
                       "1970 to 9999");
    }

    xr_sigv4_date(req->now, out->date);

    b = xr_buf(memory, sizeof(memory));

    rc = xr_sigv4_prepare(req, credentials, out->date, &headers, &b, err);

    if (rc == XR_OK) {
        rc = xr_sigv4_key_refresh(req, credentials, out->date, key, err);
    }

    if (rc == XR_OK) {
        rc = xr_sigv4_mac(req, xr_buf_str(&b), out->date, key, mac, err);
    }

    if (rc != XR_OK) {
        return rc;
    }

    b = xr_buf(out->authorization, sizeof(out->authorization));

    xr_buf_puts(&b, XR_SIGV4_ALGORITHM " Credential=");
    xr_buf_put(&b, credentials->access_key);
    xr_buf_putc(&b, '/');
    xr_sigv4_put_scope(req, out->date, &b);
    xr_buf_puts(&b, ", SignedHeaders=");
    xr_sigv4_signed_headers(&headers, &b);
    xr_buf_puts(&b, ", Signature=");
    xr_buf_hex(&b, xr_str_of(mac, sizeof(mac)));

    if (!xr_buf_ok(&b)) {
        return xr_fail(err, XR_NO_SPACE, 0, "the authorization does not fit");
    }

    out->authorization_len = b.len;

    return XR_OK;
}
