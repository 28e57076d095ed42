/* A row of the audit list as JSON. */
#pragma once

#include "common/base/json_out.h"
#include "common/store/audit.h"

void audit_json(struct json_out *j, const struct audit_row *row);
