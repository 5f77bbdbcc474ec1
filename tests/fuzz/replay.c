/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>


/*
 * Runs a fuzz target over files, and over the files in directories, without
 * libFuzzer.  A broken invariant ends the program with a signal; the name of
 * the input that caused it is the last that was printed.
 */

static bool replay(const char *path, size_t *n);


static bool
replay_fail(const char *path)
{
    fprintf(stderr, "%s: %s\n", path, strerror(errno));

    return false;
}


static bool
replay_file(const char *path, size_t size, size_t *n)
{
    FILE      *f;
    uint8_t   *data;
    xr_str_t   in;

    f = fopen(path, "rb");

    if (f == NULL) {
        return replay_fail(path);
    }

    data = malloc(size > 0 ? size : 1);
    assert(data != NULL);

    size = fread(data, 1, size, f);
    fclose(f);

    printf("%s\n", path);
    fflush(stdout);

    in = xr_fuzz_copy(data, size);
    free(data);

    (void) LLVMFuzzerTestOneInput(in.data, in.len);

    xr_fuzz_free(in);
    (*n)++;

    return true;
}


static bool
replay_directory(const char *path, size_t *n)
{
    DIR            *dir;
    bool            ok;
    char           *name;
    struct dirent  *entry;

    dir = opendir(path);

    if (dir == NULL) {
        return replay_fail(path);
    }

    ok = true;

    while (ok && (entry = readdir(dir)) != NULL) {

        if (entry->d_name[0] == '.') {
            continue;
        }

        if (asprintf(&name, "%s/%s", path, entry->d_name) == -1) {
            abort();
        }

        ok = replay(name, n);
        free(name);
    }

    closedir(dir);

    return ok;
}


static bool
replay(const char *path, size_t *n)
{
    struct stat  st;

    if (stat(path, &st) == -1) {
        return replay_fail(path);
    }

    if (S_ISDIR(st.st_mode)) {
        return replay_directory(path, n);
    }

    return replay_file(path, (size_t) st.st_size, n);
}


int
main(int argc, char *argv[])
{
    int     i;
    size_t  n;

    n = 0;

    for (i = 1; i < argc; i++) {

        if (!replay(argv[i], &n)) {
            return EXIT_FAILURE;
        }
    }

    printf("%zu inputs replayed\n", n);

    return (n > 0) ? EXIT_SUCCESS : EXIT_FAILURE;
}
