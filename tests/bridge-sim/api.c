/*
 * The bridge's HTTP API: the check of the key, the routes, and answers as the released zapw writes them
 * (status lines, headers, bodies and order of keys as recorded in tests/fixtures/zapw). In the contract's
 * dialect the same routes and some more, in plain JSON.
 */
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "tests/bridge-sim/dialect.h"
#include "tests/bridge-sim/sim.h"

#define CSP                                                                                                 \
    "Content-Security-Policy: default-src 'self';script-src 'self' 'unsafe-inline';script-src-attr "        \
    "'unsafe-inline';style-src 'self' 'unsafe-inline';img-src 'self' data: blob:;base-uri 'self';font-src " \
    "'self' https: data:;form-action 'self';frame-ancestors 'self';object-src 'none'\n"
#define HELMET                                                                                  \
    "Cross-Origin-Opener-Policy: same-origin\nCross-Origin-Resource-Policy: same-origin\n"      \
    "Origin-Agent-Cluster: ?1\nReferrer-Policy: no-referrer\nX-Content-Type-Options: nosniff\n" \
    "X-DNS-Prefetch-Control: off\nX-Download-Options: noopen\nX-Frame-Options: SAMEORIGIN\n"    \
    "X-Permitted-Cross-Domain-Policies: none\nX-XSS-Protection: 0\nAccess-Control-Allow-Origin: *\n"
#define KEEP_ALIVE "Keep-Alive: timeout=5\n"

#define JSON_TYPE "application/json; charset=utf-8"
/* Express takes JSON bodies up to this. */
#define BODY_TAKEN_MAX ((size_t)100 * 1024)
#define EVENTS_MAX     (EVENTS_KEPT * EVENT_KEPT_BYTES * 2)

/* ---- answers --------------------------------------------------------------------------------- */

/* Express' weak tag: the length in hex and 27 letters of a digest. */
void api_etag(struct str body, char *ret, size_t n)
{
    uint8_t digest[SHA_DIGEST_LENGTH];
    char text[4 * ((SHA_DIGEST_LENGTH + 2) / 3) + 1];

    (void)SHA1((const uint8_t *)body.p, body.n, digest);
    base64_encode(digest, sizeof digest, text);
    (void)snprintf(ret, n, "ETag: W/\"%zx-%.27s\"\n", body.n, text);
}

void api_answer_json(struct sim *s, struct http_req *r, int status, const struct buf *body)
{
    char headers[2048] = "", tag[80];

    if (s->dialect == &dialect_zapw) {
        api_etag((struct str){ buf_str(body), body->len }, tag, sizeof tag);
        (void)snprintf(headers, sizeof headers, "%s%s", CSP HELMET KEEP_ALIVE, status == 204 ? "" : tag);
    }
    call_answered(s, r);
    http_respond(r, status, status == 204 ? NULL : JSON_TYPE, (struct str){ buf_str(body), body->len },
                 headers);
}

void api_answer_text(struct sim *s, struct http_req *r, int status, const char *fmt, ...)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(4096);
    va_list ap;

    va_start(ap, fmt);
    (void)buf_vaddf(&body, fmt, ap);
    va_end(ap);
    api_answer_json(s, r, status, &body);
}

void api_answer_pair(struct sim *s, struct http_req *r, int status, const char *const keys[2],
                     const char *first, const char *text)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&body);

    json_open(&j, NULL, '{');
    json_texts(&j, keys[0], first);
    json_texts(&j, keys[1], text);
    json_close(&j, '}');
    api_answer_json(s, r, status, &body);
}

void api_answer_broken(struct sim *s, struct http_req *r)
{
    api_answer_text(s, r, 500,
                    "{\"error\":\"Internal Server Error\",\"message\":\"An unexpected error occurred\","
                    "\"statusCode\":500}");
}

/* Express' page for a route that does not exist; the contract says it in JSON. */
void api_answer_no_route(struct sim *s, struct http_req *r)
{
    struct str method = http_req_method(r);
    struct str path = http_req_path(r);
    char page[1024];

    if (s->dialect == &dialect_contract) {
        api_answer_text(s, r, 404, "{\"error\":\"not_found\",\"message\":\"no such route\"}");
        return;
    }
    (void)snprintf(page, sizeof page,
                   "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta "
                   "charset=\"utf-8\">\n<title>Error</title>\n</head>\n"
                   "<body>\n<pre>Cannot %.*s %.*s</pre>\n</body>\n</html>\n",
                   (int)method.n, method.p, (int)(path.n < 512 ? path.n : 512), path.p);
    call_answered(s, r);
    http_respond(r, 404, "text/html; charset=utf-8", str_from(page),
                 "Content-Security-Policy: default-src 'none'\n" HELMET KEEP_ALIVE);
}

/* ---- routes without a session ---------------------------------------------------------------- */

static void get_health(struct sim *s, struct http_req *r)
{
    char at[32];

    api_answer_text(s, r, 200,
                    "{\"status\":\"ok\",\"timestamp\":\"%s\",\"service\":\"zapw\",\"uptime\":%.3f}",
                    text_time(sim_wall(s), at, sizeof at), (double)(sim_now(s) - s->started_ms) / 1000);
}

static void put_event(struct json_out *j, int64_t number, const char *body)
{
    static const struct json_path paths[] = {
        { 0, { "sessionId" } },
        { 1, { "eventType" } },
        { 2, { "timestamp" } },
        { 3, { "data" } },
    };
    struct json_value v[ARRAY_LEN(paths)];
    char id[32];

    if (json_in_find(str_from(body), paths, ARRAY_LEN(paths), v) != 0)
        return;
    (void)snprintf(id, sizeof id, "evt_%lld", (long long)number);
    json_open(j, NULL, '{');
    json_texts(j, "id", id);
    json_text(j, "sessionId", v[0].raw);
    json_text(j, "eventType", v[1].raw);
    json_raw(j, "timestamp", v[2].raw);
    json_raw(j, "data", v[3].raw);
    json_close(j, '}');
}

static void get_events(struct sim *s, struct http_req *r)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(EVENTS_MAX);
    struct json_out j = JSON_OUT(&body);

    json_open(&j, NULL, '[');
    for (int64_t i = s->n_events > EVENTS_KEPT ? s->n_events - EVENTS_KEPT : 0; i < s->n_events; i++)
        put_event(&j, i + 1, s->events[i % EVENTS_KEPT]);
    json_close(&j, ']');
    api_answer_json(s, r, 200, &body);
}

static void delete_events(struct sim *s, struct http_req *r)
{
    s->n_events = 0;
    api_answer_text(s, r, 200, "{\"status\":\"success\"}");
}

/* ---- every call ------------------------------------------------------------------------------ */

/* A Bearer is read first, also when it is wrong and another header is right. */
static bool key_is_right(struct sim *s, struct http_req *r)
{
    static const char *const keys[] = { "error", "message" };
    struct str bearer = http_req_header(r, "Authorization");
    struct str given = http_req_header(r, "X-API-Key");

    if (s->settings.api_key[0] == '\0')
        return true;
    if (str_starts(bearer, "Bearer "))
        given = (struct str){ bearer.p + 7, bearer.n - 7 };
    if (str_eq(given, s->settings.api_key))
        return true;
    api_answer_pair(s, r, 401, keys, "Unauthorized", given.p ? "Invalid API key" : "API key is required");
    return false;
}

static const struct route {
    const char *method, *path;
    bool open; /* without a key */
    void (*serve)(struct sim *s, struct http_req *r);
} routes[] = {
    { "GET", "/health", true, get_health },  { "GET", "/", true, api_answer_no_route },
    { "GET", "/sessions", false, api_list }, { "POST", "/sessions", false, api_create },
    { "GET", "/events", false, get_events }, { "DELETE", "/events", false, delete_events },
};

static const struct route *find_route(struct http_req *r)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (str_eq(http_req_path(r), routes[i].path) && str_eq(http_req_method(r), routes[i].method))
            return &routes[i];
    }
    return NULL;
}

void api_serve(struct sim *s, struct http_req *r)
{
    const struct route *route = find_route(r);

    if (!(route && route->open) && !key_is_right(s, r))
        return;
    if (http_req_body(r).n > BODY_TAKEN_MAX)
        api_answer_broken(s, r);
    else if (route)
        route->serve(s, r);
    else if (str_starts(http_req_path(r), "/sessions/"))
        api_session(s, r);
    else
        api_answer_no_route(s, r);
}

/* "/sessions/<id>/reconnect": noted before anything can go wrong with it. */
void api_came(struct sim *s, struct http_req *r)
{
    const size_t before = strlen("/sessions/"), after = strlen("/reconnect");
    struct str path = http_req_path(r);

    if (!str_eq(http_req_method(r), "POST") || path.n <= before + after || !str_starts(path, "/sessions/") ||
        strcmp(path.p + path.n - after, "/reconnect") != 0)
        return;
    call_came(s, r, (struct str){ path.p + before, path.n - before - after });
}

static void serve(void *ctx, struct http_req *r)
{
    struct sim *s = ctx;

    s->dialect->serve(s, r);
}

static void on_request(void *ctx, struct http_req *r)
{
    struct sim *s = ctx;

    s->counters.api_calls++;
    s->dialect->came(s, r);
    if (!fault_takes(s->fault, r, serve, s))
        serve(s, r);
}

const struct http_handlers api_handlers = { .on_request = on_request };
