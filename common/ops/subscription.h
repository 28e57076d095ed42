/*
 * Webhook subscriptions: the result of a check becomes a row, and the rows of a bridge one sentence. For the monitor, the
 * CLI and the console.
 */
#pragma once

#include "common/bridge/subscription_check.h"
#include "common/store/subscriptions.h"

/* A session is set again from here no more often than this: another program may be setting it back. */
#define SUBSCRIPTION_REPAIR_APART_MS (24 * 60 * 60 * 1000LL)

/* May the monitor set this one again? @row NULL: there is none yet. */
bool subscription_may_repair(const struct subscription_row *row, int64_t now_wall);

/* The row after a check. @before NULL: there was none. A check that found nothing leaves a drift as it is, and a session
 * whose webhook is gone has drifted. Pure. */
void subscription_settle(const struct subscription_row *before, const struct subscription_check *c,
                         int64_t now_wall, struct subscription_row *ret);
/* The same in state.db, in a transaction of its own. Returns 0 or -errno. */
int subscription_record(struct db *db, const char *bridge, const char *session,
                        const struct subscription_check *c, int64_t now_wall, struct subscription_row *ret);

/* A bridge's subscriptions as a whole. */
struct subscription_overview {
    enum subscription_state state; /* the gravest: drifted, none, unknown; right when all of them are */
    int64_t n[SUBSCRIPTION_STATE_N];
    int64_t checked_at;              /* wall ms of the newest check that found something, 0: none did */
    char session[SESSIONS_ID_MAX];   /* one that is in this state; "" with SUBSCRIPTION_RIGHT */
    char detail[BRIDGES_DETAIL_MAX]; /* … and why, for people */
    char found[BRIDGES_DETAIL_MAX];  /* … and where it posts */
};
/* Returns 0 or -errno. */
int subscription_overview(struct db *db, const char *bridge, struct subscription_overview *ret);
/* "3 sessions: shop1: it posts to http://old:9/…": the text of an alert; "" when none has drifted. Returns @ret. */
char *subscription_drift_text(const struct subscription_overview *o, char *ret, size_t n);
