/*
 * Alerts whose time comes while nothing else happens: each second those are decided again that wait for their reason to
 * last, and sessions in doubt are asked for. Before the first good sweep, and after a stop of this process, nothing is said about a session.
 *
 *   unsettled ──alert_watch_settle() after a good sweep──► settled ──this process stood still──► unsettled
 */
#pragma once

#include "services/monitor/attempt_watch.h"

struct alert_watch;

struct alert_watch_options {
    const struct monitor_context *m;
    struct bridge_status *status;
    struct change_batch *batch;
    struct attempt_watch *attempts;
    /* A poll denied the known state of this session, and it is time for the second one. */
    void (*on_doubt)(void *ctx, const char *id);
    void (*on_stopped)(void *ctx); /* this process stood still: all sessions must be polled again */
    void *ctx;
};
/* Decides from alert_watch_start() on. Returns 0 or -errno. */
int alert_watch_open(const struct alert_watch_options *o, struct alert_watch **ret);
void alert_watch_start(struct alert_watch *w);
void alert_watch_close(struct alert_watch *w); /* NULL is nothing */

/* After trouble, or for the first time: every session that is down is put up for reconnection, every alert is decided
 * again, and all that is committed. Returns 0, or -errno: not settled. */
int alert_watch_settle(struct alert_watch *w);
bool alert_watch_is_settled(const struct alert_watch *w);
