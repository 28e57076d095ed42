/* Webhook bodies as zapw writes them. */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/bridge-sim/sim.h"

/* Longest body that is made: the largest an ingest has to take, and one more for tests of its limit. */
#define HOOK_BODY_MAX (2 * 1024 * 1024)

static void queue(struct sim *s, const char *event, const struct buf *body, int64_t number)
{
    struct hook *h = s->settings.webhook_url[0] ? mem_alloc(sizeof *h + body->len) : NULL;

    if (!h || buf_error(body) != 0) {
        mem_free(h);
        return;
    }
    *h = (struct hook){ .number = number, .n = body->len };
    (void)snprintf(h->event, sizeof h->event, "%s", event);
    memcpy(h->body, body->data, body->len);
    s->counters.made++;
    if (s->lose_webhooks > 0) {
        s->lose_webhooks--;
        s->counters.lost++;
        mem_free(h);
        return;
    }
    sender_queue(s->sender, h);
}

static void envelope(struct sim *s, struct buf *body, const struct sim_session *x, const char *event)
{
    (void)buf_addf(
        body,
        "{\"sessionId\":\"%s\",\"origin\":\"%s\",\"eventType\":\"%s\",\"timestamp\":%lld,\"data\":", x->id,
        x->paired ? "5511999" : x->id, event, (long long)sim_wall(s));
}

void hook_session(struct sim *s, const struct sim_session *x, const char *event, const char *data_json)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(HOOK_BODY_MAX);

    envelope(s, &body, x, event);
    (void)buf_addf(&body, "%s}", data_json);
    queue(s, event, &body, -1);
}

void hook_message(struct sim *s, const struct sim_session *x)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(HOOK_BODY_MAX);
    int64_t number = s->message_n++;

    envelope(s, &body, x, "message.received");
    (void)buf_addf(
        &body,
        "{\"from\":\"551188@s.whatsapp.net\",\"to\":\"5511999:7@s.whatsapp.net\",\"messageId\":\"SIM%lld\","
        "\"timestamp\":%lld,\"isGroup\":false,\"type\":\"text\",\"text\":\"hi",
        (long long)number, (long long)sim_wall(s) / 1000 * 1000);
    while ((int64_t)body.len + 3 < s->settings.body_bytes && buf_adds(&body, " there") == 0)
        continue;
    (void)buf_adds(&body, "\"}}");
    queue(s, "message.received", &body, number);
}
