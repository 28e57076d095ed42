/* Reading the settings of a command. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/store/store.h"
#include "services/cli/which_bridge.h"

/* Help, or one problem. */
#define WORDS_MAX (64 * 1024)

const struct setting cli_settings_table[] = {
    { .name = "JSON",
      .kind = SETTING_BOOL,
      .at = offsetof(struct cli_settings, json),
      .def = "false",
      .flag_only = true,
      .help = "one JSON object a line" },
    { .name = "BRIDGE",
      .at = offsetof(struct cli_settings, bridge_name),
      .flag_only = true,
      .help = "the bridge that is meant, where there are several" },
    { 0 },
};

/* The table of a command: the rows of all commands, and its own rows, if any. */
#define CLI_TABLE(own_)                                                                                    \
    {                                                                                                      \
        SETTINGS_OF(cli_settings_table, struct cli_settings, app),                                         \
            SETTINGS_OF(app_settings_table, struct cli_settings, app),                                     \
            SETTINGS_OF(bridge_settings_table, struct cli_settings, bridge), { .include = (own_) }, { 0 }, \
    }

static void free_config(struct cli_settings *s)
{
    if (s->config)
        bridge_config_fini(s->config);
    mem_free(s->config);
}

static int print_help(const struct cli_command *cmd, const struct setting *table)
{
    CLEANUP(buf_fini) struct buf help = BUF_INIT(WORDS_MAX);

    settings_help(table, &help);
    printf("zapkeep %s %s\n%s\n\n%s", cmd->name, cmd->args, cmd->what, buf_str(&help));
    return EXIT_DONE;
}

int cli_read(const struct cli_command *cmd, const struct setting *own, int argc, char *argv[], void *ret,
             struct settings_args *ret_args)
{
    const struct setting table[] = CLI_TABLE(own);
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(WORDS_MAX);
    int r = settings_read(table, argc, argv, &problem, ret, ret_args);

    if (r == 0 && settings_secret_in_flags(table, argc, argv))
        (void)cli_problem(
            EXIT_DONE,
            "%s: every user of this machine can read a secret that is given as a flag; set it in the "
            "environment, or name its file by %s_FILE",
            settings_secret_in_flags(table, argc, argv), settings_secret_in_flags(table, argc, argv));
    if (r == 0) {
        struct cli_settings *s = ret;
        int code = EXIT_GO_ON;

        s->config = NULL;
        s->own = own;
        r = bus_settings_complete(&s->app, &problem);
        store_set_password(s->app.store_password, getenv(STORE_PASSWORD_FILE));
        if (r == 0)
            code = which_bridge(s, table, ret_args, strncmp(cmd->name, "session ", strlen("session ")) == 0);
        if (r == 0 && code == EXIT_GO_ON)
            return EXIT_GO_ON;
        free_config(s);
        settings_free(table, ret);
        if (r == 0)
            return code;
    }
    if (r == SETTINGS_HELP)
        return print_help(cmd, table);
    if (r == SETTINGS_VERSION) {
        printf("zapkeep %s\n", ZK_VERSION);
        return EXIT_DONE;
    }
    return cli_problem(EXIT_USAGE, "%s: %s", cmd->name, r == -EINVAL ? buf_str(&problem) : err_text(r));
}

int cli_take_bridge(struct cli_settings *s, const char *name)
{
    const struct setting table[] = CLI_TABLE(s->own);

    return which_bridge_take(s, table, name);
}

void cli_free(const struct setting *own, void *settings)
{
    const struct setting table[] = CLI_TABLE(own);

    free_config(settings);
    settings_free(table, settings);
}
