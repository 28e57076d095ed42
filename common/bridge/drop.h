/*
 * Why did a session drop? The code and the end of a ban, wherever a bridge puts them. Used inside common/bridge only.
 */
#pragma once

#include "common/bridge/webhook.h"

/*
 * Fills w->code, should_reconnect, has_should_reconnect and ban_until from the body of a session.disconnected. A code
 * counts as a number or as text ("440"); a reason in words is one when it is a known name ("replaced", "loggedOut",
 * "temporary ban"). 200 and the like are no codes of a drop. w->occurred_at has to be set: a ban that lasts so many
 * seconds is counted from it.
 */
void drop_read(struct str body, struct webhook *w);

/* The code of a reason in words, 0: none is known. Case, spaces and punctuation do not matter. */
int drop_code_of_reason(const char *reason);
