/*
 * GOWA (github.com/aldinokemal/go-whatsapp-web-multidevice), written from its source (version 8, August 2026): BRIDGES.md.
 *
 * Its key is "user:password". It sends no webhooks about sessions: polling finds everything. A QR code is asked for in its
 * own web page, because the call that makes one disconnects the device first; zapkeep asks for a code of the phone number.
 */
#include <errno.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/bridge/answer.h"
#include "common/bridge/drivers.h"
#include "common/bridge/hook_form.h"
#include "common/bridge/request.h"
#include "common/bridge/signature.h"
#include "common/bridge/subscription.h"

static const struct bridge_word
    words[] = {
        { "logged_in", SESSION_CONNECTED },
        { "connected", SESSION_QR_PENDING }, /* the socket is up, and no phone is paired */
        { "connecting", SESSION_STARTING },
        { "disconnected", SESSION_DISCONNECTED },
        { NULL, SESSION_STATE_N },
    };

static const struct json_path paths[] = {
    { ANSWER_TOP, { NULL } },
    { ANSWER_ID, { "results", "id" } },
    { ANSWER_ID, { "id" } },
    { ANSWER_STATUS, { "results", "state" } },
    { ANSWER_STATUS, { "state" } },
    { ANSWER_PHONE, { "results", "jid" } },
    { ANSWER_PHONE, { "jid" } },
    { ANSWER_NAME, { "results", "display_name" } },
    { ANSWER_NAME, { "display_name" } },
};
static const struct answer_form form = { .paths = paths, .n_paths = ARRAY_LEN(paths), .words = words };

/* -- requests -- */

static int make_key(const char *api_key, const char *id, char ret[BRIDGE_KEY_MAX])
{
    size_t n = strlen(api_key);

    if (4 * ((n + 2) / 3) + 1 > BRIDGE_KEY_MAX)
        return -EINVAL;
    base64_encode(api_key, n, ret);
    return 0;
}

/* A secret signs, else the token goes in the URL: it sends no header of ours. */
static void put_hook(struct json_out *j, const struct subscription_want *w)
{
    struct str secret = subscription_first(w->secrets);

    subscription_put_url_with_token(j, "webhook_url", w, secret.n > 0);
    if (secret.n > 0)
        json_text(j, "webhook_secret", secret);
}

static void put_create(struct json_out *j, const struct bridge_target *t, const char *id,
                       const struct subscription_want *hook)
{
    json_texts(j, "device_id", id);
    if (hook)
        put_hook(j, hook);
}

/* -- answers -- */

/* Failures about a device are 500, with the reason in words. */
static int kind(enum bridge_op op, const struct bridge_answer *a)
{
    if (op == BRIDGE_HEALTH || op == BRIDGE_LIST || (a->status != 500 && a->status != 404))
        return 0;
    if (answer_says(a, "not found") || answer_says(a, "DEVICE_NOT_FOUND"))
        return BRIDGE_NO_SESSION;
    return a->status == 500 && answer_is_json(a) ? BRIDGE_REFUSED : 0;
}

static bool is_success(const struct bridge_answer *a)
{
    static const struct json_path path = { 0, { "code" } };
    struct json_value code;

    return answer_status(a) == 0 && json_in_find(a->body, &path, 1, &code) == 0 &&
           json_in_is(code, "SUCCESS");
}

/* Without a device there are no "results". */
static int read_list(const struct bridge_answer *a,
                     int (*on_session)(void *ctx, const struct bridge_session *s), void *ctx,
                     int *ret_skipped)
{
    static const struct json_path at[] = { { 0, { "code" } }, { 0, { "results" } } };
    struct json_value v[ARRAY_LEN(at)];
    int r = answer_status(a);

    if (r)
        return r;
    if (json_in_find(a->body, at, ARRAY_LEN(at), v) || !json_in_is(v[0], "SUCCESS"))
        return BRIDGE_GARBAGE;
    return answer_each(&form, v[1], on_session, ctx, ret_skipped);
}

/* Its list, and the plain "OK" of its health, which needs no key. */
static enum probe_verdict recognise(const struct bridge_answer *a)
{
    bool is_ok = answer_status(&a[1]) == 0 && str_eq((struct str){ a[1].body.p, a[1].body.n }, "OK");
    enum probe_verdict v = answer_probe(&a[0]);

    if (v == PROBE_UNAUTHORIZED)
        return is_ok ? v : PROBE_NO;
    if (v != PROBE_YES)
        return v;
    return is_success(&a[0]) ? PROBE_YES : PROBE_NO;
}

/* -- the webhook subscription -- */

static const struct json_path subscription_paths[] = {
    { SUBSCRIPTION_URL, { "webhook_url" } },
    { SUBSCRIPTION_EVENTS, { "webhook_events" } },
    { SUBSCRIPTION_SECRET, { "webhook_secret" } },
};
static const char *const needed_events[] = { "message", "message.ack", NULL };

static void put_set(struct json_out *j, const struct subscription_want *w, const struct bridge_answer *shown)
{
    put_hook(j, w);
    if (!*w->secrets) /* not one of before */
        json_texts(j, "webhook_secret", "");
    json_texts(j, "webhook_events", "");
}

static const struct subscription_form subscription = {
    .read = { "GET", "/devices/%s/webhook" },
    .at = { 0, { "results" } },
    .paths = subscription_paths,
    .n_paths = ARRAY_LEN(subscription_paths),
    .proof = "results",
    .events = needed_events,
    .shows_headers = true, /* it has none: a token can only be in the URL */
    .shows_secret = true,
    .empty_is_all = true,
    .global = "WHATSAPP_WEBHOOK at the bridge may send all devices' webhooks",
    .set = { "PATCH", "/devices/%s/webhook" },
    .put_set = put_set,
};

/* -- webhooks -- */

static const struct json_path hook_paths[] = {
    { HOOK_TOP, { NULL } },
    { HOOK_EVENT, { "event" } },
    { HOOK_SESSION, { "session_id" } },
    { HOOK_SESSION, { "device_id" } }, /* a device that has no slot */
    { HOOK_TIME, { "payload", "timestamp" } },
    { HOOK_TIME, { "timestamp" } },
    { HOOK_MESSAGE, { "payload", "id" } },
    { HOOK_FROM_ME, { "payload", "is_from_me" } },
    { HOOK_ACK, { "payload", "receipt_type" } },
};
static const struct hook_word hook_events[] = {
    { "message", HOOK_IS_MESSAGE },
    { "message.ack", HOOK_IS_ACK },
    { NULL, 0 },
};
static const struct hook_word hook_acks[] = {
    { "delivered", EVENT_TYPE_MESSAGE_DELIVERED },
    { "read", EVENT_TYPE_MESSAGE_READ },
    { "read-self", EVENT_TYPE_MESSAGE_READ },
    { "played", EVENT_TYPE_MESSAGE_READ },
    { NULL, 0 },
};
static const char *const hook_marks[] = { "\"event\"", "\"device_id\"", "\"payload\"", NULL };
static const struct hook_form hooks = {
    .paths = hook_paths,
    .n_paths = ARRAY_LEN(hook_paths),
    .events = hook_events,
    .acks = hook_acks,
    .dedupe = HOOK_BY_BODY,
    .marks = hook_marks,
};

static const int signatures[] = { SIGNATURE_HUB_256, 0 };

static const struct json_path phone_code_at = { 0, { "results", "pair_code" } };
static const struct bridge_phone_code phone_code = {
    .path = { "POST", "/devices/%s/login/code?phone=" },
    .code = &phone_code_at,
    .in_any_state = true, /* the call itself connects the device */
};

const struct bridge_driver bridge_gowa = {
    .name = "gowa",
    .what = "GOWA: it tells of no drops, so polls find them; QR codes are shown by its own web page",
    .source = "aldinokemal/go-whatsapp-web-multidevice, August 2026",
    .limits = "it sends no webhooks about sessions, shows QR codes in its own web page only (a code for the phone number is given), and ends as a whole at a 440",
    .advice = "run it with restart: always, and set WHATSAPP_WEBHOOK_SECRET",
    .key_header = "Authorization: Basic ",
    .make_key = make_key,
    .has_list = true,
    .has_status = true,
    .has_reconnect = true,
    .signatures = signatures,
    .probes = { "/devices", "/health" },
    .recognise = recognise,
    .ops = {
        [BRIDGE_HEALTH] = { "GET", "/devices" }, /* /health checks only that its store is there */
        [BRIDGE_LIST] = { "GET", "/devices" },
        [BRIDGE_STATUS] = { "GET", "/devices/%s" },
        [BRIDGE_CREATE] = { "POST", "/devices" },
        [BRIDGE_DELETE] = { "DELETE", "/devices/%s" },
        [BRIDGE_RECONNECT] = { "POST", "/devices/%s/reconnect" },
    },
    .phone_code = &phone_code,
    .put_create = put_create,
    .form = &form,
    .health_field = "code",
    .kind = kind,
    .read_list = read_list,
    .subscription = &subscription,
    .hooks = &hooks,
};
