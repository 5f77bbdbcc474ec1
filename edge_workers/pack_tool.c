/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "pack_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>


#define XRW_TOOL_DATA     (UINT64_C(4) * 1024 * 1024 * 1024)
#define XRW_TOOL_DAMAGED  3                     /* its exit status */


bool
xrw_tool_there(xrw_arena_t *arena, const char *tools)
{
    return tools[0] != '\0'
           && access(xrw_format(arena, "%s/textures.mjs", tools), R_OK) == 0
           && access(xrw_format(arena, "%s/node_modules/sharp", tools), R_OK)
              == 0
           && access(xrw_format(arena, "%s/node_modules/ktx2-encoder", tools),
                     R_OK) == 0;
}


/*
 * It reserves far more addresses than it ever fills, so what it may fill is
 * limited, not what it reserves.
 */

static void
xrw_tool_limits(void)
{
    struct rlimit  limit;

    if (getrlimit(RLIMIT_AS, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void) setrlimit(RLIMIT_AS, &limit);
    }

    limit = (struct rlimit) { XRW_TOOL_DATA, XRW_TOOL_DATA };
    (void) setrlimit(RLIMIT_DATA, &limit);
}


static void
xrw_tool_exec(const char *script)
{
    int          fd;
    char        *environment[] = {
        (char[]) { "PATH=/usr/local/bin:/usr/bin:/bin" },
        (char[]) { "HOME=/nonexistent" },
        (char[]) { "LC_ALL=C.UTF-8" },
        (char[]) { "UV_THREADPOOL_SIZE=2" },
        NULL
    };

    fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    /* what goes wrong is told on standard error, its progress nowhere */

    if (fd == -1 || dup2(fd, STDIN_FILENO) == -1
        || dup2(fd, STDOUT_FILENO) == -1)
    {
        _exit(127);
    }

    xrw_tool_limits();

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1) {
        _exit(127);
    }

    (void) execvpe("node", (char *[]) {
        (char[]) { "node" },
        (char[]) { "--max-old-space-size=2048" },
        (char *) (uintptr_t) script,
        NULL
    }, environment);

    _exit(127);
}


const char *
xrw_tool_run(xrw_arena_t *arena, const char *tools, bool *damaged)
{
    int          status;
    pid_t        pid;
    const char  *script;

    *damaged = false;
    script = xrw_format(arena, "%s/textures.mjs", tools);
    pid = fork();

    if (pid == -1) {
        return xrw_format(arena, "fork() failed: %s", strerror(errno));
    }

    if (pid == 0) {
        xrw_tool_exec(script);
    }

    while (waitpid(pid, &status, 0) == -1) {

        if (errno != EINTR) {
            return xrw_format(arena, "waitpid() failed: %s", strerror(errno));
        }
    }

    if (WIFSIGNALED(status)) {
        return xrw_format(arena, "the texture tool was ended by signal %d: a "
                          "limit of time or memory?", WTERMSIG(status));
    }

    if (WEXITSTATUS(status) == 127) {
        return "Node.js is not installed";
    }

    if (WEXITSTATUS(status) == XRW_TOOL_DAMAGED) {
        *damaged = true;
        return "it has an image that cannot be decoded";
    }

    return (WEXITSTATUS(status) == 0) ? NULL : "the texture tool failed";
}
