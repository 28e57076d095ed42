/*
 * zapkeep session create ID: makes the session on the bridge and shows the QR code until a phone has scanned it.
 */
#include <string.h>

#include "common/app/webhook_settings.h"
#include "common/app/webhook_url.h"
#include "common/base/mem.h"
#include "services/cli/commands.h"
#include "services/cli/pairing.h"
#include "services/cli/session_create.h"
#include "services/cli/which_bridge.h"

struct create_settings {
    struct cli_settings cli;
    const char *ingest_listen, *webhook_url, *token, *secret;
    bool wait;
    int64_t timeout_ms;
};

static const struct setting table[] = {
    WEBHOOK_URL_ROW(struct create_settings, webhook_url),
    INGEST_LISTEN_ROW(struct create_settings, ingest_listen),
    WEBHOOK_TOKEN_ROW(struct create_settings, token),
    WEBHOOK_SECRET_ROW(struct create_settings, secret),
    PAIRING_ROWS(offsetof(struct create_settings, wait), offsetof(struct create_settings, timeout_ms)),
    { 0 },
};

static int create_and_show(const struct create_settings *s, struct cli_bridge *b, const char *id)
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
    const struct session_create_settings how = { &s->cli, s->ingest_listen, s->webhook_url, s->token,
                                                 s->secret };
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    struct bridge_created created = { 0 };
    int code = session_create(&how, b, id, NULL, &created);

    p.session = created.session;
    p.qr = created.qr;
    if (code != EXIT_GO_ON)
        return code;
    if (created.session.id[0]) { /* the bridge may name its sessions itself */
        p.id = created.session.id;
        p.name = session_argument(&s->cli, s->cli.bridge.name, p.id, name);
    }
    if (!p.qr.len && p.session.state != SESSION_CONNECTED)
        (void)pairing_ask(&p, &reply); /* the answer had no code: perhaps there is one now */
    return pairing_run(&p);
}

static int run(const struct create_settings *s, const struct settings_args *args)
{
    struct cli_bridge b = CLI_BRIDGE_NULL;
    int code;

    if (args->n != 1 || !text_is_id(str_from(args->arg[0])))
        return cli_problem(EXIT_USAGE,
                           "session create takes one ID of letters, digits, '-' and '_', 64 at most");
    code = cli_bridge_open(&s->cli.bridge, &b);
    if (code != EXIT_GO_ON)
        return code;
    code = cli_bridge_find_driver(&b);
    if (code == EXIT_GO_ON)
        code = create_and_show(s, &b, args->arg[0]);
    cli_bridge_close(&b);
    return code;
}

int cmd_session_create(int argc, char *argv[])
{
    struct create_settings s;
    struct settings_args args;
    int code = cli_read(cli_command_of(cmd_session_create), table, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    code = run(&s, &args);
    cli_free(table, &s);
    return code;
}
