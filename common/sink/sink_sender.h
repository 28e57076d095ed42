/*
 * Sends messages to sinks: by HTTP, by SMTP, or by running a program. For the monitor's alert sender and for
 * `zapkeep alert test`.
 */
#pragma once

#include "common/io/loop.h"
#include "common/sink/sink.h"

#define SINK_TIMEOUT_MS (10 * 1000)

struct sink_sender;

struct sink_result {
    bool taken;
    bool hopeless;         /* it will never be taken in this form */
    int status;            /* of HTTP or SMTP, or a program's exit status; 0: there was none */
    int64_t retry_after_s; /* -1: the sink asked for nothing */
    int64_t took_ms;
    char detail[192]; /* why it was not taken; no secret */
};

/* For one sink; @config is borrowed. Returns 0 or -ENOMEM. */
int sink_sender_open(struct loop *l, const struct sink_config *config, struct sink_sender **ret);
/* No callback fires any more. NULL is nothing. */
void sink_sender_close(struct sink_sender *s);
/* One message at a time. @m is copied. @done fires once, never before this has returned. Returns 0 or -errno. */
int sink_send(struct sink_sender *s, const struct sink_message *m,
              void (*done)(void *ctx, const struct sink_result *r), void *ctx);
