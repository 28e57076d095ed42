#include "services/console/session_json.h"

#include "common/domain/cause.h"
#include "common/domain/next_step.h"
#include "common/ops/session_next.h"
#include "common/reconnect/reconnect.h"
#include "common/store/bridges.h"
#include "common/store/message_counts.h"

/* More changes than a week of quarter hours can show. */
#define STRIP_CHANGES_MAX SESSIONS_CHANGES_MAX
/* Counts are looked at so far back; older times are the row's. */
#define RECEIVED_MS (3 * MESSAGE_COUNTS_HOUR_MS)

struct strip_reading {
    struct strip *strip;
    int from; /* the state before the oldest change that was read, -1: not known */
    bool any;
};

static int on_change(void *ctx, const struct session_change *c)
{
    struct strip_reading *s = ctx;

    s->any = true;
    s->from = c->from;
    return strip_add(s->strip, c) ? 0 : 1;
}

int session_json_strip(struct db *db, const struct now *now, const struct session_row *row, int slots,
                       int64_t slot_ms, struct strip *ret)
{
    struct strip_reading s = { .strip = ret, .from = -1 };
    int r;

    strip_init(ret, now->wall_ms, slots, slot_ms);
    r = sessions_each_change(db, row->bridge, row->id, STRIP_CHANGES_MAX, on_change, &s);
    strip_end(ret, s.any ? s.from : (int)row->state, row->first_seen);
    return r < 0 ? r : 0;
}

static const char *detail_of(enum why why, const struct bridge_row *bridge)
{
    return why_is_of_method(why) && bridge->no_reconnect_method[0] ? bridge->no_reconnect_method
                                                                   : why_message(why);
}

static int read_outlook(struct db *db, const struct now *now, const struct session_item *i,
                        struct bridge_row *ret_bridge, struct reconnect_outlook *ret)
{
    struct policy policy;
    int r = bridges_find(db, i->row.bridge, ret_bridge);

    if (r == BRIDGES_NONE)
        *ret_bridge = (struct bridge_row){ 0 };
    if (r < 0)
        return r;
    policy = reconnect_policy_of(ret_bridge);
    r = reconnect_outlook(db, &policy, now, i->row.bridge, i->row.id, ret);
    if (r == RECONNECTS_NONE)
        *ret = (struct reconnect_outlook){ 0 };
    return r < 0 ? r : 0;
}

/* The begin of the newest minute with a message. */
static int on_count(void *ctx, const struct message_count *c)
{
    int64_t *last = ctx;

    for (int i = 0; i < MESSAGE_COUNTS_MINUTES; i++) {
        if (c->minute[i] > 0)
            *last = c->hour + i * (MESSAGE_COUNTS_HOUR_MS / MESSAGE_COUNTS_MINUTES);
    }
    return 0;
}

/* The row has it as of the last change of the session, the counts as of the last minute. */
static int read_last_received(struct db *db, const struct now *now, const struct session_row *row,
                              int64_t *ret)
{
    int64_t last = 0;
    int r = message_counts_each(db, row->bridge, row->id, now->wall_ms - RECEIVED_MS, on_count, &last);

    *ret = last > row->last_received_at ? last : row->last_received_at;
    return r;
}

int session_json_row(struct db *db, const struct now *now, const struct session_item *i, struct json_out *j)
{
    struct reconnect_outlook o = { 0 };
    struct bridge_row bridge = { 0 };
    struct strip strip;
    int64_t at, last_received = 0;
    enum why why;
    int r = session_json_strip(db, now, &i->row, STRIP_DAY_SLOTS, STRIP_DAY_SLOT_MS, &strip);

    if (r == 0)
        r = read_outlook(db, now, i, &bridge, &o);
    if (r == 0)
        r = read_last_received(db, now, &i->row, &last_received);
    if (r != 0)
        return r;
    at = session_next_action(&o) == SESSION_ACTION_ATTEMPT ? session_next_at(&o) : 0;
    why = session_next_obstacle(&o).why;
    json_texts(j, "bridge", i->row.bridge);
    json_texts(j, "session", i->row.id);
    json_texts(j, "name", i->row.name);
    json_texts(j, "phone", i->row.phone);
    json_texts(j, "state", session_state_text(i->row.state));
    json_int(j, "since", i->row.since);
    json_texts(j, "cause", i->row.cause);
    json_int(j, "code", i->row.code);
    json_texts(j, "mark", session_item_mark(i, now));
    json_bool(j, "parked", i->phase == RETRY_PARKED);
    json_bool(j, "silent", i->row.silent_since > 0);
    json_bool(j, "flapping", session_item_is_flapping(i, now));
    json_int(j, "last_received_at", last_received);
    json_int(j, "next_at", at > 0 ? steady_to_wall(now, at) : 0);
    json_texts(j, "why_not_sooner", why_key(why));
    json_texts(j, "why_detail", why == WHY_READY ? "" : detail_of(why, &bridge));
    json_int(j, "attempts", i->attempts);
    json_texts(j, "strip", strip.text);
    return 0;
}

int session_json_next(struct db *db, const struct now *now, const struct session_item *i, struct json_out *j,
                      char ret_driver[16])
{
    struct reconnect_outlook o = { 0 };
    struct bridge_row bridge = { 0 };
    struct retry_verdict v;
    char step[200];
    int64_t at;
    int r = read_outlook(db, now, i, &bridge, &o);

    if (r != 0)
        return r;
    v = session_next_obstacle(&o);
    at = session_next_at(&o);
    json_open(j, "next", '{');
    json_texts(j, "action", session_action_text(session_next_action(&o)));
    json_int(j, "at", at > 0 ? steady_to_wall(now, at) : 0);
    json_texts(j, "phase", retry_phase_text(o.row.retry.phase));
    json_texts(j, "reason", retry_reason_text(o.row.retry.reason));
    json_texts(j, "why_not_sooner", why_key(v.why));
    json_texts(j, "detail", detail_of(v.why, &bridge));
    json_int(j, "until", v.until > 0 && v.why != WHY_READY ? steady_to_wall(now, v.until) : 0);
    json_int(j, "ahead", o.ahead);
    json_int(j, "attempts", o.row.retry.attempts);
    json_int(j, "failures", o.row.retry.failures);
    json_bool(j, "parked", o.row.retry.phase == RETRY_PARKED);
    json_int(j, "parked_since", o.row.parked_since);
    json_texts(j, "park_reason", o.row.park_detail);
    json_texts(j, "to_do",
               next_step(i->row.state, i->row.cause[0] ? cause_by_name(i->row.cause) : NULL,
                         o.row.retry.phase == RETRY_PARKED, i->row.id, step, sizeof step));
    json_close(j, '}');
    str_copy(str_from(bridge.driver), ret_driver, 16);
    return 0;
}
