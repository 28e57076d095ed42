/* When a delivery is tried again, and when a destination is called at all, on a stepped clock. */
#include "tests/unit/cmocka_all.h"

#include "common/base/mem.h"
#include "common/policy/delivery.h"

/* ---- the meaning of an answer -------------------------------------------------------------------- */

static void an_answer_is_classified(void **state)
{
    static const struct {
        enum delivery_failure failure;
        int status;
        int64_t retry_after_ms;
        enum delivery_result want;
    } cases[] = {
        { DELIVERY_ANSWERED, 200, -1, DELIVERY_TAKEN },
        { DELIVERY_ANSWERED, 202, 5000, DELIVERY_TAKEN },
        { DELIVERY_ANSWERED, 299, -1, DELIVERY_TAKEN },
        { DELIVERY_ANSWERED, 100, -1, DELIVERY_FAULT },
        { DELIVERY_ANSWERED, 301, -1, DELIVERY_FAULT },
        { DELIVERY_ANSWERED, 304, -1, DELIVERY_FAULT },
        { DELIVERY_ANSWERED, 400, -1, DELIVERY_REFUSED },
        { DELIVERY_ANSWERED, 401, -1, DELIVERY_FAULT },
        { DELIVERY_ANSWERED, 403, -1, DELIVERY_FAULT },
        { DELIVERY_ANSWERED, 404, -1, DELIVERY_FAULT },
        { DELIVERY_ANSWERED, 405, -1, DELIVERY_FAULT },
        { DELIVERY_ANSWERED, 413, -1, DELIVERY_REFUSED },
        { DELIVERY_ANSWERED, 422, -1, DELIVERY_REFUSED },
        { DELIVERY_ANSWERED, 410, -1, DELIVERY_GONE },
        { DELIVERY_ANSWERED, 429, -1, DELIVERY_LIMITED },
        { DELIVERY_ANSWERED, 429, 1000, DELIVERY_LIMITED },
        { DELIVERY_ANSWERED, 500, -1, DELIVERY_FAULT },
        { DELIVERY_ANSWERED, 503, -1, DELIVERY_FAULT },
        { DELIVERY_ANSWERED, 503, 0, DELIVERY_LIMITED },
        { DELIVERY_TIMEOUT, 0, -1, DELIVERY_FAULT },
        { DELIVERY_BROKEN, 0, -1, DELIVERY_FAULT },
        { DELIVERY_NO_CONNECTION, 0, -1, DELIVERY_UNREACHED },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (delivery_classify(cases[i].failure, cases[i].status, cases[i].retry_after_ms) != cases[i].want)
            fail_msg("case %zu", i);
    }
}

/* ---- the schedule ---------------------------------------------------------------------------- */

static void the_default_schedule_is_what_the_documentation_says(void **state)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(1024);
    struct delivery_schedule s;
    static const int64_t want_s[] = { 0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400 };

    assert_int_equal(delivery_schedule_parse(DELIVERY_SCHEDULE, &s, &problem), 0);
    assert_int_equal(s.n, ARRAY_LEN(want_s));
    for (int i = 0; i < s.n; i++)
        assert_int_equal(s.wait_ms[i], want_s[i] * 1000);
}

static void a_schedule_that_makes_no_sense_is_refused_in_words(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "", "no duration" },
        { "0s,", "no duration" },
        { "0s,,5s", "no duration" },
        { "0s,5x", "no duration" },
        { "0s,-5s", "no duration" },
        { "5s,5s", "begin with 0s" },
        { "0s,2592001s", "more than 30 days" },
        { "0s,5333323334323334s", "more than 30 days" },
        { "0s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,"
          "1s",
          "too many" },
    };
    struct delivery_schedule s;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_fini) struct buf problem = BUF_INIT(1024);

        assert_true(delivery_schedule_parse(cases[i].text, &s, &problem) < 0);
        if (!strstr(buf_str(&problem), cases[i].words))
            fail_msg("%s: %s", cases[i].text, buf_str(&problem));
    }
}

static const struct delivery_schedule three = { .wait_ms = { 0, 1000, 10000 }, .n = 3 };

/* A stored time that a clock which was set back has put into the far future is not believed. */
static void a_stored_wait_is_bounded_by_the_schedule(void **state)
{
    static const struct {
        int64_t tries, next_at, want;
    } cases[] = {
        { 1, 1000500, 500 },      { 1, 999000, 0 },         { 1, 1002000, 2000 }, { 1, 1864000000, 2000 },
        { 2, 1864000000, 20000 }, { 9, 1864000000, 20000 }, { 0, 1864000000, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(delivery_wait_left_ms(&three, cases[i].tries, cases[i].next_at, 1000000),
                         cases[i].want);
}

/* ---- the breaker -------------------------------------------------------------------------------- */

#define CONCURRENCY 8

struct scene {
    struct dest_breaker breaker;
    int64_t now, in_flight;
    bool counts;
};

static struct scene scene_new(void)
{
    struct scene s = { .now = 1000 };

    dest_breaker_init(&s.breaker, CONCURRENCY);
    return s;
}

static bool may(struct scene *s)
{
    int64_t at;

    return dest_breaker_may(&s->breaker, s->in_flight, false, s->now, &at);
}

static enum dest_breaker_change deliver(struct scene *s, enum delivery_result result, uint64_t session)
{
    const struct dest_breaker_try t = { .period = dest_breaker_take(&s->breaker, s->now),
                                        .session = session };

    return dest_breaker_answer(&s->breaker, &t, result, 500, s->now, &s->counts);
}

/* Shuts it by failures to connect. */
static void shut(struct scene *s)
{
    for (int i = 0; i < DEST_BREAKER_UNREACHED - 1; i++)
        assert_int_equal(deliver(s, DELIVERY_UNREACHED, 1), DEST_BREAKER_SAME);
    assert_int_equal(deliver(s, DELIVERY_UNREACHED, 1), DEST_BREAKER_OPENED);
}

static void a_destination_that_nobody_reaches_is_shut_and_nothing_is_counted(void **state)
{
    struct scene s = scene_new();

    for (int i = 0; i < DEST_BREAKER_UNREACHED; i++) {
        assert_true(may(&s));
        assert_int_equal(deliver(&s, DELIVERY_UNREACHED, 1),
                         i == DEST_BREAKER_UNREACHED - 1 ? DEST_BREAKER_OPENED : DEST_BREAKER_SAME);
        assert_false(s.counts);
    }
    assert_false(may(&s));
    assert_true(dest_breaker_is_open(&s.breaker, s.now));
}

static void few_sessions_that_fail_are_their_own_fault(void **state)
{
    struct scene s = scene_new();

    assert_false(dest_breaker_is_failing(&s.breaker));
    for (int i = 0; i < 10 * DEST_BREAKER_FAULTS; i++) {
        assert_int_equal(deliver(&s, DELIVERY_FAULT, 7 + (uint64_t)i % (DEST_BREAKER_SESSIONS - 1)),
                         DEST_BREAKER_SAME);
        assert_true(s.counts);
        assert_false(dest_breaker_suspects(&s.breaker));
        assert_true(dest_breaker_is_failing(&s.breaker));
    }
    assert_true(may(&s));
    assert_int_equal(deliver(&s, DELIVERY_TAKEN, 7), DEST_BREAKER_SAME);
    assert_false(dest_breaker_is_failing(&s.breaker));
}

static void many_that_fail_in_a_row_shut_it(void **state)
{
    struct scene s = scene_new();

    for (int i = 0; i < DEST_BREAKER_FAULTS - 1; i++) {
        assert_int_equal(deliver(&s, DELIVERY_FAULT, (uint64_t)i % DEST_BREAKER_SESSIONS), DEST_BREAKER_SAME);
        assert_true(s.counts);
    }
    assert_true(dest_breaker_suspects(&s.breaker));
    assert_int_equal(deliver(&s, DELIVERY_FAULT, 1), DEST_BREAKER_OPENED);
    assert_false(s.counts);
    assert_false(may(&s));
}

static void a_good_answer_ends_the_row(void **state)
{
    struct scene s = scene_new();
    int64_t row = s.breaker.streak_id;

    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < DEST_BREAKER_FAULTS - 1; i++)
            assert_int_equal(deliver(&s, DELIVERY_FAULT, (uint64_t)i), DEST_BREAKER_SAME);
        assert_int_equal(deliver(&s, DELIVERY_TAKEN, 1), DEST_BREAKER_SAME);
        assert_false(dest_breaker_suspects(&s.breaker));
        assert_true(s.breaker.streak_id > row);
        row = s.breaker.streak_id;
    }
    assert_true(may(&s));
}

/* With any answer: when everybody fails it is the destination. */
static void refusals_of_everybody_open_it_too(void **state)
{
    struct scene s = scene_new();

    for (int i = 0; i < DEST_BREAKER_FAULTS - 1; i++) {
        assert_int_equal(deliver(&s, i % 2 ? DELIVERY_REFUSED : DELIVERY_FAULT, (uint64_t)i),
                         DEST_BREAKER_SAME);
        assert_true(s.counts);
    }
    assert_int_equal(deliver(&s, DELIVERY_REFUSED, 99), DEST_BREAKER_OPENED);
    assert_false(s.counts);
}

static void one_probe_goes_when_its_time_is_over(void **state)
{
    struct scene s = scene_new();
    int64_t at = 0;

    shut(&s);
    assert_false(dest_breaker_may(&s.breaker, 0, false, s.now, &at));
    assert_in_range(at, s.now + DEST_BREAKER_OPEN_MS * 8 / 10, s.now + DEST_BREAKER_OPEN_MS * 12 / 10);
    s.now = at;
    assert_true(may(&s));
    (void)dest_breaker_take(&s.breaker, s.now);
    assert_false(may(&s)); /* one is under way */
}

static void a_probe_that_fails_shuts_it_for_longer_and_counts_nothing(void **state)
{
    struct scene s = scene_new();
    int64_t at = 0, before = 0;

    shut(&s);
    for (int i = 0; i < 100; i++) {
        (void)dest_breaker_may(&s.breaker, 0, false, s.now, &at);
        assert_true(at - s.now <= DEST_BREAKER_OPEN_MAX_MS * 12 / 10);
        if (i < 20)
            assert_true(at - s.now >= before);
        before = at - s.now;
        s.now = at;
        assert_true(may(&s));
        assert_int_equal(deliver(&s, i % 2 ? DELIVERY_FAULT : DELIVERY_UNREACHED, 1), DEST_BREAKER_REOPENED);
        assert_false(s.counts);
    }
}

static void it_begins_slowly_when_it_is_well_again(void **state)
{
    struct scene s = scene_new();
    static const int64_t limits[] = { 1, 2, 4, 8, 8 };

    shut(&s);
    s.now += DEST_BREAKER_OPEN_MAX_MS;
    assert_int_equal(deliver(&s, DELIVERY_TAKEN, 1), DEST_BREAKER_CLOSED);
    for (size_t step = 0; step < ARRAY_LEN(limits); step++) {
        assert_int_equal(s.breaker.limit, limits[step]);
        s.in_flight = limits[step] - 1;
        assert_true(may(&s));
        s.in_flight = limits[step];
        assert_false(may(&s));
        for (int64_t i = 0; i < limits[step]; i++)
            assert_int_equal(deliver(&s, DELIVERY_TAKEN, 1), DEST_BREAKER_SAME);
    }
}

static void a_fault_of_what_was_under_way_when_it_shut_counts_for_nothing(void **state)
{
    struct scene s = scene_new();
    const struct dest_breaker_try t = { .period = dest_breaker_take(&s.breaker, s.now), .session = 3 };

    shut(&s);
    assert_int_equal(dest_breaker_answer(&s.breaker, &t, DELIVERY_FAULT, 500, s.now, &s.counts),
                     DEST_BREAKER_SAME);
    assert_false(s.counts);
    s.now += DEST_BREAKER_OPEN_MAX_MS;
    assert_int_equal(deliver(&s, DELIVERY_TAKEN, 1), DEST_BREAKER_CLOSED);
    assert_int_equal(dest_breaker_answer(&s.breaker, &t, DELIVERY_FAULT, 500, s.now, &s.counts),
                     DEST_BREAKER_SAME);
    assert_false(s.counts);
}

/* Shuts it by answers of so many sessions. */
static void shut_by_faults(struct scene *s)
{
    for (uint64_t i = 0; i < DEST_BREAKER_FAULTS; i++)
        assert_int_equal(deliver(s, DELIVERY_FAULT, i),
                         i == DEST_BREAKER_FAULTS - 1 ? DEST_BREAKER_OPENED : DEST_BREAKER_SAME);
}

static bool may_fresh(struct scene *s)
{
    int64_t at = 0;
    bool r = dest_breaker_may(&s->breaker, s->in_flight, true, s->now, &at);

    if (!r && at > s->now) {
        s->now = at;
        return dest_breaker_may(&s->breaker, s->in_flight, true, s->now, &at);
    }
    return r;
}

/* Else a healthy session would wait until the failing ones are through with their probes. */
static void while_it_is_shut_sessions_that_have_not_failed_are_tried(void **state)
{
    struct scene s = scene_new();
    int64_t begun;

    shut_by_faults(&s);
    begun = s.now;
    for (uint64_t i = 0; i < 50; i++) {
        assert_true(may_fresh(&s));
        assert_false(may(&s));
        assert_int_equal(deliver(&s, DELIVERY_FAULT, 100 + i), DEST_BREAKER_SAME);
        assert_false(s.counts);
    }
    assert_true(s.now >= begun + 49 * DEST_BREAKER_NEW_MS); /* not as fast as they fail */
    assert_true(may_fresh(&s));
    assert_int_equal(deliver(&s, DELIVERY_TAKEN, 200), DEST_BREAKER_CLOSED);
    assert_true(dest_breaker_is_closed(&s.breaker));
    assert_true(may(&s));
}

static void a_session_is_tried_beside_a_probe_that_hangs(void **state)
{
    struct scene s = scene_new();
    struct dest_breaker_try probe = { .session = 1 };

    shut_by_faults(&s);
    s.now += DEST_BREAKER_OPEN_MAX_MS;
    probe.period = dest_breaker_take(&s.breaker, s.now);
    s.in_flight = 1;
    assert_true(may_fresh(&s));
    s.in_flight = DEST_BREAKER_NEW_AT_ONCE;
    assert_false(may_fresh(&s));
    s.in_flight = 1;
    assert_true(may_fresh(&s));
    assert_int_equal(deliver(&s, DELIVERY_FAULT, 100), DEST_BREAKER_SAME);
    assert_int_equal(dest_breaker_answer(&s.breaker, &probe, DELIVERY_FAULT, 500, s.now, &s.counts),
                     DEST_BREAKER_REOPENED);
    assert_true(may_fresh(&s));
    assert_int_equal(deliver(&s, DELIVERY_TAKEN, 101), DEST_BREAKER_CLOSED);
}

/* No event can be the cause: the sessions have nothing to do with it. */
static void nobody_is_tried_where_nobody_listens(void **state)
{
    struct scene s = scene_new();
    int64_t at;

    shut(&s);
    assert_false(dest_breaker_wants_new(&s.breaker));
    assert_false(dest_breaker_may(&s.breaker, 0, true, s.now, &at));
    assert_int_equal(at, s.breaker.breaker.until);
    s.now = at;
    assert_int_equal(deliver(&s, DELIVERY_FAULT, 1),
                     DEST_BREAKER_REOPENED); /* it can be connected to again */
    assert_true(dest_breaker_wants_new(&s.breaker));
    assert_true(may_fresh(&s));
    assert_int_equal(deliver(&s, DELIVERY_UNREACHED, 1), DEST_BREAKER_SAME);
    assert_false(dest_breaker_wants_new(&s.breaker));
}

/* Its request took longer than the failing ones that came after it. */
static void an_old_good_answer_opens_it(void **state)
{
    struct scene s = scene_new();
    const struct dest_breaker_try t = { .period = dest_breaker_take(&s.breaker, s.now), .session = 3 };

    shut_by_faults(&s);
    assert_int_equal(dest_breaker_answer(&s.breaker, &t, DELIVERY_TAKEN, 500, s.now, &s.counts),
                     DEST_BREAKER_CLOSED);
    assert_true(may(&s));
}

/* Many sessions whose events fail again and again do not shut it time after time: others are being taken. */
static void what_is_known_to_fail_shuts_nothing(void **state)
{
    struct scene s = scene_new();

    for (int i = 0; i < 10 * DEST_BREAKER_FAULTS; i++) {
        const struct dest_breaker_try t = { .period = dest_breaker_take(&s.breaker, s.now),
                                            .session = (uint64_t)i,
                                            .known = true };

        assert_int_equal(dest_breaker_answer(&s.breaker, &t, DELIVERY_FAULT, 500, s.now, &s.counts),
                         DEST_BREAKER_SAME);
        assert_true(s.counts);
        assert_true(dest_breaker_is_failing(&s.breaker));
    }
    shut_by_faults(&s);
}

/* ---- the tries of an event ------------------------------------------------------------------- */

struct event_life {
    struct scene scene;
    struct delivery_tries tries;
    const struct delivery_schedule *schedule;
    uint64_t session;
};

static struct event_life life_new(const struct delivery_schedule *schedule)
{
    return (struct event_life){ .scene = scene_new(), .schedule = schedule, .session = 7 };
}

/* Its next try fails, at its time. */
static struct delivery_next try_fails(struct event_life *l, enum delivery_result result)
{
    const struct delivery_failure_facts f = { .schedule = l->schedule,
                                              .fault = result == DELIVERY_FAULT,
                                              .may_give_up = true,
                                              .jitter_permille = 500,
                                              .now_ms = l->scene.now };
    struct delivery_next next = { 0 };

    if (l->tries.sends++ == 0)
        l->tries.taken_seen = l->scene.breaker.taken;
    (void)deliver(&l->scene, result, l->session);
    if (l->scene.counts)
        next = delivery_failed(&l->tries, &l->scene.breaker, &f);
    l->scene.now += next.wait_ms;
    return next;
}

static void another_is_taken(struct event_life *l)
{
    (void)deliver(&l->scene, DELIVERY_TAKEN, 1000);
}

static void an_event_that_fails_while_others_are_taken_is_given_up_by_its_schedule(void **state)
{
    struct event_life l = life_new(&three);

    another_is_taken(&l);
    assert_int_equal(try_fails(&l, DELIVERY_FAULT).wait_ms, 1000);
    another_is_taken(&l);
    assert_int_equal(try_fails(&l, DELIVERY_FAULT).wait_ms, 10000);
    another_is_taken(&l);
    assert_true(try_fails(&l, DELIVERY_FAULT).give_up);
    assert_int_equal(l.tries.counted, 3);
}

/* 401 for the only session there is, for a day: nothing counts, and it is tried at least every 30 s. */
static void alone_nobody_can_tell_and_nothing_is_given_up(void **state)
{
    struct event_life l = life_new(&three);
    int64_t day = 24LL * 3600 * 1000;

    for (int i = 0; l.scene.now < day; i++) {
        struct delivery_next next = try_fails(&l, DELIVERY_FAULT);

        assert_false(next.give_up);
        assert_in_range(next.wait_ms, 1, 30000);
    }
    assert_int_equal(l.tries.counted, 1);
}

/* An event that its backend cannot stand must not stop the only session for ever. */
static void alone_a_refused_body_is_given_up(void **state)
{
    struct event_life l = life_new(&three);

    assert_false(try_fails(&l, DELIVERY_REFUSED).give_up);
    assert_false(try_fails(&l, DELIVERY_REFUSED).give_up);
    assert_true(try_fails(&l, DELIVERY_REFUSED).give_up);
}

static void a_long_wait_for_a_fault_is_broken_by_tries_that_do_not_count(void **state)
{
    static const struct delivery_schedule slow = { .wait_ms = { 0, 3600000 }, .n = 2 };
    struct event_life l = life_new(&slow);

    another_is_taken(&l);
    for (int i = 0; i < 100; i++) {
        assert_in_range(try_fails(&l, DELIVERY_FAULT).wait_ms, 1, 30000);
        another_is_taken(&l);
        assert_int_equal(l.tries.counted, 1);
    }
}

/* With one try in the schedule the first failure would be the last: another has to be taken after it. */
static void a_single_try_proves_nothing(void **state)
{
    static const struct delivery_schedule once = { .wait_ms = { 0 }, .n = 1 };
    struct event_life l = life_new(&once);

    another_is_taken(&l);
    assert_false(try_fails(&l, DELIVERY_FAULT).give_up);
    another_is_taken(&l);
    assert_true(try_fails(&l, DELIVERY_FAULT).give_up);
}

static void what_was_counted_in_the_streak_that_opens_the_breaker_is_given_back(void **state)
{
    struct event_life l = life_new(&three);

    (void)try_fails(&l, DELIVERY_FAULT);
    assert_int_equal(l.tries.counted, 1);
    for (uint64_t i = 0; i < DEST_BREAKER_FAULTS - 1; i++)
        (void)deliver(&l.scene, DELIVERY_FAULT, 100 + i);
    assert_false(dest_breaker_is_closed(&l.scene.breaker));
    assert_true(delivery_give_back(&l.tries, &l.scene.breaker));
    assert_int_equal(l.tries.counted, 0);
    assert_false(delivery_give_back(&l.tries, &l.scene.breaker));
}

/* ---- the pace -------------------------------------------------------------------------------- */

static void a_limit_is_nobodys_fault(void **state)
{
    struct scene s = scene_new();
    struct dest_breaker_try t = { .session = 1, .retry_after_ms = 7000 };
    int64_t at = 0;

    for (int i = 0; i < 10 * DEST_BREAKER_FAULTS; i++) {
        t.period = dest_breaker_take(&s.breaker, s.now);
        t.session = (uint64_t)i;
        assert_int_equal(dest_breaker_answer(&s.breaker, &t, DELIVERY_LIMITED, 500, s.now, &s.counts),
                         DEST_BREAKER_SAME);
        assert_false(s.counts);
    }
    assert_false(dest_breaker_may(&s.breaker, 0, true, s.now, &at));
    assert_int_equal(at, s.now + 7000);
    s.now = at;
    assert_true(dest_breaker_may(&s.breaker, 0, true, s.now, &at));
}

/* A backend with a bucket of @burst that fills with @rate a second. Returns how long 1,000 requests take, ms. */
static int64_t time_of_1000(double rate, double burst, bool says_when)
{
    struct pace p = { 0 };
    double tokens = burst;
    int64_t now = 1000, at = 0;

    for (int taken = 0; taken < 1000;) {
        if (!pace_may(&p, now, &at)) {
            assert_true(at > now);
            tokens += rate * (double)(at - now) / 1000;
            tokens = tokens < burst ? tokens : burst;
            now = at;
            continue;
        }
        pace_take(&p, now);
        if (tokens >= 1) {
            tokens--;
            taken++;
            pace_taken(&p, now);
        } else {
            pace_limited(&p, now, says_when ? 1000 : -1);
        }
        now++;
        tokens += rate / 1000;
        tokens = tokens < burst ? tokens : burst;
    }
    return now - 1000;
}

static void the_pace_is_that_of_the_backend(void **state)
{
    assert_in_range(time_of_1000(20, 20, true), 45000, 65000);
    assert_in_range(time_of_1000(20, 5, true), 45000, 65000);
    assert_in_range(time_of_1000(20, 1, true), 45000, 70000);
    assert_in_range(time_of_1000(20, 20, false), 45000, 65000);
    assert_in_range(time_of_1000(200, 200, true), 3500, 8000);
}

/* Nine minutes of doubling without traffic: the pace stays a number, and the next request may go at once. */
static void a_pace_that_doubles_for_long_has_an_end(void **state)
{
    struct pace p = { 0 };
    int64_t at;

    pace_limited(&p, 1000, 0);
    assert_true(pace_may(&p, 1000 + 9 * 60 * 1000, &at));
    assert_true(p.rate_milli > 1000 * 1000 && p.rate_milli <= INT64_C(1000) * 1000 * 1000);
    assert_true(p.credit_milli >= 1000);
}

static void a_pause_has_an_end_whatever_the_backend_says(void **state)
{
    struct pace p = { 0 };
    int64_t at = 0;

    pace_limited(&p, 1000, INT64_MAX);
    assert_false(pace_may(&p, 1000, &at));
    assert_int_equal(at, 1000 + PACE_PAUSE_MAX_MS);
    pace_resume(&p, 5000);
    assert_true(pace_may(&p, 5000, &at));
    pace_take(&p, 5000);
    assert_true(pace_may(&p, 7000, &at)); /* and not only for one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_classified),
        cmocka_unit_test(the_default_schedule_is_what_the_documentation_says),
        cmocka_unit_test(a_schedule_that_makes_no_sense_is_refused_in_words),
        cmocka_unit_test(a_stored_wait_is_bounded_by_the_schedule),
        cmocka_unit_test(a_destination_that_nobody_reaches_is_shut_and_nothing_is_counted),
        cmocka_unit_test(few_sessions_that_fail_are_their_own_fault),
        cmocka_unit_test(many_that_fail_in_a_row_shut_it),
        cmocka_unit_test(a_good_answer_ends_the_row),
        cmocka_unit_test(refusals_of_everybody_open_it_too),
        cmocka_unit_test(one_probe_goes_when_its_time_is_over),
        cmocka_unit_test(a_probe_that_fails_shuts_it_for_longer_and_counts_nothing),
        cmocka_unit_test(it_begins_slowly_when_it_is_well_again),
        cmocka_unit_test(a_fault_of_what_was_under_way_when_it_shut_counts_for_nothing),
        cmocka_unit_test(while_it_is_shut_sessions_that_have_not_failed_are_tried),
        cmocka_unit_test(a_session_is_tried_beside_a_probe_that_hangs),
        cmocka_unit_test(nobody_is_tried_where_nobody_listens),
        cmocka_unit_test(an_old_good_answer_opens_it),
        cmocka_unit_test(what_is_known_to_fail_shuts_nothing),
        cmocka_unit_test(an_event_that_fails_while_others_are_taken_is_given_up_by_its_schedule),
        cmocka_unit_test(alone_nobody_can_tell_and_nothing_is_given_up),
        cmocka_unit_test(alone_a_refused_body_is_given_up),
        cmocka_unit_test(a_long_wait_for_a_fault_is_broken_by_tries_that_do_not_count),
        cmocka_unit_test(a_single_try_proves_nothing),
        cmocka_unit_test(what_was_counted_in_the_streak_that_opens_the_breaker_is_given_back),
        cmocka_unit_test(a_limit_is_nobodys_fault),
        cmocka_unit_test(the_pace_is_that_of_the_backend),
        cmocka_unit_test(a_pause_has_an_end_whatever_the_backend_says),
        cmocka_unit_test(a_pace_that_doubles_for_long_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
