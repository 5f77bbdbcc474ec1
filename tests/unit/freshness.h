/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_TEST_FRESHNESS_H
#define XR_TEST_FRESHNESS_H


#include "test.h"

#include "xr_freshness.h"


/* What the tests of freshness share: fields and policies from their text. */

#define MAX  XR_FRESHNESS_MAX
#define DAY  INT64_C(86400)

#define WORDS_MAX  16


/* Splits "text" at every "at" into copies. */

static inline size_t
split(const char *text, uint8_t at, xr_str_t *out)
{
    size_t    n;
    xr_str_t  rest;

    rest = xr_str(text);

    for (n = 0; rest.len > 0; n++) {
        assert_true(n < WORDS_MAX);
        out[n] = xr_test_copy(xr_str_cut(&rest, at));
    }

    return n;
}


static inline void
forget(xr_str_t *words, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        xr_test_copy_free(words[i]);
    }
}


/* Lines of a field, "|" between them; "~" is an empty one. */

static inline void
read_field(const char *lines, xr_freshness_field_t *f,
    void (*read)(xr_freshness_field_t *f, xr_str_t line))
{
    size_t    i, n;
    xr_str_t  words[WORDS_MAX];

    memset(f, 0, sizeof(xr_freshness_field_t));

    if (lines == NULL) {
        return;
    }

    n = split(lines, '|', words);

    for (i = 0; i < n; i++) {
        read(f, xr_str_eq(words[i], xr_str("~")) ? xr_str("") : words[i]);
    }

    forget(words, n);
}


static inline xr_rc_t
parse(const char *line, xr_freshness_policy_t *p, xr_err_t *err)
{
    size_t    n;
    xr_rc_t   rc;
    xr_str_t  words[WORDS_MAX];

    n = split(line, ' ', words);
    rc = xr_freshness_policy_parse(words, n, p, err);
    forget(words, n);

    return rc;
}


#endif /* XR_TEST_FRESHNESS_H */
