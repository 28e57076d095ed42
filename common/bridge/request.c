/*
 * Requests as texts: URL, headers, body. The id goes into the path percent-encoded.
 */
#include "common/bridge/request.h"

#include <errno.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/mem.h"

void bridge_request_fini(struct bridge_request *r)
{
    buf_fini(&r->url);
    buf_fini(&r->headers);
    buf_fini(&r->body);
    r->method = NULL;
}

/* All but letters, digits and - _ . ~ (RFC 3986, unreserved). */
static void put_encoded(const char *id, struct buf *out)
{
    for (; *id; id++) {
        unsigned char c = (unsigned char)*id;
        bool plain =
            (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("-_.~", c);

        if (plain)
            (void)buf_add(out, id, 1);
        else
            (void)buf_addf(out, "%%%02X", c);
    }
}

/* "http://host/base/" and "/sessions/%s/status" -> one URL. */
static int put_url(const struct bridge_target *t, const char *path, const char *id, struct buf *out)
{
    const char *base = t->base_url ? t->base_url : "";
    size_t n = strlen(base);

    while (n > 0 && base[n - 1] == '/')
        n--;
    (void)buf_add(out, base, n);
    for (; *path; path++) {
        if (path[0] != '%' || (path[1] != 's' && path[1] != 'k')) {
            (void)buf_add(out, path, 1);
            continue;
        }
        path++;
        put_encoded(*path == 's' ? (id ? id : "") : t->api_key ? t->api_key : "", out);
    }
    return buf_error(out);
}

static bool is_given(const char *text)
{
    return text && *text;
}

static void put_basic(const char *basic, struct buf *out)
{
    char made[4 * ((BRIDGE_BASIC_MAX + 2) / 3) + 1];

    base64_encode(basic, strlen(basic), made);
    (void)buf_addf(out, "Authorization: Basic %s\n", made);
    explicit_bzero(made, sizeof made);
}

static int put_headers(const struct bridge_target *t, const char *key_header, const char *key, bool body,
                       struct buf *out)
{
    if ((key && strpbrk(key, "\r\n")) || (is_given(t->basic) && strlen(t->basic) > BRIDGE_BASIC_MAX))
        return -EINVAL;
    (void)buf_adds(out, "Accept: application/json\n");
    if (is_given(t->basic))
        put_basic(t->basic, out);
    if (is_given(key) && is_given(t->key_header))
        (void)buf_addf(out, "%s: %s\n", t->key_header, key);
    else if (is_given(key))
        (void)buf_addf(out, "%s%s\n", key_header, key);
    if (body)
        (void)buf_adds(out, "Content-Type: application/json\n");
    return buf_error(out);
}

int request_build_json(const char *key_header, const char *key, const struct bridge_target *t,
                       const char *method, const char *path, const char *id, struct buf *body,
                       struct bridge_request *ret)
{
    CLEANUP(bridge_request_fini)
    struct bridge_request req = { .method = method,
                                  .url = BUF_INIT(REQUEST_URL_MAX),
                                  .headers = BUF_INIT(REQUEST_HEAD_MAX) };
    int r = buf_error(body);

    req.body = *body;
    *body = BUF_NULL;
    if (r)
        return r;
    if (id && !session_id_is_valid(str_from(id)))
        return -EINVAL;
    r = put_url(t, path, id, &req.url);
    if (r == 0)
        r = put_headers(t, key_header, key, req.body.len > 0, &req.headers);
    if (r)
        return r;
    *ret = req;
    req = BRIDGE_REQUEST_NULL;
    return 0;
}

int request_build(const char *key_header, const char *key, const struct bridge_target *t, const char *method,
                  const char *path, const char *id, struct bridge_request *ret)
{
    struct buf none = BUF_NULL;

    return request_build_json(key_header, key, t, method, path, id, &none, ret);
}
