/* The settings of a delivery to BACKEND_URL; destinations of FORWARD_CONFIG have them as keys. */
#include "common/app/forward_settings.h"

#include <stddef.h>

#define AT(field) offsetof(struct forward_settings, field)

/* clang-format off */
const struct setting forward_settings_table[] = {
    { .name = "BACKEND_URL", .kind = SETTING_URL, .at = AT(url),
      .help = "where events are delivered; without a path: /api/v1/messages/webhook of it" },
    { .name = "FORWARD_TOKEN", .at = AT(token), .secret = true,
      .help = "sent to BACKEND_URL as Authorization: Bearer" },
    { .name = "FORWARD_SECRET", .at = AT(secret), .secret = true,
      .help = "whsec_… key that signs (standardwebhooks.com); two, separated by a comma, while it is changed" },
    { .name = "FORWARD_BODY", .kind = SETTING_CHOICE, .at = AT(body), .def = "raw",
      .choices = "raw event",
      .help = "raw: the webhook's own bytes; event: {id,seq,type,bridge,session,occurred_at,data}" },
    { .name = "FORWARD_CA", .at = AT(ca),
      .help = "PEM file of the only certificates that https is held against; none: the system's" },
    { .name = "FORWARD_CONCURRENCY", .kind = SETTING_INT, .at = AT(concurrency), .def = "8",
      .min = 1, .max = FORWARD_CONCURRENCY_MAX,
      .help = "deliveries at once per destination; of one session there is one at a time" },
    { .name = "FORWARD_TIMEOUT", .kind = SETTING_DURATION, .at = AT(timeout_ms), .def = "15s",
      .min = FORWARD_TIMEOUT_MIN_MS, .max = FORWARD_TIMEOUT_MAX_MS, .help = "a delivery without an answer for so long has failed" },
    { .name = "FORWARD_BATCH", .kind = SETTING_INT, .at = AT(batch), .def = "1",
      .min = 1, .max = FORWARD_BATCH_MAX, .help = "above 1: deliveries are {\"events\":[…],\"ids\":[…]} of up to so many" },
    { .name = "FORWARD_BATCH_WAIT", .kind = SETTING_DURATION, .at = AT(batch_wait_ms),
      .def = "0ms", .min = 0, .max = FORWARD_BATCH_WAIT_MAX_MS, .help = "how long a batch waits to be full" },
    { .name = "FORWARD_RETRY_SCHEDULE", .at = AT(schedule), .def = DELIVERY_SCHEDULE,
      .help = "waits before the tries of an event, separated by commas; after the last it is a dead letter" },
    { .name = "FORWARD_FROM", .at = AT(from), .def = "now",
      .help = "where a destination that is new starts: now, beginning, a seq, or a time ago as 2h" },
    { 0 },
};
/* clang-format on */
