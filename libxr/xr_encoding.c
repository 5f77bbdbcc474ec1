/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_encoding.h"


#define XR_ENCODING_UNSAID  UINT16_MAX


typedef struct {
    xr_str_t  name;
    xr_str_t  suffix;
} xr_encoding_names_t;


static const xr_encoding_names_t  xr_encoding_names[XR_ENCODINGS] = {
    [XR_ENCODING_IDENTITY] = { XR_STR("identity"), XR_STR("") },
    [XR_ENCODING_GZIP] = { XR_STR("gzip"), XR_STR(".gz") },
    [XR_ENCODING_BR] = { XR_STR("br"), XR_STR(".br") },
    [XR_ENCODING_ZSTD] = { XR_STR("zstd"), XR_STR(".zst") }
};


/* What a coding that nobody likes better than another is tried in. */

static const xr_encoding_t  xr_encoding_order[XR_ENCODINGS] = {
    XR_ENCODING_BR, XR_ENCODING_ZSTD, XR_ENCODING_GZIP, XR_ENCODING_IDENTITY
};


/*
 * qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ); the whole of
 * "s" has to be one.
 */

static bool
xr_encoding_qvalue(xr_str_t s, uint16_t *out)
{
    size_t    i;
    uint16_t  q, unit;

    if (s.len == 0 || s.len > 5 || (s.data[0] != '0' && s.data[0] != '1')
        || (s.len > 1 && s.data[1] != '.'))
    {
        return false;
    }

    unit = XR_ENCODING_Q;
    q = (uint16_t) ((s.data[0] - '0') * unit);

    for (i = 2; i < s.len; i++) {

        if (s.data[i] < '0' || s.data[i] > '9') {
            return false;
        }

        unit /= 10;
        q = (uint16_t) (q + (s.data[i] - '0') * unit);
    }

    if (q > XR_ENCODING_Q) {
        return false;
    }

    *out = q;

    return true;
}


/* weight = OWS ";" OWS "q=" qvalue; nothing is a weight of 1. */

static bool
xr_encoding_weight(xr_str_t s, uint16_t *q)
{
    *q = XR_ENCODING_Q;

    if (s.len == 0) {
        return true;
    }

    xr_str_skip(&s, 1);                 /* the ";" */
    xr_str_skip_space(&s);

    if (s.len < 2 || (s.data[0] != 'q' && s.data[0] != 'Q')
        || s.data[1] != '=')
    {
        return false;
    }

    xr_str_skip(&s, 2);

    return xr_encoding_qvalue(s, q);
}


static void
xr_encoding_least(uint16_t *q, uint16_t value)
{
    if (*q == XR_ENCODING_UNSAID || value < *q) {
        *q = value;
    }
}


static void
xr_encoding_member(xr_str_t s, xr_encoding_accept_t *out, uint16_t *any)
{
    size_t         n;
    uint16_t       q;
    xr_str_t       name;
    xr_encoding_t  e;

    s = xr_str_trim(s);
    n = xr_str_find(s, ';');
    name = xr_str_trim(xr_str_of(s.data, n));

    if (name.len == 0
        || !xr_encoding_weight(xr_str_of(s.data + n, s.len - n), &q))
    {
        return;
    }

    if (xr_str_eq(name, xr_str("*"))) {
        xr_encoding_least(any, q);
        return;
    }

    if (xr_str_eq_nocase(name, xr_str("x-gzip"))) {
        xr_encoding_least(&out->q[XR_ENCODING_GZIP], q);
        return;
    }

    for (e = 0; e < XR_ENCODINGS; e++) {

        if (xr_str_eq_nocase(name, xr_encoding_names[e].name)) {
            xr_encoding_least(&out->q[e], q);
            return;
        }
    }
}


void
xr_encoding_accept_none(xr_encoding_accept_t *out)
{
    memset(out, 0, sizeof(xr_encoding_accept_t));

    out->q[XR_ENCODING_IDENTITY] = XR_ENCODING_Q;
}


void
xr_encoding_accept(xr_str_t accept_encoding, xr_encoding_accept_t *out)
{
    uint16_t       any;
    xr_encoding_t  e;

    any = XR_ENCODING_UNSAID;

    for (e = 0; e < XR_ENCODINGS; e++) {
        out->q[e] = XR_ENCODING_UNSAID;
    }

    while (accept_encoding.len > 0) {
        xr_encoding_member(xr_str_cut(&accept_encoding, ','), out, &any);
    }

    for (e = 0; e < XR_ENCODINGS; e++) {

        if (out->q[e] != XR_ENCODING_UNSAID) {
            continue;
        }

        if (any != XR_ENCODING_UNSAID) {
            out->q[e] = any;

        } else {
            out->q[e] = (e == XR_ENCODING_IDENTITY) ? 1 : 0;
        }
    }
}


xr_encoding_t
xr_encoding_choose(const xr_encoding_accept_t *accept, unsigned available,
    const uint64_t *sizes)
{
    size_t         i;
    xr_encoding_t  e, best;

    best = XR_ENCODING_NONE;

    for (i = 0; i < XR_COUNT(xr_encoding_order); i++) {
        e = xr_encoding_order[i];

        if (!(available & XR_ENCODING_BIT(e)) || accept->q[e] == 0) {
            continue;
        }

        if (best == XR_ENCODING_NONE || accept->q[e] > accept->q[best]
            || (accept->q[e] == accept->q[best] && sizes != NULL
                && sizes[e] != 0 && sizes[e] < sizes[best]))
        {
            best = e;
        }
    }

    return best;
}


xr_str_t
xr_encoding_name(xr_encoding_t e)
{
    return (e < XR_ENCODINGS) ? xr_encoding_names[e].name : xr_str_of("", 0);
}


xr_encoding_t
xr_encoding_of(xr_str_t name)
{
    xr_encoding_t  e;

    for (e = 0; e < XR_ENCODINGS; e++) {

        if (xr_str_eq(name, xr_encoding_names[e].name)) {
            break;
        }
    }

    return e;
}


xr_str_t
xr_encoding_suffix(xr_encoding_t e)
{
    return (e < XR_ENCODINGS) ? xr_encoding_names[e].suffix : xr_str_of("", 0);
}


xr_encoding_t
xr_encoding_of_path(xr_str_t path, xr_str_t *inner)
{
    size_t         n;
    xr_encoding_t  e;

    *inner = path;

    for (e = XR_ENCODING_IDENTITY + 1; e < XR_ENCODINGS; e++) {

        if (!xr_str_ends(path, xr_encoding_names[e].suffix)) {
            continue;
        }

        n = path.len - xr_encoding_names[e].suffix.len;

        if (n == 0 || path.data[n - 1] == '/') {
            break;
        }

        *inner = xr_str_of(path.data, n);

        return e;
    }

    return XR_ENCODING_IDENTITY;
}


bool
xr_encoding_gains(xr_str_t type)
{
    size_t  i;

    static const xr_str_t  packed[] = {
        XR_STR("application/gzip"),
        XR_STR("application/vnd.maxar.archive.3tz+zip"),
        XR_STR("application/zip"),
        XR_STR("application/zstd"),
        XR_STR("font/woff"),
        XR_STR("font/woff2"),
        XR_STR("model/3mf"),
        XR_STR("model/gltf-binary"),
        XR_STR("model/vnd.reality"),
        XR_STR("model/vnd.usdz+zip")
    };

    static const xr_str_t  svg = XR_STR("image/svg+xml");
    static const xr_str_t  families[] = {
        XR_STR("image/"), XR_STR("audio/"), XR_STR("video/")
    };

    for (i = 0; i < XR_COUNT(packed); i++) {

        if (xr_str_eq(type, packed[i])) {
            return false;
        }
    }

    for (i = 0; i < XR_COUNT(families); i++) {

        if (xr_str_starts(type, families[i])) {
            return xr_str_eq(type, svg);
        }
    }

    return true;
}
