/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_check.h"


#define SIZE  300


static void
fill(uint8_t *p, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        p[i] = (uint8_t) (i * 37 + (i >> 3));
    }
}


/* It is in files: other numbers mean that all of them count as damaged. */

static void
test_vectors(void **state)
{
    size_t   i;
    uint8_t  data[SIZE];

    static const struct {
        size_t    len;
        uint64_t  check;
    } vectors[] = {
        { 0,   UINT64_C(0x956f131a5a82012c) },
        { 1,   UINT64_C(0x5d7377d8ead54c21) },
        { 8,   UINT64_C(0xd6033d7f77075a07) },
        { 31,  UINT64_C(0x20a56b85c7f3e741) },
        { 32,  UINT64_C(0x0a2a503523f7cf2f) },
        { 300, UINT64_C(0xf232ea72eb28ae64) }
    };

    (void) state;

    fill(data, SIZE);

    for (i = 0; i < XR_COUNT(vectors); i++) {
        assert_int_equal(xr_check(7, xr_str_of(data, vectors[i].len)),
                         vectors[i].check);
    }
}


/* In any byte, of any length; the half that is stored tells it, too. */

static void
test_every_bit(void **state)
{
    size_t    len, bit;
    uint8_t   data[SIZE];
    uint64_t  right, wrong;

    (void) state;

    fill(data, SIZE);

    for (len = 1; len <= SIZE; len++) {
        right = xr_check(0, xr_str_of(data, len));

        for (bit = 0; bit < 8 * len; bit++) {
            data[bit / 8] ^= (uint8_t) (1 << bit % 8);
            wrong = xr_check(0, xr_str_of(data, len));
            data[bit / 8] ^= (uint8_t) (1 << bit % 8);

            assert_int_not_equal((uint32_t) wrong, (uint32_t) right);
        }
    }
}


/* What is longer by zeros, has words in another order, or another seed. */

static void
test_others(void **state)
{
    size_t    i, j;
    uint8_t   data[64] = { 0 }, swapped[64], word[8];
    uint64_t  right;

    (void) state;

    for (i = 0; i < sizeof(data); i++) {
        for (j = i + 1; j <= sizeof(data); j++) {
            assert_int_not_equal(xr_check(0, xr_str_of(data, i)),
                                 xr_check(0, xr_str_of(data, j)));
        }
    }

    fill(data, sizeof(data));
    right = xr_check(0, xr_str_of(data, sizeof(data)));

    assert_int_not_equal(xr_check(1, xr_str_of(data, sizeof(data))), right);

    for (i = 0; i < 8; i++) {
        for (j = i + 1; j < 8; j++) {
            memcpy(swapped, data, sizeof(data));
            memcpy(word, swapped + 8 * i, 8);
            memcpy(swapped + 8 * i, swapped + 8 * j, 8);
            memcpy(swapped + 8 * j, word, 8);

            assert_int_not_equal(xr_check(0, xr_str_of(swapped,
                                                       sizeof(swapped))),
                                 right);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_others)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
