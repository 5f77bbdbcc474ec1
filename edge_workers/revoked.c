/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "revoked.h"
#include "cli.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define XRW_REVOKED_SIZE  65536         /* that a list begins with */


static bool
xrw_revoked_room(xrw_revoked_list_t *list, size_t len)
{
    size_t    size;
    uint8_t  *data;

    if (list->n == XR_REVOKED_MAX_LINES
        || list->len + len > XRW_REVOKED_MAX_SIZE)
    {
        return false;
    }

    if (list->len + len <= list->size) {
        return true;
    }

    size = (list->size == 0) ? XRW_REVOKED_SIZE : 2 * list->size;
    data = realloc(list->data, size);

    if (data == NULL) {
        exit(xrw_error("out of memory"));
    }

    list->data = data;
    list->size = size;

    return true;
}


static void
xrw_revoked_bad(xrw_revoked_list_t *list, xr_str_t member, const char *why)
{
    uint8_t                hash[XR_SIPHASH_SIZE];
    uint64_t               part;
    xrw_revoked_sample_t  *sample;

    static const uint8_t  key[XR_SIPHASH_KEY_SIZE] = { 0 };

    if (list->bad < XRW_REVOKED_SAMPLES) {
        sample = &list->samples[list->bad];
        sample->why = why;

        (void) snprintf(sample->member, sizeof(sample->member), "%.*s",
                        (int) (member.len < sizeof(sample->member)
                               ? member.len : sizeof(sample->member)),
                        (const char *) member.data);
    }

    xr_siphash(key, &member, 1, hash);
    memcpy(&part, hash, sizeof(part));

    list->bad++;
    list->bad_sum += part;
}


bool
xrw_revoked_add(xrw_revoked_list_t *list, xr_str_t member)
{
    char               text[XR_REVOKED_LINE_MAX + 1];
    uint8_t            memory[XR_REVOKED_VALUE_MAX];
    xr_buf_t           b;
    xr_err_t           err;
    xr_str_t           s;
    xr_revoked_line_t  line;

    /* white space inside of a line may be the end of one */

    if (xr_str_has_control(member)) {
        xrw_revoked_bad(list, member, "a control character");
        return true;
    }

    s = xr_str_trim(member);

    if (xr_revoked_parse(s, memory, &line, &err) != XR_OK) {
        xrw_revoked_bad(list, member, err.what);
        return true;
    }

    b = xr_buf(text, sizeof(text));
    xr_revoked_put(&line, &b);
    xr_buf_putc(&b, '\n');

    s = xr_buf_str(&b);

    if (!xrw_revoked_room(list, s.len)) {
        list->full = true;
        return false;
    }

    memcpy(list->data + list->len, s.data, s.len);
    list->len += s.len;
    list->n++;

    return true;
}


static int
xrw_revoked_order(const void *a, const void *b)
{
    int  rc;

    const xr_str_t *x = a;
    const xr_str_t *y = b;

    rc = memcmp(x->data, y->data, x->len < y->len ? x->len : y->len);

    return (rc != 0) ? rc : (x->len > y->len) - (x->len < y->len);
}


void
xrw_revoked_sort(xrw_revoked_list_t *list)
{
    size_t     i, n;
    uint8_t   *data;
    xr_str_t   rest, *lines;

    if (list->n == 0) {
        return;
    }

    lines = malloc(list->n * sizeof(xr_str_t));
    data = malloc(list->len);

    if (lines == NULL || data == NULL) {
        exit(xrw_error("out of memory"));
    }

    rest = xr_str_of(list->data, list->len);

    for (i = 0; i < list->n; i++) {
        lines[i] = xr_str_cut(&rest, '\n');
    }

    qsort(lines, list->n, sizeof(xr_str_t), xrw_revoked_order);

    n = 0;
    list->size = list->len;
    list->len = 0;

    for (i = 0; i < list->n; i++) {

        if (i > 0 && xr_str_eq(lines[i], lines[i - 1])) {
            continue;
        }

        memcpy(data + list->len, lines[i].data, lines[i].len);
        list->len += lines[i].len;
        data[list->len++] = '\n';
        n++;
    }

    free(list->data);
    free(lines);

    list->data = data;
    list->n = n;
}


void
xrw_revoked_free(xrw_revoked_list_t *list)
{
    free(list->data);
    *list = (xrw_revoked_list_t) { 0 };
}


/*
 * Whether the file is the one that we left; its time is set then, which is all
 * that becomes known of it anew: what somebody else writes meanwhile is seen
 * by the next look.
 */

static bool
xrw_revoked_touch(xrw_revoked_file_t *file)
{
    int          fd;
    bool         same;
    struct stat  st;

    fd = file->known ? open(file->path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd == -1) {
        return false;
    }

    same = fstat(fd, &st) == 0
           && st.st_dev == file->st.st_dev
           && st.st_ino == file->st.st_ino
           && st.st_size == file->st.st_size
           && st.st_mtim.tv_sec == file->st.st_mtim.tv_sec
           && st.st_mtim.tv_nsec == file->st.st_mtim.tv_nsec
           && futimens(fd, NULL) == 0
           && fstat(fd, &st) == 0;

    if (same) {
        file->st.st_mtim = st.st_mtim;
    }

    (void) close(fd);

    return same;
}


static bool
xrw_revoked_write(xrw_revoked_file_t *file, xr_str_t text)
{
    bool         ok;
    xrw_arena_t  arena;

    arena = (xrw_arena_t) { NULL };
    ok = xrw_io_replace_shared(&arena, file->path, text, &file->st);

    xrw_arena_free(&arena);

    return ok;
}


const char *
xrw_revoked_store(xrw_revoked_file_t *file, const xrw_revoked_list_t *list,
    bool *changed)
{
    uint8_t   digest[XR_SHA256_SIZE];
    xr_str_t  text;

    *changed = false;
    text = xr_str_of(list->data, list->len);

    if (xr_sha256(text, digest) != XR_OK) {
        return "its digest cannot be made";
    }

    if (memcmp(digest, file->digest, sizeof(digest)) == 0
        && xrw_revoked_touch(file))
    {
        return NULL;
    }

    file->known = xrw_revoked_write(file, text);

    if (!file->known) {
        return strerror(errno);
    }

    *changed = true;
    memcpy(file->digest, digest, sizeof(digest));

    return NULL;
}
