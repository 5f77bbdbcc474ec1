/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_BUCKET_H
#define XR_BUCKET_H


#include "xr_limit.h"


/*
 * An edge's part of token buckets that lie in Redis: a hash table of fixed
 * size in the caller's memory, shared by several processes, without locks.
 * An entry holds tokens that were leased from Redis ahead of need and are
 * spent by one atomic operation; whoever finds too few left may claim the
 * right to ask for more, so that one process asks for all.
 *
 * While an answer is under way an edge may spend what it does not have, its
 * credit.  Redis is told of such a debt with the next ask.  No edge has more
 * of it than
 *
 *     credit = min(burst, max(unit, rate * 20 ms))
 *
 * where a unit is the cost of a request, or 8,000 bytes, and what an edge
 * keeps for later, its lease, is no more than
 *
 *     lease = max(unit, min(burst / 2,
 *                           max(small, credit, 100 ms of its spending)))
 *     small = max(64 units, min(burst / 16, 1024 units))
 *
 * rounded up to whole units.  So of what all edges admit within a time t,
 * whenever that begins,
 *
 *     admitted <= rate * t + burst + edges * (lease + credit)
 *
 * and without the lease if they had none to begin with, as after a second of
 * idleness.  In bytes each edge may exceed that by one object, as it is
 * charged for when it is admitted already.  An entry that had to make place
 * for another is without memory: its bucket gets credit once more.
 *
 * An entry that is given to another bucket while somebody spends from it
 * loses or gains the tokens of that one request; nothing else can go wrong.
 *
 * Times are milliseconds of one clock that all processes share and that does
 * not go back; amounts are millionths, see xr_limit.h.
 */

#define XR_BUCKET_ENTRY_SIZE  192
#define XR_BUCKET_WAYS        8

typedef struct xr_buckets_s  xr_buckets_t;
typedef struct xr_bucket_s   xr_bucket_t;


/* As xr_memory_create(). */
xr_buckets_t *xr_buckets_create(void *p, size_t size);
size_t xr_buckets_entries(const xr_buckets_t *t);
xr_bucket_t *xr_buckets_at(xr_buckets_t *t, size_t i);

/* Fetches it from memory, for xr_bucket_return() a little later. */
void xr_buckets_fetch(const xr_buckets_t *t, size_t i);

/* How many of them, the first ones, may ever have held a bucket. */
size_t xr_buckets_used(const xr_buckets_t *t);

/*
 * The entry of a tag (a keyed hash); if there is none, and "key" is its key
 * in Redis, one is made in the place of what was not used for the longest
 * time.  NULL: there is none, or no place.  Call it first with "key" NULL.
 */
xr_bucket_t *xr_buckets_get(xr_buckets_t *t, uint64_t tag, const uint8_t *key,
    const xr_limit_t *l, int64_t now);

/*
 * Where the entry of a tag is looked for first, which the memory is told to
 * bring near; NULL: there is none, for sure.
 */
xr_bucket_t *xr_buckets_guess(const xr_buckets_t *t, uint64_t tag);

/* The key that the entry of "tag" was made with; false: it is another's now. */
bool xr_bucket_key(const xr_bucket_t *b, uint64_t tag,
    uint8_t key[XR_LIMIT_KEY_SIZE]);


typedef struct {
    bool     admitted;
    bool     ask;                       /* it is time for xr_bucket_ask() */
    bool     known;                     /* not admitted: that is for sure */
    int64_t  since;                     /* not known: when that was asked whose
                                           answer may change it; 0: there is
                                           none that could be waited for */
    int64_t  wait;                      /* not admitted: until it may help to
                                           try again */
    int64_t  left;                      /* of the bucket, as far as known */
} xr_bucket_result_t;

/*
 * Spends "cost".  Requests are admitted if so much is there, bytes if
 * anything is, whatever they cost: an object may be larger than the burst.
 */
void xr_bucket_take(xr_bucket_t *b, const xr_limit_t *l, int64_t cost,
    int64_t now, xr_bucket_result_t *res);

/*
 * What xr_buckets_get() and xr_bucket_take() come to nearly always, of what
 * xr_buckets_guess() said: the entry is the tag's, has enough, and need not ask
 * for more.  False: nothing was done.
 */
bool xr_bucket_spend(xr_bucket_t *b, uint64_t tag, const xr_limit_t *l,
    int64_t cost, int64_t now, int64_t *left);

/*
 * Spends without asking whether it may; below 0: gives back, first of all to
 * Redis if the bucket is overdrawn there.  Does nothing if the entry is not
 * the tag's any longer.
 */
void xr_bucket_charge(xr_bucket_t *b, uint64_t tag, int64_t amount);

/* The "credit" of above. */
int64_t xr_bucket_credit(const xr_limit_t *l);


/* What Redis is asked, as the script has it. */

typedef struct {
    xr_bucket_t  *bucket;
    uint64_t      tag;                  /* it had when it was asked for */
    int64_t       asked;                /* when */
    uint8_t       key[XR_LIMIT_KEY_SIZE];
    int64_t       rate;
    int64_t       burst;
    int64_t       want;
    int64_t       due;
} xr_bucket_ask_t;

/* The right to ask; false: somebody else has it, or it is too early. */
bool xr_bucket_ask(xr_bucket_t *b, int64_t now, xr_bucket_ask_t *out);

/*
 * As above, for whoever looks through the table from time to time: returns
 * tokens that have lain idle or are too many, and books debts that nobody
 * asked for since.  False: there is nothing to say.
 */
bool xr_bucket_return(xr_bucket_t *b, int64_t now, xr_bucket_ask_t *out);

/*
 * Exactly one of these follows.  The answer is the script's; none within two
 * seconds counts as lost, and another process may ask.
 */
void xr_bucket_answered(const xr_bucket_ask_t *ask, int64_t granted,
    int64_t balance, int64_t now);
void xr_bucket_failed(const xr_bucket_ask_t *ask, int64_t now);


/*
 * While Redis is away: the entry is filled by its own clock, with one part in
 * "parts" of the limit's rate and burst.  Called before xr_bucket_take().  It
 * begins with what the rate has given since the last answer of Redis, or full
 * if there was none; it can always hold enough for a request.
 */
void xr_bucket_fill(xr_bucket_t *b, const xr_limit_t *l, uint32_t parts,
    int64_t now);


/*
 * For limits that are not leased: remembers for so many milliseconds, a second
 * at most, that Redis refused.
 */
void xr_bucket_block(xr_bucket_t *b, int64_t now, uint64_t ms);
bool xr_bucket_blocked(const xr_bucket_t *b, int64_t now, uint64_t *ms);


#endif /* XR_BUCKET_H */
