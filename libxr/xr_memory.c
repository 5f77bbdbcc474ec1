/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_memory.h"
#include "xr_sets.h"


#define XR_MEMORY_MAGIC     0x78722d6d656d3031          /* "xr-mem01" */

#define XR_MEMORY_WORDS     6

/*
 * Seconds after which a write that did not end is given up for dead, and
 * beyond which a clock that went backwards is believed.
 */

#define XR_MEMORY_PATIENCE  10


/*
 * "head" is a sequence number in the upper half, odd while somebody writes,
 * and in the lower half a Unix time modulo 2^32: when the entry was last used
 * or, while it is odd, when that write began.
 *
 * The sequence number alone guards against writers that are known to be at
 * work.  One that was stopped for long and lost the entry to another may wake
 * up and mix its words with the other's: "sum" is there to find that out.
 */

typedef struct {
    uint64_t  head;
    uint64_t  sum;
    uint64_t  words[XR_MEMORY_WORDS];   /* the tag, then the value */
} xr_memory_entry_t;

struct xr_memory_s {
    xr_sets_t          sets;
    xr_memory_entry_t  entries[];
};

_Static_assert(sizeof(xr_memory_entry_t) == XR_MEMORY_ENTRY_SIZE
               && sizeof(xr_memory_t) == XR_MEMORY_ENTRY_SIZE,
               "entries are as large as a cache line and lie on one");


/* When a value expires, and its ceiling, are one word. */

static int64_t
xr_memory_expires(uint64_t word)
{
    return (int64_t) (word & XR_MEMORY_EXPIRES_MAX);
}


static uint64_t
xr_memory_when(const xr_memory_value_t *v)
{
    int64_t  expires;

    expires = (v->expires < XR_MEMORY_EXPIRES_MAX) ? v->expires
                                                   : XR_MEMORY_EXPIRES_MAX;

    return (uint64_t) expires | v->ceiling << 56;
}


xr_memory_t *
xr_memory_create(void *p, size_t size)
{
    return xr_sets_create(p, size, XR_MEMORY_MAGIC,
                          XR_MEMORY_WAYS * sizeof(xr_memory_entry_t))
           ? p : NULL;
}


size_t
xr_memory_entries(const xr_memory_t *m)
{
    return (size_t) m->sets.n * XR_MEMORY_WAYS;
}


/* Tags are hashes already, so some of their bits choose the set. */

static xr_memory_entry_t *
xr_memory_set(xr_memory_t *m, const uint64_t words[XR_MEMORY_WORDS])
{
    return &m->entries[xr_sets_of(&m->sets, words[0]) * XR_MEMORY_WAYS];
}


/*
 * The entry of a set to look at after "i" others.  Others of its bits choose
 * where a tag begins, so that most are found at once.
 */

static size_t
xr_memory_way(const uint64_t words[XR_MEMORY_WORDS], size_t i)
{
    return (size_t) (words[1] + i) % XR_MEMORY_WAYS;
}


static bool
xr_memory_locked(uint64_t head)
{
    return (head >> 32 & 1) != 0;
}


static int32_t
xr_memory_elapsed(uint64_t head, int64_t now)
{
    return (int32_t) ((uint32_t) now - (uint32_t) head);
}


/* Somebody began to write so long ago, or ahead, that he is not at it now. */

static bool
xr_memory_abandoned(uint64_t head, int64_t now)
{
    int32_t  elapsed;

    elapsed = xr_memory_elapsed(head, now);

    return elapsed > XR_MEMORY_PATIENCE || elapsed < -XR_MEMORY_PATIENCE;
}


/* As "head", with the sequence number "step" further and the time "now". */

static uint64_t
xr_memory_head(uint64_t head, uint32_t step, int64_t now)
{
    uint32_t  sequence;

    sequence = (uint32_t) (head >> 32) + step;

    return (uint64_t) sequence << 32 | (uint32_t) now;
}


/*
 * Factors are odd, so any single word that is not as it was changes the sum;
 * several do by chance only, as tags and values are hashes.  The first number
 * keeps an entry of zeros from being valid.
 */

static uint64_t
xr_memory_sum(const uint64_t words[XR_MEMORY_WORDS])
{
    return 0x9e3779b97f4a7c15
           + words[0] * 0xbf58476d1ce4e5b9 + words[1] * 0x94d049bb133111eb
           + words[2] * 0xff51afd7ed558ccd + words[3] * 0xc4ceb9fe1a85ec53
           + words[4] * 0xd6e8feb86659fd93 + words[5] * 0xa0761d6478bd642f;
}


static bool
xr_memory_has_tag(const xr_memory_entry_t *e,
    const uint64_t words[XR_MEMORY_WORDS])
{
    return __atomic_load_n(&e->words[0], __ATOMIC_RELAXED) == words[0]
           && __atomic_load_n(&e->words[1], __ATOMIC_RELAXED) == words[1];
}


/*
 * False: somebody writes, or wrote meanwhile.  A word that is newer than the
 * head makes the second look at the head, which cannot be older, differ: each
 * word is stored after the head was made odd and is loaded before that look.
 */

static bool
xr_memory_read(const xr_memory_entry_t *e, uint64_t words[XR_MEMORY_WORDS],
    uint64_t *head)
{
    size_t    i;
    uint64_t  sum, again;

    *head = __atomic_load_n(&e->head, __ATOMIC_ACQUIRE);

    sum = __atomic_load_n(&e->sum, __ATOMIC_ACQUIRE);

    for (i = 0; i < XR_MEMORY_WORDS; i++) {
        words[i] = __atomic_load_n(&e->words[i], __ATOMIC_ACQUIRE);
    }

    again = __atomic_load_n(&e->head, __ATOMIC_RELAXED);

    return !xr_memory_locked(*head) && *head >> 32 == again >> 32
           && sum == xr_memory_sum(words);
}


/* Hits that follow one another only read: the time is in seconds. */

static void
xr_memory_touch(xr_memory_entry_t *e, uint64_t head, int64_t now)
{
    if (xr_memory_elapsed(head, now) > 0 || xr_memory_abandoned(head, now)) {
        (void) __atomic_compare_exchange_n(&e->head, &head,
                                           xr_memory_head(head, 0, now), false,
                                           __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
}


xr_rc_t
xr_memory_get(xr_memory_t *m, const uint8_t tag[XR_SIPHASH_SIZE], int64_t now,
    xr_memory_value_t *out)
{
    size_t              i;
    uint64_t            head, wanted[XR_MEMORY_WORDS], words[XR_MEMORY_WORDS];
    xr_memory_entry_t  *set, *e;

    memcpy(wanted, tag, XR_SIPHASH_SIZE);
    set = xr_memory_set(m, wanted);

    for (i = 0; i < XR_MEMORY_WAYS; i++) {
        e = &set[xr_memory_way(wanted, i)];

        if (!xr_memory_has_tag(e, wanted) || !xr_memory_read(e, words, &head)
            || words[0] != wanted[0] || words[1] != wanted[1]
            || xr_memory_expires(words[2]) <= now)
        {
            continue;
        }

        out->expires = xr_memory_expires(words[2]);
        out->subject = words[3];
        out->token_id = words[4];
        out->key_id = words[5];
        out->ceiling = words[2] >> 56;

        xr_memory_touch(e, head, now);

        return XR_OK;
    }

    return XR_NOT_FOUND;
}


/* How gladly an entry is given away; -1: not at all. */

static int64_t
xr_memory_age(const xr_memory_entry_t *e, uint64_t head, int64_t now)
{
    int32_t   elapsed;
    uint64_t  expires;

    if (xr_memory_locked(head)) {
        return xr_memory_abandoned(head, now) ? INT64_MAX : -1;
    }

    expires = __atomic_load_n(&e->words[2], __ATOMIC_RELAXED);

    if (xr_memory_expires(expires) <= now) {
        return INT64_MAX;
    }

    elapsed = xr_memory_elapsed(head, now);

    return (elapsed > 0) ? elapsed : 0;
}


/* Where to write: the entry that has the tag already, or else the oldest. */

static xr_memory_entry_t *
xr_memory_choose(xr_memory_entry_t *set, const uint64_t words[XR_MEMORY_WORDS],
    int64_t now, uint64_t *chosen)
{
    size_t              i;
    int64_t             age, oldest;
    uint64_t            head;
    xr_memory_entry_t  *e, *best;

    best = NULL;
    oldest = -1;

    for (i = 0; i < XR_MEMORY_WAYS; i++) {
        e = &set[xr_memory_way(words, i)];

        head = __atomic_load_n(&e->head, __ATOMIC_ACQUIRE);
        age = xr_memory_age(e, head, now);

        if (xr_memory_has_tag(e, words)) {
            *chosen = head;
            return (age >= 0) ? e : NULL;
        }

        if (age > oldest) {
            oldest = age;
            *chosen = head;
            best = e;
        }
    }

    return best;
}


/*
 * Makes the head odd and sets "head" to it.  A reader may have changed the
 * time meanwhile, which is no reason to give up; it does so once a second.
 */

static bool
xr_memory_lock(xr_memory_entry_t *e, uint64_t *head, int64_t now)
{
    size_t    i;
    uint64_t  is, mine;

    is = *head;
    mine = xr_memory_head(is, xr_memory_locked(is) ? 2 : 1, now);

    for (i = 0; i < 2; i++) {

        if (__atomic_compare_exchange_n(&e->head, &is, mine, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        {
            *head = mine;
            return true;
        }

        if (is >> 32 != *head >> 32) {
            break;
        }
    }

    return false;
}


void
xr_memory_put(xr_memory_t *m, const uint8_t tag[XR_SIPHASH_SIZE], int64_t now,
    const xr_memory_value_t *value)
{
    size_t              i;
    uint64_t            head, words[XR_MEMORY_WORDS];
    xr_memory_entry_t  *e;

    if (value->expires <= now) {
        return;
    }

    memcpy(words, tag, XR_SIPHASH_SIZE);

    words[2] = xr_memory_when(value);
    words[3] = value->subject;
    words[4] = value->token_id;
    words[5] = value->key_id;

    e = xr_memory_choose(xr_memory_set(m, words), words, now, &head);

    if (e == NULL || !xr_memory_lock(e, &head, now)) {
        return;
    }

    __atomic_store_n(&e->sum, xr_memory_sum(words), __ATOMIC_RELEASE);

    for (i = 0; i < XR_MEMORY_WORDS; i++) {
        __atomic_store_n(&e->words[i], words[i], __ATOMIC_RELEASE);
    }

    /* fails if another took the entry over, who will do this instead */

    (void) __atomic_compare_exchange_n(&e->head, &head,
                                       xr_memory_head(head, 1, now), false,
                                       __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}
