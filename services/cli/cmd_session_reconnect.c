/*
 * zapkeep session reconnect ID: requests an attempt by hand. It respects the rules of the workers (R1, R4)
 * and names the obstacle; --force lets only the spacing pass.
 */
#include <stdio.h>

#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/domain/next_step.h"
#include "services/cli/audit.h"
#include "services/cli/commands.h"
#include "services/cli/state.h"
#include "services/cli/which_bridge.h"

struct reconnect_settings {
    struct cli_settings cli;
    bool force;
};

/* clang-format off */
static const struct setting table[] = {
    { .name = "FORCE", .kind = SETTING_BOOL, .at = offsetof(struct reconnect_settings, force), .def = "false",
      .flag_only = true, .help = "also when its last attempt is too short ago; nothing else is overridden" },
    { 0 },
};
/* clang-format on */

static void print_json(const struct cli_state *s, const char *id, bool done, const struct retry_verdict *v)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&out);

    json_open(&j, NULL, '{');
    json_texts(&j, "session", id);
    json_texts(&j, "bridge", s->settings->bridge.name);
    json_texts(&j, "result", done ? "due" : "refused");
    json_texts(&j, "why", why_key(v->why));
    json_texts(&j, "detail", cli_why(s, v->why));
    json_int(&j, "until", v->until > 0 && !done ? cli_wall(s, v->until) : 0);
    json_close(&j, '}');
    puts(buf_str(&out));
}

/* "; run `…`", when there is something that a person can do. */
static void add_next_step(const struct cli_state *s, const char *id, char *ret, size_t n)
{
    struct session_row row;
    struct reconnect_row re = { 0 };
    char step[200], name[SESSION_ARGUMENT_MAX];

    if (sessions_find(s->db, s->settings->bridge.name, id, &row) != 0 ||
        reconnects_find(s->db, s->settings->bridge.name, id, &re) < 0)
        return;
    (void)next_step(row.state, row.cause[0] ? cause_by_name(row.cause) : NULL, re.retry.phase == RETRY_PARKED,
                    session_argument(s->settings, row.bridge, id, name), step, sizeof step);
    (void)snprintf(ret, n, "%s%s", step[0] ? "; " : "", step);
}

static int refused(const struct cli_state *s, const char *id, const struct retry_verdict *v)
{
    int64_t wait_ms = v->until - s->now.steady_ms;
    char until[32], hint[240] = "";

    if (v->why == WHY_SPACING)
        str_copy(STR_LIT("; --force does not wait for it"), hint, sizeof hint);
    else
        add_next_step(s, id, hint, sizeof hint);

    if (s->settings->json)
        print_json(s, id, false, v);
    if (v->until <= 0 || wait_ms <= 0)
        return cli_problem(EXIT_NEGATIVE, "session %s is not attempted: %s%s", id, cli_why(s, v->why), hint);
    return cli_problem(EXIT_NEGATIVE, "session %s is not attempted: %s (for %s more)%s", id,
                       cli_why(s, v->why), text_duration((wait_ms + 999) / 1000 * 1000, until, sizeof until),
                       hint);
}

static int ask(struct cli_state *s, const char *id, bool force)
{
    struct retry_verdict v = { 0 };
    int r = reconnect_ask(s->db, &s->policy, &s->now, s->settings->bridge.name, id, force, &v);

    if (r == RECONNECTS_NONE)
        return cli_no_session(s, id);
    if (r == RECONNECT_REFUSED) {
        cli_audit(s->settings, "session.reconnect", s->settings->bridge.name, id, false, cli_why(s, v.why));
        return refused(s, id, &v);
    }
    if (r != 0)
        return cli_state_problem(s, r);
    cli_publish_due(s, id);
    cli_audit(s->settings, "session.reconnect", s->settings->bridge.name, id, true, force ? "--force" : "");
    if (s->settings->json)
        print_json(s, id, true, &v);
    else
        printf("session %s is put up for an attempt; `zapkeep session show %s` tells what came of it\n", id,
               id);
    return EXIT_DONE;
}

static int run(const struct reconnect_settings *s, const struct settings_args *args)
{
    CLEANUP(cli_state_close) struct cli_state state = CLI_STATE_NULL;
    const char *id;
    int code = cli_one_session(args, "session reconnect", &id);

    if (code == EXIT_GO_ON)
        code = cli_state_open(&s->cli, &state);
    return code != EXIT_GO_ON ? code : ask(&state, id, s->force);
}

int cmd_session_reconnect(int argc, char *argv[])
{
    struct reconnect_settings s;
    struct settings_args args;
    int code = cli_read(cli_command_of(cmd_session_reconnect), table, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    code = run(&s, &args);
    cli_free(table, &s);
    return code;
}
