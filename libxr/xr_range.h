/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_RANGE_H
#define XR_RANGE_H


#include "xr.h"
#include "xr_buf.h"


/*
 * Byte ranges, RFC 9110 section 14.  A Range header is parsed once, into its
 * members as they were sent, and resolved as soon as the length of the object
 * is known.  It counts for GET only, and after preconditions: see
 * xr_precondition.h.
 */

#define XR_RANGE_LENGTH_MAX  INT64_MAX      /* of an object, as of an off_t */
#define XR_RANGE_UNKNOWN     UINT64_MAX

/* Resolving takes time that grows with the square of the members. */

#define XR_RANGE_MEMBERS_MAX  64


typedef struct {
    uint64_t  first;                /* of a suffix: how many bytes */
    uint64_t  last;                 /* UINT64_MAX: to the end */
    bool      suffix;
} xr_range_spec_t;


typedef struct {
    uint64_t  first;
    uint64_t  last;                 /* included */
} xr_range_t;


typedef enum {
    XR_RANGE_NONE = 0,              /* 200: as if there were no Range */
    XR_RANGE_ONE,                   /* 206 with Content-Range */
    XR_RANGE_MANY,                  /* 206, multipart/byteranges */
    XR_RANGE_UNSATISFIABLE          /* 416 */
} xr_range_result_t;


static inline uint64_t
xr_range_bytes(xr_range_t r)
{
    return r.last - r.first + 1;
}


/*
 * Reads the value of a Range header into "specs", which has room for "max"
 * members, and returns how many there are.  0: the header is to be ignored,
 * because its unit is not bytes, because a member is malformed or ends before
 * it begins, or because there are none or more than "max", not counting empty
 * ones.  Whatever exceeds 64 bits is UINT64_MAX, which no object reaches.
 *
 * Range is no list of several lines: their values joined by commas are
 * malformed.
 */
size_t xr_range_parse(xr_str_t value, xr_range_spec_t *specs, size_t max);

/*
 * What "n" members come to in an object of "length" bytes.  "ranges", which
 * has room for "n", gets "*nranges" ranges, one or more for XR_RANGE_ONE and
 * XR_RANGE_MANY, none otherwise: in ascending order, with at least one byte
 * between two of them.  Members that are not satisfiable are dropped, those
 * that overlap or touch are merged (section 15.3.7.2).  The same section would
 * rather have the order of the request, on which no client can rely; an object
 * is read once, from front to back.
 *
 * Members that ask for more bytes, counted before they are merged, than the
 * object has are ignored: section 14.2 permits it, nginx, Apache httpd and Go
 * do so too, and the client gets all that it asked for, once.  416 would tell
 * it that there is nothing.
 *
 * Of an empty object a suffix is the only satisfiable range (14.1.2).  As no
 * Content-Range can express it, it is XR_RANGE_NONE: 200 without content.
 * Section 14.2 permits that for all ranges of an empty object, so a caller may
 * take XR_RANGE_UNSATISFIABLE for XR_RANGE_NONE there.
 */
xr_range_result_t xr_range_resolve(const xr_range_spec_t *specs, size_t n,
    uint64_t length, xr_range_t *ranges, size_t *nranges);

/*
 * Where reading begins, for whoever has to ask for a part of the object to
 * learn its length: the lowest offset among the members, or 0 if there is none
 * that an object reaches.  False: a suffix may begin before it.
 */
bool xr_range_begin(const xr_range_spec_t *specs, size_t n, uint64_t *first);

/*
 * The most bytes that members can come to, before they are merged;
 * XR_RANGE_UNKNOWN where one of them reaches to the end of the object.
 */
uint64_t xr_range_most(const xr_range_spec_t *specs, size_t n);


/* Content-Range, section 14.4. */

typedef struct {
    xr_range_t  range;
    uint64_t    length;             /* XR_RANGE_UNKNOWN: "*" */
    bool        unsatisfied;        /* there is no range, only a length */
} xr_range_content_t;

#define XR_RANGE_CONTENT_SIZE  (sizeof("bytes -/") - 1 + 3 * 20)

/*
 * Strict: XR_INVALID also where the range does not lie within the length, and
 * where a number exceeds XR_RANGE_LENGTH_MAX.
 */
xr_rc_t xr_range_content_parse(xr_str_t value, xr_range_content_t *out);

void xr_range_content(xr_buf_t *b, xr_range_t range, uint64_t length);
void xr_range_content_unsatisfied(xr_buf_t *b, uint64_t length);


/*
 * Multipart/byteranges, section 14.6.  The boundary is the caller's, of
 * letters and digits, as some clients cannot read a quoted one, and at most 70
 * of them (RFC 2046 section 5.1.1).  It must not be in the object, so it has
 * to be random.
 */

typedef struct {
    xr_str_t  boundary;
    xr_str_t  type;                 /* Content-Type of the object, or empty */
    uint64_t  length;               /* of the object */
} xr_range_multipart_t;

/* The Content-Type of the response. */
void xr_range_multipart_type(xr_buf_t *b, const xr_range_multipart_t *m);

/* What stands before the bytes of each range, and behind those of the last. */
void xr_range_multipart_part(xr_buf_t *b, const xr_range_multipart_t *m,
    xr_range_t range);
void xr_range_multipart_end(xr_buf_t *b, const xr_range_multipart_t *m);

/* Exact sizes: of these two, and of a whole body with the bytes of ranges. */
size_t xr_range_multipart_part_size(const xr_range_multipart_t *m,
    xr_range_t range);
size_t xr_range_multipart_end_size(const xr_range_multipart_t *m);
uint64_t xr_range_multipart_length(const xr_range_multipart_t *m,
    const xr_range_t *ranges, size_t n);


#endif /* XR_RANGE_H */
