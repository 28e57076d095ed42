/*
 * The form of a bridge's webhooks, as data: where the fields are, which events stand for which of ours, and what
 * makes two deliveries one event. Used inside common/bridge only.
 */
#pragma once

#include "common/bridge/driver.h"

/* The fields of a webhook; several paths may be of one field, the most telling first. */
enum hook_field {
    HOOK_TOP,   /* { HOOK_TOP, { NULL } }: must be there */
    HOOK_EVENT, /* the event's name */
    HOOK_SESSION,
    HOOK_ID,   /* the event's id, the same in every repeat */
    HOOK_TIME, /* when it happened */
    HOOK_KEY_TIME, /* a time that is the same in every repeat, and not true (Evolution); without it HOOK_TIME is */
    HOOK_MESSAGE, /* the message's id */
    HOOK_FROM_ME, /* true: we sent it */
    HOOK_ACK,     /* how far a message got */
    HOOK_STATE,   /* the session's state */
    HOOK_CODE,    /* why it dropped: a number or a reason in words */
    HOOK_SAME,    /* the part of a state's webhook that is equal in the next one when nothing has changed */
    HOOK_OWN,     /* from here on: fields of a driver's own, for hook_form.settle */
};
#define HOOK_PATHS_MAX 24

/* An event's meaning: an enum event_type, or one of these. */
enum hook_meaning {
    HOOK_IS_MESSAGE = EVENT_TYPE_N, /* received, or sent when it is from us */
    HOOK_IS_ACK,                    /* by hook_form.acks */
    HOOK_IS_STATE,                  /* by hook_form.words */
};
struct hook_word {
    const char *word;
    int meaning;
};

/* The parts by which two deliveries are one event. */
enum hook_dedupe {
    HOOK_BY_BODY = 0, /* equal bytes */
    HOOK_BY_ID,       /* an equal id; without one, equal bytes */
    HOOK_NEVER,       /* equal bytes are different events: it repeats nothing, and gives no id and no time */
};

struct hook_form {
    const struct json_path *paths;
    int n_paths;                           /* at most HOOK_PATHS_MAX */
    const struct hook_word *events, *acks; /* ended by a NULL word; acks may be NULL */
    const struct bridge_word *words;       /* of HOOK_STATE; logged_out stands for code 401 */
    enum hook_dedupe dedupe;
    bool acks_by_body; /* several acks may have one id */
    /* For "auto": texts that are all in the body of this bridge only, NULL-ended; NULL: claims none. */
    const char *const *marks;
    bool own_events; /* or: its "event" is one of hook_form.events, which are this bridge's alone */
    /* Where one delivery may be several events: reads all of it, in place of the tables above. See bridge_read_webhooks(). */
    int (*split)(const struct webhook_request *req, struct str bridge_name,
                 int (*on_event)(void *ctx, const struct webhook *w, struct str body), void *ctx);
    /* The last word, with all values at hook_form.paths; NULL: none. */
    void (*settle)(const struct hook_form *f, const struct json_value *v, struct webhook *w);
};

/* WhatsApp's own numbers for how far a message got, as several bridges pass them on. For hook_form.acks. */
extern const struct hook_word hook_ack_numbers[];

/* Reads one webhook of this form. Returns as bridge_read_webhook() does. */
int hook_read(const struct hook_form *f, const struct webhook_request *req, struct str bridge_name,
              struct webhook *ret);
/* Is the body claimed by marks or by its event? A cheap test; hook_read() says whether it can be read. */
bool hook_is_own(const struct hook_form *f, struct str body);
