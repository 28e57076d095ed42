/*
 * The position in the log is written in the same transaction as the counts, so that each event counts once.
 */
#include "services/console/counts.h"

#include <errno.h>
#include <string.h>

#include "common/app/consumer.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/store/message_counts.h"
#include "common/store/sessions.h"
#include "services/console/live.h"
#include "services/console/stores.h"

#define MINUTE_MS (60 * 1000LL)
#define MINUTES   60
#define FLUSH_MS  MINUTE_MS
/* Sessions with events that are not written yet; more are written sooner. 220 bytes each. */
#define PENDING_MAX 4096
/* Events before the start that are read again for the minutes of all sessions: three minutes of a hundred a second. */
#define RECENT_MAX 20000
/* The history is measured once an hour, and rows that are too old or too many go in slices of a few ms, with time for requests
 * between them. */
#define MEASURE_MS     (60 * MINUTE_MS)
#define SLICE_ROWS     500
#define SLICE_PAUSE_MS 50

struct minute {
    int64_t at, received, events;
};
struct pending {
    char bridge[SESSIONS_ID_MAX], session[SESSIONS_ID_MAX];
    struct message_count count;
};

struct counts {
    const struct console_context *c;
    struct consumer *consumer;
    struct timer *timer, *pruning;
    struct minute minute[MINUTES];
    struct pending *pending;
    int n;
    int64_t position, written; /* seq */
    int64_t known;             /* the position in state.db when we wrote or saw it last */
    bool failing;
    int64_t measured_at; /* loop ms */
    int64_t changes_until, counts_below;
    int64_t
        counted; /* up to here another run has counted for sessions; the minutes of all are counted again */
};

/* ---- in memory ------------------------------------------------------------------------------- */

static void count_minute(struct counts *x, int64_t at, bool received)
{
    int64_t begin = at - at % MINUTE_MS;
    struct minute *m = &x->minute[(begin / MINUTE_MS) % MINUTES];

    if (m->at > begin)
        return; /* of the hour before */
    if (m->at != begin)
        *m = (struct minute){ .at = begin };
    m->events++;
    m->received += received;
}

void counts_write_rate(const struct counts *x, int64_t now_ms, struct json_out *j)
{
    int64_t last = now_ms - now_ms % MINUTE_MS;

    json_open(j, "rate", '[');
    for (int64_t at = last - (MINUTES - 1) * MINUTE_MS; at <= last; at += MINUTE_MS) {
        const struct minute *m = &x->minute[(at / MINUTE_MS) % MINUTES];

        json_open(j, NULL, '{');
        json_int(j, "at", at);
        json_int(j, "received", m->at == at ? m->received : 0);
        json_int(j, "events", m->at == at ? m->events : 0);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static struct pending *pending_of(struct counts *x, const struct event *e, int64_t hour)
{
    struct pending *p;

    for (int i = x->n - 1; i >= 0; i--) { /* the newest first: events of a session come in bursts */
        if (x->pending[i].count.hour == hour && str_eq(e->session, x->pending[i].session) &&
            str_eq(e->bridge, x->pending[i].bridge))
            return &x->pending[i];
    }
    p = &x->pending[x->n++];
    *p = (struct pending){ .count.hour = hour };
    str_copy(e->bridge, p->bridge, sizeof p->bridge);
    str_copy(e->session, p->session, sizeof p->session);
    return p;
}

static void flush(struct counts *x);

static void count_event(struct counts *x, const struct event *e)
{
    bool received = str_eq(e->type, "message.received");
    int64_t hour = e->at - e->at % MESSAGE_COUNTS_HOUR_MS;
    struct pending *p;
    uint16_t *minute;

    count_minute(x, e->at, received);
    if (e->session.n == 0 || e->session.n >= SESSIONS_ID_MAX || e->bridge.n >= SESSIONS_ID_MAX)
        return;
    if (x->n == PENDING_MAX)
        flush(x);
    if (x->n == PENDING_MAX)
        return; /* state.db cannot be written: these are not counted */
    p = pending_of(x, e, hour);
    p->count.events++;
    p->count.received += received;
    minute = &p->count.minute[(e->at - hour) / MINUTE_MS];
    if (received && *minute < UINT16_MAX)
        (*minute)++;
}

/* ---- into state.db --------------------------------------------------------------------------- */

static int write_all(struct counts *x, struct db *db)
{
    int64_t position = 0;
    int r = db_begin(db);

    if (r == 0)
        r = message_counts_position(db, &position);
    if (r == 0 && position != x->known) { /* another console counts the same events: it goes on */
        db_rollback(db);
        x->known = position;
        return 0;
    }
    for (int i = 0; r == 0 && i < x->n; i++)
        r = message_counts_add(db, x->pending[i].bridge, x->pending[i].session, &x->pending[i].count);
    if (r == 0)
        r = message_counts_set_position(db, x->position);
    if (r == 0)
        r = db_commit(db);
    else
        db_rollback(db);
    x->known = r == 0 ? x->position : x->known;
    return r;
}

static void flush(struct counts *x)
{
    struct db *db;
    int r;

    if (x->position == x->written && x->n == 0)
        return;
    r = stores_state(x->c->stores, &db);
    if (r == 0)
        r = write_all(x, db);
    if (r == 0) {
        x->n = 0;
        x->written = x->position;
    } else if (!x->failing) {
        log_warn("counts-not-written", "messages could not be counted in the state; trying again",
                 KS("error", err_text(r)));
    }
    x->failing = r != 0;
}

/* ---- rows that are too old or too many ------------------------------------------------------- */

static int measure(struct counts *x, struct db *db)
{
    int64_t now = stores_wall_ms(x->c->stores), half = x->c->settings->history_bytes / 2;
    int r = sessions_changes_limit(db, now, half, &x->changes_until);

    if (r == 0)
        r = message_counts_limit(db, now, half, &x->counts_below);
    x->measured_at = loop_now_ms(app_loop(x->c->app));
    return r;
}

/* One slice of each; comes again while there is more. */
static void on_prune(void *ctx)
{
    struct counts *x = ctx;
    struct db *db;
    int64_t changes = 0, counts = 0;
    int r = stores_state(x->c->stores, &db);

    if (r == 0)
        r = sessions_prune_changes(db, x->changes_until, SLICE_ROWS, &changes);
    if (r == 0)
        r = message_counts_prune(db, x->counts_below, SLICE_ROWS, &counts);
    if (r == 0 && changes + counts > 0)
        timer_start(x->pruning, SLICE_PAUSE_MS);
}

static void prune_sometimes(struct counts *x)
{
    struct db *db;

    if (x->measured_at && loop_now_ms(app_loop(x->c->app)) - x->measured_at < MEASURE_MS)
        return;
    if (stores_state(x->c->stores, &db) == 0 && measure(x, db) == 0)
        timer_start(x->pruning, SLICE_PAUSE_MS);
}

static void on_timer(void *ctx)
{
    struct counts *x = ctx;

    flush(x);
    prune_sometimes(x);
    timer_start(x->timer, FLUSH_MS);
}

/* ---- the log --------------------------------------------------------------------------------- */

static int on_batch(void *ctx, const struct event_rows *rows)
{
    struct counts *x = ctx;

    struct event_rows news = *rows;

    while (news.n > 0 && news.rows[0].seq <= x->counted) {
        count_minute(x, news.rows[0].at, str_eq(news.rows[0].type, "message.received"));
        news.rows++;
        news.n--;
    }
    for (int i = 0; i < news.n; i++)
        count_event(x, &news.rows[i]);
    if (rows->next_seq - 1 > x->position)
        x->position = rows->next_seq - 1;
    if (news.n > 0 || rows->n == 0)
        live_events(x->c->live, &news);
    return CONSUMER_MORE;
}

/* Where to begin: behind the events that are counted. An hour at most, so that a start after weeks reads no weeks.
 * *ret_recent: where the minutes of all sessions begin, which are in memory alone. */
static int64_t find_start(const struct console_context *c, int64_t *ret_counted, int64_t *ret_recent)
{
    struct event_reader *log;
    struct db *db;
    int64_t counted = 0, hour_ago = 0, oldest = 0, head = 0;

    if (stores_state(c->stores, &db) != 0 || message_counts_position(db, &counted) != 0 ||
        stores_log(c->stores, &log) != 0 || event_bounds(log, &oldest, &head) != 0 ||
        event_seq_at(log, stores_wall_ms(c->stores) - MESSAGE_COUNTS_HOUR_MS, &hour_ago) != 0)
        return 0;
    *ret_counted = counted;
    if (counted > head) /* of another log */
        counted = 0;
    if (counted < hour_ago - 1)
        counted = hour_ago - 1;
    *ret_recent = counted - RECENT_MAX > hour_ago - 1 ? counted - RECENT_MAX : hour_ago - 1;
    return counted;
}

static bool may_read(void *ctx)
{
    const struct counts *x = ctx;

    return !stores_are_away(x->c->stores);
}

int counts_open(const struct console_context *c, struct counts **ret)
{
    struct counts *x = mem_zalloc(sizeof *x);
    int64_t known = 0, recent = 0, counted = find_start(c, &known, &recent);
    const struct consumer_options o = { .dir = app_store(&c->settings->app),
                                        .after_seq = recent,
                                        .bus_out = app_bus(&c->settings->app),
                                        .may_read = may_read };
    int r = x ? 0 : -ENOMEM;

    if (r == 0) {
        x->c = c;
        x->position = x->written = x->counted = counted;
        x->known = known;
        x->pending = mem_alloc(PENDING_MAX * sizeof *x->pending);
        r = x->pending ? 0 : -ENOMEM;
    }
    if (r == 0)
        r = timer_open(app_loop(c->app), on_timer, x, &x->timer);
    if (r == 0)
        r = timer_open(app_loop(c->app), on_prune, x, &x->pruning);
    if (r == 0)
        r = consumer_open(c->app, &o, on_batch, NULL, x, &x->consumer);
    if (r != 0) {
        counts_close(x);
        return r;
    }
    timer_start(x->timer, FLUSH_MS);
    *ret = x;
    return 0;
}

void counts_close(struct counts *x)
{
    if (!x)
        return;
    if (x->timer && x->consumer)
        flush(x);
    consumer_close(x->consumer);
    timer_close(x->timer);
    timer_close(x->pruning);
    mem_free(x->pending);
    mem_free(x);
}
