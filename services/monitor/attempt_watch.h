/*
 * What others do in state.db: attempts that a worker has made are watched until they have worked or failed;
 * sessions that were parked, unparked, created or deleted are taken up.
 */
#pragma once

#include "services/monitor/session_table.h"

/* Attempts watched at once: verification lasts 20 s, so this is a rate of 100/s; the others are looked at
 * when these are over. */
#define ATTEMPT_WATCH_MAX 2048

struct monitor;

struct watched_attempt {
    char id[SESSIONS_ID_MAX];
    int64_t token;
    int64_t called_at, verify_until; /* 0: still calling */
};

struct attempt_watch {
    struct monitor *m;
    struct timer *timer;
    int64_t number;       /* of the newest look at state.db */
    int64_t version;      /* data_version as of then */
    int64_t loaded;       /* data_version as of the last reload of all sessions */
    int64_t next_look_ms; /* steady ms: the earliest look that is due, INT64_MAX: none */
    struct watched_attempt *open;
    int n;
    bool rung;
};

/* Fills the book; then watch_open() begins. Each returns 0 or -errno. */
int attempt_watch_load(struct attempt_watch *w, struct monitor *m);
int attempt_watch_open(struct attempt_watch *w);
void attempt_watch_close(struct attempt_watch *w); /* safe on zeros */
/* A bell: look at state.db soon. */
void attempt_watch_wake(struct attempt_watch *w);
/* Before a sweep: sessions that the CLI has created or deleted. Returns 0 or -errno. */
int attempt_watch_reload(struct attempt_watch *w);
/* A poll was taken in: some attempts may be judged now. */
void attempt_watch_polled(struct attempt_watch *w);
