#include "services/forwarder/checkpoint.h"

#include "common/store/cursors.h"

/* A checkpoint costs two fsyncs. After a power loss the events of this time are delivered once more. */
#define CHECKPOINT_MS 5000
/* Commits of a busy forwarder after which there is one earlier: a page or two each, so the WAL stays under
 * some 32 MiB. */
#define CHECKPOINT_COMMITS 4000

void checkpoint_init(struct checkpoint *c, struct db *db, struct group_commit *commit,
                     struct state_store *state, struct clock *clock)
{
    *c = (struct checkpoint){ .db = db, .commit = commit, .state = state, .clock = clock, .cursor = -1 };
}

bool checkpoint_is_due(const struct checkpoint *c)
{
    return c->clock->boot_ms(c->clock) >= c->last_at + CHECKPOINT_MS;
}

bool checkpoint_has_many_commits(const struct checkpoint *c)
{
    return group_commit_count(c->commit) >= CHECKPOINT_COMMITS;
}

static void save_cursor(struct checkpoint *c, int64_t seq)
{
    int r;

    if (seq == c->cursor || seq == INT64_MAX)
        return;
    r = state_store_open(c->state);
    if (r == 0)
        r = cursor_save(c->state->db, CHECKPOINT_CONSUMER, seq, c->clock->wall_ms(c->clock));
    if (r == 0)
        c->cursor = seq;
    (void)state_store_result(c->state, r);
}

int checkpoint_make(struct checkpoint *c, int64_t needed)
{
    bool all = true;
    int r = group_commit_has_written(c->commit) ? forward_checkpoint(c->db, &all) : 0;

    c->last_at = c->clock->boot_ms(c->clock);
    if (r != 0)
        return group_commit_fail(c->commit, r);
    group_commit_checkpointed(c->commit, all);
    if (all) /* else a reader was in the way: next time */
        save_cursor(c, needed);
    return 0;
}
