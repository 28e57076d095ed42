/* Actions of an operator on sessions: reconnect, park, unpark, delete; one, some, or all that match a filter. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/ops/session_next.h"
#include "common/reconnect/reconnect.h"
#include "services/console/deletions.h"
#include "services/console/handlers.h"
#include "services/console/session_select.h"
#include "services/console/stores.h"

/* Named in an answer; the others are counted. */
#define RESULTS_MAX 100
/* In one request: each is a transaction of its own, so that no worker waits for long. */
#define SESSIONS_AT_ONCE 20000
/* Deletions call the bridge, one after the other. */
#define DELETE_MAX 100

enum action { ACTION_RECONNECT, ACTION_PARK, ACTION_UNPARK, ACTION_DELETE, ACTION_N };
static const char *const names[ACTION_N] = { "reconnect", "park", "unpark", "delete" };

struct target {
    char bridge[SESSIONS_ID_MAX], session[SESSIONS_ID_MAX];
};

struct result {
    const struct target *t;
    const char *answer;
    const char *why; /* the key of the reason of a refusal, as the page translates it; "": none */
    char detail[240];
};

struct work {
    struct exchange *e;
    struct db *db;
    enum action action;
    char reason[160];
    bool force, dry_run;
    struct target *target;
    int n, done, refused;
    struct result result[RESULTS_MAX];
    int results;
};

/* ---- one session ----------------------------------------------------------------------------- */

static void publish_due(const struct work *w, const struct target *t)
{
    struct message m;

    message_init(&m);
    m.type = str_from(topic_type_text(TOPIC_RECONNECT_DUE));
    m.bridge = str_from(t->bridge);
    m.session = str_from(t->session);
    m.due_at = stores_wall_ms(w->e->c->stores);
    app_publish(w->e->c->app, &m);
}

static int policy_of(const struct work *w, const struct target *t, struct bridge_row *ret_bridge,
                     struct policy *ret)
{
    int r = bridges_find(w->db, t->bridge, ret_bridge);

    if (r == BRIDGES_NONE)
        *ret_bridge = (struct bridge_row){ 0 };
    *ret = reconnect_policy_of(ret_bridge);
    return r < 0 ? r : 0;
}

/* Returns 0, RECONNECTS_NONE, RECONNECT_REFUSED with the reason and its key, or a negative. */
static int act(const struct work *w, const struct target *t, const struct now *now, char *ret_reason,
               size_t n, const char **ret_why)
{
    struct retry_verdict v = { 0 };
    struct bridge_row bridge;
    struct policy policy;
    int r = policy_of(w, t, &bridge, &policy);

    if (r != 0)
        return r;
    switch (w->action) {
    case ACTION_PARK:
        return reconnect_park(w->db, now, t->bridge, t->session, w->reason);
    case ACTION_UNPARK:
        r = reconnect_unpark(w->db, &policy, now, t->bridge, t->session);
        (void)snprintf(ret_reason, n, "it is not parked");
        *ret_why = "not-parked";
        return r;
    case ACTION_DELETE:
        r = deletions_add(w->e->c->deletions, t->bridge, t->session, w->e->who.actor, w->e->address);
        (void)snprintf(ret_reason, n, "too much is being deleted; try again in a minute");
        *ret_why = "busy";
        return r == -EBUSY ? RECONNECT_REFUSED : r;
    default:
        r = reconnect_ask(w->db, &policy, now, t->bridge, t->session, w->force, &v);
        (void)snprintf(ret_reason, n, "%s",
                       why_is_of_method(v.why) && bridge.no_reconnect_method[0] ? bridge.no_reconnect_method
                                                                                : why_message(v.why));
        *ret_why = why_key(v.why);
        return r;
    }
}

static void note(struct work *w, const struct target *t, const char *answer, const char *why,
                 const char *detail)
{
    struct result *x;

    if (w->results == RESULTS_MAX)
        return;
    x = &w->result[w->results++];
    x->t = t;
    x->answer = answer;
    x->why = why;
    (void)snprintf(x->detail, sizeof x->detail, "%s", detail);
}

static int act_on(struct work *w, const struct target *t)
{
    char action[AUDIT_ACTION_MAX], reason[240] = "";
    const char *why = "";
    struct now now;
    int r = stores_now(w->e->c->stores, &now);

    if (r == 0)
        r = act(w, t, &now, reason, sizeof reason, &why);
    if (r < 0)
        return r;
    if (r == 0 && (w->action == ACTION_RECONNECT || w->action == ACTION_UNPARK))
        publish_due(w, t);
    w->done += r == 0;
    w->refused += r != 0;
    if (r != 0)
        note(w, t, r == RECONNECTS_NONE ? "not_found" : "refused", r == RECONNECTS_NONE ? "" : why,
             r == RECONNECTS_NONE ? "there is no such session" : reason);
    else if (w->n <= RESULTS_MAX)
        note(w, t, w->action == ACTION_DELETE ? "running" : "done", "", "");
    (void)snprintf(action, sizeof action, "session.%s", names[w->action]);
    if (r != RECONNECTS_NONE)
        exchange_audit(w->e, action, t->bridge, t->session, r == 0, "%s",
                       r != 0                     ? reason
                       : w->action == ACTION_PARK ? w->reason
                                                  : "");
    return 0;
}

/* ---- which ones ------------------------------------------------------------------------------ */

static int on_target(void *ctx, struct json_value item)
{
    static const struct json_path paths[] = { { 0, { "bridge" } }, { 0, { "session" } } };
    struct work *w = ctx;
    struct json_value v[2];

    if (w->n == EXCHANGE_LIMIT_MAX * 2 || item.kind != JSON_IN_OBJECT ||
        json_in_find(item.raw, paths, 2, v) != 0)
        return 1;
    (void)json_in_text(v[0], w->target[w->n].bridge, SESSIONS_ID_MAX);
    (void)json_in_text(v[1], w->target[w->n].session, SESSIONS_ID_MAX);
    w->n++;
    return 0;
}

/* False: the answer was given. */
static bool take_listed(struct work *w)
{
    static const struct json_path path = { 0, { "sessions" } };
    struct json_value list;

    w->target = mem_zalloc((size_t)EXCHANGE_LIMIT_MAX * 2 * sizeof *w->target);
    if (w->target && json_in_find(http_req_body(w->e->http), &path, 1, &list) == 0 &&
        list.kind == JSON_IN_ARRAY && json_in_each(list, on_target, w) == 0)
        return true;
    exchange_error(w->e, 400, "bad_request",
                   "sessions is a list of at most %d objects with bridge and session; or give a filter",
                   EXCHANGE_LIMIT_MAX * 2);
    return false;
}

static bool take_matching(struct work *w)
{
    CLEANUP(mem_freep) int *found = NULL;
    struct session_query q;
    int n = 0, r;

    if (!session_select_query(w->e, "filter", &q))
        return false;
    r = session_select_find(w->e, &q, &found, &n);
    if (r == 0) {
        w->target = mem_zalloc((size_t)(n + 1) * sizeof *w->target);
        r = w->target ? 0 : -ENOMEM;
    }
    if (r != 0) {
        exchange_store_error(w->e, STATE_DB_FILE, r);
        return false;
    }
    for (int i = 0; i < n; i++) {
        const struct session_item *s = session_list_at(w->e->c->sessions, found[i]);

        str_copy(str_from(s->row.bridge), w->target[i].bridge, SESSIONS_ID_MAX);
        str_copy(str_from(s->row.id), w->target[i].session, SESSIONS_ID_MAX);
    }
    w->n = n;
    return true;
}

static bool take_targets(struct work *w)
{
    int max = w->action == ACTION_DELETE ? DELETE_MAX : SESSIONS_AT_ONCE;
    bool by_filter = exchange_has(w->e, "filter", JSON_IN_OBJECT);

    if (by_filter ? !take_matching(w) : !take_listed(w))
        return false;
    if (w->n > max) {
        exchange_error(w->e, 400, "too_many", "%d sessions; at most %d at once: narrow the filter", w->n,
                       max);
        return false;
    }
    if (by_filter && !w->dry_run && exchange_int(w->e, NULL, "expect") != w->n) {
        exchange_error(w->e, 409, "changed", "%d sessions match now, and not %lld: look again", w->n,
                       (long long)exchange_int(w->e, NULL, "expect"));
        return false;
    }
    return true;
}

/* ---- the request ----------------------------------------------------------------------------- */

static void answer(struct work *w)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct json_out j = JSON_OUT(&json);

    json_open(&j, NULL, '{');
    json_texts(&j, "action", names[w->action]);
    json_bool(&j, "dry_run", w->dry_run);
    json_int(&j, "matched", w->n);
    json_int(&j, "done", w->done);
    json_int(&j, "refused", w->refused);
    json_open(&j, "results", '[');
    for (int i = 0; i < w->results; i++) {
        json_open(&j, NULL, '{');
        json_texts(&j, "bridge", w->result[i].t->bridge);
        json_texts(&j, "session", w->result[i].t->session);
        json_bool(&j, "ok", w->result[i].answer[0] == 'd' || w->result[i].answer[1] == 'u');
        json_texts(&j, "answer", w->result[i].answer);
        json_texts(&j, "why", w->result[i].why);
        json_texts(&j, "detail", w->result[i].detail);
        json_close(&j, '}');
    }
    json_close(&j, ']');
    json_close(&j, '}');
    exchange_answer(w->e, 200, &json);
}

static int action_of(struct exchange *e)
{
    char word[16];

    exchange_text(e, NULL, "action", word, sizeof word);
    for (int i = 0; i < ACTION_N; i++) {
        if (strcmp(word, names[i]) == 0)
            return i;
    }
    exchange_error(e, 400, "bad_request", "action is \"%s\"; it takes reconnect, park, unpark and delete",
                   word);
    return -1;
}

static void work(struct work *w)
{
    int r = stores_state(w->e->c->stores, &w->db);

    if (!exchange_fits(w->e) || !take_targets(w))
        return;
    for (int i = 0; r == 0 && !w->dry_run && i < w->n; i++)
        r = act_on(w, &w->target[i]);
    session_list_outdate(w->e->c->sessions);
    if (r != 0)
        exchange_store_error(w->e, STATE_DB_FILE, r);
    else
        answer(w);
}

void handle_session_actions(struct exchange *e)
{
    struct work *w = mem_zalloc(sizeof *w);
    int action = action_of(e);

    if (w && action >= 0) {
        w->e = e;
        w->action = (enum action)action;
        w->force = exchange_bool(e, "force");
        w->dry_run = exchange_bool(e, "dry_run");
        exchange_text(e, NULL, "reason", w->reason, sizeof w->reason);
        if (!w->reason[0])
            (void)snprintf(w->reason, sizeof w->reason, "parked in the console by %s", e->who.actor);
        work(w);
        mem_free(w->target);
    } else if (action >= 0) {
        exchange_error(e, 503, "memory", "memory is short");
    }
    mem_free(w);
}
