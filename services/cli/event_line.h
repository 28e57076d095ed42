/*
 * An event or a message of the bus as one line of a terminal: time, type, session, sender and the first words.
 * Without a terminal output.h prints all of it.
 */
#pragma once

#include "common/base/buf.h"
#include "common/store/events.h"
#include "proto/message.h"

/* Each appends one line of at most @columns to @out; control characters are shown as '?'. */
void event_line(const struct event *e, int columns, struct buf *out);
void event_line_message(const struct message *m, int columns, struct buf *out);
