/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_streams.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>


#define SET_SIZE   (XR_STREAMS_WAYS * XR_STREAMS_ENTRY_SIZE)
#define ONE_SET    (XR_STREAMS_ENTRY_SIZE + SET_SIZE)

#define TAG        0x1234567890abcdef

#define PROCESSES  4
#define ROUNDS     20000
#define CAP        3


static xr_streams_t *
table_of(size_t size)
{
    void          *p;
    xr_streams_t  *t;

    p = aligned_alloc(64, size);
    assert_non_null(p);
    memset(p, 0, size);

    t = xr_streams_create(p, size);
    assert_non_null(t);

    return t;
}


static void
test_create(void **state)
{
    xr_streams_t  *t;

    (void) state;

    t = table_of(ONE_SET);

    assert_int_equal(xr_streams_entries(t), XR_STREAMS_WAYS);

    assert_ptr_equal(xr_streams_create(t, ONE_SET), t);
    assert_null(xr_streams_create(t, ONE_SET + SET_SIZE));
    assert_null(xr_streams_create(t, ONE_SET - 1));

    free(t);
}


static void
test_cap(void **state)
{
    size_t         i;
    xr_stream_t   *s[CAP], *other;
    xr_streams_t  *t;

    (void) state;

    t = table_of(ONE_SET);

    /* in whatever columns they are counted */

    for (i = 0; i < CAP; i++) {
        assert_int_equal(xr_streams_enter(t, TAG, i, CAP, &s[i]), XR_OK);
        assert_ptr_equal(s[i], s[0]);
    }

    assert_int_equal(xr_streams_enter(t, TAG, 0, CAP, &other), XR_DENIED);
    assert_int_equal(xr_streams_enter(t, TAG + 1, 0, CAP, &other), XR_OK);
    assert_ptr_not_equal(other, s[0]);

    xr_streams_leave(s[1], 1);
    assert_int_equal(xr_streams_enter(t, TAG, 0, CAP, &s[1]), XR_OK);
    assert_int_equal(xr_streams_enter(t, TAG, 0, CAP, &other), XR_DENIED);

    free(t);
}


/* An entry goes to another tag only while nothing is under way in it. */

static void
test_places(void **state)
{
    size_t         i;
    xr_stream_t   *s[XR_STREAMS_WAYS], *more;
    xr_streams_t  *t;

    (void) state;

    t = table_of(ONE_SET);

    for (i = 0; i < XR_STREAMS_WAYS; i++) {
        assert_int_equal(xr_streams_enter(t, TAG + i, 0, 1, &s[i]), XR_OK);
    }

    assert_int_equal(xr_streams_enter(t, TAG + i, 0, 1, &more), XR_NO_SPACE);

    xr_streams_leave(s[3], 0);
    assert_int_equal(xr_streams_enter(t, TAG + i, 0, 1, &more), XR_OK);
    assert_ptr_equal(more, s[3]);

    free(t);
}


/* What a process that died has counted is gone, and nobody else's. */

static void
test_clear(void **state)
{
    xr_stream_t   *s, *other;
    xr_streams_t  *t;

    (void) state;

    t = table_of(ONE_SET);

    assert_int_equal(xr_streams_enter(t, TAG, 4, 2, &s), XR_OK);
    assert_int_equal(xr_streams_enter(t, TAG, 5, 2, &s), XR_OK);

    xr_streams_clear(t, 4);

    assert_int_equal(xr_streams_enter(t, TAG, 4, 2, &s), XR_OK);
    assert_int_equal(xr_streams_enter(t, TAG, 4, 2, &other), XR_DENIED);

    /* taking back what was cleared does not go below nothing */

    xr_streams_clear(t, 4);
    xr_streams_leave(s, 4);
    assert_int_equal(xr_streams_enter(t, TAG, 4, 2, &s), XR_OK);
    assert_int_equal(xr_streams_enter(t, TAG, 4, 2, &other), XR_DENIED);

    /* tags that mean something to the table itself */

    assert_int_equal(xr_streams_enter(t, 0, 0, 1, &s), XR_OK);
    assert_int_equal(xr_streams_enter(t, 1, 0, 1, &s), XR_OK);
    assert_int_equal(xr_streams_enter(t, 0, 0, 1, &s), XR_DENIED);

    free(t);
}


/* Tags fight for the places of a set; no tag is ever let in beyond its cap. */

static void
hammer(xr_streams_t *t, int32_t *inside, size_t column)
{
    int32_t       now;
    size_t        i, tag;
    xr_stream_t  *s;

    for (i = 0; i < ROUNDS; i++) {
        tag = (i * (column + 1)) % (2 * XR_STREAMS_WAYS);

        if (xr_streams_enter(t, TAG + tag, column, CAP, &s) != XR_OK) {
            continue;
        }

        now = __atomic_add_fetch(&inside[tag], 1, __ATOMIC_SEQ_CST);

        if (now > CAP) {
            _exit(1);
        }

        (void) __atomic_sub_fetch(&inside[tag], 1, __ATOMIC_SEQ_CST);
        xr_streams_leave(s, column);
    }

    _exit(0);
}


static void
test_processes(void **state)
{
    int            status;
    pid_t          pid;
    size_t         i;
    uint8_t       *p;
    xr_streams_t  *t;

    (void) state;

    p = mmap(NULL, 2 * 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
             -1, 0);
    assert_true(p != MAP_FAILED);

    t = xr_streams_create(p, ONE_SET);
    assert_non_null(t);

    for (i = 0; i < PROCESSES; i++) {
        pid = fork();
        assert_true(pid >= 0);

        if (pid == 0) {
            hammer(t, (int32_t *) (void *) (p + 4096), i);
        }
    }

    for (i = 0; i < PROCESSES; i++) {
        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }

    assert_int_equal(munmap(p, 2 * 4096), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_clear),
        cmocka_unit_test(test_processes)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
