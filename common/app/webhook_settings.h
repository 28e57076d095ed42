/*
 * The address and the secret of incoming webhooks: rows for webhook-ingest, and for the commands that try it
 * or set it at a bridge.
 */
#pragma once

#include "common/base/settings.h"

#define INGEST_LISTEN_ROW(type_, member_)                                                        \
    {                                                                                            \
        .name = "ZAPKEEP_INGEST_LISTEN", .kind = SETTING_LISTEN, .at = offsetof(type_, member_), \
        .def = "127.0.0.1:8000", .help = "where webhooks come in; a socket from systemd wins",   \
    }
#define WEBHOOK_TOKEN_ROW(type_, member_)                                                                   \
    {                                                                                                       \
        .name = "WEBHOOK_AUTH_TOKEN", .at = offsetof(type_, member_), .secret = true,                       \
        .help =                                                                                             \
            "what a webhook must present; two, comma-separated, while one replaces the other; empty: open", \
    }
#define WEBHOOK_SECRET_ROW(type_, member_)                                                                \
    {                                                                                                     \
        .name = "WEBHOOK_SECRET", .at = offsetof(type_, member_), .secret = true,                         \
        .help = "secret of the bridge's own signature; its webhooks need no token then; two while it is " \
                "changed",                                                                                \
    }
#define WEBHOOK_REPAIR_ROW(type_, member_)                                                           \
    {                                                                                                \
        .name = "WEBHOOK_REPAIR", .kind = SETTING_BOOL, .at = offsetof(type_, member_), .def = "no", \
        .help = "set a session's webhook subscription again when it is not what it should be",       \
    }
#define WEBHOOK_URL_ROW(type_, member_)                                                                    \
    {                                                                                                      \
        .name = "WEBHOOK_URL", .kind = SETTING_URL, .at = offsetof(type_, member_),                        \
        .help =                                                                                            \
            "where the bridge posts its webhooks, as it sees it; default: webhook-ingest on this machine", \
    }
