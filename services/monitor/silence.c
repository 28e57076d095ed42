#include "services/monitor/silence.h"

#include <string.h>

void silence_init(struct silence *d)
{
    memset(d, 0, sizeof *d);
    for (int h = 0; h < SILENCE_HOURS; h++)
        d->rate[h] = SILENCE_UNWATCHED;
}

static void stop_listening(struct silence *d)
{
    d->since_ms = 0;
    d->expected = 0;
    d->hour_whole = false;
    d->hour_slots = 0;
    d->silent = false;
}

/* Hours of a silent session teach nothing. */
static void close_hour(struct silence *d, int64_t hour)
{
    uint16_t *rate = &d->rate[hour % SILENCE_HOURS];
    int32_t hooks = d->hour_slots * SILENCE_UNIT;

    if (d->hour_whole && !d->silent) {
        if (*rate == SILENCE_UNWATCHED)
            *rate = (uint16_t)hooks;
        else
            *rate = (uint16_t)(*rate + (hooks - *rate) / SILENCE_LEARN_DIVISOR);
    }
    d->longest *= SILENCE_LONGEST_KEEP;
    d->hour_slots = 0;
    d->hour_whole = true;
}

static void account(struct silence *d, int64_t hour_ms, int64_t now_ms)
{
    while (d->since_ms < now_ms) {
        int64_t hour = d->since_ms / hour_ms;
        int64_t hour_end_ms = (hour + 1) * hour_ms;
        int64_t end_ms = now_ms < hour_end_ms ? now_ms : hour_end_ms;
        uint16_t rate = d->rate[hour % SILENCE_HOURS];

        if (rate != SILENCE_UNWATCHED)
            d->expected += (float)rate / SILENCE_UNIT * (float)(end_ms - d->since_ms) / (float)hour_ms;
        d->since_ms = end_ms;
        if (end_ms == hour_end_ms)
            close_hour(d, hour);
    }
}

/* A clock that was set, or a week without a tick: the counts mean nothing. */
static bool time_is_sane(const struct silence *d, int64_t hour_ms, int64_t now_ms)
{
    return now_ms >= d->since_ms && now_ms - d->since_ms <= SILENCE_HOURS * hour_ms;
}

static void listen_from(struct silence *d, int64_t hour_ms, int64_t now_ms)
{
    if (d->since_ms > 0 && !time_is_sane(d, hour_ms, now_ms))
        stop_listening(d);
    if (d->since_ms == 0)
        d->since_ms = now_ms;
    account(d, hour_ms, now_ms);
}

bool silence_message(const struct rules *rules, struct silence *d, int64_t now_ms)
{
    int64_t hour_ms = rules->silent_period_ms / SILENCE_HOURS;
    int64_t slot = now_ms / (hour_ms / SILENCE_SLOTS);
    bool was_silent;

    listen_from(d, hour_ms, now_ms);
    was_silent = d->silent;
    if (d->expected > d->longest)
        d->longest = d->expected;
    if (slot != d->slot)
        d->hour_slots++;
    d->slot = slot;
    d->expected = 0;
    d->silent = false;
    return was_silent;
}

static bool is_too_long(const struct rules *rules, const struct silence *d)
{
    return d->expected >= (float)rules->silent_expected &&
           d->expected * 100 >= d->longest * (float)rules->silent_percent;
}

bool silence_tick(const struct rules *rules, struct silence *d, bool listening, int64_t now_ms)
{
    if (!listening) {
        stop_listening(d);
        return false;
    }
    listen_from(d, rules->silent_period_ms / SILENCE_HOURS, now_ms);
    if (d->silent || !is_too_long(rules, d))
        return false;
    d->silent = true;
    return true;
}

/* The bytes: a version, `longest` in thousandths, the rates; all little-endian as on every machine we run on.
 */
#define PACK_VERSION 1

struct packed {
    uint32_t version;
    uint32_t longest_milli;
    uint16_t rate[SILENCE_HOURS];
};

int silence_pack(const struct silence *d, struct buf *ret)
{
    struct packed p = { .version = PACK_VERSION, .longest_milli = (uint32_t)(d->longest * 1000) };

    memcpy(p.rate, d->rate, sizeof p.rate);
    return buf_add(ret, &p, sizeof p);
}

bool silence_unpack(struct str bytes, struct silence *ret)
{
    struct packed p;

    if (bytes.n != sizeof p)
        return false;
    memcpy(&p, bytes.p, sizeof p);
    if (p.version != PACK_VERSION)
        return false;
    silence_init(ret);
    memcpy(ret->rate, p.rate, sizeof p.rate);
    ret->longest = (float)p.longest_milli / 1000;
    return true;
}
