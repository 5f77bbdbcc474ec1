/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_geo_conf.h"


/* So many files are looked at, at least, each time. */

#define NGX_HTTP_XR_LOAD_PORTION  ((ngx_uint_t) 4096)


static ngx_int_t ngx_http_xr_load_check(ngx_http_xr_load_t *load,
    ngx_str_t *path, ngx_file_info_t *fi, size_t max);
static void ngx_http_xr_load_set(ngx_http_xr_watched_t *w,
    ngx_file_info_t *fi);
static void ngx_http_xr_load_look(ngx_http_xr_watched_t *w);
static ngx_uint_t ngx_http_xr_load_any_changed(ngx_http_xr_files_t *files);
static void ngx_http_xr_load_drop(ngx_http_xr_files_t *files);
static ngx_int_t ngx_http_xr_load_keep(ngx_http_xr_load_t *load,
    ngx_http_xr_files_t *files);
static int ngx_libc_cdecl ngx_http_xr_load_compare(const void *one,
    const void *two);
static void *ngx_http_xr_load_alloc(size_t size);
static void ngx_http_xr_load_free(void *p);


/* "cf" is given while the configuration is read, and says where. */

ngx_http_xr_load_t *
ngx_http_xr_load_create(ngx_http_xr_main_conf_t *xmcf, ngx_conf_t *cf,
    ngx_str_t *folder, ngx_log_t *log)
{
    ngx_pool_t          *pool;
    ngx_http_xr_load_t  *load;

    static const xr_table_memory_t  memory = {
        ngx_http_xr_load_alloc,
        ngx_http_xr_load_free
    };

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, log);
    if (pool == NULL) {
        return NULL;
    }

    load = ngx_pcalloc(pool, sizeof(ngx_http_xr_load_t));
    if (load == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    load->pool = pool;
    load->cf = cf;
    load->xmcf = xmcf;
    load->log = log;
    load->folder = *folder;
    load->tenant_pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, log);
    load->builder = xr_table_builder_create(&memory);

    if (load->tenant_pool == NULL
        || load->builder == NULL
        || ngx_array_init(&load->watched, pool, 8,
                          sizeof(ngx_http_xr_watched_t))
           != NGX_OK)
    {
        ngx_http_xr_load_destroy(load);
        return NULL;
    }

    return load;
}


void
ngx_http_xr_load_destroy(ngx_http_xr_load_t *load)
{
    xr_table_builder_free(load->builder);

    if (load->tenant_pool != NULL) {
        ngx_destroy_pool(load->tenant_pool);
    }

    ngx_destroy_pool(load->pool);
}


static void *
ngx_http_xr_load_alloc(size_t size)
{
    return ngx_alloc(size, ngx_cycle->log);
}


static void
ngx_http_xr_load_free(void *p)
{
    if (p != NULL) {
        ngx_free(p);
    }
}


/* An error of the configuration; later it is one of a file that changed. */

void
ngx_http_xr_load_error(ngx_http_xr_load_t *load, ngx_err_t err,
    const char *fmt, ...)
{
    u_char   *last;
    va_list   args;
    u_char    text[NGX_MAX_CONF_ERRSTR];

    va_start(args, fmt);
    last = ngx_vslprintf(text, text + NGX_MAX_CONF_ERRSTR, fmt, args);
    va_end(args);

    if (load->cf != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, load->cf, err, "%*s",
                           last - text, text);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, load->log, err, "xr: %*s", last - text, text);
}


/* The full name of a file that is named in the folder being read. */

ngx_int_t
ngx_http_xr_load_path(ngx_http_xr_load_t *load, xr_str_t name,
    ngx_str_t *path)
{
    path->len = name.len;
    path->data = ngx_pnalloc(load->pool, name.len + 1);
    if (path->data == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(path->data, name.data, name.len) = '\0';

    return ngx_get_full_name(load->pool, &load->folder, path);
}


/*
 * Reads a file, mostly of secrets, whose text the caller wipes.  Of these one
 * that others may read is refused: the secret is none then.
 */

ngx_int_t
ngx_http_xr_load_file(ngx_http_xr_load_t *load, ngx_str_t *path, size_t max,
    ngx_str_t *text)
{
    size_t           size;
    ssize_t          n;
    ngx_int_t        rc;
    ngx_file_t       file;
    ngx_file_info_t  fi;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *path;
    file.log = load->log;
    file.fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                            NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_http_xr_load_error(load, ngx_errno,
                               ngx_open_file_n " \"%V\" failed", path);
        (void) ngx_http_xr_load_note(load, path, NULL);
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (ngx_fd_info(file.fd, &fi) == NGX_FILE_ERROR) {
        ngx_http_xr_load_error(load, ngx_errno, ngx_fd_info_n " \"%V\" failed",
                               path);
        goto done;
    }

    if (ngx_http_xr_load_note(load, path, &fi) != NGX_OK
        || ngx_http_xr_load_check(load, path, &fi, max) != NGX_OK)
    {
        goto done;
    }

    size = (size_t) ngx_file_size(&fi);

    text->data = ngx_palloc(load->tenant_pool, size + 1);
    if (text->data == NULL) {
        goto done;
    }

    for (text->len = 0; text->len < size; text->len += n) {

        n = ngx_read_file(&file, text->data + text->len,
                          ngx_min(size - text->len, NGX_HTTP_XR_PIECE),
                          (off_t) text->len);

        if (n <= 0) {
            ngx_http_xr_load_error(load, (n == NGX_ERROR) ? ngx_errno : 0,
                                   ngx_read_file_n " \"%V\" failed", path);
            xr_wipe(text->data, text->len);
            goto done;
        }
    }

    rc = NGX_OK;

done:

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, load->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", path);
    }

    return rc;
}


static ngx_int_t
ngx_http_xr_load_check(ngx_http_xr_load_t *load, ngx_str_t *path,
    ngx_file_info_t *fi, size_t max)
{
    ngx_uint_t  mode;

    if (!ngx_is_file(fi) || ngx_file_size(fi) > (off_t) max) {
        ngx_http_xr_load_error(load, 0, "\"%V\" is not a regular file of at "
                               "most %uz bytes", path, max);
        return NGX_ERROR;
    }

    mode = ngx_file_access(fi);

    if (!load->open && (mode & S_IRWXO)) {
        ngx_http_xr_load_error(load, 0, "\"%V\" holds secrets but is open to "
                               "everybody (mode 0%ui%ui%ui), \"chmod o= %V\" "
                               "closes it", path, (mode >> 6) & 7,
                               (mode >> 3) & 7, mode & 7, path);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* What a file was like when it was read; "fi" is NULL if it was not there. */

ngx_int_t
ngx_http_xr_load_note(ngx_http_xr_load_t *load, ngx_str_t *path,
    ngx_file_info_t *fi)
{
    ngx_http_xr_watched_t  *w;

    w = ngx_array_push(&load->watched);
    if (w == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(w, sizeof(ngx_http_xr_watched_t));

    w->path = *path;

    if (fi != NULL) {
        load->modified = ngx_file_mtime(fi);
        ngx_http_xr_load_set(w, fi);
    }

    return NGX_OK;
}


/*
 * The change time is noted, too, so that a file that was written in place, or
 * opened to us, is another one.
 */

static void
ngx_http_xr_load_set(ngx_http_xr_watched_t *w, ngx_file_info_t *fi)
{
    w->ino = fi->st_ino;
    w->size = fi->st_size;
    w->ctime = fi->st_ctim;
}


static void
ngx_http_xr_load_look(ngx_http_xr_watched_t *w)
{
    ngx_file_info_t  fi;

    if (ngx_file_info(w->path.data, &fi) == NGX_FILE_ERROR) {
        ngx_memzero(&fi, sizeof(ngx_file_info_t));
    }

    ngx_http_xr_load_set(w, &fi);
}


/* Whether a file is another one than it was. */

ngx_uint_t
ngx_http_xr_load_changed(ngx_http_xr_watch_t *watch)
{
    return ngx_http_xr_load_any_changed(&watch->read)
           || ngx_http_xr_load_any_changed(&watch->tried);
}


/* A fifth of them at a time: all within five looks, which is a second. */

static ngx_uint_t
ngx_http_xr_load_any_changed(ngx_http_xr_files_t *files)
{
    ngx_uint_t              i, n;
    ngx_http_xr_watched_t  *w, now;

    w = files->list.elts;

    n = ngx_max(files->list.nelts / 5 + 1, NGX_HTTP_XR_LOAD_PORTION);
    n = ngx_min(files->list.nelts, n);

    for (i = 0; i < n; i++) {

        if (files->next >= files->list.nelts) {
            files->next = 0;
        }

        now = w[files->next];
        ngx_http_xr_load_look(&now);

        if (now.ino != w[files->next].ino
            || now.size != w[files->next].size
            || now.ctime.tv_sec != w[files->next].ctime.tv_sec
            || now.ctime.tv_nsec != w[files->next].ctime.tv_nsec)
        {
            return 1;
        }

        files->next++;
    }

    return 0;
}


/*
 * What is to be watched after an attempt.  One that failed may not have come
 * to all files: those of the last good one stay, as they are now, so that it
 * is not tried again before something changes.
 */

ngx_int_t
ngx_http_xr_load_watch(ngx_http_xr_load_t *load, ngx_http_xr_watch_t *watch,
    ngx_int_t rc)
{
    ngx_uint_t              i;
    ngx_http_xr_watched_t  *w;

    if (rc == NGX_OK) {
        ngx_http_xr_load_drop(&watch->tried);

        return ngx_http_xr_load_keep(load, &watch->read);
    }

    w = watch->read.list.elts;

    for (i = 0; i < watch->read.list.nelts; i++) {
        ngx_http_xr_load_look(&w[i]);
    }

    return ngx_http_xr_load_keep(load, &watch->tried);
}


void
ngx_http_xr_load_forget(ngx_http_xr_watch_t *watch)
{
    ngx_http_xr_load_drop(&watch->read);
    ngx_http_xr_load_drop(&watch->tried);
}


static void
ngx_http_xr_load_drop(ngx_http_xr_files_t *files)
{
    if (files->list.pool != NULL) {
        ngx_destroy_pool(files->list.pool);
    }

    ngx_memzero(files, sizeof(ngx_http_xr_files_t));
}


/* By name; of the same name the one that was read first. */

static int ngx_libc_cdecl
ngx_http_xr_load_compare(const void *one, const void *two)
{
    const ngx_http_xr_watched_t *a = one;
    const ngx_http_xr_watched_t *b = two;

    return ngx_strcmp(a->path.data, b->path.data);
}


/*
 * A copy of the list in a pool of its own, in the place of an older one.  Many
 * tenants may name one file, which is watched once.
 */

static ngx_int_t
ngx_http_xr_load_keep(ngx_http_xr_load_t *load, ngx_http_xr_files_t *files)
{
    u_char                 *p;
    ngx_uint_t              i;
    ngx_pool_t             *pool;
    ngx_array_t             list;
    ngx_http_xr_watched_t  *w, *new;

    /* a log that lives as long as the configuration that is being read */

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE,
                           (load->cf != NULL) ? &load->cf->cycle->new_log
                                              : load->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    w = load->watched.elts;

    ngx_qsort(w, load->watched.nelts, sizeof(ngx_http_xr_watched_t),
              ngx_http_xr_load_compare);

    if (ngx_array_init(&list, pool, 16, sizeof(ngx_http_xr_watched_t))
        != NGX_OK)
    {
        goto failed;
    }

    for (i = 0; i < load->watched.nelts; i++) {

        if (i > 0 && ngx_http_xr_load_compare(&w[i - 1], &w[i]) == 0) {
            continue;
        }

        new = ngx_array_push(&list);
        p = ngx_pnalloc(pool, w[i].path.len + 1);

        if (new == NULL || p == NULL) {
            goto failed;
        }

        *new = w[i];
        new->path.data = p;
        *ngx_cpymem(p, w[i].path.data, w[i].path.len) = '\0';
    }

    ngx_http_xr_load_drop(files);
    files->list = list;

    return NGX_OK;

failed:

    ngx_destroy_pool(pool);

    return NGX_ERROR;
}
