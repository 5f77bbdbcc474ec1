/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_memory.h"


#define FUZZ_NOW       1767225600
#define FUZZ_TAGS      32
#define FUZZ_OP        4                /* bytes of one operation */

#define FUZZ_SET_SIZE  (XR_MEMORY_WAYS * XR_MEMORY_ENTRY_SIZE)
#define FUZZ_SIZE      (XR_MEMORY_ENTRY_SIZE + 2 * FUZZ_SET_SIZE)
#define FUZZ_ENTRIES   (2 * XR_MEMORY_WAYS)
#define FUZZ_WORDS     (XR_MEMORY_ENTRY_SIZE / 8)


/*
 * What was put under each tag.  "exact": what is got is the last of these;
 * once somebody scribbled over entries it may be an earlier one.
 */

typedef struct {
    xr_memory_t  *m;
    uint64_t     *words;                /* of the entries */
    int64_t       now;
    int64_t       latest;               /* that "now" ever was */
    bool          exact;
    uint32_t      puts[FUZZ_TAGS];
    int64_t       expires[FUZZ_TAGS];
} fuzz_t;


static uint64_t
fuzz_mix(uint64_t n)
{
    n = (n + 1) * 0x9e3779b97f4a7c15;
    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
    n = (n ^ n >> 27) * 0x94d049bb133111eb;

    return n ^ n >> 31;
}


static void
fuzz_tag(uint64_t n, uint8_t tag[XR_SIPHASH_SIZE])
{
    uint64_t  words[2];

    /* the two halves of the tags differ in one half of the tag only */

    words[0] = fuzz_mix(n % (FUZZ_TAGS / 2));
    words[1] = fuzz_mix(n / (FUZZ_TAGS / 2));

    memcpy(tag, words, XR_SIPHASH_SIZE);
}


/* The value of the put with the number "key_id". */

static xr_memory_value_t
fuzz_value(uint64_t n, uint64_t key_id, int64_t expires)
{
    uint64_t           seed;
    xr_memory_value_t  v;

    seed = fuzz_mix(n << 32 ^ key_id) ^ (uint64_t) expires;

    v.expires = expires;
    v.subject = fuzz_mix(seed ^ 1);
    v.token_id = fuzz_mix(seed ^ 2);
    v.key_id = key_id;
    v.ceiling = fuzz_mix(seed ^ 3) & 0xff;

    return v;
}


static bool
fuzz_get(const fuzz_t *f, uint64_t n)
{
    uint8_t            tag[XR_SIPHASH_SIZE];
    xr_memory_value_t  v, wanted;

    fuzz_tag(n, tag);

    if (xr_memory_get(f->m, tag, f->now, &v) != XR_OK) {
        return false;
    }

    wanted = fuzz_value(n, v.key_id, v.expires);

    assert(memcmp(&v, &wanted, sizeof(v)) == 0);
    assert(v.expires > f->now);
    assert(v.key_id < f->puts[n]);

    if (f->exact) {
        assert(v.key_id == f->puts[n] - 1 && v.expires == f->expires[n]);
    }

    return true;
}


static void
fuzz_put(fuzz_t *f, uint64_t n, int64_t lifetime)
{
    uint8_t            tag[XR_SIPHASH_SIZE];
    xr_memory_value_t  v;

    fuzz_tag(n, tag);
    v = fuzz_value(n, f->puts[n], f->now + lifetime);

    xr_memory_put(f->m, tag, f->now, &v);

    if (lifetime > 0) {
        f->puts[n]++;
        f->expires[n] = v.expires;

        assert(!f->exact || fuzz_get(f, n));
    }
}


/*
 * What writers do that were stopped, or died: they leave an entry odd, and
 * put words of their own over those of another.
 */

static void
fuzz_scribble(fuzz_t *f, size_t from, size_t to, size_t which)
{
    uint64_t  *words;

    f->exact = false;
    words = &f->words[to * FUZZ_WORDS];

    if (which == 0) {
        words[0] ^= (uint64_t) 1 << 32;

    } else {
        words[which] = f->words[from * FUZZ_WORDS + which];
    }
}


static void
fuzz_op(fuzz_t *f, const uint8_t op[FUZZ_OP])
{
    switch (op[0] % 8) {

    case 0:
    case 1:
    case 2:
        fuzz_put(f, op[1] % FUZZ_TAGS, (int64_t) op[2] - 3);
        break;

    case 3:
    case 4:
        (void) fuzz_get(f, op[1] % FUZZ_TAGS);
        break;

    case 5:
        f->now += op[1] % 32;

        if (f->now > f->latest) {
            f->latest = f->now;
        }

        break;

    case 6:
        f->now -= op[1] % 32;
        break;

    default:
        fuzz_scribble(f, op[1] % FUZZ_ENTRIES, op[2] % FUZZ_ENTRIES,
                      op[3] % FUZZ_WORDS);
        break;
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void      *p;
    size_t     i;
    fuzz_t     f;
    uint64_t   n;

    p = aligned_alloc(XR_MEMORY_ENTRY_SIZE, FUZZ_SIZE);
    assert(p != NULL);
    memset(p, 0, FUZZ_SIZE);
    memset(&f, 0, sizeof(f));

    f.m = xr_memory_create(p, FUZZ_SIZE);
    f.words = (uint64_t *) p + FUZZ_WORDS;
    f.now = FUZZ_NOW;
    f.latest = FUZZ_NOW;
    f.exact = true;

    assert(f.m != NULL && xr_memory_entries(f.m) == FUZZ_ENTRIES);

    for (i = 0; i + FUZZ_OP <= size; i += FUZZ_OP) {
        fuzz_op(&f, data + i);
    }

    assert(xr_memory_create(p, FUZZ_SIZE) == f.m);

    for (n = 0; n < FUZZ_TAGS; n++) {
        (void) fuzz_get(&f, n);
    }

    /* whatever happened, after a while everything can be remembered again */

    f.now = f.latest + 1000;

    for (n = 0; n < FUZZ_TAGS; n++) {
        fuzz_put(&f, n, 1);
        assert(fuzz_get(&f, n));
    }

    free(p);

    return 0;
}
