/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_JOB_H
#define XR_JOB_H


#include "xr.h"


/*
 * Jobs of workers: what they are told apart by, and how long one that failed
 * waits before it is tried again.
 */

#define XR_JOB_ID_SIZE      32          /* hexadecimal digits */
#define XR_JOB_KEY_MAX      1024
#define XR_JOB_ETAG_MAX     127
#define XR_JOB_PRESET_MAX   32


typedef struct {
    xr_str_t  tenant;
    xr_str_t  key;                  /* of the source, without a "/" in front */
    xr_str_t  sha256;               /* of the source: hexadecimal; or empty */
    xr_str_t  etag;                 /* without quotes; or empty, not both */
    xr_str_t  preset;
} xr_job_t;


/* NULL, or what is wrong with what anybody may have written. */
const char *xr_job_check(const xr_job_t *job);

/* Jobs of the same source, content and preset have the same, others not. */
xr_rc_t xr_job_id(const xr_job_t *job, char id[XR_JOB_ID_SIZE]);

/*
 * Likewise, whatever content and preset: an object has one manifest, and of
 * its jobs the last one counts.
 */
xr_rc_t xr_job_source_id(const xr_job_t *job, char id[XR_JOB_ID_SIZE]);

bool xr_job_id_ok(xr_str_t id);

/*
 * What is waited after "attempts" attempts: "base" doubled for each but the
 * first, "max" at most, the upper half of it by chance.
 */
int64_t xr_job_backoff(unsigned attempts, int64_t base, int64_t max,
    uint32_t chance);


#endif /* XR_JOB_H */
