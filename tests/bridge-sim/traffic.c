/* Messages at a rate, and a drop now and then. */
#include "tests/bridge-sim/dialect.h"

/* The most messages of a tick, so that answers get their turn. */
#define TICK_MESSAGES_MAX 2000
#define MESSAGE_MICRO     INT64_C(1000000)

static enum sim_event next_type(struct sim *s)
{
    do
        s->traffic_type = (s->traffic_type + 1) % EVENT_MESSAGES;
    while (!(s->traffic_types & 1U << s->traffic_type));
    return (enum sim_event)s->traffic_type;
}

/* The debt is at most the messages of one second: a slow receiver does not get older ones later. */
static void owe(struct sim *s, int64_t ms)
{
    int64_t most = s->settings.rate_milli * 1000;

    if (most < MESSAGE_MICRO)
        most = MESSAGE_MICRO;
    s->traffic_debt_micro += s->settings.rate_milli * ms;
    if (s->traffic_debt_micro > most)
        s->traffic_debt_micro = most;
}

static void make_messages(struct sim *s)
{
    for (int n = 0; s->traffic_debt_micro >= MESSAGE_MICRO && n < TICK_MESSAGES_MAX; n++) {
        struct sim_session *x = sender_is_full(s->sender) ? NULL : session_next_connected(s);

        if (!x)
            return;
        s->traffic_debt_micro -= MESSAGE_MICRO;
        hook_message(s, x, next_type(s));
    }
}

static void drop_one(struct sim *s, int64_t now_ms)
{
    struct sim_session *x;

    if (s->settings.drop_every_ms == 0 || now_ms < s->drop_at)
        return;
    s->drop_at = now_ms + s->settings.drop_every_ms;
    x = session_next_connected(s);
    if (x)
        whatsapp_drop(s, x, s->dialect->drop_code);
}

void traffic_tick(struct sim *s, int64_t now_ms)
{
    owe(s, now_ms - s->last_tick_ms);
    make_messages(s);
    drop_one(s, now_ms);
}
