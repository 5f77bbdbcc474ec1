/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_redis.h"


#define NGX_HTTP_XR_REDIS_CONF_TIMEOUT      20      /* milliseconds */
#define NGX_HTTP_XR_REDIS_CONF_TIMEOUT_MAX  60000
#define NGX_HTTP_XR_REDIS_CONF_QUEUE        1024
#define NGX_HTTP_XR_REDIS_CONF_QUEUE_MAX    65536
#define NGX_HTTP_XR_REDIS_CONF_EDGES_MAX    10000
#define NGX_HTTP_XR_REDIS_CONF_DB_MAX       65535
#define NGX_HTTP_XR_REDIS_CONF_SECRET_MAX   1024
#define NGX_HTTP_XR_REDIS_CONF_TLS_DEPTH    4

#define NGX_HTTP_XR_REDIS_CONF_TRUSTED                                        \
    "/etc/ssl/certs/ca-certificates.crt"


/* The parameters; what is not given has no data, or is NGX_ERROR. */

typedef struct {
    ngx_str_t   user;
    ngx_str_t   password_file;
    ngx_str_t   tls;
    ngx_str_t   tls_ca;
    ngx_str_t   tls_name;
    ngx_int_t   db;
    ngx_int_t   timeout;
    ngx_int_t   queue;
    ngx_int_t   edges;

    ngx_str_t   password;
} ngx_http_xr_redis_conf_t;


typedef struct {
    ngx_str_t   name;
    size_t      offset;
    ngx_int_t   min;
    ngx_int_t   max;            /* 0: it is a string */
} ngx_http_xr_redis_conf_param_t;


static ngx_http_xr_redis_conf_param_t  ngx_http_xr_redis_conf_params[] = {
    { ngx_string("user="),
      offsetof(ngx_http_xr_redis_conf_t, user), 0, 0 },

    { ngx_string("password_file="),
      offsetof(ngx_http_xr_redis_conf_t, password_file), 0, 0 },

    { ngx_string("tls_ca="),
      offsetof(ngx_http_xr_redis_conf_t, tls_ca), 0, 0 },

    { ngx_string("tls_name="),
      offsetof(ngx_http_xr_redis_conf_t, tls_name), 0, 0 },

    { ngx_string("db="),
      offsetof(ngx_http_xr_redis_conf_t, db),
      0, NGX_HTTP_XR_REDIS_CONF_DB_MAX },

    { ngx_string("timeout="),
      offsetof(ngx_http_xr_redis_conf_t, timeout),
      1, NGX_HTTP_XR_REDIS_CONF_TIMEOUT_MAX },

    { ngx_string("queue="),
      offsetof(ngx_http_xr_redis_conf_t, queue),
      1, NGX_HTTP_XR_REDIS_CONF_QUEUE_MAX },

    { ngx_string("edges="),
      offsetof(ngx_http_xr_redis_conf_t, edges),
      1, NGX_HTTP_XR_REDIS_CONF_EDGES_MAX }
};


static ngx_int_t ngx_http_xr_redis_conf_param(ngx_conf_t *cf,
    ngx_http_xr_redis_conf_t *rcf, ngx_str_t *value);
static ngx_int_t ngx_http_xr_redis_conf_text(ngx_conf_t *cf,
    ngx_http_xr_redis_conf_t *rcf, ngx_http_xr_redis_conf_param_t *param,
    ngx_str_t *s);
static ngx_int_t ngx_http_xr_redis_conf_number(ngx_conf_t *cf,
    ngx_http_xr_redis_conf_t *rcf, ngx_http_xr_redis_conf_param_t *param,
    ngx_str_t *s);
static ngx_int_t ngx_http_xr_redis_conf_address(ngx_conf_t *cf,
    ngx_http_xr_redis_t *redis, ngx_url_t *u);
static ngx_int_t ngx_http_xr_redis_conf_check(ngx_conf_t *cf,
    ngx_http_xr_redis_conf_t *rcf);
static ngx_int_t ngx_http_xr_redis_conf_password(ngx_conf_t *cf,
    ngx_http_xr_main_conf_t *xmcf, ngx_http_xr_redis_conf_t *rcf);
static ngx_int_t ngx_http_xr_redis_conf_greeting(ngx_conf_t *cf,
    ngx_http_xr_redis_t *redis, ngx_http_xr_redis_conf_t *rcf);
static ngx_int_t ngx_http_xr_redis_conf_script(ngx_conf_t *cf,
    ngx_http_xr_redis_t *redis);
static ngx_int_t ngx_http_xr_redis_conf_tls(ngx_conf_t *cf,
    ngx_http_xr_redis_t *redis, ngx_http_xr_redis_conf_t *rcf,
    ngx_url_t *u);


/*
 * xr_redis host:port | unix:path [user=name] [password_file=file] [db=n]
 *     [timeout=20ms] [queue=1024] [tls] [tls_ca=file] [tls_name=name]
 *     [edges=n];
 */

char *
ngx_http_xr_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    ngx_url_t                  u;
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_xr_redis_t       *redis;
    ngx_http_xr_redis_conf_t   rcf;

    if (xmcf->redis != NULL) {
        return "is duplicate";
    }

    redis = ngx_pcalloc(cf->pool, sizeof(ngx_http_xr_redis_t));
    if (redis == NULL) {
        return NGX_CONF_ERROR;
    }

    xmcf->redis = redis;

    ngx_memzero(&rcf, sizeof(ngx_http_xr_redis_conf_t));

    rcf.db = NGX_ERROR;
    rcf.timeout = NGX_ERROR;
    rcf.queue = NGX_ERROR;
    rcf.edges = NGX_ERROR;

    value = cf->args->elts;

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url = value[1];

    if (ngx_http_xr_redis_conf_address(cf, redis, &u) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_http_xr_redis_conf_param(cf, &rcf, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    redis->timeout = (rcf.timeout != NGX_ERROR)
                     ? rcf.timeout : NGX_HTTP_XR_REDIS_CONF_TIMEOUT;
    redis->queue = (rcf.queue != NGX_ERROR)
                   ? rcf.queue : NGX_HTTP_XR_REDIS_CONF_QUEUE;
    redis->edges = (rcf.edges != NGX_ERROR) ? rcf.edges : 1;

    if (ngx_http_xr_redis_conf_check(cf, &rcf) != NGX_OK
        || ngx_http_xr_redis_conf_tls(cf, redis, &rcf, &u) != NGX_OK
        || ngx_http_xr_redis_conf_password(cf, xmcf, &rcf) != NGX_OK
        || ngx_http_xr_redis_conf_greeting(cf, redis, &rcf) != NGX_OK
        || ngx_http_xr_redis_conf_script(cf, redis) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* Names are looked up here, and never again. */

static ngx_int_t
ngx_http_xr_redis_conf_address(ngx_conf_t *cf, ngx_http_xr_redis_t *redis,
    ngx_url_t *u)
{
    if (ngx_parse_url(cf->pool, u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s in \"%V\", the address of Redis",
                           (u->err != NULL) ? u->err : "no memory", &u->url);
        return NGX_ERROR;
    }

    if (u->no_port && u->family != AF_UNIX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no port in \"%V\", the address of Redis", &u->url);
        return NGX_ERROR;
    }

    redis->addrs = u->addrs;
    redis->naddrs = u->naddrs;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_redis_conf_param(ngx_conf_t *cf, ngx_http_xr_redis_conf_t *rcf,
    ngx_str_t *value)
{
    ngx_str_t                        s;
    ngx_uint_t                       i;
    ngx_http_xr_redis_conf_param_t  *param;

    static ngx_str_t  tls = ngx_string("tls");

    if (value->len == tls.len
        && ngx_strncmp(value->data, tls.data, tls.len) == 0)
    {
        rcf->tls = tls;
        return NGX_OK;
    }

    param = ngx_http_xr_redis_conf_params;

    for (i = 0; i < XR_COUNT(ngx_http_xr_redis_conf_params); i++, param++) {

        if (value->len >= param->name.len
            && ngx_strncmp(value->data, param->name.data, param->name.len)
               == 0)
        {
            s.data = value->data + param->name.len;
            s.len = value->len - param->name.len;

            return (param->max == 0)
                   ? ngx_http_xr_redis_conf_text(cf, rcf, param, &s)
                   : ngx_http_xr_redis_conf_number(cf, rcf, param, &s);
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "unknown parameter \"%V\"",
                       value);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_xr_redis_conf_text(ngx_conf_t *cf, ngx_http_xr_redis_conf_t *rcf,
    ngx_http_xr_redis_conf_param_t *param, ngx_str_t *s)
{
    ngx_str_t  *text;

    text = (ngx_str_t *) ((char *) rcf + param->offset);

    if (s->len == 0 || text->data != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" %s", &param->name,
                           (s->len == 0) ? "has no value" : "is duplicate");
        return NGX_ERROR;
    }

    *text = *s;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_redis_conf_number(ngx_conf_t *cf, ngx_http_xr_redis_conf_t *rcf,
    ngx_http_xr_redis_conf_param_t *param, ngx_str_t *s)
{
    ngx_int_t   n, *number;
    ngx_uint_t  time;

    number = (ngx_int_t *) ((char *) rcf + param->offset);
    time = (number == &rcf->timeout);

    if (*number != NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is duplicate",
                           &param->name);
        return NGX_ERROR;
    }

    n = time ? ngx_parse_time(s, 0) : ngx_atoi(s->data, s->len);

    if (n < param->min || n > param->max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V%V\": it is %s from %i to "
                           "%i", &param->name, s,
                           time ? "a time in milliseconds," : "a number",
                           param->min, param->max);
        return NGX_ERROR;
    }

    *number = n;

    return NGX_OK;
}


/* What goes with what. */

static ngx_int_t
ngx_http_xr_redis_conf_check(ngx_conf_t *cf, ngx_http_xr_redis_conf_t *rcf)
{
    const char  *err;

    err = NULL;

    if (rcf->user.len > 0 && rcf->password_file.len == 0) {
        err = "\"user\" needs \"password_file\"";

    } else if (rcf->tls.len == 0
               && (rcf->tls_ca.len > 0 || rcf->tls_name.len > 0))
    {
        err = "\"tls_ca\" and \"tls_name\" need \"tls\"";
    }

    if (err != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s", err);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* One line, read as other files of secrets are; nobody watches it. */

static ngx_int_t
ngx_http_xr_redis_conf_password(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf,
    ngx_http_xr_redis_conf_t *rcf)
{
    xr_str_t             line;
    ngx_int_t            rc;
    ngx_str_t            path, text;
    ngx_http_xr_load_t  *load;

    if (rcf->password_file.len == 0) {
        return NGX_OK;
    }

    load = ngx_http_xr_load_create(xmcf, cf, &cf->cycle->conf_prefix,
                                   cf->log);
    if (load == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (ngx_http_xr_load_path(load, ngx_http_xr_view(&rcf->password_file),
                              &path)
        != NGX_OK
        || ngx_http_xr_load_file(load, &path,
                                 NGX_HTTP_XR_REDIS_CONF_SECRET_MAX, &text)
           != NGX_OK)
    {
        goto done;
    }

    line = ngx_http_xr_view(&text);

    if (line.len > 0 && line.data[line.len - 1] == '\n') {
        line.len--;
    }

    if (line.len == 0 || xr_str_has_control(line)) {
        ngx_http_xr_load_error(load, 0, "\"%V\" is not one line with a "
                               "password", &path);

    } else {
        rcf->password.len = line.len;
        rcf->password.data = ngx_pnalloc(cf->pool, line.len);

        if (rcf->password.data != NULL) {
            ngx_memcpy(rcf->password.data, line.data, line.len);
            rc = NGX_OK;
        }
    }

    xr_wipe(text.data, text.len);

done:

    ngx_http_xr_load_destroy(load);

    return rc;
}


/*
 * What every connection begins with, sent as one: who we are, the database,
 * and a PING, by whose answer the server comes up.
 */

static ngx_int_t
ngx_http_xr_redis_conf_greeting(ngx_conf_t *cf, ngx_http_xr_redis_t *redis,
    ngx_http_xr_redis_conf_t *rcf)
{
    u_char  *p, *db, text[NGX_INT_T_LEN];
    size_t   len;

    len = sizeof("*3\r\n$4\r\nAUTH\r\n$\r\n\r\n$\r\n\r\n") + 2 * NGX_SIZE_T_LEN
          + rcf->user.len + rcf->password.len
          + sizeof("*2\r\n$6\r\nSELECT\r\n$\r\n\r\n") + NGX_SIZE_T_LEN
          + NGX_INT_T_LEN
          + sizeof("*1\r\n$4\r\nPING\r\n");

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    redis->greeting.data = p;
    redis->greetings = 1;

    if (rcf->password.len > 0) {
        redis->greetings++;

        if (rcf->user.len > 0) {
            p = ngx_sprintf(p, "*3\r\n$4\r\nAUTH\r\n$%uz\r\n%V\r\n",
                            rcf->user.len, &rcf->user);

        } else {
            p = ngx_sprintf(p, "*2\r\n$4\r\nAUTH\r\n");
        }

        p = ngx_sprintf(p, "$%uz\r\n%V\r\n", rcf->password.len,
                        &rcf->password);

        xr_wipe(rcf->password.data, rcf->password.len);
    }

    if (rcf->db > 0) {
        redis->greetings++;

        db = ngx_sprintf(text, "%i", rcf->db);

        p = ngx_sprintf(p, "*2\r\n$6\r\nSELECT\r\n$%uz\r\n%i\r\n",
                        (size_t) (db - text), rcf->db);
    }

    p = ngx_sprintf(p, "*1\r\n$4\r\nPING\r\n");

    redis->greeting.len = p - redis->greeting.data;

    return NGX_OK;
}


/* How a call begins; Redis knows scripts by their SHA-1. */

static ngx_int_t
ngx_http_xr_redis_conf_script(ngx_conf_t *cf, ngx_http_xr_redis_t *redis)
{
    u_char    *p, sha1[XR_HASH_MAX_SIZE], hex[2 * XR_HASH_MAX_SIZE];
    size_t     len;
    xr_str_t   script;

    script = xr_limit_script();

    if (xr_hash(XR_SHA1, &script, 1, sha1) != XR_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "SHA-1 is not available");
        return NGX_ERROR;
    }

    p = ngx_hex_dump(hex, sha1, xr_hash_size(XR_SHA1));

    len = sizeof("$4\r\nEVAL\r\n$\r\n\r\n") + NGX_SIZE_T_LEN + script.len
          + sizeof("$7\r\nEVALSHA\r\n$\r\n\r\n") + NGX_SIZE_T_LEN
          + sizeof(hex);

    redis->evalsha.data = ngx_pnalloc(cf->pool, len);
    if (redis->evalsha.data == NULL) {
        return NGX_ERROR;
    }

    len = p - hex;
    p = ngx_sprintf(redis->evalsha.data, "$7\r\nEVALSHA\r\n$%uz\r\n%*s\r\n",
                    len, len, hex);
    redis->evalsha.len = p - redis->evalsha.data;

    redis->eval.data = p;
    p = ngx_sprintf(p, "$4\r\nEVAL\r\n$%uz\r\n%*s\r\n", script.len,
                    script.len, script.data);
    redis->eval.len = p - redis->eval.data;

    return NGX_OK;
}


/* The certificate is verified, and has the name that was configured. */

static ngx_int_t
ngx_http_xr_redis_conf_tls(ngx_conf_t *cf, ngx_http_xr_redis_t *redis,
    ngx_http_xr_redis_conf_t *rcf, ngx_url_t *u)
{
    ngx_addr_t           addr;
    ngx_str_t           *name;
    ngx_pool_cleanup_t  *cln;

    if (rcf->tls.len == 0) {
        return NGX_OK;
    }

    name = (rcf->tls_name.len > 0) ? &rcf->tls_name : &u->host;

    if ((rcf->tls_name.len == 0 && u->family == AF_UNIX)
        || ngx_parse_addr(cf->pool, &addr, name->data, name->len)
           != NGX_DECLINED)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"tls\" verifies the name of the server: "
                           "\"tls_name\" says it where the address does not");
        return NGX_ERROR;
    }

    redis->tls_name.len = name->len;
    redis->tls_name.data = ngx_pnalloc(cf->pool, name->len + 1);
    redis->ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));

    if (redis->tls_name.data == NULL || redis->ssl == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(redis->tls_name.data, name->data, name->len + 1);

    redis->ssl->log = cf->log;

    if (ngx_ssl_create(redis->ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(redis->ssl);
        return NGX_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = redis->ssl;

    if (rcf->tls_ca.len == 0) {
        ngx_str_set(&rcf->tls_ca, NGX_HTTP_XR_REDIS_CONF_TRUSTED);
    }

    if (ngx_ssl_trusted_certificate(cf, redis->ssl, &rcf->tls_ca,
                                    NGX_HTTP_XR_REDIS_CONF_TLS_DEPTH)
        != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" has no certificates of authorities that "
                           "can be used", &rcf->tls_ca);
        return NGX_ERROR;
    }

    return NGX_OK;
}
