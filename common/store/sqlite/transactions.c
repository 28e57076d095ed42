/* Transactions of one connection. */
#include "common/store/sqlite/transactions.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>

#include "common/store/sql.h"
#include "common/store/sqlite/handle.h"

int sqlite_begin(struct db *db)
{
    return sql_run(db, "BEGIN IMMEDIATE", "");
}

int sqlite_commit(struct db *db)
{
    int r = sql_run(db, "COMMIT", "");

    if (r == 0)
        return sqlite_check_in_place(db);
    sqlite_rollback(db);
    return r;
}

void sqlite_rollback(struct db *db)
{
    if (sqlite_in_transaction(db))
        (void)sqlite3_exec(sqlite_handle(db), "ROLLBACK", NULL, NULL, NULL); /* keeps the text of the error */
}

bool sqlite_in_transaction(const struct db *db)
{
    return !db->reading && sqlite3_get_autocommit(sqlite_handle(db)) == 0;
}

int sqlite_begin_reads(struct db *db)
{
    int r = sqlite_check_in_place(db);

    if (r == 0)
        r = sql_run(db, "BEGIN", "");
    db->reading = r == 0;
    return r;
}

void sqlite_end_reads(struct db *db)
{
    db->reading = false;
    if (sqlite_in_transaction(db))
        (void)sql_run(db, "COMMIT", ""); /* of nothing */
}

int sqlite_data_version(struct db *db, int64_t *ret)
{
    return sql_get_int(db, "PRAGMA data_version", ret, "");
}

/* Writes the version that stands there already: a page, a journal and the syncs of a real commit. */
int sqlite_check_writable(struct db *db)
{
    char pragma[64];
    int64_t version = 0;
    int r = sqlite_begin(db);

    if (r == 0)
        r = sql_get_int(db, "PRAGMA user_version", &version, "");
    if (r == 0) {
        (void)snprintf(pragma, sizeof pragma, "PRAGMA user_version = %" PRId64, version);
        r = sql_exec(db, pragma);
    }
    if (r == 0)
        return sqlite_commit(db);
    sqlite_rollback(db);
    return r;
}
