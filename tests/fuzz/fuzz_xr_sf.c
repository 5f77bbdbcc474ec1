/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_sf.h"


/* The input is the value of a field that is a dictionary. */

static void
check_item(const xr_sf_item_t *item, xr_str_t in)
{
    assert(xr_fuzz_within(item->text, in));

    switch (item->type) {

    case XR_SF_BOOLEAN:
        assert(item->number == 0 || item->number == 1);
        break;

    case XR_SF_INTEGER:
    case XR_SF_DECIMAL:
        assert(item->number >= INT64_C(-999999999999999));
        assert(item->number <= INT64_C(999999999999999));
        break;

    case XR_SF_TOKEN:
        assert(item->text.len > 0);
        break;

    case XR_SF_STRING:
    case XR_SF_BYTES:
    case XR_SF_LIST:
        break;
    }
}


static void
check_member(const xr_sf_member_t *m, xr_str_t in)
{
    assert(m->key.len > 0 && xr_fuzz_within(m->key, in));
    assert(xr_fuzz_within(m->params, in));
    assert(m->params.len == 0 || m->params.data[0] == ';');
    assert(!xr_str_has_control(m->key) && !xr_str_has_control(m->params));
    assert(!xr_str_has_control(m->value.text));

    check_item(&m->value, in);
}


static const uint8_t *
before_blanks(const uint8_t *p)
{
    while (p[-1] == ' ' || p[-1] == '\t') {
        p--;
    }

    return p;
}


/* A member by itself, without the comma that follows, is the same member. */

static void
check_again(const xr_sf_member_t *m, xr_str_t rest)
{
    xr_str_t        s;
    const uint8_t  *end;
    xr_sf_member_t  again;

    end = before_blanks(rest.data);

    if (rest.len > 0) {
        assert(end[-1] == ',');
        end = before_blanks(end - 1);
    }

    s = xr_str_of(m->key.data, (size_t) (end - m->key.data));

    assert(xr_sf_next(&s, &again) == XR_OK && s.len == 0);
    assert(xr_str_eq(again.key, m->key));
    assert(xr_str_eq(again.params, m->params));
    assert(again.value.type == m->value.type);
    assert(again.value.number == m->value.number);
    assert(xr_str_eq(again.value.text, m->value.text));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t          left;
    xr_rc_t         rc;
    xr_str_t        in, s;
    xr_sf_member_t  m;

    in = xr_fuzz_copy(data, size);
    s = in;

    for ( ;; ) {
        left = s.len;
        rc = xr_sf_next(&s, &m);

        if (rc != XR_OK) {
            break;
        }

        assert(s.len < left);
        check_member(&m, in);
        check_again(&m, s);
    }

    assert(rc == XR_INVALID || (rc == XR_NOT_FOUND && s.len == 0));

    xr_fuzz_free(in);

    return 0;
}
