/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_GEO_H
#define XR_GEO_H


#include "xr_addr.h"
#include "xr_country.h"


/*
 * Where addresses are.  A database (MaxMind DB) is read once, as a whole, into
 * an image of what we want to know, which processes map: a request never meets
 * the database itself, and what is wrong with one is found before it is used.
 */

typedef struct {
    uint64_t  built;                /* Unix time, by the database itself */
    uint32_t  nodes;
    uint32_t  records;              /* that differ */
    uint16_t  ip_version;
    bool      countries;            /* it tells of any */
    char      type[64];             /* its name of itself, printable */
} xr_geo_info_t;

/*
 * Reads the database in the file "path", whose content "bytes" is: nobody may
 * change it meanwhile.  "image" is to be freed with free().  XR_INVALID: it is
 * damaged, or tells nothing that we want to know; err->pos is 0.
 */
xr_rc_t xr_geo_build(const char *path, xr_str_t bytes, xr_str_t *image,
    xr_geo_info_t *info, xr_err_t *err);


/* An image in use.  Zeroed: one in which there is nothing. */

typedef struct {
    const uint32_t  *nodes;
    const uint8_t   *records;
    const uint8_t   *text;
    uint32_t         nnodes;
    uint32_t         nrecords;
    uint32_t         ntext;
    uint32_t         root;          /* of IPv6 */
    uint32_t         root4;
    uint64_t         built;
} xr_geo_t;

/* XR_INVALID: not an image.  It must be aligned to 8, and stay. */
xr_rc_t xr_geo_open(xr_str_t image, xr_geo_t *out);


/* What is known of an address; views of the image, empty: not known. */

typedef struct {
    xr_str_t  country;              /* a code of ISO 3166-1 */
    xr_str_t  continent;
    xr_str_t  region;               /* a code of ISO 3166-2, the part behind
                                       the country */
    xr_str_t  city;                 /* in English */
    uint32_t  asn;                  /* 0: not known */
} xr_geo_place_t;

/*
 * XR_NOT_FOUND: nothing is known, "out" is empty then.  That is so of any
 * address that is not of the Internet, such as private ones.
 */
xr_rc_t xr_geo_find(const xr_geo_t *geo, const xr_addr_t *addr,
    xr_geo_place_t *out);


/*
 * Whether a database can be given to libmaxminddb: what it trusts, namely that
 * values are not nested without end, is checked first.  The metadata and each
 * record that is used has to pass.
 */

typedef struct {
    xr_str_t   data;                /* the section that offsets count from */
    uint8_t   *seen;                /* a bit for each byte; NULL: walk again */
    uint64_t   steps;               /* that are left */
} xr_geo_check_t;

/* The metadata of a database: what stands behind the last marker. */
xr_rc_t xr_geo_check_metadata(xr_str_t bytes);

/* The value at an offset, and all that it points to. */
xr_rc_t xr_geo_check_value(xr_geo_check_t *check, uint32_t offset);


#endif /* XR_GEO_H */
