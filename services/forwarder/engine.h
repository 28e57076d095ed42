/*
 * The forwarder at work: open stores, group commit, checkpoints, dead letters, and all destinations. It is opened as a
 * whole, and closed as a whole when a store fails; then its owner opens another one, which reads everything anew.
 */
#pragma once

#include "common/app/forward_config.h"
#include "common/app/state_store.h"
#include "services/forwarder/destination.h"

struct engine;

struct engine_options {
    struct app *app;               /* borrowed, as all of these */
    const char *dir, *bus;         /* dir: where the store is (store.h) */
    const struct store_role *role; /* held while the engine is open */
    struct bus_sub *sub;
    const struct config *config; /* all destinations of the stack … */
    int first, n;                /* … and those that this engine delivers to: from first on, n may be 0 */
    bool lead; /* one engine of the stack: it keeps the things that belong to no destination */
    struct state_store *state;
    int64_t started_at; /* wall ms when the program started */
    /* A store failed. The engine may be closed from here. */
    void (*failed)(void *ctx, int r, const char *detail);
    void (*worked)(void *ctx); /* forward.db took a commit */
    /* After engine_stop(): nothing is in flight any more. The engine may be closed from here. */
    void (*stopped)(void *ctx);
    void *ctx;
};
/* Returns 0, or the error of stores_open(). */
int engine_open(const struct engine_options *o, struct engine **ret, const char **ret_file,
                char ret_detail[STORES_DETAIL_MAX]);
void engine_close(struct engine *e); /* NULL is nothing */
/* After a failure: another file, or none, stands at the place of forward.db. */
bool engine_is_replaced(const struct engine *e);

void engine_notify(struct engine *e); /* there may be something new in the log */
void engine_stop(struct engine *e);   /* starts nothing more; calls stopped() when nothing is in flight */
/* The number of the newest test that was sent from here, 0: none. commands.c writes it: the result comes with the answer. */
int64_t *engine_newest_test(struct engine *e);
/* At the end of the process: everything is saved once more, with a checkpoint. */
void engine_save_last(struct engine *e);

/* For commands of operators. */
int engine_destinations(const struct engine *e);
struct destination *engine_destination(struct engine *e, int i);
struct dead_letters *engine_dead_letters(struct engine *e);
/* Removes a destination that is not configured, with all that is known of it. *ret_found. Returns 0 or -errno. */
int engine_forget(struct engine *e, const char *name, bool *ret_found);
int engine_commit(struct engine *e); /* all changes are on record. Returns 0 or -errno */
void engine_poke(struct engine *e);
