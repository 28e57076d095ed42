/*
 * GOWA 8, written from its source; there is no recording of it.
 *
 * It tells of no session: drops are found by asking. A failure about a device is 500 with words. A 440 of any device ends the
 * process, which comes back as with "restart: always".
 */
#include <stdio.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "tests/bridge-sim/dialect.h"

/* Of its webhooks, where none is set. */
#define USUAL_SECRET "secret"
#define JID          "5521977776666@s.whatsapp.net"

/* -- webhooks -- */

static int head(struct sim *s, const struct sim_session *x, const char *event, struct str body,
                struct buf *out)
{
    struct sim_session usual = *x;
    char hex[65];

    if (!usual.hook.secret && !s->settings.webhook_secret[0])
        usual.hook.secret = (char *)USUAL_SECRET;
    if (say_hmac(s, &usual, "SHA256", body, hex, sizeof hex))
        (void)buf_addf(out, "X-Hub-Signature-256: sha256=%s\r\n", hex);
    return -1;
}

/* It sends nothing of a session. */
static void changed(struct sim *s, struct sim_session *x)
{
}

static void message(struct sim *s, struct sim_session *x, enum sim_event event, int64_t number)
{
    char n[24];

    (void)snprintf(n, sizeof n, "SIM%lld", (long long)number);
    if (event == EVENT_DELIVERED || event == EVENT_READ)
        say_hook(s, x, "message.ack", number,
                 "{'event':'message.ack','device_id':'<phone>@s.whatsapp.net','session_id':'<id>','timestamp'"
                 ":'<now>',"
                 "'payload':{'ids':['<n>'],'chat_id':'" JID "','from':'" JID "','receipt_type':'<type>'}}",
                 "n", n, "type", event == EVENT_READ ? "read" : "delivered", NULL);
    else
        say_hook(s, x, "message", number,
                 "{'event':'message','device_id':'<phone>@s.whatsapp.net','session_id':'<id>','payload':{'id'"
                 ":'<n>',"
                 "'chat_id':'<chat>','from':'" JID
                 "','from_name':'Ana','timestamp':'<now>','is_from_me':<me>,'body':'oi'}}",
                 "n", n, "chat", event == EVENT_GROUP ? "120363000000000000@g.us" : JID, "me",
                 event == EVENT_SENT ? "true" : "false", NULL);
}

/* -- WhatsApp -- */

static void drop(struct sim *s, struct sim_session *x, int code)
{
    x->next = SIM_NEXT_NONE;
    x->paired = x->paired && code != 401;
    whatsapp_set(s, x, SIM_DISCONNECTED);
    if (code == 440)
        whatsapp_restart_all(s);
}

/* -- calls -- */

static void refuse(struct sim *s, struct http_req *r, const struct sim_session *x, int status,
                   const char *code, const char *text)
{
    say(s, r, x, status, "{'code':'<code>','message':'<text>'}", "code", code, "text", text, NULL);
}

static void add_device(struct sim *s, struct buf *out, const struct sim_session *x)
{
    say_add(
        s, x, out,
        x->paired
            ? "{'id':'<id>','phone_number':'<phone>','display_name':'Loja Teste','state':'<status>','jid':"
              "'<phone>@s.whatsapp.net','created_at':<created>}"
            : "{'id':'<id>','phone_number':'','display_name':'','state':'<status>','jid':'','created_at':"
              "<created>}",
        NULL);
}

static void answer_device(struct sim *s, struct http_req *r, const struct sim_session *x, const char *text)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);

    add_device(s, &out, x);
    say(s, r, x, 200, "{'code':'SUCCESS','message':'<text>','results':<device>}", "text", text, "device",
        buf_str(&out), NULL);
}

static void get_health(struct sim *s, struct http_req *r, struct sim_session *none)
{
    say_as(s, r, 200, "text/plain; charset=utf-8", STR_LIT("OK"), NULL);
}

/* Without a device there are no results. */
static void get_list(struct sim *s, struct http_req *r, struct sim_session *none)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(64 << 20);

    for (int i = 0; i < s->n_sessions; i++) {
        (void)buf_adds(&out, i ? "," : ",\"results\":[");
        add_device(s, &out, &s->sessions[i]);
    }
    say(s, r, NULL, 200, "{'code':'SUCCESS','message':'List devices'<list><end>}", "list", buf_str(&out),
        "end", out.len ? "]" : "", NULL);
}

static void get_one(struct sim *s, struct http_req *r, struct sim_session *x)
{
    answer_device(s, r, x, "Get device");
}

static void get_status(struct sim *s, struct http_req *r, struct sim_session *x)
{
    say(s, r, x, 200,
        "{'code':'SUCCESS','message':'Device "
        "status','results':{'device_id':'<id>','is_connected':<up>,'is_logged_in':<in>}}",
        "up", x->status == SIM_CONNECTED || x->status == SIM_QR_WAITING ? "true" : "false", "in",
        x->status == SIM_CONNECTED ? "true" : "false", NULL);
}

static void post_create(struct sim *s, struct http_req *r, struct sim_session *none)
{
    struct sim_webhook h = { .events = say_raw(r, "webhook_events") };
    struct sim_session *x;
    char id[65], text[512];

    if (session_add(s, say_text(r, "device_id", id, sizeof id), &x) != 0) {
        say_webhook_fini(&h);
        refuse(s, r, NULL, 400, "DEVICE_ALREADY_EXISTS", "device already exists");
        return;
    }
    x->status = SIM_DISCONNECTED;
    x->next = SIM_NEXT_NONE;
    if (*say_text(r, "webhook_url", text, sizeof text))
        h.url = mem_strdup(text);
    if (*say_text(r, "webhook_secret", text, sizeof text))
        h.secret = mem_strdup(text);
    (void)say_webhook_set(s, x, &h);
    answer_device(s, r, x, "Device added");
}

/* Disconnects first. */
static void get_login(struct sim *s, struct http_req *r, struct sim_session *x)
{
    if (x->paired) {
        refuse(s, r, x, 400, "ALREADY_LOGGED_IN", "you are already logged in");
        return;
    }
    whatsapp_show_qr(s, x);
    say(s, r, x, 200,
        "{'code':'SUCCESS','message':'Login "
        "success','results':{'qr_link':'http://<host>/statics/qrcode/scan-qr-<random>.png',"
        "'qr_duration':60}}",
        "host", http_req_host(r).p ? s->settings.host : "127.0.0.1", NULL);
}

static void post_login_code(struct sim *s, struct http_req *r, struct sim_session *x)
{
    say(s, r, x, 200,
        "{'code':'SUCCESS','message':'Login with code success','results':{'pair_code':'ABCD-1234'}}", NULL);
}

static void post_reconnect(struct sim *s, struct http_req *r, struct sim_session *x)
{
    if (!x->paired) {
        say(s, r, x, 500,
            "{'code':'INTERNAL_SERVER_ERROR','message':'device <id> is not logged in (session deleted)'}",
            NULL);
        return;
    }
    whatsapp_start(s, x);
    say(s, r, x, 200, "{'code':'SUCCESS','message':'Reconnect success'}", NULL);
}

static void post_logout(struct sim *s, struct http_req *r, struct sim_session *x)
{
    x->paired = false;
    x->next = SIM_NEXT_NONE;
    x->status = SIM_DISCONNECTED;
    say(s, r, x, 200, "{'code':'SUCCESS','message':'Logout success'}", NULL);
}

static void delete_one(struct sim *s, struct http_req *r, struct sim_session *x)
{
    session_remove(s, x);
    say(s, r, NULL, 200, "{'code':'SUCCESS','message':'Device removed'}", NULL);
}

static void answer_webhook(struct sim *s, struct http_req *r, struct sim_session *x)
{
    say(s, r, x, 200,
        "{'code':'SUCCESS','message':'Device "
        "webhook','results':{'device_id':'<id>','webhook_url':'<url>','webhook_events':"
        "<events>}}",
        "url", say_webhook_url(s, x), "events", x->hook.events ? x->hook.events : "[]", NULL);
}

static void patch_webhook(struct sim *s, struct http_req *r, struct sim_session *x)
{
    struct sim_webhook h = { .events = say_raw(r, "webhook_events") };
    char text[512];

    if (*say_text(r, "webhook_url", text, sizeof text))
        h.url = mem_strdup(text);
    if (*say_text(r, "webhook_secret", text, sizeof text))
        h.secret = mem_strdup(text);
    (void)say_webhook_set(s, x, &h);
    answer_webhook(s, r, x);
}

/* -- the table -- */

static const struct sim_route routes[] = {
    { "GET", "/health", .open = true, .serve = get_health },
    { "GET", "/devices", .serve = get_list },
    { "POST", "/devices", .serve = post_create },
    { "GET", "/devices/*", .serve = get_one },
    { "DELETE", "/devices/*", .serve = delete_one },
    { "GET", "/devices/*/status", .serve = get_status },
    { "GET", "/devices/*/login", .serve = get_login },
    { "POST", "/devices/*/login/code", .serve = post_login_code },
    { "POST", "/devices/*/reconnect", .reconnects = true, .serve = post_reconnect },
    { "POST", "/devices/*/logout", .serve = post_logout },
    { "GET", "/devices/*/webhook", .serve = answer_webhook },
    { "PATCH", "/devices/*/webhook", .serve = patch_webhook },
};

static bool allows(struct sim *s, struct http_req *r, const struct sim_route *route, struct sim_session *x)
{
    struct str given = http_req_header(r, "Authorization");
    char encoded[700];

    if (!route || route->open || !s->settings.api_key[0])
        return true;
    base64_encode(s->settings.api_key, strnlen(s->settings.api_key, 500), encoded);
    if (str_starts(given, "Basic ") && strcmp(given.p + 6, encoded) == 0)
        return true;
    say_as(s, r, 401, "text/plain; charset=utf-8", STR_LIT("Unauthorized"),
           "WWW-Authenticate: Basic realm=\"Restricted\"\n");
    return false;
}

static void no_session(struct sim *s, struct http_req *r, struct str id)
{
    char text[128];

    str_copy(id, text, sizeof text);
    say(s, r, NULL, 500, "{'code':'INTERNAL_SERVER_ERROR','message':'device <name> not found'}", "name", text,
        NULL);
}

static void no_route(struct sim *s, struct http_req *r)
{
    say_as(s, r, 404, "text/plain; charset=utf-8", STR_LIT("Not Found"), NULL);
}

const struct sim_dialect dialect_gowa = {
    .name = "gowa",
    .words = { "connecting", "connected", "connecting", "logged_in", "disconnected" },
    .came = route_came,
    .serve = route_serve,
    .routes = routes,
    .n_routes = ARRAY_LEN(routes),
    .allows = allows,
    .no_route = no_route,
    .no_session = no_session,
    .changed = changed,
    .drop = drop,
    .message = message,
    .head = head,
    .user_agent = "Go-http-client/1.1",
    .drop_code = 428,
};
