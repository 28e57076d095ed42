/*
 * The table of drivers, one row each: X(name), where bridge_<name> is the driver of driver_<name>.c. "auto" asks in
 * this order; the first driver that is sure is taken.
 */
#pragma once

#include "common/bridge/driver.h"

/* clang-format off */
#define BRIDGE_DRIVERS(X) \
    X(zapw)               \
    X(contract)           \
    X(waha)               \
    X(evolution)          \
    X(openwa)             \
    X(wppconnect)         \
    X(wuzapi)             \
    X(gowa)               \
    X(cloud)
/* clang-format on */

#define X(name) extern const struct bridge_driver bridge_##name;
BRIDGE_DRIVERS(X)
#undef X

/* The values of WHATSAPP_BRIDGE, as settings.h wants choices: "auto zapw …". */
#define BRIDGE_CHOICE(name) " " #name
#define BRIDGE_CHOICES      "auto" BRIDGE_DRIVERS(BRIDGE_CHOICE)

/* By the value of WHATSAPP_BRIDGE, NULL when there is none of that name ("auto" is none). */
const struct bridge_driver *bridge_driver_find(const char *name);
/* Row i, NULL past the end. */
const struct bridge_driver *bridge_driver_at(int i);
/* Calls on_event for each event of a webhook, with a body of its own: most are one event, whose body is that of the request.
 * Chooses the driver, and returns, as bridge_read_webhook() does, or the first non-zero of on_event. The texts live during the
 * call. */
int bridge_read_webhooks(const struct bridge_driver *driver, const struct webhook_request *req,
                         struct str bridge_name,
                         int (*on_event)(void *ctx, const struct webhook *w, struct str body), void *ctx);
/* Reads a webhook, the first event of several, with @driver, or with NULL (the bridge's driver is not known) with the driver that claims
 * the body, else as zapw's envelope. Returns 0, a webhook_answer, or -ENOMEM. */
int bridge_read_webhook(const struct bridge_driver *driver, const struct webhook_request *req,
                        struct str bridge_name, struct webhook *ret);
