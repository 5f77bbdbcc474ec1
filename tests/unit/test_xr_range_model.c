/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_range.h"


/*
 * A model that knows nothing but the RFC: members as pairs of small numbers,
 * the object as bits.
 */

#define MODEL_LENGTH  12
#define MODEL_NUMBER  (MODEL_LENGTH + 1)
#define MODEL_NONE    (-1)

#define MAX           8
#define MAX_TEXT      256

typedef struct {
    int  first;                         /* MODEL_NONE: a suffix */
    int  last;                          /* MODEL_NONE: open */
} model_member_t;


static void
model_text(const model_member_t *members, size_t n, char *out)
{
    char    *p;
    size_t   i;

    p = out + snprintf(out, 16, "bytes=");

    for (i = 0; i < n; i++) {

        if (i > 0) {
            p += snprintf(p, 4, ",");
        }

        if (members[i].first != MODEL_NONE) {
            p += snprintf(p, 16, "%d", members[i].first);
        }

        p += snprintf(p, 4, "-");

        if (members[i].last != MODEL_NONE) {
            p += snprintf(p, 16, "%d", members[i].last);
        }
    }
}


static xr_range_result_t
model_resolve(const model_member_t *members, size_t n, int length,
    bool *bytes)
{
    int     k, asked, runs;
    bool    satisfiable, wanted;
    size_t  i;

    for (i = 0; i < n; i++) {

        if (members[i].first != MODEL_NONE && members[i].last != MODEL_NONE
            && members[i].last < members[i].first)
        {
            return XR_RANGE_NONE;
        }
    }

    asked = 0;
    satisfiable = false;
    memset(bytes, 0, MODEL_LENGTH * sizeof(bool));

    for (i = 0; i < n; i++) {

        if (members[i].first == MODEL_NONE) {
            satisfiable = satisfiable || members[i].last > 0;

        } else {
            satisfiable = satisfiable || members[i].first < length;
        }

        for (k = 0; k < length; k++) {

            if (members[i].first == MODEL_NONE) {
                wanted = length - k <= members[i].last;

            } else {
                wanted = k >= members[i].first
                         && (members[i].last == MODEL_NONE
                             || k <= members[i].last);
            }

            asked += wanted;
            bytes[k] = bytes[k] || wanted;
        }
    }

    if (!satisfiable) {
        return XR_RANGE_UNSATISFIABLE;
    }

    if (asked == 0 || asked > length) {
        return XR_RANGE_NONE;
    }

    runs = 0;

    for (k = 0; k < length; k++) {
        runs += bytes[k] && (k == 0 || !bytes[k - 1]);
    }

    return (runs == 1) ? XR_RANGE_ONE : XR_RANGE_MANY;
}


static void
model_check(const model_member_t *members, size_t n, int length)
{
    int                k;
    bool               bytes[MODEL_LENGTH];
    char               text[MAX_TEXT];
    size_t             i, nspecs, nranges;
    uint64_t           pos;
    xr_range_t         ranges[MAX];
    xr_range_spec_t    specs[MAX];
    xr_range_result_t  result;

    model_text(members, n, text);

    nspecs = xr_range_parse(xr_str(text), specs, MAX);
    result = xr_range_resolve(specs, nspecs, (uint64_t) length, ranges,
                              &nranges);

    XR_CHECK_EQ(result, model_resolve(members, n, length, bytes), text);

    if (result == XR_RANGE_NONE || result == XR_RANGE_UNSATISFIABLE) {
        XR_CHECK_EQ(nranges, 0, text);
        return;
    }

    XR_CHECK(result == XR_RANGE_ONE ? nranges == 1 : nranges > 1, text);

    for (i = 0; i < nranges; i++) {
        XR_CHECK(i == 0 || ranges[i].first > ranges[i - 1].last + 1, text);

        for (pos = ranges[i].first; pos <= ranges[i].last; pos++) {
            XR_CHECK(pos < (uint64_t) length && bytes[pos], text);
            bytes[pos] = false;
        }
    }

    for (k = 0; k < length; k++) {
        XR_CHECK(!bytes[k], text);
    }
}


/* All members there are, one after another. */

static bool
model_next(model_member_t *m)
{
    if (m->last < MODEL_NUMBER) {
        m->last++;
        return true;
    }

    if (m->first < MODEL_NUMBER) {
        m->first++;
        m->last = MODEL_NONE;
        return true;
    }

    return false;
}


static model_member_t
model_first(void)
{
    return (model_member_t) { MODEL_NONE, 0 };
}


static void
test_model(void **state)
{
    int             length;
    model_member_t  m[2];

    (void) state;

    for (length = 0; length <= MODEL_LENGTH; length++) {
        m[0] = model_first();

        do {
            model_check(m, 1, length);

            m[1] = model_first();

            do {
                model_check(m, 2, length);

            } while (model_next(&m[1]));

        } while (model_next(&m[0]));
    }
}


static uint32_t
model_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;

    return *seed >> 16;
}


/* Longer lists are too many: some of them, of short members. */

static void
test_model_lists(void **state)
{
    size_t          i, k, n;
    uint32_t        seed;
    model_member_t  m[MAX];

    (void) state;

    seed = 1;

    for (i = 0; i < 200000; i++) {
        n = 3 + model_random(&seed) % (MAX - 2);

        for (k = 0; k < n; k++) {
            m[k].first = (int) (model_random(&seed) % (MODEL_NUMBER + 1));
            m[k].last = m[k].first + (int) (model_random(&seed) % 3);

            if (model_random(&seed) % 8 == 0) {
                m[k].last = MODEL_NONE;
            }

            if (model_random(&seed) % 8 == 0) {
                m[k].last = (int) (model_random(&seed) % 3);
                m[k].first = MODEL_NONE;
            }
        }

        model_check(m, n, (int) (model_random(&seed) % (MODEL_LENGTH + 1)));
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_model_lists)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
