/*
 * Where alerts are sent. The two settings ALERT_URL and ALERT_NTFY_URL make a sink each; the file ALERT_CONFIG (written
 * as common/base/ini.h says) makes one of each section:
 *
 *   [sink phone]
 *   type = telegram
 *   token_file = /etc/zapkeep/telegram-token
 *   chat = 12345
 *   severity = critical          # and above
 *   quiet = 22:00-07:00          # local time: warnings wait until its end
 *   repeat = 4h                  # while it is on
 *   group = 10s                  # those of so long are one message
 *   language = pt-BR
 *
 * The keys are one row each of the table in sink_config.c, the kinds one row each of that in sink_kind.c.
 */
#pragma once

#include "common/sink/sink.h"
#include "common/sink/sink_settings.h"

struct sink_configs {
    struct sink_config *at[SINKS_MAX];
    int n;
};
#define SINK_CONFIGS_NULL ((struct sink_configs){ 0 })

/* Reads all of them. Returns 0, -ENOMEM, or -EINVAL with one line in @problem ("file:line:column: …"). */
int sink_configs_load(struct sink_configs *c, const struct sink_settings *s, struct buf *problem);
/* Adds those in the text of @file. */
int sink_configs_parse(struct sink_configs *c, const char *file, struct str text, struct buf *problem);
void sink_configs_fini(struct sink_configs *c); /* also for CLEANUP */
/* NULL: there is none of that name. */
const struct sink_config *sink_configs_find(const struct sink_configs *c, const char *name);
