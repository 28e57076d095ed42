/* The clock by which events grow old, alone and in the commit thread: no clock that is set ahead removes any.
 */
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "services/webhook-ingest/age_clock.h"
#include "services/webhook-ingest/committer.h"
#include "tests/unit/test_folder.h"

#define T0_MS   INT64_C(1795000000000)
#define DAY_MS  (24 * 3600 * 1000LL)
#define WEEK_MS (7 * DAY_MS)

static void the_wall_clock_is_followed_but_for_jumps_ahead(void **state)
{
    static const struct {
        const char *what;
        int64_t wall, boot, now, ahead; /* wall and now since T0 */
    } steps[] = {
        { "the first is believed", 0, 500, 0, 0 },
        { "as time goes", 1000, 1500, 1000, 0 },
        { "corrected by a minute", 61000 + 60000, 61500, 121000, 0 },
        { "set ahead by a day", 122000 + DAY_MS, 62500, 122000, DAY_MS },
        { "and on from there", DAY_MS * 2, 62500 + DAY_MS, 122000 + DAY_MS, DAY_MS - 122000 },
        { "set right again", 130000 + DAY_MS, 70500 + DAY_MS, 130000 + DAY_MS, 0 },
        { "set back by a year", -365 * DAY_MS, 71500 + DAY_MS, -365 * DAY_MS, 0 },
        { "and right again: no jump", 132000 + DAY_MS, 72500 + DAY_MS, 132000 + DAY_MS, 0 },
        { "asleep for a week", 132000 + 8 * DAY_MS, 72500 + 8 * DAY_MS, 132000 + 8 * DAY_MS, 0 },
    };
    struct age_clock a = AGE_CLOCK_NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        int64_t now = age_clock_ms(&a, T0_MS + steps[i].wall, steps[i].boot);

        if (now - T0_MS != steps[i].now || a.ahead_ms != steps[i].ahead)
            fail_msg("%s: %lld, ahead %lld", steps[i].what, (long long)(now - T0_MS), (long long)a.ahead_ms);
    }
}

/* ---- in the commit thread -------------------------------------------------------------------- */

struct world {
    char dir[64];
    struct loop *loop;
    struct timer *patience;
    struct clock_stepped clock;
    struct committer *committer;
    struct commit_item item;
    uint8_t digest[32];
};

static void on_done(void *ctx, struct list *items)
{
    struct world *w = ctx;

    while (!list_empty(items)) {
        (void)list_pop(items);
        loop_stop(w->loop);
    }
}

static void on_patience(void *ctx)
{
    (void)ctx;
    fail_msg("no commit came back");
}

static int open_world(void **state)
{
    struct world *w = mem_zalloc(sizeof *w);
    int64_t pid;

    (void)snprintf(w->dir, sizeof w->dir, "/tmp/zk-age-XXXXXX");
    assert_non_null(test_folder(w->dir));
    clock_stepped_init(&w->clock, T0_MS, 1000, "boot");
    assert_int_equal(loop_open(&w->loop), 0);
    assert_int_equal(timer_open(w->loop, on_patience, w, &w->patience), 0);
    const struct committer_options o = {
        .dir = w->dir,
        .clock = &w->clock.clock,
        .retention = { .age_ms = WEEK_MS, .size_bytes = 1 << 30, .hard_bytes = 1 << 30 },
        .wal_cap_bytes = 1 << 30,
        .on_done = on_done,
        .ctx = w
    };
    assert_int_equal(committer_open(w->loop, &o, &w->committer, &pid), 0);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    char command[96];

    committer_close(w->committer);
    timer_close(w->patience);
    assert_int_equal(loop_close(w->loop), 0);
    (void)snprintf(command, sizeof command, "rm -rf %s", w->dir);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a path of our own */
    mem_free(w);
    return 0;
}

/* Commits an event of this name, and returns its result: 0 or EVENT_DUPLICATE. */
static int commit(struct world *w, const char *name)
{
    struct event_new *e = &w->item.event;

    w->item = (struct commit_item){ .kind = COMMIT_EVENT };
    e->at = w->clock.wall;
    e->type = STR_LIT("message.received");
    e->bridge = STR_LIT("main");
    e->session = STR_LIT("alice");
    e->message_id = STR_LIT("");
    e->body = STR_LIT("{}");
    e->key_time_ms = T0_MS;
    memset(w->digest, 0, sizeof w->digest);
    memcpy(w->digest, name, strlen(name));
    e->key_digest = w->digest;
    committer_add(w->committer, &w->item);
    timer_start(w->patience, 20000);
    assert_int_equal(loop_run(w->loop), 0);
    timer_stop(w->patience);
    return w->item.result;
}

static int64_t oldest(struct world *w)
{
    struct committer_status s;

    committer_status(w->committer, &s);
    return s.oldest;
}

static void a_clock_set_ahead_makes_nothing_old(void **state)
{
    struct world *w = *state;

    assert_int_equal(commit(w, "first"), 0);
    w->clock.wall += 30 * DAY_MS;
    for (int i = 0; i < 5; i++) { /* each commit removes a slice of the old events */
        char name[16];

        clock_step(&w->clock, 11 * 60 * 1000);
        (void)snprintf(name, sizeof name, "ahead %d", i);
        assert_int_equal(commit(w, name), 0);
    }
    assert_int_equal(oldest(w), 1);
    assert_int_equal(commit(w, "first"), EVENT_DUPLICATE); /* a sender's retry is still known */
}

static void time_that_passes_makes_it_old(void **state)
{
    struct world *w = *state;

    assert_int_equal(commit(w, "first"), 0);
    clock_step(&w->clock, 8 * DAY_MS);
    assert_int_equal(commit(w, "second"), 0);
    assert_int_equal(commit(w, "third"), 0);
    assert_int_equal(oldest(w), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wall_clock_is_followed_but_for_jumps_ahead),
        cmocka_unit_test_setup_teardown(a_clock_set_ahead_makes_nothing_old, open_world, close_world),
        cmocka_unit_test_setup_teardown(time_that_passes_makes_it_old, open_world, close_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
