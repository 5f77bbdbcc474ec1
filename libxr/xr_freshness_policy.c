/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_freshness.h"


enum {
    XR_FRESHNESS_PARAM_TTL = 0,
    XR_FRESHNESS_PARAM_NEGATIVE,
    XR_FRESHNESS_PARAM_MIN,
    XR_FRESHNESS_PARAM_MAX,
    XR_FRESHNESS_PARAM_STALE_WHILE_REVALIDATE,
    XR_FRESHNESS_PARAM_STALE_IF_ERROR,
    XR_FRESHNESS_PARAM_TIMES,

    XR_FRESHNESS_PARAM_JITTER = XR_FRESHNESS_PARAM_TIMES,
    XR_FRESHNESS_PARAM_ORIGIN,
    XR_FRESHNESS_PARAMS
};


static const xr_str_t  xr_freshness_params[XR_FRESHNESS_PARAMS] = {
    [XR_FRESHNESS_PARAM_TTL] = XR_STR("ttl"),
    [XR_FRESHNESS_PARAM_NEGATIVE] = XR_STR("negative"),
    [XR_FRESHNESS_PARAM_MIN] = XR_STR("min"),
    [XR_FRESHNESS_PARAM_MAX] = XR_STR("max"),
    [XR_FRESHNESS_PARAM_STALE_WHILE_REVALIDATE] =
        XR_STR("stale_while_revalidate"),
    [XR_FRESHNESS_PARAM_STALE_IF_ERROR] = XR_STR("stale_if_error"),
    [XR_FRESHNESS_PARAM_JITTER] = XR_STR("jitter"),
    [XR_FRESHNESS_PARAM_ORIGIN] = XR_STR("origin")
};


static const xr_freshness_policy_t  xr_freshness_defaults = {
    .ttl = 600,
    .negative = 10,
    .min = 0,
    .max = XR_FRESHNESS_MAX,
    .stale_while_revalidate = 30,
    .stale_if_error = 86400,
    .jitter = 50,
    .override = false
};


static const struct {
    uint8_t  letter;
    int64_t  seconds;
} xr_freshness_units[] = {
    { 'y', 31536000 },
    { 'M', 2592000 },
    { 'w', 604800 },
    { 'd', 86400 },
    { 'h', 3600 },
    { 'm', 60 },
    { 's', 1 }
};


/*
 * The index of the unit that is taken off "*s"; seconds at its end.  The
 * number of units if it is none.
 */

static size_t
xr_freshness_unit(xr_str_t *s)
{
    size_t  i;

    if (s->len == 0) {
        return XR_COUNT(xr_freshness_units) - 1;
    }

    for (i = 0; i < XR_COUNT(xr_freshness_units); i++) {

        if (s->data[0] == xr_freshness_units[i].letter) {
            *s = xr_str_of(s->data + 1, s->len - 1);
            break;
        }
    }

    return i;
}


/* As NGINX reads times: units from large to small, each at most once. */

static bool
xr_freshness_time(xr_str_t s, int64_t *out)
{
    size_t    unit, first;
    int64_t   sum, seconds;
    uint64_t  n;

    sum = 0;
    first = 0;

    do {
        if (xr_str_uint(&s, &n) != XR_OK) {
            return false;
        }

        unit = xr_freshness_unit(&s);

        if (unit < first || unit == XR_COUNT(xr_freshness_units)) {
            return false;
        }

        seconds = xr_freshness_units[unit].seconds;

        if (n > (uint64_t) ((XR_FRESHNESS_MAX - sum) / seconds)) {
            return false;
        }

        sum += (int64_t) n * seconds;
        first = unit + 1;

    } while (s.len > 0);

    *out = sum;

    return true;
}


/* "5%" or "2.5%" in per mille. */

static bool
xr_freshness_percent(xr_str_t s, uint32_t *out)
{
    uint64_t  n;

    if (xr_str_uint(&s, &n) != XR_OK || n > XR_FRESHNESS_JITTER_MAX / 10) {
        return false;
    }

    n *= 10;

    if (s.len == 3 && s.data[0] == '.'
        && s.data[1] >= '0' && s.data[1] <= '9')
    {
        n += (uint64_t) s.data[1] - '0';
        s = xr_str_of(s.data + 2, 1);
    }

    if (!xr_str_eq(s, xr_str("%")) || n > XR_FRESHNESS_JITTER_MAX) {
        return false;
    }

    *out = (uint32_t) n;

    return true;
}


/* Returns what is wrong with the value, or NULL. */

static const char *
xr_freshness_set(xr_freshness_policy_t *policy, size_t param, xr_str_t value)
{
    int64_t  *times[XR_FRESHNESS_PARAM_TIMES] = {
        [XR_FRESHNESS_PARAM_TTL] = &policy->ttl,
        [XR_FRESHNESS_PARAM_NEGATIVE] = &policy->negative,
        [XR_FRESHNESS_PARAM_MIN] = &policy->min,
        [XR_FRESHNESS_PARAM_MAX] = &policy->max,
        [XR_FRESHNESS_PARAM_STALE_WHILE_REVALIDATE] =
            &policy->stale_while_revalidate,
        [XR_FRESHNESS_PARAM_STALE_IF_ERROR] = &policy->stale_if_error
    };

    if (param < XR_FRESHNESS_PARAM_TIMES) {
        return xr_freshness_time(value, times[param])
               ? NULL : "is not a time of up to 68 years, such as 30s, 10m or "
                        "1d12h";
    }

    if (param == XR_FRESHNESS_PARAM_JITTER) {
        return xr_freshness_percent(value, &policy->jitter)
               ? NULL : "is not a percentage from 0% to 50%, such as jitter=5% "
                        "or jitter=2.5%";
    }

    policy->override = xr_str_eq(value, xr_str("override"));

    return (policy->override || xr_str_eq(value, xr_str("honour")))
           ? NULL : "is neither origin=honour nor origin=override";
}


/* The parameter that "arg" is, whose value it leaves in "*arg". */

static size_t
xr_freshness_param(xr_str_t *arg)
{
    size_t    i, len;
    xr_str_t  name;

    len = arg->len;
    name = xr_str_cut(arg, '=');

    for (i = 0; i < XR_FRESHNESS_PARAMS; i++) {

        if (name.len < len && xr_str_eq(name, xr_freshness_params[i])) {
            break;
        }
    }

    return i;
}


xr_rc_t
xr_freshness_policy_parse(const xr_str_t *args, size_t n,
    xr_freshness_policy_t *out, xr_err_t *err)
{
    size_t                  i, param, at[XR_FRESHNESS_PARAMS];
    uint32_t                seen;
    xr_str_t                value;
    const char             *what;
    xr_freshness_policy_t   policy;

    policy = xr_freshness_defaults;
    seen = 0;
    memset(at, 0, sizeof(at));

    for (i = 0; i < n; i++) {
        value = args[i];
        param = xr_freshness_param(&value);

        if (param == XR_FRESHNESS_PARAMS) {
            return xr_fail(err, XR_INVALID, i, "is none of ttl=, negative=, "
                           "min=, max=, stale_while_revalidate=, "
                           "stale_if_error=, jitter= and origin=");
        }

        if (seen & 1u << param) {
            return xr_fail(err, XR_INVALID, i, "is duplicate");
        }

        what = xr_freshness_set(&policy, param, value);

        if (what != NULL) {
            return xr_fail(err, XR_INVALID, i, what);
        }

        seen |= 1u << param;
        at[param] = i;
    }

    /* unless they are given, the two are 0 and the most that there is */

    if (policy.min > policy.max) {
        return xr_fail(err, XR_INVALID, at[XR_FRESHNESS_PARAM_MIN],
                       "is more than max=");
    }

    if (policy.override && policy.ttl == 0) {
        return xr_fail(err, XR_INVALID, at[XR_FRESHNESS_PARAM_TTL],
                       "goes with origin=honour only: with origin=override no "
                       "object would be stored");
    }

    *out = policy;

    return XR_OK;
}


/* In seconds: units would have to be read by whoever compares. */

static void
xr_freshness_put_time(xr_buf_t *out, size_t param, int64_t seconds)
{
    xr_buf_put(out, xr_freshness_params[param]);
    xr_buf_putc(out, '=');
    xr_buf_uint(out, (uint64_t) seconds);
    xr_buf_puts(out, "s ");
}


void
xr_freshness_policy_text(const xr_freshness_policy_t *policy, xr_buf_t *out)
{
    xr_freshness_put_time(out, XR_FRESHNESS_PARAM_TTL, policy->ttl);
    xr_freshness_put_time(out, XR_FRESHNESS_PARAM_NEGATIVE, policy->negative);
    xr_freshness_put_time(out, XR_FRESHNESS_PARAM_MIN, policy->min);
    xr_freshness_put_time(out, XR_FRESHNESS_PARAM_MAX, policy->max);
    xr_freshness_put_time(out, XR_FRESHNESS_PARAM_STALE_WHILE_REVALIDATE,
                          policy->stale_while_revalidate);
    xr_freshness_put_time(out, XR_FRESHNESS_PARAM_STALE_IF_ERROR,
                          policy->stale_if_error);

    xr_buf_puts(out, "jitter=");
    xr_buf_uint(out, policy->jitter / 10);
    xr_buf_putc(out, '.');
    xr_buf_uint(out, policy->jitter % 10);
    xr_buf_puts(out, "% origin=");
    xr_buf_puts(out, policy->override ? "override" : "honour");
}
