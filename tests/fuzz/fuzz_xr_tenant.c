/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "tenant.h"


/*
 * The first line is the tenant's name and, after blanks, how many bytes of
 * memory there are and which allocation of the table fails.  Options follow,
 * one to a line, words separated by single blanks; then, each behind an empty
 * line, the files in the order in which they were named.
 */

#define WORDS_MAX  64


static xr_fuzz_arena_t  arena;
static uint64_t         allocations;    /* until one fails */


static void *
table_alloc(size_t size)
{
    return (allocations-- == 1) ? NULL : malloc(size);
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

    xr_fuzz_tenant_check(&arena, t);
}


/* Everything up to an empty line, which is dropped. */

static xr_str_t
take_section(xr_str_t *rest)
{
    size_t    n;
    xr_str_t  section;

    section = *rest;

    for (n = 0; n < rest->len; n++) {

        if (rest->data[n] == '\n' && (n == 0 || rest->data[n - 1] == '\n')) {
            section.len = n;
            *rest = xr_str_of(rest->data + n + 1, rest->len - n - 1);

            return section;
        }
    }

    *rest = xr_str_of(NULL, 0);

    return section;
}


static void
on_note(void *ctx, size_t pos, const char *what)
{
    size_t *len = ctx;

    assert(pos <= *len && what != NULL);
}


static void
read_files(xr_tenant_t *t, xr_str_t rest, const xr_mem_t *mem)
{
    size_t      i, n, len;
    xr_rc_t     rc;
    xr_err_t    err;
    xr_str_t    text, copy;
    xr_notes_t  notes;

    for (i = 0; i < t->nfiles; i++) {
        text = take_section(&rest);
        copy = xr_fuzz_copy(text.data, text.len);

        len = text.len;
        notes = (xr_notes_t) { on_note, &len };
        n = t->keys.n;
        err = (xr_err_t) { NULL, SIZE_MAX };

        rc = xr_tenant_file(t, i, copy, mem, &notes, &err);

        if (rc != XR_OK) {
            assert(rc == XR_INVALID || rc == XR_NOT_FOUND || rc == XR_NO_SPACE
                   || rc == XR_DENIED);
            assert(err.what != NULL && err.pos <= text.len);
            assert(t->keys.n == n);
        }

        xr_fuzz_free(copy);
        xr_fuzz_tenant_check(&arena, t);
    }
}


/* What is finished can be used; what the table refuses is not in it. */

static void
check_table(const xr_tenant_t *t, xr_table_builder_t *b)
{
    size_t      i;
    xr_rc_t     rc, wanted;
    xr_err_t    err;
    xr_str_t    image;
    xr_site_t   site;
    xr_table_t  table;

    err = (xr_err_t) { NULL, SIZE_MAX };
    rc = xr_table_add(b, t, &err);

    if (rc == XR_OK) {
        assert(xr_table_add(b, t, NULL) == XR_INVALID);

    } else {
        check_failure(rc, &err);
        assert(err.pos == 0 || err.pos < t->nhosts);
    }

    assert(xr_table_count(b) == (rc == XR_OK ? 1 : 0));

    if (xr_table_finish(b, 1, &image, NULL) != XR_OK) {
        return;
    }

    wanted = (rc == XR_OK) ? XR_OK : XR_NOT_FOUND;

    assert(xr_table_open(image, &table) == XR_OK);
    assert(xr_table_by_name(&table, t->name, &site) == wanted);

    if (rc == XR_OK) {
        xr_fuzz_site_check(&site, t);
    }

    for (i = 0; i < t->nhosts; i++) {
        assert(xr_table_by_host(&table, t->hosts[i], &site) == wanted);
    }
}


static void
finish(const xr_tenant_t *t, xr_str_t fail)
{
    xr_rc_t              rc;
    xr_err_t             err;
    xr_table_builder_t  *b;

    static const xr_table_memory_t  memory = { table_alloc, free };

    err = (xr_err_t) { NULL, SIZE_MAX };
    rc = xr_tenant_finish(t, &err);

    if (rc != XR_OK) {
        check_failure(rc, &err);
        return;
    }

    assert(t->has_origin);
    assert(t->keys_none == (t->keys.n == 0));
    assert((t->origin.kind == XR_ORIGIN_S3)
           == (t->credentials.secret_key.len > 0));

    if (xr_str_uint(&fail, &allocations) != XR_OK) {
        allocations = 0;
    }

    b = xr_table_builder_create(&memory);

    if (b != NULL) {
        check_table(t, b);
        xr_table_builder_free(b);
    }
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

    xr_fuzz_arena_init(&arena, xr_str_cut(&line, ' '));
    mem = (xr_mem_t) { xr_fuzz_arena_alloc, &arena };
    err = (xr_err_t) { NULL, SIZE_MAX };

    rc = xr_tenant_init(&t, name, &mem, &err);

    if (rc != XR_OK) {
        check_failure(rc, &err);
        assert(err.pos == 0);
        xr_tenant_wipe(&t);

        return 0;
    }

    name = take_section(&rest);

    while (name.len > 0) {
        apply(&t, xr_str_cut(&name, '\n'), &mem);
    }

    read_files(&t, rest, &mem);
    finish(&t, line);

    xr_tenant_wipe(&t);

    return 0;
}
