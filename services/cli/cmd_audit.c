/* zapkeep audit: the changes of operators, by the CLI and the console, newest first. */
#include <stdio.h>

#include "common/base/clean.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/store/audit.h"
#include "services/cli/commands.h"
#include "services/cli/state.h"
#include "services/cli/terminal.h"

struct audit_settings {
    struct cli_settings cli;
    const char *session;
    int64_t limit;
};

/* clang-format off */
static const struct setting table[] = {
    { .name = "SESSION", .at = offsetof(struct audit_settings, session), .def = "", .flag_only = true, .help = "of this session only" },
    { .name = "LIMIT", .kind = SETTING_INT, .at = offsetof(struct audit_settings, limit), .def = "50", .min = 1, .max = 100000,
      .flag_only = true, .help = "rows at most" },
    { 0 },
};
/* clang-format on */

static void print_json(const struct audit_row *row)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(8192);
    struct json_out j = JSON_OUT(&out);

    json_open(&j, NULL, '{');
    json_int(&j, "n", row->n);
    json_int(&j, "at", row->at);
    json_texts(&j, "actor", row->actor);
    json_texts(&j, "address", row->address);
    json_texts(&j, "action", row->action);
    json_texts(&j, "bridge", row->bridge);
    json_texts(&j, "session", row->session);
    json_texts(&j, "detail", row->detail);
    json_bool(&j, "ok", row->ok);
    json_close(&j, '}');
    puts(buf_str(&out));
}

static void print_line(const struct audit_row *row)
{
    CLEANUP(buf_fini) struct buf line = BUF_INIT(8192);
    char at[40];

    (void)buf_addf(&line, "%s  %-24s %s%s%s%s%s%s%s", text_time(row->at, at, sizeof at), row->actor,
                   row->action, row->session[0] ? "  " : "", row->session[0] ? row->bridge : "",
                   row->session[0] ? "/" : "", row->session, row->ok ? "" : "  refused",
                   row->detail[0] ? "  " : "");
    (void)clean_add(&line, str_from(row->detail));
    clean_lines(&line);
    terminal_cut(&line, terminal_is_one() ? terminal_columns() : 0);
    puts(buf_str(&line));
}

static int on_row(void *ctx, const struct audit_row *row)
{
    const struct cli_settings *s = ctx;

    if (s->json)
        print_json(row);
    else
        print_line(row);
    return 0;
}

static int run(struct audit_settings *s)
{
    CLEANUP(cli_state_close) struct cli_state state = CLI_STATE_NULL;
    int code = cli_state_open(&s->cli, &state);
    int r;

    if (code != EXIT_GO_ON)
        return code;
    r = audit_each(state.db, NULL, s->session[0] ? s->session : NULL, 0, (int)s->limit, on_row, &s->cli);
    return r == 0 ? EXIT_DONE : cli_state_problem(&state, r);
}

int cmd_audit(int argc, char *argv[])
{
    struct audit_settings s;
    int code = cli_read(cli_command_of(cmd_audit), table, argc, argv, &s, NULL);

    if (code != EXIT_GO_ON)
        return code;
    code = run(&s);
    cli_free(table, &s);
    return code;
}
