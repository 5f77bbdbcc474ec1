/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "deliver.h"
#include "sign.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>


_Static_assert(sizeof(((xrw_deliver_t *) NULL)->error) >= CURL_ERROR_SIZE,
               "libcurl writes that much");


/* No answer is longer; of what is the rest is of no interest. */

static size_t
xrw_deliver_write(char *data, size_t size, size_t n, void *ctx)
{
    size_t  len;

    xrw_deliver_t *out = ctx;

    len = size * n;

    if (len > sizeof(out->answer) - out->len) {
        len = sizeof(out->answer) - out->len;
    }

    memcpy(out->answer + out->len, data, len);
    out->len += len;

    return size * n;
}


bool
xrw_deliver(const char *url, const char *order, long timeout,
    xrw_deliver_t *out)
{
    CURL               *curl;
    CURLcode            code;
    struct curl_slist  *headers;

    memset(out, 0, sizeof(xrw_deliver_t));

    curl = curl_easy_init();
    headers = curl_slist_append(NULL, "Content-Type: application/jwt");

    if (curl == NULL || headers == NULL) {
        curl_slist_free_all(headers);
        curl_easy_cleanup(curl);
        (void) snprintf(out->error, sizeof(out->error), "out of memory");
        return false;
    }

    (void) curl_easy_setopt(curl, CURLOPT_URL, url);
    (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, order);
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, out->error);
    (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, xrw_deliver_write);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);

    code = curl_easy_perform(curl);

    if (code == CURLE_OK) {
        (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);

    } else if (out->error[0] == '\0') {
        (void) snprintf(out->error, sizeof(out->error), "%s",
                        curl_easy_strerror(code));
    }

    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);

    return code == CURLE_OK;
}


const char *
xrw_deliver_order(const char *url, const char *order, long timeout,
    xrw_deliver_t *out, long long *purged, long long *generation)
{
    int      rc;
    json_t  *answer;

    if (!xrw_deliver(url, order, timeout, out)) {
        return out->error;
    }

    if (out->status != 200) {
        (void) snprintf(out->error, sizeof(out->error), "refused with %ld",
                        out->status);
        return out->error;
    }

    answer = json_loadb(out->answer, out->len, 0, NULL);
    rc = json_unpack(answer, "{s:I, s:I}", "purged", purged, "generation",
                     generation);
    json_decref(answer);

    return (rc == 0) ? NULL : "is no edge, or another one";
}


const char *
xrw_deliver_url(xrw_arena_t *arena, const char *edge)
{
    size_t  len;

    len = xrw_site(xr_str(edge));

    if (len == 0) {
        return NULL;
    }

    return (strcmp(edge + len, "") == 0 || strcmp(edge + len, "/") == 0)
           ? xrw_format(arena, "%.*s" XRW_DELIVER_PATH, (int) len, edge)
           : edge;
}
