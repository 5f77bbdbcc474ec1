/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_bucket_entry.h"
#include "xr_sets.h"


#define XR_BUCKETS_MAGIC     0x78722d62636b3032          /* "xr-bck02" */

/*
 * Milliseconds: after which whoever was making an entry is given up for dead,
 * and an ask whose answer nobody can be waiting for any more; without use, for
 * it to be idle; and by which an idle entry seems older if nothing is lost
 * with it.
 */

#define XR_BUCKETS_PATIENCE  5000
#define XR_BUCKETS_IDLE      1000
#define XR_BUCKETS_BONUS     2000


/*
 * Sets lie in the order in which they were first needed, so that few buckets
 * are on few pages of memory, however many there is room for: to find where a
 * page is costs more than to fetch what is on it.  Behind the entries is a
 * number for each set: its place and 1, or 0 if it was never needed.
 */

struct xr_buckets_s {
    xr_sets_t    sets;
    xr_bucket_t  entries[];
};

_Static_assert(sizeof(xr_buckets_t) == 64, "entries lie on cache lines");


xr_buckets_t *
xr_buckets_create(void *p, size_t size)
{
    return xr_sets_create(p, size, XR_BUCKETS_MAGIC,
                          XR_BUCKET_WAYS * sizeof(xr_bucket_t)
                          + sizeof(uint32_t)) ? p : NULL;
}


size_t
xr_buckets_entries(const xr_buckets_t *t)
{
    return (size_t) t->sets.n * XR_BUCKET_WAYS;
}


xr_bucket_t *
xr_buckets_at(xr_buckets_t *t, size_t i)
{
    return &t->entries[i];
}


void
xr_buckets_fetch(const xr_buckets_t *t, size_t i)
{
    __builtin_prefetch(&t->entries[i]);
}


size_t
xr_buckets_used(const xr_buckets_t *t)
{
    uint64_t  taken;

    taken = __atomic_load_n(&t->sets.taken, __ATOMIC_RELAXED);

    return (size_t) (taken < t->sets.n ? taken : t->sets.n) * XR_BUCKET_WAYS;
}


static inline uint32_t *
xr_buckets_place(const xr_buckets_t *t, uint64_t tag)
{
    return (uint32_t *) &t->entries[t->sets.n * XR_BUCKET_WAYS]
           + xr_sets_of(&t->sets, tag);
}


/* NULL: nobody has needed it so far. */

static inline xr_bucket_t *
xr_buckets_set(const xr_buckets_t *t, uint64_t tag)
{
    uint32_t  place;

    place = __atomic_load_n(xr_buckets_place(t, tag), __ATOMIC_RELAXED);

    return (place != 0)
           ? (xr_bucket_t *) &t->entries[(size_t) (place - 1) * XR_BUCKET_WAYS]
           : NULL;
}


/*
 * Whoever is overtaken leaves a place unused.  Two sets may share one, as
 * tags are compared as a whole: the last ones do, for each place that was lost.
 */

static xr_bucket_t *
xr_buckets_set_make(xr_buckets_t *t, uint64_t tag)
{
    uint32_t  none, *place;
    uint64_t  n;

    place = xr_buckets_place(t, tag);

    if (__atomic_load_n(place, __ATOMIC_RELAXED) == 0) {
        none = 0;
        n = __atomic_fetch_add(&t->sets.taken, 1, __ATOMIC_RELAXED);

        if (n >= t->sets.n) {
            n = xr_sets_of(&t->sets, tag);
        }

        (void) __atomic_compare_exchange_n(place, &none, (uint32_t) n + 1,
                                           false, __ATOMIC_RELAXED,
                                           __ATOMIC_RELAXED);
    }

    return xr_buckets_set(t, tag);
}


/* The entry that is "i" after the one where a tag is looked for first. */

static inline xr_bucket_t *
xr_buckets_way(xr_bucket_t *set, uint64_t tag, size_t i)
{
    return &set[(tag + i) % XR_BUCKET_WAYS];
}


xr_bucket_t *
xr_buckets_guess(const xr_buckets_t *t, uint64_t tag)
{
    xr_bucket_t  *b, *set;

    /* of a tag that is kept as another one it is wrong, which is found out */

    set = xr_buckets_set(t, tag);

    if (set == NULL) {
        return NULL;
    }

    b = xr_buckets_way(set, tag, 0);
    __builtin_prefetch(b, 1);

    return b;
}


static inline xr_bucket_t *
xr_buckets_find(const xr_buckets_t *t, uint64_t tag)
{
    size_t        i;
    xr_bucket_t  *b, *set;

    set = xr_buckets_set(t, tag);

    for (i = 0; set != NULL && i < XR_BUCKET_WAYS; i++) {
        b = xr_buckets_way(set, tag, i);

        if (__atomic_load_n(&b->tag, __ATOMIC_ACQUIRE) == tag) {
            return b;
        }
    }

    return NULL;
}


/* Instead of a tag, while an entry is being made; says since when. */

static uint64_t
xr_buckets_busy(int64_t now)
{
    return (uint64_t) UINT32_MAX << 32 | (uint32_t) now;
}


/* How gladly an entry is given away; -1: not at all. */

static int64_t
xr_buckets_age(const xr_bucket_t *b, uint64_t tag, int64_t now)
{
    int64_t  age, asked;

    if (tag == 0) {
        return INT64_MAX;
    }

    if (tag >> 32 == UINT32_MAX) {
        age = (int32_t) ((uint32_t) now - (uint32_t) tag);

        return xr_bucket_near(age, 0, XR_BUCKETS_PATIENCE) ? -1 : INT64_MAX;
    }

    asked = xr_bucket_load(&b->asked);

    if (asked != 0 && xr_bucket_near(asked, now, XR_BUCKETS_PATIENCE)) {
        return -1;
    }

    age = now - xr_bucket_load(&b->used);

    /* the clock went back */

    if (age < 0) {
        age = -age;
    }

    /* neither tokens nor a debt of as much as a request */

    if (age >= XR_BUCKETS_IDLE
        && xr_bucket_near(xr_bucket_load(&b->tokens), 0,
                          xr_bucket_load(&b->unit)))
    {
        age += XR_BUCKETS_BONUS;
    }

    return age;
}


static xr_bucket_t *
xr_buckets_choose(xr_bucket_t *set, uint64_t tag, int64_t now,
    uint64_t *chosen)
{
    size_t        i;
    int64_t       age, oldest;
    uint64_t      is;
    xr_bucket_t  *b, *best;

    best = NULL;
    oldest = -1;

    for (i = 0; i < XR_BUCKET_WAYS; i++) {
        b = xr_buckets_way(set, tag, i);

        is = __atomic_load_n(&b->tag, __ATOMIC_ACQUIRE);
        age = xr_buckets_age(b, is, now);

        if (age > oldest) {
            oldest = age;
            *chosen = is;
            best = b;
        }
    }

    return best;
}


/*
 * Factors are odd, so any single word that is not as it was changes the sum:
 * whoever was stopped while he made an entry, lost it to another and woke up,
 * must not leave one bucket with the key of another.
 */

static uint64_t
xr_buckets_sum(uint64_t tag, const uint64_t key[XR_BUCKET_KEY_WORDS])
{
    return 0x9e3779b97f4a7c15 + tag * 0xbf58476d1ce4e5b9
           + key[0] * 0x94d049bb133111eb + key[1] * 0xff51afd7ed558ccd
           + key[2] * 0xc4ceb9fe1a85ec53 + key[3] * 0xd6e8feb86659fd93
           + key[4] * 0xa0761d6478bd642f + key[5] * 0xe7037ed1a0b428db
           + key[6] * 0x8ebc6af09c88c6e3;
}


/*
 * A word that is newer than the tag makes the second look at the tag differ:
 * each word is stored after the tag was changed and loaded before that look.
 */

bool
xr_buckets_read(const xr_bucket_t *b, uint64_t *tag,
    uint8_t key[XR_LIMIT_KEY_SIZE])
{
    size_t    i;
    uint64_t  sum, words[XR_BUCKET_KEY_WORDS];

    *tag = __atomic_load_n(&b->tag, __ATOMIC_ACQUIRE);

    for (i = 0; i < XR_BUCKET_KEY_WORDS; i++) {
        words[i] = __atomic_load_n(&b->key[i], __ATOMIC_ACQUIRE);
    }

    sum = __atomic_load_n(&b->sum, __ATOMIC_ACQUIRE);

    if (*tag == 0 || *tag >> 32 == UINT32_MAX
        || __atomic_load_n(&b->tag, __ATOMIC_RELAXED) != *tag
        || xr_buckets_sum(*tag, words) != sum)
    {
        return false;
    }

    memcpy(key, words, XR_LIMIT_KEY_SIZE);

    return true;
}


/* Key and sum are what xr_buckets_read() reads; see there. */

static void
xr_buckets_reset(xr_bucket_t *b, uint64_t tag, const uint8_t *key,
    const xr_limit_t *l, int64_t now)
{
    size_t    i;
    uint64_t  words[XR_BUCKET_KEY_WORDS];

    memcpy(words, key, XR_LIMIT_KEY_SIZE);

    for (i = 0; i < XR_BUCKET_KEY_WORDS; i++) {
        __atomic_store_n(&b->key[i], words[i], __ATOMIC_RELEASE);
    }

    __atomic_store_n(&b->sum, xr_buckets_sum(tag, words), __ATOMIC_RELEASE);

    xr_bucket_store(&b->tokens, 0);
    xr_bucket_store(&b->credit, xr_bucket_credit(l));
    xr_bucket_store(&b->low, 1);
    xr_bucket_store(&b->rate, l->rate);
    xr_bucket_store(&b->burst, l->burst);
    xr_bucket_store(&b->asked, 0);
    xr_bucket_store(&b->used, now);

    xr_bucket_store(&b->next, now);
    xr_bucket_store(&b->heard, 0);
    xr_bucket_store(&b->balance, l->burst);
    xr_bucket_store(&b->filled, 0);
    xr_bucket_store(&b->unit, xr_bucket_unit(l));
    xr_bucket_store(&b->pace, 0);
    xr_bucket_store(&b->mark, 0);
    __atomic_store_n(&b->marked, (uint32_t) now, __ATOMIC_RELAXED);
    __atomic_store_n(&b->pause, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&b->failed, 0, __ATOMIC_RELAXED);
}


/*
 * Two may have made an entry of the same tag.  Both see to it afterwards that
 * only the one is left that is found first.
 */

static xr_bucket_t *
xr_buckets_settle(xr_bucket_t *set, uint64_t tag)
{
    size_t        i;
    uint64_t      is;
    xr_bucket_t  *b, *first;

    first = NULL;

    for (i = 0; i < XR_BUCKET_WAYS; i++) {
        b = xr_buckets_way(set, tag, i);
        is = __atomic_load_n(&b->tag, __ATOMIC_SEQ_CST);

        if (is != tag) {
            continue;
        }

        if (first == NULL) {
            first = b;
            continue;
        }

        (void) __atomic_compare_exchange_n(&b->tag, &is, 0, false,
                                           __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    }

    return first;
}


/*
 * NULL: no place, or others were faster wherever it was tried.  It stands apart
 * from xr_buckets_get(), which is called far more often.
 */

__attribute__((noinline)) static xr_bucket_t *
xr_buckets_make(xr_buckets_t *t, uint64_t tag, const uint8_t *key,
    const xr_limit_t *l, int64_t now)
{
    size_t        i;
    uint64_t      is, busy;
    xr_bucket_t  *b, *set;

    set = xr_buckets_set_make(t, tag);

    for (i = 0; i < XR_BUCKET_WAYS; i++) {
        busy = xr_buckets_busy(now);
        b = xr_buckets_choose(set, tag, now, &is);

        if (b == NULL) {
            break;
        }

        if (__atomic_compare_exchange_n(&b->tag, &is, busy, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        {
            xr_buckets_reset(b, tag, key, l, now);

            (void) __atomic_compare_exchange_n(&b->tag, &busy, tag, false,
                                               __ATOMIC_SEQ_CST,
                                               __ATOMIC_RELAXED);
        }

        b = xr_buckets_settle(set, tag);

        if (b != NULL) {
            return b;
        }
    }

    return NULL;
}


xr_bucket_t *
xr_buckets_get(xr_buckets_t *t, uint64_t tag, const uint8_t *key,
    const xr_limit_t *l, int64_t now)
{
    xr_bucket_t  *b;

    tag = xr_buckets_tag(tag);
    b = xr_buckets_find(t, tag);

    if (b == NULL) {
        return (key != NULL) ? xr_buckets_make(t, tag, key, l, now) : NULL;
    }

    /* the configuration has changed since */

    if (!xr_bucket_is_of(b, l)) {
        xr_bucket_store(&b->rate, l->rate);
        xr_bucket_store(&b->burst, l->burst);
    }

    xr_bucket_touch(b, now);

    return b;
}
