/*
 * One row per bridge in state.db: its health as the monitor sees it, the bucket and the breaker that all
 * workers share, the policy in force. A row appears with the first function that writes to it.
 *
 * Writers: the monitor (health, incident, swept, driver), the workers (policy in force, bucket and breaker by
 * common/reconnect). Every function runs inside the caller's transaction if there
 * is one, else in its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/policy/retry.h"
#include "common/store/db.h"

#define BRIDGES_NAME_MAX    65 /* text_is_id() and its NUL */
#define BRIDGES_DETAIL_MAX  200
#define BRIDGES_VERSION_MAX 32

#define BRIDGES_NONE 1 /* answer: no such row */

struct bridge_row {
    char name[BRIDGES_NAME_MAX];
    char driver[16]; /* a bridge_driver's name; "": not known yet */
    /* of the bridge's program, as it says; "": it does not, or nobody asked */
    char version[BRIDGES_VERSION_MAX];
    enum bridge_health health;
    int64_t health_since; /* wall ms */
    char health_detail[BRIDGES_DETAIL_MAX];
    int64_t incident_since; /* wall ms, 0: none */
    char incident_detail[BRIDGES_DETAIL_MAX];
    int64_t outdated_since; /* wall ms; 405: all attempts rest until unpark or until a session connects */
    int64_t swept_at;       /* steady ms: begin of the last good sweep … */
    int64_t swept_wall;     /* … for people … */
    int64_t fresh_until;    /* … and until when its rows may be acted upon */
    struct bucket bucket;
    struct breaker breaker;
    int64_t hook_at;   /* steady ms: start of the last restart of the bridge by the hook, 0: never */
    int64_t hook_runs; /* restarts in a row that did not bring their session back */
    /* Why no attempt can be made at this bridge (no call, no hook …); "": one can be made. A session that is
     * due is parked policy.no_method_ms after its time. */
    char no_reconnect_method[BRIDGES_DETAIL_MAX];
    /* the reason is RECONNECT_HOOK_MAX_CONNECTED: sessions that are due wait, they are not parked */
    bool hook_guarded;
    /* The policy in force, as the last worker that started has it; 0 when none ever did. */
    int64_t interval_ms, rate_milli, burst, slow_start_ms;
    /* The monitor's event feed: of the batch of events after feed_after, those of this bridge up to feed_seq are taken in. */
    int64_t feed_after, feed_seq;
    int64_t unwatched_since; /* wall ms: the monitor's settings do not name it any more; 0: they do */
};

/* Returns 0, BRIDGES_NONE, or -errno. */
int bridges_find(struct db *db, const char *name, struct bridge_row *ret);
/* The row, or a new one that is not in the table yet. */
int bridges_get(struct db *db, const char *name, struct bridge_row *ret);
int bridges_save(struct db *db, const struct bridge_row *row);
/* In order of name; a non-zero return of @on_row stops and is passed up. */
int bridges_each(struct db *db, int (*on_row)(void *ctx, const struct bridge_row *row), void *ctx);

/* A session connected: if a restart by the hook was meant to do that, the next need not wait longer. */
int bridges_hook_helped(struct db *db, const char *name);
/* Its client is not outdated any more. */
int bridges_set_current(struct db *db, const char *name);
int bridges_set_driver(struct db *db, const char *name, const char *driver);
/* Returns 0; BRIDGES_SAME: it stands there already, and nothing is written; or -errno. */
#define BRIDGES_SAME 2
int bridges_set_version(struct db *db, const char *name, const char *version);
/* Written by the monitor: its settings name this bridge (@since 0), or not, since @since. */
int bridges_set_unwatched(struct db *db, const char *name, int64_t since);
int bridges_set_feed(struct db *db, const char *name, int64_t after, int64_t seq);
/* A good sweep has ended: the rows of this bridge's sessions may be acted upon for @freshness_ms more
 * (three sweeps, say). One small write per sweep. */
int bridges_set_swept(struct db *db, const struct now *now, const char *name, int64_t from_ms,
                      int64_t freshness_ms);
/* Written by the workers when it changes. */
int bridges_set_no_method(struct db *db, const char *name, const char *detail, bool hook_guarded);
/* The row as the policy sees it. @in_flight as counted by reconnects_count_in_flight(). */
struct retry_bridge bridges_view(const struct bridge_row *row, int64_t in_flight);
