/* The event log: dense seq, deduplication, rejected rows, readers, retention. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/store/events_log.h"
#include "common/store/sqlite/event_internal.h"
#include "common/store/store.h"
#include "tests/unit/test_folder.h"
#include "tests/unit/test_store.h"

#define DAY_MS (24LL * 3600 * 1000)
#define T0     1800000000000LL

struct fixture {
    char dir[64];
    const char *where;
    struct event_log *log;
    struct event_reader *reader;
    int64_t now;
};

static void remove_dir(const char *dir)
{
    static const char *const files[] = { "events.db",    "events.db-wal", "events.db-shm",
                                         "events.db-id", "events.lock",   "copy" };
    char path[128];

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int64_t pid = 0;

    (void)snprintf(f->dir, sizeof f->dir, "/tmp/zk_events_XXXXXX");
    assert_non_null(test_folder(f->dir));
    f->where = test_store(f->dir);
    assert_int_equal(event_log_open(f->where, &f->log, &pid), 0);
    assert_int_equal(event_reader_open(f->where, &f->reader), 0);
    f->now = T0;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    event_reader_close(f->reader);
    event_log_close(f->log);
    remove_dir(f->dir);
    free(f);
    return 0;
}

static void reopen(struct fixture *f)
{
    int64_t pid = 0;

    event_log_close(f->log);
    f->log = NULL;
    assert_int_equal(event_log_open(f->where, &f->log, &pid), 0);
}

/* An event whose key and body are made of @n. */
static int append(struct fixture *f, int n, int64_t key_time, int64_t *ret_seq)
{
    uint8_t digest[EVENT_DIGEST_BYTES] = { 0 };
    char body[32];
    struct event_new e = { .at = f->now,
                           .occurred_at = f->now - 5,
                           .type = n % 2 ? STR_LIT("message.received") : STR_LIT("session.connected"),
                           .bridge = STR_LIT("main"),
                           .session = n % 3 ? STR_LIT("s1") : STR_LIT("s2"),
                           .message_id = STR_LIT("M"),
                           .key_time_ms = key_time,
                           .key_digest = digest };

    memcpy(digest, &n, sizeof n);
    (void)snprintf(body, sizeof body, "{\"n\":%d}", n);
    e.body = str_from(body);
    return event_log_append(f->log, &e, ret_seq);
}

static void append_many(struct fixture *f, int from, int n)
{
    int64_t seq = 0;

    assert_int_equal(event_log_begin(f->log), 0);
    for (int i = 0; i < n; i++)
        assert_int_equal(append(f, from + i, f->now, &seq), 0);
    assert_int_equal(event_log_commit(f->log), 0);
}

static struct event_pruned prune(struct fixture *f, const struct event_retention *rule, int max)
{
    struct event_pruned t = { 0 };

    assert_int_equal(event_log_begin(f->log), 0);
    assert_int_equal(event_log_prune(f->log, rule, f->now, max, &t), 0);
    assert_int_equal(event_log_commit(f->log), 0);
    return t;
}

static const struct event_retention keep_all = { .cursor_min = INT64_MAX };

/* ---- writing --------------------------------------------------------------------------------- */

static void test_seq_is_dense_over_a_rollback(void **state)
{
    struct fixture *f = *state;
    int64_t seq = 0;

    append_many(f, 0, 3);
    assert_int_equal(event_log_begin(f->log), 0);
    assert_int_equal(append(f, 10, T0, &seq), 0);
    assert_int_equal(seq, 4);
    event_log_rollback(f->log);
    assert_int_equal(event_log_head(f->log), 3);
    append_many(f, 11, 1);
    assert_int_equal(event_log_head(f->log), 4);
    reopen(f);
    assert_int_equal(event_log_head(f->log), 4);
    assert_int_equal(event_log_oldest(f->log), 1);
}

static void test_duplicate_has_the_first_seq(void **state)
{
    struct fixture *f = *state;
    int64_t seq = 0;

    append_many(f, 0, 3);
    assert_int_equal(event_log_begin(f->log), 0);
    assert_int_equal(append(f, 1, T0, &seq), EVENT_DUPLICATE);
    assert_int_equal(seq, 2);
    assert_int_equal(append(f, 7, T0, &seq), 0);
    assert_int_equal(seq, 4);
    assert_int_equal(append(f, 7, T0, &seq), EVENT_DUPLICATE); /* of the same transaction */
    assert_int_equal(seq, 4);
    assert_int_equal(append(f, 7, T0 + 1, &seq), 0); /* same digest, another time: another event */
    assert_int_equal(seq, 5);
    assert_int_equal(event_log_commit(f->log), 0);
    reopen(f);
    assert_int_equal(event_log_begin(f->log), 0);
    assert_int_equal(append(f, 2, T0, &seq), EVENT_DUPLICATE);
    assert_int_equal(seq, 3);
    event_log_rollback(f->log);
}

static void test_rolled_back_key_is_no_duplicate(void **state)
{
    struct fixture *f = *state;
    int64_t seq = 0;

    assert_int_equal(event_log_begin(f->log), 0);
    assert_int_equal(append(f, 1, T0, &seq), 0);
    event_log_rollback(f->log);
    append_many(f, 1, 1);
    assert_int_equal(event_log_head(f->log), 1);
}

static void test_second_writer_is_refused(void **state)
{
    struct fixture *f = *state;
    struct event_log *second = NULL;
    int64_t pid = 0;

    assert_int_equal(event_log_open(f->where, &second, &pid), EVENT_LOG_TAKEN);
    assert_null(second);
    assert_int_equal(pid, getpid());
}

static int count_rejected(void *ctx, const struct rejected *row)
{
    int *n = ctx;

    assert_true(str_eq(row->bridge, "main"));
    assert_true(str_eq(row->reason, "not JSON"));
    assert_int_equal(row->body.n, 40000);
    (*n)++;
    return 0;
}

static void test_rejected_is_capped(void **state)
{
    struct fixture *f = *state;
    static char body[40000];
    int n = 0;

    memset(body, 'x', sizeof body);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(event_log_begin(f->log), 0);
        assert_int_equal(event_log_reject(f->log, &(struct event_rejected){ .at = T0,
                                                                            .bridge = STR_LIT("main"),
                                                                            .reason = "not JSON",
                                                                            .body = { body, sizeof body },
                                                                            .size = sizeof body }),
                         0);
        assert_int_equal(event_log_commit(f->log), 0);
    }
    assert_int_equal(event_read_rejected(f->reader, 10000, count_rejected, &n), 0);
    assert_int_equal(n, EVENT_REJECTED_BYTES_MAX / (int)sizeof body);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void test_read_in_order_with_bounds(void **state)
{
    struct fixture *f = *state;
    struct event_rows rows = EVENT_ROWS_NULL;
    char id[EVENT_ID_MAX];

    assert_int_equal(event_read(f->reader, 1, NULL, 10, &rows), 0);
    assert_int_equal(rows.n, 0);
    assert_int_equal(rows.head_seq, 0);
    assert_int_equal(rows.next_seq, 1);
    assert_int_equal(event_read(f->reader, 0, NULL, 10, &rows),
                     0); /* gets on, too: who reads to the end, ends */
    assert_int_equal(rows.next_seq, 1);
    assert_int_equal(event_read(f->reader, INT64_MIN, NULL, 10, &rows), 0);
    assert_int_equal(rows.next_seq, 1);
    append_many(f, 0, 300);
    assert_int_equal(event_read(f->reader, 1, NULL, 100000, &rows), 0);
    assert_int_equal(rows.n, EVENT_READ_ROWS_MAX);
    assert_int_equal(rows.next_seq, EVENT_READ_ROWS_MAX + 1);
    assert_int_equal(rows.head_seq, 300);
    for (int i = 0; i < rows.n; i++) {
        char body[32];

        (void)snprintf(body, sizeof body, "{\"n\":%d}", i);
        assert_int_equal(rows.rows[i].seq, i + 1);
        assert_true(str_eq(rows.rows[i].body, body));
        assert_true(str_eq(rows.rows[i].bridge, "main"));
    }
    event_id_format(event_log_id(f->log), 1, id);
    assert_string_equal(rows.rows[0].id, id);
    assert_int_equal(event_read(f->reader, rows.next_seq, NULL, 256, &rows), 0);
    assert_int_equal(rows.n, 44);
    assert_int_equal(event_read(f->reader, rows.next_seq, NULL, 256, &rows), 0);
    assert_int_equal(rows.n, 0);
    assert_int_equal(rows.next_seq, 301);
    assert_int_equal(event_read(f->reader, 1000, NULL, 256, &rows), 0);
    assert_int_equal(rows.next_seq, 301);
    event_rows_fini(&rows);
}

static void test_filters(void **state)
{
    static const struct {
        struct event_filter filter;
        int n;
    } cases[] = {
        { { .type_prefix = STR_LIT("message.") }, 15 },
        { { .type_prefix = STR_LIT("session.connected") }, 15 },
        { { .type_prefix = STR_LIT("session.connected.x") }, 0 },
        { { .session = STR_LIT("s2") }, 10 },
        { { .session = STR_LIT("s") }, 0 },
        { { .bridge = STR_LIT("main") }, 30 },
        { { .bridge = STR_LIT("other") }, 0 },
        { { .since_at = T0 + 1000 }, 20 },
        { { .until_at = T0 + 1000 }, 10 },
        { { .since_at = T0 + 1000, .until_at = T0 + 2000, .session = STR_LIT("s2") }, 3 },
    };
    struct fixture *f = *state;
    struct event_rows rows = EVENT_ROWS_NULL;

    for (int i = 0; i < 3; i++, f->now += 1000)
        append_many(f, 10 * i, 10);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(event_read(f->reader, 1, &cases[i].filter, 256, &rows), 0);
        assert_int_equal(rows.n, cases[i].n);
        assert_int_equal(rows.next_seq, 31);
    }
    event_rows_fini(&rows);
}

static void test_seq_at(void **state)
{
    struct fixture *f = *state;
    int64_t seq = 0;

    assert_int_equal(event_seq_at(f->reader, T0, &seq), 0);
    assert_int_equal(seq, 1);
    for (int i = 0; i < 5; i++, f->now += 1000)
        append_many(f, 10 * i, 10);
    static const struct {
        int64_t at, seq;
    } cases[] = {
        { 0, 1 }, { T0, 1 }, { T0 + 1, 11 }, { T0 + 3000, 31 }, { T0 + 4000, 41 }, { T0 + 4001, 51 }
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(event_seq_at(f->reader, cases[i].at, &seq), 0);
        assert_int_equal(seq, cases[i].seq);
    }
}

static void test_reader_without_a_log(void **state)
{
    struct event_reader *r = NULL;
    char dir[] = "/tmp/zk_events_XXXXXX";

    (void)state;
    assert_non_null(test_folder(dir));
    assert_int_equal(event_reader_open(dir, &r), -ENOENT);
    assert_null(r);
    remove_dir(dir);
}

static void test_reader_sees_a_replaced_log(void **state)
{
    struct fixture *f = *state;
    char path[128];

    assert_false(event_reader_is_stale(f->reader));
    (void)snprintf(path, sizeof path, "%s/events.db", f->dir);
    assert_int_equal(unlink(path), 0);
    assert_true(event_reader_is_stale(f->reader));
}

/* ---- the WAL --------------------------------------------------------------------------------- */

static void test_checkpoints_keep_the_wal_small(void **state)
{
    struct fixture *f = *state;
    struct event_wal wal;
    int64_t highest = 0;

    for (int i = 0; i < 200; i++) {
        append_many(f, 100 * i, 100);
        event_log_wal(f->log, &wal);
        if (wal.frames > 100)
            assert_int_equal(event_log_checkpoint(f->log), 0);
        if (wal.frames > highest)
            highest = wal.frames;
    }
    assert_in_range(highest, 100, 200);
}

/* ---- retention ------------------------------------------------------------------------------- */

static void test_retention_by_age(void **state)
{
    struct fixture *f = *state;
    struct event_retention rule = { .age_ms = 7 * DAY_MS, .cursor_min = INT64_MAX };
    struct event_rows rows = EVENT_ROWS_NULL;
    struct event_pruned t;

    append_many(f, 0, 50);
    f->now += DAY_MS;
    append_many(f, 50, 50);
    t = prune(f, &rule, 20);
    assert_int_equal(t.rows, 0);
    f->now = T0 + 7 * DAY_MS + 1;
    t = prune(f, &rule, 20);
    assert_int_equal(t.rows, 20);
    assert_true(t.more);
    t = prune(f, &rule, 20);
    t = prune(f, &rule, 20);
    assert_int_equal(t.rows, 10);
    assert_false(t.more);
    assert_int_equal(event_log_oldest(f->log), 51);
    assert_int_equal(event_read(f->reader, 1, NULL, 256, &rows), 0);
    assert_int_equal(rows.n, 50);
    assert_int_equal(rows.rows[0].seq, 51);
    event_rows_fini(&rows);
}

static void test_the_newest_event_stays(void **state)
{
    struct fixture *f = *state;
    struct event_retention rule = { .age_ms = DAY_MS, .cursor_min = INT64_MAX };

    append_many(f, 0, 10);
    f->now += 30 * DAY_MS;
    assert_int_equal(prune(f, &rule, 100).rows, 9);
    assert_int_equal(prune(f, &rule, 100).rows, 0);
    reopen(f);
    assert_int_equal(event_log_head(f->log), 10);
    append_many(f, 50, 1);
    assert_int_equal(event_log_head(f->log), 11);
}

static void test_retention_waits_for_a_consumer(void **state)
{
    struct fixture *f = *state;
    struct event_retention rule = { .age_ms = DAY_MS, .cursor_min = 4 };
    struct event_pruned t;

    append_many(f, 0, 10);
    f->now += 30 * DAY_MS;
    t = prune(f, &rule, 100);
    assert_int_equal(t.rows, 4);
    assert_true(t.held);
    assert_int_equal(t.forced, 0);
    t = prune(f, &rule, 100);
    assert_int_equal(t.rows, 0);
    assert_true(t.held);
    rule.hard_bytes = 1;
    t = prune(f, &rule, 100);
    assert_int_equal(t.rows, 5);
    assert_int_equal(t.forced, 5);
    assert_false(t.held);
}

static void test_retention_by_size_uses_pages_again(void **state)
{
    struct fixture *f = *state;
    struct event_retention rule = { .size_bytes = 256 * 1024, .cursor_min = INT64_MAX };
    int64_t used = 0;

    for (int i = 0; i < 400; i++) {
        append_many(f, 100 * i, 100);
        (void)prune(f, &rule, 200);
        f->now += 1000;
    }
    assert_int_equal(sqlite_log_used_bytes(f->log, &used), 0);
    /* The keys of the horizon stay for any size: 40,000 of them, and 256 KiB of events. */
    assert_in_range(used, 40000 * 30 + 200 * 1024, 40000 * 50 + 400 * 1024);
    assert_true(event_log_oldest(f->log) > 33000);
    assert_true(event_log_oldest(f->log) < 39000);
}

static void test_keys_expire_after_the_horizon_only(void **state)
{
    struct fixture *f = *state;
    int64_t seq = 0;
    int64_t keys = 0;

    append_many(f, 0, 100);
    (void)prune(f, &keep_all, 10); /* a mark */
    assert_int_equal(event_log_begin(f->log), 0);
    for (int i = 0; i < 50; i++)
        assert_int_equal(append(f, 1000 + i, 0, &seq), 0); /* no time of its own */
    for (int i = 0; i < 50; i++)
        assert_int_equal(append(f, 2000 + i, T0 + 365 * DAY_MS, &seq), 0); /* a clock that is wrong */
    assert_int_equal(event_log_commit(f->log), 0);
    f->now += EVENT_DEDUPE_HORIZON_MS - 1000;
    for (int i = 0; i < 100; i++)
        keys += prune(f, &keep_all, 10).keys;
    assert_int_equal(keys, 0);
    f->now += 12000; /* a log that nobody writes is looked at every 10 s */
    for (int i = 0; i < 100; i++)
        keys += prune(f, &keep_all, 10).keys;
    assert_int_equal(keys, 100); /* what the first mark covers */
    f->now += EVENT_DEDUPE_HORIZON_MS + 1000;
    append_many(f, 5000, 100); /* live keys are walked around */
    for (int i = 0; i < 100; i++)
        keys += prune(f, &keep_all, 10).keys;
    assert_int_equal(keys, 200);
    assert_int_equal(event_log_begin(f->log), 0);
    assert_int_equal(append(f, 1, T0, &seq), 0); /* forgotten */
    assert_int_equal(append(f, 5000, f->now, &seq), EVENT_DUPLICATE);
    event_log_rollback(f->log);
}

/* Keys live for 96 h, whatever their number: the limit of all stores holds for them, too. The oldest go first; those of
 * the last hour stay, then the oldest events go. */
static void test_the_disk_has_one_limit(void **state)
{
    struct fixture *f = *state;
    struct event_retention rule = { .disk_bytes = 4 * 1024 * 1024,
                                    .other_bytes = 3 * 1024 * 1024,
                                    .size_bytes = 256 * 1024,
                                    .cursor_min = INT64_MAX };
    struct event_pruned t, sum = { 0 };
    int64_t used = 0, seq = 0;

    for (int i = 0; i < 800; i++) { /* 80,000 events in 13 h */
        append_many(f, 100 * i, 100);
        t = prune(f, &rule, 400);
        sum.keys_early += t.keys_early;
        sum.forced += t.forced;
        f->now += 60 * 1000;
    }
    assert_int_equal(sqlite_log_used_bytes(f->log, &used), 0);
    assert_true(used + rule.other_bytes < rule.disk_bytes + 256 * 1024);
    assert_true(sum.keys_early > 40000);
    assert_int_equal(sum.forced, 0);
    assert_int_equal(event_log_begin(f->log), 0);
    assert_int_equal(append(f, 79990, f->now - 60 * 1000, &seq), EVENT_DUPLICATE); /* of the last hour */
    event_log_rollback(f->log);

    rule.cursor_min = 0;
    rule.disk_bytes = 1024 * 1024; /* nothing is left to give but events */
    rule.other_bytes = 900 * 1024;
    f->now -= 12 * 3600 * 1000;
    for (int i = 0; i < 400; i++) {
        t = prune(f, &rule, 400);
        sum.forced += t.forced;
    }
    assert_true(t.over);
    assert_true(sum.forced > 0);
    assert_int_equal(event_log_oldest(f->log), event_log_head(f->log)); /* the newest stays */
}

/* A row of the log may be a megabyte: a read is bounded in bytes. */
static void test_a_read_is_bounded_in_bytes(void **state)
{
    struct fixture *f = *state;
    struct event_rows rows = EVENT_ROWS_NULL;
    char *body = malloc(900 * 1000);
    int64_t seq, from = 1;
    int reads = 0;

    memset(body, 'x', 900 * 1000);
    for (int i = 0; i < 24; i++) {
        uint8_t digest[EVENT_DIGEST_BYTES] = { (uint8_t)i };
        struct event_new e = { .at = T0,
                               .type = STR_LIT("message.received"),
                               .bridge = STR_LIT("main"),
                               .session = STR_LIT("s"),
                               .message_id = STR_LIT("m"),
                               .body = { body, 900 * 1000 },
                               .key_time_ms = T0,
                               .key_digest = digest };

        assert_int_equal(event_log_begin(f->log), 0);
        assert_int_equal(event_log_append(f->log, &e, &seq), 0);
        assert_int_equal(event_log_commit(f->log), 0);
    }
    for (; from <= 24; reads++) {
        assert_int_equal(event_read(f->reader, from, NULL, 256, &rows), 0);
        assert_in_range(rows.n, 1, EVENT_READ_BYTES_MAX / (900 * 1000) + 1);
        from = rows.rows[rows.n - 1].seq + 1;
    }
    assert_true(reads >= 4);
    event_rows_fini(&rows);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_seq_is_dense_over_a_rollback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_duplicate_has_the_first_seq, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rolled_back_key_is_no_duplicate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_in_order_with_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_seq_at, setup, teardown),
        cmocka_unit_test(test_reader_without_a_log),
        cmocka_unit_test_setup_teardown(test_a_read_is_bounded_in_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_newest_event_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys_expire_after_the_horizon_only, setup, teardown),
    };
    /* Of the files of a folder, or of the sizes of their slices; test_postgres_store.c has the server's. */
    const struct CMUnitTest of_files[] = {
        cmocka_unit_test_setup_teardown(test_second_writer_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rejected_is_capped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reader_sees_a_replaced_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_checkpoints_keep_the_wal_small, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_disk_has_one_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention_by_age, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention_waits_for_a_consumer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention_by_size_uses_pages_again, setup, teardown),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    return failed + (test_store_is_server() ? 0 : cmocka_run_group_tests(of_files, NULL, NULL));
}
