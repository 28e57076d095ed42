/* The version that a bridge tells, and its age: recorded answers. */
#include "cmocka_all.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/bridge/drivers.h"

#define DAY_MS (24 * 3600 * 1000LL)

static void test_versions(void **state)
{
    static const struct {
        const char *driver, *body;
        int status;
        const char *version;
        int days; /* of its age on 2026-11-26, -1: not known */
    } rows[] = {
        { "waha", "{\"version\":\"2025.10.1\",\"engine\":\"NOWEB\",\"tier\":\"CORE\",\"browser\":null}", 200,
          "2025.10.1", 421 },
        { "waha", "{\"version\":\"2026.11.2\"}", 200, "2026.11.2", 25 },
        { "waha", "{\"version\":\"2027.1.1\"}", 200, "2027.1.1", -1 },
        { "waha", "{\"version\":\"2025.13.1\"}", 200, "2025.13.1", -1 },
        { "waha", "{\"version\":\"dev\"}", 200, "dev", -1 },
        { "waha", "{\"message\":\"Unauthorized\",\"statusCode\":401}", 401, "", -1 },
        { "waha", "<html>", 200, "", -1 },
        { "evolution",
          "{\"status\":200,\"message\":\"Welcome to the Evolution API, it is "
          "working!\",\"version\":\"2.3.7\"}",
          200, "2.3.7", -1 },
        { "gowa", "{\"version\":\"8\"}", 200, "", -1 },
    };
    int64_t now;

    assert_int_equal(text_to_time_ms("2026-11-26", &now), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct bridge_driver *d = bridge_driver_find(rows[i].driver);
        const struct bridge_answer a = { .status = rows[i].status, .body = str_from(rows[i].body) };
        char version[32];
        int64_t age_ms;

        assert_string_equal(bridge_read_version(d, &a, version, sizeof version), rows[i].version);
        age_ms = bridge_version_age_ms(d, version, now);
        assert_int_equal(age_ms < 0 ? -1 : age_ms / DAY_MS, rows[i].days);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_versions) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
