/*
 * May this request do what it asks for? The checks against other sites that use the browser of somebody who is logged in.
 * Pure.
 */
#pragma once

#include <stdbool.h>

#include "common/base/text.h"

/* The console's address behind a proxy, taken apart. All "" without one. */
struct guard_url {
    char origin[280]; /* "https://ops.example.com" */
    char host[256];   /* without the port */
    char base[128];   /* "/zapkeep", "": none */
    bool https;
};
/* Returns 0, or -EINVAL: no URL, or a part is too long. A slash at the end does not count. */
int guard_read_url(const char *url, struct guard_url *ret);

enum guard_verdict {
    GUARD_FINE = 0,
    GUARD_ORIGIN, /* the Origin is absent, or not ours */
    GUARD_SITE,   /* Sec-Fetch-Site says that another site asks */
    GUARD_CSRF,   /* the token is absent or wrong */
    GUARD_TYPE,   /* the body is not application/json */
};
const char *guard_message(enum guard_verdict v);

struct guard_request {
    struct str origin, host, sec_fetch_site, csrf, content_type; /* header fields; STR_NULL: absent */
    bool has_body;
};
/* A request that changes something, of a login with the CSRF token @csrf (NULL: there is none yet, at the login itself). */
enum guard_verdict guard_check(const struct guard_url *url, const char *csrf, const struct guard_request *r);
/* The same bytes, in a time that depends on the length alone. */
bool guard_is_same(struct str a, const char *b);
