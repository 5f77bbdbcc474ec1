/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_variant.h"


/* "xr_variants" and "xr_manifest_valid". */

#define NGX_HTTP_XR_VARIANT_VALID   60          /* seconds */
#define NGX_HTTP_XR_VARIANT_ABSENT  10
#define NGX_HTTP_XR_VARIANT_STALE   (24 * 60 * 60)


void
ngx_http_xr_variant_conf_create(ngx_http_xr_variant_conf_t *conf)
{
    conf->mode = NGX_CONF_UNSET_UINT;
    conf->hints = NGX_CONF_UNSET;
    conf->valid = NGX_CONF_UNSET;
    conf->absent = NGX_CONF_UNSET;
    conf->stale = NGX_CONF_UNSET;
}


void
ngx_http_xr_variant_conf_merge(ngx_http_xr_variant_conf_t *prev,
    ngx_http_xr_variant_conf_t *conf)
{
    ngx_conf_merge_uint_value(conf->mode, prev->mode,
                              NGX_HTTP_XR_VARIANTS_OFF);
    ngx_conf_merge_value(conf->hints, prev->hints, 1);
    ngx_conf_merge_sec_value(conf->valid, prev->valid,
                             NGX_HTTP_XR_VARIANT_VALID);
    ngx_conf_merge_sec_value(conf->absent, prev->absent,
                             NGX_HTTP_XR_VARIANT_ABSENT);
    ngx_conf_merge_sec_value(conf->stale, prev->stale,
                             NGX_HTTP_XR_VARIANT_STALE);
}


/* xr_variants off | on | redirect; */

char *
ngx_http_xr_variant_conf_mode(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_loc_conf_t *xlcf = conf;

    ngx_str_t                *value;
    ngx_uint_t                i;
    ngx_http_xr_main_conf_t  *xmcf;

    static const char  *modes[] = { "off", "on", "redirect" };

    if (xlcf->variant.mode != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 0; i < XR_COUNT(modes); i++) {

        if (ngx_strcmp(value[1].data, modes[i]) == 0) {
            xlcf->variant.mode = i;

            if (i != NGX_HTTP_XR_VARIANTS_OFF) {
                xmcf = ngx_http_conf_get_module_main_conf(cf,
                                                          ngx_http_xr_module);
                xmcf->variants = 1;
            }

            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\": it is \"off\", \"on\" or "
                       "\"redirect\"", &value[1]);
    return NGX_CONF_ERROR;
}


/* xr_manifest_valid time [absent=time] [stale=time]; */

char *
ngx_http_xr_variant_conf_valid(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_loc_conf_t *xlcf = conf;

    time_t       time, *where;
    ngx_str_t   *value, text;
    ngx_uint_t   i;

    static ngx_str_t  absent = ngx_string("absent=");
    static ngx_str_t  stale = ngx_string("stale=");

    if (xlcf->variant.valid != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        text = value[i];
        where = NULL;

        if (i == 1) {
            where = &xlcf->variant.valid;

        } else if (ngx_strncmp(text.data, absent.data, absent.len) == 0) {
            where = &xlcf->variant.absent;
            text.data += absent.len;
            text.len -= absent.len;

        } else if (ngx_strncmp(text.data, stale.data, stale.len) == 0) {
            where = &xlcf->variant.stale;
            text.data += stale.len;
            text.len -= stale.len;
        }

        time = (where != NULL && *where == NGX_CONF_UNSET)
               ? ngx_parse_time(&text, 1) : NGX_ERROR;

        if (time == (time_t) NGX_ERROR || (i < 2 && time == 0)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": expected a time, "
                               "then \"absent=time\" and \"stale=time\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        *where = time;
    }

    return NGX_CONF_OK;
}
