/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_buf.h"
#include "xr_credentials.h"


/* The first line is the profile that is wanted, the rest is the file. */


static void
check_value(xr_str_t value, xr_str_t text)
{
    size_t  i;

    assert(xr_fuzz_within(value, text));

    for (i = 0; i < value.len; i++) {
        assert(value.data[i] > 0x20 && value.data[i] < 0x7f);
    }
}


/* The plainest file with the same values reads as the same. */

static void
check_again(const xr_credentials_t *c)
{
    uint8_t           memory[8192];
    xr_buf_t          b;
    xr_credentials_t  again;

    b = xr_buf(memory, sizeof(memory));

    xr_buf_puts(&b, "[x]\naws_session_token=");
    xr_buf_put(&b, c->session_token);
    xr_buf_puts(&b, "\naws_secret_access_key=");
    xr_buf_put(&b, c->secret_key);
    xr_buf_puts(&b, "\naws_access_key_id=");
    xr_buf_put(&b, c->access_key);

    assert(xr_buf_ok(&b));
    assert(xr_credentials_parse(xr_buf_str(&b), xr_str("x"), &again, NULL)
           == XR_OK);

    assert(xr_str_eq(again.access_key, c->access_key));
    assert(xr_str_eq(again.secret_key, c->secret_key));
    assert(xr_str_eq(again.session_token, c->session_token));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xr_rc_t           rc;
    xr_err_t          err;
    xr_str_t          text, profile;
    xr_credentials_t  c;

    text = xr_str_of(data, size);
    profile = xr_str_cut(&text, '\n');
    text = xr_fuzz_copy(text.data, text.len);
    err.what = NULL;

    rc = xr_credentials_parse(text, profile, &c, &err);

    if (rc == XR_OK) {
        assert(c.access_key.len > 0 && c.secret_key.len > 0);

        check_value(c.access_key, text);
        check_value(c.secret_key, text);
        check_value(c.session_token, text);
        check_again(&c);

    } else {
        assert(rc == XR_INVALID || rc == XR_NOT_FOUND);
        assert(err.what != NULL && err.pos <= text.len);
    }

    xr_fuzz_free(text);

    return 0;
}
