/*
 * Whole services whose memory runs out: each allocation of a start, of the work and of the end fails once, in a process of
 * its own. The service goes on, or ends with an exit code and a reason; it leaks nothing; an event that it has acknowledged
 * is there, and one that it has not is delivered by the next start.
 *
 * A run tries a few points a service, other ones each day. ZK_TEST_POINTS=1200 tries that many (more than there are: all),
 * ZK_TEST_POINT=N one alone, and an argument names the services: test_out_of_memory_services 'console*'.
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/digest.h"
#include "common/store/access.h"
#include "common/store/events.h"
#include "common/store/events_log.h"
#include "common/store/sessions.h"
#include "common/store/sqlite/backup.h"
#include "common/store/store.h"
#include "services/bus-hub/hub.h"
#include "services/console/console.h"
#include "services/forwarder/forwarder.h"
#include "services/monitor/monitor.h"
#include "services/reconnect-worker/startup.h"
#include "services/webhook-ingest/ingest.h"
#include "tests/unit/memory_door.h"
#include "tests/unit/test_folder.h"

/* Points of a service that are tried, spread over all of its allocations. */
#define POINTS 8
/* A service that does not end by itself is a finding. */
#define PATIENCE_S 30
/* A service that is idle for so long has done all that it will do. */
#define QUIET_MS 150
/* Runs without a fault, for the blocks that a library keeps for good. */
#define GOOD_RUNS 3
/* So many more before blocks that are alive at the end are a leak. */
#define GOOD_RUNS_MAX 10
/* More allocations than a run makes. */
#define COUNT_FROM 1000000000L
/* Of a service's output, for a finding. */
#define OUTPUT_MAX 6000

static char dir[64];

/* Between the service's process and the test. */
static struct shared {
    atomic_int deliveries; /* requests that the server has answered */
    atomic_int answered;   /* the status that the sender got, 0: none */
    atomic_long used;      /* allocations of a run without a fault */
    atomic_int tokens;     /* the console has answered 201 */
    atomic_int over;       /* the service has ended: its helpers stop */
    atomic_long kept;      /* blocks that are allocated at the end of it */
} * shared;

/* ---- a server for bridge and backend ---------------------------------------------------------- */

static uint16_t server_port, ingest_port, console_port;

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

/* Returns the status of the answer, of which ret_answer gets the beginning; 0: none came. */
static int ask(uint16_t port, const char *request, char *ret_answer, size_t n)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(port) };
    struct timeval limit = { .tv_sec = 2 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), status = 0;
    ssize_t got;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
        send(fd, request, strlen(request), MSG_NOSIGNAL) > 0 && (got = recv(fd, ret_answer, n - 1, 0)) > 12) {
        ret_answer[got] = '\0';
        status = (int)strtol(ret_answer + 9, NULL, 10);
    }
    (void)close(fd);
    return status;
}

static int post_once(void)
{
    char answer[512];

    return ask(ingest_port,
               "POST /api/v1/messages/webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer token\r\n"
               "Content-Length: 71\r\n\r\n"
               "{\"eventType\":\"message.received\",\"sessionId\":\"s1\",\"data\":{\"messageId\":1}}",
               answer, sizeof answer);
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

/* ---- somebody at the console ------------------------------------------------------------------- */

static char cookie[80], csrf[80];

/* The word behind @label, up to @end. */
static void cut_out(const char *text, const char *label, char end, char ret[80])
{
    const char *at = strstr(text, label), *last = at ? strchr(at + strlen(label), end) : NULL;

    ret[0] = '\0';
    if (last)
        (void)snprintf(ret, 80, "%.*s", (int)(last - at - (ptrdiff_t)strlen(label)), at + strlen(label));
}

static int ask_console(const char *method, const char *path, const char *body, char *ret_answer, size_t n)
{
    char request[1024];

    (void)snprintf(request, sizeof request,
                   "%s /api/v1%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nOrigin: http://127.0.0.1:%u\r\n"
                   "Cookie: zapkeep_session=%s\r\nX-CSRF-Token: %s\r\nContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                   method, path, console_port, console_port, cookie, csrf, strlen(body), body);
    return ask(console_port, request, ret_answer, n);
}

/* By the one-time URL, as soon as it is there; a login that fails is tried again, as a person would. */
static bool log_in(void)
{
    char path[96], line[400] = "", ticket[80], body[128], answer[4096];
    FILE *f = NULL;

    (void)snprintf(path, sizeof path, "%s/console-url", dir);
    for (int ms = 0; ms < 10 * QUIET_MS && !atomic_load(&shared->over) && !strchr(line, '\n'); ms += 10) {
        sleep_ms(10);
        f = fopen(path, "re");
        if (f && !fgets(line, sizeof line, f))
            line[0] = '\0';
        if (f)
            (void)fclose(f);
    }
    cut_out(line, "ticket=", '\n', ticket);
    (void)snprintf(body, sizeof body, "{\"ticket\":\"%s\"}", ticket);
    for (int i = 0; i < 3 && ticket[0]; i++) {
        if (ask_console("POST", "/login", body, answer, sizeof answer) != 200)
            continue;
        cut_out(answer, "zapkeep_session=", ';', cookie);
        cut_out(answer, "\"csrf\":\"", '"', csrf);
        return true;
    }
    return false;
}

static void *use_console(void *ctx)
{
    static const char *const pages[] = { "/me",
                                         "/overview",
                                         "/sessions",
                                         "/sessions/main/s1",
                                         "/sessions/main/s1/timeline",
                                         "/sessions/main/s1/activity",
                                         "/events",
                                         "/events/1",
                                         "/delivery",
                                         "/alerts",
                                         "/alerts/history",
                                         "/bridges",
                                         "/doctor",
                                         "/audit",
                                         "/tokens",
                                         "/stream" };
    char answer[4096];

    if (log_in()) {
        for (size_t i = 0; i < ARRAY_LEN(pages); i++)
            (void)ask_console("GET", pages[i], "", answer, sizeof answer);
        (void)ask_console("POST", "/sessions/actions",
                          "{\"action\":\"park\",\"sessions\":[{\"bridge\":\"main\",\"session\":\"s1\"}]}",
                          answer, sizeof answer);
        if (ask_console("POST", "/tokens", "{\"name\":\"script\",\"role\":\"viewer\"}", answer,
                        sizeof answer) == 201)
            atomic_fetch_add(&shared->tokens, 1);
    }
    end_service();
    return NULL;
}

/* ---- the services ------------------------------------------------------------------------------ */

static char program[] = "x", quiet[] = "--log=error", no_admin[] = "--admin-listen=off",
            driver[] = "--whatsapp-bridge=contract", token[] = "--webhook-auth-token=token",
            from[] = "--forward-from=beginning",
            soon[] = "--forward-retry-schedule=0s,20ms,20ms,20ms,20ms,20ms,20ms";
static char data_dir[96], bridge_url[64], backend_url[64], listen_at[64], console_at[64];
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

static int run_console(void)
{
    static const struct assets no_files = { NULL, 0 };
    char *const argv[] = { program, no_admin, data_dir, bridge_url, console_at, NULL };
    struct console *x = NULL;
    int r = console_open(APP_START(5, argv), &no_files, &x);

    if (r == 0)
        r = console_run(x);
    return console_close(x, r);
}

/* ---- one run ----------------------------------------------------------------------------------- */

struct service {
    int (*run)(void);
    void *(*helper)(void *ctx); /* does the service's work, and ends it by SIGTERM */
};

static int output; /* of the service: a file without a name */

static void be_the_service(const struct service *s, long n)
{
    long before = mem_live();
    pthread_t helper;
    int code;

    (void)alarm(PATIENCE_S);
    (void)signal(SIGTERM, SIG_IGN); /* until the service handles it, and after its end */
    if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0 ||
        pthread_create(&helper, NULL, s->helper, NULL) != 0)
        _exit(98);
    mem_fail_once_after(n >= 0 ? n : COUNT_FROM);
    code = s->run();
    (void)signal(SIGTERM, SIG_IGN);
    atomic_store(&shared->over, 1);
    atomic_store(&shared->used, COUNT_FROM - mem_fail_left());
    mem_fail_after(-1);
    (void)pthread_join(helper, NULL);
    atomic_store(&shared->kept, mem_live() - before);
    _exit(code);
}

static long kept; /* by a run without a fault */
static int findings;

static void find(long n, const char *text, long value)
{
    char seen[OUTPUT_MAX + 1];
    ssize_t got = pread(output, seen, OUTPUT_MAX, 0);

    seen[got > 0 ? got : 0] = '\0';
    print_error("allocation %ld: %s %ld\n%s\n", n, text, value, seen);
    findings++;
}

static void prepare_process(void)
{
    atomic_store(&shared->answered, 0);
    atomic_store(&shared->over, 0);
    atomic_store(&shared->kept, 0);
    atomic_store(&shared->tokens, 0);
    assert_int_equal(ftruncate(output, 0), 0);
    assert_int_equal(lseek(output, 0, SEEK_SET), 0);
}

/* Returns its exit code. */
static int run_in_a_process(const struct service *s, long n)
{
    struct stat st = { 0 };
    int status = 0;
    pid_t pid;

    prepare_process();
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        be_the_service(s, n);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    /* libuv gives the signal back to its default at the end: one more of the helper's may come just then. */
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM)
        return 0;
    (void)fstat(output, &st);
    if (WIFSIGNALED(status))
        find(n, "ended by signal", WTERMSIG(status));
    else if (WEXITSTATUS(status) > 3)
        find(n, "exit code", WEXITSTATUS(status));
    else if (WEXITSTATUS(status) > 0 && st.st_size == 0)
        find(n, "no reason is given for exit code", WEXITSTATUS(status));
    return WIFSIGNALED(status) ? EXIT_FAILURE : WEXITSTATUS(status);
}

/* ---- all points of a service ------------------------------------------------------------------- */

static void empty_folder(void)
{
    char command[128];

    (void)snprintf(command, sizeof command, "rm -rf %s/*", dir);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a folder of our own */
}

static void run_well(const struct service *s)
{
    int code = run_in_a_process(s, -1);

    if (code != 0)
        find(-1, "without a fault: exit code", code);
    assert_int_equal(code, 0);
}

static void measure_kept(const struct service *s, void (*prepare)(void))
{
    prepare();
    run_well(s);
    kept = atomic_load(&shared->kept) > kept ? atomic_load(&shared->kept) : kept;
}

/* How many allocations a whole run makes, and how many blocks libraries keep. */
static long count_allocations(const struct service *s, void (*prepare)(void))
{
    long total = 0;

    kept = 0;
    for (int i = 0; i < GOOD_RUNS; i++) {
        measure_kept(s, prepare);
        total = atomic_load(&shared->used) > total ? atomic_load(&shared->used) : total;
    }
    return total;
}

static long number_of(const char *variable, long otherwise)
{
    const char *asked = getenv(variable);

    return asked ? strtol(asked, NULL, 10) : otherwise;
}

/* On a busy machine the first good runs may have ended before a library kept all that it keeps. */
static void check_leak(const struct service *s, void (*prepare)(void), long n, long alive)
{
    for (int i = 0; i < GOOD_RUNS_MAX && alive > kept; i++)
        measure_kept(s, prepare);
    if (alive > kept)
        find(n, "blocks leaked:", alive - kept);
}

static void try_point(const struct service *s, void (*prepare)(void), void (*check)(long n, int code), long n)
{
    long alive;
    int code;

    prepare();
    code = run_in_a_process(s, n);
    alive = atomic_load(&shared->kept);
    check(n, code);
    check_leak(s, prepare, n, alive);
}

/* The points of a day lie a step apart, those of the next day beside them: all are tried in as many days as a step has points. */
static void try_all(const struct service *s, void (*prepare)(void), void (*check)(long n, int code))
{
    long total = count_allocations(s, prepare);
    long step = total / number_of("ZK_TEST_POINTS", POINTS) + 1;
    long only = number_of("ZK_TEST_POINT", -1);

    findings = 0;
    for (long n = only >= 0 ? only : time(NULL) / 86400 % step; n < total; n += only >= 0 ? total : step) {
        try_point(s, prepare, check, n);
    }
    if (getenv("ZK_TEST_POINTS"))
        print_message("%ld allocations, %ld kept, a point in %ld tried, %d findings\n", total, kept, step,
                      findings);
    assert_int_equal(findings, 0);
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

static void acknowledged_is_stored(long n, int code)
{
    int stored = count_events();

    if (stored > 1)
        find(n, "a retry is a second event:", stored);
    if (stored == 0 && atomic_load(&shared->answered) == 200)
        find(n, "the event was acknowledged; stored are", stored);
}

static void ingest_without_memory(void **state)
{
    static const struct service s = { run_ingest, post };

    try_all(&s, empty_folder, acknowledged_is_stored);
}

static void nothing_more(long n, int code)
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
static void it_is_delivered_in_the_end(long n, int code)
{
    int starts = 0;

    for (; starts < 5 && atomic_load(&shared->deliveries) == 0; starts++)
        run_well(&forwarder);
    if (atomic_load(&shared->deliveries) == 0)
        find(n, "not delivered, also not by the starts after it:", starts);
}

static void forwarder_without_memory(void **state)
{
    try_all(&forwarder, store_an_event, it_is_delivered_in_the_end);
}

static void state_is_whole(long n, int code)
{
    struct db *db = NULL;
    int r = db_open_state(dir, &db);

    if (r == 0)
        r = db_quick_check(db);
    if (r != 0)
        find(n, "state.db is broken:", r);
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

static void store_a_session(void)
{
    struct session_row row = {
        .bridge = "main", .id = "s1", .state = SESSION_CONNECTED, .since = 1800000000000
    };
    struct db *db = NULL;

    store_an_event();
    assert_int_equal(db_open_state(dir, &db), 0);
    assert_int_equal(sessions_save(db, &row), 0);
    db_close(db);
}

/* A token that was shown to somebody works. */
static void tokens_are_stored(long n, int code)
{
    struct db *db = NULL;
    int64_t stored = 0;

    state_is_whole(n, code);
    assert_int_equal(db_open_state(dir, &db), 0);
    assert_int_equal(access_count(db, ACCESS_TOKEN, &stored), 0);
    db_close(db);
    if (stored < atomic_load(&shared->tokens))
        find(n, "a token was answered and is not stored:", (long)stored);
}

static void console_without_memory(void **state)
{
    static const struct service s = { run_console, use_console };

    store_a_session();
    run_well(&s);
    assert_int_equal(atomic_load(&shared->tokens), 1);
    try_all(&s, store_a_session, tokens_are_stored);
}

/* ---- open and close ---------------------------------------------------------------------------- */

static int open_world(void **state)
{
    static pthread_t server;
    static int listener;

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    (void)snprintf(dir, sizeof dir, "%s/zk_oom_XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (shared == MAP_FAILED || !test_folder(dir))
        return -1;
    (void)close(listen_on_any(&ingest_port));
    (void)close(listen_on_any(&console_port));
    output = memfd_create("output", MFD_CLOEXEC);
    listener = listen_on_any(&server_port);
    (void)snprintf(console_at, sizeof console_at, "--console-listen=127.0.0.1:%u", console_port);
    (void)snprintf(data_dir, sizeof data_dir, "--data-dir=%s", dir);
    (void)snprintf(listen_at, sizeof listen_at, "--ingest-listen=127.0.0.1:%u", ingest_port);
    (void)snprintf(bridge_url, sizeof bridge_url, "--whatsapp-api-url=http://127.0.0.1:%u", server_port);
    (void)snprintf(backend_url, sizeof backend_url, "--backend-url=http://127.0.0.1:%u/hook", server_port);
    if (pthread_create(&server, NULL, serve, &listener) != 0)
        return -1;
    return memory_door_open();
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ingest_without_memory),    cmocka_unit_test(hub_without_memory),
        cmocka_unit_test(forwarder_without_memory), cmocka_unit_test(monitor_without_memory),
        cmocka_unit_test(worker_without_memory),    cmocka_unit_test(console_without_memory),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);

    return cmocka_run_group_tests(tests, open_world, NULL);
}
