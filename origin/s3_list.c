/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "s3_request.h"
#include "xr_path.h"

#include <stdlib.h>
#include <string.h>


/* Answers that come in pages: ListObjectsV2 and ListParts. */

typedef struct {
    char      *key;
    size_t     key_len;
    uint64_t   size;
    char       modified[32];
    char       etag[XR_S3_ETAG_SIZE];
} xr_s3_entry_t;


typedef struct {
    xr_s3_entry_t   *entries;
    size_t           n;
    size_t           room;

    xr_s3_entry_t    next;              /* the element being read */
    unsigned         number;            /* ListParts: its part */

    bool             encoded;           /* keys are, as for URLs */
    bool             more;
    char            *token;             /* where the next page begins */

    xr_s3_part_t    *parts;
    unsigned         nparts;
    bool             failed;
} xr_s3_page_t;


static void
xr_s3_page_free(xr_s3_page_t *page)
{
    size_t  i;

    for (i = 0; i < page->n; i++) {
        free(page->entries[i].key);
    }

    free(page->entries);
    free(page->next.key);
    free(page->token);
}


static uint64_t
xr_s3_page_number(xr_s3_page_t *page, xr_str_t text)
{
    uint64_t  n;

    text = xr_str_trim(text);

    if (xr_str_uint(&text, &n) != XR_OK || text.len > 0) {
        page->failed = true;
        return 0;
    }

    return n;
}


static void
xr_s3_page_text(xr_s3_page_t *page, char **out, xr_str_t text)
{
    free(*out);
    *out = calloc(1, text.len + 1);

    if (*out == NULL) {
        page->failed = true;
        return;
    }

    if (text.len > 0) {
        memcpy(*out, text.data, text.len);
    }
}


static void
xr_s3_page_push(xr_s3_page_t *page)
{
    size_t          room;
    xr_s3_entry_t  *entries;

    if (page->next.key == NULL) {
        page->failed = true;
        return;
    }

    if (page->n == page->room) {
        room = page->room > 0 ? page->room * 2 : 256;
        entries = realloc(page->entries, room * sizeof(xr_s3_entry_t));

        if (entries == NULL) {
            page->failed = true;
            return;
        }

        page->entries = entries;
        page->room = room;
    }

    page->entries[page->n++] = page->next;
    page->next = (xr_s3_entry_t) { 0 };
}


static void
xr_s3_page_object(xr_s3_page_t *page, const char *name, xr_str_t text)
{
    if (strcmp(name, "Key") == 0) {
        xr_s3_page_text(page, &page->next.key, text);
        page->next.key_len = text.len;

    } else if (strcmp(name, "Size") == 0) {
        page->next.size = xr_s3_page_number(page, text);

    } else if (strcmp(name, "LastModified") == 0) {
        xr_s3_copy(page->next.modified, sizeof(page->next.modified), text);

    } else if (strcmp(name, "ETag") == 0) {
        xr_s3_copy(page->next.etag, sizeof(page->next.etag),
                   xr_s3_unquote(text));
    }
}


static void
xr_s3_page_objects(void *ctx, const char *parent, const char *name,
    xr_str_t text)
{
    xr_s3_page_t *page = ctx;

    if (strcmp(parent, "Contents") == 0) {
        xr_s3_page_object(page, name, text);
        return;
    }

    if (strcmp(parent, "ListBucketResult") != 0) {
        return;
    }

    if (strcmp(name, "Contents") == 0) {
        xr_s3_page_push(page);

    } else if (strcmp(name, "EncodingType") == 0) {
        page->encoded = xr_str_eq(text, xr_str("url"));

    } else if (strcmp(name, "IsTruncated") == 0) {
        page->more = xr_str_eq(text, xr_str("true"));

    } else if (strcmp(name, "NextContinuationToken") == 0) {
        xr_s3_page_text(page, &page->token, text);
    }
}


/* As a form is decoded: S3 itself writes a space as "+". */

static bool
xr_s3_page_decode(xr_s3_entry_t *entry)
{
    int     high, low;
    char   *key;
    size_t  i, n;

    key = entry->key;
    n = 0;

    for (i = 0; i < entry->key_len; i++) {

        if (key[i] == '+') {
            key[n++] = ' ';
            continue;
        }

        if (key[i] != '%') {
            key[n++] = key[i];
            continue;
        }

        /* the text ends with a NUL, which is no digit */

        high = xr_hex_digit((uint8_t) key[i + 1]);
        low = (high >= 0) ? xr_hex_digit((uint8_t) key[i + 2]) : -1;

        if (low < 0) {
            return false;
        }

        key[n++] = (char) (high << 4 | low);
        i += 2;
    }

    entry->key_len = n;

    return true;
}


/* Hands a page on; false: the receiver has had enough. */

static xr_rc_t
xr_s3_page_give(xr_s3_t *s3, xr_str_t prefix, xr_s3_page_t *page, bool *go_on,
    bool (*object)(void *ctx, const xr_s3_object_t *object), void *ctx)
{
    bool            asked;
    size_t          i, skip;
    xr_s3_entry_t  *entry;
    xr_s3_object_t  o;

    skip = strlen(s3->prefix);

    for (i = 0; i < page->n && *go_on; i++) {
        entry = &page->entries[i];

        if (page->encoded && !xr_s3_page_decode(entry)) {
            return xr_s3_fail(s3, XR_INVALID, "the listing has a broken key");
        }

        o.key = xr_str_of(entry->key, entry->key_len);
        asked = xr_str_starts(o.key, xr_str(s3->prefix));

        if (asked) {
            xr_str_skip(&o.key, skip);
            asked = xr_str_starts(o.key, prefix);
        }

        if (!asked) {
            return xr_s3_fail(s3, XR_INVALID,
                              "the listing has a key that was not asked for");
        }

        o.size = entry->size;
        o.modified = entry->modified;
        o.etag = entry->etag;

        *go_on = object(ctx, &o);
    }

    return XR_OK;
}


/* Queries are sorted by name. */

static char *
xr_s3_list_query(xr_s3_t *s3, xr_str_t prefix, const char *token)
{
    char      *query;
    size_t     size;
    xr_buf_t   buf;

    size = 128 + 3 * (strlen(s3->prefix) + prefix.len + strlen(token));
    query = calloc(1, size);

    if (query == NULL) {
        return NULL;
    }

    buf = xr_buf(query, size - 1);

    if (token[0] != '\0') {
        xr_buf_puts(&buf, "continuation-token=");
        xr_path_encode_value(xr_str(token), &buf);
        xr_buf_putc(&buf, '&');
    }

    xr_buf_puts(&buf, "encoding-type=url&list-type=2&max-keys=1000&prefix=");
    xr_path_encode_value(xr_str(s3->prefix), &buf);
    xr_path_encode_value(prefix, &buf);

    return query;
}


static xr_rc_t
xr_s3_list_page(xr_s3_t *s3, xr_str_t prefix, const char *token,
    xr_s3_page_t *page)
{
    char             *query;
    xr_rc_t           rc;
    xr_s3_request_t   req;

    query = xr_s3_list_query(s3, prefix, token);

    if (query == NULL) {
        return xr_s3_fail(s3, XR_NO_SPACE, "out of memory");
    }

    req = (xr_s3_request_t) {
        .method = "GET", .path = s3->bucket, .query = xr_str(query)
    };

    rc = xr_s3_send(s3, &req);
    free(query);

    if (rc != XR_OK) {
        return rc;
    }

    rc = xr_s3_xml(xr_str_of(s3->answer, s3->answer_len), xr_s3_page_objects,
                   page);

    if (rc != XR_OK || page->failed
        || (page->more && (page->token == NULL
                           || strcmp(page->token, token) == 0)))
    {
        return xr_s3_fail(s3, XR_INVALID, "the listing makes no sense");
    }

    return XR_OK;
}


xr_rc_t
xr_s3_list(xr_s3_t *s3, xr_str_t prefix,
    bool (*object)(void *ctx, const xr_s3_object_t *object), void *ctx)
{
    bool          go_on;
    char         *token;
    xr_rc_t       rc;
    xr_s3_page_t  page;

    token = NULL;
    go_on = true;

    do {
        page = (xr_s3_page_t) { 0 };

        rc = xr_s3_list_page(s3, prefix, token != NULL ? token : "", &page);

        if (rc == XR_OK) {
            rc = xr_s3_page_give(s3, prefix, &page, &go_on, object, ctx);
        }

        free(token);
        token = page.token;
        page.token = NULL;

        go_on = go_on && page.more;
        xr_s3_page_free(&page);

    } while (rc == XR_OK && go_on);

    free(token);

    return rc;
}


static void
xr_s3_page_part(xr_s3_page_t *page)
{
    xr_s3_part_t  *part;

    if (page->number == 0 || page->number > page->nparts) {
        return;
    }

    part = &page->parts[page->number - 1];
    part->size = page->next.size;
    memcpy(part->etag, page->next.etag, sizeof(part->etag));

    page->number = 0;
    page->next = (xr_s3_entry_t) { 0 };
}


static void
xr_s3_page_parts(void *ctx, const char *parent, const char *name,
    xr_str_t text)
{
    uint64_t       n;
    xr_s3_page_t  *page = ctx;

    if (strcmp(parent, "Part") == 0) {

        if (strcmp(name, "PartNumber") == 0) {
            n = xr_s3_page_number(page, text);
            page->number = (n <= XR_S3_MAX_PARTS) ? (unsigned) n : 0;

        } else {
            xr_s3_page_object(page, name, text);
        }

        return;
    }

    if (strcmp(parent, "ListPartsResult") != 0) {
        return;
    }

    if (strcmp(name, "Part") == 0) {
        xr_s3_page_part(page);

    } else if (strcmp(name, "IsTruncated") == 0) {
        page->more = xr_str_eq(text, xr_str("true"));

    } else if (strcmp(name, "NextPartNumberMarker") == 0) {
        xr_s3_page_text(page, &page->token, text);
    }
}


static xr_rc_t
xr_s3_parts_page(xr_s3_t *s3, xr_s3_request_t *req, const char *id,
    const char *marker, xr_s3_page_t *page)
{
    char     *query, *value;
    size_t    size;
    xr_rc_t   rc;
    xr_buf_t  buf;

    size = 128 + 3 * (strlen(id) + strlen(marker));
    query = calloc(1, size);

    if (query == NULL) {
        return xr_s3_fail(s3, XR_NO_SPACE, "out of memory");
    }

    buf = xr_buf(query, size - 1);
    xr_buf_puts(&buf, "max-parts=1000&part-number-marker=");
    xr_path_encode_value(xr_str(marker), &buf);
    xr_buf_puts(&buf, "&uploadId=");
    xr_path_encode_value(xr_str(id), &buf);

    req->query = xr_buf_str(&buf);
    rc = xr_s3_send(s3, req);
    free(query);

    if (rc != XR_OK) {
        return rc;
    }

    rc = xr_s3_xml(xr_str_of(s3->answer, s3->answer_len), xr_s3_page_parts,
                   page);
    value = page->token;

    if (rc != XR_OK || page->failed
        || (page->more && (value == NULL || strcmp(value, marker) == 0)))
    {
        return xr_s3_fail(s3, XR_INVALID, "the list of parts makes no sense");
    }

    return XR_OK;
}


xr_rc_t
xr_s3_upload_parts(xr_s3_t *s3, xr_str_t key, const char *id,
    xr_s3_part_t *parts, unsigned n)
{
    bool              more;
    char             *path, *marker;
    xr_rc_t           rc;
    xr_s3_page_t      page;
    xr_s3_request_t   req;

    req = (xr_s3_request_t) { .method = "GET" };
    path = xr_s3_path(s3, key, &req.path);

    if (path == NULL) {
        return xr_s3_fail(s3, XR_NO_SPACE, "out of memory");
    }

    memset(parts, 0, n * sizeof(xr_s3_part_t));
    marker = NULL;

    do {
        page = (xr_s3_page_t) { .parts = parts, .nparts = n };

        rc = xr_s3_parts_page(s3, &req, id, marker != NULL ? marker : "0",
                              &page);

        free(marker);
        marker = page.token;
        page.token = NULL;
        more = page.more;

        xr_s3_page_free(&page);

    } while (rc == XR_OK && more);

    free(marker);
    free(path);

    return rc;
}
