/*
 * The form of an alert for sinks: the bodies and headers that are posted. Pure.
 */
#pragma once

#include "services/monitor/alert_rules.h"

struct sink_alert {
    int64_t id; /* of its row: unique, ascending */
    enum alert_kind kind;
    bool firing;
    const char *bridge, *session; /* session "": the bridge's */
    const char *text;
    int64_t started_at, ended_at; /* wall ms; ended_at 0 while it fires */
};

enum sink_kind { SINK_ALERTMANAGER, SINK_NTFY, SINK_KIND_N };

const char *sink_kind_text(enum sink_kind k); /* "alertmanager", "ntfy": in logs and metrics */
/* Appends the request body, and the headers ("Name: value\n" lines). Errors stick in the bufs. */
void alert_format_write(enum sink_kind k, const struct sink_alert *a, struct buf *ret_headers,
                        struct buf *ret_body);

/* Delay after try number @tries (from 1) of one delivery failed: doubling from 1 s to 5 min. */
int64_t sink_retry_ms(int tries);
