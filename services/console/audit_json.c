#include "services/console/audit_json.h"

void audit_json(struct json_out *j, const struct audit_row *row)
{
    json_open(j, NULL, '{');
    json_int(j, "n", row->n);
    json_int(j, "at", row->at);
    json_texts(j, "actor", row->actor);
    json_texts(j, "address", row->address);
    json_texts(j, "action", row->action);
    json_texts(j, "bridge", row->bridge);
    json_texts(j, "session", row->session);
    json_texts(j, "detail", row->detail);
    json_bool(j, "ok", row->ok);
    json_close(j, '}');
}
