#include "common/store/postgres/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/store/db.h"
#include "common/store/postgres/pooling.h"
#include "common/store/postgres/schema.h"
#include "common/store/postgres/thread.h"

/* Of the text that makes the server forget statements; more of them stay until the connection is closed. */
#define FORGOTTEN_MAX 65536

void pg_share_connection(bool on)
{
    pg_thread()->shares = on;
}

/* ---- who may send ---------------------------------------------------------------------------- */

bool pg_is_usable(const struct pg_db *d)
{
    return !d->db.broken && PQstatus(d->conn) == CONNECTION_OK;
}

static void wake(const struct pg_db *d)
{
    if (d->wake_fd >= 0)
        (void)eventfd_write(d->wake_fd, 1);
}

int pg_lost(struct pg_db *d, const char *why)
{
    pg_keep_error(d, why);
    d->wire->lost = true;
    d->wire->owner = NULL;
    for (struct pg_db *u = d->wire->users; u; u = u->next) {
        u->db.broken = true;
        u->in_transaction = u->snapshot = false;
        if (u == d)
            continue;
        (void)snprintf(u->db.error, sizeof u->db.error, "%s", d->db.error);
        wake(u);
    }
    return -ENOTCONN;
}

int pg_may_send(struct pg_db *d)
{
    if (pg_is_serving())
        return -EAGAIN;
    if (d->db.broken)
        return -ENOTCONN;
    if (!pg_is_usable(d))
        return pg_lost(d, "the connection is closed");
    if (!d->wire->owner || d->wire->owner == d)
        return 0;
    (void)snprintf(d->db.error, sizeof d->db.error,
                   "a statement for schema %s came within a transaction of schema %s", pg_schema_of(d->part),
                   pg_schema_of(d->wire->owner->part));
    return -EPROTO;
}

void pg_wire_own(const struct pg_db *d)
{
    d->wire->owner = d;
}

void pg_wire_disown(struct pg_db *d)
{
    if (d->wire->owner != d)
        return;
    d->wire->owner = NULL;
    if (pg_is_usable(d) && PQtransactionStatus(d->conn) != PQTRANS_IDLE)
        (void)pg_lost(d, "a transaction does not end");
}

/* ---- notifications --------------------------------------------------------------------------- */

static bool is_for(const struct pg_db *d, const PGnotify *n)
{
    return (d->part == PG_STATE || d->part == PG_EVENTS) && strcmp(n->relname, pg_schema_of(d->part)) == 0;
}

static void take(struct pg_db *d, const PGnotify *n)
{
    d->n_notified++;
    d->others = d->others || !d->who || strcmp(n->extra, d->who) != 0;
}

/* libpq keeps them until somebody asks; they come with every answer, those of this session with the answer to their commit. */
void pg_take_notifications(struct pg_db *d)
{
    PGnotify *n;

    while ((n = PQnotifies(d->conn)) != NULL) {
        for (struct pg_db *u = d->wire->users; u; u = u->next) {
            if (!is_for(u, n) || (u == d && n->be_pid == PQbackendPID(d->conn)))
                continue;
            take(u, n);
            if (u != d) /* its loop sees nothing on the socket any more */
                wake(u);
        }
        PQfreemem(n);
    }
}

static int watch(const struct pg_db *d, int fd)
{
    struct epoll_event e = { .events = EPOLLIN };

    return epoll_ctl(d->watch_fd, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

/* A loop can watch a descriptor once; so each part has one of its own, of the socket and of what others have read from it. */
int pg_wire_watch(struct pg_db *d, int *ret_fd)
{
    int r = 0;

    if (d->watch_fd < 0)
        d->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    if (d->wake_fd < 0) {
        d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = d->watch_fd < 0 || d->wake_fd < 0 ? -errno : watch(d, d->wake_fd);
        if (r == 0)
            r = watch(d, PQsocket(d->conn));
    }
    *ret_fd = r == 0 ? d->watch_fd : -1;
    return r;
}

void pg_wire_woken(const struct pg_db *d)
{
    eventfd_t n;

    if (d->wake_fd >= 0)
        (void)eventfd_read(d->wake_fd, &n);
}

/* ---- opening --------------------------------------------------------------------------------- */

static void drop_notice(void *ctx, const PGresult *res)
{
    (void)ctx;
    (void)res;
}

static void wire_free(struct pg_wire *w)
{
    for (struct pg_wire **at = &pg_thread()->wires; *at; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            break;
        }
    }
    PQfinish(w->conn);
    mem_free(w->where);
    mem_free(w);
}

static int wire_open(const char *where, const char *part, struct pg_wire **ret, char *ret_error, size_t n)
{
    struct pg_wire *w = mem_zalloc(sizeof *w);
    char error[256] = "";
    int r = w ? pg_connect_any(where, part, &w->conn, error, sizeof error) : -ENOMEM;

    if (ret_error)
        (void)snprintf(ret_error, n, "%s", error);
    if (r != 0) {
        mem_free(w);
        return r;
    }
    (void)PQsetNoticeReceiver(w->conn, drop_notice, NULL);
    *ret = w;
    return 0;
}

static struct pg_wire *find(const char *where)
{
    struct pg_wire *w = pg_thread()->wires;

    while (w && (w->lost || strcmp(w->where, where) != 0 || PQstatus(w->conn) != CONNECTION_OK))
        w = w->next;
    return w;
}

static int open_shared(const char *where, struct pg_wire **ret, char *ret_error, size_t n)
{
    CLEANUP(mem_freep) char *copy = NULL;
    int r;

    *ret = find(where);
    if (*ret)
        return 0;
    copy = mem_strdup(where);
    r = copy ? wire_open(where, "", ret, ret_error, n) : -ENOMEM;
    if (r != 0)
        return r;
    (*ret)->where = TAKE(copy);
    (*ret)->next = pg_thread()->wires;
    pg_thread()->wires = *ret;
    return 0;
}

static struct pg_db *attach(struct pg_db *d, struct pg_wire *w, enum pg_part part)
{
    d->db.engine = &postgres_engine;
    d->part = part;
    d->wake_fd = d->watch_fd = -1;
    buf_init(&d->forgotten, FORGOTTEN_MAX);
    d->conn = w->conn;
    d->wire = w;
    d->next = w->users;
    w->users = d;
    return d;
}

/* Without a second connection nothing is known: a pool may be full. */
static int check_pooling(struct pg_db *d, const char *where)
{
    struct pg_db *second = NULL;
    struct pg_wire *w = NULL;
    bool pooled = false;
    int r = pg_pooling_ask(d, &pooled);

    if (r != 0 || !pooled || wire_open(where, "", &w, NULL, 0) != 0)
        return r;
    second = mem_zalloc(sizeof *second);
    if (!second) {
        wire_free(w);
        return -ENOMEM;
    }
    r = pg_pooling_check(d, attach(second, w, PG_CONTROL));
    pg_close(&second->db);
    return r;
}

/* The first part of a new connection. */
static int enter(struct pg_db **d, const char *where, char *ret_error, size_t n)
{
    int r = check_pooling(*d, where);

    if (r == 0)
        r = pg_schema_enter(*d);
    if (r == 0)
        return 0;
    if (ret_error)
        (void)snprintf(ret_error, n, "%s", (*d)->db.error);
    pg_close(&(*d)->db);
    *d = NULL;
    return r;
}

static int open_part(const char *where, enum pg_part part, bool alone, struct pg_db **ret, char *ret_error,
                     size_t n)
{
    static const char *const names[PG_PART_N] = {
        [PG_STATE] = " state", [PG_EVENTS] = " events", [PG_FORWARD] = " forward", [PG_CONTROL] = ""
    };
    struct pg_db *d = pg_is_serving() ? NULL : mem_zalloc(sizeof *d);
    struct pg_wire *w = NULL;
    bool is_new;
    int r;

    if (!d)
        return pg_is_serving() ? -EAGAIN : -ENOMEM;
    r = alone ? wire_open(where, names[part], &w, ret_error, n) : open_shared(where, &w, ret_error, n);
    if (r != 0) {
        mem_free(d);
        return r;
    }
    is_new = !w->users;
    *ret = attach(d, w, part);
    return is_new ? enter(ret, where, ret_error, n) : 0;
}

int pg_connect(const char *where, enum pg_part part, struct pg_db **ret, char *ret_error, size_t n)
{
    return open_part(where, part, true, ret, ret_error, n);
}

int pg_join(const char *where, enum pg_part part, struct pg_db **ret, char *ret_error, size_t n)
{
    return open_part(where, part, !pg_thread()->shares, ret, ret_error, n);
}

/* ---- closing --------------------------------------------------------------------------------- */

static void detach(struct pg_db *d)
{
    struct pg_db **at = &d->wire->users;

    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
}

/* The session goes on without it. */
static void leave(struct pg_db *d)
{
    db_rollback(&d->db);
    if (d->forgotten.len > 0)
        (void)pg_exec(&d->db, buf_str(&d->forgotten));
    if (d->wire->owner == d) /* the rollback could not be sent */
        (void)pg_lost(d, "a part was closed within its transaction");
}

static void close_fd(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

void pg_close(struct db *db)
{
    struct pg_db *d = pg_db(db);

    if (d->wire->users != d || d->next)
        leave(d);
    detach(d);
    if (!d->wire->users)
        wire_free(d->wire);
    close_fd(d->watch_fd);
    close_fd(d->wake_fd);
    buf_fini(&d->forgotten);
    mem_free(d);
}
