/*
 * Showing a session's QR code until a phone has scanned it, for `session create`, `session qr` and `session
 * pair`.
 */
#pragma once

#include "services/cli/bridge.h"

/* WhatsApp changes the code every 20 s (the first after 60 s): a shown one is never older than this and a
 * bit. */
#define PAIRING_POLL_MS (3 * 1000)
/* WhatsApp gives up after about 160 s, and zapw begins anew. */
/* A code for the phone number is good for as long: one that is older than this is asked for anew. */
#define PAIRING_PHONE_CODE_MS   (150 * 1000)
#define PAIRING_TIMEOUT_DEFAULT "5m"

/* The rows of --wait and --timeout for a settings table; offsets of a bool and of an int64_t. */
#define PAIRING_ROWS(wait_at_, timeout_at_)                                                               \
    { .name = "WAIT",                                                                                     \
      .kind = SETTING_BOOL,                                                                               \
      .at = (wait_at_),                                                                                   \
      .def = "false",                                                                                     \
      .flag_only = true,                                                                                  \
      .help = "wait for the scan also with --json and without a terminal" },                              \
    {                                                                                                     \
        .name = "TIMEOUT", .kind = SETTING_DURATION, .at = (timeout_at_), .def = PAIRING_TIMEOUT_DEFAULT, \
        .min = 1, .max = INT64_C(24) * 3600 * 1000, .flag_only = true,                                    \
        .help = "give up waiting for the scan after this"                                                 \
    }

struct pairing {
    struct cli_bridge *bridge;
    const char *id;
    const char *name;     /* as a command takes it (which_bridge.h) */
    const char *phone;    /* its digits: a code to type on it is asked for; NULL: a QR code */
    const char *data_dir; /* of the event log, for bridges that send the code by webhook only */
    bool json;
    bool watch; /* go on until it is paired; otherwise the code is shown once */
    int64_t timeout_ms;
    /* Makes the bridge give a new code when a session is logged out or its code has expired for good. Returns
     * -1: it may come; else the exit code. NULL: the watch ends then. */
    int (*renew)(struct pairing *p);
    /* its own */
    struct bridge_session session;
    struct buf qr;                          /* as the bridge sent it, "": none */
    char phone_code[BRIDGE_PHONE_CODE_MAX]; /* "": none */
    int64_t phone_code_at;                  /* waited_ms when it came */
    char refusal[BRIDGE_MESSAGE_MAX];       /* the bridge's words when it gave none */
    struct buf shown;                       /* the code on the screen */
    int lines;                              /* of the drawing on the terminal, to go back up */
    int64_t waited_ms;
};
void pairing_fini(struct pairing *p); /* also for CLEANUP */

/* Asks the bridge for session and code. Only for an operator who asked: on zapw the call has side effects
 * once a code has expired. Returns 0, a bridge_answer_kind (the reply in @ret), or a negative. */
int pairing_ask(struct pairing *p, struct cli_reply *ret);
/* Shows session and qr as pairing_ask() or the caller set them, and watches if they ask for it. Returns the
 * exit code: done when it is paired, or shown once; not so when it needs something else than a scan, or
 * nobody scanned in time. */
int pairing_run(struct pairing *p);
