/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "io.h"
#include "secret.h"
#include "tenants.h"
#include "xr_seal.h"
#include "xr_tenants.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


typedef struct {
    const char  *file;
    const char  *key;
    const char  *out;
    uint64_t     serial;
} xrw_tenants_sign_t;


/* One that is there already has to be older. */

static bool
xrw_tenants_sign_newer(xrw_arena_t *arena, const xrw_tenants_sign_t *sign)
{
    xr_err_t   err;
    xr_str_t   text;
    xr_seal_t  seal;

    if (access(sign->out, F_OK) == -1) {
        return true;
    }

    if (!xrw_io_text(arena, sign->out, XR_SEAL_MAX_SIZE + 1, &text)) {
        return false;
    }

    if (xr_seal_parse(text, &seal, &err) != XR_OK) {
        (void) xrw_error("%s:%zu: %s", sign->out,
                         xr_str_line(text, err.pos), err.what);
        return false;
    }

    if (seal.serial >= sign->serial) {
        (void) xrw_error("%s has serial %llu already, which %llu is not newer "
                         "than", sign->out, (unsigned long long) seal.serial,
                         (unsigned long long) sign->serial);
        return false;
    }

    return true;
}


static bool
xrw_tenants_sign_make(const xrw_tenants_sign_t *sign, xr_buf_t *out)
{
    bool          ok;
    xr_err_t      err;
    const char   *why;
    xr_secret_t   text, key;

    if (xr_secret_read_max(sign->file, XR_TENANTS_MAX_SIZE, &text, &why)
        != XR_OK)
    {
        (void) xrw_error("%s: %s", sign->file, why);
        return false;
    }

    ok = xr_secret_read(sign->key, &key, &why) == XR_OK;

    if (!ok) {
        (void) xrw_error("%s: %s", sign->key, why);

    } else {
        ok = xr_seal_make(xr_secret_str(&text), sign->serial,
                          xr_secret_str(&key), out, &err) == XR_OK;

        if (!ok) {
            (void) xrw_error("%s: %s", sign->key, err.what);
        }
    }

    xr_secret_free(&key);
    xr_secret_free(&text);

    return ok;
}


static int
xrw_tenants_sign_run(xrw_arena_t *arena, xrw_tenants_sign_t *sign)
{
    uint8_t      memory[XR_SEAL_MAX_SIZE];
    xr_buf_t     buf;
    struct stat  st;

    if (sign->out == NULL) {
        sign->out = xrw_format(arena, "%s.sig", sign->file);
    }

    buf = xr_buf(memory, sizeof(memory));

    if (!xrw_tenants_sign_newer(arena, sign)
        || !xrw_tenants_sign_make(sign, &buf))
    {
        return XRW_FAILED;
    }

    if (!xrw_io_replace_shared(arena, sign->out, xr_buf_str(&buf), &st)) {
        return xrw_error("%s: it cannot be written", sign->out);
    }

    printf("serial %llu\n", (unsigned long long) sign->serial);

    return XRW_OK;
}


int
xrw_tenants_sign(const xrw_command_t *cmd, int argc, char **argv)
{
    int                  status;
    xr_str_t             s;
    const char          *serial;
    xrw_arena_t          arena;
    xrw_tenants_sign_t   sign;

    serial = NULL;
    memset(&sign, 0, sizeof(sign));
    sign.serial = (uint64_t) time(NULL);

    const xrw_option_t  options[] = {

        { "key", "FILE", XRW_OPTION_TEXT, &sign.key,
          "private key of Ed25519, in PEM" },

        { "serial", "N", XRW_OPTION_TEXT, &serial,
          "of this version (seconds since 1970)" },

        { "out", "FILE", XRW_OPTION_TEXT, &sign.out,
          "the signature (FILE.sig)" }
    };

    if (!xrw_options(cmd, options, XR_COUNT(options), &argc, &argv, &status)) {
        return status;
    }

    if (argc > 1) {
        return xrw_usage(cmd, "one FILE at a time");
    }

    if (sign.key == NULL) {
        return xrw_usage(cmd, "which key? say --key");
    }

    if (serial != NULL) {
        s = xr_str(serial);

        if (xr_str_uint(&s, &sign.serial) != XR_OK || s.len > 0) {
            return xrw_usage(cmd, "--serial %s: not a number", serial);
        }
    }

    arena = (xrw_arena_t) { NULL };
    sign.file = xrw_tenants_file(argv[0]);

    status = xrw_tenants_sign_run(&arena, &sign);

    xrw_arena_free(&arena);

    return status;
}
