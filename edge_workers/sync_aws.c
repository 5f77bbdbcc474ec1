/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "sync_aws.h"
#include "io.h"
#include "when.h"
#include "xr_credentials.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define XRW_AWS_EARLY      900          /* seconds before they expire */
#define XRW_AWS_TOKEN_MAX  16384


typedef struct {
    const char  *name;
    xr_rc_t    (*get)(xrw_source_t *s, xrw_aws_t *out);
} xrw_aws_provider_t;


/* In the order of AWS's own programs. */

static const xrw_aws_provider_t  xrw_aws_providers[] = {
    { "environment", xrw_sync_aws_environment },
    { "web_identity", xrw_sync_aws_web_identity },
    { "profile", xrw_sync_aws_profile },
    { "container", xrw_sync_aws_container },
    { "imds", xrw_sync_aws_imds }
};


const char *
xrw_sync_aws_env(const char *name)
{
    const char  *value;

    value = getenv(name);

    return (value != NULL && value[0] != '\0') ? value : NULL;
}


xr_rc_t
xrw_sync_aws_fail(xrw_source_t *s, const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    (void) vsnprintf(s->why, sizeof(s->why), format, args);
    va_end(args);

    return XR_ERROR;
}


const char *
xrw_sync_aws_token(xrw_source_t *s, const char *path)
{
    xr_str_t  text;

    if (!xrw_io_text(&s->arena, path, XRW_AWS_TOKEN_MAX + 1, &text)) {
        (void) xrw_sync_aws_fail(s, "%s cannot be read", path);
        return NULL;
    }

    text = xr_str_trim(text);

    if (text.len == 0 || text.len > XRW_AWS_TOKEN_MAX
        || xr_str_has_control(text))
    {
        (void) xrw_sync_aws_fail(s, "%s has no token in it", path);
        return NULL;
    }

    return xrw_text(&s->arena, text);
}


int64_t
xrw_sync_aws_when(xrw_source_t *s, xr_str_t text)
{
    int64_t  t;

    /* relative times are for people */

    if (text.len < 20 || text.data[0] < '0' || text.data[0] > '9'
        || !xrw_when(xrw_text(&s->arena, text), (int64_t) time(NULL), &t))
    {
        return 0;
    }

    return t;
}


static xr_str_t
xrw_sync_aws_member(xrw_source_t *s, const json_t *root, const char *name)
{
    const char  *text;

    text = json_string_value(json_object_get(root, name));

    return xr_str(text != NULL ? xrw_text(&s->arena, xr_str(text)) : "");
}


xr_rc_t
xrw_sync_aws_json(xrw_source_t *s, xr_str_t text, bool code, xrw_aws_t *out)
{
    json_t        *root;
    xr_str_t       said, expires;
    json_error_t   error;

    root = json_loadb((const char *) text.data, text.len,
                      JSON_REJECT_DUPLICATES, &error);

    if (!json_is_object(root)) {
        json_decref(root);
        return xrw_sync_aws_fail(s, "what was answered is no JSON object");
    }

    said = xrw_sync_aws_member(s, root, "Code");
    out->access = xrw_sync_aws_member(s, root, "AccessKeyId");
    out->secret = xrw_sync_aws_member(s, root, "SecretAccessKey");
    out->token = xrw_sync_aws_member(s, root, "Token");
    expires = xrw_sync_aws_member(s, root, "Expiration");

    json_decref(root);

    if (code && !xr_str_eq(said, xr_str("Success"))) {
        return xrw_sync_aws_fail(s, "the answer's code is \"%.*s\"",
                                 (int) (said.len < 100 ? said.len : 100),
                                 (const char *) said.data);
    }

    if (out->token.len == 0) {
        return xrw_sync_aws_fail(s, "the answer has no \"Token\"");
    }

    out->expires = xrw_sync_aws_when(s, expires);

    return (out->expires != 0) ? XR_OK
           : xrw_sync_aws_fail(s, "the answer has no \"Expiration\"");
}


/* Seconds until we want others: early, and twice as often near the end. */

static int64_t
xrw_sync_aws_fresh(int64_t left)
{
    return (left > 2 * XRW_AWS_EARLY) ? left - XRW_AWS_EARLY : left / 2;
}


static void
xrw_sync_aws_write(xrw_source_t *s, const xrw_aws_t *aws, xrw_bytes_t *out)
{
    xrw_bytes_add(out, xr_str(xrw_format(&s->arena, "[%s]\n"
                                         "aws_access_key_id = %.*s\n"
                                         "aws_secret_access_key = %.*s\n",
                                         s->conf->profile != NULL
                                         ? s->conf->profile : "default",
                                         (int) aws->access.len,
                                         (const char *) aws->access.data,
                                         (int) aws->secret.len,
                                         (const char *) aws->secret.data)));

    if (aws->token.len > 0) {
        xrw_bytes_add(out, xr_str(xrw_format(&s->arena,
                                             "aws_session_token = %.*s\n",
                                             (int) aws->token.len,
                                             (const char *)
                                             aws->token.data)));
    }
}


static bool
xrw_sync_aws_got(xrw_source_t *s, const xrw_aws_t *aws, xrw_fetched_t *got)
{
    int64_t           left;
    xr_err_t          err;
    xr_credentials_t  c;

    c = (xr_credentials_t) { aws->access, aws->secret, aws->token };

    if (xr_credentials_check(&c, &err) != XR_OK) {
        return xrw_source_fail(s, "%s, %s: %s", got->from,
                               err.pos == 0 ? "access key"
                               : err.pos == 1 ? "secret key" : "token",
                               err.what);
    }

    if (aws->expires != 0) {
        left = aws->expires - (int64_t) time(NULL);

        if (left <= 0) {
            return xrw_source_fail(s, "%s: they expired already", got->from);
        }

        got->fresh = xrw_sync_aws_fresh(left);
        got->expires = aws->expires;
    }

    xrw_sync_aws_write(s, aws, &got->body);

    return true;
}


static bool
xrw_sync_aws_wanted(const xrw_source_conf_t *conf, const char *name)
{
    size_t  i;

    for (i = 0; i < conf->providers.n; i++) {

        if (strcmp(conf->providers.items[i], name) == 0) {
            return true;
        }
    }

    return conf->providers.n == 0;
}


/*
 * The first that this machine has.  If it does not work, those behind it are
 * not asked: they would be somebody else.
 */

static bool
xrw_sync_aws_fetch(xrw_source_t *s, xrw_fetched_t *got)
{
    char        why[sizeof(s->why)];
    size_t      i;
    xr_rc_t     rc;
    xrw_aws_t   aws;

    for (i = 0; i < XR_COUNT(xrw_aws_providers); i++) {

        if (!xrw_sync_aws_wanted(s->conf, xrw_aws_providers[i].name)) {
            continue;
        }

        memset(&aws, 0, sizeof(aws));
        rc = xrw_aws_providers[i].get(s, &aws);

        if (rc == XR_NOT_FOUND) {
            continue;
        }

        got->from = xrw_aws_providers[i].name;

        if (rc == XR_OK) {
            return xrw_sync_aws_got(s, &aws, got);
        }

        memcpy(why, s->why, sizeof(why));

        return xrw_source_fail(s, "%s: %.280s", got->from, why);
    }

    return xrw_source_fail(s, "no credentials anywhere");
}


static bool
xrw_sync_aws_check(xrw_source_t *s, xrw_fetched_t *got, const char *path)
{
    xr_err_t           err;
    const char        *profile;
    xr_credentials_t   c;

    (void) path;

    profile = (s->conf->profile != NULL) ? s->conf->profile : "default";

    return xr_credentials_parse(xrw_bytes_str(&got->body), xr_str(profile),
                                &c, &err) == XR_OK
           || xrw_source_fail(s, "what was fetched cannot be used: %s",
                              err.what);
}


const xrw_source_kind_t  xrw_source_aws = {
    xrw_sync_aws_fetch, xrw_sync_aws_check, 0600, 0027
};


const char *
xrw_sync_aws_unknown(const xrw_list_t *providers)
{
    size_t  i, j;

    for (i = 0; i < providers->n; i++) {

        for (j = 0; j < XR_COUNT(xrw_aws_providers); j++) {

            if (strcmp(providers->items[i], xrw_aws_providers[j].name) == 0) {
                break;
            }
        }

        if (j == XR_COUNT(xrw_aws_providers)) {
            return providers->items[i];
        }
    }

    return NULL;
}
