/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_path.h"
#include "xr_revoked.h"
#include "xr_tenant.h"


#define FUZZ_NOW  1767225600


static const uint8_t  fuzz_key[XR_SIPHASH_KEY_SIZE] = "0123456789abcdef";


/* The hash of an entry as a whole. */

static uint64_t
fuzz_hash(const uint8_t key_of[XR_SIPHASH_KEY_SIZE], xr_str_t tenant,
    xr_revoked_kind_t kind, xr_str_t value)
{
    return xr_revoked_join(xr_revoked_tenant(key_of, tenant),
                           xr_revoked_what(key_of, kind, value));
}


static xr_str_t
fuzz_word(xr_str_t *s)
{
    size_t    n;
    xr_str_t  word;

    *s = xr_str_trim(*s);

    for (n = 0; n < s->len && s->data[n] != ' ' && s->data[n] != '\t'; n++) {
        /* void */
    }

    word = xr_str_of(s->data, n);
    *s = xr_str_of(s->data + n, s->len - n);

    return word;
}


/* What is written of a line reads the same. */

static void
fuzz_put(xr_str_t s)
{
    char               room[XR_REVOKED_LINE_MAX];
    uint8_t            memory[XR_REVOKED_VALUE_MAX];
    uint8_t            again[XR_REVOKED_VALUE_MAX];
    xr_buf_t           b;
    xr_revoked_line_t  line, read;

    assert(xr_revoked_parse(s, memory, &line, NULL) == XR_OK);

    b = xr_buf(room, sizeof(room));
    xr_revoked_put(&line, &b);

    assert(xr_buf_ok(&b));
    assert(xr_revoked_parse(xr_buf_str(&b), again, &read, NULL) == XR_OK);
    assert(xr_str_eq(read.tenant, line.tenant) && read.kind == line.kind);
    assert(xr_str_eq(read.value, line.value) && read.until == line.until);
}


/* A line of a list that was taken: it is revoked as long as it says. */

static void
fuzz_line(const xr_revoked_t *r, xr_str_t line)
{
    int        kind;
    uint8_t    memory[XR_REVOKED_VALUE_MAX];
    uint64_t   until, hash;
    xr_buf_t   value;
    xr_str_t   tenant, name, raw, time;

    tenant = fuzz_word(&line);
    name = fuzz_word(&line);
    raw = fuzz_word(&line);
    time = fuzz_word(&line);

    assert(xr_tenant_name_ok(tenant) || xr_str_eq(tenant, xr_str("*")));

    kind = xr_str_eq(name, xr_str("sub")) ? XR_REVOKED_SUBJECT
           : xr_str_eq(name, xr_str("jti")) ? XR_REVOKED_TOKEN
                                            : XR_REVOKED_KEY;

    assert(xr_str_eq(name, xr_revoked_name((xr_revoked_kind_t) kind)));
    assert(raw.len > 0 && !xr_str_has_control(raw));

    value = xr_buf(memory, sizeof(memory));
    assert(xr_path_decode(raw, &value, NULL) == XR_OK);

    hash = fuzz_hash(fuzz_key, tenant, (xr_revoked_kind_t) kind,
                           xr_buf_str(&value));
    assert(hash != 0);

    if (time.len == 0) {
        assert(xr_revoked_has(r, hash, INT64_MAX));
        return;
    }

    assert(xr_str_starts(time, xr_str("until=")));

    time = xr_str_of(time.data + 6, time.len - 6);
    assert(xr_str_uint(&time, &until) == XR_OK && time.len == 0);
    assert(until > 0 && until <= INT64_MAX);

    if (until > FUZZ_NOW) {
        assert(xr_revoked_has(r, hash, FUZZ_NOW));
        assert(xr_revoked_has(r, hash, (int64_t) until - 1));
    }
}


static void
fuzz_lines(const xr_revoked_t *r, xr_str_t text)
{
    size_t    n;
    xr_str_t  line;

    n = 0;

    while (text.len > 0) {
        line = xr_str_trim(xr_str_cut(&text, '\n'));

        if (line.len > 0 && line.data[0] != '#') {
            fuzz_line(r, line);
            fuzz_put(line);
            n++;
        }
    }

    assert(r->n <= n);
    assert(2 * r->n <= r->mask + 1);
}


/* Bytes that are no image, or a damaged one, are refused or do no harm. */

static void
fuzz_open(xr_str_t in)
{
    xr_str_t      copy;
    xr_revoked_t  r;

    copy = xr_fuzz_copy(in.data, in.len);

    if (xr_revoked_open(copy, &r) == XR_OK) {
        (void) xr_revoked_has(&r, 1, FUZZ_NOW);
        (void) xr_revoked_has(&r, UINT64_MAX, FUZZ_NOW);
    }

    xr_fuzz_free(copy);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void          *image;
    size_t         room, used;
    xr_rc_t        rc;
    xr_str_t       text;
    xr_err_t       err;
    xr_revoked_t   r;

    fuzz_open(xr_str_of(data, size));

    text = xr_fuzz_copy(data, size);
    room = xr_revoked_room(text);
    image = malloc(room);
    assert(image != NULL);

    err.what = NULL;
    rc = xr_revoked_build(text, fuzz_key, FUZZ_NOW, image, room, &used, &err);

    if (rc == XR_OK) {
        assert(used <= room);
        assert(xr_revoked_open(xr_str_of(image, used), &r) == XR_OK);
        fuzz_lines(&r, text);

        assert(xr_revoked_build(text, fuzz_key, FUZZ_NOW, image, used - 1,
                                &used, NULL) == XR_NO_SPACE);

    } else {
        assert(rc == XR_INVALID && err.what != NULL && err.pos <= text.len);
    }

    free(image);
    xr_fuzz_free(text);

    return 0;
}
