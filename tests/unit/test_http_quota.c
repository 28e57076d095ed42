/* The memory of an HTTP server for each peer, also over a long life. */
#include "tests/unit/cmocka_all.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/io/http_quota.h"

static const struct http_quota_limits limits = {
    .connections_peer_max = 3,
    .use = { [HTTP_USE_HEADERS] = { 1000, 400 }, [HTTP_USE_UNVERIFIED] = { 100, 0 } },
};

static struct http_peer *join(struct http_quota *q, const char *text)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    struct http_peer *p = NULL;
    bool is_v4 = inet_pton(AF_INET, text, &v4.sin_addr) == 1;

    if (!is_v4)
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return http_quota_join(q, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, &p) == 0 ? p : NULL;
}

static void a_peer_has_its_part(void **state)
{
    struct http_quota *q;
    struct http_peer *p[4];

    assert_int_equal(http_quota_open(&limits, &q), 0);
    for (int i = 0; i < 3; i++) {
        char text[16];

        (void)snprintf(text, sizeof text, "10.0.0.%d", i);
        p[i] = join(q, text);
        assert_int_equal(http_quota_take(q, p[i], HTTP_USE_HEADERS, 400), i < 2 ? 0 : HTTP_QUOTA_ALL);
        assert_int_equal(http_quota_take(q, p[i], HTTP_USE_HEADERS, 1), i < 2 ? HTTP_QUOTA_PEER : 0);
    }
    assert_int_equal(http_quota_used(q, HTTP_USE_HEADERS), 801);
    http_quota_give(q, p[0], HTTP_USE_HEADERS, 400);
    assert_int_equal(http_quota_take(q, p[0], HTTP_USE_HEADERS, 200),
                     0); /* its own part is free again, too */
    assert_int_equal(http_quota_take(q, p[2], HTTP_USE_HEADERS, 399), 0);
    assert_int_equal(http_quota_take(q, p[2], HTTP_USE_UNVERIFIED, 100), 0); /* uses are apart */
    assert_int_equal(http_quota_take(q, p[1], HTTP_USE_UNVERIFIED, 1), HTTP_QUOTA_ALL);
    assert_int_equal(http_quota_take(q, p[1], HTTP_USE_BODIES, 1LL << 40), 0); /* without a limit */
    for (int i = 0; i < 3; i++)
        http_quota_leave(q, p[i]);
    http_quota_close(q);
    assert_int_equal(mem_live(), 0);
}

static void an_address_is_a_host(void **state)
{
    struct http_quota *q;
    struct http_peer *a, *b;

    assert_int_equal(http_quota_open(&limits, &q), 0);
    a = join(q, "2001:db8:1:2::1");
    assert_ptr_equal(join(q, "2001:db8:1:2:ffff::9"), a); /* one network of 64 bits */
    b = join(q, "2001:db8:1:3::1");
    assert_ptr_not_equal(a, b);
    assert_ptr_equal(join(q, "2001:db8:1:2::2"), a);
    assert_null(join(q, "2001:db8:1:2::3")); /* a fourth connection */
    http_quota_leave(q, a);
    assert_ptr_equal(join(q, "2001:db8:1:2::3"), a);
    for (int i = 0; i < 3; i++)
        http_quota_leave(q, a);
    http_quota_leave(q, b);
    a = join(q, "::ffff:10.0.0.1");
    b = join(q, "10.0.0.1");
    assert_ptr_equal(a, b);
    http_quota_leave(q, a);
    http_quota_leave(q, b);
    http_quota_close(q);
    assert_int_equal(mem_live(), 0);
}

static void nothing_is_left_after_many_lives(void **state)
{
    struct http_quota *q;

    assert_int_equal(http_quota_open(&limits, &q), 0);
    for (int i = 0; i < 100000; i++) {
        char text[24];
        struct http_peer *p;

        (void)snprintf(text, sizeof text, "10.%d.%d.%d", i >> 16, (i >> 8) & 255, i & 255);
        p = join(q, text);
        assert_int_equal(http_quota_take(q, p, HTTP_USE_HEADERS, 400), 0);
        http_quota_give(q, p, HTTP_USE_HEADERS, 400);
        http_quota_leave(q, p);
    }
    assert_int_equal(http_quota_used(q, HTTP_USE_HEADERS), 0);
    assert_int_equal(mem_live(), 1);
    http_quota_close(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_has_its_part),
        cmocka_unit_test(an_address_is_a_host),
        cmocka_unit_test(nothing_is_left_after_many_lives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
