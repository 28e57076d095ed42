#include "services/monitor/alert_sender.h"

#include <errno.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/io/http_client.h"
#include "common/store/store.h"
#include "services/monitor/metrics.h"
#include "services/monitor/sink_queue.h"

/* Alerts of other programs, as the forwarder, come without a word; quiet hours end, alerts are repeated. */
#define LOOK_MS 2000
/* With a database each look is a transaction of a stack that is idle otherwise, and ALERT_HOLD is longer. */
#define LOOK_SERVER_MS 5000
/* The answer of a heartbeat is of no interest. */
#define BEAT_TIMEOUT_MS       10000
#define BEAT_ANSWER_BYTES_MAX (64 * 1024)
/* Heartbeats are at least this share of their interval apart: sweeps do not end on the dot. */
#define BEAT_SHARE(ms) ((ms)*3 / 4)

struct alert_sender {
    const struct monitor_context *m;
    const struct alert_sender_options *o;
    struct sink_queue *queue[SINKS_MAX];
    int n;
    struct timer *look;
    int64_t repeated_at;        /* wall ms up to which repeats were made */
    struct http_client *client; /* of the heartbeat */
    int64_t beat_at_ms;         /* boot ms, 0: never */
    bool beating, beat_failed, closing;
};

static int64_t wall_ms(const struct alert_sender *p)
{
    return app_wall_ms(p->m->app);
}

/* ---- from the notes for all to those of each sink --------------------------------------------- */

static void log_dropped(int64_t dropped)
{
    if (dropped > 0)
        log_warn("alerts-dropped", "a sink stayed away too long: its oldest alerts are dropped",
                 KI("alerts", dropped));
}

static int distribute(struct alert_sender *p, const struct alert_note *note, int64_t *ret_dropped)
{
    int r = 0;

    for (int i = 0; r == 0 && i < p->n; i++)
        r = sink_queue_take(p->queue[i], note, ret_dropped);
    return r == 0 ? alerts_sent(p->m->db, ALERTS_SINK_ALL, note->n) : r;
}

/* Each note in a transaction of its own is soon enough: there are few. */
static int distribute_next(struct alert_sender *p, bool *ret_more)
{
    struct alert_note note;
    int64_t dropped = 0;
    int n = 0;
    int r = alerts_read(p->m->db, ALERTS_SINK_ALL, &note, 1, &n);

    *ret_more = r == 0 && n > 0;
    if (!*ret_more)
        return r;
    r = context_begin(p->m);
    if (r == 0)
        r = distribute(p, &note, &dropped);
    if (r == 0)
        r = db_commit(p->m->db);
    db_rollback(p->m->db);
    if (r == 0)
        log_dropped(dropped);
    return r;
}

void alert_sender_kick(struct alert_sender *p)
{
    bool more = true;

    while (more && distribute_next(p, &more) == 0)
        ;
    for (int i = 0; i < p->n; i++)
        sink_queue_kick(p->queue[i]);
}

/* ---- repeats, and the end of quiet hours ------------------------------------------------------ */

struct repeating {
    struct alert_row *rows; /* that are on; owned */
    int n, cap;
};

/* Rows are read first: nothing is written while they are. */
static int on_row(void *ctx, const struct alert_row *row)
{
    struct repeating *e = ctx;
    int cap = e->cap ? e->cap * 2 : 16;
    struct alert_row *more;

    if (row->grouped)
        return 0;
    if (e->n == e->cap) {
        more = mem_realloc(e->rows, (size_t)cap * sizeof *more);
        if (!more)
            return -ENOMEM;
        e->rows = more;
        e->cap = cap;
    }
    e->rows[e->n++] = *row;
    return 0;
}

static bool any_repeats(const struct alert_sender *p)
{
    for (int i = 0; i < p->n; i++) {
        if (sink_queue_repeats(p->queue[i]))
            return true;
    }
    return false;
}

static int repeat(struct alert_sender *p, int64_t now)
{
    struct repeating e = { 0 };
    int64_t dropped = 0;
    int r = any_repeats(p) ? alerts_each(p->m->db, NULL, on_row, &e) : 0;

    for (int i = 0; i < e.n; i++)
        for (int k = 0; r == 0 && k < p->n; k++)
            r = sink_queue_repeat(p->queue[k], &e.rows[i], p->repeated_at, &dropped);
    mem_free(e.rows);
    if (r == 0)
        p->repeated_at = now;
    return r;
}

static int release(struct alert_sender *p)
{
    int r = 0;

    for (int i = 0; r == 0 && i < p->n; i++)
        r = sink_queue_release(p->queue[i]);
    return r;
}

static int64_t look_ms(const struct alert_sender *p)
{
    return store_is_server(app_store(&p->m->settings->app)) ? LOOK_SERVER_MS : LOOK_MS;
}

static void on_look(void *ctx)
{
    struct alert_sender *p = ctx;

    timer_start(p->look, look_ms(p));
    (void)repeat(p, wall_ms(p)); /* a failure is made good the next time */
    (void)release(p);
    alert_sender_kick(p);
}

/* ---- the heartbeat --------------------------------------------------------------------------- */

static void on_beat(void *ctx, const struct http_answer *a)
{
    struct alert_sender *p = ctx;
    bool failed = a->status / 100 != 2;

    if (p->closing)
        return;
    p->beating = false;
    if (failed)
        p->beat_at_ms = 0; /* with the next sweep again */
    if (failed && !p->beat_failed)
        log_warn("heartbeat-failed", "HEARTBEAT_URL cannot be reached or refuses",
                 KI("http_status", a->status), KS("error", a->error ? http_error_text(a->error) : ""));
    p->beat_failed = failed;
    metrics_beat(!failed);
}

void alert_sender_heartbeat(struct alert_sender *p)
{
    struct clock *clock = app_clock(p->m->app);
    int64_t now_ms = clock->boot_ms(clock);
    const struct http_request req = { .method = "GET",
                                      .url = p->o->heartbeat_url,
                                      .timeout_ms = BEAT_TIMEOUT_MS,
                                      .answer_bytes_max = BEAT_ANSWER_BYTES_MAX };

    if (!p->o->heartbeat_url[0] || p->beating)
        return;
    if (p->beat_at_ms > 0 && now_ms - p->beat_at_ms < BEAT_SHARE(p->o->heartbeat_ms))
        return;
    if (http_call(p->client, &req, on_beat, p, NULL) != 0)
        return;
    p->beating = true;
    p->beat_at_ms = now_ms;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Notes of a sink that is not set any more. */
static int on_left(void *ctx, const char *sink)
{
    const struct alert_sender *p = ctx;

    for (int i = 0; i < p->n; i++) {
        if (sink_queue_has(p->queue[i], sink))
            return 0;
    }
    return strcmp(sink, ALERTS_SINK_ALL) == 0 ? 0 : alerts_forget_sink(p->m->db, sink);
}

static int open_queues(struct alert_sender *p)
{
    int r = 0;

    for (int i = 0; r == 0 && i < p->o->sinks->n; i++) {
        r = sink_queue_open(p->m, p->o->sinks->at[i], p->o->console_url, &p->queue[i]);
        p->n += r == 0;
    }
    if (r == 0 && context_act(p->m) == 0)
        (void)alerts_sinks_each(p->m->db, on_left, p); /* with the next start again */
    return r;
}

static void close_queues(struct alert_sender *p)
{
    while (p->n > 0)
        sink_queue_close(p->queue[--p->n]);
}

void alert_sender_suspend(struct alert_sender *p)
{
    close_queues(p);
}

int alert_sender_resume(struct alert_sender *p)
{
    int r = open_queues(p);

    alert_sender_kick(p);
    return r;
}

int alert_sender_open(const struct monitor_context *m, const struct alert_sender_options *o,
                      struct alert_sender **ret)
{
    struct alert_sender *p = mem_zalloc(sizeof *p);
    int r;

    if (!p)
        return -ENOMEM;
    *p = (struct alert_sender){ .m = m, .o = o };
    p->repeated_at = wall_ms(p);
    r = http_client_open(app_loop(m->app), 1, &p->client);
    if (r == 0)
        r = open_queues(p);
    if (r == 0)
        r = timer_open(app_loop(m->app), on_look, p, &p->look);
    if (r != 0) {
        alert_sender_close(p);
        return r;
    }
    *ret = p;
    timer_start(p->look, look_ms(p));
    alert_sender_kick(p);
    return 0;
}

void alert_sender_close(struct alert_sender *p)
{
    if (!p)
        return;
    p->closing = true;
    http_client_close(p->client);
    if (p->look)
        timer_close(p->look);
    close_queues(p);
    mem_free(p);
}
