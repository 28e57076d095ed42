/*
 * The settings of a delivery, for the forwarder and for `zapkeep replay`.
 */
#pragma once

#include "common/base/settings.h"
#include "common/policy/delivery.h"

/* Deliveries at once to one destination: each is a connection and an event in memory. */
#define FORWARD_CONCURRENCY_MAX 256
/* Events of a batch: of 1 MiB each at worst. */
#define FORWARD_BATCH_MAX 256
/* A batch that waits longer is a report, not a delivery. */
#define FORWARD_BATCH_WAIT_MAX_MS 60000
/* Less than a round trip in one data centre makes no sense; a backend that needs longer answers first and works then. */
#define FORWARD_TIMEOUT_MIN_MS 50
#define FORWARD_TIMEOUT_MAX_MS 600000

struct forward_settings {
    const char *url;      /* BACKEND_URL */
    const char *token;    /* FORWARD_TOKEN */
    const char *secret;   /* FORWARD_SECRET */
    const char *body;     /* FORWARD_BODY: "raw" or "event" */
    const char *ca;       /* FORWARD_CA: a file, "": the system's certificates */
    const char *schedule; /* FORWARD_RETRY_SCHEDULE */
    const char *from;     /* FORWARD_FROM */
    int64_t concurrency, timeout_ms, batch, batch_wait_ms;
};

/* Rows of a table; @base is the offset of the struct forward_settings. */
#define FORWARD_SETTING_AT(base, field) ((base) + offsetof(struct forward_settings, field))
/* clang-format off */
#define FORWARD_SETTING_ROWS(base) \
    { .name = "BACKEND_URL", .kind = SETTING_URL, .at = FORWARD_SETTING_AT(base, url), \
      .help = "where events are delivered; without a path: /api/v1/messages/webhook of it" }, \
    { .name = "FORWARD_TOKEN", .at = FORWARD_SETTING_AT(base, token), .secret = true, \
      .help = "sent to BACKEND_URL as Authorization: Bearer" }, \
    { .name = "FORWARD_SECRET", .at = FORWARD_SETTING_AT(base, secret), .secret = true, \
      .help = "whsec_… key that signs (standardwebhooks.com); two, separated by a comma, while it is changed" }, \
    { .name = "FORWARD_BODY", .kind = SETTING_CHOICE, .at = FORWARD_SETTING_AT(base, body), .def = "raw", \
      .choices = "raw event", \
      .help = "raw: the webhook's own bytes; event: {id,seq,type,bridge,session,occurred_at,data}" }, \
    { .name = "FORWARD_CA", .at = FORWARD_SETTING_AT(base, ca), \
      .help = "PEM file of the only certificates that https is held against; none: the system's" }, \
    { .name = "FORWARD_CONCURRENCY", .kind = SETTING_INT, .at = FORWARD_SETTING_AT(base, concurrency), .def = "8", \
      .min = 1, .max = FORWARD_CONCURRENCY_MAX, \
      .help = "deliveries at once per destination; of one session there is one at a time" }, \
    { .name = "FORWARD_TIMEOUT", .kind = SETTING_DURATION, .at = FORWARD_SETTING_AT(base, timeout_ms), .def = "15s", \
      .min = FORWARD_TIMEOUT_MIN_MS, .max = FORWARD_TIMEOUT_MAX_MS, .help = "a delivery without an answer for so long has failed" }, \
    { .name = "FORWARD_BATCH", .kind = SETTING_INT, .at = FORWARD_SETTING_AT(base, batch), .def = "1", \
      .min = 1, .max = FORWARD_BATCH_MAX, .help = "above 1: deliveries are {\"events\":[…]} of up to so many" }, \
    { .name = "FORWARD_BATCH_WAIT", .kind = SETTING_DURATION, .at = FORWARD_SETTING_AT(base, batch_wait_ms), \
      .def = "0ms", .min = 0, .max = FORWARD_BATCH_WAIT_MAX_MS, .help = "how long a batch waits to be full" }, \
    { .name = "FORWARD_RETRY_SCHEDULE", .at = FORWARD_SETTING_AT(base, schedule), .def = DELIVERY_SCHEDULE, \
      .help = "waits before the tries of an event, separated by commas; after the last it is a dead letter" }, \
    { .name = "FORWARD_FROM", .at = FORWARD_SETTING_AT(base, from), .def = "now", \
      .help = "where a destination that is new starts: now, beginning, a seq, or a time ago as 2h" }
/* clang-format on */
