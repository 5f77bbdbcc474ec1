/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * devices FILE ROUNDS
 *
 * Reads the record of a device from each of the requests in FILE, that often,
 * and prints a line for each: nanoseconds of CPU time of the quickest round of
 * 100.  A request is a line of header fields, "name=value", with tabs between
 * them; "xr" is the argument of that name.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "xr_device.h"


#define DEVICES_REPEAT  100


static char  text[1 << 20];


static double
devices_now(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);

    return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}


static int
devices_input(xr_str_t line, xr_device_input_t *in)
{
    xr_str_t  field, name;

    memset(in, 0, sizeof(*in));

    while (line.len > 0) {
        field = xr_str_cut(&line, '\t');
        name = xr_str_cut(&field, '=');

        if (xr_str_eq(name, xr_str("xr"))) {
            in->query = field;

        } else if (xr_str_eq(name, xr_str("trusted"))) {
            in->trusted = true;

        } else if (!xr_device_input_set(in, name, field)) {
            fprintf(stderr, "devices: no such field: %.*s\n", (int) name.len,
                    (const char *) name.data);
            return -1;
        }
    }

    return 0;
}


static void
devices_measure(const xr_device_input_t *in, long rounds)
{
    int           i;
    double        start, spent, best;
    xr_device_t   d;
    volatile int  class;

    best = 0;

    do {
        start = devices_now();

        for (i = 0; i < DEVICES_REPEAT; i++) {
            xr_device_read(xr_devices_default(), in, &d);
            class = (int) d.class;
        }

        spent = (devices_now() - start) / DEVICES_REPEAT;
        best = (best == 0 || spent < best) ? spent : best;

    } while (--rounds > 0);

    (void) class;
    printf("%.0f\n", best);
}


int
main(int argc, char *argv[])
{
    FILE               *f;
    xr_str_t            s;
    xr_device_input_t   in;

    if (argc != 3 || (f = fopen(argv[1], "r")) == NULL) {
        fprintf(stderr, "usage: devices FILE ROUNDS\n");
        return 2;
    }

    s = xr_str_of(text, fread(text, 1, sizeof(text), f));
    fclose(f);

    while (s.len > 0) {

        if (devices_input(xr_str_cut(&s, '\n'), &in) != 0) {
            return 1;
        }

        devices_measure(&in, strtol(argv[2], NULL, 10));
    }

    return 0;
}
