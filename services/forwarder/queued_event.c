#include "services/forwarder/queued_event.h"

#include <string.h>

#include "common/base/mem.h"

static struct str put(char **at, struct str s)
{
    char *to = *at;

    if (s.n > 0)
        memcpy(to, s.p, s.n);
    *at += s.n;
    return (struct str){ to, s.n };
}

struct queued_event *queued_event_new(const struct event *e)
{
    size_t n = e->type.n + e->bridge.n + e->session.n + e->message_id.n + e->body.n;
    struct queued_event *ev = mem_alloc(sizeof *ev + n);
    char *at;

    if (!ev)
        return NULL;
    *ev = (struct queued_event){ .event = *e, .bytes = sizeof *ev + n };
    list_init(&ev->in_queue);
    at = ev->data;
    ev->event.type = put(&at, e->type);
    ev->event.bridge = put(&at, e->bridge);
    ev->event.session = put(&at, e->session);
    ev->event.message_id = put(&at, e->message_id);
    ev->event.body = put(&at, e->body);
    return ev;
}

void queued_event_free(struct queued_event *ev)
{
    mem_free(ev);
}
