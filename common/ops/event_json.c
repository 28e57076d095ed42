#include "common/ops/event_json.h"

#include "common/base/json_in.h"
#include "common/base/mem.h"

/* A body of 1 MiB whose every byte is escaped. */
#define BODY_MAX (8 * 1024 * 1024)

static struct str or_null(struct str s)
{
    return s.n ? s : STR_NULL;
}

static bool is_json(struct str s)
{
    static const struct json_path whole = { 0, { NULL } };
    struct json_value v;

    return json_in_find(s, &whole, 1, &v) == 0;
}

void event_json_body(struct json_out *j, struct str body)
{
    CLEANUP(buf_fini) struct buf line = BUF_INIT(BODY_MAX);

    if (!is_json(body)) {
        json_text(j, "body", body);
        return;
    }
    json_compact(&line, body);
    json_raw(j, "body", (struct str){ buf_str(&line), line.len });
}

void event_json(const struct event *e, struct json_out *j)
{
    json_open(j, NULL, '{');
    json_int(j, "seq", e->seq);
    json_texts(j, "id", e->id);
    json_int(j, "at", e->at);
    if (e->occurred_at)
        json_int(j, "occurred_at", e->occurred_at);
    json_text(j, "type", e->type);
    json_text(j, "bridge", e->bridge);
    json_text(j, "session", or_null(e->session));
    json_text(j, "message_id", or_null(e->message_id));
    event_json_body(j, e->body);
    json_close(j, '}');
}
