/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_SHOW_H
#define XRW_SHOW_H


#include "judge.h"


/* "xr token show": what a credential says, and all that would refuse it. */

#define XRW_SHOW_MAX  32

typedef struct {
    xr_deny_t    deny;                  /* XR_DENY_NONE: could not be judged */
    const char  *words;
} xrw_show_reason_t;

typedef struct {
    xrw_judge_t        *j;
    size_t              n;
    xrw_show_reason_t   reasons[XRW_SHOW_MAX];
} xrw_show_t;


/* Lines of "NAME  VALUE", of values that are there. */

void xrw_show_text(const char *name, xr_str_t value);
void xrw_show_time(const xrw_show_t *show, const char *name, int64_t t);
void xrw_show_hex(const char *name, xr_str_t value);

/* Percent-escapes are resolved. */
void xrw_show_unescaped(const xrw_show_t *show, const char *name,
    xr_str_t value);


/*
 * Notes a reason, but not twice, and nothing for XR_DENY_NONE.  One about
 * what is not known of the request is noted as such.  "about" is the field
 * that is at fault; or NULL.
 */
void xrw_show_reason(xrw_show_t *show, xr_deny_t deny, const char *about);

/* Notes those that the times of a credential give. */
void xrw_show_reason_times(xrw_show_t *show, int64_t not_before,
    int64_t issued, int64_t expires);

void xrw_show_reasons(const xrw_show_t *show);


/* Each kind: prints its fields, and notes what refuses it but its signature. */

void xrw_show_edgeauth(xrw_show_t *show);
void xrw_show_jwt(xrw_show_t *show);
void xrw_show_cloudfront(xrw_show_t *show);


#endif /* XRW_SHOW_H */
