/* common/io/bus.h: one hub, to which all publishers and subscribers of the world are connected while it is up. */
#include "common/io/bus.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/sim/io/bus_sim.h"
#include "tests/sim/io/loop_sim.h"

#define PREFIXES_MAX 16

int64_t bus_sim_loss_permille;
int64_t bus_sim_delay_max_ms = 20;
void (*bus_sim_tap)(struct str message);
static bool hub_is_down;

struct message {
    struct list link;
    size_t n;
    char text[];
};

struct bus_pub {
    struct list batch;
};

struct bus_sub {
    struct ready ready;
    struct list queue;
    char *prefix[PREFIXES_MAX];
    int n;
    bool closed, link_told;
    void (*on_message)(void *ctx, struct str message);
    void (*on_link)(void *ctx, bool up);
    void *ctx;
    struct bus_sub *next;
};

static struct bus_sub *subs;

struct flight {
    struct bus_sub *sub;
    struct message *message;
};

static struct message *message_new(struct str text)
{
    struct message *m = mem_alloc(sizeof *m + text.n);

    if (!m)
        abort();
    list_init(&m->link);
    m->n = text.n;
    memcpy(m->text, text.p, text.n);
    return m;
}

int bus_identity(const char *cert_file, const char *ca_file)
{
    (void)cert_file;
    (void)ca_file;
    return 0;
}

/* ---- the hub --------------------------------------------------------------------------------- */

static bool wants(const struct bus_sub *s, struct str text)
{
    for (int i = 0; i < s->n; i++)
        if (str_starts(text, s->prefix[i]))
            return true;
    return false;
}

static void on_arrived(void *ctx, int64_t a)
{
    struct flight *f = ctx;

    if (f->sub->closed || !loop_sim_lives(f->sub->ready.loop)) {
        mem_free(f->message);
    } else {
        list_append(&f->sub->queue, &f->message->link);
        ready_post(&f->sub->ready);
    }
    free(f);
}

static void carry(struct str text)
{
    if (bus_sim_tap)
        bus_sim_tap(text);
    for (struct bus_sub *s = subs; s; s = s->next) {
        struct flight *f;

        if (s->closed || !loop_sim_lives(s->ready.loop) || !wants(s, text) ||
            world_chance(bus_sim_loss_permille))
            continue;
        f = malloc(sizeof *f);
        if (!f)
            abort();
        *f = (struct flight){ s, message_new(text) };
        world_at(world_now() + 1 + world_draw(bus_sim_delay_max_ms), on_arrived, f, 0);
    }
}

void bus_sim_publish(struct str text)
{
    if (!hub_is_down)
        carry(text);
}

void bus_sim_set_down(bool down)
{
    hub_is_down = down;
    for (struct bus_sub *s = subs; s; s = s->next)
        if (!s->closed)
            ready_post(&s->ready);
}

/* ---- publishers ------------------------------------------------------------------------------ */

int bus_pub_open(const char *url, struct bus_pub **ret)
{
    struct bus_pub *p = calloc(1, sizeof *p);

    if (!p)
        abort();
    list_init(&p->batch);
    *ret = p;
    return 0;
}

int bus_pub_add(struct bus_pub *p, struct str message)
{
    list_append(&p->batch, &message_new(message)->link);
    return 0;
}

int bus_pub_flush(struct bus_pub *p)
{
    int lost = 0;

    process_step();
    LIST_FOR(it, &p->batch)
    {
        struct message *m = container_of(it, struct message, link);

        list_remove(it);
        if (hub_is_down)
            lost++;
        else
            carry((struct str){ m->text, m->n });
        mem_free(m);
    }
    return lost;
}

int bus_pub_send(struct bus_pub *p, struct str message)
{
    (void)bus_pub_add(p, message);
    return bus_pub_flush(p);
}

bool bus_pub_connected(const struct bus_pub *p)
{
    return !hub_is_down;
}

void bus_pub_close(struct bus_pub *p)
{
    if (p)
        (void)bus_pub_flush(p);
}

/* ---- subscribers ----------------------------------------------------------------------------- */

static void on_ready(struct ready *r)
{
    struct bus_sub *s = container_of(r, struct bus_sub, ready);
    struct list *it;

    if (s->on_link && s->link_told == hub_is_down) {
        s->link_told = !hub_is_down;
        s->on_link(s->ctx, s->link_told);
    }
    while (!s->closed && (it = list_pop(&s->queue))) {
        struct message *m = container_of(it, struct message, link);

        s->on_message(s->ctx, (struct str){ m->text, m->n });
        mem_free(m);
    }
}

int bus_sub_open(struct loop *l, const char *url, const char *const *prefixes, int n_prefixes,
                 void (*on_message)(void *ctx, struct str message), void (*on_link)(void *ctx, bool up),
                 void *ctx, struct bus_sub **ret)
{
    struct bus_sub *s = calloc(1, sizeof *s);

    if (!s || n_prefixes > PREFIXES_MAX)
        abort();
    ready_init(&s->ready, l, on_ready);
    list_init(&s->queue);
    for (int i = 0; i < n_prefixes; i++)
        s->prefix[i] = strdup(prefixes[i]);
    s->n = n_prefixes;
    s->on_message = on_message;
    s->on_link = on_link;
    s->ctx = ctx;
    s->next = subs;
    subs = s;
    ready_post(&s->ready);
    *ret = s;
    return 0;
}

void bus_sub_close(struct bus_sub *s)
{
    if (!s)
        return;
    ready_cancel(&s->ready);
    s->closed = true;
}

bool bus_sub_connected(const struct bus_sub *s)
{
    return !hub_is_down;
}
