/*
 * A store for a unit test: a folder, or in the runs with ZK_TEST_POSTGRES (tests/postgres/server.py) the database, made
 * anew for each call. The same tests hold for both engines.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/store/postgres/steady.h"
#include "common/store/store.h"
#include "tests/unit/test_folder.h"

static inline bool test_store_is_server(void)
{
    return getenv("ZK_TEST_POSTGRES") != NULL;
}

/* Where the store is: @dir itself, or the database without a row. */
static inline const char *test_store(const char *dir)
{
    const char *uri = getenv("ZK_TEST_POSTGRES");
    char command[600];

    if (!uri)
        return dir;
    assert_int_equal(store_upgrade(uri), 0);
    (void)snprintf(command, sizeof command, "psql -q -X '%s' -f tests/postgres/empty.sql", uri);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a database of our own */
    pg_steady_by_caller(true);
    return uri;
}

/* The same for a test of the database alone. */
static inline const char *test_store_of_server(void)
{
    if (!test_store_is_server())
        fail_msg("it needs a server: tests/postgres/server.py -- build/tests/test_…");
    return test_store("");
}

static inline void test_store_psql(const char *uri, const char *sql)
{
    char command[1200];

    (void)snprintf(command, sizeof command, "psql -q -X '%s' -c \"%s\"", uri, sql);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a database of our own */
}

/* Event @n, whose key is in @digest. */
static inline struct event_new test_store_event(int n, uint8_t digest[EVENT_DIGEST_BYTES])
{
    memset(digest, 0, EVENT_DIGEST_BYTES);
    memcpy(digest, &n, sizeof n);
    return (struct event_new){ .at = 1000,
                               .type = STR_LIT("message.received"),
                               .bridge = STR_LIT("main"),
                               .session = STR_LIT("alpha"),
                               .message_id = STR_LIT("M"),
                               .body = STR_LIT("{}"),
                               .key_time_ms = 2000,
                               .key_digest = digest };
}

/* The state of a new store. */
static inline struct db *test_state(void)
{
    char dir[] = "/tmp/zk-state-XXXXXX";
    struct db *db = NULL;

    assert_non_null(test_folder(dir));
    assert_int_equal(db_open_state(test_store(dir), &db), 0);
    return db;
}
