/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * load [-d MILLISECONDS | -n REQUESTS] [-c CONNECTIONS] [-p CPU] HEADERS
 *      PORT:TARGETS:SIZE [PORT:TARGETS:SIZE]
 *
 * Closed-loop HTTP/1.1 load over keepalive connections on one or two servers
 * of this machine at the same time.  HEADERS is a file of header lines,
 * TARGETS a file of request targets, each with a header line of its own
 * behind a tab if it has one, SIZE the Content-Length that every answer must
 * have.  Prints one JSON object.  Any answer but a complete 200 or 206 of that
 * length ends the run with an error; where SIZE is 0 any refusal (4xx) will
 * do, and nothing else.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
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


#define LOAD_SERVERS      2
#define LOAD_HEAD_SIZE    16384
#define LOAD_SILENCE_MS   20000
#define LOAD_NS           1000000000ULL

/* latency histogram: 512 steps to a power of two, so 0.2% wide */
#define LOAD_STEP_BITS    9
#define LOAD_BUCKETS      (64 << LOAD_STEP_BITS)


typedef struct {
    char     *data;
    size_t    len;
} load_text_t;

typedef struct {
    load_text_t  *requests;
    size_t        nrequests;
    size_t        next;             /* targets are taken in turn */
    uint64_t      size;
    uint64_t      left;             /* requests not sent yet, with -n */
    uint64_t      done;
    uint64_t      throttled;        /* of these: answered 429 */
    uint64_t      longest;
    uint64_t      latency[LOAD_BUCKETS];
    uint16_t      port;
} load_server_t;

typedef struct {
    load_server_t  *server;
    int             fd;
    bool            in_body;
    bool            busy;
    uint64_t        started;
    uint64_t        body_left;
    size_t          head_len;
    char            head[LOAD_HEAD_SIZE];
} load_conn_t;

typedef struct {
    load_server_t  servers[LOAD_SERVERS];
    size_t         nservers;
    unsigned       connections;     /* on each server */
    uint64_t       requests;        /* on each server; 0: until the deadline */
    uint64_t       duration;
    uint64_t       started;
    uint64_t       busy;
    int            epoll;
} load_t;


static _Noreturn void __attribute__((format(printf, 1, 2)))
load_die(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    fputs("load: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);

    exit(1);
}


static void *
load_alloc(size_t n, size_t size)
{
    void  *p;

    p = calloc(n, size);
    if (p == NULL) {
        load_die("out of memory");
    }

    return p;
}


static uint64_t
load_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * LOAD_NS + (uint64_t) ts.tv_nsec;
}


static uint64_t
load_number(const char *s, uint64_t min, uint64_t max)
{
    char                *end;
    unsigned long long   n;

    errno = 0;
    n = strtoull(s, &end, 10);

    if (errno != 0 || end == s || *end != '\0' || n < min || n > max) {
        load_die("bad number \"%s\"", s);
    }

    return n;
}


static load_text_t
load_file(const char *path)
{
    FILE         *f;
    size_t        n;
    load_text_t   text = { NULL, 0 };

    f = fopen(path, "rb");
    if (f == NULL) {
        load_die("%s: %s", path, strerror(errno));
    }

    do {
        text.data = realloc(text.data, text.len + LOAD_HEAD_SIZE + 1);
        if (text.data == NULL) {
            load_die("out of memory");
        }

        n = fread(text.data + text.len, 1, LOAD_HEAD_SIZE, f);
        text.len += n;

    } while (n > 0);

    text.data[text.len] = '\0';
    fclose(f);

    return text;
}


/* Every request is written out before the first one is sent. */

static void
load_requests(load_server_t *server, const char *targets, load_text_t headers)
{
    int           n;
    char         *line, *own, *save;
    load_text_t  *request, text;

    text = load_file(targets);

    for (line = text.data; *line != '\0'; line++) {
        server->nrequests += (*line == '\n');
    }

    if (server->nrequests == 0) {
        load_die("%s: no target", targets);
    }

    server->requests = load_alloc(server->nrequests, sizeof(load_text_t));
    request = server->requests;

    for (line = strtok_r(text.data, "\n", &save);
         line != NULL;
         line = strtok_r(NULL, "\n", &save))
    {
        own = strchr(line, '\t');

        if (own != NULL) {
            *own++ = '\0';
        }

        n = asprintf(&request->data,
                     "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s%s%s\r\n",
                     line, server->port, headers.data,
                     own ? own : "", own ? "\r\n" : "");
        if (n < 0) {
            load_die("out of memory");
        }

        request->len = (size_t) n;
        request++;
    }

    free(text.data);
}


static void
load_server(load_t *load, char *spec, load_text_t headers)
{
    char           *port, *targets, *size;
    load_server_t  *server;

    if (load->nservers == LOAD_SERVERS) {
        load_die("more than %d servers", LOAD_SERVERS);
    }

    server = &load->servers[load->nservers++];

    port = strtok(spec, ":");
    targets = strtok(NULL, ":");
    size = strtok(NULL, ":");

    if (port == NULL || targets == NULL || size == NULL) {
        load_die("a server is PORT:TARGETS:SIZE");
    }

    server->port = (uint16_t) load_number(port, 1, UINT16_MAX);
    server->size = load_number(size, 0, UINT64_MAX);
    server->left = load->requests;

    load_requests(server, targets, headers);
}


static unsigned
load_bucket(uint64_t ns)
{
    unsigned  shift;

    ns |= 1ULL << LOAD_STEP_BITS;
    shift = 63 - LOAD_STEP_BITS - (unsigned) __builtin_clzll(ns);

    return (shift << LOAD_STEP_BITS) + (unsigned) (ns >> shift);
}


/* The upper edge of the bucket that holds the given share, in microseconds. */

static double
load_percentile(const load_server_t *server, double share)
{
    double    wanted;
    unsigned  i, shift;
    uint64_t  seen, step;

    seen = 0;
    wanted = share * (double) server->done;

    for (i = 0; i < LOAD_BUCKETS - 1; i++) {
        seen += server->latency[i];
        if ((double) seen >= wanted) {
            break;
        }
    }

    shift = i >> LOAD_STEP_BITS;
    if (shift > 0) {
        shift--;
    }

    step = i - (shift << LOAD_STEP_BITS) + 1;

    return (double) (step << shift) / 1000;
}


static bool
load_over(const load_t *load, const load_server_t *server)
{
    if (load->requests > 0) {
        return server->left == 0;
    }

    return load_now() - load->started >= load->duration;
}


static void
load_send(load_t *load, load_conn_t *conn)
{
    ssize_t         n;
    load_text_t    *request;
    load_server_t  *server;

    server = conn->server;

    if (load_over(load, server)) {
        return;
    }

    request = &server->requests[server->next];
    server->next = (server->next + 1) % server->nrequests;
    server->left--;

    conn->started = load_now();
    conn->head_len = 0;
    conn->busy = true;
    load->busy++;

    /* a request is far smaller than a socket buffer that has drained */
    n = send(conn->fd, request->data, request->len, MSG_NOSIGNAL);
    if (n != (ssize_t) request->len) {
        load_die("send to port %u: %s", server->port, strerror(errno));
    }
}


static load_conn_t *
load_connect(load_t *load, load_server_t *server)
{
    int                 on;
    load_conn_t        *conn;
    struct sockaddr_in  addr;
    struct epoll_event  event;

    conn = load_alloc(1, sizeof(load_conn_t));
    conn->server = server;

    conn->fd = socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0);
    if (conn->fd < 0) {
        load_die("socket: %s", strerror(errno));
    }

    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_port = htons(server->port);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    if (connect(conn->fd, (struct sockaddr *) &addr, sizeof(addr)) != 0) {
        load_die("connect to port %u: %s", server->port, strerror(errno));
    }

    on = 1;
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

    memset(&event, 0, sizeof(event));
    event.events = EPOLLIN;
    event.data.ptr = conn;

    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, conn->fd, &event) != 0) {
        load_die("epoll_ctl: %s", strerror(errno));
    }

    return conn;
}


/* Whether the status line is the one that is expected. */

static bool
load_status(load_conn_t *conn)
{
    load_server_t  *server;

    server = conn->server;

    if (server->size > 0) {
        return strncmp(conn->head, "HTTP/1.1 200 ", 13) == 0
               || strncmp(conn->head, "HTTP/1.1 206 ", 13) == 0;
    }

    server->throttled += (strncmp(conn->head, "HTTP/1.1 429 ", 13) == 0);

    return strncmp(conn->head, "HTTP/1.1 4", 10) == 0;
}


static uint64_t
load_length(load_conn_t *conn)
{
    char      *line, *length;
    uint64_t   n;

    length = NULL;

    for (line = conn->head; line != NULL; line = strstr(line, "\r\n")) {
        line += strspn(line, "\r\n");

        if (strncasecmp(line, "Content-Length: ", 16) == 0) {
            length = line + 16;
            break;
        }
    }

    n = length ? strtoull(length, NULL, 10) : 0;

    if (length == NULL || (n != conn->server->size && conn->server->size > 0)) {
        load_die("port %u: wrong length: %.*s", conn->server->port,
                 length ? (int) strcspn(length, "\r") : 4,
                 length ? length : "none");
    }

    return n;
}


/* Checks the status line and the length, and returns what the head takes. */

static size_t
load_head(load_conn_t *conn)
{
    char  *end;

    conn->head[conn->head_len] = '\0';

    end = strstr(conn->head, "\r\n\r\n");
    if (end == NULL) {
        if (conn->head_len == LOAD_HEAD_SIZE - 1) {
            load_die("port %u: endless response head", conn->server->port);
        }

        return 0;
    }

    *end = '\0';

    if (!load_status(conn)) {
        load_die("port %u answered: %.*s", conn->server->port,
                 (int) strcspn(conn->head, "\r"), conn->head);
    }

    conn->body_left = load_length(conn);

    return (size_t) (end - conn->head) + 4;
}


static void
load_finish(load_t *load, load_conn_t *conn)
{
    uint64_t        ns;
    load_server_t  *server;

    server = conn->server;
    ns = load_now() - conn->started;

    if (ns > server->longest) {
        server->longest = ns;
    }

    server->latency[load_bucket(ns)]++;
    server->done++;

    conn->busy = false;
    conn->in_body = false;
    load->busy--;

    load_send(load, conn);
}


/* The first read of an answer: the head and what came with it. */

static ssize_t
load_read_head(load_conn_t *conn)
{
    size_t   head;
    ssize_t  n;

    n = recv(conn->fd, conn->head + conn->head_len,
             LOAD_HEAD_SIZE - 1 - conn->head_len, MSG_DONTWAIT);
    if (n <= 0) {
        return n;
    }

    if (!conn->busy) {
        load_die("port %u: data without a request", conn->server->port);
    }

    conn->head_len += (size_t) n;

    head = load_head(conn);
    if (head == 0) {
        return n;
    }

    if (conn->head_len - head > conn->body_left) {
        load_die("port %u: data after the body", conn->server->port);
    }

    conn->in_body = true;
    conn->body_left -= conn->head_len - head;

    return n;
}


/*
 * The rest of a body is dropped by the kernel: copying it would make the
 * client the slower side.
 */

static ssize_t
load_read_body(load_conn_t *conn)
{
    ssize_t  n;

    n = recv(conn->fd, NULL, conn->body_left, MSG_TRUNC|MSG_DONTWAIT);
    if (n > 0) {
        conn->body_left -= (uint64_t) n;
    }

    return n;
}


static void
load_read(load_t *load, load_conn_t *conn)
{
    ssize_t  n;

    n = conn->in_body ? load_read_body(conn) : load_read_head(conn);

    if (n == 0) {
        load_die("port %u closed the connection after %llu requests",
                 conn->server->port, (unsigned long long) conn->server->done);
    }

    if (n < 0) {
        if (errno == EAGAIN || errno == EINTR) {
            return;
        }

        load_die("recv from port %u: %s", conn->server->port, strerror(errno));
    }

    if (conn->in_body && conn->body_left == 0) {
        load_finish(load, conn);
    }
}


static void
load_run(load_t *load)
{
    int                 i, n;
    unsigned            k;
    size_t              s;
    struct epoll_event  events[64];

    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load->epoll < 0) {
        load_die("epoll_create1: %s", strerror(errno));
    }

    load->started = load_now();

    for (k = 0; k < load->connections; k++) {
        for (s = 0; s < load->nservers; s++) {
            load_send(load, load_connect(load, &load->servers[s]));
        }
    }

    while (load->busy > 0) {
        n = epoll_wait(load->epoll, events, 64, LOAD_SILENCE_MS);

        if (n == 0 || (n < 0 && errno != EINTR)) {
            load_die("no answer within %d s", LOAD_SILENCE_MS / 1000);
        }

        for (i = 0; i < n; i++) {
            load_read(load, events[i].data.ptr);
        }
    }
}


static void
load_report(const load_t *load)
{
    size_t                s;
    const load_server_t  *server;

    printf("{\"seconds\": %.6f, \"servers\": [",
           (double) (load_now() - load->started) / (double) LOAD_NS);

    for (s = 0; s < load->nservers; s++) {
        server = &load->servers[s];

        printf("%s{\"requests\": %llu, \"throttled\": %llu, \"p50_us\": %.1f,"
               " \"p99_us\": %.1f, \"longest_us\": %.1f}", s ? ", " : "",
               (unsigned long long) server->done,
               (unsigned long long) server->throttled,
               load_percentile(server, 0.50), load_percentile(server, 0.99),
               (double) server->longest / 1000);
    }

    puts("]}");
}


static void
load_pin(unsigned cpu)
{
    cpu_set_t  set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);

    if (sched_setaffinity(0, sizeof(set), &set) != 0) {
        load_die("processor %u: %s", cpu, strerror(errno));
    }
}


int
main(int argc, char **argv)
{
    int          opt;
    load_text_t  headers;

    static load_t  load = { .connections = 1, .duration = LOAD_NS };

    while ((opt = getopt(argc, argv, "d:n:c:p:")) != -1) {

        switch (opt) {

        case 'd':
            load.duration = load_number(optarg, 1, 3600000) * 1000000;
            break;

        case 'n':
            load.requests = load_number(optarg, 1, UINT32_MAX);
            break;

        case 'c':
            load.connections = (unsigned) load_number(optarg, 1, 1000);
            break;

        case 'p':
            load_pin((unsigned) load_number(optarg, 0, CPU_SETSIZE - 1));
            break;

        default:
            return 2;
        }
    }

    if (argc - optind < 2) {
        load_die("usage: load [-d MILLISECONDS | -n REQUESTS]"
                 " [-c CONNECTIONS] [-p CPU] HEADERS PORT:TARGETS:SIZE ...");
    }

    headers = load_file(argv[optind++]);

    for ( /* void */ ; optind < argc; optind++) {
        load_server(&load, argv[optind], headers);
    }

    load_run(&load);
    load_report(&load);

    return 0;
}
