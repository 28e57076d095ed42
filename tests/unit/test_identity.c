/* Is it the same bridge that answers? The lists of bridges, one after the other. */
#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/policy/identity.h"
#include "services/monitor/identity_watch.h"
#include "tests/unit/cmocka_all.h"

/* Lists by the letters of their sessions: "ab" and "cd" share none, "-" is empty. */
static const struct row {
    const char *what, *lists;
    int lost;
    bool older;
    enum identity want;
    int more; /* times that the last list comes again */
} rows[] = {
    { "the first list", "ab", 0, false, IDENTITY_SAME, 0 },
    { "the same lists", "ab ab ab ab", 0, false, IDENTITY_SAME, 0 },
    { "sessions come and go one by one", "ab abc bc bcd cd de ef", 0, false, IDENTITY_SAME, 0 },
    { "empty lists in between", "ab - ab - ab - ab", 0, false, IDENTITY_SAME, 0 },
    { "half of a list in turns", "abcd ab abcd ab abcd", 0, false, IDENTITY_SAME, 0 },
    { "another bridge, once", "ab cd cd", 0, false, IDENTITY_SAME, 0 },
    { "another one, and back for good", "ab cd ab ab", 0, false, IDENTITY_SAME, 0 },
    { "each bridge is a new one", "ab cd ef gh ij", 0, false, IDENTITY_SAME, 0 },
    { "two in turns", "ab cd ab cd", 0, false, IDENTITY_IN_TURNS, 0 },
    { "two in turns, with one session each", "a b a b", 0, false, IDENTITY_IN_TURNS, 0 },
    { "two in turns, each for a while", "ab ab cd cd cd ab ab cd", 0, false, IDENTITY_IN_TURNS, 0 },
    { "two in turns, and an empty list", "ab cd - ab cd", 0, false, IDENTITY_IN_TURNS, 0 },
    { "three in turns", "a b c a b c", 0, false, IDENTITY_IN_TURNS, 0 },
    { "in turns outweighs replaced", "ab cd ab cd", 2, false, IDENTITY_IN_TURNS, 0 },
    { "31 more lists of one bridge are not enough", "a b a b", 0, false, IDENTITY_IN_TURNS, 31 },
    { "32 more lists of one bridge end it", "a b a b", 0, false, IDENTITY_SAME, 32 },
    { "its sessions are lost, and others are there", "ab cd", 2, false, IDENTITY_REPLACED, 0 },
    { "one is lost, and another one is there", "a b", 1, false, IDENTITY_SAME, 0 },
    { "two are lost, and an old one is there", "abc c", 2, true, IDENTITY_SAME, 0 },
    { "all are lost: it is empty", "ab -", 2, false, IDENTITY_SAME, 0 },
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

static enum identity take(struct identity_history *h, const char *list, size_t n, uint32_t seen[26],
                          const struct row *row, bool last)
{
    struct identity_list l = { .lost = last ? row->lost : 0, .older = row->older };

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
        (void)take(&h, at, n, seen, row, false);
    for (int i = 0; i <= row->more; i++)
        got = take(&h, at, n, seen, row, true);
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

/* The sessions of before are lost since 1,000 s; a listed one that was known for long tells that it is the same bridge. */
static void test_replaced(void **state)
{
    static const struct rules rules = { .removed_ms = 3600000, .check_ms = 60000 };
    static const struct {
        int64_t first_seen, lost_ms;
        const char *text;
    } of[] = {
        { 990000, 1000, "2 of its sessions are lost, and it lists 1 new ones alone" },
        { 0, 1000, "2 of its sessions are lost, and it lists 1 new ones alone" },
        { 500000, 1000, "" },
        { 990000, -3600000, "" }, /* lost too long ago */
    };

    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        struct identity_history h = { 0 };
        char text[BRIDGES_DETAIL_MAX];
        struct session_table *table;
        struct tracked_session *s[3];

        assert_int_equal(session_table_new(&table), 0);
        for (int k = 0; k < 3; k++)
            assert_int_equal(session_table_add(table, (const char *[]){ "a", "b", "c" }[k], 5, &s[k]), 0);
        s[0]->known.state = s[1]->known.state = SESSION_LOST;
        s[0]->known.lost_ms = s[1]->known.lost_ms = of[i].lost_ms;
        s[0]->since_wall = s[1]->since_wall = 1000000;
        s[2]->sweep = 4;
        s[2]->first_seen = of[i].first_seen;
        identity_watch_list(
            &h, &(struct identity_watch_list){ .table = table, .rules = &rules, .sweep = 4, .now_ms = 2000 },
            text);
        assert_string_equal(text, of[i].text);
        session_table_free(table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lists), cmocka_unit_test(test_phones),
                                        cmocka_unit_test(test_replaced) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
