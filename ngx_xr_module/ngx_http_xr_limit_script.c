/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_limit.h"


/* How the script of xr_limit.h is called, and what it answers, in bytes. */

#define NGX_HTTP_XR_SCRIPT_ASK     (XR_LIMIT_ASK * XR_LIMIT_NUMBER)
#define NGX_HTTP_XR_SCRIPT_ANSWER  (XR_LIMIT_ANSWER * XR_LIMIT_NUMBER)


/* "mode" is "take" or "lease"; as ngx_http_xr_redis_eval() for the rest. */

ngx_http_xr_redis_call_t *
ngx_http_xr_limit_script_call(ngx_http_xr_redis_t *redis, const char *mode,
    ngx_http_xr_limit_part_t *parts, ngx_uint_t n, ngx_msec_t deadline,
    ngx_http_xr_redis_pt handler, void *data)
{
    u_char                    *p;
    xr_str_t                   keys[NGX_HTTP_XR_LIMIT_MAX];
    ngx_uint_t                 i;
    ngx_http_xr_redis_args_t   args;
    u_char                     numbers[NGX_HTTP_XR_SCRIPT_ASK
                                       * NGX_HTTP_XR_LIMIT_MAX];

    p = numbers;

    for (i = 0; i < n; i++) {
        keys[i] = xr_str_of(parts[i].key, XR_LIMIT_KEY_SIZE);

        p = xr_limit_script_put(p, parts[i].rate);
        p = xr_limit_script_put(p, parts[i].burst);
        p = xr_limit_script_put(p, parts[i].want);
        p = xr_limit_script_put(p, parts[i].due);
    }

    args.keys = keys;
    args.nkeys = n;
    args.mode = xr_str(mode);
    args.numbers = xr_str_of(numbers, p - numbers);

    return ngx_http_xr_redis_eval(redis, &args, deadline, handler, data);
}


ngx_int_t
ngx_http_xr_limit_script_answer(redisReply *reply,
    ngx_http_xr_limit_answer_t *answers, ngx_uint_t n)
{
    u_char                      *p;
    ngx_uint_t                   i;
    ngx_http_xr_limit_answer_t  *a;

    if (reply == NULL || reply->type != REDIS_REPLY_STRING
        || reply->len != NGX_HTTP_XR_SCRIPT_ANSWER * n)
    {
        return NGX_ERROR;
    }

    p = (u_char *) reply->str;

    for (i = 0; i < n; i++, p += NGX_HTTP_XR_SCRIPT_ANSWER) {
        a = &answers[i];

        if (xr_limit_script_get(p, &a->granted) != XR_OK
            || xr_limit_script_get(p + XR_LIMIT_NUMBER, &a->balance) != XR_OK
            || xr_limit_script_get(p + 2 * XR_LIMIT_NUMBER, &a->wait) != XR_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
