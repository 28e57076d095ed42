#include "services/monitor/alert_sender.h"

#include <errno.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "services/monitor/metrics.h"

/* A receiver of alerts answers at once; a slow one must not keep a connection for long. */
#define POST_TIMEOUT_MS 10000
/* What it answers is of no interest. */
#define POST_ANSWER_BYTES_MAX (64 * 1024)
#define POST_BODY_BYTES_MAX   (16 * 1024)
/* Heartbeats are at least this share of their interval apart: sweeps do not end on the dot. */
#define BEAT_SHARE(ms) ((ms)*3 / 4)

struct sink_queue {
    struct alert_sender *p;
    enum sink_kind kind;
    const char *url;
    struct timer *again;
    bool busy;    /* a call is out, or the timer runs */
    int64_t note; /* its n */
    int64_t sent; /* delivered, and that could not be stored yet; 0: none */
    int64_t tries;
};

struct alert_sender {
    struct app *app;
    struct db *db;
    const struct alert_sender_options *o;
    struct http_client *client;
    struct sink_queue lane[SINK_KIND_N];
    struct timer *others;
    int64_t beat_at_ms; /* boot ms, 0: never */
    bool beating, beat_failed, closing;
};

/* ---- one note -------------------------------------------------------------------------------- */

static void next(struct sink_queue *l);

/* It will never be taken in this form: waiting with it would hold up all others. */
static bool is_hopeless(int status)
{
    return status >= 400 && status < 500 && status != 401 && status != 403 && status != 404 &&
           status != 408 && status != 429;
}

static void retry(struct sink_queue *l, const struct http_answer *a)
{
    int64_t wait_ms;

    (void)alerts_failed(l->p->db, l->note);
    l->tries++;
    wait_ms = sink_retry_ms((int)l->tries);
    if (a->retry_after_s * 1000 > wait_ms && a->retry_after_s <= 3600)
        wait_ms = a->retry_after_s * 1000;
    log_warn("alert-not-delivered", "a sink did not take an alert; it is tried again",
             KS("sink", sink_kind_text(l->kind)), KI("http_status", a->status),
             KS("why", a->error ? http_error_text(a->error) : ""), KI("tries", l->tries),
             KI("again_ms", wait_ms));
    metrics_delivered(l->kind, false);
    timer_start(l->again, wait_ms);
}

static void on_answer(void *ctx, const struct http_answer *a)
{
    struct sink_queue *l = ctx;

    if (l->p->closing)
        return;
    if (a->status / 100 != 2 && !is_hopeless(a->status)) {
        retry(l, a);
        return;
    }
    if (a->status / 100 != 2)
        log_error("alert-refused", "a sink refuses an alert for good; it is dropped",
                  KS("sink", sink_kind_text(l->kind)), KI("http_status", a->status));
    metrics_delivered(l->kind, a->status / 100 == 2);
    l->sent = l->note;
    l->tries = 0;
    l->busy = false;
    next(l);
}

static int send_note(struct sink_queue *l, const struct alert_note *note)
{
    CLEANUP(buf_fini) struct buf headers = BUF_INIT(POST_BODY_BYTES_MAX);
    CLEANUP(buf_fini) struct buf body = BUF_INIT(POST_BODY_BYTES_MAX);
    const struct sink_alert a = { .id = note->n,
                                  .kind = alert_kind_find(note->row.name),
                                  .firing = note->firing,
                                  .bridge = note->row.bridge,
                                  .session = note->row.session,
                                  .text = note->row.detail,
                                  .started_at = note->row.since,
                                  .ended_at = note->firing ? 0 : note->at };
    struct http_request req = { .method = "POST",
                                .url = l->url,
                                .timeout_ms = POST_TIMEOUT_MS,
                                .answer_bytes_max = POST_ANSWER_BYTES_MAX };

    alert_format_write(l->kind, &a, &headers, &body);
    req.headers = buf_str(&headers);
    req.body = (struct str){ buf_str(&body), body.len };
    return http_call(l->p->client, &req, on_answer, l, NULL);
}

/* What was delivered is delivered once, also while the store cannot take that it was. */
static int find_note(struct sink_queue *l, struct alert_note *ret)
{
    int r = l->sent > 0 ? alerts_sent(l->p->db, l->sent) : 0;

    if (r != 0)
        return r;
    l->sent = 0;
    return alerts_next(l->p->db, sink_kind_text(l->kind), ret);
}

static void next(struct sink_queue *l)
{
    struct alert_note note;
    int r = l->busy ? ALERTS_NONE : find_note(l, &note);

    if (r == ALERTS_NONE)
        return;
    l->busy = true;
    if (r != 0) { /* the store is busy, or its disk is full */
        timer_start(l->again, sink_retry_ms((int)++l->tries));
        return;
    }
    l->note = note.n;
    l->tries = note.tries;
    if (send_note(l, &note) != 0)
        timer_start(l->again, sink_retry_ms((int)++l->tries));
}

static void on_again(void *ctx)
{
    struct sink_queue *l = ctx;

    l->busy = false;
    next(l);
}

void alert_sender_kick(struct alert_sender *p)
{
    for (int k = 0; k < SINK_KIND_N; k++)
        if (p->lane[k].url[0])
            next(&p->lane[k]);
}

/* ---- alerts of other programs ---------------------------------------------------------------- */

/* The forwarder raises alerts about its destinations, and does not know the sinks. */
#define OTHERS_MS 2000

static int set_sinks(const struct alert_sender *p, const char *ret[SINK_KIND_N])
{
    int n = 0;

    for (int k = 0; k < SINK_KIND_N; k++) {
        if (p->lane[k].url[0])
            ret[n++] = sink_kind_text((enum sink_kind)k);
    }
    return n;
}

static int take_others(struct alert_sender *p)
{
    const char *sinks[SINK_KIND_N];
    int n = set_sinks(p, sinks);
    int r = db_begin(p->db);

    if (r == 0)
        r = alerts_fan_out(p->db, sinks, n);
    if (r == 0)
        r = db_commit(p->db);
    db_rollback(p->db);
    return r;
}

static void on_others(void *ctx)
{
    struct alert_sender *p = ctx;
    int64_t waiting = 0;

    timer_start(p->others, OTHERS_MS);
    if (alerts_waiting(p->db, ALERTS_SINK_ALL, &waiting) != 0 || waiting == 0)
        return;
    if (take_others(p) == 0)
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
                 KI("http_status", a->status), KS("why", a->error ? http_error_text(a->error) : ""));
    p->beat_failed = failed;
    metrics_beat(!failed);
}

void alert_sender_heartbeat(struct alert_sender *p)
{
    struct clock *clock = app_clock(p->app);
    int64_t now_ms = clock->boot_ms(clock);
    const struct http_request req = { .method = "GET",
                                      .url = p->o->heartbeat_url,
                                      .timeout_ms = POST_TIMEOUT_MS,
                                      .answer_bytes_max = POST_ANSWER_BYTES_MAX };

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

static int open_lane(struct alert_sender *p, enum sink_kind kind)
{
    struct sink_queue *l = &p->lane[kind];

    *l = (struct sink_queue){ .p = p, .kind = kind, .url = p->o->url[kind] };
    if (!l->url[0]) /* what was left for it when it was still set */
        (void)alerts_forget_sink(p->db, sink_kind_text(kind));
    return timer_open(app_loop(p->app), on_again, l, &l->again);
}

int alert_sender_open(struct app *app, struct db *db, const struct alert_sender_options *o,
                      struct alert_sender **ret)
{
    struct alert_sender *p = mem_zalloc(sizeof *p);
    int r;

    if (!p)
        return -ENOMEM;
    p->app = app;
    p->db = db;
    p->o = o;
    r = http_client_open(app_loop(app), SINK_KIND_N + 1, &p->client);
    for (int k = 0; r == 0 && k < SINK_KIND_N; k++)
        r = open_lane(p, (enum sink_kind)k);
    if (r == 0)
        r = timer_open(app_loop(app), on_others, p, &p->others);
    if (r != 0) {
        alert_sender_close(p);
        return r;
    }
    *ret = p;
    if (set_sinks(p, (const char *[SINK_KIND_N]){ NULL }) > 0)
        timer_start(p->others, OTHERS_MS);
    alert_sender_kick(p);
    return 0;
}

void alert_sender_close(struct alert_sender *p)
{
    if (!p)
        return;
    p->closing = true;
    http_client_close(p->client);
    if (p->others)
        timer_close(p->others);
    for (int k = 0; k < SINK_KIND_N; k++)
        timer_close(p->lane[k].again);
    mem_free(p);
}
