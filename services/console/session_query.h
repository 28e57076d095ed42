/* Which sessions, and in which order: the table's filter, search and sort. Pure. */
#pragma once

#include "services/console/session_list.h"

struct session_query {
    char bridge[SESSIONS_ID_MAX], cause[32], q[128]; /* "": any */
    unsigned states; /* bits of session_state; 0: any, together with the marks below */
    bool parked, silent, flapping;
    int sort; /* of session_query_set_sort() */
    bool descending;
};

/* "disconnected,parked". Returns false: an unknown word. */
bool session_query_set_states(struct session_query *q, const char *words);
/* "", "severity", "session" … and "asc" or "desc" or "". Returns false: an unknown word. */
bool session_query_set_sort(struct session_query *q, const char *sort, const char *order);

bool session_query_matches(const struct session_query *q, const struct session_item *i,
                           const struct now *now);
/* The same without states and marks. */
bool session_query_matches_but_state(const struct session_query *q, const struct session_item *i);
/* Indexes into the list, sorted; @n of them. */
void session_query_sort(const struct session_query *q, const struct session_list *l, int *io, int n);
