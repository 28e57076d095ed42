/* The HTTP server as bytes of a socket drive it: accounting over a long life, refusals, and the bytes behind them. */
#include "tests/unit/cmocka_all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/io/http_server.h"
#include "common/io/loop_uv.h"

/* Nothing here takes longer; a test that hangs fails. */
#define PATIENCE_US (20LL * 1000 * 1000)

struct world {
    struct loop *loop;
    struct http_server *server;
    struct http_limits limits;
    struct http_req *held;
    enum http_begin begin;
    bool hold;
    int seen;
    size_t body_n;
    bool part;
    int refused[HTTP_REFUSAL_N];
    int64_t refused_bytes;
    char answers[64 * 1024];
    size_t n;
    bool over; /* the server has hung up */
};

static enum http_begin on_begin(void *ctx, struct http_req *r)
{
    struct world *w = ctx;

    if (!str_eq(http_req_path(r), "/no"))
        return w->begin;
    http_respond_error(r, 401, "unauthorized", "present a token", NULL);
    return HTTP_BEGIN_ANSWERED;
}

static void on_request(void *ctx, struct http_req *r)
{
    struct world *w = ctx;

    w->seen++;
    w->body_n = http_req_body(r).n;
    w->part = http_req_is_part(r);
    if (w->hold)
        w->held = r;
    else
        http_respond(r, w->part ? 413 : 200, "text/plain", http_req_path(r), NULL);
}

static void on_refused(void *ctx, const struct http_refused *f)
{
    struct world *w = ctx;

    w->refused[f->why]++;
    w->refused_bytes = f->bytes;
    assert_true(f->peer.n > 0 && strlen(f->detail) > 5);
}

static void serve(struct world *w)
{
    static const struct http_handlers handlers = { .on_begin = on_begin,
                                                   .on_request = on_request,
                                                   .on_refused = on_refused };

    assert_int_equal(http_server_open(w->loop, "127.0.0.1", 0, -1, &w->limits, &handlers, w, &w->server), 0);
}

static int open_world(void **state)
{
    struct world *w = mem_zalloc(sizeof *w);

    assert_int_equal(loop_open(&w->loop), 0);
    w->limits = http_limits_default;
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    http_server_close(w->server);
    assert_int_equal(loop_close(w->loop), 0);
    mem_free(w);
    assert_int_equal(mem_live(), 0);
    return 0;
}

static int dial(struct world *w)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(http_server_port(w->server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    w->n = 0;
    w->over = false;
    return fd;
}

static void step(struct world *w)
{
    (void)uv_run(loop_uv(w->loop), UV_RUN_NOWAIT);
}

static void take(struct world *w, int fd)
{
    ssize_t n = recv(fd, w->answers + w->n, sizeof w->answers - 1 - w->n, MSG_DONTWAIT);

    if (n > 0)
        w->n += (size_t)n;
    w->answers[w->n] = '\0';
    w->over = w->over || n == 0 || (n < 0 && errno != EAGAIN);
}

static void send_all(struct world *w, int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);

        step(w);
        take(w, fd);
        if (sent < 0 && errno != EAGAIN)
            return; /* it has hung up */
        bytes += sent > 0 ? sent : 0;
        n -= sent > 0 ? (size_t)sent : 0;
    }
}

static void say(struct world *w, int fd, const char *text)
{
    send_all(w, fd, text, strlen(text));
}

static int count(const char *text, const char *word)
{
    int n = 0;

    for (const char *p = text; (p = strstr(p, word)); p += strlen(word))
        n++;
    return n;
}

/* Until so many answers have come, or the server has hung up. */
static void await(struct world *w, int fd, int answers)
{
    int64_t until = clock_mono_us() + PATIENCE_US;

    while (!w->over &&
           (answers < 0 || count(w->answers, "HTTP/1.1 ") < answers || !strstr(w->answers, "\r\n\r\n"))) {
        step(w);
        take(w, fd);
        assert_true(clock_mono_us() < until);
    }
}

static void await_connections(struct world *w, int n)
{
    int64_t until = clock_mono_us() + PATIENCE_US;

    while (http_server_connections(w->server) != n) {
        step(w);
        assert_true(clock_mono_us() < until);
    }
}

static void post(struct world *w, int fd, const char *path, size_t length, size_t sent)
{
    char head[128];
    char *body = calloc(1, sent + 1);

    (void)snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", path,
                   length);
    say(w, fd, head);
    memset(body, 'x', sent);
    send_all(w, fd, body, sent);
    free(body);
}

#define STATUS(w) atoi((w)->answers + 9)

/* ---- over a long life ------------------------------------------------------------------------ */

static void bodies_of_connections_that_are_over_are_not_counted(void **state)
{
    static const enum http_begin ways[] = { HTTP_BEGIN_READ, HTTP_BEGIN_READ_UNVERIFIED };
    struct world *w = *state;

    w->limits.bodies_bytes_max = w->limits.unverified_bytes_max = 16 * 1024;
    w->limits.bodies_peer_max = w->limits.unverified_peer_max = 16 * 1024;
    w->limits.headers_bytes_max = w->limits.headers_peer_max = 16 * 1024;
    serve(w);
    for (int i = 0; i < 200; i++) {
        int fd = dial(w);

        w->begin = ways[i % 2];
        switch (i % 4) {
        case 0: /* answered and closed */
        case 1:
            post(w, fd, "/", 3000, 3000);
            await(w, fd, 1);
            assert_int_equal(STATUS(w), 200);
            break;
        case 2: /* torn in the body */
            post(w, fd, "/", 5000, 3000);
            break;
        default: /* torn in the header */
            say(w, fd, "GET /0123456789012345678901234567890123456789 HTTP/1.1\r\nX: y");
            break;
        }
        (void)close(fd);
        await_connections(w, 0);
    }
    assert_int_equal(w->refused[HTTP_REFUSED_MEMORY] + w->refused[HTTP_REFUSED_PEER_MEMORY], 0);
    assert_int_equal(w->refused[HTTP_REFUSED_BROKEN], 100);
    assert_int_equal(http_server_pending(w->server), 0);
}

static void refused_bodies_do_not_add_up_over_a_connection(void **state)
{
    struct world *w = *state;
    int fd;

    serve(w);
    fd = dial(w);
    for (int i = 0; i < 6; i++) { /* 12 MiB in all */
        w->n = 0;
        post(w, fd, i % 2 ? "/no" : "/", 2 * 1024 * 1024, 2 * 1024 * 1024);
        await(w, fd, 1);
        assert_int_equal(STATUS(w), i % 2 ? 401 : 413);
    }
    w->n = 0;
    post(w, fd, "/", 10, 10);
    await(w, fd, 1);
    assert_int_equal(STATUS(w), 200);
    assert_int_equal(w->refused_bytes, 2 * 1024 * 1024);
    (void)close(fd);
}

static void a_body_beyond_what_is_read_over_ends_the_connection(void **state)
{
    struct world *w = *state;
    int fd;

    serve(w);
    fd = dial(w);
    post(w, fd, "/no", 20 * 1024 * 1024, 1000);
    await(w, fd, -1);
    assert_int_equal(STATUS(w), 401);
    assert_non_null(strstr(w->answers, "Connection: close"));
    (void)close(fd);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void one_peer_does_not_get_all_of_the_memory(void **state)
{
    struct world *w = *state;
    int fd[3];

    w->limits.bodies_bytes_max = 1024 * 1024;
    w->limits.bodies_peer_max = 100 * 1024;
    serve(w);
    for (int i = 0; i < 3; i++) {
        fd[i] = dial(w);
        post(w, fd[i], "/", 60000, 50000);
        if (i > 0)
            await(w, fd[i], 1);
        assert_int_equal(w->n ? STATUS(w) : 0, i > 0 ? 503 : 0);
    }
    assert_int_equal(w->refused[HTTP_REFUSED_PEER_MEMORY], 2);
    assert_int_equal(http_server_overload(w->server), HTTP_REFUSAL_N); /* it is this peer's trouble */
    for (int i = 0; i < 3; i++)
        (void)close(fd[i]);
}

static void an_overload_is_known(void **state)
{
    struct world *w = *state;
    int fd, other;

    w->limits.bodies_bytes_max = 70 * 1024;
    w->limits.bodies_peer_max = 0;
    serve(w);
    assert_int_equal(http_server_overload(w->server), HTTP_REFUSAL_N);
    fd = dial(w);
    post(w, fd, "/", 60000, 50000);
    other = dial(w);
    post(w, other, "/", 60000, 50000);
    await(w, other, 1);
    assert_int_equal(STATUS(w), 503);
    assert_non_null(strstr(w->answers, "Retry-After: 1"));
    assert_int_equal(http_server_overload(w->server), HTTP_REFUSED_MEMORY);
    (void)close(fd);
    (void)close(other);
}

static void no_body_is_allowed_where_none_belongs(void **state)
{
    struct world *w = *state;
    int fd;

    w->limits.body_bytes_max = 0;
    serve(w);
    fd = dial(w);
    say(w, fd, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    await(w, fd, 1);
    assert_int_equal(STATUS(w), 413);
    (void)close(fd);
    fd = dial(w);
    post(w, fd, "/", 1, 0);
    await(w, fd, 1);
    assert_int_equal(STATUS(w), 413);
    assert_int_equal(w->seen, 0);
    (void)close(fd);
}

static void of_a_large_body_the_beginning_may_be_asked_for(void **state)
{
    struct world *w = *state;
    int fd;

    w->limits.body_bytes_max = 10000;
    w->limits.part_bytes = 100;
    serve(w);
    fd = dial(w);
    post(w, fd, "/large", 50000, 50000);
    await(w, fd, 1);
    assert_int_equal(STATUS(w), 413);
    assert_true(w->part && w->body_n == 100);
    w->n = 0;
    post(w, fd, "/small", 200, 200);
    await(w, fd, 1);
    assert_true(!w->part && w->body_n == 200 && STATUS(w) == 200);
    w->n = 0;
    post(w, fd, "/large", 50000, 0); /* nothing of it comes: it is not waited for */
    await(w, fd, 1);
    assert_int_equal(STATUS(w), 413);
    (void)close(fd);
}

/* ---- behind a request ------------------------------------------------------------------------ */

static void requests_behind_one_that_is_held_wait(void **state)
{
    struct world *w = *state;
    char text[8192] = "";
    int fd;

    for (int i = 0; i < 50; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text),
                       "POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab\r\n", i);
    serve(w);
    fd = dial(w);
    w->hold = true;
    say(w, fd, text);
    for (int i = 0; i < 30; i++) {
        int64_t until = clock_mono_us() + PATIENCE_US;
        char path[8];

        while (!w->held) {
            step(w);
            assert_true(clock_mono_us() < until);
        }
        (void)snprintf(path, sizeof path, "/%d", i);
        assert_string_equal(http_req_path(w->held).p, path);
        assert_int_equal(w->seen, i + 1);
        w->hold = i < 29; /* those that are left are answered at once, inside this call */
        http_respond(TAKE(w->held), 200, "text/plain", STR_LIT("ok"), NULL);
    }
    await(w, fd, 50);
    assert_int_equal(count(w->answers, "HTTP/1.1 200"), 50);
    (void)close(fd);
    await_connections(w, 0);
}

/* A connection gets one request a pass of the loop, so that a flood on it costs others a share and no more. */
static void many_requests_at_once_hold_nobody_up(void **state)
{
    enum { FLOOD = 500 };
    static const char one[] = "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n";
    struct world *w = *state;
    int flood, other, seen_before;

    w->begin = HTTP_BEGIN_READ;
    serve(w);
    flood = dial(w);
    for (int i = 0; i < FLOOD; i++)
        assert_int_equal(send(flood, one, sizeof one - 1, MSG_NOSIGNAL), sizeof one - 1);
    while (w->seen == 0)
        step(w);
    other = dial(w);
    assert_int_equal(send(other, one, sizeof one - 1, MSG_NOSIGNAL), sizeof one - 1);
    seen_before = w->seen;
    while (w->n == 0) {
        step(w);
        take(w, other);
    }
    assert_true(w->seen - seen_before < FLOOD / 10);
    (void)shutdown(flood, SHUT_WR); /* what has come is answered all the same */
    w->n = 0;
    while (!w->over) {
        step(w);
        w->n = 0;
        take(w, flood);
    }
    assert_int_equal(w->seen, FLOOD + 1);
    (void)close(flood);
    (void)close(other);
}

/* Without a limit the kernel keeps 4 MiB of answers for a peer that reads none of them. */
static void answers_that_nobody_reads_have_a_limit(void **state)
{
    enum { TRIES = 2000 };
    char request[4096] = "GET /", end[] = " HTTP/1.1\r\nHost: a\r\n\r\n";
    struct world *w = *state;
    int fd, small = 4096;

    memset(request + 5, 'a', sizeof request - 5 - sizeof end);
    memcpy(request + sizeof request - sizeof end, end, sizeof end);
    w->begin = HTTP_BEGIN_READ;
    serve(w);
    fd = dial(w);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (int i = 0; i < TRIES; i++) {
        (void)send(fd, request, sizeof request - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        step(w);
        step(w);
    }
    assert_true((size_t)w->seen * sizeof request < 1024 * 1024); /* each answer is as long as its path */
    (void)close(fd);
}

static void a_peer_that_goes_away_leaves_its_request_valid(void **state)
{
    struct world *w = *state;
    int fd;

    w->limits.headers_bytes_max = w->limits.headers_peer_max = 16 * 1024;
    serve(w);
    w->hold = true;
    for (int i = 0; i < 20; i++) {
        fd = dial(w);
        post(w, fd, "/", 10, 2000); /* most of them wait behind the request */
        while (!w->held)
            step(w);
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
        (void)close(fd);
        for (int k = 0; k < 5; k++)
            step(w);
        assert_string_equal(http_req_path(w->held).p, "/");
        assert_int_equal(http_server_pending(w->server), 1);
        http_respond(TAKE(w->held), 200, "text/plain", STR_LIT("late"), NULL);
        await_connections(w, 0);
    }
    assert_int_equal(http_server_pending(w->server), 0);
    fd = dial(w);
    say(w, fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    while (!w->held)
        step(w);
    w->hold = false;
    http_respond(TAKE(w->held), 200, "text/plain", STR_LIT("late"), NULL);
    await(w, fd, 2);
    assert_int_equal(count(w->answers, "HTTP/1.1 200"), 2); /* there is room for bytes that wait */
    (void)close(fd);
}

static void an_end_behind_whole_requests_leaves_them_their_answers(void **state)
{
    static const char two[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n";
    struct world *w = *state;
    int fd;

    serve(w);
    fd = dial(w);
    w->hold = true;
    (void)send(fd, two, sizeof two - 1, 0);
    (void)shutdown(fd, SHUT_WR);
    while (!w->held)
        step(w);
    for (int k = 0; k < 5; k++)
        step(w);
    w->hold = false;
    http_respond(TAKE(w->held), 200, "text/plain", STR_LIT("first"), NULL);
    await(w, fd, -1);
    assert_int_equal(count(w->answers, "HTTP/1.1 200"), 2);
    (void)close(fd);
    await_connections(w, 0);
}

static void head_and_expectations(void **state)
{
    struct world *w = *state;
    int fd;

    serve(w);
    fd = dial(w);
    say(w, fd, "HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n");
    await(w, fd, 1);
    assert_non_null(strstr(w->answers, "Content-Length: 4\r\n"));
    assert_string_equal(strstr(w->answers, "\r\n\r\n"), "\r\n\r\n");
    w->n = 0;
    say(w, fd, "POST /d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    await(w, fd, 1);
    assert_int_equal(STATUS(w), 100);
    say(w, fd, "ab");
    await(w, fd, 2);
    assert_non_null(strstr(w->answers, "HTTP/1.1 200"));
    w->n = 0;
    say(w, fd, "POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    await(w, fd, -1); /* whether the body comes is unclear: the connection ends */
    assert_int_equal(STATUS(w), 401);
    (void)close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bodies_of_connections_that_are_over_are_not_counted),
        TEST(refused_bodies_do_not_add_up_over_a_connection),
        TEST(a_body_beyond_what_is_read_over_ends_the_connection),
        TEST(one_peer_does_not_get_all_of_the_memory),
        TEST(an_overload_is_known),
        TEST(no_body_is_allowed_where_none_belongs),
        TEST(of_a_large_body_the_beginning_may_be_asked_for),
        TEST(requests_behind_one_that_is_held_wait),
        TEST(many_requests_at_once_hold_nobody_up),
        TEST(answers_that_nobody_reads_have_a_limit),
        TEST(a_peer_that_goes_away_leaves_its_request_valid),
        TEST(an_end_behind_whole_requests_leaves_them_their_answers),
        TEST(head_and_expectations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
