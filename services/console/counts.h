/*
 * Messages minute by minute: counted from the event log as it grows, kept in memory for the last hour of all sessions, and
 * written into state.db for each session once a minute. It also gives every batch of events to those who watch.
 */
#pragma once

#include "common/base/json_out.h"
#include "services/console/context.h"

struct counts;

int counts_open(const struct console_context *c, struct counts **ret);
void counts_close(struct counts *x); /* writes the rest; NULL is nothing */
/* "rate": [60 × {at, received, events}], oldest first. */
void counts_write_rate(const struct counts *x, int64_t now_ms, struct json_out *j);
