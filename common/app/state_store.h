/*
 * state.db as a service uses it: opened when it is needed, waited for when it fails, said once when that is news, and
 * opened anew after a failed sync, because the content of the disk is unknown then.
 *
 *   r = state_store_open(&s);
 *   if (r == 0)
 *       r = work(s.db);
 *   wait_ms = state_store_result(&s, r);     (0: fine; else try again after this time)
 */
#pragma once

#include <stddef.h>

#include "common/app/backoff.h"
#include "common/store/db.h"

struct loop;
struct store_watch;

struct state_store {
    const char *dir;    /* of the data, kept by reference */
    const char *effect; /* for the log: the service's action while state.db cannot be used, "trying again" */
    struct db *db;      /* NULL: not open */
    struct backoff backoff;
    /* state_store_watch() */
    struct loop *loop; /* NULL: nobody watches */
    void (*on_commit)(void *ctx);
    void *ctx;
    const char *who;
    struct store_watch *watch;
};
#define STATE_STORE(dir_, effect_) ((struct state_store){ .dir = (dir_), .effect = (effect_) })

/* From its next opening on calls @fn when others have committed to a store in a database server; @who: db_notify_as(). */
void state_store_watch(struct state_store *s, struct loop *loop, const char *who, void (*fn)(void *ctx),
                       void *ctx);
/* Nothing when it is open and its syncs went well. Returns 0 or a negative of db_open_state(). */
int state_store_open(struct state_store *s);
/* Reports the result of the work: logs the first failures and the end of them; closes after a failed sync.
 * Returns the ms to wait before the next try, 0 when @r is no failure. */
int64_t state_store_result(struct state_store *s, int r);
void state_store_close(struct state_store *s);
/* Each STATE_STORE_PING_MS, for a program that has nothing to ask for longer: a server that hangs is found, as by work that failed.
 * Returns as state_store_result(). */
int64_t state_store_ping(struct state_store *s);
/* state_store_check() is false so long after the server hangs, and the 2 s after which a call seems to hang: half a lease. */
#define STATE_STORE_PING_MS 3000
/* An app_check, ctx is the struct state_store. */
int state_store_check(void *ctx, char *ret_why, size_t n);
