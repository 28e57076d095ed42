/* The shape of Prometheus' Alertmanager (webhook version 4), which most receivers understand. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/sink/sink_text.h"
#include "common/sink/sink_writers.h"

static void write_labels(struct json_out *j, const char *key, const struct sink_alert *a)
{
    json_open(j, key, '{');
    json_texts(j, "alertname", sink_alert_name(a));
    json_texts(j, "bridge", a->bridge);
    if (a->session[0])
        json_texts(j, "session", a->session);
    json_texts(j, "severity", sink_alert_severity(a));
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
    const char *parts[] = { sink_alert_name(a), a->bridge, a->session };
    uint64_t h = HASH_START;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        h = hash_add(h, parts[i], strlen(parts[i]) + 1); /* with its end, so that "a" "bc" is not "ab" "c" */
    return h;
}

static void write_alert(const struct sink_writing *w, struct json_out *j, const struct sink_alert *a)
{
    CLEANUP(buf_fini) struct buf link = BUF_INIT(4096);
    char started[40], ended[40], print[24];

    (void)snprintf(print, sizeof print, "%016" PRIx64, fingerprint(a));
    sink_text_link(w->console_url, a, &link);
    json_open(j, NULL, '{');
    json_texts(j, "status", sink_alert_status(a));
    write_labels(j, "labels", a);
    write_annotations(j, "annotations", a);
    json_texts(j, "startsAt", text_time(a->started_at, started, sizeof started));
    json_texts(j, "endsAt",
               a->ended_at ? text_time(a->ended_at, ended, sizeof ended) : "0001-01-01T00:00:00Z");
    json_texts(j, "generatorURL", link.len ? buf_str(&link) : "");
    json_texts(j, "fingerprint", print);
    json_close(j, '}');
}

/* Of a group: firing while one of them is. */
static bool is_firing(const struct sink_writing *w)
{
    for (int i = 0; i < w->n; i++) {
        if (w->alerts[i].firing)
            return true;
    }
    return false;
}

/* The labels that all of them share; of one alert all its labels. */
static void write_common(const struct sink_writing *w, struct json_out *j)
{
    if (w->n == 1) {
        write_labels(j, "commonLabels", w->alerts);
        write_annotations(j, "commonAnnotations", w->alerts);
        return;
    }
    json_raw(j, "commonLabels", STR_LIT("{}"));
    json_raw(j, "commonAnnotations", STR_LIT("{}"));
}

void sink_write_alertmanager(const struct sink_writing *w, struct sink_message *m)
{
    struct json_out j = JSON_OUT(&m->body);
    const struct sink_alert *a = w->alerts;
    char group[256];

    (void)buf_adds(&m->url, w->config->url);
    (void)buf_adds(&m->headers, "Content-Type: application/json\n");
    (void)snprintf(group, sizeof group, "{}:{alertname=\"%s\", bridge=\"%s\"}", sink_alert_name(a),
                   a->bridge);
    json_open(&j, NULL, '{');
    json_texts(&j, "version", "4");
    json_texts(&j, "groupKey", group);
    json_int(&j, "truncatedAlerts", 0);
    json_texts(&j, "status", is_firing(w) ? "firing" : "resolved");
    json_texts(&j, "receiver", "zapkeep");
    json_open(&j, "groupLabels", '{');
    json_texts(&j, "alertname", sink_alert_name(a));
    json_texts(&j, "bridge", a->bridge);
    json_close(&j, '}');
    write_common(w, &j);
    json_texts(&j, "externalURL", w->console_url);
    json_open(&j, "alerts", '[');
    for (int i = 0; i < w->n; i++)
        write_alert(w, &j, &a[i]);
    json_close(&j, ']');
    json_close(&j, '}');
}
