/*
 * The bridges that a program works with, each with settings of its own: those of ZAPKEEP_BRIDGES, or without it the one
 * of WHATSAPP_API_URL.
 */
#pragma once

#include "common/app/app_spec.h"
#include "common/app/bridge_config.h"

/* The problem line of WHATSAPP_API_URL. */
#define BRIDGE_URL_MISSING \
    "WHATSAPP_API_URL is not set; it is the base URL of the bridge, as http://127.0.0.1:3000"

struct bridge_set_spec {
    const struct setting *table; /* of the program's settings */
    size_t bytes;                /* of its struct */
    size_t bridge_at;            /* offset of its struct bridge_settings */
    /* Do the settings of one bridge fit together? Returns 0, or -EINVAL with one line in @problem. May change them. */
    int (*check)(void *settings, struct buf *problem);
};

struct bridge_set {
    const struct bridge_set_spec *spec;
    struct bridge_config config;
    void *settings[BRIDGES_MAX]; /* owned; of the sections of config, or [0] of WHATSAPP_* */
    int n;
};

/* @all: the program's settings as app_open() has read them. Returns 0, -EINVAL with one line in @problem, or -ENOMEM. */
int bridge_set_read(const struct bridge_set_spec *spec, const void *all, struct buf *problem,
                    struct bridge_set *ret);
void bridge_set_fini(struct bridge_set *s); /* also for CLEANUP; zeros are legal */

const struct bridge_settings *bridge_set_bridge(const struct bridge_set *s, int i);
/* Its index, or -1. */
int bridge_set_find(const struct bridge_set *s, struct str name);

/* Gives the settings of bridge i away: free them by settings_free() and mem_free(). */
void *bridge_set_take(struct bridge_set *s, int i);

/* After the file was read anew into @next: a bridge whose section is as before gets the settings of @s, at the same
 * address, and pointers to them stay valid. True: bridge @i of @next is such a one. */
bool bridge_set_keep(struct bridge_set *s, struct bridge_set *next, int i);
