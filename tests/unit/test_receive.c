/* Who may write into the event log: webhook-ingest as it ships, over a socket. */
#include "tests/unit/cmocka_all.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/store/store.h"
#include "services/webhook-ingest/ingest.h"
#include "tests/unit/test_folder.h"

#define LOOK_MS 1
/* A server that does not answer is a finding. */
#define PATIENCE_S 20
#define HOOK       "/api/v1/messages/webhook"

/* Requests with a body of their own each. */
static const struct {
    const char *method, *path, *auth;
    int want;
} cases[] = {
    { "POST", HOOK, "", 401 },
    { "POST", HOOK, "Authorization: Bearer wrong\r\n", 401 },
    { "POST", HOOK, "Authorization: Bearer \r\n", 401 },
    { "POST", HOOK, "Authorization: Bearer token\r\n", 200 },
    { "POST", HOOK, "Authorization: Bearer token2\r\n", 401 },
    { "POST", "/elsewhere", "Authorization: Bearer token\r\n", 404 },
    { "POST", "/elsewhere", "", 404 },
    { "PUT", HOOK, "Authorization: Bearer token\r\n", 405 },
    { "PUT", HOOK, "", 405 },
    { "POST", HOOK, "Authorization: Bearer token\r\n", 200 },
};

static struct {
    uint16_t port;
    int got[ARRAY_LEN(cases)];
    atomic_bool over;
    struct app *app;
    struct timer *look;
} t;

/* ---- the sender, a thread --------------------------------------------------------------------- */

static int send_one(size_t i)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(t.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const struct timeval patience = { .tv_sec = PATIENCE_S };
    char request[1024], body[128], answer[1024] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), status = -1;

    (void)snprintf(body, sizeof body,
                   "{\"sessionId\":\"s1\",\"eventType\":\"message.received\",\"data\":%zu}", i);
    (void)snprintf(request, sizeof request,
                   "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Type: application/json\r\n%s"
                   "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                   cases[i].method, cases[i].path, t.port, cases[i].auth, strlen(body), body);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
        send(fd, request, strlen(request), MSG_NOSIGNAL) > 0 && recv(fd, answer, sizeof answer - 1, 0) > 0)
        (void)sscanf(answer, "HTTP/1.1 %d", &status);
    (void)close(fd);
    return status;
}

static void *send_all(void *ctx)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        t.got[i] = send_one(i);
    t.over = true;
    return NULL;
}

static void on_look(void *ctx)
{
    if (t.over)
        loop_stop(app_loop(t.app));
    else
        timer_start(t.look, LOOK_MS);
}

/* ---- the test -------------------------------------------------------------------------------- */

static int64_t events_in(const char *dir)
{
    struct event_log *log = NULL;
    int64_t pid, head;

    assert_int_equal(event_log_open(dir, &log, &pid), 0);
    head = event_log_head(log);
    event_log_close(log);
    return head;
}

static void nobody_writes_without_the_token(void **state)
{
    char dir[] = "/tmp/zk-receive-XXXXXX", data_dir[64];
    char program[] = "x", quiet[] = "--log=error", token[] = "--webhook-auth-token=token",
         listen_at[] = "--ingest-listen=127.0.0.1:0";
    char *argv[] = { program, quiet, data_dir, token, listen_at, NULL };
    static struct ingest in = INGEST_NULL;
    pthread_t sender;
    int64_t taken = 0;

    assert_non_null(test_folder(dir));
    (void)snprintf(data_dir, sizeof data_dir, "--data-dir=%s", dir);
    assert_int_equal(ingest_open(&in, APP_START(5, argv)), 0);
    t.app = in.app;
    t.port = http_server_port(in.server);
    assert_int_equal(timer_open(app_loop(in.app), on_look, NULL, &t.look), 0);
    timer_start(t.look, LOOK_MS);
    assert_int_equal(pthread_create(&sender, NULL, send_all, NULL), 0);
    assert_int_equal(loop_run(app_loop(in.app)), 0);
    assert_int_equal(pthread_join(sender, NULL), 0);
    timer_close(t.look);
    ingest_close(&in);
    assert_int_equal(app_close(in.app, 0), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (t.got[i] != cases[i].want)
            fail_msg("%s %s %s: %d, not %d", cases[i].method, cases[i].path, cases[i].auth, t.got[i],
                     cases[i].want);
        taken += cases[i].want == 200;
    }
    assert_int_equal(events_in(dir), taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(nobody_writes_without_the_token) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
