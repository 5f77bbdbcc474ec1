/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "links.h"
#include "xr_variant.h"


json_t *
xrw_links(const xrw_explain_t *e, const xr_manifest_variant_t *v,
    bool private)
{
    bool                in_query;
    size_t              i;
    xr_buf_t            list;
    xr_str_t            query;
    const char         *place;
    xr_manifest_link_t  link;

    place = (e->place != NULL) ? e->place : "";
    in_query = (strcmp(place, "query") == 0);

    if (strcmp(place, "header") == 0 || (in_query && !private)) {
        return NULL;
    }

    query = xr_str(in_query ? xrw_format(e->arena, "?%s=*", e->flags->name)
                            : "");

    list = xr_buf(xrw_alloc(e->arena, XR_VARIANT_LINKS_MAX),
                  XR_VARIANT_LINKS_MAX);

    for (i = 0; i < v->nlinks; i++) {

        if (xr_manifest_link(&e->manifest, v, i, &link)
            && !xr_variant_link(e->sent.raw_path, &link, query, false, &list))
        {
            break;
        }
    }

    return (list.len > 0) ? xrw_json_text(xr_buf_str(&list)) : NULL;
}


size_t
xrw_links_count(const xr_manifest_t *m)
{
    size_t                 i, n;
    xr_manifest_variant_t  v;

    n = 0;

    for (i = 0; i < m->n; i++) {

        if (xr_manifest_variant(m, i, &v)) {
            n += v.nlinks;
        }
    }

    return n;
}
