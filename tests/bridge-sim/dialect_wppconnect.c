/*
 * wppconnect-server 2.10.4, as recorded (tests/fixtures/wppconnect).
 *
 * A session's key is a bcrypt hash of its name and the secret, which is checked in each call; other calls hold the secret in
 * their path. A dead client goes on being CONNECTED, and start-session does nothing for it. Webhooks have no id, time, signature
 * or repeat, and do not name a session that was closed and started again. Fault no-browser: a start never gets on.
 */
#include <crypt.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/bridge-sim/dialect.h"

/* Of a call with a token: the server's bcrypt. */
#define CHECK_MS  100
#define LOGOUT_MS 600
/* Tokens that are made here cost little: the recorded cost of 10 would block all other calls. */
#define TOKEN_COST 4
#define TINY_PNG \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
#define CLOSED "{'status':'CLOSED','qrcode':null}"

/* Part @n of the path, from 0: of "/api/a/b" 1 is "a". */
static const char *part(struct http_req *r, int n, char *ret, size_t size)
{
    const char *p = http_req_path(r).p + 1;

    while (n-- > 0 && *p) {
        p += strcspn(p, "/");
        p += *p == '/';
    }
    (void)snprintf(ret, size, "%.*s", (int)strcspn(p, "/"), p);
    return ret;
}

/* -- webhooks -- */

static void find_status(struct sim *s, struct sim_session *x, const char *word)
{
    say_hook(s, x, "status-find", -1,
             x->nameless ? "{'event':'status-find','status':'<word>'}"
                         : "{'event':'status-find','session':'<id>','status':'<word>'}",
             "word", word, NULL);
}

static void changed(struct sim *s, struct sim_session *x)
{
    if (x->status == SIM_CONNECTING) {
        find_status(s, x, "notLogged");
    } else if (x->status == SIM_QR_WAITING) {
        say_hook(s, x, "qrcode", -1,
                 "{'event':'qrcode','session':'<id>','qrcode':'" TINY_PNG
                 "','urlcode':'2@FAKEREF,pub,id,adv'}",
                 NULL);
    } else if (x->status == SIM_CONNECTED) {
        if (x->past[0].status == SIM_QR_WAITING)
            find_status(s, x, "qrReadSuccess");
        find_status(s, x, "inChat");
    }
    x->past[0].status = x->status;
}

static void message(struct sim *s, struct sim_session *x, enum sim_event event, int64_t number)
{
    bool is_sent = event == EVENT_SENT, is_group = event == EVENT_GROUP;
    char n[24];

    (void)snprintf(n, sizeof n, "SIM%lld", (long long)number);
    if (event == EVENT_DELIVERED || event == EVENT_READ)
        say_hook(
            s, x, "onack", number,
            "{'event':'onack','session':'<id>','id':{'fromMe':true,'remote':'5521977776666@c.us','id':'<n>',"
            "'_serialized':'true_5521977776666@c.us_<n>'},'body':'ola','type':'chat','t':<now_s>,'ack':<ack>"
            "}",
            "n", n, "ack", event == EVENT_READ ? "3" : "2", NULL);
    else
        say_hook(s, x, is_sent ? "onselfmessage" : "onmessage", number,
                 "{'event':'<event>','session':'<id>','id':'<me>_5521977776666@c.us_<n>','body':'oi','type':'"
                 "chat','t':"
                 "<now_s>,'notifyName':'Ana','from':'<from>','to':'<phone>@c.us','self':'<self>','ack':1,'"
                 "isGroupMsg':<group>,"
                 "'fromMe':<me>,'sender':{'id':'5521977776666@c.us','pushname':'Ana'}}",
                 "event", is_sent ? "onselfmessage" : "onmessage", "n", n, "me", is_sent ? "true" : "false",
                 "self", is_sent ? "out" : "in", "group", is_group ? "true" : "false", "from",
                 is_group ? "120363000000000000@g.us" : "5521977776666@c.us", NULL);
}

/* -- WhatsApp -- */

static void drop(struct sim *s, struct sim_session *x, int code)
{
    x->next = SIM_NEXT_NONE;
    if (code != 401) {
        x->dead = true; /* no webhook, and the status stays */
        return;
    }
    x->paired = false;
    x->status = SIM_DISCONNECTED;
    find_status(s, x, "disconnectedMobile");
}

/* -- calls of the bridge -- */

static void get_health(struct sim *s, struct http_req *r, struct sim_session *none)
{
    char up[32];

    (void)snprintf(up, sizeof up, "%.3f", (double)(sim_now(s) - s->started_ms) / 1000);
    say(s, r, NULL, 200, "{'uptime':<up>,'message':'OK','timestamp':<now_ms>}", "up", up, NULL);
}

static void get_list(struct sim *s, struct http_req *r, struct sim_session *none)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(16 << 20);

    (void)buf_adds(&out, "{\"response\":[");
    for (int i = 0; i < s->n_sessions; i++)
        say_add(s, &s->sessions[i], &out, i ? ",'<id>'" : "'<id>'", NULL);
    (void)buf_adds(&out, "]}");
    say_as(s, r, 200, "application/json; charset=utf-8", (struct str){ buf_str(&out), out.len }, NULL);
}

/* As the bridge makes it: / and + are written as _ and -. */
static void post_token(struct sim *s, struct http_req *r, struct sim_session *x)
{
    struct crypt_data data = { 0 };
    char id[128], text[256], random[16], salt[CRYPT_GENSALT_OUTPUT_SIZE], token[128] = "";

    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (char)rng_below(&s->rng, 256);
    (void)snprintf(text, sizeof text, "%s%s", part(r, 1, id, sizeof id), s->settings.api_key);
    if (crypt_gensalt_rn("$2b$", TOKEN_COST, random, sizeof random, salt, sizeof salt))
        (void)snprintf(token, sizeof token, "%s", crypt_r(text, salt, &data));
    for (char *p = token; *p; p++)
        *p = (char)(*p == '/' ? '_' : *p == '+' ? '-' : *p);
    say(s, r, NULL, 201, "{'status':'success','session':'<name>','token':'<token>','full':'<name>:<token>'}",
        "name", id, "token", token, NULL);
}

static void post_start_all(struct sim *s, struct http_req *r, struct sim_session *none)
{
    say(s, r, NULL, 201, "{'status':'success','message':'Starting all sessions'}", NULL);
    for (int i = 0; i < s->n_sessions; i++) {
        if (s->sessions[i].status == SIM_DISCONNECTED)
            whatsapp_start(s, &s->sessions[i]);
    }
}

static void post_clear(struct sim *s, struct http_req *r, struct sim_session *x)
{
    say(s, r, NULL, 200, "{'success':true}", NULL);
}

/* -- calls of a session, which need not be there -- */

#define WITH_CODE "'qrcode':'<qr>','urlcode':'2@FAKEREF,pub,id,adv'"

static const char *status_of(const struct sim_session *x)
{
    if (!x || x->status == SIM_DISCONNECTED)
        return CLOSED;
    return x->status == SIM_QR_WAITING || x->status == SIM_CONNECTED
               ? "{'status':'<status>'," WITH_CODE ",'version':'2.10.4'}"
               : "{'status':'<status>','qrcode':null,'version':'2.10.4'}";
}

static void get_status(struct sim *s, struct http_req *r, struct sim_session *x)
{
    say(s, r, x, 200, status_of(x), NULL);
}

static bool is_alive(const struct sim_session *x)
{
    return x && x->status == SIM_CONNECTED && !x->dead;
}

static void get_check(struct sim *s, struct http_req *r, struct sim_session *x)
{
    say(s, r, x, 200,
        is_alive(x) ? "{'status':true,'message':'Connected'}" : "{'status':false,'message':'Disconnected'}",
        NULL);
}

static void refuse_dead(struct sim *s, struct http_req *r)
{
    say(s, r, NULL, 404,
        "{'response':null,'status':'Disconnected','message':'A sess\xc3\xa3o do WhatsApp n\xc3\xa3o "
        "est\xc3\xa1 ativa.'}",
        NULL);
}

static void get_phone(struct sim *s, struct http_req *r, struct sim_session *x)
{
    if (is_alive(x))
        say(s, r, x, 200, "{'status':'success','response':'<phone>@c.us','mapper':'device'}", NULL);
    else
        refuse_dead(s, r);
}

static void get_device(struct sim *s, struct http_req *r, struct sim_session *x)
{
    if (is_alive(x))
        say(s, r, x, 200,
            "{'status':'success','response':{'wid':{'server':'c.us','user':'<phone>','_serialized':'<phone>@"
            "c.us'},"
            "'connected':true,'battery':100,'phone':{},'pushname':'Loja "
            "Teste','phoneNumber':'<phone>@c.us'},'mapper':"
            "'device'}",
            NULL);
    else
        refuse_dead(s, r);
}

/* The last code, also of a session that is connected. */
static void get_qr(struct sim *s, struct http_req *r, struct sim_session *x)
{
    const char *text = strchr(say_qr, ',') + 1;
    uint8_t png[2048];
    int n = EVP_DecodeBlock(png, (const uint8_t *)text, (int)strlen(text));

    if (x && x->n_qr && n > 0)
        say_as(s, r, 200, "image/png", (struct str){ (char *)png, (size_t)n }, NULL);
    else
        say(s, r, x, 200,
            "{'status':null,'message':'Session not started. Please, use the /start-session route, for "
            "initialization your "
            "session'}",
            NULL);
}

/* Answers with the state before it, and works from CLOSED only. A body replaces the webhook, none keeps it. */
static void post_start(struct sim *s, struct http_req *r, struct sim_session *x)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(8192);
    struct sim_webhook h = { 0 };
    char id[65], url[512];

    if (x && x->status != SIM_DISCONNECTED) {
        say_add(s, x, &out, status_of(x), NULL);
        out.len--; /* its bracket */
        say_add(s, x, &out, ",'session':'<id>'}", NULL);
        say_as(s, r, 200, "application/json; charset=utf-8", (struct str){ buf_str(&out), out.len }, NULL);
        return;
    }
    say(s, r, x, 200, x && x->nameless ? CLOSED : "{'status':'CLOSED','qrcode':null,'session':''}", NULL);
    if (!x && session_add(s, part(r, 1, id, sizeof id), &x) != 0)
        return;
    if (http_req_body(r).n && *say_text(r, "webhook", url, sizeof url)) {
        h.url = mem_strdup(url);
        (void)say_webhook_set(s, x, &h);
    }
    if (!dialect_has_fault(s, "no-browser")) {
        whatsapp_start(s, x);
        return;
    }
    x->status = SIM_INITIALIZING;
    x->next = SIM_NEXT_NONE;
}

static void post_close(struct sim *s, struct http_req *r, struct sim_session *x)
{
    bool was_up = x && (x->status == SIM_CONNECTED || x->status == SIM_QR_WAITING);

    if (x) {
        x->next = SIM_NEXT_NONE;
        x->status = SIM_DISCONNECTED;
    }
    if (!was_up) {
        say(s, r, x, 500, "{'status':false,'message':'Error closing session','error':{'level':'error'}}",
            NULL);
        return;
    }
    x->nameless = true;
    say_hook(
        s, x, "closesession", -1,
        "{'event':'closesession','session':'<id>','message':'Session: <id> disconnected','connected':false}",
        NULL);
    say(s, r, x, 200, "{'status':true,'message':'Session successfully closed'}", NULL);
}

static void post_logout(struct sim *s, struct http_req *r, struct sim_session *x)
{
    if (!x) {
        say(s, r, x, 500, "{'status':false,'message':'Error closing session','error':{}}", NULL);
        return;
    }
    say_hook(
        s, x, "logoutsession", -1,
        "{'event':'logoutsession','session':'<id>','message':'Session: <id> logged out','connected':false}",
        NULL);
    session_remove(s, x);
    say(s, r, NULL, 200, "{'status':true,'message':'Session successfully closed'}", NULL);
}

/* -- the table -- */

static const struct sim_route routes[] = {
    { "GET", "/healthz", .open = true, .serve = get_health },
    { "GET", "/api/+/show-all-sessions", .serve = get_list },
    { "POST", "/api/+/start-all", .serve = post_start_all },
    { "POST", "/api/*/+/generate-token", .any_session = true, .serve = post_token },
    { "POST", "/api/*/+/clear-session-data", .any_session = true, .serve = post_clear },
#define OF_SESSION .any_session = true, .takes_ms = CHECK_MS
    { "GET", "/api/*/status-session", OF_SESSION, .serve = get_status },
    { "GET", "/api/*/check-connection-session", OF_SESSION, .serve = get_check },
    { "GET", "/api/*/get-phone-number", OF_SESSION, .serve = get_phone },
    { "GET", "/api/*/host-device", OF_SESSION, .serve = get_device },
    { "GET", "/api/*/qrcode-session", OF_SESSION, .serve = get_qr },
    { "POST", "/api/*/start-session", OF_SESSION, .reconnects = true, .serve = post_start },
    { "POST", "/api/*/close-session", OF_SESSION, .serve = post_close },
    { "POST", "/api/*/logout-session", .any_session = true, .takes_ms = LOGOUT_MS, .serve = post_logout },
#undef OF_SESSION
};

static bool token_is_right(struct sim *s, const char *id, const char *token)
{
    struct crypt_data data = { 0 };
    char text[256], hash[128], *got;

    (void)snprintf(text, sizeof text, "%s%s", id, s->settings.api_key);
    (void)snprintf(hash, sizeof hash, "%s", token);
    for (char *p = hash; *p; p++)
        *p = (char)(*p == '_' ? '/' : *p == '-' ? '+' : *p);
    got = crypt_r(text, hash, &data);
    return got && strcmp(got, hash) == 0;
}

static bool allows(struct sim *s, struct http_req *r, const struct sim_route *route, struct sim_session *x)
{
    struct str bearer = http_req_header(r, "Authorization");
    char name[128], secret[256];
    bool is_list = route && (route->serve == get_list || route->serve == post_start_all);
    bool has_secret = is_list || (route && (route->serve == post_token || route->serve == post_clear));

    if (!route || route->open)
        return true;
    (void)part(r, 1, name, sizeof name);
    (void)part(r, is_list ? 1 : 2, secret, sizeof secret);
    if (has_secret && strcmp(secret, s->settings.api_key) == 0)
        return true;
    if (has_secret)
        say(s, r, NULL, 400,
            is_list ? "{'response':false,'message':'The token is incorrect'}"
                    : "{'response':false,'message':'The SECRET_KEY is incorrect'}",
            NULL);
    else if (!bearer.p)
        say(s, r, NULL, 401, "{'message':'Token is not present. Check your header and try again'}", NULL);
    else if (str_starts(bearer, "Bearer ") && token_is_right(s, name, bearer.p + 7))
        return true;
    else
        say(s, r, NULL, 401, "{'error':'Check that the Session and Token are correct'}", NULL);
    return false;
}

static void no_session(struct sim *s, struct http_req *r, struct str id)
{
    say(s, r, NULL, 200, CLOSED, NULL);
}

static void no_route(struct sim *s, struct http_req *r)
{
    char page[1024];

    (void)snprintf(page, sizeof page,
                   "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta "
                   "charset=\"utf-8\">\n<title>Error</title>\n</head>\n<body>\n"
                   "<pre>Cannot %s %.512s</pre>\n</body>\n</html>\n",
                   http_req_method(r).p, http_req_path(r).p);
    say_as(s, r, 404, "text/html; charset=utf-8", str_from(page),
           "Content-Security-Policy: default-src 'none'\nX-Content-Type-Options: nosniff\n");
}

const struct sim_dialect dialect_wppconnect = {
    .name = "wppconnect",
    .words = { "INITIALIZING", "QRCODE", "INITIALIZING", "CONNECTED", "CLOSED" },
    .came = route_came,
    .serve = route_serve,
    .routes = routes,
    .n_routes = ARRAY_LEN(routes),
    .headers = "X-Powered-By: Express\nAccess-Control-Allow-Origin: *\n",
    .has_etag = true,
    .allows = allows,
    .no_route = no_route,
    .no_session = no_session,
    .changed = changed,
    .drop = drop,
    .message = message,
    .user_agent = "axios/1.21.1",
    .has_no_repeats = true,
    .drop_code = 428,
    .faults = "no-browser",
};
