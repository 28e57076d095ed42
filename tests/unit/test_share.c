/* Sharing of roles: whatever the programs hold at first, soon each has its part, and every role has a holder. */
#include "common/policy/share.h"
#include "tests/unit/cmocka_all.h"

static void test_the_parts(void **state)
{
    static const struct {
        const char *what;
        struct share s;
        int take;
        bool give;
    } rows[] = {
        { "alone: all", { .roles = 5, .members = 1, .free = 5 }, 5, false },
        { "half of four", { .roles = 4, .members = 2, .free = 4 }, 2, false },
        { "half of five, rounded up", { .roles = 5, .members = 2, .free = 5 }, 3, false },
        { "its part is full", { .roles = 4, .members = 2, .mine = 2, .least = 0, .free = 2 }, 0, false },
        { "… but nobody takes the rest",
          { .roles = 4, .members = 2, .mine = 2, .free = 2, .waited = true },
          1,
          false },
        { "a second program came", { .roles = 4, .members = 2, .mine = 4, .least = 0 }, 0, true },
        { "one more than the other is fair", { .roles = 5, .members = 2, .mine = 3, .least = 2 }, 0, false },
        { "a third has none", { .roles = 4, .members = 3, .mine = 2, .least = 0 }, 0, true },
        { "one role, two programs", { .roles = 1, .members = 2, .mine = 1, .least = 0 }, 0, false },
        { "alone again after one died", { .roles = 4, .members = 1, .mine = 2, .free = 2 }, 2, false },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (share_take(&rows[i].s) != rows[i].take || share_give(&rows[i].s) != rows[i].give)
            fail_msg("%s: takes %d, gives %d", rows[i].what, share_take(&rows[i].s), share_give(&rows[i].s));
    }
}

#define MEMBERS_MAX 6

static int least_of_others(const int *mine, int members, int self)
{
    int least = 1000;

    for (int i = 0; i < members; i++) {
        if (i != self && mine[i] < least)
            least = mine[i];
    }
    return least;
}

/* One program after the other looks and acts. Returns how many roles are free. */
static int turn(int *mine, int members, int roles, int free)
{
    for (int i = 0; i < members; i++) {
        struct share s = { roles, members, least_of_others(mine, members, i), mine[i], free, false };
        int n = share_take(&s) - share_give(&s);

        mine[i] += n;
        free -= n;
    }
    return free;
}

static void test_from_every_beginning_it_becomes_fair_and_stays_so(void **state)
{
    for (int members = 1; members <= MEMBERS_MAX; members++) {
        for (int roles = 1; roles <= 16; roles++) {
            int mine[MEMBERS_MAX] = { roles }; /* the first has all */
            int free = 0;

            for (int k = 0; k < 40; k++)
                free = turn(mine, members, roles, free);
            for (int k = 0; k < 3; k++) { /* … and nothing moves any more */
                int before = mine[0];

                free = turn(mine, members, roles, free);
                assert_int_equal(mine[0], before);
                assert_int_equal(free, 0);
            }
            for (int i = 0; i < members; i++)
                assert_in_range(mine[i], roles / members, (roles + members - 1) / members);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_parts),
        cmocka_unit_test(test_from_every_beginning_it_becomes_fair_and_stays_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
