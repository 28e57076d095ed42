/*
 * libpq and poll() as the services call them, linked in their place (ld's --wrap). The world's own calls go straight through.
 *
 *   send       the statement travels; then libpq gets it
 *   PQflush    the server has it: runs it, in no simulated time, or it waits for a lock
 *   PQisBusy   yes, until the answer has travelled back
 *   poll       waits for that
 */
#include "tests/sim/io/postgres_sim.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/store/postgres/thread.h"
#include "common/store/waiting.h"
#include "tests/sim/io/file_watch_sim.h"
#include "tests/sim/io/loop_sim.h"

#define LIMIT_EVERY_MS 500
/* The server's limits, as postgres/schema.c sets them: it would hold them in real time. */
#define LOCK_LIMIT_MS ((int64_t)3000)
#define IDLE_LIMIT_MS ((int64_t)5000)
/* A statement that neither ends nor waits for a lock for so long: the server itself is gone. */
#define REAL_LIMIT_MS 60000
/* After so long the server is asked whether the statement waits for a lock; and again after twice that, and so on. */
#define REAL_LOOK_MS 2
/* Each way of a statement, on most days. */
#define TRAVEL_MAX_MS 3
/* … and one of a hundred is sent twice. */
#define RESENT_MAX_MS 400

#define NEVER INT64_MAX

enum link_state {
    LINK_IDLE,
    LINK_CONNECTING,
    LINK_SENT,    /* with libpq, or in its buffers */
    LINK_BLOCKED, /* the server has it, and it waits for a lock */
    LINK_ANSWERED /* the answer is here at arrives_at */
};

struct link {
    PGconn *conn;
    struct process *process;
    int fd, pid;
    enum link_state state;
    int64_t arrives_at;
    int64_t run_t; /* the server last ran a statement of it */
    int64_t blocked_t;
    struct fiber *waits; /* for a lock */
    bool ends, notifies,
        wrote; /* what was sent: a transaction's end; a notification; a commit of the state */
    bool broken;
    struct link *next;
};

static struct link *links;
static int64_t n_commits;
static enum postgres_fault fault;
static int64_t fault_ms;

/* Of a process, as its memory would have it (common/store/waiting.c). */
struct hurry {
    const struct process *process;
    int64_t life;
    bool on, in_vain;
    struct hurry *next;
};
static struct hurry *hurries;

static void *new_thing(size_t bytes)
{
    void *p = calloc(1, bytes);

    if (!p)
        abort();
    return p;
}

/* ---- connections ----------------------------------------------------------------------------- */

/* NULL: the world's. */
static struct link *link_of(const PGconn *conn)
{
    struct link *l = process_current() ? links : NULL;

    while (l && l->conn != conn)
        l = l->next;
    return l;
}

static struct link *link_by_fd(int fd)
{
    struct link *l = links;

    while (l && PQsocket(l->conn) != fd)
        l = l->next;
    return l;
}

static void remove_link(struct link *l)
{
    struct link **at = &links;

    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    free(l);
}

static int64_t travel_ms(void)
{
    int64_t max = fault == POSTGRES_SLOW ? fault_ms : TRAVEL_MAX_MS;

    return world_chance(10) ? world_draw(RESENT_MAX_MS) : world_draw(max + 1);
}

static int64_t comes_at(void)
{
    return fault == POSTGRES_HANGS ? NEVER : world_now() + travel_ms();
}

static void serve_blocked(void);

/* Neither end hears of the other any more. */
static void cut(struct link *l)
{
    if (l->broken)
        return;
    world_debug("its connection to the database is cut");
    l->broken = true;
    if (PQsocket(l->conn) >= 0)
        (void)shutdown(PQsocket(l->conn), SHUT_RDWR);
    if (l->pid > 0)
        postgres_server_wait_gone(l->pid);
    serve_blocked();
}

static void maybe_cut(struct link *l)
{
    if (fault == POSTGRES_BREAKS && world_chance(fault_ms))
        cut(l);
}

/* ---- notifications --------------------------------------------------------------------------- */

static void look_at_fds(void *ctx, int64_t a)
{
    loop_sim_look_at_fds();
}

static void look_soon(void)
{
    if (file_watch_sim_silent)
        return;
    world_at(world_now() + 1 + world_draw(3), look_at_fds, NULL, 0);
    world_at(world_now() + 20, look_at_fds, NULL, 0);
}

/* ---- the server's side ----------------------------------------------------------------------- */

int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __real_PQisBusy(PGconn *conn);
int __wrap_PQisBusy(PGconn *conn);

/* Returns 1, 0 (nothing after @real_ms), or -1. */
static int poll_one(int fd, short events, int real_ms)
{
    struct pollfd p = { .fd = fd, .events = events };

    return __real_poll(&p, 1, real_ms);
}

static bool is_answered(const struct link *l)
{
    return PQconsumeInput(l->conn) == 0 || !__real_PQisBusy(l->conn);
}

/* Lets the server do what it can do now. */
static void serve(struct link *l)
{
    for (int ms = REAL_LOOK_MS; !is_answered(l); ms *= 2) {
        if (ms > REAL_LIMIT_MS) {
            world_fail("the database server does not answer");
            return;
        }
        if (poll_one(PQsocket(l->conn), POLLIN, ms) == 0 && postgres_server_is_blocked(l->pid)) {
            if (l->state != LINK_BLOCKED)
                l->blocked_t = world_now();
            l->state = LINK_BLOCKED;
            return;
        }
    }
    l->state = LINK_ANSWERED;
    l->run_t = world_now();
    n_commits += l->wrote;
    if (l->notifies)
        look_soon();
    l->notifies = l->wrote = false;
    maybe_cut(l);
    l->arrives_at = l->broken ? world_now() : comes_at();
    if (l->waits)
        fiber_wake(l->waits);
}

static void serve_blocked(void)
{
    for (struct link *l = links; l; l = l->next)
        if (l->state == LINK_BLOCKED && !l->broken)
            serve(l);
}

/* The limits that the server holds by its own clock, which is a real one. */
static void hold_limits(void *ctx, int64_t a)
{
    world_at(world_now() + LIMIT_EVERY_MS, hold_limits, NULL, 0);
    for (struct link *l = links; l; l = l->next) {
        if (l->broken || l->pid == 0)
            continue;
        if (l->state == LINK_BLOCKED && world_now() - l->blocked_t >= LOCK_LIMIT_MS) {
            postgres_server_cancel(l->pid);
            l->blocked_t = world_now();
            serve(l);
        } else if (l->state != LINK_BLOCKED && world_now() - l->run_t >= IDLE_LIMIT_MS &&
                   PQtransactionStatus(l->conn) != PQTRANS_IDLE) {
            postgres_server_end_idle(l->pid);
            l->run_t = world_now();
            serve_blocked();
        }
    }
}

/* ---- libpq: sending -------------------------------------------------------------------------- */

/* @sql: NULL, or the text. */
static void note(struct link *l, bool is_end, const char *sql)
{
    l->ends = l->ends || is_end || (sql && (strstr(sql, "COMMIT") || strstr(sql, "ROLLBACK")));
    l->notifies = l->notifies || (sql && strstr(sql, "NOTIFY"));
    l->wrote = l->wrote || (sql && strstr(sql, "NOTIFY zapkeep_state")); /* postgres/transactions.c */
}

/* In a pipeline the statements leave together, with its end. */
static void travel(PGconn *conn, bool is_end, const char *sql)
{
    struct link *l = link_of(conn);
    int64_t ms;

    postgres_server_set_clock();
    if (!l)
        return;
    note(l, is_end, sql);
    if (PQpipelineStatus(conn) != PQ_PIPELINE_OFF && !is_end)
        return;
    process_step();
    maybe_cut(l);
    ms = l->broken ? 0 : travel_ms();
    if (ms > 0)
        (void)fiber_wait(world_now() + ms);
    postgres_server_set_clock();
    l->state = LINK_SENT;
}

int __real_PQsendQuery(PGconn *conn, const char *sql);
int __wrap_PQsendQuery(PGconn *conn, const char *sql);
int __real_PQsendQueryParams(PGconn *conn, const char *sql, int n, const Oid *types,
                             const char *const *values, const int *lengths, const int *formats, int format);
int __wrap_PQsendQueryParams(PGconn *conn, const char *sql, int n, const Oid *types,
                             const char *const *values, const int *lengths, const int *formats, int format);
int __real_PQsendQueryPrepared(PGconn *conn, const char *name, int n, const char *const *values,
                               const int *lengths, const int *formats, int format);
int __wrap_PQsendQueryPrepared(PGconn *conn, const char *name, int n, const char *const *values,
                               const int *lengths, const int *formats, int format);
int __real_PQsendPrepare(PGconn *conn, const char *name, const char *sql, int n, const Oid *types);
int __wrap_PQsendPrepare(PGconn *conn, const char *name, const char *sql, int n, const Oid *types);
int __real_PQpipelineSync(PGconn *conn);
int __wrap_PQpipelineSync(PGconn *conn);
int __real_PQflush(PGconn *conn);
int __wrap_PQflush(PGconn *conn);

int __wrap_PQsendQuery(PGconn *conn, const char *sql)
{
    travel(conn, false, sql);
    return __real_PQsendQuery(conn, sql);
}

int __wrap_PQsendQueryParams(PGconn *conn, const char *sql, int n, const Oid *types,
                             const char *const *values, const int *lengths, const int *formats, int format)
{
    travel(conn, false, sql);
    return __real_PQsendQueryParams(conn, sql, n, types, values, lengths, formats, format);
}

int __wrap_PQsendQueryPrepared(PGconn *conn, const char *name, int n, const char *const *values,
                               const int *lengths, const int *formats, int format)
{
    travel(conn, false, NULL);
    return __real_PQsendQueryPrepared(conn, name, n, values, lengths, formats, format);
}

int __wrap_PQsendPrepare(PGconn *conn, const char *name, const char *sql, int n, const Oid *types)
{
    travel(conn, false, NULL);
    return __real_PQsendPrepare(conn, name, sql, n, types);
}

int __wrap_PQpipelineSync(PGconn *conn)
{
    travel(conn, true, NULL);
    return __real_PQpipelineSync(conn);
}

/* All that was sent is with the server when this returns 0. */
int __wrap_PQflush(PGconn *conn)
{
    struct link *l = link_of(conn);
    int r = __real_PQflush(conn);
    bool ends;

    while (l && r > 0 && poll_one(PQsocket(conn), POLLIN | POLLOUT, REAL_LIMIT_MS) > 0 &&
           PQconsumeInput(conn) != 0)
        r = __real_PQflush(conn);
    if (!l || r != 0 || l->state != LINK_SENT || l->broken)
        return r;
    serve(l);
    ends = l->ends;
    l->ends = false;
    if (ends)
        serve_blocked();
    return r;
}

/* ---- libpq: answers -------------------------------------------------------------------------- */

int __wrap_PQisBusy(PGconn *conn)
{
    const struct link *l = link_of(conn);

    if (l && !l->broken &&
        (l->state == LINK_BLOCKED || (l->state == LINK_ANSWERED && world_now() < l->arrives_at)))
        return 1;
    return __real_PQisBusy(conn);
}

/* The next step of connecting comes at once, unless nothing comes. */
static int poll_connecting(const struct link *l, struct pollfd *fds, int timeout)
{
    if (!l->broken && (fault == POSTGRES_HANGS || world_now() < l->arrives_at)) {
        int64_t until = world_now() + timeout;

        (void)fiber_wait(fault == POSTGRES_HANGS || until < l->arrives_at ? until : l->arrives_at);
        fds->revents = 0;
        return 0;
    }
    fds->revents = fds->events;
    return poll_one(fds->fd, fds->events, REAL_LIMIT_MS);
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
    struct link *l = process_current() ? link_by_fd(fds->fd) : NULL;
    int64_t until = world_now() + timeout;

    if (!l)
        return __real_poll(fds, n, timeout);
    process_step();
    if (l->state == LINK_CONNECTING)
        return poll_connecting(l, fds, timeout);
    if (!l->broken && (l->state == LINK_BLOCKED || world_now() < l->arrives_at)) {
        l->waits = l->state == LINK_BLOCKED ? fiber_current() : NULL;
        (void)fiber_wait(l->waits || until < l->arrives_at ? until : l->arrives_at);
        l->waits = NULL;
        fds->revents = 0;
        return 0;
    }
    fds->revents = fds->events;
    return is_answered(l) ? 1 : poll_one(fds->fd, fds->events, REAL_LIMIT_MS);
}

/* ---- libpq: connecting ----------------------------------------------------------------------- */

PGconn *__real_PQconnectStartParams(const char *const *keys, const char *const *values, int expand);
PGconn *__wrap_PQconnectStartParams(const char *const *keys, const char *const *values, int expand);
PostgresPollingStatusType __real_PQconnectPoll(PGconn *conn);
PostgresPollingStatusType __wrap_PQconnectPoll(PGconn *conn);
void __real_PQfinish(PGconn *conn);
void __wrap_PQfinish(PGconn *conn);

PGconn *__wrap_PQconnectStartParams(const char *const *keys, const char *const *values, int expand)
{
    struct link *l;

    if (!process_current())
        return __real_PQconnectStartParams(keys, values, expand);
    process_step();
    l = new_thing(sizeof *l);
    *l = (struct link){ .conn = __real_PQconnectStartParams(keys, values, expand),
                        .process = process_current(),
                        .state = LINK_CONNECTING,
                        .arrives_at = world_now() + travel_ms(),
                        .run_t = world_now(),
                        .next = links };
    if (!l->conn)
        abort();
    links = l;
    if (fault == POSTGRES_DOWN)
        cut(l);
    return l->conn;
}

PostgresPollingStatusType __wrap_PQconnectPoll(PGconn *conn)
{
    struct link *l = link_of(conn);
    PostgresPollingStatusType s = __real_PQconnectPoll(conn);

    if (!l || s != PGRES_POLLING_OK)
        return s;
    l->state = LINK_IDLE;
    l->arrives_at = 0;
    l->pid = PQbackendPID(conn);
    l->run_t = world_now();
    return s;
}

void __wrap_PQfinish(PGconn *conn)
{
    struct link *l = link_of(conn);
    int pid = l ? l->pid : 0;

    if (l)
        remove_link(l);
    __real_PQfinish(conn);
    if (pid > 0)
        postgres_server_wait_gone(pid);
    serve_blocked();
}

/* As the kernel does: nothing is said to the server, which finds the connections closed. */
static void on_process_end(struct process *p)
{
    for (struct link *l = links, *next; l; l = next) {
        int pid = l->pid;

        next = l->next;
        if (l->process != p)
            continue;
        if (PQsocket(l->conn) >= 0)
            (void)close(PQsocket(l->conn));
        remove_link(l);
        if (pid > 0)
            postgres_server_wait_gone(pid);
    }
    serve_blocked();
}

/* ---- what is a thread's, or a process's ------------------------------------------------------ */

struct pg_thread *__wrap_pg_thread(void);
void __wrap_store_hurry(void);
int64_t __wrap_store_wait_ms(int64_t limit_ms);
void __wrap_store_waited(void);

struct pg_thread *__wrap_pg_thread(void)
{
    void **local = fiber_local();

    if (!*local)
        *local = new_thing(sizeof(struct pg_thread));
    return *local;
}

static struct hurry *hurry(void)
{
    const struct process *p = process_current();
    int64_t life = p ? process_life(p) : 0;
    struct hurry *h = hurries;

    while (h && h->process != p)
        h = h->next;
    if (!h) {
        h = new_thing(sizeof *h);
        h->next = hurries;
        hurries = h;
    }
    if (h->process != p || h->life != life)
        *h = (struct hurry){ .process = p, .life = life, .next = h->next };
    return h;
}

void __wrap_store_hurry(void)
{
    hurry()->on = true;
}

int64_t __wrap_store_wait_ms(int64_t limit_ms)
{
    const struct hurry *h = hurry();

    if (h->on && h->in_vain)
        return 0;
    return h->on && limit_ms > STORE_HURRY_MS ? STORE_HURRY_MS : limit_ms;
}

void __wrap_store_waited(void)
{
    hurry()->in_vain = hurry()->on;
}

/* ---- faults ---------------------------------------------------------------------------------- */

void postgres_sim_fail(enum postgres_fault f, int64_t ms)
{
    fault = f;
    fault_ms = ms;
    for (struct link *l = links; l && f == POSTGRES_DOWN; l = l->next)
        cut(l);
}

void postgres_sim_heal(void)
{
    fault = POSTGRES_WELL;
    for (struct link *l = links; l; l = l->next)
        if (l->arrives_at == NEVER)
            l->arrives_at = world_now() + travel_ms();
}

bool postgres_sim_is_well(void)
{
    return fault == POSTGRES_WELL;
}

int64_t postgres_sim_commits(void)
{
    return n_commits;
}

void postgres_sim_begin(void)
{
    process_on_end(on_process_end);
    world_at(world_now() + LIMIT_EVERY_MS, hold_limits, NULL, 0);
}
