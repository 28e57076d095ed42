/* The drivers: requests to the letter, and every recorded answer read. */
#include "fixture.h"

#include <errno.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/bridge/answer.h"
#include "common/bridge/detect.h"
#include "common/bridge/driver.h"
#include "common/bridge/drivers.h"
#include "common/bridge/subscription.h"
#include <stdio.h>

static const struct bridge_target target = { .base_url = "http://b:3000/", .api_key = "k1" };

static const struct subscription_want hook = { .url = "http://h/w", .tokens = "", .secrets = "" };

static const struct bridge_driver *driver(const char *name)
{
    const struct bridge_driver *d = bridge_driver_find(name);

    assert_non_null(d);
    return d;
}

/* -- requests -- */

#define HEAD "Accept: application/json\nAuthorization: Bearer k1\n"

static void assert_request(int r, struct bridge_request *req, const char *method, const char *url,
                           const char *headers, const char *body)
{
    assert_int_equal(r, 0);
    assert_string_equal(req->method, method);
    assert_string_equal(buf_str(&req->url), url);
    assert_string_equal(buf_str(&req->headers), headers);
    assert_string_equal(buf_str(&req->body), body);
    bridge_request_fini(req);
    bridge_request_fini(req); /* twice is legal */
}

static void requests_are_built_to_the_letter(void **state)
{
    const struct bridge_driver *z = driver("zapw"), *c = driver("contract");
    struct bridge_request q = BRIDGE_REQUEST_NULL;

    assert_request(bridge_build(z, BRIDGE_HEALTH, &target, NULL, &q), &q, "GET", "http://b:3000/health", HEAD,
                   "");
    assert_request(bridge_build(z, BRIDGE_LIST, &target, NULL, &q), &q, "GET", "http://b:3000/sessions", HEAD,
                   "");
    assert_request(bridge_build_create(z, &target, "a-1", &hook, NULL, &q), &q, "POST",
                   "http://b:3000/sessions", HEAD "Content-Type: application/json\n",
                   "{\"sessionId\":\"a-1\"}");
    assert_request(bridge_build(z, BRIDGE_DELETE, &target, "a", &q), &q, "DELETE", "http://b:3000/sessions/a",
                   HEAD, "");
    assert_request(bridge_build(z, BRIDGE_QR, &target, "a", &q), &q, "GET", "http://b:3000/sessions/a", HEAD,
                   "");
    assert_request(bridge_build(c, BRIDGE_STATUS, &target, "a", &q), &q, "GET",
                   "http://b:3000/sessions/a/status", HEAD, "");
    assert_request(bridge_build(c, BRIDGE_RECONNECT, &target, "a", &q), &q, "POST",
                   "http://b:3000/sessions/a/reconnect", HEAD, "");
    assert_request(bridge_build_create(c, &target, "a", NULL, NULL, &q), &q, "POST", "http://b:3000/sessions",
                   HEAD "Content-Type: application/json\n", "{\"id\":\"a\"}");
    assert_request(bridge_build_create(c, &target, "a", &hook, NULL, &q), &q, "POST",
                   "http://b:3000/sessions", HEAD "Content-Type: application/json\n",
                   "{\"id\":\"a\",\"webhook\":{\"url\":\"http://h/w\",\"events\":[\"message.received\","
                   "\"message.sent\",\"message.delivered\",\"message.read\",\"session.connected\","
                   "\"session.disconnected\",\"session.qr\"]}}");
}

static void the_base_url_may_have_a_path_and_no_key(void **state)
{
    const struct bridge_target open = { .base_url = "https://b/wa//", .api_key = "" };
    struct bridge_request q = BRIDGE_REQUEST_NULL;

    assert_request(bridge_build(driver("zapw"), BRIDGE_LIST, &open, NULL, &q), &q, "GET",
                   "https://b/wa/sessions", "Accept: application/json\n", "");
}

static void what_would_be_dangerous_is_not_built(void **state)
{
    static const char *const bad[] = {
        "", ".", "..", "a\nb", "a\x7f", "a\xc2\x9b", "\xc3", "x\xe2\x80\xaey"
    };
    const struct bridge_target split = { .base_url = "http://b", .api_key = "k\r\nX-Evil: 1" };
    struct bridge_request q = BRIDGE_REQUEST_NULL;

    for (int i = 0; bridge_driver_at(i); i++) {
        const struct bridge_driver *d = bridge_driver_at(i);

        for (size_t b = 0; b < ARRAY_LEN(bad); b++) {
            for (int op = BRIDGE_STATUS; op < BRIDGE_OP_N; op++) {
                int r = op == BRIDGE_CREATE ? bridge_build_create(d, &target, bad[b], NULL, NULL, &q)
                                            : bridge_build(d, (enum bridge_op)op, &target, bad[b], &q);

                assert_int_equal(r, d->ops[op].method ? -EINVAL : -ENOTSUP);
            }
        }
        assert_int_equal(bridge_build(d, BRIDGE_LIST, &split, NULL, &q),
                         d->ops[BRIDGE_LIST].method ? -EINVAL : -ENOTSUP);
        assert_true(d->has_status == (d->ops[BRIDGE_STATUS].method != NULL));
        assert_true(d->has_reconnect == (d->ops[BRIDGE_RECONNECT].method != NULL));
    }
    /* the released zapw would remove a folder beside its own */
    assert_int_equal(bridge_build(driver("zapw"), BRIDGE_DELETE, &target, "../evil", &q), -EINVAL);
    assert_int_equal(bridge_build(driver("contract"), BRIDGE_DELETE, &target, "../evil", &q), -EINVAL);
    assert_int_equal(bridge_build_create(driver("zapw"), &target, "../evil", NULL, NULL, &q), -EINVAL);
    assert_null(q.method);
}

/* Kept as the bridge has them, and encoded where a URL needs it: never cut, never merged. */
static void odd_ids_are_encoded(void **state)
{
    static const struct {
        const char *id, *url;
    } rows[] = {
        { "../evil", "http://b:3000/sessions/..%2Fevil/status" },
        { "a/b", "http://b:3000/sessions/a%2Fb/status" },
        { "a b?c#d&e%f", "http://b:3000/sessions/a%20b%3Fc%23d%26e%25f/status" },
        { "S\xc3\xa3o Paulo", "http://b:3000/sessions/S%C3%A3o%20Paulo/status" },
        { "5511@s.whatsapp.net", "http://b:3000/sessions/5511%40s.whatsapp.net/status" },
    };
    struct bridge_request q = BRIDGE_REQUEST_NULL;
    char longest[SESSION_ID_MAX + 1];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_request(bridge_build(driver("contract"), BRIDGE_STATUS, &target, rows[i].id, &q), &q, "GET",
                       rows[i].url, HEAD, "");
    memset(longest, 'x', sizeof longest);
    longest[SESSION_ID_BYTES_MAX] = '\0';
    assert_int_equal(bridge_build(driver("contract"), BRIDGE_STATUS, &target, longest, &q), 0);
    bridge_request_fini(&q);
    longest[SESSION_ID_BYTES_MAX] = 'x';
    longest[SESSION_ID_BYTES_MAX + 1] = '\0';
    assert_int_equal(bridge_build(driver("contract"), BRIDGE_STATUS, &target, longest, &q), -EINVAL);
}

static void every_allocation_may_fail(void **state)
{
    long before = mem_live();

    for (long n = 0;; n++) {
        struct bridge_request q = BRIDGE_REQUEST_NULL;
        int r;

        mem_fail_after(n);
        r = bridge_build_create(driver("contract"), &target, "a", &hook, NULL, &q);
        mem_fail_after(-1);
        if (r == 0) {
            bridge_request_fini(&q);
            break;
        }
        assert_int_equal(r, -ENOMEM);
        assert_null(q.method);
        assert_int_equal(mem_live(), before);
    }
    assert_int_equal(mem_live(), before);
}

/* -- recorded answers -- */

static struct bridge_answer answer_of(const struct fixture *f)
{
    return (struct bridge_answer){ .status = f->status, .body = f->body };
}

struct listed {
    struct bridge_session s[16];
    int n, stop_at;
};

static int on_session(void *ctx, const struct bridge_session *s)
{
    struct listed *l = ctx;

    assert_true(l->n < 16);
    l->s[l->n++] = *s;
    return l->n == l->stop_at ? 42 : 0;
}

static void every_recorded_list_is_read(void **state)
{
    static const struct {
        const char *file;
        int n;
        const char *id[4];
        enum session_state state[4];
    } rows[] = {
        { "api-04-list-empty", 0, { 0 }, { 0 } },
        { "api-09-list-connected", 1, { "alpha" }, { SESSION_CONNECTED } },
        { "api-18-list-after-closes",
          4,
          { "s440", "s401", "s515", "s408" },
          { SESSION_DISCONNECTED, SESSION_DISCONNECTED, SESSION_STARTING, SESSION_DISCONNECTED } },
        { "api-20-list-515-restarted",
          4,
          { "s440", "s401", "s515", "s408" },
          { SESSION_DISCONNECTED, SESSION_DISCONNECTED, SESSION_QR_PENDING, SESSION_DISCONNECTED } },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows) * 2; i++) {
        const struct bridge_driver *d = bridge_driver_at((int)(i & 1)); /* both dialects read it */
        struct fixture f = fixture_load(rows[i / 2].file);
        struct bridge_answer a = answer_of(&f);
        struct listed l = { 0 };
        int skipped = -1;

        assert_int_equal(bridge_read_list(d, &a, on_session, &l, &skipped), 0);
        assert_int_equal(skipped, 0);
        assert_int_equal(l.n, rows[i / 2].n);
        for (int k = 0; k < l.n; k++) {
            assert_string_equal(l.s[k].id, rows[i / 2].id[k]);
            assert_int_equal(l.s[k].state, rows[i / 2].state[k]);
            assert_string_equal(l.s[k].phone, "5511999");
            assert_string_equal(l.s[k].name, "Bob");
            assert_true(l.s[k].reconnectable);
        }
        fixture_free(&f);
    }
}

static void odd_ids_are_read(void **state)
{
    static const struct {
        const char *id, *want;
    } rows[] = {
        { "\"a/b c\"", "a/b c" },
        { "\"S\\u00e3o\"", "S\xc3\xa3o" },
        { "7", "7" },
        { "\"\"", "" },
        { "\"a\\nb\"", "" },
        { "\"..\"", "" },
        { "null", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bridge_answer a = { .status = 200 };
        struct listed l = { 0 };
        char body[200];
        int skipped = -1;

        (void)snprintf(body, sizeof body,
                       "[{\"id\":%s,\"status\":\"connected\"},{\"id\":\"b\",\"status\":\"connected\"}]",
                       rows[i].id);
        a.body = str_from(body);
        assert_int_equal(bridge_read_list(driver("contract"), &a, on_session, &l, &skipped), 0);
        assert_int_equal(skipped, *rows[i].want ? 0 : 1);
        if (*rows[i].want)
            assert_string_equal(l.s[0].id, rows[i].want);
    }
}

static void what_on_session_says_is_passed_up(void **state)
{
    struct fixture f = fixture_load("api-18-list-after-closes");
    struct bridge_answer a = answer_of(&f);
    struct listed l = { .stop_at = 2 };
    int skipped = -1;

    assert_int_equal(bridge_read_list(driver("zapw"), &a, on_session, &l, &skipped), 42);
    assert_int_equal(l.n, 2);
    fixture_free(&f);
}

static void every_recorded_answer_is_read(void **state)
{
    static const struct {
        const char *file;
        char what; /* health, list, create, qr, delete, status, reconnect: by first letter */
        int kind;
    } rows[] = {
        { "api-01-health", 'h', 0 },
        { "api-02-unauthorized", 'l', BRIDGE_UNAUTHORIZED },
        { "api-03-wrong-key", 'l', BRIDGE_UNAUTHORIZED },
        { "api-05-create", 'c', 0 },
        { "api-06-create-conflict", 'c', BRIDGE_CONFLICT },
        { "api-07-get-qr-waiting", 'q', 0 },
        { "api-08-get-connected", 'q', 0 },
        { "api-10-get-missing", 'q', BRIDGE_NO_SESSION },
        { "api-11-status-path-does-not-exist", 's', BRIDGE_NO_ROUTE },
        { "api-12-reconnect-path-does-not-exist", 'r', BRIDGE_NO_ROUTE },
        { "api-14-get-disconnected", 'q', 0 },
        { "api-16-delete", 'd', 0 },
        { "api-17-delete-missing", 'd', BRIDGE_NO_SESSION },
        { "api-19-bad-json", 'c', BRIDGE_BROKEN },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows) * 2; i++) {
        const struct bridge_driver *d = bridge_driver_at((int)(i & 1));
        struct fixture f = fixture_load(rows[i / 2].file);
        struct bridge_answer a = answer_of(&f);
        struct bridge_created c = { 0 };
        struct bridge_session s = { 0 };
        struct listed l = { 0 };
        CLEANUP(buf_fini) struct buf qr = BUF_NULL;
        int skipped, r = -1;

        switch (rows[i / 2].what) {
        case 'h':
            r = bridge_read_health(d, &a);
            break;
        case 'l':
            r = bridge_read_list(d, &a, on_session, &l, &skipped);
            break;
        case 'c':
            r = bridge_read_create(d, &a, &c);
            buf_fini(&c.qr);
            break;
        case 'q':
            r = bridge_read_qr(d, &a, &qr, &s);
            break;
        case 'd':
            r = bridge_read_delete(d, &a);
            break;
        case 's':
            r = bridge_read_status(d, &a, "x", &s);
            break;
        case 'r':
            r = bridge_read_reconnect(d, &a);
            break;
        }
        if (r != rows[i / 2].kind)
            fail_msg("%s by %s: %s", rows[i / 2].file, d->name, bridge_answer_text(r));
        fixture_free(&f);
    }
}

static void a_created_session_comes_with_its_qr(void **state)
{
    for (int i = 0; i < 2; i++) { /* zapw and the contract */
        struct fixture f = fixture_load("api-05-create");
        struct bridge_answer a = answer_of(&f);
        struct bridge_created c = { 0 };

        assert_int_equal(bridge_read_create(bridge_driver_at(i), &a, &c), 0);
        assert_string_equal(c.session.id, "alpha");
        assert_int_equal(c.session.state, SESSION_QR_PENDING);
        assert_string_equal(c.session.raw_status, "qr_waiting");
        assert_true(str_starts(str_from(buf_str(&c.qr)), "data:image/png;base64,iVBORw0KGgo"));
        buf_fini(&c.qr);
        fixture_free(&f);
    }
}

static void a_qr_counts_only_while_it_is_waited_for(void **state)
{
    static const struct {
        const char *body;
        bool qr;
    } rows[] = {
        { "{\"status\":\"success\",\"data\":{\"id\":\"a\",\"status\":\"qr_waiting\",\"qrCode\":\"2@x\"}}",
          true },
        { "{\"status\":\"success\",\"data\":{\"id\":\"a\",\"status\":\"disconnected\",\"qrCode\":\"2@x\"}}",
          false },
        { "{\"status\":\"success\",\"data\":{\"id\":\"a\",\"status\":\"connected\",\"qrCode\":\"2@x\"}}",
          false },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows) * 2; i++) {
        struct bridge_answer a = { .status = 200, .body = str_from(rows[i / 2].body) };
        CLEANUP(buf_fini) struct buf qr = BUF_NULL;
        struct bridge_session s;

        assert_int_equal(bridge_read_qr(bridge_driver_at((int)(i & 1)), &a, &qr, &s), 0);
        assert_string_equal(buf_str(&qr), rows[i / 2].qr ? "2@x" : "");
    }
}

/* -- answers of others -- */

static void transport_is_told_from_the_session(void **state)
{
    static const struct {
        int status;
        const char *body;
        int reconnect, health; /* kinds of the contract driver */
    } rows[] = {
        { 0, "", BRIDGE_NO_ANSWER, BRIDGE_NO_ANSWER },
        { 200, "", 0, 0 },
        { 200, "{}", 0, 0 },
        { 202, "{\"status\":\"connecting\"}", 0, 0 },
        { 200, "{\"error\":false}", 0, 0 },
        { 200, "{\"error\":null}", 0, 0 },
        { 200, "{\"error\":true,\"message\":\"[object Object]\"}", BRIDGE_REFUSED, BRIDGE_BROKEN },
        { 200, "{\"error\":\"no such session\"}", BRIDGE_REFUSED, BRIDGE_BROKEN },
        { 200, "{\"success\":false}", BRIDGE_REFUSED, BRIDGE_BROKEN },
        { 200, "{\"status\":\"error\"}", BRIDGE_REFUSED, BRIDGE_BROKEN },
        { 200, "{\"status\":\"Unhealthy\"}", BRIDGE_REFUSED, BRIDGE_BROKEN },
        { 200, "<html>", BRIDGE_GARBAGE, 0 },
        { 200, "{\"a\":", BRIDGE_GARBAGE, 0 },
        { 301, "", BRIDGE_GARBAGE, BRIDGE_GARBAGE },
        { 200, "{\"id\":\"a\",\"status\":\"connected\",\"reconnect\":\"not needed\"}", BRIDGE_NOT_NEEDED, 0 },
        { 202, "{\"id\":\"a\",\"reconnect\":\"started\"}", 0, 0 },
        { 400, "{}", BRIDGE_REFUSED, BRIDGE_REFUSED },
        { 401, "{}", BRIDGE_UNAUTHORIZED, BRIDGE_UNAUTHORIZED },
        { 403, "{}", BRIDGE_UNAUTHORIZED, BRIDGE_UNAUTHORIZED },
        { 404, "{\"error\":\"not found\"}", BRIDGE_NO_SESSION, BRIDGE_NO_ROUTE },
        { 404, "", BRIDGE_NO_SESSION, BRIDGE_NO_ROUTE },
        { 404, "404 page not found", BRIDGE_NO_ROUTE, BRIDGE_NO_ROUTE },
        { 404, "{\"message\":\"Cannot POST /sessions/a/reconnect\"}", BRIDGE_NO_ROUTE, BRIDGE_NO_ROUTE },
        { 405, "{}", BRIDGE_NO_ROUTE, BRIDGE_NO_ROUTE },
        { 409, "{}", BRIDGE_CONFLICT, BRIDGE_CONFLICT },
        { 429, "{}", BRIDGE_THROTTLED, BRIDGE_THROTTLED },
        { 500, "{}", BRIDGE_BROKEN, BRIDGE_BROKEN },
        { 501, "{}", BRIDGE_NO_ROUTE, BRIDGE_NO_ROUTE },
        { 503, "", BRIDGE_BROKEN, BRIDGE_BROKEN },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bridge_answer a = { .status = rows[i].status, .body = str_from(rows[i].body) };
        int r = bridge_read_reconnect(driver("contract"), &a), h = bridge_read_health(driver("contract"), &a);

        if (r != rows[i].reconnect || h != rows[i].health)
            fail_msg("%d %s: %s; %s", rows[i].status, rows[i].body, bridge_answer_text(r),
                     bridge_answer_text(h));
    }
}

static void only_faults_of_the_whole_bridge_are_transport(void **state)
{
    for (int kind = BRIDGE_NO_ANSWER; kind < BRIDGE_ANSWER_N; kind++) {
        assert_string_not_equal(bridge_answer_text(kind), "unknown answer");
        assert_int_equal(bridge_answer_is_transport(kind),
                         kind == BRIDGE_NO_ANSWER || kind == BRIDGE_BROKEN || kind == BRIDGE_GARBAGE);
    }
    assert_string_equal(bridge_answer_text(99), "unknown answer");
}

static void the_contract_s_status_is_read_generously(void **state)
{
    static const struct {
        const char *body;
        int kind;
        enum session_state state;
        bool reconnectable;
    } rows[] = {
        { "{\"status\":\"connected\"}", 0, SESSION_CONNECTED, true },
        { "{\"status\":\"CONNECTED\"}", 0, SESSION_CONNECTED, true },
        { "{\"status\":\"connecting\"}", 0, SESSION_STARTING, true },
        { "{\"status\":\"initializing\"}", 0, SESSION_STARTING, true },
        { "{\"status\":\"qr_pending\"}", 0, SESSION_QR_PENDING, true },
        { "{\"status\":\"qr_waiting\"}", 0, SESSION_QR_PENDING, true },
        { "{\"status\":\"disconnected\"}", 0, SESSION_DISCONNECTED, true },
        { "{\"status\":\"disconnected\",\"reconnectable\":false}", 0, SESSION_DISCONNECTED, false },
        { "{\"status\":\"logged_out\"}", 0, SESSION_LOGGED_OUT, false },
        { "{\"status\":\"failed\"}", 0, SESSION_FAILED, true },
        { "{\"status\":\"success\",\"data\":{\"id\":\"b\",\"status\":\"connected\"}}", 0, SESSION_CONNECTED,
          true },
        { "{\"session\":{\"state\":\"connected\"}}", 0, SESSION_CONNECTED, true },
        { "{\"status\":\"sleeping\"}", 0, SESSION_UNKNOWN, true },
        { "{\"status\":\"lost\"}", 0, SESSION_UNKNOWN, true }, /* ours, never a bridge's */
        { "{}", BRIDGE_GARBAGE, 0, false },
        { "[]", BRIDGE_GARBAGE, 0, false },
        { "", BRIDGE_GARBAGE, 0, false },
        { "<html></html>", BRIDGE_GARBAGE, 0, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bridge_answer a = { .status = 200, .body = str_from(rows[i].body) };
        struct bridge_session s = { .id = "untouched" };
        int r = bridge_read_status(driver("contract"), &a, "asked", &s);

        if (r != rows[i].kind)
            fail_msg("%s: %s", rows[i].body, bridge_answer_text(r));
        assert_string_equal(s.id, r ? "untouched" : "asked");
        if (r == 0)
            assert_true(s.state == rows[i].state && s.reconnectable == rows[i].reconnectable);
    }
}

static void the_contract_s_creation_is_read_generously(void **state)
{
    static const struct {
        int status;
        const char *body;
        int kind;
        const char *id, *qr;
        enum session_state state;
    } rows[] = {
        { 201, "{\"id\":\"a\",\"status\":\"qr_pending\",\"qr\":\"2@x\"}", 0, "a", "2@x", SESSION_QR_PENDING },
        { 200, "{\"sessionId\":\"a\",\"qrCode\":\"2@x\"}", 0, "a", "2@x", SESSION_STARTING },
        { 201, "{\"success\":true,\"data\":{\"id\":\"a\",\"qr_code\":\"2@x\"}}", 0, "a", "2@x",
          SESSION_STARTING },
        { 201, "{\"session\":{\"id\":\"a\",\"status\":\"connected\"}}", 0, "a", "", SESSION_CONNECTED },
        { 201, "{\"data\":{\"id\":\"a\",\"qr\":\"2@x\"},\"id\":\"b\",\"qr\":\"2@y\"}", 0, "a", "2@x",
          SESSION_STARTING }, /* the most telling path counts */
        { 201, "", 0, "", "", SESSION_STARTING },
        { 200, "{\"id\":\"../evil\"}", 0, "../evil", "", SESSION_STARTING },
        { 200, "{\"success\":false}", BRIDGE_REFUSED, "", "", 0 },
        { 200, "<html>", BRIDGE_GARBAGE, "", "", 0 },
        { 404, "{}", BRIDGE_NO_ROUTE, "", "", 0 },
        { 409, "{}", BRIDGE_CONFLICT, "", "", 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bridge_answer a = { .status = rows[i].status, .body = str_from(rows[i].body) };
        struct bridge_created c = { 0 };
        int r = bridge_read_create(driver("contract"), &a, &c);

        if (r != rows[i].kind || strcmp(c.session.id, rows[i].id) != 0 || c.session.state != rows[i].state ||
            strcmp(buf_str(&c.qr), rows[i].qr) != 0)
            fail_msg("%s: %s, id %s, qr %s", rows[i].body, bridge_answer_text(r), c.session.id,
                     buf_str(&c.qr));
        buf_fini(&c.qr);
    }
}

static void lists_of_others_are_read(void **state)
{
    static const struct {
        int status;
        const char *body;
        int zapw, contract, n, skipped;
    } rows[] = {
        { 200, "[{\"id\":\"a\",\"status\":\"connected\"}]", BRIDGE_GARBAGE, 0, 1, 0 },
        { 200, "{\"sessions\":[{\"sessionId\":\"a\",\"state\":\"connected\"}]}", BRIDGE_GARBAGE, 0, 1, 0 },
        { 200,
          "{\"data\":[{\"id\":\"a\",\"status\":\"sleeping\"},{\"id\":\"..\",\"status\":\"connected\"},7,"
          "{\"id\":\"b\",\"status\":\"connected\"}]}",
          0, 0, 2, 2 },
        { 200, "{\"ok\":true}", BRIDGE_GARBAGE, BRIDGE_NO_ROUTE, 0, -1 },
        { 200, "{\"status\":\"error\",\"error\":\"x\"}", BRIDGE_REFUSED, BRIDGE_NO_ROUTE, 0, -1 },
        /* an error inside a 200 */
        { 200, "{\"status\":\"error\",\"data\":[]}", BRIDGE_REFUSED, BRIDGE_REFUSED, 0, -1 },
        { 200, "{\"success\":false,\"data\":[{\"id\":\"a\",\"status\":\"connected\"}]}", BRIDGE_REFUSED,
          BRIDGE_REFUSED, 0, -1 },
        /* one page of several */
        { 200, "{\"data\":[{\"id\":\"a\",\"status\":\"connected\"}],\"hasMore\":true}", BRIDGE_PAGED,
          BRIDGE_PAGED, 0, -1 },
        { 200, "{\"data\":[{\"id\":\"a\",\"status\":\"connected\"}],\"next\":\"/sessions?page=2\"}",
          BRIDGE_PAGED, BRIDGE_PAGED, 0, -1 },
        { 200, "{\"data\":[{\"id\":\"a\",\"status\":\"connected\"}],\"pagination\":{\"total\":2}}",
          BRIDGE_PAGED, BRIDGE_PAGED, 0, -1 },
        { 200,
          "{\"data\":[{\"id\":\"a\",\"status\":\"connected\"}],\"total\":1,\"next\":null,\"hasMore\":false}",
          0, 0, 1, 0 },
        { 200, "{\"data\":[", BRIDGE_GARBAGE, BRIDGE_GARBAGE, 0, -1 },
        { 404, "{\"error\":\"not found\"}", BRIDGE_NO_ROUTE, BRIDGE_NO_ROUTE, 0, -1 },
        { 400, "", BRIDGE_REFUSED, BRIDGE_NO_ROUTE, 0, -1 },
        { 500, "{}", BRIDGE_BROKEN, BRIDGE_BROKEN, 0, -1 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows) * 2; i++) {
        const struct bridge_driver *d = driver(i & 1 ? "contract" : "zapw");
        struct bridge_answer a = { .status = rows[i / 2].status, .body = str_from(rows[i / 2].body) };
        int want = i & 1 ? rows[i / 2].contract : rows[i / 2].zapw, skipped = -1;
        struct listed l = { 0 };
        int r = bridge_read_list(d, &a, on_session, &l, &skipped);

        if (r != want)
            fail_msg("%s by %s: %s", rows[i / 2].body, d->name, bridge_answer_text(r));
        assert_int_equal(l.n, r ? 0 : rows[i / 2].n);
        assert_int_equal(skipped, r ? -1 : rows[i / 2].skipped);
    }
}

static int ignore(void *ctx, const struct bridge_session *s)
{
    assert_true(session_id_is_valid(str_from(s->id)) &&
                (s->state < SESSION_LOST || s->state == SESSION_UNKNOWN));
    return 0;
}

static void broken_answers_are_answered(void **state)
{
    struct fixture f = fixture_load("api-20-list-515-restarted");
    char *body = malloc(f.body.n);
    struct rng rng;

    rng_init(&rng, 5);
    for (int i = 0; i < 10000; i++) {
        size_t n = f.body.n - (rng_below(&rng, 4) ? 0 : rng_below(&rng, f.body.n));
        char *end = memcpy(body + f.body.n - n, f.body.p, n);
        const struct bridge_driver *d = bridge_driver_at(i & 1);
        struct bridge_answer a = { .status = 200, .body = { end, n } };
        CLEANUP(buf_fini) struct buf qr = BUF_NULL;
        struct bridge_created c = { 0 };
        struct bridge_session s;
        int skipped;

        for (uint64_t k = rng_below(&rng, 4); n && k; k--)
            end[rng_below(&rng, n)] = (char)rng_below(&rng, 256);
        assert_in_range(bridge_read_list(d, &a, ignore, NULL, &skipped), 0, BRIDGE_ANSWER_N - 1);
        assert_in_range(bridge_read_qr(d, &a, &qr, &s), 0, BRIDGE_ANSWER_N - 1);
        assert_in_range(bridge_read_create(d, &a, &c), 0, BRIDGE_ANSWER_N - 1);
        assert_in_range(bridge_read_reconnect(d, &a), 0, BRIDGE_ANSWER_N - 1);
        buf_fini(&c.qr);
    }
    free(body);
    fixture_free(&f);
}

static void states_have_words(void **state)
{
    for (int i = 0; i < SESSION_STATE_N; i++)
        assert_int_equal(session_state_find(str_from(session_state_text((enum session_state)i))), i);
    assert_int_equal(session_state_find(STR_LIT("qr_waiting")), -1);
}

/* -- which of them is it -- */

#define ZAPW_LIST "{\"status\":\"success\",\"data\":[]}"
#define ZAPW_404  "<!DOCTYPE html><pre>Cannot GET /sessions/zapkeep-probe/status</pre>"
#define MISS      "{\"error\":\"not found\"}"
#define HEALTHY   "{\"status\":\"ok\"}"
#define PY_404    "<!DOCTYPE HTML><p>Error code: 404</p>"

/* Asks every probe; what none of these four is answers as a web framework does. */
static int find_driver(const struct bridge_answer *list, const struct bridge_answer *status,
                       const struct bridge_answer *health, const struct bridge_driver **ret)
{
    static const struct bridge_answer miss = { .status = 404, .body = STR_LIT("<pre>Cannot GET /x</pre>") };
    CLEANUP(detection_fini) struct detection d = DETECTION_NULL;
    int r;

    detection_init(&d);
    do {
        const char *path = d.probe[d.next].path;

        r = detection_take(&d,
                           strcmp(path, "/sessions") == 0                        ? list
                           : strcmp(path, "/sessions/zapkeep-probe/status") == 0 ? status
                           : strcmp(path, "/health") == 0                        ? health
                                                                                 : &miss,
                           ret);
    } while (r == DETECT_MORE);
    return r;
}

static void a_bridge_is_told_by_its_answers(void **state)
{
    static const struct {
        int list_status;
        const char *list;
        int status_status;
        const char *status;
        int health_status; /* -1: not asked */
        const char *health;
        int answer; /* 0: a driver, named in the next field */
        const char *name;
    } rows[] = {
        { 200, ZAPW_LIST, 404, ZAPW_404, -1, "", 0, "zapw" },
        { 200, ZAPW_LIST, 404, ZAPW_404, 200, HEALTHY, 0, "zapw" },
        { 200, ZAPW_LIST, 404, "", -1, "", 0, "zapw" },
        /* zapw with the extension, the simulated contract */
        { 200, ZAPW_LIST, 404, "{\"status\":\"error\",\"error\":\"Session zapkeep-probe not found\"}", -1, "",
          0, "contract" },
        /* simple bridges */
        { 404, MISS, 404, MISS, -1, "", 0, "contract" },
        { 404, "", 200, "{\"status\":\"disconnected\"}", -1, "", 0, "contract" },
        { 500, "", 404, MISS, -1, "", 0, "contract" },
        { 405, "", 404, MISS, -1, "", 0, "contract" },
        { 200, "[]", 404, MISS, -1, "", 0, "contract" },
        { 404, PY_404, 404, PY_404, 200, HEALTHY, 0, "contract" },
        { 404, "", 404, "", 200, "", 0, "contract" },
        { 200, "[]", 404, PY_404, 200, HEALTHY, 0, "contract" },
        /* not now */
        { 0, "", 0, "", -1, "", DETECT_NOT_YET, NULL },
        { 200, ZAPW_LIST, 0, "", -1, "", DETECT_NOT_YET, NULL },
        { 0, "", 404, ZAPW_404, -1, "", DETECT_NOT_YET, NULL },
        { 502, "<html>", 502, "<html>", 502, "", DETECT_NOT_YET, NULL },
        { 429, "{}", 404, ZAPW_404, -1, "", DETECT_NOT_YET, NULL },
        /* the key */
        { 401, "{}", 401, "{}", 200, HEALTHY, DETECT_UNAUTHORIZED, NULL },
        { 403, "", 404, ZAPW_404, -1, "", DETECT_UNAUTHORIZED, NULL },
        /* nobody: a web server, a proxy without its bridge, another kind of bridge */
        { 404, PY_404, 404, PY_404, -1, "", DETECT_UNKNOWN, NULL },
        { 404, "404 page not found", 404, "404 page not found", 404, "404 page not found", DETECT_UNKNOWN,
          NULL },
        { 200, "<html>", 200, "<html>", 200, "<html>", DETECT_UNKNOWN, NULL },
        { 404, "{\"message\":\"Cannot GET /sessions\"}", 404, "{\"message\":\"Cannot GET /sessions/x\"}", 200,
          HEALTHY, DETECT_UNKNOWN, NULL },
        { 301, "", 301, "", 301, "", DETECT_UNKNOWN, NULL },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bridge_answer list = { .status = rows[i].list_status, .body = str_from(rows[i].list) };
        struct bridge_answer status = { .status = rows[i].status_status, .body = str_from(rows[i].status) };
        struct bridge_answer health = { .status = rows[i].health_status, .body = str_from(rows[i].health) };
        const struct bridge_driver *d = NULL;
        int r = find_driver(&list, &status, rows[i].health_status < 0 ? &status : &health, &d);

        if (r != rows[i].answer || (r == 0 && strcmp(d->name, rows[i].name) != 0) || (r && d))
            fail_msg("row %zu: %d, %s", i, r, d ? d->name : "none");
    }
}

static void the_recorded_zapw_is_found(void **state)
{
    struct fixture list = fixture_load("api-09-list-connected");
    struct fixture miss = fixture_load("api-11-status-path-does-not-exist");
    struct fixture health = fixture_load("api-01-health"), refused = fixture_load("api-03-wrong-key");
    struct bridge_answer l = answer_of(&list), m = answer_of(&miss), h = answer_of(&health),
                         u = answer_of(&refused);
    const struct bridge_driver *d = NULL;

    assert_int_equal(find_driver(&l, &m, &h, &d), 0);
    assert_ptr_equal(d, driver("zapw"));
    assert_int_equal(find_driver(&u, &u, &h, &d), DETECT_UNAUTHORIZED);
    fixture_free(&list);
    fixture_free(&miss);
    fixture_free(&health);
    fixture_free(&refused);
}

static void the_probes_have_no_side_effects(void **state)
{
    static const char *const paths[] = { "/sessions/zapkeep-probe/status", "/sessions", "/health" };
    CLEANUP(detection_fini) struct detection d = DETECTION_NULL;

    detection_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++, d.next++) {
        struct bridge_request q = BRIDGE_REQUEST_NULL;
        char url[80];

        (void)snprintf(url, sizeof url, "http://b:3000%s", paths[i]);
        assert_request(detection_build(&d, &target, &q), &q, "GET", url, HEAD, "");
    }
}

/* A list of more than 64 KiB is JSON only to its end. */
static void a_bridge_with_a_long_list_is_found(void **state)
{
    static const struct bridge_answer miss = { .status = 404, .body = STR_LIT(ZAPW_404) };
    CLEANUP(buf_fini) struct buf body = BUF_INIT(1024 * 1024);
    struct bridge_answer list = { .status = 200 };
    const struct bridge_driver *d = NULL;

    (void)buf_adds(&body, "{\"status\":\"success\",\"data\":[");
    for (int i = 0; i < 4000; i++)
        (void)buf_addf(&body, "%s{\"id\":\"s%d\",\"status\":\"connected\"}", i ? "," : "", i);
    (void)buf_adds(&body, "]}");
    list.body = (struct str){ buf_str(&body), body.len };
    assert_int_equal(find_driver(&list, &miss, &miss, &d), 0);
    assert_ptr_equal(d, driver("zapw"));
}

/* A bridge that is not there is asked one question, not one for each driver. */
static void no_answer_ends_the_search(void **state)
{
    static const struct bridge_answer none = { 0 };
    CLEANUP(detection_fini) struct detection d = DETECTION_NULL;
    const struct bridge_driver *found = NULL;

    detection_init(&d);
    assert_int_equal(detection_take(&d, &none, &found), DETECT_NOT_YET);
    assert_null(found);
}

static void the_setting_names_every_driver(void **state)
{
    const struct bridge_driver *d;
    char choices[512] = "auto";

    for (int i = 0; (d = bridge_driver_at(i)); i++) {
        (void)snprintf(choices + strlen(choices), sizeof choices - strlen(choices), " %s", d->name);
        assert_true((d->probes[0] || d->webhooks_only) && d->recognise && d->key_header && d->form->words);
    }
    assert_string_equal(BRIDGE_CHOICES, choices);
}

static void the_bridge_s_own_message_is_one_clean_line(void **state)
{
    static const struct {
        const char *body, *message;
    } rows[] = {
        { "{\"error\":\"Session dead is logged out, scan the QR code again\"}",
          "Session dead is logged out, scan the QR code again" },
        { "{\"message\":\"no\",\"error\":\"Bad Request\"}", "no" },
        { "{\"error\":{\"message\":\"deep\"}}", "deep" },
        { "{\"error\":true,\"message\":\"[object Object]\"}", "[object Object]" },
        { "{\"message\":\"a\\u001b[31mb\\n\\tc  d\"}", "a [31mb c d" },
        { "{\"message\":\"x\\u202eevil\\u009by\\ufeffz\"}", "x evil y z" },
        { "{\"message\":\"S\\u00e3o\"}", "S\xc3\xa3o" },
        { "<html><head><title>We are back soon</title></head>", "We are back soon" },
        { "<html><TITLE>502 Bad\r\nGateway</TITLE>", "502 Bad Gateway" },
        { "<title>never ends", "" },
        { "{\"message\":7}", "" },
        { "", "" },
    };
    char message[BRIDGE_MESSAGE_MAX], small[5], longer[600];
    struct bridge_answer a = { .status = 500 };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        a.body = str_from(rows[i].body);
        assert_string_equal(bridge_answer_message(&a, message, sizeof message), rows[i].message);
    }
    a.body = STR_LIT("{\"message\":\"ab\\u00e3\\u00e3\"}");
    assert_string_equal(bridge_answer_message(&a, small, sizeof small),
                        "ab\xc3\xa3"); /* never half a character */
    (void)snprintf(longer, sizeof longer, "{\"message\":\"%0500d\"}", 0);
    a.body = str_from(longer);
    assert_int_equal(strlen(bridge_answer_message(&a, message, sizeof message)), BRIDGE_MESSAGE_MAX - 1);
}

static int count_session(void *ctx, const struct bridge_session *s)
{
    ++*(int *)ctx;
    return 0;
}

/* WAHA shows "default" although nobody has made it; with a phone, or running, it is a session as any other. */
static void an_entry_that_nobody_made_is_no_session(void **state)
{
    static const struct {
        const char *list;
        int n;
    } cases[] = {
        { "[{\"name\":\"default\",\"status\":\"STOPPED\"}]", 0 },
        { "[{\"name\":\"default\",\"status\":\"STOPPED\",\"me\":{\"id\":\"5511@c.us\"}}]", 1 },
        { "[{\"name\":\"default\",\"status\":\"WORKING\"}]", 1 },
        { "[{\"name\":\"sales\",\"status\":\"STOPPED\"}]", 1 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct bridge_answer a = { .status = 200, .body = str_from(cases[i].list) };
        int n = 0, skipped = 0;

        assert_int_equal(bridge_read_list(bridge_driver_find("waha"), &a, count_session, &n, &skipped), 0);
        assert_int_equal(n, cases[i].n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_that_nobody_made_is_no_session),
        cmocka_unit_test(requests_are_built_to_the_letter),
        cmocka_unit_test(the_base_url_may_have_a_path_and_no_key),
        cmocka_unit_test(what_would_be_dangerous_is_not_built),
        cmocka_unit_test(odd_ids_are_encoded),
        cmocka_unit_test(odd_ids_are_read),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(every_recorded_list_is_read),
        cmocka_unit_test(what_on_session_says_is_passed_up),
        cmocka_unit_test(every_recorded_answer_is_read),
        cmocka_unit_test(a_created_session_comes_with_its_qr),
        cmocka_unit_test(a_qr_counts_only_while_it_is_waited_for),
        cmocka_unit_test(transport_is_told_from_the_session),
        cmocka_unit_test(only_faults_of_the_whole_bridge_are_transport),
        cmocka_unit_test(the_contract_s_status_is_read_generously),
        cmocka_unit_test(the_contract_s_creation_is_read_generously),
        cmocka_unit_test(lists_of_others_are_read),
        cmocka_unit_test(the_bridge_s_own_message_is_one_clean_line),
        cmocka_unit_test(broken_answers_are_answered),
        cmocka_unit_test(states_have_words),
        cmocka_unit_test(a_bridge_is_told_by_its_answers),
        cmocka_unit_test(the_recorded_zapw_is_found),
        cmocka_unit_test(the_probes_have_no_side_effects),
        cmocka_unit_test(a_bridge_with_a_long_list_is_found),
        cmocka_unit_test(no_answer_ends_the_search),
        cmocka_unit_test(the_setting_names_every_driver),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
