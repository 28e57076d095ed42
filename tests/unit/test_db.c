/* One SQLite file: opening, migrations, transactions, codes, cursors, backup. */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/store/cursors.h"
#include "common/store/db.h"
#include "common/store/role.h"
#include "common/store/sql.h"
#include "common/store/sqlite/backup.h"
#include "common/store/sqlite/open.h"
#include "common/store/sqlite/schemas.h"
#include "common/store/store.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_folder.h"

static char dir[] = "/tmp/zk_db_XXXXXX";

static const char *const one_step[] = { "CREATE TABLE a (x INTEGER NOT NULL) STRICT", NULL };
static const char *const two_steps[] = { "CREATE TABLE a (x INTEGER NOT NULL) STRICT",
                                         "CREATE TABLE b (y TEXT); INSERT INTO b VALUES ('moved')", NULL };
static const char *const bad_step[] = { "CREATE TABLE a (x INTEGER NOT NULL) STRICT",
                                        "CREATE TABLE c (z INTEGER); nonsense", NULL };
static const struct db_schema schema1 = { one_step };
static const struct db_schema schema2 = { two_steps };
static const struct db_schema schema_bad = { bad_step };

static const char *path_of(const char *file)
{
    static char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    return path;
}

static int setup(void **state)
{
    memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
    assert_non_null(test_folder(dir));
    return 0;
}

static int teardown(void **state)
{
    static const char *const files[] = { "x.db", "x.db-journal", "copy.db", "state.db", "state.db-journal" };

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        (void)unlink(path_of(files[i]));
    assert_int_equal(rmdir(dir), 0);
    return 0;
}

static int64_t number(struct db *db, const char *sql)
{
    int64_t n = -1;

    assert_int_equal(sql_get_int(db, sql, &n, ""), 0);
    return n;
}

/* ---- opening --------------------------------------------------------------------------------- */

static void test_migrations_run_once_and_in_order(void **state)
{
    struct db *db = NULL;

    assert_int_equal(db_open(dir, "x.db", &schema1, &db), 0);
    assert_int_equal(sql_run(db, "INSERT INTO a VALUES (?1)", "i", (int64_t)7), 0);
    db_close(db);
    assert_int_equal(db_open(dir, "x.db", &schema2, &db), 0);
    assert_int_equal(number(db, "SELECT x FROM a"), 7);
    assert_int_equal(number(db, "SELECT count(*) FROM b WHERE y = 'moved'"), 1);
    db_close(db);
    assert_int_equal(db_open(dir, "x.db", &schema2, &db), 0);
    assert_int_equal(number(db, "SELECT count(*) FROM b"), 1);
    db_close(db);
}

/* SQLite would follow it. */
static void test_a_link_is_not_followed(void **state)
{
    struct db *db = NULL;
    char from[160], to[160];

    (void)snprintf(from, sizeof from, "%s/elsewhere.db", dir);
    (void)snprintf(to, sizeof to, "%s/x.db", dir);
    assert_int_equal(db_open(dir, "elsewhere.db", &schema1, &db), 0);
    db_close(db);
    db = NULL;
    assert_int_equal(symlink(from, to), 0);
    assert_int_equal(db_open(dir, "x.db", &schema1, &db), -ELOOP);
    assert_int_equal(db_open_reader(dir, "x.db", &db), -ELOOP);
    assert_null(db);
    (void)unlink(to);
    (void)unlink(from);
    (void)snprintf(from, sizeof from, "%s/elsewhere.db-journal", dir);
    (void)unlink(from);
}

static void test_a_newer_file_is_left_alone(void **state)
{
    struct db *db = NULL;

    assert_int_equal(db_open(dir, "x.db", &schema2, &db), 0);
    db_close(db);
    db = NULL;
    assert_int_equal(db_open(dir, "x.db", &schema1, &db), -EPROTONOSUPPORT);
    assert_null(db);
}

static void test_a_step_that_fails_leaves_nothing(void **state)
{
    struct db *db = NULL;

    assert_int_equal(db_open(dir, "x.db", &schema_bad, &db), -EPROTO);
    assert_null(db);
    assert_int_equal(db_open(dir, "x.db", NULL, &db), 0);
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema"), 0);
    db_close(db);
}

static void test_what_cannot_be_opened(void **state)
{
    struct db *db = NULL;
    FILE *f = fopen(path_of("x.db"), "w");

    assert_int_equal(db_open("/nowhere", "x.db", &schema1, &db), -ENOENT);
    assert_non_null(f);
    for (int i = 0; i < 1000; i++)
        (void)fputs("no database ", f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(db_open(dir, "x.db", &schema1, &db), -EBADMSG);
    assert_int_equal(db_open_state_reader(dir, &db), -ENOENT);
    assert_null(db);
}

/* Root may write everywhere, so this asks as nobody. */
static void test_without_the_right_to_write(void **state)
{
    struct db *db = NULL;
    int r;

    assert_int_equal(db_open(dir, "x.db", &schema1, &db), 0);
    db_close(db);
    assert_int_equal(chmod(path_of("x.db"), 0444), 0);
    assert_int_equal(chmod(dir, 0755), 0);
    if (getuid() == 0)
        assert_int_equal(seteuid(65534), 0);
    r = db_open(dir, "x.db", &schema1, &db);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(r, -EACCES);
}

/* ---- transactions ---------------------------------------------------------------------------- */

static void test_rollback_and_commit(void **state)
{
    struct db *db = NULL;

    assert_int_equal(db_open(dir, "x.db", &schema1, &db), 0);
    assert_int_equal(db_begin(db), 0);
    assert_true(db_in_transaction(db));
    assert_int_equal(sql_run(db, "INSERT INTO a VALUES (1)", ""), 0);
    db_rollback(db);
    db_rollback(db);
    assert_false(db_in_transaction(db));
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(sql_run(db, "INSERT INTO a VALUES (2)", ""), 0);
    assert_int_equal(db_commit(db), 0);
    assert_int_equal(number(db, "SELECT sum(x) FROM a"), 2);
    assert_int_equal(db_check_writable(db), 0);
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    assert_false(db_sync_failed(db));
    db_close(db);
}

static void test_errors_have_a_code_and_words(void **state)
{
    struct db *db = NULL;

    assert_int_equal(db_open_memory(&schema1, &db), 0);
    assert_int_equal(sql_run(db, "INSERT INTO a VALUES (?1)", "s", "no number"), -EPROTO);
    assert_non_null(strstr(db_error(db), "a.x"));
    db_close(db);
    db_close(NULL);
}

static void test_a_reader_does_not_wait_long(void **state)
{
    struct db *writer = NULL;
    struct db *reader = NULL;
    int64_t n;

    assert_int_equal(db_open_state(dir, &writer), 0);
    assert_int_equal(db_open_state_reader(dir, &reader), 0);
    assert_int_equal(sql_exec(writer, "BEGIN EXCLUSIVE"), 0);
    assert_int_equal(cursor_min(reader, &n), -EAGAIN);
    db_rollback(writer);
    assert_int_equal(cursor_min(reader, &n), 0);
    assert_int_equal(cursor_save(reader, "x", 1, 1), -EROFS);
    db_close(reader);
    db_close(writer);
}

/* ---- the file at its place ------------------------------------------------------------------- */

static void put_file(const char *file, const char *bytes)
{
    FILE *f = fopen(path_of(file), "we");

    assert_non_null(f);
    assert_true(fputs(bytes, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* Another file stands at its path afterwards, or none. */
static void move_away(const char *file, bool another)
{
    char aside[128];

    (void)snprintf(aside, sizeof aside, "%s", path_of("copy.db"));
    assert_int_equal(rename(path_of(file), aside), 0);
    if (another)
        put_file(file, "");
}

static int write_in_a_transaction(struct db *db)
{
    int r = db_begin(db);

    if (r == 0)
        r = cursor_save(db, "x", 1, 1);
    return r == 0 ? db_commit(db) : r;
}

static int write_alone(struct db *db)
{
    return cursor_save(db, "x", 1, 1);
}

static int only_look(struct db *db)
{
    int r = db_begin_reads(db);

    db_end_reads(db);
    return r;
}

static void test_a_write_into_a_file_that_is_gone_fails(void **state)
{
    static int (*const uses[])(struct db * db) = { write_in_a_transaction, write_alone, only_look };

    for (size_t i = 0; i < 2 * ARRAY_LEN(uses); i++) {
        struct db *db = NULL;

        assert_int_equal(db_open_state(dir, &db), 0);
        assert_int_equal(uses[i / 2](db), 0);
        move_away(STATE_DB_FILE, i % 2 != 0);
        assert_false(db_sync_failed(db));
        assert_int_equal(uses[i / 2](db), -ESTALE);
        assert_true(db_sync_failed(db)); /* to be opened again */
        assert_non_null(strstr(db_error(db), "replaced or removed"));
        db_close(db);
        (void)unlink(path_of(STATE_DB_FILE));
        (void)unlink(path_of("copy.db"));
        (void)unlink(path_of("state.db-journal"));
    }
}

static const char *problem_of_opening(char *text, size_t n)
{
    struct db *db = NULL;
    int r = db_open_state(dir, &db);

    assert_true(r < 0);
    return db_problem(dir, STATE_DB_FILE, r, text, n);
}

static void test_a_file_that_cannot_be_opened_is_explained(void **state)
{
    struct db *db = NULL;
    char text[512];

    put_file(STATE_DB_FILE,
             "this is no database, but it is long enough to be taken for one by mistake ..............");
    assert_non_null(
        strstr(problem_of_opening(text, sizeof text), "not a zapkeep database, or it is damaged"));
    assert_int_equal(unlink(path_of(STATE_DB_FILE)), 0);
    assert_int_equal(db_open_state(dir, &db), 0);
    assert_int_equal(sql_exec(db, "PRAGMA user_version = 99"), 0);
    db_close(db);
    assert_non_null(
        strstr(problem_of_opening(text, sizeof text), "newer zapkeep (schema 99, this one knows "));
    for (int e = 1; e < 134; e++) /* whatever happens, it is one sentence about the file */
        assert_non_null(strstr(db_problem("/d", "x.db", -e, text, sizeof text), "/d/x.db "));
}

/* ---- statements ------------------------------------------------------------------------------ */

static void test_values_come_back_as_they_went(void **state)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    struct db *db = NULL;

    assert_int_equal(db_open_memory(NULL, &db), 0);
    assert_int_equal(sql_query(db, "SELECT ?1, ?2, ?3, ?4, ?5, ?6", &q, "istbns", INT64_MIN, "text",
                               STR_LIT("a\0b"), STR_LIT(""), NULL),
                     0);
    assert_int_equal(sql_next(q), SQL_ROW);
    assert_true(sql_int(q, 0) == INT64_MIN);
    assert_true(str_eq(sql_text(q, 1), "text"));
    assert_int_equal(sql_text(q, 2).n, 3);
    assert_memory_equal(sql_text(q, 2).p, "a\0b", 3);
    assert_false(sql_is_null(q, 3));
    assert_int_equal(sql_blob(q, 3).n, 0);
    assert_non_null(sql_blob(q, 3).p);
    assert_true(sql_is_null(q, 4));
    assert_null(sql_text(q, 4).p);
    assert_true(sql_is_null(q, 5));
    assert_int_equal(sql_next(q), 0);
    sql_done(&q);
    db_close(db);
}

/* The same text, used while it is used. */
static void test_a_statement_inside_itself(void **state)
{
    static const char sql[] = "SELECT x FROM a ORDER BY x";
    struct sql *outer = NULL;
    struct db *db = NULL;
    int pairs = 0;

    assert_int_equal(db_open_memory(&schema1, &db), 0);
    for (int64_t i = 0; i < 3; i++)
        assert_int_equal(sql_run(db, "INSERT INTO a VALUES (?1)", "i", i), 0);
    assert_int_equal(sql_query(db, sql, &outer, ""), 0);
    while (sql_next(outer) == SQL_ROW) {
        struct sql *inner = NULL;

        assert_int_equal(sql_query(db, sql, &inner, ""), 0);
        while (sql_next(inner) == SQL_ROW)
            pairs++;
        sql_done(&inner);
    }
    sql_done(&outer);
    assert_int_equal(pairs, 9);
    db_close(db);
}

/* ---- cursors --------------------------------------------------------------------------------- */

static int collect(void *ctx, const char *consumer, int64_t seq, int64_t at_ms)
{
    char *line = ctx;

    (void)snprintf(line + strlen(line), 64, "%s=%d@%d ", consumer, (int)seq, (int)at_ms);
    return 0;
}

static void test_cursors(void **state)
{
    char line[256] = "";
    struct db *db = NULL;
    int64_t seq = -1;

    assert_int_equal(db_open_state(dir, &db), 0);
    assert_int_equal(cursor_min(db, &seq), 0);
    assert_true(seq == INT64_MAX);
    assert_int_equal(cursor_find(db, "monitor", &seq), 0);
    assert_int_equal(seq, 0);
    assert_int_equal(cursor_save(db, "monitor", 5, 100), 0);
    assert_int_equal(cursor_save(db, "forwarder", 3, 100), 0);
    assert_int_equal(cursor_save(db, "monitor", 9, 200), 0);
    assert_int_equal(cursor_find(db, "monitor", &seq), 0);
    assert_int_equal(seq, 9);
    assert_int_equal(cursor_min(db, &seq), 0);
    assert_int_equal(seq, 3);
    assert_int_equal(cursor_each(db, collect, line), 0);
    assert_string_equal(line, "forwarder=3@100 monitor=9@200 ");
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(cursor_save(db, "monitor", 50, 300), 0); /* with the effects, or not at all */
    db_rollback(db);
    assert_int_equal(cursor_find(db, "monitor", &seq), 0);
    assert_int_equal(seq, 9);
    assert_int_equal(cursor_remove(db, "forwarder"), 0);
    assert_int_equal(cursor_min(db, &seq), 0);
    assert_int_equal(seq, 9);
    db_close(db);
}

/* ---- backup and memory ----------------------------------------------------------------------- */

static void test_backup(void **state)
{
    struct db *db = NULL;
    struct db *copy = NULL;

    assert_int_equal(db_open(dir, "x.db", &schema1, &db), 0);
    assert_int_equal(sql_run(db, "INSERT INTO a VALUES (42)", ""), 0);
    assert_int_equal(db_backup(db, path_of("copy.db")), 0);
    assert_int_equal(db_open(dir, "copy.db", &schema1, &copy), 0);
    assert_int_equal(number(copy, "SELECT x FROM a"), 42);
    assert_int_equal(db_quick_check(copy), 0);
    db_close(copy);
    db_close(db);
}

/* A waiting program tries the one lock of all roles once after each renewal, however many roles there are. */
static void test_the_lock_of_a_crew_is_tried_once_a_turn(void **state)
{
    struct store_crew *first, *second;
    struct store_crew_view view;
    struct store_role *role, *other;

    assert_int_equal(store_crew_open(dir, "x", &first), 0);
    assert_int_equal(store_crew_open(dir, "x", &second), 0);
    assert_int_equal(store_crew_take(first, "a", &role), 0);
    assert_int_equal(store_crew_renew(second, &view), 0);
    assert_true(store_crew_is_free(second, "b"));
    assert_int_equal(store_crew_take(second, "b", &other), STORE_ROLE_TAKEN);
    assert_false(store_crew_is_free(second, "a"));
    assert_false(store_crew_is_free(second, "b"));
    store_role_release(role);
    assert_int_equal(store_crew_renew(second, &view), 0);
    assert_true(store_crew_is_free(second, "b"));
    assert_int_equal(store_crew_take(second, "b", &other), 0);
    store_role_release(other);
    store_crew_close(first);
    store_crew_close(second);
    (void)unlink(path_of("x.lock"));
}

static void test_every_allocation_fails_once(void **state)
{
    long live = mem_live();
    int r = -ENOMEM;

    for (long n = 0; r != 0; n++) {
        struct db *db = NULL;
        int64_t seq = 0;

        mem_fail_after(n);
        r = db_open_memory(&state_schema, &db);
        if (r == 0)
            r = cursor_save(db, "c", 1, 1);
        if (r == 0)
            r = cursor_find(db, "c", &seq);
        mem_fail_after(-1);
        if (r != 0)
            assert_int_equal(r, -ENOMEM);
        db_close(db);
        assert_int_equal(mem_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_migrations_run_once_and_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_newer_file_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_link_is_not_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_step_that_fails_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_opened, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_the_right_to_write, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rollback_and_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors_have_a_code_and_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_reader_does_not_wait_long, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_write_into_a_file_that_is_gone_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_file_that_cannot_be_opened_is_explained, setup, teardown),
        cmocka_unit_test(test_values_come_back_as_they_went),
        cmocka_unit_test(test_a_statement_inside_itself),
        cmocka_unit_test_setup_teardown(test_cursors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_backup, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_lock_of_a_crew_is_tried_once_a_turn, setup, teardown),
        cmocka_unit_test(test_every_allocation_fails_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
