/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_H
#define XR_H


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>


/*
 * The vocabulary of libxr: result codes, views, errors and the caller's
 * allocator.  libxr does no I/O, reads no clock and keeps no global state;
 * whoever calls it passes "now", memory and bytes.
 */

typedef enum {
    XR_OK = 0,
    XR_INVALID,             /* the input is not what the format allows */
    XR_NOT_FOUND,           /* a look-up missed */
    XR_DENIED,              /* well formed, but not permitted */
    XR_NO_SPACE,            /* the caller's buffer or allocator is exhausted */
    XR_ERROR                /* a library underneath failed */
} xr_rc_t;


/* A view: bytes that belong to somebody else.  Never NUL-terminated. */

typedef struct {
    const uint8_t  *data;
    size_t          len;
} xr_str_t;


/*
 * Why a call failed.  "what" is a string literal and needs no freeing, "pos"
 * is an offset in bytes into the input the call was given.
 */

typedef struct {
    const char  *what;
    size_t       pos;
} xr_err_t;


/*
 * An allocator for objects that outlive a request.  alloc() returns zeroed
 * memory aligned for any type, or NULL; its owner frees everything at once.
 */

typedef struct {
    void  *(*alloc)(void *ctx, size_t size);
    void   *ctx;
} xr_mem_t;


#define XR_COUNT(a)     (sizeof(a) / sizeof((a)[0]))
#define XR_STR(literal)  { (const uint8_t *) (literal), sizeof(literal) - 1 }


/* Fills "err" unless it is NULL, and returns "rc". */
xr_rc_t xr_fail(xr_err_t *err, xr_rc_t rc, size_t pos, const char *what);


/* Views.  The small ones are inline: requests make dozens of them. */

static inline xr_str_t
xr_str_of(const void *data, size_t len)
{
    return (xr_str_t) { data, len };
}


static inline xr_str_t
xr_str(const char *s)
{
    return xr_str_of(s, strlen(s));
}


/* Takes "n" bytes off the front, or white space as HTTP has it in lists. */

static inline void
xr_str_skip(xr_str_t *s, size_t n)
{
    s->data += n;
    s->len -= n;
}


static inline void
xr_str_skip_space(xr_str_t *s)
{
    while (s->len > 0 && (s->data[0] == ' ' || s->data[0] == '\t')) {
        xr_str_skip(s, 1);
    }
}


static inline bool
xr_str_eq(xr_str_t a, xr_str_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


static inline bool
xr_str_starts(xr_str_t s, xr_str_t prefix)
{
    return s.len >= prefix.len
           && xr_str_eq(xr_str_of(s.data, prefix.len), prefix);
}


/* The offset of the first "c" in "s", or s.len. */

static inline size_t
xr_str_find(xr_str_t s, uint8_t c)
{
    const uint8_t  *p;

    p = (s.len == 0) ? NULL : memchr(s.data, c, s.len);

    return (p == NULL) ? s.len : (size_t) (p - s.data);
}


/* Everything before the next "c", which is dropped too, is taken off "*s". */

static inline xr_str_t
xr_str_cut(xr_str_t *s, uint8_t c)
{
    size_t    n;
    xr_str_t  head;

    n = xr_str_find(*s, c);
    head = xr_str_of(s->data, n);

    if (n < s->len) {
        n++;
    }

    if (n > 0) {
        s->data += n;
        s->len -= n;
    }

    return head;
}


bool xr_str_eq_nocase(xr_str_t a, xr_str_t b);      /* ASCII only */
bool xr_str_ends(xr_str_t s, xr_str_t suffix);

/* Whether a byte below 0x20, or 0x7f, is in "s". */
bool xr_str_has_control(xr_str_t s);

/* The line, counted from 1, that offset "pos" of "text" lies in. */
size_t xr_str_line(xr_str_t text, size_t pos);

/* "s" without spaces, tabs, CR and LF at both ends. */
xr_str_t xr_str_trim(xr_str_t s);

/* Copies "s" into memory of "mem"; XR_NO_SPACE leaves "out" as it was. */
xr_rc_t xr_str_dup(const xr_mem_t *mem, xr_str_t s, xr_str_t *out);


/*
 * A list of strings in one view, each with its length (16 bits, little endian)
 * in front: position independent, and no longer than it has to be.
 */

typedef struct {
    xr_str_t  packed;               /* empty: no strings */
} xr_strs_t;

#define XR_STRS_PACKED_SIZE(len)  ((len) + 2)

/* Takes the first string off "list"; false at its end. */
bool xr_strs_next(xr_strs_t *list, xr_str_t *out);
bool xr_strs_has(xr_strs_t list, xr_str_t s);


/*
 * A decimal number without sign, at least one digit, is taken off the front of
 * "*s".  XR_INVALID where there is none or it exceeds UINT64_MAX; "*s" is then
 * left as it was.
 */
xr_rc_t xr_str_uint(xr_str_t *s, uint64_t *out);


/*
 * Hexadecimal of either case into exactly s.len / 2 bytes.  XR_INVALID on an
 * odd length or a foreign character, XR_NO_SPACE when "size" is too small;
 * "out" may then hold part of the result.
 */
xr_rc_t xr_hex_decode(xr_str_t s, uint8_t *out, size_t size);

/* The value of one hexadecimal digit, or -1. */
int xr_hex_digit(uint8_t c);


/* base64url without padding, RFC 4648 section 5 */

#define XR_BASE64_ENCODED(n)  (((n) * 4 + 2) / 3)
#define XR_BASE64_DECODED(n)  ((n) * 3 / 4)

/*
 * Strict: no padding, no white space, unused bits zero.  "*len" is set to the
 * bytes written.  XR_NO_SPACE when XR_BASE64_DECODED(s.len) exceeds "size".
 */
xr_rc_t xr_base64url_decode(xr_str_t s, uint8_t *out, size_t size,
    size_t *len);


#endif /* XR_H */
