/*
 * Operator commands to the forwarder: rows of state.db, a notification, and the outcome, for which the answer waits.
 *
 *   handle_delivery_actions   writes the rows
 *   on_look                   every 50 ms: are all of them done?
 *   answer                    with the outcome of the last one, or done: false
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/ops/forward_commands.h"
#include "common/ops/status_forward.h"
#include "services/console/handlers.h"
#include "services/console/stores.h"

/* A test waits for a backend. */
#define WAIT_MS 20000
#define LOOK_MS 50
#define IDS_MAX 100

static const struct {
    const char *name;
    enum forward_verb verb;
    bool of_destination; /* it needs one */
    bool of_dead;        /* it needs ids, a filter, or all */
    bool of_event;       /* it needs one */
} actions[] = {
    { "dead_retry", FORWARD_DEAD_RETRY, false, true, false },
    { "dead_drop", FORWARD_DEAD_DROP, false, true, false },
    { "retry", FORWARD_RETRY, false, false, false },
    { "skip", FORWARD_SKIP, false, false, true },
    { "pause", FORWARD_PAUSE, true, false, false },
    { "resume", FORWARD_RESUME, true, false, false },
    { "test", FORWARD_TEST, true, false, false },
    { "on", FORWARD_ON, true, false, false },
    { "off", FORWARD_OFF, true, false, false },
    { "forget", FORWARD_FORGET, true, false, false },
};

struct command {
    struct exchange e; /* a copy: it is answered later */
    const char *name;
    struct timer *timer;
    int64_t until_ms; /* loop time */
    int64_t number[IDS_MAX];
    int n, done;
    bool failed;
    char result[FORWARD_RESULT_MAX];
    char destination[FORWARD_NAME_MAX], bridge[BRIDGES_NAME_MAX], session[SESSIONS_ID_MAX], type[64];
    struct forward_command row[IDS_MAX];
};

/* ---- the outcome ----------------------------------------------------------------------------- */

static void answer(struct command *c, bool done)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct json_out j = JSON_OUT(&json);
    char action[AUDIT_ACTION_MAX];

    (void)snprintf(action, sizeof action, "delivery.%s", c->name);
    exchange_audit(&c->e, action, c->bridge, c->session, !c->failed, "%s%s%.200s", c->destination,
                   c->destination[0] ? ": " : "", c->result);
    json_open(&j, NULL, '{');
    json_texts(&j, "action", c->name);
    json_bool(&j, "done", done);
    json_bool(&j, "failed", c->failed);
    json_texts(&j, "result", c->result);
    json_close(&j, '}');
    exchange_answer(&c->e, 200, &json);
    timer_close(c->timer);
    mem_free(c);
}

static int look(struct command *c)
{
    struct db *db;
    bool failed = false;
    int r = stores_state(c->e.c->stores, &db);

    while (r == 0 && c->done < c->n) {
        r = forward_command_result(db, c->number[c->done], &failed, c->result);
        if (r == 0)
            r = forward_command_remove(db, c->number[c->done]);
        c->done += r == 0;
        c->failed = c->failed || failed;
    }
    return r;
}

static void on_look(void *ctx)
{
    struct command *c = ctx;
    int r = look(c);

    if (r == 0) {
        answer(c, true);
    } else if (loop_now_ms(app_loop(c->e.c->app)) >= c->until_ms) {
        (void)snprintf(c->result, sizeof c->result,
                       "no forwarder took it in time; it is kept and taken later");
        answer(c, false);
    } else {
        timer_start(c->timer, LOOK_MS);
    }
}

/* ---- the request ----------------------------------------------------------------------------- */

static int on_id(void *ctx, struct json_value item)
{
    struct command *c = ctx;
    int64_t id = 0;

    if (c->n == IDS_MAX || json_in_i64(item, &id) != 0 || id <= 0)
        return 1;
    c->row[c->n++].filter.id = id;
    return 0;
}

/* "evt_…_1234" or "1234". */
static int64_t seq_of(const char *event)
{
    const char *digits = strrchr(event, '_');
    int64_t seq = 0;

    return text_to_i64(digits ? digits + 1 : event, &seq) == 0 ? seq : 0;
}

static bool take_ids(struct command *c)
{
    static const struct json_path path = { 0, { "ids" } };
    struct json_value list;

    if (json_in_find(http_req_body(c->e.http), &path, 1, &list) == 0 && list.kind == JSON_IN_ARRAY &&
        json_in_each(list, on_id, c) == 0 && c->n > 0)
        return true;
    exchange_error(&c->e, 400, "bad_request", "ids is a list of 1 to %d numbers", IDS_MAX);
    return false;
}

/* The rows of the request; false: it was answered. */
static bool read_request(struct command *c, size_t action)
{
    bool by_ids = exchange_has(&c->e, "ids", JSON_IN_ARRAY);
    const char *part =
        actions[action].of_dead && exchange_has(&c->e, "filter", JSON_IN_OBJECT) ? "filter" : NULL;
    char event[EVENT_ID_MAX];
    struct forward_dead_filter filter = {
        .destination = c->destination, .bridge = c->bridge, .session = c->session, .type_prefix = c->type
    };

    exchange_text(&c->e, part, "destination", c->destination, sizeof c->destination);
    exchange_text(&c->e, part, "bridge", c->bridge, sizeof c->bridge);
    exchange_text(&c->e, part, "session", c->session, sizeof c->session);
    exchange_text(&c->e, part, "type", c->type, sizeof c->type);
    exchange_text(&c->e, NULL, "event", event, sizeof event);
    filter.since_at = exchange_int(&c->e, part, "since");
    filter.until_at = exchange_int(&c->e, part, "until");
    if (!exchange_fits(&c->e))
        return false;
    if (actions[action].of_destination && !c->destination[0]) {
        exchange_error(&c->e, 400, "bad_request", "%s needs a destination", c->name);
        return false;
    }
    if (actions[action].of_event && seq_of(event) <= 0) {
        exchange_error(&c->e, 400, "bad_request", "%s needs an event: its id or its seq", c->name);
        return false;
    }
    if (actions[action].of_dead && !by_ids && !part && !exchange_bool(&c->e, "all")) {
        exchange_error(&c->e, 400, "bad_request", "%s needs ids, a filter, or all", c->name);
        return false;
    }
    if (actions[action].of_dead && by_ids)
        return take_ids(c);
    filter.id = actions[action].of_dead ? 0 : seq_of(event);
    c->row[0].filter = filter;
    c->n = 1;
    return true;
}

/* Returns 0 or a negative. */
static int put(struct command *c, enum forward_verb verb)
{
    struct db *db;
    struct message m;
    int r = stores_state(c->e.c->stores, &db);

    for (int i = 0; i < c->n; i++) {
        c->row[i].verb = verb;
        if (!c->row[i].filter.destination)
            c->row[i].filter.destination = c->row[i].filter.bridge = c->row[i].filter.session =
                c->row[i].filter.type_prefix = "";
    }
    if (r == 0)
        r = forward_commands_put(db, c->row, c->n, stores_wall_ms(c->e.c->stores), c->number);
    if (r != 0)
        return r;
    message_init(&m);
    m.type = str_from(topic_type_text(TOPIC_FORWARD_COMMAND));
    app_publish(c->e.c->app, &m);
    return 0;
}

static void start(struct command *c, size_t action)
{
    bool runs = !stores_are_away(c->e.c->stores) && status_forward_runs(app_store(&c->e.c->settings->app));
    int r = timer_open(app_loop(c->e.c->app), on_look, c, &c->timer);

    if (r == 0)
        r = put(c, actions[action].verb);
    if (r != 0) {
        exchange_store_error(&c->e, STATE_DB_FILE, r);
        timer_close(c->timer);
        mem_free(c);
        return;
    }
    c->until_ms = loop_now_ms(app_loop(c->e.c->app)) + (runs ? WAIT_MS : 0);
    timer_start(c->timer, LOOK_MS);
}

void handle_delivery_actions(struct exchange *e)
{
    struct command *c = mem_zalloc(sizeof *c);
    size_t action = 0;
    char name[16];

    exchange_text(e, NULL, "action", name, sizeof name);
    while (action < ARRAY_LEN(actions) && strcmp(actions[action].name, name) != 0)
        action++;
    if (!c) {
        exchange_error(e, 503, "memory", "memory is short");
        return;
    }
    if (action == ARRAY_LEN(actions)) {
        mem_free(c);
        exchange_error(e, 400, "bad_request",
                       "action is \"%s\"; it takes dead_retry, dead_drop, retry, "
                       "skip, pause, resume, test, on, off and forget",
                       name);
        return;
    }
    c->e = *e;
    c->name = actions[action].name;
    if (read_request(c, action))
        start(c, action);
    else
        mem_free(c);
}
