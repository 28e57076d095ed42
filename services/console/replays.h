/* Replays under way: each is `zapkeep replay` as a child. */
#pragma once

#include "common/base/json_out.h"
#include "common/ops/event_selection.h"
#include "services/console/context.h"

#define REPLAYS_MAX  16
#define REPLAYS_NONE 1 /* answer: there is none of that id */

struct replays;
/* Its texts live until replays_start() returns. */
struct replay_order {
    const struct event_selection *what;
    struct event_selection_count counted;
    const char *to_url; /* "": BACKEND_URL */
};

int replays_new(const struct console_context *c, struct replays **ret);
void replays_free(struct replays *r); /* ends all; NULL is nothing */
/* Returns 0, -EBUSY, or another negative: the program cannot be run. */
int replays_start(struct replays *r, const struct replay_order *o, int64_t *ret_id);
/* Appends the Replay. */
int replays_json(struct replays *r, int64_t id, struct json_out *j);
/* Appends the Replay of a dry run. */
void replays_json_counted(const struct replay_order *o, struct json_out *j);
