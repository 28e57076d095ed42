/* The API's routes of sessions: zapw's, and those that the contract has instead and besides. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "tests/bridge-sim/dialect.h"
#include "tests/bridge-sim/qr_png.h"
#include "tests/bridge-sim/sim.h"

/* 10,000 sessions with a QR code each are 20 MiB. */
#define ANSWER_MAX (64 * 1024 * 1024)
#define URL_MAX    2048

static const char *const zapw_error[] = { "status", "error" };
static const char *const contract_error[] = { "error", "message" };

/* "Session <id> <what>", in the dialect's envelope. */
static void answer_error(struct sim *s, struct http_req *r, int status, const char *code, struct str id,
                         const char *what)
{
    char text[160];

    (void)snprintf(text, sizeof text, "Session%s%.*s %s", id.n ? " " : "", (int)id.n, id.p, what);
    if (s->dialect == &dialect_zapw)
        api_answer_pair(s, r, status, zapw_error, "error", text);
    else
        api_answer_pair(s, r, status, contract_error, code, text);
}

static void answer_no_session(struct sim *s, struct http_req *r, struct str id)
{
    answer_error(s, r, 404, "not_found", id, "not found");
}

/* ---- a session as JSON ----------------------------------------------------------------------- */

static void add_session(struct sim *s, struct json_out *j, const struct sim_session *x)
{
    char at[32], phone[SIM_PHONE_MAX];

    json_open(j, NULL, '{');
    json_texts(j, "id", x->id);
    json_texts(j, "status", session_word(s, x->status));
    if (x->connected_at) {
        json_texts(j, "phoneNumber", session_phone(x, phone));
        json_texts(j, "name", "Bob");
    }
    json_texts(j, "createdAt", text_time(x->created_at, at, sizeof at));
    if (x->connected_at)
        json_texts(j, "connectedAt", text_time(x->connected_at, at, sizeof at));
    if (x->had_qr) {
        json_texts(j, "qrCode", QR_PNG);
        json_texts(j, "qrExpiresAt", text_time(x->qr_expires_at, at, sizeof at));
    }
    json_close(j, '}');
}

static void answer_session(struct sim *s, struct http_req *r, int status, const struct sim_session *x)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(ANSWER_MAX);
    struct json_out j = JSON_OUT(&body);

    (void)buf_adds(&body, "{\"status\":\"success\",\"data\":");
    add_session(s, &j, x);
    (void)buf_adds(&body, "}");
    api_answer_json(s, r, status, &body);
}

void api_list(struct sim *s, struct http_req *r)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(ANSWER_MAX);
    struct json_out j = JSON_OUT(&body);

    if (s->dialect == &dialect_contract && !s->settings.list) {
        api_answer_no_route(s, r);
        return;
    }
    (void)buf_adds(&body, "{\"status\":\"success\",\"data\":");
    json_open(&j, NULL, '[');
    for (int i = 0; i < s->n_sessions; i++) {
        if (!s->sessions[i].unlisted)
            add_session(s, &j, &s->sessions[i]);
    }
    json_close(&j, ']');
    (void)buf_adds(&body, "}");
    api_answer_json(s, r, 200, &body);
}

/* ---- creating -------------------------------------------------------------------------------- */

static void random_uuid(struct sim *s, char *ret, size_t n)
{
    uint64_t a = rng_next(&s->rng), b = rng_next(&s->rng);

    (void)snprintf(ret, n, "%08x-%04x-4%03x-a%03x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff),
                   (unsigned)(a & 0xfff), (unsigned)(b >> 48 & 0xfff),
                   (unsigned long long)(b & 0xffffffffffff));
}

void api_answer_created(struct sim *s, struct sim_session *x)
{
    answer_session(s, TAKE(x->creating), 201, x);
}

void api_answer_too_late(struct sim *s, struct sim_session *x)
{
    api_answer_text(s, TAKE(x->creating), 500,
                    "{\"status\":\"error\",\"error\":\"Timeout waiting for QR code\"}");
}

static int want_event(void *ctx, struct json_value item)
{
    struct sim_session *x = ctx;

    for (unsigned i = 0; i < EVENT_N; i++) {
        if (json_in_is(item, event_names[i]))
            x->events |= 1U << i;
    }
    return 0;
}

/* The contract's "webhook":{"url","events"}. False: its URL is of no use. */
static bool take_webhook(struct sim *s, struct sim_session *x, const struct json_value *url,
                         const struct json_value *events)
{
    char text[URL_MAX];

    if (events->kind == JSON_IN_ARRAY) {
        x->events = 0;
        (void)json_in_each(*events, want_event, x);
    }
    return url->kind != JSON_IN_TEXT ||
           sender_target(s->sender, json_in_text(*url, text, sizeof text), &x->to) == 0;
}

static void created_zapw(struct sim *s, struct http_req *r, struct sim_session *x)
{
    x->creating = r; /* answered when there is a QR code */
    x->creating_until = sim_now(s) + s->settings.create_ms;
}

static void created_contract(struct sim *s, struct http_req *r, struct sim_session *x,
                             const struct json_value *url, const struct json_value *events)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&body);

    if (!take_webhook(s, x, url, events)) {
        session_remove(s, x);
        api_answer_pair(s, r, 400, contract_error, "bad_request", "webhook.url is of no use");
        return;
    }
    x->status = SIM_QR_WAITING;
    json_open(&j, NULL, '{');
    json_texts(&j, "id", x->id);
    json_texts(&j, "status", session_word(s, x->status));
    json_texts(&j, "qr", "2@simulated,qr,code");
    json_close(&j, '}');
    api_answer_json(s, r, 201, &body);
}

/* zapw reads "sessionId" and ignores all else; the contract says "id". */
void api_create(struct sim *s, struct http_req *r)
{
    const struct json_path paths[] = {
        { 0, { s->dialect == &dialect_zapw ? "sessionId" : "id" } },
        { 1, { "webhook", "url" } },
        { 2, { "webhook", "events" } },
    };
    struct str body = http_req_body(r);
    struct json_value v[ARRAY_LEN(paths)];
    struct sim_session *x;
    char id[65];
    int result;

    if (json_in_find(body.n ? body : STR_LIT("{}"), paths, ARRAY_LEN(paths), v) != 0) {
        api_answer_broken(s, r);
        return;
    }
    if (v[0].kind == JSON_IN_TEXT)
        (void)json_in_text(v[0], id, sizeof id);
    else
        random_uuid(s, id, sizeof id);
    x = session_find(s, str_from(id));
    if (x && x->unlisted) {
        whatsapp_revive(s, x);
        created_zapw(s, r, x);
        return;
    }
    result = session_add(s, id, &x);
    if (result == -EEXIST)
        answer_error(s, r, 409, "conflict", str_from(id), "already exists");
    else if (result != 0)
        api_answer_broken(s, r);
    else if (s->dialect == &dialect_zapw)
        created_zapw(s, r, x);
    else
        created_contract(s, r, x, &v[1], &v[2]);
}

/* ---- one session ----------------------------------------------------------------------------- */

static void get_status(struct sim *s, struct http_req *r, struct sim_session *x)
{
    static const char *const keys[] = { "id", "status" };

    api_answer_pair(s, r, 200, keys, x->id, session_word(s, x->status));
}

/* A GET of a QR code that has expired gives the stale one, and "disconnected"; a new one is on its way. */
static void get_one(struct sim *s, struct http_req *r, struct sim_session *x)
{
    bool expired = x->status == SIM_QR_WAITING && x->qr_expires_at && sim_wall(s) > x->qr_expires_at;

    if (expired)
        x->status = SIM_DISCONNECTED;
    answer_session(s, r, 200, x);
    if (expired)
        whatsapp_new_qr(s, x);
}

static void post_reconnect(struct sim *s, struct http_req *r, struct sim_session *x)
{
    whatsapp_reconnect(s, x);
    get_status(s, r, x);
}

static void delete_one(struct sim *s, struct http_req *r, struct sim_session *x)
{
    CLEANUP(buf_fini) struct buf none = BUF_INIT(1);

    /* zapw reports its own local close, without a reason inside. */
    if (s->dialect == &dialect_zapw && x->status == SIM_CONNECTED)
        hook_session(s, x, EVENT_DISCONNECTED, event_names[EVENT_DISCONNECTED],
                     STR_LIT("{\"reason\":{\"shouldReconnect\":true}}"));
    if (x->creating)
        answer_no_session(s, TAKE(x->creating), str_from(x->id));
    session_remove(s, x);
    api_answer_json(s, r, 204, &none);
}

static void post_message(struct sim *s, struct http_req *r, struct sim_session *x)
{
    long long at = (long long)sim_wall(s);

    if (x->status != SIM_CONNECTED)
        answer_error(s, r, 400, "bad_request", STR_LIT(""), "not connected");
    else
        api_answer_text(s, r, 200,
                        "{\"status\":\"success\",\"data\":{\"messageId\":\"MID%lld\",\"timestamp\":%lld,"
                        "\"status\":\"sent\"}}",
                        at, at);
}

/* "/sessions/<id><rest>" */
static const struct route {
    const char *method, *rest;
    bool contract; /* zapw has it not */
    void (*serve)(struct sim *s, struct http_req *r, struct sim_session *x);
} routes[] = {
    { "GET", "", false, get_one },
    { "DELETE", "", false, delete_one },
    { "POST", "/messages", false, post_message },
    { "GET", "/status", true, get_status },
    { "POST", "/reconnect", true, post_reconnect },
};

static const struct route *find_route(const struct sim *s, struct http_req *r, const char *rest)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (str_eq(http_req_method(r), routes[i].method) && strcmp(rest, routes[i].rest) == 0 &&
            (s->dialect == &dialect_contract || !routes[i].contract))
            return &routes[i];
    }
    return NULL;
}

void api_session(struct sim *s, struct http_req *r)
{
    const char *from = http_req_path(r).p + strlen("/sessions/");
    struct str id = { from, strcspn(from, "/") };
    const struct route *route = find_route(s, r, from + id.n);
    struct sim_session *x = session_find(s, id);

    if (!route)
        api_answer_no_route(s, r);
    else if (!x || x->unlisted)
        answer_no_session(s, r, id);
    else
        route->serve(s, r, x);
}
