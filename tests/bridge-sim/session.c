/* The table of sessions, and what WhatsApp does to them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "tests/bridge-sim/sim.h"

/* zapw's QR codes live this long. */
#define QR_LIFE_MS 60000
/* zapw opens a new socket by itself this long after a 515. */
#define RESTART_515_MS 2000

static uint32_t hash_id(struct str id)
{
    uint32_t h = 2166136261U; /* FNV-1a */

    for (size_t i = 0; i < id.n; i++)
        h = (h ^ (uint8_t)id.p[i]) * 16777619U;
    return h;
}

static int *slot_of(struct sim *s, struct str id)
{
    uint32_t n = (uint32_t)s->cap_sessions * 2;
    uint32_t at = hash_id(id) % n;

    while (s->index[at] >= 0 && !str_eq(id, s->sessions[s->index[at]].id))
        at = (at + 1) % n;
    return &s->index[at];
}

static void rebuild_index(struct sim *s)
{
    for (int i = 0; i < s->cap_sessions * 2; i++)
        s->index[i] = -1;
    for (int i = 0; i < s->n_sessions; i++)
        *slot_of(s, str_from(s->sessions[i].id)) = i;
}

static int grow(struct sim *s)
{
    int cap = s->cap_sessions ? s->cap_sessions * 2 : 64;
    void *sessions = mem_realloc(s->sessions, sizeof *s->sessions * (size_t)cap);
    void *index;

    if (!sessions)
        return -ENOMEM;
    s->sessions = sessions;
    index = mem_realloc(s->index, sizeof *s->index * (size_t)cap * 2);
    if (!index)
        return -ENOMEM;
    s->index = index;
    s->cap_sessions = cap;
    rebuild_index(s);
    return 0;
}

struct sim_session *session_find(struct sim *s, struct str id)
{
    int at = s->cap_sessions ? *slot_of(s, id) : -1;

    return at >= 0 ? &s->sessions[at] : NULL;
}

int session_add(struct sim *s, const char *id, struct sim_session **ret)
{
    struct sim_session *x;

    if (session_find(s, str_from(id)))
        return -EEXIST;
    if (s->n_sessions == s->cap_sessions && grow(s) != 0)
        return -ENOMEM;
    *slot_of(s, str_from(id)) = s->n_sessions;
    x = &s->sessions[s->n_sessions++];
    *x = (struct sim_session){ .created_at = sim_wall(s), .status = SIM_INITIALIZING, .next = SIM_NEXT_QR };
    x->next_at = loop_now_ms(app_loop(s->app)) + s->settings.qr_ms;
    (void)snprintf(x->id, sizeof x->id, "%s", id);
    *ret = x;
    return 0;
}

void session_remove(struct sim *s, struct sim_session *x)
{
    int at = (int)(x - s->sessions);

    memmove(x, x + 1, sizeof *x * (size_t)(s->n_sessions - at - 1));
    s->n_sessions--;
    rebuild_index(s);
}

static void later(struct sim *s, struct sim_session *x, enum sim_next next, int64_t ms)
{
    x->next = next;
    x->next_at = loop_now_ms(app_loop(s->app)) + ms;
}

void session_connect(struct sim *s, struct sim_session *x)
{
    x->status = SIM_CONNECTED;
    x->paired = true;
    x->logged_out = x->had_qr = false;
    x->next = SIM_NEXT_NONE;
    if (x->connected_at == 0 || s->dialect == SIM_CONTRACT)
        x->connected_at = sim_wall(s);
    hook_session(s, x, "session.connected", "{\"phoneNumber\":\"5511999\",\"name\":\"Bob\"}");
}

/* zapw's data of a drop: a Boom error as Baileys makes it, flattened by JSON. */
static void tell_drop(struct sim *s, struct sim_session *x, int code)
{
    static const struct {
        int code;
        const char *error;
    } names[] = {
        {401,  "Unauthorized"         },
        { 403, "Forbidden"            },
        { 408, "Request Time-out"     },
        { 428, "Precondition Required"},
        { 500, "Internal Server Error"},
        { 503, "Service Unavailable"  },
        { 0,   "Unknown"              }
    };
    char data[512];
    size_t i = 0;

    while (names[i].code != 0 && names[i].code != code)
        i++;
    (void)snprintf(
        data, sizeof data,
        "{\"reason\":{\"reason\":{\"data\":{\"tag\":\"conflict\",\"attrs\":{\"type\":\"replaced\"}},"
        "\"isBoom\":true,"
        "\"isServer\":false,\"output\":{\"statusCode\":%d,\"payload\":{\"statusCode\":%d,\"error\":\"%s\","
        "\"message\":\"Stream Errored (conflict)\"},\"headers\":{}}},\"shouldReconnect\":%s}}",
        code, code, names[i].error, code == 401 ? "false" : "true");
    hook_session(s, x, "session.disconnected", data);
}

void session_drop(struct sim *s, struct sim_session *x, int code)
{
    s->counters.drops++;
    if (code == 515) {
        x->status = SIM_CONNECTING;
        later(s, x, SIM_NEXT_CONNECT, RESTART_515_MS);
        if (s->dialect == SIM_CONTRACT) /* there it is told, and somebody else has to act */
            x->next = SIM_NEXT_NONE, x->status = SIM_DISCONNECTED, tell_drop(s, x, code);
        return;
    }
    x->status = SIM_DISCONNECTED;
    x->next = SIM_NEXT_NONE;
    x->logged_out = code == 401;
    tell_drop(s, x, code);
}

void session_reconnect(struct sim *s, struct sim_session *x)
{
    x->reconnects++;
    s->counters.reconnects++;
    if (s->reconnect_does_nothing || x->status == SIM_CONNECTED || x->logged_out)
        return;
    x->status = SIM_CONNECTING;
    later(s, x, x->paired ? SIM_NEXT_CONNECT : SIM_NEXT_QR, s->settings.reconnect_ms);
}

void session_restart_all(struct sim *s)
{
    s->counters.restarts++;
    for (int i = 0; i < s->n_sessions; i++) {
        struct sim_session *x = &s->sessions[i];

        x->status = SIM_CONNECTING;
        later(s, x, x->paired && !x->logged_out ? SIM_NEXT_CONNECT : SIM_NEXT_QR, s->settings.restart_ms);
    }
}

static void show_qr(struct sim *s, struct sim_session *x)
{
    x->status = SIM_QR_WAITING;
    x->had_qr = true;
    x->qr_expires_at = sim_wall(s) + QR_LIFE_MS;
    x->next = SIM_NEXT_NONE;
    if (s->settings.pair_ms > 0)
        later(s, x, SIM_NEXT_PAIR, s->settings.pair_ms);
    if (x->creating)
        api_answer_created(s, x);
    if (s->dialect == SIM_CONTRACT)
        hook_session(s, x, "session.qr", "{\"qr\":\"2@simulated,qr,code\"}");
}

void session_tick(struct sim *s, int64_t now_ms)
{
    for (int i = 0; i < s->n_sessions; i++) {
        struct sim_session *x = &s->sessions[i];

        if (x->next == SIM_NEXT_NONE || now_ms < x->next_at)
            continue;
        if (x->next == SIM_NEXT_QR)
            show_qr(s, x);
        else
            session_connect(s, x);
    }
}

const char *session_word(const struct sim *s, enum sim_status status)
{
    static const char *const words[][5] = {
        [SIM_ZAPW] = {"initializing", "qr_waiting", "connecting", "connected", "disconnected"},
        [SIM_CONTRACT] = { "connecting",  "qr_pending", "connecting", "connected", "disconnected"},
    };

    return words[s->dialect][status];
}
