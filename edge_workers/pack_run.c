/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "pack_run.h"
#include "bytes.h"
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>


#define XRW_PACK_REPORT_MAX  (1024 * 1024)
#define XRW_PACK_ARGUMENTS   20


static void
xrw_pack_run_set(xrw_pack_result_t *result, xrw_pack_outcome_t outcome,
    const char *code, const char *reason)
{
    result->outcome = outcome;
    result->code = code;
    result->reason = reason;
}


/* In the child, which must not outlive us. */

static void
xrw_pack_run_exec(const xrw_pack_job_t *job, int out, pid_t parent)
{
    int          fd;
    size_t       i, n;
    const char  *argv[XRW_PACK_ARGUMENTS];

    const struct {
        const char  *option;
        const char  *value;
    } options[] = {
        { "--out", job->out }, { "--preset", job->preset },
        { "--presets", job->presets }, { "--tools", job->tools },
        { "--id", job->id }
    };

    n = 0;
    argv[n++] = "xr";
    argv[n++] = "pack";
    argv[n++] = "--json";

    for (i = 0; i < XR_COUNT(options); i++) {

        if (options[i].value != NULL) {
            argv[n++] = options[i].option;
            argv[n++] = options[i].value;
        }
    }

    argv[n++] = "--";
    argv[n++] = job->source;
    argv[n] = NULL;

    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent
        || setpgid(0, 0) == -1 || fd == -1 || dup2(fd, STDIN_FILENO) == -1
        || dup2(out, STDOUT_FILENO) == -1)
    {
        _exit(127);
    }

    (void) execv("/proc/self/exe", (char **) (uintptr_t) argv);
    _exit(127);
}


/* What it prints, until it ends or its time does: false. */

static bool
xrw_pack_run_listen(int fd, int64_t deadline, xrw_bytes_t *out)
{
    int            rc;
    int64_t        left;
    ssize_t        n;
    uint8_t        piece[4096];
    struct pollfd  p;

    for ( ;; ) {
        left = deadline - xrw_loop_now();

        if (left <= 0) {
            return false;
        }

        p = (struct pollfd) { fd, POLLIN, 0 };
        rc = poll(&p, 1, (left < 60000) ? (int) left : 60000);

        if (rc <= 0) {

            if (rc == -1 && errno != EINTR) {
                return false;
            }

            continue;
        }

        n = read(fd, piece, sizeof(piece));

        if (n == 0) {
            return true;
        }

        if (n > 0 && out->len < XRW_PACK_REPORT_MAX) {
            xrw_bytes_add(out, xr_str_of(piece, (size_t) n));

        } else if (n < 0 && errno != EINTR) {
            return false;
        }
    }
}


/* The last word is what it printed; without that, how it ended. */

static void
xrw_pack_run_judge(xrw_arena_t *arena, int status, xrw_pack_result_t *result)
{
    json_t      *report;
    const char  *code, *reason;

    report = json_loadb((const char *) result->report.data,
                        result->report.len, 0, NULL);
    code = json_string_value(json_object_get(report, "code"));
    reason = json_string_value(json_object_get(report, "reason"));

    if (WIFSIGNALED(status)) {
        xrw_pack_run_set(result, XRW_PACK_REFUSED, "limit", xrw_format(
            arena, "ended by signal %d: it is beyond what a source may take",
            WTERMSIG(status)));

    } else if (WEXITSTATUS(status) == 0 && report != NULL) {
        xrw_pack_run_set(result, XRW_PACK_DONE, "", "");

    } else if (code != NULL && reason != NULL) {
        xrw_pack_run_set(result,
                         json_is_true(json_object_get(report, "retry"))
                         ? XRW_PACK_FAILED : XRW_PACK_REFUSED,
                         xrw_text(arena, xr_str(code)),
                         xrw_text(arena, xr_str(reason)));

    } else {
        xrw_pack_run_set(result, XRW_PACK_FAILED, "program", xrw_format(
            arena, "xr pack ended with %d, and did not say why",
            WEXITSTATUS(status)));
    }

    json_decref(report);
}


static void
xrw_pack_run_wait(xrw_arena_t *arena, const xrw_pack_job_t *job, pid_t pid,
    int fd, xrw_pack_result_t *result)
{
    int          status;
    bool         ended;
    xrw_bytes_t  out;

    out = (xrw_bytes_t) { NULL, 0, 0 };
    ended = xrw_pack_run_listen(fd, xrw_loop_now()
                                    + (int64_t) job->timeout * 1000, &out);

    result->report = xr_str_of(xrw_text(arena, xrw_bytes_str(&out)), out.len);
    xrw_bytes_free(&out);

    /* its texture tool is in the same group */

    if (!ended) {
        (void) kill(-pid, SIGKILL);
        (void) kill(pid, SIGKILL);
    }

    while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
        /* void */
    }

    if (!ended) {
        xrw_pack_run_set(result, XRW_PACK_TIMEOUT, "limit.time", xrw_format(
            arena, "it takes longer than %u seconds", job->timeout));
        return;
    }

    xrw_pack_run_judge(arena, status, result);
}


void
xrw_pack_run(xrw_arena_t *arena, const xrw_pack_job_t *job,
    xrw_pack_result_t *result)
{
    int    fds[2];
    pid_t  pid, self;

    memset(result, 0, sizeof(*result));

    if (pipe2(fds, O_CLOEXEC) == -1) {
        xrw_pack_run_set(result, XRW_PACK_FAILED, "io", xrw_format(
            arena, "pipe() failed: %s", strerror(errno)));
        return;
    }

    self = getpid();
    pid = fork();

    if (pid == 0) {
        xrw_pack_run_exec(job, fds[1], self);
    }

    (void) close(fds[1]);

    if (pid == -1) {
        xrw_pack_run_set(result, XRW_PACK_FAILED, "io", xrw_format(
            arena, "fork() failed: %s", strerror(errno)));

    } else {
        xrw_pack_run_wait(arena, job, pid, fds[0], result);
    }

    (void) close(fds[0]);
}
