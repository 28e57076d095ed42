/* An event of the log as JSON. */
#pragma once

#include "common/base/json_out.h"
#include "common/store/events.h"

/* {"seq","id","at","occurred_at" if known,"type","bridge","session","message_id","body"} */
void event_json(const struct event *e, struct json_out *j);
/* "body": the JSON it was, without white space; other bytes become a text. */
void event_json_body(struct json_out *j, struct str body);
