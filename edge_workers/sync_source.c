/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "sync_source.h"
#include "loop.h"
#include "sync_file.h"
#include "xr_crypto.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


#define XRW_SOURCE_DOUBLED  6           /* times, after failures in a row */


bool
xrw_source_fail(xrw_source_t *s, const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    (void) vsnprintf(s->why, sizeof(s->why), format, args);
    va_end(args);

    return false;
}


void
xrw_source_request(xrw_source_t *s, const char *url, xrw_http_request_t *out)
{
    *out = (xrw_http_request_t) {
        .method = "GET",
        .url = url,
        .ca = s->conf->ca,
        .loopback = s->conf->http,
        .max = (size_t) s->conf->size,
        .timeout = (long) s->conf->timeout,
        .stop = &s->set->stop
    };
}


bool
xrw_source_kept(const xrw_source_t *s)
{
    struct stat  st;

    return s->known && stat(s->conf->file, &st) == 0
           && st.st_dev == s->st.st_dev
           && st.st_ino == s->st.st_ino
           && st.st_size == s->st.st_size
           && st.st_mtim.tv_sec == s->st.st_mtim.tv_sec
           && st.st_mtim.tv_nsec == s->st.st_mtim.tv_nsec;
}


/* A file that somebody else has touched is fetched as a whole. */

static void
xrw_source_conditions(xrw_source_t *s, xrw_http_request_t *request)
{
    /* a cache in between may not know better than we do */

    if (s->woken) {
        request->headers[2] = "Cache-Control: no-cache";
    }

    if (!xrw_source_kept(s)) {
        return;
    }

    if (s->etag[0] != '\0') {
        request->headers[0] = xrw_format(&s->arena, "If-None-Match: %s",
                                         s->etag);
    }

    if (s->modified[0] != '\0') {
        request->headers[1] = xrw_format(&s->arena, "If-Modified-Since: %s",
                                         s->modified);
    }
}


static bool
xrw_source_answered(xrw_source_t *s, xrw_http_answer_t *answer, bool asked,
    xrw_fetched_t *got)
{
    got->retry_after = answer->retry_after;

    if (answer->status == 304 && asked) {
        got->same = true;
        got->fresh = xrw_http_fresh(answer);
        return true;
    }

    if (answer->status != 200) {
        return xrw_source_fail(s, "status %ld", answer->status);
    }

    got->fresh = xrw_http_fresh(answer);
    memcpy(got->etag, answer->etag, sizeof(got->etag));
    memcpy(got->modified, answer->modified, sizeof(got->modified));

    got->body = answer->body;
    answer->body = (xrw_bytes_t) { NULL, 0, 0 };

    return true;
}


bool
xrw_source_send(xrw_source_t *s, xrw_http_request_t *request,
    bool conditional, xrw_fetched_t *got)
{
    bool               ok, asked;
    xrw_http_answer_t  answer;

    if (conditional) {
        xrw_source_conditions(s, request);
    }

    asked = request->headers[0] != NULL || request->headers[1] != NULL;

    ok = xrw_http(request, &answer)
         ? xrw_source_answered(s, &answer, asked, got)
         : xrw_source_fail(s, "%s", answer.error);

    xrw_http_free(&answer);

    return ok;
}


bool
xrw_source_get(xrw_source_t *s, const char *url, bool conditional,
    xrw_fetched_t *got)
{
    xrw_http_request_t  request;

    xrw_source_request(s, url, &request);

    return xrw_source_send(s, &request, conditional, got);
}


static bool
xrw_source_replace(xrw_source_t *s, xrw_fetched_t *got, bool *replaced)
{
    const char       *why;
    xrw_sync_file_t   file;

    why = xrw_sync_file_write(&file, &s->arena, s->conf->file,
                              xrw_bytes_str(&got->body), s->kind->mode,
                              s->kind->never);

    if (why != NULL) {
        return xrw_source_fail(s, "%s: %s", s->conf->file, why);
    }

    if (!s->kind->check(s, got, file.path)) {
        xrw_sync_file_drop(&file);
        return false;
    }

    why = xrw_sync_file_keep(&file, &s->arena);

    if (why != NULL) {
        return xrw_source_fail(s, "%s: %s", s->conf->file, why);
    }

    *replaced = !file.same;
    s->known = true;
    s->st = file.st;

    memcpy(s->etag, got->etag, sizeof(s->etag));
    memcpy(s->modified, got->modified, sizeof(s->modified));

    return true;
}


/* Up to "parts" hundredths of it are taken away by chance. */

static int64_t
xrw_source_jitter(int64_t ms, int64_t parts)
{
    uint32_t  n;

    if (xr_random(&n, sizeof(n)) != XR_OK) {
        n = 0;
    }

    return ms - (int64_t) ((double) ms * (double) parts / 100
                           * (double) n / UINT32_MAX);
}


/* Milliseconds until the next look, after one that went well. */

static int64_t
xrw_source_wait(const xrw_source_conf_t *conf, int64_t fresh)
{
    int64_t  wait;

    wait = (fresh >= 0) ? fresh : conf->every;
    wait = (wait < conf->max) ? wait : conf->max;
    wait = xrw_source_jitter(wait * 1000, 10);

    return (wait > conf->min * 1000) ? wait : conf->min * 1000;
}


/* And after one that did not, the "row"th in a row. */

static int64_t
xrw_source_backoff(const xrw_source_conf_t *conf, unsigned row,
    int64_t retry_after)
{
    int64_t  wait, longest;

    row = (row > XRW_SOURCE_DOUBLED) ? XRW_SOURCE_DOUBLED : row - 1;
    longest = (conf->max > conf->retry) ? conf->max : conf->retry;

    wait = conf->retry << row;
    wait = (wait > longest) ? longest : wait;
    wait = xrw_source_jitter(wait * 1000, 50);

    if (retry_after > longest) {
        retry_after = longest;
    }

    return (wait > retry_after * 1000) ? wait : retry_after * 1000;
}


static void
xrw_source_failed(xrw_source_t *s)
{
    bool                 known;
    xrw_source_state_t  *st;

    st = &s->state;

    (void) pthread_mutex_lock(&s->set->mutex);

    st->failures++;
    st->in_row++;
    known = strcmp(st->said, s->why) == 0;
    memcpy(st->said, s->why, sizeof(st->said));

    (void) pthread_mutex_unlock(&s->set->mutex);

    /* what is wrong is said once, however often it is found */

    if (!known) {
        (void) xrw_error("%s: %s; %s stays as it is", s->conf->name, s->why,
                         s->conf->file);
    }
}


static void
xrw_source_succeeded(xrw_source_t *s, const xrw_fetched_t *got, bool replaced,
    int64_t wait)
{
    bool                 first, trouble;
    xrw_source_state_t  *st;

    st = &s->state;

    (void) pthread_mutex_lock(&s->set->mutex);

    first = st->succeeded == 0;
    trouble = st->said[0] != '\0';
    st->succeeded = xrw_loop_now();
    st->replaced += replaced;
    st->in_row = 0;
    st->said[0] = '\0';

    if (!got->same) {
        st->expires = got->expires;
    }

    (void) pthread_mutex_unlock(&s->set->mutex);

    if (replaced || first || trouble) {
        (void) xrw_error("%s: %s %s%s%s; next look in %lld s", s->conf->name,
                         s->conf->file,
                         replaced ? "was replaced" : "is as it should be",
                         got->from != NULL ? ", from " : "",
                         got->from != NULL ? got->from : "",
                         (long long) (wait / 1000));
    }
}


void
xrw_source_free(xrw_bytes_t *b)
{
    if (b->data != NULL) {
        xr_wipe(b->data, b->size);
    }

    xrw_bytes_free(b);
}


/* Milliseconds until the next one. */

static int64_t
xrw_source_look(xrw_source_t *s)
{
    bool           ok, replaced;
    int64_t        wait;
    unsigned       row;
    xrw_fetched_t  got;

    memset(&got, 0, sizeof(got));
    got.fresh = -1;
    replaced = false;

    ok = s->kind->fetch(s, &got);

    if (ok && !got.same) {
        (void) pthread_mutex_lock(&s->set->turn);
        ok = xrw_source_replace(s, &got, &replaced);
        (void) pthread_mutex_unlock(&s->set->turn);
    }

    if (ok) {
        wait = xrw_source_wait(s->conf, got.fresh);
        xrw_source_succeeded(s, &got, replaced, wait);

    } else if (atomic_load(&s->set->stop)) {
        wait = 0;

    } else {
        xrw_source_failed(s);
        row = s->state.in_row;
        wait = xrw_source_backoff(s->conf, row, got.retry_after);
    }

    xrw_source_free(&got.body);
    xrw_source_free(&got.signature);
    xrw_arena_free(&s->arena);

    return wait;
}


bool
xrw_source_wake(xrw_source_t *s)
{
    int64_t  now, back;

    now = xrw_loop_now();
    back = (now - s->refilled) / XRW_SOURCE_REFILL;

    if (s->spent == 0 || back >= s->spent) {
        s->spent = 0;
        s->refilled = now;

    } else {
        s->spent -= (unsigned) back;
        s->refilled += back * XRW_SOURCE_REFILL;
    }

    if (s->wake != 0) {
        return true;
    }

    /* one that fails is looked at as often as it should be */

    if (s->spent == XRW_SOURCE_BUDGET || s->state.in_row > 0
        || !s->state.looked)
    {
        return false;
    }

    s->spent++;
    s->wake = s->looked + s->conf->wake * 1000;
    s->wake = (s->wake > now) ? s->wake : now;

    return true;
}


/* Called with the mutex held; false: it is over. */

static bool
xrw_source_sleep(xrw_source_t *s, int64_t until)
{
    int64_t           then;
    xrw_sync_set_t   *set;
    struct timespec   ts;

    set = s->set;

    /* asked for while we looked: perhaps too late for that look */

    if (s->wake != 0 && s->wake < s->looked + s->conf->wake * 1000) {
        s->wake = s->looked + s->conf->wake * 1000;
    }

    for ( ;; ) {
        then = (s->wake != 0 && s->wake < until) ? s->wake : until;

        if (atomic_load(&set->stop) || xrw_loop_now() >= then) {
            break;
        }

        ts.tv_sec = (time_t) (then / 1000);
        ts.tv_nsec = (long) (then % 1000 * 1000000);
        (void) pthread_cond_timedwait(&set->cond, &set->mutex, &ts);
    }

    s->woken = (s->wake != 0);
    s->wake = 0;

    return !atomic_load(&set->stop);
}


void *
xrw_source_run(void *source)
{
    xrw_source_t *s = source;

    bool      on;
    int64_t   wait;
    uint64_t  one;

    one = 1;

    do {
        wait = xrw_source_look(s);

        (void) pthread_mutex_lock(&s->set->mutex);

        s->state.looked = true;
        s->state.looks++;
        s->looked = xrw_loop_now();

        if (write(s->set->fd, &one, sizeof(one)) == -1) {
            /* it is readable already */
        }

        on = xrw_source_sleep(s, xrw_loop_now() + wait);

        (void) pthread_mutex_unlock(&s->set->mutex);

    } while (on);

    return NULL;
}
