#include "services/cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/mem.h"
#include "common/store/store.h"

/* A problem with the whole of a small answer in it. */
#define PROBLEM_MAX ((size_t)128 * 1024)

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

    if (r == -ENOENT && !store_is_server(dir))
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
