/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "tenant.h"

#include "xr_tenants.h"


/*
 * A tenants file; a line in front of it that starts with "#" says how many
 * bytes of memory there are for each tenant.  Files that tenants name are not
 * there.
 */

typedef struct {
    xr_str_t             text;
    xr_table_builder_t  *builder;
    size_t               tenants;
    size_t               resets;
    bool                 refused;
} reading_t;


static xr_fuzz_arena_t  arena;


/* What a table has of a tenant is right as soon as it is there. */

static void
check_alone(const xr_tenant_t *t)
{
    xr_str_t             image;
    xr_site_t            site;
    xr_table_t           table;
    xr_table_builder_t  *b;

    static const xr_table_memory_t  memory = { malloc, free };

    b = xr_table_builder_create(&memory);
    assert(b != NULL);

    if (xr_table_add(b, t, NULL) == XR_OK) {
        assert(xr_table_finish(b, 1, &image, NULL) == XR_OK);
        assert(xr_table_open(image, &table) == XR_OK);
        assert(xr_table_by_name(&table, t->name, &site) == XR_OK);
        xr_fuzz_site_check(&site, t);
    }

    xr_table_builder_free(b);
}


static xr_rc_t
on_tenant(void *ctx, xr_tenant_t *t, xr_err_t *err)
{
    reading_t *r = ctx;

    xr_rc_t  rc;

    r->tenants++;
    xr_fuzz_tenant_check(&arena, t);

    if (xr_tenant_finish(t, NULL) != XR_OK) {
        return XR_OK;
    }

    check_alone(t);

    rc = xr_table_add(r->builder, t, err);
    r->refused = rc != XR_OK;

    return rc;
}


static void
on_reset(void *ctx)
{
    reading_t *r = ctx;

    r->resets++;
    arena.used = 0;
}


static void
on_note(void *ctx, size_t pos, const char *what)
{
    reading_t *r = ctx;

    assert(pos < r->text.len && what != NULL);
}


/* All tenants of a text that is right were told of. */

static void
check_count(const reading_t *r)
{
    size_t          n;
    xr_json_t       root, tenants, name, value;
    xr_json_iter_t  it;

    static const xr_json_limits_t  limits = { XR_JSON_MAX_DEPTH, 0 };

    assert(xr_json_check(r->text, &limits, &root, NULL) == XR_OK);
    assert(xr_json_get(&root, xr_str("tenants"), &tenants) == XR_OK);
    assert(tenants.type == XR_JSON_OBJECT);

    it = xr_json_iter(&tenants);

    for (n = 0; xr_json_next(&it, &name, &value); n++) {
        assert(value.type == XR_JSON_OBJECT);
    }

    assert(n == r->tenants && n == r->resets);
}


static void
check_table(const reading_t *r)
{
    xr_str_t    image;
    xr_table_t  table;

    assert(xr_table_finish(r->builder, 1, &image, NULL) == XR_OK);
    assert(xr_table_open(image, &table) == XR_OK);
    assert(table.n == xr_table_count(r->builder));
    assert(table.n <= r->tenants);
}


static void
read_text(xr_str_t text)
{
    xr_rc_t              rc;
    xr_err_t             err;
    reading_t            r;
    xr_tenant_t          t;
    xr_tenants_reader_t  reader;

    static const xr_table_memory_t  memory = { malloc, free };

    r = (reading_t) { .text = text };
    r.builder = xr_table_builder_create(&memory);
    assert(r.builder != NULL);

    reader = (xr_tenants_reader_t) {
        { xr_fuzz_arena_alloc, &arena }, on_reset, on_tenant, on_note, &r
    };

    err = (xr_err_t) { NULL, SIZE_MAX };
    rc = xr_tenants_read(text, &t, &reader, &err);

    assert(arena.used == 0);

    if (rc == XR_OK) {
        assert(!r.refused);
        check_count(&r);

    } else {
        assert(rc == XR_INVALID || rc == XR_NO_SPACE || rc == XR_DENIED);
        assert(err.what != NULL && err.what[0] != '\0');
        assert(err.pos <= text.len);
        assert(r.tenants <= r.resets && r.resets <= r.tenants + 1);
    }

    check_table(&r);
    xr_table_builder_free(r.builder);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xr_str_t  rest, line, text;

    rest = xr_str_of(data, size);
    line = xr_str_of(NULL, 0);

    if (size > 0 && data[0] == '#') {
        line = xr_str_cut(&rest, '\n');
        line = xr_str_of(line.data + 1, line.len - 1);
    }

    xr_fuzz_arena_init(&arena, line);

    text = xr_fuzz_copy(rest.data, rest.len);
    read_text(text);
    xr_fuzz_free(text);

    return 0;
}
