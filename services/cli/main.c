/* zapkeep: the operator's tool. Finds the command and runs it. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "services/cli/cli.h"

static void print_commands(FILE *f)
{
    (void)fprintf(f,
                  "zapkeep - look at and steer a running zapkeep\n\nusage: zapkeep COMMAND [ARGUMENTS]\n\n");
    for (const struct cli_command *c = cli_commands; c->name; c++)
        (void)fprintf(f, "  %-18s %-34s %s\n", c->name, c->args, c->what);
    (void)fprintf(f, "\n  zapkeep COMMAND --help shows its settings. Exit codes: 0 success, 1 condition not "
                     "met or item not found,\n"
                     "  2 usage error, 3 a required service or file is unreachable.\n");
}

/* How many words of argv the command's name takes; 0: it is another. */
static int name_matches(const char *name, int argc, char *argv[])
{
    int words = 0;

    while (words < argc) {
        size_t n = strcspn(name, " ");

        if (strlen(argv[words]) != n || strncmp(argv[words], name, n) != 0)
            return 0;
        words++;
        if (!name[n])
            return words;
        name += n + 1;
    }
    return 0;
}

/* "session" alone is the beginning of commands: they are named. */
static int no_command(const char *word)
{
    size_t n = strlen(word);
    const char *comma = "";
    bool any = false;

    for (const struct cli_command *c = cli_commands; c->name; c++)
        any = any || (strncmp(c->name, word, n) == 0 && c->name[n] == ' ');
    if (!any)
        return cli_problem(EXIT_USAGE, "there is no command \"%s\"; zapkeep --help lists them", word);
    (void)fprintf(stderr, "zapkeep: %s takes one of: ", word);
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (strncmp(c->name, word, n) != 0 || c->name[n] != ' ')
            continue;
        (void)fprintf(stderr, "%s%s", comma, c->name + n + 1);
        comma = ", ";
    }
    (void)fputc('\n', stderr);
    return EXIT_USAGE;
}

static int run(int argc, char *argv[])
{
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        int words = name_matches(c->name, argc, argv);

        if (words > 0)
            return c->run(argc - words + 1, argv + words - 1);
    }
    return no_command(argv[0]);
}

int main(int argc, char *argv[])
{
    (void)umask(0027); /* copies and locks have the data of the stores */
    if (argc < 2) {
        print_commands(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_commands(stdout);
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("zapkeep %s\n", ZK_VERSION);
        return EXIT_DONE;
    }
    return run(argc - 1, argv + 1);
}
