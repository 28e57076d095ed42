/*
 * The bridge's HTTP API. zapw: status lines, headers, bodies and order of keys as recorded
 * (tests/fixtures/zapw). contract: the routes that zapw does not have, plain JSON.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "tests/bridge-sim/qr_png.h"
#include "tests/bridge-sim/sim.h"

/* 10,000 sessions with a QR code each are 20 MiB. */
#define ANSWER_MAX (64 * 1024 * 1024)

#define CSP                                                                                                 \
    "Content-Security-Policy: default-src 'self';script-src 'self' 'unsafe-inline';script-src-attr "        \
    "'unsafe-inline';style-src 'self' 'unsafe-inline';img-src 'self' data: blob:;base-uri 'self';font-src " \
    "'self' https: data:;form-action 'self';frame-ancestors 'self';object-src 'none'\n"
#define HELMET                                                                                  \
    "Cross-Origin-Opener-Policy: same-origin\nCross-Origin-Resource-Policy: same-origin\n"      \
    "Origin-Agent-Cluster: ?1\nReferrer-Policy: no-referrer\nX-Content-Type-Options: nosniff\n" \
    "X-DNS-Prefetch-Control: off\nX-Download-Options: noopen\nX-Frame-Options: SAMEORIGIN\n"    \
    "X-Permitted-Cross-Domain-Policies: none\nX-XSS-Protection: 0\nAccess-Control-Allow-Origin: *\n"

#define JSON_TYPE "application/json; charset=utf-8"

static void answer_json(struct sim *s, struct http_req *r, int status, const struct buf *body)
{
    http_respond(r, status, status == 204 ? NULL : JSON_TYPE, (struct str){ buf_str(body), body->len },
                 s->dialect == SIM_ZAPW ? CSP HELMET : NULL);
}

static void answer_text(struct sim *s, struct http_req *r, int status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void answer_text(struct sim *s, struct http_req *r, int status, const char *fmt, ...)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(4096);
    va_list ap;

    va_start(ap, fmt);
    (void)buf_vaddf(&body, fmt, ap);
    va_end(ap);
    answer_json(s, r, status, &body);
}

/* Express' page for a route that does not exist; the contract says it in JSON. */
static void answer_no_route(struct sim *s, struct http_req *r)
{
    struct str method = http_req_method(r);
    struct str path = http_req_path(r);
    char page[512];

    if (s->dialect == SIM_CONTRACT) {
        answer_text(s, r, 404, "{\"error\":\"not_found\",\"message\":\"no such route\"}");
        return;
    }
    (void)snprintf(page, sizeof page,
                   "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta "
                   "charset=\"utf-8\">\n<title>Error</title>\n</head>\n"
                   "<body>\n<pre>Cannot %.*s %.*s</pre>\n</body>\n</html>\n",
                   (int)method.n, method.p, (int)path.n, path.p);
    http_respond(r, 404, "text/html; charset=utf-8", str_from(page),
                 "Content-Security-Policy: default-src 'none'\n" HELMET);
}

static void answer_no_session(struct sim *s, struct http_req *r, struct str id)
{
    if (s->dialect == SIM_ZAPW)
        answer_text(s, r, 404, "{\"status\":\"error\",\"error\":\"Session %.*s not found\"}", (int)id.n,
                    id.p);
    else
        answer_text(s, r, 404, "{\"error\":\"not_found\",\"message\":\"Session %.*s not found\"}", (int)id.n,
                    id.p);
}

/* ---- a session as JSON -----------------------------------------------------------------------------------
 */

static void add_session(struct sim *s, struct json_out *j, const struct sim_session *x)
{
    char at[32];

    json_open(j, NULL, '{');
    json_texts(j, "id", x->id);
    json_texts(j, "status", session_word(s, x->status));
    if (x->connected_at) {
        json_texts(j, "phoneNumber", "5511999");
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
    answer_json(s, r, status, &body);
}

static void get_list(struct sim *s, struct http_req *r)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(ANSWER_MAX);
    struct json_out j = JSON_OUT(&body);

    if (s->dialect == SIM_CONTRACT && !s->settings.list) {
        answer_no_route(s, r);
        return;
    }
    (void)buf_adds(&body, "{\"status\":\"success\",\"data\":");
    json_open(&j, NULL, '[');
    for (int i = 0; i < s->n_sessions; i++)
        add_session(s, &j, &s->sessions[i]);
    json_close(&j, ']');
    (void)buf_adds(&body, "}");
    answer_json(s, r, 200, &body);
}

/* ---- creating --------------------------------------------------------------------------------------------
 */

static void random_uuid(char ret[65])
{
    uint8_t b[16];

    rng_secret(b, sizeof b);
    (void)snprintf(ret, 65, "%02x%02x%02x%02x-%02x%02x-4%x%02x-a%x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
                   b[2], b[3], b[4], b[5], b[6] & 15, b[7], b[8] & 15, b[9], b[10], b[11], b[12], b[13],
                   b[14], b[15]);
}

void api_answer_created(struct sim *s, struct sim_session *x)
{
    struct http_req *r = x->creating;

    x->creating = NULL;
    answer_session(s, r, 201, x);
}

static void conflict(struct sim *s, struct http_req *r, const char *id)
{
    if (s->dialect == SIM_ZAPW)
        answer_text(s, r, 409, "{\"status\":\"error\",\"error\":\"Session %s already exists\"}", id);
    else
        answer_text(s, r, 409, "{\"error\":\"conflict\",\"message\":\"Session %s already exists\"}", id);
}

static void create(struct sim *s, struct http_req *r)
{
    /* zapw reads "sessionId" and ignores all else; the contract says "id". */
    const struct json_path paths[] = {
        {0, { s->dialect == SIM_ZAPW ? "sessionId" : "id" }}
    };
    struct str body = http_req_body(r);
    struct json_value v;
    struct sim_session *x;
    char id[65];
    int result;

    if (json_in_find(body.n ? body : STR_LIT("{}"), paths, 1, &v) != 0) {
        answer_text(s, r, 500,
                    "{\"error\":\"Internal Server Error\",\"message\":\"An unexpected error "
                    "occurred\",\"statusCode\":500}");
        return;
    }
    if (v.kind == JSON_IN_TEXT)
        (void)json_in_text(v, id, sizeof id);
    else
        random_uuid(id);
    result = session_add(s, id, &x);
    if (result == -EEXIST) {
        conflict(s, r, id);
    } else if (result != 0) {
        answer_text(s, r, 500, "{\"status\":\"error\",\"error\":\"out of memory\"}");
    } else if (s->dialect == SIM_ZAPW) {
        x->creating = r; /* zapw answers when it has a QR code */
    } else {
        x->status = SIM_QR_WAITING;
        answer_text(s, r, 201, "{\"id\":\"%s\",\"status\":\"qr_pending\",\"qr\":\"2@simulated,qr,code\"}",
                    id);
    }
}

/* ---- one session -----------------------------------------------------------------------------------------
 */

static void get_status(struct sim *s, struct http_req *r, const struct sim_session *x)
{
    answer_text(s, r, 200, "{\"id\":\"%s\",\"status\":\"%s\"}", x->id, session_word(s, x->status));
}

static void note_call(struct sim *s, const char *session, int status)
{
    struct sim_call *call = &s->calls[s->n_calls++ % SIM_CALLS_MAX];

    (void)snprintf(call->session, sizeof call->session, "%s", session);
    call->at_ms = clock_mono_us() / 1000;
    call->status = status;
}

static void post_reconnect(struct sim *s, struct http_req *r, struct sim_session *x)
{
    note_call(s, x->id, 200);
    session_reconnect(s, x);
    get_status(s, r, x);
}

static void delete_session(struct sim *s, struct http_req *r, struct sim_session *x)
{
    CLEANUP(buf_fini) struct buf none = BUF_INIT(1);

    /* zapw tells of its own local close, without a reason inside. */
    if (s->dialect == SIM_ZAPW && x->status == SIM_CONNECTED)
        hook_session(s, x, "session.disconnected", "{\"reason\":{\"shouldReconnect\":true}}");
    if (x->creating)
        answer_no_session(s, TAKE(x->creating), str_from(x->id));
    session_remove(s, x);
    answer_json(s, r, 204, &none);
}

static void send_message(struct sim *s, struct http_req *r, const struct sim_session *x)
{
    long long at = (long long)sim_wall(s);

    if (x->status != SIM_CONNECTED)
        answer_text(s, r, 400, "{\"status\":\"error\",\"error\":\"Session not connected\"}");
    else
        answer_text(s, r, 200,
                    "{\"status\":\"success\",\"data\":{\"messageId\":\"MID%lld\",\"timestamp\":%lld,"
                    "\"status\":\"sent\"}}",
                    at, at);
}

/* "/sessions/<id><rest>" */
static void on_session_path(struct sim *s, struct http_req *r, struct str method, struct str path)
{
    const char *from = path.p + strlen("/sessions/");
    const char *slash = memchr(from, '/', path.n - (size_t)(from - path.p));
    struct str id = { from, slash ? (size_t)(slash - from) : path.n - (size_t)(from - path.p) };
    const char *rest = slash ? slash : "";
    bool contract = s->dialect == SIM_CONTRACT;
    bool get = str_eq(method, "GET");
    bool post = str_eq(method, "POST");
    struct sim_session *x = session_find(s, id);
    bool routed =
        (!*rest && (get || str_eq(method, "DELETE"))) || (post && strcmp(rest, "/messages") == 0) ||
        (contract && ((get && strcmp(rest, "/status") == 0) || (post && strcmp(rest, "/reconnect") == 0)));

    if (!routed)
        answer_no_route(s, r);
    else if (!x)
        answer_no_session(s, r, id);
    else if (strcmp(rest, "/status") == 0)
        get_status(s, r, x);
    else if (strcmp(rest, "/reconnect") == 0)
        post_reconnect(s, r, x);
    else if (strcmp(rest, "/messages") == 0)
        send_message(s, r, x);
    else if (get)
        answer_session(s, r, 200, x);
    else
        delete_session(s, r, x);
}

/* ---- every call ------------------------------------------------------------------------------------------
 */

static bool key_is_right(struct sim *s, struct http_req *r)
{
    struct str bearer = http_req_header(r, "Authorization");
    struct str given = http_req_header(r, "X-API-Key");

    if (s->settings.api_key[0] == '\0')
        return true;
    if (str_starts(bearer, "Bearer "))
        given = (struct str){ bearer.p + 7, bearer.n - 7 };
    if (str_eq(given, s->settings.api_key))
        return true;
    answer_text(s, r, 401, "{\"error\":\"Unauthorized\",\"message\":\"%s\"}",
                given.p ? "Invalid API key" : "API key is required");
    return false;
}

static void health(struct sim *s, struct http_req *r)
{
    char at[32];

    answer_text(s, r, 200, "{\"status\":\"ok\",\"timestamp\":\"%s\",\"service\":\"zapw\",\"uptime\":%.9f}",
                text_time(sim_wall(s), at, sizeof at), (double)clock_mono_us() / 1e6);
}

static void serve(void *ctx, struct http_req *r)
{
    struct sim *s = ctx;
    struct str path = http_req_path(r);
    struct str method = http_req_method(r);

    if (str_eq(path, "/health") && str_eq(method, "GET"))
        health(s, r);
    else if (!key_is_right(s, r))
        return;
    else if (str_eq(path, "/sessions") && str_eq(method, "GET"))
        get_list(s, r);
    else if (str_eq(path, "/sessions") && str_eq(method, "POST"))
        create(s, r);
    else if (str_starts(path, "/sessions/"))
        on_session_path(s, r, method, path);
    else
        answer_no_route(s, r);
}

static void on_request(void *ctx, struct http_req *r)
{
    struct sim *s = ctx;

    s->counters.api_calls++;
    if (!fault_takes(s->fault, r, serve, s))
        serve(s, r);
}

const struct http_handlers api_handlers = { .on_request = on_request };
