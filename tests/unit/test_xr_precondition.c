/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_precondition.h"


#define NOW       1785000000
#define MODIFIED  784111777

#define BEFORE    "Sun, 06 Nov 1994 08:49:36 GMT"
#define EXACTLY   "Sun, 06 Nov 1994 08:49:37 GMT"
#define AFTER     "Sun, 06 Nov 1994 08:49:38 GMT"

#define GET       XR_PRECONDITION_GET
#define HEAD      XR_PRECONDITION_HEAD
#define OTHER     XR_PRECONDITION_OTHER

#define PASS      XR_PRECONDITION_PASS
#define SAME      XR_PRECONDITION_NOT_MODIFIED
#define FAILED    XR_PRECONDITION_FAILED


static void
test_etag(void **state)
{
    size_t                  i;
    xr_rc_t                 rc;
    xr_str_t                copy;
    xr_precondition_etag_t  tag;

    static const struct {
        const char  *value;
        const char  *opaque;            /* NULL: malformed */
        bool         weak;
    } cases[] = {
        { "\"xyzzy\"", "\"xyzzy\"", false },
        { "W/\"xyzzy\"", "\"xyzzy\"", true },
        { "\"\"", "\"\"", false },
        { "W/\"\"", "\"\"", true },
        { "\"!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\"",
          "\"!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\"", false },
        { "\"\x80\xc3\xa9\xff\"", "\"\x80\xc3\xa9\xff\"", false },
        { "\"W/\"", "\"W/\"", false },

        { "", NULL, false },
        { "xyzzy", NULL, false },
        { "\"", NULL, false },
        { "\"xyzzy", NULL, false },
        { "xyzzy\"", NULL, false },
        { "W", NULL, false },
        { "W/", NULL, false },
        { "W/\"", NULL, false },
        { "w/\"xyzzy\"", NULL, false },
        { "W\"xyzzy\"", NULL, false },
        { "W/ \"xyzzy\"", NULL, false },
        { "W/W/\"xyzzy\"", NULL, false },
        { "W/xyzzy", NULL, false },
        { "'xyzzy'", NULL, false },
        { " \"xyzzy\"", NULL, false },
        { "\"xyzzy\" ", NULL, false },
        { "\"a b\"", NULL, false },
        { "\"a\tb\"", NULL, false },
        { "\"a\x7f\"", NULL, false },
        { "\"a\\\"b\"", NULL, false },
        { "\"a\"b\"", NULL, false },
        { "\"a\",\"b\"", NULL, false },
        { "*", NULL, false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        copy = xr_test_copy(xr_str(cases[i].value));
        tag = (xr_precondition_etag_t) { xr_str("?"), true };
        rc = xr_precondition_etag(copy, &tag);

        XR_CHECK_EQ(rc, cases[i].opaque != NULL ? XR_OK : XR_INVALID,
                    cases[i].value);
        XR_CHECK_STR(tag.opaque,
                     cases[i].opaque != NULL ? cases[i].opaque : "?",
                     cases[i].value);
        XR_CHECK_EQ(tag.weak, cases[i].opaque == NULL || cases[i].weak,
                    cases[i].value);

        xr_test_copy_free(copy);
    }
}


static void
test_names(void **state)
{
    size_t    i;
    xr_str_t  list, etag;

    static const struct {
        const char  *list;
        const char  *etag;
        bool         strong;
        bool         weak;
    } cases[] = {
        /* the table of section 8.8.3.2 */

        { "W/\"1\"", "W/\"1\"", false, true },
        { "W/\"1\"", "W/\"2\"", false, false },
        { "W/\"1\"", "\"1\"", false, true },
        { "\"1\"", "W/\"1\"", false, true },
        { "\"1\"", "\"1\"", true, true },

        { "\"a\", \"b\", \"c\"", "\"a\"", true, true },
        { "\"a\", \"b\", \"c\"", "\"b\"", true, true },
        { "\"a\", \"b\", \"c\"", "\"c\"", true, true },
        { "\"a\", \"b\", \"c\"", "\"d\"", false, false },
        { "\"a\",W/\"b\",\"c\"", "\"b\"", false, true },
        { "W/\"b\",\"b\"", "\"b\"", true, true },
        { ",, \"a\" ,\t,\"b\",", "\"b\"", true, true },
        { " \"a\"\t", "\"a\"", true, true },
        { "\"a,b\"", "\"a,b\"", true, true },
        { "\"a,b\"", "\"a\"", false, false },
        { "\"*\"", "\"*\"", true, true },
        { "\"\"", "\"\"", true, true },
        { "\"\xc3\xa9\"", "\"\xc3\xa9\"", true, true },
        { "\"A\"", "\"a\"", false, false },
        { "\"ab\"", "\"a\"", false, false },
        { "\"a\"", "\"ab\"", false, false },

        { "*", "\"a\"", true, true },
        { "*", "W/\"a\"", true, true },
        { "*", "", true, true },
        { "*", "malformed", true, true },

        /* whatever is malformed names nothing */

        { "", "\"a\"", false, false },
        { " ", "\"a\"", false, false },
        { ",", "\"a\"", false, false },
        { "a", "\"a\"", false, false },
        { "\"a", "\"a\"", false, false },
        { "\"a\" \"b\"", "\"a\"", false, false },
        { "\"a\"\"b\"", "\"a\"", false, false },
        { "\"a\";\"b\"", "\"a\"", false, false },
        { "\"a\", b", "\"a\"", false, false },
        { "b, \"a\"", "\"a\"", false, false },
        { "\"a\", \"b", "\"a\"", false, false },
        { "\"a\", w/\"b\"", "\"a\"", false, false },
        { "*, \"a\"", "\"a\"", false, false },
        { "\"a\", *", "\"a\"", false, false },
        { "*,*", "\"a\"", false, false },
        { "**", "\"a\"", false, false },
        { "\"a\"\n", "\"a\"", false, false },
        { "a", "a", false, false },
        { "\"a b\"", "\"a b\"", false, false },
        { "\"a\"", "", false, false },
        { "\"\"", "", false, false },
        { "", "", false, false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        list = xr_test_copy(xr_str(cases[i].list));
        etag = xr_test_copy(xr_str(cases[i].etag));

        XR_CHECK_EQ(xr_precondition_names(list, etag, true), cases[i].strong,
                    cases[i].list);
        XR_CHECK_EQ(xr_precondition_names(list, etag, false), cases[i].weak,
                    cases[i].list);

        xr_test_copy_free(list);
        xr_test_copy_free(etag);
    }
}


/* Headers as in a request; an absent one is NULL. */

typedef struct {
    xr_precondition_method_t  method;
    const char               *match;
    const char               *unmodified;
    const char               *none;
    const char               *modified;
    const char               *range;
} headers_t;


static xr_str_t
header(const char *s)
{
    return (s == NULL) ? xr_str_of(NULL, 0) : xr_test_copy(xr_str(s));
}


static xr_precondition_result_t
evaluate(const headers_t *h, const xr_precondition_object_t *o, bool *range)
{
    xr_precondition_result_t   result;
    xr_precondition_request_t  r;

    r.method = h->method;
    r.if_match = header(h->match);
    r.if_none_match = header(h->none);
    r.if_modified_since = header(h->modified);
    r.if_unmodified_since = header(h->unmodified);
    r.if_range = header(h->range);

    *range = true;
    result = xr_precondition_evaluate(&r, o, NOW, range);

    xr_test_copy_free(r.if_match);
    xr_test_copy_free(r.if_none_match);
    xr_test_copy_free(r.if_modified_since);
    xr_test_copy_free(r.if_unmodified_since);
    xr_test_copy_free(r.if_range);

    return result;
}


/* An object with a strong tag, a week old when it was fetched. */

static void
test_evaluate(void **state)
{
    bool    range;
    char    what[32];
    size_t  i;

    static const xr_precondition_object_t  object = {
        XR_STR("\"a\""), MODIFIED, MODIFIED + 7 * 86400
    };

    static const struct {
        headers_t                 headers;
        xr_precondition_result_t  result;
        bool                      range;
    } cases[] = {
        { { GET, NULL, NULL, NULL, NULL, NULL }, PASS, true },
        { { HEAD, NULL, NULL, NULL, NULL, NULL }, PASS, false },
        { { OTHER, NULL, NULL, NULL, NULL, NULL }, PASS, false },

        /* If-Match */

        { { GET, "\"a\"", NULL, NULL, NULL, NULL }, PASS, true },
        { { GET, "\"b\", \"a\"", NULL, NULL, NULL, NULL }, PASS, true },
        { { GET, "*", NULL, NULL, NULL, NULL }, PASS, true },
        { { GET, "\"b\"", NULL, NULL, NULL, NULL }, FAILED, false },
        { { GET, "W/\"a\"", NULL, NULL, NULL, NULL }, FAILED, false },
        { { GET, "a", NULL, NULL, NULL, NULL }, FAILED, false },
        { { GET, "", NULL, NULL, NULL, NULL }, FAILED, false },
        { { HEAD, "\"b\"", NULL, NULL, NULL, NULL }, FAILED, false },
        { { OTHER, "\"b\"", NULL, NULL, NULL, NULL }, FAILED, false },

        /* If-Unmodified-Since, which If-Match replaces */

        { { GET, NULL, BEFORE, NULL, NULL, NULL }, FAILED, false },
        { { GET, NULL, EXACTLY, NULL, NULL, NULL }, PASS, true },
        { { GET, NULL, AFTER, NULL, NULL, NULL }, PASS, true },
        { { OTHER, NULL, BEFORE, NULL, NULL, NULL }, FAILED, false },
        { { GET, NULL, "yesterday", NULL, NULL, NULL }, PASS, true },
        { { GET, NULL, BEFORE ", " BEFORE, NULL, NULL, NULL }, PASS, true },
        { { GET, NULL, "", NULL, NULL, NULL }, PASS, true },
        { { GET, "\"a\"", BEFORE, NULL, NULL, NULL }, PASS, true },
        { { GET, "\"b\"", AFTER, NULL, NULL, NULL }, FAILED, false },

        /* If-None-Match */

        { { GET, NULL, NULL, "\"a\"", NULL, NULL }, SAME, false },
        { { HEAD, NULL, NULL, "\"a\"", NULL, NULL }, SAME, false },
        { { OTHER, NULL, NULL, "\"a\"", NULL, NULL }, FAILED, false },
        { { GET, NULL, NULL, "W/\"a\"", NULL, NULL }, SAME, false },
        { { GET, NULL, NULL, "\"b\", W/\"a\"", NULL, NULL }, SAME, false },
        { { GET, NULL, NULL, "*", NULL, NULL }, SAME, false },
        { { OTHER, NULL, NULL, "*", NULL, NULL }, FAILED, false },
        { { GET, NULL, NULL, "\"b\"", NULL, NULL }, PASS, true },
        { { GET, NULL, NULL, "a", NULL, NULL }, PASS, true },
        { { GET, NULL, NULL, "", NULL, NULL }, PASS, true },

        /* If-Modified-Since, which If-None-Match replaces */

        { { GET, NULL, NULL, NULL, BEFORE, NULL }, PASS, true },
        { { GET, NULL, NULL, NULL, EXACTLY, NULL }, SAME, false },
        { { GET, NULL, NULL, NULL, AFTER, NULL }, SAME, false },
        { { HEAD, NULL, NULL, NULL, EXACTLY, NULL }, SAME, false },
        { { OTHER, NULL, NULL, NULL, EXACTLY, NULL }, PASS, false },
        { { GET, NULL, NULL, NULL, "Sunday, 06-Nov-94 08:49:37 GMT", NULL },
          SAME, false },
        { { GET, NULL, NULL, NULL, "Sun Nov  6 08:49:37 1994", NULL },
          SAME, false },
        { { GET, NULL, NULL, NULL, "yesterday", NULL }, PASS, true },
        { { GET, NULL, NULL, NULL, EXACTLY ", " EXACTLY, NULL }, PASS, true },
        { { GET, NULL, NULL, NULL, "0", NULL }, PASS, true },
        { { GET, NULL, NULL, "\"b\"", EXACTLY, NULL }, PASS, true },
        { { GET, NULL, NULL, "a", EXACTLY, NULL }, PASS, true },
        { { GET, NULL, NULL, "\"a\"", BEFORE, NULL }, SAME, false },

        /* what fails goes before what is not modified */

        { { GET, "\"b\"", NULL, "\"a\"", NULL, NULL }, FAILED, false },
        { { GET, "\"a\"", NULL, "\"a\"", NULL, NULL }, SAME, false },
        { { GET, NULL, BEFORE, "\"a\"", NULL, NULL }, FAILED, false },
        { { GET, NULL, BEFORE, NULL, EXACTLY, NULL }, FAILED, false },
        { { GET, NULL, AFTER, NULL, EXACTLY, NULL }, SAME, false },

        /* and both before If-Range */

        { { GET, "\"b\"", NULL, NULL, NULL, "\"a\"" }, FAILED, false },
        { { GET, NULL, NULL, "\"a\"", NULL, "\"a\"" }, SAME, false },
        { { GET, NULL, NULL, NULL, EXACTLY, "\"a\"" }, SAME, false },

        { { GET, NULL, NULL, NULL, NULL, "\"a\"" }, PASS, true },
        { { GET, "\"a\"", NULL, NULL, NULL, "\"a\"" }, PASS, true },
        { { GET, NULL, NULL, "\"b\"", NULL, "\"a\"" }, PASS, true },
        { { HEAD, NULL, NULL, NULL, NULL, "\"a\"" }, PASS, false },
        { { OTHER, NULL, NULL, NULL, NULL, "\"a\"" }, PASS, false },
        { { GET, NULL, NULL, NULL, NULL, "\"b\"" }, PASS, false },
        { { GET, NULL, NULL, NULL, NULL, "W/\"a\"" }, PASS, false },
        { { GET, NULL, NULL, NULL, NULL, "\"b\", \"a\"" }, PASS, false },
        { { GET, NULL, NULL, NULL, NULL, "\"a\", \"a\"" }, PASS, false },
        { { GET, NULL, NULL, NULL, NULL, "*" }, PASS, false },
        { { GET, NULL, NULL, NULL, NULL, "a" }, PASS, false },
        { { GET, NULL, NULL, NULL, NULL, "" }, PASS, false },
        { { GET, NULL, NULL, NULL, NULL, EXACTLY }, PASS, true },
        { { GET, NULL, NULL, NULL, NULL, "Sun Nov  6 08:49:37 1994" },
          PASS, true },
        { { GET, NULL, NULL, NULL, NULL, BEFORE }, PASS, false },
        { { GET, NULL, NULL, NULL, NULL, AFTER }, PASS, false },
        { { GET, NULL, NULL, NULL, NULL, EXACTLY ", " EXACTLY },
          PASS, false },
        { { GET, NULL, NULL, NULL, NULL, "yesterday" }, PASS, false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        snprintf(what, sizeof(what), "case %zu", i);

        XR_CHECK_EQ(evaluate(&cases[i].headers, &object, &range),
                    cases[i].result, what);
        XR_CHECK_EQ(range, cases[i].range, what);
    }
}


/* Objects of which less is known. */

static void
test_objects(void **state)
{
    bool    range;
    char    what[32];
    size_t  i;

    static const struct {
        xr_precondition_object_t  object;
        headers_t                 headers;
        xr_precondition_result_t  result;
        bool                      range;
    } cases[] = {
        /* without a tag */

        { { { NULL, 0 }, MODIFIED, MODIFIED + 60 },
          { GET, "\"a\"", NULL, NULL, NULL, NULL }, FAILED, false },
        { { { NULL, 0 }, MODIFIED, MODIFIED + 60 },
          { GET, "*", NULL, NULL, NULL, NULL }, PASS, true },
        { { { NULL, 0 }, MODIFIED, MODIFIED + 60 },
          { GET, NULL, NULL, "\"a\"", EXACTLY, NULL }, PASS, true },
        { { { NULL, 0 }, MODIFIED, MODIFIED + 60 },
          { GET, NULL, NULL, "*", NULL, NULL }, SAME, false },
        { { { NULL, 0 }, MODIFIED, MODIFIED + 60 },
          { GET, NULL, NULL, NULL, NULL, "\"a\"" }, PASS, false },
        { { { NULL, 0 }, MODIFIED, MODIFIED + 60 },
          { GET, NULL, NULL, NULL, NULL, "\"\"" }, PASS, false },
        { { { NULL, 0 }, MODIFIED, MODIFIED + 60 },
          { GET, NULL, NULL, NULL, NULL, EXACTLY }, PASS, true },

        /* with a weak one */

        { { XR_STR("W/\"a\""), MODIFIED, MODIFIED + 60 },
          { GET, "\"a\"", NULL, NULL, NULL, NULL }, FAILED, false },
        { { XR_STR("W/\"a\""), MODIFIED, MODIFIED + 60 },
          { GET, "W/\"a\"", NULL, NULL, NULL, NULL }, FAILED, false },
        { { XR_STR("W/\"a\""), MODIFIED, MODIFIED + 60 },
          { GET, NULL, NULL, "\"a\"", NULL, NULL }, SAME, false },
        { { XR_STR("W/\"a\""), MODIFIED, MODIFIED + 60 },
          { GET, NULL, NULL, "W/\"a\"", NULL, NULL }, SAME, false },
        { { XR_STR("W/\"a\""), MODIFIED, MODIFIED + 60 },
          { GET, NULL, NULL, NULL, NULL, "\"a\"" }, PASS, false },
        { { XR_STR("W/\"a\""), MODIFIED, MODIFIED + 60 },
          { GET, NULL, NULL, NULL, NULL, "W/\"a\"" }, PASS, false },

        /* with a malformed one */

        { { XR_STR("a"), MODIFIED, MODIFIED + 60 },
          { GET, NULL, NULL, "a", NULL, NULL }, PASS, true },
        { { XR_STR("a"), MODIFIED, MODIFIED + 60 },
          { GET, NULL, NULL, NULL, NULL, "a" }, PASS, false },
        { { XR_STR("\"a"), MODIFIED, MODIFIED + 60 },
          { GET, NULL, NULL, NULL, NULL, "\"a" }, PASS, false },

        /* without a date of change */

        { { XR_STR("\"a\""), -1, MODIFIED + 60 },
          { GET, NULL, NULL, NULL, AFTER, NULL }, PASS, true },
        { { XR_STR("\"a\""), -1, MODIFIED + 60 },
          { GET, NULL, BEFORE, NULL, NULL, NULL }, PASS, true },
        { { XR_STR("\"a\""), -1, MODIFIED + 60 },
          { GET, NULL, NULL, NULL, NULL, EXACTLY }, PASS, false },
        { { XR_STR("\"a\""), -1, -1 },
          { GET, NULL, NULL, NULL, NULL,
            "Wed, 31 Dec 1969 23:59:59 GMT" }, PASS, false },
        { { XR_STR("\"a\""), -1, 0 },
          { GET, NULL, NULL, NULL, NULL,
            "Wed, 31 Dec 1969 23:59:59 GMT" }, PASS, false },
        { { XR_STR("\"a\""), 0, 60 },
          { GET, NULL, NULL, NULL, NULL,
            "Thu, 01 Jan 1970 00:00:00 GMT" }, PASS, true },

        /* so young that it may have changed again */

        { { XR_STR("\"a\""), MODIFIED, MODIFIED + 59 },
          { GET, NULL, NULL, NULL, NULL, EXACTLY }, PASS, false },
        { { XR_STR("\"a\""), MODIFIED, MODIFIED - 1 },
          { GET, NULL, NULL, NULL, NULL, EXACTLY }, PASS, false },
        { { XR_STR("\"a\""), MODIFIED, -1 },
          { GET, NULL, NULL, NULL, NULL, EXACTLY }, PASS, false },
        { { XR_STR("\"a\""), MODIFIED, MODIFIED + 60 },
          { GET, NULL, NULL, NULL, NULL, EXACTLY }, PASS, true },
        { { XR_STR("\"a\""), MODIFIED, MODIFIED + 59 },
          { GET, NULL, NULL, NULL, NULL, "\"a\"" }, PASS, true },
        { { XR_STR("\"a\""), MODIFIED, MODIFIED + 59 },
          { GET, NULL, NULL, NULL, EXACTLY, NULL }, SAME, false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        snprintf(what, sizeof(what), "case %zu", i);

        XR_CHECK_EQ(evaluate(&cases[i].headers, &cases[i].object, &range),
                    cases[i].result, what);
        XR_CHECK_EQ(range, cases[i].range, what);
    }
}


/* Every combination of headers, against section 13.2.2 written out. */

#define HEADERS  6                      /* and the method is one of them */

typedef struct {
    const char  *value;
    bool         holds;                 /* or is ignored */
} condition_t;


static xr_precondition_result_t
model(xr_precondition_method_t method, const condition_t *match,
    const condition_t *unmodified, const condition_t *none,
    const condition_t *modified)
{
    if (match->value != NULL && !match->holds) {
        return FAILED;
    }

    if (match->value == NULL && unmodified->value != NULL
        && !unmodified->holds)
    {
        return FAILED;
    }

    if (none->value != NULL && !none->holds) {
        return (method == OTHER) ? FAILED : SAME;
    }

    if (method != OTHER && none->value == NULL && modified->value != NULL
        && !modified->holds)
    {
        return SAME;
    }

    return PASS;
}


static void
test_combinations(void **state)
{
    bool                      range;
    char                      what[64];
    size_t                    i, k, n, rest, at[HEADERS];
    headers_t                 h;
    xr_precondition_result_t  result;

    static const xr_precondition_object_t  object = {
        XR_STR("\"a\""), MODIFIED, MODIFIED + 60
    };

    static const condition_t  matches[] = {
        { NULL, true }, { "\"a\"", true }, { "*", true }, { "\"b\"", false },
        { "W/\"a\"", false }, { "x", false }
    };

    static const condition_t  unmodified[] = {
        { NULL, true }, { EXACTLY, true }, { AFTER, true }, { BEFORE, false },
        { "x", true }
    };

    static const condition_t  nones[] = {
        { NULL, true }, { "\"b\"", true }, { "\"a\"", false },
        { "W/\"a\"", false }, { "*", false }, { "x", true }
    };

    static const condition_t  modified[] = {
        { NULL, true }, { BEFORE, true }, { EXACTLY, false },
        { AFTER, false }, { "x", true }
    };

    static const condition_t  ranges[] = {
        { NULL, true }, { "\"a\"", true }, { EXACTLY, true },
        { "\"b\"", false }, { "W/\"a\"", false }, { AFTER, false },
        { BEFORE, false }, { "x", false }
    };

    static const size_t  counts[HEADERS] = {
        XR_COUNT(matches), XR_COUNT(unmodified), XR_COUNT(nones),
        XR_COUNT(modified), XR_COUNT(ranges), 3
    };

    (void) state;

    n = 1;

    for (i = 0; i < HEADERS; i++) {
        n *= counts[i];
    }

    for (i = 0; i < n; i++) {
        rest = i;

        for (k = 0; k < HEADERS; k++) {
            at[k] = rest % counts[k];
            rest /= counts[k];
        }

        h = (headers_t) {
            (xr_precondition_method_t) at[5], matches[at[0]].value,
            unmodified[at[1]].value, nones[at[2]].value,
            modified[at[3]].value, ranges[at[4]].value
        };

        snprintf(what, sizeof(what), "%zu %zu %zu %zu %zu, method %zu",
                 at[0], at[1], at[2], at[3], at[4], at[5]);

        result = model(h.method, &matches[at[0]], &unmodified[at[1]],
                       &nones[at[2]], &modified[at[3]]);

        XR_CHECK_EQ(evaluate(&h, &object, &range), result, what);
        XR_CHECK_EQ(range, result == PASS && h.method == GET
                           && ranges[at[4]].holds, what);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_etag),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_evaluate),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_combinations)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
