/*
 * A folder as a side of a move: its rows.
 */
#include "common/store/sqlite/move.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/store/ack_window.h"
#include "common/store/sqlite/move_inside.h"
#include "common/store/sqlite/statements.h"
#include "common/store/sqlite/steady.h"

#define SQL_BYTES 4096

int sqlite_side_failed(struct sqlite_side *s, struct db *db, int r)
{
    if (r < 0 && db)
        (void)snprintf(s->error, sizeof s->error, "%s", db_error(db));
    return r;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static int prepare(struct db *db, const struct buf *text, struct sql **ret)
{
    int r = buf_error(text);

    if (r == 0)
        r = sqlite_prepare(db, buf_str(text), "", ret);
    if (r == 0)
        (*ret)->db = db;
    return r;
}

void sqlite_side_end_statement(struct sql **q)
{
    if (*q)
        sqlite_finalize(*q);
    *q = NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int count(struct move_side *side, const struct move_table *t, int64_t *ret)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(SQL_BYTES);
    struct sqlite_side *s = sqlite_side_of(side);
    struct sql *q = NULL;
    int r;

    *ret = 0;
    if (!s->db[t->part])
        return 0;
    (void)buf_addf(&text, "SELECT count(*) FROM \"%s\"", t->name);
    r = prepare(s->db[t->part], &text, &q);
    if (r == 0 && (r = sqlite_next(q)) == SQL_ROW) {
        *ret = sqlite_column_int(q, 0);
        r = 0;
    }
    sqlite_side_end_statement(&q);
    return sqlite_side_failed(s, s->db[t->part], r);
}

static int read_table(struct move_side *side, const struct move_table *t)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(SQL_BYTES);
    struct sqlite_side *s = sqlite_side_of(side);

    sqlite_side_end_statement(&s->reading);
    s->table = t;
    if (!s->db[t->part])
        return 0;
    (void)buf_adds(&text, "SELECT ");
    move_table_columns(t, &text);
    (void)buf_addf(&text, " FROM \"%s\" ORDER BY ", t->name);
    for (int i = 0; i < t->n_keys; i++)
        (void)buf_addf(&text, "%s\"%s\"", i > 0 ? ", " : "", t->column[t->key[i]].name);
    return sqlite_side_failed(s, s->db[t->part], prepare(s->db[t->part], &text, &s->reading));
}

static int next(struct move_side *side, struct move_value *ret)
{
    struct sqlite_side *s = sqlite_side_of(side);
    int r = s->reading ? sqlite_next(s->reading) : 0;

    if (r != SQL_ROW)
        return s->reading ? sqlite_side_failed(s, s->reading->db, r) : r;
    for (int i = 0; i < s->table->n_columns; i++) {
        enum move_kind kind = s->table->column[i].kind;

        ret[i] = (struct move_value){ .is_null = sqlite_column_is_null(s->reading, i) };
        if (kind == MOVE_INT)
            ret[i].number = sqlite_column_int(s->reading, i);
        else if (!ret[i].is_null)
            ret[i].text =
                kind == MOVE_TEXT ? sqlite_column_text(s->reading, i) : sqlite_column_blob(s->reading, i);
    }
    if (s->acks && s->table->part == MOVE_FORWARD && strcmp(s->table->name, "destination") == 0)
        r = sqlite_side_fold_acks(s, s->table, ret);
    return r < 0 ? r : SQL_ROW;
}

/* ---- ids, time ------------------------------------------------------------------------------- */

static int highest_id(struct move_side *side, const struct move_table *t, int64_t *ret)
{
    struct sqlite_side *s = sqlite_side_of(side);
    struct db *db = s->db[t->part];
    int r = 0;

    *ret = 0;
    if (db && move_table_is_log(t))
        r = sql_get_int(db, "SELECT coalesce(max(seq), 0) FROM event", ret, "");
    else if (db && t->gives_ids)
        r = sql_get_int(db, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?1", ret, "s",
                        t->name);
    return sqlite_side_failed(s, db, r);
}

static int set_highest_id(struct move_side *side, const struct move_table *t, int64_t id)
{
    struct sqlite_side *s = sqlite_side_of(side);
    struct db *db = s->db[t->part];
    int r;

    if (!t->gives_ids)
        return 0;
    r = sql_run(db, "DELETE FROM sqlite_sequence WHERE name = ?1", "s", t->name);
    if (r == 0 && id > 0)
        r = sql_run(db, "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", "si", t->name, id);
    return sqlite_side_failed(s, db, r);
}

static int steady(struct move_side *side, struct clock *clock, int64_t *ret_ms)
{
    struct sqlite_side *s = sqlite_side_of(side);
    struct now now = { 0 };
    int r = sqlite_steady_now(s->db[MOVE_STATE], clock, &now);

    *ret_ms = now.steady_ms;
    return sqlite_side_failed(s, s->db[MOVE_STATE], r);
}

static int set_steady(struct move_side *side, struct clock *clock, int64_t steady_ms)
{
    struct sqlite_side *s = sqlite_side_of(side);
    int r = sql_run(s->db[MOVE_STATE],
                    "UPDATE steady SET boot_id = ?1, boot_ms = ?2, steady_ms = ?3, wall_ms = ?4 WHERE id = 1",
                    "siii", clock->boot_id, clock->boot_ms(clock), steady_ms, clock->wall_ms(clock));

    return sqlite_side_failed(s, s->db[MOVE_STATE], r);
}

/* ---- writing --------------------------------------------------------------------------------- */

static int begin_put(struct sqlite_side *s, const struct move_table *t)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(SQL_BYTES);
    struct db *db = s->db[t->part];
    int r = db_begin(db);

    if (r == 0 && strcmp(t->name, "meta") == 0) /* a new file has its own */
        r = sql_exec(db, "DELETE FROM meta");
    (void)buf_addf(&text, "INSERT INTO \"%s\" (", t->name);
    move_table_columns(t, &text);
    (void)buf_adds(&text, ") VALUES (");
    for (int i = 0; i < t->n_columns; i++)
        (void)buf_addf(&text, "%s?%d", i > 0 ? ", " : "", i + 1);
    (void)buf_adds(&text, ")");
    return r == 0 ? prepare(db, &text, &s->putting) : r;
}

static int bind(struct sql *q, int at, enum move_kind kind, const struct move_value *v)
{
    if (v->is_null)
        return sqlite_bind_null(q, at);
    if (kind == MOVE_INT)
        return sqlite_bind_int(q, at, v->number);
    return kind == MOVE_TEXT ? sqlite_bind_text(q, at, v->text) : sqlite_bind_blob(q, at, v->text);
}

static int put(struct move_side *side, const struct move_table *t, struct move_value *row)
{
    struct sqlite_side *s = sqlite_side_of(side);
    int r = s->putting ? 0 : begin_put(s, t);

    for (int i = 0; r == 0 && i < t->n_columns; i++)
        r = bind(s->putting, i + 1, t->column[i].kind, &row[i]);
    if (r == 0)
        r = sqlite_next(s->putting);
    if (s->putting)
        sqlite_reset(s->putting);
    return sqlite_side_failed(s, s->db[t->part], r);
}

static int put_end(struct move_side *side, const struct move_table *t)
{
    struct sqlite_side *s = sqlite_side_of(side);
    bool any = s->putting != NULL;

    sqlite_side_end_statement(&s->putting);
    return any ? sqlite_side_failed(s, s->db[t->part], db_commit(s->db[t->part])) : 0;
}

static const char *error_of(const struct move_side *side)
{
    return sqlite_side_of(side)->error;
}

static void close_side(struct move_side *side)
{
    struct sqlite_side *s = sqlite_side_of(side);

    sqlite_side_close_files(s);
    folder_use_release(&s->use);
    buf_fini(&s->done);
    mem_free(s);
}

static const struct move_side_engine side_engine = {
    .count = count,
    .read = read_table,
    .next = next,
    .highest_id = highest_id,
    .steady = steady,
    .put = put,
    .put_end = put_end,
    .set_highest_id = set_highest_id,
    .set_steady = set_steady,
    .reopen = sqlite_side_reopen,
    .finish = sqlite_side_finish,
    .error = error_of,
    .close = close_side,
};

/* ---- opening --------------------------------------------------------------------------------- */

int sqlite_move_open(const char *dir, enum move_role role, struct move_side **ret, char *ret_detail, size_t n)
{
    struct sqlite_side *s = mem_zalloc(sizeof *s);
    int r;

    if (!s)
        return -ENOMEM;
    s->side.engine = &side_engine;
    s->use = (struct folder_use){ .fd = { -1, -1, -1 } };
    buf_init(&s->done, ACK_WINDOW_SEQS / 8 + 8);
    (void)snprintf(s->dir, sizeof s->dir, "%.4000s", dir);
    r = sqlite_side_open(s, role);
    (void)snprintf(ret_detail, n, "%s", s->error);
    if (r == 0)
        *ret = &s->side;
    else
        close_side(&s->side);
    return r;
}
