/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * offer [-r RATE] [-d MILLISECONDS] [-c CONNECTIONS] PORT:TARGETS ...
 *
 * Open-loop HTTP/1.1 load: so many requests a second in all, to the servers
 * of this machine in turn, whatever they answer and however long they take.
 * TARGETS is a file of request targets, each with a header line of its own
 * behind a tab if it has one.  Prints one JSON object: for each server how
 * often it answered with which status, how many requests got no answer, and
 * how long the answers took from when their requests were due.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define OFFER_SERVERS    16
#define OFFER_HEAD_SIZE  8192
#define OFFER_STATUSES   600
#define OFFER_QUEUE      65536          /* due, but no connection is free */
#define OFFER_LAST_MS    5000           /* for the last answers */
#define OFFER_MS         1000000ULL

/* latency histogram: 32 steps to a power of two, so 3% wide */
#define OFFER_STEP_BITS  5
#define OFFER_BUCKETS    (64 << OFFER_STEP_BITS)


typedef struct offer_server_s  offer_server_t;

typedef struct offer_conn_s {
    offer_server_t       *server;
    struct offer_conn_s  *next;         /* of those that are free */
    int                   fd;           /* -1: not connected */
    bool                  busy;
    bool                  in_body;
    uint64_t              due;
    uint64_t              body_left;
    size_t                head_len;
    char                  head[OFFER_HEAD_SIZE];
} offer_conn_t;

struct offer_server_s {
    uint16_t       port;
    char         **requests;
    size_t         nrequests;
    size_t         next;                /* targets are taken in turn */
    offer_conn_t  *conns;
    offer_conn_t  *free;
    uint64_t       queue[OFFER_QUEUE];  /* when each was due */
    size_t         first;
    size_t         queued;
    uint64_t       statuses[OFFER_STATUSES];
    uint64_t       failed;
    uint64_t       longest;
    uint64_t       latency[OFFER_BUCKETS];
};

typedef struct {
    offer_server_t  *servers[OFFER_SERVERS];
    size_t           nservers;
    unsigned         connections;       /* to each server */
    uint64_t         rate;
    uint64_t         duration;
    uint64_t         busy;
    int              epoll;
} offer_t;


static _Noreturn void __attribute__((format(printf, 1, 2)))
offer_die(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    fputs("offer: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);

    exit(1);
}


static void *
offer_alloc(size_t n, size_t size)
{
    void  *p;

    p = calloc(n, size);
    if (p == NULL) {
        offer_die("out of memory");
    }

    return p;
}


static uint64_t
offer_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 * OFFER_MS + (uint64_t) ts.tv_nsec;
}


static unsigned long
offer_number(const char *s, unsigned long max)
{
    char           *end;
    unsigned long   n;

    errno = 0;
    n = strtoul(s, &end, 10);

    if (errno != 0 || end == s || *end != '\0' || n == 0 || n > max) {
        offer_die("\"%s\" is no number from 1 to %lu", s, max);
    }

    return n;
}


/* One request for each line, whole. */

static void
offer_requests(offer_server_t *server, const char *path)
{
    char    *line, *tab, *request;
    FILE    *file;
    size_t   size;
    int      n;

    file = fopen(path, "re");
    if (file == NULL) {
        offer_die("%s: %s", path, strerror(errno));
    }

    line = NULL;
    size = 0;

    while (getline(&line, &size, file) > 0) {
        line[strcspn(line, "\n")] = '\0';

        tab = strchr(line, '\t');

        if (tab != NULL) {
            *tab++ = '\0';
        }

        n = asprintf(&request, "GET %s HTTP/1.1\r\nHost: localhost\r\n"
                     "%s%s\r\n", line, (tab != NULL) ? tab : "",
                     (tab != NULL) ? "\r\n" : "");
        if (n < 0) {
            offer_die("out of memory");
        }

        server->requests = realloc(server->requests, (server->nrequests + 1)
                                                     * sizeof(char *));
        if (server->requests == NULL) {
            offer_die("out of memory");
        }

        server->requests[server->nrequests++] = request;
    }

    free(line);
    fclose(file);

    if (server->nrequests == 0) {
        offer_die("%s is empty", path);
    }
}


static void
offer_server(offer_t *offer, char *spec)
{
    char            *colon;
    unsigned         i;
    offer_server_t  *server;

    colon = strchr(spec, ':');

    if (colon == NULL || offer->nservers == OFFER_SERVERS) {
        offer_die("\"%s\" is no PORT:TARGETS, or one too many", spec);
    }

    *colon = '\0';

    server = offer_alloc(1, sizeof(offer_server_t));
    server->port = (uint16_t) offer_number(spec, UINT16_MAX);
    server->conns = offer_alloc(offer->connections, sizeof(offer_conn_t));

    for (i = 0; i < offer->connections; i++) {
        server->conns[i].server = server;
        server->conns[i].fd = -1;
        server->conns[i].next = server->free;
        server->free = &server->conns[i];
    }

    offer_requests(server, colon + 1);
    offer->servers[offer->nservers++] = server;
}


static bool
offer_connect(offer_t *offer, offer_conn_t *conn)
{
    int                 one;
    struct epoll_event  event;
    struct sockaddr_in  addr;

    one = 1;
    memset(&addr, 0, sizeof(addr));

    addr.sin_family = AF_INET;
    addr.sin_port = htons(conn->server->port);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    conn->fd = socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0);
    if (conn->fd < 0) {
        offer_die("socket: %s", strerror(errno));
    }

    event.events = EPOLLIN;
    event.data.ptr = conn;

    if (connect(conn->fd, (void *) &addr, sizeof(addr)) != 0
        || setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))
           != 0
        || epoll_ctl(offer->epoll, EPOLL_CTL_ADD, conn->fd, &event) != 0)
    {
        close(conn->fd);
        conn->fd = -1;
    }

    return conn->fd >= 0;
}


static size_t
offer_bucket(uint64_t ns)
{
    unsigned  shift;

    ns |= 1ULL << OFFER_STEP_BITS;
    shift = (unsigned) (63 - __builtin_clzll(ns)) - OFFER_STEP_BITS;

    return ((size_t) shift << OFFER_STEP_BITS) + (size_t) (ns >> shift);
}


/* Microseconds. */

static double
offer_percentile(const offer_server_t *server, double share)
{
    size_t    i, step;
    uint64_t  n, wanted;

    n = 0;

    for (i = 0; i < OFFER_BUCKETS; i++) {
        n += server->latency[i];
    }

    wanted = (uint64_t) ((double) n * share);

    for (i = 0, n = 0; i < OFFER_BUCKETS; i++) {
        n += server->latency[i];

        if (n > wanted) {
            break;
        }
    }

    step = i >> OFFER_STEP_BITS;

    if (step > 0) {
        step--;
    }

    return (double) ((uint64_t) (i - (step << OFFER_STEP_BITS)) << step)
           / 1000;
}


static void
offer_close(offer_conn_t *conn)
{
    close(conn->fd);
    conn->fd = -1;
}


/* The request is over, answered or not; the connection takes the next. */

static void
offer_done(offer_t *offer, offer_conn_t *conn, unsigned status)
{
    uint64_t         ns;
    offer_server_t  *server;

    server = conn->server;
    ns = offer_now() - conn->due;

    if (status == 0) {
        server->failed++;

    } else {
        server->statuses[status]++;
        server->latency[offer_bucket(ns)]++;

        if (ns > server->longest) {
            server->longest = ns;
        }
    }

    conn->busy = false;
    conn->in_body = false;
    conn->next = server->free;
    server->free = conn;
    offer->busy--;
}


static void
offer_send(offer_t *offer, offer_server_t *server)
{
    char          *request;
    size_t         len;
    offer_conn_t  *conn;

    while (server->queued > 0 && server->free != NULL) {
        conn = server->free;
        server->free = conn->next;

        conn->due = server->queue[server->first];
        conn->busy = true;
        conn->in_body = false;
        conn->head_len = 0;
        offer->busy++;

        server->first = (server->first + 1) % OFFER_QUEUE;
        server->queued--;

        request = server->requests[server->next];
        server->next = (server->next + 1) % server->nrequests;
        len = strlen(request);

        if ((conn->fd < 0 && !offer_connect(offer, conn))
            || send(conn->fd, request, len, MSG_NOSIGNAL) != (ssize_t) len)
        {
            if (conn->fd >= 0) {
                offer_close(conn);
            }

            offer_done(offer, conn, 0);
        }
    }
}


/* The value of a header line, or NULL. */

static const char *
offer_field(const char *head, const char *name)
{
    size_t       len;
    const char  *p;

    len = strlen(name);

    for (p = strstr(head, "\r\n"); p != NULL; p = strstr(p + 2, "\r\n")) {

        if (strncasecmp(p + 2, name, len) == 0) {
            return p + 2 + len;
        }
    }

    return NULL;
}


/* Takes in what has come of a head; false: this is no answer. */

static bool
offer_head(offer_conn_t *conn, size_t n)
{
    char        *end;
    size_t       extra;
    const char  *length;

    conn->head_len += n;
    conn->head[conn->head_len] = '\0';

    end = strstr(conn->head, "\r\n\r\n");
    if (end == NULL) {
        return conn->head_len < OFFER_HEAD_SIZE - 1;
    }

    extra = conn->head_len - (size_t) (end + 4 - conn->head);
    end[2] = '\0';

    length = offer_field(conn->head, "content-length: ");

    if (length == NULL || strncmp(conn->head, "HTTP/1.1 ", 9) != 0) {
        return false;
    }

    conn->body_left = strtoull(length, NULL, 10);

    if (extra > conn->body_left) {
        return false;
    }

    conn->body_left -= extra;
    conn->in_body = true;

    return true;
}


static void
offer_read(offer_t *offer, offer_conn_t *conn)
{
    bool      ok;
    ssize_t   n;
    unsigned  status;

    if (conn->in_body) {
        n = recv(conn->fd, NULL, conn->body_left, MSG_TRUNC|MSG_DONTWAIT);

    } else {
        n = recv(conn->fd, conn->head + conn->head_len,
                 OFFER_HEAD_SIZE - 1 - conn->head_len, MSG_DONTWAIT);
    }

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    ok = n > 0 && conn->busy;

    if (ok && conn->in_body) {
        conn->body_left -= (uint64_t) n;

    } else if (ok) {
        ok = offer_head(conn, (size_t) n);
    }

    if (!ok) {
        offer_close(conn);

        if (conn->busy) {
            offer_done(offer, conn, 0);
        }

        return;
    }

    if (conn->in_body && conn->body_left == 0) {
        status = (unsigned) strtoul(conn->head + 9, NULL, 10);

        if (offer_field(conn->head, "connection: close") != NULL) {
            offer_close(conn);
        }

        offer_done(offer, conn, status < OFFER_STATUSES ? status : 0);
    }
}


static void
offer_queue(offer_server_t *server, uint64_t due)
{
    if (server->queued == OFFER_QUEUE) {
        server->failed++;
        return;
    }

    server->queue[(server->first + server->queued++) % OFFER_QUEUE] = due;
}


static void
offer_run(offer_t *offer)
{
    int                 i, n, wait;
    size_t              s;
    uint64_t            now, started, made, total, due, last;
    struct epoll_event  events[64];

    offer->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (offer->epoll < 0) {
        offer_die("epoll_create1: %s", strerror(errno));
    }

    started = offer_now();
    total = offer->rate * offer->duration / (1000 * OFFER_MS);
    last = started + offer->duration + OFFER_LAST_MS * OFFER_MS;
    made = 0;

    for ( ;; ) {
        now = offer_now();

        for ( /* void */ ; made < total; made++) {
            due = started + made * 1000 * OFFER_MS / offer->rate;

            if (due > now) {
                break;
            }

            offer_queue(offer->servers[made % offer->nservers], due);
        }

        for (s = 0; s < offer->nservers; s++) {
            offer_send(offer, offer->servers[s]);
        }

        if ((made == total && offer->busy == 0) || now > last) {
            break;
        }

        wait = (made < total) ? 1 : 100;
        n = epoll_wait(offer->epoll, events, 64, wait);

        for (i = 0; i < n; i++) {
            offer_read(offer, events[i].data.ptr);
        }
    }
}


static void
offer_report(const offer_t *offer)
{
    size_t           s, i;
    unsigned         c;
    const char      *comma;
    offer_server_t  *server;

    printf("{\"servers\": [");

    for (s = 0; s < offer->nservers; s++) {
        server = offer->servers[s];

        for (c = 0; c < offer->connections; c++) {
            server->failed += server->conns[c].busy;    /* never answered */
        }

        printf("%s{\"port\": %u, \"failed\": %llu, \"p50_us\": %.1f, "
               "\"p99_us\": %.1f, \"longest_us\": %.1f, \"statuses\": {",
               s ? ", " : "", server->port,
               (unsigned long long) (server->failed + server->queued),
               offer_percentile(server, 0.50), offer_percentile(server, 0.99),
               (double) server->longest / 1000);

        comma = "";

        for (i = 0; i < OFFER_STATUSES; i++) {

            if (server->statuses[i] != 0) {
                printf("%s\"%zu\": %llu", comma, i,
                       (unsigned long long) server->statuses[i]);
                comma = ", ";
            }
        }

        printf("}}");
    }

    puts("]}");
}


int
main(int argc, char **argv)
{
    int  opt;

    static offer_t  offer = {
        .connections = 16, .rate = 1000, .duration = 1000 * OFFER_MS
    };

    while ((opt = getopt(argc, argv, "r:d:c:")) != -1) {

        switch (opt) {

        case 'r':
            offer.rate = offer_number(optarg, 1000000);
            break;

        case 'd':
            offer.duration = offer_number(optarg, 3600000) * OFFER_MS;
            break;

        case 'c':
            offer.connections = (unsigned) offer_number(optarg, 1000);
            break;

        default:
            return 2;
        }
    }

    if (optind == argc) {
        offer_die("usage: offer [-r RATE] [-d MILLISECONDS] [-c CONNECTIONS]"
                  " PORT:TARGETS ...");
    }

    for ( /* void */ ; optind < argc; optind++) {
        offer_server(&offer, argv[optind]);
    }

    offer_run(&offer);
    offer_report(&offer);

    return 0;
}
