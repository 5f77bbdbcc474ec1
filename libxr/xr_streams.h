/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_STREAMS_H
#define XR_STREAMS_H


#include "xr.h"


/*
 * How many responses are under way, by tag (a keyed hash of whose they are):
 * a hash table of fixed size in the caller's memory, shared by processes,
 * without locks.  Each process counts in a column of its own, so that what
 * one that was killed has left behind can be cleared.  An entry is given to
 * another tag only while nothing is under way in it.
 */

#define XR_STREAMS_ENTRY_SIZE  64
#define XR_STREAMS_WAYS        8
#define XR_STREAMS_COLUMNS     24

typedef struct xr_streams_s  xr_streams_t;
typedef struct xr_stream_s   xr_stream_t;


/* As xr_memory_create(). */
xr_streams_t *xr_streams_create(void *p, size_t size);
size_t xr_streams_entries(const xr_streams_t *t);

/*
 * One more, in the column of this process; xr_streams_leave() takes it back.
 * XR_DENIED: there are "max" already.  XR_NO_SPACE: no entry is free; the
 * caller decides.
 */
xr_rc_t xr_streams_enter(xr_streams_t *t, uint64_t tag, size_t column,
    uint32_t max, xr_stream_t **out);
void xr_streams_leave(xr_stream_t *s, size_t column);

/* Clears a column: the process that counted there is gone. */
void xr_streams_clear(xr_streams_t *t, size_t column);


#endif /* XR_STREAMS_H */
