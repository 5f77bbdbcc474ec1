/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_bucket_entry.h"


/*
 * How much an edge asks for, and how often.  As long as Redis has plenty, an
 * edge asks as soon as a quarter of its lease is left, and has what it spends
 * in 100 ms.  When it has not, all edges ask for the same amount, and differ
 * in the pause between two asks, which is how the rate is shared.
 */

#define XR_BUCKET_PACE         100      /* milliseconds that it is counted in */
#define XR_BUCKET_PACE_MIN     20       /* are too short a time to tell */
#define XR_BUCKET_PACE_OLD     200      /* after which what was before is old */

#define XR_BUCKET_PAUSE_LONG   500      /* milliseconds, of a small burst */
#define XR_BUCKET_PAUSE_SOME   20       /* milliseconds, of a large burst */
#define XR_BUCKET_PAUSE_MIN    5
#define XR_BUCKET_PAUSE_PART   64       /* of a millisecond: as it is kept */
#define XR_BUCKET_SECOND       (1000 * XR_BUCKET_PAUSE_PART)

#define XR_BUCKET_SMALL        64       /* units: worth an ask */

/* Of many a part of what one may take is as good, up to so many units. */

#define XR_BUCKET_SMALL_PART   4
#define XR_BUCKET_SMALL_MAX    1024

/* Parts of the rate, which is what a second gives. */

#define XR_BUCKET_CHUNK        4        /* asked for, if the rate is low, */
#define XR_BUCKET_CHUNKS       50       /* or high */
#define XR_BUCKET_GROWTH       10       /* that a share grows by in a second */


/*
 * Sums of it do not depend on how often it is asked for, as each is the
 * difference of what was given since the beginning of time.
 */

int64_t
xr_bucket_pace_gain(int64_t rate, uint32_t parts, int64_t from, int64_t to)
{
    __int128  gain, divisor;

    if (to <= from) {
        return 0;
    }

    divisor = (__int128) 1000 * parts;
    gain = (__int128) rate * to / divisor - (__int128) rate * from / divisor;

    return (gain < XR_LIMIT_MAX) ? (int64_t) gain : XR_LIMIT_MAX;
}


int64_t
xr_bucket_pace_projected(const xr_bucket_t *b, int64_t now)
{
    int64_t  balance, heard;

    balance = xr_bucket_load(&b->balance);
    heard = xr_bucket_load(&b->heard);

    if (heard != 0 && xr_bucket_load(&b->filled) == 0) {
        balance += xr_bucket_pace_gain(xr_bucket_load(&b->rate), 1, heard, now);
    }

    return xr_bucket_min(balance, xr_bucket_load(&b->burst));
}


/* Growth is believed at once. */

void
xr_bucket_pace_observe(xr_bucket_t *b, int64_t now)
{
    int64_t  elapsed, pace, spent, seen, tokens;

    elapsed = (int32_t) ((uint32_t) now
                         - __atomic_load_n(&b->marked, __ATOMIC_RELAXED));

    if (elapsed >= 0 && elapsed < XR_BUCKET_PACE_MIN) {
        return;
    }

    tokens = xr_bucket_load(&b->tokens);
    pace = xr_bucket_load(&b->pace);

    spent = (int64_t) ((uint64_t) xr_bucket_load(&b->mark)
                       - (uint64_t) tokens);
    spent = xr_bucket_min(xr_bucket_max(spent, 0), XR_LIMIT_MAX);
    seen = spent * XR_BUCKET_PACE / xr_bucket_max(elapsed, XR_BUCKET_PACE_MIN);

    if (seen < pace && elapsed < XR_BUCKET_PACE_OLD) {
        seen = (pace + seen) / 2;
    }

    xr_bucket_store(&b->pace, seen);
    xr_bucket_store(&b->mark, tokens);
    __atomic_store_n(&b->marked, (uint32_t) now, __ATOMIC_RELAXED);
}


/* What is asked for when Redis has so little that edges have to share. */

static int64_t
xr_bucket_pace_chunk(const xr_bucket_t *b)
{
    int64_t  chunk, rate, unit;

    unit = xr_bucket_load(&b->unit);
    rate = xr_bucket_load(&b->rate);

    chunk = xr_bucket_min(XR_BUCKET_SMALL * unit, rate / XR_BUCKET_CHUNK);
    chunk = xr_bucket_max(chunk, rate / XR_BUCKET_CHUNKS);
    chunk = xr_bucket_min(chunk, xr_bucket_load(&b->burst) / 2);

    return xr_bucket_max(chunk, unit);
}


/*
 * Of a bucket that takes long to fill again, or of which little is left,
 * nobody should have so much that others go without.
 */

int64_t
xr_bucket_pace_lease(const xr_bucket_t *b)
{
    int64_t  balance, burst, chunk, least, lease, part, unit;

    balance = xr_bucket_load(&b->balance);
    burst = xr_bucket_load(&b->burst);
    chunk = xr_bucket_pace_chunk(b);

    if (balance < chunk) {
        return chunk;
    }

    part = xr_bucket_min(balance, burst) / 4;
    lease = xr_bucket_min(xr_bucket_load(&b->pace), part);

    if (xr_bucket_load(&b->heard) == 0) {
        part /= 2;
    }

    unit = xr_bucket_load(&b->unit);

    least = xr_bucket_min(part / XR_BUCKET_SMALL_PART,
                          XR_BUCKET_SMALL_MAX * unit);
    least = xr_bucket_min(xr_bucket_max(least, XR_BUCKET_SMALL * unit),
                          xr_bucket_max(xr_bucket_load(&b->rate), part));

    lease = xr_bucket_min(xr_bucket_max(lease, least), burst / 2);

    return xr_bucket_max(lease, unit);
}


/* Milliseconds until Redis can have what is missing for a request. */

static int64_t
xr_bucket_pace_missing(const xr_bucket_t *b)
{
    int64_t  balance, missing, rate, tokens;

    balance = xr_bucket_load(&b->balance);
    tokens = xr_bucket_max(xr_bucket_load(&b->tokens), 0);
    missing = xr_bucket_load(&b->unit) - tokens;
    rate = xr_bucket_load(&b->rate);

    if (missing <= balance || missing <= 0) {
        return 0;
    }

    missing -= balance;

    return (missing < rate) ? (missing * 1000 + rate - 1) / rate
                            : XR_BUCKET_PAUSE_MAX;
}


/*
 * The share of an edge is what it asks for by the time it waits before.  When
 * all was granted it grows by an amount a second that is the same at all
 * edges, and more if much was there.  When less was granted it shrinks by a
 * factor, but the time grows by no more than an amount that is the same, too:
 * whoever has a large share loses more of it.  So shares become equal.
 */

static int64_t
xr_bucket_pace_share(const xr_bucket_t *b, int64_t want, int64_t granted)
{
    int64_t   alone, burst, pause, speed;
    __int128  growth;

    pause = __atomic_load_n(&b->pause, __ATOMIC_RELAXED);

    /* what it were if there was no other edge */

    growth = (__int128) XR_BUCKET_SECOND * xr_bucket_pace_chunk(b)
             / xr_bucket_load(&b->rate);

    alone = (growth < XR_BUCKET_SECOND) ? (int64_t) growth : XR_BUCKET_SECOND;
    alone = xr_bucket_max(alone, 1);

    if (pause == 0) {
        return alone;
    }

    if (granted < want) {
        growth = xr_bucket_min(pause, 2 * alone);

        return pause + (int64_t) (growth * (want - granted)
                                  / (want + granted));
    }

    burst = xr_bucket_load(&b->burst);
    speed = 2 * (xr_bucket_load(&b->balance) + granted) - burst;
    speed = burst / XR_BUCKET_GROWTH + 2 * xr_bucket_max(speed, 0);

    /* by a factor of two at most */

    growth = (__int128) pause * pause * speed / burst / XR_BUCKET_SECOND;
    growth = (growth < alone) ? growth : alone;

    return pause * alone / (alone + (int64_t) growth);
}


int64_t
xr_bucket_pace_pause(xr_bucket_t *b, const xr_bucket_ask_t *ask,
    int64_t granted)
{
    int64_t  full, least, most, pause;

    /* half of the time that it takes to fill the bucket */

    full = xr_bucket_load(&b->burst) * 1000 / xr_bucket_load(&b->rate) / 2;

    least = xr_bucket_min(xr_bucket_max(full, XR_BUCKET_PAUSE_MIN),
                          XR_BUCKET_PAUSE_SOME);
    most = xr_bucket_min(xr_bucket_max(full, XR_BUCKET_PAUSE_LONG),
                         XR_BUCKET_PAUSE_MAX);

    pause = __atomic_load_n(&b->pause, __ATOMIC_RELAXED);

    if (ask->want > 0) {
        pause = xr_bucket_pace_share(b, ask->want, granted);
    }

    pause = xr_bucket_max(pause, least * XR_BUCKET_PAUSE_PART);
    pause = xr_bucket_min(pause, most * XR_BUCKET_PAUSE_PART);

    __atomic_store_n(&b->pause, (uint16_t) pause, __ATOMIC_RELAXED);

    if (granted == ask->want
        && xr_bucket_load(&b->balance) >= xr_bucket_pace_chunk(b))
    {
        return 0;
    }

    return xr_bucket_max(pause / XR_BUCKET_PAUSE_PART,
                         xr_bucket_pace_missing(b));
}


/*
 * With an ask ahead of need a part of what the rate gives while the answer is
 * under way is enough; but when nothing was left here, there has to be enough
 * for a request.  Below 0: what is here, or will be given back, has to make up
 * for what Redis lacks before anything is spent.
 */

int64_t
xr_bucket_pace_credit(const xr_bucket_t *b, const xr_bucket_ask_t *ask,
    int64_t granted)
{
    int64_t  balance, credit;

    balance = xr_bucket_load(&b->balance);

    if (balance < 0 && granted == 0) {
        return balance;
    }

    if (balance <= 0 || granted < ask->want) {
        return 0;
    }

    credit = xr_bucket_load(&b->rate) / XR_BUCKET_CREDIT;

    if (ask->want == 0 && xr_bucket_load(&b->tokens) <= 0) {
        credit = xr_bucket_max(credit, xr_bucket_load(&b->unit));
    }

    return xr_bucket_min(xr_bucket_min(credit, balance / 4),
                         xr_bucket_pace_lease(b));
}
