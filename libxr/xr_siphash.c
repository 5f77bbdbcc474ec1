/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_crypto.h"
#include "xr_le.h"


#include <string.h>


typedef struct {
    uint64_t  v0;
    uint64_t  v1;
    uint64_t  v2;
    uint64_t  v3;
} xr_siphash_t;


static inline uint64_t
xr_siphash_rotate(uint64_t n, unsigned bits)
{
    return n << bits | n >> (64 - bits);
}


static inline xr_siphash_t
xr_siphash_round(xr_siphash_t s)
{
    s.v0 += s.v1;
    s.v1 = xr_siphash_rotate(s.v1, 13) ^ s.v0;
    s.v0 = xr_siphash_rotate(s.v0, 32);

    s.v2 += s.v3;
    s.v3 = xr_siphash_rotate(s.v3, 16) ^ s.v2;

    s.v0 += s.v3;
    s.v3 = xr_siphash_rotate(s.v3, 21) ^ s.v0;

    s.v2 += s.v1;
    s.v1 = xr_siphash_rotate(s.v1, 17) ^ s.v2;
    s.v2 = xr_siphash_rotate(s.v2, 32);

    return s;
}


static inline xr_siphash_t
xr_siphash_word(xr_siphash_t s, uint64_t word)
{
    s.v3 ^= word;
    s = xr_siphash_round(xr_siphash_round(s));
    s.v0 ^= word;

    return s;
}


/* "n" whole words; the state stays in registers meanwhile. */

static xr_siphash_t
xr_siphash_words(xr_siphash_t s, const uint8_t *p, size_t n)
{
    while (n > 0) {
        s = xr_siphash_word(s, xr_le64(p));
        p += 8;
        n--;
    }

    return s;
}


/*
 * All parts, in words of eight bytes that do not care where a part ends.  The
 * last word has what is left, and the length in its highest byte.
 */

static xr_siphash_t
xr_siphash_parts(xr_siphash_t s, const xr_str_t *parts, size_t n)
{
    size_t          i, len, take, pending;
    uint8_t         word[8];
    uint64_t        total;
    const uint8_t  *p;

    pending = 0;
    total = 0;

    for (i = 0; i < n; i++) {
        p = parts[i].data;
        len = parts[i].len;
        total += len;

        if (len == 0) {
            continue;
        }

        if (pending > 0) {
            take = (len < 8 - pending) ? len : 8 - pending;
            memcpy(word + pending, p, take);

            pending += take;
            p += take;
            len -= take;

            if (pending < 8) {
                continue;
            }

            s = xr_siphash_word(s, xr_le64(word));
        }

        s = xr_siphash_words(s, p, len / 8);

        pending = len % 8;
        memcpy(word, p + len - pending, pending);
    }

    memset(word + pending, 0, 8 - pending);
    word[7] = (uint8_t) total;

    return xr_siphash_word(s, xr_le64(word));
}


/* The constants are the paper's; 0xee and 0xdd make it 128 bits long. */

static inline xr_siphash_t
xr_siphash_start(const uint8_t key[XR_SIPHASH_KEY_SIZE])
{
    uint64_t      k0, k1;
    xr_siphash_t  s;

    k0 = xr_le64(key);
    k1 = xr_le64(key + 8);

    s.v0 = k0 ^ 0x736f6d6570736575;
    s.v1 = k1 ^ 0x646f72616e646f6d ^ 0xee;
    s.v2 = k0 ^ 0x6c7967656e657261;
    s.v3 = k1 ^ 0x7465646279746573;

    return s;
}


static inline xr_siphash_t
xr_siphash_end(xr_siphash_t s)
{
    s = xr_siphash_round(xr_siphash_round(s));

    return xr_siphash_round(xr_siphash_round(s));
}


static inline uint64_t
xr_siphash_fold(xr_siphash_t s)
{
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}


void
xr_siphash(const uint8_t key[XR_SIPHASH_KEY_SIZE], const xr_str_t *parts,
    size_t n, uint8_t out[XR_SIPHASH_SIZE])
{
    xr_siphash_t  s;

    s = xr_siphash_parts(xr_siphash_start(key), parts, n);

    s.v2 ^= 0xee;
    s = xr_siphash_end(s);
    xr_le64_put(out, xr_siphash_fold(s));

    s.v1 ^= 0xdd;
    s = xr_siphash_end(s);
    xr_le64_put(out + 8, xr_siphash_fold(s));
}


/* The last bytes, of which there are not enough for a word, as one. */

static inline uint64_t
xr_siphash_rest(xr_str_t s)
{
    size_t    i, rest;
    uint64_t  word;

    rest = s.len % 8;

    if (rest == 0) {
        return 0;
    }

    if (s.len > 8) {
        return xr_le64(s.data + s.len - 8) >> 8 * (8 - rest);
    }

    word = 0;

    for (i = 0; i < rest; i++) {
        word |= (uint64_t) s.data[i] << 8 * i;
    }

    return word;
}


uint64_t
xr_siphash_64(const uint8_t key[XR_SIPHASH_KEY_SIZE], uint64_t head,
    xr_str_t value)
{
    uint64_t      last;
    xr_siphash_t  s;

    s = xr_siphash_word(xr_siphash_start(key), head);
    s = xr_siphash_words(s, value.data, value.len / 8);

    last = (uint64_t) (value.len + sizeof(head)) << 56;
    s = xr_siphash_word(s, last | xr_siphash_rest(value));

    s.v2 ^= 0xee;

    return xr_siphash_fold(xr_siphash_end(s));
}
