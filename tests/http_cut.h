/* For simulated peers: an answer that breaks off. */
#pragma once

#include <stdio.h>

#include "common/io/http_server.h"

/* Sends the header, which promises all of @body, and half of it; then the connection ends. */
static inline void http_respond_cut(struct http_req *r, int status, const char *content_type, struct str body)
{
    char headers[64];

    (void)snprintf(headers, sizeof headers, "Content-Length: %zu\nConnection: close\n", body.n);
    http_respond(r, status, content_type, (struct str){ body.p, body.n / 2 }, headers);
}
