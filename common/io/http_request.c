/*
 * One request, when all goes well:
 *   take_header   bytes are kept until the header is complete, then it is read
 *   begin         the handler's on_begin decides by its header
 *   take_body     bytes of the body
 *   hand_over     on_request; it answers at once or later, bytes of a next request wait meanwhile
 *   send_answer   the bytes of the answer go out
 *   finish        the next request, with the bytes that wait: in the next pass of the loop, as each connection
 *                 gets one request a pass. A peer that sends a thousand at once takes no more time than others
 * When it does not: a refusal is answered at once and the rest of its body is read over, so that the
 * connection can be used again; behind a header that makes no sense nothing can be, and the connection ends:
 * bytes that still come are dropped for a moment, so that the peer gets to read the answer. A peer that goes away
 * while its request is with the handler is noticed, but the request stays valid until it is answered.
 *
 * A handler's callback may answer, and an answer may end the connection: `busy` counts the calls that still
 * need the request, the last one frees it.
 */
#include "common/io/http_request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/io/http_req.h"
#include "common/io/loop.h"

/* Of a refused body this much is read and dropped, so that the connection stays usable. */
#define SKIP_BYTES_MAX (8 * 1024 * 1024)
/* The beginning of a body that is refused anyway is waited for no longer than this. */
#define PART_MS 500
/* A peer that was sent away has this long to read why. */
#define LINGER_MS 2000

static void enter(struct http_req *r, enum http_phase phase)
{
    r->phase = phase;
    r->phase_ms = loop_now_ms(r->service->loop);
}

void http_service_overload(struct http_service *s, enum http_refusal why)
{
    s->overloaded_ms = loop_now_ms(s->loop);
    s->overload = why;
}

static void refused(struct http_req *r, enum http_refusal why, int status, const char *detail)
{
    struct http_service *s = r->service;
    struct http_refused f = { .why = why, .status = status, .detail = detail };

    if (why == HTTP_REFUSED_MEMORY)
        http_service_overload(s, why);
    if (!s->h.on_refused)
        return;
    f.req = r->head.method.p ? r : NULL;
    f.peer = http_req_peer(r);
    f.bytes = http_req_body_bytes(r);
    s->h.on_refused(s->ctx, &f);
}

/* ---- the connection's end -------------------------------------------------------------------- */

static void free_stream(struct http_stream *s)
{
    if (!s)
        return;
    if (!s->ended)
        s->spec.on_closed(s->spec.ctx);
    http_stream_queue_fini(&s->queue);
    mem_free(s);
}

static void free_req(struct http_req *r)
{
    struct http_service *s = r->service;
    size_t n;

    list_remove(&r->in_service);
    list_remove(&r->in_turns);
    s->n_connections--;
    http_header_reset(&r->header, true);
    http_body_reset(&r->body, true);
    mem_free(http_waiting_take(&r->waiting, &n));
    free_stream(r->stream);
    http_quota_leave(s->quota, r->peer);
    mem_free(r->out);
    mem_free(r);
    if (!s->closing)
        s->on_left(s);
}

static void end(struct http_req *r)
{
    wire_close(r->wire);
    r->wire = NULL;
    r->over = true;
}

/* The peer sends no more, and none of its bytes waits. */
static bool is_spent(const struct http_req *r)
{
    return r->ended && !r->over && list_empty(&r->in_turns) && r->phase <= PHASE_BODY;
}

/* Around everything that may end the connection: false when the request is gone. */
static bool leave(struct http_req *r)
{
    if (r->busy == 1 && is_spent(r))
        end(r);
    if (--r->busy > 0 || !r->over)
        return true;
    free_req(r);
    return false;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void finish(struct http_req *r);

static void begin_linger(struct http_req *r)
{
    wire_end(r->wire);
    enter(r, PHASE_LINGER);
}

static void begin_stream(struct http_req *r);

/* The answer is out. */
static void on_answered(struct http_req *r)
{
    if (r->stream)
        begin_stream(r);
    else if (r->close)
        begin_linger(r);
    else if (!http_body_is_over(&r->body))
        enter(r, PHASE_SKIP);
    else
        finish(r);
}

static void send_answer(struct http_req *r)
{
    char *bytes = TAKE(r->out);
    int sent;

    if (!bytes) { /* memory was short */
        end(r);
        return;
    }
    enter(r, PHASE_ANSWER);
    sent = wire_send(r->wire, bytes, r->out_n);
    if (sent < 0)
        end(r);
    else if (sent == WIRE_SENT)
        on_answered(r);
}

static bool wants_close(const struct http_req *r)
{
    int64_t rest = r->body.chunked ? 0 : r->body.left;

    /* A peer that waits for permission to send its body may send it or not: the next bytes are unclear. */
    return r->close || !r->head.keep_alive || r->service->closing || rest > SKIP_BYTES_MAX ||
           (r->head.expects_continue && !http_body_is_over(&r->body));
}

/* The bytes of the answer are there: sends them, unless the flow does. */
static void give_answer(struct http_req *r)
{
    if (r->phase != PHASE_HANDLED)
        return; /* the flow sends it */
    r->service->pending--;
    if (r->busy > 0)
        return;
    r->busy++;
    send_answer(r);
    (void)leave(r);
}

void http_respond(struct http_req *r, int status, const char *content_type, struct str body,
                  const char *extra_headers)
{
    const struct http_reply reply = { .status = status,
                                      .content_type = content_type,
                                      .body = body,
                                      .extra_headers = extra_headers,
                                      .without_body = r->head.method.p && str_eq(r->head.method, "HEAD"),
                                      .close = wants_close(r) };

    if (r->answered)
        return;
    r->answered = true;
    r->out = http_reply_bytes(&reply, &r->service->date, &r->out_n, &r->close);
    give_answer(r);
}

/* ---- streams --------------------------------------------------------------------------------- */

/* Sends the bytes that wait, unless bytes are on the way. */
static void send_stream(struct http_stream *s)
{
    struct http_req *r = s->req;
    size_t n = 0;
    char *bytes;

    while (r->phase == PHASE_STREAM && !s->broken &&
           (bytes = http_stream_queue_take(&s->queue, &n)) != NULL) {
        int sent = wire_send(r->wire, bytes, n);

        enter(r, PHASE_STREAM); /* the peer has stall_ms for these */
        s->broken = sent < 0;
        if (sent != WIRE_SENT)
            return;
        (void)http_stream_queue_sent(
            &s->queue); /* the caller of http_stream_add() knows that there is room */
    }
    if (s->ended && r->phase == PHASE_STREAM && http_stream_queue_waiting(&s->queue) == 0)
        begin_linger(r);
}

/* The header of the answer is out. */
static void begin_stream(struct http_req *r)
{
    struct http_stream *s = r->stream;

    if (r->phase == PHASE_ANSWER) {
        http_header_reset(&r->header, true);
        http_body_reset(&r->body, true);
        r->head.method = STR_NULL;
    } else {
        http_stream_queue_sent(&s->queue);
    }
    enter(r, PHASE_STREAM);
    send_stream(s);
    if (!s->ended && !s->broken && http_stream_queue_has_room(&s->queue))
        s->spec.on_room(s->spec.ctx);
}

int http_stream_begin(struct http_req *r, const struct http_stream_spec *spec, struct http_stream **ret)
{
    const struct http_reply reply = { .status = spec->status,
                                      .content_type = spec->content_type,
                                      .extra_headers = spec->extra_headers,
                                      .until_close = true };
    struct http_stream *s = r->answered ? NULL : mem_zalloc(sizeof *s);
    size_t n;
    char *out = s ? http_reply_bytes(&reply, &r->service->date, &n, &r->close) : NULL;

    if (!out) {
        mem_free(s);
        return -ENOMEM;
    }
    *s = (struct http_stream){ .req = r, .spec = *spec };
    http_stream_queue_init(&s->queue, spec->bytes_max);
    r->stream = s;
    r->out = out;
    r->out_n = n;
    r->answered = true;
    *ret = s;
    give_answer(r);
    return 0;
}

int http_stream_add(struct http_stream *s, struct str bytes)
{
    int q = http_stream_queue_add(&s->queue, bytes);

    if (q == 0)
        send_stream(s);
    return q;
}

size_t http_stream_waiting(const struct http_stream *s)
{
    return http_stream_queue_waiting(&s->queue);
}

void http_stream_end(struct http_stream *s)
{
    if (!s)
        return;
    s->ended = true;
    send_stream(s);
}

/* ---- refusals of our own --------------------------------------------------------------------- */

static void refuse(struct http_req *r, enum http_refusal why, int status, const char *error,
                   const char *detail, const char *headers)
{
    refused(r, why, status, detail);
    http_respond_error(r, status, error, detail, headers);
    send_answer(r);
}

/* The framing is broken: nobody can say where the next request would begin. */
static void refuse_fault(struct http_req *r, const struct http_fault *f)
{
    enum http_refusal why = f->status == 413                       ? HTTP_REFUSED_BODY
                            : f->status == 414 || f->status == 431 ? HTTP_REFUSED_HEADER
                                                                   : HTTP_REFUSED_MALFORMED;

    r->close = true;
    refuse(r, why, f->status, http_reply_error_name(f->status), f->detail, NULL);
}

static void refuse_memory(struct http_req *r, bool peer)
{
    if (peer)
        refuse(r, HTTP_REFUSED_PEER_MEMORY, 503, "busy",
               "your address has its part of the memory for requests; send it again", "Retry-After: 1\n");
    else
        refuse(r, HTTP_REFUSED_MEMORY, 503, "busy",
               "the memory for requests that are being read is in use; send it again", "Retry-After: 1\n");
}

static void refuse_large(struct http_req *r)
{
    char detail[96];

    if (r->service->limits.body_bytes_max == 0)
        (void)snprintf(detail, sizeof detail, "requests to this port have no body");
    else
        (void)snprintf(detail, sizeof detail, "a body may have %lld bytes",
                       (long long)r->service->limits.body_bytes_max);
    refuse(r, HTTP_REFUSED_BODY, 413, "too_large", detail, NULL);
}

/* ---- the header ------------------------------------------------------------------------------ */

static void begin(struct http_req *r);

/* An empty line before a request is an old custom of some clients. */
static void skip_empty_line(struct http_req *r, struct str *io)
{
    if (r->phase == PHASE_IDLE && io->n >= 2 && memcmp(io->p, "\r\n", 2) == 0) {
        io->p += 2;
        io->n -= 2;
    }
}

static void take_header(struct http_req *r, struct str *io)
{
    struct http_fault f;

    if (r->phase == PHASE_IDLE)
        enter(r, PHASE_HEADER);
    switch (http_header_take(&r->header, io, (size_t)r->service->limits.header_bytes_max, &f)) {
    case 0:
        break;
    case HTTP_HEADER_WHOLE:
        begin(r);
        break;
    case HTTP_HEADER_BAD:
        refuse_fault(r, &f);
        break;
    case HTTP_HEADER_PEER:
        r->close = true;
        refuse_memory(r, true);
        break;
    case HTTP_HEADER_ALL:
        r->close = true;
        refuse_memory(r, false);
        break;
    default:
        end(r);
        break;
    }
}

/* ---- the body -------------------------------------------------------------------------------- */

static void hand_over(struct http_req *r)
{
    struct http_service *s = r->service;

    enter(r, PHASE_HANDLED);
    r->first = false;
    s->pending++;
    s->h.on_request(s->ctx, r);
    if (r->answered)
        send_answer(r);
}

static void answer_body(struct http_req *r, int answer, const struct http_fault *f)
{
    switch (answer) {
    case HTTP_BODY_LONG:
        r->part = true;
        if (r->service->limits.part_bytes > 0 && !r->unverified)
            hand_over(r);
        else
            refuse_large(r);
        break;
    case HTTP_BODY_PEER:
    case HTTP_BODY_ALL:
        http_body_reset(&r->body, true);
        refuse_memory(r, answer == HTTP_BODY_PEER);
        break;
    case HTTP_BODY_BAD:
        refuse_fault(r, f);
        break;
    default:
        end(r);
        break;
    }
}

static void take_body(struct http_req *r, struct str *io)
{
    struct http_fault f;
    int answer = http_body_read(&r->body, io, &f);

    if (answer != 0)
        answer_body(r, answer, &f);
    else if (http_body_is_over(&r->body))
        hand_over(r);
}

/* The rest of a body that was refused, or of which only the beginning was asked for. */
static void skip_body(struct http_req *r, struct str *io)
{
    struct http_fault f;

    if (http_body_skip(&r->body, io, &f) != 0 || r->body.dropped > SKIP_BYTES_MAX) {
        if (r->phase == PHASE_SKIP)
            begin_linger(r);
        r->close = true;
        io->n = 0;
    } else if (r->phase == PHASE_SKIP && http_body_is_over(&r->body)) {
        finish(r);
    }
}

static void send_continue(struct http_req *r)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char *bytes = mem_strdup(text);

    if (!bytes || wire_send(r->wire, bytes, sizeof text - 1) != WIRE_SENT)
        end(r);
}

/* ---- between the two ------------------------------------------------------------------------- */

static void read_on(struct http_req *r, enum http_begin what)
{
    const struct http_limits *l = &r->service->limits;
    bool too_large = r->head.length > l->body_bytes_max || (l->body_bytes_max == 0 && r->head.chunked);
    size_t max = (size_t)l->body_bytes_max;

    r->unverified = what == HTTP_BEGIN_READ_UNVERIFIED;
    if (too_large && (l->part_bytes == 0 || r->unverified)) {
        refuse_large(r);
        return;
    }
    if (too_large || what == HTTP_BEGIN_READ_PART) {
        max = (size_t)l->part_bytes;
        r->part = (!r->head.chunked && r->head.length > l->part_bytes) || too_large;
    }
    http_body_begin(&r->body, &r->head, max, r->unverified ? HTTP_USE_UNVERIFIED : HTTP_USE_BODIES);
    if (http_body_is_over(&r->body) || (r->part && r->head.expects_continue)) {
        hand_over(r);
        return;
    }
    enter(r, PHASE_BODY);
    if (r->head.expects_continue)
        send_continue(r);
}

/* The header is complete. */
static void begin(struct http_req *r)
{
    struct http_service *s = r->service;
    enum http_begin what = HTTP_BEGIN_READ;
    struct http_fault f;

    if (http_head_read(r->header.bytes, r->header.len, &r->head, &f) != 0) {
        r->head.method = STR_NULL;
        refuse_fault(r, &f);
        return;
    }
    r->user = NULL;
    r->served = true;
    http_body_begin(&r->body, &r->head, 0, r->body.use); /* a refused body is read over */
    enter(r, PHASE_BODY);
    if (s->h.on_begin)
        what = s->h.on_begin(s->ctx, r);
    if (what == HTTP_BEGIN_ANSWERED)
        send_answer(r);
    else
        read_on(r, what);
}

static void keep_waiting(struct http_req *r, struct str *io)
{
    wire_pause(r->wire);
    if (http_waiting_add(&r->waiting, *io) != 0)
        r->close = true; /* the request under way is answered, those behind it are not */
    io->n = 0;
}

static void join_turns(struct http_req *r)
{
    struct http_service *s = r->service;

    if (list_empty(&r->in_turns))
        list_append(&s->turns, &r->in_turns);
    timer_start(s->next_pass, 0);
}

static void wait_for_turn(struct http_req *r, struct str *io)
{
    keep_waiting(r, io);
    if (r->close) /* there is no memory for them */
        end(r);
    else
        join_turns(r);
}

static void feed(struct http_req *r, struct str io)
{
    while (io.n > 0 && !r->over) {
        switch (r->phase) {
        case PHASE_IDLE:
            if (r->served) {
                wait_for_turn(r, &io);
                break;
            }
            skip_empty_line(r, &io);
            if (io.n > 0)
                take_header(r, &io);
            break;
        case PHASE_HEADER:
            take_header(r, &io);
            break;
        case PHASE_BODY:
            take_body(r, &io);
            break;
        case PHASE_SKIP:
            skip_body(r, &io);
            break;
        case PHASE_HANDLED:
        case PHASE_ANSWER:
            if (!http_body_is_over(&r->body))
                skip_body(r, &io);
            else if (!r->close && r->head.keep_alive)
                keep_waiting(r, &io);
            else
                io.n = 0;
            break;
        case PHASE_STREAM:
        case PHASE_LINGER:
            io.n = 0;
            break;
        }
    }
}

/* The request is over: the next one may begin. */
static void finish(struct http_req *r)
{
    http_header_reset(&r->header, false);
    http_body_reset(&r->body, false);
    r->head.method = STR_NULL;
    r->answered = r->part = r->unverified = false;
    r->user = NULL;
    enter(r, PHASE_IDLE);
    if (r->waiting.n > 0)
        join_turns(r);
}

static void take_turn(struct http_req *r)
{
    size_t n;
    char *waiting = http_waiting_take(&r->waiting, &n);

    r->busy++;
    r->served = false;
    if (!r->ended)
        wire_read(r->wire);
    feed(r, (struct str){ waiting, n });
    mem_free(waiting);
    (void)leave(r);
}

void http_req_next_pass(void *service)
{
    struct http_service *s = service;
    struct list now;

    list_init(&now);
    list_splice(&now, &s->turns);
    for (struct list *it; (it = list_pop(&now));)
        take_turn(container_of(it, struct http_req, in_turns));
}

/* ---- the wire's events ----------------------------------------------------------------------- */

static void on_bytes(void *ctx, struct str bytes)
{
    struct http_req *r = ctx;

    r->busy++;
    r->served = false;
    feed(r, bytes);
    (void)leave(r);
}

static void on_end(void *ctx, bool broken)
{
    struct http_req *r = ctx;

    r->ended = true;
    if (r->phase == PHASE_HANDLED || (!broken && (r->phase == PHASE_ANSWER || !list_empty(&r->in_turns))))
        return;
    r->busy++;
    if (r->phase == PHASE_HEADER || r->phase == PHASE_BODY)
        refused(r, HTTP_REFUSED_BROKEN, 0, "the peer went away inside a request");
    end(r);
    (void)leave(r);
}

static void on_sent(void *ctx, bool broken)
{
    struct http_req *r = ctx;

    r->busy++;
    if (broken)
        end(r);
    else
        on_answered(r);
    (void)leave(r);
}

/* ---- beginning, sweeping, closing ------------------------------------------------------------ */

const struct wire_events http_req_events = { .on_bytes = on_bytes, .on_end = on_end, .on_sent = on_sent };

struct http_req *http_req_new(void)
{
    return mem_zalloc(sizeof(struct http_req));
}

void http_req_free(struct http_req *r)
{
    mem_free(r);
}

void http_req_start(struct http_req *r, struct http_service *s, struct wire *w, struct http_peer *p)
{
    r->service = s;
    r->wire = w;
    r->peer = p;
    r->first = true;
    http_header_init(&r->header, s->quota, p);
    http_body_init(&r->body, s->quota, p);
    http_waiting_init(&r->waiting, s->quota, p);
    list_init(&r->in_turns);
    list_append(&s->connections, &r->in_service);
    s->n_connections++;
    enter(r, PHASE_IDLE);
    wire_read(w);
}

/* How long the phase may last. */
static int64_t phase_limit(const struct http_req *r)
{
    const struct http_limits *l = &r->service->limits;

    switch (r->phase) {
    case PHASE_IDLE:
        return r->first ? l->header_ms : l->idle_ms;
    case PHASE_HEADER:
        return l->header_ms;
    case PHASE_BODY:
        if (r->part)
            return PART_MS;
        return r->unverified && l->unverified_ms ? l->unverified_ms : l->body_ms;
    case PHASE_SKIP:
        return l->body_ms;
    case PHASE_HANDLED:
        return INT64_MAX; /* the handler's time */
    case PHASE_ANSWER:
        return l->idle_ms;
    case PHASE_STREAM:
        if (r->stream->broken)
            return 0;
        return http_stream_queue_waiting(&r->stream->queue) > 0 ? r->stream->spec.stall_ms : INT64_MAX;
    case PHASE_LINGER:
        return LINGER_MS;
    }
    return INT64_MAX;
}

static void end_late(struct http_req *r)
{
    if (r->phase == PHASE_HEADER || r->phase == PHASE_BODY)
        refused(r, HTTP_REFUSED_SLOW, 0, "the request took too long to come");
    end(r);
}

void http_req_sweep(struct http_service *s)
{
    int64_t now = loop_now_ms(s->loop);

    LIST_FOR(it, &s->connections)
    {
        struct http_req *r = container_of(it, struct http_req, in_service);

        if (now - r->phase_ms < phase_limit(r))
            continue;
        r->busy++;
        if (r->phase == PHASE_BODY && r->part)
            hand_over(r);
        else
            end_late(r);
        (void)leave(r);
    }
}

void http_req_close_all(struct http_service *s)
{
    s->closing = true;
    LIST_FOR(it, &s->connections)
    {
        struct http_req *r = container_of(it, struct http_req, in_service);

        wire_close(r->wire);
        free_req(r);
    }
}
