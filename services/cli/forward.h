/*
 * Helpers of the commands about the forwarder: forward.db to read, dead letters by id or filter, commands.
 */
#pragma once

#include "common/store/forward_commands.h"
#include "services/cli/cli.h"

/* Which dead letters: a command's rows, on top of cli_settings. */
struct forward_cli_settings {
    struct cli_settings cli;
    const char *destination, *session, *type, *since, *until, *id;
    int64_t limit;
    bool all;
};
#define FORWARD_AT(field) offsetof(struct forward_cli_settings, field)
/* clang-format off */
#define FORWARD_FILTER_ROWS \
    { .name = "DESTINATION", .at = FORWARD_AT(destination), .flag_only = true, .help = "of this destination" }, \
    { .name = "SESSION", .at = FORWARD_AT(session), .flag_only = true, .help = "of this session" }, \
    { .name = "TYPE", .at = FORWARD_AT(type), .flag_only = true, .help = "prefix of the type: message." }, \
    { .name = "SINCE", .at = FORWARD_AT(since), .flag_only = true, \
      .help = "given up since (2h: that long ago; or a time as 2026-11-22T10:04:35Z)" }, \
    { .name = "UNTIL", .at = FORWARD_AT(until), .flag_only = true, .help = "given up before, likewise" }
/* clang-format on */

struct forward_cli {
    const struct cli_settings *settings;
    struct db *db; /* forward.db, to read */
    int64_t wall_ms;
};
#define FORWARD_CLI_NULL ((struct forward_cli){ 0 })

/* Each returns -1: go on; else the exit code (the problem was printed). */
int forward_cli_open(const struct cli_settings *settings, struct forward_cli *ret);
void forward_cli_close(struct forward_cli *f); /* also for CLEANUP */
int forward_cli_filter(const struct forward_cli *f, const struct forward_cli_settings *s,
                       struct forward_dead_filter *ret);
int forward_cli_id(const char *arg, int64_t *ret);
int forward_cli_problem(const struct forward_cli *f, int r);
/*
 * Puts the commands into state.db, all or none, and waits for the result of each. The results are printed: one line
 * each, or as JSON with @json (NULL: the line in {"result": …}). Returns the exit code: EXIT_NEGATIVE when one failed, or
 * when no forwarder took them in time.
 */
int forward_cli_command(const struct forward_cli *f, const struct forward_command *commands, int n,
                        void (*print)(bool failed, const char *result, bool json));
/* Is there a destination of this name? Returns -1, or the exit code with the problem printed. */
int forward_cli_check_destination(const struct forward_cli *f, const char *name);
