/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "redis.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>


#define XRW_REDIS_ARGS    24
#define XRW_REDIS_DEPTH   8             /* of an answer */
#define XRW_REDIS_CURSOR  24            /* a number of 64 bits */
#define XRW_REDIS_COUNT   "1000"        /* members that are asked for at once */


static bool
xrw_redis_fail(xrw_redis_t *r, const char *what)
{
    (void) snprintf(r->error, sizeof(r->error), "%s", what);

    return false;
}


/* The connection broke, which the library has words for, more or less. */

static bool
xrw_redis_broken(xrw_redis_t *r)
{
    if (r->c == NULL) {
        return xrw_redis_fail(r, "out of memory");
    }

    if (r->c->err == REDIS_ERR_IO && (errno == EAGAIN || errno == ETIMEDOUT)) {
        return xrw_redis_fail(r, "does not answer");
    }

    return xrw_redis_fail(r, r->c->errstr[0] != '\0' ? r->c->errstr
                                                     : "is unreachable");
}


/* NULL: it failed, or Redis refused. */

static redisReply *
xrw_redis_call(xrw_redis_t *r, const xr_str_t *args, size_t n)
{
    size_t       i, len[XRW_REDIS_ARGS];
    const char  *argv[XRW_REDIS_ARGS];
    redisReply  *reply;

    for (i = 0; i < n; i++) {
        argv[i] = (const char *) args[i].data;
        len[i] = args[i].len;
    }

    errno = 0;
    reply = redisCommandArgv(r->c, (int) n, argv, len);

    if (reply == NULL) {
        (void) xrw_redis_broken(r);
        return NULL;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        (void) xrw_redis_fail(r, reply->str);
        freeReplyObject(reply);
        return NULL;
    }

    return reply;
}


/* A call that is answered by a number, or by "OK". */

static bool
xrw_redis_number(xrw_redis_t *r, const xr_str_t *args, size_t n,
    long long *number)
{
    redisReply  *reply;

    reply = xrw_redis_call(r, args, n);

    if (reply == NULL) {
        return false;
    }

    *number = (reply->type == REDIS_REPLY_INTEGER) ? reply->integer : 0;
    freeReplyObject(reply);

    return true;
}


static bool
xrw_redis_greet(xrw_redis_t *r, const xrw_redis_server_t *server)
{
    char       db[16];
    size_t     n;
    xr_str_t   args[3];
    long long  number;

    if (server->password != NULL) {
        n = 0;
        args[n++] = xr_str("AUTH");

        if (server->user != NULL) {
            args[n++] = xr_str(server->user);
        }

        args[n++] = xr_str(server->password);

        if (!xrw_redis_number(r, args, n, &number)) {
            return false;
        }
    }

    if (server->db == 0) {
        return true;
    }

    (void) snprintf(db, sizeof(db), "%u", server->db);

    args[0] = xr_str("SELECT");
    args[1] = xr_str(db);

    return xrw_redis_number(r, args, 2, &number);
}


bool
xrw_redis_open(xrw_redis_t *r, const xrw_redis_server_t *server)
{
    struct timeval  timeout;

    timeout = (struct timeval) { XRW_REDIS_TIMEOUT, 0 };
    r->error[0] = '\0';

    r->c = (server->socket != NULL)
           ? redisConnectUnixWithTimeout(server->socket, timeout)
           : redisConnectWithTimeout(server->host, server->port, timeout);

    if (r->c == NULL || r->c->err != 0
        || redisSetTimeout(r->c, timeout) != REDIS_OK)
    {
        return xrw_redis_broken(r);
    }

    return xrw_redis_greet(r, server);
}


void
xrw_redis_close(xrw_redis_t *r)
{
    if (r->c != NULL) {
        redisFree(r->c);
        r->c = NULL;
    }
}


/* One answer of SSCAN: a cursor and some members.  NULL: it is malformed. */

static const redisReply *
xrw_redis_page(const redisReply *reply, char cursor[XRW_REDIS_CURSOR])
{
    const redisReply  *list;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        return NULL;
    }

    list = reply->element[1];

    if (reply->element[0]->type != REDIS_REPLY_STRING
        || (size_t) reply->element[0]->len >= XRW_REDIS_CURSOR
        || list->type != REDIS_REPLY_ARRAY)
    {
        return NULL;
    }

    (void) snprintf(cursor, XRW_REDIS_CURSOR, "%s", reply->element[0]->str);

    return list;
}


bool
xrw_redis_members(xrw_redis_t *r, const char *set,
    bool (*member)(void *ctx, xr_str_t member), void *ctx)
{
    bool               go_on;
    char               cursor[XRW_REDIS_CURSOR];
    size_t             i;
    xr_str_t           args[5];
    redisReply        *reply;
    const redisReply  *list;

    args[0] = xr_str("SSCAN");
    args[1] = xr_str(set);
    args[3] = xr_str("COUNT");
    args[4] = xr_str(XRW_REDIS_COUNT);

    (void) snprintf(cursor, sizeof(cursor), "0");

    do {
        args[2] = xr_str(cursor);
        reply = xrw_redis_call(r, args, XR_COUNT(args));

        if (reply == NULL) {
            return false;
        }

        list = xrw_redis_page(reply, cursor);
        go_on = (list != NULL);

        for (i = 0; go_on && i < list->elements; i++) {
            go_on = member(ctx, xr_str_of(list->element[i]->str,
                                          (size_t) list->element[i]->len));
        }

        freeReplyObject(reply);

        if (list == NULL) {
            return xrw_redis_fail(r, "answers SSCAN with something else");
        }

    } while (go_on && strcmp(cursor, "0") != 0);

    return true;
}


static bool
xrw_redis_change(xrw_redis_t *r, const char *command, const char *set,
    xr_str_t member, bool *changed)
{
    long long  number;

    const xr_str_t  args[] = { xr_str(command), xr_str(set), member };

    if (!xrw_redis_number(r, args, XR_COUNT(args), &number)) {
        return false;
    }

    *changed = (number != 0);

    return true;
}


bool
xrw_redis_add(xrw_redis_t *r, const char *set, xr_str_t member,
    bool *changed)
{
    return xrw_redis_change(r, "SADD", set, member, changed);
}


bool
xrw_redis_remove(xrw_redis_t *r, const char *set, xr_str_t member,
    bool *changed)
{
    return xrw_redis_change(r, "SREM", set, member, changed);
}


bool
xrw_redis_publish(xrw_redis_t *r, const char *channel, xr_str_t text,
    long long *heard)
{
    const xr_str_t  args[] = { xr_str("PUBLISH"), xr_str(channel), text };

    return xrw_redis_number(r, args, XR_COUNT(args), heard);
}


bool
xrw_redis_listen(xrw_redis_t *r, const char *channel)
{
    long long  number;

    const xr_str_t  args[] = { xr_str("SUBSCRIBE"), xr_str(channel) };

    return xrw_redis_number(r, args, XR_COUNT(args), &number);
}


/* Counts what there is to say, and says it where there is room. */

static void
xrw_redis_flat(xrw_arena_t *arena, const redisReply *reply, unsigned depth,
    xr_str_t *items, size_t *n)
{
    char    *text;
    size_t   i;

    if (reply->type == REDIS_REPLY_ARRAY) {

        for (i = 0; depth > 0 && i < reply->elements; i++) {
            xrw_redis_flat(arena, reply->element[i], depth - 1, items, n);
        }

        return;
    }

    if (items != NULL) {

        if (reply->type == REDIS_REPLY_INTEGER) {
            items[*n] = xr_str(xrw_format(arena, "%lld", reply->integer));

        } else if (reply->type == REDIS_REPLY_NIL) {
            items[*n] = xr_str_of(NULL, 0);

        } else {
            text = xrw_alloc(arena, (size_t) reply->len + 1);
            memcpy(text, reply->str, (size_t) reply->len);
            items[*n] = xr_str_of(text, (size_t) reply->len);
        }
    }

    (*n)++;
}


static void
xrw_redis_flatten(xrw_arena_t *arena, const redisReply *reply,
    xrw_strings_t *out)
{
    size_t     n;
    xr_str_t  *items;

    n = 0;
    xrw_redis_flat(arena, reply, XRW_REDIS_DEPTH, NULL, &n);

    items = xrw_alloc(arena, n * sizeof(xr_str_t) + 1);
    out->items = items;

    out->n = 0;
    xrw_redis_flat(arena, reply, XRW_REDIS_DEPTH, items, &out->n);
}


bool
xrw_redis_strings(xrw_redis_t *r, xrw_arena_t *arena, const xr_str_t *args,
    size_t n, xrw_strings_t *out)
{
    redisReply  *reply;

    reply = xrw_redis_call(r, args, n);

    if (reply == NULL) {
        return false;
    }

    xrw_redis_flatten(arena, reply, out);
    freeReplyObject(reply);

    return true;
}


static bool
xrw_redis_flush(xrw_redis_t *r)
{
    int  done;

    do {
        if (redisBufferWrite(r->c, &done) != REDIS_OK) {
            return xrw_redis_broken(r);
        }
    } while (!done);

    return true;
}


bool
xrw_redis_ask(xrw_redis_t *r, const xr_str_t *args, size_t n)
{
    size_t       i, len[XRW_REDIS_ARGS];
    const char  *argv[XRW_REDIS_ARGS];

    for (i = 0; i < n; i++) {
        argv[i] = (const char *) args[i].data;
        len[i] = args[i].len;
    }

    errno = 0;

    if (redisAppendCommandArgv(r->c, (int) n, argv, len) != REDIS_OK) {
        return xrw_redis_broken(r);
    }

    return xrw_redis_flush(r);
}


bool
xrw_redis_answer(xrw_redis_t *r, xrw_arena_t *arena, xrw_strings_t *out,
    bool *there)
{
    bool         ok;
    void        *answer;
    redisReply  *reply;

    *there = false;
    errno = 0;

    if (redisBufferRead(r->c) != REDIS_OK
        || redisGetReplyFromReader(r->c, &answer) != REDIS_OK)
    {
        return xrw_redis_broken(r);
    }

    if (answer == NULL) {
        return true;
    }

    reply = answer;
    ok = reply->type != REDIS_REPLY_ERROR;

    if (ok) {
        xrw_redis_flatten(arena, reply, out);
        *there = true;

    } else {
        (void) xrw_redis_fail(r, reply->str);
    }

    freeReplyObject(reply);

    return ok;
}


bool
xrw_redis_ping(xrw_redis_t *r)
{
    const xr_str_t  args[] = { xr_str("PING") };

    return xrw_redis_ask(r, args, XR_COUNT(args));
}


/* Answers to a connection that listens are arrays that begin with a word. */

static bool
xrw_redis_pushed(xrw_redis_t *r, const redisReply *reply, bool *message,
    bool *pong)
{
    xr_str_t           word;
    const redisReply  *first;

    if (reply->type == REDIS_REPLY_ERROR) {
        return xrw_redis_fail(r, reply->str);
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0
        || reply->element[0]->type != REDIS_REPLY_STRING)
    {
        return xrw_redis_fail(r, "pushes what it was not asked for");
    }

    first = reply->element[0];
    word = xr_str_of(first->str, (size_t) first->len);

    if (xr_str_eq(word, xr_str("message"))) {
        *message = true;
    }

    if (xr_str_eq(word, xr_str("pong"))) {
        *pong = true;
    }

    return true;
}


bool
xrw_redis_read(xrw_redis_t *r, bool *message, bool *pong)
{
    bool   ok;
    void  *reply;

    *message = false;
    *pong = false;
    errno = 0;

    if (redisBufferRead(r->c) != REDIS_OK) {
        return xrw_redis_broken(r);
    }

    for ( ;; ) {
        if (redisGetReplyFromReader(r->c, &reply) != REDIS_OK) {
            return xrw_redis_broken(r);
        }

        if (reply == NULL) {
            return true;
        }

        ok = xrw_redis_pushed(r, reply, message, pong);
        freeReplyObject(reply);

        if (!ok) {
            return false;
        }
    }
}


int
xrw_redis_fd(const xrw_redis_t *r)
{
    return r->c->fd;
}
