/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_VARIANT_H
#define NGX_HTTP_XR_VARIANT_H


#include "ngx_http_xr.h"

#include "xr_select.h"


/*
 * Variants: of an object that has a manifest a client gets the one that suits
 * its device.  Which one is decided before anything is looked for in the
 * cache, so that an object's variants are stored once each, whoever asks.
 */

#define NGX_HTTP_XR_VARIANTS_OFF       0
#define NGX_HTTP_XR_VARIANTS_ON        1        /* in the object's place */
#define NGX_HTTP_XR_VARIANTS_REDIRECT  2


/* How often one request may wait for others before it goes without. */

#define NGX_HTTP_XR_MANIFEST_TRIES     3


/* What there is in the place of an object. */

typedef enum {
    NGX_HTTP_XR_VARIANT_NONE = 0,               /* it has no manifest */
    NGX_HTTP_XR_VARIANT_CHOSEN,
    NGX_HTTP_XR_VARIANT_MANIFEST,               /* that is asked for itself */
    NGX_HTTP_XR_VARIANT_UNFIT                   /* none for this device */
} ngx_http_xr_variant_state_t;


/* Of a client's request. */

typedef struct ngx_http_xr_fetch_s  ngx_http_xr_fetch_t;

struct ngx_http_xr_variant_s {
    ngx_str_t                      object;      /* that was asked for */
    ngx_http_xr_variant_state_t    state;
    xr_select_wish_t               wish;
    u_char                         tag[XR_SIPHASH_SIZE];    /* of the manifest
                                                               in the store */
    ngx_http_xr_fetch_t           *fetch;       /* under way, or NULL */
    ngx_uint_t                     tries;       /* to get the manifest */
    int                            index;       /* of the variant */
    uint64_t                       version;     /* of the manifest's text */
    uint64_t                       missing;     /* bits: those whose objects
                                                   are not there */
    ngx_str_t                      id;
    ngx_str_t                      arm;
    ngx_str_t                      reason;
    ngx_str_t                      field;       /* XR-Variant */
    ngx_str_t                      path;        /* below "<object>.xr/" */
    ngx_str_t                      links;       /* Link; or empty */
    unsigned                       manifest:1;  /* "xr_manifest" was given */
    unsigned                       part:1;      /* "part" was */
    unsigned                       split:1;     /* it depends on who asks */
    unsigned                       instead:1;   /* of one that is missing */
    unsigned                       fitted:1;    /* a texture, to a class */
    unsigned                       swayed:1;    /* by headers, though the URL
                                                   names a class */
    unsigned                       renewed:1;   /* another manifest than the
                                                   one it began with */
};


/* variant */
ngx_int_t ngx_http_xr_variant_step(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
ngx_uint_t ngx_http_xr_variant_missing(ngx_http_request_t *r);
void ngx_http_xr_variant_lost(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx);
ngx_uint_t ngx_http_xr_variant_chosen(ngx_http_request_t *r);
ngx_uint_t ngx_http_xr_variant_instead(ngx_http_request_t *r);
xr_str_t ngx_http_xr_variant_var_id(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
xr_str_t ngx_http_xr_variant_var_reason(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
xr_str_t ngx_http_xr_variant_var_arm(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);

/* variant_known */
ngx_int_t ngx_http_xr_variant_known_init(ngx_conf_t *cf,
    ngx_http_xr_main_conf_t *xmcf);
ngx_int_t ngx_http_xr_variant_known_get(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_manifest_variant_t *variant);
xr_rc_t ngx_http_xr_variant_known_select(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, const xr_manifest_t *manifest,
    xr_select_t *chosen, xr_manifest_variant_t *variant);
void ngx_http_xr_variant_known_keep(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, const xr_manifest_variant_t *variant);

/* variant_answer */
ngx_int_t ngx_http_xr_variant_answer_redirect(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_variant_answer_unfit(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_variant_answer_headers(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
ngx_str_t *ngx_http_xr_variant_answer_policy(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
ngx_uint_t ngx_http_xr_variant_answer_private(ngx_http_xr_ctx_t *ctx);
xr_str_t ngx_http_xr_variant_answer_rest(ngx_http_request_t *r, xr_str_t query,
    u_char *memory);

/* variant_cover */

typedef enum {
    NGX_HTTP_XR_COVER_NOTHING = 0,  /* needs nothing, or it is sent anyway */
    NGX_HTTP_XR_COVER_COOKIE,
    NGX_HTTP_XR_COVER_HEADER,
    NGX_HTTP_XR_COVER_QUERY
} ngx_http_xr_cover_t;

ngx_http_xr_cover_t ngx_http_xr_variant_cover_carrier(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
ngx_uint_t ngx_http_xr_variant_cover_path(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_str_t path, xr_str_t query);

/* variant_link */
ngx_int_t ngx_http_xr_variant_link_set(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, const xr_manifest_t *manifest,
    const xr_manifest_variant_t *variant);

/* variant_fit */
const xr_device_t *ngx_http_xr_variant_fit_device(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
ngx_int_t ngx_http_xr_variant_fit_texture(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
ngx_uint_t ngx_http_xr_variant_fit_swayed(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, const xr_manifest_t *manifest,
    const xr_manifest_variant_t *variant);

/* variant_conf */
void ngx_http_xr_variant_conf_create(ngx_http_xr_variant_conf_t *conf);
void ngx_http_xr_variant_conf_merge(ngx_http_xr_variant_conf_t *prev,
    ngx_http_xr_variant_conf_t *conf);
char *ngx_http_xr_variant_conf_mode(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_xr_variant_conf_valid(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* manifest */
ngx_int_t ngx_http_xr_manifest_init(ngx_conf_t *cf,
    ngx_http_xr_main_conf_t *xmcf);
ngx_shmtx_t *ngx_http_xr_manifest_mutex(ngx_http_xr_main_conf_t *xmcf);
void ngx_http_xr_manifest_tag(ngx_http_xr_main_conf_t *xmcf,
    uint64_t generation, const xr_site_t *site, xr_str_t object,
    u_char tag[XR_SIPHASH_SIZE]);
ngx_int_t ngx_http_xr_manifest_get(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_manifest_t *manifest, uint64_t *missing);
ngx_uint_t ngx_http_xr_manifest_fresh(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
void ngx_http_xr_manifest_note(ngx_http_request_t *r, u_char *tag,
    uint64_t version, uint64_t missing);
void ngx_http_xr_manifest_outdate(ngx_http_xr_main_conf_t *xmcf,
    const xr_site_t *site, xr_str_t object);
void ngx_http_xr_manifest_expire(ngx_http_xr_main_conf_t *xmcf);

/* An image that was copied from the store, or compiled: one at a time. */
extern u_char  ngx_http_xr_manifest_image[];

/* manifest_fetch */
ngx_int_t ngx_http_xr_manifest_fetch_init(ngx_conf_t *cf);
ngx_int_t ngx_http_xr_manifest_fetch_get(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, ngx_uint_t refresh, ngx_uint_t background);
ngx_uint_t ngx_http_xr_manifest_fetch_waits(ngx_http_xr_fetch_t *fetch);
ngx_uint_t ngx_http_xr_manifest_fetch_refreshes(ngx_http_request_t *r);
time_t ngx_http_xr_manifest_fetch_max(ngx_http_request_t *r);


#endif /* NGX_HTTP_XR_VARIANT_H */
