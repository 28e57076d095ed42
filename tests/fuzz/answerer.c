#include "tests/fuzz/answerer.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "common/base/clock.h"
#include "common/io/loop_uv.h"
#include "tests/fuzz/input.h"

/* Longer than any call takes here, even with a sanitizer on a busy machine. */
#define PATIENCE_US (60LL * 1000 * 1000)

void answerer_open(struct answerer *a)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };

    (void)snprintf(a->dir, sizeof a->dir, "/tmp/zk-fuzz-XXXXXX");
    MUST(mkdtemp(a->dir));
    (void)snprintf(a->path, sizeof a->path, "%s/sock", a->dir);
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", a->path);
    a->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    MUST(a->listener >= 0 && bind(a->listener, (struct sockaddr *)&at, sizeof at) == 0);
    MUST(listen(a->listener, 16) == 0 && loop_open(&a->loop) == 0);
}

void answerer_close(struct answerer *a)
{
    MUST(loop_close(a->loop) == 0);
    (void)close(a->listener);
    (void)unlink(a->path);
    (void)rmdir(a->dir);
}

static void turn(struct answerer *a, const bool *done, int times)
{
    for (int i = 0; i < times && !*done; i++)
        (void)uv_run(loop_uv(a->loop), UV_RUN_NOWAIT);
}

/* The request is read first: a socket that is closed with bytes unread resets the connection. */
static void answer(struct answerer *a, int fd, struct str bytes, const bool *done)
{
    char request[4096];

    turn(a, done, 2);
    while (bytes.n && !*done) {
        struct str piece = input_until(&bytes, "\x1e");

        (void)recv(fd, request, sizeof request, MSG_DONTWAIT);
        (void)send(fd, piece.p, piece.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        turn(a, done, 1);
    }
    (void)recv(fd, request, sizeof request, MSG_DONTWAIT);
    (void)close(fd);
}

void answerer_run(struct answerer *a, struct str bytes, const bool *done)
{
    int64_t until = clock_mono_us() + PATIENCE_US;

    while (!*done) {
        int fd = accept4(a->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0)
            answer(a, fd, bytes, done);
        turn(a, done, 1);
        MUST(clock_mono_us() < until);
    }
    (void)uv_run(loop_uv(a->loop), UV_RUN_NOWAIT); /* released by the client */
}
