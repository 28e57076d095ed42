#pragma once

#include "common/store/report.h"

/* store_report() (common/store/store.h). */
int pg_report(const char *where, unsigned parts, store_report_fn on_line, void *ctx);
