#include "services/forwarder/filter_check.h"

#include "common/base/log.h"
#include "common/store/bridges.h"
#include "common/store/sessions.h"

struct search {
    struct db *db;
    const struct destination_config *d;
    const char *session; /* NULL: only the bridge is looked for */
    bool bridge_found, session_found;
    int bridges;
};

static int on_bridge(void *ctx, const struct bridge_row *row)
{
    struct search *s = ctx;
    struct session_row session;
    int r;

    s->bridges++;
    if (s->d->bridge && !str_eq(str_from(s->d->bridge), row->name))
        return 0;
    s->bridge_found = true;
    if (!s->session)
        return 0;
    r = sessions_find(s->db, row->name, s->session, &session);
    s->session_found = s->session_found || r == 0;
    return r < 0 ? r : 0;
}

static void check_session(struct db *db, const struct destination_config *d, struct str session)
{
    char name[SESSIONS_ID_MAX];
    struct search s = { .db = db, .d = d, .session = name };

    str_copy(session, name, sizeof name);
    if (bridges_each(db, on_bridge, &s) == 0 && s.bridges > 0 && s.bridge_found && !s.session_found)
        log_warn("filter-session-unknown", "no bridge has this session of a filter; is its name right?",
                 KS("destination", d->name), KS("session", name));
}

void filter_check_warn(const struct destination_config *d, struct state_store *state)
{
    struct search s = { .d = d };
    struct db *db;

    if (state_store_open(state) != 0)
        return;
    s.db = db = state->db;
    if (bridges_each(db, on_bridge, &s) == 0 && s.bridges > 0 && !s.bridge_found)
        log_warn("filter-bridge-unknown", "there is no bridge of this name; is it right?",
                 KS("destination", d->name), KS("bridge", d->bridge));
    for (int i = 0; i < d->filter.sessions.n; i++)
        check_session(db, d, d->filter.sessions.item[i]);
}
