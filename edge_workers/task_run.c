/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "task_run.h"
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>


#define XRW_RUN_FILES    256            /* descriptors */
#define XRW_RUN_CANNOT   127            /* as shells have it */


/* What a program prints, of which the last line is kept. */

typedef struct {
    char    *line;                      /* of XRW_RUN_LINE bytes */
    char     next[XRW_RUN_LINE];
    size_t   len;
} xrw_run_output_t;


static void
xrw_run_limit(__rlimit_resource_t resource, int64_t value)
{
    struct rlimit  limit;

    limit.rlim_cur = (rlim_t) value;
    limit.rlim_max = (rlim_t) value;

    (void) setrlimit(resource, &limit);
}


/*
 * Memory is limited as what can be written to: address space that is only
 * reserved, as some runtimes do by the gigabyte, costs nothing.
 */

static void
xrw_run_limits(const xrw_run_t *run)
{
    xrw_run_limit(RLIMIT_CORE, 0);
    xrw_run_limit(RLIMIT_CPU, run->cpu);
    xrw_run_limit(RLIMIT_DATA, run->memory);
    xrw_run_limit(RLIMIT_FSIZE, run->file_size);
    xrw_run_limit(RLIMIT_NOFILE, XRW_RUN_FILES);
}


static void
xrw_run_child(const xrw_run_t *run, int output, pid_t parent)
{
    int    in, errors;
    char   home[1024], tmp[1024];
    char  *env[] = {
        (char []) { "PATH=/usr/local/bin:/usr/bin:/bin" },
        (char []) { "LC_ALL=C.UTF-8" }, home, tmp, NULL
    };

    (void) snprintf(home, sizeof(home), "HOME=%s", run->dir);
    (void) snprintf(tmp, sizeof(tmp), "TMPDIR=%s", run->dir);

    (void) setpgid(0, 0);
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

    /* whoever would have been told may be dead already */

    if (getppid() != parent) {
        _exit(XRW_RUN_CANNOT);
    }

    (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

    in = open("/dev/null", O_RDONLY);
    errors = open(run->errors, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (in == -1 || errors == -1 || chdir(run->dir) == -1
        || dup2(in, STDIN_FILENO) == -1 || dup2(output, STDOUT_FILENO) == -1
        || dup2(errors, STDERR_FILENO) == -1
        || close_range(STDERR_FILENO + 1, ~0U, 0) == -1)
    {
        _exit(XRW_RUN_CANNOT);
    }

    /* what we ignore it would ignore, too */

    (void) signal(SIGPIPE, SIG_DFL);

    xrw_run_limits(run);

    (void) execve(run->argv[0], (char *const *) (uintptr_t) run->argv, env);
    _exit(XRW_RUN_CANNOT);
}


static void
xrw_run_put(xrw_run_output_t *out, char c)
{
    if (c != '\n') {
        if (out->len < XRW_RUN_LINE - 1) {
            out->next[out->len++] = c;
        }

        return;
    }

    if (out->len > 0) {
        memcpy(out->line, out->next, out->len);
        out->line[out->len] = '\0';
    }

    out->len = 0;
}


/* False: there is no more. */

static bool
xrw_run_read(xrw_run_output_t *out, int fd)
{
    char     data[4096];
    ssize_t  i, n;

    n = read(fd, data, sizeof(data));

    for (i = 0; i < n; i++) {
        xrw_run_put(out, data[i]);
    }

    return n > 0 || (n == -1 && (errno == EINTR || errno == EAGAIN));
}


/* Until it ends, or has to; others that hold the pipe are not waited for. */

static bool
xrw_run_watch(const xrw_run_t *run, int pidfd, int fd, xrw_run_output_t *out)
{
    bool           open;
    int64_t        until, left;
    struct pollfd  fds[2];

    until = xrw_loop_now() + run->timeout * 1000;
    open = true;

    for ( ;; ) {
        left = until - xrw_loop_now();

        if (left <= 0) {
            return false;
        }

        fds[0] = (struct pollfd) { pidfd, POLLIN, 0 };
        fds[1] = (struct pollfd) { open ? fd : -1, POLLIN, 0 };

        if (poll(fds, 2, (int) (left < 60000 ? left : 60000)) <= 0) {
            continue;
        }

        if (fds[1].revents != 0) {
            open = xrw_run_read(out, fd);

        } else if (fds[0].revents != 0) {
            return true;
        }
    }
}


bool
xrw_task_run(const xrw_run_t *run, xrw_ran_t *out)
{
    int               ends[2], pidfd;
    pid_t             pid, parent;
    xrw_run_output_t  output;

    memset(out, 0, sizeof(xrw_ran_t));
    memset(&output, 0, sizeof(output));
    output.line = out->line;

    if (pipe2(ends, O_CLOEXEC) == -1) {
        return false;
    }

    (void) fcntl(ends[0], F_SETFL, O_NONBLOCK);

    parent = getpid();
    pid = fork();

    if (pid == 0) {
        xrw_run_child(run, ends[1], parent);
    }

    (void) close(ends[1]);
    pidfd = (pid != -1) ? pidfd_open(pid, 0) : -1;

    if (pid == -1 || pidfd == -1) {
        if (pid != -1) {
            (void) kill(pid, SIGKILL);
            (void) waitpid(pid, NULL, 0);
        }

        (void) close(ends[0]);
        return false;
    }

    /* it does so as well: whoever comes first */

    (void) setpgid(pid, pid);
    run->started(run->ctx, pid);

    out->late = !xrw_run_watch(run, pidfd, ends[0], &output);

    /* and what it has started */

    (void) kill(-pid, SIGKILL);

    while (waitpid(pid, &out->status, 0) == -1 && errno == EINTR) {
        /* void */
    }

    xrw_run_put(&output, '\n');

    (void) close(pidfd);
    (void) close(ends[0]);

    return true;
}
