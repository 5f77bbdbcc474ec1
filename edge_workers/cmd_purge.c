/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "deliver.h"
#include "json.h"
#include "keys.h"
#include "sign.h"
#include "target.h"
#include "xr_purge_order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define XRW_PURGE_LIFE  60              /* seconds */
#define XRW_PURGE_PATH  "/xr/purge"


typedef struct {
    const char  *tenant;
    const char  *config;
    const char  *key;
    const char  *timeout;
    xrw_list_t   edges;
    xrw_list_t   objects;
    xrw_list_t   prefixes;
    xrw_list_t   tags;
    bool         all;
    bool         soft;
    bool         print;
} xrw_purge_flags_t;


typedef struct {
    const xrw_command_t      *cmd;
    const xrw_purge_flags_t  *flags;
    xrw_arena_t              *arena;
    xrw_tenant_t              tenant;   /* of the configuration */
    xr_keyset_t               keys;
    char                     *order;
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


/* Whatever an edge would refuse is refused here. */

static int
xrw_purge_list(const xrw_purge_t *purge, json_t *claims, const char *name,
    xr_purge_scope_t scope, const xrw_list_t *list)
{
    size_t       i;
    json_t      *array;
    xr_str_t     item;
    const char  *why;

    if (list->n == 0) {
        return XRW_OK;
    }

    array = json_array();
    (void) json_object_set_new(claims, name, array);

    for (i = 0; i < list->n; i++) {
        item = xr_str(list->items[i]);
        why = xr_purge_order_item(scope, &item);

        if (why != NULL) {
            return xrw_usage(purge->cmd, "\"%s\": %s", list->items[i], why);
        }

        (void) json_array_append_new(array, xrw_json_text(item));
    }

    return XRW_OK;
}


static int
xrw_purge_claims(const xrw_purge_t *purge, json_t *claims)
{
    const xrw_purge_flags_t *f = purge->flags;

    char      id[2 * 16 + 1];
    size_t    i;
    int       status;
    uint8_t   random[16];
    int64_t   now;
    xr_buf_t  b;

    const struct {
        const char         *name;
        xr_purge_scope_t    scope;
        const xrw_list_t   *list;
    } lists[] = {
        { "objects", XR_PURGE_OBJECT, &f->objects },
        { "prefixes", XR_PURGE_PREFIX, &f->prefixes },
        { "tags", XR_PURGE_TAG, &f->tags }
    };

    if (xr_random(random, sizeof(random)) != XR_OK) {
        return xrw_error("no random numbers");
    }

    b = xr_buf(id, sizeof(id) - 1);
    xr_buf_hex(&b, xr_str_of(random, sizeof(random)));
    id[sizeof(id) - 1] = '\0';

    now = (int64_t) time(NULL);

    (void) json_object_set_new(claims, "iss", json_string(f->tenant));
    (void) json_object_set_new(claims, "iat", json_integer(now));
    (void) json_object_set_new(claims, "exp",
                               json_integer(now + XRW_PURGE_LIFE));
    (void) json_object_set_new(claims, "jti", json_string(id));

    status = XRW_OK;

    for (i = 0; status == XRW_OK && i < XR_COUNT(lists); i++) {
        status = xrw_purge_list(purge, claims, lists[i].name, lists[i].scope,
                                lists[i].list);
    }

    if (f->all) {
        (void) json_object_set_new(claims, "all", json_true());
    }

    if (f->soft) {
        (void) json_object_set_new(claims, "soft", json_true());
    }

    return status;
}


/* A JWS in compact form, RFC 7515 section 3.1; takes "claims". */

static int
xrw_purge_sign(xrw_purge_t *purge, json_t *claims)
{
    char            *texts[2];
    size_t           i, size;
    json_t          *head;
    xr_buf_t         b;
    xr_str_t         input;
    uint8_t          mac[XR_HASH_MAX_SIZE];
    const xr_key_t  *key;

    key = &purge->keys.keys[0];
    head = json_object();

    (void) json_object_set_new(head, "alg", json_string("HS256"));
    (void) json_object_set_new(head, "typ", json_string("JWT"));

    if (key->id.len > 0) {
        (void) json_object_set_new(head, "kid", xrw_json_text(key->id));
    }

    texts[0] = json_dumps(head, JSON_COMPACT);
    texts[1] = json_dumps(claims, JSON_COMPACT);

    json_decref(head);
    json_decref(claims);

    if (texts[0] == NULL || texts[1] == NULL) {
        free(texts[0]);
        free(texts[1]);
        return xrw_error("out of memory");
    }

    size = XR_BASE64_ENCODED(strlen(texts[0]))
           + XR_BASE64_ENCODED(strlen(texts[1]))
           + XR_BASE64_ENCODED(XR_SHA256_SIZE) + 2;

    purge->order = xrw_alloc(purge->arena, size + 1);
    b = xr_buf(purge->order, size);

    for (i = 0; i < 2; i++) {

        if (i > 0) {
            xr_buf_putc(&b, '.');
        }

        xr_buf_base64url(&b, xr_str(texts[i]));
        free(texts[i]);
    }

    input = xr_buf_str(&b);

    if (xr_hmac_sign(key->hmac, XR_SHA256, &input, 1, mac) != XR_OK) {
        return xrw_error("the order cannot be signed");
    }

    xr_buf_putc(&b, '.');
    xr_buf_base64url(&b, xr_str_of(mac, XR_SHA256_SIZE));

    return (b.len <= XR_JWT_MAX_SIZE)
           ? XRW_OK : xrw_error("the order is too long: purge less at a time");
}


/* "https://edge.example" is where orders usually go. */

static const char *
xrw_purge_url(const xrw_purge_t *purge, const char *edge)
{
    size_t  len;

    len = xrw_site(xr_str(edge));

    if (len == 0) {
        return NULL;
    }

    return (strcmp(edge + len, "") == 0 || strcmp(edge + len, "/") == 0)
           ? xrw_format(purge->arena, "%.*s" XRW_PURGE_PATH, (int) len, edge)
           : edge;
}


static int
xrw_purge_tell(const xrw_purge_t *purge, const char *url, long timeout)
{
    json_t         *answer;
    long long       purged, generation;
    xrw_deliver_t   said;

    if (!xrw_deliver(url, purge->order, timeout, &said)) {
        return xrw_error("%s: %s", url, said.error);
    }

    if (said.status != 200) {
        return xrw_error("%s: refused with %ld", url, said.status);
    }

    answer = json_loadb(said.answer, said.len, 0, NULL);
    purged = -1;

    if (json_unpack(answer, "{s:I, s:I}", "purged", &purged, "generation",
                    &generation)
        != 0)
    {
        json_decref(answer);
        return xrw_error("%s: is no edge, or another one", url);
    }

    json_decref(answer);
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
        urls[i] = xrw_purge_url(purge, edges->items[i]);

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


static int
xrw_purge_run(xrw_purge_t *purge)
{
    int                  status;
    json_t              *claims;
    const xrw_list_t    *edges;
    xrw_target_flags_t   target;

    status = XRW_OK;
    edges = &purge->flags->edges;

    if ((purge->flags->key == NULL && getenv("XR_PURGE_KEY") == NULL)
        || (edges->n == 0 && !purge->flags->print))
    {
        target = (xrw_target_flags_t) { .name = purge->flags->tenant,
                                        .config = purge->flags->config };
        status = xrw_target_tenant(purge->arena, &target, &purge->tenant);
    }

    if (edges->n == 0) {
        edges = &purge->tenant.edges;
    }

    if (status == XRW_OK && edges->n == 0 && !purge->flags->print) {
        status = xrw_usage(purge->cmd, "where? say --edge, or --print");
    }

    if (status == XRW_OK) {
        status = xrw_purge_key(purge);
    }

    if (status != XRW_OK) {
        return status;
    }

    claims = json_object();
    status = xrw_purge_claims(purge, claims);

    if (status != XRW_OK) {
        json_decref(claims);
        return status;
    }

    status = xrw_purge_sign(purge, claims);

    if (status == XRW_OK && purge->flags->print) {
        printf("%s\n", purge->order);
        return XRW_OK;
    }

    return (status == XRW_OK) ? xrw_purge_deliver(purge, edges) : status;
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
          "an edge (" XRW_PURGE_PATH "), or the URL itself; may repeat" },

        { "key", "FILE", XRW_OPTION_TEXT, &f.key,
          "purge key file (XR_PURGE_KEY is a key itself)" },

        { "config", "FILE", XRW_OPTION_TEXT, &f.config,
          "has purge_keys and edges of the tenant (XR_CONFIG)" },

        { "timeout", "SECONDS", XRW_OPTION_TEXT, &f.timeout,
          "for each edge (10)" },

        { "print", NULL, XRW_OPTION_FLAG, &f.print,
          "prints the signed order instead" }
    };

    memset(&f, 0, sizeof(f));
    f.timeout = "10";

    if (!xrw_options(cmd, options, XR_COUNT(options), &argc, &argv, &status)) {
        return status;
    }

    if (argc != 0 || f.tenant == NULL) {
        return xrw_usage(cmd, "--tenant NAME, and what to purge as options");
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
