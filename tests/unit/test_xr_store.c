/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_store.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


#define NOW      1767225600
#define SIZE     (256 * 1024)
#define MAX      4096

#define READERS  3
#define TEXTS    96
#define SECONDS  0.3


static void *
memory_of(size_t size)
{
    void  *p;

    p = aligned_alloc(64, size);
    assert_non_null(p);
    memset(p, 0, size);

    return p;
}


static void
tag_of(uint64_t n, uint8_t tag[XR_SIPHASH_SIZE])
{
    static const uint8_t  key[XR_SIPHASH_KEY_SIZE] = { 1, 2, 3 };

    xr_str_t  part;

    part = xr_str_of((uint8_t *) &n, sizeof(n));
    xr_siphash(key, &part, 1, tag);
}


/* A text that proves itself: its bytes follow from its number and length. */

static void
text_of(uint64_t n, uint8_t *text, size_t len)
{
    size_t    i;
    uint64_t  x;

    x = n * 0x9e3779b97f4a7c15 + len;

    for (i = 0; i < len; i++) {
        x = x * 6364136223846793005 + 1442695040888963407;
        text[i] = (uint8_t) (x >> 56);
    }
}


static bool
text_ok(uint64_t n, const uint8_t *text, size_t len)
{
    uint8_t  wanted[MAX];

    text_of(n, wanted, len);

    return memcmp(text, wanted, len) == 0;
}


static xr_rc_t
put(xr_store_t *s, uint64_t n, size_t len, int64_t now)
{
    uint8_t          tag[XR_SIPHASH_SIZE], text[MAX];
    xr_store_info_t  info;

    tag_of(n, tag);
    text_of(n, text, len);

    info.fetched = now;
    info.fresh = now + 60;
    info.kept = now + 3600;
    info.len = len;
    info.absent = false;

    return xr_store_put(s, tag, xr_store_changes(s), &info, text);
}


static void
put_absent(xr_store_t *s, uint64_t n, int64_t now)
{
    uint8_t          tag[XR_SIPHASH_SIZE];
    xr_store_info_t  info;

    tag_of(n, tag);

    info.fetched = now;
    info.fresh = now + 10;
    info.kept = now + 10;
    info.len = 0;
    info.absent = true;

    assert_int_equal(xr_store_put(s, tag, xr_store_changes(s), &info, NULL),
                     XR_OK);
}


static xr_rc_t
get(xr_store_t *s, uint64_t n, xr_store_info_t *info)
{
    uint8_t  tag[XR_SIPHASH_SIZE], text[MAX];
    xr_rc_t  rc;

    tag_of(n, tag);

    rc = xr_store_get(s, tag, text, sizeof(text), info);

    if (rc == XR_OK && !info->absent) {
        assert_true(text_ok(n, text, info->len));
    }

    return rc;
}


static void
test_create(void **state)
{
    void        *p;
    xr_store_t  *s;

    (void) state;

    p = memory_of(SIZE);

    assert_null(xr_store_create(p, 64));
    assert_null(xr_store_create(p, 8192));

    s = xr_store_create(p, SIZE);
    assert_ptr_equal(s, p);
    assert_in_range(xr_store_entries(s), 256, 512);
    assert_in_range(xr_store_max(s), SIZE / 8, SIZE / 4);

    /* again: what is there stays; of another size it is refused */

    assert_int_equal(put(s, 1, 100, NOW), XR_OK);
    assert_ptr_equal(xr_store_create(p, SIZE), s);
    assert_null(xr_store_create(p, SIZE / 2));

    free(p);
}


static void
test_put_get(void **state)
{
    size_t            i;
    void             *p;
    uint8_t           tag[XR_SIPHASH_SIZE], small[10];
    uint64_t          version;
    xr_store_t       *s;
    xr_store_info_t   info;

    static const size_t  lens[] = { 0, 1, 63, 64, 65, 1000, 4096 };

    (void) state;

    p = memory_of(SIZE);
    s = xr_store_create(p, SIZE);

    for (i = 0; i < XR_COUNT(lens); i++) {
        assert_int_equal(get(s, i, &info), XR_NOT_FOUND);
        assert_int_equal(put(s, i, lens[i], NOW + (int64_t) i), XR_OK);
    }

    for (i = 0; i < XR_COUNT(lens); i++) {
        assert_int_equal(get(s, i, &info), XR_OK);
        assert_int_equal(info.len, lens[i]);
        assert_int_equal(info.fetched, NOW + i);
        assert_int_equal(info.fresh, NOW + i + 60);
        assert_int_equal(info.kept, NOW + i + 3600);
        assert_false(info.absent);
    }

    /* another text in its place, the same once more, then none */

    assert_int_equal(get(s, 5, &info), XR_OK);
    version = info.version;
    assert_int_equal(get(s, 5, &info), XR_OK);
    assert_int_equal(info.version, version);

    assert_int_equal(put(s, 5, 10, NOW), XR_OK);
    assert_int_equal(get(s, 5, &info), XR_OK);
    assert_int_equal(info.len, 10);
    assert_true(info.version > version);

    version = info.version;
    assert_int_equal(put(s, 5, 10, NOW), XR_OK);
    assert_int_equal(get(s, 5, &info), XR_OK);
    assert_true(info.version > version);

    put_absent(s, 5, NOW);
    assert_int_equal(get(s, 5, &info), XR_OK);
    assert_true(info.absent);

    /* one that is too large for the caller, or for the store */

    tag_of(6, tag);
    assert_int_equal(xr_store_get(s, tag, small, sizeof(small), &info),
                     XR_NO_SPACE);

    info.len = xr_store_max(s) + 1;
    info.absent = false;
    assert_int_equal(xr_store_put(s, tag, 0, &info, small), XR_NO_SPACE);

    free(p);
}


/* The oldest texts give way; no other is found in the place of one. */

static void
test_ring(void **state)
{
    void             *p;
    uint64_t          n, found;
    xr_store_t       *s;
    xr_store_info_t   info;

    (void) state;

    p = memory_of(SIZE);
    s = xr_store_create(p, SIZE);

    for (n = 0; n < 5000; n++) {
        assert_int_equal(put(s, n, 200 + n % 1000, NOW + (int64_t) n), XR_OK);
        assert_int_equal(get(s, n, &info), XR_OK);
    }

    found = 0;

    for (n = 0; n < 5000; n++) {

        if (get(s, n, &info) == XR_OK) {
            assert_true(n > 4000);
            found++;
        }
    }

    assert_in_range(found, 150, 400);

    free(p);
}


/* Whoever asks for names that do not exist does not drive out manifests. */

static void
test_absent_first(void **state)
{
    void             *p;
    uint64_t          n;
    xr_store_t       *s;
    xr_store_info_t   info;

    (void) state;

    p = memory_of(SIZE);
    s = xr_store_create(p, SIZE);

    for (n = 0; n < 100; n++) {
        assert_int_equal(put(s, n, 500, NOW), XR_OK);
    }

    for (n = 1000; n < 20000; n++) {
        put_absent(s, n, NOW + 100);
    }

    for (n = 0; n < 100; n++) {
        assert_int_equal(get(s, n, &info), XR_OK);
    }

    free(p);
}


static void
test_outdate(void **state)
{
    void             *p;
    uint8_t           tag[XR_SIPHASH_SIZE], text[100];
    uint64_t          changes, version;
    xr_store_t       *s;
    xr_store_info_t   info;

    (void) state;

    p = memory_of(SIZE);
    s = xr_store_create(p, SIZE);

    assert_int_equal(put(s, 1, 100, NOW), XR_OK);

    tag_of(1, tag);
    xr_store_extend(s, tag, NOW + 500);
    assert_int_equal(get(s, 1, &info), XR_OK);
    assert_int_equal(info.fresh, NOW + 500);
    assert_int_equal(info.note, 0);

    version = info.version;
    xr_store_note(s, tag, version, 5);
    xr_store_note(s, tag, version, 8);
    assert_int_equal(get(s, 1, &info), XR_OK);
    assert_int_equal(info.note, 13);

    /* what is missing of a text is not missing of the one after it */

    assert_int_equal(put(s, 1, 100, NOW), XR_OK);
    xr_store_note(s, tag, version, 16);
    assert_int_equal(get(s, 1, &info), XR_OK);
    assert_int_equal(info.note, 0);

    changes = xr_store_changes(s);
    assert_false(info.outdated);
    xr_store_outdate(s, tag);
    assert_int_equal(get(s, 1, &info), XR_OK);
    assert_int_equal(info.fresh, 0);
    assert_int_equal(info.kept, NOW + 3600);
    assert_true(info.outdated);

    /* it may have to do for a while, and is no newer by that */

    xr_store_extend(s, tag, NOW + 500);
    assert_int_equal(get(s, 1, &info), XR_OK);
    assert_int_equal(info.fresh, NOW + 500);
    assert_true(info.outdated);

    tag_of(2, tag);
    xr_store_outdate(s, tag);
    assert_int_equal(get(s, 2, &info), XR_NOT_FOUND);
    tag_of(1, tag);

    /* what was asked for before that has to be asked for again */

    text_of(1, text, sizeof(text));

    info.fetched = NOW;
    info.fresh = NOW + 60;
    info.kept = NOW + 60;
    info.len = sizeof(text);
    info.absent = false;

    assert_int_equal(xr_store_put(s, tag, changes, &info, text), XR_OK);
    assert_int_equal(get(s, 1, &info), XR_OK);
    assert_int_equal(info.fresh, 0);
    assert_int_equal(info.kept, NOW + 60);
    assert_true(info.outdated);

    assert_int_equal(put(s, 1, 100, NOW), XR_OK);
    assert_int_equal(get(s, 1, &info), XR_OK);
    assert_int_equal(info.fresh, NOW + 60);
    assert_false(info.outdated);

    free(p);
}


static void
test_expire(void **state)
{
    void             *p;
    uint8_t           tag[XR_SIPHASH_SIZE];
    xr_store_t       *s;
    xr_store_info_t   info;

    (void) state;

    p = memory_of(SIZE);
    s = xr_store_create(p, SIZE);

    assert_int_equal(put(s, 1, 100, NOW), XR_OK);
    assert_int_equal(put(s, 2, 100, NOW), XR_OK);

    xr_store_expire(s, NOW);

    assert_int_equal(get(s, 1, &info), XR_OK);
    assert_int_equal(info.fresh, 0);
    assert_int_equal(info.kept, NOW + 3600);

    assert_int_equal(put(s, 1, 100, NOW + 1), XR_OK);
    assert_int_equal(get(s, 1, &info), XR_OK);
    assert_int_equal(info.fresh, NOW + 61);

    tag_of(2, tag);
    xr_store_extend(s, tag, NOW + 30);
    assert_int_equal(get(s, 2, &info), XR_OK);
    assert_int_equal(info.fresh, NOW + 30);
    assert_true(info.outdated);

    /* within one second, before and after */

    xr_store_expire(s, NOW + 5);
    assert_int_equal(put(s, 1, 100, NOW + 5), XR_OK);
    assert_int_equal(get(s, 1, &info), XR_OK);
    assert_int_equal(info.fresh, NOW + 65);

    xr_store_expire(s, NOW + 5);
    assert_int_equal(get(s, 1, &info), XR_OK);
    assert_int_equal(info.fresh, 0);

    free(p);
}


static void
test_claims(void **state)
{
    void        *p;
    uint8_t      tag[XR_SIPHASH_SIZE], other[XR_SIPHASH_SIZE];
    xr_store_t  *s;

    (void) state;

    p = memory_of(SIZE);
    s = xr_store_create(p, SIZE);

    tag_of(1, tag);
    memcpy(other, tag, sizeof(other));
    other[7] ^= 1;                      /* in the same place */

    assert_false(xr_store_claimed(s, tag, NOW));
    assert_true(xr_store_claim(s, tag, NOW, NOW + 5));
    assert_true(xr_store_claimed(s, tag, NOW));
    assert_false(xr_store_claim(s, tag, NOW, NOW + 5));

    assert_false(xr_store_claimed(s, other, NOW));
    assert_true(xr_store_claim(s, other, NOW, NOW + 5));
    xr_store_release(s, other);
    assert_true(xr_store_claimed(s, tag, NOW));

    /* whoever had it died */

    assert_false(xr_store_claimed(s, tag, NOW + 5));
    assert_true(xr_store_claim(s, tag, NOW + 5, NOW + 10));

    xr_store_release(s, tag);
    assert_false(xr_store_claimed(s, tag, NOW + 5));
    assert_true(xr_store_claim(s, tag, NOW + 5, NOW + 10));

    free(p);
}


static double
now_of(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


/* Exits with 0 if every text that was found was whole. */

static void
read_on(xr_store_t *s)
{
    uint8_t          tag[XR_SIPHASH_SIZE], text[MAX];
    uint64_t         n;
    xr_store_info_t  info;

    for (n = 0; ; n = (n + 7) % TEXTS) {
        tag_of(n, tag);

        if (xr_store_get(s, tag, text, sizeof(text), &info) == XR_OK
            && !info.absent
            && (info.len > MAX || !text_ok(n, text, info.len)))
        {
            _exit(1);
        }
    }
}


/* Writers that are killed at any moment, and take turns. */

static void
write_on(xr_store_t *s, uint64_t seed)
{
    uint8_t   tag[XR_SIPHASH_SIZE];
    uint64_t  x;

    for (x = seed; ; ) {
        x = x * 6364136223846793005 + 1442695040888963407;

        tag_of((x >> 33) % TEXTS, tag);

        switch (x >> 60) {

        case 0:
            xr_store_outdate(s, tag);
            break;

        case 1:
            xr_store_extend(s, tag, NOW + 90);
            break;

        default:
            (void) put(s, (x >> 33) % TEXTS, (x >> 40) % MAX, NOW);
            break;
        }
    }
}


static void
test_processes(void **state)
{
    int          status;
    void        *p;
    pid_t        readers[READERS], writer;
    double       end;
    size_t       i;
    uint64_t     seed;
    xr_store_t  *s;

    (void) state;

    p = mmap(NULL, SIZE, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1,
             0);
    assert_ptr_not_equal(p, MAP_FAILED);

    s = xr_store_create(p, SIZE);

    for (i = 0; i < READERS; i++) {
        readers[i] = fork();

        if (readers[i] == 0) {
            read_on(s);
        }
    }

    end = now_of() + SECONDS;

    for (seed = 1; now_of() < end; seed++) {
        writer = fork();

        if (writer == 0) {
            write_on(s, seed);
        }

        usleep(5000);
        kill(writer, SIGKILL);
        assert_int_equal(waitpid(writer, &status, 0), writer);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGKILL);
    }

    for (i = 0; i < READERS; i++) {
        kill(readers[i], SIGKILL);
        assert_int_equal(waitpid(readers[i], &status, 0), readers[i]);
        assert_true(WIFSIGNALED(status));
    }

    munmap(p, SIZE);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_put_get),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_absent_first),
        cmocka_unit_test(test_outdate),
        cmocka_unit_test(test_expire),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_processes)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
