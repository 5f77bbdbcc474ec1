/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_H
#define NGX_HTTP_XR_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "xr_edgeauth.h"
#include "xr_path.h"
#include "xr_sigv4.h"
#include "xr_tenant_table.h"


#define NGX_HTTP_XR_FROM_HOST       0x0002
#define NGX_HTTP_XR_FROM_PATH       0x0004

#define NGX_HTTP_XR_AUTH_EDGEAUTH   0x0002
#define NGX_HTTP_XR_AUTH_PUBLIC     0x0004


/* Where an origin is reached: an upstream group of NGINX's, and its name. */

typedef struct {
    ngx_str_t                      name;        /* "host:port" */
    ngx_uint_t                     tls;
    ngx_http_upstream_srv_conf_t  *upstream;
    ngx_http_complex_value_t       ssl_name;    /* SNI, and what is verified */
} ngx_http_xr_endpoint_t;


/* What the module adds to a tenant. */

typedef struct {
    xr_tenant_t                    tenant;
    ngx_http_xr_endpoint_t        *endpoint;
    ngx_str_t                      cache_prefix;
    xr_sigv4_key_t                 signing_key;     /* this worker's memory */
} ngx_http_xr_tenant_t;


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


typedef struct {
    ngx_uint_t                     enable;      /* "xr on" somewhere */
    xr_mem_t                       mem;         /* cf->pool */
    xr_tenant_table_t              tenants;
    ngx_array_t                    endpoints;   /* ngx_http_xr_endpoint_t * */
    ngx_int_t                      keepalive;
    ngx_http_xr_tls_t              tls;
    ngx_array_t                    caches;      /* ngx_http_file_cache_t * */
    ngx_http_xr_origin_header_t    origin_headers[NGX_HTTP_XR_ORIGIN_SLOTS];
} ngx_http_xr_main_conf_t;


typedef struct {
    ngx_flag_t                     enable;      /* "xr on" in this server */
    ngx_str_t                      token_name;
} ngx_http_xr_srv_conf_t;


typedef struct {
    ngx_flag_t                     enable;
    ngx_uint_t                     auth;
    ngx_uint_t                     tenant_from;
    ngx_str_t                      cache_control;
    ngx_http_upstream_conf_t       upstream;
} ngx_http_xr_loc_conf_t;


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
    ngx_str_t                      token;       /* a copy, it is masked */
    ngx_uint_t                     tokens;      /* how many were presented */

    ngx_http_xr_tenant_t          *tenant;
    ngx_str_t                      object;      /* the key below the origin */

    xr_principal_t                 who;
    xr_deny_t                      deny;

    unsigned                       checked:1;   /* target has one reading */
    unsigned                       malformed:1; /* a token beyond decoding */
    unsigned                       public:1;
    unsigned                       granted:1;
    unsigned                       preflight:1;
    unsigned                       decorated:1; /* has its headers */
} ngx_http_xr_ctx_t;


/* One exchange with the origin; a request has several when it retries. */

typedef struct {
    ngx_http_status_t              status;
    ngx_http_chunked_t             chunked;
    unsigned                       cacheable:1; /* before the first try */
    unsigned                       head:1;      /* the method sent */
    unsigned                       ranged:1;    /* Range was sent */
    unsigned                       conditional:1;
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


/* gate */
ngx_int_t ngx_http_xr_gate_handler(ngx_http_request_t *r);
ngx_http_xr_ctx_t *ngx_http_xr_get_ctx(ngx_http_request_t *r);
ngx_http_xr_ctx_t *ngx_http_xr_make_ctx(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_deny(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_deny_t deny, ngx_int_t status);

/* token */
ngx_int_t ngx_http_xr_token_handler(ngx_http_request_t *r);
xr_str_t ngx_http_xr_token_uri(ngx_http_request_t *r);
char *ngx_http_xr_token_name(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* tenant */
char *ngx_http_xr_tenant_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_xr_tenant_step(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);

/* auth */
ngx_int_t ngx_http_xr_auth_step(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);

/* cors */
ngx_int_t ngx_http_xr_cors_step(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
ngx_int_t ngx_http_xr_cors_headers(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);

/* endpoint */
ngx_http_xr_endpoint_t *ngx_http_xr_endpoint_add(ngx_conf_t *cf,
    xr_tenant_t *t);
char *ngx_http_xr_endpoint_keepalive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

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

/* response */
ngx_int_t ngx_http_xr_response_init(ngx_conf_t *cf);
ngx_int_t ngx_http_xr_response_status_line(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_response_parse_chunk(ngx_http_request_t *r,
    ngx_buf_t *b, ngx_http_chunked_t *chunked);
ngx_int_t ngx_http_xr_response_filter_init(void *data);
ngx_int_t ngx_http_xr_response_copy_filter(ngx_event_pipe_t *p,
    ngx_buf_t *buf);

/* status */
ngx_int_t ngx_http_xr_status_map(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_status_error(ngx_http_request_t *r);

/* headers */
char *ngx_http_xr_headers_cache_control_slot(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_xr_headers_init(ngx_conf_t *cf);
ngx_int_t ngx_http_xr_headers_push(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value);

/* file */
ngx_int_t ngx_http_xr_file_read(ngx_conf_t *cf, xr_str_t name,
    ngx_str_t *path, ngx_str_t *text);

/* var */
ngx_int_t ngx_http_xr_var_add(ngx_conf_t *cf);


#endif /* NGX_HTTP_XR_H */
