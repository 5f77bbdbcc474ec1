/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_DER_H
#define XR_DER_H


#include "xr.h"


/*
 * The little of DER (X.690) that public keys and signatures consist of.  Only
 * the one encoding that DER allows is read: definite lengths, none longer
 * than it has to be, and none beyond 65535.
 */

#define XR_DER_INTEGER     0x02
#define XR_DER_BIT_STRING  0x03
#define XR_DER_SEQUENCE    0x30

/*
 * Takes the first element off "*s" if it has this tag; "out" is a view of its
 * contents.  False leaves both as they were.
 */
bool xr_der_next(xr_str_t *s, uint8_t tag, xr_str_t *out);

/*
 * The same for an INTEGER that is not negative, without zeros in front:
 * empty for 0.
 */
bool xr_der_uint(xr_str_t *s, xr_str_t *out);


#endif /* XR_DER_H */
