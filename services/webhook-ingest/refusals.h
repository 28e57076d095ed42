/*
 * Refused requests: counted by reason, and logged in lines of which there are never many. A sender
 * whose webhooks are refused loses them, so the line names it.
 */
#pragma once

#include <stdint.h>

#include "common/io/http_server.h"
#include "services/webhook-ingest/ingest_metrics.h"

/* The first of each reason is logged at once; then one line per interval says how many there were. */
#define REFUSALS_EVERY_MS (10 * 1000)

struct refusals {
    int64_t logged_ms[REFUSAL_N]; /* loop time of the last line; 0: none yet */
    int64_t more[REFUSAL_N];      /* since then */
};

struct refusal {
    enum refusal_reason reason;
    int status;         /* 0: closed without an answer */
    const char *detail; /* a sentence */
    struct str bridge, path, peer;
    int64_t bytes; /* of the body, as far as known */
};

/* Counts it, and logs it when a line is due. */
void refusals_note(struct refusals *r, const struct refusal *f, int64_t now_ms);
/* Of a status that the handlers answered. */
enum refusal_reason refusals_of_status(int status);
/* Of a request that the HTTP server refused by itself. */
enum refusal_reason refusals_of_server(enum http_refusal why);
