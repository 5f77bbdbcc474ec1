/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_JSON_H
#define XR_JSON_H


#include "xr_buf.h"


/*
 * A strict reader of JSON (RFC 8259) over the caller's bytes: tokens, key
 * sets, policies and tenant files.  It allocates nothing, and its values are
 * views into the text, so the line of whatever is wrong can be told.
 *
 * A text is checked once as a whole; iterators walk over checked text only.
 */

typedef enum {
    XR_JSON_NULL = 0,
    XR_JSON_FALSE,
    XR_JSON_TRUE,
    XR_JSON_NUMBER,
    XR_JSON_STRING,
    XR_JSON_ARRAY,
    XR_JSON_OBJECT
} xr_json_type_t;


typedef struct {
    xr_json_type_t  type;
    bool            escaped;        /* a string with a "\" in it */
    xr_str_t        raw;            /* a string: without its quotes */
} xr_json_t;


#define XR_JSON_MAX_DEPTH    16
#define XR_JSON_MAX_MEMBERS  128

typedef struct {
    size_t  depth;                  /* 1 to XR_JSON_MAX_DEPTH */
    size_t  members;                /* of all objects together, all distinct
                                       within theirs; 0: any number, and the
                                       reader looks for duplicates itself */
} xr_json_limits_t;


/*
 * Checks that "text" is one value, surrounded by white space at most: the
 * grammar, UTF-8, no lone surrogate escapes, no duplicate member names (as
 * they read once unescaped), the limits.  Sets "root" on success.  A byte
 * order mark is refused.
 */
xr_rc_t xr_json_check(xr_str_t text, const xr_json_limits_t *limits,
    xr_json_t *root, xr_err_t *err);


/* The members of an object or the elements of an array, in their order. */

typedef struct {
    const uint8_t  *pos;
    const uint8_t  *end;
    bool            object;
} xr_json_iter_t;


/* "v" is of checked text; what is no array or object has no elements. */
xr_json_iter_t xr_json_iter(const xr_json_t *v);

/* "name" is a string, or NULL; it is not written for elements. */
bool xr_json_next(xr_json_iter_t *it, xr_json_t *name, xr_json_t *value);

/* Whether the string "v" reads "s" once unescaped; false for other types. */
bool xr_json_is(const xr_json_t *v, xr_str_t s);

/* The member "name" of an object; XR_NOT_FOUND. */
xr_rc_t xr_json_get(const xr_json_t *object, xr_str_t name, xr_json_t *out);

/*
 * The text of a string: a view of the input where nothing is escaped,
 * otherwise unescaped into "b".  XR_INVALID: not a string; XR_NO_SPACE.
 */
xr_rc_t xr_json_text(const xr_json_t *v, xr_buf_t *b, xr_str_t *out);

/*
 * A number as an integer, what is behind a decimal point being dropped, as
 * RFC 7519's NumericDate wants it.  XR_INVALID: no number, or beyond +-2^53.
 */
xr_rc_t xr_json_int(const xr_json_t *v, int64_t *out);


#endif /* XR_JSON_H */
