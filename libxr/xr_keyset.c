/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_keyset_add.h"

#include <string.h>


#define XR_KEYSET_ID_MAX_SIZE   64      /* of ids that people make up */
#define XR_KEYSET_KEY_MAX_SIZE  64      /* of EdgeAuth keys */
#define XR_KEYSET_SHA256_BLOCK  64

/* Digests of symmetric and of public keys never meet. */

#define XR_KEYSET_SYMMETRIC  1
#define XR_KEYSET_PUBLIC     2


/* What the line of a file being read says. */

typedef struct {
    size_t     pos;                     /* of the line, in the text */
    size_t     key_pos;
    xr_str_t   id;
    xr_str_t   hex;
    xr_kind_t  kind;
} xr_keyset_line_t;


xr_str_t
xr_kind_name(xr_kind_t kind)
{
    switch (kind) {

    case XR_KIND_EDGEAUTH:
        return xr_str("edgeauth");

    case XR_KIND_JWT:
        return xr_str("jwt");

    case XR_KIND_CLOUDFRONT:
        return xr_str("cloudfront");

    case XR_KIND_PURGE:
        return xr_str("purge");

    default:
        return xr_str("");
    }
}


/*
 * HMAC hashes keys that are longer than a block and pads others with zeros,
 * so keys that differ in that only are one key.
 */

static xr_rc_t
xr_keyset_digest_secret(xr_str_t secret, xr_hash_t hash,
    uint8_t out[XR_SHA256_SIZE])
{
    xr_rc_t  rc;
    uint8_t  padded[1 + XR_KEY_MAX_SIZE];

    memset(padded, 0, sizeof(padded));
    padded[0] = XR_KEYSET_SYMMETRIC;

    rc = XR_OK;

    if (hash == XR_SHA256 && secret.len > XR_KEYSET_SHA256_BLOCK) {
        rc = xr_sha256(secret, padded + 1);

    } else {
        memcpy(padded + 1, secret.data, secret.len);
    }

    if (rc == XR_OK) {
        rc = xr_sha256(xr_str_of(padded, sizeof(padded)), out);
    }

    xr_wipe(padded, sizeof(padded));

    return rc;
}


static xr_rc_t
xr_keyset_digest_public(const xr_pubkey_t *pub, uint8_t out[XR_SHA256_SIZE])
{
    xr_rc_t   rc;
    uint8_t   head[4], digest[XR_HASH_MAX_SIZE];
    xr_str_t  parts[3];

    head[0] = XR_KEYSET_PUBLIC;
    head[1] = (uint8_t) pub->kind;
    head[2] = (uint8_t) (pub->n.len >> 8);
    head[3] = (uint8_t) pub->n.len;

    parts[0] = xr_str_of(head, sizeof(head));
    parts[1] = pub->n;
    parts[2] = pub->e;

    rc = xr_hash(XR_SHA256, parts, XR_COUNT(parts), digest);

    if (rc == XR_OK) {
        memcpy(out, digest, XR_SHA256_SIZE);
    }

    return rc;
}


static xr_rc_t
xr_keyset_check(const xr_keyset_t *set, const xr_keyset_entry_t *e,
    const xr_key_t *key, xr_err_t *err)
{
    size_t           i;
    const xr_key_t  *other;

    for (i = 0; i < set->n; i++) {
        other = &set->keys[i];

        if (e->id.len != 0 && other->kind == e->kind
            && xr_str_eq(other->id, e->id))
        {
            return xr_fail(err, XR_INVALID, e->id_pos,
                           "the key id stands twice");
        }

        if (xr_equal(other->digest, key->digest, XR_SHA256_SIZE)) {
            return xr_fail(err, XR_INVALID, e->key_pos, "the key stands twice");
        }
    }

    return XR_OK;
}


static xr_rc_t
xr_keyset_hmac(xr_str_t secret, xr_hash_t hash, const xr_mem_t *mem,
    const xr_hmac_t **out)
{
    xr_rc_t     rc;
    xr_hmac_t  *hmac;

    hmac = mem->alloc(mem->ctx, sizeof(xr_hmac_t));

    if (hmac == NULL) {
        return XR_NO_SPACE;
    }

    rc = xr_hmac_init(hmac, hash, secret);

    if (rc == XR_OK) {
        *out = hmac;
    }

    return rc;
}


/* All of it but the digest. */

static xr_rc_t
xr_keyset_fill(xr_key_t *key, const xr_keyset_entry_t *e, xr_hash_t hash,
    const xr_mem_t *mem)
{
    xr_rc_t  rc;

    key->kind = e->kind;
    key->alg = e->alg;

    rc = (e->id.len > 0) ? xr_str_dup(mem, e->id, &key->id) : XR_OK;

    if (rc == XR_OK && e->pub != NULL) {
        key->pub.kind = e->pub->kind;
        rc = xr_str_dup(mem, e->pub->n, &key->pub.n);
    }

    if (rc == XR_OK && e->pub != NULL && e->pub->e.len > 0) {
        rc = xr_str_dup(mem, e->pub->e, &key->pub.e);
    }

    if (rc == XR_OK && e->pub == NULL) {
        rc = xr_keyset_hmac(e->secret, hash, mem, &key->hmac);
    }

    return rc;
}


xr_rc_t
xr_keyset_add(xr_keyset_t *set, const xr_keyset_entry_t *e,
    const xr_mem_t *mem, xr_err_t *err)
{
    xr_rc_t    rc;
    xr_key_t   key;
    xr_hash_t  hash;

    if (set->n == XR_KEYSET_MAX) {
        return xr_fail(err, XR_INVALID, e->id_pos, "more than 32 keys");
    }

    memset(&key, 0, sizeof(key));

    hash = (e->alg == XR_ALG_NOT_SET) ? XR_SHA256 : xr_alg_hash(e->alg);

    if (e->pub != NULL) {
        rc = xr_keyset_digest_public(e->pub, key.digest);

    } else {
        rc = xr_keyset_digest_secret(e->secret, hash, key.digest);
    }

    if (rc != XR_OK) {
        return xr_fail(err, rc, e->key_pos, "SHA-256 failed");
    }

    rc = xr_keyset_check(set, e, &key, err);

    if (rc != XR_OK) {
        return rc;
    }

    rc = xr_keyset_fill(&key, e, hash, mem);

    if (rc != XR_OK) {
        return xr_fail(err, rc, e->key_pos, "out of memory");
    }

    set->keys[set->n++] = key;

    return XR_OK;
}


void
xr_keyset_cut(xr_keyset_t *set, size_t n)
{
    xr_key_t  *key;

    while (set->n > n) {
        key = &set->keys[--set->n];

        if (key->hmac != NULL) {
            xr_wipe((void *) (uintptr_t) key->hmac, sizeof(xr_hmac_t));
        }

        xr_wipe(key, sizeof(xr_key_t));
    }
}


void
xr_keyset_wipe(xr_keyset_t *set)
{
    xr_keyset_cut(set, 0);
}


static bool
xr_keyset_alnum(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9');
}


/* 1 to 64 letters, digits and bytes of "others". */

static bool
xr_keyset_id_ok(xr_str_t id, const char *others)
{
    size_t  i;

    for (i = 0; i < id.len; i++) {

        if (!xr_keyset_alnum(id.data[i])
            && xr_str_find(xr_str(others), id.data[i]) == strlen(others))
        {
            return false;
        }
    }

    return id.len > 0 && id.len <= XR_KEYSET_ID_MAX_SIZE;
}


/* "[id] hex" without white space around it: the words, not yet judged. */

static void
xr_keyset_split(xr_str_t text, xr_str_t s, xr_keyset_line_t *line)
{
    size_t  i;

    line->pos = (size_t) (s.data - text.data);
    line->id = xr_str_of(NULL, 0);

    for (i = 0; i < s.len; i++) {

        if (s.data[i] == ' ' || s.data[i] == '\t') {
            line->id = xr_str_of(s.data, i);
            s = xr_str_trim(xr_str_of(s.data + i, s.len - i));
            break;
        }
    }

    line->hex = s;
    line->key_pos = (size_t) (s.data - text.data);
}


static xr_rc_t
xr_keyset_line(xr_keyset_t *set, const xr_keyset_line_t *line,
    const xr_mem_t *mem, xr_err_t *err)
{
    size_t             size;
    xr_rc_t            rc;
    uint8_t            secret[XR_KEYSET_KEY_MAX_SIZE];
    xr_keyset_entry_t  e;

    if (line->id.len > 0 && !xr_keyset_id_ok(line->id, "._-")) {
        return xr_fail(err, XR_INVALID, line->pos, "the key id is not 1 to 64 "
                       "of A-Z a-z 0-9 . _ -");
    }

    size = line->hex.len / 2;

    if (size < XR_KEY_MIN_SIZE || size > sizeof(secret)) {
        return xr_fail(err, XR_INVALID, line->key_pos,
                       "the key is not 32 to 128 hexadecimal digits");
    }

    if (line->kind == XR_KIND_PURGE && size < XR_KEY_PURGE_MIN_SIZE) {
        return xr_fail(err, XR_INVALID, line->key_pos,
                       "the key is not 64 to 128 hexadecimal digits");
    }

    memset(&e, 0, sizeof(e));

    e.id = line->id;
    e.kind = line->kind;
    e.alg = (line->kind == XR_KIND_PURGE) ? XR_ALG_HS256 : XR_ALG_NOT_SET;
    e.secret = xr_str_of(secret, size);
    e.id_pos = line->pos;
    e.key_pos = line->key_pos;

    if (xr_hex_decode(line->hex, secret, sizeof(secret)) == XR_OK) {
        rc = xr_keyset_add(set, &e, mem, err);

    } else {
        rc = xr_fail(err, XR_INVALID, line->key_pos, "the key is not an "
                     "even number of hexadecimal digits");
    }

    xr_wipe(secret, sizeof(secret));

    return rc;
}


static xr_rc_t
xr_keyset_lines(xr_keyset_t *set, xr_kind_t kind, xr_str_t text,
    const xr_mem_t *mem, xr_err_t *err)
{
    size_t            n;
    xr_rc_t           rc;
    xr_str_t          rest, s;
    xr_keyset_line_t  line;

    n = set->n;
    rc = XR_OK;
    rest = text;

    while (rc == XR_OK && rest.len > 0) {
        s = xr_str_trim(xr_str_cut(&rest, '\n'));

        if (s.len == 0 || s.data[0] == '#') {
            continue;
        }

        xr_keyset_split(text, s, &line);
        line.kind = kind;

        rc = xr_keyset_line(set, &line, mem, err);
    }

    if (rc == XR_OK && set->n == n) {
        rc = xr_fail(err, XR_INVALID, text.len, "the file has no key");
    }

    if (rc != XR_OK) {
        xr_keyset_cut(set, n);
    }

    return rc;
}


xr_rc_t
xr_keyset_edgeauth(xr_keyset_t *set, xr_str_t text, const xr_mem_t *mem,
    xr_err_t *err)
{
    return xr_keyset_lines(set, XR_KIND_EDGEAUTH, text, mem, err);
}


xr_rc_t
xr_keyset_purge(xr_keyset_t *set, xr_str_t text, const xr_mem_t *mem,
    xr_err_t *err)
{
    return xr_keyset_lines(set, XR_KIND_PURGE, text, mem, err);
}


static xr_rc_t
xr_keyset_one(xr_keyset_t *set, xr_kind_t kind, xr_str_t id, xr_str_t hex,
    const xr_mem_t *mem, xr_err_t *err)
{
    xr_keyset_line_t  line;

    line.pos = 0;
    line.key_pos = 1;
    line.id = id;
    line.hex = hex;
    line.kind = kind;

    return xr_keyset_line(set, &line, mem, err);
}


xr_rc_t
xr_keyset_edgeauth_key(xr_keyset_t *set, xr_str_t id, xr_str_t hex,
    const xr_mem_t *mem, xr_err_t *err)
{
    return xr_keyset_one(set, XR_KIND_EDGEAUTH, id, hex, mem, err);
}


xr_rc_t
xr_keyset_purge_key(xr_keyset_t *set, xr_str_t id, xr_str_t hex,
    const xr_mem_t *mem, xr_err_t *err)
{
    return xr_keyset_one(set, XR_KIND_PURGE, id, hex, mem, err);
}


xr_rc_t
xr_keyset_cloudfront(xr_keyset_t *set, xr_str_t id, xr_str_t pem,
    const xr_mem_t *mem, xr_err_t *err)
{
    xr_rc_t            rc;
    uint8_t            memory[XR_PUBKEY_MAX_SIZE];
    xr_pubkey_t        pub;
    xr_keyset_entry_t  e;

    if (!xr_keyset_id_ok(id, "")) {
        return xr_fail(err, XR_INVALID, 0, "the key pair id is not 1 to 64 of "
                       "A-Z a-z 0-9");
    }

    rc = xr_pubkey_pem(pem, memory, &pub, err);

    if (rc != XR_OK) {
        return rc;
    }

    if (pub.kind != XR_PUBKEY_RSA && pub.kind != XR_PUBKEY_P256) {
        return xr_fail(err, XR_INVALID, 0,
                       "CloudFront has RSA and P-256 keys only");
    }

    memset(&e, 0, sizeof(e));

    e.id = id;
    e.kind = XR_KIND_CLOUDFRONT;
    e.pub = &pub;

    return xr_keyset_add(set, &e, mem, err);
}
