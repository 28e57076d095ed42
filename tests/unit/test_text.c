/* Text in, values out. */
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/percent.h"
#include "common/base/text.h"
#include "common/base/url.h"
#include "common/base/utf8.h"

static void durations(void **state)
{
    static const struct {
        const char *text;
        int r;
        int64_t ms;
    } cases[] = {
        { "250ms", 0, 250 },
        { "60s", 0, 60000 },
        { "60", 0, 60000 },
        { "5m", 0, 300000 },
        { "2h", 0, 7200000 },
        { "7d", 0, 604800000 },
        { "1.5s", 0, 1500 },
        { "0", 0, 0 },
        { "", -EINVAL, 0 },
        { "s", -EINVAL, 0 },
        { "-1s", -EINVAL, 0 },
        { "5 m", -EINVAL, 0 },
        { "5mm", -EINVAL, 0 },
        { "1e3s", -EINVAL, 0 },
        { "1.2.3s", -EINVAL, 0 },
        { " 5s", -EINVAL, 0 },
        { "99999999999999999999h", -ERANGE, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = -1;

        assert_int_equal(text_to_duration_ms(cases[i].text, &ms), cases[i].r);
        assert_int_equal(ms, cases[i].r == 0 ? cases[i].ms : -1); /* untouched on failure */
    }
}

static void sizes_and_rates(void **state)
{
    int64_t v;

    assert_int_equal(text_to_bytes("512", &v), 0);
    assert_int_equal(v, 512);
    assert_int_equal(text_to_bytes("10GiB", &v), 0);
    assert_int_equal(v, INT64_C(10) << 30);
    assert_int_equal(text_to_bytes("1.5k", &v), 0);
    assert_int_equal(v, 1536);
    assert_int_equal(text_to_bytes("10GB", &v), -EINVAL);
    assert_int_equal(text_to_rate_milli("2/s", &v), 0);
    assert_int_equal(v, 2000);
    assert_int_equal(text_to_rate_milli("0.5", &v), 0);
    assert_int_equal(v, 500);
    assert_int_equal(text_to_rate_milli("120/m", &v), 0);
    assert_int_equal(v, 2000);
    assert_int_equal(text_to_rate_milli("2/d", &v), -EINVAL);
}

static void whole_numbers(void **state)
{
    int64_t v;

    assert_int_equal(text_to_i64("-42", &v), 0);
    assert_int_equal(v, -42);
    assert_int_equal(text_to_i64("9223372036854775808", &v), -ERANGE);
    assert_int_equal(text_to_i64("12x", &v), -EINVAL);
    assert_int_equal(text_to_i64("+1", &v), -EINVAL);
    assert_int_equal(text_to_i64("", &v), -EINVAL);
}

static void yes_or_no(void **state)
{
    static const struct {
        const char *text;
        int r;
        bool value;
    } cases[] = {
        { "true", 0, true },    { "off", 0, false },     { "On", 0, true },
        { "no", 0, false },     { "1", 0, true },        { "0", 0, false },
        { "", -EINVAL, false }, { "2", -EINVAL, false }, { "yes ", -EINVAL, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool value = !cases[i].value;

        assert_int_equal(text_to_bool(cases[i].text, &value), cases[i].r);
        assert_int_equal(value, cases[i].r ? !cases[i].value : cases[i].value);
    }
}

static void times(void **state)
{
    static const struct {
        const char *text;
        int r;
        int64_t ms;
    } cases[] = {
        { "1970-01-01", 0, 0 },
        { "2026-11-22T10:04:35Z", 0, 1795341875000 },
        { "2026-11-22T10:04:35.391Z", 0, 1795341875391 },
        { "2026-11-22 10:04:35Z", 0, 1795341875000 },
        { "2026-11-22T10:04:35", -EINVAL, 0 },
        { "2026-13-22", -EINVAL, 0 },
        { "2026-11-22T10:04:35.Z", -EINVAL, 0 },
        { "yesterday", -EINVAL, 0 },
    };
    char text[40];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = -1;

        assert_int_equal(text_to_time_ms(cases[i].text, &ms), cases[i].r);
        assert_int_equal(ms, cases[i].r == 0 ? cases[i].ms : -1);
    }
    assert_string_equal(text_time(1795341875391, text, sizeof text), "2026-11-22T10:04:35.391Z");
    assert_string_equal(text_time(-1, text, sizeof text), "1969-12-31T23:59:59.999Z");
}

static void values_as_text(void **state)
{
    char text[40];

    assert_string_equal(text_duration(250, text, sizeof text), "250ms");
    assert_string_equal(text_duration(4200, text, sizeof text), "4.2s");
    assert_string_equal(text_age(-1, text, sizeof text), "0s");
    assert_string_equal(text_age(999, text, sizeof text), "0s");
    assert_string_equal(text_age(4200, text, sizeof text), "4s");
    assert_string_equal(text_age(300999, text, sizeof text), "5m");
    assert_string_equal(text_duration(300000, text, sizeof text), "5m");
    assert_string_equal(text_duration(INT64_C(3) * 24 * 3600 * 1000, text, sizeof text), "3d");
    assert_string_equal(text_bytes(512, text, sizeof text), "512 B");
    assert_string_equal(text_bytes(1572864, text, sizeof text), "1.5 MiB");
}

static void ids(void **state)
{
    char long_id[66];

    memset(long_id, 'a', sizeof long_id);
    assert_true(text_is_id(STR_LIT("Shop_1-b")));
    assert_true(text_is_id((struct str){ long_id, 64 }));
    assert_false(text_is_id((struct str){ long_id, 65 }));
    assert_false(text_is_id(STR_LIT("")));
    assert_false(text_is_id(STR_NULL));
    assert_false(text_is_id(STR_LIT("../evil")));
    assert_false(text_is_id(STR_LIT("a b")));
    assert_false(text_is_id((struct str){ "a\0b", 3 }));
}

static void utf8(void **state)
{
    static const char *const good[] = {
        "", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"
    };
    static const char *const bad[] = {
        "\x80",
        "\xc3",
        "\xc0\x80",
        "\xe0\x80\x80",
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80",
        "\xe2\x82",
        "a\xff",
    };

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(utf8_is_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(utf8_is_valid(bad[i], strlen(bad[i])));
}

/* Neither user, password, query nor fragment, nor a path, in which some services keep their secret. */
static void a_url_is_shown_without_its_secrets(void **state)
{
    static const struct {
        const char *url, *shown;
    } cases[] = {
        { "http://me:hush@host:3000/base?key=hush#hush", "http://host:3000/…" },
        { "https://hush@host", "https://host" },
        { "https://host/", "https://host" },
        { "http://[::1]:8000/?hush", "http://[::1]:8000" },
        { "https://hooks.slack.com/services/T0/B0/hush", "https://hooks.slack.com/…" },
        { "HTTP://a@b:hush@host/", "http://host" },
        { "hush", "" },
        { "", "" },
    };
    char shown[64];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(url_display(cases[i].url, shown, sizeof shown), cases[i].shown);
    assert_string_equal(url_display("https://host.example", shown, 9), "https://");
}

static void urls(void **state)
{
    struct url u;

    assert_int_equal(url_parse("http://zapkeep:to:ken@host:8000/a/b?x=1#f", &u), 0);
    assert_false(u.https);
    assert_true(str_eq(u.user, "zapkeep"));
    assert_true(str_eq(u.password, "to:ken"));
    assert_true(str_eq(u.host, "host"));
    assert_int_equal(u.port, 8000);
    assert_true(str_eq(u.path, "/a/b"));
    assert_true(str_eq(u.query, "x=1"));
    assert_int_equal(url_parse("https://[::1]", &u), 0);
    assert_true(u.https);
    assert_true(str_eq(u.host, "::1"));
    assert_int_equal(u.port, 0);
    assert_null(u.path.p);
    assert_int_equal(url_parse("ftp://host", &u), -EINVAL);
    assert_int_equal(url_parse("http://", &u), -EINVAL);
    assert_int_equal(url_parse("http://host:99999", &u), -EINVAL);
    assert_int_equal(url_parse("http://host:0", &u), -EINVAL);
    assert_int_equal(url_parse("http://[::1]:0/x", &u), -EINVAL);
    assert_int_equal(url_parse("http://ho st", &u), -EINVAL);
    assert_int_equal(url_parse("http://host/\r\nX: y", &u), -EINVAL);
    assert_int_equal(url_parse("host:3000", &u), -EINVAL);
}

static void addresses_of_the_bus(void **state)
{
    static const char *const good[] = { "tcp://127.0.0.1:5550", "tcp://bus-hub:5550", "tcp://[::1]:5550",
                                        "tls+tcp://0.0.0.0:1",  "ipc:///run/hub",     "ipc:///srv/tcp/hub",
                                        "abstract://hub",       "tcp://a:1,tcp://b:2" };
    static const char *const bad[] = {
        "",
        "tcp://",
        "tcp://host",
        "tcp://:5550",
        "tcp://host:port",
        "tcp://host:99999",
        "http://host:1",
        "ws://host:1/bus",
        "ipc://",
        "tcp://a:1,",
        ",tcp://a:1",
        "tcp://a:1,b:2",
    };

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(url_is_bus(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(url_is_bus(bad[i]));
}

static void listening_addresses(void **state)
{
    static const struct {
        const char *text, *host;
        int port;
    } good[] = {
        { "127.0.0.1:8000", "127.0.0.1", 8000 },
        { "[::1]:8000", "::1", 8000 },
        { ":8000", "0.0.0.0", 8000 },
        { "8000", "127.0.0.1", 8000 },
        { "localhost:0", "localhost", 0 },
    };
    static const char *const bad[] = { "", "localhost", "127.0.0.1:", "127.0.0.1:70000", "1:2:3x" };
    char host[64];
    uint16_t port;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(url_parse_listen(good[i].text, host, sizeof host, &port), 0);
        assert_string_equal(host, good[i].host);
        assert_int_equal(port, good[i].port);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(url_parse_listen(bad[i], host, sizeof host, &port), -EINVAL);
}

static void percent_encoding(void **state)
{
    static const struct {
        const char *text;
        enum percent_plus plus;
        int r;
        const char *plain;
    } cases[] = {
        { "", PERCENT_PLUS_IS_SPACE, 0, "" },
        { "a%20b%2fC%2B", PERCENT_PLUS_IS_SPACE, 0, "a b/C+" },
        { "a+b", PERCENT_PLUS_IS_SPACE, 0, "a b" },
        { "a+b", PERCENT_PLUS_IS_ITSELF, 0, "a+b" },
        { "12345678", PERCENT_PLUS_IS_ITSELF, 0, "12345678" },
        { "123456789", PERCENT_PLUS_IS_ITSELF, -EMSGSIZE, NULL },
        { "a%2", PERCENT_PLUS_IS_ITSELF, -EINVAL, NULL },
        { "a%2g", PERCENT_PLUS_IS_ITSELF, -EINVAL, NULL },
        { "%", PERCENT_PLUS_IS_ITSELF, -EINVAL, NULL },
    };
    char plain[8];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = 99;

        assert_int_equal(percent_decode(str_from(cases[i].text), cases[i].plus, plain, sizeof plain, &n),
                         cases[i].r);
        assert_int_equal(n, cases[i].plain ? strlen(cases[i].plain) : 99);
        if (cases[i].plain)
            assert_memory_equal(plain, cases[i].plain, n);
    }
}

static void fields_of_a_query(void **state)
{
    struct str form = STR_LIT("a=1&ab=2&token=x%26y&b&c=&a=9");

    assert_true(str_eq(percent_field(form, "a"), "1"));
    assert_true(str_eq(percent_field(form, "token"), "x%26y"));
    assert_true(percent_field(form, "c").p != NULL && percent_field(form, "c").n == 0);
    assert_null(percent_field(form, "b").p);
    assert_null(percent_field(form, "to").p);
    assert_null(percent_field(STR_LIT(""), "a").p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(sizes_and_rates),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(yes_or_no),
        cmocka_unit_test(times),
        cmocka_unit_test(values_as_text),
        cmocka_unit_test(ids),
        cmocka_unit_test(utf8),
        cmocka_unit_test(urls),
        cmocka_unit_test(a_url_is_shown_without_its_secrets),
        cmocka_unit_test(listening_addresses),
        cmocka_unit_test(percent_encoding),
        cmocka_unit_test(fields_of_a_query),
        cmocka_unit_test(addresses_of_the_bus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
