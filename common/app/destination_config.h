/*
 * One destination as it is configured: by BACKEND_URL and FORWARD_*, or by a section of FORWARD_CONFIG, whose keys are
 * one row each of the table in destination_config.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/app/delivery_request.h"
#include "common/app/event_filter.h"
#include "common/app/forward_settings.h"
#include "common/base/ini.h"
#include "common/io/http_client.h"
#include "common/policy/delivery.h"
#include "common/store/forward.h"

/* The destination that BACKEND_URL makes. */
#define BACKEND_NAME "backend"

/* Where a destination that is seen for the first time starts. */
enum start_from { START_NOW, START_BEGINNING, START_SEQ, START_AGO };

struct destination_config {
    char name[FORWARD_NAME_MAX];
    char *client_cert, *client_key, *proxy; /* owned, may be NULL, as the next */
    struct buf headers;                     /* "Name: value\n" lines */
    struct http_client_peer peer;           /* points into these and ca */
    char *url, *token, *secret, *ca;        /* owned; url is complete, the others may be "" */
    char *bridge;                           /* owned, may be NULL */
    struct destination_filter filter;
    struct delivery_target target; /* points into the above */
    struct delivery_schedule schedule;
    enum start_from from;
    int64_t from_n; /* START_SEQ: that; START_AGO: ms */
    int64_t concurrency, timeout_ms, batch, batch_wait_ms;
    bool event_body, allow_private;
    int line;       /* of its header in the file, 0: BACKEND_URL */
    unsigned given; /* keys of its section, bits by row of the table */
};

/* A destination with the defaults of @s. Tokens and secrets are not inherited. Returns 0, -ENOMEM, or -EINVAL with one
 * line in @problem. */
int destination_config_new(const char *name, const struct forward_settings *s, struct buf *problem,
                           struct destination_config **ret);
/* The one of BACKEND_URL: with url, token, secret and ca of @s. */
int destination_config_backend(const struct forward_settings *s, struct buf *problem,
                               struct destination_config **ret);
void destination_config_free(struct destination_config *d);   /* NULL is nothing */
void destination_config_freep(struct destination_config **d); /* for CLEANUP */

/* One key of its section, as on_key of struct ini. */
int destination_config_key(struct destination_config *d, struct ini *ini, struct str name, const char *value,
                           const char *at);
/* All keys were given: the target is complete. -EINVAL: something is missing or wrong. */
int destination_config_settle(struct destination_config *d, struct buf *problem);
