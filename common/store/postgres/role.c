/*
 * A role as a row: holder, fence, until. The lease is the server's time; whether it still holds is this program's own
 * clock, from when it *sent* its last renewal, so that a slow answer never makes it longer.
 */
#include "common/store/postgres/role.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/store/postgres/connection.h"
#include "common/store/postgres/problem.h"
#include "common/store/postgres/schema.h"
#include "common/store/postgres/transactions.h"
#include "common/store/role.h"

/* The holder stops so much before the lease ends. */
#define MARGIN_MS 1500

struct role {
    struct store_role role; /* first */
    struct pg_db *d;        /* NULL: the connection is lost */
    char *where;
    char name[32], holder[96];
    int64_t fence;
    int64_t held_until_ms; /* boot time */
};

static int64_t boot_ms(void)
{
    struct clock clock;

    clock_init(&clock);
    return clock.boot_ms(&clock);
}

/* Runs @sql; *ret_fence is the number in its first row, 0: there is none. */
static int ask(struct role *r, const char *sql, int64_t *ret_fence)
{
    PGresult *res = NULL;
    int rc;

    *ret_fence = 0;
    if (PQsendQuery(r->d->conn, sql) == 0)
        return pg_lost(r->d, PQerrorMessage(r->d->conn));
    rc = pg_result(r->d, PG_ANSWER_MS, &res);
    if (rc == 0 && PQntuples(res) > 0)
        *ret_fence = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
    PQclear(res);
    return rc;
}

static void disconnect(struct role *r)
{
    if (r->d)
        pg_close(&r->d->db);
    r->d = NULL;
}

static int connect_to(struct role *r)
{
    char error[256] = "";
    int rc;

    if (r->d && pg_is_usable(r->d))
        return 0;
    disconnect(r);
    rc = pg_connect(r->where, PG_CONTROL, &r->d, error, sizeof error);
    if (rc == 0)
        rc = pg_schema_check(r->d);
    if (rc == 0)
        rc = pg_schema_enter(r->d);
    if (rc != 0 && r->d)
        disconnect(r);
    pg_problem_keep(rc, error);
    return rc;
}

static int take(struct role *r)
{
    int64_t now = boot_ms(), fence;
    char sql[640];
    int rc;

    (void)snprintf(
        sql, sizeof sql,
        "INSERT INTO role AS r VALUES ('%s', '%s', 1, clock_timestamp() + interval '%d ms', "
        "clock_timestamp())"
        " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fence = r.fence + 1,"
        " until = excluded.until, since = excluded.since WHERE r.until < clock_timestamp() RETURNING fence",
        r->name, r->holder, STORE_ROLE_LEASE_MS);
    rc = ask(r, sql, &fence);
    if (rc != 0)
        return rc;
    if (fence == 0)
        return STORE_ROLE_TAKEN;
    r->fence = fence;
    r->held_until_ms = now + STORE_ROLE_LEASE_MS - MARGIN_MS;
    return 0;
}

static int renew(struct store_role *role)
{
    struct role *r = (struct role *)role;
    int64_t now, fence;
    char sql[320];
    int rc = connect_to(r);

    if (rc != 0)
        return rc;
    now = boot_ms();
    (void)snprintf(
        sql, sizeof sql,
        "UPDATE role SET until = clock_timestamp() + interval '%d ms' WHERE name = '%s' AND fence = %" PRId64
        " RETURNING fence",
        STORE_ROLE_LEASE_MS, r->name, r->fence);
    rc = ask(r, sql, &fence);
    if (rc == 0 && fence == 0)
        return -EPERM;
    if (rc == 0)
        r->held_until_ms = now + STORE_ROLE_LEASE_MS - MARGIN_MS;
    return rc;
}

static bool is_held(const struct store_role *role)
{
    return boot_ms() < ((const struct role *)role)->held_until_ms;
}

static void fence(const struct store_role *role, struct db *db)
{
    const struct role *r = (const struct role *)role;

    pg_set_fence(db, r->name, r->fence);
}

static void drop(struct role *r)
{
    disconnect(r);
    mem_free(r->where);
    mem_free(r);
}

static void release(struct store_role *role)
{
    struct role *r = (struct role *)role;
    int64_t fence;
    char sql[200];

    (void)snprintf(sql, sizeof sql,
                   "UPDATE role SET until = clock_timestamp() WHERE name = '%s' AND fence = %" PRId64,
                   r->name, r->fence);
    if (r->d && pg_is_usable(r->d))
        (void)ask(r, sql, &fence);
    drop(r);
}

static const struct store_role_engine role_engine = { renew, is_held, fence, release };

/* Host and process, for people; letters that SQL takes for anything else are left out. */
static void name_holder(char *ret, size_t n)
{
    char host[64] = "";

    (void)gethostname(host, sizeof host - 1);
    for (char *p = host; *p; p++) {
        if (*p == '\'' || *p == '\\')
            *p = '-';
    }
    (void)snprintf(ret, n, "%s pid %d", host, (int)getpid());
}

int pg_role_take(const char *where, const char *name, struct store_role **ret)
{
    struct role *r = mem_zalloc(sizeof *r);
    int rc;

    if (!r)
        return -ENOMEM;
    r->role.engine = &role_engine;
    (void)snprintf(r->name, sizeof r->name, "%s", name);
    name_holder(r->holder, sizeof r->holder);
    r->where = mem_strdup(where);
    rc = r->where ? connect_to(r) : -ENOMEM;
    if (rc == 0)
        rc = take(r);
    if (rc == 0)
        *ret = &r->role;
    else
        drop(r);
    return rc;
}

bool pg_role_is_taken(const char *where, const char *name)
{
    struct role r = { .where = mem_strdup(where) };
    int64_t there = 0;
    char sql[160];

    (void)snprintf(sql, sizeof sql, "SELECT 1 FROM role WHERE name = '%s' AND until > clock_timestamp()",
                   name);
    if (r.where && connect_to(&r) == 0)
        (void)ask(&r, sql, &there);
    disconnect(&r);
    mem_free(r.where);
    return there != 0;
}
