/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_LIMIT_H
#define XR_LIMIT_H


#include "xr_buf.h"
#include "xr_crypto.h"


/*
 * A limit as it is written, "key=subject rate=20r/s burst=40", and what
 * follows from it: the key of its bucket in Redis, the script that decides
 * there, the fields that tell a client (draft-ietf-httpapi-ratelimit-headers).
 *
 * Amounts are counted in millionths of a token.  A token is one request, or
 * a thousand bytes, so that a byte is a whole number of them, too.  No amount
 * is above XR_LIMIT_MAX, up to which numbers in Redis's Lua are exact.
 */

#define XR_LIMIT_TOKEN     1000000      /* millionths: a request */
#define XR_LIMIT_BYTE      1000         /* millionths: a byte */
#define XR_LIMIT_MAX       INT64_C(9000000000000000)

#define XR_LIMIT_FILL_MAX  31536000     /* seconds: an empty bucket is full
                                           after so many, or it is refused */
#define XR_LIMIT_NAME_MAX  63
#define XR_LIMIT_TEXT_MAX  256
#define XR_LIMIT_KEY_SIZE  56           /* of a key in Redis, all of it text */

#define XR_LIMIT_ASK       4            /* numbers: see xr_limit_script() */
#define XR_LIMIT_ANSWER    3
#define XR_LIMIT_NUMBER    8            /* bytes */


typedef enum {
    XR_LIMIT_TENANT = 0,
    XR_LIMIT_SUBJECT,                   /* the address where there is none */
    XR_LIMIT_ADDRESS                    /* IPv6: the /64 */
} xr_limit_key_t;

typedef enum {
    XR_LIMIT_REQUESTS = 0,
    XR_LIMIT_BYTES
} xr_limit_unit_t;

typedef enum {
    XR_LIMIT_LEASED = 0,
    XR_LIMIT_EXACT
} xr_limit_mode_t;

/* While Redis is away. */

typedef enum {
    XR_LIMIT_LOCAL = 0,                 /* each edge has its share */
    XR_LIMIT_OPEN,                      /* all pass */
    XR_LIMIT_CLOSED                     /* none does */
} xr_limit_failure_t;


typedef struct {
    xr_str_t            name;           /* as given, or made of the rest */
    xr_limit_key_t      key;
    xr_limit_unit_t     unit;
    xr_limit_mode_t     mode;
    xr_limit_failure_t  failure;
    int64_t             rate;           /* millionths a second, > 0 */
    int64_t             burst;          /* millionths, > 0 */
    int64_t             cost;           /* of a request; 0: bytes */
    uint32_t            delay;          /* milliseconds at most; 0: none */
    xr_str_t            rate_class;     /* empty: whoever it is */
} xr_limit_t;


/*
 * From parameters such as "rate=20r/s", in any order and each at most once;
 * names and classes are copied into "mem".  On failure err->pos is the index
 * of the one at fault (0 where one is missing), and "out" is as it was.
 *
 *     key=tenant|subject|address     tenant unless given
 *     rate=20r/s|300r/m              requests; required
 *     rate=512k/s|300m/m|1g/s        bytes, in k, m and g of 1024; "800/s" is
 *                                    bytes, too
 *     burst=40|10m                   in the rate's unit; else what the rate
 *                                    gives in a second, and one request
 *     cost=1                         tokens that a request takes
 *     mode=leased|exact              leased unless given
 *     failure=local|open|closed      local unless given
 *     delay=200ms|1s, nodelay        nodelay unless given
 *     class=gold                     only who has this rate class
 *     name=downloads                 1 to 63 of a-z, 0-9 and "-"
 *
 * A rate of so much a minute is rounded down to whole millionths a second.
 *
 * The name unless given is key, rate, burst and class joined by "-",
 * "subject-20r-s-40-gold", written from what the limit is and not as it was
 * written, so that edges agree: 1200r/m is 20r-s, 1024k/s is 1m-s.  A class
 * that has other characters than names may have, or that does not fit, is in
 * it as "-" and 16 hexadecimal digits of its SHA-256.
 */
xr_rc_t xr_limit_parse(const xr_str_t *args, size_t n, const xr_mem_t *mem,
    xr_limit_t *out, xr_err_t *err);

/* Parameters, with spaces between, that are parsed to the same limit. */
void xr_limit_text(const xr_limit_t *l, xr_buf_t *out);

/*
 * The key of a bucket: "xr:{" 16 hex digits of the tenant "}:" 34 hex digits
 * of tenant, limit (name, key, unit) and "value", and nothing that a client
 * chose.  All keys of a tenant share a slot of Redis Cluster.  XR_ERROR: the
 * library failed.
 */
xr_rc_t xr_limit_redis_key(const xr_limit_t *l, xr_str_t tenant,
    xr_str_t value, uint8_t out[XR_LIMIT_KEY_SIZE]);

/* The slot of Redis Cluster that a key is in, by its hash tag if it has one. */
uint16_t xr_limit_slot(xr_str_t key);

/*
 * The script.  KEYS are buckets, no two the same, all of a tenant; ARGV[1] is
 * "take", all that is wanted from every bucket or nothing, or "lease", as many
 * whole tokens of what is wanted as there are, bucket by bucket.  ARGV[2] has
 * XR_LIMIT_ASK numbers for each key: rate, burst, what is wanted, and what is
 * due, which is charged first and in any case, and may be below 0 (returned)
 * or more than there is (the balance is then below 0).
 *
 * What "take" wants beyond "burst" is had for a full bucket, and what it wants
 * with a minus in front as soon as there is anything; the balance is below 0
 * then.  The answer is a string of XR_LIMIT_ANSWER numbers for each key: what
 * was granted (without a minus), the balance after it, microseconds until the
 * rest of what was wanted can be had (0: it can be, as from all buckets of a
 * "take" that was granted).
 *
 * All numbers are whole, and doubles with their low byte first: as text they
 * would take Redis longer than what is done with them.
 *
 * A bucket's value is four of them: the balance, the time by Redis's clock in
 * microseconds at which it was so full, millionths of a millionth that the
 * rate left, and the time until which the key lives at least.  A key that is
 * absent, or has any other value, is a full bucket.
 */
xr_str_t xr_limit_script(void);

/*
 * A number for it at "p", behind which it returns; and one of its answer:
 * XR_INVALID if that is not whole, or beyond XR_LIMIT_MAX on either side.
 */
uint8_t *xr_limit_script_put(uint8_t *p, int64_t n);
xr_rc_t xr_limit_script_get(const uint8_t *p, int64_t *n);

/*
 * The items of RateLimit-Policy and RateLimit: "name";q=100;w=60 and
 * "name";r=12;t=3.  q is what a bucket holds and w the seconds in which it
 * fills, or what the rate gives in one second if that is more; t is the
 * seconds until there is more than r, never later than a Retry-After that is
 * made of xr_limit_wait().  Bytes say so: "name";q=65536;qu="content-bytes".
 */
void xr_limit_policy_field(const xr_limit_t *l, xr_buf_t *out);
void xr_limit_state_field(const xr_limit_t *l, int64_t balance, xr_buf_t *out);

/*
 * Milliseconds, rounded up, until "balance" has become "wanted", or all that
 * the bucket holds if that is less; 0: it has.
 */
int64_t xr_limit_wait(const xr_limit_t *l, int64_t balance, int64_t wanted);


#endif /* XR_LIMIT_H */
