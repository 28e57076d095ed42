/*
 * monitor: tick or bell → ask the bridge → read → compare → record (one transaction; adds a due row if down)
 * → ring.
 */
#pragma once

#include "common/app/app.h"
#include "services/monitor/alert_sender.h"
#include "services/monitor/attempt_watch.h"
#include "services/monitor/commit.h"
#include "services/monitor/event_feed.h"
#include "services/monitor/health.h"
#include "services/monitor/metrics.h"
#include "services/monitor/settings.h"

/* The consumer's name in state.db. */
#define MONITOR_CURSOR "monitor"

struct monitor {
    struct app *app;
    struct monitor_settings settings;
    struct times times;
    int lock_fd; /* of monitor.lock; -1: not held */
    struct db *db;
    struct bridge_target target;
    struct session_table *table;
    struct changeset changeset;
    struct alert_tracker alerts;
    struct commit_context commit;
    struct bridge_update pending;               /* of the bridge itself, not recorded yet */
    const struct bridge_driver *pending_driver; /* found out, not recorded yet */
    struct poller *poller;
    struct alert_sender *sender;
    struct alert_sender_options sender_options;
    struct event_feed feed;
    struct attempt_watch attempts;
    struct health health;
    struct incident incident;

    struct timer *start; /* opens what is waited for */
    struct timer *sweep; /* begins the next one */
    struct timer *flush; /* records what answers to single questions have changed */
    struct timer *rhythm;
    struct backoff waiting;
    int64_t sweep_no;
    int64_t began_ms, began_us; /* steady; for measuring */
    int64_t next_ms;            /* steady: when the next sweep begins */
    int next_index;             /* one by one: the next session's place in the book */
    int64_t drops;              /* since the last sweep ended */
    bool soon;                  /* something was heard while a sweep is under way */
    bool by_list;               /* the last sweep was answered by one list */
    bool list_failed;           /* … and what it said could not be taken in */
    bool settled;               /* a good sweep was recorded since the start */
    bool reached;               /* the bridge has answered since the start */
    int outdated;               /* 1, -1: the store says so */
    bool key_refused;
    bool reopen; /* close all and start over */
    struct backoff reopening;
    bool store_failing; /* the last round was not taken */
    enum sweep_end last_end;
    char bridge_detail[BRIDGES_DETAIL_MAX]; /* what is wrong with it, "": nothing */
};
#define MONITOR_NULL ((struct monitor){ .lock_fd = -1 })

int monitor_open(struct monitor *m, const struct app_start *start); /* 0, APP_EXIT(…) or negative */
void monitor_close(struct monitor *m);

/* ---- for open.c ------------------------------------------------------------------------------ */

extern const struct poller_owner monitor_poller_owner;
int monitor_open_timers(struct monitor *m);
/* What came of a write to state.db, 0 or -errno: said once, and when a sync failed all is opened anew. */
void monitor_stored(struct monitor *m, int r);
/* What is on disk is unknown: everything is closed, opened and read anew, soon. */
void monitor_reopen(struct monitor *m);

/* ---- for hear.c and watch.c ------------------------------------------------------------------ */

/* The round under way; what is put into it is recorded within 50 ms. */
struct changeset *monitor_changeset(struct monitor *m);
/* Records it now, with the consumer's position (0: leave it). Returns 0, or -errno with all as before. */
int monitor_flush(struct monitor *m, int64_t cursor);
/* This session's alert is looked at again, and with @row its row is saved. */
void monitor_touch(struct monitor *m, struct tracked_session *s, bool row);
/* Ask again within rules.soon_ms: about this session where that can be, or about all (@id NULL). */
void monitor_recheck(struct monitor *m, const char *id);
/* Ask about this session now: by a call of its own or, at most every @gap_ms, by a sweep. */
void monitor_ask(struct monitor *m, const char *id, int64_t gap_ms);
bool monitor_is_attempting(const struct monitor *m, const char *id);
void monitor_check_attempts(struct monitor *m);
