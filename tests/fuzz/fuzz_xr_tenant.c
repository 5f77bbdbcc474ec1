/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_tenant_table.h"


/*
 * The first line is the tenant's name and, after a blank, how many bytes of
 * memory there are.  Options follow, one to a line, words separated by single
 * blanks; an empty line, the key file; an empty line, the credentials file.
 */

#define WORDS_MAX  64


typedef struct {
    max_align_t  area[2048];
    size_t       used;
    size_t       size;                  /* of what may be used */
} arena_t;


static arena_t  arena;


static void *
arena_alloc(void *ctx, size_t size)
{
    void     *p;
    arena_t  *a;

    a = ctx;
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t);

    if (size > a->size - a->used) {
        return NULL;
    }

    p = &a->area[a->used];
    memset(p, 0, size * sizeof(max_align_t));
    a->used += size;

    return p;
}


static void
arena_init(xr_str_t size)
{
    uint64_t  n;

    arena.used = 0;
    arena.size = XR_COUNT(arena.area);

    if (xr_str_uint(&size, &n) == XR_OK && n < sizeof(arena.area)) {
        arena.size = (size_t) n / sizeof(max_align_t);
    }
}


/* Nothing of a tenant points to what the options were read from. */

static void
check_own(xr_str_t s)
{
    assert(xr_fuzz_within(s, xr_str_of(arena.area, sizeof(arena.area))));
}


static void
check_origin(const xr_tenant_t *t)
{
    if (!t->has_origin) {
        return;
    }

    check_own(t->origin.host);
    check_own(t->origin.endpoint);
    check_own(t->origin.base);

    if (t->origin.kind == XR_ORIGIN_S3) {
        check_own(t->origin.bucket);
        check_own(t->origin.region);
        assert(t->origin.bucket.len > 0 && t->origin.region.len > 0);
    }

    assert(t->origin.port != 0 && t->origin.endpoint.len > 0);
}


static void
check_cors(const xr_tenant_t *t)
{
    size_t    i;
    xr_str_t  origin;

    assert(t->ncors_origins <= XR_TENANT_ORIGINS);
    assert(t->ncors_origins == 0 || t->cors == XR_CORS_LIST);

    for (i = 0; i < t->ncors_origins; i++) {
        origin = t->cors_origins[i];

        check_own(origin);
        assert(xr_str_starts(origin, xr_str("http://"))
               || xr_str_starts(origin, xr_str("https://")));
        assert(xr_tenant_cors_allows(t, origin));
    }

    assert(xr_tenant_cors_allows(t, xr_str("null"))
           == (t->cors == XR_CORS_ANY));
}


static void
check(const xr_tenant_t *t)
{
    size_t  i;

    check_own(t->name);
    assert(xr_tenant_name_ok(t->name));

    assert(t->nhosts <= XR_TENANT_HOSTS);

    for (i = 0; i < t->nhosts; i++) {
        check_own(t->hosts[i]);
        assert(t->hosts[i].len > 0 && t->hosts[i].len <= 253);
        assert(xr_str_find(t->hosts[i], ':') == t->hosts[i].len);
    }

    check_origin(t);
    check_cors(t);

    check_own(t->upstream);
    check_own(t->credentials_file);
    check_own(t->profile);
    check_own(t->keys_file);
    check_own(t->cache_control);

    for (i = 0; i < t->cache_control.len; i++) {
        assert(t->cache_control.data[i] >= 0x20
               && t->cache_control.data[i] < 0x7f);
    }

    assert(!t->keys_none || t->keys_file.len == 0);
    assert(t->limits.leeway >= 0 && t->limits.leeway <= 60);
    assert(t->limits.max_lifetime >= 0
           && t->limits.max_lifetime <= 3650LL * 86400);
}


static void
check_failure(xr_rc_t rc, const xr_err_t *err)
{
    assert(rc == XR_INVALID || rc == XR_NO_SPACE);
    assert(err->what != NULL && err->what[0] != '\0');
}


/* Words are copies of exact size, gone when the option has been applied. */

static void
apply(xr_tenant_t *t, xr_str_t line, const xr_mem_t *mem)
{
    size_t    i, n;
    xr_rc_t   rc;
    xr_str_t  word, words[WORDS_MAX];
    xr_err_t  err;

    n = 0;

    do {
        word = xr_str_cut(&line, ' ');
        words[n++] = xr_fuzz_copy(word.data, word.len);
    } while (line.len > 0 && n < WORDS_MAX);

    err = (xr_err_t) { NULL, SIZE_MAX };
    rc = xr_tenant_option(t, words, n, mem, &err);

    if (rc != XR_OK) {
        check_failure(rc, &err);
        assert(err.pos < n);
    }

    for (i = 0; i < n; i++) {
        xr_fuzz_free(words[i]);
    }

    check(t);
}


/* Returns what follows the key file. */

static xr_str_t
read_keys(xr_tenant_t *t, xr_str_t rest, const xr_mem_t *mem)
{
    size_t    n;
    xr_rc_t   rc;
    xr_err_t  err;
    xr_str_t  keys;

    for (n = 0; n < rest.len; n++) {

        if (n > 0 && rest.data[n] == '\n' && rest.data[n - 1] == '\n') {
            break;
        }
    }

    keys = xr_str_of(rest.data, n);
    err = (xr_err_t) { NULL, SIZE_MAX };

    if (t->keys_file.len > 0) {
        rc = xr_tenant_keys(t, keys, mem, &err);

        if (rc != XR_OK) {
            check_failure(rc, &err);
            assert(err.pos <= keys.len && t->keys.n == 0);
        }
    }

    return xr_str_of(rest.data + n, rest.len - n);
}


static void
read_credentials(xr_tenant_t *t, xr_str_t text, const xr_mem_t *mem)
{
    xr_rc_t   rc;
    xr_err_t  err;

    if (t->credentials_file.len == 0) {
        return;
    }

    err = (xr_err_t) { NULL, SIZE_MAX };
    rc = xr_tenant_credentials(t, text, mem, &err);

    if (rc == XR_OK) {
        check_own(t->credentials.access_key);
        check_own(t->credentials.secret_key);
        check_own(t->credentials.session_token);

        return;
    }

    assert(rc == XR_INVALID || rc == XR_NOT_FOUND || rc == XR_NO_SPACE);
    assert(err.what != NULL && err.pos <= text.len);
}


/* What is finished can be used; what the table refuses is not in it. */

static void
check_table(xr_tenant_t *t, const xr_mem_t *mem)
{
    size_t             i;
    xr_rc_t            rc;
    xr_err_t           err;
    xr_tenant_t       *found;
    xr_tenant_table_t  table;

    memset(&table, 0, sizeof(table));
    err = (xr_err_t) { NULL, SIZE_MAX };

    rc = xr_tenant_table_add(&table, t, mem, &err);
    found = (rc == XR_OK) ? t : NULL;

    assert(table.n == (rc == XR_OK ? 1 : 0));
    assert(xr_tenant_table_by_name(&table, t->name) == found);

    for (i = 0; i < t->nhosts; i++) {
        assert(xr_tenant_table_by_host(&table, t->hosts[i]) == found);
    }

    if (rc == XR_OK) {
        assert(xr_tenant_table_add(&table, t, mem, NULL) == XR_INVALID);

    } else {
        check_failure(rc, &err);
        assert(err.pos == 0 || err.pos < t->nhosts);
    }
}


static void
finish(xr_tenant_t *t, const xr_mem_t *mem)
{
    xr_rc_t   rc;
    xr_err_t  err;

    err = (xr_err_t) { NULL, SIZE_MAX };
    rc = xr_tenant_finish(t, &err);

    if (rc != XR_OK) {
        check_failure(rc, &err);
        return;
    }

    assert(t->has_origin);
    assert(t->keys_none || t->keys.n > 0);
    assert((t->origin.kind == XR_ORIGIN_S3)
           == (t->credentials.secret_key.len > 0));

    check_table(t, mem);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xr_rc_t      rc;
    xr_err_t     err;
    xr_mem_t     mem;
    xr_str_t     rest, line, name;
    xr_tenant_t  t;

    rest = xr_str_of(data, size);
    line = xr_str_cut(&rest, '\n');
    name = xr_str_cut(&line, ' ');

    arena_init(line);
    mem = (xr_mem_t) { arena_alloc, &arena };
    err = (xr_err_t) { NULL, SIZE_MAX };

    rc = xr_tenant_init(&t, name, &mem, &err);

    if (rc != XR_OK) {
        check_failure(rc, &err);
        assert(err.pos == 0);
        xr_tenant_free(&t);

        return 0;
    }

    while (rest.len > 0) {
        line = xr_str_cut(&rest, '\n');

        if (line.len == 0) {
            break;
        }

        apply(&t, line, &mem);
    }

    rest = read_keys(&t, rest, &mem);
    read_credentials(&t, rest, &mem);
    finish(&t, &mem);

    xr_tenant_free(&t);

    return 0;
}
