/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_limit.h"


/*
 * What became of requests, by the names of limits: counted in shared memory,
 * and reported as JSON.
 */

/* Of a name's counts, and of Redis's. */

#define NGX_HTTP_XR_REPORT_NAME   (XR_LIMIT_NAME_MAX                          \
                                   + 7 * NGX_ATOMIC_T_LEN + 128)
#define NGX_HTTP_XR_REPORT_REDIS  (7 * NGX_ATOMIC_T_LEN + 160)


static ngx_int_t ngx_http_xr_limit_name_handler(ngx_http_request_t *r);
static ngx_http_xr_limit_name_t *ngx_http_xr_limit_name_find(
    ngx_http_xr_limit_shared_t *shared, xr_str_t name);
static ngx_uint_t ngx_http_xr_limit_named(ngx_http_xr_limit_name_t *slot,
    xr_str_t name);
static u_char *ngx_http_xr_limit_name_report_counts(u_char *p,
    ngx_http_xr_limit_name_t *slot);
static u_char *ngx_http_xr_limit_name_redis(u_char *p,
    ngx_http_xr_main_conf_t *xmcf);


/*
 * The slot of a name, its own from now on; NULL: there are too many names, so
 * this one is not counted.
 */

static ngx_http_xr_limit_name_t *
ngx_http_xr_limit_name_find(ngx_http_xr_limit_shared_t *shared, xr_str_t name)
{
    uint32_t                   hash;
    ngx_uint_t                 i;
    ngx_http_xr_limit_name_t  *slot;

    hash = ngx_crc32_short((u_char *) name.data, name.len);

    for (i = 0; i < NGX_HTTP_XR_LIMIT_NAMES; i++) {
        slot = &shared->names[(hash + i) % NGX_HTTP_XR_LIMIT_NAMES];

        if (slot->state == NGX_HTTP_XR_LIMIT_FREE
            && ngx_atomic_cmp_set(&slot->state, NGX_HTTP_XR_LIMIT_FREE,
                                  NGX_HTTP_XR_LIMIT_NAMING))
        {
            ngx_memcpy(slot->name, name.data, name.len);
            slot->len = name.len;

            ngx_memory_barrier();
            slot->state = NGX_HTTP_XR_LIMIT_NAMED;

            return slot;
        }

        if (ngx_http_xr_limit_named(slot, name)) {
            return slot;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_xr_limit_named(ngx_http_xr_limit_name_t *slot, xr_str_t name)
{
    if (slot->state != NGX_HTTP_XR_LIMIT_NAMED) {
        return 0;                       /* another worker is at it: no match */
    }

    ngx_memory_barrier();

    return slot->len == name.len
           && ngx_memcmp(slot->name, name.data, name.len) == 0;
}


/* The line of this process under a name; NULL: it is not counted. */

ngx_http_xr_limit_counts_t *
ngx_http_xr_limit_name_counts(ngx_http_xr_limit_shared_t *shared,
    xr_str_t name)
{
    ngx_http_xr_limit_name_t  *slot;

    slot = ngx_http_xr_limit_name_find(shared, name);

    return (slot == NULL) ? NULL
                          : &slot->counts[ngx_min((ngx_uint_t) ngx_process_slot,
                                                  NGX_HTTP_XR_LIMIT_SHARED)];
}


/* Once the memory is there: of the limits in the configuration. */

void
ngx_http_xr_limit_name_init(ngx_http_xr_main_conf_t *xmcf)
{
    ngx_uint_t                  i, j;
    ngx_array_t               **lists;
    ngx_http_xr_limit_conf_t   *limits;

    lists = xmcf->limit_lists.elts;

    for (i = 0; i < xmcf->limit_lists.nelts; i++) {
        limits = lists[i]->elts;

        for (j = 0; j < lists[i]->nelts; j++) {
            limits[j].counts = ngx_http_xr_limit_name_counts(xmcf->limit,
                                                     limits[j].limit.name);
            limits[j].exact = ngx_http_xr_limit_key_exact(xmcf,
                                                          &limits[j].limit);
            limits[j].tag = ngx_http_xr_limit_key_of(xmcf,
                                                     limits[j].limit.name,
                                                     limits[j].limit.key,
                                                     limits[j].limit.unit);
        }
    }
}


/* xr_limit_report; */

char *
ngx_http_xr_limit_name_report(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_xr_limit_name_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_xr_limit_name_handler(ngx_http_request_t *r)
{
    u_char                   *p;
    ngx_buf_t                *b;
    ngx_int_t                 rc;
    ngx_uint_t                i, n;
    ngx_http_xr_main_conf_t  *xmcf;

    rc = ngx_http_xr_headers_report(r);

    if (rc != NGX_OK) {
        return rc;
    }

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (xmcf->limit == NULL) {
        return NGX_HTTP_NOT_FOUND;
    }

    b = ngx_create_temp_buf(r->pool, NGX_HTTP_XR_LIMIT_NAMES
                                     * NGX_HTTP_XR_REPORT_NAME
                                     + NGX_HTTP_XR_REPORT_REDIS);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_http_xr_limit_name_redis(b->last, xmcf);
    p = ngx_sprintf(p, ",\n \"limits\": {");
    n = 0;

    for (i = 0; i < NGX_HTTP_XR_LIMIT_NAMES; i++) {

        if (xmcf->limit->names[i].state == NGX_HTTP_XR_LIMIT_NAMED) {
            p = ngx_sprintf(p, "%s\n", (n++ == 0) ? "" : ",");
            p = ngx_http_xr_limit_name_report_counts(p, &xmcf->limit->names[i]);
        }
    }

    b->last = ngx_sprintf(p, "}}\n");

    return ngx_http_xr_headers_json(r, NGX_HTTP_OK, b);
}


static u_char *
ngx_http_xr_limit_name_report_counts(u_char *p, ngx_http_xr_limit_name_t *slot)
{
    ngx_uint_t         i, j;
    ngx_str_t          name;
    ngx_atomic_uint_t  sum;

    static const char * const  outcomes[] = {
        [NGX_HTTP_XR_LIMIT_PASSED] = "passed",
        [NGX_HTTP_XR_LIMIT_DELAYED] = "delayed",
        [NGX_HTTP_XR_LIMIT_REJECTED] = "rejected",
        [NGX_HTTP_XR_LIMIT_DRY_RUN] = "dry_run",
        [NGX_HTTP_XR_LIMIT_DEGRADED] = "degraded",
        [NGX_HTTP_XR_LIMIT_NEAR] = "near"
    };

    name.data = slot->name;
    name.len = slot->len;

    p = ngx_sprintf(p, "  \"%V\": {", &name);

    for (i = 0; i < NGX_HTTP_XR_LIMIT_OUTCOMES; i++) {
        sum = 0;

        for (j = 0; j < NGX_HTTP_XR_LIMIT_WORKERS; j++) {
            sum += slot->counts[j].n[i];
        }

        p = ngx_sprintf(p, "%s\"%s\": %uA", (i == 0) ? "" : ", ", outcomes[i],
                        sum);
    }

    return ngx_sprintf(p, "}");
}


/* Of all workers, but what is usable is so for the one that answers. */

static u_char *
ngx_http_xr_limit_name_redis(u_char *p, ngx_http_xr_main_conf_t *xmcf)
{
    ngx_uint_t                  i;
    ngx_http_xr_redis_stats_t  *stats, sum;

    if (xmcf->redis == NULL) {
        return ngx_sprintf(p, "{\"redis\": null");
    }

    ngx_memzero(&sum, sizeof(ngx_http_xr_redis_stats_t));

    for (i = 0; i < NGX_HTTP_XR_LIMIT_WORKERS; i++) {
        stats = &xmcf->limit->redis[i];

        sum.calls += stats->calls;
        sum.replies += stats->replies;
        sum.failures += stats->failures;
        sum.timeouts += stats->timeouts;
        sum.refused += stats->refused;
        sum.reconnects += stats->reconnects;
    }

    return ngx_sprintf(p, "{\"redis\": {\"usable\": %ui, \"calls\": %uA, "
                          "\"replies\": %uA, \"failures\": %uA, "
                          "\"timeouts\": %uA, \"refused\": %uA, "
                          "\"reconnects\": %uA}",
                       ngx_http_xr_redis_usable(xmcf->redis), sum.calls,
                       sum.replies, sum.failures, sum.timeouts, sum.refused,
                       sum.reconnects);
}
