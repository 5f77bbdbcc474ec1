/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_http_date.h"

#include <string.h>


#define XR_HTTP_DATE_DAY       86400
#define XR_HTTP_DATE_YEAR      31556952     /* the mean of 400 years */
#define XR_HTTP_DATE_FUTURE    (50 * (int64_t) XR_HTTP_DATE_YEAR)
#define XR_HTTP_DATE_NAME_LEN  3


/* Where things stand; a "." in "text" is any character. */

typedef struct {
    const char  *text;
    size_t       day;
    size_t       month;
    size_t       year;
    size_t       year_len;
    size_t       time;
} xr_http_date_format_t;


static const xr_http_date_format_t  xr_http_date_fixed = {
    "..., .. ... .... ..:..:.. GMT", 5, 8, 12, 4, 17
};

static const xr_http_date_format_t  xr_http_date_asctime = {
    "... ... .. ..:..:.. ....", 8, 4, 20, 4, 11
};

/* Behind the name of the day, which is the only part of no fixed length. */

static const xr_http_date_format_t  xr_http_date_rfc850 = {
    ", ..-...-.. ..:..:.. GMT", 2, 5, 9, 2, 12
};


typedef struct {
    int64_t  year;
    int64_t  month;                 /* from 0 */
    int64_t  day;
    int64_t  hour;
    int64_t  minute;
    int64_t  second;
} xr_http_date_t;


/* The index of the first three characters of "s" in "names", or "n". */

static size_t
xr_http_date_name(xr_str_t s, const char *names, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {

        if (memcmp(s.data, names + i * XR_HTTP_DATE_NAME_LEN,
                   XR_HTTP_DATE_NAME_LEN)
            == 0)
        {
            break;
        }
    }

    return i;
}


static bool
xr_http_date_number(const uint8_t *p, size_t len, int64_t *out)
{
    size_t   i;
    int64_t  n;

    n = 0;

    for (i = 0; i < len; i++) {

        if (p[i] < '0' || p[i] > '9') {
            return false;
        }

        n = n * 10 + (p[i] - '0');
    }

    *out = n;

    return true;
}


static bool
xr_http_date_matches(xr_str_t s, const char *text)
{
    size_t  i;

    if (s.len != strlen(text)) {
        return false;
    }

    for (i = 0; i < s.len; i++) {

        if (text[i] != '.' && s.data[i] != (uint8_t) text[i]) {
            return false;
        }
    }

    return true;
}


static bool
xr_http_date_read(xr_str_t s, const xr_http_date_format_t *f,
    xr_http_date_t *d)
{
    size_t          month;
    const uint8_t  *day, *time;

    static const char  months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    if (!xr_http_date_matches(s, f->text)) {
        return false;
    }

    day = s.data + f->day;
    time = s.data + f->time;
    month = xr_http_date_name(xr_str_of(s.data + f->month,
                                        XR_HTTP_DATE_NAME_LEN),
                              months, 12);
    d->month = (int64_t) month;

    if (f == &xr_http_date_asctime && day[0] == ' ') {

        if (!xr_http_date_number(day + 1, 1, &d->day)) {
            return false;
        }

    } else if (!xr_http_date_number(day, 2, &d->day)) {
        return false;
    }

    return month < 12
           && xr_http_date_number(s.data + f->year, f->year_len, &d->year)
           && xr_http_date_number(time, 2, &d->hour)
           && xr_http_date_number(time + 3, 2, &d->minute)
           && xr_http_date_number(time + 6, 2, &d->second);
}


static bool
xr_http_date_valid(const xr_http_date_t *d)
{
    bool     leap;
    int64_t  days;

    static const int64_t  lengths[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    leap = d->year % 4 == 0 && (d->year % 100 != 0 || d->year % 400 == 0);
    days = lengths[d->month] + (d->month == 1 && leap);

    return d->day >= 1 && d->day <= days
           && d->hour <= 23 && d->minute <= 59 && d->second <= 60;
}


/*
 * Years begin in March here, so that the day of a leap year is the last one of
 * its year, and months of 30 and 31 days alternate: 153 days in five.
 */

static int64_t
xr_http_date_seconds(const xr_http_date_t *d)
{
    int64_t  year, month, days;

    month = (d->month + 10) % 12;
    year = d->year - (month >= 10);

    /* year 0 may become -1, and division is to round down */

    days = (year + 400) * 365 + (year + 400) / 4 - (year + 400) / 100
           + (year + 400) / 400 + (153 * month + 2) / 5 + d->day - 1;

    /* days from March 1st of year -400 to 1970 */

    days -= 719468 + 146097;

    return days * XR_HTTP_DATE_DAY + d->hour * 3600 + d->minute * 60
           + d->second;
}


/* The years of which two digits are known are each hundred. */

static void
xr_http_date_expand(xr_http_date_t *d, int64_t now)
{
    int64_t  latest;

    /* one more than there can be, as years are not all of one length */

    latest = 1970 + (now + XR_HTTP_DATE_FUTURE) / XR_HTTP_DATE_YEAR + 1;

    d->year = latest - (latest - d->year) % 100;

    if (xr_http_date_seconds(d) > now + XR_HTTP_DATE_FUTURE) {
        d->year -= 100;
    }
}


/* Behind a name such as "Sunday" the rest has a fixed length. */

static bool
xr_http_date_long(xr_str_t s, xr_str_t *rest)
{
    size_t    i;
    xr_str_t  name;

    static const xr_str_t  names[] = {
        XR_STR("Sunday"), XR_STR("Monday"), XR_STR("Tuesday"),
        XR_STR("Wednesday"), XR_STR("Thursday"), XR_STR("Friday"),
        XR_STR("Saturday")
    };

    name = xr_str_of(s.data, xr_str_find(s, ','));

    for (i = 0; i < XR_COUNT(names); i++) {

        if (xr_str_eq(name, names[i])) {
            *rest = xr_str_of(s.data + name.len, s.len - name.len);
            return true;
        }
    }

    return false;
}


xr_rc_t
xr_http_date(xr_str_t s, int64_t now, int64_t *out)
{
    xr_str_t        rest;
    xr_http_date_t  d;

    static const char  days[] = "SunMonTueWedThuFriSat";

    if (s.len < XR_HTTP_DATE_NAME_LEN || xr_http_date_name(s, days, 7) == 7) {
        return XR_INVALID;
    }

    if (xr_http_date_read(s, &xr_http_date_fixed, &d)
        || xr_http_date_read(s, &xr_http_date_asctime, &d))
    {
        /* void */

    } else if (xr_http_date_long(s, &rest)
               && xr_http_date_read(rest, &xr_http_date_rfc850, &d))
    {
        xr_http_date_expand(&d, now);

    } else {
        return XR_INVALID;
    }

    if (!xr_http_date_valid(&d)) {
        return XR_INVALID;
    }

    *out = xr_http_date_seconds(&d);

    return XR_OK;
}
