/* Requests to a backend, and the addresses that count as public. */
#include "tests/unit/cmocka_all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "common/app/delivery_request.h"
#include "common/base/mem.h"
#include "common/io/net.h"

#define KEY_1 "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" /* of the specification's example */
#define KEY_2 "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4"

static void a_url_without_a_path_gets_the_bridges(void **state)
{
    static const struct {
        const char *base, *want;
    } cases[] = {
        { "http://b", "http://b" DELIVERY_PATH },
        { "http://b:9000/", "http://b:9000" DELIVERY_PATH },
        { "https://b//", "https://b//" },
        { "https://b/hook", "https://b/hook" },
        { "https://b/hook/?x", "https://b/hook/?x" },
        { "https://b?k=/v", "https://b" DELIVERY_PATH "?k=/v" },
        { "https://u:p@b", "https://u:p@b" DELIVERY_PATH },
    };
    CLEANUP(buf_fini) struct buf url = BUF_INIT(256);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_reset(&url);
        assert_int_equal(delivery_url(cases[i].base, &url), 0);
        assert_string_equal(buf_str(&url), cases[i].want);
    }
    assert_int_equal(delivery_url("ftp://b", &url), -EINVAL);
    assert_int_equal(delivery_url("b", &url), -EINVAL);
}

static void secrets_are_checked_and_not_told(void **state)
{
    static const char *const bad[] = { "hidden",
                                       "whsec_!!!",
                                       "whsec_MfKQ",
                                       "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa" /* 23 bytes */,
                                       KEY_1 ",hidden",
                                       KEY_1 ",",
                                       KEY_1 "," KEY_1 "," KEY_1 };
    struct tokens t = { 0 };
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(1024);

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        buf_reset(&problem);
        assert_int_equal(delivery_secrets(bad[i], &t, &problem), -EINVAL);
        assert_null(strstr(buf_str(&problem), "hidden"));
        assert_null(strstr(buf_str(&problem), "MfKQ"));
    }
    assert_int_equal(delivery_secrets("", &t, &problem), 0);
    assert_int_equal(t.n, 0);
    assert_int_equal(delivery_secrets(KEY_1 "," KEY_2, &t, &problem), 0);
    assert_int_equal(t.n, 2);
}

struct built {
    struct buf headers, body;
};

static void build(struct built *b, const struct delivery_target *t, struct delivery_try how,
                  const struct event *events, int n)
{
    const struct event *list[4];

    buf_init(&b->headers, 8192);
    buf_init(&b->body, 65536);
    for (int i = 0; i < n; i++)
        list[i] = &events[i];
    assert_int_equal(delivery_request_build(t, &how, list, n, &b->headers, &b->body), 0);
}

static void built_fini(struct built *b)
{
    buf_fini(&b->headers);
    buf_fini(&b->body);
}

static const struct event one = { .seq = 7,
                                  .id = "evt_0123abcd_7",
                                  .occurred_at = 1700,
                                  .type = { "message.received", 16 },
                                  .bridge = { "main", 4 },
                                  .session = { "alice", 5 },
                                  .body = { "{\"test\": 2432232314}", 20 } };

static bool has_line(const struct built *b, const char *line)
{
    const char *at = strstr(buf_str(&b->headers), line);

    return at && (at == buf_str(&b->headers) || at[-1] == '\n') && at[strlen(line)] == '\n';
}

/* https://github.com/standard-webhooks/standard-webhooks: its example of a signature. */
static void the_signature_is_that_of_the_specification(void **state)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(1024);
    CLEANUP(built_fini) struct built b;
    struct delivery_target t = { .url = "http://b", .token = "" };
    struct event e = one;

    (void)snprintf(e.id, sizeof e.id, "msg_p5jXN8AQM9LWM0D4loKWxJek");
    assert_int_equal(delivery_secrets(KEY_1, &t.secrets, &problem), 0);
    build(&b, &t, (struct delivery_try){ .attempt = 1, .timestamp_s = 1614265330 }, &e, 1);
    assert_true(has_line(&b, "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek"));
    assert_true(has_line(&b, "webhook-timestamp: 1614265330"));
    assert_true(has_line(&b, "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
}

static void a_delivery_says_what_it_is(void **state)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(1024);
    CLEANUP(built_fini) struct built b;
    struct delivery_target t = { .url = "http://b", .token = "tok" };

    assert_int_equal(delivery_secrets(KEY_1 "," KEY_2, &t.secrets, &problem), 0);
    build(&b, &t, (struct delivery_try){ .attempt = 3, .timestamp_s = 5 }, &one, 1);
    assert_memory_equal(b.body.data, one.body.p, one.body.n);
    assert_int_equal(b.body.len, one.body.n);
    assert_true(has_line(&b, "Content-Type: application/json"));
    assert_true(has_line(&b, "Authorization: Bearer tok"));
    assert_true(has_line(&b, "webhook-id: evt_0123abcd_7"));
    assert_true(has_line(&b, "zapkeep-seq: 7"));
    assert_true(has_line(&b, "zapkeep-type: message.received"));
    assert_true(has_line(&b, "zapkeep-bridge: main"));
    assert_true(has_line(&b, "zapkeep-session: alice"));
    assert_true(has_line(&b, "zapkeep-attempt: 3"));
    assert_null(strstr(buf_str(&b.headers), "replay"));
    assert_non_null(strstr(strstr(buf_str(&b.headers), "webhook-signature: v1,"), " v1,"));
}

static void what_is_not_set_is_not_sent(void **state)
{
    CLEANUP(built_fini) struct built b;
    const struct delivery_target t = { .url = "http://b", .token = "" };

    build(&b, &t, (struct delivery_try){ .attempt = 1, .replay = true }, &one, 1);
    assert_null(strstr(buf_str(&b.headers), "Authorization"));
    assert_null(strstr(buf_str(&b.headers), "signature"));
    assert_true(has_line(&b, "zapkeep-replay: true"));
}

static void a_session_that_is_no_header_is_left_out(void **state)
{
    static const char *const bad[] = { "", "a\r\nx: y", "a\nb", " a", "a ", "\xc3\xa9", "a\x7f" };
    const struct delivery_target t = { .url = "http://b", .token = "" };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(built_fini) struct built b;
        struct event e = one;

        e.session = str_from(bad[i]);
        build(&b, &t, (struct delivery_try){ .attempt = 1 }, &e, 1);
        assert_null(strstr(buf_str(&b.headers), "zapkeep-session"));
        assert_null(strstr(buf_str(&b.headers), "x: y"));
    }
}

static void an_event_body_has_its_names(void **state)
{
    CLEANUP(built_fini) struct built b;
    CLEANUP(built_fini) struct built none;
    const struct delivery_target t = { .url = "http://b", .token = "", .event_body = true };
    struct event e = one;

    build(&b, &t, (struct delivery_try){ .attempt = 1 }, &e, 1);
    assert_string_equal(buf_str(&b.body),
                        "{\"id\":\"evt_0123abcd_7\",\"seq\":7,\"type\":\"message.received\","
                        "\"bridge\":\"main\",\"session\":\"alice\",\"occurred_at\":1700,"
                        "\"data\":{\"test\": 2432232314}}");
    e.occurred_at = 0;
    build(&none, &t, (struct delivery_try){ .attempt = 1 }, &e, 1);
    assert_non_null(strstr(buf_str(&none.body), "\"occurred_at\":null"));
}

static void id_of(const struct built *b, char ret[96])
{
    assert_int_equal(sscanf(strstr(buf_str(&b->headers), "webhook-id: "), "webhook-id: %95s", ret), 1);
}

static void a_batch_of_other_events_has_another_id(void **state)
{
    const struct delivery_target t = { .url = "http://b", .token = "" };
    struct event e[3] = { one, one, one };
    char ids[3][96];

    e[1].seq = 8;
    e[2].seq = 9;
    for (int n = 1; n <= 3; n++) {
        CLEANUP(built_fini) struct built b, again;

        build(&b, &t, (struct delivery_try){ .attempt = 1, .batch = true }, e, n);
        build(&again, &t, (struct delivery_try){ .attempt = 2, .batch = true, .timestamp_s = 9 }, e, n);
        id_of(&b, ids[n - 1]);
        assert_non_null(strstr(buf_str(&again.headers), ids[n - 1]));
        for (int i = 0; i < n - 1; i++)
            assert_string_not_equal(ids[i], ids[n - 1]);
        if (n == 2)
            assert_string_equal(buf_str(&b.body),
                                "{\"events\":[{\"test\": 2432232314},{\"test\": 2432232314}],"
                                "\"ids\":[\"evt_0123abcd_7\",\"evt_0123abcd_7\"]}");
    }
}

/* ---- addresses ------------------------------------------------------------------------------- */

static bool is_public(const char *text)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return net_is_public((struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return net_is_public((struct sockaddr *)&v6);
}

static void only_the_public_internet_is_public(void **state)
{
    static const char *const private[] = {
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.168.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd12::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::",
        "2001:db8::1",
        "2001::1",
        "::127.0.0.1",
    };
    static const char *const public[] = {
        "1.1.1.1",      "9.255.255.255",  "11.0.0.1",        "100.63.255.255",  "100.128.0.1",
        "172.15.0.1",   "172.32.0.1",     "192.167.1.1",     "223.255.255.255", "2606:4700::1111",
        "2a00:1450::1", "::ffff:1.1.1.1", "2001:4860::8888",
    };
    struct sockaddr unix_socket = { .sa_family = AF_UNIX };

    for (size_t i = 0; i < ARRAY_LEN(private); i++)
        if (is_public(private[i]))
            fail_msg("%s", private[i]);
    for (size_t i = 0; i < ARRAY_LEN(public); i++)
        if (!is_public(public[i]))
            fail_msg("%s", public[i]);
    assert_false(net_is_public(&unix_socket));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_without_a_path_gets_the_bridges),
        cmocka_unit_test(secrets_are_checked_and_not_told),
        cmocka_unit_test(the_signature_is_that_of_the_specification),
        cmocka_unit_test(a_delivery_says_what_it_is),
        cmocka_unit_test(what_is_not_set_is_not_sent),
        cmocka_unit_test(a_session_that_is_no_header_is_left_out),
        cmocka_unit_test(an_event_body_has_its_names),
        cmocka_unit_test(a_batch_of_other_events_has_another_id),
        cmocka_unit_test(only_the_public_internet_is_public),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
