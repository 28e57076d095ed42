/* The table of all sessions: filter, search, sort and pages. */
#include "common/base/mem.h"
#include "services/console/handlers.h"
#include "services/console/session_json.h"
#include "services/console/session_select.h"
#include "services/console/state_json.h"
#include "services/console/stores.h"

/* How many are in each state, the filter's own states left aside: so that a page can offer them. */
static void write_counts(const struct session_list *l, const struct session_query *q, struct json_out *j)
{
    int64_t n[SESSION_STATE_N] = { 0 }, parked = 0, silent = 0;

    for (int i = 0; i < session_list_count(l); i++) {
        const struct session_item *s = session_list_at(l, i);

        if (!session_query_matches_but_state(q, s))
            continue;
        n[s->row.state]++;
        parked += s->phase == RETRY_PARKED;
        silent += s->row.silent_since > 0;
    }
    json_int(j, "all", session_list_count(l));
    state_json_counts(j, "counts", n);
    json_int(j, "parked", parked);
    json_int(j, "silent", silent);
}

static int write_rows(struct exchange *e, const int *found, int n, struct json_out *j)
{
    int64_t offset = exchange_query_int(e, "offset", 0, 0, INT32_MAX);
    int64_t limit = exchange_query_int(e, "limit", 100, 1, EXCHANGE_LIMIT_MAX);
    struct now now = session_list_now(e->c->sessions);
    struct db *db;
    int r = stores_state(e->c->stores, &db);

    json_int(j, "offset", offset);
    json_open(j, "rows", '[');
    for (int64_t i = offset; r == 0 && i < n && i < offset + limit; i++) {
        json_open(j, NULL, '{');
        r = session_json_row(db, &now, session_list_at(e->c->sessions, found[i]), j);
        json_close(j, '}');
    }
    json_close(j, ']');
    return r;
}

void handle_sessions(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    CLEANUP(mem_freep) int *found = NULL;
    struct json_out j = JSON_OUT(&json);
    struct session_query q;
    int n = 0, r;

    if (!session_select_query(e, NULL, &q))
        return;
    r = session_select_find(e, &q, &found, &n);
    if (r == 0) {
        json_open(&j, NULL, '{');
        json_int(&j, "now", session_list_now(e->c->sessions).wall_ms);
        json_int(&j, "total", n);
        write_counts(e->c->sessions, &q, &j);
        r = write_rows(e, found, n, &j);
        json_close(&j, '}');
    }
    if (r != 0)
        exchange_store_error(e, STATE_DB_FILE, r);
    else
        exchange_answer(e, 200, &json);
}
