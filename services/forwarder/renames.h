/*
 * A destination keeps its place under another name: when the configuration has a name that forward.db does not know, and
 * forward.db one with the same URL that the configuration does not have, the row gets the new name. A destination with
 * another URL keeps its place by its name.
 */
#pragma once

#include "common/app/forward_config.h"

int renames_adopt(struct db *db, const struct config *c); /* 0 or -errno */
