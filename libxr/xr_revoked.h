/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_REVOKED_H
#define XR_REVOKED_H


#include "xr_buf.h"
#include "xr_crypto.h"


/*
 * What is revoked: subjects, token ids (jti) and keys by their id, each of
 * one tenant.  A list is a text of lines
 *
 *     # comment
 *     acme sub alice@example.com
 *     acme jti 5d0c...          until=1767355200
 *     acme kid 2026-10
 *
 * where values are percent-encoded as far as they hold white space, "%", or
 * control characters, and "until" is a Unix time from which on the line does
 * not matter.  "*" as the tenant stands for all.
 */

#define XR_REVOKED_MAX_LINES  ((size_t) 10 * 1000 * 1000)
#define XR_REVOKED_VALUE_MAX  1024

typedef enum {
    XR_REVOKED_SUBJECT = 1,
    XR_REVOKED_TOKEN,
    XR_REVOKED_KEY
} xr_revoked_kind_t;

/* "sub", "jti", "kid" */
xr_str_t xr_revoked_name(xr_revoked_kind_t kind);

/* XR_NOT_FOUND leaves "kind" as it was. */
xr_rc_t xr_revoked_kind(xr_str_t name, xr_revoked_kind_t *kind);


typedef struct {
    xr_str_t           tenant;
    xr_revoked_kind_t  kind;
    xr_str_t           value;       /* decoded */
    uint64_t           until;       /* 0: for good */
} xr_revoked_line_t;

/*
 * Reads a line without its end, and without white space at its ends, that is
 * no comment and not empty.  "memory" is for a value that is encoded.
 */
xr_rc_t xr_revoked_parse(xr_str_t s, uint8_t memory[XR_REVOKED_VALUE_MAX],
    xr_revoked_line_t *line, xr_err_t *err);

/* Writes a line, without its end; it takes at most so many bytes. */

#define XR_REVOKED_LINE_MAX  (63 + 3 * XR_REVOKED_VALUE_MAX + 40)

void xr_revoked_put(const xr_revoked_line_t *line, xr_buf_t *out);

/*
 * Entries are found by a keyed hash of two halves: of the tenant, or of "*",
 * which stands for all, and of what is revoked.  So one half, which can be
 * kept, is asked for under both.  That of a value is never 0.
 */
uint64_t xr_revoked_tenant(const uint8_t key[XR_SIPHASH_KEY_SIZE],
    xr_str_t tenant);
uint64_t xr_revoked_what(const uint8_t key[XR_SIPHASH_KEY_SIZE],
    xr_revoked_kind_t kind, xr_str_t value);
uint64_t xr_revoked_join(uint64_t tenant, uint64_t value);


/*
 * Hashes of a list in one block of memory, the image, which others may map.
 * "room" tells how many bytes an image of "text" takes at most.
 */

size_t xr_revoked_room(xr_str_t text);

/*
 * Reads "text" into "image", which is aligned to 8; lines that ended at "now"
 * are left out.  err->pos is an offset into "text".  A subject of "*" and the
 * like are taken literally.
 */
xr_rc_t xr_revoked_build(xr_str_t text,
    const uint8_t key[XR_SIPHASH_KEY_SIZE], int64_t now, void *image,
    size_t size, size_t *used, xr_err_t *err);


/* A list in use.  Zeroed: nothing is revoked. */

typedef struct {
    const uint64_t  *slots;         /* pairs: hash, until (0: for good) */
    size_t           mask;
    size_t           n;
} xr_revoked_t;

/* XR_INVALID: not an image. */
xr_rc_t xr_revoked_open(xr_str_t image, xr_revoked_t *out);

bool xr_revoked_has(const xr_revoked_t *r, uint64_t hash, int64_t now);


#endif /* XR_REVOKED_H */
