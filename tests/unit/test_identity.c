/* Is it the same bridge that answers? The lists of bridges, one after the other. */
#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/policy/identity.h"
#include "services/monitor/identity_watch.h"
#include "tests/unit/cmocka_all.h"

/* Lists by the letters of their sessions: "ab" and "cd" share none, "-" is empty. */
static const struct row {
    const char *what, *lists;
    enum identity want;
    int more; /* times that the last list comes again */
} rows[] = {
    { "the first list", "ab", IDENTITY_SAME, 0 },
    { "the same lists", "ab ab ab ab", IDENTITY_SAME, 0 },
    { "sessions come and go one by one", "ab abc bc bcd cd de ef", IDENTITY_SAME, 0 },
    { "empty lists in between", "ab - ab - ab - ab", IDENTITY_SAME, 0 },
    { "half of a list in turns", "abcd ab abcd ab abcd", IDENTITY_SAME, 0 },
    { "another bridge, once", "ab cd cd", IDENTITY_SAME, 0 },
    { "another one, and back for good", "ab cd ab ab", IDENTITY_SAME, 0 },
    { "each bridge is a new one", "ab cd ef gh ij", IDENTITY_SAME, 0 },
    { "two in turns", "ab cd ab cd", IDENTITY_IN_TURNS, 0 },
    { "two in turns, with one session each", "a b a b", IDENTITY_IN_TURNS, 0 },
    { "two in turns, each for a while", "ab ab cd cd cd ab ab cd", IDENTITY_IN_TURNS, 0 },
    { "two in turns, and an empty list", "ab cd - ab cd", IDENTITY_IN_TURNS, 0 },
    { "three in turns", "a b c a b c", IDENTITY_IN_TURNS, 0 },
    { "in turns outweighs replaced", "ab cd ab cd", IDENTITY_IN_TURNS, 0 },
    { "31 more lists of one bridge are not enough", "a b a b", IDENTITY_IN_TURNS, 31 },
    { "32 more lists of one bridge end it", "a b a b", IDENTITY_SAME, 32 },
};

static void each_letter(const char *list, size_t n, uint32_t seen[26], struct identity_list *l)
{
    for (int i = 0; i < 26; i++) {
        bool here = memchr(list, 'a' + i, n) != NULL;

        l->listed += here;
        l->kept += here && (seen[i] & 1);
        l->back += here && !(seen[i] & 1) && seen[i];
    }
    for (int i = 0; i < 26 && l->listed > 0; i++)
        seen[i] = seen[i] << 1 | (memchr(list, 'a' + i, n) != NULL);
}

static enum identity take(struct identity_history *h, const char *list, size_t n, uint32_t seen[26])
{
    struct identity_list l = { 0 };

    each_letter(list, n, seen, &l);
    return identity_next(h, &l);
}

static enum identity run(const struct row *row)
{
    struct identity_history h = { 0 };
    enum identity got = IDENTITY_SAME;
    uint32_t seen[26] = { 0 };
    const char *at = row->lists;
    size_t n = strcspn(at, " ");

    for (; at[n]; at += n + 1, n = strcspn(at, " "))
        (void)take(&h, at, n, seen);
    for (int i = 0; i <= row->more; i++)
        got = take(&h, at, n, seen);
    return got;
}

static void test_lists(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (run(&rows[i]) != rows[i].want)
            fail_msg("%s: %d", rows[i].what, (int)run(&rows[i]));
}

/* Two bridges that name their session alike, with a phone each: lists as they come from one address in turns. */
static void test_phones(void **state)
{
    static const struct rules rules = { .removed_ms = 3600000, .check_ms = 60000 };
    const char *phones[] = { "551", "552", "552", "551", "" };
    struct identity_history h = { 0 };
    char text[BRIDGES_DETAIL_MAX] = "";
    struct session_table *table;
    struct tracked_session *s;

    assert_int_equal(session_table_new(&table), 0);
    assert_int_equal(session_table_add(table, "default", 5, &s), 0);
    for (size_t i = 0; i < ARRAY_LEN(phones); i++) {
        const struct identity_watch_list l = { .table = table, .rules = &rules, .sweep = (int64_t)i + 1 };

        assert_string_equal(text, "");
        s->sweep = l.sweep;
        session_table_note_phone(s, phones[i]);
        identity_watch_list(&h, &l, text);
    }
    assert_string_equal(text, "");
    session_table_note_phone(s, "552");
    s->sweep = 9;
    identity_watch_list(&h, &(struct identity_watch_list){ .table = table, .rules = &rules, .sweep = 9 },
                        text);
    assert_non_null(strstr(text, "come in turns"));
    session_table_free(table);
}

#define REPLACED IDENTITY_REPLACED

/* Strangers alone, and the sessions of before missing: that is another bridge once they are lost. */
static void test_replaced(void **state)
{
    static const struct {
        const char *what;
        bool before; /* the history says so from before the start */
        struct identity_list list[4];
        enum identity want[4];
    } of[] = {
        { "strangers alone, and the sessions of before are lost",
          false,
          { { .listed = 3, .fresh = 3, .missing = 2 },
            { .listed = 3, .kept = 3, .lost = 2 },
            { .listed = 3, .lost = 1 } },
          { IDENTITY_SAME, REPLACED, IDENTITY_SAME } },
        { "they are back in the next list, and the strangers are lost",
          false,
          { { .listed = 3, .fresh = 3, .missing = 2 },
            { .listed = 2, .back = 2, .missing = 3 },
            { .listed = 2, .kept = 2, .lost = 3 } },
          { IDENTITY_SAME, IDENTITY_SAME, IDENTITY_SAME } },
        { "one is lost, and another one is there",
          false,
          { { .listed = 1, .fresh = 1, .missing = 1 }, { .listed = 1, .kept = 1, .lost = 1 } },
          { IDENTITY_SAME, IDENTITY_SAME } },
        { "one of those that are listed was known",
          false,
          { { .listed = 3, .fresh = 2, .missing = 2 }, { .listed = 3, .kept = 3, .lost = 2 } },
          { IDENTITY_SAME, IDENTITY_SAME } },
        { "it is empty",
          false,
          { { .missing = 2 }, { .lost = 2 }, { .listed = 1, .fresh = 1, .lost = 2 } },
          { IDENTITY_SAME, IDENTITY_SAME, IDENTITY_SAME } },
        { "the first list of all", false, { { .listed = 3, .fresh = 3 } }, { IDENTITY_SAME } },
        { "a start while it is replaced",
          true,
          { { .listed = 3, .lost = 2 }, { .listed = 3, .kept = 3, .lost = 2 } },
          { REPLACED, REPLACED } },
    };

    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        struct identity_history h = { .strangers = of[i].before };

        for (int k = 0; k < 4 && (of[i].list[k].listed || of[i].list[k].missing || of[i].list[k].lost); k++)
            if (identity_next(&h, &of[i].list[k]) != of[i].want[k])
                fail_msg("%s: list %d", of[i].what, k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lists), cmocka_unit_test(test_phones),
                                        cmocka_unit_test(test_replaced) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
