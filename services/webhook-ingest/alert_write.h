/*
 * An alert of webhook-ingest as the state has it: the row, the note that it began or ended, and the message for the sinks, which the
 * monitor sends. All in one transaction.
 */
#pragma once

#include "common/app/state_store.h"
#include "common/store/alerts.h"

/* Opens @state when it is not open. A row that is there already, of another webhook-ingest, is left as it is, and nobody is
 * notified a second time; the same with the end of one that is gone. Returns 0 or -errno. */
int alert_write(struct state_store *state, const struct alert_row *row, bool firing, int64_t now_wall);
/* The store is in a database server: the connection is not kept between two uses, which are minutes apart. */
void alert_write_done(struct state_store *state);
