/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_tenant_table.h"


#define MANY  10000

#define K1    "00112233445566778899aabbccddeeff"
#define K2    "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
#define K3    K1 K1


/* A tenant with up to two hosts; "keys" is a key file or NULL. */

static void
make(xr_tenant_t *t, const xr_mem_t *mem, const char *name, const char *host,
    const char *host2, const char *keys)
{
    xr_str_t  args[2];

    assert_int_equal(xr_tenant_init(t, xr_str(name), mem, NULL), XR_OK);

    args[0] = xr_str("host");

    if (host != NULL) {
        args[1] = xr_str(host);
        assert_int_equal(xr_tenant_option(t, args, 2, mem, NULL), XR_OK);
    }

    if (host2 != NULL) {
        args[1] = xr_str(host2);
        assert_int_equal(xr_tenant_option(t, args, 2, mem, NULL), XR_OK);
    }

    if (keys != NULL) {
        assert_int_equal(xr_tenant_keys(t, xr_str(keys), mem, NULL), XR_OK);
    }
}


static void
test_empty(void **state)
{
    xr_tenant_table_t  table;

    (void) state;

    memset(&table, 0, sizeof(table));

    assert_null(xr_tenant_table_by_name(&table, xr_str("acme")));
    assert_null(xr_tenant_table_by_host(&table, xr_str("a.example")));
    assert_null(xr_tenant_table_by_name(&table, xr_str_of(NULL, 0)));
}


static void
test_look_up(void **state)
{
    xr_tenant_t        a, b;
    xr_test_mem_t      m;
    xr_tenant_table_t  table;

    (void) state;

    xr_test_mem_init(&m, SIZE_MAX);
    memset(&table, 0, sizeof(table));

    make(&a, &m.mem, "acme", "a.example", "b.example", K1);
    make(&b, &m.mem, "a", NULL, NULL, NULL);

    assert_int_equal(xr_tenant_table_add(&table, &a, &m.mem, NULL), XR_OK);
    assert_int_equal(xr_tenant_table_add(&table, &b, &m.mem, NULL), XR_OK);
    assert_int_equal(table.n, 2);

    assert_ptr_equal(xr_tenant_table_by_name(&table, xr_str("acme")), &a);
    assert_ptr_equal(xr_tenant_table_by_name(&table, xr_str("a")), &b);
    assert_ptr_equal(xr_tenant_table_by_host(&table, xr_str("a.example")), &a);
    assert_ptr_equal(xr_tenant_table_by_host(&table, xr_str("b.example")), &a);

    /* names are no hosts, hosts no names, and nothing is found by a part */

    assert_null(xr_tenant_table_by_host(&table, xr_str("acme")));
    assert_null(xr_tenant_table_by_name(&table, xr_str("a.example")));
    assert_null(xr_tenant_table_by_name(&table, xr_str("acm")));
    assert_null(xr_tenant_table_by_name(&table, xr_str("acmee")));
    assert_null(xr_tenant_table_by_name(&table, xr_str("ACME")));
    assert_null(xr_tenant_table_by_name(&table, xr_str_of("acme\0", 5)));
    assert_null(xr_tenant_table_by_name(&table, xr_str_of(NULL, 0)));
    assert_null(xr_tenant_table_by_host(&table, xr_str("A.example")));
    assert_null(xr_tenant_table_by_host(&table, xr_str("a.example.")));
    assert_null(xr_tenant_table_by_host(&table, xr_str_of(NULL, 0)));

    xr_tenant_free(&a);
    xr_tenant_free(&b);
    xr_test_mem_free(&m);
}


/*
 * "one" and "two" are in the table; what is refused leaves nothing there, so
 * that a tenant without the fault can be added afterwards.
 */

static void
test_refused(void **state)
{
    size_t             i;
    xr_err_t           err;
    xr_tenant_t        one, two, t, good;
    xr_test_mem_t      m;
    xr_tenant_table_t  table;

    static const struct {
        const char  *name;
        const char  *host;
        const char  *host2;
        const char  *keys;
        const char  *what;
        size_t       pos;
    } cases[] = {
        { "one", "new.example", NULL, NULL, "is a duplicate tenant", 0 },
        { "two", "one.example", NULL, K1, "is a duplicate tenant", 0 },
        { "new", "one.example", NULL, NULL,
          "has a host that another tenant has", 0 },
        { "new", "new.example", "two.example", NULL,
          "has a host that another tenant has", 1 },
        { "new", "new.example", "new.example", NULL,
          "has a duplicate host", 1 },
        { "new", "new.example", NULL, K1,
          "has a signing key that another tenant has: one could sign for the "
          "other", 0 },
        { "new", "new.example", NULL, "a " K3 "\nb " K2 "\n",
          "has a signing key that another tenant has: one could sign for the "
          "other", 1 },

        /* HMAC pads with zeros: this is the first key of "one" */

        { "new", "new.example", NULL, K1 "0000",
          "has a signing key that another tenant has: one could sign for the "
          "other", 0 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        xr_test_mem_init(&m, SIZE_MAX);
        memset(&table, 0, sizeof(table));

        make(&one, &m.mem, "one", "one.example", NULL, "x " K1 "\ny " K2);
        make(&two, &m.mem, "two", "two.example", NULL, NULL);
        make(&t, &m.mem, cases[i].name, cases[i].host, cases[i].host2,
             cases[i].keys);
        make(&good, &m.mem, "new", "new.example", NULL, K3);

        assert_int_equal(xr_tenant_table_add(&table, &one, &m.mem, NULL),
                         XR_OK);
        assert_int_equal(xr_tenant_table_add(&table, &two, &m.mem, NULL),
                         XR_OK);

        XR_CHECK_EQ(xr_tenant_table_add(&table, &t, &m.mem, &err), XR_INVALID,
                    cases[i].what);
        XR_CHECK_STR(xr_str(err.what), cases[i].what, cases[i].what);
        XR_CHECK_EQ(err.pos, cases[i].pos, cases[i].what);

        assert_int_equal(table.n, 2);
        assert_ptr_equal(xr_tenant_table_by_name(&table, xr_str("one")), &one);
        assert_ptr_equal(xr_tenant_table_by_host(&table,
                                                 xr_str("two.example")), &two);
        assert_null(xr_tenant_table_by_name(&table, xr_str("new")));
        assert_null(xr_tenant_table_by_host(&table, xr_str("new.example")));

        assert_int_equal(xr_tenant_table_add(&table, &good, &m.mem, NULL),
                         XR_OK);
        assert_ptr_equal(xr_tenant_table_by_host(&table,
                                                 xr_str("new.example")),
                         &good);

        xr_tenant_free(&one);
        xr_tenant_free(&two);
        xr_tenant_free(&t);
        xr_tenant_free(&good);
        xr_test_mem_free(&m);
    }
}


/*
 * Adds the tenant when the allocator has been patient enough; before that the
 * table is as it was.  Returns how often there was no memory.
 */

static size_t
add_late(xr_tenant_table_t *table, xr_tenant_t *t, xr_test_mem_t *m)
{
    size_t    n, failures;
    xr_err_t  err;

    n = table->n;
    failures = 0;

    while (xr_tenant_table_add(table, t, &m->mem, &err) != XR_OK) {
        assert_string_equal(err.what, "out of memory");
        assert_int_equal(table->n, n);
        assert_null(xr_tenant_table_by_name(table, t->name));
        assert_null(xr_tenant_table_by_host(table, t->hosts[0]));

        m->fail_after++;
        failures++;
    }

    assert_int_equal(table->n, n + 1);
    assert_ptr_equal(xr_tenant_table_by_host(table, t->hosts[0]), t);

    return failures;
}


/* Every allocation fails once, also the ones that enlarge a map. */

static void
test_no_memory(void **state)
{
    char               name[32], host[32], key[64];
    size_t             i, failures;
    xr_test_mem_t      m, late;
    xr_tenant_table_t  table;

    static xr_tenant_t  tenants[40];

    (void) state;

    xr_test_mem_init(&m, SIZE_MAX);
    xr_test_mem_init(&late, 0);
    memset(&table, 0, sizeof(table));

    failures = 0;

    for (i = 0; i < XR_COUNT(tenants); i++) {
        snprintf(name, sizeof(name), "t%zu", i);
        snprintf(host, sizeof(host), "t%zu.example", i);
        snprintf(key, sizeof(key), "%032zx", i + 1);

        make(&tenants[i], &m.mem, name, host, NULL, key);

        failures += add_late(&table, &tenants[i], &late);
    }

    /* three maps: made first, and enlarged at 8, 16 and 32 keys */

    assert_int_equal(failures, 3 * 4);

    for (i = 0; i < XR_COUNT(tenants); i++) {
        assert_ptr_equal(xr_tenant_table_by_name(&table, tenants[i].name),
                         &tenants[i]);
        assert_int_equal(xr_tenant_table_add(&table, &tenants[i], &m.mem,
                                             NULL), XR_INVALID);
        xr_tenant_free(&tenants[i]);
    }

    xr_test_mem_free(&m);
    xr_test_mem_free(&late);
}


/* Memory for more than an xr_test_mem_t has blocks. */

typedef struct {
    uint8_t  *p;
    size_t    left;
} arena_t;


static void *
arena_alloc(void *ctx, size_t size)
{
    arena_t *a = ctx;

    void  *p;

    size = (size + 15) & ~(size_t) 15;
    assert_true(size <= a->left);

    p = a->p;
    a->p += size;
    a->left -= size;

    return p;
}


/* Two hosts and a key for each. */

static void
add_many(xr_tenant_table_t *table, xr_tenant_t *tenants, const xr_mem_t *mem)
{
    int   i;
    char  name[32], host[64], host2[64], key[64];

    for (i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "t%d", i);
        snprintf(host, sizeof(host), "t%d.assets.example", i);
        snprintf(host2, sizeof(host2), "assets.t%d.example", i);
        snprintf(key, sizeof(key), "id %032x\n", i + 1);

        make(&tenants[i], mem, name, host, host2, key);

        assert_int_equal(xr_tenant_table_add(table, &tenants[i], mem, NULL),
                         XR_OK);
    }
}


static void
check_many(const xr_tenant_table_t *table, xr_tenant_t *tenants)
{
    int   i;
    char  s[64];

    for (i = 0; i < MANY; i++) {
        snprintf(s, sizeof(s), "t%d", i);
        assert_ptr_equal(xr_tenant_table_by_name(table, xr_str(s)),
                         &tenants[i]);
        assert_null(xr_tenant_table_by_host(table, xr_str(s)));

        snprintf(s, sizeof(s), "t%d.assets.example", i);
        assert_ptr_equal(xr_tenant_table_by_host(table, xr_str(s)),
                         &tenants[i]);
        assert_null(xr_tenant_table_by_name(table, xr_str(s)));

        snprintf(s, sizeof(s), "assets.t%d.example", i);
        assert_ptr_equal(xr_tenant_table_by_host(table, xr_str(s)),
                         &tenants[i]);

        snprintf(s, sizeof(s), "t%d", i + MANY);
        assert_null(xr_tenant_table_by_name(table, xr_str(s)));

        snprintf(s, sizeof(s), "t%d.assets.example", i + MANY);
        assert_null(xr_tenant_table_by_host(table, xr_str(s)));
    }
}


static void
test_many(void **state)
{
    int                i;
    char               s[64];
    void              *memory;
    arena_t            arena;
    xr_err_t           err;
    xr_mem_t           mem;
    xr_tenant_t       *tenants, t;
    xr_tenant_table_t  table;

    (void) state;

    arena.left = (size_t) 16 << 20;
    memory = calloc(1, arena.left);
    tenants = calloc(MANY, sizeof(xr_tenant_t));
    assert_non_null(memory);
    assert_non_null(tenants);

    arena.p = memory;
    mem = (xr_mem_t) { arena_alloc, &arena };
    memset(&table, 0, sizeof(table));

    add_many(&table, tenants, &mem);
    check_many(&table, tenants);

    assert_int_equal(table.n, MANY);

    for (i = 0; i < MANY; i += 97) {
        snprintf(s, sizeof(s), "t%d", i);
        make(&t, &mem, s, NULL, NULL, NULL);
        assert_int_equal(xr_tenant_table_add(&table, &t, &mem, &err),
                         XR_INVALID);
        assert_string_equal(err.what, "is a duplicate tenant");

        snprintf(s, sizeof(s), "assets.t%d.example", i);
        make(&t, &mem, "other", "other.example", s, NULL);
        assert_int_equal(xr_tenant_table_add(&table, &t, &mem, &err),
                         XR_INVALID);
        assert_int_equal(err.pos, 1);

        snprintf(s, sizeof(s), "%032x", i + 1);
        make(&t, &mem, "other", "other.example", NULL, s);
        assert_int_equal(xr_tenant_table_add(&table, &t, &mem, &err),
                         XR_INVALID);
        xr_tenant_free(&t);
    }

    assert_null(xr_tenant_table_by_name(&table, xr_str("other")));
    assert_null(xr_tenant_table_by_host(&table, xr_str("other.example")));
    assert_int_equal(table.n, MANY);

    for (i = 0; i < MANY; i++) {
        xr_tenant_free(&tenants[i]);
    }

    free(tenants);
    free(memory);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_look_up),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_many)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
