/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_CLI_H
#define XRW_CLI_H


#include "xr.h"

#include <signal.h>


/* What every command shares: its entry in the table, options, messages. */

#define XRW_OK      0
#define XRW_FAILED  1
#define XRW_USAGE   2


typedef struct xrw_command_s  xrw_command_t;

struct xrw_command_s {
    const char  *name;              /* "publish", "token make" */
    const char  *args;
    const char  *summary;
    int        (*run)(const xrw_command_t *cmd, int argc, char **argv);
};


typedef enum {
    XRW_OPTION_FLAG = 0,            /* bool: set */
    XRW_OPTION_TEXT,                /* const char *: the last one counts */
    XRW_OPTION_LIST                 /* xrw_list_t: all count */
} xrw_option_kind_t;


typedef struct {
    const char         *name;
    const char         *arg;        /* what its value is; NULL: a flag */
    xrw_option_kind_t   kind;
    void               *out;
    const char         *help;
} xrw_option_t;


#define XRW_LIST_MAX  16

typedef struct {
    const char  *items[XRW_LIST_MAX];
    size_t       n;
} xrw_list_t;


/*
 * Reads the options; "*argc" and "*argv" are then the arguments that remain.
 * False: "*status" is what to exit with, everything has been said.
 */
bool xrw_options(const xrw_command_t *cmd, const xrw_option_t *options,
    size_t n, int *argc, char ***argv, int *status);

/*
 * Messages, with control characters as \xNN.
 * Says that a command was called wrongly; XRW_USAGE.
 */
int xrw_usage(const xrw_command_t *cmd, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Says "xr: ..." on stderr, clear of a progress bar; XRW_FAILED. */
int xrw_error(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* What xrw_error() says goes there instead, if it is not NULL. */
extern void (*xrw_error_hook)(const char *text);


/* Prints a name that comes from outside: control characters as \xNN. */
void xrw_print(xr_str_t s);

/* Whether the person at the terminal says yes. */
bool xrw_confirm(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* "1.5 MiB" */
#define XRW_SIZE_TEXT  16
void xrw_size(uint64_t size, char text[XRW_SIZE_TEXT]);


/* Set by SIGINT, SIGTERM and SIGHUP once xrw_stop_catch() was called. */

extern volatile sig_atomic_t  xrw_stop;

void xrw_stop_catch(void);


/* The commands */

int xrw_token_make(const xrw_command_t *cmd, int argc, char **argv);
int xrw_token_show(const xrw_command_t *cmd, int argc, char **argv);
int xrw_token_check(const xrw_command_t *cmd, int argc, char **argv);
int xrw_publish(const xrw_command_t *cmd, int argc, char **argv);
int xrw_status(const xrw_command_t *cmd, int argc, char **argv);
int xrw_gc(const xrw_command_t *cmd, int argc, char **argv);
int xrw_variants(const xrw_command_t *cmd, int argc, char **argv);
int xrw_rollback(const xrw_command_t *cmd, int argc, char **argv);
int xrw_pack_command(const xrw_command_t *cmd, int argc, char **argv);
int xrw_ls(const xrw_command_t *cmd, int argc, char **argv);
int xrw_rm(const xrw_command_t *cmd, int argc, char **argv);
int xrw_tenants_check(const xrw_command_t *cmd, int argc, char **argv);
int xrw_tenants_list(const xrw_command_t *cmd, int argc, char **argv);
int xrw_tenants_sign(const xrw_command_t *cmd, int argc, char **argv);
int xrw_tenants_show(const xrw_command_t *cmd, int argc, char **argv);
int xrw_geo_lookup(const xrw_command_t *cmd, int argc, char **argv);
int xrw_explain(const xrw_command_t *cmd, int argc, char **argv);
int xrw_manifest_check(const xrw_command_t *cmd, int argc, char **argv);
int xrw_purge(const xrw_command_t *cmd, int argc, char **argv);
int xrw_purges_list(const xrw_command_t *cmd, int argc, char **argv);
int xrw_revoke(const xrw_command_t *cmd, int argc, char **argv);
int xrw_jobs_add(const xrw_command_t *cmd, int argc, char **argv);
int xrw_jobs_list(const xrw_command_t *cmd, int argc, char **argv);
int xrw_jobs_show(const xrw_command_t *cmd, int argc, char **argv);
int xrw_jobs_retry(const xrw_command_t *cmd, int argc, char **argv);
int xrw_jobs_drop(const xrw_command_t *cmd, int argc, char **argv);
int xrw_worker_pack(const xrw_command_t *cmd, int argc, char **argv);
int xrw_worker_purge(const xrw_command_t *cmd, int argc, char **argv);
int xrw_worker_sync(const xrw_command_t *cmd, int argc, char **argv);


#endif /* XRW_CLI_H */
