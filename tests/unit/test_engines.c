/* The common part of both engines of the store, without a server: the same tables with the same columns, and texts that
 * the second understands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/store/db.h"
#include "common/store/postgres/array.h"
#include "common/store/postgres/dialect.h"
#include "common/store/postgres/schema.h"
#include "common/store/retention.h"
#include "common/store/sql.h"
#include "common/store/sqlite/open.h"
#include "common/store/sqlite/schemas.h"

/* The text of "CREATE TABLE @table (…)" in the schema zapkeep_@part of the steps. */
static const char *postgres_table(const char *part, const char *table)
{
    char head[128];
    const char *p;

    for (const char *const *step = pg_schema_steps(); *step; step++) {
        (void)snprintf(head, sizeof head, "SET LOCAL search_path = zapkeep_%s;", part);
        p = strstr(*step, head);
        (void)snprintf(head, sizeof head, "CREATE TABLE %s (", table);
        p = p ? strstr(p, head) : NULL;
        if (p)
            return p + strlen(head);
    }
    return NULL;
}

static void check_columns(struct db *db, const char *part, const char *table)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    const char *there = postgres_table(part, table);
    char name[80];

    if (!there) {
        fail_msg("PostgreSQL has no table %s of %s: add it to common/store/postgres/schema.c", table, part);
        return;
    }
    assert_int_equal(sql_query(db, "SELECT name FROM pragma_table_info(?1)", &q, "s", table), 0);
    while (sql_next(q) == SQL_ROW) {
        const char *end = strchr(there, ';');
        const char *at = there;

        (void)snprintf(name, sizeof name, "%s ", sql_text(q, 0).p);
        while (at && at < end && (at = strstr(at, name)) && at != there && at[-1] != ' ' && at[-1] != '(')
            at++;
        if (!at || at >= end)
            fail_msg("PostgreSQL's %s.%s has no column %s: add it to common/store/postgres/schema.c", part,
                     table, name);
    }
}

static void check_part(const char *part, const struct db_schema *schema)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    struct db *db = NULL;

    assert_int_equal(db_open_memory(schema, &db), 0);
    assert_int_equal(
        sql_query(db,
                  "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                  " AND name <> 'steady'",
                  &q, ""),
        0);
    while (sql_next(q) == SQL_ROW)
        check_columns(db, part, sql_text(q, 0).p);
    sql_done(&q);
    db_close(db);
}

static void test_both_have_the_same_tables(void **state)
{
    check_part("state", &state_schema);
    check_part("events", &events_schema);
    check_part("forward", &forward_schema);
}

static void test_texts_are_translated(void **state)
{
    static const struct {
        const char *from, *to;
    } cases[] = {
        { "SELECT ?1, ?2 WHERE a = ?1", "SELECT $1, $2 WHERE a = $1" },
        { "INSERT INTO t VALUES (?, ?, ?)", "INSERT INTO t VALUES ($1, $2, $3)" },
        { "SELECT '?1' || ?1", "SELECT '?1' || $1" },
        { "SELECT a FROM t INDEXED BY t_by_a WHERE a = ?1", "SELECT a FROM t WHERE a = $1" },
        { "EXISTS (SELECT 1 FROM t INDEXED BY t_by_a)", "EXISTS (SELECT 1 FROM t)" },
        { "SELECT 'meta', a_meta, metas FROM meta", "SELECT 'meta', a_meta, metas FROM x.meta" },
        { "INSERT INTO meta(a) SELECT 1 FROM y.meta", "INSERT INTO x.meta(a) SELECT 1 FROM y.meta" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(mem_freep) char *sql = pg_dialect(cases[i].from, "x");

        assert_string_equal(sql, cases[i].to);
    }
}

static void test_texts_are_cleaned(void **state)
{
    char out[16];

    assert_int_equal(pg_clean_text(STR_LIT("a\0b"), out), 3);
    assert_memory_equal(out, "a?b", 3);
    assert_int_equal(pg_clean_text((struct str){ "caf\xc3\xa9 \xc3", 7 }, out),
                     7); /* cut in the middle of a letter */
    assert_memory_equal(out, "caf\xc3\xa9 ?", 7);
}

/* As array_recv() of PostgreSQL reads it. */
static void test_an_array_on_the_wire(void **state)
{
    static const uint8_t wanted[] = { 0, 0, 0, 1, 0, 0, 0, 0, 0,   0, 0, 25, 0, 0,   0,  2,
                                      0, 0, 0, 1, 0, 0, 0, 1, 'a', 0, 0, 0,  2, 'b', '?' };
    struct pg_array a = { 0 };

    pg_array_begin(&a, PG_ARRAY_TEXT);
    pg_array_str(&a, STR_LIT("a"));
    pg_array_str(&a, STR_LIT("b\xff"));
    assert_int_equal(pg_array_end(&a), 0);
    assert_int_equal(a.bytes.len, sizeof wanted);
    assert_memory_equal(a.bytes.data, wanted, sizeof wanted);
    pg_array_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_have_the_same_tables),
        cmocka_unit_test(test_texts_are_translated),
        cmocka_unit_test(test_texts_are_cleaned),
        cmocka_unit_test(test_an_array_on_the_wire),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
