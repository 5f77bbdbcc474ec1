/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_tar.h"


#define BLOCK  512

/* Archives as tar itself writes them are in tests/integration. */

static uint8_t  archive[16 * BLOCK];
static size_t   used;


static void
add(const char *name, char type, const char *size, size_t blocks)
{
    size_t    i;
    uint8_t  *h;
    unsigned  sum;

    h = archive + used;
    memset(h, 0, (1 + blocks) * BLOCK);
    memcpy(h, name, strlen(name));
    memcpy(h + 124, size, strlen(size));
    memcpy(h + 257, "ustar", 5);
    memset(h + 148, ' ', 8);
    h[156] = (uint8_t) type;
    memset(h + BLOCK, 'x', blocks * BLOCK);

    sum = 0;

    for (i = 0; i < BLOCK; i++) {
        sum += h[i];
    }

    (void) snprintf((char *) h + 148, 7, "%06o", sum);
    used += (1 + blocks) * BLOCK;
}


static xr_rc_t
find(size_t len, xr_str_t *out, xr_err_t *err)
{
    xr_rc_t   rc;
    uint8_t  *copy;

    /* of exact size, for the sanitizers */

    copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, archive, len);

    rc = xr_tar_find(xr_str_of(copy, len), xr_str(".mmdb"), out, err);

    if (rc == XR_OK) {
        out->data = archive + (out->data - copy);
    }

    free(copy);

    return rc;
}


static void
test_finds(void **state)
{
    size_t    end;
    xr_err_t  err;
    xr_str_t  out;

    (void) state;

    used = 0;
    add("folder.mmdb", '5', "00000000000", 0);
    add("link.mmdb", '2', "00000000000", 0);
    add("a/COPYRIGHT.txt", '0', "00000001000", 1);
    end = used + BLOCK;
    add("a/b.mmdb", '0', "00000001001 ", 2);

    assert_int_equal(find(used, &out, &err), XR_OK);
    assert_int_equal(out.len, 513);
    assert_ptr_equal(out.data, archive + end);
    assert_true(xr_tar_is(xr_str_of(archive, used)));

    /* what fills up the last block may be missing, the file may not */

    assert_int_equal(find(end + 513, &out, &err), XR_OK);
    assert_int_equal(find(end + 512, &out, &err), XR_INVALID);
    assert_string_equal(err.what, "a file that is cut off");

    /* behind its end there is nothing */

    memset(archive + used, 0, 2 * BLOCK);
    used += BLOCK;
    add("c.mmdb", '0', "00000000001", 1);
    assert_int_equal(find(used, &out, &err), XR_OK);
    assert_int_equal(out.len, 513);
}


static void
test_refuses(void **state)
{
    size_t    i;
    xr_err_t  err;
    xr_str_t  out;

    static const char *const  sizes[] = {
        "77777777777", "777777777777", "\x80\xff\xff\xff\xff\xff\xff\xff",
        "-0000000001", "0000000000x", "00000001001"
    };

    (void) state;

    for (i = 0; i < XR_COUNT(sizes); i++) {
        used = 0;
        add("a.mmdb", '0', sizes[i], 1);
        XR_CHECK_EQ(find(used, &out, &err), XR_INVALID, sizes[i]);
    }

    used = 0;
    add("a.mmdb", '0', "00000000001", 1);
    add("b.mmdb", '\0', "00000000001", 1);
    assert_int_equal(find(used, &out, &err), XR_INVALID);
    assert_string_equal(err.what, "there are two such files");

    archive[0] ^= 1;
    assert_int_equal(find(used, &out, &err), XR_INVALID);
    assert_string_equal(err.what, "a header that is damaged");
    assert_false(xr_tar_is(xr_str_of(archive, used)));

    used = 0;
    add("a.txt", '0', "00000000001", 1);
    assert_int_equal(find(used, &out, &err), XR_NOT_FOUND);
    assert_int_equal(find(0, &out, &err), XR_NOT_FOUND);
    assert_int_equal(find(BLOCK - 1, &out, &err), XR_INVALID);
    assert_int_equal(err.pos, 0);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_finds),
        cmocka_unit_test(test_refuses)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
