#include "services/forwarder/destination.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/url.h"
#include "common/store/ack_window.h"
#include "common/store/role.h"
#include "services/forwarder/filter_check.h"
#include "services/forwarder/forward_metrics.h"

struct destination {
    struct destination_options o;
    struct forward_destination row;
    struct forward_destination shown; /* as it was last written for the CLI */
    struct backlog *backlog;
    struct redeliver redeliver;
    struct deliver *deliver;
    struct reading *reading;
    struct destination_report report;
};

static int64_t wall_ms(const struct destination *d)
{
    return app_wall_ms(d->o.app);
}

const char *destination_name(const struct destination *d)
{
    return d->o.config->name;
}

static bool is_off(const struct destination *d)
{
    return d->row.off_since > 0;
}

static bool is_paused(const struct destination *d)
{
    return d->row.paused_since > 0;
}

static bool is_on(void *ctx)
{
    return !is_off(ctx) && !is_paused(ctx);
}

static bool may_read(void *ctx)
{
    const struct destination *d = ctx;

    return is_on(ctx) && !*d->o.stopping;
}

/* ---- its state ------------------------------------------------------------------------------- */

static int64_t unread(const struct destination *d)
{
    int64_t head = reading_head(d->reading);
    int64_t position = backlog_position(d->backlog);

    return head > position ? head - position : 0;
}

static void report_state(struct destination *d)
{
    const struct dest_breaker *breaker = deliver_breaker(d->deliver);
    struct clock *clock = app_clock(d->o.app);
    struct backlog_counts c;
    struct dest_facts f = { .off = is_off(d), .paused = is_paused(d) };

    backlog_count(d->backlog, &c);
    f.down = !dest_breaker_is_closed(breaker);
    f.limited = pace_is_paused(&breaker->pace, clock->boot_ms(clock));
    f.failing = c.retry > 0 || dest_breaker_is_failing(breaker);
    f.waiting = c.events + c.retry + c.blocked + unread(d);
    destination_report_state(&d->report, dest_state_of(&f));
}

/* ---- off, on, paused ------------------------------------------------------------------------- */

static int save_off(struct destination *d)
{
    int r = group_commit_begin(d->o.commit);

    if (r == 0)
        r = forward_save_off(d->o.stores->db, d->row.id, d->row.off_since, d->row.paused_since);
    if (r != 0)
        return group_commit_fail(d->o.commit, r);
    report_state(d);
    return 0;
}

int destination_turn_off(struct destination *d, bool off)
{
    if (off == is_off(d))
        return 0;
    d->row.off_since = off ? wall_ms(d) : 0;
    if (off)
        log_error("destination-off", "turned off: nothing more is delivered until `zapkeep forward on NAME`",
                  KS("destination", d->o.config->name), KS("error", d->row.last_error));
    else
        log_info("destination-on", "turned on again", KS("destination", d->o.config->name));
    return save_off(d);
}

int destination_pause(struct destination *d, bool pause)
{
    if (pause == is_paused(d))
        return 0;
    d->row.paused_since = pause ? wall_ms(d) : 0;
    return save_off(d);
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

    destination_report_failed(&d->report, error);
    if (dest_state_is_well(d->report.state))
        report_state(d);
}

static void on_changed(void *ctx, enum dest_breaker_change change, const struct delivery_error *error)
{
    report_state(ctx);
}

static int on_gone(void *ctx)
{
    return destination_turn_off(ctx, true);
}

static void on_poke(void *ctx)
{
    destination_poke(ctx);
}

static void on_filtered(void *ctx, bool wanted)
{
    struct destination *d = ctx;

    d->row.matched += wanted;
    d->row.filtered += !wanted;
}

/* ---- going on -------------------------------------------------------------------------------- */

void destination_poke(struct destination *d)
{
    int r = 0;

    /* At a stop nothing is started: its answer would not be read any more. After a pause the role may be another one's. */
    if (*d->o.stopping || !d->reading || !store_role_is_held(d->o.role))
        return;
    if (is_on(d))
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

int64_t destination_retry_now(struct destination *d, struct str session, int64_t seq)
{
    deliver_retry_now(d->deliver);
    return backlog_retry_now(d->backlog, session, seq);
}

int destination_skip(struct destination *d, int64_t seq, bool *ret_found)
{
    return backlog_skip(d->backlog, seq, ret_found);
}

int destination_test(struct destination *d, void (*done)(void *ctx, const struct deliver_test *t), void *ctx)
{
    return deliver_test(d->deliver, done, ctx);
}

int64_t destination_in_flight(const struct destination *d)
{
    return deliver_in_flight(d->deliver);
}

int64_t destination_needs(struct destination *d)
{
    return is_off(d) ? INT64_MAX : backlog_needs(d->backlog);
}

/* ---- the state for others -------------------------------------------------------------------- */

bool destination_is_well(const struct destination *d, char *ret_why, size_t n)
{
    if (!dest_state_is_alert(d->report.state))
        return true;
    (void)snprintf(ret_why, n, "%s is %s: %s", d->o.config->name, dest_state_text(d->report.state),
                   d->row.last_error);
    return false;
}

void destination_gauges(struct destination *d)
{
    struct backlog_counts c;

    backlog_count(d->backlog, &c);
    metric_set(&forward_lag_events, d->o.index, unread(d) + c.events + c.retry + c.blocked);
    metric_set(&forward_lag_seconds, d->o.index, c.oldest_at > 0 ? wall_ms(d) - c.oldest_at : 0);
    metric_set(&forward_retrying, d->o.index, c.retry);
    metric_set(&forward_blocked, d->o.index, c.blocked);
    metric_set(&forward_in_flight, d->o.index, deliver_in_flight(d->deliver));
    metric_set(&forward_breaker, d->o.index, (int64_t)deliver_breaker(d->deliver)->breaker.state);
    metric_set(&forward_off, d->o.index, is_off(d));
}

static bool is_shown(const struct forward_destination *a, const struct forward_destination *b)
{
    return a->position == b->position && a->in_flight == b->in_flight && a->delivered == b->delivered &&
           a->last_error_at == b->last_error_at && strcmp(a->breaker, b->breaker) == 0 &&
           strcmp(a->last_error, b->last_error) == 0 && strcmp(a->url, b->url) == 0 &&
           strcmp(a->state, b->state) == 0 && a->matched == b->matched && a->filtered == b->filtered;
}

int destination_save_status(struct destination *d)
{
    struct forward_destination now;
    int r;

    report_state(d);
    destination_report_post(&d->report);
    now = d->row;
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

/* A change of its state is shown with the commit that made it, not up to a second later. */
int destination_save(struct destination *d, bool all)
{
    int r = backlog_save(d->backlog, all);

    return r == 0 && strcmp(d->row.state, d->shown.state) != 0 ? destination_save_status(d) : r;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* The newest seq that a destination which is seen for the first time does not get. -1: it gets everything. */
static int first_floor(const struct destination *d, int64_t *ret)
{
    const struct destination_config *c = d->o.config;
    int64_t at = c->from == START_AGO ? wall_ms(d) - c->from_n : d->o.started_at;
    int r = 0;

    if (d->o.lost_floor >= 0)
        *ret = d->o.lost_floor;
    else if (c->from == START_BEGINNING)
        *ret = -1;
    else if (c->from == START_SEQ)
        *ret = c->from_n - 1;
    else if ((r = event_seq_at(d->o.stores->reader, at, ret)) == 0)
        --*ret;
    return r;
}

/* It is stored with the row that is new, in one transaction: a kill does not make it an old one that gets all. */
static int begin_new(struct destination *d)
{
    int r = first_floor(d, &d->row.floor);

    if (r != 0)
        return r;
    log_info("destination-new",
             "a new destination; FORWARD_FROM (or from = in its section) says where it starts",
             KS("destination", d->o.config->name), KI("after_seq", d->row.floor > 0 ? d->row.floor : 0));
    return forward_save_window(d->o.stores->db, d->row.id, d->row.floor, STR_LIT(""));
}

static int load(struct destination *d)
{
    CLEANUP(buf_fini) struct buf done = BUF_INIT(ACK_WINDOW_SEQS / 8 + 8);
    char url[sizeof d->row.url];
    bool is_new = false;
    int r = group_commit_begin(d->o.commit);

    (void)url_display(d->o.config->url, url, sizeof url);
    if (r == 0)
        r = forward_destination_open(d->o.stores->db, d->o.config->name, url, &d->row, &is_new, &done);
    if (r == 0 && is_new)
        r = begin_new(d);
    if (r != 0)
        return r;
    return backlog_open(&(struct backlog_options){ .app = d->o.app,
                                                   .stores = d->o.stores,
                                                   .commit = d->o.commit,
                                                   .dead = d->o.dead,
                                                   .schedule = &d->o.config->schedule,
                                                   .filter = &d->o.config->filter,
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
    destination_report_init(&d->report, d->o.app, d->o.state, &d->row);
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
                                                   .is_on = may_read,
                                                   .filtered = on_filtered,
                                                   .ctx = d },
                        &d->reading);
}

static void say_opened(struct destination *d)
{
    struct backlog_counts c;

    report_state(d);
    filter_check_warn(d->o.config, d->o.state);
    backlog_count(d->backlog, &c);
    log_info("destination", "delivering", KS("destination", d->o.config->name), KS("url", d->row.url),
             KI("after_seq", backlog_position(d->backlog)), KI("retrying", c.retry),
             KI("blocked", c.blocked));
    if (is_off(d))
        log_warn("destination-still-off",
                 "the destination is turned off since an earlier run; `zapkeep forward on NAME` turns it on",
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
