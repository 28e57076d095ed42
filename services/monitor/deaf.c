#include "services/monitor/deaf.h"

#include <string.h>

void deaf_init(struct deaf *d)
{
    memset(d, 0, sizeof *d);
    for (int h = 0; h < DEAF_HOURS; h++)
        d->rate[h] = DEAF_UNWATCHED;
}

static void stop_listening(struct deaf *d)
{
    d->since_ms = 0;
    d->expected = 0;
    d->hour_whole = false;
    d->hour_slots = 0;
    d->deaf = false;
}

/* Hours of a deaf session teach nothing. */
static void close_hour(struct deaf *d, int64_t hour)
{
    uint16_t *rate = &d->rate[hour % DEAF_HOURS];
    int32_t heard = d->hour_slots * DEAF_UNIT;

    if (d->hour_whole && !d->deaf) {
        if (*rate == DEAF_UNWATCHED)
            *rate = (uint16_t)heard;
        else
            *rate = (uint16_t)(*rate + (heard - *rate) / DEAF_LEARN_DIVISOR);
    }
    d->longest *= DEAF_LONGEST_KEEP;
    d->hour_slots = 0;
    d->hour_whole = true;
}

static void account(struct deaf *d, int64_t hour_ms, int64_t now_ms)
{
    while (d->since_ms < now_ms) {
        int64_t hour = d->since_ms / hour_ms;
        int64_t hour_end_ms = (hour + 1) * hour_ms;
        int64_t end_ms = now_ms < hour_end_ms ? now_ms : hour_end_ms;
        uint16_t rate = d->rate[hour % DEAF_HOURS];

        if (rate != DEAF_UNWATCHED)
            d->expected += (float)rate / DEAF_UNIT * (float)(end_ms - d->since_ms) / (float)hour_ms;
        d->since_ms = end_ms;
        if (end_ms == hour_end_ms)
            close_hour(d, hour);
    }
}

/* A clock that was set, or a week without a tick: what was counted means nothing. */
static bool time_is_sane(const struct deaf *d, int64_t hour_ms, int64_t now_ms)
{
    return now_ms >= d->since_ms && now_ms - d->since_ms <= DEAF_HOURS * hour_ms;
}

static void listen_from(struct deaf *d, int64_t hour_ms, int64_t now_ms)
{
    if (d->since_ms > 0 && !time_is_sane(d, hour_ms, now_ms))
        stop_listening(d);
    if (d->since_ms == 0)
        d->since_ms = now_ms;
    account(d, hour_ms, now_ms);
}

bool deaf_heard(const struct rules *rules, struct deaf *d, int64_t now_ms)
{
    int64_t hour_ms = rules->silent_period_ms / DEAF_HOURS;
    int64_t slot = now_ms / (hour_ms / DEAF_SLOTS);
    bool was_deaf;

    listen_from(d, hour_ms, now_ms);
    was_deaf = d->deaf;
    if (d->expected > d->longest)
        d->longest = d->expected;
    if (slot != d->slot)
        d->hour_slots++;
    d->slot = slot;
    d->expected = 0;
    d->deaf = false;
    return was_deaf;
}

static bool is_too_long(const struct rules *rules, const struct deaf *d)
{
    return d->expected >= (float)rules->silent_expected &&
           d->expected * 100 >= d->longest * (float)rules->silent_percent;
}

bool deaf_tick(const struct rules *rules, struct deaf *d, bool listening, int64_t now_ms)
{
    if (!listening) {
        stop_listening(d);
        return false;
    }
    listen_from(d, rules->silent_period_ms / DEAF_HOURS, now_ms);
    if (d->deaf || !is_too_long(rules, d))
        return false;
    d->deaf = true;
    return true;
}

/* The bytes: a version, `longest` in thousandths, the rates; all little-endian as on every machine we run on.
 */
#define PACK_VERSION 1

struct packed {
    uint32_t version;
    uint32_t longest_milli;
    uint16_t rate[DEAF_HOURS];
};

int deaf_pack(const struct deaf *d, struct buf *ret)
{
    struct packed p = { .version = PACK_VERSION, .longest_milli = (uint32_t)(d->longest * 1000) };

    memcpy(p.rate, d->rate, sizeof p.rate);
    return buf_add(ret, &p, sizeof p);
}

bool deaf_unpack(struct str bytes, struct deaf *ret)
{
    struct packed p;

    if (bytes.n != sizeof p)
        return false;
    memcpy(&p, bytes.p, sizeof p);
    if (p.version != PACK_VERSION)
        return false;
    deaf_init(ret);
    memcpy(ret->rate, p.rate, sizeof p.rate);
    ret->longest = (float)p.longest_milli / 1000;
    return true;
}
