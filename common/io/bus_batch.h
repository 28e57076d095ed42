/*
 * The content of a bus message, read without trust: a topic, a batch of messages. Pure.
 *
 * A message begins with its topic. A message that begins with BUS_BATCH is a batch: several messages in one,
 * each behind its length in four bytes, most significant first (proto/PROTOCOL.md).
 */
#pragma once

#include <stdbool.h>

#include "common/base/text.h"

#define BUS_BATCH '\0'

/* Takes the next message off the front of the rest of a batch (without its first byte). Returns false at
 * its end, and for a batch that is cut short. */
bool bus_batch_next(struct str *rest, struct str *ret);
/* Does the message begin with one of these prefixes? Reads no byte past its end. */
bool bus_topic_matches(struct str message, const char *const *prefixes, int n);
/*
 * May the hub pass this on? True for a message that begins with a topic of 1 to TOPIC_MAX - 1 printable ASCII
 * characters and a NUL, and for a batch of at least one of them, with no byte left over.
 */
bool bus_message_is_valid(struct str message);
