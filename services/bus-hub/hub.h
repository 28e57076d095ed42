/*
 * The hub: publishers dial ZAPKEEP_BUS_IN, subscribers ZAPKEEP_BUS_OUT; each message that comes in goes out
 * to all. The hub stores nothing: a consumer that misses a message finds the row.
 */
#pragma once

#include "common/app/app.h"

struct hub_settings {
    struct app_settings app;
    bool bus_open; /* plain TCP is meant */
};

struct hub {
    struct app *app;
    struct hub_settings settings;
    struct bus_hub *bus;
    struct timer *count;
};
#define HUB_NULL ((struct hub){ 0 })

int hub_open(struct hub *h, const struct app_start *start); /* 0, APP_EXIT(…) or negative */
void hub_close(struct hub *h);
