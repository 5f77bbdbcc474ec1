/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "files.h"
#include "cli.h"

#include <errno.h>
#include <fts.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>


void
xrw_files_init(xrw_files_t *files)
{
    files->first = NULL;
    files->last = &files->first;
}


void
xrw_files_add_as(xrw_arena_t *arena, xrw_files_t *files, const char *path,
    const char *key)
{
    xrw_file_t  *file;

    file = xrw_alloc(arena, sizeof(xrw_file_t));
    file->path = xrw_text(arena, xr_str(path));
    file->key = xrw_text(arena, xr_str(key[0] == '/' ? key + 1 : key));

    *files->last = file;
    files->last = &file->next;
}


static void
xrw_files_add_below(xrw_arena_t *arena, xrw_files_t *files, const char *path,
    const char *prefix, const char *name)
{
    size_t  len;

    len = strlen(prefix);

    while (len > 0 && prefix[len - 1] == '/') {
        len--;
    }

    while (name[0] == '/') {
        name++;
    }

    xrw_files_add_as(arena, files, path,
                     len == 0 ? name
                     : xrw_format(arena, "%.*s/%s", (int) len, prefix, name));
}


static int
xrw_files_order(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}


/* One entry of a walk that began at a name of "root" bytes. */

static bool
xrw_files_entry(xrw_arena_t *arena, xrw_files_t *files, FTS *fts,
    FTSENT *entry, size_t root, const char *prefix)
{
    bool  named;

    named = (entry->fts_level == FTS_ROOTLEVEL);

    if (!named && entry->fts_name[0] == '.') {
        (void) fts_set(fts, entry, FTS_SKIP);
        return true;
    }

    switch (entry->fts_info) {

    case FTS_F:
        xrw_files_add_below(arena, files, entry->fts_path, prefix,
                            named ? entry->fts_name : entry->fts_path + root);
        return true;

    case FTS_D:
    case FTS_DP:
        return true;

    case FTS_SL:
    case FTS_SLNONE:
        (void) xrw_error("%s: is a symbolic link, not followed",
                         entry->fts_path);
        return false;

    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        (void) xrw_error("%s: %s", entry->fts_path,
                         strerror(entry->fts_errno));
        return false;

    default:
        (void) xrw_error("%s: is not a file", entry->fts_path);
        return false;
    }
}


static bool
xrw_files_walk(xrw_arena_t *arena, xrw_files_t *files, const char *path,
    const char *prefix)
{
    FTS     *fts;
    bool     ok;
    char    *roots[2];
    size_t   root;
    FTSENT  *entry;

    roots[0] = xrw_text(arena, xr_str(path));
    roots[1] = NULL;

    fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR,
                   xrw_files_order);

    if (fts == NULL) {
        (void) xrw_error("%s: %s", path, strerror(errno));
        return false;
    }

    ok = true;
    root = 0;

    while ((entry = fts_read(fts)) != NULL) {

        if (entry->fts_level == FTS_ROOTLEVEL) {
            root = entry->fts_pathlen;
        }

        if (!xrw_files_entry(arena, files, fts, entry, root, prefix)) {
            ok = false;
        }
    }

    (void) fts_close(fts);

    return ok;
}


/* Only what is no name is a pattern: names may have anything in them. */

bool
xrw_files_add(xrw_arena_t *arena, xrw_files_t *files, const char *path,
    const char *prefix)
{
    int          rc;
    bool         ok;
    glob_t       found;
    size_t       i;
    struct stat  st;

    if (strpbrk(path, "*?[{") == NULL || lstat(path, &st) == 0) {
        return xrw_files_walk(arena, files, path, prefix);
    }

    memset(&found, 0, sizeof(found));
    rc = glob(path, GLOB_BRACE, NULL, &found);
    ok = rc == 0;

    if (rc == GLOB_NOMATCH) {
        (void) xrw_error("%s: nothing matches", path);

    } else if (!ok) {
        (void) xrw_error("%s: %s", path, strerror(errno));
    }

    for (i = 0; rc == 0 && i < found.gl_pathc; i++) {
        if (!xrw_files_walk(arena, files, found.gl_pathv[i], prefix)) {
            ok = false;
        }
    }

    globfree(&found);

    return ok;
}
