/* Shared by sender.c and conn.c: a target of webhooks and its kept-alive connections. */
#pragma once

#include <uv.h>

#include "tests/bridge-sim/sim.h"

/* The delay grows with the tries up to this many; one queue each, so that each is in order of time. */
#define RETRY_STEPS 10
/* A head of an answer, and as much of its body as is read at once. */
#define ANSWER_BYTES 4096

struct conn {
    struct list in_idle; /* of its target, when it can take a webhook */
    struct target *target;
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    struct hook *hook;
    int64_t since_ms; /* loop time of the request */
    bool open;        /* tcp is a handle of the loop */
    bool connected;
    bool writing;    /* a part of the request waits for room */
    char length[24]; /* of the body, as text */
    char in[ANSWER_BYTES];
    size_t in_len;
    int64_t body_left; /* of the answer; -1: its head is not complete */
    int status;
    bool last; /* the peer closes after this answer */
};

struct target {
    struct list in_sender;
    struct sender *sender;
    struct sim *sim;
    char *url;
    char *head, *tail; /* of a request, before and after the part that differs */
    size_t line_n;     /* of head: the request line */
    char host[256], port[8];
    struct sockaddr_storage addr;
    bool numeric, known, looking; /* the address */
    uv_getaddrinfo_t lookup;
    struct list ready, waiting[RETRY_STEPS], idle;
    int64_t n_ready, n_waiting;
    struct conn *conns;
    int n_conns, n_open;
};

void conn_init(struct conn *c, struct target *t);
/* Takes an idle connection: dials when needed, and sends. */
void conn_send(struct conn *c, struct hook *h);
/* Its webhook is settled as not answered. */
void conn_break(struct conn *c);

/* -EINVAL: no URL. */
int target_new(struct sim *s, struct sender *x, const char *url, struct target **ret);
void target_free(struct target *t); /* no connection may be open, no look-up under way */
/* Asks for the address of its host, then pumps; without one it gives up. */
void target_look_up(struct target *t);
/* Nothing that is ready can be sent now. */
void target_give_up(struct target *t);
/* @status 0: no answer came. @h is owned from here on. */
void target_settle(struct target *t, struct hook *h, int status);
/* The connection could not be made: its address may have changed. */
void target_unreachable(struct target *t);
/* If something waits and a connection is free, start it. */
void target_pump(struct target *t);
