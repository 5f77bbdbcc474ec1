/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "task.h"
#include "io.h"
#include "json.h"
#include "task_run.h"
#include "worker_log.h"
#include "xr_crypto.h"
#include "xr_manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>


#define XRW_TASK_ARGS        40
#define XRW_TASK_REFUSAL     65         /* EX_DATAERR of sysexits.h */
#define XRW_TASK_NAME        100        /* bytes of a file's name */


xrw_task_rc_t
xrw_task_fail(xrw_task_job_t *job, xrw_task_rc_t rc, const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    (void) vsnprintf(job->reason, sizeof(job->reason), format, args);
    va_end(args);

    return rc;
}


xrw_task_rc_t
xrw_task_s3(xrw_task_job_t *job, const char *what)
{
    return xrw_task_fail(job, XRW_TASK_RETRY, "%s: %s", what,
                         xr_s3_error(job->target.s3));
}


/* The parent reads lines, each of which is one write. */

static void
xrw_task_say(xrw_task_job_t *job, json_t *line)
{
    char    *text;
    size_t   len;

    text = json_dumps(line, JSON_COMPACT);

    if (text != NULL) {
        len = strlen(text);
        text[len] = '\n';

        if (write(job->out, text, len + 1) == -1) {
            /* then it is gone, and so are we */
        }
    }

    free(text);
    json_decref(line);
}


void
xrw_task_phase(xrw_task_job_t *job, const char *phase, pid_t group)
{
    xrw_task_say(job, json_pack("{s:s, s:i}", "phase", phase, "group",
                                (int) group));
}


static xrw_task_rc_t
xrw_task_open(xrw_task_job_t *job)
{
    const char          *why;
    xrw_target_flags_t   flags;

    memset(&flags, 0, sizeof(flags));
    flags.name = xrw_text(&job->arena, job->job.tenant);
    flags.config = job->config;
    flags.checksum = job->conf->checksum;
    flags.part_size = (uint64_t) job->conf->multipart / 4;

    if (xrw_target_open(&job->arena, job->cmd, &flags, &job->target)
        != XRW_OK)
    {
        return xrw_task_fail(job, XRW_TASK_RETRY, "%s", xrw_log_last());
    }

    why = xrw_task_dir_open(&job->arena, job->conf->dir, &job->dir);

    if (why != NULL) {
        return xrw_task_fail(job, XRW_TASK_RETRY, "%s", why);
    }

    job->outdir = xrw_format(&job->arena, "%s/out", job->dir.path);

    if (mkdir(job->outdir, 0700) == -1
        || mkdir(xrw_format(&job->arena, "%s/in", job->dir.path), 0700) == -1)
    {
        return xrw_task_fail(job, XRW_TASK_RETRY, "%s: %s", job->dir.path,
                             strerror(errno));
    }

    return XRW_TASK_DONE;
}


/*
 * What the key ends with: the packer goes by the extension, and may call the
 * manifest by the name.  Whatever is unusual in it, and how it begins, must
 * not matter to a program.
 */

static const char *
xrw_task_name(xrw_task_job_t *job)
{
    char      *name;
    size_t     i;
    uint8_t    c;
    xr_str_t   rest, part;

    part = xr_str("");

    for (rest = job->job.key; rest.len > 0; /* void */ ) {
        part = xr_str_cut(&rest, '/');
    }

    if (part.len > XRW_TASK_NAME) {
        xr_str_skip(&part, part.len - XRW_TASK_NAME);
    }

    name = xrw_text(&job->arena, part);

    for (i = 0; i < part.len; i++) {
        c = part.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '_'
              || (i > 0 && (c == '.' || c == '-'))))
        {
            name[i] = '_';
        }
    }

    return xrw_format(&job->arena, "%s/in/%s", job->dir.path, name);
}


/* The source is what the job was made for, or the job has no purpose. */

static xrw_task_rc_t
xrw_task_content(xrw_task_job_t *job, int fd, uint64_t size)
{
    void      *data;
    xr_rc_t    rc;
    uint8_t    digest[XR_SHA256_SIZE], wanted[XR_SHA256_SIZE];

    if (job->job.sha256.len == 0) {
        return XRW_TASK_DONE;
    }

    data = (size > 0) ? mmap(NULL, (size_t) size, PROT_READ, MAP_PRIVATE, fd,
                             0) : NULL;

    if (data == MAP_FAILED) {
        return xrw_task_fail(job, XRW_TASK_RETRY, "%s", strerror(errno));
    }

    rc = xr_sha256(xr_str_of(data, (size_t) size), digest);

    if (data != NULL) {
        (void) munmap(data, (size_t) size);
    }

    if (rc != XR_OK
        || xr_hex_decode(job->job.sha256, wanted, sizeof(wanted)) != XR_OK)
    {
        return xrw_task_fail(job, XRW_TASK_RETRY, "SHA-256 failed");
    }

    return (memcmp(digest, wanted, sizeof(digest)) == 0) ? XRW_TASK_DONE
           : xrw_task_fail(job, XRW_TASK_REFUSED, "the source is another one "
                           "by now: its SHA-256 differs");
}


static xrw_task_rc_t
xrw_task_fetch_into(xrw_task_job_t *job, int fd)
{
    xr_rc_t      rc;
    uint64_t     size;
    const char  *match;

    match = (job->job.etag.len > 0) ? xrw_text(&job->arena, job->job.etag)
                                    : NULL;

    rc = xr_s3_get(job->target.s3, job->job.key, match, fd,
                   (uint64_t) job->conf->source_size, &size, job->etag);

    if (rc == XR_OK) {
        return xrw_task_content(job, fd, size);
    }

    if (rc == XR_NOT_FOUND) {
        return xrw_task_fail(job, XRW_TASK_REFUSED, "the source is gone");
    }

    if (xr_s3_status(job->target.s3) == 412) {
        return xrw_task_fail(job, XRW_TASK_REFUSED, "the source is another "
                             "one by now: its ETag differs");
    }

    if (strstr(xr_s3_error(job->target.s3), "too large") != NULL) {
        return xrw_task_fail(job, XRW_TASK_REFUSED, "the source is larger "
                             "than source_size");
    }

    return xrw_task_s3(job, "the source");
}


static xrw_task_rc_t
xrw_task_fetch(xrw_task_job_t *job)
{
    int            fd;
    xrw_task_rc_t  rc;

    xrw_task_phase(job, "fetch", 0);
    job->source = xrw_task_name(job);

    fd = open(job->source, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd == -1) {
        return xrw_task_fail(job, XRW_TASK_RETRY, "%s: %s", job->source,
                             strerror(errno));
    }

    rc = xrw_task_fetch_into(job, fd);
    (void) close(fd);

    return rc;
}


static const xrw_list_t *
xrw_task_preset(const xrw_task_job_t *job)
{
    size_t                    i;
    const xrw_worker_conf_t  *conf;

    static const xrw_list_t  none = { .n = 0 };

    conf = job->conf;

    for (i = 0; i < conf->npresets; i++) {
        if (xr_str_eq(job->job.preset, xr_str(conf->presets[i].name))) {
            return &conf->presets[i].args;
        }
    }

    return xr_str_eq(job->job.preset, xr_str("default")) ? &none : NULL;
}


static void
xrw_task_started(void *ctx, pid_t group)
{
    xrw_task_phase(ctx, "pack", group);
}


/* The last line of what it said to standard error. */

static const char *
xrw_task_errors(xrw_task_job_t *job)
{
    int       fd;
    char      text[256];
    off_t     size;
    ssize_t   n;
    xr_str_t  rest, line, last;

    fd = open(xrw_format(&job->arena, "%s/errors", job->dir.path),
              O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd == -1) {
        return "it said nothing";
    }

    size = lseek(fd, 0, SEEK_END);
    n = pread(fd, text, sizeof(text),
              size > (off_t) sizeof(text) ? size - (off_t) sizeof(text) : 0);
    (void) close(fd);

    last = xr_str("it said nothing");

    for (rest = xr_str_of(text, n > 0 ? (size_t) n : 0); rest.len > 0; ) {
        line = xr_str_trim(xr_str_cut(&rest, '\n'));
        last = (line.len > 0) ? line : last;
    }

    return xrw_text(&job->arena, last);
}


/*
 * The packer says why as {"error": "..."} or {"reason": "..."}, others as a
 * line of text; and it may say {"retry": false}, which is a refusal as well.
 */

static const char *
xrw_task_said(xrw_task_job_t *job, const char *line, bool *refused)
{
    size_t       i;
    json_t      *root;
    const char  *text;

    static const char *const  names[] = { "error", "reason", "message" };

    root = json_loads(line, 0, NULL);
    text = NULL;

    for (i = 0; i < XR_COUNT(names) && text == NULL; i++) {
        text = json_string_value(json_object_get(root, names[i]));
    }

    *refused = json_is_false(json_object_get(root, "retry"));

    text = xrw_text(&job->arena, xr_str(text != NULL ? text : line));
    json_decref(root);

    return (text[0] != '\0') ? text : xrw_task_errors(job);
}


static xrw_task_rc_t
xrw_task_ended(xrw_task_job_t *job, const xrw_ran_t *ran)
{
    int          status;
    bool         refused;
    const char  *said;

    if (ran->late) {
        return xrw_task_fail(job, XRW_TASK_RETRY, "the packer took longer "
                             "than %lld s", (long long) job->conf->timeout);
    }

    if (WIFSIGNALED(ran->status)) {
        return xrw_task_fail(job, XRW_TASK_RETRY, "the packer was ended by "
                             "signal %d", WTERMSIG(ran->status));
    }

    status = WEXITSTATUS(ran->status);

    if (status == 0) {
        return XRW_TASK_DONE;
    }

    said = xrw_task_said(job, ran->line, &refused);

    if (refused || status == XRW_TASK_REFUSAL) {
        return xrw_task_fail(job, XRW_TASK_REFUSED, "%s", said);
    }

    return xrw_task_fail(job, XRW_TASK_RETRY,
                         "the packer ended with status %d: %s", status, said);
}


static xrw_task_rc_t
xrw_task_packer(xrw_task_job_t *job)
{
    size_t                     i, n;
    xrw_run_t                  run;
    xrw_ran_t                  ran;
    const char                *argv[XRW_TASK_ARGS];
    const xrw_list_t          *preset;
    const xrw_worker_conf_t   *conf;

    conf = job->conf;
    preset = xrw_task_preset(job);

    if (preset == NULL) {
        return xrw_task_fail(job, XRW_TASK_RETRY, "no preset \"%.*s\" in the "
                             "configuration", (int) job->job.preset.len,
                             (const char *) job->job.preset.data);
    }

    n = 0;

    for (i = 0; i < conf->packer.n; i++) {
        argv[n++] = conf->packer.items[i];
    }

    argv[n++] = job->source;
    argv[n++] = "--out";
    argv[n++] = job->outdir;
    argv[n++] = "--json";

    for (i = 0; i < preset->n; i++) {
        argv[n++] = preset->items[i];
    }

    argv[n] = NULL;

    run = (xrw_run_t) {
        .argv = argv, .dir = job->dir.path,
        .errors = xrw_format(&job->arena, "%s/errors", job->dir.path),
        .timeout = conf->timeout, .cpu = conf->cpu, .memory = conf->memory,
        .file_size = conf->file_size, .started = xrw_task_started, .ctx = job
    };

    if (!xrw_task_run(&run, &ran)) {
        return xrw_task_fail(job, XRW_TASK_RETRY, "%s: %s", argv[0],
                             strerror(errno));
    }

    return xrw_task_ended(job, &ran);
}


static xrw_task_rc_t
xrw_task_steps(xrw_task_job_t *job)
{
    xr_str_t       text;
    xrw_task_rc_t  rc;

    rc = xrw_task_open(job);

    if (rc == XRW_TASK_DONE) {
        rc = xrw_task_fetch(job);
    }

    if (rc == XRW_TASK_DONE) {
        rc = xrw_task_packer(job);
    }

    if (rc != XRW_TASK_DONE) {
        return rc;
    }

    if (!xrw_io_text(&job->arena,
                     xrw_format(&job->arena, "%s/manifest.json", job->outdir),
                     XR_MANIFEST_TEXT_MAX + 1, &text))
    {
        return xrw_task_fail(job, XRW_TASK_RETRY, "%s", xrw_log_last());
    }

    rc = xrw_task_upload(job, text);

    return (rc == XRW_TASK_DONE) ? xrw_task_manifest(job, text) : rc;
}


void
xrw_task_job(xrw_task_job_t *job)
{
    xrw_task_rc_t  rc;

    static const char *const  names[] = { "done", "retry", "refused" };

    rc = xrw_task_steps(job);
    xrw_task_dir_remove(&job->dir);

    if (rc != XRW_TASK_DONE) {
        xrw_task_say(job, json_pack("{s:s, s:o}", "status", names[rc],
                                    "reason",
                                    xrw_json_text(xr_str(job->reason))));

    } else {
        xrw_task_say(job, json_pack("{s:s, s:{s:i, s:i, s:i, s:I, s:b, s:s}}",
                                    "status", names[rc], "result",
                                    "variants", (int) job->variants,
                                    "uploaded", (int) job->uploaded,
                                    "skipped", (int) job->skipped,
                                    "bytes", (json_int_t) job->bytes,
                                    "changed", job->changed,
                                    "manifest", job->manifest));
    }

    xrw_target_close(&job->target);
    xrw_arena_free(&job->arena);
}
