#include "services/forwarder/destination.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/url.h"
#include "services/forwarder/forward_metrics.h"

/* ---- reading the log ------------------------------------------------------------------------- */

bool destination_is_off(const struct destination *d)
{
    return d->row.off_since > 0;
}

static bool is_full(const struct destination *d, int part)
{
    return d->n_items >= QUEUE_EVENTS_MAX / part || d->bytes >= (size_t)QUEUE_BYTES_MAX / (size_t)part;
}

/* While the breaker is not closed: reading is of use only to find a session that has not failed, or when there
 * is none at all to probe with. */
static bool looks_for_another(const struct destination *d)
{
    if (!list_empty(&d->ready_new))
        return false;
    if (dest_breaker_wants_new(&d->breaker))
        return d->n_blocked < OPEN_BLOCKED_MAX || d->look_once;
    return list_empty(&d->ready_retry) && !dest_breaker_is_open(&d->breaker, forwarder_boot_ms(d->f));
}

static bool may_read(const struct destination *d)
{
    return !destination_is_off(d) && d->n_blocked < FORWARD_BLOCKED_MAX && !app_stopping(d->f->app) &&
           (dest_breaker_is_closed(&d->breaker) || looks_for_another(d));
}

/* There is enough to send that has not failed. To read on would only make rows for the sessions that wait: of
 * a backlog all would become rows. What has failed does not count: others must not starve behind it. */
static bool has_work(const struct destination *d)
{
    int64_t want = 2 * d->config->concurrency;
    int64_t n = 0;

    for (const struct list *it = d->ready_new.next; it != &d->ready_new && n < want; it = it->next)
        n++;
    return n == want && (d->config->batch == 1 || d->n_items >= want * d->config->batch);
}

/* The log begins later than where we stand: its hard limit took what we needed. */
static void over_gap(struct destination *d, int64_t first_seq)
{
    bool begun = d->window.floor >= 0;

    if (begun && first_seq <= d->row.position + 1)
        return;
    if (begun) {
        backlog_memory(d, 0);
        dead_letter_gap(d, d->row.position + 1, first_seq - 1);
    }
    ack_window_jump(&d->window, first_seq - 1);
    d->window_dirty = true;
    forwarder_write(d->f);
}

/* How far reading may go on without the floor. */
static void make_room(struct destination *d, int64_t last_seq)
{
    if (!ack_window_fits(&d->window, last_seq))
        backlog_memory(d, 0);
}

static int take_row(struct destination *d, const struct event *e)
{
    if (ack_window_has(&d->window, e->seq))
        return 0;
    make_room(d, e->seq);
    if (config_wants(d->config, e))
        return backlog_or_queue(d, e);
    ack_window_set(&d->window, e->seq);
    d->window_moved = true;
    return 0;
}

static int on_batch(void *ctx, const struct event_rows *rows)
{
    struct destination *d = ctx;
    int r = 0;

    d->look_once = false;
    if (rows->n > 0)
        over_gap(d, rows->rows[0].seq);
    for (int i = 0; r == 0 && i < rows->n; i++)
        r = take_row(d, &rows->rows[i]);
    if (r != 0)
        return r;
    d->row.position = rows->next_seq - 1;
    deliver_poke(d);
    d->paused = is_full(d, 1) || has_work(d) || !may_read(d);
    return d->paused ? CONSUMER_PAUSE : CONSUMER_MORE;
}

static void on_log_error(void *ctx, int r, const char *detail)
{
    struct destination *d = ctx;

    if (r == -ESTALE || r == -ENOMEM)
        forwarder_note(d->f, r); /* all of it is read anew */
    else if (r != 0)
        log_warn("log-unreadable", "waiting for the event log", KS("destination", d->config->name),
                 KS("error", detail));
    else
        log_info("log-readable", detail, KS("destination", d->config->name));
}

void destination_notify(struct destination *d)
{
    if (d->consumer && !d->paused)
        consumer_notify(d->consumer);
}

/* ---- after every turn ------------------------------------------------------------------------ */

/* Memory is full of few sessions and slots are free: others are further down the log. */
static bool is_starving(const struct destination *d)
{
    if (!d->paused || !is_full(d, 2) || !may_read(d) || !list_empty(&d->ready_new))
        return false;
    return !dest_breaker_is_closed(&d->breaker) ||
           (list_empty(&d->ready_retry) && d->in_flight < d->breaker.limit);
}

void destination_poke(struct destination *d)
{
    if (d->f->closing || app_stopping(d->f->app) || !d->consumer)
        return;
    deliver_poke(d);
    if (is_starving(d))
        backlog_memory(d, dest_breaker_is_closed(&d->breaker) ? QUEUE_KEEP : 0);
    if (d->paused && !is_full(d, 2) && !has_work(d) && may_read(d)) {
        d->paused = false;
        consumer_resume(d->consumer);
    }
}

void destination_save(struct destination *d, bool all)
{
    CLEANUP(buf_fini) struct buf bits = BUF_INIT(ACK_WINDOW_SEQS / 8 + 8);

    if (!d->window_dirty && !(all && d->window_moved))
        return;
    ack_window_pack(&d->window, &bits);
    forwarder_write(d->f);
    forwarder_note(d->f, buf_error(&bits));
    forwarder_note(d->f, forward_save_window(d->f->db, d->row.id, d->window.floor,
                                             (struct str){ buf_str(&bits), bits.len }));
    d->row.floor = d->window.floor;
    d->window_dirty = d->window_moved = false;
}

/* ---- turned off ------------------------------------------------------------------------------ */

void destination_publish(struct destination *d, const char *status, const char *detail)
{
    struct message m;

    message_init(&m);
    m.type = str_from(topic_type_text(TOPIC_FORWARD_DESTINATION));
    m.destination = str_from(d->config->name);
    m.status = str_from(status);
    m.text = str_from(detail);
    app_publish(d->f->app, &m);
}

void destination_turn_off(struct destination *d, bool off)
{
    if (off == destination_is_off(d))
        return;
    d->row.off_since = off ? forwarder_wall_ms(d->f) : 0;
    forwarder_write(d->f);
    forwarder_note(d->f, forward_save_off(d->f->db, d->row.id, d->row.off_since));
    destination_publish(d, off ? "off" : "on", d->row.last_error);
    if (off)
        log_error("destination-off", "turned off: nothing more is delivered until zapkeep forward on",
                  KS("destination", d->config->name), KS("error", d->row.last_error));
    else
        log_info("destination-on", "turned on again", KS("destination", d->config->name));
}

/* ---- what others see ------------------------------------------------------------------------- */

void destination_failed(struct destination *d, const char *detail)
{
    str_copy(str_from(detail), d->row.last_error, sizeof d->row.last_error);
    d->row.last_error_at = forwarder_wall_ms(d->f);
}

struct needs {
    int64_t seq;
};

static void on_queue_needs(void *ctx, struct session_queue *q)
{
    struct needs *n = ctx;

    if ((q->head.has_row || q->blocked > 0) && q->first_row_seq - 1 < n->seq)
        n->seq = q->first_row_seq - 1;
}

int64_t destination_needs(struct destination *d)
{
    struct needs n = { d->row.floor > 0 ? d->row.floor : 0 };

    if (destination_is_off(d))
        return INT64_MAX;
    session_queues_each(&d->queues, on_queue_needs, &n);
    return n.seq;
}

/* Since when the oldest event waits that is neither done nor put aside; 0: none does. */
static void on_queue_age(void *ctx, struct session_queue *q)
{
    int64_t *oldest = ctx;
    const struct item *it = session_queue_first(q);

    if (it && !it->dead_id && !it->blocked && !q->head.has_row && (*oldest == 0 || it->event.at < *oldest))
        *oldest = it->event.at;
}

static int64_t lag_events(struct destination *d)
{
    int64_t head = d->consumer ? consumer_head(d->consumer) : 0;

    return head > d->row.position ? head - d->row.position + d->n_items : d->n_items;
}

void destination_gauges(struct destination *d)
{
    int64_t oldest = 0;
    int64_t wall = forwarder_wall_ms(d->f);

    session_queues_each(&d->queues, on_queue_age, &oldest);
    if (oldest == 0 && d->consumer && consumer_head(d->consumer) > d->row.position)
        oldest = wall; /* about to be read */
    metric_set(&forward_lag_events, d->index, lag_events(d));
    metric_set(&forward_lag_seconds, d->index, oldest > 0 && wall > oldest ? wall - oldest : 0);
    metric_set(&forward_retrying, d->index, d->n_retry);
    metric_set(&forward_blocked, d->index, d->n_blocked);
    metric_set(&forward_in_flight, d->index, d->in_flight);
    metric_set(&forward_breaker, d->index, (int64_t)d->breaker.breaker.state);
    metric_set(&forward_off, d->index, destination_is_off(d));
}

static bool is_shown(const struct forward_destination *a, const struct forward_destination *b)
{
    return a->position == b->position && a->in_flight == b->in_flight && a->delivered == b->delivered &&
           a->last_error_at == b->last_error_at && strcmp(a->breaker, b->breaker) == 0 &&
           strcmp(a->last_error, b->last_error) == 0 && strcmp(a->url, b->url) == 0;
}

void destination_save_status(struct destination *d)
{
    struct forward_destination now = d->row;

    now.in_flight = d->in_flight;
    str_copy(str_from(breaker_state_text(d->breaker.breaker.state)), now.breaker, sizeof now.breaker);
    if (is_shown(&now, &d->shown))
        return;
    d->shown = now;
    now.at = forwarder_wall_ms(d->f);
    forwarder_write(d->f);
    forwarder_note(d->f, forward_save_status(d->f->db, &now));
}

/* ---- opening --------------------------------------------------------------------------------- */

/* The URL without what may be secret in it. */
static void show_url(const char *url, char *ret, size_t n)
{
    struct url u;

    *ret = '\0';
    if (url_parse(url, &u) != 0)
        return;
    (void)snprintf(ret, n, "%s://%.*s", u.https ? "https" : "http", (int)u.host.n, u.host.p);
    if (u.port)
        (void)snprintf(ret + strlen(ret), n - strlen(ret), ":%u", u.port);
    (void)snprintf(ret + strlen(ret), n - strlen(ret), "%.*s", (int)u.path.n, u.path.p ? u.path.p : "");
}

/* Taken after the last commit, if it is of the event that the log has. */
static void on_ack(void *ctx, const struct ack *e)
{
    CLEANUP(event_rows_fini) struct event_rows rows = EVENT_ROWS_NULL;
    struct destination *d = ctx;

    if (ack_window_has(&d->window, e->seq) || !ack_window_fits(&d->window, e->seq))
        return;
    if (event_read(d->f->reader, e->seq, NULL, 1, &rows) != 0 || rows.n == 0 ||
        !acks_match(d->f->acks, e, rows.rows[0].seq, rows.rows[0].at))
        return;
    ack_window_set(&d->window, e->seq);
    d->window_dirty = true;
}

static int load(struct destination *d)
{
    CLEANUP(buf_fini) struct buf bits = BUF_INIT(ACK_WINDOW_SEQS / 8 + 8);
    int r = forward_destination_open(d->f->db, d->config->name, &d->row, &bits);

    if (r != 0)
        return r;
    ack_window_load(&d->window, d->row.floor, (struct str){ buf_str(&bits), bits.len });
    acks_each(d->f->acks, d->row.id, on_ack, d);
    d->row.position = d->window.floor > 0 ? d->window.floor : 0;
    show_url(d->config->url, d->row.url, sizeof d->row.url);
    return backlog_load(d);
}

static int start(struct destination *d)
{
    struct app *app = d->f->app;
    const struct consumer_options o = { .dir = d->f->settings.app.data_dir,
                                        .after_seq = d->row.position,
                                        .sub = d->f->sub,
                                        .bus_out = app_bus(&d->f->settings.app) };
    int r = http_client_open(app_loop(app), (int)d->config->concurrency, &d->client);

    if (r == 0 && d->config->ca[0])
        r = http_client_trust(d->client, d->config->ca);
    if (r == 0)
        r = timer_open(app_loop(app), deliver_due, d, &d->due);
    if (r == 0)
        r = load(d);
    return r == 0 ? consumer_open(app, &o, on_batch, on_log_error, d, &d->consumer) : r;
}

int destination_open(struct forwarder *f, const struct destination_config *config, int index,
                     struct destination **ret)
{
    struct destination *d = mem_zalloc(sizeof *d);
    int r;

    if (!d)
        return -ENOMEM;
    d->f = f;
    d->config = config;
    d->index = index;
    session_queues_init(&d->queues);
    list_init(&d->ready_new);
    list_init(&d->ready_retry);
    list_init(&d->waiting);
    list_init(&d->calls);
    dest_breaker_init(&d->breaker, config->concurrency);
    d->redeliver_more = true;
    r = start(d);
    if (r != 0) {
        destination_close(d);
        return r;
    }
    log_info("destination", "delivering", KS("destination", config->name), KS("url", d->row.url),
             KI("after_seq", d->row.position), KI("retrying", d->n_retry), KI("blocked", d->n_blocked));
    if (destination_is_off(d))
        log_warn("destination-off", "it is turned off since an earlier run; zapkeep forward on turns it on",
                 KS("destination", config->name));
    *ret = d;
    return 0;
}

void destination_close(struct destination *d)
{
    if (!d)
        return;
    consumer_close(d->consumer);
    d->consumer = NULL;
    http_client_close(d->client);
    if (d->due)
        timer_close(d->due);
    session_queues_fini(&d->queues);
    mem_free(d);
}
