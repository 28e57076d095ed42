/*
 * A test message to one sink, for `zapkeep alert test` and for the console.
 */
#pragma once

#include "common/base/clock.h"
#include "common/sink/sink_sender.h"

/* @done fires once, never before this has returned. @config is borrowed until then. Returns 0 or -errno. */
int sink_test(struct loop *l, struct clock *clock, const struct sink_config *config, const char *console_url,
              void (*done)(void *ctx, const struct sink_config *config, const struct sink_result *r),
              void *ctx);
