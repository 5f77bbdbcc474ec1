/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "s3_xml.h"
#include "sync_aws.h"
#include "xr_path.h"

#include <stdio.h>
#include <string.h>


/* Credentials for a token of whoever runs us: AssumeRoleWithWebIdentity. */

typedef struct {
    xrw_source_t  *s;
    xrw_aws_t     *out;
    xr_str_t       expires;
    xr_str_t       code;                /* of an error */
} xrw_sync_sts_t;


static const char *
xrw_sync_aws_sts_url(xrw_source_t *s)
{
    const char  *url, *region;

    url = (s->conf->sts != NULL) ? s->conf->sts
                                 : xrw_sync_aws_env("AWS_ENDPOINT_URL_STS");
    region = (s->conf->region != NULL) ? s->conf->region
                                       : xrw_sync_aws_env("AWS_REGION");

    if (region == NULL) {
        region = xrw_sync_aws_env("AWS_DEFAULT_REGION");
    }

    if (url != NULL) {
        return url;
    }

    if (region == NULL) {
        return "https://sts.amazonaws.com/";
    }

    return xrw_format(&s->arena, "https://sts.%s.amazonaws.com%s/", region,
                      strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}


static const char *
xrw_sync_aws_sts_encode(xrw_source_t *s, const char *value)
{
    char      *text;
    size_t     size;
    xr_buf_t   buf;

    size = strlen(value) * 3;
    text = xrw_alloc(&s->arena, size + 1);
    buf = xr_buf(text, size);
    xr_path_encode_value(xr_str(value), &buf);

    return text;
}


static void
xrw_sync_aws_sts_element(void *ctx, const char *parent, const char *name,
    xr_str_t text)
{
    xr_str_t        *to;
    xrw_sync_sts_t  *sts;

    sts = ctx;

    if (strcmp(parent, "Error") == 0 && strcmp(name, "Code") == 0) {
        to = &sts->code;

    } else if (strcmp(parent, "Credentials") != 0) {
        return;

    } else if (strcmp(name, "AccessKeyId") == 0) {
        to = &sts->out->access;

    } else if (strcmp(name, "SecretAccessKey") == 0) {
        to = &sts->out->secret;

    } else if (strcmp(name, "SessionToken") == 0) {
        to = &sts->out->token;

    } else if (strcmp(name, "Expiration") == 0) {
        to = &sts->expires;

    } else {
        return;
    }

    *to = xr_str(xrw_text(&sts->s->arena, text));
}


static xr_rc_t
xrw_sync_aws_sts_read(xrw_source_t *s, const xrw_http_answer_t *answer,
    xrw_aws_t *out)
{
    xr_rc_t         rc;
    xrw_sync_sts_t  sts;

    memset(&sts, 0, sizeof(sts));
    sts.s = s;
    sts.out = out;

    rc = xr_s3_xml(xrw_bytes_str(&answer->body), xrw_sync_aws_sts_element,
                   &sts);

    if (answer->status != 200) {
        return xrw_sync_aws_fail(s, "status %ld%s%.*s", answer->status,
                                 sts.code.len > 0 ? ", " : "",
                                 (int) (sts.code.len < 64 ? sts.code.len
                                                          : 64),
                                 (const char *) sts.code.data);
    }

    if (rc != XR_OK) {
        return xrw_sync_aws_fail(s, "what was answered is no XML");
    }

    out->expires = xrw_sync_aws_when(s, sts.expires);

    if (out->token.len == 0 || out->expires == 0) {
        return xrw_sync_aws_fail(s, "the answer has no credentials that "
                                 "expire");
    }

    return XR_OK;
}


static const char *
xrw_sync_aws_sts_body(xrw_source_t *s, const char *role, const char *token)
{
    const char  *session;

    session = xrw_sync_aws_env("AWS_ROLE_SESSION_NAME");

    return xrw_format(&s->arena, "Action=AssumeRoleWithWebIdentity"
                      "&Version=2011-06-15&RoleArn=%s&RoleSessionName=%s"
                      "&WebIdentityToken=%s",
                      xrw_sync_aws_sts_encode(s, role),
                      xrw_sync_aws_sts_encode(s, session != NULL ? session
                                                 : "xr-worker-sync"),
                      xrw_sync_aws_sts_encode(s, token));
}


xr_rc_t
xrw_sync_aws_web_identity(xrw_source_t *s, xrw_aws_t *out)
{
    xr_rc_t             rc;
    const char         *path, *role, *token;
    xrw_http_answer_t   answer;
    xrw_http_request_t  request;

    path = xrw_sync_aws_env("AWS_WEB_IDENTITY_TOKEN_FILE");
    role = xrw_sync_aws_env("AWS_ROLE_ARN");

    if (path == NULL) {
        return XR_NOT_FOUND;
    }

    if (role == NULL) {
        return xrw_sync_aws_fail(s, "AWS_ROLE_ARN is not set");
    }

    token = xrw_sync_aws_token(s, path);

    if (token == NULL) {
        return XR_ERROR;
    }

    xrw_source_request(s, xrw_sync_aws_sts_url(s), &request);
    request.method = "POST";
    request.headers[0] = "Content-Type: application/x-www-form-urlencoded; "
                         "charset=utf-8";
    request.body = xrw_sync_aws_sts_body(s, role, token);

    rc = xrw_http(&request, &answer)
         ? xrw_sync_aws_sts_read(s, &answer, out)
         : xrw_sync_aws_fail(s, "%s", answer.error);

    xrw_http_free(&answer);

    return rc;
}
