/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_auth.h"


#define XR_CONSTRAINTS_MAX_HOST  253    /* RFC 1035, section 2.3.4, as text */
#define XR_CONSTRAINTS_MAX_NAME  64     /* of a quality or a rate class */


/* One of the four names that narrow a grant, and what may stand behind it. */

typedef struct {
    xr_str_t   name;
    bool     (*ok)(xr_str_t value);
    size_t     offset;                  /* in xr_constraints_t */
} xr_constraints_kind_t;


static bool xr_constraints_hosts_ok(xr_str_t value);
static bool xr_constraints_countries_ok(xr_str_t value);
static bool xr_constraints_name_ok(xr_str_t value);


static const xr_constraints_kind_t  xr_constraints_kinds[] = {
    { XR_STR("origin"), xr_constraints_hosts_ok,
      offsetof(xr_constraints_t, origin) },
    { XR_STR("country"), xr_constraints_countries_ok,
      offsetof(xr_constraints_t, country) },
    { XR_STR("quality"), xr_constraints_name_ok,
      offsetof(xr_constraints_t, quality) },
    { XR_STR("rate"), xr_constraints_name_ok,
      offsetof(xr_constraints_t, rate) }
};


/* Takes the next of "a|b|c" off "*list"; false at its end. */

static bool
xr_constraints_alternative(xr_str_t *list, xr_str_t *out)
{
    if (list->data == NULL) {
        return false;
    }

    *out = xr_str_of(list->data, xr_str_find(*list, '|'));

    if (out->len == list->len) {
        *list = xr_str_of(NULL, 0);

    } else {
        *list = xr_str_of(list->data + out->len + 1, list->len - out->len - 1);
    }

    return true;
}


static bool
xr_constraints_alnum(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9');
}


/* The "*." of a host pattern, or nothing, is taken off "*host". */

static bool
xr_constraints_subdomains(xr_str_t *host)
{
    static const xr_str_t  any = XR_STR("*.");

    if (!xr_str_starts(*host, any)) {
        return false;
    }

    *host = xr_str_of(host->data + any.len, host->len - any.len);

    return true;
}


/* Labels of letters, digits, "-" and "_", none of them empty. */

static bool
xr_constraints_host_ok(xr_str_t host)
{
    size_t   i;
    uint8_t  c, before;

    (void) xr_constraints_subdomains(&host);

    if (host.len == 0 || host.len > XR_CONSTRAINTS_MAX_HOST) {
        return false;
    }

    before = '.';

    for (i = 0; i < host.len; i++) {
        c = host.data[i];

        if (!xr_constraints_alnum(c) && c != '-' && c != '_'
            && (c != '.' || before == '.'))
        {
            return false;
        }

        before = c;
    }

    return before != '.';
}


static bool
xr_constraints_hosts_ok(xr_str_t value)
{
    xr_str_t  host;

    while (xr_constraints_alternative(&value, &host)) {

        if (!xr_constraints_host_ok(host)) {
            return false;
        }
    }

    return true;
}


static bool
xr_constraints_countries_ok(xr_str_t value)
{
    xr_str_t  country;

    while (xr_constraints_alternative(&value, &country)) {

        if (country.len != 2
            || country.data[0] < 'A' || country.data[0] > 'Z'
            || country.data[1] < 'A' || country.data[1] > 'Z')
        {
            return false;
        }
    }

    return true;
}


/* No signer escapes any of these characters, so the name needs no copy. */

static bool
xr_constraints_name_ok(xr_str_t value)
{
    size_t   i;
    uint8_t  c;

    for (i = 0; i < value.len; i++) {
        c = value.data[i];

        if (!xr_constraints_alnum(c) && c != '-' && c != '_' && c != '.') {
            return false;
        }
    }

    return value.len <= XR_CONSTRAINTS_MAX_NAME;
}


/*
 * The constraint that "name" means, or NULL.  Case and surrounding space are
 * ignored, so that a name that was meant can be told from a foreign one.
 */

static const xr_constraints_kind_t *
xr_constraints_kind(xr_str_t name)
{
    size_t  i;

    name = xr_str_trim(name);

    for (i = 0; i < XR_COUNT(xr_constraints_kinds); i++) {

        if (xr_str_eq_nocase(name, xr_constraints_kinds[i].name)) {
            return &xr_constraints_kinds[i];
        }
    }

    return NULL;
}


bool
xr_constraints_value_ok(xr_str_t name, xr_str_t value)
{
    const xr_constraints_kind_t  *c;

    c = xr_constraints_kind(name);

    return c != NULL && xr_str_eq(name, c->name) && value.len > 0
           && c->ok(value);
}


xr_rc_t
xr_constraints_read(xr_str_t data, xr_constraints_t *out)
{
    xr_str_t                     item, name, *value;
    xr_constraints_t             read;
    const xr_constraints_kind_t  *c;

    memset(&read, 0, sizeof(read));

    while (data.len > 0) {
        item = xr_str_cut(&data, ',');
        name = xr_str_of(item.data, xr_str_find(item, ':'));

        if (name.len == item.len) {
            continue;
        }

        c = xr_constraints_kind(name);

        if (c == NULL) {
            continue;
        }

        item = xr_str_of(item.data + name.len + 1, item.len - name.len - 1);
        value = (xr_str_t *) (void *) ((uint8_t *) &read + c->offset);

        if (value->len != 0 || !xr_constraints_value_ok(name, item)) {
            return XR_INVALID;
        }

        *value = item;
    }

    *out = read;

    return XR_OK;
}


static bool
xr_constraints_embeds(xr_str_t hosts, xr_str_t embed)
{
    size_t    dot;
    xr_str_t  host;

    while (xr_constraints_alternative(&hosts, &host)) {

        if (!xr_constraints_subdomains(&host)) {

            if (xr_str_eq_nocase(host, embed)) {
                return true;
            }

            continue;
        }

        if (embed.len <= host.len + 1) {
            continue;
        }

        dot = embed.len - host.len - 1;

        if (embed.data[dot] == '.'
            && xr_str_eq_nocase(xr_str_of(embed.data + dot + 1, host.len),
                                host))
        {
            return true;
        }
    }

    return false;
}


static bool
xr_constraints_in(xr_str_t countries, xr_str_t country)
{
    xr_str_t  one;

    while (xr_constraints_alternative(&countries, &one)) {

        if (xr_str_eq(one, country)) {
            return true;
        }
    }

    return false;
}


/* What is not known is never the page or the country that was meant. */

xr_deny_t
xr_constraints_judge(const xr_constraints_t *c, const xr_auth_request_t *req)
{
    if (c->origin.len > 0
        && (req->embed.len == 0
            || !xr_constraints_embeds(c->origin, req->embed)))
    {
        return XR_DENY_TOKEN_EMBED;
    }

    if (c->country.len > 0
        && (req->country.len == 0
            || !xr_constraints_in(c->country, req->country)))
    {
        return XR_DENY_TOKEN_COUNTRY;
    }

    return XR_DENY_NONE;
}
