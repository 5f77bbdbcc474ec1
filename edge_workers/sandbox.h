/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_SANDBOX_H
#define XRW_SANDBOX_H


#include "arena.h"


/*
 * What a process gives up before it reads what somebody else made: privileges
 * by exec(), the network, files but those it needs, and more of anything than
 * it needs.  Its children inherit all of it.
 */

typedef struct {
    uint64_t            memory;     /* addresses, bytes; 0: no limit */
    uint64_t            file;       /* of one that it writes, bytes */
    uint64_t            cpu;        /* seconds, of each process */
    uint64_t            files;      /* open at a time */
    uint64_t            processes;  /* of this user, threads included */
    const char         *writable;   /* the only folder that it may change */
    const char *const  *readable;   /* and those it may read; NULL ends them */
} xrw_sandbox_t;


/* What holds once it is entered: bits. */

#define XRW_SANDBOX_LIMITS    0x1u
#define XRW_SANDBOX_SYSCALLS  0x2u      /* none that this work does not need */
#define XRW_SANDBOX_NETWORK   0x4u      /* one of its own, with nothing in it */
#define XRW_SANDBOX_FILES     0x8u

/*
 * As much of it as the kernel and the user's rights allow, and at least limits
 * and the filter of system calls: false without these, with "*why".
 */
bool xrw_sandbox_enter(const xrw_sandbox_t *s, unsigned *holds,
    const char **why);


#endif /* XRW_SANDBOX_H */
