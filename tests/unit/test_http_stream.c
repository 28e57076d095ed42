/* A streaming answer: its bytes come as they are added, it holds back its sender, and a reader that stalls is cut. */
#include "tests/unit/cmocka_all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/io/http_server.h"
#include "common/io/http_stream.h"
#include "common/io/http_stream_queue.h"
#include "common/io/loop_uv.h"

#define PATIENCE_US (20LL * 1000 * 1000)
#define BYTES_MAX   (64 * 1024)

/* ---- the queue ------------------------------------------------------------------------------- */

static void test_the_queue_holds_its_sender_back_until_half_is_free(void **state)
{
    struct http_stream_queue q;
    size_t n = 0;
    char *bytes;

    (void)state;
    http_stream_queue_init(&q, 10);
    assert_int_equal(http_stream_queue_add(&q, STR_LIT("12345678901")), -EMSGSIZE);
    assert_null(http_stream_queue_take(&q, &n));
    assert_int_equal(http_stream_queue_add(&q, STR_LIT("123456")), 0);
    bytes = http_stream_queue_take(&q, &n);
    assert_int_equal(n, 6);
    mem_free(bytes);
    assert_int_equal(http_stream_queue_add(&q, STR_LIT("abcd")), 0);
    assert_null(http_stream_queue_take(&q, &n)); /* one write at a time */
    assert_int_equal(http_stream_queue_add(&q, STR_LIT("e")), 1);
    assert_int_equal(http_stream_queue_waiting(&q), 10);
    assert_false(http_stream_queue_has_room(&q));
    http_stream_queue_sent(&q); /* four of ten wait */
    assert_true(http_stream_queue_has_room(&q));
    assert_false(http_stream_queue_has_room(&q)); /* said once */
    assert_int_equal(http_stream_queue_waiting(&q), 4);
    bytes = http_stream_queue_take(&q, &n);
    assert_memory_equal(bytes, "abcd", 4);
    mem_free(bytes);
    http_stream_queue_sent(&q);
    assert_int_equal(http_stream_queue_waiting(&q), 0);
    http_stream_queue_fini(&q);
    assert_int_equal(mem_live(), 0);
}

/* ---- over a socket ---------------------------------------------------------------------------- */

struct world {
    struct loop *loop;
    struct http_server *server;
    struct http_stream *stream;
    struct timer *timer;
    int64_t stall_ms;
    int closed, room;
};

static void on_room(void *ctx)
{
    struct world *w = ctx;

    w->room++;
}

static void on_closed(void *ctx)
{
    struct world *w = ctx;

    w->closed++;
    w->stream = NULL;
}

static void on_request(void *ctx, struct http_req *r)
{
    struct world *w = ctx;
    const struct http_stream_spec spec = { .status = 200,
                                           .content_type = "text/event-stream",
                                           .extra_headers = "Cache-Control: no-store\n",
                                           .bytes_max = BYTES_MAX,
                                           .stall_ms = w->stall_ms,
                                           .on_room = on_room,
                                           .on_closed = on_closed,
                                           .ctx = w };

    assert_int_equal(http_stream_begin(r, &spec, &w->stream), 0);
    assert_int_equal(http_stream_add(w->stream, STR_LIT("first\n")), 0); /* also before the header is out */
}

static int open_world(void **state)
{
    static const struct http_handlers handlers = { .on_request = on_request };
    struct world *w = mem_zalloc(sizeof *w);

    w->stall_ms = 60000;
    assert_int_equal(loop_open(&w->loop), 0);
    assert_int_equal(
        http_server_open(w->loop, "127.0.0.1", 0, -1, &http_limits_default, &handlers, w, &w->server), 0);
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

static void turn(struct world *w)
{
    (void)uv_run(loop_uv(w->loop), UV_RUN_NOWAIT);
    (void)usleep(200);
}

/* A connection that has asked, and whose stream has begun. @receive_bytes: the size of its kernel's buffer, 0: the usual. */
static int ask(struct world *w, int receive_bytes)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(http_server_port(w->server)) };
    static const char get[] = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int64_t until = clock_mono_us() + PATIENCE_US;

    if (receive_bytes)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes), 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(write(fd, get, sizeof get - 1), sizeof get - 1);
    while (!w->stream && clock_mono_us() < until)
        turn(w);
    assert_non_null(w->stream);
    return fd;
}

/* Reads until @text has come, or the end. Returns whether the server has hung up. */
static bool read_until(struct world *w, int fd, const char *text, char *all, size_t size)
{
    int64_t until = clock_mono_us() + PATIENCE_US;
    size_t len = strlen(all);

    while (!(text && strstr(all, text)) && clock_mono_us() < until) {
        ssize_t n;

        turn(w);
        n = recv(fd, all + len, size - len - 1, MSG_DONTWAIT);
        if (n == 0)
            return true;
        len += n > 0 ? (size_t)n : 0;
        all[len] = '\0';
    }
    assert_true(clock_mono_us() < until);
    return false;
}

static void test_bytes_come_as_they_are_added(void **state)
{
    struct world *w = *state;
    char all[4096] = "";
    int fd = ask(w, 0);

    assert_false(read_until(w, fd, "first\n", all, sizeof all));
    assert_non_null(strstr(all, "Content-Type: text/event-stream\r\n"));
    assert_non_null(strstr(all, "Cache-Control: no-store\r\n"));
    assert_non_null(strstr(all, "Connection: close\r\n"));
    assert_null(strstr(all, "Content-Length"));
    assert_int_equal(http_stream_add(w->stream, STR_LIT("second\n")), 0);
    assert_false(read_until(w, fd, "second\n", all, sizeof all));
    assert_int_equal(http_server_pending(w->server), 0); /* a stream holds up no stop */
    assert_int_equal(http_stream_add(w->stream, STR_LIT("last\n")), 0);
    http_stream_end(w->stream);
    assert_true(read_until(w, fd, NULL, all, sizeof all));
    assert_non_null(strstr(all, "first\nsecond\nlast\n"));
    assert_int_equal(w->closed, 0); /* its owner ended it */
    close(fd);
}

static void test_a_peer_that_leaves_is_noticed(void **state)
{
    struct world *w = *state;
    int fd = ask(w, 0);
    int64_t until = clock_mono_us() + PATIENCE_US;

    close(fd);
    while (w->closed == 0 && clock_mono_us() < until)
        turn(w);
    assert_int_equal(w->closed, 1);
}

/* Fills the kernel's buffers and ours. */
static int fill(struct world *w)
{
    char line[1024];
    int n = 0, r = 0;

    memset(line, 'x', sizeof line);
    while (r == 0 && n < 100000) {
        r = http_stream_add(w->stream, (struct str){ line, sizeof line });
        n++;
        turn(w);
    }
    assert_int_equal(r, HTTP_STREAM_FULL);
    assert_true(http_stream_waiting(w->stream) <= BYTES_MAX);
    return n;
}

static void test_a_slow_reader_holds_the_sender_back(void **state)
{
    struct world *w = *state;
    static char sink[1024 * 1024];
    int fd = ask(w, 4096);
    int64_t until = clock_mono_us() + PATIENCE_US;

    (void)fill(w);
    assert_int_equal(w->room, 0);
    while (w->room == 0 && clock_mono_us() < until) {
        (void)recv(fd, sink, sizeof sink, MSG_DONTWAIT);
        turn(w);
    }
    assert_int_equal(w->room, 1);
    assert_int_equal(w->closed, 0);
    close(fd);
}

static void test_a_reader_that_stalls_is_cut(void **state)
{
    struct world *w = *state;
    int fd;
    int64_t until = clock_mono_us() + PATIENCE_US;

    w->stall_ms = 300;
    fd = ask(w, 4096);
    (void)fill(w);
    while (w->closed == 0 && clock_mono_us() < until)
        turn(w);
    assert_int_equal(w->closed, 1);
    assert_int_equal(http_server_connections(w->server), 0);
    close(fd);
}

static void test_a_stream_without_news_is_not_cut(void **state)
{
    struct world *w = *state;
    int fd;
    int64_t until;

    w->stall_ms = 100;
    fd = ask(w, 0);
    until = clock_mono_us() + 1500 * 1000;
    while (clock_mono_us() < until)
        turn(w);
    assert_int_equal(w->closed, 0);
    close(fd);
}

static void test_a_closing_server_ends_its_streams(void **state)
{
    struct world *w = *state;
    int fd = ask(w, 0);

    http_server_close(w->server);
    w->server = NULL;
    assert_int_equal(w->closed, 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_queue_holds_its_sender_back_until_half_is_free),
        cmocka_unit_test_setup_teardown(test_bytes_come_as_they_are_added, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_a_peer_that_leaves_is_noticed, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_a_slow_reader_holds_the_sender_back, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_a_reader_that_stalls_is_cut, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_a_stream_without_news_is_not_cut, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_a_closing_server_ends_its_streams, open_world, close_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
