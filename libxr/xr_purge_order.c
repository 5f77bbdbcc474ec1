/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_purge_order.h"
#include "xr_path.h"


typedef enum {
    XR_PURGE_ISS = 0,
    XR_PURGE_IAT,
    XR_PURGE_EXP,
    XR_PURGE_NBF,
    XR_PURGE_JTI,
    XR_PURGE_OBJECTS,
    XR_PURGE_PREFIXES,
    XR_PURGE_TAGGED,
    XR_PURGE_EVERYTHING,
    XR_PURGE_SOFT,
    XR_PURGE_CLAIMS
} xr_purge_claim_t;

static const xr_str_t  xr_purge_claims[XR_PURGE_CLAIMS] = {
    XR_STR("iss"), XR_STR("iat"), XR_STR("exp"), XR_STR("nbf"), XR_STR("jti"),
    XR_STR("objects"), XR_STR("prefixes"), XR_STR("tags"), XR_STR("all"),
    XR_STR("soft")
};

/* Those without a text are absent. */

typedef struct {
    xr_json_t  values[XR_PURGE_CLAIMS];
} xr_purge_said_t;


xr_str_t
xr_purge_order_issuer(const xr_jwt_t *t, xr_buf_t *memory)
{
    xr_str_t  issuer;

    return (xr_jwt_claim(t, xr_purge_claims[XR_PURGE_ISS], memory, &issuer)
            == XR_OK) ? issuer : xr_str_of(NULL, 0);
}


xr_deny_t
xr_purge_order_signature(const xr_jwt_t *t, xr_key_t *keys, size_t nkeys,
    xr_str_t *key_id)
{
    size_t           i;
    xr_deny_t        deny;
    const xr_key_t  *key;

    /* they verify nothing else, and nothing else verifies orders */

    for (i = 0; i < nkeys; i++) {

        if (keys[i].kind == XR_KIND_PURGE) {
            keys[i].kind = XR_KIND_JWT;

        } else {
            keys[i].kind = 0;
        }
    }

    deny = xr_jwt_signature(t, keys, nkeys, NULL, &key);

    if (deny == XR_DENY_NONE) {
        *key_id = key->id;
    }

    return deny;
}


/* What is not known may have been meant to be purged. */

static const char *
xr_purge_order_claims(const xr_jwt_t *t, xr_purge_said_t *said)
{
    size_t          i;
    xr_json_t       name, value;
    xr_json_iter_t  it;

    memset(said, 0, sizeof(xr_purge_said_t));

    it = xr_json_iter(&t->claims);

    while (xr_json_next(&it, &name, &value)) {

        for (i = 0; i < XR_PURGE_CLAIMS; i++) {

            if (xr_json_is(&name, xr_purge_claims[i])) {
                break;
            }
        }

        if (i == XR_PURGE_CLAIMS) {
            return "it has a claim that no order has";
        }

        said->values[i] = value;
    }

    return NULL;
}


static xr_deny_t
xr_purge_order_times(const xr_purge_said_t *said, int64_t now, int64_t leeway,
    xr_purge_order_t *out, const char **why)
{
    int64_t            issued, early;
    xr_auth_policy_t   policy;
    xr_auth_request_t  req;

    *why = "it has no times, or what are none";

    if (xr_json_int(&said->values[XR_PURGE_IAT], &issued) != XR_OK
        || xr_json_int(&said->values[XR_PURGE_EXP], &out->expires) != XR_OK)
    {
        return XR_DENY_TOKEN_CLAIM;
    }

    early = 0;

    if (said->values[XR_PURGE_NBF].raw.data != NULL
        && xr_json_int(&said->values[XR_PURGE_NBF], &early) != XR_OK)
    {
        return XR_DENY_TOKEN_CLAIM;
    }

    if (issued <= 0 || out->expires <= issued
        || out->expires - issued > XR_PURGE_ORDER_LIFE)
    {
        *why = "it is good for more than five minutes";
        return XR_DENY_TOKEN_LIFETIME;
    }

    memset(&policy, 0, sizeof(policy));
    memset(&req, 0, sizeof(req));

    policy.leeway = leeway;
    req.now = now;
    *why = "its time is over, or has not come";

    return xr_auth_times(early, issued, out->expires, &req, &policy);
}


const char *
xr_purge_order_item(xr_purge_scope_t scope, xr_str_t *value)
{
    uint8_t   path[1 + XR_PURGE_ORDER_NAME];
    xr_err_t  err;

    if (scope == XR_PURGE_TAG) {
        return xr_purge_stored_tag_ok(*value) ? NULL
               : "a tag is not 1 to 64 visible characters without a comma";
    }

    if (value->len > 0 && value->data[0] == '/') {
        xr_str_skip(value, 1);
    }

    if (value->len == 0 || value->len > XR_PURGE_ORDER_NAME) {
        return "a name is empty or too long";
    }

    path[0] = '/';
    memcpy(path + 1, value->data, value->len);

    if (xr_path_check_decoded(xr_str_of(path, value->len + 1), &err) != XR_OK) {
        return err.what;
    }

    if ((path[value->len] == '/') != (scope == XR_PURGE_PREFIX)) {
        return (scope == XR_PURGE_PREFIX) ? "a prefix does not end with \"/\""
                                          : "an object ends with \"/\"";
    }

    return NULL;
}


static const char *
xr_purge_order_list(const xr_json_t *list, xr_purge_scope_t scope,
    xr_buf_t *memory, xr_purge_order_t *out)
{
    xr_str_t         text;
    const char      *why;
    xr_json_t        value;
    xr_json_iter_t   it;

    if (list->raw.data == NULL) {
        return NULL;
    }

    if (list->type != XR_JSON_ARRAY) {
        return "what to purge is not in an array";
    }

    it = xr_json_iter(list);

    while (xr_json_next(&it, NULL, &value)) {

        if (out->n == XR_PURGE_ORDER_ITEMS) {
            return "it has more than 128 items";
        }

        if (xr_json_text(&value, memory, &text) != XR_OK) {
            return "what to purge is not text";
        }

        why = xr_purge_order_item(scope, &text);

        if (why != NULL) {
            return why;
        }

        out->items[out->n].scope = scope;
        out->items[out->n].value = text;
        out->n++;
        out->counts[scope]++;
    }

    return NULL;
}


static const char *
xr_purge_order_flag(const xr_json_t *v, bool *out)
{
    *out = (v->raw.data != NULL && v->type == XR_JSON_TRUE);

    return (v->raw.data == NULL || v->type == XR_JSON_TRUE
            || v->type == XR_JSON_FALSE)
           ? NULL : "\"all\" or \"soft\" is neither true nor false";
}


static const char *
xr_purge_order_items(const xr_purge_said_t *said, xr_buf_t *memory,
    xr_purge_order_t *out)
{
    bool         all;
    size_t       i;
    const char  *why;

    static const struct {
        xr_purge_claim_t  claim;
        xr_purge_scope_t  scope;
    } lists[] = {
        { XR_PURGE_OBJECTS, XR_PURGE_OBJECT },
        { XR_PURGE_PREFIXES, XR_PURGE_PREFIX },
        { XR_PURGE_TAGGED, XR_PURGE_TAG }
    };

    all = false;
    why = xr_purge_order_flag(&said->values[XR_PURGE_SOFT], &out->soft);

    if (why == NULL) {
        why = xr_purge_order_flag(&said->values[XR_PURGE_EVERYTHING], &all);
    }

    for (i = 0; why == NULL && i < XR_COUNT(lists); i++) {
        why = xr_purge_order_list(&said->values[lists[i].claim],
                                  lists[i].scope, memory, out);
    }

    if (why != NULL) {
        return why;
    }

    if (all) {

        if (out->n == XR_PURGE_ORDER_ITEMS) {
            return "it has more than 128 items";
        }

        out->items[out->n].scope = XR_PURGE_TENANT;
        out->items[out->n].value = xr_str_of(NULL, 0);
        out->n++;
        out->counts[XR_PURGE_TENANT]++;
    }

    return (out->n > 0) ? NULL : "it says nothing to purge";
}


/* It goes into logs as it is. */

static bool
xr_purge_order_id_ok(xr_str_t id)
{
    size_t  i;

    for (i = 0; i < id.len; i++) {

        if (id.data[i] <= 0x20 || id.data[i] >= 0x7f || id.data[i] == '"'
            || id.data[i] == '\\')
        {
            return false;
        }
    }

    return id.len > 0 && id.len <= XR_PURGE_ORDER_ID;
}


xr_deny_t
xr_purge_order_read(const xr_jwt_t *t, int64_t now, int64_t leeway,
    xr_buf_t *memory, xr_purge_order_t *out, const char **why)
{
    xr_deny_t        deny;
    xr_purge_said_t  said;

    memset(out, 0, sizeof(xr_purge_order_t));

    *why = xr_purge_order_claims(t, &said);

    if (*why != NULL) {
        return XR_DENY_TOKEN_CLAIM;
    }

    deny = xr_purge_order_times(&said, now, leeway, out, why);

    if (deny != XR_DENY_NONE) {
        return deny;
    }

    if (xr_jwt_claim(t, xr_purge_claims[XR_PURGE_JTI], memory, &out->id)
        != XR_OK
        || !xr_purge_order_id_ok(out->id))
    {
        out->id = xr_str_of(NULL, 0);
        *why = "it has no \"jti\" of 1 to 128 visible characters";
        return XR_DENY_TOKEN_CLAIM;
    }

    *why = xr_purge_order_items(&said, memory, out);

    return (*why == NULL) ? XR_DENY_NONE : XR_DENY_TOKEN_CLAIM;
}


size_t
xr_purge_order_records(const xr_purge_order_t *order, const xr_purge_t *p,
    uint64_t generation, uint64_t tenant,
    xr_purge_record_t records[XR_PURGE_ORDER_RECORDS])
{
    size_t                  i, n;
    uint8_t                 room[XR_PURGE_ORDER_NAME + 4];
    xr_buf_t                b;
    const xr_purge_item_t  *item;

    n = 0;

    for (i = 0; i < order->n; i++) {
        item = &order->items[i];

        xr_purge_record(p, generation, tenant, item->scope, order->soft,
                        item->value, &records[n++]);

        if (item->scope != XR_PURGE_OBJECT) {
            continue;
        }

        b = xr_buf(room, sizeof(room));
        xr_buf_put(&b, item->value);
        xr_buf_puts(&b, ".xr/");

        xr_purge_record(p, generation, tenant, XR_PURGE_PREFIX, order->soft,
                        xr_buf_str(&b), &records[n++]);
    }

    return n;
}
