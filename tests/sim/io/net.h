/*
 * The simulated network. Services call hosts, which are functions of the world; the world calls the servers that
 * services open.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"
#include "tests/sim/io/world.h"

/* ---- services call hosts --------------------------------------------------------------------- */

/* One request that has reached its host. */
struct net_request {
    const char *method, *url, *headers; /* headers: "Name: value\n" lines, or "" */
    struct str body;
    int64_t sent_t; /* true time it left the caller */
    struct process *from;
    int times;        /* it has reached the host; more than once when libcurl sent it again by itself */
    int64_t closed_t; /* true time at which its connection was gone, 0: it is there */
};

enum net_connect { NET_CONNECTS, NET_REFUSES, NET_HANGS };

struct net_host {
    const char *prefix; /* of its URLs: "http://bridge.sim" */
    /* Whether a connection comes about, and after how many ms. */
    enum net_connect (*connect)(struct net_host *h, int64_t *ret_after_ms);
    /* Called in the world, not in the caller's process. @r lives on; answer with net_answer(), or never. */
    void (*on_request)(struct net_host *h, struct net_request *r);
    void *ctx;
    struct net_host *next;
};
void net_add(struct net_host *h);

struct net_answer {
    int status; /* 0: the connection breaks without an answer */
    const char *content_type;
    struct str body;       /* copied */
    int64_t retry_after_s; /* -1: none */
};
/* The answer arrives in @after_ms, unless the caller has gone. */
void net_answer(struct net_request *r, int64_t after_ms, const struct net_answer *a);

/* Permille of calls for which the connection that was kept has died and libcurl sends the request again. Calls that
 * forbid that (http_request.once) are spared. */
extern int64_t net_resend_permille;
/* No answer is too big. */
extern bool net_answers_unlimited;

/* ---- the world calls services ---------------------------------------------------------------- */

/* @status: the answer's, 0: no connection, or it broke. */
typedef void (*net_done)(void *ctx, int status, struct str body, const char *headers);
/* Sends a request to the server that listens on @port. @headers as above. @done fires once, in the world. */
void net_send(uint16_t port, const char *method, const char *path, const char *headers, struct str body,
              net_done done, void *ctx);
/* A service listens there. */
bool net_listens(uint16_t port);
