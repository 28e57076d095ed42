#include "common/ops/event_text.h"

#include <string.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"

/* The first that is there and is a text. */
static const struct json_path text_paths[] = {
    { 0, { "data", "text" } },
    { 0, { "data", "body" } },
    { 0, { "payload", "body" } },
    { 0, { "data", "message", "conversation" } }, /* Evolution API */
    { 0, { "data", "message", "extendedTextMessage", "text" } },
    { 0, { "data", "message", "imageMessage", "caption" } },
    { 0, { "data", "message", "videoMessage", "caption" } },
    { 0, { "event", "Message", "conversation" } }, /* wuzapi */
    { 0, { "event", "Message", "extendedTextMessage", "text" } },
    { 0, { "data", "caption" } },
    { 0, { "data", "message" } },
    { 0, { "message", "text" } },
    { 0, { "text" } },
    { 0, { "body" } },
    { 0, { "data", "reason" } },
    { 0, { "data", "status" } },
    { 0, { "data", "type" } },
};
static const struct json_path sender_paths[] = {
    { 0, { "data", "from" } },
    { 0, { "payload", "from" } },
    { 0, { "data", "key", "remoteJid" } },
    { 0, { "event", "Info", "Sender" } },
    { 0, { "from" } },
};

static void find(struct str body, const struct json_path *paths, int paths_n, char *ret, size_t n)
{
    struct json_value v[ARRAY_LEN(text_paths)];

    (void)json_in_find(body, paths, paths_n, v);
    (void)json_in_text(json_in_first(paths, v, paths_n, 0, JSON_IN_TEXT), ret, n);
}

char *event_text(struct str body, char *ret, size_t n)
{
    find(body, text_paths, ARRAY_LEN(text_paths), ret, n);
    return ret;
}

char *event_sender(struct str body, char *ret, size_t n)
{
    find(body, sender_paths, ARRAY_LEN(sender_paths), ret, n);
    ret[strcspn(ret, "@:")] = '\0';
    return ret;
}
