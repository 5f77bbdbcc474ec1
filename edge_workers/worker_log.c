/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "worker_log.h"
#include "cli.h"
#include "json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


#define XRW_LOG_TIME  40


static const char  *xrw_log_worker;
static const char  *xrw_log_name;
static char         xrw_log_said[512];


static void
xrw_log_time(char text[XRW_LOG_TIME])
{
    size_t           n;
    struct tm        tm;
    struct timespec  now;

    (void) clock_gettime(CLOCK_REALTIME, &now);
    (void) gmtime_r(&now.tv_sec, &tm);

    n = strftime(text, XRW_LOG_TIME, "%Y-%m-%dT%H:%M:%S", &tm);
    (void) snprintf(text + n, XRW_LOG_TIME - n, ".%03dZ",
                    (int) (now.tv_nsec / 1000000));
}


/* A line is one write: lines of several processes are not mixed. */

static void
xrw_log_put(json_t *line)
{
    char    *text;
    size_t   len;

    text = json_dumps(line, JSON_COMPACT);

    if (text != NULL) {
        len = strlen(text);
        text[len] = '\n';

        if (write(STDERR_FILENO, text, len + 1) == -1) {
            /* nobody is left to be told */
        }
    }

    free(text);
    json_decref(line);
}


static json_t *
xrw_log_line(xrw_log_level_t level, const char *event)
{
    char     now[XRW_LOG_TIME];
    json_t  *line;

    static const char *const  levels[] = { "info", "warn", "error" };

    xrw_log_time(now);
    line = json_object();

    (void) json_object_set_new(line, "ts", json_string(now));
    (void) json_object_set_new(line, "level", json_string(levels[level]));
    (void) json_object_set_new(line, "worker", json_string(xrw_log_worker));
    (void) json_object_set_new(line, "name",
                               xrw_json_text(xr_str(xrw_log_name)));
    (void) json_object_set_new(line, "event", json_string(event));

    return line;
}


void
xrw_log(xrw_log_level_t level, const char *event, const char *format, ...)
{
    json_t        *line, *more;
    va_list        args;
    json_error_t   error;

    line = xrw_log_line(level, event);

    va_start(args, format);
    more = json_vpack_ex(&error, 0, format, args);
    va_end(args);

    if (more != NULL) {
        (void) json_object_update(line, more);
        json_decref(more);
    }

    xrw_log_put(line);
}


static void
xrw_log_error(const char *text)
{
    json_t  *line;

    (void) snprintf(xrw_log_said, sizeof(xrw_log_said), "%s", text);

    line = xrw_log_line(XRW_LOG_ERROR, "error");
    (void) json_object_set_new(line, "msg", xrw_json_text(xr_str(text)));
    xrw_log_put(line);
}


void
xrw_log_open(const char *worker, const char *name)
{
    xrw_log_worker = worker;
    xrw_log_name = name;
    xrw_error_hook = xrw_log_error;
}


const char *
xrw_log_last(void)
{
    return xrw_log_said;
}
