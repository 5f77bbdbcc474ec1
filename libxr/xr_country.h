/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_COUNTRY_H
#define XR_COUNTRY_H


#include "xr.h"


/* Countries by ISO 3166-1 (and XK), and the continents that they are of. */

#define XR_COUNTRY_SIZE  2              /* of either code */

typedef enum {
    XR_CONTINENT_NONE = 0,
    XR_CONTINENT_AF,
    XR_CONTINENT_AN,
    XR_CONTINENT_AS,
    XR_CONTINENT_EU,
    XR_CONTINENT_NA,
    XR_CONTINENT_OC,
    XR_CONTINENT_SA,
    XR_CONTINENTS
} xr_continent_t;


/* The continent of a country; XR_CONTINENT_NONE: there is no such country. */
xr_continent_t xr_country_continent(xr_str_t country);

/* "AF", "AN", ...; empty for XR_CONTINENT_NONE. */
xr_str_t xr_country_continent_name(xr_continent_t continent);

/* XR_CONTINENT_NONE: there is none of that name. */
xr_continent_t xr_country_continent_of(xr_str_t name);


/* A set of countries, known or not: a bit for each two capital letters. */

#define XR_COUNTRY_LETTERS  26
#define XR_COUNTRY_BITS     (XR_COUNTRY_LETTERS * XR_COUNTRY_LETTERS)

typedef struct {
    uint8_t  bits[(XR_COUNTRY_BITS + 7) / 8];
} xr_country_set_t;

/* "country" is two capital letters, or is in no set. */
void xr_country_set_add(xr_country_set_t *set, xr_str_t country);
bool xr_country_set_has(const xr_country_set_t *set, xr_str_t country);


#endif /* XR_COUNTRY_H */
