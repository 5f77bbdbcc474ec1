/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_IO_H
#define XRW_IO_H


#include "arena.h"

#include <sys/stat.h>


/* Reads exactly "len" bytes at "pos"; NULL, or what is wrong. */
const char *xrw_io_read(int fd, void *out, size_t len, uint64_t pos);

/* Writes all of it at the end of what was written; or errno says why not. */
bool xrw_io_write(int fd, xr_str_t text);

/* Brings the names in the folder of "path" to the disk. */
bool xrw_io_sync_folder(xrw_arena_t *arena, const char *path);

/*
 * Reads a file, of a longer one its first "max" bytes, into memory of "arena";
 * false: it has been reported why not.
 */
bool xrw_io_text(xrw_arena_t *arena, const char *path, size_t max,
    xr_str_t *out);

/* Makes the folders that lead to the file "path". */
bool xrw_io_folders(const char *path);

/*
 * Replaces the file "path", which nobody else may read, so that a reader sees
 * the old text or the new one.
 */
bool xrw_io_replace(xrw_arena_t *arena, const char *path, xr_str_t text);

/*
 * As above, for a file that the group reads, too: that of the file before,
 * where this user may say so.  It is on the disk when this returns.  "st" is
 * what our file is like, whatever has its name by then.
 */
bool xrw_io_replace_shared(xrw_arena_t *arena, const char *path,
    xr_str_t text, struct stat *st);


#endif /* XRW_IO_H */
