#include "common/store/audit.h"

#include "common/base/mem.h"
#include "common/store/sql.h"

int audit_add(struct db *db, const struct audit_row *row, int64_t *ret_n)
{
    int r = sql_insert(db,
                       "INSERT INTO audit (at, actor, address, action, bridge, session, detail, ok)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING n",
                       ret_n, "issssssi", row->at, row->actor, row->address, row->action, row->bridge,
                       row->session, row->detail, (int64_t)row->ok);

    return r == 0 ? sql_run(db, "DELETE FROM audit WHERE n <= ?1", "i", *ret_n - AUDIT_MAX) : r;
}

int audit_each(struct db *db, const char *bridge, const char *session, int64_t before_n, int limit,
               int (*on_row)(void *ctx, const struct audit_row *row), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      "SELECT n, at, actor, address, action, bridge, session, detail, ok FROM audit"
                      " WHERE n < ?1 AND (?2 IS NULL OR bridge = ?2) AND (?3 IS NULL OR session = ?3)"
                      " ORDER BY n DESC LIMIT ?4",
                      &q, "issi", before_n > 0 ? before_n : INT64_MAX, bridge, session, (int64_t)limit);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        struct audit_row row = { .n = sql_int(q, 0), .at = sql_int(q, 1), .ok = sql_int(q, 8) != 0 };

        str_copy(sql_text(q, 2), row.actor, sizeof row.actor);
        str_copy(sql_text(q, 3), row.address, sizeof row.address);
        str_copy(sql_text(q, 4), row.action, sizeof row.action);
        str_copy(sql_text(q, 5), row.bridge, sizeof row.bridge);
        str_copy(sql_text(q, 6), row.session, sizeof row.session);
        str_copy(sql_text(q, 7), row.detail, sizeof row.detail);
        r = on_row(ctx, &row);
    }
    return r;
}
