/*
 * URLs as settings and configuration files have them. Taken by us, a URL means the same to libcurl, which makes
 * the connection: the same host and port. The shown form has neither its user and password nor its query, nor a path.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "common/app/delivery_request.h"
#include "common/base/url.h"
#include "tests/fuzz/input.h"

#define MAX 4096

/* Where libcurl would connect: "host port". False: it refuses the URL. */
static bool leads_to(const char *s, char *ret, size_t n)
{
    CURLU *c = curl_url();
    char *host = NULL, *port = NULL;
    bool good;

    MUST(c);
    good = curl_url_set(c, CURLUPART_URL, s, 0) == CURLUE_OK &&
           curl_url_get(c, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
           curl_url_get(c, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    if (good)
        (void)snprintf(ret, n, "%s %s", host, port);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(c);
    return good;
}

/* Made again of our parts it leads to the same place. */
static void means_the_same(const char *s, const struct url *u)
{
    bool v6 = memchr(u->host.p, ':', u->host.n) != NULL;
    char again[MAX + 32], theirs[MAX + 32], ours[MAX + 32];

    (void)snprintf(again, sizeof again, "%s://%s%.*s%s:%u/", u->https ? "https" : "http", v6 ? "[" : "",
                   (int)u->host.n, u->host.p, v6 ? "]" : "",
                   u->port    ? u->port
                   : u->https ? 443U
                              : 80U);
    if (leads_to(s, theirs, sizeof theirs)) {
        MUST(leads_to(again, ours, sizeof ours));
        MUST(strcmp(ours, theirs) == 0);
    }
}

static void shows_no_secret(const char *s, const struct url *u)
{
    char shown[MAX + 32], start[16];

    (void)url_display(s, shown, sizeof shown);
    (void)snprintf(start, sizeof start, "%s://", u->https ? "https" : "http");
    MUST(!strpbrk(shown, "@?#"));
    MUST(shown[0] == '\0' || str_starts(str_from(shown), start));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf whole = BUF_INIT(64 * 1024);
    char *s;
    struct url u;

    if (n > MAX)
        return 0;
    s = input_copy((struct str){ (const char *)data, n });
    if (url_parse(s, &u) == 0) {
        means_the_same(s, &u);
        shows_no_secret(s, &u);
        MUST(delivery_url(s, &whole) == 0 && url_parse(buf_str(&whole), &u) == 0 && u.path.n > 0);
    }
    buf_fini(&whole);
    free(s);
    return 0;
}
