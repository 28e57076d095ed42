/* The writers of the table in sink_kind.c. Private to common/sink. Errors stick in the bufs. */
#pragma once

#include "common/sink/sink.h"

struct sink_writing {
    const struct sink_config *config;
    const char *console_url; /* "" : none */
    const struct sink_alert *alerts;
    int n;
    int64_t now_ms;
};

void sink_write_alertmanager(const struct sink_writing *w, struct sink_message *m);
void sink_write_ntfy(const struct sink_writing *w, struct sink_message *m);
void sink_write_telegram(const struct sink_writing *w, struct sink_message *m);
void sink_write_slack(const struct sink_writing *w, struct sink_message *m);
void sink_write_email(const struct sink_writing *w, struct sink_message *m);
void sink_write_webhook(const struct sink_writing *w, struct sink_message *m);
void sink_write_program(const struct sink_writing *w, struct sink_message *m);
