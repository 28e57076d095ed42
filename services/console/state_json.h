/* Parts of the API's answers that several of them have. */
#pragma once

#include "common/base/json_out.h"
#include "common/store/alerts.h"
#include "services/console/overview.h"

void state_json_counts(struct json_out *j, const char *key, const int64_t n[SESSION_STATE_N]);
void state_json_problem(struct json_out *j, const struct problem *p);
/* The keys of a Bridge inside an open object, without its settings and its subscription. */
void state_json_bridge(struct json_out *j, const struct bridge_summary *b);
/* A Destination. @head: the newest seq of the log. */
void state_json_destination(struct json_out *j, const struct destination_status *d, int64_t head, bool runs);
/* The keys of an Alert inside an open object. */
void state_json_alert(struct json_out *j, const struct alert_row *a);
