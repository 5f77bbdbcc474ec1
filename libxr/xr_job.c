/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_job.h"
#include "xr_buf.h"
#include "xr_crypto.h"
#include "xr_path.h"
#include "xr_tenant.h"


#define XR_JOB_DOUBLINGS  20


static bool
xr_job_hex(xr_str_t s, size_t len)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (xr_hex_digit(s.data[i]) == -1
            || (s.data[i] >= 'A' && s.data[i] <= 'F'))
        {
            return false;
        }
    }

    return s.len == len;
}


bool
xr_job_id_ok(xr_str_t id)
{
    return xr_job_hex(id, XR_JOB_ID_SIZE);
}


static bool
xr_job_word(xr_str_t s)
{
    size_t   i;
    uint8_t  c;

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
              || (i > 0 && (c == '-' || c == '_' || c == '.'))))
        {
            return false;
        }
    }

    return s.len > 0 && s.len <= XR_JOB_PRESET_MAX;
}


/* A source is nothing that a worker has written. */

static const char *
xr_job_key(xr_str_t key)
{
    xr_str_t  rest, segment;

    if (key.len == 0 || key.len > XR_JOB_KEY_MAX) {
        return "the key is not of 1 to 1024 bytes";
    }

    if (key.data[0] == '/' || key.data[key.len - 1] == '/') {
        return "the key begins or ends with a \"/\"";
    }

    for (rest = key; rest.len > 0; /* void */ ) {
        segment = xr_str_cut(&rest, '/');

        if (segment.len == 0 || xr_str_eq(segment, xr_str("."))
            || xr_str_eq(segment, xr_str("..")))
        {
            return "the key has an empty segment, or one of dots";
        }

        if (xr_str_ends(segment, xr_str(".xr"))) {
            return "the key is one of variants";
        }
    }

    return NULL;
}


const char *
xr_job_check(const xr_job_t *job)
{
    xr_err_t     err;
    const char  *why;
    uint8_t      path[XR_JOB_KEY_MAX + 1];

    if (!xr_tenant_name_ok(job->tenant)) {
        return "the tenant has no name that tenants have";
    }

    why = xr_job_key(job->key);

    if (why != NULL) {
        return why;
    }

    path[0] = '/';
    memcpy(path + 1, job->key.data, job->key.len);

    if (xr_path_check_decoded(xr_str_of(path, job->key.len + 1), &err)
        != XR_OK)
    {
        return "no edge would serve the key";
    }

    if (job->sha256.len > 0 && !xr_job_hex(job->sha256, XR_SHA256_SIZE * 2)) {
        return "sha256 is not 64 hexadecimal digits in lower case";
    }

    if (job->etag.len > XR_JOB_ETAG_MAX || xr_str_has_control(job->etag)
        || xr_str_find(job->etag, '"') < job->etag.len)
    {
        return "the ETag is none";
    }

    if ((job->sha256.len > 0) == (job->etag.len > 0)) {
        return "either sha256 or an ETag says which content";
    }

    if (!xr_job_word(job->preset)) {
        return "the preset is not 1 to 32 of a-z, 0-9, \"-\", \"_\" and \".\"";
    }

    return NULL;
}


/* No part can have a NUL in it, so no two jobs are written alike. */

static xr_rc_t
xr_job_digest(const xr_job_t *job, xr_str_t content, char id[XR_JOB_ID_SIZE])
{
    uint8_t   memory[XR_JOB_KEY_MAX + 512], digest[XR_SHA256_SIZE];
    xr_buf_t  buf, hex;

    buf = xr_buf(memory, sizeof(memory));
    xr_buf_put(&buf, job->tenant);
    xr_buf_putc(&buf, 0);
    xr_buf_put(&buf, job->key);
    xr_buf_putc(&buf, 0);
    xr_buf_put(&buf, job->preset);
    xr_buf_putc(&buf, 0);
    xr_buf_put(&buf, content);

    if (!xr_buf_ok(&buf)) {
        return XR_NO_SPACE;
    }

    if (xr_sha256(xr_buf_str(&buf), digest) != XR_OK) {
        return XR_ERROR;
    }

    hex = xr_buf(id, XR_JOB_ID_SIZE);
    xr_buf_hex(&hex, xr_str_of(digest, XR_JOB_ID_SIZE / 2));

    return XR_OK;
}


xr_rc_t
xr_job_id(const xr_job_t *job, char id[XR_JOB_ID_SIZE])
{
    return xr_job_digest(job, job->sha256.len > 0 ? job->sha256 : job->etag,
                         id);
}


xr_rc_t
xr_job_source_id(const xr_job_t *job, char id[XR_JOB_ID_SIZE])
{
    xr_job_t  source;

    source = (xr_job_t) { .tenant = job->tenant, .key = job->key };

    return xr_job_digest(&source, xr_str(""), id);
}


int64_t
xr_job_backoff(unsigned attempts, int64_t base, int64_t max, uint32_t chance)
{
    int64_t   t;
    unsigned  i;

    t = base;

    for (i = 1; i < attempts && i < XR_JOB_DOUBLINGS && t < max; i++) {
        t *= 2;
    }

    t = (t < max) ? t : max;

    return t / 2 + (int64_t) ((uint64_t) (t - t / 2) * chance / UINT32_MAX);
}
