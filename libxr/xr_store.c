/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_store.h"
#include "xr_sets.h"


#define XR_STORE_MAGIC   0x78722d73746f3031         /* "xr-sto01" */

#define XR_STORE_WAYS    8
#define XR_STORE_CLAIMS  512

/* The index takes one of so many bytes; a text at most one of so many. */

#define XR_STORE_INDEX   8
#define XR_STORE_SHARE   4

#define XR_STORE_ABSENT  UINT32_MAX


/* The sequence number is odd while somebody writes, or died doing so. */

typedef struct {
    uint32_t     sequence;
    uint32_t     len;                   /* or XR_STORE_ABSENT */
    uint64_t     tag[2];                /* both 0: none */
    uint64_t     pos;                   /* of the text, as bytes ever written */
    int64_t      fetched;
    int64_t      fresh;                 /* 0 or below: it is outdated, but
                                           will do until -fresh */
    int64_t      kept;
    uint64_t     note;
} xr_store_entry_t;

typedef struct {
    uint64_t     tag;
    int64_t      until;
} xr_store_claim_t;

struct xr_store_s {
    xr_sets_t         sets;
    uint64_t          pos;              /* up to which the ring is written,
                                           or about to be */
    uint64_t          changes;
    int64_t           expired;          /* what was fetched by then is old */
    uint64_t          size;             /* of the ring */
    uint64_t          offset;           /* of the ring */
    uint64_t          unused[3];
    xr_store_claim_t  claims[XR_STORE_CLAIMS];
    xr_store_entry_t  entries[];
};

_Static_assert(sizeof(xr_store_entry_t) == 64
               && offsetof(xr_store_t, entries) % 64 == 0,
               "entries are as large as a cache line and lie on one");


xr_store_t *
xr_store_create(void *p, size_t size)
{
    xr_store_t *s = p;

    size_t  index, set_size;

    set_size = XR_STORE_WAYS * sizeof(xr_store_entry_t);
    index = sizeof(xr_store_t) - sizeof(xr_sets_t) + size / XR_STORE_INDEX;

    if (index + sizeof(xr_sets_t) > size / 2
        || !xr_sets_create(p, size / XR_STORE_INDEX, XR_STORE_MAGIC, set_size))
    {
        return NULL;
    }

    if (s->offset == 0) {
        s->size = (size - offsetof(xr_store_t, entries)
                   - s->sets.n * set_size) & ~(uint64_t) 63;
        s->offset = offsetof(xr_store_t, entries) + s->sets.n * set_size;
        s->pos = s->size;               /* 0 is no position of a text */
    }

    return s;
}


size_t
xr_store_max(const xr_store_t *s)
{
    size_t  max;

    max = s->size / XR_STORE_SHARE;

    return (max < XR_STORE_ABSENT) ? max : XR_STORE_ABSENT - 1;
}


size_t
xr_store_entries(const xr_store_t *s)
{
    return (size_t) s->sets.n * XR_STORE_WAYS;
}


uint64_t
xr_store_changes(const xr_store_t *s)
{
    return __atomic_load_n(&s->changes, __ATOMIC_ACQUIRE);
}


static uint8_t *
xr_store_at(const xr_store_t *s, uint64_t pos)
{
    return (uint8_t *) s + s->offset + pos % s->size;
}


/* Whether a text that begins there is, or was just now, as it was written. */

static bool
xr_store_lasts(const xr_store_t *s, uint64_t pos)
{
    return __atomic_load_n(&s->pos, __ATOMIC_RELAXED) - pos <= s->size;
}


static xr_store_entry_t *
xr_store_find(const xr_store_t *s, const uint64_t tag[2])
{
    size_t                   i;
    const xr_store_entry_t  *e;

    e = &s->entries[xr_sets_of(&s->sets, tag[0]) * XR_STORE_WAYS];

    for (i = 0; i < XR_STORE_WAYS; i++, e++) {

        if (__atomic_load_n(&e->tag[0], __ATOMIC_RELAXED) == tag[0]
            && __atomic_load_n(&e->tag[1], __ATOMIC_RELAXED) == tag[1])
        {
            return (xr_store_entry_t *) e;
        }
    }

    return NULL;
}


static xr_store_entry_t *
xr_store_of(const xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE])
{
    uint64_t  words[2];

    memcpy(words, tag, XR_SIPHASH_SIZE);

    return xr_store_find(s, words);
}


/* Words are loaded one by one: they may change meanwhile. */

static void
xr_store_load(const xr_store_entry_t *e, xr_store_entry_t *out)
{
    out->len = __atomic_load_n(&e->len, __ATOMIC_RELAXED);
    out->tag[0] = __atomic_load_n(&e->tag[0], __ATOMIC_RELAXED);
    out->tag[1] = __atomic_load_n(&e->tag[1], __ATOMIC_RELAXED);
    out->pos = __atomic_load_n(&e->pos, __ATOMIC_RELAXED);
    out->fetched = __atomic_load_n(&e->fetched, __ATOMIC_RELAXED);
    out->fresh = __atomic_load_n(&e->fresh, __ATOMIC_RELAXED);
    out->kept = __atomic_load_n(&e->kept, __ATOMIC_RELAXED);
    out->note = __atomic_load_n(&e->note, __ATOMIC_RELAXED);
}


xr_rc_t
xr_store_get(const xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE],
    uint8_t *out, size_t size, xr_store_info_t *info)
{
    uint32_t                 sequence;
    uint64_t                 wanted[2];
    xr_store_entry_t         copy;
    const xr_store_entry_t  *e;

    memcpy(wanted, tag, XR_SIPHASH_SIZE);

    e = xr_store_find(s, wanted);
    if (e == NULL) {
        return XR_NOT_FOUND;
    }

    sequence = __atomic_load_n(&e->sequence, __ATOMIC_ACQUIRE);

    xr_store_load(e, &copy);

    __atomic_thread_fence(__ATOMIC_ACQUIRE);

    if (sequence % 2 != 0
        || __atomic_load_n(&e->sequence, __ATOMIC_RELAXED) != sequence
        || copy.tag[0] != wanted[0] || copy.tag[1] != wanted[1])
    {
        return XR_NOT_FOUND;
    }

    info->fetched = copy.fetched;
    info->fresh = (copy.fresh > 0) ? copy.fresh : -copy.fresh;
    info->kept = copy.kept;
    info->note = copy.note;
    info->version = copy.pos;
    info->absent = (copy.len == XR_STORE_ABSENT);
    info->outdated = (copy.fresh <= 0);
    info->len = info->absent ? 0 : copy.len;

    if (copy.fetched <= __atomic_load_n(&s->expired, __ATOMIC_RELAXED)) {
        info->fresh = 0;
        info->outdated = true;
    }

    if (info->absent) {
        return XR_OK;
    }

    if (copy.len > size) {
        return XR_NO_SPACE;
    }

    memcpy(out, xr_store_at(s, copy.pos), copy.len);

    __atomic_thread_fence(__ATOMIC_ACQUIRE);

    return xr_store_lasts(s, copy.pos) ? XR_OK : XR_NOT_FOUND;
}


/* How gladly an entry is given up for another. */

static uint64_t
xr_store_worth(const xr_store_t *s, const xr_store_entry_t *e)
{
    if (e->tag[0] == 0 && e->tag[1] == 0) {
        return 0;
    }

    if (e->len != XR_STORE_ABSENT && !xr_store_lasts(s, e->pos)) {
        return 1;
    }

    /* those that are not there are cheap to ask for, and easy to ask for */

    return 2 + (uint64_t) e->fetched
           + (e->len == XR_STORE_ABSENT ? 0 : (uint64_t) 1 << 62);
}


static xr_store_entry_t *
xr_store_choose(xr_store_t *s, const uint64_t tag[2])
{
    size_t             i;
    uint64_t           worth, least;
    xr_store_entry_t  *e, *best;

    e = xr_store_find(s, tag);
    if (e != NULL) {
        return e;
    }

    e = &s->entries[xr_sets_of(&s->sets, tag[0]) * XR_STORE_WAYS];
    best = e;
    least = UINT64_MAX;

    for (i = 0; i < XR_STORE_WAYS; i++, e++) {
        worth = xr_store_worth(s, e);

        if (worth < least) {
            least = worth;
            best = e;
        }
    }

    return best;
}


static void
xr_store_begin(xr_store_entry_t *e)
{
    __atomic_store_n(&e->sequence, e->sequence | 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}


static void
xr_store_end(xr_store_entry_t *e)
{
    __atomic_store_n(&e->sequence, e->sequence + 1, __ATOMIC_RELEASE);
}


/* Room for a text in one piece.  Readers of what was there see it go first. */

static uint64_t
xr_store_reserve(xr_store_t *s, size_t len)
{
    uint64_t  pos;

    pos = s->pos;

    if (pos % s->size + len > s->size) {
        pos += s->size - pos % s->size;
    }

    __atomic_store_n(&s->pos, pos + len, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);

    return pos;
}


xr_rc_t
xr_store_put(xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE],
    uint64_t changes, const xr_store_info_t *info, const uint8_t *text)
{
    size_t             len;
    uint64_t           pos, words[2];
    xr_store_entry_t  *e;

    memcpy(words, tag, XR_SIPHASH_SIZE);

    len = info->absent ? 0 : info->len;

    if (len > xr_store_max(s)) {
        return XR_NO_SPACE;
    }

    pos = 0;

    if (!info->absent) {
        pos = xr_store_reserve(s, len);
        memcpy(xr_store_at(s, pos), text, len);
    }

    e = xr_store_choose(s, words);

    xr_store_begin(e);

    e->len = info->absent ? XR_STORE_ABSENT : (uint32_t) len;
    __atomic_store_n(&e->tag[0], words[0], __ATOMIC_RELAXED);
    __atomic_store_n(&e->tag[1], words[1], __ATOMIC_RELAXED);
    e->pos = pos;
    e->fetched = info->fetched;
    e->fresh = 0;

    if (changes == s->changes) {

        /* asked for after all had expired, though in the same second */

        e->fetched = (info->fetched > s->expired) ? info->fetched
                                                  : s->expired + 1;
        e->fresh = info->fresh;
    }

    e->kept = info->kept;
    e->note = 0;

    xr_store_end(e);

    return XR_OK;
}


void
xr_store_extend(xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE],
    int64_t fresh)
{
    xr_store_entry_t  *e;

    e = xr_store_of(s, tag);

    if (e != NULL) {
        xr_store_begin(e);

        if (e->fetched <= s->expired) {
            e->fetched = s->expired + 1;
            e->fresh = 0;
        }

        e->fresh = (e->fresh > 0) ? fresh : -fresh;

        xr_store_end(e);
    }
}


void
xr_store_note(xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE],
    uint64_t version, uint64_t bits)
{
    xr_store_entry_t  *e;

    e = xr_store_of(s, tag);

    if (e != NULL && e->pos == version) {
        xr_store_begin(e);
        e->note |= bits;
        xr_store_end(e);
    }
}


void
xr_store_outdate(xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE])
{
    xr_store_entry_t  *e;

    /* before it is looked for: what is put later is known to be too late */

    (void) __atomic_add_fetch(&s->changes, 1, __ATOMIC_RELEASE);

    e = xr_store_of(s, tag);

    if (e != NULL) {
        xr_store_begin(e);
        e->fresh = 0;
        xr_store_end(e);
    }
}


void
xr_store_expire(xr_store_t *s, int64_t now)
{
    (void) __atomic_add_fetch(&s->changes, 1, __ATOMIC_RELEASE);

    /* what was put in this very second, too, which counts as the next one */

    __atomic_store_n(&s->expired, (now > s->expired) ? now : s->expired + 1,
                     __ATOMIC_RELEASE);
}


static xr_store_claim_t *
xr_store_claim_of(const xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE],
    uint64_t *word)
{
    memcpy(word, tag, sizeof(uint64_t));

    return (xr_store_claim_t *) &s->claims[*word % XR_STORE_CLAIMS];
}


bool
xr_store_claim(xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE], int64_t now,
    int64_t until)
{
    uint64_t           word;
    xr_store_claim_t  *claim;

    claim = xr_store_claim_of(s, tag, &word);

    if (claim->until > now) {

        /* of another one's entry nobody waits for us */

        return claim->tag != word;
    }

    __atomic_store_n(&claim->tag, word, __ATOMIC_RELAXED);
    __atomic_store_n(&claim->until, until, __ATOMIC_RELEASE);

    return true;
}


void
xr_store_release(xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE])
{
    uint64_t           word;
    xr_store_claim_t  *claim;

    claim = xr_store_claim_of(s, tag, &word);

    if (claim->tag == word) {
        __atomic_store_n(&claim->until, 0, __ATOMIC_RELEASE);
    }
}


bool
xr_store_claimed(const xr_store_t *s, const uint8_t tag[XR_SIPHASH_SIZE],
    int64_t now)
{
    uint64_t           word;
    xr_store_claim_t  *claim;

    claim = xr_store_claim_of(s, tag, &word);

    return __atomic_load_n(&claim->until, __ATOMIC_ACQUIRE) > now
           && __atomic_load_n(&claim->tag, __ATOMIC_RELAXED) == word;
}
