/* A status (common/ops/status.h) as lines for people. */
#pragma once

#include "common/ops/status.h"
#include "services/cli/cli.h"

/* The first line and the rest of the problems. @bridges: how many were read. */
void status_headline(const struct problems *p, const struct bridge_summary *first, int bridges, bool colours,
                     struct buf *out);
/* @s: whether commands take BRIDGE/ID. */
void status_text(const struct cli_settings *s, const struct bridge_summary *b, struct buf *out);
/* A line of its own. */
void status_line(struct buf *out, const char *label, const char *text);
