/*
 * The envelope of zapw, {"sessionId","origin","eventType","timestamp","data":{…}}, and the flat form of the
 * same words that the contract was first written with. One table of paths serves both: the first that is
 * there wins.
 *
 * Two deliveries are one event when their keys are equal. zapw sends the same bytes in every retry, its timestamp included, so
 * the whole body is the key; look-alike receipts differ in the timestamp. Where the sender gives the event an
 * id, that is the key instead, together with the type, session and message of the event: an id that restarts from 1, or a header
 * that names the subscription, must not make two events one.
 */
#include "common/bridge/webhook.h"

#include <errno.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/bridge/drop.h"

/* A time outside of these is no time: before WhatsApp was there, or after 2100. */
#define TIME_MIN_MS INT64_C(1230768000000)
#define TIME_MAX_MS INT64_C(4102444800000)

enum field { BODY, TYPE, SESSION, TIME, MESSAGE, EVENT_ID };

/* Where each is, the most telling first. */
static const struct json_path paths[] = {
    { BODY, { NULL } },
    { TYPE, { "eventType" } },
    { TYPE, { "event" } },
    { TYPE, { "event_type" } },
    { TYPE, { "type" } },
    { SESSION, { "sessionId" } },
    { SESSION, { "session_id" } },
    { SESSION, { "session" } },
    { SESSION, { "session", "id" } },
    { TIME, { "timestamp" } },
    { TIME, { "data", "timestamp" } },
    { MESSAGE, { "data", "messageId" } },
    { MESSAGE, { "data", "message_id" } },
    { MESSAGE, { "data", "id" } },
    { MESSAGE, { "messageId" } },
    { MESSAGE, { "message_id" } },
    { EVENT_ID, { "id" } },
};
#define PATHS ((int)ARRAY_LEN(paths))

static struct json_value first(const struct json_value *v, enum field field, enum json_in_kind kind)
{
    return json_in_first(paths, v, PATHS, (int)field, kind);
}

/* -- times -- */

static bool is_time(int64_t ms)
{
    return ms >= TIME_MIN_MS && ms < TIME_MAX_MS;
}

/* Milliseconds, seconds, or ISO 8601; 0 when it is none of them. */
int64_t webhook_time_of(struct json_value v)
{
    char text[40];
    int64_t t = 0;

    if (v.kind == JSON_IN_NUMBER && json_in_i64(v, &t) == 0) {
        if (!is_time(t) && t > 0 && t < TIME_MAX_MS / 1000)
            t *= 1000;
        return is_time(t) ? t : 0;
    }
    if (v.kind == JSON_IN_TEXT && text_to_time_ms(json_in_text(v, text, sizeof text), &t) == 0)
        return is_time(t) ? t : 0;
    return 0;
}

/* The envelope's own time (the first path), and the one to go by: that, or the message's. */
static void read_times(const struct json_value *v, int64_t *ret_envelope, int64_t *ret_occurred)
{
    int64_t t[2] = { 0 };

    for (int i = 0, n = 0; i < PATHS; i++) {
        if (paths[i].field == TIME)
            t[n++] = webhook_time_of(v[i]);
    }
    *ret_envelope = t[0];
    *ret_occurred = t[0] ? t[0] : t[1];
}

/* -- session and type -- */

struct str webhook_header(const struct webhook_request *req, const char *name)
{
    return req->header ? req->header(req->ctx, name) : STR_NULL;
}

/* Returns 0, or WEBHOOK_UNREADABLE when nothing names its type. */
static int read_type(const struct webhook_request *req, const struct json_value *v, enum event_type *ret)
{
    struct json_value type = first(v, TYPE, JSON_IN_TEXT);
    struct str word = STR_NULL;
    char text[64];
    int t;

    if (type.kind == JSON_IN_TEXT)
        word = str_from(json_in_text(type, text, sizeof text));
    else
        word = webhook_header(req, "x-webhook-event");
    if (!word.n)
        return WEBHOOK_UNREADABLE;
    t = event_type_find(word);
    *ret = t >= 0 ? (enum event_type)t : EVENT_TYPE_EVENT_OTHER;
    return 0;
}

void webhook_read_session(struct json_value v, char ret[SESSION_ID_MAX])
{
    char text[SESSION_ID_MAX + 1]; /* one more than fits, so that a longer id is seen to be too long */

    if (v.kind == JSON_IN_NUMBER)
        (void)session_id_copy(v.raw, ret);
    else
        (void)session_id_copy(str_from(json_in_text(v, text, sizeof text)), ret);
}

/* -- the key -- */

/* The id that the sender gave the event, or "". */
static void read_event_id(const struct webhook_request *req, const struct json_value *v,
                          char ret[WEBHOOK_EVENT_ID_MAX + 1])
{
    struct str id = webhook_header(req, "x-webhook-id");

    ret[0] = '\0';
    if (!id.n)
        id = webhook_header(req, "webhook-id");
    if (id.n && id.n <= WEBHOOK_EVENT_ID_MAX) {
        memcpy(ret, id.p, id.n);
        ret[id.n] = '\0';
    } else if (!id.n) {
        json_in_text(first(v, EVENT_ID, JSON_IN_TEXT), ret, WEBHOOK_EVENT_ID_MAX + 1);
        if (!str_starts(str_from(ret), "evt_"))
            ret[0] = '\0';
    }
}

/* Texts one after the other with their NULs, so that no two lists give the same bytes. */
static size_t put(char *buf, size_t at, const char *p, size_t n)
{
    memcpy(buf + at, p, n);
    buf[at + n] = '\0';
    return at + n + 1;
}

int webhook_make_key(const struct webhook_request *req, struct str bridge, const char *event_id,
                     struct webhook *w)
{
    char
        text[64 + 1 + SHA256_BYTES + WEBHOOK_EVENT_ID_MAX + 64 + SESSION_ID_MAX + WEBHOOK_MESSAGE_ID_MAX + 8];
    const char *type = event_type_text(w->type);
    uint8_t digest[SHA256_BYTES];
    size_t n;
    int r;

    n = put(text, 0, bridge.p, bridge.n < 64 ? bridge.n : 64);
    w->key.by_body = *event_id == '\0';
    if (*event_id) {
        n = put(text, n, event_id, strlen(event_id));
        n = put(text, n, type, strlen(type));
        n = put(text, n, w->session, strlen(w->session));
        n = put(text, n, w->message_id, strlen(w->message_id));
    } else {
        r = digest_sha256(req->body.p, req->body.n, digest);
        if (r)
            return r;
        n = put(text, n, (const char *)digest, sizeof digest);
    }
    r = digest_sha256(text, n, digest);
    if (r == 0)
        memcpy(w->key.digest, digest, sizeof w->key.digest);
    return r;
}

/* -- the webhook -- */

static void set_drop(struct webhook *w, struct drop d)
{
    w->code = d.code;
    w->ban_until = d.ban_until;
    w->has_should_reconnect = d.has_should_reconnect;
    w->should_reconnect = d.should_reconnect;
}

static int read_fields(const struct webhook_request *req, const struct json_value *v, struct webhook *w)
{
    struct json_value session;
    int r = read_type(req, v, &w->type);

    if (r)
        return r;
    session = first(v, SESSION, JSON_IN_TEXT);
    webhook_read_session(session.kind == JSON_IN_TEXT ? session : first(v, SESSION, JSON_IN_NUMBER),
                         w->session);
    read_times(v, &w->key.time_ms, &w->occurred_at);
    json_in_text(first(v, MESSAGE, JSON_IN_TEXT), w->message_id, sizeof w->message_id);
    w->should_reconnect = true;
    if (w->type == EVENT_TYPE_SESSION_DISCONNECTED)
        set_drop(w, drop_read(req->body, w->occurred_at));
    return 0;
}

int webhook_read(const struct webhook_request *req, struct str bridge_name, struct webhook *ret)
{
    struct json_value v[ARRAY_LEN(paths)];
    char event_id[WEBHOOK_EVENT_ID_MAX + 1];
    struct webhook w = { 0 };
    int r = json_in_find(req->body, paths, PATHS, v);

    if (r == JSON_IN_BAD)
        return WEBHOOK_NOT_JSON;
    if (r == JSON_IN_DEEP || v[0].kind != JSON_IN_OBJECT)
        return WEBHOOK_UNREADABLE;
    r = read_fields(req, v, &w);
    if (r)
        return r;
    read_event_id(req, v, event_id);
    r = webhook_make_key(req, bridge_name, event_id, &w);
    if (r)
        return r;
    *ret = w;
    return 0;
}
