#include "services/bus-hub/hub.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/io/bus_url.h"

/* How often the peers are counted for the metrics; a scrape comes every 15 s or so. */
#define COUNT_MS 1000

static const struct setting hub_table[] = {
    SETTINGS_OF(app_settings_table, struct hub_settings, app),
    APP_ADMIN_ROW("127.0.0.1:8001", "/health, /ready and /metrics of the hub; off: none"),
    { .name = "ZAPKEEP_BUS_OPEN",
      .kind = SETTING_BOOL,
      .at = offsetof(struct hub_settings, bus_open),
      .def = "false",
      .help = "yes: listen on a plain tcp:// address, where everybody who reaches it reads and writes all "
              "messages" },
    { 0 },
};

static METRIC peers = {
    .name = "zapkeep_hub_peers",
    .help = "Connections to the hub",
    .kind = METRIC_GAUGE,
    .label = "side",
    .values = { "publisher", "subscriber" },
};

static METRIC waiting = {
    .name = "zapkeep_hub_waiting_bytes",
    .help = "Bytes that the hub holds for subscribers; at 64 MiB behind a subscriber is closed",
    .kind = METRIC_GAUGE,
};

static METRIC closed = {
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
    if (r == -EKEYREJECTED)
        return app_exit(h->app, EXIT_USAGE, "%s is %s: %s", name_of(&h->settings.app, url), url,
                        BUS_KEY_REJECTED);
    return app_exit(
        h->app, r == -EINVAL ? EXIT_USAGE : EXIT_UNREACHABLE,
        "cannot listen on %s %s: %s; set another address", name_of(&h->settings.app, url), url,
        r == -EINVAL
            ? "no address to listen on, as ipc:///var/lib/zapkeep/bus-in.sock or tls+tcp://0.0.0.0:5550"
            : err_text(r));
}

static const struct app_spec hub_spec = {
    .service = "bus-hub",
    .is_service = true,
    .program = "zapkeep-hub",
    .what = "carries messages from publishers to subscribers",
    .table = hub_table,
    .no_publisher = true,
};

static bool is_plain(const char *url)
{
    enum bus_reach reach = bus_url_reach(url);

    return *url && (reach == BUS_REACH_MACHINE || reach == BUS_REACH_NETWORK);
}

/* A plain address has neither the permissions of a file nor certificates: it must be meant. */
static int refuse_plain(const struct hub *h, const char *url)
{
    if (!is_plain(url) || h->settings.bus_open)
        return 0;
    return app_exit(
        h->app, EXIT_USAGE,
        "%s is %s, where everybody who reaches it reads and writes all messages; use ipc:// (the default) or "
        "tls+tcp://, or set ZAPKEEP_BUS_OPEN=yes",
        name_of(&h->settings.app, url), url);
}

static void warn_of_plain(const struct hub *h, const char *url)
{
    if (is_plain(url))
        log_warn(
            "bus-open",
            bus_url_reach(url) == BUS_REACH_MACHINE
                ? "every user of this machine can read and write all messages; ipc:// restricts that to the "
                  "service's group"
                : "everybody who reaches this address can read and write all messages; use tls+tcp:// on a "
                  "network",
            KS("setting", name_of(&h->settings.app, url)), KS("url", url));
}

static int refuse_list(const struct hub *h, const char *urls)
{
    return app_exit(
        h->app, EXIT_USAGE,
        "%s names several hubs, as for the programs that dial them; set it to this hub's own address here",
        name_of(&h->settings.app, urls));
}

static int listen_all(struct hub *h)
{
    const struct app_settings *s = &h->settings.app;
    const char *const urls[] = { s->bus_in, s->bus_out, s->bus_feed };
    const char *failed;
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_LEN(urls); i++)
        r = strchr(urls[i], ',') ? refuse_list(h, urls[i]) : refuse_plain(h, urls[i]);
    if (r != 0)
        return r;
    (void)mkdir(s->data_dir, 0750); /* its sockets are there by default; the listeners report a fault of it */
    r = bus_hub_open(app_loop(h->app), s->bus_in, s->bus_out, s->bus_feed, &h->bus, &failed);
    if (r != 0)
        return say_failed(h, failed, r);
    for (size_t i = 0; i < ARRAY_LEN(urls); i++)
        warn_of_plain(h, urls[i]);
    return 0;
}

int hub_open(struct hub *h, const struct app_start *start)
{
    const struct app_settings *s = &h->settings.app;
    int r;

    r = app_open(&hub_spec, start, &h->settings, &h->app);
    if (r != 0)
        return r;
    r = listen_all(h);
    if (r != 0)
        return r;
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
