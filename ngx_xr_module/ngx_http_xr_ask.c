/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_ask.h"


/*
 * Keys that a token names and nobody knows: whoever fetches keys is told the
 * tenant, in a datagram that is sent without waiting, or not at all.  It is a
 * module of its own, as nothing else needs its configuration.
 */

#define NGX_HTTP_XR_ASK_SLOTS  256
#define NGX_HTTP_XR_ASK_MAX    64      /* in a second */


typedef struct {
    struct sockaddr_un             addr;
    socklen_t                      len;         /* 0: nobody is asked */
} ngx_http_xr_ask_conf_t;


static void *ngx_http_xr_ask_create_conf(ngx_conf_t *cf);
static char *ngx_http_xr_ask_socket(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_uint_t ngx_http_xr_ask_may(xr_str_t tenant);


static ngx_command_t  ngx_http_xr_ask_commands[] = {

    { ngx_string("xr_keys_socket"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_xr_ask_socket,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_xr_ask_module_ctx = {
    NULL,                                   /* preconfiguration */
    NULL,                                   /* postconfiguration */

    ngx_http_xr_ask_create_conf,            /* create main configuration */
    NULL,                                   /* init main configuration */

    NULL,                                   /* create server configuration */
    NULL,                                   /* merge server configuration */

    NULL,                                   /* create location configuration */
    NULL                                    /* merge location configuration */
};


ngx_module_t  ngx_http_xr_ask_module = {
    NGX_MODULE_V1,
    &ngx_http_xr_ask_module_ctx,            /* module context */
    ngx_http_xr_ask_commands,               /* module directives */
    NGX_HTTP_MODULE,                        /* module type */
    NULL,                                   /* init master */
    NULL,                                   /* init module */
    NULL,                                   /* init process */
    NULL,                                   /* init thread */
    NULL,                                   /* exit thread */
    NULL,                                   /* exit process */
    NULL,                                   /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_http_xr_ask_create_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_xr_ask_conf_t));
}


/* xr_keys_socket path; */

static char *
ngx_http_xr_ask_socket(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_ask_conf_t *acf = conf;

    ngx_str_t  *value, path;

    if (acf->len != 0) {
        return "is duplicate";
    }

    value = cf->args->elts;
    path = value[1];

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (path.len >= sizeof(acf->addr.sun_path)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is too long for the "
                           "path of a socket", &path);
        return NGX_CONF_ERROR;
    }

    acf->addr.sun_family = AF_UNIX;
    ngx_memcpy(acf->addr.sun_path, path.data, path.len);
    acf->len = sizeof(struct sockaddr_un);

    return NGX_CONF_OK;
}


/*
 * Once a second for a tenant, as long as no other one with the same slot asks
 * as well, and so many times in all: in each worker.
 */

static ngx_uint_t
ngx_http_xr_ask_may(xr_str_t tenant)
{
    uint32_t  hash;

    static time_t      second;
    static ngx_uint_t  asked;
    static uint32_t    tenants[NGX_HTTP_XR_ASK_SLOTS];

    if (second != ngx_time()) {
        second = ngx_time();
        asked = 0;
        ngx_memzero(tenants, sizeof(tenants));
    }

    hash = ngx_crc32_long((u_char *) (uintptr_t) tenant.data, tenant.len) | 1;

    if (asked == NGX_HTTP_XR_ASK_MAX
        || tenants[hash / 2 % NGX_HTTP_XR_ASK_SLOTS] == hash)
    {
        return 0;
    }

    asked++;
    tenants[hash / 2 % NGX_HTTP_XR_ASK_SLOTS] = hash;

    return 1;
}


void
ngx_http_xr_ask_keys(ngx_http_request_t *r, xr_str_t tenant)
{
    ngx_http_xr_ask_conf_t  *acf;

    static int  fd = -1;

    acf = ngx_http_get_module_main_conf(r, ngx_http_xr_ask_module);

    if (acf->len == 0 || !ngx_http_xr_ask_may(tenant)) {
        return;
    }

    if (fd == -1) {
        fd = socket(AF_UNIX, SOCK_DGRAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);
    }

    if (fd == -1
        || sendto(fd, tenant.data, tenant.len, MSG_DONTWAIT|MSG_NOSIGNAL,
                  (struct sockaddr *) &acf->addr, acf->len)
           == -1)
    {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, ngx_errno,
                      "xr: \"%s\" cannot be asked for keys",
                      acf->addr.sun_path);
    }
}
