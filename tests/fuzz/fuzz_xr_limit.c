/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_limit.h"


/*
 * The first line is the parameters of a limit, separated by single blanks;
 * the second a balance and what is wanted; the third a tenant, and the rest
 * the value of a key.
 */

#define FUZZ_WORDS   32
#define FUZZ_MEMORY  512


typedef struct {
    uint8_t  area[FUZZ_MEMORY];
    size_t   used;
} fuzz_arena_t;


static void *
fuzz_alloc(void *ctx, size_t size)
{
    fuzz_arena_t *a = ctx;

    void  *p;

    if (size > sizeof(a->area) - a->used) {
        return NULL;
    }

    p = a->area + a->used;
    memset(p, 0, size);
    a->used += size;

    return p;
}


static xr_rc_t
fuzz_parse(xr_str_t line, fuzz_arena_t *a, xr_limit_t *l)
{
    size_t    i, n;
    xr_rc_t   rc;
    xr_err_t  err;
    xr_mem_t  mem;
    xr_str_t  word, words[FUZZ_WORDS];

    n = 0;

    do {
        word = xr_str_cut(&line, ' ');
        words[n++] = xr_fuzz_copy(word.data, word.len);
    } while (line.len > 0 && n < FUZZ_WORDS);

    a->used = 0;
    mem = (xr_mem_t) { fuzz_alloc, a };
    err = (xr_err_t) { NULL, SIZE_MAX };

    rc = xr_limit_parse(words, n, &mem, l, &err);

    if (rc != XR_OK) {
        assert(rc == XR_INVALID);
        assert(err.what != NULL && err.what[0] != '\0');
        assert(err.pos < n);
    }

    for (i = 0; i < n; i++) {
        xr_fuzz_free(words[i]);
    }

    return rc;
}


static void
fuzz_check(const xr_limit_t *l, const fuzz_arena_t *a)
{
    size_t    i;
    uint8_t   c;
    xr_str_t  area;

    area = xr_str_of(a->area, sizeof(a->area));

    assert(xr_fuzz_within(l->name, area));
    assert(xr_fuzz_within(l->rate_class, area));
    assert(l->name.len >= 1 && l->name.len <= XR_LIMIT_NAME_MAX);
    assert(l->name.data[0] != '-');

    for (i = 0; i < l->name.len; i++) {
        c = l->name.data[i];
        assert((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-');
    }

    assert(l->rate > 0 && l->rate <= XR_LIMIT_MAX);
    assert(l->burst >= XR_LIMIT_TOKEN && l->burst <= XR_LIMIT_MAX);
    assert(l->burst / l->rate < XR_LIMIT_FILL_MAX);
    assert(l->burst >= l->cost && l->delay <= 60000);

    if (l->unit == XR_LIMIT_BYTES) {
        assert(l->cost == 0 && l->burst % XR_LIMIT_BYTE == 0);

    } else {
        assert(l->cost > 0 && l->cost % XR_LIMIT_TOKEN == 0);
        assert(l->burst % XR_LIMIT_TOKEN == 0);
    }
}


/* What is written is read again as the same. */

static void
fuzz_text(const xr_limit_t *l)
{
    uint8_t       memory[XR_LIMIT_TEXT_MAX];
    xr_buf_t      b;
    xr_limit_t    again;
    fuzz_arena_t  a;

    b = xr_buf(memory, sizeof(memory));
    xr_limit_text(l, &b);

    assert(xr_buf_ok(&b));
    assert(fuzz_parse(xr_buf_str(&b), &a, &again) == XR_OK);

    assert(again.key == l->key && again.unit == l->unit);
    assert(again.mode == l->mode && again.failure == l->failure);
    assert(again.rate == l->rate && again.burst == l->burst);
    assert(again.cost == l->cost && again.delay == l->delay);
    assert(xr_str_eq(again.name, l->name));
    assert(xr_str_eq(again.rate_class, l->rate_class));
}


/* A number from -XR_LIMIT_MAX to XR_LIMIT_MAX, whatever is written. */

static int64_t
fuzz_amount(xr_str_t s)
{
    bool      negative;
    uint64_t  n;

    negative = (s.len > 0 && s.data[0] == '-');

    if (negative) {
        s = xr_str_of(s.data + 1, s.len - 1);
    }

    if (xr_str_uint(&s, &n) != XR_OK) {
        n = 0;
    }

    n %= (uint64_t) XR_LIMIT_MAX + 1;

    return negative ? -(int64_t) n : (int64_t) n;
}


/* It is there after that time, and was not a millisecond before. */

static void
fuzz_wait(const xr_limit_t *l, int64_t balance, int64_t wanted)
{
    int64_t            ms;
    unsigned __int128  had, missing;

    ms = xr_limit_wait(l, balance, wanted);
    wanted = (wanted < l->burst) ? wanted : l->burst;

    assert(ms >= 0);
    assert((ms == 0) == (balance >= wanted));

    if (ms == 0) {
        return;
    }

    missing = (unsigned __int128) (wanted - balance) * 1000;
    had = (unsigned __int128) l->rate * (uint64_t) ms;

    assert(had >= missing && had - (uint64_t) l->rate < missing);
}


static void
fuzz_fields(const xr_limit_t *l, int64_t balance)
{
    uint8_t   memory[160];
    xr_buf_t  b;

    b = xr_buf(memory, sizeof(memory));
    xr_limit_policy_field(l, &b);
    assert(xr_buf_ok(&b) && !xr_str_has_control(xr_buf_str(&b)));

    b = xr_buf(memory, sizeof(memory));
    xr_limit_state_field(l, balance, &b);
    assert(xr_buf_ok(&b) && !xr_str_has_control(xr_buf_str(&b)));
}


static void
fuzz_key(const xr_limit_t *l, xr_str_t tenant, xr_str_t value)
{
    size_t    i;
    uint8_t   key[XR_LIMIT_KEY_SIZE];
    xr_str_t  owner, bucket;

    assert(xr_limit_slot(value) < 16384);
    assert(xr_limit_redis_key(l, tenant, value, key) == XR_OK);

    owner = xr_str_of(key + 4, 16);
    bucket = xr_str_of(key + 22, 34);

    assert(memcmp(key, "xr:{", 4) == 0 && memcmp(key + 20, "}:", 2) == 0);
    assert(xr_limit_slot(xr_str_of(key, sizeof(key))) == xr_limit_slot(owner));

    for (i = 0; i < owner.len; i++) {
        assert(xr_hex_digit(owner.data[i]) >= 0);
    }

    for (i = 0; i < bucket.len; i++) {
        assert(xr_hex_digit(bucket.data[i]) >= 0);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t       balance;
    xr_str_t      rest, line, amounts, tenant;
    xr_limit_t    l;
    fuzz_arena_t  a;

    rest = xr_str_of(data, size);
    line = xr_str_cut(&rest, '\n');
    amounts = xr_str_cut(&rest, '\n');
    tenant = xr_str_cut(&rest, '\n');

    if (fuzz_parse(line, &a, &l) != XR_OK) {
        return 0;
    }

    balance = fuzz_amount(xr_str_cut(&amounts, ' '));

    fuzz_check(&l, &a);
    fuzz_text(&l);
    fuzz_wait(&l, balance, fuzz_amount(amounts));
    fuzz_fields(&l, balance);
    fuzz_key(&l, tenant, rest);

    return 0;
}
