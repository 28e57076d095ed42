/* The console: API, live updates and front end. */
#pragma once

#include "common/app/app.h"
#include "services/console/assets.h"

struct console;

/* As app_open(). @assets is kept. */
int console_open(const struct app_start *start, const struct assets *assets, struct console **ret);
int console_run(struct console *x);
/* As app_close(); NULL is nothing. */
int console_close(struct console *x, int r);
