/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_STORE_H
#define XR_STORE_H


#include "xr_crypto.h"


/*
 * Texts of any length, such as manifests, in the caller's memory, which
 * several processes share: an index of fixed size, and a ring that texts are
 * written to one after the other, over the oldest.  Also known is what is not
 * there.
 *
 * Readers take no lock: they copy, and look afterwards whether what they
 * copied was written over.  Writers exclude each other, which is the caller's
 * business, and one that dies half way leaves nothing behind that is wrong.
 *
 * Entries are found by a keyed hash of whatever the caller puts under it.
 * All times are Unix time.
 */

typedef struct xr_store_s  xr_store_t;

typedef struct {
    int64_t   fetched;      /* when the origin was asked for it */
    int64_t   fresh;        /* it need not be asked again before this, */
    int64_t   kept;         /* and up to this what is here may be used if it
                               does not answer */
    size_t    len;          /* of the text */
    uint64_t  version;      /* no two texts have the same, unless one is
                               empty; not put */
    uint64_t  note;         /* bits that were noted since it was stored */
    bool      absent;       /* there is none */
    bool      outdated;     /* caches on the way to the origin may have what is
                               older; not put */
} xr_store_info_t;


/*
 * Makes a store in "size" bytes at "p", zeroed and aligned to 64, or returns
 * the one that is there.  NULL: they are too few, or hold something else.
 */
xr_store_t *xr_store_create(void *p, size_t size);

/* What an entry may have at most, and how many there can be. */
size_t xr_store_max(const xr_store_t *s);
size_t xr_store_entries(const xr_store_t *s);

/*
 * Copies an entry.  XR_NOT_FOUND: it is not known, or was written over;
 * XR_NO_SPACE: "size" is too small for it.
 */
xr_rc_t xr_store_get(const xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE],
    uint8_t *out, size_t size, xr_store_info_t *info);

/*
 * A number that changes whenever something is outdated or expired.  Whoever
 * asks an origin takes it before, and gives it with the answer.
 */
uint64_t xr_store_changes(const xr_store_t *s);


/* For writers. */

/*
 * Stores a text of "info->len" bytes, or that there is none.  If anything
 * changed since "changes" was taken, the answer may be from before that, and
 * has to be asked for again the next time.  XR_NO_SPACE: it is too long.
 */
xr_rc_t xr_store_put(xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE],
    uint64_t changes, const xr_store_info_t *info, const uint8_t *text);

/* What is stored will do until "fresh", though it is no newer by that. */
void xr_store_extend(xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE],
    int64_t fresh);

/* Sets bits of its note, if it still is the text of that version. */
void xr_store_note(xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE],
    uint64_t version, uint64_t bits);

/* There is something newer: of one entry, or perhaps of every one. */
void xr_store_outdate(xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE]);
void xr_store_expire(xr_store_t *s, int64_t now);


/*
 * Who fetches it.  False: somebody else has said so, and it is not "until"
 * yet.  A claim is only a hint: one may be given twice, or lost.
 */
bool xr_store_claim(xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE],
    int64_t now, int64_t until);
void xr_store_release(xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE]);
bool xr_store_claimed(const xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE],
    int64_t now);


#endif /* XR_STORE_H */
