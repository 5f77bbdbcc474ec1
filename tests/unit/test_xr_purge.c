/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_purge.h"


#define ACME   0x1111111111111111u
#define OTHER  0x2222222222222222u
#define NOW    1800000000000

#define ROOM  (64 * 1024)


static const uint8_t  key[XR_SIPHASH_KEY_SIZE] = "0123456789abcdef";


static xr_purge_t *
table(size_t size)
{
    void        *p;
    xr_purge_t  *purge;

    p = aligned_alloc(64, size);
    assert_non_null(p);
    memset(p, 0, size);

    purge = xr_purge_create(p, size);
    assert_non_null(purge);
    xr_purge_set_key(purge, key);

    return purge;
}


static uint64_t
purge(xr_purge_t *p, uint64_t tenant, xr_purge_scope_t scope,
    const char *value, bool soft)
{
    uint64_t           generation;
    xr_purge_record_t  record;

    generation = xr_purge_next(p, NOW);

    xr_purge_record(p, generation, tenant, scope, soft, xr_str(value),
                    &record);
    xr_purge_put(p, &record);

    return generation;
}


static uint64_t
generation(const xr_purge_t *p, uint64_t tenant, const char *object)
{
    return xr_purge_generation(p, tenant, xr_str(object));
}


static xr_purge_verdict_t
judge(const xr_purge_t *p, const char *object, uint64_t since,
    const char *tags)
{
    char      room[XR_PURGE_STORED_MAX];
    uint8_t   digits[XR_PURGE_STORED_DIGITS];
    xr_buf_t  b;

    xr_purge_stored_digits(since, digits);

    b = xr_buf(room, sizeof(room));
    xr_buf_put(&b, xr_str_of(digits, sizeof(digits)));
    xr_buf_puts(&b, tags);

    return xr_purge_stored_judge(p, ACME, xr_str(object), xr_buf_str(&b));
}


static void
test_create(void **state)
{
    size_t       size;
    uint8_t     *p;
    xr_purge_t  *t;

    (void) state;

    p = aligned_alloc(64, ROOM);
    assert_non_null(p);

    for (size = 0; size < ROOM; size += 64) {
        memset(p, 0, ROOM);
        t = xr_purge_create(p, size);
        assert_true(t == NULL || xr_purge_room(t) > 0);
    }

    memset(p, 0, ROOM);
    t = xr_purge_create(p, ROOM);
    assert_non_null(t);
    assert_ptr_equal(xr_purge_create(p, ROOM), t);
    assert_null(xr_purge_create(p, ROOM / 2));

    free(p);
}


static void
test_next(void **state)
{
    xr_purge_t  *p;

    (void) state;
    p = table(ROOM);

    assert_int_equal(xr_purge_next(p, NOW), NOW);
    assert_int_equal(xr_purge_next(p, 0), 1);
    assert_int_equal(xr_purge_next(p, -5), 1);

    assert_int_equal(purge(p, ACME, XR_PURGE_TENANT, "", false), NOW);
    assert_int_equal(xr_purge_last(p), NOW);
    assert_int_equal(xr_purge_next(p, NOW - 1000), NOW + 1);
    assert_int_equal(purge(p, ACME, XR_PURGE_TENANT, "", false), NOW + 1);

    free(p);
}


static void
test_scopes(void **state)
{
    uint64_t     n;
    xr_purge_t  *p;

    (void) state;
    p = table(ROOM);

    assert_int_equal(generation(p, ACME, "a/b/c.glb"), 0);

    n = purge(p, ACME, XR_PURGE_OBJECT, "a/b/c.glb", false);
    assert_int_equal(generation(p, ACME, "a/b/c.glb"), n);
    assert_int_equal(generation(p, ACME, "a/b/c.glb.xr/1.glb"), 0);
    assert_int_equal(generation(p, ACME, "a/b/c.gl"), 0);
    assert_int_equal(generation(p, OTHER, "a/b/c.glb"), 0);

    n = purge(p, ACME, XR_PURGE_PREFIX, "a/b/", false);
    assert_int_equal(generation(p, ACME, "a/b/c.glb"), n);
    assert_int_equal(generation(p, ACME, "a/b/d/e/f.glb"), n);
    assert_int_equal(generation(p, ACME, "a/bc.glb"), 0);
    assert_int_equal(generation(p, ACME, "a/b"), 0);
    assert_int_equal(generation(p, OTHER, "a/b/c.glb"), 0);

    /* a name is never what another scope has by that name */

    assert_int_equal(generation(p, ACME, ""), 0);
    (void) purge(p, ACME, XR_PURGE_TAG, "x.glb", false);
    assert_int_equal(generation(p, ACME, "x.glb"), 0);

    n = purge(p, ACME, XR_PURGE_TENANT, "", false);
    assert_int_equal(generation(p, ACME, "a/b/c.glb"), n);
    assert_int_equal(generation(p, ACME, "x"), n);
    assert_int_equal(generation(p, OTHER, "x"), 0);

    n = purge(p, 0, XR_PURGE_ALL, "", false);
    assert_int_equal(generation(p, OTHER, "x"), n);

    free(p);
}


/* A soft purge changes no keys. */

static void
test_soft(void **state)
{
    uint64_t     n, hard;
    xr_purge_t  *p;

    (void) state;
    p = table(ROOM);

    assert_int_equal(xr_purge_some(p, ACME), 0);

    hard = purge(p, ACME, XR_PURGE_OBJECT, "a", false);
    assert_int_equal(xr_purge_some(p, ACME), 0);

    n = purge(p, ACME, XR_PURGE_OBJECT, "a", true);
    assert_int_equal(xr_purge_some(p, ACME), n);
    assert_int_equal(xr_purge_some(p, OTHER), 0);
    assert_int_equal(generation(p, ACME, "a"), hard);

    assert_int_equal(judge(p, "a", hard, ""), XR_PURGE_STALE);
    assert_int_equal(judge(p, "a", n, ""), XR_PURGE_GOOD);
    assert_int_equal(judge(p, "b", 0, ""), XR_PURGE_GOOD);

    n = purge(p, ACME, XR_PURGE_TENANT, "", true);
    assert_int_equal(judge(p, "b", n - 1, ""), XR_PURGE_STALE);
    assert_int_equal(judge(p, "b", n, ""), XR_PURGE_GOOD);

    free(p);
}


static void
test_tags(void **state)
{
    uint64_t     n;
    xr_purge_t  *p;

    (void) state;
    p = table(ROOM);

    n = purge(p, ACME, XR_PURGE_TAG, "blue", false);
    assert_int_equal(xr_purge_some(p, ACME), n);

    assert_int_equal(judge(p, "a", n - 1, " red blue"), XR_PURGE_GONE);
    assert_int_equal(judge(p, "a", n, " red blue"), XR_PURGE_GOOD);
    assert_int_equal(judge(p, "a", 0, " red bluer"), XR_PURGE_GOOD);
    assert_int_equal(judge(p, "a", 0, ""), XR_PURGE_GOOD);
    assert_int_equal(judge(p, "a", n - 1, " *"), XR_PURGE_GONE);
    assert_int_equal(judge(p, "a", n, " *"), XR_PURGE_GOOD);

    n = purge(p, ACME, XR_PURGE_TAG, "red", true);
    assert_int_equal(judge(p, "a", n - 1, " red"), XR_PURGE_STALE);
    assert_int_equal(judge(p, "a", n - 1, " *"), XR_PURGE_STALE);
    assert_int_equal(judge(p, "a", n - 2, " red blue"), XR_PURGE_GONE);

    /* what says nothing may be anything */

    assert_int_equal(xr_purge_stored_judge(p, ACME, xr_str("a"), xr_str("")),
                     XR_PURGE_GONE);
    assert_int_equal(xr_purge_stored_judge(p, ACME, xr_str("a"),
                                    xr_str("ffffffffffg0 x")),
                     XR_PURGE_GONE);

    free(p);
}


static void
check_tags(const char *first, const char *second, const char *wanted)
{
    char      room[XR_PURGE_STORED_MAX];
    size_t    n;
    xr_buf_t  b;

    n = 0;
    b = xr_buf(room, XR_PURGE_STORED_MAX - XR_PURGE_STORED_DIGITS);

    xr_purge_stored_tags(xr_str(first), &n, &b);
    xr_purge_stored_tags(xr_str(second), &n, &b);

    assert_true(xr_buf_ok(&b));
    XR_CHECK_STR(xr_buf_str(&b), wanted, first);
}


static void
test_read_tags(void **state)
{
    char      many[4096], wanted[4096];
    size_t    i;
    xr_buf_t  b, w;

    (void) state;

    check_tags("", "", "");
    check_tags("a", "b", " a b");
    check_tags(" a,b ,, c\t", "", " a b c");
    check_tags("a\x01 \x7f b\xc3\xbc * c", "", " c");
    check_tags("1234567890123456789012345678901234567890123456789012345678901234"
               " 12345678901234567890123456789012345678901234567890123456789012"
               "345", "",
               " 1234567890123456789012345678901234567890123456789012345678901"
               "234");

    b = xr_buf(many, sizeof(many) - 1);
    w = xr_buf(wanted, sizeof(wanted) - 1);

    for (i = 0; i < XR_PURGE_TAGS; i++) {
        xr_buf_puts(&b, " t");
        xr_buf_uint(&b, i);
    }

    xr_buf_put(&w, xr_buf_str(&b));
    many[b.len] = '\0';
    wanted[w.len] = '\0';
    check_tags(many, "", wanted);

    xr_buf_puts(&w, " *");
    wanted[w.len] = '\0';
    check_tags(many, "one more", wanted);
}


/* A prefix of more parts than are looked at covers what it would have. */

static void
test_deep(void **state)
{
    char         deep[2 * 60 + 2], prefix[2 * 60 + 1];
    size_t       i;
    uint64_t     n;
    xr_purge_t  *p;

    (void) state;
    p = table(ROOM);

    for (i = 0; i < 60; i++) {
        memcpy(deep + 2 * i, "d/", 3);
    }

    memcpy(prefix, deep, sizeof(prefix));
    memcpy(deep + 2 * 60, "x", 2);

    n = purge(p, ACME, XR_PURGE_PREFIX, prefix, false);
    assert_int_equal(generation(p, ACME, deep), n);
    assert_int_equal(generation(p, ACME, "d/d/x"), 0);

    free(p);
}


/* Whatever has no room any more: nothing that was purged comes back. */

static void
test_full(void **state)
{
    char         name[32];
    size_t       i, j, n;
    uint64_t     generations[4000], now;
    xr_purge_t  *p;

    (void) state;
    p = table(ROOM);
    n = 4000;
    assert_true(xr_purge_room(p) < n / 2);

    for (i = 0; i < n; i++) {
        (void) snprintf(name, sizeof(name), "o/%zu", i);
        generations[i] = purge(p, i % 10, XR_PURGE_OBJECT, name, false);
    }

    assert_true(xr_purge_folded(p) > 0);
    assert_int_equal(generation(p, 77, "x"), 0);

    for (j = 0; j < 2; j++) {

        for (i = 0; i < n; i++) {
            (void) snprintf(name, sizeof(name), "o/%zu", i);
            assert_true(generation(p, i % 10, name) >= generations[i]);
        }

        /* so many tenants that not all can have a record of their own */

        for (i = 0; i < n; i++) {
            now = purge(p, 1000 + i, XR_PURGE_TENANT, "", false);
            assert_true(generation(p, 1000 + i, "x") >= now);
        }
    }

    /* of tags and of what is soft, too */

    for (i = 0; i < n; i++) {
        (void) snprintf(name, sizeof(name), "t%zu", i);
        now = purge(p, ACME, XR_PURGE_TAG, name, (i & 1) != 0);

        assert_true(xr_purge_some(p, ACME) >= now);
        assert_int_not_equal(judge(p, "o", now - 1, " t0"),
                             i == 0 ? XR_PURGE_GOOD : XR_PURGE_SCOPES);
    }

    assert_true(judge(p, "o", generations[n - 1], " t0") == XR_PURGE_GONE
                || generation(p, ACME, "o") > generations[n - 1]);

    free(p);
}


/* Two tenants in a few sets: whatever is folded into is there only once. */

static void
test_full_small(void **state)
{
    char              name[32];
    size_t            i, step, n, t;
    uint32_t          random;
    uint64_t          generations[2][64], now;
    xr_purge_t       *p;
    xr_purge_scope_t  scope;

    (void) state;

    for (random = 1, n = 0; n < 400; n++) {
        p = table(9 * 1024);
        memset(generations, 0, sizeof(generations));

        for (step = 0; step < 400; step++) {
            random = random * 1664525 + 1013904223;
            t = random >> 31;
            i = random >> 20 & 63;
            scope = (random >> 8 & 63) == 0 ? XR_PURGE_TENANT
                                            : XR_PURGE_OBJECT;

            (void) snprintf(name, sizeof(name), "%zu", i);
            now = purge(p, t + 1, scope,
                        (scope == XR_PURGE_OBJECT) ? name : "", false);

            if (scope == XR_PURGE_OBJECT) {
                generations[t][i] = now;
            }

            assert_true(generation(p, t + 1, name) >= now);
        }

        for (i = 0; i < 128; i++) {
            (void) snprintf(name, sizeof(name), "%zu", i & 63);
            assert_true(generation(p, i / 64 + 1, name)
                        >= generations[i / 64][i & 63]);
        }

        free(p);
    }
}


static size_t
write_journal(const xr_purge_t *p, char *room, size_t size)
{
    size_t             i;
    xr_buf_t           b;
    xr_purge_record_t  record;

    i = 0;
    b = xr_buf(room, size);
    xr_purge_journal_head(p, &b);
    assert_int_equal(b.len, XR_PURGE_HEAD_SIZE);

    while (xr_purge_journal_next(p, &i, &record)) {
        size = b.len;
        xr_purge_journal_line(p, &record, &b);
        assert_int_equal(b.len - size, XR_PURGE_LINE_SIZE);
    }

    assert_true(xr_buf_ok(&b));

    return b.len;
}


static xr_purge_t *
filled(void)
{
    xr_purge_t  *p;

    p = table(ROOM);

    (void) purge(p, 7, XR_PURGE_ALL, "", false);
    (void) purge(p, ACME, XR_PURGE_OBJECT, "o", false);
    (void) purge(p, ACME, XR_PURGE_OBJECT, "o", true);
    (void) purge(p, ACME, XR_PURGE_PREFIX, "p/", false);
    (void) purge(p, ACME, XR_PURGE_TAG, "t", false);
    (void) purge(p, OTHER, XR_PURGE_TENANT, "", false);

    return p;
}


static void
test_journal(void **state)
{
    char                room[4096];
    size_t              len;
    xr_purge_t         *p, *q;
    xr_purge_replay_t   replay;

    (void) state;

    p = filled();
    len = write_journal(p, room, sizeof(room));

    q = table(ROOM);
    assert_int_equal(xr_purge_journal_replay(q, xr_str_of(room, len), &replay),
                     XR_OK);
    assert_int_equal(replay.damaged, 0);
    assert_false(replay.torn);
    assert_memory_equal(xr_purge_key(q), xr_purge_key(p), sizeof(key));

    assert_int_equal(xr_purge_last(q), xr_purge_last(p));
    assert_int_equal(generation(q, ACME, "o"), generation(p, ACME, "o"));
    assert_int_equal(generation(q, ACME, "p/x"), generation(p, ACME, "p/x"));
    assert_int_equal(generation(q, OTHER, "x"), generation(p, OTHER, "x"));
    assert_int_equal(generation(q, 99, "x"), generation(p, 99, "x"));
    assert_int_equal(xr_purge_some(q, ACME), xr_purge_some(p, ACME));
    assert_int_equal(judge(q, "z", NOW, " t"), XR_PURGE_GONE);

    free(p);
    free(q);
}


/* Each byte of it counts. */

static void
test_damaged_journal(void **state)
{
    char                room[4096];
    size_t              i, len;
    xr_rc_t             rc;
    xr_str_t            text;
    xr_purge_t         *p, *q;
    xr_purge_replay_t   replay;

    (void) state;

    p = filled();
    len = write_journal(p, room, sizeof(room));

    for (i = 0; i < len; i++) {
        q = table(ROOM);
        text = xr_test_copy(xr_str_of(room, i));
        rc = xr_purge_journal_replay(q, text, &replay);

        assert_int_equal(rc, i < XR_PURGE_HEAD_SIZE ? XR_INVALID : XR_OK);
        assert_int_equal(replay.damaged, 0);
        assert_int_equal(replay.torn, rc == XR_OK
                                      && (i - XR_PURGE_HEAD_SIZE)
                                         % XR_PURGE_LINE_SIZE != 0);
        xr_test_copy_free(text);
        free(q);
    }

    for (i = 0; i < len; i++) {
        q = table(ROOM);
        room[i] ^= 1;
        rc = xr_purge_journal_replay(q, xr_str_of(room, len), &replay);

        if (i < XR_PURGE_HEAD_SIZE) {
            assert_int_equal(rc, XR_INVALID);

        } else {
            assert_int_equal(rc, XR_OK);
            assert_true(replay.damaged > 0 || replay.torn);
        }

        room[i] ^= 1;
        free(q);
    }

    free(p);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_soft),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_read_tags),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_full_small),
        cmocka_unit_test(test_journal),
        cmocka_unit_test(test_damaged_journal)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
