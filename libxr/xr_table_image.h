/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_TABLE_IMAGE_H
#define XR_TABLE_IMAGE_H


#include "xr_table.h"


/*
 * The layout of an image, for the xr_table*.c files only:
 *
 *     header
 *     one region for each tenant: record, strings, keys
 *     two hash tables, of the tenants' names and of their hosts
 *     proofs
 *
 * Offsets in a region count from its start, so it has the same bytes wherever
 * it lies; all others count from the start of the image.  Regions are aligned
 * to XR_TABLE_ALIGN.  Strings and lists that are "counted" have their length
 * in front, in 16 bits.
 */

#define XR_TABLE_MAGIC  "xrtable"       /* with its NUL */
#define XR_TABLE_ALIGN  8

/* Another layout, another number. */

#define XR_TABLE_ABI                                                          \
    ((uint32_t) (sizeof(xr_table_header_t) << 24                              \
                 | sizeof(xr_table_record_t) << 16                            \
                 | sizeof(xr_table_key_t) << 8                                \
                 | (sizeof(xr_hmac_t) + sizeof(xr_table_limit_t)              \
                    + sizeof(xr_freshness_policy_t)                           \
                    + sizeof(xr_geo_policy_t))))


typedef struct {
    char      magic[8];
    uint32_t  abi;
    uint32_t  n;
    uint64_t  size;
    uint64_t  generation;
    uint32_t  names;
    uint32_t  names_size;
    uint32_t  hosts;
    uint32_t  hosts_size;
    uint32_t  proofs;
    uint32_t  nproofs;
} xr_table_header_t;


#define XR_TABLE_SHA1              0x01
#define XR_TABLE_CORS_CREDENTIALS  0x02
#define XR_TABLE_REPLICAS          0x04
#define XR_TABLE_GEO               0x08

/*
 * Right behind the record there are, in this order and without gaps:
 *
 *     hosts and, last, the tenant's name: one counted list
 *     LF, the origin's host and base, LF: with the name, the cache prefix
 *     issuers, audiences, CloudFront's hosts, CORS origins: counted lists
 *     Cache-Control, the policies of freshness and of countries (as they are
 *     in memory, or nothing), the origin's region, access key, secret key,
 *     session token: counted
 *     if there are replicas, how many, as one byte, the origin's location, and
 *     of each the number of its endpoint, 4 bytes, its location, and host,
 *     base and region: counted
 *     name and class of each limit: counted
 *
 * then, aligned, the limits and right behind them the keys.
 */

typedef struct {
    uint64_t  tag;
    uint8_t   epoch[XR_TABLE_EPOCH_SIZE];
    uint32_t  endpoint;
    uint32_t  max_lifetime;
    uint32_t  cors_max_age;
    uint32_t  origin;               /* where the origin's region stands */
    uint32_t  keys;
    uint16_t  host_len;
    uint16_t  base_len;
    uint8_t   name_len;
    uint8_t   leeway;
    uint8_t   kinds;
    uint8_t   origin_kind;
    uint8_t   cors;
    uint8_t   flags;
    uint8_t   nkeys;
    uint8_t   nlimits;
} xr_table_record_t;


typedef struct {
    uint8_t   digest[XR_SHA256_SIZE];
    uint32_t  id;                   /* counted */
    uint32_t  material;             /* an xr_hmac_t; or n and e, counted */
    uint8_t   kind;
    uint8_t   alg;
    uint8_t   pub_kind;             /* 0: symmetric */
    uint8_t   unused;
} xr_table_key_t;


typedef struct {
    int64_t   rate;
    int64_t   burst;
    int64_t   cost;
    uint32_t  delay;
    uint32_t  name;                 /* counted, and so is the class behind it */
    uint8_t   key;
    uint8_t   unit;
    uint8_t   mode;
    uint8_t   failure;
    uint8_t   unused[4];
} xr_table_limit_t;


/*
 * A slot of a hash table with open addressing: free where "region" is 0, and
 * a quarter of them is.
 */

struct xr_table_entry_s {
    uint32_t  hash;
    uint32_t  region;               /* from the start of the image */
    uint32_t  name;                 /* in the region; counted */
};

#define XR_TABLE_SLOTS(n)  ((n) + (n) / 3 + 1)

uint32_t xr_table_hash(xr_str_t s);


/* Where to look first, by the high bits of a hash. */

static inline size_t
xr_table_slot(uint32_t hash, size_t size)
{
    return (size_t) (((uint64_t) hash * size) >> 32);
}


/* Takes a counted string. */

static inline xr_str_t
xr_table_take(const uint8_t **p)
{
    uint16_t  len;
    xr_str_t  s;

    memcpy(&len, *p, sizeof(len));

    s = xr_str_of(*p + sizeof(len), len);
    *p = s.data + len;

    return s;
}


/* Memory that grows; its old bytes are wiped, as they hold keys. */

typedef struct {
    uint8_t  *data;
    size_t    len;
    size_t    size;
} xr_table_heap_t;

/* "n" more bytes, zeroed; NULL: no memory.  Moves what was there. */
uint8_t *xr_table_heap_push(const xr_table_memory_t *memory,
    xr_table_heap_t *heap, size_t n);
void xr_table_heap_free(const xr_table_memory_t *memory,
    xr_table_heap_t *heap);


/*
 * Open addressing: a slot is free where its value is 0.  "key_of" gives the
 * string that a value stands for.
 */

typedef xr_str_t (*xr_table_key_pt)(const xr_table_builder_t *b,
    uint32_t value);

typedef struct {
    uint32_t         *slots;
    size_t            size;             /* a power of two, or 0 */
    size_t            used;
    xr_table_key_pt   key_of;
} xr_table_map_t;

/* The value of "key", or 0. */
uint32_t xr_table_map_find(const xr_table_builder_t *b,
    const xr_table_map_t *map, xr_str_t key);

/* Makes room for "n" more keys; half of the slots stay free. */
bool xr_table_map_reserve(xr_table_builder_t *b, xr_table_map_t *map,
    size_t n);

/* There is room, and the key is not in the map. */
void xr_table_map_put(const xr_table_builder_t *b, xr_table_map_t *map,
    uint32_t value);


struct xr_table_builder_s {
    xr_table_memory_t  memory;

    size_t             n;
    size_t             payload;

    xr_table_heap_t    image;
    xr_table_heap_t    names;           /* xr_table_entry_t */
    xr_table_heap_t    hosts;           /* xr_table_entry_t */
    xr_table_heap_t    owners;          /* xr_table_owner_t */
    xr_table_heap_t    audiences;       /* SHA-256 of key and audience */
    xr_table_heap_t    proofs;          /* SHA-256 */

    /* their values are numbers, from 1, of what the heaps hold */

    xr_table_map_t     by_name;
    xr_table_map_t     by_host;
    xr_table_map_t     by_key;
    xr_table_map_t     by_audience;
};


/*
 * Appends the region of a tenant to the image; XR_NO_SPACE may leave part of
 * it there.
 */
xr_rc_t xr_table_region(xr_table_builder_t *b, const xr_tenant_t *t,
    uint32_t *region);


#endif /* XR_TABLE_IMAGE_H */
