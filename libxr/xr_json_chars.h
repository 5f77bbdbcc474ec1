/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_JSON_CHARS_H
#define XR_JSON_CHARS_H


#include "xr_json.h"


/* What the files of xr_json share: kinds of bytes, and the text of strings. */

#define XR_JSON_SPACE  1
#define XR_JSON_PLAIN  2            /* stands for itself within a string */
#define XR_JSON_DIGIT  4
#define XR_JSON_NEST   8            /* what a search for a "}" has to look at */

extern const uint8_t  xr_json_bytes[256];

/* What a letter behind a "\" stands for; "u" is not among them. */
extern const uint8_t  xr_json_escapes[256];


static inline const uint8_t *
xr_json_skip_space(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (xr_json_bytes[*p] & XR_JSON_SPACE) != 0) {
        p++;
    }

    return p;
}


/*
 * What of a string stands for itself is most of a text: eight bytes at once.
 * XR_JSON_LOW sets the highest bit of, among others, every byte below "n".
 */

#define XR_JSON_EACH(byte)   (UINT64_C(0x0101010101010101) * (byte))
#define XR_JSON_LOW(w, n)    (((w) - XR_JSON_EACH(n)) & ~(w))

static inline const uint8_t *
xr_json_skip_plain(const uint8_t *p, const uint8_t *end)
{
    uint64_t  w, found;

    while (end - p >= 8) {
        memcpy(&w, p, sizeof(w));

        found = w | XR_JSON_LOW(w, 0x20)
                | XR_JSON_LOW(w ^ XR_JSON_EACH('"'), 1)
                | XR_JSON_LOW(w ^ XR_JSON_EACH('\\'), 1);

        if ((found & XR_JSON_EACH(0x80)) != 0) {
            break;
        }

        p += 8;
    }

    while (p < end && (xr_json_bytes[*p] & XR_JSON_PLAIN) != 0) {
        p++;
    }

    return p;
}


/* The number that the four hexadecimal digits at "p" make, or -1. */
int32_t xr_json_chars_unit(const uint8_t *p, const uint8_t *end);

/* Bytes of the UTF-8 sequence of more than one that "p" begins, or 0. */
size_t xr_json_chars_utf8(const uint8_t *p, const uint8_t *end);


/* The text of a checked string, byte by byte; it starts as { .rest = raw }. */

typedef struct {
    xr_str_t        rest;
    uint8_t         bytes[4];       /* of an escape */
    size_t          pos;
    size_t          len;
} xr_json_chars_t;

/* The next byte, or -1 at the end. */
int xr_json_chars_next(xr_json_chars_t *c);

/* FNV-1a of what a checked string reads. */
uint64_t xr_json_chars_hash(const xr_json_t *v);

/* Whether two checked strings read the same. */
bool xr_json_chars_same(const xr_json_t *a, const xr_json_t *b);


#endif /* XR_JSON_CHARS_H */
