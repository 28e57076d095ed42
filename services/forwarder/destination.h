/*
 * One destination: its backlog, its requests and its reading of the log put together; turning it off and on; what
 * operators see of it.
 */
#pragma once

#include "services/forwarder/reading.h"

struct destination;

struct destination_options {
    struct app *app; /* borrowed, as all of these */
    const char *dir, *bus;
    struct bus_sub *sub;
    const struct destination_config *config;
    int index; /* in the metrics */
    const struct stores *stores;
    struct group_commit *commit;
    struct dead_letters *dead;
};
int destination_open(const struct destination_options *o, struct destination **ret);
void destination_close(struct destination *d); /* NULL is nothing */

/* Starts what may be started, reads on when there is room. Errors go to the group commit. */
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

/* Returns 0 or -errno. */
int destination_turn_off(struct destination *d, bool off);
/* Dead letters were ordered to be redelivered. */
void destination_redeliver(struct destination *d);
/* Appends one line that says why it does not deliver. Returns true when it delivers. */
bool destination_is_well(const struct destination *d, char *ret_why, size_t n);
