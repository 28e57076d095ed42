/*
 * zapkeep sessions: every session as the monitor tracks it, from state.db alone.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "services/cli/commands.h"
#include "services/cli/state.h"
#include "services/cli/terminal.h"

struct sessions_settings {
    struct cli_settings cli;
    const char *state;
    bool all;
};

#define AT(field) offsetof(struct sessions_settings, field)

/* clang-format off */
static const struct setting table[] = {
    { .name = "STATE", .at = AT(state), .def = "", .flag_only = true,
      .help = "only those in this state (connected, disconnected, qr_pending, …, or parked)" },
    { .name = "ALL", .kind = SETTING_BOOL, .at = AT(all), .def = "false", .flag_only = true,
      .help = "of all bridges, not only WHATSAPP_BRIDGE_NAME" },
    { 0 },
};
/* clang-format on */

struct session_list {
    const struct sessions_settings *s;
    struct cli_state *state;
    int only; /* sessions in this state only; -1: all */
    int64_t shown, n[SESSION_STATE_N];
};

/* ---- one line -------------------------------------------------------------------------------- */

static void print_json(const struct session_row *row, const struct reconnect_row *re,
                       const struct session_list *l)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(8192);
    struct json_out j = JSON_OUT(&out);

    json_open(&j, NULL, '{');
    json_texts(&j, "session", row->id);
    json_texts(&j, "bridge", row->bridge);
    json_texts(&j, "state", session_state_text(row->state));
    json_texts(&j, "cause", row->cause);
    json_int(&j, "code", row->code);
    json_int(&j, "since", row->since);
    json_texts(&j, "raw_status", row->raw_status);
    json_texts(&j, "phone", row->phone);
    json_texts(&j, "name", row->name);
    json_int(&j, "first_seen", row->first_seen);
    json_bool(&j, "parked", re->retry.phase == RETRY_PARKED);
    json_bool(&j, "flapping", row->suppressed_until > l->state->now.steady_ms);
    json_bool(&j, "silent", row->silent_since > 0);
    json_texts(&j, "reconnect", retry_phase_text(re->retry.phase));
    json_int(&j, "attempts", re->retry.attempts);
    json_int(&j, "due_at", re->retry.phase == RETRY_DUE ? cli_wall(l->state, re->retry.due_at) : 0);
    json_close(&j, '}');
    puts(buf_str(&out));
}

/* The mark beside the state. */
static const char *mark_of(const struct session_row *row, const struct reconnect_row *re,
                           const struct session_list *l)
{
    if (re->retry.phase == RETRY_PARKED)
        return "parked";
    if (row->silent_since > 0)
        return "silent";
    if (row->suppressed_until > l->state->now.steady_ms)
        return "flapping";
    return re->retry.phase == RETRY_IDLE ? "" : retry_phase_text(re->retry.phase);
}

static void print_line(const struct session_row *row, const struct reconnect_row *re,
                       const struct session_list *l)
{
    CLEANUP(buf_fini) struct buf line = BUF_INIT(4096);
    char ago[32], name[2 * SESSIONS_ID_MAX + 2];
    bool many = cli_is_about_all(&l->s->cli);

    if (l->shown == 1)
        printf("%-20s %-12s %-6s %-17s %-9s %s\n", many ? "BRIDGE/SESSION" : "SESSION", "STATE", "SINCE",
               "CAUSE", "", "PHONE");
    (void)snprintf(name, sizeof name, "%s%s%s", many ? row->bridge : "", many ? "/" : "", row->id);
    (void)buf_addf(&line, "%-20s %-12s %-6s %-17s %-9s ", name, session_state_text(row->state),
                   cli_ago(l->state, row->since, ago, sizeof ago), row->cause, mark_of(row, re, l));
    (void)clean_add(&line, str_from(row->phone));
    clean_lines(&line);
    terminal_cut(&line, terminal_is_one() ? terminal_columns() : 0);
    puts(buf_str(&line));
}

static bool is_wanted(const struct sessions_settings *s, const struct session_row *row,
                      const struct reconnect_row *re)
{
    if (!s->state[0])
        return true;
    if (strcmp(s->state, "parked") == 0)
        return re->retry.phase == RETRY_PARKED;
    return strcmp(s->state, session_state_text(row->state)) == 0;
}

static int on_session(void *ctx, const struct session_row *row)
{
    struct session_list *l = ctx;
    struct reconnect_row re = { 0 };
    int r;

    if (l->only >= 0 && (int)row->state != l->only)
        return 0;
    r = reconnects_find(l->state->db, row->bridge, row->id, &re);
    if (r < 0)
        return r;
    l->n[row->state]++;
    if (!is_wanted(l->s, row, &re))
        return 0;
    l->shown++;
    if (l->s->cli.json)
        print_json(row, &re, l);
    else
        print_line(row, &re, l);
    return 0;
}

/* ---- the list -------------------------------------------------------------------------------- */

static void print_sum(const struct session_list *l)
{
    const char *comma = l->shown == 0 ? "; " : "";

    if (l->shown == 0)
        printf("no sessions%s%s", l->s->state[0] ? " are " : "", l->s->state);
    for (int i = 0; i < SESSION_STATE_N; i++) {
        if (l->n[i] == 0)
            continue;
        printf("%s%lld %s", comma, (long long)l->n[i], session_state_text((enum session_state)i));
        comma = ", ";
    }
    putchar('\n');
}

static int check_state(const char *state)
{
    if (!state[0] || strcmp(state, "parked") == 0 || session_state_find(str_from(state)) >= 0)
        return EXIT_GO_ON;
    return cli_problem(
        EXIT_USAGE,
        "--state is \"%s\"; there are starting, qr_pending, connected, disconnected, logged_out, "
        "failed, lost, unknown, action_required and parked",
        state);
}

/* People read the worst first; programs get the order of bridge and id. */
static int each_session(struct session_list *l)
{
    static const int worst_first[] = { SESSION_LOST,         SESSION_FAILED,          SESSION_LOGGED_OUT,
                                       SESSION_DISCONNECTED, SESSION_ACTION_REQUIRED, SESSION_UNKNOWN,
                                       SESSION_QR_PENDING,   SESSION_STARTING,        SESSION_CONNECTED };
    const char *bridge = l->s->all || cli_is_about_all(&l->s->cli) ? NULL : l->s->cli.bridge.name;
    int r = 0;

    _Static_assert(ARRAY_LEN(worst_first) == SESSION_STATE_N, "every state has its place");
    if (l->s->cli.json)
        return sessions_each(l->state->db, bridge, on_session, l);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(worst_first); i++) {
        l->only = worst_first[i];
        r = sessions_each(l->state->db, bridge, on_session, l);
    }
    return r;
}

static int run(const struct sessions_settings *s)
{
    CLEANUP(cli_state_close) struct cli_state state = CLI_STATE_NULL;
    struct session_list l = { .s = s, .state = &state, .only = -1 };
    int code = check_state(s->state);
    int r;

    if (code == EXIT_GO_ON)
        code = cli_state_open(&s->cli, &state);
    if (code != EXIT_GO_ON)
        return code;
    r = each_session(&l);
    if (r != 0)
        return cli_state_problem(&state, r);
    if (!s->cli.json)
        print_sum(&l);
    return EXIT_DONE;
}

int cmd_sessions(int argc, char *argv[])
{
    struct sessions_settings s;
    int code = cli_read(cli_command_of(cmd_sessions), table, argc, argv, &s, NULL);

    if (code != EXIT_GO_ON)
        return code;
    code = run(&s);
    cli_free(table, &s);
    return code;
}
