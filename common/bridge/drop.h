/*
 * Why did a session drop? The code and the end of a ban, wherever a bridge puts them. Used inside common/bridge only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/json_in.h"
#include "common/base/text.h"

struct drop {
    int code;              /* 0: none given */
    int64_t ban_until;     /* of a temporary ban: the time of its end, ms since the epoch; 0: not given */
    bool should_reconnect; /* the bridge's own flag; true when absent */
    bool has_should_reconnect;
};

/*
 * Reads the body of a session.disconnected. A code counts as a number or as text ("440"); a reason in words is one when
 * it is a known name ("replaced", "loggedOut", "temporary ban"). 200 and the like are no codes of a drop. A ban that lasts
 * so many seconds is counted from @occurred_at (ms since the epoch, 0: not known).
 */
struct drop drop_read(struct str body, int64_t occurred_at);

/* The code in a number or a text ("440", "logged out"), 0: none. */
int drop_code_of(struct json_value v);
/* The code in brackets in a sentence ("Connection replaced by another instance (440)"), 0: none. */
int drop_code_in(struct json_value v);
/* The code of a reason in words, 0: none is known. Case, spaces and punctuation do not matter. */
int drop_code_of_reason(const char *reason);
