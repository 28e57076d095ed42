/*
 * The path of a webhook: webhook-ingest, its token, the log, the bus. The probe goes it from end to end: an
 * event of a type of its own (zapkeep.probe, stored as event.other), without a session.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/base/url.h"
#include "common/bridge/signature.h"
#include "common/bridge/subscription.h"
#include "common/domain/event_type.h"
#include "common/io/bus_url.h"
#include "common/store/events.h"
#include "common/store/store.h"
#include "services/cli/doctor.h"

/* nng connects within this time when the hub is there; log.head comes every second. */
#define HUB_WAIT_MS 3500

/* -- asking webhook-ingest -- */

/* The token; of a bridge that signs its webhooks and has none, the signature. */
static void add_token(const struct doctor *d, struct str body, struct buf *headers)
{
    const struct bridge_driver *driver = d->bridge.driver;
    const char *secrets = d->settings.secret;

    if (*d->token)
        (void)buf_addf(headers, "X-Webhook-Token: %s\n", d->token);
    else if (*secrets && driver && driver->signatures) {
        const int *scheme = driver->signatures; /* the first that signs the body alone */

        while (*scheme && signature_make(*scheme, subscription_first(secrets), body, headers) == -ENOTSUP)
            scheme++;
    }
}

static int post(struct doctor *d, bool with_token, const char *content_type, struct str body,
                struct cli_reply *ret)
{
    struct bridge_request req = { .method = "POST",
                                  .url = BUF_INIT(SETTINGS_VALUE_MAX),
                                  .headers = BUF_INIT(SETTINGS_VALUE_MAX),
                                  .body = BUF_INIT(SETTINGS_VALUE_MAX) };

    (void)buf_adds(&req.url, d->webhook_url);
    (void)buf_addf(&req.headers, "Content-Type: %s\nX-Zapkeep-Probe: yes\n", content_type);
    if (with_token)
        add_token(d, body, &req.headers);
    (void)buf_add(&req.body, body.p, body.n);
    return cli_bridge_call(&d->bridge, &req, 0, ret);
}

int doctor_get_ingest(struct doctor *d, const char *path, struct cli_reply *ret)
{
    struct bridge_request req = { .method = "GET", .url = BUF_INIT(SETTINGS_VALUE_MAX) };
    struct url u;

    if (url_parse(d->webhook_url, &u) == 0)
        (void)buf_add(&req.url, d->webhook_url,
                      (size_t)((u.path.p    ? u.path.p
                                : u.query.p ? u.query.p - 1
                                            : d->webhook_url + strlen(d->webhook_url)) -
                               d->webhook_url));
    (void)buf_adds(&req.url, path);
    return cli_bridge_call(&d->bridge, &req, 0, ret);
}

static const char *transport_message(int r, const struct cli_reply *reply)
{
    if (r)
        return err_text(r);
    return reply->detail[0] ? reply->detail : http_error_text(reply->error);
}

void doctor_ingest(struct doctor *d, struct finding *f)
{
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    int r;

    if (!*d->webhook_url) {
        finding_set(f, FINDING_BAD, "set WEBHOOK_URL to where the bridge posts its webhooks",
                    "WEBHOOK_URL is not known");
        return;
    }
    r = doctor_get_ingest(d, "/ready", &reply);
    if (r || !reply.answer.status) {
        finding_set(f, FINDING_BAD, "start zapkeep-ingest, or set WEBHOOK_URL to where it listens",
                    "webhook-ingest is not there: %s", transport_message(r, &reply));
        return;
    }
    d->ingest_good = reply.answer.status == 200;
    if (d->ingest_good)
        finding_set(f, FINDING_OK, "", "webhook-ingest is ready, answered in %lld ms",
                    (long long)reply.took_ms);
    else
        finding_set(f, FINDING_BAD, "look at zapkeep-ingest's log: what it lacks is in this answer",
                    "webhook-ingest is not ready (%d): %.200s", reply.answer.status,
                    reply.body.data ? clean_text(reply.body.data) : "");
}

/* A body that is not JSON is refused after its signature was checked, and nothing is kept. */
static void try_secret(struct doctor *d, struct finding *f)
{
    CLEANUP(cli_reply_fini) struct cli_reply with = CLI_REPLY_NULL, without = CLI_REPLY_NULL;

    if (!d->bridge.driver || !d->bridge.driver->signatures) {
        finding_set(f, FINDING_WARN, "set WEBHOOK_AUTH_TOKEN, and give it to the bridge",
                    "WEBHOOK_SECRET is set, but %s signs no webhooks",
                    d->bridge.driver ? d->bridge.driver->name : "the bridge");
        return;
    }
    if (post(d, true, "application/json", STR_LIT("probe"), &with) ||
        post(d, false, "application/json", STR_LIT("probe"), &without)) {
        finding_set(f, FINDING_BAD, "", "webhook-ingest does not answer");
        return;
    }
    d->token_good = with.answer.status == 400;
    if (!d->token_good)
        finding_set(f, with.answer.status == 401 ? FINDING_BAD : FINDING_WARN,
                    "use the same WEBHOOK_SECRET here, at zapkeep-ingest and at the bridge",
                    "webhook-ingest answers a webhook that is signed with this WEBHOOK_SECRET with %d",
                    with.answer.status);
    else if (without.answer.status != 401)
        finding_set(f, FINDING_WARN, "set WEBHOOK_SECRET at zapkeep-ingest, too",
                    "webhook-ingest takes webhooks that are not signed");
    else
        finding_set(f, FINDING_OK, "",
                    "webhooks signed with WEBHOOK_SECRET are accepted; others are refused");
}

/* A body that is not JSON by its Content-Type is refused after the token was checked, and nothing is kept. */
static void try_token(struct doctor *d, struct finding *f)
{
    CLEANUP(cli_reply_fini) struct cli_reply with = CLI_REPLY_NULL, without = CLI_REPLY_NULL;
    char url[300];

    if (post(d, true, "text/plain", STR_LIT("probe"), &with) ||
        post(d, false, "text/plain", STR_LIT("probe"), &without)) {
        finding_set(f, FINDING_BAD, "", "webhook-ingest does not answer");
        return;
    }
    d->token_good = with.answer.status == 415;
    if (with.answer.status == 401)
        finding_set(f, FINDING_BAD,
                    "use the same WEBHOOK_AUTH_TOKEN here, at zapkeep-ingest and at the bridge",
                    *d->token ? "webhook-ingest refuses this WEBHOOK_AUTH_TOKEN"
                              : "webhook-ingest wants a token, and WEBHOOK_AUTH_TOKEN is not set here");
    else if (!d->token_good)
        finding_set(f, FINDING_BAD, "is WEBHOOK_URL that of zapkeep-ingest, with its path?",
                    "%s answers a webhook with %d", url_display(d->webhook_url, url, sizeof url),
                    with.answer.status);
    else if (without.answer.status == 415)
        finding_set(f, FINDING_WARN, "set WEBHOOK_AUTH_TOKEN at zapkeep-ingest and at the bridge",
                    "webhook-ingest takes webhooks from anybody who reaches its port");
    else
        finding_set(f, FINDING_OK, "", "the token is accepted; requests without one are refused");
}

void doctor_token(struct doctor *d, struct finding *f)
{
    if (!d->ingest_good)
        finding_set(f, FINDING_SKIP, "", "not tried: webhook-ingest is not ready");
    else if (!*d->token && *d->settings.secret)
        try_secret(d, f);
    else
        try_token(d, f);
}

/* -- the bus -- */

static void on_message(void *ctx, struct str bytes)
{
    struct doctor *d = ctx;
    struct message m;

    if (message_decode(bytes, &m))
        return;
    if (m.seq != MESSAGE_UNSET && m.seq > d->bus_seq)
        d->bus_seq = m.seq;
    if (d->bus_seq >= d->wait_seq)
        loop_stop(d->bridge.loop);
}

/* Waits until the bus has announced this seq or a later one. */
static bool wait_for_notification(struct doctor *d, int64_t seq)
{
    d->wait_seq = seq;
    if (d->bus_seq < seq)
        (void)cli_bridge_sleep(&d->bridge, HUB_WAIT_MS);
    d->wait_seq = INT64_MAX;
    return d->bus_seq >= seq;
}

void doctor_bus(struct doctor *d, struct finding *f)
{
    const struct app_settings *app = &d->settings.cli.app;
    const struct {
        const char *name, *url;
    } addresses[] = { { "ZAPKEEP_BUS_IN", app->bus_in },
                      { "ZAPKEEP_BUS_OUT", app->bus_out },
                      { "ZAPKEEP_BUS_FEED", app->bus_feed } };
    enum bus_reach widest = BUS_REACH_FILE;
    size_t at = 0;

    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        if (*addresses[i].url && bus_url_reach(addresses[i].url) > widest) {
            widest = bus_url_reach(addresses[i].url);
            at = i;
        }
    }
    if (widest == BUS_REACH_NETWORK)
        finding_set(f, FINDING_WARN, "use tls+tcp:// with certificates, or ipc:// on one machine",
                    "%s is %s: everybody who reaches it reads and writes all messages", addresses[at].name,
                    addresses[at].url);
    else if (widest == BUS_REACH_MACHINE)
        finding_set(f, FINDING_NOTE, "leave the ZAPKEEP_BUS_ settings out, or use ipc://",
                    "%s is %s: every user of this machine reads and writes all messages", addresses[at].name,
                    addresses[at].url);
    else
        finding_set(f, FINDING_OK, "",
                    widest == BUS_REACH_TLS ? "the bus asks for a certificate"
                                            : "the bus is open to the service's user and group only");
}

void doctor_hub(struct doctor *d, struct finding *f)
{
    static const char *const topics[] = { "" };
    const struct app_settings *app = &d->settings.cli.app;
    const char *url = app_bus(app);
    int r = bus_sub_open(d->bridge.loop, url, topics, 1, on_message, NULL, d, &d->sub);

    if (r) {
        finding_set(f, FINDING_BAD, "correct it", "cannot dial %s %s: %s", app_bus_name(app), url,
                    err_text(r));
        return;
    }
    if (wait_for_notification(d, 0))
        finding_set(f, FINDING_OK, "", "the hub at %s is delivering messages", url);
    else if (bus_sub_connected(d->sub))
        finding_set(f, FINDING_BAD, "is zapkeep-ingest running, with ZAPKEEP_BUS_IN at the same hub?",
                    "the hub at %s is there, but no log.head came within %d ms", url, HUB_WAIT_MS);
    else
        finding_set(f, FINDING_BAD,
                    "start zapkeep-hub, or correct the address; without it everything works, but later",
                    "no hub at %s %s", app_bus_name(app), url);
}

/* -- the probe -- */

static int send_probe(struct doctor *d, struct cli_reply *ret)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(SETTINGS_VALUE_MAX);
    struct json_out j = JSON_OUT(&body);
    uint64_t nonce;

    rng_secret(&nonce, sizeof nonce);
    json_open(&j, NULL, '{');
    json_texts(&j, "eventType", PROBE_EVENT_TYPE);
    json_texts(&j, "event", PROBE_EVENT_TYPE); /* the same in the words of other bridges */
    json_texts(&j, "type", PROBE_EVENT_TYPE);
    json_int(&j, "timestamp", d->clock.wall_ms(&d->clock));
    json_open(&j, "data", '{');
    json_int(&j, "nonce", (int64_t)(nonce >> 1));
    json_close(&j, '}');
    json_close(&j, '}');
    return post(d, true, "application/json", (struct str){ body.data, body.len }, ret);
}

static int64_t read_seq(const struct cli_reply *reply)
{
    static const struct json_path paths[] = { { 0, { "seq" } } };
    struct json_value v;
    int64_t seq = 0;

    (void)json_in_find(reply->answer.body, paths, 1, &v);
    return reply->answer.status == 200 && json_in_i64(v, &seq) == 0 ? seq : 0;
}

/* Is that event in the log of our data directory? 0: yes; 1: another log is there; a negative: none can be
 * read. */
static int look_into_log(const struct doctor *d, int64_t seq)
{
    CLEANUP(event_rows_fini) struct event_rows rows = EVENT_ROWS_NULL;
    struct event_reader *reader = NULL;
    int r = event_reader_open(app_store(&d->settings.cli.app), &reader);

    if (r == 0)
        r = event_read(reader, seq, NULL, 1, &rows);
    if (r == 0)
        r = rows.n == 1 && memmem(rows.rows[0].body.p, rows.rows[0].body.n, PROBE_EVENT_TYPE,
                                  sizeof PROBE_EVENT_TYPE - 1)
                ? 0
                : 1;
    event_reader_close(reader);
    return r;
}

void doctor_probe(struct doctor *d, struct finding *f)
{
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    const char *store = app_store(&d->settings.cli.app);
    char name[STORE_DISPLAY_MAX];
    int r, log;

    if (d->settings.no_probe || !d->token_good) {
        finding_set(f, FINDING_SKIP, "",
                    d->settings.no_probe ? "not sent: --no-probe" : "not sent: it would be refused");
        return;
    }
    r = send_probe(d, &reply);
    d->probe_seq = r ? 0 : read_seq(&reply);
    if (!d->probe_seq) {
        finding_set(f, FINDING_BAD, "look at zapkeep-ingest's log", "a webhook was not taken (%d): %s",
                    reply.answer.status, transport_message(r, &reply));
        return;
    }
    log = look_into_log(d, d->probe_seq);
    if (log == 1)
        finding_set(f, FINDING_BAD,
                    store_is_server(store)
                        ? "set ZAPKEEP_STORE (--store) to the database that zapkeep-ingest uses"
                        : "set ZAPKEEP_DATA_DIR (--data-dir) to the folder that zapkeep-ingest uses",
                    "a webhook was stored as seq %lld, but not in %s", (long long)d->probe_seq,
                    store_display(store, name, sizeof name));
    else if (d->sub && bus_sub_connected(d->sub) && !wait_for_notification(d, d->probe_seq))
        finding_set(f, FINDING_BAD,
                    "let ZAPKEEP_BUS_IN of zapkeep-ingest and ZAPKEEP_BUS_OUT here point to one hub",
                    "a webhook was stored as seq %lld, but the bus did not deliver its notification",
                    (long long)d->probe_seq);
    else
        finding_set(f, FINDING_OK, "", "a webhook was stored as seq %lld in %lld ms%s%s",
                    (long long)d->probe_seq, (long long)reply.took_ms, log == 0 ? ", stands in the log" : "",
                    d->bus_seq >= d->probe_seq ? " and was announced" : "");
}
