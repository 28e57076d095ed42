#include "common/ops/event_selection.h"

#include <string.h>

#include "common/base/mem.h"

/* "sales/s1" may also be the id of a session itself. */
static bool means(const char *name, const struct event *e)
{
    const char *slash = strchr(name, '/');

    if (e->session.n > 0 && str_eq(e->session, name))
        return true;
    return slash && e->bridge.n == (size_t)(slash - name) && memcmp(e->bridge.p, name, e->bridge.n) == 0 &&
           str_eq(e->session, slash + 1);
}

bool event_selection_has(const struct event_selection *s, const struct event *e)
{
    bool named = s->sessions == 0;

    for (int i = 0; i < s->sessions && !named; i++)
        named = means(s->session[i], e);
    return named && e->seq >= s->from && e->seq <= s->to && (!s->wants || s->wants(s->ctx, e));
}

int event_selection_count(struct event_reader *log, const struct event_selection *s,
                          struct event_selection_count *ret)
{
    CLEANUP(event_rows_fini) struct event_rows rows = EVENT_ROWS_NULL;
    struct event_selection_count count = { 0 };
    int64_t seq = s->from, before = 0;

    while (seq <= s->to && seq > before) {
        int r = event_read(log, seq, &s->filter, EVENT_READ_ROWS_MAX, &rows);

        if (r != 0)
            return r;
        for (int i = 0; i < rows.n; i++) {
            if (!event_selection_has(s, &rows.rows[i]))
                continue;
            count.first_seq = count.events++ == 0 ? rows.rows[i].seq : count.first_seq;
            count.last_seq = rows.rows[i].seq;
        }
        before = seq;
        seq = rows.next_seq;
    }
    *ret = count;
    return 0;
}
