/* Bridges as JSON: their status, their settings without secrets, and whether their webhooks come here. */
#pragma once

#include "services/console/exchange.h"
#include "services/console/overview.h"

/* Appends "bridges": […]. @settings: each with its settings, which ZAPKEEP_BRIDGES may change while we run. */
void bridges_json(const struct exchange *e, const struct overview *o, bool settings, struct json_out *j);
