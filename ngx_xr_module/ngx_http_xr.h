/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_H
#define NGX_HTTP_XR_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <ngx_md5.h>

#include "ngx_http_xr_geo.h"
#include "ngx_http_xr_live.h"
#include "ngx_http_xr_purge.h"
#include "ngx_http_xr_encoding.h"
#include "ngx_http_xr_retry.h"
#include "ngx_http_xr_freshness.h"
#include "xr_cloudfront.h"
#include "xr_device.h"
#include "xr_edgeauth.h"
#include "xr_jwt.h"
#include "xr_keyset.h"
#include "xr_limit.h"
#include "xr_memory.h"
#include "xr_path.h"
#include "xr_revoked.h"
#include "xr_sigv4.h"
#include "xr_store.h"
#include "xr_table.h"


#define NGX_HTTP_XR_FROM_HOST       0x0002
#define NGX_HTTP_XR_FROM_PATH       0x0004

/* "xr_auth": the kinds of xr_kind_t, one bit up, and what is none. */

#define NGX_HTTP_XR_AUTH(kind)      ((kind) << 1)
#define NGX_HTTP_XR_AUTH_EDGEAUTH   NGX_HTTP_XR_AUTH(XR_KIND_EDGEAUTH)
#define NGX_HTTP_XR_AUTH_JWT        NGX_HTTP_XR_AUTH(XR_KIND_JWT)
#define NGX_HTTP_XR_AUTH_CLOUDFRONT NGX_HTTP_XR_AUTH(XR_KIND_CLOUDFRONT)
#define NGX_HTTP_XR_AUTH_ANY        NGX_HTTP_XR_AUTH(XR_KIND_ANY)
#define NGX_HTTP_XR_AUTH_PUBLIC     0x0100
#define NGX_HTTP_XR_AUTH_OFF        0x0200

/* "xr_token_from": what may carry a credential. */

#define NGX_HTTP_XR_QUERY           0
#define NGX_HTTP_XR_PATH            1
#define NGX_HTTP_XR_HEADER          2
#define NGX_HTTP_XR_COOKIE          3

#define NGX_HTTP_XR_IN(carrier)     (2 << (carrier))

#define NGX_HTTP_XR_IN_QUERY        NGX_HTTP_XR_IN(NGX_HTTP_XR_QUERY)
#define NGX_HTTP_XR_IN_PATH         NGX_HTTP_XR_IN(NGX_HTTP_XR_PATH)
#define NGX_HTTP_XR_IN_HEADER       NGX_HTTP_XR_IN(NGX_HTTP_XR_HEADER)
#define NGX_HTTP_XR_IN_COOKIE       NGX_HTTP_XR_IN(NGX_HTTP_XR_COOKIE)
#define NGX_HTTP_XR_IN_ANY          (NGX_HTTP_XR_IN_QUERY                     \
                                     |NGX_HTTP_XR_IN_PATH                     \
                                     |NGX_HTTP_XR_IN_HEADER                   \
                                     |NGX_HTTP_XR_IN_COOKIE)


/* ngx_http_xr_replica.h */

typedef struct ngx_http_xr_endpoint_s  ngx_http_xr_endpoint_t;
typedef struct ngx_http_xr_replicas_s  ngx_http_xr_replicas_t;


/*
 * Reading files into an image, while the configuration is read or later, in
 * the manager process.
 */

typedef struct ngx_http_xr_main_conf_s  ngx_http_xr_main_conf_t;

typedef struct {
    ngx_conf_t                    *cf;          /* NULL: later */
    ngx_http_xr_main_conf_t       *xmcf;
    ngx_log_t                     *log;
    ngx_pool_t                    *pool;        /* for as long as it takes */
    ngx_pool_t                    *tenant_pool; /* reset after each tenant */
    ngx_str_t                      folder;      /* names are relative to it */
    ngx_array_t                    watched;     /* ngx_http_xr_watched_t */
    xr_table_builder_t            *builder;
    xr_str_t                       text;        /* being read, of */
    ngx_str_t                      path;
    time_t                         modified;    /* of the file read last */
    u_char                         refused[XR_TENANT_NAME_MAX + 1];
    ngx_uint_t                     kept;        /* tenants as they were */
    ngx_uint_t                     open;        /* files are no secrets */
} ngx_http_xr_load_t;


#define NGX_HTTP_XR_SIGNING_KEYS    256


/* A response header of the origin that is let in; see _response.c. */

#define NGX_HTTP_XR_ORIGIN_SLOTS  64

typedef struct {
    ngx_uint_t                     hash;
    ngx_str_t                      name;
    u_char                        *lowcase;
    ngx_uint_t                     flags;
    ngx_http_upstream_header_t    *header;
} ngx_http_xr_origin_header_t;


/*
 * TLS towards origins.  One for all, as locations share the connections: one
 * that does not verify must not lend its own to one that does.
 */

typedef struct {
    ngx_ssl_t                     *ssl;
    ngx_str_t                      certificate; /* of trusted authorities */
    ngx_str_t                      ciphers;
    ngx_uint_t                     protocols;
    ngx_int_t                      verify_depth;
    ngx_flag_t                     verify;
    ngx_flag_t                     session_reuse;
} ngx_http_xr_tls_t;


/* "xr_origin_health" */

typedef struct {
    ngx_uint_t                     fails;       /* in a row; 0: never */
    ngx_msec_t                     eject;       /* for so long, at first */
    ngx_msec_t                     max;
    ngx_msec_t                     slow;        /* 0: none is */
    ngx_uint_t                     budget;      /* of retries, per cent */
    ngx_uint_t                     set;
} ngx_http_xr_health_conf_t;


/* "xr_auth_fail_limit": what bad credentials may cost. */

typedef struct {
    ngx_uint_t                     share;       /* of a worker, per cent */
    ngx_uint_t                     rate;        /* of an address, a second */
    ngx_uint_t                     burst;
} ngx_http_xr_fail_limit_t;

#define NGX_HTTP_XR_THROTTLE_SHARE  10
#define NGX_HTTP_XR_THROTTLE_RATE   10
#define NGX_HTTP_XR_THROTTLE_BURST  20

typedef struct ngx_http_xr_throttle_s  ngx_http_xr_throttle_t;


/* "xr_revocation_file" */

typedef struct {
    ngx_str_t                      file;
    time_t                         max_age;
    ngx_uint_t                     open;        /* "fail=open" */
    ngx_http_xr_live_t             live;
    ngx_http_xr_watch_t            watch;
} ngx_http_xr_revocation_t;


typedef struct ngx_http_xr_redis_s         ngx_http_xr_redis_t;
typedef struct ngx_http_xr_announce_s      ngx_http_xr_announce_t;
typedef struct ngx_http_xr_limit_shared_s  ngx_http_xr_limit_shared_t;
typedef struct ngx_http_xr_limited_s       ngx_http_xr_limited_t;
typedef struct ngx_http_xr_slice_s         ngx_http_xr_slice_t;
typedef struct ngx_http_xr_wake_s          ngx_http_xr_wake_t;
typedef struct ngx_http_xr_flights_s       ngx_http_xr_flights_t;
typedef struct ngx_http_xr_flight_s        ngx_http_xr_flight_t;
typedef struct ngx_http_xr_slice_files_s   ngx_http_xr_slice_files_t;
typedef struct ngx_http_xr_run_s           ngx_http_xr_run_t;
typedef struct ngx_http_xr_degrade_s       ngx_http_xr_degrade_t;
typedef struct ngx_http_xr_variant_s       ngx_http_xr_variant_t;
typedef struct ngx_http_xr_variant_known_s
    ngx_http_xr_variant_known_t;
typedef struct ngx_http_xr_cut_s           ngx_http_xr_cut_t;
typedef struct ngx_http_xr_explain_s       ngx_http_xr_explain_t;
typedef struct ngx_http_xr_cut_flow_s      ngx_http_xr_cut_flow_t;


struct ngx_http_xr_main_conf_s {
    ngx_uint_t                     enable;      /* "xr on" somewhere */
    xr_mem_t                       mem;         /* cf->pool */
    ngx_array_t                    tenants;     /* xr_tenant_t *, of blocks */
    ngx_str_t                      tenants_file;
    ngx_http_xr_load_t            *load;        /* while it is read */
    xr_table_builder_t            *builder;     /* of the table it became */
    ngx_http_xr_live_t             live;        /* of the table */
    ngx_http_xr_watch_t            watch;       /* what the table came from */
    time_t                         retry;       /* not before, after a fault */
    ngx_path_t                    *state;

    ngx_http_xr_revocation_t       revocation;
    ngx_http_xr_devices_t          devices;
    ngx_http_xr_variant_known_t   *known_variants;  /* in this worker */
    ngx_http_xr_geo_t             *geo;
    ngx_uint_t                     trust;       /* "xr_trusted_*" somewhere */
    ngx_str_t                      proof_header;    /* in lower case */
    ngx_str_t                      proof_file;

    ngx_http_xr_purge_t            purge;
    xr_keyset_t                   *explain_keys;    /* NULL: nothing is */
    size_t                         memory_size;
    xr_memory_t                   *memory;
    ngx_uint_t                     slices;      /* "xr_slice" somewhere */
    xr_memory_t                   *versions;    /* of sliced objects */
    ngx_uint_t                     variants;    /* "xr_variants" somewhere */
    size_t                         manifest_size;
    ngx_shm_zone_t                *manifest_zone;
    xr_store_t                    *manifests;
    xr_memory_t                   *cuts;        /* how to cut objects */
    ngx_http_xr_wake_t            *wake;        /* shared */
    ngx_http_xr_flights_t         *flights;     /* shared */
    ngx_uint_t                     open_slices; /* in each worker */
    ngx_http_xr_slice_files_t     *files;       /* of them, in this one */
    ngx_array_t                    wakers;      /* ngx_fd_t of each worker */
    ngx_http_xr_degrade_t         *degrade;     /* shared */
    u_char                        *secret;      /* of keyed hashes */
    ngx_http_xr_fail_limit_t       fail_limit;
    ngx_http_xr_throttle_t        *throttle;    /* this worker's */
    xr_verifiers_t                *verifiers;   /* likewise */
    xr_sigv4_key_t                *signing_keys;    /* likewise */
    ngx_http_xr_redis_t           *redis;       /* NULL: none is configured */
    ngx_http_xr_announce_t        *announce;    /* NULL: nothing is heard of */

    size_t                         limit_size;
    ngx_http_xr_limit_shared_t    *limit;       /* shared memory */
    ngx_array_t                    limit_lists; /* ngx_array_t *, "xr_limit" */

    ngx_array_t                    endpoints;   /* ngx_http_xr_endpoint_t * */
    ngx_int_t                      keepalive;
    ngx_http_xr_health_conf_t      health;
    ngx_http_xr_retry_conf_t       origin_retry;
    ngx_msec_t                     resolve;     /* the least time; 0: off */
    ngx_array_t                    resolves;    /* groups, of _resolve.c */
    ngx_http_xr_tls_t              tls;
    ngx_array_t                    caches;      /* ngx_http_file_cache_t * */
    ngx_http_xr_origin_header_t    origin_headers[NGX_HTTP_XR_ORIGIN_SLOTS];
};


typedef struct {
    ngx_flag_t                     enable;      /* "xr on" in this server */
    ngx_str_t                      token_name;
    ngx_array_t                   *trusted;     /* xr_addr_net_t */
    ngx_str_t                      country;     /* a header, in lower case */
} ngx_http_xr_srv_conf_t;


/* "xr_variants", "xr_manifest_valid", "xr_accept_ch" */

typedef struct {
    ngx_uint_t                     mode;
    ngx_flag_t                     hints;
    time_t                         valid;
    time_t                         absent;
    time_t                         stale;
} ngx_http_xr_variant_conf_t;


typedef struct {
    ngx_flag_t                     enable;
    ngx_uint_t                     auth;
    ngx_uint_t                     token_from;
    ngx_uint_t                     tenant_from;
    ngx_str_t                      cache_control;
    ngx_uint_t                     geo_status;

    ngx_array_t                   *limits;      /* "xr_limit"; or NULL */
    ngx_array_t                   *caps;        /* "xr_limit_conn"; or NULL */
    ngx_uint_t                     limit_status;
    ngx_uint_t                     limit_log_level;
    ngx_flag_t                     limit_dry_run;
    ngx_flag_t                     limit_headers;
    size_t                         min_rate;    /* bytes a second; 0: none */
    ngx_msec_t                     min_rate_after;

    size_t                         slice_size;  /* 0: whole objects */
    ngx_uint_t                     max_ranges;
    ngx_uint_t                     prefetch;    /* slices ahead */
    ngx_flag_t                     cut;
    size_t                         slice_run;   /* bytes of one request */
    ngx_uint_t                     followers;   /* of a slice; 0: no bound */

    ngx_http_xr_variant_conf_t     variant;
    ngx_http_xr_freshness_conf_t   freshness;
    ngx_http_xr_encoding_conf_t    encoding;
    ngx_http_upstream_conf_t       upstream;
} ngx_http_xr_loc_conf_t;


/* What a request carries to be let in; copies, as the request is masked. */

#define NGX_HTTP_XR_CARRIERS        4

typedef struct {
    ngx_str_t                      token;       /* the first */
    ngx_uint_t                     n;           /* how many */
    ngx_uint_t                     malformed;   /* beyond decoding */
} ngx_http_xr_carried_t;


/* CloudFront's parameters, in the query or in cookies. */

typedef struct {
    xr_cloudfront_params_t         params;
    ngx_uint_t                     n;           /* signatures and the like */
    ngx_uint_t                     repeated;    /* also in another case */
} ngx_http_xr_signed_t;


typedef struct {
    ngx_http_xr_carried_t          carried[NGX_HTTP_XR_CARRIERS];
    ngx_http_xr_signed_t          *url;         /* NULL: none in the query */
    ngx_http_xr_signed_t          *cookies;     /* NULL: none */
    xr_str_t                       raw_query;   /* before it was masked */

    /* what of all this counts in the location */

    ngx_uint_t                     n;
    xr_kind_t                      kind;
    ngx_str_t                      token;       /* EdgeAuth or JWT */
    xr_cloudfront_params_t        *signed_by;
    xr_str_t                       query;       /* the application's own */
    unsigned                       malformed:1;
    unsigned                       read:1;      /* headers were */
    unsigned                       url_read:1;  /* CloudFront's in the query */
} ngx_http_xr_credential_t;


typedef union {
    xr_jwt_t                       jwt;
    xr_cloudfront_t                cloudfront;
} ngx_http_xr_parsed_t;


/* What a tier in front that proved itself says of the client. */

typedef struct {
    xr_addr_t                      address;
    u_char                         country[2];  /* 0: not known */
    ngx_uint_t                     https;
    ngx_uint_t                     proved;      /* that tier, by its secret */
} ngx_http_xr_client_t;


/*
 * A request of a client, from its token to its last byte.  Found again after
 * internal redirects, which clear r->ctx, through a pool cleanup.
 */

typedef struct {
    ngx_uint_t                     step;
    ngx_str_t                      uri;         /* what was decided on, */
    ngx_http_xr_loc_conf_t        *conf;        /* and by whose rules */
    ngx_str_t                      target;      /* raw, no token, no query */
    ngx_str_t                      raw_path;    /* what must be covered */
    ngx_http_xr_credential_t       credential;
    ngx_http_xr_client_t           client;

    ngx_http_xr_image_t           *image;       /* that the tenant is of */
    xr_site_t                     *tenant;      /* NULL, or &site */
    ngx_str_t                      object;      /* the key below the origin */
    time_t                         decided;     /* when it was let in */
    xr_str_t                       key_id;      /* whose key it was */
    xr_memory_value_t              value;       /* "who", for the memory */
    ngx_http_xr_parsed_t          *parsed;      /* or NULL */
    ngx_http_xr_limited_t         *limited;     /* its limits; or NULL */
    ngx_http_xr_slice_t           *slice;       /* or NULL: not in slices */
    ngx_http_xr_cut_t             *cut;         /* or NULL: as it is */
    ngx_str_t                      said_class;  /* X-XR-Class, of anybody */
    const xr_device_t             *device;      /* NULL: not read yet */
    uint64_t                       device_serial;   /* of it in this worker;
                                                   0: none */
    ngx_http_xr_image_t           *devices;     /* by it; NULL: built in */
    ngx_http_xr_variant_t         *variant;     /* or NULL: none is wanted */
    ngx_http_xr_explain_t         *explain;     /* or NULL: it is served */
    ngx_http_xr_purge_ctx_t        purge;
    ngx_http_xr_geo_ctx_t          geo;
    uint64_t                       subject;     /* keyed hashes of these two, */
    uint64_t                       address;     /* for limits; 0: not yet */
    xr_deny_t                      deny;
    ngx_uint_t                     vary;        /* NGX_HTTP_XR_VARY_* */
    xr_encoding_t                  encoding;    /* of "object" at its origin, */
    off_t                          decoded;     /* its size without; or 0 */
    xr_encoding_t                  compress;    /* what we encode it with */
    unsigned                       sibling:1;   /* "encoding" was chosen */
    unsigned                       immutable:1; /* "object" never changes */
    unsigned                       checked:1;   /* target has one reading */
    unsigned                       known:1;     /* the client is filled in */
    unsigned                       public:1;
    unsigned                       granted:1;
    unsigned                       remembered:1;    /* "who" is not read yet */
    unsigned                       counted:1;   /* among the streams */
    unsigned                       watched:1;   /* has to take its answer */
    unsigned                       preflight:1;
    unsigned                       decorated:1; /* has its headers */
    unsigned                       uncached:1;  /* the cache has failed it */

    /* filled before they are used, and not zeroed */

    xr_site_t                      site;
    xr_principal_t                 who;
} ngx_http_xr_ctx_t;


/* One exchange with the origin; a request has several when it retries. */

typedef struct {
    ngx_http_status_t              status;
    ngx_http_chunked_t             chunked;
    ngx_http_xr_replicas_t        *replicas;    /* where it is asked */
    time_t                         date;        /* of a refusal; or 0 */
    ngx_http_xr_purge_answer_t     purge;
    ngx_http_xr_freshness_t        freshness;
    ngx_str_t                      uri;         /* the request as it began */
    void                         **loc_conf;
    off_t                          reserved;    /* bytes of the file */
    unsigned                       keepalive:1;
    unsigned                       cacheable:1; /* before the first try */
    unsigned                       head:1;      /* the method sent */
    unsigned                       ranged:1;    /* Range was sent */
    unsigned                       conditional:1;
    ngx_http_xr_flight_t          *flight;      /* that others may follow */
    ngx_http_xr_encode_t          *encode;      /* or NULL */
    ngx_http_xr_cut_flow_t        *cut;         /* or NULL: passed on */
    ngx_http_xr_run_t             *run;         /* what its bytes come by */
    ngx_uint_t                     next_upstream;   /* without it */
    unsigned                       invalid:1;   /* its body is none */
} ngx_http_xr_origin_t;


typedef ngx_int_t (*ngx_http_xr_step_pt)(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);


extern ngx_module_t  ngx_http_xr_module;


/* Views are the same pair in another order. */

static ngx_inline xr_str_t
ngx_http_xr_view(const ngx_str_t *s)
{
    return (xr_str_t) { s->data, s->len };
}


static ngx_inline ngx_str_t
ngx_http_xr_ngx(xr_str_t s)
{
    ngx_str_t  str;

    str.data = (u_char *) s.data;
    str.len = s.len;

    return str;
}


/* process */
ngx_http_xr_main_conf_t *ngx_http_xr_process_conf(ngx_cycle_t *cycle);
ngx_int_t ngx_http_xr_process_init_module(ngx_cycle_t *cycle);
ngx_int_t ngx_http_xr_process_init(ngx_cycle_t *cycle);
void ngx_http_xr_process_exit(ngx_cycle_t *cycle);
void ngx_http_xr_process_exit_master(ngx_cycle_t *cycle);
void ngx_http_xr_process_cleanup(void *data);

/* gate */
ngx_int_t ngx_http_xr_gate_handler(ngx_http_request_t *r);
ngx_http_xr_ctx_t *ngx_http_xr_get_ctx(ngx_http_request_t *r);
ngx_http_xr_ctx_t *ngx_http_xr_make_ctx(ngx_http_request_t *r);
const char *ngx_http_xr_gate_name(ngx_uint_t step);
ngx_int_t ngx_http_xr_deny(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_deny_t deny, ngx_int_t status);

/* token */
ngx_int_t ngx_http_xr_token_handler(ngx_http_request_t *r);
xr_str_t ngx_http_xr_token_uri(ngx_http_request_t *r);
void ngx_http_xr_token_mask(ngx_http_request_t *r, ngx_str_t *value);
char *ngx_http_xr_token_name(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* credential */
ngx_int_t ngx_http_xr_credential_url(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_credential_step(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
ngx_int_t ngx_http_xr_credential_collect(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
ngx_uint_t ngx_http_xr_credential_is_jwt(ngx_str_t *token);
ngx_int_t ngx_http_xr_credential_decode(ngx_http_request_t *r,
    ngx_http_xr_carried_t *carried, ngx_str_t *value);

/* trust */
ngx_int_t ngx_http_xr_trust_handler(ngx_http_request_t *r);
ngx_http_xr_client_t *ngx_http_xr_trust_client(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
char *ngx_http_xr_trust_proxy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_xr_trust_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_xr_trust_country(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* load */
ngx_http_xr_load_t *ngx_http_xr_load_create(ngx_http_xr_main_conf_t *xmcf,
    ngx_conf_t *cf, ngx_str_t *folder, ngx_log_t *log);
void ngx_http_xr_load_destroy(ngx_http_xr_load_t *load);
void ngx_http_xr_load_error(ngx_http_xr_load_t *load, ngx_err_t err,
    const char *fmt, ...);
ngx_int_t ngx_http_xr_load_path(ngx_http_xr_load_t *load, xr_str_t name,
    ngx_str_t *path);
ngx_int_t ngx_http_xr_load_file(ngx_http_xr_load_t *load, ngx_str_t *path,
    size_t max, ngx_str_t *text);
ngx_uint_t ngx_http_xr_load_changed(ngx_http_xr_watch_t *watch);
ngx_int_t ngx_http_xr_load_watch(ngx_http_xr_load_t *load,
    ngx_http_xr_watch_t *watch, ngx_int_t rc);
void ngx_http_xr_load_forget(ngx_http_xr_watch_t *watch);

/* live */
ngx_int_t ngx_http_xr_live_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf);
ngx_http_xr_image_t *ngx_http_xr_live_acquire(ngx_http_xr_live_t *live,
    ngx_log_t *log);
void ngx_http_xr_live_release(ngx_http_xr_image_t *image);
ngx_int_t ngx_http_xr_live_publish(ngx_http_xr_live_t *live, xr_str_t image,
    ngx_log_t *log);
void ngx_http_xr_live_clean(ngx_http_xr_main_conf_t *xmcf, ngx_uint_t ending,
    ngx_log_t *log);
ngx_msec_t ngx_http_xr_live_manage(void *data);

/* tenant */
char *ngx_http_xr_tenant_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_xr_tenant_step(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);

/* tenants */
char *ngx_http_xr_tenants_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_xr_tenants_enter(ngx_http_xr_load_t *load, xr_tenant_t *t,
    xr_err_t *err);
char *ngx_http_xr_tenants_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf);
void ngx_http_xr_tenants_check(ngx_http_xr_main_conf_t *xmcf, ngx_log_t *log);

/* revocation */
char *ngx_http_xr_revocation_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_xr_revocation_init(ngx_cycle_t *cycle,
    ngx_http_xr_main_conf_t *xmcf);
void ngx_http_xr_revocation_check(ngx_http_xr_main_conf_t *xmcf,
    ngx_log_t *log);
xr_deny_t ngx_http_xr_revocation_judge(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);

/* throttle */
char *ngx_http_xr_throttle_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_http_xr_throttle_t *ngx_http_xr_throttle_create(ngx_log_t *log);
ngx_uint_t ngx_http_xr_throttle_allows(ngx_http_xr_main_conf_t *xmcf,
    xr_addr_t *address);
uint64_t ngx_http_xr_throttle_start(ngx_http_xr_main_conf_t *xmcf);
void ngx_http_xr_throttle_failed(ngx_http_xr_main_conf_t *xmcf,
    xr_addr_t *address, uint64_t started);

/* auth */
ngx_int_t ngx_http_xr_auth_step(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx);
void ngx_http_xr_auth_request(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_auth_request_t *req, ngx_uint_t narrowed);
xr_principal_t *ngx_http_xr_auth_who(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
xr_str_t ngx_http_xr_auth_claim(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_str_t name);

/* verify */
xr_deny_t ngx_http_xr_verify_credential(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
xr_deny_t ngx_http_xr_verify_read(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
void ngx_http_xr_verify_remember(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    u_char *tag);

/* memory: what a credential is remembered for */

#define NGX_HTTP_XR_MEMORY_ALONE    0       /* its signature, for all */
#define NGX_HTTP_XR_MEMORY_URL      1       /* its signature, for this URL */
#define NGX_HTTP_XR_MEMORY_REQUEST  2       /* as a whole, for this request */

char *ngx_http_xr_memory_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_xr_memory_init(ngx_conf_t *cf,
    ngx_http_xr_main_conf_t *xmcf);
ngx_int_t ngx_http_xr_memory_add(ngx_conf_t *cf, ngx_str_t *name, size_t size,
    xr_memory_t **memory);
void *ngx_http_xr_memory_rest(ngx_shm_zone_t *zone, size_t *size);
void ngx_http_xr_memory_tag(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_auth_request_t *req, ngx_uint_t scope, u_char tag[XR_SIPHASH_SIZE]);
ngx_int_t ngx_http_xr_memory_get(ngx_http_request_t *r, u_char *tag,
    xr_memory_value_t *value);
void ngx_http_xr_memory_put(ngx_http_request_t *r, u_char *tag,
    xr_memory_value_t *value);
void ngx_http_xr_memory_put_signature(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, u_char *tag);
uint64_t ngx_http_xr_memory_key_id(ngx_http_request_t *r, xr_str_t id);
void ngx_http_xr_memory_value(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_memory_value_t *value);

/* limit: see ngx_http_xr_limit.h, too */
char *ngx_http_xr_limit_name_report(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_xr_limit_conf_init(ngx_conf_t *cf,
    ngx_http_xr_main_conf_t *xmcf);
void ngx_http_xr_limit_conf_process(ngx_http_xr_main_conf_t *xmcf,
    ngx_log_t *log);
ngx_int_t ngx_http_xr_limit_conn_step(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
ngx_int_t ngx_http_xr_limit_step(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
ngx_int_t ngx_http_xr_limit_bytes_settle(ngx_http_request_t *r);

/* cors */
ngx_int_t ngx_http_xr_cors_step(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx);
ngx_int_t ngx_http_xr_cors_headers(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);

/* tls */
void ngx_http_xr_tls_create(ngx_http_xr_tls_t *tls);
char *ngx_http_xr_tls_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf);

/* origin_conf */
void ngx_http_xr_origin_create_conf(ngx_http_xr_loc_conf_t *conf);
char *ngx_http_xr_origin_merge_conf(ngx_conf_t *cf,
    ngx_http_xr_loc_conf_t *prev, ngx_http_xr_loc_conf_t *conf);
char *ngx_http_xr_cache(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
extern ngx_conf_bitmask_t  ngx_http_xr_origin_next_masks[];

/* origin */
ngx_int_t ngx_http_xr_origin_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_origin_create_key(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_origin_keys(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, ngx_str_t *slice);

/* response */
ngx_int_t ngx_http_xr_response_init(ngx_conf_t *cf);
ngx_int_t ngx_http_xr_response_status_line(ngx_http_request_t *r);

/* response_body */
ngx_int_t ngx_http_xr_response_body_parse(ngx_http_request_t *r,
    ngx_buf_t *b, ngx_http_chunked_t *chunked);
ngx_int_t ngx_http_xr_response_body_init(void *data);
ngx_uint_t ngx_http_xr_response_body_begin(ngx_event_pipe_t *p,
    ngx_buf_t *buf);
ngx_int_t ngx_http_xr_response_body_copy(ngx_event_pipe_t *p,
    ngx_buf_t *buf);

/* status */
ngx_int_t ngx_http_xr_status_map(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_status_error(ngx_http_request_t *r);
void ngx_http_xr_status_forget(ngx_http_cache_t *c);

/* headers */
char *ngx_http_xr_headers_cache_control_slot(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_xr_headers_init(ngx_conf_t *cf);
ngx_table_elt_t *ngx_http_xr_headers_add(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *value);
ngx_int_t ngx_http_xr_headers_push(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value);
ngx_int_t ngx_http_xr_headers_vary(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
void ngx_http_xr_headers_type(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx);
ngx_int_t ngx_http_xr_headers_retry_after(ngx_http_request_t *r,
    ngx_msec_t ms);
ngx_int_t ngx_http_xr_headers_report(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_headers_copy(ngx_http_request_t *r,
    ngx_http_upstream_header_t *header, ngx_table_elt_t *h);
ngx_int_t ngx_http_xr_headers_text(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type, ngx_buf_t *b);
ngx_int_t ngx_http_xr_headers_json(ngx_http_request_t *r, ngx_uint_t status,
    ngx_buf_t *b);
ngx_table_elt_t *ngx_http_xr_headers_find(ngx_http_request_t *r,
    ngx_str_t *lowcase);

/* var */
ngx_int_t ngx_http_xr_var_add(ngx_conf_t *cf);
xr_str_t ngx_http_xr_var_client_addr(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);


#endif /* NGX_HTTP_XR_H */
