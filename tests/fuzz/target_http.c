/*
 * Our HTTP server as a socket drives it: the bytes come over a connection, in pieces cut at 0x1e, and then
 * its end. For any bytes the connection is closed, the answer is HTTP, and the next request is
 * served.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/io/http_server.h"
#include "common/io/loop_uv.h"
#include "tests/fuzz/input.h"
#include "tests/http_cut.h"

#define BODY_MAX 2048
/* Longer than anything takes here, even with a sanitizer on a busy machine. */
#define PATIENCE_US (20 * 1000 * 1000)

static struct {
    struct loop *loop;
    struct http_server *server;
    struct sockaddr_un at; /* a name that the kernel gave it, in no folder */
    socklen_t at_len;
    struct timer *later;
    struct http_req *held; /* one connection has one request at a time */
    uint64_t sum;          /* of every byte a handler sees: it has to be readable */
} w;

static void touch(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        w.sum += (unsigned char)s.p[i];
}

static void on_later(void *ctx)
{
    struct http_req *r = TAKE(w.held);

    if (r)
        http_respond(r, 200, "text/plain", http_req_body(r), "X-Later: yes\n");
}

static enum http_begin on_begin(void *ctx, struct http_req *r)
{
    touch(http_req_method(r));
    touch(http_req_path(r));
    touch(http_req_query(r));
    touch(http_req_header(r, "Content-Type"));
    if (!str_starts(http_req_path(r), "/no"))
        return HTTP_BEGIN_READ;
    http_respond_error(r, 401, "unauthorized", "present a token", NULL);
    return HTTP_BEGIN_ANSWERED;
}

static void on_request(void *ctx, struct http_req *r)
{
    struct str body = http_req_body(r);

    MUST(body.n <= BODY_MAX);
    touch(body);
    touch(http_req_peer(r));
    if (str_starts(http_req_path(r), "/later")) {
        MUST(!w.held);
        w.held = r;
        timer_start(w.later, 0);
    } else if (str_starts(http_req_path(r), "/cut")) {
        http_respond_cut(r, 200, "text/plain", STR_LIT("0123456789"));
    } else {
        http_respond(r, 200, "text/plain", body, NULL);
    }
}

static void on_refused(void *ctx, const struct http_refused *f)
{
    MUST(f->status == 0 || (f->status >= 400 && f->status < 600));
}

static void close_world(void)
{
    http_server_close(w.server);
    timer_close(w.later);
    MUST(loop_close(w.loop) == 0);
    MUST(mem_live() == 0);
}

/* A socket of the machine, handed over as systemd would: thousands of connections a second would use up the
 * ports of TCP. */
static int listen_here(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    w.at.sun_family = AF_UNIX;
    w.at_len = sizeof w.at;
    MUST(fd >= 0 && bind(fd, (struct sockaddr *)&w.at, sizeof w.at.sun_family) == 0);
    MUST(getsockname(fd, (struct sockaddr *)&w.at, &w.at_len) == 0 && listen(fd, 8) == 0);
    return fd;
}

static void open_world(void)
{
    static const struct http_handlers handlers = { .on_begin = on_begin,
                                                   .on_request = on_request,
                                                   .on_refused = on_refused };
    struct http_limits limits = http_limits_default;

    limits.header_bytes_max = 2048;
    limits.body_bytes_max = BODY_MAX;
    MUST(loop_open(&w.loop) == 0);
    MUST(timer_open(w.loop, on_later, NULL, &w.later) == 0);
    MUST(http_server_open(w.loop, "", 0, listen_here(), &limits, &handlers, NULL, &w.server) == 0);
    (void)atexit(close_world);
}

static int dial(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    MUST(fd >= 0 && connect(fd, (struct sockaddr *)&w.at, w.at_len) == 0);
    return fd;
}

static void turn(int times)
{
    for (int i = 0; i < times; i++)
        (void)uv_run(loop_uv(w.loop), UV_RUN_NOWAIT);
}

/* Reads the bytes that are there and counts them; as much as fits is kept. True at the end of the connection. */
static bool hear(int fd, char *answer, size_t max, size_t *len)
{
    char bytes[4096];
    ssize_t n;

    while ((n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        size_t room = *len < max ? max - *len : 0;

        memcpy(answer + max - room, bytes, (size_t)n < room ? (size_t)n : room);
        *len += (size_t)n;
    }
    return n == 0 || (errno != EAGAIN && errno != EINTR);
}

/* Turns until nothing happens any more. */
static bool settle(int fd, char *answer, size_t max, size_t *len)
{
    size_t before = *len + 1;
    bool over = false;

    while (!over && (*len != before || http_server_pending(w.server) > 0)) {
        before = *len;
        turn(3);
        over = hear(fd, answer, max, len);
    }
    return over;
}

/*
 * Sends the pieces and, when all is quiet, the end, and reads the whole answer.
 */
static struct str talk(struct str bytes, char *answer, size_t max)
{
    int64_t until = clock_mono_us() + PATIENCE_US;
    struct pollfd p = { .fd = dial(), .events = POLLIN };
    size_t len = 0;
    bool over = false;

    while (bytes.n && !over) {
        struct str piece = input_until(&bytes, "\x1e");

        (void)send(p.fd, piece.p, piece.n, MSG_NOSIGNAL | MSG_DONTWAIT); /* it may have hung up already */
        over = settle(p.fd, answer, max, &len);
    }
    (void)shutdown(p.fd, SHUT_WR);
    while (!over) {
        turn(1);
        over = hear(p.fd, answer, max, &len);
        if (!over)
            (void)poll(&p, 1, 1);
        MUST(clock_mono_us() < until);
    }
    (void)close(p.fd);
    while (http_server_connections(w.server) > 0) {
        turn(1);
        MUST(clock_mono_us() < until);
    }
    return (struct str){ answer, len < max ? len : max };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct str plain = STR_LIT("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    char answer[4096];
    struct str heard;

    if (!w.loop)
        open_world();
    heard = talk((struct str){ (const char *)data, n }, answer, sizeof answer);
    MUST(heard.n == 0 || str_starts(heard, "HTTP/1."));
    MUST(!w.held && http_server_pending(w.server) == 0);
    heard = talk(plain, answer, sizeof answer);
    MUST(str_starts(heard, "HTTP/1.1 200 "));
    return 0;
}
