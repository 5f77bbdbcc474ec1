/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_GEO_POLICY_H
#define XR_GEO_POLICY_H


#include "xr_auth.h"
#include "xr_buf.h"
#include "xr_country.h"


/*
 * From where a tenant's objects may be had:
 *
 *     allow=DE,FR,continent:NA
 *     deny=RU,BY unknown=deny
 *
 * A list says what may happen to clients of whom nothing is known: behind
 * "allow=" they are denied, behind "deny=" they are not, unless "unknown="
 * says otherwise.
 */

typedef struct {
    uint8_t           deny;             /* those listed; else all others */
    uint8_t           unknown;          /* may have them */
    uint8_t           continents;       /* a bit for each that is listed */
    xr_country_set_t  countries;
} xr_geo_policy_t;


/* err->pos is the index of the argument at fault. */
xr_rc_t xr_geo_policy_parse(const xr_str_t *args, size_t n,
    xr_geo_policy_t *policy, xr_err_t *err);

/* As it can be written; it takes at most so many bytes. */

#define XR_GEO_POLICY_SIZE  (XR_COUNTRY_BITS * 3 + 7 * 13 + 32)

void xr_geo_policy_text(const xr_geo_policy_t *policy, xr_buf_t *out);

/*
 * XR_DENY_NONE, XR_DENY_GEO, XR_DENY_GEO_UNKNOWN.  Empty: not known.  Of a
 * client of whom only the continent is known a list of countries knows
 * nothing.
 */
xr_deny_t xr_geo_policy_judge(const xr_geo_policy_t *policy, xr_str_t country,
    xr_str_t continent);


#endif /* XR_GEO_POLICY_H */
