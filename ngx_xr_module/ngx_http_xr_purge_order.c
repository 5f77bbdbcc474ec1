/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_variant.h"

#include "xr_purge_order.h"


/*
 * The signed control request: a POST whose body is the order.  A client of
 * this learns what it needs to repeat it, the log says why it was refused.
 * The same order may come announced, and counts once however it comes.
 */

#define NGX_HTTP_XR_CONFLICT  409

#define NGX_HTTP_XR_ORDER_ANSWER  (sizeof("{\"purged\":,\"generation\":}\n")  \
                                   + 2 * NGX_INT64_LEN)


/* An order on its way; what was not found out is empty. */

typedef struct {
    ngx_pool_t                  *pool;
    ngx_log_t                   *log;
    ngx_str_t                   *address;       /* of who sent it */
    ngx_http_xr_purge_t         *purge;
    ngx_http_xr_image_t         *image;         /* that the tenant is of */
    xr_site_t                    site;
    xr_str_t                     token;
    xr_jwt_t                     jwt;
    xr_buf_t                     memory;
    xr_str_t                     key_id;
    xr_purge_order_t             order;
    uint64_t                     generation;
    size_t                       purged;
    const char                  *outcome;
    unsigned                     verified:1;
} ngx_http_xr_order_t;


static void ngx_http_xr_purge_order_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_purge_order_take(ngx_http_xr_order_t *o);
static void ngx_http_xr_purge_order_manifests(ngx_http_xr_main_conf_t *xmcf,
    ngx_http_xr_order_t *o);
static ngx_int_t ngx_http_xr_purge_order_text(ngx_http_request_t *r,
    xr_str_t *text);
static ngx_int_t ngx_http_xr_purge_order_verify(ngx_http_xr_order_t *o);
static ngx_int_t ngx_http_xr_purge_order_refuse(ngx_http_xr_order_t *o,
    xr_deny_t deny, const char *why);
static ngx_int_t ngx_http_xr_purge_order_run(ngx_http_xr_order_t *o);
static ngx_int_t ngx_http_xr_purge_order_record(ngx_http_xr_order_t *o,
    xr_purge_record_t *records);
static void ngx_http_xr_purge_order_audit(ngx_http_xr_order_t *o,
    ngx_int_t status);
static ngx_int_t ngx_http_xr_purge_order_send(ngx_http_request_t *r,
    ngx_int_t status, ngx_str_t *text);
static ngx_int_t ngx_http_xr_purge_order_answer(ngx_http_request_t *r,
    ngx_http_xr_order_t *o, ngx_int_t status);


ngx_int_t
ngx_http_xr_purge_order_handler(ngx_http_request_t *r)
{
    ngx_int_t         rc;
    ngx_table_elt_t  *type;

    static ngx_str_t  allow = ngx_string("Allow");
    static ngx_str_t  post = ngx_string("POST");

    static u_char  jwt[] = "application/jwt";

    if (r->method != NGX_HTTP_POST) {
        return (ngx_http_xr_headers_push(r, &allow, &post) == NGX_OK)
               ? NGX_HTTP_NOT_ALLOWED : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    type = r->headers_in.content_type;

    if (type == NULL || type->value.len != sizeof(jwt) - 1
        || ngx_strncasecmp(type->value.data, jwt, sizeof(jwt) - 1) != 0)
    {
        return NGX_HTTP_UNSUPPORTED_MEDIA_TYPE;
    }

    if (r->headers_in.content_length_n > XR_JWT_MAX_SIZE) {
        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_xr_purge_order_body);

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
}


static void
ngx_http_xr_purge_order_body(ngx_http_request_t *r)
{
    ngx_int_t                 status;
    ngx_http_xr_order_t      *o;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    o = ngx_pcalloc(r->pool, sizeof(ngx_http_xr_order_t));

    if (o == NULL || xmcf->purge.table == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    o->pool = r->pool;
    o->log = r->connection->log;
    o->address = &r->connection->addr_text;
    o->purge = &xmcf->purge;
    o->image = ngx_http_xr_live_acquire(&xmcf->live, r->connection->log);

    status = ngx_http_xr_purge_order_text(r, &o->token);

    if (status == NGX_OK) {
        status = ngx_http_xr_purge_order_take(o);

        if (status == NGX_HTTP_OK) {
            ngx_http_xr_purge_order_manifests(xmcf, o);
        }

    } else {
        o->outcome = "its body cannot be read";
    }

    ngx_http_xr_purge_order_audit(o, status);

    (void) ngx_atomic_fetch_add((status == NGX_HTTP_OK)
                                ? &o->purge->shared->orders
                                : &o->purge->shared->refused, 1);

    ngx_http_xr_live_release(o->image);

    ngx_http_finalize_request(r, ngx_http_xr_purge_order_answer(r, o, status));
}


/* NULL, or why it is not carried out. */

const char *
ngx_http_xr_purge_order_announced(ngx_http_xr_main_conf_t *xmcf,
    xr_str_t token, ngx_log_t *log)
{
    ngx_int_t             status;
    ngx_pool_t           *pool;
    const char           *why;
    ngx_http_xr_order_t  *o;

    static ngx_str_t  address = ngx_string("announced");

    if (token.len > XR_JWT_MAX_SIZE) {
        return "its order is too long";
    }

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, log);
    o = (pool != NULL) ? ngx_pcalloc(pool, sizeof(ngx_http_xr_order_t))
                       : NULL;
    if (o == NULL) {

        if (pool != NULL) {
            ngx_destroy_pool(pool);
        }

        return "there is no memory for its order";
    }

    o->pool = pool;
    o->log = log;
    o->address = &address;
    o->purge = &xmcf->purge;
    o->token = token;
    o->image = ngx_http_xr_live_acquire(&xmcf->live, log);

    status = ngx_http_xr_purge_order_take(o);

    if (status == NGX_HTTP_OK) {
        ngx_http_xr_purge_order_manifests(xmcf, o);
    }

    ngx_http_xr_purge_order_audit(o, status);

    if (o->purge->shared != NULL) {
        (void) ngx_atomic_fetch_add((status == NGX_HTTP_OK)
                                    ? &o->purge->shared->orders
                                    : &o->purge->shared->refused, 1);
    }

    why = (status == NGX_HTTP_OK) ? NULL : "its order is refused";

    ngx_http_xr_live_release(o->image);
    ngx_destroy_pool(pool);

    return why;
}


/*
 * What was asked for softly has the key that it had, and where nothing is
 * purged everything has: the manifest is newer all the same.
 */

static void
ngx_http_xr_purge_order_manifests(ngx_http_xr_main_conf_t *xmcf,
    ngx_http_xr_order_t *o)
{
    size_t            i;
    xr_purge_item_t  *item;

    for (i = 0; i < o->order.n; i++) {
        item = &o->order.items[i];

        if (item->scope == XR_PURGE_OBJECT) {
            ngx_http_xr_manifest_outdate(xmcf, &o->site, item->value);
        }
    }
}


/* The status of the answer. */

static ngx_int_t
ngx_http_xr_purge_order_take(ngx_http_xr_order_t *o)
{
    void      *p;
    size_t     size;
    xr_rc_t    rc;
    ngx_int_t  status;
    xr_err_t   err;

    size = XR_JWT_MEMORY(o->token.len) + XR_PURGE_ORDER_MEMORY(o->token.len);

    p = ngx_pnalloc(o->pool, size + 1);
    if (p == NULL) {
        o->outcome = "no memory";
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    o->memory = xr_buf((u_char *) p + XR_JWT_MEMORY(o->token.len),
                       XR_PURGE_ORDER_MEMORY(o->token.len));

    rc = xr_jwt_parse(o->token, p, &o->jwt, &err);

    if (rc != XR_OK) {
        return ngx_http_xr_purge_order_refuse(o, (rc == XR_DENIED)
                                              ? XR_DENY_TOKEN_ALGORITHM
                                              : XR_DENY_TOKEN_MALFORMED,
                                              err.what);
    }

    status = ngx_http_xr_purge_order_verify(o);

    return (status == NGX_OK) ? ngx_http_xr_purge_order_run(o) : status;
}


/* A small body, wherever NGINX has put it. */

static ngx_int_t
ngx_http_xr_purge_order_text(ngx_http_request_t *r, xr_str_t *text)
{
    size_t        size, len;
    u_char       *p;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (r->request_body == NULL) {
        return NGX_HTTP_BAD_REQUEST;
    }

    p = ngx_pnalloc(r->pool, XR_JWT_MAX_SIZE);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    len = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;
        size = (size_t) ngx_buf_size(b);

        if (size > XR_JWT_MAX_SIZE - len) {
            return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        }

        if (ngx_buf_in_memory(b)) {
            ngx_memcpy(p + len, b->pos, size);

        } else if (size != 0
                   && ngx_read_file(b->file, p + len, size, b->file_pos)
                      != (ssize_t) size)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        len += size;
    }

    *text = xr_str_trim(xr_str_of(p, len));

    return NGX_OK;
}


/* A tenant that is not there is one whose signature is wrong. */

static ngx_int_t
ngx_http_xr_purge_order_verify(ngx_http_xr_order_t *o)
{
    size_t      n;
    xr_str_t    issuer;
    xr_deny_t   deny;
    xr_key_t    keys[XR_KEYSET_MAX];

    issuer = xr_purge_order_issuer(&o->jwt, &o->memory);

    if (xr_table_by_name(&o->image->u.table, issuer, &o->site) != XR_OK) {
        ngx_memzero(&o->site, sizeof(xr_site_t));

        return ngx_http_xr_purge_order_refuse(o, XR_DENY_TENANT,
                                              "no such tenant");
    }

    n = xr_site_keys(&o->site, XR_KIND_PURGE, keys);
    deny = xr_purge_order_signature(&o->jwt, keys, n, &o->key_id);

    if (deny != XR_DENY_NONE) {
        return ngx_http_xr_purge_order_refuse(o, deny,
                                     "no purge key of the tenant's signed it");
    }

    o->verified = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_purge_order_refuse(ngx_http_xr_order_t *o, xr_deny_t deny,
    const char *why)
{
    o->outcome = why;

    switch (deny) {

    case XR_DENY_TOKEN_MALFORMED:
    case XR_DENY_TOKEN_CLAIM:
        return NGX_HTTP_BAD_REQUEST;

    case XR_DENY_TOKEN_LIFETIME:
        return NGX_HTTP_FORBIDDEN;

    default:
        return NGX_HTTP_UNAUTHORIZED;
    }
}


static ngx_int_t
ngx_http_xr_purge_order_run(ngx_http_xr_order_t *o)
{
    xr_deny_t           deny;
    ngx_int_t           status;
    const char         *why;
    ngx_slab_pool_t    *slab;
    xr_purge_record_t  *records;

    deny = xr_purge_order_read(&o->jwt, ngx_time(), o->site.policy.leeway,
                               &o->memory, &o->order, &why);

    if (deny != XR_DENY_NONE) {
        return ngx_http_xr_purge_order_refuse(o, deny, why);
    }

    if (o->purge->table == NULL) {
        o->outcome = "nothing is purged here but manifests";
        return NGX_HTTP_OK;
    }

    records = ngx_palloc(o->pool, XR_PURGE_ORDER_RECORDS
                                  * sizeof(xr_purge_record_t));
    if (records == NULL) {
        o->outcome = "no memory";
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    slab = (ngx_slab_pool_t *) o->purge->zone->shm.addr;

    ngx_shmtx_lock(&slab->mutex);

    status = ngx_http_xr_purge_order_record(o, records);

    ngx_shmtx_unlock(&slab->mutex);

    return status;
}


/* Under the mutex: an order counts once, however often it comes. */

static ngx_int_t
ngx_http_xr_purge_order_record(ngx_http_xr_order_t *o,
    xr_purge_record_t *records)
{
    size_t              n;
    uint64_t            whole;
    xr_str_t            parts[2];
    ngx_time_t         *tp;
    xr_purge_t         *table;
    xr_memory_value_t   value;
    u_char              tag[XR_SIPHASH_SIZE];

    table = o->purge->table;

    parts[0] = xr_str_of(&o->site.tag, sizeof(o->site.tag));
    parts[1] = o->order.id;

    xr_siphash(xr_purge_key(table), parts, 2, tag);
    whole = xr_siphash_64(xr_purge_key(table), 0, o->jwt.input);

    if (xr_memory_get(o->purge->orders, tag, ngx_time(), &value) == XR_OK) {

        if (value.key_id != whole) {
            o->outcome = "another order had its jti";
            return NGX_HTTP_XR_CONFLICT;
        }

        o->generation = value.subject;
        o->purged = (size_t) value.token_id;
        o->outcome = "again";

        return NGX_HTTP_OK;
    }

    tp = ngx_timeofday();

    o->generation = xr_purge_next(table, (int64_t) tp->sec * 1000 + tp->msec);
    o->purged = o->order.n;

    n = xr_purge_order_records(&o->order, table, o->generation, o->site.tag,
                               records);

    if (ngx_http_xr_purge_record(o->purge, records, n, o->log) != NGX_OK) {
        o->outcome = "purged, but not in the journal";
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(&value, sizeof(xr_memory_value_t));

    value.expires = o->order.expires + o->site.policy.leeway + 1;
    value.subject = o->generation;
    value.token_id = o->purged;
    value.key_id = whole;

    xr_memory_put(o->purge->orders, tag, ngx_time(), &value);

    o->outcome = "purged";

    return NGX_HTTP_OK;
}


/* One line for each order; what nobody has signed is not repeated in it. */

static void
ngx_http_xr_purge_order_audit(ngx_http_xr_order_t *o, ngx_int_t status)
{
    size_t     *counts;
    ngx_str_t   tenant, key, id;

    counts = o->order.counts;

    tenant = ngx_http_xr_ngx(o->site.name);
    key = ngx_http_xr_ngx(o->key_id);
    id = ngx_http_xr_ngx(o->order.id);

    ngx_log_error(NGX_LOG_NOTICE, o->log, 0,
                  "xr: purge order: tenant=\"%V\" verified=%d key=\"%V\" "
                  "jti=\"%V\" address=%V objects=%uz prefixes=%uz tags=%uz "
                  "all=%uz soft=%d purged=%uz generation=%uL status=%i "
                  "outcome=\"%s\"",
                  &tenant, (int) o->verified, &key, &id,
                  o->address,
                  counts[XR_PURGE_OBJECT], counts[XR_PURGE_PREFIX],
                  counts[XR_PURGE_TAG], counts[XR_PURGE_TENANT],
                  (int) o->order.soft, o->purged, o->generation, status,
                  o->outcome);
}


static ngx_int_t
ngx_http_xr_purge_order_answer(ngx_http_request_t *r, ngx_http_xr_order_t *o,
    ngx_int_t status)
{
    u_char     *p;
    ngx_str_t   text;

    static ngx_str_t  refused = ngx_string("{\"error\":\"refused\"}\n");
    static ngx_str_t  malformed = ngx_string("{\"error\":\"malformed\"}\n");
    static ngx_str_t  failed = ngx_string("{\"error\":\"failed\"}\n");

    switch (status) {

    case NGX_HTTP_OK:
        break;

    case NGX_HTTP_UNAUTHORIZED:
    case NGX_HTTP_FORBIDDEN:
        return ngx_http_xr_purge_order_send(r, status, &refused);

    case NGX_HTTP_INTERNAL_SERVER_ERROR:
        return ngx_http_xr_purge_order_send(r, status, &failed);

    default:
        return ngx_http_xr_purge_order_send(r, status, &malformed);
    }

    p = ngx_pnalloc(r->pool, NGX_HTTP_XR_ORDER_ANSWER);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.data = p;
    text.len = ngx_sprintf(p, "{\"purged\":%uz,\"generation\":%uL}\n",
                           o->purged, o->generation)
               - p;

    return ngx_http_xr_purge_order_send(r, status, &text);
}


static ngx_int_t
ngx_http_xr_purge_order_send(ngx_http_request_t *r, ngx_int_t status,
    ngx_str_t *text)
{
    ngx_buf_t  *b;

    static ngx_str_t  name = ngx_string("Cache-Control");
    static ngx_str_t  value = ngx_string("no-store");

    b = ngx_calloc_buf(r->pool);

    if (b == NULL || ngx_http_xr_headers_push(r, &name, &value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = text->data;
    b->last = text->data + text->len;
    b->memory = 1;

    return ngx_http_xr_headers_json(r, status, b);
}
