/*
 * An alert as text for people, in the language of the sink. Pure.
 */
#pragma once

#include "common/sink/sink.h"

/* One line: "Session logged out: main/alice". */
void sink_text_title(enum language l, const struct sink_alert *a, struct buf *out);
/* The facts, the next step, and the link to the console. Lines, the last without an end. */
void sink_text_rest(enum language l, const char *console_url, const struct sink_alert *a, struct buf *out);
/* Titles and the rest of all of them. */
void sink_text_all(enum language l, const char *console_url, const struct sink_alert *alerts, int n,
                   struct buf *out);
/* The link to the session, the bridge or the list of alerts; nothing without @console_url. */
void sink_text_link(const char *console_url, const struct sink_alert *a, struct buf *out);
/* @text without a part of a character at its end, in at most @max bytes. */
struct str sink_text_cut(struct str text, size_t max);

/* "session-lost", of a test "zapkeep-test"; "critical"; "firing". */
const char *sink_alert_name(const struct sink_alert *a);
const char *sink_alert_severity(const struct sink_alert *a);
const char *sink_alert_status(const struct sink_alert *a);
