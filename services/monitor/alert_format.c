/*
 * ALERT_URL gets the shape of Prometheus' Alertmanager (webhook version 4), which most receivers understand;
 * ALERT_NTFY_URL gets one line of text with ntfy's headers.
 */
#include "services/monitor/alert_format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/json_out.h"

#define RETRY_MIN_MS 1000
/* An hour's outage of a sink costs a dozen calls, and at most five minutes after its end. */
#define RETRY_MAX_MS (5 * 60 * 1000)

const char *sink_kind_text(enum sink_kind k)
{
    return k == SINK_NTFY ? "ntfy" : "alertmanager";
}

int64_t sink_retry_ms(int tries)
{
    int64_t ms = RETRY_MIN_MS;

    for (int n = 1; n < tries && ms < RETRY_MAX_MS; n++)
        ms *= 2;
    return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}

static const char *status_of(const struct sink_alert *a)
{
    return a->firing ? "firing" : "resolved";
}

static void write_labels(struct json_out *j, const char *key, const struct sink_alert *a)
{
    json_open(j, key, '{');
    json_texts(j, "alertname", alert_kind_text(a->kind));
    json_texts(j, "bridge", a->bridge);
    if (a->session[0])
        json_texts(j, "session", a->session);
    json_texts(j, "severity", alert_severity(a->kind));
    json_close(j, '}');
}

static void write_annotations(struct json_out *j, const char *key, const struct sink_alert *a)
{
    json_open(j, key, '{');
    json_texts(j, "summary", a->text);
    json_close(j, '}');
}

/* Over the labels: the same alert has the same fingerprint when it fires and when it is resolved. */
static uint64_t fingerprint(const struct sink_alert *a)
{
    const char *parts[] = { alert_kind_text(a->kind), a->bridge, a->session };
    uint64_t h = HASH_START;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        h = hash_add(h, parts[i], strlen(parts[i]) + 1); /* with its end, so that "a" "bc" is not "ab" "c" */
    return h;
}

static void write_alert(struct json_out *j, const struct sink_alert *a)
{
    char started[40], ended[40], print[24];

    (void)snprintf(print, sizeof print, "%016" PRIx64, fingerprint(a));
    json_open(j, NULL, '{');
    json_texts(j, "status", status_of(a));
    write_labels(j, "labels", a);
    write_annotations(j, "annotations", a);
    json_texts(j, "startsAt", text_time(a->started_at, started, sizeof started));
    json_texts(j, "endsAt",
               a->ended_at ? text_time(a->ended_at, ended, sizeof ended) : "0001-01-01T00:00:00Z");
    json_texts(j, "generatorURL", "");
    json_texts(j, "fingerprint", print);
    json_close(j, '}');
}

static void write_alertmanager(const struct sink_alert *a, struct buf *headers, struct buf *body)
{
    struct json_out j = JSON_OUT(body);
    char group[256];

    (void)buf_adds(headers, "Content-Type: application/json\n");
    (void)snprintf(group, sizeof group, "{}:{alertname=\"%s\", bridge=\"%s\"}", alert_kind_text(a->kind),
                   a->bridge);
    json_open(&j, NULL, '{');
    json_texts(&j, "version", "4");
    json_texts(&j, "groupKey", group);
    json_int(&j, "truncatedAlerts", 0);
    json_texts(&j, "status", status_of(a));
    json_texts(&j, "receiver", "zapkeep");
    json_open(&j, "groupLabels", '{');
    json_texts(&j, "alertname", alert_kind_text(a->kind));
    json_texts(&j, "bridge", a->bridge);
    json_close(&j, '}');
    write_labels(&j, "commonLabels", a);
    write_annotations(&j, "commonAnnotations", a);
    json_texts(&j, "externalURL", "");
    json_open(&j, "alerts", '[');
    write_alert(&j, a);
    json_close(&j, ']');
    json_close(&j, '}');
}

/* Priorities of ntfy: 5 max, 4 high, 2 low. */
static const char *ntfy_priority(const struct sink_alert *a)
{
    if (!a->firing)
        return "2";
    return strcmp(alert_severity(a->kind), "critical") == 0 ? "5" : "4";
}

static void write_ntfy(const struct sink_alert *a, struct buf *headers, struct buf *body)
{
    (void)buf_addf(headers, "Content-Type: text/plain; charset=utf-8\nTitle: %s %s\nPriority: %s\nTags: %s\n",
                   alert_kind_text(a->kind), status_of(a), ntfy_priority(a),
                   a->firing ? "rotating_light" : "white_check_mark");
    (void)buf_adds(body, a->text);
}

void alert_format_write(enum sink_kind k, const struct sink_alert *a, struct buf *ret_headers,
                        struct buf *ret_body)
{
    if (k == SINK_NTFY)
        write_ntfy(a, ret_headers, ret_body);
    else
        write_alertmanager(a, ret_headers, ret_body);
}
