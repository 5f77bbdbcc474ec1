/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "json.h"
#include "tenants.h"

#include <stdio.h>


static void
xrw_tenants_list_json(const xr_tenant_t *t, const char *origin)
{
    size_t   i;
    json_t  *line, *hosts;

    line = json_object();
    hosts = json_array();

    for (i = 0; i < t->nhosts; i++) {
        (void) json_array_append_new(hosts, xrw_json_text(t->hosts[i]));
    }

    (void) json_object_set_new(line, "name", xrw_json_text(t->name));
    (void) json_object_set_new(line, "hosts", hosts);
    (void) json_object_set_new(line, "origin", xrw_json_text(xr_str(origin)));

    xrw_json_print(line);
}


static xr_rc_t
xrw_tenants_list_one(void *ctx, xr_tenant_t *t, xrw_arena_t *memory,
    xr_err_t *err)
{
    size_t       i;
    const char  *origin;

    const bool *json = ctx;

    (void) err;

    origin = t->has_origin ? xrw_tenants_origin(memory, &t->origin) : "";

    if (*json) {
        xrw_tenants_list_json(t, origin);
        return XR_OK;
    }

    xrw_print(t->name);
    printf("  ");
    xrw_print(xr_str(origin));

    for (i = 0; i < t->nhosts; i++) {
        (void) putchar(' ');
        xrw_print(t->hosts[i]);
    }

    (void) putchar('\n');

    return XR_OK;
}


int
xrw_tenants_list(const xrw_command_t *cmd, int argc, char **argv)
{
    int            status;
    bool           json;
    xr_rc_t        rc;
    const char    *file;
    xrw_tenants_t  tenants;

    const xrw_option_t  options[] = {

        { "file", "FILE", XRW_OPTION_TEXT, &file,
          "the tenants file (XR_TENANTS)" },

        { "json", NULL, XRW_OPTION_FLAG, &json,
          "one JSON object per line" }
    };

    file = NULL;
    json = false;

    if (!xrw_options(cmd, options, XR_COUNT(options), &argc, &argv, &status)) {
        return status;
    }

    if (argc > 0) {
        return xrw_usage(cmd, "no arguments are taken");
    }

    file = xrw_tenants_file(file);

    /* only what stands in the file itself is listed, so only that is read */

    tenants = (xrw_tenants_t) { file, NULL, 0, xrw_tenants_list_one, &json };

    rc = xrw_tenants_each(&tenants);

    if (rc == XR_NOT_FOUND) {
        return xrw_error("%s: there is no such file", file);
    }

    return (rc == XR_OK) ? XRW_OK : XRW_FAILED;
}
