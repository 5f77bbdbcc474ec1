/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_ktx2.h"
#include "xr_le.h"


/* The header, KTX File Format Specification 2.0, section 3. */

#define XR_KTX2_IDENTIFIER      12

#define XR_KTX2_AT_WIDTH        20
#define XR_KTX2_AT_HEIGHT       24
#define XR_KTX2_AT_DEPTH        28
#define XR_KTX2_AT_LAYERS       32
#define XR_KTX2_AT_FACES        36
#define XR_KTX2_AT_LEVELS       40
#define XR_KTX2_AT_SCHEME       44
#define XR_KTX2_AT_FORMAT       48
#define XR_KTX2_AT_VALUES       56
#define XR_KTX2_AT_GLOBAL       64

/* The descriptor up to the bytes of a texel block, one per plane. */

#define XR_KTX2_FORMAT_MIN      44
#define XR_KTX2_FORMAT_PLANES   20
#define XR_KTX2_PLANES          8

/* What nobody writes, and viewers would have to keep in memory. */

#define XR_KTX2_FORMAT_MAX      (64 * 1024)
#define XR_KTX2_VALUES_MAX      (1024 * 1024)
#define XR_KTX2_GLOBAL_MAX      (64 * 1024 * 1024)

/* BasisLZ: in front of its codebooks, a header and one of each image. */

#define XR_KTX2_BASIS_HEADER    20
#define XR_KTX2_BASIS_IMAGE     20


static const uint8_t  xr_ktx2_identifier[XR_KTX2_IDENTIFIER] = {
    0xab, 'K', 'T', 'X', ' ', '2', '0', 0xbb, '\r', '\n', 0x1a, '\n'
};


static uint64_t
xr_ktx2_align(uint64_t n, uint64_t align)
{
    return (n + align - 1) / align * align;
}


static uint64_t
xr_ktx2_end(const xr_ktx2_part_t *part)
{
    return part->offset + part->length;
}


/* Whether it lies in the file; its end can be computed from then on. */

static bool
xr_ktx2_inside(const xr_ktx2_part_t *part, uint64_t length)
{
    return part->offset <= length && part->length <= length - part->offset;
}


static uint32_t
xr_ktx2_levels(const uint8_t *p)
{
    uint32_t  n;

    n = xr_le32(p + XR_KTX2_AT_LEVELS);

    return (n == 0) ? 1 : n;                    /* to be made by the viewer */
}


size_t
xr_ktx2_need(xr_str_t prefix)
{
    size_t  format;

    if (prefix.len < XR_KTX2_HEADER) {
        return XR_KTX2_HEADER;
    }

    if (xr_ktx2_levels(prefix.data) > XR_KTX2_LEVELS_MAX) {
        return XR_KTX2_HEADER;
    }

    format = xr_le32(prefix.data + XR_KTX2_AT_FORMAT);

    if (format > XR_KTX2_PREFIX_MAX - XR_KTX2_FORMAT_MIN) {
        format = 0;                             /* refused for that */
    }

    format += XR_KTX2_FORMAT_MIN;

    return (format > XR_KTX2_HEAD_SIZE) ? format : XR_KTX2_HEAD_SIZE;
}


/* Width, height, layers, faces and levels, and how many images these are. */

static xr_rc_t
xr_ktx2_shape(const uint8_t *p, xr_ktx2_t *k, xr_err_t *err)
{
    uint32_t  most;

    k->width = xr_le32(p + XR_KTX2_AT_WIDTH);
    k->height = xr_le32(p + XR_KTX2_AT_HEIGHT);
    k->layers = xr_le32(p + XR_KTX2_AT_LAYERS);
    k->faces = xr_le32(p + XR_KTX2_AT_FACES);
    k->levels = xr_ktx2_levels(p);

    if (k->width == 0
        || k->width > XR_KTX2_EDGE_MAX || k->height > XR_KTX2_EDGE_MAX)
    {
        return xr_fail(err, XR_INVALID, XR_KTX2_AT_WIDTH, "size");
    }

    if (xr_le32(p + XR_KTX2_AT_DEPTH) != 0) {
        return xr_fail(err, XR_DENIED, XR_KTX2_AT_DEPTH, "volume");
    }

    if (k->faces != 1 && (k->faces != 6 || k->width != k->height)) {
        return xr_fail(err, XR_INVALID, XR_KTX2_AT_FACES, "faces");
    }

    k->edge = (k->width > k->height) ? k->width : k->height;

    for (most = 1; k->edge >> most != 0; most++) { /* void */ }

    if (k->levels > most) {
        return xr_fail(err, XR_INVALID, XR_KTX2_AT_LEVELS, "levels");
    }

    k->images = (uint64_t) ((k->layers == 0) ? 1 : k->layers) * k->faces;

    return XR_OK;
}


/*
 * Descriptor, values and global data follow the level index in this order, and
 * are followed by the levels.
 */

static xr_rc_t
xr_ktx2_parts(const uint8_t *p, xr_ktx2_t *k, xr_err_t *err)
{
    uint64_t  at, scheme;

    k->format.offset = xr_le32(p + XR_KTX2_AT_FORMAT);
    k->format.length = xr_le32(p + XR_KTX2_AT_FORMAT + 4);
    k->values.offset = xr_le32(p + XR_KTX2_AT_VALUES);
    k->values.length = xr_le32(p + XR_KTX2_AT_VALUES + 4);
    k->global.offset = xr_le64(p + XR_KTX2_AT_GLOBAL);
    k->global.length = xr_le64(p + XR_KTX2_AT_GLOBAL + 8);

    scheme = xr_le32(p + XR_KTX2_AT_SCHEME);

    if (scheme > XR_KTX2_ZLIB) {
        return xr_fail(err, XR_DENIED, XR_KTX2_AT_SCHEME, "scheme");
    }

    k->scheme = (xr_ktx2_scheme_t) scheme;

    at = XR_KTX2_HEADER + (uint64_t) k->levels * XR_KTX2_ENTRY;

    if (k->format.offset != at || k->format.length < XR_KTX2_FORMAT_MIN
        || k->format.length > XR_KTX2_FORMAT_MAX || k->format.length % 4 != 0
        || !xr_ktx2_inside(&k->format, k->length))
    {
        return xr_fail(err, XR_INVALID, XR_KTX2_AT_FORMAT, "format");
    }

    at = xr_ktx2_end(&k->format);

    if (k->values.length == 0) {
        k->values.offset = at;

    } else if (k->values.offset != at || k->values.length > XR_KTX2_VALUES_MAX
               || !xr_ktx2_inside(&k->values, k->length))
    {
        return xr_fail(err, XR_INVALID, XR_KTX2_AT_VALUES, "values");
    }

    at = xr_ktx2_end(&k->values);

    if (k->global.length == 0) {
        k->global.offset = at;

    } else if (k->global.offset != xr_ktx2_align(at, 8)
               || k->global.length > XR_KTX2_GLOBAL_MAX
               || !xr_ktx2_inside(&k->global, k->length))
    {
        return xr_fail(err, XR_INVALID, XR_KTX2_AT_GLOBAL, "global");
    }

    return XR_OK;
}


/* What it has to hold for BasisLZ, and cannot for the others. */

static xr_rc_t
xr_ktx2_global(xr_ktx2_t *k, xr_err_t *err)
{
    uint64_t  least;

    if (k->scheme != XR_KTX2_BASISLZ) {
        return (k->global.length == 0)
               ? XR_OK : xr_fail(err, XR_INVALID, XR_KTX2_AT_GLOBAL, "global");
    }

    least = XR_KTX2_BASIS_HEADER + k->images * k->levels * XR_KTX2_BASIS_IMAGE;

    return (k->global.length >= least)
           ? XR_OK : xr_fail(err, XR_INVALID, XR_KTX2_AT_GLOBAL, "images");
}


/* The lengths of what is not there to be seen have to add up if it is. */

static xr_rc_t
xr_ktx2_basis(xr_str_t prefix, const xr_ktx2_t *k, xr_err_t *err)
{
    uint64_t        sum;
    const uint8_t  *p;

    if (k->scheme != XR_KTX2_BASISLZ
        || k->global.offset + XR_KTX2_BASIS_HEADER > prefix.len)
    {
        return XR_OK;
    }

    p = prefix.data + k->global.offset;

    sum = XR_KTX2_BASIS_HEADER + k->images * k->levels * XR_KTX2_BASIS_IMAGE;
    sum += (uint64_t) xr_le32(p + 4) + xr_le32(p + 8) + xr_le32(p + 12)
           + xr_le32(p + 16);

    return (sum == k->global.length)
           ? XR_OK : xr_fail(err, XR_INVALID, (size_t) k->global.offset,
                             "codebooks");
}


/* The least common multiple of a texel block and 4, if it is seen as it is. */

static xr_rc_t
xr_ktx2_alignment(xr_str_t prefix, xr_ktx2_t *k, xr_err_t *err)
{
    size_t          i;
    uint64_t        block;
    const uint8_t  *p;

    k->align = 1;

    if (k->scheme != XR_KTX2_NONE) {
        return XR_OK;
    }

    p = prefix.data + k->format.offset + XR_KTX2_FORMAT_PLANES;
    block = 0;

    for (i = 0; i < XR_KTX2_PLANES; i++) {
        block += p[i];
    }

    if (block == 0) {
        return xr_fail(err, XR_INVALID, (size_t) k->format.offset, "block");
    }

    k->align = (block % 4 == 0) ? block
               : (block % 2 == 0) ? 2 * block : 4 * block;

    return XR_OK;
}


/* The level index: the smallest level is the first behind all else. */

static xr_rc_t
xr_ktx2_index(xr_str_t prefix, xr_ktx2_t *k, xr_err_t *err)
{
    size_t           at;
    uint32_t         i;
    uint64_t         end;
    const uint8_t   *p;
    xr_ktx2_part_t  *level;

    end = xr_ktx2_end(&k->global);

    for (i = k->levels; i-- > 0; /* void */) {
        at = XR_KTX2_HEADER + (size_t) i * XR_KTX2_ENTRY;
        p = prefix.data + at;
        level = &k->level[i];

        level->offset = xr_le64(p);
        level->length = xr_le64(p + 8);
        k->pixels[i] = xr_le64(p + 16);

        if (level->length == 0 || !xr_ktx2_inside(level, k->length)) {
            return xr_fail(err, XR_INVALID, at, "level");
        }

        if (level->offset < end) {
            return xr_fail(err, XR_DENIED, at, "order");
        }

        /* bytes that are of no level would be passed on, too */

        if (level->offset - end >= XR_KTX2_FORMAT_MAX
            || level->offset % k->align != 0)
        {
            return xr_fail(err, XR_INVALID, at, "padding");
        }

        if (k->scheme == XR_KTX2_NONE && k->pixels[i] != level->length) {
            return xr_fail(err, XR_INVALID, at, "length");
        }

        end = xr_ktx2_end(level);
    }

    return XR_OK;
}


xr_rc_t
xr_ktx2_parse(xr_str_t prefix, uint64_t length, xr_ktx2_t *out, xr_err_t *err)
{
    xr_rc_t  rc;

    memset(out, 0, sizeof(xr_ktx2_t));
    out->length = length;

    if (prefix.len < XR_KTX2_IDENTIFIER
        || !xr_str_starts(prefix, xr_str_of(xr_ktx2_identifier,
                                            XR_KTX2_IDENTIFIER)))
    {
        return xr_fail(err, XR_INVALID, 0, "identifier");
    }

    if (length < XR_KTX2_HEADER) {
        return xr_fail(err, XR_INVALID, 0, "short");
    }

    if (prefix.len < XR_KTX2_HEADER) {
        return xr_fail(err, XR_NO_SPACE, prefix.len, "short");
    }

    rc = xr_ktx2_shape(prefix.data, out, err);

    if (rc == XR_OK) {
        rc = xr_ktx2_parts(prefix.data, out, err);
    }

    if (rc == XR_OK) {
        rc = xr_ktx2_global(out, err);
    }

    if (rc != XR_OK) {
        return rc;
    }

    /* of the descriptor, which has a place by now, the beginning is read */

    if (prefix.len < out->format.offset + XR_KTX2_FORMAT_MIN) {
        return xr_fail(err, XR_NO_SPACE, prefix.len, "short");
    }

    rc = xr_ktx2_alignment(prefix, out, err);

    if (rc == XR_OK) {
        rc = xr_ktx2_basis(prefix, out, err);
    }

    return (rc == XR_OK) ? xr_ktx2_index(prefix, out, err) : rc;
}


xr_rc_t
xr_ktx2_level(uint32_t edge, uint32_t levels, uint64_t maxdim, uint32_t *level)
{
    uint32_t  i;

    for (i = 0; i < levels; i++) {

        if (edge >> i <= maxdim) {
            *level = i;
            return XR_OK;
        }
    }

    return XR_NOT_FOUND;
}


static void
xr_ktx2_piece(xr_ktx2_plan_t *plan, uint64_t from, uint64_t length,
    uint64_t zeros)
{
    if (length != 0) {
        plan->pieces[plan->n++] = (xr_ktx2_piece_t) { from, length, zeros };
        plan->length += zeros + length;
    }
}


/*
 * The index loses its first entries, 24 bytes each, so what follows it keeps
 * its alignment to 8 with the bytes that are in between.
 */

void
xr_ktx2_plan(const xr_ktx2_t *k, uint32_t first, xr_ktx2_plan_t *out)
{
    uint64_t               dropped, images, start, end;
    const xr_ktx2_part_t  *smallest;

    memset(out, 0, sizeof(xr_ktx2_plan_t));

    out->first = first;
    out->head = XR_KTX2_HEADER
                + (uint64_t) (k->levels - first) * XR_KTX2_ENTRY;
    out->length = out->head;

    dropped = (uint64_t) first * XR_KTX2_ENTRY;

    out->format = k->format;
    out->values = k->values;
    out->global = k->global;

    out->format.offset -= dropped;
    out->values.offset -= dropped;
    out->global.offset -= dropped;

    end = xr_ktx2_end(&k->global);

    if (k->scheme == XR_KTX2_BASISLZ) {
        images = first * k->images * XR_KTX2_BASIS_IMAGE;
        out->global.length -= images;

        start = k->global.offset + XR_KTX2_BASIS_HEADER;

        xr_ktx2_piece(out, k->format.offset, start - k->format.offset, 0);
        xr_ktx2_piece(out, start + images, end - start - images, 0);

    } else {
        xr_ktx2_piece(out, k->format.offset, end - k->format.offset, 0);
    }

    smallest = &k->level[k->levels - 1];
    start = xr_ktx2_align(out->length, k->align);

    out->down = smallest->offset - start;
    out->prefix = xr_ktx2_end(&k->level[first]);

    xr_ktx2_piece(out, smallest->offset, out->prefix - smallest->offset,
                  start - out->length);
}


/* A new value at an offset; what was written in between is the source's. */

static void
xr_ktx2_put32(xr_buf_t *b, xr_str_t prefix, size_t at, uint64_t value)
{
    uint8_t  bytes[4];

    xr_buf_put(b, xr_str_of(prefix.data + b->len, at - b->len));
    xr_le32_put(bytes, (uint32_t) value);
    xr_buf_put(b, xr_str_of(bytes, sizeof(bytes)));
}


static void
xr_ktx2_put64(xr_buf_t *b, uint64_t value)
{
    uint8_t  bytes[8];

    xr_le64_put(bytes, value);
    xr_buf_put(b, xr_str_of(bytes, sizeof(bytes)));
}


void
xr_ktx2_head(const xr_ktx2_t *k, const xr_ktx2_plan_t *plan, xr_str_t prefix,
    xr_buf_t *b)
{
    uint32_t  i, width, height;

    width = k->width >> plan->first;
    height = k->height >> plan->first;

    if (width == 0) {
        width = 1;
    }

    if (height == 0 && k->height != 0) {
        height = 1;
    }

    xr_ktx2_put32(b, prefix, XR_KTX2_AT_WIDTH, width);
    xr_ktx2_put32(b, prefix, XR_KTX2_AT_HEIGHT, height);
    xr_ktx2_put32(b, prefix, XR_KTX2_AT_LEVELS, k->levels - plan->first);
    xr_ktx2_put32(b, prefix, XR_KTX2_AT_FORMAT, plan->format.offset);

    if (plan->values.length != 0) {
        xr_ktx2_put32(b, prefix, XR_KTX2_AT_VALUES, plan->values.offset);
    }

    xr_buf_put(b, xr_str_of(prefix.data + b->len, XR_KTX2_AT_GLOBAL - b->len));

    xr_ktx2_put64(b, (plan->global.length != 0) ? plan->global.offset : 0);
    xr_ktx2_put64(b, plan->global.length);

    for (i = plan->first; i < k->levels; i++) {
        xr_ktx2_put64(b, k->level[i].offset - plan->down);
        xr_ktx2_put64(b, k->level[i].length);
        xr_ktx2_put64(b, k->pixels[i]);
    }
}
