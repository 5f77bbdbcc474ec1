/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "sync_aws.h"

#include <string.h>


/* Credentials that this machine, or what runs this container, hands out. */

#define XRW_AWS_IMDS      "http://169.254.169.254"
#define XRW_AWS_IMDS6     "http://[fd00:ec2::254]"
#define XRW_AWS_ECS       "http://169.254.170.2"
#define XRW_AWS_ROLES     "/latest/meta-data/iam/security-credentials/"
#define XRW_AWS_ROLE_MAX  64


static const char *const  xrw_aws_imds_hosts[] = {
    "169.254.169.254", "[fd00:ec2::254]", NULL
};

static const char *const  xrw_aws_container_hosts[] = {
    "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", NULL
};


static void
xrw_sync_aws_request(xrw_source_t *s, const char *url,
    const char *const *plain, xrw_http_request_t *out)
{
    xrw_source_request(s, url, out);
    out->loopback = true;
    out->plain = plain;
}


static xr_rc_t
xrw_sync_aws_send(xrw_source_t *s, xrw_http_request_t *request,
    xr_str_t *out)
{
    bool           ok;
    xrw_fetched_t  got;

    memset(&got, 0, sizeof(got));
    ok = xrw_source_send(s, request, false, &got);

    *out = ok ? xr_str(xrw_text(&s->arena, xrw_bytes_str(&got.body)))
              : xr_str("");

    xrw_source_free(&got.body);

    return ok ? XR_OK : XR_ERROR;
}


/* "TOKEN" would end up in a header: one line of visible characters. */

static xr_rc_t
xrw_sync_aws_imds_token(xrw_source_t *s, const char *base, const char **header)
{
    xr_rc_t              rc;
    xr_str_t             token;
    xrw_http_request_t   request;

    xrw_sync_aws_request(s, xrw_format(&s->arena, "%s/latest/api/token",
                                       base),
                         xrw_aws_imds_hosts, &request);
    request.method = "PUT";
    request.headers[0] = "X-aws-ec2-metadata-token-ttl-seconds: 300";

    rc = xrw_sync_aws_send(s, &request, &token);

    if (rc != XR_OK) {
        return rc;
    }

    token = xr_str_trim(token);

    if (token.len == 0 || token.len > 1024 || xr_str_has_control(token)) {
        return xrw_sync_aws_fail(s, "the answer has no token");
    }

    *header = xrw_format(&s->arena, "X-aws-ec2-metadata-token: %.*s",
                         (int) token.len, (const char *) token.data);

    return XR_OK;
}


static xr_rc_t
xrw_sync_aws_imds_get(xrw_source_t *s, const char *base, const char *header,
    const char *role, xr_str_t *out)
{
    xrw_http_request_t  request;

    xrw_sync_aws_request(s, xrw_format(&s->arena, "%s%s%s", base,
                                       XRW_AWS_ROLES, role),
                         xrw_aws_imds_hosts, &request);
    request.headers[0] = header;

    return xrw_sync_aws_send(s, &request, out);
}


static const char *
xrw_sync_aws_imds_base(xrw_source_t *s)
{
    xr_str_t     base;
    const char  *endpoint, *mode;

    endpoint = xrw_sync_aws_env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    mode = xrw_sync_aws_env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");

    if (endpoint == NULL) {
        return (mode != NULL && strcasecmp(mode, "IPv6") == 0)
               ? XRW_AWS_IMDS6 : XRW_AWS_IMDS;
    }

    base = xr_str(endpoint);

    while (base.len > 0 && base.data[base.len - 1] == '/') {
        base.len--;
    }

    return xrw_text(&s->arena, base);
}


/* There is no fallback to the first version, which needs no token. */

xr_rc_t
xrw_sync_aws_imds(xrw_source_t *s, xrw_aws_t *out)
{
    size_t       n;
    xr_rc_t      rc;
    xr_str_t     text, role;
    const char  *base, *header, *off;

    header = NULL;
    off = xrw_sync_aws_env("AWS_EC2_METADATA_DISABLED");

    if (off != NULL && strcasecmp(off, "true") == 0) {
        return XR_NOT_FOUND;
    }

    base = xrw_sync_aws_imds_base(s);
    rc = xrw_sync_aws_imds_token(s, base, &header);

    if (rc == XR_OK) {
        rc = xrw_sync_aws_imds_get(s, base, header, "", &text);
    }

    if (rc != XR_OK) {
        return rc;
    }

    role = xr_str_trim(xr_str_cut(&text, '\n'));
    n = strspn((const char *) role.data,
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
               "0123456789+=,.@_-");

    if (role.len == 0 || role.len > XRW_AWS_ROLE_MAX || n < role.len) {
        return xrw_sync_aws_fail(s, "the answer has no name of a role");
    }

    rc = xrw_sync_aws_imds_get(s, base, header, xrw_text(&s->arena, role),
                               &text);

    return (rc == XR_OK) ? xrw_sync_aws_json(s, text, true, out) : rc;
}


/* NULL: it cannot be used; "*header" is NULL where none is wanted. */

static bool
xrw_sync_aws_authorization(xrw_source_t *s, const char **header)
{
    const char  *path, *token;

    *header = NULL;
    path = xrw_sync_aws_env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    token = xrw_sync_aws_env("AWS_CONTAINER_AUTHORIZATION_TOKEN");

    if (path != NULL) {
        token = xrw_sync_aws_token(s, path);

        if (token == NULL) {
            return false;
        }
    }

    if (token == NULL) {
        return true;
    }

    if (xr_str_has_control(xr_str(token))) {
        return xrw_source_fail(s, "AWS_CONTAINER_AUTHORIZATION_TOKEN has a "
                               "control character in it");
    }

    *header = xrw_format(&s->arena, "Authorization: %s", token);

    return true;
}


xr_rc_t
xrw_sync_aws_container(xrw_source_t *s, xrw_aws_t *out)
{
    xr_rc_t             rc;
    xr_str_t            text;
    const char         *relative, *url;
    xrw_http_request_t  request;

    relative = xrw_sync_aws_env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    url = xrw_sync_aws_env("AWS_CONTAINER_CREDENTIALS_FULL_URI");

    if (relative != NULL) {

        if (relative[0] != '/') {
            return xrw_sync_aws_fail(s, "AWS_CONTAINER_CREDENTIALS_RELATIVE_"
                                     "URI has to begin with \"/\"");
        }

        url = xrw_format(&s->arena, "%s%s", XRW_AWS_ECS, relative);
    }

    if (url == NULL) {
        return XR_NOT_FOUND;
    }

    xrw_sync_aws_request(s, url, xrw_aws_container_hosts, &request);

    if (!xrw_sync_aws_authorization(s, &request.headers[0])) {
        return XR_ERROR;
    }

    rc = xrw_sync_aws_send(s, &request, &text);

    return (rc == XR_OK) ? xrw_sync_aws_json(s, text, false, out) : rc;
}
