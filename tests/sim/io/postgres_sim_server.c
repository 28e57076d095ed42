/* The world's own connection to the server: databases, their clock, sessions that wait or have to end. It waits for real. */
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/store/store.h"
#include "tests/sim/io/postgres_sim.h"

/* A session whose client is gone ends within moments, of however slow a machine. */
#define GONE_TRIES    20000
#define GONE_PAUSE_US 500

static char server[POSTGRES_SIM_URI_MAX];
static char template[64];
static PGconn *admin;
static char *clock_text; /* ms, 13 digits: the database's clock reads them */

#define CLOCK_DIGITS 13

static void database_of(int64_t seed, int parent, char *ret, size_t n)
{
    (void)snprintf(ret, n, "zksim_%d_%lld", parent, (long long)seed);
}

/* @uri with another database: postgresql://USER@HOST/DATABASE?… */
static void uri_of(const char *database, char ret[POSTGRES_SIM_URI_MAX])
{
    const char *host = strstr(server, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    const char *rest = path ? strchr(path, '?') : NULL;

    if (!path || snprintf(ret, POSTGRES_SIM_URI_MAX, "%.*s/%s%s", (int)(path - server), server, database,
                          rest ? rest : "") >= POSTGRES_SIM_URI_MAX)
        abort();
}

static PGconn *connect_to(const char *uri)
{
    PGconn *c = PQconnectdb(uri);

    if (PQstatus(c) == CONNECTION_OK)
        return c;
    (void)fprintf(stderr, "zk-sim: %s\n", PQerrorMessage(c));
    PQfinish(c);
    return NULL;
}

/* *ret: the first column of the first row. */
static bool ask(PGconn *c, const char *sql, char *ret, size_t n)
{
    PGresult *res = PQexec(c, sql);
    ExecStatusType status = PQresultStatus(res);
    bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

    if (!good)
        (void)fprintf(stderr, "zk-sim: %s: %s", sql, PQresultErrorMessage(res));
    if (ret)
        (void)snprintf(ret, n, "%s", good && PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
    PQclear(res);
    return good;
}

static bool run_once(const char *uri, const char *sql)
{
    PGconn *c = connect_to(uri);
    bool good = c && ask(c, sql, NULL, 0);

    PQfinish(c);
    return good;
}

static void must(bool good)
{
    if (!good)
        abort();
}

/* ---- databases ------------------------------------------------------------------------------- */

int postgres_sim_make_template(const char *uri)
{
    char sql[128], there[POSTGRES_SIM_URI_MAX];

    if (!store_is_server(uri) || strlen(uri) + 48 > sizeof server)
        return fprintf(stderr, "zk-sim: --store takes postgresql://USER@HOST/DATABASE\n"), 1;
    (void)snprintf(server, sizeof server, "%s", uri);
    (void)snprintf(template, sizeof template, "zksim_%d", (int)getpid());
    (void)snprintf(sql, sizeof sql, "CREATE DATABASE %s", template);
    if (!run_once(uri, sql))
        return 1;
    uri_of(template, there);
    if (store_upgrade(there) != 0)
        return fprintf(stderr, "zk-sim: the tables cannot be made\n"), 1;
    /* A copy is a new place (place.c), and not a dump that was restored. */
    return !run_once(there, "DELETE FROM zapkeep_events.meta WHERE key = 'place'");
}

static void drop(const char *database)
{
    char sql[256];

    (void)snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s WITH (FORCE)", database);
    (void)run_once(server, sql);
}

void postgres_sim_drop_template(void)
{
    drop(template);
}

static void clock_file(int64_t seed, int parent, char *ret, size_t n)
{
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    (void)snprintf(ret, n, "%s/zk-sim-clock-%d-%lld", tmp, parent, (long long)seed);
}

void postgres_sim_drop(int64_t seed, int parent)
{
    char name[128];

    database_of(seed, parent, name, sizeof name);
    drop(name);
    clock_file(seed, parent, name, sizeof name);
    (void)unlink(name);
}

/* The server reads the time from a file that this program writes. */
static void make_clock(const char *file)
{
    static const char sql[] =
        "SET allow_system_table_mods = on;"
        "ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO real_clock_timestamp;"
        "CREATE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS"
        " $$SELECT to_timestamp(pg_read_file('%s', 0, 13)::float8 / 1000)$$";
    char text[sizeof sql + 128];
    int fd = open(file, O_CREAT | O_RDWR | O_CLOEXEC, 0644);

    must(fd >= 0 && fchmod(fd, 0644) == 0 && ftruncate(fd, CLOCK_DIGITS) == 0);
    clock_text = mmap(NULL, CLOCK_DIGITS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    must(clock_text != MAP_FAILED);
    (void)close(fd);
    postgres_server_set_clock();
    (void)snprintf(text, sizeof text, sql, file);
    must(ask(admin, text, NULL, 0));
}

void postgres_sim_open(int64_t seed, int parent, char ret_uri[POSTGRES_SIM_URI_MAX])
{
    struct rlimit files;
    char name[128], sql[256];

    /* The descriptors of a process that is killed stay open, but for its connections. */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    database_of(seed, parent, name, sizeof name);
    (void)snprintf(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE %s", name, template);
    must(run_once(server, sql));
    uri_of(name, ret_uri);
    admin = connect_to(ret_uri);
    must(admin != NULL);
    clock_file(seed, parent, name, sizeof name);
    make_clock(name);
}

/* ---- sessions -------------------------------------------------------------------------------- */

void postgres_server_set_clock(void)
{
    char digits[CLOCK_DIGITS + 1];

    if (!clock_text)
        return;
    (void)snprintf(digits, sizeof digits, "%013lld", (long long)world_true_wall());
    memcpy(clock_text, digits, CLOCK_DIGITS);
}

/* @sql has one parameter. */
static bool is_true(const char *sql, int64_t n)
{
    char text[24];
    const char *const values[] = { text };
    PGresult *res;
    bool is;

    (void)snprintf(text, sizeof text, "%lld", (long long)n);
    res = PQexecParams(admin, sql, 1, NULL, values, NULL, NULL, 0);
    must(PQresultStatus(res) == PGRES_TUPLES_OK);
    is = PQntuples(res) > 0 && PQgetvalue(res, 0, 0)[0] == 't';
    PQclear(res);
    return is;
}

bool postgres_server_is_blocked(int pid)
{
    return is_true("SELECT cardinality(pg_blocking_pids($1::int)) > 0", pid);
}

void postgres_server_cancel(int pid)
{
    (void)is_true("SELECT pg_cancel_backend($1::int)", pid);
}

void postgres_server_wait_gone(int pid)
{
    struct timespec pause = { .tv_nsec = GONE_PAUSE_US * 1000L };

    for (int i = 0; i < GONE_TRIES; i++) {
        if (is_true("SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = $1::int)", pid) ||
            postgres_server_is_blocked(pid))
            return;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL); /* for real */
    }
    world_fail("session %d of the database does not end", pid);
}

void postgres_server_end_idle(int pid)
{
    if (is_true("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1::int"
                " AND state LIKE 'idle in transaction%'",
                pid))
        postgres_server_wait_gone(pid);
}

/* Class and number of the lock of the state: postgres/transactions.c. */
#define LOCK_CLASS 0x7a61706b

bool postgres_sim_may_write(void)
{
    return is_true("SELECT NOT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 0"
                   " AND classid = $1::oid"
                   " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
                   LOCK_CLASS);
}
