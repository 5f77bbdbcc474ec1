/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_invalidation.h"

#include <stdlib.h>
#include <string.h>


/* By path; what covers stands in front of what it covers. */

static int
xr_invalidation_compare(const void *one, const void *two)
{
    int                       rc;
    size_t                    len;
    const xr_invalidation_t  *a, *b;

    a = one;
    b = two;

    len = (a->path.len < b->path.len) ? a->path.len : b->path.len;
    rc = (len > 0) ? memcmp(a->path.data, b->path.data, len) : 0;

    if (rc != 0) {
        return rc;
    }

    if (a->path.len != b->path.len) {
        return (a->path.len < b->path.len) ? -1 : 1;
    }

    return (int) b->all - (int) a->all;
}


/* All that begins alike stands together, so the last one kept tells. */

static size_t
xr_invalidation_cover(xr_invalidation_t *items, size_t n)
{
    size_t  i, kept, wide;

    if (n > 1) {
        qsort(items, n, sizeof(xr_invalidation_t), xr_invalidation_compare);
    }

    kept = 0;
    wide = n;                           /* which wildcard; none */

    for (i = 0; i < n; i++) {

        if (wide != n && xr_str_starts(items[i].path, items[wide].path)) {
            continue;
        }

        if (kept > 0 && !items[i].all
            && xr_str_eq(items[kept - 1].path, items[i].path))
        {
            continue;
        }

        items[kept] = items[i];
        wide = items[kept].all ? kept : n;
        kept++;
    }

    return kept;
}


/* The folder that it is in: up to a "/", or all of the tenant. */

static xr_str_t
xr_invalidation_folder(xr_str_t path)
{
    size_t  n;

    n = path.len;

    if (n > 0 && path.data[n - 1] == '/') {
        n--;
    }

    while (n > 0 && path.data[n - 1] != '/') {
        n--;
    }

    return xr_str_of(path.data, n);
}


static size_t
xr_invalidation_depth(xr_str_t path)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < path.len; i++) {
        n += (path.data[i] == '/');
    }

    return (path.len == 0) ? 0 : n + (path.data[path.len - 1] != '/');
}


/* Files that are in the folder itself, among those that begin with it. */

static size_t
xr_invalidation_files(const xr_invalidation_t *items, size_t n,
    xr_str_t folder)
{
    size_t  i, files;

    files = 0;

    for (i = 0; i < n && xr_str_starts(items[i].path, folder); i++) {
        files += !items[i].all
                 && xr_invalidation_folder(items[i].path).len == folder.len;
    }

    return files;
}


static size_t
xr_invalidation_fold(xr_invalidation_t *items, size_t n, size_t fold)
{
    size_t    i;
    xr_str_t  folder, before;

    before = xr_str_of(NULL, 0);

    for (i = 0; i < n; i++) {

        if (items[i].all) {
            continue;
        }

        folder = xr_invalidation_folder(items[i].path);

        /* the first one of a folder decides for those behind it */

        if (i > 0 && folder.len > 0 && xr_str_eq(folder, before)) {
            continue;
        }

        before = folder;

        if (xr_invalidation_files(items + i, n - i, folder) > fold) {
            items[i].path = folder;
            items[i].all = true;
        }
    }

    return xr_invalidation_cover(items, n);
}


static size_t
xr_invalidation_wild(const xr_invalidation_t *items, size_t n,
    size_t *deepest)
{
    size_t  i, wild, depth;

    wild = 0;
    *deepest = 0;

    for (i = 0; i < n; i++) {

        if (!items[i].all) {
            continue;
        }

        wild++;
        depth = xr_invalidation_depth(items[i].path);
        *deepest = (depth > *deepest) ? depth : *deepest;
    }

    return wild;
}


size_t
xr_invalidation_plan(xr_invalidation_t *items, size_t n, size_t fold,
    size_t wildcards)
{
    size_t  i, deepest;

    n = xr_invalidation_cover(items, n);
    n = xr_invalidation_fold(items, n, fold);

    while (xr_invalidation_wild(items, n, &deepest) > wildcards) {

        for (i = 0; i < n; i++) {
            if (items[i].all
                && xr_invalidation_depth(items[i].path) == deepest)
            {
                items[i].path = xr_invalidation_folder(items[i].path);
            }
        }

        n = xr_invalidation_cover(items, n);
    }

    return n;
}


/* RFC 1738 section 2.2, and what would end a path or be a wildcard. */

static bool
xr_invalidation_unsafe(uint8_t c)
{
    return c <= 0x20 || c >= 0x7f
           || strchr("\"<>#%{}|\\^~[]`?*", (int) c) != NULL;
}


void
xr_invalidation_path(xr_str_t prefix, const xr_invalidation_t *item,
    xr_buf_t *out)
{
    size_t  i;

    static const char  digits[] = "0123456789ABCDEF";

    xr_buf_put(out, prefix);

    for (i = 0; i < item->path.len; i++) {

        if (!xr_invalidation_unsafe(item->path.data[i])) {
            xr_buf_putc(out, item->path.data[i]);
            continue;
        }

        xr_buf_putc(out, '%');
        xr_buf_putc(out, (uint8_t) digits[item->path.data[i] >> 4]);
        xr_buf_putc(out, (uint8_t) digits[item->path.data[i] & 15]);
    }

    if (item->all) {
        xr_buf_putc(out, '*');
    }
}


const char *
xr_invalidation_prefix(xr_str_t prefix)
{
    size_t  i;

    if (prefix.len == 0 || prefix.data[0] != '/'
        || prefix.data[prefix.len - 1] != '/')
    {
        return "does not begin and end with \"/\"";
    }

    if (prefix.len > XR_INVALIDATION_PATH_MAX / 8) {
        return "is too long";
    }

    for (i = 0; i < prefix.len; i++) {

        if (prefix.data[i] != '%' && xr_invalidation_unsafe(prefix.data[i])) {
            return "has a character that has to be percent-encoded";
        }

        if (i > 0 && prefix.data[i] == '/' && prefix.data[i - 1] == '/') {
            return "has an empty segment";
        }
    }

    return NULL;
}


static void
xr_invalidation_text(xr_str_t s, xr_buf_t *out)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {

        switch (s.data[i]) {

        case '&':
            xr_buf_puts(out, "&amp;");
            break;

        case '<':
            xr_buf_puts(out, "&lt;");
            break;

        case '>':
            xr_buf_puts(out, "&gt;");
            break;

        default:
            xr_buf_putc(out, s.data[i]);
            break;
        }
    }
}


void
xr_invalidation_begin(size_t n, xr_buf_t *out)
{
    xr_buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                "<InvalidationBatch xmlns=\"http://cloudfront.amazonaws.com/"
                "doc/2020-05-31/\"><Paths><Quantity>");
    xr_buf_uint(out, n);
    xr_buf_puts(out, "</Quantity><Items>");
}


void
xr_invalidation_item(xr_str_t path, xr_buf_t *out)
{
    xr_buf_puts(out, "<Path>");
    xr_invalidation_text(path, out);
    xr_buf_puts(out, "</Path>");
}


void
xr_invalidation_end(xr_str_t reference, xr_buf_t *out)
{
    xr_buf_puts(out, "</Items></Paths><CallerReference>");
    xr_invalidation_text(reference, out);
    xr_buf_puts(out, "</CallerReference></InvalidationBatch>");
}
