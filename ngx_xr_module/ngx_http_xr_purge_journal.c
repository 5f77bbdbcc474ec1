/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"


/*
 * The journal of what was purged.  It is replaced as a whole, by another file
 * of the same name, and grows at its end: whoever appends looks first whether
 * the file that it has open is the one that counts.
 */

/* Bytes that it may grow by, and what it had, before it is written anew. */

#define NGX_HTTP_XR_PURGE_GROWTH  (1024 * 1024)


static ngx_int_t ngx_http_xr_purge_journal_read(ngx_http_xr_purge_t *purge,
    ngx_fd_t fd, ngx_uint_t *good, ngx_log_t *log);
static ngx_int_t ngx_http_xr_purge_journal_replay(ngx_http_xr_purge_t *purge,
    xr_str_t text, ngx_uint_t *good, ngx_log_t *log);
static ngx_int_t ngx_http_xr_purge_journal_write(ngx_http_xr_purge_t *purge,
    ngx_log_t *log);
static size_t ngx_http_xr_purge_journal_fill(ngx_http_xr_purge_t *purge,
    ngx_fd_t fd);
static ngx_int_t ngx_http_xr_purge_journal_put(ngx_fd_t fd, xr_buf_t *b);


/* While the configuration is read, for a zone that is new or the file is. */

ngx_int_t
ngx_http_xr_purge_journal_open(ngx_http_xr_purge_t *purge, ngx_log_t *log)
{
    ngx_fd_t    fd;
    ngx_int_t   rc;
    ngx_uint_t  good;

    good = 0;
    rc = NGX_OK;

    if (xr_purge_last(purge->table) == 0) {

        fd = ngx_open_file(purge->path.data, NGX_FILE_RDONLY, NGX_FILE_OPEN,
                           0);

        if (fd != NGX_INVALID_FILE) {
            rc = ngx_http_xr_purge_journal_read(purge, fd, &good, log);

            if (ngx_close_file(fd) == NGX_FILE_ERROR) {
                ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                              ngx_close_file_n " \"%V\" failed", &purge->path);
            }

        } else if (ngx_errno == NGX_ENOENT) {
            rc = ngx_http_xr_purge_journal_replay(purge, xr_str_of(NULL, 0),
                                                  &good, log);

        } else {
            ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                          ngx_open_file_n " \"%V\" failed", &purge->path);
            return NGX_ERROR;
        }
    }

    /* a test changes nothing, as others may be using it */

    return (rc == NGX_OK && !good && !ngx_test_config)
           ? ngx_http_xr_purge_journal_write(purge, log) : rc;
}


static ngx_int_t
ngx_http_xr_purge_journal_read(ngx_http_xr_purge_t *purge, ngx_fd_t fd,
    ngx_uint_t *good, ngx_log_t *log)
{
    size_t           size, len;
    u_char          *text;
    ssize_t          n;
    ngx_int_t        rc;
    ngx_file_info_t  fi;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || ngx_is_dir(&fi)) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "\"%V\" is not a file", &purge->path);
        return NGX_ERROR;
    }

    size = (size_t) ngx_file_size(&fi);

    text = ngx_alloc(size + 1, log);
    if (text == NULL) {
        return NGX_ERROR;
    }

    for (len = 0; len < size; len += (size_t) n) {
        n = ngx_read_fd(fd, text + len, size - len);

        if (n <= 0) {
            break;
        }
    }

    rc = ngx_http_xr_purge_journal_replay(purge, xr_str_of(text, len), good,
                                          log);
    ngx_free(text);

    return rc;
}


/*
 * "*good" is set where there is nothing to repair.  Of what cannot be read
 * nobody knows what it purged: all is purged then.
 */

static ngx_int_t
ngx_http_xr_purge_journal_replay(ngx_http_xr_purge_t *purge, xr_str_t text,
    ngx_uint_t *good, ngx_log_t *log)
{
    u_char              key[XR_SIPHASH_KEY_SIZE];
    ngx_time_t         *tp;
    xr_purge_record_t   record;
    xr_purge_replay_t   replay;

    ngx_memzero(&replay, sizeof(xr_purge_replay_t));

    if (text.len == 0
        || xr_purge_journal_replay(purge->table, text, &replay) != XR_OK)
    {
        if (xr_random(key, sizeof(key)) != XR_OK) {
            ngx_log_error(NGX_LOG_EMERG, log, 0,
                          "no random numbers for a key");
            return NGX_ERROR;
        }

        xr_purge_set_key(purge->table, key);
        replay.damaged = (text.len != 0);
    }

    *good = (text.len != 0 && replay.damaged == 0 && !replay.torn);
    purge->shared->written = text.len;
    purge->shared->compacted = text.len;

    if (replay.torn) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "xr: \"%V\" has no end, its last line is left out",
                      &purge->path);
    }

    if (replay.damaged != 0) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "xr: \"%V\" is damaged, %uz lines cannot be read: all "
                      "that is stored is purged", &purge->path, replay.damaged);

        tp = ngx_timeofday();

        xr_purge_record(purge->table,
                        xr_purge_next(purge->table,
                                      (int64_t) tp->sec * 1000 + tp->msec),
                        0, XR_PURGE_ALL, false, xr_str_of(NULL, 0), &record);
        xr_purge_put(purge->table, &record);
    }

    return NGX_OK;
}


/* Another file of the same name: the old one stays until that is complete. */

static ngx_int_t
ngx_http_xr_purge_journal_write(ngx_http_xr_purge_t *purge, ngx_log_t *log)
{
    size_t    size;
    ngx_fd_t  fd;
    u_char    name[NGX_MAX_PATH];

    *ngx_snprintf(name, NGX_MAX_PATH - 1, "%V.new", &purge->path) = '\0';

    (void) ngx_delete_file(name);

    fd = ngx_open_file(name, NGX_FILE_WRONLY, O_CREAT|O_EXCL, 0600);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_open_file_n " \"%s\" failed", name);
        return NGX_ERROR;
    }

    size = ngx_http_xr_purge_journal_fill(purge, fd);

    if (size == 0
        || (geteuid() == 0 && fchown(fd, purge->core->user, (gid_t) -1) == -1)
        || fsync(fd) == -1
        || ngx_rename_file(name, purge->path.data) == NGX_FILE_ERROR)
    {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "\"%V\" cannot be written", &purge->path);
        (void) ngx_delete_file(name);
        (void) ngx_close_file(fd);

        return NGX_ERROR;
    }

    (void) ngx_close_file(fd);

    purge->shared->written = size;
    purge->shared->compacted = size;
    (void) ngx_atomic_fetch_add(&purge->shared->journal, 1);

    return NGX_OK;
}


/* Bytes that were written; 0: not all were. */

static size_t
ngx_http_xr_purge_journal_fill(ngx_http_xr_purge_t *purge, ngx_fd_t fd)
{
    size_t              i, size;
    xr_buf_t            b;
    xr_purge_record_t   record;
    u_char              text[64 * XR_PURGE_LINE_SIZE];

    i = 0;
    size = 0;
    b = xr_buf(text, sizeof(text));

    xr_purge_journal_head(purge->table, &b);

    while (xr_purge_journal_next(purge->table, &i, &record)) {

        if (b.size - b.len < XR_PURGE_LINE_SIZE) {
            size += b.len;

            if (ngx_http_xr_purge_journal_put(fd, &b) != NGX_OK) {
                return 0;
            }
        }

        xr_purge_journal_line(purge->table, &record, &b);
    }

    size += b.len;

    return (ngx_http_xr_purge_journal_put(fd, &b) == NGX_OK) ? size : 0;
}


static ngx_int_t
ngx_http_xr_purge_journal_put(ngx_fd_t fd, xr_buf_t *b)
{
    ssize_t  n;

    n = ngx_write_fd(fd, b->data, b->len);

    if (n < 0 || (size_t) n != b->len) {
        return NGX_ERROR;
    }

    b->len = 0;

    return NGX_OK;
}


/* Under the mutex: one write for all records of an order. */

ngx_int_t
ngx_http_xr_purge_journal_append(ngx_http_xr_purge_t *purge,
    xr_purge_record_t *records, size_t n, ngx_log_t *log)
{
    size_t     i, size;
    u_char    *text;
    xr_buf_t   b;
    ngx_int_t  rc;

    if (purge->fd != NGX_INVALID_FILE
        && purge->journal != purge->shared->journal)
    {
        (void) ngx_close_file(purge->fd);
        purge->fd = NGX_INVALID_FILE;
    }

    if (purge->fd == NGX_INVALID_FILE) {
        purge->journal = purge->shared->journal;
        purge->fd = ngx_open_file(purge->path.data, NGX_FILE_APPEND,
                                  NGX_FILE_OPEN, 0);
    }

    size = n * XR_PURGE_LINE_SIZE;
    text = (purge->fd != NGX_INVALID_FILE) ? ngx_alloc(size, log) : NULL;

    if (text == NULL) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "xr: " ngx_open_file_n " \"%V\" failed", &purge->path);
        return NGX_ERROR;
    }

    b = xr_buf(text, size);

    for (i = 0; i < n; i++) {
        xr_purge_journal_line(purge->table, &records[i], &b);
    }

    rc = ngx_http_xr_purge_journal_put(purge->fd, &b);

    if (rc == NGX_OK) {
        purge->shared->written += size;

    } else {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "xr: " ngx_write_fd_n " to \"%V\" failed", &purge->path);
    }

    ngx_free(text);

    return rc;
}


/* In the manager process, now and then: one that has grown is written anew. */

void
ngx_http_xr_purge_journal_manage(ngx_http_xr_purge_t *purge, ngx_log_t *log)
{
    ngx_slab_pool_t             *slab;
    ngx_http_xr_purge_shared_t  *shared;

    shared = purge->shared;

    if (shared == NULL
        || shared->written < 2 * shared->compacted + NGX_HTTP_XR_PURGE_GROWTH)
    {
        return;
    }

    slab = (ngx_slab_pool_t *) purge->zone->shm.addr;

    ngx_shmtx_lock(&slab->mutex);

    if (ngx_http_xr_purge_journal_write(purge, log) != NGX_OK) {
        shared->compacted = shared->written;    /* not again and again */
    }

    ngx_shmtx_unlock(&slab->mutex);
}
