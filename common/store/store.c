#include "common/store/store.h"

#include <string.h>

#include "common/store/engine.h"
#include "common/store/events_reader.h"
#include "common/store/role.h"

static const struct engine *engine_of(const char *where)
{
    return store_is_server(where) ? &postgres_engine : &sqlite_engine;
}

bool store_is_server(const char *where)
{
    return strncmp(where, "postgresql://", 13) == 0 || strncmp(where, "postgres://", 11) == 0;
}

const char *store_display(const char *where, char *ret, size_t n)
{
    return engine_of(where)->display(where, ret, n);
}

int store_upgrade(const char *where)
{
    return engine_of(where)->upgrade(where);
}

int store_schema(const char *where, int *ret_is, int *ret_known)
{
    return engine_of(where)->schema(where, ret_is, ret_known);
}

int store_report(const char *where, unsigned parts, store_report_fn on_line, void *ctx)
{
    return engine_of(where)->report(where, parts, on_line, ctx);
}

bool store_has_password(const char *where)
{
    return store_is_server(where) && postgres_engine.has_password(where);
}

void store_set_password(const char *password, const char *file)
{
    postgres_engine.set_password(password, file);
}

void store_share_connection(bool on)
{
    postgres_engine.share_connection(on);
}

int db_open_state(const char *where, struct db **ret)
{
    return engine_of(where)->open_state(where, ret);
}

int db_open_state_reader(const char *where, struct db **ret)
{
    return engine_of(where)->open_state_reader(where, ret);
}

int event_log_open(const char *where, struct event_log **ret, int64_t *ret_pid)
{
    return engine_of(where)->open_log(where, ret, ret_pid);
}

int event_reader_open(const char *where, struct event_reader **ret)
{
    struct db *db = NULL;
    int r = engine_of(where)->open_log_reader(where, &db);

    return r == 0 ? event_reader_new(db, ret) : r;
}

int forward_open(const char *where, bool alone, struct db **ret)
{
    return engine_of(where)->open_forward(where, alone, ret);
}

int forward_open_reader(const char *where, struct db **ret)
{
    return engine_of(where)->open_forward_reader(where, ret);
}

int store_crew_open(const char *where, const char *kind, struct store_crew **ret)
{
    return engine_of(where)->crew_open(where, kind, ret);
}

int store_roles_each(const char *where, int (*on_row)(void *ctx, const struct store_role_row *row), void *ctx)
{
    return engine_of(where)->roles_each(where, on_row, ctx);
}

bool store_role_is_taken(const char *where, const char *kind)
{
    return engine_of(where)->role_is_taken(where, kind);
}

const char *store_part(const char *where, const char *part)
{
    return engine_of(where)->part(part);
}

const char *db_problem(const char *where, const char *part, int r, char *ret, size_t n)
{
    return engine_of(where)->problem(where, part, r, ret, n);
}

void db_problem_detail(int r, const char *detail)
{
    postgres_engine.problem_detail(r, detail);
}

int64_t db_other_bytes(const char *where)
{
    return engine_of(where)->other_bytes(where);
}

const char *db_engine_version(void)
{
    return sqlite_engine.version();
}
