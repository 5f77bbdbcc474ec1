/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "purge_journal.h"
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


bool
xrw_purge_journal_open(xrw_purge_journal_t *journal, const char *path)
{
    int  fd;

    fd = -1;

    if (path != NULL) {
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                  0600);

        if (fd == -1) {
            (void) xrw_error("%s: %s", path, strerror(errno));
            return false;
        }
    }

    xrw_purge_journal_close(journal);
    journal->fd = fd;

    return true;
}


void
xrw_purge_journal_close(xrw_purge_journal_t *journal)
{
    if (journal->fd != -1) {
        (void) close(journal->fd);
        journal->fd = -1;
    }
}


/* What cannot be written down is done all the same. */

void
xrw_purge_journal_write(xrw_purge_journal_t *journal, json_t *line)
{
    char    *text;
    size_t   len;

    text = (journal->fd != -1) ? json_dumps(line, JSON_COMPACT) : NULL;
    json_decref(line);

    if (journal->fd == -1) {
        return;
    }

    len = (text != NULL) ? strlen(text) : 0;

    if (text != NULL) {
        text[len] = '\n';
    }

    if (text == NULL
        || write(journal->fd, text, len + 1) != (ssize_t) (len + 1)
        || fdatasync(journal->fd) == -1)
    {
        (void) xrw_error("the journal: %s", strerror(errno));
    }

    free(text);
}
