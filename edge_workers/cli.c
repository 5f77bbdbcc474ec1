/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define XRW_OPTIONS_MAX  40
#define XRW_HELP_COLUMN  26


volatile sig_atomic_t  xrw_stop;

void  (*xrw_error_hook)(const char *text);


static void
xrw_help(const xrw_command_t *cmd, const xrw_option_t *options, size_t n)
{
    char    left[64];
    size_t  i;

    printf("usage: xr %s %s\n\n%s\n\n", cmd->name, cmd->args, cmd->summary);

    for (i = 0; i < n; i++) {
        (void) snprintf(left, sizeof(left), "--%s%s%s", options[i].name,
                        options[i].arg != NULL ? " " : "",
                        options[i].arg != NULL ? options[i].arg : "");
        printf("  %-*s %s\n", XRW_HELP_COLUMN, left, options[i].help);
    }

    printf("  %-*s %s\n", XRW_HELP_COLUMN, "--help", "this text");
}


static bool
xrw_option_set(const xrw_option_t *option, const char *value)
{
    xrw_list_t  *list;

    switch (option->kind) {

    case XRW_OPTION_FLAG:
        *(bool *) option->out = true;
        return true;

    case XRW_OPTION_TEXT:
        *(const char **) option->out = value;
        return true;

    case XRW_OPTION_LIST:
        list = option->out;

        if (list->n == XRW_LIST_MAX) {
            return false;
        }

        list->items[list->n++] = value;
        return true;
    }

    return false;
}


bool
xrw_options(const xrw_command_t *cmd, const xrw_option_t *options, size_t n,
    int *argc, char ***argv, int *status)
{
    int            c;
    char           name[64];
    size_t         i;
    struct option  table[XRW_OPTIONS_MAX + 2];

    memset(table, 0, sizeof(table));

    for (i = 0; i < n && i < XRW_OPTIONS_MAX; i++) {
        table[i].name = options[i].name;
        table[i].has_arg = (options[i].kind == XRW_OPTION_FLAG)
                           ? no_argument : required_argument;
        table[i].val = (int) i;
    }

    table[i].name = "help";
    table[i].val = (int) i;

    /* getopt() begins its own messages with it */

    (void) snprintf(name, sizeof(name), "xr %s", cmd->name);
    (*argv)[0] = name;

    *status = XRW_USAGE;

    while ((c = getopt_long(*argc, *argv, "", table, NULL)) != -1) {

        if (c == '?') {
            (void) fprintf(stderr, "xr: \"xr %s --help\" says more\n",
                           cmd->name);
            return false;
        }

        if ((size_t) c == n) {
            xrw_help(cmd, options, n);
            *status = XRW_OK;
            return false;
        }

        if (!xrw_option_set(&options[c], optarg)) {
            (void) xrw_usage(cmd, "more than %d times --%s", XRW_LIST_MAX,
                             options[c].name);
            return false;
        }
    }

    *argc -= optind;
    *argv += optind;

    return true;
}


/*
 * Control characters as \xNN: those of ASCII, and those between 0x80 and 0x9f,
 * which UTF-8 begins with 0xc2 and terminals obey as well.
 */

static void
xrw_put(FILE *f, xr_str_t s)
{
    bool     second;
    size_t   i;
    uint8_t  c;

    for (i = 0; i < s.len; i++) {
        c = s.data[i];
        second = c == 0xc2 && i + 1 < s.len && s.data[i + 1] >= 0x80
                 && s.data[i + 1] < 0xa0;

        if (second) {
            (void) fprintf(f, "\\x%02x", (unsigned) c);
            c = s.data[++i];
        }

        if (second || c < 0x20 || c == 0x7f) {
            (void) fprintf(f, "\\x%02x", (unsigned) c);

        } else {
            (void) fputc(c, f);
        }
    }
}


/* Messages quote names of files, keys and tokens, which may be anything. */

static void
xrw_say(const char *format, va_list args)
{
    char  *text;

    if (vasprintf(&text, format, args) == -1) {
        (void) fputs("out of memory", stderr);
        return;
    }

    xrw_put(stderr, xr_str(text));
    free(text);
}


static void
xrw_error_tell(const char *format, va_list args)
{
    char  *text;

    if (vasprintf(&text, format, args) != -1) {
        xrw_error_hook(text);
        free(text);
    }
}


int
xrw_usage(const xrw_command_t *cmd, const char *format, ...)
{
    va_list  args;

    if (xrw_error_hook != NULL) {
        va_start(args, format);
        xrw_error_tell(format, args);
        va_end(args);

        return XRW_USAGE;
    }

    (void) fputs("xr: ", stderr);

    va_start(args, format);
    xrw_say(format, args);
    va_end(args);

    (void) fprintf(stderr, "\nxr: \"xr %s --help\" says more\n", cmd->name);

    return XRW_USAGE;
}


int
xrw_error(const char *format, ...)
{
    va_list  args;

    if (xrw_error_hook != NULL) {
        va_start(args, format);
        xrw_error_tell(format, args);
        va_end(args);

        return XRW_FAILED;
    }

    /* threads say whole lines */

    flockfile(stderr);

    if (isatty(STDERR_FILENO)) {
        (void) fputs("\r\033[K", stderr);
    }

    (void) fputs("xr: ", stderr);

    va_start(args, format);
    xrw_say(format, args);
    va_end(args);

    (void) fputc('\n', stderr);

    funlockfile(stderr);

    return XRW_FAILED;
}


void
xrw_print(xr_str_t s)
{
    xrw_put(stdout, s);
}


bool
xrw_confirm(const char *format, ...)
{
    char     answer[16];
    va_list  args;

    (void) fflush(stdout);

    va_start(args, format);
    xrw_say(format, args);
    va_end(args);

    (void) fputs(" [y/N] ", stderr);

    if (fgets(answer, sizeof(answer), stdin) == NULL) {
        (void) fputc('\n', stderr);
        return false;
    }

    return strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0;
}


void
xrw_size(uint64_t size, char text[XRW_SIZE_TEXT])
{
    size_t  i;
    double  n;

    static const char *const  units[] = {
        "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"
    };

    if (size < 1024) {
        (void) snprintf(text, XRW_SIZE_TEXT, "%u B", (unsigned) size);
        return;
    }

    n = (double) size / 1024;

    for (i = 0; n >= 1023.95 && i < XR_COUNT(units) - 1; i++) {
        n /= 1024;
    }

    (void) snprintf(text, XRW_SIZE_TEXT, "%.1f %s", n, units[i]);
}


static void
xrw_stop_signal(int signo)
{
    xrw_stop = signo;
}


void
xrw_stop_catch(void)
{
    size_t            i;
    struct sigaction  sa;
    static const int  signals[] = { SIGINT, SIGTERM, SIGHUP };

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = xrw_stop_signal;

    /* once: a second Ctrl-C ends what does not look at the flag */

    sa.sa_flags = (int) SA_RESETHAND;

    for (i = 0; i < XR_COUNT(signals); i++) {
        (void) sigaction(signals[i], &sa, NULL);
    }
}
