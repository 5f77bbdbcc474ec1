/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* Byte by byte: jansson itself knows what is UTF-8. */

static json_t *
xrw_json_repair(xr_str_t s)
{
    char    *text;
    size_t   n, len;
    json_t  *value, *piece;

    text = malloc(s.len * 3 + 1);
    n = 0;

    while (text != NULL && s.len > 0) {
        piece = NULL;

        for (len = 1; len <= 4 && len <= s.len && piece == NULL; len++) {
            piece = json_stringn((const char *) s.data, len);
        }

        len = (piece != NULL) ? len - 1 : 1;
        memcpy(text + n, piece != NULL ? (const char *) s.data : "\xef\xbf\xbd",
               piece != NULL ? len : 3);
        n += (piece != NULL) ? len : 3;

        s.data += len;
        s.len -= len;

        json_decref(piece);
    }

    value = (text != NULL) ? json_stringn(text, n) : NULL;
    free(text);

    return value;
}


json_t *
xrw_json_text(xr_str_t s)
{
    json_t  *value;

    value = json_stringn((const char *) s.data, s.len);

    return (value != NULL) ? value : xrw_json_repair(s);
}


void
xrw_json_print(json_t *value)
{
    (void) json_dumpf(value, stdout, JSON_COMPACT);
    (void) putchar('\n');

    json_decref(value);
}


void
xrw_json_line(xr_str_t key, uint64_t size, const char *etag,
    const char *name1, const char *value1, const char *name2,
    const char *value2)
{
    json_t  *line;

    line = json_object();

    (void) json_object_set_new(line, "key", xrw_json_text(key));
    (void) json_object_set_new(line, "size", json_integer((json_int_t) size));
    (void) json_object_set_new(line, "etag", xrw_json_text(xr_str(etag)));

    if (value1 != NULL) {
        (void) json_object_set_new(line, name1,
                                   xrw_json_text(xr_str(value1)));
    }

    if (value2 != NULL) {
        (void) json_object_set_new(line, name2,
                                   xrw_json_text(xr_str(value2)));
    }

    xrw_json_print(line);
}
