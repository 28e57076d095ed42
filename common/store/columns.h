/*
 * The columns of state.db's larger tables, one row each: X(kind, column, member of the row's struct). From these lists
 * the table is created, read and written, so that a new column is one row here and one member.
 *
 * Once a version is released its tables are as they are: a new column then needs a step of its own in state_schema.c as
 * well ("ALTER TABLE … ADD COLUMN").
 */
#pragma once

#include "common/policy/retry.h"
#include "common/store/sql_row.h"

/* struct session_row */
#define SESSION_COLUMNS(...) SESSION_LIST(__VA_ARGS__)
#define SESSION_LIST(KEY, FIRST, X)            \
    KEY(TEXT, bridge, bridge)                  \
    KEY(TEXT, id, id)                          \
    FIRST(INT, state, state)                   \
    X(TEXT, cause, cause)                      \
    X(INT, code, code)                         \
    X(INT, since, since)                       \
    X(INT, since_steady, since_steady)         \
    X(INT, first_seen, first_seen)             \
    X(INT, occurred_at, occurred_at)           \
    X(TEXT, raw_status, raw_status)            \
    X(TEXT, phone, phone)                      \
    X(TEXT, name, name)                        \
    X(INT, stable_since, stable_since)         \
    X(INT, flap_score, flap_score)             \
    X(INT, flap_at, flap_at)                   \
    X(INT, suppressed_until, suppressed_until) \
    X(INT, ban_until, ban_until)               \
    X(INT, silent_since, silent_since)         \
    X(INT, last_received_at, last_received_at) \
    X(INT, webhook_at, webhook_at)             \
    X(INT, webhook_state, webhook_state)       \
    X(INT, webhook_code, webhook_code)

/* struct bridge_row */
#define BRIDGE_COLUMNS(...) BRIDGE_LIST(__VA_ARGS__)
#define BRIDGE_LIST(KEY, FIRST, X)                    \
    KEY(TEXT, name, name)                             \
    FIRST(TEXT, driver, driver)                       \
    X(INT, health, health)                            \
    X(INT, health_since, health_since)                \
    X(TEXT, health_detail, health_detail)             \
    X(INT, incident_since, incident_since)            \
    X(TEXT, incident_detail, incident_detail)         \
    X(INT, outdated_since, outdated_since)            \
    X(INT, swept_at, swept_at)                        \
    X(INT, swept_wall, swept_wall)                    \
    X(INT, fresh_until, fresh_until)                  \
    X(INT, bucket_micro, bucket.micro)                \
    X(INT, bucket_at, bucket.at)                      \
    X(INT, slow_from, bucket.slow_from)               \
    X(INT, breaker, breaker.state)                    \
    X(INT, breaker_until, breaker.until)              \
    X(INT, breaker_opens, breaker.opens)              \
    X(INT, breaker_gen, breaker.gen)                  \
    X(INT, breaker_streak, breaker.streak)            \
    X(INT, breaker_since, breaker.since)              \
    X(INT, probes, breaker.probes)                    \
    X(INT, probes_ok, breaker.probes_ok)              \
    X(INT, probes_bad, breaker.probes_bad)            \
    X(INT, hook_at, hook_at)                          \
    X(INT, hook_runs, hook_runs)                      \
    X(TEXT, no_reconnect_method, no_reconnect_method) \
    X(INT, hook_guarded, hook_guarded)                \
    X(INT, interval_ms, interval_ms)                  \
    X(INT, rate_milli, rate_milli)                    \
    X(INT, burst, burst)                              \
    X(INT, feed_after, feed_after)                    \
    X(INT, feed_seq, feed_seq)                        \
    X(INT, unwatched_since, unwatched_since)          \
    X(INT, slow_start_ms, slow_start_ms)              \
    X(TEXT, version, version)

/* struct reconnect_row */
#define RECONNECT_COLUMNS(...) RECONNECT_LIST(__VA_ARGS__)
#define RECONNECT_LIST(KEY, FIRST, X)        \
    KEY(TEXT, bridge, bridge)                \
    KEY(TEXT, session, session)              \
    FIRST(INT, phase, retry.phase)           \
    X(INT, reason, retry.reason)             \
    X(INT, park, retry.park)                 \
    X(INT, due_at, retry.due_at)             \
    X(INT, asked, retry.asked)               \
    X(INT, attempts, retry.attempts)         \
    X(INT, failures, retry.failures)         \
    X(INT, last_sent, retry.last_sent)       \
    X(INT, claimed_at, retry.claimed_at)     \
    X(INT, token, retry.token)               \
    X(INT, lease_until, retry.lease_until)   \
    X(INT, called_at, retry.called_at)       \
    X(INT, verify_until, retry.verify_until) \
    X(INT, seen_at, retry.seen_at)           \
    X(INT, at_once_used, retry.at_once_used) \
    X(INT, slow_used, retry.slow_used)       \
    X(INT, forced, retry.forced)             \
    X(INT, sent_before, retry.sent_before)   \
    X(INT, no_effect, retry.no_effect)       \
    X(TEXT, worker, worker)                  \
    X(INT, parked_since, parked_since)       \
    X(TEXT, park_detail, park_detail)        \
    X(INT, park_published, park_published)   \
    X(INT, shuffle_key, shuffle_key)

/* struct attempt_row, besides its token: that is the rowid, which SQLite gives. */
#define ATTEMPT_COLUMNS(...) ATTEMPT_LIST(__VA_ARGS__)
#define ATTEMPT_LIST(KEY, FIRST, X)  \
    FIRST(TEXT, bridge, bridge)      \
    X(TEXT, session, session)        \
    X(INT, attempt, attempt)         \
    X(INT, reason, reason)           \
    X(INT, outcome, outcome)         \
    X(TEXT, cause, cause)            \
    X(TEXT, worker, worker)          \
    X(INT, at, at)                   \
    X(INT, ended, ended)             \
    X(INT, http_status, http_status) \
    X(INT, took_ms, took_ms)         \
    X(INT, next_at, next_at)         \
    X(INT, parked, parked)           \
    X(INT, breaker_gen, breaker_gen) \
    X(INT, answered_at, answered_at) \
    X(INT, fault, fault)             \
    X(INT, published, published)     \
    X(TEXT, detail, detail)

/* struct subscription_row */
#define SUBSCRIPTION_COLUMNS(...) SUBSCRIPTION_LIST(__VA_ARGS__)
#define SUBSCRIPTION_LIST(KEY, FIRST, X) \
    KEY(TEXT, bridge, bridge)            \
    KEY(TEXT, session, session)          \
    FIRST(INT, state, state)             \
    X(INT, differs, differs)             \
    X(TEXT, detail, detail)              \
    X(TEXT, found, found)                \
    X(TEXT, problem, problem)            \
    X(INT, checked_at, checked_at)       \
    X(INT, right_at, right_at)           \
    X(INT, drift_since, drift_since)     \
    X(INT, repair, repair)               \
    X(INT, repaired_at, repaired_at)

/* A phase as it stands in a SQL text. A bound value would not do: a partial index ("WHERE phase = 1") is used only for
 * a query that has the same digit in it. */
#define PHASE_DUE       "1"
#define PHASE_CALLING   "2"
#define PHASE_VERIFYING "3"
#define PHASE_PARKED    "4"
_Static_assert(RETRY_DUE == 1 && RETRY_CALLING == 2 && RETRY_VERIFYING == 3 && RETRY_PARKED == 4,
               "the digits above are these phases");
