#include "common/sink/sink_kind.h"

#include <stddef.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/sink/sink_writers.h"

/* 20 alerts with their texts of 512 bytes, in JSON twice. */
#define BODY_BYTES_MAX    ((size_t)256 * 1024)
#define HEADERS_BYTES_MAX ((size_t)16 * 1024)
#define URL_BYTES_MAX     ((size_t)8 * 1024)

#define AT(field) offsetof(struct sink_config, field)
#define NEEDS_MAX 3

struct need {
    const char *key;
    size_t at; /* of its field, a char * */
};

struct kind {
    const char *name;
    enum sink_transport transport;
    void (*write)(const struct sink_writing *w, struct sink_message *m);
    struct need needs[NEEDS_MAX];
    bool needs_to;
};

/* clang-format off */
static const struct kind kinds[SINK_KIND_N] = {
    [SINK_ALERTMANAGER] = { "alertmanager", SINK_BY_HTTP, sink_write_alertmanager, { { "url", AT(url) } }, false },
    [SINK_NTFY] = { "ntfy", SINK_BY_HTTP, sink_write_ntfy, { { "url", AT(url) } }, false },
    [SINK_TELEGRAM] = { "telegram", SINK_BY_HTTP, sink_write_telegram, { { "token", AT(token) }, { "chat", AT(chat) } }, false },
    [SINK_SLACK] = { "slack", SINK_BY_HTTP, sink_write_slack, { { "url", AT(url) } }, false },
    [SINK_EMAIL] = { "email", SINK_BY_MAIL, sink_write_email, { { "url", AT(url) }, { "from", AT(from) } }, true },
    [SINK_WEBHOOK] = { "webhook", SINK_BY_HTTP, sink_write_webhook, { { "url", AT(url) }, { "secret", AT(secret) } }, false },
    [SINK_EXEC] = { "exec", SINK_BY_PROGRAM, sink_write_program, { { "command", AT(command) } }, false },
};
/* clang-format on */

const char *sink_kind_text(enum sink_kind k)
{
    return kinds[k].name;
}

int sink_kind_find(const char *text)
{
    for (int k = 0; k < SINK_KIND_N; k++) {
        if (strcmp(kinds[k].name, text) == 0)
            return k;
    }
    return -1;
}

enum sink_transport sink_transport_of(enum sink_kind k)
{
    return kinds[k].transport;
}

const char *sink_missing_key(const struct sink_config *c)
{
    const struct kind *k = &kinds[c->kind];

    for (int i = 0; i < NEEDS_MAX && k->needs[i].key; i++) {
        if (!*(char *const *)(const void *)((const char *)c + k->needs[i].at))
            return k->needs[i].key;
    }
    return k->needs_to && c->to.n == 0 ? "to" : NULL;
}

/* ---- a message ------------------------------------------------------------------------------- */

void sink_message_init(struct sink_message *m)
{
    m->url = BUF_INIT(URL_BYTES_MAX);
    m->headers = BUF_INIT(HEADERS_BYTES_MAX);
    m->body = BUF_INIT(BODY_BYTES_MAX);
}

void sink_message_fini(struct sink_message *m)
{
    buf_fini(&m->url);
    buf_fini(&m->headers);
    buf_fini(&m->body);
}

int sink_message_write(const struct sink_config *c, const char *console_url, const struct sink_alert *alerts,
                       int n, int64_t now_ms, struct sink_message *ret)
{
    const struct sink_writing w = { c, console_url, alerts, n, now_ms };
    int r;

    buf_reset(&ret->url);
    buf_reset(&ret->headers);
    buf_reset(&ret->body);
    kinds[c->kind].write(&w, ret);
    r = buf_error(&ret->url);
    if (r == 0)
        r = buf_error(&ret->headers);
    return r == 0 ? buf_error(&ret->body) : r;
}
