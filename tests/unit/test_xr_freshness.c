/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "freshness.h"


#define NOW  INT64_C(1760000000)


/*
 * Responses.  Times are relative to NOW, at which they are received; 0 is
 * absent, and so are NULLs.  The policy is without jitter.
 */

#define BAD  INT64_MIN                  /* of Expires: no date */

typedef struct {
    const char  *what;
    const char  *cache_control;
    const char  *targeted;
    const char  *policy;
    uint32_t     status;                /* 0: 200 */
    bool         validator;
    bool         set_cookie;
    bool         vary_any;
    bool         http_1_0;
    int64_t      expires;
    int64_t      date;
    int64_t      age;
    int64_t      delay;

    const char  *reason;
    bool         store;
    int64_t      fresh;
    int64_t      swr;
    int64_t      sie;
    int64_t      current_age;
    bool         no_cache;
    bool         must_revalidate;
    bool         immutable;
} response_t;

static const response_t  responses[] = {

    /* lifetimes, RFC 9111, section 4.2.1 */

    { .what = "no freshness: the policy's", .reason = "policy",
      .store = true, .fresh = 600, .swr = 30, .sie = DAY },
    { .what = "section 4.2.1: max-age", .cache_control = "max-age=3600",
      .reason = "max-age", .store = true, .fresh = 3600, .swr = 30,
      .sie = DAY },
    { .what = "section 4.2.1: s-maxage before max-age",
      .cache_control = "max-age=3600, s-maxage=5", .reason = "s-maxage",
      .store = true, .fresh = 5 },
    { .what = "section 4.2.1: a longer s-maxage, too",
      .cache_control = "max-age=1|s-maxage=3600", .reason = "s-maxage",
      .store = true, .fresh = 3600 },
    { .what = "section 4.2.1: Expires minus Date", .expires = 300,
      .date = -100, .reason = "Expires", .store = true, .fresh = 400,
      .swr = 30, .sie = DAY },
    { .what = "section 4.2.1: both clocks fast", .expires = 300,
      .date = 400, .validator = true, .reason = "Expires", .store = true },
    { .what = "RFC 9110, section 6.6.1: no Date", .expires = 300,
      .reason = "Expires", .store = true, .fresh = 300, .swr = 30,
      .sie = DAY },
    { .what = "section 5.3: Expires is no date", .expires = BAD,
      .validator = true, .reason = "Expires", .store = true },
    { .what = "section 5.3: Expires is past", .expires = -10,
      .validator = true, .reason = "Expires", .store = true },
    { .what = "section 5.3: max-age before a past Expires",
      .cache_control = "max-age=3600", .expires = BAD, .reason = "max-age",
      .store = true, .fresh = 3600, .swr = 30, .sie = DAY },
    { .what = "section 5.3: max-age=0 before a future Expires",
      .cache_control = "max-age=0", .expires = 10000, .validator = true,
      .reason = "max-age", .store = true },
    { .what = "section 4.2.1: an invalid max-age is stale",
      .cache_control = "max-age=x", .expires = 10000, .validator = true,
      .reason = "max-age", .store = true },
    { .what = "section 1.2.2: overflow", .cache_control =
      "max-age=99999999999999999999, stale-if-error=99999999999999999999",
      .reason = "max-age", .store = true, .fresh = MAX, .swr = 30,
      .sie = MAX },
    { .what = "section 1.2.2: a far Expires", .expires = INT64_C(1) << 50,
      .reason = "Expires", .store = true, .fresh = MAX, .swr = 30,
      .sie = DAY },

    /* age, section 4.2.3 */

    { .what = "section 4.2.3: Age is part of it",
      .cache_control = "max-age=100", .age = 40, .reason = "max-age",
      .store = true, .fresh = 60, .swr = 30, .sie = DAY, .current_age = 40 },
    { .what = "section 4.2.3: so is the way",
      .cache_control = "max-age=100", .age = 40, .delay = 3,
      .reason = "max-age", .store = true, .fresh = 57, .swr = 30, .sie = DAY,
      .current_age = 43 },
    { .what = "section 4.2.3: heuristics age, too", .age = 40,
      .reason = "policy", .store = true, .fresh = 560, .swr = 30, .sie = DAY,
      .current_age = 40 },
    { .what = "section 4.2.3: Expires and Age", .expires = 10, .date = -10,
      .age = 15, .reason = "Expires", .store = true, .fresh = 5, .swr = 30,
      .sie = DAY, .current_age = 15 },
    { .what = "section 4.2.3: stale when it comes",
      .cache_control = "max-age=100", .age = 110, .validator = true,
      .reason = "max-age", .store = true, .swr = 20, .sie = DAY - 10,
      .current_age = 110 },
    { .what = "section 4.2.3: stale for a long time",
      .cache_control = "max-age=100", .age = 200 + DAY, .validator = true,
      .reason = "max-age", .store = true, .current_age = 200 + DAY },
    { .what = "section 4.2: fresh is more than its age",
      .cache_control = "max-age=100", .age = 100, .validator = true,
      .reason = "max-age", .store = true, .swr = 30, .sie = DAY,
      .current_age = 100 },
    { .what = "section 4.2.3: a clock that is off does not matter",
      .cache_control = "max-age=100", .date = -5000, .reason = "max-age",
      .store = true, .fresh = 100, .swr = 30, .sie = DAY },
    { .what = "section 4.2.3: apparent_age of HTTP/1.0",
      .cache_control = "max-age=100", .date = -50, .http_1_0 = true,
      .reason = "max-age", .store = true, .fresh = 50, .swr = 30, .sie = DAY,
      .current_age = 50 },
    { .what = "section 4.2.3: apparent_age below Age",
      .cache_control = "max-age=100", .date = -50, .age = 70,
      .http_1_0 = true, .reason = "max-age", .store = true, .fresh = 30,
      .swr = 30, .sie = DAY, .current_age = 70 },
    { .what = "section 4.2.3: Date in the future",
      .cache_control = "max-age=100", .date = 50, .http_1_0 = true,
      .reason = "max-age", .store = true, .fresh = 100, .swr = 30,
      .sie = DAY },
    { .what = "section 4.2.3: HTTP/1.0 without Date",
      .cache_control = "max-age=100", .http_1_0 = true, .reason = "max-age",
      .store = true, .fresh = 100, .swr = 30, .sie = DAY },
    { .what = "section 1.2.2: Age at its end", .cache_control = "max-age=100",
      .age = MAX, .delay = 5, .validator = true, .reason = "max-age",
      .store = true, .current_age = MAX },

    /* not stored, section 3 */

    { .what = "section 5.2.2.5: no-store",
      .cache_control = "max-age=60, no-store", .validator = true,
      .reason = "no-store" },
    { .what = "section 5.2.2.3: must-understand does not make up for it",
      .cache_control = "must-understand, no-store, max-age=60",
      .reason = "no-store" },
    { .what = "section 5.2.2.7: private",
      .cache_control = "private, max-age=60", .reason = "private" },
    { .what = "section 5.2.2.7: private of a field",
      .cache_control = "max-age=60, private=\"x\"", .reason = "private" },
    { .what = "section 5.2.2.9: public does not undo private",
      .cache_control = "public, private, max-age=60", .reason = "private" },
    { .what = "an unreadable field",
      .cache_control = "max-age=60, x=\"private",
      .reason = "unreadable Cache-Control" },
    { .what = "Set-Cookie", .cache_control = "public, max-age=60",
      .set_cookie = true, .reason = "Set-Cookie" },
    { .what = "section 4.1: Vary: *", .cache_control = "public, max-age=60",
      .vary_any = true, .reason = "Vary: *" },
    { .what = "status 206", .status = 206, .reason = "policy", .store = true,
      .fresh = 600, .swr = 30, .sie = DAY },
    { .what = "status 304 is not one", .status = 304, .reason = "status" },
    { .what = "status 302", .status = 302, .cache_control = "max-age=60",
      .reason = "status" },
    { .what = "status 403", .status = 403, .cache_control = "max-age=60",
      .reason = "status" },
    { .what = "status 500", .status = 500, .cache_control = "max-age=60",
      .reason = "status" },
    { .what = "status 503", .status = 503, .cache_control = "max-age=60",
      .reason = "status" },
    { .what = "section 4.2.2: neither origin nor policy say",
      .policy = "ttl=0", .validator = true, .reason = "no freshness" },
    { .what = "section 4.2.2: not even with public", .policy = "ttl=0",
      .cache_control = "public", .validator = true,
      .reason = "no freshness" },
    { .what = "ttl=0 and the origin says", .policy = "ttl=0",
      .cache_control = "max-age=60", .reason = "max-age", .store = true,
      .fresh = 60, .swr = 30, .sie = DAY },

    /* to be validated */

    { .what = "section 5.2.2.4: no-cache", .cache_control = "no-cache",
      .validator = true, .reason = "no-cache", .store = true,
      .no_cache = true, .must_revalidate = true },
    { .what = "section 5.2.2.4: no-cache before all else",
      .cache_control = "max-age=60, stale-while-revalidate=60, "
      "stale-if-error=60, no-cache", .expires = 60, .validator = true,
      .policy = "min=60s", .reason = "no-cache", .store = true,
      .no_cache = true, .must_revalidate = true },
    { .what = "section 5.2.2.4: no-cache of a field",
      .cache_control = "no-cache=\"x\", max-age=60", .validator = true,
      .reason = "no-cache", .store = true, .no_cache = true,
      .must_revalidate = true },
    { .what = "section 5.2.2.4: no-cache and ttl=0", .policy = "ttl=0",
      .cache_control = "no-cache", .validator = true, .reason = "no-cache",
      .store = true, .no_cache = true, .must_revalidate = true },
    { .what = "section 5.2.2.4: no-cache without validator",
      .cache_control = "max-age=60, no-cache",
      .reason = "nothing to validate" },
    { .what = "max-age=0 with validator", .cache_control = "max-age=0",
      .validator = true, .reason = "max-age", .store = true },
    { .what = "max-age=0 without validator", .cache_control = "max-age=0",
      .reason = "nothing to validate" },

    /* stale: sections 4.2.4, 5.2.2.2, 5.2.2.8, 5.2.2.10, RFC 5861 */

    { .what = "RFC 5861: the origin's windows", .cache_control =
      "max-age=60, stale-while-revalidate=5, stale-if-error=7",
      .reason = "max-age", .store = true, .fresh = 60, .swr = 5, .sie = 7 },
    { .what = "RFC 5861: one window", .cache_control =
      "max-age=60, stale-while-revalidate=5", .reason = "max-age",
      .store = true, .fresh = 60, .swr = 5, .sie = DAY },
    { .what = "RFC 5861: closed windows", .cache_control =
      "max-age=60, stale-while-revalidate=0, stale-if-error=x",
      .reason = "max-age", .store = true, .fresh = 60 },
    { .what = "RFC 5861: windows and the policy's ttl", .cache_control =
      "stale-while-revalidate=5", .reason = "policy", .store = true,
      .fresh = 600, .swr = 5, .sie = DAY },
    { .what = "RFC 5861: windows of what is never fresh", .cache_control =
      "max-age=0, stale-while-revalidate=5", .reason = "max-age",
      .store = true, .swr = 5 },
    { .what = "RFC 5861: an error window of what is never fresh",
      .cache_control = "max-age=0, stale-if-error=5", .reason = "max-age",
      .store = true, .sie = 5 },
    { .what = "RFC 5861: a window of a second", .cache_control =
      "max-age=0, stale-while-revalidate=1", .reason = "max-age",
      .store = true, .swr = 1 },
    { .what = "RFC 5861: an error window of a second", .cache_control =
      "max-age=0, stale-if-error=1", .reason = "max-age", .store = true,
      .sie = 1 },
    { .what = "fresh for a second, without validator or windows",
      .cache_control = "max-age=1, must-revalidate", .reason = "max-age",
      .store = true, .fresh = 1, .must_revalidate = true },
    { .what = "a lifetime of a second has passed",
      .cache_control = "max-age=1", .age = 1, .reason = "max-age",
      .store = true, .swr = 30, .sie = DAY, .current_age = 1 },
    { .what = "RFC 5861: windows began on the way", .cache_control =
      "max-age=60, stale-while-revalidate=5, stale-if-error=7", .age = 66,
      .reason = "max-age", .store = true, .sie = 1, .current_age = 66 },
    { .what = "RFC 5861: windows ended on the way", .cache_control =
      "max-age=60, stale-while-revalidate=5, stale-if-error=7", .age = 67,
      .reason = "nothing to validate", .current_age = 67 },
    { .what = "section 5.2.2.2: must-revalidate", .cache_control =
      "max-age=60, must-revalidate", .reason = "max-age", .store = true,
      .fresh = 60, .must_revalidate = true },
    { .what = "section 5.2.2.2: and windows", .cache_control =
      "max-age=60, must-revalidate, stale-while-revalidate=5, "
      "stale-if-error=5", .reason = "max-age", .store = true, .fresh = 60,
      .must_revalidate = true },
    { .what = "section 5.2.2.8: proxy-revalidate", .cache_control =
      "max-age=60, proxy-revalidate, stale-if-error=5", .reason = "max-age",
      .store = true, .fresh = 60, .must_revalidate = true },
    { .what = "section 5.2.2.10: s-maxage and windows", .cache_control =
      "s-maxage=60, stale-while-revalidate=5, stale-if-error=7",
      .reason = "s-maxage", .store = true, .fresh = 60, .swr = 5, .sie = 7 },
    { .what = "section 5.2.2.10: s-maxage and one window", .cache_control =
      "s-maxage=60, stale-while-revalidate=5",
      .reason = "s-maxage", .store = true, .fresh = 60, .swr = 5 },
    { .what = "section 5.2.2.10: s-maxage, a window and proxy-revalidate",
      .cache_control =
      "s-maxage=60, stale-while-revalidate=5, proxy-revalidate",
      .reason = "s-maxage", .store = true, .fresh = 60,
      .must_revalidate = true },
    { .what = "section 5.2.2.2: with the policy's ttl",
      .cache_control = "must-revalidate", .reason = "policy", .store = true,
      .fresh = 600, .must_revalidate = true },
    { .what = "section 5.2.2.2: max-age=0", .cache_control =
      "public, max-age=0, must-revalidate", .validator = true,
      .reason = "max-age", .store = true, .must_revalidate = true },

    { .what = "RFC 8246: immutable", .cache_control =
      "max-age=31536000, immutable", .reason = "max-age", .store = true,
      .fresh = 365 * DAY, .swr = 30, .sie = DAY, .immutable = true },

    /* absent, and briefly so */

    { .what = "404", .status = 404, .reason = "policy", .store = true,
      .fresh = 10 },
    { .what = "410", .status = 410, .reason = "policy", .store = true,
      .fresh = 10 },
    { .what = "404: the origin may say less", .status = 404,
      .cache_control = "max-age=3", .reason = "max-age", .store = true,
      .fresh = 3 },
    { .what = "404: the origin may not say more", .status = 404,
      .cache_control = "max-age=3600, immutable, stale-if-error=60",
      .validator = true, .reason = "policy", .store = true, .fresh = 10,
      .immutable = true },
    { .what = "404: a second", .status = 404, .cache_control = "max-age=1",
      .reason = "max-age", .store = true, .fresh = 1 },
    { .what = "404: Expires", .status = 404, .expires = 4,
      .reason = "Expires", .store = true, .fresh = 4 },
    { .what = "404: no-cache", .status = 404, .cache_control = "no-cache",
      .validator = true, .reason = "no freshness" },
    { .what = "404: max-age=0", .status = 404, .cache_control = "max-age=0",
      .validator = true, .reason = "no freshness" },
    { .what = "404: no-store", .status = 404, .cache_control = "no-store",
      .reason = "no-store" },
    { .what = "404: Age", .status = 404, .age = 4, .reason = "policy",
      .store = true, .fresh = 6, .current_age = 4 },
    { .what = "404: negative=0", .status = 404, .policy = "negative=0",
      .cache_control = "max-age=60", .reason = "no freshness" },
    { .what = "404: ttl=0", .status = 404, .policy = "ttl=0",
      .reason = "policy", .store = true, .fresh = 10 },
    { .what = "404: min= is not for it", .status = 404, .policy = "min=1h",
      .reason = "policy", .store = true, .fresh = 10 },
    { .what = "404: max= is", .status = 404, .policy = "max=5s",
      .reason = "policy", .store = true, .fresh = 5 },
    { .what = "404: override", .status = 404, .policy = "origin=override",
      .cache_control = "max-age=0, no-cache", .age = 100, .reason = "policy",
      .store = true, .fresh = 10, .current_age = 100 },

    /* CDN-Cache-Control, RFC 9213 */

    { .what = "RFC 9213, section 2.2: before Cache-Control",
      .targeted = "max-age=600", .cache_control = "max-age=60, s-maxage=120",
      .reason = "max-age", .store = true, .fresh = 600, .swr = 30,
      .sie = DAY },
    { .what = "RFC 9213, section 3.1: before no-store",
      .targeted = "max-age=600", .cache_control = "no-store",
      .reason = "max-age", .store = true, .fresh = 600, .swr = 30,
      .sie = DAY },
    { .what = "RFC 9213, section 2.2: before Expires",
      .targeted = "stale-if-error=5", .expires = 50, .reason = "policy",
      .store = true, .fresh = 600, .swr = 30, .sie = 5 },
    { .what = "RFC 9213, section 3.1: none", .targeted = "none",
      .cache_control = "no-store", .reason = "policy", .store = true,
      .fresh = 600, .swr = 30, .sie = DAY },
    { .what = "RFC 9213, section 2.2: no-store", .targeted = "no-store",
      .cache_control = "max-age=60", .reason = "no-store" },
    { .what = "RFC 9213, section 2.2: private", .targeted = "private",
      .cache_control = "max-age=60", .reason = "private" },
    { .what = "RFC 9213, section 2.2: no-cache", .targeted = "no-cache",
      .cache_control = "max-age=60", .validator = true, .reason = "no-cache",
      .store = true, .no_cache = true, .must_revalidate = true },
    { .what = "RFC 9213, section 2.2: must-revalidate",
      .targeted = "must-revalidate, max-age=5", .reason = "max-age",
      .store = true, .fresh = 5, .must_revalidate = true },
    { .what = "RFC 9213, section 2.2: Age", .targeted = "max-age=3600",
      .age = 7200, .validator = true, .reason = "max-age", .store = true,
      .sie = DAY - 3600, .current_age = 7200 },
    { .what = "RFC 9213, section 2.1: empty", .targeted = "~",
      .cache_control = "no-store", .reason = "no-store" },
    { .what = "RFC 9213, section 2.1: no dictionary",
      .targeted = "max-age=600, &&&", .cache_control = "no-store",
      .reason = "no-store" },
    { .what = "RFC 9213, section 2.1: another type",
      .targeted = "max-age=\"600\"", .cache_control = "no-store",
      .reason = "no-store" },
    { .what = "RFC 9213: an unreadable Cache-Control does not count",
      .targeted = "max-age=600", .cache_control = "x=\"private",
      .reason = "max-age", .store = true, .fresh = 600, .swr = 30,
      .sie = DAY },
    { .what = "RFC 9213: Set-Cookie does", .targeted = "max-age=600",
      .set_cookie = true, .reason = "Set-Cookie" },

    /* the policy */

    { .what = "ttl=", .policy = "ttl=1h", .reason = "policy", .store = true,
      .fresh = 3600, .swr = 30, .sie = DAY },
    { .what = "windows", .policy =
      "stale_while_revalidate=1m stale_if_error=0", .reason = "policy",
      .store = true, .fresh = 600, .swr = 60 },
    { .what = "max=", .policy = "max=1d",
      .cache_control = "max-age=31536000", .reason = "max-age",
      .store = true, .fresh = DAY, .swr = 30, .sie = DAY },
    { .what = "max= is from now", .policy = "max=1d",
      .cache_control = "max-age=31536000", .age = 1000, .reason = "max-age",
      .store = true, .fresh = DAY, .swr = 30, .sie = DAY,
      .current_age = 1000 },
    { .what = "max=0: always to be validated", .policy = "max=0",
      .cache_control = "max-age=60, stale-while-revalidate=0, "
      "stale-if-error=0", .validator = true, .reason = "max-age",
      .store = true },
    { .what = "min=", .policy = "min=60s", .cache_control = "max-age=5",
      .reason = "max-age", .store = true, .fresh = 60, .swr = 30,
      .sie = DAY },
    { .what = "min= of what is never fresh", .policy = "min=60s",
      .cache_control = "max-age=0, must-revalidate", .reason = "max-age",
      .store = true, .fresh = 60, .must_revalidate = true },
    { .what = "min= is from now", .policy = "min=60s",
      .cache_control = "max-age=100", .age = 1000, .reason = "max-age",
      .store = true, .fresh = 60, .swr = 30, .sie = DAY,
      .current_age = 1000 },
    { .what = "min= of a second", .policy = "min=1s",
      .cache_control = "max-age=100", .age = 1000, .reason = "max-age",
      .store = true, .fresh = 1, .swr = 30, .sie = DAY, .current_age = 1000 },
    { .what = "min= of a second and max-age=0", .policy = "min=1s",
      .cache_control = "max-age=0", .reason = "max-age", .store = true,
      .fresh = 1, .swr = 30, .sie = DAY },
    { .what = "min= does not make up for ttl=0", .policy = "min=60s ttl=0",
      .validator = true, .reason = "no freshness" },
    { .what = "override", .policy = "origin=override",
      .cache_control = "no-cache, must-revalidate, max-age=5, immutable, "
      "stale-while-revalidate=0", .expires = BAD, .age = 50,
      .reason = "policy", .store = true, .fresh = 600, .swr = 30, .sie = DAY,
      .current_age = 50 },
    { .what = "override: a longer max-age", .policy = "origin=override",
      .targeted = "max-age=3600", .reason = "policy", .store = true,
      .fresh = 600, .swr = 30, .sie = DAY },
    { .what = "override: max=", .policy = "origin=override max=1m",
      .reason = "policy", .store = true, .fresh = 60, .swr = 30, .sie = DAY },
    { .what = "override: no-store", .policy = "origin=override",
      .cache_control = "no-store", .reason = "no-store" },
    { .what = "override: private", .policy = "origin=override",
      .cache_control = "private", .reason = "private" },
    { .what = "override: unreadable", .policy = "origin=override",
      .cache_control = "\"", .reason = "unreadable Cache-Control" },
    { .what = "override: Set-Cookie", .policy = "origin=override",
      .set_cookie = true, .reason = "Set-Cookie" },
    { .what = "override: Vary: *", .policy = "origin=override",
      .vary_any = true, .reason = "Vary: *" },
    { .what = "override: status", .policy = "origin=override", .status = 500,
      .reason = "status" }
};


static void
decide(const response_t *c, const char *jitter, uint64_t hash,
    xr_freshness_t *out)
{
    char                     line[160];
    xr_err_t                 err;
    xr_freshness_policy_t    policy;
    xr_freshness_response_t  r;

    snprintf(line, sizeof(line), "%s%s%s", jitter,
             (c->policy != NULL) ? " " : "",
             (c->policy != NULL) ? c->policy : "");

    if (parse(line, &policy, &err) != XR_OK) {
        fail_msg("%s: %s", c->what, err.what);
    }

    memset(&r, 0, sizeof(r));

    r.status = (c->status != 0) ? c->status : 200;
    r.set_cookie = c->set_cookie;
    r.vary_any = c->vary_any;
    r.validator = c->validator;
    r.http_1_0 = c->http_1_0;
    r.expires = (c->expires == 0) ? XR_FRESHNESS_NONE
                : (c->expires == BAD) ? 0 : NOW + c->expires;
    r.date = (c->date == 0) ? XR_FRESHNESS_NONE : NOW + c->date;
    r.age = c->age;
    r.asked = NOW - c->delay;
    r.received = NOW;

    read_field(c->cache_control, &r.cache_control,
               xr_freshness_field_cache_control);
    read_field(c->targeted, &r.targeted, xr_freshness_field_targeted);

    memset(out, 0xff, sizeof(xr_freshness_t));
    xr_freshness_decide(&r, &policy, hash, out);
}


static void
test_decide(void **state)
{
    size_t             i;
    xr_freshness_t     f;
    const response_t  *c;

    (void) state;

    for (i = 0; i < XR_COUNT(responses); i++) {
        c = &responses[i];
        decide(c, "jitter=0%", UINT64_MAX, &f);

        XR_CHECK_STR(xr_str(f.reason), c->reason, c->what);
        XR_CHECK_EQ(f.store, c->store, c->what);
        XR_CHECK_EQ(f.fresh, c->fresh, c->what);
        XR_CHECK_EQ(f.stale_while_revalidate, c->swr, c->what);
        XR_CHECK_EQ(f.stale_if_error, c->sie, c->what);
        XR_CHECK_EQ(f.age, c->current_age, c->what);
        XR_CHECK_EQ(f.no_cache, c->no_cache, c->what);
        XR_CHECK_EQ(f.must_revalidate, c->must_revalidate, c->what);
        XR_CHECK_EQ(f.immutable, c->immutable, c->what);
    }
}


/* Shortened by up to so much, evenly, and never made longer. */

static void
test_jitter(void **state)
{
    size_t          i;
    int64_t         least, most, sum;
    uint64_t        hash;
    xr_freshness_t  f;

    static const response_t  c = {
        .what = "jitter", .cache_control = "max-age=10000"
    };

    (void) state;

    decide(&c, "jitter=5%", 0, &f);
    assert_int_equal(f.fresh, 10000);

    decide(&c, "jitter=5%", UINT64_MAX, &f);
    assert_int_equal(f.fresh, 9500);

    decide(&c, "jitter=0.5%", UINT64_MAX, &f);
    assert_int_equal(f.fresh, 9950);

    decide(&c, "jitter=50%", UINT64_MAX, &f);
    assert_int_equal(f.fresh, 5000);

    hash = 0;
    sum = 0;
    least = MAX;
    most = 0;

    for (i = 0; i < 10000; i++) {
        hash = hash * UINT64_C(6364136223846793005)
               + UINT64_C(1442695040888963407);
        decide(&c, "jitter=5%", hash, &f);

        least = (f.fresh < least) ? f.fresh : least;
        most = (f.fresh > most) ? f.fresh : most;
        sum += f.fresh;
    }

    assert_int_equal(least, 9500);
    assert_int_equal(most, 10000);
    assert_true(sum / 10000 >= 9740 && sum / 10000 <= 9760);

    /* the same for the same hash; windows are as they were */

    decide(&c, "jitter=5%", hash, &f);
    sum = f.fresh;
    decide(&c, "jitter=5%", hash, &f);
    assert_int_equal(f.fresh, sum);
    assert_int_equal(f.stale_while_revalidate, 30);
    assert_int_equal(f.stale_if_error, DAY);
}


/* What is fresh for a second stays so, and the longest is in bounds. */

static void
test_jitter_bounds(void **state)
{
    xr_freshness_t  f;

    static const response_t  small = {
        .what = "small", .cache_control = "max-age=1"
    };
    static const response_t  large = {
        .what = "large", .cache_control = "max-age=99999999999"
    };
    static const response_t  none = {
        .what = "none", .cache_control = "max-age=0", .validator = true
    };

    (void) state;

    decide(&small, "jitter=50%", UINT64_MAX, &f);
    assert_int_equal(f.fresh, 1);

    decide(&large, "jitter=50%", UINT64_MAX, &f);
    assert_int_equal(f.fresh, MAX / 2);

    decide(&none, "jitter=50%", UINT64_MAX, &f);
    assert_int_equal(f.fresh, 0);
}


/* RFC 9111, section 4.2.3: current_age */

static void
test_age(void **state)
{
    size_t  i;

    static const struct {
        const char  *what;
        int64_t      age;
        int64_t      received;
        int64_t      now;
        int64_t      wanted;
    } cases[] = {
        { "just received", 0, NOW, NOW, 0 },
        { "resident", 0, NOW, NOW + 7, 7 },
        { "resident, and old before", 5, NOW, NOW + 7, 12 },
        { "the clock was set back", 5, NOW, NOW - 7, 5 },
        { "the end", MAX - 3, NOW, NOW + 7, MAX },
        { "more than the end", MAX, NOW, NOW + MAX, MAX },
        { "any times", 0, INT64_MIN, INT64_MAX, MAX }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_EQ(xr_freshness_age(cases[i].age, cases[i].received,
                                     cases[i].now),
                    cases[i].wanted, cases[i].what);
    }
}


/* RFC 9111, section 5.1 */

static void
test_age_field(void **state)
{
    size_t  i;

    static const struct {
        const char  *value;
        int64_t      age;
    } cases[] = {
        { "", 0 },
        { "0", 0 },
        { "7200", 7200 },
        { " 7200\t", 7200 },
        { "007200", 7200 },
        { "99999999999999999999999", MAX },
        { "7200, 0", 7200 },
        { "7200,abc", 7200 },
        { "0,7200", 0 },
        { ",7200", 0 },
        { "abc", 0 },
        { "-7200", 0 },
        { "+7200", 0 },
        { "7200.0", 0 },
        { "\"7200\"", 0 },
        { "72 00", 0 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_EQ(xr_freshness_age_field(xr_str(cases[i].value)),
                    cases[i].age, cases[i].value);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_decide),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_jitter_bounds),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_age_field)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
