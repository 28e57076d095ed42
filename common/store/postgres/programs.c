/* Rows "KIND@HOST.PID.NUMBER" beside those of the crews (role.c). The fence is the ms for which a sign holds, so that the
 * time of the last one is known; 0: it was stopped in order. */
#include "common/store/postgres/programs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/postgres/connection.h"

/* clang-format off */
#define ALIVE_SQL \
    "WITH gone AS (DELETE FROM zapkeep.role WHERE name LIKE '%s@%%' AND until < clock_timestamp() - interval '1 day')" \
    " INSERT INTO zapkeep.role VALUES ('%s', '%s', %" PRId64 ", clock_timestamp() + interval '%" PRId64 " ms', clock_timestamp())" \
    " ON CONFLICT (name) DO UPDATE SET until = excluded.until, fence = excluded.fence"
#define STOPPED_SQL \
    "UPDATE zapkeep.role SET until = clock_timestamp(), fence = 0 WHERE name = '%s'"
#define EACH_SQL \
    "SELECT name, holder, fence, (extract(epoch FROM until) * 1000)::bigint, (extract(epoch FROM since) * 1000)::bigint," \
    " greatest((extract(epoch FROM clock_timestamp() - until) * 1000)::bigint, 0)" \
    " FROM zapkeep.role WHERE until > '-infinity' ORDER BY name"
/* clang-format on */

int pg_sign_program(struct db *db, const struct program_sign *s, bool alive)
{
    int64_t holds_ms = PROGRAM_LEASES * store_role_lease_ms();
    char sql[1024];

    if (alive)
        (void)snprintf(sql, sizeof sql, ALIVE_SQL, s->kind, s->member, s->holder, holds_ms, holds_ms);
    else
        (void)snprintf(sql, sizeof sql, STOPPED_SQL, s->member);
    return pg_exec(db, sql);
}

static int64_t number(const PGresult *res, int i, int column)
{
    return strtoll(PQgetvalue(res, i, column), NULL, 10);
}

static void read_row(const PGresult *res, int i, struct program_row *ret)
{
    const char *name = PQgetvalue(res, i, 0);
    size_t kind = strcspn(name, ".@");

    *ret = (struct program_row){ .until = number(res, i, 3),
                                 .since = number(res, i, 4),
                                 .gone_ms = number(res, i, 5) };
    str_copy((struct str){ name, kind }, ret->kind, sizeof ret->kind);
    str_copy(str_from(name[kind] == '@' ? "" : name), ret->role, sizeof ret->role);
    str_copy(str_from(PQgetvalue(res, i, 1)), ret->holder, sizeof ret->holder);
    ret->signed_at = ret->until - number(res, i, 2);
    if (number(res, i, 2) == 0)
        ret->life = PROGRAM_STOPPED;
    else
        ret->life = ret->gone_ms == 0 ? PROGRAM_ALIVE : PROGRAM_DEAD;
}

int pg_programs_each(struct db *db, int (*on_row)(void *ctx, const struct program_row *row), void *ctx)
{
    struct pg_db *d = pg_db(db);
    PGresult *res = NULL;
    int r = pg_ask(d, EACH_SQL, &res);

    for (int i = 0; r == 0 && i < PQntuples(res); i++) {
        struct program_row row;

        read_row(res, i, &row);
        r = on_row(ctx, &row);
    }
    PQclear(res);
    return r;
}
