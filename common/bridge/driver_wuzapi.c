/*
 * wuzapi (github.com/asternic/wuzapi), written from its source (2025 and 2026): BRIDGES.md.
 *
 * Its key is WUZAPI_ADMIN_TOKEN. A "user" is a session; calls about one carry the user's own token, which the list of users
 * shows. So reconnecting is three calls: the list, disconnect, connect. disconnect blanks the subscription and connect sets
 * it again, from the list.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/hex.h"
#include "common/base/hmac.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/bridge/answer.h"
#include "common/bridge/drivers.h"
#include "common/bridge/hook_form.h"
#include "common/bridge/request.h"
#include "common/bridge/signature.h"
#include "common/bridge/subscription.h"

#define USER_HEADER "token: "

/* A user's token keeps its own header, in whichever header the operator's key is sent. */
static struct bridge_target of_user(const struct bridge_target *t)
{
    struct bridge_target user = *t;

    user.key_header = NULL;
    return user;
}
/* Between a disconnect and the connect after it. */
#define DISCONNECTED_MS 1000
/* A user's token in the driver's note, before its events. */
#define TOKEN_MAX 256

static const struct bridge_word words[] = { { NULL, SESSION_STATE_N } }; /* it has flags */

static const struct json_path paths[] = {
    { ANSWER_TOP, { NULL } },
    { ANSWER_ID, { "data", "id" } },
    { ANSWER_ID, { "id" } },
    { ANSWER_PHONE, { "jid" } },
    { ANSWER_NAME, { "name" } },
    { ANSWER_QR, { "qrcode" } },
    { ANSWER_CONNECTED, { "connected" } },
    { ANSWER_LOGGED_IN, { "loggedIn" } },
};
static void settle(const struct json_value v[ANSWER_FIELDS], struct bridge_session *s);

static const struct answer_form form = {
    .paths = paths, .n_paths = ARRAY_LEN(paths), .words = words, .settle = settle
};
static const struct json_path list_at[] = { { 0, { "data" } } };

/* -- requests -- */

/* It takes a key for its signature of this length at least. */
#define HMAC_KEY_MIN 32

static bool signs(const struct subscription_want *w)
{
    return subscription_first(w->secrets).n >= HMAC_KEY_MIN;
}

/* The token of a user that zapkeep creates: nobody guesses it who does not know the admin's. */
static void put_create(struct json_out *j, const struct bridge_target *t, const char *id,
                       const struct subscription_want *hook)
{
    const struct str parts[] = { STR_LIT("zapkeep "), str_from(id) };
    uint8_t mac[SHA256_BYTES] = { 0 };
    char token[2 * SHA256_BYTES + 1];

    if (hmac_sha256(str_from(t->api_key ? t->api_key : ""), parts, ARRAY_LEN(parts), mac) != 0)
        return; /* an incomplete body is refused */
    hex_encode(mac, sizeof mac, token);
    json_texts(j, "name", id);
    json_texts(j, "token", token);
    json_texts(j, "events", "All");
    if (!hook) {
        json_texts(j, "webhook", "");
        return;
    }
    subscription_put_url_with_token(j, "webhook", hook, signs(hook));
    if (signs(hook))
        json_text(j, "hmacKey", subscription_first(hook->secrets));
}

struct user {
    const char *id;
    char *note; /* "token\0events\0" */
    struct json_value v[3];
};

static const struct json_path user_paths[] = { { 0, { "id" } }, { 1, { "token" } }, { 2, { "events" } } };

static int on_user(void *ctx, struct json_value item)
{
    struct user *u = ctx;
    char id[SESSION_ID_MAX];

    webhook_read_session(u->v[0], id);
    if (strcmp(id, u->id) != 0)
        return 0;
    json_in_text(u->v[1], u->note, TOKEN_MAX);
    json_in_text(u->v[2], u->note + TOKEN_MAX, BRIDGE_KEY_MAX - TOKEN_MAX);
    return 1;
}

static bool find_user(const struct bridge_answer *a, const char *id, char *note)
{
    struct user u = { .id = id, .note = note };
    struct json_value list;

    note[0] = '\0';
    return json_in_find(a->body, list_at, 1, &list) == 0 &&
           json_in_each_find(list, user_paths, ARRAY_LEN(user_paths), u.v, on_user, &u) == 1 && note[0];
}

static int build_connect(const struct bridge_target *t, const char *note, struct bridge_request *ret)
{
    const char *events = note[TOKEN_MAX] ? note + TOKEN_MAX : "All";
    const struct bridge_target user = of_user(t);
    struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    struct json_out j = JSON_OUT(&body);

    json_open(&j, NULL, '{');
    json_open(&j, "Subscribe", '[');
    while (*events) {
        size_t n = strcspn(events, ",");

        if (n > 0)
            json_text(&j, NULL, (struct str){ events, n });
        events += events[n] ? n + 1 : n;
    }
    json_close(&j, ']');
    json_bool(&j, "Immediate", true); /* else it answers after 10 s */
    json_close(&j, '}');
    return request_build_json(USER_HEADER, note, &user, "POST", "/session/connect", NULL, &body, ret);
}

/* The list of users; disconnect, which is refused when there is nothing to disconnect; connect. A new user is connected at
 * once. */
static int next(const struct bridge_driver *d, const struct bridge_target *t, struct bridge_procedure *p,
                struct bridge_request *ret)
{
    static const struct bridge_path users = { "GET", "/admin/users" };
    const struct bridge_target user = of_user(t);
    int step = p->op == BRIDGE_CREATE ? p->step - 1 : p->step; /* the list comes after a create */

    if (step == -1)
        return p->kind ? -ENOTSUP : bridge_build_path(d, &users, t, NULL, NULL, ret);
    if (step == 0 && p->kind == 0) {
        if (!find_user(p->answer, p->id, p->note)) {
            p->kind = BRIDGE_NO_SESSION;
            return -ENOTSUP;
        }
        return p->op == BRIDGE_CREATE
                   ? build_connect(t, p->note, ret)
                   : request_build(USER_HEADER, p->note, &user, "POST", "/session/disconnect", NULL, ret);
    }
    if (step != 1 || p->op == BRIDGE_CREATE || (p->kind != 0 && p->kind != BRIDGE_REFUSED))
        return -ENOTSUP;
    p->pause_ms = DISCONNECTED_MS;
    return build_connect(t, p->note, ret);
}

/* A call of the user, whose token the list shows. Takes @body. -EINVAL: the list does not have the session. */
static int build_of_user(const struct bridge_target *t, const struct bridge_answer *shown, const char *id,
                         const char *method, const char *path, struct buf *body, struct bridge_request *ret)
{
    const struct bridge_target user = of_user(t);
    char note[BRIDGE_KEY_MAX];
    int r = -EINVAL;

    if (find_user(shown, id, note))
        r = request_build_json(USER_HEADER, note, &user, method, path, NULL, body, ret);
    else
        buf_fini(body);
    explicit_bzero(note, sizeof note);
    return r;
}

/* A code for a phone number. */
static int build_phone_code(const struct bridge_target *t, const struct bridge_answer *shown, const char *id,
                            const char *phone, struct bridge_request *ret)
{
    struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    struct json_out j = JSON_OUT(&body);

    json_open(&j, NULL, '{');
    json_texts(&j, "Phone", phone);
    json_close(&j, '}');
    return build_of_user(t, shown, id, "POST", "/session/pairphone", &body, ret);
}

static const struct json_path phone_code_at = { 0, { "data", "LinkingCode" } };
static const struct bridge_phone_code phone_code = {
    .first = { "GET", "/admin/users" },
    .build = build_phone_code,
    .code = &phone_code_at,
};

/* -- answers -- */

/* Nearly every refusal about a user is 500. */
static int kind(enum bridge_op op, const struct bridge_answer *a)
{
    bool of_user = op == BRIDGE_RECONNECT || op == BRIDGE_CREATE || op == BRIDGE_QR;

    return of_user && a->status == 500 && answer_is_json(a) ? BRIDGE_REFUSED : 0;
}

static void settle(const struct json_value v[ANSWER_FIELDS], struct bridge_session *s)
{
    struct json_value up = v[ANSWER_CONNECTED], in = v[ANSWER_LOGGED_IN];

    if (up.kind == JSON_IN_ABSENT)
        return;
    if (up.kind != JSON_IN_TRUE)
        s->state = SESSION_DISCONNECTED;
    else
        s->state = in.kind == JSON_IN_TRUE ? SESSION_CONNECTED : SESSION_QR_PENDING;
    (void)snprintf(s->raw_status, sizeof s->raw_status, "%s, %s",
                   up.kind == JSON_IN_TRUE ? "connected" : "not connected",
                   in.kind == JSON_IN_TRUE ? "logged in" : "not logged in");
}

struct shown {
    struct bridge_session s;
    struct buf *qr;
};

static int on_shown(void *ctx, struct json_value item)
{
    struct shown *x = ctx;
    int r = answer_session(&form, item.raw, SESSION_UNKNOWN, &x->s, x->qr);

    return r ? r : -1; /* the first one only */
}

/* {"data":[{…,"qrcode"}]}: the list of the one user. Its code stays when it is paired. */
static int read_qr(const struct bridge_answer *a, struct buf *ret_qr, struct bridge_session *ret)
{
    CLEANUP(buf_fini) struct buf qr = BUF_NULL;
    struct shown x = { .qr = &qr };
    struct json_value list;
    int r = kind(BRIDGE_QR, a) ? kind(BRIDGE_QR, a) : answer_status_of_session(a);

    if (r)
        return r;
    if (json_in_find(a->body, list_at, 1, &list) || list.kind != JSON_IN_ARRAY)
        return BRIDGE_GARBAGE;
    r = json_in_each(list, on_shown, &x);
    if (r != -1)
        return r ? r : BRIDGE_NO_SESSION;
    *ret = x.s;
    answer_move_qr(&x.s, &qr, ret_qr);
    return 0;
}

/* Its list, or its own way to refuse the key. */
static enum probe_verdict recognise(const struct bridge_answer *a)
{
    static const struct json_path own[] = { { 0, { "code" } }, { 1, { "success" } }, { 2, { "data" } } };
    enum probe_verdict v = answer_probe(a);
    struct json_value value[3];

    if (v == PROBE_NOT_YET)
        return v;
    if (json_in_find(a->body, own, 3, value) || value[0].kind != JSON_IN_NUMBER)
        return PROBE_NO;
    if (v == PROBE_UNAUTHORIZED)
        return value[1].kind == JSON_IN_FALSE ? v : PROBE_NO;
    return answer_status(a) == 0 && value[1].kind == JSON_IN_TRUE && value[2].kind == JSON_IN_ARRAY
               ? PROBE_YES
               : PROBE_NO;
}

/* -- the webhook subscription -- */

static const struct json_path subscription_paths[] = {
    { SUBSCRIPTION_SESSION, { "id" } },
    { SUBSCRIPTION_URL, { "webhook" } },
    { SUBSCRIPTION_EVENTS, { "events" } },
    { SUBSCRIPTION_SIGNED, { "hasHmac" } },
};
static const char *const needed_events[] = { "Message",      "ReadReceipt", "Connected",
                                             "Disconnected", "LoggedOut",   NULL };

static int build_set(const struct bridge_driver *d, const struct bridge_target *t,
                     const struct subscription_want *w, const char *id, const struct bridge_answer *shown,
                     struct bridge_request *ret)
{
    struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    struct json_out j = JSON_OUT(&body);

    json_open(&j, NULL, '{');
    subscription_put_url_with_token(&j, "webhook", w, signs(w));
    json_open(&j, "events", '[');
    json_texts(&j, NULL, "All");
    json_close(&j, ']');
    json_bool(&j, "active", true);
    json_close(&j, '}');
    return build_of_user(t, shown, id, "PUT", "/webhook", &body, ret);
}

static const struct subscription_form subscription = {
    .read = { "GET", "/admin/users" },
    .at = { 0, { "data" } },
    .paths = subscription_paths,
    .n_paths = ARRAY_LEN(subscription_paths),
    .proof = "data",
    .events = needed_events,
    /* It has no headers: its token is in the URL. Its secret is never shown. */
    .shows_headers = true,
    .global = "WUZAPI_GLOBAL_WEBHOOK at the bridge may send all sessions' webhooks",
    .build_set = build_set,
};

/* -- webhooks -- */

static const struct json_path hook_paths[] = {
    { HOOK_TOP, { NULL } },
    { HOOK_EVENT, { "type" } },
    { HOOK_SESSION, { "userID" } },
    { HOOK_TIME, { "event", "Info", "Timestamp" } },
    { HOOK_TIME, { "event", "Timestamp" } },
    { HOOK_MESSAGE, { "event", "Info", "ID" } },
    { HOOK_FROM_ME, { "event", "Info", "IsFromMe" } },
    { HOOK_ACK, { "state" } },
    { HOOK_CODE, { "event", "Reason" } },
};
static const struct hook_word hook_events[] = {
    { "Message", HOOK_IS_MESSAGE },
    { "ReadReceipt", HOOK_IS_ACK },
    { "QR", EVENT_TYPE_SESSION_QR },
    { "Connected", EVENT_TYPE_SESSION_CONNECTED },
    { "Disconnected", EVENT_TYPE_SESSION_DISCONNECTED },
    { "LoggedOut", EVENT_TYPE_SESSION_DISCONNECTED },
    { "TemporaryBan", EVENT_TYPE_SESSION_DISCONNECTED },
    { "ClientOutdated", EVENT_TYPE_SESSION_DISCONNECTED },
    { "ConnectFailure", EVENT_TYPE_SESSION_DISCONNECTED },
    { "PairSuccess", EVENT_TYPE_SESSION_STATUS },
    { "StreamError", EVENT_TYPE_SESSION_STATUS },
    { "KeepAliveTimeout", EVENT_TYPE_SESSION_STATUS },
    { "KeepAliveRestored", EVENT_TYPE_SESSION_STATUS },
    { "QRTimeout", EVENT_TYPE_SESSION_STATUS },
    { NULL, 0 },
};
static const struct hook_word hook_acks[] = {
    { "Delivered", EVENT_TYPE_MESSAGE_DELIVERED },
    { "Read", EVENT_TYPE_MESSAGE_READ },
    { "ReadSelf", EVENT_TYPE_MESSAGE_READ },
    { NULL, 0 },
};

/* Events of a session say nothing but their type: two of them are two. */
static void settle_hook(const struct hook_form *f, const struct json_value *v, struct webhook *w)
{
    static const struct {
        const char *type;
        int code;
    } codes[] = { { "LoggedOut", 401 }, { "TemporaryBan", 402 }, { "ClientOutdated", 405 } };
    struct json_value type = json_in_first(f->paths, v, f->n_paths, HOOK_EVENT, JSON_IN_TEXT);

    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (json_in_is(type, codes[i].type))
            w->code = codes[i].code;
    }
    w->key.is_unique = w->occurred_at == 0 && !w->message_id[0];
}

static const char *const hook_marks[] = { "\"userID\"", "\"instanceName\"", "\"event\"", NULL };
static const struct hook_form hooks = {
    .paths = hook_paths,
    .n_paths = ARRAY_LEN(hook_paths),
    .events = hook_events,
    .acks = hook_acks,
    .dedupe = HOOK_BY_BODY,
    .marks = hook_marks,
    .settle = settle_hook,
};

static const int signatures[] = { SIGNATURE_WUZAPI_256, 0 };

const struct bridge_driver bridge_wuzapi = {
    .name = "wuzapi",
    .what = "wuzapi: a session is a user; its webhooks may be forms",
    .source = "asternic/wuzapi, 2025 and 2026",
    .limits = "it does not tell of a replaced session (440), and does not connect a client that is dead but exists",
    .advice = "WEBHOOK_FORMAT=json and WEBHOOK_RETRY_ENABLED=true",
    .key_header = "Authorization: ",
    .has_list = true,
    .has_reconnect = true,
    .names_sessions = true,
    .sends_forms = true,
    .signatures = signatures,
    .probes = { "/admin/users" },
    .recognise = recognise,
    .ops = {
        [BRIDGE_HEALTH] = { "GET", "/admin/users" },
        [BRIDGE_LIST] = { "GET", "/admin/users" },
        [BRIDGE_CREATE] = { "POST", "/admin/users" },
        [BRIDGE_DELETE] = { "DELETE", "/admin/users/%s" },
        [BRIDGE_RECONNECT] = { "GET", "/admin/users" }, /* and then disconnect and connect, with the user's token */
        [BRIDGE_QR] = { "GET", "/admin/users/%s" },
    },
    .phone_code = &phone_code,
    .put_create = put_create,
    .next = next,
    .form = &form,
    .health_is_list = true,
    .list_at = list_at,
    .list_paths = ARRAY_LEN(list_at),
    .kind = kind,
    .read_qr = read_qr,
    .subscription = &subscription,
    .hooks = &hooks,
};
