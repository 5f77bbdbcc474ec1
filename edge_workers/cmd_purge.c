/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "deliver.h"
#include "json.h"
#include "keys.h"
#include "purge_queue.h"
#include "sign.h"
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define XRW_PURGE_LIFE  60              /* seconds */


typedef struct {
    const char         *tenant;
    const char         *config;
    const char         *key;
    const char         *timeout;
    xrw_list_t          edges;
    xrw_list_t          objects;
    xrw_list_t          prefixes;
    xrw_list_t          tags;
    bool                all;
    bool                soft;
    bool                print;
    bool                queue;
    xrw_redis_flags_t   redis;
} xrw_purge_flags_t;


typedef struct {
    const xrw_command_t      *cmd;
    const xrw_purge_flags_t  *flags;
    xrw_arena_t              *arena;
    xrw_tenant_t              tenant;   /* of the configuration */
    xr_keyset_t               keys;
    const char               *order;
} xrw_purge_t;


/* --key, XR_PURGE_KEY or the configuration, the first that there is. */

static int
xrw_purge_key(xrw_purge_t *purge)
{
    xr_rc_t      rc;
    const char  *hex, *file;

    hex = getenv("XR_PURGE_KEY");
    file = purge->flags->key;

    if (file == NULL && hex != NULL && hex[0] != '\0') {
        rc = xrw_keys_purge_hex(purge->arena, "XR_PURGE_KEY", hex,
                                &purge->keys);

        return (rc == XR_OK) ? XRW_OK : XRW_FAILED;
    }

    if (file == NULL) {
        file = purge->tenant.purge_keys;
    }

    if (file == NULL) {
        return xrw_usage(purge->cmd, "no key: say --key");
    }

    rc = xrw_keys_purge(purge->arena, file, &purge->keys);

    return (rc == XR_OK) ? XRW_OK : XRW_FAILED;
}


static void
xrw_purge_order(const xrw_purge_t *purge, xrw_order_t *out)
{
    const xrw_purge_flags_t *f = purge->flags;

    *out = (xrw_order_t) {
        .tenant = f->tenant,
        .objects = f->objects.items, .nobjects = f->objects.n,
        .prefixes = f->prefixes.items, .nprefixes = f->prefixes.n,
        .tags = f->tags.items, .ntags = f->tags.n,
        .all = f->all, .soft = f->soft,
        .now = (int64_t) time(NULL), .life = XRW_PURGE_LIFE
    };
}


static int
xrw_purge_refuse(const xrw_purge_t *purge, const char *item, const char *why)
{
    return (item != NULL) ? xrw_usage(purge->cmd, "\"%s\": %s", item, why)
                          : xrw_error("%s", why);
}


static int
xrw_purge_tell(const xrw_purge_t *purge, const char *url, long timeout)
{
    const char     *why;
    long long       purged, generation;
    xrw_deliver_t   said;

    why = xrw_deliver_order(url, purge->order, timeout, &said, &purged,
                            &generation);
    if (why != NULL) {
        return xrw_error("%s: %s", url, why);
    }

    printf("%s: purged %lld, generation %lld\n", url, purged, generation);

    return XRW_OK;
}


static int
xrw_purge_deliver(const xrw_purge_t *purge, const xrw_list_t *edges)
{
    int          status;
    size_t       i;
    uint64_t     timeout;
    xr_str_t     text;
    const char  *urls[XRW_LIST_MAX];

    text = xr_str(purge->flags->timeout);

    if (xr_str_uint(&text, &timeout) != XR_OK || text.len > 0 || timeout == 0
        || timeout > 3600)
    {
        return xrw_usage(purge->cmd, "--timeout %s: not 1 to 3600 seconds",
                         purge->flags->timeout);
    }

    for (i = 0; i < edges->n; i++) {
        urls[i] = xrw_deliver_url(purge->arena, edges->items[i]);

        if (urls[i] == NULL) {
            return xrw_usage(purge->cmd, "--edge %s: not http:// or https:// "
                             "and a host", edges->items[i]);
        }
    }

    status = XRW_OK;

    for (i = 0; i < edges->n; i++) {

        if (xrw_purge_tell(purge, urls[i], (long) timeout) != XRW_OK) {
            status = XRW_FAILED;
        }
    }

    return status;
}


/* A worker does the rest, and has more time for it than edges give. */

static int
xrw_purge_enqueue(const xrw_purge_t *purge)
{
    int                  status;
    char                 id[XR_JOB_ID_SIZE + 1];
    const char          *item, *why;
    xrw_order_t          order;
    xrw_queue_t          queue;
    xrw_redis_server_t   server;

    status = xrw_redis_server(purge->arena, purge->cmd, &purge->flags->redis,
                              &server);
    if (status != XRW_OK) {
        return status;
    }

    xrw_purge_order(purge, &order);
    order.life = XR_PURGE_ORDER_LIFE;

    if (!xrw_queue_open_kind(&queue, XRW_QUEUE_PURGE, &server, NULL)) {
        status = xrw_error("%s: %s", server.name, xrw_queue_error(&queue));

    } else if (!xrw_purge_add(purge->arena, &queue, &order, &purge->keys,
                              xrw_purge_by(purge->arena), id, &item, &why))
    {
        status = xrw_purge_refuse(purge, item, why);

    } else {
        printf("%s  added\n", id);
    }

    xrw_queue_close(&queue);

    return status;
}


static int
xrw_purge_run(xrw_purge_t *purge)
{
    int                  status;
    const char          *item, *why;
    xrw_order_t          order;
    const xrw_list_t    *edges;
    xrw_target_flags_t   target;

    status = XRW_OK;
    edges = &purge->flags->edges;

    if ((purge->flags->key == NULL && getenv("XR_PURGE_KEY") == NULL)
        || (edges->n == 0 && !purge->flags->print && !purge->flags->queue))
    {
        target = (xrw_target_flags_t) { .name = purge->flags->tenant,
                                        .config = purge->flags->config };
        status = xrw_target_tenant(purge->arena, &target, &purge->tenant);
    }

    if (edges->n == 0) {
        edges = &purge->tenant.edges;
    }

    if (status == XRW_OK && edges->n == 0 && !purge->flags->print
        && !purge->flags->queue)
    {
        status = xrw_usage(purge->cmd, "where? say --edge, or --print");
    }

    if (status == XRW_OK) {
        status = xrw_purge_key(purge);
    }

    if (status != XRW_OK) {
        return status;
    }

    if (purge->flags->queue) {
        return xrw_purge_enqueue(purge);
    }

    xrw_purge_order(purge, &order);
    purge->order = xrw_order_make(purge->arena, &order, &purge->keys, &item,
                                  &why);

    if (purge->order == NULL) {
        return xrw_purge_refuse(purge, item, why);
    }

    if (purge->flags->print) {
        printf("%s\n", purge->order);
        return XRW_OK;
    }

    return xrw_purge_deliver(purge, edges);
}


int
xrw_purge(const xrw_command_t *cmd, int argc, char **argv)
{
    int                status;
    xrw_arena_t        arena;
    xrw_purge_t        purge;
    xrw_purge_flags_t  f;

    const xrw_option_t  options[] = {

        { "tenant", "NAME", XRW_OPTION_TEXT, &f.tenant, "whose objects" },

        { "object", "NAME", XRW_OPTION_LIST, &f.objects,
          "an object and its variants; may repeat" },

        { "prefix", "DIR/", XRW_OPTION_LIST, &f.prefixes,
          "all objects below a directory; may repeat" },

        { "tag", "TAG", XRW_OPTION_LIST, &f.tags,
          "all objects with a tag; may repeat" },

        { "all", NULL, XRW_OPTION_FLAG, &f.all, "all objects of the tenant" },

        { "soft", NULL, XRW_OPTION_FLAG, &f.soft,
          "as stale: the origin is asked again" },

        { "edge", "URL", XRW_OPTION_LIST, &f.edges,
          "an edge (" XRW_DELIVER_PATH "), or the URL itself; may repeat" },

        { "key", "FILE", XRW_OPTION_TEXT, &f.key,
          "purge key file (XR_PURGE_KEY is a key itself)" },

        { "config", "FILE", XRW_OPTION_TEXT, &f.config,
          "has purge_keys and edges of the tenant (XR_CONFIG)" },

        { "timeout", "SECONDS", XRW_OPTION_TEXT, &f.timeout,
          "for each edge (10)" },

        { "print", NULL, XRW_OPTION_FLAG, &f.print,
          "prints the signed order instead" },

        { "queue", NULL, XRW_OPTION_FLAG, &f.queue,
          "has a worker do it, who tells CloudFront as well" },

        { "redis", "URL", XRW_OPTION_TEXT, &f.redis.url,
          "where the queue is (XR_REDIS)" },

        { "redis-auth-file", "FILE", XRW_OPTION_TEXT, &f.redis.auth_file,
          "its password" }
    };

    memset(&f, 0, sizeof(f));
    f.timeout = "10";

    if (!xrw_options(cmd, options, XR_COUNT(options), &argc, &argv, &status)) {
        return status;
    }

    if (argc != 0 || f.tenant == NULL) {
        return xrw_usage(cmd, "--tenant NAME, and what to purge as options");
    }

    if (f.queue && (f.print || f.edges.n > 0)) {
        return xrw_usage(cmd, "--queue: it is a worker that tells edges");
    }

    if (f.objects.n + f.prefixes.n + f.tags.n == 0 && !f.all) {
        return xrw_usage(cmd, "what? say --object, --prefix, --tag or --all");
    }

    arena = (xrw_arena_t) { NULL };

    memset(&purge, 0, sizeof(purge));
    purge.cmd = cmd;
    purge.flags = &f;
    purge.arena = &arena;

    status = xrw_purge_run(&purge);

    xr_keyset_wipe(&purge.keys);
    xrw_arena_free(&arena);

    return status;
}
