/*
 * One destination of the forwarder as it ships, with the stores on disk and a stepped clock: when a request goes out,
 * when the log is read, what retention has to keep. Requests and the reading of the log are made by the test.
 */
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "common/app/consumer.h"
#include "common/base/mem.h"
#include "common/store/events_log.h"
#include "common/store/store.h"
#include "services/forwarder/destination.h"
#include "tests/unit/test_app.h"
#include "tests/unit/test_folder.h"

#define WALL          INT64_C(1800000000000)
#define BATCH_WAIT_MS 1000
#define CALLS_MAX     64

static struct {
    char dir[64];
    struct clock_stepped clock;
    struct app_settings settings;
    struct app *app;
    struct event_log *log;
    int64_t written;
    struct stores stores;
    struct state_store state;
    struct group_commit *commit;
    struct dead_letters dead;
    struct destination_config *config;
    struct destination *destination;
    bool stopping;
    /* the reading of the log */
    int (*on_batch)(void *ctx, const struct event_rows *rows);
    void *reading;
    int resumed;
    /* requests */
    struct {
        int events;
        void (*done)(void *ctx, const struct http_answer *answer);
        void *ctx;
    } calls[CALLS_MAX];
    int n_calls;
} t;

/* The linker lets these come through here (CMakeLists.txt). */
bool __wrap_store_role_is_held(const struct store_role *role);
int __wrap_consumer_open(struct app *app, const struct consumer_options *o,
                         int (*on_batch)(void *ctx, const struct event_rows *rows),
                         void (*on_error)(void *ctx, int r, const char *detail), void *ctx,
                         struct consumer **ret);
void __wrap_consumer_close(struct consumer *c);
void __wrap_consumer_resume(struct consumer *c);
void __wrap_consumer_notify(struct consumer *c);
int64_t __wrap_consumer_head(const struct consumer *c);
int __wrap_http_call(struct http_client *client, const struct http_request *req,
                     void (*done)(void *ctx, const struct http_answer *answer), void *ctx,
                     struct http_call **ret_call);
void __real_http_client_close(struct http_client *client);
void __wrap_http_client_close(struct http_client *client);

bool __wrap_store_role_is_held(const struct store_role *role)
{
    return true;
}

int __wrap_consumer_open(struct app *app, const struct consumer_options *o,
                         int (*on_batch)(void *ctx, const struct event_rows *rows),
                         void (*on_error)(void *ctx, int r, const char *detail), void *ctx,
                         struct consumer **ret)
{
    t.on_batch = on_batch;
    t.reading = ctx;
    *ret = (struct consumer *)&t; /* it is handed back to the functions below alone */
    return 0;
}

void __wrap_consumer_close(struct consumer *c)
{
}

void __wrap_consumer_resume(struct consumer *c)
{
    t.resumed++;
}

void __wrap_consumer_notify(struct consumer *c)
{
}

int64_t __wrap_consumer_head(const struct consumer *c)
{
    return t.written;
}

/* Bodies of events are "{}", or of a batch a list of objects with one "seq" each. */
static int events_of(struct str body)
{
    int n = 0;

    for (const char *p = body.p; (p = memmem(p, body.n - (size_t)(p - body.p), "\"seq\"", 5)); p++)
        n++;
    return n > 0 ? n : 1;
}

int __wrap_http_call(struct http_client *client, const struct http_request *req,
                     void (*done)(void *ctx, const struct http_answer *answer), void *ctx,
                     struct http_call **ret_call)
{
    assert_true(t.n_calls < CALLS_MAX);
    t.calls[t.n_calls].events = events_of(req->body);
    t.calls[t.n_calls].done = done;
    t.calls[t.n_calls++].ctx = ctx;
    return 0;
}

/* As the real one: requests under way end with it. */
void __wrap_http_client_close(struct http_client *client)
{
    for (int i = 0; i < t.n_calls; i++) {
        if (t.calls[i].done)
            t.calls[i].done(t.calls[i].ctx, &(struct http_answer){ .error = HTTP_E_CANCELLED });
        t.calls[i].done = NULL;
    }
    __real_http_client_close(client);
}

/* ---- the scene ------------------------------------------------------------------------------- */

static int on_save(void *ctx)
{
    return t.destination ? destination_save(t.destination, false) : 0;
}

static void on_committed(void *ctx)
{
}

static void on_failed(void *ctx, int r, const char *detail)
{
    fail_msg("forward.db failed: %s", detail);
}

static int setup(void **state)
{
    int64_t pid;

    memset(&t, 0, sizeof t);
    clock_stepped_init(&t.clock, WALL, 1000000, "boot");
    (void)snprintf(t.dir, sizeof t.dir, "/tmp/zk_destination_XXXXXX");
    assert_non_null(test_folder(t.dir));
    t.app = test_app(&t.clock, &t.settings);
    assert_int_equal(event_log_open(t.dir, &t.log, &pid), 0);
    t.state = STATE_STORE(t.dir, "trying again");
    return 0;
}

static void open_destination(int concurrency, int batch)
{
    static const struct group_commit_hooks hooks = { on_save, on_committed, on_failed, NULL };
    const struct forward_settings s = { .url = "http://127.0.0.1:1/hook",
                                        .token = "",
                                        .secret = "",
                                        .body = "event",
                                        .ca = "",
                                        .schedule = "0s,1s,1m",
                                        .from = "beginning",
                                        .concurrency = concurrency,
                                        .timeout_ms = 1000,
                                        .batch = batch,
                                        .batch_wait_ms = batch > 1 ? BATCH_WAIT_MS : 0 };
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(4096);
    char detail[STORES_DETAIL_MAX];
    const char *file;

    assert_int_equal(destination_config_backend(&s, &problem, &t.config), 0);
    assert_int_equal(stores_open(t.dir, NULL, false, &t.stores, &file, detail), 0);
    assert_int_equal(group_commit_open(app_loop(t.app), &t.stores, &hooks, &t.commit), 0);
    assert_int_equal(dead_letters_init(&t.dead, t.app, t.stores.db, t.commit), 0);
    assert_int_equal(destination_open(&(struct destination_options){ .app = t.app,
                                                                     .dir = t.dir,
                                                                     .config = t.config,
                                                                     .stores = &t.stores,
                                                                     .commit = t.commit,
                                                                     .dead = &t.dead,
                                                                     .state = &t.state,
                                                                     .stopping = &t.stopping,
                                                                     .started_at = WALL,
                                                                     .lost_floor = -1 },
                                      &t.destination),
                     0);
    assert_int_equal(group_commit_end(t.commit), 0);
}

static int teardown(void **state)
{
    destination_close(t.destination);
    t.destination = NULL;
    group_commit_close(t.commit);
    stores_close(&t.stores);
    state_store_close(&t.state);
    destination_config_free(t.config);
    event_log_close(t.log);
    return app_close(t.app, 0);
}

/* As the engine goes on after each pass of the loop. */
static void end_pass(void)
{
    assert_int_equal(group_commit_end(t.commit), 0);
    destination_poke(t.destination);
}

/* Puts @n events of @sessions sessions in turn into the log, and has them read. Returns the answer to the reader. */
static int arrive(int n, int sessions)
{
    CLEANUP(event_rows_fini) struct event_rows rows = EVENT_ROWS_NULL;
    int64_t from = t.written + 1, seq;
    int flow = CONSUMER_MORE;

    assert_int_equal(event_log_begin(t.log), 0);
    for (int i = 0; i < n; i++) {
        uint8_t digest[EVENT_DIGEST_BYTES] = { 0 };
        char session[16];

        memcpy(digest, &(int64_t){ ++t.written }, sizeof t.written);
        (void)snprintf(session, sizeof session, "s%d", i % sessions);
        assert_int_equal(event_log_append(t.log,
                                          &(struct event_new){ .at = WALL,
                                                               .type = STR_LIT("message.received"),
                                                               .bridge = STR_LIT("main"),
                                                               .session = str_from(session),
                                                               .message_id = STR_LIT(""),
                                                               .body = STR_LIT("{}"),
                                                               .key_time_ms = WALL,
                                                               .key_digest = digest },
                                          &seq),
                         0);
    }
    assert_int_equal(event_log_commit(t.log), 0);
    while (from <= t.written && flow == CONSUMER_MORE) {
        assert_int_equal(event_read(t.stores.reader, from, NULL, EVENT_READ_ROWS_MAX, &rows), 0);
        flow = t.on_batch(t.reading, &rows);
        from = rows.next_seq;
    }
    end_pass();
    return flow;
}

/* The backend takes the request, and that goes on record. */
static void answer(int i)
{
    void (*done)(void *ctx, const struct http_answer *answer) = t.calls[i].done;

    t.calls[i].done = NULL;
    done(t.calls[i].ctx, &(struct http_answer){ .status = 200, .retry_after_s = -1, .sent_ms = 1 });
    end_pass();
}

/* ---- the tests ------------------------------------------------------------------------------- */

/* It may be off for weeks. */
static void a_destination_that_is_off_keeps_nothing_in_the_log(void **state)
{
    open_destination(1, 1);
    assert_int_equal(arrive(2, 1), CONSUMER_MORE);
    assert_in_range(destination_needs(t.destination), 0, 1);
    assert_int_equal(destination_turn_off(t.destination, true), 0);
    assert_int_equal(destination_needs(t.destination), INT64_MAX);
    assert_int_equal(destination_turn_off(t.destination, false), 0);
    assert_in_range(destination_needs(t.destination), 0, 1);
    assert_int_equal(destination_pause(t.destination, true), 0);
    assert_in_range(destination_needs(t.destination), 0, 1); /* a pause is short, and loses nothing */
}

/* The answer to a request that is started then would not be read any more. */
static void at_a_stop_no_request_is_started(void **state)
{
    open_destination(1, 1);
    (void)arrive(3, 3);
    assert_int_equal(t.n_calls, 1);
    answer(0);
    assert_int_equal(t.n_calls, 2);
    t.stopping = true;
    answer(1);
    assert_int_equal(t.n_calls, 2);
    assert_int_equal(destination_in_flight(t.destination), 0);
}

static void every_batch_waits_for_more(void **state)
{
    open_destination(1, 8);
    for (int lap = 0; lap < 3; lap++) {
        (void)arrive(2, 2);
        assert_int_equal(t.n_calls, lap);
        clock_step(&t.clock, BATCH_WAIT_MS / 2);
        (void)arrive(2, 2);
        assert_int_equal(t.n_calls, lap);
        clock_step(&t.clock, BATCH_WAIT_MS / 2);
        destination_poke(t.destination);
        assert_int_equal(t.n_calls, lap + 1);
        assert_int_equal(t.calls[lap].events, 4);
        answer(lap);
    }
    (void)arrive(8, 8); /* a full one does not */
    assert_int_equal(t.n_calls, 4);
}

/* A backend that is slow or away does not fill the memory with the log. */
static void reading_stops_while_there_is_enough_to_send(void **state)
{
    int concurrency = 2, n = 0;

    open_destination(concurrency, 1);
    assert_int_equal(arrive(concurrency + 1, 100), CONSUMER_MORE);
    assert_int_equal(arrive(4 * concurrency, 100), CONSUMER_PAUSE);
    assert_int_equal(t.resumed, 0);
    for (; n < t.n_calls; n++)
        answer(n);
    assert_int_equal(n, 5 * concurrency + 1); /* all were delivered */
    assert_int_equal(t.resumed, 1);
}

/* Of one session a single event is sent at a time: however many there are, they give no work. */
static void reading_stops_when_memory_is_full_of_one_session(void **state)
{
    open_destination(8, 1);
    assert_int_equal(arrive(EVENT_READ_ROWS_MAX, 1), CONSUMER_MORE);
    assert_int_equal(arrive(2000, 1), CONSUMER_PAUSE);
    assert_int_equal(t.n_calls, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_destination_that_is_off_keeps_nothing_in_the_log),
        TEST(at_a_stop_no_request_is_started),
        TEST(every_batch_waits_for_more),
        TEST(reading_stops_while_there_is_enough_to_send),
        TEST(reading_stops_when_memory_is_full_of_one_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
