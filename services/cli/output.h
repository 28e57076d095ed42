/*
 * Lines about events and messages, as a person or a program reads them. A JSON line of an event has seq, id,
 * at, occurred_at, type, bridge, session, message_id and body: the body is the JSON it was. Texts of senders
 * cannot steer a terminal: control characters are shown as '?'.
 */
#pragma once

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/store/events.h"
#include "proto/message.h"

/* The longest line: a body of 1 MiB whose every byte is escaped, and the rest. */
#define OUTPUT_LINE_MAX (8 * 1024 * 1024)

/* Each appends one line to @out; errors stick in it. */
/* @columns > 0: for a terminal of that width (event_line.h). */
void output_event(const struct event *e, bool json, int columns, struct buf *out);
void output_rejected(const struct rejected *r, bool json, struct buf *out);
/* Any message of the bus. */
void output_message(const struct message *m, bool json, int columns, struct buf *out);

/* One line of a report about a store (store_report()), with its @problem where that is not "". */
void output_store_line(const char *name, const char *value, const char *problem, bool json, struct buf *out);

/* Writes the lines to stdout now and empties @out. Returns 0, or negative: nobody reads any more. */
int output_flush(struct buf *out);
