/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_bucket.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>


#define NOW       INT64_C(1000000)

#define SET_SIZE  (XR_BUCKET_WAYS * XR_BUCKET_ENTRY_SIZE + 4)
#define ONE_SET   (64 + SET_SIZE)

#define THREADS   2
#define ROUNDS    500
#define TAGS      4               /* fits as often as there are threads */

/* Words of an entry. */

#define WORD_TAG  0
#define WORD_KEY  16

#define BUSY      ((uint64_t) UINT32_MAX << 32)


static const xr_limit_t  limit = {
    .unit = XR_LIMIT_REQUESTS,
    .rate = 20 * XR_LIMIT_TOKEN,
    .burst = 40 * XR_LIMIT_TOKEN,
    .cost = XR_LIMIT_TOKEN
};


static void *
memory_of(size_t size)
{
    void  *p;

    p = aligned_alloc(64, (size + 63) / 64 * 64);
    assert_non_null(p);
    memset(p, 0, size);

    return p;
}


static void
key_of(uint64_t tag, uint8_t key[XR_LIMIT_KEY_SIZE])
{
    char  text[XR_LIMIT_KEY_SIZE + 1];

    (void) snprintf(text, sizeof(text), "xr:{%016llx}:%034llx",
                    (unsigned long long) tag, (unsigned long long) tag);

    memcpy(key, text, XR_LIMIT_KEY_SIZE);
}


/* Makes an entry unless there is one. */

static xr_bucket_t *
make(xr_buckets_t *t, uint64_t tag, int64_t now)
{
    uint8_t  key[XR_LIMIT_KEY_SIZE];

    key_of(tag, key);

    return xr_buckets_get(t, tag, key, &limit, now);
}


static xr_bucket_t *
find(xr_buckets_t *t, uint64_t tag, int64_t now)
{
    return xr_buckets_get(t, tag, NULL, &limit, now);
}


static bool
has_key(const xr_bucket_t *b, uint64_t tag)
{
    uint8_t  key[XR_LIMIT_KEY_SIZE], wanted[XR_LIMIT_KEY_SIZE];

    key_of(tag, wanted);

    return xr_bucket_key(b, tag, key)
           && memcmp(key, wanted, XR_LIMIT_KEY_SIZE) == 0;
}


static uint64_t *
word(xr_bucket_t *b, size_t i)
{
    return (uint64_t *) (void *) b + i;
}


static void
test_sizes(void **state)
{
    size_t         i;
    void          *p;
    xr_buckets_t  *t;

    static const struct {
        size_t  size;
        size_t  entries;
    } cases[] = {
        { 0, 0 },
        { 63, 0 },
        { 64, 0 },
        { ONE_SET - 1, 0 },
        { ONE_SET, 8 },
        { ONE_SET + SET_SIZE - 1, 8 },
        { ONE_SET + SET_SIZE, 16 },
        { 64 + 100 * SET_SIZE, 800 }
    };

    (void) state;

    p = memory_of(64 + 100 * SET_SIZE);

    for (i = 0; i < XR_COUNT(cases); i++) {
        memset(p, 0, 64 + 100 * SET_SIZE);
        t = xr_buckets_create(p, cases[i].size);

        assert_true((t == NULL) == (cases[i].entries == 0));

        if (t != NULL) {
            assert_int_equal(xr_buckets_entries(t), cases[i].entries);
        }
    }

    free(p);
}


static void
test_reopen(void **state)
{
    void          *p;
    xr_bucket_t   *b;
    xr_buckets_t  *t;

    (void) state;

    p = memory_of(ONE_SET + SET_SIZE);
    t = xr_buckets_create(p, ONE_SET + SET_SIZE);
    b = make(t, 7, NOW);

    assert_ptr_equal(xr_buckets_create(p, ONE_SET + SET_SIZE), t);
    assert_ptr_equal(find(t, 7, NOW), b);

    /* neither another size nor memory of somebody else */

    assert_null(xr_buckets_create(p, ONE_SET));

    memset(p, 'x', ONE_SET);
    assert_null(xr_buckets_create(p, ONE_SET + SET_SIZE));

    free(p);
}


static void
test_get(void **state)
{
    size_t         i, n, found;
    uint8_t        key[XR_LIMIT_KEY_SIZE];
    xr_bucket_t   *b[5];
    xr_buckets_t  *t;

    /* some of them mean something else where tags are kept */

    static const uint64_t  tags[] = {
        0, 1, BUSY, BUSY | 5, 0x123456789abcdef0
    };

    (void) state;

    n = 64 + 50 * SET_SIZE;
    t = xr_buckets_create(memory_of(n), n);

    for (i = 0; i < XR_COUNT(tags); i++) {
        assert_null(find(t, tags[i], NOW));

        b[i] = make(t, tags[i], NOW);
        assert_non_null(b[i]);

        /* whatever key comes with it, it is the one that was made */

        key_of(99, key);
        assert_ptr_equal(xr_buckets_get(t, tags[i], key, &limit, NOW), b[i]);
        assert_ptr_equal(find(t, tags[i], NOW), b[i]);
        assert_true(has_key(b[i], tags[i]));
    }

    for (i = 0; i < XR_COUNT(tags); i++) {
        assert_ptr_equal(find(t, tags[i], NOW), b[i]);

        found = 0;

        for (n = 0; n < xr_buckets_entries(t); n++) {
            found += (xr_buckets_at(t, n) == b[i]);
        }

        assert_int_equal(found, 1);
    }

    assert_false(xr_bucket_key(b[0], tags[1], key));
    assert_false(xr_bucket_key(b[1], tags[0], key));

    free(t);
}


/* Sets take their places in the order in which they are needed. */

static void
test_places(void **state)
{
    size_t         n;
    uint64_t       set;
    xr_bucket_t   *b;
    xr_buckets_t  *t;

    (void) state;

    n = 64 + 50 * SET_SIZE;
    t = xr_buckets_create(memory_of(n), n);
    assert_int_equal(xr_buckets_used(t), 0);

    for (set = 50; set-- > 0; /* void */ ) {
        assert_null(xr_buckets_guess(t, (set * (UINT64_C(1) << 32) / 50 + 1) << 32));

        for (n = 0; n < XR_BUCKET_WAYS; n++) {
            b = make(t, (set * (UINT64_C(1) << 32) / 50 + 1) << 32 | n, NOW);
            assert_ptr_equal(b, xr_buckets_at(t, (49 - set) * XR_BUCKET_WAYS
                                                 + n));
        }

        assert_int_equal(xr_buckets_used(t), (50 - set) * XR_BUCKET_WAYS);
    }

    free(t);
}


/* A limit that has been changed is what is asked for from then on. */

static void
test_new_limit(void **state)
{
    xr_limit_t        l;
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   ask;

    (void) state;

    t = xr_buckets_create(memory_of(ONE_SET), ONE_SET);
    b = make(t, 1, NOW);

    l = limit;
    l.rate = 7;
    l.burst = 8 * XR_LIMIT_TOKEN;

    assert_ptr_equal(xr_buckets_get(t, 1, NULL, &l, NOW), b);
    assert_true(xr_bucket_ask(b, NOW, &ask));
    assert_int_equal(ask.rate, 7);
    assert_int_equal(ask.burst, 8 * XR_LIMIT_TOKEN);

    free(t);
}


/* What was not used for the longest time goes. */

static void
test_eviction(void **state)
{
    uint64_t       i;
    xr_buckets_t  *t;

    (void) state;

    t = xr_buckets_create(memory_of(ONE_SET), ONE_SET);

    for (i = 0; i < XR_BUCKET_WAYS; i++) {
        assert_non_null(make(t, i + 1, NOW + 100 * (int64_t) i));
    }

    /* the first was used since: the second goes, and the third after it */

    assert_non_null(find(t, 1, NOW + 1000));
    assert_non_null(make(t, 100, NOW + 1001));

    assert_null(find(t, 2, NOW + 1001));
    assert_non_null(find(t, 3, NOW + 1001 - 900));

    for (i = 0; i < XR_BUCKET_WAYS; i++) {
        assert_true((find(t, i + 1, NOW + 1001) != NULL) == (i != 1));
    }

    free(t);
}


/* Of idle ones, those go first with which nothing is lost. */

static void
test_eviction_of_empty(void **state)
{
    uint64_t       i;
    xr_bucket_t   *b;
    xr_buckets_t  *t;

    (void) state;

    t = xr_buckets_create(memory_of(ONE_SET), ONE_SET);

    for (i = 0; i < XR_BUCKET_WAYS; i++) {
        b = make(t, i + 1, NOW);

        /* tokens, or a debt; nothing in the fourth, which is used last */

        if (i != 3) {
            xr_bucket_charge(b, i + 1, (i % 2 == 0) ? XR_LIMIT_TOKEN
                                                    : -XR_LIMIT_TOKEN);
        }
    }

    assert_non_null(find(t, 4, NOW + 500));

    assert_non_null(make(t, 100, NOW + 1400));
    assert_non_null(find(t, 4, NOW + 500));

    assert_non_null(make(t, 101, NOW + 1600));
    assert_null(find(t, 4, NOW + 1600));

    free(t);
}


/* Somebody waits for the answer, but not for ever. */

static void
test_eviction_of_asked(void **state)
{
    uint64_t          i;
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   asks[XR_BUCKET_WAYS];

    (void) state;

    t = xr_buckets_create(memory_of(ONE_SET), ONE_SET);

    for (i = 0; i < XR_BUCKET_WAYS; i++) {
        b = make(t, i + 1, NOW);
        assert_true(xr_bucket_ask(b, NOW, &asks[i]));
    }

    assert_null(make(t, 100, NOW));
    assert_null(make(t, 100, NOW + 4999));
    assert_null(make(t, 100, NOW - 4999));

    xr_bucket_answered(&asks[5], 0, 0, NOW + 1);

    assert_non_null(make(t, 100, NOW + 1));
    assert_null(find(t, 6, NOW + 1));

    for (i = 0; i < XR_BUCKET_WAYS; i++) {
        assert_true((find(t, i + 1, NOW + 1) != NULL) == (i != 5));
    }

    assert_non_null(make(t, 101, NOW + 5000));

    free(t);
}


/* A clock that went back makes what was used in its future look old. */

static void
test_clock_back(void **state)
{
    uint64_t       i;
    xr_buckets_t  *t;

    (void) state;

    t = xr_buckets_create(memory_of(ONE_SET), ONE_SET);

    for (i = 0; i < XR_BUCKET_WAYS; i++) {
        assert_non_null(make(t, i + 1, NOW + ((i == 4) ? 500000 : 0)));
    }

    assert_non_null(make(t, 100, NOW));
    assert_null(find(t, 5, NOW));

    free(t);
}


/* Whoever died while he made an entry left it busy, and said since when. */

static void
test_dead_maker(void **state)
{
    size_t         i, k;
    uint8_t        key[XR_LIMIT_KEY_SIZE];
    xr_bucket_t   *b;
    xr_buckets_t  *t;

    static const int64_t  nows[] = {
        NOW, INT64_C(0x1fffff000), INT64_C(0xfffffffe)
    };

    (void) state;

    for (i = 0; i < XR_COUNT(nows); i++) {
        t = xr_buckets_create(memory_of(ONE_SET), ONE_SET);

        for (k = 0; k < XR_BUCKET_WAYS; k++) {
            b = xr_buckets_at(t, k);
            *word(b, WORD_TAG) = BUSY | (uint32_t) nows[i];

            assert_false(xr_bucket_key(b, *word(b, WORD_TAG), key));
        }

        assert_null(make(t, 1, nows[i]));
        assert_null(make(t, 1, nows[i] + 4999));
        assert_non_null(make(t, 1, nows[i] + 5000));

        free(t);
    }
}


/*
 * Whoever was only stopped goes on where he was, over what another has made
 * meanwhile: nobody is asked with a key that is half of each.
 */

static void
test_stopped_maker(void **state)
{
    size_t            i, mixed;
    uint8_t           key[XR_LIMIT_KEY_SIZE];
    uint64_t          words[XR_LIMIT_KEY_SIZE / 8];
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   ask;

    (void) state;

    t = xr_buckets_create(memory_of(ONE_SET), ONE_SET);
    b = make(t, 1, NOW);

    key_of(UINT64_MAX / 3, key);
    memcpy(words, key, XR_LIMIT_KEY_SIZE);

    mixed = 0;

    for (i = 0; i < XR_COUNT(words); i++) {

        if (*word(b, WORD_KEY + i) == words[i]) {
            continue;
        }

        mixed++;
        *word(b, WORD_KEY + i) ^= words[i];

        assert_false(xr_bucket_key(b, 1, key));
        assert_false(xr_bucket_ask(b, NOW, &ask));

        *word(b, WORD_KEY + i) ^= words[i];
    }

    assert_true(mixed > 2);
    assert_true(has_key(b, 1));
    assert_true(xr_bucket_ask(b, NOW, &ask));

    free(t);
}


typedef struct {
    xr_buckets_t       *table;
    pthread_barrier_t   barrier;
    int                 arrived;
    int                 failures;
} race_t;


/* Each is there once, with its key; then none is. */

static int
race_check(race_t *r)
{
    int           failures;
    size_t        i;
    uint64_t      tag;
    xr_bucket_t  *b;

    failures = 0;

    for (tag = 1; tag <= TAGS; tag++) {
        failures += (find(r->table, tag, NOW) == NULL);
    }

    for (i = 0; i < XR_BUCKET_WAYS; i++) {
        b = xr_buckets_at(r->table, i);
        tag = __atomic_load_n(word(b, WORD_TAG), __ATOMIC_ACQUIRE);

        failures += (tag != 0 && (find(r->table, tag, NOW) != b
                                  || !has_key(b, tag)));
    }

    for (i = 0; i < XR_BUCKET_WAYS; i++) {
        b = xr_buckets_at(r->table, i);
        __atomic_store_n(word(b, WORD_TAG), 0, __ATOMIC_RELEASE);
    }

    return failures;
}


static void *
race(void *data)
{
    race_t *r = data;

    int       i, last;
    uint64_t  tag;

    for (i = 1; i <= ROUNDS; i++) {
        (void) pthread_barrier_wait(&r->barrier);

        /* at the same time, not when the system wakes them */

        (void) __atomic_fetch_add(&r->arrived, 1, __ATOMIC_ACQ_REL);

        while (__atomic_load_n(&r->arrived, __ATOMIC_ACQUIRE) < i * THREADS) {
            continue;
        }

        for (tag = 1; tag <= TAGS; tag++) {

            if (make(r->table, tag, NOW) == NULL) {
                (void) __atomic_fetch_add(&r->failures, 1, __ATOMIC_RELAXED);
            }
        }

        last = pthread_barrier_wait(&r->barrier);

        if (last == PTHREAD_BARRIER_SERIAL_THREAD) {
            (void) __atomic_fetch_add(&r->failures, race_check(r),
                                      __ATOMIC_RELAXED);
        }
    }

    return NULL;
}


static void
test_race(void **state)
{
    int         rc;
    size_t      i;
    race_t      r;
    pthread_t   threads[THREADS];

    (void) state;

    r.table = xr_buckets_create(memory_of(ONE_SET), ONE_SET);
    r.arrived = 0;
    r.failures = 0;

    rc = pthread_barrier_init(&r.barrier, NULL, THREADS);
    assert_int_equal(rc, 0);

    for (i = 0; i < THREADS; i++) {
        rc = pthread_create(&threads[i], NULL, race, &r);
        assert_int_equal(rc, 0);
    }

    for (i = 0; i < THREADS; i++) {
        rc = pthread_join(threads[i], NULL);
        assert_int_equal(rc, 0);
    }

    assert_int_equal(r.failures, 0);

    pthread_barrier_destroy(&r.barrier);
    free(r.table);
}


/* Killed at any point of its work, a process costs the others little. */

static void
test_processes_killed(void **state)
{
    int            status;
    void          *p;
    pid_t          pid;
    size_t         i;
    uint64_t       n;
    xr_buckets_t  *t;

    (void) state;

    p = mmap(NULL, ONE_SET, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1,
             0);
    assert_true(p != MAP_FAILED);

    t = xr_buckets_create(p, ONE_SET);

    for (i = 0; i < 30; i++) {
        pid = fork();
        assert_true(pid != -1);

        if (pid == 0) {

            for (n = 0; /* void */ ; n++) {
                (void) make(t, 1 + n % 40, NOW);
            }
        }

        usleep(1000 + 97 * (unsigned) i);

        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
    }

    for (n = 0; n < XR_BUCKET_WAYS; n++) {
        assert_non_null(make(t, 100 + n, NOW + 6000));
    }

    for (n = 0; n < XR_BUCKET_WAYS; n++) {
        assert_true(has_key(find(t, 100 + n, NOW + 6000), 100 + n));
    }

    munmap(p, ONE_SET);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_reopen),
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_new_limit),
        cmocka_unit_test(test_eviction),
        cmocka_unit_test(test_eviction_of_empty),
        cmocka_unit_test(test_eviction_of_asked),
        cmocka_unit_test(test_clock_back),
        cmocka_unit_test(test_dead_maker),
        cmocka_unit_test(test_stopped_maker),
        cmocka_unit_test(test_race),
        cmocka_unit_test(test_processes_killed)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
