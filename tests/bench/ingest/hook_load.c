/*
 * A load of webhooks from one thread, cheap enough not to be measured itself: zapw's message of about 400
 * bytes, each with an id of its own, over kept connections.
 *
 *   zk-bench-hook-load PORT CONNECTIONS SECONDS [RATE]
 *
 * Without RATE each connection sends its next webhook when the last one is answered. With it webhooks are due
 * at that rate, and their time runs from when they were due: a server that stalls cannot hide it. Prints one
 * JSON line. The token is "bench-token".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"

#define REQUEST_MAX 1024
#define EVENTS      512
/* Buckets of 1/32 of a power of two, from 1 us. */
#define SUB_BUCKETS 32
#define BUCKETS     (40 * SUB_BUCKETS)

static const char body_format[] =
    "{\"sessionId\":\"session-%02u\",\"origin\":\"5511999999999\",\"eventType\":\"message.received\","
    "\"timestamp\":%013" PRId64 ",\"data\":{\"from\":\"551188888888@s.whatsapp.net\",\"to\":"
    "\"5511999999999:7@s.whatsapp.net\",\"messageId\":\"3EB0%016" PRIX64 "\",\"timestamp\":1700000000000,"
    "\"isGroup\":false,\"type\":\"text\",\"text\":\"Hello, has my order left the house yet, and when will it "
    "come? I am at home on Tuesday and on Thursday.\"}}";

struct connection {
    int fd;
    int64_t due_us; /* of the webhook under way, 0: none */
    char answer[512];
    size_t n;
    struct connection *next_idle;
};

static struct {
    int epoll;
    struct sockaddr_in to;
    struct connection *connections, *idle;
    int n;
    double rate;
    int64_t start_us, end_us;
    int64_t sent, answered, errors, max_us;
    int64_t buckets[BUCKETS];
    uint64_t run; /* so that no two runs send the same ids */
} load;

/* ---- times ----------------------------------------------------------------------------------- */

static int bucket_of(int64_t us)
{
    int power = us < 1 ? 0 : 63 - __builtin_clzll((unsigned long long)us);
    int64_t low = (int64_t)1 << power;
    int at = power * SUB_BUCKETS + (us < 1 ? 0 : (int)((us - low) * SUB_BUCKETS / low));

    return at < BUCKETS ? at : BUCKETS - 1;
}

static void note(int64_t us)
{
    load.buckets[bucket_of(us)]++;
    if (us > load.max_us)
        load.max_us = us;
}

static double percentile(double part)
{
    int64_t want = (int64_t)((double)load.answered * part);
    int64_t n = 0;
    int at = 0;

    while (at < BUCKETS - 1 && (n += load.buckets[at]) <= want)
        at++;
    return (double)((int64_t)1 << (at / SUB_BUCKETS)) * (1.0 + (double)(at % SUB_BUCKETS) / SUB_BUCKETS);
}

/* ---- one webhook ----------------------------------------------------------------------------- */

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void send_hook(struct connection *c, int64_t due_us)
{
    char body[REQUEST_MAX];
    char request[2 * REQUEST_MAX];
    int64_t at_ms = 1795000000000LL + (int64_t)(load.run % 100000) * 1000 + load.sent / 20;
    int n = snprintf(body, sizeof body, body_format, (unsigned)(load.sent % 100), at_ms,
                     load.run << 32 | (uint64_t)load.sent);
    int len =
        snprintf(request, sizeof request,
                 "POST /api/v1/messages/webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: axios/1.7\r\n"
                 "Authorization: Bearer bench-token\r\nContent-Type: application/json\r\n"
                 "Content-Length: %d\r\n\r\n%s",
                 n, body);

    load.sent++;
    c->due_us = due_us;
    c->n = 0;
    if (write(c->fd, request, (size_t)len) != len)
        die("write");
}

static void connect_one(struct connection *c)
{
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&load.to, sizeof load.to) != 0)
        die("connect");
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0 || epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0)
        die("epoll_ctl");
}

/* The answers are small and have a Content-Length: the body is whole when the closing brace is there. */
static bool is_whole(struct connection *c)
{
    ssize_t n = read(c->fd, c->answer + c->n, sizeof c->answer - 1 - c->n);

    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0)
        die("a connection was closed");
    c->n += (size_t)n;
    c->answer[c->n] = '\0';
    return strstr(c->answer, "\r\n\r\n") && strchr(c->answer, '}');
}

static void on_answer(struct connection *c)
{
    int64_t now_us = clock_mono_us();

    if (!is_whole(c))
        return;
    if (memcmp(c->answer + 9, "200", 3) == 0) {
        load.answered++;
        note(now_us - c->due_us);
    } else {
        load.errors++;
    }
    c->due_us = 0;
    if (load.rate > 0) {
        c->next_idle = load.idle;
        load.idle = c;
    } else if (now_us < load.end_us) {
        send_hook(c, now_us);
    }
}

/* With a rate: all that are due by now and find an idle connection; the others wait, and their time runs. */
static void send_due(void)
{
    int64_t now_us = clock_mono_us();

    while (load.idle) {
        int64_t due_us = load.start_us + (int64_t)((double)load.sent * 1e6 / load.rate);
        struct connection *c = load.idle;

        if (due_us > now_us || due_us >= load.end_us)
            return;
        load.idle = c->next_idle;
        send_hook(c, due_us);
    }
}

static void run(void)
{
    struct epoll_event events[EVENTS];

    while (clock_mono_us() < load.end_us) {
        int n;

        if (load.rate > 0)
            send_due();
        n = epoll_wait(load.epoll, events, EVENTS, load.rate > 0 ? 1 : 100);
        for (int i = 0; i < n; i++)
            on_answer(events[i].data.ptr);
    }
}

static void start(int seconds)
{
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.connections = mem_zalloc((size_t)load.n * sizeof *load.connections);
    for (int i = 0; i < load.n; i++)
        connect_one(&load.connections[i]);
    load.start_us = clock_mono_us();
    load.end_us = load.start_us + (int64_t)seconds * 1000000;
    for (int i = 0; i < load.n; i++) {
        if (load.rate > 0) {
            load.connections[i].next_idle = load.idle;
            load.idle = &load.connections[i];
        } else {
            send_hook(&load.connections[i], load.start_us);
        }
    }
}

int main(int argc, char *argv[])
{
    struct rlimit files = { 65536, 65536 };
    double took_s;

    if (argc < 4)
        return 2;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    load.to = (struct sockaddr_in){ .sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)atoi(argv[1])),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    load.n = atoi(argv[2]);
    load.rate = argc > 4 ? atof(argv[4]) : 0;
    load.run = (uint64_t)time(NULL) ^ (uint64_t)getpid() << 16;
    start(atoi(argv[3]));
    run();
    took_s = (double)(clock_mono_us() - load.start_us) / 1e6;
    printf("{\"answered\":%" PRId64 ",\"errors\":%" PRId64 ",\"per_second\":%.0f,\"p50_ms\":%.3f,"
           "\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"max_ms\":%.3f}\n",
           load.answered, load.errors, (double)load.answered / took_s, percentile(0.5) / 1e3,
           percentile(0.99) / 1e3, percentile(0.999) / 1e3, (double)load.max_us / 1e3);
    mem_free(load.connections);
    return 0;
}
