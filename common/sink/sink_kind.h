/*
 * The kinds of sinks, one row each: the keys that they need, and the form of an alert for them. Pure.
 */
#pragma once

#include "common/sink/sink.h"

void sink_message_init(struct sink_message *m);
void sink_message_fini(struct sink_message *m); /* also for CLEANUP */

const char *sink_kind_text(enum sink_kind k); /* "telegram": in files, logs and metrics */
int sink_kind_find(const char *text);         /* -1: there is none */
enum sink_transport sink_transport_of(enum sink_kind k);
/* The first key that its kind needs and that is not given, NULL: none. */
const char *sink_missing_key(const struct sink_config *c);

/* Writes the message of @n alerts, 1 to SINK_ALERTS_MAX. @console_url may be "". Returns 0 or the error of a buf. */
int sink_message_write(const struct sink_config *c, const char *console_url, const struct sink_alert *alerts,
                       int n, int64_t now_ms, struct sink_message *ret);
