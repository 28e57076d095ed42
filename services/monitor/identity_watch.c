#include "services/monitor/identity_watch.h"

#include <stdio.h>

static bool is_listed(const struct identity_watch_list *l, const struct tracked_session *s)
{
    return l->names ? s->named : s->sweep == l->sweep;
}

static bool is_lost_lately(const struct identity_watch_list *l, const struct tracked_session *s)
{
    return s->known.state == SESSION_LOST && l->now_ms - s->known.lost_ms < l->rules->removed_ms;
}

static struct identity_list count(const struct identity_watch_list *l)
{
    struct identity_list n = { 0 };

    for (int i = 0; i < session_table_count(l->table); i++) {
        const struct tracked_session *s = session_table_at(l->table, i);
        bool listed = is_listed(l, s), last = s->lists & 1;

        n.listed += listed;
        n.kept += listed && last;
        n.back += listed && !last && s->lists;
        n.fresh += listed && s->first_sweep == l->sweep;
        n.missing += !listed && s->known.polled_once && s->known.state != SESSION_LOST;
        n.lost += is_lost_lately(l, s);
    }
    return n;
}

static void note_listed(const struct identity_watch_list *l, bool any)
{
    for (int i = 0; i < session_table_count(l->table); i++) {
        struct tracked_session *s = session_table_at(l->table, i);

        if (any)
            s->lists = s->lists << 1 | is_listed(l, s);
        s->named = false;
    }
}

void identity_watch_list(struct identity_history *h, const struct identity_watch_list *l,
                         char ret[BRIDGES_DETAIL_MAX])
{
    struct identity_list n = count(l);
    enum identity is = identity_next(h, &n);

    note_listed(l, n.listed > 0);
    ret[0] = '\0';
    if (is == IDENTITY_IN_TURNS)
        (void)snprintf(ret, BRIDGES_DETAIL_MAX,
                       "lists of different sessions come in turns: two bridges are behind its address");
    if (is == IDENTITY_REPLACED)
        (void)snprintf(ret, BRIDGES_DETAIL_MAX, "%d of its sessions are lost since it listed others alone",
                       n.lost);
}
