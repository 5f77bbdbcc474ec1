/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_TEST_JWKS_H
#define XR_TEST_JWKS_H


/* JWK sets for tests: keys of RFCs, what is noted about them, and places. */

#include "keys.h"

#include "xr_buf.h"
#include "xr_keyset.h"


/* RFC 7515, A.2 and A.3 and A.4, RFC 7517, A.1, RFC 8037, A.2 */

#define RSA_N \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4" \
    "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re" \
    "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX" \
    "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"

#define RSA1024_N \
    "wkOfg62eNSk-PbPHrA8DxfRxix33OHP13c8bj4dOIGPuH-WWFj4YmhtBZwe74jOkmaVuSnZXZQWI2Cewt9RSTAN_AASg" \
    "RJZyHL-9MHZRZjY2sw1b2K-i8NIgex38A2oAs7nUqogiTvue0ud2567GytJ33dQStG80jb4A0z11ej0"

#define EC_X   "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EC_Y   "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC2_X  "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"
#define EC2_Y  "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"

#define P384_X  "EhU6XOO8y3-_JFgmL5RwIEpaqYkfELayzZ6CoWSNLK9A9AM08038AllzxFrZVD7Y"
#define P384_Y  "diq9Y3FGldhz5IobvdI7AfoSdpKPS9kOlKJLL21PfCpdr_nJsT7EfqWs3C5I8aHc"
#define P521_X \
    "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ" \
    "6OvLFV1jSfS9tsz4qUxcWceqwQGk"
#define P521_Y \
    "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79a" \
    "jL4Kkd0AZMaZmh9ubmf63e3kyMj2"
#define ED_X    "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

#define K32  "ABEiM0RVZneImaq7zN3u___u3cy7qpmId2ZVRDMiEQA"
#define K64 \
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"

#define RSA   "\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\""
#define EC    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\""
#define EC2   "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC2_X "\",\"y\":\"" EC2_Y "\""
#define P384  "\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" P384_X "\",\"y\":\"" P384_Y "\""
#define P521  "\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"" P521_X "\",\"y\":\"" P521_Y "\""
#define ED    "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED_X "\""
#define HS    "\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" K32 "\""

#define SET(keys)  "{\"keys\":[" keys "]}"


/* What was noted: the first one's reason and place, and how many there are. */

typedef struct {
    size_t       n;
    size_t       pos;
    const char  *what;
} xr_test_notes_t;


static inline void
xr_test_note(void *ctx, size_t pos, const char *what)
{
    xr_test_notes_t *n = ctx;

    if (n->n++ == 0) {
        n->pos = pos;
        n->what = what;
    }
}


/* A text without its "^", which marks a place. */

static inline xr_str_t
xr_test_marked(const char *text, size_t *pos)
{
    char        *copy;
    size_t       len;
    xr_str_t     s;
    const char  *mark;

    mark = strchr(text, '^');
    len = strlen(text);
    *pos = SIZE_MAX;

    copy = malloc(len + 1);
    assert_non_null(copy);
    strncpy(copy, text, len + 1);

    if (mark != NULL) {
        *pos = (size_t) (mark - text);
        memmove(copy + *pos, mark + 1, len - *pos);
        len--;
    }

    s = xr_test_copy(xr_str_of(copy, len));
    free(copy);

    return s;
}


/*
 * The same set as text by itself and as a value in the middle of another:
 * places count into the whole.
 */

static inline xr_rc_t
xr_test_within(xr_keyset_t *set, xr_str_t s, const xr_mem_t *mem, const xr_notes_t *notes,
    xr_err_t *err)
{
    xr_rc_t    rc;
    uint8_t   *memory;
    xr_buf_t   b;
    xr_str_t   text;
    xr_json_t  root, jwks;

    static const xr_json_limits_t  limits = { XR_JSON_MAX_DEPTH, 0 };

    memory = malloc(s.len + 100);
    assert_non_null(memory);
    b = xr_buf(memory, s.len + 100);

    xr_buf_puts(&b, "{\"before\": [{}, []], \"jwks\":  ");
    xr_buf_put(&b, s);
    xr_buf_puts(&b, " , \"after\": 1}");

    text = xr_test_copy(xr_buf_str(&b));
    free(memory);

    assert_int_equal(xr_json_check(text, &limits, &root, NULL), XR_OK);
    assert_int_equal(xr_json_get(&root, xr_str("jwks"), &jwks), XR_OK);

    rc = xr_keyset_jwks(set, text, &jwks, mem, notes, err);

    err->pos -= 30;
    xr_test_copy_free(text);

    return rc;
}


#endif /* XR_TEST_JWKS_H */
