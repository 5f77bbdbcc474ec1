/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_LIMIT_WORDS_H
#define XR_LIMIT_WORDS_H


#include "xr_limit.h"


/* What the reading and the writing of limits share; for xr_limit*.c only. */

#define XR_LIMIT_KEYS      3
#define XR_LIMIT_MODES     2
#define XR_LIMIT_FAILURES  3

/* By the values of xr_limit_key_t and so on. */

extern const xr_str_t  xr_limit_keys[XR_LIMIT_KEYS];
extern const xr_str_t  xr_limit_modes[XR_LIMIT_MODES];
extern const xr_str_t  xr_limit_failures[XR_LIMIT_FAILURES];

/*
 * Whether "s" is made of what names are made of: a-z, 0-9 and "-", which is
 * not the first.
 */
bool xr_limit_plain(xr_str_t s);

/* The name of a limit that was given none: at most XR_LIMIT_NAME_MAX bytes. */
xr_rc_t xr_limit_make_name(const xr_limit_t *l, xr_buf_t *out);


#endif /* XR_LIMIT_WORDS_H */
