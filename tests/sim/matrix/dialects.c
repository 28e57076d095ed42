/* The dialects: answers with the keys that the recordings have, as short as they may be. */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/sim/matrix/matrix.h"

struct truth truth;

static const char *phone_of(int session)
{
    return session == 0 || truth.same_phone ? "5511900000001" : "5511900000002";
}

/* "/sessions/s0/x" after "/sessions/": 0, 1, or -1; *ret_rest is what follows the id. */
static int session_at(const char *path, const char *prefix, const char **ret_rest)
{
    size_t n = strlen(prefix);

    if (strncmp(path, prefix, n) != 0 || path[n] != 's' || (path[n + 1] != '0' && path[n + 1] != '1'))
        return -1;
    *ret_rest = path + n + 2;
    return path[n + 1] - '0';
}

static bool is(const char *method, const char *path, const char *m, const char *p)
{
    return strcmp(method, m) == 0 && strcmp(path, p) == 0;
}

static int not_found(struct buf *out)
{
    (void)buf_adds(out, "{\"statusCode\":404,\"error\":\"Not Found\",\"message\":\"not found\"}");
    return 404;
}

/* Both sessions, by @put, with commas. */
static void put_all(struct buf *out, void (*put)(struct buf *out, int session))
{
    for (int i = 0; i < 2 && !truth.list_is_empty; i++) {
        if (i > 0)
            (void)buf_adds(out, ",");
        put(out, i);
    }
}

/* ---- zapw and the contract ------------------------------------------------------------------- */

static const char *const zapw_words[WORD_N] = { "connected", "connecting", "disconnected", "qr_waiting",
                                                "disconnected" };

static void zapw_session(struct buf *out, int i)
{
    (void)buf_addf(out, "{\"id\":\"s%d\",\"status\":\"%s\",\"phoneNumber\":\"%s\",\"connectedAt\":\"2026\"}",
                   i, zapw_words[truth.word[i]], phone_of(i));
}

static int zapw_answer(const char *method, const char *path, struct buf *out, int *ret_acts)
{
    if (is(method, path, "GET", "/health")) {
        (void)buf_adds(out, "{\"status\":\"ok\",\"service\":\"zapw\"}");
        return 200;
    }
    if (!is(method, path, "GET", "/sessions"))
        return not_found(out);
    (void)buf_adds(out, "{\"status\":\"success\",\"data\":[");
    put_all(out, zapw_session);
    (void)buf_adds(out, "]}");
    return 200;
}

static int contract_answer(const char *method, const char *path, struct buf *out, int *ret_acts)
{
    const char *rest;
    int i = session_at(path, "/sessions/", &rest);

    if (i < 0)
        return zapw_answer(method, path, out, ret_acts);
    if (strcmp(rest, "/reconnect") == 0) {
        *ret_acts = i == 0;
        (void)buf_adds(out, "{\"success\":true}");
        return 200;
    }
    zapw_session(out, i);
    return 200;
}

static bool zapw_told(const char *event, int code, int64_t wall_ms, struct buf *out)
{
    (void)buf_addf(
        out, "{\"sessionId\":\"s0\",\"origin\":\"s0\",\"eventType\":\"%s\",\"timestamp\":%lld,\"data\":{",
        event, (long long)wall_ms);
    if (code)
        (void)buf_addf(out, "\"reason\":{\"reason\":{\"output\":{\"statusCode\":%d}},\"shouldReconnect\":%s}",
                       code, code == 401 ? "false" : "true");
    return buf_adds(out, "}}") == 0;
}

static bool zapw_event(enum fault f, int64_t wall_ms, int n, struct buf *out)
{
    static const int codes[FAULT_N] = { [FAULT_DROP_TOLD] = 428,
                                        [FAULT_ECHO] = 428,
                                        [FAULT_LOGGED_OUT] = 401,
                                        [FAULT_BAN] = 403,
                                        [FAULT_TWO_OWNERS] = 440 };

    return codes[f] && zapw_told("session.disconnected", codes[f], wall_ms + n, out);
}

static bool contract_event(enum fault f, int64_t wall_ms, int n, struct buf *out)
{
    return f == FAULT_QR ? zapw_told("session.qr", 0, wall_ms + n, out) : zapw_event(f, wall_ms, n, out);
}

static bool zapw_state(enum word w, int64_t wall_ms, int n, struct buf *out)
{
    if (w != WORD_UP && w != WORD_DOWN)
        return false;
    return zapw_told(w == WORD_UP ? "session.connected" : "session.disconnected", w == WORD_UP ? 0 : 428,
                     wall_ms + n, out);
}

/* ---- WAHA ------------------------------------------------------------------------------------ */

static const char *const waha_words[WORD_N] = { "WORKING", "STARTING", "FAILED", "SCAN_QR_CODE",
                                                "PASSKEY_REQUIRED" };

static void waha_session(struct buf *out, int i)
{
    (void)buf_addf(out, "{\"name\":\"s%d\",\"status\":\"%s\",\"config\":{},\"me\":{\"id\":\"%s@c.us\"}}", i,
                   waha_words[truth.word[i]], phone_of(i));
}

static int waha_answer(const char *method, const char *path, struct buf *out, int *ret_acts)
{
    const char *rest;
    int i = session_at(path, "/api/sessions/", &rest);

    if (is(method, path, "GET", "/api/server/version")) {
        (void)buf_adds(out,
                       "{\"version\":\"2025.10.1\",\"engine\":\"NOWEB\",\"tier\":\"CORE\",\"browser\":null}");
        return 200;
    }
    if (is(method, path, "GET", "/api/sessions?all=true")) {
        (void)buf_adds(out, "[");
        put_all(out, waha_session);
        (void)buf_adds(out, "]");
        return 200;
    }
    if (i < 0)
        return not_found(out);
    *ret_acts = i == 0 && strcmp(rest, "/restart") == 0;
    waha_session(out, i);
    return *ret_acts ? 201 : 200;
}

static bool waha_state(enum word w, int64_t wall_ms, int n, struct buf *out)
{
    return buf_addf(out,
                    "{\"id\":\"evt_%d\",\"timestamp\":%lld,\"event\":\"session.status\",\"session\":\"s0\","
                    "\"engine\":"
                    "\"NOWEB\",\"payload\":{\"status\":\"%s\"}}",
                    n, (long long)wall_ms, w == WORD_DOWN ? "STOPPED" : waha_words[w]) == 0;
}

/* It tells of states and of no cause. */
static bool waha_event(enum fault f, int64_t wall_ms, int n, struct buf *out)
{
    if (f == FAULT_QR || f == FAULT_PERSON)
        return waha_state(f == FAULT_QR ? WORD_QR : WORD_PERSON, wall_ms, n, out);
    return (f == FAULT_DROP_TOLD || f == FAULT_ECHO || f == FAULT_LOGGED_OUT) &&
           waha_state(WORD_DOWN, wall_ms, n, out);
}

/* ---- Evolution API --------------------------------------------------------------------------- */

static const char *const evolution_words[WORD_N] = { "open", "connecting", "close", "connecting", "close" };

/* Its list says open, whatever is true. */
static void evolution_session(struct buf *out, int i)
{
    (void)buf_addf(out, "{\"name\":\"s%d\",\"connectionStatus\":\"open\",\"ownerJid\":\"%s@s.whatsapp.net\"}",
                   i, phone_of(i));
}

static int evolution_answer(const char *method, const char *path, struct buf *out, int *ret_acts)
{
    static const char *const calls[] = { "/instance/connectionState/", "/instance/restart/",
                                         "/instance/connect/" };
    const char *rest;

    if (truth.unlicensed) {
        (void)buf_adds(out, "{\"error\":\"service not activated\",\"code\":\"LICENSE_REQUIRED\"}");
        return 503;
    }
    if (is(method, path, "GET", "/instance/fetchInstances")) {
        (void)buf_adds(out, "[");
        put_all(out, evolution_session);
        (void)buf_adds(out, "]");
        return 200;
    }
    for (size_t c = 0; c < ARRAY_LEN(calls); c++) {
        int i = session_at(path, calls[c], &rest);

        if (i < 0)
            continue;
        *ret_acts = i == 0 && c > 0 ? (c == 1 ? 2 : 1) : 0;
        if (c == 1 && truth.word[i] == WORD_DOWN)
            return buf_adds(out, "{\"error\":true,\"message\":\"[object Object]\"}") ? 500 : 200;
        (void)buf_addf(out, "{\"instance\":{\"instanceName\":\"s%d\",\"state\":\"%s\"}}", i,
                       evolution_words[truth.word[i]]);
        return 200;
    }
    return not_found(out);
}

static bool evolution_told(const char *word, int code, int64_t wall_ms, int n, struct buf *out)
{
    return buf_addf(out,
                    "{\"event\":\"connection.update\",\"instance\":\"s0\",\"server_url\":\"u\",\"date_time\":"
                    "\"%lld.%d\",\"data\":{"
                    "\"instance\":\"s0\",\"state\":\"%s\",\"statusReason\":%d}}",
                    (long long)wall_ms, n, word, code) == 0;
}

static bool evolution_event(enum fault f, int64_t wall_ms, int n, struct buf *out)
{
    if (f == FAULT_QR)
        return buf_addf(
                   out,
                   "{\"event\":\"qrcode.updated\",\"instance\":\"s0\",\"server_url\":\"u\",\"date_time\":\"%"
                   "d\",\"data\":{"
                   "\"qrcode\":{\"instance\":\"s0\",\"base64\":\"data:image/png;base64,iVBORw0KGgo=\"}}}",
                   n) == 0;
    if (f == FAULT_LOGGED_OUT || f == FAULT_BAN)
        return evolution_told("close", f == FAULT_BAN ? 403 : 401, wall_ms, n, out);
    return (f == FAULT_DROP_TOLD || f == FAULT_ECHO) && evolution_told("close", 428, wall_ms, n, out);
}

static bool evolution_state(enum word w, int64_t wall_ms, int n, struct buf *out)
{
    return evolution_told(evolution_words[w], w == WORD_DOWN ? 428 : 200, wall_ms, n, out);
}

/* ---- OpenWA ---------------------------------------------------------------------------------- */

static const char *const openwa_words[WORD_N] = { "ready", "initializing", "disconnected", "qr_ready",
                                                  "action_required" };

static void openwa_session(struct buf *out, int i)
{
    (void)buf_addf(
        out, "{\"id\":\"s%d\",\"name\":\"shop%d\",\"status\":\"%s\",\"phone\":\"%s\",\"lastError\":null}", i,
        i, openwa_words[truth.word[i]], phone_of(i));
}

static int openwa_answer(const char *method, const char *path, struct buf *out, int *ret_acts)
{
    const char *rest = "";
    int i = session_at(path, "/api/sessions/", &rest);

    if (is(method, path, "GET", "/api/health") || is(method, path, "GET", "/api/health/ready")) {
        (void)buf_adds(out, "{\"status\":\"ok\",\"timestamp\":\"2026-11-26T12:18:00.469Z\"}");
        return 200;
    }
    if (is(method, path, "GET", "/api/sessions")) {
        (void)buf_adds(out, "[");
        put_all(out, openwa_session);
        (void)buf_adds(out, "]");
        return 200;
    }
    if (i < 0)
        return not_found(out);
    if (strcmp(rest, "/webhooks") == 0) {
        (void)buf_adds(out, "[{\"id\":\"w1\",\"url\":\"http://127.0.0.1:8000/api/v1/messages/"
                            "webhook\",\"events\":[\"*\"],\"active\":true}]");
        return 200;
    }
    *ret_acts = i == 0 && strcmp(method, "POST") == 0;
    openwa_session(out, i);
    return 200;
}

static bool openwa_told(const char *event, const char *data, int n, struct buf *out)
{
    return buf_addf(out,
                    "{\"event\":\"%s\",\"sessionId\":\"s0\",\"idempotencyKey\":\"k%d\",\"deliveryId\":\"d%"
                    "d\",\"data\":{%s}}",
                    event, n, n, data) == 0;
}

static bool openwa_event(enum fault f, int64_t wall_ms, int n, struct buf *out)
{
    static const char *const data[FAULT_N] = {
        [FAULT_DROP_TOLD] = "\"status\":\"disconnected\"",
        [FAULT_ECHO] = "\"status\":\"disconnected\"",
        [FAULT_PERSON] = "\"status\":\"action_required\"",
        [FAULT_QR] = "\"status\":\"qr_ready\"",
    };

    if (f == FAULT_LOGGED_OUT || f == FAULT_TWO_OWNERS)
        return openwa_told("session.disconnected",
                           f == FAULT_LOGGED_OUT ? "\"reason\":\"logged out\""
                                                 : "\"reason\":\"connection replaced\"",
                           n, out);
    return data[f] && openwa_told("session.status", data[f], n, out);
}

static bool openwa_state(enum word w, int64_t wall_ms, int n, struct buf *out)
{
    char data[64];

    (void)snprintf(data, sizeof data, "\"status\":\"%s\"", openwa_words[w]);
    return openwa_told("session.status", data, n, out);
}

/* ---- wppconnect-server ----------------------------------------------------------------------- */

static const char *const wpp_words[WORD_N] = { "CONNECTED", "INITIALIZING", "CLOSED", "QRCODE", "CLOSED" };

static int wpp_answer(const char *method, const char *path, struct buf *out, int *ret_acts)
{
    const char *rest;
    int i = session_at(path, "/api/", &rest);

    if (is(method, path, "GET", "/healthz")) {
        (void)buf_adds(out, "{\"uptime\":15.9,\"message\":\"OK\",\"timestamp\":1795695077862}");
        return 200;
    }
    if (is(method, path, "GET", "/api/key/show-all-sessions")) {
        (void)buf_adds(out, truth.list_is_empty ? "{\"response\":[]}" : "{\"response\":[\"s0\",\"s1\"]}");
        return 200;
    }
    if (i < 0)
        return not_found(out);
    if (strcmp(rest, "/get-phone-number") == 0) {
        if (truth.word[i] == WORD_UP)
            (void)buf_addf(out, "{\"status\":\"success\",\"response\":\"%s@c.us\"}", phone_of(i));
        else
            (void)buf_adds(out, "{\"response\":null,\"status\":\"Disconnected\"}");
        return truth.word[i] == WORD_UP ? 200 : 404;
    }
    if (i == 0 && strcmp(method, "POST") == 0)
        *ret_acts = strcmp(rest, "/start-session") == 0 ? 1 : 2;
    (void)buf_addf(out, "{\"status\":\"%s\",\"qrcode\":null}", wpp_words[truth.word[i]]);
    return 200;
}

static bool wpp_told(const char *word, struct buf *out)
{
    return buf_addf(out, "{\"event\":\"status-find\",\"session\":\"s0\",\"status\":\"%s\"}", word) == 0;
}

static bool wpp_event(enum fault f, int64_t wall_ms, int n, struct buf *out)
{
    static const char *const words[FAULT_N] = { [FAULT_DROP_TOLD] = "browserClose",
                                                [FAULT_ECHO] = "browserClose",
                                                [FAULT_LOGGED_OUT] = "disconnectedMobile",
                                                [FAULT_QR] = "notLogged" };

    return words[f] && wpp_told(words[f], out);
}

static bool wpp_state(enum word w, int64_t wall_ms, int n, struct buf *out)
{
    return (w == WORD_UP || w == WORD_DOWN) && wpp_told(w == WORD_UP ? "inChat" : "browserClose", out);
}

/* ---- wuzapi ---------------------------------------------------------------------------------- */

static void wuzapi_session(struct buf *out, int i)
{
    (void)buf_addf(out,
                   "{\"id\":\"s%d\",\"name\":\"n%d\",\"token\":\"token-%d\",\"jid\":\"%s@s.whatsapp.net\","
                   "\"events\":\"All\","
                   "\"webhook\":\"http://127.0.0.1:8000/api/v1/messages/"
                   "webhook?token=token\",\"connected\":%s,\"loggedIn\":%s}",
                   i, i, i, phone_of(i),
                   truth.word[i] == WORD_UP || truth.word[i] == WORD_QR ? "true" : "false",
                   truth.word[i] == WORD_UP ? "true" : "false");
}

/* The user's token is in a header: only s0 is ever called here. */
static int wuzapi_answer(const char *method, const char *path, struct buf *out, int *ret_acts)
{
    if (is(method, path, "GET", "/admin/users")) {
        (void)buf_adds(out, "{\"code\":200,\"success\":true,\"data\":[");
        put_all(out, wuzapi_session);
        (void)buf_adds(out, "]}");
        return 200;
    }
    if (strncmp(path, "/session/", 9) != 0)
        return not_found(out);
    *ret_acts = strcmp(path, "/session/connect") == 0 ? 1 : 2;
    (void)buf_adds(out, "{\"code\":200,\"success\":true,\"data\":{}}");
    return 200;
}

static bool wuzapi_told(const char *type, struct buf *out)
{
    return buf_addf(out, "{\"type\":\"%s\",\"event\":{},\"userID\":\"s0\",\"instanceName\":\"n0\"}", type) ==
           0;
}

static bool wuzapi_event(enum fault f, int64_t wall_ms, int n, struct buf *out)
{
    static const char *const types[FAULT_N] = { [FAULT_DROP_TOLD] = "Disconnected",
                                                [FAULT_ECHO] = "Disconnected",
                                                [FAULT_LOGGED_OUT] = "LoggedOut",
                                                [FAULT_BAN] = "TemporaryBan",
                                                [FAULT_QR] = "QR" };

    return types[f] && wuzapi_told(types[f], out);
}

static bool wuzapi_state(enum word w, int64_t wall_ms, int n, struct buf *out)
{
    return (w == WORD_UP || w == WORD_DOWN) && wuzapi_told(w == WORD_UP ? "Connected" : "Disconnected", out);
}

/* ---- GOWA ------------------------------------------------------------------------------------ */

static const char *const gowa_words[WORD_N] = { "logged_in", "connecting", "disconnected", "connected",
                                                "disconnected" };

static void gowa_session(struct buf *out, int i)
{
    (void)buf_addf(out,
                   "{\"id\":\"s%d\",\"display_name\":\"d\",\"state\":\"%s\",\"jid\":\"%s@s.whatsapp.net\"}",
                   i, gowa_words[truth.word[i]], phone_of(i));
}

static int gowa_answer(const char *method, const char *path, struct buf *out, int *ret_acts)
{
    const char *rest;
    int i = session_at(path, "/devices/", &rest);

    if (is(method, path, "GET", "/health")) {
        (void)buf_adds(out, "OK");
        return 200;
    }
    if (is(method, path, "GET", "/devices")) {
        (void)buf_adds(out, "{\"code\":\"SUCCESS\",\"message\":\"m\",\"results\":[");
        put_all(out, gowa_session);
        (void)buf_adds(out, "]}");
        return 200;
    }
    if (i < 0)
        return not_found(out);
    if (strcmp(rest, "/webhook") == 0) {
        (void)buf_adds(out, "{\"code\":\"SUCCESS\",\"results\":{\"webhook_url\":\"\"}}");
        return 200;
    }
    if (i == 0 && strcmp(rest, "/reconnect") == 0) {
        *ret_acts = truth.pairing_gone ? 2 : 1;
        if (truth.pairing_gone)
            return buf_adds(out, "{\"code\":\"INTERNAL_SERVER_ERROR\",\"message\":\"s0 is not logged in "
                                 "(session deleted)\"}")
                       ? 0
                       : 500;
    }
    (void)buf_adds(out, "{\"code\":\"SUCCESS\",\"message\":\"m\",\"results\":");
    gowa_session(out, i);
    (void)buf_adds(out, "}");
    return 200;
}

/* Of messages only. */
static bool gowa_event(enum fault f, int64_t wall_ms, int n, struct buf *out)
{
    return false;
}

static bool gowa_state(enum word w, int64_t wall_ms, int n, struct buf *out)
{
    return false;
}

const struct dialect dialects[] = {
    { "zapw", "key", zapw_answer, zapw_event, zapw_state },
    { "contract", "key", contract_answer, contract_event, zapw_state },
    { "waha", "key", waha_answer, waha_event, waha_state },
    { "evolution", "key", evolution_answer, evolution_event, evolution_state },
    { "openwa", "key", openwa_answer, openwa_event, openwa_state },
    { "wppconnect", "key", wpp_answer, wpp_event, wpp_state },
    { "wuzapi", "key", wuzapi_answer, wuzapi_event, wuzapi_state },
    { "gowa", "user:key", gowa_answer, gowa_event, gowa_state },
};
const int n_dialects = ARRAY_LEN(dialects);
