#include "common/io/http_reply.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/base/buf.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"

/* Room for the header beside the body; a longer one grows. */
#define HEADER_MAX (64 * 1024)

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *text;
    } known[] = {
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 303, "See Other" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 417, "Expectation Failed" },
        { 421, "Misdirected Request" },
        { 422, "Unprocessable Content" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (known[i].status == status)
            return known[i].text;
    }
    return "Other";
}

static const char *date_text(struct http_date *date)
{
    static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    time_t now = time(NULL);
    struct tm t;

    if (now == date->second || !gmtime_r(&now, &t))
        return date->text;
    date->second = now;
    (void)snprintf(date->text, sizeof date->text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday],
                   t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
    return date->text;
}

/* Writes the lines; notes those that say something about the framing. */
static void add_lines(struct buf *b, const char *lines, bool *io_close, bool *ret_has_length)
{
    while (lines && *lines) {
        size_t n = strcspn(lines, "\n");

        if (n >= 15 && strncasecmp(lines, "Content-Length:", 15) == 0)
            *ret_has_length = true;
        if (n == 17 && strncasecmp(lines, "Connection: close", 17) == 0) {
            *io_close = true; /* written once, at the end */
        } else if (n > 0) {
            (void)buf_add(b, lines, n);
            (void)buf_adds(b, "\r\n");
        }
        lines += n + (lines[n] == '\n');
    }
}

char *http_reply_bytes(const struct http_reply *r, struct http_date *date, size_t *ret_n, bool *io_close)
{
    CLEANUP(buf_fini) struct buf b = BUF_INIT(r->body.n + HEADER_MAX);
    bool has_length = false;

    *io_close = *io_close || r->close || r->until_close;
    (void)buf_adds(&b, "HTTP/1.1 ");
    (void)buf_addi(&b, r->status);
    (void)buf_adds(&b, " ");
    (void)buf_adds(&b, reason_of(r->status));
    (void)buf_adds(&b, "\r\nDate: ");
    (void)buf_adds(&b, date_text(date));
    (void)buf_adds(&b, "\r\n");
    if (r->content_type) {
        (void)buf_adds(&b, "Content-Type: ");
        (void)buf_adds(&b, r->content_type);
        (void)buf_adds(&b, "\r\n");
    }
    add_lines(&b, r->extra_headers, io_close, &has_length);
    if (!has_length && !r->until_close && r->status != 204 && r->status != 304) {
        (void)buf_adds(&b, "Content-Length: ");
        (void)buf_addi(&b, (int64_t)r->body.n);
        (void)buf_adds(&b, "\r\n");
    }
    (void)buf_adds(&b, *io_close ? "Connection: close\r\n\r\n" : "\r\n");
    if (!r->without_body)
        (void)buf_add(&b, r->body.p, r->body.n);
    return buf_error(&b) == 0 ? buf_take(&b, ret_n) : NULL;
}

char *http_reply_error(int status, const char *error, const char *detail, struct http_date *date,
                       size_t *ret_n)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&body);
    struct http_reply reply = { .status = status, .content_type = "application/json", .close = true };
    bool close = true;

    json_open(&j, NULL, '{');
    json_texts(&j, "error", error);
    json_texts(&j, "detail", detail);
    json_close(&j, '}');
    reply.body = (struct str){ buf_str(&body), body.len };
    return http_reply_bytes(&reply, date, ret_n, &close);
}

const char *http_reply_error_name(int status)
{
    switch (status) {
    case 413:
        return "too_large";
    case 414:
        return "target_too_long";
    case 417:
        return "expectation_failed";
    case 431:
        return "header_too_large";
    case 501:
        return "not_implemented";
    case 505:
        return "version_not_supported";
    default:
        return "bad_request";
    }
}
