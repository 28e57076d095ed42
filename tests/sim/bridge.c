/* The bridge and its sessions, as they really are. It speaks the contract. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/buf.h"
#include "common/domain/cause.h"
#include "tests/sim/sim.h"

/* A login takes this long; the bridge calls it starting meanwhile. */
#define LOGIN_MIN_MS 500
#define LOGIN_MAX_MS 9000
#define LIST_MAX     (256 * 1024 * 1024)

static const char prefix[] = "http://bridge.sim";
static clock_t took;

bool bridge_answers(void)
{
    return sim.mode != SIM_FAILING && sim.mode != SIM_REFUSING && sim.mode != SIM_HANGING &&
           sim.mode != SIM_UNREACHABLE;
}

/* ---- sessions -------------------------------------------------------------------------------- */

static enum session_state state_after(int code)
{
    const struct cause *c = cause_find(code);

    return c->plan == PLAN_NEVER && code == 401 ? SESSION_LOGGED_OUT : SESSION_DISCONNECTED;
}

void bridge_set(int session, enum session_state state)
{
    struct sim_session *x = &sim.sessions[session];

    x->gen++;
    x->state = state;
    x->since = world_now();
    x->connected_since = state == SESSION_CONNECTED ? world_now() : 0;
}

void bridge_drop(int session, int code)
{
    struct sim_session *x = &sim.sessions[session];

    bridge_set(session, state_after(code));
    x->code = code;
    if (x->kind != SIM_FLAPPER)
        sim.steady_since = world_now();
    world_log("%s drops with %d", x->id, code);
    sender_event(session, SESSION_DISCONNECTED, code);
}

static void drop_again(void *ctx, int64_t gen)
{
    struct sim_session *x = ctx;

    if (x->gen == gen && world_now() < sim.calm_at)
        bridge_drop((int)(x - sim.sessions), 428);
}

void bridge_connect(int session, int64_t gen)
{
    struct sim_session *x = &sim.sessions[session];

    if (x->gen != gen || x->removed)
        return;
    bridge_set(session, SESSION_CONNECTED);
    world_log("%s connects", x->id);
    sender_event(session, SESSION_CONNECTED, 0);
    if (x->kind == SIM_SHAKY)
        world_at(world_now() + 1000 + world_draw(60 * 1000), drop_again, x, x->gen);
}

void bridge_remove(int session)
{
    struct sim_session *x = &sim.sessions[session];

    bridge_set(session, SESSION_LOST);
    x->removed = true;
    x->code = 0;
    x->word = NULL;
    world_log("%s is removed at the bridge", x->id);
}

void bridge_return(int session)
{
    struct sim_session *x = &sim.sessions[session];

    x->removed = false;
    x->returned_t = world_now();
    bridge_set(session, SESSION_STARTING);
    world_log("%s is created at the bridge again", x->id);
    bridge_connect(session, x->gen);
}

static void on_logged_in(void *ctx, int64_t gen)
{
    struct sim_session *x = ctx;

    bridge_connect((int)(x - sim.sessions), gen);
}

/* The bridge logs the session in again; its earlier activity ends. */
static void log_in(int session)
{
    struct sim_session *x = &sim.sessions[session];

    bridge_set(session, x->kind == SIM_STUBBORN ? SESSION_DISCONNECTED : SESSION_STARTING);
    if (x->kind != SIM_STUBBORN)
        world_at(world_now() + LOGIN_MIN_MS + world_draw(LOGIN_MAX_MS - LOGIN_MIN_MS), on_logged_in, x,
                 x->gen);
}

/* ---- answers --------------------------------------------------------------------------------- */

static const char *word_of(enum session_state state)
{
    static const char *const words[SESSION_STATE_N] = {
        [SESSION_STARTING] = "connecting",   [SESSION_QR_PENDING] = "qr_pending",
        [SESSION_CONNECTED] = "connected",   [SESSION_DISCONNECTED] = "disconnected",
        [SESSION_LOGGED_OUT] = "logged_out", [SESSION_FAILED] = "failed",
        [SESSION_LOST] = "disconnected",
    };

    return words[state];
}

static void say(struct net_request *r, int64_t after_ms, int status, const char *body)
{
    const struct net_answer a = {
        .status = status, .content_type = "application/json", .body = str_from(body), .retry_after_s = -1
    };

    net_answer(r, after_ms, &a);
}

static int64_t soon(void)
{
    return 1 + world_draw(300);
}

/* The bridge shows now that it has no such session. */
static void show_missing(struct sim_session *x)
{
    x->shown = world_now();
    if (x->missing_t == 0)
        x->missing_t = world_now();
}

/* The bridge tells of this session now. */
static void put_session(struct buf *out, int session)
{
    struct sim_session *x = &sim.sessions[session];

    (void)buf_addf(out, "{\"id\":\"%s\",\"status\":\"%s\",\"phone\":\"5511%d\"}", x->id,
                   x->word ? x->word : word_of(x->state), session);
    x->shown = world_now();
    x->missing_t = 0;
    if (x->word)
        x->word_t = world_now();
    if (x->state == SESSION_CONNECTED)
        x->reported = world_now();
}

/* One answer that is not true. */
static void lie(struct net_request *r)
{
    static const char *const lies[] = {
        "{\"status\":\"success\",\"data\":[]}",
        "{\"status\":\"error\",\"data\":[]}",
        "{\"success\":false,\"sessions\":[]}",
        "{\"sessions\":[{\"id\":\"s0\",\"status\":\"disconnected\"}]}",
    };

    world_log("the list of the bridge lies");
    for (int i = 0; i < sim.n_sessions; i++) /* to be missing is a word, too */
        sim.sessions[i].shown = world_now();
    sim.lied_t = world_now();
    say(r, soon(), 200, lies[sim.lie % 4]);
    sim.lie = 0;
}

int64_t bridge_took_us(void)
{
    return (int64_t)took * 1000000 / CLOCKS_PER_SEC;
}

static void answer_list(struct net_request *r)
{
    struct buf body = BUF_INIT(LIST_MAX);
    clock_t from = clock();

    if (!sim.has_list) {
        say(r, soon(), 404, "{\"error\":\"not_found\",\"message\":\"no such route\"}");
        return;
    }
    if (sim.lie != 0) {
        lie(r);
        return;
    }
    (void)buf_adds(&body, "{\"sessions\":[");
    for (int i = 0, n = 0; i < sim.n_sessions; i++) {
        if (sim.sessions[i].removed) {
            show_missing(&sim.sessions[i]);
            continue;
        }
        if (n++ > 0)
            (void)buf_adds(&body, ",");
        put_session(&body, i);
    }
    (void)buf_adds(&body, "]}");
    say(r, 1 + world_draw(20), 200, buf_str(&body));
    buf_fini(&body);
    took += clock() - from;
}

static void say_no_session(struct net_request *r, int session)
{
    show_missing(&sim.sessions[session]);
    say(r, soon(), 404, "{\"error\":\"Session not found\"}");
}

static void answer_status(struct net_request *r, int session)
{
    struct buf body = BUF_INIT(1024);

    if (sim.sessions[session].removed) {
        say_no_session(r, session);
        return;
    }
    put_session(&body, session);
    say(r, 1 + world_draw(20), 200, buf_str(&body));
    buf_fini(&body);
}

static void answer_reconnect(struct net_request *r, int session)
{
    const struct sim_session *x = &sim.sessions[session];

    if (!sim.unchecked)
        check_sent(session, r);
    if (!sim.unchecked)
        chaos_on_request(r->from);
    if (x->removed && (sim.mode == SIM_FINE || sim.mode == SIM_SLOW)) {
        say_no_session(r, session);
        return;
    }
    switch (sim.mode) {
    case SIM_FINE:
    case SIM_SLOW:
        if (x->kind != SIM_REFUSED)
            log_in(session);
        if (x->kind == SIM_REFUSED)
            say(r, soon(), 400, "{\"error\":\"refused\"}");
        else
            say(r, sim.mode == SIM_SLOW ? world_draw(40 * 1000) : soon(), 200, "{\"success\":true}");
        break;
    case SIM_LYING:
        say(r, soon(), 200, "{\"success\":true}");
        break;
    default:
        say(r, soon(), 500, "{\"error\":\"broken\"}");
        break;
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

/* "/sessions/s12/status": 12, and the text behind the id. */
static int session_of(const char *path, const char **ret_rest)
{
    int i;

    if (strncmp(path, "/sessions/s", 11) != 0)
        return -1;
    i = (int)strtol(path + 11, NULL, 10);
    *ret_rest = path + 10 + strcspn(path + 10, "/");
    return i < sim.n_sessions ? i : -1;
}

static void on_request(struct net_host *h, struct net_request *r)
{
    const char *path = r->url + sizeof prefix - 1;
    const char *rest = "";
    int session = session_of(path, &rest);

    if (session >= 0 && strcmp(rest, "/reconnect") == 0 && strcmp(r->method, "POST") == 0)
        answer_reconnect(r, session);
    else if (sim.mode == SIM_HANGING)
        return;
    else if (!bridge_answers())
        say(r, soon(), 500, "{\"error\":\"broken\"}");
    else if (strcmp(path, "/health") == 0)
        say(r, 1 + world_draw(20), 200, "{\"status\":\"ok\"}");
    else if (strcmp(path, "/sessions") == 0)
        answer_list(r);
    else if (session >= 0 && strcmp(rest, "/status") == 0)
        answer_status(r, session);
    else
        say(r, soon(), 404, "{\"error\":\"not_found\",\"message\":\"no such route\"}");
}

static enum net_connect connect_to(struct net_host *h, int64_t *ret_after_ms)
{
    if (sim.mode == SIM_REFUSING)
        return NET_REFUSES;
    if (sim.mode == SIM_UNREACHABLE)
        return NET_HANGS;
    *ret_after_ms = world_chance(30) ? world_draw(6000) : world_draw(20);
    return NET_CONNECTS;
}

void bridge_open(void)
{
    static struct net_host host = { .prefix = prefix, .connect = connect_to, .on_request = on_request };

    net_add(&host);
}
