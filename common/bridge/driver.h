/*
 * A bridge is a driver: pure functions that build requests and read answers for one kind of bridge, one row
 * of a table. Nothing here touches a socket, a clock or a store.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/bridge/webhook.h"
#include "common/domain/session.h"

/* The base and the key of one bridge, as set by the operator; kept by reference. */
struct bridge_target {
    const char *base_url; /* "http://127.0.0.1:3000", a trailing slash is ignored */
    const char *api_key;  /* "" : none is sent */
    /* For a bridge behind a proxy; NULL or "": as usual. */
    const char *key_header; /* name of the header that carries the key, in place of the driver's */
    const char *basic;      /* "user:password" of the proxy, sent as Basic authentication beside the key */
    const char *ca_file;    /* PEM: https certificates are held against those alone; for the HTTP client */
};

/* One call, ready for the HTTP client. Texts are owned; bridge_request_fini() frees. Empty is legal. */
struct bridge_request {
    const char *method; /* static: "GET", "POST", "DELETE" */
    struct buf url;
    struct buf headers; /* "Name: value\n" lines; holds the key: never log it */
    struct buf body;    /* empty: none */
};
#define BRIDGE_REQUEST_NULL ((struct bridge_request){ 0 })
void bridge_request_fini(struct bridge_request *r); /* also for CLEANUP */

/* An answer: http status (0: none came) and body. */
struct bridge_answer {
    int status;
    struct str content_type;
    struct str body;
};

/* One session as a bridge shows it. */
struct bridge_session {
    char id[SESSION_ID_MAX];
    enum session_state state;
    char raw_status[32]; /* the bridge's own word */
    char phone[32];      /* "" unknown */
    char name[128];
    int code;           /* why it is down, where the bridge shows it (drop.h); 0: it does not */
    bool reconnectable; /* false: the bridge says itself that reconnecting is pointless */
};

/* Named answers of the readers (> 0). Each has words for a log line in bridge_answer_text(). */
enum bridge_answer_kind {
    BRIDGE_NO_ANSWER = 1, /* status 0: transport */
    BRIDGE_UNAUTHORIZED,  /* 401, 403: the key is refused */
    BRIDGE_NO_ROUTE,      /* this bridge has no such call (404 that is not about the session, 405, 501) */
    BRIDGE_NO_SESSION,    /* 404 about the session */
    BRIDGE_CONFLICT,      /* 409: it exists already */
    BRIDGE_REFUSED,       /* other 4xx, or a 200 that says error */
    BRIDGE_BROKEN,        /* 5xx */
    BRIDGE_GARBAGE,       /* not the JSON that was expected */
    BRIDGE_NOT_NEEDED,    /* reconnect: it is connected, and the bridge did nothing */
    BRIDGE_THROTTLED,     /* 429: asked too often; wait as long as Retry-After says */
    BRIDGE_PAGED, /* a list of which this is one page: taken as whole, the other sessions would be lost */
    BRIDGE_NEEDS_PERSON, /* nothing helps but a person at the bridge (a licence, a passkey) */
    BRIDGE_ANSWER_N
};
const char *bridge_answer_text(int kind);
/* True for NO_ANSWER, BROKEN, GARBAGE: the bridge's fault as a whole, not the session's. */
bool bridge_answer_is_transport(int kind);

/* The bridge's own words about a failure: the message of a JSON body or the title of an HTML page, one clean line
 * of at most n - 1 bytes; "" when it says nothing. Returns @ret. */
#define BRIDGE_MESSAGE_MAX 201
char *bridge_answer_message(const struct bridge_answer *a, char *ret, size_t n);

/* The outcome of creating a session. */
struct bridge_created {
    struct bridge_session session;
    struct buf qr; /* PNG data URL or raw QR text; empty when the answer has none */
};

/* One of a bridge's own words for the state of a session. */
struct bridge_word {
    const char *word; /* lower case; the bridge's may be of any case */
    enum session_state state;
};

/* A driver's verdict on the answers to its probes. */
enum probe_verdict {
    PROBE_NO,           /* another bridge */
    PROBE_NOT_YET,      /* cannot be said now: it does not answer, or is starting */
    PROBE_UNAUTHORIZED, /* the key is refused */
    PROBE_FALLBACK,     /* it may be this one; taken when no driver is sure */
    PROBE_YES,
};
#define BRIDGE_PROBES_MAX 3

/* The calls of a bridge's API that zapkeep makes. */
enum bridge_op {
    BRIDGE_HEALTH,
    BRIDGE_LIST,
    BRIDGE_STATUS,
    BRIDGE_CREATE,
    BRIDGE_DELETE,
    BRIDGE_RECONNECT,
    BRIDGE_QR, /* only for an operator who asked for the QR code: on zapw this call has side effects */
    BRIDGE_OP_N
};
/* Method and path, with one %s where the session's id stands and one %k for the operator's key; { NULL } is no such call. */
struct bridge_path {
    const char *method, *path; /* static */
};
/* The call for a code that is typed on the phone, instead of a QR code that is scanned. */
struct json_path;
struct bridge_target;
struct bridge_answer;
struct bridge_request;
struct bridge_phone_code {
    struct bridge_path path;
    const char *field;            /* of the JSON body, for the phone number; NULL: the number ends the path */
    const struct json_path *code; /* where the answer has the code */
    bool in_any_state;            /* also while the session does not wait for a scan */
    bool changes; /* it makes others by itself: the call shows the present one, and costs nothing */
    /* a session that is created with the number here has a code at once; NULL: no such field */
    const char *create_field;
    const char *refused; /* for people: when the bridge makes no code; NULL: it says so itself */
    /* The call needs something of the answer to this one, @shown, and build() makes it; { NULL }: it needs nothing. */
    struct bridge_path first;
    int (*build)(const struct bridge_target *t, const struct bridge_answer *shown, const char *id,
                 const char *phone, struct bridge_request *ret);
};
#define BRIDGE_PHONE_CODE_MAX 32
/* Digits of a phone number with its country code (E.164), and the NUL. */
#define BRIDGE_PHONE_MAX 16

/* Room for a key that a driver makes. */
#define BRIDGE_KEY_MAX 512
/* Of a target: "user:password", and the name of the header of its key. */
#define BRIDGE_BASIC_MAX      512
#define BRIDGE_KEY_HEADER_MAX 64

/* A procedure of several calls, each made with the answer to the one before. */
struct bridge_procedure {
    enum bridge_op op;                    /* BRIDGE_CREATE or BRIDGE_RECONNECT */
    const char *id;                       /* the session, as the bridge names it */
    const struct subscription_want *hook; /* of BRIDGE_CREATE; NULL: none */
    const struct bridge_answer *answer;   /* to the last call */
    int kind;                  /* of that answer, and in the end of all of it: 0 or a bridge_answer_kind */
    int step;                  /* how many calls were made before the last one */
    int64_t pause_ms;          /* set by bridge_next(): the bridge needs so long before the next call */
    char note[BRIDGE_KEY_MAX]; /* the driver's own. May hold a secret: never log it */
};

struct answer_form;       /* answer.h */
struct subscription_form; /* subscription.h */
struct subscription_want; /* subscription.h */
struct hook_form;         /* hook_form.h */
struct json_out;

/* A driver: everything that differs between bridges, most of it as data. A new one is one file
 * common/bridge/driver_NAME.c and one row in drivers.h; nothing else in zapkeep names a bridge. Use it through the
 * functions below. */
struct bridge_driver {
    const char *name; /* the value of WHATSAPP_BRIDGE */
    const char *what; /* one line for --help and doctor */
    /* The source that it was written from, without a recording to hold it against; NULL: recorded. */
    const char *source;
    const char *limits; /* a sentence on things that this bridge cannot tell or do; NULL: none */
    const char *advice; /* settings at the bridge that help; NULL: none */
    /* The call whose answer has the version of the bridge, without side effects, and the key there; { NULL }: none has. */
    struct bridge_path about;
    const char *version_key;
    bool version_is_date;   /* "2025.10.1" is of October 2025 */
    const char *key_header; /* the header that carries the key, up to the key: "X-Api-Key: " */
    /* Makes of the operator's key, which is not "", the one of a call about session @id (NULL: of the bridge); "" sends
     * none. Returns 0, -EINVAL or -ENOMEM. NULL: it is sent as it is. */
    int (*make_key)(const char *api_key, const char *id, char ret[BRIDGE_KEY_MAX]);

    /* Capabilities. */
    /* one call lists all sessions with their states (contract: tried, BRIDGE_NO_ROUTE says no) */
    bool has_list;
    bool lists_names;   /* without has_list: a call lists the sessions, and their states are missing or lie */
    bool has_status;    /* a call without side effects asks for one session */
    bool has_reconnect; /* the bridge can reconnect a session by HTTP */
    bool has_extension; /* zapkeep's extension (deploy/whatsapp-bridge) may be loaded into it */
    bool webhooks_only; /* a source of webhooks: there is nothing to ask or to call */
    /* its webhook URL is verified by a GET that is answered with a text of the sender (Meta) */
    bool has_challenge;
    bool sends_forms; /* webhooks may be forms with JSON in a field (form_body.h) */
    /* It makes up the ids of sessions itself; the one that create asks for is shown as a name. */
    bool names_sessions;
    int start_apart_ms; /* sessions are started at least this far apart, START_APART wins; 0: as the bucket allows */
    int create_apart_ms; /* sessions are created one at a time and this far apart; 0: as they come */
    /* Signature schemes whose headers this bridge may send (signature.h), 0-ended; NULL: token only. */
    const int *signatures;

    /* How "auto" finds it: GETs without side effects, NULL-ended, and the verdict on their answers, in that order. */
    const char *probes[BRIDGE_PROBES_MAX + 1];
    enum probe_verdict (*recognise)(const struct bridge_answer *a);

    /* -- requests -- */
    struct bridge_path ops[BRIDGE_OP_N];
    const struct bridge_phone_code *phone_code; /* NULL: there is no such call */
    /* The call after the last one. Returns 0, -ENOTSUP (that was all; it may have set p->kind), -EINVAL, -ENOMEM. NULL: every
     * procedure is one call. */
    int (*next)(const struct bridge_driver *d, const struct bridge_target *t, struct bridge_procedure *p,
                struct bridge_request *ret);
    /* The fields of the body of create. @hook: its webhook, with the credential that it shall present; NULL: none. NULL: create has no
     * body. */
    void (*put_create)(struct json_out *j, const struct bridge_target *t, const char *id,
                       const struct subscription_want *hook);
    /* May this valid id be given to the bridge in this call? NULL: each one may. */
    bool (*may_name)(enum bridge_op op, const char *id);

    /* -- answers -- */
    const struct answer_form
        *form;                /* where its answers have the fields of a session, and its words for states */
    const char *health_field; /* a field that a good health answer has at its top; NULL: any good answer */
    bool health_is_list;      /* health is the list: it must be one */
    const struct json_path *list_at; /* where an answer has the list; NULL: it is the whole answer */
    int list_paths;
    /* An entry of the list that nobody has made; NULL: none is. */
    bool (*is_phantom)(const struct bridge_session *s);
    /* The driver's own verdict on an answer, before the HTTP status has its say: a bridge_answer_kind, or 0. NULL: none. */
    int (*kind)(enum bridge_op op, const struct bridge_answer *a);
    /* A call that shows whether a session that its status calls connected is alive, and the reader of its answer, which
     * changes @s. { NULL }: the status is right. */
    struct bridge_path live;
    int (*read_live)(const struct bridge_answer *a, struct bridge_session *s);
    /* Readers of its own, NULL: the one that all share. See bridge_read_…() below. */
    int (*read_list)(const struct bridge_answer *a,
                     int (*on_session)(void *ctx, const struct bridge_session *s), void *ctx,
                     int *ret_skipped);
    int (*read_create)(const struct bridge_answer *a, struct bridge_created *ret);
    int (*read_reconnect)(const struct bridge_answer *a);
    int (*read_qr)(const struct bridge_answer *a, struct buf *ret_qr, struct bridge_session *ret);

    /* -- webhooks -- */
    /* How a session's webhook subscription is read and set; NULL: the bridge shows none, and unreadable says why. */
    const struct subscription_form *subscription;
    const char *unreadable;
    const struct hook_form *hooks; /* hook_form.h; NULL: it sends zapw's envelope */
};

/* Builders: return 0, -EINVAL (no id that this bridge may be given), -ENOMEM, -ENOTSUP (no such call on this bridge).
 * @id is NULL for BRIDGE_HEALTH and BRIDGE_LIST. */
int bridge_build(const struct bridge_driver *d, enum bridge_op op, const struct bridge_target *t,
                 const char *id, struct bridge_request *ret);
/* @hook: the session's webhook, set as subscription_build_set() would; NULL or without a URL: none. @phone: the session is
 * to be paired by a code for this number, its digits alone; NULL: by a QR code. */
int bridge_build_create(const struct bridge_driver *d, const struct bridge_target *t, const char *id,
                        const struct subscription_want *hook, const char *phone, struct bridge_request *ret);
/* @phone: its digits alone. @shown: the answer to the call before it; NULL: there was none yet, and where the driver needs
 * one (phone_code->first) this is it. -ENOTSUP when the driver has no phone_code, -EINVAL when @shown has no such session. */
int bridge_build_phone_code(const struct bridge_driver *d, const struct bridge_target *t, const char *id,
                            const char *phone, const struct bridge_answer *shown, struct bridge_request *ret);
/* Any call of @path, with the key of the bridge itself (@id NULL) or of a session. @body may be NULL; it is taken over. */
int bridge_build_path(const struct bridge_driver *d, const struct bridge_path *path,
                      const struct bridge_target *t, const char *id, struct buf *body,
                      struct bridge_request *ret);
/* The next call of a procedure whose last answer was read into p->kind; counts p->step. Returns as the driver's next(). */
int bridge_next(const struct bridge_driver *d, const struct bridge_target *t, struct bridge_procedure *p,
                struct bridge_request *ret);

/* Readers: return 0, a bridge_answer_kind, or -ENOMEM. */
int bridge_read_health(const struct bridge_driver *d, const struct bridge_answer *a);
/* Calls on_session for each session of the list, in order; its non-zero return stops and is passed up. Entries without a
 * usable id are skipped and counted in *ret_skipped; one with a status word that is not known is SESSION_UNKNOWN. */
int bridge_read_list(const struct bridge_driver *d, const struct bridge_answer *a,
                     int (*on_session)(void *ctx, const struct bridge_session *s), void *ctx,
                     int *ret_skipped);
int bridge_read_status(const struct bridge_driver *d, const struct bridge_answer *a, const char *id,
                       struct bridge_session *ret);
int bridge_read_create(const struct bridge_driver *d, const struct bridge_answer *a,
                       struct bridge_created *ret);
/* BRIDGE_NO_SESSION: it was gone already. */
int bridge_read_delete(const struct bridge_driver *d, const struct bridge_answer *a);
/* Any call of a procedure after its first. */
int bridge_read_step(const struct bridge_driver *d, enum bridge_op op, const struct bridge_answer *a);
/* 0: the attempt was started, no more (R6); BRIDGE_NOT_NEEDED. */
int bridge_read_reconnect(const struct bridge_driver *d, const struct bridge_answer *a);
int bridge_read_phone_code(const struct bridge_driver *d, const struct bridge_answer *a,
                           char ret[BRIDGE_PHONE_CODE_MAX]);
/* The version in the answer to d->about, "" when there is none. Returns @ret. */
char *bridge_read_version(const struct bridge_driver *d, const struct bridge_answer *a, char *ret, size_t n);
/* Since the first day of the month of a version that is a date; -1: it tells no age. */
int64_t bridge_version_age_ms(const struct bridge_driver *d, const char *version, int64_t now_wall);
int bridge_read_qr(const struct bridge_driver *d, const struct bridge_answer *a, struct buf *ret_qr,
                   struct bridge_session *ret);

/* Events that create asks for, where the bridge takes them: "message.received", …, NULL. */
extern const char *const bridge_webhook_events[];
