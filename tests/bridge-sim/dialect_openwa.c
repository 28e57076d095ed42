/*
 * OpenWA 0.23.0, engine baileys, as recorded (tests/fixtures/openwa).
 *
 * It makes up ids (UUIDs) for the names that it is given. It counts the calls of a client and answers 429 beyond 10 a second,
 * 100 a minute and 1,000 an hour of one route. 428 comes back by itself in 7 s, 440 is failed, and only a webhook tells of 401.
 * Acks of several readers share a key (fault shared-acks sends two). Fault no-limit: no call is refused.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/bridge-sim/dialect.h"

#define BACK_MS                    7000
#define SECRET_MIN                 16
#define REFUSED(text, error, code) "{'message':" text ",'error':'" error "','statusCode':" code "}"
#define REPLACED                                                                                            \
    "'Connection replaced by another instance (440) \xe2\x80\x94 stop the other instance, then start this " \
    "session again'"

/* -- rate limits -- */

/* Windows of one route, in ms, and the calls that each takes. */
static const struct window {
    const char *name;
    int64_t ms;
    int most;
} windows[] = { { "short", 1000, 10 }, { "medium", 60 * 1000, 100 }, { "long", 3600 * 1000, 1000 } };
#define WINDOW_N  3
#define ROUTE_MAX 24
static struct {
    int64_t since;
    int n;
} used[ROUTE_MAX][WINDOW_N];

/* Counts the call; false: too many. @out: its header lines. */
static bool count_call(struct sim *s, int route, char *out, size_t size)
{
    int64_t now = sim_now(s);
    size_t n = 0;
    int over = -1;

    for (int i = 0; i < WINDOW_N; i++) {
        if (used[route][i].n == 0 || now - used[route][i].since >= windows[i].ms)
            used[route][i].n = 0;
        if (used[route][i].n == 0)
            used[route][i].since = now;
        if (used[route][i].n++ < windows[i].most)
            continue;
        if (dialect_has_fault(s, "no-limit"))
            used[route][i].n = windows[i].most;
        else
            over = i;
    }
    for (int i = 0; i < WINDOW_N && over < 0; i++)
        n += (size_t)snprintf(
            out + n, size - n,
            "X-RateLimit-Limit-%s: %d\nX-RateLimit-Remaining-%s: %d\nX-RateLimit-Reset-%s: %lld\n",
            windows[i].name, windows[i].most, windows[i].name, windows[i].most - used[route][i].n,
            windows[i].name, (long long)((windows[i].ms - (now - used[route][i].since) + 999) / 1000));
    if (over >= 0)
        (void)snprintf(out, size, "Retry-After-%s: %lld\nRetry-After: %lld\n", windows[over].name,
                       (long long)((windows[over].ms - (now - used[route][over].since) + 999) / 1000),
                       (long long)((windows[over].ms - (now - used[route][over].since) + 999) / 1000));
    return over < 0;
}

/* -- answers -- */

#define HELMET                                                                                         \
    "Cross-Origin-Opener-Policy: same-origin\nCross-Origin-Resource-Policy: "                          \
    "cross-origin\nOrigin-Agent-Cluster: ?1\n"                                                         \
    "Referrer-Policy: strict-origin-when-cross-origin\nStrict-Transport-Security: max-age=31536000; "  \
    "includeSubDomains; preload\nX-Content-Type-Options: nosniff\nX-DNS-Prefetch-Control: "            \
    "off\nX-Download-Options: "                                                                        \
    "noopen\nX-Frame-Options: SAMEORIGIN\nX-Permitted-Cross-Domain-Policies: none\nX-XSS-Protection: " \
    "0\nVary: Origin\n"
#define CSP                                                                                                  \
    "Content-Security-Policy: default-src 'self';base-uri 'self';font-src 'self' https://fonts.gstatic.com;" \
    "form-action 'self';frame-ancestors 'self';img-src 'self' data: blob: https:;object-src "                \
    "'none';script-src "                                                                                     \
    "'self' 'nonce-%s';script-src-attr 'none';style-src 'self' 'unsafe-inline' "                             \
    "https://fonts.googleapis.com;"                                                                          \
    "media-src 'self' data: blob: https:;connect-src 'self';frame-src 'self'\n"
#define EXPOSED                                                                                              \
    "Access-Control-Expose-Headers: "                                                                        \
    "X-RateLimit-Limit-short,X-RateLimit-Remaining-short,X-RateLimit-Reset-short,"                           \
    "X-RateLimit-Limit-medium,X-RateLimit-Remaining-medium,X-RateLimit-Reset-medium,X-RateLimit-Limit-long," \
    "X-RateLimit-Remaining-long,X-RateLimit-Reset-long,X-RateLimit-Limit-instance,X-RateLimit-Remaining-"    \
    "instance,"                                                                                              \
    "X-RateLimit-Reset-instance,X-RateLimit-Limit-ingress-ip,X-RateLimit-Remaining-ingress-ip,"              \
    "X-RateLimit-Reset-ingress-ip,Retry-After-short,Retry-After-medium,Retry-After-long,Retry-After-"        \
    "instance,"                                                                                              \
    "Retry-After-ingress-ip\n"

static char limit_lines[512]; /* of the call that is being served */

static void answer(struct sim *s, struct http_req *r, const struct sim_session *x, int status,
                   const char *template, const char *value)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(64 << 20);
    CLEANUP(buf_fini) struct buf head = BUF_INIT(8192);

    say_add(s, x, &body, template, "value", value, NULL);
    say_add(s, NULL, &head, "X-Request-ID: <random>\n", NULL);
    (void)buf_addf(&head, CSP HELMET EXPOSED "%s", "c2ltdWxhdGVkLW5vbmNlLTAx", limit_lines);
    say_as(s, r, status, status == 204 ? NULL : "application/json; charset=utf-8",
           (struct str){ buf_str(&body), body.len }, buf_str(&head));
}

static void add_session(struct sim *s, struct buf *out, const struct sim_session *x)
{
    bool is_loaded = x->started && x->next != SIM_NEXT_NONE;

    is_loaded |= x->status == SIM_CONNECTED || x->status == SIM_QR_WAITING || x->code == 401;
    say_add(s, x, out, "{'id':'<uuid>','name':'<id>','status':'<word>','phone':", "word",
            x->started ? session_word(s, x->status) : "created", NULL);
    say_add(s, x, out, x->connected_at ? "'<phone>','pushName':'Loja Teste'" : "null,'pushName':null", NULL);
    say_add(s, x, out,
            ",'connectedAt':<connected>,'lastActive':<connected>,'createdAt':<created>,'updatedAt':<updated>,"
            "'lastError':",
            NULL);
    say_add(s, x, out, x->status == SIM_FAILED ? REPLACED : "null", NULL);
    (void)buf_addf(out, ",\"restriction\":null,\"engineLoaded\":%s}", is_loaded ? "true" : "false");
}

static void answer_session(struct sim *s, struct http_req *r, const struct sim_session *x, int status)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(65536);

    add_session(s, &out, x);
    answer(s, r, x, status, "<value>", buf_str(&out));
}

/* -- webhooks -- */

static void send(struct sim *s, const struct sim_session *x, const char *event, int64_t number,
                 const char *key, const char *data)
{
    char template[4096], hook_id[SAY_UUID_MAX];

    (void)snprintf(
        template, sizeof template,
        "{'event':'%s','timestamp':'<now>','sessionId':'<uuid>','idempotencyKey':'%s_<hook>','deliveryId':"
        "'dlv_<random>','data':%s}",
        event, key, data);
    say_hook(s, x, event, number, template, "hook", say_uuid(x, 5, hook_id), NULL);
}

/* The text of a field of the webhook that has just been made. */
static void copy_field(struct str body, const char *name, char *ret, size_t n)
{
    const char *at = strstr(body.p, name);

    (void)snprintf(ret, n, "%.*s", at ? (int)strcspn(at + strlen(name), "\"") : 0,
                   at ? at + strlen(name) : "");
}

static int head(struct sim *s, const struct sim_session *x, const char *event, struct str body,
                struct buf *out)
{
    char key[320], delivery[64], hex[65];
    int repeat_at;

    copy_field(body, "\"idempotencyKey\":\"", key, sizeof key);
    copy_field(body, "\"deliveryId\":\"", delivery, sizeof delivery);
    (void)buf_addf(out,
                   "X-OpenWA-Event: %s\r\nX-OpenWA-Idempotency-Key: %s\r\nX-OpenWA-Delivery-Id: "
                   "%s\r\nX-OpenWA-Retry-Count: ",
                   event, key, delivery);
    repeat_at = (int)out->len;
    (void)buf_adds(out, "0\r\n");
    if (say_hmac(s, x, "SHA256", body, hex, sizeof hex))
        (void)buf_addf(out, "X-OpenWA-Signature: sha256=%s\r\n", hex);
    return repeat_at;
}

static void changed(struct sim *s, struct sim_session *x)
{
    char data[160];

    (void)snprintf(data, sizeof data, "{'sessionId':'<uuid>','status':'<status>'}");
    send(s, x, "session.status", -1, "sess_<uuid>_<status>_<now>", data);
    if (x->status == SIM_QR_WAITING)
        send(s, x, "session.qr", -1, "qr_<uuid>_98b0f64b7eaf", "{'sessionId':'<uuid>','qr':'<qr>'}");
    if (x->status == SIM_CONNECTED)
        send(s, x, "session.authenticated", -1, "auth_<uuid>_017e01f1a81f_<now>",
             "{'sessionId':'<uuid>','phone':'<phone>','pushName':'Loja Teste'}");
}

static void message(struct sim *s, struct sim_session *x, enum sim_event event, int64_t number)
{
    bool is_sent = event == EVENT_SENT, is_group = event == EVENT_GROUP, is_read = event == EVENT_READ;
    char data[1024], key[160];
    int n = dialect_has_fault(s, "shared-acks") ? 2 : 1;

    if (event == EVENT_DELIVERED || is_read) {
        (void)snprintf(data, sizeof data, "{'id':'SIM%lld','messageId':'SIM%lld','status':'%s','ack':%d}",
                       (long long)number, (long long)number, is_read ? "read" : "delivered", is_read ? 3 : 2);
        (void)snprintf(key, sizeof key, "ack_<uuid>_SIM%lld_%s", (long long)number,
                       is_read ? "read" : "delivered");
        while (n-- > 0)
            send(s, x, "message.ack", number, key, data);
        return;
    }
    (void)snprintf(
        data, sizeof data,
        "{'id':'SIM%lld','from':'%s','to':'%s','chatId':'%s','body':'oi','type':'text','timestamp':<now_s>,"
        "'fromMe':%s,'isGroup':%s,'kind':'%s','isStatusBroadcast':false,'contact':{'pushName':'Ana'}}",
        (long long)number, is_sent ? "<phone>@c.us" : "5521977776666@c.us",
        is_sent ? "5521977776666@c.us" : "<phone>@c.us",
        is_group ? "120363000000000000@g.us" : "5521977776666@c.us", is_sent ? "true" : "false",
        is_group ? "true" : "false", is_group ? "group" : "individual");
    (void)snprintf(key, sizeof key, "msg_<uuid>_SIM%lld", (long long)number);
    send(s, x, is_sent ? "message.sent" : "message.received", number, key, data);
}

/* -- WhatsApp -- */

static void drop(struct sim *s, struct sim_session *x, int code)
{
    x->code = code;
    x->next = SIM_NEXT_NONE;
    if (code == 401) {
        x->paired = false;
        whatsapp_set(s, x, SIM_DISCONNECTED);
        send(s, x, "session.disconnected", -1, "disc_<uuid>_8d65844d7418_<now>",
             "{'sessionId':'<uuid>','reason':'logged out'}");
    } else if (code == 440 || code == 0) {
        whatsapp_set(s, x, code ? SIM_FAILED : SIM_DISCONNECTED);
    } else {
        whatsapp_later(s, x, SIM_NEXT_CONNECT, BACK_MS * s->settings.pace / 100);
        whatsapp_set(s, x, SIM_CONNECTING);
    }
}

static void adopt(struct sim *s, struct sim_session *x)
{
    say_webhook_adopt(s, x, "[\"*\"]", "");
}

/* -- calls -- */

static void get_health(struct sim *s, struct http_req *r, struct sim_session *none)
{
    answer(s, r, NULL, 200, "{'status':'ok','timestamp':'<now>'}", NULL);
}

static void get_ready(struct sim *s, struct http_req *r, struct sim_session *none)
{
    answer(s, r, NULL, 200,
           "{'status':'ok','details':{'mainDatabase':{'status':'up'},'dataDatabase':{'status':'up'}}}", NULL);
}

static void get_list(struct sim *s, struct http_req *r, struct sim_session *none)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(64 << 20);

    (void)buf_adds(&out, "[");
    for (int i = 0; i < s->n_sessions; i++) {
        if (s->sessions[i].unlisted)
            continue;
        (void)buf_adds(&out, out.len > 1 ? "," : "");
        add_session(s, &out, &s->sessions[i]);
    }
    (void)buf_adds(&out, "]");
    answer(s, r, NULL, 200, "<value>", buf_str(&out));
}

static void get_one(struct sim *s, struct http_req *r, struct sim_session *x)
{
    answer_session(s, r, x, 200);
}

static void post_create(struct sim *s, struct http_req *r, struct sim_session *none)
{
    struct sim_session *x;
    char name[65];

    if (session_add(s, say_text(r, "name", name, sizeof name), &x) != 0) {
        answer(s, r, NULL, 409, REFUSED("'Session with name `<value>` already exists'", "Conflict", "409"),
               name);
        return;
    }
    x->next = SIM_NEXT_NONE;
    answer_session(s, r, x, 201);
}

/* One webhook a session. One that was not made by a call is the one of WEBHOOK_URL. */
static void add_webhook(struct buf *out, const struct sim *s, const struct sim_session *x, const char *count)
{
    char hook_id[SAY_UUID_MAX];

    (void)buf_addf(out,
                   "{'id':'%s','sessionId':'<uuid>','url':'%s','events':%s,'filters':null,'active':true,"
                   "'retryCount':%s,'lastTriggeredAt':null,'createdAt':<created>,'updatedAt':<created>}",
                   say_uuid(x, 5, hook_id), say_webhook_url(s, x),
                   x->hook.events ? x->hook.events : "[\"*\"]", count);
}

static bool take_webhook(struct sim *s, struct http_req *r, struct sim_session *x)
{
    CLEANUP(buf_fini) struct buf line = BUF_INIT(1024);
    CLEANUP(mem_freep) char *headers = say_raw(r, "headers");
    struct sim_webhook h = { .events = say_raw(r, "events") };
    char url[512], secret[256], name[64], value[512];
    size_t n;

    if (*say_text(r, "secret", secret, sizeof secret) && strlen(secret) < SECRET_MIN) {
        say_webhook_fini(&h);
        return false;
    }
    h.url = mem_strdup(say_text(r, "url", url, sizeof url));
    h.secret = secret[0] ? mem_strdup(secret) : NULL;
    if (headers && sscanf(headers, "{\"%63[^\"]\":\"%511[^\"]\"", name, value) == 2) {
        (void)buf_addf(&line, "%s: %s\r\n", name, value);
        h.headers = buf_take(&line, &n);
    }
    (void)say_webhook_set(s, x, &h);
    return true;
}

static void set_webhook(struct sim *s, struct http_req *r, struct sim_session *x, int status)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);
    const char *at = memmem(http_req_body(r).p, http_req_body(r).n, "\"retryCount\":", 13);
    char count[16] = "3";

    if (at)
        (void)snprintf(count, sizeof count, "%.*s", (int)strspn(at + 13, "0123456789"), at + 13);
    if (!take_webhook(s, r, x)) {
        answer(s, r, x, 400,
               REFUSED("['secret must be longer than or equal to 16 characters']", "Bad Request", "400"),
               NULL);
        return;
    }
    add_webhook(&out, s, x, count);
    answer(s, r, x, status, buf_str(&out), NULL);
}

static void post_webhook(struct sim *s, struct http_req *r, struct sim_session *x)
{
    set_webhook(s, r, x, 201);
}

static void put_webhook(struct sim *s, struct http_req *r, struct sim_session *x)
{
    set_webhook(s, r, x, 200);
}

static void get_webhooks(struct sim *s, struct http_req *r, struct sim_session *x)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);

    (void)buf_adds(&out, "[");
    if (*say_webhook_url(s, x))
        add_webhook(&out, s, x, "3");
    (void)buf_adds(&out, "]");
    answer(s, r, x, 200, buf_str(&out), NULL);
}

static void delete_webhook(struct sim *s, struct http_req *r, struct sim_session *x)
{
    struct sim_webhook none = { 0 };

    (void)say_webhook_set(s, x, &none);
    answer(s, r, x, 204, "", NULL);
}

static void post_start(struct sim *s, struct http_req *r, struct sim_session *x)
{
    bool is_up = x->started && x->status != SIM_DISCONNECTED && x->status != SIM_FAILED;

    if (is_up) {
        answer(s, r, x, 400, REFUSED("'Session is already started'", "Bad Request", "400"), NULL);
        return;
    }
    x->code = 0;
    whatsapp_start(s, x);
    answer_session(s, r, x, 200);
}

/* The pairing stays. */
static void post_stop(struct sim *s, struct http_req *r, struct sim_session *x)
{
    x->next = SIM_NEXT_NONE;
    x->code = 0;
    whatsapp_set(s, x, SIM_DISCONNECTED);
    answer_session(s, r, x, 200);
}

static void post_logout(struct sim *s, struct http_req *r, struct sim_session *x)
{
    x->next = SIM_NEXT_NONE;
    x->status = SIM_DISCONNECTED;
    answer(
        s, r, x, 502,
        "{'statusCode':502,'message':'Session was stopped locally, but the logout operation is incomplete "
        "\xe2\x80\x94 the "
        "device may still be linked. Start the session and retry the logout.','error':'Bad Gateway','code':"
        "'SESSION_LOGOUT_INCOMPLETE'}",
        NULL);
}

static void delete_one(struct sim *s, struct http_req *r, struct sim_session *x)
{
    session_remove(s, x);
    answer(s, r, NULL, 204, "", NULL);
}

static void get_qr(struct sim *s, struct http_req *r, struct sim_session *x)
{
    if (x->status == SIM_QR_WAITING)
        answer(s, r, x, 200, "{'qrCode':'<qr>','status':'<status>'}", NULL);
    else if (!x->started)
        answer(s, r, x, 400,
               REFUSED("'Session is not started. Call POST /sessions/:sessionId/start first.'", "Bad Request",
                       "400"),
               NULL);
    else
        answer(s, r, x, 404, REFUSED("'QR code is not available'", "Not Found", "404"), NULL);
}

static void get_failures(struct sim *s, struct http_req *r, struct sim_session *none)
{
    answer(s, r, NULL, 200, "[]", NULL);
}

static void get_metrics(struct sim *s, struct http_req *r, struct sim_session *none)
{
    (void)snprintf(limit_lines, sizeof limit_lines, "Cache-Control: no-store\n");
    answer(s, r, NULL, 404,
           REFUSED("'Metrics endpoint is disabled (set METRICS_TOKEN to enable)'", "Not Found", "404"), NULL);
}

/* -- the table -- */

static const struct sim_route routes[] = {
    { "GET", "/api/health", .open = true, .serve = get_health },
    { "GET", "/api/health/ready", .open = true, .serve = get_ready },
    { "GET", "/api/metrics", .open = true, .serve = get_metrics },
    { "GET", "/api/webhooks/delivery-failures", .serve = get_failures },
    { "GET", "/api/sessions", .serve = get_list },
    { "POST", "/api/sessions", .serve = post_create },
    { "GET", "/api/sessions/*", .serve = get_one },
    { "DELETE", "/api/sessions/*", .serve = delete_one },
    { "GET", "/api/sessions/*/qr", .serve = get_qr },
    { "POST", "/api/sessions/*/start", .reconnects = true, .serve = post_start },
    { "POST", "/api/sessions/*/stop", .serve = post_stop },
    { "POST", "/api/sessions/*/logout", .serve = post_logout },
    { "GET", "/api/sessions/*/webhooks", .serve = get_webhooks },
    { "POST", "/api/sessions/*/webhooks", .serve = post_webhook },
    { "PUT", "/api/sessions/*/webhooks/+", .serve = put_webhook },
    { "DELETE", "/api/sessions/*/webhooks/+", .serve = delete_webhook },
};
_Static_assert(ARRAY_LEN(routes) <= ROUTE_MAX, "each route has counters");

static bool allows(struct sim *s, struct http_req *r, const struct sim_route *route, struct sim_session *x)
{
    struct str key = http_req_header(r, "X-API-Key");

    limit_lines[0] = '\0';
    if (!route || route->open)
        return true;
    if (!count_call(s, (int)(route - routes), limit_lines, sizeof limit_lines)) {
        answer(s, r, NULL, 429, "{'statusCode':429,'message':'ThrottlerException: Too Many Requests'}", NULL);
        return false;
    }
    if (!s->settings.api_key[0] || str_eq(key, s->settings.api_key))
        return true;
    answer(s, r, NULL, 401,
           key.p ? REFUSED("'Invalid API key'", "Unauthorized", "401")
                 : REFUSED("'API key is required'", "Unauthorized", "401"),
           NULL);
    return false;
}

static struct sim_session *find(struct sim *s, struct str uuid)
{
    char its[SAY_UUID_MAX];

    for (int i = 0; i < s->n_sessions; i++) {
        if (str_eq(uuid, say_uuid(&s->sessions[i], 0, its)))
            return &s->sessions[i];
    }
    return NULL;
}

static void no_session(struct sim *s, struct http_req *r, struct str id)
{
    char text[128];

    str_copy(id, text, sizeof text);
    answer(s, r, NULL, 404, REFUSED("'Session with id `<value>` not found'", "Not Found", "404"), text);
}

static void no_route(struct sim *s, struct http_req *r)
{
    char text[600];

    (void)snprintf(text, sizeof text, "%s %.512s", http_req_method(r).p, http_req_path(r).p);
    answer(s, r, NULL, 404, REFUSED("'Cannot <value>'", "Not Found", "404"), text);
}

const struct sim_dialect dialect_openwa = {
    .name = "openwa",
    .words = { "initializing", "qr_ready", "initializing", "ready", "disconnected", "failed" },
    .came = route_came,
    .serve = route_serve,
    .routes = routes,
    .n_routes = ARRAY_LEN(routes),
    .has_etag = true,
    .allows = allows,
    .no_route = no_route,
    .no_session = no_session,
    .find = find,
    .changed = changed,
    .drop = drop,
    .message = message,
    .head = head,
    .adopt = adopt,
    .uses_fetch = true,
    .user_agent = "OpenWA-Webhook/1.0.0",
    .faults = "shared-acks no-limit",
};
