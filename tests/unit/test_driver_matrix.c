/*
 * Every driver against every fault: from the bytes that the bridge sends to the state, the calls that are made and the alert.
 * No process and no socket: the drivers' readers, the rules of the monitor, the procedure of the driver and the outcome of a
 * call, one after the other as the services use them.
 */
#include "fixture.h"

#include <errno.h>

#include "common/base/mem.h"
#include "common/bridge/drivers.h"
#include "common/policy/retry.h"
#include "services/monitor/alert_rules.h"
#include "services/monitor/session_state.h"
#include "services/reconnect-worker/call.h"
#include "tests/unit/monitor_rules.h"

#define S   1000LL
#define NOW (100000 * S)

static const struct bridge_target target = { .base_url = "http://b", .api_key = "k1" };

/* -- what a bridge says -- */

enum source { WEBHOOK, LIST, STATUS, LIVE };

/* A session "s" that was connected and paired. */
static const struct row {
    const char *driver, *fault;
    enum source source;
    int status; /* of LIST, STATUS and LIVE */
    const char *body;
    enum session_state state;
    enum alert_kind alert; /* when it stays like that for an hour and is not called */
    bool called;           /* may an attempt be made? */
} rows[] = {
#define WAHA(word)                                                                                  \
    "{\"id\":\"evt_1\",\"timestamp\":1795690000000,\"event\":\"session.status\",\"session\":\"s\"," \
    "\"engine\":\"NOWEB\",\"payload\":{\"status\":\"" word "\"}}"
#define WAHA_GET(word) "{\"name\":\"s\",\"status\":\"" word "\",\"me\":{\"id\":\"55@c.us\"}}"
    { "waha", "drop by webhook", WEBHOOK, 0, WAHA("FAILED"), SESSION_DISCONNECTED, ALERT_SESSION_DOWN, true },
    { "waha", "drop silent", LIST, 200, "[" WAHA_GET("FAILED") "]", SESSION_DISCONNECTED, ALERT_SESSION_DOWN,
      true },
    { "waha", "it comes back by itself", STATUS, 200, WAHA_GET("STARTING"), SESSION_STARTING,
      ALERT_SESSION_DOWN, false },
    { "waha", "a code", WEBHOOK, 0, WAHA("SCAN_QR_CODE"), SESSION_QR_PENDING, ALERT_SESSION_NEEDS_QR, false },
    { "waha", "needs a person", WEBHOOK, 0, WAHA("PASSKEY_REQUIRED"), SESSION_ACTION_REQUIRED,
      ALERT_SESSION_ACTION_REQUIRED, false },
    { "waha", "a word nobody knows", STATUS, 200, WAHA_GET("DOZING"), SESSION_UNKNOWN, ALERT_NONE, false },
    { "waha", "gone", STATUS, 404, "{\"message\":\"Session not found\",\"statusCode\":404}", SESSION_LOST,
      ALERT_SESSION_LOST, false },

#define EVOLUTION(word, code)                                                                           \
    "{\"event\":\"connection.update\",\"instance\":\"s\",\"server_url\":\"u\",\"date_time\":\"2026-11-" \
    "26T12:00:00.000Z\",\"data\":{\"instance\":\"s\",\"state\":\"" word "\",\"statusReason\":" #code "}}"
    { "evolution", "drop by webhook", WEBHOOK, 0, EVOLUTION("close", 428), SESSION_DISCONNECTED,
      ALERT_SESSION_DOWN, true },
    { "evolution", "drop silent", STATUS, 200, "{\"instance\":{\"instanceName\":\"s\",\"state\":\"close\"}}",
      SESSION_DISCONNECTED, ALERT_SESSION_DOWN, true },
    { "evolution", "logged out", WEBHOOK, 0, EVOLUTION("close", 401), SESSION_LOGGED_OUT,
      ALERT_SESSION_LOGGED_OUT, false },
    { "evolution", "a ban", WEBHOOK, 0, EVOLUTION("close", 403), SESSION_FAILED, ALERT_SESSION_BANNED,
      false },
    { "evolution", "a code", WEBHOOK, 0,
      "{\"event\":\"qrcode.updated\",\"instance\":\"s\",\"server_url\":\"u\",\"data\":{}}",
      SESSION_QR_PENDING, ALERT_SESSION_NEEDS_QR, false },
    { "evolution", "its own reconnect", STATUS, 200,
      "{\"instance\":{\"instanceName\":\"s\",\"state\":\"connecting\"}}", SESSION_STARTING,
      ALERT_SESSION_DOWN, false },
    { "evolution", "gone", STATUS, 404,
      "{\"status\":404,\"error\":\"Not Found\",\"response\":{\"message\":[\"The instance does not exist\"]}}",
      SESSION_LOST, ALERT_SESSION_LOST, false },

#define OPENWA(event, data)                                                                    \
    "{\"event\":\"" event "\",\"timestamp\":\"2026-11-26T12:00:00.000Z\",\"sessionId\":\"s\"," \
    "\"idempotencyKey\":\"k\",\"deliveryId\":\"d\",\"data\":{" data "}}"
#define OPENWA_GET(word) "{\"id\":\"s\",\"name\":\"shop\",\"status\":\"" word "\"}"
    { "openwa", "drop by webhook", WEBHOOK, 0, OPENWA("session.status", "\"status\":\"failed\""),
      SESSION_DISCONNECTED, ALERT_SESSION_DOWN, true },
    { "openwa", "drop silent", LIST, 200, "[" OPENWA_GET("disconnected") "]", SESSION_DISCONNECTED,
      ALERT_SESSION_DOWN, true },
    { "openwa", "logged out", WEBHOOK, 0, OPENWA("session.disconnected", "\"reason\":\"logged out\""),
      SESSION_LOGGED_OUT, ALERT_SESSION_LOGGED_OUT, false },
    { "openwa", "two owners", WEBHOOK, 0,
      OPENWA("session.disconnected", "\"reason\":\"connection replaced\""), SESSION_DISCONNECTED,
      ALERT_SESSION_DOWN, true },
    { "openwa", "two owners", STATUS, 200,
      "{\"id\":\"s\",\"status\":\"failed\",\"lastError\":\"Connection replaced by another instance (440) - "
      "stop it\"}",
      SESSION_DISCONNECTED, ALERT_SESSION_DOWN, true },
    { "openwa", "a code", WEBHOOK, 0, OPENWA("session.qr", "\"qr\":\"x\""), SESSION_QR_PENDING,
      ALERT_SESSION_NEEDS_QR, false },
    { "openwa", "needs a person", WEBHOOK, 0, OPENWA("session.status", "\"status\":\"action_required\""),
      SESSION_ACTION_REQUIRED, ALERT_SESSION_ACTION_REQUIRED, false },
    { "openwa", "gone", STATUS, 404, "{\"message\":\"Session with id 's' not found\",\"statusCode\":404}",
      SESSION_LOST, ALERT_SESSION_LOST, false },

#define WPP(word) "{\"event\":\"status-find\",\"session\":\"s\",\"status\":\"" word "\"}"
    { "wppconnect", "drop by webhook", WEBHOOK, 0, WPP("browserClose"), SESSION_DISCONNECTED,
      ALERT_SESSION_DOWN, true },
    { "wppconnect", "drop silent", STATUS, 200, "{\"status\":\"CLOSED\",\"qrcode\":null}",
      SESSION_DISCONNECTED, ALERT_SESSION_DOWN, true },
    { "wppconnect", "a status that lies", LIVE, 404, "{\"response\":null,\"status\":\"Disconnected\"}",
      SESSION_DISCONNECTED, ALERT_SESSION_DOWN, true },
    { "wppconnect", "alive", LIVE, 200, "{\"status\":\"success\",\"response\":\"55@c.us\"}",
      SESSION_CONNECTED, ALERT_NONE, false },
    { "wppconnect", "logged out", WEBHOOK, 0, WPP("disconnectedMobile"), SESSION_LOGGED_OUT,
      ALERT_SESSION_LOGGED_OUT, false },
    { "wppconnect", "a code", WEBHOOK, 0, WPP("notLogged"), SESSION_QR_PENDING, ALERT_SESSION_NEEDS_QR,
      false },

#define WUZAPI(type) "{\"type\":\"" type "\",\"event\":{},\"userID\":\"s\",\"instanceName\":\"n\"}"
#define WUZAPI_LIST(up, in)                                                                    \
    "{\"code\":200,\"success\":true,\"data\":[{\"id\":\"s\",\"token\":\"t\",\"jid\":\"55@s\"," \
    "\"connected\":" up ",\"loggedIn\":" in "}]}"
    { "wuzapi", "drop by webhook", WEBHOOK, 0, WUZAPI("Disconnected"), SESSION_DISCONNECTED,
      ALERT_SESSION_DOWN, true },
    { "wuzapi", "drop silent", LIST, 200, WUZAPI_LIST("false", "true"), SESSION_DISCONNECTED,
      ALERT_SESSION_DOWN, true },
    { "wuzapi", "logged out", WEBHOOK, 0, WUZAPI("LoggedOut"), SESSION_LOGGED_OUT, ALERT_SESSION_LOGGED_OUT,
      false },
    { "wuzapi", "a ban", WEBHOOK, 0, WUZAPI("TemporaryBan"), SESSION_FAILED, ALERT_SESSION_BANNED, false },
    { "wuzapi", "a code", LIST, 200, WUZAPI_LIST("true", "false"), SESSION_QR_PENDING, ALERT_SESSION_NEEDS_QR,
      false },

#define GOWA(word) \
    "{\"code\":\"SUCCESS\",\"results\":[{\"id\":\"s\",\"state\":\"" word "\",\"jid\":\"55@s\"}]}"
    { "gowa", "drop silent", LIST, 200, GOWA("disconnected"), SESSION_DISCONNECTED, ALERT_SESSION_DOWN,
      true },
    { "gowa", "a code", LIST, 200, GOWA("connected"), SESSION_QR_PENDING, ALERT_SESSION_NEEDS_QR, false },
    { "gowa", "gone", STATUS, 500, "{\"code\":\"INTERNAL_SERVER_ERROR\",\"message\":\"device s not found\"}",
      SESSION_LOST, ALERT_SESSION_LOST, false },

#define ZAPW(event, data) \
    "{\"sessionId\":\"s\",\"eventType\":\"" event "\",\"timestamp\":1795690000000,\"data\":{" data "}}"
    { "contract", "drop by webhook", WEBHOOK, 0,
      ZAPW("session.disconnected", "\"reason\":{\"reason\":{\"output\":{\"statusCode\":428}}}"),
      SESSION_DISCONNECTED, ALERT_SESSION_DOWN, true },
    { "contract", "drop silent", LIST, 200, "{\"data\":[{\"id\":\"s\",\"status\":\"disconnected\"}]}",
      SESSION_DISCONNECTED, ALERT_SESSION_DOWN, true },
    { "contract", "logged out", WEBHOOK, 0,
      ZAPW("session.disconnected", "\"reason\":{\"reason\":{\"output\":{\"statusCode\":401}}}"),
      SESSION_LOGGED_OUT, ALERT_SESSION_LOGGED_OUT, false },
    { "contract", "a ban", WEBHOOK, 0,
      ZAPW("session.disconnected", "\"reason\":{\"reason\":{\"output\":{\"statusCode\":403}}}"),
      SESSION_FAILED, ALERT_SESSION_BANNED, false },
    { "contract", "a code", WEBHOOK, 0, ZAPW("session.qr", ""), SESSION_QR_PENDING, ALERT_SESSION_NEEDS_QR,
      false },
};

/* As the event feed of the monitor does. */
static bool report_of_webhook(const struct row *row, struct session_report *ret)
{
    const struct webhook_request req = { .body = str_from(row->body) };
    struct webhook w;

    assert_int_equal(bridge_read_webhook(bridge_driver_find(row->driver), &req, STR_LIT("main"), &w), 0);
    assert_string_equal(w.session, "s");
    *ret = (struct session_report){ .source = REPORT_WEBHOOK, .at_ms = NOW - S, .occurred_ms = NOW - S };
    switch (w.type) {
    case EVENT_TYPE_SESSION_CONNECTED:
        ret->state = SESSION_CONNECTED;
        return true;
    case EVENT_TYPE_SESSION_QR:
        ret->state = SESSION_QR_PENDING;
        return true;
    case EVENT_TYPE_SESSION_ACTION_REQUIRED:
        ret->state = SESSION_ACTION_REQUIRED;
        return true;
    case EVENT_TYPE_SESSION_DISCONNECTED:
        ret->state = SESSION_DISCONNECTED;
        ret->cause = w.code ? cause_find(w.code) : NULL;
        ret->final = w.has_should_reconnect && !w.should_reconnect;
        return true;
    default:
        return false;
    }
}

static int on_session(void *ctx, const struct bridge_session *s)
{
    *(struct bridge_session *)ctx = *s;
    return 0;
}

static void report_of_answer(const struct row *row, struct session_report *ret)
{
    const struct bridge_driver *d = bridge_driver_find(row->driver);
    struct bridge_answer a = { .status = row->status, .body = str_from(row->body) };
    struct bridge_session s = { .state = SESSION_CONNECTED };
    int skipped = 0, r;

    *ret = (struct session_report){ .source = REPORT_POLL, .at_ms = NOW - S };
    if (row->source == LIST)
        r = bridge_read_list(d, &a, on_session, &s, &skipped);
    else
        r = row->source == LIVE ? d->read_live(&a, &s) : bridge_read_status(d, &a, "s", &s);
    ret->missing = r == BRIDGE_NO_SESSION;
    if (!ret->missing)
        assert_int_equal(r, 0);
    ret->state = s.state;
    ret->cause = s.code > 0 ? cause_find(s.code) : NULL;
}

/* A session that was connected; a first poll has denied it already, as one alone is not believed. */
static void decide(const struct row *row, struct session_verdict *ret)
{
    struct session_known known = {
        .state = SESSION_CONNECTED, .paired = true, .polled_once = true, .known_ms = 1
    };
    struct session_report report;

    if (row->source == WEBHOOK)
        assert_true(report_of_webhook(row, &report));
    else
        report_of_answer(row, &report);
    known.doubt_ms = row->source == WEBHOOK ? 0 : NOW - 60 * S;
    known.doubt_missing = report.missing;
    session_state_next(&known, &report, default_rules(), NOW, ret);
    assert_true(ret->taken);
}

static void every_driver_and_every_fault_of_a_session(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct session_verdict v;
        struct alert_facts facts = { .paired = true, .state_ms = 3600 * S, .raised_ago_ms = INT64_MAX };
        enum alert_kind alert;
        bool called;

        decide(row, &v);
        facts.state = v.state;
        facts.cause = v.cause;
        facts.down_ms = v.state == SESSION_CONNECTED ? 0 : 3600 * S;
        alert = alert_of_session(default_rules(), &facts);
        called = v.state == SESSION_DISCONNECTED && (!v.cause || v.cause->plan != PLAN_NEVER);
        if (strcmp(row->fault, "two owners") == 0)
            assert_int_equal(v.cause->code, 440);
        if (v.state != row->state || alert != row->alert || called != row->called)
            fail_msg("%s, %s: %s, alert \"%s\", %s", row->driver, row->fault, session_state_text(v.state),
                     alert_kind_text(alert), called ? "called" : "left alone");
    }
}

/* -- faults of the bridge as a whole -- */

static const struct fault {
    const char *fault;
    int status;
    const char *body;
    int kind;
    enum attempt_outcome outcome; /* of a reconnect that is answered like this */
} faults[] = {
    { "hang", 0, "", BRIDGE_NO_ANSWER, ATTEMPT_BRIDGE_FAULT },
    { "5xx", 502, "<html>Bad Gateway</html>", BRIDGE_BROKEN, ATTEMPT_BRIDGE_FAULT },
    { "429", 429, "{\"message\":\"Too Many Requests\"}", BRIDGE_THROTTLED, ATTEMPT_THROTTLED },
    { "garbage", 200, "<html><title>We are back soon</title></html>", BRIDGE_GARBAGE, ATTEMPT_BRIDGE_FAULT },
    { "key refused", 401, "{\"message\":\"Unauthorized\"}", BRIDGE_UNAUTHORIZED, ATTEMPT_BRIDGE_FAULT },
};

static int never(void *ctx, const struct bridge_session *s)
{
    fail_msg("a session was read of a fault");
    return 0;
}

static void every_driver_and_every_fault_of_its_bridge(void **state)
{
    const struct bridge_driver *d;

    for (int i = 0; (d = bridge_driver_at(i)); i++) {
        for (size_t f = 0; f < ARRAY_LEN(faults) && !d->webhooks_only; f++) {
            struct bridge_answer a = { .status = faults[f].status, .body = str_from(faults[f].body) };
            int skipped = 0, list = bridge_read_list(d, &a, never, NULL, &skipped);
            struct bridge_session s;

            if (list != faults[f].kind)
                fail_msg("%s, %s, list: %s", d->name, faults[f].fault, bridge_answer_text(list));
            if (d->has_status)
                assert_int_equal(bridge_read_status(d, &a, "s", &s), faults[f].kind);
            assert_true(bridge_read_health(d, &a) != 0 || faults[f].status == 200);
            if (d->has_reconnect)
                assert_int_equal(call_outcome(bridge_read_reconnect(d, &a)), faults[f].outcome);
        }
    }
}

/* A licence, which only a person can give: no breaker, no failure of a session. */
static void a_licence_is_no_fault(void **state)
{
    const struct bridge_driver *d = bridge_driver_find("evolution");
    struct bridge_answer a = { .status = 503, .body = STR_LIT("{\"code\":\"LICENSE_REQUIRED\"}") };

    assert_int_equal(bridge_read_health(d, &a), BRIDGE_NEEDS_PERSON);
    assert_false(bridge_answer_is_transport(BRIDGE_NEEDS_PERSON));
    assert_int_equal(call_outcome(bridge_read_reconnect(d, &a)), ATTEMPT_NOT_SENT);
}

/* -- how many calls -- */

static void a_reconnect_makes_so_many_calls_and_no_more(void **state)
{
    static const struct {
        const char *driver;
        struct {
            int status;
            const char *body;
        } answers[4];
        int calls, kind;
    } procedures[] = {
        { "waha", { { 201, "{\"name\":\"s\",\"status\":\"STARTING\"}" } }, 1, 0 },
        { "evolution", { { 200, "{\"instance\":{\"state\":\"open\"}}" } }, 1, 0 },
        { "evolution", { { 200, "{\"error\":true}" }, { 200, "{\"count\":0}" } }, 2, 0 },
        { "evolution", { { 200, "{\"error\":true}" }, { 502, "" } }, 2, BRIDGE_BROKEN },
        { "openwa", { { 200, "{\"status\":\"initializing\"}" } }, 1, 0 },
        { "openwa", { { 400, "{\"message\":\"started\"}" }, { 200, "{}" }, { 200, "{}" } }, 3, 0 },
        { "openwa",
          { { 400, "{\"message\":\"started\"}" }, { 404, "{\"message\":\"gone\"}" } },
          2,
          BRIDGE_NO_SESSION },
        { "openwa", { { 429, "" } }, 1, BRIDGE_THROTTLED },
        { "wppconnect", { { 200, "{\"status\":\"CLOSED\"}" } }, 1, 0 },
        { "wppconnect",
          { { 200, "{\"status\":\"CONNECTED\"}" },
            { 200, "{\"status\":true}" },
            { 200, "{\"status\":\"CLOSED\"}" } },
          3,
          0 },
        { "wppconnect", { { 401, "{}" } }, 1, BRIDGE_UNAUTHORIZED },
        { "wuzapi",
          { { 200, WUZAPI_LIST("false", "false") },
            { 500, "{\"success\":false}" },
            { 200, "{\"success\":true}" } },
          3,
          0 },
        { "wuzapi",
          { { 200, WUZAPI_LIST("false", "false") },
            { 500, "{\"success\":false}" },
            { 500, "{\"success\":false}" } },
          3,
          BRIDGE_REFUSED },
        { "wuzapi", { { 502, "" } }, 1, BRIDGE_BROKEN },
        { "gowa", { { 200, "{\"code\":\"SUCCESS\"}" } }, 1, 0 },
        { "gowa", { { 500, "{\"message\":\"s is not logged in (session deleted)\"}" } }, 1, BRIDGE_REFUSED },
    };

    for (size_t i = 0; i < ARRAY_LEN(procedures); i++) {
        const struct bridge_driver *d = bridge_driver_find(procedures[i].driver);
        struct bridge_procedure p = { .op = BRIDGE_RECONNECT, .id = "s" };
        CLEANUP(bridge_request_fini) struct bridge_request q = BRIDGE_REQUEST_NULL;
        int calls = 1, r = 0;

        assert_int_equal(bridge_build(d, BRIDGE_RECONNECT, &target, "s", &q), 0);
        for (; r == 0; calls++) {
            struct bridge_answer a;

            assert_true(calls <= 4 && procedures[i].answers[calls - 1].body);
            a = (struct bridge_answer){ .status = procedures[i].answers[calls - 1].status,
                                        .body = str_from(procedures[i].answers[calls - 1].body) };
            p.answer = &a;
            p.kind = calls == 1 ? bridge_read_reconnect(d, &a) : bridge_read_step(d, BRIDGE_RECONNECT, &a);
            bridge_request_fini(&q);
            r = bridge_next(d, &target, &p, &q);
        }
        if (calls - 1 != procedures[i].calls || p.kind != procedures[i].kind)
            fail_msg("%zu, %s: %d calls, %s", i, d->name, calls - 1, bridge_answer_text(p.kind));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_driver_and_every_fault_of_a_session),
        cmocka_unit_test(every_driver_and_every_fault_of_its_bridge),
        cmocka_unit_test(a_licence_is_no_fault),
        cmocka_unit_test(a_reconnect_makes_so_many_calls_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
