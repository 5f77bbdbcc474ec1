/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_REVOKED_H
#define XRW_REVOKED_H


#include "xr_revoked.h"

#include <sys/stat.h>


/* NGINX takes no larger file. */
#define XRW_REVOKED_MAX_SIZE  ((size_t) 1 << 30)


/* A member that is no line, its first bytes at least. */

#define XRW_REVOKED_SAMPLES  10

typedef struct {
    char         member[96];
    const char  *why;
} xrw_revoked_sample_t;


/*
 * The members of a set as lines, each in the one spelling that there is of
 * it.  Zeroed it is empty.
 */

typedef struct {
    uint8_t               *data;    /* lines, each with its end */
    size_t                 len;
    size_t                 size;
    size_t                 n;
    bool                   full;    /* NGINX would not take one more */

    size_t                 bad;     /* members that are no lines */
    uint64_t               bad_sum; /* tells other ones, in whatever order */
    xrw_revoked_sample_t   samples[XRW_REVOKED_SAMPLES];
} xrw_revoked_list_t;


/* False: the list is full. */
bool xrw_revoked_add(xrw_revoked_list_t *list, xr_str_t member);

/* Sorts the lines and drops those that are there twice. */
void xrw_revoked_sort(xrw_revoked_list_t *list);

void xrw_revoked_free(xrw_revoked_list_t *list);


/* The file that NGINX reads, and what it was like when we left it. */

typedef struct {
    const char   *path;
    bool          known;
    uint8_t       digest[XR_SHA256_SIZE];
    struct stat   st;
} xrw_revoked_file_t;


/*
 * Makes the file say what the list says; where it says so already its time is
 * set, which tells NGINX that somebody looked.  "*changed": it was written.
 * NULL, or what is wrong.
 */
const char *xrw_revoked_store(xrw_revoked_file_t *file,
    const xrw_revoked_list_t *list, bool *changed);


#endif /* XRW_REVOKED_H */
