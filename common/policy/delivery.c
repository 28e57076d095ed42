#include "common/policy/delivery.h"

#include <errno.h>
#include <string.h>

#include "common/base/text.h"

/* No window (at the rate of deliveries a streak says it all), one probe, closed by one good answer. */
static const struct breaker_limits limits = {
    .streak = DEST_BREAKER_FAULTS,
    .window_min = INT64_MAX,
    .permille = 1001,
    .open_ms = DEST_BREAKER_OPEN_MS,
    .open_max_ms = DEST_BREAKER_OPEN_MAX_MS,
    .jitter_permille = DELIVERY_JITTER,
    .probes = 1,
    .probes_ok = 1,
    .probe_timeout_ms =
        48LL * 60 * 60 * 1000, /* a probe is always answered: its own time-out is far below this */
};

/* ---- classifying answers --------------------------------------------------------------------- */

/* Such an answer speaks of the body. Every other 4xx speaks of the address, the method or the credentials,
 * which are the destination's. */
static bool is_about_the_event(int status)
{
    static const int codes[] = { 400, 409, 411, 413, 414, 415, 422, 431 };

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (status == codes[i])
            return true;
    }
    return false;
}

enum delivery_result delivery_classify(enum delivery_failure failure, int status, int64_t retry_after_ms)
{
    if (failure == DELIVERY_NO_CONNECTION)
        return DELIVERY_UNREACHED;
    if (failure != DELIVERY_ANSWERED)
        return DELIVERY_FAULT;
    if (status >= 200 && status < 300)
        return DELIVERY_TAKEN;
    if (status == 429 || (status == 503 && retry_after_ms >= 0))
        return DELIVERY_LIMITED;
    if (status == 410)
        return DELIVERY_GONE;
    return is_about_the_event(status) ? DELIVERY_REFUSED : DELIVERY_FAULT;
}

/* ---- the schedule ---------------------------------------------------------------------------- */

/* The next "5s" of the list. Returns 0, -EINVAL, or -ERANGE: beyond DELIVERY_WAIT_MAX_MS. */
static int next_wait(const char **s, int64_t *ret)
{
    char one[24];
    size_t n = strcspn(*s, ",");

    while (n > 0 && **s == ' ') {
        ++*s;
        n--;
    }
    str_copy((struct str){ *s, n }, one, sizeof one);
    *s += n;
    if (n >= sizeof one)
        return -EINVAL;
    while (n > 0 && one[n - 1] == ' ')
        one[--n] = '\0';
    if (text_to_duration_ms(one, ret) != 0 || *ret < 0)
        return -EINVAL;
    return *ret <= DELIVERY_WAIT_MAX_MS ? 0 : -ERANGE;
}

static int bad_schedule(struct buf *problem, const char *fault)
{
    (void)buf_addf(problem, "%s; allowed are 1 to %d durations separated by commas, the first 0s, as %s",
                   fault, DELIVERY_TRIES_MAX, DELIVERY_SCHEDULE);
    return -EINVAL;
}

int delivery_schedule_parse(const char *s, struct delivery_schedule *ret, struct buf *problem)
{
    struct delivery_schedule out = { 0 };

    int r;

    for (;; s++) {
        if (out.n == DELIVERY_TRIES_MAX)
            return bad_schedule(problem, "it has too many tries");
        r = next_wait(&s, &out.wait_ms[out.n]);
        if (r == -ERANGE)
            return bad_schedule(problem, "it holds a wait of more than 30 days");
        if (r != 0)
            return bad_schedule(problem, "it holds something that is no duration");
        out.n++;
        if (*s != ',')
            break;
    }
    if (out.wait_ms[0] != 0)
        return bad_schedule(problem, "it does not begin with 0s: the first try is made at once");
    *ret = out;
    return 0;
}

int64_t delivery_wait_left_ms(const struct delivery_schedule *s, int64_t tries, int64_t next_at,
                              int64_t wall_ms)
{
    int64_t i = tries < 0 ? 0 : tries < s->n ? tries : s->n - 1; /* both numbers come from a file */
    int64_t longest = DELIVERY_WAIT_FACTOR * s->wait_ms[i];

    if (next_at <= wall_ms)
        return 0;
    return next_at < wall_ms + longest ? next_at - wall_ms : longest;
}

/* ---- the breaker -------------------------------------------------------------------------------- */

void dest_breaker_init(struct dest_breaker *g, int64_t concurrency)
{
    *g = (struct dest_breaker){ .concurrency = concurrency, .limit = concurrency };
}

bool dest_breaker_wants_new(const struct dest_breaker *g)
{
    return !dest_breaker_is_closed(g) && g->reached;
}

static bool may_try_new(const struct dest_breaker *g, int64_t in_flight)
{
    return dest_breaker_wants_new(g) && in_flight < DEST_BREAKER_NEW_AT_ONCE && in_flight < g->concurrency;
}

bool dest_breaker_may(struct dest_breaker *g, int64_t in_flight, bool fresh, int64_t now_ms, int64_t *ret_at)
{
    struct retry_verdict v = breaker_verdict(&limits, &g->breaker, now_ms);

    *ret_at = 0;
    if (in_flight < g->concurrency && !pace_may(&g->pace, now_ms, ret_at))
        return false;
    *ret_at = 0;
    if (v.why == WHY_READY && in_flight < g->limit)
        return true;
    if (v.why == WHY_BREAKER_OPEN)
        *ret_at = g->breaker.until;
    if (!fresh || !may_try_new(g, in_flight))
        return false;
    *ret_at = g->new_at;
    return now_ms >= g->new_at;
}

/* A session that is tried in between belongs to no period: only that it is taken means something. */
#define NO_PERIOD (-1)

int64_t dest_breaker_take(struct dest_breaker *g, int64_t now_ms)
{
    pace_take(&g->pace, now_ms);
    g->new_at = now_ms + DEST_BREAKER_NEW_MS;
    if (breaker_verdict(&limits, &g->breaker, now_ms).why != WHY_READY)
        return NO_PERIOD;
    g->breaker = breaker_take(&limits, &g->breaker, now_ms);
    return g->breaker.gen;
}

bool dest_breaker_is_open(const struct dest_breaker *g, int64_t now_ms)
{
    return g->breaker.state == BREAKER_OPEN && now_ms < g->breaker.until;
}

bool dest_breaker_is_closed(const struct dest_breaker *g)
{
    return g->breaker.state == BREAKER_CLOSED;
}

static void streak_ends(struct dest_breaker *g)
{
    g->streak_id++;
    g->unreached = 0;
    g->sessions = 0;
    g->breaker.streak = 0;
}

/* Slow start: one at a time, and twice as many whenever so many were answered well. */
static void widen(struct dest_breaker *g)
{
    if (g->limit >= g->concurrency || ++g->good < g->limit)
        return;
    g->good = 0;
    g->limit = g->limit * 2 < g->concurrency ? g->limit * 2 : g->concurrency;
}

static enum dest_breaker_change changed(struct dest_breaker *g, const struct breaker *before)
{
    if (g->breaker.gen == before->gen)
        return DEST_BREAKER_SAME;
    g->good = 0;
    g->limit = 1;
    if (g->breaker.state == BREAKER_CLOSED)
        return DEST_BREAKER_CLOSED;
    return before->state == BREAKER_HALF_OPEN ? DEST_BREAKER_REOPENED : DEST_BREAKER_OPENED;
}

/* Does a fault of this session lengthen the row? */
static bool is_news(struct dest_breaker *g, uint64_t session)
{
    for (int i = 0; i < g->sessions && i < DEST_BREAKER_SESSIONS - 1; i++) {
        if (g->session[i] == session)
            return g->sessions == DEST_BREAKER_SESSIONS;
    }
    if (g->sessions < DEST_BREAKER_SESSIONS - 1)
        g->session[g->sessions] = session;
    if (g->sessions < DEST_BREAKER_SESSIONS)
        g->sessions++;
    return true;
}

/* For a success of any period: the destination works for some session. */
static enum dest_breaker_change close_at_once(struct dest_breaker *g, int64_t now_ms)
{
    const struct breaker before = g->breaker;
    struct breaker b = before;

    if (b.state == BREAKER_OPEN)
        b = breaker_take(&limits, &b, now_ms);
    g->breaker = breaker_answer(&limits, &b, b.gen, false, (struct breaker_window){ 0 }, 0, now_ms);
    streak_ends(g);
    return changed(g, &before);
}

/* Does a fault lengthen the row, or shut it by itself? */
static bool speaks_against_it(struct dest_breaker *g, const struct dest_breaker_try *t,
                              enum delivery_result result)
{
    bool news = is_news(g, t->session);

    g->unreached = result == DELIVERY_UNREACHED ? g->unreached + 1 : 0;
    if (g->unreached < DEST_BREAKER_UNREACHED)
        return news && !t->known;
    g->breaker.streak = DEST_BREAKER_FAULTS;
    return true;
}

/* The backend is there, and says nothing about the event. */
static enum dest_breaker_change limited(struct dest_breaker *g, int64_t retry_after_ms, int64_t now_ms)
{
    pace_limited(&g->pace, now_ms, retry_after_ms);
    return dest_breaker_is_closed(g) ? DEST_BREAKER_SAME : close_at_once(g, now_ms);
}

enum dest_breaker_change dest_breaker_answer(struct dest_breaker *g, const struct dest_breaker_try *t,
                                             enum delivery_result result, unsigned jitter_permille,
                                             int64_t now_ms, bool *ret_counts)
{
    const struct breaker before = g->breaker;
    bool fault = result == DELIVERY_FAULT || result == DELIVERY_REFUSED || result == DELIVERY_UNREACHED;
    bool closed = dest_breaker_is_closed(g);
    enum dest_breaker_change change;

    *ret_counts = closed && t->period == before.gen && fault && result != DELIVERY_UNREACHED;
    if (result == DELIVERY_LIMITED)
        return limited(g, t->retry_after_ms, now_ms);
    if (result == DELIVERY_TAKEN) {
        g->taken++;
        pace_taken(&g->pace, now_ms);
    }
    if (!fault && !closed)
        return close_at_once(g, now_ms);
    if (fault)
        g->reached = result != DELIVERY_UNREACHED;
    if (t->period != before.gen || (closed && fault && !speaks_against_it(g, t, result)))
        return DEST_BREAKER_SAME;
    g->breaker = breaker_answer(&limits, &g->breaker, t->period, fault, (struct breaker_window){ 0 },
                                jitter_permille, now_ms);
    change = changed(g, &before);
    if (change == DEST_BREAKER_OPENED)
        *ret_counts = false;
    if (!fault) {
        streak_ends(g);
        widen(g);
    }
    return change;
}

void dest_breaker_retry_now(struct dest_breaker *g, int64_t now_ms)
{
    pace_resume(&g->pace, now_ms);
    if (g->breaker.state == BREAKER_OPEN && g->breaker.until > now_ms)
        g->breaker.until = now_ms;
}

bool dest_breaker_suspects(const struct dest_breaker *g)
{
    return g->sessions == DEST_BREAKER_SESSIONS;
}

bool dest_breaker_is_failing(const struct dest_breaker *g)
{
    return g->sessions > 0;
}

/* ---- the tries of one event ------------------------------------------------------------------ */

static int64_t jittered(int64_t ms, unsigned jitter_permille)
{
    return ms * (1000 - DELIVERY_JITTER + 2 * DELIVERY_JITTER * (int64_t)jitter_permille / 1000) / 1000;
}

/* Is it the event's fault? Yes, when others were taken since it failed before. A first failure counts until a breaker
 * that opens gives it back. Where hardly anybody else is, a refusal of the body is believed. */
static bool speaks_against_event(const struct delivery_tries *t, const struct dest_breaker *b,
                                 const struct delivery_failure_facts *f)
{
    return t->counted == 0 || b->taken != t->taken_seen || (!f->fault && b->sessions < DEST_BREAKER_SESSIONS);
}

/* … and enough to give it up? With a schedule of one try its only failure is the first, which proves nothing. */
static bool may_give_up(const struct delivery_tries *t, const struct dest_breaker *b,
                        const struct delivery_failure_facts *f)
{
    return f->may_give_up && !dest_breaker_suspects(b) &&
           (b->taken != t->taken_seen || (!f->fault && b->sessions < DEST_BREAKER_SESSIONS));
}

static void count(struct delivery_tries *t, const struct dest_breaker *b)
{
    if (t->streak_id != b->streak_id)
        t->streak_counted = 0;
    t->streak_id = b->streak_id;
    t->streak_counted++;
    t->counted++;
    t->uncounted = 0;
}

/* 1 s, 2 s, 4 s … */
static int64_t wait_uncounted(struct delivery_tries *t, unsigned jitter_permille)
{
    int64_t wait = DELIVERY_WAIT_MIN_MS;

    for (int i = 0; i < t->uncounted && wait < DEST_BREAKER_DOUBT_MS; i++)
        wait *= 2;
    t->uncounted++;
    return jittered(wait < DEST_BREAKER_DOUBT_MS ? wait : DEST_BREAKER_DOUBT_MS, jitter_permille);
}

/* The wait until the next try that counts; -1: give it up. */
static int64_t plan(struct delivery_tries *t, const struct dest_breaker *b,
                    const struct delivery_failure_facts *f)
{
    const struct delivery_schedule *s = f->schedule;

    if (!speaks_against_event(t, b, f))
        return wait_uncounted(t, f->jitter_permille);
    if (t->counted < s->n)
        count(t, b);
    if (t->counted < s->n)
        return jittered(s->wait_ms[t->counted], f->jitter_permille);
    return may_give_up(t, b, f) ? -1 : wait_uncounted(t, f->jitter_permille);
}

struct delivery_next delivery_failed(struct delivery_tries *t, const struct dest_breaker *b,
                                     const struct delivery_failure_facts *f)
{
    struct delivery_next next = { .planned_ms = t->due_at - f->now_ms };
    int64_t soon = jittered(DEST_BREAKER_DOUBT_MS, f->jitter_permille);

    if (next.planned_ms <= 0)
        next.planned_ms = plan(t, b, f);
    t->taken_seen = b->taken;
    next.give_up = next.planned_ms < 0;
    next.wait_ms = f->fault && next.planned_ms > soon ? soon : next.planned_ms;
    t->due_at = f->now_ms + next.planned_ms;
    return next;
}

bool delivery_give_back(struct delivery_tries *t, const struct dest_breaker *b)
{
    if (t->streak_id != b->streak_id || t->streak_counted == 0)
        return false;
    t->counted -= t->streak_counted;
    t->streak_counted = 0;
    t->due_at = 0;
    return true;
}
