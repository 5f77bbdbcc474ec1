/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_VARIANT_H
#define XR_VARIANT_H


#include "xr_manifest.h"


/*
 * What a request for an object with variants means, and what the answer says:
 * the same for an edge and for whoever explains one.
 */

/* Vary of an answer that the device has a part in. */
#define XR_VARIANT_VARY                                                       \
    "XR-Hints, Accept, Sec-CH-UA-Form-Factors, Sec-CH-UA-Model, "             \
    "Sec-CH-UA-Platform, Sec-CH-UA-Mobile, Sec-CH-Device-Memory, "            \
    "Device-Memory, Sec-CH-DPR, DPR, ECT, Downlink, RTT, Save-Data, "         \
    "User-Agent"

/* Cache-Control of what never changes, */
#define XR_VARIANT_IMMUTABLE  "public, max-age=31536000, immutable"

/* and of what a cache that does not key on our hints must not keep for all. */
#define XR_VARIANT_PRIVATE                                                    \
    "private, max-age=60, stale-while-revalidate=600"

/* Of a variant that is sent in the place of one whose object is missing, */
#define XR_VARIANT_INSTEAD  "private, max-age=10"

/* and of a redirect that all may follow. */
#define XR_VARIANT_RESOLVED  "max-age=60, stale-while-revalidate=600"

#define XR_VARIANT_ACCEPT_CH                                                  \
    "Sec-CH-UA-Form-Factors, Sec-CH-UA-Model, Sec-CH-UA-Platform, "           \
    "Sec-CH-Device-Memory, Device-Memory, Sec-CH-DPR, DPR, ECT, Downlink, RTT"

#define XR_VARIANT_CRITICAL_CH  "Sec-CH-UA-Form-Factors, Sec-CH-UA-Model"


/* A model, a picture or what else may have variants, by its name. */
bool xr_variant_wanted(xr_str_t object);

/*
 * "<object>.xr/<64 hexadecimal digits>[.<ext>...]": its name is a hash of its
 * bytes, which therefore never change.
 */
bool xr_variant_immutable(xr_str_t object);

/* Of such a name: the object, and the path below its folder. */
void xr_variant_parts(xr_str_t name, xr_str_t *object, xr_str_t *path);

/* The first argument of that name in a query; no data: it is not there. */
xr_str_t xr_variant_arg(xr_str_t query, xr_str_t name);

/* The same of several names, with one look at the query. */
void xr_variant_args(xr_str_t query, const xr_str_t *names, size_t n,
    xr_str_t *values);

/* Whether a variant is a texture that levels can be left out of. */
bool xr_variant_has_levels(xr_str_t path);

/* Whether Accept-Encoding has a say: it has siblings that may be smaller. */
bool xr_variant_siblings(const xr_manifest_variant_t *v);

/*
 * The variant at "path", relative to the URL that was asked for: "target" is
 * that, raw, without token and query.  A manifest's paths are the same in a
 * URL.
 */
#define XR_VARIANT_LOCATION(target, path)                                     \
    (3 * (target) + (path) + sizeof("./.xr/"))

void xr_variant_location(xr_str_t target, xr_str_t path, xr_buf_t *out);

/*
 * Adds a companion file to a list of links, RFC 8288, that is sent with the
 * variant: '<1.glb.xr/a.bin>; rel=preload; as=fetch; type="..."; crossorigin'.
 * "query" is what its URL ends with, "?" included, or empty; "cookies": they
 * are sent to other sites as well.  False: it did not fit, and "out" is as it
 * was.
 */
#define XR_VARIANT_LINKS_MAX  2048          /* bytes of a list */

bool xr_variant_link(xr_str_t target, const xr_manifest_link_t *link,
    xr_str_t query, bool cookies, xr_buf_t *out);


#endif /* XR_VARIANT_H */
