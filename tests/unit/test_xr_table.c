/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_table.h"


#define MANY    100000

#define SECRET  "a-secret-that-must-not-stay"

#define K1      "00112233445566778899aabbccddeeff"
#define K2      "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
#define K3      K1 K1

/* K1 K1, as a JWK has it */

#define HS256   "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\","              \
                "\"kid\":\"h\",\"k\":\"ABEiM0RVZneImaq7zN3u_wARIjNEVWZ3"      \
                "iJmqu8zd7v8\"}]}"

#define EC1_X   "IZyaU3WZ_aRV3yfhHX4snFhI7jL8pTmieodVR6VNyTs"
#define EC1_Y   "7ITAwyKpf-zfW7wWuJCU5mQg5dLCb5W2OeHmIUS1bRg"
#define EC2_X   "byWZRpiWNWUZSJEOnooohK5zGW_nNgIHYlwsSgdnpCc"
#define EC2_Y   "U0OkQYB_BTWKsaLmT708ak4XZcvy2zNqLwNSEPaEY8c"
#define RSA_N   "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAt" \
                "VT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn6" \
                "4tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FD" \
                "W2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n9" \
                "1CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINH" \
                "aQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"

#define JWK_EC(id, x, y)                                                      \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"" id "\",\"x\":\"" x         \
    "\",\"y\":\"" y "\"}"
#define JWK_RSA(id)                                                           \
    "{\"kty\":\"RSA\",\"alg\":\"RS512\",\"kid\":\"" id "\",\"n\":\"" RSA_N    \
    "\",\"e\":\"AQAB\"}"
#define JWKS(keys)  "{\"keys\":[" keys "]}"

#define EC1     JWKS(JWK_EC("e", EC1_X, EC1_Y))
#define EC2     JWKS(JWK_EC("e", EC2_X, EC2_Y))

#define EC1_PEM                                                               \
    "-----BEGIN PUBLIC KEY-----\n"                                            \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEIZyaU3WZ/aRV3yfhHX4snFhI7jL8\n"      \
    "pTmieodVR6VNyTvshMDDIql/7N9bvBa4kJTmZCDl0sJvlbY54eYhRLVtGA==\n"          \
    "-----END PUBLIC KEY-----\n"
#define EC3_PEM                                                               \
    "-----BEGIN PUBLIC KEY-----\n"                                            \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeg42FK3Gd0jc4vEQrbB+SnwcPV/w\n"      \
    "jQ3z9VC1xHPtI/mrGfvwteX6YYQu5vOw1oVXloLz8jBLjqxJ27V3ITEfvg==\n"          \
    "-----END PUBLIC KEY-----\n"


/* What a tenant is made of: options separated by ";", and texts of keys. */

typedef struct {
    const char  *name;
    const char  *options;
    const char  *keys;
    const char  *jwks;
    const char  *pem;
} recipe_t;


/*
 * Memory that is full of rubbish, and that must be free of secrets when it is
 * given back.  One allocation fails, number "fail_at".
 */

typedef struct {
    size_t  size;
    size_t  pad;
} block_t;

static size_t  allocations, fail_at, live;


static void *
block_alloc(size_t size)
{
    block_t  *b;

    if (++allocations == fail_at) {
        return NULL;
    }

    b = malloc(sizeof(block_t) + size);
    assert_non_null(b);

    b->size = size;
    memset(b + 1, 0xa5, size);
    live++;

    return b + 1;
}


static void
block_free(void *p)
{
    block_t  *b;

    if (p == NULL) {
        return;
    }

    b = (block_t *) p - 1;
    assert_null(memmem(p, b->size, SECRET, strlen(SECRET)));

    live--;
    free(b);
}


static const xr_table_memory_t  memory = { block_alloc, block_free };


static xr_table_builder_t *
create(void)
{
    xr_table_builder_t  *b;

    allocations = 0;
    fail_at = 0;
    live = 0;

    b = xr_table_builder_create(&memory);
    assert_non_null(b);

    return b;
}


static void
destroy(xr_table_builder_t *b)
{
    xr_table_builder_free(b);
    assert_int_equal(live, 0);
}


static void
option(xr_tenant_t *t, char *line, const xr_mem_t *mem)
{
    char      *word, *save;
    size_t     n;
    xr_err_t   err;
    xr_str_t   args[40];

    n = 0;

    for (word = strtok_r(line, " ", &save); word != NULL;
         word = strtok_r(NULL, " ", &save))
    {
        assert_true(n < XR_COUNT(args));
        args[n++] = xr_str(word);
    }

    if (xr_tenant_option(t, args, n, mem, &err) != XR_OK) {
        fail_msg("%s: %s", line, err.what);
    }
}


static void
make(xr_tenant_t *t, const recipe_t *r, const xr_mem_t *mem)
{
    char      copy[1024], *line, *save;
    xr_err_t  err;

    err.what = r->name;
    assert_int_equal(xr_tenant_init(t, xr_str(r->name), mem, NULL), XR_OK);

    snprintf(copy, sizeof(copy), "%s",
             r->options != NULL ? r->options : "origin http://o.example");

    for (line = strtok_r(copy, ";", &save); line != NULL;
         line = strtok_r(NULL, ";", &save))
    {
        option(t, line, mem);
    }

    if (r->keys != NULL) {
        XR_CHECK(xr_keyset_edgeauth(&t->keys, xr_str(r->keys), mem, &err)
                 == XR_OK, err.what);
    }

    if (r->jwks != NULL) {
        XR_CHECK(xr_keyset_jwks_text(&t->keys, xr_str(r->jwks), mem, NULL,
                                     &err) == XR_OK, err.what);
    }

    if (r->pem != NULL) {
        XR_CHECK(xr_keyset_cloudfront(&t->keys, xr_str("KCF"), xr_str(r->pem),
                                      mem, &err) == XR_OK, err.what);
    }
}


static xr_rc_t
add(xr_table_builder_t *b, const recipe_t *r, xr_err_t *err)
{
    xr_rc_t        rc;
    xr_tenant_t    t;
    xr_test_mem_t  m;

    xr_test_mem_init(&m, SIZE_MAX);

    make(&t, r, &m.mem);
    rc = xr_table_add(b, &t, err);

    xr_tenant_wipe(&t);
    xr_test_mem_free(&m);

    return rc;
}


/* A table of these tenants, which must all be right. */

static xr_table_builder_t *
build(const recipe_t *recipes, size_t n, xr_table_t *table)
{
    size_t               i;
    xr_err_t             err;
    xr_str_t             image;
    xr_table_builder_t  *b;

    b = create();

    for (i = 0; i < n; i++) {

        if (add(b, &recipes[i], &err) != XR_OK) {
            fail_msg("%s: %s", recipes[i].name, err.what);
        }
    }

    assert_int_equal(xr_table_finish(b, 7, &image, NULL), XR_OK);
    assert_int_equal(xr_table_open(image, table), XR_OK);

    return b;
}


static bool
has(const xr_table_t *table, const char *name)
{
    xr_site_t  site;

    return xr_table_by_name(table, xr_str(name), &site) == XR_OK
           && xr_str_eq(site.name, xr_str(name));
}


/* Whose the host is; "" for nobody's. */

static xr_str_t
owner(const xr_table_t *table, const char *host)
{
    xr_site_t  site;

    return xr_table_by_host(table, xr_str(host), &site) == XR_OK
           ? site.name : xr_str("");
}


static void
test_empty(void **state)
{
    xr_str_t             image;
    xr_site_t            site;
    xr_table_t           table;
    xr_table_stats_t     stats;
    xr_table_builder_t  *b;

    (void) state;

    memset(&table, 0, sizeof(table));

    assert_false(has(&table, "acme"));
    assert_int_equal(xr_table_by_host(&table, xr_str("a"), &site),
                     XR_NOT_FOUND);
    assert_int_equal(xr_table_by_name(&table, xr_str_of(NULL, 0), &site),
                     XR_NOT_FOUND);
    assert_false(xr_table_proves(&table, xr_str("secret")));

    b = create();
    assert_int_equal(xr_table_count(b), 0);
    assert_int_equal(xr_table_finish(b, UINT64_MAX, &image, &stats), XR_OK);
    assert_int_equal(xr_table_open(image, &table), XR_OK);

    assert_true(table.generation == UINT64_MAX);
    assert_int_equal(table.n, 0);
    assert_int_equal(stats.tenants, 0);
    assert_int_equal(stats.bytes, image.len);
    assert_int_equal(stats.payload, 0);

    assert_false(has(&table, "acme"));
    assert_int_equal(xr_table_by_host(&table, xr_str("a"), &site),
                     XR_NOT_FOUND);
    assert_int_equal(xr_table_by_name(&table, xr_str_of(NULL, 0), &site),
                     XR_NOT_FOUND);

    destroy(b);
    xr_table_builder_free(NULL);
}


static void
test_look_up(void **state)
{
    size_t               i;
    xr_site_t            site, before;
    xr_table_t           table;
    xr_table_builder_t  *b;

    static const recipe_t  recipes[] = {
        { "acme", "host a.example b.example;origin http://o.example", K1, NULL,
          NULL },
        { "a", NULL, NULL, NULL, NULL },
        { "twelve-bytes", "host x;origin http://o.example", NULL, NULL, NULL }
    };

    /* nothing is found by a part, in another case or in the other table */

    static const xr_str_t  no_names[] = {
        XR_STR("a.example"), XR_STR("acm"), XR_STR("acmee"), XR_STR("ACME"),
        XR_STR("acme\0"), XR_STR("acme\0\0\0\0"), XR_STR("twelve-b"),
        XR_STR("twelve-byte"), XR_STR("twelve-bytes\0"), XR_STR("x"),
        { NULL, 0 }
    };
    static const xr_str_t  no_hosts[] = {
        XR_STR("acme"), XR_STR("a"), XR_STR("A.example"), XR_STR("a.example."),
        XR_STR(".example"), XR_STR("a.exampl"), XR_STR("c.example"),
        { NULL, 0 }
    };

    (void) state;

    b = build(recipes, XR_COUNT(recipes), &table);

    assert_int_equal(table.n, 3);
    assert_int_equal(table.generation, 7);
    assert_int_equal(xr_table_count(b), 3);

    for (i = 0; i < XR_COUNT(recipes); i++) {
        XR_CHECK(has(&table, recipes[i].name), recipes[i].name);
    }

    XR_CHECK_STR(owner(&table, "a.example"), "acme", "host");
    XR_CHECK_STR(owner(&table, "b.example"), "acme", "host");
    XR_CHECK_STR(owner(&table, "x"), "twelve-bytes", "host");

    memset(&site, 0x5a, sizeof(site));
    before = site;

    for (i = 0; i < XR_COUNT(no_names); i++) {
        assert_int_equal(xr_table_by_name(&table, no_names[i], &site),
                         XR_NOT_FOUND);
    }

    for (i = 0; i < XR_COUNT(no_hosts); i++) {
        assert_int_equal(xr_table_by_host(&table, no_hosts[i], &site),
                         XR_NOT_FOUND);
    }

    assert_memory_equal(&site, &before, sizeof(site));

    destroy(b);
}


/* Replicas lie in front of limits and keys, which stay what they are. */

static void
test_replicas(void **state)
{
    xr_site_t            site;
    xr_limit_t           limits[XR_TENANT_LIMITS];
    xr_table_t           table;
    xr_tenant_t          t;
    xr_origin_t          origin;
    xr_credentials_t     c;
    xr_table_builder_t  *b;
    xr_location_t        at;
    xr_geo_policy_t      geo;
    xr_tenant_replica_t  r[XR_TENANT_REPLICAS];

    static const recipe_t  recipes[] = {
        { "none", "origin http://o.example;limit rate=9r/s", K1, NULL, NULL },
        { "two", "origin http://o.example/x location=50.1,8.7;"
          "replica http://r.example:8080/y location=us-east-1;"
          "replica https://s.example;geo deny=FR;limit rate=5r/s name=n", K2, NULL, NULL }
    };

    (void) state;

    b = build(recipes, XR_COUNT(recipes), &table);

    assert_int_equal(xr_table_by_name(&table, xr_str("none"), &site), XR_OK);
    assert_int_equal(xr_site_replicas(&site, r, &at), 0);
    assert_int_equal(xr_site_geo(&site, &geo), XR_NOT_FOUND);

    assert_int_equal(xr_table_by_name(&table, xr_str("two"), &site), XR_OK);
    assert_int_equal(xr_site_replicas(&site, r, &at), 2);
    assert_int_equal(at.lat, 5010);
    assert_int_equal(at.lon, 870);
    assert_int_equal(r[0].location.lat, 3904);
    assert_int_equal(r[1].location.lat, XR_LOCATION_NONE);
    assert_int_equal(xr_site_geo(&site, &geo), XR_OK);
    assert_int_equal(xr_geo_policy_judge(&geo, xr_str("FR"), xr_str("EU")),
                     XR_DENY_GEO);
    assert_int_equal(r[0].origin.kind, XR_ORIGIN_HTTP);
    XR_CHECK_STR(r[0].origin.host, "r.example:8080", "host");
    XR_CHECK_STR(r[0].origin.base, "/y", "base");
    XR_CHECK_STR(r[1].origin.host, "s.example", "host");
    XR_CHECK_STR(r[1].origin.base, "", "base");

    xr_site_origin(&site, &origin, &c);
    XR_CHECK_STR(origin.host, "o.example", "host");
    assert_int_equal(xr_site_limits(&site, limits), 1);
    XR_CHECK_STR(limits[0].name, "n", "limit");

    xr_site_tenant(&site, &t);
    assert_int_equal(t.nreplicas, 2);
    XR_CHECK_STR(t.replicas[1].origin.host, "s.example", "host");
    assert_int_equal(t.location.lat, 5010);
    assert_true(t.has_geo);
    assert_memory_equal(&t.geo, &geo, sizeof(geo));

    destroy(b);
}


static const char  taken[] =
    "has a key that another tenant has: one could sign for the other; only "
    "public JWT keys can be shared, by tenants that each have an "
    "\"audience\"";

static const char  opens[] =
    "has a JWT key and an audience that another tenant has: one's tokens "
    "would open the other";


/*
 * "one", "two" and "three" are in the table; what is refused leaves nothing
 * there, so that a tenant without the fault can be added afterwards.
 */

static const recipe_t  there[] = {
    { "one", "origin http://o.example;host one.example", "x " K1 "\ny " K2,
      NULL, NULL },
    { "two", "origin http://o.example;host two.example;audience a b", NULL,
      JWKS(JWK_EC("e", EC1_X, EC1_Y) "," JWK_RSA("r")), NULL },
    { "three", "origin http://o.example", NULL, EC2, EC3_PEM }
};

static const struct {
    recipe_t     recipe;
    const char  *what;                  /* NULL: nothing is wrong with it */
    size_t       pos;
} cases[] = {
    { { "one", NULL, NULL, NULL, NULL }, "is a duplicate tenant", 0 },
    { { "two", "origin http://o.example;host one.example", K1, NULL, NULL },
      "is a duplicate tenant", 0 },
    { { "new", "origin http://o.example;host one.example", NULL, NULL, NULL },
      "has a host that another tenant has", 0 },
    { { "new", "origin http://o.example;host new.example two.example", NULL,
        NULL, NULL }, "has a host that another tenant has", 1 },
    { { "new", "origin http://o.example;host new.example b new.example", NULL,
        NULL, NULL }, "has a duplicate host", 2 },
    { { "new", NULL, K1, NULL, NULL }, taken, 0 },
    { { "new", NULL, "a " K3 "\nb " K2 "\n", NULL, NULL }, taken, 1 },

    /* HMAC pads with zeros: this is the first key of "one" */

    { { "new", NULL, K1 "0000", NULL, NULL }, taken, 0 },
    { { "new", NULL, K3, NULL, NULL }, NULL, 0 },

    /* public JWT keys */

    { { "new", NULL, NULL, EC1, NULL }, taken, 0 },
    { { "new", "origin http://o.example;audience a", NULL, EC1, NULL },
      opens, 0 },
    { { "new", "origin http://o.example;audience c b", NULL, EC1, NULL },
      opens, 0 },
    { { "new", "origin http://o.example;audience c d", NULL, EC1, NULL },
      NULL, 0 },
    { { "new", "origin http://o.example;audience ab", NULL, EC1, NULL },
      NULL, 0 },
    { { "new", "origin http://o.example;audience c b", NULL,
        JWKS(JWK_EC("n", EC1_X, EC1_Y) "," JWK_RSA("m")), NULL }, opens, 0 },
    { { "new", "origin http://o.example;audience c", NULL,
        JWKS(JWK_EC("n", EC1_X, EC1_Y) "," JWK_RSA("m")), NULL }, NULL, 0 },
    { { "new", "origin http://o.example;audience c c", NULL, EC1, NULL },
      NULL, 0 },

    /* who has one without an audience would take tokens for the others */

    { { "new", "origin http://o.example;audience c", NULL, EC2, NULL },
      taken, 0 },

    /* the same numbers for CloudFront */

    { { "new", "origin http://o.example;audience c", NULL, NULL, EC1_PEM },
      taken, 0 },
    { { "new", NULL, NULL, NULL, EC3_PEM }, taken, 0 }
};


static void
test_refused(void **state)
{
    size_t               i, k;
    xr_rc_t              rc;
    xr_err_t             err;
    xr_str_t             image;
    xr_table_t           table;
    xr_table_builder_t  *b;

    static const recipe_t  good = {
        "new", "origin http://o.example;host new.example", "x " K3 "00", NULL,
        NULL
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        b = create();

        for (k = 0; k < XR_COUNT(there); k++) {
            assert_int_equal(add(b, &there[k], NULL), XR_OK);
        }

        err = (xr_err_t) { "", 999 };
        rc = add(b, &cases[i].recipe, &err);

        if (cases[i].what == NULL) {
            XR_CHECK_STR(xr_str(err.what), "", cases[i].recipe.name);
            XR_CHECK_EQ(rc, XR_OK, cases[i].recipe.name);

        } else {
            XR_CHECK_EQ(rc, XR_INVALID, cases[i].what);
            XR_CHECK_STR(xr_str(err.what), cases[i].what, cases[i].what);
            XR_CHECK_EQ(err.pos, cases[i].pos, cases[i].what);

            assert_int_equal(xr_table_count(b), XR_COUNT(there));
            assert_int_equal(add(b, &good, NULL), XR_OK);
        }

        assert_int_equal(xr_table_finish(b, 1, &image, NULL), XR_OK);
        assert_int_equal(xr_table_open(image, &table), XR_OK);

        assert_int_equal(table.n, XR_COUNT(there) + 1);
        assert_true(has(&table, "one") && has(&table, "two"));
        assert_true(has(&table, "new"));
        XR_CHECK_STR(owner(&table, "one.example"), "one", "host");
        XR_CHECK_STR(owner(&table, "two.example"), "two", "host");
        XR_CHECK_STR(owner(&table, "new.example"),
                     cases[i].what != NULL ? "new" : "", "host");

        destroy(b);
    }
}


/* A secret of two formats is one secret. */

static void
test_secret_kinds(void **state)
{
    xr_err_t             err;
    xr_table_builder_t  *b;

    static const recipe_t  one = { "one", NULL, K3, NULL, NULL };
    static const recipe_t  two = {
        "two", "origin http://o.example;audience a", NULL, HS256, NULL
    };
    static const recipe_t  three = {
        "three", "origin http://o.example;audience b", NULL, HS256, NULL
    };

    (void) state;

    b = create();
    assert_int_equal(add(b, &one, NULL), XR_OK);
    assert_int_equal(add(b, &two, &err), XR_INVALID);
    assert_string_equal(err.what, taken);
    destroy(b);

    /* an audience is no help where both can sign */

    b = create();
    assert_int_equal(add(b, &two, NULL), XR_OK);
    assert_int_equal(add(b, &three, &err), XR_INVALID);
    assert_string_equal(err.what, taken);
    destroy(b);
}


static bool
list_is(xr_strs_t list, const char *wanted)
{
    bool      same;
    xr_str_t  s, rest;

    rest = xr_str(wanted);
    same = true;

    while (xr_strs_next(&list, &s)) {
        same = same && xr_str_eq(s, xr_str_cut(&rest, ' '));
    }

    return same && rest.len == 0;
}


/* A tenant of a table, added to another one, makes the same image. */

static void
check_again(const xr_site_t *site, xr_str_t image)
{
    xr_str_t             again;
    xr_tenant_t          t;
    xr_table_builder_t  *b;

    b = xr_table_builder_create(&memory);
    assert_non_null(b);

    xr_site_tenant(site, &t);
    assert_int_equal(xr_table_add(b, &t, NULL), XR_OK);
    assert_int_equal(xr_table_finish(b, 1, &again, NULL), XR_OK);

    assert_int_equal(again.len, image.len);
    assert_memory_equal(again.data, image.data, image.len);

    xr_table_builder_free(b);
}


static void
test_site(void **state)
{
    xr_err_t             err;
    xr_str_t             image;
    xr_site_t            site;
    xr_table_t           table;
    xr_tenant_t          t;
    xr_origin_t          origin;
    xr_test_mem_t        m;
    xr_credentials_t     c;
    xr_freshness_policy_t  policy;
    xr_table_builder_t  *b;

    static const recipe_t  full = {
        "acme",
        "host a.example b.example;"
        "origin s3://models/acme region=eu-west-1 endpoint=http://o:9000;"
        "issuer https://idp.example other;audience x y z;"
        "cloudfront_hosts d1.cloudfront.example;cloudfront_sha1 on;"
        "cors https://shop.example http://b.example:8080;"
        "cors_credentials on;cors_max_age 5m;cache_control no-store;"
        "cache_policy ttl=7m jitter=0%;leeway 0;max_lifetime 3650d;"
        "limit key=subject rate=5r/m burst=40 mode=exact failure=closed "
        "delay=200ms class=Gold;limit rate=1m/s", K1, EC1, EC3_PEM
    };

    (void) state;

    xr_test_mem_init(&m, SIZE_MAX);
    make(&t, &full, &m.mem);
    c = (xr_credentials_t) { XR_STR("AKID"), XR_STR(SECRET), XR_STR("tok") };
    assert_int_equal(xr_tenant_credentials(&t, &c, &m.mem, NULL), XR_OK);
    t.endpoint = 0xfffffffe;

    b = create();
    assert_int_equal(xr_table_add(b, &t, &err), XR_OK);
    assert_int_equal(xr_table_finish(b, 1, &image, NULL), XR_OK);
    assert_int_equal(xr_table_open(image, &table), XR_OK);

    xr_tenant_wipe(&t);
    xr_test_mem_free(&m);

    assert_int_equal(xr_table_by_host(&table, xr_str("b.example"), &site),
                     XR_OK);

    XR_CHECK_STR(site.name, "acme", "name");
    XR_CHECK_STR(site.cache_prefix, "acme\no:9000/models/acme\n", "prefix");
    XR_CHECK_STR(site.cache_control, "no-store", "cache_control");
    assert_int_equal(xr_site_cache_policy(&site, &policy), XR_OK);
    assert_int_equal(policy.ttl, 420);
    assert_int_equal(policy.jitter, 0);
    assert_true(site.endpoint == 0xfffffffe);
    assert_int_equal(site.origin_kind, XR_ORIGIN_S3);
    assert_int_equal(site.kinds, XR_KIND_ANY);

    assert_int_equal(site.policy.leeway, 0);
    assert_int_equal(site.policy.max_lifetime, 3650LL * 86400);
    assert_true(site.policy.cloudfront_sha1);
    assert_true(list_is(site.policy.issuers, "https://idp.example other"));
    assert_true(list_is(site.policy.audiences, "x y z"));
    assert_true(list_is(site.policy.names, "a.example b.example acme"));
    assert_true(list_is(site.policy.cloudfront_hosts,
                        "d1.cloudfront.example"));

    assert_int_equal(site.cors, XR_CORS_LIST);
    assert_true(site.cors_credentials);
    assert_int_equal(site.cors_max_age, 300);
    assert_true(list_is(site.cors_origins,
                        "https://shop.example http://b.example:8080"));

    xr_site_origin(&site, &origin, &c);
    assert_int_equal(origin.kind, XR_ORIGIN_S3);
    XR_CHECK_STR(origin.host, "o:9000", "origin");
    XR_CHECK_STR(origin.base, "/models/acme", "origin");
    XR_CHECK_STR(origin.region, "eu-west-1", "origin");
    XR_CHECK_STR(c.access_key, "AKID", "credentials");
    XR_CHECK_STR(c.secret_key, SECRET, "credentials");
    XR_CHECK_STR(c.session_token, "tok", "credentials");

    check_again(&site, image);

    destroy(b);
}


static void
test_site_defaults(void **state)
{
    xr_key_t             keys[XR_KEYSET_MAX];
    xr_site_t            site;
    xr_table_t           table;
    xr_limit_t           limits[XR_TENANT_LIMITS];
    xr_origin_t          origin;
    xr_credentials_t     c;
    xr_freshness_policy_t  policy;
    xr_table_builder_t  *b;

    static const recipe_t  bare = { "a", NULL, NULL, NULL, NULL };

    (void) state;

    b = build(&bare, 1, &table);
    assert_int_equal(xr_table_by_name(&table, xr_str("a"), &site), XR_OK);

    XR_CHECK_STR(site.cache_prefix, "a\no.example\n", "prefix");
    assert_int_equal(site.cache_control.len, 0);
    assert_int_equal(xr_site_cache_policy(&site, &policy), XR_NOT_FOUND);
    assert_int_equal(site.origin_kind, XR_ORIGIN_HTTP);
    assert_int_equal(site.kinds, 0);
    assert_int_equal(site.policy.leeway, XR_TENANT_LEEWAY);
    assert_int_equal(site.policy.max_lifetime, XR_TENANT_MAX_LIFETIME);
    assert_false(site.policy.cloudfront_sha1);
    assert_true(list_is(site.policy.issuers, ""));
    assert_true(list_is(site.policy.audiences, ""));
    assert_true(list_is(site.policy.names, "a"));
    assert_true(list_is(site.policy.cloudfront_hosts, ""));
    assert_int_equal(site.policy.issuers.packed.len, 0);
    assert_int_equal(site.cors, XR_CORS_ANY);
    assert_false(site.cors_credentials);
    assert_int_equal(site.cors_max_age, XR_TENANT_CORS_MAX_AGE);
    assert_int_equal(site.cors_origins.packed.len, 0);

    assert_int_equal(xr_site_keys(&site, XR_KIND_EDGEAUTH, keys), 0);
    assert_int_equal(xr_site_keys(&site, XR_KIND_JWT, keys), 0);
    assert_int_equal(site.nlimits, 0);
    assert_int_equal(xr_site_limits(&site, limits), 0);

    xr_site_origin(&site, &origin, &c);
    XR_CHECK_STR(origin.host, "o.example", "origin");
    assert_int_equal(origin.base.len, 0);
    assert_int_equal(origin.region.len, 0);
    assert_int_equal(c.access_key.len, 0);
    assert_int_equal(c.secret_key.len, 0);
    assert_int_equal(c.session_token.len, 0);

    destroy(b);
}


static void
test_cors(void **state)
{
    size_t               i, j;
    xr_site_t            site;
    recipe_t             r;
    xr_table_t           table;
    xr_table_builder_t  *b;

    static const struct {
        const char      *options;
        xr_cors_mode_t   mode;
        const char      *yes[3];
        const char      *no[6];
    } modes[] = {
        { "origin http://o", XR_CORS_ANY, { "https://a.example", "null", "" },
          { NULL } },
        { "origin http://o;cors *", XR_CORS_ANY,
          { "https://a.example", "null", "" }, { NULL } },
        { "origin http://o;cors off", XR_CORS_OFF, { NULL },
          { "https://a.example", "null", "", "off", "*" } },
        { "origin http://o;cors https://a.example http://b.example:8080",
          XR_CORS_LIST, { "https://a.example", "http://b.example:8080" },
          { "http://a.example", "https://a.example.evil", "https://a.exampl",
            "http://b.example", "null", "" } },
        { "origin http://o;cors https://a.example", XR_CORS_LIST,
          { "https://a.example" },
          { "https://a.example:443", "https://A.example",
            "https://x.a.example", "https://a.example/", "*",
            "https://a.example https://a.example" } }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(modes); i++) {
        r = (recipe_t) { "a", modes[i].options, NULL, NULL, NULL };
        b = build(&r, 1, &table);
        assert_int_equal(xr_table_by_name(&table, xr_str("a"), &site), XR_OK);

        XR_CHECK_EQ(site.cors, modes[i].mode, modes[i].options);

        for (j = 0; j < 3 && modes[i].yes[j] != NULL; j++) {
            XR_CHECK(xr_site_cors_allows(&site, xr_str(modes[i].yes[j])),
                     modes[i].yes[j]);
        }

        for (j = 0; j < 6 && modes[i].no[j] != NULL; j++) {
            XR_CHECK(!xr_site_cors_allows(&site, xr_str(modes[i].no[j])),
                     modes[i].no[j]);
        }

        destroy(b);
    }
}


static void
check_key(const xr_key_t *is, const xr_key_t *was)
{
    size_t    len;
    uint8_t   a[XR_HASH_MAX_SIZE], b[XR_HASH_MAX_SIZE];
    xr_str_t  in;

    assert_true(xr_str_eq(is->id, was->id));
    assert_int_equal(is->kind, was->kind);
    assert_int_equal(is->alg, was->alg);
    assert_memory_equal(is->digest, was->digest, sizeof(is->digest));

    if (was->hmac == NULL) {
        assert_null(is->hmac);
        assert_int_equal(is->pub.kind, was->pub.kind);
        assert_true(xr_str_eq(is->pub.n, was->pub.n));
        assert_true(xr_str_eq(is->pub.e, was->pub.e));
        assert_int_equal(xr_pubkey_check(&is->pub, NULL), XR_OK);

        return;
    }

    /* usable where it lies */

    assert_int_equal((uintptr_t) is->hmac % _Alignof(xr_hmac_t), 0);
    assert_int_equal(is->pub.kind, 0);
    assert_int_equal(is->pub.n.len, 0);

    in = xr_str("message");
    len = xr_hash_size(XR_SHA256);

    assert_int_equal(xr_hmac_sign(is->hmac, XR_SHA256, &in, 1, a), XR_OK);
    assert_int_equal(xr_hmac_sign(was->hmac, XR_SHA256, &in, 1, b), XR_OK);
    assert_memory_equal(a, b, len);
}


static const recipe_t  with_keys = {
    "acme", NULL, "first " K1 "\n" K2 "\n",
    JWKS(JWK_RSA("r") "," JWK_EC("e", EC1_X, EC1_Y) ","
         "{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"h\",\"k\":"
         "\"ABEiM0RVZneImaq7zN3u_wARIjNEVWZ3iJmqu8zd7v8\"}"),
    EC3_PEM
};


/* The keys of "with_keys" as "site" has them. */

static void
check_keys(const xr_site_t *site)
{
    size_t         i, k, n;
    xr_key_t       keys[XR_KEYSET_MAX];
    xr_tenant_t    t;
    xr_test_mem_t  m;

    static const xr_kind_t  kinds[] = {
        XR_KIND_EDGEAUTH, XR_KIND_JWT, XR_KIND_CLOUDFRONT
    };
    static const size_t     counts[] = { 2, 3, 1 };

    xr_test_mem_init(&m, SIZE_MAX);
    make(&t, &with_keys, &m.mem);

    assert_int_equal(site->kinds, XR_KIND_ANY);

    k = 0;

    for (i = 0; i < XR_COUNT(kinds); i++) {
        memset(keys, 0xee, sizeof(keys));
        n = xr_site_keys(site, kinds[i], keys);
        assert_int_equal(n, counts[i]);

        /* one kind after the other, in the order of the tenant */

        while (n > 0) {
            check_key(&keys[counts[i] - n], &t.keys.keys[k++]);
            n--;
        }
    }

    assert_int_equal(k, t.keys.n);

    xr_tenant_wipe(&t);
    xr_test_mem_free(&m);
}


static void
test_keys(void **state)
{
    uint8_t              mac[XR_HASH_MAX_SIZE], wanted[XR_SHA256_SIZE];
    uint8_t              secret[XR_KEY_MAX_SIZE];
    xr_str_t             in;
    xr_key_t             keys[XR_KEYSET_MAX];
    xr_site_t            site;
    xr_table_t           table;
    xr_table_builder_t  *b;

    /* a tenant in front whose size is no multiple of the alignment */

    static const recipe_t  recipes[] = {
        { "b", "origin http://o.example/xyz", NULL, NULL, NULL },
        { "c", "origin http://o.example", "abc " K3, NULL, NULL },
        { "acme", NULL, "first " K1 "\n", NULL, NULL }
    };

    (void) state;

    b = build(&with_keys, 1, &table);
    assert_int_equal(xr_table_by_name(&table, xr_str("acme"), &site), XR_OK);
    check_keys(&site);
    destroy(b);

    b = build(recipes, XR_COUNT(recipes), &table);
    assert_int_equal(xr_table_by_name(&table, xr_str("acme"), &site), XR_OK);
    assert_int_equal(site.kinds, XR_KIND_EDGEAUTH);
    assert_int_equal(xr_site_keys(&site, XR_KIND_JWT, keys), 0);
    assert_int_equal(xr_site_keys(&site, XR_KIND_EDGEAUTH, keys), 1);
    XR_CHECK_STR(keys[0].id, "first", "id");

    /* the HMAC that others compute from the same secret */

    in = xr_str("message");
    assert_int_equal(xr_hex_decode(xr_str(K1), secret, sizeof(secret)), XR_OK);
    assert_int_equal(xr_hmac_sha256(xr_str_of(secret, 16), in, wanted), XR_OK);
    assert_int_equal(xr_hmac_sign(keys[0].hmac, XR_SHA256, &in, 1, mac),
                     XR_OK);
    assert_memory_equal(mac, wanted, sizeof(wanted));

    destroy(b);
}


static void
check_limit(const xr_limit_t *is, const xr_limit_t *was, const char *what)
{
    XR_CHECK(xr_str_eq(is->name, was->name), what);
    XR_CHECK(xr_str_eq(is->rate_class, was->rate_class), what);
    XR_CHECK_EQ(is->key, was->key, what);
    XR_CHECK_EQ(is->unit, was->unit, what);
    XR_CHECK_EQ(is->mode, was->mode, what);
    XR_CHECK_EQ(is->failure, was->failure, what);
    XR_CHECK_EQ(is->rate, was->rate, what);
    XR_CHECK_EQ(is->burst, was->burst, what);
    XR_CHECK_EQ(is->cost, was->cost, what);
    XR_CHECK_EQ(is->delay, was->delay, what);
}


/* With keys and without, in front of which limits stand. */

static void
test_limits(void **state)
{
    size_t               i, k, n;
    xr_key_t             keys[XR_KEYSET_MAX];
    xr_site_t            site;
    xr_table_t           table;
    xr_limit_t           limits[XR_TENANT_LIMITS];
    xr_tenant_t          t;
    xr_test_mem_t        m;
    xr_table_builder_t  *b;

    static const recipe_t  recipes[] = {
        { "none", NULL, K1, NULL, NULL },
        { "one", "origin http://o.example/x;limit rate=20r/s", NULL, NULL,
          NULL },
        { "keys", "origin http://o.example;limit rate=9000000000r/s "
          "cost=9000000000 class=gold", "abc " K3, NULL, NULL },
        { "all", "origin http://o.example/xyz;limit rate=1r/m;"
          "limit rate=5r/m key=subject mode=exact failure=open delay=1ms;"
          "limit rate=1k/s key=address failure=closed delay=60s class=a.B;"
          "limit rate=9000000000000/s name=a;limit rate=1r/s name=b;"
          "limit rate=2r/s;limit rate=3r/s;limit rate=4r/s", K2, EC1, EC3_PEM }
    };

    static const size_t  counts[] = { 0, 1, 1, XR_TENANT_LIMITS };

    (void) state;

    b = build(recipes, XR_COUNT(recipes), &table);

    for (i = 0; i < XR_COUNT(recipes); i++) {
        assert_int_equal(xr_table_by_name(&table, xr_str(recipes[i].name),
                                          &site), XR_OK);

        xr_test_mem_init(&m, SIZE_MAX);
        make(&t, &recipes[i], &m.mem);
        memset(limits, 0xee, sizeof(limits));

        n = xr_site_limits(&site, limits);

        XR_CHECK_EQ(n, counts[i], recipes[i].name);
        XR_CHECK_EQ(site.nlimits, n, recipes[i].name);

        for (k = 0; k < n; k++) {
            check_limit(&limits[k], &t.limits[k], recipes[i].name);
        }

        n = xr_site_keys(&site, XR_KIND_EDGEAUTH, keys);
        XR_CHECK_EQ(n, recipes[i].keys != NULL, recipes[i].name);

        if (n > 0) {
            check_key(&keys[0], &t.keys.keys[0]);
        }

        xr_tenant_wipe(&t);
        xr_test_mem_free(&m);
    }

    destroy(b);
}


/* The epoch of the tenant "acme" made from "r", behind "n" other tenants. */

static void
epoch_of(const recipe_t *r, size_t n, uint32_t endpoint,
    const xr_credentials_t *c, uint8_t epoch[XR_TABLE_EPOCH_SIZE])
{
    char                 name[32];
    size_t               i;
    recipe_t             other;
    xr_str_t             image;
    xr_site_t            site;
    xr_table_t           table;
    xr_tenant_t          t;
    xr_test_mem_t        m;
    xr_table_builder_t  *b;

    b = create();

    for (i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "t%zu", i);
        other = (recipe_t) { name, NULL, NULL, NULL, NULL };
        assert_int_equal(add(b, &other, NULL), XR_OK);
    }

    xr_test_mem_init(&m, SIZE_MAX);
    make(&t, r, &m.mem);
    t.endpoint = endpoint;

    if (c != NULL) {
        assert_int_equal(xr_tenant_credentials(&t, c, &m.mem, NULL), XR_OK);
    }

    assert_int_equal(xr_table_add(b, &t, NULL), XR_OK);
    assert_int_equal(xr_table_finish(b, n, &image, NULL), XR_OK);
    assert_int_equal(xr_table_open(image, &table), XR_OK);
    assert_int_equal(xr_table_by_name(&table, t.name, &site), XR_OK);
    memcpy(epoch, site.epoch, XR_TABLE_EPOCH_SIZE);

    xr_tenant_wipe(&t);
    xr_test_mem_free(&m);
    destroy(b);
}


static const recipe_t  epoch_base = {
    "acme",
    "origin http://o.example;host a.example;issuer i;audience x;"
    "cloudfront_hosts d.example;leeway 5;max_lifetime 1h",
    "k " K1, EC1, EC3_PEM
};

static const struct {
    const char  *what;
    recipe_t     recipe;                /* NULL: as above */
    bool         same;
} epochs[] = {
    { "nothing", { NULL, NULL, NULL, NULL, NULL }, true },
    { "defaults said aloud", { NULL,
      "origin http://o.example;host a.example;issuer i;audience x;"
      "cloudfront_hosts d.example;leeway 5s;max_lifetime 60m;"
      "cloudfront_sha1 off", NULL, NULL, NULL }, true },
    { "origin", { NULL,
      "origin https://o2.example/x;host a.example;issuer i;audience x;"
      "cloudfront_hosts d.example;leeway 5;max_lifetime 1h",
      NULL, NULL, NULL }, true },
    { "cors, cache_control", { NULL,
      "origin http://o.example;host a.example;issuer i;audience x;"
      "cloudfront_hosts d.example;leeway 5;max_lifetime 1h;"
      "cors https://a.example;cors_credentials on;cors_max_age 1;"
      "cache_control no-store", NULL, NULL, NULL }, true },
    { "cache_policy", { NULL,
      "origin http://o.example;host a.example;issuer i;audience x;"
      "cloudfront_hosts d.example;leeway 5;max_lifetime 1h;"
      "cache_policy ttl=1h", NULL, NULL, NULL }, true },
    { "limits", { NULL,
      "origin http://o.example;host a.example;issuer i;audience x;"
      "cloudfront_hosts d.example;leeway 5;max_lifetime 1h;"
      "limit rate=1r/s;limit key=subject rate=1k/s class=gold",
      NULL, NULL, NULL }, true },

    { "name", { "acm", NULL, NULL, NULL, NULL }, false },
    { "host", { NULL,
      "origin http://o.example;host b.example;issuer i;audience x;"
      "cloudfront_hosts d.example;leeway 5;max_lifetime 1h",
      NULL, NULL, NULL }, false },
    { "host gone", { NULL,
      "origin http://o.example;issuer i;audience x;"
      "cloudfront_hosts d.example;leeway 5;max_lifetime 1h",
      NULL, NULL, NULL }, false },
    { "issuer", { NULL,
      "origin http://o.example;host a.example;issuer j;audience x;"
      "cloudfront_hosts d.example;leeway 5;max_lifetime 1h",
      NULL, NULL, NULL }, false },
    { "issuer as an audience", { NULL,
      "origin http://o.example;host a.example;audience i x;"
      "cloudfront_hosts d.example;leeway 5;max_lifetime 1h",
      NULL, NULL, NULL }, false },
    { "audience", { NULL,
      "origin http://o.example;host a.example;issuer i;audience x y;"
      "cloudfront_hosts d.example;leeway 5;max_lifetime 1h",
      NULL, NULL, NULL }, false },
    { "cloudfront_hosts", { NULL,
      "origin http://o.example;host a.example;issuer i;audience x;"
      "leeway 5;max_lifetime 1h", NULL, NULL, NULL }, false },
    { "cloudfront_sha1", { NULL,
      "origin http://o.example;host a.example;issuer i;audience x;"
      "cloudfront_hosts d.example;leeway 5;max_lifetime 1h;"
      "cloudfront_sha1 on", NULL, NULL, NULL }, false },
    { "leeway", { NULL,
      "origin http://o.example;host a.example;issuer i;audience x;"
      "cloudfront_hosts d.example;leeway 6;max_lifetime 1h",
      NULL, NULL, NULL }, false },
    { "max_lifetime", { NULL,
      "origin http://o.example;host a.example;issuer i;audience x;"
      "cloudfront_hosts d.example;leeway 5", NULL, NULL, NULL }, false },
    { "another key", { NULL, NULL, "k " K2, NULL, NULL }, false },
    { "another id", { NULL, NULL, "l " K1, NULL, NULL }, false },
    { "no id", { NULL, NULL, K1, NULL, NULL }, false },
    { "one more key", { NULL, NULL, "k " K1 "\n" K2, NULL, NULL }, false },
    { "another JWT key", { NULL, NULL, NULL, EC2, NULL }, false },
    { "one more JWT key", { NULL, NULL, NULL,
      JWKS(JWK_EC("e", EC1_X, EC1_Y) "," JWK_EC("f", EC2_X, EC2_Y)), NULL },
      false },
    { "another kid", { NULL, NULL, NULL, JWKS(JWK_EC("f", EC1_X, EC1_Y)),
      NULL }, false },
    { "no JWT key", { NULL, NULL, NULL, "", NULL }, false },
    { "no CloudFront key", { NULL, NULL, NULL, NULL, "" }, false }
};


static const char *
either(const char *s, const char *base)
{
    return (s == NULL) ? base : (*s == '\0') ? NULL : s;
}


static void
test_epoch(void **state)
{
    size_t            i;
    uint8_t           base[XR_TABLE_EPOCH_SIZE], epoch[XR_TABLE_EPOCH_SIZE];
    recipe_t          r;
    xr_credentials_t  c;

    (void) state;

    epoch_of(&epoch_base, 0, 0, NULL, base);

    for (i = 0; i < XR_COUNT(epochs); i++) {
        r.name = either(epochs[i].recipe.name, epoch_base.name);
        r.options = either(epochs[i].recipe.options, epoch_base.options);
        r.keys = either(epochs[i].recipe.keys, epoch_base.keys);
        r.jwks = either(epochs[i].recipe.jwks, epoch_base.jwks);
        r.pem = either(epochs[i].recipe.pem, epoch_base.pem);

        epoch_of(&r, 0, 0, NULL, epoch);

        XR_CHECK_EQ(memcmp(epoch, base, sizeof(base)) == 0, epochs[i].same,
                    epochs[i].what);
    }

    /* neither the place nor what only the origin sees makes a difference */

    for (i = 1; i < 40; i += 7) {
        epoch_of(&epoch_base, i, 0, NULL, epoch);
        assert_memory_equal(epoch, base, sizeof(base));
    }

    c = (xr_credentials_t) { XR_STR("AKID"), XR_STR(SECRET), XR_STR("tok") };

    epoch_of(&epoch_base, 3, 17, &c, epoch);
    assert_memory_equal(epoch, base, sizeof(base));
}


/* An image works wherever it is mapped. */

static void
test_elsewhere(void **state)
{
    size_t               i;
    uint8_t             *copy;
    xr_str_t             image;
    xr_site_t            site;
    xr_table_t           table;
    xr_table_builder_t  *b;

    (void) state;

    for (i = 0; i < 2; i++) {
        b = create();
        assert_int_equal(add(b, &with_keys, NULL), XR_OK);
        assert_int_equal(xr_table_finish(b, 7, &image, NULL), XR_OK);

        copy = malloc(image.len + 8);
        assert_non_null(copy);
        memcpy(copy + 8 * i, image.data, image.len);
        image.data = copy + 8 * i;

        destroy(b);

        assert_int_equal(xr_table_open(image, &table), XR_OK);
        assert_int_equal(table.generation, 7);
        assert_int_equal(xr_table_by_name(&table, xr_str("acme"), &site),
                         XR_OK);
        assert_true(site.region > image.data
                    && site.region < image.data + image.len);
        check_keys(&site);

        free(copy);
    }
}


static void
test_open(void **state)
{
    size_t               i;
    uint8_t             *copy;
    xr_str_t             image, in;
    xr_table_t           table;
    xr_table_builder_t  *b;

    (void) state;

    b = create();
    assert_int_equal(add(b, &with_keys, NULL), XR_OK);
    assert_int_equal(xr_table_finish(b, 1, &image, NULL), XR_OK);

    for (i = 0; i < image.len; i++) {
        in = xr_test_copy(xr_str_of(image.data, i));
        assert_int_equal(xr_table_open(in, &table), XR_INVALID);
        xr_test_copy_free(in);
    }

    /* not an image, one of another build, one of another size */

    for (i = 0; i < 24; i++) {
        in = xr_test_copy(image);
        copy = (uint8_t *) (uintptr_t) in.data;
        copy[i] ^= 1;

        assert_int_equal(xr_table_open(in, &table),
                         i >= 12 && i < 16 ? XR_OK : XR_INVALID);
        xr_test_copy_free(in);
    }

    copy = calloc(1, image.len + 1);
    assert_non_null(copy);
    memcpy(copy, image.data, image.len);
    assert_int_equal(xr_table_open(xr_str_of(copy, image.len + 1), &table),
                     XR_INVALID);
    free(copy);

    destroy(b);
}


static void
test_proofs(void **state)
{
    size_t               i, n;
    uint8_t              digest[XR_SHA256_SIZE];
    xr_str_t             image;
    xr_table_t           table;
    xr_table_builder_t  *b;

    static const xr_str_t  secrets[] = {
        XR_STR("rotating-2026-10"), XR_STR("rotating-2026-11"), XR_STR("x")
    };

    (void) state;

    for (n = 0; n <= XR_COUNT(secrets); n++) {
        b = create();

        for (i = 0; i < n; i++) {
            assert_int_equal(xr_sha256(secrets[i], digest), XR_OK);
            assert_int_equal(xr_table_add_proof(b, digest, NULL), XR_OK);
        }

        assert_int_equal(add(b, &with_keys, NULL), XR_OK);
        assert_int_equal(xr_table_finish(b, 1, &image, NULL), XR_OK);
        assert_int_equal(xr_table_open(image, &table), XR_OK);
        assert_int_equal(table.nproofs, n);

        for (i = 0; i < XR_COUNT(secrets); i++) {
            assert_int_equal(xr_table_proves(&table, secrets[i]), i < n);
        }

        assert_false(xr_table_proves(&table, xr_str_of(NULL, 0)));
        assert_false(xr_table_proves(&table, xr_str("rotating-2026-1")));
        assert_false(xr_table_proves(&table, xr_str_of(digest,
                                                       sizeof(digest))));
        destroy(b);
    }
}


/*
 * All of this in one table, and what fails is tried again.  Returns how often
 * there was no memory.
 */

static const recipe_t  crowd[] = {
    { "two", "origin http://o.example;host two.example;audience a b;"
      "limit rate=1r/s class=gold;limit rate=1k/s", "k " K2,
      JWKS(JWK_EC("e", EC1_X, EC1_Y) "," JWK_RSA("r")), NULL },
    { "three", "origin http://o.example;audience c;host a.b c.d", NULL, EC1,
      EC3_PEM },
    { "four", NULL, K1, EC2, NULL }
};


static xr_rc_t
crowd_add(xr_table_builder_t *b, const recipe_t *r, xr_err_t *err)
{
    xr_rc_t           rc;
    xr_tenant_t       t;
    xr_test_mem_t     m;
    xr_credentials_t  c;

    xr_test_mem_init(&m, SIZE_MAX);
    make(&t, r, &m.mem);

    c = (xr_credentials_t) { XR_STR("AKID"), XR_STR(SECRET), XR_STR("") };
    assert_int_equal(xr_tenant_credentials(&t, &c, &m.mem, NULL), XR_OK);

    rc = xr_table_add(b, &t, err);

    xr_tenant_wipe(&t);
    xr_test_mem_free(&m);

    return rc;
}


static size_t
crowd_build(xr_table_builder_t *b, xr_str_t *image)
{
    char      name[32];
    size_t    i, n, failures;
    uint8_t   digest[XR_SHA256_SIZE];
    recipe_t  r;
    xr_err_t  err;

    failures = 0;

    for (i = 0; i < 30; i++) {
        snprintf(name, sizeof(name), "t%zu", i);
        r = (i < XR_COUNT(crowd)) ? crowd[i]
                                  : (recipe_t) { name, NULL, NULL, NULL, NULL };

        n = xr_table_count(b);

        while (crowd_add(b, &r, &err) != XR_OK) {
            assert_string_equal(err.what, "does not fit: out of memory");
            assert_int_equal(xr_table_count(b), n);
            failures++;
        }
    }

    memset(digest, 7, sizeof(digest));

    while (xr_table_add_proof(b, digest, &err) != XR_OK) {
        assert_string_equal(err.what, "out of memory");
        failures++;
    }

    if (xr_table_finish(b, 9, image, NULL) != XR_OK) {
        *image = xr_str_of(NULL, 0);
        failures++;
    }

    return failures;
}


/* Each allocation fails once, and makes no difference afterwards. */

static void
test_no_memory(void **state)
{
    size_t               i, total, unfinished;
    xr_str_t             image, wanted;
    xr_table_builder_t  *b;

    (void) state;

    b = create();
    assert_int_equal(crowd_build(b, &image), 0);
    wanted = xr_test_copy(image);
    total = allocations;
    destroy(b);

    allocations = 0;
    fail_at = 1;
    assert_null(xr_table_builder_create(&memory));

    unfinished = 0;

    for (i = 2; i <= total; i++) {
        b = create();
        fail_at = i;

        assert_int_equal(crowd_build(b, &image), 1);

        if (image.len == 0) {
            unfinished++;

        } else {
            assert_int_equal(image.len, wanted.len);
            assert_memory_equal(image.data, wanted.data, wanted.len);
        }

        destroy(b);
    }

    assert_true(unfinished <= 1);
    xr_test_copy_free(wanted);
}


/* Who gives up then leaves no secrets of a tenant that was half added. */

static void
test_given_up(void **state)
{
    size_t               i;
    xr_rc_t              rc;
    xr_err_t             err;
    xr_table_builder_t  *b;

    (void) state;

    i = 2;

    do {
        b = create();
        fail_at = i++;

        rc = crowd_add(b, &crowd[0], &err);
        assert_true(rc == XR_OK || rc == XR_NO_SPACE);
        assert_int_equal(xr_table_count(b), rc == XR_OK);

        destroy(b);
    } while (rc != XR_OK);

    assert_true(i > 8);
}


/* Memory for more than an xr_test_mem_t has blocks. */

typedef struct {
    uint8_t  p[16384];
    size_t   used;
} arena_t;


static void *
arena_alloc(void *ctx, size_t size)
{
    arena_t *a = ctx;

    void  *p;

    size = (size + 15) & ~(size_t) 15;
    assert_true(size <= sizeof(a->p) - a->used);

    p = a->p + a->used;
    memset(p, 0, size);
    a->used += size;

    return p;
}


static xr_rc_t
many_add(xr_table_builder_t *b, const char *name, const char *options,
    const char *key, xr_err_t *err)
{
    xr_mem_t     mem;
    recipe_t     r;
    xr_tenant_t  t;

    static _Alignas(16) arena_t  arena;

    arena.used = 0;
    mem = (xr_mem_t) { arena_alloc, &arena };
    r = (recipe_t) { name, options, key, NULL, NULL };

    make(&t, &r, &mem);

    return xr_table_add(b, &t, err);
}


static void
many_check(const xr_table_t *table)
{
    int   i;
    char  name[32], host[64];

    for (i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "t%d", i);
        assert_true(has(table, name));
        XR_CHECK_STR(owner(table, name), "", name);

        snprintf(host, sizeof(host), "t%d.assets.example", i);
        XR_CHECK_STR(owner(table, host), name, host);
        assert_false(has(table, host));

        snprintf(host, sizeof(host), "assets.t%d.example", i);
        XR_CHECK_STR(owner(table, host), name, host);

        snprintf(name, sizeof(name), "t%d", i + MANY);
        assert_false(has(table, name));

        snprintf(host, sizeof(host), "t%d.assets.example", i + MANY);
        XR_CHECK_STR(owner(table, host), "", host);
    }
}


static void
test_many(void **state)
{
    int                  i;
    char                 name[32], options[128], key[64];
    xr_err_t             err;
    xr_str_t             image;
    xr_table_t           table;
    xr_table_stats_t     stats;
    xr_table_builder_t  *b;

    (void) state;

    b = create();

    for (i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "t%d", i);
        snprintf(options, sizeof(options), "origin http://o.example;"
                 "host t%d.assets.example assets.t%d.example", i, i);
        snprintf(key, sizeof(key), "id %032x\n", i + 1);

        assert_int_equal(many_add(b, name, options, key, NULL), XR_OK);
    }

    for (i = 0; i < MANY; i += 97) {
        snprintf(name, sizeof(name), "t%d", i);
        assert_int_equal(many_add(b, name, NULL, NULL, &err), XR_INVALID);
        assert_string_equal(err.what, "is a duplicate tenant");

        snprintf(options, sizeof(options), "origin http://o.example;"
                 "host other.example assets.t%d.example", i);
        assert_int_equal(many_add(b, "other", options, NULL, &err),
                         XR_INVALID);
        assert_int_equal(err.pos, 1);

        snprintf(key, sizeof(key), "%032x", i + 1);
        assert_int_equal(many_add(b, "other", NULL, key, &err), XR_INVALID);
        assert_string_equal(err.what, taken);
    }

    assert_int_equal(xr_table_finish(b, 1, &image, &stats), XR_OK);
    assert_int_equal(xr_table_open(image, &table), XR_OK);

    assert_int_equal(table.n, MANY);
    assert_int_equal(stats.tenants, MANY);
    assert_int_equal(stats.bytes, image.len);
    assert_true(stats.payload < stats.bytes);
    assert_true((stats.bytes - stats.payload) / MANY < 200);

    many_check(&table);
    assert_false(has(&table, "other"));
    XR_CHECK_STR(owner(&table, "other.example"), "", "host");

    destroy(b);
}


/* What is counted as the tenant's own, byte by byte. */

static void
test_stats(void **state)
{
    xr_str_t             image;
    xr_table_stats_t     stats;
    xr_table_builder_t  *b;

    static const recipe_t  one = {
        "acme", "origin http://o.example/x;host a b;audience audience", K1,
        EC1, NULL
    };

    (void) state;

    b = create();
    assert_int_equal(add(b, &one, NULL), XR_OK);
    assert_int_equal(xr_table_finish(b, 1, &image, &stats), XR_OK);

    assert_int_equal(stats.tenants, 1);
    assert_int_equal(stats.bytes, image.len);
    assert_int_equal(stats.payload,
                     strlen("acme" "o.example" "/x" "ab" "audience" "e")
                     + sizeof(xr_hmac_t) + 64);

    destroy(b);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_look_up),
        cmocka_unit_test(test_replicas),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_secret_kinds),
        cmocka_unit_test(test_site),
        cmocka_unit_test(test_site_defaults),
        cmocka_unit_test(test_cors),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_epoch),
        cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_proofs),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_stats)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
