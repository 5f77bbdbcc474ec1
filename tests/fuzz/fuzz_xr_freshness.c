/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_freshness.h"


/*
 * The first line is a policy, words separated by single blanks.  The second
 * is a response: status, flags ("c" Set-Cookie, "v" Vary: *, "e" a validator,
 * "0" HTTP/1.0), Expires, Date, Age, when it was asked for, when received, and
 * a hash.  Lines that begin with "C" or "T" are of Cache-Control or of
 * CDN-Cache-Control.
 */

#define FUZZ_WORDS  16


static bool
fuzz_policy(xr_str_t line, xr_freshness_policy_t *p)
{
    size_t    i, n;
    xr_rc_t   rc;
    xr_str_t  word, words[FUZZ_WORDS];
    xr_err_t  err;

    memset(words, 0, sizeof(words));

    for (n = 0; line.len > 0 && n < FUZZ_WORDS; n++) {
        word = xr_str_cut(&line, ' ');
        words[n] = xr_fuzz_copy(word.data, word.len);
    }

    err = (xr_err_t) { NULL, SIZE_MAX };
    rc = xr_freshness_policy_parse(words, n, p, &err);

    if (rc != XR_OK) {
        assert(rc == XR_INVALID && err.pos < n);
        assert(err.what != NULL && err.what[0] != '\0');
    }

    for (i = 0; i < n; i++) {
        xr_fuzz_free(words[i]);
    }

    return rc == XR_OK;
}


static bool
fuzz_is_span(int64_t n)
{
    return n >= 0 && n <= XR_FRESHNESS_MAX;
}


static void
fuzz_check_policy(const xr_freshness_policy_t *p)
{
    assert(fuzz_is_span(p->ttl) && fuzz_is_span(p->negative));
    assert(fuzz_is_span(p->min) && fuzz_is_span(p->max) && p->min <= p->max);
    assert(fuzz_is_span(p->stale_while_revalidate));
    assert(fuzz_is_span(p->stale_if_error));
    assert(p->jitter <= XR_FRESHNESS_JITTER_MAX);
    assert(!p->override || p->ttl > 0);
}


/* Any number that fits into 64 bits. */

static int64_t
fuzz_number(xr_str_t s)
{
    bool      negative;
    int64_t   value;
    uint64_t  n;

    negative = s.len > 0 && s.data[0] == '-';

    if (negative) {
        s = xr_str_of(s.data + 1, s.len - 1);
    }

    if (xr_str_uint(&s, &n) != XR_OK) {
        n = 0;
    }

    n = negative ? 0 - n : n;
    memcpy(&value, &n, sizeof(value));

    return value;
}


static bool
fuzz_flag(xr_str_t flags, uint8_t c)
{
    return xr_str_find(flags, c) < flags.len;
}


static uint64_t
fuzz_response(xr_str_t line, xr_freshness_response_t *r)
{
    xr_str_t  flags;

    memset(r, 0, sizeof(xr_freshness_response_t));

    r->status = (uint32_t) fuzz_number(xr_str_cut(&line, ' '));
    flags = xr_str_cut(&line, ' ');

    r->set_cookie = fuzz_flag(flags, 'c');
    r->vary_any = fuzz_flag(flags, 'v');
    r->validator = fuzz_flag(flags, 'e');
    r->http_1_0 = fuzz_flag(flags, '0');

    r->expires = fuzz_number(xr_str_cut(&line, ' '));
    r->date = fuzz_number(xr_str_cut(&line, ' '));
    r->age = xr_freshness_age_field(xr_str_cut(&line, ' '));
    r->asked = fuzz_number(xr_str_cut(&line, ' '));
    r->received = fuzz_number(xr_str_cut(&line, ' '));

    return (uint64_t) fuzz_number(line);
}


/* A line more never makes a field less strict, and case does not matter. */

static void
fuzz_cache_control(xr_freshness_field_t *f, xr_str_t line)
{
    size_t                i;
    xr_freshness_field_t  before, other;
    uint8_t              *p;

    before = *f;
    other = *f;

    xr_freshness_field_cache_control(f, line);

    assert((f->has & before.has) == before.has && f->wrong == 0);
    assert(f->unreadable || !before.unreadable);

    for (i = 0; i < XR_FRESHNESS_SECONDS; i++) {
        assert(fuzz_is_span(f->seconds[i]));
        assert(!xr_freshness_field_has(&before, (uint32_t) i)
               || f->seconds[i] <= before.seconds[i]);
    }

    p = (uint8_t *) (uintptr_t) line.data;

    for (i = 0; i < line.len; i++) {

        if (p[i] >= 'a' && p[i] <= 'z') {
            p[i] = (uint8_t) (p[i] - 'a' + 'A');
        }
    }

    xr_freshness_field_cache_control(&other, line);

    assert(other.has == f->has && other.unreadable == f->unreadable);
    assert(memcmp(other.seconds, f->seconds, sizeof(f->seconds)) == 0);
}


static void
fuzz_targeted(xr_freshness_field_t *f, xr_str_t line)
{
    size_t                i;
    xr_freshness_field_t  before;

    before = *f;

    xr_freshness_field_targeted(f, line);

    assert((f->has & before.has) == before.has);
    assert((f->wrong & ~f->has) == 0);
    assert(f->unreadable || !before.unreadable);
    assert(f->unreadable || f->members);

    for (i = 0; i < XR_FRESHNESS_SECONDS; i++) {
        assert(fuzz_is_span(f->seconds[i]));
    }
}


static void
fuzz_fields(xr_str_t rest, xr_freshness_response_t *r)
{
    xr_str_t  line, copy;

    while (rest.len > 0) {
        line = xr_str_cut(&rest, '\n');

        if (line.len == 0) {
            continue;
        }

        copy = xr_fuzz_copy(line.data + 1, line.len - 1);

        if (line.data[0] == 'C') {
            fuzz_cache_control(&r->cache_control, copy);

        } else if (line.data[0] == 'T') {
            fuzz_targeted(&r->targeted, copy);
        }

        xr_fuzz_free(copy);
    }
}


/* What no response may be stored with. */

static bool
fuzz_refused(const xr_freshness_response_t *r)
{
    bool                         targeted;
    const xr_freshness_field_t  *f;

    targeted = r->targeted.members && !r->targeted.unreadable
               && r->targeted.wrong == 0;
    f = targeted ? &r->targeted : &r->cache_control;

    return r->set_cookie || r->vary_any || f->unreadable
           || xr_freshness_field_has(f, XR_FRESHNESS_NO_STORE)
           || xr_freshness_field_has(f, XR_FRESHNESS_PRIVATE)
           || (r->status != 200 && r->status != 206 && r->status != 404
               && r->status != 410);
}


static void
fuzz_check(const xr_freshness_response_t *r, const xr_freshness_policy_t *p,
    const xr_freshness_t *f)
{
    assert(f->reason != NULL && f->reason[0] != '\0');
    assert(fuzz_is_span(f->age) && f->age >= r->age);
    assert(fuzz_is_span(f->fresh) && f->fresh <= p->max);
    assert(fuzz_is_span(f->stale_while_revalidate));
    assert(fuzz_is_span(f->stale_if_error));

    assert(!f->store || !fuzz_refused(r));
    assert(!f->no_cache || (f->fresh == 0 && f->must_revalidate));
    assert(!f->must_revalidate || (f->stale_while_revalidate == 0
                                   && f->stale_if_error == 0));

    if (!f->store) {
        assert(f->fresh == 0 && !f->no_cache && !f->must_revalidate);
        assert(f->stale_while_revalidate == 0 && f->stale_if_error == 0);
    }

    if (r->status == 404 || r->status == 410) {
        assert(f->fresh <= p->negative && f->stale_if_error == 0);

    } else if (f->store && !f->no_cache && p->jitter == 0) {
        assert(f->fresh >= p->min);
    }
}


/* Jitter shortens what is fresh, by no more than it may, and nothing else. */

static void
fuzz_jitter(const xr_freshness_response_t *r, const xr_freshness_policy_t *p,
    uint64_t hash, const xr_freshness_t *f)
{
    xr_freshness_t         whole;
    xr_freshness_policy_t  without;

    without = *p;
    without.jitter = 0;

    xr_freshness_decide(r, &without, hash, &whole);
    fuzz_check(r, &without, &whole);

    assert(f->fresh <= whole.fresh);
    assert(f->fresh >= whole.fresh - whole.fresh * p->jitter / 1000);
    assert((f->fresh > 0) == (whole.fresh > 0));

    whole.fresh = f->fresh;

    assert(f->store == whole.store && f->no_cache == whole.no_cache);
    assert(f->must_revalidate == whole.must_revalidate);
    assert(f->stale_while_revalidate == whole.stale_while_revalidate);
    assert(f->stale_if_error == whole.stale_if_error);
    assert(f->reason == whole.reason && f->age == whole.age);
}


/* What is older is not fresh for longer. */

static void
fuzz_older(const xr_freshness_response_t *r, const xr_freshness_policy_t *p,
    uint64_t hash, const xr_freshness_t *f)
{
    xr_freshness_t           g;
    xr_freshness_response_t  older;

    older = *r;
    older.age = (r->age < XR_FRESHNESS_MAX - 100) ? r->age + 100
                                                  : XR_FRESHNESS_MAX;

    xr_freshness_decide(&older, p, hash, &g);
    fuzz_check(&older, p, &g);

    assert(g.age >= f->age && g.fresh <= f->fresh);
    assert(g.stale_while_revalidate <= f->stale_while_revalidate);
    assert(g.stale_if_error <= f->stale_if_error);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t                  age;
    uint64_t                 hash;
    xr_str_t                 rest;
    xr_freshness_t           f;
    xr_freshness_policy_t    policy;
    xr_freshness_response_t  r;

    rest = xr_str_of(data, size);

    if (!fuzz_policy(xr_str_cut(&rest, '\n'), &policy)) {
        return 0;
    }

    hash = fuzz_response(xr_str_cut(&rest, '\n'), &r);

    fuzz_check_policy(&policy);
    fuzz_fields(rest, &r);

    xr_freshness_decide(&r, &policy, hash, &f);

    fuzz_check(&r, &policy, &f);
    fuzz_jitter(&r, &policy, hash, &f);
    fuzz_older(&r, &policy, hash, &f);

    age = xr_freshness_age(f.age, r.received, (int64_t) hash);
    assert(fuzz_is_span(age) && age >= f.age);

    return 0;
}
