/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_manifest_parse.h"

#include <string.h>


static xr_rc_t
xr_manifest_split_variants(const xr_manifest_parse_t *p, const xr_json_t *v,
    uint64_t *bits)
{
    size_t          i;
    xr_rc_t         rc;
    xr_json_t       item;
    xr_json_iter_t  it;

    rc = xr_manifest_value_array(p, v);

    *bits = 0;
    it = xr_json_iter(v);

    while (rc == XR_OK && xr_json_next(&it, NULL, &item)) {
        rc = xr_manifest_value_known(p, &item, &i);

        if (rc == XR_OK) {
            *bits |= UINT64_C(1) << i;
        }
    }

    if (rc == XR_OK && *bits == 0) {
        return xr_manifest_value_fail(p, v, "is an empty array");
    }

    return rc;
}


static xr_rc_t
xr_manifest_split_arm(const xr_manifest_parse_t *p, const xr_json_t *v,
    xr_manifest_arm_record_t *out)
{
    xr_rc_t    rc;
    xr_json_t  values[3];

    static const xr_str_t  names[] = {
        XR_STR("name"), XR_STR("weight"), XR_STR("variants")
    };

    memset(out, 0, sizeof(*out));
    out->variants = UINT64_MAX;

    rc = xr_manifest_value_object(p, v, names, XR_COUNT(names), values);

    if (rc != XR_OK) {
        return rc;
    }

    if (!xr_manifest_given(&values[0]) || !xr_manifest_given(&values[1])) {
        return xr_manifest_value_fail(p, v, "has no \"name\" or \"weight\"");
    }

    rc = xr_manifest_value_id(p, &values[0], &out->name);

    if (rc == XR_OK) {
        rc = xr_manifest_value_uint32(p, &values[1], XR_MANIFEST_WEIGHTS,
                                      &out->weight);
    }

    return (rc == XR_OK && xr_manifest_given(&values[2]))
           ? xr_manifest_split_variants(p, &values[2], &out->variants) : rc;
}


static bool
xr_manifest_split_named(const xr_manifest_parse_t *p,
    const xr_manifest_arm_record_t *arms, size_t n)
{
    size_t    i;
    xr_str_t  name;

    name = xr_manifest_value_ref(p, arms[n].name);

    for (i = 0; i < n; i++) {

        if (xr_str_eq(xr_manifest_value_ref(p, arms[i].name), name)) {
            return true;
        }
    }

    return false;
}


static xr_rc_t
xr_manifest_split_arms(const xr_manifest_parse_t *p, const xr_json_t *v,
    xr_manifest_arm_record_t *arms, size_t *n)
{
    xr_rc_t         rc;
    uint32_t        total;
    xr_json_t       item;
    xr_json_iter_t  it;

    rc = xr_manifest_value_array(p, v);

    total = 0;
    it = xr_json_iter(v);

    for (*n = 0; rc == XR_OK && xr_json_next(&it, NULL, &item); (*n)++) {

        if (*n == XR_MANIFEST_ARMS) {
            return xr_manifest_value_fail(p, &item, "is one of more than 8");
        }

        rc = xr_manifest_split_arm(p, &item, &arms[*n]);

        if (rc == XR_OK && xr_manifest_split_named(p, arms, *n)) {
            return xr_manifest_value_fail(p, &item,
                                          "has the name of another arm");
        }

        total += arms[*n].weight;
    }

    if (rc == XR_OK && (total == 0 || total > XR_MANIFEST_WEIGHTS)) {
        return xr_manifest_value_fail(p, v,
                                      "has not weights of 1 to 10000 in all");
    }

    return rc;
}


xr_rc_t
xr_manifest_split_parse(xr_manifest_parse_t *p, const xr_json_t *v,
    xr_manifest_head_t *head)
{
    size_t                    n;
    xr_rc_t                   rc;
    xr_json_t                 values[2];
    xr_manifest_arm_record_t  arms[XR_MANIFEST_ARMS];

    static const xr_str_t  names[] = { XR_STR("salt"), XR_STR("arms") };

    rc = xr_manifest_value_object(p, v, names, XR_COUNT(names), values);

    if (rc != XR_OK) {
        return rc;
    }

    if (!xr_manifest_given(&values[0]) || !xr_manifest_given(&values[1])) {
        return xr_manifest_value_fail(p, v, "has no \"salt\" or \"arms\"");
    }

    n = 0;

    rc = xr_manifest_value_text(p, &values[0], XR_MANIFEST_SALT_MAX,
                                &head->salt);

    if (rc == XR_OK) {
        rc = xr_manifest_split_arms(p, &values[1], arms, &n);
    }

    if (rc == XR_OK) {
        head->arms = (uint16_t) n;
        memcpy(p->out->data + sizeof(*head)
               + head->variants * sizeof(xr_manifest_record_t), arms,
               n * sizeof(arms[0]));
    }

    return rc;
}
