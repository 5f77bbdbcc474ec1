/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_memory.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


#define NOW        1767225600

#define SET_SIZE   (XR_MEMORY_WAYS * XR_MEMORY_ENTRY_SIZE)
#define ONE_SET    (XR_MEMORY_ENTRY_SIZE + SET_SIZE)

#define PROCESSES  4
#define TAGS       48
#define SECONDS    0.3


static void *
memory_of(size_t size)
{
    void  *p;

    p = aligned_alloc(64, size);
    assert_non_null(p);
    memset(p, 0, size);

    return p;
}


/* The same for the same "n", and nothing alike for others. */

static uint64_t
mix(uint64_t n)
{
    n = (n + 1) * 0x9e3779b97f4a7c15;
    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
    n = (n ^ n >> 27) * 0x94d049bb133111eb;

    return n ^ n >> 31;
}


static void
tag_of(uint64_t n, uint8_t tag[XR_SIPHASH_SIZE])
{
    uint64_t  words[2];

    words[0] = mix(n);
    words[1] = mix(~n);

    memcpy(tag, words, XR_SIPHASH_SIZE);
}


/* A value that proves itself: "expires" and the tag tell all the rest. */

static xr_memory_value_t
value_of(uint64_t n, int64_t expires)
{
    uint64_t           seed;
    xr_memory_value_t  v;

    seed = mix(n) ^ (uint64_t) expires;

    v.expires = expires;
    v.subject = mix(seed ^ 1);
    v.token_id = mix(seed ^ 2);
    v.key_id = mix(seed ^ 3);
    v.ceiling = mix(seed ^ 4) & 0xff;

    return v;
}


static bool
value_ok(uint64_t n, const xr_memory_value_t *v)
{
    xr_memory_value_t  wanted;

    wanted = value_of(n, v->expires);

    return memcmp(v, &wanted, sizeof(wanted)) == 0;
}


static void
put(xr_memory_t *m, uint64_t n, int64_t now, int64_t expires)
{
    uint8_t            tag[XR_SIPHASH_SIZE];
    xr_memory_value_t  v;

    tag_of(n, tag);
    v = value_of(n, expires);

    xr_memory_put(m, tag, now, &v);
}


/* When it expires, or 0: not known. */

static int64_t
get(xr_memory_t *m, uint64_t n, int64_t now)
{
    uint8_t            tag[XR_SIPHASH_SIZE];
    xr_memory_value_t  v;

    tag_of(n, tag);

    if (xr_memory_get(m, tag, now, &v) != XR_OK) {
        return 0;
    }

    assert_true(value_ok(n, &v));

    return v.expires;
}


/* Word "i" of entry "e": 0 is the head, whose upper half is odd in a write. */

static uint64_t *
word(void *p, size_t e, size_t i)
{
    return (uint64_t *) p + (e + 1) * XR_MEMORY_ENTRY_SIZE / 8 + i;
}


#define WRITING  ((uint64_t) 1 << 32)


/* The only entry that is in use. */

static size_t
entry_of(void *p)
{
    size_t  e;

    for (e = 0; *word(p, e, 0) == 0; e++) {
        assert_true(e < XR_MEMORY_WAYS);
    }

    return e;
}


static void
test_sizes(void **state)
{
    size_t        i;
    void         *p;
    xr_memory_t  *m;

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
        { 64 + 1000 * SET_SIZE, 8000 },
        { 1024 * 1024, 16376 }
    };

    (void) state;

    p = memory_of(1024 * 1024);

    for (i = 0; i < XR_COUNT(cases); i++) {
        memset(p, 0, 1024 * 1024);
        m = xr_memory_create(p, cases[i].size);

        assert_true((m == NULL) == (cases[i].entries == 0));

        if (m != NULL) {
            assert_int_equal(xr_memory_entries(m), cases[i].entries);
        }
    }

    free(p);
}


static void
test_reopen(void **state)
{
    void         *p;
    xr_memory_t  *m;

    (void) state;

    p = memory_of(ONE_SET + SET_SIZE);
    m = xr_memory_create(p, ONE_SET + SET_SIZE);

    put(m, 7, NOW, NOW + 60);

    assert_ptr_equal(xr_memory_create(p, ONE_SET + SET_SIZE), m);
    assert_int_equal(get(m, 7, NOW), NOW + 60);

    /* neither another size nor memory of somebody else */

    assert_null(xr_memory_create(p, ONE_SET));

    memset(p, 'x', ONE_SET);
    assert_null(xr_memory_create(p, ONE_SET + SET_SIZE));

    free(p);
}


static void
test_get_put(void **state)
{
    size_t        i;
    void         *p;
    uint8_t       tag[XR_SIPHASH_SIZE];
    xr_memory_t  *m;

    xr_memory_value_t  v;

    (void) state;

    p = memory_of(ONE_SET + 7 * SET_SIZE);
    m = xr_memory_create(p, ONE_SET + 7 * SET_SIZE);

    assert_int_equal(get(m, 1, NOW), 0);

    put(m, 1, NOW, NOW + 60);
    put(m, 2, NOW, NOW + 70);

    assert_int_equal(get(m, 1, NOW), NOW + 60);
    assert_int_equal(get(m, 2, NOW), NOW + 70);
    assert_int_equal(get(m, 3, NOW), 0);

    put(m, 1, NOW, NOW + 50);
    assert_int_equal(get(m, 1, NOW), NOW + 50);

    /* every bit of the tag counts */

    for (i = 0; i < 8 * XR_SIPHASH_SIZE; i++) {
        tag_of(1, tag);
        tag[i / 8] ^= (uint8_t) (1 << i % 8);

        assert_int_equal(xr_memory_get(m, tag, NOW, &v), XR_NOT_FOUND);
    }

    free(p);
}


/* An entry of zeros is not an entry for the tag of zeros. */

static void
test_zero(void **state)
{
    void         *p;
    uint8_t       tag[XR_SIPHASH_SIZE];
    xr_memory_t  *m;

    xr_memory_value_t  v;

    (void) state;

    p = memory_of(ONE_SET);
    m = xr_memory_create(p, ONE_SET);

    memset(tag, 0, sizeof(tag));
    memset(&v, 0, sizeof(v));

    assert_int_equal(xr_memory_get(m, tag, 0, &v), XR_NOT_FOUND);
    assert_int_equal(xr_memory_get(m, tag, -1, &v), XR_NOT_FOUND);

    v.expires = 5;
    xr_memory_put(m, tag, 0, &v);

    assert_int_equal(xr_memory_get(m, tag, 0, &v), XR_OK);
    assert_int_equal(v.expires, 5);

    free(p);
}


static void
test_expiry(void **state)
{
    size_t        i;
    void         *p;
    xr_memory_t  *m;

    (void) state;

    p = memory_of(ONE_SET);
    m = xr_memory_create(p, ONE_SET);

    put(m, 1, NOW, NOW + 2);

    assert_int_equal(get(m, 1, NOW + 1), NOW + 2);
    assert_int_equal(get(m, 1, NOW + 2), 0);
    assert_int_equal(get(m, 1, NOW + 3), 0);

    /* what expired already takes no place and replaces nothing */

    put(m, 1, NOW, NOW);
    put(m, 1, NOW, NOW - 1);
    assert_int_equal(get(m, 1, NOW), NOW + 2);

    /* what expired gives way to others although it was used last */

    for (i = 1; i < XR_MEMORY_WAYS; i++) {
        put(m, 100 + i, NOW - 1000, NOW + 1000);
    }

    put(m, 200, NOW + 2, NOW + 1000);
    assert_int_equal(get(m, 200, NOW + 2), NOW + 1000);

    for (i = 1; i < XR_MEMORY_WAYS; i++) {
        assert_int_equal(get(m, 100 + i, NOW + 2), NOW + 1000);
    }

    free(p);
}


static void
test_eviction(void **state)
{
    size_t        i;
    void         *p;
    xr_memory_t  *m;

    (void) state;

    p = memory_of(ONE_SET);
    m = xr_memory_create(p, ONE_SET);

    for (i = 0; i < XR_MEMORY_WAYS; i++) {
        put(m, i, NOW + (int64_t) i, NOW + 1000);
    }

    /* the one that came first was used since: the second one goes */

    assert_int_equal(get(m, 0, NOW + 20), NOW + 1000);

    put(m, 100, NOW + 21, NOW + 1000);

    for (i = 0; i < XR_MEMORY_WAYS; i++) {
        assert_int_equal(get(m, i, NOW + 21), (i != 1) ? NOW + 1000 : 0);
    }

    assert_int_equal(get(m, 100, NOW + 21), NOW + 1000);

    free(p);
}


/* Hits write at most once a second, and never set the time back by little. */

static void
test_use_time(void **state)
{
    size_t        i;
    void         *p;
    uint64_t      before, *head;
    xr_memory_t  *m;

    static const struct {
        int64_t  elapsed;
        bool     written;
    } cases[] = {
        { 0, false },
        { 1, true },
        { 1, false },
        { 0, false },
        { -5, false },
        { 3, true },
        { -1000, true },
        { -1000, false },
        { 1, true }
    };

    (void) state;

    p = memory_of(ONE_SET);
    m = xr_memory_create(p, ONE_SET);

    put(m, 1, NOW, NOW + 1000);
    head = word(p, entry_of(p), 0);

    for (i = 0; i < XR_COUNT(cases); i++) {
        before = *head;

        assert_int_equal(get(m, 1, NOW + cases[i].elapsed), NOW + 1000);
        assert_true((*head != before) == cases[i].written);
    }

    free(p);
}


/* A writer that died leaves its entry odd, with the time it began at. */

static void
test_dead_writer(void **state)
{
    size_t        i;
    void         *p;
    xr_memory_t  *m;

    (void) state;

    p = memory_of(ONE_SET);
    m = xr_memory_create(p, ONE_SET);

    for (i = 0; i < XR_MEMORY_WAYS; i++) {
        put(m, i, NOW, NOW + 1000);
    }

    for (i = 0; i < XR_MEMORY_WAYS; i++) {
        *word(p, i, 0) += WRITING;
    }

    /* all are being written for all we know */

    for (i = 0; i < XR_MEMORY_WAYS; i++) {
        assert_int_equal(get(m, i, NOW), 0);
    }

    put(m, 3, NOW + 5, NOW + 2000);
    put(m, 100, NOW + 5, NOW + 2000);
    assert_int_equal(get(m, 3, NOW + 5), 0);
    assert_int_equal(get(m, 100, NOW + 5), 0);

    /* but not for ever */

    for (i = 0; i < XR_MEMORY_WAYS; i++) {
        put(m, i, NOW + 11, NOW + 2000);
    }

    for (i = 0; i < XR_MEMORY_WAYS; i++) {
        assert_int_equal(get(m, i, NOW + 11), NOW + 2000);
    }

    free(p);
}


/* A writer that was only stopped wakes up and goes on where it was. */

static void
test_stopped_writer(void **state)
{
    size_t        i, k, e;
    void         *p;
    uint64_t      old[8], new[8];
    xr_memory_t  *m;

    (void) state;

    p = memory_of(ONE_SET);
    m = xr_memory_create(p, ONE_SET);

    put(m, 1, NOW, NOW + 1000);
    e = entry_of(p);
    memcpy(old, word(p, e, 0), sizeof(old));

    *word(p, e, 0) += WRITING;

    put(m, 1, NOW + 11, NOW + 2000);
    memcpy(new, word(p, e, 0), sizeof(new));
    assert_int_equal(get(m, 1, NOW + 11), NOW + 2000);

    /* some of its words over those of the one that took over: never valid */

    for (i = 0; i < 256; i += 2) {

        for (k = 1; k < 8; k++) {
            *word(p, e, k) = (i & (size_t) 1 << k) ? old[k] : new[k];
        }

        if (memcmp(word(p, e, 1), old + 1, 56) != 0
            && memcmp(word(p, e, 1), new + 1, 56) != 0)
        {
            assert_int_equal(get(m, 1, NOW + 11), 0);
        }
    }

    /* and the entry is of use again */

    put(m, 1, NOW + 12, NOW + 3000);
    assert_int_equal(get(m, 1, NOW + 12), NOW + 3000);

    free(p);
}


static void
test_flipped_bit(void **state)
{
    size_t        i, e;
    void         *p;
    xr_memory_t  *m;

    (void) state;

    p = memory_of(ONE_SET);
    m = xr_memory_create(p, ONE_SET);

    put(m, 1, NOW, NOW + 1000);
    e = entry_of(p);

    for (i = 64; i < 512; i++) {
        *word(p, e, i / 64) ^= (uint64_t) 1 << i % 64;
        assert_int_equal(get(m, 1, NOW), 0);
        *word(p, e, i / 64) ^= (uint64_t) 1 << i % 64;
    }

    assert_int_equal(get(m, 1, NOW), NOW + 1000);

    free(p);
}


static double
clock_seconds(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


/*
 * Puts and gets for a while; 0: never a value but one that was put.  With a
 * "jitter" the clocks of the processes differ so much that they take each
 * other for dead all the time.
 */

static int
hammer(xr_memory_t *m, uint64_t seed, uint64_t jitter)
{
    size_t             hits;
    double             end;
    int64_t            now;
    uint64_t           i, n, random;
    uint8_t            tag[XR_SIPHASH_SIZE];
    xr_memory_value_t  v;

    hits = 0;
    end = clock_seconds() + SECONDS;

    for (i = 0; i % 1024 != 0 || clock_seconds() < end; i++) {
        random = mix(seed << 40 ^ i);
        n = random % TAGS;
        now = NOW + (int64_t) ((random >> 16) % (jitter + 1));

        if (random >> 32 & 1) {
            put(m, n, now, NOW + 1000 + (int64_t) (random >> 48));
            continue;
        }

        tag_of(n, tag);

        if (xr_memory_get(m, tag, now, &v) == XR_OK) {
            hits++;

            if (!value_ok(n, &v)) {
                return 1;
            }
        }
    }

    return (hits > 0) ? 0 : 2;
}


static void
hammer_all(uint64_t jitter)
{
    int           status;
    void         *p;
    pid_t         pids[PROCESSES];
    uint64_t      i;
    xr_memory_t  *m;

    p = mmap(NULL, ONE_SET + 3 * SET_SIZE, PROT_READ|PROT_WRITE,
             MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);

    m = xr_memory_create(p, ONE_SET + 3 * SET_SIZE);
    assert_non_null(m);

    for (i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        assert_true(pids[i] != -1);

        if (pids[i] == 0) {
            _exit(hammer(m, i + 1, jitter));
        }
    }

    for (i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }

    munmap(p, ONE_SET + 3 * SET_SIZE);
}


static void
test_processes(void **state)
{
    (void) state;

    hammer_all(1);
}


static void
test_processes_take_over(void **state)
{
    (void) state;

    hammer_all(100);
}


/* Killed at any point of its work, a process costs the others nothing. */

static void
test_processes_killed(void **state)
{
    int           status;
    void         *p;
    pid_t         pid;
    size_t        i;
    uint64_t      n;
    xr_memory_t  *m;

    (void) state;

    p = mmap(NULL, ONE_SET, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1,
             0);
    assert_true(p != MAP_FAILED);

    m = xr_memory_create(p, ONE_SET);

    for (i = 0; i < 50; i++) {
        pid = fork();
        assert_true(pid != -1);

        if (pid == 0) {

            for (n = 0; /* void */ ; n++) {
                put(m, n % TAGS, NOW, NOW + 1000 + (int64_t) (n % 512));
            }
        }

        usleep(1000 + 97 * (unsigned) i);

        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);

        for (n = 0; n < TAGS; n++) {
            (void) get(m, n, NOW);
        }
    }

    for (n = 0; n < XR_MEMORY_WAYS; n++) {
        put(m, n, NOW + 11, NOW + 2000);
        assert_int_equal(get(m, n, NOW + 11), NOW + 2000);
    }

    munmap(p, ONE_SET);
}


/* Beside the time, which bounds it; no ceiling is not a ceiling of 0. */

static void
test_ceiling(void **state)
{
    void               *p;
    size_t              i;
    uint8_t             tag[XR_SIPHASH_SIZE];
    xr_memory_t        *m;
    xr_memory_value_t   v, out;

    static const int64_t   times[] = { 1001, XR_MEMORY_EXPIRES_MAX, INT64_MAX };
    static const uint64_t  ceilings[] = { 0, 1, 101, 255 };

    (void) state;

    p = memory_of(ONE_SET);
    m = xr_memory_create(p, ONE_SET);

    for (i = 0; i < XR_COUNT(times) * XR_COUNT(ceilings); i++) {
        tag_of(i, tag);
        memset(&v, 0, sizeof(v));

        v.expires = times[i % XR_COUNT(times)];
        v.ceiling = ceilings[i / XR_COUNT(times)];
        xr_memory_put(m, tag, 1000, &v);

        assert_int_equal(xr_memory_get(m, tag, 1000, &out), XR_OK);
        assert_int_equal(out.ceiling, v.ceiling);
        assert_true(out.expires == (v.expires < XR_MEMORY_EXPIRES_MAX
                                    ? v.expires : XR_MEMORY_EXPIRES_MAX));
        assert_int_equal(xr_memory_get(m, tag, out.expires, &out),
                         XR_NOT_FOUND);
    }

    free(p);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_reopen),
        cmocka_unit_test(test_get_put),
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_zero),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_eviction),
        cmocka_unit_test(test_use_time),
        cmocka_unit_test(test_dead_writer),
        cmocka_unit_test(test_stopped_writer),
        cmocka_unit_test(test_flipped_bit),
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_processes_take_over),
        cmocka_unit_test(test_processes_killed)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
