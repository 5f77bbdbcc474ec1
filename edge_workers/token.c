/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "token.h"

#include <stdlib.h>
#include <string.h>


size_t
xrw_token_key_options(xrw_token_key_t *key, xrw_option_t *options)
{
    const xrw_option_t  table[XRW_TOKEN_KEY_OPTIONS] = {

        { "key", "FILE", XRW_OPTION_TEXT, &key->file,
          "key file of the tenant; its first key signs" },

        { "key-hex", "HEX", XRW_OPTION_TEXT, &key->hex,
          "key itself (better: XR_EDGEAUTH_KEY)" },

        { "tenant", "NAME", XRW_OPTION_TEXT, &key->tenant,
          "take key file and URL from the configuration" },

        { "config", "FILE", XRW_OPTION_TEXT, &key->config,
          "that configuration (XR_CONFIG)" }
    };

    memset(key, 0, sizeof(*key));
    memcpy(options, table, sizeof(table));

    return XRW_TOKEN_KEY_OPTIONS;
}


static int
xrw_token_key_tenant(xrw_arena_t *arena, const xrw_token_key_t *key,
    const char **file, const char **base)
{
    int                 status;
    xrw_tenant_t        tenant;
    xrw_target_flags_t  flags;

    flags = (xrw_target_flags_t) { .name = key->tenant,
                                   .config = key->config };
    status = xrw_target_tenant(arena, &flags, &tenant);

    if (status != XRW_OK) {
        return status;
    }

    if (*file == NULL) {
        *file = tenant.keys;
    }

    if (base != NULL && *base == NULL) {
        *base = tenant.url;
    }

    return XRW_OK;
}


int
xrw_token_key(xrw_arena_t *arena, const xrw_command_t *cmd,
    const xrw_token_key_t *key, xr_keyset_t *set, const char **base)
{
    int          status;
    xr_rc_t      rc;
    const char  *file, *hex;

    file = key->file;
    hex = key->hex;

    if (key->tenant != NULL) {
        status = xrw_token_key_tenant(arena, key, &file, base);

        if (status != XRW_OK) {
            return status;
        }
    }

    if (hex != NULL) {
        rc = xrw_keys_hex(arena, "--key-hex", hex, set);

    } else if (file != NULL) {
        rc = xrw_keys_file(arena, file, set);

    } else {
        hex = getenv("XR_EDGEAUTH_KEY");

        if (hex == NULL || hex[0] == '\0') {
            return xrw_usage(cmd, "no key: say --key, --tenant or set "
                             "XR_EDGEAUTH_KEY");
        }

        rc = xrw_keys_hex(arena, "XR_EDGEAUTH_KEY", hex, set);
    }

    return (rc == XR_OK) ? XRW_OK : XRW_FAILED;
}
