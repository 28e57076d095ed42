/*
 * Whole services whose memory runs out: each allocation of a start, of the work and of the end fails once, in a process of
 * its own. The service goes on, or ends with an exit code and a reason; it leaks nothing; an event that it has acknowledged
 * is there, and one that it has not is delivered by the next start.
 */
#include "tests/unit/cmocka_all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/digest.h"
#include "common/store/events.h"
#include "common/store/events_log.h"
#include "common/store/sqlite/backup.h"
#include "common/store/store.h"
#include "services/bus-hub/hub.h"
#include "services/forwarder/forwarder.h"
#include "services/monitor/monitor.h"
#include "services/reconnect-worker/startup.h"
#include "services/webhook-ingest/ingest.h"
#include "tests/unit/memory_door.h"

/* Points of a service that are tried, spread over all of its allocations; or as many as ZK_TEST_POINTS says. */
#define POINTS 16
/* A service that does not end by itself is a finding. */
#define PATIENCE_S 30
/* A service that is idle for so long has done all that it will do. */
#define QUIET_MS 150
/* Runs without a fault, for the blocks that a library keeps for good. */
#define GOOD_RUNS 3

static char dir[64];

/* Between the service's process and the test. */
static struct shared {
    atomic_int deliveries; /* requests that the server has answered */
    atomic_int answered;   /* the status that the sender got, 0: none */
    atomic_long used;      /* allocations of a run without a fault */
    atomic_int over;       /* the service has ended: its helpers stop */
    atomic_long kept;      /* blocks that are allocated at the end of it */
} * shared;

/* ---- a server for bridge and backend ---------------------------------------------------------- */

static uint16_t server_port, ingest_port;

static int listen_on_any(uint16_t *ret_port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 64) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

/* Any request gets a list with one session that is connected; a request with a body is a delivery. */
static void serve_one(int fd)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                                 "Content-Length: 34\r\n\r\n[{\"id\":\"s1\",\"status\":\"connected\"}]";
    char request[8192];
    ssize_t n = recv(fd, request, sizeof request - 1, 0);

    request[n > 0 ? n : 0] = '\0';
    (void)send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
    if (strncmp(request, "POST /hook", 10) == 0)
        atomic_fetch_add(&shared->deliveries, 1);
    (void)close(fd);
}

static void *serve(void *ctx)
{
    int listener = *(int *)ctx, fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        serve_one(fd);
    return NULL;
}

/* ---- helpers in the service's process ---------------------------------------------------------- */

static void sleep_ms(int ms)
{
    (void)usleep((useconds_t)ms * 1000);
}

/* Again, because a service that has not begun to run takes no notice. */
static void end_service(void)
{
    while (!atomic_load(&shared->over)) {
        (void)kill(getpid(), SIGTERM);
        sleep_ms(20);
    }
}

static int post_once(void)
{
    static const char request[] =
        "POST /api/v1/messages/webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer token\r\n"
        "Content-Length: 71\r\n\r\n"
        "{\"eventType\":\"message.received\",\"sessionId\":\"s1\",\"data\":{\"messageId\":1}}";
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(ingest_port) };
    struct timeval limit = { .tv_sec = 2 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), status = 0;
    char answer[512] = "";

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
        send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0 &&
        recv(fd, answer, sizeof answer - 1, 0) > 12)
        status = (int)strtol(answer + 9, NULL, 10);
    (void)close(fd);
    return status;
}

/* As a sender does: again, until it is taken. */
static void *post(void *ctx)
{
    for (int i = 0; i < 8 && !atomic_load(&shared->over) && atomic_load(&shared->answered) != 200; i++) {
        atomic_store(&shared->answered, post_once());
        sleep_ms(20);
    }
    end_service();
    return NULL;
}

static void *wait_for_delivery(void *ctx)
{
    for (int ms = 0; ms < 3 * QUIET_MS && !atomic_load(&shared->over) && !atomic_load(&shared->deliveries);
         ms += 10)
        sleep_ms(10);
    sleep_ms(20);
    end_service();
    return NULL;
}

static void *wait_a_while(void *ctx)
{
    for (int ms = 0; ms < QUIET_MS && !atomic_load(&shared->over); ms += 10)
        sleep_ms(10);
    end_service();
    return NULL;
}

/* ---- the services ------------------------------------------------------------------------------ */

static char program[] = "x", quiet[] = "--log=error", no_admin[] = "--admin-listen=off",
            driver[] = "--whatsapp-bridge=contract", token[] = "--webhook-auth-token=token",
            from[] = "--forward-from=beginning",
            soon[] = "--forward-retry-schedule=0s,20ms,20ms,20ms,20ms,20ms,20ms";
static char data_dir[96], bridge_url[64], backend_url[64], listen_at[64];
static char *const bridge_argv[] = { program, quiet, data_dir, no_admin, driver, bridge_url, NULL };

static int run_ingest(void)
{
    char *const argv[] = { program, quiet, data_dir, token, listen_at, NULL };
    static struct ingest in = INGEST_NULL;
    int r = ingest_open(&in, APP_START(5, argv));

    if (r == 0)
        r = app_run(in.app);
    ingest_close(&in);
    return app_close(in.app, r);
}

static int run_hub(void)
{
    char *const argv[] = { program, quiet, data_dir, no_admin, NULL };
    static struct hub hub = HUB_NULL;
    int r = hub_open(&hub, APP_START(4, argv));

    if (r == 0)
        r = app_run(hub.app);
    hub_close(&hub);
    return app_close(hub.app, r);
}

static int run_forwarder(void)
{
    char *const argv[] = { program, quiet, data_dir, no_admin, from, soon, backend_url, NULL };
    struct forwarder *f = NULL;
    int r = forwarder_open(APP_START(7, argv), &f);

    if (r == 0)
        r = forwarder_run(f);
    return forwarder_close(f, r);
}

static int run_monitor(void)
{
    struct monitor *m = NULL;
    int r = monitor_open(APP_START(6, bridge_argv), &m);

    if (r == 0)
        r = app_run(monitor_app(m));
    return monitor_close(m, r);
}

static int run_worker(void)
{
    static struct worker w = WORKER_NULL;
    int r = worker_open(&w, APP_START(6, bridge_argv));

    if (r == 0)
        r = app_run(w.app);
    worker_close(&w);
    return app_close(w.app, r);
}

/* ---- one run ----------------------------------------------------------------------------------- */

struct service {
    int (*run)(void);
    void *(*helper)(void *ctx); /* does the service's work, and ends it by SIGTERM */
};

static void be_the_service(const struct service *s, long n)
{
    long before = mem_live();
    pthread_t helper;
    int code;

    (void)alarm(PATIENCE_S);
    (void)signal(SIGTERM, SIG_IGN); /* until the service handles it, and after its end */
    if (pthread_create(&helper, NULL, s->helper, NULL) != 0)
        _exit(98);
    mem_fail_once_after(n);
    code = s->run();
    (void)signal(SIGTERM, SIG_IGN);
    atomic_store(&shared->over, 1);
    atomic_store(&shared->used, mem_has_failed() ? 0 : 1);
    mem_fail_after(-1);
    (void)pthread_join(helper, NULL);
    atomic_store(&shared->kept, mem_live() - before);
    _exit(code);
}

static long kept; /* by a run without a fault */

/* Returns its exit code. */
static int run_in_a_process(const struct service *s, long n)
{
    int status = 0;
    pid_t pid;

    atomic_store(&shared->answered, 0);
    atomic_store(&shared->over, 0);
    atomic_store(&shared->used, 0);
    atomic_store(&shared->kept, 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        be_the_service(s, n);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    /* libuv gives the signal back to its default at the end: one more of the helper's may come just then. */
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM)
        return 0;
    if (WIFSIGNALED(status))
        fail_msg("allocation %ld: ended by signal %d", n, WTERMSIG(status));
    if (n >= 0 && atomic_load(&shared->kept) > kept)
        fail_msg("allocation %ld: %ld blocks leaked", n, atomic_load(&shared->kept) - kept);
    if (WEXITSTATUS(status) > 3)
        fail_msg("allocation %ld: exit code %d", n, WEXITSTATUS(status));
    return WEXITSTATUS(status);
}

/* ---- all points of a service ------------------------------------------------------------------- */

static void empty_folder(void)
{
    char command[128];

    (void)snprintf(command, sizeof command, "rm -rf %s/*", dir);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a folder of our own */
}

/* How many allocations a whole run makes: the first power of two that is not reached, then halves. */
static long count_allocations(const struct service *s, void (*prepare)(void))
{
    long low = 0, high = 256;

    kept = 0;
    for (int i = 0; i < GOOD_RUNS; i++) {
        prepare();
        assert_int_equal(run_in_a_process(s, -1), 0);
        kept = atomic_load(&shared->kept) > kept ? atomic_load(&shared->kept) : kept;
    }

    for (;; high *= 2) {
        prepare();
        (void)run_in_a_process(s, high);
        if (atomic_load(&shared->used))
            break;
        low = high;
    }
    while (high - low > 64) {
        long middle = (low + high) / 2;

        prepare();
        (void)run_in_a_process(s, middle);
        if (atomic_load(&shared->used))
            high = middle;
        else
            low = middle;
    }
    return high;
}

static void try_all(const struct service *s, void (*prepare)(void), void (*check)(int code))
{
    const char *asked = getenv("ZK_TEST_POINTS");
    long total = count_allocations(s, prepare);
    long step = total / (asked ? strtol(asked, NULL, 10) : POINTS) + 1;

    if (getenv("ZK_TEST_TALK"))
        print_message("%ld allocations, %ld kept\n", total, kept);
    for (long n = 0; n < total; n += step) {
        prepare();
        check(run_in_a_process(s, n));
    }
}

/* ---- what must hold ---------------------------------------------------------------------------- */

static int count_events(void)
{
    CLEANUP(event_rows_fini) struct event_rows rows = EVENT_ROWS_NULL;
    struct event_reader *reader = NULL;
    int n = 0;

    if (event_reader_open(dir, &reader) == 0 && event_read(reader, 1, NULL, EVENT_READ_ROWS_MAX, &rows) == 0)
        n = rows.n;
    event_reader_close(reader);
    return n;
}

static void acknowledged_is_stored(int code)
{
    int n = count_events();

    assert_true(n <= 1); /* a retry is no second event */
    assert_true(n == 1 || atomic_load(&shared->answered) != 200);
}

static void ingest_without_memory(void **state)
{
    static const struct service s = { run_ingest, post };

    try_all(&s, empty_folder, acknowledged_is_stored);
}

static void nothing_more(int code)
{
}

static void hub_without_memory(void **state)
{
    static const struct service s = { run_hub, wait_a_while };

    try_all(&s, empty_folder, nothing_more);
}

static void store_an_event(void)
{
    uint8_t digest[SHA256_BYTES];
    struct event_new e = { .at = 1800000000000,
                           .type = STR_LIT("message.received"),
                           .bridge = STR_LIT("main"),
                           .session = STR_LIT("s1"),
                           .message_id = STR_LIT("m1"),
                           .body = STR_LIT("{}"),
                           .key_digest = digest };
    struct event_log *l = NULL;
    int64_t pid = 0, seq = 0;

    empty_folder();
    atomic_store(&shared->deliveries, 0);
    (void)digest_sha256("m1", 2, digest);
    assert_int_equal(event_log_open(dir, &l, &pid), 0);
    assert_int_equal(event_log_begin(l), 0);
    assert_int_equal(event_log_append(l, &e, &seq), 0);
    assert_int_equal(event_log_commit(l), 0);
    event_log_close(l);
}

static const struct service forwarder = { run_forwarder, wait_for_delivery };

/* By the next starts: it may wait for its next try, and on a busy machine a start may be over before it delivers. */
static void it_is_delivered_in_the_end(int code)
{
    for (int i = 0; i < 5 && atomic_load(&shared->deliveries) == 0; i++)
        assert_int_equal(run_in_a_process(&forwarder, -1), 0);
    assert_true(atomic_load(&shared->deliveries) > 0);
}

static void forwarder_without_memory(void **state)
{
    try_all(&forwarder, store_an_event, it_is_delivered_in_the_end);
}

static void state_is_whole(int code)
{
    struct db *db = NULL;

    assert_int_equal(db_open_state(dir, &db), 0);
    assert_int_equal(db_quick_check(db), 0);
    db_close(db);
}

static void monitor_without_memory(void **state)
{
    static const struct service s = { run_monitor, wait_a_while };

    try_all(&s, empty_folder, state_is_whole);
}

static void worker_without_memory(void **state)
{
    static const struct service s = { run_worker, wait_a_while };

    try_all(&s, empty_folder, state_is_whole);
}

/* ---- open and close ---------------------------------------------------------------------------- */

static int open_world(void **state)
{
    static pthread_t server;
    static int listener;

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    (void)snprintf(dir, sizeof dir, "%s/zk_oom_XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (shared == MAP_FAILED || !mkdtemp(dir))
        return -1;
    (void)close(listen_on_any(&ingest_port));
    listener = listen_on_any(&server_port);
    (void)snprintf(data_dir, sizeof data_dir, "--data-dir=%s", dir);
    (void)snprintf(listen_at, sizeof listen_at, "--ingest-listen=127.0.0.1:%u", ingest_port);
    (void)snprintf(bridge_url, sizeof bridge_url, "--whatsapp-api-url=http://127.0.0.1:%u", server_port);
    (void)snprintf(backend_url, sizeof backend_url, "--backend-url=http://127.0.0.1:%u/hook", server_port);
    if (pthread_create(&server, NULL, serve, &listener) != 0)
        return -1;
    return memory_door_open();
}

static int close_world(void **state)
{
    empty_folder();
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ingest_without_memory),    cmocka_unit_test(hub_without_memory),
        cmocka_unit_test(forwarder_without_memory), cmocka_unit_test(monitor_without_memory),
        cmocka_unit_test(worker_without_memory),
    };

    return cmocka_run_group_tests(tests, open_world, close_world);
}
