/*
 * The values of common/sink: a sink as it is configured, an alert, a message for a sink.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/app/event_filter.h"
#include "common/base/buf.h"
#include "common/bridge/signature.h"
#include "common/domain/alert_text.h"

/* Each has a queue in state.db and connections of its own. */
#define SINKS_MAX             16
#define SINK_NAME_MAX         33 /* with its NUL */
#define SINK_RECEIVERS_MAX    16
#define SINK_CONFIG_BYTES_MAX (64 * 1024)

enum sink_kind {
    SINK_ALERTMANAGER,
    SINK_NTFY,
    SINK_TELEGRAM,
    SINK_SLACK,
    SINK_EMAIL,
    SINK_WEBHOOK,
    SINK_EXEC,
    SINK_KIND_N
};

enum alert_level { ALERT_LEVEL_WARNING, ALERT_LEVEL_CRITICAL };

struct sink_config {
    char name[SINK_NAME_MAX];
    enum sink_kind kind;
    bool has_kind;
    /* Owned, NULL: not given. */
    char *url, *token, *chat, *user, *password, *from, *secret, *command, *ca;
    struct event_filter_list to;                        /* addresses */
    struct tokens secrets;                              /* points into secret */
    enum alert_level level;                             /* and above */
    struct event_filter_list bridges, sessions, alerts; /* n = 0: all */
    int quiet_from, quiet_to;                           /* minutes of the local day; equal: never quiet */
    bool quiet_all;                                     /* critical ones wait, too */
    int64_t repeat_ms;                                  /* 0: never */
    int64_t group_ms;                                   /* 0: each alert is a message */
    enum language language;
    bool plain;     /* mails without TLS */
    int line;       /* of its header in the file; 0: of a setting */
    unsigned given; /* keys, bits by row of the table */
};

/* An alert that begins or ends. Texts are borrowed. */
struct sink_alert {
    int64_t id;           /* of its note in the outbox: ascending */
    enum alert_kind kind; /* ALERT_NONE: a test of the sink */
    bool firing;
    const char *bridge, *session; /* session "": the bridge's, or of many */
    const char *text;             /* the sentence in English */
    int64_t started_at, ended_at; /* wall ms; ended_at 0 while it is on */
};
/* A message has so many at most; the rest goes in the next. */
#define SINK_ALERTS_MAX 20

enum sink_transport { SINK_BY_HTTP, SINK_BY_MAIL, SINK_BY_PROGRAM };

/* A message for one sink. */
struct sink_message {
    struct buf url;     /* by HTTP; of a mail the server's */
    struct buf headers; /* "Name: value\n" lines, by HTTP; "NAME=value\0" ones for a program */
    struct buf body;    /* or the mail with its headers */
};
