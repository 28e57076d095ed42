#include "common/store/forward_commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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

/* In the place of a result: the numbers of the commands whose results it waits for. No result begins so. */
#define PARTS "\x1f"

int forward_command_split(struct db *state, int64_t n, const int64_t *parts, int n_parts, int64_t at_ms)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(FORWARD_RESULT_MAX - 1);

    for (int i = 0; i < n_parts; i++)
        (void)buf_addf(&text, PARTS "%" PRId64, parts[i]);
    return buf_error(&text) != 0 ? buf_error(&text)
                                 : forward_command_done(state, n, false, buf_str(&text), at_ms);
}

/* Returns 0, FORWARD_NO_COMMAND, or negative; @ret_destination may be NULL. */
static int own_result(struct db *state, int64_t n, bool *ret_failed, char ret[FORWARD_RESULT_MAX],
                      struct buf *ret_destination)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(state,
                      "SELECT failed, result, destination FROM forward_command WHERE n = ?1 AND done_at > 0",
                      &q, "i", n);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : FORWARD_NO_COMMAND;
    *ret_failed = sql_int(q, 0) != 0;
    str_copy(sql_text(q, 1), ret, FORWARD_RESULT_MAX);
    if (ret_destination) {
        buf_reset(ret_destination);
        (void)buf_add(ret_destination, sql_text(q, 2).p, sql_text(q, 2).n);
    }
    return 0;
}

/* The texts of the parts that did what they were to; without any, that of the first. */
static int result_of_parts(struct db *state, const char *parts, bool *ret_failed,
                           char ret[FORWARD_RESULT_MAX])
{
    CLEANUP(buf_fini) struct buf all = BUF_INIT(FORWARD_PARTS_MAX * FORWARD_RESULT_MAX);
    CLEANUP(buf_fini) struct buf destination = BUF_INIT(FORWARD_RESULT_MAX);
    char text[FORWARD_RESULT_MAX], first[FORWARD_RESULT_MAX] = "";
    bool several = strrchr(parts, PARTS[0]) != parts;
    int r = 0;

    for (const char *p = parts; *p && r == 0; p += 1 + strcspn(p + 1, PARTS)) {
        bool failed = false;

        r = own_result(state, strtoll(p + 1, NULL, 10), &failed, text, &destination);
        if (r != 0)
            break;
        if (!first[0])
            str_copy(str_from(text), first, sizeof first);
        if (!failed)
            (void)buf_addf(&all, "%s%s%s%s", all.len > 0 ? "; " : "", several ? buf_str(&destination) : "",
                           several ? ": " : "", text);
    }
    if (r != 0)
        return r;
    *ret_failed = all.len == 0;
    str_copy(str_from(all.len > 0 ? buf_str(&all) : first), ret, FORWARD_RESULT_MAX);
    return buf_error(&all);
}

int forward_command_result(struct db *state, int64_t n, bool *ret_failed, char ret[FORWARD_RESULT_MAX])
{
    char text[FORWARD_RESULT_MAX];
    int r = own_result(state, n, ret_failed, text, NULL);

    if (r == 0 && text[0] == PARTS[0])
        return result_of_parts(state, text, ret_failed, ret);
    if (r == 0)
        str_copy(str_from(text), ret, FORWARD_RESULT_MAX);
    return r;
}

int forward_command_prune(struct db *state, int64_t before_ms)
{
    return sql_run(state, "DELETE FROM forward_command WHERE done_at > 0 AND done_at < ?1", "i", before_ms);
}
