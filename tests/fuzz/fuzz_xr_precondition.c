/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_http_date.h"
#include "xr_precondition.h"


#define FUZZ_HEADERS   5
#define FUZZ_NOW       1785000000
#define FUZZ_MODIFIED  784111777
#define FUZZ_YEARS_50  ((int64_t) 1577847600)   /* of the mean length */

#define FUZZ_FIXED     29               /* lengths of formats */
#define FUZZ_ASCTIME   24

#define FUZZ_YEAR_0      (-62167219200)
#define FUZZ_YEAR_10000  253402300800


static void
fuzz_etag(xr_str_t in)
{
    size_t                  i;
    xr_precondition_etag_t  tag;

    if (xr_precondition_etag(in, &tag) != XR_OK) {
        assert(!xr_precondition_names(xr_str("\"a\""), in, false));
        return;
    }

    assert(xr_fuzz_within(tag.opaque, in));
    assert(tag.opaque.len + (tag.weak ? 2 : 0) == in.len);
    assert(tag.opaque.data[0] == '"' && in.data[in.len - 1] == '"');

    for (i = 1; i < tag.opaque.len - 1; i++) {
        assert(tag.opaque.data[i] > ' ' && tag.opaque.data[i] != '"'
               && tag.opaque.data[i] != 0x7f);
    }

    /* each tag is named by itself, and by "*" */

    assert(xr_precondition_names(in, in, false));
    assert(xr_precondition_names(in, in, true) == !tag.weak);
    assert(xr_precondition_names(xr_str("*"), in, true));
}


static void
fuzz_names(xr_str_t list, xr_str_t etag)
{
    bool                    strong, weak;
    uint8_t                *memory;
    size_t                  size;
    xr_str_t                longer;
    xr_precondition_etag_t  tag;

    strong = xr_precondition_names(list, etag, true);
    weak = xr_precondition_names(list, etag, false);

    assert(weak || !strong);

    if (xr_precondition_etag(etag, &tag) != XR_OK) {
        assert(weak == xr_str_eq(list, xr_str("*")));
        return;
    }

    if (!weak || xr_str_eq(list, xr_str("*"))) {
        return;
    }

    /* what is in a list stays in it when the list grows, but for garbage */

    size = list.len + 4;
    memory = malloc(size);
    assert(memory != NULL);

    memcpy(memory, list.data, list.len);
    memcpy(memory + list.len, ",\"q\"", 4);

    longer = xr_str_of(memory, size);
    assert(xr_precondition_names(longer, etag, strong));

    memory[size - 1] = 'q';
    assert(!xr_precondition_names(longer, etag, false));

    free(memory);
}


/* Only a year of two digits depends on what the time is. */

static void
fuzz_date(xr_str_t in)
{
    int64_t  t, later;

    if (xr_http_date(in, FUZZ_NOW, &t) != XR_OK) {
        return;
    }

    if (in.len == FUZZ_FIXED || in.len == FUZZ_ASCTIME) {
        assert(t >= FUZZ_YEAR_0 && t <= FUZZ_YEAR_10000);
        assert(xr_http_date(in, 0, &later) == XR_OK && later == t);

    } else {
        assert(t <= FUZZ_NOW + FUZZ_YEARS_50 + 1);
        assert(t > FUZZ_NOW - FUZZ_YEARS_50 - 2 * FUZZ_YEARS_50 / 50);
    }
}


static void
fuzz_evaluate(const xr_str_t *headers, xr_str_t etag, uint8_t flags)
{
    bool                       range, again;
    xr_precondition_object_t   o;
    xr_precondition_result_t   result;
    xr_precondition_request_t  r;

    r.method = (xr_precondition_method_t) (flags % 3);
    r.if_match = headers[0];
    r.if_none_match = headers[1];
    r.if_modified_since = headers[2];
    r.if_unmodified_since = headers[3];
    r.if_range = headers[4];

    o.etag = etag;
    o.last_modified = (flags & 0x40) ? -1 : FUZZ_MODIFIED;
    o.date = (flags & 0x80) ? -1 : FUZZ_MODIFIED + (flags & 0x20) / 0x20;

    result = xr_precondition_evaluate(&r, &o, FUZZ_NOW, &range);

    assert(!range || (result == XR_PRECONDITION_PASS
                      && r.method == XR_PRECONDITION_GET));
    assert(result != XR_PRECONDITION_NOT_MODIFIED
           || r.method != XR_PRECONDITION_OTHER);

    /* what replaces another header does so whatever that says */

    if (r.if_match.data != NULL) {
        r.if_unmodified_since = xr_str_of(NULL, 0);
    }

    if (r.if_none_match.data != NULL) {
        r.if_modified_since = xr_str_of(NULL, 0);
    }

    assert(xr_precondition_evaluate(&r, &o, FUZZ_NOW, &again) == result);
    assert(again == range);

    /* If-Range changes nothing but whether Range counts */

    r.if_range = xr_str("\"never\"");
    assert(xr_precondition_evaluate(&r, &o, FUZZ_NOW, &again) == result);
    assert(!again || xr_str_eq(etag, r.if_range));

    r.if_range = xr_str_of(NULL, 0);
    assert(xr_precondition_evaluate(&r, &o, FUZZ_NOW, &again) == result);
    assert(again || !range);
}


/*
 * Lines: flags, an entity tag, If-Match, If-None-Match, If-Modified-Since,
 * If-Unmodified-Since and If-Range; a line "-" is a header that is absent.
 */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    i;
    uint8_t   flags;
    xr_str_t  rest, line, etag, headers[FUZZ_HEADERS];

    rest = xr_str_of(data, size);

    line = xr_str_cut(&rest, '\n');
    flags = (line.len > 0) ? line.data[0] : 0;

    line = xr_str_cut(&rest, '\n');
    etag = xr_fuzz_copy(line.data, line.len);

    for (i = 0; i < FUZZ_HEADERS; i++) {
        line = xr_str_cut(&rest, '\n');
        headers[i] = xr_str_of(NULL, 0);

        if (!xr_str_eq(line, xr_str("-"))) {
            headers[i] = xr_fuzz_copy(line.data, line.len);
            fuzz_etag(headers[i]);
            fuzz_names(headers[i], etag);
            fuzz_date(headers[i]);
        }
    }

    fuzz_etag(etag);
    fuzz_evaluate(headers, etag, flags);

    for (i = 0; i < FUZZ_HEADERS; i++) {
        xr_fuzz_free(headers[i]);
    }

    xr_fuzz_free(etag);

    return 0;
}
