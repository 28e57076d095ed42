/*
 * Helpers of the commands about sessions: state.db with the time, names and times as people read them, and a
 * notification for the workers.
 */
#pragma once

#include "common/reconnect/reconnect.h"
#include "common/store/bridges.h"
#include "common/store/sessions.h"
#include "proto/message.h"
#include "services/cli/cli.h"

struct cli_state {
    const struct cli_settings *settings;
    struct db *db;
    struct clock clock;
    struct now now;
    struct policy policy;                         /* in force for the bridge, as far as it is known */
    char no_reconnect_method[BRIDGES_DETAIL_MAX]; /* why nothing can be attempted; "": it can be */
};
#define CLI_STATE_NULL ((struct cli_state){ 0 })

/* Returns -1: go on; else the exit code (the problem was printed). */
int cli_state_open(const struct cli_settings *settings, struct cli_state *ret);
void cli_state_close(struct cli_state *s); /* also for CLEANUP */
/* Words for a failed read or write; returns the exit code. */
int cli_state_problem(const struct cli_state *s, int r);
int cli_no_session(const struct cli_state *s, const char *id); /* prints, EXIT_NEGATIVE */
/* The one argument that is a session's id. Returns -1: go on (*ret is set), or the exit code. */
int cli_one_session(const struct settings_args *args, const char *command, const char **ret);

/* Words of a verdict: why_message(), or those the workers have for this bridge. */
const char *cli_why(const struct cli_state *s, enum why why);
/* "3m", from a wall time until now; "-" for 0. */
const char *cli_ago(const struct cli_state *s, int64_t wall_ms, char *ret, size_t n);
/* Wall ms of a steady time. */
int64_t cli_wall(const struct cli_state *s, int64_t steady_ms);

/* Notifies the workers that something is due. Without a hub the notification is lost, and they find it on
 * their next scan. */
void cli_publish_due(const struct cli_state *s, const char *session);
/* Says anything on the bus likewise; id, at and src are filled in. */
void cli_publish(const char *bus_in, int64_t wall_ms, struct message *m);
