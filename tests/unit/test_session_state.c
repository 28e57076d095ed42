/* The recorded state against the bridge's word: every row is one session, one word, one decision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "services/monitor/session_state.h"
#include "tests/unit/monitor_rules.h"

#define S       1000LL
#define NOW     (100000 * S)
#define START   (120 * S)
#define REMOVED (3600 * S)

#define STARTING     SESSION_STARTING
#define QR           SESSION_QR_PENDING
#define CONNECTED    SESSION_CONNECTED
#define DISCONNECTED SESSION_DISCONNECTED
#define LOGGED_OUT   SESSION_LOGGED_OUT
#define FAILED       SESSION_FAILED
#define LOST         SESSION_LOST
#define NEW          SESSION_STATE_N

/* A cause in a table: a code, or a name where there is none. */
struct reason {
    int code;
    const char *name;
};
/* A row stays as it is read. */
/* clang-format off */
#define NONE    { 0, NULL }
#define CODE(n) { n, NULL }
#define NAME(s) { 0, s }
#define POLL .source = REPORT_POLL, .at_ms = NOW - S
/* A first poll has denied it long enough ago. */
#define DOUBTED .doubt_ms = NOW - 10 * S
#define MISSED  .doubt_ms = NOW - 10 * S, .doubt_missing = true
/* A webhook that was received a second ago, and had occurred before. */
#define LATE(ms) .source = REPORT_WEBHOOK, .at_ms = NOW - S, .occurred_ms = NOW - S - (ms)
#define WEBHOOK .source = REPORT_WEBHOOK, .at_ms = NOW - S, .occurred_ms = NOW - S

static const struct row {
    const char *what;
    struct session_known known;
    struct reason held_why;
    struct session_report report;
    struct reason said_why;
    enum session_state state; /* expected; the rest follows */
    struct reason why;
    enum { TAKEN, DROP, IGNORED, ASK_AGAIN } how;
} rows[] = {
    /* polls */
    { "a poll finds it connected", { .state = DISCONNECTED }, CODE(428), { POLL, .state = CONNECTED }, NONE, CONNECTED, NONE, TAKEN },
    { "a poll finds it gone down", { .state = CONNECTED, DOUBTED }, NONE, { POLL, .state = DISCONNECTED }, NONE, DISCONNECTED, NAME("poll"), DROP },
    { "and still down: no change, and the cause a webhook gave stays", { .state = DISCONNECTED }, CODE(428),
      { POLL, .state = DISCONNECTED }, NONE, DISCONNECTED, CODE(428), TAKEN },
    { "a logged out session looks disconnected to a poll", { .state = LOGGED_OUT }, CODE(401),
      { POLL, .state = DISCONNECTED }, NONE, LOGGED_OUT, CODE(401), TAKEN },
    { "a banned one, too", { .state = FAILED }, CODE(403), { POLL, .state = DISCONNECTED }, NONE, FAILED, CODE(403), TAKEN },
    { "the bridge says that reconnecting is pointless", { .state = CONNECTED, DOUBTED }, NONE,
      { POLL, .state = DISCONNECTED, .final = true }, NONE, LOGGED_OUT, NAME("logged-out"), DROP },
    { "a logged out session comes back by a scan", { .state = LOGGED_OUT }, CODE(401), { POLL, .state = CONNECTED }, NONE, CONNECTED, NONE, TAKEN },
    { "the bridge knows it is logged out", { .state = CONNECTED }, NONE, { POLL, .state = LOGGED_OUT }, NONE, LOGGED_OUT, NAME("logged-out"), DROP },
    { "and the webhook's cause says more", { .state = LOGGED_OUT }, CODE(401), { POLL, .state = LOGGED_OUT }, NONE, LOGGED_OUT, CODE(401), TAKEN },
    { "unknown to us, in the list: adopted", { .state = NEW }, NONE, { POLL, .state = CONNECTED }, NONE, CONNECTED, NONE, TAKEN },
    { "unknown to us, down: adopted, and down", { .state = NEW }, NONE, { POLL, .state = DISCONNECTED }, NONE, DISCONNECTED, NAME("poll"), TAKEN },

    /* lost */
    { "gone from two good lists", { .state = CONNECTED, .polled_once = true, MISSED }, NONE, { POLL, .missing = true }, NONE, LOST, NAME("lost"), DROP },
    { "still gone", { .state = LOST, .polled_once = true }, NAME("lost"), { POLL, .missing = true }, NONE, LOST, NAME("lost"), TAKEN },
    { "gone for long, while others are there: removed", { .state = LOST, .polled_once = true, .lost_ms = NOW - REMOVED - S }, NAME("lost"),
      { POLL, .missing = true, .others_listed = true }, NONE, LOST, NAME("removed"), TAKEN },
    { "gone for long, and so are the others", { .state = LOST, .polled_once = true, .lost_ms = NOW - REMOVED - S }, NAME("lost"),
      { POLL, .missing = true }, NONE, LOST, NAME("lost"), TAKEN },
    { "not gone for so long yet", { .state = LOST, .polled_once = true, .lost_ms = NOW - REMOVED + 1000 }, NAME("lost"),
      { POLL, .missing = true, .others_listed = true }, NONE, LOST, NAME("lost"), TAKEN },
    { "removed stays removed", { .state = LOST, .polled_once = true }, NAME("removed"), { POLL, .missing = true }, NONE, LOST, NAME("removed"), TAKEN },
    { "created again after it was removed", { .state = LOST, .polled_once = true }, NAME("removed"), { POLL, .state = CONNECTED }, NONE, CONNECTED, NONE, TAKEN },
    { "back in the list", { .state = LOST, .polled_once = true }, NAME("lost"), { POLL, .state = CONNECTED }, NONE, CONNECTED, NONE, TAKEN },
    { "back in the list, but down", { .state = LOST, .polled_once = true }, NAME("lost"),
      { POLL, .state = DISCONNECTED }, NONE, DISCONNECTED, NAME("poll"), TAKEN },
    { "just created, not listed yet", { .state = STARTING, .known_ms = NOW - START + 1 }, NONE, { POLL, .missing = true }, NONE, STARTING, NONE, IGNORED },
    { "created, never listed", { .state = STARTING, .known_ms = NOW - START, MISSED }, NONE, { POLL, .missing = true }, NONE, LOST, NAME("lost"), TAKEN },
    { "taken down and up by an attempt", { .state = DISCONNECTED, .polled_once = true, .attempting = true },
      CODE(428), { POLL, .missing = true }, NONE, DISCONNECTED, CODE(428), IGNORED },

    /* starting */
    { "a bridge that has no word for a code calls it starting", { .state = SESSION_QR_PENDING, .webhook_ms = NOW - START }, NONE,
      { POLL, .state = STARTING }, NONE, SESSION_QR_PENDING, NONE, TAKEN },
    { "no other code has come", { .state = SESSION_QR_PENDING, .webhook_ms = NOW - START - 2 * S }, NONE,
      { POLL, .state = STARTING }, NONE, STARTING, NONE, TAKEN },
    { "starting", { .state = DISCONNECTED }, CODE(428), { POLL, .state = STARTING }, NONE, STARTING, CODE(428), TAKEN },
    { "starting for 120 s", { .state = STARTING, .starting_ms = NOW - START }, NONE, { POLL, .state = STARTING }, NONE, STARTING, NONE, TAKEN },
    { "starting for longer", { .state = STARTING, .starting_ms = NOW - START - 1 }, NONE,
      { POLL, .state = STARTING }, NONE, DISCONNECTED, NAME("start-timeout"), TAKEN },
    { "and on and on", { .state = DISCONNECTED, .starting_ms = NOW - 2 * START }, NAME("start-timeout"),
      { POLL, .state = STARTING }, NONE, DISCONNECTED, NAME("start-timeout"), TAKEN },
    { "an attempt gives it time again",
      { .state = DISCONNECTED, .starting_ms = NOW - 2 * START, .attempt_ms = NOW - 5 * S },
      NAME("start-timeout"), { POLL, .state = STARTING }, NONE, STARTING, NAME("start-timeout"), TAKEN },
    { "connected, then starting by itself: a drop", { .state = CONNECTED }, NONE, { POLL, .state = STARTING }, NONE, STARTING, NONE, DROP },

    /* waiting for a scan */
    { "a code to scan", { .state = STARTING }, NONE, { POLL, .state = QR }, NONE, QR, NONE, TAKEN },
    { "connected, then a code: it lost its pairing", { .state = CONNECTED }, NONE, { POLL, .state = QR }, NONE, QR, NONE, DROP },
    { "nobody scanned (408): still a person's turn", { .state = QR }, NONE, { WEBHOOK, .state = DISCONNECTED }, CODE(408), QR, CODE(408), TAKEN },
    { "and the poll that calls it disconnected changes nothing", { .state = QR }, CODE(408), { POLL, .state = DISCONNECTED }, NONE, QR, CODE(408), TAKEN },
    { "a new code changes nothing either", { .state = QR }, CODE(408), { POLL, .state = QR }, NONE, QR, CODE(408), TAKEN },
    { "a code refreshed by closing (no code)", { .state = QR }, NONE, { WEBHOOK, .state = DISCONNECTED }, NONE, QR, NAME("unknown"), TAKEN },
    { "paired, then 408: a drop like any other", { .state = QR, .paired = true }, NONE,
      { WEBHOOK, .state = DISCONNECTED }, CODE(408), DISCONNECTED, CODE(408), TAKEN },
    { "scanned: WhatsApp asks for a restart", { .state = QR }, NONE, { WEBHOOK, .state = DISCONNECTED }, CODE(515), DISCONNECTED, CODE(515), TAKEN },
    { "without a webhook the poll is believed", { .state = QR }, NONE, { POLL, .state = DISCONNECTED }, NONE, DISCONNECTED, NAME("poll"), TAKEN },

    /* webhooks */
    { "a webhook says why", { .state = CONNECTED }, NONE, { WEBHOOK, .state = DISCONNECTED }, CODE(428), DISCONNECTED, CODE(428), DROP },
    { "401 is logged out", { .state = CONNECTED }, NONE, { WEBHOOK, .state = DISCONNECTED, .final = true }, CODE(401), LOGGED_OUT, CODE(401), DROP },
    { "403 is failed", { .state = CONNECTED }, NONE, { WEBHOOK, .state = DISCONNECTED }, CODE(403), FAILED, CODE(403), DROP },
    { "shouldReconnect false without a code", { .state = CONNECTED }, NONE,
      { WEBHOOK, .state = DISCONNECTED, .final = true }, NONE, LOGGED_OUT, NAME("logged-out"), DROP },
    { "no reason at all", { .state = CONNECTED }, NONE, { WEBHOOK, .state = DISCONNECTED }, NONE, DISCONNECTED, NAME("unknown"), DROP },
    { "connected again", { .state = DISCONNECTED }, CODE(428), { WEBHOOK, .state = CONNECTED }, NONE, CONNECTED, NONE, TAKEN },
    { "an attempt closes the session first", { .state = DISCONNECTED, .attempting = true }, CODE(428),
      { WEBHOOK, .state = DISCONNECTED }, NONE, DISCONNECTED, CODE(428), IGNORED },
    { "but a code during an attempt is news", { .state = DISCONNECTED, .attempting = true }, CODE(428),
      { WEBHOOK, .state = DISCONNECTED }, CODE(401), LOGGED_OUT, CODE(401), TAKEN },

    /* a word that we do not know: not up, not down */
    { "connected, then a strange word: no drop", { .state = CONNECTED }, NONE, { POLL, .state = SESSION_UNKNOWN }, NONE, SESSION_UNKNOWN, NONE, TAKEN },
    { "down, then a strange word", { .state = DISCONNECTED }, CODE(428), { POLL, .state = SESSION_UNKNOWN }, NONE, SESSION_UNKNOWN, CODE(428), TAKEN },
    { "and down again", { .state = SESSION_UNKNOWN, DOUBTED }, NONE, { POLL, .state = DISCONNECTED }, NONE, DISCONNECTED, NAME("poll"), TAKEN },

    /* which one is newer */
    { "a webhook newer than the poll wins", { .state = CONNECTED, .webhook_ms = NOW }, NONE, { POLL, .state = DISCONNECTED }, NONE, CONNECTED, NONE, IGNORED },
    { "also over a list that lacks it", { .state = CONNECTED, .webhook_ms = NOW, .polled_once = true }, NONE,
      { POLL, .missing = true }, NONE, CONNECTED, NONE, IGNORED },
    { "a webhook of the same moment wins", { .state = CONNECTED, .webhook_ms = NOW - S }, NONE, { POLL, .state = DISCONNECTED }, NONE, CONNECTED, NONE, IGNORED },
    { "an older webhook does not", { .state = CONNECTED, .webhook_ms = NOW - 2 * S, DOUBTED }, NONE,
      { POLL, .state = DISCONNECTED }, NONE, DISCONNECTED, NAME("poll"), DROP },
    { "a webhook from before the poll changes no state", { .state = CONNECTED, .polled_ms = NOW }, NONE,
      { WEBHOOK, .state = DISCONNECTED }, CODE(428), CONNECTED, NONE, IGNORED },
    { "but it confirms a poll that was to be asked again", { .state = CONNECTED, .polled_ms = NOW, DOUBTED }, NONE,
      { WEBHOOK, .state = DISCONNECTED }, CODE(428), DISCONNECTED, CODE(428), DROP },
    { "not when it was kept for minutes", { .state = CONNECTED, .polled_ms = NOW, DOUBTED }, NONE,
      { LATE(300 * S), .state = DISCONNECTED }, CODE(428), CONNECTED, NONE, ASK_AGAIN },
    { "nor when the session has received something since that poll", { .state = CONNECTED, .polled_ms = NOW, DOUBTED, .received_ms = NOW - 5 * S }, NONE,
      { WEBHOOK, .state = DISCONNECTED }, CODE(428), CONNECTED, NONE, ASK_AGAIN },
    { "nor a list that lacked it", { .state = CONNECTED, .polled_ms = NOW, MISSED }, NONE, { WEBHOOK, .state = DISCONNECTED }, CODE(428), CONNECTED, NONE, ASK_AGAIN },
    { "and it explains what the poll saw", { .state = DISCONNECTED, .polled_ms = NOW }, NAME("poll"),
      { WEBHOOK, .state = DISCONNECTED }, CODE(401), LOGGED_OUT, CODE(401), TAKEN },
    { "only once", { .state = DISCONNECTED, .polled_ms = NOW }, CODE(428), { WEBHOOK, .state = DISCONNECTED }, CODE(408), DISCONNECTED, CODE(428), IGNORED },
    { "webhooks overtake each other: the one that occurred later wins",
      { .state = CONNECTED, .webhook_ms = NOW - 2 * S, .webhook_occurred_ms = NOW - 2 * S }, NONE,
      { LATE(3 * S), .state = DISCONNECTED }, CODE(428), CONNECTED, NONE, IGNORED },
    { "the newer one counts, whatever came first",
      { .state = CONNECTED, .webhook_ms = NOW, .webhook_occurred_ms = NOW - 6 * S }, NONE,
      { LATE(4 * S), .state = DISCONNECTED }, CODE(428), DISCONNECTED, CODE(428), DROP },
    { "a 401 is never ignored for a time", { .state = CONNECTED, .webhook_ms = NOW - 2 * S, .webhook_occurred_ms = NOW - 2 * S }, NONE,
      { LATE(600 * S), .state = DISCONNECTED, .final = true }, CODE(401), LOGGED_OUT, CODE(401), DROP },
    { "nor a 403", { .state = CONNECTED, .webhook_ms = NOW, .webhook_occurred_ms = NOW }, NONE,
      { LATE(3 * S), .state = DISCONNECTED }, CODE(403), FAILED, CODE(403), DROP },
    { "nor a 440", { .state = CONNECTED, .webhook_ms = NOW, .webhook_occurred_ms = NOW }, NONE,
      { LATE(3 * S), .state = DISCONNECTED }, CODE(440), DISCONNECTED, CODE(440), DROP },
    { "nor a 401 for a poll that was asked later", { .state = CONNECTED, .polled_ms = NOW }, NONE,
      { WEBHOOK, .state = DISCONNECTED, .final = true }, CODE(401), LOGGED_OUT, CODE(401), DROP },
    { "an old connected does not undo it", { .state = LOGGED_OUT, .webhook_ms = NOW - 2 * S, .webhook_occurred_ms = NOW - 2 * S }, CODE(401),
      { LATE(3 * S), .state = CONNECTED }, NONE, LOGGED_OUT, CODE(401), IGNORED },

    /* old news, from a spool */
    { "a drop of minutes ago, and a poll has seen it connected since", { .state = CONNECTED, .polled_ms = NOW - 60 * S }, NONE,
      { LATE(300 * S), .state = DISCONNECTED }, CODE(428), CONNECTED, NONE, IGNORED },
    { "a drop of minutes ago that no poll has contradicted", { .state = CONNECTED, .polled_ms = NOW - 400 * S }, NONE,
      { LATE(300 * S), .state = DISCONNECTED }, CODE(428), DISCONNECTED, CODE(428), DROP },
    { "a few seconds late: two clocks never agree exactly", { .state = CONNECTED, .polled_ms = NOW - 2 * S }, NONE,
      { LATE(5 * S), .state = DISCONNECTED }, CODE(428), DISCONNECTED, CODE(428), DROP },
    { "connected, of minutes ago, and a poll has seen it down since", { .state = DISCONNECTED, .polled_ms = NOW - 60 * S }, NAME("poll"),
      { LATE(300 * S), .state = CONNECTED }, NONE, DISCONNECTED, NAME("poll"), IGNORED },

    /* one bad answer is asked again */
    { "one list without it", { .state = CONNECTED, .polled_once = true }, NONE, { POLL, .missing = true }, NONE, CONNECTED, NONE, ASK_AGAIN },
    { "also when it was down", { .state = DISCONNECTED, .polled_once = true }, CODE(428), { POLL, .missing = true }, NONE, DISCONNECTED, CODE(428), ASK_AGAIN },
    { "one poll that calls it disconnected", { .state = CONNECTED }, NONE, { POLL, .state = DISCONNECTED }, NONE, CONNECTED, NONE, ASK_AGAIN },
    { "also after a word that is not known", { .state = SESSION_UNKNOWN }, NONE, { POLL, .state = DISCONNECTED }, NONE, SESSION_UNKNOWN, NONE, ASK_AGAIN },
    { "two polls of one moment are one", { .state = CONNECTED, .doubt_ms = NOW - 2 * S }, NONE, { POLL, .state = DISCONNECTED }, NONE, CONNECTED, NONE, ASK_AGAIN },
    { "it has received something since: it is up", { .state = CONNECTED, DOUBTED, .received_ms = NOW - 5 * S }, NONE,
      { POLL, .state = DISCONNECTED }, NONE, CONNECTED, NONE, ASK_AGAIN },
    { "also when lists lack it", { .state = CONNECTED, .polled_once = true, MISSED, .received_ms = NOW - 5 * S }, NONE,
      { POLL, .missing = true }, NONE, CONNECTED, NONE, ASK_AGAIN },
    { "a message from before the doubt says nothing", { .state = CONNECTED, DOUBTED, .received_ms = NOW - 15 * S }, NONE,
      { POLL, .state = DISCONNECTED }, NONE, DISCONNECTED, NAME("poll"), DROP },
    { "a webhook that is older than this store: the first word about a session", { .state = SESSION_STATE_N }, NONE,
      { LATE(NOW), .state = DISCONNECTED }, CODE(408), DISCONNECTED, CODE(408), TAKEN },
    { "a word that is not known does not undo a 401", { .state = LOGGED_OUT }, CODE(401), { POLL, .state = SESSION_UNKNOWN }, NONE,
      SESSION_UNKNOWN, CODE(401), TAKEN },
    { "it is logged out again when the bridge calls it down", { .state = SESSION_UNKNOWN, DOUBTED }, CODE(401), { POLL, .state = DISCONNECTED }, NONE,
      LOGGED_OUT, CODE(401), TAKEN },
    { "a drop before that word stays what it was", { .state = SESSION_UNKNOWN, DOUBTED }, CODE(428), { POLL, .state = DISCONNECTED }, NONE,
      DISCONNECTED, CODE(428), TAKEN },
    { "called disconnected once, and missing once: neither was said twice", { .state = CONNECTED, .polled_once = true, DOUBTED }, NONE,
      { POLL, .missing = true }, NONE, CONNECTED, NONE, ASK_AGAIN },
    { "and in the other order", { .state = CONNECTED, .polled_once = true, MISSED }, NONE, { POLL, .state = DISCONNECTED }, NONE, CONNECTED, NONE, ASK_AGAIN },
    { "a webhook needs no second one", { .state = CONNECTED }, NONE, { WEBHOOK, .state = DISCONNECTED }, CODE(408), DISCONNECTED, CODE(408), DROP },
};
/* clang-format on */

static const struct cause *cause_of(struct reason w)
{
    if (w.name)
        return cause_by_name(w.name);
    return w.code ? cause_find(w.code) : NULL;
}

static const char *name_of(const struct cause *c)
{
    return c ? c->name : "no cause";
}

static void check(const struct row *row)
{
    struct session_known known = row->known;
    struct session_report report = row->report;
    struct session_verdict v;

    known.cause = cause_of(row->held_why);
    report.cause = cause_of(row->said_why);
    session_state_next(&known, &report, default_rules(), NOW, &v);
    if (v.state != row->state || v.cause != cause_of(row->why))
        fail_msg("%s: %s, %s", row->what, session_state_text(v.state), name_of(v.cause));
    if (v.taken != (row->how == TAKEN || row->how == DROP) || v.drop != (row->how == DROP) ||
        (v.doubt_ms > 0) != (row->how == ASK_AGAIN))
        fail_msg("%s: taken %d, drop %d", row->what, v.taken, v.drop);
    if (v.changed != (v.state != known.state || v.cause != known.cause))
        fail_msg("%s: changed %d", row->what, v.changed);
}

static void test_rows(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(&rows[i]);
}

/* The clock of `starting` runs from the first time it was said, and ends with any other word. */
static void test_starting_clock(void **state)
{
    struct session_known known = { .state = DISCONNECTED };
    struct session_report report = { POLL, .state = STARTING };
    struct session_verdict v;

    session_state_next(&known, &report, default_rules(), NOW, &v);
    assert_int_equal(v.starting_ms, NOW);
    known.starting_ms = v.starting_ms;
    session_state_next(&known, &report, default_rules(), NOW + 5 * S, &v);
    assert_int_equal(v.starting_ms, NOW);
    report.state = CONNECTED;
    session_state_next(&known, &report, default_rules(), NOW + 6 * S, &v);
    assert_int_equal(v.starting_ms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_starting_clock) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
