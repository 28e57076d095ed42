/*
 * Telling: which alerts begin and end with a round, written into state.db with the round's transaction, and
 * spoken of (bus, log) after it. The sinks outside get theirs from the outbox (post.h).
 */
#pragma once

#include "common/app/app.h"
#include "common/store/alerts.h"
#include "services/monitor/round.h"
#include "services/monitor/sink.h"

/* One alert that began or ended; fired is what stands in state.db. */
struct told {
    struct alert_row row;
    enum alert_kind kind;
    bool firing;
    int64_t many; /* told for so many sessions as one; 0: for one */
};

struct teller {
    const struct rules *rules;
    const char *bridge;
    bool sink[SINK_KIND_N];        /* which are set */
    bool active[ALERT_KIND_N];     /* an alert without a session is on: of the bridge, or of a group */
    int64_t since[ALERT_KIND_N];   /* wall ms of those */
    int64_t grouped[ALERT_KIND_N]; /* sessions whose alert was told as one of many */
    int64_t dropped;               /* notes that fell out of a full outbox */
    struct told *news;             /* of the round under way */
    int n, cap;
};

void teller_init(struct teller *t, const struct rules *rules, const char *bridge);
void teller_fini(struct teller *t);
/* Takes up the alerts that stand in state.db into @t and @book. */
int teller_load(struct teller *t, struct db *db, struct book *book);

/* Does this session deserve another alert than the one that is told? */
bool tell_is_due(const struct held_session *s);

/* How many alerts are on. */
int64_t tell_active(const struct teller *t, const struct book *book);

/* Inside a transaction: alerts of the sessions a round has touched, … */
int tell_sessions(struct teller *t, struct db *db, const struct round *round);
/* … of a session that is forgotten, … */
int tell_forgotten(struct teller *t, struct db *db, const struct held_session *s, int64_t now_wall);
/* … and of the bridge: @kind is on or off. @why may be NULL. */
int tell_bridge(struct teller *t, struct db *db, enum alert_kind kind, bool on, const char *why,
                int64_t now_wall);

/* What was told since the last of these: spoken of after the commit, or forgotten after a failure (with what
 * @t was before it). */
void tell_speak(struct teller *t, struct app *app);
struct teller tell_mark(const struct teller *t);
void tell_undo(struct teller *t, const struct teller *mark);
