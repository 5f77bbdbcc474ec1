/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "order.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>


#define XRW_ORDER_LEEWAY  60            /* seconds: clocks differ */
#define XRW_ORDER_ID      33            /* bytes of a name, with its NUL */


static const char *
xrw_order_list(json_t *claims, const char *name, xr_purge_scope_t scope,
    const char *const *items, size_t n, const char **item)
{
    size_t       i;
    json_t      *array;
    xr_str_t     value;
    const char  *why;

    if (n == 0) {
        return NULL;
    }

    array = json_array();
    (void) json_object_set_new(claims, name, array);

    for (i = 0; i < n; i++) {
        value = xr_str(items[i]);
        why = xr_purge_order_item(scope, &value);

        if (why != NULL) {
            *item = items[i];
            return why;
        }

        (void) json_array_append_new(array, xrw_json_text(value));
    }

    return NULL;
}


/* NULL: no random numbers. */

static const char *
xrw_order_name(const xrw_order_t *order, char id[XRW_ORDER_ID])
{
    uint8_t   random[16];
    xr_buf_t  b;

    if (order->id != NULL) {
        return order->id;
    }

    if (xr_random(random, sizeof(random)) != XR_OK) {
        return NULL;
    }

    b = xr_buf(id, XRW_ORDER_ID - 1);
    xr_buf_hex(&b, xr_str_of(random, sizeof(random)));
    id[XRW_ORDER_ID - 1] = '\0';

    return id;
}


static const char *
xrw_order_claims(const xrw_order_t *order, json_t *claims, const char **item)
{
    char         id[XRW_ORDER_ID];
    const char  *name, *why;

    name = xrw_order_name(order, id);

    if (name == NULL) {
        return "no random numbers";
    }

    (void) json_object_set_new(claims, "iss", json_string(order->tenant));
    (void) json_object_set_new(claims, "iat", json_integer(order->now));
    (void) json_object_set_new(claims, "exp",
                               json_integer(order->now + order->life));
    (void) json_object_set_new(claims, "jti", json_string(name));

    why = xrw_order_list(claims, "objects", XR_PURGE_OBJECT, order->objects,
                         order->nobjects, item);

    if (why == NULL) {
        why = xrw_order_list(claims, "prefixes", XR_PURGE_PREFIX,
                             order->prefixes, order->nprefixes, item);
    }

    if (why == NULL) {
        why = xrw_order_list(claims, "tags", XR_PURGE_TAG, order->tags,
                             order->ntags, item);
    }

    if (order->all) {
        (void) json_object_set_new(claims, "all", json_true());
    }

    if (order->soft) {
        (void) json_object_set_new(claims, "soft", json_true());
    }

    if (why == NULL && order->nobjects + order->nprefixes + order->ntags
                       + order->all > XR_PURGE_ORDER_ITEMS)
    {
        return "an order has at most 128 items";
    }

    return why;
}


/* A JWS in compact form, RFC 7515 section 3.1. */

static const char *
xrw_order_sign(xrw_arena_t *arena, const xr_key_t *key, const char *head,
    const char *claims, const char **why)
{
    char      *order;
    size_t     size;
    xr_buf_t   b;
    xr_str_t   input;
    uint8_t    mac[XR_HASH_MAX_SIZE];

    if (head == NULL || claims == NULL) {
        *why = "out of memory";
        return NULL;
    }

    size = XR_BASE64_ENCODED(strlen(head)) + XR_BASE64_ENCODED(strlen(claims))
           + XR_BASE64_ENCODED(XR_SHA256_SIZE) + 2;

    order = xrw_alloc(arena, size + 1);
    b = xr_buf(order, size);

    xr_buf_base64url(&b, xr_str(head));
    xr_buf_putc(&b, '.');
    xr_buf_base64url(&b, xr_str(claims));

    input = xr_buf_str(&b);

    if (xr_hmac_sign(key->hmac, XR_SHA256, &input, 1, mac) != XR_OK) {
        *why = "the order cannot be signed";
        return NULL;
    }

    xr_buf_putc(&b, '.');
    xr_buf_base64url(&b, xr_str_of(mac, XR_SHA256_SIZE));

    if (b.len > XR_JWT_MAX_SIZE) {
        *why = "the order is too long: purge less at a time";
        return NULL;
    }

    return order;
}


const char *
xrw_order_make(xrw_arena_t *arena, const xrw_order_t *order,
    const xr_keyset_t *keys, const char **item, const char **why)
{
    char            *texts[2];
    json_t          *head, *claims;
    const char      *text;
    const xr_key_t  *key;

    *item = NULL;
    key = &keys->keys[0];

    if (keys->n == 0) {
        *why = "there is no key to sign orders with";
        return NULL;
    }

    claims = json_object();
    *why = xrw_order_claims(order, claims, item);

    if (*why != NULL) {
        json_decref(claims);
        return NULL;
    }

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

    text = xrw_order_sign(arena, key, texts[0], texts[1], why);

    free(texts[0]);
    free(texts[1]);

    return text;
}


const char *
xrw_order_parse(xrw_arena_t *arena, xr_str_t text, xrw_order_said_t *out)
{
    void      *memory;
    xr_buf_t   b;
    xr_err_t   err;

    memset(out, 0, sizeof(xrw_order_said_t));

    if (text.len == 0 || text.len > XR_JWT_MAX_SIZE) {
        return "it is empty, or too long";
    }

    /* the token has views of its text */

    out->text = xrw_text(arena, text);
    text = xr_str_of(out->text, text.len);
    memory = xrw_alloc(arena, XR_JWT_MEMORY(text.len) + 1);

    if (xr_jwt_parse(text, memory, &out->jwt, &err) != XR_OK) {
        return err.what;
    }

    memory = xrw_alloc(arena, text.len + 1);
    b = xr_buf(memory, text.len);
    out->tenant = xr_purge_order_issuer(&out->jwt, &b);

    return (out->tenant.len > 0) ? NULL : "it has no \"iss\"";
}


const char *
xrw_order_judge(xrw_arena_t *arena, const xr_keyset_t *keys, int64_t now,
    int64_t age, xrw_order_said_t *said)
{
    void         *memory;
    size_t        len;
    xr_buf_t      b;
    xr_deny_t     deny;
    const char   *why;
    xr_keyset_t   copy;

    copy = *keys;
    deny = xr_purge_order_signature(&said->jwt, copy.keys, copy.n,
                                    &said->key_id);
    xr_wipe(&copy, sizeof(copy));

    if (deny != XR_DENY_NONE) {
        return "no purge key of the tenant's signed it";
    }

    len = XR_PURGE_ORDER_MEMORY(strlen(said->text));
    memory = xrw_alloc(arena, len + 1);
    b = xr_buf(memory, len);

    if (xr_purge_order_read(&said->jwt, now, age + XRW_ORDER_LEEWAY, &b,
                            &said->order, &why)
        != XR_DENY_NONE)
    {
        return why;
    }

    /* it may be old, but not one that was made for later */

    return (said->order.expires
            <= now + XR_PURGE_ORDER_LIFE + XRW_ORDER_LEEWAY)
           ? NULL : "its time has not come";
}
