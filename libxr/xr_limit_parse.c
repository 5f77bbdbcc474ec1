/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_auth.h"
#include "xr_limit.h"
#include "xr_limit_words.h"

#include <string.h>


#define XR_LIMIT_DELAY_MAX   60000      /* milliseconds */


/* In the order in which they are applied. */

enum {
    XR_LIMIT_PARAM_KEY = 0,
    XR_LIMIT_PARAM_RATE,
    XR_LIMIT_PARAM_COST,
    XR_LIMIT_PARAM_BURST,
    XR_LIMIT_PARAM_MODE,
    XR_LIMIT_PARAM_FAILURE,
    XR_LIMIT_PARAM_DELAY,
    XR_LIMIT_PARAM_CLASS,
    XR_LIMIT_PARAM_NAME,
    XR_LIMIT_PARAMS
};


typedef struct {
    const xr_mem_t  *mem;
    xr_limit_t       l;
    xr_err_t        *err;
    xr_str_t         values[XR_LIMIT_PARAMS];   /* those without data are
                                                   absent */
    size_t           at[XR_LIMIT_PARAMS];
} xr_limit_parser_t;


static xr_rc_t
xr_limit_fail(const xr_limit_parser_t *p, size_t param, const char *what)
{
    return xr_fail(p->err, XR_INVALID, p->at[param], what);
}


/* The index of "s" in "words", or "n". */

static size_t
xr_limit_word(xr_str_t s, const xr_str_t *words, size_t n)
{
    size_t  i;

    for (i = 0; i < n && !xr_str_eq(s, words[i]); i++) {
        /* void */
    }

    return i;
}


/* Takes a number off "*s"; one that is too long is UINT64_MAX. */

static bool
xr_limit_number(xr_str_t *s, uint64_t *out)
{
    if (xr_str_uint(s, out) == XR_OK) {
        return true;
    }

    if (s->len == 0 || s->data[0] < '0' || s->data[0] > '9') {
        return false;
    }

    while (s->len > 0 && s->data[0] >= '0' && s->data[0] <= '9') {
        *s = xr_str_of(s->data + 1, s->len - 1);
    }

    *out = UINT64_MAX;

    return true;
}


/* Takes "k", "m" or "g" off "*s"; what that many bytes are in millionths. */

static uint64_t
xr_limit_size_unit(xr_str_t *s)
{
    size_t    i;
    uint64_t  unit;

    static const char  letters[] = "kKmMgG";

    unit = XR_LIMIT_BYTE;

    for (i = 0; s->len > 0 && i < sizeof(letters) - 1; i += 2) {
        unit *= 1024;

        if (s->data[0] == letters[i] || s->data[0] == letters[i + 1]) {
            *s = xr_str_of(s->data + 1, s->len - 1);
            return unit;
        }
    }

    return XR_LIMIT_BYTE;
}


static xr_rc_t
xr_limit_set_key(xr_limit_parser_t *p, xr_str_t value)
{
    size_t  i;

    i = xr_limit_word(value, xr_limit_keys, XR_LIMIT_KEYS);

    if (i == XR_LIMIT_KEYS) {
        return xr_limit_fail(p, XR_LIMIT_PARAM_KEY, "is none of key=tenant, "
                             "key=subject and key=address");
    }

    p->l.key = (xr_limit_key_t) i;

    return XR_OK;
}


static xr_rc_t
xr_limit_set_rate(xr_limit_parser_t *p, xr_str_t value)
{
    uint64_t  n, unit, seconds;

    unit = XR_LIMIT_TOKEN;

    if (!xr_limit_number(&value, &n)) {
        value = xr_str_of(NULL, 0);

    } else if (xr_str_starts(value, xr_str("r"))) {
        p->l.unit = XR_LIMIT_REQUESTS;
        value = xr_str_of(value.data + 1, value.len - 1);

    } else {
        p->l.unit = XR_LIMIT_BYTES;
        unit = xr_limit_size_unit(&value);
    }

    seconds = xr_str_eq(value, xr_str("/s")) ? 1
              : xr_str_eq(value, xr_str("/m")) ? 60 : 0;

    if (seconds == 0) {
        return xr_limit_fail(p, XR_LIMIT_PARAM_RATE, "is not a rate such as "
                             "20r/s or 300r/m (requests), 512k/s or 10m/m "
                             "(bytes)");
    }

    if (n == 0) {
        return xr_limit_fail(p, XR_LIMIT_PARAM_RATE, "is a rate of zero: "
                             "nothing would ever pass");
    }

    if (n > (uint64_t) XR_LIMIT_MAX * seconds / unit) {
        return xr_limit_fail(p, XR_LIMIT_PARAM_RATE, "is more than "
                             "9000000000r/s, or 9000000000000/s");
    }

    p->l.rate = (int64_t) (n * unit / seconds);

    return XR_OK;
}


static xr_rc_t
xr_limit_set_cost(xr_limit_parser_t *p, xr_str_t value)
{
    uint64_t  n;

    if (p->l.unit == XR_LIMIT_BYTES) {
        p->l.cost = 0;

        return (value.data == NULL)
               ? XR_OK : xr_limit_fail(p, XR_LIMIT_PARAM_COST, "goes with "
                                       "rates of requests only: bytes cost "
                                       "what they are");
    }

    n = 1;

    if (value.data != NULL
        && (!xr_limit_number(&value, &n) || value.len > 0 || n == 0
            || n > XR_LIMIT_MAX / XR_LIMIT_TOKEN))
    {
        return xr_limit_fail(p, XR_LIMIT_PARAM_COST, "is not a number from 1 "
                             "to 9000000000");
    }

    p->l.cost = (int64_t) n * XR_LIMIT_TOKEN;

    return XR_OK;
}


/* What the rate gives in a second, in whole requests or bytes. */

static int64_t
xr_limit_default_burst(const xr_limit_t *l)
{
    int64_t  burst, least;

    if (l->unit == XR_LIMIT_BYTES) {
        burst = l->rate - l->rate % XR_LIMIT_BYTE;
        least = XR_LIMIT_TOKEN;

    } else {
        burst = l->rate - l->rate % XR_LIMIT_TOKEN;
        least = l->cost;
    }

    return (burst > least) ? burst : least;
}


static xr_rc_t
xr_limit_read_burst(xr_limit_parser_t *p, xr_str_t value)
{
    uint64_t  n, unit;

    unit = XR_LIMIT_TOKEN;

    if (!xr_limit_number(&value, &n)) {
        n = 0;

    } else if (p->l.unit == XR_LIMIT_BYTES) {
        unit = xr_limit_size_unit(&value);
    }

    if (n == 0 || value.len > 0) {
        return xr_limit_fail(p, XR_LIMIT_PARAM_BURST, "is not a number of "
                             "requests, such as burst=40, or with a rate of "
                             "bytes a size, such as burst=10m");
    }

    if (n > (uint64_t) XR_LIMIT_MAX / unit) {
        return xr_limit_fail(p, XR_LIMIT_PARAM_BURST, "is more than "
                             "9000000000 requests, or 9000000000000 bytes");
    }

    p->l.burst = (int64_t) (n * unit);

    return XR_OK;
}


static xr_rc_t
xr_limit_set_burst(xr_limit_parser_t *p, xr_str_t value)
{
    size_t   param;
    xr_rc_t  rc;

    rc = XR_OK;

    if (value.data != NULL) {
        param = XR_LIMIT_PARAM_BURST;
        rc = xr_limit_read_burst(p, value);

    } else {
        param = XR_LIMIT_PARAM_COST;
        p->l.burst = xr_limit_default_burst(&p->l);
    }

    if (rc != XR_OK) {
        return rc;
    }

    if (p->l.burst < p->l.cost) {
        return xr_limit_fail(p, param, "is less than a request costs: none "
                             "would ever pass");
    }

    if (p->l.burst < XR_LIMIT_TOKEN) {
        return xr_limit_fail(p, param, "is less than 1000 bytes");
    }

    if (p->l.burst / p->l.rate >= XR_LIMIT_FILL_MAX) {
        return xr_limit_fail(p, param, "is more than the rate gives in 365 "
                             "days");
    }

    return XR_OK;
}


static xr_rc_t
xr_limit_set_mode(xr_limit_parser_t *p, xr_str_t value)
{
    size_t  i;

    i = xr_limit_word(value, xr_limit_modes, XR_LIMIT_MODES);

    if (i == XR_LIMIT_MODES) {
        return xr_limit_fail(p, XR_LIMIT_PARAM_MODE, "is neither mode=leased "
                             "nor mode=exact");
    }

    p->l.mode = (xr_limit_mode_t) i;

    return XR_OK;
}


static xr_rc_t
xr_limit_set_failure(xr_limit_parser_t *p, xr_str_t value)
{
    size_t  i;

    i = xr_limit_word(value, xr_limit_failures, XR_LIMIT_FAILURES);

    if (i == XR_LIMIT_FAILURES) {
        return xr_limit_fail(p, XR_LIMIT_PARAM_FAILURE, "is none of "
                             "failure=local, failure=open and failure=closed");
    }

    p->l.failure = (xr_limit_failure_t) i;

    return XR_OK;
}


/* "nodelay" came here as a value by itself. */

static xr_rc_t
xr_limit_set_delay(xr_limit_parser_t *p, xr_str_t value)
{
    uint64_t  n, unit;

    if (xr_str_eq(value, xr_str("nodelay"))) {
        return XR_OK;
    }

    if (!xr_limit_number(&value, &n)) {
        n = 0;
    }

    unit = xr_str_eq(value, xr_str("ms")) ? 1
           : xr_str_eq(value, xr_str("s")) ? 1000 : 0;

    if (n == 0 || unit == 0 || n > XR_LIMIT_DELAY_MAX / unit) {
        return xr_limit_fail(p, XR_LIMIT_PARAM_DELAY, "is not a time above 0 "
                             "and up to 60s, such as delay=200ms or delay=1s");
    }

    p->l.delay = (uint32_t) (n * unit);

    return XR_OK;
}


static xr_rc_t
xr_limit_set_class(xr_limit_parser_t *p, xr_str_t value)
{
    if (!xr_constraints_value_ok(xr_str("rate"), value)) {
        return xr_limit_fail(p, XR_LIMIT_PARAM_CLASS, "is not the name of a "
                             "rate class: 1 to 64 of a-z, A-Z, 0-9, \"-\", "
                             "\"_\" and \".\"");
    }

    if (xr_str_dup(p->mem, value, &p->l.rate_class) != XR_OK) {
        return xr_fail(p->err, XR_NO_SPACE, p->at[XR_LIMIT_PARAM_CLASS],
                       "out of memory");
    }

    return XR_OK;
}


static xr_rc_t
xr_limit_set_name(xr_limit_parser_t *p, xr_str_t value)
{
    uint8_t   memory[XR_LIMIT_NAME_MAX];
    xr_buf_t  b;

    if (value.data != NULL) {

        if (!xr_limit_plain(value) || value.len > XR_LIMIT_NAME_MAX) {
            return xr_limit_fail(p, XR_LIMIT_PARAM_NAME, "is not a name: 1 to "
                                 "63 of a-z, 0-9 and \"-\", not starting with "
                                 "\"-\"");
        }

    } else {
        b = xr_buf(memory, sizeof(memory));

        if (xr_limit_make_name(&p->l, &b) != XR_OK) {
            return xr_fail(p->err, XR_ERROR, p->at[XR_LIMIT_PARAM_CLASS],
                           "SHA-256 failed");
        }

        value = xr_buf_str(&b);
    }

    if (xr_str_dup(p->mem, value, &p->l.name) != XR_OK) {
        return xr_fail(p->err, XR_NO_SPACE, p->at[XR_LIMIT_PARAM_NAME],
                       "out of memory");
    }

    return XR_OK;
}


typedef struct {
    xr_str_t   name;
    bool       always;              /* set when it is not given, too */
    xr_rc_t  (*set)(xr_limit_parser_t *p, xr_str_t value);
} xr_limit_param_t;


static const xr_limit_param_t  xr_limit_params[XR_LIMIT_PARAMS] = {
    [XR_LIMIT_PARAM_KEY] = { XR_STR("key"), false, xr_limit_set_key },
    [XR_LIMIT_PARAM_RATE] = { XR_STR("rate"), false, xr_limit_set_rate },
    [XR_LIMIT_PARAM_COST] = { XR_STR("cost"), true, xr_limit_set_cost },
    [XR_LIMIT_PARAM_BURST] = { XR_STR("burst"), true, xr_limit_set_burst },
    [XR_LIMIT_PARAM_MODE] = { XR_STR("mode"), false, xr_limit_set_mode },
    [XR_LIMIT_PARAM_FAILURE] = { XR_STR("failure"), false,
                                 xr_limit_set_failure },
    [XR_LIMIT_PARAM_DELAY] = { XR_STR("delay"), false, xr_limit_set_delay },
    [XR_LIMIT_PARAM_CLASS] = { XR_STR("class"), false, xr_limit_set_class },
    [XR_LIMIT_PARAM_NAME] = { XR_STR("name"), true, xr_limit_set_name }
};


static xr_rc_t
xr_limit_collect(xr_limit_parser_t *p, xr_str_t arg, size_t at)
{
    size_t    i;
    xr_str_t  name, value;

    value = arg;
    name = xr_str_cut(&value, '=');

    for (i = 0; i < XR_LIMIT_PARAMS; i++) {

        if (xr_str_eq(name, xr_limit_params[i].name)) {
            break;
        }
    }

    if (xr_str_eq(arg, xr_str("nodelay"))) {
        i = XR_LIMIT_PARAM_DELAY;
        value = arg;

    } else if (i == XR_LIMIT_PARAMS || name.len == arg.len) {
        return xr_fail(p->err, XR_INVALID, at, "is none of key=, rate=, "
                       "burst=, cost=, mode=, failure=, delay=, nodelay, "
                       "class= and name=");
    }

    if (p->values[i].data != NULL) {
        return xr_fail(p->err, XR_INVALID, at, (i == XR_LIMIT_PARAM_DELAY)
                       ? "is a second delay= or nodelay" : "is duplicate");
    }

    p->values[i] = value;
    p->at[i] = at;

    return XR_OK;
}


xr_rc_t
xr_limit_parse(const xr_str_t *args, size_t n, const xr_mem_t *mem,
    xr_limit_t *out, xr_err_t *err)
{
    size_t             i;
    xr_rc_t            rc;
    xr_limit_parser_t  p;

    memset(&p, 0, sizeof(p));

    p.mem = mem;
    p.err = err;
    rc = XR_OK;

    for (i = 0; rc == XR_OK && i < n; i++) {
        rc = xr_limit_collect(&p, args[i], i);
    }

    if (rc == XR_OK && p.values[XR_LIMIT_PARAM_RATE].data == NULL) {
        return xr_fail(err, XR_INVALID, 0, "has no rate= beside it");
    }

    for (i = 0; rc == XR_OK && i < XR_LIMIT_PARAMS; i++) {

        if (xr_limit_params[i].always || p.values[i].data != NULL) {
            rc = xr_limit_params[i].set(&p, p.values[i]);
        }
    }

    if (rc == XR_OK) {
        *out = p.l;
    }

    return rc;
}
