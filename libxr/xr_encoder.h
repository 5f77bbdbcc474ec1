/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_ENCODER_H
#define XR_ENCODER_H


#include <zlib.h>

#include "xr_buf.h"
#include "xr_encoding.h"


/*
 * One stream being encoded.  What the libraries allocate for it is freed by
 * xr_encoder_end(), and is a few megabytes at most: neither levels nor windows
 * are the highest.
 */

#define XR_ENCODER_LEVEL_MIN  1
#define XR_ENCODER_LEVEL_MAX  6


typedef struct {
    xr_encoding_t  coding;          /* XR_ENCODING_IDENTITY: there is none */
    union {
        void      *state;           /* brotli's or zstd's */
        z_stream   deflate;
    } u;
} xr_encoder_t;


/*
 * "length" is that of all that will be encoded, and has to be right.
 * XR_INVALID: not a coding, or a level out of bounds; XR_NO_SPACE: no memory.
 * After either there is nothing to be freed.
 */
xr_rc_t xr_encoder_begin(xr_encoder_t *e, xr_encoding_t coding,
    unsigned level, uint64_t length);

/*
 * Takes what it can off the front of "*in", and writes what is ready to "out".
 * "last": nothing follows "*in".  XR_OK: all of "*in" was taken and, if it was
 * the last, all is written.  XR_NO_SPACE: "out" is full, call again with what
 * is left of "*in" and more room.  XR_ERROR: it cannot go on.
 */
xr_rc_t xr_encoder_run(xr_encoder_t *e, xr_str_t *in, bool last,
    xr_buf_t *out);

/* May be called more than once, and of a structure of zeroes. */
void xr_encoder_end(xr_encoder_t *e);


#endif /* XR_ENCODER_H */
