/*
 * Other bridges of the same stack, with sessions of the same ids. The checks hold for the bridge in the middle, whatever its
 * neighbours do: one hangs, one works, one answers garbage, one has forty sessions that change with every look. Of the one
 * that works R1 and R2 are checked, too, and that its sessions are back at the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/rng.h"
#include "tests/sim/sim.h"

#define NEIGHBOURS_MAX 4
#define SESSIONS_MAX   40
#define WORKING_N      3
#define LOGIN_MS       3000
#define DROP_EVERY_MS  ((int64_t)2 * 60 * 1000)

enum neighbour_kind { NEIGHBOUR_HANGS, NEIGHBOUR_WORKS, NEIGHBOUR_GARBAGE, NEIGHBOUR_FLOODS };

struct neighbour {
    struct net_host host;
    char name[8], prefix[32];
    enum neighbour_kind kind;
    bool connected[SESSIONS_MAX];
    int64_t sent_t[SESSIONS_MAX]; /* R2: its newest reconnect request left then, 0: never */
    int64_t looks, drops;
};

static struct neighbour neighbours[NEIGHBOURS_MAX];
static int n_neighbours;
static struct rng rng; /* of its own: the bridge in the middle has the fate of its seed */

static struct neighbour *neighbour_of(struct net_host *h)
{
    return h->ctx;
}

static void say(struct net_request *r, int status, const char *body)
{
    const struct net_answer a = {
        .status = status, .content_type = "application/json", .body = str_from(body), .retry_after_s = -1
    };

    net_answer(r, 1 + (int64_t)rng_below(&rng, 200), &a);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void answer_list(struct neighbour *b, struct net_request *r)
{
    int n = b->kind == NEIGHBOUR_FLOODS ? SESSIONS_MAX : WORKING_N;
    struct buf body = BUF_INIT(64 * 1024);

    b->looks++;
    (void)buf_adds(&body, "{\"sessions\":[");
    for (int i = 0; i < n; i++) {
        bool connected = b->kind == NEIGHBOUR_FLOODS ? (b->looks + i) % 2 == 0 : b->connected[i];

        (void)buf_addf(&body, "%s{\"id\":\"s%d\",\"status\":\"%s\"}", i ? "," : "", i,
                       connected ? "connected" : "disconnected");
    }
    (void)buf_adds(&body, "]}");
    say(r, 200, buf_str(&body));
    buf_fini(&body);
}

static void answer_status(struct neighbour *b, struct net_request *r, int session)
{
    char body[80];

    (void)snprintf(body, sizeof body, "{\"id\":\"s%d\",\"status\":\"%s\"}", session,
                   b->connected[session] ? "connected" : "disconnected");
    say(r, 200, body);
}

static void on_logged_in(void *ctx, int64_t session)
{
    struct neighbour *b = ctx;

    b->connected[session] = true;
}

static void answer_reconnect(struct neighbour *b, struct net_request *r, int session)
{
    int64_t last_t = b->sent_t[session];

    world_log("%s of %s is reconnected", strchr(r->url + 7, 's'), b->name);
    if (last_t > 0 && r->sent_t - last_t < sim.policy.interval_ms - 1)
        world_fail("R2: s%d of bridge %s is attempted again after %.1f s", session, b->name,
                   (double)(r->sent_t - last_t) / 1000);
    if (r->times > 1)
        world_fail("R1: a request for s%d of bridge %s is sent again by itself", session, b->name);
    b->sent_t[session] = r->sent_t;
    if (!b->connected[session])
        world_at(world_now() + LOGIN_MS, on_logged_in, b, session);
    say(r, 200, "{\"success\":true}");
}

static void on_request(struct net_host *h, struct net_request *r)
{
    struct neighbour *b = neighbour_of(h);
    const char *path = r->url + strlen(b->prefix);
    int session = strncmp(path, "/sessions/s", 11) == 0 ? (int)strtol(path + 11, NULL, 10) : -1;

    if (b->kind == NEIGHBOUR_HANGS)
        return;
    if (b->kind == NEIGHBOUR_GARBAGE)
        say(r, 200, b->looks++ % 2 ? "<html>504</html>" : "{\"sessions\":[{\"id\":");
    else if (strcmp(path, "/health") == 0)
        say(r, 200, "{\"status\":\"ok\"}");
    else if (strcmp(path, "/sessions") == 0)
        answer_list(b, r);
    else if (session >= 0 && session < WORKING_N && strcmp(r->method, "POST") == 0)
        answer_reconnect(b, r, session);
    else if (session >= 0 && session < WORKING_N)
        answer_status(b, r, session);
    else
        say(r, 404, "{\"error\":\"not_found\",\"message\":\"no such route\"}");
}

static enum net_connect connect_to(struct net_host *h, int64_t *ret_after_ms)
{
    *ret_after_ms = (int64_t)rng_below(&rng, 20);
    return NET_CONNECTS;
}

/* ---- drops ----------------------------------------------------------------------------------- */

static void drop(void *ctx, int64_t a)
{
    struct neighbour *b = ctx;

    if (world_now() >= sim.calm_at)
        return;
    b->connected[b->drops++ % WORKING_N] = false;
    if (b->drops == 2 * WORKING_N) /* more would be flapping, and they are left alone for it */
        return;
    world_at(world_now() + DROP_EVERY_MS / 2 + (int64_t)rng_below(&rng, (uint64_t)DROP_EVERY_MS), drop, b, 0);
}

/* ---- opening --------------------------------------------------------------------------------- */

int neighbours_n(void)
{
    return n_neighbours;
}

static void open_one(struct neighbour *b, int i)
{
    b->kind = (enum neighbour_kind)i;
    (void)snprintf(b->name, sizeof b->name, "b%d", i + 1);
    (void)snprintf(b->prefix, sizeof b->prefix, "http://%s.sim", b->name);
    b->host =
        (struct net_host){ .prefix = b->prefix, .connect = connect_to, .on_request = on_request, .ctx = b };
    for (int s = 0; s < WORKING_N; s++)
        b->connected[s] = true;
    net_add(&b->host);
    if (b->kind == NEIGHBOUR_WORKS)
        world_at(world_now() + DROP_EVERY_MS, drop, b, 0);
}

void neighbours_open(void)
{
    char path[160];
    FILE *f;

    rng_init(&rng, sim.options.seed ^ 0x6e65696768ULL);
    n_neighbours =
        (int)(sim.options.seed % 10); /* more than half of the seeds have a bridge alone: it costs less */
    if (n_neighbours > NEIGHBOURS_MAX)
        n_neighbours = 0;
    if (n_neighbours == 0)
        return;
    (void)snprintf(path, sizeof path, "%s/bridges.conf", sim.dir);
    f = fopen(path, "w");
    if (!f)
        abort();
    (void)fprintf(f, "[bridge %s]\ntype = contract\nurl = http://bridge.sim\nwebhook_token = token\n",
                  SIM_BRIDGE);
    for (int i = 0; i < n_neighbours; i++) {
        open_one(&neighbours[i], i);
        (void)fprintf(f, "[bridge %s]\ntype = contract\nurl = %s\nwebhook_token = token-%d\n",
                      neighbours[i].name, neighbours[i].prefix, i);
    }
    if (fclose(f) != 0)
        abort();
}

/* An attempt takes 20 s, and after a failed one the interval passes; the monitor may have been away until the calm. */
void neighbours_check_end(void)
{
    for (int i = 0; i < n_neighbours; i++) {
        for (int s = 0; neighbours[i].kind == NEIGHBOUR_WORKS && s < WORKING_N; s++) {
            if (!neighbours[i].connected[s])
                world_fail("R5: s%d of bridge %s is down at the end", s, neighbours[i].name);
        }
    }
}
