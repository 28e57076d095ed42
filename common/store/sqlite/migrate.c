/*
 * The schema of a file, step by step: user_version counts the steps that were run.
 */
#include "common/store/sqlite/migrate.h"

#include <errno.h>
#include <stdio.h>

#include "common/store/db.h"
#include "common/store/sql.h"
#include "common/store/sqlite/schemas.h"

int db_schema_version(const struct db_schema *schema)
{
    int n = 0;

    while (schema->sql[n])
        n++;
    return n;
}

static int read_version(struct db *db, int *ret)
{
    int64_t version = 0;
    int r = sql_get_int(db, "PRAGMA user_version", &version, "");

    if (r == 0)
        *ret = (int)version;
    return r;
}

static int run_steps(struct db *db, const struct db_schema *schema, int from, int to)
{
    char pragma[64];
    int r = 0;

    for (int i = from; r == 0 && i < to; i++)
        r = sql_exec(db, schema->sql[i]);
    if (r != 0 || from >= to)
        return r;
    (void)snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", to);
    return sql_exec(db, pragma);
}

int sqlite_migrate(struct db *db, const struct db_schema *schema)
{
    int to = db_schema_version(schema);
    int from = 0;
    int r = read_version(db, &from);

    if (r != 0 || from == to)
        return r;
    if (from > to)
        return -EPROTONOSUPPORT; /* db_problem() says which versions */
    r = db_begin(db);
    if (r == 0)
        r = read_version(db, &from); /* another process may have been faster */
    if (r == 0 && from > to)
        r = -EPROTONOSUPPORT;
    if (r == 0)
        r = run_steps(db, schema, from, to);
    if (r == 0)
        return db_commit(db);
    db_rollback(db);
    return r;
}

int sqlite_check_version(struct db *db, int version_max)
{
    int version = 0;
    int r = read_version(db, &version);

    if (r == 0 && version == 0)
        return -ENOENT; /* made, not filled yet: its owner is just starting */
    return r == 0 && version > version_max ? -EPROTONOSUPPORT : r;
}
