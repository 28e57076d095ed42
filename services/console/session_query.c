#include "services/console/session_query.h"

#include <stdlib.h>
#include <string.h>

static const char *const sorts[] = { "severity", "session", "bridge",           "name",   "state",
                                     "since",    "cause",   "last_received_at", "next_at" };
enum {
    SORT_SEVERITY,
    SORT_SESSION,
    SORT_BRIDGE,
    SORT_NAME,
    SORT_STATE,
    SORT_SINCE,
    SORT_CAUSE,
    SORT_RECEIVED,
    SORT_NEXT
};

static unsigned bit(enum session_state s)
{
    return 1U << (unsigned)s;
}

static bool set_state(struct session_query *q, struct str word)
{
    int state = session_state_find(word);

    if (state >= 0)
        q->states |= bit((enum session_state)state);
    else if (str_eq(word, "parked"))
        q->parked = true;
    else if (str_eq(word, "silent"))
        q->silent = true;
    else if (str_eq(word, "flapping"))
        q->flapping = true;
    else if (str_eq(word, "down"))
        q->states |= bit(SESSION_DISCONNECTED) | bit(SESSION_LOGGED_OUT) | bit(SESSION_FAILED) |
                     bit(SESSION_LOST) | bit(SESSION_ACTION_REQUIRED);
    else
        return false;
    return true;
}

bool session_query_set_states(struct session_query *q, const char *words)
{
    while (*words) {
        size_t n = strcspn(words, ",");

        if (n > 0 && !set_state(q, (struct str){ words, n }))
            return false;
        words += n + (words[n] == ',');
    }
    return true;
}

bool session_query_set_sort(struct session_query *q, const char *sort, const char *order)
{
    q->sort = *sort ? -1 : SORT_SEVERITY;
    for (size_t i = 0; i < sizeof sorts / sizeof sorts[0]; i++) {
        if (strcmp(sort, sorts[i]) == 0)
            q->sort = (int)i;
    }
    q->descending = strcmp(order, "desc") == 0;
    return q->sort >= 0 && (!*order || q->descending || strcmp(order, "asc") == 0);
}

bool session_query_matches_but_state(const struct session_query *q, const struct session_item *i)
{
    if (q->bridge[0] && strcmp(q->bridge, i->row.bridge) != 0)
        return false;
    if (q->cause[0] && strcmp(q->cause, i->row.cause) != 0)
        return false;
    return !q->q[0] || strcasestr(i->row.id, q->q) || strcasestr(i->row.name, q->q) ||
           strcasestr(i->row.phone, q->q);
}

bool session_query_matches(const struct session_query *q, const struct session_item *i, const struct now *now)
{
    bool any = !q->states && !q->parked && !q->silent && !q->flapping;

    if (!session_query_matches_but_state(q, i))
        return false;
    return any || (q->states & bit(i->row.state)) || (q->parked && i->phase == RETRY_PARKED) ||
           (q->silent && i->row.silent_since > 0) || (q->flapping && session_item_is_flapping(i, now));
}

/* ---- order ----------------------------------------------------------------------------------- */

/* The lower, the worse. */
static int severity_of(const struct session_item *i)
{
    static const int of[SESSION_STATE_N] = {
        [SESSION_LOST] = 1,         [SESSION_FAILED] = 2,          [SESSION_LOGGED_OUT] = 3,
        [SESSION_DISCONNECTED] = 4, [SESSION_ACTION_REQUIRED] = 4, [SESSION_UNKNOWN] = 5,
        [SESSION_QR_PENDING] = 6,   [SESSION_STARTING] = 7,        [SESSION_CONNECTED] = 9,
    };

    _Static_assert(SESSION_STATE_N == 9, "every state has its place");
    return of[i->row.state] == 9 && i->row.silent_since > 0 ? 8 : of[i->row.state];
}

static int by_number(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* Sessions without a next attempt come last. */
static int64_t next_of(const struct session_item *i)
{
    return i->due_at > 0 ? i->due_at : INT64_MAX;
}

static int compare_by(int sort, const struct session_item *a, const struct session_item *b)
{
    switch (sort) {
    case SORT_SESSION:
        return strcmp(a->row.id, b->row.id);
    case SORT_NAME:
        return strcasecmp(a->row.name, b->row.name);
    case SORT_STATE:
        return strcmp(session_state_text(a->row.state), session_state_text(b->row.state));
    case SORT_SINCE:
        return by_number(a->row.since, b->row.since);
    case SORT_CAUSE:
        return strcmp(a->row.cause, b->row.cause);
    case SORT_RECEIVED:
        return by_number(a->row.last_received_at, b->row.last_received_at);
    case SORT_NEXT:
        return by_number(next_of(a), next_of(b));
    case SORT_SEVERITY:
        return severity_of(a) - severity_of(b) ? severity_of(a) - severity_of(b)
                                               : by_number(a->row.since, b->row.since);
    default:
        return 0; /* by bridge: the list is */
    }
}

struct order {
    const struct session_query *q;
    const struct session_list *l;
};

static int compare(const void *a, const void *b, void *ctx)
{
    const struct order *o = ctx;
    int x = *(const int *)a, y = *(const int *)b;
    int c = compare_by(o->q->sort, session_list_at(o->l, x), session_list_at(o->l, y));

    c = c ? c : x - y; /* bridge and id */
    return o->q->descending ? -c : c;
}

void session_query_sort(const struct session_query *q, const struct session_list *l, int *io, int n)
{
    struct order o = { q, l };

    qsort_r(io, (size_t)n, sizeof *io, compare, &o);
}
