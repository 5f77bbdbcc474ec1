/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "worker_purge.h"
#include "keys.h"
#include "sign.h"

#include <curl/curl.h>
#include <string.h>
#include <time.h>


/*
 * Fetches through each edge what is hot of what was purged, as clients do, so
 * that the first of them need not wait.  It is a favour: what fails of it
 * fails nothing.
 */

#define XRW_WARM_LIFE      600          /* seconds, of tokens */
#define XRW_WARM_XR_MAX    64


typedef struct {
    const xrw_purge_work_t  *w;
    xrw_purge_run_t         *run;
    xrw_base_t               base;
    const xr_key_t          *key;       /* NULL: requests are not signed */
    struct curl_slist       *headers;
    uint64_t                 left;      /* bytes, of this edge */
    xrw_purge_warm_t        *out;
} xrw_warm_t;


static size_t
xrw_warm_write(char *data, size_t size, size_t n, void *ctx)
{
    xrw_warm_t *warm = ctx;

    (void) data;
    n *= size;

    warm->out->bytes += n;

    if (n > warm->left) {
        warm->left = 0;
        return 0;
    }

    warm->left -= n;

    return n;
}


/* What xr= may have: anything else would be another parameter. */

static bool
xrw_warm_token_ok(xr_str_t xr)
{
    size_t   i;
    uint8_t  c;

    for (i = 0; i < xr.len; i++) {
        c = xr.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }

    return xr.len > 0 && xr.len <= XRW_WARM_XR_MAX;
}


/* NULL: it is none. */

static const char *
xrw_warm_url(xrw_warm_t *warm, const char *edge, xr_str_t object)
{
    size_t               len;
    xr_err_t             err;
    xr_str_t             xr;
    const char          *path, *site, *token, *url;
    xrw_arena_t         *arena;
    xr_edgeauth_spec_t   spec;

    arena = &warm->run->arena;
    xr = xr_str_cut(&object, ' ');
    len = xrw_site(xr_str(edge));

    if (len == 0 || object.len == 0 || !xrw_warm_token_ok(xr)) {
        return NULL;
    }

    site = xrw_format(arena, "%.*s", (int) len, edge);
    path = xrw_base_path(arena, &warm->base, object);

    if (warm->key == NULL) {
        url = xrw_format(arena, "%s%s?", site,
                         xrw_sign_path(arena, xr_str(path)));

    } else {
        memset(&spec, 0, sizeof(spec));
        spec.url = xr_str(path);
        spec.exp = (int64_t) time(NULL) + XRW_WARM_LIFE;
        spec.escape = true;

        token = xrw_token(arena, &spec, warm->key, &err);

        if (token == NULL) {
            return NULL;
        }

        url = xrw_format(arena, "%s&",
                         xrw_sign_url(arena, site, xr_str(path), token,
                                      XRW_FORM_QUERY, XRW_TOKEN_NAME));
    }

    return xr_str_eq(xr, xr_str("-"))
           ? xrw_format(arena, "%.*s", (int) (strlen(url) - 1), url)
           : xrw_format(arena, "%sxr=%.*s", url, (int) xr.len,
                        (const char *) xr.data);
}


static bool
xrw_warm_add(xrw_warm_t *warm, CURLM *multi, const char *url)
{
    CURL  *curl;

    curl = curl_easy_init();

    if (curl == NULL) {
        return false;
    }

    (void) curl_easy_setopt(curl, CURLOPT_URL, url);
    (void) curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, warm->headers);
    (void) curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
                            (long) warm->w->conf.purge.timeout);
    (void) curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                            (long) warm->w->conf.purge.timeout);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, xrw_warm_write);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, warm);

    if (curl_multi_add_handle(multi, curl) != CURLM_OK) {
        curl_easy_cleanup(curl);
        return false;
    }

    warm->out->requests++;

    return true;
}


/* Those that have ended; returns their number. */

static size_t
xrw_warm_ended(xrw_warm_t *warm, CURLM *multi)
{
    int       left;
    long      status;
    size_t    n;
    CURL     *curl;
    CURLcode  code;
    CURLMsg  *msg;

    n = 0;

    while ((msg = curl_multi_info_read(multi, &left)) != NULL) {

        if (msg->msg != CURLMSG_DONE) {
            continue;
        }

        curl = msg->easy_handle;
        code = msg->data.result;
        status = 0;
        (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);

        warm->out->failed += (code != CURLE_OK || status != 200);
        n++;

        (void) curl_multi_remove_handle(multi, curl);
        curl_easy_cleanup(curl);
    }

    return n;
}


static void
xrw_warm_edge(xrw_warm_t *warm, const char *edge)
{
    int          running;
    size_t       next, busy, max;
    CURLM       *multi;
    const char  *url;

    multi = curl_multi_init();

    if (multi == NULL) {
        return;
    }

    warm->left = (uint64_t) warm->w->conf.purge.warm_size;
    max = (size_t) warm->w->conf.purge.warm_parallel;
    next = 0;
    busy = 0;

    for ( ;; ) {

        while (busy < max && next < warm->run->nhot && warm->left > 0) {
            url = xrw_warm_url(warm, edge, warm->run->hot[next++]);

            if (url != NULL && xrw_warm_add(warm, multi, url)) {
                busy++;
            }
        }

        if (busy == 0
            || curl_multi_perform(multi, &running) != CURLM_OK
            || curl_multi_poll(multi, NULL, 0, 1000, NULL) != CURLM_OK)
        {
            break;
        }

        busy -= xrw_warm_ended(warm, multi);
    }

    (void) curl_multi_cleanup(multi);
}


/* The first key that signs as EdgeAuth has it. */

static const xr_key_t *
xrw_warm_key(const xr_keyset_t *keys)
{
    size_t  i;

    for (i = 0; i < keys->n; i++) {
        if ((keys->keys[i].kind & XR_KIND_EDGEAUTH) != 0) {
            return &keys->keys[i];
        }
    }

    return NULL;
}


void
xrw_purge_warm(const xrw_purge_work_t *w, xrw_purge_run_t *run,
    xrw_purge_warm_t *out)
{
    size_t        i;
    xrw_warm_t    warm;
    const char   *why, *host;
    xr_keyset_t   keys;

    memset(&warm, 0, sizeof(warm));
    warm.w = w;
    warm.run = run;
    warm.out = out;
    keys.n = 0;

    if (run->tenant.url == NULL
        || xrw_base_parse(&run->arena, run->tenant.url, &warm.base, &why)
           != XR_OK)
    {
        (void) xrw_error("tenant \"%s\": to warm edges it needs a \"url\"",
                         run->name);
        return;
    }

    if (run->tenant.keys != NULL) {

        if (xrw_keys_file(&run->arena, run->tenant.keys, &keys) != XR_OK) {
            xr_keyset_wipe(&keys);
            return;
        }

        warm.key = xrw_warm_key(&keys);
    }

    /* an edge knows its tenants by the host that clients say */

    host = strstr(warm.base.site, "://") + 3;
    warm.headers = curl_slist_append(NULL, xrw_format(&run->arena,
                                                      "Host: %s", host));

    for (i = 0; i < run->tenant.edges.n && warm.headers != NULL; i++) {
        xrw_warm_edge(&warm, run->tenant.edges.items[i]);
    }

    curl_slist_free_all(warm.headers);
    xr_keyset_wipe(&keys);
}
