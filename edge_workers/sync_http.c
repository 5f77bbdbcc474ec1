/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "sync_http.h"
#include "xr_addr.h"
#include "xr_crypto.h"
#include "xr_http_date.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>


#define XRW_HTTP_CONNECT    10L         /* seconds */
#define XRW_HTTP_HEAD       65536       /* bytes of all headers */
#define XRW_HTTP_REDIRECTS  3


/* One request on its way. */

typedef struct {
    const xrw_http_request_t  *request;
    xrw_http_answer_t         *answer;
    CURL                      *curl;
    size_t                     head;
    const char                *why;
    char                       error[CURL_ERROR_SIZE];
} xrw_http_t;


/* The host of a URL, for the caller to free, and whether it is of https. */

static CURLUcode
xrw_http_host(const char *url, char **host, bool *tls)
{
    char       *text;
    CURLU      *u;
    CURLUcode   rc;

    *host = NULL;
    u = curl_url();

    if (u == NULL) {
        return CURLUE_OUT_OF_MEMORY;
    }

    rc = curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER);

    if (rc == CURLUE_OK) {
        rc = curl_url_get(u, CURLUPART_SCHEME, &text, 0);
    }

    if (rc == CURLUE_OK) {
        *tls = strcmp(text, "https") == 0;
        rc = (*tls || strcmp(text, "http") == 0) ? CURLUE_OK
                                                 : CURLUE_UNSUPPORTED_SCHEME;
        curl_free(text);
    }

    if (rc == CURLUE_OK) {
        rc = curl_url_get(u, CURLUPART_HOST, host, 0);
    }

    curl_url_cleanup(u);

    return rc;
}


/* A literal address: what a name leads to is somebody else's to say. */

bool
xrw_http_is_loopback(const char *host)
{
    xr_str_t       s;
    xr_addr_t      addr;
    xr_addr_net_t  net;

    static const char  v4[] = "127.0.0.0/8";
    static const char  v6[] = "::1";

    s = xr_str(host);

    if (s.len > 2 && s.data[0] == '[' && s.data[s.len - 1] == ']') {
        s = xr_str_of(s.data + 1, s.len - 2);
    }

    return xr_addr_parse(s, &addr) == XR_OK
           && ((xr_addr_net_parse(xr_str(v4), &net) == XR_OK
                && xr_addr_net_has(&net, &addr))
               || (xr_addr_net_parse(xr_str(v6), &net) == XR_OK
                   && xr_addr_net_has(&net, &addr)));
}


const char *
xrw_http_refuse(const char *url, bool loopback, const char *const *plain)
{
    bool         tls;
    char        *host;
    const char  *why;
    CURLUcode    rc;

    rc = xrw_http_host(url, &host, &tls);

    if (rc != CURLUE_OK) {
        return (rc == CURLUE_USER_NOT_ALLOWED) ? "has a user's name in it"
               : "is no URL that begins with https://";
    }

    why = (tls || (loopback && xrw_http_is_loopback(host)))
          ? NULL : "is not of https";

    while (why != NULL && plain != NULL && *plain != NULL) {
        why = (strcmp(*plain++, host) == 0) ? NULL : why;
    }

    curl_free(host);

    return why;
}


static size_t
xrw_http_write(char *data, size_t size, size_t n, void *ctx)
{
    xrw_http_t *t = ctx;

    n *= size;

    if (n > t->request->max - t->answer->body.len) {
        t->why = "the answer is too large";
        return 0;
    }

    xrw_bytes_add(&t->answer->body, xr_str_of(data, n));

    return n;
}


/* Whether "line" is the header "name"; its value is what is left then. */

static bool
xrw_http_is(xr_str_t line, const char *name, xr_str_t *value)
{
    *value = line;

    return xr_str_eq_nocase(xr_str_cut(value, ':'), xr_str(name))
           && ((*value = xr_str_trim(*value)), true);
}


static void
xrw_http_tag(char out[XRW_HTTP_TAG], xr_str_t value)
{
    if (value.len < XRW_HTTP_TAG && !xr_str_has_control(value)) {
        memcpy(out, value.data, value.len);
        out[value.len] = '\0';
    }
}


static void
xrw_http_date(xr_str_t value, int64_t *out)
{
    int64_t  t;

    if (xr_http_date(value, (int64_t) time(NULL), &t) != XR_OK || t < 0) {
        t = 0;
    }

    *out = t;
}


static void
xrw_http_header(xrw_http_answer_t *answer, xr_str_t line)
{
    xr_str_t                  value;
    xr_freshness_response_t  *f;

    f = &answer->freshness;

    if (xrw_http_is(line, "etag", &value)) {
        xrw_http_tag(answer->etag, value);

    } else if (xrw_http_is(line, "last-modified", &value)) {
        xrw_http_tag(answer->modified, value);

    } else if (xrw_http_is(line, "cache-control", &value)) {
        xr_freshness_field_cache_control(&f->cache_control, value);

    } else if (xrw_http_is(line, "expires", &value)) {
        xrw_http_date(value, &f->expires);

    } else if (xrw_http_is(line, "date", &value)) {
        xrw_http_date(value, &f->date);

    } else if (xrw_http_is(line, "age", &value)) {
        f->age = xr_freshness_age_field(value);
    }
}


static size_t
xrw_http_head(char *data, size_t size, size_t n, void *ctx)
{
    xrw_http_t *t = ctx;

    xr_str_t            line;
    xrw_http_answer_t  *answer;

    n *= size;
    t->head += n;
    answer = t->answer;
    line = xr_str_trim(xr_str_of(data, n));

    if (t->head > XRW_HTTP_HEAD) {
        t->why = "the answer's headers are too large";
        return 0;
    }

    /* what an interim answer says is not about the one that counts */

    if (xr_str_starts(line, xr_str("HTTP/"))) {
        answer->etag[0] = '\0';
        answer->modified[0] = '\0';
        answer->freshness = (xr_freshness_response_t) {
            .asked = answer->freshness.asked,
            .expires = XR_FRESHNESS_NONE,
            .date = XR_FRESHNESS_NONE
        };

    } else {
        xrw_http_header(answer, line);
    }

    return n;
}


static int
xrw_http_progress(void *ctx, curl_off_t dltotal, curl_off_t dlnow,
    curl_off_t ultotal, curl_off_t ulnow)
{
    xrw_http_t *t = ctx;

    (void) dltotal;
    (void) dlnow;
    (void) ultotal;
    (void) ulnow;

    if (atomic_load(t->request->stop)) {
        t->why = "interrupted";
        return 1;
    }

    return 0;
}


static void
xrw_http_setup(xrw_http_t *t, const char *url, struct curl_slist *headers,
    bool first)
{
    CURL                      *curl;
    const xrw_http_request_t  *r;

    curl = t->curl;
    r = t->request;

    curl_easy_reset(curl);
    t->error[0] = '\0';

    (void) curl_easy_setopt(curl, CURLOPT_URL, url);
    (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
                            (long) CURL_HTTP_VERSION_1_1);
    (void) curl_easy_setopt(curl, CURLOPT_SSLVERSION,
                            (long) CURL_SSLVERSION_TLSv1_2);
    (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->error);
    (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT, r->timeout);
    (void) curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
                            r->timeout < XRW_HTTP_CONNECT ? r->timeout
                                                          : XRW_HTTP_CONNECT);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, xrw_http_write);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    (void) curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, xrw_http_head);
    (void) curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
    (void) curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void) curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION,
                            xrw_http_progress);
    (void) curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);

    if (r->ca != NULL) {
        (void) curl_easy_setopt(curl, CURLOPT_CAINFO, r->ca);
        (void) curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }

    /* this machine's own services are asked by nobody else for us */

    if (strncasecmp(url, "http://", 7) == 0) {
        (void) curl_easy_setopt(curl, CURLOPT_PROXY, "");
    }

    if (first && r->login != NULL) {
        (void) curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
        (void) curl_easy_setopt(curl, CURLOPT_USERPWD, r->login);
    }

    if (strcmp(r->method, "POST") == 0) {
        (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r->body);

    } else {
        (void) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, r->method);
    }
}


static bool
xrw_http_send(xrw_http_t *t, const char *url, bool first)
{
    size_t              i;
    CURLcode            code;
    const char         *header;
    curl_off_t          after;
    xrw_http_answer_t  *answer;
    struct curl_slist  *headers;

    headers = NULL;
    answer = t->answer;
    answer->status = 0;
    answer->body.len = 0;
    t->head = 0;
    t->why = NULL;

    for (i = 0; i < XRW_HTTP_HEADERS; i++) {
        header = t->request->headers[i];

        if (header != NULL && (first || strncmp(header, "If-", 3) == 0)) {
            headers = curl_slist_append(headers, header);
        }
    }

    xrw_http_setup(t, url, headers, first);
    answer->freshness.asked = (int64_t) time(NULL);
    code = curl_easy_perform(t->curl);
    answer->freshness.received = (int64_t) time(NULL);

    for (struct curl_slist *h = headers; h != NULL; h = h->next) {
        xr_wipe(h->data, strlen(h->data));
    }

    curl_slist_free_all(headers);

    if (code != CURLE_OK) {
        (void) snprintf(answer->error, sizeof(answer->error), "%s",
                        t->why != NULL ? t->why
                        : t->error[0] != '\0' ? t->error
                        : curl_easy_strerror(code));
        return false;
    }

    (void) curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE,
                             &answer->status);

    after = 0;
    (void) curl_easy_getinfo(t->curl, CURLINFO_RETRY_AFTER, &after);
    answer->retry_after = after;

    return true;
}


/* "example.com", or "*.example.com" for what is below it */

static bool
xrw_http_listed(const xrw_list_t *list, const char *host)
{
    size_t       i;
    const char  *item;

    for (i = 0; i < list->n; i++) {
        item = list->items[i];

        if (strcmp(item, host) == 0
            || (item[0] == '*' && item[1] == '.'
                && strlen(host) > strlen(item) - 1
                && xr_str_ends(xr_str(host), xr_str(item + 1))))
        {
            return true;
        }
    }

    return false;
}


/* Where an answer sends us to, if we go; the caller frees it. */

static bool
xrw_http_redirect(xrw_http_t *t, char **url)
{
    bool   tls, ok;
    char  *to, *host;

    to = NULL;
    (void) curl_easy_getinfo(t->curl, CURLINFO_REDIRECT_URL, &to);

    if (to == NULL || xrw_http_host(to, &host, &tls) != CURLUE_OK) {
        (void) snprintf(t->answer->error, sizeof(t->answer->error),
                        "status %ld, to nowhere", t->answer->status);
        return false;
    }

    ok = tls && t->request->redirect != NULL
         && xrw_http_listed(t->request->redirect, host);

    if (!ok) {
        (void) snprintf(t->answer->error, sizeof(t->answer->error),
                        "status %ld: a redirect to %s of %.200s is not "
                        "followed", t->answer->status,
                        tls ? "https" : "http", host);
    }

    curl_free(host);
    *url = ok ? strdup(to) : NULL;

    return ok && *url != NULL;
}


static bool
xrw_http_is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307
           || status == 308;
}


bool
xrw_http(const xrw_http_request_t *request, xrw_http_answer_t *answer)
{
    int          n;
    bool         ok;
    char        *url, *next;
    const char  *why;
    xrw_http_t   t;

    memset(answer, 0, sizeof(*answer));
    why = xrw_http_refuse(request->url, request->loopback, request->plain);

    if (why != NULL) {
        (void) snprintf(answer->error, sizeof(answer->error), "%.200s %s",
                        request->url, why);
        return false;
    }

    memset(&t, 0, sizeof(t));
    t.request = request;
    t.answer = answer;
    t.curl = curl_easy_init();

    if (t.curl == NULL) {
        exit(xrw_error("out of memory"));
    }

    url = NULL;
    ok = xrw_http_send(&t, request->url, true);

    for (n = 0; ok && xrw_http_is_redirect(answer->status); n++) {

        if (n == XRW_HTTP_REDIRECTS) {
            (void) snprintf(answer->error, sizeof(answer->error),
                            "more than %d redirects", XRW_HTTP_REDIRECTS);
            ok = false;
            break;
        }

        ok = xrw_http_redirect(&t, &next);

        if (ok) {
            free(url);
            url = next;
            ok = xrw_http_send(&t, url, false);
        }
    }

    free(url);
    curl_easy_cleanup(t.curl);

    return ok;
}


void
xrw_http_free(xrw_http_answer_t *answer)
{
    if (answer->body.data != NULL) {
        xr_wipe(answer->body.data, answer->body.size);
    }

    xrw_bytes_free(&answer->body);
}


/* We are no shared cache: what is private may be kept. */

int64_t
xrw_http_fresh(const xrw_http_answer_t *answer)
{
    xr_freshness_t           fresh;
    xr_freshness_policy_t    policy;
    xr_freshness_response_t  response;

    response = answer->freshness;
    response.status = 200;
    response.validator = true;
    response.cache_control.has &= ~(1u << XR_FRESHNESS_PRIVATE);

    memset(&policy, 0, sizeof(policy));
    policy.ttl = 1;
    policy.max = XR_FRESHNESS_MAX;

    xr_freshness_decide(&response, &policy, 0, &fresh);

    if (fresh.store && strcmp(fresh.reason, "policy") == 0) {
        return -1;
    }

    return fresh.store ? fresh.fresh : 0;
}
