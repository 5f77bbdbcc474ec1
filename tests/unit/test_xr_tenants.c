/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_tenants.h"


#define K1      "00112233445566778899aabbccddeeff"
#define K2      "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"

#define EC1_X   "IZyaU3WZ_aRV3yfhHX4snFhI7jL8pTmieodVR6VNyTs"
#define EC1_Y   "7ITAwyKpf-zfW7wWuJCU5mQg5dLCb5W2OeHmIUS1bRg"

#define PEM     "-----BEGIN PUBLIC KEY-----\\n"                               \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeg42FK3Gd0jc4vEQrbB+SnwcPV/w\\n"     \
    "jQ3z9VC1xHPtI/mrGfvwteX6YYQu5vOw1oVXloLz8jBLjqxJ27V3ITEfvg==\\n"         \
    "-----END PUBLIC KEY-----\\n"

#define JWK     "{'kty':'EC','crv':'P-256','kid':'e','x':'" EC1_X "','y':'"   \
                EC1_Y "'}"
#define AKID    "'access_key_id':'AKID','secret_access_key':'secret'"

#define TEXT_MAX  16384


/* What the reader told: each tenant in words, in the order of the file. */

typedef struct {
    xr_test_mem_t   m;
    xr_tenant_t     t;
    size_t          tenants;
    size_t          resets;
    size_t          refuse;             /* the tenant that is refused, or 0 */
    const char     *why;

    size_t          notes;
    size_t          note_pos;

    xr_buf_t        out;
    uint8_t         memory[4096];
} fixture_t;


static void
tell(fixture_t *f, const char *name, xr_str_t value)
{
    if (value.len > 0) {
        xr_buf_puts(&f->out, " ");
        xr_buf_puts(&f->out, name);
        xr_buf_puts(&f->out, "=");
        xr_buf_put(&f->out, value);
    }
}


static void
tell_number(fixture_t *f, const char *name, int64_t n, int64_t unless)
{
    char  text[32];

    if (n != unless) {
        snprintf(text, sizeof(text), "%lld", (long long) n);
        tell(f, name, xr_str(text));
    }
}


static void
tell_list(fixture_t *f, const char *name, const xr_str_t *list, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        tell(f, name, list[i]);
    }
}


static void
tell_keys(fixture_t *f, const xr_tenant_t *t)
{
    size_t           i;
    const xr_key_t  *key;

    for (i = 0; i < t->keys.n; i++) {
        key = &t->keys.keys[i];

        xr_buf_puts(&f->out, " ");
        xr_buf_put(&f->out, xr_kind_name(key->kind));
        xr_buf_puts(&f->out, ":");
        xr_buf_put(&f->out, key->id);
    }
}


static void
tell_files(fixture_t *f, const xr_tenant_t *t)
{
    size_t  i;

    static const char  *kinds[] = { "aws", "keyfile", "jwksfile", "cffile" };

    for (i = 0; i < t->nfiles; i++) {
        tell(f, kinds[t->files[i].kind], t->files[i].path);
        tell(f, "id", t->files[i].id);
    }
}


static xr_rc_t
on_tenant(void *ctx, xr_tenant_t *t, xr_err_t *err)
{
    fixture_t *f = ctx;

    size_t  i;

    assert_ptr_equal(t, &f->t);

    if (f->tenants++ > 0) {
        xr_buf_puts(&f->out, "; ");
    }

    xr_buf_put(&f->out, t->name);
    tell_list(f, "host", t->hosts, t->nhosts);
    tell(f, "origin", t->origin.host);
    tell(f, "base", t->origin.base);
    tell(f, "region", t->origin.region);
    tell(f, "upstream", t->upstream);
    tell(f, "access", t->credentials.access_key);
    tell(f, "secret", t->credentials.secret_key);
    tell(f, "token", t->credentials.session_token);
    tell_files(f, t);
    tell_keys(f, t);
    tell_number(f, "keys_none", t->keys_none, false);
    tell_number(f, "has_keys", t->has_keys, false);
    tell_list(f, "iss", t->issuers.list, t->issuers.n);
    tell_list(f, "aud", t->audiences.list, t->audiences.n);
    tell_list(f, "cfhost", t->cloudfront_hosts.list, t->cloudfront_hosts.n);
    tell_number(f, "sha1", t->cloudfront_sha1, false);
    tell_number(f, "cors", t->has_cors ? (int64_t) t->cors : -1, -1);
    tell_list(f, "web", t->cors_origins, t->ncors_origins);
    tell_number(f, "credentials", t->cors_credentials, false);
    tell_number(f, "max_age", t->cors_max_age, -1);
    tell(f, "cache", t->cache_control);
    tell_number(f, "ttl", t->has_cache_policy ? t->cache_policy.ttl : -1, -1);
    tell_number(f, "leeway", t->leeway, -1);
    tell_number(f, "lifetime", t->max_lifetime, 0);

    for (i = 0; i < t->nlimits; i++) {
        tell(f, "limit", t->limits[i].name);
    }

    assert_true(xr_buf_ok(&f->out));

    if (f->tenants == f->refuse) {
        err->what = f->why;
        return XR_INVALID;
    }

    return XR_OK;
}


static void
on_reset(void *ctx)
{
    fixture_t *f = ctx;

    size_t     i;
    xr_str_t   secret;

    f->resets++;

    /* it was wiped while its memory was there */

    secret = f->t.credentials.secret_key;

    for (i = 0; i < secret.len && f->m.n > 0; i++) {
        assert_int_equal(secret.data[i], 0);
    }

    assert_int_equal(f->t.keys.n, 0);

    xr_test_mem_free(&f->m);
}


static void
on_note(void *ctx, size_t pos, const char *what)
{
    fixture_t *f = ctx;

    assert_non_null(what);

    f->notes++;
    f->note_pos = pos;
}


static xr_rc_t
read_text(fixture_t *f, xr_str_t text, xr_err_t *err)
{
    xr_rc_t              rc;
    xr_str_t             copy;
    xr_tenants_reader_t  reader;

    f->tenants = 0;
    f->resets = 0;
    f->notes = 0;
    f->out = xr_buf(f->memory, sizeof(f->memory));
    memset(&f->t, 0, sizeof(f->t));

    reader = (xr_tenants_reader_t) {
        f->m.mem, on_reset, on_tenant, on_note, f
    };

    copy = xr_test_copy(text);
    rc = xr_tenants_read(copy, &f->t, &reader, err);
    xr_test_copy_free(copy);

    return rc;
}


static void
start(fixture_t *f)
{
    memset(f, 0, sizeof(fixture_t));
    xr_test_mem_init(&f->m, SIZE_MAX);
}


/* "'" stands for a quote, and "~", which is dropped, for the place at fault. */

static xr_str_t
translate(const char *s, char *out, size_t *pos)
{
    size_t  n;

    *pos = 0;

    for (n = 0; *s != '\0'; s++) {
        assert_true(n < TEXT_MAX);

        if (*s == '~') {
            *pos = n;
            continue;
        }

        out[n++] = (*s == '\'') ? '"' : *s;
    }

    return xr_str_of(out, n);
}


static const struct {
    const char  *text;
    const char  *told;
} good[] = {
    { "{'tenants':{}}", "" },
    { " {\n 'comment' : 'a\\nb' , 'tenants' : { } }\n", "" },
    { "{'tenants':{'a':{}}}", "a" },
    { "{'t\\u0065nants':{'\\u0061':{'hos\\u0074s':['\\u0062']}}}",
      "a host=b" },
    { "{'tenants':{'b':{},'a':{'comment':'x\\u0000','url':'y'},'c':{}}}",
      "b; a; c" },
    { "{'tenants':{'a':{'hosts':['a.example']}}}", "a host=a.example" },
    { "{'tenants':{'a':{'hosts':['a.example','b'],'origin':'http://o/x'}}}",
      "a host=a.example host=b origin=o base=/x" },

    { "{'tenants':{'a':{'upstream':'pool','style':'path','region':'r',"
      "'endpoint':'http://o:9000','origin':'s3://bucket/x'}}}",
      "a origin=o:9000 base=/bucket/x region=r upstream=pool" },
    { "{'tenants':{'a':{'origin':'s3://bucket'}}}",
      "a origin=bucket.s3.us-east-1.amazonaws.com region=us-east-1" },

    { "{'tenants':{'a':{'credentials':'aws.ini'}}}",
      "a aws=aws.ini id=default" },
    { "{'tenants':{'a':{'profile':'p','credentials':'\\/aws'}}}",
      "a aws=/aws id=p" },
    { "{'tenants':{'a':{'credentials':{" AKID "}}}}",
      "a access=AKID secret=secret" },
    { "{'tenants':{'a':{'credentials':{'session_token':'t\\u002b'," AKID "}}}}",
      "a access=AKID secret=secret token=t+" },

    { "{'tenants':{'a':{'keys':'none'}}}", "a keys_none=1 has_keys=1" },
    { "{'tenants':{'a':{'keys':'a.keys'}}}", "a keyfile=a.keys has_keys=1" },
    { "{'tenants':{'a':{'keys':['" K1 "']}}}", "a edgeauth: has_keys=1" },
    { "{'tenants':{'a':{'keys':[{'id':'x','key':'" K1 "'},'" K2 "',"
      "{'key':'" K1 "00ff','id':'y'}]}}}",
      "a edgeauth:x edgeauth: edgeauth:y has_keys=1" },

    { "{'tenants':{'a':{'jwks':'a.json'}}}", "a jwksfile=a.json" },
    { "{'tenants':{'a':{'jwks':{'keys':[" JWK "]}}}}", "a jwt:e" },
    { "{'tenants':{'a':{'jwks':{'keys':[" JWK "]},'keys':['" K1 "']}}}",
      "a edgeauth: jwt:e has_keys=1" },
    { "{'tenants':{'a':{'issuer':'i','audience':'https://x'}}}",
      "a iss=i aud=https://x" },
    { "{'tenants':{'a':{'issuer':['i','j'],'audience':['x']}}}",
      "a iss=i iss=j aud=x" },

    { "{'tenants':{'a':{'cloudfront_keys':{'KA':'a.pem','KB':'" PEM "'}}}}",
      "a cffile=a.pem id=KA cloudfront:KB" },
    { "{'tenants':{'a':{'cloudfront_keys':{}}}}", "a" },
    { "{'tenants':{'a':{'cloudfront_hosts':['d1.example','d2'],"
      "'cloudfront_sha1':true}}}", "a cfhost=d1.example cfhost=d2 sha1=1" },
    { "{'tenants':{'a':{'cloudfront_sha1':false}}}", "a" },

    { "{'tenants':{'a':{'cors':'*'}}}", "a cors=0" },
    { "{'tenants':{'a':{'cors':'off'}}}", "a cors=2" },
    { "{'tenants':{'a':{'cors':'https://a'}}}", "a cors=1 web=https://a" },
    { "{'tenants':{'a':{'cors':['https://a','http://b:1'],"
      "'cors_credentials':true,'cors_max_age':'1m'}}}",
      "a cors=1 web=https://a web=http://b:1 credentials=1 max_age=60" },
    { "{'tenants':{'a':{'cors_max_age':0,'leeway':5,'max_lifetime':'7d',"
      "'cache_control':'public, max-age=1'}}}",
      "a max_age=0 cache=public, max-age=1 leeway=5 lifetime=604800" },

    { "{'tenants':{'a':{'cache_policy':' ttl=1h  jitter=1\\u0025 '}}}",
      "a ttl=3600" },

    { "{'tenants':{'a':{'limits':['rate=20r/s']}}}",
      "a limit=tenant-20r-s-20" },
    { "{'tenants':{'a':{'limits':['  key=subject   rate=5r\\/m ',"
      "'k\\u0065y=address rate=512k/s\\u0020burst=1m class=gold',"
      "'rate=1r/s mode=exact failure=closed delay=200ms name=n']}}}",
      "a limit=subject-5r-m-1 limit=address-512k-s-1m-gold limit=n" },

    /* one tenant leaves nothing to the next */

    { "{'tenants':{'a':{'hosts':['h'],'credentials':{" AKID "},'leeway':1,"
      "'limits':['rate=20r/s name=n'],"
      "'keys':['" K1 "'],'jwks':{'keys':[" JWK "]}},'b':{}}}",
      "a host=h access=AKID secret=secret edgeauth: jwt:e has_keys=1 leeway=1 "
      "limit=n; b" }
};


static void
test_good(void **state)
{
    char       text[TEXT_MAX];
    size_t     i, pos;
    xr_str_t   in;
    xr_err_t   err;
    fixture_t  f;

    (void) state;

    for (i = 0; i < XR_COUNT(good); i++) {
        start(&f);
        in = translate(good[i].text, text, &pos);

        if (read_text(&f, in, &err) != XR_OK) {
            fail_msg("%s: %s at %zu", good[i].text, err.what, err.pos);
        }

        XR_CHECK_STR(xr_buf_str(&f.out), good[i].told, good[i].text);
        XR_CHECK_EQ(f.resets, f.tenants, good[i].text);
        XR_CHECK_EQ(f.m.n, 0, good[i].text);
    }
}


/* Texts that are wrong as a whole, and what their reason starts with. */

static const struct {
    const char  *text;
    const char  *what;
} bad[] = {
    { "~", "a value is missing" },
    { "{'tenants':{}} ~x", "something behind" },
    { "{'tenants':{'a':{}~", "" },
    { "~[]", "is not an object" },
    { "~'tenants'", "is not an object" },
    { "~{}", "has no \"tenants\"" },
    { " ~{'comment':'x'}", "has no \"tenants\"" },
    { "{'tenants':~[]}", "is not an object" },
    { "{'tenants':~null}", "is not an object" },
    { "{'tenants':~''}", "is not an object" },
    { "{'tenants':{},'comment':~1}", "is not a string" },
    { "{'tenants':{},~'tenants':{}}", "is duplicate" },
    { "{'tenants':{},~'t\\u0065nants':{}}", "is duplicate" },
    { "{'tenants':{},~'tenant':{}}", "is no member" },
    { "{~'Tenants':{}}", "is no member" },
    { "{'tenants':{'a':~[]}}", "is not an object" },
    { "{'tenants':{'a':~'x'}}", "is not an object" },
    { "{'tenants':{~'':{}}}", "a tenant's name" },
    { "{'tenants':{~'A':{}}}", "a tenant's name" },
    { "{'tenants':{~'-a':{}}}", "a tenant's name" },
    { "{'tenants':{~'a\\u0000':{}}}", "holds a control character" },
    { "{'tenants':{'a':{},~'b.c':{}}}", "a tenant's name" }
};


/* The same of what stands in a tenant. */

static const struct {
    const char  *members;
    const char  *what;
} bad_members[] = {
    { "~'host':'a'", "is no member" },
    { "~'':'a'", "is no member" },
    { "~'Origin':'http://o'", "is no member" },
    { "~'cloudfront_key':{}", "is no member" },
    { "'comment':'x',~'comment':'x'", "is duplicate" },
    { "'origin':'http://o',~'or\\u0069gin':'http://o'", "is duplicate" },
    { "'comment':~1", "is not a string" },
    { "'url':~['x']", "is not a string" },

    { "'hosts':~'a'", "is not an array" },
    { "'hosts':~[]", "is an empty array" },
    { "'hosts':[ ~1]", "is not a string" },
    { "'hosts':['a',~null]", "is not a string" },
    { "'hosts':['a', ~'A.example']", "not a host name" },
    { "'hosts':['a',~'']", "not a host name" },
    { "'hosts':[~'a\\u0000']", "holds a control" },
    { "'hosts':['1','2','3','4','5','6','7','8','9','10','11','12','13','14',"
      "'15','16','17','18','19','20','21','22','23','24','25','26','27','28',"
      "'29','30','31','32',~'33','34']", "more than 32" },

    { "'origin':~1", "is not a string" },
    { "'origin':~'bucket'", "the URL does not" },
    { "'origin':~'http://o\\n'", "holds a control" },
    { "'origin':'s3://bucket','region':~'r.e'", "region= is" },
    { "'origin':'s3://bucket','region':~''", "is none of" },
    { "'origin':'s3://bucket','region':~true", "is not a string" },
    { "'endpoint':~'o','origin':'s3://bucket','region':'r'", "endpoint= does" },
    { "'origin':'s3://bucket','style':~'both'", "style= is" },
    { "'origin':'http://o','style':~'path'", "style= is for" },
    { "'origin':'http://o','upstream':~'a\\u0000b'", "holds a control" },
    { "'region':~'r'", "stands without an \"origin\"" },
    { "'endpoint':~'http://o'", "stands without an \"origin\"" },
    { "'style':~'path'", "stands without an \"origin\"" },
    { "'upstream':~'u'", "stands without an \"origin\"" },

    { "'credentials':~1", "is not a string" },
    { "'credentials':~''", "is empty" },
    { "'credentials':~'a\\u0000.ini'", "holds a control" },
    { "'credentials':'a','profile':~''", "is not profile=" },
    { "'credentials':'a','profile':~1", "is not a string" },
    { "'profile':~'p'", "stands without \"credentials\"" },
    { "'credentials':{" AKID "},'profile':~'p'", "stands without" },
    { "'credentials':~{}", "has no \"access_key_id\"" },
    { "'credentials':~{'access_key_id':'A'}", "has no \"access_key_id\"" },
    { "'credentials':~{'secret_access_key':'A'}", "has no \"access_key_id\"" },
    { "'credentials':{" AKID ",~'x':'y'}", "is no member" },
    { "'credentials':{" AKID ",~'access_key_id':'A'}", "is duplicate" },
    { "'credentials':{'access_key_id':~'','secret_access_key':'s'}",
      "the value is empty" },
    { "'credentials':{'access_key_id':'A','secret_access_key':~''}",
      "the value is empty" },
    { "'credentials':{'access_key_id':'A','secret_access_key':~1}",
      "is not a string" },
    { "'credentials':{'access_key_id':~'A B','secret_access_key':'s'}",
      "the value holds a space" },
    { "'credentials':{'access_key_id':'A','secret_access_key':~'\303\274'}",
      "the value holds a space" },
    { "'credentials':{" AKID ",'session_token':~'a\\rb'}", "holds a control" },
    { "'credentials':{'access_key_id':~'" K1 K1 K1 K1 "0',"
      "'secret_access_key':'s'}", "the value is too long" },

    { "'keys':~1", "is not an array" },
    { "'keys':~''", "is empty" },
    { "'keys':~[]", "is an empty array" },
    { "'keys':~{}", "is not an array" },
    { "'keys':['" K1 "',~'none']", "" },
    { "'keys':['" K1 "',~1]", "is not an object" },
    { "'keys':['" K1 "',~['" K2 "']]", "is not an object" },
    { "'keys':['" K1 "',~'" K1 "']", "" },
    { "'keys':[~{'id':'a'}]", "has no \"id\"" },
    { "'keys':[~{'key':'" K1 "'}]", "has no \"id\"" },
    { "'keys':[{'id':'a','key':'" K1 "',~'alg':'x'}]", "is no member" },
    { "'keys':[{'id':'a','key':'" K1 "',~'id':'x'}]", "is duplicate" },
    { "'keys':[{'id':~1,'key':'" K1 "'}]", "is not a string" },
    { "'keys':[{'id':~'a b','key':'" K1 "'}]", "" },
    { "'keys':[{'id':'a','key':~'00'}]", "" },
    { "'keys':[{'id':'a','key':~'" K1 "0'}]", "" },
    { "'keys':[{'id':'a','key':'" K1 "'},{'id':~'a','key':'" K2 "'}]", "" },

    { "'jwks':~1", "not a JWK set" },
    { "'jwks':~''", "is empty" },
    { "'jwks':~{}", "not a JWK set" },
    { "'jwks':{'keys':~[]}", "a JWK set without" },
    { "'jwks':{'keys':[~1]}", "a key that is not" },
    { "'jwks':{'keys':[" JWK ",{'kty':'EC','crv':'P-256','kid':'~e','x':'"
      EC1_X "','y':'" EC1_Y "'}]}", "" },

    { "'issuer':~1", "is not an array" },
    { "'issuer':~''", "is empty" },
    { "'issuer':~[]", "is an empty array" },
    { "'issuer':['a',~'']", "is empty" },
    { "'audience':['a',~2]", "is not a string" },
    { "'audience':['1','2','3','4','5','6','7','8',~'9']", "is one more" },
    { "'audience':~'a\\tb'", "holds a control" },

    { "'cloudfront_keys':~[]", "is not an object" },
    { "'cloudfront_keys':~'a.pem'", "is not an object" },
    { "'cloudfront_keys':{'K':~1}", "is not a string" },
    { "'cloudfront_keys':{'K':~''}", "is empty" },
    { "'cloudfront_keys':{'K':~'a\\nb'}", "holds a control" },
    { "'cloudfront_keys':{'K':~'-----BEGIN PUBLIC KEY-----'}", "" },
    { "'cloudfront_keys':{'K':'" PEM "','L':~'" PEM "'}", "" },
    { "'cloudfront_hosts':~'d1'", "is not an array" },
    { "'cloudfront_hosts':['d1',~'D2']", "not a host name" },
    { "'cloudfront_sha1':~'on'", "is neither true nor false" },
    { "'cloudfront_sha1':~1", "is neither true nor false" },

    { "'cors':~''", "is not \"*\"" },
    { "'cors':~'x'", "is not \"*\"" },
    { "'cors':~true", "is not an array" },
    { "'cors':~[]", "is an empty array" },
    { "'cors':['https://a',~'*']", "is not \"*\"" },
    { "'cors':['https://a',~1]", "is not a string" },
    { "'cors_credentials':~null", "is neither true nor false" },
    { "'cors_max_age':~'8d'", "is not a time" },
    { "'cors_max_age':~-1", "is not a time" },
    { "'cors_max_age':~1.5", "is not a time" },
    { "'cors_max_age':~[1]", "is not a string" },
    { "'leeway':~61", "is not a time" },
    { "'leeway':~1e1", "is not a time" },
    { "'leeway':~'1y'", "is not a time" },
    { "'leeway':~true", "is not a string" },
    { "'max_lifetime':~0", "is not a time" },
    { "'max_lifetime':~''", "is not a time" },
    { "'cache_control':~''", "is empty" },
    { "'cache_control':~'a\\r\\nb'", "holds a control" },
    { "'cache_control':~'\303\274'", "holds a control" },

    { "'replicas':~'http://o.example'", "is not an array" },
    { "'replicas':~[]", "is an empty array" },
    { "'replicas':[~1]", "is not an object" },
    { "'replicas':[~{'region':'x'}]", "has no \"origin\"" },
    { "'replicas':[{~'key':'x'}]", "is no member that is known here" },
    { "'replicas':['http://o.example',~'o.example']", "the URL does not start "
      "with s3://, http:// or https://" },
    { "'cache_policy':~''", "has the wrong number of arguments" },
    { "'cache_policy':~'ttl=1h ttl=2h'", "is duplicate" },
    { "'cache_policy':~'off'", "is none of ttl=" },
    { "'cache_policy':~['ttl=1h']", "is not a string" },
    { "'cache_policy':~60", "is not a string" },

    { "'limits':~'rate=20r/s'", "is not an array" },
    { "'limits':~{'rate':'20r/s'}", "is not an array" },
    { "'limits':~[]", "is an empty array" },
    { "'limits':[~{'rate':'20r/s'}]", "is not a string" },
    { "'limits':['rate=20r/s',~1]", "is not a string" },
    { "'limits':[~'']", "has the wrong number" },
    { "'limits':[~' ']", "has the wrong number" },
    { "'limits':[~'key=subject']", "has no rate=" },
    { "'limits':['rate=1r/s',\n~'rate=2r/s burst=x']", "is not a number" },
    { "'limits':[~'rate=1r/s\\trate=2r/s']", "holds a control" },
    { "'limits':[~'rate=1r/s;']", "is not a rate" },
    { "'limits':['rate=1r/s',~'rate=60r/m']", "has the name of" },
    { "'limits':[~'rate=1r/s x x x x x x x x x x x x x x x x x x x x x x x x x "
      "x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x']",
      "is none of" },
    { "'limits':['rate=1r/s','rate=2r/s','rate=3r/s','rate=4r/s','rate=5r/s',"
      "'rate=6r/s','rate=7r/s','rate=8r/s',~'rate=9r/s']",
      "is one more than 8" },
    { "~'limit':['rate=1r/s']", "is no member" }
};


static void
check_bad(const char *wrong, const char *what)
{
    char       text[TEXT_MAX];
    size_t     pos;
    xr_str_t   in;
    xr_err_t   err;
    fixture_t  f;

    start(&f);
    in = translate(wrong, text, &pos);
    err = (xr_err_t) { NULL, 999 };

    XR_CHECK_EQ(read_text(&f, in, &err), XR_INVALID, wrong);
    XR_CHECK(err.what != NULL, wrong);

    if (!xr_str_starts(xr_str(err.what), xr_str(what))) {
        fail_msg("%s: \"%s\", not \"%s...\"", wrong, err.what, what);
    }

    XR_CHECK_EQ(err.pos, pos, wrong);
    XR_CHECK_EQ(f.m.n, 0, wrong);

    /* nobody has to ask why */

    XR_CHECK_EQ(read_text(&f, in, NULL), XR_INVALID, wrong);
}


static void
test_bad(void **state)
{
    char    text[TEXT_MAX];
    size_t  i;

    (void) state;

    for (i = 0; i < XR_COUNT(bad); i++) {
        check_bad(bad[i].text, bad[i].what);
    }

    for (i = 0; i < XR_COUNT(bad_members); i++) {
        snprintf(text, sizeof(text), "{'tenants':{'first':{},\n'a':{%s},"
                 "'last':{}}}", bad_members[i].members);
        check_bad(text, bad_members[i].what);
    }
}


/* A list of origins that is too long is at fault where it becomes so. */

static void
test_too_many_origins(void **state)
{
    int   i, n, len;
    char  text[TEXT_MAX];

    (void) state;

    for (n = 33; n <= 40; n++) {
        len = snprintf(text, sizeof(text), "{'tenants':{'a':{'cors':[");

        for (i = 0; i < n; i++) {
            len += snprintf(text + len, sizeof(text) - (size_t) len,
                            "%s%s'https://h%d'", i > 0 ? "," : "",
                            i == 32 ? "~" : "", i);
        }

        snprintf(text + len, sizeof(text) - (size_t) len, "]}}}");
        check_bad(text, "more than 32");
    }
}


/* What the callee says is said of the tenant's name. */

static void
test_callee(void **state)
{
    char       text[TEXT_MAX];
    size_t     pos;
    xr_str_t   in;
    xr_err_t   err;
    fixture_t  f;

    (void) state;

    start(&f);
    in = translate("{'tenants':{'a':{},\n~'b':{},'c':{}}}", text, &pos);
    f.refuse = 2;
    f.why = "has no \"origin\"";

    assert_int_equal(read_text(&f, in, &err), XR_INVALID);
    assert_string_equal(err.what, "has no \"origin\"");
    assert_int_equal(err.pos, pos);
    assert_int_equal(f.tenants, 2);
    assert_int_equal(f.resets, 2);

    f.why = NULL;

    assert_int_equal(read_text(&f, in, &err), XR_INVALID);
    assert_null(err.what);
    assert_int_equal(err.pos, pos);
}


static void
test_notes(void **state)
{
    char       text[TEXT_MAX];
    size_t     pos;
    xr_str_t   in;
    xr_err_t   err;
    fixture_t  f;

    (void) state;

    start(&f);
    in = translate("{'tenants':{'a':{'jwks':{'keys':[" JWK ","
                   "{'kty':'EC','use':'~enc','crv':'P-256'}]}}}}", text, &pos);

    assert_int_equal(read_text(&f, in, &err), XR_OK);
    assert_int_equal(f.notes, 1);
    assert_int_equal(f.note_pos, pos);
    XR_CHECK_STR(xr_buf_str(&f.out), "a jwt:e", "notes");
}


/* No part of a file is taken for a file. */

static void
test_prefixes(void **state)
{
    char       text[TEXT_MAX];
    size_t     i, k, pos;
    xr_str_t   in;
    xr_err_t   err;
    fixture_t  f;

    (void) state;

    for (i = 0; i < XR_COUNT(good); i++) {
        in = translate(good[i].text, text, &pos);
        in = xr_str_trim(in);

        for (k = 0; k < in.len; k++) {
            start(&f);

            XR_CHECK_EQ(read_text(&f, xr_str_of(in.data, k), &err),
                        XR_INVALID, good[i].text);
            XR_CHECK_EQ(f.tenants, 0, good[i].text);
            XR_CHECK(err.pos <= k, good[i].text);
        }
    }
}


static void
test_too_large(void **state)
{
    xr_err_t             err;
    xr_tenant_t          t;
    xr_tenants_reader_t  reader;

    (void) state;

    memset(&reader, 0, sizeof(reader));

    /* none of it is read */

    assert_int_equal(xr_tenants_read(xr_str_of("{}", XR_TENANTS_MAX_SIZE + 1),
                                     &t, &reader, &err), XR_INVALID);
    assert_string_equal(err.what, "is larger than 1 GiB");
}


static void
test_no_memory(void **state)
{
    char       text[TEXT_MAX];
    size_t     n, pos;
    xr_rc_t    rc;
    xr_str_t   in;
    xr_err_t   err;
    fixture_t  f;

    (void) state;

    in = translate("{'tenants':{'a':{'hosts':['\\u0061','b'],"
                   "'origin':'s3://bucket','region':'r','upstream':'\\u0075',"
                   "'credentials':{" AKID ",'session_token':'\\u0074'},"
                   "'keys':[{'id':'\\u0078','key':'" K1 "'},'" K2 "'],"
                   "'jwks':{'keys':[" JWK "]},'issuer':'i','audience':['x'],"
                   "'cloudfront_keys':{'KA':'a.pem','KB':'" PEM "'},"
                   "'cors':['https://\\u0061'],'cache_control':'x'},"
                   "'b':{'credentials':'aws.ini','profile':'p',"
                   "'keys':'x.keys','jwks':'x.json'}}}", text, &pos);

    n = 0;

    do {
        start(&f);
        f.m.fail_after = n;
        err = (xr_err_t) { NULL, 999 };

        rc = read_text(&f, in, &err);

        if (rc != XR_OK) {
            assert_int_equal(rc, XR_NO_SPACE);
            assert_string_equal(err.what, "out of memory");
            assert_true(err.pos > 0 && err.pos < in.len);
        }

        assert_int_equal(f.m.n, 0);
        n++;
    } while (rc != XR_OK);

    assert_true(n > 30);
    assert_int_equal(f.tenants, 2);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_too_many_origins),
        cmocka_unit_test(test_callee),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_no_memory)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
