#include "services/console/child_cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_MAX_BYTES 4096

static void export_one(const char *name, const char *value)
{
    if (value && *value)
        (void)setenv(name, value, 1);
}

void child_cli_export(const struct console_settings *s)
{
    export_one("ZAPKEEP_DATA_DIR", s->app.data_dir);
    export_one("ZAPKEEP_STORE", s->app.store);
    if (!getenv("ZAPKEEP_STORE_PASSWORD_FILE"))
        export_one("ZAPKEEP_STORE_PASSWORD", s->app.store_password);
    export_one("ZAPKEEP_BUS_IN", s->app.bus_in);
    export_one("ZAPKEEP_BUS_OUT", s->app.bus_out);
    export_one("ZAPKEEP_BUS_FEED", s->app.bus_feed);
    export_one(BRIDGES_SETTING, s->bridge.file);
    export_one("WHATSAPP_API_URL", s->bridge.url);
    export_one("WHATSAPP_API_KEY_HEADER", s->bridge.key_header);
    export_one("WHATSAPP_API_CA", s->bridge.ca_file);
    export_one("WHATSAPP_BRIDGE", s->bridge.driver);
    export_one("WHATSAPP_BRIDGE_NAME", s->bridge.name);
    export_one("WEBHOOK_URL", s->webhook_url);
    export_one("ZAPKEEP_INGEST_LISTEN", s->ingest_listen);
    if (!getenv("WHATSAPP_API_KEY_FILE"))
        export_one("WHATSAPP_API_KEY", s->bridge.api_key);
    if (!getenv("WHATSAPP_API_BASIC_FILE"))
        export_one("WHATSAPP_API_BASIC", s->bridge.basic);
    export_one("ZAPKEEP_AUDITED_BY",
               "console"); /* services/cli/audit.h: the rows of the audit list are ours */
    /* Children need none of these. */
    (void)unsetenv("ZAPKEEP_CONSOLE_PASSWORD");
    (void)unsetenv("ZAPKEEP_CONSOLE_VIEWER_PASSWORD");
}

/* The setting, or the file "zapkeep" beside our own program. */
static int find_program(const struct console_context *c, char *ret, size_t n)
{
    char own[PATH_MAX_BYTES];
    ssize_t len;
    char *slash;

    if (c->settings->cli[0])
        return (size_t)snprintf(ret, n, "%s", c->settings->cli) < n ? 0 : -ENAMETOOLONG;
    len = readlink("/proc/self/exe", own, sizeof own - 1);
    if (len < 0)
        return -errno;
    own[len] = '\0';
    slash = strrchr(own, '/');
    if (slash)
        *slash = '\0';
    return (size_t)snprintf(ret, n, "%s/zapkeep", own) < n ? 0 : -ENAMETOOLONG;
}

int child_cli_start(const struct console_context *c, const char *const *words, const char *const *arguments,
                    const struct proc_lines_spec *spec, struct proc_lines **ret)
{
    const char *argv[CHILD_CLI_WORDS_MAX + CHILD_CLI_ARGUMENTS_MAX + 4];
    char program[PATH_MAX_BYTES];
    struct proc_lines_spec child = *spec;
    int n = 0, r = find_program(c, program, sizeof program);

    if (r != 0)
        return r;
    argv[n++] = program;
    for (int i = 0; words[i] && n <= CHILD_CLI_WORDS_MAX; i++)
        argv[n++] = words[i];
    argv[n++] = "--json";
    if (arguments) {
        argv[n++] = "--";
        for (int i = 0; arguments[i] && i < CHILD_CLI_ARGUMENTS_MAX; i++)
            argv[n++] = arguments[i];
    }
    argv[n] = NULL;
    child.argv = argv;
    return proc_lines_start(app_loop(c->app), &child, ret);
}

const char *child_cli_session(const char *bridge, const char *session, char *ret, size_t n)
{
    (void)snprintf(ret, n, "%s/%s", bridge, session);
    return ret;
}

const char *child_cli_problem(int status, const char *last_error, char *ret, size_t n)
{
    const char *said = strncmp(last_error, "zapkeep: ", 9) == 0 ? last_error + 9 : last_error;

    if (status == -ETIMEDOUT)
        (void)snprintf(ret, n, "it took too long");
    else if (*said)
        (void)snprintf(ret, n, "%s", said);
    else
        (void)snprintf(ret, n, "zapkeep ended with %d", status);
    return ret;
}
