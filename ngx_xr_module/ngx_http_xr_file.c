/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"


#define NGX_HTTP_XR_FILE_MAX_SIZE  65536


/*
 * Reads a file of secrets at configuration time; "path" is set to its full
 * name.  One that others may read is refused: the secret is none then.
 */

ngx_int_t
ngx_http_xr_file_read(ngx_conf_t *cf, xr_str_t name, ngx_str_t *path,
    ngx_str_t *text)
{
    off_t            size;
    ssize_t          n;
    ngx_int_t        rc;
    ngx_uint_t       mode;
    ngx_file_t       file;
    ngx_file_info_t  fi;

    path->len = name.len;
    path->data = ngx_pnalloc(cf->pool, name.len + 1);
    if (path->data == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(path->data, name.data, name.len) = '\0';

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *path;
    file.log = cf->log;
    file.fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                            NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", path);
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (ngx_fd_info(file.fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", path);
        goto done;
    }

    size = ngx_file_size(&fi);

    if (!ngx_is_file(&fi) || size > NGX_HTTP_XR_FILE_MAX_SIZE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a regular file of at most %d bytes",
                           path, NGX_HTTP_XR_FILE_MAX_SIZE);
        goto done;
    }

    mode = ngx_file_access(&fi);

    if (mode & S_IRWXO) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" holds secrets but is open to everybody "
                           "(mode 0%ui%ui%ui), \"chmod o= %V\" closes it",
                           path, (mode >> 6) & 7, (mode >> 3) & 7, mode & 7,
                           path);
        goto done;
    }

    text->data = ngx_pnalloc(cf->temp_pool, (size_t) size + 1);
    if (text->data == NULL) {
        goto done;
    }

    n = ngx_read_file(&file, text->data, (size_t) size, 0);

    if (n != (ssize_t) size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, (n == NGX_ERROR) ? ngx_errno : 0,
                           ngx_read_file_n " \"%V\" failed", path);
        goto done;
    }

    text->len = (size_t) size;
    rc = NGX_OK;

done:

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", path);
    }

    return rc;
}
