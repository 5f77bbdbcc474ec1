/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_edgeauth.h"


#define KEY_A  "52a152a152a152a152a152a152a10000"
#define KEY_B  "00112233445566778899aabbccddeeff"
#define KEY_C  "ffeeddccbbaa99887766554433221100"

#define NOW    1767225600
#define MAC    "0123456789abcdef0123456789abcdef0123456789ABCDEF0123456789abcdef"
#define HMAC   "~hmac=" MAC

#define X64    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X512   X64 X64 X64 X64 X64 X64 X64 X64


typedef struct {
    const char  *key;
    const char  *ip;
    const char  *acl;
    const char  *url;
    const char  *id;
    const char  *data;
    int64_t      st;
    int64_t      exp;
    bool         escape;
    const char  *raw_path;
    const char  *path;
    const char  *token;
} vector_t;


static const vector_t  vectors[] = {
#include "../fixtures/edgeauth-vectors.h"
};


/* Two keys verify; the third one is another tenant's. */

typedef struct {
    xr_test_mem_t  m;
    xr_keyset_t    keys;
    xr_keyset_t    others;
} fixture_t;


static void
load(fixture_t *f, xr_keyset_t *set, const char *text)
{
    memset(set, 0, sizeof(*set));

    assert_int_equal(xr_keyset_edgeauth(set, xr_str(text), &f->m.mem, NULL),
                     XR_OK);
}


static int
setup(void **state)
{
    fixture_t  *f;

    f = malloc(sizeof(fixture_t));
    assert_non_null(f);

    xr_test_mem_init(&f->m, SIZE_MAX);

    load(f, &f->keys, "a " KEY_A "\nb " KEY_B "\n");
    load(f, &f->others, "c " KEY_C "\n");

    *state = f;

    return 0;
}


static int
teardown(void **state)
{
    fixture_t *f = *state;

    xr_keyset_wipe(&f->keys);
    xr_keyset_wipe(&f->others);
    xr_test_mem_free(&f->m);
    free(f);

    return 0;
}


/* "message" as it is, and the MAC of it, or of it and a URL. */

static xr_str_t
make(const xr_key_t *key, const char *message, const char *url,
    uint8_t memory[4096])
{
    uint8_t   mac[XR_HASH_MAX_SIZE];
    xr_buf_t  b;
    xr_str_t  parts[3];

    parts[0] = xr_str(message);
    parts[1] = xr_str("~url=");
    parts[2] = xr_str(url != NULL ? url : "");

    assert_int_equal(xr_hmac_sign(key->hmac, XR_SHA256, parts,
                                  url != NULL ? 3 : 1, mac), XR_OK);

    b = xr_buf(memory, 4096);

    xr_buf_puts(&b, message);
    xr_buf_puts(&b, "~hmac=");
    xr_buf_hex(&b, xr_str_of(mac, XR_SHA256_SIZE));

    assert_true(xr_buf_ok(&b));

    return xr_buf_str(&b);
}


typedef struct {
    const char  *raw_path;
    const char  *path;                  /* NULL: as raw_path */
    const char  *address;               /* NULL: 192.0.2.1 */
    int64_t      now;                   /* 0: NOW */

    struct {
        int64_t  leeway;
        int64_t  max_lifetime;
    } limits;
} request_t;


/* What an edge does with a token, on a page of "embed". */

static xr_deny_t
verify_on(xr_str_t token, const request_t *r, const char *embed,
    const char *country, const xr_keyset_t *keys, xr_principal_t *who)
{
    xr_addr_t          address;
    xr_deny_t          deny;
    xr_edgeauth_t      t;
    xr_auth_policy_t   policy;
    xr_auth_request_t  req;

    if (xr_edgeauth_parse(token, &t, NULL) != XR_OK) {
        return XR_DENY_TOKEN_MALFORMED;
    }

    assert_int_equal(xr_addr_parse(xr_str(r->address != NULL ? r->address
                                                             : "192.0.2.1"),
                                   &address), XR_OK);

    memset(&req, 0, sizeof(req));
    memset(&policy, 0, sizeof(policy));

    policy.leeway = r->limits.leeway;
    policy.max_lifetime = r->limits.max_lifetime;

    req.raw_path = xr_test_copy(xr_str(r->raw_path));
    req.path = xr_test_copy(xr_str(r->path != NULL ? r->path : r->raw_path));
    req.address = &address;
    req.now = (r->now != 0) ? r->now : NOW;
    req.embed = xr_str(embed);
    req.country = xr_str(country);

    deny = xr_edgeauth_verify(&t, &req, &policy, keys->keys, keys->n, who);

    xr_test_copy_free(req.raw_path);
    xr_test_copy_free(req.path);

    return deny;
}


static xr_deny_t
verify(xr_str_t token, const request_t *r, const xr_keyset_t *keys,
    xr_principal_t *who)
{
    return verify_on(token, r, "", "", keys, who);
}


static void
test_vectors_make(void **state)
{
    size_t              i;
    uint8_t             memory[2048];
    xr_buf_t            b;
    xr_keyset_t         keys;
    xr_edgeauth_spec_t  spec;

    fixture_t *f = *state;

    for (i = 0; i < XR_COUNT(vectors); i++) {
        const vector_t  *v = &vectors[i];

        load(f, &keys, v->key);

        spec.ip = xr_str(v->ip);
        spec.acl = xr_str(v->acl);
        spec.url = xr_str(v->url);
        spec.id = xr_str(v->id);
        spec.data = xr_str(v->data);
        spec.st = v->st;
        spec.exp = v->exp;
        spec.escape = v->escape;

        /* what stands in the buffer before is no part of the token */

        b = xr_buf(memory, sizeof(memory));
        xr_buf_puts(&b, "?xr_token=");

        XR_CHECK_EQ(xr_edgeauth_make(&spec, &keys.keys[0], &b, NULL), XR_OK,
                    v->token);
        XR_CHECK_STR(xr_str_of(b.data + 10, b.len - 10), v->token, v->token);

        xr_keyset_wipe(&keys);
    }
}


static void
test_vectors_verify(void **state)
{
    size_t          i;
    request_t       r;
    xr_keyset_t     keys;
    xr_principal_t  who;

    fixture_t *f = *state;

    for (i = 0; i < XR_COUNT(vectors); i++) {
        const vector_t  *v = &vectors[i];

        load(f, &keys, v->key);

        memset(&r, 0, sizeof(r));

        r.raw_path = v->raw_path;
        r.path = v->path;
        r.address = (strstr(v->ip, "db8") != NULL) ? v->ip : NULL;

        XR_CHECK_EQ(verify(xr_str(v->token), &r, &keys, &who), XR_DENY_NONE,
                    v->token);
        XR_CHECK_EQ(who.expires, v->exp, v->token);
        XR_CHECK_EQ(who.not_before, v->st, v->token);

        if (!v->escape) {
            XR_CHECK_STR(who.subject, v->id, v->token);
        }

        XR_CHECK_EQ(verify(xr_str(v->token), &r, &f->others, &who),
                    XR_DENY_TOKEN_SIGNATURE, v->token);

        if (v->ip[0] != '\0') {
            r.address = "192.0.2.2";
            XR_CHECK_EQ(verify(xr_str(v->token), &r, &keys, &who),
                        XR_DENY_TOKEN_ADDRESS, v->token);
            r.address = (strstr(v->ip, "db8") != NULL) ? v->ip : NULL;
        }

        if (v->url[0] != '\0') {
            r.raw_path = "/acme/other.glb";
            r.path = r.raw_path;
            XR_CHECK_EQ(verify(xr_str(v->token), &r, &keys, &who),
                        XR_DENY_TOKEN_SIGNATURE, v->token);
        }

        xr_keyset_wipe(&keys);
    }
}


static void
test_parse(void **state)
{
    size_t         i;
    xr_rc_t        rc;
    xr_err_t       err;
    xr_str_t       token;
    xr_edgeauth_t  t, before;

    static const struct {
        const char  *token;
        xr_rc_t      rc;
        size_t       pos;
    } cases[] = {
        { "exp=1" HMAC,                                 XR_OK, 0 },
        { "exp=1~acl=/*" HMAC,                          XR_OK, 0 },
        { "ip=x~st=1~exp=2~acl=/*~id=s~data=d" HMAC,    XR_OK, 0 },
        { "data=d~id=s~acl=/*~exp=2~st=1~ip=x" HMAC,    XR_OK, 0 },
        { "exp=9007199254740992" HMAC,                  XR_OK, 0 },
        { "exp=1~acl=a!b" HMAC,                         XR_OK, 0 },
        { "exp=1~acl=a%21!b" HMAC,                      XR_OK, 0 },
        { "exp=1~acl=1!2!3!4!5!6!7!8!9!a!b!c!d!e!f!g" HMAC, XR_OK, 0 },
        { "exp=1~id=a=b=c&d" HMAC,                      XR_OK, 0 },
        { "exp=1~id=\303\274" HMAC,                     XR_OK, 0 },
        { "exp=1~data=" X512 X512 X512 HMAC,            XR_OK, 0 },

        /* the MAC */

        { "",                                       XR_INVALID, 0 },
        { "exp=1",                                  XR_INVALID, 5 },
        { MAC,                                      XR_INVALID, 64 },
        { "hmac=" MAC,                              XR_INVALID, 69 },
        { HMAC,                                     XR_INVALID, 70 },
        { "~" HMAC,                                 XR_INVALID, 0 },
        { "exp=1~hmac=",                            XR_INVALID, 11 },
        { "exp=1~hmac=" "00",                       XR_INVALID, 13 },
        { "exp=1~id=" X64 "~hmac=",                 XR_INVALID, 9 },
        { "exp=1~id=" X64 "~hmac=00",               XR_INVALID, 11 },
        { "exp=1~id=1" HMAC "0",                    XR_INVALID, 11 },
        { "exp=1~id=1" HMAC "00",                   XR_INVALID, 12 },
        { "exp=1~id=1" HMAC "~",                    XR_INVALID, 11 },
        { "exp=1~id=1" HMAC "~data=1",              XR_INVALID, 17 },
        { "exp=1~id=1~HMAC=" MAC,                   XR_INVALID, 10 },
        { "exp=1~id=1!hmac=" MAC,                   XR_INVALID, 10 },
        { "exp=1~id=1~hmac=0x23456789abcdef0123456789abcdef0123456789abcdef"
          "0123456789abcdef",                       XR_INVALID, 10 },
        { "exp=1~id=1~hmac=0123456789abcdef0123456789abcdef0123456789abcdef"
          "0123456789abcde ",                       XR_INVALID, 10 },
        { "exp=1" HMAC HMAC,                        XR_INVALID, 6 },

        /* fields */

        { "acl=/*" HMAC,                            XR_INVALID, 0 },
        { "st=1" HMAC,                              XR_INVALID, 0 },
        { "exp=" HMAC,                              XR_INVALID, 0 },
        { "exp=0" HMAC,                             XR_INVALID, 0 },
        { "exp" HMAC,                               XR_INVALID, 0 },
        { "EXP=1" HMAC,                             XR_INVALID, 0 },
        { " exp=1" HMAC,                            XR_INVALID, 0 },
        { "exp=-1" HMAC,                            XR_INVALID, 0 },
        { "exp=+1" HMAC,                            XR_INVALID, 0 },
        { "exp= 1" HMAC,                            XR_INVALID, 0 },
        { "exp=1 " HMAC,                            XR_INVALID, 0 },
        { "exp=1.5" HMAC,                           XR_INVALID, 0 },
        { "exp=1e9" HMAC,                           XR_INVALID, 0 },
        { "exp=0x7f" HMAC,                          XR_INVALID, 0 },
        { "exp=NaN" HMAC,                           XR_INVALID, 0 },
        { "exp=9007199254740993" HMAC,              XR_INVALID, 0 },
        { "exp=18446744073709551617" HMAC,          XR_INVALID, 0 },
        { "st=x~exp=1" HMAC,                        XR_INVALID, 0 },
        { "st=9007199254740993~exp=1" HMAC,         XR_INVALID, 0 },
        { "exp=1~exp=1" HMAC,                       XR_INVALID, 6 },
        { "exp=1~acl=/a~acl=/*" HMAC,               XR_INVALID, 13 },
        { "st=0~exp=1~st=0" HMAC,                   XR_INVALID, 11 },
        { "exp=1~ip=a~ip=b" HMAC,                   XR_INVALID, 11 },
        { "exp=1~id=a~id=a" HMAC,                   XR_INVALID, 11 },
        { "exp=1~data=a~data=a" HMAC,               XR_INVALID, 13 },
        { "exp=1~salt=x" HMAC,                      XR_INVALID, 6 },
        { "exp=1~url=/a" HMAC,                      XR_INVALID, 6 },
        { "exp=1~hmac=1" HMAC,                      XR_INVALID, 6 },
        { "exp=1~x" HMAC,                           XR_INVALID, 6 },
        { "exp=1~" HMAC,                            XR_INVALID, 6 },
        { "exp=1~~id=1" HMAC,                       XR_INVALID, 6 },
        { "~exp=1" HMAC,                            XR_INVALID, 0 },
        { "exp=1~ip=" HMAC,                         XR_INVALID, 6 },
        { "exp=1~id=" HMAC,                         XR_INVALID, 6 },
        { "exp=1~data=" HMAC,                       XR_INVALID, 6 },
        { "exp=1~acl=" HMAC,                        XR_INVALID, 6 },
        { "exp=1~acl=!" HMAC,                       XR_INVALID, 6 },
        { "exp=1~acl=!/a" HMAC,                     XR_INVALID, 6 },
        { "exp=1~acl=/a!" HMAC,                     XR_INVALID, 6 },
        { "exp=1~acl=/a!!/b" HMAC,                  XR_INVALID, 6 },
        { "exp=1~acl=1!2!3!4!5!6!7!8!9!a!b!c!d!e!f!g!h" HMAC, XR_INVALID, 6 },

        /* bytes and size */

        { "exp=1~id=a\nb" HMAC,                     XR_INVALID, 10 },
        { "exp=1~id=a\tb" HMAC,                     XR_INVALID, 10 },
        { "exp=1~id=a\177" HMAC,                    XR_INVALID, 10 },
        { "exp=1" HMAC "\n",                        XR_INVALID, 6 },
        { "exp=1~data=" X512 X512 X512 X512 HMAC,   XR_INVALID, 2048 }
    };

    (void) state;

    memset(&before, 0xee, sizeof(before));

    for (i = 0; i < XR_COUNT(cases); i++) {
        token = xr_test_copy(xr_str(cases[i].token));
        err = (xr_err_t) { NULL, 9999 };
        t = before;

        rc = xr_edgeauth_parse(token, &t, &err);

        XR_CHECK_EQ(rc, cases[i].rc, cases[i].token);

        if (rc != XR_OK) {
            XR_CHECK(err.what != NULL, cases[i].token);
            XR_CHECK_EQ(err.pos, cases[i].pos, cases[i].token);
            XR_CHECK(memcmp(&t, &before, sizeof(t)) == 0, cases[i].token);
        }

        xr_test_copy_free(token);
    }

    assert_int_equal(xr_edgeauth_parse(xr_str_of(NULL, 0), &t, NULL),
                     XR_INVALID);
    assert_int_equal(xr_edgeauth_parse(xr_str_of("exp=1~id=\0" HMAC, 80), &t,
                                       NULL), XR_INVALID);
}


static void
test_parse_fields(void **state)
{
    uint8_t        mac[XR_SHA256_SIZE];
    xr_edgeauth_t  t;

    (void) state;

    assert_int_equal(xr_hex_decode(xr_str(MAC), mac, sizeof(mac)), XR_OK);

    assert_int_equal(xr_edgeauth_parse(xr_str("ip=1.2.3.4~st=5~exp=6~acl=/a!/b"
                                              "~id=i%20d~data=k=v" HMAC),
                                       &t, NULL), XR_OK);

    XR_CHECK_STR(t.message, "ip=1.2.3.4~st=5~exp=6~acl=/a!/b~id=i%20d~data=k=v",
                 "message");
    XR_CHECK_STR(t.ip, "1.2.3.4", "ip");
    XR_CHECK_STR(t.acl, "/a!/b", "acl");
    XR_CHECK_STR(t.id, "i%20d", "id");
    XR_CHECK_STR(t.data, "k=v", "data");
    assert_int_equal(t.st, 5);
    assert_int_equal(t.exp, 6);
    assert_memory_equal(t.mac, mac, sizeof(mac));

    assert_int_equal(xr_edgeauth_parse(xr_str("exp=6" HMAC), &t, NULL), XR_OK);

    assert_null(t.ip.data);
    assert_null(t.acl.data);
    assert_null(t.id.data);
    assert_null(t.data.data);
    assert_int_equal(t.st, 0);
}


/* The largest token that is allowed, and one byte more. */

static void
test_size(void **state)
{
    size_t         n;
    char          *token;
    xr_edgeauth_t  t;

    (void) state;

    for (n = XR_EDGEAUTH_MAX_SIZE; n <= XR_EDGEAUTH_MAX_SIZE + 1; n++) {
        token = malloc(n + 1);
        assert_non_null(token);

        snprintf(token, n + 1, "exp=1~id=%0*d%s", (int) (n - 9 - 70), 0, HMAC);
        assert_int_equal(strlen(token), n);

        assert_int_equal(xr_edgeauth_parse(xr_str_of(token, n), &t, NULL),
                         n == XR_EDGEAUTH_MAX_SIZE ? XR_OK : XR_INVALID);

        free(token);
    }
}


/* Every reason, and what comes first when there are two. */

static void
test_verify(void **state)
{
    size_t          i;
    uint8_t         memory[4096];
    xr_str_t        token;
    xr_principal_t  who, before;

    fixture_t *f = *state;

    static const struct {
        const char  *message;
        const char  *url;
        request_t    r;
        xr_deny_t    deny;
    } cases[] = {

        /* time; NOW is 1767225600 */

        { "exp=1767225601~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_NONE },
        { "exp=1767225600~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_EXPIRED },
        { "exp=1~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 60, 0 } }, XR_DENY_TOKEN_EXPIRED },
        { "exp=1767225600~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 1, 0 } }, XR_DENY_NONE },
        { "exp=1767225541~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 60, 0 } }, XR_DENY_NONE },
        { "exp=1767225540~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 60, 0 } }, XR_DENY_TOKEN_EXPIRED },

        { "st=1767225600~exp=1767225700~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_NONE },
        { "st=1767225601~exp=1767225700~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_EARLY },
        { "st=1767225660~exp=1767225700~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 60, 0 } }, XR_DENY_NONE },
        { "st=1767225661~exp=1767225700~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 60, 0 } }, XR_DENY_TOKEN_EARLY },
        { "st=9007199254740992~exp=9007199254740992~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 60, 0 } }, XR_DENY_TOKEN_EARLY },

        { "exp=1767229200~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 0, 3600 } }, XR_DENY_NONE },
        { "exp=1767229201~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 0, 3600 } }, XR_DENY_TOKEN_LIFETIME },
        { "exp=1767229201~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 60, 3600 } }, XR_DENY_TOKEN_LIFETIME },
        { "exp=9007199254740992~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 60, 0 } }, XR_DENY_NONE },
        { "exp=9007199254740992~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 60, 3600 } }, XR_DENY_TOKEN_LIFETIME },

        /* order: early, expired, lifetime, address, scope */

        { "ip=::1~st=1767225602~exp=1767225601~acl=/b", NULL,
          { "/a", NULL, NULL, 0, { 0, 1 } }, XR_DENY_TOKEN_EARLY },
        { "ip=::1~exp=1767225600~acl=/b", NULL,
          { "/a", NULL, NULL, 0, { 0, 1 } }, XR_DENY_TOKEN_EXPIRED },
        { "ip=::1~exp=1767225602~acl=/b", NULL,
          { "/a", NULL, NULL, 0, { 0, 1 } }, XR_DENY_TOKEN_LIFETIME },
        { "ip=::1~exp=1767225602~acl=/b", NULL,
          { "/a", NULL, NULL, 0, { 0, 2 } }, XR_DENY_TOKEN_ADDRESS },
        { "ip=192.0.2.1~exp=1767225602~acl=/b", NULL,
          { "/a", NULL, NULL, 0, { 0, 2 } }, XR_DENY_TOKEN_SCOPE },

        /* address */

        { "ip=192.0.2.1~exp=1767225700~acl=/*", NULL,
          { "/a", NULL, "::ffff:192.0.2.1", 0, { 0, 0 } }, XR_DENY_NONE },
        { "ip=::ffff:c000:201~exp=1767225700~acl=/*", NULL,
          { "/a", NULL, "192.0.2.1", 0, { 0, 0 } }, XR_DENY_NONE },
        { "ip=2001%3adb8%3A%3a1~exp=1767225700~acl=/*", NULL,
          { "/a", NULL, "2001:db8:0::1", 0, { 0, 0 } }, XR_DENY_NONE },
        { "ip=192.0.2.10~exp=1767225700~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_ADDRESS },
        { "ip=192.0.2.1%00~exp=1767225700~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_ADDRESS },
        { "ip=192.0.2.0/24~exp=1767225700~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_ADDRESS },
        { "ip=*~exp=1767225700~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_ADDRESS },
        { "ip=192.0.2.1%~exp=1767225700~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_ADDRESS },
        { "ip=" X64 X64 "~exp=1767225700~acl=/*", NULL,
          { "/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_ADDRESS },

        /* scope of an acl */

        { "exp=1767225700~acl=/tenant1/*", NULL,
          { "/tenant1/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_NONE },
        { "exp=1767225700~acl=/tenant1/*", NULL,
          { "/tenant10/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_SCOPE },
        { "exp=1767225700~acl=/tenant1/*", NULL,
          { "/tenant1", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_SCOPE },
        { "exp=1767225700~acl=/tenant1", NULL,
          { "/tenant10", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_SCOPE },
        { "exp=1767225700~acl=/a/*.glb!/b/?", NULL,
          { "/b/x", NULL, NULL, 0, { 0, 0 } }, XR_DENY_NONE },
        { "exp=1767225700~acl=/a/*.glb!/b/?", NULL,
          { "/b/xy", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_SCOPE },
        { "exp=1767225700~acl=%2fa%2f%2a", NULL,
          { "/a/b", NULL, NULL, 0, { 0, 0 } }, XR_DENY_NONE },
        { "exp=1767225700~acl=/a%21/b!/c", NULL,
          { "/a!/b", NULL, NULL, 0, { 0, 0 } }, XR_DENY_NONE },
        { "exp=1767225700~acl=/a%21/b!/c", NULL,
          { "/b", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_SCOPE },
        { "exp=1767225700~acl=/a%!/c", NULL,
          { "/c", NULL, NULL, 0, { 0, 0 } }, XR_DENY_NONE },
        { "exp=1767225700~acl=/a%", NULL,
          { "/a%25", "/a%", NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_SCOPE },
        { "exp=1767225700~acl=/a%20b", NULL,
          { "/a%20b", "/a b", NULL, 0, { 0, 0 } }, XR_DENY_NONE },
        { "exp=1767225700~acl=/a b", NULL,
          { "/a%20b", "/a b", NULL, 0, { 0, 0 } }, XR_DENY_NONE },
        { "exp=1767225700~acl=%2fa%2520b", NULL,
          { "/a%20b", "/a b", NULL, 0, { 0, 0 } }, XR_DENY_NONE },
        { "exp=1767225700~acl=/a%252fb", NULL,
          { "/a/b", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_SCOPE },

        /* URL tokens: the MAC decides */

        { "exp=1767225700", "/a/b.glb",
          { "/a/b.glb", NULL, NULL, 0, { 0, 0 } }, XR_DENY_NONE },
        { "exp=1767225700", "%2fa%2fb.glb",
          { "/a/b.glb", NULL, NULL, 0, { 0, 0 } }, XR_DENY_NONE },
        { "exp=1767225700", "/a b",
          { "/a%20b", "/a b", NULL, 0, { 0, 0 } }, XR_DENY_NONE },
        { "exp=1767225700", "%2fa%2520b",
          { "/a%20b", "/a b", NULL, 0, { 0, 0 } }, XR_DENY_NONE },
        { "exp=1767225700", "%2fa%20b",
          { "/a%20b", "/a b", NULL, 0, { 0, 0 } }, XR_DENY_NONE },
        { "exp=1767225700", "%2Fa%2Fb.glb",
          { "/a/b.glb", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_SIGNATURE },
        { "exp=1767225700", "/*",
          { "/a/b.glb", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_SIGNATURE },
        { "exp=1767225700", "/a/b.glb",
          { "/a/b.glb2", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_SIGNATURE },
        { "exp=1767225700", "/a/b.glb",
          { "/a/b.gl", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_SIGNATURE },
        { "exp=1767225700", "",
          { "/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_SIGNATURE },
        { "exp=1767225700", NULL,
          { "/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_SIGNATURE },
        { "exp=1767225600", "/a",
          { "/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_EXPIRED },
        { "ip=::1~exp=1767225700", "/a",
          { "/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_ADDRESS },

        /* an acl is not a URL, and the reverse */

        { "exp=1767225700~acl=/*", "/a",
          { "/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_SIGNATURE },
        { "exp=1767225700~url=/a", NULL,
          { "/a", NULL, NULL, 0, { 0, 0 } }, XR_DENY_TOKEN_MALFORMED }
    };

    memset(&before, 0xee, sizeof(before));

    for (i = 0; i < XR_COUNT(cases); i++) {
        token = make(&f->keys.keys[0], cases[i].message, cases[i].url, memory);
        token = xr_test_copy(token);
        who = before;

        XR_CHECK_EQ(verify(token, &cases[i].r, &f->keys, &who), cases[i].deny,
                    cases[i].message);

        if (cases[i].deny != XR_DENY_NONE) {
            XR_CHECK(memcmp(&who, &before, sizeof(who)) == 0,
                     cases[i].message);
        }

        xr_test_copy_free(token);
    }
}


/* Whatever does not fit when it is escaped is still compared as it is. */

static void
test_long_url(void **state)
{
    char            *path;
    size_t           i;
    uint8_t          memory[4096];
    xr_str_t         token;
    request_t        r;
    xr_principal_t   who;

    fixture_t *f = *state;

    static const size_t  sizes[] = { 1024, 5000, 100000 };

    for (i = 0; i < XR_COUNT(sizes); i++) {
        path = malloc(sizes[i] + 1);
        assert_non_null(path);

        memset(path, ' ', sizes[i]);
        path[0] = '/';
        path[sizes[i]] = '\0';

        memset(&r, 0, sizeof(r));
        r.raw_path = path;

        token = make(&f->keys.keys[0], "exp=1767225700", path, memory);

        assert_int_equal(verify(token, &r, &f->keys, &who), XR_DENY_NONE);

        token = make(&f->keys.keys[0], "exp=1767225700", "/", memory);

        assert_int_equal(verify(token, &r, &f->keys, &who),
                         XR_DENY_TOKEN_SIGNATURE);

        free(path);
    }
}


/* The longest key of S3, which the client escaped, and the signer again. */

static void
test_long_key(void **state)
{
    char             path[8192];
    size_t           i;
    uint8_t          memory[4096], mac[XR_HASH_MAX_SIZE];
    xr_buf_t         b;
    xr_str_t         token;
    request_t        r;
    xr_principal_t   who;

    fixture_t *f = *state;

    b = xr_buf(path, sizeof(path));
    xr_buf_puts(&b, "exp=1767225700~url=%2f");

    for (i = 1; i < 1024; i++) {
        xr_buf_puts(&b, "%2541");
    }

    token = xr_buf_str(&b);
    assert_int_equal(xr_hmac_sign(f->keys.keys[1].hmac, XR_SHA256, &token, 1,
                                  mac), XR_OK);

    b = xr_buf(memory, sizeof(memory));
    xr_buf_puts(&b, "exp=1767225700~hmac=");
    xr_buf_hex(&b, xr_str_of(mac, XR_SHA256_SIZE));
    token = xr_buf_str(&b);

    memset(path, 0, sizeof(path));
    path[0] = '/';

    for (i = 1; i < 1024; i++) {
        memcpy(path + 1 + 3 * (i - 1), "%41", 3);
    }

    memset(&r, 0, sizeof(r));
    r.raw_path = path;
    r.path = "/A";

    assert_int_equal(verify(token, &r, &f->keys, &who), XR_DENY_NONE);
}


/* Any key of the set verifies, and says that it did. */

static void
test_keys(void **state)
{
    size_t          i;
    uint8_t         memory[4096];
    xr_str_t        token;
    request_t       r;
    xr_keyset_t     none;
    xr_principal_t  who;

    fixture_t *f = *state;

    static const char *const  ids[] = { "a", "b" };

    memset(&r, 0, sizeof(r));
    memset(&none, 0, sizeof(none));
    r.raw_path = "/x";

    for (i = 0; i < XR_COUNT(ids); i++) {
        token = make(&f->keys.keys[i], "st=5~exp=1767225700~acl=/x~id=me%20"
                     "~data=k:v", NULL, memory);

        assert_int_equal(verify(token, &r, &f->keys, &who), XR_DENY_NONE);
        XR_CHECK_STR(who.key_id, ids[i], "key id");
        XR_CHECK_STR(who.subject, "me%20", "subject");
        XR_CHECK_STR(who.token_id, "", "token id");
        XR_CHECK_STR(who.constraints.origin, "", "origin");
        XR_CHECK_STR(who.constraints.country, "", "country");
        XR_CHECK_STR(who.constraints.quality, "", "quality");
        XR_CHECK_STR(who.constraints.rate, "", "rate");
        assert_int_equal(who.kind, XR_KIND_EDGEAUTH);
        assert_int_equal(who.not_before, 5);
        assert_int_equal(who.expires, 1767225700);

        assert_int_equal(verify(token, &r, &f->others, &who),
                         XR_DENY_TOKEN_SIGNATURE);
        assert_int_equal(verify(token, &r, &none, &who),
                         XR_DENY_TOKEN_SIGNATURE);

        token = make(&f->keys.keys[i], "exp=1767225700", "/x", memory);

        assert_int_equal(verify(token, &r, &f->keys, &who), XR_DENY_NONE);
        XR_CHECK_STR(who.key_id, ids[i], "key id");
        assert_int_equal(verify(token, &r, &none, &who),
                         XR_DENY_TOKEN_SIGNATURE);
    }

    token = make(&f->others.keys[0], "exp=1767225700~acl=/x", NULL, memory);

    assert_int_equal(verify(token, &r, &f->keys, &who),
                     XR_DENY_TOKEN_SIGNATURE);
}


/* A key of another kind verifies nothing, even with the same secret. */

static void
test_kinds(void **state)
{
    uint8_t         memory[4096];
    xr_str_t        token;
    request_t       r;
    xr_keyset_t     keys;
    xr_principal_t  who;

    fixture_t *f = *state;

    memset(&r, 0, sizeof(r));
    r.raw_path = "/x";

    keys = f->keys;
    keys.keys[0].kind = XR_KIND_JWT;

    token = make(&keys.keys[0], "exp=1767225700~acl=/x", NULL, memory);
    assert_int_equal(verify(token, &r, &keys, &who), XR_DENY_TOKEN_SIGNATURE);

    token = make(&keys.keys[1], "exp=1767225700~acl=/x", NULL, memory);
    assert_int_equal(verify(token, &r, &keys, &who), XR_DENY_NONE);
    XR_CHECK_STR(who.key_id, "b", "key id");

    keys.keys[1].kind = XR_KIND_CLOUDFRONT;
    keys.keys[1].hmac = NULL;
    assert_int_equal(verify(token, &r, &keys, &who), XR_DENY_TOKEN_SIGNATURE);
}


/*
 * What data= says of the page and the country is judged after the address
 * and before the path; the names that later steps need are in the token.
 */

static void
test_constraints(void **state)
{
    char            message[1024];
    size_t          i;
    uint8_t         memory[4096];
    xr_str_t        token;
    request_t       r;
    xr_principal_t  who, before;

    fixture_t *f = *state;

    static const struct {
        const char  *data;
        const char  *embed;
        const char  *country;
        xr_deny_t    deny;
        const char  *quality;
        const char  *rate;
    } cases[] = {
        { "plan",                   "", "",         XR_DENY_NONE, "", "" },
        { "plan:gold",              "", "",         XR_DENY_NONE, "", "" },
        { "100%",                   "", "",         XR_DENY_NONE, "", "" },
        { "quality:high,rate:gold", "", "", XR_DENY_NONE, "high", "gold" },
        { "quality%3ahigh%2Crate%3Agold", "", "",
          XR_DENY_NONE, "high", "gold" },
        { "a%3a%c3%bc%2crate%3ar.1_-%2cb", "", "",
          XR_DENY_NONE, "", "r.1_-" },
        { "rate:r,plan:100%",       "", "",         XR_DENY_NONE, "", "r" },

        { "origin:a.example",       "a.example", "", XR_DENY_NONE, "", "" },
        { "origin:a|*.b",           "x.b", "",      XR_DENY_NONE, "", "" },
        { "origin%3aa%7c%2a.b",     "x.b", "",      XR_DENY_NONE, "", "" },
        { "origin%3aa%7c%2a.b",     "b", "", XR_DENY_TOKEN_EMBED, "", "" },
        { "origin:a,plan:100%",     "b", "", XR_DENY_TOKEN_EMBED, "", "" },
        { "origin:a.example",       "", "",  XR_DENY_TOKEN_EMBED, "", "" },
        { "country:DE|FR",          "", "FR",       XR_DENY_NONE, "", "" },
        { "country%3aDE%7CFR",      "", "FR",       XR_DENY_NONE, "", "" },
        { "country%3aDE%7CFR",      "", "GB",
          XR_DENY_TOKEN_COUNTRY, "", "" },
        { "country:DE",             "", "", XR_DENY_TOKEN_COUNTRY, "", "" },

        /* one of our names with what it cannot have */

        { "country:de",             "", "DE", XR_DENY_TOKEN_CLAIM, "", "" },
        { "origin:https://a",       "a", "", XR_DENY_TOKEN_CLAIM, "", "" },
        { "origin:a%257cb",         "a", "", XR_DENY_TOKEN_CLAIM, "", "" },
        { "origin:%61",             "a", "",        XR_DENY_NONE, "", "" },
        { "rate:r,rate:r",          "", "", XR_DENY_TOKEN_CLAIM, "", "" },
        { "rate:",                  "", "", XR_DENY_TOKEN_CLAIM, "", "" },
        { "rate%3a%2cx",            "", "", XR_DENY_TOKEN_CLAIM, "", "" },
        { "rate:a%00",              "", "", XR_DENY_TOKEN_CLAIM, "", "" },
        { "rate:gold%",             "", "", XR_DENY_TOKEN_CLAIM, "", "" },

        /* a name that is escaped would not be one where it is used */

        { "rate:g%6fld",            "", "", XR_DENY_TOKEN_CLAIM, "", "" },
        { "quality%3a%68igh",       "", "", XR_DENY_TOKEN_CLAIM, "", "" },
        { "qu%61lity:high",         "", "",     XR_DENY_NONE, "high", "" }
    };

    memset(&r, 0, sizeof(r));
    memset(&before, 0xee, sizeof(before));

    r.raw_path = "/x";

    for (i = 0; i < XR_COUNT(cases); i++) {
        snprintf(message, sizeof(message), "ip=192.0.2.1~exp=1767225700~acl=/x"
                 "~data=%s~id=u", cases[i].data);

        token = make(&f->keys.keys[0], message, NULL, memory);
        token = xr_test_copy(token);
        who = before;

        XR_CHECK_EQ(verify_on(token, &r, cases[i].embed, cases[i].country,
                              &f->keys, &who), cases[i].deny, message);

        if (cases[i].deny == XR_DENY_NONE) {
            XR_CHECK_STR(who.constraints.quality, cases[i].quality, message);
            XR_CHECK_STR(who.constraints.rate, cases[i].rate, message);
            XR_CHECK(who.constraints.rate.len == 0
                     || (who.constraints.rate.data > token.data
                         && who.constraints.rate.data
                            < token.data + token.len), message);

        } else {
            XR_CHECK(memcmp(&who, &before, sizeof(who)) == 0, message);
        }

        xr_test_copy_free(token);
    }
}


/* The address first, the path last. */

static void
test_constraints_order(void **state)
{
    uint8_t         memory[4096];
    xr_str_t        token;
    request_t       r;
    xr_principal_t  who;

    fixture_t *f = *state;

    memset(&r, 0, sizeof(r));
    r.raw_path = "/x";

    token = make(&f->keys.keys[0], "ip=::1~exp=1767225700~acl=/y~data=rate:",
                 NULL, memory);
    assert_int_equal(verify(token, &r, &f->keys, &who),
                     XR_DENY_TOKEN_ADDRESS);

    token = make(&f->keys.keys[0], "exp=1767225700~acl=/y~data=rate:", NULL,
                 memory);
    assert_int_equal(verify(token, &r, &f->keys, &who), XR_DENY_TOKEN_CLAIM);

    token = make(&f->keys.keys[0], "exp=1767225700~acl=/y~data=origin:a", NULL,
                 memory);
    assert_int_equal(verify(token, &r, &f->keys, &who), XR_DENY_TOKEN_EMBED);

    token = make(&f->keys.keys[0], "exp=1767225700~data=country:DE", "/x",
                 memory);
    assert_int_equal(verify(token, &r, &f->keys, &who),
                     XR_DENY_TOKEN_COUNTRY);
}


static void
test_claim(void **state)
{
    char           token[512];
    size_t         i;
    xr_str_t       value;
    xr_edgeauth_t  t;

    static const struct {
        const char  *data;
        const char  *name;
        const char  *value;             /* NULL: not found */
    } cases[] = {
        { NULL,                         "data",     NULL },
        { NULL,                         "plan",     NULL },
        { "x",                          "data",     "x" },
        { "data:y",                     "data",     "data:y" },
        { "x",                          "x",        NULL },
        { "plan:gold",                  "plan",     "gold" },
        { "plan:gold",                  "pla",      NULL },
        { "plan:gold",                  "Plan",     NULL },
        { "a,b:1,plan:gold:2,c:3",      "plan",     "gold:2" },
        { "plan:a,plan:b",              "plan",     "a" },
        { "plan:",                      "plan",     "" },
        { "a%3a1%2cplan%3ag%c3%bcld%2cb", "plan",   "g%c3%bcld" },
        { "a%3a1%2cplan%3ag%c3%bcld%2cb", "a",      "1" },
        { "a%3a1%2cplan%3ag%c3%bcld%2cb", "data",
          "a%3a1%2cplan%3ag%c3%bcld%2cb" },
        { "a%2cb:1",                    "b",        "1" },
        { "plan:100%,b:1%2c",           "plan",     "100%" },
        { "plan:100%,b:1%2c",           "b",        "1%2c" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        snprintf(token, sizeof(token), "exp=1%s%s" HMAC,
                 cases[i].data != NULL ? "~data=" : "",
                 cases[i].data != NULL ? cases[i].data : "");

        assert_int_equal(xr_edgeauth_parse(xr_str(token), &t, NULL), XR_OK);

        XR_CHECK_EQ(xr_edgeauth_claim(&t, xr_str(cases[i].name), &value),
                    cases[i].value != NULL ? XR_OK : XR_NOT_FOUND, token);

        if (cases[i].value != NULL) {
            XR_CHECK_STR(value, cases[i].value, token);
            XR_CHECK(value.len == 0
                     || (value.data >= t.data.data
                         && value.data + value.len
                            <= t.data.data + t.data.len), token);
        }
    }
}


/* No byte of a token can be changed, dropped or added. */

static void
test_tamper(void **state)
{
    size_t          i, n;
    uint8_t         memory[4096];
    xr_str_t        token;
    request_t       r;
    xr_principal_t  who;

    fixture_t *f = *state;

    static const char *const  urls[] = { NULL, "/x/y" };
    static const char *const  messages[] = {
        "ip=192.0.2.1~st=1767225500~exp=1767225700~acl=/x/*!/z~id=u~data=d",
        "ip=192.0.2.1~st=1767225500~exp=1767225700~id=u~data=d"
    };

    memset(&r, 0, sizeof(r));
    r.raw_path = "/x/y";

    for (n = 0; n < XR_COUNT(urls); n++) {
        token = make(&f->keys.keys[1], messages[n], urls[n], memory);

        assert_int_equal(verify(token, &r, &f->keys, &who), XR_DENY_NONE);

        /* the digits of the MAC may have either case */

        for (i = token.len - 64; i < token.len; i++) {

            if (memory[i] >= 'a') {
                memory[i] = (uint8_t) (memory[i] - 'a' + 'A');
            }
        }

        assert_int_equal(verify(token, &r, &f->keys, &who), XR_DENY_NONE);

        for (i = 0; i < token.len; i++) {
            memory[i] ^= 1;
            assert_int_not_equal(verify(token, &r, &f->keys, &who),
                                 XR_DENY_NONE);
            memory[i] ^= 1;

            assert_int_not_equal(verify(xr_str_of(token.data, i), &r, &f->keys,
                                        &who), XR_DENY_NONE);
            assert_int_not_equal(verify(xr_str_of(token.data + i + 1,
                                                  token.len - i - 1),
                                        &r, &f->keys, &who), XR_DENY_NONE);
        }

        memory[token.len] = '0';
        assert_int_equal(verify(xr_str_of(token.data, token.len + 1), &r,
                                &f->keys, &who), XR_DENY_TOKEN_MALFORMED);
    }
}


/* Fields in another order are another message: allowed, if signed so. */

static void
test_order(void **state)
{
    uint8_t         memory[4096];
    xr_str_t        token;
    request_t       r;
    xr_principal_t  who;

    fixture_t *f = *state;

    memset(&r, 0, sizeof(r));
    r.raw_path = "/x";

    token = make(&f->keys.keys[0], "acl=/x~exp=1767225700", NULL, memory);
    assert_int_equal(verify(token, &r, &f->keys, &who), XR_DENY_NONE);

    memcpy(memory, "exp=1767225700~acl=/x", 21);
    assert_int_equal(verify(token, &r, &f->keys, &who),
                     XR_DENY_TOKEN_SIGNATURE);
}


static void
test_make_refuses(void **state)
{
    size_t              i;
    uint8_t             memory[4096];
    xr_buf_t            b;
    xr_err_t            err;
    xr_edgeauth_spec_t  spec;

    fixture_t *f = *state;

    static const struct {
        const char  *ip;
        const char  *acl;
        const char  *url;
        const char  *id;
        const char  *data;
        int64_t      st;
        int64_t      exp;
        bool         escape;
        xr_rc_t      rc;
    } cases[] = {
        { "", "/*", "", "", "", 0, 1, false, XR_OK },
        { "", "/*", "/a", "", "", 0, 1, false, XR_OK },
        { "", "/*", "", "", "", 1, 1, false, XR_OK },
        { "", "", "", "", "", 0, 1, false, XR_INVALID },
        { "", "/*", "", "", "", 0, 0, false, XR_INVALID },
        { "", "/*", "", "", "", 0, -1, false, XR_INVALID },
        { "", "/*", "", "", "", -1, 1, false, XR_INVALID },
        { "", "/*", "", "", "", 2, 1, false, XR_INVALID },
        { "", "/*", "", "", "", 0, 9007199254740993, false, XR_INVALID },
        { "", "/*", "", "", "", 0, INT64_MAX, false, XR_INVALID },
        { "", "/a~id=root", "", "", "", 0, 1, false, XR_INVALID },
        { "", "/a~b", "", "", "", 0, 1, true, XR_INVALID },
        { "", "/a!", "", "", "", 0, 1, false, XR_INVALID },
        { "", "/a\n", "", "", "", 0, 1, true, XR_INVALID },
        { "", "/*", "", "me~data=x", "", 0, 1, false, XR_INVALID },
        { "", "/*", "", "me~data=x", "", 0, 1, true, XR_OK },
        { "", "/*", "", "", "x~id=root", 0, 1, false, XR_INVALID },
        { "1~st=5", "/*", "", "", "", 0, 1, false, XR_INVALID },
        { "", "/*", "", "a\nb", "", 0, 1, false, XR_INVALID },
        { "", "/*", "", "a\nb", "", 0, 1, true, XR_OK },
        { "", "", "/a~b", "", "", 0, 1, false, XR_OK },
        { "", "/*", "", "", "origin:a|*.b,rate:r", 0, 1, false, XR_OK },
        { "", "/*", "", "", "origin:a|*.b,rate:r", 0, 1, true, XR_OK },
        { "", "/*", "", "", "plan:a b", 0, 1, true, XR_OK },
        { "", "/*", "", "", "origin:a b", 0, 1, true, XR_INVALID },
        { "", "/*", "", "", "origin:https://a", 0, 1, false, XR_INVALID },
        { "", "/*", "", "", "country:de", 0, 1, false, XR_INVALID },
        { "", "/*", "", "", "rate:g%6fld", 0, 1, false, XR_INVALID },
        { "", "/*", "", "", "rate:g%6fld", 0, 1, true, XR_INVALID },
        { "", "", "/a", "", "rate:a,rate:b", 0, 1, false, XR_INVALID },
        { "", "/*", "", X512 X512 X512 X512, "", 0, 1, false, XR_INVALID }
    };

    for (i = 0; i < XR_COUNT(cases); i++) {
        spec.ip = xr_str(cases[i].ip);
        spec.acl = xr_str(cases[i].acl);
        spec.url = xr_str(cases[i].url);
        spec.id = xr_str(cases[i].id);
        spec.data = xr_str(cases[i].data);
        spec.st = cases[i].st;
        spec.exp = cases[i].exp;
        spec.escape = cases[i].escape;

        b = xr_buf(memory, sizeof(memory));
        xr_buf_puts(&b, "before");
        err.what = NULL;

        XR_CHECK_EQ(xr_edgeauth_make(&spec, &f->keys.keys[0], &b, &err),
                    cases[i].rc, cases[i].acl);

        if (cases[i].rc != XR_OK) {
            XR_CHECK_STR(xr_buf_str(&b), "before", cases[i].acl);
            XR_CHECK(err.what != NULL, cases[i].acl);
        }
    }
}


static void
test_make_space(void **state)
{
    char                path[8192];
    size_t              size;
    uint8_t             memory[128];
    xr_rc_t             rc;
    xr_buf_t            b;
    xr_edgeauth_spec_t  spec;

    fixture_t *f = *state;

    memset(&spec, 0, sizeof(spec));
    spec.acl = xr_str("/*");
    spec.exp = 1767225700;

    for (size = 0; size <= 91; size++) {
        b = xr_buf(memory, size);
        rc = xr_edgeauth_make(&spec, &f->keys.keys[0], &b, NULL);

        assert_int_equal(rc, (size < 91) ? XR_NO_SPACE : XR_OK);
        assert_int_equal(b.len, (size < 91) ? 0 : 91);
    }

    memset(path, '/', sizeof(path));
    memset(&spec, 0, sizeof(spec));
    spec.url = xr_str_of(path, sizeof(path));
    spec.exp = 1767225700;
    spec.escape = true;

    b = xr_buf(memory, sizeof(memory));
    assert_int_equal(xr_edgeauth_make(&spec, &f->keys.keys[0], &b, NULL),
                     XR_INVALID);

    spec.escape = false;

    assert_int_equal(xr_edgeauth_make(&spec, &f->keys.keys[0], &b, NULL),
                     XR_OK);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_vectors_make),
        cmocka_unit_test(test_vectors_verify),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_fields),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_long_url),
        cmocka_unit_test(test_long_key),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_constraints),
        cmocka_unit_test(test_constraints_order),
        cmocka_unit_test(test_claim),
        cmocka_unit_test(test_tamper),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_make_refuses),
        cmocka_unit_test(test_make_space)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
