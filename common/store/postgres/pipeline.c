#include "common/store/postgres/pipeline.h"

#include <errno.h>
#include <stdlib.h>

void pg_pipeline_begin(struct pg_pipeline *p, struct pg_db *d)
{
    *p = (struct pg_pipeline){ .d = d, .r = pg_may_send(d) };
    if (p->r == 0 && PQenterPipelineMode(d->conn) == 0)
        p->r = pg_lost(d, PQerrorMessage(d->conn));
}

void pg_pipeline_prepare(struct pg_pipeline *p, const char *name, const char *sql)
{
    p->n++;
    if (p->r == 0 && PQsendPrepare(p->d->conn, name, sql, 0, NULL) == 0)
        p->r = pg_lost(p->d, PQerrorMessage(p->d->conn));
}

int pg_pipeline_add(struct pg_pipeline *p, const char *name, int n, const char *const *values,
                    const int *lengths, const int *formats)
{
    if (p->r == 0 && PQsendQueryPrepared(p->d->conn, name, n, values, lengths, formats, 0) == 0)
        p->r = pg_lost(p->d, PQerrorMessage(p->d->conn));
    return p->n++;
}

/* Reads all answers up to the one of the end, which comes also after a failure. */
static int read_answers(struct pg_pipeline *p, int limit_ms)
{
    int i = 0;
    int r = 0;

    while (pg_is_usable(p->d)) {
        PGresult *res = NULL;

        if (pg_next_result(p->d, limit_ms, &res) != 0)
            break;
        if (!res) { /* the end of one answer */
            i++;
        } else if (PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
            PQclear(res);
            return r;
        } else {
            if (r == 0)
                r = pg_check(p->d, res);
            if (i < PG_PIPELINE_MAX && !p->results[i])
                p->results[i] = res;
            else
                PQclear(res);
        }
    }
    return -ENOTCONN;
}

int pg_pipeline_run(struct pg_pipeline *p, int limit_ms)
{
    PGconn *conn = p->d->conn;

    if (p->r == 0 && PQpipelineSync(conn) == 0)
        p->r = pg_lost(p->d, PQerrorMessage(conn));
    if (p->r == 0)
        p->r = pg_flush(p->d, limit_ms);
    if (p->r == 0)
        p->r = read_answers(p, limit_ms);
    if (pg_is_usable(p->d)) {
        if (PQexitPipelineMode(conn) == 0)
            return pg_lost(p->d, PQerrorMessage(conn));
        pg_take_notifications(p->d);
    }
    return p->r;
}

int64_t pg_pipeline_int(const struct pg_pipeline *p, int i)
{
    const PGresult *res = p->results[i];

    return res && PQntuples(res) > 0 ? strtoll(PQgetvalue(res, 0, 0), NULL, 10) : 0;
}

void pg_pipeline_fini(struct pg_pipeline *p)
{
    for (int i = 0; i < PG_PIPELINE_MAX; i++)
        PQclear(p->results[i]);
    p->n = 0;
}
