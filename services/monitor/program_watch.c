#include "services/monitor/program_watch.h"

#include <errno.h>
#include <string.h>

#include "common/app/heartbeat.h"
#include "common/base/mem.h"
#include "common/store/programs.h"

/* The first time; programs that are started together have written theirs by then, or wrote none at all. */
#define FIRST_MS 1000
/* The rows of a database are read so often, for each time is a transaction; so often a sign is given, too. */
#define LEASES_BETWEEN 3

static const struct {
    enum alert_kind alert;
    const char *service, *kind; /* in the folder, in a database */
} programs[] = {
    { ALERT_INGEST_DEAD, "webhook-ingest", "ingest" },
    { ALERT_WORKERS_DEAD, "reconnect-worker", "worker" },
    { ALERT_FORWARDER_DEAD, "forwarder", "forward" },
    { ALERT_HUB_DEAD, "bus-hub", "" },
};
#define PROGRAMS_N ARRAY_LEN(programs)

/* What the rows say of a program: one of that kind is alive, one is dead. */
struct rows {
    bool alive[PROGRAMS_N], dead[PROGRAMS_N];
};

struct program_watch {
    const struct monitor_context *m;
    struct bridge_status *status;
    struct change_batch *batch;
    struct timer *timer;
    bool on;
    struct rows rows;
    int64_t next_rows_ms; /* boot time */
};

static int on_row(void *ctx, const struct program_row *row)
{
    struct rows *rows = ctx;

    for (size_t i = 0; !*row->role && i < PROGRAMS_N; i++) {
        if (strcmp(row->kind, programs[i].kind) != 0)
            continue;
        rows->alive[i] = rows->alive[i] || row->life == PROGRAM_ALIVE;
        rows->dead[i] = rows->dead[i] || row->life == PROGRAM_DEAD;
    }
    return 0;
}

/* A read that fails leaves what is known. */
static void read_rows(struct program_watch *w)
{
    struct rows rows = { 0 };

    if (app_boot_ms(w->m->app) < w->next_rows_ms)
        return;
    if (programs_each(w->m->db, on_row, &rows) != 0)
        return;
    w->rows = rows;
    w->next_rows_ms = app_boot_ms(w->m->app) + LEASES_BETWEEN * store_role_lease_ms();
}

/* None of that name lives, on this machine or on another one, and one has died. */
static bool is_dead(const struct program_watch *w, size_t i)
{
    const struct monitor_context *m = w->m;
    enum heartbeat_state here =
        heartbeat_find(m->settings->app.data_dir, programs[i].service, app_clock(m->app), NULL);

    if (here == HEARTBEAT_ALIVE || w->rows.alive[i])
        return false;
    return here == HEARTBEAT_DEAD || w->rows.dead[i];
}

/* Returns true when something has changed. */
static bool find_dead(struct program_watch *w)
{
    bool changed = false;

    read_rows(w);
    for (size_t i = 0; i < PROGRAMS_N; i++) {
        bool *dead = &w->status->dead[programs[i].alert];
        bool is = is_dead(w, i);

        changed = changed || is != *dead;
        *dead = is;
    }
    return changed;
}

static void on_timer(void *ctx)
{
    struct program_watch *w = ctx;

    timer_start(w->timer, HEARTBEAT_MS);
    if (find_dead(w))
        (void)change_batch_commit(w->batch, 0);
}

void program_watch_set(struct program_watch *w, bool on)
{
    if (on && !w->on)
        timer_start(w->timer, FIRST_MS);
    if (!on) {
        timer_stop(w->timer);
        memset(w->status->dead, 0, sizeof w->status->dead);
    }
    w->on = on;
}

int program_watch_open(const struct monitor_context *m, struct bridge_status *status,
                       struct change_batch *batch, struct program_watch **ret)
{
    struct program_watch *w = mem_zalloc(sizeof *w);
    int r;

    if (!w)
        return -ENOMEM;
    w->m = m;
    w->status = status;
    w->batch = batch;
    r = timer_open(app_loop(m->app), on_timer, w, &w->timer);
    if (r != 0) {
        program_watch_close(w);
        return r;
    }
    *ret = w;
    return 0;
}

void program_watch_close(struct program_watch *w)
{
    if (!w)
        return;
    timer_close(w->timer);
    mem_free(w);
}
