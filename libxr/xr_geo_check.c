/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_geo.h"


/*
 * The format of MaxMind DB files, version 2.0: "Output Data Section".
 * libmaxminddb passes over values by calling itself, as deep as they are
 * nested, follows pointers in the metadata as often as there are any, and
 * leaks memory where those are no good.
 */

#define XR_GEO_CHECK_DEPTH    32
#define XR_GEO_CHECK_ENTRIES  1024      /* in one value, without pointers */
#define XR_GEO_CHECK_STEPS    65536     /* for the metadata */

#define XR_GEO_CHECK_METADATA  (128 * 1024)


enum {
    XR_GEO_EXTENDED = 0,
    XR_GEO_POINTER,
    XR_GEO_STRING,
    XR_GEO_DOUBLE,
    XR_GEO_BYTES,
    XR_GEO_UINT16,
    XR_GEO_UINT32,
    XR_GEO_MAP,
    XR_GEO_INT32,
    XR_GEO_UINT64,
    XR_GEO_UINT128,
    XR_GEO_ARRAY,
    XR_GEO_BOOLEAN = 14,
    XR_GEO_FLOAT
};


/* A value, whose payload or elements begin at "at". */

typedef struct {
    unsigned  type;
    uint32_t  size;                     /* bytes, or elements */
    uint32_t  pointer;
    size_t    at;
} xr_geo_value_t;


static xr_rc_t xr_geo_check_walk(xr_geo_check_t *check, size_t *at,
    unsigned depth, uint32_t *entries);


/* A number of "n" bytes, which are there. */

static xr_rc_t
xr_geo_check_number(const xr_geo_check_t *check, size_t *at, unsigned n,
    uint32_t *out)
{
    uint32_t  value;

    if (check->data.len - *at < n) {
        return XR_INVALID;
    }

    for (value = 0; n > 0; n--) {
        value = value << 8 | check->data.data[(*at)++];
    }

    *out = value;

    return XR_OK;
}


static xr_rc_t
xr_geo_check_pointer(const xr_geo_check_t *check, unsigned control,
    xr_geo_value_t *v)
{
    unsigned  n;
    uint32_t  high;

    static const uint32_t  bases[] = { 0, 2048, 526336, 0 };

    n = (control >> 3) & 3;
    high = (n == 3) ? 0 : (control & 7) << (8 * (n + 1));

    if (xr_geo_check_number(check, &v->at, n + 1, &v->pointer) != XR_OK) {
        return XR_INVALID;
    }

    v->pointer += high + bases[n];

    return (v->pointer < check->data.len) ? XR_OK : XR_INVALID;
}


/* How long a value is, by its control byte and up to three that follow. */

static xr_rc_t
xr_geo_check_size(const xr_geo_check_t *check, unsigned control,
    xr_geo_value_t *v)
{
    static const uint32_t  bases[] = { 29, 285, 65821 };

    v->size = control & 31;

    if (v->size < 29) {
        return XR_OK;
    }

    control = v->size - 29;

    if (xr_geo_check_number(check, &v->at, control + 1, &v->size) != XR_OK) {
        return XR_INVALID;
    }

    v->size += bases[control];

    return XR_OK;
}


/* Numbers have so many bytes at most, those with a point all of them. */

static bool
xr_geo_check_fits(const xr_geo_value_t *v)
{
    switch (v->type) {

    case XR_GEO_DOUBLE:
        return v->size == 8;

    case XR_GEO_FLOAT:
        return v->size == 4;

    case XR_GEO_UINT16:
        return v->size <= 2;

    case XR_GEO_UINT32:
    case XR_GEO_INT32:
        return v->size <= 4;

    case XR_GEO_UINT64:
        return v->size <= 8;

    case XR_GEO_UINT128:
        return v->size <= 16;

    case XR_GEO_BOOLEAN:
        return v->size <= 1;

    default:
        return true;
    }
}


static xr_rc_t
xr_geo_check_control(const xr_geo_check_t *check, size_t at,
    xr_geo_value_t *v)
{
    uint32_t  control, type;

    v->at = at;

    if (xr_geo_check_number(check, &v->at, 1, &control) != XR_OK) {
        return XR_INVALID;
    }

    v->type = control >> 5;

    if (v->type == XR_GEO_POINTER) {
        return xr_geo_check_pointer(check, control, v);
    }

    if (v->type == XR_GEO_EXTENDED) {

        if (xr_geo_check_number(check, &v->at, 1, &type) != XR_OK) {
            return XR_INVALID;
        }

        v->type = type + 7;

        if (v->type <= XR_GEO_MAP || v->type > XR_GEO_FLOAT
            || v->type == XR_GEO_ARRAY + 1 || v->type == XR_GEO_ARRAY + 2)
        {
            return XR_INVALID;
        }
    }

    return (xr_geo_check_size(check, control, v) == XR_OK
            && xr_geo_check_fits(v))
           ? XR_OK : XR_INVALID;
}


/* What stands at "at", or where that points to. */

static xr_rc_t
xr_geo_check_follow(const xr_geo_check_t *check, size_t at, xr_geo_value_t *v)
{
    xr_rc_t  rc;

    rc = xr_geo_check_control(check, at, v);

    return (rc == XR_OK && v->type == XR_GEO_POINTER)
           ? xr_geo_check_control(check, v->pointer, v) : rc;
}


/* Map keys are strings. */

static xr_rc_t
xr_geo_check_key(const xr_geo_check_t *check, size_t at)
{
    xr_geo_value_t  v;

    return (xr_geo_check_follow(check, at, &v) == XR_OK
            && v.type == XR_GEO_STRING)
           ? XR_OK : XR_INVALID;
}


static xr_rc_t
xr_geo_check_elements(xr_geo_check_t *check, const xr_geo_value_t *v,
    size_t *at, unsigned depth, uint32_t *entries)
{
    uint32_t  i;

    *at = v->at;

    for (i = 0; i < v->size; i++) {

        if (v->type == XR_GEO_MAP
            && (xr_geo_check_key(check, *at) != XR_OK
                || xr_geo_check_walk(check, at, depth, entries) != XR_OK))
        {
            return XR_INVALID;
        }

        if (xr_geo_check_walk(check, at, depth, entries) != XR_OK) {
            return XR_INVALID;
        }
    }

    return XR_OK;
}


/* What is pointed to, no pointer again, unless it was looked at before. */

static xr_rc_t
xr_geo_check_target(xr_geo_check_t *check, uint32_t pointer, unsigned depth)
{
    size_t    at;
    uint8_t   bit;
    uint32_t  entries;

    if (check->seen != NULL) {
        bit = (uint8_t) (1 << (pointer % 8));

        if (check->seen[pointer / 8] & bit) {
            return XR_OK;
        }

        check->seen[pointer / 8] |= bit;
    }

    at = pointer;
    entries = XR_GEO_CHECK_ENTRIES;

    return xr_geo_check_walk(check, &at, depth, &entries);
}


/* A value with all that is in it; "*at" is then behind it. */

static xr_rc_t
xr_geo_check_walk(xr_geo_check_t *check, size_t *at, unsigned depth,
    uint32_t *entries)
{
    xr_geo_value_t  v, target;

    if (depth == XR_GEO_CHECK_DEPTH || check->steps == 0 || *entries == 0
        || xr_geo_check_control(check, *at, &v) != XR_OK)
    {
        return XR_INVALID;
    }

    check->steps--;
    (*entries)--;

    switch (v.type) {

    case XR_GEO_POINTER:

        if (xr_geo_check_control(check, v.pointer, &target) != XR_OK
            || target.type == XR_GEO_POINTER)
        {
            return XR_INVALID;
        }

        *at = v.at;
        return xr_geo_check_target(check, v.pointer, depth + 1);

    case XR_GEO_MAP:
    case XR_GEO_ARRAY:
        return xr_geo_check_elements(check, &v, at, depth + 1, entries);

    case XR_GEO_BOOLEAN:
        *at = v.at;
        return XR_OK;

    default:

        if (v.size > check->data.len - v.at) {
            return XR_INVALID;
        }

        *at = v.at + v.size;

        return XR_OK;
    }
}


xr_rc_t
xr_geo_check_value(xr_geo_check_t *check, uint32_t offset)
{
    return (offset < check->data.len) ? xr_geo_check_target(check, offset, 0)
                                      : XR_INVALID;
}


/* Whether a container, which has been walked, has nothing but strings. */

static xr_rc_t
xr_geo_check_strings(xr_geo_check_t *check, size_t at)
{
    uint32_t        i, n, entries;
    xr_geo_value_t  v;

    if (xr_geo_check_follow(check, at, &v) != XR_OK
        || (v.type != XR_GEO_MAP && v.type != XR_GEO_ARRAY))
    {
        return XR_INVALID;
    }

    at = v.at;
    n = (v.type == XR_GEO_MAP) ? 2 * v.size : v.size;
    entries = XR_GEO_CHECK_ENTRIES;

    for (i = 0; i < n; i++) {

        if (xr_geo_check_key(check, at) != XR_OK
            || xr_geo_check_walk(check, &at, 0, &entries) != XR_OK)
        {
            return XR_INVALID;
        }
    }

    return XR_OK;
}


/* The map at the beginning, walked before; two of its values are lists. */

static xr_rc_t
xr_geo_check_lists(xr_geo_check_t *check)
{
    size_t          at;
    uint32_t        i, entries;
    xr_str_t        key;
    xr_geo_value_t  map, v;

    if (xr_geo_check_follow(check, 0, &map) != XR_OK
        || map.type != XR_GEO_MAP)
    {
        return XR_INVALID;
    }

    at = map.at;
    entries = XR_GEO_CHECK_ENTRIES;

    for (i = 0; i < map.size; i++) {

        if (xr_geo_check_follow(check, at, &v) != XR_OK
            || xr_geo_check_walk(check, &at, 0, &entries) != XR_OK)
        {
            return XR_INVALID;
        }

        key = xr_str_of(check->data.data + v.at, v.size);

        if ((xr_str_eq(key, xr_str("languages"))
             || xr_str_eq(key, xr_str("description")))
            && xr_geo_check_strings(check, at) != XR_OK)
        {
            return XR_INVALID;
        }

        if (xr_geo_check_walk(check, &at, 0, &entries) != XR_OK) {
            return XR_INVALID;
        }
    }

    return XR_OK;
}


xr_rc_t
xr_geo_check_metadata(xr_str_t bytes)
{
    size_t          i, last;
    xr_geo_check_t  check;

    static const xr_str_t  marker = XR_STR("\xab\xcd\xefMaxMind.com");

    /* libmaxminddb takes the last one, too, and looks no further back */

    last = bytes.len;
    i = (bytes.len > XR_GEO_CHECK_METADATA)
        ? bytes.len - XR_GEO_CHECK_METADATA : 0;

    for ( /* void */ ; i + marker.len <= bytes.len; i++) {

        if (xr_str_eq(xr_str_of(bytes.data + i, marker.len), marker)) {
            last = i + marker.len;
        }
    }

    if (last == bytes.len) {
        return XR_INVALID;
    }

    check.data = xr_str_of(bytes.data + last, bytes.len - last);
    check.seen = NULL;
    check.steps = XR_GEO_CHECK_STEPS;

    return (xr_geo_check_value(&check, 0) == XR_OK)
           ? xr_geo_check_lists(&check) : XR_INVALID;
}
