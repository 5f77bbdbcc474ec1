/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_SYNC_SOURCE_H
#define XRW_SYNC_SOURCE_H


#include "sync_conf.h"
#include "sync_http.h"

#include <pthread.h>
#include <sys/stat.h>


/*
 * A file that is kept fresh: it is fetched, checked by the code that NGINX has
 * for it, put in the place of the old one, and looked for again.  Whatever goes
 * wrong, the old one stays.  Each source has a thread of its own, so that none
 * waits for another; they check and replace one at a time.
 */

typedef struct xrw_source_s       xrw_source_t;
typedef struct xrw_source_kind_s  xrw_source_kind_t;
typedef struct xrw_sync_set_s     xrw_sync_set_t;


/* What was fetched.  Zeroed: nothing. */

typedef struct {
    xrw_bytes_t  body;
    xrw_bytes_t  signature;         /* of tenants */
    bool         same;              /* as it was when we looked last */
    int64_t      fresh;             /* seconds; -1: that was not said */
    int64_t      expires;           /* Unix time; 0: never */
    int64_t      retry_after;       /* seconds; of a failure */
    const char  *from;              /* a word for the log, or NULL */
    char         etag[XRW_HTTP_TAG];
    char         modified[XRW_HTTP_TAG];
} xrw_fetched_t;


struct xrw_source_kind_s {
    /* False: xrw_source_fail() was told why. */
    bool  (*fetch)(xrw_source_t *s, xrw_fetched_t *got);

    /* The new file lies in "path", beside the one that it is to replace. */
    bool  (*check)(xrw_source_t *s, xrw_fetched_t *got, const char *path);

    mode_t  mode;                   /* of a file that was not there */
    mode_t  never;                  /* bits that no file gets */
};


/*
 * Looks that were asked for are paid from a budget: ten, of which one comes
 * back each minute.
 */

#define XRW_SOURCE_BUDGET  10
#define XRW_SOURCE_REFILL  60000        /* ms */


/* How it stands; guarded by the set's mutex. */

typedef struct {
    bool      looked;
    int64_t   succeeded;            /* xrw_loop_now(); 0: never */
    int64_t   expires;              /* Unix time; 0: never */
    uint64_t  looks;
    uint64_t  failures;
    uint64_t  replaced;
    uint64_t  wakes;
    uint64_t  refused;              /* wakes, as they were too many */
    unsigned  in_row;               /* failures */
    char      said[XRW_HTTP_ERROR]; /* of the last failure; "": there is none */
} xrw_source_state_t;


struct xrw_source_s {
    const xrw_source_conf_t  *conf;
    const xrw_source_kind_t  *kind;
    xrw_sync_set_t           *set;
    pthread_t                 thread;

    /* the thread's own */
    xrw_arena_t               arena;        /* of one look */
    char                      etag[XRW_HTTP_TAG];
    char                      modified[XRW_HTTP_TAG];
    bool                      known;        /* "st" is of the file we left */
    struct stat               st;
    char                      why[XRW_HTTP_ERROR];

    xrw_source_state_t        state;

    /* guarded likewise; xrw_loop_now() */
    bool                      woken;        /* by this look */
    int64_t                   wake;         /* 0: nobody asked */
    int64_t                   looked;       /* the last one's end */
    int64_t                   refilled;
    unsigned                  spent;        /* of the budget */
};


struct xrw_sync_set_s {
    xrw_arena_t        arena;       /* of the configuration, too */
    xrw_sync_conf_t    conf;
    xrw_source_t      *sources;
    size_t             n;           /* that have a thread */

    pthread_mutex_t    mutex;
    pthread_cond_t     cond;        /* "stop" was set, or a source is woken */
    pthread_mutex_t    turn;        /* to check and to replace */
    atomic_bool        stop;
    int                fd;          /* readable when a source has looked */
};


/* False; "format" is why the look failed. */
bool xrw_source_fail(xrw_source_t *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A request as the configuration wants it, of "url". */
void xrw_source_request(xrw_source_t *s, const char *url,
    xrw_http_request_t *out);

/*
 * Sends it, or a plain one to "url".  A conditional one may learn that what is
 * there is as it was; got->body is the caller's to free in any case.
 */
bool xrw_source_send(xrw_source_t *s, xrw_http_request_t *request,
    bool conditional, xrw_fetched_t *got);
bool xrw_source_get(xrw_source_t *s, const char *url, bool conditional,
    xrw_fetched_t *got);

/* The file is the one that we left, as far as can be seen. */
bool xrw_source_kept(const xrw_source_t *s);

/* Called with the mutex held: a look was asked for; whether it comes. */
bool xrw_source_wake(xrw_source_t *s);

/* Wipes. */
void xrw_source_free(xrw_bytes_t *b);

/* What the thread does. */
void *xrw_source_run(void *source);


extern const xrw_source_kind_t  xrw_source_jwks;
extern const xrw_source_kind_t  xrw_source_tenants;
extern const xrw_source_kind_t  xrw_source_aws;
extern const xrw_source_kind_t  xrw_source_geo;


#endif /* XRW_SYNC_SOURCE_H */
