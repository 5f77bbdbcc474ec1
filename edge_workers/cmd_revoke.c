/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "redis.h"
#include "revoked.h"
#include "when.h"
#include "xr_tenant.h"

#include <stdio.h>
#include <time.h>


typedef struct {
    const char         *until;
    bool                remove;
    bool                list;
    bool                prune;
    xrw_redis_flags_t   redis;
} xrw_revoke_flags_t;


/* What is to be done, and the members that it is about. */

typedef struct xrw_revoke_member_s  xrw_revoke_member_t;

struct xrw_revoke_member_s {
    xrw_revoke_member_t  *next;
    xr_str_t              text;
};


typedef struct {
    const xrw_revoke_flags_t  *flags;
    xrw_arena_t               *arena;
    xrw_redis_t                redis;
    int64_t                    now;
    xr_revoked_line_t          line;        /* that the arguments say */
    xrw_revoke_member_t       *members;
} xrw_revoke_t;


static int
xrw_revoke_failed(const xrw_revoke_t *revoke, const xrw_redis_server_t *server)
{
    return xrw_error("%s: %s", server->name, revoke->redis.error);
}


/* Those that say the same, however they are spelled and however long. */

static bool
xrw_revoke_is_same(const xrw_revoke_t *revoke, const xr_revoked_line_t *line)
{
    return line->kind == revoke->line.kind
           && xr_str_eq(line->tenant, revoke->line.tenant)
           && xr_str_eq(line->value, revoke->line.value);
}


static bool
xrw_revoke_collect(void *ctx, xr_str_t member)
{
    bool                  wanted;
    uint8_t               memory[XR_REVOKED_VALUE_MAX];
    xr_err_t              err;
    xr_mem_t              mem;
    xr_revoked_line_t     line;
    xrw_revoke_member_t  *m;

    xrw_revoke_t *revoke = ctx;

    if (xr_revoked_parse(xr_str_trim(member), memory, &line, &err) != XR_OK) {
        return true;
    }

    wanted = revoke->flags->prune
             ? line.until != 0 && (int64_t) line.until <= revoke->now
             : xrw_revoke_is_same(revoke, &line);

    if (wanted) {
        mem = xrw_mem(revoke->arena);
        m = xrw_alloc(revoke->arena, sizeof(xrw_revoke_member_t));

        (void) xr_str_dup(&mem, member, &m->text);
        m->next = revoke->members;
        revoke->members = m;
    }

    return true;
}


static int
xrw_revoke_tell(xrw_revoke_t *revoke, const xrw_redis_server_t *server)
{
    long long  heard;

    if (!xrw_redis_publish(&revoke->redis, revoke->flags->redis.channel,
                           xr_str("changed"), &heard))
    {
        return xrw_revoke_failed(revoke, server);
    }

    if (heard == 0) {
        (void) xrw_error("warning: nobody listens to \"%s\"; edges will know "
                         "when their workers next look",
                         revoke->flags->redis.channel);
    }

    return XRW_OK;
}


static int
xrw_revoke_remove(xrw_revoke_t *revoke, const xrw_redis_server_t *server)
{
    bool                  changed;
    size_t                n;
    const char           *set;
    xrw_revoke_member_t  *m;

    n = 0;
    set = revoke->flags->redis.set;

    if (!xrw_redis_members(&revoke->redis, set, xrw_revoke_collect, revoke)) {
        return xrw_revoke_failed(revoke, server);
    }

    for (m = revoke->members; m != NULL; m = m->next) {

        if (!xrw_redis_remove(&revoke->redis, set, m->text, &changed)) {
            return xrw_revoke_failed(revoke, server);
        }

        n += changed ? 1 : 0;
    }

    if (n == 0 && !revoke->flags->prune) {
        return xrw_error("that is not revoked");
    }

    if (revoke->flags->prune) {
        printf("%zu removed\n", n);
        return XRW_OK;
    }

    return xrw_revoke_tell(revoke, server);
}


static int
xrw_revoke_add(xrw_revoke_t *revoke, const xrw_redis_server_t *server)
{
    bool      changed;
    char      text[XR_REVOKED_LINE_MAX];
    xr_buf_t  b;

    b = xr_buf(text, sizeof(text));
    xr_revoked_put(&revoke->line, &b);

    if (!xrw_redis_add(&revoke->redis, revoke->flags->redis.set,
                       xr_buf_str(&b), &changed))
    {
        return xrw_revoke_failed(revoke, server);
    }

    return xrw_revoke_tell(revoke, server);
}


static bool
xrw_revoke_member(void *ctx, xr_str_t member)
{
    return xrw_revoked_add(ctx, member);
}


static int
xrw_revoke_list(xrw_revoke_t *revoke, const xrw_redis_server_t *server)
{
    size_t              i;
    xrw_revoked_list_t  list;

    list = (xrw_revoked_list_t) { 0 };

    if (!xrw_redis_members(&revoke->redis, revoke->flags->redis.set,
                           xrw_revoke_member, &list))
    {
        xrw_revoked_free(&list);
        return xrw_revoke_failed(revoke, server);
    }

    xrw_revoked_sort(&list);
    (void) fwrite(list.data, 1, list.len, stdout);

    for (i = 0; i < list.bad && i < XRW_REVOKED_SAMPLES; i++) {
        (void) xrw_error("warning: member \"%s\" says nothing: %s",
                         list.samples[i].member, list.samples[i].why);
    }

    xrw_revoked_free(&list);

    return XRW_OK;
}


/* The arguments; XRW_OK, or what to exit with. */

static int
xrw_revoke_read(const xrw_command_t *cmd, xrw_revoke_t *revoke, char **argv)
{
    int64_t             until;
    xr_revoked_line_t  *line;

    line = &revoke->line;

    line->tenant = xr_str(argv[0]);
    line->value = xr_str(argv[2]);

    if (!xr_tenant_name_ok(line->tenant)
        && !xr_str_eq(line->tenant, xr_str("*")))
    {
        return xrw_usage(cmd, "\"%s\" is neither the name of a tenant nor "
                         "\"*\"", argv[0]);
    }

    if (xr_revoked_kind(xr_str(argv[1]), &line->kind) != XR_OK) {
        return xrw_usage(cmd, "\"%s\" is not sub, jti or kid", argv[1]);
    }

    if (line->value.len == 0 || line->value.len > XR_REVOKED_VALUE_MAX) {
        return xrw_usage(cmd, "VALUE is empty or longer than %d bytes",
                         XR_REVOKED_VALUE_MAX);
    }

    if (revoke->flags->until == NULL) {
        return XRW_OK;
    }

    if (!xrw_when(revoke->flags->until, revoke->now, &until)
        || until <= revoke->now)
    {
        return xrw_usage(cmd, "--until %s: not a time to come",
                         revoke->flags->until);
    }

    line->until = (uint64_t) until;

    return XRW_OK;
}


static int
xrw_revoke_run(const xrw_command_t *cmd, xrw_revoke_t *revoke)
{
    int                 status;
    xrw_redis_server_t  server;

    status = xrw_redis_server(revoke->arena, cmd, &revoke->flags->redis,
                              &server);

    if (status != XRW_OK) {
        return status;
    }

    if (!xrw_redis_open(&revoke->redis, &server)) {
        status = xrw_revoke_failed(revoke, &server);

    } else if (revoke->flags->list) {
        status = xrw_revoke_list(revoke, &server);

    } else if (revoke->flags->remove || revoke->flags->prune) {
        status = xrw_revoke_remove(revoke, &server);

    } else {
        status = xrw_revoke_add(revoke, &server);
    }

    xrw_redis_close(&revoke->redis);

    return status;
}


int
xrw_revoke(const xrw_command_t *cmd, int argc, char **argv)
{
    int                 status, actions;
    size_t              n;
    xrw_arena_t         arena;
    xrw_option_t        options[XRW_REDIS_OPTIONS + 4];
    xrw_revoke_t        revoke;
    xrw_revoke_flags_t  flags;

    flags = (xrw_revoke_flags_t) { 0 };
    n = xrw_redis_options(&flags.redis, options);

    options[n++] = (xrw_option_t) { "until", "TIME", XRW_OPTION_TEXT,
        &flags.until, "when it does not matter any more" };

    options[n++] = (xrw_option_t) { "remove", NULL, XRW_OPTION_FLAG,
        &flags.remove, "is not revoked any more" };

    options[n++] = (xrw_option_t) { "list", NULL, XRW_OPTION_FLAG,
        &flags.list, "prints all that is revoked" };

    options[n++] = (xrw_option_t) { "prune", NULL, XRW_OPTION_FLAG,
        &flags.prune, "removes what does not matter any more" };

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    actions = flags.list + flags.prune + flags.remove + (flags.until != NULL);

    if (actions > 1 || argc != ((flags.list || flags.prune) ? 0 : 3)) {
        return xrw_usage(cmd, "TENANT, what it is and VALUE, or --list, or "
                         "--prune");
    }

    arena = (xrw_arena_t) { NULL };

    revoke = (xrw_revoke_t) { .flags = &flags, .arena = &arena,
                              .now = (int64_t) time(NULL) };

    status = (argc == 3) ? xrw_revoke_read(cmd, &revoke, argv) : XRW_OK;

    if (status == XRW_OK) {
        status = xrw_revoke_run(cmd, &revoke);
    }

    xrw_arena_free(&arena);

    return status;
}
