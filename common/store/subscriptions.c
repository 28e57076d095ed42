#include "common/store/subscriptions.h"

#include "common/base/mem.h"
#include "common/store/columns.h"

#define COLUMNS SUBSCRIPTION_COLUMNS(SQL_NAMES)

#define SQL_ROW_STRUCT struct subscription_row
static const struct sql_column columns[] = { SUBSCRIPTION_COLUMNS(SQL_COLUMNS) };

int subscriptions_find(struct db *db, const char *bridge, const char *session, struct subscription_row *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, "SELECT " COLUMNS " FROM subscription WHERE bridge = ?1 AND session = ?2", &q, "ss",
                      bridge, session);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : SUBSCRIPTIONS_NONE;
    sql_read_row(q, 0, columns, ARRAY_LEN(columns), ret);
    return 0;
}

int subscriptions_save(struct db *db, const struct subscription_row *row)
{
    return sql_write_row(
        db,
        "INSERT INTO subscription (" COLUMNS ") VALUES (" SUBSCRIPTION_COLUMNS(
            SQL_MARKS) ")"
                       " ON CONFLICT (bridge, session) DO UPDATE SET " SUBSCRIPTION_COLUMNS(SQL_SETS),
        columns, ARRAY_LEN(columns), row);
}

int subscriptions_each(struct db *db, const char *bridge,
                       int (*on_row)(void *ctx, const struct subscription_row *row), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    struct subscription_row row;
    int r = sql_query(db, "SELECT " COLUMNS " FROM subscription WHERE bridge = ?1 ORDER BY session", &q, "s",
                      bridge);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        sql_read_row(q, 0, columns, ARRAY_LEN(columns), &row);
        r = on_row(ctx, &row);
    }
    return r;
}
