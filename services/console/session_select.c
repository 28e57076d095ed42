#include "services/console/session_select.h"

#include <errno.h>

#include "common/base/mem.h"

static void text_of(struct exchange *e, const char *part, const char *key, char *ret, size_t n)
{
    if (part)
        exchange_text(e, part, key, ret, n);
    else
        exchange_query(e, key, ret, n);
}

bool session_select_query(struct exchange *e, const char *part, struct session_query *ret)
{
    struct session_query q = { 0 };
    char states[200], sort[32], order[8];

    text_of(e, part, "bridge", q.bridge, sizeof q.bridge);
    text_of(e, part, "cause", q.cause, sizeof q.cause);
    text_of(e, part, "q", q.q, sizeof q.q);
    text_of(e, part, "state", states, sizeof states);
    text_of(e, part, "sort", sort, sizeof sort);
    text_of(e, part, "order", order, sizeof order);
    if (!exchange_fits(e))
        return false;
    if (!session_query_set_states(&q, states)) {
        exchange_error(e, 400, "bad_request",
                       "state is \"%s\"; it takes starting, qr_pending, connected, disconnected, logged_out, "
                       "failed, lost, "
                       "unknown, down, parked, silent and flapping, several by comma",
                       states);
        return false;
    }
    if (!session_query_set_sort(&q, sort, order)) {
        exchange_error(e, 400, "bad_request",
                       "sort takes severity, session, bridge, name, state, since, cause, last_received_at "
                       "and next_at; order "
                       "takes asc and desc");
        return false;
    }
    *ret = q;
    return true;
}

int session_select_find(const struct exchange *e, const struct session_query *q, int **ret, int *ret_n)
{
    const struct session_list *l = e->c->sessions;
    struct now now;
    int *found, n = 0;
    int r = session_list_refresh(e->c->sessions);

    if (r != 0)
        return r;
    found = mem_alloc((size_t)(session_list_count(l) + 1) * sizeof *found);
    if (!found)
        return -ENOMEM;
    now = session_list_now(l);
    for (int i = 0; i < session_list_count(l); i++) {
        if (session_query_matches(q, session_list_at(l, i), &now))
            found[n++] = i;
    }
    session_query_sort(q, l, found, n);
    *ret = found;
    *ret_n = n;
    return 0;
}
