/* The pure parts of the console. */
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "services/console/guard.h"
#include "services/console/login_limit.h"
#include "services/console/password.h"
#include "services/console/routes.h"
#include "services/console/session_query.h"
#include "services/console/strip.h"
#include "services/console/usual.h"
#include "services/console/web_path.h"

/* ---- paths ----------------------------------------------------------------------------------- */

static void test_paths_are_matched_and_decoded(void **state)
{
    char p[WEB_PATH_PARAMS_MAX][WEB_PATH_PARAM_MAX];

    (void)state;
    assert_true(web_path_matches(STR_LIT("/sessions/main/a%20b%2Fc"), "/sessions/{}/{}", p));
    assert_string_equal(p[0], "main");
    assert_string_equal(p[1], "a b/c");
    assert_false(web_path_matches(STR_LIT("/sessions/main"), "/sessions/{}/{}", p));
    assert_false(web_path_matches(STR_LIT("/sessions/main/x/y"), "/sessions/{}/{}", p));
    assert_false(web_path_matches(STR_LIT("/sessions//x"), "/sessions/{}/{}", p));    /* empty */
    assert_false(web_path_matches(STR_LIT("/sessions/a/%00"), "/sessions/{}/{}", p)); /* a NUL */
    assert_false(web_path_matches(STR_LIT("/sessions/a/%4"), "/sessions/{}/{}", p));
    assert_false(web_path_matches(STR_LIT("/sessions/a/%zz"), "/sessions/{}/{}", p));
    assert_true(web_path_matches(STR_LIT("/me"), "/me", p));
    assert_false(web_path_matches(STR_LIT("/mee"), "/me", p));
    assert_false(web_path_matches(STR_LIT("/me/"), "/me", p));
}

static void test_what_is_below_the_base_path(void **state)
{
    (void)state;
    assert_true(str_eq(web_path_below(STR_LIT("/zk/api"), STR_LIT("/zk")), "/api"));
    assert_int_equal(web_path_below(STR_LIT("/zk"), STR_LIT("/zk")).n, 0);
    assert_null(web_path_below(STR_LIT("/zkx"), STR_LIT("/zk")).p);
    assert_null(web_path_below(STR_LIT("/"), STR_LIT("/zk")).p);
    assert_true(str_eq(web_path_below(STR_LIT("/x"), STR_LIT("")), "/x"));
}

static void test_queries_and_cookies(void **state)
{
    char v[8];

    (void)state;
    assert_true(web_path_query(STR_LIT("a=1&q=x+%26y&aq=2"), "q", v, sizeof v));
    assert_string_equal(v, "x &y");
    assert_false(web_path_query(STR_LIT("a=1"), "q", v, sizeof v));
    assert_string_equal(v, "");
    assert_false(web_path_query(STR_LIT("q=123456789"), "q", v, sizeof v)); /* too long is none */
    assert_false(web_path_query(STR_LIT("q=%0a"), "q", v, sizeof v));
    assert_true(str_eq(web_path_cookie(STR_LIT("a=b; s=xyz; c=d"), "s"), "xyz"));
    assert_null(web_path_cookie(STR_LIT("as=b; xs=1"), "s").p);
}

static void test_routes_know_their_methods(void **state)
{
    char p[WEB_PATH_PARAMS_MAX][WEB_PATH_PARAM_MAX];
    bool other;

    (void)state;
    assert_ptr_equal(routes_find(STR_LIT("POST"), STR_LIT("/login"), p, &other)->handle, handle_login);
    assert_null(routes_find(STR_LIT("GET"), STR_LIT("/login"), p, &other));
    assert_true(other);
    assert_null(routes_find(STR_LIT("GET"), STR_LIT("/nothing"), p, &other));
    assert_false(other);
    for (const struct route *r = routes; r->method;
         r++) { /* only the login is for everybody, only reading for viewers */
        assert_true(r->role != 0 || r->handle == handle_login);
        assert_true(strcmp(r->method, "GET") == 0 || r->role != ACCESS_VIEWER || r->handle == handle_logout);
    }
}

/* ---- guard ----------------------------------------------------------------------------------- */

static void test_a_change_needs_our_origin_and_the_token(void **state)
{
    struct guard_url direct, proxied;
    const struct guard_request fine = { .origin = STR_LIT("http://127.0.0.1:8080"),
                                        .host = STR_LIT("127.0.0.1:8080"),
                                        .csrf = STR_LIT("token"),
                                        .content_type = STR_LIT("application/json; charset=utf-8"),
                                        .has_body = true };
    struct guard_request r = fine;

    (void)state;
    assert_int_equal(guard_read_url("", &direct), 0);
    assert_int_equal(guard_read_url("https://ops.example.com/zapkeep/", &proxied), 0);
    assert_string_equal(proxied.base, "/zapkeep");
    assert_string_equal(proxied.origin, "https://ops.example.com");
    assert_true(proxied.https);
    assert_int_equal(guard_read_url("https://u:p@ops.example.com", &proxied), -EINVAL);
    assert_int_equal(guard_read_url("https://ops.example.com:8443", &proxied), 0);

    assert_int_equal(guard_check(&direct, "token", &r), GUARD_FINE);
    r.csrf = STR_LIT("tokem");
    assert_int_equal(guard_check(&direct, "token", &r), GUARD_CSRF);
    r.csrf = STR_NULL;
    assert_int_equal(guard_check(&direct, "token", &r), GUARD_CSRF);
    assert_int_equal(guard_check(&direct, NULL, &r), GUARD_FINE); /* the login itself */
    r = fine;
    r.origin = STR_LIT("http://evil.example");
    assert_int_equal(guard_check(&direct, "token", &r), GUARD_ORIGIN);
    r.origin = STR_NULL;
    assert_int_equal(guard_check(&direct, "token", &r), GUARD_ORIGIN);
    r.origin = STR_LIT("null");
    assert_int_equal(guard_check(&direct, "token", &r), GUARD_ORIGIN);
    r.origin = STR_LIT("https://ops.example.com:8443");
    assert_int_equal(guard_check(&proxied, "token", &r), GUARD_FINE);
    r.origin = STR_LIT("https://ops.example.com");
    assert_int_equal(guard_check(&proxied, "token", &r), GUARD_ORIGIN);
    r = fine;
    r.sec_fetch_site = STR_LIT("cross-site");
    assert_int_equal(guard_check(&direct, "token", &r), GUARD_SITE);
    r.sec_fetch_site = STR_LIT("same-origin");
    assert_int_equal(guard_check(&direct, "token", &r), GUARD_FINE);
    r.content_type = STR_LIT("text/plain"); /* a form of another site can send this */
    assert_int_equal(guard_check(&direct, "token", &r), GUARD_TYPE);
}

/* ---- logins ---------------------------------------------------------------------------------- */

static void test_ten_failures_make_an_address_wait(void **state)
{
    struct login_limit *l = mem_zalloc(sizeof *l);
    char address[16];

    (void)state;
    for (int i = 0; i < LOGIN_LIMIT_PEER; i++) {
        assert_int_equal(login_limit_wait_ms(l, "a", 1000 + i), 0);
        login_limit_failed(l, "a", 1000 + i);
    }
    assert_int_equal(login_limit_wait_ms(l, "a", 2000), LOGIN_LIMIT_WINDOW_MS - 1000);
    assert_int_equal(login_limit_wait_ms(l, "b", 2000), 0);
    assert_int_equal(login_limit_wait_ms(l, "a", 1000 + LOGIN_LIMIT_WINDOW_MS), 0);
    login_limit_failed(l, "a", 1000 + LOGIN_LIMIT_WINDOW_MS); /* a new window */
    assert_int_equal(login_limit_wait_ms(l, "a", 1001 + LOGIN_LIMIT_WINDOW_MS), 0);
    *l = (struct login_limit){ 0 };
    for (int i = 0; i < LOGIN_LIMIT_PEER - 1; i++)
        login_limit_failed(l, "a", 5);
    login_limit_succeeded(l, "a", 5);
    login_limit_failed(l, "a", 5);
    assert_int_equal(login_limit_wait_ms(l, "a", 5), 0);
    *l = (struct login_limit){ 0 };
    for (int i = 0; i < LOGIN_LIMIT_ALL; i++) { /* an address for each try */
        (void)snprintf(address, sizeof address, "x%d", i);
        login_limit_failed(l, address, 5);
    }
    assert_true(login_limit_wait_ms(l, "new", 5) > 0);
    login_limit_succeeded(l, "home", 5); /* nobody locks out those who have logged in before */
    assert_int_equal(login_limit_wait_ms(l, "home", 5), 0);
    *l = (struct login_limit){ 0 };
    for (int i = 0; i < LOGIN_LIMIT_PEER; i++) { /* a host has a whole network of IPv6 */
        (void)snprintf(address, sizeof address, "2001:db8::%d", i);
        login_limit_failed(l, address, 5);
    }
    assert_true(login_limit_wait_ms(l, "2001:db8::ffff", 5) > 0);
    assert_int_equal(login_limit_wait_ms(l, "2001:db8:0:1::1", 5), 0);
    mem_free(l);
}

static void test_passwords(void **state)
{
    char hash[PASSWORD_HASH_MAX], again[PASSWORD_HASH_MAX];

    (void)state;
    assert_int_equal(password_hash("secret", hash), 0);
    assert_null(strstr(hash, "secret"));
    assert_true(password_is(hash, STR_LIT("secret")));
    assert_false(password_is(hash, STR_LIT("Secret")));
    assert_false(password_is(hash, STR_LIT("")));
    assert_int_equal(password_hash(hash, again), 0); /* a hash is taken as it is */
    assert_true(password_is(again, STR_LIT("secret")));
    assert_int_equal(password_hash("$argon2id$v=19$broken", again), -EINVAL);
}

/* ---- sessions -------------------------------------------------------------------------------- */

/* Logins are stored with it: they end when a password is another one, and not when the console starts again. */
static void test_the_fingerprint_of_passwords(void **state)
{
    char is[PASSWORD_FINGERPRINT_MAX], other[PASSWORD_FINGERPRINT_MAX];

    (void)state;
    assert_int_equal(password_fingerprint("secret", "viewer", is), 0);
    assert_int_equal(password_fingerprint("secret", "viewer", other), 0);
    assert_string_equal(is, other);
    assert_int_equal(password_fingerprint("secre", "viewer", other), 0);
    assert_string_not_equal(is, other);
    assert_int_equal(password_fingerprint("secret", "", other), 0);
    assert_string_not_equal(is, other);
}

static void test_a_strip_shows_the_worst_of_each_slot(void **state)
{
    struct strip s;
    struct session_change c = { .from = SESSION_CONNECTED, .to = SESSION_CONNECTED, .at = 850 };

    (void)state;
    strip_init(&s, 1000, 10, 100);  /* slots from 0 to 1000 */
    assert_true(strip_add(&s, &c)); /* connected since 850 */
    c = (struct session_change){ .from = SESSION_CONNECTED, .to = SESSION_DISCONNECTED, .at = 820 };
    assert_true(strip_add(&s, &c)); /* down for 30 ms: its slot shows it */
    strip_end(&s, SESSION_CONNECTED, 250);
    assert_string_equal(s.text, "..ccccccdc");
    strip_init(&s, 1000, 10, 100);
    c.at = -5;
    assert_false(strip_add(&s, &c)); /* older ones do not show */
    assert_string_equal(s.text, "dddddddddd");
}

static void test_a_filter_takes_states_and_marks(void **state)
{
    struct session_query q = { 0 };
    struct session_item i = {
        .row = { .bridge = "main", .id = "shop-1", .state = SESSION_DISCONNECTED, .name = "Loja Azul" }
    };
    struct now now = { .steady_ms = 1000 };

    (void)state;
    assert_true(session_query_matches(&q, &i, &now));
    assert_true(session_query_set_states(&q, "connected,parked"));
    assert_false(session_query_matches(&q, &i, &now));
    i.phase = RETRY_PARKED;
    assert_true(session_query_matches(&q, &i, &now));
    assert_true(session_query_set_states(&q, "down"));
    i.phase = RETRY_IDLE;
    assert_true(session_query_matches(&q, &i, &now));
    str_copy(STR_LIT("LOJA"), q.q, sizeof q.q);
    assert_true(session_query_matches(&q, &i, &now));
    str_copy(STR_LIT("other"), q.q, sizeof q.q);
    assert_false(session_query_matches(&q, &i, &now));
    assert_false(session_query_set_states(&q, "asleep"));
    assert_true(session_query_set_sort(&q, "", ""));
    assert_true(session_query_set_sort(&q, "since", "desc"));
    assert_false(session_query_set_sort(&q, "size", ""));
    assert_false(session_query_set_sort(&q, "since", "up"));
}

static void test_the_usual_hour_is_the_mean_of_whole_weeks(void **state)
{
    struct usual u = { 0 };
    const int64_t monday = 4 * 24 * 3600 * 1000LL, hour = 3600 * 1000LL; /* 1970-01-05 */

    (void)state;
    assert_int_equal(usual_weeks(&u, 1000000), 0);
    usual_add(&u, monday, 6);
    usual_add(&u, monday + USUAL_WEEK_MS, 4);
    usual_add(&u, monday + 167 * hour, 1);
    assert_int_equal(u.sum[0], 10);
    assert_int_equal(u.sum[167], 1);
    assert_int_equal(usual_weeks(&u, monday + USUAL_WEEK_MS - 1), 0);
    assert_int_equal(usual_weeks(&u, monday + 2 * USUAL_WEEK_MS), 2);
    assert_int_equal(usual_weeks(&u, monday + 9 * USUAL_WEEK_MS), USUAL_WEEKS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_are_matched_and_decoded),
        cmocka_unit_test(test_what_is_below_the_base_path),
        cmocka_unit_test(test_queries_and_cookies),
        cmocka_unit_test(test_routes_know_their_methods),
        cmocka_unit_test(test_a_change_needs_our_origin_and_the_token),
        cmocka_unit_test(test_ten_failures_make_an_address_wait),
        cmocka_unit_test(test_passwords),
        cmocka_unit_test(test_the_fingerprint_of_passwords),
        cmocka_unit_test(test_a_strip_shows_the_worst_of_each_slot),
        cmocka_unit_test(test_a_filter_takes_states_and_marks),
        cmocka_unit_test(test_the_usual_hour_is_the_mean_of_whole_weeks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
