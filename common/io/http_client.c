/*
 * HTTP calls. One call, when all goes well:
 *   http_call   copies the request into a call (http_easy.c sets its options) and hands it to the driver
 *   on_open     curl connects: an address that is not public is refused where that was asked
 *   on_body     collects the answer, up to its limit
 *   finish      the answer is handed to done(), the call is freed
 * A failure of any kind ends in finish() as well, with an http_error.
 *
 * Every call has a new easy handle; connections are the multi handle's, and are kept. libcurl 7.88.1, Debian 12's, keeps a
 * pointer to the last header of a handle when the handle is used again: an answer whose first header line begins
 * with a blank then makes it read and write freed memory. A new handle costs 1 µs of the 28 of a call.
 */
#include "common/io/http_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/buf.h"
#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/io/http_driver.h"
#include "common/io/http_easy.h"
#include "common/io/net.h"

/* A longer body is a mistake. */
#define REQUEST_BYTES_MAX ((size_t)1 << 30)

struct http_client {
    struct http_driver *driver;
    struct list calls; /* in flight */
    struct http_client_peer peer;
    /* That of the first call: a destination has one URL, and to parse it for each delivery takes 12,000 instructions (callgrind). */
    char *url;
    CURLU *parsed; /* NULL: curl makes no sense of it */
    bool closing;
};

struct http_call {
    struct list in_client;
    struct http_client *client;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    char error[CURL_ERROR_SIZE];
    struct buf answer;
    int64_t started_us;
    int64_t leaves_by_us; /* 0: whenever it can */
    bool too_big, cancelled, late;
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

static bool was_sent(const struct http_call *call)
{
    curl_off_t pretransfer = 0;

    (void)curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer);
    return pretransfer > 0;
}

static int status_of(const struct http_call *call)
{
    long status = 0;

    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

/* libcurl 7.88 takes any number after "HTTP/2 " for a status, also on a connection of HTTP/1.1. */
static bool is_http_status(int status)
{
    return status >= 100 && status <= 999;
}

static enum http_error error_of(const struct http_call *call, CURLcode code)
{
    if (call->cancelled)
        return HTTP_E_CANCELLED;
    if (call->too_big)
        return HTTP_E_TOO_BIG;
    if (call->refused_private && code != CURLE_OK)
        return HTTP_E_PRIVATE;
    if (call->late)
        return HTTP_E_TIMEOUT;
    switch (code) {
    case CURLE_OK:
        return is_http_status(status_of(call)) ? HTTP_OK : HTTP_E_BROKEN;
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
        return HTTP_E_URL;
    case CURLE_UNSUPPORTED_PROTOCOL: /* of the URL; or the answer is not HTTP */
        return was_sent(call) ? HTTP_E_BROKEN : HTTP_E_URL;
    default:
        return HTTP_E_BROKEN;
    }
}

static int64_t clamp_retry_after(int64_t s)
{
    return s < 0 ? 0 : s < HTTP_RETRY_AFTER_MAX_S ? s : HTTP_RETRY_AFTER_MAX_S;
}

/* Seconds or a date, as RFC 9110 has them; -1 for another text. */
static int64_t retry_after_s(const char *value)
{
    int64_t s = -1;
    time_t date;
    int r = text_to_i64(value, &s);

    if (r == -EINVAL) {
        date = curl_getdate(value, NULL);
        return date == -1 ? -1 : clamp_retry_after(date - time(NULL));
    }
    if (r == -ERANGE)
        return *value == '-' ? -1 : HTTP_RETRY_AFTER_MAX_S;
    return s < 0 ? -1 : clamp_retry_after(s);
}

/* curl counts from when the loop came to it, which may have waited for a database first. */
static int64_t sent_ms(const struct http_call *call, int64_t took_ms)
{
    curl_off_t pretransfer = 0, total = 0;

    (void)curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer);
    (void)curl_easy_getinfo(call->easy, CURLINFO_TOTAL_TIME_T, &total);
    if (pretransfer <= 0 || call->late)
        return -1;
    return total > pretransfer ? took_ms - (total - pretransfer) / 1000 : took_ms;
}

static void read_answer(struct http_call *call, CURLcode code, struct http_answer *ret)
{
    char *type = NULL;
    struct curl_header *header;

    *ret = (struct http_answer){ .error = error_of(call, code), .retry_after_s = -1 };
    ret->took_ms = (clock_mono_us() - call->started_us) / 1000;
    ret->sent_ms = sent_ms(call, ret->took_ms);
    if ((ret->error == HTTP_OK || ret->error == HTTP_E_TOO_BIG) && is_http_status(status_of(call)))
        ret->status = status_of(call);
    if (ret->error != HTTP_OK)
        (void)snprintf(ret->detail, sizeof ret->detail, "%.127s",
                       code == CURLE_OK ? "the answer's status is no number from 100 to 999"
                       : call->error[0] ? call->error
                                        : curl_easy_strerror(code));
    (void)clean_text(ret->detail); /* the name in a certificate is the peer's */
    if (ret->error != HTTP_OK && ret->error != HTTP_E_TOO_BIG)
        return;
    (void)curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
    ret->content_type = str_from(type);
    ret->body = (struct str){ buf_str(&call->answer), call->answer.len };
    if (curl_easy_header(call->easy, "Retry-After", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
        ret->retry_after_s = retry_after_s(header->value);
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
    mem_free(call->headers);
    buf_fini(&call->body);
    buf_fini(&call->answer);
    mem_free(call);
}

static void finish(struct http_call *call, CURLcode code)
{
    struct http_answer answer;

    read_answer(call, code, &answer);
    http_driver_remove(call->client->driver, call->easy);
    call->done(call->ctx, &answer);
    free_call(call);
}

static void on_done(void *ctx, CURL *easy, CURLcode code)
{
    struct http_call *call = NULL;

    (void)ctx;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
    finish(call, code);
}

static void finish_cancelled(void *ctx)
{
    struct http_client *c = ctx;

    LIST_FOR(it, &c->calls)
    {
        struct http_call *call = container_of(it, struct http_call, in_client);

        if (call->cancelled)
            finish(call, CURLE_ABORTED_BY_CALLBACK);
    }
}

/* ---- the start of a call --------------------------------------------------------------------- */

/* curl is about to connect to this address. */
static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_call *call = ctx;

    call->refused_private = call->public_only && !net_is_public(&address->addr);
    return call->refused_private ? CURL_SOCKET_BAD : http_driver_socket(call->client->driver, address);
}

/* The connection stands, and the request would leave now. */
// NOLINTNEXTLINE(readability-non-const-parameter): curl's type has it so
static int on_connected(void *ctx, char *ip, char *local_ip, int port, int local_port)
{
    struct http_call *call = ctx;

    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    call->late = call->leaves_by_us > 0 && clock_mono_us() > call->leaves_by_us;
    return call->late ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static struct http_call *new_call(struct http_client *c)
{
    struct http_call *call = mem_zalloc(sizeof *call);
    CURL *e = call ? http_easy_new(&c->peer) : NULL;

    if (!e) {
        mem_free(call);
        return NULL;
    }
    call->client = c;
    call->easy = e;
    list_init(&call->in_client);
    list_append(&c->calls, &call->in_client);
    call->body.max = REQUEST_BYTES_MAX;
    (void)curl_easy_setopt(e, CURLOPT_PRIVATE, call);
    (void)curl_easy_setopt(e, CURLOPT_ERRORBUFFER, call->error);
    (void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
    (void)curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
    (void)curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, call);
    (void)curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_connected);
    (void)curl_easy_setopt(e, CURLOPT_PREREQDATA, call);
    (void)curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, http_driver_close_socket);
    (void)curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, c->driver);
    return call;
}

/* The URL's parsed form, if it is at hand. */
static CURLU *find_url(struct http_client *c, const char *url)
{
    if (!c->url) {
        c->url = mem_strdup(url);
        c->parsed = c->url ? curl_url() : NULL;
        if (c->parsed && curl_url_set(c->parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
            curl_url_cleanup(c->parsed);
            c->parsed = NULL;
        }
    }
    return c->url && strcmp(c->url, url) == 0 ? c->parsed : NULL;
}

int http_call(struct http_client *c, const struct http_request *req,
              void (*done)(void *ctx, const struct http_answer *answer), void *ctx,
              struct http_call **ret_call)
{
    struct http_call *call = c->closing ? NULL : new_call(c);
    int r;

    if (!call)
        return c->closing ? -ESHUTDOWN : -ENOMEM;
    call->done = done;
    call->ctx = ctx;
    call->public_only = req->public_only;
    call->started_us = clock_mono_us();
    call->leaves_by_us =
        req->once && req->connect_timeout_ms > 0 ? call->started_us + req->connect_timeout_ms * 1000 : 0;
    call->answer.max = (size_t)(req->answer_bytes_max ? req->answer_bytes_max : HTTP_ANSWER_BYTES_MAX);
    r = buf_add(&call->body, req->body.p, req->body.n);
    if (r == 0)
        r = http_easy_set(call->easy, req, find_url(c, req->url),
                          (struct str){ buf_str(&call->body), call->body.len }, &call->headers);
    if (r == 0)
        r = http_driver_add(c->driver, call->easy);
    if (r != 0) {
        free_call(call);
        return r;
    }
    if (ret_call)
        *ret_call = call;
    return 0;
}

void http_call_cancel(struct http_call *call)
{
    call->cancelled = true;
    http_driver_soon(call->client->driver);
}

/* ---- open and close -------------------------------------------------------------------------- */

int http_client_open(struct loop *l, int max_connections, struct http_client **ret)
{
    struct http_client *c = mem_zalloc(sizeof *c);
    int r;

    if (!c)
        return -ENOMEM;
    list_init(&c->calls);
    r = http_driver_open(l, max_connections, on_done, finish_cancelled, c, &c->driver);
    if (r != 0) {
        mem_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

static const char *or_null(const char *s)
{
    return s && *s ? s : NULL;
}

void http_client_set_peer(struct http_client *c, const struct http_client_peer *peer)
{
    c->peer = (struct http_client_peer){ .ca_file = or_null(peer->ca_file),
                                         .cert_file = or_null(peer->cert_file),
                                         .key_file = or_null(peer->key_file),
                                         .proxy = or_null(peer->proxy) };
}

void http_client_close(struct http_client *c)
{
    if (!c)
        return;
    c->closing = true;
    LIST_FOR(it, &c->calls)
    {
        container_of(it, struct http_call, in_client)->cancelled = true;
    }
    finish_cancelled(c);
    http_driver_close(c->driver);
    curl_url_cleanup(c->parsed);
    mem_free(c->url);
    mem_free(c);
}
