#include "services/console/assets.h"

#include <stdio.h>
#include <string.h>

/* Nothing inline, nothing from elsewhere, in nobody's frame. */
#define SECURITY                                                                                        \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' " \
    "data:; "                                                                                           \
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "   \
    "frame-ancestors 'none'\n"                                                                          \
    "X-Content-Type-Options: nosniff\nReferrer-Policy: no-referrer\nX-Frame-Options: DENY\n"            \
    "Cross-Origin-Opener-Policy: same-origin\nCross-Origin-Resource-Policy: same-origin\n"

static const struct asset *find(const struct assets *all, struct str path)
{
    if (path.n <= 1 || str_eq(path, "/login"))
        path = STR_LIT("/index.html");
    for (size_t i = 0; i < all->n; i++) {
        size_t n = strlen(all->asset[i].path);

        if (path.n == n + 1 && memcmp(path.p + 1, all->asset[i].path, n) == 0)
            return &all->asset[i];
    }
    return NULL;
}

void assets_serve(const struct assets *all, struct str path, struct http_req *r)
{
    const struct asset *a = find(all, path);
    struct str known = http_req_header(r, "If-None-Match");
    char headers[1200];

    if (!str_eq(http_req_method(r), "GET") && !str_eq(http_req_method(r), "HEAD")) {
        http_respond_error(r, 405, "method_not_allowed", "this path takes GET only", "Allow: GET, HEAD\n");
        return;
    }
    if (!a) {
        http_respond_error(r, 404, "not_found", "there is no such page", SECURITY);
        return;
    }
    (void)snprintf(headers, sizeof headers, SECURITY "ETag: %s\nCache-Control: no-cache\n%s", a->etag,
                   "Vary: Accept-Encoding\nContent-Encoding: gzip\n");
    if (known.n > 0 && str_eq(known, a->etag))
        http_respond(r, 304, NULL, STR_NULL, headers);
    else
        http_respond(r, 200, a->type, (struct str){ (const char *)a->gz, a->size }, headers);
}
