/*
 * The answer to a delivery in the terms of common/policy/delivery.h, and as it is stored and shown. Pure.
 */
#pragma once

#include "common/io/http_exchange.h"
#include "common/policy/delivery.h"
#include "services/forwarder/dead_letters.h"

enum delivery_failure delivery_answer_failure(const struct http_answer *a);
/* How long the backend asks to be left alone, at most PACE_PAUSE_MAX_MS; -1: it asks for nothing. */
int64_t delivery_answer_retry_after_ms(const struct http_answer *a);
/* Fills all but the session; the answer's beginning is borrowed. */
void delivery_answer_describe(const struct http_answer *a, struct delivery_error *ret);
