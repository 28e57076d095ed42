/* How everything is, and the bridges. */
#include "common/base/mem.h"
#include "services/console/bridges_json.h"
#include "services/console/counts.h"
#include "services/console/handlers.h"
#include "services/console/state_json.h"
#include "services/console/stores.h"

static void write_services(const struct overview *o, struct json_out *j)
{
    json_open(j, "services", '[');
    for (int i = 0; i < OVERVIEW_SERVICES; i++) {
        json_open(j, NULL, '{');
        json_texts(j, "service", o->service[i].service);
        json_texts(j, "state", o->service[i].state);
        json_int(j, "seen_at", o->service[i].seen_at);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void write_overview(const struct exchange *e, const struct overview *o, struct json_out *j)
{
    json_open(j, NULL, '{');
    json_int(j, "now", o->now.wall_ms);
    json_bool(j, "ok", o->ok);
    json_open(j, "problems", '[');
    for (int i = 0; i < o->problems.n; i++)
        state_json_problem(j, &o->problems.item[i]);
    json_close(j, ']');
    write_services(o, j);
    bridges_json(e, o, false, j);
    state_json_counts(j, "sessions", o->sessions);
    json_int(j, "parked", o->parked);
    json_int(j, "silent", o->silent);
    json_open(j, "delivery", '[');
    for (int i = 0; i < o->forward.n; i++)
        state_json_destination(j, &o->forward.destination[i], o->head_seq, o->forward.runs);
    json_close(j, ']');
    json_int(j, "delivered_seq", o->delivered_seq);
    json_int(j, "head_seq", o->head_seq);
    json_int(j, "last_event_at", o->last_event_at);
    counts_write_rate(e->c->counts, o->now.wall_ms, j);
    json_int(j, "alerts", o->alerts);
    json_close(j, '}');
}

static void answer(struct exchange *e,
                   void (*write)(const struct exchange *, const struct overview *, struct json_out *))
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct json_out j = JSON_OUT(&json);
    struct overview *o = NULL;
    int r = overview_read(e->c, &o);

    if (r != 0) {
        exchange_store_error(e, STATE_DB_FILE, r);
        return;
    }
    write(e, o, &j);
    overview_free(o);
    exchange_answer(e, 200, &json);
}

void handle_overview(struct exchange *e)
{
    answer(e, write_overview);
}

static void write_bridge_list(const struct exchange *e, const struct overview *o, struct json_out *j)
{
    json_open(j, NULL, '{');
    json_int(j, "now", o->now.wall_ms);
    bridges_json(e, o, true, j);
    json_close(j, '}');
}

void handle_bridges(struct exchange *e)
{
    answer(e, write_bridge_list);
}
