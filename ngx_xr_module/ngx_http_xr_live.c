/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_device.h"
#include "ngx_http_xr_geo_conf.h"


/*
 * Images that change without a reload.  The cache manager process, which
 * NGINX runs for whatever has a path with a manager, looks at the files that
 * an image came from, makes a new one and writes it to a file of its own;
 * workers see a number change in shared memory and map that file.  So it is
 * made once, in a process that serves nobody, and its pages are shared.
 */

#define NGX_HTTP_XR_LIVE_INTERVAL  200      /* milliseconds */
#define NGX_HTTP_XR_LIVE_CLEAN     30       /* seconds */
#define NGX_HTTP_XR_LIVE_LINGER    10       /* seconds */


typedef struct {
    ngx_http_xr_live_shared_t  tenants;
    ngx_http_xr_live_shared_t  revoked;
    ngx_http_xr_live_shared_t  geo;
    ngx_http_xr_live_shared_t  devices;
    u_char                     secret[XR_SIPHASH_KEY_SIZE];
} ngx_http_xr_live_zone_t;


static ngx_int_t ngx_http_xr_live_zone(ngx_shm_zone_t *zone, void *data);
static ngx_int_t ngx_http_xr_live_secret(u_char *secret);
static ngx_int_t ngx_http_xr_live_open_table(xr_str_t image,
    ngx_http_xr_image_t *out);
static ngx_int_t ngx_http_xr_live_open_revoked(xr_str_t image,
    ngx_http_xr_image_t *out);
static ngx_int_t ngx_http_xr_live_open_geo(xr_str_t image,
    ngx_http_xr_image_t *out);
static void ngx_http_xr_live_update(ngx_http_xr_live_t *live, ngx_log_t *log);
static ngx_http_xr_image_t *ngx_http_xr_live_map(ngx_http_xr_live_t *live,
    ngx_uint_t generation, ngx_log_t *log, ngx_err_t *err);
static u_char *ngx_http_xr_live_file(ngx_http_xr_live_t *live,
    ngx_uint_t generation, u_char *name);
static ngx_int_t ngx_http_xr_live_write(u_char *name, xr_str_t image,
    ngx_log_t *log);
static void ngx_http_xr_live_linger(ngx_http_xr_live_t *live, time_t now);
static ngx_uint_t ngx_http_xr_live_is_left(u_char *name, ngx_uint_t ending);
static ngx_uint_t ngx_http_xr_live_is_used(ngx_http_xr_live_t *live,
    u_char *path);


ngx_int_t
ngx_http_xr_live_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf)
{
    ngx_shm_zone_t  *zone;

    static ngx_str_t  name = ngx_string("xr_live");

    ngx_str_set(&xmcf->live.name, "tenants");
    xmcf->live.open = ngx_http_xr_live_open_table;
    xmcf->live.state = xmcf->state;

    ngx_str_set(&xmcf->revocation.live.name, "revoked");
    xmcf->revocation.live.open = ngx_http_xr_live_open_revoked;
    xmcf->revocation.live.state = xmcf->state;

    ngx_str_set(&xmcf->geo->live.name, "geo");
    xmcf->geo->live.open = ngx_http_xr_live_open_geo;
    xmcf->geo->live.state = xmcf->state;

    ngx_str_set(&xmcf->devices.live.name, "devices");
    xmcf->devices.live.open = ngx_http_xr_device_open;
    xmcf->devices.live.state = xmcf->state;

    xmcf->state->manager = ngx_http_xr_live_manage;
    xmcf->state->data = xmcf;

    zone = ngx_shared_memory_add(cf, &name, 8 * ngx_pagesize,
                                 &ngx_http_xr_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    /* the workers of an older configuration go on with what is theirs */

    zone->noreuse = 1;
    zone->init = ngx_http_xr_live_zone;
    zone->data = xmcf;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_live_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t          *slab;
    ngx_http_xr_live_zone_t  *shared;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = zone->data;
    slab = (ngx_slab_pool_t *) zone->shm.addr;

    shared = ngx_slab_calloc(slab, sizeof(ngx_http_xr_live_zone_t));
    if (shared == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_xr_live_secret(shared->secret) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "no random numbers for a secret");
        return NGX_ERROR;
    }

    shared->tenants.checked = ngx_time();
    shared->revoked.checked = ngx_time();
    shared->geo.checked = ngx_time();
    shared->devices.checked = ngx_time();

    xmcf->live.shared = &shared->tenants;
    xmcf->revocation.live.shared = &shared->revoked;
    xmcf->geo->live.shared = &shared->geo;
    xmcf->devices.live.shared = &shared->devices;
    xmcf->secret = shared->secret;

    return NGX_OK;
}


/* The one before stays over a reload, as token buckets are found by it. */

static ngx_int_t
ngx_http_xr_live_secret(u_char *secret)
{
    ngx_http_xr_main_conf_t  *old;

    old = ngx_is_init_cycle(ngx_cycle)
          ? NULL : ngx_http_xr_process_conf((ngx_cycle_t *) ngx_cycle);

    if (old != NULL && old->secret != NULL) {
        ngx_memcpy(secret, old->secret, XR_SIPHASH_KEY_SIZE);
        return NGX_OK;
    }

    return (xr_random(secret, XR_SIPHASH_KEY_SIZE) == XR_OK) ? NGX_OK
                                                             : NGX_ERROR;
}


static ngx_int_t
ngx_http_xr_live_open_table(xr_str_t image, ngx_http_xr_image_t *out)
{
    return xr_table_open(image, &out->u.table) == XR_OK ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_xr_live_open_revoked(xr_str_t image, ngx_http_xr_image_t *out)
{
    return xr_revoked_open(image, &out->u.revoked) == XR_OK ? NGX_OK
                                                            : NGX_ERROR;
}


static ngx_int_t
ngx_http_xr_live_open_geo(xr_str_t image, ngx_http_xr_image_t *out)
{
    return xr_geo_open(image, &out->u.geo) == XR_OK ? NGX_OK : NGX_ERROR;
}


/* The newest image.  It stays until it is released. */

ngx_http_xr_image_t *
ngx_http_xr_live_acquire(ngx_http_xr_live_t *live, ngx_log_t *log)
{
    if (live->shared->generation != live->generation
        && ngx_time() >= live->retry)
    {
        ngx_http_xr_live_update(live, log);
    }

    live->current->refs++;

    return live->current;
}


void
ngx_http_xr_live_release(ngx_http_xr_image_t *image)
{
    if (--image->refs > 0 || image->addr == NULL) {
        return;
    }

    if (munmap(image->addr, image->size) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "munmap(%p, %uz) failed", image->addr, image->size);
    }

    ngx_free(image);
}


/*
 * Maps what was published last.  Its file may be gone because a newer one
 * has come in the meantime; whatever else fails is tried again a second
 * later.
 */

static void
ngx_http_xr_live_update(ngx_http_xr_live_t *live, ngx_log_t *log)
{
    ngx_err_t             err;
    ngx_uint_t            generation;
    ngx_http_xr_image_t  *image;

    do {
        generation = live->shared->generation;
        ngx_memory_barrier();

        err = 0;
        image = ngx_http_xr_live_map(live, generation, log, &err);

    } while (image == NULL && live->shared->generation != generation);

    if (image == NULL) {
        live->retry = ngx_time() + 1;
        ngx_log_error(NGX_LOG_ERR, log, err,
                      "xr: generation %ui of \"%V\" cannot be mapped, the old "
                      "one stays for now", generation, &live->name);
        return;
    }

    live->generation = generation;

    ngx_http_xr_live_release(live->current);
    live->current = image;
}


static ngx_http_xr_image_t *
ngx_http_xr_live_map(ngx_http_xr_live_t *live, ngx_uint_t generation,
    ngx_log_t *log, ngx_err_t *err)
{
    void                 *addr;
    size_t                size;
    ngx_fd_t              fd;
    ngx_file_info_t       fi;
    ngx_http_xr_image_t  *image;
    u_char                name[NGX_MAX_PATH];

    fd = ngx_open_file(ngx_http_xr_live_file(live, generation, name),
                       NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        *err = ngx_errno;
        return NULL;
    }

    image = NULL;
    addr = MAP_FAILED;
    size = 0;

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR) {
        size = (size_t) ngx_file_size(&fi);
        addr = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    }

    *err = (addr == MAP_FAILED) ? ngx_errno : 0;

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " \"%s\" failed", name);
    }

    if (addr == MAP_FAILED) {
        return NULL;
    }

    image = ngx_calloc(sizeof(ngx_http_xr_image_t), log);

    if (image == NULL || live->open(xr_str_of(addr, size), image) != NGX_OK) {

        if (image != NULL) {
            ngx_free(image);
        }

        (void) munmap(addr, size);
        return NULL;
    }

    image->addr = addr;
    image->size = size;
    image->refs = 1;

    return image;
}


/* STATE/tenants.PID.GENERATION: no two processes write the same file. */

static u_char *
ngx_http_xr_live_file(ngx_http_xr_live_t *live, ngx_uint_t generation,
    u_char *name)
{
    u_char  *p;

    p = ngx_snprintf(name, NGX_MAX_PATH - 1, "%V/%V.%uA.%ui",
                     &live->state->name, &live->name,
                     live->shared->pid[generation % 2], generation);
    *p = '\0';

    return name;
}


/*
 * In the manager process: from now on workers use "image".  The file before
 * is kept open for a while: whoever is last to let go of one that has no name
 * any more gives its memory back, which takes milliseconds.
 */

ngx_int_t
ngx_http_xr_live_publish(ngx_http_xr_live_t *live, xr_str_t image,
    ngx_log_t *log)
{
    ngx_uint_t  generation;
    u_char      name[NGX_MAX_PATH];

    generation = live->shared->generation + 1;
    live->shared->pid[generation % 2] = ngx_pid;

    if (ngx_http_xr_live_write(ngx_http_xr_live_file(live, generation, name),
                               image, log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memory_barrier();
    live->shared->generation = generation;

    if (generation > 1) {
        ngx_http_xr_live_linger(live, 0);

        (void) ngx_http_xr_live_file(live, generation - 1, name);

        live->old = ngx_open_file(name, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
        live->old_until = ngx_time() + NGX_HTTP_XR_LIVE_LINGER;

        (void) ngx_delete_file(name);
    }

    return NGX_OK;
}


/* Lets go of the file before, if it is time, or before it is another one. */

static void
ngx_http_xr_live_linger(ngx_http_xr_live_t *live, time_t now)
{
    if (live->old_until == 0 || (now != 0 && now < live->old_until)) {
        return;
    }

    if (live->old != NGX_INVALID_FILE) {
        (void) ngx_close_file(live->old);
    }

    live->old_until = 0;
}


static ngx_int_t
ngx_http_xr_live_write(u_char *name, xr_str_t image, ngx_log_t *log)
{
    size_t    done;
    ssize_t   n;
    ngx_fd_t  fd;

    (void) ngx_delete_file(name);

    fd = ngx_open_file(name, NGX_FILE_WRONLY, O_CREAT|O_EXCL, S_IRUSR);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                      "xr: " ngx_open_file_n " \"%s\" failed", name);
        return NGX_ERROR;
    }

    for (done = 0; done < image.len; done += (size_t) n) {

        n = ngx_write_fd(fd, (void *) (image.data + done),
                         ngx_min(image.len - done, NGX_HTTP_XR_PIECE));

        if (n <= 0) {
            ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                          "xr: " ngx_write_fd_n " to \"%s\" failed", name);
            break;
        }
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " \"%s\" failed", name);
        done = 0;
    }

    if (done != image.len) {
        (void) ngx_delete_file(name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * The manager of our path: called now and then by the cache manager process,
 * and by the only process where there is no master.  Returns when to be
 * called again.
 */

ngx_msec_t
ngx_http_xr_live_manage(void *data)
{
    ngx_http_xr_main_conf_t *xmcf = data;

    static time_t  cleaned;

    if (ngx_time() - cleaned > NGX_HTTP_XR_LIVE_CLEAN) {
        cleaned = ngx_time();
        ngx_http_xr_live_clean(xmcf, 0, ngx_cycle->log);
    }

    ngx_http_xr_live_linger(&xmcf->live, ngx_time());
    ngx_http_xr_live_linger(&xmcf->revocation.live, ngx_time());
    ngx_http_xr_live_linger(&xmcf->geo->live, ngx_time());
    ngx_http_xr_live_linger(&xmcf->devices.live, ngx_time());

    ngx_http_xr_tenants_check(xmcf, ngx_cycle->log);
    ngx_http_xr_revocation_check(xmcf, ngx_cycle->log);
    ngx_http_xr_geo_check(xmcf, ngx_cycle->log);
    ngx_http_xr_device_check(xmcf, ngx_cycle->log);
    ngx_http_xr_purge_journal_manage(&xmcf->purge, ngx_cycle->log);

    return NGX_HTTP_XR_LIVE_INTERVAL;
}


/*
 * Removes the files of processes that are no more, which are full of keys.
 * What is in use stays even then: workers that come later need it.  At the
 * end of NGINX nobody does.
 */

void
ngx_http_xr_live_clean(ngx_http_xr_main_conf_t *xmcf, ngx_uint_t ending,
    ngx_log_t *log)
{
    ngx_dir_t  dir;
    ngx_str_t  folder;
    u_char     name[NGX_MAX_PATH];

    folder = xmcf->state->name;

    if (ngx_open_dir(&folder, &dir) == NGX_ERROR) {
        return;
    }

    while (ngx_read_dir(&dir) == NGX_OK) {

        *ngx_snprintf(name, NGX_MAX_PATH - 1, "%V/%s", &folder,
                      ngx_de_name(&dir)) = '\0';

        if (!ngx_http_xr_live_is_left(ngx_de_name(&dir), ending)
            || (!ending
                && (ngx_http_xr_live_is_used(&xmcf->live, name)
                    || ngx_http_xr_live_is_used(&xmcf->revocation.live, name)
                    || ngx_http_xr_live_is_used(&xmcf->geo->live, name)
                    || ngx_http_xr_live_is_used(&xmcf->devices.live, name))))
        {
            continue;
        }

        if (ngx_delete_file(name) == NGX_FILE_ERROR) {
            ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                          "xr: " ngx_delete_file_n " \"%s\" failed", name);
        }
    }

    if (ngx_close_dir(&dir) == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_dir_n " \"%V\" failed", &folder);
    }
}


/* Whether a name is one of ours, and of a process that has ended. */

static ngx_uint_t
ngx_http_xr_live_is_left(u_char *name, ngx_uint_t ending)
{
    u_char     *p, *dot;
    ngx_int_t   pid;

    if (ngx_strncmp(name, "tenants.", 8) == 0
        || ngx_strncmp(name, "revoked.", 8) == 0
        || ngx_strncmp(name, "devices.", 8) == 0)
    {
        p = name + 8;

    } else if (ngx_strncmp(name, "geo.", 4) == 0) {
        p = name + 4;

    } else {
        return 0;
    }

    dot = (u_char *) ngx_strchr(p, '.');
    pid = (dot != NULL) ? ngx_atoi(p, dot - p) : NGX_ERROR;

    if (pid <= 0) {
        return 0;
    }

    if (pid == ngx_pid) {
        return ending;
    }

    return kill((pid_t) pid, 0) == -1 && ngx_errno == ESRCH;
}


static ngx_uint_t
ngx_http_xr_live_is_used(ngx_http_xr_live_t *live, u_char *path)
{
    ngx_uint_t  generation;
    u_char      name[NGX_MAX_PATH];

    generation = live->shared->generation;

    return generation != 0
           && ngx_strcmp(ngx_http_xr_live_file(live, generation, name), path)
              == 0;
}
