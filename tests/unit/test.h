/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_TEST_H
#define XR_TEST_H


/* cmocka.h needs these before it */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xr.h"


/*
 * Checks for table-driven tests.  "what" names the case, which a line number
 * cannot.
 */

#define XR_CHECK(is, what)                                                    \
    do {                                                                      \
        if (!(is)) {                                                          \
            fail_msg("%s: not %s", (what), #is);                              \
        }                                                                     \
    } while (0)

#define XR_CHECK_EQ(is, wanted, what)                                         \
    do {                                                                      \
        long long  is_ = (long long) (is), wanted_ = (long long) (wanted);    \
                                                                              \
        if (is_ != wanted_) {                                                 \
            fail_msg("%s: %s is %lld, not %lld", (what), #is, is_, wanted_);  \
        }                                                                     \
    } while (0)

/* "is" is a view, "wanted" a C string. */

#define XR_CHECK_STR(is, wanted, what)                                        \
    do {                                                                      \
        xr_str_t  s_ = (is);                                                  \
                                                                              \
        if (!xr_str_eq(s_, xr_str(wanted))) {                                 \
            fail_msg("%s: %s is \"%.*s\", not \"%s\"", (what), #is,           \
                     (int) s_.len, s_.len ? (const char *) s_.data : "",      \
                     (wanted));                                               \
        }                                                                     \
    } while (0)


/*
 * An allocator for objects that live as long as one test: everything it gave
 * is freed by xr_test_mem_free().  After "fail_after" allocations it has no
 * memory left; SIZE_MAX means never.
 */

#define XR_TEST_MEM_BLOCKS  4096

typedef struct {
    xr_mem_t   mem;
    size_t     n;
    size_t     fail_after;
    void      *blocks[XR_TEST_MEM_BLOCKS];
} xr_test_mem_t;


static inline void *
xr_test_mem_alloc(void *ctx, size_t size)
{
    xr_test_mem_t *m = ctx;

    void  *p;

    if (m->n >= m->fail_after) {
        return NULL;
    }

    assert_true(m->n < XR_TEST_MEM_BLOCKS);

    p = calloc(1, size > 0 ? size : 1);
    assert_non_null(p);

    m->blocks[m->n++] = p;

    return p;
}


/* "m" must stay where it is: its "mem" points to it. */

static inline void
xr_test_mem_init(xr_test_mem_t *m, size_t fail_after)
{
    memset(m, 0, sizeof(xr_test_mem_t));

    m->mem.alloc = xr_test_mem_alloc;
    m->mem.ctx = m;
    m->fail_after = fail_after;
}


static inline void
xr_test_mem_free(xr_test_mem_t *m)
{
    size_t  i;

    for (i = 0; i < m->n; i++) {
        free(m->blocks[i]);
    }

    m->n = 0;
}


/* A copy of exact size, so that a sanitizer sees one byte too far. */

static inline xr_str_t
xr_test_copy(xr_str_t s)
{
    void  *p;

    p = malloc(s.len > 0 ? s.len : 1);
    assert_non_null(p);

    if (s.len > 0) {
        memcpy(p, s.data, s.len);
    }

    return xr_str_of(p, s.len);
}


static inline void
xr_test_copy_free(xr_str_t s)
{
    free((void *) (uintptr_t) s.data);
}


#endif /* XR_TEST_H */
