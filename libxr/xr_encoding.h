/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_ENCODING_H
#define XR_ENCODING_H


#include "xr.h"


/* Content codings, and which of them a client takes: RFC 9110, 12.5.3. */

typedef enum {
    XR_ENCODING_IDENTITY = 0,
    XR_ENCODING_GZIP,
    XR_ENCODING_BR,
    XR_ENCODING_ZSTD,
    XR_ENCODING_NONE                /* no coding is acceptable: 406 */
} xr_encoding_t;

#define XR_ENCODINGS        XR_ENCODING_NONE
#define XR_ENCODING_BIT(e)  (1u << (e))

/* A qvalue of 1; they are counted in thousandths. */

#define XR_ENCODING_Q       1000


typedef struct {
    uint16_t  q[XR_ENCODINGS];      /* 0: not acceptable */
} xr_encoding_accept_t;


/*
 * Starts with what holds without Accept-Encoding: no coding but identity.
 * RFC 9110 would allow any then; but who does not ask may not decode.
 */
void xr_encoding_accept_none(xr_encoding_accept_t *out);

/*
 * The value of Accept-Encoding; several lines are joined by commas, as
 * section 5.3 has it.  A member that is malformed (a weight above 1, with more
 * than three decimals, or a parameter that is none) is ignored, the others
 * count.  Of a coding that is named more than once the least weight counts;
 * "x-gzip" is gzip.  "*" is for codings that are not named, identity among
 * them.  Where neither "*" nor identity is named, identity is acceptable, and
 * liked least (0.001).
 */
void xr_encoding_accept(xr_str_t accept_encoding, xr_encoding_accept_t *out);

/*
 * The best of "available", a mask of XR_ENCODING_BIT(), or XR_ENCODING_NONE:
 * by the highest weight, then by the smaller size where both are known, then
 * br before zstd before gzip before identity.  "sizes" has one for each coding,
 * 0 where it is not known; NULL: none is.
 */
xr_encoding_t xr_encoding_choose(const xr_encoding_accept_t *accept,
    unsigned available, const uint64_t *sizes);

/* "gzip", "br", "zstd" and "identity", as Content-Encoding has them. */
xr_str_t xr_encoding_name(xr_encoding_t e);

/* The coding of a name that must be as above, or XR_ENCODING_NONE. */
xr_encoding_t xr_encoding_of(xr_str_t name);

/* ".gz", ".br", ".zst", and nothing: what names of siblings end in. */
xr_str_t xr_encoding_suffix(xr_encoding_t e);

/*
 * The coding that the suffix of "path" tells, with "*inner" the path without
 * it; XR_ENCODING_IDENTITY, and all of the path, where there is none, or
 * nothing in front of it.
 */
xr_encoding_t xr_encoding_of_path(xr_str_t path, xr_str_t *inner);

/*
 * Whether bytes of that media type become smaller by a coding.  Those that
 * are known not to are packed already: images, archives and the like, and
 * binary meshes, for which a sibling is made where it pays.
 */
bool xr_encoding_gains(xr_str_t type);


#endif /* XR_ENCODING_H */
