/* The decisions of doctor, from values alone. */
#include "fixture.h"

#include "common/base/mem.h"
#include "common/store/db.h"
#include "common/store/store.h"
#include "services/cli/doctor.h"

#define MIB (INT64_C(1024) * 1024)
#define GIB (1024 * MIB)

static void versions_with_the_race_are_known(void **state)
{
    static const struct {
        const char *version;
        bool race;
    } rows[] = {
        { "3.40.1", true },  { "3.6.23", false }, { "3.7.0", true },    { "3.44.5", true },
        { "3.44.6", false }, { "3.45.0", true },  { "3.50.6", true },   { "3.50.7", false },
        { "3.51.2", true },  { "3.51.3", false }, { "3.51.10", false }, { "3.53.0", false },
        { "4.0.0", false },  { "3.51", true },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (doctor_has_wal_reset_race(rows[i].version) != rows[i].race)
            fail_msg("%s", rows[i].version);
    }
    assert_int_equal(strncmp(db_engine_version(), "3.", 2), 0);
}

static void wal_is_seen_in_the_header(void **state)
{
    uint8_t head[100] = "SQLite format 3";

    head[18] = head[19] = 1;
    assert_false(doctor_is_wal(head, sizeof head));
    head[18] = head[19] = 2;
    assert_true(doctor_is_wal(head, sizeof head));
    assert_false(doctor_is_wal(head, 16)); /* cut off: nothing is known */
}

static void disk_and_clock_have_limits(void **state)
{
    assert_int_equal(doctor_disk_level(99 * MIB, 10 * GIB), FINDING_BAD);
    assert_int_equal(doctor_disk_level(400 * MIB, 10 * GIB), FINDING_WARN);
    assert_int_equal(doctor_disk_level(600 * MIB, 10 * GIB), FINDING_OK); /* a small disk, half free */
    assert_int_equal(doctor_disk_level(2 * GIB, 1000 * GIB), FINDING_OK);
    assert_int_equal(doctor_age_level(-1), FINDING_OK);
    assert_int_equal(doctor_age_level(INT64_C(180) * 24 * 3600 * 1000), FINDING_OK);
    assert_int_equal(doctor_age_level(INT64_C(200) * 24 * 3600 * 1000), FINDING_WARN);
    assert_int_equal(doctor_skew_level(0), FINDING_OK);
    assert_int_equal(doctor_skew_level(-5000), FINDING_OK);
    assert_int_equal(doctor_skew_level(5001), FINDING_WARN);
    assert_int_equal(doctor_skew_level(-60000), FINDING_BAD);
}

static void features_are_told_apart(void **state)
{
    static const struct {
        const char *json;
        int off;
        const char *words;
    } rows[] = {
        { "{\"extension\":\"zapkeep\",\"version\":1,\"features\":{\"reconnect\":true,\"status\":true}}", 0,
          "on: status, reconnect" },
        { "{\"extension\":\"zapkeep\",\"features\":{\"status\":true,\"offline\":false,\"qr\":false,\"new\":"
          "true}}",
          2, "on: status; off: qr, offline" },
        { "{\"extension\":\"zapkeep\",\"features\":{}}", 0, "" },
        { "{\"error\":\"not found\"}", -1, NULL },
        { "<html>", -1, NULL },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char words[200] = "";

        assert_int_equal(doctor_read_features(str_from(rows[i].json), words, sizeof words), rows[i].off);
        if (rows[i].words)
            assert_string_equal(words, rows[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_with_the_race_are_known),
        cmocka_unit_test(wal_is_seen_in_the_header),
        cmocka_unit_test(disk_and_clock_have_limits),
        cmocka_unit_test(features_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
