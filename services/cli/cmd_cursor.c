/*
 * zapkeep cursor list, zapkeep cursor remove NAME: the consumers of the event log and how far each has read. Retention
 * keeps the events that a registered consumer has not read, so the cursor of one that is gone for good has to
 * go.
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/store/cursors.h"
#include "services/cli/audit.h"
#include "services/cli/commands.h"
#include "services/cli/state.h"

struct list {
    bool json;
    int n;
};

static int on_cursor(void *ctx, const char *consumer, int64_t seq, int64_t at_ms)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&out);
    struct list *l = ctx;
    char at[40];

    l->n++;
    if (!l->json) {
        printf("%-20s  %10" PRId64 "  %s\n", consumer, seq, text_time(at_ms, at, sizeof at));
        return 0;
    }
    json_open(&j, NULL, '{');
    json_texts(&j, "consumer", consumer);
    json_int(&j, "seq", seq);
    json_int(&j, "at", at_ms);
    json_close(&j, '}');
    puts(buf_str(&out));
    return 0;
}

static int list(struct cli_state *s, const struct settings_args *args)
{
    struct list l = { .json = s->settings->json };
    int r = args->n == 0 ? cursor_each(s->db, on_cursor, &l) : 0;

    if (args->n > 0)
        return cli_problem(EXIT_USAGE, "cursor list takes no argument");
    if (r != 0)
        return cli_state_problem(s, r);
    if (l.n == 0 && !l.json)
        puts("no consumer is registered");
    return EXIT_DONE;
}

static int remove_one(struct cli_state *s, const struct settings_args *args)
{
    int r;

    if (args->n != 1)
        return cli_problem(EXIT_USAGE,
                           "cursor remove takes the NAME of one consumer; `zapkeep cursor list` has them");
    r = cursor_remove(s->db, args->arg[0]);
    if (r == CURSOR_NONE)
        return cli_problem(EXIT_NEGATIVE, "no consumer \"%s\" is registered; `zapkeep cursor list` has them",
                           args->arg[0]);
    if (r != 0)
        return cli_state_problem(s, r);
    cli_audit(s->settings, "cursor.remove", "", "", true, args->arg[0]);
    if (!s->settings->json)
        printf("the cursor of %s is removed; retention no longer keeps events for it\n", args->arg[0]);
    return EXIT_DONE;
}

static int run(int argc, char *argv[], const struct cli_command *command,
               int (*act)(struct cli_state *s, const struct settings_args *args))
{
    CLEANUP(cli_state_close) struct cli_state state = CLI_STATE_NULL;
    struct cli_settings s;
    struct settings_args args;
    int code = cli_read(command, NULL, argc, argv, &s, &args);

    if (code >= 0)
        return code;
    code = cli_state_open(&s, &state);
    if (code < 0)
        code = act(&state, &args);
    cli_state_close(&state);
    cli_free(NULL, &s);
    return code;
}

int cmd_cursor_list(int argc, char *argv[])
{
    return run(argc, argv, cli_command_of(cmd_cursor_list), list);
}

int cmd_cursor_remove(int argc, char *argv[])
{
    return run(argc, argv, cli_command_of(cmd_cursor_remove), remove_one);
}
