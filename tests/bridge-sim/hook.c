/* Webhooks on their way, and the bodies of zapw. */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/bridge-sim/dialect.h"

const char *const event_names[EVENT_N] = {
    [EVENT_RECEIVED] = "message.received",
    [EVENT_GROUP] = "message.received",
    [EVENT_SENT] = "message.sent",
    [EVENT_DELIVERED] = "message.delivered",
    [EVENT_READ] = "message.read",
    [EVENT_CONNECTED] = "session.connected",
    [EVENT_DISCONNECTED] = "session.disconnected",
    [EVENT_QR] = "session.qr",
    [EVENT_OTHER] = "",
};

const char *const event_labels[EVENT_N] = {
    [EVENT_RECEIVED] = "received",         [EVENT_GROUP] = "group", [EVENT_SENT] = "sent",
    [EVENT_DELIVERED] = "delivered",       [EVENT_READ] = "read",   [EVENT_CONNECTED] = "connected",
    [EVENT_DISCONNECTED] = "disconnected", [EVENT_QR] = "qr",       [EVENT_OTHER] = "other",
};

static unsigned bit_of(struct str word)
{
    for (unsigned i = 0; i < EVENT_N; i++) {
        if (str_eq(word, event_labels[i]))
            return 1U << i;
    }
    return 0;
}

unsigned event_bits(const char *words)
{
    unsigned bits = 0;

    while (*words) {
        size_t n = strcspn(words, ",");
        unsigned bit = bit_of((struct str){ words, n });

        if (bit == 0)
            return 0;
        bits |= bit;
        words += n + (words[n] == ',');
    }
    return bits;
}

/* ---- on its way ------------------------------------------------------------------------------ */

static void keep(struct sim *s, struct str body)
{
    if (body.n < EVENT_KEPT_BYTES)
        str_copy(body, s->events[s->n_events++ % EVENTS_KEPT], EVENT_KEPT_BYTES);
}

static struct hook *hook_new(struct str name, struct str body, int64_t number, struct str head, int repeat_at)
{
    struct hook *h = mem_alloc(sizeof *h + body.n + name.n + head.n);

    if (!h)
        return NULL;
    *h = (struct hook){ .number = number, .n = body.n, .event = h->body + body.n, .event_n = name.n };
    memcpy(h->body, body.p, body.n);
    memcpy(h->body + body.n, name.p, name.n);
    if (head.n == 0)
        return h;
    h->head = h->body + body.n + name.n;
    h->head_n = head.n;
    h->repeat = repeat_at >= 0 ? h->head + repeat_at : NULL;
    memcpy(h->head, head.p, head.n);
    return h;
}

void hook_send(struct sim *s, const struct sim_session *x, const char *name, int64_t number, struct str head,
               int repeat_at)
{
    struct str body = { buf_str(&s->body), s->body.len };
    struct hook *h;

    keep(s, body);
    if (buf_error(&s->body) != 0 || !sender_has_target(s->sender, x->to))
        return;
    s->counters.made++;
    if (s->lose_webhooks > 0) {
        s->lose_webhooks--;
        s->counters.lost++;
        return;
    }
    h = hook_new(str_from(name), body, number, head, repeat_at);
    if (h)
        sender_queue(s->sender, x->to, h);
}

static void open_envelope(struct sim *s, const struct sim_session *x, const char *name)
{
    buf_reset(&s->body);
    (void)buf_addf(
        &s->body,
        "{\"sessionId\":\"%s\",\"origin\":\"%s\",\"eventType\":\"%s\",\"timestamp\":%lld,\"data\":", x->id,
        x->paired ? "5511999" : x->id, name, (long long)sim_wall(s));
}

/* ---- bodies ---------------------------------------------------------------------------------- */

void hook_session(struct sim *s, const struct sim_session *x, enum sim_event event, const char *name,
                  struct str data_json)
{
    if (!(x->events & 1U << event))
        return;
    open_envelope(s, x, name);
    (void)buf_add(&s->body, data_json.p, data_json.n);
    (void)buf_adds(&s->body, "}");
    hook_send(s, x, name, -1, STR_NULL, -1);
}

/* A text that makes the body as long as it should be, when it is not longer anyway. */
static void add_text(struct sim *s)
{
    static const char filler[] = " there there there there there there there there there there there there";
    const size_t end = strlen("\"}}");
    size_t want = (size_t)s->settings.body_bytes;

    (void)buf_adds(&s->body, "\"isGroup\":false,\"type\":\"text\",\"text\":\"hi");
    while (s->body.len + end < want && buf_error(&s->body) == 0) {
        size_t n = want - end - s->body.len;

        (void)buf_add(&s->body, filler, n < sizeof filler - 1 ? n : sizeof filler - 1);
    }
    (void)buf_adds(&s->body, "\"}}");
}

static void add_incoming(struct sim *s, int64_t number, bool group)
{
    (void)buf_addf(
        &s->body,
        "{\"from\":\"551188@s.whatsapp.net\",\"to\":\"5511999:7@s.whatsapp.net\",\"messageId\":\"SIM%lld\","
        "\"timestamp\":%lld,",
        (long long)number, (long long)sim_wall(s) / 1000 * 1000);
    if (group)
        (void)buf_adds(&s->body, "\"isGroup\":true,\"groupId\":\"120@g.us\"}}");
    else
        add_text(s);
}

void hook_message(struct sim *s, struct sim_session *x, enum sim_event event)
{
    unsigned wanted = event == EVENT_GROUP ? EVENT_RECEIVED : event;

    if (x->events & 1U << wanted)
        s->dialect->message(s, x, event, s->message_n++);
}

void hook_zapw_message(struct sim *s, struct sim_session *x, enum sim_event event, int64_t number)
{
    open_envelope(s, x, event_names[event]);
    if (event == EVENT_RECEIVED || event == EVENT_GROUP)
        add_incoming(s, number, event == EVENT_GROUP);
    else
        (void)buf_addf(&s->body, "{\"messageId\":\"SIM%lld\"}}", (long long)number);
    hook_send(s, x, event_names[event], number, STR_NULL, -1);
}
