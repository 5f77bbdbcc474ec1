/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_select.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>


/*
 * Selects: a line with a manifest, a line with a device and a wish, in turn;
 * the answer is a line with the value of XR-Variant.
 */

static uint8_t  image[XR_MANIFEST_IMAGE_MAX];


static int
select_open(xr_str_t json, xr_manifest_t *m)
{
    xr_buf_t  b;
    xr_err_t  err;

    b = xr_buf(image, sizeof(image));

    if (xr_manifest_compile(json, &b, &err) != XR_OK) {
        printf("invalid %zu %s\n", err.pos, err.what);
        return -1;
    }

    return xr_manifest_open(xr_buf_str(&b), m) ? 0 : -1;
}


static int
select_read(const char *line, char variant[80], xr_device_t *d,
    xr_select_wish_t *wish)
{
    int       n, save;
    unsigned  class, use, session;

    memset(d, 0, sizeof(*d));
    xr_select_wish_init(wish);

    n = sscanf(line, "%u %u %u %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32
               " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %u %d %79s %"
               SCNu32 " %" SCNu32 " %" SCNu64 " %" SCNu32 " %" SCNu64 " %"
               SCNu64, &class, &use, &session, &d->tex, &d->geo, &d->dim_max,
               &d->mem_gib, &d->dim, &d->tris, &d->bytes_kib, &d->gpu_kib,
               &d->net, &save, variant, &wish->maxq, &wish->maxdim,
               &wish->maxbytes, &wish->ceiling, &wish->seed, &wish->missing);

    if (n != 20) {
        return -1;
    }

    d->class = class;
    d->use = use;
    d->session = session;
    d->save_data = save != 0;

    if (strcmp(variant, "-") != 0) {
        wish->variant = xr_str(variant);
    }

    return 0;
}


int
main(void)
{
    char              *json, *line, variant[80];
    size_t             json_size, line_size;
    ssize_t            len;
    uint8_t            field[XR_SELECT_FIELD_MAX];
    xr_buf_t           b;
    xr_device_t        d;
    xr_select_t        s;
    xr_manifest_t      m;
    xr_select_wish_t   wish;

    json = NULL;
    line = NULL;
    json_size = 0;
    line_size = 0;

    while ((len = getline(&json, &json_size, stdin)) > 0
           && getline(&line, &line_size, stdin) > 0)
    {
        if (select_open(xr_str_of(json, (size_t) len), &m) != 0) {
            continue;
        }

        if (select_read(line, variant, &d, &wish) != 0) {
            return 2;
        }

        (void) xr_select(&m, &d, &wish, &s);

        b = xr_buf(field, sizeof(field));
        xr_select_field(&s, &b);
        printf("%.*s\n", (int) b.len, (const char *) b.data);
    }

    free(json);
    free(line);

    return 0;
}
