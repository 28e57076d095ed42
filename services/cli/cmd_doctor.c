/*
 * zapkeep doctor: checks every link of the chain and gives advice. Nothing is changed, but for one event
 * of type zapkeep.probe in the event log (--no-probe: not even that).
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/app/hook_settings.h"
#include "common/app/webhook_settings.h"
#include "common/app/webhook_url.h"
#include "common/base/clean.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/bridge/signature.h"
#include "common/store/store.h"
#include "services/cli/commands.h"
#include "services/cli/doctor.h"
#include "services/cli/terminal.h"

/* Behind the level and the name of a check. */
#define TEXT_COLUMN 20

static const struct setting table[] = {
    WEBHOOK_URL_ROW(struct doctor_settings, webhook_url),
    INGEST_LISTEN_ROW(struct doctor_settings, ingest_listen),
    WEBHOOK_TOKEN_ROW(struct doctor_settings, token),
    WEBHOOK_SECRET_ROW(struct doctor_settings, secret),
    HOOK_ROW(struct doctor_settings, hook),
    { .name = "NO_PROBE",
      .kind = SETTING_BOOL,
      .at = offsetof(struct doctor_settings, no_probe),
      .def = "false",
      .flag_only = true,
      .help = "do not put a zapkeep.probe event into the log" },
    { 0 },
};

/* In the order of the chain; later ones use the results of earlier ones. */
static const struct {
    const char *name;
    doctor_check *check;
    bool is_bridges; /* one finding for each bridge */
    enum { OF_ALL, OF_FOLDER, OF_DATABASE } store;
} checks[] = {
    { "bridge", doctor_bridge, true, OF_ALL },
    { "key", doctor_key, true, OF_ALL },
    { "dialect", doctor_dialect, true, OF_ALL },
    { "version", doctor_version, true, OF_ALL },
    { "capabilities", doctor_capabilities, true, OF_ALL },
    { "extension", doctor_extension, true, OF_ALL },
    { "reconnect", doctor_reconnect, true, OF_ALL },
    { "folder", doctor_folder, false, OF_ALL },
    { "disk", doctor_disk, false, OF_ALL },
    { "sqlite", doctor_sqlite, false, OF_FOLDER },
    { "database", doctor_database, false, OF_DATABASE },
    { "roles", doctor_roles, false, OF_DATABASE },
    { "state", doctor_state, false, OF_ALL },
    { "log", doctor_log, false, OF_ALL },
    { "forward", doctor_forward, false, OF_ALL },
    { "ingest", doctor_ingest, false, OF_ALL },
    { "token", doctor_token, true, OF_ALL },
    { "webhooks", doctor_webhooks, true, OF_ALL },
    { "bus", doctor_bus, false, OF_ALL },
    { "hub", doctor_hub, false, OF_ALL },
    { "probe", doctor_probe, true, OF_ALL },
    { "arrival", doctor_arrival, true, OF_ALL },
    { "monitor", doctor_monitor, true, OF_ALL },
    { "identity", doctor_identity, true, OF_ALL },
    { "workers", doctor_workers, true, OF_ALL },
    { "clock", doctor_clock, true, OF_ALL },
};

const char *finding_level_text(enum finding_level l)
{
    static const char *const texts[] = { "ok", "note", "warn", "bad", "skip" };

    return (size_t)l < ARRAY_LEN(texts) ? texts[l] : "?";
}

void finding_set(struct finding *f, enum finding_level level, const char *advice, const char *fmt, ...)
{
    va_list ap;

    f->level = level;
    (void)snprintf(f->advice, sizeof f->advice, "%s", advice);
    va_start(ap, fmt);
    (void)vsnprintf(f->message, sizeof f->message, fmt, ap);
    va_end(ap);
    (void)clean_text(f->message); /* words of the bridge may be in it, and a character that was cut */
}

static void print_json(const char *name, const char *bridge, const struct finding *f)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(16 * 1024);
    struct json_out j = JSON_OUT(&out);

    json_open(&j, NULL, '{');
    json_texts(&j, "check", name);
    json_text(&j, "bridge", bridge ? str_from(bridge) : STR_NULL);
    json_texts(&j, "level", finding_level_text(f->level));
    json_texts(&j, "message", f->message);
    json_text(&j, "advice", f->advice[0] ? str_from(f->advice) : STR_NULL);
    json_close(&j, '}');
    puts(buf_str(&out));
}

static void print_text(const char *name, const struct finding *f)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(sizeof *f + 256);

    (void)buf_addf(&out, "%-4s  %-12s  %s\n", finding_level_text(f->level), name, f->message);
    if (f->advice[0])
        (void)buf_addf(&out, "%*s-> %s\n", TEXT_COLUMN, "", f->advice);
    terminal_print(buf_str(&out), TEXT_COLUMN);
}

/* Some checks are of files alone, others of a database alone. */
static bool is_of_store(const struct doctor *d, size_t check)
{
    bool is_server = store_is_server(app_store(&d->settings.cli.app));

    return checks[check].store != (is_server ? OF_FOLDER : OF_DATABASE);
}

/* @all: checks of both kinds, of the only bridge; else those of one kind. Returns how many are bad. */
static int examine(struct doctor *d, bool all, bool is_bridges)
{
    int bad = 0;

    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        struct finding f = { 0 };

        if ((!all && checks[i].is_bridges != is_bridges) || !is_of_store(d, i))
            continue;
        checks[i].check(d, &f);
        if (d->settings.cli.json)
            print_json(checks[i].name, checks[i].is_bridges ? d->settings.cli.bridge.name : NULL, &f);
        else
            print_text(checks[i].name, &f);
        (void)fflush(stdout);
        bad += f.level == FINDING_BAD;
    }
    return bad;
}

/* The first of the tokens, as a text of its own. */
static int take_token(struct doctor *d)
{
    struct tokens t;

    if (tokens_parse(d->settings.token, &t))
        return cli_problem(EXIT_USAGE, "WEBHOOK_AUTH_TOKEN: at most two tokens with a comma between them; a "
                                       "whsec_ key has at least 24 bytes");
    if (t.n)
        (void)snprintf(d->token_text, sizeof d->token_text, "%.*s", (int)t.token[0].n, t.token[0].p);
    d->token = d->token_text;
    return EXIT_GO_ON;
}

/* The bridge of the settings; *ret_bad grows. Returns -1: go on; else the exit code. */
static int examine_bridge(struct doctor *d, bool all, bool is_bridges, int *ret_bad)
{
    int code = take_token(d), r;

    if (code != EXIT_GO_ON)
        return code;
    r = cli_bridge_start(&d->settings.cli.bridge, &d->bridge);
    if (r)
        return cli_problem(EXIT_NEGATIVE, "cannot start: %s", err_text(r));
    webhook_url(d->settings.webhook_url, d->settings.ingest_listen, &d->settings.cli.bridge, d->webhook_url,
                sizeof d->webhook_url);
    *ret_bad += examine(d, all, is_bridges);
    bus_sub_close(d->sub);
    d->sub = NULL;
    cli_reply_fini(&d->health);
    cli_bridge_close(&d->bridge);
    return EXIT_GO_ON;
}

/* Nothing is known of the next bridge yet. */
static int next_bridge(struct doctor *d, const char *name)
{
    d->key_good = d->has_probe = false;
    d->found = NULL;
    d->detection = d->refused_status = 0;
    d->sessions = d->connected = -1;
    d->token_text[0] = '\0';
    if (!d->settings.cli.json)
        printf("\nbridge %s\n", name);
    return cli_take_bridge(&d->settings.cli, name);
}

static int run(struct doctor *d)
{
    const struct bridge_config *config = d->settings.cli.config;
    bool all = !cli_is_about_all(&d->settings.cli);
    int bad = 0;
    int code = examine_bridge(d, all, false, &bad);

    for (int i = 0; code == EXIT_GO_ON && !all && i < config->n; i++) {
        code = next_bridge(d, config->at[i]->name);
        if (code == EXIT_GO_ON)
            code = examine_bridge(d, false, true, &bad);
    }
    return code != EXIT_GO_ON ? code : bad ? EXIT_NEGATIVE : EXIT_DONE;
}

int cmd_doctor(int argc, char *argv[])
{
    struct doctor *d = mem_zalloc(sizeof *d);
    int code;

    if (!d)
        return cli_problem(EXIT_NEGATIVE, "out of memory");
    d->sessions = d->connected = -1;
    d->bus_seq = -1;
    clock_init(&d->clock);
    code = cli_read(cli_command_of(cmd_doctor), table, argc, argv, &d->settings, NULL);
    if (code == EXIT_GO_ON) {
        code = run(d);
        cli_free(table, &d->settings);
    }
    mem_free(d);
    return code;
}
