/*
 * zapkeep bridge check [NAME...]: reads the webhook subscription of each session at the bridge, reports each that is not as it should
 * be, and with --repair sets it again. The result is kept in state.db, where the monitor finds it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/app/webhook_settings.h"
#include "common/app/webhook_url.h"
#include "common/base/clean.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/bridge/drivers.h"
#include "common/ops/open_state.h"
#include "common/ops/subscription.h"
#include "services/cli/audit.h"
#include "services/cli/bridge.h"
#include "services/cli/commands.h"

/* 10,000 sessions with ids of 128 bytes. */
#define NAMES_MAX ((size_t)2 * 1024 * 1024)
/* A bridge that restarts a session with the change answers after seconds. */
#define SET_TIMEOUT_MS (30 * 1000)
/* Where a bridge counts calls, it takes a hundred a minute. */
#define COUNTED_APART_MS 650

struct check_settings {
    struct cli_settings cli;
    const char *ingest_listen, *webhook_url, *token, *secret;
    bool repair;
};

/* clang-format off */
static const struct setting table[] = {
    WEBHOOK_URL_ROW(struct check_settings, webhook_url),
    INGEST_LISTEN_ROW(struct check_settings, ingest_listen),
    WEBHOOK_TOKEN_ROW(struct check_settings, token),
    WEBHOOK_SECRET_ROW(struct check_settings, secret),
    { .name = "REPAIR", .kind = SETTING_BOOL, .at = offsetof(struct check_settings, repair), .def = "false", .flag_only = true,
      .help = "set those again that are not as they should be, once" },
    { 0 },
};
/* clang-format on */

struct checking {
    const struct check_settings *s;
    struct cli_bridge bridge;
    struct subscription_want want;
    char url[SETTINGS_VALUE_MAX];
    struct db *db; /* NULL: nothing is kept */
    struct clock clock;
    struct buf names; /* NUL-ended ids, one after the other */
    int64_t n, drifted, repaired, unanswered;
};

/* ---- printing -------------------------------------------------------------------------------- */

static void print_json(const struct checking *k, const char *session, const struct subscription_check *c)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(8192);
    struct json_out j = JSON_OUT(&out);
    char expected[SUBSCRIPTION_TEXT_MAX];

    json_open(&j, NULL, '{');
    json_texts(&j, "bridge", k->s->cli.bridge.name);
    json_texts(&j, "session", session);
    json_texts(&j, "state", subscription_state_text(c->result.state));
    json_texts(&j, "detail", c->result.detail);
    json_texts(&j, "expected", subscription_show_url(k->url, expected, sizeof expected));
    json_texts(&j, "found", c->result.found);
    json_texts(&j, "repair", subscription_repair_text(c->repaired));
    json_close(&j, '}');
    puts(buf_str(&out));
}

static void print(const struct checking *k, const char *session, const struct subscription_check *c)
{
    const char *repair = subscription_repair_text(c->repaired);
    char detail[SUBSCRIPTION_TEXT_MAX], id[SESSION_ID_MAX];

    if (k->s->cli.json) {
        print_json(k, session, c);
        return;
    }
    (void)snprintf(detail, sizeof detail, "%s", c->result.detail);
    (void)snprintf(id, sizeof id, "%s", session);
    printf("%s%s%s: %s%s%s%s%s\n", k->s->cli.bridge.name, *id ? "/" : "", clean_text(id),
           subscription_state_text(c->result.state), *detail ? ", " : "", clean_text(detail),
           *repair ? "; " : "", repair);
}

/* ---- one session ----------------------------------------------------------------------------- */

static void keep(struct checking *k, const char *session, const struct subscription_check *c)
{
    struct subscription_row row;

    if (subscription_repair_was_tried(c->repaired))
        cli_audit(&k->s->cli, "bridge.repair", k->s->cli.bridge.name, session,
                  c->repaired == SUBSCRIPTION_SET, subscription_repair_text(c->repaired));
    if (k->db)
        (void)subscription_record(k->db, k->s->cli.bridge.name, session, c, k->clock.wall_ms(&k->clock),
                                  &row);
}

/* Makes the calls of the check. Returns 0 or -errno. */
static int make_calls(struct checking *k, struct subscription_check *c)
{
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    bool more = subscription_check_begin(c);

    while (more) {
        struct bridge_request req = c->request;
        int r;

        c->request = BRIDGE_REQUEST_NULL;
        if (c->pause_ms > 0)
            (void)cli_bridge_sleep(&k->bridge, c->pause_ms);
        r = cli_bridge_call(&k->bridge, &req, SET_TIMEOUT_MS, &reply);
        if (r != 0)
            return r;
        more = subscription_check_take(c, &reply.answer);
    }
    return 0;
}

static int check_one(struct checking *k, const char *session)
{
    struct subscription_check c = { .driver = k->bridge.driver,
                                    .target = &k->bridge.target,
                                    .want = &k->want,
                                    .id = session,
                                    .repair = k->s->repair,
                                    .repair_none = k->s->repair };
    int r = make_calls(k, &c);

    subscription_check_fini(&c);
    if (r != 0)
        return r;
    k->n++;
    k->drifted += c.result.state == SUBSCRIPTION_DRIFTED;
    k->unanswered += c.kind > 0 && bridge_answer_is_transport(c.kind);
    keep(k, session, &c);
    print(k, session, &c);
    return 0;
}

/* ---- all of a bridge ------------------------------------------------------------------------- */

static int on_session(void *ctx, const struct bridge_session *s)
{
    struct checking *k = ctx;

    return buf_add(&k->names, s->id, strlen(s->id) + 1);
}

/* The sessions that the bridge names. Prints a problem itself. Returns -1: go on; else the exit code. */
static int list_sessions(struct checking *k)
{
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    struct bridge_request req = BRIDGE_REQUEST_NULL;
    int skipped, r = bridge_build(k->bridge.driver, BRIDGE_LIST, &k->bridge.target, NULL, &req);

    if (r == 0)
        r = cli_bridge_call(&k->bridge, &req, 0, &reply);
    if (r == 0)
        r = bridge_read_list(k->bridge.driver, &reply.answer, on_session, k, &skipped);
    return r == 0 ? EXIT_GO_ON : cli_bridge_problem(&k->bridge, "cannot list the sessions", r, &reply);
}

static int check_listed(struct checking *k)
{
    int code = list_sessions(k), r = 0;

    if (code != EXIT_GO_ON)
        return code;
    for (size_t at = 0; r == 0 && at < k->names.len; at += strlen(k->names.data + at) + 1) {
        if (at > 0 && k->bridge.driver->subscription->apart_ms > 0)
            (void)cli_bridge_sleep(&k->bridge, COUNTED_APART_MS);
        r = check_one(k, k->names.data + at);
    }
    if (r != 0)
        return cli_problem(EXIT_UNREACHABLE, "cannot ask the bridge: %s", err_text(r));
    if (k->n == 0 && !k->s->cli.json)
        printf("%s: it has no sessions\n", k->s->cli.bridge.name);
    if (k->drifted > 0)
        return EXIT_NEGATIVE;
    return k->unanswered > 0 ? EXIT_UNREACHABLE : EXIT_DONE;
}

/* A bridge that shows none has one answer for all of its sessions. */
static int check_sessions(struct checking *k)
{
    int code = k->bridge.driver ? EXIT_GO_ON : cli_bridge_find_driver(&k->bridge);

    if (code != EXIT_GO_ON)
        return code;
    if (k->bridge.driver->subscription)
        return check_listed(k);
    return check_one(k, "") == 0 ? EXIT_DONE : EXIT_UNREACHABLE;
}

/* A source of webhooks is never called, and has no URL. */
static int open_bridge(struct checking *k)
{
    const struct bridge_driver *driver = bridge_driver_find(k->s->cli.bridge.driver);

    if (!driver || !driver->webhooks_only)
        return cli_bridge_open(&k->s->cli.bridge, &k->bridge);
    k->bridge.driver = driver;
    return EXIT_GO_ON;
}

static int check_bridge(const struct check_settings *s)
{
    struct checking k = { .s = s, .names = BUF_INIT(NAMES_MAX) };
    int code = open_bridge(&k);

    if (code != EXIT_GO_ON)
        return code;
    clock_init(&k.clock);
    webhook_url(s->webhook_url, s->ingest_listen, &s->cli.bridge, k.url, sizeof k.url);
    k.want = (struct subscription_want){
        .url = k.url, .any_host = !*s->webhook_url, .tokens = s->token, .secrets = s->secret
    };
    if (ops_open_state(app_store(&s->cli.app), &k.db) != 0)
        k.db = NULL;
    code = check_sessions(&k);
    db_close(k.db);
    buf_fini(&k.names);
    cli_bridge_close(&k.bridge);
    return code;
}

/* ---- the command ----------------------------------------------------------------------------- */

/* The gravest of two: a drift before a bridge that does not answer. */
static int graver(int a, int b)
{
    if (a == EXIT_NEGATIVE || b == EXIT_NEGATIVE)
        return EXIT_NEGATIVE;
    return a ? a : b;
}

static int check_named(struct check_settings *s, const char *name)
{
    int code = cli_take_bridge(&s->cli, name);

    return code == EXIT_GO_ON ? check_bridge(s) : code;
}

static int run(struct check_settings *s, const struct settings_args *args)
{
    int code = EXIT_DONE;

    if (args->n == 0 && !cli_is_about_all(&s->cli))
        return check_bridge(s);
    for (int i = 0; args->n == 0 && i < s->cli.config->n; i++)
        code = graver(code, check_named(s, s->cli.config->at[i]->name));
    for (int i = 0; i < args->n; i++) {
        if (!s->cli.config && strcmp(args->arg[i], s->cli.bridge.name) != 0)
            return cli_problem(EXIT_USAGE, "there is no bridge %s; there is %s", args->arg[i],
                               s->cli.bridge.name);
        code = graver(code, s->cli.config ? check_named(s, args->arg[i]) : check_bridge(s));
    }
    return code;
}

int cmd_bridge_check(int argc, char *argv[])
{
    struct check_settings s;
    struct settings_args args;
    int code = cli_read(cli_command_of(cmd_bridge_check), table, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    code = run(&s, &args);
    cli_free(table, &s);
    return code;
}
