/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_purge_order.h"


/*
 * The first byte chooses: a journal, one that is good in front; what an origin
 * and what is stored say; an order's claims; or purges of a small table, of
 * which none may be forgotten.
 */

#define FUZZ_ROOM  (16 * 1024)
#define FUZZ_NOW   1800000000


static const uint8_t  fuzz_key[XR_SIPHASH_KEY_SIZE] = "0123456789abcdef";

static union {
    uint8_t   bytes[FUZZ_ROOM];
    uint64_t  align[8];
} fuzz_rooms[2] __attribute__((aligned(64)));


static xr_purge_t *
fuzz_table(size_t i)
{
    xr_purge_t  *p;

    memset(&fuzz_rooms[i], 0, sizeof(fuzz_rooms[i]));

    p = xr_purge_create(fuzz_rooms[i].bytes, FUZZ_ROOM);
    assert(p != NULL);
    xr_purge_set_key(p, fuzz_key);

    return p;
}


static uint64_t
fuzz_put(xr_purge_t *p, uint8_t what, uint8_t name)
{
    xr_purge_scope_t   scope;
    xr_purge_record_t  record;

    scope = (xr_purge_scope_t) (what % XR_PURGE_SOME);

    xr_purge_record(p, xr_purge_next(p, 0), (uint64_t) what >> 4, scope,
                    (what & 8) != 0,
                    xr_str_of(&name, scope == XR_PURGE_TENANT ? 0 : 1),
                    &record);
    xr_purge_put(p, &record);

    return record.generation;
}


/* What is written of a table reads the same, and what follows does no harm. */

static void
fuzz_journal(const uint8_t *data, size_t size)
{
    char               *text;
    size_t              i, n;
    xr_buf_t            b;
    xr_str_t            copy;
    xr_purge_t         *p, *q;
    xr_purge_record_t   record;
    xr_purge_replay_t   replay;

    p = fuzz_table(0);

    for (i = 0; i + 1 < size && i < 64; i += 2) {
        (void) fuzz_put(p, data[i], data[i + 1]);
    }

    n = XR_PURGE_HEAD_SIZE + (2 * xr_purge_room(p) + 1) * XR_PURGE_LINE_SIZE;
    text = malloc(n + size);
    assert(text != NULL);

    b = xr_buf(text, n + size);
    xr_purge_journal_head(p, &b);

    for (i = 0; xr_purge_journal_next(p, &i, &record); /* void */ ) {
        xr_purge_journal_line(p, &record, &b);
    }

    assert(xr_buf_ok(&b));

    q = fuzz_table(1);
    assert(xr_purge_journal_replay(q, xr_buf_str(&b), &replay) == XR_OK);
    assert(replay.damaged == 0 && !replay.torn);
    assert(xr_purge_last(q) == xr_purge_last(p));

    xr_buf_put(&b, xr_str_of(data, size));
    copy = xr_fuzz_copy(b.data, b.len);
    q = fuzz_table(1);
    assert(xr_purge_journal_replay(q, copy, &replay) == XR_OK);
    assert(xr_purge_last(q) >= xr_purge_last(p));
    xr_fuzz_free(copy);

    copy = xr_fuzz_copy(data, size);
    q = fuzz_table(1);
    (void) xr_purge_journal_replay(q, copy, &replay);
    xr_fuzz_free(copy);

    free(text);
}


/* What an origin says becomes a line that has a verdict. */

static void
fuzz_tags(const uint8_t *data, size_t size)
{
    char        line[XR_PURGE_STORED_MAX];
    size_t      n;
    uint8_t     digits[XR_PURGE_STORED_DIGITS];
    xr_buf_t    b;
    xr_str_t    s, rest, tag;
    xr_purge_t *p;

    s = xr_fuzz_copy(data, size);
    n = 0;

    xr_purge_stored_digits(1, digits);
    b = xr_buf(line, sizeof(line));
    xr_buf_put(&b, xr_str_of(digits, sizeof(digits)));

    xr_purge_stored_tags(s, &n, &b);
    xr_purge_stored_tags(s, &n, &b);
    assert(xr_buf_ok(&b) && n <= XR_PURGE_TAGS + 1);

    rest = xr_buf_str(&b);
    (void) xr_str_cut(&rest, ' ');

    while (rest.len > 0) {
        tag = xr_str_cut(&rest, ' ');
        assert(xr_purge_stored_tag_ok(tag) || xr_str_eq(tag, xr_str("*")));
    }

    p = fuzz_table(0);
    (void) fuzz_put(p, XR_PURGE_TAG, 't');

    assert(xr_purge_stored_judge(p, 0, s, xr_buf_str(&b)) == XR_PURGE_GOOD);
    (void) xr_purge_stored_judge(p, 0, s, s);

    xr_fuzz_free(s);
}


static void
fuzz_order(const uint8_t *data, size_t size)
{
    void                      *memory;
    size_t                     i, n;
    uint64_t                   generation;
    xr_buf_t                   b;
    xr_jwt_t                   t;
    xr_str_t                   text;
    xr_deny_t                  deny;
    xr_purge_t                *p;
    const char                *why;
    static xr_purge_order_t    order;
    static xr_purge_record_t   records[XR_PURGE_ORDER_RECORDS];

    static const xr_json_limits_t  limits = { 8, XR_JWT_MAX_CLAIMS };

    text = xr_fuzz_copy(data, size);
    memset(&t, 0, sizeof(t));

    if (xr_json_check(text, &limits, &t.claims, NULL) != XR_OK
        || t.claims.type != XR_JSON_OBJECT)
    {
        xr_fuzz_free(text);
        return;
    }

    memory = malloc(XR_PURGE_ORDER_MEMORY(size) + 1);
    assert(memory != NULL);

    b = xr_buf(memory, XR_PURGE_ORDER_MEMORY(size));
    (void) xr_purge_order_issuer(&t, &b);

    deny = xr_purge_order_read(&t, FUZZ_NOW, 30, &b, &order, &why);

    if (deny != XR_DENY_NONE) {
        assert(why != NULL);
        free(memory);
        xr_fuzz_free(text);
        return;
    }

    assert(order.n > 0 && order.id.len > 0);
    assert(order.expires > FUZZ_NOW - 30
           && order.expires <= FUZZ_NOW + 30 + XR_PURGE_ORDER_LIFE);

    p = fuzz_table(0);
    generation = xr_purge_next(p, 0);
    n = xr_purge_order_records(&order, p, generation, 5, records);

    for (i = 0; i < n; i++) {
        xr_purge_put(p, &records[i]);
    }

    for (i = 0; i < order.n && !order.soft; i++) {

        if (order.items[i].scope == XR_PURGE_OBJECT) {
            assert(xr_purge_generation(p, 5, order.items[i].value)
                   >= generation);
        }
    }

    free(memory);
    xr_fuzz_free(text);
}


static void
fuzz_full(const uint8_t *data, size_t size)
{
    size_t       i;
    uint8_t      name;
    uint64_t     tenant, hard[16][256], all[16];
    xr_purge_t  *p;

    p = fuzz_table(0);
    memset(hard, 0, sizeof(hard));
    memset(all, 0, sizeof(all));

    for (i = 0; i + 1 < size; i += 2) {
        tenant = data[i] >> 4;

        switch (data[i] & 0xf) {

        case XR_PURGE_TENANT:
            all[tenant] = fuzz_put(p, data[i], data[i + 1]);
            break;

        case XR_PURGE_OBJECT:
            hard[tenant][data[i + 1]] = fuzz_put(p, data[i], data[i + 1]);
            break;

        default:
            assert(fuzz_put(p, data[i], data[i + 1]) == xr_purge_last(p));
        }
    }

    for (i = 0; i < 16 * 256; i++) {
        name = (uint8_t) (i / 16);
        tenant = i % 16;

        assert(xr_purge_generation(p, tenant, xr_str_of(&name, 1))
               >= hard[tenant][name]);
        assert(xr_purge_generation(p, tenant, xr_str_of(&name, 1))
               >= all[tenant]);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }

    switch (data[0] & 3) {

    case 0:
        fuzz_journal(data + 1, size - 1);
        break;

    case 1:
        fuzz_tags(data + 1, size - 1);
        break;

    case 2:
        fuzz_order(data + 1, size - 1);
        break;

    default:
        fuzz_full(data + 1, size - 1);
    }

    return 0;
}
