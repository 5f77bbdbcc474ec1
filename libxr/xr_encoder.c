/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <brotli/encode.h>
#include <limits.h>
#include <zstd.h>

#include "xr_encoder.h"


/* Logarithms of windows: what decoders have to hold, too. */

#define XR_ENCODER_WINDOW_MIN  16
#define XR_ENCODER_WINDOW_MAX  20

#define XR_ENCODER_GZIP        16       /* zlib: with a gzip header */


/* The smallest window that all of it fits in, or the largest. */

static unsigned
xr_encoder_window(uint64_t length)
{
    unsigned  window;

    window = XR_ENCODER_WINDOW_MIN;

    while (window < XR_ENCODER_WINDOW_MAX && length >> window != 0) {
        window++;
    }

    return window;
}


static xr_rc_t
xr_encoder_begin_gzip(xr_encoder_t *e, unsigned level)
{
    memset(&e->u.deflate, 0, sizeof(z_stream));

    return (deflateInit2(&e->u.deflate, (int) level, Z_DEFLATED,
                         MAX_WBITS + XR_ENCODER_GZIP, MAX_MEM_LEVEL - 1,
                         Z_DEFAULT_STRATEGY)
            == Z_OK) ? XR_OK : XR_NO_SPACE;
}


static xr_rc_t
xr_encoder_begin_br(xr_encoder_t *e, unsigned level, uint64_t length)
{
    uint32_t             hint;
    BrotliEncoderState  *state;

    state = BrotliEncoderCreateInstance(NULL, NULL, NULL);

    if (state == NULL) {
        return XR_NO_SPACE;
    }

    hint = (length > UINT32_MAX) ? UINT32_MAX : (uint32_t) length;

    if (!BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, level)
        || !BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN,
                                      xr_encoder_window(length))
        || !BrotliEncoderSetParameter(state, BROTLI_PARAM_SIZE_HINT, hint))
    {
        BrotliEncoderDestroyInstance(state);
        return XR_INVALID;
    }

    e->u.state = state;

    return XR_OK;
}


static xr_rc_t
xr_encoder_begin_zstd(xr_encoder_t *e, unsigned level, uint64_t length)
{
    ZSTD_CCtx  *state;

    state = ZSTD_createCCtx();

    if (state == NULL) {
        return XR_NO_SPACE;
    }

    if (ZSTD_isError(ZSTD_CCtx_setParameter(state, ZSTD_c_compressionLevel,
                                            (int) level))
        || ZSTD_isError(ZSTD_CCtx_setParameter(state, ZSTD_c_windowLog,
                                           (int) xr_encoder_window(length)))
        || ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(state, length)))
    {
        (void) ZSTD_freeCCtx(state);
        return XR_INVALID;
    }

    e->u.state = state;

    return XR_OK;
}


xr_rc_t
xr_encoder_begin(xr_encoder_t *e, xr_encoding_t coding, unsigned level,
    uint64_t length)
{
    xr_rc_t  rc;

    e->coding = XR_ENCODING_IDENTITY;

    if (level < XR_ENCODER_LEVEL_MIN || level > XR_ENCODER_LEVEL_MAX) {
        return XR_INVALID;
    }

    switch (coding) {

    case XR_ENCODING_GZIP:
        rc = xr_encoder_begin_gzip(e, level);
        break;

    case XR_ENCODING_BR:
        rc = xr_encoder_begin_br(e, level, length);
        break;

    case XR_ENCODING_ZSTD:
        rc = xr_encoder_begin_zstd(e, level, length);
        break;

    default:
        return XR_INVALID;
    }

    if (rc == XR_OK) {
        e->coding = coding;
    }

    return rc;
}


static xr_rc_t
xr_encoder_run_gzip(z_stream *z, xr_str_t *in, bool last, xr_buf_t *out)
{
    int     rc;
    uInt    given, room;
    size_t  space;

    do {
        space = out->size - out->len;
        given = (in->len > UINT_MAX) ? UINT_MAX : (uInt) in->len;
        room = (space > UINT_MAX) ? UINT_MAX : (uInt) space;

        z->next_in = (Bytef *) (uintptr_t) in->data;
        z->avail_in = given;
        z->next_out = out->data + out->len;
        z->avail_out = room;

        rc = deflate(z, (last && given == in->len) ? Z_FINISH : Z_NO_FLUSH);

        xr_str_skip(in, given - z->avail_in);
        out->len += room - z->avail_out;

        if (rc == Z_STREAM_END) {
            return XR_OK;
        }

        if (rc != Z_OK && rc != Z_BUF_ERROR) {
            return XR_ERROR;
        }

        if (out->len == out->size) {
            return XR_NO_SPACE;
        }

    } while (in->len > 0 || last);

    return XR_OK;
}


static xr_rc_t
xr_encoder_run_br(BrotliEncoderState *state, xr_str_t *in, bool last,
    xr_buf_t *out)
{
    size_t    given, room, left;
    uint8_t  *p;

    given = in->len;
    room = out->size - out->len;
    left = room;
    p = out->data + out->len;

    if (!BrotliEncoderCompressStream(state, last ? BROTLI_OPERATION_FINISH
                                                 : BROTLI_OPERATION_PROCESS,
                                     &given, &in->data, &left, &p, NULL))
    {
        return XR_ERROR;
    }

    in->len = given;
    out->len += room - left;

    if (given > 0 || BrotliEncoderHasMoreOutput(state)
        || (last && !BrotliEncoderIsFinished(state)))
    {
        return XR_NO_SPACE;
    }

    return XR_OK;
}


static xr_rc_t
xr_encoder_run_zstd(ZSTD_CCtx *state, xr_str_t *in, bool last, xr_buf_t *out)
{
    size_t          rc;
    ZSTD_inBuffer   source;
    ZSTD_outBuffer  target;

    source.src = in->data;
    source.size = in->len;
    source.pos = 0;

    target.dst = out->data;
    target.size = out->size;
    target.pos = out->len;

    do {
        rc = ZSTD_compressStream2(state, &target, &source,
                                  last ? ZSTD_e_end : ZSTD_e_continue);

        if (ZSTD_isError(rc)) {
            return XR_ERROR;
        }

    } while (target.pos < target.size
             && (source.pos < source.size || (last && rc != 0)));

    xr_str_skip(in, source.pos);
    out->len = target.pos;

    return (in->len > 0 || (last && rc != 0)) ? XR_NO_SPACE : XR_OK;
}


xr_rc_t
xr_encoder_run(xr_encoder_t *e, xr_str_t *in, bool last, xr_buf_t *out)
{
    switch (e->coding) {

    case XR_ENCODING_GZIP:
        return xr_encoder_run_gzip(&e->u.deflate, in, last, out);

    case XR_ENCODING_BR:
        return xr_encoder_run_br(e->u.state, in, last, out);

    case XR_ENCODING_ZSTD:
        return xr_encoder_run_zstd(e->u.state, in, last, out);

    default:
        return XR_ERROR;
    }
}


void
xr_encoder_end(xr_encoder_t *e)
{
    switch (e->coding) {

    case XR_ENCODING_GZIP:
        (void) deflateEnd(&e->u.deflate);
        break;

    case XR_ENCODING_BR:
        BrotliEncoderDestroyInstance(e->u.state);
        break;

    case XR_ENCODING_ZSTD:
        (void) ZSTD_freeCCtx(e->u.state);
        break;

    default:
        return;
    }

    e->coding = XR_ENCODING_IDENTITY;
}
