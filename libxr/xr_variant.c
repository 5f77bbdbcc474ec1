/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_variant.h"
#include "xr_mime.h"
#include "xr_path.h"


static xr_str_t
xr_variant_last(xr_str_t path)
{
    size_t  i;

    for (i = path.len; i > 0 && path.data[i - 1] != '/'; i--) {
        /* void */
    }

    return xr_str_of(path.data + i, path.len - i);
}


bool
xr_variant_wanted(xr_str_t object)
{
    size_t    i;
    xr_str_t  type, end;

    static const xr_str_t  kinds[] = { XR_STR("model/"), XR_STR("image/") };

    /* those that have no type of their own */

    static const xr_str_t  names[] = {
        XR_STR(".splat"), XR_STR(".spz"), XR_STR(".ksplat"), XR_STR(".ply"),
        XR_STR(".rad"), XR_STR(".sog"), XR_STR(".drc"), XR_STR(".usdc"),
        XR_STR(".usd")
    };

    type = xr_mime_type(object);

    for (i = 0; i < XR_COUNT(kinds); i++) {

        if (xr_str_starts(type, kinds[i])) {
            return true;
        }
    }

    for (i = 0; i < XR_COUNT(names); i++) {

        if (object.len <= names[i].len) {
            continue;
        }

        end = xr_str_of(object.data + object.len - names[i].len,
                        names[i].len);

        if (xr_str_eq_nocase(end, names[i])) {
            return true;
        }
    }

    return false;
}


bool
xr_variant_immutable(xr_str_t object)
{
    size_t    n;
    xr_str_t  name;

    name = xr_variant_last(object);

    if (!xr_str_ends(xr_str_of(object.data, object.len - name.len),
                     xr_str(".xr/")))
    {
        return false;
    }

    if (object.len - name.len == sizeof(".xr/") - 1) {
        return false;
    }

    for (n = 0; n < name.len; n++) {

        if (!((name.data[n] >= '0' && name.data[n] <= '9')
              || (name.data[n] >= 'a' && name.data[n] <= 'f')))
        {
            break;
        }
    }

    return n == 2 * XR_SHA256_SIZE && (n == name.len || name.data[n] == '.');
}


void
xr_variant_parts(xr_str_t name, xr_str_t *object, xr_str_t *path)
{
    *path = xr_variant_last(name);
    *object = xr_str_of(name.data,
                        name.len - path->len - (sizeof(".xr/") - 1));
}


xr_str_t
xr_variant_arg(xr_str_t query, xr_str_t name)
{
    xr_str_t  value;

    xr_variant_args(query, &name, 1, &value);

    return value;
}


void
xr_variant_args(xr_str_t query, const xr_str_t *names, size_t n,
    xr_str_t *values)
{
    size_t    i;
    xr_str_t  arg, name;

    for (i = 0; i < n; i++) {
        values[i] = xr_str_of(NULL, 0);
    }

    while (query.len != 0) {
        arg = xr_str_cut(&query, '&');
        name = xr_str_of(arg.data, xr_str_find(arg, '='));

        for (i = 0; i < n; i++) {

            if (values[i].data == NULL && xr_str_eq(name, names[i])) {
                xr_str_skip(&arg, name.len + (arg.len > name.len));
                values[i] = arg;
                break;
            }
        }
    }
}


bool
xr_variant_has_levels(xr_str_t path)
{
    xr_str_t  extension;

    static const xr_str_t  ktx2 = XR_STR(".ktx2");

    if (path.len <= ktx2.len || path.data[path.len - ktx2.len - 1] == '/') {
        return false;
    }

    extension = xr_str_of(path.data + path.len - ktx2.len, ktx2.len);

    return xr_str_eq_nocase(extension, ktx2);
}


bool
xr_variant_siblings(const xr_manifest_variant_t *v)
{
    return xr_manifest_variant_encodings(v)
           != XR_ENCODING_BIT(XR_ENCODING_IDENTITY)
           && (v->type.len == 0 || xr_encoding_gains(v->type)
               || xr_str_starts(v->type, xr_str("model/")));
}


void
xr_variant_location(xr_str_t target, xr_str_t path, xr_buf_t *out)
{
    target = xr_variant_last(target);

    /* "a:b" would begin with a scheme */

    if (xr_str_find(target, ':') != target.len) {
        xr_buf_puts(out, "./");
    }

    xr_path_encode_sent(target, out);
    xr_buf_puts(out, ".xr/");
    xr_buf_put(out, path);
}


bool
xr_variant_link(xr_str_t target, const xr_manifest_link_t *link,
    xr_str_t query, bool cookies, xr_buf_t *out)
{
    xr_buf_t  b;

    b = *out;

    xr_buf_puts(&b, (b.len != 0) ? ", <" : "<");
    xr_variant_location(target, link->path, &b);
    xr_path_encode_sent(query, &b);
    xr_buf_puts(&b, ">; rel=preload; as=");
    xr_buf_put(&b, xr_manifest_as_name(link->as));

    /* "/" is none of a token's characters; a quote is none of a type's */

    if (link->type.len != 0
        && xr_str_find(link->type, '"') == link->type.len
        && xr_str_find(link->type, '\\') == link->type.len)
    {
        xr_buf_puts(&b, "; type=\"");
        xr_buf_put(&b, link->type);
        xr_buf_putc(&b, '"');
    }

    xr_buf_puts(&b, cookies ? "; crossorigin=use-credentials"
                            : "; crossorigin");

    if (!xr_buf_ok(&b)) {
        return false;
    }

    *out = b;

    return true;
}
