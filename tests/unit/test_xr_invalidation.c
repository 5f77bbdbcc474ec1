/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_invalidation.h"


#define FOLD  3
#define WILD  4


/* "a b* c": paths, with "*" behind those that are wildcards. */

static size_t
items_of(const char *text, xr_invalidation_t *items)
{
    size_t    n;
    xr_str_t  rest, word;

    n = 0;

    for (rest = xr_str(text); rest.len > 0; /* void */ ) {
        word = xr_str_cut(&rest, ' ');
        items[n].all = (word.data[word.len - 1] == '*');
        items[n].path = xr_str_of(word.data, word.len - items[n].all);
        n++;
    }

    return n;
}


static const char *
plan(const char *text)
{
    size_t             i, n;
    xr_buf_t           b;
    xr_invalidation_t  items[64];
    static char        out[4096];

    memset(out, 0, sizeof(out));
    b = xr_buf(out, sizeof(out) - 1);
    n = xr_invalidation_plan(items, items_of(text, items), FOLD, WILD);

    for (i = 0; i < n; i++) {

        if (i > 0) {
            xr_buf_putc(&b, ' ');
        }

        xr_buf_put(&b, items[i].path);

        if (items[i].all) {
            xr_buf_putc(&b, '*');
        }
    }

    return out;
}


static void
test_plan(void **state)
{
    size_t  i;

    static const char *const  rows[][2] = {
        { "", "" },
        { "b a", "a b" },
        { "a a a", "a" },
        { "a/b a/* a/c/d b", "a/* b" },
        { "* a b/c", "*" },
        { "a* a ab b", "a* b" },
        { "a/* a/b/* a/b/c/*", "a/*" },

        /* as many as may stand, and one more, in the folder itself */
        { "d/1 d/2 d/3", "d/1 d/2 d/3" },
        { "d/1 d/2 d/3 d/4", "d/*" },
        { "d/1 d/2 d/e/3 d/e/4", "d/1 d/2 d/e/3 d/e/4" },
        { "d/1 d/e/1 d/2 d/3 d/4 e/1", "d/* e/1" },
        { "1 2 3 4", "*" },

        /* names alone do not make a folder */
        { "d/1 d2/1 d3/1 d4/1", "d/1 d2/1 d3/1 d4/1" },

        /* too many wildcards: the deepest become where they are */
        { "a/* b/* c/* d/*", "a/* b/* c/* d/*" },
        { "a/* b/* c/* d/e/* d/f/*", "a/* b/* c/* d/*" },
        { "a/* b/* c/* d/* e/*", "*" },
        { "a/1* a/2* a/3* a/4* a/5*", "a/*" },
        { "p/a/b/* p/a/c/* p/d/e/* p/d/f/* p/g/h/*", "p/a/* p/d/* p/g/*" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(rows); i++) {
        XR_CHECK_STR(xr_str(plan(rows[i][0])), rows[i][1], rows[i][0]);
    }
}


static void
test_path(void **state)
{
    size_t             i;
    char               room[256];
    xr_buf_t           b;
    xr_invalidation_t  item;

    static const struct {
        const char  *path;
        bool         all;
        const char  *wanted;
    } rows[] = {
        { "robots/r2.glb", false, "/t/acme/robots/r2.glb" },
        { "robots/", true, "/t/acme/robots/*" },
        { "", true, "/t/acme/*" },
        { "a b\xc3\xa9%2f#?.glb", false,
          "/t/acme/a%20b%C3%A9%252f%23%3F.glb" },
        { "a*", false, "/t/acme/a%2A" },
        { "a*", true, "/t/acme/a%2A*" },
        { "!$&'()+,;=:@-._", false, "/t/acme/!$&'()+,;=:@-._" },
        { "~[]{}|\\^`\"<>", false,
          "/t/acme/%7E%5B%5D%7B%7D%7C%5C%5E%60%22%3C%3E" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(rows); i++) {
        item = (xr_invalidation_t) { xr_str(rows[i].path), rows[i].all };
        b = xr_buf(room, sizeof(room));
        xr_invalidation_path(xr_str("/t/acme/"), &item, &b);
        XR_CHECK_STR(xr_buf_str(&b), rows[i].wanted, rows[i].path);
    }
}


static void
test_prefix(void **state)
{
    size_t  i;

    static const char *const  bad[] = {
        "", "acme", "/acme", "acme/", "//", "/a//b/", "/a b/", "/a*/", "/a?/",
        "/\xc3\xa9/"
    };

    (void) state;

    assert_null(xr_invalidation_prefix(xr_str("/")));
    assert_null(xr_invalidation_prefix(xr_str("/acme/")));
    assert_null(xr_invalidation_prefix(xr_str("/a/b%20c/")));

    for (i = 0; i < XR_COUNT(bad); i++) {
        if (xr_invalidation_prefix(xr_str(bad[i])) == NULL) {
            fail_msg("\"%s\"", bad[i]);
        }
    }
}


static void
test_body(void **state)
{
    char      room[XR_INVALIDATION_SIZE(2, 10)];
    xr_buf_t  b;

    (void) state;

    b = xr_buf(room, sizeof(room));
    xr_invalidation_begin(2, &b);
    xr_invalidation_item(xr_str("/a&b"), &b);
    xr_invalidation_item(xr_str("/c/*"), &b);
    xr_invalidation_end(xr_str("xr-1"), &b);

    assert_true(xr_buf_ok(&b));
    XR_CHECK_STR(xr_buf_str(&b),
                 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                 "<InvalidationBatch xmlns=\"http://cloudfront.amazonaws.com/"
                 "doc/2020-05-31/\"><Paths><Quantity>2</Quantity><Items>"
                 "<Path>/a&amp;b</Path><Path>/c/*</Path></Items></Paths>"
                 "<CallerReference>xr-1</CallerReference>"
                 "</InvalidationBatch>", "body");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_body)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
