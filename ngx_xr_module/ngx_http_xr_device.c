/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_device.h"

#include "xr_variant.h"


#define NGX_HTTP_XR_DEVICE_TEXT   128   /* bytes of a variable */
#define NGX_HTTP_XR_DEVICE_KNOWN  512   /* records that a worker keeps */
#define NGX_HTTP_XR_DEVICE_TOTAL  2048  /* bytes of fields; those of more are
                                           not kept */


struct ngx_http_xr_device_known_s {
    uint64_t     tag[XR_SIPHASH_SIZE / 8];
    xr_device_t  device;
};


typedef void (*ngx_http_xr_device_put_pt)(const xr_device_t *device,
    xr_buf_t *b);


static ngx_int_t ngx_http_xr_device_load(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *text);
static void ngx_http_xr_device_headers(ngx_http_request_t *r,
    xr_device_input_t *in);
static void ngx_http_xr_device_recall(ngx_http_xr_main_conf_t *xmcf,
    const xr_device_input_t *in, xr_device_t *device);
static ngx_int_t ngx_http_xr_device_var(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


/* xr_devices file; */

char *
ngx_http_xr_device_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    xr_err_t             err;
    xr_str_t             image;
    ngx_str_t            path, text, *value;
    const xr_devices_t  *devices;

    if (xmcf->devices != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    path = value[1];

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK
        || ngx_http_xr_device_load(cf, &path, &text) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (xr_devices_compile(ngx_http_xr_view(&text), &xmcf->mem, &image, &err)
        != XR_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V:%uz: %s", &path,
                           xr_str_line(ngx_http_xr_view(&text), err.pos),
                           err.what);
        return NGX_CONF_ERROR;
    }

    devices = xr_devices_open(image);

    if (devices == NULL) {
        return "made a table that cannot be read";
    }

    xmcf->devices = devices;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_xr_device_load(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *text)
{
    ssize_t     n;
    ngx_file_t  file;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *path;
    file.log = cf->log;
    file.fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                            NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", path);
        return NGX_ERROR;
    }

    /* a byte more than a table has, so that a longer one is refused */

    text->data = ngx_palloc(cf->temp_pool, XR_DEVICES_MAX_TEXT + 1);

    n = (text->data == NULL) ? NGX_ERROR
        : ngx_read_file(&file, text->data, XR_DEVICES_MAX_TEXT + 1, 0);

    if (n == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_read_file_n " \"%V\" failed", path);
    }

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", path);
    }

    if (n == NGX_ERROR) {
        return NGX_ERROR;
    }

    text->len = n;

    return NGX_OK;
}


const xr_device_t *
ngx_http_xr_device_get(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_device_t              *device;
    xr_device_input_t         in;
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

    ngx_http_xr_device_recall(xmcf, &in, device);

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


/*
 * Of fields that come twice the first counts; those that only a tier of ours
 * may send are not looked at in what others send.
 */

static void
ngx_http_xr_device_headers(ngx_http_request_t *r, xr_device_input_t *in)
{
    xr_str_t         *view;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

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
 * What was asked before in this worker is found by a keyed hash of all that it
 * was asked by, with their lengths; it is long enough to stand for them.
 */

static void
ngx_http_xr_device_recall(ngx_http_xr_main_conf_t *xmcf,
    const xr_device_input_t *in, xr_device_t *device)
{
    size_t                       total;
    uint16_t                     lengths[XR_DEVICE_INPUTS + 1];
    xr_str_t                     parts[XR_DEVICE_INPUTS + 2];
    uint64_t                     tag[XR_SIPHASH_SIZE / 8];
    ngx_uint_t                   i;
    const xr_devices_t          *devices;
    ngx_http_xr_device_known_t  *known;

    devices = (xmcf->devices != NULL) ? xmcf->devices : xr_devices_default();

    parts[0] = xr_str_of(&devices, sizeof(devices));
    parts[1] = xr_str_of(lengths, sizeof(lengths));
    ngx_memcpy(&parts[2], in, XR_DEVICE_INPUTS * sizeof(xr_str_t));

    lengths[0] = in->trusted;
    total = 0;

    for (i = 0; i < XR_DEVICE_INPUTS; i++) {
        lengths[i + 1] = (uint16_t) parts[i + 2].len;
        total += parts[i + 2].len;
    }

    if (total > NGX_HTTP_XR_DEVICE_TOTAL) {
        xr_device_read(devices, in, device);
        return;
    }

    xr_siphash(xmcf->secret, parts, XR_DEVICE_INPUTS + 2, (uint8_t *) tag);

    known = &xmcf->known_devices[tag[0] % NGX_HTTP_XR_DEVICE_KNOWN];

    if (known->tag[0] != tag[0] || known->tag[1] != tag[1]) {
        xr_device_read(devices, in, &known->device);
        known->tag[0] = tag[0];
        known->tag[1] = tag[1];
    }

    *device = known->device;
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
    ngx_str_t                 name;
    ngx_uint_t                i, n;
    ngx_http_variable_t      *var;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);

    xmcf->known_devices = ngx_pcalloc(cf->pool,
                                      NGX_HTTP_XR_DEVICE_KNOWN
                                      * sizeof(ngx_http_xr_device_known_t));
    if (xmcf->known_devices == NULL) {
        return NGX_ERROR;
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
