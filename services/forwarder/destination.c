#include "services/forwarder/destination.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/url.h"
#include "services/forwarder/ack_window.h"
#include "services/forwarder/forward_metrics.h"

struct destination {
    struct destination_options o;
    struct forward_destination row;
    struct forward_destination shown; /* as it was last written for the CLI */
    struct backlog *backlog;
    struct redeliver redeliver;
    struct deliver *deliver;
    struct reading *reading;
};

static int64_t wall_ms(const struct destination *d)
{
    return app_clock(d->o.app)->wall_ms(app_clock(d->o.app));
}

const char *destination_name(const struct destination *d)
{
    return d->o.config->name;
}

/* ---- off and on ------------------------------------------------------------------------------ */

static bool is_off(const struct destination *d)
{
    return d->row.off_since > 0;
}

static bool is_on(void *ctx)
{
    return !is_off(ctx);
}

static void publish(const struct destination *d, const char *status, const char *detail)
{
    struct message m;

    message_init(&m);
    m.type = str_from(topic_type_text(TOPIC_FORWARD_DESTINATION));
    m.destination = str_from(d->o.config->name);
    m.status = str_from(status);
    m.text = str_from(detail);
    app_publish(d->o.app, &m);
}

int destination_turn_off(struct destination *d, bool off)
{
    int r;

    if (off == is_off(d))
        return 0;
    d->row.off_since = off ? wall_ms(d) : 0;
    r = group_commit_begin(d->o.commit);
    if (r == 0)
        r = forward_save_off(d->o.stores->db, d->row.id, d->row.off_since);
    if (r != 0)
        return group_commit_fail(d->o.commit, r);
    publish(d, off ? "off" : "on", d->row.last_error);
    if (off)
        log_error("destination-off", "turned off: nothing more is delivered until zapkeep forward on",
                  KS("destination", d->o.config->name), KS("error", d->row.last_error));
    else
        log_info("destination-on", "turned on again", KS("destination", d->o.config->name));
    return 0;
}

/* ---- news from the requests ------------------------------------------------------------------ */

static void on_delivered(void *ctx, int n)
{
    struct destination *d = ctx;

    d->row.delivered += n;
    metric_add(&forward_delivered, d->o.index, n);
}

static void on_failed(void *ctx, const struct delivery_error *error)
{
    struct destination *d = ctx;

    str_copy(str_from(error->detail), d->row.last_error, sizeof d->row.last_error);
    d->row.last_error_at = wall_ms(d);
}

static void on_changed(void *ctx, enum dest_breaker_change change, const struct delivery_error *error)
{
    struct destination *d = ctx;

    if (change == DEST_BREAKER_OPENED) {
        log_warn("destination-down", "the destination does not work; its events wait in the log",
                 KS("destination", d->o.config->name), KS("error", error->detail));
        publish(d, "down", error->detail);
    }
    if (change == DEST_BREAKER_CLOSED) {
        log_info("destination-well", "the destination works again; deliveries start slowly",
                 KS("destination", d->o.config->name));
        publish(d, "up", "");
    }
}

static int on_gone(void *ctx)
{
    return destination_turn_off(ctx, true);
}

static void on_poke(void *ctx)
{
    destination_poke(ctx);
}

/* ---- going on -------------------------------------------------------------------------------- */

void destination_poke(struct destination *d)
{
    int r = 0;

    /* At a stop nothing is started: its answer would not be read any more. */
    if (app_stopping(d->o.app) || !d->reading)
        return;
    if (!is_off(d))
        r = deliver_poke(d->deliver);
    if (r == 0)
        (void)reading_poke(d->reading);
}

void destination_notify(struct destination *d)
{
    reading_notify(d->reading);
}

void destination_redeliver(struct destination *d)
{
    redeliver_ordered(&d->redeliver);
}

int64_t destination_in_flight(const struct destination *d)
{
    return deliver_in_flight(d->deliver);
}

int64_t destination_needs(struct destination *d)
{
    return is_off(d) ? INT64_MAX : backlog_needs(d->backlog);
}

/* ---- what others see ------------------------------------------------------------------------- */

bool destination_is_well(const struct destination *d, char *ret_why, size_t n)
{
    if (!is_off(d) && dest_breaker_is_closed(deliver_breaker(d->deliver)))
        return true;
    (void)snprintf(ret_why, n, "%s is %s: %s", d->o.config->name, is_off(d) ? "turned off" : "down",
                   d->row.last_error);
    return false;
}

void destination_gauges(struct destination *d)
{
    int64_t head = reading_head(d->reading);
    int64_t unread = head > backlog_position(d->backlog) ? head - backlog_position(d->backlog) : 0;
    struct backlog_counts c;

    backlog_count(d->backlog, &c);
    metric_set(&forward_lag_events, d->o.index, unread + c.events);
    metric_set(&forward_lag_seconds, d->o.index, c.oldest_at > 0 ? wall_ms(d) - c.oldest_at : 0);
    metric_set(&forward_retrying, d->o.index, c.retry);
    metric_set(&forward_blocked, d->o.index, c.blocked);
    metric_set(&forward_in_flight, d->o.index, deliver_in_flight(d->deliver));
    metric_set(&forward_breaker, d->o.index, (int64_t)deliver_breaker(d->deliver)->breaker.state);
    metric_set(&forward_off, d->o.index, is_off(d));
}

int destination_save(struct destination *d, bool all)
{
    return backlog_save(d->backlog, all);
}

static bool is_shown(const struct forward_destination *a, const struct forward_destination *b)
{
    return a->position == b->position && a->in_flight == b->in_flight && a->delivered == b->delivered &&
           a->last_error_at == b->last_error_at && strcmp(a->breaker, b->breaker) == 0 &&
           strcmp(a->last_error, b->last_error) == 0 && strcmp(a->url, b->url) == 0;
}

int destination_save_status(struct destination *d)
{
    struct forward_destination now = d->row;
    int r;

    now.position = backlog_position(d->backlog);
    now.in_flight = deliver_in_flight(d->deliver);
    str_copy(str_from(breaker_state_text(deliver_breaker(d->deliver)->breaker.state)), now.breaker,
             sizeof now.breaker);
    if (is_shown(&now, &d->shown))
        return 0;
    d->shown = now;
    now.at = wall_ms(d);
    r = group_commit_begin(d->o.commit);
    if (r == 0)
        r = forward_save_status(d->o.stores->db, &now);
    return r == 0 ? 0 : group_commit_fail(d->o.commit, r);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int load(struct destination *d)
{
    CLEANUP(buf_fini) struct buf done = BUF_INIT(ACK_WINDOW_SEQS / 8 + 8);
    int r = forward_destination_open(d->o.stores->db, d->o.config->name, &d->row, &done);

    if (r != 0)
        return r;
    (void)url_display(d->o.config->url, d->row.url, sizeof d->row.url);
    return backlog_open(&(struct backlog_options){ .app = d->o.app,
                                                   .stores = d->o.stores,
                                                   .commit = d->o.commit,
                                                   .dead = d->o.dead,
                                                   .schedule = &d->o.config->schedule,
                                                   .of = { d->o.config->name, d->o.index },
                                                   .destination = d->row.id,
                                                   .floor = d->row.floor,
                                                   .done = { buf_str(&done), done.len } },
                        &d->backlog);
}

static int start(struct destination *d)
{
    int r = load(d);

    if (r != 0)
        return r;
    redeliver_init(&d->redeliver, d->backlog, d->o.dead, d->o.stores->db, d->o.config->name);
    r = deliver_open(
        &(struct deliver_options){ .app = d->o.app,
                                   .config = d->o.config,
                                   .commit = d->o.commit,
                                   .dead = d->o.dead,
                                   .backlog = d->backlog,
                                   .redeliver = &d->redeliver,
                                   .hooks = { on_delivered, on_failed, on_changed, on_gone, on_poke, d } },
        &d->deliver);
    if (r != 0)
        return r;
    return reading_open(&(struct reading_options){ .app = d->o.app,
                                                   .dir = d->o.dir,
                                                   .bus = d->o.bus,
                                                   .sub = d->o.sub,
                                                   .config = d->o.config,
                                                   .commit = d->o.commit,
                                                   .backlog = d->backlog,
                                                   .deliver = d->deliver,
                                                   .is_on = is_on,
                                                   .ctx = d },
                        &d->reading);
}

static void say_opened(struct destination *d)
{
    struct backlog_counts c;

    backlog_count(d->backlog, &c);
    log_info("destination", "delivering", KS("destination", d->o.config->name), KS("url", d->row.url),
             KI("after_seq", backlog_position(d->backlog)), KI("retrying", c.retry),
             KI("blocked", c.blocked));
    if (is_off(d))
        log_warn("destination-off",
                 "the destination is turned off since an earlier run; zapkeep forward on turns it on",
                 KS("destination", d->o.config->name));
}

int destination_open(const struct destination_options *o, struct destination **ret)
{
    struct destination *d = mem_zalloc(sizeof *d);
    int r;

    if (!d)
        return -ENOMEM;
    d->o = *o;
    r = start(d);
    if (r != 0) {
        destination_close(d);
        return r;
    }
    say_opened(d);
    *ret = d;
    return 0;
}

void destination_close(struct destination *d)
{
    if (!d)
        return;
    reading_close(d->reading);
    d->reading = NULL;
    deliver_close(d->deliver);
    backlog_close(d->backlog);
    mem_free(d);
}
