/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "feed.h"
#include "worker_log.h"
#include "xr_crypto.h"

#include <stdio.h>
#include <string.h>


/* Milliseconds */

#define XRW_FEED_BACKOFF      250       /* while Redis is away */
#define XRW_FEED_BACKOFF_MAX  5000
#define XRW_FEED_PROMOTE      1000      /* between two looks at who waits */
#define XRW_FEED_COUNT        5000      /* at the queue */


void
xrw_feed_disconnect(xrw_feed_t *feed)
{
    xrw_queue_close(&feed->calls);
    xrw_queue_close(&feed->asks);
    feed->up = false;
    feed->asked = false;
}


static void
xrw_feed_trouble(xrw_feed_t *feed, const char *why, int64_t now)
{
    uint32_t  chance;

    if (strcmp(feed->trouble, why) != 0) {
        (void) snprintf(feed->trouble, sizeof(feed->trouble), "%s", why);
        xrw_log(XRW_LOG_WARN, "redis_away", "{s:s, s:s}", "redis",
                feed->server->name, "reason", feed->trouble);
    }

    xrw_feed_disconnect(feed);

    if (xr_random(&chance, sizeof(chance)) != XR_OK) {
        chance = 0;
    }

    if (feed->backoff < XRW_FEED_BACKOFF) {
        feed->backoff = XRW_FEED_BACKOFF;
    }

    feed->due = now + xr_job_backoff(1, feed->backoff, feed->backoff, chance);
    feed->backoff *= 2;

    if (feed->backoff > XRW_FEED_BACKOFF_MAX) {
        feed->backoff = XRW_FEED_BACKOFF_MAX;
    }
}


void
xrw_feed_lost(xrw_feed_t *feed, int64_t now)
{
    xrw_feed_trouble(feed, xrw_queue_error(&feed->calls), now);
}


bool
xrw_feed_connect(xrw_feed_t *feed, int64_t now)
{
    if (feed->up) {
        return true;
    }

    if (now < feed->due) {
        return false;
    }

    if (!xrw_queue_open_kind(&feed->calls, feed->kind, feed->server,
                             feed->consumer)
        || !xrw_queue_begin(&feed->calls))
    {
        xrw_feed_lost(feed, now);
        return false;
    }

    if (!xrw_queue_open_kind(&feed->asks, feed->kind, feed->server,
                             feed->consumer))
    {
        xrw_feed_trouble(feed, xrw_queue_error(&feed->asks), now);
        return false;
    }

    if (feed->trouble[0] != '\0') {
        xrw_log(XRW_LOG_INFO, "redis_back", "{s:s}", "redis",
                feed->server->name);
        feed->trouble[0] = '\0';
    }

    feed->up = true;
    feed->backoff = XRW_FEED_BACKOFF;
    feed->promote = 0;
    feed->reclaim = 0;

    return true;
}


static bool
xrw_feed_answer(xrw_feed_t *feed, int64_t now, char entry[48],
    char id[XR_JOB_ID_SIZE + 1])
{
    bool             there;
    xrw_queue_rc_t   rc;

    rc = xrw_queue_answer(&feed->asks, entry, id, &there);

    if (rc == XRW_QUEUE_BROKEN) {

        /* Redis came back without the group: it is made anew */

        xrw_feed_trouble(feed, xrw_queue_error(&feed->asks), now);
        return false;
    }

    if (there) {
        feed->asked = false;
        feed->empty = (rc == XRW_QUEUE_NONE);
    }

    return there && rc == XRW_QUEUE_DONE;
}


static bool
xrw_feed_promote(xrw_feed_t *feed, int64_t now)
{
    int64_t  next;

    if (now < feed->promote) {
        return true;
    }

    if (!xrw_queue_promote(&feed->calls, &next)) {
        xrw_feed_lost(feed, now);
        return false;
    }

    feed->promote = now + ((next >= 0 && next < XRW_FEED_PROMOTE)
                           ? next : XRW_FEED_PROMOTE);

    return true;
}


/* Where there is one, there may be more. */

static bool
xrw_feed_reclaim(xrw_feed_t *feed, int64_t now, char entry[48],
    char id[XR_JOB_ID_SIZE + 1])
{
    xrw_queue_rc_t  rc;

    if (now < feed->reclaim) {
        return false;
    }

    rc = xrw_queue_reclaim(&feed->calls, feed->lease, entry, id);

    if (rc == XRW_QUEUE_BROKEN) {
        xrw_feed_lost(feed, now);
        return false;
    }

    if (rc == XRW_QUEUE_DONE) {
        feed->reclaimed++;
        return true;
    }

    feed->reclaim = now + feed->lease / 4;

    return false;
}


bool
xrw_feed_next(xrw_feed_t *feed, bool ready, bool more, int64_t now,
    char entry[48], char id[XR_JOB_ID_SIZE + 1])
{
    if (feed->asked && ready) {
        return xrw_feed_answer(feed, now, entry, id);
    }

    if (feed->asked && now - feed->asked_at > 3 * XRW_QUEUE_BLOCK) {
        xrw_feed_trouble(feed, "does not answer", now);
        return false;
    }

    if (feed->asked || !more || (feed->once && feed->empty)
        || !xrw_feed_promote(feed, now))
    {
        return false;
    }

    if (xrw_feed_reclaim(feed, now, entry, id)) {
        return true;
    }

    if (!feed->up) {
        return false;
    }

    if (!xrw_queue_ask(&feed->asks, !feed->once)) {
        xrw_feed_trouble(feed, xrw_queue_error(&feed->asks), now);
        return false;
    }

    feed->asked = true;
    feed->asked_at = now;

    return false;
}


bool
xrw_feed_fd(const xrw_feed_t *feed, struct pollfd *fd)
{
    if (!feed->up || !feed->asked) {
        return false;
    }

    *fd = (struct pollfd) { xrw_redis_fd(&feed->asks.redis), POLLIN, 0 };

    return true;
}


int64_t
xrw_feed_due(const xrw_feed_t *feed, bool more, int64_t never)
{
    if (!feed->up) {
        return feed->due;
    }

    if (feed->asked) {
        return feed->asked_at + 3 * XRW_QUEUE_BLOCK + 1;
    }

    return (more && !(feed->once && feed->empty)) ? 0 : never;
}


void
xrw_feed_count(xrw_feed_t *feed, int64_t now)
{
    if (!feed->up || now - feed->counted < XRW_FEED_COUNT) {
        return;
    }

    feed->counted = now;

    if (!xrw_queue_count(&feed->calls, &feed->counts)) {
        xrw_feed_lost(feed, now);
    }
}
