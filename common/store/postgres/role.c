/*
 * A role as a row: holder, fence, until; and a row "KIND@…" for each program of the crew. One statement each
 * store_role_renew_ms() renews all of a program's rows and reads the others'.
 *
 * Whether a role still holds is the holder's own clock, from when it *sent* its last renewal, so that a slow answer never
 * makes it longer. A transaction of the holder locks the row FOR KEY SHARE (transactions.c), which waits for nobody that renews;
 * the taker locks it FOR UPDATE, so it takes the role before such a transaction began or after it has ended.
 */
#include "common/store/postgres/role.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/store/postgres/connection.h"
#include "common/store/postgres/problem.h"
#include "common/store/postgres/schema.h"
#include "common/store/postgres/transactions.h"
#include "common/store/role.h"

#define SQL_MAX    65536 /* all roles of a crew */
#define HOLDER_MAX 96

/* A row as it was last read. */
struct row {
    char name[STORE_ROLE_NAME_MAX], holder[HOLDER_MAX], until[40];
    int64_t fence;
    int64_t seen_ms; /* boot time at which it was first read like this */
    bool over;       /* by the server's clock */
};

struct role {
    struct store_role role; /* first */
    struct crew *crew;
    struct role *next;
    char name[STORE_ROLE_NAME_MAX];
    int64_t fence;
    int64_t held_until_ms; /* boot time; 0: another program has it */
};

struct crew {
    struct store_crew crew; /* first */
    struct pg_db *d;        /* NULL: the connection is lost */
    char *where;
    char kind[32], holder[HOLDER_MAX], member[STORE_ROLE_NAME_MAX];
    struct role *roles;
    struct row rows[STORE_CREW_ROLES], before[STORE_CREW_ROLES];
    int n, n_before;
};

/* ---- the connection -------------------------------------------------------------------------- */

static void disconnect(struct crew *c)
{
    if (c->d)
        pg_close(&c->d->db);
    c->d = NULL;
}

static int connect_to(struct crew *c)
{
    char error[256] = "";
    int r;

    if (c->d && pg_is_usable(c->d))
        return 0;
    disconnect(c);
    r = pg_join(c->where, PG_CONTROL, &c->d, error, sizeof error);
    if (r == 0)
        r = pg_schema_check(c->d);
    if (r != 0 && c->d)
        disconnect(c);
    pg_problem_keep(r, error);
    return r;
}

/* ---- a role ---------------------------------------------------------------------------------- */

static int64_t left_ms(const struct store_role *role)
{
    return ((const struct role *)role)->held_until_ms - clock_machine_boot_ms();
}

static void fence(const struct store_role *role, struct db *db)
{
    const struct role *r = (const struct role *)role;

    pg_set_fence(db, r->name, r->fence);
}

static void unlink_role(struct role *r)
{
    struct role **at = &r->crew->roles;

    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
}

static void release(struct store_role *role)
{
    struct role *r = (struct role *)role;
    PGresult *res = NULL;
    char sql[240];

    (void)snprintf(sql, sizeof sql,
                   "UPDATE zapkeep.role SET until = '-infinity' WHERE name = '%s' AND fence = %" PRId64,
                   r->name, r->fence);
    /* One that is lost is nobody's to give. */
    if (left_ms(role) > 0 && r->crew->d && pg_is_usable(r->crew->d))
        (void)pg_ask(r->crew->d, sql, &res);
    PQclear(res);
    unlink_role(r);
    mem_free(r);
}

static const struct store_role_engine role_engine = { left_ms, fence, release };

/* ---- looking at all -------------------------------------------------------------------------- */

static const struct row *find(const struct row *rows, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    return NULL;
}

/* No renewal has been seen for the time of a lease. */
static bool is_stale(const struct row *row)
{
    return clock_machine_boot_ms() - row->seen_ms >= store_role_lease_ms();
}

static bool is_alive(const struct row *row)
{
    return !row->over && !is_stale(row);
}

static void keep_row(struct crew *c, const PGresult *res, int i, int64_t now_ms)
{
    struct row *row = &c->rows[c->n++];
    const struct row *old;

    str_copy(str_from(PQgetvalue(res, i, 0)), row->name, sizeof row->name);
    str_copy(str_from(PQgetvalue(res, i, 1)), row->holder, sizeof row->holder);
    row->fence = strtoll(PQgetvalue(res, i, 2), NULL, 10);
    str_copy(str_from(PQgetvalue(res, i, 3)), row->until, sizeof row->until);
    row->over = PQgetvalue(res, i, 4)[0] == 't';
    old = find(c->before, c->n_before, row->name);
    row->seen_ms =
        old && old->fence == row->fence && strcmp(old->until, row->until) == 0 ? old->seen_ms : now_ms;
}

static void keep_rows(struct crew *c, const PGresult *res, int64_t now_ms)
{
    memcpy(c->before, c->rows, sizeof c->before);
    c->n_before = c->n;
    c->n = 0;
    for (int i = 0; i < PQntuples(res) && c->n < STORE_CREW_ROLES; i++)
        keep_row(c, res, i, now_ms);
}

/* The rows that were renewed are named in the last column. */
static void keep_leases(struct crew *c, const PGresult *res, int64_t sent_ms)
{
    for (struct role *role = c->roles; role; role = role->next) {
        bool renewed = false;

        for (int i = 0; i < PQntuples(res); i++)
            renewed = renewed ||
                      (PQgetvalue(res, i, 5)[0] == 't' && strcmp(PQgetvalue(res, i, 0), role->name) == 0);
        role->held_until_ms = renewed ? sent_ms + store_role_lease_ms() - store_role_margin_ms() : 0;
    }
}

static int roles_of(const struct crew *c, const char *holder)
{
    int n = 0;

    for (int i = 0; i < c->n; i++)
        n += !strchr(c->rows[i].name, '@') && is_alive(&c->rows[i]) && strcmp(c->rows[i].holder, holder) == 0;
    return n;
}

static void view_of(const struct crew *c, struct store_crew_view *ret)
{
    int least = -1;

    *ret = (struct store_crew_view){ .members = 1 };
    for (int i = 0; i < c->n; i++) {
        const struct row *row = &c->rows[i];
        int n;

        if (!strchr(row->name, '@') || strcmp(row->name, c->member) == 0 || !is_alive(row))
            continue;
        n = roles_of(c, row->holder);
        least = least < 0 || n < least ? n : least;
        ret->members++;
    }
    ret->least = least > 0 ? least : 0;
}

/* The fence of a member is the time for which its sign holds (programs.c). */
/* clang-format off */
#define RENEW_SQL \
    "WITH mine AS (UPDATE zapkeep.role SET until = clock_timestamp() + interval '%" PRId64 " ms' WHERE (name, fence) IN (VALUES ('', 0::bigint)"
#define LOOK_SQL \
    ") RETURNING name), me AS (INSERT INTO zapkeep.role VALUES ('%s', '%s', %" PRId64 ", clock_timestamp() + interval '%" PRId64 " ms', clock_timestamp())" \
    " ON CONFLICT (name) DO UPDATE SET until = excluded.until)," \
    " gone AS (DELETE FROM zapkeep.role WHERE name LIKE '%s@%%' AND until < clock_timestamp() - interval '1 day')" \
    " SELECT r.name, r.holder, r.fence, r.until::text, r.until < clock_timestamp(), m.name IS NOT NULL FROM zapkeep.role r" \
    " LEFT JOIN mine m USING (name) WHERE r.name = '%s' OR r.name LIKE '%s.%%' OR r.name LIKE '%s@%%' ORDER BY r.until DESC"
/* clang-format on */

static int renew_sql(const struct crew *c, struct buf *sql)
{
    (void)buf_addf(sql, RENEW_SQL, store_role_lease_ms());
    for (const struct role *role = c->roles; role; role = role->next)
        (void)buf_addf(sql, ", ('%s', %" PRId64 ")", role->name, role->fence);
    (void)buf_addf(sql, LOOK_SQL, c->member, c->holder, store_role_lease_ms(), store_role_lease_ms(), c->kind,
                   c->kind, c->kind, c->kind);
    return buf_error(sql);
}

static int renew(struct store_crew *crew, struct store_crew_view *ret)
{
    CLEANUP(buf_fini) struct buf sql = BUF_INIT(SQL_MAX);
    struct crew *c = (struct crew *)crew;
    PGresult *res = NULL;
    int64_t sent_ms;
    int r = connect_to(c);

    if (r == 0)
        r = renew_sql(c, &sql);
    if (r != 0)
        return r;
    sent_ms = clock_machine_boot_ms();
    r = pg_ask(c->d, buf_str(&sql), &res);
    if (r == 0) {
        keep_rows(c, res, clock_machine_boot_ms());
        keep_leases(c, res, sent_ms);
        view_of(c, ret);
    }
    PQclear(res);
    return r;
}

/* ---- taking ---------------------------------------------------------------------------------- */

/* Names are of letters, digits, '_' and '-': nothing that SQL reads otherwise. */
static int name_of(const struct crew *c, const char *role, char ret[STORE_ROLE_NAME_MAX])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

    if (role[strspn(role, letters)] != '\0')
        return -EINVAL;
    return snprintf(ret, STORE_ROLE_NAME_MAX, "%s%s%s", c->kind, *role ? "." : "", role) < STORE_ROLE_NAME_MAX
               ? 0
               : -EINVAL;
}

static bool is_free(const struct store_crew *crew, const char *role)
{
    const struct crew *c = (const struct crew *)crew;
    char name[STORE_ROLE_NAME_MAX];
    const struct row *row;

    if (name_of(c, role, name) != 0)
        return false;
    row = find(c->rows, c->n, name);
    return !row || !is_alive(row);
}

/* clang-format off */
#define TAKE_SQL \
    "INSERT INTO zapkeep.role VALUES ('%s', '%s', 0, '-infinity', clock_timestamp()) ON CONFLICT DO NOTHING;" \
    "WITH free AS (SELECT name FROM zapkeep.role WHERE name = '%s' AND (until < clock_timestamp() OR (fence = %" PRId64 " AND until::text = '%s'))" \
    "  FOR UPDATE SKIP LOCKED)" \
    " UPDATE zapkeep.role r SET holder = '%s', fence = r.fence + 1, until = clock_timestamp() + interval '%" PRId64 " ms', since = clock_timestamp()" \
    " FROM free WHERE r.name = free.name RETURNING r.fence"
/* clang-format on */

static int try_take(struct crew *c, const char *name, int64_t *ret_fence)
{
    const struct row *row = find(c->rows, c->n, name);
    const struct row *stale = row && is_stale(row) ? row : NULL;
    PGresult *res = NULL;
    char sql[1400];
    int r;

    (void)snprintf(sql, sizeof sql, TAKE_SQL, name, c->holder, name, stale ? stale->fence : -1,
                   stale ? stale->until : "", c->holder, store_role_lease_ms());
    r = pg_ask(c->d, sql, &res);
    *ret_fence = r == 0 && PQntuples(res) > 0 ? strtoll(PQgetvalue(res, 0, 0), NULL, 10) : 0;
    PQclear(res);
    return r != 0 || *ret_fence > 0 ? r : STORE_ROLE_TAKEN;
}

static int take(struct store_crew *crew, const char *role, struct store_role **ret)
{
    struct crew *c = (struct crew *)crew;
    struct role *new = mem_zalloc(sizeof *new);
    int64_t sent_ms;
    int r = new ? name_of(c, role, new->name) : -ENOMEM;

    if (r == 0)
        r = connect_to(c);
    sent_ms = clock_machine_boot_ms();
    if (r == 0)
        r = try_take(c, new->name, &new->fence);
    if (r != 0) {
        mem_free(new);
        return r;
    }
    new->role.engine = &role_engine;
    new->crew = c;
    new->held_until_ms = sent_ms + store_role_lease_ms() - store_role_margin_ms();
    new->next = c->roles;
    c->roles = new;
    *ret = &new->role;
    return 0;
}

/* ---- opening and closing --------------------------------------------------------------------- */

static void crew_close(struct store_crew *crew)
{
    struct crew *c = (struct crew *)crew;
    PGresult *res = NULL;
    char sql[200];

    (void)snprintf(sql, sizeof sql, "DELETE FROM zapkeep.role WHERE name = '%s'", c->member);
    if (c->d && pg_is_usable(c->d))
        (void)pg_ask(c->d, sql, &res);
    PQclear(res);
    disconnect(c);
    mem_free(c->where);
    mem_free(c);
}

static const struct store_crew_engine crew_engine = { renew, is_free, take, crew_close };

/* Host and process, for people, and a number: containers may have the same of both. Letters that SQL takes for anything
 * else are replaced. */
static void name_holder(struct crew *c)
{
    char host[48] = "";
    uint32_t n = 0;

    (void)gethostname(host, sizeof host - 1);
    for (char *p = host; *p; p++) {
        if (*p == '\'' || *p == '\\' || *p == '%' || *p == '@')
            *p = '-';
    }
    rng_secret(&n, sizeof n);
    (void)snprintf(c->holder, sizeof c->holder, "%s pid %d (%04x)", host, (int)getpid(), n & 0xffff);
    (void)snprintf(c->member, sizeof c->member, "%s@%.40s.%d.%08x", c->kind, host, (int)getpid(), n);
}

int pg_crew_open(const char *where, const char *kind, struct store_crew **ret)
{
    struct crew *c = mem_zalloc(sizeof *c);

    if (!c || !(c->where = mem_strdup(where))) {
        mem_free(c);
        return -ENOMEM;
    }
    c->crew.engine = &crew_engine;
    (void)snprintf(c->kind, sizeof c->kind, "%s", kind);
    name_holder(c);
    *ret = &c->crew;
    return 0;
}

bool pg_role_is_taken(const char *where, const char *kind)
{
    struct crew *c = mem_zalloc(sizeof *c);
    PGresult *res = NULL;
    bool taken = false;
    char sql[160];

    (void)snprintf(sql, sizeof sql,
                   "SELECT 1 FROM zapkeep.role WHERE name = '%s' AND until > clock_timestamp()", kind);
    if (c && (c->where = mem_strdup(where)) && connect_to(c) == 0)
        taken = pg_ask(c->d, sql, &res) == 0 && PQntuples(res) > 0;
    PQclear(res);
    if (c) {
        disconnect(c);
        mem_free(c->where);
    }
    mem_free(c);
    return taken;
}
