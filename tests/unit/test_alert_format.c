/* The texts that are posted to sinks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "services/monitor/alert_format.h"

static const struct sink_alert firing = { .kind = ALERT_SESSION_LOST,
                                          .firing = true,
                                          .bridge = "main",
                                          .session = "s1",
                                          .text = "a \"text\"",
                                          .started_at = 1700000000123 };

/* Writes it and reads back the texts at @paths. */
static void write_and_read(const struct sink_alert *a, const struct json_path *paths, int n, char ret[][96])
{
    CLEANUP(buf_fini) struct buf headers = BUF_INIT(4096);
    CLEANUP(buf_fini) struct buf body = BUF_INIT(65536);
    struct json_value v[8];
    struct str json;

    alert_format_write(SINK_ALERTMANAGER, a, &headers, &body);
    assert_int_equal(buf_error(&headers), 0);
    assert_int_equal(buf_error(&body), 0);
    assert_non_null(strstr(buf_str(&headers), "Content-Type: application/json\n"));
    json = (struct str){ body.data, body.len };
    assert_int_equal(json_in_find(json, paths, n, v), 0);
    for (int i = 0; i < n; i++)
        json_in_text(v[i], ret[i], sizeof ret[i]);
}

static int take_first(void *ctx, struct json_value item)
{
    *(struct json_value *)ctx = item;
    return 1;
}

/* The texts of the one alert in the group. */
static void read_alert(const struct sink_alert *a, const struct json_path *paths, int n, char ret[][96])
{
    static const struct json_path alerts = { 0, { "alerts" } };
    CLEANUP(buf_fini) struct buf headers = BUF_INIT(4096);
    CLEANUP(buf_fini) struct buf body = BUF_INIT(65536);
    struct json_value list, one = { 0 }, v[8];

    alert_format_write(SINK_ALERTMANAGER, a, &headers, &body);
    assert_int_equal(json_in_find((struct str){ body.data, body.len }, &alerts, 1, &list), 0);
    assert_int_equal(json_in_each(list, take_first, &one), 1);
    assert_int_equal(json_in_find(one.raw, paths, n, v), 0);
    for (int i = 0; i < n; i++)
        json_in_text(v[i], ret[i], sizeof ret[i]);
}

static void test_group(void **state)
{
    static const struct json_path paths[] = { { 0, { "version" } },
                                              { 1, { "status" } },
                                              { 2, { "commonLabels", "alertname" } } };
    char v[3][96];

    write_and_read(&firing, paths, 3, v);
    assert_string_equal(v[0], "4");
    assert_string_equal(v[1], "firing");
    assert_string_equal(v[2], "session-lost");
}

static const struct json_path of_alert[] = {
    { 0, { "status" } },
    { 1, { "labels", "alertname" } },
    { 2, { "labels", "session" } },
    { 3, { "labels", "severity" } },
    { 4, { "annotations", "summary" } },
    { 5, { "startsAt" } },
    { 6, { "endsAt" } },
    { 7, { "fingerprint" } },
};

static void test_alert(void **state)
{
    static const char *const want[] = { "firing",
                                        "session-lost",
                                        "s1",
                                        "critical",
                                        "a \"text\"",
                                        "2023-11-14T22:13:20.123Z",
                                        "0001-01-01T00:00:00Z" };
    char v[8][96];

    read_alert(&firing, of_alert, 8, v);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_string_equal(v[i], want[i]);
}

/* A receiver matches the end of an alert to its start by the fingerprint. */
static void test_resolved(void **state)
{
    struct sink_alert resolved = firing, other = firing;
    char f[8][96], r[8][96], o[8][96];

    resolved.firing = false;
    resolved.ended_at = 1700000060000;
    other.session = "s2";
    read_alert(&firing, of_alert, 8, f);
    read_alert(&resolved, of_alert, 8, r);
    read_alert(&other, of_alert, 8, o);
    assert_string_equal(f[7], r[7]);
    assert_string_not_equal(f[7], o[7]);
    assert_string_equal(r[0], "resolved");
    assert_string_equal(r[6], "2023-11-14T22:14:20.000Z");
}

/* An alert of the bridge has no session label at all. */
static void test_of_the_bridge(void **state)
{
    struct sink_alert a = firing;
    CLEANUP(buf_fini) struct buf headers = BUF_INIT(4096);
    CLEANUP(buf_fini) struct buf body = BUF_INIT(65536);

    a.kind = ALERT_BRIDGE_DOWN;
    a.session = "";
    alert_format_write(SINK_ALERTMANAGER, &a, &headers, &body);
    assert_null(strstr(buf_str(&body), "\"session\""));
}

static void test_ntfy(void **state)
{
    CLEANUP(buf_fini) struct buf headers = BUF_INIT(4096);
    CLEANUP(buf_fini) struct buf body = BUF_INIT(65536);

    alert_format_write(SINK_NTFY, &firing, &headers, &body);
    assert_string_equal(buf_str(&body), "a \"text\"");
    assert_non_null(strstr(buf_str(&headers), "Title: session-lost firing\n"));
    assert_non_null(strstr(buf_str(&headers), "Priority: 5\n"));
}

static void test_retry(void **state)
{
    static const struct {
        int tries;
        int64_t ms;
    } cases[] = { { 1, 1000 }, { 2, 2000 }, { 3, 4000 }, { 9, 256000 }, { 10, 300000 }, { 1000000, 300000 } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(sink_retry_ms(cases[i].tries), cases[i].ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_group),    cmocka_unit_test(test_alert),
                                        cmocka_unit_test(test_resolved), cmocka_unit_test(test_of_the_bridge),
                                        cmocka_unit_test(test_ntfy),     cmocka_unit_test(test_retry) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
