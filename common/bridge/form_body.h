/*
 * Webhooks that are forms (application/x-www-form-urlencoded), as wuzapi sends them: the event is JSON in the field
 * "jsonData", the session is in "userID" and "instanceName". Pure.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/text.h"

enum form_answer {
    FORM_NOT_ONE = 1, /* no such form: no jsonData, or it is no JSON object */
};

/*
 * Makes of such a form the JSON that the same bridge sends with WEBHOOK_FORMAT=json: the object of jsonData with userID and
 * instanceName in it. Other fields are dropped: a "token" is a credential. Returns 0, FORM_NOT_ONE, -EMSGSIZE or -ENOMEM.
 */
int form_body_to_json(struct str form, struct buf *ret);
