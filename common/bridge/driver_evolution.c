/*
 * Evolution API (github.com/EvolutionAPI/evolution-api), as recorded of 2.3.7: BRIDGES.md.
 *
 * Its list goes on saying "open" after a drop; only connectionState is right. So the list is taken for
 * names, and states are asked for one by one. It reconnects at once by
 * itself after every close but 401, 402, 403 and 406; their webhooks carry the code, all others say nothing.
 */
#include <errno.h>
#include <string.h>

#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/bridge/answer.h"
#include "common/bridge/drivers.h"
#include "common/bridge/hook_form.h"
#include "common/bridge/request.h"
#include "common/bridge/subscription.h"

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

/* -- requests -- */

/* The webhooks that say something about messages and states. */
static const char *const asked_events[] = { "MESSAGES_UPSERT",   "MESSAGES_UPDATE", "SEND_MESSAGE",
                                            "CONNECTION_UPDATE", "QRCODE_UPDATED",  "STATUS_INSTANCE",
                                            "LOGOUT_INSTANCE",   "REMOVE_INSTANCE" };

/* Evolution API writes the URL into each webhook ("destination"), so that all who get the events would read a password in it.
 * @token: sent along with each webhook; empty: that of the URL, if it has one. */
static void put_webhook(struct json_out *j, const char *url, struct str token)
{
    char password[SUBSCRIPTION_TOKEN_MAX];

    json_open(j, "webhook", '{');
    json_bool(j, "enabled", true);
    subscription_put_url(j, url, &token, password, sizeof password);
    json_bool(j, "byEvents", false);
    json_bool(j, "base64", false);
    if (token.n > 0) {
        json_open(j, "headers", '{');
        subscription_put_bearer(j, "authorization", token);
        json_close(j, '}');
    }
    json_open(j, "events", '[');
    for (size_t i = 0; i < ARRAY_LEN(asked_events); i++)
        json_texts(j, NULL, asked_events[i]);
    json_close(j, ']');
    json_close(j, '}');
}

static void put_create(struct json_out *j, const struct bridge_target *t, const char *id,
                       const struct subscription_want *hook)
{
    json_texts(j, "instanceName", id);
    json_texts(j, "integration", "WHATSAPP-BAILEYS");
    json_bool(j, "qrcode", true);
    if (hook)
        put_webhook(j, hook->url, subscription_first(hook->tokens));
}

/* restart works while the instance is open or connecting, and answers 200 with "error":true when it is closed; then
 * connect starts it. */
static int next(const struct bridge_driver *d, const struct bridge_target *t, struct bridge_procedure *p,
                struct bridge_request *ret)
{
    static const struct bridge_path connect = { "GET", "/instance/connect/%s" };

    if (p->op != BRIDGE_RECONNECT || p->step > 0 || p->kind != BRIDGE_REFUSED)
        return -ENOTSUP;
    return bridge_build_path(d, &connect, t, p->id, NULL, ret);
}

/* -- answers -- */

/* 503 with LICENSE_REQUIRED: a person has to activate this installation; the bridge itself is well. */
static bool wants_licence(const struct bridge_answer *a)
{
    return a->status == 503 && answer_says(a, "LICENSE_REQUIRED");
}

/* Creating with a name that is in use is 403; a wrong key is 401. */
static int kind(enum bridge_op op, const struct bridge_answer *a)
{
    if (op == BRIDGE_CREATE && a->status == 403)
        return BRIDGE_CONFLICT;
    return wants_licence(a) ? BRIDGE_NEEDS_PERSON : 0;
}

static enum probe_verdict recognise(const struct bridge_answer *a)
{
    enum probe_verdict v = answer_probe(a);

    if (wants_licence(a))
        return PROBE_YES;
    if (v != PROBE_YES)
        return v;
    return bridge_read_health(&bridge_evolution, a) == 0 ? PROBE_YES : PROBE_NO;
}

/* -- the webhook subscription -- */

static const struct json_path subscription_paths[] = {
    { SUBSCRIPTION_URL, { "url" } },
    { SUBSCRIPTION_EVENTS, { "events" } },
    { SUBSCRIPTION_HEADERS, { "headers" } },
    { SUBSCRIPTION_ON, { "enabled" } },
    { SUBSCRIPTION_BY_EVENT, { "webhookByEvents" } },
};
static const char *const needed_events[] = { "MESSAGES_UPSERT", "MESSAGES_UPDATE", "CONNECTION_UPDATE",
                                             "QRCODE_UPDATED", NULL };

static void put_set(struct json_out *j, const struct subscription_want *w, const struct bridge_answer *shown)
{
    put_webhook(j, w->url, subscription_first(w->tokens));
}

static const struct subscription_form subscription = {
    .read = { "GET", "/webhook/find/%s" },
    .paths = subscription_paths,
    .n_paths = ARRAY_LEN(subscription_paths),
    .proof = "url",
    .events = needed_events,
    .shows_headers = true,
    .empty_is_all = true,
    .global = "WEBHOOK_GLOBAL_URL at the bridge may send all sessions' webhooks",
    .set = { "POST", "/webhook/set/%s" },
    .put_set = put_set,
};

/* -- webhooks -- */

static const struct json_path hook_paths[] = {
    { HOOK_TOP, { NULL } },
    { HOOK_EVENT, { "event" } },
    { HOOK_SESSION, { "instance" } },
    /* local time with a false Z: good for keys, which it is equal in, and not for order */
    { HOOK_KEY_TIME, { "date_time" } },
    { HOOK_TIME, { "data", "messageTimestamp" } },
    { HOOK_STATE, { "data", "state" } },
    { HOOK_SAME, { "data" } }, /* names the instance, too */
    { HOOK_CODE, { "data", "statusReason" } },
    { HOOK_MESSAGE, { "data", "key", "id" } },
    { HOOK_MESSAGE, { "data", "keyId" } },
    { HOOK_FROM_ME, { "data", "key", "fromMe" } },
    { HOOK_ACK, { "data", "status" } },
};
/* A drop with a code comes three times: status.instance, logout.instance, connection.update. The last one counts. */
static const struct hook_word hook_events[] = {
    { "connection.update", HOOK_IS_STATE },
    { "qrcode.updated", EVENT_TYPE_SESSION_QR },
    { "messages.upsert", HOOK_IS_MESSAGE },
    { "send.message", EVENT_TYPE_MESSAGE_SENT },
    { "messages.update", HOOK_IS_ACK },
    { "status.instance", EVENT_TYPE_SESSION_STATUS },
    { "logout.instance", EVENT_TYPE_SESSION_STATUS },
    { "remove.instance", EVENT_TYPE_SESSION_STATUS },
    { NULL, 0 },
};
static const struct hook_word hook_acks[] = {
    { "SERVER_ACK", EVENT_TYPE_MESSAGE_SENT },
    { "DELIVERY_ACK", EVENT_TYPE_MESSAGE_DELIVERED },
    { "READ", EVENT_TYPE_MESSAGE_READ },
    { "PLAYED", EVENT_TYPE_MESSAGE_READ },
    { NULL, 0 },
};
/* "connecting" is no event of ours: of one instance without network it comes a hundred times a second. */
static const struct bridge_word hook_words[] = {
    { "open", SESSION_CONNECTED },
    { "close", SESSION_DISCONNECTED },
    { NULL, SESSION_STATE_N },
};
static const char *const hook_marks[] = { "\"event\"", "\"instance\"", "\"server_url\"", NULL };
static const struct hook_form hooks = {
    .paths = hook_paths,
    .n_paths = ARRAY_LEN(hook_paths),
    .events = hook_events,
    .acks = hook_acks,
    .words = hook_words,
    .dedupe = HOOK_BY_BODY, /* it sends the same bytes again, and has no id */
    .marks = hook_marks,
};

/* The number counts for a connection that begins: while the instance waits for a scan without one, the answer has no code. */
static const struct json_path phone_code_at = { 0, { "pairingCode" } };
static const struct bridge_phone_code phone_code = {
    .path = { "GET", "/instance/connect/%s?number=" },
    .code = &phone_code_at,
    .in_any_state = true, /* the call itself connects a closed instance */
    .changes = true,      /* with each of its QR codes */
    .create_field = "number",
    .refused = "it makes a code only for a connection that begins with the number; this one began without: "
               "scan its QR code, "
               "wait until it has shown the last of them, or delete the session and pair it again",
};

const struct bridge_driver bridge_evolution = {
    .name = "evolution",
    .what = "Evolution API: states are asked for one by one, because its list says open after a drop",
    .limits = "its list says open after a drop, and only 401, 402, 403 and 406 come with a cause",
    .advice = "keep WEBHOOK_BY_EVENTS=false; WEBHOOK_RETRY_MAX_ATTEMPTS=10 or more; 2.4 wants its licence activated",
    .about = { "GET", "/" }, /* each one asks the internet for WhatsApp's version: once for an operator, never as a poll */
    .version_key = "version",
    .key_header = "apikey: ",
    .lists_names = true,
    .has_status = true,
    .has_reconnect = true,
    .probes = { "/instance/fetchInstances" },
    .recognise = recognise,
    .ops = {
        /* There is no health call: GET / asks the internet for WhatsApp's version each time. */
        [BRIDGE_HEALTH] = { "GET", "/instance/fetchInstances" },
        [BRIDGE_LIST] = { "GET", "/instance/fetchInstances" },
        [BRIDGE_STATUS] = { "GET", "/instance/connectionState/%s" },
        [BRIDGE_CREATE] = { "POST", "/instance/create" },
        [BRIDGE_DELETE] = { "DELETE", "/instance/delete/%s" },
        [BRIDGE_RECONNECT] = { "POST", "/instance/restart/%s" }, 
        [BRIDGE_QR] = { "GET", "/instance/connect/%s" },
    },
    .next = next,
    .phone_code = &phone_code,
    .put_create = put_create,
    .form = &form,
    .health_is_list = true,
    .kind = kind,
    .subscription = &subscription,
    .hooks = &hooks,
};
