/* The circuit breaker, played as strings: an action or an expectation, one letter each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/policy/policy.h"

#define S ((int64_t)1000)

/*
 * f a fault   g a good answer   t a call is taken   L the newest call is forgotten   s one second passes
 * M 30 s pass   U the monitor found the bridge well   o a late good answer of an older period
 * r must be ready   n must be open   p must be probing   C H O must be closed, half-open, open
 */
struct play {
    struct breaker b;
    struct breaker_window window;
    int64_t gen, now;
};

static void answer(struct play *x, const struct breaker_limits *l, bool fault, int64_t gen)
{
    x->window.n++;
    x->window.bad += fault;
    x->b = breaker_answer(l, &x->b, gen, fault, x->window, 500, x->now);
}

static void act(struct play *x, const struct breaker_limits *l, char c)
{
    switch (c) {
    case 'f':
    case 'g':
        answer(x, l, c == 'f', x->b.gen);
        break;
    case 'o':
        answer(x, l, false, x->b.gen - 1);
        break;
    case 't':
        x->b = breaker_take(l, &x->b, x->now);
        x->gen = x->b.gen;
        break;
    case 'L':
        x->b = breaker_forget(&x->b, x->gen);
        break;
    case 'U':
        x->b = breaker_hint_up(&x->b, x->now);
        break;
    case 's':
        x->now += S;
        break;
    case 'M':
        x->now += 30 * S;
        break;
    default:
        break;
    }
}

static bool holds(const struct play *x, const struct breaker_limits *l, char c)
{
    enum why why = breaker_verdict(l, &x->b, x->now).why;

    switch (c) {
    case 'r':
        return why == WHY_READY;
    case 'n':
        return why == WHY_BREAKER_OPEN;
    case 'p':
        return why == WHY_BREAKER_PROBING;
    case 'C':
        return x->b.state == BREAKER_CLOSED;
    case 'H':
        return x->b.state == BREAKER_HALF_OPEN;
    case 'O':
        return x->b.state == BREAKER_OPEN;
    default:
        return true;
    }
}

static void test_plays(void **state)
{
    static const char *const plays[] = {
        "Cr ffff Cr f On",                                /* five in a row */
        "ffff g ffff Cr",                                 /* a good one between */
        "fffff n M r",                                    /* open for 30 s */
        "fffff M tH ttttp",                               /* five probes, no sixth */
        "fffff M ttttt gggg Cr",                          /* four good ones close */
        "fffff M ttttt gggf H g C",                       /* one bad one is forgiven */
        "fffff M ttttt gff On M n M r",                   /* two are not; open twice as long */
        "fffff M ttttt ff M M ttttt gggg C fffff On M r", /* closed: it counts from the start again */
        "fffff M ttttt p L rt p",                         /* a probe whose worker died is sent again */
        "fffff M ttttt p M p M p ssssssssss rt r",        /* probes without a result */
        "fffff M ttttt oooo H gggg C",                    /* answers of older calls do not close it */
        "fffff n U r tH",                                 /* the monitor saw it well */
        "fffff ggggg On",                                 /* late answers do not close an open one */
        "gfgfgfgfgfgfgfgfgfg C f O",                      /* half of twenty */
    };

    for (size_t i = 0; i < ARRAY_LEN(plays); i++) {
        struct play x = { .now = 1000 * S };

        for (const char *c = plays[i]; *c; c++) {
            act(&x, &policy_default.breaker, *c);
            if (!holds(&x, &policy_default.breaker, *c))
                fail_msg("play %s: '%c' at %d does not hold", plays[i], *c, (int)(c - plays[i]));
        }
    }
}

static void test_open_time(void **state)
{
    static const struct {
        int64_t opens;
        unsigned jitter_permille;
        int64_t ms;
    } cases[] = {
        { 0, 500, 30 * S },  { 0, 0, 24 * S },    { 0, 1000, 36 * S },  { 1, 500, 60 * S },
        { 8, 500, 270 * S }, { 9, 500, 300 * S }, { 99, 500, 300 * S }, { 99, 1000, 360 * S },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct breaker b = { .opens = cases[i].opens, .streak = 4 };
        struct breaker_window w = { 0 };

        b = breaker_answer(&policy_default.breaker, &b, 0, true, w, cases[i].jitter_permille, 1000 * S);
        assert_int_equal(b.until - 1000 * S, cases[i].ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plays),
        cmocka_unit_test(test_open_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
