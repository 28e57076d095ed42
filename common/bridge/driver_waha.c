/*
 * WAHA (github.com/devlikeapro/waha), as recorded of 2025.10.1 with the engine NOWEB: BRIDGES.md.
 *
 * It gives no causes: a drop is STARTING and then WORKING again, a logged-out session is FAILED. Restarting
 * is safe in each state: a session that has lost its pairing then waits for a scan. A restart takes 3 s and
 * sends STOPPED, STOPPED and STARTING, the echo of the call.
 */
#include <string.h>

#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/bridge/answer.h"
#include "common/bridge/drivers.h"
#include "common/bridge/hook_form.h"
#include "common/bridge/request.h"
#include "common/bridge/signature.h"
#include "common/bridge/subscription.h"

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
    { "passkey_required", SESSION_ACTION_REQUIRED },
    { "passkey_confirmation_required", SESSION_ACTION_REQUIRED },
    { NULL, SESSION_STATE_N },
};

static const struct json_path paths[] = {
    { ANSWER_TOP, { NULL } },        { ANSWER_ID, { "name" } },        { ANSWER_ID, { "session" } },
    { ANSWER_STATUS, { "status" } }, { ANSWER_PHONE, { "me", "id" } }, { ANSWER_NAME, { "me", "pushName" } },
    { ANSWER_QR, { "data" } },       { ANSWER_QR, { "value" } },
};
static const struct answer_form form = {
    .paths = paths, .n_paths = ARRAY_LEN(paths), .words = words, .status_is_state = true
};

/* -- requests -- */

/* The fields of a webhook but for its credentials. */
static void put_webhook(struct json_out *j, const char *url)
{
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
}

/* A secret signs, else the token goes in a header. */
static void put_own(struct json_out *j, const struct subscription_want *w)
{
    struct str token = subscription_first(w->tokens), secret = subscription_first(w->secrets);

    json_open(j, NULL, '{');
    put_webhook(j, w->url);
    if (secret.n > 0) {
        json_open(j, "hmac", '{');
        json_text(j, "key", secret);
        json_close(j, '}');
    } else if (token.n > 0) {
        json_open(j, "customHeaders", '[');
        json_open(j, NULL, '{');
        json_texts(j, "name", "Authorization");
        subscription_put_bearer(j, "value", token);
        json_close(j, '}');
        json_close(j, ']');
    }
    json_close(j, '}');
}

static void put_create(struct json_out *j, const struct bridge_target *t, const char *id,
                       const struct subscription_want *hook)
{
    json_texts(j, "name", id);
    json_bool(j, "start", true);
    if (!hook)
        return;
    json_open(j, "config", '{');
    json_open(j, "webhooks", '[');
    put_own(j, hook);
    json_close(j, ']');
    json_close(j, '}');
}

/* Other names are refused with 400. */
static bool may_name(enum bridge_op op, const char *id)
{
    return op != BRIDGE_CREATE || text_is_id(str_from(id));
}

/* -- answers -- */

/* The entry "default" is there although nobody has made that session: stopped, and never paired. */
static bool is_phantom(const struct bridge_session *s)
{
    return strcmp(s->id, "default") == 0 && s->state == SESSION_DISCONNECTED && !s->phone[0];
}

/* An existing name is 422, as other refusals are. */
static int kind(enum bridge_op op, const struct bridge_answer *a)
{
    return op == BRIDGE_CREATE && a->status == 422 && answer_says(a, "already exists") ? BRIDGE_CONFLICT : 0;
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
    answer_move_qr(&s, &qr, ret_qr);
    return 0;
}

static bool has_text(struct str body, const char *name)
{
    const struct json_path path = { 0, { name } };
    struct json_value v;

    return json_in_find(body, &path, 1, &v) == 0 && v.kind == JSON_IN_TEXT;
}

static enum probe_verdict recognise(const struct bridge_answer *a)
{
    enum probe_verdict v = answer_probe(a);

    if (v != PROBE_YES)
        return v;
    return answer_status(a) == 0 && has_text(a->body, "engine") && has_text(a->body, "tier") ? PROBE_YES
                                                                                             : PROBE_NO;
}

/* -- the webhook subscription -- */

static const struct json_path subscription_paths[] = {
    { SUBSCRIPTION_URL, { "url" } },
    { SUBSCRIPTION_EVENTS, { "events" } },
    { SUBSCRIPTION_HEADERS, { "customHeaders" } },
    { SUBSCRIPTION_SECRET, { "hmac", "key" } },
};
static const char *const needed_events[] = { "message.any|message", "message.ack", "session.status", NULL };

struct kept {
    struct json_out *j;
    const struct subscription_want *w;
    struct json_value v[1];
};

static int on_other(void *ctx, struct json_value item)
{
    struct kept *k = ctx;

    if (!subscription_is_own_url(k->w, k->v[0]))
        json_raw(k->j, NULL, item.raw);
    return 0;
}

/* The whole config of a session is replaced, so all else of it is sent as it was shown; webhooks that go elsewhere, too. */
static void put_config(struct json_out *j, const struct subscription_want *w,
                       const struct bridge_answer *shown)
{
    static const char *const keys[] = { "metadata", "proxy", "debug", "ignore",
                                        "client",   "noweb", "webjs", "gows" };
    static const struct json_path url[] = { { 0, { "url" } } };
    struct kept k = { .j = j, .w = w };
    struct json_value v;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct json_path path = { 0, { "config", keys[i] } };

        if (json_in_find(shown->body, &path, 1, &v) == 0 && v.kind != JSON_IN_ABSENT &&
            v.kind != JSON_IN_TEXT)
            json_raw(j, keys[i], v.raw);
    }
    json_open(j, "webhooks", '[');
    if (json_in_find(shown->body, &(const struct json_path){ 0, { "config", "webhooks" } }, 1, &v) == 0)
        (void)json_in_each_find(v, url, 1, k.v, on_other, &k);
    put_own(j, w);
    json_close(j, ']');
}

static void put_set(struct json_out *j, const struct subscription_want *w, const struct bridge_answer *shown)
{
    json_open(j, "config", '{');
    put_config(j, w, shown);
    json_close(j, '}');
}

static const struct subscription_form subscription = {
    .read = { "GET", "/api/sessions/%s" },
    .at = { 0, { "config", "webhooks" } },
    .paths = subscription_paths,
    .n_paths = ARRAY_LEN(subscription_paths),
    .proof = "name",
    .events = needed_events,
    .shows_headers = true,
    .shows_secret = true,
    .global = "WHATSAPP_HOOK_URL at the bridge may send all sessions' webhooks",
    .set = { "PUT", "/api/sessions/%s" },
    .set_effect = "setting it again restarts the session",
    .put_set = put_set,
};

/* -- webhooks -- */

static const struct json_path hook_paths[] = {
    { HOOK_TOP, { NULL } },
    { HOOK_EVENT, { "event" } },
    { HOOK_SESSION, { "session" } },
    { HOOK_ID, { "id" } },
    { HOOK_TIME, { "timestamp" } },
    { HOOK_MESSAGE, { "payload", "id" } },
    { HOOK_STATE, { "payload", "status" } },
    { HOOK_ACK, { "payload", "ack" } },
    { HOOK_FROM_ME, { "payload", "fromMe" } },
};
static const struct hook_word hook_events[] = {
    { "session.status", HOOK_IS_STATE },  { "message", HOOK_IS_MESSAGE },
    { "message.any", HOOK_IS_MESSAGE },   { "message.ack", HOOK_IS_ACK },
    { "message.ack.group", HOOK_IS_ACK }, { NULL, 0 },
};
static const char *const hook_marks[] = { "\"event\"", "\"payload\"", "\"engine\"", NULL };
static const struct hook_form hooks = {
    .paths = hook_paths,
    .n_paths = ARRAY_LEN(hook_paths),
    .events = hook_events,
    .acks = hook_ack_numbers,
    .words = words,
    .dedupe = HOOK_BY_ID,
    .marks = hook_marks,
};

static const int signatures[] = { SIGNATURE_WAHA_512, 0 };

static const struct json_path phone_code_at = { 0, { "code" } };
static const struct bridge_phone_code phone_code = {
    .path = { "POST", "/api/%s/auth/request-code" },
    .field = "phoneNumber",
    .code = &phone_code_at,
};

const struct bridge_driver bridge_waha = {
    .name = "waha",
    .what = "WAHA: sessions are restarted by a call; it does not say why they drop",
    .limits = "it does not say why a session dropped, and calls one connected for 2 s after its socket died",
    .advice = "set the webhook in the session's config (zapkeep session create does), with retries; WHATSAPP_HOOK_HMAC_KEY signs it",
    .about = { "GET", "/api/server/version" },
    .version_key = "version",
    .version_is_date = true,
    .key_header = KEY_HEADER,
    .has_list = true,
    .has_status = true,
    .has_reconnect = true,
    .signatures = signatures,
    .probes = { "/api/server/version" },
    .recognise = recognise,
    .ops = {
        /* /ping and /health refuse the key when a dashboard user is set, and need a licence on some engines */
        [BRIDGE_HEALTH] = { "GET", "/api/server/version" },
        [BRIDGE_LIST] = { "GET", "/api/sessions?all=true" }, /* with those that are STOPPED */
        [BRIDGE_STATUS] = { "GET", "/api/sessions/%s" },
        [BRIDGE_CREATE] = { "POST", "/api/sessions" },
        [BRIDGE_DELETE] = { "DELETE", "/api/sessions/%s" },
        [BRIDGE_RECONNECT] = { "POST", "/api/sessions/%s/restart" },
        [BRIDGE_QR] = { "GET", "/api/%s/auth/qr" },
    },
    .phone_code = &phone_code,
    .put_create = put_create,
    .may_name = may_name,
    .form = &form,
    .health_field = "version",
    .is_phantom = is_phantom,
    .kind = kind,
    .read_qr = read_qr,
    .subscription = &subscription,
    .hooks = &hooks,
};
