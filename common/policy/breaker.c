#include "common/policy/breaker.h"

const char *breaker_state_text(enum breaker_state s)
{
    static const char *const texts[] = { "closed", "open", "half-open" };

    return texts[s];
}

/* By then every probe is answered, or never will be. */
static int64_t probed_until(const struct breaker_limits *l, const struct breaker *b)
{
    return b->since + l->probe_timeout_ms;
}

struct retry_verdict breaker_verdict(const struct breaker_limits *l, const struct breaker *b, int64_t now)
{
    if (b->state == BREAKER_OPEN && now < b->until)
        return (struct retry_verdict){ WHY_BREAKER_OPEN, b->until };
    if (b->state == BREAKER_HALF_OPEN && b->probes >= l->probes && now < probed_until(l, b))
        return (struct retry_verdict){ WHY_BREAKER_PROBING, probed_until(l, b) };
    return (struct retry_verdict){ WHY_READY, now };
}

static struct breaker enter(const struct breaker *b, enum breaker_state state, int64_t now)
{
    return (struct breaker){ .state = state, .opens = b->opens, .gen = b->gen + 1, .since = now };
}

static struct breaker open_it(const struct breaker_limits *l, const struct breaker *b,
                              unsigned jitter_permille, int64_t now)
{
    struct breaker n = enter(b, BREAKER_OPEN, now);
    int64_t open_ms;

    n.opens++;
    open_ms = n.opens * l->open_ms;
    if (open_ms > l->open_max_ms)
        open_ms = l->open_max_ms;
    n.until =
        now + open_ms * (1000 - l->jitter_permille + 2 * l->jitter_permille * jitter_permille / 1000) / 1000;
    return n;
}

static struct breaker close_it(const struct breaker *b, int64_t now)
{
    struct breaker n = enter(b, BREAKER_CLOSED, now);

    n.opens = 0;
    return n;
}

struct breaker breaker_take(const struct breaker_limits *l, const struct breaker *b, int64_t now)
{
    struct breaker n = *b;

    if (b->state == BREAKER_CLOSED)
        return n;
    if (b->state == BREAKER_OPEN || b->probes >= l->probes)
        n = enter(b, BREAKER_HALF_OPEN, now);
    n.probes++;
    return n;
}

static bool is_too_bad(const struct breaker_limits *l, const struct breaker *b, struct breaker_window w)
{
    return b->streak >= l->streak || (w.n >= l->window_min && w.bad * 1000 >= w.n * l->permille);
}

static struct breaker probe_answered(const struct breaker_limits *l, const struct breaker *b, bool fault,
                                     unsigned jitter_permille, int64_t now)
{
    struct breaker n = *b;

    if (fault)
        n.probes_bad++;
    else
        n.probes_ok++;
    if (n.probes_ok >= l->probes_ok)
        return close_it(&n, now);
    if (n.probes_bad > l->probes - l->probes_ok)
        return open_it(l, &n, jitter_permille, now);
    return n;
}

struct breaker breaker_answer(const struct breaker_limits *l, const struct breaker *b, int64_t gen,
                              bool fault, struct breaker_window window, unsigned jitter_permille, int64_t now)
{
    struct breaker n = *b;

    if (gen != b->gen || b->state == BREAKER_OPEN)
        return n;
    if (b->state == BREAKER_HALF_OPEN)
        return probe_answered(l, b, fault, jitter_permille, now);
    n.streak = fault ? n.streak + 1 : 0;
    return is_too_bad(l, &n, window) ? open_it(l, &n, jitter_permille, now) : n;
}

struct breaker breaker_forget(const struct breaker *b, int64_t gen)
{
    struct breaker n = *b;

    if (b->state == BREAKER_HALF_OPEN && gen == b->gen && n.probes > 0)
        n.probes--;
    return n;
}

struct breaker breaker_hint_up(const struct breaker *b, int64_t now)
{
    struct breaker n = *b;

    if (b->state == BREAKER_OPEN && b->until > now)
        n.until = now;
    return n;
}
