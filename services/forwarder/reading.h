/*
 * Reading the event log for one destination: rows after its position go into its backlog, and reading stops while there
 * is enough to send.
 */
#pragma once

#include "services/forwarder/deliver.h"

struct reading;

struct reading_options {
    struct app *app; /* borrowed, as all of these */
    const char *dir;
    const char *bus; /* where notifications come from */
    struct bus_sub *sub;
    const struct destination_config *config;
    struct group_commit *commit;
    struct backlog *backlog;
    struct deliver *deliver;
    /* May it read at all: is the destination on? Called often. */
    bool (*is_on)(void *ctx);
    /* The filter lets a row through, or does not. */
    void (*filtered)(void *ctx, bool wanted);
    void *ctx;
};
int reading_open(const struct reading_options *o, struct reading **ret);
void reading_close(struct reading *r); /* NULL is nothing */
/* There may be something new in the log. */
void reading_notify(struct reading *r);
/* Reads on when there is room; makes room when memory is full of few sessions. Returns 0 or -errno. */
int reading_poke(struct reading *r);
int64_t reading_head(const struct reading *r); /* newest seq of the log that is known */
