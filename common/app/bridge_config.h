/*
 * Many bridges: the file ZAPKEEP_BRIDGES (common/base/ini.h says how it is written).
 *
 *   [bridge sales]                 # the name in topics, rows and POST /webhook/sales
 *   type = waha
 *   url = http://waha:3000
 *   key_file = /run/secrets/waha-key
 *   check_interval = 30s
 *
 * A key is a setting's name in lower case (type, url and key are WHATSAPP_BRIDGE, _API_URL and _API_KEY), and KEY_file
 * names the file of a secret. Keys that a section does not give are as the program's settings say, except those of
 * the bridge itself: type, url, key, webhook_secret, webhook_url, reconnect_hook. Every program checks all keys, and takes those that it has a setting for.
 */
#pragma once

#include "common/app/app_spec.h"
#include "common/base/buf.h"
#include "common/base/setting.h"
#include "common/base/text.h"

/* Each costs the monitor some 60 KiB of memory and a read of its rows in state.db a second. */
#define BRIDGES_MAX 256
/* 256 sections of some twenty keys. */
#define BRIDGE_CONFIG_BYTES_MAX (256 * 1024)
#define BRIDGE_KEYS_MAX         96

struct bridge_key {
    const struct setting *row; /* of the table of all settings that a section may have */
    char *value;               /* owned */
};

struct bridge_section {
    char name[65];
    int line; /* of its header */
    struct bridge_key key[BRIDGE_KEYS_MAX];
    int n;
};

struct bridge_config {
    struct bridge_section *at[BRIDGES_MAX]; /* owned */
    int n;
};
#define BRIDGE_CONFIG_NULL ((struct bridge_config){ 0 })

/* Reads the file. Returns 0, -ENOMEM, or -EINVAL with one line in @problem: "file:line:column: …". */
int bridge_config_read(const char *file, struct buf *problem, struct bridge_config *ret);
/* The same of the text of @file. */
int bridge_config_parse(const char *file, struct str text, struct buf *problem, struct bridge_config *ret);
void bridge_config_fini(struct bridge_config *c); /* also for CLEANUP; BRIDGE_CONFIG_NULL is legal */
/* False: it is a source of webhooks only, which is never called. */
bool bridge_needs_url(const struct bridge_settings *b);
/* NULL: there is none of this name. */
const struct bridge_section *bridge_config_find(const struct bridge_config *c, const char *name);

/* Puts the keys of the section into settings that were read: the bridge's own keys are set or empty, others stay where the
 * section has none. Returns 0, -EINVAL with one line in @problem, or -ENOMEM. */
int bridge_section_apply(const struct bridge_section *s, const struct setting *table, void *settings,
                         struct buf *problem);
/* A program's settings for this bridge: a copy of its own, @defaults, with the keys of the section. Free it by
 * settings_free(). Returns 0, -EINVAL with one line in @problem, or -ENOMEM. */
int bridge_section_settings(const struct bridge_section *s, const struct setting *table, const void *defaults,
                            size_t bytes, struct buf *problem, void *ret);
