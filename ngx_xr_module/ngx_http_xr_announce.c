/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_announce.h"
#include "ngx_http_xr_variant.h"

#include "xr_announce.h"
#include "xr_manifest.h"


/* Milliseconds: a connection on which nothing came twice as long is dead. */

#define NGX_HTTP_XR_ANNOUNCE_PING     3000
#define NGX_HTTP_XR_ANNOUNCE_TIMEOUT  1000      /* of the first answer */

#define NGX_HTTP_XR_ANNOUNCE_CHANNEL  256


static ngx_int_t ngx_http_xr_announce_greeting(ngx_conf_t *cf,
    ngx_http_xr_announce_t *announce);
static ngx_int_t ngx_http_xr_announce_zone(ngx_shm_zone_t *zone, void *data);
static void ngx_http_xr_announce_timer(ngx_event_t *ev);
static ngx_int_t ngx_http_xr_announce_push(ngx_http_xr_redis_node_t *node,
    redisReply *reply);
static void ngx_http_xr_announce_lost(ngx_http_xr_announce_t *announce);
static ngx_uint_t ngx_http_xr_announce_is(redisReply *reply,
    const char *kind);
static void ngx_http_xr_announce_subscribed(ngx_http_xr_announce_t *announce);
static void ngx_http_xr_announce_message(ngx_http_xr_announce_t *announce,
    redisReply *reply);
static const char *ngx_http_xr_announce_read(ngx_http_xr_announce_t *announce,
    xr_str_t text);
static void ngx_http_xr_announce_apply(ngx_http_xr_announce_t *announce,
    const xr_site_t *site, xr_str_t object);


/* xr_announce on | channel=name [signed] | off; */

char *
ngx_http_xr_announce(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    ngx_str_t               *value, name;
    ngx_http_xr_announce_t  *announce;

    static ngx_str_t  usual = ngx_string("xr:announce");
    static ngx_str_t  channel = ngx_string("channel=");

    if (xmcf->announce != NULL) {
        return "is duplicate";
    }

    announce = ngx_pcalloc(cf->pool, sizeof(ngx_http_xr_announce_t));
    if (announce == NULL) {
        return NGX_CONF_ERROR;
    }

    xmcf->announce = announce;

    value = cf->args->elts;

    if (cf->args->nelts == 3) {

        if (ngx_strcmp(value[2].data, "signed") != 0
            || ngx_strcmp(value[1].data, "off") == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": behind \"on\" or "
                               "a channel it is \"signed\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        announce->only_signed = 1;
    }

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "on") == 0) {
        announce->channel = usual;
        return NGX_CONF_OK;
    }

    name = value[1];

    if (ngx_strncmp(name.data, channel.data, channel.len) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": it is \"on\", \"off\" or "
                           "\"channel=name\"", &name);
        return NGX_CONF_ERROR;
    }

    name.data += channel.len;
    name.len -= channel.len;

    if (name.len == 0 || name.len > NGX_HTTP_XR_ANNOUNCE_CHANNEL
        || xr_str_has_control(ngx_http_xr_view(&name)))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid channel \"%V\": it has 1 to 256 bytes and "
                           "no control character", &name);
        return NGX_CONF_ERROR;
    }

    announce->channel = name;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_xr_announce_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf)
{
    ngx_shm_zone_t          *zone;
    ngx_http_xr_announce_t  *announce;

    static ngx_str_t  name = ngx_string("xr_announce");

    announce = xmcf->announce;

    if (announce == NULL || announce->channel.len == 0) {
        xmcf->announce = NULL;
        return NGX_OK;
    }

    if (xmcf->redis == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"xr_announce\" needs an \"xr_redis\"");
        return NGX_ERROR;
    }

    announce->conf = xmcf;
    announce->redis = *xmcf->redis;
    announce->redis.stats = &announce->stats;
    announce->redis.timeout = NGX_HTTP_XR_ANNOUNCE_TIMEOUT;
    announce->redis.push = ngx_http_xr_announce_push;

    if (ngx_http_xr_announce_greeting(cf, announce) != NGX_OK) {
        return NGX_ERROR;
    }

    zone = ngx_shared_memory_add(cf, &name, 8 * ngx_pagesize,
                                 &ngx_http_xr_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->init = ngx_http_xr_announce_zone;
    zone->data = announce;

    return NGX_OK;
}


/* It subscribes in the same breath in which it says who it is. */

static ngx_int_t
ngx_http_xr_announce_greeting(ngx_conf_t *cf, ngx_http_xr_announce_t *announce)
{
    u_char     *p;
    size_t      len;
    ngx_str_t  *greeting;

    greeting = &announce->redis.greeting;

    len = greeting->len + sizeof("*2\r\n$9\r\nSUBSCRIBE\r\n$\r\n\r\n")
          + NGX_SIZE_T_LEN + announce->channel.len;

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    len = ngx_sprintf(p, "%V*2\r\n$9\r\nSUBSCRIBE\r\n$%uz\r\n%V\r\n", greeting,
                      announce->channel.len, &announce->channel)
          - p;

    greeting->data = p;
    greeting->len = len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_announce_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t         *slab;
    ngx_http_xr_announce_t  *announce, *old;

    announce = zone->data;
    old = data;

    if (old != NULL) {
        announce->shared = old->shared;
        return NGX_OK;
    }

    slab = (ngx_slab_pool_t *) zone->shm.addr;

    announce->shared = ngx_slab_calloc(slab,
                                       sizeof(ngx_http_xr_announce_shared_t));

    return (announce->shared != NULL) ? NGX_OK : NGX_ERROR;
}


/*
 * One worker listens: the master starts another one in its place if it ends,
 * and what is announced counts once.
 */

ngx_int_t
ngx_http_xr_announce_process(ngx_http_xr_main_conf_t *xmcf, ngx_log_t *log)
{
    ngx_http_xr_announce_t  *announce;

    announce = xmcf->announce;

    if (announce == NULL || ngx_worker != 0) {
        return NGX_OK;
    }

    announce->dummy.fd = (ngx_socket_t) -1;
    announce->dummy.data = announce;

    announce->timer.handler = ngx_http_xr_announce_timer;
    announce->timer.data = &announce->dummy;
    announce->timer.log = log;
    announce->timer.cancelable = 1;

    ngx_add_timer(&announce->timer, NGX_HTTP_XR_ANNOUNCE_PING);

    announce->shared->connected = 0;
    announce->shared->pid = ngx_pid;

    return ngx_http_xr_redis_init(&announce->redis, log);
}


void
ngx_http_xr_announce_exit(ngx_http_xr_announce_t *announce)
{
    ngx_http_xr_announce_lost(announce);

    if (announce->timer.timer_set) {
        ngx_del_timer(&announce->timer);
    }

    ngx_http_xr_redis_exit(&announce->redis);
}


/* A connection that is dead shows by what is not answered only. */

static void
ngx_http_xr_announce_timer(ngx_event_t *ev)
{
    u_char                    *p;
    ngx_connection_t          *dummy;
    ngx_http_xr_announce_t    *announce;
    ngx_http_xr_redis_node_t  *node;

    static ngx_str_t  ping = ngx_string("*1\r\n$4\r\nPING\r\n");

    if (ngx_exiting) {
        return;
    }

    dummy = ev->data;
    announce = dummy->data;
    node = announce->redis.nodes[0];

    ngx_add_timer(ev, NGX_HTTP_XR_ANNOUNCE_PING);

    if (node->state != NGX_HTTP_XR_REDIS_UP) {
        return;                         /* it connects, which has its time */
    }

    p = announce->asked ? NULL
                        : ngx_http_xr_redis_conn_reserve(node, ping.len);
    if (p == NULL) {
        ngx_http_xr_redis_conn_fail(node, 0, "does not answer");
        return;
    }

    ngx_memcpy(p, ping.data, ping.len);
    node->out_len += ping.len;
    announce->asked = 1;

    ngx_http_xr_redis_conn_post(node);
}


static ngx_int_t
ngx_http_xr_announce_push(ngx_http_xr_redis_node_t *node, redisReply *reply)
{
    ngx_http_xr_announce_t  *announce;

    announce = (ngx_http_xr_announce_t *) node->redis;
    announce->asked = 0;

    if (reply == NULL) {
        ngx_http_xr_announce_lost(announce);
        return NGX_OK;
    }

    if (reply->type == REDIS_REPLY_ERROR && !announce->subscribed) {
        ngx_http_xr_redis_conn_fail(node, 0, "does not let us subscribe");
        return NGX_ERROR;
    }

    if (ngx_http_xr_announce_is(reply, "message")) {
        ngx_http_xr_announce_message(announce, reply->element[2]);

    } else if (ngx_http_xr_announce_is(reply, "subscribe")) {
        ngx_http_xr_announce_subscribed(announce);
    }

    return NGX_OK;
}


/* After a reload another worker may listen already. */

static void
ngx_http_xr_announce_lost(ngx_http_xr_announce_t *announce)
{
    ngx_http_xr_announce_shared_t  *shared;

    shared = announce->shared;

    if (announce->subscribed && shared->pid == (ngx_atomic_uint_t) ngx_pid) {
        shared->connected = 0;
    }

    announce->subscribed = 0;
}


/* "*3\r\n$7\r\nmessage\r\n$11\r\nxr:announce\r\n..." */

static ngx_uint_t
ngx_http_xr_announce_is(redisReply *reply, const char *kind)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == 3
           && reply->element[0]->type == REDIS_REPLY_STRING
           && ngx_strcmp(reply->element[0]->str, kind) == 0;
}


/* Whatever was announced before has not been heard. */

static void
ngx_http_xr_announce_subscribed(ngx_http_xr_announce_t *announce)
{
    announce->subscribed = 1;

    announce->shared->pid = ngx_pid;
    announce->shared->connected = 1;

    ngx_http_xr_manifest_expire(announce->conf);

    ngx_log_error(NGX_LOG_NOTICE, announce->redis.log, 0,
                  "xr: listens to announcements in \"%V\"",
                  &announce->channel);
}


/* Anybody who may publish can say anything: of it no word is logged. */

static void
ngx_http_xr_announce_message(ngx_http_xr_announce_t *announce,
    redisReply *reply)
{
    const char  *why;

    (void) ngx_atomic_fetch_add(&announce->shared->received, 1);

    if (reply->type != REDIS_REPLY_STRING) {
        why = "it is no text";

    } else if (reply->len > XR_ANNOUNCE_ORDER_MAX) {
        why = "it is too long";

    } else {
        why = ngx_http_xr_announce_read(announce,
                                        xr_str_of(reply->str, reply->len));
    }

    if (why != NULL) {
        (void) ngx_atomic_fetch_add(&announce->shared->bad, 1);

        ngx_log_error(NGX_LOG_INFO, announce->redis.log, 0,
                      "xr: announcement is ignored: %s", why);
    }
}


static const char *
ngx_http_xr_announce_read(ngx_http_xr_announce_t *announce, xr_str_t text)
{
    xr_buf_t              b;
    xr_site_t             site;
    const char           *why;
    xr_announce_t         said;
    ngx_http_xr_image_t  *image;

    static u_char  memory[XR_ANNOUNCE_ORDER_MAX];

    b = xr_buf(memory, XR_ANNOUNCE_ORDER_MAX);

    why = xr_announce_read(text, &b, &said);

    if (why != NULL) {
        return why;
    }

    if (said.order.len > 0) {
        return ngx_http_xr_purge_order_announced(announce->conf, said.order,
                                                 announce->redis.log);
    }

    image = ngx_http_xr_live_acquire(&announce->conf->live,
                                     announce->redis.log);

    if (xr_table_by_name(&image->u.table, said.tenant, &site) == XR_OK) {
        ngx_http_xr_announce_apply(announce, &site, said.object);

    } else {
        why = "no such tenant";
    }

    ngx_http_xr_live_release(image);

    return why;
}


/*
 * Where there is purging, the object and its manifest go by other keys from
 * now on; where there is none, the manifest is asked for past the cache.
 */

static void
ngx_http_xr_announce_apply(ngx_http_xr_announce_t *announce,
    const xr_site_t *site, xr_str_t object)
{
    u_char                    room[XR_PURGE_ORDER_NAME
                                   + sizeof(".xr/manifest.json")];
    xr_buf_t                  b;
    uint64_t                  generation;
    ngx_time_t               *tp;
    xr_purge_t               *table;
    ngx_slab_pool_t          *slab;
    xr_purge_record_t         records[2];
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = announce->conf;
    table = xmcf->purge.table;

    ngx_http_xr_manifest_outdate(xmcf, site, object);

    if (table == NULL) {
        return;
    }

    b = xr_buf(room, sizeof(room));
    xr_manifest_name(object, &b);

    slab = (ngx_slab_pool_t *) xmcf->purge.zone->shm.addr;
    tp = ngx_timeofday();

    ngx_shmtx_lock(&slab->mutex);

    generation = xr_purge_next(table, (int64_t) tp->sec * 1000 + tp->msec);

    xr_purge_record(table, generation, site->tag, XR_PURGE_OBJECT, false,
                    xr_buf_str(&b), &records[0]);
    xr_purge_record(table, generation, site->tag, XR_PURGE_OBJECT, false,
                    object, &records[1]);

    /* nobody has signed it: the object's own bytes may have to stay */

    (void) ngx_http_xr_purge_record(&xmcf->purge, records,
                                    announce->only_signed ? 1 : 2,
                                    announce->redis.log);

    ngx_shmtx_unlock(&slab->mutex);
}
