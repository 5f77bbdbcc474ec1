/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <stdio.h>
#include <stdlib.h>

#include "xr_device.h"


/* The table in its standard input, as the C source of the one built in. */

static void *
alloc(void *ctx, size_t size)
{
    (void) ctx;

    return calloc(1, size);
}


const xr_devices_t *
xr_devices_default(void)
{
    return NULL;                        /* it is what is being made */
}


int
main(void)
{
    size_t          i, n;
    xr_err_t        err;
    xr_str_t        image;
    uint64_t        word;
    static char     text[XR_DEVICES_MAX_TEXT + 1];
    const xr_mem_t  mem = { alloc, NULL };

    n = fread(text, 1, sizeof(text), stdin);

    if (xr_devices_compile(xr_str_of(text, n), &mem, &image, &err) != XR_OK) {
        fprintf(stderr, "line %zu: %s\n",
                xr_str_line(xr_str_of(text, n), err.pos), err.what);
        return 1;
    }

    printf("/*\n * Copyright (c) the ngx_xr authors.\n"
           " * SPDX-License-Identifier: BSD-2-Clause\n */\n\n"
           "#include \"xr_devices_image.h\"\n\n\n"
           "/* Made from config/devices.json by scripts/make-devices. */\n\n"
           "static const uint64_t  xr_devices_default_image[] = {\n");

    for (i = 0; i < image.len; i += 8) {
        memcpy(&word, image.data + i, 8);
        printf("%s0x%llx,%s", (i % 24 == 0) ? "    " : " ",
               (unsigned long long) word,
               (i % 24 == 16 || i + 8 == image.len) ? "\n" : "");
    }

    printf("};\n\n\nconst xr_devices_t *\nxr_devices_default(void)\n{\n"
           "    return (const void *) xr_devices_default_image;\n}\n");

    return 0;
}
