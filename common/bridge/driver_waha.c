/*
 * WAHA (github.com/devlikeapro/waha), as recorded of 2025.10.1 with the engine NOWEB: BRIDGES.md.
 *
 * It gives no causes: a drop is STARTING and then WORKING again, a logged-out session is FAILED. Restarting
 * is safe in each state: a session that has lost its pairing then waits for a scan. A restart takes 3 s and
 * sends STOPPED, STOPPED and STARTING, the echo of the call.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/bridge/answer.h"
#include "common/bridge/drivers.h"
#include "common/bridge/request.h"
#include "common/bridge/signature.h"

#define KEY_HEADER "X-Api-Key: "
/* Deliveries that fail are repeated for about an hour: 2 s doubling, with 15 attempts. */
#define RETRY_DELAY_S  2
#define RETRY_ATTEMPTS 15

static const struct bridge_word words[] = {
    { "working", SESSION_CONNECTED },
    { "starting", SESSION_STARTING },
    { "stopped", SESSION_DISCONNECTED },
    { "failed", SESSION_DISCONNECTED },
    { "scan_qr_code", SESSION_QR_PENDING },
    /* a person has to confirm with a passkey on the phone */
    { "passkey_required", SESSION_QR_PENDING },
    { "passkey_confirmation_required", SESSION_QR_PENDING },
    { NULL, SESSION_STATE_N },
};

static const struct json_path paths[] = {
    { ANSWER_TOP, { NULL } },        { ANSWER_ID, { "name" } },        { ANSWER_ID, { "session" } },
    { ANSWER_STATUS, { "status" } }, { ANSWER_PHONE, { "me", "id" } }, { ANSWER_NAME, { "me", "pushName" } },
    { ANSWER_QR, { "data" } },       { ANSWER_QR, { "value" } },
};
static const struct answer_form form = { .paths = paths, .n_paths = ARRAY_LEN(paths), .words = words };

/* -- requests -- */

static int build_health(const struct bridge_target *t, struct bridge_request *ret)
{
    /* /ping and /health refuse the key when a dashboard user is set, and need a licence on some engines */
    return request_build(KEY_HEADER, t, "GET", "/api/server/version", NULL, ret);
}

static int build_list(const struct bridge_target *t, struct bridge_request *ret)
{
    return request_build(KEY_HEADER, t, "GET", "/api/sessions?all=true", NULL,
                         ret); /* with those that are STOPPED */
}

static int build_status(const struct bridge_target *t, const char *id, struct bridge_request *ret)
{
    return request_build(KEY_HEADER, t, "GET", "/api/sessions/%s", id, ret);
}

static void put_webhook(struct json_out *j, const char *url)
{
    json_open(j, "config", '{');
    json_open(j, "webhooks", '[');
    json_open(j, NULL, '{');
    json_texts(j, "url", url);
    json_open(j, "events", '[');
    json_texts(j, NULL,
               "message.any"); /* "message" is the same event a second time, for received ones only */
    json_texts(j, NULL, "message.ack");
    json_texts(j, NULL, "session.status");
    json_close(j, ']');
    json_open(j, "retries", '{');
    json_texts(j, "policy", "exponential");
    json_int(j, "delaySeconds", RETRY_DELAY_S);
    json_int(j, "attempts", RETRY_ATTEMPTS);
    json_close(j, '}');
    json_close(j, '}');
    json_close(j, ']');
    json_close(j, '}');
}

static int build_create(const struct bridge_target *t, const char *id, const char *webhook_url,
                        struct bridge_request *ret)
{
    struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    struct json_out j = JSON_OUT(&body);

    if (!text_is_id(str_from(id)))
        return -EINVAL;
    json_open(&j, NULL, '{');
    json_texts(&j, "name", id);
    json_bool(&j, "start", true);
    if (webhook_url && *webhook_url)
        put_webhook(&j, webhook_url);
    json_close(&j, '}');
    return request_build_json(KEY_HEADER, t, "POST", "/api/sessions", NULL, &body, ret);
}

static int build_delete(const struct bridge_target *t, const char *id, struct bridge_request *ret)
{
    return request_build(KEY_HEADER, t, "DELETE", "/api/sessions/%s", id, ret);
}

static int build_reconnect(const struct bridge_target *t, const char *id, struct bridge_request *ret)
{
    return request_build(KEY_HEADER, t, "POST", "/api/sessions/%s/restart", id, ret);
}

static int build_qr(const struct bridge_target *t, const char *id, struct bridge_request *ret)
{
    return request_build(KEY_HEADER, t, "GET", "/api/%s/auth/qr", id, ret);
}

/* -- answers -- */

/* Has the body a text of this name at its top? */
static bool has_text(struct str body, const char *name)
{
    const struct json_path path = { 0, { name } };
    struct json_value v;

    return json_in_find(body, &path, 1, &v) == 0 && v.kind == JSON_IN_TEXT;
}

static int read_health(const struct bridge_answer *a)
{
    int r = answer_status(a);

    if (r)
        return r;
    return has_text(a->body, "version") ? 0 : BRIDGE_GARBAGE;
}

struct wanted {
    int (*on_session)(void *ctx, const struct bridge_session *s);
    void *ctx;
};

/* The entry "default" is there although nobody has made that session: stopped, and never paired. */
static int on_entry(void *ctx, const struct bridge_session *s)
{
    const struct wanted *w = ctx;

    if (strcmp(s->id, "default") == 0 && s->state == SESSION_DISCONNECTED && !s->phone[0])
        return 0;
    return w->on_session(w->ctx, s);
}

static int read_list(const struct bridge_answer *a,
                     int (*on_session)(void *ctx, const struct bridge_session *s), void *ctx,
                     int *ret_skipped)
{
    static const struct json_path whole[] = { { 0, { NULL } } };
    struct wanted w = { on_session, ctx };
    struct json_value list;
    int r = answer_status(a);

    if (r)
        return r;
    if (json_in_find(a->body, whole, 1, &list) || list.kind != JSON_IN_ARRAY)
        return answer_says_error(a) ? BRIDGE_REFUSED : BRIDGE_GARBAGE;
    return answer_each(&form, list, on_entry, &w, ret_skipped);
}

static int read_status(const struct bridge_answer *a, const char *id, struct bridge_session *ret)
{
    struct bridge_session s;
    int r = answer_status_of_session(a);

    if (r == 0)
        r = answer_session(&form, a->body, SESSION_UNKNOWN, &s, NULL);
    if (r)
        return r;
    (void)snprintf(s.id, sizeof s.id, "%s", id);
    *ret = s;
    return 0;
}

/* An existing name is 422, as other refusals are. */
static int read_create(const struct bridge_answer *a, struct bridge_created *ret)
{
    struct bridge_session s = { 0 };
    int r = answer_status(a);

    if (a->status == 422 && memmem(a->body.p, a->body.n, "already exists", 14))
        return BRIDGE_CONFLICT;
    if (r == 0)
        r = answer_session(&form, a->body, SESSION_STARTING, &s, NULL);
    if (r == 0)
        *ret = (struct bridge_created){ .session = s, .qr = BUF_NULL };
    return r;
}

static int read_reconnect(const struct bridge_answer *a)
{
    int r = answer_status_of_session(a);

    if (r == 0 && !answer_is_json(a))
        return BRIDGE_GARBAGE;
    return r;
}

/* 422 says in which state the session is, when there is no code to be shown. */
static int read_qr(const struct bridge_answer *a, struct buf *ret_qr, struct bridge_session *ret)
{
    CLEANUP(buf_fini) struct buf qr = BUF_NULL;
    struct bridge_session s;
    int r = a->status == 422 ? 0 : answer_status_of_session(a);

    if (r == 0)
        r = answer_session(&form, a->body, a->status == 422 ? SESSION_STATE_N : SESSION_QR_PENDING, &s, &qr);
    if (r)
        return a->status == 422 ? BRIDGE_REFUSED : r;
    *ret = s;
    *ret_qr = BUF_NULL;
    if (s.state == SESSION_QR_PENDING) {
        *ret_qr = qr;
        qr = BUF_NULL;
    }
    return 0;
}

static enum probe_verdict recognise(const struct bridge_answer *a)
{
    enum probe_verdict v = answer_probe(a);

    if (v != PROBE_YES)
        return v;
    return answer_status(a) == 0 && has_text(a->body, "engine") && has_text(a->body, "tier") ? PROBE_YES
                                                                                             : PROBE_NO;
}

/* -- webhooks -- */

enum hook_field {
    HOOK_TOP,
    HOOK_EVENT,
    HOOK_SESSION,
    HOOK_ID,
    HOOK_TIME,
    HOOK_MESSAGE,
    HOOK_STATUS,
    HOOK_ACK,
    HOOK_FROM_ME
};

static const struct json_path hook_paths[] = {
    [HOOK_TOP] = { HOOK_TOP, { NULL } },
    [HOOK_EVENT] = { HOOK_EVENT, { "event" } },
    [HOOK_SESSION] = { HOOK_SESSION, { "session" } },
    [HOOK_ID] = { HOOK_ID, { "id" } },
    [HOOK_TIME] = { HOOK_TIME, { "timestamp" } },
    [HOOK_MESSAGE] = { HOOK_MESSAGE, { "payload", "id" } },
    [HOOK_STATUS] = { HOOK_STATUS, { "payload", "status" } },
    [HOOK_ACK] = { HOOK_ACK, { "payload", "ack" } },
    [HOOK_FROM_ME] = { HOOK_FROM_ME, { "payload", "fromMe" } },
};
#define HOOK_PATHS ARRAY_LEN(hook_paths)

static enum event_type type_of_status(struct json_value status)
{
    char word[40];

    json_in_text(status, word, sizeof word);
    for (const struct bridge_word *w = words; w->word; w++) {
        if (strcasecmp(word, w->word) != 0)
            continue;
        if (w->state == SESSION_CONNECTED)
            return EVENT_TYPE_SESSION_CONNECTED;
        if (w->state == SESSION_QR_PENDING)
            return EVENT_TYPE_SESSION_QR;
        if (w->state == SESSION_DISCONNECTED)
            return EVENT_TYPE_SESSION_DISCONNECTED;
    }
    return EVENT_TYPE_SESSION_STATUS;
}

/* -1 error, 0 pending, 1 the server has it, 2 the phone has it, 3 read, 4 played. */
static enum event_type type_of_ack(struct json_value ack)
{
    int64_t level = 0;

    (void)json_in_i64(ack, &level);
    if (level == 1)
        return EVENT_TYPE_MESSAGE_SENT;
    if (level == 2)
        return EVENT_TYPE_MESSAGE_DELIVERED;
    return level == 3 || level == 4 ? EVENT_TYPE_MESSAGE_READ : EVENT_TYPE_EVENT_OTHER;
}

static enum event_type type_of(const struct json_value *v)
{
    bool from_me = v[HOOK_FROM_ME].kind == JSON_IN_TRUE;

    if (json_in_is(v[HOOK_EVENT], "session.status"))
        return type_of_status(v[HOOK_STATUS]);
    if (json_in_is(v[HOOK_EVENT], "message") || json_in_is(v[HOOK_EVENT], "message.any"))
        return from_me ? EVENT_TYPE_MESSAGE_SENT : EVENT_TYPE_MESSAGE_RECEIVED;
    if (json_in_is(v[HOOK_EVENT], "message.ack") || json_in_is(v[HOOK_EVENT], "message.ack.group"))
        return type_of_ack(v[HOOK_ACK]);
    return EVENT_TYPE_EVENT_OTHER;
}

static int read_webhook(const struct webhook_request *req, struct str bridge_name, struct webhook *ret)
{
    char event_id[WEBHOOK_EVENT_ID_MAX + 1];
    struct webhook w = { .should_reconnect = true };
    struct json_value v[HOOK_PATHS];
    int r = json_in_find(req->body, hook_paths, HOOK_PATHS, v);

    if (r == JSON_IN_BAD)
        return WEBHOOK_NOT_JSON;
    if (r || v[HOOK_TOP].kind != JSON_IN_OBJECT || v[HOOK_EVENT].kind != JSON_IN_TEXT)
        return WEBHOOK_UNREADABLE;
    w.type = type_of(v);
    w.occurred_at = w.key.time_ms = webhook_time_of(v[HOOK_TIME]);
    webhook_read_session(v[HOOK_SESSION], w.session);
    json_in_text(v[HOOK_MESSAGE], w.message_id, sizeof w.message_id);
    json_in_text(v[HOOK_ID], event_id, sizeof event_id);
    r = webhook_make_key(req, bridge_name, event_id, &w);
    if (r == 0)
        *ret = w;
    return r;
}

/* "engine" and "payload" beside "event": no other bridge has all three. */
static bool is_own_webhook(struct str body)
{
    return memmem(body.p, body.n, "\"event\"", 7) && memmem(body.p, body.n, "\"payload\"", 9) &&
           memmem(body.p, body.n, "\"engine\"", 8);
}

static const int signatures[] = { SIGNATURE_WAHA_512, 0 };

const struct bridge_driver bridge_waha = {
    .name = "waha",
    .what = "WAHA: sessions are restarted by a call; it does not say why they drop",
    .key_header = KEY_HEADER,
    .words = words,
    .has_list = true,
    .has_status = true,
    .has_reconnect = true,
    .signatures = signatures,
    .probes = { "/api/server/version" },
    .recognise = recognise,
    .build_health = build_health,
    .build_list = build_list,
    .build_status = build_status,
    .build_create = build_create,
    .build_delete = build_delete,
    .build_reconnect = build_reconnect,
    .build_qr = build_qr,
    .read_health = read_health,
    .read_list = read_list,
    .read_status = read_status,
    .read_create = read_create,
    .read_delete = answer_read_delete,
    .read_reconnect = read_reconnect,
    .read_qr = read_qr,
    .read_webhook = read_webhook,
    .is_own_webhook = is_own_webhook,
};
