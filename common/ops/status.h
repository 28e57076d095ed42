/*
 * The status of a bridge: read in one go, then classified by a pure function.
 *
 *   status_read.c      from state.db
 *   status_problems.c  problems, worst first
 *   status_alerts.c    those that are alerts
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

struct bridge_summary {
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
    struct db *db;        /* state.db */
    const char *data_dir; /* status_alive_dir() */
    struct clock *clock;
    struct now now;
};
/* The folder whose signs of life tell which program is dead; "": none does, for with a database another machine's may be at work. */
const char *status_alive_dir(const struct app_settings *app);
/* Returns 0 or a negative. */
int status_read(const struct status_source *source, const struct bridge_row *row, struct bridge_summary *ret);

/* ---- problems ------------------------------------------------------------------------------------ */

enum problem_level {
    PROBLEM_NONE,
    PROBLEM_WARN, /* good to know; the exit code stays 0 */
    PROBLEM_BAD,  /* something does not work now */
};
/* The subject of a problem; a fault that stops more is worse and stands first. X(NAME, text) */
#define PROBLEM_AREAS(X)    \
    X(MONITOR, "monitor")   \
    X(BRIDGE, "bridge")     \
    X(WORKERS, "workers")   \
    X(INGEST, "ingest")     \
    X(DELIVERY, "delivery") \
    X(ATTEMPTS, "attempts") \
    X(SESSIONS, "sessions") \
    X(ALERTS, "alerts")     \
    X(BUS, "bus")
enum problem_area {
#define X(name, text) PROBLEM_AREA_##name,
    PROBLEM_AREAS(X)
#undef X
        PROBLEM_AREA_N
};
const char *problem_area_text(enum problem_area a);

struct problem {
    enum problem_level level;
    enum problem_area area;
    const char *key; /* a fixed word, for pages in other languages: "bridge-down" */
    char text[400];  /* the same as a sentence */
    /* The parts of the sentence; "" or 0 where it has none. */
    char bridge[BRIDGES_NAME_MAX], session[SESSIONS_ID_MAX];
    int64_t since; /* wall ms */
    int64_t n, all;
    char name[64], detail[BRIDGES_DETAIL_MAX], names[200];
};
#define PROBLEMS_MAX 24
struct problems {
    struct problem item[PROBLEMS_MAX];
    int n;
};
/* How grave it is that a session is in this state: the lower, the graver; 0: it is not down. */
int status_gravity(enum session_state state);
/* Adds those of one bridge. */
void status_problems(const struct bridge_summary *b, struct problems *ret);
/* Adds the alerts that status_problems() shows for no bridge: of the disk, of a destination, of a bridge that nobody watches.
 * @with_destinations: those of destinations, too, for a caller that does not show the destinations by themselves. Returns 0
 * or a negative. */
int status_alert_problems(struct db *db, bool with_destinations, struct problems *ret);
/* Adds one for an address of the bus that everybody on the network reaches. */
void status_bus_problems(const struct app_settings *app, struct problems *ret);
/* Adds one by hand; its parts may be filled in afterwards. Never NULL: when there is no room it is not kept. */
struct problem *status_add_problem(struct problems *p, enum problem_level level, enum problem_area area,
                                   const char *key, const char *text);
void status_sort(struct problems *p); /* worst first */
