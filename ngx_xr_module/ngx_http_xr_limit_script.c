/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_limit.h"


/* How the script of xr_limit.h is called, and what it answers. */

#define NGX_HTTP_XR_SCRIPT_NUMBERS  4       /* of a key, in a call */
#define NGX_HTTP_XR_SCRIPT_ANSWERS  3       /* likewise, in an answer */


/* "mode" is "take" or "lease"; as ngx_http_xr_redis_eval() for the rest. */

ngx_http_xr_redis_call_t *
ngx_http_xr_limit_script_call(ngx_http_xr_redis_t *redis, const char *mode,
    ngx_http_xr_limit_part_t *parts, ngx_uint_t n, ngx_msec_t deadline,
    ngx_http_xr_redis_pt handler, void *data)
{
    int64_t                   *number;
    xr_str_t                   keys[NGX_HTTP_XR_LIMIT_MAX];
    ngx_uint_t                 i;
    ngx_http_xr_redis_args_t   args;
    int64_t                    numbers[NGX_HTTP_XR_SCRIPT_NUMBERS
                                       * NGX_HTTP_XR_LIMIT_MAX];

    number = numbers;

    for (i = 0; i < n; i++) {
        keys[i] = xr_str_of(parts[i].key, XR_LIMIT_KEY_SIZE);

        *number++ = parts[i].rate;
        *number++ = parts[i].burst;
        *number++ = parts[i].want;
        *number++ = parts[i].due;
    }

    args.keys = keys;
    args.nkeys = n;
    args.mode = xr_str(mode);
    args.numbers = numbers;
    args.nnumbers = NGX_HTTP_XR_SCRIPT_NUMBERS * n;

    return ngx_http_xr_redis_eval(redis, &args, deadline, handler, data);
}


/* Three integers for each key, and nothing else. */

ngx_int_t
ngx_http_xr_limit_script_answer(redisReply *reply,
    ngx_http_xr_limit_answer_t *answers, ngx_uint_t n)
{
    int64_t      numbers[NGX_HTTP_XR_SCRIPT_ANSWERS];
    ngx_uint_t   i, j;
    redisReply  *element;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements != NGX_HTTP_XR_SCRIPT_ANSWERS * n)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {

        for (j = 0; j < NGX_HTTP_XR_SCRIPT_ANSWERS; j++) {
            element = reply->element[NGX_HTTP_XR_SCRIPT_ANSWERS * i + j];

            if (element->type != REDIS_REPLY_INTEGER
                || element->integer < -XR_LIMIT_MAX
                || element->integer > XR_LIMIT_MAX)
            {
                return NGX_ERROR;
            }

            numbers[j] = element->integer;
        }

        answers[i].granted = numbers[0];
        answers[i].balance = numbers[1];
        answers[i].wait = numbers[2];
    }

    return NGX_OK;
}
