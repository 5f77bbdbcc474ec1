/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "jwt_vectors.h"


#define MUTATIONS  10000


/* No bit of a token can be changed, no byte dropped, added or doubled. */

static void
test_tamper(void **state)
{
    size_t           i, n, len;
    uint8_t          token[TOKEN_MAX];
    const vector_t  *v;

    fixture_t *f = *state;

    static const char *const  algs[] = {
        "HS256", "HS512", "RS256", "PS256", "ES256", "EdDSA"
    };

    for (i = 0; i < XR_COUNT(algs); i++) {
        v = vector(algs[i]);

        len = strlen(v->token);
        memcpy(token, v->token, len);

        for (n = 0; n < len * 8; n++) {
            token[n / 8] ^= (uint8_t) (1 << n % 8);
            XR_CHECK(verify(f, xr_str_of(token, len)) != XR_DENY_NONE,
                     algs[i]);
            token[n / 8] ^= (uint8_t) (1 << n % 8);
        }

        for (n = 0; n < len; n++) {
            XR_CHECK(verify(f, xr_str_of(token, n)) != XR_DENY_NONE, algs[i]);
            XR_CHECK(verify(f, xr_str_of(token + n + 1, len - n - 1))
                     != XR_DENY_NONE, algs[i]);

            memmove(token + n + 1, token + n, len - n);
            XR_CHECK(verify(f, xr_str_of(token, len + 1)) != XR_DENY_NONE,
                     algs[i]);
            memmove(token + n, token + n + 1, len - n);
        }

        XR_CHECK_EQ(verify(f, xr_str_of(token, len)), XR_DENY_NONE, algs[i]);
    }
}


/* Numbers that are the same in every run. */

static size_t
pick(fixture_t *f, size_t n)
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;

    return (size_t) (f->random % n);
}


typedef struct {
    uint8_t  data[TOKEN_MAX];
    size_t   len;
} part_t;


static void
splice(part_t *p, size_t pos, size_t drop, const char *with)
{
    size_t  len;

    len = strlen(with);

    assert_true(pos + drop <= p->len && p->len + len < TOKEN_MAX);

    memmove(p->data + pos + len, p->data + pos + drop, p->len - pos - drop);
    memcpy(p->data + pos, with, len);
    p->len = p->len - drop + len;
}


static void
mutate_bytes(fixture_t *f, part_t *p)
{
    size_t  n;
    char    byte[2];

    byte[0] = (char) ('!' + pick(f, 90));
    byte[1] = '\0';

    if (p->len == 0) {
        splice(p, 0, 0, byte);
        return;
    }

    n = pick(f, p->len);

    switch (pick(f, 5)) {

    case 0:
        p->data[n] ^= (uint8_t) (1 << pick(f, 8));
        return;

    case 1:
        p->data[n] = (uint8_t) pick(f, 256);
        return;

    case 2:
        splice(p, n, 1, "");
        return;

    case 3:
        splice(p, n, 0, byte);
        return;

    default:
        p->len = n;
    }
}


/* What a forger would write into a header or a payload. */

static void
mutate_json(fixture_t *f, part_t *p, bool header)
{
    static const char *const  headers[] = {
        "{\"alg\":\"none\"}", "{\"alg\":\"HS256\"}", "{\"alg\":\"RS256\"}",
        "{\"alg\":\"ES256\"}", "{\"alg\":\"PS256\"}", "{\"alg\":\"EdDSA\"}",
        "{\"alg\":\"HS256\",\"kid\":\"k-RS256\"}",
        "{\"alg\":\"HS256\",\"kid\":\"k-HS256\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k-RS384\"}",
        "{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}"
    };

    static const char *const  inserts[] = {
        " ", "\"exp\":1767229201,", "\"sub\":\"root\",", "\"crit\":[],",
        "\"b64\":false,", "\"alg\":\"none\",", "\"kid\":\"k-HS256\",",
        "\"path\":\"*\",", "\"typ\":\"JWT\",", "\\u0061"
    };

    switch (pick(f, 3)) {

    case 0:
        splice(p, (p->len > 0) ? 1 : 0, 0, inserts[pick(f,
                                                        XR_COUNT(inserts))]);
        return;

    case 1:
        if (header) {
            splice(p, 0, p->len, headers[pick(f, XR_COUNT(headers))]);
            return;
        }

        splice(p, 0, p->len, "{\"exp\":1767229999}");
        return;

    default:
        splice(p, pick(f, p->len + 1), 0, inserts[pick(f,
                                                       XR_COUNT(inserts))]);
    }
}


/* A part of another token, which some key has signed. */

static void
mutate_swap(fixture_t *f, part_t *p, size_t which)
{
    size_t     i, len;
    xr_str_t   rest, part;

    rest = xr_str(vectors[pick(f, XR_COUNT(vectors))].token);

    for (i = 0; i <= which; i++) {
        part = xr_str_cut(&rest, '.');
    }

    assert_int_equal(xr_base64url_decode(part, p->data, TOKEN_MAX, &len),
                     XR_OK);
    p->len = len;
}


static void
mutate_signature(fixture_t *f, part_t *parts, xr_str_t input)
{
    uint8_t    mac[XR_HASH_MAX_SIZE];
    part_t    *p;
    xr_hmac_t  hmac;

    p = &parts[2];

    switch (pick(f, 4)) {

    case 0:
        p->len = 0;
        return;

    case 1:
        memset(p->data, (int) pick(f, 256), p->len);
        return;

    case 2:
        assert_int_equal(xr_hmac_init(&hmac, XR_SHA256,
                                      xr_str(jwt_rs256_pem)), XR_OK);
        assert_int_equal(xr_hmac_sign(&hmac, XR_SHA256, &input, 1, mac),
                         XR_OK);
        memcpy(p->data, mac, 32);
        p->len = 32;
        return;

    default:
        mutate_bytes(f, p);
    }
}


static void
mutate(fixture_t *f, part_t parts[3], xr_str_t input)
{
    size_t  which;

    which = pick(f, 3);

    switch (pick(f, 4)) {

    case 0:
        mutate_bytes(f, &parts[which]);
        return;

    case 1:
        mutate_swap(f, &parts[which], which);
        return;

    default:

        if (which == 2) {
            mutate_signature(f, parts, input);

        } else {
            mutate_json(f, &parts[which], which == 0);
        }
    }
}


static xr_str_t
mutant(fixture_t *f, const vector_t *v, part_t parts[3],
    uint8_t memory[TOKEN_MAX])
{
    size_t    i, n;
    part_t   *whole;
    xr_buf_t  b;
    xr_str_t  rest, part;

    rest = xr_str(v->token);

    for (i = 0; i < 3; i++) {
        part = xr_str_cut(&rest, '.');
        assert_int_equal(xr_base64url_decode(part, parts[i].data, TOKEN_MAX,
                                             &parts[i].len), XR_OK);
    }

    for (n = pick(f, 3) + 1; n > 0; n--) {
        mutate(f, parts, xr_str(v->token));
    }

    b = xr_buf(memory, TOKEN_MAX);

    for (i = 0; i < 3; i++) {
        xr_buf_puts(&b, (i > 0) ? "." : "");
        xr_buf_base64url(&b, xr_str_of(parts[i].data, parts[i].len));
    }

    assert_true(xr_buf_ok(&b));

    /* and now and then the encoded text itself */

    if (pick(f, 8) == 0) {
        whole = &parts[0];
        memcpy(whole->data, b.data, b.len);
        whole->len = b.len;
        mutate_bytes(f, whole);

        b = xr_buf(memory, TOKEN_MAX);
        xr_buf_put(&b, xr_str_of(whole->data, whole->len));
    }

    return xr_buf_str(&b);
}


/*
 * Ten thousand mutations of tokens of each family.  What comes out is granted
 * only if it is a token that somebody signed: by chance a mutation may put
 * back what another one changed, or swap in three parts of one token.
 */

static void
test_mutations(void **state)
{
    size_t           i, n, k, granted, reached;
    part_t          *parts;
    uint8_t          memory[TOKEN_MAX];
    xr_str_t         token;
    xr_deny_t        deny;
    const vector_t  *v;

    fixture_t *f = *state;

    static const char *const  algs[] = {
        "HS256", "RS256", "PS256", "ES256", "EdDSA"
    };

    parts = malloc(3 * sizeof(part_t));
    assert_non_null(parts);

    for (i = 0; i < XR_COUNT(algs); i++) {
        v = vector(algs[i]);
        granted = 0;
        reached = 0;

        for (n = 0; n < MUTATIONS; n++) {
            token = mutant(f, v + 2 * (n % 3), parts, memory);

            for (k = 0; k < XR_COUNT(vectors); k++) {

                if (xr_str_eq(token, xr_str(vectors[k].token))) {
                    break;
                }
            }

            if (k < XR_COUNT(vectors)) {
                n--;
                continue;
            }

            deny = verify(f, token);
            granted += (deny == XR_DENY_NONE);
            reached += (deny == XR_DENY_TOKEN_SIGNATURE);
        }

        XR_CHECK_EQ(granted, 0, algs[i]);
        XR_CHECK(reached > MUTATIONS / 4, algs[i]);
    }

    free(parts);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_tamper),
        cmocka_unit_test(test_mutations)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
