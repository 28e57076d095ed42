/*
 * Webhooks that say that a session has dropped, one at a time with pauses, so that everything is idle when
 * one comes; before each an empty call to the bridge, the round trip that everything is measured with.
 *
 *   zk-bench-paced-drops INGEST_PORT TOKEN BRIDGE_PORT CONTROL_PORT N PAUSE_MS
 *
 * Session demo-<i> drops at the simulated bridge, too (without a webhook of its own). Prints a line
 * "<session> <CLOCK_MONOTONIC us before the post> <us until its 2xx> <us of the empty call>" for each.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"

static int connect_to(const char *port)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)atoi(port)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        perror("connect");
        exit(1);
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* One call on a kept-alive connection; the us until its answer, which is small JSON: whole when the closing
 * brace is there. */
static int64_t call(int fd, const char *request, const char *status)
{
    char answer[4096] = "";
    int64_t began_us = clock_mono_us();
    size_t have = 0, n = strlen(request);
    ssize_t got = write(fd, request, n) == (ssize_t)n;

    while (got > 0 && !strchr(answer, '}')) {
        got = read(fd, answer + have, sizeof answer - 1 - have);
        have += got > 0 ? (size_t)got : 0;
        answer[have] = '\0';
    }
    if (got > 0 && strncmp(answer, status, strlen(status)) == 0)
        return clock_mono_us() - began_us;
    (void)fprintf(stderr, "not the answer that was expected: %s\n", answer);
    exit(1);
}

static void pause_ms(int64_t ms)
{
    const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    (void)nanosleep(&t, NULL);
}

static void drop(int control, int i)
{
    char order[256];

    (void)snprintf(order, sizeof order,
                   "POST /status?session=demo-%d&status=disconnected HTTP/1.1\r\nHost: x\r\n"
                   "Content-Length: 0\r\n\r\n",
                   i);
    (void)call(control, order, "HTTP/1.1 200");
}

static void build_hook(const char *token, int i, char *hook, size_t n)
{
    struct clock clock;
    char body[512];

    clock_init(&clock);
    (void)snprintf(body, sizeof body,
                   "{\"sessionId\":\"demo-%d\",\"origin\":\"5511999\",\"eventType\":\"session.disconnected\","
                   "\"timestamp\":%" PRId64
                   ",\"data\":{\"reason\":{\"reason\":{\"output\":{\"statusCode\":428}}}}}",
                   i, clock.wall_ms(&clock));
    (void)snprintf(hook, n,
                   "POST /api/v1/messages/webhook HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                   token, strlen(body), body);
}

int main(int argc, char *argv[])
{
    static const char empty[] = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    char hook[1024];

    if (argc != 7)
        return 2;
    int ingest = connect_to(argv[1]), bridge = connect_to(argv[3]), control = connect_to(argv[4]);
    for (int i = 1; i <= atoi(argv[5]); i++) {
        pause_ms(atoi(argv[6]) / 2);
        int64_t empty_us = call(bridge, empty, "HTTP/1.1 200");
        pause_ms(atoi(argv[6]) / 2);
        build_hook(argv[2], i, hook, sizeof hook);
        drop(control, i);
        int64_t began_us = clock_mono_us();
        printf("demo-%d %" PRId64 " %" PRId64 " %" PRId64 "\n", i, began_us,
               call(ingest, hook, "HTTP/1.1 200"), empty_us);
    }
    return 0;
}
