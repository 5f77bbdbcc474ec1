/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_purge_table.h"


#define XR_PURGE_MAGIC  0x78722d7075726731          /* "xr-purg1" */


/* Entries that make room for one another: what is under way. */

typedef struct xr_purge_move_s  xr_purge_move_t;

struct xr_purge_move_s {
    const xr_purge_entry_t  *entry;
    const xr_purge_move_t   *next;
};


xr_purge_t *
xr_purge_create(void *memory, size_t size)
{
    xr_purge_t *p = memory;

    if (size < sizeof(xr_purge_t)
        || !xr_sets_create(&p->sets, size - offsetof(xr_purge_t, sets),
                           XR_PURGE_MAGIC,
                           XR_PURGE_WAYS * sizeof(xr_purge_entry_t)))
    {
        return NULL;
    }

    return p;
}


void
xr_purge_set_key(xr_purge_t *p, const uint8_t key[XR_SIPHASH_KEY_SIZE])
{
    memcpy(p->key, key, XR_SIPHASH_KEY_SIZE);
}


const uint8_t *
xr_purge_key(const xr_purge_t *p)
{
    return p->key;
}


size_t
xr_purge_room(const xr_purge_t *p)
{
    return (size_t) p->sets.n * XR_PURGE_WAYS;
}


uint64_t
xr_purge_folded(const xr_purge_t *p)
{
    return __atomic_load_n(&p->folded, __ATOMIC_RELAXED);
}


uint64_t
xr_purge_last(const xr_purge_t *p)
{
    return __atomic_load_n(&p->last, __ATOMIC_ACQUIRE);
}


uint64_t
xr_purge_next(const xr_purge_t *p, int64_t now)
{
    uint64_t  next;

    next = xr_purge_last(p) + 1;

    return (now > 0 && (uint64_t) now > next) ? (uint64_t) now : next;
}


/* The first word of a hash is never 0, which stands for no record. */

static void
xr_purge_hash(const xr_purge_t *p, uint64_t tenant, xr_purge_scope_t scope,
    xr_str_t value, uint8_t hash[XR_SIPHASH_SIZE])
{
    uint8_t   s;
    xr_str_t  parts[3];

    s = (uint8_t) scope;

    parts[0] = xr_str_of(&tenant, sizeof(tenant));
    parts[1] = xr_str_of(&s, sizeof(s));
    parts[2] = value;

    xr_siphash(p->key, parts, XR_COUNT(parts), hash);

    hash[0] |= 1;
}


/* A prefix with all of its "/" that count. */

static xr_str_t
xr_purge_cut(xr_str_t prefix)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < prefix.len; i++) {

        if (prefix.data[i] == '/' && ++n == XR_PURGE_DEPTH) {
            return xr_str_of(prefix.data, i + 1);
        }
    }

    return prefix;
}


void
xr_purge_record(const xr_purge_t *p, uint64_t generation, uint64_t tenant,
    xr_purge_scope_t scope, bool soft, xr_str_t value, xr_purge_record_t *out)
{
    memset(out, 0, sizeof(xr_purge_record_t));

    out->generation = generation;
    out->tenant = tenant;
    out->scope = scope;
    out->soft = soft;

    xr_purge_hash(p, tenant, scope,
                  (scope == XR_PURGE_PREFIX) ? xr_purge_cut(value) : value,
                  out->hash);
}


static xr_purge_entry_t *
xr_purge_set(const xr_purge_t *p, uint64_t word)
{
    size_t  i;

    i = xr_sets_of(&p->sets, word) * XR_PURGE_WAYS;

    return (xr_purge_entry_t *) (uintptr_t) &p->entries[i];
}


/*
 * The entry is another's as soon as it is not found: what it was has been
 * folded before, and who reads looks at the coarser scopes last.
 */

static bool
xr_purge_read(const xr_purge_entry_t *e, const uint64_t hash[2],
    xr_purge_pair_t *out)
{
    if (__atomic_load_n(&e->hash[0], __ATOMIC_ACQUIRE) != hash[0]
        || __atomic_load_n(&e->hash[1], __ATOMIC_ACQUIRE) != hash[1])
    {
        return false;
    }

    out->hard = __atomic_load_n(&e->hard, __ATOMIC_ACQUIRE);
    out->soft = __atomic_load_n(&e->soft, __ATOMIC_ACQUIRE);

    return __atomic_load_n(&e->hash[0], __ATOMIC_ACQUIRE) == hash[0]
           && __atomic_load_n(&e->hash[1], __ATOMIC_RELAXED) == hash[1];
}


static void
xr_purge_newer(xr_purge_pair_t *pair, xr_purge_pair_t found)
{
    if (found.hard > pair->hard) {
        pair->hard = found.hard;
    }

    if (found.soft > pair->soft) {
        pair->soft = found.soft;
    }
}


/* A spare one may have been left by who died: the other is newer then. */

static xr_purge_pair_t
xr_purge_find(const xr_purge_t *p, const uint8_t hash[XR_SIPHASH_SIZE])
{
    size_t                   i, j;
    uint64_t                 words[2];
    xr_purge_pair_t          pair, found;
    const xr_purge_entry_t  *set;

    memcpy(words, hash, XR_SIPHASH_SIZE);
    pair = (xr_purge_pair_t) { 0, 0 };

    for (i = 0; i < XR_PURGE_SPARES; i++) {

        if (xr_purge_read(&p->spares[i], words, &found)) {
            xr_purge_newer(&pair, found);
        }
    }

    for (i = 0; i < 2; i++) {
        set = xr_purge_set(p, words[i]);

        for (j = 0; j < XR_PURGE_WAYS; j++) {

            if (xr_purge_read(&set[j], words, &found)) {
                xr_purge_newer(&pair, found);
                return pair;
            }
        }
    }

    return pair;
}


static void
xr_purge_raise(uint64_t *to, uint64_t generation)
{
    if (generation > __atomic_load_n(to, __ATOMIC_RELAXED)) {
        __atomic_store_n(to, generation, __ATOMIC_RELEASE);
    }
}


static uint64_t
xr_purge_newest(const xr_purge_entry_t *e)
{
    return (e->hard > e->soft) ? e->hard : e->soft;
}


/* The entry that has the hash, or one that is free; NULL: neither. */

static xr_purge_entry_t *
xr_purge_place(const xr_purge_t *p, const uint64_t hash[2])
{
    size_t             i, j, n, most;
    xr_purge_entry_t  *set, *place, *free;

    place = NULL;
    most = 0;

    for (i = 0; i < 2; i++) {
        set = xr_purge_set(p, hash[i]);
        free = NULL;
        n = 0;

        for (j = 0; j < XR_PURGE_WAYS; j++) {

            if (set[j].hash[0] == hash[0] && set[j].hash[1] == hash[1]) {
                return &set[j];
            }

            if (set[j].hash[0] == 0) {
                free = &set[j];
                n++;
            }
        }

        if (n > most) {
            most = n;
            place = free;
        }
    }

    return place;
}


/* Into an entry that is free or has the hash; what finds it is written last. */

static void
xr_purge_write(xr_purge_t *p, xr_purge_entry_t *e,
    const xr_purge_record_t *record)
{
    uint64_t  words[2];

    memcpy(words, record->hash, XR_SIPHASH_SIZE);

    if (e->hash[0] == 0) {
        __atomic_store_n(&e->hard, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&e->soft, 0, __ATOMIC_RELEASE);
        e->tenant = record->tenant;
        e->scope = record->scope;
    }

    xr_purge_raise(record->soft ? &e->soft : &e->hard, record->generation);

    __atomic_store_n(&e->hash[1], words[1], __ATOMIC_RELEASE);
    __atomic_store_n(&e->hash[0], words[0], __ATOMIC_RELEASE);

    __atomic_fetch_or(&p->hints[record->tenant % XR_PURGE_HINTS],
                      (uint8_t) (1u << record->scope), __ATOMIC_RELEASE);
}


/* Whether a record says nothing that a coarser one does not. */

static bool
xr_purge_idle(const xr_purge_t *p, const xr_purge_entry_t *e)
{
    uint64_t           newest;
    xr_purge_record_t  record;

    newest = xr_purge_newest(e);

    if (newest <= p->floor) {
        return true;
    }

    if (e->scope == XR_PURGE_TENANT) {
        return false;
    }

    xr_purge_record(p, 0, e->tenant, XR_PURGE_TENANT, false,
                    xr_str_of(NULL, 0), &record);

    return newest <= xr_purge_find(p, record.hash).hard;
}


/* Whether "a" is to go rather than "b": tenants' own records go last. */

static bool
xr_purge_older(const xr_purge_entry_t *a, const xr_purge_entry_t *b)
{
    bool  own;

    own = (a->scope == XR_PURGE_TENANT);

    if (own != (b->scope == XR_PURGE_TENANT)) {
        return !own;
    }

    return xr_purge_newest(a) < xr_purge_newest(b);
}


static bool
xr_purge_moves(const xr_purge_move_t *moves, const xr_purge_entry_t *e)
{
    for ( /* void */ ; moves != NULL; moves = moves->next) {

        if (moves->entry == e) {
            return true;
        }
    }

    return false;
}


/* Of the two sets of a hash: what is idle, or else the oldest. */

static xr_purge_entry_t *
xr_purge_oldest(const xr_purge_t *p, const uint64_t hash[2],
    const xr_purge_move_t *moves)
{
    size_t             i, j;
    xr_purge_entry_t  *set, *oldest;

    oldest = NULL;

    for (i = 0; i < 2; i++) {
        set = xr_purge_set(p, hash[i]);

        for (j = 0; j < XR_PURGE_WAYS; j++) {

            if (xr_purge_moves(moves, &set[j])) {
                continue;
            }

            if (xr_purge_idle(p, &set[j])) {
                return &set[j];
            }

            if (oldest == NULL || xr_purge_older(&set[j], oldest)) {
                oldest = &set[j];
            }
        }
    }

    return oldest;
}


static void
xr_purge_clear(xr_purge_entry_t *e)
{
    __atomic_store_n(&e->hash[0], 0, __ATOMIC_RELEASE);
}


/*
 * What an entry says, its tenant's own says from now on, of too much.  Where
 * that has no place it waits in a spare one, which readers look at first, for
 * another entry to go the same way; and where none can, all are purged.
 */

static void
xr_purge_fold(xr_purge_t *p, const xr_purge_entry_t *e,
    const xr_purge_move_t *before, size_t depth)
{
    uint64_t            words[2];
    xr_purge_move_t     moves;
    xr_purge_entry_t   *place, *spare;
    xr_purge_record_t   record;

    __atomic_fetch_add(&p->folded, 1, __ATOMIC_RELAXED);

    if (e->scope == XR_PURGE_TENANT || depth == XR_PURGE_SPARES) {
        xr_purge_raise(&p->floor, xr_purge_newest(e));
        return;
    }

    xr_purge_record(p, xr_purge_newest(e), e->tenant, XR_PURGE_TENANT, false,
                    xr_str_of(NULL, 0), &record);
    memcpy(words, record.hash, XR_SIPHASH_SIZE);

    place = xr_purge_place(p, words);

    if (place != NULL) {
        xr_purge_write(p, place, &record);
        return;
    }

    spare = &p->spares[depth];

    if (spare->hash[0] != 0) {

        /* whoever put it there has died */

        xr_purge_raise(&p->floor, xr_purge_newest(spare));
        xr_purge_clear(spare);
    }

    xr_purge_write(p, spare, &record);

    moves = (xr_purge_move_t) { e, before };
    place = xr_purge_oldest(p, words, &moves);

    if (place == NULL
        || (place->scope == XR_PURGE_TENANT && !xr_purge_idle(p, place)))
    {
        xr_purge_raise(&p->floor, record.generation);
        xr_purge_clear(spare);
        return;
    }

    if (place->tenant == e->tenant) {
        xr_purge_raise(&spare->hard, xr_purge_newest(place));

    } else if (!xr_purge_idle(p, place)) {
        xr_purge_fold(p, place, &moves, depth + 1);
    }

    record.generation = spare->hard;

    /* what went the same way before may have been of this tenant, too */

    xr_purge_clear(place);
    xr_purge_write(p, xr_purge_place(p, words), &record);
    xr_purge_clear(spare);
}


static void
xr_purge_enter(xr_purge_t *p, const xr_purge_record_t *record)
{
    uint64_t           words[2];
    xr_purge_entry_t  *e;

    memcpy(words, record->hash, XR_SIPHASH_SIZE);

    e = xr_purge_place(p, words);

    if (e == NULL) {
        e = xr_purge_oldest(p, words, NULL);

        if (!xr_purge_idle(p, e)) {
            xr_purge_fold(p, e, NULL, 0);
        }

        /* there is a place now: this one, or what "e" was folded into */

        xr_purge_clear(e);
        e = xr_purge_place(p, words);
    }

    xr_purge_write(p, e, record);
}


void
xr_purge_put(xr_purge_t *p, const xr_purge_record_t *record)
{
    xr_purge_record_t  some;

    /* first, so that nobody who sees the rest takes nothing for purged */

    xr_purge_raise(&p->last, record->generation);

    if (record->scope == XR_PURGE_ALL) {
        xr_purge_raise(&p->floor, record->generation);
        return;
    }

    xr_purge_enter(p, record);

    if (record->soft || record->scope == XR_PURGE_TAG) {
        xr_purge_record(p, record->generation, record->tenant, XR_PURGE_SOME,
                        record->soft, xr_str_of(NULL, 0), &some);
        xr_purge_enter(p, &some);
    }
}


static bool
xr_purge_hint(const xr_purge_t *p, uint64_t tenant, xr_purge_scope_t scope)
{
    uint8_t  bits;

    bits = __atomic_load_n(&p->hints[tenant % XR_PURGE_HINTS],
                           __ATOMIC_ACQUIRE);

    return (bits & 1u << scope) != 0;
}


void
xr_purge_add(const xr_purge_t *p, uint64_t tenant, xr_purge_scope_t scope,
    xr_str_t value, xr_purge_pair_t *pair)
{
    uint8_t  hash[XR_SIPHASH_SIZE];

    xr_purge_hash(p, tenant, scope, value, hash);
    xr_purge_newer(pair, xr_purge_find(p, hash));
}


/* From the finest scope to the coarsest, into which the others may fold. */

xr_purge_pair_t
xr_purge_object(const xr_purge_t *p, uint64_t tenant, xr_str_t object)
{
    size_t           i, n;
    uint64_t         floor;
    xr_purge_pair_t  pair;

    pair = (xr_purge_pair_t) { 0, 0 };

    if (xr_purge_hint(p, tenant, XR_PURGE_OBJECT)) {
        xr_purge_add(p, tenant, XR_PURGE_OBJECT, object, &pair);
    }

    if (xr_purge_hint(p, tenant, XR_PURGE_PREFIX)) {
        n = 0;

        for (i = 0; i < object.len && n < XR_PURGE_DEPTH; i++) {

            if (object.data[i] == '/') {
                n++;
                xr_purge_add(p, tenant, XR_PURGE_PREFIX,
                             xr_str_of(object.data, i + 1), &pair);
            }
        }
    }

    if (xr_purge_hint(p, tenant, XR_PURGE_TENANT)) {
        xr_purge_add(p, tenant, XR_PURGE_TENANT, xr_str_of(NULL, 0), &pair);
    }

    floor = __atomic_load_n(&p->floor, __ATOMIC_ACQUIRE);

    if (floor > pair.hard) {
        pair.hard = floor;
    }

    return pair;
}


uint64_t
xr_purge_generation(const xr_purge_t *p, uint64_t tenant, xr_str_t object)
{
    return (xr_purge_last(p) != 0) ? xr_purge_object(p, tenant, object).hard
                                   : 0;
}


uint64_t
xr_purge_some(const xr_purge_t *p, uint64_t tenant)
{
    xr_purge_pair_t  pair;

    if (xr_purge_last(p) == 0 || !xr_purge_hint(p, tenant, XR_PURGE_SOME)) {
        return 0;
    }

    pair = (xr_purge_pair_t) { 0, 0 };
    xr_purge_add(p, tenant, XR_PURGE_SOME, xr_str_of(NULL, 0), &pair);

    return (pair.hard > pair.soft) ? pair.hard : pair.soft;
}
