#include "services/monitor/store_status.h"

#include <errno.h>

#include "common/base/err.h"
#include "common/base/log.h"
#include "services/monitor/metrics.h"

void store_status_written(struct store_status *s, int r)
{
    bool failing = r != 0;

    if (failing)
        metrics_commit_failed();
    if (failing && db_sync_failed(s->db))
        s->on_sync_failed(s->ctx);
    else if (!failing)
        s->on_written(s->ctx);
    if (failing == s->failing)
        return;
    s->failing = failing;
    if (r == -ENOTCONN) /* store_outage.c says it when it cannot be opened anew */
        return;
    if (failing)
        log_error("state-write-failed", "cannot write to the state; will retry on the next sweep",
                  KS("error", err_text(r)), KS("detail", db_error(s->db)));
    else
        log_info("state-writable", "the state can be written again");
}
