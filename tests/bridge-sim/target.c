/* A receiver of webhooks: its URL taken apart, its address, its connections. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/url.h"
#include "common/io/loop_uv.h"
#include "tests/bridge-sim/conn.h"
#include "tests/bridge-sim/dialect.h"

/* Of a request's head, with an URL of any sensible length. */
#define HEAD_MAX 4096

/* ---- the address ----------------------------------------------------------------------------- */

static void on_found(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
    struct target *t = container_of(req, struct target, lookup);

    t->looking = false;
    if (status == 0) {
        memcpy(&t->addr, found->ai_addr, found->ai_addrlen);
        t->known = true;
        uv_freeaddrinfo(found);
        target_pump(t);
    } else {
        target_give_up(t);
    }
}

void target_look_up(struct target *t)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };

    if (t->looking)
        return;
    t->looking = true;
    if (uv_getaddrinfo(loop_uv(app_loop(t->sim->app)), &t->lookup, on_found, t->host, t->port, &hints) == 0)
        return;
    t->looking = false;
    target_give_up(t);
}

void target_unreachable(struct target *t)
{
    t->known = t->numeric;
}

/* ---- the URL --------------------------------------------------------------------------------- */

/* As axios does: user and password of the URL become Basic; a token becomes Bearer (contract only). */
static void put_authorization(const struct target *t, const struct url *u, struct buf *out)
{
    const struct sim_settings *o = &t->sim->settings;
    char plain[512], encoded[700];
    int n;

    if (u->user.p) {
        n = snprintf(plain, sizeof plain, "%.*s:%.*s", (int)u->user.n, u->user.p, (int)u->password.n,
                     u->password.p ? u->password.p : "");
        base64_encode(plain, (size_t)n < sizeof plain ? (size_t)n : sizeof plain - 1, encoded);
        (void)buf_addf(out, "Authorization: Basic %s\r\n", encoded);
    } else if (o->webhook_token[0] && t->sim->dialect == &dialect_contract) {
        (void)buf_addf(out, "Authorization: Bearer %s\r\n", o->webhook_token);
    }
}

/* A request's head around the event and the length, in the recorded order. */
static int make_head(struct target *t, const struct url *u)
{
    CLEANUP(buf_fini) struct buf head = BUF_INIT(HEAD_MAX);
    CLEANUP(buf_fini) struct buf tail = BUF_INIT(HEAD_MAX);
    size_t n;

    (void)buf_addf(&head,
                   "POST %.*s%s%.*s HTTP/1.1\r\nAccept: application/json, text/plain, */*\r\n"
                   "Content-Type: application/json\r\nX-Webhook-Event: ",
                   u->path.p ? (int)u->path.n : 1, u->path.p ? u->path.p : "/", u->query.p ? "?" : "",
                   (int)u->query.n, u->query.p ? u->query.p : "");
    (void)buf_addf(&tail, "\r\nAccept-Encoding: gzip, compress, deflate, br\r\nHost: %.*s:%s\r\n",
                   (int)u->host.n, u->host.p, t->port);
    put_authorization(t, u, &tail);
    (void)buf_adds(&tail, "Connection: keep-alive\r\n\r\n");
    if (buf_error(&head) != 0 || buf_error(&tail) != 0)
        return -EINVAL;
    t->head = buf_take(&head, &n);
    t->line_n = (size_t)(strstr(t->head, "\r\n") + 2 - t->head);
    t->tail = buf_take(&tail, &n);
    return 0;
}

static int read_url(struct target *t)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
    struct addrinfo *found;
    struct url u;
    int r = url_parse(t->url, &u);

    if (r != 0)
        return r;
    str_copy(u.host, t->host, sizeof t->host);
    (void)snprintf(t->port, sizeof t->port, "%u", u.port ? u.port : 80);
    if (getaddrinfo(t->host, t->port, &hints, &found) == 0) { /* an address: asks nobody */
        memcpy(&t->addr, found->ai_addr, found->ai_addrlen);
        t->numeric = t->known = true;
        freeaddrinfo(found);
    }
    return make_head(t, &u);
}

void target_free(struct target *t)
{
    mem_free(t->url);
    mem_free(t->head);
    mem_free(t->tail);
    mem_free(t->conns);
    mem_free(t);
}

static int open_conns(struct target *t)
{
    t->n_conns = (int)t->sim->settings.connections;
    t->conns = mem_zalloc(sizeof *t->conns * (size_t)t->n_conns);
    if (!t->conns)
        return -ENOMEM;
    for (int i = 0; i < t->n_conns; i++)
        conn_init(&t->conns[i], t);
    return 0;
}

int target_new(struct sim *s, struct sender *x, const char *url, struct target **ret)
{
    struct target *t = mem_zalloc(sizeof *t);
    int r;

    if (!t)
        return -ENOMEM;
    t->sender = x;
    t->sim = s;
    list_init(&t->ready);
    list_init(&t->idle);
    for (int i = 0; i < RETRY_STEPS; i++)
        list_init(&t->waiting[i]);
    t->url = mem_strdup(url);
    r = t->url ? read_url(t) : -ENOMEM;
    if (r == 0)
        r = open_conns(t);
    if (r != 0) {
        target_free(t);
        return r;
    }
    *ret = t;
    return 0;
}
