/*
 * wppconnect-server (github.com/wppconnect-team/wppconnect-server), as recorded of 2.10.4: BRIDGES.md.
 *
 * Its key is SECRET_KEY. Calls about one session carry a token, which is the bcrypt hash of session and secret: it is made
 * here, at the least cost that there is, because the server pays that cost with its CPU in each call (70 to 250 ms for a token
 * of its own). The list stands at a path that holds the secret. status-session goes on saying CONNECTED when the client is
 * dead: a session that it calls connected is asked for its phone number, too.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bcrypt.h"
#include "common/base/digest.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/bridge/answer.h"
#include "common/bridge/drivers.h"
#include "common/bridge/hook_form.h"
#include "common/bridge/request.h"
#include "common/bridge/subscription.h"

/* Between a close and the start after it. */
#define CLOSED_MS 500
/* bcrypt reads no more of a text. */
#define BCRYPT_TEXT_MAX 72

static const struct bridge_word words[] = {
    { "connected", SESSION_CONNECTED }, { "initializing", SESSION_STARTING },
    { "qrcode", SESSION_QR_PENDING },   { "phonecode", SESSION_QR_PENDING },
    { "closed", SESSION_DISCONNECTED }, { NULL, SESSION_STATE_N },
};

static const struct json_path paths[] = {
    { ANSWER_TOP, { NULL } },    { ANSWER_ID, { "session" } }, { ANSWER_STATUS, { "status" } },
    { ANSWER_QR, { "qrcode" } }, { ANSWER_QR, { "urlcode" } },
};
static const struct answer_form form = {
    .paths = paths, .n_paths = ARRAY_LEN(paths), .words = words, .status_is_state = true
};

/* -- requests -- */

/* Calls of the bridge itself need no header. The salt is made of the same texts, so that the token is the same each time. */
static int make_key(const char *api_key, const char *id, char ret[BRIDGE_KEY_MAX])
{
    char text[BCRYPT_TEXT_MAX + 1];
    uint8_t salt[SHA256_BYTES];
    int r;

    ret[0] = '\0';
    if (!id)
        return 0;
    (void)snprintf(text, sizeof text, "%s%s", id, api_key);
    r = digest_sha256(text, strlen(text), salt);
    if (r == 0)
        r = bcrypt_hash(text, BCRYPT_COST_MIN, salt, ret);
    for (char *p = ret; r == 0 && (p = strchr(p, '/'));)
        *p = '_';
    explicit_bzero(text, sizeof text);
    return r;
}

/* It takes an id up to its first colon. */
static bool may_name(enum bridge_op op, const char *id)
{
    return strchr(id, ':') == NULL;
}

static const struct bridge_path start = { "POST", "/api/%s/start-session" };
static const struct bridge_path close_session = { "POST", "/api/%s/close-session" };

/* The webhook is that of the server's configuration where none is given. It sends neither header nor signature. */
static void put_create(struct json_out *j, const struct bridge_target *t, const char *id,
                       const struct subscription_want *hook)
{
    if (hook)
        subscription_put_url_with_token(j, "webhook", hook, false);
    json_bool(j, "waitQrCode", false);
}

/* A start without a body keeps the options that the session was created with, its webhook included; a body would replace all of that.
 * start-session answers with the state before it, and does nothing unless that was CLOSED: a dead client (CONNECTED) or a
 * browser that did not start (INITIALIZING) is closed first, which may answer 500 and works all the same. */
static bool did_nothing(const struct bridge_answer *a)
{
    struct bridge_session s;

    return answer_session(&form, a->body, SESSION_STATE_N, &s, NULL) == 0 &&
           (s.state == SESSION_CONNECTED || s.state == SESSION_STARTING);
}

static int next(const struct bridge_driver *d, const struct bridge_target *t, struct bridge_procedure *p,
                struct bridge_request *ret)
{
    if (p->op != BRIDGE_RECONNECT)
        return -ENOTSUP;
    if (p->step == 0 && p->kind == 0 && did_nothing(p->answer))
        return bridge_build_path(d, &close_session, t, p->id, NULL, ret);
    if (p->step != 1 || (p->kind != 0 && p->kind != BRIDGE_REFUSED))
        return -ENOTSUP;
    p->pause_ms = CLOSED_MS;
    return bridge_build_path(d, &start, t, p->id, NULL, ret);
}

/* -- answers -- */

/* {"response":["a","b"]}: names, and no states. */
static int read_list(const struct bridge_answer *a,
                     int (*on_session)(void *ctx, const struct bridge_session *s), void *ctx,
                     int *ret_skipped);

/* A wrong secret is 400, and a 500 with {"status":false} is about one session. */
static int kind(enum bridge_op op, const struct bridge_answer *a)
{
    if (a->status == 400 &&
        (answer_says(a, "token is incorrect") || answer_says(a, "SECRET_KEY is incorrect")))
        return BRIDGE_UNAUTHORIZED;
    return op == BRIDGE_RECONNECT && a->status == 500 && answer_is_json(a) ? BRIDGE_REFUSED : 0;
}

struct names {
    int (*on_session)(void *ctx, const struct bridge_session *s);
    void *ctx;
    int skipped;
};

static int on_name(void *ctx, struct json_value name)
{
    struct bridge_session s = { .state = SESSION_UNKNOWN, .reconnectable = true };
    struct names *n = ctx;

    webhook_read_session(name, s.id);
    if (s.id[0])
        return n->on_session(n->ctx, &s);
    n->skipped++;
    return 0;
}

static int read_list(const struct bridge_answer *a,
                     int (*on_session)(void *ctx, const struct bridge_session *s), void *ctx,
                     int *ret_skipped)
{
    static const struct json_path path = { 0, { "response" } };
    struct names n = { .on_session = on_session, .ctx = ctx };
    int r = kind(BRIDGE_LIST, a) ? kind(BRIDGE_LIST, a) : answer_status(a);
    struct json_value list;

    if (r)
        return r;
    if (json_in_find(a->body, &path, 1, &list) || list.kind != JSON_IN_ARRAY)
        return BRIDGE_GARBAGE;
    r = json_in_each(list, on_name, &n);
    if (r == 0)
        *ret_skipped = n.skipped;
    return r;
}

/* get-phone-number: 404 with "Disconnected" when the client is dead. */
static int read_live(const struct bridge_answer *a, struct bridge_session *s)
{
    static const struct json_path of_phone[] = { { 0, { "status" } }, { 1, { "response" } } };
    struct json_value v[2];
    int r = a->status == 404 ? 0 : answer_status(a);

    if (r)
        return r;
    if (json_in_find(a->body, of_phone, 2, v))
        return BRIDGE_GARBAGE;
    if (a->status == 404 && json_in_is(v[0], "Disconnected")) {
        s->state = SESSION_DISCONNECTED;
        return 0;
    }
    json_in_text(v[1], s->phone, sizeof s->phone);
    s->phone[strcspn(s->phone, "@:")] = '\0';
    return 0;
}

/* {"uptime","message":"OK","timestamp"}, without a key. */
static enum probe_verdict recognise(const struct bridge_answer *a)
{
    static const struct json_path health[] = { { 0, { "uptime" } },
                                               { 1, { "message" } },
                                               { 2, { "timestamp" } } };
    enum probe_verdict v = answer_probe(a);
    struct json_value value[3];

    if (v != PROBE_YES)
        return v == PROBE_UNAUTHORIZED ? PROBE_NO : v;
    return answer_status(a) == 0 && json_in_find(a->body, health, 3, value) == 0 &&
                   value[0].kind == JSON_IN_NUMBER && json_in_is(value[1], "OK") &&
                   value[2].kind == JSON_IN_NUMBER
               ? PROBE_YES
               : PROBE_NO;
}

/* -- webhooks -- */

static const struct json_path hook_paths[] = {
    { HOOK_TOP, { NULL } },         { HOOK_EVENT, { "event" } }, { HOOK_SESSION, { "session" } },
    { HOOK_TIME, { "t" } },         { HOOK_MESSAGE, { "id" } },  { HOOK_MESSAGE, { "id", "_serialized" } },
    { HOOK_FROM_ME, { "fromMe" } }, { HOOK_ACK, { "ack" } },     { HOOK_STATE, { "status" } },
};
static const struct hook_word hook_events[] = {
    { "onmessage", HOOK_IS_MESSAGE },
    { "onselfmessage", EVENT_TYPE_MESSAGE_SENT },
    { "onack", HOOK_IS_ACK },
    { "status-find", HOOK_IS_STATE },
    { "qrcode", EVENT_TYPE_SESSION_QR },
    { "phoneCode", EVENT_TYPE_SESSION_QR },
    { "closesession", EVENT_TYPE_SESSION_DISCONNECTED },
    { "logoutsession", EVENT_TYPE_SESSION_DISCONNECTED },
    { NULL, 0 },
};
static const struct bridge_word hook_words[] = {
    { "inchat", SESSION_CONNECTED },
    { "islogged", SESSION_CONNECTED },
    { "qrreadsuccess", SESSION_STARTING }, /* inChat follows */
    { "notlogged", SESSION_QR_PENDING },
    { "disconnectedmobile", SESSION_LOGGED_OUT },
    { "qrreadfail", SESSION_DISCONNECTED },
    { "qrreaderror", SESSION_DISCONNECTED },
    { "autoclosecalled", SESSION_DISCONNECTED },
    { "browserclose", SESSION_DISCONNECTED },
    { "serverclose", SESSION_DISCONNECTED },
    { "phonenotconnected", SESSION_DISCONNECTED },
    { NULL, SESSION_STATE_N },
};

static void settle(const struct hook_form *f, const struct json_value *v, struct webhook *w)
{
    if (w->type == EVENT_TYPE_SESSION_DISCONNECTED && json_in_is(v[1], "logoutsession"))
        w->code = 401;
}

static const struct hook_form hooks = {
    .paths = hook_paths,
    .n_paths = ARRAY_LEN(hook_paths),
    .events = hook_events,
    .acks = hook_ack_numbers,
    .words = hook_words,
    .dedupe = HOOK_NEVER, /* no id, no time, no repeats: the same bytes are said of different events */
    .own_events = true,
    .settle = settle,
};

const struct bridge_driver bridge_wppconnect = {
    .name = "wppconnect",
    .what = "wppconnect-server: connected sessions are asked whether they are alive; its webhooks are not repeated",
    .limits = "its webhooks have no signature and are not repeated, and its status calls a dead client connected",
    .advice = "run webhook-ingest beside it, and give each session a webhook URL of its own, /webhook/BRIDGE/SESSION",
    .unreadable = "it is given the URL when a session is started, and has no call that shows it",
    .key_header = "Authorization: Bearer ",
    .make_key = make_key,
    .lists_names = true,
    .has_status = true,
    .has_reconnect = true,
    .start_apart_ms = 3000, /* each start launches a browser */
    .probes = { "/healthz" },
    .recognise = recognise,
    .ops = {
        [BRIDGE_HEALTH] = { "GET", "/healthz" },
        [BRIDGE_LIST] = { "GET", "/api/%k/show-all-sessions" },
        [BRIDGE_STATUS] = { "GET", "/api/%s/status-session" },
        [BRIDGE_CREATE] = { "POST", "/api/%s/start-session" },
        /* closes it and drops its token; the pairing is removed with it */
        [BRIDGE_DELETE] = { "POST", "/api/%s/logout-session" },
        [BRIDGE_RECONNECT] = { "POST", "/api/%s/start-session" },
        [BRIDGE_QR] = { "GET", "/api/%s/status-session" }, /* with the code; qrcode-session is a PNG */
    },
    .live = { "GET", "/api/%s/get-phone-number" },
    .read_live = read_live,
    .put_create = put_create,
    .may_name = may_name,
    .next = next,
    .form = &form,
    .health_field = "uptime",
    .kind = kind,
    .read_list = read_list,
    .hooks = &hooks,
};
