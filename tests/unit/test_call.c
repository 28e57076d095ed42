/* The meaning of a bridge's answer to a reconnect call for the session; a claim that took too long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/bridge/drivers.h"
#include "common/reconnect/reconnect.h"
#include "common/store/store.h"
#include "services/reconnect-worker/call.h"
#include "services/reconnect-worker/startup.h"
#include "tests/unit/test_folder.h"

static void test_an_answer_counts_against_the_session_only_when_it_is_about_it(void **state)
{
    assert_int_equal(call_outcome(0), ATTEMPT_CALLED);
    assert_int_equal(call_outcome(BRIDGE_NO_ROUTE), ATTEMPT_NO_METHOD);
    assert_int_equal(call_outcome(BRIDGE_NO_ANSWER), ATTEMPT_BRIDGE_FAULT);
    assert_int_equal(call_outcome(BRIDGE_BROKEN), ATTEMPT_BRIDGE_FAULT);
    assert_int_equal(call_outcome(BRIDGE_GARBAGE), ATTEMPT_BRIDGE_FAULT);
    assert_int_equal(call_outcome(BRIDGE_UNAUTHORIZED), ATTEMPT_BRIDGE_FAULT); /* the key is wrong for all */
    assert_int_equal(call_outcome(BRIDGE_REFUSED), ATTEMPT_REFUSED);
}

static int over;

static void on_over(struct worker_bridge *b)
{
    over++;
}

/* A worker that was stopped between claim and call: by the time it goes on another one may have the session. */
static void test_a_claim_that_took_too_long_is_not_called_for(void **state)
{
    char dir[] = "/tmp/zk-call-XXXXXX", data_dir[64], command[64];
    char program[] = "x", quiet[] = "--log=error", no_admin[] = "--admin-listen=off",
         url[] = "--whatsapp-api-url=http://127.0.0.1:1", driver[] = "--whatsapp-bridge=contract";
    char *argv[] = { program, quiet, no_admin, url, driver, data_dir, NULL };
    struct claim claim = { .session = "s1", .token = 1 };
    static struct worker w = WORKER_NULL;
    struct worker_bridge *b;
    int64_t now;

    assert_non_null(test_folder(dir));
    (void)snprintf(data_dir, sizeof data_dir, "--data-dir=%s", dir);
    assert_int_equal(worker_open(&w, APP_START(6, argv)), 0);
    b = container_of(w.bridges.next, struct worker_bridge, link);
    b->driver = bridge_driver_find("contract");
    now = app_clock(w.app)->boot_ms(app_clock(w.app));
    call_start(b, &claim, now - b->settings->policy.policy.sent_ms, on_over);
    assert_int_equal(over, 1); /* at once: nothing was sent, and the end of the attempt is recorded */
    assert_int_equal(b->n_calls, 0);
    call_start(b, &claim, now, on_over);
    assert_int_equal(b->n_calls, 1);
    w.closing = true;
    worker_close(&w);
    assert_int_equal(app_close(w.app, 0), 0);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a folder of our own */
}

/* ---- the time of the request ------------------------------------------------------------------ */

#define STOPPED_MS 1000

/* The machine's clock, of a process that is stopped for stop_ms just before the reading number @until. */
static struct jumping {
    struct clock clock, real; /* the first is handed out */
    int until;
    int64_t stop_ms, ahead_ms;
} jumping;

static int64_t jumping_wall_ms(struct clock *c)
{
    return jumping.real.wall_ms(&jumping.real) + jumping.ahead_ms;
}

static int64_t jumping_boot_ms(struct clock *c)
{
    if (jumping.until > 0 && --jumping.until == 0)
        jumping.ahead_ms += jumping.stop_ms;
    return jumping.real.boot_ms(&jumping.real) + jumping.ahead_ms;
}

/* A bridge that takes one request and accepts it. */
static void *answer_one(void *listener)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n"
                                 "Connection: close\r\n\r\n{\"success\":true}";
    int fd = accept(*(int *)listener, NULL, NULL);
    char request[4096];

    if (fd < 0 || read(fd, request, sizeof request) <= 0 || write(fd, answer, sizeof answer - 1) < 0)
        abort();
    (void)close(fd);
    return NULL;
}

static int listen_on_loopback(uint16_t *ret_port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, n) == 0 && listen(fd, 1) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

/* A session that is down on a bridge that is well; an operator has asked for an attempt, and it is claimed. */
static struct claim claimed_session(struct db *db, struct rng *rng)
{
    const struct policy *p = &policy_default;
    struct session_row row = { .bridge = "main", .id = "s1", .state = SESSION_DISCONNECTED };
    struct claim_options o = { .policy = p, .bridge = "main", .worker = "w1", .max = 1 };
    struct retry_verdict verdict;
    struct claims claims = { 0 };
    struct now now;

    assert_int_equal(steady_now(db, &jumping.clock, &now), 0);
    assert_int_equal(reconnect_set_policy(db, "main", p), 0);
    assert_int_equal(bridges_set_driver(db, "main", "contract"), 0);
    assert_int_equal(reconnect_set_bridge_health(db, &now, "main", BRIDGE_HEALTH_UP, ""), 0);
    assert_int_equal(bridges_set_swept(db, &now, "main", now.steady_ms, 3600 * INT64_C(1000)), 0);
    assert_int_equal(sessions_save(db, &row), 0);
    assert_int_equal(reconnect_ask(db, p, &now, "main", "s1", true, &verdict), 0);
    assert_int_equal(reconnect_claim(db, &jumping.clock, rng, &o, &claims), 0);
    assert_int_equal(claims.n, 1);
    return claims.claim[0];
}

static void on_over_end(struct worker_bridge *b)
{
    loop_stop(app_loop(b->worker->app));
}

/* A worker of one bridge in a folder of its own, whose state.db has one session that it has claimed. */
struct scene {
    char dir[32], data_dir[64], url[64];
    struct worker w;
    struct worker_bridge *bridge;
    struct db *db;
    struct rng rng;
    struct claim claim;
};

static void open_scene(struct scene *s, uint16_t port, char *hook)
{
    char program[] = "x", quiet[] = "--log=error", no_admin[] = "--admin-listen=off",
         driver[] = "--whatsapp-bridge=contract";
    char *argv[] = { program, quiet, no_admin, s->url, driver, s->data_dir, hook, NULL };

    *s = (struct scene){ .w = WORKER_NULL };
    jumping = (struct jumping){ .stop_ms = STOPPED_MS };
    clock_init(&jumping.real);
    jumping.clock = jumping.real;
    jumping.clock.wall_ms = jumping_wall_ms;
    jumping.clock.boot_ms = jumping_boot_ms;
    rng_init(&s->rng, 1);
    (void)snprintf(s->dir, sizeof s->dir, "/tmp/zk-call-XXXXXX");
    assert_non_null(test_folder(s->dir));
    (void)snprintf(s->data_dir, sizeof s->data_dir, "--data-dir=%s", s->dir);
    (void)snprintf(s->url, sizeof s->url, "--whatsapp-api-url=http://127.0.0.1:%u", port);
    assert_int_equal(db_open_state(s->dir, &s->db), 0);
    s->claim = claimed_session(s->db, &s->rng);
    assert_int_equal(
        worker_open(&s->w,
                    &(const struct app_start){ .argc = hook ? 7 : 6, .argv = argv, .clock = &jumping.clock }),
        0);
    s->bridge = container_of(s->w.bridges.next, struct worker_bridge, link);
    s->bridge->driver = bridge_driver_find("contract");
}

/* The attempt, until its end is recorded. */
static struct reconnect_row call_to_its_end(struct scene *s)
{
    struct reconnect_row row = { 0 };

    call_start(s->bridge, &s->claim, jumping.real.boot_ms(&jumping.real), on_over_end);
    assert_int_equal(s->bridge->n_calls, 1);
    assert_int_equal(loop_run(app_loop(s->w.app)), 0);
    assert_int_equal(reconnects_find(s->db, "main", "s1", &row), 0);
    return row;
}

static void close_scene(struct scene *s)
{
    s->w.closing = true;
    worker_close(&s->w);
    assert_int_equal(app_close(s->w.app, 0), 0);
    db_close(s->db);
}

/* Spacing counts from the moment at which the request left, at the latest: not from the one at which it was made. */
static void test_a_worker_that_is_stopped_while_it_sends_records_the_later_time(void **state)
{
    static struct scene s;
    struct reconnect_row row;
    pthread_t bridge;
    uint16_t port;
    int listener = listen_on_loopback(&port);

    assert_int_equal(pthread_create(&bridge, NULL, answer_one, &listener), 0);
    open_scene(&s, port, NULL);
    jumping.until = 2; /* after the time that is left was reckoned */
    row = call_to_its_end(&s);
    assert_true(row.retry.last_sent >= s.claim.claimed_at + STOPPED_MS);
    assert_int_equal(pthread_join(bridge, NULL), 0);
    close_scene(&s);
    (void)close(listener);
}

/* … and one that is stopped there for so long that its claim may be over lets the request go before it has left. */
static void test_a_worker_that_is_stopped_for_long_before_it_sends_does_not_send(void **state)
{
    static struct scene s;
    struct pollfd asked = { .events = POLLIN };
    struct reconnect_row row;
    uint16_t port;
    int listener = listen_on_loopback(&port);

    open_scene(&s, port, NULL);
    jumping.stop_ms = s.bridge->settings->policy.policy.sent_ms;
    jumping.until = 2;
    row = call_to_its_end(&s);
    assert_int_equal(row.retry.last_sent, s.claim.claimed_at); /* as of an attempt that never left */
    asked.fd = listener;
    assert_int_equal(poll(&asked, 1, 0), 0); /* the bridge was not even connected to */
    close_scene(&s);
    (void)close(listener);
}

/* A bridge that was restarted takes a minute to log its sessions in; until then another restart would be one too many. */
static void test_a_restarted_bridge_has_longer_than_a_called_one(void **state)
{
    static struct scene s;
    char hook[] = "--reconnect-hook=exec:/bin/true";
    struct reconnect_row row;

    open_scene(&s, 1, hook);
    s.bridge->by_hook = true;
    row = call_to_its_end(&s);
    assert_int_equal(row.retry.phase, RETRY_VERIFYING);
    assert_true(row.retry.verify_until >= s.claim.claimed_at + 2 * policy_default.verify_ms);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_counts_against_the_session_only_when_it_is_about_it),
        cmocka_unit_test(test_a_claim_that_took_too_long_is_not_called_for),
        cmocka_unit_test(test_a_worker_that_is_stopped_while_it_sends_records_the_later_time),
        cmocka_unit_test(test_a_worker_that_is_stopped_for_long_before_it_sends_does_not_send),
        cmocka_unit_test(test_a_restarted_bridge_has_longer_than_a_called_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
