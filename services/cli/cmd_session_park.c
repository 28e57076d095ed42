/*
 * zapkeep session park ID, zapkeep session unpark ID: no attempt until somebody says so, and again.
 */
#include <stdio.h>

#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "services/cli/audit.h"
#include "services/cli/commands.h"
#include "services/cli/state.h"

struct park_settings {
    struct cli_settings cli;
    const char *reason;
};

/* clang-format off */
static const struct setting park_table[] = {
    { .name = "REASON", .at = offsetof(struct park_settings, reason), .def = "parked by hand", .flag_only = true,
      .help = "words for whoever looks at it later" },
    { 0 },
};
/* clang-format on */

static int done(const struct cli_state *s, const char *id, bool parked)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&out);

    if (!s->settings->json) {
        printf(parked ? "session %s is parked: nothing is attempted until `zapkeep session unpark`\n"
                      : "session %s is no longer parked\n",
               id);
        return EXIT_DONE;
    }
    json_open(&j, NULL, '{');
    json_texts(&j, "session", id);
    json_texts(&j, "bridge", s->settings->bridge.name);
    json_bool(&j, "parked", parked);
    json_close(&j, '}');
    puts(buf_str(&out));
    return EXIT_DONE;
}

static int park(struct cli_state *s, const char *id, const char *reason)
{
    int r = reconnect_park(s->db, &s->now, s->settings->bridge.name, id, reason);

    if (r == RECONNECTS_NONE)
        return cli_no_session(s, id);
    if (r != 0)
        return cli_state_problem(s, r);
    cli_audit(s->settings, "session.park", s->settings->bridge.name, id, true, reason);
    return done(s, id, true);
}

static int unpark(struct cli_state *s, const char *id)
{
    int r = reconnect_unpark(s->db, &s->policy, &s->now, s->settings->bridge.name, id);

    if (r == RECONNECTS_NONE)
        return cli_no_session(s, id);
    if (r == RECONNECT_REFUSED)
        return cli_problem(EXIT_NEGATIVE, "session %s is not parked", id);
    if (r != 0)
        return cli_state_problem(s, r);
    cli_publish_due(s, id);
    cli_audit(s->settings, "session.unpark", s->settings->bridge.name, id, true, "");
    return done(s, id, false);
}

static int run(const struct cli_settings *s, const struct settings_args *args, const char *reason)
{
    CLEANUP(cli_state_close) struct cli_state state = CLI_STATE_NULL;
    const char *id;
    int code = cli_one_session(args, reason ? "session park" : "session unpark", &id);

    if (code == EXIT_GO_ON)
        code = cli_state_open(s, &state);
    if (code != EXIT_GO_ON)
        return code;
    return reason ? park(&state, id, reason) : unpark(&state, id);
}

int cmd_session_park(int argc, char *argv[])
{
    struct park_settings s;
    struct settings_args args;
    int code = cli_read(cli_command_of(cmd_session_park), park_table, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    code = run(&s.cli, &args, s.reason);
    cli_free(park_table, &s);
    return code;
}

int cmd_session_unpark(int argc, char *argv[])
{
    struct cli_settings s;
    struct settings_args args;
    int code = cli_read(cli_command_of(cmd_session_unpark), NULL, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    code = run(&s, &args, NULL);
    cli_free(NULL, &s);
    return code;
}
