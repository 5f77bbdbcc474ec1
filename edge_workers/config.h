/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_CONFIG_H
#define XRW_CONFIG_H


#include "arena.h"


/* What the configuration says of a tenant; NULL: nothing. */

typedef struct {
    const char  *origin;
    const char  *endpoint;
    const char  *region;
    const char  *style;
    const char  *credentials;       /* file; relative to the configuration */
    const char  *profile;
    const char  *keys;              /* file; likewise */
    const char  *url;               /* where clients find the objects */
} xrw_tenant_t;


/*
 * Looks "tenant" up in the JSON file "path".  XR_NOT_FOUND: the file is good
 * and has no such tenant, or there is no file; anything else but XR_OK has
 * been reported.
 */
xr_rc_t xrw_config_find(xrw_arena_t *arena, const char *path,
    const char *tenant, xrw_tenant_t *out);


#endif /* XRW_CONFIG_H */
