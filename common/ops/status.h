/*
 * The status of a bridge: read in one go, then classified by a pure function.
 *
 *   status_read.c      from state.db
 *   status_problems.c  problems, worst first
 */
#pragma once

#include "common/app/app.h"
#include "common/reconnect/reconnect.h"
#include "common/store/alerts.h"
#include "common/store/bridges.h"

/* More are counted. Names of sessions that are down fit on a screen, and an operator reads no more at once. */
#define STATUS_DOWN_MAX   10
#define STATUS_ALERTS_MAX 20

struct status_session {
    char id[SESSIONS_ID_MAX];
    enum session_state state;
    char cause[32];
    int64_t since; /* wall ms */
    bool parked;
    int64_t due_at; /* wall ms of the next attempt, 0: none is due */
};

struct bridge_status {
    struct bridge_row row;
    bool monitor_dead;      /* it was started here, and gives no sign of life … */
    int64_t monitor_age_ms; /* … since so long; 0: not known */
    struct policy policy;
    struct now now;
    int64_t sessions[SESSION_STATE_N];
    struct reconnect_queue queue;
    int64_t in_flight;
    struct retry_verdict verdict;
    struct status_session down[STATUS_DOWN_MAX]; /* the gravest, then those that are down longest */
    int64_t n_down;                              /* of all sessions that are down */
    struct alert_row alerts[STATUS_ALERTS_MAX];
    int64_t n_alerts;
};

/* Where a status is read from, and when. */
struct status_source {
    struct db *db; /* state.db */
    const char *data_dir;
    struct clock *clock;
    struct now now;
};
/* Returns 0 or a negative. */
int status_read(const struct status_source *source, const struct bridge_row *row, struct bridge_status *ret);

/* ---- problems ------------------------------------------------------------------------------------ */

enum problem_level {
    PROBLEM_NONE,
    PROBLEM_WARN, /* good to know; the exit code stays 0 */
    PROBLEM_BAD,  /* something does not work now */
};
struct problem {
    enum problem_level level;
    int rank; /* the lower, the worse: a bridge that is down before one session */
    char text[400];
};
#define PROBLEMS_MAX 24
struct problems {
    struct problem item[PROBLEMS_MAX];
    int n;
};
/* How grave it is that a session is in this state: the lower, the graver; 0: it is not down. */
int status_gravity(enum session_state state);
/* Adds those of one bridge. */
void status_problems(const struct bridge_status *b, struct problems *ret);
/* Adds one for an address of the bus that everybody on the network reaches. */
void status_bus_problems(const struct app_settings *app, struct problems *ret);
/* Adds one by hand: delivery comes after the bridge and before single sessions. */
void status_add_problem(struct problems *p, enum problem_level level, const char *text);
void status_sort(struct problems *p); /* worst first */
