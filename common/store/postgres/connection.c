/*
 * Connecting, waiting, and the one place where PostgreSQL's codes become ours.
 *
 * Everything goes through libpq's asynchronous functions and one poll(): a server that hangs costs its limit, never more.
 * Hosts of a list are tried one after the other, each with its own limit, so that a machine that was cut off does not hide
 * the next one. The one that answered last is tried first.
 */
#include "common/store/postgres/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/store/postgres/address.h"
#include "common/store/postgres/password.h"
#include "common/store/waiting.h"

#define HOSTS_MAX 8

const char *pg_schema_of(enum pg_part part)
{
    static const char *const names[PG_PART_N] = { [PG_STATE] = "zapkeep_state",
                                                  [PG_EVENTS] = "zapkeep_events",
                                                  [PG_FORWARD] = "zapkeep_forward",
                                                  [PG_CONTROL] = "zapkeep" };

    return names[part];
}

/* ---- codes ----------------------------------------------------------------------------------- */

static const struct {
    const char *state; /* SQLSTATE or the beginning of it; the first that matches holds */
    int r;
} codes[] = {
    { "08", -ENOTCONN },    /* connection */
    { "57P", -ENOTCONN },   /* the server stops, crashed, starts, or ended this session */
    { "26000", -ENOTCONN }, /* the session has forgotten a statement: a pooler, DISCARD ALL */
    { "42P05", -ENOTCONN }, /* … or another one's is in its place */
    { "0A000", -ENOTCONN }, /* a table was altered under a statement: a new connection prepares it anew */
    { "25P03", -ENOTCONN }, /* it was idle inside a transaction for too long */
    { "25006", -EROFS },    /* read-only: a standby */
    { "28", -EACCES },      /* password, user */
    { "42501", -EACCES },   /* privileges */
    { "3D000", -ENOENT },   /* no such database */
    { "3F000", -ENOENT },   /* no such schema: not initialised */
    { "53100", -ENOSPC },   /* disk full */
    { "53", -EAGAIN },      /* too many connections, memory */
    { "55P03", -EAGAIN },   /* lock not available in time */
    { "57014", -EAGAIN },   /* statement_timeout */
    { "22012", -EPERM },    /* the fence of deferred.c */
    { "40", -EAGAIN },      /* serialization failure, deadlock */
    { "23514", -ERANGE },   /* no partition for a row */
    { "58", -EIO },         /* a file of the server */
    { "XX001", -EBADMSG },  /* data corrupted */
    { "XX002", -EBADMSG },  /* index corrupted */
};

static int code_of(const char *state)
{
    for (size_t i = 0; state && i < sizeof codes / sizeof codes[0]; i++) {
        if (strncmp(state, codes[i].state, strlen(codes[i].state)) == 0)
            return codes[i].r;
    }
    return -EPROTO;
}

void pg_keep_error(struct pg_db *d, const char *text)
{
    (void)snprintf(d->db.error, sizeof d->db.error, "%.*s", (int)strcspn(text, "\n"), text);
}

/* The code first: a server speaks the language of its lc_messages, and problem.c knows codes alone. */
static void keep_server_error(struct pg_db *d, const PGresult *res, const char *state)
{
    const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

    text = text ? text : PQresultErrorMessage(res);
    if (state)
        (void)snprintf(d->db.error, sizeof d->db.error, PG_SQLSTATE "%s: %.*s", state,
                       (int)strcspn(text, "\n"), text);
    else
        pg_keep_error(d, text);
}

int pg_check(struct pg_db *d, const PGresult *res)
{
    const char *state;
    int r;

    switch (PQresultStatus(res)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_SINGLE_TUPLE:
    case PGRES_PIPELINE_SYNC:
    case PGRES_EMPTY_QUERY:
        return 0;
    default:
        break;
    }
    state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    if (PQstatus(d->conn) != CONNECTION_OK && !state)
        return pg_lost(d, PQerrorMessage(d->conn));
    r = code_of(state);
    keep_server_error(d, res, state);
    if (r == -ENOTCONN || r == -EROFS || PQstatus(d->conn) != CONNECTION_OK)
        (void)pg_lost(d, d->db.error);
    return r;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    return clock_mono_us() / 1000;
}

static _Thread_local bool serving;

bool pg_is_serving(void)
{
    return serving;
}

/* How soon a thread that serves nothing while it waits learns of store_hurry(). */
#define LOOK_MS 200

static int wait_until(int fd, short events, int64_t until_ms)
{
    struct store_waiting waiting;
    struct pollfd fds[2] = { { .fd = fd, .events = events } };

    for (;;) {
        int64_t now = now_ms();
        int64_t left = store_wait_ms(until_ms - now);
        bool watched = !serving && store_waiting(&waiting);
        int look_ms = watched ? waiting.poll_ms : LOOK_MS;
        int n;

        if (left <= 0)
            left = 0;
        until_ms = now + left; /* a stop has made it shorter */
        fds[1] = (struct pollfd){ .fd = watched ? waiting.fd : -1, .events = POLLIN };
        n = poll(fds, 2, left < look_ms ? (int)left : look_ms);
        if (watched) {
            serving =
                true; /* a store call from there is refused, it would come between a question and its answer */
            waiting.serve(waiting.ctx);
            serving = false;
        }
        if (n > 0 && fds[0].revents != 0)
            return 0;
        if (left == 0) {
            store_waited();
            return -ETIMEDOUT;
        }
    }
}

/* Returns 0: something happened, or -ETIMEDOUT. */
static int wait_for(int fd, short events, int64_t until_ms)
{
    int r;

    store_waits_since(now_ms());
    r = wait_until(fd, events, until_ms);
    store_waits_since(0);
    return r;
}

int pg_flush(struct pg_db *d, int limit_ms)
{
    int64_t until_ms = now_ms() + limit_ms;
    int r;

    while ((r = PQflush(d->conn)) > 0) {
        if (wait_for(PQsocket(d->conn), POLLIN | POLLOUT, until_ms) != 0)
            return pg_lost(d, "the server takes no data");
        if (PQconsumeInput(d->conn) == 0)
            return pg_lost(d, PQerrorMessage(d->conn));
    }
    return r == 0 ? 0 : pg_lost(d, PQerrorMessage(d->conn));
}

int pg_next_result(struct pg_db *d, int limit_ms, PGresult **ret)
{
    int64_t until_ms = now_ms() + limit_ms;

    *ret = NULL;
    while (PQisBusy(d->conn)) {
        if (wait_for(PQsocket(d->conn), POLLIN, until_ms) != 0)
            return pg_lost(d, "the server does not answer");
        if (PQconsumeInput(d->conn) == 0)
            return pg_lost(d, PQerrorMessage(d->conn));
    }
    *ret = PQgetResult(d->conn);
    return 0;
}

int pg_result(struct pg_db *d, int limit_ms, PGresult **ret)
{
    PGresult *res = NULL;
    int r = pg_flush(d, limit_ms);

    *ret = NULL;
    while (r == 0 && (r = pg_next_result(d, limit_ms, &res)) == 0 && res) {
        int bad = pg_check(d, res);

        PQclear(*ret);
        *ret = res;
        if (bad != 0) { /* the rest of it has nothing to say */
            while (pg_next_result(d, limit_ms, &res) == 0 && res)
                PQclear(res);
            return bad;
        }
    }
    if (r == 0 && !*ret)
        return pg_lost(d, PQerrorMessage(d->conn));
    pg_take_notifications(d);
    return r;
}

int pg_ask(struct pg_db *d, const char *sql, PGresult **ret)
{
    int r = pg_may_send(d);

    *ret = NULL;
    if (r != 0)
        return r;
    if (PQsendQuery(d->conn, sql) == 0)
        return pg_lost(d, PQerrorMessage(d->conn));
    return pg_result(d, PG_ANSWER_MS, ret);
}

/* ---- connecting ------------------------------------------------------------------------------ */

/* Item @i of a list "a,b,c"; the only item stands for all. Returns false past the end. */
static bool list_item(const char *list, int i, char *ret, size_t n)
{
    const char *p = list ? list : "";
    bool one = strchr(p, ',') == NULL;

    for (int at = 0; at < i && !one; at++) {
        p = strchr(p, ',');
        if (!p)
            return false;
        p++;
    }
    (void)snprintf(ret, n, "%.*s", (int)strcspn(p, ","), p);
    return !one || i == 0;
}

#define DEFAULT_PORT "5432"

struct target {
    char host[256], hostaddr[64], port[16];
};

/* The hosts of the URI; one without a name when it names none (libpq's default). Returns how many, or -EINVAL. */
static int targets_of(const char *where, struct target ret[HOSTS_MAX], char *ret_error, size_t n)
{
    int r = pg_address_check(where, ret_error, n);
    PQconninfoOption *options = r == 0 ? PQconninfoParse(where, NULL) : NULL;
    const char *host = NULL, *hostaddr = NULL, *port = NULL;
    int count = 0;

    if (!options)
        return r != 0 ? r : -ENOMEM;
    for (PQconninfoOption *o = options; o->keyword; o++) {
        host = strcmp(o->keyword, "host") == 0 ? o->val : host;
        hostaddr = strcmp(o->keyword, "hostaddr") == 0 ? o->val : hostaddr;
        port = strcmp(o->keyword, "port") == 0 ? o->val : port;
    }
    while (count < HOSTS_MAX) {
        struct target *t = &ret[count];
        bool has_host = list_item(host, count, t->host, sizeof t->host);
        bool has_addr = list_item(hostaddr, count, t->hostaddr, sizeof t->hostaddr);

        (void)list_item(port, count, t->port, sizeof t->port);
        if (count > 0 && !has_host && !has_addr)
            break;
        count++;
    }
    PQconninfoFree(options);
    return count;
}

/* "zapkeep-ingest events", for people who look into pg_stat_activity. */
static const char *application_of(const char *part)
{
    static _Thread_local char name[64];

    (void)snprintf(name, sizeof name, "%.40s%s", program_invocation_short_name, part);
    return name;
}

static const char *default_port(void)
{
    const char *port = getenv("PGPORT");

    return port && *port ? port : DEFAULT_PORT;
}

static PGconn *start(const char *where, const struct target *t, const char *part)
{
    const char *keys[16], *values[16];
    char password[PG_PASSWORD_MAX];
    int n = 0;

#define SET(key, value) (keys[n] = (key), values[n++] = (value))
    /* Overridden by the URI: */
    SET("target_session_attrs", "read-write");
    SET("tcp_user_timeout", "5000");
    SET("keepalives_idle", "5");
    SET("keepalives_interval", "2");
    SET("application_name", application_of(part));
    SET("dbname", where);
    /* Override the URI: */
    if (*t->host || *t->hostaddr) {
        SET("host", t->host);
        SET("hostaddr", t->hostaddr);
    }
    if (*t->port || *t->host || *t->hostaddr) /* else a list of the URI's ports would stand beside one host */
        SET("port", *t->port ? t->port : default_port());
    if (*pg_password(password))
        SET("password", password);
    SET("client_encoding", "UTF8");
    SET(NULL, NULL);
#undef SET
    return PQconnectStartParams(keys, values, 1);
}

/* Returns 0, or -ENOTCONN and why. */
static int finish(PGconn *conn)
{
    int64_t until_ms = now_ms() + PG_CONNECT_MS;
    PostgresPollingStatusType s = PGRES_POLLING_WRITING;

    if (PQstatus(conn) == CONNECTION_BAD)
        return -ENOTCONN;
    (void)PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
    while (s != PGRES_POLLING_OK && s != PGRES_POLLING_FAILED) {
        if (wait_for(PQsocket(conn), s == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_ms) != 0)
            return -ETIMEDOUT;
        s = PQconnectPoll(conn);
    }
    return s == PGRES_POLLING_OK ? 0 : -ENOTCONN;
}

#define STATE_BYTES 5

/* libpq gives the SQLSTATE of a refused connection within its verbose text alone, "…: FATAL:  28P01: …"; the word before it is in
 * the server's language. Returns where the severity begins, NULL: it has none, as a text of libpq's own. */
static const char *find_state(const char *text, const char **ret_state)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    for (const char *p = text; (p = strstr(p, ":  ")) != NULL; p++) {
        const char *severity = p;

        if (strspn(p + 3, letters) < STATE_BYTES || p[3 + STATE_BYTES] != ':')
            continue;
        while (severity > text && severity[-1] != ' ')
            severity--;
        *ret_state = p + 3;
        return severity;
    }
    return NULL;
}

/* A connection of this process was made once. Then a refusal passes as an absence does: a password is changed, a database is put back. */
static atomic_bool was_connected;

/* Keeps why a connection failed. Returns -EACCES, -ENOENT (no such database) or -ENOTCONN. */
static int keep_refusal(const char *text, char *ret_error, size_t n)
{
    const char *state;
    const char *severity = find_state(text, &state);
    const char *rest;
    int r;

    if (!severity) {
        (void)snprintf(ret_error, n, "%.*s", (int)strcspn(text, "\n"), text);
        return !was_connected && strstr(text, "no password supplied") ? -EACCES : -ENOTCONN;
    }
    rest = state + STATE_BYTES;
    (void)snprintf(ret_error, n, "%.*s" PG_SQLSTATE "%.*s%.*s", (int)(severity - text), text, STATE_BYTES,
                   state, (int)strcspn(rest, "\n"), rest);
    r = code_of(state);
    return !was_connected && (r == -EACCES || r == -ENOENT) ? r : -ENOTCONN;
}

#define OLDEST_SERVER 150000 /* 15 */

/* Texts come from bridges, in any script; in another encoding one of them would stop a commit for ever. SQL_ASCII takes all bytes. */
static int check_kind(const PGconn *conn, char *ret_error, size_t n)
{
    const char *encoding = PQparameterStatus(conn, "server_encoding");
    int version = PQserverVersion(conn);

    if (version >= OLDEST_SERVER && encoding &&
        (strcmp(encoding, "UTF8") == 0 || strcmp(encoding, "SQL_ASCII") == 0))
        return 0;
    (void)snprintf(ret_error, n, "version %d, encoding %s", version / 10000, encoding ? encoding : "unknown");
    return -ENOTSUP;
}

static int try_target(const char *where, const struct target *t, const char *part, PGconn **ret,
                      char *ret_error, size_t n)
{
    PGconn *conn = start(where, t, part);
    int r = conn ? finish(conn) : -ENOMEM;

    if (r == 0)
        r = check_kind(conn, ret_error, n);
    if (r == 0 && PQsetnonblocking(conn, 1) == 0) {
        (void)PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
        was_connected = true;
        *ret = conn;
        return 0;
    }
    if (r == -ETIMEDOUT)
        (void)snprintf(ret_error, n, "%s does not answer", *t->host ? t->host : "the server");
    else if (conn && r != -ENOTSUP)
        r = keep_refusal(PQerrorMessage(conn), ret_error, n);
    PQfinish(conn);
    return r == -ETIMEDOUT ? -ENOTCONN : r;
}

/* The host that answered last; a hint alone. */
static _Thread_local int first_target;

int pg_connect_any(const char *where, const char *part, PGconn **ret, char *ret_error, size_t n)
{
    struct target targets[HOSTS_MAX] = { 0 };
    int count = targets_of(where, targets, ret_error, n);
    int r = -ENOTCONN;

    if (count < 0)
        return count;
    for (int i = 0; r != 0 && i < count; i++) {
        int at = (first_target + i) % count;

        r = try_target(where, &targets[at], part, ret, ret_error, n);
        if (r == 0)
            first_target = at;
    }
    return r;
}
