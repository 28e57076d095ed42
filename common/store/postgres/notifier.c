#include "common/store/postgres/notifier.h"

#include "common/base/clock.h"
#include "common/store/postgres/connection.h"

/* One that listens is woken so often at most; each wakes a process of the server, and one of ours. */
#define REST_MS 5
/* A server that has not answered for so long gets a new connection. */
#define ANSWER_MS 5000
#define RETRY_MS  1000

void pg_notifier_fini(struct pg_notifier *n)
{
    if (n->d)
        pg_close(&n->d->db);
    *n = (struct pg_notifier){ 0 };
}

static bool is_connected(struct pg_notifier *n, const char *where, int64_t now_ms)
{
    if (n->d && pg_is_usable(n->d))
        return true;
    if (n->d)
        pg_close(&n->d->db);
    n->d = NULL;
    if (now_ms < n->retry_at_ms)
        return false;
    n->retry_at_ms = now_ms + RETRY_MS;
    /* A notification is a small commit; nothing is lost when a crash of the server takes it. */
    return pg_connect(where, PG_EVENTS, &n->d, NULL, 0) == 0 &&
           pg_exec(&n->d->db, "SET synchronous_commit = off") == 0;
}

/* The last one is answered. */
static bool is_idle(struct pg_notifier *n)
{
    PGconn *conn = n->d->conn;
    PGresult *res;

    if (PQconsumeInput(conn) == 0) {
        (void)pg_lost(n->d, "closed");
        return false;
    }
    while (!PQisBusy(conn) && (res = PQgetResult(conn)) != NULL)
        PQclear(res);
    return PQtransactionStatus(conn) == PQTRANS_IDLE;
}

int64_t pg_notifier_send(struct pg_notifier *n, const char *where)
{
    int64_t now_ms = clock_mono_us() / 1000;

    if (!is_connected(n, where, now_ms))
        return 0;
    if (!is_idle(n)) {
        if (now_ms - n->sent_at_ms > ANSWER_MS)
            (void)pg_lost(n->d, "the server does not answer");
        return REST_MS;
    }
    if (now_ms - n->sent_at_ms < REST_MS)
        return REST_MS - (now_ms - n->sent_at_ms);
    n->sent_at_ms = now_ms;
    (void)PQsendQuery(n->d->conn, "NOTIFY zapkeep_events");
    (void)PQflush(n->d->conn);
    return 0;
}
