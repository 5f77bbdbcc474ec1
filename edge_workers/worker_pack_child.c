/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "worker_pack.h"
#include "json.h"
#include "loop.h"
#include "task.h"
#include "worker_log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>


#define XRW_WORK_FD  3                  /* where a child speaks to us */


void
xrw_work_log(const xrw_work_t *pack, int level, const char *event,
    const char *reason)
{
    int64_t   ms;
    xr_job_t  job;

    xrw_lease_job(&pack->lease, &job);
    ms = (pack->child.began > 0) ? xrw_loop_now() - pack->child.began : 0;

    xrw_log((xrw_log_level_t) level, event,
            "{s:s, s:i, s:o, s:o, s:I, s:o*}",
            "job", pack->lease.id, "attempt", (int) pack->lease.attempt,
            "tenant", xrw_json_text(job.tenant),
            "key", xrw_json_text(job.key), "ms", (json_int_t) ms,
            "reason", reason != NULL ? xrw_json_text(xr_str(reason)) : NULL);
}


/* It has nothing of ours but what it was given, and ends when we do. */

static void
xrw_work_child(xrw_work_t *pack, int out, pid_t parent)
{
    xrw_task_job_t  job;

    xrw_worker_child();

    (void) setpgid(0, 0);
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

    if (getppid() != parent || dup2(out, XRW_WORK_FD) == -1
        || close_range(XRW_WORK_FD + 1, ~0U, 0) == -1
        || fcntl(XRW_WORK_FD, F_SETFD, FD_CLOEXEC) == -1)
    {
        _exit(XRW_FAILED);
    }

    xrw_config_keep(pack->config, xr_str(pack->conf.text));

    memset(&job, 0, sizeof(job));
    job.cmd = pack->cmd;
    job.conf = &pack->conf;
    job.config = pack->config;
    job.out = XRW_WORK_FD;
    xrw_lease_job(&pack->lease, &job.job);

    xrw_task_job(&job);
    _exit(XRW_OK);
}


bool
xrw_work_start(xrw_work_t *pack, int64_t now)
{
    int                ends[2];
    pid_t              parent;
    xrw_work_child_t  *child;

    child = &pack->child;
    memset(child, 0, sizeof(xrw_work_child_t));
    child->fd = -1;
    child->began = now;
    child->renewed = now;

    if (pipe2(ends, O_CLOEXEC) == -1) {
        return false;
    }

    parent = getpid();
    child->pid = fork();

    if (child->pid == 0) {
        xrw_work_child(pack, ends[1], parent);
    }

    (void) close(ends[1]);

    if (child->pid == -1) {
        child->pid = 0;
        (void) close(ends[0]);
        return false;
    }

    (void) setpgid(child->pid, child->pid);
    (void) fcntl(ends[0], F_SETFL, O_NONBLOCK);
    child->fd = ends[0];

    return true;
}


static void
xrw_work_line(xrw_work_t *pack, const char *line, size_t len)
{
    json_t            *root;
    const char        *phase;
    xrw_work_child_t  *child;

    child = &pack->child;
    root = json_loadb(line, len, 0, NULL);
    phase = json_string_value(json_object_get(root, "phase"));

    if (phase != NULL) {
        (void) snprintf(child->phase, sizeof(child->phase), "%s", phase);
        child->group = (pid_t) json_integer_value(json_object_get(root,
                                                                  "group"));
        xrw_work_log(pack, XRW_LOG_INFO, child->phase, NULL);

    } else if (json_object_get(root, "status") != NULL) {
        json_decref(child->end);
        child->end = json_incref(root);
    }

    json_decref(root);
}


static void
xrw_work_read(xrw_work_t *pack)
{
    char              *nl;
    size_t             len;
    ssize_t            n;
    xrw_work_child_t  *child;

    child = &pack->child;

    for ( ;; ) {
        n = read(child->fd, child->data + child->len,
                 sizeof(child->data) - child->len);

        if (n <= 0) {
            return;
        }

        child->len += (size_t) n;

        while ((nl = memchr(child->data, '\n', child->len)) != NULL) {
            len = (size_t) (nl - child->data);
            xrw_work_line(pack, child->data, len);

            child->len -= len + 1;
            memmove(child->data, nl + 1, child->len);
        }

        if (child->len == sizeof(child->data)) {
            child->len = 0;
        }
    }
}


bool
xrw_work_watch(xrw_work_t *pack)
{
    int                status;
    pid_t              pid;
    char               reason[64];
    xrw_work_child_t  *child;

    child = &pack->child;

    /* first whether it has ended: what it has said before is all there then */

    pid = waitpid(child->pid, &status, WNOHANG);
    xrw_work_read(pack);

    if (pid == 0 || (pid == -1 && errno == EINTR)) {
        return false;
    }

    (void) close(child->fd);
    child->fd = -1;
    child->pid = 0;

    if (child->end == NULL) {
        (void) snprintf(reason, sizeof(reason), WIFSIGNALED(status)
                        ? "the job's process was ended by signal %d"
                        : "the job's process ended with status %d",
                        WIFSIGNALED(status) ? WTERMSIG(status)
                                            : WEXITSTATUS(status));
        child->end = json_pack("{s:s, s:s}", "status", "retry", "reason",
                               reason);
    }

    return true;
}


void
xrw_work_kill(xrw_work_t *pack)
{
    xrw_work_child_t  *child;

    child = &pack->child;

    if (child->pid != 0) {
        (void) kill(child->pid, SIGKILL);

        if (child->group > 1) {
            (void) kill(-child->group, SIGKILL);
        }

        while (waitpid(child->pid, NULL, 0) == -1 && errno == EINTR) {
            /* void */
        }

        (void) close(child->fd);
        child->pid = 0;
        child->fd = -1;
    }

    json_decref(child->end);
    child->end = NULL;
}
