/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "json.h"
#include "tenants.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>


#define XRW_TENANTS_SHOW_FINGERPRINT  8         /* bytes */
#define XRW_TENANTS_SHOW_COLUMN       18


/* Everything that is shown, as the object that --json prints. */


static json_t *
xrw_tenants_show_strings(const xr_str_t *list, size_t n)
{
    size_t   i;
    json_t  *array;

    array = json_array();

    for (i = 0; i < n; i++) {
        (void) json_array_append_new(array, xrw_json_text(list[i]));
    }

    return array;
}


static void
xrw_tenants_show_set(json_t *object, const char *name, xr_str_t value)
{
    if (value.len > 0) {
        (void) json_object_set_new(object, name, xrw_json_text(value));
    }
}


/* "HMAC", "RSA 2048", "P-256": never more of a key than that. */

static const char *
xrw_tenants_show_type(const xr_key_t *key, xrw_arena_t *memory)
{
    if (key->hmac != NULL) {
        return "HMAC";
    }

    switch (key->pub.kind) {

    case XR_PUBKEY_P256:
        return "P-256";

    case XR_PUBKEY_P384:
        return "P-384";

    case XR_PUBKEY_P521:
        return "P-521";

    case XR_PUBKEY_ED25519:
        return "Ed25519";

    default: /* XR_PUBKEY_RSA */
        return xrw_format(memory, "RSA %zu", key->pub.n.len * 8);
    }
}


static json_t *
xrw_tenants_show_keys(const xr_keyset_t *set, xrw_arena_t *memory)
{
    char             hex[2 * XRW_TENANTS_SHOW_FINGERPRINT];
    size_t           i;
    json_t          *array, *object;
    xr_buf_t         b;
    const xr_key_t  *key;

    array = json_array();

    for (i = 0; i < set->n; i++) {
        key = &set->keys[i];
        object = json_object();
        b = xr_buf(hex, sizeof(hex));

        xr_buf_hex(&b, xr_str_of(key->digest, XRW_TENANTS_SHOW_FINGERPRINT));

        xrw_tenants_show_set(object, "kind", xr_kind_name(key->kind));
        xrw_tenants_show_set(object, "id", key->id);
        xrw_tenants_show_set(object, "alg", xr_alg_name(key->alg));
        xrw_tenants_show_set(object, "type",
                             xr_str(xrw_tenants_show_type(key, memory)));
        xrw_tenants_show_set(object, "fingerprint", xr_buf_str(&b));

        (void) json_array_append_new(array, object);
    }

    return array;
}


static void
xrw_tenants_show_location(json_t *object, xr_location_t l)
{
    char      text[XR_LOCATION_SIZE];
    xr_buf_t  b;

    if (l.lat != XR_LOCATION_NONE) {
        b = xr_buf(text, sizeof(text));
        xr_location_text(l, &b);

        xrw_tenants_show_set(object, "location", xr_buf_str(&b));
    }
}


static void
xrw_tenants_show_origin(json_t *object, const xr_tenant_t *t,
    xrw_arena_t *memory)
{
    const char         *style;
    const xr_origin_t  *origin;

    origin = &t->origin;

    xrw_tenants_show_set(object, "origin",
                         xr_str(xrw_tenants_origin(memory, origin)));

    if (origin->kind == XR_ORIGIN_S3) {
        style = (origin->style == XR_ORIGIN_PATH_STYLE) ? "path" : "virtual";

        xrw_tenants_show_set(object, "region", origin->region);
        xrw_tenants_show_set(object, "style", xr_str(style));
        xrw_tenants_show_set(object, "access_key_id",
                             t->credentials.access_key);
    }

    xrw_tenants_show_set(object, "endpoint",
        xr_str(xrw_format(memory, "%s://%.*s:%u",
                          origin->tls ? "https" : "http",
                          (int) origin->endpoint.len,
                          (const char *) origin->endpoint.data,
                          (unsigned) origin->port)));
    xrw_tenants_show_location(object, t->location);
    xrw_tenants_show_set(object, "upstream", t->upstream);
}


/* As they can be written in a tenant's block. */

static const char *
xrw_tenants_show_replica(const xr_tenant_replica_t *r, xrw_arena_t *memory)
{
    char                text[XR_LOCATION_SIZE];
    xr_buf_t            b;
    const char         *url;
    const xr_origin_t  *o;

    o = &r->origin;
    url = xrw_tenants_origin(memory, o);

    if (o->kind == XR_ORIGIN_S3) {
        url = xrw_format(memory, "%s region=%.*s endpoint=%s://%.*s:%u "
                         "style=%s", url, (int) o->region.len,
                         (const char *) o->region.data,
                         o->tls ? "https" : "http", (int) o->endpoint.len,
                         (const char *) o->endpoint.data, (unsigned) o->port,
                         o->style == XR_ORIGIN_PATH_STYLE ? "path"
                                                          : "virtual");
    }

    if (r->location.lat != XR_LOCATION_NONE) {
        b = xr_buf(text, sizeof(text));
        xr_location_text(r->location, &b);

        url = xrw_format(memory, "%s location=%.*s", url,
                         (int) b.len, (const char *) b.data);
    }

    return (r->upstream.len == 0)
           ? url : xrw_format(memory, "%s upstream=%.*s", url,
                              (int) r->upstream.len,
                              (const char *) r->upstream.data);
}


static json_t *
xrw_tenants_show_replicas(const xr_tenant_t *t, xrw_arena_t *memory)
{
    size_t   i;
    json_t  *array;

    array = json_array();

    for (i = 0; i < t->nreplicas; i++) {
        (void) json_array_append_new(array, xrw_json_text(xr_str(
                        xrw_tenants_show_replica(&t->replicas[i], memory))));
    }

    return array;
}


static void
xrw_tenants_show_cors(json_t *object, const xr_tenant_t *t)
{
    json_t   *value;
    int64_t   max_age;

    if (t->cors == XR_CORS_LIST) {
        value = xrw_tenants_show_strings(t->cors_origins, t->ncors_origins);

    } else {
        value = json_string(t->cors == XR_CORS_ANY ? "*" : "off");
    }

    max_age = (t->cors_max_age >= 0) ? t->cors_max_age
                                     : XR_TENANT_CORS_MAX_AGE;

    (void) json_object_set_new(object, "cors", value);

    if (t->cors == XR_CORS_OFF) {
        return;
    }

    (void) json_object_set_new(object, "cors_credentials",
                               json_boolean(t->cors_credentials));
    (void) json_object_set_new(object, "cors_max_age", json_integer(max_age));
}


/* As they can be written, with the defaults of what was not. */

static json_t *
xrw_tenants_show_limits(const xr_tenant_t *t)
{
    char       text[XR_LIMIT_TEXT_MAX];
    size_t     i;
    json_t    *array;
    xr_buf_t   b;

    array = json_array();

    for (i = 0; i < t->nlimits; i++) {
        b = xr_buf(text, sizeof(text));
        xr_limit_text(&t->limits[i], &b);

        (void) json_array_append_new(array, xrw_json_text(xr_buf_str(&b)));
    }

    return array;
}


static json_t *
xrw_tenants_show_object(const xr_tenant_t *t, xrw_arena_t *memory)
{
    char      policy[XR_FRESHNESS_POLICY_SIZE], geo[XR_GEO_POLICY_SIZE];
    json_t   *object;
    int64_t   leeway;
    xr_buf_t  b;

    object = json_object();
    leeway = (t->leeway >= 0) ? t->leeway : XR_TENANT_LEEWAY;

    xrw_tenants_show_set(object, "name", t->name);

    (void) json_object_set_new(object, "hosts",
                               xrw_tenants_show_strings(t->hosts, t->nhosts));

    xrw_tenants_show_origin(object, t, memory);

    if (t->nreplicas > 0) {
        (void) json_object_set_new(object, "replicas",
                                   xrw_tenants_show_replicas(t, memory));
    }

    (void) json_object_set_new(object, "keys",
                               xrw_tenants_show_keys(&t->keys, memory));
    (void) json_object_set_new(object, "issuer",
        xrw_tenants_show_strings(t->issuers.list, t->issuers.n));
    (void) json_object_set_new(object, "audience",
        xrw_tenants_show_strings(t->audiences.list, t->audiences.n));
    (void) json_object_set_new(object, "cloudfront_hosts",
        xrw_tenants_show_strings(t->cloudfront_hosts.list,
                                 t->cloudfront_hosts.n));

    if (t->has_cloudfront_sha1) {
        (void) json_object_set_new(object, "cloudfront_sha1",
                                   json_boolean(t->cloudfront_sha1));
    }

    xrw_tenants_show_cors(object, t);
    xrw_tenants_show_set(object, "cache_control", t->cache_control);

    if (t->has_cache_policy) {
        b = xr_buf(policy, sizeof(policy));
        xr_freshness_policy_text(&t->cache_policy, &b);

        xrw_tenants_show_set(object, "cache_policy", xr_buf_str(&b));
    }

    if (t->has_geo) {
        b = xr_buf(geo, sizeof(geo));
        xr_geo_policy_text(&t->geo, &b);

        xrw_tenants_show_set(object, "geo", xr_buf_str(&b));
    }

    (void) json_object_set_new(object, "leeway", json_integer(leeway));

    if (t->max_lifetime != 0) {
        (void) json_object_set_new(object, "max_lifetime",
                                   json_integer(t->max_lifetime));
    }

    (void) json_object_set_new(object, "limits", xrw_tenants_show_limits(t));

    return object;
}


/* The same for people: a line for each value, none for what is not there. */


static void
xrw_tenants_show_line(const char *name, const json_t *value)
{
    size_t        i;
    json_t       *element;
    const char   *key;

    printf("%-*s", XRW_TENANTS_SHOW_COLUMN, name);

    if (json_is_integer(value)) {
        printf("%" JSON_INTEGER_FORMAT " s", json_integer_value(value));

    } else if (json_is_boolean(value)) {
        printf("%s", json_is_true(value) ? "on" : "off");

    } else if (json_is_string(value)) {
        xrw_print(xr_str_of(json_string_value(value),
                            json_string_length(value)));
    }

    i = 0;

    json_object_foreach((json_t *) (uintptr_t) value, key, element) {
        printf("%s", (i++ == 0) ? "" : "  ");

        if (strcmp(key, "id") == 0) {
            printf("id ");
        }

        xrw_print(xr_str_of(json_string_value(element),
                            json_string_length(element)));
    }

    (void) putchar('\n');
}


static void
xrw_tenants_show_text(json_t *object)
{
    size_t       i;
    json_t      *value, *element;
    const char  *name;

    json_object_foreach(object, name, value) {

        if (!json_is_array(value)) {
            xrw_tenants_show_line(name, value);
        }

        json_array_foreach(value, i, element) {
            xrw_tenants_show_line(i == 0 ? name : "", element);
        }
    }
}


static xr_rc_t
xrw_tenants_show_one(void *ctx, xr_tenant_t *t, xrw_arena_t *memory,
    xr_err_t *err)
{
    xr_rc_t  rc;

    json_t **object = ctx;

    if (*object != NULL) {
        return xr_fail(err, XR_INVALID, 0, "is there twice");
    }

    rc = xr_tenant_finish(t, err);

    if (rc == XR_OK) {
        *object = xrw_tenants_show_object(t, memory);
    }

    return rc;
}


static int
xrw_tenants_show_run(const char *file, const char *name, bool json)
{
    xr_rc_t         rc;
    json_t         *object;
    xrw_tenants_t   tenants;

    object = NULL;

    tenants = (xrw_tenants_t) {
        file, name, XRW_TENANTS_ALL, xrw_tenants_show_one, &object
    };

    rc = xrw_tenants_each(&tenants);

    if (rc == XR_NOT_FOUND) {
        return xrw_error("%s: there is no such file", file);
    }

    if (rc != XR_OK) {
        json_decref(object);
        return XRW_FAILED;
    }

    if (object == NULL) {
        return xrw_error("%s: no tenant \"%s\"", file, name);
    }

    if (json) {
        xrw_json_print(object);
        return XRW_OK;
    }

    xrw_tenants_show_text(object);
    json_decref(object);

    return XRW_OK;
}


int
xrw_tenants_show(const xrw_command_t *cmd, int argc, char **argv)
{
    int          status;
    bool         json;
    const char  *file;

    const xrw_option_t  options[] = {

        { "file", "FILE", XRW_OPTION_TEXT, &file,
          "the tenants file (XR_TENANTS)" },

        { "json", NULL, XRW_OPTION_FLAG, &json,
          "one JSON object, times in seconds" }
    };

    file = NULL;
    json = false;

    if (!xrw_options(cmd, options, XR_COUNT(options), &argc, &argv, &status)) {
        return status;
    }

    if (argc != 1) {
        return xrw_usage(cmd, "one NAME");
    }

    return xrw_tenants_show_run(xrw_tenants_file(file), argv[0], json);
}
