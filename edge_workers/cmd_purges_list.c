/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "config_worker.h"
#include "json.h"
#include "when.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define XRW_PURGES_LINE  (1024 * 1024)  /* no line of a journal is longer */


typedef struct {
    const char  *journal;
    const char  *config;
    const char  *tenant;
    const char  *order;
    bool         json;
} xrw_purges_t;


static const char *
xrw_purges_text(const json_t *line, const char *name)
{
    const char  *text;

    text = json_string_value(json_object_get(line, name));

    return (text != NULL) ? text : "";
}


static bool
xrw_purges_has(const json_t *line, const char *name, const char *text)
{
    size_t   i;
    json_t  *item, *list;

    list = json_object_get(line, name);

    json_array_foreach(list, i, item) {
        if (json_is_string(item)
            && strcmp(json_string_value(item), text) == 0)
        {
            return true;
        }
    }

    return false;
}


static bool
xrw_purges_wanted(const xrw_purges_t *p, const json_t *line)
{
    if (p->tenant != NULL
        && strcmp(xrw_purges_text(line, "tenant"), p->tenant) != 0)
    {
        return false;
    }

    return p->order == NULL
           || strcmp(xrw_purges_text(line, "order"), p->order) == 0
           || strcmp(xrw_purges_text(line, "job"), p->order) == 0
           || xrw_purges_has(line, "orders", p->order)
           || xrw_purges_has(line, "jobs", p->order);
}


/* What the line is about: all that is in its lists. */

static void
xrw_purges_names(const json_t *line, const char *name)
{
    size_t   i;
    json_t  *item, *list;

    list = json_object_get(line, name);

    json_array_foreach(list, i, item) {
        (void) putchar(' ');
        xrw_print(xr_str(json_is_string(item) ? json_string_value(item)
                                              : ""));
    }
}


static void
xrw_purges_line(const json_t *line)
{
    char         when[XRW_WHEN_TEXT];
    size_t       i;
    const char  *text;

    static const char *const  words[] = {
        "event", "tenant", "order", "by", "key", "invalidation", "reason"
    };

    static const char *const  lists[] = {
        "orders", "objects", "prefixes", "tags", "paths"
    };

    xrw_when_text(json_integer_value(json_object_get(line, "at")), when);
    (void) fputs(when, stdout);

    for (i = 0; i < XR_COUNT(words); i++) {
        text = xrw_purges_text(line, words[i]);

        if (text[0] != '\0') {
            (void) fputs(i < 3 ? "  " : i == 3 ? "  by " : "  ", stdout);

            if (i > 3) {
                printf("%s ", words[i]);
            }

            xrw_print(xr_str(text));
        }
    }

    for (i = 0; i < XR_COUNT(lists); i++) {
        xrw_purges_names(line, lists[i]);
    }

    if (json_is_true(json_object_get(line, "all"))) {
        (void) fputs("  all", stdout);
    }

    (void) putchar('\n');
}


/* A line that a crash has cut short is not one. */

static int
xrw_purges_read(const xrw_purges_t *p, FILE *f)
{
    char    *text;
    size_t   len;
    json_t  *line;

    text = malloc(XRW_PURGES_LINE);

    if (text == NULL) {
        return xrw_error("out of memory");
    }

    while (fgets(text, XRW_PURGES_LINE, f) != NULL) {
        len = strlen(text);
        line = json_loadb(text, len, 0, NULL);

        if (line == NULL) {
            (void) xrw_error("%s: a line is no JSON", p->journal);

        } else if (xrw_purges_wanted(p, line)) {

            if (p->json) {
                xrw_json_print(json_incref(line));

            } else {
                xrw_purges_line(line);
            }
        }

        json_decref(line);
    }

    free(text);

    return ferror(f) ? xrw_error("%s: %s", p->journal, strerror(errno))
                     : XRW_OK;
}


static int
xrw_purges_run(xrw_purges_t *p, xrw_arena_t *arena)
{
    int                 status;
    FILE               *f;
    xrw_worker_conf_t   conf;

    if (p->journal == NULL) {

        if (!xrw_config_worker(arena, p->config, &conf)) {
            return XRW_FAILED;
        }

        p->journal = conf.purge.journal;
    }

    if (p->journal == NULL) {
        return xrw_error("%s: \"worker\" has no journal of purges",
                         p->config);
    }

    f = fopen(p->journal, "re");

    if (f == NULL) {
        return xrw_error("%s: %s", p->journal, strerror(errno));
    }

    status = xrw_purges_read(p, f);
    (void) fclose(f);

    return status;
}


int
xrw_purges_list(const xrw_command_t *cmd, int argc, char **argv)
{
    int           status;
    xrw_arena_t   arena;
    xrw_purges_t  p;

    const xrw_option_t  options[] = {

        { "journal", "FILE", XRW_OPTION_TEXT, &p.journal,
          "another one than the configuration's" },

        { "config", "FILE", XRW_OPTION_TEXT, &p.config,
          "says where the journal is (XR_CONFIG)" },

        { "tenant", "NAME", XRW_OPTION_TEXT, &p.tenant, "of this one alone" },

        { "order", "ID", XRW_OPTION_TEXT, &p.order,
          "of this order, by its jti, or as a job" },

        { "json", NULL, XRW_OPTION_FLAG, &p.json,
          "one JSON object per line" }
    };

    memset(&p, 0, sizeof(p));
    p.config = getenv("XR_CONFIG");

    if (p.config == NULL || p.config[0] == '\0') {
        p.config = "/etc/ngx_xr/xr.json";
    }

    if (!xrw_options(cmd, options, XR_COUNT(options), &argc, &argv, &status)) {
        return status;
    }

    if (argc > 0) {
        return xrw_usage(cmd, "no arguments are taken");
    }

    arena = (xrw_arena_t) { NULL };
    status = xrw_purges_run(&p, &arena);
    xrw_arena_free(&arena);

    return status;
}
