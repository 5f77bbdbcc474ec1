/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_replica.h"

#include "xr_tenants.h"


/* Of a key file, a credentials file and the like. */

#define NGX_HTTP_XR_TENANTS_FILE_MAX  65536

/* Seconds, when memory or the disk was full. */

#define NGX_HTTP_XR_TENANTS_RETRY     5

/* A secret that proxies send, in characters. */

#define NGX_HTTP_XR_PROOF_MIN         16


static ngx_int_t ngx_http_xr_tenants_read(ngx_http_xr_load_t *load,
    ngx_str_t *file);
static size_t ngx_http_xr_tenants_folder(ngx_str_t *file);
static xr_rc_t ngx_http_xr_tenants_tenant(void *ctx, xr_tenant_t *t,
    xr_err_t *err);
static void *ngx_http_xr_tenants_alloc(void *ctx, size_t size);
static void ngx_http_xr_tenants_reset(void *ctx);
static void ngx_http_xr_tenants_note(void *ctx, size_t pos, const char *what);
static ngx_int_t ngx_http_xr_tenants_endpoints(ngx_http_xr_load_t *load,
    xr_tenant_t *t, xr_err_t *err);
static ngx_int_t ngx_http_xr_tenants_endpoint(ngx_http_xr_load_t *load,
    xr_tenant_replica_t *place, xr_err_t *err);
static ngx_int_t ngx_http_xr_tenants_as_it_was(ngx_http_xr_load_t *load,
    xr_tenant_t *t, xr_err_t *err);
static ngx_int_t ngx_http_xr_tenants_files(ngx_http_xr_load_t *load,
    xr_tenant_t *t, xr_mem_t *mem);
static ngx_int_t ngx_http_xr_tenants_proofs(ngx_http_xr_load_t *load);
static ngx_int_t ngx_http_xr_tenants_blocks(ngx_http_xr_load_t *load);
static ngx_int_t ngx_http_xr_tenants_load(ngx_http_xr_load_t *load);


/*
 * xr_tenants_file: read where it stands, as the endpoints in it become
 * upstream groups, which NGINX initializes once all are known.
 */

char *
ngx_http_xr_tenants_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    ngx_str_t  *value;

    if (xmcf->tenants_file.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    xmcf->tenants_file = value[1];

    if (ngx_conf_full_name(cf->cycle, &xmcf->tenants_file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    xmcf->load->cf = cf;

    if (ngx_http_xr_tenants_read(xmcf->load, &xmcf->tenants_file) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* Enters all tenants of the file. */

static ngx_int_t
ngx_http_xr_tenants_read(ngx_http_xr_load_t *load, ngx_str_t *file)
{
    xr_rc_t               rc;
    xr_err_t              err;
    ngx_str_t             text, folder;
    xr_tenant_t          *t;
    ngx_pool_t           *pool;
    xr_tenants_reader_t   reader;

    t = ngx_palloc(load->pool, sizeof(xr_tenant_t));
    if (t == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_xr_load_file(load, file, XR_TENANTS_MAX_SIZE, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the text stays while the memory of its tenants comes and goes */

    pool = load->tenant_pool;

    load->tenant_pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, load->log);
    if (load->tenant_pool == NULL) {
        load->tenant_pool = pool;
        return NGX_ERROR;
    }

    folder = load->folder;
    load->folder.len = ngx_http_xr_tenants_folder(file);
    load->folder.data = file->data;
    load->path = *file;
    load->text = ngx_http_xr_view(&text);

    ngx_memzero(&reader, sizeof(xr_tenants_reader_t));

    reader.mem.alloc = ngx_http_xr_tenants_alloc;
    reader.mem.ctx = load;
    reader.reset = ngx_http_xr_tenants_reset;
    reader.tenant = ngx_http_xr_tenants_tenant;
    reader.note = ngx_http_xr_tenants_note;
    reader.ctx = load;

    rc = xr_tenants_read(load->text, t, &reader, &err);

    if (rc != XR_OK && err.what != NULL && load->refused[0] != '\0') {
        ngx_http_xr_load_error(load, 0, "%V:%uz: tenant \"%s\" %s", file,
                               xr_str_line(load->text, err.pos),
                               load->refused, err.what);

    } else if (rc != XR_OK && err.what != NULL) {
        ngx_http_xr_load_error(load, 0, "%V:%uz: %s", file,
                               xr_str_line(load->text, err.pos), err.what);
    }

    load->folder = folder;

    xr_wipe(text.data, text.len);
    ngx_destroy_pool(load->tenant_pool);

    load->tenant_pool = pool;
    ngx_reset_pool(pool);

    return (rc == XR_OK) ? NGX_OK : NGX_ERROR;
}


/* What a full name has up to its last "/". */

static size_t
ngx_http_xr_tenants_folder(ngx_str_t *file)
{
    size_t  n;

    for (n = file->len; n > 0 && file->data[n - 1] != '/'; n--) {
        /* void */
    }

    return n;
}


static void *
ngx_http_xr_tenants_alloc(void *ctx, size_t size)
{
    ngx_http_xr_load_t *load = ctx;

    return ngx_pcalloc(load->tenant_pool, size);
}


static void
ngx_http_xr_tenants_reset(void *ctx)
{
    ngx_http_xr_load_t *load = ctx;

    ngx_reset_pool(load->tenant_pool);
}


/* A key that is left out is no reason to stop, but one to be told. */

static void
ngx_http_xr_tenants_note(void *ctx, size_t pos, const char *what)
{
    ngx_http_xr_load_t *load = ctx;

    ngx_log_error(NGX_LOG_WARN, load->log, 0, "xr: %V:%uz: key left out: %s",
                  &load->path, xr_str_line(load->text, pos), what);
}


static xr_rc_t
ngx_http_xr_tenants_tenant(void *ctx, xr_tenant_t *t, xr_err_t *err)
{
    ngx_http_xr_load_t *load = ctx;

    xr_str_t   text;
    ngx_int_t  rc;
    ngx_str_t  path;

    text = load->text;
    path = load->path;

    rc = ngx_http_xr_tenants_enter(load, t, err);

    load->text = text;
    load->path = path;

    if (rc == NGX_OK) {
        return XR_OK;
    }

    /* a reason that is about the tenant as a whole is told with its name */

    ngx_memcpy(load->refused, t->name.data, t->name.len);
    load->refused[t->name.len] = '\0';

    return XR_INVALID;
}


/*
 * Reads the files that a tenant names, checks the whole and adds it to the
 * table.  Where err->what is NULL the error has been logged; otherwise it
 * begins with a verb whose subject is the tenant.
 */

ngx_int_t
ngx_http_xr_tenants_enter(ngx_http_xr_load_t *load, xr_tenant_t *t,
    xr_err_t *err)
{
    ngx_int_t  rc;
    xr_mem_t   mem;

    mem.alloc = ngx_http_xr_tenants_alloc;
    mem.ctx = load;

    err->what = NULL;
    rc = NGX_ERROR;

    if (ngx_http_xr_tenants_files(load, t, &mem) != NGX_OK) {

        if (load->cf == NULL) {
            rc = ngx_http_xr_tenants_as_it_was(load, t, err);
        }

        goto done;
    }

    if (xr_tenant_finish(t, err) != XR_OK) {
        goto done;
    }

    if (ngx_http_xr_tenants_endpoints(load, t, err) != NGX_OK) {
        goto done;
    }

    if (xr_table_add(load->builder, t, err) == XR_OK) {
        rc = NGX_OK;
    }

done:

    xr_tenant_wipe(t);

    return rc;
}


/* Its origin and the replicas of that become numbers. */

static ngx_int_t
ngx_http_xr_tenants_endpoints(ngx_http_xr_load_t *load, xr_tenant_t *t,
    xr_err_t *err)
{
    size_t                i;
    xr_tenant_replica_t   origin;

    origin.origin = t->origin;
    origin.upstream = t->upstream;

    if (ngx_http_xr_tenants_endpoint(load, &origin, err) != NGX_OK) {
        return NGX_ERROR;
    }

    t->endpoint = origin.endpoint;

    for (i = 0; i < t->nreplicas; i++) {

        if (ngx_http_xr_tenants_endpoint(load, &t->replicas[i], err)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_tenants_endpoint(ngx_http_xr_load_t *load,
    xr_tenant_replica_t *place, xr_err_t *err)
{
    ngx_http_xr_endpoint_t  *endpoint;

    if (load->cf != NULL) {
        endpoint = ngx_http_xr_endpoint_add(load->cf, place);

    } else {
        endpoint = ngx_http_xr_endpoint_find(load->xmcf, place);

        if (endpoint == NULL) {
            err->what = "has an endpoint that this NGINX has no connections "
                        "for: name it with \"xr_endpoint\", or reload";
        }
    }

    if (endpoint == NULL) {
        return NGX_ERROR;
    }

    place->endpoint = (uint32_t) endpoint->number;

    return NGX_OK;
}


/*
 * A file that one tenant names is no good: this tenant stays as it was, and
 * the others do not have to wait for it.  One that is new has to.
 */

static ngx_int_t
ngx_http_xr_tenants_as_it_was(ngx_http_xr_load_t *load, xr_tenant_t *t,
    xr_err_t *err)
{
    ngx_int_t             rc;
    ngx_str_t             name;
    xr_site_t             site;
    xr_tenant_t          *old;
    ngx_http_xr_image_t  *image;

    load->kept++;

    old = ngx_palloc(load->tenant_pool, sizeof(xr_tenant_t));
    if (old == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_OK;
    name = ngx_http_xr_ngx(t->name);
    image = ngx_http_xr_live_acquire(&load->xmcf->live, load->log);

    if (xr_table_by_name(&image->u.table, t->name, &site) == XR_OK) {

        ngx_log_error(NGX_LOG_ERR, load->log, 0,
                      "xr: tenant \"%V\" stays as it was", &name);

        xr_site_tenant(&site, old);

        if (xr_table_add(load->builder, old, err) != XR_OK) {
            rc = NGX_ERROR;
        }

    } else {
        ngx_log_error(NGX_LOG_ERR, load->log, 0,
                      "xr: tenant \"%V\", which is new, is left out", &name);
    }

    ngx_http_xr_live_release(image);

    return rc;
}


static ngx_int_t
ngx_http_xr_tenants_files(ngx_http_xr_load_t *load, xr_tenant_t *t,
    xr_mem_t *mem)
{
    size_t      i;
    xr_rc_t     rc;
    xr_err_t    err;
    ngx_str_t   text;
    xr_notes_t  notes;

    notes.note = ngx_http_xr_tenants_note;
    notes.ctx = load;

    for (i = 0; i < t->nfiles; i++) {

        if (ngx_http_xr_load_path(load, t->files[i].path, &load->path)
            != NGX_OK
            || ngx_http_xr_load_file(load, &load->path,
                                     NGX_HTTP_XR_TENANTS_FILE_MAX, &text)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        load->text = ngx_http_xr_view(&text);

        rc = xr_tenant_file(t, i, load->text, mem, &notes, &err);

        if (rc != XR_OK) {
            ngx_http_xr_load_error(load, 0, "%V:%uz: %s", &load->path,
                                   xr_str_line(load->text, err.pos),
                                   err.what);
        }

        xr_wipe(text.data, text.len);

        if (rc != XR_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* The secrets by which proxies prove themselves: a line each. */

static ngx_int_t
ngx_http_xr_tenants_proofs(ngx_http_xr_load_t *load)
{
    size_t      n;
    xr_err_t    err;
    xr_str_t    rest, line;
    ngx_str_t   text;
    uint8_t     digest[XR_SHA256_SIZE];

    if (load->xmcf->proof_file.len == 0) {
        return NGX_OK;
    }

    if (ngx_http_xr_load_file(load, &load->xmcf->proof_file,
                              NGX_HTTP_XR_TENANTS_FILE_MAX, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    n = 0;
    err.what = NULL;
    rest = ngx_http_xr_view(&text);

    while (rest.len > 0 && err.what == NULL) {
        line = xr_str_trim(xr_str_cut(&rest, '\n'));

        if (line.len == 0 || line.data[0] == '#') {
            continue;
        }

        err.pos = line.data - text.data;

        if (line.len < NGX_HTTP_XR_PROOF_MIN) {
            err.what = "the secret is shorter than 16 characters";

        } else if (xr_sha256(line, digest) != XR_OK
                   || xr_table_add_proof(load->builder, digest, &err) != XR_OK)
        {
            err.what = "out of memory";
        }

        n++;
    }

    if (n == 0) {
        err.pos = 0;
        err.what = "the file has no secret";
    }

    if (err.what != NULL) {
        ngx_http_xr_load_error(load, 0, "%V:%uz: %s", &load->xmcf->proof_file,
                               xr_str_line(ngx_http_xr_view(&text), err.pos),
                               err.what);
    }

    xr_wipe(text.data, text.len);
    ngx_reset_pool(load->tenant_pool);

    return (err.what == NULL) ? NGX_OK : NGX_ERROR;
}


/* At the end of the configuration: the image that NGINX starts with. */

char *
ngx_http_xr_tenants_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf)
{
    xr_str_t              view;
    ngx_http_xr_load_t   *load;
    ngx_http_xr_image_t  *image;

    load = xmcf->load;
    load->cf = cf;

    image = ngx_pcalloc(cf->pool, sizeof(ngx_http_xr_image_t));
    if (image == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_xr_tenants_proofs(load) != NGX_OK
        || ngx_http_xr_load_watch(load, &xmcf->watch, NGX_OK) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* the image belongs to the builder, which is kept for it */

    if (xr_table_finish(load->builder, 0, &view, NULL) != XR_OK
        || xr_table_open(view, &image->u.table) != XR_OK)
    {
        return NGX_CONF_ERROR;
    }

    image->refs = 1;
    xmcf->live.current = image;

    xmcf->builder = load->builder;
    load->builder = NULL;

    ngx_http_xr_load_destroy(load);
    xmcf->load = NULL;

    return NGX_CONF_OK;
}


/* The tenants of the configuration, whose files may have changed. */

static ngx_int_t
ngx_http_xr_tenants_blocks(ngx_http_xr_load_t *load)
{
    xr_err_t       err;
    ngx_str_t      name;
    ngx_uint_t     i;
    xr_tenant_t   *t, **block;

    t = ngx_palloc(load->pool, sizeof(xr_tenant_t));
    if (t == NULL) {
        return NGX_ERROR;
    }

    block = load->xmcf->tenants.elts;

    for (i = 0; i < load->xmcf->tenants.nelts; i++) {

        *t = *block[i];

        if (ngx_http_xr_tenants_enter(load, t, &err) != NGX_OK) {

            if (err.what != NULL) {
                name = ngx_http_xr_ngx(t->name);
                ngx_http_xr_load_error(load, 0, "tenant \"%V\" %s", &name,
                                       err.what);
            }

            return NGX_ERROR;
        }

        ngx_reset_pool(load->tenant_pool);
    }

    return NGX_OK;
}


/* NGX_AGAIN: it is not the fault of the files. */

static ngx_int_t
ngx_http_xr_tenants_load(ngx_http_xr_load_t *load)
{
    xr_str_t                  image;
    xr_table_stats_t          stats;
    ngx_http_xr_live_t       *live;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = load->xmcf;
    live = &xmcf->live;

    if (ngx_http_xr_tenants_blocks(load) != NGX_OK
        || (xmcf->tenants_file.len != 0
            && ngx_http_xr_tenants_read(load, &xmcf->tenants_file) != NGX_OK)
        || ngx_http_xr_tenants_proofs(load) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (xr_table_finish(load->builder, live->shared->generation + 1, &image,
                        &stats)
        != XR_OK)
    {
        ngx_log_error(NGX_LOG_ERR, load->log, 0,
                      "xr: no memory for a table of tenants");
        return NGX_AGAIN;
    }

    if (ngx_http_xr_live_publish(live, image, load->log) != NGX_OK) {
        return NGX_AGAIN;
    }

    ngx_log_error(NGX_LOG_NOTICE, load->log, 0,
                  "xr: tenants changed: generation %uA, %uz tenants, %uz bytes",
                  live->shared->generation, stats.tenants, stats.bytes);

    return NGX_OK;
}


/* In the manager process: a table of what has changed, or the old one stays. */

void
ngx_http_xr_tenants_check(ngx_http_xr_main_conf_t *xmcf, ngx_log_t *log)
{
    ngx_int_t                   rc;
    ngx_uint_t                  kept;
    ngx_http_xr_load_t         *load;
    ngx_http_xr_live_shared_t  *shared;

    shared = xmcf->live.shared;
    shared->checked = ngx_time();

    if (ngx_time() < xmcf->retry
        || !ngx_http_xr_load_changed(&xmcf->watch))
    {
        return;
    }

    load = ngx_http_xr_load_create(xmcf, NULL,
                                   (ngx_str_t *) &ngx_cycle->conf_prefix, log);
    if (load == NULL) {
        return;
    }

    rc = ngx_http_xr_tenants_load(load);

    if (rc == NGX_AGAIN) {
        xmcf->retry = ngx_time() + NGX_HTTP_XR_TENANTS_RETRY;

    } else {
        (void) ngx_http_xr_load_watch(load, &xmcf->watch, rc);
    }

    kept = load->kept;
    ngx_http_xr_load_destroy(load);

    if (rc == NGX_OK) {
        (void) ngx_atomic_fetch_add(&shared->loads, 1);
    }

    shared->failed = (rc != NGX_OK || kept != 0);

    if (shared->failed) {
        (void) ngx_atomic_fetch_add(&shared->failures, 1);
    }

    if (rc == NGX_OK) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "xr: the tenants are those of before, generation %uA",
                  shared->generation);
}
