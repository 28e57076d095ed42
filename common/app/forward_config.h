/*
 * Where events go: the destination of BACKEND_URL and those of the file FORWARD_CONFIG (common/base/ini.h says how it
 * is written).
 *
 *   [destination crm]
 *   url = https://crm.example/hooks
 *   secret_file = /etc/zapkeep/crm-secret
 *   types = message., session.disconnected
 *
 * Keys that are not given are as FORWARD_BODY, FORWARD_CONCURRENCY … say; tokens and secrets are not inherited.
 */
#pragma once

#include "common/app/destination_config.h"

/* Each has its connections, its memory (DESIGN.md) and a series of each metric. */
#define DESTINATIONS_MAX 16
#define CONFIG_BYTES_MAX (256 * 1024)

struct config {
    struct destination_config *at[DESTINATIONS_MAX];
    int n;
};
#define CONFIG_NULL ((struct config){ 0 })

/* Adds the destination of BACKEND_URL. Returns 0, -ENOMEM, or -EINVAL with one line in @problem. */
int config_add_backend(struct config *c, const struct forward_settings *s, struct buf *problem);
/* Adds those in the text of @file. -EINVAL: @problem has "file:line:column: the error, and the allowed
 * values". */
int config_parse(struct config *c, const struct forward_settings *defaults, const char *file, struct str text,
                 struct buf *problem);
/* Reads the file and adds its destinations. */
int config_read(struct config *c, const struct forward_settings *defaults, const char *file,
                struct buf *problem);
void config_fini(struct config *c); /* also for CLEANUP */
