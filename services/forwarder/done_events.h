/*
 * The events of the log that one destination is done with: the window of their bits, and the part of it that is stored in
 * forward.db. Above the stored floor forward.acks has the newest.
 */
#pragma once

#include "common/store/ack_window.h"
#include "services/forwarder/group_commit.h"
#include "services/forwarder/stores.h"

struct done_events {
    struct ack_window window;
    int64_t saved_floor;
    bool dirty; /* by an acknowledgement: saved with this pass */
    bool moved; /* by events that it does not want: saved at leisure */
};

/* As it was stored. */
void done_events_load(struct done_events *d, int64_t floor, struct str packed);
bool done_events_has(const struct done_events *d, int64_t seq);
bool done_events_fits(const struct done_events *d,
                      int64_t seq); /* it can be marked; else the floor has to move on first */
bool done_events_begun(const struct done_events *d);
int64_t done_events_floor(const struct done_events *d); /* 0: not begun */
void done_events_mark(struct done_events *d, int64_t seq);
void done_events_mark_unwanted(struct done_events *d, int64_t seq);
/* All up to @seq are. */
void done_events_jump(struct done_events *d, int64_t seq);
/* It was delivered: marks it, and notes it in forward.acks when the stored window would reach it. */
int done_events_ack(struct done_events *d, struct group_commit *c, int64_t destination,
                    const struct event *e);
/* In the transaction: stores the window if an acknowledgement changed it (@all: or anything else did). */
int done_events_save(struct done_events *d, struct group_commit *c, struct db *db, int64_t destination,
                     bool all);
int64_t done_events_saved(const struct done_events *d); /* the stored floor; 0: not begun */
