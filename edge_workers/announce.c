/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "announce.h"
#include "json.h"
#include "xr_announce.h"

#include <stdlib.h>
#include <string.h>


bool
xrw_announce(xrw_redis_t *r, const char *channel, xr_str_t tenant,
    xr_str_t object)
{
    bool        ok;
    char       *text;
    json_t     *line;
    long long   heard;

    line = json_pack("{s:i, s:o, s:o}", "v", 1, "tenant",
                     xrw_json_text(tenant), "object", xrw_json_text(object));
    text = json_dumps(line, JSON_COMPACT);
    json_decref(line);

    ok = text == NULL || strlen(text) > XR_ANNOUNCE_MAX
         || xrw_redis_publish(r, channel, xr_str(text), &heard);
    free(text);

    return ok;
}
