/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "io.h"
#include "json.h"
#include "pack.h"
#include "pack_run.h"
#include "sandbox.h"
#include "when.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


#define XRW_PACK_SOURCE_MAX   (UINT64_C(256) * 1024 * 1024)
#define XRW_PACK_MEMORY       (UINT64_C(6) * 1024 * 1024 * 1024)
#define XRW_PACK_FILE         (UINT64_C(512) * 1024 * 1024)
#define XRW_PACK_CPU          900
#define XRW_PACK_TIMEOUT_MAX  86400
#define XRW_PACK_INSTALLED    "/usr/share/ngx_xr/pack"


typedef struct {
    const char   *out;
    const char   *preset;
    const char   *presets;
    const char   *tools;
    const char   *id;
    const char   *timeout;
    bool          json;

    xrw_arena_t   arena;
    xrw_pack_t    pack;
    const char   *beside;           /* folder of the source, for glTF in JSON */
    char         *work;             /* folder inside of "out"; NULL: not made */
    int           folder;           /* "out" */
    unsigned      sandbox;
} xrw_cmd_pack_t;


/* "out" and a folder in it that only this run uses. */

static bool
xrw_pack_folders(xrw_cmd_pack_t *c)
{
    char  path[PATH_MAX];

    if (!xrw_io_folders(xrw_format(&c->arena, "%s/manifest.json", c->out))
        || realpath(c->out, path) == NULL)
    {
        return xrw_pack_fail(&c->pack, "io", "--out is no folder, and cannot "
                             "be made one", strerror(errno));
    }

    c->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    c->work = xrw_format(&c->arena, "%s/.work-XXXXXX", path);
    c->out = xrw_text(&c->arena, xr_str(path));

    if (c->folder == -1 || mkdtemp(c->work) == NULL) {
        c->work = NULL;
        return xrw_pack_fail(&c->pack, "io", "no file can be made in --out",
                             strerror(errno));
    }

    if (chdir(c->work) == -1) {
        return xrw_pack_fail(&c->pack, "io", "its folder cannot be entered",
                             strerror(errno));
    }

    return true;
}


/* Where the texture tool is: as told, beside the program, or installed. */

static const char *
xrw_pack_tools(xrw_cmd_pack_t *c)
{
    char     path[PATH_MAX];
    char    *slash;
    ssize_t  n;

    if (c->tools != NULL) {
        return (realpath(c->tools, path) != NULL)
               ? xrw_text(&c->arena, xr_str(path)) : "";
    }

    n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (n > 0) {
        path[n] = '\0';
        slash = strrchr(path, '/');

        if (slash != NULL) {
            slash[0] = '\0';
            slash = xrw_format(&c->arena, "%s/pack", path);

            if (access(slash, X_OK) == 0) {
                return slash;
            }
        }
    }

    return XRW_PACK_INSTALLED;
}


static bool
xrw_pack_lock(xrw_cmd_pack_t *c)
{
    const char     *why;
    xrw_sandbox_t   s;

    const char *const  readable[] = {
        "/usr", "/lib", "/lib64", "/bin", "/proc", "/sys/fs/cgroup",
        "/sys/devices/system/cpu", "/dev/urandom", "/etc/ld.so.cache",
        "/etc/ssl/openssl.cnf", c->pack.tools, c->beside, NULL
    };

    s = (xrw_sandbox_t) {
        .memory = XRW_PACK_MEMORY, .file = XRW_PACK_FILE, .cpu = XRW_PACK_CPU,
        .files = 256, .processes = 1024, .writable = c->out,
        .readable = readable
    };

    return xrw_sandbox_enter(&s, &c->sandbox, &why)
           || xrw_pack_fail(&c->pack, "sandbox", why, NULL);
}


static bool
xrw_pack_source(xrw_cmd_pack_t *c, const char *path)
{
    char         *dot;
    const char   *name;
    struct stat   st;

    if (stat(path, &st) == 0 && (uint64_t) st.st_size > XRW_PACK_SOURCE_MAX) {
        return xrw_pack_fail(&c->pack, "size", "it is larger than 256 MiB",
                             NULL);
    }

    if (!xrw_io_text(&c->arena, path, XRW_PACK_SOURCE_MAX, &c->pack.source)) {
        return xrw_pack_fail(&c->pack, "io", "it cannot be read", NULL);
    }

    name = strrchr(path, '/');
    name = (c->id != NULL) ? c->id : (name != NULL) ? name + 1 : path;

    dot = xrw_text(&c->arena, xr_str(name));
    c->pack.name = dot;
    dot = strrchr(dot, '.');

    if (dot != NULL && c->id == NULL) {
        dot[0] = '\0';
    }

    return (strlen(c->pack.name) > 0
            && strlen(c->pack.name) <= XR_MANIFEST_NAME_MAX)
           || xrw_pack_fail(&c->pack, "name", "its name is no text of 1 "
                                  "to 256 bytes", NULL);
}


static bool
xrw_pack_beside(xrw_cmd_pack_t *c, const char *path)
{
    char  *slash, folder[PATH_MAX];

    if (realpath(path, folder) == NULL) {
        return xrw_pack_fail(&c->pack, "io", "it cannot be read", NULL);
    }

    slash = strrchr(folder, '/');
    slash[slash == folder ? 1 : 0] = '\0';
    c->beside = xrw_text(&c->arena, xr_str(folder));

    return true;
}


static bool
xrw_pack_do(xrw_cmd_pack_t *c, const char *path, xr_str_t *manifest)
{
    xr_asset_kind_t  kind;

    kind = xr_asset_kind(xr_str(path));

    return xrw_pack_source(c, path)
           && (kind != XR_ASSET_GLTF || xrw_pack_beside(c, path))
           && xrw_pack_folders(c)
           && xrw_pack_lock(c)
           && (kind != XR_ASSET_GLTF || xrw_pack_embed(&c->pack, c->beside))
           && xrw_pack(&c->pack, kind)
           && xrw_pack_manifest(&c->pack, manifest)
           && xrw_pack_write(&c->pack, c->folder, *manifest);
}


static char *
xrw_pack_reason(xrw_cmd_pack_t *c)
{
    const xr_refusal_t  *why;

    why = &c->pack.why;

    if (why->thing != NULL) {
        return xrw_format(&c->arena, "%s %u %s", why->thing, why->index,
                          why->what);
    }

    return (c->pack.detail != NULL)
           ? xrw_format(&c->arena, "%s (%s)", why->what, c->pack.detail)
           : xrw_text(&c->arena, xr_str(why->what));
}


/* Whether the same source could do better another time. */

static bool
xrw_pack_again(const char *code)
{
    size_t  i;

    static const char *const  codes[] = {
        "io", "memory", "sandbox", "texture.tool"
    };

    for (i = 0; i < XR_COUNT(codes); i++) {

        if (strcmp(code, codes[i]) == 0) {
            return true;
        }
    }

    return false;
}


static int
xrw_pack_refused(xrw_cmd_pack_t *c, const char *path)
{
    char  *reason;

    reason = xrw_pack_reason(c);

    if (c->json) {
        xrw_json_print(json_pack(
            "{s:b, s:s, s:o, s:b}", "ok", 0, "code", c->pack.why.code,
            "reason", xrw_json_text(xr_str(reason)),
            "retry", (int) xrw_pack_again(c->pack.why.code)));
    }

    return xrw_error("%s: %s: %s", path, c->pack.why.code, reason);
}


static json_t *
xrw_pack_held(unsigned holds)
{
    size_t   i;
    json_t  *list;

    static const char *const  names[] = {
        "limits", "syscalls", "network", "files"
    };

    list = json_array();

    for (i = 0; i < XR_COUNT(names); i++) {

        if ((holds & 1u << i) != 0) {
            (void) json_array_append_new(list, json_string(names[i]));
        }
    }

    return list;
}


static void
xrw_pack_report(xrw_cmd_pack_t *c, xr_str_t manifest)
{
    size_t                     i;
    json_t                    *list;
    const xrw_pack_variant_t  *v;

    list = json_array();

    for (i = 0; i < c->pack.n; i++) {
        v = &c->pack.variants[i];
        (void) json_array_append_new(list, json_pack(
            "{s:s, s:s, s:I, s:I, s:I, s:I}", "id", v->id, "path", v->path,
            "bytes", (json_int_t) v->data.len, "tris", (json_int_t) v->tris,
            "draws", (json_int_t) v->draws, "maxdim", (json_int_t) v->maxdim));
    }

    xrw_json_print(json_pack(
        "{s:b, s:s, s:I, s:s, s:o, s:o, s:O, s:o}", "ok", 1,
        "id", c->pack.name, "source", (json_int_t) c->pack.source.len,
        "rev", c->pack.rev, "variants", list,
        "classes", xrw_pack_coverage(&c->pack, manifest),
        "warnings", c->pack.warnings, "sandbox", xrw_pack_held(c->sandbox)));
}


static void
xrw_pack_tell(xrw_cmd_pack_t *c, xr_str_t manifest)
{
    char                       size[XRW_SIZE_TEXT];
    size_t                     i;
    json_t                    *classes, *class, *warning;
    const char                *name, *reason;
    const xrw_pack_variant_t  *v;

    for (i = 0; i < c->pack.n; i++) {
        v = &c->pack.variants[i];
        xrw_size(v->data.len, size);
        printf("%-20s %10s %5.1f%%  %8u triangles %4u draws %5u px  %.12s\n",
               v->id, size, 100.0 * (double) v->data.len
                            / (double) c->pack.source.len,
               v->tris, v->draws, v->maxdim, v->path);
    }

    classes = xrw_pack_coverage(&c->pack, manifest);

    json_object_foreach(classes, name, class) {
        reason = json_string_value(json_object_get(class, "reason"));

        if (strcmp(reason, "fit") != 0) {
            printf("class %s: %s\n", name, strcmp(reason, "none") == 0
                                           ? "nothing that it can show"
                                           : "nothing within its budgets");
        }
    }

    json_decref(classes);

    json_array_foreach(c->pack.warnings, i, warning) {
        (void) xrw_error("%s: %s", c->pack.name, json_string_value(warning));
    }
}


/* Nothing of it is needed: names are those that this program has given. */

static void
xrw_pack_clean(xrw_cmd_pack_t *c)
{
    DIR            *dir;
    struct dirent  *entry;

    dir = (c->work != NULL) ? opendir(".") : NULL;

    if (dir != NULL) {

        while ((entry = readdir(dir)) != NULL) {
            (void) unlink(entry->d_name);
        }

        (void) closedir(dir);
    }

    if (c->work != NULL) {
        (void) rmdir(c->work);
    }

    if (c->folder != -1) {
        (void) close(c->folder);
    }
}


static int
xrw_pack_one(xrw_cmd_pack_t *c, const char *path)
{
    int       status;
    xr_str_t  manifest;

    c->pack.arena = &c->arena;
    c->pack.tools = xrw_pack_tools(c);
    c->pack.preset = xrw_pack_preset(&c->arena, c->presets, c->preset);

    if (c->pack.preset == NULL) {
        return XRW_FAILED;
    }

    if (!xrw_pack_do(c, path, &manifest)) {
        status = xrw_pack_refused(c, path);

    } else {
        status = XRW_OK;

        if (c->json) {
            xrw_pack_report(c, manifest);

        } else {
            xrw_pack_tell(c, manifest);
        }
    }

    xrw_pack_clean(c);
    json_decref(c->pack.warnings);

    return status;
}


/* In a process of its own, which is ended when its time is over. */

static int
xrw_pack_supervised(xrw_cmd_pack_t *c, const xrw_command_t *cmd,
    const char *path)
{
    int64_t            seconds;
    xrw_pack_job_t     job;
    xrw_pack_result_t  result;

    if (!xrw_duration(c->timeout, &seconds) || seconds < 1
        || seconds > XRW_PACK_TIMEOUT_MAX)
    {
        return xrw_usage(cmd, "--timeout %s: not 1s to 1d", c->timeout);
    }

    job = (xrw_pack_job_t) {
        .source = path, .out = c->out, .preset = c->preset,
        .presets = c->presets, .tools = c->tools, .id = c->id,
        .timeout = (unsigned) seconds
    };

    xrw_pack_run(&c->arena, &job, &result);

    if (result.report.len > 0) {
        (void) fwrite(result.report.data, 1, result.report.len, stdout);
    }

    if (result.outcome == XRW_PACK_TIMEOUT
        || (result.outcome != XRW_PACK_DONE && result.report.len == 0))
    {
        return xrw_error("%s: %s: %s", path, result.code, result.reason);
    }

    return (result.outcome == XRW_PACK_DONE) ? XRW_OK : XRW_FAILED;
}


int
xrw_pack_command(const xrw_command_t *cmd, int argc, char **argv)
{
    int                 status;
    xrw_cmd_pack_t  c;

    const xrw_option_t  options[] = {
        { "out", "DIR", XRW_OPTION_TEXT, &c.out,
          "where variants and manifest go" },
        { "preset", "NAME", XRW_OPTION_TEXT, &c.preset,
          "what is made: default, fast" },
        { "presets", "FILE", XRW_OPTION_TEXT, &c.presets,
          "with presets, in place of the built-in ones" },
        { "tools", "DIR", XRW_OPTION_TEXT, &c.tools,
          "of the texture tool" },
        { "id", "TEXT", XRW_OPTION_TEXT, &c.id,
          "of the manifest, by the name of FILE unless given" },
        { "timeout", "TIME", XRW_OPTION_TEXT, &c.timeout,
          "is ended after that; implies --json" },
        { "json", NULL, XRW_OPTION_FLAG, &c.json, "one JSON object" }
    };

    memset(&c, 0, sizeof(c));
    c.preset = "default";
    c.folder = -1;

    if (!xrw_options(cmd, options, XR_COUNT(options), &argc, &argv, &status)) {
        return status;
    }

    if (argc != 1) {
        return xrw_usage(cmd, "one FILE");
    }

    if (c.out == NULL) {
        return xrw_usage(cmd, "--out DIR is needed");
    }

    status = (c.timeout != NULL) ? xrw_pack_supervised(&c, cmd, argv[0])
                                 : xrw_pack_one(&c, argv[0]);
    xrw_arena_free(&c.arena);

    return status;
}
