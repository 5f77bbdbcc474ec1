/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "published.h"
#include "cli.h"
#include "when.h"

#include <string.h>


typedef struct {
    xrw_arena_t      *arena;
    xrw_published_t  *first;
    xrw_published_t  *last;
} xrw_published_walk_t;


int64_t
xrw_published_time(const char *modified)
{
    int64_t  t;

    return xrw_when(modified, 0, &t) ? t : -1;
}


/* The object that has "key" below its folder, and what it is called there. */

static bool
xrw_published_parts(xr_str_t key, xr_str_t *object, xr_str_t *name)
{
    size_t    i;
    xr_str_t  rest;

    for (i = 1; i + sizeof(".xr/") - 1 < key.len; i++) {
        rest = xr_str_of(key.data + i, key.len - i);

        if (xr_str_starts(rest, xr_str(".xr/"))) {
            *object = xr_str_of(key.data, i);
            xr_str_skip(&rest, sizeof(".xr/") - 1);
            *name = rest;

            return key.data[i - 1] != '/';
        }
    }

    return false;
}


static xrw_published_t *
xrw_published_get(xrw_published_walk_t *walk, xr_str_t object)
{
    xrw_published_t  *p;

    p = walk->last;

    /* keys come in order, so those of an object come together */

    if (p != NULL && xr_str_eq(xr_str(p->object), object)) {
        return p;
    }

    p = xrw_alloc(walk->arena, sizeof(xrw_published_t));
    p->object = xrw_text(walk->arena, object);

    if (walk->last != NULL) {
        walk->last->next = p;

    } else {
        walk->first = p;
    }

    walk->last = p;

    return p;
}


static void
xrw_published_part(xrw_arena_t *arena, xrw_published_t *p, xr_str_t name,
    const xr_s3_object_t *object)
{
    xrw_part_t  *parts;

    if (p->n == p->room) {
        p->room = p->room > 0 ? p->room * 2 : 32;
        parts = xrw_alloc(arena, p->room * sizeof(xrw_part_t));

        if (p->n > 0) {
            memcpy(parts, p->parts, p->n * sizeof(xrw_part_t));
        }

        p->parts = parts;
    }

    p->parts[p->n++] = (xrw_part_t) {
        .key = xrw_text(arena, object->key),
        .name = xrw_text(arena, name),
        .size = object->size,
        .modified = xrw_published_time(object->modified)
    };
}


static bool
xrw_published_object(void *ctx, const xr_s3_object_t *object)
{
    xr_str_t          source, name;
    xrw_published_t  *p;

    xrw_published_walk_t *walk = ctx;

    if (!xrw_published_parts(object->key, &source, &name)) {
        return xrw_stop == 0;
    }

    p = xrw_published_get(walk, source);

    if (xr_str_eq(name, xr_str("manifest.json"))) {
        p->modified = xrw_text(walk->arena, xr_str(object->modified));

    } else if (xr_str_starts(name, xr_str("history/"))) {
        xr_str_skip(&name, sizeof("history/") - 1);
        xrw_history_add(walk->arena, &p->versions, name, object);

    } else {
        xrw_published_part(walk->arena, p, name, object);
    }

    return xrw_stop == 0;
}


xr_rc_t
xrw_published_below(xrw_arena_t *arena, xr_s3_t *s3, xr_str_t prefix,
    xrw_published_t **out)
{
    xr_rc_t               rc;
    xrw_published_walk_t  walk;

    walk = (xrw_published_walk_t) { arena, NULL, NULL };
    rc = xr_s3_list(s3, prefix, xrw_published_object, &walk);
    *out = walk.first;

    return rc;
}


xr_rc_t
xrw_published_one(xrw_arena_t *arena, xr_s3_t *s3, const char *object,
    xrw_published_t **out)
{
    return xrw_published_below(arena, s3,
                               xr_str(xrw_format(arena, "%s.xr/", object)),
                               out);
}
