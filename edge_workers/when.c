/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "when.h"
#include "xr.h"

#include <stdio.h>
#include <string.h>
#include <time.h>


#define XRW_WHEN_MAX  253402300799      /* the last second of year 9999 */


typedef struct {
    char         letter;
    int64_t      seconds;
    const char  *name;
} xrw_unit_t;


static const xrw_unit_t  xrw_units[] = {
    { 'w', 604800, "week" },
    { 'd', 86400, "day" },
    { 'h', 3600, "hour" },
    { 'm', 60, "minute" },
    { 's', 1, "second" }
};


/* The unit that "*s" begins with; none at the end means seconds. */

static int64_t
xrw_duration_unit(xr_str_t *s)
{
    size_t  i;

    if (s->len == 0) {
        return 1;
    }

    for (i = 0; i < XR_COUNT(xrw_units); i++) {
        if (s->data[0] == xrw_units[i].letter) {
            s->data++;
            s->len--;
            return xrw_units[i].seconds;
        }
    }

    return 0;
}


bool
xrw_duration(const char *s, int64_t *seconds)
{
    int64_t   unit, total;
    uint64_t  n;
    xr_str_t  rest;

    rest = xr_str(s);
    total = 0;

    if (rest.len == 0) {
        return false;
    }

    while (rest.len > 0) {

        if (xr_str_uint(&rest, &n) != XR_OK) {
            return false;
        }

        unit = xrw_duration_unit(&rest);

        if (unit == 0 || n > (uint64_t) (XRW_WHEN_MAX / unit)) {
            return false;
        }

        total += (int64_t) n * unit;

        if (total > XRW_WHEN_MAX) {
            return false;
        }
    }

    *seconds = total;

    return true;
}


/* "Z", "+01:00" */

static bool
xrw_when_zone(const char *s, int64_t *offset)
{
    int   hours, minutes, end;
    char  sign;

    *offset = 0;

    if (strcmp(s, "Z") == 0 || strcmp(s, "z") == 0) {
        return true;
    }

    end = 0;

    if (sscanf(s, "%c%2d:%2d%n", &sign, &hours, &minutes, &end) != 3
        || s[end] != '\0' || end != 6 || hours > 23 || minutes > 59
        || (sign != '+' && sign != '-'))
    {
        return false;
    }

    *offset = hours * 3600 + minutes * 60;

    if (sign == '-') {
        *offset = -*offset;
    }

    return true;
}


static bool
xrw_when_rfc3339(const char *s, int64_t *out)
{
    int64_t      offset;
    time_t       t;
    struct tm    tm, back;
    const char  *zone;

    memset(&tm, 0, sizeof(tm));

    zone = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);

    /* a fraction of a second is dropped */

    if (zone != NULL && zone[0] == '.' && strspn(zone + 1, "0123456789") > 0) {
        zone += 1 + strspn(zone + 1, "0123456789");
    }

    if (zone == NULL || !xrw_when_zone(zone, &offset)) {
        return false;
    }

    /* "2026-02-30" would come back as a day of March */

    back = tm;
    t = timegm(&back);

    if (back.tm_mday != tm.tm_mday || back.tm_mon != tm.tm_mon) {
        return false;
    }

    *out = (int64_t) t - offset;

    return true;
}


bool
xrw_when(const char *s, int64_t now, int64_t *out)
{
    int64_t   t;
    uint64_t  n;
    xr_str_t  rest;

    if (strcmp(s, "now") == 0) {
        t = now;

    } else if (s[0] == '+' || s[0] == '-') {

        if (!xrw_duration(s + 1, &t)) {
            return false;
        }

        t = (s[0] == '+') ? now + t : now - t;

    } else {
        rest = xr_str(s);

        if (xr_str_uint(&rest, &n) == XR_OK && rest.len == 0
            && n <= XRW_WHEN_MAX)
        {
            t = (int64_t) n;

        } else if (!xrw_when_rfc3339(s, &t)) {
            return false;
        }
    }

    if (t < 0 || t > XRW_WHEN_MAX) {
        return false;
    }

    *out = t;

    return true;
}


void
xrw_when_text(int64_t t, char text[XRW_WHEN_TEXT])
{
    time_t     time;
    struct tm  tm;

    time = (time_t) t;

    if (t < 0 || t > XRW_WHEN_MAX || gmtime_r(&time, &tm) == NULL
        || strftime(text, XRW_WHEN_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
    {
        (void) snprintf(text, XRW_WHEN_TEXT, "no date");
    }
}


void
xrw_when_relative(int64_t t, int64_t now, char text[XRW_WHEN_TEXT])
{
    size_t    i;
    int64_t   n;
    uint64_t  distance;

    if (t == now) {
        (void) snprintf(text, XRW_WHEN_TEXT, "now");
        return;
    }

    distance = (t > now) ? (uint64_t) t - (uint64_t) now
                         : (uint64_t) now - (uint64_t) t;

    /* two of a unit before it is used: "90 minutes" says more than "1 hour" */

    for (i = 0; i < XR_COUNT(xrw_units) - 1; i++) {
        if (distance >= 2 * (uint64_t) xrw_units[i].seconds) {
            break;
        }
    }

    n = (int64_t) (distance / (uint64_t) xrw_units[i].seconds);

    (void) snprintf(text, XRW_WHEN_TEXT, "%s%lld %s%s%s",
                    t > now ? "in " : "", (long long) n, xrw_units[i].name,
                    n == 1 ? "" : "s", t > now ? "" : " ago");
}
