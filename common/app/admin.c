#include "common/app/admin.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/base/url.h"
#include "common/io/http_host.h"

/* All metrics of a service are some 10 KiB. */
#define ADMIN_BODY_MAX (256 * 1024)
/* An admin port is for a scraper and a person: few connections, small bodies. */
static const struct http_limits admin_limits = {
    .header_bytes_max = 8 * 1024,
    .body_bytes_max = 0,
    .header_ms = 10 * 1000,
    .body_ms = 10 * 1000,
    .idle_ms = 75 * 1000,
    .connections_max = 32,
};

struct admin {
    const char *service;
    int64_t started_s;
    const char *host_names;
    char own_name[256];
    struct http_server *server;
    struct app_check checks[ADMIN_CHECKS_MAX];
    int n_checks;
};

/* Appends the checks; returns false when one that counts is not fine. */
static bool print_checks(const struct admin *a, struct json_out *j)
{
    bool ready = true;

    json_open(j, "checks", '{');
    for (int i = 0; i < a->n_checks; i++) {
        const struct app_check *c = &a->checks[i];
        char why[256] = "";
        int r = c->check(c->ctx, why, sizeof why);

        json_texts(j, c->name, r == 0 ? "ok" : why);
        ready = ready && (r == 0 || !c->ready);
    }
    json_close(j, '}');
    return ready;
}

static void serve_status(struct admin *a, struct http_req *r, bool for_ready)
{
    CLEANUP(buf_fini) struct buf checks = BUF_INIT(ADMIN_BODY_MAX);
    CLEANUP(buf_fini) struct buf body = BUF_INIT(ADMIN_BODY_MAX);
    struct json_out j = JSON_OUT(&checks);
    bool ready = print_checks(a, &j);
    bool fine = ready || !for_ready;

    buf_addf(&body, "{\"status\":\"%s\",\"service\":\"%s\",%s}\n",
             ready ? "ok" : (for_ready ? "not ready" : "waiting"), a->service, buf_str(&checks));
    http_respond(r, fine ? 200 : 503, "application/json", (struct str){ buf_str(&body), body.len }, NULL);
}

static void serve_metrics(struct admin *a, struct http_req *r)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(ADMIN_BODY_MAX);

    metrics_print(a->service, a->started_s, &body);
    http_respond(r, 200, "text/plain; version=0.0.4; charset=utf-8", (struct str){ buf_str(&body), body.len },
                 NULL);
}

bool admin_serve(struct admin *a, struct http_req *r)
{
    struct str path = http_req_path(r);
    bool health = str_eq(path, "/health");
    bool ready = str_eq(path, "/ready");
    struct str method = http_req_method(r);

    if (!health && !ready && !str_eq(path, "/metrics"))
        return false;
    if (!str_eq(method, "GET") && !str_eq(method, "HEAD"))
        http_respond_error(r, 405, "method_not_allowed", "this path takes GET only", "Allow: GET, HEAD\n");
    else if (health || ready)
        serve_status(a, r, ready);
    else
        serve_metrics(a, r);
    return true;
}

bool admin_is_own_host(const struct admin *a, struct str host)
{
    return http_host_is_ours(host, a->own_name, a->host_names);
}

static enum http_begin on_begin(void *ctx, struct http_req *r)
{
    if (admin_is_own_host(ctx, http_req_host(r)))
        return HTTP_BEGIN_READ;
    http_respond_error(r, 421, "host_not_known",
                       "ask by address, localhost or the machine's name, or put this name into "
                       "ZAPKEEP_HOST_NAMES",
                       NULL);
    return HTTP_BEGIN_ANSWERED;
}

static void on_request(void *ctx, struct http_req *r)
{
    if (!admin_serve(ctx, r))
        http_respond_error(r, 404, "not_found", "here are /health, /ready and /metrics", NULL);
}

int admin_new(const char *service, const char *host_names, struct admin **ret)
{
    struct admin *a = mem_zalloc(sizeof *a);

    if (!a)
        return -ENOMEM;
    a->service = service;
    a->started_s = (int64_t)time(NULL);
    a->host_names = host_names;
    if (gethostname(a->own_name, sizeof a->own_name - 1) != 0)
        a->own_name[0] = '\0';
    *ret = a;
    return 0;
}

int admin_listen(struct admin *a, struct loop *l, const char *listen, bool any_port)
{
    static const struct http_handlers handlers = { .on_begin = on_begin, .on_request = on_request };
    char host[64];
    uint16_t port;
    int r;

    if (strcmp(listen, "off") == 0)
        return 0;
    r = url_parse_listen(listen, host, sizeof host, &port);
    if (r == 0)
        r = http_server_open(l, host, port, -1, &admin_limits, &handlers, a, &a->server);
    if (r == -EADDRINUSE && any_port)
        r = http_server_open(l, host, 0, -1, &admin_limits, &handlers, a, &a->server);
    return r;
}

uint16_t admin_port(const struct admin *a)
{
    return a->server ? http_server_port(a->server) : 0;
}

void admin_check_add(struct admin *a, const struct app_check *check)
{
    if (a->n_checks < ADMIN_CHECKS_MAX)
        a->checks[a->n_checks++] = *check;
}

void admin_free(struct admin *a)
{
    if (!a)
        return;
    http_server_close(a->server);
    mem_free(a);
}
