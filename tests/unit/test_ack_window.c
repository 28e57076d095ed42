/* Which events are done with: held against a plain array, over more than a lap of the ring. */
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/store/ack_window.h"

#define SEQS (3 * ACK_WINDOW_SEQS)

static struct ack_window w;
static bool done[SEQS + 1];

static void check(int64_t floor)
{
    CLEANUP(buf_fini) struct buf packed = BUF_INIT(ACK_WINDOW_SEQS);
    static struct ack_window again;

    assert_int_equal(w.floor, floor);
    ack_window_pack(&w, &packed);
    ack_window_load(&again, w.floor, (struct str){ buf_str(&packed), packed.len });
    assert_int_equal(again.floor, floor);
    for (int64_t seq = floor > 0 ? floor : 1; seq <= w.top + 20 && seq <= SEQS; seq++) {
        assert_int_equal(ack_window_has(&w, seq), done[seq]);
        assert_int_equal(ack_window_has(&again, seq), done[seq]);
    }
}

static void any_order_leads_over_the_ring(void **state)
{
    struct rng rng;
    int64_t floor = 0;

    rng_init(&rng, 7);
    memset(done, 0, sizeof done);
    done[0] = true;
    ack_window_init(&w, 0);
    for (int64_t i = 0; floor < SEQS; i++) {
        int64_t seq = floor + 1 + (int64_t)rng_below(&rng, i % 100 ? 40 : ACK_WINDOW_SEQS - 8);

        if (seq > SEQS)
            seq = SEQS;
        assert_true(ack_window_fits(&w, seq));
        done[seq] = true;
        ack_window_set(&w, seq);
        ack_window_set(&w, seq); /* twice is once */
        while (floor < SEQS && done[floor + 1])
            floor++;
        if (i % 20000 == 0)
            check(floor);
        assert_int_equal(w.floor, floor);
    }
    check(SEQS);
}

static void the_end_of_the_window_is_known(void **state)
{
    ack_window_init(&w, 1000);
    assert_true(ack_window_fits(&w, 1000 + ACK_WINDOW_SEQS - 8));
    assert_false(ack_window_fits(&w, 1000 + ACK_WINDOW_SEQS - 7));
}

static void a_jump_leaves_nothing_behind(void **state)
{
    ack_window_init(&w, 10);
    ack_window_set(&w, 12);
    ack_window_set(&w, 30);
    ack_window_jump(&w, 20);
    assert_int_equal(w.floor, 20);
    assert_true(ack_window_has(&w, 11));
    assert_false(ack_window_has(&w, 21));
    ack_window_jump(&w, 5);
    assert_int_equal(w.floor, 20);
}

static void one_that_has_not_begun_begins_anywhere(void **state)
{
    ack_window_init(&w, -1);
    assert_false(ack_window_has(&w, 1));
    ack_window_jump(&w, 499);
    ack_window_set(&w, 500);
    assert_int_equal(w.floor, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_leads_over_the_ring),
        cmocka_unit_test(the_end_of_the_window_is_known),
        cmocka_unit_test(a_jump_leaves_nothing_behind),
        cmocka_unit_test(one_that_has_not_begun_begins_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
