/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_table.h"
#include "xr_tenants.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>


/*
 * Measures a tenants file of many tenants: how long it takes from its text to
 * a table that can be used, what that costs in memory, and how fast tenants
 * are found in it.  One thread; prints JSON.
 *
 *     tenants [NUMBER OF TENANTS]
 */

#define TENANTS       100000
#define ROUNDS        5                 /* the median counts */
#define LOOKUPS       ((size_t) 4096 * BATCH)
#define BATCH         512
#define TENANT_TEXT   1024              /* bytes of one, at most */
#define ARENA_SIZE    ((size_t) 256 << 10)
#define EC_SIZE       32                /* of a coordinate */


typedef struct {
    char    *data;
    size_t   len;
    size_t   size;
} text_t;


typedef struct {
    char  name[24];
    char  host[48];
} tenant_t;


typedef struct {
    uint8_t  *data;
    size_t    used;
} arena_t;


typedef struct {
    arena_t              arena;
    xr_table_builder_t  *builder;
    size_t               payload;       /* as the operator counts it */
} load_t;


typedef struct {
    double            seconds;
    double            cpu_seconds;
    size_t            payload;
    xr_table_stats_t  stats;
} result_t;


static void
fail(const char *what)
{
    fprintf(stderr, "tenants: %s\n", what);
    exit(EXIT_FAILURE);
}


static void *
allocate(size_t size)
{
    void  *p;

    p = malloc(size);

    if (p == NULL) {
        fail("out of memory");
    }

    return p;
}


static double
now(clockid_t clock)
{
    struct timespec  ts;

    (void) clock_gettime(clock, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


/* The same sequence in each run. */

static uint32_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;

    return (uint32_t) (*state >> 32);
}


__attribute__((format(printf, 2, 3)))
static void
text_add(text_t *text, const char *format, ...)
{
    int      n;
    va_list  args;

    va_start(args, format);
    n = vsnprintf(text->data + text->len, text->size - text->len, format,
                  args);
    va_end(args);

    if (n < 0 || (size_t) n >= text->size - text->len) {
        fail("the text is larger than planned");
    }

    text->len += (size_t) n;
}


static void
text_add_base64url(text_t *text, const uint8_t *p, size_t len)
{
    uint8_t   memory[XR_BASE64_ENCODED(EC_SIZE)];
    xr_buf_t  b;

    b = xr_buf(memory, sizeof(memory));
    xr_buf_base64url(&b, xr_str_of(p, len));
    text_add(text, "%.*s", (int) b.len, (const char *) memory);
}


static void
text_add_jwks(text_t *text)
{
    size_t     len;
    uint8_t    point[1 + 2 * EC_SIZE];
    EVP_PKEY  *key;

    key = EVP_EC_gen("P-256");

    if (key == NULL
        || EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point,
                                           sizeof(point), &len) != 1
        || len != sizeof(point) || point[0] != 4)
    {
        fail("no EC key could be made");
    }

    EVP_PKEY_free(key);

    text_add(text, ",\n      \"jwks\": {\"keys\": [{\"kty\": \"EC\", "
             "\"crv\": \"P-256\", \"kid\": \"2026-11\", \"x\": \"");
    text_add_base64url(text, point + 1, EC_SIZE);
    text_add(text, "\", \"y\": \"");
    text_add_base64url(text, point + 1 + EC_SIZE, EC_SIZE);
    text_add(text, "\"}]}");
}


static void
text_add_tenant(text_t *text, tenant_t *t, size_t i, uint64_t *random)
{
    snprintf(t->name, sizeof(t->name), "team-%06zu-%04x", i,
             next_random(random) & 0xffff);
    snprintf(t->host, sizeof(t->host), "%s.assets.example", t->name);

    text_add(text, "%s\n    \"%s\": {\n      \"hosts\": [\"%s\"],\n"
             "      \"origin\": \"s3://xr-assets/%s\",\n"
             "      \"region\": \"eu-central-1\",\n"
             "      \"endpoint\": \"https://s3.eu-central-1.example\",\n"
             "      \"credentials\": {\"access_key_id\": \"AKIA%08X%08X\",\n"
             "        \"secret_access_key\": \"%08x%08x%08x%08x%08x\"},\n"
             "      \"keys\": [{\"id\": \"2026-11\", "
             "\"key\": \"%08x%08x%08x%08x%08x%08x%08x%08x\"}]",
             (i == 0) ? "" : ",", t->name, t->host, t->name,
             next_random(random), next_random(random), next_random(random),
             next_random(random), next_random(random), next_random(random),
             next_random(random), next_random(random), next_random(random),
             next_random(random), next_random(random), next_random(random),
             next_random(random), next_random(random), next_random(random));

    if (i % 10 == 0) {
        text_add_jwks(text);
    }

    text_add(text, "\n    }");
}


static void
text_make(text_t *text, tenant_t *tenants, size_t n)
{
    size_t    i;
    uint64_t  random;

    text->size = n * TENANT_TEXT + TENANT_TEXT;
    text->data = allocate(text->size);
    text->len = 0;
    random = 88172645463325252u;

    text_add(text, "{\n  \"tenants\": {");

    for (i = 0; i < n; i++) {
        text_add_tenant(text, &tenants[i], i, &random);
    }

    text_add(text, "\n  }\n}\n");
}


static void *
arena_alloc(void *ctx, size_t size)
{
    load_t *load = ctx;

    void  *p;

    size = (size + 15) & ~(size_t) 15;

    if (size > ARENA_SIZE - load->arena.used) {
        return NULL;
    }

    p = load->arena.data + load->arena.used;
    load->arena.used += size;

    return p;
}


static void
arena_reset(void *ctx)
{
    load_t *load = ctx;

    xr_wipe(load->arena.data, load->arena.used);
    load->arena.used = 0;
}


/* Strings as they were given, and the bytes of keys: 32, or a point. */

static size_t
payload_of(const xr_tenant_t *t)
{
    size_t  i, n;

    n = t->name.len + t->hosts[0].len + t->origin.host.len
        + t->origin.base.len + t->origin.region.len
        + t->credentials.access_key.len + t->credentials.secret_key.len;

    for (i = 0; i < t->keys.n; i++) {
        n += t->keys.keys[i].id.len
             + (t->keys.keys[i].hmac != NULL ? 32 : 2 * EC_SIZE);
    }

    return n;
}


static xr_rc_t
load_tenant(void *ctx, xr_tenant_t *t, xr_err_t *err)
{
    load_t *load = ctx;

    xr_rc_t  rc;

    rc = xr_tenant_finish(t, err);

    if (rc == XR_OK) {
        load->payload += payload_of(t);
        rc = xr_table_add(load->builder, t, err);
    }

    return rc;
}


static xr_table_builder_t *
load(const text_t *text, arena_t arena, xr_table_t *table, result_t *result)
{
    load_t               ctx;
    double               wall, cpu;
    xr_str_t             in, image;
    xr_err_t             err;
    xr_tenant_t         *t;
    xr_table_memory_t    memory;
    xr_tenants_reader_t  reader;

    ctx = (load_t) { arena, NULL, 0 };
    memory = (xr_table_memory_t) { malloc, free };
    in = xr_str_of(text->data, text->len);
    t = allocate(sizeof(xr_tenant_t));

    reader = (xr_tenants_reader_t) {
        .mem = { arena_alloc, &ctx }, .reset = arena_reset,
        .tenant = load_tenant, .ctx = &ctx
    };

    wall = now(CLOCK_MONOTONIC);
    cpu = now(CLOCK_PROCESS_CPUTIME_ID);

    ctx.builder = xr_table_builder_create(&memory);

    if (ctx.builder == NULL) {
        fail("out of memory");
    }

    if (xr_tenants_read(in, t, &reader, &err) != XR_OK) {
        fprintf(stderr, "line %zu: ", xr_str_line(in, err.pos));
        fail(err.what);
    }

    if (xr_table_finish(ctx.builder, 1, &image, &result->stats) != XR_OK
        || xr_table_open(image, table) != XR_OK)
    {
        fail("the table could not be finished");
    }

    result->cpu_seconds = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    result->seconds = now(CLOCK_MONOTONIC) - wall;
    result->payload = ctx.payload;

    free(t);

    return ctx.builder;
}


static int
by_cpu(const void *a, const void *b)
{
    double  x, y;

    x = ((const result_t *) a)->cpu_seconds;
    y = ((const result_t *) b)->cpu_seconds;

    return (x > y) - (x < y);
}


/*
 * Look-ups per second of processor time, in random order.  What is looked for
 * was copied just before, as a server has just read it from a request.
 */

static double
look_up(const xr_table_t *table, const tenant_t *tenants, size_t n, bool hosts)
{
    double           cpu;
    size_t           i, k, found;
    uint64_t         random;
    xr_str_t         names[BATCH];
    xr_site_t        site;
    const tenant_t  *t;

    static char  copies[BATCH][sizeof(tenants->host)];

    random = 88172645463325252u;
    found = 0;
    cpu = 0;

    for (i = 0; i < LOOKUPS; i += BATCH) {

        for (k = 0; k < BATCH; k++) {
            t = &tenants[next_random(&random) % n];
            snprintf(copies[k], sizeof(copies[k]), "%s",
                     hosts ? t->host : t->name);
            names[k] = xr_str(copies[k]);
        }

        cpu -= now(CLOCK_PROCESS_CPUTIME_ID);

        for (k = 0; k < BATCH; k++) {
            found += (hosts ? xr_table_by_host : xr_table_by_name)
                     (table, names[k], &site) == XR_OK;
        }

        cpu += now(CLOCK_PROCESS_CPUTIME_ID);
    }

    if (found != LOOKUPS) {
        fail("a tenant was not found");
    }

    return (double) LOOKUPS / cpu;
}


static void
print(const text_t *text, const result_t *r, double names, double hosts)
{
    double  n;

    n = (double) r->stats.tenants;

    printf("{\"tenants\": %zu, \"text_bytes\": %zu, \"image_bytes\": %zu,\n"
           " \"load_seconds\": %.3f, \"load_cpu_seconds\": %.3f,\n"
           " \"bytes_per_tenant\": %.1f, \"overhead_per_tenant\": %.1f,\n"
           " \"overhead_with_prepared_keys\": %.1f,\n"
           " \"names_per_second\": %.0f, \"hosts_per_second\": %.0f}\n",
           r->stats.tenants, text->len, r->stats.bytes, r->seconds,
           r->cpu_seconds, (double) r->stats.bytes / n,
           (double) (r->stats.bytes - r->stats.payload) / n,
           (double) (r->stats.bytes - r->payload) / n, names, hosts);
}


int
main(int argc, char *argv[])
{
    size_t               i, n;
    double               names, hosts;
    text_t               text;
    arena_t              arena;
    result_t             results[ROUNDS];
    tenant_t            *tenants;
    xr_table_t           table;
    xr_table_builder_t  *builder;

    n = (argc > 1) ? strtoul(argv[1], NULL, 10) : TENANTS;

    if (n == 0 || n > 1000000) {
        fail("the number of tenants is not from 1 to 1000000");
    }

    tenants = allocate(n * sizeof(tenant_t));
    text_make(&text, tenants, n);

    arena.data = allocate(ARENA_SIZE);
    arena.used = 0;
    memset(arena.data, 0, ARENA_SIZE);

    builder = NULL;

    for (i = 0; i < ROUNDS; i++) {
        xr_table_builder_free(builder);
        builder = load(&text, arena, &table, &results[i]);
    }

    qsort(results, ROUNDS, sizeof(result_t), by_cpu);

    names = look_up(&table, tenants, n, false);
    hosts = look_up(&table, tenants, n, true);

    print(&text, &results[ROUNDS / 2], names, hosts);

    xr_table_builder_free(builder);
    free(arena.data);
    free(text.data);
    free(tenants);

    return EXIT_SUCCESS;
}
