/*
 * zapkeep-forward: follows the event log and delivers it to backends.
 */
#pragma once

#include "common/app/app.h"
#include "common/store/forward.h"
#include "services/forwarder/acks.h"
#include "services/forwarder/config.h"
#include "services/forwarder/settings.h"

struct destination;

struct forwarder {
    struct app *app;
    struct forward_app_settings settings;
    struct delivery_schedule schedule;
    struct config config;
    int lock_fd;                 /* forward.lock, -1: not blocked */
    struct db *db;               /* forward.db */
    struct db *state;            /* state.db, NULL: could not be opened yet */
    struct acks *acks;           /* forward.acks */
    struct event_reader *reader; /* for events that wait, whose bodies stay in the log */
    struct destination *dest[DESTINATIONS_MAX];
    int n;
    struct bus_sub *sub;
    struct timer *start, *commit, *tick, *commands, *stop;
    struct backoff starting, state_backoff;
    int64_t dead;          /* letters on the shelf */
    int64_t cursor;        /* as state.db has it, -1: not known */
    int commits;           /* since the last checkpoint */
    int64_t checkpoint_at; /* boot ms of the last */
    bool begun;
    int waiting_r;       /* why not: > 0 another forwarder, else an errno */
    bool written;        /* something since the last checkpoint */
    bool in_transaction; /* a transaction is open: nothing is sent before it is committed */
    int acks_r;          /* what forward.acks cannot be written for, 0: it can */
    bool closing;        /* answers are of no interest any more */
    int store_r;         /* what failed in this turn */
};
#define FORWARDER_NULL ((struct forwarder){ .lock_fd = -1 })

int forwarder_open(struct forwarder *f, const struct app_start *start);
void forwarder_close(struct forwarder *f);

/*
 * Before every change of forward.db: opens the transaction of this turn of the loop, which is committed at
 * its end, in one with whatever else happens in the turn. Nothing is sent until then.
 */
void forwarder_write(struct forwarder *f);
/* Destination @id took the event, which has no row: kept by this turn, without a transaction if it
 * can be. Nothing is sent until then. */
void forwarder_taken(struct forwarder *f, int64_t id, const struct event *e);
/* All that was answered is on disk: what is sent now may be lost by a kill without a trace. */
bool forwarder_may_send(const struct forwarder *f);
/* The return of a function of the store: a failure ends the turn, and what is in memory is read anew. */
void forwarder_note(struct forwarder *f, int r);

int64_t forwarder_boot_ms(struct forwarder *f);
int64_t forwarder_wall_ms(struct forwarder *f);
unsigned forwarder_jitter_permille(struct forwarder *f); /* 0 … 1000, drawn */
/* A request has ended: the turn goes on, and a stop may be over. */
void forwarder_ended(struct forwarder *f);
