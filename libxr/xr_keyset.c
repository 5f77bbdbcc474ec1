/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_keyset.h"

#include <string.h>


/* What the line of a file being read says. */

typedef struct {
    size_t    pos;                      /* of the line, in the text */
    size_t    key_pos;
    xr_str_t  id;
    xr_str_t  hex;
} xr_keyset_line_t;


static bool
xr_keyset_is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}


static bool
xr_keyset_id_ok(xr_str_t id)
{
    size_t   i;
    uint8_t  c;

    for (i = 0; i < id.len; i++) {
        c = id.data[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
              || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
        {
            return false;
        }
    }

    return id.len > 0 && id.len <= XR_KEY_ID_MAX_SIZE;
}


/* "[id] hex" without white space around it: the words, not yet judged. */

static xr_rc_t
xr_keyset_split(xr_str_t text, xr_str_t s, xr_keyset_line_t *line,
    xr_err_t *err)
{
    size_t  i;

    line->pos = (size_t) (s.data - text.data);
    line->id = xr_str_of(NULL, 0);

    for (i = 0; i < s.len; i++) {

        if (xr_keyset_is_space(s.data[i])) {
            line->id = xr_str_of(s.data, i);
            s = xr_str_trim(xr_str_of(s.data + i, s.len - i));
            break;
        }
    }

    line->hex = s;
    line->key_pos = (size_t) (s.data - text.data);

    if (line->id.data != NULL && !xr_keyset_id_ok(line->id)) {
        return xr_fail(err, XR_INVALID, line->pos, "the key id is not 1 to 64 "
                       "of A-Z a-z 0-9 . _ -");
    }

    return XR_OK;
}


static xr_rc_t
xr_keyset_check(const xr_keyset_t *set, const xr_keyset_line_t *line,
    const xr_key_t *key, xr_err_t *err)
{
    size_t  i;

    for (i = 0; i < set->n; i++) {

        if (line->id.len != 0 && xr_str_eq(set->keys[i].id, line->id)) {
            return xr_fail(err, XR_INVALID, line->pos,
                           "the key id stands twice in the file");
        }

        if (xr_equal(set->keys[i].digest, key->digest, XR_SHA256_SIZE)) {
            return xr_fail(err, XR_INVALID, line->key_pos,
                           "the key stands twice in the file");
        }
    }

    return XR_OK;
}


/*
 * HMAC pads keys with zeros to the block size, so keys that differ in zeros
 * at their end only are one key; "padded" is what the digest is made of.
 */

static xr_rc_t
xr_keyset_decode(const xr_keyset_line_t *line, uint8_t padded[XR_KEY_MAX_SIZE],
    xr_err_t *err)
{
    size_t  size;

    size = line->hex.len / 2;

    if (size < XR_KEY_MIN_SIZE || size > XR_KEY_MAX_SIZE) {
        return xr_fail(err, XR_INVALID, line->key_pos,
                       "the key is not 32 to 128 hexadecimal digits");
    }

    memset(padded, 0, XR_KEY_MAX_SIZE);

    if (xr_hex_decode(line->hex, padded, XR_KEY_MAX_SIZE) != XR_OK) {
        return xr_fail(err, XR_INVALID, line->key_pos, "the key is not an "
                       "even number of hexadecimal digits");
    }

    return XR_OK;
}


static xr_rc_t
xr_keyset_make(xr_keyset_t *set, const xr_keyset_line_t *line,
    const uint8_t padded[XR_KEY_MAX_SIZE], const xr_mem_t *mem, xr_err_t *err)
{
    xr_rc_t    rc;
    xr_key_t  *key;

    key = &set->keys[set->n];

    if (xr_sha256(xr_str_of(padded, XR_KEY_MAX_SIZE), key->digest) != XR_OK) {
        return xr_fail(err, XR_ERROR, line->key_pos, "SHA-256 failed");
    }

    rc = xr_keyset_check(set, line, key, err);

    if (rc != XR_OK) {
        return rc;
    }

    if (line->id.len != 0 && xr_str_dup(mem, line->id, &key->id) != XR_OK) {
        return xr_fail(err, XR_NO_SPACE, line->pos, "out of memory");
    }

    key->hmac = xr_hmac_create(xr_str_of(padded, line->hex.len / 2));

    if (key->hmac == NULL) {
        return xr_fail(err, XR_NO_SPACE, line->key_pos, "out of memory");
    }

    set->n++;

    return XR_OK;
}


static xr_rc_t
xr_keyset_add(xr_keyset_t *set, const xr_keyset_line_t *line,
    const xr_mem_t *mem, xr_err_t *err)
{
    xr_rc_t  rc;
    uint8_t  padded[XR_KEY_MAX_SIZE];

    if (set->n == XR_KEYSET_MAX) {
        return xr_fail(err, XR_INVALID, line->pos, "more than 16 keys");
    }

    rc = xr_keyset_decode(line, padded, err);

    if (rc == XR_OK) {
        rc = xr_keyset_make(set, line, padded, mem, err);
    }

    xr_wipe(padded, sizeof(padded));

    return rc;
}


static xr_rc_t
xr_keyset_read(xr_str_t text, const xr_mem_t *mem, xr_keyset_t *set,
    xr_err_t *err)
{
    xr_rc_t           rc;
    xr_str_t          rest, s;
    xr_keyset_line_t  line;

    rest = text;

    while (rest.len > 0) {
        s = xr_str_trim(xr_str_cut(&rest, '\n'));

        if (s.len == 0 || s.data[0] == '#') {
            continue;
        }

        rc = xr_keyset_split(text, s, &line, err);

        if (rc == XR_OK) {
            rc = xr_keyset_add(set, &line, mem, err);
        }

        if (rc != XR_OK) {
            return rc;
        }
    }

    if (set->n == 0) {
        return xr_fail(err, XR_INVALID, text.len, "the file has no key");
    }

    return XR_OK;
}


xr_rc_t
xr_keyset_parse(xr_str_t text, const xr_mem_t *mem, xr_keyset_t *set,
    xr_err_t *err)
{
    xr_rc_t  rc;

    memset(set, 0, sizeof(xr_keyset_t));

    rc = xr_keyset_read(text, mem, set, err);

    if (rc != XR_OK) {
        xr_keyset_free(set);
    }

    return rc;
}


void
xr_keyset_free(xr_keyset_t *set)
{
    size_t  i;

    for (i = 0; i < set->n; i++) {
        xr_hmac_free(set->keys[i].hmac);
    }

    xr_wipe(set, sizeof(xr_keyset_t));
}
