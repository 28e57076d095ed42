#pragma once

#include "common/store/report.h"

/* store_report() (common/store/store.h). */
int pg_report(const char *where, unsigned parts, store_report_fn on_line, void *ctx);
struct store_role_row;
/* store_roles_each() */
int pg_roles_each(const char *where, int (*on_row)(void *ctx, const struct store_role_row *row), void *ctx);
