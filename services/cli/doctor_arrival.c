/*
 * Do the bridge's own webhooks arrive? Where it has zapkeep's extension, it is asked to send one now, and
 * that one is looked for in the log: the bridge's URL, its way here and its token are tried in one. Otherwise
 * the newest webhook in the log has to do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/domain/event_type.h"
#include "common/ops/open_state.h"
#include "common/store/events.h"
#include "common/store/store.h"
#include "services/cli/doctor.h"

/* The bridge sends at once; a slow one has this long. */
#define ARRIVAL_WAIT_MS 5000
#define ARRIVAL_LOOK_MS 200
/* Rows looked through for the bridge's newest webhook. */
#define NEWEST_ROWS EVENT_READ_ROWS_MAX

static const char set_webhook_url[] =
    "set WEBHOOK_URL at the bridge to where it reaches zapkeep-ingest, and WEBHOOK_AUTH_TOKEN as here; the "
    "released zapw "
    "needs ENABLE_WEBHOOK=true as well, and its token in the URL (http://zapkeep:TOKEN@host:8000/…)";

static bool is_probe(const struct event *e)
{
    return str_eq(e->type, "event.other") &&
           memmem(e->body.p, e->body.n, PROBE_EVENT_TYPE, sizeof PROBE_EVENT_TYPE - 1);
}

static void no_log(struct finding *f)
{
    finding_set(f, FINDING_SKIP, "", "the event log cannot be read: the check \"log\" says why");
}

/* -- received webhooks -- */

/* When the newest webhook that is no probe came, 0: none among the newest rows. Returns 0 or a negative. */
static int newest_webhook(const struct doctor *d, int64_t *ret_at, int64_t *ret_head)
{
    const struct event_filter filter = { .bridge = str_from(d->settings.cli.bridge.name) };
    CLEANUP(event_rows_fini) struct event_rows rows = EVENT_ROWS_NULL;
    struct event_reader *reader = NULL;
    int64_t oldest = 0, head = 0;
    int r = event_reader_open(app_store(&d->settings.cli.app), &reader);

    if (r == 0)
        r = event_bounds(reader, &oldest, &head);
    if (r == 0)
        r = event_read(reader, head > NEWEST_ROWS ? head - NEWEST_ROWS + 1 : 1, &filter, NEWEST_ROWS, &rows);
    event_reader_close(reader);
    if (r)
        return r;
    *ret_at = 0;
    *ret_head = head;
    for (int i = 0; i < rows.n; i++) {
        if (!is_probe(&rows.rows[i]))
            *ret_at = rows.rows[i].at;
    }
    return 0;
}

static void judge_log(struct doctor *d, struct finding *f)
{
    int64_t at = 0, head = 0;
    char when[40];
    int r = newest_webhook(d, &at, &head);

    if (r)
        no_log(f);
    else if (at)
        finding_set(f, FINDING_OK, "", "the bridge's newest webhook came at %s",
                    text_time(at, when, sizeof when));
    else if (head > NEWEST_ROWS)
        finding_set(f, FINDING_NOTE, "", "none of the newest %d events is the bridge's", NEWEST_ROWS);
    else
        finding_set(f, d->connected > 0 ? FINDING_BAD : FINDING_NOTE, set_webhook_url,
                    "no webhook of bridge \"%s\" has ever arrived", d->settings.cli.bridge.name);
}

/* -- a probe by the bridge -- */

/* Lets the bridge send one. "" : it did not. */
static char *order_probe(struct doctor *d, char *ret, size_t n)
{
    static const struct json_path paths[] = { { 0, { "nonce" } } };
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    struct json_value v = { 0 };

    if (doctor_ask(d, "POST", "/extension/probe", &reply) == 0 && reply.answer.status == 202)
        (void)json_in_find(reply.answer.body, paths, 1, &v);
    return json_in_text(v, ret, n);
}

/* Is it in the log, at or after *seq? Moves *seq on. */
static bool has_arrived(struct event_reader *reader, const char *nonce, int64_t *seq)
{
    CLEANUP(event_rows_fini) struct event_rows rows = EVENT_ROWS_NULL;

    do {
        if (event_read(reader, *seq, NULL, EVENT_READ_ROWS_MAX, &rows))
            return false;
        for (int i = 0; i < rows.n; i++) {
            if (is_probe(&rows.rows[i]) &&
                memmem(rows.rows[i].body.p, rows.rows[i].body.n, nonce, strlen(nonce)))
                return true;
        }
        *seq = rows.next_seq;
    } while (*seq <= rows.head_seq);
    return false;
}

static bool wait_for_arrival(struct doctor *d, struct event_reader *reader, const char *nonce, int64_t seq)
{
    for (int64_t waited = 0; waited <= ARRIVAL_WAIT_MS; waited += ARRIVAL_LOOK_MS) {
        if (has_arrived(reader, nonce, &seq))
            return true;
        (void)cli_bridge_sleep(&d->bridge, ARRIVAL_LOOK_MS);
    }
    return false;
}

static void judge_probe(struct doctor *d, struct finding *f)
{
    struct event_reader *reader = NULL;
    int64_t oldest = 0, head = 0;
    char nonce[40] = "";
    int r = event_reader_open(app_store(&d->settings.cli.app), &reader);

    if (r == 0)
        r = event_bounds(reader, &oldest, &head);
    if (r)
        no_log(f);
    else if (!*order_probe(d, nonce, sizeof nonce))
        finding_set(f, FINDING_WARN, "look at the bridge's own log", "the bridge did not send a probe");
    else if (wait_for_arrival(d, reader, nonce, head + 1))
        finding_set(f, FINDING_OK, "", "the bridge sent a webhook, and it arrived");
    else
        finding_set(f, FINDING_BAD, set_webhook_url,
                    "the bridge sent a webhook, and it did not arrive within %d s", ARRIVAL_WAIT_MS / 1000);
    event_reader_close(reader);
}

/* -- webhooks that do not arrive -- */

/* doctor itself is refused once a run; more refusals than that, and more than taken webhooks, are somebody's. */
#define REFUSED_MIN 5

/* The value of a counter with this code in webhook-ingest's metrics, 0: none. */
static int64_t count_of(const char *metrics, const char *code)
{
    char series[80];
    const char *at;

    (void)snprintf(series, sizeof series, "\nzapkeep_ingest_requests_total{code=\"%s\"} ", code);
    at = strstr(metrics, series);
    return at ? strtoll(at + strlen(series), NULL, 10) : 0;
}

/* A wrong token: nothing of it is stored, so the counters of webhook-ingest have to show it. */
static bool find_refused(struct doctor *d, struct finding *f)
{
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    int64_t refused, taken;

    if (!d->ingest_good || doctor_get_ingest(d, "/metrics", &reply) != 0 || reply.answer.status != 200)
        return false;
    refused = count_of(buf_str(&reply.body), "401");
    taken = count_of(buf_str(&reply.body), "200");
    if (refused < REFUSED_MIN || refused <= taken)
        return false;
    finding_set(f, FINDING_BAD,
                "let the bridge present WEBHOOK_AUTH_TOKEN as zapkeep-ingest has it; the released zapw "
                "presents it in the URL "
                "(http://zapkeep:TOKEN@host:8000/…)",
                "since it started, webhook-ingest has refused %lld requests for their token and taken %lld",
                (long long)refused, (long long)taken);
    return true;
}

static bool is_watched(struct db *db, struct str bridge)
{
    struct bridge_row row = { 0 };
    char name[BRIDGES_NAME_MAX];

    str_copy(bridge, name, sizeof name);
    return bridges_find(db, name, &row) == 0 && row.unwatched_since == 0;
}

/* Webhooks with the name of a bridge that no monitor watches: a wrong path in the bridge's WEBHOOK_URL. */
static bool find_unwatched(struct doctor *d, struct finding *f)
{
    CLEANUP(event_rows_fini) struct event_rows rows = EVENT_ROWS_NULL;
    struct event_reader *reader = NULL;
    int64_t oldest = 0, head = 0;
    struct db *db = NULL;
    bool found = false;
    int r = event_reader_open(app_store(&d->settings.cli.app), &reader);

    if (r == 0)
        r = event_bounds(reader, &oldest, &head);
    if (r == 0)
        r = event_read(reader, head > NEWEST_ROWS ? head - NEWEST_ROWS + 1 : 1, NULL, NEWEST_ROWS, &rows);
    if (r == 0)
        r = ops_open_state(app_store(&d->settings.cli.app), &db);
    for (int i = rows.n - 1; r == 0 && i >= 0 && !found; i--) {
        found = !is_probe(&rows.rows[i]) && !is_watched(db, rows.rows[i].bridge);
        if (found)
            finding_set(f, FINDING_WARN,
                        "correct the path of WEBHOOK_URL at that bridge, or start a monitor with that "
                        "WHATSAPP_BRIDGE_NAME",
                        "webhooks arrive for bridge \"%.*s\", which no monitor watches",
                        (int)rows.rows[i].bridge.n, rows.rows[i].bridge.p);
    }
    event_reader_close(reader);
    db_close(db);
    return found;
}

void doctor_arrival(struct doctor *d, struct finding *f)
{
    if (find_refused(d, f) || find_unwatched(d, f))
        return;
    if (d->has_probe && !d->settings.no_probe && d->ingest_good)
        judge_probe(d, f);
    else
        judge_log(d, f);
}
