#include "services/monitor/two_owners.h"

#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/reconnect/reconnect.h"

/* 4,000 pairs: more are no mistake of an operator. */
#define PAIRS_BYTES_MAX ((size_t)4 * 1024 * 1024)

struct reading {
    struct two_owners *t;
    struct session_phone last;
};

static int on_row(void *ctx, const struct session_phone *row)
{
    struct reading *r = ctx;
    bool same = strcmp(r->last.phone, row->phone) == 0;
    int rc = 0;

    if (same)
        rc = buf_add(&r->t->pairs, &r->last, sizeof r->last);
    if (same && rc == 0)
        rc = buf_add(&r->t->pairs, row, sizeof *row);
    r->last = *row;
    return rc;
}

int two_owners_read(struct db *db, struct two_owners *ret)
{
    struct reading r = { .t = ret };

    buf_init(&ret->pairs, PAIRS_BYTES_MAX);
    return sessions_each_phone(db, on_row, &r);
}

void two_owners_fini(struct two_owners *t)
{
    buf_fini(&t->pairs);
}

static bool pair_at(const struct two_owners *t, size_t i, struct session_phone ret[2])
{
    if ((i + 1) * 2 * sizeof *ret > t->pairs.len)
        return false;
    memcpy(ret, t->pairs.data + i * 2 * sizeof *ret, 2 * sizeof *ret);
    return true;
}

static void describe(const struct session_phone *other, char *ret, size_t n)
{
    (void)snprintf(ret, n, "session %.60s on bridge %.60s has the same phone", other->id, other->bridge);
}

char *two_owners_text(const struct two_owners *t, const char *bridge, char *ret, size_t n)
{
    struct session_phone pair[2];

    ret[0] = '\0';
    for (size_t i = 0; !ret[0] && pair_at(t, i, pair); i++) {
        int own = strcmp(pair[0].bridge, bridge) == 0 ? 0 : 1;

        if (strcmp(pair[own].bridge, bridge) == 0)
            (void)snprintf(ret, n, "%.60s, and session %.60s on bridge %.60s", pair[own].id, pair[!own].id,
                           pair[!own].bridge);
    }
    return ret;
}

static int park_one(struct db *db, const struct now *now, const struct session_phone *down,
                    const struct session_phone *other)
{
    char detail[200];
    int r;

    describe(other, detail, sizeof detail);
    r = reconnect_park_two_owners(db, now, down->bridge, down->id, detail);
    if (r == 0)
        log_warn("two-owners", "a session is parked: another one has its phone and is connected",
                 KS("bridge", down->bridge), KS("session", down->id), KS("other_bridge", other->bridge),
                 KS("other_session", other->id));
    return r < 0 ? r : 0;
}

static bool is_to_park(const struct session_phone *s, const struct session_phone *other, const char *bridge)
{
    return s->state == SESSION_DISCONNECTED && other->state == SESSION_CONNECTED &&
           strcmp(s->bridge, bridge) == 0;
}

int two_owners_park(const struct two_owners *t, const char *bridge, struct db *db, const struct now *now)
{
    struct session_phone pair[2];
    int r = 0;

    for (size_t i = 0; r == 0 && pair_at(t, i, pair); i++) {
        if (is_to_park(&pair[0], &pair[1], bridge))
            r = park_one(db, now, &pair[0], &pair[1]);
        else if (is_to_park(&pair[1], &pair[0], bridge))
            r = park_one(db, now, &pair[1], &pair[0]);
    }
    return r;
}
