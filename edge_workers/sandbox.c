/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "sandbox.h"
#include "xr.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>


#if defined(__x86_64__)
#define XRW_SANDBOX_ARCH  AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define XRW_SANDBOX_ARCH  AUDIT_ARCH_AARCH64
#else
#define XRW_SANDBOX_ARCH  0
#endif

#define XRW_SANDBOX_X32   0x40000000u       /* another table of the same */


/*
 * Not a list of what the work needs, which differs by version of the C library
 * and of Node.js, but of what it must not have: connections, other processes,
 * the kernel's own settings, and io_uring, which no filter sees into.
 */

static const uint32_t  xrw_sandbox_calls[] = {
    __NR_socket, __NR_connect, __NR_bind, __NR_listen, __NR_accept,
    __NR_accept4, __NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev,
    __NR_kill, __NR_tkill, __NR_pidfd_open, __NR_pidfd_send_signal,
    __NR_pidfd_getfd, __NR_mount, __NR_umount2, __NR_pivot_root, __NR_chroot,
    __NR_setns, __NR_unshare, __NR_keyctl, __NR_add_key, __NR_request_key,
    __NR_bpf, __NR_perf_event_open, __NR_userfaultfd, __NR_init_module,
    __NR_finit_module, __NR_delete_module, __NR_kexec_load, __NR_reboot,
    __NR_swapon, __NR_swapoff, __NR_sethostname, __NR_setdomainname,
    __NR_settimeofday, __NR_clock_settime, __NR_clock_adjtime, __NR_adjtimex,
    __NR_open_by_handle_at, __NR_name_to_handle_at, __NR_io_uring_setup,
    __NR_io_uring_enter, __NR_io_uring_register, __NR_quotactl, __NR_acct,
    __NR_syslog, __NR_vhangup, __NR_move_mount, __NR_fsopen, __NR_open_tree
};

#define XRW_SANDBOX_CALLS  XR_COUNT(xrw_sandbox_calls)
#define XRW_SANDBOX_HEAD   6


static bool
xrw_sandbox_syscalls(void)
{
    size_t              i, n;
    struct sock_fprog   program;
    struct sock_filter  code[XRW_SANDBOX_HEAD + XRW_SANDBOX_CALLS + 2];

    if (XRW_SANDBOX_ARCH == 0) {
        return false;
    }

    n = 0;

    code[n++] = (struct sock_filter) BPF_STMT(
        BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[n++] = (struct sock_filter) BPF_JUMP(
        BPF_JMP | BPF_JEQ | BPF_K, XRW_SANDBOX_ARCH, 1, 0);
    code[n++] = (struct sock_filter) BPF_STMT(
        BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    code[n++] = (struct sock_filter) BPF_STMT(
        BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    code[n++] = (struct sock_filter) BPF_JUMP(
        BPF_JMP | BPF_JGE | BPF_K, XRW_SANDBOX_X32, 0, 1);
    code[n++] = (struct sock_filter) BPF_STMT(
        BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);

    for (i = 0; i < XRW_SANDBOX_CALLS; i++) {
        code[n++] = (struct sock_filter) BPF_JUMP(
            BPF_JMP | BPF_JEQ | BPF_K, xrw_sandbox_calls[i],
            (uint8_t) (XRW_SANDBOX_CALLS - i), 0);
    }

    code[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K,
                                              SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K,
                                              SECCOMP_RET_ERRNO | EPERM);

    program.len = (unsigned short) n;
    program.filter = code;

    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}


static bool
xrw_sandbox_line(const char *path, const char *text)
{
    int      fd;
    size_t   len;
    ssize_t  n;

    fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd == -1) {
        return false;
    }

    len = strlen(text);
    n = write(fd, text, len);
    (void) close(fd);

    return n == (ssize_t) len;
}


/*
 * A network of its own takes rights: root has them, others get them in a user
 * namespace, where the kernel allows that.
 */

static bool
xrw_sandbox_network(void)
{
    char   text[64];
    uid_t  uid;
    gid_t  gid;

    if (unshare(CLONE_NEWNET) == 0) {
        return true;
    }

    uid = geteuid();
    gid = getegid();

    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == -1) {
        return false;
    }

    /* files are still ours, by the names we had */

    (void) xrw_sandbox_line("/proc/self/setgroups", "deny");
    (void) snprintf(text, sizeof(text), "%u %u 1", uid, uid);
    (void) xrw_sandbox_line("/proc/self/uid_map", text);
    (void) snprintf(text, sizeof(text), "%u %u 1", gid, gid);
    (void) xrw_sandbox_line("/proc/self/gid_map", text);

    return true;
}


#define XRW_SANDBOX_READ                                                      \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE                \
     | LANDLOCK_ACCESS_FS_READ_DIR)

#define XRW_SANDBOX_WRITE                                                     \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR            \
     | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR          \
     | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG              \
     | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO            \
     | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)


/* What does not exist needs no rule; a file can be no folder. */

static bool
xrw_sandbox_allow(int rules, const char *path, uint64_t access)
{
    int                                fd;
    bool                               ok;
    struct stat                        st;
    struct landlock_path_beneath_attr  rule;

    fd = open(path, O_PATH | O_CLOEXEC);

    if (fd == -1) {
        return true;
    }

    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode)) {
        access &= LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE
                  | LANDLOCK_ACCESS_FS_WRITE_FILE;
    }

    rule = (struct landlock_path_beneath_attr) { access, fd };
    ok = syscall(__NR_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH,
                 &rule, 0) == 0;
    (void) close(fd);

    return ok;
}


static bool
xrw_sandbox_files(const xrw_sandbox_t *s)
{
    int                              rules;
    bool                             ok;
    size_t                           i;
    struct landlock_ruleset_attr     handled;

    memset(&handled, 0, sizeof(handled));
    handled.handled_access_fs = XRW_SANDBOX_READ | XRW_SANDBOX_WRITE;

    rules = (int) syscall(__NR_landlock_create_ruleset, &handled,
                          sizeof(handled.handled_access_fs), 0);

    if (rules == -1) {
        return false;
    }

    ok = xrw_sandbox_allow(rules, s->writable,
                           XRW_SANDBOX_READ | XRW_SANDBOX_WRITE)
         && xrw_sandbox_allow(rules, "/dev/null",
                              LANDLOCK_ACCESS_FS_READ_FILE
                              | LANDLOCK_ACCESS_FS_WRITE_FILE);

    for (i = 0; ok && s->readable[i] != NULL; i++) {
        ok = xrw_sandbox_allow(rules, s->readable[i], XRW_SANDBOX_READ);
    }

    ok = ok && syscall(__NR_landlock_restrict_self, rules, 0) == 0;
    (void) close(rules);

    return ok;
}


static bool
xrw_sandbox_limit(int resource, uint64_t soft, uint64_t hard)
{
    struct rlimit  limit;

    if (getrlimit((__rlimit_resource_t) resource, &limit) == -1) {
        return false;
    }

    if (limit.rlim_max == RLIM_INFINITY || hard < limit.rlim_max) {
        limit.rlim_max = hard;
    }

    limit.rlim_cur = (soft < limit.rlim_max) ? soft : limit.rlim_max;

    return setrlimit((__rlimit_resource_t) resource, &limit) == 0;
}


/* A sanitizer's build has more addresses than any limit before it begins. */

static bool
xrw_sandbox_addresses(uint64_t limit)
{
    FILE                *file;
    unsigned long long   pages;

    pages = 0;
    file = fopen("/proc/self/statm", "re");

    if (file != NULL) {

        if (fscanf(file, "%llu", &pages) != 1) {
            pages = 0;
        }

        (void) fclose(file);
    }

    return pages * (uint64_t) sysconf(_SC_PAGESIZE) < limit;
}


static bool
xrw_sandbox_limits(const xrw_sandbox_t *s)
{
    if (s->memory > 0 && xrw_sandbox_addresses(s->memory)
        && !xrw_sandbox_limit(RLIMIT_AS, s->memory, RLIM_INFINITY))
    {
        return false;
    }

    return xrw_sandbox_limit(RLIMIT_CORE, 0, 0)
           && xrw_sandbox_limit(RLIMIT_FSIZE, s->file, s->file)
           && xrw_sandbox_limit(RLIMIT_NOFILE, s->files, s->files)
           && xrw_sandbox_limit(RLIMIT_NPROC, s->processes, s->processes)
           && xrw_sandbox_limit(RLIMIT_CPU, s->cpu, s->cpu + 5);
}


bool
xrw_sandbox_enter(const xrw_sandbox_t *s, unsigned *holds, const char **why)
{
    *holds = 0;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
        *why = "privileges cannot be given up";
        return false;
    }

    if (!xrw_sandbox_limits(s)) {
        *why = "limits cannot be set";
        return false;
    }

    *holds |= XRW_SANDBOX_LIMITS;

    if (xrw_sandbox_network()) {
        *holds |= XRW_SANDBOX_NETWORK;
    }

    if (xrw_sandbox_files(s)) {
        *holds |= XRW_SANDBOX_FILES;
    }

    if (!xrw_sandbox_syscalls()) {
        *why = "system calls cannot be filtered";
        return false;
    }

    *holds |= XRW_SANDBOX_SYSCALLS;

    return true;
}
