#include "services/console/event_brief.h"

#include "common/ops/event_text.h"

/* Enough for a row of a list. */
#define WORDS_MAX 160

void event_brief(const struct event *e, struct json_out *j)
{
    char words[WORDS_MAX];

    json_int(j, "seq", e->seq);
    json_texts(j, "id", e->id);
    json_int(j, "at", e->at);
    json_int(j, "occurred_at", e->occurred_at);
    json_text(j, "type", e->type);
    json_text(j, "bridge", e->bridge);
    json_text(j, "session", e->session.p ? e->session : STR_LIT(""));
    json_text(j, "message_id", e->message_id.p ? e->message_id : STR_LIT(""));
    json_int(j, "size", (int64_t)e->body.n);
    json_texts(j, "text", event_text(e->body, words, sizeof words));
}
