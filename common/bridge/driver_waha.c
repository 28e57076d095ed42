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

static void put_create(struct json_out *j, const struct bridge_target *t, const char *id,
                       const char *webhook_url)
{
    json_texts(j, "name", id);
    json_bool(j, "start", true);
    if (!webhook_url)
        return;
    json_open(j, "config", '{');
    json_open(j, "webhooks", '[');
    json_open(j, NULL, '{');
    json_texts(j, "url", webhook_url);
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
    return op == BRIDGE_CREATE && a->status == 422 && memmem(a->body.p, a->body.n, "already exists", 14)
               ? BRIDGE_CONFLICT
               : 0;
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
/* -1 is an error, 0 is pending. */
static const struct hook_word hook_acks[] = {
    { "1", EVENT_TYPE_MESSAGE_SENT }, /* the server has it */
    { "2", EVENT_TYPE_MESSAGE_DELIVERED },
    { "3", EVENT_TYPE_MESSAGE_READ },
    { "4", EVENT_TYPE_MESSAGE_READ }, /* played */
    { NULL, 0 },
};
static const char *const hook_marks[] = { "\"event\"", "\"payload\"", "\"engine\"", NULL };
static const struct hook_form hooks = {
    .paths = hook_paths,
    .n_paths = ARRAY_LEN(hook_paths),
    .events = hook_events,
    .acks = hook_acks,
    .words = words,
    .dedupe = HOOK_BY_ID,
    .marks = hook_marks,
};

static const int signatures[] = { SIGNATURE_WAHA_512, 0 };

const struct bridge_driver bridge_waha = {
    .name = "waha",
    .what = "WAHA: sessions are restarted by a call; it does not say why they drop",
    .limits = "it does not say why a session dropped, and calls one connected for 2 s after its socket died",
    .advice = "set the webhook in the session's config (zapkeep session create does), with retries; WHATSAPP_HOOK_HMAC_KEY signs it",
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
    .put_create = put_create,
    .may_name = may_name,
    .form = &form,
    .health_field = "version",
    .is_phantom = is_phantom,
    .kind = kind,
    .read_qr = read_qr,
    .hooks = &hooks,
};
