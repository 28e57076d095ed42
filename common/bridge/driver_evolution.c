/*
 * Evolution API (github.com/EvolutionAPI/evolution-api), as recorded of 2.3.7: BRIDGES.md.
 *
 * Its list goes on saying "open" after a drop; only connectionState is right. So states are asked for one by
 * one, and sessions become known by their webhooks or by `zapkeep session create`. It reconnects at once by
 * itself after every close but 401, 402, 403 and 406; their webhooks carry the code, all others say nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/bridge/answer.h"
#include "common/bridge/drivers.h"
#include "common/bridge/request.h"

#define KEY_HEADER "apikey: "

static const struct bridge_word words[] = {
    { "open", SESSION_CONNECTED },
    { "connecting", SESSION_STARTING },
    { "created", SESSION_STARTING },
    { "close", SESSION_DISCONNECTED },
    { "closed", SESSION_DISCONNECTED },
    { "refused", SESSION_QR_PENDING }, /* nobody scanned the last of its QR codes */
    { NULL, SESSION_STATE_N },
};

static const struct json_path paths[] = {
    { ANSWER_TOP, { NULL } },
    { ANSWER_ID, { "instance", "instanceName" } },
    { ANSWER_ID, { "name" } },
    { ANSWER_STATUS, { "instance", "state" } },
    { ANSWER_STATUS, { "connectionStatus" } },
    { ANSWER_STATUS, { "instance", "status" } },
    { ANSWER_PHONE, { "ownerJid" } },
    { ANSWER_NAME, { "profileName" } },
    { ANSWER_QR, { "base64" } },
    { ANSWER_QR, { "qrcode", "base64" } },
    { ANSWER_QR, { "code" } },
};
static const struct answer_form form = { .paths = paths, .n_paths = ARRAY_LEN(paths), .words = words };

/* The webhooks that say something about messages and states. */
static const char *const hook_events[] = { "MESSAGES_UPSERT",   "MESSAGES_UPDATE", "SEND_MESSAGE",
                                           "CONNECTION_UPDATE", "QRCODE_UPDATED",  "STATUS_INSTANCE",
                                           "LOGOUT_INSTANCE",   "REMOVE_INSTANCE" };

/* -- requests -- */

/* There is no health call: GET / asks the internet for WhatsApp's version each time. */
static int build_list(const struct bridge_target *t, struct bridge_request *ret)
{
    return request_build(KEY_HEADER, t, "GET", "/instance/fetchInstances", NULL, ret);
}

static int build_status(const struct bridge_target *t, const char *id, struct bridge_request *ret)
{
    return request_build(KEY_HEADER, t, "GET", "/instance/connectionState/%s", id, ret);
}

static void put_webhook(struct json_out *j, const char *url)
{
    json_open(j, "webhook", '{');
    json_bool(j, "enabled", true);
    json_texts(j, "url", url);
    json_bool(j, "byEvents", false);
    json_bool(j, "base64", false);
    json_open(j, "events", '[');
    for (size_t i = 0; i < ARRAY_LEN(hook_events); i++)
        json_texts(j, NULL, hook_events[i]);
    json_close(j, ']');
    json_close(j, '}');
}

static int build_create(const struct bridge_target *t, const char *id, const char *webhook_url,
                        struct bridge_request *ret)
{
    struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    struct json_out j = JSON_OUT(&body);

    if (!session_id_is_valid(str_from(id)))
        return -EINVAL;
    json_open(&j, NULL, '{');
    json_texts(&j, "instanceName", id);
    json_texts(&j, "integration", "WHATSAPP-BAILEYS");
    json_bool(&j, "qrcode", true);
    if (webhook_url && *webhook_url)
        put_webhook(&j, webhook_url);
    json_close(&j, '}');
    return request_build_json(KEY_HEADER, t, "POST", "/instance/create", NULL, &body, ret);
}

static int build_delete(const struct bridge_target *t, const char *id, struct bridge_request *ret)
{
    return request_build(KEY_HEADER, t, "DELETE", "/instance/delete/%s", id, ret);
}

/* Works while the instance is open or connecting … */
static int build_reconnect(const struct bridge_target *t, const char *id, struct bridge_request *ret)
{
    return request_build(KEY_HEADER, t, "POST", "/instance/restart/%s", id, ret);
}

/* … and this when it is closed; restart then answers 200 with "error":true. */
static int build_connect(const struct bridge_target *t, const char *id, struct bridge_request *ret)
{
    return request_build(KEY_HEADER, t, "GET", "/instance/connect/%s", id, ret);
}

/* -- answers -- */

/* 503 with LICENSE_REQUIRED: a person has to activate this installation; the bridge itself is well. */
static bool wants_licence(const struct bridge_answer *a)
{
    return a->status == 503 && a->body.n && memmem(a->body.p, a->body.n, "LICENSE_REQUIRED", 16);
}

static int status_of(const struct bridge_answer *a)
{
    return wants_licence(a) ? BRIDGE_NEEDS_PERSON : answer_status_of_session(a);
}

static int find_list(const struct bridge_answer *a, struct json_value *ret)
{
    static const struct json_path whole[] = { { 0, { NULL } } };
    int r = wants_licence(a) ? BRIDGE_NEEDS_PERSON : answer_status(a);

    if (r)
        return r;
    if (json_in_find(a->body, whole, 1, ret) || ret->kind != JSON_IN_ARRAY)
        return answer_says_error(a) ? BRIDGE_REFUSED : BRIDGE_GARBAGE;
    return 0;
}

static int read_health(const struct bridge_answer *a)
{
    struct json_value list;

    return find_list(a, &list);
}

static int read_list(const struct bridge_answer *a,
                     int (*on_session)(void *ctx, const struct bridge_session *s), void *ctx,
                     int *ret_skipped)
{
    struct json_value list;
    int r = find_list(a, &list);

    return r ? r : answer_each(&form, list, on_session, ctx, ret_skipped);
}

static int read_status(const struct bridge_answer *a, const char *id, struct bridge_session *ret)
{
    struct bridge_session s;
    int r = status_of(a);

    if (r == 0)
        r = answer_session(&form, a->body, SESSION_UNKNOWN, &s, NULL);
    if (r)
        return r;
    (void)snprintf(s.id, sizeof s.id, "%s", id);
    *ret = s;
    return 0;
}

/* 403 says that the name is in use; a wrong key is 401. */
static int read_create(const struct bridge_answer *a, struct bridge_created *ret)
{
    CLEANUP(buf_fini) struct buf qr = BUF_NULL;
    struct bridge_session s;
    int r = status_of(a);

    if (a->status == 403)
        return BRIDGE_CONFLICT;
    if (r == 0)
        r = answer_session(&form, a->body, SESSION_STARTING, &s, &qr);
    if (r)
        return r;
    if (qr.len > 0)
        s.state = SESSION_QR_PENDING;
    *ret = (struct bridge_created){ .session = s, .qr = qr };
    qr = BUF_NULL;
    return 0;
}

static int read_delete(const struct bridge_answer *a)
{
    int r = status_of(a);

    return r == 0 && answer_says_error(a) ? BRIDGE_REFUSED : r;
}

static int read_reconnect(const struct bridge_answer *a)
{
    int r = status_of(a);

    if (r == 0 && !answer_is_json(a))
        return BRIDGE_GARBAGE;
    return r == 0 && answer_says_error(a) ? BRIDGE_REFUSED : r;
}

/* {"base64", "code", "count"} while a code is shown (of a closed instance: the previous one), {"instance":{"state"}} when
 * it is open, {"count":0} when there is none yet. */
static int read_qr(const struct bridge_answer *a, struct buf *ret_qr, struct bridge_session *ret)
{
    CLEANUP(buf_fini) struct buf qr = BUF_NULL;
    struct bridge_session s;
    int r = status_of(a);

    if (r == 0)
        r = answer_session(&form, a->body, SESSION_STARTING, &s, &qr);
    if (r)
        return r;
    if (qr.len > 0)
        s.state = SESSION_QR_PENDING;
    *ret = s;
    *ret_qr = qr;
    qr = BUF_NULL;
    return 0;
}

static enum probe_verdict recognise(const struct bridge_answer *a)
{
    enum probe_verdict v = answer_probe(a);
    struct json_value list;

    if (wants_licence(a))
        return PROBE_YES;
    if (v != PROBE_YES)
        return v;
    return find_list(a, &list) == 0 ? PROBE_YES : PROBE_NO;
}

/* -- webhooks -- */

enum hook_field {
    HOOK_TOP,
    HOOK_EVENT,
    HOOK_INSTANCE,
    HOOK_TIME,
    HOOK_STATE,
    HOOK_CODE,
    HOOK_KEY,
    HOOK_KEY_ID,
    HOOK_FROM_ME,
    HOOK_STATUS,
    HOOK_MESSAGE_TIME
};

static const struct json_path hook_paths[] = {
    [HOOK_TOP] = { HOOK_TOP, { NULL } },
    [HOOK_EVENT] = { HOOK_EVENT, { "event" } },
    [HOOK_INSTANCE] = { HOOK_INSTANCE, { "instance" } },
    [HOOK_TIME] = { HOOK_TIME, { "date_time" } },
    [HOOK_STATE] = { HOOK_STATE, { "data", "state" } },
    [HOOK_CODE] = { HOOK_CODE, { "data", "statusReason" } },
    [HOOK_KEY] = { HOOK_KEY, { "data", "key", "id" } },
    [HOOK_KEY_ID] = { HOOK_KEY_ID, { "data", "keyId" } },
    [HOOK_FROM_ME] = { HOOK_FROM_ME, { "data", "key", "fromMe" } },
    [HOOK_STATUS] = { HOOK_STATUS, { "data", "status" } },
    [HOOK_MESSAGE_TIME] = { HOOK_MESSAGE_TIME, { "data", "messageTimestamp" } },
};
#define HOOK_PATHS ARRAY_LEN(hook_paths)

/* "connecting" is no event of ours: of one instance without network it comes a hundred times a second. */
static enum event_type type_of_state(struct json_value state)
{
    if (json_in_is(state, "open"))
        return EVENT_TYPE_SESSION_CONNECTED;
    return json_in_is(state, "close") ? EVENT_TYPE_SESSION_DISCONNECTED : EVENT_TYPE_SESSION_STATUS;
}

static enum event_type type_of_ack(struct json_value status)
{
    if (json_in_is(status, "SERVER_ACK"))
        return EVENT_TYPE_MESSAGE_SENT;
    if (json_in_is(status, "DELIVERY_ACK"))
        return EVENT_TYPE_MESSAGE_DELIVERED;
    return json_in_is(status, "READ") || json_in_is(status, "PLAYED") ? EVENT_TYPE_MESSAGE_READ
                                                                      : EVENT_TYPE_EVENT_OTHER;
}

/* A drop with a code comes three times: status.instance, logout.instance, connection.update. The last one counts. */
static enum event_type type_of(const struct json_value *v)
{
    bool from_me = v[HOOK_FROM_ME].kind == JSON_IN_TRUE;

    if (json_in_is(v[HOOK_EVENT], "connection.update"))
        return type_of_state(v[HOOK_STATE]);
    if (json_in_is(v[HOOK_EVENT], "qrcode.updated"))
        return EVENT_TYPE_SESSION_QR;
    if (json_in_is(v[HOOK_EVENT], "messages.upsert"))
        return from_me ? EVENT_TYPE_MESSAGE_SENT : EVENT_TYPE_MESSAGE_RECEIVED;
    if (json_in_is(v[HOOK_EVENT], "send.message"))
        return EVENT_TYPE_MESSAGE_SENT;
    if (json_in_is(v[HOOK_EVENT], "messages.update"))
        return type_of_ack(v[HOOK_STATUS]);
    if (json_in_is(v[HOOK_EVENT], "status.instance") || json_in_is(v[HOOK_EVENT], "logout.instance") ||
        json_in_is(v[HOOK_EVENT], "remove.instance"))
        return EVENT_TYPE_SESSION_STATUS;
    return EVENT_TYPE_EVENT_OTHER;
}

static int read_webhook(const struct webhook_request *req, struct str bridge_name, struct webhook *ret)
{
    struct webhook w = { .should_reconnect = true };
    struct json_value v[HOOK_PATHS];
    int64_t code = 0;
    int r = json_in_find(req->body, hook_paths, HOOK_PATHS, v);

    if (r == JSON_IN_BAD)
        return WEBHOOK_NOT_JSON;
    if (r || v[HOOK_TOP].kind != JSON_IN_OBJECT || v[HOOK_EVENT].kind != JSON_IN_TEXT)
        return WEBHOOK_UNREADABLE;
    w.type = type_of(v);
    webhook_read_session(v[HOOK_INSTANCE], w.session);
    json_in_text(v[HOOK_KEY].kind == JSON_IN_TEXT ? v[HOOK_KEY] : v[HOOK_KEY_ID], w.message_id,
                 sizeof w.message_id);
    /* date_time is local time with a false Z: good for keys, which it is equal in, and not for order */
    w.key.time_ms = webhook_time_of(v[HOOK_TIME]);
    w.occurred_at = webhook_time_of(v[HOOK_MESSAGE_TIME]);
    if (w.type == EVENT_TYPE_SESSION_DISCONNECTED && json_in_i64(v[HOOK_CODE], &code) == 0 && code >= 300 &&
        code <= 9999)
        w.code = (int)code;
    r = webhook_make_key(req, bridge_name, "", &w); /* it sends the same bytes again, and has no id */
    if (r == 0)
        *ret = w;
    return r;
}

/* "instance" and "server_url" beside "event": no other bridge has all three. */
static bool is_own_webhook(struct str body)
{
    return memmem(body.p, body.n, "\"event\"", 7) && memmem(body.p, body.n, "\"instance\"", 10) &&
           memmem(body.p, body.n, "\"server_url\"", 12);
}

const struct bridge_driver bridge_evolution = {
    .name = "evolution",
    .what = "Evolution API: states are asked for one by one, because its list says open after a drop",
    .key_header = KEY_HEADER,
    .words = words,
    .has_status = true,
    .has_reconnect = true,
    .probes = { "/instance/fetchInstances" },
    .recognise = recognise,
    .build_health = build_list,
    .build_list = build_list,
    .build_status = build_status,
    .build_create = build_create,
    .build_delete = build_delete,
    .build_reconnect = build_reconnect,
    .build_reconnect_closed = build_connect,
    .build_qr = build_connect,
    .read_health = read_health,
    .read_list = read_list,
    .read_status = read_status,
    .read_create = read_create,
    .read_delete = read_delete,
    .read_reconnect = read_reconnect,
    .read_qr = read_qr,
    .read_webhook = read_webhook,
    .is_own_webhook = is_own_webhook,
};
