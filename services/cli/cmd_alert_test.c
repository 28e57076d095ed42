/*
 * zapkeep alert test [SINK...]: sends a test message to sinks as the monitor would, and says how each answered.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/sink/sink_config.h"
#include "common/sink/sink_kind.h"
#include "common/sink/sink_test.h"
#include "services/cli/audit.h"
#include "services/cli/cli.h"
#include "services/cli/commands.h"

struct alert_settings {
    struct cli_settings cli;
    struct sink_settings sinks;
};

/* clang-format off */
static const struct setting table[] = {
    SETTINGS_OF(sink_settings_table, struct alert_settings, sinks),
    { 0 },
};
/* clang-format on */

struct testing {
    const struct alert_settings *s;
    struct loop *loop;
    struct clock clock;
    int waiting;
    bool failed;
};

static void say(const struct testing *t, const struct sink_config *c, const struct sink_result *r)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&out);

    if (!t->s->cli.json) {
        printf("%-16s  %-12s  %s%s%s\n", c->name, sink_kind_text(c->kind), r->taken ? "taken" : "not taken",
               r->detail[0] ? ": " : "", r->detail);
        return;
    }
    json_open(&j, NULL, '{');
    json_texts(&j, "sink", c->name);
    json_texts(&j, "type", sink_kind_text(c->kind));
    json_bool(&j, "taken", r->taken);
    json_int(&j, "status", r->status);
    json_int(&j, "took_ms", r->took_ms);
    json_texts(&j, "detail", r->detail);
    json_close(&j, '}');
    puts(buf_str(&out));
}

static void on_tested(void *ctx, const struct sink_config *c, const struct sink_result *r)
{
    struct testing *t = ctx;

    say(t, c, r);
    cli_audit(&t->s->cli, "alert.test", "", "", r->taken, c->name);
    t->failed = t->failed || !r->taken;
    if (--t->waiting == 0)
        loop_stop(t->loop);
}

static bool is_named(const struct settings_args *args, const char *name)
{
    for (int i = 0; i < args->n; i++) {
        if (str_eq(str_from(args->arg[i]), name))
            return true;
    }
    return args->n == 0;
}

static int test_all(struct testing *t, const struct sink_configs *sinks, const struct settings_args *args)
{
    int r = 0;

    for (int i = 0; r == 0 && i < sinks->n; i++) {
        if (!is_named(args, sinks->at[i]->name))
            continue;
        r = sink_test(t->loop, &t->clock, sinks->at[i], t->s->sinks.console_url, on_tested, t);
        t->waiting += r == 0;
    }
    return r == 0 && t->waiting > 0 ? loop_run(t->loop) : r;
}

static int check_names(const struct sink_configs *sinks, const struct settings_args *args)
{
    for (int i = 0; i < args->n; i++) {
        if (!sink_configs_find(sinks, args->arg[i]))
            return cli_problem(EXIT_NEGATIVE,
                               "there is no sink %s in ALERT_CONFIG, ALERT_URL and ALERT_NTFY_URL",
                               args->arg[i]);
    }
    if (sinks->n == 0)
        return cli_problem(EXIT_NEGATIVE, "no sink is set: ALERT_CONFIG names a file with sinks");
    return EXIT_GO_ON;
}

static int run(const struct alert_settings *s, const struct settings_args *args)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX);
    CLEANUP(sink_configs_fini) struct sink_configs sinks = SINK_CONFIGS_NULL;
    struct testing t = { .s = s };
    int r = sink_configs_load(&sinks, &s->sinks, &problem);
    int code;

    if (r != 0)
        return cli_problem(EXIT_USAGE, "%s", r == -EINVAL ? buf_str(&problem) : err_text(r));
    code = check_names(&sinks, args);
    if (code != EXIT_GO_ON)
        return code;
    clock_init(&t.clock);
    r = loop_open(&t.loop);
    if (r == 0)
        r = test_all(&t, &sinks, args);
    (void)loop_close(t.loop);
    if (r != 0)
        return cli_problem(EXIT_UNREACHABLE, "cannot send: %s", err_text(r));
    return t.failed ? EXIT_NEGATIVE : EXIT_DONE;
}

int cmd_alert_test(int argc, char *argv[])
{
    struct alert_settings s = { 0 };
    struct settings_args args;
    int code = cli_read(cli_command_of(cmd_alert_test), table, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    code = run(&s, &args);
    cli_free(table, &s);
    return code;
}
