#include "services/reconnect-worker/store.h"

#include <stdio.h>

#include "common/base/err.h"
#include "common/base/log.h"

int store_open(struct worker *w)
{
    int r;

    if (w->db)
        return 0;
    r = db_open_state(w->settings.app.data_dir, &w->db);
    if (r == 0)
        r = bridges_set_policy(w->db, w->settings.bridge.name, &w->settings.policy.policy);
    if (r != 0) {
        db_close(w->db);
        w->db = NULL;
    }
    return r;
}

int64_t store_failed(struct worker *w, int r)
{
    int64_t wait_ms = backoff_next_ms(&w->db_backoff);

    if (backoff_is_news(&w->db_backoff))
        log_error("store-failed", "state.db cannot be used; trying again", KS("error", err_text(r)),
                  KS("detail", w->db ? db_error(w->db) : ""), KI("tries", w->db_backoff.tries));
    if (w->db && db_sync_failed(w->db)) {
        db_close(w->db);
        w->db = NULL;
    }
    return wait_ms;
}

void store_works(struct worker *w)
{
    if (w->db_backoff.tries > 0)
        log_info("store-works", "state.db can be used again", KI("tries", w->db_backoff.tries));
    backoff_reset(&w->db_backoff);
}

int store_check(void *ctx, char *ret_why, size_t n)
{
    struct worker *w = ctx;

    (void)snprintf(ret_why, n, "state.db cannot be used");
    return w->db && w->db_backoff.tries == 0 ? 0 : -1;
}
