/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_device_said.h"
#include "xr_devices_image.h"


/* What WebGL 2 has almost anywhere; more has to be said. */

#define XR_DEVICE_DIM_DEFAULT  4096


/* Everything that was said, with what of the table it meets. */

typedef struct {
    const xr_devices_rule_t  *rule;
    xr_source_t               source;
} xr_device_match_t;


typedef struct {
    xr_device_token_t   query;
    xr_device_hints_t   hints;
    xr_device_token_t   accept;
    xr_device_token_t   normalised;
    xr_device_client_t  client;

    bool                has_query;
    bool                has_accept;
    bool                has_normalised;

    xr_device_match_t   match;
    bool                asked;          /* of the hints: a GPU, a profile */
} xr_device_said_t;


static void
xr_device_read_inputs(const xr_device_input_t *in, xr_device_said_t *s)
{
    const xr_device_token_t  none = { .net = XR_NET_UNKNOWN };

    s->query = none;
    s->accept = none;
    s->normalised = none;

    s->has_query = (xr_device_token_read(in->query, &s->query) == XR_OK);
    s->has_accept = (xr_device_accept_read(in->accept, &s->accept) == XR_OK);

    (void) xr_device_hints_read(in->hints, &s->hints);
    xr_device_client_read(in, &s->client);

    s->has_normalised = in->trusted
                        && xr_device_token_read(in->normalised, &s->normalised)
                           == XR_OK;
}


static void
xr_device_read_facts(const xr_device_input_t *in, const xr_device_said_t *s,
    xr_devices_facts_t *f)
{
    *f = (xr_devices_facts_t) {
        .has_memory = s->client.has_memory,
        .mem_gib = s->client.mem_gib,
        .work = XR_DEVICES_WORK
    };

    f->text[XR_DEVICES_UA] = in->user_agent;
    f->text[XR_DEVICES_GPU] = s->hints.gpu;
    f->text[XR_DEVICES_PROFILE] = s->hints.profile;
    f->text[XR_DEVICES_MODEL] = s->client.model;
    f->text[XR_DEVICES_CLIENT] = s->client.platform;

    if (s->hints.mem_gib != 0) {
        f->has_memory = true;
        f->mem_gib = s->hints.mem_gib;
    }

    f->client = (s->client.xr ? XR_DEVICES_CH_XR : 0U)
                | (s->client.mobile == XR_DEVICE_MOBILE_YES
                   ? XR_DEVICES_CH_MOBILE : 0U)
                | (s->client.mobile == XR_DEVICE_MOBILE_NO
                   ? XR_DEVICES_CH_FIXED : 0U);

    f->cloudfront = in->trusted ? xr_device_client_cloudfront(in) : 0;
}


/*
 * The rule of the first input that names a device, or else of the first that
 * names a kind: a tier that took a headset for a desktop computer, or a hint
 * that says "Android", knows less than a User-Agent with a model in it.
 */

static void
xr_device_read_match(const xr_devices_t *d, const xr_device_input_t *in,
    xr_device_said_t *s)
{
    size_t                    i;
    xr_devices_facts_t        facts;
    const xr_devices_rule_t  *rule;

    static const struct {
        xr_devices_input_t  input;
        xr_source_t         source;
    } order[] = {
        { XR_DEVICES_PROFILE, XR_SOURCE_HINTS },
        { XR_DEVICES_GPU, XR_SOURCE_HINTS },
        { XR_DEVICES_MODEL, XR_SOURCE_CLIENT_HINTS },
        { XR_DEVICES_CLIENT, XR_SOURCE_CLIENT_HINTS },
        { XR_DEVICES_CLOUDFRONT, XR_SOURCE_CLOUDFRONT },
        { XR_DEVICES_UA, XR_SOURCE_USER_AGENT }
    };

    xr_device_read_facts(in, s, &facts);

    s->match = (xr_device_match_t) { .rule = NULL };
    s->asked = false;

    for (i = 0; i < XR_COUNT(order); i++) {

        rule = xr_devices_match(d, order[i].input, &facts);

        if (rule == NULL || (s->match.rule != NULL && rule->generic)) {
            continue;
        }

        s->match = (xr_device_match_t) { rule, order[i].source };
        s->asked = (order[i].input == XR_DEVICES_GPU);

        if (!rule->generic) {
            break;
        }
    }
}


/* As a headset a device counts for less, unless it was known to be one. */

static xr_class_t
xr_device_read_rule_class(const xr_devices_t *d, const xr_device_said_t *s)
{
    const xr_devices_rule_t  *rule;

    rule = s->match.rule;

    if (rule->session == XR_SESSION_VR
        || !(s->hints.session == XR_SESSION_VR
             || (s->asked && s->client.xr)))
    {
        return (xr_class_t) rule->class;
    }

    return (xr_class_t) d->budgets[rule->class].vr;
}


/* The class, and who said so: the strongest input that names one. */

static void
xr_device_read_class(const xr_devices_t *d, const xr_device_said_t *s,
    xr_device_t *out)
{
    bool  named;

    named = (s->match.rule != NULL && !s->match.rule->generic);

    if (s->has_query) {
        out->class = s->query.class;
        out->source = XR_SOURCE_QUERY;

    } else if (s->hints.has_class) {
        out->class = s->hints.class;
        out->source = XR_SOURCE_HINTS;

    } else if (s->match.rule != NULL && s->match.source == XR_SOURCE_HINTS) {
        out->class = xr_device_read_rule_class(d, s);
        out->source = XR_SOURCE_HINTS;

    } else if (s->has_accept) {
        out->class = s->accept.class;
        out->source = XR_SOURCE_ACCEPT;

    } else if (s->has_normalised
               && !(named && s->match.source == XR_SOURCE_CLIENT_HINTS))
    {
        out->class = s->normalised.class;
        out->source = XR_SOURCE_CLOUDFRONT;

    } else if (s->match.rule != NULL) {
        out->class = xr_device_read_rule_class(d, s);
        out->source = s->match.source;

    } else {
        out->class = XR_CLASS_X;
        out->source = XR_SOURCE_DEFAULT;
    }
}


/* A list that the viewer gave is all that it has; others go by the table. */

static void
xr_device_read_formats(const xr_devices_t *d, const xr_device_said_t *s,
    xr_device_t *out)
{
    const xr_device_token_t  *t, *g;

    t = s->query.has_tex ? &s->query
        : s->hints.has_tex ? NULL
        : s->accept.has_tex ? &s->accept : &s->normalised;

    g = s->query.has_geo ? &s->query
        : s->hints.has_geo ? NULL
        : s->accept.has_geo ? &s->accept : &s->normalised;

    out->tex = (t == NULL) ? s->hints.tex
               : t->has_tex ? t->tex
               : (d->tex | XR_TEX_JPEG
                  | ((s->match.rule != NULL) ? s->match.rule->tex : 0));

    out->geo = (g == NULL) ? s->hints.geo : g->has_geo ? g->geo : d->geo;
}


static uint32_t
xr_device_read_dim(const xr_device_said_t *s)
{
    return (s->query.dim_max != 0) ? s->query.dim_max
           : (s->hints.dim_max != 0) ? s->hints.dim_max
           : (s->accept.dim_max != 0) ? s->accept.dim_max
           : (s->normalised.dim_max != 0) ? s->normalised.dim_max
           : XR_DEVICE_DIM_DEFAULT;
}


/* A browser says 8 GiB of all that has more. */

static uint32_t
xr_device_read_mem(const xr_device_said_t *s)
{
    uint32_t  rule;

    rule = (s->match.rule != NULL) ? s->match.rule->mem_gib : 0;

    if (s->hints.mem_gib != 0) {
        return s->hints.mem_gib;
    }

    if (s->client.has_memory && !(s->client.mem_gib >= 8 && rule > 8)) {
        return (s->client.mem_gib != 0) ? s->client.mem_gib : 1;
    }

    return rule;
}


/*
 * The worst that is said: whoever says more cannot undo it.  Long round trips
 * take one off what a network counts as of which nothing else is known, and
 * that is one less for phones.
 */

static unsigned
xr_device_read_net(const xr_device_said_t *s, xr_class_t class)
{
    size_t          i;
    unsigned        net;
    const unsigned  nets[] = {
        s->query.net, s->hints.net, s->accept.net, s->normalised.net,
        s->client.net
    };

    net = XR_NET_UNKNOWN;

    for (i = 0; i < XR_COUNT(nets); i++) {
        net = (nets[i] < net) ? nets[i] : net;
    }

    if (s->client.slow && net == XR_NET_MAX - 1
        && class >= XR_CLASS_P0 && class <= XR_CLASS_P3)
    {
        net--;
    }

    return net;
}


static xr_use_t
xr_device_read_use(const xr_device_said_t *s, xr_class_t class)
{
    switch (class) {

    case XR_CLASS_SV:
        return XR_USE_AR_SV;

    case XR_CLASS_QL:
        return XR_USE_AR_QL;

    default:
        break;
    }

    return (s->match.rule != NULL && s->match.rule->use == XR_USE_NATIVE)
           ? XR_USE_NATIVE : XR_USE_VIEW;
}


void
xr_device_read(const xr_devices_t *devices, const xr_device_input_t *in,
    xr_device_t *out)
{
    xr_device_said_t          s;
    const xr_devices_rule_t  *rule;

    xr_device_read_inputs(in, &s);
    xr_device_read_match(devices, in, &s);

    rule = s.match.rule;

    *out = (xr_device_t) { .hz = s.hints.hz, .dpr = s.client.dpr };

    xr_device_read_class(devices, &s, out);
    xr_device_read_formats(devices, &s, out);
    xr_device_budgets(devices, out->class, out);

    out->use = xr_device_read_use(&s, out->class);
    out->session = (s.hints.session != XR_SESSION_UNKNOWN) ? s.hints.session
                   : (rule != NULL) ? (xr_session_t) rule->session
                   : XR_SESSION_UNKNOWN;

    out->dim_max = xr_device_read_dim(&s);
    out->mem_gib = xr_device_read_mem(&s);
    out->net = xr_device_read_net(&s, out->class);
    out->save_data = s.query.save_data || s.hints.save_data
                     || s.accept.save_data || s.normalised.save_data
                     || s.client.save_data;

    if (out->dim > out->dim_max) {
        out->dim = out->dim_max;
    }

    if (s.hints.tris != 0 && out->tris > s.hints.tris) {
        out->tris = s.hints.tris;
    }

    if (rule != NULL) {
        out->rule = xr_devices_string(devices, rule->name, rule->name_len);
    }
}


void
xr_device_read_url(const xr_devices_t *devices, xr_str_t token,
    xr_device_t *out)
{
    const xr_device_input_t  in = { .query = token };

    xr_device_read(devices, &in, out);
}
