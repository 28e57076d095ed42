#include "services/monitor/bridge_call.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"

int bridge_call_send(struct http_client *client, int built, struct bridge_request *req, int64_t timeout_ms,
                     bridge_call_fn done, void *ctx)
{
    CLEANUP(bridge_request_fini) struct bridge_request r = *req;
    const struct http_request http = { .method = r.method,
                                       .url = buf_str(&r.url),
                                       .headers = buf_str(&r.headers),
                                       .body = { r.body.data, r.body.len },
                                       .timeout_ms = timeout_ms };

    return built == 0 ? http_call(client, &http, done, ctx, NULL) : built;
}

struct bridge_answer bridge_call_answer(const struct http_answer *a)
{
    return (struct bridge_answer){ .status = a->status, .content_type = a->content_type, .body = a->body };
}

/* The title of a page, or its first text: the message of a maintenance page or a proxy for people. */
static struct str page_title(struct str body)
{
    const char *from = memmem(body.p, body.n, "<title>", strlen("<title>"));
    const char *end;

    if (!from)
        return STR_NULL;
    from += strlen("<title>");
    end = memchr(from, '<', (size_t)(body.p + body.n - from));
    return (struct str){ from, end ? (size_t)(end - from) : 0 };
}

static bool is_page(const struct http_answer *a)
{
    return a->body.n > 0 && (a->body.p[0] == '<' ||
                             (a->content_type.n >= 9 && strncasecmp(a->content_type.p, "text/html", 9) == 0));
}

/* Printable ASCII and UTF-8, on one line. */
static void put_clean(char *out, size_t n, struct str text)
{
    size_t len = 0;

    for (size_t i = 0; i < text.n && len + 1 < n; i++)
        out[len++] = (unsigned char)text.p[i] < ' ' || text.p[i] == 127 ? ' ' : text.p[i];
    out[len] = '\0';
}

static void describe(const struct http_answer *a, int kind, char ret[BRIDGE_CALL_DETAIL_MAX])
{
    char title[BRIDGE_CALL_DETAIL_MAX / 2];

    if (a->error == HTTP_E_TOO_BIG)
        (void)snprintf(ret, BRIDGE_CALL_DETAIL_MAX, "its answer is too big");
    else if (a->error != HTTP_OK)
        (void)snprintf(ret, BRIDGE_CALL_DETAIL_MAX, "%s",
                       a->detail[0] ? a->detail : http_error_text(a->error));
    else if (kind > 0 && kind != BRIDGE_UNAUTHORIZED && is_page(a)) {
        put_clean(title, sizeof title, page_title(a->body));
        (void)snprintf(ret, BRIDGE_CALL_DETAIL_MAX, "it answers with an HTML page: '%s'", title);
    } else if (kind > 0) {
        (void)snprintf(ret, BRIDGE_CALL_DETAIL_MAX, "%s", bridge_answer_text(kind));
    }
}

struct bridge_call bridge_call_result(const struct http_answer *a, int kind)
{
    struct bridge_call c = { .kind = kind, .http_status = a->status, .took_ms = a->took_ms };

    describe(a, kind, c.detail);
    return c;
}
