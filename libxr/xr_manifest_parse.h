/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_MANIFEST_PARSE_H
#define XR_MANIFEST_PARSE_H


#include "xr_json.h"
#include "xr_manifest_image.h"


/* How a manifest's text is read; for the xr_manifest*.c files only. */

typedef struct {
    xr_str_t   text;
    xr_buf_t  *out;
    xr_err_t  *err;

    size_t     n;                       /* variants so far, with their ids */
    xr_str_t   ids[XR_MANIFEST_VARIANTS];
} xr_manifest_parse_t;


static inline bool
xr_manifest_given(const xr_json_t *v)
{
    return v->raw.data != NULL;
}


/* Fails at "v"; XR_INVALID. */
xr_rc_t xr_manifest_value_fail(const xr_manifest_parse_t *p,
    const xr_json_t *v, const char *what);

/*
 * The members of an object that have one of "n" names, each at most once;
 * those with others are ignored.  Absent ones get no data.
 */
xr_rc_t xr_manifest_value_object(const xr_manifest_parse_t *p,
    const xr_json_t *object, const xr_str_t *names, size_t n,
    xr_json_t *values);

xr_rc_t xr_manifest_value_array(const xr_manifest_parse_t *p,
    const xr_json_t *v);

/* An integer from 0 to "max", with neither point nor exponent. */
xr_rc_t xr_manifest_value_uint(const xr_manifest_parse_t *p,
    const xr_json_t *v, uint64_t max, uint64_t *out);
xr_rc_t xr_manifest_value_uint32(const xr_manifest_parse_t *p,
    const xr_json_t *v, uint32_t max, uint32_t *out);

/* Text of 1 to "max" bytes, which is put into the image. */
xr_rc_t xr_manifest_value_text(const xr_manifest_parse_t *p,
    const xr_json_t *v, size_t max, xr_manifest_ref_t *out);

/* [a-z0-9][a-z0-9._-]{0,63}, likewise. */
xr_rc_t xr_manifest_value_id(const xr_manifest_parse_t *p,
    const xr_json_t *v, xr_manifest_ref_t *out);

/* What a reference of the image that is being made refers to. */
xr_str_t xr_manifest_value_ref(const xr_manifest_parse_t *p,
    xr_manifest_ref_t ref);

/* The variant that the string "v" names. */
xr_rc_t xr_manifest_value_known(const xr_manifest_parse_t *p,
    const xr_json_t *v, size_t *variant);

/*
 * A name below the folder of the manifest, which needs no escape anywhere;
 * and a media type without parameters, by that name if "v" was not given.
 */
xr_rc_t xr_manifest_variant_path(const xr_manifest_parse_t *p,
    const xr_json_t *v, xr_manifest_ref_t *out);
xr_rc_t xr_manifest_variant_type(const xr_manifest_parse_t *p,
    const xr_json_t *v, xr_manifest_ref_t path, xr_manifest_ref_t *out);

/* The array that "links" of a variant is. */
xr_rc_t xr_manifest_links_parse(const xr_manifest_parse_t *p,
    const xr_json_t *v, xr_manifest_record_t *out);

/* A variant, but for its "alts". */
xr_rc_t xr_manifest_variant_parse(xr_manifest_parse_t *p, const xr_json_t *v,
    xr_manifest_record_t *out);

/* The object that "split" is. */
xr_rc_t xr_manifest_split_parse(xr_manifest_parse_t *p, const xr_json_t *v,
    xr_manifest_head_t *head);


#endif /* XR_MANIFEST_PARSE_H */
