/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_manifest_parse.h"

#include <string.h>


enum {
    XR_MANIFEST_V = 0,
    XR_MANIFEST_OF,
    XR_MANIFEST_REV,
    XR_MANIFEST_LIST,
    XR_MANIFEST_PRESET,
    XR_MANIFEST_FALLBACK,
    XR_MANIFEST_SPLIT,
    XR_MANIFEST_ROOT
};


static void
xr_manifest_put(const xr_manifest_parse_t *p, size_t pos, const void *record,
    size_t size)
{
    memcpy(p->out->data + pos, record, size);
}


static size_t
xr_manifest_record_pos(size_t i)
{
    return sizeof(xr_manifest_head_t) + i * sizeof(xr_manifest_record_t);
}


/* Zeroes that records are written over once they are known. */

static void
xr_manifest_reserve(const xr_manifest_parse_t *p, size_t size)
{
    memset(p->out->data + p->out->len, 0, size);
    p->out->len += size;
}


static size_t
xr_manifest_count(const xr_json_t *v)
{
    size_t          n;
    xr_json_t       item;
    xr_json_iter_t  it;

    it = xr_json_iter(v);

    for (n = 0; xr_json_next(&it, NULL, &item); n++) {
        /* void */
    }

    return n;
}


static xr_rc_t
xr_manifest_variants(xr_manifest_parse_t *p, const xr_json_t *v)
{
    xr_rc_t               rc;
    xr_json_t             item;
    xr_json_iter_t        it;
    xr_manifest_record_t  record;

    it = xr_json_iter(v);

    while (xr_json_next(&it, NULL, &item)) {
        rc = xr_manifest_parse_variant(p, &item, &record);

        if (rc != XR_OK) {
            return rc;
        }

        xr_manifest_put(p, xr_manifest_record_pos(p->n), &record,
                        sizeof(record));
        p->ids[p->n++] = xr_manifest_parse_ref(p, record.id);
    }

    return XR_OK;
}


static xr_rc_t
xr_manifest_alts_of(const xr_manifest_parse_t *p, size_t i,
    const xr_json_t *v)
{
    size_t                n, alt;
    xr_rc_t               rc;
    uint8_t               alts[XR_MANIFEST_ALTS];
    xr_json_t             item;
    xr_json_iter_t        it;
    xr_manifest_record_t  record;

    rc = xr_manifest_parse_array(p, v);

    if (rc != XR_OK) {
        return rc;
    }

    n = 0;
    it = xr_json_iter(v);

    while (xr_json_next(&it, NULL, &item)) {

        if (n == XR_MANIFEST_ALTS) {
            return xr_manifest_parse_fail(p, &item, "is one of more than 8");
        }

        rc = xr_manifest_parse_known(p, &item, &alt);

        if (rc != XR_OK) {
            return rc;
        }

        alts[n++] = (uint8_t) alt;
    }

    memcpy(&record, p->out->data + xr_manifest_record_pos(i), sizeof(record));
    record.alts = (xr_manifest_ref_t) {
        (uint32_t) p->out->len, (uint32_t) n
    };
    xr_buf_put(p->out, xr_str_of(alts, n));
    xr_manifest_put(p, xr_manifest_record_pos(i), &record, sizeof(record));

    return XR_OK;
}


/* All ids are known by now. */

static xr_rc_t
xr_manifest_alts(const xr_manifest_parse_t *p, const xr_json_t *v)
{
    size_t          i;
    xr_rc_t         rc;
    xr_json_t       item, alts;
    xr_json_iter_t  it;

    static const xr_str_t  names[] = { XR_STR("alts") };

    it = xr_json_iter(v);

    for (i = 0; xr_json_next(&it, NULL, &item); i++) {
        rc = xr_manifest_parse_object(p, &item, names, 1, &alts);

        if (rc == XR_OK && xr_manifest_given(&alts)) {
            rc = xr_manifest_alts_of(p, i, &alts);
        }

        if (rc != XR_OK) {
            return rc;
        }
    }

    return XR_OK;
}


static xr_rc_t
xr_manifest_root(const xr_manifest_parse_t *p, xr_json_t *values)
{
    xr_rc_t    rc;
    uint64_t   version;
    xr_json_t  root;

    static const xr_str_t          names[XR_MANIFEST_ROOT] = {
        XR_STR("v"), XR_STR("id"), XR_STR("rev"), XR_STR("variants"),
        XR_STR("default"), XR_STR("fallback"), XR_STR("split")
    };
    static const xr_json_limits_t  limits = { XR_JSON_MAX_DEPTH, 0 };

    rc = xr_json_check(p->text, &limits, &root, p->err);

    if (rc == XR_OK) {
        rc = xr_manifest_parse_object(p, &root, names, XR_MANIFEST_ROOT,
                                      values);
    }

    if (rc != XR_OK) {
        return rc;
    }

    if (!xr_manifest_given(&values[XR_MANIFEST_V])) {
        return xr_manifest_parse_fail(p, &root, "has no \"v\"");
    }

    if (!xr_manifest_given(&values[XR_MANIFEST_LIST])) {
        return xr_manifest_parse_fail(p, &root, "has no \"variants\"");
    }

    rc = xr_manifest_parse_uint(p, &values[XR_MANIFEST_V], 1, &version);

    if (rc != XR_OK || version != 1) {
        return xr_manifest_parse_fail(p, &values[XR_MANIFEST_V],
                                      "is not version 1");
    }

    return xr_manifest_parse_array(p, &values[XR_MANIFEST_LIST]);
}


static xr_rc_t
xr_manifest_pointer(const xr_manifest_parse_t *p, const xr_json_t *v,
    int16_t *out)
{
    size_t   i;
    xr_rc_t  rc;

    *out = XR_MANIFEST_NONE;

    if (!xr_manifest_given(v)) {
        return XR_OK;
    }

    rc = xr_manifest_parse_known(p, v, &i);

    if (rc == XR_OK) {
        *out = (int16_t) i;
    }

    return rc;
}


static xr_rc_t
xr_manifest_head(xr_manifest_parse_t *p, const xr_json_t *values,
    xr_manifest_head_t *head)
{
    xr_rc_t  rc;

    rc = xr_manifest_pointer(p, &values[XR_MANIFEST_PRESET], &head->preset);

    if (rc == XR_OK) {
        rc = xr_manifest_pointer(p, &values[XR_MANIFEST_FALLBACK],
                                 &head->fallback);
    }

    if (rc == XR_OK && xr_manifest_given(&values[XR_MANIFEST_OF])) {
        rc = xr_manifest_parse_text(p, &values[XR_MANIFEST_OF],
                                    XR_MANIFEST_NAME_MAX, &head->id);
    }

    if (rc == XR_OK && xr_manifest_given(&values[XR_MANIFEST_REV])) {
        rc = xr_manifest_parse_text(p, &values[XR_MANIFEST_REV],
                                    XR_MANIFEST_REV_MAX, &head->rev);
    }

    return rc;
}


xr_rc_t
xr_manifest_compile(xr_str_t json, xr_buf_t *out, xr_err_t *err)
{
    size_t               n;
    xr_rc_t              rc;
    xr_json_t            values[XR_MANIFEST_ROOT];
    xr_manifest_head_t   head;
    xr_manifest_parse_t  p;

    if (json.len > XR_MANIFEST_TEXT_MAX) {
        return xr_fail(err, XR_INVALID, 0, "is larger than 256 KiB");
    }

    if (out->len != 0 || out->size < XR_MANIFEST_IMAGE_MAX) {
        return xr_fail(err, XR_NO_SPACE, 0, "has no room");
    }

    p = (xr_manifest_parse_t) { .text = json, .out = out, .err = err };
    rc = xr_manifest_root(&p, values);

    if (rc != XR_OK) {
        return rc;
    }

    n = xr_manifest_count(&values[XR_MANIFEST_LIST]);

    if (n == 0 || n > XR_MANIFEST_VARIANTS) {
        return xr_manifest_parse_fail(&p, &values[XR_MANIFEST_LIST],
                                      "has not 1 to 64 variants");
    }

    memset(&head, 0, sizeof(head));
    head.magic = XR_MANIFEST_MAGIC;
    head.variants = (uint16_t) n;

    xr_manifest_reserve(&p, xr_manifest_record_pos(n));
    xr_manifest_reserve(&p, XR_MANIFEST_ARMS
                            * sizeof(xr_manifest_arm_record_t));

    rc = xr_manifest_variants(&p, &values[XR_MANIFEST_LIST]);

    if (rc == XR_OK) {
        rc = xr_manifest_alts(&p, &values[XR_MANIFEST_LIST]);
    }

    if (rc == XR_OK) {
        rc = xr_manifest_head(&p, values, &head);
    }

    if (rc == XR_OK && xr_manifest_given(&values[XR_MANIFEST_SPLIT])) {
        rc = xr_manifest_parse_split(&p, &values[XR_MANIFEST_SPLIT], &head);
    }

    if (rc != XR_OK) {
        return rc;
    }

    if (!xr_buf_ok(out)) {
        return xr_fail(err, XR_NO_SPACE, 0, "does not fit");
    }

    head.size = (uint32_t) out->len;
    xr_manifest_put(&p, 0, &head, sizeof(head));

    return XR_OK;
}
