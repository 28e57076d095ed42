/* Where a bridge shall post its webhooks, for all that set it, try it or check it. */
#pragma once

#include "common/app/app_spec.h"

#include <stddef.h>

/* @set (WEBHOOK_URL) if it is one, else webhook-ingest at @listen (ZAPKEEP_INGEST_LISTEN) on this machine
 * with the path of @bridge; "" when that has no port to know. @ret has room for @n bytes. */
void webhook_url(const char *set, const char *listen, const struct bridge_settings *bridge, char *ret,
                 size_t n);
