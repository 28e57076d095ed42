/* Pairings under way: each is a child that shows the codes of one session until a phone has scanned one. */
#pragma once

#include "common/base/json_out.h"
#include "services/console/context.h"

/* At once; each child takes some 10 MiB. Pairings that are over are shown for a while. */
#define PAIRINGS_RUNNING_MAX 8
#define PAIRINGS_MAX         32

#define PAIRINGS_NONE 1 /* answer: there is none of that id */

struct pairings;

int pairings_new(const struct console_context *c, struct pairings **ret);
void pairings_free(struct pairings *p); /* ends all; NULL is nothing */
/* *ret_id: its number. A pairing of the same session that runs is ended. Returns 0, -EBUSY, or another negative: the
 * program cannot be run. */
int pairings_start(struct pairings *p, const char *bridge, const char *session, const char *phone,
                   bool recreate, int64_t *ret_id);
/* Appends the Pairing. */
int pairings_json(struct pairings *p, int64_t id, struct json_out *j);
int pairings_cancel(struct pairings *p, int64_t id);
