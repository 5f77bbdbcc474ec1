/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_REFUSAL_H
#define XR_REFUSAL_H


#include "xr.h"


/*
 * Why a file that somebody uploaded was refused.  "code" stays as it is over
 * versions, so that programs can tell reasons apart; "what" is for people.
 * All are literals.
 */

typedef struct {
    const char  *code;              /* "gltf.accessor" */
    const char  *what;              /* "reaches beyond its buffer view" */
    const char  *thing;             /* "accessor"; NULL: the file as a whole */
    uint32_t     index;             /* of the thing among its like */
} xr_refusal_t;


static inline xr_rc_t
xr_refuse(xr_refusal_t *why, xr_rc_t rc, const char *code, const char *thing,
    uint32_t index, const char *what)
{
    *why = (xr_refusal_t) { code, what, thing, index };

    return rc;
}


#endif /* XR_REFUSAL_H */
