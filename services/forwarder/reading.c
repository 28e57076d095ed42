#include "services/forwarder/reading.h"

#include <errno.h>

#include "common/app/consumer.h"
#include "common/base/log.h"
#include "common/base/mem.h"

/* While the breaker is open because of answers, reading goes on until there are so many blocked rows: a session that
 * has not failed may be further down the log. Then it goes on by one read for each probe that fails. */
#define OPEN_BLOCKED_MAX 16384

struct reading {
    struct reading_options o;
    struct consumer *consumer;
    bool paused;    /* the consumer waits for us */
    bool read_once; /* a probe failed: one read, however many rows there are */
};

/* ---- may it read? ---------------------------------------------------------------------------- */

/* While the breaker is not closed reading is of use only to find a session that has not failed, or when there is
 * nothing at all to probe with. */
static bool looks_for_another(const struct reading *r)
{
    const struct dest_breaker *breaker = deliver_breaker(r->o.deliver);

    if (backlog_has_new(r->o.backlog))
        return false;
    if (dest_breaker_wants_new(breaker))
        return backlog_rows(r->o.backlog) < OPEN_BLOCKED_MAX || r->read_once;
    return !backlog_has_retry(r->o.backlog) && !dest_breaker_is_open(breaker, app_boot_ms(r->o.app));
}

static bool may_read(const struct reading *r)
{
    return r->o.is_on(r->o.ctx) &&
           (dest_breaker_is_closed(deliver_breaker(r->o.deliver)) || looks_for_another(r));
}

/* There is enough to send that has not failed. To read on would only make rows for the sessions that wait: all of a
 * backlog would become rows. Events that failed do not count: others must not starve behind them. */
static bool has_work(const struct reading *r)
{
    int64_t want = 2 * r->o.config->concurrency;
    if (!backlog_has_new_queues(r->o.backlog, want))
        return false;
    return r->o.config->batch == 1 || backlog_events(r->o.backlog) >= want * r->o.config->batch;
}

/* ---- rows of the log ------------------------------------------------------------------------- */

static int on_batch(void *ctx, const struct event_rows *rows)
{
    struct reading *r = ctx;
    int result = 0;

    r->read_once = false;
    if (rows->n > 0)
        result = backlog_skip_gap(r->o.backlog, rows->rows[0].seq);
    for (int i = 0; result == 0 && i < rows->n; i++) {
        bool wanted = event_filter_wants(&r->o.config->filter, &rows->rows[i]);

        r->o.filtered(r->o.ctx, wanted);
        result = backlog_add(r->o.backlog, &rows->rows[i], wanted);
    }
    if (result != 0)
        return result;
    backlog_read_up_to(r->o.backlog, rows->next_seq - 1);
    result = deliver_poke(r->o.deliver);
    r->paused = backlog_is_full(r->o.backlog, 1) || has_work(r) || !may_read(r);
    if (result != 0)
        return result;
    return r->paused ? CONSUMER_PAUSE : CONSUMER_MORE;
}

static void on_error(void *ctx, int result, const char *detail)
{
    struct reading *r = ctx;

    if (result == -ESTALE || result == -ENOMEM)
        (void)group_commit_fail(r->o.commit, result); /* everything is read anew */
    else if (result != 0)
        log_warn("log-unreadable", "cannot read the event log; reading is tried again",
                 KS("destination", r->o.config->name), KS("error", detail));
    else
        log_info("log-readable", "the event log can be read again", KS("destination", r->o.config->name));
}

/* ---- going on -------------------------------------------------------------------------------- */

void reading_notify(struct reading *r)
{
    if (r->consumer && !r->paused)
        consumer_notify(r->consumer);
}

/* Memory is full of few sessions and slots are free: others are further down the log. */
static bool is_starving(const struct reading *r)
{
    const struct dest_breaker *breaker = deliver_breaker(r->o.deliver);

    if (!r->paused || !backlog_is_full(r->o.backlog, 2) || !may_read(r) || backlog_has_new(r->o.backlog))
        return false;
    return !dest_breaker_is_closed(breaker) ||
           (!backlog_has_retry(r->o.backlog) && deliver_in_flight(r->o.deliver) < breaker->limit);
}

int reading_poke(struct reading *r)
{
    int result = 0;

    r->read_once = deliver_take_reopened(r->o.deliver) || r->read_once;
    if (!r->consumer)
        return 0;
    if (is_starving(r))
        result = backlog_spill(r->o.backlog,
                               dest_breaker_is_closed(deliver_breaker(r->o.deliver)) ? BACKLOG_KEEP : 0);
    if (result == 0 && r->paused && !backlog_is_full(r->o.backlog, 2) && !has_work(r) && may_read(r)) {
        r->paused = false;
        consumer_resume(r->consumer);
    }
    return result;
}

int64_t reading_head(const struct reading *r)
{
    return r->consumer ? consumer_head(r->consumer) : 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

int reading_open(const struct reading_options *o, struct reading **ret)
{
    const struct consumer_options c = {
        .dir = o->dir, .after_seq = backlog_position(o->backlog), .sub = o->sub, .bus_out = o->bus
    };
    struct reading *r = mem_zalloc(sizeof *r);
    int result;

    if (!r)
        return -ENOMEM;
    r->o = *o;
    result = consumer_open(o->app, &c, on_batch, on_error, r, &r->consumer);
    if (result != 0) {
        mem_free(r);
        return result;
    }
    *ret = r;
    return 0;
}

void reading_close(struct reading *r)
{
    if (!r)
        return;
    consumer_close(r->consumer);
    mem_free(r);
}
