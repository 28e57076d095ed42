/*
 * One bridge under watch: the parts of the monitor that are this bridge's own, each with its own schedule. Bridges share
 * the loop, state.db, the event feed and the alert sender, and nothing else: one that hangs delays no other.
 */
#pragma once

#include "services/monitor/event_feed.h"
#include "services/monitor/two_owners.h"

struct bridge_watch;

struct bridge_watch_options {
    struct monitor_context context; /* its settings and its role are this bridge's; the table is made here */
    struct alert_sender *const *sender; /* borrowed; as change_batch_open() has it */
    struct received_feed *received;     /* borrowed */
    void (*on_well)(void *ctx);         /* a sweep has ended, and all is well with this bridge */
    void *ctx;
};

/* Reads the bridge's rows of state.db; the first sweep starts at once. Returns 0 or -errno. */
int bridge_watch_open(const struct bridge_watch_options *o, struct bridge_watch **ret);
void bridge_watch_close(struct bridge_watch *w); /* NULL is nothing; staged changes are lost */
/* Alerts of dead programs stand on this bridge, or on another one. */
void bridge_watch_programs(struct bridge_watch *w, bool on);
/* Sessions that share a phone: those of this bridge raise an alert, and those of them that are down are parked. */
void bridge_watch_two_owners(struct bridge_watch *w, const struct two_owners *t);
/* Changes of its sessions that were committed since the opening. */
int64_t bridge_watch_changes(const struct bridge_watch *w);
/* Commits the staged changes. */
void bridge_watch_commit(struct bridge_watch *w);

const char *bridge_watch_name(const struct bridge_watch *w);
/* For the event feed, valid until the watch is closed. */
struct feed_target *bridge_watch_feed(struct bridge_watch *w);
/* The bridge's problem, for /health; NULL: none. */
const char *bridge_watch_problem(const struct bridge_watch *w);
/* Its last sweep was good, and it is in no trouble. */
bool bridge_watch_is_well(const struct bridge_watch *w);
