/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_REPLICA_H
#define NGX_HTTP_XR_REPLICA_H


#include "ngx_http_xr.h"


typedef struct ngx_http_xr_health_s  ngx_http_xr_health_t;


/* Where an origin is reached: an upstream group of NGINX's, and its name. */

struct ngx_http_xr_endpoint_s {
    ngx_str_t                      name;        /* "host:port" */
    ngx_uint_t                     number;      /* as tenants refer to it */
    ngx_uint_t                     tls;
    ngx_http_upstream_srv_conf_t  *upstream;
    ngx_http_complex_value_t       ssl_name;    /* SNI, and what is verified */
    ngx_http_xr_health_t          *health;      /* shared */
};


/*
 * What all workers know of an endpoint.  Times are those of ngx_current_msec,
 * which is one clock for all processes; 0 is none.
 */

struct ngx_http_xr_health_s {
    ngx_atomic_t                     sent;      /* first tries, in all */
    ngx_atomic_t                     failures;
    ngx_atomic_t                     fails;     /* in a row */
    ngx_atomic_t                     until;     /* passed over until then */
    ngx_atomic_t                     level;     /* how often in a row it was */
    ngx_atomic_t                     probe;     /* when one was sent */
    ngx_atomic_t                     ejections;
    ngx_atomic_t                     skew;      /* seconds, may be negative */

    /* of this second: what came, and what was tried again */

    ngx_atomic_t                     second;
    ngx_atomic_t                     requests;
    ngx_atomic_t                     retries;
    ngx_atomic_t                     refused;   /* retries, in all */
};


/* One of the places that an object may come from, in a request. */

typedef struct {
    xr_origin_t                      origin;    /* kind, host, base, region */
    ngx_http_xr_endpoint_t          *endpoint;

    void                            *data;      /* of its group's balancer */
    ngx_event_get_peer_pt            get;       /* NULL: not begun */
    ngx_event_free_peer_pt           free;
    ngx_event_set_peer_session_pt    set_session;
    ngx_event_save_peer_session_pt   save_session;
    ngx_uint_t                       tries;
    unsigned                         asked:1;
} ngx_http_xr_replica_t;


struct ngx_http_xr_replicas_s {
    ngx_http_request_t              *request;
    xr_credentials_t                 credentials;
    ngx_uint_t                       n;
    ngx_uint_t                       current;
    ngx_uint_t                       tries;     /* at once; 0: no bound */
    ngx_uint_t                       next;      /* if "chosen" */
    ngx_uint_t                       doubted;   /* who said 404; 0: nobody */
    u_char                           order[XR_TENANT_REPLICAS + 1];
    ngx_uint_t                       retries;   /* left, after a pause */
    ngx_msec_t                       pause;     /* before the next; 0: none */
    ngx_uint_t                       kinds;     /* of failures: one follows */
    ngx_uint_t                       next_upstream;     /* settings that are */
    ngx_msec_t                       connect_timeout;   /* others meanwhile */
    unsigned                         begun:1;   /* one was asked */
    unsigned                         paused:1;
    unsigned                         chosen:1;
    unsigned                         again:1;   /* its answer was no failure */
    unsigned                         resigned:1;
    unsigned                         rewrite:1; /* the request is another */
    ngx_http_xr_replica_t            list[];
};


/* endpoint */
ngx_http_xr_endpoint_t *ngx_http_xr_endpoint_add(ngx_conf_t *cf,
    xr_tenant_replica_t *t);
ngx_http_xr_endpoint_t *ngx_http_xr_endpoint_find(
    ngx_http_xr_main_conf_t *xmcf, xr_tenant_replica_t *t);
ngx_uint_t ngx_http_xr_endpoint_link_local(struct sockaddr *sockaddr);
char *ngx_http_xr_endpoint_declare(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_xr_endpoint_keepalive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* origin_try */
ngx_http_upstream_conf_t *ngx_http_xr_origin_try_settings(
    ngx_http_request_t *r, ngx_http_xr_loc_conf_t *xlcf);
ngx_int_t ngx_http_xr_origin_try_again(ngx_http_request_t *r);
void ngx_http_xr_origin_try_abort(ngx_http_request_t *r);
void ngx_http_xr_origin_try_end(ngx_http_request_t *r, ngx_int_t rc);

/* origin */
ngx_int_t ngx_http_xr_origin_rewrite(ngx_http_request_t *r);

/* status */
ngx_uint_t ngx_http_xr_status_doubts(ngx_http_request_t *r);

/* replica */
ngx_int_t ngx_http_xr_replica_start(ngx_http_request_t *r);
ngx_http_xr_replica_t *ngx_http_xr_replica_current(ngx_http_request_t *r);
ngx_uint_t ngx_http_xr_replica_is_other(ngx_http_request_t *r);
ngx_uint_t ngx_http_xr_replica_doubts(ngx_http_request_t *r);
void ngx_http_xr_replica_again(ngx_http_request_t *r);
void ngx_http_xr_replica_give_back(ngx_http_request_t *r);

/* outcome */
ngx_uint_t ngx_http_xr_outcome_closed(ngx_peer_connection_t *pc,
    ngx_http_xr_replicas_t *replicas, ngx_uint_t state);
void ngx_http_xr_outcome_report(ngx_http_xr_replicas_t *replicas,
    ngx_uint_t failed);

/* resolve */
char *ngx_http_xr_resolve_set_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_xr_resolve_group(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us, ngx_msec_t min);
void ngx_http_xr_resolve_process(ngx_http_xr_main_conf_t *xmcf);

/* health */
ngx_int_t ngx_http_xr_health_init(ngx_conf_t *cf,
    ngx_http_xr_main_conf_t *xmcf);
char *ngx_http_xr_health_report(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_xr_health_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_uint_t ngx_http_xr_health_ok(ngx_http_xr_main_conf_t *xmcf,
    ngx_http_xr_endpoint_t *endpoint);
void ngx_http_xr_health_request(ngx_http_xr_endpoint_t *endpoint);
ngx_uint_t ngx_http_xr_health_may_retry(ngx_http_xr_main_conf_t *xmcf,
    ngx_http_xr_endpoint_t *endpoint);
void ngx_http_xr_health_good(ngx_http_xr_endpoint_t *endpoint,
    ngx_log_t *log);
void ngx_http_xr_health_bad(ngx_http_xr_main_conf_t *xmcf,
    ngx_http_xr_endpoint_t *endpoint, ngx_log_t *log);
void ngx_http_xr_health_unknown(ngx_http_xr_endpoint_t *endpoint);

/* retry */
void ngx_http_xr_retry_begin(ngx_http_xr_replicas_t *replicas,
    ngx_http_upstream_conf_t *conf);
ngx_uint_t ngx_http_xr_retry_spare(ngx_http_xr_replicas_t *replicas);
ngx_uint_t ngx_http_xr_retry_throttled(ngx_http_request_t *r);
ngx_uint_t ngx_http_xr_retry_wanted(ngx_http_xr_replicas_t *replicas);
ngx_int_t ngx_http_xr_retry_pause(ngx_peer_connection_t *pc,
    ngx_http_xr_replicas_t *replicas);
void ngx_http_xr_retry_resume(ngx_peer_connection_t *pc,
    ngx_http_xr_replicas_t *replicas);

/* resign */
void ngx_http_xr_resign_date(ngx_http_request_t *r, u_char *value,
    size_t len);
ngx_uint_t ngx_http_xr_resign_wanted(ngx_http_request_t *r, xr_str_t code);


#endif /* NGX_HTTP_XR_REPLICA_H */
