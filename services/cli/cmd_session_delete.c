/*
 * zapkeep session delete ID: removes the session from the bridge and from our registry. It cannot be undone,
 * so it asks first.
 */
#include <stdio.h>
#include <unistd.h>

#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "services/cli/bridge.h"
#include "services/cli/commands.h"
#include "services/cli/session_delete.h"

/* The bridge wipes the pairing and never logs out at WhatsApp. */
#define DEAD_DEVICE "the phone keeps a dead linked device: remove it there under Settings, Linked devices"

struct delete_settings {
    struct cli_settings cli;
    bool yes;
};

static const struct setting table[] = {
    { .name = "YES",
      .kind = SETTING_BOOL,
      .at = offsetof(struct delete_settings, yes),
      .def = "false",
      .flag_only = true,
      .help = "do not ask" },
    { 0 },
};

/* -1: go on. */
static int confirm(const struct delete_settings *s, const char *id)
{
    char line[16] = "";

    if (s->yes)
        return EXIT_GO_ON;
    if (isatty(STDIN_FILENO) != 1 || s->cli.json)
        return cli_problem(EXIT_USAGE, "deleting a session cannot be undone; say --yes");
    (void)fprintf(
        stderr,
        "Deleting session %s ends its pairing: it needs a new QR code to come back,\nand " DEAD_DEVICE
        ".\nDelete it? [y/N] ",
        id);
    if (fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y'))
        return EXIT_GO_ON;
    return cli_problem(EXIT_NEGATIVE, "nothing was deleted");
}

static void print_deleted(const struct delete_settings *s, const char *id, bool was_gone)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(1024);
    struct json_out j = JSON_OUT(&out);

    if (!s->cli.json) {
        printf(was_gone ? "session %s was gone from the bridge already and is forgotten here\n"
                        : "session %s is deleted; " DEAD_DEVICE "\n",
               id);
        return;
    }
    json_open(&j, NULL, '{');
    json_texts(&j, "session", id);
    json_texts(&j, "bridge", s->cli.bridge.name);
    json_bool(&j, "deleted", true);
    json_close(&j, '}');
    puts(buf_str(&out));
}

static int delete_it(const struct delete_settings *s, struct cli_bridge *b, const char *id)
{
    bool was_gone = false;
    int code = session_delete(&s->cli, b, id, &was_gone);

    if (code != EXIT_GO_ON)
        return code;
    print_deleted(s, id, was_gone);
    return EXIT_DONE;
}

static int run(const struct delete_settings *s, const struct settings_args *args)
{
    struct cli_bridge b = CLI_BRIDGE_NULL;
    int code;

    if (args->n != 1 || !session_id_is_valid(str_from(args->arg[0])))
        return cli_problem(EXIT_USAGE, "session delete takes one ID, as `zapkeep sessions` lists it");
    code = confirm(s, args->arg[0]);
    if (code != EXIT_GO_ON)
        return code;
    code = cli_bridge_open(&s->cli.bridge, &b);
    if (code != EXIT_GO_ON)
        return code;
    code = cli_bridge_find_driver(&b);
    if (code == EXIT_GO_ON)
        code = delete_it(s, &b, args->arg[0]);
    cli_bridge_close(&b);
    return code;
}

int cmd_session_delete(int argc, char *argv[])
{
    struct delete_settings s;
    struct settings_args args;
    int code = cli_read(cli_command_of(cmd_session_delete), table, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    code = run(&s, &args);
    cli_free(table, &s);
    return code;
}
