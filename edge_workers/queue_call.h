/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_QUEUE_CALL_H
#define XRW_QUEUE_CALL_H


#include "queue.h"


/* Private to queue*.c. */

#define XRW_QUEUE_ARGS  9
#define XRW_QUEUE_TEXT  24              /* a number */

/* The stream, and the group that is named as its last word. */
xr_str_t xrw_queue_stream(const xrw_queue_t *queue);
xr_str_t xrw_queue_group(const xrw_queue_t *queue);

/* Runs the script: "op", then what it is about. */
bool xrw_queue_run(xrw_queue_t *queue, xrw_arena_t *arena, const char *op,
    const xr_str_t *args, size_t n, xrw_strings_t *out);

/* The answer's word at "i"; empty if it is not that long. */
xr_str_t xrw_queue_word(const xrw_strings_t *answer, size_t i);


#endif /* XRW_QUEUE_CALL_H */
