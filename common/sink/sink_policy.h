/*
 * Which alerts a sink gets, and when. Pure.
 */
#pragma once

#include "common/sink/sink.h"

/* Severity and filters let it through. */
bool sink_wants(const struct sink_config *c, enum alert_kind kind, const char *bridge, const char *session);
/* It has to wait for the end of the quiet hours. @minute: of the local day. */
bool sink_holds_back(const struct sink_config *c, enum alert_kind kind, int minute);
bool sink_is_quiet(const struct sink_config *c, int minute);
int sink_minute_of_day(int64_t wall_ms); /* in the time zone of the program */
/* An alert that is on since @since (wall ms) is to be sent once more, between @before (exclusive) and @now. */
bool sink_repeats(const struct sink_config *c, int64_t since, int64_t before, int64_t now);
/* Delay after try number @tries (from 1) of one message failed: doubling from 1 s to 5 min. */
int64_t sink_retry_ms(int tries);
