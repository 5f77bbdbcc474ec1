/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_credentials.h"

#include <string.h>


/*
 * Larger than anything AWS hands out.  The bounds keep what is signed within
 * the signer's buffers, so that a file is refused and not its requests.
 */

#define XR_CREDENTIALS_KEY_MAX    128
#define XR_CREDENTIALS_TOKEN_MAX  4096


typedef struct {
    xr_str_t          text;
    xr_str_t          profile;
    bool              any;              /* a profile has begun */
    bool              chosen;           /* it is the one that is wanted */
    bool              found;
    size_t            pos;              /* of the wanted profile */
    xr_credentials_t  out;
} xr_credentials_state_t;


static size_t
xr_credentials_pos(const xr_credentials_state_t *st, xr_str_t at)
{
    return (size_t) (at.data - st->text.data);
}


/* A value is sent in headers: visible ASCII, nothing else. */

static const char *
xr_credentials_fault(xr_str_t value, size_t max, size_t *at)
{
    size_t  i;

    *at = 0;

    if (value.len > max) {
        return "the value is too long";
    }

    for (i = 0; i < value.len; i++) {

        if (value.data[i] <= 0x20 || value.data[i] >= 0x7f) {
            *at = i;
            return "the value holds a space, a control character or one "
                   "outside ASCII";
        }
    }

    return NULL;
}


static xr_rc_t
xr_credentials_value(const xr_credentials_state_t *st, xr_str_t value,
    size_t max, xr_str_t *out, xr_err_t *err)
{
    size_t       pos, at;
    const char  *what;

    pos = xr_credentials_pos(st, value);

    if (out->data != NULL) {
        return xr_fail(err, XR_INVALID, pos, "the key stands twice in the "
                       "profile");
    }

    what = xr_credentials_fault(value, max, &at);

    if (what != NULL) {
        return xr_fail(err, XR_INVALID, pos + at, what);
    }

    *out = value;

    return XR_OK;
}


static xr_rc_t
xr_credentials_setting(xr_credentials_state_t *st, xr_str_t line,
    xr_err_t *err)
{
    xr_str_t  name, value;

    if (xr_str_find(line, '=') == line.len) {
        return xr_fail(err, XR_INVALID, xr_credentials_pos(st, line),
                       "the line is no [profile], no comment and no "
                       "\"key = value\"");
    }

    value = line;
    name = xr_str_trim(xr_str_cut(&value, '='));
    value = xr_str_trim(value);

    if (name.len == 0) {
        return xr_fail(err, XR_INVALID, xr_credentials_pos(st, line),
                       "the line has a value without a key");
    }

    if (!st->any) {
        return xr_fail(err, XR_INVALID, xr_credentials_pos(st, line),
                       "the line stands before the first [profile]");
    }

    if (!st->chosen) {
        return XR_OK;
    }

    if (xr_str_eq_nocase(name, xr_str("aws_access_key_id"))) {
        return xr_credentials_value(st, value, XR_CREDENTIALS_KEY_MAX,
                                    &st->out.access_key, err);
    }

    if (xr_str_eq_nocase(name, xr_str("aws_secret_access_key"))) {
        return xr_credentials_value(st, value, XR_CREDENTIALS_KEY_MAX,
                                    &st->out.secret_key, err);
    }

    if (xr_str_eq_nocase(name, xr_str("aws_session_token"))) {
        return xr_credentials_value(st, value, XR_CREDENTIALS_TOKEN_MAX,
                                    &st->out.session_token, err);
    }

    return XR_OK;
}


static xr_rc_t
xr_credentials_section(xr_credentials_state_t *st, xr_str_t line,
    xr_err_t *err)
{
    size_t    pos;
    xr_str_t  name;

    pos = xr_credentials_pos(st, line);

    if (line.len < 2 || line.data[line.len - 1] != ']') {
        return xr_fail(err, XR_INVALID, pos, "the line starts with \"[\" and "
                       "does not end with \"]\"");
    }

    name = xr_str_trim(xr_str_of(line.data + 1, line.len - 2));

    st->any = true;
    st->chosen = xr_str_eq(name, st->profile);

    if (st->chosen) {

        if (st->found) {
            return xr_fail(err, XR_INVALID, pos, "the profile stands twice in "
                           "the file");
        }

        st->found = true;
        st->pos = pos;
    }

    return XR_OK;
}


static xr_rc_t
xr_credentials_line(xr_credentials_state_t *st, xr_str_t line, xr_err_t *err)
{
    line = xr_str_trim(line);

    if (line.len == 0 || line.data[0] == '#' || line.data[0] == ';') {
        return XR_OK;
    }

    if (line.data[0] == '[') {
        return xr_credentials_section(st, line, err);
    }

    return xr_credentials_setting(st, line, err);
}


xr_rc_t
xr_credentials_parse(xr_str_t text, xr_str_t profile, xr_credentials_t *out,
    xr_err_t *err)
{
    xr_rc_t                 rc;
    xr_str_t                rest;
    xr_credentials_state_t  st;

    memset(&st, 0, sizeof(st));

    st.text = text;
    st.profile = profile;

    rest = text;

    while (rest.len > 0) {
        rc = xr_credentials_line(&st, xr_str_cut(&rest, '\n'), err);

        if (rc != XR_OK) {
            return rc;
        }
    }

    if (!st.found) {
        return xr_fail(err, XR_NOT_FOUND, text.len, "the file has no such "
                       "profile");
    }

    if (st.out.access_key.len == 0) {
        return xr_fail(err, XR_INVALID, st.pos, "the profile has no "
                       "aws_access_key_id");
    }

    if (st.out.secret_key.len == 0) {
        return xr_fail(err, XR_INVALID, st.pos, "the profile has no "
                       "aws_secret_access_key");
    }

    *out = st.out;

    return XR_OK;
}


xr_rc_t
xr_credentials_check(const xr_credentials_t *c, xr_err_t *err)
{
    size_t       i, at;
    const char  *what;

    const xr_str_t  values[] = {
        c->access_key, c->secret_key, c->session_token
    };

    for (i = 0; i < XR_COUNT(values); i++) {

        if (i < 2 && values[i].len == 0) {
            return xr_fail(err, XR_INVALID, i, "the value is empty");
        }

        what = xr_credentials_fault(values[i],
                                    i < 2 ? XR_CREDENTIALS_KEY_MAX
                                          : XR_CREDENTIALS_TOKEN_MAX, &at);

        if (what != NULL) {
            return xr_fail(err, XR_INVALID, i, what);
        }
    }

    return XR_OK;
}
