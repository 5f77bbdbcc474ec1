/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "tenants.h"
#include "tenants_take.h"

#include <stdio.h>
#include <time.h>


static double
xrw_tenants_check_seconds(const struct timespec *start)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (double) (now.tv_sec - start->tv_sec)
           + (double) (now.tv_nsec - start->tv_nsec) / 1e9;
}


static int
xrw_tenants_check_run(const char *file)
{
    char                size[XRW_SIZE_TEXT];
    struct timespec     start;
    xrw_tenants_take_t  take;

    (void) clock_gettime(CLOCK_MONOTONIC, &start);

    if (!xrw_tenants_take(file, &take)) {
        return XRW_FAILED;
    }

    xrw_size(take.stats.bytes, size);

    printf("tenants     %zu\n", take.stats.tenants);
    printf("keys        edgeauth %zu, jwt %zu, cloudfront %zu, purge %zu\n",
           take.edgeauth, take.jwt, take.cloudfront, take.purge);
    printf("limits      %zu\n", take.limits);
    printf("table       %zu bytes, %s\n", take.stats.bytes, size);
    printf("read in     %.3f s\n", xrw_tenants_check_seconds(&start));

    return XRW_OK;
}


int
xrw_tenants_check(const xrw_command_t *cmd, int argc, char **argv)
{
    int  status;

    if (!xrw_options(cmd, NULL, 0, &argc, &argv, &status)) {
        return status;
    }

    if (argc > 1) {
        return xrw_usage(cmd, "one FILE at a time");
    }

    return xrw_tenants_check_run(xrw_tenants_file(argv[0]));
}
