/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_TABLE_H
#define XR_TABLE_H


#include "xr_tenant.h"


/*
 * All tenants of an installation in one block of memory, the image: found by
 * name or by host name in constant time.  It holds offsets instead of
 * pointers, so one process builds it and others map it wherever they like.
 * An image is trusted: it is made and read by the same build of this library
 * and is as secret as the keys in it.
 */

typedef struct xr_table_builder_s  xr_table_builder_t;

/* malloc() and free(), or what stands in for them; nothing need be zeroed. */

typedef struct {
    void  *(*alloc)(size_t size);
    void   (*free)(void *p);
} xr_table_memory_t;

/* NULL: out of memory. */
xr_table_builder_t *xr_table_builder_create(const xr_table_memory_t *memory);

/* Wipes and frees, the image too.  NULL is allowed. */
void xr_table_builder_free(xr_table_builder_t *b);

/*
 * Adds a finished tenant, which is copied.  Refuses a name or host that is
 * taken and a key that another tenant has: it would let one sign for the
 * other.  Only a public JWT key may be shared, by tenants that each demand an
 * audience of their own.  A tenant that is refused leaves nothing behind.
 */
xr_rc_t xr_table_add(xr_table_builder_t *b, const xr_tenant_t *t,
    xr_err_t *err);

/* A secret by which proxies in front prove themselves, as its SHA-256. */
xr_rc_t xr_table_add_proof(xr_table_builder_t *b,
    const uint8_t digest[XR_SHA256_SIZE], xr_err_t *err);

size_t xr_table_count(const xr_table_builder_t *b);


typedef struct {
    size_t  tenants;
    size_t  bytes;                  /* of the image */
    size_t  payload;                /* of these: strings and keys themselves */
} xr_table_stats_t;

/*
 * Completes the image, which belongs to the builder and is aligned for any
 * type.  "stats" may be NULL.  Nothing can be added afterwards.
 */
xr_rc_t xr_table_finish(xr_table_builder_t *b, uint64_t generation,
    xr_str_t *image, xr_table_stats_t *stats);


/* An image in use.  Zeroed: a table without tenants. */

typedef struct xr_table_entry_s  xr_table_entry_t;

typedef struct {
    const uint8_t           *base;
    uint64_t                 generation;
    size_t                   n;
    const xr_table_entry_t  *names;         /* hash tables */
    size_t                   names_size;
    const xr_table_entry_t  *hosts;
    size_t                   hosts_size;
    const uint8_t           *proofs;
    size_t                   nproofs;
} xr_table_t;

/* "image" must stay; XR_INVALID: not one of this build. */
xr_rc_t xr_table_open(xr_str_t image, xr_table_t *table);

/* Whether "secret" is one that proxies prove themselves by. */
bool xr_table_proves(const xr_table_t *table, xr_str_t secret);


/*
 * A tenant of a table: views of the image, which must stay mapped.  Filling
 * it costs no search and no allocation.
 */

#define XR_TABLE_EPOCH_SIZE  16

typedef struct {
    const uint8_t    *region;
    xr_str_t          name;
    xr_str_t          cache_prefix;     /* name LF host base LF */
    xr_str_t          cache_control;    /* or empty */
    uint64_t          tag;              /* a hash of the name, not keyed */
    uint32_t          endpoint;
    xr_origin_kind_t  origin_kind;

    xr_auth_policy_t  policy;
    unsigned          kinds;            /* of xr_kind_t: it has keys for them */
    const uint8_t    *epoch;            /* of XR_TABLE_EPOCH_SIZE bytes: other
                                           bytes, other keys or policy;
                                           limits are neither */

    xr_cors_mode_t    cors;
    bool              cors_credentials;
    uint32_t          cors_max_age;
    xr_strs_t         cors_origins;

    size_t            nlimits;          /* see xr_site_limits() */
    bool              geo;              /* see xr_site_geo() */
} xr_site_t;

/* XR_NOT_FOUND leaves "site" as it was. */
xr_rc_t xr_table_by_name(const xr_table_t *table, xr_str_t name,
    xr_site_t *site);
xr_rc_t xr_table_by_host(const xr_table_t *table, xr_str_t host,
    xr_site_t *site);

/* The keys of one kind, into "keys"; returns how many. */
size_t xr_site_keys(const xr_site_t *site, xr_kind_t kind,
    xr_key_t keys[XR_KEYSET_MAX]);

/* The tenant's own policy of freshness; XR_NOT_FOUND: it has none. */
xr_rc_t xr_site_cache_policy(const xr_site_t *site,
    xr_freshness_policy_t *policy);

/* From where its objects may be had; XR_NOT_FOUND: from anywhere. */
xr_rc_t xr_site_geo(const xr_site_t *site, xr_geo_policy_t *policy);

/* The limits of the tenant's own, into "limits"; returns site->nlimits. */
size_t xr_site_limits(const xr_site_t *site,
    xr_limit_t limits[XR_TENANT_LIMITS]);

/*
 * What requests to the origin are made of: kind, host, base and region of
 * "origin", the rest of it is not kept.
 */
void xr_site_origin(const xr_site_t *site, xr_origin_t *origin,
    xr_credentials_t *credentials);

/*
 * Other places with the same objects, likewise; returns how many.  If there
 * are any, "location" is the origin's.
 */
size_t xr_site_replicas(const xr_site_t *site,
    xr_tenant_replica_t replicas[XR_TENANT_REPLICAS],
    xr_location_t *location);

/*
 * The tenant as it was added, to be added to another table: views of the
 * image, which must stay for as long.  Of its origin there is what
 * xr_site_origin() gives, likewise of replicas; files are not kept.
 */
void xr_site_tenant(const xr_site_t *site, xr_tenant_t *t);

/* Whether pages of "origin" (the header's value) may read responses. */
bool xr_site_cors_allows(const xr_site_t *site, xr_str_t origin);


#endif /* XR_TABLE_H */
