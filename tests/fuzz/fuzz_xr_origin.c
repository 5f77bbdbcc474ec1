/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_origin.h"
#include "xr_path.h"


/* Lines: URL, region, endpoint, style; what follows is a key. */


typedef struct {
    max_align_t  area[512];
    size_t       used;
} arena_t;


static void *
arena_alloc(void *ctx, size_t size)
{
    void     *p;
    arena_t  *a;

    a = ctx;
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t);

    if (a->used + size > XR_COUNT(a->area)) {
        return NULL;
    }

    p = &a->area[a->used];
    memset(p, 0, size * sizeof(max_align_t));
    a->used += size;

    return p;
}


static void
check_host(const xr_origin_t *o)
{
    size_t   i;
    uint8_t  c;

    assert(o->port != 0);
    assert(o->endpoint.len > 0 && o->host.len >= o->endpoint.len);

    for (i = 0; i < o->host.len; i++) {
        c = o->host.data[i];

        assert((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
               || strchr("-._:[]", c) != NULL);
    }

    if (o->kind == XR_ORIGIN_S3) {
        assert(o->bucket.len >= 3 && o->bucket.len <= 63);
        assert(o->region.len > 0);

    } else {
        assert(o->bucket.len == 0 && o->region.len == 0);
    }
}


static void
check_path(const xr_origin_t *o, xr_str_t key)
{
    uint8_t   *p;
    size_t     size;
    xr_buf_t   b;

    if (o->base.len > 0) {
        assert(o->base.data[0] == '/');
        assert(o->base.data[o->base.len - 1] != '/');
        assert(xr_path_check(o->base, NULL) == XR_OK);
    }

    size = xr_origin_path_size(o, key);
    p = malloc(size);
    assert(p != NULL);

    b = xr_buf(p, size);
    xr_origin_path(o, key, &b);

    assert(xr_buf_ok(&b));
    assert(xr_str_starts(xr_buf_str(&b), o->base));

    free(p);
}


/* What was read, written out again, reads as the same. */

static void
check_again(const xr_origin_t *o)
{
    uint8_t      memory[4096];
    arena_t      arena;
    xr_buf_t     b;
    xr_mem_t     mem;
    xr_origin_t  again;

    if (o->kind != XR_ORIGIN_HTTP) {
        return;
    }

    arena.used = 0;
    mem = (xr_mem_t) { arena_alloc, &arena };

    b = xr_buf(memory, sizeof(memory));
    xr_buf_puts(&b, o->tls ? "https://" : "http://");
    xr_buf_put(&b, o->host);
    xr_buf_put(&b, o->base);

    if (!xr_buf_ok(&b)
        || o->base.len > 1024)          /* escapes have made it too long */
    {
        return;
    }

    assert(xr_origin_parse(xr_buf_str(&b), xr_str(""), xr_str(""), xr_str(""),
                           &mem, &again, NULL)
           == XR_OK);

    assert(again.port == o->port && again.tls == o->tls);
    assert(xr_str_eq(again.host, o->host));
    assert(xr_str_eq(again.endpoint, o->endpoint));
    assert(xr_str_eq(again.base, o->base));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xr_rc_t      rc;
    arena_t      arena;
    xr_err_t     err;
    xr_mem_t     mem;
    xr_str_t     rest, url, region, endpoint, style;
    xr_origin_t  o;

    arena.used = 0;
    mem = (xr_mem_t) { arena_alloc, &arena };

    rest = xr_str_of(data, size);
    url = xr_str_cut(&rest, '\n');
    region = xr_str_cut(&rest, '\n');
    endpoint = xr_str_cut(&rest, '\n');
    style = xr_str_cut(&rest, '\n');

    url = xr_fuzz_copy(url.data, url.len);
    err.what = NULL;

    rc = xr_origin_parse(url, region, endpoint, style, &mem, &o, &err);

    if (rc == XR_OK) {
        check_host(&o);
        check_path(&o, rest);
        check_again(&o);

    } else {
        assert(rc == XR_INVALID || rc == XR_NO_SPACE);
        assert(err.what != NULL && err.pos <= url.len);
    }

    xr_fuzz_free(url);

    return 0;
}
