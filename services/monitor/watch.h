/*
 * What others do in state.db: attempts that a worker has made are watched until they have worked or failed;
 * sessions that were parked, unparked, created or deleted are taken up.
 */
#pragma once

#include "services/monitor/book.h"

/* Attempts watched at once: verification lasts 20 s, so this is a rate of 100/s; the others are looked at
 * when these are over. */
#define WATCH_MAX 2048

struct monitor;

struct watched {
    char id[SESSIONS_ID_MAX];
    int64_t token;
    int64_t called_at, verify_until; /* 0: still calling */
};

struct watch {
    struct monitor *m;
    struct timer *timer;
    int64_t number;       /* of the newest look at state.db */
    int64_t version;      /* data_version as of then */
    int64_t loaded;       /* data_version as of the last reload of all sessions */
    int64_t next_look_ms; /* steady ms: the earliest look that is due, INT64_MAX: none */
    struct watched *open;
    int n;
    bool rung;
};

/* Fills the book; then watch_open() begins. Each returns 0 or -errno. */
int watch_load(struct watch *w, struct monitor *m);
int watch_open(struct watch *w);
void watch_close(struct watch *w); /* safe on zeros */
/* A bell: look at state.db soon. */
void watch_ring(struct watch *w);
/* Before a sweep: sessions that the CLI has created or deleted. Returns 0 or -errno. */
int watch_reload(struct watch *w);
/* A poll was taken in: some attempts may be judged now. */
void watch_polled(struct watch *w);
