/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_conf.h"
#include "ngx_http_xr_replica.h"


/*
 * Endpoints that fail are passed over for a while, by all workers, where there
 * is another one.  Nobody is asked for the sake of asking: when the time is
 * up, one request is sent there, and what becomes of it decides.
 */

#define NGX_HTTP_XR_HEALTH_FAILS   5
#define NGX_HTTP_XR_HEALTH_EJECT   10000        /* milliseconds */
#define NGX_HTTP_XR_HEALTH_MAX     300000
#define NGX_HTTP_XR_HEALTH_BUDGET  20           /* per cent */

/* So many retries a second there may be, however little there is to do. */

#define NGX_HTTP_XR_HEALTH_LEAST   10

/* A probe that nobody has heard of since is none; in milliseconds. */

#define NGX_HTTP_XR_HEALTH_PROBE   30000

/* What a report has of an endpoint, beside its name. */

#define NGX_HTTP_XR_HEALTH_REPORT  (6 * NGX_ATOMIC_T_LEN + 160)


static ngx_int_t ngx_http_xr_health_handler(ngx_http_request_t *r);
static u_char *ngx_http_xr_health_counts(u_char *p,
    ngx_http_xr_endpoint_t *e);
static ngx_int_t ngx_http_xr_health_zone(ngx_shm_zone_t *zone, void *data);
static ngx_int_t ngx_http_xr_health_param(ngx_http_xr_health_conf_t *h,
    ngx_str_t *value);
static ngx_msec_t ngx_http_xr_health_time(ngx_http_xr_health_conf_t *conf,
    ngx_uint_t level);
static void ngx_http_xr_health_second(ngx_http_xr_health_t *h);


/* xr_origin_health [fails=n] [eject=time] [max=time] [slow=time] [budget=n] */

char *
ngx_http_xr_health_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    ngx_str_t                  *value;
    ngx_uint_t                  i;
    ngx_http_xr_health_conf_t  *h;

    h = &xmcf->health;

    if (h->set) {
        return "is duplicate";
    }

    h->set = 1;
    h->fails = NGX_HTTP_XR_HEALTH_FAILS;
    h->eject = NGX_HTTP_XR_HEALTH_EJECT;
    h->max = NGX_HTTP_XR_HEALTH_MAX;
    h->budget = NGX_HTTP_XR_HEALTH_BUDGET;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_http_xr_health_param(h, &value[i]) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": there are fails= "
                               "(0 to 1000), eject= and max= (times above 0 "
                               "and up to a day), slow= (a time) and budget= "
                               "(0 to 100)", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    if (h->max < h->eject) {
        return "has a \"max=\" below its \"eject=\"";
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_xr_health_param(ngx_http_xr_health_conf_t *h, ngx_str_t *value)
{
    ngx_int_t    n;
    ngx_str_t    s;
    ngx_uint_t   i, time;

    static const ngx_str_t  names[] = {
        ngx_string("fails="), ngx_string("eject="), ngx_string("max="),
        ngx_string("slow="), ngx_string("budget=")
    };

    i = ngx_http_xr_conf_param(value, names,
                               sizeof(names) / sizeof(ngx_str_t), &s);

    if (i == sizeof(names) / sizeof(ngx_str_t)) {
        return NGX_ERROR;
    }

    time = (i >= 1 && i <= 3);
    n = time ? ngx_parse_time(&s, 0) : ngx_atoi(s.data, s.len);

    if (n == NGX_ERROR || (time && n > 86400000)) {
        return NGX_ERROR;
    }

    switch (i) {

    case 0:
        h->fails = n;
        return (n <= 1000) ? NGX_OK : NGX_ERROR;

    case 1:
        h->eject = n;
        return (n > 0) ? NGX_OK : NGX_ERROR;

    case 2:
        h->max = n;
        return (n > 0) ? NGX_OK : NGX_ERROR;

    case 3:
        h->slow = n;
        return NGX_OK;

    default: /* budget= */
        h->budget = n;
        return (n <= 100) ? NGX_OK : NGX_ERROR;
    }
}


/* All endpoints are known when the configuration has been read. */

ngx_int_t
ngx_http_xr_health_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf)
{
    size_t                      size;
    ngx_shm_zone_t             *zone;
    ngx_http_xr_health_conf_t  *h;

    static ngx_str_t  name = ngx_string("xr_origin");

    h = &xmcf->health;

    if (!h->set) {
        h->fails = NGX_HTTP_XR_HEALTH_FAILS;
        h->eject = NGX_HTTP_XR_HEALTH_EJECT;
        h->max = NGX_HTTP_XR_HEALTH_MAX;
        h->budget = NGX_HTTP_XR_HEALTH_BUDGET;
    }

    size = xmcf->endpoints.nelts * sizeof(ngx_http_xr_health_t);

    zone = ngx_shared_memory_add(cf, &name,
                                 ngx_align(2 * size, ngx_pagesize)
                                 + 8 * ngx_pagesize,
                                 &ngx_http_xr_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->noreuse = 1;                  /* endpoints have other numbers */
    zone->init = ngx_http_xr_health_zone;
    zone->data = xmcf;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_health_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_uint_t                 i;
    ngx_slab_pool_t           *slab;
    ngx_http_xr_health_t      *health;
    ngx_http_xr_endpoint_t   **e;
    ngx_http_xr_main_conf_t   *xmcf;

    xmcf = zone->data;
    slab = (ngx_slab_pool_t *) zone->shm.addr;

    health = ngx_slab_calloc(slab, (xmcf->endpoints.nelts + 1)
                                   * sizeof(ngx_http_xr_health_t));
    if (health == NULL) {
        return NGX_ERROR;
    }

    e = xmcf->endpoints.elts;

    for (i = 0; i < xmcf->endpoints.nelts; i++) {
        e[i]->health = &health[i];
    }

    return NGX_OK;
}


/*
 * Whether a request may go to an endpoint; to one whose time is up, a single
 * one may, and has to report what became of it.
 */

ngx_uint_t
ngx_http_xr_health_ok(ngx_http_xr_main_conf_t *xmcf,
    ngx_http_xr_endpoint_t *endpoint)
{
    ngx_atomic_uint_t      until, probe, now;
    ngx_http_xr_health_t  *h;

    h = endpoint->health;
    until = h->until;

    if (until == 0) {
        return 1;
    }

    now = ngx_current_msec;

    if ((ngx_msec_int_t) (until - now) > 0) {
        return 0;
    }

    probe = h->probe;

    if (probe != 0 && now - probe < NGX_HTTP_XR_HEALTH_PROBE) {
        return 0;
    }

    return ngx_atomic_cmp_set(&h->probe, probe, now | 1);
}


/* Begins another second. */

static void
ngx_http_xr_health_second(ngx_http_xr_health_t *h)
{
    ngx_atomic_uint_t  second, now;

    second = h->second;
    now = ngx_time();

    if (second != now && ngx_atomic_cmp_set(&h->second, second, now)) {
        h->requests = 0;
        h->retries = 0;
    }
}


void
ngx_http_xr_health_request(ngx_http_xr_endpoint_t *endpoint)
{
    ngx_http_xr_health_t  *h;

    h = endpoint->health;

    ngx_http_xr_health_second(h);

    (void) ngx_atomic_fetch_add(&h->requests, 1);
    (void) ngx_atomic_fetch_add(&h->sent, 1);
}


/* A share of what comes, so that an outage is not made worse by us. */

ngx_uint_t
ngx_http_xr_health_may_retry(ngx_http_xr_main_conf_t *xmcf,
    ngx_http_xr_endpoint_t *endpoint)
{
    ngx_http_xr_health_t  *h;

    h = endpoint->health;

    ngx_http_xr_health_second(h);

    if (h->retries < NGX_HTTP_XR_HEALTH_LEAST
                     + h->requests * xmcf->health.budget / 100)
    {
        (void) ngx_atomic_fetch_add(&h->retries, 1);
        return 1;
    }

    (void) ngx_atomic_fetch_add(&h->refused, 1);

    return 0;
}


void
ngx_http_xr_health_good(ngx_http_xr_endpoint_t *endpoint, ngx_log_t *log)
{
    ngx_atomic_uint_t      until;
    ngx_http_xr_health_t  *h;

    h = endpoint->health;

    if (h->fails != 0) {
        h->fails = 0;
    }

    until = h->until;

    if (until == 0 || !ngx_atomic_cmp_set(&h->until, until, 0)) {
        return;
    }

    h->level = 0;
    h->probe = 0;

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "xr: endpoint \"%V\" is back in service",
                  &endpoint->name);
}


/* Doubled each time, with a quarter of it at random, up to a bound. */

static ngx_msec_t
ngx_http_xr_health_time(ngx_http_xr_health_conf_t *conf, ngx_uint_t level)
{
    ngx_msec_t  ms;

    ms = (level < 20) ? conf->eject << level : conf->max;
    ms = ngx_min(ms, conf->max);

    return ms - ms / 4 + (ngx_msec_t) ngx_random() % (ms / 4 + 1);
}


void
ngx_http_xr_health_bad(ngx_http_xr_main_conf_t *xmcf,
    ngx_http_xr_endpoint_t *endpoint, ngx_log_t *log)
{
    ngx_msec_t                  ms;
    ngx_atomic_uint_t           fails, until;
    ngx_http_xr_health_t       *h;
    ngx_http_xr_health_conf_t  *conf;

    h = endpoint->health;
    conf = &xmcf->health;

    (void) ngx_atomic_fetch_add(&h->failures, 1);
    fails = ngx_atomic_fetch_add(&h->fails, 1) + 1;
    until = h->until;

    if (conf->fails == 0
        || (until == 0 && fails < conf->fails)
        || (until != 0 && (ngx_msec_int_t) (until - ngx_current_msec) > 0))
    {
        return;
    }

    ms = ngx_http_xr_health_time(conf, h->level);

    if (!ngx_atomic_cmp_set(&h->until, until, (ngx_current_msec + ms) | 1)) {
        return;
    }

    (void) ngx_atomic_fetch_add(&h->level, 1);
    (void) ngx_atomic_fetch_add(&h->ejections, 1);
    h->probe = 0;

    ngx_log_error(NGX_LOG_WARN, log, 0,
                  "xr: endpoint \"%V\" has failed %uA times in a row, where "
                  "there is another it is passed over for %M ms",
                  &endpoint->name, fails, ms);
}


/* The client went away before an answer came. */

void
ngx_http_xr_health_unknown(ngx_http_xr_endpoint_t *endpoint)
{
    if (endpoint->health->probe != 0) {
        endpoint->health->probe = 0;
    }
}


/* xr_origin_report; */

char *
ngx_http_xr_health_report(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_xr_health_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_xr_health_handler(ngx_http_request_t *r)
{
    size_t                     size;
    ngx_buf_t                 *b;
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    ngx_http_xr_endpoint_t   **e;
    ngx_http_xr_main_conf_t   *xmcf;

    rc = ngx_http_xr_headers_report(r);

    if (rc != NGX_OK) {
        return rc;
    }

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (!xmcf->enable) {
        return NGX_HTTP_NOT_FOUND;
    }

    size = sizeof("{\"endpoints\": {}}\n");
    e = xmcf->endpoints.elts;

    for (i = 0; i < xmcf->endpoints.nelts; i++) {
        size += e[i]->name.len + NGX_HTTP_XR_HEALTH_REPORT
                + ngx_escape_json(NULL, e[i]->name.data, e[i]->name.len);
    }

    b = ngx_create_temp_buf(r->pool, size);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_sprintf(b->last, "{\"endpoints\": {");

    for (i = 0; i < xmcf->endpoints.nelts; i++) {
        b->last = ngx_sprintf(b->last, "%s\n", (i == 0) ? "" : ",");
        b->last = ngx_http_xr_health_counts(b->last, e[i]);
    }

    b->last = ngx_sprintf(b->last, "}}\n");

    return ngx_http_xr_headers_json(r, NGX_HTTP_OK, b);
}


static u_char *
ngx_http_xr_health_counts(u_char *p, ngx_http_xr_endpoint_t *e)
{
    ngx_http_xr_health_t  *h;

    h = e->health;

    p = ngx_sprintf(p, "  \"");
    p = (u_char *) ngx_escape_json(p, e->name.data, e->name.len);

    return ngx_sprintf(p, "\": {\"in_service\": %ui, \"requests\": %uA, "
                          "\"failures\": %uA, \"ejections\": %uA, "
                          "\"retries_refused\": %uA, \"clock\": %A}",
                       (ngx_uint_t) (h->until == 0), h->sent, h->failures,
                       h->ejections, h->refused, (ngx_atomic_int_t) h->skew);
}
