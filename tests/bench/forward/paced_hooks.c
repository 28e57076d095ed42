/*
 * Webhooks one at a time with pauses, so that everything is idle when one comes; between them an empty call
 * to the backend, the round trip that no delivery can beat.
 *
 *   zk-bench-paced-hooks INGEST_PORT BACKEND_PORT N
 *
 * Prints a line "<seq> <CLOCK_MONOTONIC us when its 2xx was read> <us of the empty call>" for each.
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

/* Between a webhook and the empty call and the next one: long enough for the delivery to be over. */
#define PAUSE_US 4000

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

static void die(void)
{
    perror("call");
    exit(1);
}

/* The answers are small JSON: whole when the closing brace is there. */
static int64_t call(int fd, const char *request, size_t n, char *ret, size_t max)
{
    size_t have = 0;

    if (write(fd, request, n) != (ssize_t)n)
        die();
    do {
        ssize_t got = read(fd, ret + have, max - 1 - have);

        if (got <= 0)
            die();
        have += (size_t)got;
        ret[have] = '\0';
    } while (!strchr(ret, '}'));
    return clock_mono_us();
}

static void pause_us(long us)
{
    (void)nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

int main(int argc, char *argv[])
{
    static const char empty[] = "POST /-/faults HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    int ingest = argc > 3 ? connect_to(argv[1]) : -1;
    int backend = argc > 3 ? connect_to(argv[2]) : -1;
    char body[512], request[1024], answer[1024];

    if (argc <= 3)
        return 2;
    for (int i = 0; i < atoi(argv[3]); i++) {
        int n = snprintf(
            body, sizeof body,
            "{\"sessionId\":\"session-%02d\",\"eventType\":\"message.received\",\"timestamp\":%" PRId64
            ",\"data\":{\"messageId\":\"PACED%d-%d\",\"type\":\"text\",\"text\":\"%0200d\"}}",
            i % 20, (int64_t)time(NULL) * 1000, (int)getpid(), i, i);
        int len =
            snprintf(request, sizeof request,
                     "POST /api/v1/messages/webhook HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer bench-token"
                     "\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                     n, body);
        int64_t stored_us = call(ingest, request, (size_t)len, answer, sizeof answer);
        const char *seq = strstr(answer, "\"seq\":");
        int64_t before_us;

        pause_us(PAUSE_US + random() % PAUSE_US);
        before_us = clock_mono_us();
        printf("%ld %" PRId64 " %" PRId64 "\n", seq ? atol(seq + 6) : 0, stored_us,
               call(backend, empty, sizeof empty - 1, answer, sizeof answer) - before_us);
        pause_us(PAUSE_US);
    }
    return 0;
}
