#include "services/monitor/unwatched.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/store/alerts.h"
#include "common/store/bridges.h"
#include "services/monitor/alert_end.h"
#include "services/monitor/alert_rules.h"

struct marking {
    const struct monitor_context *m;
    const struct bridge_set *set;
    struct buf names; /* of the rows to change, each with its NUL: a row is not written while rows are read */
    struct buf alerts; /* struct alert_row, one after the other */
};

static int on_row(void *ctx, const struct bridge_row *row)
{
    struct marking *k = ctx;
    bool configured = bridge_set_find(k->set, str_from(row->name)) >= 0;

    if (configured == (row->unwatched_since == 0))
        return 0;
    return buf_add(&k->names, row->name, strlen(row->name) + 1);
}

static int on_alert(void *ctx, const struct alert_row *row)
{
    struct marking *k = ctx;

    if (alert_kind_raiser(alert_kind_find(row->name)) == ALERT_BY_INGEST)
        return 0; /* as true as before */
    return buf_add(&k->alerts, row, sizeof *row);
}

static int resolve_one(struct marking *k, const struct alert_row *row, int64_t now_wall)
{
    char detail[ALERTS_DETAIL_MAX];

    (void)snprintf(detail, sizeof detail, "bridge %s is not configured any more", row->bridge);
    return alert_end(k->m->db, row, detail, now_wall);
}

static int resolve_alerts(struct marking *k, const char *bridge, int64_t now_wall)
{
    int r;

    buf_reset(&k->alerts);
    r = alerts_each(k->m->db, bridge, on_alert, k);
    for (size_t at = 0; r == 0 && at < k->alerts.len; at += sizeof(struct alert_row)) {
        struct alert_row row;

        memcpy(&row, k->alerts.data + at, sizeof row);
        r = resolve_one(k, &row, now_wall);
    }
    return r;
}

static int mark_all(struct marking *k)
{
    int64_t now = times_wall(&k->m->times);
    int r = bridges_each(k->m->db, on_row, k);

    for (size_t at = 0; r == 0 && at < k->names.len; at += strlen(k->names.data + at) + 1) {
        const char *name = k->names.data + at;
        bool configured = bridge_set_find(k->set, str_from(name)) >= 0;

        r = bridges_set_unwatched(k->m->db, name, configured ? 0 : now);
        if (r == 0 && !configured)
            r = resolve_alerts(k, name, now);
        if (r == 0 && !configured)
            log_info("bridge-removed",
                     "the bridge is not configured any more; nothing is done for its sessions",
                     KS("bridge", name));
    }
    return r;
}

int unwatched_mark(const struct monitor_context *m, const struct bridge_set *set)
{
    struct marking k = {
        .m = m, .set = set, .names = BUF_INIT(1024 * 1024), .alerts = BUF_INIT(SIZE_MAX / 2)
    };
    int r = context_begin(m);

    if (r == 0)
        r = mark_all(&k);
    if (r == 0)
        r = db_commit(m->db);
    if (r != 0)
        db_rollback(m->db);
    buf_fini(&k.names);
    buf_fini(&k.alerts);
    return r;
}
