#include "common/policy/breaker.h"

const char *breaker_state_text(enum breaker_state s)
{
    static const char *const texts[] = { "closed", "open", "half-open" };

    return texts[s];
}

/* Whatever became of the probes, it is known by then, or never will be (the session was removed). */
static int64_t probed_until(const struct policy *p, const struct breaker *b)
{
    return b->since + 2 * p->lease_ms;
}

struct retry_verdict breaker_verdict(const struct policy *p, const struct breaker *b, int64_t now)
{
    if (b->state == BREAKER_OPEN && now < b->until)
        return (struct retry_verdict){ WHY_BREAKER_OPEN, b->until };
    if (b->state == BREAKER_HALF_OPEN && b->probes >= p->breaker_probes && now < probed_until(p, b))
        return (struct retry_verdict){ WHY_BREAKER_PROBING, probed_until(p, b) };
    return (struct retry_verdict){ WHY_READY, now };
}

static struct breaker enter(const struct breaker *b, enum breaker_state state, int64_t now)
{
    return (struct breaker){ .state = state, .opens = b->opens, .gen = b->gen + 1, .since = now };
}

static struct breaker open_it(const struct policy *p, const struct breaker *b, unsigned jitter_permille,
                              int64_t now)
{
    struct breaker n = enter(b, BREAKER_OPEN, now);
    int64_t open_ms;

    n.opens++;
    open_ms = n.opens * p->breaker_open_ms;
    if (open_ms > p->breaker_open_max_ms)
        open_ms = p->breaker_open_max_ms;
    n.until =
        now + open_ms * (1000 - p->breaker_jitter + 2 * p->breaker_jitter * jitter_permille / 1000) / 1000;
    return n;
}

static struct breaker close_it(const struct breaker *b, int64_t now)
{
    struct breaker n = enter(b, BREAKER_CLOSED, now);

    n.opens = 0;
    return n;
}

struct breaker breaker_take(const struct policy *p, const struct breaker *b, int64_t now)
{
    struct breaker n = *b;

    if (b->state == BREAKER_CLOSED)
        return n;
    if (b->state == BREAKER_OPEN || b->probes >= p->breaker_probes)
        n = enter(b, BREAKER_HALF_OPEN, now);
    n.probes++;
    return n;
}

static bool is_too_bad(const struct policy *p, const struct breaker *b, struct breaker_window w)
{
    return b->streak >= p->breaker_streak ||
           (w.n >= p->breaker_window_min && w.bad * 1000 >= w.n * p->breaker_permille);
}

static struct breaker probe_answered(const struct policy *p, const struct breaker *b, bool fault,
                                     unsigned jitter_permille, int64_t now)
{
    struct breaker n = *b;

    if (fault)
        n.probes_bad++;
    else
        n.probes_ok++;
    if (n.probes_ok >= p->breaker_probes_ok)
        return close_it(&n, now);
    if (n.probes_bad > p->breaker_probes - p->breaker_probes_ok)
        return open_it(p, &n, jitter_permille, now);
    return n;
}

struct breaker breaker_answer(const struct policy *p, const struct breaker *b, int64_t gen, bool fault,
                              struct breaker_window window, unsigned jitter_permille, int64_t now)
{
    struct breaker n = *b;

    if (gen != b->gen || b->state == BREAKER_OPEN)
        return n;
    if (b->state == BREAKER_HALF_OPEN)
        return probe_answered(p, b, fault, jitter_permille, now);
    n.streak = fault ? n.streak + 1 : 0;
    return is_too_bad(p, &n, window) ? open_it(p, &n, jitter_permille, now) : n;
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
