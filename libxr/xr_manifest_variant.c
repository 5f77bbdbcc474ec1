/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_manifest_parse.h"

#include "xr_device.h"
#include "xr_mime.h"

#include <string.h>


/* Every number of a JavaScript writer is exact up to here. */

#define XR_MANIFEST_MAX_BYTES  (UINT64_C(1) << 53)
#define XR_MANIFEST_MAX_DIM    65536
#define XR_MANIFEST_MAX_MEM    1024


enum {
    XR_MANIFEST_ID = 0,
    XR_MANIFEST_PATH,
    XR_MANIFEST_TYPE,
    XR_MANIFEST_BYTES,
    XR_MANIFEST_SHA256,
    XR_MANIFEST_Q,
    XR_MANIFEST_TRIS,
    XR_MANIFEST_DRAWS,
    XR_MANIFEST_MAXDIM,
    XR_MANIFEST_GPU,
    XR_MANIFEST_ETC1S,
    XR_MANIFEST_NEED,
    XR_MANIFEST_FOR,
    XR_MANIFEST_ENC,
    XR_MANIFEST_SEG,
    XR_MANIFEST_COMPANIONS,
    XR_MANIFEST_MEMBERS
};

static const xr_str_t  xr_manifest_members[XR_MANIFEST_MEMBERS] = {
    XR_STR("id"), XR_STR("path"), XR_STR("type"), XR_STR("bytes"),
    XR_STR("sha256"), XR_STR("q"), XR_STR("tris"), XR_STR("draws"),
    XR_STR("maxdim"), XR_STR("gpu"), XR_STR("etc1s"), XR_STR("need"),
    XR_STR("for"), XR_STR("enc"), XR_STR("seg"), XR_STR("links")
};


/*
 * Only what needs no escape anywhere, so that a path is the same in an URL, in
 * a key and in a redirect.  The manifest itself is no variant, and a folder
 * that could be one of variants is not led through.
 */

static const char *
xr_manifest_variant_path_wrong(xr_str_t path)
{
    size_t    i;
    uint8_t   c;
    xr_str_t  rest, segment;

    static const xr_str_t  self = XR_STR("manifest.json");
    static const xr_str_t  folder = XR_STR(".xr");

    if (path.data[0] == '/') {
        return "is not relative";
    }

    for (i = 0; i < path.len; i++) {
        c = path.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
            && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-'
            && c != '~' && c != '/')
        {
            return "holds a character that is not of A-Z a-z 0-9 - . _ ~ /";
        }
    }

    if (path.data[path.len - 1] == '/') {
        return "ends with \"/\"";
    }

    for (rest = path; rest.len > 0; /* void */ ) {
        segment = xr_str_cut(&rest, '/');

        if (segment.len == 0 || xr_str_eq(segment, xr_str("."))
            || xr_str_eq(segment, xr_str("..")))
        {
            return "has an empty segment, or \".\" or \"..\"";
        }

        if (xr_str_ends(segment, folder)) {
            return "leads to variants of a variant";
        }
    }

    return xr_str_eq(path, self) ? "is the manifest itself" : NULL;
}


xr_rc_t
xr_manifest_variant_path(const xr_manifest_parse_t *p, const xr_json_t *v,
    xr_manifest_ref_t *out)
{
    xr_rc_t      rc;
    const char  *wrong;

    rc = xr_manifest_value_text(p, v, XR_MANIFEST_PATH_MAX, out);

    if (rc != XR_OK) {
        return rc;
    }

    wrong = xr_manifest_variant_path_wrong(xr_manifest_value_ref(p, *out));

    return (wrong == NULL) ? XR_OK : xr_manifest_value_fail(p, v, wrong);
}


/* A media type without parameters. */

static bool
xr_manifest_variant_type_ok(xr_str_t type)
{
    size_t   i, slash;
    uint8_t  c;

    slash = xr_str_find(type, '/');

    if (slash == 0 || slash + 1 >= type.len) {
        return false;
    }

    for (i = 0; i < type.len; i++) {
        c = type.data[i];

        if (i != slash && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
            && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-'
            && c != '+')
        {
            return false;
        }
    }

    return true;
}


xr_rc_t
xr_manifest_variant_type(const xr_manifest_parse_t *p, const xr_json_t *v,
    xr_manifest_ref_t path, xr_manifest_ref_t *out)
{
    xr_rc_t   rc;
    xr_str_t  type;

    if (!xr_manifest_given(v)) {
        type = xr_mime_type(xr_manifest_value_ref(p, path));
        *out = (xr_manifest_ref_t) {
            (uint32_t) p->out->len, (uint32_t) type.len
        };
        xr_buf_put(p->out, type);

        return XR_OK;
    }

    rc = xr_manifest_value_text(p, v, XR_MANIFEST_TYPE_MAX, out);

    if (rc == XR_OK
        && !xr_manifest_variant_type_ok(xr_manifest_value_ref(p, *out)))
    {
        return xr_manifest_value_fail(p, v, "is no media type");
    }

    return rc;
}


static xr_rc_t
xr_manifest_variant_names(xr_manifest_parse_t *p, const xr_json_t *values,
    xr_manifest_record_t *out)
{
    size_t    i;
    xr_rc_t   rc;
    xr_str_t  id;

    rc = xr_manifest_value_id(p, &values[XR_MANIFEST_ID], &out->id);

    if (rc != XR_OK) {
        return rc;
    }

    id = xr_manifest_value_ref(p, out->id);

    for (i = 0; i < p->n; i++) {

        if (xr_str_eq(p->ids[i], id)) {
            return xr_manifest_value_fail(p, &values[XR_MANIFEST_ID],
                                          "is the id of another variant, too");
        }
    }

    rc = xr_manifest_variant_path(p, &values[XR_MANIFEST_PATH], &out->path);

    if (rc == XR_OK) {
        rc = xr_manifest_variant_type(p, &values[XR_MANIFEST_TYPE], out->path,
                                      &out->type);
    }

    if (rc == XR_OK
        && (values[XR_MANIFEST_SHA256].type != XR_JSON_STRING
            || values[XR_MANIFEST_SHA256].raw.len != 2 * XR_SHA256_SIZE
            || xr_hex_decode(values[XR_MANIFEST_SHA256].raw, out->sha256,
                             XR_SHA256_SIZE) != XR_OK))
    {
        return xr_manifest_value_fail(p, &values[XR_MANIFEST_SHA256],
                                      "is not 64 hexadecimal digits");
    }

    return rc;
}


static xr_rc_t
xr_manifest_variant_number(const xr_manifest_parse_t *p, const xr_json_t *v,
    uint32_t max, uint32_t *out)
{
    return xr_manifest_given(v) ? xr_manifest_value_uint32(p, v, max, out)
                                : XR_OK;
}


static xr_rc_t
xr_manifest_variant_numbers(const xr_manifest_parse_t *p,
    const xr_json_t *values, xr_manifest_record_t *out)
{
    size_t    i;
    xr_rc_t   rc;
    uint32_t  q;

    const struct {
        size_t     member;
        uint32_t   max;
        uint32_t  *out;
    } numbers[] = {
        { XR_MANIFEST_Q, 100, &q },
        { XR_MANIFEST_TRIS, UINT32_MAX, &out->tris },
        { XR_MANIFEST_DRAWS, UINT32_MAX, &out->draws },
        { XR_MANIFEST_MAXDIM, XR_MANIFEST_MAX_DIM, &out->maxdim }
    };

    q = 0;
    rc = xr_manifest_value_uint(p, &values[XR_MANIFEST_BYTES],
                                XR_MANIFEST_MAX_BYTES, &out->bytes);

    for (i = 0; rc == XR_OK && i < XR_COUNT(numbers); i++) {
        rc = xr_manifest_variant_number(p, &values[numbers[i].member],
                                        numbers[i].max, numbers[i].out);
    }

    out->q = (uint8_t) q;

    if (rc == XR_OK && xr_manifest_given(&values[XR_MANIFEST_ETC1S])) {

        if (values[XR_MANIFEST_ETC1S].type != XR_JSON_TRUE
            && values[XR_MANIFEST_ETC1S].type != XR_JSON_FALSE)
        {
            return xr_manifest_value_fail(p, &values[XR_MANIFEST_ETC1S],
                                          "is neither true nor false");
        }

        out->etc1s = values[XR_MANIFEST_ETC1S].type == XR_JSON_TRUE;
    }

    return rc;
}


static xr_rc_t
xr_manifest_variant_gpu(const xr_manifest_parse_t *p, const xr_json_t *v,
    xr_manifest_record_t *out)
{
    size_t     i;
    xr_rc_t    rc;
    xr_json_t  values[XR_MANIFEST_PIXELS];

    static const xr_str_t  names[XR_MANIFEST_PIXELS] = {
        XR_STR("rgba8"), XR_STR("bpp8"), XR_STR("bpp4")
    };

    rc = xr_manifest_value_object(p, v, names, XR_MANIFEST_PIXELS, values);

    for (i = 0; rc == XR_OK && i < XR_MANIFEST_PIXELS; i++) {
        rc = xr_manifest_variant_number(p, &values[i], UINT32_MAX,
                                        &out->gpu[i]);
    }

    return rc;
}


/* The bits of a list of words; a single one needs no list. */

typedef bool (*xr_manifest_variant_word_pt)(xr_str_t word, uint32_t *bit);


static bool
xr_manifest_variant_tex_bit(xr_str_t word, uint32_t *bit)
{
    return xr_device_tex_of(word, bit) == XR_OK;
}


static bool
xr_manifest_variant_geo_bit(xr_str_t word, uint32_t *bit)
{
    return xr_device_geo_of(word, bit) == XR_OK;
}


static bool
xr_manifest_variant_session_bit(xr_str_t word, uint32_t *bit)
{
    xr_session_t  session;

    if (xr_device_session_of(word, &session) != XR_OK
        || session == XR_SESSION_UNKNOWN)
    {
        return false;
    }

    *bit = XR_MANIFEST_BIT(session);

    return true;
}


static bool
xr_manifest_variant_use_bit(xr_str_t word, uint32_t *bit)
{
    xr_use_t  use;

    if (xr_device_use_of(word, &use) != XR_OK) {
        return false;
    }

    *bit = XR_MANIFEST_BIT(use);

    return true;
}


static bool
xr_manifest_variant_class_bit(xr_str_t word, uint32_t *bit)
{
    xr_class_t  class;

    if (xr_device_class_of(word, &class) != XR_OK) {
        return false;
    }

    *bit = XR_MANIFEST_BIT(class);

    return true;
}


static xr_rc_t
xr_manifest_variant_words(const xr_manifest_parse_t *p, const xr_json_t *v,
    xr_manifest_variant_word_pt word, uint32_t *bits, uint8_t *unknown)
{
    xr_rc_t         rc;
    uint32_t        bit;
    xr_json_t       item;
    xr_json_iter_t  it;

    if (!xr_manifest_given(v)) {
        return XR_OK;
    }

    rc = xr_manifest_value_array(p, v);

    if (rc != XR_OK) {
        return rc;
    }

    *bits = 0;
    it = xr_json_iter(v);

    while (xr_json_next(&it, NULL, &item)) {

        if (item.type != XR_JSON_STRING) {
            return xr_manifest_value_fail(p, &item, "is not a string");
        }

        if (!item.escaped && word(item.raw, &bit)) {
            *bits |= bit;

        } else {
            *unknown = 1;
        }
    }

    return XR_OK;
}


static xr_rc_t
xr_manifest_variant_need(const xr_manifest_parse_t *p, const xr_json_t *v,
    xr_manifest_record_t *out)
{
    xr_rc_t    rc;
    xr_json_t  values[5];

    static const xr_str_t  names[] = {
        XR_STR("tex"), XR_STR("geo"), XR_STR("xr"), XR_STR("dim"),
        XR_STR("mem")
    };

    rc = xr_manifest_value_object(p, v, names, XR_COUNT(names), values);

    if (rc == XR_OK) {
        rc = xr_manifest_variant_words(p, &values[0],
                                       xr_manifest_variant_tex_bit,
                                       &out->need_tex, &out->need_unknown);
    }

    if (rc == XR_OK) {
        rc = xr_manifest_variant_words(p, &values[1],
                                       xr_manifest_variant_geo_bit,
                                       &out->need_geo, &out->need_unknown);
    }

    if (rc == XR_OK) {
        rc = xr_manifest_variant_words(p, &values[2],
                                       xr_manifest_variant_session_bit,
                                       &out->need_xr, &out->need_unknown);
    }

    if (rc == XR_OK) {
        rc = xr_manifest_variant_number(p, &values[3], XR_MANIFEST_MAX_DIM,
                                        &out->need_dim);
    }

    return (rc == XR_OK)
           ? xr_manifest_variant_number(p, &values[4], XR_MANIFEST_MAX_MEM,
                                        &out->need_mem) : rc;
}


/* Classes and uses of a later version are none that ask here. */

static xr_rc_t
xr_manifest_variant_for(const xr_manifest_parse_t *p, const xr_json_t *v,
    xr_manifest_record_t *out)
{
    uint8_t    unknown;
    xr_rc_t    rc;
    xr_json_t  values[2];

    static const xr_str_t  names[] = { XR_STR("use"), XR_STR("classes") };

    rc = xr_manifest_value_object(p, v, names, XR_COUNT(names), values);

    if (rc == XR_OK) {
        rc = xr_manifest_variant_words(p, &values[0],
                                       xr_manifest_variant_use_bit,
                                       &out->uses, &unknown);
    }

    return (rc == XR_OK)
           ? xr_manifest_variant_words(p, &values[1],
                                       xr_manifest_variant_class_bit,
                                       &out->classes, &unknown) : rc;
}


static xr_rc_t
xr_manifest_variant_enc(const xr_manifest_parse_t *p, const xr_json_t *v,
    xr_manifest_record_t *out)
{
    xr_rc_t        rc;
    xr_str_t       names[XR_ENCODINGS];
    xr_json_t      values[XR_ENCODINGS];
    xr_encoding_t  e;

    for (e = XR_ENCODING_IDENTITY; e < XR_ENCODINGS; e++) {
        names[e] = xr_encoding_name(e);
    }

    rc = xr_manifest_value_object(p, v, names, XR_ENCODINGS, values);

    for (e = XR_ENCODING_IDENTITY + 1; rc == XR_OK && e < XR_ENCODINGS; e++) {

        if (!xr_manifest_given(&values[e])) {
            continue;
        }

        rc = xr_manifest_value_uint(p, &values[e], XR_MANIFEST_MAX_BYTES,
                                    &out->encoded[e]);

        if (rc == XR_OK
            && (out->encoded[e] == 0 || out->encoded[e] >= out->bytes))
        {
            return xr_manifest_value_fail(p, &values[e],
                                          "is not less than \"bytes\"");
        }
    }

    return rc;
}


/* ["name", offset, bytes] */

static xr_rc_t
xr_manifest_variant_segment(const xr_manifest_parse_t *p, const xr_json_t *v,
    uint64_t bytes, xr_manifest_segment_record_t *out)
{
    size_t          n;
    xr_rc_t         rc;
    xr_json_t       values[4];
    xr_json_iter_t  it;

    rc = xr_manifest_value_array(p, v);

    if (rc != XR_OK) {
        return rc;
    }

    it = xr_json_iter(v);

    for (n = 0; n < 4 && xr_json_next(&it, NULL, &values[n]); n++) {
        /* void */
    }

    if (n != 3) {
        return xr_manifest_value_fail(p, v, "is not [name, offset, bytes]");
    }

    rc = xr_manifest_value_text(p, &values[0], XR_MANIFEST_SEGMENT_NAME_MAX,
                                &out->name);

    if (rc == XR_OK) {
        rc = xr_manifest_value_uint(p, &values[1], bytes, &out->offset);
    }

    return (rc == XR_OK)
           ? xr_manifest_value_uint(p, &values[2], bytes - out->offset,
                                    &out->bytes) : rc;
}


static xr_rc_t
xr_manifest_variant_seg(const xr_manifest_parse_t *p, const xr_json_t *v,
    xr_manifest_record_t *out)
{
    size_t                        n;
    xr_rc_t                       rc;
    uint64_t                      end;
    xr_json_t                     item;
    xr_json_iter_t                it;
    xr_manifest_segment_record_t  segments[XR_MANIFEST_SEGMENTS];

    rc = xr_manifest_value_array(p, v);

    if (rc != XR_OK) {
        return rc;
    }

    n = 0;
    end = 0;
    it = xr_json_iter(v);

    while (xr_json_next(&it, NULL, &item)) {

        if (n == XR_MANIFEST_SEGMENTS) {
            return xr_manifest_value_fail(p, &item,
                                          "is one of more than 64 segments");
        }

        rc = xr_manifest_variant_segment(p, &item, out->bytes, &segments[n]);

        if (rc != XR_OK) {
            return rc;
        }

        if (segments[n].offset < end) {
            return xr_manifest_value_fail(p, &item,
                                          "overlaps the segment before");
        }

        end = segments[n].offset + segments[n].bytes;
        n++;
    }

    out->segments = (xr_manifest_ref_t) {
        (uint32_t) p->out->len, (uint32_t) (n * sizeof(segments[0]))
    };

    xr_buf_put(p->out, xr_str_of(segments, out->segments.len));

    return XR_OK;
}


static xr_rc_t
xr_manifest_variant_required(const xr_manifest_parse_t *p, const xr_json_t *v,
    const xr_json_t *values)
{
    size_t  i;

    static const struct {
        size_t       member;
        const char  *missing;
    } required[] = {
        { XR_MANIFEST_ID, "has no \"id\"" },
        { XR_MANIFEST_PATH, "has no \"path\"" },
        { XR_MANIFEST_BYTES, "has no \"bytes\"" },
        { XR_MANIFEST_SHA256, "has no \"sha256\"" }
    };

    for (i = 0; i < XR_COUNT(required); i++) {

        if (!xr_manifest_given(&values[required[i].member])) {
            return xr_manifest_value_fail(p, v, required[i].missing);
        }
    }

    return XR_OK;
}


xr_rc_t
xr_manifest_variant_parse(xr_manifest_parse_t *p, const xr_json_t *v,
    xr_manifest_record_t *out)
{
    size_t     i;
    xr_rc_t    rc;
    xr_json_t  values[XR_MANIFEST_MEMBERS];

    static const struct {
        size_t    member;
        xr_rc_t (*set)(const xr_manifest_parse_t *p, const xr_json_t *v,
            xr_manifest_record_t *out);
    } parts[] = {
        { XR_MANIFEST_GPU, xr_manifest_variant_gpu },
        { XR_MANIFEST_NEED, xr_manifest_variant_need },
        { XR_MANIFEST_FOR, xr_manifest_variant_for },
        { XR_MANIFEST_ENC, xr_manifest_variant_enc },
        { XR_MANIFEST_SEG, xr_manifest_variant_seg },
        { XR_MANIFEST_COMPANIONS, xr_manifest_links_parse }
    };

    memset(out, 0, sizeof(*out));
    out->uses = XR_MANIFEST_BIT(XR_USE_VIEW) | XR_MANIFEST_BIT(XR_USE_NATIVE);

    rc = xr_manifest_value_object(p, v, xr_manifest_members,
                                  XR_MANIFEST_MEMBERS, values);

    if (rc == XR_OK) {
        rc = xr_manifest_variant_required(p, v, values);
    }

    if (rc == XR_OK) {
        rc = xr_manifest_variant_names(p, values, out);
    }

    if (rc == XR_OK) {
        rc = xr_manifest_variant_numbers(p, values, out);
    }

    for (i = 0; rc == XR_OK && i < XR_COUNT(parts); i++) {

        if (xr_manifest_given(&values[parts[i].member])) {
            rc = parts[i].set(p, &values[parts[i].member], out);
        }
    }

    out->encoded[XR_ENCODING_IDENTITY] = out->bytes;

    return rc;
}
