/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_manifest_parse.h"


/* Without one it is what viewers do with files: they fetch them. */

static xr_rc_t
xr_manifest_links_as(const xr_manifest_parse_t *p, const xr_json_t *v,
    uint32_t *out)
{
    uint32_t  as;

    for (as = 0; as < XR_MANIFEST_AS && xr_manifest_given(v); as++) {

        if (xr_json_is(v, xr_manifest_as_name(as))) {
            *out = as;
            return XR_OK;
        }
    }

    *out = XR_MANIFEST_AS_FETCH;

    return (as < XR_MANIFEST_AS)
           ? XR_OK
           : xr_manifest_value_fail(p, v, "is not one of fetch, font, image, "
                                          "script, style, track");
}


static xr_rc_t
xr_manifest_links_link(const xr_manifest_parse_t *p, const xr_json_t *v,
    xr_manifest_link_record_t *out)
{
    xr_rc_t    rc;
    xr_json_t  values[3];

    static const xr_str_t  names[] = {
        XR_STR("path"), XR_STR("as"), XR_STR("type")
    };

    rc = xr_manifest_value_object(p, v, names, XR_COUNT(names), values);

    if (rc == XR_OK && !xr_manifest_given(&values[0])) {
        return xr_manifest_value_fail(p, v, "has no \"path\"");
    }

    if (rc == XR_OK) {
        rc = xr_manifest_variant_path(p, &values[0], &out->path);
    }

    if (rc == XR_OK) {
        rc = xr_manifest_links_as(p, &values[1], &out->as);
    }

    return (rc == XR_OK)
           ? xr_manifest_variant_type(p, &values[2], out->path, &out->type)
           : rc;
}


xr_rc_t
xr_manifest_links_parse(const xr_manifest_parse_t *p, const xr_json_t *v,
    xr_manifest_record_t *out)
{
    size_t                     n;
    xr_rc_t                    rc;
    xr_json_t                  item;
    xr_json_iter_t             it;
    xr_manifest_link_record_t  links[XR_MANIFEST_LINKS];

    rc = xr_manifest_value_array(p, v);

    n = 0;
    it = xr_json_iter(v);

    while (rc == XR_OK && xr_json_next(&it, NULL, &item)) {

        if (n == XR_MANIFEST_LINKS) {
            return xr_manifest_value_fail(p, &item, "is one of more than 8");
        }

        rc = xr_manifest_links_link(p, &item, &links[n++]);
    }

    if (rc != XR_OK) {
        return rc;
    }

    out->links = (xr_manifest_ref_t) {
        (uint32_t) p->out->len, (uint32_t) (n * sizeof(links[0]))
    };

    xr_buf_put(p->out, xr_str_of(links, out->links.len));

    return XR_OK;
}
