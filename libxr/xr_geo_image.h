/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_GEO_IMAGE_H
#define XR_GEO_IMAGE_H


#include "xr_geo.h"


/*
 * The layout of an image, for the xr_geo*.c files only: header, nodes,
 * records, text.  A node is two references, for a bit that is 0 or 1: 0 is
 * nothing, others are a node, counted from 1, or with the highest bit set a
 * record, counted from 0.
 */

#define XR_GEO_MAGIC   0x316f6567726e7867u
#define XR_GEO_RECORD  0x80000000u

#define XR_GEO_BITS    128
#define XR_GEO_BITS4   96               /* where an IPv4 address begins */


typedef struct {
    uint64_t  magic;
    uint64_t  built;
    uint32_t  nnodes;
    uint32_t  nrecords;
    uint32_t  ntext;
    uint32_t  root;
    uint32_t  root4;
    uint32_t  unused;
} xr_geo_header_t;


typedef struct {
    uint32_t  asn;
    uint32_t  city;                     /* in the text */
    uint8_t   city_len;
    uint8_t   region_len;
    uint8_t   country[XR_COUNTRY_SIZE];     /* zeroes: not known */
    uint8_t   continent[XR_COUNTRY_SIZE];
    uint8_t   region[6];
} xr_geo_record_t;


/* What a bit of an address leads to; "ref" is a node. */

static inline uint32_t
xr_geo_step(const uint32_t *nodes, uint32_t ref, unsigned bit)
{
    return nodes[2 * (size_t) (ref - 1) + bit];
}


#endif /* XR_GEO_IMAGE_H */
