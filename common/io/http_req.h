/* One request and its connection, as the flow (http_request.c) and the questions of a handler (http_req.c) see it. Private to
 * those two. */
#pragma once

#include "common/base/list.h"
#include "common/io/http_body.h"
#include "common/io/http_handlers.h"
#include "common/io/http_header.h"
#include "common/io/http_stream.h"
#include "common/io/http_stream_queue.h"
#include "common/io/http_waiting.h"
#include "common/io/http_wire.h"

enum http_phase {
    PHASE_IDLE,    /* nothing of a request yet */
    PHASE_HEADER,  /* its header has begun */
    PHASE_BODY,    /* the header is complete, the body comes */
    PHASE_HANDLED, /* with the handler */
    PHASE_ANSWER,  /* a part of the answer waits for the peer to read */
    PHASE_SKIP,    /* answered; the rest of the body is read over */
    PHASE_STREAM,  /* the answer goes on: bytes are added as they come */
    PHASE_LINGER,  /* answered for the last time */
};

struct http_stream {
    struct http_req *req;
    struct http_stream_spec spec;
    struct http_stream_queue queue;
    bool ended;  /* by its owner: it is over behind the bytes that wait */
    bool broken; /* the sweep ends it */
};

struct http_req {
    struct list in_service;
    struct http_service *service;
    struct wire *wire;
    struct http_peer *peer;
    enum http_phase phase;
    int64_t phase_ms; /* when it began, loop time */
    bool first;       /* no request was complete yet */
    int busy;         /* calls that need this struct */
    bool over;        /* to be freed by the last of them */

    struct http_header header;
    struct http_head head;
    struct http_body body;
    bool unverified;
    bool part;     /* only the beginning of the body is kept */
    bool close;    /* the connection ends behind the answer */
    bool ended;    /* the peer sends no more */
    bool answered; /* the answer is in `out`, or memory was short for it */
    char *out;
    size_t out_n;
    struct http_waiting waiting;
    struct list in_turns; /* of the service: bytes of a next request wait for the next pass of the loop */
    bool served;          /* a request has begun in this pass */
    struct http_stream *stream; /* NULL: the answer is a whole one */
    char peer_text[64];
    void *user;
};
