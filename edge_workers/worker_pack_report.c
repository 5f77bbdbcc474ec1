/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "worker_pack.h"
#include "announce.h"
#include "json.h"
#include "worker_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


/* A line of a file that says who published what. */

static void
xrw_work_journal(xrw_work_t *pack, const json_t *result)
{
    int        fd;
    char      *text;
    json_t    *line;
    size_t     len;
    xr_job_t   job;

    if (pack->conf.journal == NULL || pack->child.journaled) {
        return;
    }

    pack->child.journaled = true;

    xrw_lease_job(&pack->lease, &job);

    line = json_pack("{s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:O}",
                     "at", (json_int_t) time(NULL), "worker", pack->consumer,
                     "job", pack->lease.id, "tenant",
                     xrw_json_text(job.tenant), "key", xrw_json_text(job.key),
                     "sha256", xrw_json_text(job.sha256), "etag",
                     xrw_json_text(job.etag), "preset",
                     xrw_json_text(job.preset), "result", result);

    text = json_dumps(line, JSON_COMPACT);
    json_decref(line);

    fd = open(pack->conf.journal,
              O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    len = (text != NULL) ? strlen(text) : 0;

    if (text != NULL) {
        text[len] = '\n';
    }

    if (fd == -1 || text == NULL
        || write(fd, text, len + 1) != (ssize_t) (len + 1))
    {
        (void) xrw_error("%s: %s", pack->conf.journal, strerror(errno));
    }

    if (fd != -1) {
        (void) close(fd);
    }

    free(text);
}


/* Edges that are told twice ask twice: before the job is done, not after. */

static bool
xrw_work_announce(xrw_work_t *pack)
{
    xr_job_t  job;

    xrw_lease_job(&pack->lease, &job);

    return xrw_announce(&pack->feed.calls.redis, pack->conf.channel, job.tenant,
                        job.key);
}


void
xrw_work_failed(xrw_work_t *pack, xrw_queue_rc_t rc, const char *reason)
{
    if (rc == XRW_QUEUE_BURIED) {
        pack->n.buried++;
        xrw_work_log(pack, XRW_LOG_ERROR, "buried", reason);

    } else {
        pack->n.failed++;
        xrw_work_log(pack, XRW_LOG_WARN, "failed", reason);
    }
}


xrw_queue_rc_t
xrw_work_report(xrw_work_t *pack)
{
    int64_t          delay;
    const char      *status, *reason;
    const json_t    *result;
    xrw_queue_rc_t   rc;

    status = json_string_value(json_object_get(pack->child.end, "status"));
    status = (status != NULL) ? status : "";
    result = json_object_get(pack->child.end, "result");

    if (strcmp(status, "done") == 0 && result != NULL) {

        xrw_work_journal(pack, result);

        if (!xrw_work_announce(pack)) {
            return XRW_QUEUE_BROKEN;
        }

        rc = xrw_queue_done(&pack->feed.calls, &pack->lease, result);

        if (rc == XRW_QUEUE_DONE) {
            pack->n.done++;
            pack->n.bytes += (uint64_t) json_integer_value(
                                            json_object_get(result, "bytes"));
            xrw_work_log(pack, XRW_LOG_INFO, "done", NULL);
        }

        return rc;
    }

    reason = json_string_value(json_object_get(pack->child.end, "reason"));
    reason = (reason != NULL) ? reason : "";
    delay = xr_job_backoff(pack->lease.attempt, pack->conf.backoff * 1000,
                           pack->conf.backoff_max * 1000, xrw_work_chance());

    rc = xrw_queue_fail(&pack->feed.calls, &pack->lease, reason,
                        strcmp(status, "refused") == 0, delay);

    if (rc == XRW_QUEUE_DONE || rc == XRW_QUEUE_BURIED) {
        xrw_work_failed(pack, rc, reason);
    }

    return rc;
}
