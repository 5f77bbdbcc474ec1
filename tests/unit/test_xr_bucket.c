/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_bucket.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>


#define NOW           INT64_C(1000000)
#define TAG           0x123456789abcdef0
#define SIZE          (64 + XR_BUCKET_WAYS * XR_BUCKET_ENTRY_SIZE + 4)

#define TOKENS(n)     ((int64_t) (n) * XR_LIMIT_TOKEN)
#define BYTES(n)      ((int64_t) (n) * XR_LIMIT_BYTE)

#define WORKERS       4
#define SPENT         40000
#define CLAIMS        400


static const uint8_t  key[XR_LIMIT_KEY_SIZE] = "xr:{0123456789abcdef}:1";


static xr_limit_t
requests(int64_t rate, int64_t burst)
{
    xr_limit_t  l;

    memset(&l, 0, sizeof(xr_limit_t));

    l.unit = XR_LIMIT_REQUESTS;
    l.rate = rate;
    l.burst = burst;
    l.cost = XR_LIMIT_TOKEN;

    return l;
}


static xr_limit_t
bytes(int64_t rate, int64_t burst)
{
    xr_limit_t  l;

    l = requests(rate, burst);
    l.unit = XR_LIMIT_BYTES;
    l.cost = 0;

    return l;
}


static xr_buckets_t *
table(void)
{
    void          *p;
    xr_buckets_t  *t;

    p = aligned_alloc(64, SIZE);
    assert_non_null(p);
    memset(p, 0, SIZE);

    t = xr_buckets_create(p, SIZE);
    assert_non_null(t);

    return t;
}


/* The bucket, cold. */

static xr_bucket_t *
cold(xr_buckets_t *t, const xr_limit_t *l)
{
    xr_bucket_t  *b;

    b = xr_buckets_get(t, TAG, key, l, NOW);
    assert_non_null(b);

    return b;
}


/* The bucket after an answer: nothing here, so much in Redis. */

static xr_bucket_t *
heard(xr_buckets_t *t, const xr_limit_t *l, int64_t balance)
{
    xr_bucket_t      *b;
    xr_bucket_ask_t   ask;

    b = cold(t, l);

    assert_true(xr_bucket_ask(b, NOW, &ask));
    xr_bucket_answered(&ask, 0, balance, NOW);

    return b;
}


/* The bucket with so many tokens, and no credit. */

static xr_bucket_t *
holding(xr_buckets_t *t, const xr_limit_t *l, int64_t tokens)
{
    xr_bucket_t  *b;

    b = heard(t, l, 0);
    xr_bucket_charge(b, TAG, -tokens);

    return b;
}


static xr_bucket_result_t
take(xr_bucket_t *b, const xr_limit_t *l, int64_t cost, int64_t now)
{
    xr_bucket_result_t  res;

    memset(&res, 0x55, sizeof(xr_bucket_result_t));
    xr_bucket_take(b, l, cost, now, &res);

    return res;
}


/* How many requests, of those that come at once, are admitted. */

static int64_t
admitted(xr_bucket_t *b, const xr_limit_t *l, int64_t now)
{
    int64_t  n;

    for (n = 0; n < 1000000; n++) {

        if (!take(b, l, l->cost, now).admitted) {
            break;
        }
    }

    return n;
}


static void
test_credit(void **state)
{
    size_t         i;
    xr_limit_t     l;
    xr_buckets_t  *t;

    static const struct {
        int64_t  rate;
        int64_t  burst;
        int64_t  cost;
        int64_t  credit;
    } cases[] = {
        { TOKENS(1000), TOKENS(1000), TOKENS(1), TOKENS(20) },
        { TOKENS(1000), TOKENS(10), TOKENS(1), TOKENS(10) },
        { TOKENS(20), TOKENS(40), TOKENS(1), TOKENS(1) },
        { TOKENS(20), TOKENS(40), TOKENS(5), TOKENS(5) },
        { TOKENS(20), TOKENS(3), TOKENS(5), TOKENS(3) },
        { 1, TOKENS(1), TOKENS(1), TOKENS(1) },
        { XR_LIMIT_MAX, XR_LIMIT_MAX, TOKENS(1), XR_LIMIT_MAX / 50 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        t = table();
        l = requests(cases[i].rate, cases[i].burst);
        l.cost = cases[i].cost;

        assert_int_equal(xr_bucket_credit(&l), cases[i].credit);

        if (cases[i].rate != XR_LIMIT_MAX) {
            assert_int_equal(admitted(cold(t, &l), &l, NOW),
                             cases[i].credit / cases[i].cost);
        }

        free(t);
    }

    l = bytes(BYTES(1000), BYTES(1000000));
    assert_int_equal(xr_bucket_credit(&l), BYTES(8000));
    l = bytes(BYTES(1000000), BYTES(1000000));
    assert_int_equal(xr_bucket_credit(&l), BYTES(20000));
    l = bytes(BYTES(1000), BYTES(1000));
    assert_int_equal(xr_bucket_credit(&l), BYTES(1000));
}


/* The first request of all: it passes at once and is booked at once. */

static void
test_cold(void **state)
{
    xr_limit_t           l;
    xr_bucket_t         *b;
    xr_buckets_t        *t;
    xr_bucket_ask_t      ask, other;
    xr_bucket_result_t   res;

    (void) state;

    t = table();
    l = requests(TOKENS(20), TOKENS(40));
    b = cold(t, &l);

    res = take(b, &l, l.cost, NOW);

    assert_true(res.admitted);
    assert_true(res.ask);
    assert_int_equal(res.wait, 0);
    assert_int_equal(res.left, TOKENS(39));

    assert_true(xr_bucket_ask(b, NOW, &ask));

    assert_ptr_equal(ask.bucket, b);
    assert_int_equal(ask.tag, TAG);
    assert_memory_equal(ask.key, key, XR_LIMIT_KEY_SIZE);
    assert_int_equal(ask.rate, l.rate);
    assert_int_equal(ask.burst, l.burst);
    assert_int_equal(ask.due, TOKENS(1));
    assert_in_range(ask.want, TOKENS(1), l.burst / 2);

    /* one asks for all; what the others are told is not the last word */

    assert_false(xr_bucket_ask(b, NOW, &other));

    res = take(b, &l, l.cost, NOW);

    assert_false(res.admitted);
    assert_false(res.ask);
    assert_false(res.known);
    assert_in_range(res.wait, 1, 10);

    xr_bucket_answered(&ask, ask.want, l.burst - ask.due - ask.want, NOW + 1);

    assert_int_equal(TOKENS(admitted(b, &l, NOW + 1)), ask.want);

    free(t);
}


static void
test_empty(void **state)
{
    int64_t              now;
    xr_limit_t           l;
    xr_bucket_t         *b;
    xr_buckets_t        *t;
    xr_bucket_ask_t      ask;
    xr_bucket_result_t   res;

    (void) state;

    t = table();
    l = requests(TOKENS(20), TOKENS(40));
    b = cold(t, &l);

    assert_true(take(b, &l, l.cost, NOW).admitted);
    assert_true(xr_bucket_ask(b, NOW, &ask));
    xr_bucket_answered(&ask, 0, -TOKENS(1), NOW + 1);

    /* a request is there after 2 / 20 s at the earliest */

    res = take(b, &l, l.cost, NOW + 2);

    assert_false(res.admitted);
    assert_false(res.ask);
    assert_true(res.known);
    assert_in_range(res.wait, 99, 1000);
    assert_int_equal(res.left, 0);

    for (now = NOW + 2; !res.ask; now++) {
        assert_true(now < NOW + 1002);
        assert_false(xr_bucket_ask(b, now, &ask));

        res = take(b, &l, l.cost, now + 1);
        assert_false(res.admitted);
    }

    assert_true(now > NOW + 100);
    assert_false(res.known);

    assert_true(xr_bucket_ask(b, now, &ask));
    assert_int_equal(ask.due, 0);
    xr_bucket_answered(&ask, TOKENS(1), 0, now);

    assert_int_equal(admitted(b, &l, now), 1);

    free(t);
}


/* Refused: until when, and how surely. */

static void
test_wait(void **state)
{
    xr_limit_t           l;
    xr_bucket_t         *b;
    xr_buckets_t        *t;
    xr_bucket_ask_t      ask;
    xr_bucket_result_t   res;

    (void) state;

    t = table();
    l = requests(TOKENS(1) / 60, TOKENS(10));
    b = heard(t, &l, -TOKENS(2));

    res = take(b, &l, l.cost, NOW);
    assert_true(res.known);
    assert_in_range(res.wait, 180000, 180100);

    res = take(b, &l, l.cost, NOW + 60000);
    assert_true(res.known);
    assert_in_range(res.wait, 119900, 120100);

    /* more is asked for all the same, as it may have been given back */

    assert_true(res.ask);
    assert_true(xr_bucket_ask(b, NOW + 60000, &ask));
    xr_bucket_answered(&ask, TOKENS(1), TOKENS(4), NOW + 60001);

    assert_int_equal(admitted(b, &l, NOW + 60001), 1);

    res = take(b, &l, l.cost, NOW + 60001);
    assert_true(res.ask);
    assert_false(res.known);
    assert_int_equal(res.wait, 1);
    assert_int_equal(res.left, TOKENS(4));

    /* the failure of Redis is not for ever, and says nothing */

    assert_true(xr_bucket_ask(b, NOW + 60001, &ask));
    xr_bucket_failed(&ask, NOW + 60002);

    res = take(b, &l, l.cost, NOW + 60003);
    assert_false(res.admitted);
    assert_false(res.ask);
    assert_false(res.known);
    assert_in_range(res.wait, 1, 50);

    free(t);
}


static void
test_failed(void **state)
{
    xr_limit_t        l;
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   ask;

    (void) state;

    t = table();
    l = requests(TOKENS(1000), TOKENS(1000));
    b = cold(t, &l);

    assert_int_equal(admitted(b, &l, NOW), 20);
    assert_true(xr_bucket_ask(b, NOW, &ask));
    assert_int_equal(ask.due, TOKENS(20));

    xr_bucket_failed(&ask, NOW + 10);

    /* the debt is still there, and so is the end of the credit */

    assert_false(take(b, &l, l.cost, NOW + 10).admitted);
    assert_false(xr_bucket_ask(b, NOW + 10, &ask));
    assert_false(xr_bucket_ask(b, NOW + 59, &ask));
    assert_true(xr_bucket_ask(b, NOW + 60, &ask));
    assert_int_equal(ask.due, TOKENS(20));

    xr_bucket_answered(&ask, 0, 0, NOW + 61);
    assert_false(take(b, &l, l.cost, NOW + 61).admitted);

    free(t);
}


/* A debt that is large is booked at once, unless that has just failed. */

static void
test_large_debt(void **state)
{
    xr_limit_t        l;
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   ask;

    (void) state;

    t = table();
    l = bytes(BYTES(1000000), BYTES(1000000));
    b = holding(t, &l, BYTES(1));

    assert_false(xr_bucket_ask(b, NOW, &ask));

    assert_true(take(b, &l, BYTES(500000), NOW).ask);
    assert_true(xr_bucket_ask(b, NOW, &ask));
    assert_int_equal(ask.due, BYTES(499999));

    xr_bucket_failed(&ask, NOW);
    assert_false(take(b, &l, BYTES(500000), NOW).ask);
    assert_false(xr_bucket_ask(b, NOW, &ask));

    free(t);
}


/* Who asked died, or the answer did. */

static void
test_lost(void **state)
{
    xr_limit_t        l;
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   first, second, third;

    (void) state;

    t = table();
    l = requests(TOKENS(1000), TOKENS(1000));
    b = cold(t, &l);

    assert_true(xr_bucket_ask(b, NOW, &first));
    assert_false(xr_bucket_ask(b, NOW + 1999, &second));
    assert_true(xr_bucket_ask(b, NOW + 2000, &second));

    /* a late answer counts, as Redis has booked it; others still wait */

    xr_bucket_answered(&first, TOKENS(5), 0, NOW + 2001);
    assert_int_equal(admitted(b, &l, NOW + 2001), 5);
    assert_false(xr_bucket_ask(b, NOW + 3000, &third));

    xr_bucket_answered(&second, TOKENS(7), 0, NOW + 3001);
    assert_int_equal(admitted(b, &l, NOW + 3001), 7);
    assert_true(xr_bucket_ask(b, NOW + 4002, &third));

    free(t);
}


/* The entry is another's by now: it gets nothing of it. */

static void
test_late(void **state)
{
    uint64_t          i;
    xr_limit_t        l;
    xr_bucket_t      *b, *other;
    xr_buckets_t     *t;
    xr_bucket_ask_t   ask, back;

    (void) state;

    t = table();
    l = requests(TOKENS(1), TOKENS(1000));
    b = holding(t, &l, TOKENS(9));

    assert_true(xr_bucket_return(b, NOW + 2000, &back));
    assert_int_equal(back.due, -TOKENS(9));

    other = NULL;

    for (i = 1; other != b; i++) {
        assert_true(i < 100);
        other = xr_buckets_get(t, i, key, &l, NOW + 10000 + (int64_t) i);
        assert_non_null(other);
    }

    ask = back;
    ask.due = 0;
    ask.want = TOKENS(100);

    xr_bucket_answered(&ask, TOKENS(100), TOKENS(100), NOW + 10100);
    xr_bucket_failed(&back, NOW + 10100);
    xr_bucket_charge(b, TAG, -TOKENS(100));

    assert_int_equal(admitted(b, &l, NOW + 10100),
                     xr_bucket_credit(&l) / l.cost);

    free(t);
}


/* Whatever Redis says, nobody gets what he did not ask for. */

static void
test_absurd_answers(void **state)
{
    size_t            i;
    xr_limit_t        l;
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   ask;

    static const struct {
        int64_t  granted;
        int64_t  balance;
    } cases[] = {
        { -1, 0 },
        { -XR_LIMIT_MAX, -XR_LIMIT_MAX },
        { XR_LIMIT_MAX, XR_LIMIT_MAX },
        { 0, XR_LIMIT_MAX },
        { XR_LIMIT_MAX, -XR_LIMIT_MAX }
    };

    (void) state;

    l = requests(TOKENS(1000), TOKENS(1000));

    for (i = 0; i < XR_COUNT(cases); i++) {
        t = table();
        b = cold(t, &l);

        assert_true(xr_bucket_ask(b, NOW, &ask));
        xr_bucket_answered(&ask, cases[i].granted, cases[i].balance, NOW);

        assert_in_range(admitted(b, &l, NOW), 0, (ask.want + TOKENS(20))
                                                 / TOKENS(1));
        free(t);
    }
}


/*
 * So many requests a millisecond, for two seconds, of which all are admitted:
 * the last lease and how many there were.
 */

static int64_t
lease_at(xr_bucket_t *b, const xr_limit_t *l, int64_t pace, int64_t *now,
    int *leases)
{
    int64_t             end, i, lease;
    xr_bucket_ask_t     ask;
    xr_bucket_result_t  res;

    lease = 0;
    *leases = 0;

    for (end = *now + 2000; *now < end; (*now)++) {

        for (i = 0; i < pace; i++) {
            res = take(b, l, l->cost, *now);
            assert_true(res.admitted);

            if (res.ask) {
                assert_true(xr_bucket_ask(b, *now, &ask));
                assert_int_equal(ask.want % TOKENS(1), 0);

                xr_bucket_answered(&ask, ask.want, TOKENS(9000), *now);
                lease = ask.want;
                (*leases)++;
            }
        }
    }

    return lease;
}


/* Leases grow and shrink with what is spent. */

static void
test_lease(void **state)
{
    int               leases;
    int64_t           now;
    xr_limit_t        l;
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   ask;

    (void) state;

    t = table();
    l = requests(TOKENS(10000), TOKENS(10000));
    b = cold(t, &l);
    now = NOW;

    /* three quarters of what is spent in 100 ms are asked for at a time */

    assert_in_range(lease_at(b, &l, 9, &now, &leases), TOKENS(650),
                    TOKENS(750));

    /* but not less than of a sixteenth of the burst */

    assert_in_range(lease_at(b, &l, 4, &now, &leases), TOKENS(415),
                    TOKENS(470));

    /* and no more than a quarter of what is there; it takes few to know */

    assert_in_range(lease_at(b, &l, 60, &now, &leases), TOKENS(1600),
                    TOKENS(1750));
    assert_in_range(leases, 60, 75);

    /* of a small balance nobody takes much */

    (void) admitted(b, &l, now);
    assert_true(xr_bucket_ask(b, now, &ask));
    xr_bucket_answered(&ask, ask.want, TOKENS(1000), now);

    (void) admitted(b, &l, now);
    assert_true(xr_bucket_ask(b, now, &ask));
    assert_int_equal(ask.want, TOKENS(250));

    free(t);
}


/* Of a bucket that takes long to fill, too; and of one that is tiny. */

static void
test_small_lease(void **state)
{
    size_t            i;
    xr_limit_t        l;
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   ask;

    static const struct {
        int64_t  rate;
        int64_t  burst;
        int64_t  cost;
        int64_t  balance;
        int64_t  want;
    } cases[] = {
        { TOKENS(1) / 60, TOKENS(100), TOKENS(1), TOKENS(100), TOKENS(25) },
        { TOKENS(1) / 60, TOKENS(100), TOKENS(1), TOKENS(40), TOKENS(10) },
        { TOKENS(1) / 60, TOKENS(100), TOKENS(1), TOKENS(5), TOKENS(2) },
        { TOKENS(1) / 60, TOKENS(100), TOKENS(1), TOKENS(1), TOKENS(1) },
        { TOKENS(1) / 60, TOKENS(100), TOKENS(1), 0, TOKENS(1) },
        { TOKENS(20), TOKENS(40), TOKENS(1), TOKENS(40), TOKENS(20) },
        { TOKENS(20), TOKENS(40), TOKENS(1), 0, TOKENS(5) },
        { TOKENS(20), TOKENS(40), TOKENS(3), TOKENS(40), TOKENS(21) },
        { TOKENS(20), TOKENS(2), TOKENS(3), TOKENS(2), TOKENS(3) },
        { TOKENS(20), TOKENS(1), TOKENS(1), TOKENS(1), TOKENS(1) },
        { TOKENS(1000), TOKENS(1000), TOKENS(1), 0, TOKENS(64) },
        { TOKENS(1000), TOKENS(100), TOKENS(1), 0, TOKENS(50) },
        { TOKENS(10000), TOKENS(1000), TOKENS(1), 0, TOKENS(200) }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        t = table();
        l = requests(cases[i].rate, cases[i].burst);
        l.cost = cases[i].cost;
        b = heard(t, &l, cases[i].balance);

        assert_true(xr_bucket_ask(b, NOW + 1000, &ask));
        assert_int_equal(ask.want, cases[i].want);

        free(t);
    }
}


/* What is not used goes back, at once and all of it. */

static void
test_return(void **state)
{
    xr_limit_t        l;
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   ask, other;

    (void) state;

    t = table();
    l = requests(TOKENS(20), TOKENS(40));

    assert_false(xr_bucket_return(xr_buckets_at(t, 0), NOW, &ask));

    b = holding(t, &l, TOKENS(7));

    assert_false(xr_bucket_return(b, NOW, &ask));
    assert_false(xr_bucket_return(b, NOW + 999, &ask));
    assert_true(xr_bucket_return(b, NOW + 1000, &ask));

    assert_int_equal(ask.want, 0);
    assert_int_equal(ask.due, -TOKENS(7));
    assert_memory_equal(ask.key, key, XR_LIMIT_KEY_SIZE);

    /* nothing is here meanwhile, and nobody else may ask */

    assert_false(xr_bucket_return(b, NOW + 1000, &other));
    assert_false(xr_bucket_ask(b, NOW + 1000, &other));

    /* Redis does not have them: here they are again, until later */

    xr_bucket_failed(&ask, NOW + 1001);
    assert_false(xr_bucket_return(b, NOW + 1050, &ask));
    assert_true(xr_bucket_return(b, NOW + 1051, &ask));
    assert_int_equal(ask.due, -TOKENS(7));

    xr_bucket_answered(&ask, 0, TOKENS(40), NOW + 1052);
    assert_false(xr_bucket_return(b, NOW + 5000, &ask));

    /* whoever comes now passes on credit */

    assert_int_equal(admitted(b, &l, NOW + 1053), 1);
    assert_true(xr_bucket_ask(b, NOW + 1053, &ask));
    assert_int_equal(ask.due, TOKENS(1));

    free(t);
}


static void
test_return_in_use(void **state)
{
    int64_t           now;
    xr_limit_t        l;
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   ask;

    (void) state;

    t = table();
    l = requests(TOKENS(20), TOKENS(40));
    b = holding(t, &l, TOKENS(7));

    for (now = NOW; now < NOW + 5000; now += 500) {
        assert_ptr_equal(xr_buckets_get(t, TAG, NULL, &l, now), b);
        assert_false(xr_bucket_return(b, now + 499, &ask));
    }

    /* unless it is more than a bucket can be good for */

    xr_bucket_charge(b, TAG, -TOKENS(60));

    assert_true(xr_bucket_return(b, now - 1, &ask));
    assert_int_equal(ask.want, 0);
    assert_in_range(-ask.due, TOKENS(40), TOKENS(67));
    xr_bucket_answered(&ask, 0, TOKENS(40), now);

    assert_int_equal(admitted(b, &l, now), (TOKENS(67) + ask.due) / TOKENS(1));

    free(t);
}


/* A debt that nobody asks for is booked, too. */

static void
test_return_of_debt(void **state)
{
    xr_limit_t        l;
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   ask;

    (void) state;

    t = table();
    l = bytes(BYTES(100000), BYTES(1000000));
    b = heard(t, &l, BYTES(500000));

    xr_bucket_charge(b, TAG, BYTES(3000));
    assert_false(xr_bucket_return(b, NOW + 999, &ask));
    assert_true(xr_bucket_return(b, NOW + 1000, &ask));
    assert_int_equal(ask.due, BYTES(3000));
    assert_int_equal(ask.want, 0);
    xr_bucket_answered(&ask, 0, BYTES(497000), NOW + 1001);

    xr_bucket_charge(b, TAG, BYTES(3000000));
    (void) xr_buckets_get(t, TAG, NULL, &l, NOW + 1002);
    assert_true(xr_bucket_return(b, NOW + 1002, &ask));
    assert_int_equal(ask.due, BYTES(3000000));
    xr_bucket_answered(&ask, 0, -BYTES(2503000), NOW + 1003);

    assert_false(xr_bucket_return(b, NOW + 9000, &ask));

    free(t);
}


/* Bytes are admitted if anything is there, and cost what they cost. */

static void
test_bytes(void **state)
{
    xr_limit_t           l;
    xr_bucket_t         *b;
    xr_buckets_t        *t;
    xr_bucket_ask_t      ask;
    xr_bucket_result_t   res;

    (void) state;

    t = table();
    l = bytes(BYTES(1000000), BYTES(4000000));
    b = holding(t, &l, BYTES(1));

    res = take(b, &l, BYTES(50000000), NOW);
    assert_true(res.admitted);
    assert_int_equal(res.left, 0);

    res = take(b, &l, 0, NOW);
    assert_false(res.admitted);
    assert_true(res.ask);

    assert_true(xr_bucket_ask(b, NOW, &ask));
    assert_int_equal(ask.due, BYTES(49999999));
    xr_bucket_answered(&ask, 0, -BYTES(45999999), NOW);

    res = take(b, &l, BYTES(1), NOW);
    assert_true(res.known);
    assert_in_range(res.wait, 45999, 46001);

    /* it was not sent: the next one need not wait */

    xr_bucket_charge(b, TAG, -BYTES(49000000));
    assert_true(take(b, &l, BYTES(1), NOW).admitted);

    free(t);

    /* what Redis has and did not give is nothing */

    t = table();
    b = heard(t, &l, BYTES(999));
    assert_false(take(b, &l, BYTES(1), NOW).admitted);

    free(t);
}


/*
 * What is given back pays first what Redis lacks: that was booked for it, or
 * for what others have spent.
 */

static void
test_give_back(void **state)
{
    xr_limit_t           l;
    xr_bucket_t         *b;
    xr_buckets_t        *t;
    xr_bucket_ask_t      ask;
    xr_bucket_result_t   res;

    (void) state;

    t = table();
    l = bytes(BYTES(1000000), BYTES(4000000));
    b = cold(t, &l);

    assert_true(take(b, &l, BYTES(4000000), NOW).admitted);
    assert_true(xr_bucket_ask(b, NOW, &ask));
    assert_int_equal(ask.due, BYTES(4000000));
    xr_bucket_answered(&ask, 0, -BYTES(3600000), NOW);

    assert_false(take(b, &l, 0, NOW).admitted);

    /* some of it is no help */

    xr_bucket_charge(b, TAG, -BYTES(3500000));

    res = take(b, &l, 0, NOW);
    assert_false(res.admitted);
    assert_false(res.ask);
    assert_true(res.known);
    assert_in_range(res.wait, 100, 1000);

    /* with what the rate has given in a while it is; the rest is Redis's */

    res = take(b, &l, 0, NOW + 101);
    assert_false(res.admitted);
    assert_true(res.ask);
    assert_false(res.known);

    assert_true(xr_bucket_ask(b, NOW + 101, &ask));
    assert_int_equal(ask.due, -BYTES(3500000));
    assert_in_range(ask.want, BYTES(8000), BYTES(512000));
    xr_bucket_failed(&ask, NOW + 101);

    assert_false(xr_bucket_ask(b, NOW + 102, &ask));
    assert_true(xr_bucket_ask(b, NOW + 151, &ask));
    assert_int_equal(ask.due, -BYTES(3500000));
    xr_bucket_answered(&ask, BYTES(51000), 0, NOW + 151);

    assert_true(take(b, &l, BYTES(51000), NOW + 151).admitted);
    assert_false(take(b, &l, BYTES(1), NOW + 151).admitted);

    free(t);
}


/* Sums saturate long before they overflow. */

static void
test_charge(void **state)
{
    size_t            i;
    xr_limit_t        l;
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   ask;

    (void) state;

    t = table();
    l = bytes(XR_LIMIT_MAX, XR_LIMIT_MAX);
    b = heard(t, &l, 0);

    xr_bucket_charge(b, TAG + 1, -BYTES(1));
    assert_false(take(b, &l, 1, NOW).admitted);

    for (i = 0; i < 5000; i++) {
        xr_bucket_charge(b, TAG, XR_LIMIT_MAX);
    }

    assert_false(take(b, &l, XR_LIMIT_MAX, NOW).admitted);
    assert_true(xr_bucket_ask(b, NOW + 1000, &ask));
    assert_int_equal(ask.due, XR_LIMIT_MAX);
    xr_bucket_answered(&ask, XR_LIMIT_MAX, XR_LIMIT_MAX, NOW + 1000);

    for (i = 0; i < 5000; i++) {
        xr_bucket_charge(b, TAG, -XR_LIMIT_MAX);
    }

    assert_true(take(b, &l, XR_LIMIT_MAX, NOW + 1000).admitted);
    assert_true(xr_bucket_return(b, NOW + 3000, &ask));
    assert_in_range(-ask.due, 1, XR_LIMIT_MAX);
    xr_bucket_failed(&ask, NOW + 3000);

    free(t);
}


/* A request that costs more than the limit says has to fit, too. */

static void
test_cost(void **state)
{
    xr_limit_t        l;
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   ask;

    (void) state;

    t = table();
    l = requests(TOKENS(1) / 60, TOKENS(100));
    b = holding(t, &l, TOKENS(3));

    assert_false(take(b, &l, TOKENS(7), NOW).admitted);
    assert_true(xr_bucket_ask(b, NOW + 1000, &ask));
    assert_in_range(ask.want, TOKENS(4), TOKENS(7));
    xr_bucket_answered(&ask, ask.want, TOKENS(30), NOW + 1000);

    assert_true(take(b, &l, TOKENS(7), NOW + 1000).admitted);

    free(t);
}


/*
 * After a second of silence a bucket may be said to be full again as far as
 * time has filled it, and gets credit once.
 */

static void
test_stale(void **state)
{
    xr_limit_t        l;
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   ask;

    (void) state;

    t = table();
    l = requests(TOKENS(1), TOKENS(40));
    b = heard(t, &l, -TOKENS(2));

    assert_false(take(b, &l, l.cost, NOW + 2999).admitted);
    assert_int_equal(admitted(b, &l, NOW + 3000), 1);
    assert_int_equal(admitted(b, &l, NOW + 900000), 0);

    assert_true(xr_bucket_ask(b, NOW + 900000, &ask));
    assert_int_equal(ask.due, TOKENS(1));
    xr_bucket_answered(&ask, 0, TOKENS(1), NOW + 900000);

    assert_int_equal(admitted(b, &l, NOW + 900999), 0);
    assert_int_equal(admitted(b, &l, NOW + 901000), 1);

    free(t);
}


/* An edge by itself, from when Redis was heard last. */

static void
test_fill(void **state)
{
    xr_limit_t        l;
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   ask;

    (void) state;

    /* never heard of: full */

    t = table();
    l = requests(TOKENS(20), TOKENS(40));
    b = cold(t, &l);

    xr_bucket_fill(b, &l, 4, NOW);
    assert_int_equal(admitted(b, &l, NOW), 10);
    xr_bucket_fill(b, &l, 4, NOW + 199);
    assert_int_equal(admitted(b, &l, NOW + 199), 0);
    xr_bucket_fill(b, &l, 4, NOW + 200);
    assert_int_equal(admitted(b, &l, NOW + 200), 1);
    xr_bucket_fill(b, &l, 4, NOW + 100000);
    assert_int_equal(admitted(b, &l, NOW + 100000), 10);

    /* what was gained here is neither owed nor returned */

    xr_bucket_fill(b, &l, 4, NOW + 200000);
    assert_false(xr_bucket_return(b, NOW + 202000, &ask));
    assert_int_equal(admitted(b, &l, NOW + 202000), 10);
    assert_true(xr_bucket_ask(b, NOW + 202000, &ask));
    assert_int_equal(ask.due, 0);
    xr_bucket_answered(&ask, TOKENS(1), 0, NOW + 202000);
    assert_int_equal(admitted(b, &l, NOW + 202000), 1);

    free(t);
}


static void
test_fill_from(void **state)
{
    xr_limit_t     l;
    xr_bucket_t   *b;
    xr_buckets_t  *t;

    (void) state;

    /* heard of: by what the rate gave since, and a debt is paid first */

    t = table();
    l = requests(TOKENS(20), TOKENS(40));
    b = heard(t, &l, TOKENS(40));
    xr_bucket_charge(b, TAG, TOKENS(1));

    xr_bucket_fill(b, &l, 4, NOW + 400);
    assert_int_equal(admitted(b, &l, NOW + 400), 1);

    free(t);

    /* a share that is less than a request is one, later */

    t = table();
    l = requests(TOKENS(1), TOKENS(1));
    b = cold(t, &l);

    xr_bucket_fill(b, &l, 4, NOW);
    assert_int_equal(admitted(b, &l, NOW), 1);
    xr_bucket_fill(b, &l, 4, NOW + 3999);
    assert_int_equal(admitted(b, &l, NOW + 3999), 0);
    xr_bucket_fill(b, &l, 0, NOW + 4000);
    assert_int_equal(admitted(b, &l, NOW + 4000), 1);

    free(t);
}


static uint64_t
next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;

    return *seed;
}


/* Any number of digits is as likely as any other. */

static int64_t
amount(uint64_t *seed)
{
    return 1 + (int64_t) ((next_random(seed) % XR_LIMIT_MAX)
                          >> next_random(seed) % 53);
}


/* All that is there, to the last millionth; "l" is in requests. */

static int64_t
drain(xr_bucket_t *b, const xr_limit_t *l, int64_t now)
{
    int64_t  n, cost;

    n = 0;

    for (cost = INT64_C(1) << 53; cost > 0; cost /= 2) {

        if (take(b, l, cost, now).admitted) {
            n += cost;
        }
    }

    return n;
}


/* What a part of the rate gives, rounded down. */

static __int128
given(const xr_limit_t *l, uint32_t parts, int64_t ms)
{
    return (__int128) l->rate * ms / 1000 / parts;
}


static void
check_fill(const xr_limit_t *l, uint32_t parts, uint64_t *seed)
{
    bool           capped;
    size_t         i;
    int64_t        most, n, now, step;
    __int128       gain, sum;
    xr_bucket_t   *b;
    xr_buckets_t  *t;

    t = table();
    b = cold(t, l);

    most = (l->burst / parts > l->cost) ? l->burst / parts : l->cost;
    now = NOW;
    sum = 0;
    capped = false;

    xr_bucket_fill(b, l, parts, now);
    assert_int_equal(drain(b, l, now), most);

    for (i = 0; i < 40; i++) {
        step = (int64_t) (next_random(seed) % 100);

        if (step < 5) {
            step <<= next_random(seed) % 30;
        }

        now += step;

        xr_bucket_fill(b, l, parts, now);
        n = drain(b, l, now);
        sum += n;

        gain = given(l, parts, step);
        capped = (capped || gain + 1 >= most);

        assert_true(n <= most && n <= gain + 1);
        assert_true(n >= most || n >= gain);
    }

    /* nothing gets lost by rounding, however often it is filled */

    gain = given(l, parts, now - NOW);

    assert_true(sum <= gain + 1);
    assert_true(capped || sum >= gain);

    free(t);
}


/* Never more than a part of rate and burst, and not less either. */

static void
test_fill_bound(void **state)
{
    uint64_t    seed, i;
    uint32_t    parts;
    xr_limit_t  l;

    (void) state;

    seed = 88172645463325252;

    for (i = 0; i < 3000; i++) {
        l = requests(amount(&seed), amount(&seed));
        parts = 1 + (uint32_t) (next_random(&seed) % 64);

        switch (i % 8) {

        case 0:
            l.rate = XR_LIMIT_MAX;
            l.burst = XR_LIMIT_MAX;
            break;

        case 1:
            l.rate = TOKENS(1) / 60;
            break;

        case 2:
            l.rate = 1;
            l.burst = 1;
            break;

        case 3:
            parts = UINT32_MAX;
            break;

        default:
            break;
        }

        check_fill(&l, parts, &seed);
    }
}


/* A clock that goes back gives nothing, and stops nothing for long. */

static void
test_clock_back(void **state)
{
    xr_limit_t        l;
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   ask;

    (void) state;

    t = table();
    l = requests(TOKENS(10), TOKENS(10));
    b = cold(t, &l);

    /* by little: another process has not looked at its watch */

    xr_bucket_fill(b, &l, 1, NOW + 10);
    assert_int_equal(admitted(b, &l, NOW + 10), 10);
    xr_bucket_fill(b, &l, 1, NOW);
    xr_bucket_fill(b, &l, 1, NOW + 109);
    assert_int_equal(admitted(b, &l, NOW + 109), 0);
    xr_bucket_fill(b, &l, 1, NOW + 110);
    assert_int_equal(admitted(b, &l, NOW + 110), 1);

    /* by much: it goes on from there */

    xr_bucket_fill(b, &l, 1, NOW - 500000);
    assert_int_equal(admitted(b, &l, NOW - 500000), 0);
    xr_bucket_fill(b, &l, 1, NOW - 499900);
    assert_int_equal(admitted(b, &l, NOW - 499900), 1);

    /* neither does an ask from the future stand in the way, nor a pause */

    assert_true(xr_bucket_ask(b, NOW, &ask));
    assert_false(xr_bucket_ask(b, NOW - 1999, &ask));
    assert_true(xr_bucket_ask(b, NOW - 2000, &ask));
    xr_bucket_answered(&ask, 0, 0, NOW);
    assert_false(xr_bucket_ask(b, NOW - 10, &ask));
    assert_true(xr_bucket_ask(b, NOW - 500000, &ask));
    xr_bucket_answered(&ask, 0, 0, NOW);
    assert_int_equal(admitted(b, &l, NOW - 500000), 0);

    free(t);
}


static void
test_block(void **state)
{
    uint64_t       ms;
    xr_limit_t     l;
    xr_bucket_t   *b;
    xr_buckets_t  *t;

    (void) state;

    t = table();
    l = requests(TOKENS(10), TOKENS(10));
    b = cold(t, &l);

    ms = 77;
    assert_false(xr_bucket_blocked(b, NOW, &ms));
    assert_int_equal(ms, 77);

    xr_bucket_block(b, NOW, 100);
    assert_true(xr_bucket_blocked(b, NOW, &ms));
    assert_int_equal(ms, 100);
    assert_true(xr_bucket_blocked(b, NOW + 99, &ms));
    assert_int_equal(ms, 1);
    assert_false(xr_bucket_blocked(b, NOW + 100, &ms));

    /* nor for ever, whatever was said and the clock does */

    xr_bucket_block(b, NOW, UINT64_MAX);
    assert_true(xr_bucket_blocked(b, NOW, &ms));
    assert_int_equal(ms, 1000);
    assert_false(xr_bucket_blocked(b, NOW - 1, &ms));

    free(t);
}


/*
 * Several at once.  Threads and processes do the same; a sanitizer sees what
 * threads do.
 */

typedef struct {
    xr_bucket_t        *bucket;
    xr_limit_t          limit;
    pthread_barrier_t   barrier;
    int64_t             admitted;
    int64_t             claims;
} crowd_t;


static void
spend(crowd_t *c)
{
    int64_t  i, n;

    n = 0;

    for (i = 0; i < 2 * SPENT; i++) {
        n += take(c->bucket, &c->limit, c->limit.cost, NOW).admitted;
    }

    (void) __atomic_fetch_add(&c->admitted, n, __ATOMIC_RELAXED);
}


static void *
spend_thread(void *data)
{
    crowd_t *c = data;

    (void) pthread_barrier_wait(&c->barrier);
    spend(c);

    return NULL;
}


static void
run_threads(crowd_t *c, void *(*run)(void *))
{
    size_t     i;
    pthread_t  threads[WORKERS];

    assert_int_equal(pthread_barrier_init(&c->barrier, NULL, WORKERS), 0);

    for (i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run, c), 0);
    }

    for (i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }

    pthread_barrier_destroy(&c->barrier);
}


/* Exactly as many as there are tokens. */

static void
test_threads_spend(void **state)
{
    crowd_t        c;
    xr_buckets_t  *t;

    (void) state;

    t = table();

    c.limit = requests(TOKENS(1), TOKENS(1000));
    c.bucket = holding(t, &c.limit, TOKENS(SPENT) + 999999);
    c.admitted = 0;

    run_threads(&c, spend_thread);

    assert_int_equal(c.admitted, SPENT);
    assert_int_equal(drain(c.bucket, &c.limit, NOW), 999999);

    free(t);
}


static void
test_processes_spend(void **state)
{
    int            status;
    char          *p;
    pid_t          pids[WORKERS];
    size_t         i;
    crowd_t       *c;
    xr_buckets_t  *t;

    (void) state;

    p = mmap(NULL, 4096 + SIZE, PROT_READ|PROT_WRITE,
             MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);

    c = (crowd_t *) (void *) p;
    t = xr_buckets_create(p + 4096, SIZE);
    assert_non_null(t);

    c->limit = requests(TOKENS(1), TOKENS(1000));
    c->bucket = holding(t, &c->limit, TOKENS(SPENT));

    for (i = 0; i < WORKERS; i++) {
        pids[i] = fork();
        assert_true(pids[i] != -1);

        if (pids[i] == 0) {
            spend(c);
            _exit(0);
        }
    }

    for (i = 0; i < WORKERS; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }

    assert_int_equal(c->admitted, SPENT);

    munmap(p, 4096 + SIZE);
}


/*
 * Everybody wants to ask; one may, and is answered.  At the end there is what
 * was granted and booked, less what was spent.
 */

static void *
claim_thread(void *data)
{
    crowd_t *c = data;

    int64_t          i, n, now;
    xr_bucket_ask_t  ask;

    n = 0;

    for (i = 0; i < CLAIMS; i++) {
        now = NOW + 2000 * i;

        (void) pthread_barrier_wait(&c->barrier);

        n += take(c->bucket, &c->limit, c->limit.cost, now).admitted;

        if (xr_bucket_ask(c->bucket, now, &ask)) {
            (void) __atomic_fetch_add(&c->claims, 1, __ATOMIC_RELAXED);

            (void) pthread_barrier_wait(&c->barrier);

            if (i % 3 == 0) {
                xr_bucket_failed(&ask, now);

            } else {
                xr_bucket_answered(&ask, ask.want, TOKENS(1000), now);
                n -= (ask.want + ask.due) / TOKENS(1);
            }

        } else {
            (void) pthread_barrier_wait(&c->barrier);
        }
    }

    (void) __atomic_fetch_add(&c->admitted, n, __ATOMIC_RELAXED);

    return NULL;
}


static void
test_threads_claim(void **state)
{
    crowd_t        c;
    xr_buckets_t  *t;

    (void) state;

    t = table();

    /* no lease lasts for two rounds */

    c.limit = requests(TOKENS(2), TOKENS(8));
    c.bucket = cold(t, &c.limit);
    c.admitted = 0;
    c.claims = 0;

    run_threads(&c, claim_thread);

    assert_int_equal(c.claims, CLAIMS);

    /* below 0: they are still here; above: it was on credit */

    assert_in_range(4 - c.admitted, 0, 8);
    xr_bucket_charge(c.bucket, TAG, TOKENS(c.admitted));
    assert_int_equal(drain(c.bucket, &c.limit, NOW), 0);

    free(t);
}


static void *
fill_thread(void *data)
{
    crowd_t *c = data;

    int64_t  i, n, now;

    n = 0;

    for (i = 0; i < CLAIMS; i++) {
        now = NOW + 100 * i;

        (void) pthread_barrier_wait(&c->barrier);

        xr_bucket_fill(c->bucket, &c->limit, 1, now);

        (void) pthread_barrier_wait(&c->barrier);

        n += take(c->bucket, &c->limit, c->limit.cost, now).admitted;
        n += take(c->bucket, &c->limit, c->limit.cost, now).admitted;
    }

    (void) __atomic_fetch_add(&c->admitted, n, __ATOMIC_RELAXED);

    return NULL;
}


/*
 * The short way, beside a bucket that goes the long one: either it does the
 * same, or nothing, and then there is more to do than to spend.
 */

static void
test_spend(void **state)
{
    int64_t              left, now;
    size_t               spent;
    xr_limit_t           l;
    xr_bucket_t         *b, *other;
    xr_buckets_t        *t, *u;
    xr_bucket_ask_t      ask;
    xr_bucket_result_t   res;

    (void) state;

    t = table();
    u = table();
    l = requests(TOKENS(2000), TOKENS(2000));

    b = cold(t, &l);
    other = cold(u, &l);

    assert_ptr_equal(xr_buckets_guess(t, TAG), b);

    spent = 0;
    left = -1;

    for (now = NOW; now < NOW + 500; now++) {

        if (xr_bucket_spend(b, TAG, &l, l.cost, now, &left)) {
            res = take(other, &l, l.cost, now);

            assert_true(res.admitted);
            assert_false(res.ask);
            assert_int_equal(left, res.left);
            spent++;
            continue;
        }

        res = take(b, &l, l.cost, now);
        assert_true(res.ask || !res.admitted);
        assert_int_equal(take(other, &l, l.cost, now).left, res.left);

        if (res.ask) {
            assert_true(xr_bucket_ask(b, now, &ask));
            xr_bucket_answered(&ask, ask.want, TOKENS(1000), now);
            assert_true(xr_bucket_ask(other, now, &ask));
            xr_bucket_answered(&ask, ask.want, TOKENS(1000), now);
        }
    }

    assert_in_range(spent, 450, 499);

    free(t);
    free(u);
}


/* What is not as usual. */

static void
test_spend_not(void **state)
{
    int64_t           left;
    xr_limit_t        l, changed;
    xr_bucket_t      *b;
    xr_buckets_t     *t;
    xr_bucket_ask_t   ask;

    (void) state;

    t = table();
    l = requests(TOKENS(20), TOKENS(40));
    b = holding(t, &l, TOKENS(30));

    assert_true(xr_bucket_spend(b, TAG, &l, l.cost, NOW, &left));

    /* another's by now, another limit, more than there is */

    assert_false(xr_bucket_spend(b, TAG + 1, &l, l.cost, NOW, &left));

    changed = requests(TOKENS(21), TOKENS(40));
    assert_false(xr_bucket_spend(b, TAG, &changed, l.cost, NOW, &left));
    changed = requests(TOKENS(20), TOKENS(41));
    assert_false(xr_bucket_spend(b, TAG, &changed, l.cost, NOW, &left));

    assert_false(xr_bucket_spend(b, TAG, &l, TOKENS(30), NOW, &left));

    /* it is in use, so nothing is returned */

    assert_true(xr_bucket_spend(b, TAG, &l, l.cost, NOW + 2000, &left));
    assert_false(xr_bucket_return(b, NOW + 2001, &ask));
    assert_true(xr_bucket_return(b, NOW + 4000, &ask));
    assert_int_equal(ask.due, -TOKENS(28));
    xr_bucket_answered(&ask, 0, -TOKENS(5), NOW + 4000);

    /* as much as Redis lacks is not spent */

    xr_bucket_charge(b, TAG, -TOKENS(15));
    assert_false(xr_bucket_spend(b, TAG, &l, TOKENS(11), NOW + 4001, &left));
    assert_true(xr_bucket_spend(b, TAG, &l, TOKENS(1), NOW + 4001, &left));

    free(t);
}


/* All fill, once in all. */

static void
test_threads_fill(void **state)
{
    crowd_t        c;
    xr_buckets_t  *t;

    (void) state;

    t = table();

    c.limit = requests(TOKENS(20), TOKENS(8));
    c.bucket = cold(t, &c.limit);
    c.admitted = 0;

    run_threads(&c, fill_thread);

    assert_int_equal(c.admitted, 8 + 2 * (CLAIMS - 1));

    free(t);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_credit),
        cmocka_unit_test(test_cold),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_wait),
        cmocka_unit_test(test_failed),
        cmocka_unit_test(test_large_debt),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_absurd_answers),
        cmocka_unit_test(test_lease),
        cmocka_unit_test(test_small_lease),
        cmocka_unit_test(test_return),
        cmocka_unit_test(test_return_in_use),
        cmocka_unit_test(test_return_of_debt),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_give_back),
        cmocka_unit_test(test_charge),
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_spend),
        cmocka_unit_test(test_spend_not),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_fill),
        cmocka_unit_test(test_fill_from),
        cmocka_unit_test(test_fill_bound),
        cmocka_unit_test(test_clock_back),
        cmocka_unit_test(test_block),
        cmocka_unit_test(test_threads_spend),
        cmocka_unit_test(test_processes_spend),
        cmocka_unit_test(test_threads_claim),
        cmocka_unit_test(test_threads_fill)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
