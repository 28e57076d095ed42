/*
 * The values that describe a program and one start of it: its settings, its table, its checks. app.h opens a program by
 * them; admin.h and boot.h use them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/rng.h"
#include "common/base/settings.h"

#define STORE_PASSWORD_FILE "ZAPKEEP_STORE_PASSWORD_FILE" /* in the environment */

/* Settings every program has (table app_settings): ZAPKEEP_DATA_DIR, ZAPKEEP_BUS_IN, ZAPKEEP_BUS_OUT,
 * ZAPKEEP_BUS_FEED, ZAPKEEP_LOG, ZAPKEEP_LOG_FORMAT. */
struct app_settings {
    const char *data_dir;
    const char *store;          /* ZAPKEEP_STORE; "": data_dir */
    const char *store_password; /* ZAPKEEP_STORE_PASSWORD, or STORE_PASSWORD_FILE */
    int64_t role_lease_ms;      /* ZAPKEEP_ROLE_LEASE */
    const char *bus_in, *bus_out, *bus_feed;
    const char *bus_cert, *bus_ca; /* for tls+tcp:// */
    const char *log_level, *log_format;
    const char *host_names;   /* ZAPKEEP_HOST_NAMES */
    const char *admin_listen; /* ZAPKEEP_ADMIN_LISTEN; NULL in programs without that row */
};
/* The row of ZAPKEEP_ADMIN_LISTEN: in the table of each program that has an admin server of its own. */
#define APP_ADMIN_ROW(default_, help_)                                                         \
    {                                                                                          \
        .name = APP_ADMIN_SETTING, .kind = SETTING_LISTEN,                                     \
        .at = offsetof(struct app_settings, admin_listen), .def = (default_), .help = (help_), \
    }
#define APP_ADMIN_SETTING "ZAPKEEP_ADMIN_LISTEN"
#define BRIDGES_SETTING   "ZAPKEEP_BRIDGES"
/* Settings of the programs that talk to the bridge (bridge_settings_table). */
struct bridge_settings {
    const char *url;        /* WHATSAPP_API_URL */
    const char *api_key;    /* WHATSAPP_API_KEY, or _FILE */
    const char *driver;     /* WHATSAPP_BRIDGE */
    const char *key_header; /* WHATSAPP_API_KEY_HEADER */
    const char *basic;      /* WHATSAPP_API_BASIC, or _FILE */
    const char *ca_file;    /* WHATSAPP_API_CA */
    const char *name;       /* WHATSAPP_BRIDGE_NAME */
    const char *file;       /* ZAPKEEP_BRIDGES; "": the one bridge above */
};
/* Included by a program's table: SETTINGS_OF(app_settings_table, struct x_settings, app). A program's settings struct
 * begins with its struct app_settings. */
extern const struct setting app_settings_table[];
extern const struct setting bridge_settings_table[];
/* Where the store is (common/store/store.h): ZAPKEEP_STORE, or the data folder. */
const char *app_store(const struct app_settings *s);
/* Where this program's subscriptions dial: the feed when there is one; and the name of that setting. */
const char *app_bus(const struct app_settings *s);
const char *app_bus_name(const struct app_settings *s);
/* The problem line for -EKEYREJECTED of anything that opens the bus. */
#define BUS_KEY_REJECTED                                                                                     \
    "a tls+tcp:// address needs ZAPKEEP_BUS_CERT (a PEM file with certificate and key) and ZAPKEEP_BUS_CA; " \
    "one of them is not set or cannot be read"
/* Fills in the addresses that were not set (Unix sockets in the data folder) and gives the bus its certificate.
 * app_open() calls it; a program that reads settings without it calls it too. Returns 0, -EINVAL with one line in
 * @problem (a path that is too long), -ENOMEM. */
int bus_settings_complete(struct app_settings *s, struct buf *problem);

/* A program: constant, the same for every start. */
struct app_spec {
    const char *service; /* "monitor": log lines, metrics, src on the bus */
    const char *program; /* "zapkeep-monitor" */
    const char *args; /* of a command, "[PREFIX...]": with the program the first line of --help; NULL: none */
    const char *what; /* … and what it does */
    const struct setting *table; /* includes app_settings_table as its first row */
    bool admin_any_port;    /* a free port when the default one is taken (workers: several on one machine) */
    bool needs_data_dir;    /* make sure it is there and can be written */
    bool shares_connection; /* store_share_connection() for its loop */
    bool no_publisher;      /* the service publishes nothing on the bus */
    bool is_service;        /* it writes heartbeats (heartbeat.h) */
};

/* One start of a program. A simulation starts several in one process, on a clock and random numbers of its own. */
struct app_start {
    int argc;
    char *const *argv;
    struct settings_args *args; /* filled with the arguments that are not flags; NULL: there may be none */
    struct clock *clock;        /* borrowed until app_close(); NULL: the machine's */
    struct rng *rng;            /* borrowed until app_close(); NULL: one seeded by the kernel */
};
#define APP_START(argc_, argv_) (&(const struct app_start){ .argc = (argc_), .argv = (argv_) })

/* Parts of /ready, /health. A part's pointer fields are read at every request. */
struct app_check {
    const char *name; /* "store", "bus", "bridge" */
    /* 0: fine; else the reason in @ret_why (n bytes). Must not block. */
    int (*check)(void *ctx, char *ret_why, size_t n);
    void *ctx;
    bool ready; /* counts for /ready (503 when not fine); otherwise it is only shown */
};

/* app_open() and a service's start return this to end the program with an exit code: > 0, understood by
 * app_close(). */
#define APP_EXIT(code) (1 + (int)(code))
