/* Where a bridge shall post its webhooks, for commands that tell it or try it. */
#pragma once

#include <stddef.h>

/* @set (WEBHOOK_URL) if it is one, else webhook-ingest at @listen (ZAPKEEP_INGEST_LISTEN) on this machine
 * with the path of @bridge; "" when that has no port to know. @ret has room for @n bytes. */
void webhook_url(const char *set, const char *listen, const char *bridge, char *ret, size_t n);

/* Rows for a settings table: @url_ and @listen_ are the offsets of two const char *. */
#define WEBHOOK_URL_ROWS(url_, listen_)                                                                    \
    { .name = "WEBHOOK_URL",                                                                               \
      .kind = SETTING_URL,                                                                                 \
      .at = (url_),                                                                                        \
      .help =                                                                                              \
          "where the bridge posts its webhooks, as it sees it; default: webhook-ingest on this machine" }, \
    {                                                                                                      \
        .name = "ZAPKEEP_INGEST_LISTEN", .kind = SETTING_LISTEN, .at = (listen_), .def = "127.0.0.1:8000", \
        .help = "address of webhook-ingest"                                                                \
    }
