/*
 * The simulated bridge: for demonstrations, tests and load.
 *
 * It answers like the released zapw, as recorded (tests/fixtures/zapw), or, with --dialect contract, like the
 * contract that the integration was first written against. WhatsApp itself is a table of sessions whose
 * states change by time and by the control port.
 *
 *   api.c      the bridge's HTTP API, both dialects
 *   session.c  the table of sessions: pairing, drops, coming back
 *   hook.c     webhooks: bodies, the queue, retries
 *   sender.c   their way out: kept-alive connections, as fast as the machine allows
 *   fault.c    what is wrong with the API right now
 *   control.c  the control port
 *   sim.c      settings, the clock tick, traffic, opening and closing
 */
#pragma once

#include "common/app/app.h"
#include "common/base/list.h"

enum sim_dialect { SIM_ZAPW, SIM_CONTRACT };

enum sim_status { SIM_INITIALIZING, SIM_QR_WAITING, SIM_CONNECTING, SIM_CONNECTED, SIM_DISCONNECTED };

struct sim_settings {
    struct app_settings app;
    const char *host;
    int64_t port, control_port;
    const char *dialect;
    bool list; /* contract: GET /sessions exists */
    const char *api_key, *webhook_url, *webhook_token;
    int64_t sessions, rate_milli, body_bytes, drop_every_ms;
    int64_t qr_ms, pair_ms, reconnect_ms, restart_ms;
    int64_t connections, retries;
};

/* What the tick does to a session when its time has come. */
enum sim_next { SIM_NEXT_NONE, SIM_NEXT_QR, SIM_NEXT_PAIR, SIM_NEXT_CONNECT };

struct sim_session {
    char id[65];
    enum sim_status status;
    bool paired;     /* WhatsApp knows it: it can come back without a QR code */
    bool logged_out; /* the phone removed it */
    bool had_qr;     /* a QR code is shown, also a stale one */
    int64_t created_at, connected_at, qr_expires_at; /* wall ms, 0: never */
    enum sim_next next;
    int64_t next_at;           /* loop ms */
    int64_t reconnects;        /* calls of its reconnect route */
    struct http_req *creating; /* POST /sessions that waits for the QR code (zapw), or NULL */
};

/* One call of a reconnect route or a restart: the tests read R1 and R2 off these. */
struct sim_call {
    char session[65]; /* "" for a restart of the whole bridge */
    int64_t at_ms;    /* CLOCK_MONOTONIC */
    int status;
};
/* Calls kept; the oldest are forgotten. */
#define SIM_CALLS_MAX 65536

struct sim_counters {
    int64_t made, acknowledged, retried, dropped, lost; /* webhooks */
    int64_t by_class[6];                                /* answers: 0 none, 1xx … 5xx */
    int64_t drops, reconnects, restarts, api_calls;
};

struct sim_fault;
struct sender;

struct sim {
    struct app *app;
    struct sim_settings settings;
    enum sim_dialect dialect;
    struct http_server *api, *control;
    struct timer *tick;
    struct sim_session *sessions; /* in order of creation, as zapw lists them */
    int n_sessions, cap_sessions;
    int *index; /* hash of ids, -1: empty; cap_sessions * 2 slots */
    struct sim_fault *fault;
    struct sender *sender;
    struct sim_call *calls;
    int64_t n_calls;
    struct sim_counters counters;
    int64_t last_tick_ms, traffic_debt_micro, drop_at, message_n;
    int traffic_at; /* the session whose turn it is */
    int64_t lose_webhooks;
    bool reconnect_does_nothing;
    uint8_t *acknowledged; /* a bit per message number */
    size_t acknowledged_bits;
};
#define SIM_NULL ((struct sim){ 0 })

int sim_open(struct sim *s, int argc, char *argv[]);
void sim_close(struct sim *s);
/* The API port: listening again after it was closed. 0 or a negative of http_server_open(). */
int sim_listen(struct sim *s);
void sim_refuse(struct sim *s); /* stops listening, breaks what is open */
int64_t sim_wall(struct sim *s);

/* ---- sessions --------------------------------------------------------------------------------------------
 */
struct sim_session *session_find(struct sim *s, struct str id);
int session_add(struct sim *s, const char *id, struct sim_session **ret); /* -EEXIST, -ENOMEM */
void session_remove(struct sim *s, struct sim_session *x);
void session_connect(struct sim *s, struct sim_session *x); /* connected now, and told */
/* Drops it with a code as WhatsApp would; 515 restarts by itself, 401 logs out. */
void session_drop(struct sim *s, struct sim_session *x, int code);
void session_reconnect(struct sim *s, struct sim_session *x); /* as the contract's route does */
void session_restart_all(struct sim *s);                      /* as a restart of the process does */
void session_tick(struct sim *s, int64_t now_ms);
const char *session_word(const struct sim *s, enum sim_status status);

/* ---- webhooks --------------------------------------------------------------------------------------------
 */
void hook_session(struct sim *s, const struct sim_session *x, const char *event, const char *data_json);
void hook_message(struct sim *s, const struct sim_session *x);

/* ---- API and faults --------------------------------------------------------------------------------------
 */
extern const struct http_handlers api_handlers, control_handlers;
void api_answer_created(struct sim *s, struct sim_session *x); /* the QR code is there */

enum fault_kind { FAULT_NONE, FAULT_HANG, FAULT_SLOW, FAULT_STATUS, FAULT_GARBAGE, FAULT_CUT };
int fault_open(struct sim *s, struct sim_fault **ret);
void fault_close(struct sim_fault *f);
/* The next @count calls whose path begins with @route ("" : all) suffer; count < 0: until cleared. @n: ms or
 * status. */
void fault_set(struct sim_fault *f, enum fault_kind kind, int64_t n, const char *route, int64_t count);
/* Takes the call when a fault says so; otherwise false. @done: what to do with it after a delay. */
bool fault_takes(struct sim_fault *f, struct http_req *r, void (*done)(void *ctx, struct http_req *r),
                 void *ctx);
void fault_forget(struct sim_fault *f); /* the held calls are gone with their server */

/* ---- sending ---------------------------------------------------------------------------------------------
 */
/* One webhook under way. */
struct hook {
    struct list in_queue;
    int64_t number;  /* of the message, -1: none */
    int64_t next_at; /* loop ms, for retries */
    int tries;
    char event[32];
    size_t n;
    char body[];
};
int sender_open(struct sim *s, struct sender **ret);
void sender_close(struct sender *x);
void sender_queue(struct sender *x, struct hook *h); /* owned from here on */
void sender_tick(struct sender *x, int64_t now_ms);
int64_t sender_waiting(const struct sender *x);
