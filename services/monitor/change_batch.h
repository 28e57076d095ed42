/*
 * Changes that come within a short time are committed together and published after the commit. This is the one place
 * that commits: the sweep, the event feed and the attempt watch stage their changes here.
 *
 *   change_batch_changeset() … stage changes … ──50 ms, or change_batch_commit()──► one transaction ──► publish
 *                                                                      '→ on failure all is put back
 */
#pragma once

#include "services/monitor/alert_sender.h"
#include "services/monitor/alert_tracker.h"
#include "services/monitor/bridge_status.h"
#include "services/monitor/context.h"

struct change_batch;

/* All are kept by reference. *sender is NULL while another monitor sends the alerts: it looks for new ones by itself. */
int change_batch_open(const struct monitor_context *m, struct bridge_status *status,
                      struct alert_sender *const *sender, struct change_batch **ret);
/* Called after a commit for each session that has become connected with it. */
void change_batch_on_connected(struct change_batch *b, void (*fn)(void *ctx, const char *id), void *ctx);
void change_batch_close(struct change_batch *b); /* NULL is nothing; staged changes are lost: commit first */
/* Takes up the alerts that stand in state.db; the table must be filled. Returns 0 or -errno. */
int change_batch_load_alerts(struct change_batch *b);

/* The changeset under way; its changes are committed within 50 ms. */
struct changeset *change_batch_changeset(struct change_batch *b);
/* A new changeset that only change_batch_commit() commits. Commit staged changes before. */
struct changeset *change_batch_restart(struct change_batch *b);
/* The session's alert is decided again, and with @row its row is saved. Returns the change, valid until the next
 * one is staged; NULL without memory: the next sweep finds it. */
struct change *change_batch_touch(struct change_batch *b, struct tracked_session *s, bool row);
/* Puts back all staged changes. */
void change_batch_undo(struct change_batch *b);

/* Commits now, with the pending changes of the bridge. @cursor: the event feed's position, 0: leave it. Returns 0, or
 * -errno with all as before. */
int change_batch_commit(struct change_batch *b, int64_t cursor);
/* The same when other bridges' events of the batch are still to be committed: of the batch after the feed's position @after
 * this bridge's events up to @seq are taken in. */
int change_batch_commit_events(struct change_batch *b, int64_t after, int64_t seq);
/* All events up to @seq that are the bridge's were taken in: the next sweep saves that, if nothing does before. */
void change_batch_fed(struct change_batch *b, int64_t seq);
/* The same after a good sweep that began then, steady ms: workers may rely on its observations for @freshness_ms. */
int change_batch_commit_sweep(struct change_batch *b, int64_t began_ms, int64_t freshness_ms);

/* Drops that count for an incident (incident_counts()) since the last call of this. */
int64_t change_batch_take_drops(struct change_batch *b);
/* Polls that denied known facts since the last call of this: the bridge must be asked again soon. */
int64_t change_batch_take_doubts(struct change_batch *b);
/* Changes of sessions that were committed since the opening. */
int64_t change_batch_changes(const struct change_batch *b);
int64_t change_batch_alerts_active(const struct change_batch *b);
/* An alert of the bridge, or of a group of sessions, is on. */
bool change_batch_alert_is_on(const struct change_batch *b, enum alert_kind kind);
