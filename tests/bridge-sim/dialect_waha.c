/*
 * WAHA 2025.10.1, engine NOWEB, as recorded (tests/fixtures/waha).
 *
 * A restart takes 3 s and sends STOPPED, STOPPED, STARTING, its own echo; a QR code asked for in the wrong state takes 10 s;
 * a session is WORKING for 2 s after its socket died, and nothing says why. /ping and /health are of no use with the key.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/bridge-sim/dialect.h"

#define NOT_NOTICED_MS 2000
#define QR_WAIT_MS     10000
#define NO_NETWORK_MS  2000
#define STOP_MS        3000
#define LOGOUT_MS      4000
#define ULID_N         26

#define ME                         "{'id':'<phone>@c.us','pushName':'Loja Teste','lid':'123456789012345@lid'}"
#define REFUSED(text, error, code) "{'message':'" text "','error':'" error "','statusCode':" code "}"

/* -- one session as JSON -- */

static const char *me_of(const struct sim_session *x)
{
    return x->paired && x->status != SIM_DISCONNECTED ? ME : "null";
}

static void add_session(struct sim *s, struct buf *out, const struct sim_session *x, const char *me)
{
    say_add(s, x, out, "{'name':'<id>','status':'<status>'", NULL);
    if (x->hook.config)
        say_add(s, x, out, ",'config':<config>", "config", x->hook.config, NULL);
    say_add(s, x, out, ",'me':", NULL);
    say_add(s, x, out, me, NULL);
}

static void answer_session(struct sim *s, struct http_req *r, int status, const struct sim_session *x,
                           const char *me)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(65536);

    add_session(s, &out, x, me);
    (void)buf_adds(&out,
                   x->status == SIM_DISCONNECTED ? ",\"engine\":{}}" : ",\"engine\":{\"engine\":\"NOWEB\"}}");
    say_as(s, r, status, "application/json; charset=utf-8", (struct str){ buf_str(&out), out.len }, NULL);
}

/* -- webhooks -- */

static const char *new_ulid(struct sim *s, char ret[ULID_N + 1])
{
    static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";

    for (int i = 0; i < ULID_N; i++)
        ret[i] = letters[rng_below(&s->rng, sizeof letters - 1)];
    ret[ULID_N] = '\0';
    return ret;
}

static void send(struct sim *s, const struct sim_session *x, const char *event, int64_t number,
                 const char *me, const char *payload)
{
    char metadata[512] = "", template[3072], ulid[ULID_N + 1];
    const char *own = x->hook.config ? strstr(x->hook.config, "\"metadata\":{") : NULL;

    if (own)
        (void)snprintf(metadata, sizeof metadata, "'metadata':%.*s},", (int)strcspn(own + 11, "}"), own + 11);
    (void)snprintf(template, sizeof template,
                   "{'id':'evt_<ulid>','timestamp':<now_ms>,'event':'<event>','session':'<id>',%s'me':%s,"
                   "'payload':%s,'engine':'NOWEB','environment':{'version':'2025.10.1','engine':'NOWEB',"
                   "'tier':'CORE','browser':null}}",
                   metadata, me, payload);
    say_hook(s, x, event, number, template, "ulid", new_ulid(s, ulid), "event", event, NULL);
}

static int head(struct sim *s, const struct sim_session *x, const char *event, struct str body,
                struct buf *out)
{
    char hex[129], id[64];

    (void)snprintf(id, sizeof id, "%.26s", body.p + strlen("{\"id\":\"evt_"));
    for (char *p = id; *p; p++)
        *p = (char)(*p >= 'a' ? *p - 32 : *p);
    (void)buf_addf(out, "X-Webhook-Request-Id: %s\r\nX-Webhook-Timestamp: %lld\r\n", id,
                   (long long)sim_wall(s));
    if (say_hmac(s, x, "SHA512", body, hex, sizeof hex))
        (void)buf_addf(out, "X-Webhook-Hmac: %s\r\nX-Webhook-Hmac-Algorithm: sha512\r\n", hex);
    return -1;
}

static void tell(struct sim *s, struct sim_session *x, const char *me)
{
    char payload[512];
    int n = snprintf(payload, sizeof payload, "{'name':'<id>','status':'<status>','statuses':[");

    if (x->n_past == SIM_PAST_N)
        memmove(x->past, x->past + 1, sizeof *x->past * (size_t)--x->n_past);
    x->past[x->n_past++] = (struct sim_past){ x->status, sim_wall(s) };
    for (int i = 0; i < x->n_past; i++)
        n += snprintf(payload + n, sizeof payload - (size_t)n, "%s{'status':'%s','timestamp':%lld}",
                      i ? "," : "", session_word(s, x->past[i].status), (long long)x->past[i].at);
    (void)snprintf(payload + n, sizeof payload - (size_t)n, "]}");
    send(s, x, "session.status", -1, me, payload);
}

static void changed(struct sim *s, struct sim_session *x)
{
    tell(s, x, x->paired ? ME : "null");
}

static void message(struct sim *s, struct sim_session *x, enum sim_event event, int64_t number)
{
    static const char *const acks[][2] = { { "2", "DEVICE" }, { "3", "READ" } };
    bool is_ack = event == EVENT_DELIVERED || event == EVENT_READ, is_sent = event == EVENT_SENT;
    char payload[1536], from[64];

    (void)snprintf(from, sizeof from, "%s",
                   event == EVENT_GROUP ? "120363000000000000@g.us" : "5521977776666@c.us");
    if (is_ack) {
        (void)snprintf(payload, sizeof payload,
                       "{'id':'true_%s_SIM%lld','from':'%s','fromMe':true,'ack':%s,'ackName':'%s'}", from,
                       (long long)number, from, acks[event == EVENT_READ][0], acks[event == EVENT_READ][1]);
        send(s, x, "message.ack", number, ME, payload);
        return;
    }
    (void)snprintf(
        payload, sizeof payload,
        "{'id':'%s_%s_SIM%lld','timestamp':<now_s>,'from':'%s','fromMe':%s,'source':'app','body':'oi',"
        "'hasMedia':false,'media':null,'ack':2,'ackName':'DEVICE','replyTo':null,'_data':{'key':{'remoteJid':"
        "'5521977776666@s.whatsapp.net','fromMe':%s,'id':'SIM%lld'},'messageTimestamp':<now_s>,'pushName':"
        "'Ana','message':{'conversation':'oi'},'broadcast':false,'status':3}}",
        is_sent ? "true" : "false", from, (long long)number, from, is_sent ? "true" : "false",
        is_sent ? "true" : "false", (long long)number);
    if (!is_sent)
        send(s, x, "message", number, ME, payload);
    send(s, x, "message.any", number, ME, payload);
}

/* -- WhatsApp -- */

static void drop(struct sim *s, struct sim_session *x, int code)
{
    x->next = SIM_NEXT_NONE;
    if (code == 401 || code == 0) { /* 0: a failed start, which a restart mends */
        x->logged_out = code == 401;
        whatsapp_set(s, x, SIM_FAILED);
    } else {
        whatsapp_later(s, x, SIM_NEXT_RESTART, NOT_NOTICED_MS * s->settings.pace / 100);
    }
}

static void no_network(struct sim *s, struct sim_session *x)
{
    whatsapp_set(s, x, SIM_CONNECTING);
}

/* A new client: webhooks STOPPED and STARTING. */
static void start(struct sim *s, struct sim_session *x)
{
    if (x->logged_out)
        x->paired = x->logged_out = false;
    x->n_past = 0;
    x->status = SIM_DISCONNECTED;
    tell(s, x, "null");
    if (s->reconnect_does_nothing)
        return;
    s->counters.reconnects++;
    x->status = SIM_CONNECTING;
    tell(s, x, "null");
    whatsapp_later(s, x, x->paired ? SIM_NEXT_CONNECT : SIM_NEXT_QR, s->settings.reconnect_ms);
}

static void stop(struct sim *s, struct sim_session *x)
{
    if (x->status == SIM_DISCONNECTED)
        return;
    x->next = SIM_NEXT_NONE;
    whatsapp_set(s, x, SIM_DISCONNECTED);
}

static void adopt(struct sim *s, struct sim_session *x)
{
    say_webhook_adopt(
        s, x, "[\"message.any\",\"message.ack\",\"session.status\"]",
        "{'webhooks':[{'url':'<url>','events':<events>,'retries':{'policy':'exponential','delaySeconds':2,"
        "'attempts':15},'customHeaders':[{'name':'Authorization','value':'Bearer <token>'}]}]}");
}

/* -- calls -- */

static void get_ping(struct sim *s, struct http_req *r, struct sim_session *x)
{
    say_as(s, r, 401, "text/html; charset=utf-8", STR_LIT(""), "WWW-Authenticate: Basic\n");
}

static void get_health(struct sim *s, struct http_req *r, struct sim_session *x)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(1024);

    say_add(s, NULL, &out,
            REFUSED("The feature is available only in Plus version for `NOWEB` engine. Check this out: "
                    "https://waha.devlike.pro/",
                    "Unprocessable Entity", "422"),
            NULL);
    say_as(s, r, 422, "application/json; charset=utf-8", (struct str){ buf_str(&out), out.len },
           "Cache-Control: no-cache, no-store, must-revalidate\n");
}

static void get_version(struct sim *s, struct http_req *r, struct sim_session *x)
{
    say(s, r, NULL, 200, "{'version':'2025.10.1','engine':'NOWEB','tier':'CORE','browser':null}", NULL);
}

static void get_server_status(struct sim *s, struct http_req *r, struct sim_session *x)
{
    char up[24];

    (void)snprintf(up, sizeof up, "%lld", (long long)(sim_now(s) - s->started_ms));
    say(s, r, NULL, 200, "{'startTimestamp':<now_ms>,'uptime':<up>,'worker':{'id':''}}", "up", up, NULL);
}

/* STOPPED ones are shown with all=true, and "default" among them although nobody made it. */
static void get_list(struct sim *s, struct http_req *r, struct sim_session *none)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(64 << 20);
    bool all = str_eq(http_req_query(r), "all=true"), comma = false;

    (void)buf_adds(&out, "[");
    if (all && !session_find(s, STR_LIT("default"))) {
        (void)buf_adds(&out, "{\"name\":\"default\",\"status\":\"STOPPED\",\"me\":null}");
        comma = true;
    }
    for (int i = 0; i < s->n_sessions; i++) {
        const struct sim_session *x = &s->sessions[i];

        if (x->unlisted || (!all && x->status == SIM_DISCONNECTED))
            continue;
        (void)buf_adds(&out, comma ? "," : "");
        comma = true;
        add_session(s, &out, x, me_of(x));
        (void)buf_adds(&out, "}");
    }
    (void)buf_adds(&out, "]");
    say_as(s, r, 200, "application/json; charset=utf-8", (struct str){ buf_str(&out), out.len }, NULL);
}

static void get_one(struct sim *s, struct http_req *r, struct sim_session *x)
{
    answer_session(s, r, 200, x, me_of(x));
}

/* {"name":"A","value":"B"}, from the A on: the first header of a webhook. */
static char *custom_header(const char *name)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(1024);
    const char *value = strstr(name, "\"value\":\"");
    size_t n;

    if (value)
        (void)buf_addf(&out, "%.*s: %.*s\r\n", (int)strcspn(name, "\""), name, (int)strcspn(value + 9, "\""),
                       value + 9);
    return value ? buf_take(&out, &n) : NULL;
}

/* The first webhook of the configuration counts; the sim sends to one. */
static bool set_config(struct sim *s, struct http_req *r, struct sim_session *x)
{
    struct sim_webhook h = { .config = say_raw(r, "config") };
    const char *hooks = h.config ? strstr(h.config, "\"webhooks\":[") : NULL;
    const char *end, *at;

    if (hooks && (at = strstr(hooks, "\"url\":\"")))
        h.url = mem_strndup(at + 7, strcspn(at + 7, "\""));
    if (hooks && (at = strstr(hooks, "\"events\":[")) && (end = strchr(at, ']')))
        h.events = mem_strndup(at + 9, (size_t)(end - at - 8));
    if (hooks && (at = strstr(hooks, "\"hmac\":{\"key\":\"")))
        h.secret = mem_strndup(at + 15, strcspn(at + 15, "\""));
    if (hooks && (at = strstr(hooks, "\"customHeaders\":[{\"name\":\"")))
        h.headers = custom_header(at + 26);
    return say_webhook_set(s, x, &h);
}

static void post_create(struct sim *s, struct http_req *r, struct sim_session *none)
{
    static const char usual[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    struct sim_session *x;
    char id[65];

    (void)say_text(r, "name", id, sizeof id);
    if (id[strspn(id, usual)] != '\0') {
        say(s, r, NULL, 400,
            "{'message':['Session name can only contain alphanumeric characters, hyphens, and underscores "
            "(a-z, A-Z, 0-9, -, _) or be empty'],'error':'Bad Request','statusCode':400}",
            NULL);
        return;
    }
    if (memmem(http_req_body(r).p, http_req_body(r).n, "\"start\":false", 13)) { /* it forgets the session */
        say_as(s, r, 201, NULL, STR_LIT(""), NULL);
        return;
    }
    if (session_add(s, id, &x) != 0) {
        say(s, r, NULL, 422,
            REFUSED("Session `<name>` already exists. Use PUT to update it.", "Unprocessable Entity", "422"),
            "name", id, NULL);
        return;
    }
    (void)set_config(s, r, x);
    start(s, x);
    answer_session(s, r, 201, x, "null");
}

static void put_one(struct sim *s, struct http_req *r, struct sim_session *x)
{
    (void)set_config(s, r, x);
    stop(s, x);
    start(s, x);
    answer_session(s, r, 200, x, "null");
}

static void post_start(struct sim *s, struct http_req *r, struct sim_session *x)
{
    if (x->status != SIM_DISCONNECTED) {
        say(s, r, x, 422, REFUSED("Session `<id>` is already started.", "Unprocessable Entity", "422"), NULL);
        return;
    }
    start(s, x);
    answer_session(s, r, 201, x, "null");
}

static int begin_stop(struct sim *s, struct http_req *r, struct sim_session *x)
{
    stop(s, x);
    return STOP_MS;
}

static void post_stop(struct sim *s, struct http_req *r, struct sim_session *x)
{
    answer_session(s, r, 201, x, "null");
}

static void post_restart(struct sim *s, struct http_req *r, struct sim_session *x)
{
    start(s, x);
    answer_session(s, r, 201, x, "null");
}

static int begin_logout(struct sim *s, struct http_req *r, struct sim_session *x)
{
    if (!x)
        return 0;
    stop(s, x);
    x->paired = x->logged_out = false;
    return LOGOUT_MS;
}

static void delete_one(struct sim *s, struct http_req *r, struct sim_session *x)
{
    if (x)
        session_remove(s, x);
    say_as(s, r, 200, NULL, STR_LIT(""), NULL);
}

static int begin_qr(struct sim *s, struct http_req *r, struct sim_session *x)
{
    return x->status == SIM_QR_WAITING ? 0 : QR_WAIT_MS;
}

static void answer_png(struct sim *s, struct http_req *r)
{
    const char *text = strchr(say_qr, ',') + 1;
    uint8_t png[2048];
    int n = EVP_DecodeBlock(png, (const uint8_t *)text, (int)strlen(text));

    while (n > 0 && text[strlen(text) - 1] == '=' && png[n - 1] == 0)
        n--;
    say_as(s, r, 200, "image/png", (struct str){ (char *)png, (size_t)n }, NULL);
}

static void get_qr(struct sim *s, struct http_req *r, struct sim_session *x)
{
    if (x->status != SIM_QR_WAITING)
        say(s, r, x, 422,
            "{'error':'Session status is not as expected. Try again later or restart the session','session':"
            "'<id>','status':'<status>','expected':['SCAN_QR_CODE']}",
            NULL);
    else if (str_eq(http_req_query(r), "format=raw"))
        say(s, r, x, 200, "{'value':'2@FAKEREF0<now_ms>,pubkeyAAAA=,identBBBB=,advCCCC='}", NULL);
    else if (str_eq(http_req_header(r, "Accept"), "image/png"))
        answer_png(s, r);
    else
        say(s, r, x, 200, "{'mimetype':'image/png','data':'<png>'}", "png", strchr(say_qr, ',') + 1, NULL);
}

static void post_code(struct sim *s, struct http_req *r, struct sim_session *x)
{
    say(s, r, x, 201, "{'code':'ABCD-1234'}", NULL);
}

static void get_me(struct sim *s, struct http_req *r, struct sim_session *x)
{
    say(s, r, x, 200, me_of(x), NULL);
}

/* -- the table -- */

static bool allows(struct sim *s, struct http_req *r, const struct sim_route *route, struct sim_session *x)
{
    if ((route && route->open) || !s->settings.api_key[0] ||
        str_eq(http_req_header(r, "X-Api-Key"), s->settings.api_key))
        return true;
    say(s, r, NULL, 401, "{'message':'Unauthorized','statusCode':401}", NULL);
    return false;
}

static void no_session(struct sim *s, struct http_req *r, struct str id)
{
    say(s, r, NULL, 404, REFUSED("Session not found", "Not Found", "404"), NULL);
}

static void no_route(struct sim *s, struct http_req *r)
{
    say(s, r, NULL, 404, REFUSED("Cannot <method> <path>", "Not Found", "404"), "method",
        http_req_method(r).p, "path", http_req_path(r).p, NULL);
}

static const struct sim_route routes[] = {
    { "GET", "/ping", .open = true, .serve = get_ping },
    { "GET", "/health", .serve = get_health },
    { "GET", "/api/server/version", .serve = get_version },
    { "GET", "/api/server/status", .serve = get_server_status },
    { "GET", "/api/sessions", .serve = get_list },
    { "POST", "/api/sessions", .serve = post_create },
    { "GET", "/api/sessions/*", .serve = get_one },
    { "PUT", "/api/sessions/*", .takes_ms = STOP_MS, .serve = put_one },
    { "DELETE", "/api/sessions/*", .any_session = true, .begin = begin_logout, .serve = delete_one },
    { "GET", "/api/sessions/*/me", .serve = get_me },
    { "POST", "/api/sessions/*/start", .reconnects = true, .serve = post_start },
    { "POST", "/api/sessions/*/stop", .begin = begin_stop, .serve = post_stop },
    { "POST", "/api/sessions/*/restart", .reconnects = true, .begin = begin_stop, .serve = post_restart },
    { "POST", "/api/sessions/*/logout", .begin = begin_logout, .serve = post_restart },
    { "GET", "/api/*/auth/qr", .begin = begin_qr, .serve = get_qr },
    { "POST", "/api/*/auth/request-code", .serve = post_code },
};

const struct sim_dialect dialect_waha = {
    .name = "waha",
    .words = { "STARTING", "SCAN_QR_CODE", "STARTING", "WORKING", "STOPPED", "FAILED" },
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
    .head = head,
    .adopt = adopt,
    .user_agent = "WAHA/2025.10.1",
    .faults = "no-network",
    .no_network = no_network,
    .no_network_ms = NO_NETWORK_MS,
};
