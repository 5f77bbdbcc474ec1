/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_DEVICES_COMPILE_H
#define XR_DEVICES_COMPILE_H


#include "xr_devices_image.h"
#include "xr_json.h"


/* A table while its text is read. */

typedef struct {
    xr_devices_builder_t  b;
    const uint8_t        *text;
    xr_err_t             *err;
    bool                  base;
    unsigned              classes;      /* bits of those that were given */
} xr_devices_compile_t;


typedef xr_rc_t (*xr_devices_member_pt)(xr_devices_compile_t *c,
    const xr_json_t *name, const xr_json_t *value, void *data);


xr_rc_t xr_devices_compile_fail(xr_devices_compile_t *c, const xr_json_t *at,
    const char *what);
xr_rc_t xr_devices_compile_result(xr_devices_compile_t *c, const xr_json_t *at,
    const char *wrong);
xr_rc_t xr_devices_compile_object(xr_devices_compile_t *c,
    const xr_json_t *object, xr_devices_member_pt member, void *data);
xr_rc_t xr_devices_compile_text(xr_devices_compile_t *c, const xr_json_t *v,
    size_t max, xr_str_t *out);
xr_rc_t xr_devices_compile_number(xr_devices_compile_t *c, const xr_json_t *v,
    int64_t min, int64_t max, int64_t *out);
xr_rc_t xr_devices_compile_class(xr_devices_compile_t *c, const xr_json_t *v,
    xr_class_t *out);
xr_rc_t xr_devices_compile_bits(xr_devices_compile_t *c, const xr_json_t *list,
    xr_rc_t (*bit_of)(xr_str_t name, uint32_t *bit), uint32_t *out);

/* A rule with its conditions, into the builder. */
xr_rc_t xr_devices_rule_compile(xr_devices_compile_t *c, const xr_json_t *v);


#endif /* XR_DEVICES_COMPILE_H */
