/*
 * zapkeep session qr ID: shows the QR code of a session that waits for one, as `session create` does.
 */
#include <stdio.h>

#include "common/base/mem.h"
#include "services/cli/commands.h"
#include "services/cli/pairing.h"
#include "services/cli/which_bridge.h"

struct qr_settings {
    struct cli_settings cli;
    bool wait;
    int64_t timeout_ms;
};

static const struct setting table[] = {
    PAIRING_ROWS(offsetof(struct qr_settings, wait), offsetof(struct qr_settings, timeout_ms)),
    { 0 },
};

static int show(const struct qr_settings *s, struct cli_bridge *b, const char *id)
{
    char name[SESSION_ARGUMENT_MAX];
    CLEANUP(pairing_fini)
    struct pairing p = { .bridge = b,
                         .id = id,
                         .name = session_argument(&s->cli, s->cli.bridge.name, id, name),
                         .data_dir = app_store(&s->cli.app),
                         .json = s->cli.json,
                         .watch = s->wait || (cli_is_tty() && !s->cli.json),
                         .timeout_ms = s->timeout_ms };
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    int r = pairing_ask(&p, &reply), code;

    if (r == BRIDGE_NO_SESSION)
        return cli_problem(
            EXIT_NEGATIVE,
            "the bridge has no session %s; to create and pair it, run `zapkeep session pair %s`", id, p.name);
    if (r)
        return cli_bridge_problem(b, "cannot ask for the QR code", r, &reply);
    code = pairing_run(&p);
    return code == EXIT_DONE && !p.watch && !p.qr.len ? EXIT_NEGATIVE : code;
}

static int run(const struct qr_settings *s, const struct settings_args *args)
{
    struct cli_bridge b = CLI_BRIDGE_NULL;
    int code;

    if (args->n != 1 || !session_id_is_valid(str_from(args->arg[0])))
        return cli_problem(EXIT_USAGE, "session qr takes one ID, as `zapkeep sessions` lists it");
    code = cli_bridge_open(&s->cli.bridge, &b);
    if (code != EXIT_GO_ON)
        return code;
    code = cli_bridge_find_driver(&b);
    if (code == EXIT_GO_ON)
        code = show(s, &b, args->arg[0]);
    cli_bridge_close(&b);
    return code;
}

int cmd_session_qr(int argc, char *argv[])
{
    struct qr_settings s;
    struct settings_args args;
    int code = cli_read(cli_command_of(cmd_session_qr), table, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    code = run(&s, &args);
    cli_free(table, &s);
    return code;
}
