/*
 * The table of the policy's settings. Defaults repeat those of common/policy/policy.c in words that people
 * write; a test holds the two together.
 */
#include "common/app/policy_settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"

#define AT(field) offsetof(struct policy_settings, field)
#define SECOND_MS ((int64_t)1000)
#define HOUR_MS   (3600 * SECOND_MS)

/* Below a second a call is not even answered. */
#define BACKOFF_MIN_MS_LEAST SECOND_MS

const struct setting policy_settings_table[] = {
    { .name = "RECONNECT_INTERVAL",
      .kind = SETTING_DURATION,
      .at = AT(policy.interval_ms),
      .def = "300s",
      .min = SECOND_MS,
      .max = 24 * HOUR_MS,
      .help = "least time between the starts of two attempts for one session" },
    { .name = "RECONNECT_BACKOFF",
      .at = AT(backoff),
      .help = "MIN..MAX, as 30s..15m: random backoff that doubles, in place of RECONNECT_INTERVAL" },
    { .name = "RECONNECT_GRACE",
      .kind = SETTING_DURATION,
      .at = AT(policy.grace_ms),
      .def = "0s",
      .max = HOUR_MS,
      .help = "from a drop to its first attempt; gives the bridge time to do it by itself" },
    { .name = "RECONNECT_REPLACED_DELAY",
      .kind = SETTING_DURATION,
      .at = AT(policy.replaced_delay_ms),
      .def = "15m",
      .min = SECOND_MS,
      .max = 24 * HOUR_MS,
      .help = "from a drop by a second client (440) to the one retry it gets" },
    { .name = "RECONNECT_RATE",
      .kind = SETTING_RATE,
      .at = AT(policy.rate_milli),
      .def = "2/s",
      .min = 1,
      .max = 10000 * 1000,
      .help = "attempts per bridge, over all workers" },
    { .name = "RECONNECT_BURST",
      .kind = SETTING_INT,
      .at = AT(policy.burst),
      .def = "5",
      .min = 1,
      .max = 10000,
      .help = "attempts at once after a quiet time" },
    { .name = "START_APART",
      .kind = SETTING_DURATION,
      .at = AT(policy.start_apart_ms),
      .def = "0s",
      .max = HOUR_MS,
      .help =
          "least time between two attempts on one bridge, where it melts otherwise; 0: as its driver says" },
    { .name = "RECONNECT_SLOW_START",
      .kind = SETTING_DURATION,
      .at = AT(policy.slow_start_ms),
      .def = "60s",
      .max = HOUR_MS,
      .help = "after an incident rate and burst grow from 10 % to all over this time" },
    { .name = "RECONNECT_IN_FLIGHT",
      .kind = SETTING_INT,
      .at = AT(policy.in_flight_max),
      .def = "16",
      .min = 1,
      .max = 1000,
      .help = "calls at once per bridge, over all workers" },
    { .name = "RECONNECT_FAILURES",
      .kind = SETTING_INT,
      .at = AT(policy.failures_max),
      .def = "20",
      .min = 1,
      .max = 1000000,
      .help = "failed attempts in a row that park a session" },
    { .name = "RECONNECT_STABLE",
      .kind = SETTING_DURATION,
      .at = AT(policy.stable_ms),
      .def = "10m",
      .max = 24 * HOUR_MS,
      .help = "connected this long, a session's counters start again" },
    { .name = "BREAKER_FAULTS",
      .kind = SETTING_INT,
      .at = AT(policy.breaker.streak),
      .def = "5",
      .min = 1,
      .max = 1000,
      .help = "calls in a row that the bridge fails and that open its breaker" },
    { .name = "BREAKER_OPEN",
      .kind = SETTING_DURATION,
      .at = AT(policy.breaker.open_ms),
      .def = "30s",
      .min = SECOND_MS,
      .max = HOUR_MS,
      .help = "how long the breaker is open, times the opens in a row" },
    { .name = "BREAKER_OPEN_MAX",
      .kind = SETTING_DURATION,
      .at = AT(policy.breaker.open_max_ms),
      .def = "300s",
      .min = SECOND_MS,
      .max = HOUR_MS,
      .help = "and at most this long" },
    { 0 },
};

static int bad_backoff(const char *value, struct buf *problem)
{
    (void)buf_addf(
        problem,
        "RECONNECT_BACKOFF is \"%s\"; it has to be MIN..MAX, two durations of 1s to 24h, as 30s..15m", value);
    return -EINVAL;
}

static int read_backoff(struct policy_settings *s, struct buf *problem)
{
    char min[32] = "";
    const char *dots = strstr(s->backoff, "..");
    size_t n = dots ? (size_t)(dots - s->backoff) : 0;

    if (!dots || n >= sizeof min)
        return bad_backoff(s->backoff, problem);
    str_copy((struct str){ s->backoff, n }, min, sizeof min);
    if (text_to_duration_ms(min, &s->policy.backoff_min_ms) != 0 ||
        text_to_duration_ms(dots + 2, &s->policy.backoff_max_ms) != 0)
        return bad_backoff(s->backoff, problem);
    if (s->policy.backoff_min_ms < BACKOFF_MIN_MS_LEAST || s->policy.backoff_max_ms > 24 * HOUR_MS ||
        s->policy.backoff_max_ms < s->policy.backoff_min_ms)
        return bad_backoff(s->backoff, problem);
    return 0;
}

int policy_settings_check(struct policy_settings *s, struct buf *problem)
{
    return s->backoff && *s->backoff ? read_backoff(s, problem) : 0;
}
