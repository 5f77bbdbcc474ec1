/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_slice.h"


/*
 * Slices that were read from the cache not long ago: their files stay open for
 * a while, with what their headers say.  As long as it is known which version
 * an object has, its slices are sent from here without a subrequest, and
 * without asking the file system for anything but bytes.
 *
 * A file that has been changed since, or has lost its name, is not used any
 * more.  And the cache has to see that a slice is in use, so each one is looked
 * up there again when its time is over.
 */

#define NGX_HTTP_XR_FILES         256
#define NGX_HTTP_XR_FILES_MAX     65536
#define NGX_HTTP_XR_FILE_LINES    16

/* Milliseconds: of an open file, and before it yields to another one. */

#define NGX_HTTP_XR_FILE_VALID    10000
#define NGX_HTTP_XR_FILE_IN_USE   1000


/* An object's header line, and how NGINX has it put into a response. */

typedef struct {
    ngx_table_elt_t                h;
    ngx_http_upstream_header_t    *header;      /* NULL: as it is */
} ngx_http_xr_file_line_t;


/* One allocation, with what the lines point to. */

struct ngx_http_xr_slice_file_s {
    u_char                         object[XR_SIPHASH_SIZE];
    uint64_t                       number;
    uint64_t                       tag;
    ngx_uint_t                     refs;        /* the table's, and of those
                                                   who read it */
    ngx_msec_t                     opened;
    ngx_msec_t                     used;
    ngx_fd_t                       fd;
    ngx_str_t                      name;
    off_t                          size;
    struct timespec                changed;     /* its contents */
    off_t                          body_start;
    time_t                         last_modified;
    time_t                         expires;     /* as a version that is known,
                                                   if it is a root */
    uint32_t                       says;        /* of freshness, hashed */
    ngx_str_t                      values;      /* of the lines */
    ngx_uint_t                     nlines;
    ngx_http_xr_file_line_t        lines[NGX_HTTP_XR_FILE_LINES];
};


/* A slice has one place, of which its number is part: neighbours differ. */

struct ngx_http_xr_slice_files_s {
    ngx_event_t                    event;
    ngx_connection_t               dummy;
    ngx_uint_t                     n;
    ngx_http_xr_slice_file_t      *places[1];
};


/* What a request holds of the slice that it is sent. */

struct ngx_http_xr_slice_held_s {
    ngx_http_xr_slice_file_t      *slice;
    ngx_file_t                     file;
    ngx_buf_t                      buf;
};


static ngx_http_xr_slice_file_t **ngx_http_xr_file_place(
    ngx_http_xr_slice_files_t *files, ngx_http_xr_slice_t *s, uint64_t number);
static ngx_http_xr_slice_file_t *ngx_http_xr_file_find(ngx_http_xr_slice_t *s,
    uint64_t number);
static ngx_http_xr_slice_file_t *ngx_http_xr_file_create(
    ngx_http_request_t *r);
static size_t ngx_http_xr_file_size(ngx_http_request_t *r);
static void ngx_http_xr_file_lines(ngx_http_request_t *r,
    ngx_http_xr_slice_file_t *file, u_char *p);
static ngx_uint_t ngx_http_xr_file_line_ok(ngx_http_request_t *r,
    ngx_table_elt_t *h);
static void ngx_http_xr_file_unref(ngx_http_xr_slice_file_t *file);
static void ngx_http_xr_file_expire(ngx_event_t *ev);
static ngx_int_t ngx_http_xr_file_hold(ngx_http_xr_slice_t *s,
    ngx_http_xr_slice_file_t *file);
static ngx_uint_t ngx_http_xr_file_is_same(ngx_http_xr_slice_file_t *file);
static void ngx_http_xr_file_release(void *data);


/* xr_open_slices number | off; */

char *
ngx_http_xr_slice_file_conf(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (xmcf->open_slices != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        xmcf->open_slices = 0;
        return NGX_CONF_OK;
    }

    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > NGX_HTTP_XR_FILES_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number \"%V\": it is \"off\", or from 1 to "
                           "%d", &value[1], NGX_HTTP_XR_FILES_MAX);
        return NGX_CONF_ERROR;
    }

    xmcf->open_slices = n;

    return NGX_CONF_OK;
}


/* In a worker. */

ngx_int_t
ngx_http_xr_slice_file_process(ngx_http_xr_main_conf_t *xmcf, ngx_log_t *log)
{
    ngx_uint_t                  n;
    ngx_http_xr_slice_files_t  *files;

    n = (xmcf->open_slices == NGX_CONF_UNSET_UINT) ? NGX_HTTP_XR_FILES
                                                   : xmcf->open_slices;
    if (!xmcf->slices || n == 0) {
        return NGX_OK;
    }

    files = ngx_calloc(sizeof(ngx_http_xr_slice_files_t)
                       + n * sizeof(ngx_http_xr_slice_file_t *), log);
    if (files == NULL) {
        return NGX_ERROR;
    }

    files->n = n;
    files->dummy.fd = (ngx_socket_t) -1;
    files->dummy.data = files;
    files->event.handler = ngx_http_xr_file_expire;
    files->event.data = &files->dummy;
    files->event.log = log;
    files->event.cancelable = 1;

    xmcf->files = files;

    return NGX_OK;
}


/* The hash of an object is made with a secret: nobody can choose a place. */

static ngx_http_xr_slice_file_t **
ngx_http_xr_file_place(ngx_http_xr_slice_files_t *files,
    ngx_http_xr_slice_t *s, uint64_t number)
{
    uint64_t  n;

    ngx_memcpy(&n, s->object, sizeof(n));

    return &files->places[(n + number) % files->n];
}


/* One that is open, or NULL. */

static ngx_http_xr_slice_file_t *
ngx_http_xr_file_find(ngx_http_xr_slice_t *s, uint64_t number)
{
    ngx_http_xr_main_conf_t   *xmcf;
    ngx_http_xr_slice_file_t  *file;

    xmcf = ngx_http_get_module_main_conf(s->request, ngx_http_xr_module);

    file = (xmcf->files != NULL)
           ? *ngx_http_xr_file_place(xmcf->files, s, number) : NULL;

    if (file == NULL
        || file->number != number
        || file->tag != s->version.tag
        || ngx_memcmp(file->object, s->object, XR_SIPHASH_SIZE) != 0
        || ngx_current_msec - file->opened >= NGX_HTTP_XR_FILE_VALID)
    {
        return NULL;
    }

    file->used = ngx_current_msec;

    return file;
}


/* A slice has been found in the cache, and is what it should be. */

void
ngx_http_xr_slice_file_keep(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    ngx_http_xr_slice_t        *s;
    ngx_http_xr_main_conf_t    *xmcf;
    ngx_http_xr_slice_file_t   *file, **place;

    s = part->slice;
    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (xmcf->files == NULL || s->whole || s->root != NULL
        || part->follow != NULL || !r->cached
        || r->upstream->cache_status != NGX_HTTP_CACHE_HIT
        || r->cache->file.fd == NGX_INVALID_FILE)
    {
        return;
    }

    place = ngx_http_xr_file_place(xmcf->files, s, part->number);
    file = *place;

    if (file != NULL
        && ngx_current_msec - file->used < NGX_HTTP_XR_FILE_IN_USE
        && ngx_current_msec - file->opened < NGX_HTTP_XR_FILE_VALID)
    {
        return;
    }

    file = ngx_http_xr_file_create(r);

    if (file == NULL) {
        return;
    }

    ngx_memcpy(file->object, s->object, XR_SIPHASH_SIZE);
    file->number = part->number;
    file->tag = s->version.tag;

    if (*place != NULL) {
        ngx_http_xr_file_unref(*place);
    }

    *place = file;

    if (!xmcf->files->event.timer_set) {
        ngx_add_timer(&xmcf->files->event, NGX_HTTP_XR_FILE_VALID);
    }
}


static ngx_http_xr_slice_file_t *
ngx_http_xr_file_create(ngx_http_request_t *r)
{
    size_t                     size;
    ngx_file_info_t            fi;
    ngx_http_cache_t          *c;
    ngx_http_xr_origin_t      *exchange;
    ngx_http_xr_slice_file_t  *file;

    c = r->cache;
    exchange = r->upstream->input_filter_ctx;
    size = ngx_http_xr_file_size(r);

    file = (size != 0) ? ngx_calloc(sizeof(ngx_http_xr_slice_file_t) + size,
                                    ngx_cycle->log)
                       : NULL;
    if (file == NULL) {
        return NULL;
    }

    if (ngx_fd_info(c->file.fd, &fi) == NGX_FILE_ERROR
        || ngx_file_size(&fi) != c->length)
    {
        ngx_free(file);
        return NULL;
    }

    file->fd = fcntl(c->file.fd, F_DUPFD_CLOEXEC, 0);

    if (file->fd == -1) {

        /* there are none left: what is open is no better than the rest */

        ngx_free(file);
        return NULL;
    }

    file->size = c->length;
    file->changed = fi.st_mtim;

    file->refs = 1;
    file->opened = ngx_current_msec;
    file->used = ngx_current_msec;
    file->body_start = (off_t) c->body_start;
    file->last_modified = r->upstream->headers_in.last_modified_time;
    file->expires = c->valid_sec + 1;
    file->says = ngx_http_xr_slice_version_lines(exchange->freshness.lines);

    ngx_http_xr_file_lines(r, file, (u_char *) (file + 1));

    return file;
}


/* Of all that is copied; 0: these are more lines than an object should have. */

static size_t
ngx_http_xr_file_size(ngx_http_request_t *r)
{
    size_t            size;
    ngx_uint_t        i, n;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    n = 0;
    size = r->cache->file.name.len + 1;

    for (part = &r->upstream->headers_in.headers.part;
         part != NULL;
         part = part->next)
    {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_http_xr_file_line_ok(r, &h[i])) {
                size += h[i].value.len + 1;
                n++;
            }
        }
    }

    return (n <= NGX_HTTP_XR_FILE_LINES) ? size : 0;
}


/* What says something of the object, and not of the slice or its storage. */

static ngx_uint_t
ngx_http_xr_file_line_ok(ngx_http_request_t *r, ngx_table_elt_t *h)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    /* of a date NGINX writes the line */

    return h != u->headers_in.content_length
           && !(h == u->headers_in.last_modified
                && u->headers_in.last_modified_time != -1)
           && !xr_str_eq(ngx_http_xr_view(&h->key), xr_str("Content-Range"))
           && ngx_hash_find(&u->conf->hide_headers_hash, h->hash,
                            h->lowcase_key, h->key.len)
              == NULL;
}


/* Names are the module's own, values are copied. */

static void
ngx_http_xr_file_lines(ngx_http_request_t *r, ngx_http_xr_slice_file_t *file,
    u_char *p)
{
    ngx_uint_t                      i;
    ngx_list_part_t                *part;
    ngx_table_elt_t                *h;
    ngx_http_xr_file_line_t        *line;
    ngx_http_upstream_main_conf_t  *umcf;

    umcf = ngx_http_get_module_main_conf(r, ngx_http_upstream_module);

    file->name.data = p;
    file->name.len = r->cache->file.name.len;
    p = ngx_cpymem(p, r->cache->file.name.data, file->name.len + 1);

    file->values.data = p;

    for (part = &r->upstream->headers_in.headers.part;
         part != NULL;
         part = part->next)
    {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (!ngx_http_xr_file_line_ok(r, &h[i])) {
                continue;
            }

            line = &file->lines[file->nlines++];

            line->h = h[i];
            line->h.value.data = p;
            line->header = ngx_hash_find(&umcf->headers_in_hash, h[i].hash,
                                         h[i].lowcase_key, h[i].key.len);

            p = ngx_cpymem(p, h[i].value.data, h[i].value.len);
            *p++ = '\0';
        }
    }

    file->values.len = p - file->values.data;
}


static void
ngx_http_xr_file_unref(ngx_http_xr_slice_file_t *file)
{
    if (--file->refs != 0) {
        return;
    }

    if (ngx_close_file(file->fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &file->name);
    }

    ngx_free(file);
}


/* What nobody asks for does not keep its file, and room on the disk. */

static void
ngx_http_xr_file_expire(ngx_event_t *ev)
{
    ngx_uint_t                  i, left;
    ngx_connection_t           *dummy;
    ngx_http_xr_slice_file_t   *file;
    ngx_http_xr_slice_files_t  *files;

    dummy = ev->data;
    files = dummy->data;
    left = 0;

    for (i = 0; i < files->n; i++) {
        file = files->places[i];

        if (file == NULL) {
            continue;
        }

        if (ngx_current_msec - file->opened < NGX_HTTP_XR_FILE_VALID) {
            left = 1;
            continue;
        }

        files->places[i] = NULL;
        ngx_http_xr_file_unref(file);
    }

    if (left) {
        ngx_add_timer(ev, NGX_HTTP_XR_FILE_VALID);
    }
}


/*
 * The header of the client's response from a slice that is open.  NGX_DECLINED:
 * it is not.
 */

ngx_int_t
ngx_http_xr_slice_file_header(ngx_http_xr_slice_t *s, uint64_t number)
{
    u_char                    *p;
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    ngx_table_elt_t            h;
    ngx_http_request_t        *r;
    ngx_http_xr_file_line_t   *line;
    ngx_http_xr_slice_file_t  *file;

    r = s->request;
    file = ngx_http_xr_file_find(s, number);

    /* of freshness clients are told what the root says now */

    if (file == NULL || file->says != s->lines
        || (number == 0 && file->expires != s->expires))
    {
        return NGX_DECLINED;
    }

    rc = ngx_http_xr_file_hold(s, file);

    if (rc != NGX_OK) {
        return rc;
    }

    /* the request may outlive the file */

    p = ngx_pnalloc(r->pool, file->values.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, file->values.data, file->values.len);

    for (i = 0; i < file->nlines; i++) {
        line = &file->lines[i];

        h = line->h;
        h.value.data = p + (line->h.value.data - file->values.data);

        if (ngx_http_xr_headers_copy(r, line->header, &h) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    r->headers_out.last_modified_time = file->last_modified;

    if (r->headers_out.etag != NULL) {
        s->etag = r->headers_out.etag->value;
    }

    s->cache_status = NGX_HTTP_CACHE_HIT;

    return NGX_OK;
}


/*
 * Sends what the client gets of a slice that is open, up to "end"; NGX_DECLINED
 * if it is not.  All that was sent of another one is with the client by now.
 */

ngx_int_t
ngx_http_xr_slice_file_send(ngx_http_xr_slice_t *s, uint64_t end,
    ngx_uint_t last)
{
    off_t                      start;
    uint64_t                   number;
    ngx_int_t                  rc;
    ngx_buf_t                 *b;
    ngx_chain_t                out;
    ngx_http_xr_slice_file_t  *file;
    ngx_http_xr_slice_held_t  *held;

    number = s->next / s->size;
    held = s->held;

    if (held == NULL || held->slice == NULL || held->slice->number != number) {
        file = ngx_http_xr_file_find(s, number);

        if (file == NULL) {
            return NGX_DECLINED;
        }

        rc = ngx_http_xr_file_hold(s, file);

        if (rc != NGX_OK) {
            return rc;
        }

        held = s->held;
    }

    start = held->slice->body_start - (off_t) (number * s->size);

    b = &held->buf;
    ngx_memzero(b, sizeof(ngx_buf_t));

    b->file = &held->file;
    b->file_pos = start + (off_t) s->next;
    b->file_last = start + (off_t) end;
    b->in_file = 1;
    b->flush = 1;
    b->last_buf = last;
    b->last_in_chain = last;

    out.buf = b;
    out.next = NULL;

    s->next = end;

    return (ngx_http_output_filter(s->request, &out) != NGX_ERROR)
           ? NGX_OK : NGX_ERROR;
}


/*
 * Its file stays open until the next one is held.  NGX_DECLINED: it is not what
 * it was.
 */

static ngx_int_t
ngx_http_xr_file_hold(ngx_http_xr_slice_t *s, ngx_http_xr_slice_file_t *file)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_xr_slice_held_t  *held;

    if (!ngx_http_xr_file_is_same(file)) {
        file->opened = ngx_current_msec - NGX_HTTP_XR_FILE_VALID;
        return NGX_DECLINED;
    }

    held = s->held;

    if (held == NULL) {
        cln = ngx_pool_cleanup_add(s->request->pool,
                                   sizeof(ngx_http_xr_slice_held_t));
        if (cln == NULL) {
            return NGX_ERROR;
        }

        held = cln->data;
        held->slice = NULL;

        cln->handler = ngx_http_xr_file_release;
        s->held = held;
    }

    ngx_http_xr_file_release(held);

    ngx_memzero(&held->file, sizeof(ngx_file_t));

    held->file.fd = file->fd;
    held->file.name = file->name;
    held->file.log = s->request->connection->log;

    held->slice = file;
    file->refs++;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_xr_file_is_same(ngx_http_xr_slice_file_t *file)
{
    ngx_file_info_t  fi;

    return ngx_fd_info(file->fd, &fi) != NGX_FILE_ERROR
           && fi.st_nlink != 0
           && ngx_file_size(&fi) == file->size
           && fi.st_mtim.tv_sec == file->changed.tv_sec
           && fi.st_mtim.tv_nsec == file->changed.tv_nsec;
}


static void
ngx_http_xr_file_release(void *data)
{
    ngx_http_xr_slice_held_t *held = data;

    if (held->slice != NULL) {
        ngx_http_xr_file_unref(held->slice);
        held->slice = NULL;
    }
}
