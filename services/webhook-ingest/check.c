#include "services/webhook-ingest/check.h"

#include <string.h>
#include <strings.h>

#define DEFAULT_PATH  "/api/v1/messages/webhook"
#define BRIDGE_PREFIX "/webhook/"

/* "application/json", "Application/JSON; charset=utf-8"; an absent one is taken for it. */
static bool is_json(struct str type)
{
    static const char json[] = "application/json";
    const size_t n = sizeof json - 1;

    if (!type.p)
        return true;
    return type.n >= n && strncasecmp(type.p, json, n) == 0 &&
           (type.n == n || type.p[n] == ';' || type.p[n] == ' ' || type.p[n] == '\t');
}

static bool is_plain(struct str encoding)
{
    return !encoding.p || (encoding.n == 8 && strncasecmp(encoding.p, "identity", 8) == 0);
}

struct str check_bridge(struct str path, struct str default_bridge)
{
    const size_t n = sizeof BRIDGE_PREFIX - 1;
    struct str name;

    if (str_eq(path, DEFAULT_PATH))
        return default_bridge;
    if (!str_starts(path, BRIDGE_PREFIX))
        return STR_NULL;
    name = (struct str){ path.p + n, path.n - n };
    return text_is_id(name) ? name : STR_NULL;
}

static bool has_signature(const struct check_input *in)
{
    for (const int *scheme = in->schemes; scheme && *scheme; scheme++) {
        if (in->headers.header(in->headers.ctx, signature_header(*scheme)).p)
            return true;
    }
    return false;
}

struct check_result check_refused(int auth)
{
    static const char *const details[] = {
        [AUTH_MISSING] = "present WEBHOOK_AUTH_TOKEN: Authorization: Bearer, the password of a URL, "
                         "X-Webhook-Token, or ?token=",
        [AUTH_WRONG] = "the token or signature presented is not one of WEBHOOK_AUTH_TOKEN",
        [AUTH_STALE] = "the signature's timestamp is more than 5 minutes off; set the clocks",
    };

    return (struct check_result){ .status = 401,
                                  .error = "unauthorized",
                                  .detail = details[auth],
                                  .headers = "WWW-Authenticate: Bearer\n" };
}

static struct check_result refuse(int status, const char *error, const char *detail, const char *headers)
{
    return (struct check_result){ .status = status, .error = error, .detail = detail, .headers = headers };
}

static struct str header(const struct check_input *in, const char *name)
{
    return in->headers.header(in->headers.ctx, name);
}

/* Without a token a page of another site must not be able to make a visitor's browser post here. */
static struct check_result check_browser(const struct check_input *in)
{
    if (!in->is_own_host)
        return refuse(
            421, "host_not_known",
            "without WEBHOOK_AUTH_TOKEN webhooks are taken under an address, localhost or the machine's "
            "name; set a token, or put this name into ZAPKEEP_HOST_NAMES",
            NULL);
    if (header(in, "origin").p)
        return refuse(403, "from_a_browser",
                      "without WEBHOOK_AUTH_TOKEN nothing is taken from a web page (the header Origin)",
                      NULL);
    return (struct check_result){ 0 };
}

static struct check_result check_route(const struct check_input *in, struct str bridge)
{
    if (bridge.p && !in->is_configured)
        return refuse(404, "unknown_bridge", "ZAPKEEP_BRIDGES has no bridge of this name", NULL);
    if (!bridge.p)
        return refuse(404, "not_found",
                      "webhooks go to " DEFAULT_PATH " or " BRIDGE_PREFIX "<bridge>; here are also /health, "
                      "/ready and /metrics",
                      NULL);
    if (!str_eq(in->method, "POST"))
        return refuse(405, "method_not_allowed", "webhooks are sent by POST", "Allow: POST\n");
    return (struct check_result){ 0 };
}

static struct check_result check_media(const struct check_input *in)
{
    if (!is_json(header(in, "content-type")))
        return refuse(415, "unsupported_media_type", "send Content-Type: application/json", NULL);
    if (!is_plain(header(in, "content-encoding")))
        return refuse(415, "unsupported_encoding", "send the body as it is, without Content-Encoding", NULL);
    return (struct check_result){ 0 };
}

struct check_result check_request(const struct check_input *in)
{
    struct str bridge = check_bridge(in->path, in->default_bridge);
    struct check_result result = { 0 };
    int auth = in->must_be_signed ? AUTH_MISSING : auth_check(in->tokens, NULL, &in->headers, in->query, 0);

    if (in->tokens->n == 0 && !in->must_be_signed)
        result = check_browser(in);
    if (result.status == 0)
        result = check_route(in, bridge);
    if (result.status == 0 && auth != 0 && !has_signature(in))
        result = check_refused(auth);
    if (result.status == 0)
        result = check_media(in);
    result.bridge = bridge;
    result.is_signed = result.status == 0 && auth != 0;
    /* Without tokens nobody is known, but a sender that finds path and method is more than noise. */
    result.is_known = result.status != 0 && auth == 0 && (in->tokens->n > 0 || result.status == 415);
    return result;
}
