/*
 * OpenWA (github.com/rmyndharis/OpenWA), as recorded of 0.23.0 with the engine baileys: BRIDGES.md.
 *
 * It makes up the ids of its sessions (UUIDs); the name is another field. Creating a session is three calls: the session,
 * its webhook, its start. A session that is started already is stopped first: stop keeps the pairing.
 */
#include <errno.h>
#include <stdio.h>
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

/* A delivery that fails is repeated; the bridge waits 5 s, then longer. */
#define RETRY_COUNT 5
/* Between a stop and the start after it. */
#define STOPPED_MS 500

static const struct bridge_word words[] = {
    { "ready", SESSION_CONNECTED },
    { "created", SESSION_DISCONNECTED }, /* never started */
    { "initializing", SESSION_STARTING },
    { "authenticating", SESSION_STARTING },
    { "qr_ready", SESSION_QR_PENDING },
    { "action_required", SESSION_ACTION_REQUIRED },
    { "disconnected", SESSION_DISCONNECTED },
    { "failed", SESSION_DISCONNECTED }, /* a 440; a start brings it back */
    { NULL, SESSION_STATE_N },
};

static const struct json_path paths[] = {
    { ANSWER_TOP, { NULL } },    { ANSWER_ID, { "id" } },       { ANSWER_STATUS, { "status" } },
    { ANSWER_NAME, { "name" } }, { ANSWER_PHONE, { "phone" } }, { ANSWER_ERROR, { "lastError" } },
    { ANSWER_QR, { "qrCode" } },
};
static const struct answer_form form = {
    .paths = paths, .n_paths = ARRAY_LEN(paths), .words = words, .status_is_state = true
};

/* -- requests -- */

static const struct bridge_path start = { "POST", "/api/sessions/%s/start" };
static const struct bridge_path stop = { "POST", "/api/sessions/%s/stop" };
static const struct bridge_path webhooks = { "POST", "/api/sessions/%s/webhooks" };

static void put_create(struct json_out *j, const struct bridge_target *t, const char *id,
                       const struct subscription_want *hook)
{
    json_texts(j, "name", id);
}

/* OpenWA delivers with fetch(), which refuses a URL with a password in it: the token goes in a header, unless a secret signs. */
static void put_webhook(struct json_out *j, const char *url, struct str token, struct str secret)
{
    char password[SUBSCRIPTION_TOKEN_MAX];

    subscription_put_url(j, url, &token, password, sizeof password);
    json_open(j, "events", '[');
    json_texts(j, NULL, "*");
    json_close(j, ']');
    json_int(j, "retryCount", RETRY_COUNT);
    if (secret.n > 0)
        json_text(j, "secret", secret);
    if (secret.n > 0 || token.n == 0)
        return;
    json_open(j, "headers", '{');
    subscription_put_bearer(j, "Authorization", token);
    json_close(j, '}');
}

static int build_webhook(const struct bridge_driver *d, const struct bridge_target *t, const char *id,
                         const struct subscription_want *w, struct bridge_request *ret)
{
    struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    struct json_out j = JSON_OUT(&body);

    json_open(&j, NULL, '{');
    put_webhook(&j, w->url, subscription_first(w->tokens), subscription_first(w->secrets));
    json_close(&j, '}');
    return bridge_build_path(d, &webhooks, t, id, &body, ret);
}

static int next_of_create(const struct bridge_driver *d, const struct bridge_target *t,
                          struct bridge_procedure *p, struct bridge_request *ret)
{
    bool has_url = p->hook && *p->hook->url;

    if (p->kind != 0 || p->step > (has_url ? 1 : 0))
        return -ENOTSUP;
    return has_url && p->step == 0 ? build_webhook(d, t, p->id, p->hook, ret)
                                   : bridge_build_path(d, &start, t, p->id, NULL, ret);
}

/* start; when it is refused because the session is started already: stop, start. */
static int next(const struct bridge_driver *d, const struct bridge_target *t, struct bridge_procedure *p,
                struct bridge_request *ret)
{
    if (p->op == BRIDGE_CREATE)
        return next_of_create(d, t, p, ret);
    if (p->step == 0 && p->kind == BRIDGE_REFUSED)
        return bridge_build_path(d, &stop, t, p->id, NULL, ret);
    if (p->step != 1 || p->kind != 0)
        return -ENOTSUP;
    p->pause_ms = STOPPED_MS;
    return bridge_build_path(d, &start, t, p->id, NULL, ret);
}

/* -- answers -- */

/* Its readiness names two databases; no other bridge does. It needs no key. */
static enum probe_verdict recognise(const struct bridge_answer *a)
{
    static const struct json_path path = { 0, { "details", "dataDatabase", "status" } };
    enum probe_verdict v = answer_probe(a);
    struct json_value status;

    if (json_in_find(a->body, &path, 1, &status) == 0 && status.kind == JSON_IN_TEXT)
        return PROBE_YES;
    return v == PROBE_YES ? PROBE_NO : v;
}

/* -- the webhook subscription: read in its source, but for the call that creates one, which is recorded -- */

static const struct json_path subscription_paths[] = {
    { SUBSCRIPTION_URL, { "url" } },
    { SUBSCRIPTION_EVENTS, { "events" } },
    { SUBSCRIPTION_ON, { "active" } },
    { SUBSCRIPTION_HOOK_ID, { "id" } },
};
static const char *const needed_events[] = { "message.received", "message.ack", "session.status",
                                             "session.disconnected", NULL };

/* The one that goes to us is changed; a session without one gets one more, as others may have theirs. Headers and secret
 * are never shown, so they are sent with every change. */
static int build_set(const struct bridge_driver *d, const struct bridge_target *t,
                     const struct subscription_want *w, const char *id, const struct bridge_answer *shown,
                     struct bridge_request *ret)
{
    struct json_value v[SUBSCRIPTION_PATHS_MAX];
    struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    struct json_out j = JSON_OUT(&body);
    char hook_id[65] = "", path[128];
    bool own = subscription_find_own(d, w, id, shown, v) && subscription_is_own_url(w, v[0]);

    if (own)
        json_in_text(v[3], hook_id, sizeof hook_id);
    own = own && text_is_id(str_from(hook_id));
    (void)snprintf(path, sizeof path, "/api/sessions/%%s/webhooks%s%s", own ? "/" : "", own ? hook_id : "");
    json_open(&j, NULL, '{');
    put_webhook(&j, w->url, subscription_first(w->tokens), subscription_first(w->secrets));
    if (own)
        json_bool(&j, "active", true);
    json_close(&j, '}');
    return bridge_build_path(d, &(const struct bridge_path){ own ? "PUT" : "POST", path }, t, id, &body, ret);
}

static const struct subscription_form subscription = {
    .read = { "GET", "/api/sessions/%s/webhooks" },
    .paths = subscription_paths,
    .n_paths = ARRAY_LEN(subscription_paths),
    .proof = "url",
    .events = needed_events,
    .apart_ms = 10 * 1000, /* of 1,000 calls an hour 360 may be these */
    .build_set = build_set,
};

/* -- webhooks -- */

static const struct json_path hook_paths[] = {
    { HOOK_TOP, { NULL } },
    { HOOK_EVENT, { "event" } },
    { HOOK_SESSION, { "sessionId" } },
    { HOOK_ID, { "idempotencyKey" } },
    { HOOK_TIME, { "timestamp" } },
    { HOOK_MESSAGE, { "data", "messageId" } },
    { HOOK_MESSAGE, { "data", "id" } },
    { HOOK_FROM_ME, { "data", "fromMe" } },
    { HOOK_ACK, { "data", "ack" } },
    { HOOK_STATE, { "data", "status" } },
    { HOOK_CODE, { "data", "reason" } },
};
/* The code itself is in session.qr; session.status qr_ready comes a millisecond before it, and both are an event.
 * session.authenticated names the phone of a session that session.status has called ready. */
static const struct hook_word hook_events[] = {
    { "session.status", HOOK_IS_STATE },
    { "session.qr", EVENT_TYPE_SESSION_QR },
    { "session.authenticated", EVENT_TYPE_SESSION_STATUS },
    { "session.disconnected", EVENT_TYPE_SESSION_DISCONNECTED },
    { "session.reconnect_loop", EVENT_TYPE_SESSION_STATUS },
    { "message.received", HOOK_IS_MESSAGE },
    { "message.sent", EVENT_TYPE_MESSAGE_SENT },
    { "message.ack", HOOK_IS_ACK },
    { NULL, 0 },
};
static const char *const hook_marks[] = { "\"idempotencyKey\"", "\"deliveryId\"", "\"sessionId\"", NULL };
static const struct hook_form hooks = {
    .paths = hook_paths,
    .n_paths = ARRAY_LEN(hook_paths),
    .events = hook_events,
    .acks = hook_ack_numbers,
    .words = words,
    .dedupe = HOOK_BY_ID,
    .acks_by_body = true, /* several readers in a group share the key; deliveryId tells them apart */
    .marks = hook_marks,
};

static const int signatures[] = { SIGNATURE_OPENWA_256, 0 };

const struct bridge_driver bridge_openwa = {
    .name = "openwa",
    .what = "OpenWA: sessions have UUIDs and names; its rate limit is obeyed",
    .limits = "its sessions have ids that it makes up, and 440 is named in lastError only",
    .advice = "put the host of webhook-ingest into SSRF_ALLOWED_HOSTS when its address is private; keep the rate limits above a call a CHECK_INTERVAL",
    .key_header = "X-API-Key: ",
    .has_list = true,
    .has_status = true,
    .has_reconnect = true,
    .names_sessions = true,
    .signatures = signatures,
    .probes = { "/api/health/ready" },
    .recognise = recognise,
    .ops = {
        [BRIDGE_HEALTH] = { "GET", "/api/health" },
        [BRIDGE_LIST] = { "GET", "/api/sessions" },
        [BRIDGE_STATUS] = { "GET", "/api/sessions/%s" },
        [BRIDGE_CREATE] = { "POST", "/api/sessions" },
        [BRIDGE_DELETE] = { "DELETE", "/api/sessions/%s" },
        [BRIDGE_RECONNECT] = { "POST", "/api/sessions/%s/start" },
        [BRIDGE_QR] = { "GET", "/api/sessions/%s/qr" },
    },
    .put_create = put_create,
    .next = next,
    .form = &form,
    .health_field = "timestamp",
    .subscription = &subscription,
    .hooks = &hooks,
};
