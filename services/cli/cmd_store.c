/*
 * zapkeep store init, upgrade, status: the tables of a database server (ZAPKEEP_STORE), and its promises. A store in a
 * folder is made and upgraded by the services themselves.
 */
#include <errno.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/store/store.h"
#include "services/cli/audit.h"
#include "services/cli/cli.h"
#include "services/cli/commands.h"
#include "services/cli/output.h"

struct report {
    bool json;
    int problems;
};

static int on_line(void *ctx, const char *name, const char *value, const char *problem)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_LINE_MAX);
    struct report *r = ctx;

    r->problems += *problem != '\0';
    output_store_line(name, value, problem, r->json, &out);
    (void)output_flush(&out);
    return 0;
}

/* "3", "none", "2, this zapkeep knows 3" */
static const char *schema_problem(int is, int known)
{
    if (is == known)
        return "";
    if (is == 0)
        return "there are no tables: zapkeep store init";
    return is < known ? "older than this zapkeep: zapkeep store upgrade"
                      : "newer than this zapkeep: start that version";
}

static int status(const struct cli_settings *s, const char *where)
{
    struct report report = { .json = s->json };
    char name[STORE_DISPLAY_MAX], number[16];
    int is = 0, known = 0;
    int r = store_schema(where, &is, &known);

    if (r != 0)
        return cli_store_problem(where, STATE_DB_FILE, r);
    (void)snprintf(number, sizeof number, "%d", is);
    (void)on_line(&report, "store", store_display(where, name, sizeof name), "");
    (void)on_line(&report, "schema", number, schema_problem(is, known));
    r = store_report(where, STORE_REPORT_ALL, on_line, &report);
    if (r != 0)
        return cli_store_problem(where, STATE_DB_FILE, r);
    return report.problems > 0 ? EXIT_NEGATIVE : EXIT_DONE;
}

static int make(const struct cli_settings *s, const char *where, bool init)
{
    char name[STORE_DISPLAY_MAX], schema[32];
    int is = 0, known = 0;
    int r = store_schema(where, &is, &known);

    if (r != 0)
        return cli_store_problem(where, STATE_DB_FILE, r);
    if (!init && is == 0)
        return cli_problem(EXIT_NEGATIVE, "there are no tables to upgrade: zapkeep store init");
    r = store_upgrade(where);
    if (r != 0)
        return cli_store_problem(where, STATE_DB_FILE, r);
    (void)snprintf(schema, sizeof schema, "schema %d", known);
    cli_audit(s, init ? "store.init" : "store.upgrade", "", "", true, schema);
    if (!s->json)
        printf("%s has schema %d%s\n", store_display(where, name, sizeof name), known,
               is == known ? " already" : "");
    return EXIT_DONE;
}

static int run(int argc, char *argv[], const struct cli_command *command, int which)
{
    struct cli_settings s;
    struct settings_args args;
    int code = cli_read(command, NULL, argc, argv, &s, &args);

    if (code >= 0)
        return code;
    if (args.n > 0)
        code = cli_problem(EXIT_USAGE, "%s takes no argument", command->name);
    else
        code = which == 0 ? status(&s, app_store(&s.app)) : make(&s, app_store(&s.app), which == 1);
    cli_free(NULL, &s);
    return code;
}

int cmd_store_status(int argc, char *argv[])
{
    return run(argc, argv, cli_command_of(cmd_store_status), 0);
}

int cmd_store_init(int argc, char *argv[])
{
    return run(argc, argv, cli_command_of(cmd_store_init), 1);
}

int cmd_store_upgrade(int argc, char *argv[])
{
    return run(argc, argv, cli_command_of(cmd_store_upgrade), 2);
}
