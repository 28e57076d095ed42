/*
 * libcurl's multi interface on the loop. One call, when all goes well:
 *   http_call         copies the request into a pooled call and adds its easy handle to the multi handle
 *   on_socket         curl names a descriptor, an epoll set of our own watches it
 *   on_ready/on_timer readiness or time goes back to curl
 *   finish            the answer is handed to done(), the call returns to the pool
 * A failure of any kind ends in finish() as well, with an http_error.
 *
 * Why an epoll set beside the loop's: curl takes its interest in a descriptor back after each call and takes
 * it up again for the next one. A watcher of the loop made and closed each time cost six system calls; here a
 * kept-alive connection stays in the set, and costs none.
 */
#include "common/io/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/io/loop_uv.h"
#include "common/io/net.h"

/* Kept calls: as many as are commonly in flight; each costs some 8 KiB … */
#define POOL_MAX 64
/* … and what it keeps of its texts. */
#define KEPT_BYTES_MAX (16 * 1024)
/* More headers, or a longer body, are a mistake. */
#define REQUEST_BYTES_MAX ((size_t)1 << 30)
/* curl makes a buffer for each answer; one of its least size costs next to nothing, and small answers fit. */
#define SMALL_ANSWER     ((size_t)64 * 1024)
#define BUFFER_BYTES_MIN 1024
/* Descriptors taken from the kernel in one call. */
#define READY_MAX 64

/* What is known of one descriptor. */
struct watched {
    uint8_t events; /* EPOLLIN, EPOLLOUT: what the set has, 0: it is not in it */
    bool wanted;    /* curl is interested in it now */
    bool ours;      /* from on_open: on_close will tell when its number is free again */
};

struct http_client {
    struct loop *loop;
    CURLM *multi;
    uv_timer_t *timer;
    int set; /* the epoll set, -1: none */
    struct poll_fd *ready;
    struct watched *watched; /* by descriptor */
    int n_watched;
    struct list calls; /* in flight */
    bool cancelling;   /* some of them are marked */
    struct list pool;
    int n_pool;
    char *ca_file; /* NULL: the system's */
    bool closing;
};

/* What an easy handle was told. It keeps it, and is told again only what is another: most calls are like the
 * one before, and telling all of it costs more than a microsecond. */
struct told {
    CURLU *parsed; /* of the URL; NULL: it cannot be parsed */
    char *url, *method, *unix_socket;
    long connect_ms, timeout_ms, version, buffer_bytes, once;
};

struct http_call {
    struct list in_client; /* of its calls or its pool */
    struct http_client *client;
    CURL *easy;
    struct told told;
    struct curl_slist *headers; /* an array, its items linked */
    int max_headers;
    struct buf lines; /* their texts */
    struct buf body;
    char error[CURL_ERROR_SIZE];
    struct buf answer;
    int64_t started_us;
    bool too_big, cancelled;
    bool public_only, refused_private;
    void (*done)(void *ctx, const struct http_answer *answer);
    void *ctx;
};

const char *http_error_text(enum http_error e)
{
    static const char *const texts[] = {
        [HTTP_OK] = "no error",
        [HTTP_E_CONNECT] = "cannot connect",
        [HTTP_E_RESOLVE] = "the host name is unknown",
        [HTTP_E_TIMEOUT] = "no answer in time",
        [HTTP_E_TOO_BIG] = "the answer is too big",
        [HTTP_E_BROKEN] = "the connection broke in mid-answer",
        [HTTP_E_URL] = "the URL makes no sense",
        [HTTP_E_CANCELLED] = "cancelled",
        [HTTP_E_PRIVATE] = "the address is private, which this target may not be",
    };

    return texts[e];
}

/* ---- the answer ------------------------------------------------------------------------------ */

static enum http_error error_of(const struct http_call *call, CURLcode code)
{
    if (call->cancelled)
        return HTTP_E_CANCELLED;
    if (call->too_big)
        return HTTP_E_TOO_BIG;
    if (call->refused_private && code != CURLE_OK)
        return HTTP_E_PRIVATE;
    switch (code) {
    case CURLE_OK:
        return HTTP_OK;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return HTTP_E_RESOLVE;
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return HTTP_E_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_E_TIMEOUT;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return HTTP_E_URL;
    default:
        return HTTP_E_BROKEN;
    }
}

/* Seconds or a date. libcurl takes other text for 0. */
static bool is_retry_after(const char *value)
{
    return (value[0] >= '0' && value[0] <= '9') || curl_getdate(value, NULL) != -1;
}

static void read_answer(struct http_call *call, CURLcode code, struct http_answer *ret)
{
    char *type = NULL;
    long status = 0;
    curl_off_t retry_after = 0, pretransfer = 0;
    struct curl_header *header;

    *ret = (struct http_answer){ .error = error_of(call, code), .retry_after_s = -1, .sent_ms = -1 };
    (void)curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer);
    if (pretransfer > 0)
        ret->sent_ms = pretransfer / 1000;
    ret->took_ms = (clock_mono_us() - call->started_us) / 1000;
    if (ret->error == HTTP_OK || ret->error == HTTP_E_TOO_BIG)
        (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    ret->status = (int)status;
    if (ret->error != HTTP_OK)
        (void)snprintf(ret->detail, sizeof ret->detail, "%.127s",
                       call->error[0] ? call->error : curl_easy_strerror(code));
    if (ret->error != HTTP_OK && ret->error != HTTP_E_TOO_BIG)
        return;
    (void)curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
    ret->content_type = str_from(type);
    ret->body = (struct str){ buf_str(&call->answer), call->answer.len };
    if (curl_easy_header(call->easy, "Retry-After", 0, CURLH_HEADER, -1, &header) == CURLHE_OK &&
        is_retry_after(header->value) &&
        curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK)
        ret->retry_after_s = retry_after > 0 ? retry_after : 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct http_call *call = ctx;

    if (buf_add(&call->answer, data, size * n) == 0)
        return size * n;
    call->too_big = true;
    return 0;
}

/* ---- the end of a call ----------------------------------------------------------------------- */

static void free_call(struct http_call *call)
{
    list_remove(&call->in_client);
    curl_easy_cleanup(call->easy);
    curl_url_cleanup(call->told.parsed);
    mem_free(call->told.url);
    mem_free(call->told.method);
    mem_free(call->told.unix_socket);
    mem_free(call->headers);
    buf_fini(&call->lines);
    buf_fini(&call->body);
    buf_fini(&call->answer);
    mem_free(call);
}

static void keep_small(struct buf *b)
{
    if (b->cap > KEPT_BYTES_MAX)
        buf_fini(b);
}

static void put_back(struct http_call *call)
{
    struct http_client *c = call->client;

    if (c->n_pool == POOL_MAX || c->closing) {
        free_call(call);
        return;
    }
    keep_small(&call->lines);
    keep_small(&call->body);
    keep_small(&call->answer);
    list_remove(&call->in_client);
    list_append(c->pool.next, &call->in_client); /* to the front: its memory is warm */
    c->n_pool++;
}

static void finish(struct http_call *call, CURLcode code)
{
    struct http_answer answer;

    read_answer(call, code, &answer);
    (void)curl_multi_remove_handle(call->client->multi, call->easy);
    call->done(call->ctx, &answer);
    put_back(call);
}

static void take_finished(struct http_client *c)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(c->multi, &left))) {
        struct http_call *call = NULL;
        CURLcode code = msg->data.result;

        if (msg->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        finish(call, code);
    }
}

/* ---- curl on libuv --------------------------------------------------------------------------- */

static void drive(struct http_client *c, curl_socket_t fd, int events)
{
    int running;

    (void)curl_multi_socket_action(c->multi, fd, events, &running);
    take_finished(c);
}

static void cancel_marked(struct http_client *c)
{
    if (!c->cancelling)
        return;
    c->cancelling = false;
    LIST_FOR(it, &c->calls)
    {
        struct http_call *call = container_of(it, struct http_call, in_client);

        if (call->cancelled)
            finish(call, CURLE_ABORTED_BY_CALLBACK);
    }
}

static void on_timer(uv_timer_t *t)
{
    struct http_client *c = t->data;

    cancel_marked(c);
    drive(c, CURL_SOCKET_TIMEOUT, 0);
}

static int on_curl_timer(CURLM *multi, long ms, void *ctx)
{
    struct http_client *c = ctx;

    if (ms < 0)
        (void)uv_timer_stop(c->timer);
    else
        (void)uv_timer_start(c->timer, on_timer, (uint64_t)ms, 0);
    return 0;
}

/* Puts the descriptor into the set for these events, or with 0 takes it out. */
static int watch(struct http_client *c, curl_socket_t fd, uint8_t events)
{
    struct watched *w = &c->watched[fd];
    struct epoll_event ev = { .events = events, .data.fd = fd };
    int op = !w->events ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;

    if (w->events == events)
        return 0;
    if (epoll_ctl(c->set, op, fd, &ev) != 0)
        return -errno;
    w->events = events;
    return 0;
}

static void on_ready(void *ctx)
{
    struct http_client *c = ctx;
    struct epoll_event ready[READY_MAX];
    int n = epoll_wait(c->set, ready, READY_MAX, 0);

    for (int i = 0; i < n; i++) {
        const struct watched *w = &c->watched[ready[i].data.fd];
        /* What went wrong shows when curl reads or writes: what came before it is read first. */
        uint32_t events = ready[i].events & (EPOLLERR | EPOLLHUP) ? w->events : ready[i].events;

        if (w->wanted)
            drive(c, ready[i].data.fd,
                  (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0));
        else
            (void)watch(c, ready[i].data.fd, 0); /* an idle connection was closed by its peer */
    }
}

static int know(struct http_client *c, curl_socket_t fd)
{
    struct watched *more;

    if (fd < c->n_watched)
        return 0;
    more = mem_realloc(c->watched, ((size_t)fd + 1) * sizeof *more);
    if (!more)
        return -ENOMEM;
    memset(more + c->n_watched, 0, (size_t)(fd + 1 - c->n_watched) * sizeof *more);
    c->watched = more;
    c->n_watched = fd + 1;
    return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct http_client *c = ctx;

    if (know(c, fd) != 0)
        return -1;
    c->watched[fd].wanted = what != CURL_POLL_REMOVE;
    if (what == CURL_POLL_REMOVE)
        return c->watched[fd].ours ? 0 : watch(c, fd, 0);
    return watch(c, fd,
                 (uint8_t)((what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0)));
}

/* curl is about to connect to this address. */
static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_call *call = ctx;
    struct http_client *c = call->client;
    int fd;

    call->refused_private = call->public_only && !net_is_public(&address->addr);
    fd = call->refused_private ? -1
                               : socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    if (know(c, fd) != 0) {
        (void)close(fd);
        return CURL_SOCKET_BAD;
    }
    c->watched[fd] = (struct watched){ .ours = true };
    return fd;
}

static int on_close(void *ctx, curl_socket_t fd)
{
    struct http_client *c = ctx;

    (void)watch(c, fd, 0);
    c->watched[fd] = (struct watched){ 0 };
    return close(fd);
}

/* ---- the start of a call --------------------------------------------------------------------- */

/* Appends the lines, with @between in between. */
static int copy_lines(struct http_call *call, const char *lines, struct str between, int *ret_n,
                      bool *ret_has_type)
{
    for (const char *end; *lines; lines = *end ? end + 1 : end) {
        end = strchrnul(lines, '\n');
        *ret_has_type = *ret_has_type || strncasecmp(lines, "content-type:", 13) == 0;
        if ((*ret_n)++ > 0)
            (void)buf_add(&call->lines, between.p, between.n);
        (void)buf_add(&call->lines, lines, (size_t)(end - lines));
    }
    return buf_error(&call->lines);
}

static int reserve_headers(struct http_call *call, int n)
{
    struct curl_slist *more;

    if (n <= call->max_headers)
        return 0;
    more = mem_realloc(call->headers, (size_t)n * sizeof *more);
    if (!more)
        return -ENOMEM;
    call->headers = more;
    call->max_headers = n;
    return 0;
}

/* The list that curl wants and its lines are made in memory that the call keeps: made by curl it takes three
 * allocations a line. */
static int add_headers(struct http_call *call, const struct http_request *req)
{
    static char json[] = "Content-Type: application/json";
    static char no_expect[] = "Expect:"; /* no waiting for a "100 Continue" that small servers never send */
    const char *lines = req->headers ? req->headers : "";
    bool has_type = false;
    int n = 0, r;
    char *p;

    if (strchr(lines, '\r'))
        return -EINVAL;
    r = copy_lines(call, lines, req->headers_as_one ? STR_LIT("\r\n") : STR_LIT("\0"), &n, &has_type);
    if (r == 0)
        r = reserve_headers(call, n + 2);
    if (r != 0)
        return r;
    n = req->headers_as_one && n > 1 ? 1 : n;
    p = call->lines.data;
    for (int i = 0; i < n; i++, p += strlen(p) + 1)
        call->headers[i].data = p;
    if (!has_type && req->body.p)
        call->headers[n++].data = json;
    call->headers[n++].data = no_expect;
    for (int i = 0; i < n; i++)
        call->headers[i].next = i + 1 < n ? &call->headers[i + 1] : NULL;
    return 0;
}

/* What is the same for all calls that it is used for. */
static CURL *new_easy(struct http_client *c, struct http_call *call)
{
    CURL *e = curl_easy_init();

    if (!e)
        return NULL;
    (void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(e, CURLOPT_PRIVATE, call);
    (void)curl_easy_setopt(e, CURLOPT_ERRORBUFFER, call->error);
    (void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
    (void)curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
    (void)curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, call);
    (void)curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    (void)curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, c);
    if (c->ca_file) {
        (void)curl_easy_setopt(e, CURLOPT_CAINFO, c->ca_file);
        (void)curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    }
    return e;
}

int http_client_trust(struct http_client *c, const char *ca_file)
{
    c->ca_file = mem_strdup(ca_file);
    return c->ca_file ? 0 : -ENOMEM;
}

static int tell_text(CURL *e, CURLoption option, char **told, const char *text)
{
    char *copy;

    if (*told && text ? strcmp(*told, text) == 0 : *told == text)
        return 0;
    mem_free(*told);
    *told = NULL;
    copy = text ? mem_strdup(text) : NULL;
    if (curl_easy_setopt(e, option, copy) != CURLE_OK || (text && !copy)) {
        mem_free(copy);
        return -ENOMEM;
    }
    *told = copy;
    return 0;
}

static void tell_number(CURL *e, CURLoption option, long *told, int64_t number)
{
    if (*told == (long)number)
        return;
    *told = (long)number;
    (void)curl_easy_setopt(e, option, *told);
}

/* Parsed here once: from a text curl does it again for every call. One that makes no sense is left to it, and
 * fails there. */
static int tell_url(CURL *e, struct told *t, const char *url)
{
    int r;

    if (t->url && strcmp(t->url, url) == 0)
        return 0;
    (void)curl_easy_setopt(e, CURLOPT_CURLU, NULL);
    r = tell_text(e, CURLOPT_URL, &t->url, url);
    if (!t->parsed)
        t->parsed = curl_url();
    if (r != 0 || !t->parsed)
        return -ENOMEM;
    if (curl_url_set(t->parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
        (void)curl_easy_setopt(e, CURLOPT_CURLU, t->parsed);
    return 0;
}

static int set_target(struct http_call *call, const struct http_request *req)
{
    CURL *e = call->easy;
    struct told *t = &call->told;
    int r = tell_url(e, t, req->url);

    if (r == 0)
        r = tell_text(e, CURLOPT_CUSTOMREQUEST, &t->method, req->method);
    if (r == 0)
        r = tell_text(e, CURLOPT_UNIX_SOCKET_PATH, &t->unix_socket, req->unix_socket);
    tell_number(e, CURLOPT_CONNECTTIMEOUT_MS, &t->connect_ms,
                req->connect_timeout_ms ? req->connect_timeout_ms : HTTP_CONNECT_TIMEOUT_MS);
    tell_number(e, CURLOPT_TIMEOUT_MS, &t->timeout_ms,
                req->timeout_ms ? req->timeout_ms : HTTP_CALL_TIMEOUT_MS);
    tell_number(e, CURLOPT_HTTP_VERSION, &t->version,
                req->http2 && strncasecmp(req->url, "https:", 6) == 0 ? CURL_HTTP_VERSION_2TLS
                                                                      : CURL_HTTP_VERSION_1_1);
    tell_number(e, CURLOPT_BUFFERSIZE, &t->buffer_bytes,
                call->answer.max <= SMALL_ANSWER ? BUFFER_BYTES_MIN : CURL_MAX_WRITE_SIZE);
    if (t->once != req->once) {
        t->once = req->once;
        (void)curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, t->once);
        (void)curl_easy_setopt(e, CURLOPT_FORBID_REUSE, t->once);
    }
    return r;
}

static int set_content(struct http_call *call, const struct http_request *req)
{
    CURL *e = call->easy;
    int r = add_headers(call, req);

    if (r == 0)
        r = buf_add(&call->body, req->body.p, req->body.n);
    if (r != 0)
        return r;
    (void)curl_easy_setopt(e, CURLOPT_HTTPHEADER, call->headers);
    if (req->body.p || strcmp(req->method, "POST") == 0) {
        (void)curl_easy_setopt(e, CURLOPT_POSTFIELDS, buf_str(&call->body));
        (void)curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
    } else {
        (void)curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
    }
    return 0;
}

static struct http_call *new_call(struct http_client *c)
{
    struct http_call *call = mem_zalloc(sizeof *call);

    if (!call)
        return NULL;
    call->client = c;
    list_init(&call->in_client);
    call->easy = new_easy(c, call);
    if (call->easy)
        return call;
    mem_free(call);
    return NULL;
}

static struct http_call *take_call(struct http_client *c)
{
    struct http_call *call =
        c->n_pool > 0 ? container_of(c->pool.next, struct http_call, in_client) : new_call(c);

    if (!call)
        return NULL;
    c->n_pool -= c->n_pool > 0;
    list_remove(&call->in_client);
    list_append(&c->calls, &call->in_client);
    call->error[0] = '\0';
    call->too_big = call->cancelled = call->refused_private = false;
    call->lines.max = call->body.max = REQUEST_BYTES_MAX;
    buf_reset(&call->lines);
    buf_reset(&call->body);
    buf_reset(&call->answer);
    return call;
}

int http_call(struct http_client *c, const struct http_request *req,
              void (*done)(void *ctx, const struct http_answer *answer), void *ctx,
              struct http_call **ret_call)
{
    struct http_call *call = c->closing ? NULL : take_call(c);
    int r;

    if (!call)
        return c->closing ? -ESHUTDOWN : -ENOMEM;
    call->done = done;
    call->ctx = ctx;
    call->public_only = req->public_only;
    call->started_us = clock_mono_us();
    call->answer.max = (size_t)(req->answer_bytes_max ? req->answer_bytes_max : HTTP_ANSWER_BYTES_MAX);
    r = strpbrk(req->url, "\r\n") ? -EINVAL : set_target(call, req);
    if (r == 0)
        r = set_content(call, req);
    if (r == 0 && curl_multi_add_handle(c->multi, call->easy) != CURLM_OK)
        r = -ENOMEM;
    if (r != 0) {
        put_back(call);
        return r;
    }
    if (ret_call)
        *ret_call = call;
    return 0;
}

void http_call_cancel(struct http_call *call)
{
    call->cancelled = call->client->cancelling = true;
    (void)uv_timer_start(call->client->timer, on_timer, 0, 0);
}

/* ---- open and close -------------------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *h)
{
    mem_free(h);
}

static int open_multi(struct http_client *c, int max_connections)
{
    static bool global;

    if (!global && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -ENOMEM;
    global = true;
    c->multi = curl_multi_init();
    if (!c->multi)
        return -ENOMEM;
    (void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    (void)curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    (void)curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    (void)curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)max_connections);
    (void)curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)max_connections);
    c->set = epoll_create1(EPOLL_CLOEXEC);
    return c->set < 0 ? -errno : poll_fd_open(c->loop, c->set, on_ready, c, &c->ready);
}

int http_client_open(struct loop *l, int max_connections, struct http_client **ret)
{
    struct http_client *c = mem_zalloc(sizeof *c);
    int r;

    if (!c)
        return -ENOMEM;
    c->loop = l;
    c->set = -1;
    list_init(&c->calls);
    list_init(&c->pool);
    c->timer = mem_zalloc(sizeof *c->timer);
    if (!c->timer) {
        mem_free(c);
        return -ENOMEM;
    }
    (void)uv_timer_init(loop_uv(l), c->timer);
    c->timer->data = c;
    r = open_multi(c, max_connections);
    if (r != 0) {
        http_client_close(c);
        return r;
    }
    *ret = c;
    return 0;
}

void http_client_close(struct http_client *c)
{
    if (!c)
        return;
    c->closing = c->cancelling = true;
    LIST_FOR(it, &c->calls)
    {
        container_of(it, struct http_call, in_client)->cancelled = true;
    }
    cancel_marked(c);
    LIST_FOR(it, &c->pool)
    {
        free_call(container_of(it, struct http_call, in_client));
    }
    if (c->multi)
        (void)curl_multi_cleanup(c->multi);
    mem_free(c->ca_file);
    poll_fd_close(c->ready);
    if (c->set >= 0)
        (void)close(c->set);
    uv_close((uv_handle_t *)c->timer, on_timer_closed);
    mem_free(c->watched);
    mem_free(c);
}
