/* Making a session on the bridge, for `session create` and `session pair`. */
#pragma once

#include "services/cli/bridge.h"

struct session_create_settings {
    const struct cli_settings *cli;
    const char *ingest_listen, *webhook_url; /* where the bridge posts, see webhook_url() */
    const char *token, *secret;              /* that its webhooks shall present */
};

/*
 * Creates @id on the bridge, to be paired by a code for @phone (NULL: by a QR code), and writes it into state.db, if there is one: a bridge may lose its list, and some have
 * none. Returns -1: go on, *ret is filled (its qr is the caller's); else the exit code, and the problem was printed.
 */
int session_create(const struct session_create_settings *s, struct cli_bridge *b, const char *id,
                   const char *phone, struct bridge_created *ret);
