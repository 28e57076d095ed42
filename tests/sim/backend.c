/*
 * The backend that the forwarder delivers to, and F1: each event of the log is delivered at least once, in the order
 * of its session, or is a dead letter; a repeated event was in flight when something died, and has the same
 * webhook-id.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/store/forward.h"
#include "common/store/store.h"
#include "tests/sim/sim.h"

/* Deliveries at once: FORWARD_CONCURRENCY's default. */
#define CONCURRENCY 8
#define SEQ_MAX     (1 << 20)

static const char prefix[] = "http://backend.sim";

enum backend_mode {
    BACKEND_FINE,
    BACKEND_SLOW,     /* answers after up to 20 s; the forwarder waits 15 */
    BACKEND_FAILING,  /* 500 */
    BACKEND_BUSY,     /* 429, Retry-After: 10 */
    BACKEND_REFUSING, /* the connection is refused */
    BACKEND_HANGING,  /* never answers */
    BACKEND_DEAF,     /* no connection comes about */
    BACKEND_BREAKING, /* takes the event, and the connection breaks before the answer */
    BACKEND_POISONED, /* 400 to each seventh event, 500 to each eleventh */
    BACKEND_MODE_N
};

/* One event, as the backend has seen it; by seq. */
static struct delivery {
    int taken;      /* answered 2xx */
    int64_t number; /* of the webhook */
} * deliveries;
static enum backend_mode mode;
static int64_t *last_taken; /* by session: the newest seq that was taken for the first time */
static int64_t n_repeated, n_excused;

void backend_set(int new_mode)
{
    mode = (enum backend_mode)new_mode;
}

int backend_modes(void)
{
    return BACKEND_MODE_N;
}

/* ---- deliveries ------------------------------------------------------------------------------ */

static struct str header_of(const struct net_request *r, const char *name)
{
    const char *line = strstr(r->headers, name);
    size_t n = strlen(name);

    return line ? (struct str){ line + n, strcspn(line + n, "\n") } : STR_NULL;
}

/* webhook-id: evt_<log>_<seq> */
static int64_t seq_of(const struct net_request *r)
{
    struct str id = header_of(r, "webhook-id: ");
    char text[64] = "";
    const char *last;

    str_copy(id, text, sizeof text);
    last = strrchr(text, '_');
    return last ? strtoll(last + 1, NULL, 10) : 0;
}

static void check_order(int session, int64_t seq)
{
    if (seq < last_taken[session])
        world_fail("F1: seq %lld of s%d is taken after seq %lld", (long long)seq, session,
                   (long long)last_taken[session]);
    last_taken[session] = seq;
}

static void take(const struct net_request *r, int64_t seq)
{
    struct delivery *d = &deliveries[seq];
    int session = -1;
    int64_t number = sender_number(r->body, &session);

    if (number < 0) {
        world_fail("F1: a delivery is no webhook that was sent");
        return;
    }
    if (d->taken++ == 0) {
        d->number = number;
        check_order(session, seq);
        return;
    }
    n_repeated++;
    if (d->number != number)
        world_fail("F1: two webhooks were delivered as seq %lld", (long long)seq);
    if (n_repeated > n_excused)
        world_fail("F1: seq %lld is repeated, and nothing was in flight", (long long)seq);
}

void backend_excuse(int64_t n)
{
    n_excused += n;
}

/* The forwarder died, or its disk failed it: requests in flight may come again. */
void backend_forwarder_died(void)
{
    backend_excuse(CONCURRENCY + 1);
}

static void say(struct net_request *r, int64_t after_ms, int status, int64_t retry_after_s)
{
    const struct net_answer a = { .status = status,
                                  .content_type = "application/json",
                                  .body = STR_LIT("{}"),
                                  .retry_after_s = retry_after_s };

    net_answer(r, after_ms, &a);
}

static int status_of(int64_t seq)
{
    if (mode == BACKEND_FAILING)
        return 500;
    if (mode == BACKEND_BUSY)
        return 429;
    if (mode == BACKEND_POISONED && seq % 7 == 0)
        return 400;
    return mode == BACKEND_POISONED && seq % 11 == 0 ? 500 : 200;
}

static void on_request(struct net_host *h, struct net_request *r)
{
    int64_t seq = seq_of(r), after_ms = 1 + world_draw(mode == BACKEND_SLOW ? 20 * 1000 : 50);
    int status = status_of(seq);

    if (seq < 1 || seq >= SEQ_MAX) {
        world_fail("F1: a delivery has no webhook-id of ours");
        return;
    }
    if (mode == BACKEND_HANGING)
        return;
    if (r->times > 1 || mode == BACKEND_BREAKING || mode == BACKEND_SLOW)
        backend_excuse(1);
    if (status == 200)
        take(r, seq);
    say(r, after_ms, mode == BACKEND_BREAKING ? 0 : status, status == 429 ? 10 : -1);
}

static enum net_connect connect_to(struct net_host *h, int64_t *ret_after_ms)
{
    if (mode == BACKEND_REFUSING)
        return NET_REFUSES;
    if (mode == BACKEND_DEAF)
        return NET_HANGS;
    *ret_after_ms = world_draw(10);
    return NET_CONNECTS;
}

void backend_open(void)
{
    static struct net_host host = { .prefix = prefix, .connect = connect_to, .on_request = on_request };

    deliveries = calloc(SEQ_MAX, sizeof *deliveries);
    last_taken = calloc((size_t)sim.n_sessions, sizeof *last_taken);
    if (!deliveries || !last_taken)
        abort();
    net_add(&host);
}

/* ---- the end --------------------------------------------------------------------------------- */

static int on_dead(void *ctx, const struct forward_dead *row)
{
    bool *is_dead = ctx;

    if (row->event.seq > 0 && row->event.seq < SEQ_MAX)
        is_dead[row->event.seq] = true;
    return 0;
}

void backend_check_end(int64_t head)
{
    bool *is_dead = calloc(SEQ_MAX, sizeof *is_dead);
    struct db *db = NULL;

    if (!is_dead)
        abort();
    if (forward_open_reader(sim_where(), &db) == 0)
        sim_must(forward_dead_each(db, &(struct forward_dead_filter){ 0 }, 0, SEQ_MAX, on_dead, is_dead),
                 "forward_dead_each");
    for (int64_t seq = 1; seq <= head && !world_failed(); seq++)
        if (deliveries[seq].taken == 0 && !is_dead[seq])
            world_fail("F1: seq %lld was never delivered, and is no dead letter", (long long)seq);
    db_close(db);
    free(is_dead);
}
