/*
 * zapkeep forward on|off|pause|resume|test|forget NAME, forward retry, forward skip: commands of an operator about
 * destinations and of events that wait. Each is a command to the forwarder, and its result is shown.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "services/cli/commands.h"
#include "services/cli/forward.h"

/* clang-format off */
static const struct setting retry_table[] = {
    { .name = "DESTINATION", .at = FORWARD_AT(destination), .flag_only = true, .help = "of this destination" },
    { .name = "SESSION", .at = FORWARD_AT(session), .flag_only = true, .help = "of this session" },
    { .name = "ID", .at = FORWARD_AT(id), .flag_only = true, .help = "this event: its seq, or its id evt_…" },
    { 0 },
};
static const struct setting skip_table[] = {
    { .name = "DESTINATION", .at = FORWARD_AT(destination), .flag_only = true, .help = "of this destination only" },
    { 0 },
};
static const struct setting name_table[] = { { 0 } };
/* clang-format on */

typedef int (*fill_fn)(const struct forward_cli *f, const struct forward_cli_settings *s,
                       const struct settings_args *args, struct forward_command *ret);

/* ---- which ----------------------------------------------------------------------------------- */

/* "1200" or "evt_0123abcd_1200". Returns -1, or the exit code. */
static int seq_of(const char *text, int64_t *ret)
{
    const char *seq = strncmp(text, "evt_", 4) == 0 && strlen(text) > 13 ? text + 13 : text;

    if (text_to_i64(seq, ret) == 0 && *ret > 0)
        return -1;
    return cli_problem(EXIT_USAGE,
                       "\"%s\" is no event; it takes a seq as 1200, or an id as evt_0123abcd_1200", text);
}

static int fill_name(const struct forward_cli *f, const struct forward_cli_settings *s,
                     const struct settings_args *args, struct forward_command *ret)
{
    if (args->n != 1 || !text_is_id(str_from(args->arg[0])))
        return cli_problem(EXIT_USAGE, "it takes the NAME of a destination");
    ret->filter.destination = args->arg[0];
    return forward_cli_check_destination(f, args->arg[0]);
}

static int fill_retry(const struct forward_cli *f, const struct forward_cli_settings *s,
                      const struct settings_args *args, struct forward_command *ret)
{
    if (args->n > 0)
        return cli_problem(EXIT_USAGE, "forward retry takes options only: --destination, --session, --id");
    ret->filter.destination = s->destination;
    ret->filter.session = s->session;
    if (s->id[0] && seq_of(s->id, &ret->filter.id) >= 0)
        return EXIT_USAGE;
    return forward_cli_check_destination(f, s->destination);
}

static int fill_skip(const struct forward_cli *f, const struct forward_cli_settings *s,
                     const struct settings_args *args, struct forward_command *ret)
{
    if (args->n != 1)
        return cli_problem(EXIT_USAGE, "forward skip takes one event: its seq, or its id evt_…");
    ret->filter.destination = s->destination;
    if (seq_of(args->arg[0], &ret->filter.id) >= 0)
        return EXIT_USAGE;
    return forward_cli_check_destination(f, s->destination);
}

/* ---- the result of a test -------------------------------------------------------------------- */

static void print_test(bool failed, const char *result, bool json)
{
    static const struct json_path paths[] = {
        { 0, { "status" } }, { 1, { "took_ms" } }, { 2, { "detail" } }, { 3, { "answer" } }
    };
    char detail[FORWARD_DETAIL_MAX], answer[FORWARD_RESULT_MAX];
    struct json_value values[ARRAY_LEN(paths)];
    int64_t took_ms = 0;

    if (json || json_in_find(str_from(result), paths, ARRAY_LEN(paths), values) != 0) {
        (void)fprintf(json ? stdout : stderr, "%s\n", result);
        return;
    }
    (void)json_in_i64(values[1], &took_ms);
    (void)json_in_text(values[2], detail, sizeof detail);
    (void)json_in_text(values[3], answer, sizeof answer);
    printf("%s: %s after %" PRId64 " ms%s%s\n", failed ? "not taken" : "taken", clean_text(detail), took_ms,
           answer[0] ? ": " : "", clean_text(answer));
}

/* ---- the commands ---------------------------------------------------------------------------- */

static int run(int argc, char *argv[], int (*cmd)(int argc, char *argv[]), enum forward_verb verb,
               const struct setting *table, fill_fn fill)
{
    CLEANUP(forward_cli_close) struct forward_cli f = FORWARD_CLI_NULL;
    struct forward_cli_settings s = { 0 };
    struct settings_args args;
    struct forward_command c = { .verb = verb };
    int code = cli_read(cli_command_of(cmd), table, argc, argv, &s, &args);

    if (code >= 0)
        return code;
    code = forward_cli_open(&s.cli, &f);
    if (code < 0)
        code = fill(&f, &s, &args, &c);
    if (code < 0)
        code = forward_cli_command(&f, &c, 1, verb == FORWARD_TEST ? print_test : NULL);
    cli_free(table, &s);
    return code;
}

int cmd_forward_on(int argc, char *argv[])
{
    return run(argc, argv, cmd_forward_on, FORWARD_ON, name_table, fill_name);
}

int cmd_forward_off(int argc, char *argv[])
{
    return run(argc, argv, cmd_forward_off, FORWARD_OFF, name_table, fill_name);
}

int cmd_forward_pause(int argc, char *argv[])
{
    return run(argc, argv, cmd_forward_pause, FORWARD_PAUSE, name_table, fill_name);
}

int cmd_forward_resume(int argc, char *argv[])
{
    return run(argc, argv, cmd_forward_resume, FORWARD_RESUME, name_table, fill_name);
}

int cmd_forward_test(int argc, char *argv[])
{
    return run(argc, argv, cmd_forward_test, FORWARD_TEST, name_table, fill_name);
}

int cmd_forward_forget(int argc, char *argv[])
{
    return run(argc, argv, cmd_forward_forget, FORWARD_FORGET, name_table, fill_name);
}

int cmd_forward_retry(int argc, char *argv[])
{
    return run(argc, argv, cmd_forward_retry, FORWARD_RETRY, retry_table, fill_retry);
}

int cmd_forward_skip(int argc, char *argv[])
{
    return run(argc, argv, cmd_forward_skip, FORWARD_SKIP, skip_table, fill_skip);
}
