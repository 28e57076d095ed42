#include "services/forwarder/group_commit.h"

#include <errno.h>

#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/mem.h"

/* A transaction of a few acknowledgements waits so long for more of them when the one before had many: the answers of a busy
 * destination come in crowds, and the few that are ahead of one would be a round trip of their own. */
#define GATHER_MS 1

struct group_commit {
    struct group_commit_hooks hooks;
    struct db *db;
    struct acks *acks;
    struct loop *loop;
    struct timer *timer;
    bool in_transaction;
    bool only_acks;       /* the transaction has nothing but acknowledgements */
    int n_acks, n_before; /* of this transaction, of the one before */
    int64_t began_ms;     /* of the loop */
    bool written;         /* since the last checkpoint that moved all */
    int commits;
    int acks_r;   /* why forward.acks cannot be written, 0: it can */
    int failed_r; /* the first failure */
};

/* ---- writing --------------------------------------------------------------------------------- */

int group_commit_fail(struct group_commit *g, int r)
{
    if (g->failed_r == 0)
        g->failed_r = r;
    timer_start(g->timer, 0);
    return r;
}

int group_commit_begin(struct group_commit *g)
{
    int r;

    if (g->failed_r != 0)
        return g->failed_r;
    g->only_acks = false;
    if (g->in_transaction)
        return 0;
    r = db_begin(g->db);
    if (r != 0)
        return group_commit_fail(g, r);
    g->in_transaction = g->written = true;
    g->n_acks = 0;
    g->began_ms = loop_now_ms(g->loop);
    timer_start(g->timer, 0);
    return 0;
}

/* Without a file for acknowledgements. */
static int ack_in_transaction(struct group_commit *g)
{
    bool only_acks = !g->in_transaction || g->only_acks;
    int r = group_commit_begin(g);

    g->only_acks = only_acks;
    g->n_acks++;
    return r;
}

int group_commit_ack(struct group_commit *g, int64_t id, const struct event *e)
{
    if (g->in_transaction || !acks_add(g->acks, id, e->seq, e->at))
        return ack_in_transaction(g);
    timer_start(g->timer, 0);
    return 0;
}

bool group_commit_is_done(const struct group_commit *g)
{
    return g->failed_r == 0 && !g->in_transaction && acks_are_written(g->acks);
}

void group_commit_soon(struct group_commit *g)
{
    timer_start(g->timer, 0);
}

/* ---- the end of a pass ----------------------------------------------------------------------- */

/* Writes acknowledgements made outside of a transaction to forward.acks; when that fails, begins one. */
static int write_acks(struct group_commit *g)
{
    int r = acks_write(g->acks);

    if (r != g->acks_r && r != 0)
        log_warn("acks-failed",
                 "cannot write " ACKS_FILE
                 "; every acknowledgement is committed to forward.db, which is slower",
                 KS("error", err_text(r)));
    g->acks_r = r;
    return r == 0 ? 0 : group_commit_begin(g);
}

static int commit(struct group_commit *g)
{
    int r = g->hooks.save(g->hooks.ctx);

    if (r == 0)
        r = db_commit(g->db);
    g->in_transaction = false;
    g->n_before = g->n_acks;
    if (r != 0)
        return group_commit_fail(g, r);
    acks_committed(g->acks);
    g->commits++;
    return 0;
}

int group_commit_end(struct group_commit *g)
{
    int r = g->failed_r;

    if (r == 0 && !g->in_transaction)
        r = write_acks(g);
    return r == 0 && g->in_transaction ? commit(g) : r;
}

static bool gathers(const struct group_commit *g)
{
    return g->failed_r == 0 && g->in_transaction && g->only_acks && !g->acks && g->n_acks < g->n_before / 2 &&
           loop_now_ms(g->loop) <= g->began_ms + GATHER_MS;
}

static void on_timer(void *ctx)
{
    struct group_commit *g = ctx;
    int r;

    if (gathers(g)) {
        timer_start(g->timer, GATHER_MS);
        return;
    }
    r = group_commit_end(g);
    if (r != 0)
        g->hooks.failed(g->hooks.ctx, r, db_error(g->db));
    else
        g->hooks.committed(g->hooks.ctx);
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

int group_commit_count(const struct group_commit *g)
{
    return g->commits;
}

void group_commit_checkpointed(struct group_commit *g, bool all)
{
    g->commits = 0;
    g->written = g->written && !all;
}

bool group_commit_has_written(const struct group_commit *g)
{
    return g->written;
}

/* ---- opening --------------------------------------------------------------------------------- */

int group_commit_open(struct loop *l, const struct stores *stores, const struct group_commit_hooks *hooks,
                      struct group_commit **ret)
{
    struct group_commit *g = mem_zalloc(sizeof *g);
    int r;

    if (!g)
        return -ENOMEM;
    g->hooks = *hooks;
    g->loop = l;
    g->db = stores->db;
    g->acks = stores->acks;
    r = timer_open(l, on_timer, g, &g->timer);
    if (r != 0) {
        mem_free(g);
        return r;
    }
    *ret = g;
    return 0;
}

void group_commit_close(struct group_commit *g)
{
    if (!g)
        return;
    db_rollback(g->db);
    timer_close(g->timer);
    mem_free(g);
}
