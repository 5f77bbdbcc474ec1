/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>


static const xrw_command_t  xrw_commands[] = {

    { "token make", "[OPTION]... [PATH]",
      "Prints a signed token, or a signed URL of PATH.", xrw_token_make },

    { "token show", "[OPTION]... TOKEN|URL",
      "Explains a token, and what would refuse it.", xrw_token_show },

    { "token check", "[OPTION]... TOKEN|URL",
      "Says what an edge would decide.", xrw_token_check },

    { "publish", "[OPTION]... FILE|DIR|PATTERN...",
      "Uploads models and textures, and has their variants made.",
      xrw_publish },

    { "status", "--tenant NAME [OPTION]... [OBJECT|FOLDER/]...",
      "Says what is published, and what is under way.", xrw_status },

    { "variants", "[OPTION]... FILE|FOLDER|OBJECT",
      "Shows the variants of a manifest, or makes a page of them.",
      xrw_variants },

    { "rollback", "--tenant NAME [OPTION]... OBJECT",
      "Publishes again what was published before.", xrw_rollback },

    { "gc", "--tenant NAME [OPTION]... [PREFIX]",
      "Removes variants that nothing refers to any more.", xrw_gc },

    { "pack", "--out DIR [OPTION]... FILE",
      "Makes the variants of a model, and their manifest.",
      xrw_pack_command },

    { "ls", "[OPTION]... [PREFIX]",
      "Lists what a tenant's origin has.", xrw_ls },

    { "rm", "[OPTION]... KEY...",
      "Removes objects from a tenant's origin.", xrw_rm },

    { "tenants check", "[FILE]",
      "Says whether NGINX would take a tenants file.", xrw_tenants_check },

    { "tenants list", "[OPTION]...",
      "Lists the tenants of a file.", xrw_tenants_list },

    { "tenants show", "[OPTION]... NAME",
      "Shows a tenant of a file, but no secrets.", xrw_tenants_show },

    { "tenants sign", "--key FILE [OPTION]... [FILE]",
      "Signs a tenants file for xr worker sync.", xrw_tenants_sign },

    { "geo lookup", "--db FILE [OPTION]... [ADDRESS]...",
      "Says where addresses are, and what a policy makes of it.",
      xrw_geo_lookup },

    { "explain", "--manifest FILE | --live [OPTION]... URL",
      "Says what an edge makes of a request, and why.", xrw_explain },

    { "manifest check", "FILE...",
      "Says whether an edge can use manifests.", xrw_manifest_check },

    { "purge", "--tenant NAME [OPTION]...",
      "Purges what edges have stored of a tenant's objects.", xrw_purge },

    { "purges list", "[OPTION]...",
      "Shows what workers have purged, for whom and when.",
      xrw_purges_list },

    { "revoke", "[OPTION]... TENANT sub|jti|kid VALUE",
      "Revokes a subject, a token or a key.", xrw_revoke },

    { "jobs add", "--tenant NAME [OPTION]... KEY...",
      "Has workers make the variants of objects.", xrw_jobs_add },

    { "jobs list", "[OPTION]...",
      "Lists the jobs of workers.", xrw_jobs_list },

    { "jobs show", "[OPTION]... ID...",
      "Shows jobs, and what came of them.", xrw_jobs_show },

    { "jobs retry", "[OPTION]... ID...",
      "Puts jobs into the queue again.", xrw_jobs_retry },

    { "jobs drop", "[OPTION]... ID...",
      "Forgets jobs.", xrw_jobs_drop },

    { "worker pack", "[OPTION]...",
      "Makes the variants of objects that were published.", xrw_worker_pack },

    { "worker purge", "[OPTION]...",
      "Has orders to purge carried out, by edges and CloudFront.",
      xrw_worker_purge },

    { "worker sync", "[OPTION]...",
      "Keeps keys, tenants and credentials of NGINX fresh.", xrw_worker_sync }
};


static void
xrw_list(FILE *out)
{
    size_t  i;

    (void) fputs("usage: xr COMMAND [OPTION]... [ARGUMENT]...\n\n", out);

    for (i = 0; i < XR_COUNT(xrw_commands); i++) {
        (void) fprintf(out, "  %-16s %s\n", xrw_commands[i].name,
                       xrw_commands[i].summary);
    }

    (void) fputs("\n\"xr COMMAND --help\" lists the options of a command.\n"
                 "Exit status: 0 done, 1 failed, 2 called wrongly.\n", out);
}


/* The command that "argv" begins with, and of how many words it is. */

static const xrw_command_t *
xrw_find(int argc, char **argv, int *words)
{
    size_t       i, len;
    const char  *name;

    for (i = 0; i < XR_COUNT(xrw_commands); i++) {
        name = xrw_commands[i].name;
        len = strcspn(name, " ");

        if (argc < 1 || strlen(argv[0]) != len
            || strncmp(argv[0], name, len) != 0)
        {
            continue;
        }

        if (name[len] == '\0') {
            *words = 1;
            return &xrw_commands[i];
        }

        if (argc > 1 && strcmp(argv[1], name + len + 1) == 0) {
            *words = 2;
            return &xrw_commands[i];
        }
    }

    return NULL;
}


static int
xrw_run(int argc, char **argv)
{
    int                   status, words;
    char                 *help[] = { NULL, (char[]) { "--help" }, NULL };
    const xrw_command_t  *cmd;

    if (argc == 0) {
        xrw_list(stderr);
        return XRW_USAGE;
    }

    if (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0
        || strcmp(argv[0], "-h") == 0)
    {
        cmd = xrw_find(argc - 1, argv + 1, &words);

        if (cmd != NULL) {
            return cmd->run(cmd, 2, help);
        }

        xrw_list(stdout);
        return XRW_OK;
    }

    cmd = xrw_find(argc, argv, &words);

    if (cmd == NULL) {
        (void) xrw_error("no such command: %s%s%s", argv[0],
                         argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
        xrw_list(stderr);
        return XRW_USAGE;
    }

    status = cmd->run(cmd, argc - words + 1, argv + words - 1);

    /* the next command of a script sees a broken pipe as what it is */

    if (fflush(stdout) == EOF || ferror(stdout)) {
        return xrw_error("standard output: it cannot be written");
    }

    return status;
}


int
main(int argc, char **argv)
{
    int  status;

    (void) signal(SIGPIPE, SIG_IGN);

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return xrw_error("libcurl does not start");
    }

    status = xrw_run(argc - 1, argv + 1);

    curl_global_cleanup();

    /* whoever waits for us learns that it was a signal */

    if (xrw_stop != 0) {
        (void) signal(xrw_stop, SIG_DFL);
        (void) raise(xrw_stop);
    }

    return status;
}
