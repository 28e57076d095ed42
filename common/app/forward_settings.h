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

extern const struct setting forward_settings_table[];
