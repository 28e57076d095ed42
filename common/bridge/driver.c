/*
 * The table of drivers, and the texts for what their readers answer.
 */
#include "common/bridge/driver.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/bridge/drivers.h"

const char *bridge_answer_text(int kind)
{
    switch (kind) {
    case 0:
        return "done";
    case BRIDGE_NO_ANSWER:
        return "no answer";
    case BRIDGE_UNAUTHORIZED:
        return "the bridge refuses the API key";
    case BRIDGE_NO_ROUTE:
        return "the bridge has no such call";
    case BRIDGE_NO_SESSION:
        return "the bridge does not know this session";
    case BRIDGE_CONFLICT:
        return "it exists already";
    case BRIDGE_REFUSED:
        return "the bridge refused";
    case BRIDGE_BROKEN:
        return "the bridge failed";
    case BRIDGE_GARBAGE:
        return "the bridge's answer makes no sense";
    default:
        return "unknown answer";
    }
}

bool bridge_answer_is_transport(int kind)
{
    return kind == BRIDGE_NO_ANSWER || kind == BRIDGE_BROKEN || kind == BRIDGE_GARBAGE;
}

const char *const bridge_webhook_events[] = {
    "message.received",  "message.sent",         "message.delivered", "message.read",
    "session.connected", "session.disconnected", "session.qr",        NULL,
};

static const struct bridge_driver *const drivers[] = {
#define X(name) &bridge_##name,
    BRIDGE_DRIVERS(X)
#undef X
};

const struct bridge_driver *bridge_driver_at(int i)
{
    return i >= 0 && (size_t)i < ARRAY_LEN(drivers) ? drivers[i] : NULL;
}

const struct bridge_driver *bridge_driver_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
        if (strcmp(drivers[i]->name, name) == 0)
            return drivers[i];
    }
    return NULL;
}

int bridge_read_webhook(const struct bridge_driver *driver, const struct webhook_request *req,
                        struct str bridge_name, struct webhook *ret)
{
    for (size_t i = 0; !driver && i < ARRAY_LEN(drivers); i++) {
        if (drivers[i]->is_own_webhook && drivers[i]->is_own_webhook(req->body))
            driver = drivers[i];
    }
    return driver ? driver->read_webhook(req, bridge_name, ret) : webhook_read(req, bridge_name, ret);
}
