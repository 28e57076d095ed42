/* A handler's questions about its request, and the JSON error that it answers with. */
#include "common/io/http_req.h"

#include <netdb.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"

struct str http_req_method(const struct http_req *r)
{
    return r->head.method;
}

struct str http_req_path(const struct http_req *r)
{
    return r->head.path;
}

struct str http_req_query(const struct http_req *r)
{
    return r->head.query;
}

struct str http_req_host(const struct http_req *r)
{
    return r->head.host;
}

struct str http_req_header(const struct http_req *r, const char *name)
{
    return http_head_field(&r->head, name);
}

bool http_req_field(const struct http_req *r, int i, struct str *ret_name, struct str *ret_value)
{
    const struct http_field *f = &r->head.fields[i];

    if (i >= r->head.n_fields)
        return false;
    *ret_name = (struct str){ r->header.bytes + f->name, f->name_n };
    *ret_value = (struct str){ r->header.bytes + f->value, f->value_n };
    return true;
}

struct str http_req_body(const struct http_req *r)
{
    return (struct str){ r->body.len ? r->body.bytes : "", r->body.len };
}

bool http_req_has_body(const struct http_req *r)
{
    return r->head.chunked || r->head.length > 0;
}

int64_t http_req_body_bytes(const struct http_req *r)
{
    return r->head.method.p && r->head.length > 0 ? r->head.length : (int64_t)r->body.len + r->body.dropped;
}

bool http_req_is_part(const struct http_req *r)
{
    return r->part;
}

char *http_req_take_body(struct http_req *r, size_t *ret_len)
{
    return http_body_take(&r->body, ret_len);
}

struct str http_req_peer(const struct http_req *r)
{
    struct http_req *writable = (struct http_req *)r;
    struct sockaddr_storage a;
    char host[48], service[8];

    if (r->peer_text[0] == '\0') {
        wire_address(r->wire, &a);
        if (getnameinfo((struct sockaddr *)&a, sizeof a, host, sizeof host, service, sizeof service,
                        NI_NUMERICHOST | NI_NUMERICSERV) != 0)
            return STR_LIT("?");
        (void)snprintf(writable->peer_text, sizeof writable->peer_text, "%s:%s", host, service);
    }
    return str_from(r->peer_text);
}

void http_req_set_user(struct http_req *r, void *user)
{
    r->user = user;
}

void *http_req_user(const struct http_req *r)
{
    return r->user;
}

void http_respond_error(struct http_req *r, int status, const char *error, const char *detail,
                        const char *extra_headers)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&body);

    json_open(&j, NULL, '{');
    json_texts(&j, "error", error);
    json_texts(&j, "detail", detail);
    json_close(&j, '}');
    http_respond(r, status, "application/json", (struct str){ buf_str(&body), body.len }, extra_headers);
}
