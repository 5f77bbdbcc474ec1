/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_WHEN_H
#define XRW_WHEN_H


#include <stdbool.h>
#include <stdint.h>


/* Times as people write and read them. */

/* "90", "90s", "1h30m", "7d", "2w"; seconds */
bool xrw_duration(const char *s, int64_t *seconds);

/* "now", "+2h", "-5m", Unix time, "2026-01-02T03:04:05Z" or "...+01:00" */
bool xrw_when(const char *s, int64_t now, int64_t *out);


#define XRW_WHEN_TEXT  64

/* "2026-01-02T03:04:05Z" */
void xrw_when_text(int64_t t, char text[XRW_WHEN_TEXT]);

/* "in 2 hours", "3 days ago" */
void xrw_when_relative(int64_t t, int64_t now, char text[XRW_WHEN_TEXT]);


#endif /* XRW_WHEN_H */
