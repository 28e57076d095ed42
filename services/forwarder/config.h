/*
 * Where events go: the destination of BACKEND_URL and those of the file FORWARD_CONFIG.
 *
 *   # comment
 *   [destination crm]
 *   url = https://crm.example/hooks   # a '#' after white space begins a comment too
 *   secret_file = /etc/zapkeep/crm-secret
 *   types = message., session.disconnected
 *
 * Keys that are not given are as FORWARD_BODY, FORWARD_CONCURRENCY … say; tokens and secrets are not
 * inherited.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/app/delivery_request.h"
#include "common/app/forward_settings.h"
#include "common/store/forward.h"

/* Each has its connections, its memory (DESIGN.md) and a series of each metric. */
#define DESTINATIONS_MAX 16
#define CONFIG_BYTES_MAX (256 * 1024)
#define CONFIG_LIST_MAX  64 /* types or sessions of one destination */
/* The destination that BACKEND_URL makes. */
#define BACKEND_NAME "backend"

struct config_list {
    char *text; /* what the items point into */
    struct str item[CONFIG_LIST_MAX];
    int n; /* 0: all */
};

struct destination_config {
    char name[FORWARD_NAME_MAX];
    char *url, *token, *secret, *bridge, *ca; /* owned; url complete, the others may be "" */
    struct config_list types, sessions;
    struct delivery_target target; /* points into the above */
    int64_t concurrency, timeout_ms, batch, batch_wait_ms;
    bool event_body, allow_private;
    int line; /* of its header in the file, 0: BACKEND_URL */
};

struct config {
    struct destination_config *at[DESTINATIONS_MAX];
    int n;
};
#define CONFIG_NULL ((struct config){ 0 })

/* Adds the destination of BACKEND_URL. Returns 0, -ENOMEM, or -EINVAL with one line in @problem. */
int config_add_backend(struct config *c, const struct forward_settings *s, struct buf *problem);
/* Adds those in the text of @file. -EINVAL: @problem has "file:line:column: what, and what is allowed". */
int config_parse(struct config *c, const struct forward_settings *defaults, const char *file, struct str text,
                 struct buf *problem);
/* Reads the file and adds what is in it. */
int config_read(struct config *c, const struct forward_settings *defaults, const char *file,
                struct buf *problem);
void config_fini(struct config *c); /* also for CLEANUP */

/* Does this destination want events like this? */
bool config_wants(const struct destination_config *d, const struct event *e);
