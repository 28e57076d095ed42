/* The drivers that were written from the source of a bridge: wuzapi, gowa, cloud. The facts held here were read there. */
#include "fixture.h"

#include <errno.h>

#include "common/base/mem.h"
#include "common/bridge/detect.h"
#include "common/bridge/drivers.h"
#include "common/bridge/form_body.h"
#include "common/bridge/signature.h"
#include "common/bridge/subscription.h"

static const struct bridge_target target = { .base_url = "http://b", .api_key = "admin:secret" };

static const struct subscription_want hook = { .url = "http://h/w", .tokens = "", .secrets = "" };

static struct bridge_answer answer(int status, const char *body)
{
    return (struct bridge_answer){ .status = status, .body = str_from(body) };
}

/* -- lists -- */

struct listed {
    char text[512];
};

static int on_session(void *ctx, const struct bridge_session *s)
{
    struct listed *l = ctx;
    size_t n = strlen(l->text);

    (void)snprintf(l->text + n, sizeof l->text - n, "%s=%s ", s->id, session_state_text(s->state));
    return 0;
}

#define WUZAPI_USERS                                                                                       \
    "{\"code\":200,\"success\":true,\"data\":["                                                            \
    "{\"id\":1,\"name\":\"a\",\"token\":\"T1\",\"events\":\"Message,ReadReceipt\",\"jid\":\"5511@s\","     \
    "\"qrcode\":\"data:old\",\"connected\":true,\"loggedIn\":true},"                                       \
    "{\"id\":\"f00d\",\"name\":\"b\",\"token\":\"T2\",\"events\":\"\",\"jid\":\"\",\"qrcode\":\"data:x\"," \
    "\"connected\":true,\"loggedIn\":false},"                                                              \
    "{\"id\":3,\"name\":\"c\",\"token\":\"T3\",\"events\":\"All\",\"jid\":\"5511@s\",\"qrcode\":\"\","     \
    "\"connected\":false,\"loggedIn\":true}]}"

static void lists_are_read(void **state)
{
    static const struct {
        const char *driver;
        int status;
        const char *body;
        int kind;
        const char *sessions;
    } rows[] = {
        { "wuzapi", 200, WUZAPI_USERS, 0, "1=connected f00d=qr_pending 3=disconnected " },
        { "wuzapi", 200, "{\"code\":200,\"data\":[],\"success\":true}", 0, "" },
        { "wuzapi", 401, "{\"code\":401,\"error\":\"Unauthorized\",\"success\":false}", BRIDGE_UNAUTHORIZED,
          "" },
        { "wuzapi", 500, "{\"code\":500,\"error\":\"Problem accessing DB\",\"success\":false}", BRIDGE_BROKEN,
          "" },
        { "gowa", 200,
          "{\"code\":\"SUCCESS\",\"message\":\"List "
          "devices\",\"results\":[{\"id\":\"org_2\",\"state\":\"logged_in\",\"jid\":\"62@s\"},"
          "{\"id\":\"x\",\"state\":\"connected\"},{\"id\":\"y\",\"state\":\"disconnected\"},{\"id\":\"z\","
          "\"state\":\"connecting\"}]}",
          0, "org_2=connected x=qr_pending y=disconnected z=starting " },
        { "gowa", 200, "{\"code\":\"SUCCESS\",\"message\":\"List devices\"}", 0, "" },
        { "gowa", 200, "[]", BRIDGE_GARBAGE, "" },
        { "gowa", 401, "Unauthorized", BRIDGE_UNAUTHORIZED, "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bridge_answer a = answer(rows[i].status, rows[i].body);
        struct listed l = { "" };
        int skipped = 0;
        int r = bridge_read_list(bridge_driver_find(rows[i].driver), &a, on_session, &l, &skipped);

        if (r != rows[i].kind || strcmp(l.text, rows[i].sessions) != 0 || skipped)
            fail_msg("%zu: %s, %s, skipped %d", i, bridge_answer_text(r), l.text, skipped);
    }
}

static void failures_about_one_session_are_not_the_bridge_s(void **state)
{
    static const struct {
        const char *driver;
        int status;
        const char *body;
        int kind;
    } rows[] = {
        { "wuzapi", 500, "{\"code\":500,\"error\":\"no session\",\"success\":false}", BRIDGE_REFUSED },
        { "wuzapi", 502, "<html>", BRIDGE_BROKEN },
        { "gowa", 500,
          "{\"code\":\"INTERNAL_SERVER_ERROR\",\"message\":\"device x is not logged in (session deleted)\"}",
          BRIDGE_REFUSED },
        { "gowa", 500, "{\"code\":\"INTERNAL_SERVER_ERROR\",\"message\":\"device x not found\"}",
          BRIDGE_NO_SESSION },
        { "gowa", 404, "{\"code\":\"DEVICE_NOT_FOUND\",\"message\":\"x\"}", BRIDGE_NO_SESSION },
        { "gowa", 504, "", BRIDGE_BROKEN },
        { "gowa", 200, "{\"code\":\"SUCCESS\",\"message\":\"Reconnect requested\"}", 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bridge_answer a = answer(rows[i].status, rows[i].body);

        assert_int_equal(bridge_read_reconnect(bridge_driver_find(rows[i].driver), &a), rows[i].kind);
    }
}

/* -- calls -- */

static void check_call(const struct bridge_request *q, const char *url, const char *header, const char *body)
{
    assert_string_equal(buf_str(&q->url), url);
    assert_non_null(strstr(buf_str(&q->headers), header));
    assert_string_equal(buf_str(&q->body), body);
}

static void next_is(const char *driver, struct bridge_procedure *p, int status, const char *body, int kind,
                    struct bridge_request *ret)
{
    const struct bridge_driver *d = bridge_driver_find(driver);
    struct bridge_answer a = answer(status, body);

    bridge_request_fini(ret);
    p->answer = &a;
    p->kind = p->step == 0 ? bridge_read_reconnect(d, &a) : bridge_read_step(d, p->op, &a);
    assert_int_equal(p->kind, kind);
    assert_int_equal(bridge_next(d, &target, p, ret), 0);
}

/* disconnect blanks the subscription; connect sets that of the list again, or All. */
static void wuzapi_is_disconnected_and_connected_with_its_subscription(void **state)
{
    struct bridge_procedure p = { .op = BRIDGE_RECONNECT, .id = "1" };
    CLEANUP(bridge_request_fini) struct bridge_request q = BRIDGE_REQUEST_NULL;
    const struct bridge_driver *d = bridge_driver_find("wuzapi");

    assert_int_equal(bridge_build(d, BRIDGE_RECONNECT, &target, "1", &q), 0);
    check_call(&q, "http://b/admin/users", "\nAuthorization: admin:secret\n", "");
    next_is("wuzapi", &p, 200, WUZAPI_USERS, 0, &q);
    check_call(&q, "http://b/session/disconnect", "\ntoken: T1\n", "");
    next_is("wuzapi", &p, 500, "{\"code\":500,\"error\":\"no session\",\"success\":false}", BRIDGE_REFUSED,
            &q);
    check_call(&q, "http://b/session/connect", "\ntoken: T1\n",
               "{\"Subscribe\":[\"Message\",\"ReadReceipt\"],\"Immediate\":true}");
    assert_true(p.pause_ms > 0);
    p.kind = 0;
    assert_int_equal(bridge_next(d, &target, &p, &q), -ENOTSUP);
}

/* Behind a proxy the operator's key has another header; the token of a user stays in its own. */
static void wuzapi_s_users_keep_their_header(void **state)
{
    struct bridge_target proxied = target;
    struct bridge_procedure p = { .op = BRIDGE_RECONNECT, .id = "1" };
    CLEANUP(bridge_request_fini) struct bridge_request q = BRIDGE_REQUEST_NULL;
    const struct bridge_driver *d = bridge_driver_find("wuzapi");
    struct bridge_answer a = answer(200, WUZAPI_USERS);

    proxied.key_header = "X-Proxy-Key";
    assert_int_equal(bridge_build(d, BRIDGE_RECONNECT, &proxied, "1", &q), 0);
    check_call(&q, "http://b/admin/users", "\nX-Proxy-Key: admin:secret\n", "");
    bridge_request_fini(&q);
    p.answer = &a;
    assert_int_equal(bridge_next(d, &proxied, &p, &q), 0);
    check_call(&q, "http://b/session/disconnect", "\ntoken: T1\n", "");
}

static void a_user_that_wuzapi_does_not_list_is_no_session(void **state)
{
    struct bridge_answer a = answer(200, WUZAPI_USERS);
    struct bridge_procedure p = { .op = BRIDGE_RECONNECT, .id = "nobody", .answer = &a };
    struct bridge_request q = BRIDGE_REQUEST_NULL;

    assert_int_equal(bridge_next(bridge_driver_find("wuzapi"), &target, &p, &q), -ENOTSUP);
    assert_int_equal(p.kind, BRIDGE_NO_SESSION);
}

static void a_user_is_created_with_a_token_that_nobody_guesses_and_connected(void **state)
{
    struct bridge_procedure p = { .op = BRIDGE_CREATE, .id = "f00d" };
    CLEANUP(bridge_request_fini) struct bridge_request q = BRIDGE_REQUEST_NULL;
    const struct bridge_driver *d = bridge_driver_find("wuzapi");
    struct bridge_created c = { 0 };
    struct bridge_answer a = answer(200, "{\"id\":7}");

    assert_int_equal(bridge_build_create(d, &target, "shop1", &hook, NULL, &q), 0);
    assert_non_null(strstr(buf_str(&q.body), "{\"name\":\"shop1\",\"token\":\""));
    assert_non_null(strstr(buf_str(&q.body), "\"events\":\"All\",\"webhook\":\"http://h/w\"}"));
    assert_int_equal(bridge_read_create(d, &a, &c), 0);
    assert_string_equal(c.session.id, "7");
    bridge_request_fini(&q);
    p.answer = &a;
    assert_int_equal(bridge_next(d, &target, &p, &q), 0);
    check_call(&q, "http://b/admin/users", "\nAuthorization: admin:secret\n", "");
    next_is("wuzapi", &p, 200, WUZAPI_USERS, 0, &q);
    check_call(&q, "http://b/session/connect", "\ntoken: T2\n",
               "{\"Subscribe\":[\"All\"],\"Immediate\":true}");
}

static void wuzapi_s_code_is_that_of_a_user_who_is_not_paired(void **state)
{
    static const struct {
        const char *body;
        int state;
        const char *qr;
    } rows[] = {
        { "{\"data\":[{\"id\":1,\"connected\":true,\"loggedIn\":false,\"qrcode\":\"data:x\"}]}",
          SESSION_QR_PENDING, "data:x" },
        { "{\"data\":[{\"id\":1,\"connected\":true,\"loggedIn\":true,\"qrcode\":\"data:old\"}]}",
          SESSION_CONNECTED, "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_fini) struct buf qr = BUF_NULL;
        struct bridge_answer a = answer(200, rows[i].body);
        struct bridge_session s;

        assert_int_equal(bridge_read_qr(bridge_driver_find("wuzapi"), &a, &qr, &s), 0);
        assert_int_equal(s.state, rows[i].state);
        assert_string_equal(buf_str(&qr), rows[i].qr);
    }
}

static void gowa_gets_a_basic_key(void **state)
{
    CLEANUP(bridge_request_fini) struct bridge_request q = BRIDGE_REQUEST_NULL;

    assert_int_equal(bridge_build(bridge_driver_find("gowa"), BRIDGE_RECONNECT, &target, "org_2", &q), 0);
    check_call(&q, "http://b/devices/org_2/reconnect", "\nAuthorization: Basic YWRtaW46c2VjcmV0\n", "");
}

static void gowa_gives_a_code_for_the_phone_number(void **state)
{
    CLEANUP(bridge_request_fini) struct bridge_request q = BRIDGE_REQUEST_NULL;
    const struct bridge_driver *d = bridge_driver_find("gowa");
    struct bridge_answer a =
        answer(200, "{\"code\":\"SUCCESS\",\"message\":\"ok\",\"results\":{\"pair_code\":\"ABCD-1234\"}}");
    struct bridge_answer none = answer(200, "{\"code\":\"SUCCESS\",\"results\":{\"pair_code\":null}}");
    char code[BRIDGE_PHONE_CODE_MAX];

    assert_int_equal(bridge_build_phone_code(d, &target, "org_2", "6281234567", NULL, &q), 0);
    check_call(&q, "http://b/devices/org_2/login/code?phone=6281234567",
               "\nAuthorization: Basic YWRtaW46c2VjcmV0\n", "");
    assert_int_equal(bridge_read_phone_code(d, &a, code), 0);
    assert_string_equal(code, "ABCD-1234");
    assert_int_equal(bridge_read_phone_code(d, &none, code), BRIDGE_REFUSED);
    assert_int_equal(
        bridge_build_phone_code(bridge_driver_find("zapw"), &target, "s1", "6281234567", NULL, &q), -ENOTSUP);
}

static void wuzapi_gives_a_code_for_the_phone_number(void **state)
{
    CLEANUP(bridge_request_fini) struct bridge_request list = BRIDGE_REQUEST_NULL, q = BRIDGE_REQUEST_NULL;
    const struct bridge_driver *d = bridge_driver_find("wuzapi");
    struct bridge_answer users =
        answer(200, "{\"code\":200,\"success\":true,\"data\":[{\"id\":\"u0\",\"token\":\"t0\"},"
                    "{\"id\":\"u1\",\"token\":\"t1\",\"events\":\"All\"}]}");
    struct bridge_answer code =
        answer(200, "{\"code\":200,\"data\":{\"LinkingCode\":\"ABCD-1234\"},\"success\":true}");
    struct bridge_answer paired =
        answer(400, "{\"code\":400,\"error\":\"already paired\",\"success\":false}");
    char text[BRIDGE_PHONE_CODE_MAX];

    assert_int_equal(bridge_build_phone_code(d, &target, "u1", "6281234567", NULL, &list), 0);
    check_call(&list, "http://b/admin/users", "", "");
    assert_int_equal(bridge_build_phone_code(d, &target, "u1", "6281234567", &users, &q), 0);
    check_call(&q, "http://b/session/pairphone", "\ntoken: t1\n", "{\"Phone\":\"6281234567\"}");
    assert_int_equal(bridge_build_phone_code(d, &target, "u2", "6281234567", &users, &q), -EINVAL);
    assert_int_equal(bridge_read_phone_code(d, &code, text), 0);
    assert_string_equal(text, "ABCD-1234");
    assert_int_equal(bridge_read_phone_code(d, &paired, text), BRIDGE_REFUSED);
}

/* A connection that began without a number has no code; a session that is created with one has it at once. */
static void evolution_gives_a_code_for_the_phone_number(void **state)
{
    CLEANUP(bridge_request_fini) struct bridge_request q = BRIDGE_REQUEST_NULL, create = BRIDGE_REQUEST_NULL;
    const struct bridge_driver *d = bridge_driver_find("evolution");
    struct bridge_answer code = answer(200, "{\"pairingCode\":\"WZYEH1YY\",\"code\":\"2@A\",\"count\":1}");
    struct bridge_answer none = answer(200, "{\"pairingCode\":null,\"code\":\"2@A\",\"count\":1}");
    struct bridge_answer early = answer(200, "{\"count\":0}");
    char text[BRIDGE_PHONE_CODE_MAX];

    assert_int_equal(bridge_build_phone_code(d, &target, "shop1", "6281234567", NULL, &q), 0);
    check_call(&q, "http://b/instance/connect/shop1?number=6281234567", "", "");
    assert_int_equal(bridge_read_phone_code(d, &code, text), 0);
    assert_string_equal(text, "WZYEH1YY");
    assert_int_equal(bridge_read_phone_code(d, &none, text), BRIDGE_REFUSED);
    assert_int_equal(bridge_read_phone_code(d, &early, text), BRIDGE_REFUSED);
    assert_int_equal(bridge_build_create(d, &target, "shop1", NULL, "6281234567", &create), 0);
    check_call(&create, "http://b/instance/create", "",
               "{\"instanceName\":\"shop1\",\"integration\":\"WHATSAPP-BAILEYS\",\"qrcode\":true,\"number\":"
               "\"6281234567\"}");
}

/* -- detection -- */

/* @answers: path, status, body of each; every other path is answered with @miss. */
static int find(const char *const *answers, int miss, const struct bridge_driver **ret)
{
    CLEANUP(detection_fini) struct detection d = DETECTION_NULL;
    int r;

    detection_init(&d);
    do {
        struct bridge_answer a = answer(miss, "<title>no</title>");

        for (int i = 0; answers[i]; i += 3) {
            if (strcmp(d.probe[d.next].path, answers[i]) == 0)
                a = answer((int)strtol(answers[i + 1], NULL, 10), answers[i + 2]);
        }
        r = detection_take(&d, &a, ret);
    } while (r == DETECT_MORE);
    return r;
}

static void they_are_found_by_their_answers(void **state)
{
    static const char *const wuzapi[] = { "/admin/users", "200", WUZAPI_USERS, NULL };
    static const char *const wuzapi_key[] = { "/admin/users", "401",
                                              "{\"code\":401,\"error\":\"Unauthorized\",\"success\":false}",
                                              NULL };
    static const char *const gowa[] = {
        "/devices", "200", "{\"code\":\"SUCCESS\",\"message\":\"List devices\"}", "/health", "200", "OK", NULL
    };
    static const char *const gowa_key[] = { "/devices", "401", "Unauthorized", "/health", "200", "OK", NULL };
    static const char *const nobody[] = {
        "/devices", "401", "Unauthorized", "/admin/users", "401", "no", NULL
    };
    const struct bridge_driver *d = NULL;

    assert_int_equal(find(wuzapi, 404, &d), 0);
    assert_string_equal(d->name, "wuzapi");
    assert_int_equal(find(gowa, 404, &d), 0);
    assert_string_equal(d->name, "gowa");
    assert_int_equal(find(wuzapi_key, 404, &d), DETECT_UNAUTHORIZED);
    assert_int_equal(find(gowa_key, 401, &d), DETECT_UNAUTHORIZED);
    assert_int_equal(find(nobody, 404, &d), DETECT_UNKNOWN);
}

/* -- webhooks -- */

struct event {
    const char *type, *session, *message_id;
    int64_t occurred_at;
    int code;
};

static void webhooks_are_read(void **state)
{
    static const struct {
        const char *driver, *body;
        struct event e;
        bool unique;
    } rows[] = {
        { "wuzapi",
          "{\"type\":\"Message\",\"event\":{\"Info\":{\"ID\":\"3EB0\",\"Chat\":\"c\",\"IsFromMe\":false,"
          "\"Timestamp\":\"2026-11-26T12:00:00Z\"},"
          "\"Message\":{\"conversation\":\"hi\"}},\"userID\":\"u1\",\"instanceName\":\"Up\"}",
          { "message.received", "u1", "3EB0", INT64_C(1795694400000), 0 },
          false },
        { "wuzapi",
          "{\"type\":\"ReadReceipt\",\"state\":\"Delivered\",\"event\":{\"MessageIDs\":[\"3EB0\"],"
          "\"Timestamp\":\"2026-11-26T12:00:01Z\"},"
          "\"userID\":\"u1\",\"instanceName\":\"Up\"}",
          { "message.delivered", "u1", "", INT64_C(1795694401000), 0 },
          false },
        { "wuzapi",
          "{\"type\":\"QR\",\"event\":\"code\",\"qrCodeBase64\":\"data:x\",\"userID\":\"u1\","
          "\"instanceName\":\"Up\"}",
          { "session.qr", "u1", "", 0, 0 },
          true },
        { "wuzapi",
          "{\"type\":\"Disconnected\",\"event\":{},\"userID\":\"u1\",\"instanceName\":\"Up\"}",
          { "session.disconnected", "u1", "", 0, 0 },
          true },
        { "wuzapi",
          "{\"type\":\"LoggedOut\",\"event\":{},\"userID\":\"u1\",\"instanceName\":\"Up\"}",
          { "session.disconnected", "u1", "", 0, 401 },
          true },
        { "wuzapi",
          "{\"type\":\"TemporaryBan\",\"event\":{\"Code\":101},\"userID\":\"u1\",\"instanceName\":\"Up\"}",
          { "session.disconnected", "u1", "", 0, 402 },
          true },
        { "gowa",
          "{\"event\":\"message\",\"device_id\":\"62@s.whatsapp.net\",\"session_id\":\"org_2\",\"payload\":{"
          "\"id\":\"3EB0\","
          "\"timestamp\":\"2023-10-15T10:30:00Z\",\"is_from_me\":false,\"body\":\"Hello\"}}",
          { "message.received", "org_2", "3EB0", INT64_C(1697365800000), 0 },
          false },
        { "gowa",
          "{\"event\":\"message.ack\",\"device_id\":\"62@s.whatsapp.net\",\"timestamp\":\"2025-07-18T22:44:"
          "20Z\",\"payload\":{\"ids\":[\"3EB0\"],"
          "\"receipt_type\":\"delivered\"}}",
          { "message.delivered", "62@s.whatsapp.net", "", INT64_C(1752878660000), 0 },
          false },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct webhook_request req = { .body = str_from(rows[i].body) };
        struct webhook w, again;

        assert_int_equal(bridge_read_webhook(bridge_driver_find(rows[i].driver), &req, STR_LIT("main"), &w),
                         0);
        assert_int_equal(bridge_read_webhook(NULL, &req, STR_LIT("main"), &again), 0);
        assert_int_equal(again.type, w.type);
        assert_string_equal(event_type_text(w.type), rows[i].e.type);
        assert_string_equal(w.session, rows[i].e.session);
        assert_string_equal(w.message_id, rows[i].e.message_id);
        assert_int_equal(w.occurred_at, rows[i].e.occurred_at);
        assert_int_equal(w.code, rows[i].e.code);
        assert_int_equal(w.key.is_unique, rows[i].unique);
    }
}

#define CLOUD_HEAD                                                                                   \
    "{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":\"102\",\"changes\":[{\"value\":{" \
    "\"messaging_product\":\"whatsapp\",\"metadata\":{\"phone_number_id\":\"1065\"},"
#define CLOUD_TAIL "},\"field\":\"messages\"}]}]}"
#define CLOUD_M1                                                                                             \
    "{\"from\":\"16505551234\",\"id\":\"wamid.A\",\"timestamp\":\"1749416383\",\"type\":\"text\",\"text\":{" \
    "\"body\":\"um\"}}"
#define CLOUD_M2                                                                                             \
    "{\"from\":\"16505551234\",\"id\":\"wamid.B\",\"timestamp\":\"1749416384\",\"type\":\"text\",\"text\":{" \
    "\"body\":\"dois\"}}"
#define CLOUD_S1                                                                                  \
    "{\"id\":\"wamid.C\",\"status\":\"delivered\",\"timestamp\":\"1749416390\",\"recipient_id\":" \
    "\"16505551234\"}"
#define CLOUD_S2 \
    "{\"id\":\"wamid.C\",\"status\":\"read\",\"timestamp\":\"1749416390\",\"recipient_id\":\"16505551234\"}"

struct events {
    int n;
    char text[1024], body[8][512];
    uint8_t digest[8][16];
};

static int on_event(void *ctx, const struct webhook *w, struct str body)
{
    struct events *e = ctx;
    size_t n = strlen(e->text);

    (void)snprintf(e->text + n, sizeof e->text - n, "%s/%s/%s/%lld ", event_type_text(w->type), w->session,
                   w->message_id, (long long)w->occurred_at);
    (void)snprintf(e->body[e->n], sizeof e->body[0], "%.*s", (int)body.n, body.p);
    memcpy(e->digest[e->n++], w->key.digest, 16);
    return 0;
}

static void read_cloud(const char *body, struct events *ret)
{
    const struct webhook_request req = { .body = str_from(body) };

    *ret = (struct events){ 0 };
    assert_int_equal(bridge_read_webhooks(NULL, &req, STR_LIT("main"), on_event, ret), 0);
}

/* Each message and each status is an event, with a body that holds it alone and that reads as itself. */
static void one_post_of_meta_is_many_events(void **state)
{
    struct events e, one;

    read_cloud(CLOUD_HEAD "\"contacts\":[{\"wa_id\":\"1\"}],\"messages\":[" CLOUD_M1 "," CLOUD_M2
                          "],\"statuses\":[" CLOUD_S1 "," CLOUD_S2 "]" CLOUD_TAIL,
               &e);
    assert_int_equal(e.n, 4);
    assert_string_equal(
        e.text, "message.received/1065/wamid.A/1749416383000 message.received/1065/wamid.B/1749416384000 "
                "message.delivered/1065/wamid.C/1749416390000 message.read/1065/wamid.C/1749416390000 ");
    assert_string_equal(e.body[1],
                        CLOUD_HEAD "\"contacts\":[{\"wa_id\":\"1\"}],\"messages\":[" CLOUD_M2 "]" CLOUD_TAIL);
    assert_string_equal(e.body[2],
                        CLOUD_HEAD "\"contacts\":[{\"wa_id\":\"1\"}],\"statuses\":[" CLOUD_S1 "]" CLOUD_TAIL);
    for (int i = 0; i < 4; i++) {
        read_cloud(e.body[i], &one);
        assert_int_equal(one.n, 1);
        assert_memory_equal(one.digest[0], e.digest[i],
                            16); /* repeated in another bundle it is the same event */
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(e.digest[i], e.digest[k], 16);
    }
}

static void a_post_of_meta_without_messages_is_kept_whole(void **state)
{
    static const char other[] = "{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":\"1\","
                                "\"changes\":[{\"value\":{},\"field\":\"account_update\"}]}]}";
    struct events e;

    read_cloud(other, &e);
    assert_int_equal(e.n, 1);
    assert_string_equal(e.text, "event.other///0 ");
    assert_string_equal(e.body[0], other);
}

static void a_url_is_verified_with_the_token(void **state)
{
    static const struct {
        const char *query;
        int answer;
    } rows[] = {
        { "hub.mode=subscribe&hub.verify_token=app%2Dsecret&hub.challenge=1158201444", 0 },
        { "hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1158201444", CHALLENGE_REFUSED },
        { "hub.mode=subscribe&hub.challenge=1158201444", CHALLENGE_REFUSED },
        { "hub.mode=subscribe&hub.verify_token=app-secret&hub.challenge=<script>", CHALLENGE_REFUSED },
        { "hub.mode=subscribe&hub.verify_token=app-secret&hub.challenge=", CHALLENGE_REFUSED },
        { "hub.mode=subscribe&hub.verify_token=app-secret", CHALLENGE_NONE },
        { "hub.mode=unsubscribe&hub.verify_token=app-secret&hub.challenge=1", CHALLENGE_NONE },
        { "", CHALLENGE_NONE },
    };
    struct tokens tokens, none = { 0 };
    char text[CHALLENGE_MAX];

    assert_int_equal(tokens_parse("app-secret", &tokens), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(challenge_check(&tokens, str_from(rows[i].query), text), rows[i].answer);
    assert_int_equal(challenge_check(&tokens, str_from(rows[0].query), text), 0);
    assert_string_equal(text, "1158201444");
    assert_int_equal(challenge_check(&none, str_from(rows[0].query), text), CHALLENGE_REFUSED);
}

/* -- forms -- */

static void forms_of_wuzapi_become_its_json(void **state)
{
    static const struct {
        const char *form;
        int answer;
        const char *json;
    } rows[] = {
        { "instanceName=Up&jsonData=%7B%22type%22%3A%22Message%22%2C%22event%22%3A%7B%22a%22%3A%22x+y%22%7D%"
          "7D&userID=u1",
          0, "{\"userID\":\"u1\",\"instanceName\":\"Up\",\"type\":\"Message\",\"event\":{\"a\":\"x y\"}}" },
        { "jsonData=%7B%22type%22%3A%22QR%22%7D&token=a-credential", 0, "{\"type\":\"QR\"}" },
        { "jsonData=%7B%7D&userID=u1", 0, "{\"userID\":\"u1\"}" },
        { "jsonData=%5B1%5D", FORM_NOT_ONE, "" },
        { "jsonData=%7", FORM_NOT_ONE, "" },
        { "jsonData=", FORM_NOT_ONE, "" },
        { "a=b", FORM_NOT_ONE, "" },
        { "", FORM_NOT_ONE, "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);
        int r = form_body_to_json(str_from(rows[i].form), &out);

        assert_int_equal(r, rows[i].answer);
        if (r == 0)
            assert_string_equal(buf_str(&out), rows[i].json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(failures_about_one_session_are_not_the_bridge_s),
        cmocka_unit_test(wuzapi_is_disconnected_and_connected_with_its_subscription),
        cmocka_unit_test(wuzapi_s_users_keep_their_header),
        cmocka_unit_test(a_user_that_wuzapi_does_not_list_is_no_session),
        cmocka_unit_test(a_user_is_created_with_a_token_that_nobody_guesses_and_connected),
        cmocka_unit_test(wuzapi_s_code_is_that_of_a_user_who_is_not_paired),
        cmocka_unit_test(gowa_gets_a_basic_key),
        cmocka_unit_test(gowa_gives_a_code_for_the_phone_number),
        cmocka_unit_test(wuzapi_gives_a_code_for_the_phone_number),
        cmocka_unit_test(evolution_gives_a_code_for_the_phone_number),
        cmocka_unit_test(they_are_found_by_their_answers),
        cmocka_unit_test(webhooks_are_read),
        cmocka_unit_test(one_post_of_meta_is_many_events),
        cmocka_unit_test(a_post_of_meta_without_messages_is_kept_whole),
        cmocka_unit_test(a_url_is_verified_with_the_token),
        cmocka_unit_test(forms_of_wuzapi_become_its_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
