#include "common/store/forward_commands.h"

#include "common/base/mem.h"
#include "common/store/sql.h"

static const char *str_of(const char *s)
{
    return s ? s : "";
}

int forward_command_put(struct db *state, const struct forward_command *c, int64_t at_ms, int64_t *ret_n)
{
    return sql_insert(
        state,
        "INSERT INTO forward_command (verb, id, destination, bridge, session, type, since_at, until_at, at)"
        " VALUES (?7, ?1, ?2, ?9, ?3, ?4, ?5, ?6, ?8) RETURNING n",
        ret_n, "isssiiiis", c->filter.id, str_of(c->filter.destination), str_of(c->filter.session),
        str_of(c->filter.type_prefix), c->filter.since_at, c->filter.until_at, (int64_t)c->verb, at_ms,
        str_of(c->filter.bridge));
}

/* Where a text of the row was put: an offset, until all are there. */
static size_t keep(struct buf *texts, struct str s)
{
    size_t at = texts->len;

    (void)buf_add(texts, s.p ? s.p : "", s.n);
    (void)buf_add(texts, "", 1);
    return at;
}

int forward_command_first(struct db *state, int64_t after_n, struct forward_command *ret, struct buf *texts)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    size_t destination, session, type, bridge;
    int r = sql_query(
        state,
        "SELECT n, verb, id, destination, session, type, since_at, until_at, bridge FROM forward_command"
        " WHERE done_at = 0 AND n > ?1 ORDER BY n LIMIT 1",
        &q, "i", after_n);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : FORWARD_NO_COMMAND;
    buf_reset(texts);
    destination = keep(texts, sql_text(q, 3));
    session = keep(texts, sql_text(q, 4));
    type = keep(texts, sql_text(q, 5));
    bridge = keep(texts, sql_text(q, 8));
    if (buf_error(texts) != 0)
        return buf_error(texts);
    *ret = (struct forward_command){ .n = sql_int(q, 0),
                                     .verb = (enum forward_verb)sql_int(q, 1),
                                     .filter = { .id = sql_int(q, 2),
                                                 .destination = buf_str(texts) + destination,
                                                 .bridge = buf_str(texts) + bridge,
                                                 .session = buf_str(texts) + session,
                                                 .type_prefix = buf_str(texts) + type,
                                                 .since_at = sql_int(q, 6),
                                                 .until_at = sql_int(q, 7) } };
    return 0;
}

int forward_command_remove(struct db *state, int64_t n)
{
    return sql_run(state, "DELETE FROM forward_command WHERE n = ?1", "i", n);
}

int forward_command_done(struct db *state, int64_t n, bool failed, const char *result, int64_t at_ms)
{
    return sql_run(state, "UPDATE forward_command SET done_at = ?2, failed = ?3, result = ?4 WHERE n = ?1",
                   "iiis", n, at_ms, (int64_t)failed, result);
}

int forward_command_result(struct db *state, int64_t n, bool *ret_failed, char ret[FORWARD_RESULT_MAX])
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(state, "SELECT failed, result FROM forward_command WHERE n = ?1 AND done_at > 0", &q,
                      "i", n);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : FORWARD_NO_COMMAND;
    *ret_failed = sql_int(q, 0) != 0;
    str_copy(sql_text(q, 1), ret, FORWARD_RESULT_MAX);
    return 0;
}

int forward_command_prune(struct db *state, int64_t before_ms)
{
    return sql_run(state, "DELETE FROM forward_command WHERE done_at > 0 AND done_at < ?1", "i", before_ms);
}
