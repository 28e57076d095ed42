/* The webhook subscriptions of a bridge: checked now, or set again. */
#include <errno.h>

#include "common/base/err.h"
#include "common/base/mem.h"
#include "services/console/bridge_checks.h"
#include "services/console/handlers.h"

static void start(struct exchange *e, bool repair)
{
    const char *bridge = e->param[0];
    int r;

    if (!text_is_id(str_from(bridge))) {
        exchange_error(e, 404, "not_found", "there is no such bridge");
        return;
    }
    r = bridge_checks_start(e->c->checks, e, bridge, repair);
    if (r == -EALREADY)
        exchange_error(e, 429, "busy", "bridge %s is being checked now; wait for its end", bridge);
    else if (r == -EBUSY)
        exchange_error(e, 429, "busy", "%d bridges are being checked now; wait for the end of one",
                       BRIDGE_CHECKS_MAX);
    else if (r != 0)
        exchange_error(e, 503, "no_program", "the program zapkeep cannot be run: %s; set ZAPKEEP_CONSOLE_CLI",
                       err_text(r));
}

void handle_bridge_check(struct exchange *e)
{
    start(e, false);
}

void handle_bridge_repair(struct exchange *e)
{
    start(e, true);
}
