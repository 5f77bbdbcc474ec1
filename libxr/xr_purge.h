/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_PURGE_H
#define XR_PURGE_H


#include "xr_buf.h"
#include "xr_crypto.h"


/*
 * What was purged, as generations: numbers that only grow.  A record says that
 * what is stored of a scope from before its generation counts no more: not at
 * all ("hard"), or not without asking the origin ("soft").  An object's hard
 * generation is part of its cache keys, so nothing has to be looked for.
 *
 * Records lie in the caller's memory, which several processes share.  Readers
 * need no lock; writers exclude each other, which is the caller's business,
 * and one that dies half way leaves nothing behind that is wrong.  When there
 * is no room the oldest record gives way to one of its tenant as a whole, or
 * of all tenants: more is purged then, never less.
 */

#define XR_PURGE_TAG_MAX    64          /* bytes of a tag */
#define XR_PURGE_TAGS       32          /* of one object */
#define XR_PURGE_DEPTH      32          /* "/" in a prefix; what is deeper is
                                           cut there, and covers more */

typedef enum {
    XR_PURGE_TENANT = 0,
    XR_PURGE_PREFIX,                    /* of object names, up to a "/" */
    XR_PURGE_OBJECT,
    XR_PURGE_TAG,
    XR_PURGE_SOME,                      /* when a tag or something soft was:
                                           only made here */
    XR_PURGE_ALL,                       /* of all tenants */
    XR_PURGE_SCOPES
} xr_purge_scope_t;


typedef struct xr_purge_s  xr_purge_t;

/* Tenants go by a hash of their name. */

typedef struct {
    uint64_t          generation;
    uint64_t          tenant;
    xr_purge_scope_t  scope;
    bool              soft;
    uint8_t           hash[XR_SIPHASH_SIZE];    /* of tenant, scope, value */
} xr_purge_record_t;


/*
 * Makes a table in "size" bytes at "p", zeroed and aligned to 64, or returns
 * the one that is there.  NULL: they are too few, or hold something else.
 */
xr_purge_t *xr_purge_create(void *p, size_t size);

/* The key of its hashes: set once, before anything is recorded. */
void xr_purge_set_key(xr_purge_t *p, const uint8_t key[XR_SIPHASH_KEY_SIZE]);
const uint8_t *xr_purge_key(const xr_purge_t *p);

size_t xr_purge_room(const xr_purge_t *p);      /* records, at most */
uint64_t xr_purge_folded(const xr_purge_t *p);  /* that gave way */

/* The generation that was given last; 0: nothing was ever purged. */
uint64_t xr_purge_last(const xr_purge_t *p);

/* A new one, "now" in milliseconds unless that is behind the last. */
uint64_t xr_purge_next(const xr_purge_t *p, int64_t now);

/* Fills a record; "value" is empty for a tenant. */
void xr_purge_record(const xr_purge_t *p, uint64_t generation, uint64_t tenant,
    xr_purge_scope_t scope, bool soft, xr_str_t value, xr_purge_record_t *out);

/* Records.  Writers exclude each other. */
void xr_purge_put(xr_purge_t *p, const xr_purge_record_t *record);


/* What is part of the keys of an object; 0: it was never purged. */
uint64_t xr_purge_generation(const xr_purge_t *p, uint64_t tenant,
    xr_str_t object);

/*
 * When a tag of the tenant's was purged last, or something softly; 0: never,
 * so what is stored need not be judged.
 */
uint64_t xr_purge_some(const xr_purge_t *p, uint64_t tenant);


/*
 * What is stored says what the last generation was when it was asked for, and
 * its tags: "<12 hexadecimal digits>[ <tag>]...".
 */

#define XR_PURGE_STORED_DIGITS  12
#define XR_PURGE_STORED_MAX     (XR_PURGE_STORED_DIGITS                       \
                                 + XR_PURGE_TAGS * (XR_PURGE_TAG_MAX + 1))

typedef enum {
    XR_PURGE_GOOD = 0,
    XR_PURGE_STALE,                     /* the origin has to be asked */
    XR_PURGE_GONE                       /* so is what does not say it */
} xr_purge_verdict_t;

void xr_purge_stored_digits(uint64_t last,
    uint8_t digits[XR_PURGE_STORED_DIGITS]);

xr_purge_verdict_t xr_purge_stored_judge(const xr_purge_t *p, uint64_t tenant,
    xr_str_t object, xr_str_t stored);

/*
 * Appends the tags of one header of an origin's, between spaces or commas,
 * " tag" each; "*n" counts them.  Of an object with more than XR_PURGE_TAGS
 * all tags are said to be there: " *".  What is no tag is left out.
 */
void xr_purge_stored_tags(xr_str_t header, size_t *n, xr_buf_t *out);

/* 1 to XR_PURGE_TAG_MAX visible ASCII characters without ",", and not "*". */
bool xr_purge_stored_tag_ok(xr_str_t tag);


/*
 * The journal: a first line with the key, then a line for each record, all
 * with a checksum.  Text of both is written with its LF.
 */

#define XR_PURGE_HEAD_SIZE  (sizeof("xr-purge-1 ") - 1 + 32 + 1 + 16 + 1)
#define XR_PURGE_LINE_SIZE  (16 + 1 + 16 + 1 + 2 + 1 + 32 + 1 + 16 + 1)

void xr_purge_journal_head(const xr_purge_t *p, xr_buf_t *out);
void xr_purge_journal_line(const xr_purge_t *p,
    const xr_purge_record_t *record, xr_buf_t *out);

/*
 * The records that are there, one after the other, as a journal needs them;
 * "*i" begins with 0.  False: there are no more.
 */
bool xr_purge_journal_next(const xr_purge_t *p, size_t *i,
    xr_purge_record_t *out);

typedef struct {
    size_t  records;
    size_t  damaged;                    /* lines; then all is to be purged */
    bool    torn;                       /* the last line has no end */
} xr_purge_replay_t;

/*
 * Reads a journal into a table that is new.  XR_INVALID: it has no good first
 * line, and is none.
 */
xr_rc_t xr_purge_journal_replay(xr_purge_t *p, xr_str_t text,
    xr_purge_replay_t *out);


#endif /* XR_PURGE_H */
