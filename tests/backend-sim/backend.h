/*
 * A backend as bad as they come, for tests and benches: of the deliveries it gets it fails a share, hangs on
 * some, breaks some in the middle of the answer and is slow with others, and it notes all of them.
 *
 *   POST /-/faults?fail=20&hang=1&cut=2&slow=5    shares in percent from now on; absent ones are 0
 *   POST /-/faults?answer=404                     every delivery gets this status, 429 with Retry-After, 3xx with Location
 *   POST /-/faults?refuse=session-01              the events of this session get 422
 *   GET  /-/state                                 counters, as JSON
 *   POST any other path                           a delivery
 */
#pragma once

#include "common/app/app.h"
#include "common/base/list.h"
#include "tests/backend-sim/record.h"

/* In thousandths of a percent, so that a hang can be rare. */
struct faults {
    int64_t fail, hang, cut, slow;
    int answer;      /* 0: by these shares */
    uint32_t refuse; /* CRC-32 of a session's name; 0: none */
};

struct backend_settings {
    struct app_settings app;
    struct faults faults;
    int64_t port, hang_ms, slow_ms, seed;
    const char *record;
};

struct backend {
    struct app *app;
    struct backend_settings settings;
    struct faults faults;
    struct rng rng;
    struct http_server *server;
    struct records *records;
    struct timer *tick;
    struct list held; /* requests that are answered later */
};

extern const struct http_handlers backend_handlers;

/* Answers the held requests whose time has come; @all: forgets all of them, their server is gone. */
void backend_tick(struct backend *b, bool all);
