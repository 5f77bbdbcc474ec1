/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_geo_image.h"

#include "xr_forwarded.h"


xr_rc_t
xr_geo_open(xr_str_t image, xr_geo_t *out)
{
    uint64_t         nodes, records;
    xr_geo_header_t  h;

    if (image.len < sizeof(h)
        || (uintptr_t) image.data % sizeof(uint64_t) != 0)
    {
        return XR_INVALID;
    }

    memcpy(&h, image.data, sizeof(h));

    nodes = (uint64_t) h.nnodes * 2 * sizeof(uint32_t);
    records = (uint64_t) h.nrecords * sizeof(xr_geo_record_t);

    if (h.magic != XR_GEO_MAGIC
        || nodes + records + h.ntext != image.len - sizeof(h))
    {
        return XR_INVALID;
    }

    out->nodes = (const uint32_t *) (const void *) (image.data + sizeof(h));
    out->records = image.data + sizeof(h) + nodes;
    out->text = out->records + records;
    out->nnodes = h.nnodes;
    out->nrecords = h.nrecords;
    out->ntext = h.ntext;
    out->root = h.root;
    out->root4 = h.root4;
    out->built = h.built;

    return XR_OK;
}


/* The record that an address leads to; NULL: none. */

static const xr_geo_record_t *
xr_geo_record(const xr_geo_t *geo, const xr_addr_t *addr)
{
    size_t    bit;
    uint32_t  ref;

    if (xr_addr_is_v4(addr)) {
        bit = XR_GEO_BITS4;
        ref = geo->root4;

    } else {
        bit = 0;
        ref = geo->root;
    }

    for ( /* void */ ; bit < XR_GEO_BITS; bit++) {

        /* so that no damage of an image leads out of it */

        if (ref == 0 || ref > geo->nnodes) {
            break;
        }

        ref = xr_geo_step(geo->nodes, ref,
                          (addr->bytes[bit / 8] >> (7 - bit % 8)) & 1);
    }

    if ((ref & XR_GEO_RECORD) == 0
        || (ref & ~XR_GEO_RECORD) >= geo->nrecords)
    {
        return NULL;
    }

    return (const xr_geo_record_t *) (const void *) geo->records
           + (ref & ~XR_GEO_RECORD);
}


static xr_str_t
xr_geo_code(const uint8_t code[XR_COUNTRY_SIZE])
{
    return xr_str_of(code, (code[0] == 0) ? 0 : XR_COUNTRY_SIZE);
}


xr_rc_t
xr_geo_find(const xr_geo_t *geo, const xr_addr_t *addr, xr_geo_place_t *out)
{
    const xr_geo_record_t  *r;

    memset(out, 0, sizeof(xr_geo_place_t));

    r = (geo->nnodes != 0) ? xr_geo_record(geo, addr) : NULL;

    /* found first: most look-ups of such addresses end there already */

    if (r == NULL || xr_forwarded_local(addr)) {
        return XR_NOT_FOUND;
    }

    out->asn = r->asn;
    out->country = xr_geo_code(r->country);
    out->continent = xr_geo_code(r->continent);

    if (r->region_len <= sizeof(r->region)) {
        out->region = xr_str_of(r->region, r->region_len);
    }

    if (r->city < geo->ntext && r->city_len <= geo->ntext - r->city) {
        out->city = xr_str_of(geo->text + r->city, r->city_len);
    }

    return XR_OK;
}
