#include "services/cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/mem.h"
#include "common/store/store.h"

#define WORDS_MAX (64 * 1024)
/* A problem with the whole of a small answer in it. */
#define PROBLEM_MAX ((size_t)128 * 1024)

const struct setting cli_settings_table[] = {
    { .name = "JSON",
      .kind = SETTING_BOOL,
      .at = offsetof(struct cli_settings, json),
      .def = "false",
      .flag_only = true,
      .help = "one JSON object a line" },
    { 0 },
};

const struct cli_command *cli_command_of(int (*run)(int argc, char *argv[]))
{
    const struct cli_command *c = cli_commands;

    while (c->name && c->run != run)
        c++;
    return c;
}

int cli_problem(enum exit_code code, const char *fmt, ...)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(PROBLEM_MAX);
    va_list ap;

    va_start(ap, fmt);
    (void)buf_vaddf(&text, fmt, ap);
    va_end(ap);
    clean_lines(&text);
    (void)fprintf(stderr, "zapkeep: %s\n", buf_str(&text));
    return (int)code;
}

void cli_print_answer(const char *before, struct str body)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(body.n + 1);

    (void)buf_add(&text, body.p, body.n);
    clean_lines(&text);
    printf("%s%s", before, buf_str(&text));
}

int cli_store_problem(const char *dir, const char *file, int r)
{
    char problem[SETTINGS_VALUE_MAX + 256];

    if (r == -ENOENT)
        return cli_problem(
            EXIT_UNREACHABLE,
            "there is no %s in %s yet; start zapkeep, or set ZAPKEEP_DATA_DIR (--data-dir) to its folder",
            file, dir);
    return cli_problem(EXIT_UNREACHABLE, "%s", db_problem(dir, file, r, problem, sizeof problem));
}

bool cli_is_tty(void)
{
    return isatty(STDOUT_FILENO) == 1;
}

/* The table of a command: the rows of all commands, and its own rows, if any. */
#define CLI_TABLE(own_)                                                                                    \
    {                                                                                                      \
        SETTINGS_OF(cli_settings_table, struct cli_settings, app),                                         \
            SETTINGS_OF(app_settings_table, struct cli_settings, app),                                     \
            SETTINGS_OF(bridge_settings_table, struct cli_settings, bridge), { .include = (own_) }, { 0 }, \
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
        r = bus_settings_complete(ret, &problem);
        if (r == 0)
            return EXIT_GO_ON;
        settings_free(table, ret);
    }
    if (r == SETTINGS_HELP)
        return print_help(cmd, table);
    if (r == SETTINGS_VERSION) {
        printf("zapkeep %s\n", ZK_VERSION);
        return EXIT_DONE;
    }
    return cli_problem(EXIT_USAGE, "%s: %s", cmd->name, r == -EINVAL ? buf_str(&problem) : err_text(r));
}

void cli_free(const struct setting *own, void *settings)
{
    const struct setting table[] = CLI_TABLE(own);

    settings_free(table, settings);
}
