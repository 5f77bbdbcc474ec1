/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "asset.h"
#include "cli.h"
#include "files.h"
#include "json.h"
#include "keys.h"
#include "publish_pack.h"
#include "sign.h"
#include "when.h"
#include "xr_mime.h"
#include "xr_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


#define XRW_PUBLISH_KEY_MAX  1024       /* S3's limit, in bytes */


typedef struct {
    xrw_target_flags_t  flags;
    const char         *prefix;
    const char         *as;
    const char         *cache_control;
    const char         *sign;
    bool                force;
    bool                json;

    xrw_arena_t        *arena;
    xrw_target_t        target;
    xrw_packs_t         packs;
    xr_keyset_t         keys;           /* empty: nothing is signed */
    xrw_base_t          base;
} xrw_publish_t;


/* What no edge would ever serve is not worth its upload. */

static const char *
xrw_publish_key(xrw_publish_t *p, xrw_arena_t *arena, const char *key)
{
    char      *path;
    size_t     len;
    xr_buf_t   buf;
    xr_err_t   err;

    len = strlen(key);

    if (len == 0 || key[len - 1] == '/') {
        return "its key has no name at the end";
    }

    if (xr_s3_key_size(p->target.s3, xr_str(key)) > XRW_PUBLISH_KEY_MAX) {
        return "its key is too long for S3";
    }

    path = xrw_alloc(arena, len * 3 + 2);
    buf = xr_buf(path, len * 3 + 1);
    xr_buf_putc(&buf, '/');
    xr_path_encode(xr_str(key), &buf);

    if (xr_path_check(xr_buf_str(&buf), &err) != XR_OK) {
        return xrw_format(arena, "an edge would not serve its key \"%s\": %s",
                          key, err.what);
    }

    return NULL;
}


/* The media type, and why the file should not be published; or NULL. */

static const char *
xrw_publish_type(xrw_arena_t *arena, int fd, uint64_t size, const char *key,
    const char **type)
{
    xr_str_t     s;
    const char  *dot, *name;

    s = xr_mime_type(xr_str(key));

    if (s.len > 0) {
        *type = xrw_text(arena, s);
        return xrw_asset_check(arena, fd, size, key);
    }

    *type = "application/octet-stream";

    name = strrchr(key, '/');
    name = (name != NULL) ? name + 1 : key;
    dot = strrchr(name, '.');

    return xrw_format(arena, "\"%s\" is no type that viewers are known to "
                      "load", dot != NULL ? dot : name);
}


static const char *
xrw_publish_url(xrw_publish_t *p, xrw_arena_t *arena, const char *key)
{
    char                *token, *path;
    xr_err_t             err;
    xr_edgeauth_spec_t   spec;

    if (p->keys.n == 0) {
        return NULL;
    }

    path = xrw_base_path(arena, &p->base, xr_str(key));
    spec = (xr_edgeauth_spec_t) { .url = xr_str(path), .escape = true };

    if (!xrw_when(p->sign, (int64_t) time(NULL), &spec.exp)) {
        return NULL;
    }

    token = xrw_token(arena, &spec, &p->keys.keys[0], &err);

    if (token == NULL) {
        (void) xrw_error("%s: not signed: %s", key, err.what);
        return NULL;
    }

    return xrw_sign_url(arena, p->base.site, xr_str(path), token,
                        XRW_FORM_QUERY, XRW_TOKEN_NAME);
}


/* Of what workers are at, too, JSON has one object: at the end. */

static void
xrw_publish_report(xrw_publish_t *p, xrw_arena_t *arena, const char *key,
    const xrw_upload_t *u, const char *etag, xrw_packing_t *packing)
{
    char         size[XRW_SIZE_TEXT];
    const char  *url;

    url = xrw_publish_url(p, arena, key);

    if (packing != NULL && p->json) {
        memcpy(packing->etag, etag, XR_S3_ETAG_SIZE);
        packing->url = (url != NULL) ? xrw_text(p->arena, xr_str(url)) : NULL;

    } else if (p->json) {
        xrw_json_line(u->key, (uint64_t) u->st.st_size, etag, "type",
                      u->meta.type, "url", url);

    } else {
        xrw_size((uint64_t) u->st.st_size, size);
        xrw_print(u->key);
        printf("  %s  %s  \"%s\"\n", size, u->meta.type, etag);

        if (url != NULL) {
            printf("  %s\n", url);
        }
    }

    /* so that a program reading along learns of each file at once */

    (void) fflush(stdout);
}


static const char *
xrw_publish_open(const char *path, int *fd, struct stat *st)
{
    /* a pipe would keep open() waiting */

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (*fd == -1 || fstat(*fd, st) == -1) {
        return strerror(errno);
    }

    return S_ISREG(st->st_mode) ? NULL : "is not a file";
}


static const char *
xrw_publish_upload(xrw_publish_t *p, xrw_upload_t *u, const char *path,
    char etag[XR_S3_ETAG_SIZE])
{
    const char      *why;
    xrw_progress_t   progress;

    xrw_progress_start(&progress, path, (uint64_t) u->st.st_size);
    xr_s3_set_progress(p->target.s3, xrw_progress_sent, &progress);
    u->progress = &progress;

    why = xrw_upload(u, etag);

    xr_s3_set_progress(p->target.s3, NULL, NULL);
    xrw_progress_end(&progress);

    return why;
}


static const char *
xrw_publish_send(xrw_publish_t *p, xrw_upload_t *u, const xrw_file_t *file)
{
    bool            there;
    char            etag[XR_S3_ETAG_SIZE];
    const char     *why;
    xrw_packing_t  *packing;

    there = false;
    packing = NULL;

    if (xrw_packs_applies(&p->packs, file->key, (uint64_t) u->st.st_size)) {
        why = xrw_packs_look(&p->packs, u, &packing, &there);

        if (why != NULL) {
            return why;
        }

        memcpy(etag, packing->etag, sizeof(etag));
    }

    if (!there) {
        why = xrw_publish_upload(p, u, file->path, etag);

        if (why != NULL) {
            return why;
        }
    }

    xrw_publish_report(p, u->arena, file->key, u, etag, packing);

    if (packing == NULL) {
        return NULL;
    }

    packing->sent = !there;

    if (packing->state == XRW_PACKING_UNDER_WAY) {
        why = xrw_packs_add(&p->packs, packing);

        if (why != NULL) {
            return why;
        }
    }

    if (packing->state == XRW_PACKING_UNCHANGED) {
        xrw_packs_report(&p->packs, packing);
    }

    return NULL;
}


static int
xrw_publish_file(xrw_publish_t *p, const xrw_file_t *file)
{
    int            fd;
    const char    *why, *doubt;
    xrw_arena_t    arena;
    xrw_upload_t   u;

    fd = -1;
    arena = (xrw_arena_t) { NULL };

    u = (xrw_upload_t) {
        .arena = &arena,
        .s3 = p->target.s3,
        .origin = &p->target.origin,
        .key = xr_str(file->key),
        .meta = { .cache_control = p->cache_control }
    };

    why = xrw_publish_open(file->path, &fd, &u.st);
    u.fd = fd;

    if (why == NULL) {
        why = xrw_publish_key(p, &arena, file->key);
    }

    if (why == NULL) {
        doubt = xrw_publish_type(&arena, fd, (uint64_t) u.st.st_size,
                                 file->key, &u.meta.type);

        if (doubt != NULL && p->force) {
            (void) xrw_error("%s: published although %s", file->path, doubt);

        } else if (doubt != NULL) {
            why = xrw_format(&arena, "%s; --force publishes it all the same",
                             doubt);
        }
    }

    if (why == NULL) {
        why = xrw_publish_send(p, &u, file);
    }

    if (why != NULL) {
        (void) xrw_error("%s: %s", file->path, why);
    }

    if (fd != -1) {
        (void) close(fd);
    }

    xrw_arena_free(&arena);

    return (why == NULL) ? XRW_OK : XRW_FAILED;
}


/* Keys and URL of the tenant, read before anything is sent. */

static int
xrw_publish_signer(xrw_publish_t *p)
{
    const char          *why;
    const xrw_tenant_t  *tenant;

    tenant = &p->target.tenant;

    if (tenant->keys == NULL || tenant->url == NULL) {
        return XRW_OK;
    }

    if (xrw_base_parse(p->arena, tenant->url, &p->base, &why) != XR_OK) {
        return xrw_error("url \"%s\": %s", tenant->url, why);
    }

    return (xrw_keys_file(p->arena, tenant->keys, &p->keys) == XR_OK)
           ? XRW_OK : XRW_FAILED;
}


static int
xrw_publish_files(xrw_publish_t *p, char **paths)
{
    int                status;
    xrw_files_t        files;
    const xrw_file_t  *file;

    status = XRW_OK;
    xrw_files_init(&files);

    if (p->as != NULL) {
        xrw_files_add_as(p->arena, &files, paths[0], p->as);
        paths++;
    }

    for ( /* void */ ; *paths != NULL; paths++) {
        if (!xrw_files_add(p->arena, &files, *paths, p->prefix)) {
            status = XRW_FAILED;
        }
    }

    for (file = files.first; file != NULL && xrw_stop == 0; file = file->next)
    {
        if (xrw_publish_file(p, file) != XRW_OK) {
            status = XRW_FAILED;
        }
    }

    if (xrw_stop != 0) {
        return xrw_error("interrupted; the same command continues a large "
                         "file where it stopped");
    }

    return (xrw_packs_wait(&p->packs) == XRW_OK) ? status : XRW_FAILED;
}


static int
xrw_publish_arguments(xrw_publish_t *p, const xrw_command_t *cmd, int argc)
{
    int64_t  expires;

    if (argc == 0) {
        return xrw_usage(cmd, "which FILE?");
    }

    if (p->as != NULL && (argc != 1 || p->prefix[0] != '\0')) {
        return xrw_usage(cmd, "--as names one FILE, without --prefix");
    }

    if (!xrw_when(p->sign, (int64_t) time(NULL), &expires)) {
        return xrw_usage(cmd, "--sign %s: not a time", p->sign);
    }

    if (p->cache_control != NULL
        && strpbrk(p->cache_control, "\r\n") != NULL)
    {
        return xrw_usage(cmd, "--cache-control: one line");
    }

    return XRW_OK;
}


static size_t
xrw_publish_options(xrw_publish_t *p, xrw_option_t *options)
{
    size_t  n;

    n = xrw_target_options(&p->flags, options);

    n += xrw_packs_options(&p->packs, options + n);

    options[n++] = (xrw_option_t) { "prefix", "KEY", XRW_OPTION_TEXT,
        &p->prefix, "in front of the names" };
    options[n++] = (xrw_option_t) { "as", "KEY", XRW_OPTION_TEXT, &p->as,
        "the whole key of a single FILE" };
    options[n++] = (xrw_option_t) { "force", NULL, XRW_OPTION_FLAG,
        &p->force, "what is not valid or of no known type, too" };
    options[n++] = (xrw_option_t) { "cache-control", "TEXT", XRW_OPTION_TEXT,
        &p->cache_control, "kept with the object" };
    options[n++] = (xrw_option_t) { "sign", "TIME", XRW_OPTION_TEXT,
        &p->sign, "until when the printed URLs are good (+1h)" };
    options[n++] = (xrw_option_t) { "json", NULL, XRW_OPTION_FLAG, &p->json,
        "one JSON object per file, sizes in bytes" };

    return n;
}


int
xrw_publish(const xrw_command_t *cmd, int argc, char **argv)
{
    int            status;
    size_t         n;
    xrw_arena_t    arena;
    xrw_option_t   options[XRW_TARGET_OPTIONS + XRW_PACKS_OPTIONS + 6];
    xrw_publish_t  p;

    memset(&p, 0, sizeof(p));
    p.prefix = "";
    p.sign = "+1h";

    n = xrw_publish_options(&p, options);

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    status = xrw_publish_arguments(&p, cmd, argc);

    if (status != XRW_OK) {
        return status;
    }

    xrw_stop_catch();

    arena = (xrw_arena_t) { NULL };
    p.arena = &arena;
    status = xrw_target_open(&arena, cmd, &p.flags, &p.target);

    if (status == XRW_OK) {
        p.packs.arena = &arena;
        p.packs.target = &p.target;
        p.packs.tenant = p.flags.name;
        p.packs.json = p.json;
        status = xrw_packs_open(&p.packs, cmd);
    }

    if (status == XRW_OK) {
        status = xrw_publish_signer(&p);
    }

    if (status == XRW_OK) {
        status = xrw_publish_files(&p, argv);
    }

    xr_keyset_wipe(&p.keys);
    xrw_packs_close(&p.packs);
    xrw_target_close(&p.target);
    xrw_arena_free(&arena);

    return status;
}
