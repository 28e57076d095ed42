/*
 * The table of causes. Codes first, then the names that no code has.
 */
#include "common/domain/cause.h"

#include <stddef.h>
#include <string.h>

#include "common/base/mem.h"

#define SESSION SCOPE_SESSION
#define BRIDGE  SCOPE_BRIDGE

/* clang-format off */
static const struct cause causes[] = {
    { 515, "restart-required", PLAN_AT_ONCE, SESSION, "disconnected", false,
      "WhatsApp asks for a restart of the connection, normal right after pairing; it is done at once." },
    { 408, "connection-lost", PLAN_NORMAL, SESSION, "disconnected", false,
      "The connection timed out; for a session that was never paired: the QR code was not scanned in time." },
    { 428, "connection-closed", PLAN_NORMAL, SESSION, "disconnected", false,
      "WhatsApp closed the connection; reconnecting is enough." },
    { 500, "bad-session", PLAN_NORMAL, SESSION, "disconnected", false,
      "The stream broke; if this repeats for one session, delete it and pair it again." },
    { 503, "unavailable", PLAN_NORMAL, SESSION, "disconnected", false,
      "WhatsApp's service was not available; reconnecting is enough." },
    { 440, "replaced", PLAN_SLOW, SESSION, "disconnected", false,
      "Two owners: another client uses these credentials; find the second bridge and stop one of them." },
    { 401, "logged-out", PLAN_NEVER, SESSION, "logged_out", false,
      "The phone removed this device: it must be paired again." },
    { 402, "banned-for-now", PLAN_NEVER, SESSION, "failed", true,
      "WhatsApp banned this account for a time; if it is still parked when that has passed, unpark the session." },
    { 403, "account-locked", PLAN_NEVER, SESSION, "failed", true,
      "WhatsApp locked this account; see to it on the phone, then unpark the session." },
    { 406, "banned", PLAN_NEVER, SESSION, "failed", true,
      "WhatsApp banned this account; ask for a review on the phone, then unpark the session." },
    { 405, "client-outdated", PLAN_NEVER, BRIDGE, "failed", true,
      "WhatsApp no longer accepts the bridge's version, for all its sessions; update the bridge, then unpark." },
    { 409, "refused-client", PLAN_NEVER, SESSION, "failed", true,
      "WhatsApp refuses what the bridge says it is; update or correct the bridge, then unpark the session." },
    { 411, "multi-device-mismatch", PLAN_NEVER, SESSION, "failed", true,
      "The phone's account does not match this kind of device; pair the session again." },
    { 418, "client-unknown", PLAN_NEVER, SESSION, "failed", true,
      "WhatsApp does not know this client; update or correct the bridge, then unpark the session." },
    { 463, "account-restricted", PLAN_NEVER, SESSION, "failed", true,
      "WhatsApp does not let this account open new chats for a time; wait, then unpark the session." },
    { 0, "poll", PLAN_ASK, SESSION, "disconnected", false,
      "The bridge's own list shows the session as down; no webhook said why." },
    { 0, "lost", PLAN_NEVER, SESSION, "lost", false,
      "The bridge no longer lists this session: pair it again, or delete it here." },
    { 0, "removed", PLAN_NEVER, SESSION, "lost", false,
      "The bridge has not listed this session for a long time, while it lists others: somebody removed it there." },
    { 0, "start-timeout", PLAN_NORMAL, SESSION, "disconnected", false,
      "The session was starting for too long and counts as down." },
    { 0, "silent", PLAN_NORMAL, SESSION, "disconnected", false,
      "The bridge says connected, but nothing has come in for longer than is normal for this session." },
    { 0, "operator", PLAN_NORMAL, SESSION, "disconnected", false,
      "Somebody asked for this reconnection." },
    { 0, "unknown", PLAN_NORMAL, SESSION, "disconnected", false,
      "The bridge gave no cause, or one that is not known; reconnecting is tried." },
};
/* clang-format on */

const struct cause *cause_find(int code)
{
    for (size_t i = 0; code && i < ARRAY_LEN(causes); i++) {
        if (causes[i].code == code)
            return &causes[i];
    }
    return cause_by_name("unknown");
}

const struct cause *cause_by_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
        if (strcmp(causes[i].name, name) == 0)
            return &causes[i];
    }
    return NULL;
}

const struct cause *cause_at(int i)
{
    return i >= 0 && (size_t)i < ARRAY_LEN(causes) ? &causes[i] : NULL;
}
