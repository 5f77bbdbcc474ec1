/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_device_said.h"
#include "xr_sf.h"


typedef xr_rc_t (*xr_device_bit_pt)(xr_str_t name, uint32_t *bit);


/* Takes a string's or a parameter's quoted value off "*s". */

static void
xr_device_hints_skip_quoted(xr_str_t *s)
{
    xr_str_skip(s, 1);

    while (s->len > 0 && s->data[0] != '"') {
        xr_str_skip(s, (s->data[0] == '\\' && s->len > 1) ? 2 : 1);
    }

    if (s->len > 0) {
        xr_str_skip(s, 1);
    }
}


/* Takes an item with its parameters off an inner list that was read before. */

static xr_str_t
xr_device_hints_item(xr_str_t *s)
{
    size_t    n;
    xr_str_t  item;

    for (n = 0; n < s->len; n++) {

        if (s->data[n] == ' ' || s->data[n] == ';' || s->data[n] == '"') {
            break;
        }
    }

    item = xr_str_of(s->data, n);
    xr_str_skip(s, n);

    while (s->len > 0 && s->data[0] != ' ') {

        if (s->data[0] == '"') {
            xr_device_hints_skip_quoted(s);

        } else {
            xr_str_skip(s, 1);
        }
    }

    return item;
}


/* What is not known is passed over: newer viewers have more to say. */

static bool
xr_device_hints_list(const xr_sf_item_t *item, xr_device_bit_pt bit_of,
    uint32_t *out)
{
    uint32_t  bits, bit;
    xr_str_t  s;

    if (item->type != XR_SF_LIST) {
        return false;
    }

    s = item->text;
    bits = 0;

    for ( ;; ) {

        xr_str_skip_space(&s);

        if (s.len == 0) {
            break;
        }

        if (bit_of(xr_device_hints_item(&s), &bit) == XR_OK) {
            bits |= bit;
        }
    }

    *out = bits;

    return true;
}


/* An integer of 1 to "max"; what is beyond it counts as "max". */

static uint32_t
xr_device_hints_number(const xr_sf_item_t *item, uint32_t max)
{
    if (item->type != XR_SF_INTEGER || item->number < 1) {
        return 0;
    }

    return (item->number > (int64_t) max) ? max : (uint32_t) item->number;
}


/* A string, or a token as good as one. */

static xr_str_t
xr_device_hints_text(const xr_sf_item_t *item)
{
    return (item->type == XR_SF_STRING || item->type == XR_SF_TOKEN)
           ? item->text : xr_str_of(NULL, 0);
}


static void
xr_device_hints_class(const xr_sf_item_t *item, xr_device_hints_t *h)
{
    h->has_class = (xr_device_class_of(xr_device_hints_text(item), &h->class)
                    == XR_OK);
}


static void
xr_device_hints_tex(const xr_sf_item_t *item, xr_device_hints_t *h)
{
    h->has_tex = xr_device_hints_list(item, xr_device_tex_of, &h->tex);
    h->tex |= XR_TEX_JPEG;
}


static void
xr_device_hints_geo(const xr_sf_item_t *item, xr_device_hints_t *h)
{
    h->has_geo = xr_device_hints_list(item, xr_device_geo_of, &h->geo);
}


static void
xr_device_hints_dim(const xr_sf_item_t *item, xr_device_hints_t *h)
{
    uint32_t  n;

    n = xr_device_hints_number(item, XR_DEVICE_DIM_MAX);

    for (h->dim_max = XR_DEVICE_DIM_MAX; h->dim_max > n; h->dim_max /= 2) {
        /* void */
    }

    if (h->dim_max < 256) {
        h->dim_max = 0;                 /* of no GPU */
    }
}


static void
xr_device_hints_mem(const xr_sf_item_t *item, xr_device_hints_t *h)
{
    h->mem_gib = xr_device_hints_number(item, XR_DEVICE_MEM_MAX);
}


static void
xr_device_hints_tri(const xr_sf_item_t *item, xr_device_hints_t *h)
{
    h->tris = xr_device_hints_number(item, UINT32_MAX);
}


static void
xr_device_hints_hz(const xr_sf_item_t *item, xr_device_hints_t *h)
{
    h->hz = xr_device_hints_number(item, XR_DEVICE_HZ_MAX);
}


static void
xr_device_hints_xr(const xr_sf_item_t *item, xr_device_hints_t *h)
{
    h->session = XR_SESSION_UNKNOWN;
    (void) xr_device_session_of(xr_device_hints_text(item), &h->session);
}


static void
xr_device_hints_net(const xr_sf_item_t *item, xr_device_hints_t *h)
{
    h->net = (item->type == XR_SF_INTEGER
              && item->number >= 0 && item->number <= XR_NET_MAX)
             ? (unsigned) item->number : XR_NET_UNKNOWN;
}


static void
xr_device_hints_sd(const xr_sf_item_t *item, xr_device_hints_t *h)
{
    h->save_data = (item->type == XR_SF_BOOLEAN && item->number == 1);
}


static void
xr_device_hints_gpu(const xr_sf_item_t *item, xr_device_hints_t *h)
{
    h->gpu = xr_device_hints_text(item);
}


static void
xr_device_hints_profile(const xr_sf_item_t *item, xr_device_hints_t *h)
{
    h->profile = xr_device_hints_text(item);
}


static const struct {
    xr_str_t  key;
    void    (*set)(const xr_sf_item_t *item, xr_device_hints_t *h);
} xr_device_hints_keys[] = {
    { XR_STR("c"), xr_device_hints_class },
    { XR_STR("tex"), xr_device_hints_tex },
    { XR_STR("geo"), xr_device_hints_geo },
    { XR_STR("dim"), xr_device_hints_dim },
    { XR_STR("mem"), xr_device_hints_mem },
    { XR_STR("tri"), xr_device_hints_tri },
    { XR_STR("hz"), xr_device_hints_hz },
    { XR_STR("xr"), xr_device_hints_xr },
    { XR_STR("net"), xr_device_hints_net },
    { XR_STR("sd"), xr_device_hints_sd },
    { XR_STR("gpu"), xr_device_hints_gpu },
    { XR_STR("profile"), xr_device_hints_profile }
};


/*
 * The last of members with one key counts, even where it says nothing (RFC
 * 9651, section 4.2.2): each of them overwrites what the one before said.
 */

xr_rc_t
xr_device_hints_read(xr_str_t s, xr_device_hints_t *out)
{
    size_t             i, n;
    bool               other;
    xr_rc_t            rc;
    xr_sf_member_t     m;
    xr_device_hints_t  h;

    static const xr_str_t  version = XR_STR("v");

    *out = (xr_device_hints_t) { .net = XR_NET_UNKNOWN };

    if (s.len > XR_DEVICE_HINTS_MAX) {
        return XR_INVALID;
    }

    h = *out;
    other = false;
    n = 0;

    while ((rc = xr_sf_next(&s, &m)) == XR_OK) {

        if (++n > XR_DEVICE_HINTS_KEYS) {
            return XR_INVALID;
        }

        if (xr_str_eq(m.key, version)) {
            other = (m.value.type != XR_SF_INTEGER || m.value.number != 1);
            continue;
        }

        for (i = 0; i < XR_COUNT(xr_device_hints_keys); i++) {

            if (m.key.data[0] == xr_device_hints_keys[i].key.data[0]
                && xr_str_eq(m.key, xr_device_hints_keys[i].key))
            {
                xr_device_hints_keys[i].set(&m.value, &h);
                break;
            }
        }
    }

    if (rc != XR_NOT_FOUND || other) {
        return XR_INVALID;
    }

    *out = h;

    return XR_OK;
}
