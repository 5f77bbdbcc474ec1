/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "xr_geo.h"
#include "xr_geo_policy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>


#define XRW_GEO_WORDS  4                /* of a policy, and one too many */


typedef struct {
    const char       *db;
    const char       *policy;
    xr_geo_policy_t   rules;
} xrw_geo_lookup_t;


/* As NGINX does it: what others shorten meanwhile harms no copy. */

static int
xrw_geo_lookup_copy(const char *path, size_t *size)
{
    int          fd, copy;
    off_t        done;
    ssize_t      n;
    struct stat  st;

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK);

    if (fd == -1) {
        (void) xrw_error("%s: %s", path, strerror(errno));
        return -1;
    }

    copy = memfd_create("xr_geo", MFD_CLOEXEC);
    done = 0;
    n = 0;

    if (copy == -1 || fstat(fd, &st) == -1) {
        (void) xrw_error("%s: %s", path, strerror(errno));

    } else if (!S_ISREG(st.st_mode) || st.st_size == 0) {
        (void) xrw_error("%s: it is no file, or empty", path);

    } else {

        do {
            n = sendfile(copy, fd, &done, (size_t) (st.st_size - done));
        } while (n > 0 && done < st.st_size);

        if (done == st.st_size) {
            *size = (size_t) done;
            (void) close(fd);
            return copy;
        }

        (void) xrw_error("%s: it cannot be read", path);
    }

    if (copy != -1) {
        (void) close(copy);
    }

    (void) close(fd);

    return -1;
}


/* The image, to be freed, and what it was made of. */

static bool
xrw_geo_lookup_open(const char *path, xr_str_t *image, xr_geo_info_t *info)
{
    int        fd;
    char       name[40];
    void      *addr;
    size_t     size;
    xr_rc_t    rc;
    xr_err_t   err;

    fd = xrw_geo_lookup_copy(path, &size);

    if (fd == -1) {
        return false;
    }

    rc = XR_ERROR;
    err.what = "it cannot be mapped";
    addr = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

    if (addr != MAP_FAILED) {
        (void) snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
        rc = xr_geo_build(name, xr_str_of(addr, size), image, info, &err);
        (void) munmap(addr, size);
    }

    (void) close(fd);

    if (rc != XR_OK) {
        (void) xrw_error("%s: %s", path, err.what);
    }

    return rc == XR_OK;
}


static void
xrw_geo_lookup_line(const char *name, xr_str_t value)
{
    printf("%-10s", name);
    xrw_print((value.len > 0) ? value : xr_str("-"));
    (void) putchar('\n');
}


static int
xrw_geo_lookup_address(const xrw_geo_lookup_t *lookup, const xr_geo_t *geo,
    const char *address)
{
    xr_addr_t       addr;
    xr_deny_t       deny;
    xr_str_t        name;
    xr_geo_place_t  place;

    if (xr_addr_parse(xr_str(address), &addr) != XR_OK) {
        return xrw_error("%s: not an address", address);
    }

    (void) xr_geo_find(geo, &addr, &place);

    xrw_geo_lookup_line("address", xr_str(address));
    xrw_geo_lookup_line("country", place.country);
    xrw_geo_lookup_line("continent", place.continent);
    xrw_geo_lookup_line("region", place.region);
    xrw_geo_lookup_line("city", place.city);

    if (place.asn != 0) {
        printf("%-10s%" PRIu32 "\n", "asn", place.asn);
    }

    if (lookup->policy == NULL) {
        return XRW_OK;
    }

    deny = xr_geo_policy_judge(&lookup->rules, place.country,
                               place.continent);
    name = xr_deny_name(deny);

    if (deny == XR_DENY_NONE) {
        xrw_geo_lookup_line("verdict", xr_str("allowed"));
        return XRW_OK;
    }

    printf("%-10sdenied, %.*s\n", "verdict", (int) name.len,
           (const char *) name.data);

    return XRW_FAILED;
}


static int
xrw_geo_lookup_run(const xrw_geo_lookup_t *lookup, int argc, char **argv)
{
    int            i, status;
    char           date[24];
    time_t         built;
    xr_geo_t       geo;
    xr_str_t       image;
    struct tm      tm;
    xr_geo_info_t  info;

    if (!xrw_geo_lookup_open(lookup->db, &image, &info)) {
        return XRW_FAILED;
    }

    status = (xr_geo_open(image, &geo) == XR_OK) ? XRW_OK : XRW_FAILED;
    built = (time_t) info.built;

    if (gmtime_r(&built, &tm) == NULL
        || strftime(date, sizeof(date), "%Y-%m-%d", &tm) == 0)
    {
        date[0] = '\0';
    }

    printf("%-10s%s, %s, IPv%u, %" PRIu32 " places\n", "database", info.type,
           date, (unsigned) info.ip_version, info.records);

    for (i = 0; i < argc; i++) {

        if (xrw_geo_lookup_address(lookup, &geo, argv[i]) != XRW_OK) {
            status = XRW_FAILED;
        }
    }

    free((void *) (uintptr_t) image.data);

    return status;
}


static bool
xrw_geo_lookup_policy(const xrw_command_t *cmd, xrw_geo_lookup_t *lookup)
{
    size_t    n;
    xr_err_t  err;
    xr_str_t  s, words[XRW_GEO_WORDS];

    s = xr_str(lookup->policy);

    for (n = 0; s.len > 0 && n < XRW_GEO_WORDS; n++) {
        words[n] = xr_str_cut(&s, ' ');
    }

    if (xr_geo_policy_parse(words, n, &lookup->rules, &err) == XR_OK) {
        return true;
    }

    (void) xrw_usage(cmd, "--policy %s: %.*s %s", lookup->policy,
                     (int) (n > 0 ? words[err.pos].len : 0),
                     (const char *) (n > 0 ? words[err.pos].data : NULL),
                     err.what);

    return false;
}


int
xrw_geo_lookup(const xrw_command_t *cmd, int argc, char **argv)
{
    int               status;
    xrw_geo_lookup_t  lookup;

    const xrw_option_t  options[] = {

        { "db", "FILE", XRW_OPTION_TEXT, &lookup.db,
          "the database, as xr_geo names it" },

        { "policy", "TEXT", XRW_OPTION_TEXT, &lookup.policy,
          "what it would do: \"allow=DE,FR unknown=deny\"" }
    };

    memset(&lookup, 0, sizeof(lookup));

    if (!xrw_options(cmd, options, XR_COUNT(options), &argc, &argv, &status)) {
        return status;
    }

    if (lookup.db == NULL) {
        return xrw_usage(cmd, "--db FILE is missing");
    }

    if (lookup.policy != NULL && !xrw_geo_lookup_policy(cmd, &lookup)) {
        return XRW_USAGE;
    }

    return xrw_geo_lookup_run(&lookup, argc, argv);
}
