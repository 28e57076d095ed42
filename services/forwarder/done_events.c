#include "services/forwarder/done_events.h"

#include "common/base/mem.h"

void done_events_load(struct done_events *d, int64_t floor, struct str packed)
{
    ack_window_load(&d->window, floor, packed);
    d->saved_floor = floor;
}

bool done_events_has(const struct done_events *d, int64_t seq)
{
    return ack_window_has(&d->window, seq);
}

bool done_events_fits(const struct done_events *d, int64_t seq)
{
    return ack_window_fits(&d->window, seq);
}

bool done_events_begun(const struct done_events *d)
{
    return d->window.floor >= 0;
}

int64_t done_events_floor(const struct done_events *d)
{
    return d->window.floor > 0 ? d->window.floor : 0;
}

void done_events_mark(struct done_events *d, int64_t seq)
{
    ack_window_set(&d->window, seq);
    d->dirty = true;
}

void done_events_mark_unwanted(struct done_events *d, int64_t seq)
{
    ack_window_set(&d->window, seq);
    d->moved = true;
}

void done_events_jump(struct done_events *d, int64_t seq)
{
    ack_window_jump(&d->window, seq);
    d->dirty = true;
}

int done_events_ack(struct done_events *d, struct group_commit *c, int64_t destination, const struct event *e)
{
    done_events_mark(d, e->seq);
    return ack_window_reaches(d->saved_floor, e->seq) ? group_commit_ack(c, destination, e)
                                                      : group_commit_begin(c);
}

int done_events_save(struct done_events *d, struct group_commit *c, struct db *db, int64_t destination,
                     bool all)
{
    CLEANUP(buf_fini) struct buf bits = BUF_INIT(ACK_WINDOW_SEQS / 8 + 8);
    int r;

    if (!d->dirty && !(all && d->moved))
        return 0;
    ack_window_pack(&d->window, &bits);
    r = group_commit_begin(c);
    if (r == 0)
        r = buf_error(&bits);
    if (r == 0)
        r = forward_save_window(db, destination, d->window.floor, (struct str){ buf_str(&bits), bits.len });
    if (r != 0)
        return group_commit_fail(c, r);
    d->saved_floor = d->window.floor;
    d->dirty = d->moved = false;
    return 0;
}

int64_t done_events_saved(const struct done_events *d)
{
    return d->saved_floor > 0 ? d->saved_floor : 0;
}
