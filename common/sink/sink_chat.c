/* Sinks that show people a text: ntfy, Telegram, and webhooks as Slack's (Mattermost, Discord's /slack). */
#include <string.h>

#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/sink/sink_text.h"
#include "common/sink/sink_writers.h"

#define TEXT_BYTES_MAX ((size_t)32 * 1024)
/* Telegram takes 4,096 characters, ntfy 4,096 bytes. */
#define CUT_BYTES    4000
#define TELEGRAM_URL "https://api.telegram.org"

static struct str text_of(const struct sink_writing *w, struct buf *text)
{
    sink_text_all(w->config->language, w->console_url, w->alerts, w->n, text);
    return sink_text_cut((struct str){ buf_str(text), text->len }, CUT_BYTES);
}

/* Priorities of ntfy: 5 max, 4 high, 2 low. */
static const char *ntfy_priority(const struct sink_writing *w)
{
    const char *priority = "2";

    for (int i = 0; i < w->n; i++) {
        if (w->alerts[i].firing && strcmp(sink_alert_severity(&w->alerts[i]), "critical") == 0)
            return "5";
        if (w->alerts[i].firing)
            priority = "4";
    }
    return priority;
}

/* A header holds ASCII only: the title is the name. The text of one alert has no title of its own then. */
void sink_write_ntfy(const struct sink_writing *w, struct sink_message *m)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(TEXT_BYTES_MAX);
    const struct sink_alert *a = w->alerts;
    struct str cut;

    (void)buf_adds(&m->url, w->config->url);
    (void)buf_addf(&m->headers,
                   "Content-Type: text/plain; charset=utf-8\nTitle: %s %s\nPriority: %s\nTags: %s\n",
                   sink_alert_name(a), sink_alert_status(a), ntfy_priority(w),
                   a->firing ? "rotating_light" : "white_check_mark");
    if (w->config->token)
        (void)buf_addf(&m->headers, "Authorization: Bearer %s\n", w->config->token);
    if (w->n == 1 && w->config->language == LANGUAGE_EN)
        sink_text_rest(LANGUAGE_EN, w->console_url, a, &text);
    else
        sink_text_all(w->config->language, w->console_url, a, w->n, &text);
    cut = sink_text_cut((struct str){ buf_str(&text), text.len }, CUT_BYTES);
    (void)buf_add(&m->body, cut.p, cut.n);
}

void sink_write_telegram(const struct sink_writing *w, struct sink_message *m)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(TEXT_BYTES_MAX);
    struct json_out j = JSON_OUT(&m->body);
    const char *base = w->config->url ? w->config->url : TELEGRAM_URL;
    size_t n = strlen(base);

    (void)buf_add(&m->url, base, n > 0 && base[n - 1] == '/' ? n - 1 : n);
    (void)buf_addf(&m->url, "/bot%s/sendMessage", w->config->token);
    (void)buf_adds(&m->headers, "Content-Type: application/json\n");
    json_open(&j, NULL, '{');
    json_texts(&j, "chat_id", w->config->chat);
    json_text(&j, "text", text_of(w, &text));
    json_bool(&j, "disable_web_page_preview", true);
    json_close(&j, '}');
}

/* Slack reads & < > as the beginning of markup; Mattermost and Discord call everybody for @all, @everyone: a space without
 * width takes that from a name which somebody else has chosen. */
static void escape(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '&')
            (void)buf_adds(out, "&amp;");
        else if (text.p[i] == '<')
            (void)buf_adds(out, "&lt;");
        else if (text.p[i] == '>')
            (void)buf_adds(out, "&gt;");
        else if (text.p[i] == '@')
            (void)buf_adds(out, "@\u200b");
        else
            (void)buf_add(out, text.p + i, 1);
    }
}

void sink_write_slack(const struct sink_writing *w, struct sink_message *m)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(TEXT_BYTES_MAX);
    CLEANUP(buf_fini) struct buf escaped = BUF_INIT(TEXT_BYTES_MAX * 5);
    struct json_out j = JSON_OUT(&m->body);

    escape(text_of(w, &text), &escaped);
    (void)buf_adds(&m->url, w->config->url);
    (void)buf_adds(&m->headers, "Content-Type: application/json\n");
    json_open(&j, NULL, '{');
    json_text(&j, "text", (struct str){ buf_str(&escaped), escaped.len });
    json_close(&j, '}');
}
