/* The first line of `zapkeep status`, and that it fits. */
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/domain/next_step.h"
#include "services/cli/status_text.h"
#include "services/cli/terminal.h"

#define NOW 1000000000

/* A bridge that is well, with ten connected sessions. */
static struct bridge_summary well(void)
{
    struct bridge_summary b = { .now = { .steady_ms = 500000, .wall_ms = NOW }, .policy = policy_default };

    str_copy(STR_LIT("main"), b.row.name, sizeof b.row.name);
    b.row.health = BRIDGE_HEALTH_UP;
    b.row.swept_wall = NOW - 5000;
    b.row.fresh_until = 600000;
    b.row.interval_ms = 1;
    b.sessions[SESSION_CONNECTED] = 10;
    return b;
}

static void add_down(struct bridge_summary *b, const char *id, enum session_state state, bool parked)
{
    struct status_session *s = &b->down[b->n_down++];

    str_copy(str_from(id), s->id, sizeof s->id);
    s->state = state;
    s->since = NOW - 90000;
    s->parked = parked;
    b->sessions[state]++;
}

static const char *headline(const struct bridge_summary *b)
{
    static struct problems p;
    static char line[2000];
    CLEANUP(buf_fini) struct buf out = BUF_INIT(100000);

    p.n = 0;
    status_problems(b, &p);
    status_sort(&p);
    status_headline(&p, b, 1, false, &out);
    (void)snprintf(line, sizeof line, "%s", buf_str(&out));
    line[strcspn(line, "\n")] = '\0';
    return line;
}

static void test_the_first_line_says_the_worst(void **state)
{
    struct bridge_summary b = well();

    (void)state;
    assert_string_equal(headline(&b), "ok        bridge main is up, 10 sessions are connected");
    add_down(&b, "alice", SESSION_LOGGED_OUT, false);
    assert_string_equal(headline(&b),
                        "wrong     1 of 11 sessions of bridge main is down: alice (logged_out)");
    add_down(&b, "bob", SESSION_DISCONNECTED, true);
    assert_non_null(strstr(headline(&b), "2 of 12 sessions of bridge main are down: alice"));
    b.row.breaker.state = BREAKER_OPEN;
    assert_non_null(strstr(headline(&b), "the breaker of bridge main is open"));
    b.row.interval_ms = 0;
    assert_non_null(strstr(headline(&b), "no reconnect-worker has ever started"));
    b.row.health = BRIDGE_HEALTH_DOWN;
    b.row.health_since = NOW - 240000;
    str_copy(STR_LIT("cannot connect"), b.row.health_detail, sizeof b.row.health_detail);
    assert_string_equal(headline(&b), "wrong     bridge main is down for 4m: cannot connect");
    b.row.swept_wall = 0; /* its sessions were never seen, and the reason is there */
    assert_string_equal(headline(&b), "wrong     bridge main is down for 4m: cannot connect");
    b.row.swept_wall = NOW - 5000;
    b.row.fresh_until = 499999; /* then all of it is old */
    assert_non_null(strstr(headline(&b), "the monitor saw the sessions of bridge main last 5s ago"));
    b.monitor_dead = true; /* and nobody has to wait until it is old */
    b.monitor_age_ms = 20000;
    assert_non_null(strstr(headline(&b), "the monitor is dead; all below is as it was 20s ago"));
}

static void test_an_alert_alone_is_wrong(void **state)
{
    struct bridge_summary b = well();

    (void)state;
    b.n_alerts = 1;
    str_copy(STR_LIT("session-silent"), b.alerts[0].name, sizeof b.alerts[0].name);
    str_copy(STR_LIT("session s1 is silent"), b.alerts[0].detail, sizeof b.alerts[0].detail);
    assert_string_equal(headline(&b), "wrong     alert session-silent: session s1 is silent");
}

static void test_an_open_bus_is_a_note_and_not_wrong(void **state)
{
    static struct problems p;
    struct app_settings app = { .bus_in = "ipc:///x",
                                .bus_out = "tcp://0.0.0.0:5551",
                                .bus_feed = "tcp://127.0.0.1:1" };

    (void)state;
    status_bus_problems(&app, &p);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.item[0].level, PROBLEM_WARN);
    assert_non_null(strstr(p.item[0].text, "ZAPKEEP_BUS_OUT is tcp://0.0.0.0:5551"));
}

static void test_no_line_is_wider_than_eighty(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(100000);
    static struct problems p;
    struct bridge_summary b = well();
    char id[64];

    (void)state;
    for (int i = 0; i < STATUS_DOWN_MAX; i++) {
        (void)snprintf(id, sizeof id, "session-with-a-long-name-%d", i);
        add_down(&b, id, (enum session_state)(SESSION_DISCONNECTED + i % 4), i % 2);
    }
    b.n_down = 500;
    b.queue.waiting = b.queue.phase[RETRY_DUE] = 123456;
    b.queue.oldest_due_at = 1;
    b.verdict.why = WHY_NO_METHOD;
    memset(b.row.no_reconnect_method, 'w', sizeof b.row.no_reconnect_method - 1);
    for (size_t i = 7; i < sizeof b.row.no_reconnect_method - 1; i += 8)
        b.row.no_reconnect_method[i] = ' ';
    p.n = 0;
    status_problems(&b, &p);
    status_headline(&p, &b, 1, false, &out);
    status_text(&(struct cli_settings){ 0 }, &b, &out);
    for (const char *line = buf_str(&out); *line; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 1, TERMINAL_COLUMNS);
    assert_non_null(strstr(buf_str(&out), "and 490 more"));
}

static void test_every_session_that_needs_a_person_has_a_next_step(void **state)
{
    static const struct {
        enum session_state state;
        const char *cause;
        bool parked;
        const char *has;
    } cases[] = {
        { SESSION_CONNECTED, NULL, false, "" },
        { SESSION_STARTING, NULL, false, "" },
        { SESSION_DISCONNECTED, "connection-lost", false, "" },
        { SESSION_DISCONNECTED, "connection-lost", true, "zapkeep session unpark s1" },
        { SESSION_ACTION_REQUIRED, NULL, false, "confirm it on the phone" },
        { SESSION_QR_PENDING, NULL, false, "zapkeep session pair s1" },
        { SESSION_LOGGED_OUT, "logged-out", false, "zapkeep session pair s1" },
        { SESSION_LOGGED_OUT, "logged-out", true, "zapkeep session pair s1" },
        { SESSION_LOST, "lost", false, "zapkeep session pair s1" },
        { SESSION_FAILED, NULL, true, "zapkeep session pair s1" },
    };
    char step[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct cause *cause = cases[i].cause ? cause_by_name(cases[i].cause) : NULL;

        (void)next_step(cases[i].state, cause, cases[i].parked, "s1", step, sizeof step);
        if (!*cases[i].has)
            assert_string_equal(step, "");
        else
            assert_non_null(strstr(step, cases[i].has));
    }
    (void)next_step(SESSION_FAILED, cause_find(405), true, "s1", step, sizeof step);
    assert_non_null(strstr(step, "update the bridge"));
}

static void test_lines_are_cut_between_characters(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(1000);

    (void)state;
    (void)buf_adds(&out, "a first line that stays whole\näöüäöüäöü");
    terminal_cut(&out, 5);
    assert_string_equal(buf_str(&out), "a first line that stays whole\näöüä…");
    terminal_cut(&out, 5);
    assert_string_equal(buf_str(&out), "a first line that stays whole\näöüä…");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_line_says_the_worst),
        cmocka_unit_test(test_an_alert_alone_is_wrong),
        cmocka_unit_test(test_an_open_bus_is_a_note_and_not_wrong),
        cmocka_unit_test(test_no_line_is_wider_than_eighty),
        cmocka_unit_test(test_every_session_that_needs_a_person_has_a_next_step),
        cmocka_unit_test(test_lines_are_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
