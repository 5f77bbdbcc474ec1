/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_FILES_H
#define XRW_FILES_H


#include "arena.h"


/* Files to publish, and the keys they will have. */

typedef struct xrw_file_s  xrw_file_t;

struct xrw_file_s {
    xrw_file_t  *next;
    const char  *path;
    const char  *key;
};


typedef struct {
    xrw_file_t   *first;
    xrw_file_t  **last;
} xrw_files_t;


void xrw_files_init(xrw_files_t *files);

/*
 * Adds a file as PREFIX/NAME, or a folder's files as PREFIX/PATH with the path
 * inside of the folder; names that begin with "." are left out, symbolic links
 * inside of a folder are not followed.  What is no file's name may be a
 * pattern: * ? [...] {...}.  False: something was reported.
 */
bool xrw_files_add(xrw_arena_t *arena, xrw_files_t *files, const char *path,
    const char *prefix);

/* Adds one file under a key. */
void xrw_files_add_as(xrw_arena_t *arena, xrw_files_t *files,
    const char *path, const char *key);


#endif /* XRW_FILES_H */
