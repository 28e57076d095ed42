/*
 * zapkeep forward on NAME, zapkeep forward off NAME: a destination that a 410 turned off delivers again; one
 * that shall not be delivered to is turned off.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "services/cli/commands.h"
#include "services/cli/forward.h"

struct search {
    const char *name;
    bool found, off;
};

static int on_destination(void *ctx, const struct forward_destination *d)
{
    struct search *s = ctx;

    if (strcmp(d->name, s->name) == 0) {
        s->found = true;
        s->off = d->off_since > 0;
    }
    return 0;
}

static int command(const struct cli_settings *settings, const char *name, bool on)
{
    CLEANUP(forward_cli_close) struct forward_cli f = FORWARD_CLI_NULL;
    struct search s = { .name = name };
    struct forward_command o = { .verb = on ? FORWARD_ON : FORWARD_OFF, .filter = { .destination = name } };
    int code = forward_cli_open(settings, &f);
    int r;

    if (code != EXIT_GO_ON)
        return code;
    r = forward_destinations_each(f.db, on_destination, &s);
    if (r != 0)
        return forward_cli_problem(&f, r);
    if (!s.found)
        return cli_problem(EXIT_NEGATIVE, "there is no destination %s; `zapkeep forward status` lists them",
                           name);
    if (s.off != on)
        return cli_problem(EXIT_NEGATIVE, "destination %s is turned %s already", name, on ? "on" : "off");
    code = forward_cli_command(&f, &o, 1);
    if (code != EXIT_GO_ON)
        return code;
    if (settings->json)
        printf("{\"destination\":\"%s\",\"on\":%s}\n", name, on ? "true" : "false");
    else
        printf("destination %s is turned %s\n", name, on ? "on" : "off");
    return EXIT_DONE;
}

static int run(int argc, char *argv[], int (*cmd)(int argc, char *argv[]), bool on)
{
    struct cli_settings s;
    struct settings_args args;
    int code = cli_read(cli_command_of(cmd), NULL, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    if (args.n == 1 && text_is_id(str_from(args.arg[0])))
        code = command(&s, args.arg[0], on);
    else
        code = cli_problem(EXIT_USAGE, "forward %s takes the NAME of a destination", on ? "on" : "off");
    cli_free(NULL, &s);
    return code;
}

int cmd_forward_on(int argc, char *argv[])
{
    return run(argc, argv, cmd_forward_on, true);
}

int cmd_forward_off(int argc, char *argv[])
{
    return run(argc, argv, cmd_forward_off, false);
}
