/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_freshness.h"


/* Seconds from one time to a later one. */

static int64_t
xr_freshness_between(int64_t from, int64_t to)
{
    uint64_t  n;

    if (to <= from) {
        return 0;
    }

    n = (uint64_t) to - (uint64_t) from;

    return (n < XR_FRESHNESS_MAX) ? (int64_t) n : XR_FRESHNESS_MAX;
}


/* The sum of two spans. */

static int64_t
xr_freshness_add(int64_t a, int64_t b)
{
    return (a < XR_FRESHNESS_MAX - b) ? a + b : XR_FRESHNESS_MAX;
}


static int64_t
xr_freshness_less(int64_t a, int64_t b)
{
    return (a > b) ? a - b : 0;
}


xr_rc_t
xr_freshness_seconds(xr_str_t s, int64_t *out)
{
    size_t   i;
    int64_t  n;

    n = 0;

    if (s.len == 0) {
        return XR_INVALID;
    }

    for (i = 0; i < s.len; i++) {

        if (s.data[i] < '0' || s.data[i] > '9') {
            return XR_INVALID;
        }

        n = n * 10 + (s.data[i] - '0');

        if (n > XR_FRESHNESS_MAX) {
            n = XR_FRESHNESS_MAX;
        }
    }

    *out = n;

    return XR_OK;
}


int64_t
xr_freshness_age_field(xr_str_t value)
{
    int64_t   age;
    xr_str_t  first;

    first = xr_str_trim(xr_str_cut(&value, ','));

    return (xr_freshness_seconds(first, &age) == XR_OK) ? age : 0;
}


/*
 * corrected_initial_age.  Age can be relied on, and the clock of the origin
 * need not be, unless there was a hop that is too old to send one (RFC 9111,
 * section 4.2.3).
 */

static int64_t
xr_freshness_initial_age(const xr_freshness_response_t *r)
{
    int64_t  apparent, corrected;

    corrected = xr_freshness_add(r->age,
                                 xr_freshness_between(r->asked, r->received));

    if (!r->http_1_0 || r->date == XR_FRESHNESS_NONE) {
        return corrected;
    }

    apparent = xr_freshness_between(r->date, r->received);

    return (apparent > corrected) ? apparent : corrected;
}


int64_t
xr_freshness_age(int64_t age, int64_t received, int64_t now)
{
    return xr_freshness_add(age, xr_freshness_between(received, now));
}


/* RFC 9213, section 2.2 */

static const xr_freshness_field_t *
xr_freshness_field(const xr_freshness_response_t *r)
{
    const xr_freshness_field_t  *t;

    t = &r->targeted;

    return (t->members && !t->unreadable && t->wrong == 0) ? t
                                                           : &r->cache_control;
}


static bool
xr_freshness_is_negative(const xr_freshness_response_t *r)
{
    return r->status == 404 || r->status == 410;
}


/* Why it must not be stored, whatever the policy; NULL if it may be. */

static const char *
xr_freshness_refusal(const xr_freshness_response_t *r,
    const xr_freshness_field_t *f)
{
    if (r->status != 200 && r->status != 206 && !xr_freshness_is_negative(r)) {
        return "status";
    }

    if (r->set_cookie) {
        return "Set-Cookie";
    }

    if (r->vary_any) {
        return "Vary: *";
    }

    if (f->unreadable) {
        return "unreadable Cache-Control";
    }

    if (xr_freshness_field_has(f, XR_FRESHNESS_NO_STORE)) {
        return "no-store";
    }

    if (xr_freshness_field_has(f, XR_FRESHNESS_PRIVATE)) {
        return "private";
    }

    return NULL;
}


/*
 * The lifetime that the origin states (RFC 9111, section 4.2.1), counted from
 * when the response was made.  Returns who says so, or NULL.
 */

static const char *
xr_freshness_stated(const xr_freshness_response_t *r,
    const xr_freshness_field_t *f, int64_t *lifetime)
{
    if (xr_freshness_field_has(f, XR_FRESHNESS_S_MAXAGE)) {
        *lifetime = f->seconds[XR_FRESHNESS_S_MAXAGE];
        return "s-maxage";
    }

    if (xr_freshness_field_has(f, XR_FRESHNESS_MAX_AGE)) {
        *lifetime = f->seconds[XR_FRESHNESS_MAX_AGE];
        return "max-age";
    }

    if (f == &r->targeted || r->expires == XR_FRESHNESS_NONE) {
        return NULL;
    }

    /* who sends no Date made it now, RFC 9110, section 6.6.1 */

    *lifetime = xr_freshness_between((r->date != XR_FRESHNESS_NONE)
                                     ? r->date : r->received, r->expires);

    return "Expires";
}


static int64_t
xr_freshness_jitter(int64_t fresh, uint32_t jitter, uint64_t hash)
{
    uint64_t  most;

    most = (uint64_t) fresh * jitter / 1000;

    return fresh - (int64_t) ((hash >> 32) * (most + 1) >> 32);
}


/* RFC 9111, section 4.2.4, with 5.2.2.2 and 5.2.2.8. */

static bool
xr_freshness_forbids_stale(const xr_freshness_field_t *f)
{
    return xr_freshness_field_has(f, XR_FRESHNESS_NO_CACHE)
           || xr_freshness_field_has(f, XR_FRESHNESS_MUST_REVALIDATE)
           || xr_freshness_field_has(f, XR_FRESHNESS_PROXY_REVALIDATE);
}


/* What the policy lets be fresh from now, of what would be. */

static int64_t
xr_freshness_clamp(const xr_freshness_policy_t *policy, int64_t fresh)
{
    fresh = (fresh < policy->max) ? fresh : policy->max;

    return (fresh > policy->min) ? fresh : policy->min;
}


/*
 * An absence is remembered briefly, whatever the origin says: the object may
 * be published any moment.  For the same reason it is never sent stale.
 */

static void
xr_freshness_decide_negative(const xr_freshness_response_t *r,
    const xr_freshness_field_t *f, const xr_freshness_policy_t *policy,
    xr_freshness_t *out)
{
    int64_t      lifetime, stated;
    const char  *who;

    lifetime = (policy->negative < policy->max) ? policy->negative
                                                : policy->max;
    out->reason = "policy";

    if (!policy->override) {
        who = xr_freshness_stated(r, f, &stated);

        if (who != NULL && stated < lifetime) {
            lifetime = stated;
            out->reason = who;
        }

        lifetime = out->no_cache ? 0 : xr_freshness_less(lifetime, out->age);
    }

    out->fresh = lifetime;
    out->store = lifetime > 0;

    if (!out->store) {
        out->reason = "no freshness";
    }
}


/* RFC 5861: windows, of which "late" has passed before it came. */

static void
xr_freshness_open(const xr_freshness_field_t *f,
    const xr_freshness_policy_t *policy, bool defaults, int64_t late,
    xr_freshness_t *out)
{
    int64_t  revalidate, error;

    revalidate = defaults ? policy->stale_while_revalidate : 0;
    error = defaults ? policy->stale_if_error : 0;

    if (xr_freshness_field_has(f, XR_FRESHNESS_STALE_WHILE_REVALIDATE)) {
        revalidate = f->seconds[XR_FRESHNESS_STALE_WHILE_REVALIDATE];
    }

    if (xr_freshness_field_has(f, XR_FRESHNESS_STALE_IF_ERROR)) {
        error = f->seconds[XR_FRESHNESS_STALE_IF_ERROR];
    }

    out->stale_while_revalidate = xr_freshness_less(revalidate, late);
    out->stale_if_error = xr_freshness_less(error, late);
}


static void
xr_freshness_decide_object(const xr_freshness_response_t *r,
    const xr_freshness_field_t *f, const xr_freshness_policy_t *policy,
    xr_freshness_t *out)
{
    bool     defaults;
    int64_t  lifetime, late;

    if (out->no_cache) {
        out->store = r->validator;
        out->reason = out->store ? "no-cache" : "nothing to validate";
        return;
    }

    lifetime = policy->ttl;
    out->reason = xr_freshness_stated(r, f, &lifetime);

    if (out->reason == NULL) {

        if (lifetime == 0) {
            out->reason = "no freshness";
            return;
        }

        out->reason = "policy";
    }

    out->fresh = xr_freshness_clamp(policy,
                                    xr_freshness_less(lifetime, out->age));

    if (!out->must_revalidate) {
        late = (out->fresh > 0) ? 0 : xr_freshness_less(out->age, lifetime);

        /*
         * What is stale from the beginning is to be asked for each time;
         * s-maxage forbids what nobody allowed (section 5.2.2.10).
         */

        defaults = (lifetime > 0 || out->fresh > 0)
                   && !xr_freshness_field_has(f, XR_FRESHNESS_S_MAXAGE);

        xr_freshness_open(f, policy, defaults, late, out);
    }

    out->store = r->validator || out->fresh > 0
                 || out->stale_while_revalidate > 0 || out->stale_if_error > 0;

    if (!out->store) {
        out->reason = "nothing to validate";
    }
}


/* The policy alone, from now on. */

static void
xr_freshness_override(const xr_freshness_policy_t *policy, xr_freshness_t *out)
{
    out->store = true;
    out->reason = "policy";
    out->fresh = xr_freshness_clamp(policy, policy->ttl);
    out->stale_while_revalidate = policy->stale_while_revalidate;
    out->stale_if_error = policy->stale_if_error;
}


void
xr_freshness_decide(const xr_freshness_response_t *r,
    const xr_freshness_policy_t *policy, uint64_t hash, xr_freshness_t *out)
{
    const xr_freshness_field_t  *f;

    f = xr_freshness_field(r);

    *out = (xr_freshness_t) {
        .age = xr_freshness_initial_age(r),
        .reason = xr_freshness_refusal(r, f)
    };

    if (out->reason != NULL) {
        return;
    }

    if (!policy->override) {
        out->no_cache = xr_freshness_field_has(f, XR_FRESHNESS_NO_CACHE);
        out->must_revalidate = xr_freshness_forbids_stale(f);
        out->immutable = xr_freshness_field_has(f, XR_FRESHNESS_IMMUTABLE);
    }

    if (xr_freshness_is_negative(r)) {
        xr_freshness_decide_negative(r, f, policy, out);

    } else if (policy->override) {
        xr_freshness_override(policy, out);

    } else {
        xr_freshness_decide_object(r, f, policy, out);
    }

    if (!out->store) {
        *out = (xr_freshness_t) { .age = out->age, .reason = out->reason };
        return;
    }

    out->fresh = xr_freshness_jitter(out->fresh, policy->jitter, hash);
}
