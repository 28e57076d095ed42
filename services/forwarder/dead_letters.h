/*
 * Dead letters: events that were given up. A letter is a row of forward.db, a log line by the caller, a metric and a
 * notification forward.dead on the bus.
 */
#pragma once

#include "common/app/app.h"
#include "services/forwarder/group_commit.h"

/* How a delivery failed, as it is stored and shown. */
struct delivery_error {
    int64_t status; /* 0: there was no answer */
    char detail[FORWARD_DETAIL_MAX];
    struct str answer;  /* its beginning; borrowed, as the next */
    struct str session; /* whose event it was */
};

/* The letters of all destinations. */
struct dead_letters {
    struct app *app; /* borrowed, as all of these */
    struct db *db;
    struct group_commit *commit;
    int64_t n;
};

int dead_letters_init(struct dead_letters *d, struct app *app, struct db *db, struct group_commit *commit);
/* Is there room for one more? */
bool dead_letters_have_room(const struct dead_letters *d);

/* The destination that gives an event up. */
struct dead_letter_of {
    const char *name;
    int index; /* in the metrics */
};
/* @e->body may be STR_NULL: it is not in the log any more. @error may be NULL. Returns 0 or -errno. */
int dead_letters_put(struct dead_letters *d, const struct dead_letter_of *of, const struct event *e,
                     const char *reason, int64_t tries, const struct delivery_error *error);
/* Letter @id was delivered, or its redelivery failed and it stays with its new error. */
int dead_letters_delivered(struct dead_letters *d, int64_t id);
int dead_letters_failed_again(struct dead_letters *d, int64_t id, const struct delivery_error *error);
/* Commands of operators. *ret_n: how many letters were concerned. */
int dead_letters_redeliver(struct dead_letters *d, const struct forward_dead_filter *filter, int64_t *ret_n);
int dead_letters_drop(struct dead_letters *d, const struct forward_dead_filter *filter, int64_t *ret_n);
