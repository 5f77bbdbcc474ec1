/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_bucket_entry.h"


/* Milliseconds, see where they are used. */

#define XR_BUCKET_IDLE   1000
#define XR_BUCKET_STALE  1000
#define XR_BUCKET_RETRY  50


int64_t
xr_bucket_credit(const xr_limit_t *l)
{
    return xr_bucket_min(l->burst, xr_bucket_max(xr_bucket_unit(l),
                                                 l->rate / XR_BUCKET_CREDIT));
}


/*
 * However little Redis has to give, a debt that is worth an ask is booked, and
 * tokens that were given back here go to it if they, with what the rate gave
 * since, make up for what it lacks.
 */

static bool
xr_bucket_ready(const xr_bucket_t *b, int64_t tokens, int64_t now)
{
    int64_t  next;

    if (xr_bucket_in_flight(b, now)) {
        return false;
    }

    next = xr_bucket_load(&b->next);

    if (now >= next || next - now > XR_BUCKET_PAUSE_MAX) {
        return true;
    }

    if (__atomic_load_n(&b->failed, __ATOMIC_RELAXED) != 0) {
        return false;
    }

    return tokens <= -XR_BUCKET_WORTH * xr_bucket_load(&b->unit)
           || (tokens > 0 && xr_bucket_load(&b->credit) < 0
               && tokens + xr_bucket_pace_projected(b, now) > 0);
}


/*
 * What was heard so long ago says no more than how much there can be now at
 * most: if that is enough, the bucket is as good as unknown again.
 */

__attribute__((noinline)) static bool
xr_bucket_renew(xr_bucket_t *b, const xr_limit_t *l, int64_t needed,
    int64_t tokens, int64_t now)
{
    int64_t  credit, heard;

    heard = xr_bucket_load(&b->heard);
    credit = xr_bucket_credit(l);

    if (heard == 0 || now - heard < XR_BUCKET_STALE
        || xr_bucket_load(&b->filled) != 0
        || xr_bucket_load(&b->credit) >= credit
        || xr_bucket_pace_projected(b, now) + tokens < needed)
    {
        return false;
    }

    xr_bucket_store(&b->credit, credit);

    return true;
}


/* Apart from xr_bucket_take(), whose registers it would take. */

__attribute__((noinline)) static void
xr_bucket_refuse(xr_bucket_t *b, const xr_limit_t *l, int64_t needed,
    int64_t tokens, int64_t now, xr_bucket_result_t *res)
{
    bool     away;
    int64_t  all, next;

    if (xr_bucket_load(&b->unit) < needed && l->unit == XR_LIMIT_REQUESTS) {
        xr_bucket_store(&b->unit, needed);
    }

    all = tokens + xr_bucket_pace_projected(b, now);
    next = xr_bucket_load(&b->next);

    /* nothing is known of what is in Redis, and nobody waits for it */

    away = xr_bucket_load(&b->filled) != 0
           || __atomic_load_n(&b->failed, __ATOMIC_RELAXED) != 0;

    res->admitted = false;
    res->ask = xr_bucket_ready(b, tokens, now);

    res->since = away ? 0 : xr_bucket_in_flight(b, now)
                          ? xr_bucket_load(&b->asked) : res->ask ? now : 0;

    res->known = !away && ((all < needed && all < l->burst)
                           || res->since == 0);

    res->wait = xr_limit_wait(l, all, needed);

    if (!res->ask && next - now <= XR_BUCKET_PAUSE_MAX) {
        res->wait = xr_bucket_max(res->wait, next - now);
    }

    res->wait = xr_bucket_max(res->wait, 1);
    res->left = xr_bucket_min(xr_bucket_max(all, 0), l->burst);
}


void
xr_bucket_take(xr_bucket_t *b, const xr_limit_t *l, int64_t cost, int64_t now,
    xr_bucket_result_t *res)
{
    int64_t  left, needed, tokens;

    needed = (l->unit == XR_LIMIT_BYTES) ? 1 : cost;
    tokens = xr_bucket_load(&b->tokens);

    do {

        while (tokens < needed - xr_bucket_load(&b->credit)) {

            if (!xr_bucket_renew(b, l, needed, tokens, now)) {
                xr_bucket_refuse(b, l, needed, tokens, now, res);
                return;
            }
        }

    } while (!__atomic_compare_exchange_n(&b->tokens, &tokens, tokens - cost,
                                          true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));

    tokens -= cost;
    left = tokens + xr_bucket_load(&b->balance);

    res->admitted = true;
    res->known = true;
    res->since = 0;
    res->wait = 0;
    res->left = xr_bucket_min(xr_bucket_max(left, 0), l->burst);
    res->ask = tokens < xr_bucket_load(&b->low)
               && xr_bucket_ready(b, tokens, now);
}


/* One look, one exchange: whatever is not as usual is for xr_bucket_take(). */

bool
xr_bucket_spend(xr_bucket_t *b, uint64_t tag, const xr_limit_t *l,
    int64_t cost, int64_t now, int64_t *left)
{
    int64_t  rest, tokens;

    tokens = xr_bucket_load(&b->tokens);
    rest = tokens - cost;

    /* "low" is above 0, so nobody is in debt then; a credit below 0 counts */

    if (__atomic_load_n(&b->tag, __ATOMIC_ACQUIRE) != tag
        || !xr_bucket_is_of(b, l)
        || rest < xr_bucket_load(&b->low)
        || rest + xr_bucket_load(&b->credit) <= 0
        || !__atomic_compare_exchange_n(&b->tokens, &tokens, rest, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    {
        return false;
    }

    xr_bucket_touch(b, now);

    *left = xr_bucket_min(xr_bucket_max(rest + xr_bucket_load(&b->balance), 0),
                          l->burst);

    return true;
}


/* What the tokens have changed by is not taken for what was spent. */

static void
xr_bucket_add(xr_bucket_t *b, int64_t amount)
{
    (void) __atomic_fetch_add(&b->tokens, amount, __ATOMIC_RELAXED);
    (void) __atomic_fetch_add(&b->mark, amount, __ATOMIC_RELAXED);
}


void
xr_bucket_charge(xr_bucket_t *b, uint64_t tag, int64_t amount)
{
    int64_t  tokens;

    tokens = xr_bucket_load(&b->tokens);

    /* a sum that no limit can mean any more, long before it overflows */

    if ((amount > 0 && tokens < -XR_LIMIT_MAX)
        || (amount < 0 && tokens > XR_LIMIT_MAX)
        || __atomic_load_n(&b->tag, __ATOMIC_RELAXED) != xr_buckets_tag(tag))
    {
        return;
    }

    (void) __atomic_fetch_sub(&b->tokens, amount, __ATOMIC_RELAXED);
}


bool
xr_bucket_key(const xr_bucket_t *b, uint64_t tag,
    uint8_t key[XR_LIMIT_KEY_SIZE])
{
    uint64_t  is;

    return xr_buckets_read(b, &is, key) && is == xr_buckets_tag(tag);
}


static void
xr_bucket_release(xr_bucket_t *b, int64_t asked)
{
    (void) __atomic_compare_exchange_n(&b->asked, &asked, 0, false,
                                       __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}


static bool
xr_bucket_claim(xr_bucket_t *b, int64_t now, xr_bucket_ask_t *out)
{
    int64_t  asked;

    asked = xr_bucket_load(&b->asked);
    out->asked = xr_bucket_max(now, 1);

    if ((asked != 0 && xr_bucket_near(asked, now, XR_BUCKET_LOST))
        || !__atomic_compare_exchange_n(&b->asked, &asked, out->asked, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
    {
        return false;
    }

    if (!xr_buckets_read(b, &out->tag, out->key)) {
        xr_bucket_release(b, out->asked);
        return false;
    }

    out->bucket = b;
    out->rate = xr_bucket_load(&b->rate);
    out->burst = xr_bucket_load(&b->burst);
    out->want = 0;
    out->due = 0;

    return true;
}


/* Takes the tokens away, unless they change meanwhile. */

static bool
xr_bucket_take_back(xr_bucket_t *b, int64_t tokens, int64_t amount)
{
    if (!__atomic_compare_exchange_n(&b->tokens, &tokens, tokens - amount,
                                     false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED))
    {
        return false;
    }

    (void) __atomic_fetch_sub(&b->mark, amount, __ATOMIC_RELAXED);

    return true;
}


bool
xr_bucket_ask(xr_bucket_t *b, int64_t now, xr_bucket_ask_t *out)
{
    int64_t  back, lease, missing, tokens, unit;

    if (!xr_bucket_ready(b, xr_bucket_load(&b->tokens), now)
        || !xr_bucket_claim(b, now, out))
    {
        return false;
    }

    xr_bucket_pace_observe(b, now);

    lease = xr_bucket_pace_lease(b);
    xr_bucket_store(&b->low, lease / 4);

    tokens = xr_bucket_load(&b->tokens);
    unit = xr_bucket_load(&b->unit);

    back = xr_bucket_min(tokens, XR_LIMIT_MAX);

    if (back > 0 && xr_bucket_load(&b->credit) < 0
        && xr_bucket_take_back(b, tokens, back))
    {
        out->due = -back;
        tokens -= back;
    }

    missing = lease - xr_bucket_max(tokens, 0);

    if (missing > 0) {
        missing = (missing + unit - 1) / unit * unit;
        out->want = xr_bucket_min(missing, XR_LIMIT_MAX);
    }

    if (tokens < 0) {
        out->due = xr_bucket_min(-tokens, XR_LIMIT_MAX);
    }

    if (out->want == 0 && out->due == 0) {
        xr_bucket_release(b, out->asked);
        return false;
    }

    return true;
}


/* What there is too much of here; below 0: a debt to be booked. */

static int64_t
xr_bucket_surplus(const xr_bucket_t *b, int64_t tokens, int64_t now)
{
    int64_t  unit;

    unit = xr_bucket_load(&b->unit);

    if (!xr_bucket_near(xr_bucket_load(&b->used), now, XR_BUCKET_IDLE)
        || tokens <= -XR_BUCKET_WORTH * unit)
    {
        return tokens;
    }

    /* more than was ever leased: given back by requests */

    return (tokens > xr_bucket_max(xr_bucket_load(&b->burst), 2 * unit))
           ? tokens - xr_bucket_pace_lease(b) : 0;
}


bool
xr_bucket_return(xr_bucket_t *b, int64_t now, xr_bucket_ask_t *out)
{
    int64_t  surplus, tokens;

    tokens = xr_bucket_load(&b->tokens);

    /* most are in use, which their first cache line tells */

    if (tokens >= 0 && tokens <= xr_bucket_load(&b->burst)
        && xr_bucket_near(xr_bucket_load(&b->used), now, XR_BUCKET_IDLE))
    {
        return false;
    }

    /* what was not leased is not Redis's */

    if (tokens == 0 || __atomic_load_n(&b->tag, __ATOMIC_RELAXED) == 0
        || xr_bucket_load(&b->filled) != 0)
    {
        return false;
    }

    surplus = xr_bucket_surplus(b, tokens, now);
    surplus = xr_bucket_min(surplus, XR_LIMIT_MAX);
    surplus = xr_bucket_max(surplus, -XR_LIMIT_MAX);

    if (surplus == 0
        || (__atomic_load_n(&b->failed, __ATOMIC_RELAXED) != 0
            && !xr_bucket_ready(b, tokens, now))
        || !xr_bucket_claim(b, now, out))
    {
        return false;
    }

    out->due = -surplus;

    /* not idle after all */

    if (surplus > 0 && !xr_bucket_take_back(b, tokens, surplus)) {
        xr_bucket_release(b, out->asked);
        return false;
    }

    return true;
}


void
xr_bucket_answered(const xr_bucket_ask_t *ask, int64_t granted,
    int64_t balance, int64_t now)
{
    xr_bucket_t  *b;

    b = ask->bucket;

    if (__atomic_load_n(&b->tag, __ATOMIC_ACQUIRE) != ask->tag) {
        return;
    }

    granted = xr_bucket_min(xr_bucket_max(granted, 0), ask->want);

    xr_bucket_store(&b->balance, balance);
    xr_bucket_store(&b->heard, xr_bucket_max(now, 1));
    xr_bucket_store(&b->filled, 0);
    __atomic_store_n(&b->failed, 0, __ATOMIC_RELAXED);

    xr_bucket_add(b, granted + xr_bucket_max(ask->due, 0));

    xr_bucket_store(&b->credit, xr_bucket_pace_credit(b, ask, granted));
    xr_bucket_store(&b->next, now + xr_bucket_pace_pause(b, ask, granted));

    xr_bucket_release(b, ask->asked);
}


void
xr_bucket_failed(const xr_bucket_ask_t *ask, int64_t now)
{
    xr_bucket_t  *b;

    b = ask->bucket;

    if (__atomic_load_n(&b->tag, __ATOMIC_ACQUIRE) != ask->tag) {
        return;
    }

    if (ask->due < 0) {
        xr_bucket_add(b, -ask->due);
    }

    __atomic_store_n(&b->failed, 1, __ATOMIC_RELAXED);
    xr_bucket_store(&b->next, now + XR_BUCKET_RETRY);

    xr_bucket_release(b, ask->asked);
}


/* Up to "most"; never takes anything away. */

static void
xr_bucket_add_most(xr_bucket_t *b, int64_t gain, int64_t most)
{
    int64_t  to, tokens;

    tokens = xr_bucket_load(&b->tokens);

    do {
        if (tokens >= most) {
            return;
        }

        to = xr_bucket_min(tokens + gain, most);

    } while (!__atomic_compare_exchange_n(&b->tokens, &tokens, to, true,
                                          __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));

    (void) __atomic_fetch_add(&b->mark, to - tokens, __ATOMIC_RELAXED);
}


void
xr_bucket_fill(xr_bucket_t *b, const xr_limit_t *l, uint32_t parts,
    int64_t now)
{
    int64_t  filled, from, gain, most;

    filled = xr_bucket_load(&b->filled);

    /* a clock that went back by little is another process's that is slow */

    if (filled != 0 && filled >= now
        && xr_bucket_near(filled, now, XR_BUCKET_LOST))
    {
        return;
    }

    if (!__atomic_compare_exchange_n(&b->filled, &filled,
                                     xr_bucket_max(now, 1), false,
                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    {
        return;
    }

    if (parts == 0) {
        parts = 1;
    }

    from = filled;
    most = xr_bucket_max(l->burst / parts, xr_bucket_unit(l));

    if (filled == 0) {
        xr_bucket_store(&b->credit, 0);
        xr_bucket_store(&b->balance, 0);

        from = xr_bucket_load(&b->heard);
    }

    gain = (from == 0) ? most : xr_bucket_pace_gain(l->rate, parts, from, now);

    if (gain > 0) {
        xr_bucket_add_most(b, gain, most);
    }
}


void
xr_bucket_block(xr_bucket_t *b, int64_t now, uint64_t ms)
{
    xr_bucket_store(&b->next, now + ((ms < XR_BUCKET_PAUSE_MAX)
                                     ? (int64_t) ms : XR_BUCKET_PAUSE_MAX));
}


bool
xr_bucket_blocked(const xr_bucket_t *b, int64_t now, uint64_t *ms)
{
    int64_t  left;

    left = xr_bucket_load(&b->next) - now;

    if (left <= 0 || left > XR_BUCKET_PAUSE_MAX) {
        return false;
    }

    *ms = (uint64_t) left;

    return true;
}
