/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_streams.h"
#include "xr_sets.h"


#define XR_STREAMS_MAGIC  0x78722d7374723031            /* "xr-str01" */
#define XR_STREAMS_BUSY   1             /* a tag: somebody takes the entry */
#define XR_STREAMS_SPINS  1000


struct xr_stream_s {
    uint64_t  tag;                      /* 0: free */
    uint64_t  unused;
    uint16_t  counts[XR_STREAMS_COLUMNS];
};

struct xr_streams_s {
    xr_sets_t    sets;
    xr_stream_t  entries[];
};

_Static_assert(sizeof(xr_stream_t) == XR_STREAMS_ENTRY_SIZE
               && sizeof(xr_streams_t) == XR_STREAMS_ENTRY_SIZE,
               "entries are as large as a cache line and lie on one");


xr_streams_t *
xr_streams_create(void *p, size_t size)
{
    return xr_sets_create(p, size, XR_STREAMS_MAGIC,
                          XR_STREAMS_WAYS * sizeof(xr_stream_t)) ? p : NULL;
}


size_t
xr_streams_entries(const xr_streams_t *t)
{
    return (size_t) t->sets.n * XR_STREAMS_WAYS;
}


static uint32_t
xr_streams_count(const xr_stream_t *s)
{
    size_t    i;
    uint32_t  n;

    n = 0;

    for (i = 0; i < XR_STREAMS_COLUMNS; i++) {
        n += __atomic_load_n(&s->counts[i], __ATOMIC_RELAXED);
    }

    return n;
}


/*
 * The way of a set that has the tag, or XR_STREAMS_WAYS.  While somebody
 * clears an entry, which takes no longer than a few stores, it may be about
 * to get this very tag; one who died over it is not waited for.
 */

static size_t
xr_streams_scan(const xr_stream_t *set, uint64_t tag)
{
    bool      busy;
    size_t    i, spins;
    uint64_t  is;

    for (spins = 0; spins < XR_STREAMS_SPINS; spins++) {
        busy = false;

        for (i = 0; i < XR_STREAMS_WAYS; i++) {
            is = __atomic_load_n(&set[i].tag, __ATOMIC_ACQUIRE);

            if (is == tag) {
                return i;
            }

            busy |= (is == XR_STREAMS_BUSY);
        }

        if (!busy) {
            break;
        }
    }

    return XR_STREAMS_WAYS;
}


/* Makes an entry that nothing is under way in the tag's own. */

static bool
xr_streams_claim(xr_stream_t *s, uint64_t tag)
{
    uint64_t  is;

    is = __atomic_load_n(&s->tag, __ATOMIC_ACQUIRE);

    if (is == XR_STREAMS_BUSY || xr_streams_count(s) != 0
        || !__atomic_compare_exchange_n(&s->tag, &is, XR_STREAMS_BUSY, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    {
        return false;
    }

    /* somebody may have entered between the count and the exchange */

    if (xr_streams_count(s) != 0) {
        __atomic_store_n(&s->tag, is, __ATOMIC_RELEASE);
        return false;
    }

    __atomic_store_n(&s->tag, tag, __ATOMIC_SEQ_CST);

    return true;
}


/*
 * The entry of a tag.  Who finds that it went to another while he entered, as
 * nothing was under way in it until then, looks again.
 */

static xr_stream_t *
xr_streams_find(xr_streams_t *t, uint64_t tag)
{
    size_t        i;
    xr_stream_t  *set;

    set = &t->entries[xr_sets_of(&t->sets, tag) * XR_STREAMS_WAYS];
    i = xr_streams_scan(set, tag);

    if (i < XR_STREAMS_WAYS) {
        return &set[i];
    }

    for (i = 0; i < XR_STREAMS_WAYS; i++) {

        if (xr_streams_claim(&set[i], tag)) {
            return &set[i];
        }
    }

    return NULL;
}


xr_rc_t
xr_streams_enter(xr_streams_t *t, uint64_t tag, size_t column, uint32_t max,
    xr_stream_t **out)
{
    size_t        tries;
    xr_stream_t  *s;

    if (tag <= XR_STREAMS_BUSY) {
        tag += XR_STREAMS_BUSY + 1;
    }

    for (tries = 0; tries < XR_STREAMS_WAYS; tries++) {
        s = xr_streams_find(t, tag);

        if (s == NULL) {
            return XR_NO_SPACE;
        }

        if (__atomic_load_n(&s->counts[column], __ATOMIC_RELAXED)
            == UINT16_MAX)
        {
            return XR_DENIED;
        }

        (void) __atomic_fetch_add(&s->counts[column], 1, __ATOMIC_SEQ_CST);

        if (__atomic_load_n(&s->tag, __ATOMIC_SEQ_CST) != tag) {
            xr_streams_leave(s, column);
            continue;
        }

        if (xr_streams_count(s) > max) {
            xr_streams_leave(s, column);
            return XR_DENIED;
        }

        *out = s;
        return XR_OK;
    }

    return XR_NO_SPACE;
}


/* A column that was cleared meanwhile stays at 0. */

void
xr_streams_leave(xr_stream_t *s, size_t column)
{
    uint16_t  n;

    n = __atomic_load_n(&s->counts[column], __ATOMIC_RELAXED);

    while (n != 0
           && !__atomic_compare_exchange_n(&s->counts[column], &n,
                                           (uint16_t) (n - 1), true,
                                           __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    {
        /* void */
    }
}


void
xr_streams_clear(xr_streams_t *t, size_t column)
{
    size_t  i, n;

    n = xr_streams_entries(t);

    for (i = 0; i < n; i++) {
        __atomic_store_n(&t->entries[i].counts[column], 0, __ATOMIC_RELAXED);
    }
}
