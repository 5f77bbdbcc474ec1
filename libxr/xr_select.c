/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_select.h"

#include <string.h>


#define XR_SELECT_SAVE_DIM  1024
#define XR_SELECT_SAVE_NET  1


void
xr_select_wish_init(xr_select_wish_t *wish)
{
    *wish = (xr_select_wish_t) {
        .maxq = XR_SELECT_ANY,
        .maxdim = XR_SELECT_ANY,
        .maxbytes = UINT64_MAX,
        .ceiling = XR_SELECT_ANY
    };
}


bool
xr_select_wish_set(xr_select_wish_t *wish, xr_str_t name, xr_str_t value)
{
    uint32_t  *to;
    uint64_t   n;

    to = xr_str_eq(name, xr_str("maxq")) ? &wish->maxq
         : xr_str_eq(name, xr_str("maxdim")) ? &wish->maxdim : NULL;

    if (to == NULL && !xr_str_eq(name, xr_str("maxbytes"))) {
        return false;
    }

    if (xr_str_uint(&value, &n) != XR_OK || value.len > 0) {
        return false;
    }

    if (to == NULL) {
        wish->maxbytes = n;

    } else {
        *to = (n < XR_SELECT_ANY) ? (uint32_t) n : XR_SELECT_ANY;
    }

    return true;
}


xr_rc_t
xr_select_ceiling(xr_str_t name, uint32_t *ceiling)
{
    size_t    i;
    uint64_t  n;

    static const struct {
        xr_str_t  name;
        uint32_t  q;
    } names[] = {
        { XR_STR("low"), 30 }, { XR_STR("medium"), 60 }, { XR_STR("high"), 100 }
    };

    for (i = 0; i < XR_COUNT(names); i++) {

        if (xr_str_eq(name, names[i].name)) {
            *ceiling = names[i].q;
            return XR_OK;
        }
    }

    if (xr_str_uint(&name, &n) != XR_OK || name.len > 0 || n > 100) {
        return XR_INVALID;
    }

    *ceiling = (uint32_t) n;

    return XR_OK;
}


static uint64_t
xr_select_min(uint64_t a, uint64_t b)
{
    return (a < b) ? a : b;
}


static unsigned
xr_select_net(const xr_device_t *d)
{
    unsigned  net;

    net = d->net;

    if (net > XR_NET_MAX) {
        net = (d->class >= XR_CLASS_P0 && d->class <= XR_CLASS_P3)
              ? XR_NET_MAX - 1 : XR_NET_MAX;
    }

    return (d->save_data && net > XR_SELECT_SAVE_NET) ? XR_SELECT_SAVE_NET
                                                      : net;
}


xr_select_budgets_t
xr_select_budgets(const xr_device_t *d, const xr_select_wish_t *wish)
{
    xr_device_t          lower;
    xr_select_budgets_t  b;
    const xr_devices_t  *devices;

    b = (xr_select_budgets_t) {
        d->class, d->bytes_kib, d->gpu_kib, d->tris, d->dim, wish->maxq,
        xr_select_net(d)
    };

    if (d->save_data) {
        devices = (wish->devices != NULL) ? wish->devices
                                          : xr_devices_default();
        b.class = xr_device_class_lower(d->class);
        xr_device_budgets(devices, b.class, &lower);

        b.bytes = xr_select_min(b.bytes, lower.bytes_kib);
        b.gpu = xr_select_min(b.gpu, lower.gpu_kib);
        b.tris = (uint32_t) xr_select_min(b.tris, lower.tris);
        b.dim = (uint32_t) xr_select_min(b.dim, lower.dim);
        b.dim = (uint32_t) xr_select_min(b.dim, XR_SELECT_SAVE_DIM);
    }

    b.gpu *= 1024;
    b.bytes = b.bytes * 1024 >> (XR_NET_MAX - b.net);
    b.bytes = xr_select_min(b.bytes, wish->maxbytes);
    b.dim = (uint32_t) xr_select_min(b.dim, wish->maxdim);

    return b;
}


/* Kilobytes; a format whose cost is not said costs as much as a larger one. */

static uint32_t
xr_select_gpu(const xr_manifest_variant_t *v, const xr_device_t *d)
{
    uint32_t  gpu;

    gpu = v->gpu[XR_MANIFEST_RGBA8];

    if ((v->need_tex & XR_TEX_BASIS) == 0
        || (d->tex & (XR_TEX_ASTC|XR_TEX_BC|XR_TEX_ETC2)) == 0)
    {
        return gpu;
    }

    if (v->gpu[XR_MANIFEST_BPP8] > 0) {
        gpu = v->gpu[XR_MANIFEST_BPP8];
    }

    if (v->etc1s && (d->tex & XR_TEX_ETC2) != 0
        && v->gpu[XR_MANIFEST_BPP4] > 0)
    {
        gpu = v->gpu[XR_MANIFEST_BPP4];
    }

    return gpu;
}


static uint32_t
xr_select_dropped(const xr_manifest_variant_t *v, const xr_device_t *d,
    const xr_select_wish_t *wish)
{
    uint32_t  session;

    session = (d->session == XR_SESSION_UNKNOWN)
              ? 0 : XR_MANIFEST_BIT(d->session);

    return ((v->need_tex & ~d->tex) ? XR_SELECT_NO_TEX : 0)
           | ((v->need_geo & ~d->geo) ? XR_SELECT_NO_GEO : 0)
           | (v->need_dim > d->dim_max ? XR_SELECT_NO_DIM : 0)
           | (v->need_mem > d->mem_gib ? XR_SELECT_NO_MEM : 0)
           | ((v->need_xr & ~session) ? XR_SELECT_NO_XR : 0)
           | (v->need_unknown ? XR_SELECT_NO_UNKNOWN : 0)
           | ((v->uses & XR_MANIFEST_BIT(d->use)) ? 0 : XR_SELECT_NO_USE)
           | (v->q > wish->ceiling ? XR_SELECT_NO_CEILING : 0);
}


static uint32_t
xr_select_over(const xr_manifest_variant_t *v, uint32_t gpu,
    const xr_select_budgets_t *b)
{
    return (v->bytes > b->bytes ? XR_SELECT_OVER_BYTES : 0)
           | (v->tris > b->tris ? XR_SELECT_OVER_TRIS : 0)
           | (v->maxdim > b->dim ? XR_SELECT_OVER_DIM : 0)
           | ((uint64_t) gpu * 1000 > b->gpu ? XR_SELECT_OVER_GPU : 0)
           | (v->q > b->q ? XR_SELECT_OVER_Q : 0);
}


static void
xr_select_judge(const xr_manifest_t *m, size_t i, const xr_device_t *d,
    const xr_select_wish_t *wish, const xr_select_budgets_t *b,
    xr_select_verdict_t *out)
{
    xr_manifest_variant_t  v;

    *out = (xr_select_verdict_t) { .dropped = XR_SELECT_NO_RECORD };

    if (!xr_manifest_variant(m, i, &v)) {
        return;
    }

    out->dropped = xr_select_dropped(&v, d, wish);
    out->gpu = xr_select_gpu(&v, d);
    out->over = xr_select_over(&v, out->gpu, b);
    out->preferred = (v.classes & XR_MANIFEST_BIT(b->class)) != 0;
    out->q = v.q;
    out->bytes = v.bytes;
    out->id = v.id;
}


/* Bytes in the order of their values, as memcmp() has it. */

static bool
xr_select_id_before(xr_str_t a, xr_str_t b)
{
    int  order;

    order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

    return (order != 0) ? order < 0 : a.len < b.len;
}


static bool
xr_select_cheaper(const xr_select_verdict_t *a, const xr_select_verdict_t *b)
{
    return (a->bytes != b->bytes) ? a->bytes < b->bytes
                                  : xr_select_id_before(a->id, b->id);
}


static bool
xr_select_better(const xr_select_verdict_t *a, const xr_select_verdict_t *b)
{
    if (a->preferred != b->preferred) {
        return a->preferred;
    }

    return (a->q != b->q) ? a->q > b->q : xr_select_cheaper(a, b);
}


static bool
xr_select_nearer(const xr_select_verdict_t *a, const xr_select_verdict_t *b)
{
    int  over_a, over_b;

    over_a = __builtin_popcount(a->over);
    over_b = __builtin_popcount(b->over);

    return (over_a != over_b) ? over_a < over_b : xr_select_cheaper(a, b);
}


/* The best of those that are left; XR_MANIFEST_NONE. */

static int
xr_select_best(const xr_select_verdict_t *verdicts, size_t n, bool within)
{
    int     best;
    size_t  i;

    best = XR_MANIFEST_NONE;

    for (i = 0; i < n; i++) {

        if (verdicts[i].dropped != 0 || (within && verdicts[i].over != 0)) {
            continue;
        }

        if (best == XR_MANIFEST_NONE
            || (within ? xr_select_better(&verdicts[i], &verdicts[best])
                       : xr_select_nearer(&verdicts[i], &verdicts[best])))
        {
            best = (int) i;
        }
    }

    return best;
}


/* Steps 5 to 7 of the rule. */

static void
xr_select_choose(const xr_manifest_t *m, const xr_select_verdict_t *verdicts,
    xr_select_t *out)
{
    uint32_t  dropped;

    out->reason = XR_SELECT_FIT;
    out->variant = xr_select_best(verdicts, m->n, true);

    if (out->variant == XR_MANIFEST_NONE) {
        out->reason = XR_SELECT_OVER;
        out->variant = xr_select_best(verdicts, m->n, false);
    }

    if (out->variant == XR_MANIFEST_NONE && m->fallback >= 0) {

        /* it may break anything but what the device could not decode */

        dropped = verdicts[m->fallback].dropped;

        if ((dropped & ~(XR_SELECT_NO_DIM|XR_SELECT_NO_MEM|XR_SELECT_NO_XR
                         |XR_SELECT_NO_ARM)) == 0)
        {
            out->reason = XR_SELECT_FALLBACK;
            out->variant = m->fallback;
        }
    }

    if (out->variant == XR_MANIFEST_NONE) {
        out->reason = XR_SELECT_NONE;
    }
}


/*
 * Where the object of "variant" is missing: the first of its alternatives, or
 * of theirs, that the device can take.  Each variant is visited once.
 */

static int
xr_select_alt(const xr_manifest_t *m, const xr_select_verdict_t *verdicts,
    int variant)
{
    size_t                 i, at, n, alt;
    uint8_t                queue[XR_MANIFEST_VARIANTS];
    uint64_t               seen;
    xr_manifest_variant_t  v;

    queue[0] = (uint8_t) variant;
    seen = UINT64_C(1) << variant;
    n = 1;

    for (at = 0; at < n; at++) {

        if (!xr_manifest_variant(m, queue[at], &v)) {
            continue;
        }

        for (i = 0; xr_manifest_alt(m, &v, i, &alt); i++) {

            if ((seen >> alt & 1) != 0) {
                continue;
            }

            if (verdicts[alt].dropped == 0) {
                return (int) alt;
            }

            seen |= UINT64_C(1) << alt;
            queue[n++] = (uint8_t) alt;
        }
    }

    return XR_MANIFEST_NONE;
}


/* Marks those that are known to be missing. */

static void
xr_select_miss(xr_select_verdict_t *verdicts, size_t n, uint64_t missing)
{
    size_t  i;

    for (i = 0; i < n; i++) {

        if ((missing >> i & 1) != 0) {
            verdicts[i].dropped |= XR_SELECT_NO_OBJECT;
        }
    }
}


/* Step 1: the variant that is named, whatever it needs. */

static void
xr_select_explicit(const xr_manifest_t *m, const xr_select_wish_t *wish,
    const xr_select_verdict_t *verdicts, xr_select_t *out)
{
    int  i;

    i = xr_manifest_find(m, wish->variant);

    out->reason = XR_SELECT_UNKNOWN;

    if (i != XR_MANIFEST_NONE
        && (verdicts[i].dropped & (XR_SELECT_NO_USE|XR_SELECT_NO_CEILING
                                   |XR_SELECT_NO_RECORD)) == 0)
    {
        out->reason = XR_SELECT_EXPLICIT;
        out->variant = i;
    }
}


static void
xr_select_split(const xr_manifest_t *m, uint64_t seed,
    xr_select_verdict_t *verdicts, xr_select_t *out)
{
    int                i;
    size_t             k;
    xr_manifest_arm_t  arm;

    i = xr_select_arm(m, seed);

    if (i == XR_MANIFEST_NONE || !xr_manifest_arm(m, (size_t) i, &arm)) {
        return;
    }

    out->arm = arm.name;

    for (k = 0; k < m->n; k++) {

        if ((arm.variants >> k & 1) == 0) {
            verdicts[k].dropped |= XR_SELECT_NO_ARM;
        }
    }
}


xr_rc_t
xr_select_explain(const xr_manifest_t *m, const xr_device_t *d,
    const xr_select_wish_t *wish,
    xr_select_verdict_t verdicts[XR_MANIFEST_VARIANTS], xr_select_t *out)
{
    size_t               i;
    xr_select_budgets_t  b;

    b = xr_select_budgets(d, wish);

    *out = (xr_select_t) { .variant = XR_MANIFEST_NONE, .class = b.class };

    for (i = 0; i < m->n; i++) {
        xr_select_judge(m, i, d, wish, &b, &verdicts[i]);
    }

    xr_select_split(m, wish->seed, verdicts, out);

    if (wish->variant.data != NULL) {
        xr_select_explicit(m, wish, verdicts, out);

    } else {
        xr_select_choose(m, verdicts, out);
    }

    xr_select_miss(verdicts, m->n, wish->missing);

    if (out->variant >= 0 && (wish->missing >> out->variant & 1) != 0) {
        i = (size_t) out->variant;
        out->reason = XR_SELECT_ALT;
        out->variant = xr_select_alt(m, verdicts, (int) i);

        if (out->variant == XR_MANIFEST_NONE) {
            out->reason = XR_SELECT_NONE;

            if (wish->variant.data == NULL) {
                xr_select_choose(m, verdicts, out);
            }
        }
    }

    if (out->variant == XR_MANIFEST_NONE) {
        return XR_NOT_FOUND;
    }

    out->id = verdicts[out->variant].id;

    return XR_OK;
}


xr_rc_t
xr_select(const xr_manifest_t *m, const xr_device_t *d,
    const xr_select_wish_t *wish, xr_select_t *out)
{
    xr_select_verdict_t  verdicts[XR_MANIFEST_VARIANTS];

    return xr_select_explain(m, d, wish, verdicts, out);
}


bool
xr_select_instead(const xr_manifest_t *m, const xr_device_t *d,
    const xr_select_wish_t *wish, const xr_select_t *chosen)
{
    xr_select_t       first;
    xr_select_wish_t  all;

    if (wish->missing == 0) {
        return false;
    }

    all = *wish;
    all.missing = 0;

    return xr_select(m, d, &all, &first) == XR_OK
           && first.variant != chosen->variant;
}


bool
xr_select_swayed(const xr_manifest_t *m, const xr_devices_t *devices,
    xr_str_t token, const xr_device_t *d, const xr_select_wish_t *wish,
    int index, bool edge)
{
    xr_device_t  url;
    xr_select_t  chosen;

    if (wish->variant.data != NULL || d->source != XR_SOURCE_QUERY) {
        return false;
    }

    xr_device_read_url(devices, token, &url);

    if (edge && url.dim_max != d->dim_max) {
        return true;
    }

    return xr_select(m, &url, wish, &chosen) != XR_OK
           || chosen.variant != index;
}


/*
 * A constant: all edges, and all versions of them, have to agree.  What is
 * decided here is no secret, and worth no forgery.
 */

static const uint8_t  xr_select_key[XR_SIPHASH_KEY_SIZE] = "xr-select-split";


uint64_t
xr_select_seed(xr_str_t tenant, xr_str_t object, xr_str_t subject)
{
    uint64_t  seed;

    seed = xr_siphash_64(xr_select_key, 0, tenant);
    seed = xr_siphash_64(xr_select_key, seed, object);

    return xr_siphash_64(xr_select_key, seed, subject);
}


int
xr_select_arm(const xr_manifest_t *m, uint64_t seed)
{
    size_t             i;
    uint64_t           at, total;
    xr_manifest_arm_t  arm;

    total = 0;

    for (i = 0; xr_manifest_arm(m, i, &arm); i++) {
        total += arm.weight;
    }

    if (total == 0) {
        return XR_MANIFEST_NONE;
    }

    at = xr_siphash_64(xr_select_key, seed, m->salt) % total;

    for (i = 0; xr_manifest_arm(m, i, &arm); i++) {

        if (at < arm.weight) {
            return (int) i;
        }

        at -= arm.weight;
    }

    return XR_MANIFEST_NONE;
}


xr_str_t
xr_select_reason_name(xr_select_reason_t reason)
{
    static const xr_str_t  names[XR_SELECT_REASONS] = {
        [XR_SELECT_NONE] = XR_STR("none"),
        [XR_SELECT_UNKNOWN] = XR_STR("unknown"),
        [XR_SELECT_EXPLICIT] = XR_STR("explicit"),
        [XR_SELECT_FIT] = XR_STR("fit"),
        [XR_SELECT_OVER] = XR_STR("over"),
        [XR_SELECT_FALLBACK] = XR_STR("fallback"),
        [XR_SELECT_ALT] = XR_STR("alt")
    };

    return names[reason];
}


xr_str_t
xr_select_dropped_name(size_t i)
{
    static const xr_str_t  names[XR_SELECT_NO_BITS] = {
        XR_STR("tex"), XR_STR("geo"), XR_STR("dim"), XR_STR("mem"),
        XR_STR("xr"), XR_STR("unknown"), XR_STR("use"), XR_STR("ceiling"),
        XR_STR("arm"), XR_STR("missing"), XR_STR("damaged")
    };

    return names[i];
}


xr_str_t
xr_select_over_name(size_t i)
{
    static const xr_str_t  names[XR_SELECT_OVER_BITS] = {
        XR_STR("bytes"), XR_STR("tris"), XR_STR("dim"), XR_STR("gpu"),
        XR_STR("q")
    };

    return names[i];
}


void
xr_select_field(const xr_select_t *s, xr_buf_t *out)
{
    xr_buf_put(out, s->id.len > 0 ? s->id : xr_str("none"));
    xr_buf_puts(out, ";reason=");
    xr_buf_put(out, xr_select_reason_name(s->reason));
    xr_buf_puts(out, ";class=");
    xr_buf_put(out, xr_device_class_name(s->class));

    if (s->arm.len > 0) {
        xr_buf_puts(out, ";arm=");
        xr_buf_put(out, s->arm);
    }
}
