/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_replica.h"


#define NGX_HTTP_XR_TLS_TRUSTED  "/etc/ssl/certs/ca-certificates.crt"


static ngx_uint_t ngx_http_xr_tls_needed(ngx_http_xr_main_conf_t *xmcf);


void
ngx_http_xr_tls_create(ngx_http_xr_tls_t *tls)
{
    tls->verify = NGX_CONF_UNSET;
    tls->verify_depth = NGX_CONF_UNSET;
    tls->session_reuse = NGX_CONF_UNSET;
}


/* The origin's certificate is verified unless the operator says otherwise. */

char *
ngx_http_xr_tls_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf)
{
    ngx_pool_cleanup_t  *cln;
    ngx_http_xr_tls_t   *tls;

    tls = &xmcf->tls;

    if (tls->certificate.data == NULL) {
        ngx_str_set(&tls->certificate, NGX_HTTP_XR_TLS_TRUSTED);
    }

    if (tls->ciphers.data == NULL) {
        ngx_str_set(&tls->ciphers, "DEFAULT");
    }

    if (tls->protocols == 0) {
        tls->protocols = NGX_CONF_BITMASK_SET|NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3;
    }

    ngx_conf_init_value(tls->verify, 1);
    ngx_conf_init_value(tls->verify_depth, 4);
    ngx_conf_init_value(tls->session_reuse, 1);

    if (!ngx_http_xr_tls_needed(xmcf)) {
        return NGX_CONF_OK;
    }

    tls->ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (tls->ssl == NULL) {
        return NGX_CONF_ERROR;
    }

    tls->ssl->log = cf->log;

    if (ngx_ssl_create(tls->ssl, tls->protocols, NULL) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(tls->ssl);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = tls->ssl;

    if (ngx_ssl_ciphers(cf, tls->ssl, &tls->ciphers, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (tls->verify
        && ngx_ssl_trusted_certificate(cf, tls->ssl, &tls->certificate,
                                       tls->verify_depth)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_ssl_client_session_cache(cf, tls->ssl,
                                     (ngx_uint_t) tls->session_reuse)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_xr_tls_needed(ngx_http_xr_main_conf_t *xmcf)
{
    ngx_uint_t                i;
    ngx_http_xr_endpoint_t  **e;

    e = xmcf->endpoints.elts;

    for (i = 0; i < xmcf->endpoints.nelts; i++) {

        if (e[i]->tls) {
            return 1;
        }
    }

    return 0;
}
