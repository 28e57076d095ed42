/* proto/PROTOCOL.md agrees with the programs: its tables against the lists in topic.h and
 * message.h. */
#include "tests/unit/cmocka_all.h"

#include <stdio.h>

#include "common/base/mem.h"
#include "proto/message.h"

#define LINE_BYTES 1024
#define ROWS_MAX   64

/* The first two cells of a table's row: "| `name` | second | …". */
struct row {
    char name[32], second[32];
};

static bool read_row(const char *line, struct row *ret)
{
    return sscanf(line, "| `%31[a-z0-9._]` | %31[^ |] |", ret->name, ret->second) == 2;
}

/* The rows of the section under this heading, in order. */
static int read_section(const char *heading, struct row ret[ROWS_MAX])
{
    FILE *f = fopen("proto/PROTOCOL.md", "re");
    char line[LINE_BYTES];
    bool inside = false;
    int n = 0;

    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (line[0] == '#')
            inside = strncmp(line + strspn(line, "# "), heading, strlen(heading)) == 0;
        else if (inside && read_row(line, &ret[n]))
            assert_true(++n < ROWS_MAX);
    }
    (void)fclose(f);
    return n;
}

static void the_topics_are_those_of_the_list(void **state)
{
    static const char *const listed[] = {
#define X(name, text) text,
        TOPIC_TYPES(X)
#undef X
    };
    struct row rows[ROWS_MAX];
    int n = read_section("Topics", rows);

    for (int i = 0; i < n && i < TOPIC_TYPE_N; i++)
        assert_string_equal(rows[i].name, listed[i]);
    assert_int_equal(n, TOPIC_TYPE_N);
}

static void events_are_told_by_ingest(void **state)
{
    struct row rows[ROWS_MAX];
    int n = read_section("Topics", rows);

    for (int i = 0; i < n; i++) {
        int type = topic_type_find(str_from(rows[i].name));

        assert_in_range(type, 0, TOPIC_TYPE_N - 1);
        if (topic_type_is_event((enum topic_type)type))
            assert_string_equal(rows[i].second, "webhook-ingest");
    }
}

static void the_fields_are_those_of_the_list(void **state)
{
    static const struct row listed[] = {
#define X(kind, name) { #name, #kind },
        MESSAGE_FIELDS(X)
#undef X
    };
    struct row rows[ROWS_MAX];
    int n = read_section("Fields", rows);

    for (int i = 0; i < n && i < (int)ARRAY_LEN(listed); i++) {
        assert_string_equal(rows[i].name, listed[i].name);
        assert_string_equal(rows[i].second, listed[i].second);
    }
    assert_int_equal(n, ARRAY_LEN(listed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_topics_are_those_of_the_list),
        cmocka_unit_test(events_are_told_by_ingest),
        cmocka_unit_test(the_fields_are_those_of_the_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
