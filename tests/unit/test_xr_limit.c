/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <math.h>
#include <string.h>

#include "test.h"

#include "xr_limit.h"


#define TOKEN     INT64_C(1000000)
#define BYTE      INT64_C(1000)
#define KIB       (1024 * BYTE)
#define MIB       (1024 * KIB)
#define GIB       (1024 * MIB)

#define LABEL63  "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopq"

#define ARGS_MAX  16


/* Splits "line" at its blanks into copies; "~" is an empty word. */

static size_t
split(const char *line, xr_str_t *args)
{
    char    copy[1024], *word, *save;
    size_t  n;

    assert_true(strlen(line) < sizeof(copy));
    memcpy(copy, line, strlen(line) + 1);

    n = 0;

    for (word = strtok_r(copy, " ", &save); word != NULL;
         word = strtok_r(NULL, " ", &save))
    {
        assert_true(n < ARGS_MAX);
        args[n++] = xr_test_copy(xr_str(strcmp(word, "~") == 0 ? "" : word));
    }

    return n;
}


static xr_rc_t
parse(const char *line, const xr_mem_t *mem, xr_limit_t *l, xr_err_t *err)
{
    size_t    i, n;
    xr_rc_t   rc;
    xr_str_t  args[ARGS_MAX];

    n = split(line, args);
    rc = xr_limit_parse(args, n, mem, l, err);

    for (i = 0; i < n; i++) {
        memset((void *) (uintptr_t) args[i].data, 'x', args[i].len);
        xr_test_copy_free(args[i]);
    }

    return rc;
}


/* One that must be right. */

static void
make(const char *line, xr_limit_t *l, xr_test_mem_t *m)
{
    xr_err_t  err;

    xr_test_mem_init(m, SIZE_MAX);

    if (parse(line, &m->mem, l, &err) != XR_OK) {
        fail_msg("%s: %s", line, err.what);
    }
}


static const struct {
    const char  *line;
    const char  *name;
    int64_t      rate;
    int64_t      burst;
    int64_t      cost;
} right[] = {
    { "rate=20r/s", "tenant-20r-s-20", 20 * TOKEN, 20 * TOKEN, TOKEN },
    { "rate=1r/s", "tenant-1r-s-1", TOKEN, TOKEN, TOKEN },
    { "rate=020r/s burst=040", "tenant-20r-s-40", 20 * TOKEN, 40 * TOKEN,
      TOKEN },
    { "burst=40 rate=20r/s key=subject", "subject-20r-s-40", 20 * TOKEN,
      40 * TOKEN, TOKEN },
    { "rate=20r/s key=address burst=1", "address-20r-s-1", 20 * TOKEN, TOKEN,
      TOKEN },
    { "rate=9000000000r/s", "tenant-9000000000r-s-9000000000",
      XR_LIMIT_MAX, XR_LIMIT_MAX, TOKEN },
    { "rate=540000000000r/m", "tenant-9000000000r-s-9000000000",
      XR_LIMIT_MAX, XR_LIMIT_MAX, TOKEN },

    /* a minute: the same rate is the same limit */

    { "rate=300r/m", "tenant-5r-s-5", 5 * TOKEN, 5 * TOKEN, TOKEN },
    { "rate=5r/m", "tenant-5r-m-1", 83333, TOKEN, TOKEN },
    { "rate=1r/m", "tenant-1r-m-1", 16666, TOKEN, TOKEN },
    { "rate=90r/m", "tenant-90r-m-1", 1500000, TOKEN, TOKEN },
    { "rate=100r/m burst=10", "tenant-100r-m-10", 1666666, 10 * TOKEN,
      TOKEN },
    { "rate=539999999999r/m", "tenant-539999999999r-m-8999999999",
      INT64_C(8999999999983333), INT64_C(8999999999000000), TOKEN },

    /* bytes */

    { "rate=512k/s", "tenant-512k-s-512k", 512 * KIB, 512 * KIB, 0 },
    { "rate=512K/s", "tenant-512k-s-512k", 512 * KIB, 512 * KIB, 0 },
    { "rate=5m/s burst=10m", "tenant-5m-s-10m", 5 * MIB, 10 * MIB, 0 },
    { "rate=5M/s burst=10M", "tenant-5m-s-10m", 5 * MIB, 10 * MIB, 0 },
    { "rate=1g/s burst=2G", "tenant-1g-s-2g", GIB, 2 * GIB, 0 },
    { "rate=300m/m", "tenant-5m-s-5m", 5 * MIB, 5 * MIB, 0 },
    { "rate=1024k/s burst=1048576", "tenant-1m-s-1m", MIB, MIB, 0 },
    { "rate=1500/s", "tenant-1500-s-1500", 1500 * BYTE, 1500 * BYTE, 0 },
    { "rate=800/s", "tenant-800-s-1000", 800 * BYTE, TOKEN, 0 },
    { "rate=1/s burst=1000", "tenant-1-s-1000", BYTE, TOKEN, 0 },
    { "rate=1/m", "tenant-1-m-1000", 16, TOKEN, 0 },
    { "rate=100k/m", "tenant-100k-m-1706", 1706666, 1706 * BYTE, 0 },
    { "rate=9000000000000/s", "tenant-8789062500k-s-8789062500k",
      XR_LIMIT_MAX, XR_LIMIT_MAX, 0 },
    { "rate=8381g/s", "tenant-8381g-s-8381g", 8381 * GIB, 8381 * GIB, 0 },

    /* a burst goes up to what the rate gives in 365 days */

    { "rate=1r/m burst=525578", "tenant-1r-m-525578", 16666,
      525578 * TOKEN, TOKEN },

    { "rate=20r/s cost=5", "tenant-20r-s-20", 20 * TOKEN, 20 * TOKEN,
      5 * TOKEN },
    { "rate=2r/s cost=5", "tenant-2r-s-5", 2 * TOKEN, 5 * TOKEN, 5 * TOKEN },
    { "cost=9000000000 rate=9000000000r/s",
      "tenant-9000000000r-s-9000000000", XR_LIMIT_MAX, XR_LIMIT_MAX,
      XR_LIMIT_MAX },

    /* names */

    { "rate=20r/s class=gold", "tenant-20r-s-20-gold", 20 * TOKEN, 20 * TOKEN,
      TOKEN },
    { "rate=20r/s class=a-1", "tenant-20r-s-20-a-1", 20 * TOKEN, 20 * TOKEN,
      TOKEN },
    { "rate=20r/s class=Gold", "tenant-20r-s-20--6249df4367d0a2e0",
      20 * TOKEN, 20 * TOKEN, TOKEN },
    { "rate=20r/s class=-gold", "tenant-20r-s-20--3246bf29ea295ee0",
      20 * TOKEN, 20 * TOKEN, TOKEN },
    { "rate=20r/s class=" LABEL63 "r", "tenant-20r-s-20--1f2e90cd341d31f0",
      20 * TOKEN, 20 * TOKEN, TOKEN },
    { "rate=20r/s name=downloads", "downloads", 20 * TOKEN, 20 * TOKEN,
      TOKEN },
    { "rate=20r/s name=0", "0", 20 * TOKEN, 20 * TOKEN, TOKEN },
    { "rate=20r/s name=" LABEL63, LABEL63, 20 * TOKEN, 20 * TOKEN, TOKEN },
    { "rate=20r/s class=Gold name=a-", "a-", 20 * TOKEN, 20 * TOKEN, TOKEN }
};


static void
test_right(void **state)
{
    size_t         i;
    xr_limit_t     l;
    xr_test_mem_t  m;

    (void) state;

    for (i = 0; i < XR_COUNT(right); i++) {
        make(right[i].line, &l, &m);

        XR_CHECK_STR(l.name, right[i].name, right[i].line);
        XR_CHECK_EQ(l.rate, right[i].rate, right[i].line);
        XR_CHECK_EQ(l.burst, right[i].burst, right[i].line);
        XR_CHECK_EQ(l.cost, right[i].cost, right[i].line);
        XR_CHECK_EQ(l.unit, right[i].cost != 0 ? XR_LIMIT_REQUESTS
                                               : XR_LIMIT_BYTES,
                    right[i].line);
        xr_test_mem_free(&m);
    }
}


/* The longest class that a name has room for, and one character more. */

static void
test_class_length(void **state)
{
    char           line[160];
    size_t         n;
    xr_limit_t     l;
    xr_test_mem_t  m;

    (void) state;

    for (n = 1; n <= 64; n++) {
        snprintf(line, sizeof(line), "rate=20r/s class=%.*s", (int) n,
                 LABEL63 "r");
        make(line, &l, &m);

        assert_true(l.name.len <= XR_LIMIT_NAME_MAX);
        assert_int_equal(l.rate_class.len, n);

        XR_CHECK_EQ(l.name.len, strlen("tenant-20r-s-20-")
                                + (n <= 47 ? n : 1 + 16), line);
        xr_test_mem_free(&m);
    }
}


static void
test_options(void **state)
{
    size_t         i;
    xr_limit_t     l;
    xr_test_mem_t  m;

    static const struct {
        const char          *line;
        xr_limit_key_t       key;
        xr_limit_mode_t      mode;
        xr_limit_failure_t   failure;
        uint32_t             delay;
        const char          *class;
    } cases[] = {
        { "rate=1r/s", XR_LIMIT_TENANT, XR_LIMIT_LEASED, XR_LIMIT_LOCAL, 0,
          "" },
        { "rate=1r/s key=tenant mode=leased failure=local nodelay",
          XR_LIMIT_TENANT, XR_LIMIT_LEASED, XR_LIMIT_LOCAL, 0, "" },
        { "key=subject mode=exact failure=open delay=200ms rate=1r/s",
          XR_LIMIT_SUBJECT, XR_LIMIT_EXACT, XR_LIMIT_OPEN, 200, "" },
        { "failure=closed key=address delay=1s rate=1m/s class=G_o.L-d",
          XR_LIMIT_ADDRESS, XR_LIMIT_LEASED, XR_LIMIT_CLOSED, 1000,
          "G_o.L-d" },
        { "rate=1r/s delay=60s", XR_LIMIT_TENANT, XR_LIMIT_LEASED,
          XR_LIMIT_LOCAL, 60000, "" },
        { "rate=1r/s delay=60000ms", XR_LIMIT_TENANT, XR_LIMIT_LEASED,
          XR_LIMIT_LOCAL, 60000, "" },
        { "rate=1r/s delay=1ms", XR_LIMIT_TENANT, XR_LIMIT_LEASED,
          XR_LIMIT_LOCAL, 1, "" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        make(cases[i].line, &l, &m);

        XR_CHECK_EQ(l.key, cases[i].key, cases[i].line);
        XR_CHECK_EQ(l.mode, cases[i].mode, cases[i].line);
        XR_CHECK_EQ(l.failure, cases[i].failure, cases[i].line);
        XR_CHECK_EQ(l.delay, cases[i].delay, cases[i].line);
        XR_CHECK_STR(l.rate_class, cases[i].class, cases[i].line);
        xr_test_mem_free(&m);
    }
}


/* "pos" is the argument at fault, "what" how the reason starts. */

static const struct {
    const char  *line;
    size_t       pos;
    const char  *what;
} wrong[] = {
    { "", 0, "has no rate=" },
    { "key=subject burst=4", 0, "has no rate=" },

    { "~", 0, "is none of key=, rate=," },
    { "rate=1r/s ~", 1, "is none of key=, rate=," },
    { "rate", 0, "is none of key=, rate=," },
    { "20r/s", 0, "is none of key=, rate=," },
    { "=20r/s", 0, "is none of key=, rate=," },
    { "Rate=20r/s", 0, "is none of key=, rate=," },
    { "rates=20r/s", 0, "is none of key=, rate=," },
    { "rate=1r/s zone=x", 1, "is none of key=, rate=," },
    { "rate=1r/s nodelay=", 1, "is none of key=, rate=," },
    { "rate=1r/s delay", 1, "is none of key=, rate=," },
    { "rate=1r/s Nodelay", 1, "is none of key=, rate=," },

    { "rate=1r/s rate=1r/s", 1, "is duplicate" },
    { "key=subject rate=1r/s key=subject", 2, "is duplicate" },
    { "rate=1r/s burst= burst=", 2, "is duplicate" },
    { "rate=1r/s nodelay nodelay", 2, "is a second delay= or nodelay" },
    { "rate=1r/s nodelay delay=1s", 2, "is a second delay= or nodelay" },
    { "rate=1r/s delay=1s nodelay", 2, "is a second delay= or nodelay" },

    { "rate=1r/s key=", 1, "is none of key=tenant" },
    { "rate=1r/s key=Tenant", 1, "is none of key=tenant" },
    { "rate=1r/s key=ip", 1, "is none of key=tenant" },
    { "rate=1r/s key=subject,address", 1, "is none of key=tenant" },

    { "rate=", 0, "is not a rate" },
    { "rate=r/s", 0, "is not a rate" },
    { "rate=/s", 0, "is not a rate" },
    { "rate=20", 0, "is not a rate" },
    { "rate=20r", 0, "is not a rate" },
    { "rate=20m", 0, "is not a rate" },
    { "rate=20r/", 0, "is not a rate" },
    { "rate=20r/h", 0, "is not a rate" },
    { "rate=20r/d", 0, "is not a rate" },
    { "rate=20R/s", 0, "is not a rate" },
    { "rate=20r/S", 0, "is not a rate" },
    { "rate=20r/sr/m", 0, "is not a rate" },
    { "rate=20r/ss", 0, "is not a rate" },
    { "rate=20r/s,", 0, "is not a rate" },
    { "rate=20kr/s", 0, "is not a rate" },
    { "rate=20rk/s", 0, "is not a rate" },
    { "rate=20mm/s", 0, "is not a rate" },
    { "rate=20t/s", 0, "is not a rate" },
    { "rate=20b/s", 0, "is not a rate" },
    { "rate=1.5r/s", 0, "is not a rate" },
    { "rate=1e3r/s", 0, "is not a rate" },
    { "rate=0x10r/s", 0, "is not a rate" },
    { "rate=-1r/s", 0, "is not a rate" },
    { "rate=+1r/s", 0, "is not a rate" },
    { "rate=99999999999999999999", 0, "is not a rate" },
    { "rate=0r/s", 0, "is a rate of zero" },
    { "rate=000r/m", 0, "is a rate of zero" },
    { "key=subject rate=0m/s", 1, "is a rate of zero" },
    { "rate=9000000001r/s", 0, "is more than 9000000000r/s" },
    { "rate=540000000001r/m", 0, "is more than 9000000000r/s" },
    { "rate=9000000000001/s", 0, "is more than 9000000000r/s" },
    { "rate=8382g/s", 0, "is more than 9000000000r/s" },
    { "rate=18446744073709551615r/s", 0, "is more than 9000000000r/s" },
    { "rate=18446744073709551616r/s", 0, "is more than 9000000000r/s" },
    { "rate=99999999999999999999g/m", 0, "is more than 9000000000r/s" },

    { "rate=1r/s cost=", 1, "is not a number from 1" },
    { "rate=1r/s cost=0", 1, "is not a number from 1" },
    { "rate=1r/s cost=-1", 1, "is not a number from 1" },
    { "rate=1r/s cost=1r", 1, "is not a number from 1" },
    { "rate=1r/s cost=9000000001", 1, "is not a number from 1" },
    { "rate=1r/s cost=99999999999999999999", 1, "is not a number from 1" },
    { "rate=1m/s cost=1", 1, "goes with rates of requests only" },
    { "cost= rate=1m/s", 0, "goes with rates of requests only" },

    { "rate=1r/s burst=", 1, "is not a number of requests" },
    { "rate=1r/s burst=0", 1, "is not a number of requests" },
    { "rate=1r/s burst=-1", 1, "is not a number of requests" },
    { "rate=1r/s burst=4r", 1, "is not a number of requests" },
    { "rate=1r/s burst=4k", 1, "is not a number of requests" },
    { "rate=1m/s burst=0", 1, "is not a number of requests" },
    { "rate=1m/s burst=m", 1, "is not a number of requests" },
    { "rate=1m/s burst=1mk", 1, "is not a number of requests" },
    { "rate=1m/s burst=1m/s", 1, "is not a number of requests" },
    { "rate=1m/s burst=999", 1, "is less than 1000 bytes" },
    { "rate=9r/s burst=9000000001", 1, "is more than 9000000000 requests" },
    { "rate=9g/s burst=8382g", 1, "is more than 9000000000 requests" },
    { "rate=9g/s burst=99999999999999999999g", 1,
      "is more than 9000000000 requests" },
    { "rate=9r/s cost=5 burst=4", 2, "is less than a request costs" },
    { "burst=4 rate=9r/s cost=5", 0, "is less than a request costs" },
    { "rate=1r/m burst=525579", 1, "is more than the rate gives in 365" },
    { "rate=1/m burst=1g", 1, "is more than the rate gives in 365" },
    { "rate=1r/m cost=525579", 1, "is more than the rate gives in 365" },

    { "rate=1r/s mode=", 1, "is neither mode=leased" },
    { "rate=1r/s mode=Exact", 1, "is neither mode=leased" },
    { "rate=1r/s mode=leasedexact", 1, "is neither mode=leased" },
    { "rate=1r/s failure=", 1, "is none of failure=local" },
    { "rate=1r/s failure=close", 1, "is none of failure=local" },

    { "rate=1r/s delay=", 1, "is not a time above 0" },
    { "rate=1r/s delay=0", 1, "is not a time above 0" },
    { "rate=1r/s delay=0s", 1, "is not a time above 0" },
    { "rate=1r/s delay=0ms", 1, "is not a time above 0" },
    { "rate=1r/s delay=200", 1, "is not a time above 0" },
    { "rate=1r/s delay=1m", 1, "is not a time above 0" },
    { "rate=1r/s delay=1s200ms", 1, "is not a time above 0" },
    { "rate=1r/s delay=-1s", 1, "is not a time above 0" },
    { "rate=1r/s delay=61s", 1, "is not a time above 0" },
    { "rate=1r/s delay=60001ms", 1, "is not a time above 0" },
    { "rate=1r/s delay=99999999999999999999ms", 1, "is not a time above 0" },
    { "rate=1r/s delay=s", 1, "is not a time above 0" },

    { "rate=1r/s class=", 1, "is not the name of a rate class" },
    { "rate=1r/s class=a|b", 1, "is not the name of a rate class" },
    { "rate=1r/s class=\303\274", 1, "is not the name of a rate class" },
    { "rate=1r/s class=" LABEL63 "rs", 1, "is not the name of a rate class" },

    { "rate=1r/s name=", 1, "is not a name" },
    { "rate=1r/s name=-a", 1, "is not a name" },
    { "rate=1r/s name=A", 1, "is not a name" },
    { "rate=1r/s name=a_b", 1, "is not a name" },
    { "rate=1r/s name=a\"b", 1, "is not a name" },
    { "rate=1r/s name=" LABEL63 "r", 1, "is not a name" }
};


static void
test_wrong(void **state)
{
    size_t         i;
    xr_rc_t        rc;
    xr_err_t       err;
    xr_limit_t     l, before;
    xr_test_mem_t  m;

    (void) state;

    memset(&l, 0x5a, sizeof(l));
    before = l;

    for (i = 0; i < XR_COUNT(wrong); i++) {
        xr_test_mem_init(&m, SIZE_MAX);
        err = (xr_err_t) { NULL, 999 };

        rc = parse(wrong[i].line, &m.mem, &l, &err);

        XR_CHECK_EQ(rc, XR_INVALID, wrong[i].line);
        XR_CHECK_EQ(err.pos, wrong[i].pos, wrong[i].line);

        if (!xr_str_starts(xr_str(err.what), xr_str(wrong[i].what))) {
            fail_msg("%s: %s", wrong[i].line, err.what);
        }

        assert_memory_equal(&l, &before, sizeof(l));
        assert_int_equal(parse(wrong[i].line, &m.mem, &l, NULL), XR_INVALID);
        xr_test_mem_free(&m);
    }
}


/* NUL is a character as any other: it ends nothing. */

static void
test_nul(void **state)
{
    size_t         i;
    xr_err_t       err;
    xr_limit_t     l;
    xr_test_mem_t  m;

    static const xr_str_t  args[] = {
        XR_STR("rate=1r/s\0"), XR_STR("rate\0=1r/s"), XR_STR("nodelay\0"),
        XR_STR("name=a\0b"), XR_STR("class=a\0")
    };

    (void) state;

    for (i = 0; i < XR_COUNT(args); i++) {
        xr_test_mem_init(&m, SIZE_MAX);
        assert_int_equal(xr_limit_parse(&args[i], 1, &m.mem, &l, &err),
                         XR_INVALID);
        assert_int_equal(err.pos, 0);
        xr_test_mem_free(&m);
    }
}


static void
test_no_memory(void **state)
{
    size_t         i;
    xr_err_t       err;
    xr_limit_t     l;
    xr_test_mem_t  m;

    static const char  line[] = "burst=3 class=gold rate=1r/s name=n";

    (void) state;

    for (i = 0; i < 2; i++) {
        xr_test_mem_init(&m, i);
        assert_int_equal(parse(line, &m.mem, &l, &err), XR_NO_SPACE);
        assert_string_equal(err.what, "out of memory");
        assert_int_equal(err.pos, i == 0 ? 1 : 3);
        xr_test_mem_free(&m);
    }

    xr_test_mem_init(&m, 2);
    assert_int_equal(parse(line, &m.mem, &l, &err), XR_OK);
    assert_int_equal(m.n, 2);
    xr_test_mem_free(&m);
}


static void
check_same(const xr_limit_t *a, const xr_limit_t *b, const char *what)
{
    XR_CHECK(xr_str_eq(a->name, b->name), what);
    XR_CHECK(xr_str_eq(a->rate_class, b->rate_class), what);
    XR_CHECK_EQ(a->key, b->key, what);
    XR_CHECK_EQ(a->unit, b->unit, what);
    XR_CHECK_EQ(a->mode, b->mode, what);
    XR_CHECK_EQ(a->failure, b->failure, what);
    XR_CHECK_EQ(a->rate, b->rate, what);
    XR_CHECK_EQ(a->burst, b->burst, what);
    XR_CHECK_EQ(a->cost, b->cost, what);
    XR_CHECK_EQ(a->delay, b->delay, what);
}


static void
test_text(void **state)
{
    char           line[XR_LIMIT_TEXT_MAX + 1];
    size_t         i;
    xr_buf_t       b;
    xr_limit_t     l, again;
    xr_test_mem_t  m, n;

    static const struct {
        const char  *line;
        const char  *text;
    } cases[] = {
        { "rate=20r/s",
          "key=tenant rate=20r/s burst=20 mode=leased failure=local "
          "name=tenant-20r-s-20" },
        { "rate=5r/m cost=2 delay=2s mode=exact failure=open name=n "
          "class=Gold key=address",
          "key=address rate=5r/m burst=2 cost=2 mode=exact failure=open "
          "delay=2000ms class=Gold name=n" },
        { "rate=1024k/s burst=2048k failure=closed key=subject",
          "key=subject rate=1m/s burst=2m mode=leased failure=closed "
          "name=subject-1m-s-2m" },
        { "rate=100k/m burst=1000",
          "key=tenant rate=100k/m burst=1000 mode=leased failure=local "
          "name=tenant-100k-m-1000" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        make(cases[i].line, &l, &m);
        b = xr_buf(line, sizeof(line));
        xr_limit_text(&l, &b);
        XR_CHECK_STR(xr_buf_str(&b), cases[i].text, cases[i].line);
        xr_test_mem_free(&m);
    }

    for (i = 0; i < XR_COUNT(right); i++) {
        make(right[i].line, &l, &m);
        b = xr_buf(line, XR_LIMIT_TEXT_MAX);
        xr_limit_text(&l, &b);
        XR_CHECK(xr_buf_ok(&b), right[i].line);

        line[b.len] = '\0';
        make(line, &again, &n);
        check_same(&l, &again, line);

        xr_test_mem_free(&m);
        xr_test_mem_free(&n);
    }

    /* every rate a minute, up to some, and the largest text */

    for (i = 1; i <= 2000; i++) {
        snprintf(line, sizeof(line), "rate=%zu%s/m", i, i % 2 ? "r" : "");
        make(line, &l, &m);
        b = xr_buf(line, XR_LIMIT_TEXT_MAX);
        xr_limit_text(&l, &b);
        line[b.len] = '\0';
        make(line, &again, &n);
        check_same(&l, &again, line);

        xr_test_mem_free(&m);
        xr_test_mem_free(&n);
    }

    make("key=subject rate=539999999999r/m burst=9000000000 cost=9000000000 "
         "mode=leased failure=closed delay=60000ms class=" LABEL63 "r "
         "name=" LABEL63, &l, &m);
    b = xr_buf(line, XR_LIMIT_TEXT_MAX);
    xr_limit_text(&l, &b);
    assert_true(xr_buf_ok(&b));
    xr_test_mem_free(&m);
}


static void
key_of(const xr_limit_t *l, xr_str_t tenant, xr_str_t value,
    char out[XR_LIMIT_KEY_SIZE + 1])
{
    uint8_t  key[XR_LIMIT_KEY_SIZE];

    assert_int_equal(xr_limit_redis_key(l, tenant, value, key), XR_OK);
    memcpy(out, key, sizeof(key));
    out[sizeof(key)] = '\0';
}


static void
test_key(void **state)
{
    char           keys[16][XR_LIMIT_KEY_SIZE + 1];
    size_t         i, k, n;
    xr_limit_t     l, other;
    xr_test_mem_t  m;

    (void) state;

    make("rate=1r/s name=ab", &l, &m);
    n = 0;

    /* the form, and digests that do not change from one version to the next */

    key_of(&l, xr_str("acme"), xr_str("alice"), keys[n++]);
    assert_string_equal(keys[0], "xr:{822b33ad87c148a0}:"
                                 "72fc8ad8909159f32322180fbce42ca867");

    /* nothing shifts from one part to the next */

    key_of(&l, xr_str("acmea"), xr_str("alice"), keys[n++]);
    key_of(&l, xr_str("acme"), xr_str("balice"), keys[n++]);
    key_of(&l, xr_str("acme"), xr_str("lice"), keys[n++]);
    key_of(&l, xr_str("acme"), xr_str_of(NULL, 0), keys[n++]);
    key_of(&l, xr_str("acme"), xr_str("}{\r\n \0 x"), keys[n++]);
    key_of(&l, xr_str_of(NULL, 0), xr_str("alice"), keys[n++]);

    other = l;
    other.name = xr_str("a");
    key_of(&other, xr_str("acme"), xr_str("balice"), keys[n++]);
    key_of(&other, xr_str("acme"), xr_str("alice"), keys[n++]);
    other.name = xr_str("aba");
    key_of(&other, xr_str("acme"), xr_str("lice"), keys[n++]);
    other.name = xr_str("eab");
    key_of(&other, xr_str("acm"), xr_str("alice"), keys[n++]);

    /* one name for limits of two kinds */

    other = l;
    other.key = XR_LIMIT_SUBJECT;
    key_of(&other, xr_str("acme"), xr_str("alice"), keys[n++]);
    other = l;
    other.unit = XR_LIMIT_BYTES;
    key_of(&other, xr_str("acme"), xr_str("alice"), keys[n++]);

    assert_true(n <= XR_COUNT(keys));

    for (i = 0; i < n; i++) {
        assert_int_equal(strlen(keys[i]), XR_LIMIT_KEY_SIZE);
        assert_int_equal(strspn(keys[i] + 4, "0123456789abcdef"), 16);
        assert_int_equal(strspn(keys[i] + 22, "0123456789abcdef"), 34);
        assert_memory_equal(keys[i], "xr:{", 4);
        assert_memory_equal(keys[i] + 20, "}:", 2);

        for (k = 0; k < i; k++) {
            assert_string_not_equal(keys[i], keys[k]);
        }
    }

    /* a tenant's keys share a slot, whatever else they are of */

    assert_int_equal(xr_limit_slot(xr_str(keys[0])),
                     xr_limit_slot(xr_str(keys[2])));
    assert_int_not_equal(xr_limit_slot(xr_str(keys[0])),
                         xr_limit_slot(xr_str(keys[1])));

    /* how fast it is, how much and for whom does not change whose it is */

    other = l;
    other.rate = 5;
    other.burst = 7;
    other.mode = XR_LIMIT_EXACT;
    key_of(&other, xr_str("acme"), xr_str("alice"), keys[n]);
    assert_string_equal(keys[n], keys[0]);

    xr_test_mem_free(&m);
}


/* What "redis-cli cluster keyslot" says. */

static void
test_slot(void **state)
{
    size_t  i;

    static const struct {
        xr_str_t  key;
        unsigned  slot;
    } cases[] = {
        { { NULL, 0 }, 0 },
        { XR_STR("123456789"), 12739 },
        { XR_STR("foo"), 12182 },
        { XR_STR("foo{bar}"), 5061 },
        { XR_STR("bar"), 5061 },
        { XR_STR("{bar}foo{baz}"), 5061 },
        { XR_STR("foo{}{bar}"), 8363 },
        { XR_STR("foo{{bar}}zap"), 4015 },
        { XR_STR("{bar"), 4015 },
        { XR_STR("foo{bar}{zap}"), 5061 },
        { XR_STR("}{bar}"), 5061 },
        { XR_STR("foo{"), 7673 },
        { XR_STR("foo{bar"), 15278 },
        { XR_STR("{}"), 15257 },
        { XR_STR("\0"), 0 },
        { XR_STR("\xff\xfe\0\x80"), 8824 },
        { XR_STR("{user1000}.following"), 3443 },
        { XR_STR("user1000"), 3443 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_EQ(xr_limit_slot(cases[i].key), cases[i].slot,
                    cases[i].key.len ? (const char *) cases[i].key.data : "");
    }
}


static void
test_wait(void **state)
{
    size_t         i;
    xr_limit_t     l;
    xr_test_mem_t  m;

    static const struct {
        const char  *line;
        int64_t      balance;
        int64_t      wanted;
        int64_t      wait;
    } cases[] = {
        { "rate=20r/s burst=40", 40 * TOKEN, TOKEN, 0 },
        { "rate=20r/s burst=40", TOKEN, TOKEN, 0 },
        { "rate=20r/s burst=40", 0, 0, 0 },
        { "rate=20r/s burst=40", -5, -5, 0 },
        { "rate=20r/s burst=40", 0, TOKEN, 50 },
        { "rate=20r/s burst=40", 1, TOKEN, 50 },
        { "rate=20r/s burst=40", TOKEN - 1, TOKEN, 1 },
        { "rate=20r/s burst=40", -TOKEN, TOKEN, 100 },
        { "rate=20r/s burst=40", 0, 40 * TOKEN, 2000 },

        /* more than there is room for is had when it is full */

        { "rate=20r/s burst=40", 0, 41 * TOKEN, 2000 },
        { "rate=20r/s burst=40", 40 * TOKEN, XR_LIMIT_MAX, 0 },
        { "rate=1r/m", 0, TOKEN, 60003 },
        { "rate=3r/s", 0, TOKEN, 334 },
        { "rate=1000r/s", 0, TOKEN, 1 },
        { "rate=1000000r/s", 0, TOKEN, 1 },
        { "rate=9000000000r/s", -XR_LIMIT_MAX, XR_LIMIT_MAX, 2000 },
        { "rate=1/m", -XR_LIMIT_MAX, XR_LIMIT_MAX, 562500000062500000 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        make(cases[i].line, &l, &m);
        XR_CHECK_EQ(xr_limit_wait(&l, cases[i].balance, cases[i].wanted),
                    cases[i].wait, cases[i].line);
        xr_test_mem_free(&m);
    }

    /* nothing that a limit could hold overflows */

    l.rate = 1;
    l.burst = INT64_MAX;
    assert_true(xr_limit_wait(&l, INT64_MIN, INT64_MAX) == INT64_MAX);
    assert_true(xr_limit_wait(&l, -XR_LIMIT_MAX, XR_LIMIT_MAX) == INT64_MAX);
    assert_true(xr_limit_wait(&l, 0, INT64_C(9000000000000000))
                == INT64_C(9000000000000000000));
}


static void
test_fields(void **state)
{
    size_t         i;
    uint8_t        memory[160];
    xr_buf_t       b;
    xr_limit_t     l;
    xr_test_mem_t  m;

    static const struct {
        const char  *line;
        const char  *policy;
        int64_t      balance;
        const char  *state;
    } cases[] = {
        { "rate=20r/s burst=40 name=n", "\"n\";q=40;w=2", 40 * TOKEN,
          "\"n\";r=40;t=1" },
        { "rate=20r/s burst=40 name=n", "\"n\";q=40;w=2", 12 * TOKEN + 999999,
          "\"n\";r=12;t=1" },
        { "rate=20r/s burst=50 name=n", "\"n\";q=50;w=3", 0,
          "\"n\";r=0;t=1" },
        { "rate=20r/s burst=50 name=n", "\"n\";q=50;w=3", -60 * TOKEN,
          "\"n\";r=0;t=4" },
        { "rate=5r/m name=n", "\"n\";q=1;w=12", 999999, "\"n\";r=0;t=1" },
        { "rate=5r/m name=n", "\"n\";q=1;w=12", 0, "\"n\";r=0;t=13" },
        { "rate=100r/m burst=100 name=n", "\"n\";q=100;w=60", 12 * TOKEN,
          "\"n\";r=12;t=1" },

        /* it holds less than a second's worth: that is not the quota */

        { "rate=100r/s burst=10 name=n", "\"n\";q=100;w=1", 10 * TOKEN,
          "\"n\";r=10;t=1" },

        { "rate=512k/s burst=1m name=n",
          "\"n\";q=1048576;qu=\"content-bytes\";w=2", 1234567 * BYTE + 1,
          "\"n\";r=1234567;t=1" },
        { "rate=1/m name=n", "\"n\";q=1000;qu=\"content-bytes\";w=62500",
          -BYTE, "\"n\";r=0;t=125" },
        { "rate=9000000000000/s name=n",
          "\"n\";q=9000000000000;qu=\"content-bytes\";w=1", XR_LIMIT_MAX,
          "\"n\";r=9000000000000;t=1" },
        { "rate=1/m name=n", "\"n\";q=1000;qu=\"content-bytes\";w=62500",
          -XR_LIMIT_MAX, "\"n\";r=0;t=562500000000063" },
        { "rate=20r/s", "\"tenant-20r-s-20\";q=20;w=1", 0,
          "\"tenant-20r-s-20\";r=0;t=1" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        make(cases[i].line, &l, &m);

        b = xr_buf(memory, sizeof(memory));
        xr_limit_policy_field(&l, &b);
        XR_CHECK_STR(xr_buf_str(&b), cases[i].policy, cases[i].line);

        b = xr_buf(memory, sizeof(memory));
        xr_limit_state_field(&l, cases[i].balance, &b);
        XR_CHECK_STR(xr_buf_str(&b), cases[i].state, cases[i].line);

        xr_test_mem_free(&m);
    }

    /* integers of fields have 15 digits */

    memset(&l, 0, sizeof(l));
    l.rate = 1;
    l.burst = TOKEN;
    b = xr_buf(memory, sizeof(memory));
    xr_limit_state_field(&l, -XR_LIMIT_MAX, &b);
    XR_CHECK_STR(xr_buf_str(&b), "\"\";r=0;t=999999999999999", "t");
}


static void
test_script(void **state)
{
    size_t    i;
    xr_str_t  script;

    (void) state;

    script = xr_limit_script();
    assert_true(script.len > 0);
    assert_int_equal(script.data[script.len - 1], '\n');

    for (i = 0; i < script.len; i++) {
        assert_true(script.data[i] == '\n'
                    || (script.data[i] >= 0x20 && script.data[i] < 0x7f));
    }
}


static void
test_numbers(void **state)
{
    size_t   i;
    double   other;
    int64_t  n;
    uint8_t  bytes[XR_LIMIT_NUMBER];

    static const int64_t  good[] = {
        0, 1, -1, TOKEN, -TOKEN, INT64_C(0x123456789abcd), XR_LIMIT_MAX - 1,
        XR_LIMIT_MAX, -XR_LIMIT_MAX
    };

    static const double  bad[] = {
        0.5, -0.5, 1e-300, (double) XR_LIMIT_MAX + 2,
        (double) -XR_LIMIT_MAX - 2, 1e300, -1e300, INFINITY, -INFINITY, NAN
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_ptr_equal(xr_limit_script_put(bytes, good[i]), bytes + sizeof(bytes));
        assert_int_equal(xr_limit_script_get(bytes, &n), XR_OK);
        assert_int_equal(n, good[i]);
    }

    /* 1.0, with its low byte first */

    (void) xr_limit_script_put(bytes, 1);
    assert_memory_equal(bytes, "\0\0\0\0\0\0\xf0\x3f", sizeof(bytes));

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        other = bad[i];
        memcpy(bytes, &other, sizeof(bytes));
        assert_int_equal(xr_limit_script_get(bytes, &n), XR_INVALID);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_right),
        cmocka_unit_test(test_class_length),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_slot),
        cmocka_unit_test(test_wait),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_script),
        cmocka_unit_test(test_numbers)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
