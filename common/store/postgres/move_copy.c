#include "common/store/postgres/move_copy.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/store/postgres/dialect.h"
#include "common/store/postgres/event_log_inside.h"
#include "common/store/sql.h"

#define SQL_BYTES 4096
/* Rows of a fetch; a body may have a MiB. */
#define FETCH      1000
#define FETCH_BODY 64
/* Sent at once. */
#define SEND_BYTES (1024 * 1024)
#define SEND_ROWS  5000
#define ROWS_MAX   (512L * 1024 * 1024)
#define TEXT_OID   25

void move_path(const struct move_table *t, char ret[MOVE_PATH_MAX])
{
    (void)snprintf(ret, MOVE_PATH_MAX, "zapkeep_%s.%s", move_part_name(t->part), t->name);
}

static int ask(struct pg_db *d, const char *sql, int format, PGresult **ret)
{
    if (PQsendQueryParams(d->conn, sql, 0, NULL, NULL, NULL, NULL, format) == 0)
        return pg_lost(d, PQerrorMessage(d->conn));
    return pg_result(d, MOVE_ANSWER_MS, ret);
}

int move_run(struct pg_db *d, const char *sql, int64_t *ret)
{
    PGresult *res = NULL;
    int r;

    if (PQsendQuery(d->conn, sql) == 0)
        return pg_lost(d, PQerrorMessage(d->conn));
    r = pg_result(d, MOVE_ANSWER_MS, &res);
    if (r == 0 && ret)
        *ret = PQntuples(res) > 0 ? strtoll(PQgetvalue(res, 0, 0), NULL, 10) : 0;
    PQclear(res);
    return r;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Texts by their bytes, as SQLite orders them, in a database of any order. */
static void add_order(struct buf *sql, const struct move_table *t)
{
    for (int i = 0; i < t->n_keys; i++) {
        const struct move_column *c = &t->column[t->key[i]];

        (void)buf_addf(sql, "%s\"%s\"%s", i > 0 ? ", " : " ORDER BY ", c->name,
                       c->kind == MOVE_TEXT ? " COLLATE \"C\"" : "");
    }
}

void move_read_end(struct move_reader *r)
{
    PQclear(r->rows);
    r->rows = NULL;
    if (r->open && pg_is_usable(r->d))
        (void)move_run(r->d, "CLOSE rows_of_table", NULL);
    r->open = false;
}

int move_read_begin(struct move_reader *r, const struct move_table *t)
{
    CLEANUP(buf_fini) struct buf sql = BUF_INIT(SQL_BYTES);
    char path[MOVE_PATH_MAX];
    int rc;

    move_read_end(r);
    r->table = t;
    move_path(t, path);
    (void)buf_adds(&sql, "DECLARE rows_of_table NO SCROLL CURSOR FOR SELECT ");
    move_table_columns(t, &sql);
    (void)buf_addf(&sql, " FROM %s", path);
    add_order(&sql, t);
    rc = buf_error(&sql);
    if (rc == 0)
        rc = move_run(r->d, buf_str(&sql), NULL);
    r->open = rc == 0;
    return rc;
}

static int fetch(struct move_reader *r)
{
    char sql[64];
    bool bodies = false;

    for (int i = 0; i < r->table->n_columns; i++)
        bodies = bodies || strcmp(r->table->column[i].name, "body") == 0;
    PQclear(r->rows);
    r->rows = NULL;
    r->at = 0;
    (void)snprintf(sql, sizeof sql, "FETCH %d FROM rows_of_table", bodies ? FETCH_BODY : FETCH);
    return ask(r->d, sql, 1, &r->rows);
}

int move_read_next(struct move_reader *r, struct move_value *ret)
{
    int rc = 0;

    if (!r->rows || r->at == PQntuples(r->rows))
        rc = fetch(r);
    if (rc != 0 || PQntuples(r->rows) == 0)
        return rc;
    for (int i = 0; i < r->table->n_columns; i++) {
        const char *p = PQgetvalue(r->rows, r->at, i);
        uint64_t number;

        ret[i] = (struct move_value){ .is_null = PQgetisnull(r->rows, r->at, i) != 0 };
        if (r->table->column[i].kind == MOVE_INT && PQgetlength(r->rows, r->at, i) == sizeof number) {
            memcpy(&number, p, sizeof number);
            ret[i].number = (int64_t)be64toh(number);
        } else if (!ret[i].is_null) {
            ret[i].text = (struct str){ p, (size_t)PQgetlength(r->rows, r->at, i) };
        }
    }
    r->at++;
    return SQL_ROW;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* A table's texts are cleaned, its bytes are not: rejected headers are bytes here. */
static int note_types(struct move_writer *w)
{
    CLEANUP(buf_fini) struct buf sql = BUF_INIT(SQL_BYTES);
    char path[MOVE_PATH_MAX];
    PGresult *res = NULL;
    int r;

    move_path(w->table, path);
    (void)buf_adds(&sql, "SELECT ");
    move_table_columns(w->table, &sql);
    (void)buf_addf(&sql, " FROM %s LIMIT 0", path);
    r = buf_error(&sql);
    if (r == 0)
        r = ask(w->d, buf_str(&sql), 0, &res);
    for (int i = 0; r == 0 && i < w->table->n_columns; i++)
        w->is_text[i] = PQftype(res, i) == TEXT_OID;
    PQclear(res);
    return r;
}

/* A new store has a name for its log, which is not that of the log that comes. */
static int begin_table(struct move_writer *w, const struct move_table *t)
{
    char path[MOVE_PATH_MAX], sql[160];
    int r;

    w->table = t;
    w->n = 0;
    w->partition = -1;
    buf_fini(&w->rows);
    buf_init(&w->rows, ROWS_MAX);
    buf_init(&w->clean, ROWS_MAX);
    r = note_types(w);
    if (r != 0 || strcmp(t->name, "meta") != 0)
        return r;
    move_path(t, path);
    (void)snprintf(sql, sizeof sql, "DELETE FROM %s", path);
    return move_run(w->d, sql, NULL);
}

static void add_be16(struct buf *b, uint16_t v)
{
    v = htobe16(v);
    (void)buf_add(b, &v, sizeof v);
}

static void add_be32(struct buf *b, uint32_t v)
{
    v = htobe32(v);
    (void)buf_add(b, &v, sizeof v);
}

static void add_value(struct buf *b, enum move_kind kind, const struct move_value *v)
{
    uint64_t number = htobe64((uint64_t)v->number);

    if (v->is_null) {
        add_be32(b, UINT32_MAX);
    } else if (kind == MOVE_INT) {
        add_be32(b, sizeof number);
        (void)buf_add(b, &number, sizeof number);
    } else {
        add_be32(b, (uint32_t)v->text.n);
        (void)buf_add(b, v->text.p, v->text.n);
    }
}

/* A changed text is as long as it was. */
static int clean(struct move_writer *w, struct move_value *row)
{
    char *to;

    buf_reset(&w->clean);
    for (int i = 0; i < w->table->n_columns; i++) {
        if (w->is_text[i])
            (void)buf_add(&w->clean, row[i].text.p, row[i].text.n);
    }
    to = w->clean.data;
    for (int i = 0; to && buf_error(&w->clean) == 0 && i < w->table->n_columns; i++) {
        if (!w->is_text[i] || row[i].text.n == 0)
            continue;
        row[i].text = (struct str){ to, pg_clean_text(row[i].text, to) };
        to += row[i].text.n;
    }
    return buf_error(&w->clean);
}

/* Data goes into libpq's memory, as long as there is any. */
static int send_rows(struct move_writer *w)
{
    int r = PQputCopyData(w->d->conn, w->rows.data, (int)w->rows.len);

    if (r <= 0)
        return pg_lost(w->d, PQerrorMessage(w->d->conn));
    if (PQputCopyEnd(w->d->conn, NULL) <= 0)
        return pg_lost(w->d, PQerrorMessage(w->d->conn));
    return 0;
}

static int begin_copy(struct move_writer *w)
{
    CLEANUP(buf_fini) struct buf sql = BUF_INIT(SQL_BYTES);
    char path[MOVE_PATH_MAX];
    PGresult *res = NULL;
    int r;

    move_path(w->table, path);
    (void)buf_addf(&sql, "COPY %s (", path);
    move_table_columns(w->table, &sql);
    (void)buf_adds(&sql, ") FROM STDIN (FORMAT binary)");
    r = buf_error(&sql);
    if (r == 0 && PQsendQuery(w->d->conn, buf_str(&sql)) == 0)
        r = pg_lost(w->d, PQerrorMessage(w->d->conn));
    if (r == 0)
        r = pg_flush(w->d, MOVE_ANSWER_MS);
    if (r == 0)
        r = pg_next_result(w->d, MOVE_ANSWER_MS, &res);
    if (r == 0 && PQresultStatus(res) != PGRES_COPY_IN)
        r = pg_check(w->d, res);
    PQclear(res);
    return r;
}

static int flush(struct move_writer *w)
{
    PGresult *res = NULL;
    int r;

    if (w->n == 0)
        return 0;
    add_be16(&w->rows, UINT16_MAX); /* the end */
    r = buf_error(&w->rows);
    if (r == 0)
        r = begin_copy(w);
    if (r == 0)
        r = send_rows(w);
    if (r == 0)
        r = pg_result(w->d, MOVE_ANSWER_MS, &res);
    PQclear(res);
    w->n = 0;
    buf_reset(&w->rows);
    return r;
}

/* Events stand in partitions by their seq, the first column. */
static int make_partition(struct move_writer *w, int64_t seq)
{
    int64_t number = seq / PG_PARTITION_EVENTS;
    int r = number == w->partition ? 0 : pg_make_partition(w->d, number);

    if (r == 0)
        w->partition = number;
    return r;
}

int move_write_put(struct move_writer *w, const struct move_table *t, struct move_value *row)
{
    static const char head[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"; /* signature, flags, no extension */
    int r = w->table == t ? 0 : begin_table(w, t);

    if (r == 0 && move_table_is_log(t))
        r = make_partition(w, row[0].number);
    if (r == 0)
        r = clean(w, row);
    if (r != 0)
        return r;
    if (w->n == 0)
        (void)buf_add(&w->rows, head, sizeof head - 1);
    add_be16(&w->rows, (uint16_t)t->n_columns);
    for (int i = 0; i < t->n_columns; i++)
        add_value(&w->rows, t->column[i].kind, &row[i]);
    w->n++;
    r = buf_error(&w->rows);
    return r == 0 && (w->rows.len >= SEND_BYTES || w->n >= SEND_ROWS) ? flush(w) : r;
}

int move_write_end(struct move_writer *w)
{
    int r = w->table ? flush(w) : 0;

    w->table = NULL;
    buf_fini(&w->rows);
    buf_fini(&w->clean);
    return r;
}
