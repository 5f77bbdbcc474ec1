/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_geo_conf.h"


/*
 * The database of countries.  The operator's file is never mapped, as whoever
 * shortens it would end us: a copy without a name is read, and made into an
 * image that is published as that of tenants is.
 */

#define NGX_HTTP_XR_GEO_MAX_SIZE  ((off_t) 2 << 30)

/* Seconds, when memory or the disk was full. */

#define NGX_HTTP_XR_GEO_RETRY     5


static ngx_int_t ngx_http_xr_geo_load(ngx_http_xr_load_t *load,
    xr_str_t *image);
static ngx_int_t ngx_http_xr_geo_read(ngx_http_xr_load_t *load,
    ngx_file_t *file, xr_str_t *image);
static ngx_int_t ngx_http_xr_geo_copy(ngx_http_xr_load_t *load,
    ngx_file_t *file, ngx_fd_t copy, ngx_file_info_t *before);
static ngx_int_t ngx_http_xr_geo_build(ngx_http_xr_load_t *load,
    ngx_fd_t copy, size_t size, xr_str_t *image);
static ngx_http_xr_image_t *ngx_http_xr_geo_first(ngx_http_xr_geo_t *geo,
    xr_str_t view, ngx_log_t *log);
static ngx_http_xr_image_t *ngx_http_xr_geo_former(ngx_http_xr_geo_t *geo,
    ngx_log_t *log);
static void ngx_http_xr_geo_watch_age(ngx_http_xr_geo_t *geo,
    ngx_log_t *log);


ngx_http_xr_geo_t *
ngx_http_xr_geo_create(ngx_conf_t *cf)
{
    ngx_http_xr_geo_t  *geo;

    geo = ngx_pcalloc(cf->pool, sizeof(ngx_http_xr_geo_t));

    if (geo != NULL) {
        geo->edge = XR_LOCATION_UNKNOWN;
    }

    return geo;
}


/* xr_geo file [max_age=time]; what the file holds is not looked at here. */

char *
ngx_http_xr_geo_database(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    ngx_str_t          *value, s;
    ngx_http_xr_geo_t  *geo;

    geo = xmcf->geo;

    if (geo->file.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "has an empty file name";
    }

    geo->file = value[1];

    if (ngx_conf_full_name(cf->cycle, &geo->file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[2].data, "max_age=", 8) == 0) {
        s.data = value[2].data + 8;
        s.len = value[2].len - 8;

        geo->max_age = ngx_parse_time(&s, 1);

        if (geo->max_age != (time_t) NGX_ERROR && geo->max_age > 0) {
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\": it is max_age=TIME",
                       &value[2]);

    return NGX_CONF_ERROR;
}


/* xr_geo_edge latitude,longitude | region; */

char *
ngx_http_xr_geo_edge(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    ngx_str_t  *value;

    if (xmcf->geo->edge.lat != XR_LOCATION_NONE) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (xr_location_parse(ngx_http_xr_view(&value[1]), &xmcf->geo->edge)
        != XR_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid location \"%V\": it is "
                           "LATITUDE,LONGITUDE in degrees, or the name of an "
                           "AWS region", &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/*
 * Before workers start.  A database that is no good keeps nobody from
 * starting: that of the configuration before stays, or no country is known.
 */

ngx_int_t
ngx_http_xr_geo_init(ngx_cycle_t *cycle, ngx_http_xr_main_conf_t *xmcf)
{
    ngx_int_t             rc;
    xr_str_t              view;
    ngx_http_xr_geo_t    *geo;
    ngx_http_xr_load_t   *load;
    ngx_http_xr_image_t  *image;

    geo = xmcf->geo;

    if (geo->file.len == 0) {
        return NGX_OK;
    }

    load = ngx_http_xr_load_create(xmcf, NULL, &cycle->conf_prefix,
                                   cycle->log);
    if (load == NULL) {
        return NGX_ERROR;
    }

    image = NULL;
    rc = ngx_http_xr_geo_load(load, &view);

    if (rc == NGX_OK) {
        image = ngx_http_xr_geo_first(geo, view, cycle->log);
    }

    geo->again = (rc == NGX_AGAIN || (rc == NGX_OK && image == NULL));
    geo->live.shared->failed = (image == NULL);

    if (image == NULL) {
        image = ngx_http_xr_geo_former(geo, cycle->log);

        ngx_log_error(NGX_LOG_ERR, cycle->log, 0, "xr: %s",
                      (image != NULL)
                      ? "the database of countries is that of before"
                      : "there is no database of countries: no country is "
                        "known by an address");
    }

    if (image == NULL) {
        image = ngx_pcalloc(cycle->pool, sizeof(ngx_http_xr_image_t));
        if (image == NULL) {
            ngx_http_xr_load_destroy(load);
            return NGX_ERROR;
        }

        image->refs = 1;
    }

    geo->live.current = image;
    geo->live.shared->modified = (ngx_atomic_uint_t) image->u.geo.built;

    rc = ngx_http_xr_load_watch(load, &geo->watch, rc);

    ngx_http_xr_load_destroy(load);

    return rc;
}


/* The image that workers start with: as a mapping, it goes as others do. */

static ngx_http_xr_image_t *
ngx_http_xr_geo_first(ngx_http_xr_geo_t *geo, xr_str_t view, ngx_log_t *log)
{
    void                 *addr;
    ngx_http_xr_image_t  *image;

    image = ngx_calloc(sizeof(ngx_http_xr_image_t), log);

    addr = mmap(NULL, view.len, PROT_READ|PROT_WRITE,
                MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    if (addr == MAP_FAILED) {
        ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                      "mmap(%uz) failed", view.len);

    } else if (image != NULL) {
        ngx_memcpy(addr, view.data, view.len);

        image->refs = 1;
        image->addr = addr;
        image->size = view.len;

        if (geo->live.open(xr_str_of(addr, view.len), image) == NGX_OK) {
            ngx_free((void *) view.data);
            return image;
        }
    }

    if (addr != MAP_FAILED) {
        (void) munmap(addr, view.len);
    }

    if (image != NULL) {
        ngx_free(image);
    }

    ngx_free((void *) view.data);

    return NULL;
}


/* What the configuration before has of the same file; NULL: nothing. */

static ngx_http_xr_image_t *
ngx_http_xr_geo_former(ngx_http_xr_geo_t *geo, ngx_log_t *log)
{
    ngx_http_xr_geo_t        *old;
    ngx_http_xr_image_t      *image;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_is_init_cycle(ngx_cycle)
           ? NULL : ngx_http_xr_process_conf((ngx_cycle_t *) ngx_cycle);

    if (xmcf == NULL) {
        return NULL;
    }

    old = xmcf->geo;

    if (old->file.len != geo->file.len
        || ngx_memcmp(old->file.data, geo->file.data, geo->file.len) != 0
        || old->live.current == NULL)
    {
        return NULL;
    }

    image = ngx_http_xr_live_acquire(&old->live, log);

    if (image->addr == NULL) {
        ngx_http_xr_live_release(image);
        return NULL;
    }

    return image;
}


/* The image of the file, in memory that the caller frees. */

static ngx_int_t
ngx_http_xr_geo_load(ngx_http_xr_load_t *load, xr_str_t *image)
{
    ngx_int_t           rc;
    ngx_file_t          file;
    ngx_http_xr_geo_t  *geo;

    geo = load->xmcf->geo;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = geo->file;
    file.log = load->log;
    file.fd = ngx_open_file(geo->file.data,
                            NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                            NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_http_xr_load_error(load, ngx_errno,
                               ngx_open_file_n " \"%V\" failed", &geo->file);
        (void) ngx_http_xr_load_note(load, &geo->file, NULL);
        return NGX_ERROR;
    }

    rc = ngx_http_xr_geo_read(load, &file, image);

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, load->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &geo->file);
    }

    return rc;
}


static ngx_int_t
ngx_http_xr_geo_read(ngx_http_xr_load_t *load, ngx_file_t *file,
    xr_str_t *image)
{
    ngx_fd_t         copy;
    ngx_int_t        rc;
    ngx_file_info_t  fi;

    if (ngx_fd_info(file->fd, &fi) == NGX_FILE_ERROR) {
        ngx_http_xr_load_error(load, ngx_errno,
                               ngx_fd_info_n " \"%V\" failed", &file->name);
        return NGX_ERROR;
    }

    if (ngx_http_xr_load_note(load, &file->name, &fi) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ngx_is_file(&fi) || ngx_file_size(&fi) == 0
        || ngx_file_size(&fi) > NGX_HTTP_XR_GEO_MAX_SIZE)
    {
        ngx_http_xr_load_error(load, 0, "\"%V\" is not a regular file of 1 to "
                               "%O bytes", &file->name,
                               NGX_HTTP_XR_GEO_MAX_SIZE);
        return NGX_ERROR;
    }

    copy = memfd_create("xr_geo", MFD_CLOEXEC);

    if (copy == NGX_INVALID_FILE) {
        ngx_http_xr_load_error(load, ngx_errno, "memfd_create() failed");
        return NGX_AGAIN;
    }

    rc = ngx_http_xr_geo_copy(load, file, copy, &fi);

    if (rc == NGX_OK) {
        rc = ngx_http_xr_geo_build(load, copy, (size_t) ngx_file_size(&fi),
                                   image);
    }

    (void) ngx_close_file(copy);

    return rc;
}


/* NGX_AGAIN: it is not the fault of the file. */

static ngx_int_t
ngx_http_xr_geo_copy(ngx_http_xr_load_t *load, ngx_file_t *file,
    ngx_fd_t copy, ngx_file_info_t *before)
{
    u_char           *p;
    off_t             done;
    ssize_t           n;
    ngx_file_info_t   fi;

    p = ngx_palloc(load->pool, NGX_HTTP_XR_PIECE);
    if (p == NULL) {
        return NGX_AGAIN;
    }

    for (done = 0; done < ngx_file_size(before); done += n) {

        n = ngx_read_file(file, p, NGX_HTTP_XR_PIECE, done);

        if (n <= 0) {
            break;
        }

        if (ngx_write_fd(copy, p, n) != n) {
            ngx_http_xr_load_error(load, ngx_errno,
                                   "a copy of \"%V\" cannot be made",
                                   &file->name);
            return NGX_AGAIN;
        }
    }

    if (done != ngx_file_size(before)
        || ngx_fd_info(file->fd, &fi) == NGX_FILE_ERROR
        || fi.st_ctim.tv_sec != before->st_ctim.tv_sec
        || fi.st_ctim.tv_nsec != before->st_ctim.tv_nsec)
    {
        ngx_http_xr_load_error(load, 0, "\"%V\" changes while it is read: a "
                               "new one is to be renamed into its place",
                               &file->name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_geo_build(ngx_http_xr_load_t *load, ngx_fd_t copy, size_t size,
    xr_str_t *image)
{
    void           *addr;
    xr_rc_t         rc;
    xr_err_t        err;
    xr_geo_info_t   info;
    u_char          path[sizeof("/proc/self/fd/") + NGX_INT_T_LEN];

    *ngx_sprintf(path, "/proc/self/fd/%d", copy) = '\0';

    addr = mmap(NULL, size, PROT_READ, MAP_SHARED, copy, 0);

    if (addr == MAP_FAILED) {
        ngx_http_xr_load_error(load, ngx_errno, "mmap(%uz) failed", size);
        return NGX_AGAIN;
    }

    rc = xr_geo_build((char *) path, xr_str_of(addr, size), image, &info,
                      &err);

    (void) munmap(addr, size);

    if (rc != XR_OK) {
        ngx_http_xr_load_error(load, 0, "\"%V\": %s", &load->xmcf->geo->file,
                               err.what);
        return (rc == XR_NO_SPACE) ? NGX_AGAIN : NGX_ERROR;
    }

    load->modified = (time_t) info.built;

    ngx_log_error(NGX_LOG_NOTICE, load->log, 0,
                  "xr: \"%V\" is %s of %T, IPv%ui, %uD nodes, %uD places",
                  &load->xmcf->geo->file, info.type, (time_t) info.built,
                  (ngx_uint_t) info.ip_version, info.nodes, info.records);

    return NGX_OK;
}


/* In the manager process, likewise ngx_http_xr_tenants_check(). */

void
ngx_http_xr_geo_check(ngx_http_xr_main_conf_t *xmcf, ngx_log_t *log)
{
    ngx_int_t                   rc;
    xr_str_t                    image;
    ngx_http_xr_geo_t          *geo;
    ngx_http_xr_load_t         *load;
    ngx_http_xr_live_shared_t  *shared;

    geo = xmcf->geo;

    if (geo->file.len == 0) {
        return;
    }

    shared = geo->live.shared;
    shared->checked = ngx_time();

    ngx_http_xr_geo_watch_age(geo, log);

    if (ngx_time() < geo->retry
        || (!geo->again && !ngx_http_xr_load_changed(&geo->watch)))
    {
        return;
    }

    load = ngx_http_xr_load_create(xmcf, NULL,
                                   (ngx_str_t *) &ngx_cycle->conf_prefix, log);
    if (load == NULL) {
        return;
    }

    rc = ngx_http_xr_geo_load(load, &image);

    if (rc == NGX_OK) {

        if (ngx_http_xr_live_publish(&geo->live, image, log) != NGX_OK) {
            rc = NGX_AGAIN;
        }

        ngx_free((void *) image.data);
    }

    geo->again = (rc == NGX_AGAIN);

    if (rc == NGX_AGAIN) {
        geo->retry = ngx_time() + NGX_HTTP_XR_GEO_RETRY;

    } else {
        (void) ngx_http_xr_load_watch(load, &geo->watch, rc);
    }

    if (rc == NGX_OK) {
        shared->modified = (ngx_atomic_uint_t) load->modified;
    }

    ngx_http_xr_load_destroy(load);

    (void) ngx_atomic_fetch_add((rc == NGX_OK) ? &shared->loads
                                               : &shared->failures, 1);
    shared->failed = (rc != NGX_OK);

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "xr: the database of countries is that of before");
    }
}


/* Said once for each database that becomes too old. */

static void
ngx_http_xr_geo_watch_age(ngx_http_xr_geo_t *geo, ngx_log_t *log)
{
    time_t      age;
    ngx_uint_t  old;

    age = ngx_time() - (time_t) geo->live.shared->modified;
    old = geo->max_age != 0 && geo->live.shared->modified != 0
          && age > geo->max_age;

    if (old && !geo->old) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "xr: \"%V\" is %T seconds old, more than max_age: no "
                      "country is known by it", &geo->file, age);
    }

    geo->old = old;
}
