#include "services/bus-hub/hub.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/metrics.h"

/* How often the peers are counted for the metrics; a scrape comes every 15 s or so. */
#define COUNT_MS 1000

static const struct setting hub_table[] = {
    APP_ADMIN_ROW("127.0.0.1:8001", "/health, /ready and /metrics of the hub; off: none"),
    { 0 },
};

static const struct setting *const tables[] = { app_settings_table, hub_table, NULL };

static struct metric peers = {
    .name = "zapkeep_hub_peers",
    .help = "Connections to the hub",
    .kind = METRIC_GAUGE,
    .label = "side",
    .values = { "publisher", "subscriber" },
};

static struct metric waiting = {
    .name = "zapkeep_hub_waiting_bytes",
    .help = "Bytes that the hub holds for subscribers; at 64 MiB behind a subscriber is closed",
    .kind = METRIC_GAUGE,
};

static struct metric closed = {
    .name = "zapkeep_hub_closed_total",
    .help = "Connections that the hub closed: slow subscribers, malformed messages, more than it takes",
    .kind = METRIC_COUNTER,
    .label = "reason",
    .values = { "slow", "malformed", "too_many" },
};

static void on_count(void *ctx)
{
    struct hub *h = ctx;
    struct bus_hub_counts n;

    bus_hub_counts(h->bus, &n);
    metric_set(&peers, 0, n.publishers);
    metric_set(&peers, 1, n.subscribers);
    metric_set(&waiting, 0, n.waiting_bytes);
    metric_set(&closed, 0, n.slow);
    metric_set(&closed, 1, n.malformed);
    metric_set(&closed, 2, n.too_many);
    timer_start(h->count, COUNT_MS);
}

static const char *name_of(const struct app_settings *s, const char *url)
{
    if (url == s->bus_in)
        return "ZAPKEEP_BUS_IN";
    return url == s->bus_out ? "ZAPKEEP_BUS_OUT" : "ZAPKEEP_BUS_FEED";
}

static int say_failed(const struct hub *h, const char *url, int r)
{
    (void)fprintf(stderr, "zapkeep-hub: cannot listen on %s %s: %s; set another address\n",
                  name_of(&h->settings.app, url), url,
                  r == -EINVAL ? "no address of nng, as tcp://127.0.0.1:5550" : err_text(r));
    return APP_EXIT(r == -EINVAL ? EXIT_USAGE : EXIT_UNREACHABLE);
}

static const struct app_spec hub_spec = {
    .service = "bus-hub",
    .program = "zapkeep-hub",
    .what = "carries messages from publishers to subscribers",
    .tables = tables,
    .no_publisher = true,
};

int hub_open(struct hub *h, const struct app_start *start)
{
    const struct app_settings *s = &h->settings.app;
    const char *failed;
    int r;

    r = app_open(&hub_spec, start, &h->settings, &h->app);
    if (r != 0)
        return r;
    r = bus_hub_open(app_loop(h->app), s->bus_in, s->bus_out, s->bus_feed, &h->bus, &failed);
    if (r != 0)
        return say_failed(h, failed, r);
    metrics_add(&peers);
    metrics_add(&waiting);
    metrics_add(&closed);
    r = timer_open(app_loop(h->app), on_count, h, &h->count);
    if (r != 0)
        return r;
    on_count(h);
    log_info("hub-open", "publishers and subscribers may dial", KS("in", s->bus_in), KS("out", s->bus_out),
             KS("feed", s->bus_feed));
    return 0;
}

void hub_close(struct hub *h)
{
    timer_close(h->count);
    bus_hub_close(h->bus);
}
