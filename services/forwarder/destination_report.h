/*
 * Reports about a destination: each change of its state is a log line, a notification on the bus, and an alert in
 * state.db, which the monitor sends. Keeps the last failure with the session and the beginning of the answer.
 */
#pragma once

#include "common/app/app.h"
#include "common/app/state_store.h"
#include "services/forwarder/dead_letters.h"
#include "services/forwarder/destination_state.h"

struct destination_report {
    struct app *app; /* borrowed, as the next */
    struct state_store *state_db;
    struct forward_destination *row; /* its state and last error are kept there */
    enum dest_state state;
    bool known;    /* state was set */
    bool unposted; /* the alert of the last change is not in state.db yet */
};

void destination_report_init(struct destination_report *r, struct app *app, struct state_store *state_db,
                             struct forward_destination *row);
/* A delivery failed. */
void destination_report_failed(struct destination_report *r, const struct delivery_error *error);
/* This is its state now. */
void destination_report_state(struct destination_report *r, enum dest_state state);
/* Now and then: an alert that state.db did not take. */
void destination_report_post(struct destination_report *r);
