/* NOTIFY after commits, from a connection of its own: it waits for all other notifiers of the server at its commit, and no sender
 * of a webhook must wait for that. Nothing here waits for the server, except the connecting. */
#pragma once

#include <stdint.h>

struct pg_notifier {
    struct pg_db *d; /* NULL: not connected */
    int64_t sent_at_ms;
    int64_t retry_at_ms; /* no connection is tried before */
};

/* Notifies of all that is committed by now; commits close together are one notification. Returns the ms after which it wants
 * to be called again, 0: it is sent, or cannot be sent. */
int64_t pg_notifier_send(struct pg_notifier *n, const char *where);
void pg_notifier_fini(struct pg_notifier *n);
