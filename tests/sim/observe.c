/* The rows of the services: read after each commit into state.db, at the moment of the commit. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/store/sql.h"
#include "proto/message.h"
#include "tests/sim/io/bus_sim.h"
#include "tests/sim/sim.h"

/* ---- sessions -------------------------------------------------------------------------------- */

/* Since when it is as it stands there, in true time: the transaction may have taken a while. */
static int64_t since_t(const struct sim_session *x)
{
    struct session_row row = { 0 };

    if (sessions_find(sim.db, SIM_BRIDGE, x->id, &row) != 0)
        return world_now();
    return world_now() - (sim_steady().steady_ms - row.since_steady);
}

static bool is_parked(const struct sim_session *x)
{
    struct reconnect_row row = { 0 };

    return reconnects_find(sim.db, SIM_BRIDGE, x->id, &row) == 0 && row.retry.phase == RETRY_PARKED;
}

static void note_change(struct sim_session *x, enum session_state from, enum session_state to,
                        struct str cause)
{
    char name[32];
    const struct cause *c;

    str_copy(cause, name, sizeof name);
    c = name[0] ? cause_by_name(name) : NULL;
    world_log("%s is recorded %s -> %s (%s)", x->id, session_state_text(from), session_state_text(to), name);
    if (from != to && (int)from < 0)
        x->known_t = world_now();
    x->unexplained_t = to == SESSION_DISCONNECTED && c && c->plan == PLAN_ASK ? since_t(x) : 0;
    if (to == SESSION_LOST)
        check_lost_session(x);
    x->eligible = x->eligible && to == from; /* a new drop has a new place in the queue */
    if (to == SESSION_CONNECTED) {
        if (from != SESSION_CONNECTED)
            x->recorded_connected_t = world_now();
        return;
    }
    if (x->recorded_connected_t > 0 && world_now() - x->recorded_connected_t >= sim.policy.stable_ms) {
        x->reset_t = world_now();
        x->counted = is_parked(x) ? x->counted : 0;
    }
    x->recorded_connected_t = 0;
}

static void read_changes(void)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(
        sim.db,
        "SELECT n, session, from_state, to_state, cause FROM session_change WHERE n > ?1 AND bridge = ?2 "
        "ORDER BY n",
        &q, "is", sim.seen_change, SIM_BRIDGE);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        char id[SESSIONS_ID_MAX];

        sim.seen_change = sql_int(q, 0);
        str_copy(sql_text(q, 1), id, sizeof id);
        note_change(&sim.sessions[sim_find(id)], (enum session_state)sql_int(q, 2),
                    (enum session_state)sql_int(q, 3), sql_text(q, 4));
        r = 0;
    }
    sim_must(r, "session_change");
}

/* ---- attempts -------------------------------------------------------------------------------- */

static struct sim_attempt *attempt_at(int64_t token)
{
    if (token >= sim.cap_attempts) {
        int64_t cap = 2 * token + 256;

        sim.attempts = realloc(sim.attempts, (size_t)cap * sizeof *sim.attempts);
        if (!sim.attempts)
            abort();
        for (int64_t i = sim.cap_attempts; i < cap; i++)
            sim.attempts[i] = (struct sim_attempt){ .session = -1 };
        sim.cap_attempts = cap;
    }
    return &sim.attempts[token];
}

/* When the claim was decided on: its transaction may have taken a while. */
static int64_t claimed_t(const char *session)
{
    struct reconnect_row row = { 0 };

    if (reconnects_find(sim.db, SIM_BRIDGE, session, &row) != 0)
        return world_now();
    return world_now() - (sim_steady().steady_ms - row.retry.claimed_at);
}

/* In a folder tokens have no gap; a database counts those of claims that were rolled back, too. */
static void skip_tokens(int64_t token)
{
    if (token <= sim.n_attempts || (token != sim.n_attempts + 1 && !sim.store))
        world_fail("R1: token %lld instead of %lld", (long long)token, (long long)sim.n_attempts + 1);
    while (++sim.n_attempts < token)
        attempt_at(sim.n_attempts)->ended = true;
}

static void note_attempt(const struct attempt_row *row)
{
    bool is_new = attempt_at(row->token)->session < 0;
    struct sim_attempt *a;

    if (is_new)
        skip_tokens(row->token);
    a = attempt_at(row->token);
    if (is_new) {
        *a = (struct sim_attempt){ .session = sim_find(row->session),
                                   .worker = services_worker(row->worker),
                                   .claimed_t = claimed_t(row->session) };
        world_log("%s is claimed by %s: %s, token %lld", row->session, row->worker,
                  retry_reason_text(row->reason), (long long)row->token);
        check_claim(a, row);
    }
    if (a->ended && row->outcome != a->outcome)
        world_fail("R1: attempt %lld was %s and is %s", (long long)row->token,
                   attempt_outcome_text(a->outcome), attempt_outcome_text(row->outcome));
    if (!a->ended && !attempt_outcome_is_open(row->outcome)) {
        a->ended = true;
        a->outcome = row->outcome;
        world_log("%s: attempt %lld has %s", row->session, (long long)row->token,
                  attempt_outcome_text(row->outcome));
        check_ended(a, row);
    }
    a->outcome = row->outcome;
}

/* Of a neighbour: its token is taken, and that is all. */
static void note_foreign(int64_t token)
{
    attempt_at(token)->ended = true;
    sim.n_attempts = token > sim.n_attempts ? token : sim.n_attempts;
}

static void read_row(struct sql *q, struct attempt_row *ret)
{
    *ret = (struct attempt_row){ .token = sql_int(q, 0),
                                 .reason = (enum retry_reason)sql_int(q, 2),
                                 .outcome = (enum attempt_outcome)sql_int(q, 3) };
    str_copy(sql_text(q, 1), ret->session, sizeof ret->session);
    str_copy(sql_text(q, 4), ret->worker, sizeof ret->worker);
}

static void read_attempts(void)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(sim.db,
                      "SELECT token, session, reason, outcome, worker, bridge FROM attempt WHERE token >= ?1 "
                      "ORDER BY token",
                      &q, "i", sim.open_from);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        struct attempt_row row;

        read_row(q, &row);
        if (str_eq(sql_text(q, 5), SIM_BRIDGE))
            note_attempt(&row);
        else
            note_foreign(row.token);
        r = 0;
    }
    sim_must(r, "attempt");
    while (sim.open_from <= sim.n_attempts && sim.attempts[sim.open_from].ended)
        sim.open_from++;
}

/* ---- the bridge ------------------------------------------------------------------------------ */

/* When recovery began: the row says so, unless it says something that cannot be. */
static int64_t slow_start_t(const struct bridge_row *row)
{
    int64_t t = world_now() - (sim_steady().steady_ms - row->bucket.slow_from);

    return world_now() - t < 30 * 1000 ? t : world_now();
}

static void read_bridge(void)
{
    struct bridge_row row = { 0 };
    bool was_outdated = sim.outdated, incident, down;

    if (bridges_find(sim.db, SIM_BRIDGE, &row) != 0)
        return;
    incident = row.incident_since > 0;
    down = row.health == BRIDGE_HEALTH_DOWN;
    if ((sim.was_incident && !incident) || (sim.was_down && !down))
        check_slow_start(slow_start_t(&row));
    if (sim.was_incident != incident || sim.was_down != down)
        world_log("the bridge is recorded %s%s", down ? "down" : "up", incident ? ", in an incident" : "");
    sim.was_incident = incident;
    sim.was_down = down;
    sim.outdated = row.outdated_since > 0;
    if (was_outdated && !sim.outdated) {
        for (int i = 0; i < sim.n_sessions; i++)
            check_reset(&sim.sessions[i]);
    }
}

static void observe(void)
{
    int64_t commits = sim_store_commits();

    if (commits == sim.seen_commit || !sim_store_is_free())
        return;
    sim.seen_commit = commits;
    read_bridge();
    read_changes();
    read_attempts();
    if (sim.n_published > sim.n_ended)
        world_fail("the end of an attempt is published twice");
}

/* ---- the bus --------------------------------------------------------------------------------- */

/* Also of one that was over within moments. */
static void note_alert(const struct message *m)
{
    char id[SESSIONS_ID_MAX];

    str_copy(m->session, id, sizeof id);
    if (str_eq(m->status, "firing") && id[0])
        sim.sessions[sim_find(id)].raised_t = world_now();
}

static void on_message(struct str text)
{
    struct message m;
    int type;

    if (message_decode(text, &m) != 0) {
        world_fail("the bus carries what is no message");
        return;
    }
    type = topic_type_find(m.type);
    if (!str_eq(m.bridge, SIM_BRIDGE))
        return;
    if (type == TOPIC_ALERT)
        note_alert(&m);
    if (type == TOPIC_RECONNECT_SUCCEEDED || type == TOPIC_RECONNECT_FAILED)
        check_published();
}

void observe_open(void)
{
    sim.open_from = 1;
    world_after = observe;
    bus_sim_tap = on_message;
}
