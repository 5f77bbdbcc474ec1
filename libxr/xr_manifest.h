/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_MANIFEST_H
#define XR_MANIFEST_H


#include "xr_buf.h"
#include "xr_crypto.h"
#include "xr_encoding.h"


/*
 * Manifests: the variants of an object, "xr-manifest" version 1.  The text is
 * compiled once into an image: one block without pointers, in the byte order
 * of the machine, which may be copied, stored and mapped anywhere, at any
 * alignment.
 *
 * An image may come from memory that others write: whatever is in it, reading
 * it stays inside of it and ends.
 */

#define XR_MANIFEST_TEXT_MAX   (256 * 1024)

#define XR_MANIFEST_VARIANTS   64
#define XR_MANIFEST_ID_MAX     64           /* of a variant or an arm */
#define XR_MANIFEST_NAME_MAX   256          /* "id" of the manifest */
#define XR_MANIFEST_REV_MAX    64
#define XR_MANIFEST_PATH_MAX   255
#define XR_MANIFEST_TYPE_MAX   127
#define XR_MANIFEST_ALTS       8            /* of one variant */
#define XR_MANIFEST_SEGMENTS   64           /* of one variant */
#define XR_MANIFEST_SEGMENT_NAME_MAX  32
#define XR_MANIFEST_LINKS      8            /* of one variant */
#define XR_MANIFEST_ARMS       8
#define XR_MANIFEST_SALT_MAX   64
#define XR_MANIFEST_WEIGHTS    10000        /* of all arms together */

/* No image is larger, and what is longer is none. */
#define XR_MANIFEST_IMAGE_MAX  (512 * 1024)


/* Texture memory by pixel format: what a texture costs a GPU. */

typedef enum {
    XR_MANIFEST_RGBA8 = 0,
    XR_MANIFEST_BPP8,
    XR_MANIFEST_BPP4,
    XR_MANIFEST_PIXELS
} xr_manifest_pixels_t;


/* What a companion file is fetched as, by the names of HTML's preload. */

typedef enum {
    XR_MANIFEST_AS_FETCH = 0,
    XR_MANIFEST_AS_FONT,
    XR_MANIFEST_AS_IMAGE,
    XR_MANIFEST_AS_SCRIPT,
    XR_MANIFEST_AS_STYLE,
    XR_MANIFEST_AS_TRACK,
    XR_MANIFEST_AS
} xr_manifest_as_t;


/* A bit of "uses", "classes" or "need_xr". */
#define XR_MANIFEST_BIT(n)  (1u << (n))


typedef struct {
    xr_str_t  id;
    xr_str_t  path;                 /* below the folder of the manifest */
    xr_str_t  type;                 /* media type; empty: not known */

    uint64_t  bytes;                /* without a content coding */
    uint64_t  encoded[XR_ENCODINGS];    /* bytes of the sibling, 0: there is
                                           none; of identity: "bytes" */
    uint8_t   sha256[XR_SHA256_SIZE];           /* without a content coding */

    uint32_t  tris;                 /* 0: not said, as are those below */
    uint32_t  draws;
    uint32_t  maxdim;               /* the longest edge of a texture */
    uint32_t  gpu[XR_MANIFEST_PIXELS];          /* kilobytes, of 1000 */
    uint8_t   q;                    /* 0 to 100 */
    bool      etc1s;                /* all its Basis textures are ETC1S */

    bool      need_unknown;         /* something that no device has */
    uint32_t  need_tex;             /* XR_TEX_*, all of them */
    uint32_t  need_geo;             /* XR_GEO_*, all of them */
    uint32_t  need_dim;
    uint32_t  need_mem;             /* GiB */
    uint32_t  need_xr;              /* bits of xr_session_t, all of them */

    uint32_t  uses;                 /* bits of xr_use_t */
    uint32_t  classes;              /* bits of xr_class_t: those that it is
                                       preferred for */
    size_t    nalts;
    size_t    nsegments;
    size_t    nlinks;

    uint32_t  alts_pos;             /* for the functions below only */
    uint32_t  segments_pos;
    uint32_t  links_pos;
} xr_manifest_variant_t;


typedef struct {
    xr_str_t  name;
    uint64_t  offset;
    uint64_t  bytes;
} xr_manifest_segment_t;


/* A companion file of a variant: what its viewer will ask for next. */

typedef struct {
    xr_str_t          path;         /* as the variant's own */
    xr_str_t          type;         /* likewise */
    xr_manifest_as_t  as;
} xr_manifest_link_t;


/* An arm of a split: some variants, for a share of those who ask. */

typedef struct {
    xr_str_t  name;
    uint32_t  weight;
    uint64_t  variants;             /* a bit for each */
} xr_manifest_arm_t;


#define XR_MANIFEST_NONE  -1

typedef struct {
    xr_str_t  image;
    size_t    n;                    /* variants, at least 1 */
    int       fallback;             /* a variant, or XR_MANIFEST_NONE */
    int       preset;               /* "default", likewise */
    xr_str_t  id;                   /* empty: not said; "rev" likewise */
    xr_str_t  rev;
    xr_str_t  salt;                 /* of the split */
    size_t    narms;                /* 0: there is no split */
} xr_manifest_t;


/*
 * Reads "json" into an image in "out", which is empty and has room for
 * XR_MANIFEST_IMAGE_MAX; only XR_OK means that there is one.  XR_INVALID:
 * err->pos is where, for xr_str_line(), and err->what continues a sentence.
 */
xr_rc_t xr_manifest_compile(xr_str_t json, xr_buf_t *out, xr_err_t *err);

/* Whether it is an image; "out" has views into it. */
bool xr_manifest_open(xr_str_t image, xr_manifest_t *out);


/*
 * False: there is no such variant, arm, segment, companion or alternative,
 * and nothing is written; or the image is damaged there.
 */

bool xr_manifest_variant(const xr_manifest_t *m, size_t i,
    xr_manifest_variant_t *out);
bool xr_manifest_arm(const xr_manifest_t *m, size_t i, xr_manifest_arm_t *out);
bool xr_manifest_segment(const xr_manifest_t *m,
    const xr_manifest_variant_t *v, size_t i, xr_manifest_segment_t *out);

bool xr_manifest_link(const xr_manifest_t *m, const xr_manifest_variant_t *v,
    size_t i, xr_manifest_link_t *out);

/* "fetch", "image" */
xr_str_t xr_manifest_as_name(xr_manifest_as_t as);

/* The variant to send where "v" is missing, the better ones first. */
bool xr_manifest_alt(const xr_manifest_t *m, const xr_manifest_variant_t *v,
    size_t i, size_t *variant);

/* The variant of that id; XR_MANIFEST_NONE. */
int xr_manifest_find(const xr_manifest_t *m, xr_str_t id);


/*
 * Names of objects, as the origin has them: the manifest of "object", and a
 * variant or a sibling of it: "<object>.xr/<path>[.br|.zst|.gz]".
 */
void xr_manifest_name(xr_str_t object, xr_buf_t *out);
void xr_manifest_variant_name(xr_str_t object, const xr_manifest_variant_t *v,
    xr_encoding_t encoding, xr_buf_t *out);

/* The codings that there are, for xr_encoding_choose(). */
unsigned xr_manifest_variant_encodings(const xr_manifest_variant_t *v);


#endif /* XR_MANIFEST_H */
