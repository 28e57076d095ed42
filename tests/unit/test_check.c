/* May this request's body be read? */
#include "common/base/mem.h"
#include "services/webhook-ingest/check.h"
#include "tests/unit/cmocka_all.h"

#define P "/api/v1/messages/webhook"

struct headers {
    const char *name[4], *value[4];
};

static struct str header(void *ctx, const char *name)
{
    const struct headers *h = ctx;

    for (size_t i = 0; i < ARRAY_LEN(h->name) && h->name[i]; i++) {
        if (strcmp(h->name[i], name) == 0)
            return str_from(h->value[i]);
    }
    return STR_NULL;
}

static const int hub_only[] = { SIGNATURE_HUB_256, 0 };

#define BEARER           \
    { "authorization" }, \
    {                    \
        "Bearer t"       \
    }
#define NOTHING \
    { NULL },   \
    {           \
        NULL    \
    }
#define HUB_SIGN               \
    { "x-hub-signature-256" }, \
    {                          \
        "sha256=00"            \
    }

static const struct {
    const char *what, *method, *path, *query;
    struct headers headers;
    const int *schemes;
    int status;
    const char *bridge; /* status 0 */
    bool is_signed;
} rows[] = {
    { "the default path", "POST", P, NULL, { BEARER }, NULL, 0, "main", false },
    { "a bridge's path", "POST", "/webhook/b-2", NULL, { BEARER }, NULL, 0, "b-2", false },
    { "a session in the path", "POST", "/webhook/b-2/shop1", NULL, { BEARER }, NULL, 0, "b-2", false },
    { "an encoded session", "POST", "/webhook/b-2/loja%2F1%20x", NULL, { BEARER }, NULL, 0, "b-2", false },
    { "no session", "POST", "/webhook/b-2/", NULL, { BEARER }, NULL, 404, NULL, false },
    { "more than a session", "POST", "/webhook/b-2/a/b", NULL, { BEARER }, NULL, 404, NULL, false },
    { "a session that is none", "POST", "/webhook/b-2/%0a", NULL, { BEARER }, NULL, 404, NULL, false },
    { "half an encoding", "POST", "/webhook/b-2/a%2", NULL, { BEARER }, NULL, 404, NULL, false },
    { "a token in the query", "POST", P, "token=t", { NOTHING }, NULL, 0, "main", false },
    { "another path", "POST", P "/", NULL, { BEARER }, NULL, 404, NULL, false },
    { "no bridge", "POST", "/webhook/", NULL, { BEARER }, NULL, 404, NULL, false },
    { "no bridge's name", "POST", "/webhook/a.b", NULL, { BEARER }, NULL, 404, NULL, false },
    { "a path before the method", "GET", "/x", NULL, { BEARER }, NULL, 404, NULL, false },
    { "a method before the token", "GET", P, NULL, { NOTHING }, NULL, 405, NULL, false },
    { "a token before the type", "POST", P, NULL, { { "content-type" }, { "a/b" } }, NULL, 401, NULL, false },
    { "a wrong token", "POST", P, "token=u", { NOTHING }, NULL, 401, NULL, false },
    { "a signature nobody checks", "POST", P, NULL, { HUB_SIGN }, NULL, 401, NULL, false },
    { "a signature to be checked", "POST", P, NULL, { HUB_SIGN }, hub_only, 0, "main", true },
    { "another signature than those",
      "POST",
      P,
      NULL,
      { { "x-webhook-hmac" }, { "00" } },
      hub_only,
      401,
      NULL,
      false },
    { "a token beside a signature", "POST", P, "token=t", { HUB_SIGN }, hub_only, 0, "main", false },
    { "JSON", "POST", P, "token=t", { { "content-type" }, { "application/json" } }, NULL, 0, "main", false },
    { "JSON and more",
      "POST",
      P,
      "token=t",
      { { "content-type" }, { "APPLICATION/json;x" } },
      NULL,
      0,
      "main",
      false },
    { "JSON, a blank and more",
      "POST",
      P,
      "token=t",
      { { "content-type" }, { "application/json ; charset=utf-8" } },
      NULL,
      0,
      "main",
      false },
    { "nearly JSON",
      "POST",
      P,
      "token=t",
      { { "content-type" }, { "application/json5" } },
      NULL,
      415,
      NULL,
      false },
    { "an empty type", "POST", P, "token=t", { { "content-type" }, { "" } }, NULL, 415, NULL, false },
    { "gzip", "POST", P, "token=t", { { "content-encoding" }, { "gzip" } }, NULL, 415, NULL, false },
    { "identity", "POST", P, "token=t", { { "content-encoding" }, { "Identity" } }, NULL, 0, "main", false },
};

static void test_sessions_of_paths(void **state)
{
    static const struct {
        const char *path, *session;
    } cases[] = { { "/webhook/b-2/shop1", "shop1" },
                  { "/webhook/b-2/loja%2F1%20x", "loja/1 x" },
                  { "/webhook/b-2/S%c3%a3o", "S\xc3\xa3o" },
                  { "/webhook/b-2", "" },
                  { "/webhook/b-2/..", "" },
                  { "/webhook/b-2/a%00b", "" },
                  { P, "" } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char session[SESSION_ID_MAX];

        check_session(str_from(cases[i].path), session);
        assert_string_equal(session, cases[i].session);
    }
}

/* Forms are for bridges that send them. */
static void test_forms(void **state)
{
    struct headers headers = { { "content-type" }, { "application/x-www-form-urlencoded; charset=utf-8" } };
    struct check_input in = { .method = STR_LIT("POST"),
                              .path = STR_LIT(P),
                              .query = STR_LIT("token=t"),
                              .headers = { .header = header, .ctx = &headers },
                              .is_configured = true,
                              .default_bridge = STR_LIT("main"),
                              .is_own_host = true };
    struct tokens one;

    assert_int_equal(tokens_parse("t", &one), 0);
    in.tokens = &one;
    assert_int_equal(check_request(&in).status, 415);
    in.takes_forms = true;
    assert_int_equal(check_request(&in).status, 0);
}

static void test_requests(void **state)
{
    struct tokens tokens;

    (void)state;
    assert_int_equal(tokens_parse("t", &tokens), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct headers headers = rows[i].headers;
        const struct check_input in = { .method = str_from(rows[i].method),
                                        .path = str_from(rows[i].path),
                                        .query = str_from(rows[i].query),
                                        .headers = { .header = header, .ctx = &headers },
                                        .tokens = &tokens,
                                        .schemes = rows[i].schemes,
                                        .is_configured = true,
                                        .default_bridge = STR_LIT("main"),
                                        .is_own_host = true };
        struct check_result v = check_request(&in);

        print_message("%s\n", rows[i].what);
        assert_int_equal(v.status, rows[i].status);
        if (v.status == 0) {
            assert_true(str_eq(v.bridge, rows[i].bridge));
            assert_int_equal(v.is_signed, rows[i].is_signed);
        } else {
            assert_non_null(v.error);
            assert_non_null(v.detail);
        }
    }
}

/* A bridge with a secret of its own and no token: a signature is all that proves a webhook. */
static void test_must_be_signed(void **state)
{
    static const struct {
        struct headers headers;
        const char *query;
        bool is_configured;
        int status;
    } cases[] = {
        { { HUB_SIGN }, NULL, true, 0 },    { { NOTHING }, NULL, true, 401 },
        { { BEARER }, NULL, true, 401 },    { { NOTHING }, "token=t", true, 401 },
        { { HUB_SIGN }, NULL, false, 404 },
    };
    struct tokens none = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct headers headers = cases[i].headers;
        const struct check_input in = { .method = STR_LIT("POST"),
                                        .path = STR_LIT("/webhook/sales"),
                                        .query = str_from(cases[i].query),
                                        .headers = { .header = header, .ctx = &headers },
                                        .tokens = &none,
                                        .schemes = hub_only,
                                        .must_be_signed = true,
                                        .is_configured = cases[i].is_configured,
                                        .default_bridge = STR_LIT("main"),
                                        .is_own_host = true };
        struct check_result v = check_request(&in);

        assert_int_equal(v.status, cases[i].status);
        assert_int_equal(v.is_signed, cases[i].status == 0);
    }
}

/* Without tokens: nothing from a web page, and nothing under a name that somebody else chose. */
static void test_open_is_not_open_to_browsers(void **state)
{
    static const struct {
        struct headers headers;
        bool own_host;
        int status;
    } cases[] = { { { { NULL }, { NULL } }, true, 0 },
                  { { { "origin" }, { "http://evil.example" } }, true, 403 },
                  { { { "origin" }, { "null" } }, true, 403 },
                  { { { NULL }, { NULL } }, false, 421 } };
    struct tokens none = { 0 }, one;

    (void)state;
    assert_int_equal(tokens_parse("t", &one), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct headers headers = cases[i].headers;
        struct check_input in = { .method = STR_LIT("POST"),
                                  .path = STR_LIT(P),
                                  .query = STR_LIT("token=t"),
                                  .headers = { .header = header, .ctx = &headers },
                                  .tokens = &none,
                                  .is_configured = true,
                                  .default_bridge = STR_LIT("main"),
                                  .is_own_host = cases[i].own_host };

        assert_int_equal(check_request(&in).status, cases[i].status);
        in.tokens = &one; /* a token proves more than a name */
        assert_int_equal(check_request(&in).status, 0);
    }
}

/* A request is kept for a person to look at when its sender has presented the token. */
static void test_who_is_known(void **state)
{
    static const struct {
        const char *method, *path, *query, *type;
        int status;
        bool known, known_without_tokens;
    } cases[] = { { "POST", P, "token=t", "text/plain", 415, true, true },
                  { "POST", "/x", "token=t", NULL, 404, true, false },
                  { "GET", P, "token=t", NULL, 405, true, false },
                  { "POST", P, "token=u", NULL, 401, false, false },
                  { "POST", "/x", NULL, NULL, 404, false, false } };
    struct tokens none = { 0 }, one;

    (void)state;
    assert_int_equal(tokens_parse("t", &one), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct headers headers = { { cases[i].type ? "content-type" : NULL }, { cases[i].type } };
        struct check_input in = { .method = str_from(cases[i].method),
                                  .path = str_from(cases[i].path),
                                  .query = str_from(cases[i].query),
                                  .headers = { .header = header, .ctx = &headers },
                                  .tokens = &one,
                                  .is_configured = true,
                                  .default_bridge = STR_LIT("main"),
                                  .is_own_host = true };

        assert_int_equal(check_request(&in).status, cases[i].status);
        assert_int_equal(check_request(&in).is_known, cases[i].known);
        in.tokens = &none;
        assert_int_equal(check_request(&in).is_known, cases[i].known_without_tokens);
    }
}

static void test_refusals_have_a_detail(void **state)
{
    (void)state;
    for (int auth = AUTH_MISSING; auth <= AUTH_STALE; auth++) {
        struct check_result v = check_refused(auth);

        assert_int_equal(v.status, 401);
        assert_non_null(v.detail);
        assert_non_null(v.headers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions_of_paths),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_must_be_signed),
        cmocka_unit_test(test_open_is_not_open_to_browsers),
        cmocka_unit_test(test_who_is_known),
        cmocka_unit_test(test_refusals_have_a_detail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
