#include "services/console/event_brief.h"

#include "common/base/json_in.h"
#include "common/base/mem.h"

/* Enough for a row of a list. */
#define WORDS_MAX 160

enum { WORDS };

/* Where the bridges have a message's text. */
static const struct json_path paths[] = {
    { WORDS, { "data", "body" } },
    { WORDS, { "data", "text" } },
    { WORDS, { "data", "message", "conversation" } },
    { WORDS, { "data", "message", "extendedTextMessage", "text" } },
    { WORDS, { "payload", "body" } },
    { WORDS, { "message", "text" } },
    { WORDS, { "text" } },
    { WORDS, { "body" } },
    { WORDS, { "data", "caption" } },
    { WORDS, { "data", "status" } },
};

static void add_words(const struct event *e, struct json_out *j)
{
    struct json_value values[ARRAY_LEN(paths)];
    char words[WORDS_MAX] = "";

    if (json_in_find(e->body, paths, ARRAY_LEN(paths), values) == 0)
        (void)json_in_text(json_in_first(paths, values, ARRAY_LEN(paths), WORDS, JSON_IN_TEXT), words,
                           sizeof words);
    json_texts(j, "text", words);
}

void event_brief(const struct event *e, struct json_out *j)
{
    json_int(j, "seq", e->seq);
    json_texts(j, "id", e->id);
    json_int(j, "at", e->at);
    json_int(j, "occurred_at", e->occurred_at);
    json_text(j, "type", e->type);
    json_text(j, "bridge", e->bridge);
    json_text(j, "session", e->session.p ? e->session : STR_LIT(""));
    json_text(j, "message_id", e->message_id.p ? e->message_id : STR_LIT(""));
    json_int(j, "size", (int64_t)e->body.n);
    add_words(e, j);
}
