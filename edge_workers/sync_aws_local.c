/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "credentials_file.h"
#include "sync_aws.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


/* Credentials that lie on this machine. */


xr_rc_t
xrw_sync_aws_environment(xrw_source_t *s, xrw_aws_t *out)
{
    const char  *access, *secret, *token;

    access = xrw_sync_aws_env("AWS_ACCESS_KEY_ID");
    secret = xrw_sync_aws_env("AWS_SECRET_ACCESS_KEY");
    token = xrw_sync_aws_env("AWS_SESSION_TOKEN");

    if (access == NULL && secret == NULL) {
        return XR_NOT_FOUND;
    }

    if (access == NULL || secret == NULL) {
        return xrw_sync_aws_fail(s, "only one of AWS_ACCESS_KEY_ID and "
                                 "AWS_SECRET_ACCESS_KEY is set");
    }

    out->access = xr_str(access);
    out->secret = xr_str(secret);
    out->token = xr_str(token != NULL ? token : "");

    return XR_OK;
}


/* A file that is kept from itself would stay as it is for ever. */

static bool
xrw_sync_aws_is_itself(const xrw_source_t *s, const char *path)
{
    struct stat  a, b;

    return stat(path, &a) == 0 && stat(s->conf->file, &b) == 0
           && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}


static xr_str_t
xrw_sync_aws_copy(xrw_source_t *s, xr_str_t value)
{
    return xr_str(xrw_text(&s->arena, value));
}


xr_rc_t
xrw_sync_aws_profile(xrw_source_t *s, xrw_aws_t *out)
{
    bool                    named;
    xr_rc_t                 rc;
    xr_err_t                err;
    const char             *path, *home, *profile;
    xr_credentials_file_t   file;

    path = xrw_sync_aws_env("AWS_SHARED_CREDENTIALS_FILE");
    home = xrw_sync_aws_env("HOME");
    profile = (s->conf->from != NULL) ? s->conf->from
                                      : xrw_sync_aws_env("AWS_PROFILE");
    named = (profile != NULL);
    profile = named ? profile : "default";

    if (path == NULL && home != NULL) {
        path = xrw_format(&s->arena, "%s/.aws/credentials", home);
    }

    if (path == NULL || (access(path, F_OK) == -1 && !named)) {
        return XR_NOT_FOUND;
    }

    if (xrw_sync_aws_is_itself(s, path)) {
        return xrw_sync_aws_fail(s, "%s is the file that is kept", path);
    }

    rc = xr_credentials_file_read(path, profile, &file, &err);

    if (rc == XR_NOT_FOUND && !named) {
        return XR_NOT_FOUND;
    }

    if (rc != XR_OK) {
        return xrw_sync_aws_fail(s, "%s, profile \"%s\": %s", path, profile,
                                 err.what);
    }

    out->access = xrw_sync_aws_copy(s, file.value.access_key);
    out->secret = xrw_sync_aws_copy(s, file.value.secret_key);
    out->token = xrw_sync_aws_copy(s, file.value.session_token);

    xr_credentials_file_free(&file);

    return XR_OK;
}
