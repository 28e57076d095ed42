/* Reading a webhook: the recordings word for word, then the tricks of a sender. */
#include "fixture.h"

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/base/utf8.h"
#include "common/bridge/webhook.h"

static const struct str BRIDGE = STR_LIT("main");

static struct str no_header(void *ctx, const char *name)
{
    return STR_NULL;
}

static int read_body(const char *body, struct webhook *ret)
{
    struct webhook_request req = { .body = str_from(body), .header = no_header };

    return webhook_read(&req, BRIDGE, ret);
}

/* -- the recordings -- */

static const struct {
    const char *file;
    enum event_type type;
    const char *session;
    int64_t at;
    const char *message_id;
    int code;
    bool has_should, should;
} recorded[] = {
    { "hook-01-session.connected", EVENT_TYPE_SESSION_CONNECTED, "alpha", 1795341875818, "", 0, false, true },
    { "hook-02-message.received", EVENT_TYPE_MESSAGE_RECEIVED, "alpha", 1795341876420, "IN1", 0, false,
      true },
    { "hook-03-message.received", EVENT_TYPE_MESSAGE_RECEIVED, "alpha", 1795341876434, "IN2", 0, false,
      true },
    { "hook-04-message.sent", EVENT_TYPE_MESSAGE_SENT, "alpha", 1795341876448, "M1", 0, false, true },
    { "hook-05-message.sent", EVENT_TYPE_MESSAGE_SENT, "alpha", 1795341876665, "M1", 0, false, true },
    { "hook-06-message.sent", EVENT_TYPE_MESSAGE_SENT, "alpha", 1795341876881, "M1", 0, false, true },
    { "hook-07-session.disconnected", EVENT_TYPE_SESSION_DISCONNECTED, "alpha", 1795341877103, "", 428, true,
      true },
    { "hook-08-session.connected", EVENT_TYPE_SESSION_CONNECTED, "s440", 1795341877927, "", 0, false, true },
    { "hook-09-session.disconnected", EVENT_TYPE_SESSION_DISCONNECTED, "s440", 1795341878242, "", 440, true,
      true },
    { "hook-10-session.connected", EVENT_TYPE_SESSION_CONNECTED, "s401", 1795341878886, "", 0, false, true },
    { "hook-11-session.disconnected", EVENT_TYPE_SESSION_DISCONNECTED, "s401", 1795341879202, "", 401, true,
      false },
    { "hook-12-session.connected", EVENT_TYPE_SESSION_CONNECTED, "s515", 1795341879854, "", 0, false, true },
    { "hook-13-session.connected", EVENT_TYPE_SESSION_CONNECTED, "s408", 1795341880814, "", 0, false, true },
    { "hook-14-session.disconnected", EVENT_TYPE_SESSION_DISCONNECTED, "s408", 1795341881130, "", 408, true,
      true },
};

static void every_recorded_webhook_is_read(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
        struct fixture f = fixture_load(recorded[i].file);
        struct webhook_request req = { .body = f.body, .header = fixture_header, .ctx = &f };
        struct webhook w;

        assert_int_equal(webhook_read(&req, BRIDGE, &w), 0);
        assert_int_equal(w.type, recorded[i].type);
        assert_string_equal(w.session, recorded[i].session);
        assert_int_equal(w.occurred_at, recorded[i].at);
        assert_int_equal(w.key.time_ms, recorded[i].at);
        assert_string_equal(w.message_id, recorded[i].message_id);
        assert_int_equal(w.code, recorded[i].code);
        assert_int_equal(w.has_should_reconnect, recorded[i].has_should);
        assert_int_equal(w.should_reconnect, recorded[i].should);
        fixture_free(&f);
    }
}

static void look_alike_receipts_have_keys_of_their_own(void **state)
{
    struct webhook w[ARRAY_LEN(recorded)];

    for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
        struct fixture f = fixture_load(recorded[i].file);
        struct webhook_request req = { .body = f.body, .header = fixture_header, .ctx = &f };
        struct webhook again;

        assert_int_equal(webhook_read(&req, BRIDGE, &w[i]), 0);
        assert_int_equal(webhook_read(&req, BRIDGE, &again), 0);
        assert_memory_equal(w[i].key.digest, again.key.digest, sizeof again.key.digest);
        assert_int_equal(webhook_read(&req, STR_LIT("other"), &again), 0);
        assert_memory_not_equal(w[i].key.digest, again.key.digest, sizeof again.key.digest);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(w[i].key.digest, w[j].key.digest, sizeof w[j].key.digest);
        fixture_free(&f);
    }
}

/* -- shapes -- */

static const struct {
    const char *body;
    int answer;
    enum event_type type;
    const char *session, *message_id;
    int64_t at;
    int code;
} shapes[] = {
    /* the flat form */
    { "{\"event\":\"message.read\",\"session_id\":\"a\",\"message_id\":\"m\",\"timestamp\":1795341876}", 0,
      EVENT_TYPE_MESSAGE_READ, "a", "m", 1795341876000, 0 },
    { "{\"type\":\"session.qr\",\"session\":{\"id\":\"a\"},\"timestamp\":\"2026-11-22T10:04:35.123Z\"}", 0,
      EVENT_TYPE_SESSION_QR, "a", "", 1795341875123, 0 },
    { "{\"event\":\"session.disconnected\",\"session\":\"a\",\"code\":515}", 0,
      EVENT_TYPE_SESSION_DISCONNECTED, "a", "", 0, 515 },
    { "{\"event\":\"session.disconnected\",\"session\":\"a\",\"data\":{\"code\":408}}", 0,
      EVENT_TYPE_SESSION_DISCONNECTED, "a", "", 0, 408 },
    /* a close of zapw's own, and its mock mode */
    { "{\"eventType\":\"session.disconnected\",\"sessionId\":\"a\",\"data\":{\"reason\":{\"shouldReconnect\":"
      "true}}}",
      0, EVENT_TYPE_SESSION_DISCONNECTED, "a", "", 0, 0 },
    { "{\"eventType\":\"session.disconnected\",\"sessionId\":\"a\",\"data\":{\"reason\":{\"reason\":"
      "\"Manual\"}}}",
      0, EVENT_TYPE_SESSION_DISCONNECTED, "a", "", 0, 0 },
    /* codes that are none */
    { "{\"eventType\":\"session.disconnected\",\"data\":{\"code\":-1}}", 0, EVENT_TYPE_SESSION_DISCONNECTED,
      "", "", 0, 0 },
    { "{\"eventType\":\"session.disconnected\",\"data\":{\"code\":1e300}}", 0,
      EVENT_TYPE_SESSION_DISCONNECTED, "", "", 0, 0 },
    { "{\"eventType\":\"session.disconnected\",\"data\":null}", 0, EVENT_TYPE_SESSION_DISCONNECTED, "", "", 0,
      0 },
    /* unknown and misused types */
    { "{\"eventType\":\"group.joined\",\"sessionId\":\"a\"}", 0, EVENT_TYPE_EVENT_OTHER, "a", "", 0, 0 },
    { "{\"eventType\":\"reconnect.due\",\"sessionId\":\"a\"}", 0, EVENT_TYPE_EVENT_OTHER, "a", "", 0, 0 },
    { "{\"eventType\":\"\\u006dessage.sent\",\"sessionId\":\"a\"}", 0, EVENT_TYPE_MESSAGE_SENT, "a", "", 0,
      0 },
    /* ids that are none */
    { "{\"eventType\":\"message.sent\",\"sessionId\":\"..\"}", 0, EVENT_TYPE_MESSAGE_SENT, "", "", 0, 0 },
    { "{\"eventType\":\"message.sent\",\"sessionId\":7,\"data\":{\"messageId\":7}}", 0,
      EVENT_TYPE_MESSAGE_SENT, "7", "", 0, 0 },
    { "{\"eventType\":\"message.sent\",\"sessionId\":"
      "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}", /* one more than fits */
      0, EVENT_TYPE_MESSAGE_SENT, "", "", 0, 0 },
    { "{\"eventType\":\"message.sent\",\"data\":{\"messageId\":\"a\\u0000b\"}}", 0, EVENT_TYPE_MESSAGE_SENT,
      "", "a", 0, 0 },
    /* times: implausible, of the message only */
    { "{\"eventType\":\"message.sent\",\"timestamp\":-5}", 0, EVENT_TYPE_MESSAGE_SENT, "", "", 0, 0 },
    { "{\"eventType\":\"message.sent\",\"timestamp\":99999999999999999999999}", 0, EVENT_TYPE_MESSAGE_SENT,
      "", "", 0, 0 },
    { "{\"eventType\":\"message.sent\",\"data\":{\"timestamp\":1700000000000}}", 0, EVENT_TYPE_MESSAGE_SENT,
      "", "", 1700000000000, 0 },
    /* what jansson would refuse, and is JSON */
    { "{\"eventType\":\"message.received\",\"sessionId\":\"a\",\"data\":{\"text\":\"\\ud83d\"}}", 0,
      EVENT_TYPE_MESSAGE_RECEIVED, "a", "", 0, 0 },
    { "{\"eventType\":\"message.received\",\"sessionId\":\"a\",\"data\":{\"a\\u0000b\":1,\"n\":1e999}}", 0,
      EVENT_TYPE_MESSAGE_RECEIVED, "a", "", 0, 0 },
    /* not JSON */
    { "", WEBHOOK_NOT_JSON, 0, NULL, NULL, 0, 0 },
    { "hello", WEBHOOK_NOT_JSON, 0, NULL, NULL, 0, 0 },
    { "{\"eventType\":\"message.sent\"", WEBHOOK_NOT_JSON, 0, NULL, NULL, 0, 0 },
    { "{\"eventType\":\"message.sent\"} x", WEBHOOK_NOT_JSON, 0, NULL, NULL, 0, 0 },
    { "{\"eventType\":\"message.sent\",\"x\":\"\xff\"}", WEBHOOK_NOT_JSON, 0, NULL, NULL, 0, 0 },
    /* JSON, but no event */
    { "[]", WEBHOOK_UNREADABLE, 0, NULL, NULL, 0, 0 },
    { "null", WEBHOOK_UNREADABLE, 0, NULL, NULL, 0, 0 },
    { "{}", WEBHOOK_UNREADABLE, 0, NULL, NULL, 0, 0 },
    { "{\"eventType\":7}", WEBHOOK_UNREADABLE, 0, NULL, NULL, 0, 0 },
    { "{\"eventType\":\"\"}", WEBHOOK_UNREADABLE, 0, NULL, NULL, 0, 0 },
};

static void shapes_are_read(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct webhook w = { .code = -7 };

        if (read_body(shapes[i].body, &w) != shapes[i].answer)
            fail_msg("%s: another answer", shapes[i].body);
        if (shapes[i].answer) {
            assert_int_equal(w.code, -7); /* untouched */
            continue;
        }
        if (w.type != shapes[i].type || strcmp(w.session, shapes[i].session) != 0 ||
            strcmp(w.message_id, shapes[i].message_id) != 0 || w.occurred_at != shapes[i].at ||
            w.code != shapes[i].code)
            fail_msg("%s: read as %d %s %s %ld %d", shapes[i].body, (int)w.type, w.session, w.message_id,
                     (long)w.occurred_at, w.code);
    }
}

static void nesting_has_a_limit(void **state)
{
    static const int depths[] = { WEBHOOK_DEPTH_MAX - 1, WEBHOOK_DEPTH_MAX, 2000 };
    char body[4200];
    struct webhook w;

    for (size_t i = 0; i < ARRAY_LEN(depths); i++) {
        size_t depth = (size_t)depths[i], n = (size_t)sprintf(body, "{\"eventType\":\"message.sent\",\"x\":");

        memset(body + n, '[', depth);
        memset(body + n + depth, ']', depth);
        (void)strcpy(body + n + 2 * depth, "}");
        assert_int_equal(read_body(body, &w), depth < WEBHOOK_DEPTH_MAX ? 0 : WEBHOOK_UNREADABLE);
    }
}

/* -- ids of events -- */

static struct str id_header(void *ctx, const char *name)
{
    return strcmp(name, "x-webhook-id") == 0 ? str_from(ctx) : STR_NULL;
}

static struct webhook with_id(const char *id, const char *body)
{
    struct webhook_request req = { .body = str_from(body),
                                   .header = id_header,
                                   .ctx = (void *)(uintptr_t)id };
    struct webhook w;

    assert_int_equal(webhook_read(&req, BRIDGE, &w), 0);
    return w;
}

static bool same_key(struct webhook a, struct webhook b)
{
    return a.key.time_ms == b.key.time_ms && memcmp(a.key.digest, b.key.digest, sizeof a.key.digest) == 0;
}

#define EVENT(attempt, message)                                                                            \
    "{\"eventType\":\"message.sent\",\"sessionId\":\"a\",\"timestamp\":1795341876448,\"attempt\":" attempt \
    ",\"data\":{\"messageId\":\"" message "\"}}"

static void an_id_makes_retries_one_event(void **state)
{
    /* another body, the same id: a retry that counts its attempts */
    assert_true(same_key(with_id("evt_1", EVENT("1", "M")), with_id("evt_1", EVENT("2", "M"))));
    assert_false(same_key(with_id("evt_1", EVENT("1", "M")), with_id("evt_2", EVENT("1", "M"))));
    assert_false(same_key(with_id(NULL, EVENT("1", "M")), with_id(NULL, EVENT("2", "M"))));
    /* a header that names the subscription and not the event */
    assert_false(same_key(with_id("hook_1", EVENT("1", "M")), with_id("hook_1", EVENT("1", "N"))));
}

/* Everything that the key is made of, one after the other: an id that two events share makes them one only when all the
 * rest is equal, too. */
static void an_id_that_two_events_share_does_not_make_them_one(void **state)
{
    static const char *const bodies[] = {
        "{\"eventType\":\"message.sent\",\"sessionId\":\"one\"}",
        "{\"eventType\":\"message.sent\",\"sessionId\":\"two\"}",
        "{\"eventType\":\"message.read\",\"sessionId\":\"one\"}",
        "{\"eventType\":\"message.sent\",\"sessionId\":\"one\",\"data\":{\"messageId\":\"M\"}}",
        "{\"eventType\":\"message.sent\",\"sessionId\":\"one\",\"data\":{\"messageId\":\"N\"}}",
    };

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        for (size_t k = 0; k < ARRAY_LEN(bodies); k++)
            assert_int_equal(same_key(with_id("17", bodies[i]), with_id("17", bodies[k])), i == k);
    }
}

static void an_id_in_the_envelope_counts(void **state)
{
    struct webhook a, b, c;

    assert_int_equal(read_body("{\"id\":\"evt_01\",\"eventType\":\"message.sent\",\"n\":1}", &a), 0);
    assert_int_equal(read_body("{\"id\":\"evt_01\",\"eventType\":\"message.sent\",\"n\":2}", &b), 0);
    assert_int_equal(read_body("{\"id\":\"evt_01\",\"eventType\":\"message.read\",\"n\":2}", &c), 0);
    assert_true(same_key(a, b));
    assert_false(same_key(a, c));
    assert_int_equal(read_body("{\"id\":\"17\",\"eventType\":\"message.sent\",\"n\":1}", &a), 0);
    assert_int_equal(read_body("{\"id\":\"17\",\"eventType\":\"message.sent\",\"n\":2}", &b), 0);
    assert_false(same_key(a, b));
}

static void the_header_names_the_type_when_the_body_does_not(void **state)
{
    struct fixture f = fixture_load("hook-02-message.received");
    struct webhook_request req = { .body = STR_LIT("{\"a\":1}"), .header = fixture_header, .ctx = &f };
    struct webhook w;

    assert_int_equal(webhook_read(&req, BRIDGE, &w), 0);
    assert_int_equal(w.type, EVENT_TYPE_MESSAGE_RECEIVED);
    fixture_free(&f);
}

/* -- any bytes of a sender -- */

static void broken_bodies_are_answered(void **state)
{
    struct fixture f = fixture_load("hook-07-session.disconnected");
    char *body = malloc(f.body.n); /* exactly as long, so that a sanitizer sees a step too far */
    int answers[3] = { 0 };
    struct rng rng;

    rng_init(&rng, 7);
    for (int i = 0; i < 50000; i++) {
        size_t n = f.body.n - (rng_below(&rng, 4) ? 0 : rng_below(&rng, f.body.n));
        char *end = memcpy(body + f.body.n - n, f.body.p, n);
        struct webhook_request req = { .body = { end, n }, .header = no_header };
        struct webhook w;
        int r;

        for (uint64_t k = rng_below(&rng, 3); n && k; k--)
            end[rng_below(&rng, n)] = (char)rng_below(&rng, 256);
        r = webhook_read(&req, BRIDGE, &w);
        assert_in_range(r, 0, WEBHOOK_UNREADABLE);
        answers[r]++;
        if (r == 0)
            assert_true(utf8_is_valid(w.message_id, strlen(w.message_id)) && w.code >= 0 &&
                        w.occurred_at >= 0);
    }
    assert_true(answers[0] > 1000 && answers[WEBHOOK_NOT_JSON] > 1000);
    free(body);
    fixture_free(&f);
}

#define DROPPED(data)                                                                                   \
    "{\"sessionId\":\"a\",\"eventType\":\"session.disconnected\",\"timestamp\":1795340485297,\"data\":" \
    "{" data "}}"
#define DROPPED_AT INT64_C(1795340485297)

static void causes_are_found_where_bridges_put_them(void **state)
{
    static const struct {
        const char *data;
        int code;
        int64_t ban_until;
    } rows[] = {
        /* Baileys' error in zapw's wrapping */
        { "\"reason\":{\"reason\":{\"output\":{\"statusCode\":440}},\"shouldReconnect\":true}", 440, 0 },
        { "\"reason\":{\"reason\":{\"data\":{\"tag\":\"conflict\",\"attrs\":{\"type\":\"replaced\"}}}}", 440,
          0 },
        { "\"reason\":{\"output\":{\"statusCode\":\"428\"}}", 428, 0 },
        { "\"lastDisconnect\":{\"error\":{\"output\":{\"statusCode\":401}}}", 401, 0 },
        { "\"error\":{\"output\":{\"statusCode\":503}}", 503, 0 },
        /* as text */
        { "\"code\":\"440\"", 440, 0 },
        { "\"statusCode\":\"401\"", 401, 0 },
        { "\"reason\":\"403\"", 403, 0 },
        /* Evolution's names; its statusReason 200 is no cause */
        { "\"statusReason\":401", 401, 0 },
        { "\"state\":\"connecting\",\"statusReason\":200", 0, 0 },
        { "\"statusReason\":200,\"disconnectionReasonCode\":403", 403, 0 },
        /* reasons in words */
        { "\"reason\":\"replaced\"", 440, 0 },
        { "\"reason\":\"connectionReplaced\"", 440, 0 },
        { "\"reason\":\"Logged out\"", 401, 0 },
        { "\"reason\":\"restart_required\"", 515, 0 },
        { "\"reason\":{\"reason\":\"Manual disconnect\"}", 0, 0 },
        /* temporary bans: seconds, nanoseconds, a time */
        { "\"code\":102,\"expire\":3600", 402, DROPPED_AT + 3600 * 1000 },
        { "\"code\":102,\"expire\":86400000000000", 402, DROPPED_AT + 24 * 3600 * 1000 },
        { "\"code\":402,\"expire\":1795350000", 402, INT64_C(1795350000000) },
        { "\"reason\":{\"code\":403,\"expire\":1795350000000}", 403, INT64_C(1795350000000) },
        { "\"reason\":\"temporary_ban\",\"expires\":\"2026-11-22T12:00:00.000Z\"", 402,
          INT64_C(1795348800000) },
        { "\"code\":402,\"expire\":-5", 402, 0 },
        { "\"code\":402,\"expire\":\"soon\"", 402, 0 },
        /* nothing of these */
        { "\"code\":0", 0, 0 },
        { "\"code\":99999", 0, 0 },
        { "\"code\":\"\"", 0, 0 },
        { "\"reason\":null", 0, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char body[512];
        struct webhook w;

        (void)snprintf(body, sizeof body, DROPPED("%s"), rows[i].data);
        assert_int_equal(read_body(body, &w), 0);
        if (w.code != rows[i].code || w.ban_until != rows[i].ban_until)
            fail_msg("%s: code %d, until %lld", rows[i].data, w.code, (long long)w.ban_until);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(causes_are_found_where_bridges_put_them),
        cmocka_unit_test(every_recorded_webhook_is_read),
        cmocka_unit_test(look_alike_receipts_have_keys_of_their_own),
        cmocka_unit_test(shapes_are_read),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(an_id_makes_retries_one_event),
        cmocka_unit_test(an_id_that_two_events_share_does_not_make_them_one),
        cmocka_unit_test(an_id_in_the_envelope_counts),
        cmocka_unit_test(the_header_names_the_type_when_the_body_does_not),
        cmocka_unit_test(broken_bodies_are_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
