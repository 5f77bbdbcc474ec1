/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "tenants.h"
#include "xr_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>


typedef struct {
    xr_table_builder_t  *builder;
    size_t               edgeauth;
    size_t               jwt;
    size_t               cloudfront;
    size_t               purge;
    size_t               limits;
} xrw_tenants_check_t;


static xr_rc_t
xrw_tenants_check_add(void *ctx, xr_tenant_t *t, xrw_arena_t *memory,
    xr_err_t *err)
{
    size_t   i;
    xr_rc_t  rc;

    xrw_tenants_check_t *check = ctx;

    (void) memory;

    rc = xr_tenant_finish(t, err);

    if (rc == XR_OK) {
        rc = xr_table_add(check->builder, t, err);
    }

    if (rc == XR_OK) {
        check->limits += t->nlimits;
    }

    for (i = 0; rc == XR_OK && i < t->keys.n; i++) {

        switch (t->keys.keys[i].kind) {

        case XR_KIND_EDGEAUTH:
            check->edgeauth++;
            break;

        case XR_KIND_JWT:
            check->jwt++;
            break;

        case XR_KIND_CLOUDFRONT:
            check->cloudfront++;
            break;

        case XR_KIND_PURGE:
            check->purge++;
            break;
        }
    }

    return rc;
}


static double
xrw_tenants_check_seconds(const struct timespec *start)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (double) (now.tv_sec - start->tv_sec)
           + (double) (now.tv_nsec - start->tv_nsec) / 1e9;
}


static int
xrw_tenants_check_run(const char *file, xrw_tenants_check_t *check)
{
    char              size[XRW_SIZE_TEXT];
    xr_rc_t           rc;
    xr_str_t          image;
    xrw_tenants_t     tenants;
    struct timespec   start;
    xr_table_stats_t  stats;

    tenants = (xrw_tenants_t) {
        file, NULL, XRW_TENANTS_ALL, xrw_tenants_check_add, check
    };

    (void) clock_gettime(CLOCK_MONOTONIC, &start);

    rc = xrw_tenants_each(&tenants);

    if (rc == XR_NOT_FOUND) {
        return xrw_error("%s: there is no such file", file);
    }

    if (rc != XR_OK) {
        return XRW_FAILED;
    }

    if (xr_table_finish(check->builder, 1, &image, &stats) != XR_OK) {
        return xrw_error("%s: the table cannot be made", file);
    }

    xrw_size(stats.bytes, size);

    printf("tenants     %zu\n", stats.tenants);
    printf("keys        edgeauth %zu, jwt %zu, cloudfront %zu, purge %zu\n",
           check->edgeauth, check->jwt, check->cloudfront, check->purge);
    printf("limits      %zu\n", check->limits);
    printf("table       %zu bytes, %s\n", stats.bytes, size);
    printf("read in     %.3f s\n", xrw_tenants_check_seconds(&start));

    return XRW_OK;
}


int
xrw_tenants_check(const xrw_command_t *cmd, int argc, char **argv)
{
    int                  status;
    xrw_tenants_check_t  check;

    static const xr_table_memory_t  memory = { malloc, free };

    if (!xrw_options(cmd, NULL, 0, &argc, &argv, &status)) {
        return status;
    }

    if (argc > 1) {
        return xrw_usage(cmd, "one FILE at a time");
    }

    check = (xrw_tenants_check_t) {
        .builder = xr_table_builder_create(&memory)
    };

    if (check.builder == NULL) {
        return xrw_error("out of memory");
    }

    status = xrw_tenants_check_run(xrw_tenants_file(argv[0]), &check);

    xr_table_builder_free(check.builder);

    return status;
}
