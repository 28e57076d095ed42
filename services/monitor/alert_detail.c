#include "services/monitor/alert_detail.h"

#include "common/store/attempts.h"
#include "common/store/reconnects.h"

static int on_attempt(void *ctx, const struct attempt_row *row)
{
    *(struct attempt_row *)ctx = *row;
    return 0;
}

static void add_last(const struct attempt_row *last, struct buf *out)
{
    if (last->token == 0 || !last->detail[0])
        return;
    (void)buf_addf(out, ", the last: %s", last->detail);
    if (last->http_status > 0)
        (void)buf_addf(out, " (HTTP %d)", last->http_status);
}

/* The state is named, too: an attempt may look as if it were about to begin. */
static void add_damping(const struct alert_detail_at *of, const struct tracked_session *s, struct buf *out)
{
    int64_t left_ms = flap_until_ms(of->rules, &s->flap) - of->now;
    char at[40];

    if (s->flap.suppressed_ms > 0 && s->known.state != SESSION_CONNECTED && left_ms > 0)
        (void)buf_addf(out, "%sIt is %s, and left alone until %s.", out->len ? " " : "",
                       session_state_text(s->known.state), text_time(of->now_wall + left_ms, at, sizeof at));
}

int alert_detail(struct db *db, const struct alert_detail_at *of, const struct tracked_session *s,
                 struct buf *out)
{
    struct reconnect_row row = { 0 };
    struct attempt_row last = { 0 };
    char at[40];
    int r = reconnects_find(db, of->bridge, s->id, &row);

    if (r >= 0)
        r = attempts_each(db, of->bridge, s->id, 1, on_attempt, &last);
    if (r < 0)
        return r;
    if (s->known.cause)
        (void)buf_adds(out, s->known.cause->meaning);
    if (s->known.state == SESSION_FAILED && s->ban_until > 0)
        (void)buf_addf(out, " The ban ends at %s; it is tried then.", text_time(s->ban_until, at, sizeof at));
    add_damping(of, s, out);
    if (s->known.state == SESSION_CONNECTED || row.retry.attempts == 0)
        return 0;
    (void)buf_addf(out, "%s%lld attempt%s so far", out->len ? " " : "", (long long)row.retry.attempts,
                   row.retry.attempts == 1 ? "" : "s");
    add_last(&last, out);
    return 0;
}
