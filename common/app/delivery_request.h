/*
 * A request to a backend: URL, headers, signature, body. Shared by the forwarder and by `zapkeep replay`.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/bridge/signature.h"
#include "common/bridge/webhook.h"
#include "common/store/events.h"

/* The path of an URL that has none: a backend written for the bridge listens on it. */
#define DELIVERY_PATH WEBHOOK_PATH_DEFAULT

/* How to address one destination. Texts are the owner's and outlive it. */
struct delivery_target {
    const char *url;       /* complete: delivery_url() */
    const char *token;     /* sent as bearer token, "" none */
    struct tokens secrets; /* whsec_…; n = 0: not signed. Checked by delivery_secrets() */
    const char *headers;   /* more of them, "Name: value\n" lines; NULL: none */
    bool event_body;       /* {"id","seq",…,"data"} instead of the webhook's own bytes */
};

/* Appends @base, with DELIVERY_PATH when it has no path. -EINVAL: no http(s) URL. */
int delivery_url(const char *base, struct buf *out);
/* "whsec_A" or "whsec_A,whsec_B" into @ret (points into @s; "" is none). Returns 0, or -EINVAL with words in
 * @problem that hold nothing of the secret. */
int delivery_secrets(const char *s, struct tokens *ret, struct buf *problem);

/* The fields that differ from try to try. */
struct delivery_try {
    int attempt;         /* from 1 */
    int64_t timestamp_s; /* when it is sent */
    bool batch;          /* {"events":[…],"ids":[…]}, also of one: every event keeps its own webhook-id */
    bool replay;
};

/*
 * Appends header lines ("Name: value\n", Content-Type first) and the body of a delivery of @n events (1
 * unless batch). webhook-id is the event's id; that of a batch names the events that are in it, so the same
 * batch has the same. Returns 0 or an error of the bufs.
 */
int delivery_request_build(const struct delivery_target *t, const struct delivery_try *how,
                           const struct event *const *events, int n, struct buf *headers, struct buf *body);
