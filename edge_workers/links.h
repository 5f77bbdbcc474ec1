/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_LINKS_H
#define XRW_LINKS_H


#include "explain.h"


/*
 * The Link header that an edge sends with a variant, as text; NULL: none.  If
 * the credential is in the query, which the links then end with, it is masked.
 * "private": no cache keeps the answer for others.
 */
json_t *xrw_links(const xrw_explain_t *e, const xr_manifest_variant_t *v,
    bool private);

/* How many companion files all the variants have. */
size_t xrw_links_count(const xr_manifest_t *m);


#endif /* XRW_LINKS_H */
