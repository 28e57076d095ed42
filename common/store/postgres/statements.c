/*
 * Prepared statements of PostgreSQL. Values and columns go in binary: numbers as int8, texts and bytes as they are.
 *
 * A statement that writes outside a transaction gets one of its own, with the lock and the fence of db_begin(): a lone
 * UPDATE never comes between the reading and the writing of somebody's transaction, as in SQLite.
 */
#include "common/store/postgres/statements.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/store/postgres/connection.h"
#include "common/store/postgres/deferred.h"
#include "common/store/postgres/dialect.h"
#include "common/store/postgres/transactions.h"
#include "common/store/postgres/wire.h"
#include "common/store/sql.h"

#define VALUES_MAX  48
#define OID_BOOL    16
#define OID_BYTEA   17
#define OID_INT8    20
#define OID_INT2    21
#define OID_INT4    23
#define OID_TEXT    25
#define OID_NUMERIC 1700

struct statement {
    struct sql sql; /* first */
    char name[16];
    int n;
    bool writes;
    bool own_transaction; /* begun by this statement, committed by its end */
    const char *values[VALUES_MAX];
    int lengths[VALUES_MAX], formats[VALUES_MAX];
    int64_t numbers[VALUES_MAX];
    char *cleaned[VALUES_MAX]; /* owned */
    PGresult *res;
    int row, n_rows;
};

static struct statement *statement(const struct sql *q)
{
    return (struct statement *)q;
}

/* ---- preparing ------------------------------------------------------------------------------- */

static Oid oid_of(char letter)
{
    switch (letter) {
    case 'i':
        return OID_INT8;
    case 'b':
        return OID_BYTEA;
    case 's':
    case 't':
        return OID_TEXT;
    default:
        return 0;
    }
}

static int send_prepare(struct pg_db *d, struct statement *s, const char *text, const char *fmt)
{
    CLEANUP(mem_freep) char *sql = pg_dialect(text, pg_schema_of(d->part));
    Oid types[VALUES_MAX];
    PGresult *res = NULL;
    int n = (int)strlen(fmt);
    int r = sql ? pg_may_send(d) : -ENOMEM;

    for (int i = 0; i < n; i++)
        types[i] = oid_of(fmt[i]);
    if (r == 0)
        r = pg_settle(d);
    if (r != 0)
        return r;
    if (PQsendPrepare(d->conn, s->name, sql, n, types) == 0)
        return pg_lost(d, PQerrorMessage(d->conn));
    r = pg_result(d, PG_ANSWER_MS, &res);
    PQclear(res);
    return r;
}

int pg_prepare(struct db *db, const char *text, const char *fmt, struct sql **ret)
{
    struct pg_db *d = pg_db(db);
    CLEANUP(mem_freep) struct statement *s = mem_zalloc(sizeof *s);
    int r;

    if (!s)
        return -ENOMEM;
    if (strlen(fmt) > VALUES_MAX)
        return -EPROTO;
    s->n = (int)strlen(fmt);
    s->writes = strncasecmp(text, "SELECT", 6) != 0;
    (void)snprintf(s->name, sizeof s->name, "q%d", d->wire->n_statements++);
    r = send_prepare(d, s, text, fmt);
    if (r == 0)
        *ret = &TAKE(s)->sql;
    return r;
}

void pg_finalize(struct sql *q)
{
    struct statement *s = statement(q);
    struct pg_db *d = pg_db(q->db);

    pg_reset(q);
    if (pg_wire_is_shared(d)) /* else the server forgets it with the connection */
        (void)buf_addf(&d->forgotten, "DEALLOCATE %s;", s->name);
    mem_free(q);
}

/* ---- values ---------------------------------------------------------------------------------- */

int pg_bind_null(struct sql *q, int at)
{
    struct statement *s = statement(q);

    s->values[at - 1] = NULL;
    return 0;
}

static int bind(struct sql *q, int at, const char *p, size_t n)
{
    struct statement *s = statement(q);

    s->values[at - 1] = p;
    s->lengths[at - 1] = (int)n;
    s->formats[at - 1] = 1;
    return 0;
}

int pg_bind_int(struct sql *q, int at, int64_t v)
{
    int64_t *number = &statement(q)->numbers[at - 1];

    *number = (int64_t)htobe64((uint64_t)v);
    return bind(q, at, (const char *)number, sizeof *number);
}

int pg_bind_blob(struct sql *q, int at, struct str v)
{
    return v.p ? bind(q, at, v.p, v.n) : pg_bind_null(q, at);
}

/* PostgreSQL takes no text with a NUL or a broken sequence in it, as one that was cut to fit. */
int pg_bind_text(struct sql *q, int at, struct str v)
{
    struct statement *s = statement(q);
    char *clean;

    if (!v.p)
        return pg_bind_null(q, at);
    if (utf8_is_valid(v.p, v.n) && (v.n == 0 || !memchr(v.p, '\0', v.n)))
        return bind(q, at, v.p, v.n);
    clean = mem_alloc(v.n + 1);
    if (!clean)
        return -ENOMEM;
    mem_free(s->cleaned[at - 1]);
    s->cleaned[at - 1] = clean;
    return bind(q, at, clean, pg_clean_text(v, clean));
}

/* ---- running --------------------------------------------------------------------------------- */

static int send(struct statement *s)
{
    struct pg_db *d = pg_db(s->sql.db);
    int r = pg_may_send(d);

    if (r == 0 && pg_has_deferred(d))
        return pg_defer_query(d, s->name, s->n, s->values, s->lengths, s->formats, &s->res);
    if (r == 0 && PQsendQueryPrepared(d->conn, s->name, s->n, s->values, s->lengths, s->formats, 1) == 0)
        r = pg_lost(d, PQerrorMessage(d->conn));
    return r == 0 ? pg_result(d, PG_ANSWER_MS, &s->res) : r;
}

static int begin_own(struct statement *s)
{
    struct pg_db *d = pg_db(s->sql.db);
    int r;

    if (!s->writes || d->in_transaction)
        return 0;
    r = pg_begin(&d->db);
    s->own_transaction = r == 0;
    return r;
}

static int execute(struct statement *s)
{
    struct pg_db *d = pg_db(s->sql.db);
    int r = begin_own(s);

    if (r == 0)
        r = send(s);
    if (r != 0)
        return r;
    s->row = -1;
    s->n_rows = PQntuples(s->res);
    if (s->writes) {
        d->changes = strtoll(PQcmdTuples(s->res), NULL, 10);
        d->wrote = d->wrote || d->changes > 0;
    }
    return 0;
}

int pg_next(struct sql *q)
{
    struct statement *s = statement(q);
    int r = s->res ? 0 : execute(s);

    if (r != 0)
        return r;
    if (s->row + 1 >= s->n_rows)
        return 0;
    s->row++;
    return SQL_ROW;
}

/* A write whose answer nobody waits for. */
static int run(struct statement *s)
{
    struct pg_db *d = pg_db(s->sql.db);
    int r = begin_own(s);

    if (r != 0 || !s->writes || !d->defers)
        return r == 0 ? execute(s) : r;
    return pg_defer(d, s->name, s->n, s->values, s->lengths, s->formats);
}

int pg_run_to_end(struct sql *q)
{
    struct statement *s = statement(q);
    int r = s->res ? 0 : run(s);

    if (r != 0 || !s->own_transaction)
        return r;
    s->own_transaction = false;
    return pg_commit(q->db);
}

void pg_reset(struct sql *q)
{
    struct statement *s = statement(q);

    if (s->own_transaction)
        pg_rollback(q->db);
    s->own_transaction = false;
    PQclear(s->res);
    s->res = NULL;
    for (int i = 0; i < s->n; i++) {
        mem_free(s->cleaned[i]);
        s->cleaned[i] = NULL;
        s->values[i] = NULL;
    }
}

int64_t pg_changes(const struct db *db)
{
    (void)pg_settle(pg_db(db)); /* a failure is the commit's, too: the transaction is over */
    return pg_db(db)->changes;
}

/* ---- columns --------------------------------------------------------------------------------- */

static int16_t read_i16(const char *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof v);
    return (int16_t)be16toh(v);
}

/* PostgreSQL's numeric on the wire: digits of base 10,000, the first of weight 10,000^weight. A sum is one. */
static int64_t read_numeric(const char *p)
{
    int n = read_i16(p);
    int weight = read_i16(p + 2);
    bool negative = read_i16(p + 4) != 0;
    int64_t v = 0;

    for (int i = 0; i <= weight; i++)
        v = v * 10000 + (i < n ? read_i16(p + 8 + i * 2) : 0);
    return negative ? -v : v;
}

int64_t pg_column_int(const struct sql *q, int column)
{
    const struct statement *s = statement(q);
    const char *p = PQgetvalue(s->res, s->row, column);
    uint64_t v8;
    uint32_t v4;

    if (PQgetisnull(s->res, s->row, column))
        return 0;
    switch (PQftype(s->res, column)) {
    case OID_BOOL:
        return *p != 0;
    case OID_INT2:
        return read_i16(p);
    case OID_INT4:
        memcpy(&v4, p, sizeof v4);
        return (int32_t)be32toh(v4);
    case OID_NUMERIC:
        return read_numeric(p);
    case OID_INT8:
        memcpy(&v8, p, sizeof v8);
        return (int64_t)be64toh(v8);
    default:
        return 0;
    }
}

bool pg_column_is_null(const struct sql *q, int column)
{
    const struct statement *s = statement(q);

    return PQgetisnull(s->res, s->row, column) != 0;
}

struct str pg_column_text(const struct sql *q, int column)
{
    const struct statement *s = statement(q);

    if (pg_column_is_null(q, column))
        return STR_NULL;
    return (struct str){ PQgetvalue(s->res, s->row, column), (size_t)PQgetlength(s->res, s->row, column) };
}
