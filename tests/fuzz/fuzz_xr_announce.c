/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include <stdio.h>

#include "xr_announce.h"


/*
 * A message; if it is good, the same tenant and object are announced again, as
 * they are and with every byte escaped that can be.
 */

static const char *
fuzz_read(xr_str_t text, xr_announce_t *out, void **memory)
{
    xr_buf_t     b;
    const char  *why;

    *memory = malloc(text.len);
    assert(*memory != NULL || text.len == 0);

    b = xr_buf(*memory, text.len);
    why = xr_announce_read(text, &b, out);

    if (why != NULL) {
        assert(why[0] != '\0');
        return why;
    }

    if (out->order.len > 0) {
        assert(text.len <= XR_ANNOUNCE_ORDER_MAX);
        assert(xr_fuzz_within(out->order, text)
               || xr_fuzz_within(out->order, xr_str_of(*memory, text.len)));
        assert(out->tenant.len == 0 && out->object.len == 0);
        return NULL;
    }

    assert(text.len <= XR_ANNOUNCE_MAX);
    assert(xr_fuzz_within(out->tenant, text)
           || xr_fuzz_within(out->tenant, xr_str_of(*memory, text.len)));
    assert(xr_fuzz_within(out->object, text)
           || xr_fuzz_within(out->object, xr_str_of(*memory, text.len)));

    return NULL;
}


/* What no name of an object may hold, said in another way than the code. */

static void
fuzz_name(xr_str_t name)
{
    size_t    i;
    xr_str_t  rest, part;

    assert(name.len > 0 && name.len <= XR_PURGE_ORDER_NAME);
    assert(name.data[0] != '/' && name.data[name.len - 1] != '/');

    for (i = 0; i < name.len; i++) {
        assert(name.data[i] >= 0x20 && name.data[i] != 0x7f);
        assert(name.data[i] != '\\');
    }

    rest = name;

    while (rest.len > 0) {
        part = xr_str_cut(&rest, '/');
        assert(part.len > 0);
        assert(!xr_str_eq(part, xr_str(".")) && !xr_str_eq(part, xr_str("..")));
    }
}


static void
fuzz_put_text(xr_buf_t *b, xr_str_t s, bool escape)
{
    char    text[8];
    size_t  i;

    xr_buf_put(b, xr_str("\""));

    for (i = 0; i < s.len; i++) {

        if (s.data[i] == '"' || s.data[i] == '\\' || s.data[i] < 0x20
            || (escape && s.data[i] < 0x80))
        {
            snprintf(text, sizeof(text), "\\u%04x", s.data[i]);
            xr_buf_put(b, xr_str(text));

        } else {
            xr_buf_put(b, xr_str_of(&s.data[i], 1));
        }
    }

    xr_buf_put(b, xr_str("\""));
}


static void
fuzz_again(const xr_announce_t *said, bool escape)
{
    char           *memory;
    void           *unescaped;
    size_t          n;
    xr_buf_t        b;
    xr_str_t        text;
    const char     *why;
    xr_announce_t   again;

    n = 64 + 6 * (said->tenant.len + said->object.len);
    memory = malloc(n);
    assert(memory != NULL);

    b = xr_buf(memory, n);
    xr_buf_put(&b, xr_str("{\"object\":"));
    fuzz_put_text(&b, said->object, escape);
    xr_buf_put(&b, xr_str(",\"tenant\":"));
    fuzz_put_text(&b, said->tenant, escape);
    xr_buf_put(&b, xr_str(",\"v\":1}"));
    assert(xr_buf_ok(&b));

    text = xr_fuzz_copy(b.data, b.len);
    why = fuzz_read(text, &again, &unescaped);
    assert((why == NULL) == (text.len <= XR_ANNOUNCE_MAX));

    if (why == NULL) {
        assert(xr_str_eq(again.tenant, said->tenant));
        assert(xr_str_eq(again.object, said->object));
    }

    free(unescaped);
    xr_fuzz_free(text);
    free(memory);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void           *memory;
    xr_str_t        text;
    xr_announce_t   said;

    text = xr_fuzz_copy(data, size);

    if (fuzz_read(text, &said, &memory) == NULL) {
        fuzz_name(said.object);
        fuzz_again(&said, false);
        fuzz_again(&said, true);
    }

    free(memory);
    xr_fuzz_free(text);

    return 0;
}
