/*
 * The life of a session.
 *
 *   created ──QR_DELAY──> QR code ──scan──> connected ──drop──> disconnected ──reconnect, restart──┐
 *                                              ▲  └──515──> connecting ──2 s──┐                     │
 *                                              └─────────────────────────────┴──RECONNECT_DELAY────┘
 *
 * A session that the phone has logged out (401) is refused again at every restart, as dead credentials are.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "tests/bridge-sim/dialect.h"
#include "tests/bridge-sim/sim.h"

/* zapw opens a new socket by itself this long after a 515. */
#define RESTART_515_MS 2000

#define LOGGED_OUT 401

void whatsapp_later(struct sim *s, struct sim_session *x, enum sim_next next, int64_t ms)
{
    x->next = next;
    x->next_at = sim_now(s) + ms;
}

void whatsapp_set(struct sim *s, struct sim_session *x, enum sim_status status)
{
    x->status = status;
    x->updated_at = sim_wall(s);
    if (s->dialect->changed)
        s->dialect->changed(s, x);
}

void whatsapp_start(struct sim *s, struct sim_session *x)
{
    x->started = true;
    s->counters.reconnects++;
    if (s->reconnect_does_nothing)
        return;
    x->dead = false;
    whatsapp_later(s, x, x->paired ? SIM_NEXT_CONNECT : SIM_NEXT_QR, s->settings.reconnect_ms);
    whatsapp_set(s, x, SIM_CONNECTING);
}

void whatsapp_connect(struct sim *s, struct sim_session *x)
{
    char phone[SIM_PHONE_MAX], data[80];

    x->paired = x->started = true;
    x->logged_out = x->had_qr = x->unlisted = x->dead = false;
    x->next = SIM_NEXT_NONE;
    x->connected_at = sim_wall(s);
    whatsapp_set(s, x, SIM_CONNECTED);
    if (s->dialect->changed)
        return;
    if (x->creating)
        api_answer_created(s, x);
    (void)snprintf(data, sizeof data, "{\"phoneNumber\":\"%s\",\"name\":\"Bob\"}", session_phone(x, phone));
    hook_session(s, x, EVENT_CONNECTED, event_names[EVENT_CONNECTED], str_from(data));
}

/* ---- drops ----------------------------------------------------------------------------------- */

/* HTTP's words for the codes, as the recordings have them. */
static const char *code_text(int code)
{
    static const struct {
        int code;
        const char *words;
    } names[] = {
        { 401, "Unauthorized" },        { 402, "Payment Required" },      { 403, "Forbidden" },
        { 405, "Method Not Allowed" },  { 406, "Not Acceptable" },        { 408, "Request Time-out" },
        { 411, "Length Required" },     { 428, "Precondition Required" }, { 500, "Internal Server Error" },
        { 503, "Service Unavailable" },
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].code == code)
            return names[i].words;
    }
    return "Unknown";
}

/* zapw's data of a drop: a Boom error as Baileys makes it, flattened by JSON. */
static void send_drop(struct sim *s, const struct sim_session *x, int code)
{
    char data[512];

    (void)snprintf(
        data, sizeof data,
        "{\"reason\":{\"reason\":{\"data\":{\"tag\":\"conflict\",\"attrs\":{\"type\":\"replaced\"}},"
        "\"isBoom\":true,"
        "\"isServer\":false,\"output\":{\"statusCode\":%d,\"payload\":{\"statusCode\":%d,\"error\":\"%s\","
        "\"message\":\"Stream Errored (conflict)\"},\"headers\":{}}},\"shouldReconnect\":%s}}",
        code, code, code_text(code), code == LOGGED_OUT ? "false" : "true");
    hook_session(s, x, EVENT_DISCONNECTED, event_names[EVENT_DISCONNECTED], str_from(data));
}

void whatsapp_drop(struct sim *s, struct sim_session *x, int code)
{
    s->counters.drops++;
    if (s->dialect->drop) {
        s->dialect->drop(s, x, code);
        return;
    }
    if (code == 515 && s->dialect == &dialect_zapw) { /* no webhook; it comes back, or wants to be paired */
        x->status = SIM_CONNECTING;
        whatsapp_later(s, x, x->paired ? SIM_NEXT_CONNECT : SIM_NEXT_QR, RESTART_515_MS);
        return;
    }
    x->status = SIM_DISCONNECTED;
    x->next = SIM_NEXT_NONE;
    x->logged_out = code == LOGGED_OUT;
    send_drop(s, x, code);
}

/* ---- QR codes -------------------------------------------------------------------------------- */

void whatsapp_show_qr(struct sim *s, struct sim_session *x)
{
    x->had_qr = x->started = true;
    x->n_qr++;
    x->qr_expires_at = sim_wall(s) + s->settings.qr_life_ms;
    x->next = SIM_NEXT_NONE;
    if (s->settings.pair_ms > 0)
        whatsapp_later(s, x, SIM_NEXT_PAIR, s->settings.pair_ms);
    whatsapp_set(s, x, SIM_QR_WAITING);
    if (x->creating && !s->dialect->changed)
        api_answer_created(s, x);
    if (s->dialect == &dialect_contract)
        hook_session(s, x, EVENT_QR, event_names[EVENT_QR], STR_LIT("{\"qr\":\"2@simulated,qr,code\"}"));
}

void whatsapp_new_qr(struct sim *s, struct sim_session *x)
{
    x->status = SIM_INITIALIZING;
    whatsapp_later(s, x, SIM_NEXT_QR, s->settings.qr_ms);
    hook_session(s, x, EVENT_DISCONNECTED, event_names[EVENT_DISCONNECTED],
                 STR_LIT("{\"reason\":{\"shouldReconnect\":true}}"));
}

/* ---- coming back ----------------------------------------------------------------------------- */

static void come_back(struct sim *s, struct sim_session *x, int64_t ms)
{
    x->status = SIM_CONNECTING;
    if (x->logged_out)
        whatsapp_later(s, x, SIM_NEXT_REFUSED, ms);
    else
        whatsapp_later(s, x, x->paired ? SIM_NEXT_CONNECT : SIM_NEXT_QR, ms);
}

void whatsapp_revive(struct sim *s, struct sim_session *x)
{
    x->unlisted = false;
    come_back(s, x, s->settings.reconnect_ms);
}

void whatsapp_reconnect(struct sim *s, struct sim_session *x)
{
    s->counters.reconnects++;
    if (!s->reconnect_does_nothing && x->status != SIM_CONNECTED)
        come_back(s, x, s->settings.reconnect_ms);
}

void whatsapp_restart_all(struct sim *s)
{
    s->counters.restarts++;
    log_info("sim-restart", "the bridge restarts", KI("away_ms", s->settings.restart_ms));
    sim_refuse(s);
    s->listen_at = sim_now(s) + s->settings.restart_ms;
    if (s->dialect == &dialect_zapw && s->settings.retries > 0)
        sender_forget(s->sender);
    for (int i = 0; i < s->n_sessions && !s->reconnect_does_nothing; i++) {
        if (!s->sessions[i].unlisted)
            come_back(s, &s->sessions[i], s->settings.restart_ms + s->settings.reconnect_ms);
    }
}

/* ---- time ------------------------------------------------------------------------------------ */

static void happen(struct sim *s, struct sim_session *x)
{
    if (dialect_has_fault(s, "no-network")) {
        whatsapp_later(s, x, x->next, s->dialect->no_network_ms * s->settings.pace / 100);
        s->dialect->no_network(s, x);
    } else if (x->next == SIM_NEXT_QR) {
        whatsapp_show_qr(s, x);
    } else if (x->next == SIM_NEXT_RESTART) {
        whatsapp_later(s, x, SIM_NEXT_CONNECT, s->settings.reconnect_ms);
        whatsapp_set(s, x, SIM_CONNECTING);
    } else if (x->next == SIM_NEXT_REFUSED) {
        x->status = SIM_DISCONNECTED;
        x->next = SIM_NEXT_NONE;
        send_drop(s, x, LOGGED_OUT);
    } else {
        whatsapp_connect(s, x);
    }
}

void whatsapp_step(struct sim *s)
{
    for (int i = 0; i < s->n_sessions; i++) {
        if (s->sessions[i].next != SIM_NEXT_NONE && !s->sessions[i].unlisted)
            happen(s, &s->sessions[i]);
    }
}

void whatsapp_tick(struct sim *s, int64_t now_ms)
{
    if (s->is_held)
        return;
    for (int i = 0; i < s->n_sessions; i++) {
        struct sim_session *x = &s->sessions[i];

        if (x->next != SIM_NEXT_NONE && now_ms >= x->next_at && !x->unlisted)
            happen(s, x);
        if (x->creating && now_ms >= x->creating_until) {
            api_answer_too_late(s, x);
            session_remove(s, x);
            i--;
        }
    }
}
