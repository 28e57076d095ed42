/* The sessions that a request means: by the filter of its query or of its body. */
#pragma once

#include "services/console/exchange.h"
#include "services/console/session_query.h"

/* Reads the filter of the query (@part NULL) or of that object of the body. False: the answer was given. */
bool session_select_query(struct exchange *e, const char *part, struct session_query *ret);
/* Refreshes the list and finds those that match, in the order of the query. @ret: indexes, mem_free() them. Returns 0 or a
 * negative. */
int session_select_find(const struct exchange *e, const struct session_query *q, int **ret, int *ret_n);
