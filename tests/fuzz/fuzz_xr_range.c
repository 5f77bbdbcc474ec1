/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_range.h"


#define FUZZ_MAX     16
#define FUZZ_BITS    64
#define FUZZ_MEMORY  4096


/* Members written out and read again are the same. */

static void
fuzz_members(const xr_range_spec_t *specs, size_t n)
{
    size_t           i;
    uint8_t          memory[FUZZ_MEMORY];
    xr_buf_t         b;
    xr_range_spec_t  again[FUZZ_MAX];

    b = xr_buf(memory, sizeof(memory));
    xr_buf_puts(&b, "bytes=");

    for (i = 0; i < n; i++) {
        assert(specs[i].suffix || specs[i].first <= specs[i].last);

        if (!specs[i].suffix) {
            xr_buf_uint(&b, specs[i].first);
        }

        xr_buf_putc(&b, '-');

        if (specs[i].suffix) {
            xr_buf_uint(&b, specs[i].first);

        } else if (specs[i].last != UINT64_MAX) {
            xr_buf_uint(&b, specs[i].last);
        }

        xr_buf_putc(&b, ',');
    }

    assert(xr_buf_ok(&b));
    assert(xr_range_parse(xr_buf_str(&b), again, n) == n);
    assert(n == 0 || xr_range_parse(xr_buf_str(&b), again, n - 1) == 0);

    for (i = 0; i < n; i++) {
        assert(specs[i].first == again[i].first
               && specs[i].last == again[i].last
               && specs[i].suffix == again[i].suffix);
    }
}


static bool
fuzz_wants(const xr_range_spec_t *spec, uint64_t length, uint64_t pos)
{
    return spec->suffix ? length - pos <= spec->first
                        : pos >= spec->first && pos <= spec->last;
}


/* In a short object, byte for byte. */

static void
fuzz_bytes(const xr_range_spec_t *specs, size_t n, uint64_t length,
    xr_range_result_t result, const xr_range_t *ranges, size_t nranges)
{
    size_t    i;
    uint64_t  pos, asked, wanted, given;

    asked = 0;

    for (pos = 0; pos < length; pos++) {
        wanted = 0;
        given = 0;

        for (i = 0; i < n; i++) {
            wanted += fuzz_wants(&specs[i], length, pos);
        }

        for (i = 0; i < nranges; i++) {
            given += pos >= ranges[i].first && pos <= ranges[i].last;
        }

        asked += wanted;
        assert(given == (wanted > 0) || result == XR_RANGE_NONE);
    }

    if (n > 0 && length > 0) {
        assert((result == XR_RANGE_NONE) == (asked > length));
        assert((result == XR_RANGE_UNSATISFIABLE) == (asked == 0));
    }
}


/* What is given can be asked for, and is then given again. */

static void
fuzz_ranges(const xr_range_t *ranges, size_t n, uint64_t length)
{
    size_t           i, nagain;
    uint64_t         sum;
    xr_range_t       again[FUZZ_MAX];
    xr_range_spec_t  specs[FUZZ_MAX];

    sum = 0;

    for (i = 0; i < n; i++) {
        assert(ranges[i].first <= ranges[i].last && ranges[i].last < length);
        assert(i == 0 || ranges[i].first > ranges[i - 1].last + 1);

        sum += xr_range_bytes(ranges[i]);
        specs[n - 1 - i] = (xr_range_spec_t) { ranges[i].first,
                                               ranges[i].last, false };
    }

    assert(sum <= length);
    assert(xr_range_resolve(specs, n, length, again, &nagain)
           == (n == 1 ? XR_RANGE_ONE : XR_RANGE_MANY));
    assert(nagain == n);

    for (i = 0; i < n; i++) {
        assert(again[i].first == ranges[i].first
               && again[i].last == ranges[i].last);
    }
}


static void
fuzz_multipart(xr_str_t type, const xr_range_t *ranges, size_t n,
    uint64_t length)
{
    size_t                i, size;
    uint64_t              total;
    xr_buf_t              b;
    xr_range_multipart_t  m;

    m = (xr_range_multipart_t) { xr_str("boundary"), type, length };
    total = 0;

    for (i = 0; i < n; i++) {
        size = xr_range_multipart_part_size(&m, ranges[i]);

        b = xr_buf(malloc(size), size);
        xr_range_multipart_part(&b, &m, ranges[i]);
        assert(xr_buf_ok(&b) && b.len == size);
        free(b.data);

        total += size + xr_range_bytes(ranges[i]);
    }

    size = xr_range_multipart_end_size(&m);

    b = xr_buf(malloc(size), size);
    xr_range_multipart_end(&b, &m);
    assert(xr_buf_ok(&b) && b.len == size);
    free(b.data);

    assert(xr_range_multipart_length(&m, ranges, n) == total + size);
}


static void
fuzz_resolve(const xr_range_spec_t *specs, size_t n, uint64_t length,
    xr_str_t type)
{
    size_t             nranges;
    uint64_t           first;
    xr_range_t         ranges[FUZZ_MAX];
    xr_range_result_t  result;

    result = xr_range_resolve(specs, n, length, ranges, &nranges);

    assert(nranges <= n);
    assert(n > 0 || result == XR_RANGE_NONE);

    if (length <= FUZZ_BITS) {
        fuzz_bytes(specs, n, length, result, ranges, nranges);
    }

    if (result == XR_RANGE_NONE || result == XR_RANGE_UNSATISFIABLE) {
        assert(nranges == 0);
        return;
    }

    assert((result == XR_RANGE_ONE) == (nranges == 1));

    fuzz_ranges(ranges, nranges, length);

    if (xr_range_begin(specs, n, &first)) {
        assert(first == ranges[0].first);
    }

    assert(first <= XR_RANGE_LENGTH_MAX);
    assert(xr_range_most(specs, n) >= ranges[0].last - ranges[0].first);

    if (length <= XR_RANGE_LENGTH_MAX) {
        fuzz_multipart(type, ranges, nranges, length);
    }
}


/* What is read can be written, and is then read alike. */

static void
fuzz_content(xr_str_t in)
{
    uint8_t             memory[XR_RANGE_CONTENT_SIZE];
    xr_buf_t            b;
    xr_range_content_t  c, again;

    if (xr_range_content_parse(in, &c) != XR_OK) {
        return;
    }

    b = xr_buf(memory, sizeof(memory));

    if (c.unsatisfied) {
        xr_range_content_unsatisfied(&b, c.length);

    } else {
        assert(c.range.first <= c.range.last && c.range.last < c.length);
        assert(c.range.last <= XR_RANGE_LENGTH_MAX);

        if (c.length == XR_RANGE_UNKNOWN) {
            return;
        }

        xr_range_content(&b, c.range, c.length);
    }

    assert(c.length <= XR_RANGE_LENGTH_MAX);
    assert(xr_buf_ok(&b));
    assert(xr_range_content_parse(xr_buf_str(&b), &again) == XR_OK);
    assert(again.unsatisfied == c.unsatisfied && again.length == c.length
           && again.range.first == c.range.first
           && again.range.last == c.range.last);
}


/* Lines: the length of an object, Range, Content-Range, Content-Type. */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t           n;
    uint64_t         length;
    xr_str_t         rest, line, range, content;
    xr_range_spec_t  specs[FUZZ_MAX];

    rest = xr_str_of(data, size);

    line = xr_str_cut(&rest, '\n');

    if (xr_str_uint(&line, &length) != XR_OK) {
        length = FUZZ_BITS;
    }

    line = xr_str_cut(&rest, '\n');
    range = xr_fuzz_copy(line.data, line.len);
    line = xr_str_cut(&rest, '\n');
    content = xr_fuzz_copy(line.data, line.len);

    n = xr_range_parse(range, specs, FUZZ_MAX);

    assert(n <= FUZZ_MAX);

    fuzz_members(specs, n);
    fuzz_resolve(specs, n, length, rest);
    fuzz_content(content);

    xr_fuzz_free(range);
    xr_fuzz_free(content);

    return 0;
}
