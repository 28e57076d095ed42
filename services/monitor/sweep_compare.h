/*
 * The answers of the bridge compared with the session table: differences become staged changes, and words that the driver
 * does not know are collected for their alert.
 */
#pragma once

#include "services/monitor/attempt_watch.h"

struct sweep_compare;

/* All are kept by reference. Returns 0 or -ENOMEM. */
int sweep_compare_open(const struct monitor_context *m, struct bridge_status *status,
                       struct change_batch *batch, struct attempt_watch *attempts,
                       struct sweep_compare **ret);
void sweep_compare_close(struct sweep_compare *c); /* NULL is nothing */

/* A sweep begins: a session that its list does not show is missing. */
void sweep_compare_begin(struct sweep_compare *c);
/* Where each session is asked for by itself: the next one of the sweep, NULL: no more. Valid until the table changes. */
const char *sweep_compare_next(struct sweep_compare *c);
/* The list, asked for at @asked (steady ms); the changes wait for a commit. Returns 0, the driver's reading of an answer that
 * is no list (> 0), or -errno: nothing is staged then. */
int sweep_compare_list(struct sweep_compare *c, const struct bridge_driver *driver,
                       const struct bridge_answer *answer, int64_t asked);
/* The answer about one session, as poller_owner.on_status has it. */
void sweep_compare_status(struct sweep_compare *c, const char *id, int kind,
                          const struct bridge_session *seen, int64_t asked);
/* The sweep was good: the unknown words that it has met are those of the bridge. */
void sweep_compare_note_words(struct sweep_compare *c);
