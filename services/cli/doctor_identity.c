/* Is it the same bridge as before, and is this zapkeep alone on it? As the monitor's alerts say. */
#include "common/base/mem.h"
#include "common/domain/alert_kind.h"
#include "common/ops/open_state.h"
#include "common/store/alerts.h"
#include "services/cli/doctor.h"

static int on_alert(void *ctx, const struct alert_row *row)
{
    struct finding *f = ctx;

    switch (alert_kind_find(row->name)) {
    case ALERT_BRIDGE_CHANGED:
        finding_set(f, FINDING_BAD, alert_kind_detail(ALERT_BRIDGE_CHANGED), "%s", row->detail);
        return 1;
    case ALERT_BRIDGE_TWO_STACKS:
        finding_set(f, FINDING_WARN, alert_kind_detail(ALERT_BRIDGE_TWO_STACKS), "%s", row->detail);
        return 0;
    default:
        return 0;
    }
}

void doctor_identity(struct doctor *d, struct finding *f)
{
    struct db *db = NULL;
    int r = ops_open_state(app_store(&d->settings.cli.app), &db);

    finding_set(f, FINDING_OK, "", "the monitor sees the same bridge as before, and no other zapkeep on it");
    if (r == 0)
        r = alerts_each(db, d->settings.cli.bridge.name, on_alert, f);
    db_close(db);
    if (r < 0)
        finding_set(f, FINDING_SKIP, "", "the state cannot be read: the check \"state\" says why");
}
