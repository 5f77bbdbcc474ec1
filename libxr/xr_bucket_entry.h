/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_BUCKET_ENTRY_H
#define XR_BUCKET_ENTRY_H


#include "xr_bucket.h"


/*
 * An entry, for xr_bucket*.c only.  A cache line each: what
 * every request reads and writes, what asks and answers do, and the key.
 */

#define XR_BUCKET_KEY_WORDS  (XR_LIMIT_KEY_SIZE / sizeof(uint64_t))

/* Of bytes, what a request is of requests. */

#define XR_BUCKET_BYTES      ((int64_t) 8000 * XR_LIMIT_BYTE)

/* Milliseconds between two notes of when an entry was used. */

#define XR_BUCKET_TOUCH      64

/* Milliseconds after which an ask counts as lost. */

#define XR_BUCKET_LOST       2000

/* Milliseconds between two asks, at most. */

#define XR_BUCKET_PAUSE_MAX  1000

/* Of the rate, which is what a second gives, the part that is credit. */

#define XR_BUCKET_CREDIT     50

/* In units: what is worth an ask although there is little. */

#define XR_BUCKET_WORTH      40


struct xr_bucket_s {
    uint64_t  tag;                      /* 0: free, see xr_buckets_busy() */
    int64_t   tokens;                   /* below 0: a debt */
    int64_t   credit;                   /* as large as a debt may be; below 0:
                                           as many tokens stay untouched */
    int64_t   low;                      /* fewer tokens: ask for more */
    int64_t   rate;
    int64_t   burst;
    int64_t   balance;                  /* in Redis, as it said */
    int64_t   used;                     /* when last, about */

    int64_t   next;                     /* no ask before */
    int64_t   heard;                    /* the last answer; 0: none so far */
    int64_t   asked;                    /* when; 0: no ask is in flight */
    int64_t   filled;                   /* without Redis, until; 0: not */
    int64_t   unit;                     /* the cost of a request */
    int64_t   pace;                     /* spent in 100 ms, as observed */
    int64_t   mark;                     /* tokens if none had been spent */
    uint32_t  marked;                   /* since then, modulo 2^32 */
    uint16_t  pause;                    /* between asks while there is little */
    uint16_t  failed;                   /* the last ask did */

    uint64_t  key[XR_BUCKET_KEY_WORDS];
    uint64_t  sum;                      /* of tag and key */
};

_Static_assert(sizeof(xr_bucket_t) == XR_BUCKET_ENTRY_SIZE
               && XR_BUCKET_ENTRY_SIZE % 64 == 0
               && XR_LIMIT_KEY_SIZE % sizeof(uint64_t) == 0,
               "entries lie on cache lines, keys are whole words");


static inline int64_t
xr_bucket_load(const int64_t *p)
{
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}


static inline void
xr_bucket_store(int64_t *p, int64_t value)
{
    __atomic_store_n(p, value, __ATOMIC_RELAXED);
}


static inline int64_t
xr_bucket_min(int64_t a, int64_t b)
{
    return (a < b) ? a : b;
}


static inline int64_t
xr_bucket_max(int64_t a, int64_t b)
{
    return (a > b) ? a : b;
}


/* Whether "then" is less than "ms" away from "now", in either direction. */

static inline bool
xr_bucket_near(int64_t then, int64_t now, int64_t ms)
{
    return (uint64_t) now - (uint64_t) then + (uint64_t) ms - 1
           < 2 * (uint64_t) ms - 1;
}


static inline bool
xr_bucket_in_flight(const xr_bucket_t *b, int64_t now)
{
    int64_t  asked;

    asked = xr_bucket_load(&b->asked);

    return asked != 0 && xr_bucket_near(asked, now, XR_BUCKET_LOST);
}


static inline int64_t
xr_bucket_unit(const xr_limit_t *l)
{
    return (l->unit == XR_LIMIT_BYTES)
           ? XR_BUCKET_BYTES : xr_bucket_max(l->cost, XR_LIMIT_TOKEN);
}


/* Whether it was last used by a limit of the same size. */

static inline bool
xr_bucket_is_of(const xr_bucket_t *b, const xr_limit_t *l)
{
    return xr_bucket_load(&b->rate) == l->rate
           && xr_bucket_load(&b->burst) == l->burst;
}


/* Notes, once in a while, that it is in use. */

static inline void
xr_bucket_touch(xr_bucket_t *b, int64_t now)
{
    if (!xr_bucket_near(xr_bucket_load(&b->used), now, XR_BUCKET_TOUCH)) {
        xr_bucket_store(&b->used, now);
    }
}


/* The tag as it is kept: two kinds of them mean something else. */

static inline uint64_t
xr_buckets_tag(uint64_t tag)
{
    if (tag == 0 || tag >> 32 == UINT32_MAX) {
        tag ^= (uint64_t) 1 << 63;
    }

    return tag;
}


/* xr_bucket_pace.c */

/* What one part of "parts" of a rate gives between two times. */
int64_t xr_bucket_pace_gain(int64_t rate, uint32_t parts, int64_t from,
    int64_t to);

/* What Redis would have if nobody else had asked it since. */
int64_t xr_bucket_pace_projected(const xr_bucket_t *b, int64_t now);

/* Notes what was spent since the last time. */
void xr_bucket_pace_observe(xr_bucket_t *b, int64_t now);

/* Tokens to have here. */
int64_t xr_bucket_pace_lease(const xr_bucket_t *b);

/*
 * After an answer: milliseconds until the next ask, more than 0 if Redis has
 * little; and what may be spent on credit until then.
 */
int64_t xr_bucket_pace_pause(xr_bucket_t *b, const xr_bucket_ask_t *ask,
    int64_t granted);
int64_t xr_bucket_pace_credit(const xr_bucket_t *b,
    const xr_bucket_ask_t *ask, int64_t granted);


/* xr_buckets.c */

/* "tag" and "key" as they belong together; false: being made, or none. */
bool xr_buckets_read(const xr_bucket_t *b, uint64_t *tag,
    uint8_t key[XR_LIMIT_KEY_SIZE]);


#endif /* XR_BUCKET_ENTRY_H */
