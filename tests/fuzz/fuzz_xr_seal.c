/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_seal.h"


/* There is one way to write what was read. */

static void
check_again(const xr_seal_t *seal, xr_str_t text)
{
    uint8_t   memory[XR_SEAL_MAX_SIZE];
    xr_buf_t  b;

    b = xr_buf(memory, sizeof(memory));

    xr_buf_puts(&b, "xr-tenants-signature 1\nserial ");
    xr_buf_uint(&b, seal->serial);
    xr_buf_puts(&b, "\nsha256 ");
    xr_buf_hex(&b, xr_str_of(seal->sha256, sizeof(seal->sha256)));
    xr_buf_puts(&b, "\n");
    assert(xr_str_eq(seal->text, xr_buf_str(&b)));

    xr_buf_puts(&b, "ed25519 ");
    xr_buf_base64url(&b, xr_str_of(seal->signature,
                                   sizeof(seal->signature)));
    xr_buf_puts(&b, "\n");

    assert(xr_buf_ok(&b) && xr_str_eq(text, xr_buf_str(&b)));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xr_rc_t    rc;
    xr_err_t   err;
    xr_str_t   text;
    xr_seal_t  seal;

    text = xr_fuzz_copy(data, size);
    err.what = NULL;

    rc = xr_seal_parse(text, &seal, &err);

    if (rc == XR_OK) {
        assert(xr_fuzz_within(seal.text, text));
        assert(seal.serial > 0 && seal.serial <= XR_SEAL_MAX_SERIAL);
        check_again(&seal, text);

    } else {
        assert(rc == XR_INVALID);
        assert(err.what != NULL && err.pos <= text.len);
    }

    free((void *) (uintptr_t) text.data);

    return 0;
}
