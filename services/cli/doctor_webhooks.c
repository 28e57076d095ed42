/* The webhook subscriptions at the bridge, as the monitor or `zapkeep bridge check` found them last. */
#include <stdio.h>

#include "common/base/mem.h"
#include "common/ops/open_state.h"
#include "common/ops/subscription.h"
#include "services/cli/doctor.h"

static void decide(const struct doctor *d, const struct subscription_overview *o, struct finding *f)
{
    char text[BRIDGES_DETAIL_MAX], age[32];

    (void)text_age(d->clock.wall_ms((struct clock *)&d->clock) - o->checked_at, age, sizeof age);
    switch (o->state) {
    case SUBSCRIPTION_DRIFTED:
        finding_set(
            f, FINDING_WARN,
            "`zapkeep bridge check --repair` sets it again; WEBHOOK_REPAIR=yes lets the monitor do it",
            "the webhook subscription is not what it should be: %s",
            subscription_drift_text(o, text, sizeof text));
        break;
    case SUBSCRIPTION_NONE:
        finding_set(f, FINDING_NOTE, "if its webhooks do not arrive: `zapkeep bridge check --repair`",
                    "session %s: %s", o->session, o->detail);
        break;
    case SUBSCRIPTION_RIGHT:
        finding_set(f, FINDING_OK, "", "%lld subscriptions are what they should be, seen %s ago",
                    (long long)o->n[SUBSCRIPTION_RIGHT], age);
        break;
    default:
        finding_set(f, FINDING_NOTE, "", "the webhook subscription is not known: %s", o->detail);
    }
}

static bool is_empty(const struct subscription_overview *o)
{
    for (int i = 0; i < SUBSCRIPTION_STATE_N; i++)
        if (o->n[i] > 0)
            return false;
    return true;
}

void doctor_webhooks(struct doctor *d, struct finding *f)
{
    const struct bridge_driver *driver = d->bridge.driver;
    struct subscription_overview all;
    struct db *db = NULL;
    int r = ops_open_state(app_store(&d->settings.cli.app), &db);

    if (r == 0)
        r = subscription_overview(db, d->settings.cli.bridge.name, &all);
    db_close(db);
    if (driver && driver->unreadable)
        finding_set(f, FINDING_NOTE, "", "the webhook subscription is not known: %s", driver->unreadable);
    else if (r != 0 || is_empty(&all))
        finding_set(f, FINDING_SKIP, "", "not read yet: `zapkeep bridge check` does it at once");
    else
        decide(d, &all, f);
}
