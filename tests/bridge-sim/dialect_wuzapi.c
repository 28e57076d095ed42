/*
 * wuzapi, written from its source; there is no recording of it.
 *
 * A session is a user with a token. Nearly every refusal is 500 with words; disconnect blanks the subscription; connect refuses
 * whoever has a client, dead or not (code 440 leaves a dead one). Webhooks are forms, or JSON with the fault json-format.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "tests/bridge-sim/dialect.h"

#define ID_MAX 40

/* Made up by the bridge: a UUID without its dashes. */
static char *user_id(const struct sim_session *x, char ret[ID_MAX])
{
    char uuid[SAY_UUID_MAX], *to = ret;

    for (const char *p = say_uuid(x, 0, uuid); *p; p++) {
        if (*p != '-')
            *to++ = *p;
    }
    *to = '\0';
    return ret;
}

/* As it was created with, or one that follows from the name. */
static const char *token_of(const struct sim_session *x, char ret[128])
{
    (void)snprintf(ret, 128, "%s%s", x->hook.config ? "" : "token-of-",
                   x->hook.config ? x->hook.config : x->id);
    return ret;
}

static bool has_client(const struct sim_session *x)
{
    return x->status != SIM_DISCONNECTED || x->dead;
}

static void refuse(struct sim *s, struct http_req *r, int status, const char *text)
{
    char code[8];

    (void)snprintf(code, sizeof code, "%d", status);
    say(s, r, NULL, status, "{'code':<code>,'error':'<text>','success':false}", "code", code, "text", text,
        NULL);
}

/* -- webhooks -- */

static void put_escaped(struct buf *out, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool plain = (p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'z') ||
                     (p[i] >= 'A' && p[i] <= 'Z') || strchr("-_.", p[i]);

        (void)buf_addf(out, plain && p[i] ? "%c" : "%%%02X", (unsigned char)p[i]);
    }
}

/* Its fields in the order in which they are signed. */
static const char *wrap(struct sim *s, const struct sim_session *x, struct buf *body)
{
    CLEANUP(buf_fini) struct buf form = BUF_INIT(4 << 20);
    char id[ID_MAX];

    if (dialect_has_fault(s, "json-format"))
        return "application/json";
    (void)buf_adds(&form, "instanceName=");
    put_escaped(&form, x->id, strlen(x->id));
    (void)buf_adds(&form, "&jsonData=");
    put_escaped(&form, buf_str(body), body->len);
    (void)buf_addf(&form, "&userID=%s", user_id(x, id));
    buf_reset(body);
    (void)buf_add(body, buf_str(&form), form.len);
    return "application/x-www-form-urlencoded";
}

static int head(struct sim *s, const struct sim_session *x, const char *event, struct str body,
                struct buf *out)
{
    char hex[65];

    if (say_hmac(s, x, "SHA256", body, hex, sizeof hex))
        (void)buf_addf(out, "x-hmac-signature: %s\r\n", hex);
    return -1;
}

static void send(struct sim *s, const struct sim_session *x, const char *type, int64_t number,
                 const char *rest)
{
    char template[3072], id[ID_MAX];

    (void)snprintf(template, sizeof template, "{'event':%s,'type':'%s'<tail>}", rest, type);
    if (dialect_has_fault(s, "json-format"))
        (void)snprintf(template + strlen(template) - 1, sizeof template - strlen(template),
                       ",'userID':'%s','instanceName':'<id>'}", user_id(x, id));
    say_hook(s, x, type, number, template, "tail",
             strcmp(type, "ReadReceipt") == 0
                 ? (strstr(rest, "'read'") ? ",\"state\":\"Read\"" : ",\"state\":\"Delivered\"")
                 : "",
             NULL);
}

static void changed(struct sim *s, struct sim_session *x)
{
    if (x->status == SIM_CONNECTED)
        send(s, x, "Connected", -1, "{}");
    else if (x->status == SIM_DISCONNECTED)
        send(s, x, "Disconnected", -1, "{}");
    else if (x->status == SIM_QR_WAITING)
        send(s, x, "QR", -1, "'code','qrCodeBase64':'<qr>'");
}

static void message(struct sim *s, struct sim_session *x, enum sim_event event, int64_t number)
{
    char rest[768];
    bool is_read = event == EVENT_READ;

    if (event == EVENT_DELIVERED || is_read)
        (void)snprintf(rest, sizeof rest,
                       "{'Chat':'5521977776666@s.whatsapp.net','MessageIDs':['SIM%lld'],'Timestamp':'<now>','"
                       "Type':'%s'}",
                       (long long)number, is_read ? "read" : "");
    else
        (void)snprintf(rest, sizeof rest,
                       "{'Info':{'Chat':'%s','Sender':'5521977776666@s.whatsapp.net','IsFromMe':%s,'IsGroup':"
                       "%s,'ID':'SIM%lld',"
                       "'Type':'text','PushName':'Ana','Timestamp':'<now>'},'Message':{'conversation':'oi'}}",
                       event == EVENT_GROUP ? "120363000000000000@g.us" : "5521977776666@s.whatsapp.net",
                       event == EVENT_SENT ? "true" : "false", event == EVENT_GROUP ? "true" : "false",
                       (long long)number);
    send(s, x, event == EVENT_DELIVERED || is_read ? "ReadReceipt" : "Message", number, rest);
}

/* -- WhatsApp -- */

static void drop(struct sim *s, struct sim_session *x, int code)
{
    x->next = SIM_NEXT_NONE;
    if (code == 440) { /* logged and swallowed: the client is there, and dead */
        x->dead = true;
        x->status = SIM_DISCONNECTED;
    } else if (code == 401) {
        x->paired = false;
        x->status = SIM_DISCONNECTED;
        send(s, x, "LoggedOut", -1, "{'OnConnect':false,'Reason':401}");
    } else {
        whatsapp_set(s, x, SIM_DISCONNECTED);
    }
}

/* -- calls of the administrator -- */

static void add_user(struct sim *s, struct buf *out, const struct sim_session *x)
{
    char id[ID_MAX], token[128], phone[SIM_PHONE_MAX], jid[48];

    (void)snprintf(jid, sizeof jid, "%s@s.whatsapp.net", session_phone(x, phone));
    say_add(s, x, out,
            "{'connected':<up>,'events':'<events>','expiration':0,'hasHmac':<hmac>,'id':'<user>','jid':'<jid>"
            "','loggedIn':<in>,"
            "'name':'<id>','proxy_url':'','qrcode':'<code_png>','token':'<token>','webhook':'<url>'}",
            "up", x->status == SIM_CONNECTED || x->status == SIM_QR_WAITING ? "true" : "false", "events",
            x->hook.events ? x->hook.events : "All", "hmac", x->hook.secret ? "true" : "false", "user",
            user_id(x, id), "in", x->paired ? "true" : "false", "code_png", x->n_qr ? say_qr : "", "token",
            token_of(x, token), "url", say_webhook_url(s, x), "jid", x->paired ? jid : "", NULL);
}

static void get_users(struct sim *s, struct http_req *r, struct sim_session *only)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(64 << 20);

    for (int i = 0; i < s->n_sessions; i++) {
        if (only && only != &s->sessions[i])
            continue;
        (void)buf_adds(&out, out.len ? "," : "");
        add_user(s, &out, &s->sessions[i]);
    }
    say(s, r, NULL, 200, "{'code':200,'data':[<users>],'success':true}", "users", buf_str(&out), NULL);
}

static void post_user(struct sim *s, struct http_req *r, struct sim_session *none)
{
    struct sim_webhook h = { 0 };
    struct sim_session *x;
    char name[65], text[512], id[ID_MAX];

    if (!*say_text(r, "token", text, sizeof text)) {
        refuse(s, r, 400, "Missing required fields");
        return;
    }
    h.config = mem_strdup(text);
    if (session_add(s, say_text(r, "name", name, sizeof name), &x) != 0) {
        say_webhook_fini(&h);
        refuse(s, r, 409, "User with this token already exists");
        return;
    }
    x->status = SIM_DISCONNECTED;
    x->next = SIM_NEXT_NONE;
    if (*say_text(r, "webhook", text, sizeof text))
        h.url = mem_strdup(text);
    if (*say_text(r, "events", text, sizeof text))
        h.events = mem_strdup(text);
    if (*say_text(r, "hmacKey", text, sizeof text))
        h.secret = mem_strdup(text);
    (void)say_webhook_set(s, x, &h);
    say(s, r, x, 201, "{'code':201,'data':{'id':'<user>','name':'<id>'},'success':true}", "user",
        user_id(x, id), NULL);
}

static void delete_user(struct sim *s, struct http_req *r, struct sim_session *x)
{
    char id[ID_MAX];

    (void)user_id(x, id);
    session_remove(s, x);
    say(s, r, NULL, 200,
        "{'code':200,'data':{'id':'<user>'},'details':'User instance removed completely','success':true}",
        "user", id, NULL);
}

/* -- calls of a user, whom the token names -- */

static struct sim_session *user_of(struct sim *s, struct http_req *r)
{
    struct str given = http_req_header(r, "token");
    char token[128];

    for (int i = 0; i < s->n_sessions; i++) {
        if (given.p && str_eq(given, token_of(&s->sessions[i], token)))
            return &s->sessions[i];
    }
    return NULL;
}

/* "Subscribe":["All"] as the list of names that it keeps. */
static char *subscription(struct http_req *r)
{
    CLEANUP(mem_freep) char *list = say_raw(r, "Subscribe");
    CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);
    size_t n;

    for (const char *p = list ? list : ""; (p = strchr(p, '"')); p += strcspn(p, "\"") + 1) {
        p++;
        (void)buf_addf(&out, "%s%.*s", out.len ? "," : "", (int)strcspn(p, "\""), p);
    }
    return buf_take(&out, &n);
}

static void post_connect(struct sim *s, struct http_req *r, struct sim_session *none)
{
    struct sim_session *x = user_of(s, r);

    call_came(s, r, str_from(x->id));
    if (has_client(x)) {
        refuse(s, r, 500, "already connected");
        return;
    }
    mem_free(x->hook.events);
    x->hook.events = subscription(r); /* without a list it wants nothing */
    whatsapp_start(s, x);
    say(s, r, x, 200,
        "{'code':200,'data':{'details':'Connected!','events':'<events>','jid':'','webhook':'<url>'},'success'"
        ":true}",
        "events", x->hook.events ? x->hook.events : "", "url", say_webhook_url(s, x), NULL);
}

static void post_disconnect(struct sim *s, struct http_req *r, struct sim_session *none)
{
    struct sim_session *x = user_of(s, r);

    if (x->status == SIM_DISCONNECTED) {
        refuse(s, r, 500, x->dead ? "cannot disconnect because it is not logged in" : "no session");
        return;
    }
    x->next = SIM_NEXT_NONE;
    x->status = SIM_DISCONNECTED;
    (void)mem_replace(&x->hook.events, "");
    say(s, r, x, 200, "{'code':200,'data':{'Details':'Disconnected'},'success':true}", NULL);
}

static void post_logout(struct sim *s, struct http_req *r, struct sim_session *none)
{
    struct sim_session *x = user_of(s, r);

    if (x->status != SIM_CONNECTED) {
        refuse(s, r, 500, "no session");
        return;
    }
    drop(s, x, 401);
    say(s, r, x, 200, "{'code':200,'data':{'Details':'Logged out'},'success':true}", NULL);
}

static void get_status(struct sim *s, struct http_req *r, struct sim_session *none)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(8192);

    add_user(s, &out, user_of(s, r));
    say(s, r, NULL, 200, "{'code':200,'data':<user>,'success':true}", "user", buf_str(&out), NULL);
}

static void get_qr(struct sim *s, struct http_req *r, struct sim_session *none)
{
    const struct sim_session *x = user_of(s, r);

    if (x->status == SIM_QR_WAITING)
        say(s, r, x, 200, "{'code':200,'data':{'QRCode':'<qr>'},'success':true}", NULL);
    else
        refuse(s, r, 500, !has_client(x) ? "no session" : x->paired ? "already logged in" : "not connected");
}

/* Only of a client that is connected and waits for a scan. */
static void post_pair(struct sim *s, struct http_req *r, struct sim_session *none)
{
    const struct sim_session *x = user_of(s, r);
    char phone[32];

    if (!has_client(x))
        refuse(s, r, 500, "no session");
    else if (!*say_text(r, "Phone", phone, sizeof phone))
        refuse(s, r, 400, "missing Phone in Payload");
    else if (x->status != SIM_QR_WAITING)
        refuse(s, r, 400, "already paired");
    else
        say(s, r, x, 200, "{'code':200,'data':{'LinkingCode':'ABCD-1234'},'success':true}", NULL);
}

static void answer_webhook(struct sim *s, struct http_req *r, struct sim_session *none)
{
    const struct sim_session *x = user_of(s, r);

    say(s, r, x, 200, "{'code':200,'data':{'subscribe':['<events>'],'webhook':'<url>'},'success':true}",
        "events", x->hook.events ? x->hook.events : "All", "url", say_webhook_url(s, x), NULL);
}

static void post_webhook(struct sim *s, struct http_req *r, struct sim_session *none)
{
    struct sim_session *x = user_of(s, r);
    struct sim_webhook h = { 0 };
    char url[512], token[128];

    h.url = mem_strdup(*say_text(r, "webhook", url, sizeof url) ? url
                                                                : say_text(r, "webhookurl", url, sizeof url));
    h.config = mem_strdup(token_of(x, token));
    h.events = mem_strdup(x->hook.events ? x->hook.events : "All");
    h.secret = x->hook.secret ? mem_strdup(x->hook.secret) : NULL;
    (void)say_webhook_set(s, x, &h);
    answer_webhook(s, r, NULL);
}

/* -- the table -- */

static const struct sim_route routes[] = {
    { "GET", "/admin/users", .serve = get_users },
    { "POST", "/admin/users", .serve = post_user },
    { "GET", "/admin/users/*", .serve = get_users },
    { "DELETE", "/admin/users/*", .serve = delete_user },
    { "POST", "/session/connect", .serve = post_connect },
    { "POST", "/session/disconnect", .serve = post_disconnect },
    { "POST", "/session/logout", .serve = post_logout },
    { "POST", "/session/pairphone", .serve = post_pair },
    { "GET", "/session/status", .serve = get_status },
    { "GET", "/session/qr", .serve = get_qr },
    { "GET", "/webhook", .serve = answer_webhook },
    { "POST", "/webhook", .serve = post_webhook },
    { "PUT", "/webhook", .serve = post_webhook },
};

static bool allows(struct sim *s, struct http_req *r, const struct sim_route *route, struct sim_session *x)
{
    bool is_admin = route && strncmp(route->path, "/admin/", 7) == 0;

    if (!route || (is_admin && str_eq(http_req_header(r, "Authorization"), s->settings.api_key)) ||
        (!is_admin && user_of(s, r)))
        return true;
    refuse(s, r, 401, "unauthorized");
    return false;
}

static struct sim_session *find(struct sim *s, struct str id)
{
    char its[ID_MAX];

    for (int i = 0; i < s->n_sessions; i++) {
        if (str_eq(id, user_id(&s->sessions[i], its)))
            return &s->sessions[i];
    }
    return NULL;
}

static void no_session(struct sim *s, struct http_req *r, struct str id)
{
    refuse(s, r, 404, "user not found");
}

static void no_route(struct sim *s, struct http_req *r)
{
    say_as(s, r, 404, "text/plain; charset=utf-8", STR_LIT("404 page not found\n"), NULL);
}

const struct sim_dialect dialect_wuzapi = {
    .name = "wuzapi",
    .words = { "connecting", "scan", "connecting", "connected", "disconnected" },
    .came = route_came,
    .serve = route_serve,
    .routes = routes,
    .n_routes = ARRAY_LEN(routes),
    .allows = allows,
    .no_route = no_route,
    .no_session = no_session,
    .find = find,
    .changed = changed,
    .drop = drop,
    .message = message,
    .wrap = wrap,
    .head = head,
    .user_agent = "go-resty/2.11.0 (https://github.com/go-resty/resty)",
    .drop_code = 428,
    .faults = "json-format",
};
