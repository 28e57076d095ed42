#include "services/cli/audit.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/ops/open_state.h"
#include "common/store/audit.h"

/* sudo names the person behind root. */
static const char *user_name(void)
{
    const char *sudo = getenv("SUDO_USER");
    const struct passwd *p = sudo && *sudo ? NULL : getpwuid(getuid());

    return p ? p->pw_name : sudo && *sudo ? sudo : "?";
}

void cli_audit(const struct cli_settings *settings, const char *action, const char *bridge,
               const char *session, bool ok, const char *detail)
{
    struct audit_row row = { .ok = ok };
    struct clock clock;
    struct db *db = NULL;
    int64_t n;

    if (getenv(CLI_AUDITED_BY))
        return;
    clock_init(&clock);
    row.at = clock.wall_ms(&clock);
    (void)snprintf(row.actor, sizeof row.actor, "cli:%s", user_name());
    str_copy(str_from(action), row.action, sizeof row.action);
    str_copy(str_from(bridge), row.bridge, sizeof row.bridge);
    str_copy(str_from(session), row.session, sizeof row.session);
    str_copy(str_from(detail), row.detail, sizeof row.detail);
    if (ops_open_state(app_store(&settings->app), &db) == 0)
        (void)audit_add(db, &row, &n);
    db_close(db);
}
