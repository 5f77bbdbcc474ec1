/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_limit.h"
#include "xr_limit_words.h"

#include <string.h>


#define XR_LIMIT_FIELD_MAX   999999999999999u   /* RFC 9651, section 3.3.1 */

/* Of digests, how many bytes of them: */

#define XR_LIMIT_KEY_TENANT  8
#define XR_LIMIT_KEY_BUCKET  17
#define XR_LIMIT_NAME_CLASS  8


const xr_str_t  xr_limit_keys[XR_LIMIT_KEYS] = {
    [XR_LIMIT_TENANT] = XR_STR("tenant"),
    [XR_LIMIT_SUBJECT] = XR_STR("subject"),
    [XR_LIMIT_ADDRESS] = XR_STR("address")
};

const xr_str_t  xr_limit_modes[XR_LIMIT_MODES] = {
    [XR_LIMIT_LEASED] = XR_STR("leased"),
    [XR_LIMIT_EXACT] = XR_STR("exact")
};

const xr_str_t  xr_limit_failures[XR_LIMIT_FAILURES] = {
    [XR_LIMIT_LOCAL] = XR_STR("local"),
    [XR_LIMIT_OPEN] = XR_STR("open"),
    [XR_LIMIT_CLOSED] = XR_STR("closed")
};


bool
xr_limit_plain(xr_str_t s)
{
    size_t   i;
    uint8_t  c;

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
              || (c == '-' && i > 0)))
        {
            return false;
        }
    }

    return s.len > 0;
}


/* "40", or bytes in the largest unit that they are a whole number of. */

static void
xr_limit_put_amount(const xr_limit_t *l, uint64_t millionths, xr_buf_t *out)
{
    size_t    i;
    uint64_t  n;

    static const char  letters[] = "kmg";

    if (l->unit == XR_LIMIT_REQUESTS) {
        xr_buf_uint(out, millionths / XR_LIMIT_TOKEN);
        return;
    }

    n = millionths / XR_LIMIT_BYTE;

    for (i = 0; i < sizeof(letters) - 1 && n > 0 && n % 1024 == 0; i++) {
        n /= 1024;
    }

    xr_buf_uint(out, n);

    if (i > 0) {
        xr_buf_putc(out, (uint8_t) letters[i - 1]);
    }
}


/* "20r/s" with "separator" for the "/". */

static void
xr_limit_put_rate(const xr_limit_t *l, uint8_t separator, xr_buf_t *out)
{
    bool      minute;
    uint64_t  n, unit;

    unit = (l->unit == XR_LIMIT_REQUESTS) ? XR_LIMIT_TOKEN : XR_LIMIT_BYTE;
    n = (uint64_t) l->rate;
    minute = (n % unit != 0);

    if (minute) {
        /* up again what was rounded down */
        n = (n * 60 + unit - 1) / unit * unit;
    }

    xr_limit_put_amount(l, n, out);

    if (l->unit == XR_LIMIT_REQUESTS) {
        xr_buf_putc(out, 'r');
    }

    xr_buf_putc(out, separator);
    xr_buf_putc(out, minute ? 'm' : 's');
}


static xr_rc_t
xr_limit_put_class(xr_str_t name, xr_buf_t *out)
{
    uint8_t  digest[XR_SHA256_SIZE];

    if (name.len == 0) {
        return XR_OK;
    }

    xr_buf_putc(out, '-');

    if (xr_limit_plain(name) && name.len <= XR_LIMIT_NAME_MAX - out->len) {
        xr_buf_put(out, name);
        return XR_OK;
    }

    /* no class that is written out follows two of these */

    xr_buf_putc(out, '-');

    if (xr_sha256(name, digest) != XR_OK) {
        return XR_ERROR;
    }

    xr_buf_hex(out, xr_str_of(digest, XR_LIMIT_NAME_CLASS));

    return XR_OK;
}


xr_rc_t
xr_limit_make_name(const xr_limit_t *l, xr_buf_t *out)
{
    xr_buf_put(out, xr_limit_keys[l->key]);
    xr_buf_putc(out, '-');
    xr_limit_put_rate(l, '-', out);
    xr_buf_putc(out, '-');
    xr_limit_put_amount(l, (uint64_t) l->burst, out);

    return xr_limit_put_class(l->rate_class, out);
}


static void
xr_limit_put_pair(xr_buf_t *out, const char *name, xr_str_t value)
{
    if (value.len > 0) {
        xr_buf_puts(out, name);
        xr_buf_put(out, value);
    }
}


void
xr_limit_text(const xr_limit_t *l, xr_buf_t *out)
{
    xr_limit_put_pair(out, "key=", xr_limit_keys[l->key]);

    xr_buf_puts(out, " rate=");
    xr_limit_put_rate(l, '/', out);
    xr_buf_puts(out, " burst=");
    xr_limit_put_amount(l, (uint64_t) l->burst, out);

    if (l->cost > XR_LIMIT_TOKEN) {
        xr_buf_puts(out, " cost=");
        xr_buf_uint(out, (uint64_t) l->cost / XR_LIMIT_TOKEN);
    }

    xr_limit_put_pair(out, " mode=", xr_limit_modes[l->mode]);
    xr_limit_put_pair(out, " failure=", xr_limit_failures[l->failure]);

    if (l->delay > 0) {
        xr_buf_puts(out, " delay=");
        xr_buf_uint(out, l->delay);
        xr_buf_puts(out, "ms");
    }

    xr_limit_put_pair(out, " class=", l->rate_class);
    xr_limit_put_pair(out, " name=", l->name);
}


/* Lengths in front, the same on every machine: nothing can shift. */

static void
xr_limit_frame(uint8_t out[sizeof(uint64_t)], size_t len)
{
    size_t  i;

    for (i = 0; i < sizeof(uint64_t); i++) {
        out[i] = (uint8_t) ((uint64_t) len >> 8 * i);
    }
}


xr_rc_t
xr_limit_redis_key(const xr_limit_t *l, xr_str_t tenant, xr_str_t value,
    uint8_t out[XR_LIMIT_KEY_SIZE])
{
    uint8_t   frame[2 * sizeof(uint64_t) + 2];
    uint8_t   owner[XR_HASH_MAX_SIZE], bucket[XR_HASH_MAX_SIZE];
    xr_buf_t  b;
    xr_str_t  parts[4];

    xr_limit_frame(frame, tenant.len);
    xr_limit_frame(frame + sizeof(uint64_t), l->name.len);
    frame[2 * sizeof(uint64_t)] = (uint8_t) l->key;
    frame[2 * sizeof(uint64_t) + 1] = (uint8_t) l->unit;

    parts[0] = xr_str_of(frame, sizeof(frame));
    parts[1] = tenant;
    parts[2] = l->name;
    parts[3] = value;

    if (xr_hash(XR_SHA256, &tenant, 1, owner) != XR_OK
        || xr_hash(XR_SHA256, parts, XR_COUNT(parts), bucket) != XR_OK)
    {
        return XR_ERROR;
    }

    b = xr_buf(out, XR_LIMIT_KEY_SIZE);

    xr_buf_puts(&b, "xr:{");
    xr_buf_hex(&b, xr_str_of(owner, XR_LIMIT_KEY_TENANT));
    xr_buf_puts(&b, "}:");
    xr_buf_hex(&b, xr_str_of(bucket, XR_LIMIT_KEY_BUCKET));

    return XR_OK;
}


/* CRC-16/XMODEM, half a byte at a time. */

uint16_t
xr_limit_slot(xr_str_t key)
{
    size_t    i, open, close;
    uint8_t   c;
    uint32_t  crc;

    static const uint16_t  table[] = {
        0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
        0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef
    };

    /* what stands between the first "{" and the next "}", if anything does */

    open = xr_str_find(key, '{');

    if (open < key.len) {
        close = xr_str_find(xr_str_of(key.data + open + 1, key.len - open - 1),
                            '}');

        if (close > 0 && close < key.len - open - 1) {
            key = xr_str_of(key.data + open + 1, close);
        }
    }

    crc = 0;

    for (i = 0; i < key.len; i++) {
        c = key.data[i];
        crc = (crc << 4 ^ table[(crc >> 12 ^ c >> 4) & 0x0f]) & 0xffff;
        crc = (crc << 4 ^ table[(crc >> 12 ^ c) & 0x0f]) & 0xffff;
    }

    return (uint16_t) (crc % 16384);
}


/* As xr_limit_wait(), for any amount. */

static int64_t
xr_limit_time(int64_t rate, int64_t balance, int64_t wanted)
{
    uint64_t  amount, per_second, seconds, rest;

    if (balance >= wanted) {
        return 0;
    }

    amount = (uint64_t) wanted - (uint64_t) balance;
    per_second = (uint64_t) rate;
    seconds = amount / per_second;
    rest = amount % per_second;

    if (seconds >= INT64_MAX / 1000) {
        return INT64_MAX;
    }

    return (int64_t) (seconds * 1000
                      + (rest * 1000 + per_second - 1) / per_second);
}


int64_t
xr_limit_wait(const xr_limit_t *l, int64_t balance, int64_t wanted)
{
    return xr_limit_time(l->rate, balance,
                         (wanted < l->burst) ? wanted : l->burst);
}


static void
xr_limit_put_name(const xr_limit_t *l, xr_buf_t *out)
{
    xr_buf_putc(out, '"');
    xr_buf_put(out, l->name);
    xr_buf_putc(out, '"');
}


void
xr_limit_policy_field(const xr_limit_t *l, xr_buf_t *out)
{
    int64_t  quota, unit, window;

    unit = (l->unit == XR_LIMIT_REQUESTS) ? XR_LIMIT_TOKEN : XR_LIMIT_BYTE;
    quota = (l->burst > l->rate) ? l->burst : l->rate;

    /* to the nearest second: the rate may be rounded down by a little */

    window = quota / l->rate + (quota % l->rate >= (l->rate + 1) / 2 ? 1 : 0);
    window = (window > 0) ? window : 1;

    xr_limit_put_name(l, out);

    xr_buf_puts(out, ";q=");
    xr_buf_uint(out, (uint64_t) (quota / unit));

    if (l->unit == XR_LIMIT_BYTES) {
        xr_buf_puts(out, ";qu=\"content-bytes\"");
    }

    xr_buf_puts(out, ";w=");
    xr_buf_uint(out, (uint64_t) window);
}


void
xr_limit_state_field(const xr_limit_t *l, int64_t balance, xr_buf_t *out)
{
    int64_t   unit, left;
    uint64_t  seconds;

    unit = (l->unit == XR_LIMIT_REQUESTS) ? XR_LIMIT_TOKEN : XR_LIMIT_BYTE;
    left = (balance > 0) ? balance / unit : 0;
    seconds = ((uint64_t) xr_limit_time(l->rate, balance, (left + 1) * unit)
               + 999) / 1000;

    xr_limit_put_name(l, out);

    xr_buf_puts(out, ";r=");
    xr_buf_uint(out, (uint64_t) left);
    xr_buf_puts(out, ";t=");
    xr_buf_uint(out, (seconds < XR_LIMIT_FIELD_MAX) ? seconds
                                                    : XR_LIMIT_FIELD_MAX);
}
