/*
 * Is a Host field one of ours? A page of another site can make a browser call a port of this machine; with a
 * name that it lets point to 127.0.0.1 (DNS rebinding) it may even read the answer. Such a name is a full domain
 * name of somebody else's, so everything else passes. Pure.
 */
#pragma once

#include <stdbool.h>

#include "common/base/text.h"

/* True for an address, localhost, a name without a dot (a container, a machine of this network), @own (the
 * machine's name) and the comma-separated names of @more; also when there is no Host at all, which no browser
 * sends. The port does not count. */
bool http_host_is_ours(struct str host, const char *own, const char *more);
