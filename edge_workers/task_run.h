/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_TASK_RUN_H
#define XRW_TASK_RUN_H


#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>


/*
 * A program that is watched: it has a process group and a folder of its own,
 * an environment without secrets, no descriptors but the usual three, limits,
 * and no life after us.
 */

#define XRW_RUN_LINE  4096

typedef struct {
    const char *const  *argv;           /* the program's path first */
    const char         *dir;            /* its folder, and that of TMPDIR */
    const char         *errors;         /* the file for its standard error */
    int64_t             timeout;        /* seconds */
    int64_t             cpu;            /* seconds */
    int64_t             memory;         /* bytes */
    int64_t             file_size;      /* bytes */

    /* Told when it runs. */
    void              (*started)(void *ctx, pid_t group);
    void               *ctx;
} xrw_run_t;


typedef struct {
    bool  late;                         /* it was ended by the time limit */
    int   status;                       /* as of waitpid() */
    char  line[XRW_RUN_LINE];           /* the last that it printed */
} xrw_ran_t;


/* False: it could not be started; errno says why. */
bool xrw_task_run(const xrw_run_t *run, xrw_ran_t *out);


#endif /* XRW_TASK_RUN_H */
