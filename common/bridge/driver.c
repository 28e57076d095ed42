/*
 * Texts for the answers of the drivers' readers.
 */
#include "common/bridge/driver.h"

#include <string.h>

#include "common/base/mem.h"

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
    case BRIDGE_NOT_NEEDED:
        return "not needed: the bridge says that it is connected";
    case BRIDGE_GARBAGE:
        return "the bridge's answer makes no sense";
    case BRIDGE_THROTTLED:
        return "the bridge was asked too often";
    case BRIDGE_PAGED:
        return "the bridge lists its sessions in pages, and this is one of them";
    case BRIDGE_NEEDS_PERSON:
        return "the bridge needs a person";
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
