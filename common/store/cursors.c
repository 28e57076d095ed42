#include "common/store/cursors.h"

#include "common/base/mem.h"
#include "common/store/sql.h"

int cursor_save(struct db *state, const char *consumer, int64_t seq, int64_t at_ms)
{
    return sql_run(state,
                   "INSERT INTO cursor (consumer, seq, at) VALUES (?1, ?2, ?3)"
                   " ON CONFLICT (consumer) DO UPDATE SET seq = excluded.seq, at = excluded.at",
                   "sii", consumer, seq, at_ms);
}

int cursor_find(struct db *state, const char *consumer, int64_t *ret_seq)
{
    int r = sql_get_int(state, "SELECT seq FROM cursor WHERE consumer = ?1", ret_seq, "s", consumer);

    if (r != SQL_NO_ROW)
        return r;
    *ret_seq = 0;
    return 0;
}

int cursor_min(struct db *state, int64_t *ret_seq)
{
    return sql_get_int(state, "SELECT coalesce(min(seq), 9223372036854775807) FROM cursor", ret_seq, "");
}

int cursor_max(struct db *state, int64_t *ret_seq)
{
    return sql_get_int(state, "SELECT coalesce(max(seq), 0) FROM cursor", ret_seq, "");
}

int cursor_each(struct db *state,
                int (*on_cursor)(void *ctx, const char *consumer, int64_t seq, int64_t at_ms), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(state, "SELECT consumer, seq, at FROM cursor ORDER BY consumer", &q, "");

    while (r == 0 && (r = sql_next(q)) == SQL_ROW)
        r = on_cursor(ctx, sql_text(q, 0).p, sql_int(q, 1), sql_int(q, 2));
    return r;
}

int cursor_remove(struct db *state, const char *consumer)
{
    int r = sql_run(state, "DELETE FROM cursor WHERE consumer = ?1", "s", consumer);

    return r == 0 && sql_changes(state) == 0 ? CURSOR_NONE : r;
}
