/* The HTTP client against our own server, and against peers that misbehave; both on one loop. */
#include "tests/unit/cmocka_all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/io/http_client.h"
#include "common/io/http_reply.h"
#include "common/io/http_server.h"
#include "tests/http_cut.h"

/* Nothing here takes longer; a test that hangs fails. */
#define PATIENCE_MS 20000

struct world {
    const char *retry_after; /* of the answer, instead of 7 s */
    struct loop *loop;
    struct http_server *server;
    struct http_client *client;
    struct timer *patience;
    struct http_req *held; /* a request that is answered later */
    bool hold;
    int seen, dropped, answers;
    struct http_answer answer; /* the newest, its texts copied */
    char body[256], seen_body[256], seen_query[64], seen_path[64];
    char seen_method[16], seen_type[64], seen_a[16], seen_b[16], seen_host[64];
};

/* The linker lets the server's calls of this one come through here (CMakeLists.txt). */
char *__real_http_reply_bytes(const struct http_reply *r, struct http_date *date, size_t *ret_n,
                              bool *io_close);
char *__wrap_http_reply_bytes(const struct http_reply *r, struct http_date *date, size_t *ret_n,
                              bool *io_close);
static bool no_memory_for_answers;

char *__wrap_http_reply_bytes(const struct http_reply *r, struct http_date *date, size_t *ret_n,
                              bool *io_close)
{
    return no_memory_for_answers ? NULL : __real_http_reply_bytes(r, date, ret_n, io_close);
}

static void on_patience(void *ctx)
{
    fail_msg("nothing happened");
}

static void copy(struct str s, char *ret, size_t n)
{
    (void)snprintf(ret, n, "%.*s", (int)s.n, s.p ? s.p : "");
}

static enum http_begin on_begin(void *ctx, struct http_req *r)
{
    if (!str_eq(http_req_path(r), "/forbidden"))
        return HTTP_BEGIN_READ;
    http_respond_error(r, 401, "unauthorized", "present a token", NULL);
    return HTTP_BEGIN_ANSWERED;
}

static void on_request(void *ctx, struct http_req *r)
{
    struct world *w = ctx;

    w->seen++;
    copy(http_req_body(r), w->seen_body, sizeof w->seen_body);
    copy(http_req_query(r), w->seen_query, sizeof w->seen_query);
    copy(http_req_path(r), w->seen_path, sizeof w->seen_path);
    copy(http_req_method(r), w->seen_method, sizeof w->seen_method);
    copy(http_req_header(r, "Content-Type"), w->seen_type, sizeof w->seen_type);
    copy(http_req_header(r, "X-A"), w->seen_a, sizeof w->seen_a);
    copy(http_req_header(r, "X-B"), w->seen_b, sizeof w->seen_b);
    copy(http_req_header(r, "Host"), w->seen_host, sizeof w->seen_host);
    if (w->hold)
        w->held = r;
    else if (str_eq(http_req_path(r), "/cut"))
        http_respond_cut(r, 200, "text/plain", STR_LIT("0123456789"));
    else
        http_respond(r, 200, "text/plain", STR_LIT("hello"),
                     w->retry_after ? w->retry_after : "Retry-After: 7\n");
}

static void on_refused(void *ctx, const struct http_refused *f)
{
    ((struct world *)ctx)->dropped = f->status;
}

static int open_world(void **state)
{
    static const struct http_handlers handlers = { .on_begin = on_begin,
                                                   .on_request = on_request,
                                                   .on_refused = on_refused };
    struct http_limits limits = http_limits_default;
    struct world *w = mem_zalloc(sizeof *w);

    limits.body_bytes_max = 1000;
    assert_int_equal(loop_open(&w->loop), 0);
    assert_int_equal(timer_open(w->loop, on_patience, w, &w->patience), 0);
    assert_int_equal(http_server_open(w->loop, "127.0.0.1", 0, -1, &limits, &handlers, w, &w->server), 0);
    assert_int_equal(http_client_open(w->loop, 8, &w->client), 0);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    http_client_close(w->client);
    http_server_close(w->server);
    timer_close(w->patience);
    assert_int_equal(loop_close(w->loop), 0);
    mem_free(w);
    assert_int_equal(mem_live(), 0);
    return 0;
}

static void on_answer(void *ctx, const struct http_answer *a)
{
    struct world *w = ctx;

    w->answers++;
    w->answer = *a;
    copy(a->body, w->body, sizeof w->body);
    loop_stop(w->loop);
}

/* One call to a port of this machine, until it is answered. */
static void call(struct world *w, struct http_request req, int port, const char *path)
{
    char url[128];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    req.url = url;
    if (!req.method)
        req.method = "GET";
    assert_int_equal(http_call(w->client, &req, on_answer, w, NULL), 0);
    timer_start(w->patience, PATIENCE_MS);
    (void)loop_run(w->loop);
    timer_stop(w->patience);
}

/* The number of somebody else never overflows, in any unit. */
static void a_retry_after_beyond_all_reason_is_a_month(void **state)
{
    static const struct {
        const char *header;
        int64_t s;
    } cases[] = {
        { "Retry-After: 9223372036854775807\n", HTTP_RETRY_AFTER_MAX_S },
        { "Retry-After: 99999999999999999999999\n", HTTP_RETRY_AFTER_MAX_S },
        { "Retry-After: 3600\n", 3600 },
        { "Retry-After: -1\n", -1 },
        { "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\n", 0 },
        { "Retry-After: soon\n", -1 },
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        w->retry_after = cases[i].header;
        call(w, (struct http_request){ 0 }, http_server_port(w->server), "/p");
        assert_int_equal(w->answer.error, HTTP_OK);
        assert_int_equal(w->answer.retry_after_s, cases[i].s);
    }
}

static void a_call_is_answered(void **state)
{
    struct world *w = *state;

    call(w, (struct http_request){ .method = "POST", .headers = "X-A: b\n", .body = STR_LIT("{\"x\":1}") },
         http_server_port(w->server), "/p%20q?a=1&b=%32");
    assert_int_equal(w->answer.error, HTTP_OK);
    assert_int_equal(w->answer.status, 200);
    assert_string_equal(w->body, "hello");
    assert_int_equal(w->answer.retry_after_s, 7);
    assert_true(w->answer.sent_ms >= 0 && w->answer.sent_ms <= w->answer.took_ms);
    assert_string_equal(w->seen_body, "{\"x\":1}");
    assert_string_equal(w->seen_query, "a=1&b=%32"); /* as it was sent */
    assert_string_equal(w->seen_path, "/p%20q");
}

/* A call that is used again keeps nothing of the one before. */
static void each_call_is_as_it_was_asked_for(void **state)
{
    static const struct {
        struct http_request req;
        const char *path, *type, *a, *b;
    } calls[] = {
        { { .method = "POST", .headers = "X-A: 1\nX-B: 2\n", .body = STR_LIT("one") },
          "/1",
          "application/json",
          "1",
          "2" },
        { { .method = "GET" }, "/2", "", "", "" },
        { { .method = "POST", .headers = "Content-Type: text/x\nX-A: 3\nX-B: 4", .body = STR_LIT("two!") },
          "/2",
          "text/x",
          "3",
          "4" },
        { { .method = "DELETE", .headers = "X-B: 5\n" }, "/3?", "", "", "5" },
        { { .method = "PUT", .headers = "X-A: 6\n", .body = STR_LIT("3") },
          "/3",
          "application/json",
          "6",
          "" },
        { { .method = "POST", .headers = "content-type: text/y\n", .body = STR_LIT("") },
          "/1",
          "text/y",
          "",
          "" },
    };
    struct world *w = *state;
    char host[64];

    (void)snprintf(host, sizeof host, "127.0.0.1:%d", http_server_port(w->server));
    for (size_t i = 0; i < 2 * ARRAY_LEN(calls); i++) {
        size_t k = i % ARRAY_LEN(calls);
        struct str body = calls[k].req.body;

        call(w, calls[k].req, http_server_port(w->server), calls[k].path);
        assert_int_equal(w->answer.status, 200);
        assert_string_equal(w->seen_method, calls[k].req.method);
        assert_memory_equal(w->seen_path, calls[k].path, 2);
        assert_string_equal(w->seen_type, calls[k].type);
        assert_string_equal(w->seen_a, calls[k].a);
        assert_string_equal(w->seen_b, calls[k].b);
        assert_string_equal(w->seen_host, host);
        assert_int_equal(strlen(w->seen_body), body.n);
        assert_memory_equal(w->seen_body, body.p ? body.p : "", body.n);
    }
}

/* The peer goes away between the calls, breaks one, or is looked up by name: descriptors come and go, and
 * their numbers are used again. */
static void a_call_after_the_connection_was_closed_is_answered(void **state)
{
    static const struct http_handlers handlers = { .on_request = on_request };
    struct world *w = *state;
    uint16_t port = http_server_port(w->server);

    for (int i = 0; i < 30; i++) {
        struct http_request by_name = { .method = "GET", .url = "http://does-not-exist.invalid" };

        call(w, (struct http_request){ 0 }, port, "/kept");
        call(w, (struct http_request){ 0 }, port, "/kept");
        assert_int_equal(w->answer.status, 200);
        if (i % 3 == 0) {
            call(w, (struct http_request){ 0 }, port, "/cut");
            assert_int_equal(w->answer.error, HTTP_E_BROKEN);
        } else if (i % 3 == 1) {
            assert_int_equal(http_call(w->client, &by_name, on_answer, w, NULL), 0);
            (void)loop_run(w->loop);
            assert_int_equal(w->answer.error, HTTP_E_RESOLVE);
        }
        http_server_close(w->server);
        assert_int_equal(
            http_server_open(w->loop, "127.0.0.1", port, -1, &http_limits_default, &handlers, w, &w->server),
            0);
    }
    call(w, (struct http_request){ 0 }, port, "/kept");
    assert_int_equal(w->answer.status, 200);
}

/* Calls, and comes back when the server's handler has the request. */
static void call_and_hold(struct world *w)
{
    char url[64];
    const struct http_request req = { .method = "GET", .url = url };

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", http_server_port(w->server));
    w->hold = true;
    assert_int_equal(http_call(w->client, &req, on_answer, w, NULL), 0);
    timer_start(w->patience, PATIENCE_MS);
    for (int i = 0; i < 1000000 && !w->held; i++) {
        struct timer *once = NULL;

        assert_int_equal(timer_open(w->loop, (timer_fn)loop_stop, w->loop, &once), 0);
        timer_start(once, 1);
        (void)loop_run(w->loop);
        timer_close(once);
    }
    assert_non_null(w->held);
}

static void a_request_may_be_answered_later(void **state)
{
    struct world *w = *state;

    call_and_hold(w);
    assert_int_equal(http_server_pending(w->server), 1);
    http_respond(w->held, 202, "text/plain", STR_LIT("late"), NULL);
    assert_int_equal(http_server_pending(w->server), 0);
    (void)loop_run(w->loop);
    assert_int_equal(w->answer.status, 202);
    assert_string_equal(w->body, "late");
}

static void an_answer_just_before_the_closing_goes_out(void **state)
{
    struct world *w = *state;

    call_and_hold(w);
    http_respond(w->held, 503, "text/plain", STR_LIT("not stored"), NULL);
    http_server_close(w->server);
    w->server = NULL;
    (void)loop_run(w->loop);
    assert_int_equal(w->answer.error, HTTP_OK);
    assert_int_equal(w->answer.status, 503);
    assert_string_equal(w->body, "not stored");
}

static void a_held_request_does_not_stop_the_closing(void **state)
{
    struct world *w = *state;
    char url[64];
    struct http_request req = { .method = "GET", .url = url, .timeout_ms = 100 };

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", http_server_port(w->server));
    w->hold = true;
    while (!w->held) { /* on a slow machine the time may be over before the request has arrived */
        req.timeout_ms *= 2;
        assert_in_range(req.timeout_ms, 200, PATIENCE_MS);
        assert_int_equal(http_call(w->client, &req, on_answer, w, NULL), 0);
        (void)loop_run(w->loop);
        assert_int_equal(w->answer.error, HTTP_E_TIMEOUT);
    } /* close_world() closes the server with it */
}

static void too_large_a_body_is_413_and_the_connection_lives(void **state)
{
    struct world *w = *state;
    char big[5000];

    memset(big, 'x', sizeof big);
    call(w, (struct http_request){ .method = "POST", .body = { big, sizeof big } },
         http_server_port(w->server), "/");
    assert_int_equal(w->answer.status, 413);
    assert_int_equal(w->seen, 0);
    assert_int_equal(w->dropped, 413);
    call(w, (struct http_request){ .method = "POST", .body = { big, 1000 } }, http_server_port(w->server),
         "/");
    assert_int_equal(w->answer.status, 200);
    assert_int_equal(http_server_connections(w->server), 1);
}

static void a_chunked_body_has_the_same_limit(void **state)
{
    struct world *w = *state;
    char big[5000];

    memset(big, 'x', sizeof big);
    call(w,
         (struct http_request){
             .method = "POST", .headers = "Transfer-Encoding: chunked\n", .body = { big, sizeof big } },
         http_server_port(w->server), "/");
    assert_int_equal(w->answer.status, 413);
    assert_int_equal(w->seen, 0);
}

static void a_refusal_before_the_body_is_read(void **state)
{
    struct world *w = *state;

    call(w, (struct http_request){ .method = "POST", .body = STR_LIT("secret") }, http_server_port(w->server),
         "/forbidden");
    assert_int_equal(w->answer.status, 401);
    assert_string_equal(w->body, "{\"error\":\"unauthorized\",\"detail\":\"present a token\"}");
    assert_int_equal(w->seen, 0);
}

/* A listening socket that nobody accepts from, or that is closed at once. */
static int listener(int *ret_port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

/* A peer that answers the first request and dies over each later one; it ends when nobody comes any more. */
struct mortal {
    int listener;
    atomic_int requests;
};

#define GUESTS_MAX 8

/* False: it dies over it. */
static bool answer_first(struct mortal *m, int fd)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    char bytes[4096];

    if (recv(fd, bytes, sizeof bytes, 0) <= 0 || atomic_fetch_add(&m->requests, 1) > 0)
        return false;
    return send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) > 0;
}

static void *be_mortal(void *ctx)
{
    struct mortal *m = ctx;
    struct pollfd p[GUESTS_MAX] = { { .fd = m->listener, .events = POLLIN } };
    nfds_t n = 1;

    while (poll(p, n, -1) > 0 && !(p[0].revents & POLLHUP)) {
        for (nfds_t i = 1; i < n; i++) {
            if (p[i].revents && !answer_first(m, p[i].fd)) {
                (void)close(p[i].fd);
                p[i].fd = -1;
            }
        }
        if (p[0].revents && n < GUESTS_MAX)
            p[n++] = (struct pollfd){ .fd = accept(m->listener, NULL, NULL), .events = POLLIN };
    }
    for (nfds_t i = 1; i < n; i++)
        (void)close(p[i].fd);
    return NULL;
}

/* A client may repeat a request for which a kept connection died; one that asks for something must not be. */
static void what_must_go_out_once_goes_out_once(void **state)
{
    struct world *w = *state;
    const struct http_request req = { .method = "POST", .once = true };
    struct mortal m = { 0 };
    pthread_t thread;
    int port;

    m.listener = listener(&port);
    assert_int_equal(pthread_create(&thread, NULL, be_mortal, &m), 0);
    call(w, (struct http_request){ .method = "POST" }, port, "/kept");
    assert_int_equal(w->answer.status, 200);
    call(w, req, port, "/");
    assert_int_equal(w->answer.error, HTTP_E_BROKEN);
    assert_int_equal(m.requests, 2);
    (void)shutdown(m.listener, SHUT_RDWR);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)close(m.listener);
}

/* One connection, answered with these bytes for any request. */
struct liar {
    int listener;
    const char *says;
    size_t n;
};

static void *be_liar(void *ctx)
{
    struct liar *l = ctx;
    int fd = accept(l->listener, NULL, NULL);
    char request[4096];

    (void)recv(fd, request, sizeof request, 0);
    (void)send(fd, l->says, l->n, MSG_NOSIGNAL);
    (void)close(fd);
    return NULL;
}

/* The URL is right: the peer is not a web server, or sends headers without an end. */
static void an_answer_that_is_not_http_is_no_fault_of_the_url(void **state)
{
    static char endless[200 * 1024];
    struct world *w = *state;
    const struct liar liars[] = { { .says = "SSH-2.0-OpenSSH_9.2\r\n", .n = 21 },
                                  { .says = "\x15\x03\x01\0\2\2F", .n = 7 },
                                  { .says = "HTTP/2 12345 OK\r\n\r\n", .n = 19 },
                                  { .says = endless, .n = sizeof endless } };

    memset(endless, 'x', sizeof endless);
    memcpy(endless, "HTTP/1.1 200 OK\r\nX: ", 20);
    for (size_t i = 0; i < ARRAY_LEN(liars); i++) {
        struct liar l = liars[i];
        pthread_t thread;
        int port;

        l.listener = listener(&port);
        assert_int_equal(pthread_create(&thread, NULL, be_liar, &l), 0);
        call(w, (struct http_request){ 0 }, port, "/");
        assert_int_equal(w->answer.error, HTTP_E_BROKEN);
        assert_int_equal(pthread_join(thread, NULL), 0);
        (void)close(l.listener);
    }
}

/* The loop waits for a database between the call and its own next turn. */
static void call_late(struct world *w, struct http_request req)
{
    char url[64];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", http_server_port(w->server));
    req.url = url;
    req.method = "POST";
    w->seen_path[0] = '\0';
    assert_int_equal(http_call(w->client, &req, on_answer, w, NULL), 0);
    (void)usleep(100 * 1000);
    (void)loop_run(w->loop);
}

static void a_request_of_a_loop_that_was_busy_left_later_or_never(void **state)
{
    struct world *w = *state;

    call_late(w, (struct http_request){ .once = true });
    assert_int_equal(w->answer.error, HTTP_OK);
    assert_true(w->answer.sent_ms >= 100 && w->answer.sent_ms <= w->answer.took_ms);
    call_late(w, (struct http_request){ .once = true, .connect_timeout_ms = 50 });
    assert_int_equal(w->answer.error, HTTP_E_TIMEOUT);
    assert_int_equal(w->answer.sent_ms, -1);
    assert_string_equal(w->seen_path, ""); /* the server saw nothing of it */
}

static void each_failure_has_its_name(void **state)
{
    struct world *w = *state;
    int port;
    int fd = listener(&port);

    call(w, (struct http_request){ .timeout_ms = 100 }, port, "/");
    assert_int_equal(w->answer.error, HTTP_E_TIMEOUT);
    assert_int_equal(w->answer.status, 0);
    (void)close(fd);
    call(w, (struct http_request){ 0 }, port, "/");
    assert_int_equal(w->answer.error, HTTP_E_CONNECT);
    assert_int_equal(w->answer.sent_ms, -1); /* it never went out */
    assert_true(w->answer.detail[0] != '\0');
    call(w, (struct http_request){ 0 }, http_server_port(w->server), "/cut");
    assert_int_equal(w->answer.error, HTTP_E_BROKEN);
    call(w, (struct http_request){ .answer_bytes_max = 3 }, http_server_port(w->server), "/");
    assert_int_equal(w->answer.error, HTTP_E_TOO_BIG);
}

static void a_url_or_header_with_a_line_break_is_refused(void **state)
{
    struct world *w = *state;
    const struct http_request bad_url = { .method = "GET", .url = "http://127.0.0.1/\r\nX: y" };
    const struct http_request bad_header = { .method = "GET",
                                             .url = "http://127.0.0.1/",
                                             .headers = "A: b\rC: d\n" };
    const struct http_request ftp = { .method = "GET", .url = "file:///etc/passwd" };

    assert_int_equal(http_call(w->client, &bad_url, on_answer, w, NULL), -EINVAL);
    assert_int_equal(http_call(w->client, &bad_header, on_answer, w, NULL), -EINVAL);
    assert_int_equal(w->answers, 0);
    assert_int_equal(http_call(w->client, &ftp, on_answer, w, NULL), 0);
    (void)loop_run(w->loop);
    assert_int_equal(w->answer.error, HTTP_E_URL);
}

static void cancelling_is_told_once(void **state)
{
    struct world *w = *state;
    char url[64];
    const struct http_request req = { .method = "GET", .url = url };
    struct http_call *c;

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", http_server_port(w->server));
    w->hold = true;
    assert_int_equal(http_call(w->client, &req, on_answer, w, &c), 0);
    http_call_cancel(c);
    assert_int_equal(w->answers, 0); /* never before it returns */
    (void)loop_run(w->loop);
    assert_int_equal(w->answers, 1);
    assert_int_equal(w->answer.error, HTTP_E_CANCELLED);
    assert_int_equal(http_call(w->client, &req, on_answer, w, NULL),
                     0); /* this one is ended by the closing */
}

static void a_port_in_use_is_said(void **state)
{
    static const struct http_handlers handlers = { .on_request = on_request };
    struct world *w = *state;
    struct http_server *second;
    uint16_t port = http_server_port(w->server);

    assert_int_equal(
        http_server_open(w->loop, "127.0.0.1", port, -1, &http_limits_default, &handlers, w, &second),
        -EADDRINUSE);
    assert_int_equal(
        http_server_open(w->loop, "no such host", port, -1, &http_limits_default, &handlers, w, &second),
        -EINVAL);
}

static void without_memory_for_the_refusal_nothing_is_taken(void **state)
{
    static const char *const paths[] = { "/forbidden", "/allowed" };
    static char large[1001];
    struct world *w = *state;

    no_memory_for_answers = true;
    for (int i = 0; i < 2; i++) {
        struct str body = i == 0 ? STR_LIT("{}") : (struct str){ large, sizeof large };

        call(w, (struct http_request){ .method = "POST", .body = body }, http_server_port(w->server),
             paths[i]);
        assert_int_not_equal(w->answer.error, HTTP_OK);
        assert_int_equal(w->seen, 0);
    }
    no_memory_for_answers = false;
    call(w, (struct http_request){ .method = "POST", .body = STR_LIT("{}") }, http_server_port(w->server),
         "/allowed");
    assert_int_equal(w->answer.status, 200);
    assert_int_equal(w->seen, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_is_answered),
        TEST(a_retry_after_beyond_all_reason_is_a_month),
        TEST(each_call_is_as_it_was_asked_for),
        TEST(a_call_after_the_connection_was_closed_is_answered),
        TEST(a_request_may_be_answered_later),
        TEST(an_answer_just_before_the_closing_goes_out),
        TEST(a_held_request_does_not_stop_the_closing),
        TEST(too_large_a_body_is_413_and_the_connection_lives),
        TEST(a_chunked_body_has_the_same_limit),
        TEST(a_refusal_before_the_body_is_read),
        TEST(without_memory_for_the_refusal_nothing_is_taken),
        TEST(what_must_go_out_once_goes_out_once),
        TEST(an_answer_that_is_not_http_is_no_fault_of_the_url),
        TEST(each_failure_has_its_name),
        TEST(a_request_of_a_loop_that_was_busy_left_later_or_never),
        TEST(a_url_or_header_with_a_line_break_is_refused),
        TEST(cancelling_is_told_once),
        TEST(a_port_in_use_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
