/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include <brotli/decode.h>
#include <zstd.h>

#include "xr_encoder.h"


#define SIZE  300000


static uint8_t  source[SIZE];
static uint8_t  encoded[SIZE * 2];
static uint8_t  decoded[SIZE + 1];


static void
fill(void)
{
    size_t    i;
    uint32_t  n;

    n = 1;

    for (i = 0; i < SIZE; i++) {
        n = n * 1103515245 + 12345;
        source[i] = (uint8_t) ("{\"id\": 0123456}, "[(n >> 16) % 17]);
    }
}


static size_t
decode(xr_encoding_t coding, size_t len)
{
    size_t    size;
    z_stream  z;

    size = sizeof(decoded);

    switch (coding) {

    case XR_ENCODING_GZIP:
        memset(&z, 0, sizeof(z));
        assert_int_equal(inflateInit2(&z, MAX_WBITS + 16), Z_OK);
        z.next_in = encoded;
        z.avail_in = (uInt) len;
        z.next_out = decoded;
        z.avail_out = sizeof(decoded);
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
        size = z.total_out;
        inflateEnd(&z);
        return size;

    case XR_ENCODING_BR:
        assert_int_equal(BrotliDecoderDecompress(len, encoded, &size, decoded),
                         BROTLI_DECODER_RESULT_SUCCESS);
        return size;

    default:
        size = ZSTD_decompress(decoded, size, encoded, len);
        assert_false(ZSTD_isError(size));
        return size;
    }
}


/* In pieces of any size, into room of any size. */

static void
check(xr_encoding_t coding, unsigned level, size_t length, size_t piece,
    size_t room)
{
    size_t        n, done;
    xr_rc_t       rc;
    xr_str_t      in;
    xr_buf_t      out;
    xr_encoder_t  e;

    n = 0;
    done = 0;

    assert_int_equal(xr_encoder_begin(&e, coding, level, length), XR_OK);

    do {
        in = xr_str_of(source + done,
                       (length - done < piece) ? length - done : piece);
        done += in.len;

        do {
            assert_true(n + room <= sizeof(encoded));
            out = xr_buf(encoded + n, room);
            rc = xr_encoder_run(&e, &in, done == length, &out);
            n += out.len;

        } while (rc == XR_NO_SPACE);

        assert_int_equal(rc, XR_OK);
        assert_int_equal(in.len, 0);

    } while (done < length);

    xr_encoder_end(&e);
    xr_encoder_end(&e);

    assert_int_equal(decode(coding, n), length);
    assert_memory_equal(decoded, source, length);
    assert_true(length < 1000 || n < length * 3 / 4);
}


static void
test_round(void **state)
{
    size_t         i;
    unsigned       level;
    xr_encoding_t  e;

    static const size_t  sizes[][3] = {
        { SIZE, 16384, 16384 }, { SIZE, SIZE, 1000 }, { SIZE, 777, 4096 },
        { 70000, 1, 50 }, { 1000, 1000, 1 }, { 1, 1, 1 }, { 0, 1, 64 }
    };

    (void) state;
    fill();

    for (e = XR_ENCODING_GZIP; e <= XR_ENCODING_ZSTD; e++) {

        for (i = 0; i < XR_COUNT(sizes); i++) {
            check(e, 3, sizes[i][0], sizes[i][1], sizes[i][2]);
        }

        for (level = XR_ENCODER_LEVEL_MIN; level <= XR_ENCODER_LEVEL_MAX;
             level++)
        {
            check(e, level, SIZE, 5000, 5000);
        }
    }
}


static void
test_refused(void **state)
{
    xr_str_t       in;
    xr_buf_t       out;
    xr_encoder_t   e;

    (void) state;

    assert_int_equal(xr_encoder_begin(&e, XR_ENCODING_IDENTITY, 3, 1),
                     XR_INVALID);
    assert_int_equal(xr_encoder_begin(&e, XR_ENCODING_NONE, 3, 1), XR_INVALID);
    assert_int_equal(xr_encoder_begin(&e, XR_ENCODING_BR, 0, 1), XR_INVALID);
    assert_int_equal(xr_encoder_begin(&e, XR_ENCODING_BR, 7, 1), XR_INVALID);

    in = xr_str("a");
    out = xr_buf(encoded, 100);
    assert_int_equal(xr_encoder_run(&e, &in, true, &out), XR_ERROR);
    xr_encoder_end(&e);

    /* another length than was said */

    assert_int_equal(xr_encoder_begin(&e, XR_ENCODING_ZSTD, 3, 2), XR_OK);
    assert_int_equal(xr_encoder_run(&e, &in, false, &out), XR_OK);
    assert_int_equal(xr_encoder_run(&e, &in, true, &out), XR_ERROR);
    xr_encoder_end(&e);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_refused)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
