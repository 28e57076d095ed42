#include "services/webhook-ingest/disk_alert.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/app/state_store.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/domain/alert_kind.h"
#include "common/store/alerts.h"
#include "common/store/store.h"
#include "services/webhook-ingest/alert_write.h"

/* Files shrink and grow around the limit: it has ended when nothing gave way for so long. */
#define ENDS_AFTER_MS (10 * 60 * 1000)
/* Is the row still there? Another program may have resolved it while this one was paused. */
#define LOOK_MS (60 * 1000)

struct disk_alert {
    struct app *app;
    struct state_store state;
    _Atomic bool over;
    bool raised; /* as the state has it */
    bool logged;
    int64_t over_ms;  /* boot ms when it was over last, 0: never */
    int64_t again_ms; /* boot ms before which the state is left alone */
    int64_t look_ms;  /* boot ms of the next look whether the row is there */
    int64_t since;    /* wall ms */
};

#define OVER                                                                                                 \
    "the stores are beyond ZAPKEEP_DISK_SIZE: the oldest deduplication keys go early (a webhook that is"     \
    " repeated after more than an hour may be stored twice), then the oldest events, also unread ones; make" \
    " the limit larger or the retention shorter"
#define WITHIN "the stores are within ZAPKEEP_DISK_SIZE again"

static void log_change(struct disk_alert *d, bool over)
{
    if (over == d->logged)
        return;
    d->logged = over;
    if (over)
        log_error("disk-limit", OVER);
    else
        log_info("disk-limit-ends", WITHIN);
}

/* Returns 0 or -errno. */
static int write_alert(struct disk_alert *d, bool firing, int64_t now_wall)
{
    struct alert_row row = { .since = d->since };

    (void)snprintf(row.name, sizeof row.name, "%s", alert_kind_text(ALERT_DISK_LIMIT));
    (void)snprintf(row.detail, sizeof row.detail, "%s", firing ? OVER : WITHIN);
    return alert_write(&d->state, &row, firing, now_wall);
}

void disk_alert_note(struct disk_alert *d, bool over)
{
    d->over = over;
}

/* ---- the row --------------------------------------------------------------------------------- */

static int on_row(void *ctx, const struct alert_row *row)
{
    struct disk_alert *d = ctx;

    if (strcmp(row->name, alert_kind_text(ALERT_DISK_LIMIT)) != 0)
        return 0;
    d->raised = true;
    d->since = row->since;
    return 0;
}

/* An earlier run may have raised it: the limit was made larger since. Returns false: the state cannot be read. */
static bool load(struct disk_alert *d)
{
    struct db *db = NULL;
    int r = db_open_state_reader(d->state.dir, &db);

    if (r == 0)
        r = alerts_each(db, "", on_row, d);
    db_close(db);
    return r == 0;
}

/* An alert that should be on and has no row any more is raised again. */
static void look(struct disk_alert *d, int64_t now)
{
    struct disk_alert there = { .state = d->state };

    if (!d->raised || now < d->look_ms)
        return;
    d->look_ms = now + LOOK_MS;
    d->raised = !load(&there) || there.raised;
}

void disk_alert_second(struct disk_alert *d)
{
    struct clock *clock = app_clock(d->app);
    int64_t now = clock->boot_ms(clock);
    int64_t wait;
    bool wanted;

    if (d->over)
        d->over_ms = now;
    wanted = d->over_ms > 0 && now - d->over_ms < ENDS_AFTER_MS;
    log_change(d, wanted);
    look(d, now);
    if (wanted == d->raised || now < d->again_ms)
        return;
    d->since = wanted ? clock->wall_ms(clock) : d->since;
    wait = state_store_result(&d->state, write_alert(d, wanted, clock->wall_ms(clock)));
    alert_write_done(&d->state);
    d->again_ms = wait > 0 ? now + wait : 0;
    if (wait == 0) {
        d->raised = wanted;
        d->look_ms = now + LOOK_MS;
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

int disk_alert_open(struct app *app, const char *store, struct disk_alert **ret)
{
    struct disk_alert *d = mem_zalloc(sizeof *d);

    if (!d)
        return -ENOMEM;
    d->app = app;
    d->state = STATE_STORE(store, "an alert about the disk limit is raised later");
    (void)load(d);
    *ret = d;
    return 0;
}

void disk_alert_close(struct disk_alert *d)
{
    if (!d)
        return;
    state_store_close(&d->state);
    mem_free(d);
}
