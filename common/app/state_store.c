#include "common/app/state_store.h"

#include <stdio.h>

#include "common/app/store_watch.h"
#include "common/base/log.h"
#include "common/store/store.h"
#include "common/store/waiting.h"

void state_store_close(struct state_store *s)
{
    store_watch_close(s->watch);
    s->watch = NULL;
    db_close(s->db);
    s->db = NULL;
}

int state_store_open(struct state_store *s)
{
    int r;

    if (s->db && db_sync_failed(s->db))
        state_store_close(s);
    if (s->db)
        return 0;
    r = db_open_state(s->dir, &s->db);
    if (r != 0 || !s->loop)
        return r;
    db_notify_as(s->db, s->who);
    (void)store_watch_open(s->loop, s->db, s->on_commit, s->ctx, &s->watch); /* there is the sweep */
    return 0;
}

void state_store_watch(struct state_store *s, struct loop *loop, const char *who, void (*fn)(void *ctx),
                       void *ctx)
{
    s->loop = loop;
    s->who = who;
    s->on_commit = fn;
    s->ctx = ctx;
}

static void works(struct state_store *s)
{
    if (s->backoff.tries > 0)
        log_info("state-works", "the state can be used again", KI("tries", s->backoff.tries));
    backoff_reset(&s->backoff);
}

int64_t state_store_result(struct state_store *s, int r)
{
    char problem[512];
    int64_t wait_ms;

    if (r >= 0) {
        works(s);
        return 0;
    }
    wait_ms = backoff_next_ms(&s->backoff);
    if (backoff_is_news(&s->backoff))
        log_error("state-failed", "the state cannot be used", KS("effect", s->effect),
                  KS("error", db_problem(s->dir, STATE_DB_FILE, r, problem, sizeof problem)),
                  KS("detail", s->db ? db_error(s->db) : ""), KI("tries", s->backoff.tries));
    if (s->db && db_sync_failed(s->db))
        state_store_close(s);
    return wait_ms;
}

/* After a failure the next try of the work tells. */
int64_t state_store_ping(struct state_store *s)
{
    int r = s->db && s->backoff.tries == 0 ? db_ping(s->db) : 0;

    return r < 0 ? state_store_result(s, r) : 0;
}

int state_store_check(void *ctx, char *ret_why, size_t n)
{
    const struct state_store *s = ctx;

    if (store_hangs())
        (void)snprintf(ret_why, n, "the database does not answer");
    else
        (void)snprintf(ret_why, n, "%s cannot be used", store_part(s->dir, STATE_DB_FILE));
    return s->db && s->backoff.tries == 0 && !store_hangs() ? 0 : -1;
}
