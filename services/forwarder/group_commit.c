#include "services/forwarder/group_commit.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/store/cursors.h"
#include "services/forwarder/destination.h"
#include "services/forwarder/forward_metrics.h"
#include "services/forwarder/startup.h"

#define CONSUMER_NAME "forwarder"
/* A checkpoint costs two fsyncs. After a power loss the events of this time are delivered once more. */
#define CHECKPOINT_MS 5000
/* Commits of a busy forwarder after which there is one earlier: a page or two each, so the WAL stays under
 * some 32 MiB. */
#define CHECKPOINT_COMMITS 4000

void forwarder_write(struct forwarder *f)
{
    if (f->in_transaction)
        return;
    f->in_transaction = true;
    f->written = true;
    forwarder_note(f, db_begin(f->db));
    timer_start(f->commit, 0);
}

void forwarder_taken(struct forwarder *f, int64_t id, const struct event *e)
{
    if (f->in_transaction || !acks_add(f->acks, id, e->seq, e->at))
        forwarder_write(f);
    else
        timer_start(f->commit, 0);
}

bool forwarder_may_send(const struct forwarder *f)
{
    return !f->in_transaction && acks_are_written(f->acks);
}

void forwarder_note(struct forwarder *f, int r)
{
    if (r >= 0 || f->store_r != 0)
        return;
    f->store_r = r;
    timer_start(f->commit, 0);
}

void forwarder_ended(struct forwarder *f)
{
    if (!f->closing)
        timer_start(f->commit, 0);
}

static int64_t in_flight(const struct forwarder *f)
{
    int64_t n = 0;

    for (int i = 0; i < f->n; i++)
        n += f->dest[i]->in_flight;
    return n;
}

/* Without a transaction what was taken is written to forward.acks; when that cannot be, there is one. */
static void write_acks(struct forwarder *f)
{
    int r = acks_write(f->acks);

    if (r != f->acks_r && r != 0)
        log_warn("acks-failed", ACKS_FILE " cannot be written; forward.db takes all of it, which is slower",
                 KS("error", err_text(r)));
    f->acks_r = r;
    if (r != 0)
        forwarder_write(f);
}

bool group_commit_end(struct forwarder *f)
{
    if (!f->in_transaction)
        write_acks(f);
    if (f->in_transaction && f->store_r == 0) {
        for (int i = 0; i < f->n; i++)
            destination_save(f->dest[i], false);
    }
    if (f->in_transaction && f->store_r == 0) {
        f->store_r = db_commit(f->db);
        if (f->store_r == 0) {
            backoff_reset(&f->starting);
            acks_committed(f->acks);
        }
        f->commits++;
    }
    f->in_transaction = false;
    if (f->store_r == 0)
        return true;
    open_redeliver(f);
    return false;
}

/* ---- now and then ---------------------------------------------------------------------------- */

int group_commit_open_state(struct forwarder *f)
{
    int r = 0;

    if (f->state && db_sync_failed(f->state)) {
        db_close(f->state);
        f->state = NULL;
    }
    if (!f->state)
        r = db_open_state(f->settings.app.data_dir, &f->state);
    return r;
}

static void state_answered(struct forwarder *f, int r)
{
    if (r == 0 && f->state_backoff.tries > 0)
        log_info("state-works", "state.db can be used again");
    if (r == 0) {
        backoff_reset(&f->state_backoff);
        return;
    }
    (void)backoff_next_ms(&f->state_backoff);
    if (backoff_is_news(&f->state_backoff))
        log_warn("state-failed", "state.db cannot be used; the cursor is saved later",
                 KS("error", err_text(r)));
}

static int64_t needed(struct forwarder *f)
{
    int64_t seq = INT64_MAX;

    for (int i = 0; i < f->n; i++) {
        int64_t n = destination_needs(f->dest[i]);

        seq = n < seq ? n : seq;
    }
    return seq;
}

static void save_cursor(struct forwarder *f, int64_t seq)
{
    int r;

    if (seq == f->cursor || seq == INT64_MAX)
        return;
    r = group_commit_open_state(f);
    if (r == 0)
        r = cursor_save(f->state, CONSUMER_NAME, seq, forwarder_wall_ms(f));
    if (r == 0)
        f->cursor = seq;
    state_answered(f, r);
}

/* What the cursor says must be on disk in forward.db before. */
static void save_durably(struct forwarder *f)
{
    int64_t seq = needed(f);
    bool all = true;
    int r = f->written ? forward_checkpoint(f->db, &all) : 0;

    f->checkpoint_at = forwarder_boot_ms(f);
    f->commits = 0;
    if (r != 0) {
        forwarder_note(f, r);
        return;
    }
    if (!all)
        return; /* a reader was in the way: next time */
    f->written = false;
    save_cursor(f, seq);
}

void group_commit_on_timer(void *ctx)
{
    struct forwarder *f = ctx;

    if (!f->begun || !group_commit_end(f))
        return;
    if (f->commits >= CHECKPOINT_COMMITS)
        save_durably(f);
    for (int i = 0; i < f->n; i++)
        destination_poke(f->dest[i]);
    if (app_stopping(f->app) && in_flight(f) == 0 && forwarder_may_send(f))
        app_stopped(f->app);
}

static bool save_all(struct forwarder *f)
{
    for (int i = 0; i < f->n; i++) {
        destination_save(f->dest[i], true);
        destination_save_status(f->dest[i]);
    }
    return group_commit_end(f);
}

void group_commit_on_tick(void *ctx)
{
    struct forwarder *f = ctx;

    timer_start(f->tick, GROUP_COMMIT_TICK_MS);
    if (!f->begun || !save_all(f))
        return;
    for (int i = 0; i < f->n; i++)
        destination_gauges(f->dest[i]);
    metric_set(&forward_dead, 0, f->dead);
    if (forwarder_boot_ms(f) >= f->checkpoint_at + CHECKPOINT_MS)
        save_durably(f);
    for (int i = 0; i < f->n && f->begun; i++)
        destination_poke(f->dest[i]);
}

void group_commit_last(struct forwarder *f)
{
    if (f->begun && save_all(f))
        save_durably(f);
}
