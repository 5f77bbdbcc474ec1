/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_geo.h"

#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>


/*
 * A database: what is refused has a reason, what is taken says of an address
 * what libmaxminddb says of it.
 */

static const char *const  addresses[] = {
    "203.0.113.7", "198.51.100.1", "192.0.2.1", "1.2.3.4", "255.255.255.254",
    "8.8.8.8", "128.0.0.1", "10.0.0.1", "127.0.0.1", "2001:db8::1", "2400::1",
    "2002:cb00:7107::1", "::2", "ffff::", "8000::1", "4000::"
};


static MMDB_lookup_result_s
lookup(const MMDB_s *db, const xr_addr_t *addr, int *error)
{
    struct sockaddr_in   sin;
    struct sockaddr_in6  sin6;

    memset(&sin, 0, sizeof(sin));
    memset(&sin6, 0, sizeof(sin6));

    if (xr_addr_is_v4(addr)) {
        sin.sin_family = AF_INET;
        memcpy(&sin.sin_addr, addr->bytes + 12, 4);

        return MMDB_lookup_sockaddr(db, (const void *) &sin, error);
    }

    sin6.sin6_family = AF_INET6;
    memcpy(&sin6.sin6_addr, addr->bytes, 16);

    return MMDB_lookup_sockaddr(db, (const void *) &sin6, error);
}


/* "country" only where it is none of those that others have under a name. */

static void
compare(const MMDB_s *db, const xr_addr_t *addr, const xr_geo_place_t *place)
{
    int                   error;
    xr_str_t              code;
    MMDB_entry_data_s     data;
    MMDB_lookup_result_s  found;

    static const char *const  path[] = { "country", "iso_code", NULL };

    found = lookup(db, addr, &error);

    if (error != MMDB_SUCCESS || !found.found_entry) {
        assert(place->country.len == 0 && place->asn == 0);
        return;
    }

    if (MMDB_aget_value(&found.entry, &data, path) != MMDB_SUCCESS
        || !data.has_data || data.type != MMDB_DATA_TYPE_UTF8_STRING)
    {
        return;
    }

    code = xr_str_of(data.utf8_string, data.data_size);

    if (xr_country_continent(code) != XR_CONTINENT_NONE) {
        assert(xr_str_eq(place->country, code));
    }
}


static void
check(const xr_geo_t *geo, const MMDB_s *db, xr_str_t image)
{
    size_t          i;
    xr_rc_t         rc;
    xr_addr_t       addr;
    xr_geo_place_t  p;

    for (i = 0; i < XR_COUNT(addresses); i++) {
        assert(xr_addr_parse(xr_str(addresses[i]), &addr) == XR_OK);

        rc = xr_geo_find(geo, &addr, &p);

        assert(rc == XR_OK || rc == XR_NOT_FOUND);
        assert(p.country.len == 0
               || xr_country_continent(p.country) != XR_CONTINENT_NONE);
        assert(p.continent.len == 0
               || xr_country_continent_of(p.continent) != XR_CONTINENT_NONE);
        assert(xr_fuzz_within(p.country, image));
        assert(xr_fuzz_within(p.region, image));
        assert(xr_fuzz_within(p.city, image));
        assert(!xr_str_has_control(p.region) && !xr_str_has_control(p.city));

        if (rc == XR_OK) {
            compare(db, &addr, &p);
        }
    }
}


/* Bytes that are no image, or a damaged one, are refused or do no harm. */

static void
check_damaged(xr_str_t image, const uint8_t *data, size_t size)
{
    size_t          i;
    xr_geo_t        geo;
    xr_addr_t       addr;
    xr_str_t        copy;
    xr_geo_place_t  p;

    copy = xr_fuzz_copy(image.data, image.len);

    /* all but the sizes */

    for (i = 0; i < size && 8 * i + 16 < copy.len; i += 3) {

        if (8 * i < 16 || 8 * i > 40) {
            ((uint8_t *) (uintptr_t) copy.data)[8 * i + 8] ^= data[i];
        }
    }

    if (xr_geo_open(copy, &geo) == XR_OK) {

        for (i = 0; i < XR_COUNT(addresses); i++) {
            assert(xr_addr_parse(xr_str(addresses[i]), &addr) == XR_OK);
            (void) xr_geo_find(&geo, &addr, &p);
        }
    }

    xr_fuzz_free(copy);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int            fd;
    char           path[40];
    MMDB_s         db;
    xr_rc_t        rc;
    xr_str_t       bytes, image;
    xr_err_t       err;
    xr_geo_t       geo;
    xr_geo_info_t  info;

    bytes = xr_fuzz_copy(data, size);

    fd = memfd_create("fuzz", MFD_CLOEXEC);
    assert(fd != -1);
    assert(write(fd, data, size) == (ssize_t) size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);

    err.what = NULL;
    rc = xr_geo_build(path, bytes, &image, &info, &err);

    if (rc == XR_OK) {
        assert(xr_geo_open(image, &geo) == XR_OK);
        assert(info.built == geo.built && info.nodes == geo.nnodes);
        assert(MMDB_open(path, MMDB_MODE_MMAP, &db) == MMDB_SUCCESS);

        check(&geo, &db, image);
        check_damaged(image, data, size);

        MMDB_close(&db);
        free((void *) (uintptr_t) image.data);

    } else {
        assert(rc == XR_INVALID && err.what != NULL && err.pos == 0);
    }

    if (xr_geo_open(bytes, &geo) == XR_OK) {
        check_damaged(bytes, data, size);
    }

    close(fd);
    xr_fuzz_free(bytes);

    return 0;
}
