/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_PACK_RUN_H
#define XRW_PACK_RUN_H


#include "arena.h"


/*
 * Packing as a process of its own, for who takes sources of others: "xr pack"
 * locks itself in, and is ended when it takes too long.
 */

typedef enum {
    XRW_PACK_DONE = 0,
    XRW_PACK_REFUSED,               /* the source is at fault: never again */
    XRW_PACK_FAILED,                /* something else is: later, perhaps */
    XRW_PACK_TIMEOUT                /* it took longer than it may */
} xrw_pack_outcome_t;


typedef struct {
    const char  *source;            /* a file; its name says its type */
    const char  *out;               /* a folder that is made if need be */
    const char  *preset;            /* NULL: "default" */
    const char  *presets;           /* file; NULL: the built-in ones */
    const char  *tools;             /* folder; NULL: beside the program */
    const char  *id;                /* of the manifest; NULL: by the source */
    unsigned     timeout;           /* seconds */
} xrw_pack_job_t;


typedef struct {
    xrw_pack_outcome_t   outcome;
    const char          *code;      /* "gltf.accessor"; "" when it is done */
    const char          *reason;    /* for people; likewise */
    xr_str_t             report;    /* what "xr pack --json" printed */
} xrw_pack_result_t;


/*
 * Waits until it is done; "result" is memory of the arena.  Unless it is
 * XRW_PACK_DONE there is no manifest in "out" that was not there before, and
 * what else there is may be removed.
 */
void xrw_pack_run(xrw_arena_t *arena, const xrw_pack_job_t *job,
    xrw_pack_result_t *result);


#endif /* XRW_PACK_RUN_H */
