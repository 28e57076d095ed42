/* A destination as lists show it. Pure. */
#pragma once

#include "common/store/forward.h"

/* Everything that is not delivered: unread, and put aside. @head: the newest seq of the log. */
int64_t destination_lag(const struct forward_destination *d, const struct forward_counts *c, int64_t head);
/* Every event up to this seq is delivered or a dead letter: events that are put aside for another try stand below
 * the forwarder's floor, and are neither. */
int64_t destination_delivered(const struct forward_destination *d, const struct forward_counts *c);
/* "stopped", "new", "delivering", or the forwarder's own word. @runs: there is a forwarder. */
const char *destination_state(const struct forward_destination *d, const struct forward_counts *c,
                              int64_t head, bool runs);
