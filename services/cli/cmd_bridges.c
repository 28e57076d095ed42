/*
 * zapkeep bridges: every bridge that is configured, and those of which state.db still has rows.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/base/url.h"
#include "common/domain/alert_kind.h"
#include "common/ops/subscription.h"
#include "common/store/alerts.h"
#include "services/cli/commands.h"
#include "services/cli/state.h"
#include "services/cli/which_bridge.h"

#define OUT_MAX (256 * 1024)

struct bridge_line {
    const char *name, *driver, *version, *url, *health;
    bool configured;
    int64_t sessions, connected;
    char url_text[300];
    struct subscription_overview subscriptions;
};

static void print_line(const struct cli_settings *s, const struct bridge_line *b, struct buf *out)
{
    struct json_out j = JSON_OUT(out);
    char text[BRIDGES_DETAIL_MAX];

    if (!s->json) {
        (void)buf_addf(out, "%-20s %-12s %-10s %-8s %5lld of %lld connected\n%-20s %s\n", b->name, b->driver,
                       *b->version ? b->version : "-", b->health, (long long)b->connected,
                       (long long)b->sessions, "",
                       b->configured ? b->url_text : "not configured: nothing is done for its sessions");
        if (b->subscriptions.state == SUBSCRIPTION_DRIFTED)
            (void)buf_addf(out, "%-20s its webhooks are not as they should be: %s\n", "",
                           subscription_drift_text(&b->subscriptions, text, sizeof text));
        return;
    }
    json_open(&j, NULL, '{');
    json_texts(&j, "bridge", b->name);
    json_texts(&j, "driver", b->driver);
    json_texts(&j, "version", b->version);
    json_texts(&j, "url", b->url_text);
    json_texts(&j, "health", b->health);
    json_bool(&j, "configured", b->configured);
    json_int(&j, "sessions", b->sessions);
    json_int(&j, "connected", b->connected);
    json_texts(&j, "subscriptions", subscription_state_text(b->subscriptions.state));
    json_texts(&j, "subscription_detail", b->subscriptions.detail);
    json_close(&j, '}');
    (void)buf_adds(out, "\n");
}

/* Of the bridge as a whole: a session's is for `zapkeep status`. */
static int on_alert(void *ctx, const struct alert_row *row)
{
    if (alert_kind_scope(alert_kind_find(row->name)) == ALERT_OF_BRIDGE)
        (void)buf_addf(ctx, "%-20s alert %s: %s\n", "", row->name, row->detail);
    return 0;
}

/* @url NULL: it is not configured. */
static int add_bridge(const struct cli_state *state, const char *name, const char *driver, const char *url,
                      struct buf *out)
{
    struct bridge_row row = { 0 };
    struct bridge_line b = { .name = name, .configured = url != NULL };
    int64_t count[SESSION_STATE_N] = { 0 };
    int r = bridges_find(state->db, name, &row);

    if (r >= 0)
        r = sessions_count(state->db, name, count);
    if (r == 0)
        r = subscription_overview(state->db, name, &b.subscriptions);
    if (r != 0)
        return r;
    for (int i = 0; i < SESSION_STATE_N; i++)
        b.sessions += count[i];
    b.connected = count[SESSION_CONNECTED];
    b.driver = row.driver[0] ? row.driver : driver;
    b.version = row.version;
    b.health = row.name[0] ? bridge_health_text(row.health) : "unseen";
    (void)url_display(url ? url : "", b.url_text, sizeof b.url_text);
    print_line(state->settings, &b, out);
    if (!state->settings->json)
        r = alerts_each(state->db, name, on_alert, out);
    return r == 0 ? buf_error(out) : r;
}

/* ---- those that are configured --------------------------------------------------------------- */

static const char *key_of(const struct bridge_section *section, const char *setting, const char *otherwise)
{
    for (int i = 0; i < section->n; i++) {
        if (strcmp(section->key[i].row->name, setting) == 0)
            return section->key[i].value;
    }
    return otherwise;
}

static int add_configured(const struct cli_state *state, struct buf *out)
{
    const struct cli_settings *s = state->settings;
    int r = 0;

    if (!s->config)
        return *s->bridge.url ? add_bridge(state, s->bridge.name, s->bridge.driver, s->bridge.url, out) : 0;
    for (int i = 0; r == 0 && i < s->config->n; i++) {
        const struct bridge_section *section = s->config->at[i];

        r = add_bridge(state, section->name, key_of(section, "WHATSAPP_BRIDGE", "auto"),
                       key_of(section, "WHATSAPP_API_URL", ""), out);
    }
    return r;
}

/* ---- and those that are not ------------------------------------------------------------------ */

struct others {
    const struct cli_state *state;
    struct buf *out;
};

static int on_row(void *ctx, const struct bridge_row *row)
{
    const struct others *o = ctx;
    const struct cli_settings *s = o->state->settings;
    bool configured =
        s->config ? bridge_config_find(s->config, row->name) != NULL : strcmp(s->bridge.name, row->name) == 0;

    return configured && (s->config || *s->bridge.url)
               ? 0
               : add_bridge(o->state, row->name, row->driver, NULL, o->out);
}

static int run(const struct cli_settings *s)
{
    CLEANUP(cli_state_close) struct cli_state state = CLI_STATE_NULL;
    CLEANUP(buf_fini) struct buf out = BUF_INIT(OUT_MAX);
    struct others others = { &state, &out };
    int code = cli_state_open(s, &state);
    int r;

    if (code != EXIT_GO_ON)
        return code;
    r = add_configured(&state, &out);
    if (r == 0)
        r = bridges_each(state.db, on_row, &others);
    if (r != 0)
        return cli_state_problem(&state, r);
    (void)fputs(buf_str(&out), stdout);
    return EXIT_DONE;
}

int cmd_bridges(int argc, char *argv[])
{
    struct cli_settings s;
    int code = cli_read(cli_command_of(cmd_bridges), NULL, argc, argv, &s, NULL);

    if (code != EXIT_GO_ON)
        return code;
    code = run(&s);
    cli_free(NULL, &s);
    return code;
}
