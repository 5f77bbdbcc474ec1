/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_TASK_JOB_H
#define XRW_TASK_JOB_H


#include "config_worker.h"
#include "task_dir.h"
#include "target.h"
#include "xr_job.h"

#include <jansson.h>


/*
 * One job, in a process of its own that may wait as long as it likes: the
 * source is fetched, the packer run, its variants uploaded, and at last the
 * manifest.  Nothing that it has done has to be undone if it is killed.
 */

#define XRW_TASK_REASON  512

/* What became of it. */

typedef enum {
    XRW_TASK_DONE = 0,
    XRW_TASK_RETRY,                     /* it may work the next time */
    XRW_TASK_REFUSED                    /* it never will */
} xrw_task_rc_t;


typedef struct {
    const xrw_command_t       *cmd;
    const xrw_worker_conf_t   *conf;
    const char                *config;  /* file, for the tenants */
    xr_job_t                   job;
    int                        out;     /* where it tells how far it is */

    xrw_arena_t                arena;
    xrw_target_t               target;
    xrw_task_dir_t             dir;
    const char                *source;  /* files */
    const char                *outdir;
    char                       etag[XR_S3_ETAG_SIZE];   /* of the source */

    unsigned                   variants;
    unsigned                   uploaded;
    unsigned                   skipped;
    uint64_t                   bytes;   /* of what was uploaded */
    bool                       changed; /* the manifest is another */
    char                       manifest[XR_S3_ETAG_SIZE];

    char                       reason[XRW_TASK_REASON];
} xrw_task_job_t;


/*
 * Runs it, and writes lines of JSON: {"phase"} and, at last, {"status"}.  It
 * is called in a child, and leaves nothing behind in "dir".
 */
void xrw_task_job(xrw_task_job_t *job);


/* For the parts of it: they set the reason. */

xrw_task_rc_t xrw_task_fail(xrw_task_job_t *job, xrw_task_rc_t rc,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What a call of the S3 client means that has failed. */
xrw_task_rc_t xrw_task_s3(xrw_task_job_t *job, const char *what);

/* Says how far it is. */
void xrw_task_phase(xrw_task_job_t *job, const char *phase, pid_t group);

/* The variants that "text", the packer's manifest, names, checked and sent. */
xrw_task_rc_t xrw_task_upload(xrw_task_job_t *job, xr_str_t text);

/* The manifest; the one before is kept. */
xrw_task_rc_t xrw_task_manifest(xrw_task_job_t *job, xr_str_t text);


#endif /* XRW_TASK_JOB_H */
