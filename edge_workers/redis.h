/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_REDIS_H
#define XRW_REDIS_H


#include "redis_server.h"


/*
 * A connection to Redis; redis.c alone speaks to the library.  No call takes
 * longer than XRW_REDIS_TIMEOUT without an answer.  What fails leaves a reason
 * in "error", and the connection is of no more use.
 */

#define XRW_REDIS_TIMEOUT  2            /* seconds */

struct redisContext;

typedef struct {
    struct redisContext  *c;            /* NULL: it is closed */
    char                  error[192];
} xrw_redis_t;


/* Connects, and says who we are.  Closed in any case. */
bool xrw_redis_open(xrw_redis_t *r, const xrw_redis_server_t *server);
void xrw_redis_close(xrw_redis_t *r);

/*
 * Tells of every member of a set, some of them twice.  A callee that returns
 * false ends it, which is no failure.
 */
bool xrw_redis_members(xrw_redis_t *r, const char *set,
    bool (*member)(void *ctx, xr_str_t member), void *ctx);

/* "changed": whether it was not, or was, there before. */
bool xrw_redis_add(xrw_redis_t *r, const char *set, xr_str_t member,
    bool *changed);
bool xrw_redis_remove(xrw_redis_t *r, const char *set, xr_str_t member,
    bool *changed);

/* "heard": how many were listening. */
bool xrw_redis_publish(xrw_redis_t *r, const char *channel, xr_str_t text,
    long long *heard);


/* An answer, flat: what its arrays have, in order; NULL: nil. */

typedef struct {
    const xr_str_t  *items;
    size_t           n;
} xrw_strings_t;

/* Any command, of at most 24 words; the answer is in memory of "arena". */
bool xrw_redis_strings(xrw_redis_t *r, xrw_arena_t *arena,
    const xr_str_t *args, size_t n, xrw_strings_t *out);

/*
 * The same in two parts, for commands that Redis answers later: poll() the
 * descriptor, then see whether the answer is there.  One at a time.
 */
bool xrw_redis_ask(xrw_redis_t *r, const xr_str_t *args, size_t n);
bool xrw_redis_answer(xrw_redis_t *r, xrw_arena_t *arena, xrw_strings_t *out,
    bool *there);


/*
 * From xrw_redis_listen() on a connection is good for these alone: poll() its
 * descriptor, then read what has come, which may be part of a message.
 */

bool xrw_redis_listen(xrw_redis_t *r, const char *channel);
bool xrw_redis_ping(xrw_redis_t *r);
bool xrw_redis_read(xrw_redis_t *r, bool *message, bool *pong);
int xrw_redis_fd(const xrw_redis_t *r);


#endif /* XRW_REDIS_H */
