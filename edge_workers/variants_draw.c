/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "variants.h"
#include "io.h"
#include "task_run.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>


#define XRW_VARIANTS_INSTALLED  "/usr/share/ngx_xr/viewer"
#define XRW_VARIANTS_TIME       1800    /* seconds */
#define XRW_VARIANTS_SIZE       (UINT64_C(256) * 1024 * 1024)
#define XRW_VARIANTS_ARGS       (XR_MANIFEST_VARIANTS + 5)
#define XRW_VARIANTS_TEXT       (32 * 1024 * 1024)


/* The viewer: beside the program, or installed. */

static const char *
xrw_variants_viewer(xrw_arena_t *arena)
{
    char         path[PATH_MAX], *slash;
    ssize_t      n;
    const char  *script;

    n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    slash = strrchr(path, '/');

    if (slash != NULL) {
        slash[0] = '\0';
        script = xrw_format(arena, "%s/viewer/thumbnails.mjs", path);

        if (access(script, R_OK) == 0) {
            return script;
        }
    }

    return XRW_VARIANTS_INSTALLED "/thumbnails.mjs";
}


/* A program by PATH: what runs it takes no other way. */

static const char *
xrw_variants_program(xrw_arena_t *arena, const char *name)
{
    xr_str_t     rest, folder;
    const char  *env, *path;

    env = getenv("PATH");

    for (rest = xr_str(env != NULL ? env : "/usr/bin:/bin"); rest.len > 0; ) {
        folder = xr_str_cut(&rest, ':');
        path = xrw_format(arena, "%.*s/%s", (int) folder.len,
                          (const char *) folder.data, name);

        if (folder.len > 0 && path[0] == '/' && access(path, X_OK) == 0) {
            return path;
        }
    }

    return NULL;
}


/* The file of a variant, fetched where it is not here; NULL: there is none. */

static const char *
xrw_variants_file(xrw_variants_t *v, const xr_manifest_variant_t *variant,
    const char *dir, size_t i)
{
    int          fd;
    char         path[PATH_MAX], etag[XR_S3_ETAG_SIZE];
    size_t       size;
    xr_rc_t      rc;
    xr_buf_t     name;
    uint64_t     got;
    const char  *file;

    if (v->folder != NULL) {
        file = xrw_format(v->arena, "%s/%.*s", v->folder,
                          (int) variant->path.len,
                          (const char *) variant->path.data);
        return (realpath(file, path) != NULL)
               ? xrw_text(v->arena, xr_str(path)) : NULL;
    }

    size = v->object.len + XR_MANIFEST_PATH_MAX + 16;
    name = xr_buf(xrw_alloc(v->arena, size), size);
    xr_manifest_variant_name(v->object, variant, XR_ENCODING_IDENTITY, &name);

    file = xrw_format(v->arena, "%s/%zu.glb", dir, i);
    fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd == -1) {
        return NULL;
    }

    rc = xr_s3_get(v->s3, xr_buf_str(&name), NULL, fd, XRW_VARIANTS_SIZE,
                   &got, etag);
    (void) close(fd);

    if (rc != XR_OK) {
        (void) xrw_error("%.*s: %s", (int) xr_buf_str(&name).len,
                         (const char *) xr_buf_str(&name).data,
                         xr_s3_error(v->s3));
        return NULL;
    }

    return file;
}


static void
xrw_variants_started(void *ctx, pid_t group)
{
    (void) ctx;
    (void) group;
}


/* A line for each of "which"; those that are empty could not be drawn. */

static void
xrw_variants_take(xrw_variants_t *v, const char *file, const size_t *which,
    size_t n, const char **pictures)
{
    size_t    i;
    xr_str_t  text, line;

    if (access(file, R_OK) == -1
        || !xrw_io_text(v->arena, file, XRW_VARIANTS_TEXT, &text))
    {
        return;
    }

    for (i = 0; i < n && text.len > 0; i++) {
        line = xr_str_cut(&text, '\n');

        /* it goes into a page as it is */

        if (xr_str_starts(line, xr_str("data:image/png;base64,"))
            && xr_str_find(line, '"') == line.len
            && xr_str_find(line, '<') == line.len)
        {
            pictures[which[i]] = xrw_text(v->arena, line);
        }
    }
}


/* The last line that it said to standard error; or what is known otherwise. */

static const char *
xrw_variants_why(xrw_variants_t *v, const char *errors, const xrw_ran_t *ran)
{
    xr_str_t  text, line, last;

    last = xr_str(ran->late ? "it took too long" : "it said nothing");

    if (!ran->late && xrw_io_text(v->arena, errors, XRW_RUN_LINE, &text)) {

        while (text.len > 0) {
            line = xr_str_trim(xr_str_cut(&text, '\n'));
            last = (line.len > 0) ? line : last;
        }
    }

    return xrw_text(v->arena, last);
}


static void
xrw_variants_draw(xrw_variants_t *v, const char *node, const char *script,
    const char *dir, const char **pictures)
{
    size_t                  i, n, which[XR_MANIFEST_VARIANTS];
    xrw_run_t               run;
    xrw_ran_t               ran;
    const char             *argv[XRW_VARIANTS_ARGS], *out, *file;
    xr_manifest_variant_t   variant;

    out = xrw_format(v->arena, "%s/pictures", dir);
    argv[0] = node;
    argv[1] = script;
    argv[2] = out;
    n = 0;

    for (i = 0; i < v->manifest.n; i++) {

        if (!xr_manifest_variant(&v->manifest, i, &variant)
            || !xr_str_ends(variant.path, xr_str(".glb")))
        {
            continue;
        }

        file = xrw_variants_file(v, &variant, dir, i);

        if (file != NULL) {
            argv[3 + n] = file;
            which[n++] = i;
        }
    }

    argv[3 + n] = NULL;

    if (n == 0) {
        return;
    }

    run = (xrw_run_t) {
        .argv = argv, .dir = dir,
        .errors = xrw_format(v->arena, "%s/errors", dir),
        .timeout = XRW_VARIANTS_TIME, .cpu = XRW_VARIANTS_TIME,
        .memory = INT64_MAX, .file_size = XRW_VARIANTS_TEXT * 8LL,
        .started = xrw_variants_started
    };

    if (!xrw_task_run(&run, &ran)) {
        (void) xrw_error("no pictures: %s: %s", node, strerror(errno));
        return;
    }

    if (ran.late || !WIFEXITED(ran.status) || WEXITSTATUS(ran.status) != 0) {
        (void) xrw_error("no pictures: %s",
                         xrw_variants_why(v, run.errors, &ran));
        return;
    }

    xrw_variants_take(v, out, which, n, pictures);
}


/* Whatever a browser has left, too. */

static int
xrw_variants_unlink(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;

    (void) remove(path);

    return 0;
}


const char **
xrw_variants_pictures(xrw_variants_t *v)
{
    char         *dir;
    const char   *script, *node, *tmp, **pictures;

    pictures = xrw_alloc(v->arena, XR_MANIFEST_VARIANTS * sizeof(char *));
    script = xrw_variants_viewer(v->arena);
    node = xrw_variants_program(v->arena, "node");

    if (node == NULL || xrw_variants_program(v->arena, "chromium") == NULL
        || access(script, R_OK) == -1)
    {
        (void) xrw_error("no pictures: %s is not there",
                         node == NULL ? "node"
                         : access(script, R_OK) == -1 ? script : "chromium");
        return pictures;
    }

    tmp = getenv("TMPDIR");
    dir = xrw_format(v->arena, "%s/xr-variants-XXXXXX",
                     tmp != NULL && tmp[0] == '/' ? tmp : "/tmp");

    if (mkdtemp(dir) == NULL) {
        (void) xrw_error("no pictures: %s: %s", dir, strerror(errno));
        return pictures;
    }

    xrw_variants_draw(v, node, script, dir, pictures);
    (void) nftw(dir, xrw_variants_unlink, 16, FTW_DEPTH | FTW_PHYS);

    return pictures;
}
