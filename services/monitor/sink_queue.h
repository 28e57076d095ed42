/*
 * The notes of one sink on their way: groups them to messages, sends one at a time, tries again.
 */
#pragma once

#include "common/sink/sink.h"
#include "common/store/alerts.h"
#include "services/monitor/context.h"

struct sink_queue;

/* All are borrowed; @m has the role of the stack. Returns 0 or -ENOMEM. */
int sink_queue_open(const struct monitor_context *m, const struct sink_config *config,
                    const char *console_url, struct sink_queue **ret);
void sink_queue_close(struct sink_queue *q); /* NULL is nothing */
/* In a transaction: takes a note for all sinks, if its sink wants it. *ret_dropped as of alerts_post(). */
int sink_queue_take(struct sink_queue *q, const struct alert_note *note, int64_t *ret_dropped);
/* An alert that is on is sent once more, if its time has come since @before (wall ms). */
int sink_queue_repeat(struct sink_queue *q, const struct alert_row *row, int64_t before,
                      int64_t *ret_dropped);
/* Notes that waited for the end of the quiet hours may go. In a transaction of its own. */
int sink_queue_release(struct sink_queue *q);
/* Starts the next message, unless one is under way. */
void sink_queue_kick(struct sink_queue *q);
bool sink_queue_has(const struct sink_queue *q,
                    const char *sink);               /* its notes have this name in the outbox */
bool sink_queue_repeats(const struct sink_queue *q); /* its sink asks for repeats */
