#include "common/store/access.h"

#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/store/sql.h"

#define SELECT "SELECT id, kind, role, name, hash, actor, created_at, used_at, expires_at FROM access"

static void read_row(const struct sql *q, struct access_row *ret)
{
    *ret = (struct access_row){ .id = sql_int(q, 0),
                                .kind = (enum access_kind)sql_int(q, 1),
                                .role = (enum access_role)sql_int(q, 2),
                                .created_at = sql_int(q, 6),
                                .used_at = sql_int(q, 7),
                                .expires_at = sql_int(q, 8) };
    str_copy(sql_text(q, 3), ret->name, sizeof ret->name);
    str_copy(sql_text(q, 4), ret->hash, sizeof ret->hash);
    str_copy(sql_text(q, 5), ret->actor, sizeof ret->actor);
}

int access_add(struct db *db, const struct access_row *row, int64_t *ret_id)
{
    return sql_insert(db,
                      "INSERT INTO access (kind, role, name, hash, actor, created_at, used_at, expires_at)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id",
                      ret_id, "iisssiii", (int64_t)row->kind, (int64_t)row->role, row->name, row->hash,
                      row->actor, row->created_at, row->used_at, row->expires_at);
}

int access_find(struct db *db, const char *hash, int64_t now_ms, struct access_row *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, SELECT " WHERE hash = ?1 AND (expires_at = 0 OR expires_at > ?2)", &q, "si", hash,
                      now_ms);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : ACCESS_NONE;
    read_row(q, ret);
    return 0;
}

int access_touch(struct db *db, int64_t id, int64_t used_at, int64_t expires_at)
{
    return sql_run(db, "UPDATE access SET used_at = ?2, expires_at = ?3 WHERE id = ?1", "iii", id, used_at,
                   expires_at);
}

int access_remove(struct db *db, enum access_kind kind, int64_t id)
{
    int r = sql_run(db, "DELETE FROM access WHERE id = ?1 AND kind = ?2", "ii", id, (int64_t)kind);

    return r == 0 && sql_changes(db) == 0 ? ACCESS_NONE : r;
}

int access_count(struct db *db, enum access_kind kind, int64_t *ret)
{
    return sql_get_int(db, "SELECT count(*) FROM access WHERE kind = ?1", ret, "i", (int64_t)kind);
}

int access_prune(struct db *db, int64_t now_ms)
{
    int r = sql_run(db, "DELETE FROM access WHERE expires_at > 0 AND expires_at <= ?1", "i", now_ms);

    if (r == 0)
        r = sql_run(db,
                    "DELETE FROM access WHERE kind = ?1 AND id IN"
                    " (SELECT id FROM access WHERE kind = ?1 ORDER BY id DESC LIMIT 1000000 OFFSET ?2)",
                    "ii", (int64_t)ACCESS_LOGIN, (int64_t)ACCESS_MAX);
    return r;
}

int access_each(struct db *db, enum access_kind kind, int (*on_row)(void *ctx, const struct access_row *row),
                void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    struct access_row row;
    int r = sql_query(db, SELECT " WHERE kind = ?1 ORDER BY id", &q, "i", (int64_t)kind);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        read_row(q, &row);
        r = on_row(ctx, &row);
    }
    return r;
}
