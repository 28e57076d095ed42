/* A webhook of our own, signed as Standard Webhooks say; and a program that gets the alert in its environment. */
#include <inttypes.h>
#include <stdio.h>

#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/sink/sink_text.h"
#include "common/sink/sink_writers.h"

#define TEXT_BYTES_MAX ((size_t)8 * 1024)

static void write_alert(const struct sink_writing *w, struct json_out *j, const struct sink_alert *a)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(TEXT_BYTES_MAX);
    char at[40];

    json_open(j, NULL, '{');
    json_texts(j, "name", sink_alert_name(a));
    json_texts(j, "status", sink_alert_status(a));
    json_texts(j, "severity", sink_alert_severity(a));
    json_texts(j, "bridge", a->bridge);
    json_text(j, "session", a->session[0] ? str_from(a->session) : STR_NULL);
    sink_text_title(w->config->language, a, &text);
    json_texts(j, "title", buf_str(&text));
    json_texts(j, "step", alert_step(w->config->language, a->kind));
    json_texts(j, "text", a->text);
    json_texts(j, "started_at", text_time(a->started_at, at, sizeof at));
    json_text(j, "ended_at", a->ended_at ? str_from(text_time(a->ended_at, at, sizeof at)) : STR_NULL);
    buf_reset(&text);
    sink_text_link(w->console_url, a, &text);
    json_text(j, "link", text.len ? str_from(buf_str(&text)) : STR_NULL);
    json_close(j, '}');
}

/* A message that is sent again has the same id: a receiver drops the ids that it knows. */
static void sign(const struct sink_writing *w, struct sink_message *m)
{
    const struct tokens *secrets = &w->config->secrets;
    char id[64], timestamp[24], signature[64];

    (void)snprintf(id, sizeof id, "alert_%" PRId64 "_%" PRId64, w->alerts[0].started_at, w->alerts[0].id);
    (void)snprintf(timestamp, sizeof timestamp, "%" PRId64, w->now_ms / 1000);
    (void)buf_addf(&m->headers, "webhook-id: %s\nwebhook-timestamp: %s\nwebhook-signature:", id, timestamp);
    for (int i = 0; i < secrets->n; i++) {
        if (signature_standard(secrets->token[i], str_from(id), str_from(timestamp),
                               (struct str){ buf_str(&m->body), m->body.len }, signature) == 0)
            (void)buf_addf(&m->headers, " %s", signature);
    }
    (void)buf_adds(&m->headers, "\n");
}

void sink_write_webhook(const struct sink_writing *w, struct sink_message *m)
{
    struct json_out j = JSON_OUT(&m->body);
    char now[40];

    (void)buf_adds(&m->url, w->config->url);
    (void)buf_adds(&m->headers, "Content-Type: application/json\n");
    json_open(&j, NULL, '{');
    json_texts(&j, "type", "zapkeep.alert");
    json_texts(&j, "timestamp", text_time(w->now_ms, now, sizeof now));
    json_open(&j, "data", '{');
    json_open(&j, "alerts", '[');
    for (int i = 0; i < w->n; i++)
        write_alert(w, &j, &w->alerts[i]);
    json_close(&j, ']');
    json_close(&j, '}');
    json_close(&j, '}');
    sign(w, m);
}

/* ---- a program ------------------------------------------------------------------------------- */

static void add_entry(struct sink_message *m, const char *name, const char *value)
{
    (void)buf_addf(&m->headers, "ZAPKEEP_ALERT_%s=%s", name, value);
    (void)buf_add(&m->headers, "", 1);
}

/* Of several alerts the names are those of the first; the text is of all. */
void sink_write_program(const struct sink_writing *w, struct sink_message *m)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(TEXT_BYTES_MAX);
    CLEANUP(buf_fini) struct buf link = BUF_INIT(TEXT_BYTES_MAX);
    const struct sink_alert *a = w->alerts;
    char count[24];

    sink_text_all(w->config->language, w->console_url, a, w->n, &text);
    sink_text_link(w->console_url, a, &link);
    (void)snprintf(count, sizeof count, "%d", w->n);
    add_entry(m, "NAME", sink_alert_name(a));
    add_entry(m, "STATUS", sink_alert_status(a));
    add_entry(m, "SEVERITY", sink_alert_severity(a));
    add_entry(m, "BRIDGE", a->bridge);
    add_entry(m, "SESSION", a->session);
    add_entry(m, "COUNT", count);
    add_entry(m, "TEXT", buf_str(&text));
    add_entry(m, "LINK", link.len ? buf_str(&link) : "");
}
