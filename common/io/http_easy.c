#include "common/io/http_easy.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"

/* curl makes a buffer for each answer; one of its least size costs next to nothing, and small answers fit. */
#define SMALL_ANSWER     ((int64_t)64 * 1024)
#define BUFFER_BYTES_MIN 1024

CURL *http_easy_new(const struct http_client_peer *peer)
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

static size_t count_lines(const char *lines)
{
    size_t n = *lines ? 1 : 0;

    for (const char *p = lines; (p = strchr(p, '\n')); p++)
        n += p[1] != '\0';
    return n;
}

/* The list and its texts are one piece of memory: made by curl_slist_append() the headers take 8,000 more instructions of a delivery
 * (callgrind). */
static int make_headers(const struct http_request *req, struct curl_slist **ret)
{
    static char json[] = "Content-Type: application/json";
    static char no_expect[] = "Expect:"; /* no waiting for a "100 Continue" that small servers never send */
    const char *lines = req->headers ? req->headers : "";
    size_t n = count_lines(lines), bytes = strlen(lines) + 1;
    struct curl_slist *list = mem_zalloc((n + 2) * sizeof *list + bytes);
    bool has_type = false;
    char *text, *next;

    if (!list)
        return -ENOMEM;
    text = memcpy(list + n + 2, lines, bytes);
    for (size_t i = 0; i < n; i++, text = next) {
        next = strchrnul(text, '\n');
        if (*next)
            *next++ = '\0';
        list[i].data = text;
        has_type = has_type || strncasecmp(text, "content-type:", 13) == 0;
    }
    if (!has_type && req->body.p)
        list[n++].data = json;
    list[n++].data = no_expect;
    for (size_t i = 0; i + 1 < n; i++)
        list[i].next = &list[i + 1];
    *ret = list;
    return 0;
}

/* ---- the request ----------------------------------------------------------------------------- */

static int set_target(CURL *e, const struct http_request *req, CURLU *url)
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
    /* Of a parsed URL alone curl makes the text again. */
    (void)curl_easy_setopt(e, CURLOPT_CURLU, url);
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

int http_easy_set(CURL *easy, const struct http_request *req, CURLU *url, struct str body,
                  struct curl_slist **ret_headers)
{
    int r = strpbrk(req->url, "\r\n") || (req->headers && strchr(req->headers, '\r')) ? -EINVAL : 0;

    if (r == 0)
        r = set_target(easy, req, url);
    if (r == 0)
        r = make_headers(req, ret_headers);
    if (r != 0)
        return r;
    set_body(easy, req, body);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *ret_headers);
    return 0;
}
