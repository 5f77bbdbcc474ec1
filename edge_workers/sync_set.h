/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_SYNC_SET_H
#define XRW_SYNC_SET_H


#include "sync_source.h"
#include "xr_buf.h"


/*
 * All sources of a configuration, each at work until the set is closed.  NULL:
 * it has been said what is wrong with the configuration.
 */
xrw_sync_set_t *xrw_sync_set_open(const char *path);

/* Ends what is under way; NULL is allowed. */
void xrw_sync_set_close(xrw_sync_set_t *set);

/* Readable when something has changed, which this takes note of. */
void xrw_sync_set_read(xrw_sync_set_t *set);

/*
 * A token of this tenant names a key that is not known: whoever has its keys
 * looks soon, if that was not too often of late.
 */
void xrw_sync_set_wake(xrw_sync_set_t *set, xr_str_t tenant);

/* Whether each source has looked once, and whether all is well with them. */
bool xrw_sync_set_looked(xrw_sync_set_t *set, bool *ok);

/* NULL, or what is wrong, in "text". */
const char *xrw_sync_set_health(xrw_sync_set_t *set, char *text, size_t size);

void xrw_sync_set_metrics(xrw_sync_set_t *set, xr_buf_t *out);


#endif /* XRW_SYNC_SET_H */
