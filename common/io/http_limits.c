/* The limits of a server that has none of its own, and the names of the reasons to refuse something. */
#include "common/io/http_handlers.h"

const struct http_limits http_limits_default = {
    .header_bytes_max = 16 * 1024,
    .body_bytes_max = 1024 * 1024,
    .headers_bytes_max = 64 * 1024 * 1024,
    .headers_peer_max = 16 * 1024 * 1024,
    .bodies_bytes_max = 64 * 1024 * 1024,
    .bodies_peer_max = 32 * 1024 * 1024,
    .unverified_bytes_max = 16 * 1024 * 1024,
    .unverified_peer_max = 2 * 1024 * 1024,
    .connections_max = 16384,
    .connections_peer_max = 0,
    .header_ms = 10 * 1000,
    .body_ms = 30 * 1000,
    .unverified_ms = 10 * 1000,
    .idle_ms = 75 * 1000,
};

const char *http_refusal_text(enum http_refusal why)
{
    static const char *const texts[] = {
#define X(name, text) [HTTP_REFUSED_##name] = (text),
        HTTP_REFUSALS(X)
#undef X
    };

    return why < HTTP_REFUSAL_N ? texts[why] : "none";
}
