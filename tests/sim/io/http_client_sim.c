/*
 * common/io/http_client.h over the simulated network. One call, when all goes well:
 *   http_call    is queued, or connects
 *   on_connected the process sends the request; the host has it at once
 *   on_answer    the process reads the answer
 * A process acts on a call when the process runs: one that is stopped sends nothing, and finds out
 * about its time limits when it goes on.
 */
#include "common/io/http_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/sim/io/loop_sim.h"
#include "tests/sim/io/net.h"

int64_t net_resend_permille;
bool net_answers_unlimited;

enum stage { QUEUED, CONNECTING, SENT, OVER };

struct http_client {
    struct loop *loop;
    int max, n;
    struct list calls; /* all that are not over, oldest first */
    bool closing;
    struct http_client *next;
};

struct http_call {
    struct list link;
    struct ready ready;
    struct http_client *client;
    enum stage stage;
    struct net_host *host;
    bool connected, cancelled, once;
    enum http_error error;               /* of the connection, or HTTP_OK */
    int64_t began, connect_until, until; /* true time */
    struct net_request request;
    char *method, *url, *headers, *body;
    struct net_answer answer;
    bool answered;
    char *answer_body;
    void (*done)(void *ctx, const struct http_answer *answer);
    void *ctx;
    int64_t answer_bytes_max;
};

static struct net_host *hosts;
static struct http_client *clients;

void net_add(struct net_host *h)
{
    h->next = hosts;
    hosts = h;
}

static struct net_host *find_host(const char *url)
{
    for (struct net_host *h = hosts; h; h = h->next)
        if (strncmp(url, h->prefix, strlen(h->prefix)) == 0)
            return h;
    return NULL;
}

const char *http_error_text(enum http_error e)
{
    static const char *const texts[] = {
        [HTTP_OK] = "ok",
        [HTTP_E_CONNECT] = "cannot connect",
        [HTTP_E_RESOLVE] = "unknown host name",
        [HTTP_E_TIMEOUT] = "no answer in time",
        [HTTP_E_TOO_BIG] = "the answer is too big",
        [HTTP_E_BROKEN] = "the connection broke",
        [HTTP_E_URL] = "not a URL",
        [HTTP_E_CANCELLED] = "cancelled",
        [HTTP_E_PRIVATE] = "a private address",
    };

    return texts[e];
}

/* ---- a call's end ---------------------------------------------------------------------------- */

static void start_queued(struct http_client *c);

static void finish(struct http_call *call, enum http_error error)
{
    struct http_client *c = call->client;
    struct http_answer a = { .error = error, .retry_after_s = -1, .sent_ms = -1 };

    if (call->stage == OVER)
        return;
    if (call->stage != QUEUED)
        c->n--;
    if (call->request.sent_t > 0)
        a.sent_ms = call->request.sent_t - call->began;
    if (error == HTTP_OK || error == HTTP_E_TOO_BIG) {
        a.status = call->answer.status;
        a.content_type = str_from(call->answer.content_type ? call->answer.content_type : "");
        a.body = error == HTTP_OK ? call->answer.body : STR_NULL;
        a.retry_after_s = call->answer.retry_after_s;
    }
    if (error != HTTP_OK)
        (void)snprintf(a.detail, sizeof a.detail, "%s", http_error_text(error));
    a.took_ms = world_now() - call->began;
    world_debug("%s %s: %s %d after %lld ms, sent after %lld", call->method, call->url,
                http_error_text(error), a.status, (long long)a.took_ms, (long long)a.sent_ms);
    call->stage = OVER;
    call->request.closed_t = world_now();
    ready_cancel(&call->ready);
    list_remove(&call->link);
    call->done(call->ctx, &a);
    free(call->answer_body);
    call->answer_body = NULL;
    start_queued(c);
}

static void deliver(void *ctx, int64_t again)
{
    struct http_call *call = ctx;

    for (int i = 0; i < 1 + (int)again; i++) {
        call->request.times++;
        call->host->on_request(call->host, &call->request);
    }
}

static void send(struct http_call *call)
{
    bool again = !call->once && world_chance(net_resend_permille);

    call->stage = SENT;
    call->request.sent_t = world_now();
    world_at(world_now(), deliver, call, again);
}

/* Something has happened to the call, or its time is over. */
static void on_ready(struct ready *r)
{
    struct http_call *call = container_of(r, struct http_call, ready);
    int64_t now;

    process_step(); /* between the decision to call and the request; its time limits are looked at after that */
    now = world_now();
    if (call->cancelled) {
        finish(call, HTTP_E_CANCELLED);
    } else if (call->answered) {
        int64_t max = call->answer_bytes_max > 0 ? call->answer_bytes_max : HTTP_ANSWER_BYTES_MAX;

        if (call->answer.status == 0)
            finish(call, HTTP_E_BROKEN);
        else
            finish(call,
                   (int64_t)call->answer.body.n > max && !net_answers_unlimited ? HTTP_E_TOO_BIG : HTTP_OK);
    } else if (now >= call->until || (call->stage == CONNECTING && now >= call->connect_until)) {
        finish(call, HTTP_E_TIMEOUT);
    } else if (call->error != HTTP_OK) {
        finish(call, call->error);
    } else if (call->stage == CONNECTING && call->connected) {
        send(call);
    }
}

/* ---- a call's beginning ---------------------------------------------------------------------- */

static void on_time(void *ctx, int64_t a)
{
    struct http_call *call = ctx;

    if (call->stage != OVER)
        ready_post(&call->ready);
}

static void on_connect(void *ctx, int64_t error)
{
    struct http_call *call = ctx;

    call->error = (enum http_error)error;
    call->connected = error == HTTP_OK;
    on_time(call, 0);
}

static void connect_call(struct http_call *call)
{
    int64_t after_ms = 1;
    enum net_connect c = call->host ? call->host->connect(call->host, &after_ms) : NET_REFUSES;

    call->stage = CONNECTING;
    call->client->n++;
    if (c != NET_HANGS)
        world_at(world_now() + after_ms, on_connect, call, c == NET_CONNECTS ? HTTP_OK : HTTP_E_CONNECT);
    world_at(call->connect_until, on_time, call, 0);
}

static void start_queued(struct http_client *c)
{
    LIST_FOR(it, &c->calls)
    {
        struct http_call *call = container_of(it, struct http_call, link);

        if (c->closing || c->n >= c->max)
            return;
        if (call->stage == QUEUED)
            connect_call(call);
    }
}

static bool has_line_break(const char *s)
{
    return s && strpbrk(s, "\r\n");
}

static char *copy(const char *s, size_t n)
{
    char *p = malloc(n + 1);

    if (!p)
        abort();
    if (n > 0)
        memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

static char *copy_text(const char *s)
{
    return copy(s ? s : "", s ? strlen(s) : 0);
}

int http_call(struct http_client *c, const struct http_request *req,
              void (*done)(void *ctx, const struct http_answer *answer), void *ctx,
              struct http_call **ret_call)
{
    struct http_call *call;

    process_step();
    if (c->closing)
        return -ESHUTDOWN;
    if (has_line_break(req->url) || (req->headers && strchr(req->headers, '\r')))
        return -EINVAL;
    call = calloc(1, sizeof *call);
    if (!call)
        abort();
    ready_init(&call->ready, c->loop, on_ready);
    call->client = c;
    call->host = find_host(req->url);
    call->once = req->once;
    call->began = world_now();
    call->until = call->began + (req->timeout_ms > 0 ? req->timeout_ms : HTTP_CALL_TIMEOUT_MS);
    call->connect_until =
        call->began + (req->connect_timeout_ms > 0 ? req->connect_timeout_ms : HTTP_CONNECT_TIMEOUT_MS);
    call->answer_bytes_max = req->answer_bytes_max;
    call->done = done;
    call->ctx = ctx;
    call->method = copy_text(req->method);
    call->url = copy_text(req->url);
    call->headers = copy_text(req->headers);
    call->body = copy(req->body.p, req->body.n);
    call->request = (struct net_request){ .method = call->method,
                                          .url = call->url,
                                          .headers = call->headers,
                                          .body = { call->body, req->body.n },
                                          .from = process_current() };
    list_append(&c->calls, &call->link);
    world_at(call->until, on_time, call, 0);
    start_queued(c);
    if (ret_call)
        *ret_call = call;
    return 0;
}

void http_call_cancel(struct http_call *call)
{
    call->cancelled = true;
    ready_post(&call->ready);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void on_arrived(void *ctx, int64_t a)
{
    struct http_call *call = ctx;

    if (call->stage == OVER)
        return;
    call->answered = true;
    ready_post(&call->ready);
}

void net_answer(struct net_request *r, int64_t after_ms, const struct net_answer *a)
{
    struct http_call *call = container_of(r, struct http_call, request);

    if (call->stage != SENT || call->answer_body)
        return;
    call->answer = *a;
    call->answer_body = copy(a->body.p, a->body.n);
    call->answer.body = (struct str){ call->answer_body, a->body.n };
    world_at(world_now() + after_ms, on_arrived, call, 0);
}

/* ---- clients --------------------------------------------------------------------------------- */

/* The connections of a process that died are closed with it. */
static void on_process_end(struct process *p)
{
    for (struct http_client *c = clients; c; c = c->next) {
        if (c->closing || loop_sim_process(c->loop) != p)
            continue;
        c->closing = true;
        LIST_FOR(it, &c->calls)
        {
            struct http_call *call = container_of(it, struct http_call, link);

            call->stage = OVER;
            call->request.closed_t = world_now();
        }
    }
}

int http_client_open(struct loop *l, int max_connections, struct http_client **ret)
{
    struct http_client *c = calloc(1, sizeof *c);

    if (!c)
        abort();
    process_on_end(on_process_end);
    c->loop = l;
    c->max = max_connections;
    list_init(&c->calls);
    c->next = clients;
    clients = c;
    *ret = c;
    return 0;
}

void http_client_set_peer(struct http_client *c, const struct http_client_peer *peer)
{
}

void http_client_close(struct http_client *c)
{
    if (!c || c->closing)
        return;
    c->closing = true;
    while (!list_empty(&c->calls))
        finish(container_of(c->calls.next, struct http_call, link), HTTP_E_CANCELLED);
}
