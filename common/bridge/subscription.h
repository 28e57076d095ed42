/*
 * The webhook subscription of a session as the bridge shows it, compared with the one that it should be. Pure: the answer of a
 * call in, a verdict in words out. No token and no secret is in these words.
 *
 * A bridge may write a URL in another way than it was given (a trailing slash, a port that is the default, another case
 * of the host), give the events in another order or as "all", and hide headers and secrets. None of that is a
 * difference.
 */
#pragma once

#include "common/bridge/driver.h"
#include "common/domain/subscription.h"

/* How it should be. Texts are borrowed. */
struct subscription_want {
    /* where the bridge shall post; user, password and query are credentials; "": not known */
    const char *url;
    bool
        any_host; /* nobody has said how the bridge reaches webhook-ingest: of the URL only the path counts */
    const char *tokens;  /* WEBHOOK_AUTH_TOKEN: one, or two separated by a comma; "": none is needed */
    const char *secrets; /* WEBHOOK_SECRET: likewise */
};

/* The differences. */
enum subscription_difference {
    SUBSCRIPTION_DIFFERS_URL = 1 << 0,
    SUBSCRIPTION_DIFFERS_OFF = 1 << 1,      /* it is switched off */
    SUBSCRIPTION_DIFFERS_BY_EVENT = 1 << 2, /* the bridge adds the event's name to the path */
    SUBSCRIPTION_DIFFERS_EVENTS = 1 << 3,   /* an event that is needed is not in it */
    SUBSCRIPTION_DIFFERS_TOKEN = 1 << 4,    /* webhooks will not present the token */
    SUBSCRIPTION_DIFFERS_SECRET = 1 << 5,   /* webhooks will be signed with another secret, or not at all */
};

#define SUBSCRIPTION_TEXT_MAX 200
struct subscription {
    enum subscription_state state;
    unsigned differs; /* subscription_difference */
    /* for people: the difference, or why it is not known; "": all is right */
    char detail[SUBSCRIPTION_TEXT_MAX];
    char found[SUBSCRIPTION_TEXT_MAX]; /* the URL that may be shown; "": none */
    /* Beside the one that is ours: the URL of a webhook that goes to the webhook-ingest of another host or port; "": none. */
    char other[SUBSCRIPTION_TEXT_MAX];
};

/* Where a bridge's answer has its webhooks, and the events that zapkeep works with. */
enum subscription_field {
    SUBSCRIPTION_SESSION, /* of a list of all sessions: whose entry it is */
    SUBSCRIPTION_URL,
    SUBSCRIPTION_EVENTS,  /* an array of texts, or a text with commas */
    SUBSCRIPTION_HEADERS, /* an object, or an array of {"name","value"} */
    SUBSCRIPTION_SECRET,
    SUBSCRIPTION_SIGNED, /* it has a secret, which is not shown */
    SUBSCRIPTION_ON,
    SUBSCRIPTION_BY_EVENT,
    SUBSCRIPTION_HOOK_ID,
};
#define SUBSCRIPTION_PATHS_MAX 12
struct subscription_form {
    struct bridge_path read;       /* the call that shows it; without %s it is a list of all sessions */
    struct json_path at;           /* the webhooks in its answer: an array, or one object */
    const struct json_path *paths; /* of a webhook's fields, below it */
    int n_paths;
    /* a key that its answer has at the top when it is an object: without it, it is garbage; NULL: none */
    const char *proof;
    const char *const *events;        /* that are needed, NULL-ended; "a|b": one of them is enough */
    bool shows_headers, shows_secret; /* else their absence says nothing */
    bool empty_is_all;                /* no events stand for all of them */
    /* a setting of the bridge that sends webhooks of all sessions and is not shown here; NULL: none */
    const char *global;
    int apart_ms;           /* least time between two of these calls, where the bridge counts them; 0: none */
    const char *set_effect; /* of setting it, for people who decide about it: a clause; NULL: none */
    /* The call that sets it, with a body whose fields put_set writes; @shown is the answer of the read call. No method: it
     * cannot be set in this way. */
    struct bridge_path set;
    void (*put_set)(struct json_out *j, const struct subscription_want *w, const struct bridge_answer *shown);
    /* Where the call depends on the shown subscription: builds all of it. Returns as bridge_build(). NULL: .set is the call. */
    int (*build_set)(const struct bridge_driver *d, const struct bridge_target *t,
                     const struct subscription_want *w, const char *id, const struct bridge_answer *shown,
                     struct bridge_request *ret);
};

/* Reads the answer to form->read about session @id. Returns 0 with the verdict, or a bridge_answer_kind. A session that has
 * none of its own is SUBSCRIPTION_NONE where form->global may send, else SUBSCRIPTION_DRIFTED. */
int subscription_read(const struct bridge_driver *d, const struct subscription_want *w, const char *id,
                      const struct bridge_answer *a, struct subscription *ret);

/* Can it be set at this bridge? */
bool subscription_can_set(const struct subscription_form *f);
/* The request that sets it as @w says. @shown: the answer of the read call. Returns as bridge_build(), -ENOTSUP: it cannot be set. */
int subscription_build_set(const struct bridge_driver *d, const struct bridge_target *t,
                           const struct subscription_want *w, const char *id,
                           const struct bridge_answer *shown, struct bridge_request *ret);

/* A URL as it may be shown: without user, password and query, and with the path only where it is one of webhook-ingest's.
 * Returns @ret. */
char *subscription_show_url(const char *url, char *ret, size_t n);

/* For put_create, put_set and build_set: */

/* The webhook in @shown that is ours, or, where a session has only one, that one. Its fields are in @ret, of the form's
 * n_paths. False: there is none. */
bool subscription_find_own(const struct bridge_driver *d, const struct subscription_want *w, const char *id,
                           const struct bridge_answer *shown, struct json_value ret[SUBSCRIPTION_PATHS_MAX]);
/* Is this URL ours: the same host and path? */
bool subscription_is_own_url(const struct subscription_want *w, struct json_value url);
/* The first of two, separated by a comma. */
struct str subscription_first(const char *list);
/* Writes @token under @key as the value of a header Authorization. */
void subscription_put_bearer(struct json_out *j, const char *key, struct str token);
/* Writes "url" without user and password, for a bridge that cannot use them or shows them to others. Where @token is empty it becomes
 * the password, which is kept in @room. */
#define SUBSCRIPTION_TOKEN_MAX 256
void subscription_put_url(struct json_out *j, const char *url, struct str *token, char *room, size_t n);
/* Writes under @key the URL for a bridge that sends no header of ours: the token is its password, unless it has a user already, the
 * bridge signs, or the token has characters that a URL would have to encode. */
void subscription_put_url_with_token(struct json_out *j, const char *key, const struct subscription_want *w,
                                     bool signs);
