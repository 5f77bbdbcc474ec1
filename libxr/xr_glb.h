/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_GLB_H
#define XR_GLB_H


#include "xr.h"


/*
 * Binary glTF 2.0, read from its beginning.  Where geometry was put in front
 * of images, the beginning of the file is all that a viewer needs to show the
 * shape: the head.
 */

#define XR_GLB_HEADER    12
#define XR_GLB_CHUNK     8                      /* length and type */

/* JSON of more bytes than this is not looked at. */

#define XR_GLB_JSON_MAX  (256 * 1024)


typedef struct {
    uint64_t  length;                           /* of the file */
    uint64_t  json;                             /* offset of the JSON, */
    uint64_t  json_length;
    uint64_t  bin;                              /* and of the binary data */
    uint64_t  bin_length;                       /* 0: there are none */
} xr_glb_t;


/*
 * Bytes of the file's beginning that are wanted to read it: more than "prefix"
 * has if it is not enough.
 */
uint64_t xr_glb_need(xr_str_t prefix);

/*
 * Reads header and chunks of a file of "length" bytes.  XR_NO_SPACE: "prefix"
 * has less than xr_glb_need().  XR_INVALID: no GLB, or one that contradicts
 * itself or its length; "err" says why in one word.
 */
xr_rc_t xr_glb_parse(xr_str_t prefix, uint64_t length, xr_glb_t *out,
    xr_err_t *err);

/*
 * The length of the head: header, JSON, and binary data up to the end of the
 * last buffer view that holds no image.  XR_DENIED: an image lies in front of
 * that, or what the JSON says is not understood.  "prefix" holds the JSON.
 */
xr_rc_t xr_glb_head(xr_str_t prefix, const xr_glb_t *glb, uint64_t *head,
    xr_err_t *err);


#endif /* XR_GLB_H */
