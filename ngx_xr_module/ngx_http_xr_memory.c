/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"

#include "xr_select.h"


#define NGX_HTTP_XR_MEMORY_SIZE       (8 * 1024 * 1024)
#define NGX_HTTP_XR_MEMORY_SIGNATURE  300       /* seconds */
#define NGX_HTTP_XR_MEMORY_PARTS      16

/* Of a quality that a credential names and nobody knows: the safe side. */

#define NGX_HTTP_XR_MEMORY_CEILING    0


/* What a tag is made of: lengths first, so that nothing can shift. */

typedef struct {
    xr_str_t                   parts[NGX_HTTP_XR_MEMORY_PARTS];
    uint32_t                   lengths[NGX_HTTP_XR_MEMORY_PARTS];
    size_t                     n;
} ngx_http_xr_memory_parts_t;


static ngx_int_t ngx_http_xr_memory_zone(ngx_shm_zone_t *zone, void *data);
static void ngx_http_xr_memory_part(ngx_http_xr_memory_parts_t *p,
    xr_str_t part);


/* xr_auth_memory size | off; */

char *
ngx_http_xr_memory_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    ssize_t     size;
    ngx_str_t  *value;

    if (xmcf->memory_size != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        xmcf->memory_size = 0;
        return NGX_CONF_OK;
    }

    size = ngx_parse_size(&value[1]);

    if (size == NGX_ERROR || size < (ssize_t) (8 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\": it is \"off\" or at least "
                           "%ui bytes", &value[1], 8 * ngx_pagesize);
        return NGX_CONF_ERROR;
    }

    xmcf->memory_size = size;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_xr_memory_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf)
{
    static ngx_str_t  name = ngx_string("xr_auth_memory");

    ngx_conf_init_size_value(xmcf->memory_size, NGX_HTTP_XR_MEMORY_SIZE);

    if (xmcf->memory_size == 0) {
        return NGX_OK;
    }

    return ngx_http_xr_memory_add(cf, &name, xmcf->memory_size, &xmcf->memory);
}


/* A zone of which "*memory" is made when it is there. */

ngx_int_t
ngx_http_xr_memory_add(ngx_conf_t *cf, ngx_str_t *name, size_t size,
    xr_memory_t **memory)
{
    ngx_shm_zone_t  *zone;

    zone = ngx_shared_memory_add(cf, name, size, &ngx_http_xr_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    /* its tags are made with the secret of this configuration */

    zone->noreuse = 1;
    zone->init = ngx_http_xr_memory_zone;
    zone->data = memory;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_memory_zone(ngx_shm_zone_t *zone, void *data)
{
    void          *p;
    size_t         size;
    xr_memory_t  **memory;

    memory = zone->data;

    p = ngx_http_xr_memory_rest(zone, &size);

    *memory = (p != NULL) ? xr_memory_create(p, size) : NULL;

    return (*memory != NULL) ? NGX_OK : NGX_ERROR;
}


/*
 * All that the slab allocator has left of a zone, in one piece and zeroed: how
 * much it needs for itself is not known.
 */

void *
ngx_http_xr_memory_rest(ngx_shm_zone_t *zone, size_t *size)
{
    void             *p;
    ngx_slab_pool_t  *slab;

    slab = (ngx_slab_pool_t *) zone->shm.addr;
    slab->log_nomem = 0;

    for (*size = zone->shm.size; *size > ngx_pagesize; *size -= ngx_pagesize) {

        p = ngx_slab_calloc(slab, *size);

        if (p != NULL) {
            return p;
        }
    }

    return NULL;
}


static void
ngx_http_xr_memory_part(ngx_http_xr_memory_parts_t *p, xr_str_t part)
{
    p->lengths[p->n] = (uint32_t) part.len;
    p->parts[p->n++] = part;
}


/*
 * What a credential is remembered by: together with what of the request it
 * was checked against.  The epoch is another one as soon as the tenant's keys
 * or its policy are, which forgets all that was known under the old.
 */

void
ngx_http_xr_memory_tag(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_auth_request_t *req, ngx_uint_t scope, u_char tag[XR_SIPHASH_SIZE])
{
    size_t                      i;
    ngx_http_xr_main_conf_t    *xmcf;
    ngx_http_xr_credential_t   *c;
    ngx_http_xr_memory_parts_t  p;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (xmcf->memory == NULL) {
        return;
    }

    c = &ctx->credential;

    p.n = 0;

    ngx_http_xr_memory_part(&p, xr_str_of(p.lengths, 0));
    ngx_http_xr_memory_part(&p, xr_str_of(ctx->tenant->epoch,
                                          XR_TABLE_EPOCH_SIZE));

    if (c->kind == XR_KIND_JWT) {
        ngx_http_xr_memory_part(&p, ngx_http_xr_view(&c->token));

    } else {
        for (i = 0; i < XR_CLOUDFRONT_PARAMS; i++) {
            ngx_http_xr_memory_part(&p, c->signed_by->values[i]);
        }
    }

    if (scope != NGX_HTTP_XR_MEMORY_ALONE) {
        ngx_http_xr_memory_part(&p, req->raw_path);
        ngx_http_xr_memory_part(&p, req->host);
        ngx_http_xr_memory_part(&p, req->query);
    }

    if (scope == NGX_HTTP_XR_MEMORY_REQUEST) {
        ngx_http_xr_memory_part(&p, req->path);
        ngx_http_xr_memory_part(&p, xr_str_of(req->address->bytes,
                                              sizeof(req->address->bytes)));
    }

    /* in the place of the length of the lengths: what the rest is */

    p.lengths[0] = (uint32_t) (c->kind << 8 | scope);
    p.parts[0].len = p.n * sizeof(p.lengths[0]);

    xr_siphash(xmcf->secret, p.parts, p.n, tag);
}


ngx_int_t
ngx_http_xr_memory_get(ngx_http_request_t *r, u_char *tag,
    xr_memory_value_t *value)
{
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (xmcf->memory == NULL
        || xr_memory_get(xmcf->memory, tag, ngx_time(), value) != XR_OK)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


void
ngx_http_xr_memory_put(ngx_http_request_t *r, u_char *tag,
    xr_memory_value_t *value)
{
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (xmcf->memory != NULL) {
        xr_memory_put(xmcf->memory, tag, ngx_time(), value);
    }
}


/* A signature that is good: what it signs is judged for each request. */

void
ngx_http_xr_memory_put_signature(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, u_char *tag)
{
    xr_memory_value_t  value;

    ngx_memzero(&value, sizeof(xr_memory_value_t));

    value.expires = ngx_time() + NGX_HTTP_XR_MEMORY_SIGNATURE;
    value.key_id = ngx_http_xr_memory_key_id(r, ctx->key_id);

    ngx_http_xr_memory_put(r, tag, &value);
}


/* By it a key is found again, and asked for whether it is revoked. */

uint64_t
ngx_http_xr_memory_key_id(ngx_http_request_t *r, xr_str_t id)
{
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    return (id.len != 0) ? xr_revoked_what(xmcf->secret, XR_REVOKED_KEY, id)
                         : 0;
}


/* What is remembered of who was let in; more of it only if some are revoked. */

void
ngx_http_xr_memory_value(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_memory_value_t *value)
{
    uint32_t                  ceiling;
    xr_principal_t           *who;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    ngx_memzero(value, sizeof(xr_memory_value_t));

    who = &ctx->who;
    value->expires = who->expires + ctx->tenant->policy.leeway;

    if (who->constraints.quality.len != 0) {

        if (xr_select_ceiling(who->constraints.quality, &ceiling) != XR_OK) {
            ceiling = NGX_HTTP_XR_MEMORY_CEILING;
        }

        value->ceiling = ceiling + 1;
    }

    if (who->kind != XR_KIND_EDGEAUTH || xmcf->revocation.file.len != 0) {
        value->key_id = ngx_http_xr_memory_key_id(r, who->key_id);
    }

    /* limits ask for a subject, too, but of an EdgeAuth token it is at hand */

    if (who->subject.len != 0
        && (who->kind != XR_KIND_EDGEAUTH || xmcf->revocation.file.len != 0))
    {
        value->subject = xr_revoked_what(xmcf->secret, XR_REVOKED_SUBJECT,
                                         who->subject);
    }

    if (who->token_id.len != 0 && xmcf->revocation.file.len != 0) {
        value->token_id = xr_revoked_what(xmcf->secret, XR_REVOKED_TOKEN,
                                          who->token_id);
    }
}
