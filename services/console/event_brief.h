/* An event of the log as a row of a list: all but its body, and the message's first words. */
#pragma once

#include "common/base/json_out.h"
#include "common/store/events.h"

/* The keys inside an open object. */
void event_brief(const struct event *e, struct json_out *j);
