#include "services/console/bridges_json.h"

#include "common/app/bridge_set.h"
#include "common/app/webhook_url.h"
#include "common/base/mem.h"
#include "common/ops/subscription.h"
#include "services/console/state_json.h"
#include "services/console/stores.h"

/* The services that work with them have checked them. */
static int check_nothing(void *settings, struct buf *problem)
{
    return 0;
}

static const struct bridge_set_spec spec = { .table = console_settings_table,
                                             .bytes = sizeof(struct console_settings),
                                             .bridge_at = offsetof(struct console_settings, bridge),
                                             .check = check_nothing };

static void on_setting(void *ctx, const char *name, const char *value, bool is_default)
{
    struct json_out *j = ctx;

    json_open(j, NULL, '{');
    json_texts(j, "name", name);
    json_texts(j, "value", value);
    json_bool(j, "is_default", is_default);
    json_close(j, '}');
}

/* @read: the overview has no use for it, and there are as many rows as sessions. */
static void write_subscription(const struct exchange *e, const struct console_settings *s, const char *bridge,
                               bool read, struct json_out *j)
{
    struct subscription_overview o = { .state = SUBSCRIPTION_UNKNOWN };
    char url[SETTINGS_VALUE_MAX] = "", shown[SUBSCRIPTION_TEXT_MAX];
    struct db *db;

    if (read && stores_state(e->c->stores, &db) == 0)
        (void)subscription_overview(db, bridge, &o);
    if (s)
        webhook_url(s->webhook_url, s->ingest_listen, &s->bridge, url, sizeof url);
    json_open(j, "subscription", '{');
    json_texts(j, "state", subscription_state_text(o.state));
    json_texts(j, "expected", *url ? subscription_show_url(url, shown, sizeof shown) : "");
    json_texts(j, "found", o.found);
    json_texts(j, "detail", o.detail);
    json_texts(j, "session", o.session);
    json_int(j, "drifted", o.n[SUBSCRIPTION_DRIFTED] + o.n[SUBSCRIPTION_NONE]);
    json_int(j, "checked_at", o.checked_at);
    json_close(j, '}');
}

/* The settings of one bridge; NULL: it is not configured any more. */
static const struct console_settings *settings_of(const struct exchange *e, const struct bridge_set *set,
                                                  const char *bridge)
{
    int i = set->spec ? bridge_set_find(set, str_from(bridge)) : -1;

    if (i >= 0)
        return set->settings[i];
    return *e->c->settings->bridge.file ? NULL : e->c->settings;
}

void bridges_json(const struct exchange *e, const struct overview *o, bool settings, struct json_out *j)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    CLEANUP(bridge_set_fini) struct bridge_set set = { 0 };

    if (settings && bridge_set_read(&spec, e->c->settings, &problem, &set) != 0)
        set = (struct bridge_set){ 0 }; /* an error in the file: the services have logged it */
    json_open(j, "bridges", '[');
    for (int i = 0; i < o->bridges; i++) {
        const struct console_settings *s = settings_of(e, &set, o->bridge[i].row.name);

        json_open(j, NULL, '{');
        state_json_bridge(j, &o->bridge[i]);
        json_open(j, "settings", '[');
        if (settings && s)
            settings_each(bridge_settings_table, &s->bridge, on_setting, j);
        json_close(j, ']');
        write_subscription(e, s, o->bridge[i].row.name, settings, j);
        json_close(j, '}');
    }
    json_close(j, ']');
}
