/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_PURGE_JOURNAL_H
#define XRW_PURGE_JOURNAL_H


#include <jansson.h>
#include <stdbool.h>


/*
 * A file that only grows, of a line of JSON for each thing that was done: it
 * is on the disk when a call returns.  Whoever rotates it renames it and has
 * the worker open it anew.
 */

typedef struct {
    int  fd;                        /* -1: there is none */
} xrw_purge_journal_t;


/* "path" may be NULL; false: it has been said why not. */
bool xrw_purge_journal_open(xrw_purge_journal_t *journal, const char *path);
void xrw_purge_journal_close(xrw_purge_journal_t *journal);

/* Takes "line". */
void xrw_purge_journal_write(xrw_purge_journal_t *journal, json_t *line);


#endif /* XRW_PURGE_JOURNAL_H */
