/*
 * The simulated bridge: for demonstrations, tests and load.
 *
 * It answers like the released zapw, as recorded (tests/fixtures/zapw), or, with --dialect NAME, like another bridge
 * (dialect.h). WhatsApp itself is a table of sessions whose states change by time and by the control port.
 *
 *   dialect_*.c    one bridge each: its calls, its words, its webhooks
 *   dialect.c      the table of dialects, and faults that a dialect has of its own
 *   route.c        finds the route of a call: the key, the session, the time that the answer takes
 *   say.c          answers and webhooks from templates
 *   api.c          zapw and the contract: routes, key, answers as zapw writes them
 *   api_session.c  the routes of one session of the two
 *   session.c      the table of sessions
 *   whatsapp.c     the life of a session: pairing, drops, coming back
 *   call.c         calls that ask for a reconnection, and when
 *   fault.c        the faults of the API that are on now
 *   hook.c         webhooks: which are wanted, and on their way; the bodies of zapw
 *   traffic.c      messages at a rate
 *   sender.c       webhooks on their way: queues, retries, acknowledgements
 *   target.c       a receiver of webhooks
 *   conn.c         one kept-alive connection to a receiver of webhooks
 *   control.c      the control port: orders
 *   report.c         the control port: questions
 *   settings.c     the table
 *   sim.c          the clock tick, opening and closing
 */
#pragma once

#include "common/app/app.h"
#include "common/base/list.h"

struct sim_dialect;

enum sim_status {
    SIM_INITIALIZING,
    SIM_QR_WAITING,
    SIM_CONNECTING,
    SIM_CONNECTED,
    SIM_DISCONNECTED,
    SIM_FAILED
};
#define SIM_STATUS_N 6

/* Webhooks by type, in the order of their bits. */
enum sim_event {
    EVENT_RECEIVED,
    EVENT_GROUP, /* message.received of a group's reaction: it has no "type" */
    EVENT_SENT,
    EVENT_DELIVERED,
    EVENT_READ,
    EVENT_CONNECTED,
    EVENT_DISCONNECTED,
    EVENT_QR,
    EVENT_OTHER,
};
#define EVENT_MESSAGES 5 /* the first ones are messages */
#define EVENT_N        9

struct sim_settings {
    struct app_settings app;
    const char *host;
    int64_t port, control_port, seed;
    const char *dialect;
    int64_t pace; /* percent of the recorded times */
    bool list;    /* contract: GET /sessions exists */
    const char *api_key, *webhook_url, *webhook_token, *webhook_secret;
    const char *prefix;
    int64_t sessions, rate_milli, body_bytes, drop_every_ms;
    const char *types;
    int64_t qr_ms, qr_life_ms, create_ms, pair_ms, reconnect_ms, restart_ms;
    int64_t connections, retries, retry_ms;
};

extern const struct setting sim_settings_table[];

/* The tick's action on a session when its time has come. */
enum sim_next {
    SIM_NEXT_NONE,
    SIM_NEXT_QR,      /* shows a QR code */
    SIM_NEXT_PAIR,    /* somebody scans it */
    SIM_NEXT_CONNECT, /* is back */
    SIM_NEXT_REFUSED, /* WhatsApp says 401 again */
    SIM_NEXT_RESTART, /* the bridge notices that its socket is dead, and makes a new one */
};

struct target;

/* A session's own webhook, as a caller has set it. All of it may be NULL. */
struct sim_webhook {
    char *url, *secret;
    char *events;  /* their names, in a JSON array or with commas */
    char *headers; /* "Name: value\r\n" lines */
    char *config;  /* the JSON that it was set with */
};
/* The last statuses, as WAHA tells them. */
#define SIM_PAST_N 3
struct sim_past {
    enum sim_status status;
    int64_t at;
};

struct sim_session {
    char id[65];
    enum sim_status status;
    bool paired;     /* WhatsApp knows it: it can come back without a QR code */
    bool logged_out; /* the phone removed it */
    bool had_qr;     /* a QR code is shown, also a stale one */
    bool unlisted;   /* zapw lost its metadata: it is gone until somebody creates it again */
    int64_t created_at, connected_at, qr_expires_at; /* wall ms, 0: never */
    enum sim_next next;
    int64_t next_at;           /* loop ms */
    struct http_req *creating; /* POST /sessions that waits for the QR code (zapw), or NULL */
    int64_t creating_until;    /* loop ms */
    struct target *to;         /* its own webhook URL, or NULL: the one of all */
    struct sim_webhook hook;
    int code; /* of its last drop, 0: none; it stays when the session is back */
    int64_t code_at, updated_at;
    int n_qr;       /* codes shown */
    bool by_number; /* its connection began with a phone number (Evolution API) */
    bool started;   /* its socket has been started once */
    bool dead;      /* its client is, and the bridge has not noticed */
    bool nameless;  /* its webhooks do not name it (wppconnect) */
    struct sim_past past[SIM_PAST_N];
    int n_past;
    unsigned events; /* bits of enum sim_event that it wants */
};

/* One call that asks for a reconnection: the tests read R1 and R2 off these. */
struct sim_call {
    char session[65]; /* "": a restart of the whole bridge */
    int64_t at_us;    /* CLOCK_MONOTONIC, when it came */
    int64_t done_ms;  /* when it was answered, -1: it was not */
};
/* Calls kept; the oldest are forgotten. */
#define SIM_CALLS_MAX 65536

struct sim_counters {
    int64_t made, acknowledged, retried, dropped, lost; /* webhooks */
    int64_t by_status[600];                             /* answers to webhooks; 0: none came */
    int64_t drops, reconnects, restarts, api_calls;
};

struct sim_fault;
struct sender;

/* The last webhooks, for zapw's GET /events. */
#define EVENTS_KEPT      10
#define EVENT_KEPT_BYTES 2048

struct sim {
    struct app *app;
    struct sim_settings settings;
    const struct sim_dialect *dialect;
    unsigned own_faults; /* bits: those of its dialect that are on */
    struct rng rng;
    struct http_server *api, *control;
    struct timer *tick;
    bool refusing;                /* by order */
    int64_t listen_at;            /* loop ms when the restarted process is there again, 0: it is */
    int64_t started_ms;           /* loop ms */
    struct sim_session *sessions; /* in order of creation, as zapw lists them */
    int n_sessions, cap_sessions;
    int *index; /* hash of ids, -1: empty; cap_sessions * 2 slots */
    struct sim_fault *fault;
    struct sender *sender;
    struct sim_call *calls;
    int64_t n_calls;
    struct sim_counters counters;
    int64_t last_tick_ms, traffic_debt_micro, drop_at, message_n;
    unsigned traffic_types; /* bits of enum sim_event */
    int traffic_type;       /* the type of the next message */
    int traffic_at;         /* the index of the next session */
    int64_t lose_webhooks;
    bool reconnect_does_nothing;
    bool is_held; /* nothing goes on at WhatsApp */
    char events[EVENTS_KEPT][EVENT_KEPT_BYTES];
    int64_t n_events;
    struct buf body; /* of the webhook that is being made, its memory used again */
};
#define SIM_NULL ((struct sim){ 0 })

int sim_open(struct sim *s, int argc, char *argv[]);
void sim_close(struct sim *s);
/* The API port: listening again after it was closed. 0 or a negative of http_server_open(). */
int sim_listen(struct sim *s);
void sim_refuse(struct sim *s); /* stops listening, breaks the open connections */
int64_t sim_wall(struct sim *s);
int64_t sim_now(struct sim *s); /* loop ms */

const struct sim_dialect *dialect_find(const char *name); /* dialect.h; NULL: there is none */

/* ---- sessions -------------------------------------------------------------------------------- */
struct sim_session *session_find(struct sim *s, struct str id);
/* A number that follows from its id: two sessions of one id, on two bridges, have one phone. Returns @ret. */
#define SIM_PHONE_MAX 16
char *session_phone(const struct sim_session *x, char ret[SIM_PHONE_MAX]);
/* Pointers to sessions live until the next session_add() or session_remove(). -EEXIST, -ENOMEM. */
int session_add(struct sim *s, const char *id, struct sim_session **ret);
/* The same for one that is there without a caller. */
int session_adopt(struct sim *s, const char *id, struct sim_session **ret);
void session_remove(struct sim *s, struct sim_session *x);
void sessions_free(struct sim *s);
const char *session_word(const struct sim *s, enum sim_status status);
/* The next connected session in a cycle, or NULL. */
struct sim_session *session_next_connected(struct sim *s);

/* Of a dialect that has its own way to tell of it (dialect.h: changed). */
void whatsapp_set(struct sim *s, struct sim_session *x, enum sim_status status);
void whatsapp_later(struct sim *s, struct sim_session *x, enum sim_next next, int64_t ms);
/* Makes a new socket: connecting, and then connected or a QR code. */
void whatsapp_start(struct sim *s, struct sim_session *x);
void whatsapp_connect(struct sim *s, struct sim_session *x); /* connected now, and sends the webhook */
/* Drops it with a code; 515 restarts by itself (zapw), 401 logs out. */
void whatsapp_drop(struct sim *s, struct sim_session *x, int code);
void whatsapp_show_qr(struct sim *s, struct sim_session *x);
void whatsapp_new_qr(struct sim *s, struct sim_session *x);    /* the old one has expired */
void whatsapp_revive(struct sim *s, struct sim_session *x);    /* an unlisted one is created again */
void whatsapp_reconnect(struct sim *s, struct sim_session *x); /* as the contract's route does */
void whatsapp_restart_all(struct sim *s); /* the process is gone, and all sessions come back at once */
void whatsapp_step(struct sim *s);        /* what each session waits for happens now */
void whatsapp_tick(struct sim *s, int64_t now_ms);

/* ---- webhooks -------------------------------------------------------------------------------- */
extern const char *const event_names[EVENT_N];  /* "message.received" …, for EVENT_OTHER "" */
extern const char *const event_labels[EVENT_N]; /* "received", "group" …, in settings and commands */
/* "received,sent" -> bits; 0: one of the words is unknown. */
unsigned event_bits(const char *words);

/* Sends the body that was built in s->body. @head: the request's header lines down to "Content-Length: ", or empty: as zapw
 * sends them. @repeat_at: of the digit in @head that counts repeats, -1: there is none. */
void hook_send(struct sim *s, const struct sim_session *x, const char *name, int64_t number, struct str head,
               int repeat_at);
/* @name: the type on the wire. */
void hook_session(struct sim *s, const struct sim_session *x, enum sim_event event, const char *name,
                  struct str data_json);
void hook_message(struct sim *s, struct sim_session *x, enum sim_event event);
void hook_zapw_message(struct sim *s, struct sim_session *x, enum sim_event event, int64_t number);

void traffic_tick(struct sim *s, int64_t now_ms);

/* ---- API, calls and faults ------------------------------------------------------------------- */
extern const struct http_handlers api_handlers, control_handlers;
void api_came(struct sim *s, struct http_req *r); /* zapw's and the contract's */
void api_serve(struct sim *s, struct http_req *r);
void api_etag(struct str body, char *ret, size_t n);            /* Express' header, a line */
void api_answer_created(struct sim *s, struct sim_session *x);  /* the QR code is there */
void api_answer_too_late(struct sim *s, struct sim_session *x); /* it did not come, the session is gone */
void api_answer_json(struct sim *s, struct http_req *r, int status, const struct buf *body);
void api_answer_text(struct sim *s, struct http_req *r, int status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* {"<keys[0]>":"<first>","<keys[1]>":"<text>"}: ids of callers may hold anything. */
void api_answer_pair(struct sim *s, struct http_req *r, int status, const char *const keys[2],
                     const char *first, const char *text);
void api_answer_no_route(struct sim *s, struct http_req *r);
void api_answer_broken(struct sim *s, struct http_req *r); /* zapw's 500 for a body that is no JSON */
void api_list(struct sim *s, struct http_req *r);
void api_create(struct sim *s, struct http_req *r);
void api_session(struct sim *s, struct http_req *r); /* "/sessions/…" */

/* Notes a call before anything is done with it (@r may be NULL: a restart); its end is noted by
 * call_answered(), before the answer. */
void call_came(struct sim *s, struct http_req *r, struct str session);
void call_answered(struct sim *s, struct http_req *r);

enum fault_kind { FAULT_NONE, FAULT_HANG, FAULT_SLOW, FAULT_STATUS, FAULT_GARBAGE, FAULT_CUT };
struct fault_order {
    enum fault_kind kind;
    int64_t n;       /* ms, or status */
    int64_t count;   /* so many calls suffer, < 0: until cleared */
    char method[8];  /* "": any */
    char route[128]; /* a path begins with it, or matches it when it holds a '*' */
};
int fault_open(struct sim *s, struct sim_fault **ret);
void fault_close(struct sim_fault *f);
/* Takes the place of an order for the same route and method; FAULT_NONE only removes it, and all of them when
 * both are "". Calls that hung under it go on. -ENOSPC: too many orders. */
int fault_set(struct sim_fault *f, const struct fault_order *o);
/* fault_holds(): takes the call and calls @done with it after so many ms; false: no memory. It is no fault's.
 * fault_takes(): takes the call when an order says so; otherwise false. @done is called with it after a delay. */
bool fault_holds(struct sim_fault *f, struct http_req *r, int64_t ms,
                 void (*done)(void *ctx, struct http_req *r), void *ctx);
bool fault_takes(struct sim_fault *f, struct http_req *r, void (*done)(void *ctx, struct http_req *r),
                 void *ctx);
int fault_held(const struct sim_fault *f); /* calls that hang or are slow now */
void fault_forget(struct sim_fault *f);    /* the held calls are gone with their server */

/* ---- sending --------------------------------------------------------------------------------- */
/* One webhook under way. */
struct hook {
    struct list in_queue;
    int64_t number;  /* of the message, -1: none */
    int64_t next_at; /* loop ms, for retries */
    int tries;
    const char *event; /* its header; points into body */
    size_t event_n;
    char *head; /* its own header lines, in body; NULL: as zapw's */
    size_t head_n;
    char *repeat; /* the digit in head that counts repeats, or NULL */
    size_t n;
    char body[];
};
int sender_open(struct sim *s, struct sender **ret);
void sender_close(struct sender *x);
/* The target of a webhook URL, made when it is new. -EINVAL: no URL; -ENOSPC: too many; -ENOMEM. */
int sender_target(struct sender *x, const char *url, struct target **ret);
/* False: there is nowhere to send to. */
bool sender_has_target(const struct sender *x, const struct target *to);
/* @to NULL: the target of WEBHOOK_URL. @h is owned from here on. */
void sender_queue(struct sender *x, struct target *to, struct hook *h);
void sender_tick(struct sender *x, int64_t now_ms);
void sender_forget(struct sender *x); /* a process that ends takes its webhooks with it */
int64_t sender_waiting(const struct sender *x);
/* Is there enough to do for all connections? Then traffic waits. */
bool sender_is_full(const struct sender *x);
bool sender_is_acknowledged(const struct sender *x, int64_t number);
