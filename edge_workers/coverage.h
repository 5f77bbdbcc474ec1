/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_COVERAGE_H
#define XRW_COVERAGE_H


#include "xr_select.h"

#include <jansson.h>


/*
 * What devices of a class, as they usually are, would be sent; as
 * xr_select().
 */
xr_rc_t xrw_coverage(const xr_manifest_t *m, xr_class_t class,
    xr_select_t *out);

/* {"h2": {"variant": "l0-ktx2", "reason": "fit"}, ...}: all classes. */
json_t *xrw_coverage_json(const xr_manifest_t *m);

/* "h2 h3": those that are sent the variant "id". */
#define XRW_COVERAGE_TEXT  96

void xrw_coverage_text(const xr_manifest_t *m, xr_str_t id,
    char text[XRW_COVERAGE_TEXT]);


#endif /* XRW_COVERAGE_H */
