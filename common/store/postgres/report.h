#pragma once

/* store_report() (common/store/store.h). */
int pg_report(const char *where,
              int (*on_line)(void *ctx, const char *name, const char *value, const char *problem), void *ctx);
