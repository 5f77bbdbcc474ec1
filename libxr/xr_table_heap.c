/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_table_image.h"

#include <string.h>


#define XR_TABLE_FIRST_SIZE  4096
#define XR_TABLE_MAX_SIZE    UINT32_MAX     /* what offsets can reach */


void
xr_table_heap_free(const xr_table_memory_t *memory, xr_table_heap_t *heap)
{
    if (heap->data != NULL) {
        xr_wipe(heap->data, heap->len);
        memory->free(heap->data);
    }
}


uint8_t *
xr_table_heap_push(const xr_table_memory_t *memory, xr_table_heap_t *heap,
    size_t n)
{
    size_t    size;
    uint8_t  *data;

    if (n > heap->size - heap->len) {

        for (size = heap->size != 0 ? heap->size : XR_TABLE_FIRST_SIZE;
             size - heap->len < n;
             size *= 2)
        {
            if (size > XR_TABLE_MAX_SIZE) {
                return NULL;
            }
        }

        data = memory->alloc(size);

        if (data == NULL) {
            return NULL;
        }

        if (heap->len > 0) {
            memcpy(data, heap->data, heap->len);
        }

        xr_table_heap_free(memory, heap);

        heap->data = data;
        heap->size = size;
    }

    data = heap->data + heap->len;
    memset(data, 0, n);
    heap->len += n;

    return data;
}
