/* The table of sessions: an array in order of creation, and a hash of ids onto it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "tests/bridge-sim/dialect.h"

static uint32_t hash_id(struct str id)
{
    uint32_t h = 2166136261U; /* FNV-1a */

    for (size_t i = 0; i < id.n; i++)
        h = (h ^ (uint8_t)id.p[i]) * 16777619U;
    return h;
}

static int *slot_of(struct sim *s, struct str id)
{
    uint32_t n = (uint32_t)s->cap_sessions * 2;
    uint32_t at = hash_id(id) % n;

    while (s->index[at] >= 0 && !str_eq(id, s->sessions[s->index[at]].id))
        at = (at + 1) % n;
    return &s->index[at];
}

static void rebuild_index(struct sim *s)
{
    for (int i = 0; i < s->cap_sessions * 2; i++)
        s->index[i] = -1;
    for (int i = 0; i < s->n_sessions; i++)
        *slot_of(s, str_from(s->sessions[i].id)) = i;
}

static int grow(struct sim *s)
{
    int cap = s->cap_sessions ? s->cap_sessions * 2 : 64;
    void *sessions = mem_realloc(s->sessions, sizeof *s->sessions * (size_t)cap);
    void *index;

    if (!sessions)
        return -ENOMEM;
    s->sessions = sessions;
    index = mem_realloc(s->index, sizeof *s->index * (size_t)cap * 2);
    if (!index)
        return -ENOMEM;
    s->index = index;
    s->cap_sessions = cap;
    rebuild_index(s);
    return 0;
}

struct sim_session *session_find(struct sim *s, struct str id)
{
    int at = s->cap_sessions ? *slot_of(s, id) : -1;

    return at >= 0 ? &s->sessions[at] : NULL;
}

int session_add(struct sim *s, const char *id, struct sim_session **ret)
{
    struct sim_session *x;

    if (session_find(s, str_from(id)))
        return -EEXIST;
    if (s->n_sessions == s->cap_sessions && grow(s) != 0)
        return -ENOMEM;
    *slot_of(s, str_from(id)) = s->n_sessions;
    x = &s->sessions[s->n_sessions++];
    *x = (struct sim_session){ .created_at = sim_wall(s), .status = SIM_INITIALIZING, .events = ~0U };
    x->next = SIM_NEXT_QR;
    x->next_at = sim_now(s) + s->settings.qr_ms;
    (void)snprintf(x->id, sizeof x->id, "%s", id);
    *ret = x;
    return 0;
}

int session_adopt(struct sim *s, const char *id, struct sim_session **ret)
{
    int r = session_add(s, id, ret);

    if (r == 0 && s->dialect->adopt && s->settings.webhook_url[0])
        s->dialect->adopt(s, *ret);
    return r;
}

void session_remove(struct sim *s, struct sim_session *x)
{
    int at = (int)(x - s->sessions);

    say_webhook_fini(&x->hook);
    memmove(x, x + 1, sizeof *x * (size_t)(s->n_sessions - at - 1));
    s->n_sessions--;
    rebuild_index(s);
}

void sessions_free(struct sim *s)
{
    for (int i = 0; i < s->n_sessions; i++)
        say_webhook_fini(&s->sessions[i].hook);
    mem_free(s->sessions);
    mem_free(s->index);
}

struct sim_session *session_next_connected(struct sim *s)
{
    for (int i = 0; i < s->n_sessions; i++) {
        struct sim_session *x = &s->sessions[s->traffic_at++ % s->n_sessions];

        s->traffic_at %= s->n_sessions;
        if (x->status == SIM_CONNECTED && !x->unlisted)
            return x;
    }
    return NULL;
}

const char *session_word(const struct sim *s, enum sim_status status)
{
    return s->dialect->words[status] ? s->dialect->words[status] : "unknown";
}

char *session_phone(const struct sim_session *x, char ret[SIM_PHONE_MAX])
{
    uint64_t h = hash_add(HASH_START, x->id, strlen(x->id));

    /* Nine digits: one phone on two of 10,000 sessions would be an alert. */
    (void)snprintf(ret, SIM_PHONE_MAX, "55119%09u", (unsigned)((h ^ h >> 32) % 1000000000));
    return ret;
}
