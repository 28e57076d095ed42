/* The parts of the console, as its handlers get them. Nothing in it is changed after the start. */
#pragma once

#include "common/app/app.h"
#include "services/console/guard.h"
#include "services/console/settings.h"

struct console_context {
    struct app *app;
    const struct console_settings *settings;
    struct guard_url url;
    struct stores *stores;
    struct login *login;
    struct session_list *sessions;
    struct live *live;
    struct counts *counts;
    struct pairings *pairings;
    struct deletions *deletions;
    struct doctor_run *doctor;
    struct bridge_checks *checks;
    struct store_run *store;
    struct replays *replays;
};
