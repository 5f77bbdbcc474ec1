/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_geo.h"

#include <sys/mman.h>
#include <unistd.h>


typedef struct {
    int          version;
    int          size;
    size_t       len;
    const char  *bytes;
} geo_vector_t;

#include "../fixtures/geo-vectors.h"


#define BUILT  1767225600


/* Builds from a copy of exact size; "image" is freed by the caller. */

static xr_rc_t
build(xr_str_t bytes, xr_str_t *image, xr_geo_info_t *info, xr_err_t *err)
{
    int      fd;
    char     path[40];
    xr_rc_t  rc;
    xr_str_t copy;

    copy = xr_test_copy(bytes);
    fd = memfd_create("test", MFD_CLOEXEC);

    assert_int_not_equal(fd, -1);
    assert_int_equal(write(fd, copy.data, copy.len), copy.len);
    (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);

    rc = xr_geo_build(path, copy, image, info, err);

    (void) close(fd);
    xr_test_copy_free(copy);

    return rc;
}


static xr_geo_place_t
place_of(const xr_geo_t *geo, const char *address)
{
    xr_rc_t         rc;
    xr_addr_t       addr;
    xr_geo_place_t  place;

    XR_CHECK_EQ(xr_addr_parse(xr_str(address), &addr), XR_OK, address);

    rc = xr_geo_find(geo, &addr, &place);
    XR_CHECK_EQ(rc == XR_OK, place.country.len != 0, address);

    return place;
}


static void
test_vectors(void **state)
{
    size_t               i, k;
    xr_geo_t             geo;
    xr_str_t             image;
    xr_geo_info_t        info;
    xr_geo_place_t       place;
    const geo_vector_t  *v;

    static const struct {
        const char  *address;
        const char  *country;
        const char  *six;               /* in the tree of both */
    } cases[] = {
        { "203.0.113.7", "DE", "DE" }, { "203.255.255.255", "DE", "DE" },
        { "202.255.255.255", "", "" }, { "204.0.0.0", "", "" },
        { "198.51.100.1", "US", "US" }, { "198.128.0.1", "", "" },
        { "::ffff:203.0.113.7", "DE", "DE" },
        { "2400::1", "", "CN" }, { "2500::", "", "" },

        /* not on the Internet */

        { "10.0.0.1", "", "" }, { "127.0.0.1", "", "" }, { "::1", "", "" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(geo_vectors); i++) {
        v = &geo_vectors[i];

        assert_int_equal(build(xr_str_of(v->bytes, v->len), &image, &info,
                               NULL),
                         XR_OK);
        assert_int_equal(info.built, BUILT);
        assert_int_equal(info.ip_version, v->version);
        assert_int_equal(info.records, v->version == 6 ? 4 : 3);
        assert_true(info.countries);
        assert_string_equal(info.type, "Test-Country");

        assert_int_equal(xr_geo_open(image, &geo), XR_OK);
        assert_int_equal(geo.built, BUILT);

        for (k = 0; k < XR_COUNT(cases); k++) {
            place = place_of(&geo, cases[k].address);
            XR_CHECK_STR(place.country,
                         v->version == 6 ? cases[k].six : cases[k].country,
                         cases[k].address);
        }

        place = place_of(&geo, "203.0.113.7");
        XR_CHECK_STR(place.continent, "EU", "continent");
        XR_CHECK_STR(place.region, "NW", "region");
        XR_CHECK_STR(place.city, "K\xc3\xb6ln", "city");
        assert_int_equal(place.asn, 64500);

        free((void *) (uintptr_t) image.data);
    }
}


/* Half of a database is none, wherever it ends. */

static void
test_cut(void **state)
{
    size_t               n;
    xr_err_t             err;
    xr_str_t             image;
    xr_geo_info_t        info;
    const geo_vector_t  *v;

    (void) state;

    v = &geo_vectors[0];

    for (n = 0; n < v->len; n++) {
        err.what = NULL;
        assert_int_equal(build(xr_str_of(v->bytes, n), &image, &info, &err),
                         XR_INVALID);
        assert_non_null(err.what);
        assert_int_equal(err.pos, 0);
    }
}


/* Any byte that is another one is found, or is an answer that is another. */

static void
test_damaged(void **state)
{
    char                *bytes;
    size_t               i;
    xr_err_t             err;
    xr_geo_t             geo;
    xr_str_t             image;
    xr_addr_t            addr;
    xr_geo_info_t        info;
    xr_geo_place_t       place;
    const geo_vector_t  *v;

    (void) state;

    v = &geo_vectors[0];
    bytes = malloc(v->len);
    assert_non_null(bytes);
    assert_int_equal(xr_addr_parse(xr_str("203.0.113.7"), &addr), XR_OK);

    for (i = 0; i < 8 * v->len; i++) {
        memcpy(bytes, v->bytes, v->len);
        bytes[i / 8] = (char) (bytes[i / 8] ^ (1 << (i % 8)));

        if (build(xr_str_of(bytes, v->len), &image, &info, &err) != XR_OK) {
            continue;
        }

        assert_int_equal(xr_geo_open(image, &geo), XR_OK);
        (void) xr_geo_find(&geo, &addr, &place);
        assert_true(place.country.len == 0
                    || xr_country_continent(place.country)
                       != XR_CONTINENT_NONE);

        free((void *) (uintptr_t) image.data);
    }

    free(bytes);
}


static void
test_open(void **state)
{
    size_t               n;
    xr_geo_t             geo, zeroed;
    xr_str_t             image, copy;
    xr_addr_t            addr;
    xr_geo_info_t        info;
    xr_geo_place_t       place;
    const geo_vector_t  *v;

    (void) state;

    v = &geo_vectors[0];
    assert_int_equal(build(xr_str_of(v->bytes, v->len), &image, &info, NULL),
                     XR_OK);

    for (n = 0; n < image.len; n++) {
        copy = xr_test_copy(xr_str_of(image.data, n));
        assert_int_equal(xr_geo_open(copy, &geo), XR_INVALID);
        xr_test_copy_free(copy);
    }

    free((void *) (uintptr_t) image.data);

    /* where there is no database nothing is found */

    memset(&zeroed, 0, sizeof(zeroed));
    assert_int_equal(xr_addr_parse(xr_str("8.8.8.8"), &addr), XR_OK);
    assert_int_equal(xr_geo_find(&zeroed, &addr, &place), XR_NOT_FOUND);
    assert_int_equal(place.country.len, 0);
}


/* Values as they stand in a section, most of them what corruption makes. */

static void
test_check(void **state)
{
    char             nested[4001];
    size_t           i;
    uint8_t          seen[1024];
    xr_str_t         copy;
    xr_rc_t          rc;
    xr_geo_check_t   check;

    static const struct {
        const char  *what;
        xr_str_t     bytes;
        xr_rc_t      rc;
    } cases[] = {
        { "string", XR_STR("\x43" "abc"), XR_OK },
        { "string cut", XR_STR("\x43" "ab"), XR_INVALID },
        { "size in a byte", XR_STR("\x5d"), XR_INVALID },
        { "size in three", XR_STR("\x5f\xff\xff\xff"), XR_INVALID },
        { "map", XR_STR("\xe1\x41" "a\x41" "b"), XR_OK },
        { "map cut", XR_STR("\xe2\x41" "a\x41" "b"), XR_INVALID },
        { "map of a number", XR_STR("\xe1\xc1\x01\x41" "b"), XR_INVALID },
        { "array", XR_STR("\x02\x04\x41" "a\xa1\x01"), XR_OK },
        { "pointer", XR_STR("\x20\x02\x41" "a"), XR_OK },
        { "pointer to itself", XR_STR("\x20\x00"), XR_INVALID },
        { "pointer out", XR_STR("\x20\x02"), XR_INVALID },
        { "pointer far out", XR_STR("\x38\xff\xff\xff\xff"), XR_INVALID },
        { "pointer cut", XR_STR("\x38\xff"), XR_INVALID },
        { "pointer to a pointer", XR_STR("\x20\x02\x20\x04\x41" "a"),
          XR_INVALID },
        { "bool", XR_STR("\x01\x07"), XR_OK },
        { "bool of 2", XR_STR("\x02\x07"), XR_INVALID },
        { "number too long", XR_STR("\xa3" "123"), XR_INVALID },
        { "double too short", XR_STR("\x67" "1234567"), XR_INVALID },
        { "long number", XR_STR("\x09\x02" "123456789"), XR_INVALID },
        { "double", XR_STR("\x68" "12345678"), XR_OK },
        { "extended, but basic", XR_STR("\x01\x00\x01"), XR_INVALID },
        { "container", XR_STR("\x01\x05\x01"), XR_INVALID },
        { "end", XR_STR("\x00\x06"), XR_INVALID },
        { "unknown", XR_STR("\x00\x09"), XR_INVALID },
        { "nothing", XR_STR(""), XR_INVALID }
    };

    (void) state;

    for (i = 0; i < 2 * XR_COUNT(cases); i++) {

        /* with and without a memory of what was seen */

        copy = xr_test_copy(cases[i / 2].bytes);
        memset(seen, 0, sizeof(seen));
        check = (xr_geo_check_t) { copy, (i % 2) ? seen : NULL, 1000 };

        rc = xr_geo_check_value(&check, 0);

        XR_CHECK_EQ(rc, cases[i / 2].rc, cases[i / 2].what);
        xr_test_copy_free(copy);
    }

    for (i = 0; i < 4000; i += 2) {
        memcpy(nested + i, "\x01\x04", 2);
    }

    check = (xr_geo_check_t) { xr_str_of(nested, 4000), NULL, 100000 };
    assert_int_equal(xr_geo_check_value(&check, 0), XR_INVALID);
}


/* As many values as there are ways through 20 arrays of two pointers each. */

static void
test_check_ends(void **state)
{
    size_t           i, at;
    uint8_t          bytes[200], seen[200];
    xr_geo_check_t   check;

    (void) state;

    memcpy(bytes, "\x41" "x", 2);
    at = 2;

    for (i = 0; i < 20; i++) {
        bytes[at] = 0x02;
        bytes[at + 1] = 0x04;
        bytes[at + 2] = 0x20;
        bytes[at + 3] = (uint8_t) (i == 0 ? 0 : at - 6);
        bytes[at + 4] = 0x20;
        bytes[at + 5] = bytes[at + 3];
        at += 6;
    }

    check = (xr_geo_check_t) { xr_str_of(bytes, at), NULL, 65536 };
    assert_int_equal(xr_geo_check_value(&check, (uint32_t) at - 6),
                     XR_INVALID);

    /* a few deep only: fine, and each of them is looked at once */

    memset(seen, 0, sizeof(seen));
    check = (xr_geo_check_t) { xr_str_of(bytes, at), seen, 65536 };
    assert_int_equal(xr_geo_check_value(&check, 2 + 6 * 9), XR_OK);
    assert_in_range(check.steps, 65536 - 60, 65536);
}


static void
test_metadata(void **state)
{
    size_t     i;
    xr_str_t   copy;

    static const struct {
        xr_str_t  bytes;
        xr_rc_t   rc;
    } cases[] = {
        { XR_STR("\xab\xcd\xefMaxMind.com\xe0"), XR_OK },
        { XR_STR("x\xab\xcd\xefMaxMind.com\xe1\x41" "a\x41" "b"), XR_OK },
        { XR_STR("\xab\xcd\xefMaxMind.com\x41" "a"), XR_INVALID },
        { XR_STR("\xab\xcd\xefMaxMind.com\xe1\x49" "languages\x01\x04\x41"
                 "a"), XR_OK },
        { XR_STR("\xab\xcd\xefMaxMind.com\xe1\x49" "languages\x01\x04\x01"
                 "\x07"), XR_INVALID },
        { XR_STR("\xab\xcd\xefMaxMind.com\xe1\x49" "languages\x01\x04\xe0"),
          XR_INVALID },
        { XR_STR("\xab\xcd\xefMaxMind.com\xe1\x4b" "description\x41" "a"),
          XR_INVALID },
        { XR_STR("\xab\xcd\xefMaxMind.com\xe1\x4b" "description\xe1\x41" "a"
                 "\xe0"), XR_INVALID },
        { XR_STR("\xab\xcd\xefMaxMind.com"), XR_INVALID },
        { XR_STR("\xab\xcd\xefMaxMind.com\xe1"), XR_INVALID },
        { XR_STR("\xab\xcd\xefMaxMind.co\xe0"), XR_INVALID },
        { XR_STR("\xab\xcd\xefMaxMind.com\xe0\xab\xcd\xefMaxMind.com"),
          XR_INVALID },
        { XR_STR(""), XR_INVALID }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        copy = xr_test_copy(cases[i].bytes);
        assert_int_equal(xr_geo_check_metadata(copy), cases[i].rc);
        xr_test_copy_free(copy);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_check_ends),
        cmocka_unit_test(test_metadata)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
