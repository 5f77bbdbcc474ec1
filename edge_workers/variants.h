/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_VARIANTS_H
#define XRW_VARIANTS_H


#include "history.h"
#include "target.h"


/* A manifest that is shown, and where its variants are. */

typedef struct {
    xrw_arena_t    *arena;
    const char     *name;               /* of the object, or of the file */
    const char     *folder;             /* that has the variants; or NULL */
    xr_str_t        object;             /* else: at the origin */
    xr_s3_t        *s3;
    xr_manifest_t   manifest;
} xrw_variants_t;


/* As people read them, in memory of the arena: "basis webp, 2048 px". */
const char *xrw_variants_textures(xrw_variants_t *v,
    const xr_manifest_variant_t *variant);
const char *xrw_variants_encodings(xrw_variants_t *v,
    const xr_manifest_variant_t *variant);

/*
 * Pictures of variants, a data: URL for each of the manifest; NULL: of that
 * one there is none.  Where nothing can be drawn it is said why.
 */
const char **xrw_variants_pictures(xrw_variants_t *v);

/* Writes one page that needs no other file; false: it has been said why not. */
bool xrw_variants_page(xrw_variants_t *v, const char *path,
    const char *const *pictures);


#endif /* XRW_VARIANTS_H */
