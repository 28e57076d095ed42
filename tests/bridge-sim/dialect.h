/*
 * A dialect of the simulated bridge: one file dialect_NAME.c and one row below.
 *
 * A dialect is written from the recordings (tests/fixtures), or from the bridge's source where there are none. It shares no line
 * with the drivers of common/bridge: a mistake in a driver must not be made here a second time.
 */
#pragma once

#include "tests/bridge-sim/sim.h"

/* clang-format off */
#define SIM_DIALECTS(X) \
    X(zapw)             \
    X(contract)         \
    X(waha)             \
    X(evolution)        \
    X(openwa)           \
    X(wppconnect)       \
    X(wuzapi)           \
    X(gowa)
/* clang-format on */

/* One call of the API. */
struct sim_route {
    const char *method;
    const char *path; /* '*' stands for a session (and '+' for anything else) */
    bool open;        /* needs no key */
    bool any_session; /* serve() is called with NULL when there is no such session */
    bool reconnects;  /* it asks for a reconnection: GET /calls of the control port has it */
    int takes_ms;     /* until it is served, as recorded; PACE shortens it */
    /* When it comes: says how long it takes instead. May be NULL. */
    int (*begin)(struct sim *s, struct http_req *r, struct sim_session *x);
    void (*serve)(struct sim *s, struct http_req *r, struct sim_session *x);
};

struct sim_dialect {
    const char *name;
    const char *words[SIM_STATUS_N]; /* of statuses; NULL: it has no such status */
    /* Each call, before faults can happen to it: notes a call that asks for a reconnection. */
    void (*came)(struct sim *s, struct http_req *r);
    void (*serve)(struct sim *s, struct http_req *r);

    /* For route_came() and route_serve(). */
    const struct sim_route *routes;
    int n_routes;
    const char *headers; /* of each answer, "Name: value\n" lines, with its ETag when it has one */
    bool has_etag;
    bool no_session_first; /* 404 for an unknown session comes before 401 */
    /* False: refused, and answered. @x may be NULL, @route too (there is none). */
    bool (*allows)(struct sim *s, struct http_req *r, const struct sim_route *route, struct sim_session *x);
    void (*no_route)(struct sim *s, struct http_req *r);
    void (*no_session)(struct sim *s, struct http_req *r, struct str id);
    struct sim_session *(*find)(struct sim *s, struct str id); /* NULL: session_find() */

    /* Webhooks. */
    void (*changed)(struct sim *s, struct sim_session *x); /* its status did. NULL: as zapw tells of it */
    void (*drop)(struct sim *s, struct sim_session *x, int code); /* NULL: as zapw's sessions drop */
    void (*message)(struct sim *s, struct sim_session *x, enum sim_event event, int64_t number);
    /* Header lines of a webhook: @out has the common ones, @body is that of the webhook. Returns the place of the digit that
     * counts repeats, or -1. */
    int (*head)(struct sim *s, const struct sim_session *x, const char *event, struct str body,
                struct buf *out);
    const char *user_agent;
    /* Makes the body another form; returns its type. NULL: JSON. */
    const char *(*wrap)(struct sim *s, const struct sim_session *x, struct buf *body);
    bool (*gives_up)(int status); /* a webhook answered so is not repeated; NULL: none is lost so */
    /* Gives a session that no caller made the webhook of WEBHOOK_URL and WEBHOOK_AUTH_TOKEN, as a caller would. NULL: the URL is
     * enough, and has the token as its password. */
    void (*adopt)(struct sim *s, struct sim_session *x);
    bool uses_fetch; /* which refuses a URL with a password in it */
    bool has_no_repeats;
    int drop_code; /* of DROP_EVERY: a drop that the bridge does not mend by itself */
    /* Fault no-network: a session that waits for WhatsApp, this often. */
    void (*no_network)(struct sim *s, struct sim_session *x);
    int no_network_ms;
    const char *faults; /* its own, "licence no-network": POST /own-fault of the control port */
};

#define X(name) extern const struct sim_dialect dialect_##name;
SIM_DIALECTS(X)
#undef X
const char *dialect_name(int i); /* of row i, NULL past the end */
/* Turns a fault of the dialect on or off; false: it has none of that name. */
bool dialect_set_fault(struct sim *s, const char *name, bool on);
bool dialect_has_fault(const struct sim *s, const char *name);

/* -- route.c -- */
void route_came(struct sim *s, struct http_req *r);
void route_serve(struct sim *s, struct http_req *r);

/* -- say.c --
 *
 * A template is text in which ' becomes ", ` becomes ' and <name> becomes a value: first of the pairs behind it
 * ("name", "text", … NULL), as they are, then of the session: id uuid phone status qr code started updated created connected
 * (times as ISO 8601, or null) created_ms updated_ms, and now, now_ms, now_s, random (a UUID).
 */
void say(struct sim *s, struct http_req *r, const struct sim_session *x, int status, const char *template,
         ...) __attribute__((sentinel));
void say_as(struct sim *s, struct http_req *r, int status, const char *type, struct str body,
            const char *headers);
void say_add(struct sim *s, const struct sim_session *x, struct buf *out, const char *template, ...)
    __attribute__((sentinel));
/* A webhook. @event is its name in a subscription; @number as in hook_send(). */
void say_hook(struct sim *s, const struct sim_session *x, const char *event, int64_t number,
              const char *template, ...) __attribute__((sentinel));
#define SAY_UUID_MAX 37
/* Follows from id, time of creation and @salt. Returns @ret. */
char *say_uuid(const struct sim_session *x, uint64_t salt, char ret[SAY_UUID_MAX]);
/* The QR code of the recorded traffic, base64 alone. */
extern const char say_qr[];
/* Is this event wanted? Of a session without a subscription of its own, all are. */
bool say_wants(const struct sim_session *x, const char *event);
/* A text of a request's JSON body, at "a.b.c"; "" when it is not there. Returns @ret. */
char *say_text(struct http_req *r, const char *path, char *ret, size_t n);
/* The same as JSON, as it stands there. The caller frees; NULL: absent, or no memory. */
char *say_raw(struct http_req *r, const char *path);
/* Frees and forgets. */
void say_webhook_fini(struct sim_webhook *h);
/* Sets the target of the session's webhooks; false: the URL is of no use. Takes what is in @h in any case. */
bool say_webhook_set(struct sim *s, struct sim_session *x, struct sim_webhook *h);
/* For adopt(): WEBHOOK_URL with the token in a header. @events: a JSON array; @config: a template of <url>, <token>, <events>. */
void say_webhook_adopt(struct sim *s, struct sim_session *x, const char *events, const char *config);
/* The address of a session's webhooks, "" when there is none. */
const char *say_webhook_url(const struct sim *s, const struct sim_session *x);
/* Hex of an HMAC over the body, with the session's secret, else WEBHOOK_SECRET. False: there is no secret. */
bool say_hmac(const struct sim *s, const struct sim_session *x, const char *digest, struct str body,
              char *ret, size_t n);
