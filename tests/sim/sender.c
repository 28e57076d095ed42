/*
 * The bridge's webhooks, as zapw sends them: each is tried again until it is answered 2xx, some get lost, some
 * overtake each other, some come twice. E1 and E2: an event that was answered 2xx is in the log, once, with the seq that was
 * answered; and nothing else is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/json_in.h"
#include "common/store/events.h"
#include "common/store/store.h"
#include "tests/sim/sim.h"

#define BODY_MAX 512
/* A message is tried for minutes; an event of a session for some seconds, so that no old one comes. */
#define TRIES_MAX       8
#define TRIES_EVENT_MAX 2
/* A timestamp of the bridge; its clock is right. */
#define BRIDGE_WALL(t) ((t)-WORLD_T0 + (int64_t)1795340484332)

struct webhook_sent {
    int64_t number; /* unique, in its body */
    int session;
    char body[BODY_MAX];
    int tries, tries_max;
    bool expected;  /* sent in the calm */
    bool connected; /* it tells that its session has connected */
    bool acknowledged;
    int64_t seq, found; /* answered; how often the log has it */
};

static struct webhook_sent **sent;
static int64_t n_sent, cap_sent;

static void try_now(void *ctx, int64_t a);

static int64_t seq_of(struct str body)
{
    static const struct json_path paths[] = { { 0, { "seq" } } };
    struct json_value v;
    int64_t seq = 0;

    if (json_in_find(body, paths, 1, &v) != 0 || json_in_i64(v, &seq) != 0)
        return 0;
    return seq;
}

static void on_accepted(struct webhook_sent *w, int64_t seq)
{
    struct sim_session *x = &sim.sessions[w->session];

    if (seq < 1)
        world_fail("E1: webhook %lld is answered 200 without a seq", (long long)w->number);
    if (w->acknowledged && w->seq != seq)
        world_fail("E2: webhook %lld is seq %lld, and seq %lld when it comes again", (long long)w->number,
                   (long long)w->seq, (long long)seq);
    w->acknowledged = true;
    w->seq = seq;
    if (w->connected && !x->removed) /* one that comes after the next removal may be taken for old */
        x->missing_t = 0;
}

static void on_done(void *ctx, int status, struct str body, const char *headers)
{
    struct webhook_sent *w = ctx;

    if (status == 200) {
        on_accepted(w, seq_of(body));
        return;
    }
    if (status >= 400 && status < 500)
        world_fail("E1: a good webhook is answered %d", status);
    if (w->tries < w->tries_max)
        world_at(world_now() + 1000 + world_draw(1000 << (w->tries < 5 ? w->tries : 5)), try_now, w, 0);
}

static void try_now(void *ctx, int64_t again)
{
    struct webhook_sent *w = ctx;

    w->tries++;
    net_send(SIM_INGEST_PORT, "POST", "/api/v1/messages/webhook",
             "Authorization: Bearer token\nContent-Type: application/json\n", str_from(w->body), on_done, w);
}

static struct webhook_sent *new_webhook(int session)
{
    struct webhook_sent *w = calloc(1, sizeof *w);

    if (n_sent == cap_sent) {
        cap_sent = cap_sent ? 2 * cap_sent : 256;
        sent = realloc(sent, (size_t)cap_sent * sizeof(struct webhook_sent *));
    }
    if (!w || !sent)
        abort();
    w->number = n_sent;
    w->session = session;
    w->tries_max = TRIES_MAX;
    sent[n_sent++] = w;
    return w;
}

static void send_expected(void *ctx, int64_t a)
{
    struct webhook_sent *w;

    sender_message(0);
    w = sent[n_sent - 1];
    w->expected = true;
}

void sender_expect(void)
{
    int64_t from =
        world_now() > sim.powered_at ? world_now() : sim.powered_at; /* the machine may be off still */

    for (int i = 0; i < 5; i++)
        world_at(from + 60 * 1000 + i * 7000, send_expected, NULL, 0);
}

static void send_off(struct webhook_sent *w)
{
    int64_t late = world_chance(50) ? world_draw(4000) : world_draw(200);

    world_at(world_now() + 1 + late, try_now, w, 0);
    if (world_chance(w->tries_max == TRIES_MAX ? 100 : 0)) /* the sender did not see the answer */
        world_at(world_now() + 1 + world_draw(10000), try_now, w, 1);
}

/* Somebody's clock, or somebody else's time zone. */
static int64_t foreign_ms(void)
{
    static const int64_t ahead[] = { 10 * 1000, 600 * 1000, (int64_t)365 * 86400 * 1000, -3600 * 1000 };

    return sim.options.world && world_chance(30) ? ahead[world_draw(4)] : 0;
}

void sender_event(int session, enum session_state state, int code)
{
    struct sim_session *x = &sim.sessions[session];
    bool connected = state == SESSION_CONNECTED;
    struct webhook_sent *w;

    if (world_chance(sim.hook_loss))
        return;
    w = new_webhook(session);
    w->connected = connected;
    w->tries_max = sim.options.world ? TRIES_MAX : TRIES_EVENT_MAX;
    x->shown = world_now();
    if (connected)
        x->reported = world_now();
    (void)snprintf(
        w->body, sizeof w->body,
        "{\"sessionId\":\"%s\",\"eventType\":\"session.%s\",\"timestamp\":%lld,\"data\":{\"number\":%lld,"
        "\"reason\":{\"statusCode\":%d}}}",
        x->id, connected ? "connected" : "disconnected", (long long)BRIDGE_WALL(world_now() + foreign_ms()),
        (long long)w->number, code);
    send_off(w);
}

void sender_message(int session)
{
    struct webhook_sent *w;

    if (sim.sessions[session].removed)
        return;
    w = new_webhook(session);
    (void)snprintf(
        w->body, sizeof w->body,
        "{\"sessionId\":\"%s\",\"eventType\":\"message.received\",\"timestamp\":%lld,\"data\":{\"number\":"
        "%lld,\"messageId\":\"M%lld\"}}",
        sim.sessions[session].id, (long long)BRIDGE_WALL(world_now()), (long long)w->number,
        (long long)w->number);
    send_off(w);
}

/* ---- E1, E2: the log, at the end ------------------------------------------------------------- */

static struct webhook_sent *find_sent(struct str body)
{
    static const struct json_path paths[] = { { 0, { "data", "number" } } };
    struct json_value v;
    int64_t number = -1;

    if (json_in_find(body, paths, 1, &v) != 0 || json_in_i64(v, &number) != 0 || number < 0 ||
        number >= n_sent)
        return NULL;
    return str_eq(body, sent[number]->body) ? sent[number] : NULL;
}

int64_t sender_number(struct str body, int *ret_session)
{
    const struct webhook_sent *w = find_sent(body);

    if (!w)
        return -1;
    *ret_session = w->session;
    return w->number;
}

static void check_event(const struct event *e, int64_t *last_seq)
{
    struct webhook_sent *w = find_sent(e->body);

    if (e->seq != *last_seq + 1)
        world_fail("E1: seq %lld follows %lld", (long long)e->seq, (long long)*last_seq);
    *last_seq = e->seq;
    if (!w) {
        world_fail("E1: seq %lld is no webhook that was sent", (long long)e->seq);
        return;
    }
    if (++w->found > 1)
        world_fail("E2: webhook %lld is in the log twice", (long long)w->number);
    if (w->acknowledged && w->seq != e->seq)
        world_fail("E1: webhook %lld was answered seq %lld and has seq %lld", (long long)w->number,
                   (long long)w->seq, (long long)e->seq);
}

void sender_check_end(void)
{
    struct event_rows rows = EVENT_ROWS_NULL;
    struct event_reader *r = NULL;
    int64_t last_seq = 0;

    if (event_reader_open(sim_where(), &r) != 0)
        return; /* nothing ever got there */
    do {
        sim_must(event_read(r, last_seq + 1, NULL, EVENT_READ_ROWS_MAX, &rows), "event_read");
        for (int i = 0; i < rows.n && !world_failed(); i++)
            check_event(&rows.rows[i], &last_seq);
    } while (rows.n > 0 && !world_failed());
    event_rows_fini(&rows);
    event_reader_close(r);
    for (int64_t i = 0; i < n_sent && !world_failed(); i++)
        if (sent[i]->expected && !sent[i]->acknowledged)
            world_fail("E1: webhook %lld was sent in the calm and is not taken", (long long)i);
    for (int64_t i = 0; i < n_sent && !world_failed(); i++)
        if (sent[i]->acknowledged && sent[i]->found != 1)
            world_fail("E1: webhook %lld was answered 200 and is not in the log", (long long)i);
    if (!world_failed())
        backend_check_end(last_seq);
}
