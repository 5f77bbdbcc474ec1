/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "token.h"

#include <stdlib.h>
#include <string.h>


size_t
xrw_token_key_options(xrw_token_key_t *key, const char *file,
    xrw_option_t *options)
{
    const xrw_option_t  table[XRW_TOKEN_KEY_OPTIONS] = {

        { "key", "FILE", XRW_OPTION_TEXT, &key->file, file },

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


int
xrw_token_tenant(xrw_arena_t *arena, const xrw_token_key_t *key,
    xrw_tenant_t *out)
{
    xrw_target_flags_t  flags;

    memset(out, 0, sizeof(*out));

    if (key->tenant == NULL) {
        return XRW_OK;
    }

    flags = (xrw_target_flags_t) { .name = key->tenant,
                                   .config = key->config };

    return xrw_target_tenant(arena, &flags, out);
}


int
xrw_token_key(xrw_arena_t *arena, const xrw_token_key_t *key,
    const xrw_tenant_t *tenant, xr_keyset_t *set)
{
    xr_rc_t      rc;
    const char  *file;

    file = (key->file != NULL) ? key->file : tenant->keys;

    if (key->hex != NULL) {
        rc = xrw_keys_hex(arena, "--key-hex", key->hex, set);

    } else if (file != NULL) {
        rc = xrw_keys_file(arena, file, set);

    } else {
        rc = XR_OK;
    }

    return (rc == XR_OK) ? XRW_OK : XRW_FAILED;
}


int
xrw_token_environment(xrw_arena_t *arena, xr_keyset_t *set)
{
    const char  *hex;

    hex = getenv("XR_EDGEAUTH_KEY");

    if (hex == NULL || hex[0] == '\0') {
        return XRW_OK;
    }

    return (xrw_keys_hex(arena, "XR_EDGEAUTH_KEY", hex, set) == XR_OK)
           ? XRW_OK : XRW_FAILED;
}
