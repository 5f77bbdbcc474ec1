/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_EXPLAIN_H
#define XRW_EXPLAIN_H


#include "cli.h"
#include "json.h"
#include "signed.h"
#include "xr_select.h"


/* "xr explain": what an edge makes of a request, with the same code. */

typedef struct {
    xrw_list_t   headers;           /* "Name: value" */
    xrw_list_t   missing;           /* ids of variants */
    const char  *file;              /* of more headers */
    const char  *manifest;
    const char  *devices;
    const char  *path;              /* "yes", "no": tenant by host */
    const char  *tenant;
    const char  *subject;
    const char  *ip;
    const char  *name;              /* of the token's parameter and cookie */
    const char  *key;               /* that signs, for an edge */
    const char  *edge;              /* which one; NULL: as the URL says */
    bool         live;
    bool         trusted;
    bool         json;
} xrw_explain_flags_t;


/* A header line of the request, "name: value". */

typedef struct xrw_explain_line_s  xrw_explain_line_t;

struct xrw_explain_line_s {
    xrw_explain_line_t  *next;
    const char          *text;
};


typedef struct {
    xrw_arena_t                *arena;
    const xrw_explain_flags_t  *flags;

    xrw_signed_t                sent;
    size_t                      credentials;
    const char                 *place;      /* of the first; or NULL */
    xr_str_t                    tenant;     /* empty: not known */
    xr_str_t                    object;
    xr_str_t                    subject;    /* that a split goes by */
    const char                 *subject_by;

    xrw_explain_line_t         *lines;
    xr_str_t                    host;       /* of the headers; or empty */
    xr_device_input_t           in;
    xr_str_t                    accept_encoding;    /* no data: not sent */

    const xr_devices_t         *devices;
    xr_device_t                 device;
    xr_manifest_t               manifest;
    xr_select_wish_t            wish;
    bool                        part;

    json_t                     *out;
} xrw_explain_t;


/*
 * Reads URL, headers and credential: the parts "url" and "credential" of
 * "out".  XRW_OK, or what to exit with, as below.
 */
int xrw_explain_request(const xrw_command_t *cmd, const char *url,
    xrw_explain_t *e);

/* The parts "inputs", "device" and, if it depends on that, all others. */
int xrw_explain_choice(const xrw_command_t *cmd, xrw_explain_t *e);

/* All parts, as an edge says them of the same request. */
int xrw_explain_live(const xrw_command_t *cmd, const char *url,
    xrw_explain_t *e);

/* Prints objects as "name  value", arrays of objects as a line of each. */
void xrw_explain_print(json_t *out);


/*
 * The manifest in a file, as an image in memory of "arena".  XRW_OK, or it
 * has been reported as FILE:LINE.
 */
int xrw_explain_manifest(xrw_arena_t *arena, const char *path,
    xr_manifest_t *out);

/* Members that libxr writes: where, and then into "out", which has them. */
xr_buf_t xrw_explain_write(xrw_explain_t *e);
void xrw_explain_take(json_t *out, xr_buf_t *b);

/* Sets a member, text as JSON can hold it; long text is cut. */
void xrw_explain_text(json_t *object, const char *name, xr_str_t value);
void xrw_explain_uint(json_t *object, const char *name, uint64_t value);
json_t *xrw_explain_short(xr_str_t value);


#endif /* XRW_EXPLAIN_H */
