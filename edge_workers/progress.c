/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "progress.h"
#include "cli.h"
#include "loop.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>


#define XRW_PROGRESS_EVERY  100         /* milliseconds */
#define XRW_PROGRESS_NAME   28
#define XRW_PROGRESS_BAR    20


/* Of ASCII, or the second byte of U+0080 to U+009F. */

static bool
xrw_progress_control(const char *p, size_t before)
{
    uint8_t  c;

    c = (uint8_t) *p;

    return c < 0x20 || c == 0x7f
           || (c >= 0x80 && c < 0xa0 && before > 0
               && (uint8_t) p[-1] == 0xc2);
}


/* The end of a long path says more than its beginning. */

static void
xrw_progress_name(const char *name)
{
    size_t  i, len;

    len = strlen(name);

    if (len > XRW_PROGRESS_NAME) {
        name += len - XRW_PROGRESS_NAME;
    }

    for (i = 0; i < XRW_PROGRESS_NAME; i++) {
        if (*name == '\0') {
            (void) fputc(' ', stderr);

        } else {
            (void) fputc(xrw_progress_control(name, i) ? '?' : *name, stderr);
            name++;
        }
    }
}


static void
xrw_progress_draw(const xrw_progress_t *p, uint64_t done, int64_t now)
{
    char      size[XRW_SIZE_TEXT], total[XRW_SIZE_TEXT], rate[XRW_SIZE_TEXT];
    size_t    i, filled;
    double    part, seconds, speed;

    part = (p->total > 0) ? (double) done / (double) p->total : 1;
    seconds = (double) (now - p->started) / 1000;
    speed = (seconds > 0) ? (double) (done - p->skipped) / seconds : 0;
    filled = (size_t) (part * XRW_PROGRESS_BAR);

    xrw_size(done, size);
    xrw_size(p->total, total);
    xrw_size((uint64_t) speed, rate);

    (void) fputs("\r\033[K", stderr);
    xrw_progress_name(p->name);
    (void) fputs(" [", stderr);

    for (i = 0; i < XRW_PROGRESS_BAR; i++) {
        (void) fputc(i < filled ? '#' : '.', stderr);
    }

    (void) fprintf(stderr, "] %3u%% %s of %s, %s/s", (unsigned) (part * 100),
                   size, total, rate);

    if (speed > 0 && seconds > 1) {
        (void) fprintf(stderr, ", %.0f s left",
                       (double) (p->total - done) / speed);
    }

    (void) fflush(stderr);
}


void
xrw_progress_start(xrw_progress_t *progress, const char *name,
    uint64_t total)
{
    *progress = (xrw_progress_t) {
        .name = name, .total = total, .started = xrw_loop_now(),
        .on = isatty(STDERR_FILENO) == 1
    };
}


bool
xrw_progress_sent(void *ctx, uint64_t sent)
{
    int64_t   now;
    uint64_t  done;

    xrw_progress_t *progress = ctx;

    now = progress->on ? xrw_loop_now() : 0;

    if (progress->on && now - progress->drawn >= XRW_PROGRESS_EVERY) {
        progress->drawn = now;
        done = progress->done + sent;

        /* what is sent again is counted once */

        xrw_progress_draw(progress,
                          done < progress->total ? done : progress->total,
                          now);
    }

    return xrw_stop == 0;
}


void
xrw_progress_add(xrw_progress_t *progress, uint64_t size, bool skipped)
{
    progress->done += size;

    if (skipped) {
        progress->skipped += size;
    }
}


void
xrw_progress_end(xrw_progress_t *progress)
{
    if (progress->on && progress->drawn != 0) {
        (void) fputs("\r\033[K", stderr);
        (void) fflush(stderr);
    }

    progress->on = false;
}
