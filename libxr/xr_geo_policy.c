/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_geo_policy.h"


#define XR_GEO_POLICY_BIT(continent)  ((uint8_t) (1 << (continent)))


static const xr_str_t  xr_geo_policy_prefix = XR_STR("continent:");


static const char *
xr_geo_policy_add(xr_geo_policy_t *policy, xr_str_t word)
{
    xr_continent_t  continent;

    if (xr_str_starts(word, xr_geo_policy_prefix)) {
        xr_str_skip(&word, xr_geo_policy_prefix.len);
        continent = xr_country_continent_of(word);

        if (continent == XR_CONTINENT_NONE) {
            return "names a continent that is none of AF, AN, AS, EU, NA, "
                   "OC and SA";
        }

        policy->continents |= XR_GEO_POLICY_BIT(continent);

        return NULL;
    }

    if (xr_country_continent(word) == XR_CONTINENT_NONE) {
        return "names a country that is no code of ISO 3166-1, two capital "
               "letters";
    }

    xr_country_set_add(&policy->countries, word);

    return NULL;
}


static const char *
xr_geo_policy_list(xr_geo_policy_t *policy, xr_str_t list)
{
    xr_str_t     word;
    const char  *what;

    if (list.len == 0 || list.data[list.len - 1] == ',') {
        return "has an empty name in its list";
    }

    what = NULL;

    while (what == NULL && list.len > 0) {
        word = xr_str_cut(&list, ',');
        what = xr_geo_policy_add(policy, word);
    }

    return what;
}


/* Of each name one; "unknown" is 0 until it was given, else 1 or 2. */

typedef struct {
    bool      listed;
    xr_str_t  unknown;
} xr_geo_policy_given_t;


static const char *
xr_geo_policy_arg(xr_geo_policy_t *policy, xr_geo_policy_given_t *given,
    xr_str_t arg)
{
    bool      deny;
    xr_str_t  name;

    name = xr_str_cut(&arg, '=');
    deny = xr_str_eq(name, xr_str("deny"));

    if (deny || xr_str_eq(name, xr_str("allow"))) {

        if (given->listed) {
            return "is a second list: there is one, allow= or deny=";
        }

        given->listed = true;
        policy->deny = deny;

        return xr_geo_policy_list(policy, arg);
    }

    if (!xr_str_eq(name, xr_str("unknown")) || given->unknown.len != 0) {
        return "is none of allow=, deny= and unknown=, each once";
    }

    if (!xr_str_eq(arg, xr_str("allow")) && !xr_str_eq(arg, xr_str("deny"))) {
        return "is neither unknown=allow nor unknown=deny";
    }

    given->unknown = arg;

    return NULL;
}


xr_rc_t
xr_geo_policy_parse(const xr_str_t *args, size_t n, xr_geo_policy_t *policy,
    xr_err_t *err)
{
    size_t                  i;
    const char             *what;
    xr_geo_policy_t         read;
    xr_geo_policy_given_t   given;

    memset(&read, 0, sizeof(read));
    memset(&given, 0, sizeof(given));

    for (i = 0; i < n; i++) {
        what = xr_geo_policy_arg(&read, &given, args[i]);

        if (what != NULL) {
            return xr_fail(err, XR_INVALID, i, what);
        }
    }

    if (!given.listed) {
        return xr_fail(err, XR_INVALID, 0, "stands without allow= or deny=");
    }

    read.unknown = (given.unknown.len != 0)
                   ? xr_str_eq(given.unknown, xr_str("allow")) : read.deny;

    *policy = read;

    return XR_OK;
}


void
xr_geo_policy_text(const xr_geo_policy_t *policy, xr_buf_t *out)
{
    size_t    i;
    uint8_t   code[XR_COUNTRY_SIZE], comma;
    xr_str_t  country;

    xr_buf_puts(out, policy->deny ? "deny" : "allow");
    comma = '=';
    country = xr_str_of(code, sizeof(code));

    for (i = 0; i < XR_COUNTRY_BITS; i++) {
        code[0] = (uint8_t) ('A' + i / XR_COUNTRY_LETTERS);
        code[1] = (uint8_t) ('A' + i % XR_COUNTRY_LETTERS);

        if (xr_country_set_has(&policy->countries, country)) {
            xr_buf_putc(out, comma);
            xr_buf_put(out, country);
            comma = ',';
        }
    }

    for (i = XR_CONTINENT_AF; i < XR_CONTINENTS; i++) {

        if (policy->continents & XR_GEO_POLICY_BIT(i)) {
            xr_buf_putc(out, comma);
            xr_buf_put(out, xr_geo_policy_prefix);
            xr_buf_put(out, xr_country_continent_name((xr_continent_t) i));
            comma = ',';
        }
    }

    xr_buf_puts(out, policy->unknown ? " unknown=allow" : " unknown=deny");
}


xr_deny_t
xr_geo_policy_judge(const xr_geo_policy_t *policy, xr_str_t country,
    xr_str_t continent)
{
    bool            listed;
    xr_continent_t  c;

    c = xr_country_continent_of(continent);

    listed = xr_country_set_has(&policy->countries, country)
             || (c != XR_CONTINENT_NONE
                 && (policy->continents & XR_GEO_POLICY_BIT(c)) != 0);

    if (!listed && country.len == 0) {
        return policy->unknown ? XR_DENY_NONE : XR_DENY_GEO_UNKNOWN;
    }

    return (listed == (policy->deny != 0)) ? XR_DENY_GEO : XR_DENY_NONE;
}
