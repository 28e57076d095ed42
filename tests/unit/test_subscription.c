/* Webhook subscriptions: the recorded answers of real bridges, and answers by their source, held against what they should be. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/bridge/drivers.h"
#include "common/bridge/subscription_check.h"
#include "common/ops/subscription.h"
#include "common/store/sqlite/open.h"
#include "common/store/sqlite/schemas.h"

#define EVO_URL   "http://127.0.0.1:18199/hook?b=evo"
#define WAHA_URL  "http://127.0.0.1:18299/hook?b=waha"
#define OWN_URL   "http://zapkeep:8000/webhook/sales"
#define OWN_TOKEN "hook-token"

/* The body of a recorded answer; freed by the caller. */
static char *recorded(const char *name)
{
    char path[128], *bytes = calloc(1, 64 * 1024), *body, *ret;
    FILE *f;

    (void)snprintf(path, sizeof path, "tests/fixtures/%s.http", name);
    f = fopen(path, "rb");
    assert_non_null(f);
    assert_true(fread(bytes, 1, 64 * 1024 - 1, f) > 0);
    (void)fclose(f);
    body = strstr(bytes, "=== response\n");
    assert_non_null(body);
    body = strstr(body, "\n\n");
    assert_non_null(body);
    ret = strdup(body + 2);
    free(bytes);
    return ret;
}

struct row {
    const char *driver;
    const char *file;             /* recorded, or NULL */
    const char *body;             /* … then this one */
    int status;                   /* 0: 200 */
    const char *url;              /* how it should be */
    const char *tokens, *secrets; /* NULL: "" */
    int kind;                     /* a bridge_answer_kind; 0: read */
    int state;
    unsigned differs;
    bool any_host;
};

#define RIGHT   SUBSCRIPTION_RIGHT
#define DRIFTED SUBSCRIPTION_DRIFTED
#define URL     SUBSCRIPTION_DIFFERS_URL
#define OFF     SUBSCRIPTION_DIFFERS_OFF
#define EVENTS  SUBSCRIPTION_DIFFERS_EVENTS
#define TOKEN   SUBSCRIPTION_DIFFERS_TOKEN
#define SECRET  SUBSCRIPTION_DIFFERS_SECRET
#define BY      SUBSCRIPTION_DIFFERS_BY_EVENT

#define EVO_BODY(url, headers, on, events, by)                                                         \
    "{\"id\":\"c1\",\"url\":\"" url "\",\"headers\":" headers ",\"enabled\":" on ",\"events\":" events \
    ",\"webhookByEvents\":" by "}"
#define EVO_EVENTS       "[\"QRCODE_UPDATED\",\"CONNECTION_UPDATE\",\"MESSAGES_UPDATE\",\"MESSAGES_UPSERT\"]"
#define WAHA_BODY(hooks) "{\"name\":\"shop1\",\"status\":\"WORKING\",\"config\":{\"webhooks\":" hooks "}}"
#define WAHA_EVENTS      "\"events\":[\"session.status\",\"message.any\",\"message.ack\"]"
#define OPENWA_BODY(url, events, on)                                                                        \
    "[{\"id\":\"36211075\",\"sessionId\":\"53a2\",\"url\":\"" url "\",\"events\":" events ",\"active\":" on \
    "}]"
#define WUZAPI_BODY(hook, events)                                                                         \
    "{\"code\":200,\"success\":true,\"data\":[{\"id\":\"other\",\"token\":\"t0\",\"webhook\":\"http://x/" \
    "\"},"                                                                                                \
    "{\"id\":\"shop1\",\"token\":\"t1\",\"webhook\":\"" hook "\",\"events\":\"" events "\"}]}"
#define GOWA_BODY(url, secret, events)                                                                   \
    "{\"code\":\"SUCCESS\",\"message\":\"\",\"results\":{\"device_id\":\"shop1\",\"webhook_url\":\"" url \
    "\",\"webhook_secret\":\"" secret "\",\"webhook_events\":\"" events "\"}}"

static const struct row rows[] = {
    /* recorded */
    { "evolution", "evolution/28-webhook-find", NULL, 0, EVO_URL, OWN_TOKEN, NULL, 0, RIGHT, 0, false },
    { "evolution", "evolution/44-webhook-find-after-401", NULL, 0, EVO_URL, "new-token,hook-token", NULL, 0,
      RIGHT, 0, false },
    { "evolution", "evolution/28-webhook-find", NULL, 0, EVO_URL, "another", NULL, 0, DRIFTED, TOKEN, false },
    { "evolution", "evolution/28-webhook-find", NULL, 0, OWN_URL, OWN_TOKEN, NULL, 0, DRIFTED, URL, false },
    { "evolution", "evolution/05-state-unknown", NULL, 404, EVO_URL, NULL, NULL, BRIDGE_NO_SESSION, 0, 0,
      false },
    { "evolution", "evolution/61-v24-list-unlicensed", NULL, 503, EVO_URL, NULL, NULL, BRIDGE_NEEDS_PERSON, 0,
      0, false },
    { "waha", "waha/27-get-working", NULL, 0, WAHA_URL, NULL, "hook-secret", 0, RIGHT, 0, false },
    { "waha", "waha/27-get-working", NULL, 0, WAHA_URL, NULL, "another-secret", 0, DRIFTED, SECRET, false },
    { "waha", "waha/27-get-working", NULL, 0, WAHA_URL, OWN_TOKEN, NULL, 0, DRIFTED, TOKEN, false },
    { "waha", "waha/11-create", NULL, 0, WAHA_URL, OWN_TOKEN, NULL, 0, RIGHT, 0, false },
    { "waha", "waha/38-get-401", NULL, 0, OWN_URL, NULL, NULL, 0, DRIFTED, URL, false },
    { "waha", "waha/09-get-unknown", NULL, 404, WAHA_URL, NULL, NULL, BRIDGE_NO_SESSION, 0, 0, false },
    { "waha", "waha/50-noroute", NULL, 404, WAHA_URL, NULL, NULL, BRIDGE_NO_ROUTE, 0, 0, false },
    { "waha", "waha/04-version", NULL, 0, WAHA_URL, NULL, NULL, BRIDGE_GARBAGE, 0, 0, false },

    /* the same URL, written in another way */
    { "evolution", NULL, EVO_BODY("http://ZapKeep:8000/webhook/sales/", "null", "true", EVO_EVENTS, "false"),
      0, OWN_URL, NULL, NULL, 0, RIGHT, 0, false },
    { "evolution", NULL, EVO_BODY("http://zapkeep:80/webhook/sales", "{}", "true", EVO_EVENTS, "false"), 0,
      "http://zapkeep/webhook/sales", NULL, NULL, 0, RIGHT, 0, false },
    { "evolution", NULL, EVO_BODY("https://zapkeep/webhook/sales", "{}", "true", EVO_EVENTS, "false"), 0,
      "https://zapkeep:443/webhook/sales", NULL, NULL, 0, RIGHT, 0, false },
    { "evolution", NULL, EVO_BODY("http://zapkeep:8000/webhook/s%61les", "{}", "true", EVO_EVENTS, "false"),
      0, OWN_URL, NULL, NULL, 0, RIGHT, 0, false },
    { "evolution", NULL,
      EVO_BODY("http://zapkeep:8000/webhook/sales/shop1", "{}", "true", EVO_EVENTS, "false"), 0, OWN_URL,
      NULL, NULL, 0, RIGHT, 0, false },
    { "evolution", NULL, EVO_BODY("http://zapkeep:8000/webhook/salesX", "{}", "true", EVO_EVENTS, "false"), 0,
      OWN_URL, NULL, NULL, 0, DRIFTED, URL, false },
    { "evolution", NULL, EVO_BODY("http://zapkeep:8001/webhook/sales", "{}", "true", EVO_EVENTS, "false"), 0,
      OWN_URL, NULL, NULL, 0, DRIFTED, URL, false },
    { "evolution", NULL, EVO_BODY("https://zapkeep:8000/webhook/sales", "{}", "true", EVO_EVENTS, "false"), 0,
      OWN_URL, NULL, NULL, 0, DRIFTED, URL, false },
    /* nobody has said how the bridge reaches us */
    { "evolution", NULL, EVO_BODY("http://10.0.0.7:9/webhook/sales", "{}", "true", EVO_EVENTS, "false"), 0,
      "http://127.0.0.1:8000/webhook/sales", NULL, NULL, 0, RIGHT, 0, true },
    { "evolution", NULL, EVO_BODY("http://10.0.0.7:9/webhook/support", "{}", "true", EVO_EVENTS, "false"), 0,
      "http://127.0.0.1:8000/webhook/sales", NULL, NULL, 0, DRIFTED, URL, true },

    /* the token, wherever it is presented */
    { "evolution", NULL,
      EVO_BODY("http://z:hook%2Dtoken@zapkeep:8000/webhook/sales", "{}", "true", EVO_EVENTS, "false"), 0,
      OWN_URL, OWN_TOKEN, NULL, 0, RIGHT, 0, false },
    { "evolution", NULL,
      EVO_BODY("http://zapkeep:8000/webhook/sales?b=1&token=hook-token", "{}", "true", EVO_EVENTS, "false"),
      0, OWN_URL, OWN_TOKEN, NULL, 0, RIGHT, 0, false },
    /* webhook-ingest takes a '+' in a query as one, and as a space; in a password it is one */
    { "evolution", NULL,
      EVO_BODY("http://zapkeep:8000/webhook/sales?token=hook+token", "{}", "true", EVO_EVENTS, "false"), 0,
      OWN_URL, "hook token", NULL, 0, RIGHT, 0, false },
    { "evolution", NULL,
      EVO_BODY("http://zapkeep:8000/webhook/sales?token=hook+token", "{}", "true", EVO_EVENTS, "false"), 0,
      OWN_URL, "hook+token", NULL, 0, RIGHT, 0, false },
    { "evolution", NULL,
      EVO_BODY("http://z:hook+token@zapkeep:8000/webhook/sales", "{}", "true", EVO_EVENTS, "false"), 0,
      OWN_URL, "hook+token", NULL, 0, RIGHT, 0, false },
    { "evolution", NULL,
      EVO_BODY("http://z:hook+token@zapkeep:8000/webhook/sales", "{}", "true", EVO_EVENTS, "false"), 0,
      OWN_URL, "hook token", NULL, 0, DRIFTED, TOKEN, false },
    { "evolution", NULL,
      EVO_BODY("http://zapkeep:8000/webhook/sales", "{\"X-Webhook-Token\":\"hook-token\"}", "true",
               EVO_EVENTS, "false"),
      0, OWN_URL, OWN_TOKEN, NULL, 0, RIGHT, 0, false },
    { "evolution", NULL,
      EVO_BODY("http://zapkeep:8000/webhook/sales", "{\"Authorization\":\"Basic emFwOmhvb2stdG9rZW4=\"}",
               "true", EVO_EVENTS, "false"),
      0, OWN_URL, OWN_TOKEN, NULL, 0, RIGHT, 0, false },
    { "evolution", NULL,
      EVO_BODY("http://zapkeep:8000/webhook/sales?token=old", "{\"Authorization\":\"Bearer old\"}", "true",
               EVO_EVENTS, "false"),
      0, OWN_URL, OWN_TOKEN, NULL, 0, DRIFTED, TOKEN, false },
    /* Evolution signs nothing: a secret takes no token's place. */
    { "evolution", NULL, EVO_BODY("http://zapkeep:8000/webhook/sales", "{}", "true", EVO_EVENTS, "false"), 0,
      OWN_URL, OWN_TOKEN, "secret", 0, DRIFTED, TOKEN, false },

    /* events in another order, all of them, some of them */
    { "evolution", NULL, EVO_BODY("http://zapkeep:8000/webhook/sales", "{}", "true", "[]", "false"), 0,
      OWN_URL, NULL, NULL, 0, RIGHT, 0, false },
    { "evolution", NULL,
      EVO_BODY("http://zapkeep:8000/webhook/sales", "{}", "true", "[\"MESSAGES_UPSERT\"]", "false"), 0,
      OWN_URL, NULL, NULL, 0, DRIFTED, EVENTS, false },
    { "evolution", NULL, EVO_BODY("http://zapkeep:8000/webhook/sales", "{}", "false", EVO_EVENTS, "true"), 0,
      OWN_URL, NULL, NULL, 0, DRIFTED, OFF | BY, false },
    { "openwa", NULL, OPENWA_BODY("http://zapkeep:8000/webhook/sales", "[\"*\"]", "true"), 0, OWN_URL,
      OWN_TOKEN, "secret-of-16-characters", 0, RIGHT, 0, false },
    { "openwa", NULL, OPENWA_BODY("http://zapkeep:8000/webhook/sales", "[\"message.received\"]", "false"), 0,
      OWN_URL, NULL, NULL, 0, DRIFTED, OFF | EVENTS, false },
    { "openwa", NULL, "[]", 0, OWN_URL, NULL, NULL, 0, DRIFTED, URL, false },
    { "wuzapi", NULL, WUZAPI_BODY("http://zapkeep:8000/webhook/sales?token=hook-token", "All"), 0, OWN_URL,
      OWN_TOKEN, NULL, 0, RIGHT, 0, false },
    { "wuzapi", NULL,
      WUZAPI_BODY("http://zapkeep:8000/webhook/sales",
                  "LoggedOut,Message,ReadReceipt,Disconnected,Connected"),
      0, OWN_URL, NULL, NULL, 0, RIGHT, 0, false },
    /* a disconnect blanks it */
    { "wuzapi", NULL, WUZAPI_BODY("http://zapkeep:8000/webhook/sales", ""), 0, OWN_URL, NULL, NULL, 0,
      DRIFTED, EVENTS, false },
    { "wuzapi", NULL, WUZAPI_BODY("", "All"), 0, OWN_URL, NULL, NULL, 0, SUBSCRIPTION_NONE, URL, false },
    { "wuzapi", NULL, WUZAPI_BODY("http://zapkeep:8000/webhook/sales", "All\",\"hasHmac\":false,\"x\":\""), 0,
      OWN_URL, NULL, "s1", 0, DRIFTED, SECRET, false },
    { "wuzapi", NULL, WUZAPI_BODY("http://zapkeep:8000/webhook/sales", "All\",\"hasHmac\":true,\"x\":\""), 0,
      OWN_URL, OWN_TOKEN, "s1", 0, RIGHT, 0, false },
    { "wuzapi", NULL, WUZAPI_BODY("http://zapkeep:8000/webhook/sales", "All"), 0, OWN_URL, OWN_TOKEN, "s1", 0,
      RIGHT, 0, false },
    { "wuzapi", NULL, "{\"code\":200,\"success\":true,\"data\":[]}", 0, OWN_URL, NULL, NULL,
      BRIDGE_NO_SESSION, 0, 0, false },
    { "gowa", NULL, GOWA_BODY("http://zapkeep:8000/webhook/sales", "s1", ""), 0, OWN_URL, NULL, "s0,s1", 0,
      RIGHT, 0, false },
    { "gowa", NULL, GOWA_BODY("http://zapkeep:8000/webhook/sales", "secret", "message"), 0, OWN_URL, NULL,
      "s1", 0, DRIFTED, SECRET | EVENTS, false },
    { "gowa", NULL, GOWA_BODY("http://zapkeep:8000/webhook/sales", "****", ""), 0, OWN_URL, NULL, "s1", 0,
      RIGHT, 0, false },
    { "gowa", NULL, GOWA_BODY("", "", ""), 0, OWN_URL, NULL, NULL, 0, SUBSCRIPTION_NONE, URL, false },

    /* of several webhooks the one that is ours counts */
    { "waha", NULL,
      WAHA_BODY("[{\"url\":\"http://n8n/x\",\"events\":[\"message\"]},{\"url\":\"http://zapkeep:8000/webhook/"
                "sales\"," WAHA_EVENTS "}]"),
      0, OWN_URL, NULL, NULL, 0, RIGHT, 0, false },
    { "waha", NULL,
      WAHA_BODY("[{\"url\":\"http://zapkeep:8000/webhook/"
                "sales\",\"events\":[\"*\"],\"customHeaders\":[{\"name\":\"authorization\",\"value\":"
                "\"bearer hook-token\"}]}]"),
      0, OWN_URL, OWN_TOKEN, NULL, 0, RIGHT, 0, false },
    { "waha", NULL, "{\"name\":\"shop1\",\"status\":\"WORKING\",\"config\":{}}", 0, OWN_URL, NULL, NULL, 0,
      SUBSCRIPTION_NONE, URL, false },
    { "evolution", NULL, "null", 0, OWN_URL, NULL, NULL, 0, SUBSCRIPTION_NONE, URL, false },

    /* no answer to go by: not known, never drifted */
    { "waha", NULL, "<html>bad gateway</html>", 502, OWN_URL, NULL, NULL, BRIDGE_BROKEN, 0, 0, false },
    { "waha", NULL, "<html>maintenance</html>", 0, OWN_URL, NULL, NULL, BRIDGE_GARBAGE, 0, 0, false },
    { "waha", NULL, "{\"name\":\"shop1\",\"config\":{\"webhooks\":[{\"url\":\"http:", 0, OWN_URL, NULL, NULL,
      BRIDGE_GARBAGE, 0, 0, false },
    { "evolution", NULL, "{}", 0, OWN_URL, NULL, NULL, BRIDGE_GARBAGE, 0, 0, false },
    { "evolution", NULL, "\"ok\"", 0, OWN_URL, NULL, NULL, BRIDGE_GARBAGE, 0, 0, false },
    { "evolution", NULL, "{\"error\":true,\"url\":\"http://x/\"}", 0, OWN_URL, NULL, NULL, BRIDGE_REFUSED, 0,
      0, false },
    { "openwa", NULL, "", 429, OWN_URL, NULL, NULL, BRIDGE_THROTTLED, 0, 0, false },
    { "openwa", NULL, "{\"statusCode\":401}", 401, OWN_URL, NULL, NULL, BRIDGE_UNAUTHORIZED, 0, 0, false },
    { "gowa", NULL, "", 0, OWN_URL, NULL, NULL, BRIDGE_GARBAGE, 0, 0, false },
};

static struct subscription_want want_of(const struct row *r)
{
    return (struct subscription_want){ .url = r->url,
                                       .any_host = r->any_host,
                                       .tokens = r->tokens ? r->tokens : "",
                                       .secrets = r->secrets ? r->secrets : "" };
}

static void assert_no_secret(const struct row *r, const struct subscription *s)
{
    static const char *const secrets[] = { "hook-token", "hook-secret", "another", "old", "dG9rZW4", "s1" };

    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        if (strstr(s->detail, secrets[i]) || strstr(s->found, secrets[i]))
            fail_msg("%s: a secret is shown: %s / %s", r->driver, s->detail, s->found);
}

static void test_table(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        char *text = r->file ? recorded(r->file) : strdup(r->body);
        const struct bridge_answer a = { .status = r->status ? r->status : 200, .body = str_from(text) };
        struct subscription_want w = want_of(r);
        struct subscription s = { 0 };
        int kind = subscription_read(bridge_driver_find(r->driver), &w, "shop1", &a, &s);

        if (kind != r->kind || (kind == 0 && ((int)s.state != r->state || s.differs != r->differs)))
            fail_msg("row %zu (%s %s): kind %d, state %d, differs %x: %s", i, r->driver,
                     r->file ? r->file : r->body, kind, s.state, s.differs, s.detail);
        assert_no_secret(r, &s);
        if (kind == 0)
            assert_int_equal(s.state == RIGHT, s.detail[0] == '\0');
        free(text);
    }
}

/* A URL of somebody else keeps its path, user and query for itself; ours is shown. */
static void test_shown(void **state)
{
    static const struct {
        const char *url, *shown;
    } urls[] = {
        { "http://u:p@n8n.example/webhook-x/SECRET?k=1", "http://n8n.example/…" },
        { "http://u:p@zapkeep:8000/webhook/other?token=t", "http://zapkeep:8000/webhook/other" },
    };

    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        const struct subscription_want w = { .url = OWN_URL, .tokens = "", .secrets = "" };
        struct subscription s;
        char body[512];

        (void)snprintf(body, sizeof body, EVO_BODY("%s", "{}", "true", "[]", "false"), urls[i].url);
        assert_int_equal(subscription_read(bridge_driver_find("evolution"), &w, "shop1",
                                           &(struct bridge_answer){ .status = 200, .body = str_from(body) },
                                           &s),
                         0);
        assert_string_equal(s.found, urls[i].shown);
        assert_int_equal(s.differs, URL);
    }
}

/* Beside ours there is the webhook-ingest of another zapkeep. */
static void test_other_zapkeep(void **state)
{
#define HOOK(url) "{\"url\":\"" url "\",\"events\":[\"*\"]}"
    static const struct {
        const char *hooks, *other;
        bool any_host;
    } of[] = {
        { HOOK(OWN_URL), "", false },
        { HOOK(OWN_URL) "," HOOK("http://n8n:8000/x"), "", false },
        { HOOK(OWN_URL) "," HOOK("http://zapkeep:8000/webhook/support"), "", false }, /* ours, misnamed */
        { HOOK(OWN_URL) "," HOOK("http://u:p@zapkeep2:8000/webhook/main?token=t"),
          "http://zapkeep2:8000/webhook/main", false },
        { HOOK("http://old:9000/api/v1/messages/webhook") "," HOOK(OWN_URL),
          "http://old:9000/api/v1/messages/webhook", false },
        { HOOK(OWN_URL) "," HOOK("http://zapkeep2:8000/webhook/main"), "",
          true },                                                  /* nobody knows which is ours */
        { HOOK("http://zapkeep2:8000/webhook/sales"), "", false }, /* a drift, and no more */
        { HOOK(OWN_URL) ",{\"url\":\"http://zapkeep2:8000/webhook/sales\",\"active\":false}", "", false },
    };

    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        const struct subscription_want w = {
            .url = OWN_URL, .any_host = of[i].any_host, .tokens = "", .secrets = ""
        };
        struct subscription s;
        char body[1024];

        (void)snprintf(body, sizeof body, "[%s]", of[i].hooks);
        assert_int_equal(subscription_read(bridge_driver_find("openwa"), &w, "shop1",
                                           &(struct bridge_answer){ .status = 200, .body = str_from(body) },
                                           &s),
                         0);
        assert_string_equal(s.other, of[i].other);
    }
#undef HOOK
}

/* ---- reading, setting, reading again ----------------------------------------------------------- */

static const struct bridge_target target = { .base_url = "http://bridge:3000", .api_key = "key" };
static const struct subscription_want want = { .url = OWN_URL, .tokens = OWN_TOKEN, .secrets = "" };

static struct subscription_check begin(const char *driver, bool repair)
{
    struct subscription_check c = { .driver = bridge_driver_find(driver),
                                    .target = &target,
                                    .want = &want,
                                    .id = "shop1",
                                    .repair = repair,
                                    .repair_none = repair };

    return c;
}

static bool answer(struct subscription_check *c, int status, const char *body)
{
    bridge_request_fini(&c->request);
    c->request = BRIDGE_REQUEST_NULL;
    return subscription_check_take(c, &(struct bridge_answer){ .status = status, .body = str_from(body) });
}

/* Everything that a driver reads it can set: the call, and a body with the URL and the token. */
static void test_set(void **state)
{
    static const struct {
        const char *driver, *wrong, *method, *path, *has;
    } sets[] = {
        { "evolution", "null", "POST", "/webhook/set/shop1", "\"authorization\":\"Bearer hook-token\"" },
        { "waha",
          WAHA_BODY("[{\"url\":\"http://n8n/x\",\"events\":[\"message\"]},{\"url\":\"http://zapkeep:8000/"
                    "webhook/sales\",\"events\":[]}],\"proxy\":{\"server\":\"p:1\"}"),
          "PUT", "/api/sessions/shop1",
          "\"proxy\":{\"server\":\"p:1\"},\"webhooks\":[{\"url\":\"http://n8n/"
          "x\",\"events\":[\"message\"]},{\"url\":\"" OWN_URL "\"" },
        { "openwa", "[]", "POST", "/api/sessions/shop1/webhooks", "\"Authorization\":\"Bearer hook-token\"" },
        { "openwa", OPENWA_BODY("http://zapkeep:8000/webhook/sales", "[\"*\"]", "false"), "PUT",
          "/api/sessions/shop1/webhooks/36211075", "\"active\":true" },
        { "openwa", OPENWA_BODY("http://n8n/x", "[\"*\"]", "true"), "POST", "/api/sessions/shop1/webhooks",
          OWN_URL },
        { "wuzapi", WUZAPI_BODY("http://zapkeep:8000/webhook/sales", ""), "PUT", "/webhook",
          "\"events\":[\"All\"]" },
        { "gowa", GOWA_BODY("", "", ""), "PATCH", "/devices/shop1/webhook",
          "\"webhook_url\":\"http://zapkeep:hook-token@zapkeep:8000/webhook/sales\"" },
    };

    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        struct subscription_check c = begin(sets[i].driver, true);
        char url[256];

        assert_true(subscription_check_begin(&c));
        if (!answer(&c, 200, sets[i].wrong))
            fail_msg("%s: nothing is set: %s", sets[i].driver, c.result.detail);
        (void)snprintf(url, sizeof url, "http://bridge:3000%s", sets[i].path);
        assert_string_equal(c.request.method, sets[i].method);
        assert_string_equal(buf_str(&c.request.url), url);
        if (!strstr(buf_str(&c.request.body), sets[i].has))
            fail_msg("%s: %s", sets[i].driver, buf_str(&c.request.body));
        if (strcmp(sets[i].driver, "wuzapi") == 0)
            assert_non_null(strstr(buf_str(&c.request.headers), "token: t1\n"));
        subscription_check_fini(&c);
    }
}

/* Evolution API writes the URL into each webhook, OpenWA cannot use one with a password: it goes into a header. */
static void test_password_of_the_url(void **state)
{
    static const char *const bridges[][2] = { { "evolution", "null" }, { "openwa", "[]" } };
    static const struct subscription_want password = {
        .url = "http://zapkeep:pass%2Fword@zapkeep:8000/webhook/main", .tokens = "", .secrets = ""
    };

    for (size_t i = 0; i < ARRAY_LEN(bridges); i++) {
        struct subscription_check c = begin(bridges[i][0], true);
        const char *body;

        c.want = &password;
        assert_true(subscription_check_begin(&c));
        assert_true(answer(&c, 200, bridges[i][1]));
        body = buf_str(&c.request.body);
        assert_non_null(strstr(body, "\"url\":\"http://zapkeep:8000/webhook/main\""));
        assert_non_null(strstr(body, "\"Bearer pass/word\""));
        assert_null(strstr(body, "zapkeep:pass"));
        subscription_check_fini(&c);
    }
}

/* A drift says the other effects of a repair, before it is made. */
static void test_effect_of_setting(void **state)
{
    struct subscription_check c = begin("waha", false);

    assert_true(subscription_check_begin(&c));
    assert_false(answer(&c, 200, WAHA_BODY("[{\"url\":\"http://n8n/x\",\"events\":[\"message\"]}]")));
    assert_non_null(strstr(c.result.detail, "; setting it again restarts the session"));
    c = begin("evolution", false);
    assert_true(subscription_check_begin(&c));
    assert_false(answer(&c, 200, EVO_BODY("http://old/", "{}", "true", "[]", "false")));
    assert_null(strstr(c.result.detail, "restarts"));
}

/* A session that zapkeep creates presents what webhook-ingest wants, in the best way that its bridge has. */
static void test_create(void **state)
{
    static const char long_secret[] = "0123456789abcdef0123456789abcdef";
    static const struct {
        const char *driver, *url, *tokens, *secrets, *has, *has_not;
    } creates[] = {
        { "evolution", OWN_URL, "hook-token,old", "", "\"authorization\":\"Bearer hook-token\"",
          "zapkeep:hook-token" },
        { "evolution", "http://u:p@h/w", "", "", "\"authorization\":\"Bearer p\"", "u:p" },
        { "waha", OWN_URL, "hook-token,old", "",
          "\"customHeaders\":[{\"name\":\"Authorization\",\"value\":\"Bearer hook-token\"}]", "hmac" },
        { "waha", OWN_URL, OWN_TOKEN, "s1,s2", "\"hmac\":{\"key\":\"s1\"}", "hook-token" },
        { "waha", OWN_URL, "", "", "\"url\":\"" OWN_URL "\"", "customHeaders" },
        { "gowa", OWN_URL, "hook-token,old", "",
          "\"webhook_url\":\"http://zapkeep:hook-token@zapkeep:8000/webhook/sales\"", "webhook_secret" },
        { "gowa", OWN_URL, OWN_TOKEN, "s1", "\"webhook_url\":\"" OWN_URL "\",\"webhook_secret\":\"s1\"",
          "hook-token" },
        { "gowa", OWN_URL, "odd/token", "", "\"webhook_url\":\"" OWN_URL "\"", "odd" },
        { "wuzapi", OWN_URL, OWN_TOKEN, "",
          "\"webhook\":\"http://zapkeep:hook-token@zapkeep:8000/webhook/sales\"", "hmacKey" },
        { "wuzapi", OWN_URL, OWN_TOKEN, long_secret, "\"webhook\":\"" OWN_URL "\",\"hmacKey\":\"0123",
          "hook-token" },
        { "wuzapi", OWN_URL, OWN_TOKEN, "short", "zapkeep:hook-token@", "hmacKey" },
        { "wppconnect", OWN_URL, OWN_TOKEN, "",
          "\"webhook\":\"http://zapkeep:hook-token@zapkeep:8000/webhook/sales\"", "Bearer" },
        { "wppconnect", "https://u:p@h/w", OWN_TOKEN, "", "\"webhook\":\"https://u:p@h/w\"", "hook-token" },
    };

    for (size_t i = 0; i < ARRAY_LEN(creates); i++) {
        const struct subscription_want w = { .url = creates[i].url,
                                             .tokens = creates[i].tokens,
                                             .secrets = creates[i].secrets };
        CLEANUP(bridge_request_fini) struct bridge_request q = BRIDGE_REQUEST_NULL;

        assert_int_equal(
            bridge_build_create(bridge_driver_find(creates[i].driver), &target, "shop1", &w, NULL, &q), 0);
        if (!strstr(buf_str(&q.body), creates[i].has) || strstr(buf_str(&q.body), creates[i].has_not))
            fail_msg("%s, row %zu: %s", creates[i].driver, i, buf_str(&q.body));
    }
}

/* OpenWA gets the webhook in a second call. */
static void test_create_in_two_calls(void **state)
{
    const struct bridge_answer a = { .status = 201, .body = str_from("{}") };
    struct bridge_procedure p = { .op = BRIDGE_CREATE, .id = "shop1", .hook = &want, .answer = &a };
    CLEANUP(bridge_request_fini) struct bridge_request q = BRIDGE_REQUEST_NULL;

    assert_int_equal(bridge_next(bridge_driver_find("openwa"), &target, &p, &q), 0);
    assert_string_equal(buf_str(&q.url), "http://bridge:3000/api/sessions/shop1/webhooks");
    assert_non_null(strstr(buf_str(&q.body), "\"Authorization\":\"Bearer hook-token\""));
}

static void test_procedure(void **state)
{
    static const char *const wrong = EVO_BODY("http://old/webhook/sales", "{}", "true", "[]", "false");
    static const char *const right =
        EVO_BODY("http://zapkeep:8000/webhook/sales/", "{\"authorization\":\"Bearer hook-token\"}", "true",
                 "[]", "false");
    struct subscription_check c = begin("evolution", false);

    /* told only */
    assert_true(subscription_check_begin(&c));
    assert_string_equal(c.request.method, "GET");
    assert_false(answer(&c, 200, wrong));
    assert_int_equal(c.result.state, DRIFTED);
    assert_int_equal(c.repaired, SUBSCRIPTION_NOT_SET);
    assert_int_equal(c.calls, 1);

    /* set, and read again */
    c = begin("evolution", true);
    assert_true(subscription_check_begin(&c));
    assert_true(answer(&c, 200, wrong));
    assert_true(answer(&c, 201, right));
    assert_true(c.pause_ms > 0);
    assert_false(answer(&c, 200, right));
    assert_int_equal(c.result.state, RIGHT);
    assert_int_equal(c.repaired, SUBSCRIPTION_SET);
    assert_int_equal(c.calls, 3);

    /* set, and the bridge is not to be read then, as one that restarts the session for it */
    c = begin("evolution", true);
    assert_true(subscription_check_begin(&c));
    assert_true(answer(&c, 200, wrong));
    assert_true(answer(&c, 201, right));
    assert_false(answer(&c, 503, ""));
    assert_int_equal(c.result.state, SUBSCRIPTION_UNKNOWN);
    assert_int_equal(c.repaired, SUBSCRIPTION_SET);

    /* taken, and the old one is shown again: no fourth call */
    c = begin("evolution", true);
    assert_true(subscription_check_begin(&c));
    assert_true(answer(&c, 200, wrong));
    assert_true(answer(&c, 200, right));
    assert_false(answer(&c, 200, wrong));
    assert_int_equal(c.result.state, DRIFTED);
    assert_int_equal(c.repaired, SUBSCRIPTION_NOT_KEPT);

    /* refused */
    c = begin("evolution", true);
    assert_true(subscription_check_begin(&c));
    assert_true(answer(&c, 200, wrong));
    assert_false(answer(&c, 400, "{\"status\":400}"));
    assert_int_equal(c.repaired, SUBSCRIPTION_SET_FAILED);
    assert_int_equal(c.result.state, DRIFTED);

    /* right already, or not known: nothing is set */
    c = begin("evolution", true);
    assert_true(subscription_check_begin(&c));
    assert_false(answer(&c, 200, right));
    c = begin("evolution", true);
    assert_true(subscription_check_begin(&c));
    assert_false(answer(&c, 503, ""));
    assert_int_equal(c.result.state, SUBSCRIPTION_UNKNOWN);
    assert_string_not_equal(c.result.detail, "");
}

/* A URL that nobody has set is not put into a bridge. */
static void test_not_set(void **state)
{
    const struct subscription_want unsure = {
        .url = "http://127.0.0.1:8000/webhook/sales", .any_host = true, .tokens = "", .secrets = ""
    };
    struct subscription_check c = begin("evolution", true);

    c.want = &unsure;
    assert_true(subscription_check_begin(&c));
    assert_false(answer(&c, 200, "null"));
    assert_int_equal(c.repaired, SUBSCRIPTION_NO_URL);
    assert_non_null(strstr(subscription_repair_text(c.repaired), "WEBHOOK_URL"));
    assert_int_equal(c.calls, 1);
}

/* Each driver shows its subscriptions, or says why it cannot. */
static void test_every_driver(void **state)
{
    for (int i = 0; bridge_driver_at(i); i++) {
        const struct bridge_driver *d = bridge_driver_at(i);
        struct subscription_check c = begin(d->name, false);

        assert_true((d->subscription != NULL) != (d->unreadable != NULL));
        assert_int_equal(subscription_check_begin(&c), d->subscription != NULL);
        if (d->unreadable)
            assert_string_equal(c.result.detail, d->unreadable);
        else
            assert_true(d->subscription->n_paths <= SUBSCRIPTION_PATHS_MAX);
        subscription_check_fini(&c);
    }
}

/* ---- the row ------------------------------------------------------------------------------------ */

static struct subscription_row settled(const struct subscription_row *before, enum subscription_state state,
                                       int64_t at, enum subscription_repair repaired)
{
    struct subscription_check c = { .result = { .state = state }, .repaired = repaired };
    struct subscription_row row;

    if (state != RIGHT)
        (void)snprintf(c.result.detail, sizeof c.result.detail, "detail %d", state);
    subscription_settle(before, &c, at, &row);
    return row;
}

static void test_settle(void **state)
{
    struct subscription_row row = settled(NULL, SUBSCRIPTION_NONE, 10, SUBSCRIPTION_NOT_SET);

    /* never right, and none: another one may send */
    assert_int_equal(row.state, SUBSCRIPTION_NONE);
    assert_int_equal(row.drift_since, 0);
    row = settled(&row, RIGHT, 20, SUBSCRIPTION_NOT_SET);
    assert_int_equal(row.right_at, 20);
    assert_string_equal(row.detail, "");
    /* it was right, and is gone */
    row = settled(&row, SUBSCRIPTION_NONE, 30, SUBSCRIPTION_NOT_SET);
    assert_int_equal(row.state, DRIFTED);
    assert_int_equal(row.drift_since, 30);
    /* the bridge does not answer: neither raised nor resolved */
    row = settled(&row, SUBSCRIPTION_UNKNOWN, 40, SUBSCRIPTION_NOT_SET);
    assert_int_equal(row.state, DRIFTED);
    assert_int_equal(row.checked_at, 30);
    assert_string_not_equal(row.problem, "");
    row = settled(&row, DRIFTED, 50, SUBSCRIPTION_NOT_KEPT);
    assert_int_equal(row.drift_since, 30);
    assert_int_equal(row.repaired_at, 50);
    assert_string_equal(row.problem, "");
    row = settled(&row, RIGHT, 60, SUBSCRIPTION_NOT_SET);
    assert_int_equal(row.drift_since, 0);
    row = settled(&row, SUBSCRIPTION_UNKNOWN, 70, SUBSCRIPTION_NOT_SET);
    assert_int_equal(row.state, SUBSCRIPTION_UNKNOWN);
    assert_int_equal(row.right_at, 60);
}

/* Once, and then not for a day, whatever it becomes meanwhile. */
static void test_repaired_once(void **state)
{
    const int64_t day = SUBSCRIPTION_REPAIR_APART_MS;
    struct subscription_row row = settled(NULL, DRIFTED, 1000, SUBSCRIPTION_CANNOT_SET);

    assert_true(subscription_may_repair(NULL, 5));
    assert_true(subscription_may_repair(&row, 2000));
    row = settled(&row, RIGHT, 3000, SUBSCRIPTION_SET);
    assert_false(subscription_may_repair(&row, 3001));
    row = settled(&row, DRIFTED, 4000, SUBSCRIPTION_NOT_SET);
    assert_false(subscription_may_repair(&row, 3000 + day - 1));
    assert_true(subscription_may_repair(&row, 3000 + day));
}

static void put(struct db *db, const char *session, enum subscription_state state)
{
    struct subscription_check c = { .result = { .state = state } };
    struct subscription_row row;

    (void)snprintf(c.result.detail, sizeof c.result.detail, "%s",
                   state == RIGHT ? "" : "it posts to http://old:9");
    assert_int_equal(subscription_record(db, "main", session, &c, 100, &row), 0);
}

static void test_overview(void **state)
{
    struct subscription_overview o;
    struct subscription_row row;
    struct db *db;
    char text[200];

    assert_int_equal(db_open_memory(&state_schema, &db), 0);
    assert_int_equal(subscription_overview(db, "main", &o), 0);
    assert_int_equal(o.state, SUBSCRIPTION_UNKNOWN);
    put(db, "a", RIGHT);
    put(db, "b", RIGHT);
    assert_int_equal(subscription_overview(db, "main", &o), 0);
    assert_int_equal(o.state, RIGHT);
    assert_int_equal(o.n[RIGHT], 2);
    assert_int_equal(o.checked_at, 100);
    assert_string_equal(subscription_drift_text(&o, text, sizeof text), "");
    put(db, "c", DRIFTED);
    assert_int_equal(subscription_overview(db, "main", &o), 0);
    assert_int_equal(o.state, DRIFTED);
    assert_string_equal(subscription_drift_text(&o, text, sizeof text),
                        "session c: it posts to http://old:9");
    put(db, "a", DRIFTED);
    assert_int_equal(subscription_overview(db, "main", &o), 0);
    assert_string_equal(subscription_drift_text(&o, text, sizeof text),
                        "2 sessions, as a: it posts to http://old:9");
    assert_int_equal(subscriptions_find(db, "main", "a", &row), 0);
    assert_int_equal(row.drift_since, 100);
    assert_int_equal(subscriptions_find(db, "other", "a", &row), SUBSCRIPTIONS_NONE);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_shown),
        cmocka_unit_test(test_other_zapkeep),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_password_of_the_url),
        cmocka_unit_test(test_effect_of_setting),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_create_in_two_calls),
        cmocka_unit_test(test_procedure),
        cmocka_unit_test(test_not_set),
        cmocka_unit_test(test_every_driver),
        cmocka_unit_test(test_settle),
        cmocka_unit_test(test_repaired_once),
        cmocka_unit_test(test_overview),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
