/*
 * Warns about sessions and bridges in a destination's filter that zapkeep has not seen: a name that is misspelt lets
 * nothing through, in silence. A session may also be created later, so it is no more than a warning.
 */
#pragma once

#include "common/app/destination_config.h"
#include "common/app/state_store.h"

void filter_check_warn(const struct destination_config *d, struct state_store *state);
