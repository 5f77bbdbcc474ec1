/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_bucket.h"


/*
 * Clients, edges and Redis in a time of their own.  A command reaches Redis
 * after half of the latency and is answered after all of it.  A request that
 * nobody can be sure about waits for a while, as the module lets it.
 */

#define TICK          100                       /* microseconds */
#define MS            INT64_C(1000)
#define SECOND        INT64_C(1000000)
#define START         (1000000 * SECOND)

#define SWEEP         (200 * MS)
#define PATIENCE      (20 * MS)
#define DEADLINE      (250 * MS)
#define BREAKER       (50 * MS)                 /* until it opens */
#define TRANSFER      (10 * MS)                 /* of what is broken off */

#define EDGES_MAX     8
#define QUEUE_MAX     4096
#define SEEDS         3
#define TAG           0x123456789abcdef0
#define TABLE_SIZE    (64 + XR_BUCKET_WAYS * XR_BUCKET_ENTRY_SIZE + 4)

#define TOKENS(n)     ((int64_t) (n) * XR_LIMIT_TOKEN)
#define BYTES(n)      ((int64_t) (n) * XR_LIMIT_BYTE)


typedef struct {
    int64_t           at;                       /* the next thing happens */
    int64_t           until;
    bool              decided;                  /* by Redis */
    bool              lost;
    int64_t           granted;
    int64_t           balance;
    xr_bucket_ask_t   ask;
} event_t;

/* In the order of their times. */

typedef struct {
    size_t            first;
    size_t            n;
    event_t           events[QUEUE_MAX];
} queue_t;

typedef struct {
    xr_buckets_t     *table;
    queue_t           calls;
    queue_t           waiting;                  /* requests */
    queue_t           sending;                  /* answers to clients */
    double            offered;                  /* requests a second */
    double            next;                     /* of them, when */
    int64_t           admitted;                 /* millionths */
} edge_t;

typedef struct {
    xr_limit_t        limit;
    size_t            nedges;
    int64_t           latency;
    int64_t           cost;                     /* of each request */
    int64_t           sent;                     /* of it, at last */
    bool              impatient;                /* no request waits */
    bool              away;                     /* Redis is, */
    int64_t           since;                    /* for so long */
    int64_t           now;
    uint64_t          random;
    edge_t            edges[EDGES_MAX];

    /* Redis */
    int64_t           balance;
    int64_t           time;
    int64_t           fraction;

    /* what came of it */
    int64_t           asks;
    int64_t           returns;
    int64_t           admitted;                 /* requests */
    int64_t           refused;
    int64_t           spent;                    /* millionths */
    int64_t           lowest;                   /* of spent - rate * time */
    int64_t           excess;                   /* above it, at any time */
    int64_t           overshoot;                /* above the burst as well */
} sim_t;


static double
uniform(sim_t *s)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;

    return (double) (s->random >> 11) / (double) (UINT64_C(1) << 53);
}


static void
offer(sim_t *s, size_t edge, double requests)
{
    s->edges[edge].offered = requests;
    s->edges[edge].next = (double) s->now + uniform(s) * (double) MS;
}


static void
offer_all(sim_t *s, double requests)
{
    size_t  i;

    for (i = 0; i < s->nedges; i++) {
        offer(s, i, requests / (double) s->nedges);
    }
}


static sim_t *
sim(size_t nedges, xr_limit_unit_t unit, int64_t rate, int64_t burst,
    uint64_t seed)
{
    size_t  i;
    void   *p;
    sim_t  *s;

    s = calloc(1, sizeof(sim_t));
    assert_non_null(s);

    s->limit.unit = unit;
    s->limit.rate = rate;
    s->limit.burst = burst;
    s->limit.cost = (unit == XR_LIMIT_REQUESTS) ? XR_LIMIT_TOKEN : 0;

    s->nedges = nedges;
    s->latency = MS;
    s->cost = XR_LIMIT_TOKEN;
    s->now = START;
    s->random = (seed + 1) * 0x9e3779b97f4a7c15;

    s->balance = burst;
    s->time = START;

    for (i = 0; i < nedges; i++) {
        p = aligned_alloc(64, TABLE_SIZE);
        assert_non_null(p);
        memset(p, 0, TABLE_SIZE);

        s->edges[i].table = xr_buckets_create(p, TABLE_SIZE);
        assert_non_null(s->edges[i].table);
    }

    return s;
}


static void
sim_free(sim_t *s)
{
    size_t  i;

    for (i = 0; i < s->nedges; i++) {
        free(s->edges[i].table);
    }

    free(s);
}


static event_t *
queue_add(queue_t *q, int64_t at)
{
    event_t  *e;

    assert_true(q->n < QUEUE_MAX);

    e = &q->events[(q->first + q->n++) % QUEUE_MAX];
    memset(e, 0, sizeof(event_t));
    e->at = at;

    return e;
}


/* What is due, taken off; NULL: nothing is. */

static event_t *
queue_next(queue_t *q, int64_t now)
{
    event_t  *e;

    e = &q->events[q->first];

    if (q->n == 0 || e->at > now) {
        return NULL;
    }

    q->first = (q->first + 1) % QUEUE_MAX;
    q->n--;

    return e;
}


static void
redis_fill(sim_t *s)
{
    __int128  gain;

    gain = (__int128) s->limit.rate * (s->now - s->time) + s->fraction;

    s->balance += (int64_t) (gain / SECOND);
    s->fraction = (int64_t) (gain % SECOND);
    s->time = s->now;

    if (s->balance >= s->limit.burst) {
        s->balance = s->limit.burst;
        s->fraction = 0;
    }
}


/* As the script does, see xr_limit.h. */

static void
redis_lease(sim_t *s, event_t *call)
{
    int64_t  granted;

    redis_fill(s);

    s->balance -= call->ask.due;

    if (s->balance > s->limit.burst) {
        s->balance = s->limit.burst;
    }

    granted = call->ask.want;

    if (granted > s->balance) {
        granted = (s->balance > 0) ? s->balance : 0;

        if (granted < s->limit.burst) {
            granted -= granted % XR_LIMIT_TOKEN;
        }
    }

    s->balance -= granted;

    call->granted = granted;
    call->balance = s->balance;
}


static void
call_redis(sim_t *s, edge_t *e, const xr_bucket_ask_t *ask)
{
    event_t  *call;

    call = queue_add(&e->calls, s->now + (s->away ? DEADLINE : s->latency));

    call->ask = *ask;
    call->lost = s->away;
}


static void
run_calls(sim_t *s, edge_t *e)
{
    size_t    i;
    event_t  *call;

    for (i = 0; i < e->calls.n; i++) {
        call = &e->calls.events[(e->calls.first + i) % QUEUE_MAX];

        if (!call->lost && !call->decided
            && call->at - s->latency / 2 <= s->now)
        {
            redis_lease(s, call);
            call->decided = true;
        }
    }

    for ( ;; ) {
        call = queue_next(&e->calls, s->now);

        if (call == NULL) {
            break;
        }

        if (call->lost) {
            xr_bucket_failed(&call->ask, s->now / MS);

        } else {
            xr_bucket_answered(&call->ask, call->granted, call->balance,
                               s->now / MS);
        }
    }
}


/* What was admitted above the rate, since the start and since any time. */

static void
account(sim_t *s, int64_t cost)
{
    int64_t  level;

    level = s->spent
            - (int64_t) ((__int128) s->limit.rate * (s->now - START) / SECOND);

    s->lowest = (level < s->lowest) ? level : s->lowest;

    s->spent += cost;
    level += cost;

    if (level - s->lowest > s->excess) {
        s->excess = level - s->lowest;
    }

    if (level - s->limit.burst > s->overshoot) {
        s->overshoot = level - s->limit.burst;
    }
}


static void
request(sim_t *s, edge_t *e, int64_t until)
{
    int64_t             now;
    event_t            *later;
    xr_bucket_t        *b;
    xr_bucket_ask_t     ask;
    xr_bucket_result_t  res;

    static const uint8_t  key[XR_LIMIT_KEY_SIZE] = "xr:{0}:1";

    now = s->now / MS;
    b = xr_buckets_get(e->table, TAG, key, &s->limit, now);
    assert_non_null(b);

    if (s->away && s->now - s->since >= BREAKER) {
        xr_bucket_fill(b, &s->limit, (uint32_t) s->nedges, now);
    }

    xr_bucket_take(b, &s->limit, s->cost, now, &res);

    if (res.admitted) {
        s->admitted++;
        e->admitted += s->cost;

        if (s->sent == 0) {
            account(s, s->cost);

        } else {
            (void) queue_add(&e->sending, s->now + TRANSFER);
        }

    } else if (!res.known && !s->impatient && s->now < until) {
        later = queue_add(&e->waiting, s->now + MS);
        later->until = until;

    } else {
        s->refused++;
    }

    if (res.ask && xr_bucket_ask(b, now, &ask)) {
        s->asks++;
        call_redis(s, e, &ask);
    }
}


static void
run_requests(sim_t *s, edge_t *e)
{
    event_t  *w;

    for ( ;; ) {
        w = queue_next(&e->waiting, s->now);

        if (w == NULL) {
            break;
        }

        request(s, e, w->until);
    }

    while (e->offered > 0 && e->next <= (double) s->now) {
        request(s, e, s->now + PATIENCE);
        e->next += (0.5 + uniform(s)) * (double) SECOND / e->offered;
    }

    /* clients break off, and are charged for what they got */

    while (queue_next(&e->sending, s->now) != NULL) {
        xr_bucket_charge(xr_buckets_get(e->table, TAG, NULL, &s->limit,
                                        s->now / MS),
                         TAG, s->sent - s->cost);
        account(s, s->sent);
    }
}


static void
run_sweep(sim_t *s, edge_t *e)
{
    size_t           i;
    xr_bucket_ask_t  ask;

    for (i = 0; i < xr_buckets_entries(e->table); i++) {

        if (xr_bucket_return(xr_buckets_at(e->table, i), s->now / MS, &ask)) {
            s->returns++;
            call_redis(s, e, &ask);
        }
    }
}


static void
run(sim_t *s, int64_t duration)
{
    size_t   i;
    int64_t  end;

    for (end = s->now + duration; s->now < end; s->now += TICK) {

        for (i = 0; i < s->nedges; i++) {
            run_calls(s, &s->edges[i]);
            run_requests(s, &s->edges[i]);

            if (s->now % SWEEP == 0 && !s->away) {
                run_sweep(s, &s->edges[i]);
            }
        }
    }
}


static void
redis_goes(sim_t *s)
{
    s->away = true;
    s->since = s->now;
}


static int64_t
min(int64_t a, int64_t b)
{
    return (a < b) ? a : b;
}


static int64_t
max(int64_t a, int64_t b)
{
    return (a > b) ? a : b;
}


/*
 * The bound that xr_bucket.h states: for any time at all, and for one that
 * begins when nothing was leased.
 */

static void
check_bound(const sim_t *s, double offered)
{
    int64_t  credit, edges, lease, object, spending, unit;

    edges = (int64_t) s->nedges;
    credit = xr_bucket_credit(&s->limit);
    unit = (s->limit.unit == XR_LIMIT_BYTES) ? BYTES(8000) : s->cost;
    object = (s->limit.unit == XR_LIMIT_BYTES) ? s->cost : 0;

    /* in 100 ms, at most; they come at half of the mean distance then */

    spending = (int64_t) (2 * offered / (double) edges / 10) * s->cost;

    lease = max(64 * unit, min(s->limit.burst / 16, 1024 * unit));
    lease = max(lease, max(credit, spending));
    lease = max(unit, min(s->limit.burst / 2, lease)) + unit;

    assert_true(s->overshoot <= edges * (credit + object));
    assert_true(s->excess <= s->limit.burst
                             + edges * (lease + credit + object));
}


/* Within so many percent of all that there was. */

static void
check_spent(const sim_t *s, int64_t percent)
{
    int64_t  all;

    all = s->limit.burst + (int64_t) ((__int128) s->limit.rate
                                      * (s->now - START) / SECOND);

    assert_in_range(s->spent, all / 100 * (100 - percent),
                    all / 100 * (100 + percent));
}


/* Four edges, five times as many requests as there may be. */

static void
test_exhausted(void **state)
{
    size_t    i, k;
    sim_t    *s;
    int64_t   parts;
    uint64_t  seed;

    static const struct {
        size_t   edges;
        int64_t  burst;
        int64_t  latency;
        bool     impatient;
    } cases[] = {
        { 4, TOKENS(100), MS, false },
        { 4, TOKENS(1000), MS, false },
        { 4, TOKENS(1000), MS, true },
        { 4, TOKENS(1000), 20 * MS, false },
        { 1, TOKENS(100), MS, false },
        { 8, TOKENS(1000), MS, false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {

        for (seed = 0; seed < SEEDS; seed++) {
            s = sim(cases[i].edges, XR_LIMIT_REQUESTS, TOKENS(1000),
                    cases[i].burst, seed);
            s->latency = cases[i].latency;
            s->impatient = cases[i].impatient;

            offer_all(s, 5000);
            run(s, 20 * SECOND);

            check_spent(s, 5);
            check_bound(s, 5000);
            assert_in_range(32 * s->asks, 1, s->admitted);

            /* no edge goes without; with a small burst luck decides longer */

            parts = (int64_t) s->nedges
                    * ((cases[i].burst < TOKENS(1000)) ? 20 : 5);

            for (k = 0; k < s->nedges; k++) {
                assert_true(s->edges[k].admitted >= s->spent / parts);
            }

            sim_free(s);
        }
    }
}


/* Nine of ten that may be: all pass, and hardly anybody asks. */

static void
test_fast(void **state)
{
    size_t    i;
    sim_t    *s;

    static const int64_t  bursts[] = { TOKENS(1000), TOKENS(10000) };

    (void) state;

    for (i = 0; i < XR_COUNT(bursts); i++) {
        s = sim(1, XR_LIMIT_REQUESTS, TOKENS(10000), bursts[i], i);

        s->impatient = true;

        offer_all(s, 9000);
        run(s, 10 * SECOND);

        assert_int_equal(s->refused, 0);
        assert_in_range(100 * s->asks, 1, s->admitted);
        check_bound(s, 9000);

        sim_free(s);
    }
}


/* A burst after idleness is admitted exactly, wherever it arrives. */

static void
test_burst(void **state)
{
    bool      warm;
    size_t    i;
    sim_t    *s;
    uint64_t  seed;

    static const struct {
        double   offered;               /* requests a second: 500 in all */
        size_t   edges;                 /* of four, that they come to */
        int64_t  latency;
    } cases[] = {
        { 50, 4, MS },
        { 500, 4, MS },
        { 5000, 4, MS },
        { 50000, 4, MS / 2 },
        { 500, 1, MS },
        { 5000, 1, MS },
        { 500, 3, 20 * MS }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {

        for (seed = 0; seed < 2 * SEEDS; seed++) {
            s = sim(4, XR_LIMIT_REQUESTS, XR_LIMIT_TOKEN / 60, TOKENS(100),
                    seed);

            s->latency = cases[i].latency;
            s->impatient = (seed % 2 == 0);

            /* all have heard of it once, or nobody has */

            warm = (seed % 3 != 0);

            if (warm) {
                offer_all(s, 100);
                run(s, SECOND / 4);
                offer_all(s, 0);
                run(s, 3 * SECOND);
                s->now += 7200 * SECOND;
                run(s, SECOND / 4);
            }

            s->admitted = 0;
            s->nedges = cases[i].edges;
            offer_all(s, cases[i].offered);
            run(s, (int64_t) (500 / cases[i].offered * 1e6));

            s->nedges = 4;
            offer_all(s, 0);
            run(s, SECOND);

            assert_int_equal(s->admitted, 100);

            sim_free(s);
        }
    }
}


/* What is leased and not used goes back to Redis, all of it. */

static void
test_idle(void **state)
{
    sim_t    *s;
    uint64_t  seed;

    (void) state;

    for (seed = 0; seed < SEEDS; seed++) {
        s = sim(4, XR_LIMIT_REQUESTS, 1, TOKENS(10000), seed);

        offer_all(s, 2000);
        run(s, SECOND);
        offer_all(s, 0);
        run(s, 2 * SECOND);

        assert_in_range(s->returns, 1, 4);
        redis_fill(s);
        assert_in_range(s->balance + s->spent, TOKENS(10000),
                        TOKENS(10000) + 3);

        sim_free(s);
    }
}


/* More and more, but never too much. */

static void
test_growing(void **state)
{
    int     i;
    sim_t  *s;
    size_t  edges;

    (void) state;

    for (edges = 1; edges <= 4; edges += 3) {
        s = sim(edges, XR_LIMIT_REQUESTS, TOKENS(10000), TOKENS(10000), 1);

        s->impatient = true;

        for (i = 1; i <= 100; i++) {
            offer_all(s, 50 * i);
            run(s, 50 * MS);
        }

        /* and all at once, after a while */

        offer_all(s, 0);
        run(s, 3 * SECOND);
        offer_all(s, 5000);
        run(s, SECOND);

        assert_int_equal(s->refused, 0);
        check_bound(s, 5000);

        sim_free(s);
    }
}


/* Slow limits, with requests as often as they may come. */

static void
test_slow(void **state)
{
    size_t  i;
    sim_t  *s;

    static const struct {
        size_t   edges;
        int64_t  rate;
        int64_t  burst;
        double   offered;
    } cases[] = {
        { 1, TOKENS(20), TOKENS(40), 19 },
        { 1, TOKENS(2), TOKENS(5), 1.8 },
        { 2, TOKENS(2), TOKENS(5), 1.2 },
        { 1, TOKENS(1) / 2, TOKENS(1), 0.2 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        s = sim(cases[i].edges, XR_LIMIT_REQUESTS, cases[i].rate,
                cases[i].burst, i);

        offer_all(s, cases[i].offered);
        run(s, 60 * SECOND);

        assert_int_equal(s->refused, 0);
        assert_true(s->asks <= s->admitted);

        /* and far more of them */

        offer_all(s, 10 * cases[i].offered);
        run(s, 60 * SECOND);
        check_bound(s, 10 * cases[i].offered);

        sim_free(s);
    }
}


/* A client asks for far more bytes than it may have. */

static void
test_bytes(void **state)
{
    size_t    i;
    sim_t    *s;
    uint64_t  seed;

    static const struct {
        size_t   edges;
        int64_t  rate;
        int64_t  burst;
        int64_t  object;
        double   offered;
    } cases[] = {
        { 1, BYTES(5000000), BYTES(5000000), BYTES(1000000), 50 },
        { 1, BYTES(5000000), BYTES(5000000), BYTES(100000), 500 },
        { 1, BYTES(5000000), BYTES(5000000), BYTES(4096), 5000 },
        { 1, BYTES(5000000), BYTES(1000000), BYTES(3000000), 50 },
        { 1, BYTES(100000), BYTES(200000), BYTES(65536), 50 },
        { 1, BYTES(100000), BYTES(1000000), BYTES(4096), 500 },
        { 4, BYTES(5000000), BYTES(5000000), BYTES(1000000), 50 },
        { 4, BYTES(5000000), BYTES(5000000), BYTES(4096), 5000 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {

        for (seed = 0; seed < SEEDS; seed++) {
            s = sim(cases[i].edges, XR_LIMIT_BYTES, cases[i].rate,
                    cases[i].burst, seed);

            s->cost = cases[i].object;

            offer_all(s, cases[i].offered);
            run(s, 20 * SECOND);

            check_spent(s, 5);
            check_bound(s, cases[i].offered);

            sim_free(s);
        }
    }
}


/* Large objects, each broken off soon: only what was sent counts. */

static void
test_broken_off(void **state)
{
    sim_t    *s;
    uint64_t  seed;

    (void) state;

    for (seed = 0; seed < SEEDS; seed++) {
        s = sim(1, XR_LIMIT_BYTES, BYTES(1000000), BYTES(4000000), seed);

        s->cost = BYTES(4000000);
        s->sent = BYTES(65536);

        offer_all(s, 100);
        run(s, 20 * SECOND);

        check_spent(s, 5);

        /* nothing but that was booked */

        offer_all(s, 0);
        run(s, 3 * SECOND);
        redis_fill(s);

        assert_in_range(s->balance + s->spent, BYTES(26990000),
                        BYTES(27000000));

        sim_free(s);
    }
}


/* Redis goes away for ten seconds and comes back. */

static void
test_outage(void **state)
{
    sim_t    *s;
    int64_t   before;
    uint64_t  seed;

    (void) state;

    for (seed = 0; seed < SEEDS; seed++) {

        /* what is allowed loses nothing */

        s = sim(4, XR_LIMIT_REQUESTS, TOKENS(1000), TOKENS(1000), seed);

        offer_all(s, 800);
        run(s, 5 * SECOND);
        redis_goes(s);
        run(s, 10 * SECOND);
        s->away = false;
        run(s, 5 * SECOND);

        assert_int_equal(s->refused, 0);
        check_bound(s, 800);

        sim_free(s);

        /* what is not does not become so */

        s = sim(4, XR_LIMIT_REQUESTS, TOKENS(1000), TOKENS(1000), seed);

        offer_all(s, 5000);
        run(s, 5 * SECOND);

        before = s->spent;
        redis_goes(s);
        run(s, 10 * SECOND);
        assert_in_range(s->spent - before, TOKENS(9000), TOKENS(11000));

        before = s->spent;
        s->away = false;
        run(s, 5 * SECOND);
        assert_in_range(s->spent - before, TOKENS(4900), TOKENS(6500));

        sim_free(s);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_exhausted),
        cmocka_unit_test(test_fast),
        cmocka_unit_test(test_burst),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_broken_off),
        cmocka_unit_test(test_outage)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
