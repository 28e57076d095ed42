#include "common/store/activity_profiles.h"

#include "common/base/mem.h"
#include "common/store/sql.h"

int activity_profiles_save(struct db *db, const char *bridge, const char *session, struct str hours)
{
    return sql_run(db,
                   "INSERT INTO activity_profile (bridge, session, hours) VALUES (?1, ?2, ?3)"
                   " ON CONFLICT (bridge, session) DO UPDATE SET hours = excluded.hours",
                   "ssb", bridge, session, hours);
}

int activity_profiles_each(struct db *db, const char *bridge,
                           int (*on_row)(void *ctx, const char *session, struct str hours), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, "SELECT session, hours FROM activity_profile WHERE bridge = ?1 ORDER BY session",
                      &q, "s", bridge);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW)
        r = on_row(ctx, sql_text(q, 0).p, sql_blob(q, 1));
    return r;
}
