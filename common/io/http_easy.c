#include "common/io/http_easy.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/base/buf.h"
#include "common/base/mem.h"

/* curl makes a buffer for each answer; one of its least size costs next to nothing, and small answers fit. */
#define SMALL_ANSWER     ((int64_t)64 * 1024)
#define BUFFER_BYTES_MIN 1024
/* A longer header is a mistake. */
#define HEADER_BYTES_MAX ((size_t)64 * 1024)

CURL *http_easy_new(const struct http_peer *peer)
{
    CURL *e = curl_easy_init();

    if (!e)
        return NULL;
    (void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    if (peer->proxy)
        (void)curl_easy_setopt(e, CURLOPT_PROXY, peer->proxy);
    (void)curl_easy_setopt(e, CURLOPT_NOPROXY,
                           peer->proxy ? "" : "*"); /* nothing is taken from the environment */
    (void)curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    if (peer->ca_file) {
        (void)curl_easy_setopt(e, CURLOPT_CAINFO, peer->ca_file);
        (void)curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    }
    if (peer->cert_file) {
        (void)curl_easy_setopt(e, CURLOPT_SSLCERT, peer->cert_file);
        (void)curl_easy_setopt(e, CURLOPT_SSLKEY, peer->key_file ? peer->key_file : peer->cert_file);
    }
    return e;
}

/* ---- headers --------------------------------------------------------------------------------- */

static int append(struct curl_slist **list, const char *line)
{
    struct curl_slist *more = curl_slist_append(*list, line);

    if (!more)
        return -ENOMEM;
    *list = more;
    return 0;
}

static int append_lines(struct curl_slist **list, const char *lines, bool *ret_has_type)
{
    CLEANUP(buf_fini) struct buf line = BUF_INIT(HEADER_BYTES_MAX);
    int r = 0;

    for (const char *end; r == 0 && *lines; lines = *end ? end + 1 : end) {
        end = strchrnul(lines, '\n');
        *ret_has_type = *ret_has_type || strncasecmp(lines, "content-type:", 13) == 0;
        buf_reset(&line);
        r = buf_add(&line, lines, (size_t)(end - lines));
        if (r == 0)
            r = append(list, buf_str(&line));
    }
    return r;
}

static int make_headers(const struct http_request *req, struct curl_slist **ret)
{
    struct curl_slist *list = NULL;
    bool has_type = false;
    int r = req->headers ? append_lines(&list, req->headers, &has_type) : 0;

    if (r == 0 && !has_type && req->body.p)
        r = append(&list, "Content-Type: application/json");
    if (r == 0)
        r = append(&list, "Expect:"); /* no waiting for a "100 Continue" that small servers never send */
    if (r != 0) {
        curl_slist_free_all(list);
        return r;
    }
    *ret = list;
    return 0;
}

/* ---- the request ----------------------------------------------------------------------------- */

static int set_target(CURL *e, const struct http_request *req)
{
    bool small = req->answer_bytes_max > 0 && req->answer_bytes_max <= SMALL_ANSWER;
    bool http2 = req->http2 && strncasecmp(req->url, "https:", 6) == 0;

    (void)curl_easy_setopt(
        e, CURLOPT_CONNECTTIMEOUT_MS,
        (long)(req->connect_timeout_ms ? req->connect_timeout_ms : HTTP_CONNECT_TIMEOUT_MS));
    (void)curl_easy_setopt(e, CURLOPT_TIMEOUT_MS,
                           (long)(req->timeout_ms ? req->timeout_ms : HTTP_CALL_TIMEOUT_MS));
    (void)curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
                           (long)(http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
    (void)curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)(small ? BUFFER_BYTES_MIN : CURL_MAX_WRITE_SIZE));
    (void)curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, (long)req->once);
    (void)curl_easy_setopt(e, CURLOPT_FORBID_REUSE, (long)req->once);
    if (curl_easy_setopt(e, CURLOPT_URL, req->url) != CURLE_OK ||
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, req->method) != CURLE_OK ||
        curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, req->unix_socket) != CURLE_OK)
        return -ENOMEM;
    return 0;
}

static void set_body(CURL *e, const struct http_request *req, struct str body)
{
    if (!req->body.p && strcmp(req->method, "POST") != 0) {
        (void)curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
        return;
    }
    (void)curl_easy_setopt(e, CURLOPT_POSTFIELDS, body.p);
    (void)curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
}

int http_easy_set(CURL *easy, const struct http_request *req, struct str body,
                  struct curl_slist **ret_headers)
{
    int r = strpbrk(req->url, "\r\n") || (req->headers && strchr(req->headers, '\r')) ? -EINVAL : 0;

    if (r == 0)
        r = set_target(easy, req);
    if (r == 0)
        r = make_headers(req, ret_headers);
    if (r != 0)
        return r;
    set_body(easy, req, body);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *ret_headers);
    return 0;
}
