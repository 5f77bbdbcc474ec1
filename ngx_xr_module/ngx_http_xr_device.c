/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_device.h"

#include "xr_variant.h"


#define NGX_HTTP_XR_DEVICE_TEXT   128   /* bytes of a variable */
#define NGX_HTTP_XR_DEVICE_KNOWN  512   /* records that a worker keeps */
#define NGX_HTTP_XR_DEVICE_TOTAL  768   /* bytes of fields; those of more are
                                           not kept */
#define NGX_HTTP_XR_DEVICE_RETRY  5     /* seconds, when a disk was full */


struct ngx_http_xr_device_known_s {
    uint64_t             serial;        /* 0: nothing; no two are alike */
    xr_device_t          device;
    uint16_t             lengths[XR_DEVICE_INPUTS + 1];
    u_char               text[NGX_HTTP_XR_DEVICE_TOTAL];
};


typedef void (*ngx_http_xr_device_put_pt)(const xr_device_t *device,
    xr_buf_t *b);


static ngx_int_t ngx_http_xr_device_load(ngx_http_xr_load_t *load,
    const xr_mem_t *mem, xr_str_t *image);
static void *ngx_http_xr_device_alloc(void *ctx, size_t size);
static const xr_devices_t *ngx_http_xr_device_table(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static ngx_uint_t ngx_http_xr_device_may(ngx_http_xr_devices_t *d,
    ngx_uint_t hash);
static void ngx_http_xr_device_headers(ngx_http_request_t *r,
    xr_device_input_t *in);
static uint64_t ngx_http_xr_device_recall(ngx_http_xr_main_conf_t *xmcf,
    const xr_devices_t *devices, const xr_device_input_t *in,
    xr_device_t *device);
static uint64_t ngx_http_xr_device_hash(xr_str_t s, uint64_t hash);
static ngx_uint_t ngx_http_xr_device_same(const u_char *p,
    const xr_str_t *said, ngx_uint_t n);
static ngx_int_t ngx_http_xr_device_var(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


/* xr_devices file; */

char *
ngx_http_xr_device_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    ngx_int_t               rc;
    xr_str_t                view;
    ngx_str_t              *value;
    ngx_http_xr_load_t     *load;
    ngx_http_xr_image_t    *image;
    ngx_http_xr_devices_t  *d;

    d = &xmcf->devices;

    if (d->file.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    d->file = value[1];

    if (ngx_conf_full_name(cf->cycle, &d->file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    image = ngx_pcalloc(cf->pool, sizeof(ngx_http_xr_image_t));
    load = ngx_http_xr_load_create(xmcf, cf, &cf->cycle->conf_prefix, cf->log);

    if (image == NULL || load == NULL) {
        return NGX_CONF_ERROR;
    }

    rc = ngx_http_xr_device_load(load, &xmcf->mem, &view);

    if (rc == NGX_OK) {
        rc = ngx_http_xr_load_watch(load, &d->watch, NGX_OK);
    }

    ngx_http_xr_load_destroy(load);

    if (rc != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_xr_device_open(view, image) != NGX_OK) {
        return "made a table that cannot be read";
    }

    image->refs = 1;
    d->live.current = image;

    return NGX_CONF_OK;
}


/* The image of the file, in memory of "mem". */

static ngx_int_t
ngx_http_xr_device_load(ngx_http_xr_load_t *load, const xr_mem_t *mem,
    xr_str_t *image)
{
    xr_err_t    err;
    ngx_str_t   text, *file;

    file = &load->xmcf->devices.file;
    load->open = 1;

    if (ngx_http_xr_load_file(load, file, XR_DEVICES_MAX_TEXT, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (xr_devices_compile(ngx_http_xr_view(&text), mem, image, &err)
        != XR_OK)
    {
        ngx_http_xr_load_error(load, 0, "%V:%uz: %s", file,
                               xr_str_line(ngx_http_xr_view(&text), err.pos),
                               err.what);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void *
ngx_http_xr_device_alloc(void *ctx, size_t size)
{
    return ngx_pcalloc(ctx, size);
}


/* In the manager process, likewise ngx_http_xr_tenants_check(). */

void
ngx_http_xr_device_check(ngx_http_xr_main_conf_t *xmcf, ngx_log_t *log)
{
    ngx_int_t                   rc;
    xr_mem_t                    mem;
    xr_str_t                    image;
    ngx_http_xr_load_t         *load;
    ngx_http_xr_devices_t      *d;
    ngx_http_xr_live_shared_t  *shared;

    d = &xmcf->devices;

    if (d->file.len == 0) {
        return;
    }

    shared = d->live.shared;
    shared->checked = ngx_time();

    if (ngx_time() < d->live.retry || !ngx_http_xr_load_changed(&d->watch)) {
        return;
    }

    load = ngx_http_xr_load_create(xmcf, NULL,
                                   (ngx_str_t *) &ngx_cycle->conf_prefix, log);
    if (load == NULL) {
        return;
    }

    mem.alloc = ngx_http_xr_device_alloc;
    mem.ctx = load->pool;

    rc = ngx_http_xr_device_load(load, &mem, &image);

    if (rc == NGX_OK
        && ngx_http_xr_live_publish(&d->live, image, log) != NGX_OK)
    {
        rc = NGX_AGAIN;                 /* it is not the fault of the file */
        d->live.retry = ngx_time() + NGX_HTTP_XR_DEVICE_RETRY;
    }

    if (rc != NGX_AGAIN) {
        (void) ngx_http_xr_load_watch(load, &d->watch, rc);
    }

    if (rc == NGX_OK) {
        (void) ngx_atomic_fetch_add(&shared->loads, 1);

        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "xr: devices changed: generation %uA, %uz rules",
                      shared->generation,
                      xr_devices_rules(xr_devices_open(image)));

    } else {
        (void) ngx_atomic_fetch_add(&shared->failures, 1);

        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "xr: the table of devices is that of before, "
                      "generation %uA", shared->generation);
    }

    shared->failed = (rc != NGX_OK);

    ngx_http_xr_load_destroy(load);
}


ngx_int_t
ngx_http_xr_device_open(xr_str_t image, ngx_http_xr_image_t *out)
{
    out->u.devices = xr_devices_open(image);

    return (out->u.devices != NULL) ? NGX_OK : NGX_ERROR;
}


/*
 * The newest table, which stays for as long as the request does.  What was
 * read by the one before has names of its rules in it, and is forgotten.
 */

static const xr_devices_t *
ngx_http_xr_device_table(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_http_xr_devices_t    *d;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    d = &xmcf->devices;

    if (d->file.len == 0) {
        return xr_devices_default();
    }

    ctx->devices = ngx_http_xr_live_acquire(&d->live, r->connection->log);

    if (d->generation != d->live.generation) {
        ngx_memzero(d->known, NGX_HTTP_XR_DEVICE_KNOWN
                              * sizeof(ngx_http_xr_device_known_t));
        d->generation = d->live.generation;
    }

    return ctx->devices->u.devices;
}


const xr_device_t *
ngx_http_xr_device_get(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_device_t              *device;
    xr_device_input_t         in;
    const xr_devices_t       *devices;
    ngx_http_xr_main_conf_t  *xmcf;

    if (ctx->device != NULL) {
        return ctx->device;
    }

    r = r->main;
    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    device = ngx_palloc(r->pool, sizeof(xr_device_t));
    if (device == NULL) {
        return NULL;
    }

    ngx_http_xr_device_input(r, ctx, &in);

    devices = ngx_http_xr_device_table(r, ctx);

    ctx->device_serial = ngx_http_xr_device_recall(xmcf, devices, &in, device);
    ctx->device = device;

    return device;
}


void
ngx_http_xr_device_input(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_device_input_t *in)
{
    ngx_memzero(in, sizeof(xr_device_input_t));

    in->trusted = ctx->client.proved;

    in->query = xr_variant_arg(ngx_http_xr_view(&r->args), xr_str("xr"));

    if (in->trusted) {
        in->normalised = ngx_http_xr_view(&ctx->said_class);
    }

    ngx_http_xr_device_headers(r, in);
}


/* Whether a field of such a hash may be one that is looked at. */

static ngx_uint_t
ngx_http_xr_device_may(ngx_http_xr_devices_t *d, ngx_uint_t hash)
{
    return d->fields[hash / 64 % NGX_HTTP_XR_DEVICE_FIELDS] >> hash % 64 & 1;
}


/*
 * Of fields that come twice the first counts; those that only a tier of ours
 * may send are not looked at in what others send.
 */

static void
ngx_http_xr_device_headers(ngx_http_request_t *r, xr_device_input_t *in)
{
    xr_str_t                 *view;
    ngx_uint_t                i;
    ngx_list_part_t          *part;
    ngx_table_elt_t          *h;
    ngx_http_xr_devices_t    *d;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    d = &xmcf->devices;

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (!ngx_http_xr_device_may(d, h[i].hash)) {
                continue;               /* as most of them */
            }

            view = xr_device_input_at(in, xr_str_of(h[i].lowcase_key,
                                                    h[i].key.len));

            if (view != NULL && view->len == 0
                && (in->trusted || !xr_device_input_needs_trust(in, view)))
            {
                *view = ngx_http_xr_view(&h[i].value);
            }
        }
    }
}


/*
 * What was asked before in this worker is known by all that it was asked by.
 * Returns what no other record in this worker has, or 0: it is not kept.
 */

static uint64_t
ngx_http_xr_device_recall(ngx_http_xr_main_conf_t *xmcf,
    const xr_devices_t *devices, const xr_device_input_t *in,
    xr_device_t *device)
{
    u_char                      *p;
    size_t                       total;
    uint16_t                     lengths[XR_DEVICE_INPUTS + 1];
    uint64_t                     hash;
    xr_str_t                     said[XR_DEVICE_INPUTS];
    ngx_uint_t                   i, n;
    const xr_str_t              *parts;
    ngx_http_xr_device_known_t  *known;

    static uint64_t  serial;

    parts = (const xr_str_t *) in;

    ngx_memzero(lengths, sizeof(lengths));
    lengths[0] = in->trusted;
    total = 0;
    hash = 0;
    n = 0;

    for (i = 0; i < XR_DEVICE_INPUTS; i++) {

        if (parts[i].len != 0) {
            lengths[i + 1] = (uint16_t) parts[i].len;
            total += parts[i].len;
            hash = ngx_http_xr_device_hash(parts[i], hash + i);
            said[n++] = parts[i];
        }
    }

    if (total > NGX_HTTP_XR_DEVICE_TOTAL) {
        xr_device_read(devices, in, device);
        return 0;
    }

    known = &xmcf->devices.known[hash % NGX_HTTP_XR_DEVICE_KNOWN];

    if (known->serial == 0
        || ngx_memcmp(known->lengths, lengths, sizeof(lengths)) != 0
        || !ngx_http_xr_device_same(known->text, said, n))
    {
        xr_device_read(devices, in, &known->device);

        known->serial = ++serial;
        ngx_memcpy(known->lengths, lengths, sizeof(lengths));

        p = known->text;

        for (i = 0; i < n; i++) {
            p = ngx_cpymem(p, said[i].data, said[i].len);
        }
    }

    *device = known->device;

    return known->serial;
}


/* It only has to be quick: what it finds is compared. */

static uint64_t
ngx_http_xr_device_hash(xr_str_t s, uint64_t hash)
{
    size_t    i;
    uint64_t  word;

    for (i = 0; i + sizeof(word) <= s.len; i += sizeof(word)) {
        ngx_memcpy(&word, s.data + i, sizeof(word));
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }

    for ( /* void */ ; i < s.len; i++) {
        hash = (hash ^ s.data[i]) * 0x9e3779b97f4a7c15u;
    }

    return hash ^ hash >> 32;
}


/* The lengths are the same. */

static ngx_uint_t
ngx_http_xr_device_same(const u_char *p, const xr_str_t *said, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {

        if (ngx_memcmp(p, said[i].data, said[i].len) != 0) {
            return 0;
        }

        p += said[i].len;
    }

    return 1;
}


static void
ngx_http_xr_device_class(const xr_device_t *device, xr_buf_t *b)
{
    xr_buf_put(b, xr_device_class_name(device->class));
}


static void
ngx_http_xr_device_source(const xr_device_t *device, xr_buf_t *b)
{
    xr_buf_put(b, xr_device_source_name(device->source));
}


static void
ngx_http_xr_device_rule(const xr_device_t *device, xr_buf_t *b)
{
    xr_buf_put(b, device->rule);
}


static void
ngx_http_xr_device_use(const xr_device_t *device, xr_buf_t *b)
{
    xr_buf_put(b, xr_device_use_name(device->use));
}


static void
ngx_http_xr_device_textures(const xr_device_t *device, xr_buf_t *b)
{
    xr_device_tex_names(device->tex, b);
}


static void
ngx_http_xr_device_geometry(const xr_device_t *device, xr_buf_t *b)
{
    xr_device_geo_names(device->geo, b);
}


static void
ngx_http_xr_device_max_dim(const xr_device_t *device, xr_buf_t *b)
{
    xr_buf_uint(b, device->dim_max);
}


static void
ngx_http_xr_device_net(const xr_device_t *device, xr_buf_t *b)
{
    if (device->net <= XR_NET_MAX) {
        xr_buf_uint(b, device->net);
    }
}


static void
ngx_http_xr_device_save_data(const xr_device_t *device, xr_buf_t *b)
{
    xr_buf_putc(b, device->save_data ? '1' : '0');
}


static const struct {
    ngx_str_t                  name;
    ngx_http_xr_device_put_pt  put;
} ngx_http_xr_device_vars[] = {
    { ngx_string("xr_device_class"), ngx_http_xr_device_class },
    { ngx_string("xr_device_source"), ngx_http_xr_device_source },
    { ngx_string("xr_device_rule"), ngx_http_xr_device_rule },
    { ngx_string("xr_device_use"), ngx_http_xr_device_use },
    { ngx_string("xr_device_textures"), ngx_http_xr_device_textures },
    { ngx_string("xr_device_geometry"), ngx_http_xr_device_geometry },
    { ngx_string("xr_device_max_dim"), ngx_http_xr_device_max_dim },
    { ngx_string("xr_device_net"), ngx_http_xr_device_net },
    { ngx_string("xr_device_save_data"), ngx_http_xr_device_save_data },
    { ngx_string("xr_device_token"), xr_device_token }
};


ngx_int_t
ngx_http_xr_device_add(ngx_conf_t *cf)
{
    xr_str_t                  field;
    ngx_str_t                 name;
    ngx_uint_t                i, n, hash;
    ngx_http_variable_t      *var;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);

    xmcf->devices.known = ngx_pcalloc(cf->pool,
                                      NGX_HTTP_XR_DEVICE_KNOWN
                                      * sizeof(ngx_http_xr_device_known_t));
    if (xmcf->devices.known == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; /* void */ ; i++) {
        field = xr_device_input_name(i);

        if (field.len == 0) {
            break;
        }

        hash = ngx_hash_key((u_char *) field.data, field.len);

        xmcf->devices.fields[hash / 64 % NGX_HTTP_XR_DEVICE_FIELDS]
            |= (uint64_t) 1 << hash % 64;
    }

    n = sizeof(ngx_http_xr_device_vars) / sizeof(ngx_http_xr_device_vars[0]);

    for (i = 0; i < n; i++) {
        name = ngx_http_xr_device_vars[i].name;

        var = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = ngx_http_xr_device_var;
        var->data = i;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_device_var(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    u_char             *p;
    xr_buf_t            b;
    ngx_http_xr_ctx_t  *ctx;
    const xr_device_t  *device;

    ctx = ngx_http_xr_get_ctx(r->main);
    device = (ctx != NULL) ? ngx_http_xr_device_get(r, ctx) : NULL;
    p = (device != NULL) ? ngx_pnalloc(r->pool, NGX_HTTP_XR_DEVICE_TEXT)
                         : NULL;

    if (p == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    b = xr_buf(p, NGX_HTTP_XR_DEVICE_TEXT);
    ngx_http_xr_device_vars[data].put(device, &b);

    v->valid = (b.len != 0);
    v->not_found = (b.len == 0);
    v->no_cacheable = 1;
    v->len = b.len;
    v->data = p;

    return NGX_OK;
}
