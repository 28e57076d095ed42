/*
 * One destination: its backlog, its requests and its reading of the log put together; turning it off and on;
 * its state for operators.
 */
#pragma once

#include "services/forwarder/destination_report.h"
#include "services/forwarder/reading.h"

struct destination;

struct destination_options {
    struct app *app; /* borrowed, as all of these */
    const char *dir, *bus;
    struct bus_sub *sub;
    const struct destination_config *config;
    int index; /* in the metrics */
    struct stores *stores;
    struct group_commit *commit;
    struct dead_letters *dead;
    struct state_store *state;
    const struct store_role *role; /* nothing is sent without it */
    const bool *stopping;          /* nothing more is started */
    int64_t started_at;            /* wall ms when the program started: "now" of a destination that is new */
    /* forward.db is new, but this far was delivered before it was lost; -1: it is not so */
    int64_t lost_floor;
};
/* In a transaction of the group commit, which it begins. */
int destination_open(const struct destination_options *o, struct destination **ret);
void destination_close(struct destination *d); /* NULL is nothing */

/* Starts every request that may start, reads on when there is room. Errors go to the group commit. */
void destination_poke(struct destination *d);
void destination_notify(struct destination *d); /* there may be something new in the log */
/* In the transaction: the window of acknowledgements, if one changed it (@all: or anything else did). Returns 0 or
 * -errno. */
int destination_save(struct destination *d, bool all);
/* The row that the CLI reads, if it changed. Returns 0 or -errno. */
int destination_save_status(struct destination *d);
void destination_gauges(struct destination *d);

/* Newest seq that is not needed any more; INT64_MAX: it is turned off and needs nothing. */
int64_t destination_needs(struct destination *d);
int64_t destination_in_flight(const struct destination *d); /* requests */
const char *destination_name(const struct destination *d);

/* Commands of operators. Return 0 or -errno. */
int destination_turn_off(struct destination *d, bool off);
int destination_pause(struct destination *d, bool pause);
/* The event with this seq, which waits, becomes a dead letter. *ret_found: it waited. */
int destination_skip(struct destination *d, int64_t seq, bool *ret_found);
/* Events that wait are tried now: all, of a session, or the one with this seq (0: any). Returns how many. */
int64_t destination_retry_now(struct destination *d, struct str session, int64_t seq);
int destination_test(struct destination *d, void (*done)(void *ctx, const struct deliver_test *t), void *ctx);
/* Dead letters were ordered to be redelivered. */
void destination_redeliver(struct destination *d);

/* Returns false, with one line in @ret_why, when it does not take every event. */
bool destination_is_well(const struct destination *d, char *ret_why, size_t n);
