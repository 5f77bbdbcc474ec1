/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "worker_purge.h"
#include "credentials_file.h"
#include "deliver.h"
#include "invalidate.h"
#include "json.h"
#include "loop.h"
#include "sign.h"
#include "xr_invalidation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


#define XRW_PURGE_TRIES  3              /* of a call */
#define XRW_PURGE_PAUSE  300            /* ms, doubled each time */
#define XRW_PURGE_ASKED  10             /* seconds that a server may ask for */
#define XRW_PURGE_LOOK   5000           /* ms between looks at the tier */


typedef struct {
    const xrw_purge_work_t  *w;
    xrw_purge_run_t         *run;
    int                      out;
    json_t                  *edges;     /* by URL: generation, or the trouble */
    const char              *trouble;   /* with an edge; or NULL */
    xr_credentials_file_t    file;
} xrw_purge_child_t;


static void
xrw_purge_child_say(const xrw_purge_child_t *c, json_t *line)
{
    char     *text;
    size_t    len, done;
    ssize_t   n;

    text = json_dumps(line, JSON_COMPACT);
    json_decref(line);

    if (text == NULL) {
        return;
    }

    len = strlen(text);
    text[len++] = '\n';

    for (done = 0; done < len; done += (size_t) n) {
        n = write(c->out, text + done, len - done);

        if (n <= 0) {
            break;
        }
    }

    free(text);
}


static void
xrw_purge_child_end(const xrw_purge_child_t *c, const char *status,
    const char *reason)
{
    xrw_purge_child_say(c, json_pack("{s:s, s:o}", "status", status,
                                     "reason",
                                     xrw_json_text(xr_str(reason))));
}


static void
xrw_purge_child_pause(long ms)
{
    struct timespec  ts;

    ts.tv_sec = ms / 1000;
    ts.tv_nsec = ms % 1000 * 1000000;

    (void) nanosleep(&ts, NULL);
}


/*
 * What was announced an edge may not have heard, so it is told once more, and
 * says what it knows.  Orders count once.
 */

static void
xrw_purge_child_edge(xrw_purge_child_t *c, const char *edge)
{
    size_t          i;
    const char     *url, *why;
    long long       purged, generation;
    xrw_deliver_t   said;

    url = xrw_deliver_url(&c->run->arena, edge);
    why = (url == NULL) ? "is no URL" : NULL;
    generation = 0;

    for (i = 0; i < c->run->n && why == NULL; i++) {
        why = xrw_deliver_order(url, c->run->orders[i]->text,
                                (long) c->w->conf.purge.timeout, &said,
                                &purged, &generation);
    }

    if (why == NULL) {
        (void) json_object_set_new(c->edges, edge, json_integer(generation));
        return;
    }

    c->trouble = xrw_format(&c->run->arena, "%s: %s", edge, why);
    (void) json_object_set_new(c->edges, edge, xrw_json_text(xr_str(why)));
}


static xr_str_t
xrw_purge_child_body(xrw_purge_child_t *c)
{
    size_t                    i, len;
    xr_buf_t                  b;
    const xrw_purge_batch_t  *batch;

    batch = &c->run->batch;
    len = 0;

    for (i = 0; i < batch->npaths; i++) {
        len += strlen(batch->paths[i]);
    }

    len = XR_INVALIDATION_SIZE(batch->npaths, len);
    b = xr_buf(xrw_alloc(&c->run->arena, len), len);

    xr_invalidation_begin(batch->npaths, &b);

    for (i = 0; i < batch->npaths; i++) {
        xr_invalidation_item(xr_str(batch->paths[i]), &b);
    }

    xr_invalidation_end(xr_str(batch->id), &b);

    return xr_buf_str(&b);
}


/* Of the tier, otherwise those of the tenant's origin; read for each call. */

static const char *
xrw_purge_child_credentials(xrw_purge_child_t *c)
{
    xr_err_t             err;
    const char          *path, *profile;
    const xrw_tenant_t  *tenant;

    tenant = &c->run->tenant;
    path = tenant->cloudfront.credentials;
    profile = tenant->cloudfront.profile;

    if (path == NULL) {
        path = tenant->credentials;
        profile = (profile != NULL) ? profile : tenant->profile;
    }

    if (path == NULL) {
        return "no credentials for CloudFront are configured";
    }

    xr_credentials_file_free(&c->file);

    return (xr_credentials_file_read(path,
                                     profile != NULL ? profile : "default",
                                     &c->file, &err)
            == XR_OK)
           ? NULL : xrw_format(&c->run->arena, "%s: %s", path, err.what);
}


/*
 * One call, and again where that can help: it is the same each time, and has
 * the same reference.  False: what became of it has been said.
 */

static bool
xrw_purge_child_call(xrw_purge_child_t *c, const char *id, xr_str_t body,
    xr_invalidate_answer_t *out)
{
    long                  pause;
    unsigned              tries;
    const char           *why;
    xr_invalidate_t       api;
    xr_invalidate_rc_t    rc;

    pause = XRW_PURGE_PAUSE;

    for (tries = 1; /* void */ ; tries++) {

        why = xrw_purge_child_credentials(c);

        if (why != NULL) {
            xrw_purge_child_end(c, "retry", why);
            return false;
        }

        api = (xr_invalidate_t) {
            .endpoint = c->run->tenant.cloudfront.endpoint,
            .distribution = c->run->batch.distribution,
            .credentials = &c->file.value,
            .timeout = (long) c->w->conf.purge.timeout
        };

        rc = (id == NULL) ? xr_invalidate_create(&api, body, out)
                          : xr_invalidate_look(&api, id, out);

        if (rc == XR_INVALIDATE_DONE) {
            return true;
        }

        if (rc == XR_INVALIDATE_QUOTA || rc == XR_INVALIDATE_REFUSED
            || tries == XRW_PURGE_TRIES)
        {
            break;
        }

        if (out->retry_after > 0 && out->retry_after <= XRW_PURGE_ASKED
            && out->retry_after * 1000 > pause)
        {
            pause = out->retry_after * 1000;
        }

        xrw_purge_child_pause(pause);
        pause *= 2;
    }

    why = xrw_format(&c->run->arena, "CloudFront: %s", out->error);

    xrw_purge_child_end(c, (rc == XR_INVALIDATE_QUOTA
                            || rc == XR_INVALIDATE_THROTTLED) ? "wait"
                        : rc == XR_INVALIDATE_REFUSED ? "refused" : "retry",
                        why);

    return false;
}


static bool
xrw_purge_child_invalidate(xrw_purge_child_t *c)
{
    int64_t                  until;
    const char              *id;
    xr_invalidate_answer_t   answer;

    id = c->run->batch.invalidation;
    memset(&answer, 0, sizeof(answer));

    if (id == NULL) {

        if (!xrw_purge_child_call(c, NULL, xrw_purge_child_body(c), &answer))
        {
            return false;
        }

        id = xrw_text(&c->run->arena, xr_str(answer.id));
        c->run->batch.invalidation = id;
        xrw_purge_child_say(c, json_pack("{s:s}", "told", id));
    }

    until = xrw_loop_now() + c->w->conf.purge.wait * 1000;

    while (!answer.completed && xrw_loop_now() < until) {

        if (!xrw_purge_child_call(c, id, xr_str_of(NULL, 0), &answer)) {
            return false;
        }

        if (!answer.completed) {
            xrw_purge_child_pause(until - xrw_loop_now() < XRW_PURGE_LOOK
                                  ? 200 : XRW_PURGE_LOOK);
        }
    }

    if (!answer.completed && c->w->conf.purge.wait > 0) {
        xrw_purge_child_end(c, "wait",
                            "CloudFront has not completed it in time");
        return false;
    }

    return true;
}


static void
xrw_purge_child_done(xrw_purge_child_t *c)
{
    json_t            *result, *warmed;
    xrw_purge_warm_t   warm;

    memset(&warm, 0, sizeof(warm));

    if (c->run->nhot > 0) {
        xrw_purge_child_say(c, json_pack("{s:b}", "warming", 1));
        xrw_purge_warm(c->w, c->run, &warm);
    }

    warmed = json_pack("{s:I, s:I, s:I}", "requests",
                       (json_int_t) warm.requests, "failed",
                       (json_int_t) warm.failed, "bytes",
                       (json_int_t) warm.bytes);

    result = json_pack("{s:O, s:o}", "edges", c->edges, "warmed", warmed);

    if (c->run->batch.npaths > 0) {
        (void) json_object_set_new(result, "invalidation",
                                   json_string(c->run->batch.invalidation));
        (void) json_object_set_new(result, "paths",
                                   json_integer((json_int_t)
                                                c->run->batch.npaths));
    }

    xrw_purge_child_say(c, json_pack("{s:s, s:o}", "status", "done",
                                     "result", result));
}


/*
 * Edges first: what the tier in front fetches anew comes from them.  One that
 * does not answer is tried again and again, and holds the tier up no longer
 * than there are attempts.
 */

void
xrw_purge_child(const xrw_purge_work_t *w, xrw_purge_run_t *run, int out)
{
    size_t             i;
    xrw_purge_child_t  c;

    memset(&c, 0, sizeof(c));
    c.w = w;
    c.run = run;
    c.out = out;
    c.edges = json_object();

    for (i = 0; i < run->tenant.edges.n && !run->batch.confirmed; i++) {
        xrw_purge_child_edge(&c, run->tenant.edges.items[i]);
    }

    if (c.trouble == NULL && !run->batch.confirmed) {
        xrw_purge_child_say(&c, json_pack("{s:b}", "confirmed", 1));
    }

    if ((c.trouble == NULL || run->last)
        && run->batch.npaths > 0 && !xrw_purge_child_invalidate(&c))
    {
        return;
    }

    if (c.trouble != NULL) {
        xrw_purge_child_end(&c, "retry", c.trouble);
        return;
    }

    xrw_purge_child_done(&c);
}
