/*
 * sink_queue_take puts a note into the outbox under the sink's name, or, in its quiet hours, under its name with HELD before it
 * → sink_queue_kick waits until the group is complete and sends it → on_result takes the notes out, or tries again.
 */
#include "services/monitor/sink_queue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/sink/sink_kind.h"
#include "common/sink/sink_policy.h"
#include "common/sink/sink_sender.h"
#include "services/monitor/metrics.h"

/* Of notes that wait for the end of the quiet hours. No name of a sink has a colon. */
#define HELD "quiet:"
/* A sink may ask for a longer wait; more than an hour is taken for a mistake. */
#define RETRY_AFTER_MAX_S 3600

struct sink_queue {
    const struct monitor_context *m;
    const struct sink_config *config;
    const char *console_url;
    struct sink_sender *out;
    struct timer *again;
    bool busy;    /* a message is out, or the timer runs */
    int64_t last; /* n of the last note of the message */
    int64_t sent; /* delivered up to this, and that could not be stored yet; 0: nothing */
    int64_t tries;
    char held[sizeof HELD + SINK_NAME_MAX];
    struct alert_note notes[SINK_ALERTS_MAX];
};

static int64_t wall_ms(const struct sink_queue *q)
{
    return app_wall_ms(q->m->app);
}

/* ---- notes that come in ---------------------------------------------------------------------- */

static bool wants(const struct sink_queue *q, const struct alert_row *row)
{
    return sink_wants(q->config, alert_kind_find(row->name), row->bridge, row->session);
}

static bool is_held(const struct sink_queue *q, const struct alert_row *row)
{
    return sink_holds_back(q->config, alert_kind_find(row->name), sink_minute_of_day(wall_ms(q)));
}

int sink_queue_take(struct sink_queue *q, const struct alert_note *note, int64_t *ret_dropped)
{
    if (!wants(q, &note->row))
        return 0;
    return alerts_post(q->m->db, is_held(q, &note->row) ? q->held : q->config->name, &note->row, note->firing,
                       note->at, ret_dropped);
}

bool sink_queue_repeats(const struct sink_queue *q)
{
    return q->config->repeat_ms > 0;
}

int sink_queue_repeat(struct sink_queue *q, const struct alert_row *row, int64_t before, int64_t *ret_dropped)
{
    if (!sink_repeats(q->config, row->since, before, wall_ms(q)) || !wants(q, row) || is_held(q, row))
        return 0;
    return alerts_post(q->m->db, q->config->name, row, true, wall_ms(q), ret_dropped);
}

int sink_queue_release(struct sink_queue *q)
{
    int64_t n = 0;
    int r;

    if (sink_is_quiet(q->config, sink_minute_of_day(wall_ms(q))))
        return 0;
    r = alerts_waiting(q->m->db, q->held, &n);
    if (r != 0 || n == 0)
        return r;
    r = context_begin(q->m);
    if (r == 0)
        r = alerts_release(q->m->db, q->held, q->config->name);
    if (r == 0)
        r = db_commit(q->m->db);
    db_rollback(q->m->db);
    return r;
}

bool sink_queue_has(const struct sink_queue *q, const char *sink)
{
    return strcmp(sink, q->config->name) == 0 || strcmp(sink, q->held) == 0;
}

/* ---- a message ------------------------------------------------------------------------------- */

static void wait_more(struct sink_queue *q, int64_t ms)
{
    q->busy = true;
    timer_start(q->again, ms);
}

static void retry(struct sink_queue *q, const struct sink_result *a)
{
    int64_t wait_ms;

    if (context_act(q->m) == 0)
        (void)alerts_failed(q->m->db, q->notes[0].n);
    q->tries++;
    wait_ms = sink_retry_ms((int)q->tries);
    if (a->retry_after_s * 1000 > wait_ms && a->retry_after_s <= RETRY_AFTER_MAX_S)
        wait_ms = a->retry_after_s * 1000;
    log_warn("alert-not-delivered", "a sink did not take an alert; it is tried again",
             KS("sink", q->config->name), KI("http_status", a->status), KS("error", a->detail),
             KI("tries", q->tries), KI("again_ms", wait_ms));
    metrics_delivered(q->config->kind, false);
    wait_more(q, wait_ms);
}

static void on_result(void *ctx, const struct sink_result *a)
{
    struct sink_queue *q = ctx;

    if (!a->taken && !a->hopeless) {
        retry(q, a);
        return;
    }
    if (!a->taken)
        log_error("alert-refused", "a sink refuses an alert for good; it is dropped",
                  KS("sink", q->config->name), KI("http_status", a->status), KS("error", a->detail));
    metrics_delivered(q->config->kind, a->taken);
    q->sent = q->last;
    q->tries = 0;
    q->busy = false;
    sink_queue_kick(q);
}

static int send_message(struct sink_queue *q, int n)
{
    CLEANUP(sink_message_fini) struct sink_message m;
    struct sink_alert alerts[SINK_ALERTS_MAX];
    int r;

    sink_message_init(&m);
    for (int i = 0; i < n; i++) {
        const struct alert_note *note = &q->notes[i];

        alerts[i] = (struct sink_alert){ .id = note->n,
                                         .kind = alert_kind_find(note->row.name),
                                         .firing = note->firing,
                                         .bridge = note->row.bridge,
                                         .session = note->row.session,
                                         .text = note->row.detail,
                                         .started_at = note->row.since,
                                         .ended_at = note->firing ? 0 : note->at };
    }
    r = sink_message_write(q->config, q->console_url, alerts, n, wall_ms(q), &m);
    return r == 0 ? sink_send(q->out, &m, on_result, q) : r;
}

/* A delivered note is delivered once, also while the store cannot take that it was. */
static int read_notes(struct sink_queue *q, int *ret_n)
{
    int r = q->sent > 0 ? context_act(q->m) : 0;

    if (r == 0 && q->sent > 0)
        r = alerts_sent(q->m->db, q->config->name, q->sent);
    if (r != 0)
        return r;
    q->sent = 0;
    return alerts_read(q->m->db, q->config->name, q->notes, q->config->group_ms > 0 ? SINK_ALERTS_MAX : 1,
                       ret_n);
}

/* How long the group of the first note waits for more. A full one waits no longer, nor one that is tried again. */
static int64_t group_wait_ms(const struct sink_queue *q, int n)
{
    int64_t left = q->notes[0].at + q->config->group_ms - wall_ms(q);

    if (n == SINK_ALERTS_MAX || q->notes[0].tries > 0 || left > q->config->group_ms)
        return 0;
    return left > 0 ? left : 0;
}

void sink_queue_kick(struct sink_queue *q)
{
    int64_t wait;
    int n = 0;
    int r = q->busy ? 0 : read_notes(q, &n);

    if (r == 0 && n == 0)
        return;
    q->busy = true;
    if (r != 0) { /* the store is busy, or its disk is full */
        wait_more(q, sink_retry_ms((int)++q->tries));
        return;
    }
    wait = group_wait_ms(q, n);
    if (wait > 0) {
        wait_more(q, wait);
        return;
    }
    q->last = q->notes[n - 1].n;
    q->tries = q->notes[0].tries;
    if (send_message(q, n) != 0)
        wait_more(q, sink_retry_ms((int)++q->tries));
}

static void on_again(void *ctx)
{
    struct sink_queue *q = ctx;

    q->busy = false;
    sink_queue_kick(q);
}

/* ---- opening --------------------------------------------------------------------------------- */

int sink_queue_open(const struct monitor_context *m, const struct sink_config *config,
                    const char *console_url, struct sink_queue **ret)
{
    struct sink_queue *q = mem_zalloc(sizeof *q);
    int r;

    if (!q)
        return -ENOMEM;
    q->m = m;
    q->config = config;
    q->console_url = console_url;
    (void)snprintf(q->held, sizeof q->held, HELD "%s", config->name);
    r = sink_sender_open(app_loop(m->app), config, &q->out);
    if (r == 0)
        r = timer_open(app_loop(m->app), on_again, q, &q->again);
    if (r != 0) {
        sink_queue_close(q);
        return r;
    }
    *ret = q;
    return 0;
}

void sink_queue_close(struct sink_queue *q)
{
    if (!q)
        return;
    sink_sender_close(q->out);
    if (q->again)
        timer_close(q->again);
    mem_free(q);
}
