/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_cut.h"
#include "ngx_http_xr_encode.h"
#include "ngx_http_xr_slice.h"
#include "ngx_http_xr_variant.h"

#include "xr_http_date.h"


/*
 * For how long what is in the cache is fresh, and when it may be sent after
 * that.  NGINX is told three times, of which it knows no reason: until when,
 * and how long beyond that while it is renewed or its origin fails.
 */

/* Of slices behind the root, which have their version in their key. */

#define NGX_HTTP_XR_FRESHNESS_SLICE  (365 * 24 * 60 * 60)

#define NGX_HTTP_XR_FRESHNESS_DIGITS  10        /* of XR_FRESHNESS_MAX */

/* "xr_cache_use_stale", where it is not given. */

#define NGX_HTTP_XR_FRESHNESS_STALE                                           \
    (NGX_CONF_BITMASK_SET|NGX_HTTP_UPSTREAM_FT_ERROR                          \
     |NGX_HTTP_UPSTREAM_FT_TIMEOUT|NGX_HTTP_UPSTREAM_FT_INVALID_HEADER        \
     |NGX_HTTP_UPSTREAM_FT_HTTP_502|NGX_HTTP_UPSTREAM_FT_HTTP_503             \
     |NGX_HTTP_UPSTREAM_FT_HTTP_504|NGX_HTTP_UPSTREAM_FT_UPDATING)


static ngx_int_t ngx_http_xr_freshness_default(ngx_conf_t *cf,
    ngx_http_xr_freshness_conf_t *conf, ngx_array_t *valid);
static int64_t ngx_http_xr_freshness_time(xr_str_t value);
static ngx_http_xr_freshness_kind_t ngx_http_xr_freshness_kind(xr_str_t name);
static void ngx_http_xr_freshness_decide(ngx_http_request_t *r,
    ngx_uint_t status, ngx_uint_t validator, xr_freshness_t *out);
static void ngx_http_xr_freshness_set(ngx_http_request_t *r,
    xr_freshness_t *f);
static ngx_uint_t ngx_http_xr_freshness_of_stored(ngx_http_request_t *r);


void
ngx_http_xr_freshness_create(ngx_http_xr_freshness_conf_t *conf)
{
    conf->policy = NGX_CONF_UNSET_PTR;
}


/*
 * While an object is renewed the old one is sent for as long as it says, so
 * NGINX is not told to do so always.
 */

char *
ngx_http_xr_freshness_merge(ngx_conf_t *cf, ngx_http_xr_freshness_conf_t *prev,
    ngx_http_xr_freshness_conf_t *conf, ngx_http_upstream_conf_t *upstream)
{
    ngx_conf_merge_bitmask_value(conf->use_stale, prev->use_stale,
                                 NGX_HTTP_XR_FRESHNESS_STALE);

    if (conf->use_stale & NGX_HTTP_UPSTREAM_FT_OFF) {
        conf->use_stale = NGX_CONF_BITMASK_SET|NGX_HTTP_UPSTREAM_FT_OFF;
    }

    if (conf->use_stale & NGX_HTTP_UPSTREAM_FT_ERROR) {
        conf->use_stale |= NGX_HTTP_UPSTREAM_FT_NOLIVE;
    }

    upstream->cache_use_stale = conf->use_stale
                                & ~(ngx_uint_t) NGX_HTTP_UPSTREAM_FT_UPDATING;

    if (conf->policy == NGX_CONF_UNSET_PTR) {
        conf->given = prev->given;
        conf->policy = prev->given ? prev->policy : NULL;
    }

    if (conf->policy != NULL) {
        return NGX_CONF_OK;
    }

    return ngx_http_xr_freshness_default(cf, conf, upstream->cache_valid)
           == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/*
 * Without a policy "xr_cache_valid" says how long, and "xr_cache_use_stale"
 * for how long after that: as long as it is there.
 */

static ngx_int_t
ngx_http_xr_freshness_default(ngx_conf_t *cf,
    ngx_http_xr_freshness_conf_t *conf, ngx_array_t *valid)
{
    time_t                  ttl, negative;
    xr_freshness_policy_t  *policy;

    policy = ngx_palloc(cf->pool, sizeof(xr_freshness_policy_t));

    if (policy == NULL
        || xr_freshness_policy_parse(NULL, 0, policy, NULL) != XR_OK)
    {
        return NGX_ERROR;
    }

    ttl = ngx_http_file_cache_valid(valid, NGX_HTTP_OK);
    negative = ngx_http_file_cache_valid(valid, NGX_HTTP_NOT_FOUND);

    policy->ttl = ngx_min(ttl, XR_FRESHNESS_MAX);
    policy->negative = ngx_min(negative, XR_FRESHNESS_MAX);
    policy->stale_while_revalidate = XR_FRESHNESS_MAX;
    policy->stale_if_error = XR_FRESHNESS_MAX;

    conf->policy = policy;

    return NGX_OK;
}


/* xr_cache_policy parameter ... | off */

char *
ngx_http_xr_freshness_policy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_loc_conf_t *xlcf = conf;

    xr_str_t                args[NGX_CONF_MAX_ARGS];
    xr_err_t                err;
    ngx_str_t              *value;
    ngx_uint_t              i, n;
    xr_freshness_policy_t  *policy;

    if (xlcf->freshness.policy != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;
    n = cf->args->nelts - 1;

    if (n == 1 && ngx_strcmp(value[1].data, "off") == 0) {
        xlcf->freshness.policy = NULL;
        return NGX_CONF_OK;
    }

    policy = ngx_palloc(cf->pool, sizeof(xr_freshness_policy_t));
    if (policy == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < n; i++) {
        args[i] = ngx_http_xr_view(&value[i + 1]);
    }

    if (xr_freshness_policy_parse(args, n, policy, &err) != XR_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" %s",
                           &value[err.pos + 1], err.what);
        return NGX_CONF_ERROR;
    }

    xlcf->freshness.policy = policy;
    xlcf->freshness.given = 1;

    return NGX_CONF_OK;
}


/* Called for each try: what an earlier one said does not count. */

ngx_int_t
ngx_http_xr_freshness_begin(ngx_http_request_t *r)
{
    ngx_http_xr_origin_t     *exchange;
    xr_freshness_response_t  *heard;

    exchange = r->upstream->input_filter_ctx;
    heard = exchange->freshness.heard;

    if (heard == NULL) {
        heard = ngx_palloc(r->pool, sizeof(xr_freshness_response_t));
        if (heard == NULL) {
            return NGX_ERROR;
        }

        exchange->freshness.heard = heard;
    }

    ngx_memzero(heard, sizeof(xr_freshness_response_t));

    heard->asked = ngx_time();
    heard->date = XR_FRESHNESS_NONE;
    heard->expires = XR_FRESHNESS_NONE;

    exchange->freshness.born = 0;
    exchange->freshness.lines = 0;

    return NGX_OK;
}


/*
 * Whether what is in the cache may stand in for an error.  NGINX would take
 * an open window for leave in any case; "conf" is the request's own.
 */

void
ngx_http_xr_freshness_windows(ngx_http_request_t *r,
    ngx_http_upstream_conf_t *conf)
{
    if (r->cache == NULL
        || r->upstream->cache_status != NGX_HTTP_CACHE_EXPIRED)
    {
        return;
    }

    if (!r->cache->stale_error) {
        conf->cache_use_stale = 0;
    }

    r->cache->stale_error = 0;
}


/* A date; what is none was long ago. */

static int64_t
ngx_http_xr_freshness_time(xr_str_t value)
{
    int64_t  t;

    return (xr_http_date(value, ngx_time(), &t) == XR_OK && t > 0) ? t : 0;
}


/* A line of the origin's answer. */

void
ngx_http_xr_freshness_hear(ngx_http_request_t *r,
    ngx_http_xr_freshness_kind_t kind, xr_str_t value)
{
    int64_t                   t;
    ngx_http_xr_origin_t     *exchange;
    xr_freshness_response_t  *heard;

    exchange = r->upstream->input_filter_ctx;
    heard = exchange->freshness.heard;

    switch (kind) {

    case NGX_HTTP_XR_FRESHNESS_CACHE_CONTROL:
        xr_freshness_field_cache_control(&heard->cache_control, value);
        exchange->freshness.lines += ngx_crc32_short((u_char *) value.data,
                                                     value.len);
        return;

    case NGX_HTTP_XR_FRESHNESS_TARGETED:
        xr_freshness_field_targeted(&heard->targeted, value);
        exchange->freshness.lines += 3 * ngx_crc32_short((u_char *) value.data,
                                                         value.len);
        return;

    case NGX_HTTP_XR_FRESHNESS_EXPIRES:
        t = ngx_http_xr_freshness_time(value);

        if (heard->expires == XR_FRESHNESS_NONE || t < heard->expires) {
            heard->expires = t;
        }

        return;

    case NGX_HTTP_XR_FRESHNESS_DATE:
        t = ngx_http_xr_freshness_time(value);
        heard->date = (t != 0) ? t : XR_FRESHNESS_NONE;
        return;

    case NGX_HTTP_XR_FRESHNESS_AGE:
        t = xr_freshness_age_field(value);
        heard->age = ngx_max(heard->age, t);
        return;

    case NGX_HTTP_XR_FRESHNESS_COOKIE:
        heard->set_cookie = true;
        return;

    case NGX_HTTP_XR_FRESHNESS_VARY:
        heard->vary_any |= memchr(value.data, '*', value.len) != NULL;
        return;

    case NGX_HTTP_XR_FRESHNESS_NOTHING:
        return;
    }
}


/* Of a line that is stored. */

static ngx_http_xr_freshness_kind_t
ngx_http_xr_freshness_kind(xr_str_t name)
{
    if (xr_str_eq(name, xr_str("Cache-Control"))) {
        return NGX_HTTP_XR_FRESHNESS_CACHE_CONTROL;
    }

    if (xr_str_eq(name, xr_str("CDN-Cache-Control"))) {
        return NGX_HTTP_XR_FRESHNESS_TARGETED;
    }

    return xr_str_eq(name, xr_str("Expires")) ? NGX_HTTP_XR_FRESHNESS_EXPIRES
                                              : NGX_HTTP_XR_FRESHNESS_NOTHING;
}


static void
ngx_http_xr_freshness_decide(ngx_http_request_t *r, ngx_uint_t status,
    ngx_uint_t validator, xr_freshness_t *out)
{
    uint64_t                  hash;
    xr_freshness_policy_t     own;
    ngx_http_xr_origin_t     *exchange;
    ngx_http_xr_loc_conf_t   *xlcf;
    xr_freshness_policy_t    *policy;
    xr_freshness_response_t  *heard;

    static const u_char  none[XR_SIPHASH_KEY_SIZE];

    exchange = r->upstream->input_filter_ctx;
    heard = exchange->freshness.heard;

    heard->status = status;
    heard->validator = validator && r->upstream->conf->cache_revalidate;
    heard->http_1_0 = exchange->status.http_version < NGX_HTTP_VERSION_11;
    heard->received = ngx_time();

    if (xr_site_cache_policy(ngx_http_xr_get_ctx(r)->tenant, &own) == XR_OK) {
        policy = &own;

    } else {
        xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);
        policy = xlcf->freshness.policy;
    }

    /* objects that come at the same time are not to expire at the same time */

    hash = (r->cache == NULL) ? 0
           : xr_siphash_64(none, heard->received,
                           xr_str_of(r->cache->key, NGX_HTTP_CACHE_KEY_LEN));

    xr_freshness_decide(heard, policy, hash, out);

    exchange->freshness.born = heard->received - out->age;

    /* beside max-age nobody looks at Expires, which may differ each time */

    if (heard->expires != XR_FRESHNESS_NONE
        && !xr_freshness_field_has(&heard->cache_control,
                                   XR_FRESHNESS_MAX_AGE))
    {
        exchange->freshness.lines += (uint32_t) heard->expires * 5;
    }
}


/* It is fresh while now < received + fresh; NGINX: while now <= valid_sec. */

static void
ngx_http_xr_freshness_set(ngx_http_request_t *r, xr_freshness_t *f)
{
    time_t                     max;
    ngx_http_cache_t          *c;
    ngx_http_xr_loc_conf_t    *xlcf;
    ngx_http_xr_slice_part_t  *part;

    c = r->cache;
    part = ngx_http_xr_slice_part_of(r);

    if (part != NULL && part->number != 0) {
        c->valid_sec = ngx_time() + NGX_HTTP_XR_FRESHNESS_SLICE;
        c->updating_sec = 0;
        c->error_sec = 0;

        return;
    }

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    max = ngx_http_xr_manifest_fetch_max(r);

    c->valid_sec = ngx_time() - 1
                   + ((max != 0) ? ngx_min(f->fresh, max) : f->fresh);
    c->updating_sec = (xlcf->freshness.use_stale
                       & NGX_HTTP_UPSTREAM_FT_UPDATING)
                      ? f->stale_while_revalidate : 0;
    c->error_sec = f->stale_if_error;
}


/* An object, or a slice of one, that came from the origin. */

void
ngx_http_xr_freshness_keep(ngx_http_request_t *r)
{
    xr_freshness_t        f;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    ngx_http_xr_freshness_decide(r, u->headers_in.status_n,
                                 u->headers_in.etag != NULL
                                 || u->headers_in.last_modified != NULL, &f);

    if (r->cache == NULL || !u->cacheable) {
        return;
    }

    if (f.store) {
        ngx_http_xr_freshness_set(r, &f);
        return;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "xr: not stored: %s", f.reason);

    u->cacheable = 0;

    if (u->cache_status == NGX_HTTP_CACHE_EXPIRED) {
        ngx_http_xr_status_forget(r->cache);    /* it is what it was no more */
    }
}


/*
 * 304.  What is stored takes over what it says (RFC 9111, section 4.3.4), and
 * is dropped after this use where it must not be kept any longer, or where
 * the origin speaks of another version than it was asked about.
 */

ngx_int_t
ngx_http_xr_freshness_renew(ngx_http_request_t *r)
{
    xr_str_t                  text, rest, name, value;
    xr_freshness_t            f;
    ngx_http_cache_t         *c;
    ngx_http_xr_origin_t     *exchange;
    xr_freshness_response_t  *heard;

    c = r->cache;
    exchange = r->upstream->input_filter_ctx;
    heard = exchange->freshness.heard;

    if (ngx_http_xr_stored_merge(r, &text) != NGX_OK) {
        ngx_http_xr_status_forget(c);   /* it is damaged */
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    ngx_memzero(&heard->cache_control, sizeof(xr_freshness_field_t));
    ngx_memzero(&heard->targeted, sizeof(xr_freshness_field_t));
    heard->expires = XR_FRESHNESS_NONE;
    exchange->freshness.lines = 0;

    rest = text;

    while (ngx_http_xr_stored_line(&rest, &name, &value)) {
        ngx_http_xr_freshness_hear(r, ngx_http_xr_freshness_kind(name), value);
    }

    ngx_http_xr_freshness_decide(r, NGX_HTTP_OK,
                                 c->etag.len != 0 || c->last_modified != -1,
                                 &f);
    c->date = ngx_time();

    if (f.store && ngx_http_xr_freshness_of_stored(r)) {
        ngx_http_xr_freshness_set(r, &f);
        ngx_http_xr_stored_save(r, text);

        return NGX_OK;
    }

    c->valid_sec = ngx_time() - 1;
    c->updating_sec = 0;
    c->error_sec = 0;

    ngx_http_xr_status_forget(c);

    return NGX_OK;
}


/* Whether the entity tag of a 304 is the one that was asked about. */

static ngx_uint_t
ngx_http_xr_freshness_of_stored(ngx_http_request_t *r)
{
    u_char            text[NGX_HTTP_XR_ENCODE_ETAG];
    xr_str_t          stored, etag;
    ngx_str_t         own;
    ngx_table_elt_t  *h;

    static const xr_str_t  weak = XR_STR("W/");

    h = r->upstream->headers_in.etag;

    if (h == NULL || r->cache->etag.len == 0) {
        return 1;
    }

    own = ngx_http_xr_cut_origin_etag(r);
    stored = ngx_http_xr_encode_source(ngx_http_xr_get_ctx(r), &own, text);
    etag = ngx_http_xr_view(&h->value);

    if (xr_str_starts(stored, weak)) {
        stored = xr_str_of(stored.data + weak.len, stored.len - weak.len);
    }

    if (xr_str_starts(etag, weak)) {
        etag = xr_str_of(etag.data + weak.len, etag.len - weak.len);
    }

    return xr_str_eq(stored, etag);
}


/* Whether it is remembered that there is no such object. */

ngx_uint_t
ngx_http_xr_freshness_absent(ngx_http_request_t *r)
{
    xr_freshness_t  f;

    ngx_http_xr_freshness_decide(r, NGX_HTTP_NOT_FOUND, 0, &f);

    if (f.store) {
        ngx_http_xr_freshness_set(r, &f);
    }

    return f.store;
}


/* RFC 9111, section 5.1; of what comes from the origin if that sent one. */

ngx_int_t
ngx_http_xr_freshness_age(ngx_http_request_t *r, time_t born,
    ngx_uint_t stored)
{
    u_char     *p;
    uint32_t    age;
    ngx_str_t   value;

    static ngx_str_t  name = ngx_string("Age");

    age = (uint32_t) xr_freshness_age(0, born, ngx_time());

    if (born == 0 || (age == 0 && !stored)) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_HTTP_XR_FRESHNESS_DIGITS);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.len = 0;
    p += NGX_HTTP_XR_FRESHNESS_DIGITS;

    do {
        *--p = (u_char) ('0' + age % 10);
        age /= 10;
        value.len++;

    } while (age != 0);

    value.data = p;

    return ngx_http_xr_headers_push(r, &name, &value);
}
