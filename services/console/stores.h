/*
 * The console's connections to the store. Each is opened when it is needed and there, and anew after it failed: the console
 * may be started before all others, and outlives a restore.
 *
 * A call to a database that hangs holds up the console's loop. So after the first one the connections are -ENOTCONN at once,
 * and a child, `zapkeep store status`, tries whether it answers again.
 */
#pragma once

#include "common/store/store.h"
#include "services/console/context.h"

struct stores;

int stores_new(const struct console_context *c, struct stores **ret);
void stores_free(struct stores *s); /* NULL is nothing */

/* Each returns 0 and a connection that lives until the loop's next turn, or a negative. */
int stores_state(struct stores *s, struct db **ret); /* to read and to write */
int stores_log(struct stores *s, struct event_reader **ret);
int stores_forward(struct stores *s, struct db **ret); /* -ENOENT: no forwarder has run here */
/* steady_now() of state.db. */
int stores_now(struct stores *s, struct now *ret);
/* The database does not answer: nothing that calls it may be called. */
bool stores_are_away(const struct stores *s);
int64_t stores_wall_ms(const struct stores *s);
/* A sentence about a negative of one of them; @part: STATE_DB_FILE … Returns @ret. */
const char *stores_problem(const struct stores *s, const char *part, int r, char *ret, size_t n);
const char *stores_data_dir(const struct stores *s);
