/*
 * Memory that runs out at every place: ours (mem_*), SQLite's and curl's allocations go through one door here, which is
 * closed after the nth. For every n, the answer is an error or a success that is true, nothing is leaked, and nothing
 * is acknowledged and lost.
 */
#include "common/io/http_client.h"
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/app/app.h"
#include "common/base/digest.h"
#include "common/base/mem.h"
#include "common/store/events.h"
#include "common/store/events_log.h"
#include "common/store/sessions.h"
#include "common/store/sqlite/backup.h"
#include "common/store/store.h"
#include "tests/unit/memory_door.h"
#include "tests/unit/test_folder.h"

/* More than any of these needs: a loop that does not end is a test that fails. */
#define ALLOCATIONS_MAX 20000
/* The first are tried one by one, of the others every seventh: a migration makes thousands of the same kind. All of
 * them with ZK_TEST_ALL=1. */
#define EVERY_ONE 300
#define STEP      (getenv("ZK_TEST_ALL") ? 1 : 7)

static int use_one_door(void **state)
{
    return memory_door_open();
}

/* ---- a folder -------------------------------------------------------------------------------- */

static char dir[64];

static int make_folder(void **state)
{
    (void)snprintf(dir, sizeof dir, "%s/zk_oom_XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    return test_folder(dir) ? 0 : -1;
}

static void empty_folder(void)
{
    static const char *const files[] = { "state.db",      "state.db-journal", "events.db",    "events.db-wal",
                                         "events.db-shm", "events.lock",      "events.db-id", "state.db-id" };
    char path[128];

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        (void)unlink(path);
    }
}

/* Runs @use with the door closed after the first, second, third … allocation, until it is closed too late. */
static void for_each_allocation(void (*close_door)(long n), int (*use)(void), void (*check)(int r))
{
    long n = 0;
    bool closed = true;

    for (; closed; n += n < EVERY_ONE ? 1 : STEP) {
        long before = mem_live();
        int r;

        assert_true(n < ALLOCATIONS_MAX);
        close_door(n);
        r = use();
        closed = mem_has_failed();
        mem_fail_after(-1);
        if (check)
            check(r);
        else if (!closed)
            assert_int_equal(r, 0);
        assert_int_equal(mem_live(), before);
    }
    if (getenv("ZK_TEST_TALK"))
        print_message("%ld allocations\n", n);
}

/* ---- state.db -------------------------------------------------------------------------------- */

static int use_state(void)
{
    const struct session_row row = { .bridge = "main", .id = "s", .state = SESSION_CONNECTED };
    struct session_row found;
    struct db *db = NULL;
    int r = db_open_state(dir, &db);

    if (r == 0)
        r = db_begin(db);
    if (r == 0)
        r = sessions_save(db, &row);
    if (r == 0)
        r = db_commit(db);
    if (r == 0)
        r = sessions_find(db, "main", "s", &found);
    db_close(db);
    return r;
}

static void state_is_whole(int r)
{
    struct db *db = NULL;
    struct session_row found;

    assert_true(r <= 0);
    assert_int_equal(db_open_state(dir, &db), 0);
    assert_int_equal(db_quick_check(db), 0);
    if (r == 0)
        assert_int_equal(sessions_find(db, "main", "s", &found), 0);
    db_close(db);
    empty_folder();
}

static void state_db_without_memory(void **state)
{
    for_each_allocation(mem_fail_after, use_state, state_is_whole);
}

/* ---- events.db: nothing is acknowledged and lost ---------------------------------------------- */

#define EVENTS 3

static int64_t acknowledged;

static int append(struct event_log *l, int i)
{
    char id[8];
    uint8_t digest[SHA256_BYTES];
    struct event_new e = { .at = 1000,
                           .type = STR_LIT("message.received"),
                           .bridge = STR_LIT("main"),
                           .session = STR_LIT("s"),
                           .body = STR_LIT("{}"),
                           .key_digest = digest };
    int64_t seq;
    int r = event_log_begin(l);

    (void)snprintf(id, sizeof id, "id%d", i);
    (void)digest_sha256(id, strlen(id), digest);
    e.message_id = str_from(id);
    if (r == 0)
        r = event_log_append(l, &e, &seq);
    return r == 0 ? event_log_commit(l) : r;
}

/* As the committer does: a failed event is answered 503, a committed one 200. */
static int use_log(void)
{
    struct event_log *l = NULL;
    int64_t pid = 0;
    int r = event_log_open(dir, &l, &pid);

    acknowledged = 0;
    for (int i = 0; r == 0 && i < EVENTS; i++) {
        r = append(l, i);
        acknowledged += r == 0;
    }
    event_log_close(l);
    return r;
}

static void what_was_acknowledged_is_there(int r)
{
    CLEANUP(event_rows_fini) struct event_rows rows = EVENT_ROWS_NULL;
    struct event_reader *reader = NULL;
    int opened = event_reader_open(dir, &reader);

    assert_true(r <= 0);
    assert_true(opened == 0 || acknowledged == 0);
    if (opened == 0)
        assert_int_equal(event_read(reader, 1, NULL, EVENT_READ_ROWS_MAX, &rows), 0);
    assert_true(rows.n >= acknowledged); /* one whose commit was not answered may be there */
    for (int64_t i = 0; i < acknowledged; i++)
        assert_int_equal(rows.rows[i].seq, i + 1);
    event_rows_fini(&rows);
    rows = EVENT_ROWS_NULL;
    event_reader_close(reader);
    empty_folder();
}

static void the_event_log_without_memory(void **state)
{
    for_each_allocation(mem_fail_after, use_log, what_was_acknowledged_is_there);
}

/* ---- starting a program ----------------------------------------------------------------------- */

static int use_app(void)
{
    static const struct app_spec spec = {
        .service = "x", .program = "x", .what = "x", .table = app_settings_table, .no_publisher = true
    };
    char *const argv[] = { (char[]){ "x" }, (char[]){ "--log=error" }, NULL };
    struct app_settings settings = { 0 };
    struct http_client *client = NULL;
    struct app *app = NULL;
    int r = app_open(&spec, APP_START(2, argv), &settings, &app);

    if (r != 0)
        return r;
    r = http_client_open(app_loop(app), 2, &client);
    http_client_close(client);
    return app_close(app, r < 0 ? APP_EXIT(EXIT_NEGATIVE) : 0) == EXIT_DONE ? 0 : -ENOMEM;
}

static void a_program_starts_or_says_that_it_cannot(void **state)
{
    for_each_allocation(mem_fail_after, use_app, NULL);
}

/* ---- a call over HTTP -------------------------------------------------------------------------- */

static struct loop *loop;
static int answers;

static void on_answer(void *ctx, const struct http_answer *a)
{
    answers++;
    loop_stop(loop);
}

/* To a port where nobody listens: the call ends once, or was never begun. */
static int use_client(void)
{
    const struct http_request req = { .method = "POST",
                                      .url = "http://127.0.0.1:1/x",
                                      .headers = "A: b\n",
                                      .body = STR_LIT("{}"),
                                      .timeout_ms = 2000 };
    struct http_client *client = NULL;
    int r = loop_open(&loop);

    answers = 0;
    if (r != 0)
        return r;
    r = http_client_open(loop, 2, &client);
    if (r == 0)
        r = http_call(client, &req, on_answer, NULL, NULL);
    if (r == 0)
        r = loop_run(loop);
    http_client_close(client);
    assert_int_equal(loop_close(loop), 0);
    assert_true(r != 0 || answers == 1);
    return r;
}

static void a_call_ends_once_or_is_not_begun(void **state)
{
    (void)use_client(); /* curl's memory for good */
    for_each_allocation(mem_fail_once_after, use_client, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(state_db_without_memory, make_folder),
        cmocka_unit_test_setup(the_event_log_without_memory, make_folder),
        cmocka_unit_test(a_program_starts_or_says_that_it_cannot),
        cmocka_unit_test(a_call_ends_once_or_is_not_begun),
    };

    return cmocka_run_group_tests(tests, use_one_door, NULL);
}
