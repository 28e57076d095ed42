/*
 * A selection of events of the log, for a replay: a range, a type, a bridge, sessions. The CLI posts the selected events; it and
 * the console count it first.
 */
#pragma once

#include "common/domain/session.h"
#include "common/store/events.h"

/* As many as a command line takes. */
#define EVENT_SELECTION_SESSIONS_MAX 32

struct event_selection {
    int64_t from, to;           /* seqs, both included */
    struct event_filter filter; /* the texts are the caller's */
    /* "ID" on any bridge, or "BRIDGE/ID"; none: all. The texts are the caller's. */
    const char *session[EVENT_SELECTION_SESSIONS_MAX];
    int sessions;
    bool (*wants)(const void *ctx, const struct event *e); /* NULL: all of these */
    const void *ctx;
};

struct event_selection_count {
    int64_t events, first_seq, last_seq; /* 0: none */
};

/* Is a row that passed the filter selected? */
bool event_selection_has(const struct event_selection *s, const struct event *e);
/* Reads the whole range. Returns 0 or a negative of event_read(). */
int event_selection_count(struct event_reader *log, const struct event_selection *s,
                          struct event_selection_count *ret);
