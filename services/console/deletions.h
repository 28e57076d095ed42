/* Sessions that are being deleted on their bridges, one after the other, each by a child. */
#pragma once

#include "services/console/context.h"

#define DELETIONS_MAX 128

struct deletions;

int deletions_new(const struct console_context *c, struct deletions **ret);
void deletions_free(struct deletions *d); /* NULL is nothing */
/* The outcome goes into the audit list as session.deleted. Returns 0 or -EBUSY (DELETIONS_MAX wait). */
int deletions_add(struct deletions *d, const char *bridge, const char *session, const char *actor,
                  const char *address);
