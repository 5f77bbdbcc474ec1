/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_PUBLISHED_H
#define XRW_PUBLISHED_H


#include "history.h"


/* What an origin has below "<object>.xr/", of objects that have anything. */

typedef struct {
    const char  *key;
    const char  *name;                  /* of it, below the folder */
    uint64_t     size;
    int64_t      modified;              /* Unix time; -1: not known */
} xrw_part_t;


typedef struct xrw_published_s  xrw_published_t;

struct xrw_published_s {
    xrw_published_t  *next;
    const char       *object;
    const char       *modified;         /* of the manifest; NULL: none */
    xrw_versions_t    versions;
    xrw_part_t       *parts;            /* neither of these */
    size_t            n;
    size_t            room;
};


/* All of objects whose keys begin so. */
xr_rc_t xrw_published_below(xrw_arena_t *arena, xr_s3_t *s3, xr_str_t prefix,
    xrw_published_t **out);

/* Of one object; "*out" is NULL where there is nothing. */
xr_rc_t xrw_published_one(xrw_arena_t *arena, xr_s3_t *s3,
    const char *object, xrw_published_t **out);

/* As an origin writes it, or -1. */
int64_t xrw_published_time(const char *modified);


#endif /* XRW_PUBLISHED_H */
