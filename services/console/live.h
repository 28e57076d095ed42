/*
 * Server-sent events: the changes, for everybody who watches. Every second, and sooner when the kernel says that state.db
 * was written, the rows are compared with those of before; the bus is not needed. A watcher whose connection is full misses
 * what does not fit, and gets a request to load everything anew ("hello" with "resync").
 */
#pragma once

#include "common/store/audit.h"
#include "common/store/events.h"
#include "services/console/context.h"

struct live;

struct live_request {
    bool wants_events; /* the log too, as far as these match; "": all */
    char bridge[SESSIONS_ID_MAX], session[SESSIONS_ID_MAX], type[64];
    bool again;         /* the browser comes back … */
    int64_t last_event; /* … and has seen the log up to here; 0: not known */
};

int live_new(const struct console_context *c, struct live **ret);
void live_free(struct live *l); /* NULL is nothing */
/* Answers the request with a stream. Returns 0, -EBUSY (as many watch as may) or -ENOMEM: it is still to be answered. */
int live_begin(struct live *l, struct http_req *http, const struct live_request *r);
/* Events that came into the log. */
void live_events(struct live *l, const struct event_rows *rows);
void live_audit(struct live *l, const struct audit_row *row);
/* Any message: @json is one line. */
void live_send(struct live *l, const char *event, struct str json);
/* A request came that read the session list: its memory goes when nobody asks any more. */
void live_touch(struct live *l);
