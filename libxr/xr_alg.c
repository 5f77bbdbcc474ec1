/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_keyset.h"

#include <jwt.h>


typedef struct {
    const char      *name;
    xr_hash_t        hash;
    xr_signature_t   signature;         /* 0: symmetric */
} xr_alg_def_t;


static const xr_alg_def_t  xr_algs[XR_ALG_COUNT] = {
    [XR_ALG_HS256] = { "HS256", XR_SHA256, 0 },
    [XR_ALG_HS384] = { "HS384", XR_SHA384, 0 },
    [XR_ALG_HS512] = { "HS512", XR_SHA512, 0 },
    [XR_ALG_RS256] = { "RS256", XR_SHA256, XR_SIGNATURE_RSA_PKCS1 },
    [XR_ALG_RS384] = { "RS384", XR_SHA384, XR_SIGNATURE_RSA_PKCS1 },
    [XR_ALG_RS512] = { "RS512", XR_SHA512, XR_SIGNATURE_RSA_PKCS1 },
    [XR_ALG_PS256] = { "PS256", XR_SHA256, XR_SIGNATURE_RSA_PSS },
    [XR_ALG_PS384] = { "PS384", XR_SHA384, XR_SIGNATURE_RSA_PSS },
    [XR_ALG_PS512] = { "PS512", XR_SHA512, XR_SIGNATURE_RSA_PSS },
    [XR_ALG_ES256] = { "ES256", XR_SHA256, XR_SIGNATURE_ECDSA_RAW },
    [XR_ALG_ES384] = { "ES384", XR_SHA384, XR_SIGNATURE_ECDSA_RAW },
    [XR_ALG_ES512] = { "ES512", XR_SHA512, XR_SIGNATURE_ECDSA_RAW },
    [XR_ALG_EDDSA] = { "EdDSA", 0, XR_SIGNATURE_EDDSA }
};


/* The row that says nothing stands for whatever is not an algorithm. */

static const xr_alg_def_t *
xr_alg_def(xr_alg_t alg)
{
    return &xr_algs[(alg < XR_ALG_COUNT) ? alg : XR_ALG_NOT_SET];
}


xr_alg_t
xr_alg_of(xr_str_t name)
{
    size_t  i;

    for (i = XR_ALG_NOT_SET + 1; i < XR_ALG_COUNT; i++) {

        if (xr_str_eq(name, xr_str(xr_algs[i].name))) {
            return (xr_alg_t) i;
        }
    }

    return XR_ALG_NOT_SET;
}


xr_str_t
xr_alg_name(xr_alg_t alg)
{
    const xr_alg_def_t  *def;

    def = xr_alg_def(alg);

    return xr_str((def->name != NULL) ? def->name : "");
}


xr_hash_t
xr_alg_hash(xr_alg_t alg)
{
    return xr_alg_def(alg)->hash;
}


bool
xr_alg_symmetric(xr_alg_t alg)
{
    const xr_alg_def_t  *def;

    def = xr_alg_def(alg);

    return def->name != NULL && def->signature == 0;
}


xr_signature_t
xr_alg_signature(xr_alg_t alg)
{
    return xr_alg_def(alg)->signature;
}


/*
 * By name, so that one source suits every libjwt: older headers do not have
 * all of the constants.
 */

bool
xr_alg_supported(xr_alg_t alg)
{
    const xr_alg_def_t  *def;

    def = xr_alg_def(alg);

    return def->name != NULL && jwt_str_alg(def->name) != JWT_ALG_INVAL;
}
