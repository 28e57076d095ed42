/* The roles of a database, as status and the console show them: a role that nobody has is work that is not done. */
#pragma once

#include "common/base/buf.h"
#include "common/ops/status.h"
#include "common/store/role.h"

/* Reads the roles of @where, and adds those of the monitor that nobody has to @problems. The forwarder's are known from its
 * destinations (status_forward.h). @state is the state of @where: a role of a bridge that is not configured any more is
 * nobody's. In @text, one line for people, "" for a folder; may be NULL. Returns 0 or a negative. */
int status_roles(const char *where, struct db *state, struct problems *problems, struct buf *text);

/* Why no monitor works on @bridge, as status_roles() says it: its role is nobody's, or no monitor is there. "": one does, or the
 * store is a folder. Returns 0 or a negative. */
int status_monitor_gone(const char *where, struct db *state, const char *bridge, char *ret, size_t n);
