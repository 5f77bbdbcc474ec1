/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_crypto.h"

#include <openssl/bn.h>


#define XR_PUBKEY_MAX_E       8         /* bytes */
#define XR_PUBKEY_ED25519_SIZE  32


/*
 * y^2 = x^3 - 3x + b over a prime field, FIPS 186-4 section D.1.2.  The
 * cofactor is 1, so that whatever is on the curve is in its group.  OpenSSL
 * can say so, too, but makes a group of it, which takes ten times as long.
 */

typedef struct {
    xr_pubkey_kind_t  kind;
    size_t            size;             /* of a coordinate, in bytes */
    const BIGNUM     *(*prime)(void);
    const char       *b;
} xr_pubkey_curve_t;


static const xr_pubkey_curve_t  xr_pubkey_curves[] = {
    { XR_PUBKEY_P256, 32, BN_get0_nist_prime_256,
      "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b" },
    { XR_PUBKEY_P384, 48, BN_get0_nist_prime_384,
      "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875a"
      "c656398d8a2ed19d2a85c8edd3ec2aef" },
    { XR_PUBKEY_P521, 66, BN_get0_nist_prime_521,
      "0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef1"
      "09e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b50"
      "3f00" }
};


/*
 * Ed25519, RFC 8032 section 5.1: -x^2 + y^2 = 1 + d x^2 y^2.  Points of small
 * order verify signatures that nobody made; these are their y.
 */

static const char  xr_pubkey_ed_prime[] =
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";

static const char  xr_pubkey_ed_d[] =
    "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3";

static const char  *const xr_pubkey_ed_small[] = {
    "0",
    "1",
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec",
    "05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826",
    "7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7"
};


/* The numbers that a check needs; they go with the context. */

typedef struct {
    BN_CTX  *ctx;
    BIGNUM  *x;
    BIGNUM  *y;
    BIGNUM  *b;
    BIGNUM  *t;
    BIGNUM  *p;
} xr_pubkey_numbers_t;


/* False: out of memory; to be freed in either case. */

static bool
xr_pubkey_numbers(xr_pubkey_numbers_t *num)
{
    num->ctx = BN_CTX_new();

    if (num->ctx == NULL) {
        return false;
    }

    BN_CTX_start(num->ctx);

    num->x = BN_CTX_get(num->ctx);
    num->y = BN_CTX_get(num->ctx);
    num->b = BN_CTX_get(num->ctx);
    num->t = BN_CTX_get(num->ctx);
    num->p = BN_CTX_get(num->ctx);

    return num->p != NULL;              /* once one is NULL, all others are */
}


static void
xr_pubkey_numbers_free(xr_pubkey_numbers_t *num)
{
    if (num->ctx != NULL) {
        BN_CTX_end(num->ctx);
        BN_CTX_free(num->ctx);
    }
}


/* XR_ERROR: out of memory. */

static xr_rc_t
xr_pubkey_on_curve(xr_pubkey_numbers_t *num, const xr_pubkey_curve_t *curve,
    const uint8_t *xy)
{
    int            size;
    const BIGNUM  *p;

    p = curve->prime();
    size = (int) curve->size;

    if (BN_bin2bn(xy, size, num->x) == NULL
        || BN_bin2bn(xy + size, size, num->y) == NULL
        || BN_hex2bn(&num->b, curve->b) == 0)
    {
        return XR_ERROR;
    }

    if (BN_ucmp(num->x, p) >= 0 || BN_ucmp(num->y, p) >= 0) {
        return XR_INVALID;
    }

    /* (x^2 - 3) x + b, and y^2 */

    if (BN_mod_sqr(num->t, num->x, p, num->ctx) != 1
        || BN_sub_word(num->t, 3) != 1
        || BN_mod_mul(num->t, num->t, num->x, p, num->ctx) != 1
        || BN_mod_add(num->t, num->t, num->b, p, num->ctx) != 1
        || BN_mod_sqr(num->y, num->y, p, num->ctx) != 1)
    {
        return XR_ERROR;
    }

    return (BN_cmp(num->t, num->y) == 0) ? XR_OK : XR_INVALID;
}


/* Whether y^2 - 1 over d y^2 + 1 is a square, x^2; XR_ERROR as above. */

static xr_rc_t
xr_pubkey_on_ed25519(xr_pubkey_numbers_t *num, const uint8_t *key)
{
    int      square;
    size_t   i;
    uint8_t  y[XR_PUBKEY_ED25519_SIZE];

    memcpy(y, key, sizeof(y));
    y[sizeof(y) - 1] &= 0x7f;           /* the sign of x */

    if (BN_lebin2bn(y, sizeof(y), num->y) == NULL
        || BN_hex2bn(&num->p, xr_pubkey_ed_prime) == 0)
    {
        return XR_ERROR;
    }

    if (BN_ucmp(num->y, num->p) >= 0) {
        return XR_INVALID;
    }

    for (i = 0; i < XR_COUNT(xr_pubkey_ed_small); i++) {

        if (BN_hex2bn(&num->t, xr_pubkey_ed_small[i]) == 0) {
            return XR_ERROR;
        }

        if (BN_cmp(num->y, num->t) == 0) {
            return XR_DENIED;
        }
    }

    if (BN_hex2bn(&num->b, xr_pubkey_ed_d) == 0
        || BN_mod_sqr(num->t, num->y, num->p, num->ctx) != 1
        || BN_mod_mul(num->b, num->b, num->t, num->p, num->ctx) != 1
        || BN_add_word(num->b, 1) != 1
        || BN_sub_word(num->t, 1) != 1
        || BN_mod_mul(num->t, num->t, num->b, num->p, num->ctx) != 1)
    {
        return XR_ERROR;
    }

    square = BN_kronecker(num->t, num->p, num->ctx);

    if (square < -1) {
        return XR_ERROR;
    }

    return (square == -1) ? XR_INVALID : XR_OK;
}


static xr_rc_t
xr_pubkey_point(const xr_pubkey_t *key, xr_err_t *err)
{
    size_t                    i;
    xr_rc_t                   rc;
    xr_pubkey_numbers_t       num;
    const xr_pubkey_curve_t  *curve;

    curve = NULL;

    for (i = 0; i < XR_COUNT(xr_pubkey_curves); i++) {

        if (xr_pubkey_curves[i].kind == key->kind) {
            curve = &xr_pubkey_curves[i];
        }
    }

    if (key->e.len != 0
        || key->n.len != (curve != NULL ? 2 * curve->size
                                        : XR_PUBKEY_ED25519_SIZE))
    {
        return xr_fail(err, XR_INVALID, 0, "the length does not go with the "
                       "curve");
    }

    rc = XR_ERROR;

    if (xr_pubkey_numbers(&num)) {
        rc = (curve != NULL) ? xr_pubkey_on_curve(&num, curve, key->n.data)
                             : xr_pubkey_on_ed25519(&num, key->n.data);
    }

    xr_pubkey_numbers_free(&num);

    switch (rc) {

    case XR_OK:
        return XR_OK;

    case XR_DENIED:
        return xr_fail(err, XR_DENIED, 0, "a point of small order");

    case XR_INVALID:
        return xr_fail(err, XR_INVALID, 0, "the point is not on the curve");

    default:
        return xr_fail(err, XR_ERROR, 0, "out of memory");
    }
}


static size_t
xr_pubkey_bits(xr_str_t n)
{
    size_t   bits;
    uint8_t  first;

    bits = (n.len - 1) * 8;

    for (first = n.data[0]; first != 0; first >>= 1) {
        bits++;
    }

    return bits;
}


static xr_rc_t
xr_pubkey_check_rsa(const xr_pubkey_t *key, xr_err_t *err)
{
    size_t    bits;
    xr_str_t  n, e;

    n = key->n;
    e = key->e;

    if (n.len == 0 || n.data[0] == 0 || e.len == 0 || e.data[0] == 0) {
        return xr_fail(err, XR_INVALID, 0, "a number that is empty or has "
                       "zeros in front");
    }

    bits = xr_pubkey_bits(n);

    if (bits < XR_RSA_MIN_BITS) {
        return xr_fail(err, XR_DENIED, 0, "RSA with less than 2048 bits");
    }

    if (bits > XR_RSA_MAX_BITS) {
        return xr_fail(err, XR_INVALID, 0, "RSA with more than 4096 bits");
    }

    if (n.data[n.len - 1] % 2 == 0 || e.data[e.len - 1] % 2 == 0) {
        return xr_fail(err, XR_INVALID, 0, "RSA with a number that is even");
    }

    if (e.len > XR_PUBKEY_MAX_E) {
        return xr_fail(err, XR_INVALID, 0, "RSA with an exponent of more than "
                       "8 bytes");
    }

    if (e.len < 3) {
        return xr_fail(err, XR_DENIED, 0, "RSA with an exponent below 65537");
    }

    return XR_OK;
}


xr_rc_t
xr_pubkey_check(const xr_pubkey_t *key, xr_err_t *err)
{
    switch (key->kind) {

    case XR_PUBKEY_RSA:
        return xr_pubkey_check_rsa(key, err);

    case XR_PUBKEY_P256:
    case XR_PUBKEY_P384:
    case XR_PUBKEY_P521:
    case XR_PUBKEY_ED25519:
        return xr_pubkey_point(key, err);

    default:
        return xr_fail(err, XR_INVALID, 0, "not a kind of key");
    }
}
