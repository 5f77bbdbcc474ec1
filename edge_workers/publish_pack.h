/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_PUBLISH_PACK_H
#define XRW_PUBLISH_PACK_H


#include "place.h"
#include "upload.h"


/*
 * The part of publishing that is done by workers: jobs for what was uploaded,
 * and what comes out of them.
 */

typedef enum {
    XRW_PACKING_LOST = 0,               /* it is not known any more */
    XRW_PACKING_UNCHANGED,
    XRW_PACKING_UNDER_WAY,
    XRW_PACKING_DONE,
    XRW_PACKING_DEAD
} xrw_packing_state_t;


typedef struct xrw_packing_s  xrw_packing_t;

struct xrw_packing_s {
    xrw_packing_t        *next;
    const char           *key;
    const char           *type;
    const char           *url;          /* or NULL */
    char                  etag[XR_S3_ETAG_SIZE];
    uint64_t              size;
    char                  sha256[2 * XR_SHA256_SIZE + 1];

    char                  id[XR_JOB_ID_SIZE + 1];
    const char           *was;          /* queued, running, waiting */
    xrw_packing_state_t   state;
    bool                  sent;         /* the origin had another source */
    bool                  told;
    const char           *reason;       /* of the last failure; or NULL */
};


typedef struct {
    xrw_arena_t     *arena;
    xrw_target_t    *target;
    xrw_place_t      place;
    const char      *tenant;            /* name */
    const char      *preset;            /* NULL: the default */
    const char      *wait;
    bool             pack;              /* --pack, --no-pack */
    bool             no_pack;
    bool             no_wait;
    bool             again;
    bool             json;

    int64_t          seconds;           /* of "wait" */
    xrw_packing_t   *first;
    xrw_packing_t  **last;
} xrw_packs_t;

#define XRW_PACKS_OPTIONS  (XRW_PLACE_OPTIONS + 6)

size_t xrw_packs_options(xrw_packs_t *packs, xrw_option_t *options);

/* Where jobs go.  XRW_OK, or what to exit with. */
int xrw_packs_open(xrw_packs_t *packs, const xrw_command_t *cmd);
void xrw_packs_close(xrw_packs_t *packs);

/* Whether workers have anything to do for a file. */
bool xrw_packs_applies(const xrw_packs_t *packs, const char *key,
    uint64_t size);

/*
 * Looks at what the file is, and the origin has: "*there" is the very object,
 * out->state XRW_PACKING_UNCHANGED: its variants, too.  NULL, or what is
 * wrong.
 */
const char *xrw_packs_look(xrw_packs_t *packs, xrw_upload_t *u,
    xrw_packing_t **out, bool *there);

/* Has a worker make the variants of what the origin has by now. */
const char *xrw_packs_add(xrw_packs_t *packs, xrw_packing_t *packing);

/* Says what came out, of what is over. */
void xrw_packs_report(xrw_packs_t *packs, xrw_packing_t *packing);

/* Waits for all of them, and says what came out; XRW_OK or XRW_FAILED. */
int xrw_packs_wait(xrw_packs_t *packs);


#endif /* XRW_PUBLISH_PACK_H */
