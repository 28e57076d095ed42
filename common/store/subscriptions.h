/*
 * Webhook subscriptions in state.db, one row a session as it was found at the bridge; of a bridge that shows none, one row
 * without a session. Written by the monitor and by `zapkeep bridge check`.
 */
#pragma once

#include "common/domain/subscription.h"
#include "common/store/bridges.h"
#include "common/store/sessions.h"

#define SUBSCRIPTIONS_NONE 1 /* answer: no such row */

struct subscription_row {
    char bridge[BRIDGES_NAME_MAX];
    char session[SESSIONS_ID_MAX]; /* "": the bridge as a whole */
    enum subscription_state state;
    unsigned differs; /* a set of enum subscription_difference (common/bridge/subscription.h) */
    char detail[BRIDGES_DETAIL_MAX];  /* the difference, for people; "": none */
    char found[BRIDGES_DETAIL_MAX];   /* where it posts, as it may be shown; "": not known */
    char problem[BRIDGES_DETAIL_MAX]; /* why the newest check found nothing; "": it found something */
    int64_t checked_at;               /* wall ms of the newest check that found something, 0: none did */
    int64_t right_at;                 /* … of the newest that found it right, 0: none did */
    int64_t drift_since;              /* wall ms, 0: it is not drifted */
    int repair;          /* enum subscription_repair (common/bridge/subscription_check.h) of the newest try */
    int64_t repaired_at; /* wall ms of that, 0: it was never set from here */
};

/* Returns 0, SUBSCRIPTIONS_NONE, or -errno. */
int subscriptions_find(struct db *db, const char *bridge, const char *session, struct subscription_row *ret);
int subscriptions_save(struct db *db, const struct subscription_row *row);
/* Those of a bridge, in order of session; a non-zero return of @on_row stops and is passed up. */
int subscriptions_each(struct db *db, const char *bridge,
                       int (*on_row)(void *ctx, const struct subscription_row *row), void *ctx);
