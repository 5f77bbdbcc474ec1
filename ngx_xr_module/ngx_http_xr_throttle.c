/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"


/*
 * What bad credentials may cost.  A signature by a public key takes tens of
 * microseconds to check, and anybody can send one that is no good.  The time
 * that such ones took is counted for each worker, and how many came from an
 * address; a good one is never counted, and one that is remembered costs no
 * check at all.
 */

#define NGX_HTTP_XR_THROTTLE_SLOTS  1024
#define NGX_HTTP_XR_THROTTLE_SPARE  50000   /* microseconds of a worker */
#define NGX_HTTP_XR_THROTTLE_TIMED  8       /* one check in so many */


typedef struct {
    uint64_t    hash;                       /* of an address, keyed */
    ngx_msec_t  last;
    ngx_uint_t  excess;                     /* thousandths */
} ngx_http_xr_throttle_slot_t;


struct ngx_http_xr_throttle_s {
    uint64_t                     spent;     /* microseconds */
    ngx_msec_t                   last;
    ngx_http_xr_throttle_slot_t  slots[NGX_HTTP_XR_THROTTLE_SLOTS];
};


static ngx_http_xr_throttle_slot_t *ngx_http_xr_throttle_slot(
    ngx_http_xr_main_conf_t *xmcf, xr_addr_t *address, uint64_t *hash);
static void ngx_http_xr_throttle_drain(ngx_http_xr_main_conf_t *xmcf);
static uint64_t ngx_http_xr_throttle_clock(void);


/* xr_auth_fail_limit off | [share=10%] [rate=10r/s] [burst=20]; */

char *
ngx_http_xr_throttle_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    ngx_int_t                  n;
    ngx_str_t                 *value, s;
    ngx_uint_t                 i;
    ngx_http_xr_fail_limit_t  *limit;

    limit = &xmcf->fail_limit;

    if (limit->share != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        limit->share = 0;
        return NGX_CONF_OK;
    }

    limit->share = NGX_HTTP_XR_THROTTLE_SHARE;

    for (i = 1; i < cf->args->nelts; i++) {

        n = NGX_ERROR;
        s = value[i];

        if (ngx_strncmp(s.data, "share=", 6) == 0
            && s.data[s.len - 1] == '%')
        {
            n = ngx_atoi(s.data + 6, s.len - 7);
            limit->share = n;
            n = (n >= 1 && n <= 100) ? n : NGX_ERROR;

        } else if (ngx_strncmp(s.data, "rate=", 5) == 0
                   && s.len > 8
                   && ngx_strcmp(s.data + s.len - 3, "r/s") == 0)
        {
            n = ngx_atoi(s.data + 5, s.len - 8);
            limit->rate = n;
            n = (n >= 1 && n <= 1000000) ? n : NGX_ERROR;

        } else if (ngx_strncmp(s.data, "burst=", 6) == 0) {
            n = ngx_atoi(s.data + 6, s.len - 6);
            limit->burst = n;
            n = (n >= 1 && n <= 1000000) ? n : NGX_ERROR;
        }

        if (n == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": it is \"off\", or "
                               "share=N%% (1 to 100), rate=Nr/s, burst=N",
                               &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


ngx_http_xr_throttle_t *
ngx_http_xr_throttle_create(ngx_log_t *log)
{
    return ngx_calloc(sizeof(ngx_http_xr_throttle_t), log);
}


/* One slot for all addresses that share it; IPv6 counts by the /64. */

static ngx_http_xr_throttle_slot_t *
ngx_http_xr_throttle_slot(ngx_http_xr_main_conf_t *xmcf, xr_addr_t *address,
    uint64_t *hash)
{
    u_char    digest[XR_SIPHASH_SIZE];
    xr_str_t  part;

    part = xr_str_of(address->bytes, xr_addr_is_v4(address) ? 16 : 8);

    xr_siphash(xmcf->secret, &part, 1, digest);
    ngx_memcpy(hash, digest, sizeof(*hash));

    return &xmcf->throttle->slots[*hash % NGX_HTTP_XR_THROTTLE_SLOTS];
}


static void
ngx_http_xr_throttle_drain(ngx_http_xr_main_conf_t *xmcf)
{
    uint64_t                 drained;
    ngx_http_xr_throttle_t  *t;

    t = xmcf->throttle;

    /* per cent of milliseconds are tens of microseconds */

    drained = (uint64_t) (ngx_current_msec - t->last)
              * xmcf->fail_limit.share * 10;

    t->spent -= ngx_min(drained, t->spent);
    t->last = ngx_current_msec;
}


/* Whether a signature may be checked that nothing is known of. */

ngx_uint_t
ngx_http_xr_throttle_allows(ngx_http_xr_main_conf_t *xmcf, xr_addr_t *address)
{
    uint64_t                      hash;
    ngx_uint_t                    drained;
    ngx_http_xr_throttle_slot_t  *slot;

    if (xmcf->fail_limit.share == 0) {
        return 1;
    }

    ngx_http_xr_throttle_drain(xmcf);

    if (xmcf->throttle->spent > NGX_HTTP_XR_THROTTLE_SPARE) {
        return 0;
    }

    slot = ngx_http_xr_throttle_slot(xmcf, address, &hash);

    if (slot->hash != hash) {
        return 1;
    }

    drained = (ngx_current_msec - slot->last) * xmcf->fail_limit.rate;

    return slot->excess < drained + xmcf->fail_limit.burst * 1000;
}


/*
 * When a check starts that is to be timed, 0 for the others.  Microseconds
 * that this worker has run: what others run is not counted, but it takes a
 * system call, as dear as a tenth of what it measures.  So chance picks a few
 * that stand for all, and nobody can tell which.
 */

uint64_t
ngx_http_xr_throttle_start(ngx_http_xr_main_conf_t *xmcf)
{
    if (xmcf->fail_limit.share == 0
        || ngx_random() % NGX_HTTP_XR_THROTTLE_TIMED != 0)
    {
        return 0;
    }

    return ngx_http_xr_throttle_clock();
}


static uint64_t
ngx_http_xr_throttle_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


void
ngx_http_xr_throttle_failed(ngx_http_xr_main_conf_t *xmcf, xr_addr_t *address,
    uint64_t started)
{
    uint64_t                      hash;
    ngx_uint_t                    drained;
    ngx_http_xr_throttle_slot_t  *slot;

    if (xmcf->fail_limit.share == 0) {
        return;
    }

    if (started != 0) {
        xmcf->throttle->spent += NGX_HTTP_XR_THROTTLE_TIMED
                                 * (ngx_http_xr_throttle_clock() - started);
    }

    slot = ngx_http_xr_throttle_slot(xmcf, address, &hash);

    if (slot->hash != hash) {
        slot->hash = hash;
        slot->excess = 0;
    }

    drained = (ngx_current_msec - slot->last) * xmcf->fail_limit.rate;

    slot->excess -= ngx_min(drained, slot->excess);
    slot->excess += 1000;
    slot->last = ngx_current_msec;
}
