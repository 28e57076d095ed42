#include "services/webhook-ingest/check.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/base/percent.h"
#include "common/bridge/webhook.h"
#include "common/domain/session.h"

/* "application/json", "Application/JSON; charset=utf-8". */
static bool is_type(struct str type, const char *wanted)
{
    const size_t n = strlen(wanted);

    return type.n >= n && strncasecmp(type.p, wanted, n) == 0 &&
           (type.n == n || type.p[n] == ';' || type.p[n] == ' ' || type.p[n] == '\t');
}

/* An absent type is taken for it. */
static bool is_json(struct str type)
{
    return !type.p || is_type(type, "application/json");
}

bool check_is_form(struct str content_type)
{
    return is_type(content_type, "application/x-www-form-urlencoded");
}

static bool is_plain(struct str encoding)
{
    return !encoding.p || (encoding.n == 8 && strncasecmp(encoding.p, "identity", 8) == 0);
}

/* "/webhook/<bridge>/<session>": the two parts as they are; the second has no p when there is none. */
static bool split_path(struct str path, struct str *ret_bridge, struct str *ret_session)
{
    const size_t n = sizeof WEBHOOK_PATH_OF_BRIDGE - 1;
    const char *slash;

    if (!str_starts(path, WEBHOOK_PATH_OF_BRIDGE))
        return false;
    *ret_bridge = (struct str){ path.p + n, path.n - n };
    *ret_session = STR_NULL;
    slash = memchr(ret_bridge->p, '/', ret_bridge->n);
    if (slash) {
        *ret_session = (struct str){ slash + 1, (size_t)(path.p + path.n - slash) - 1 };
        ret_bridge->n = (size_t)(slash - ret_bridge->p);
    }
    return true;
}

/* Percent-encoded, an encoded slash is one of the id; -EINVAL when it is no valid id. */
static int decode_session(struct str part, char ret[SESSION_ID_MAX])
{
    char plain[SESSION_ID_MAX];
    size_t n;

    if (memchr(part.p, '/', part.n) ||
        percent_decode(part, PERCENT_PLUS_IS_ITSELF, plain, sizeof plain - 1, &n))
        return -EINVAL;
    return session_id_copy((struct str){ plain, n }, ret) ? 0 : -EINVAL;
}

struct str check_bridge(struct str path, struct str default_bridge)
{
    char session_id[SESSION_ID_MAX];
    struct str name, session;

    if (str_eq(path, WEBHOOK_PATH_DEFAULT))
        return default_bridge;
    if (!split_path(path, &name, &session) || !text_is_id(name))
        return STR_NULL;
    return !session.p || decode_session(session, session_id) == 0 ? name : STR_NULL;
}

void check_session(struct str path, char ret[SESSION_ID_MAX])
{
    struct str name, session = STR_NULL;

    ret[0] = '\0';
    if (split_path(path, &name, &session) && session.p && decode_session(session, ret) != 0)
        ret[0] = '\0';
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
                      "webhooks go to " WEBHOOK_PATH_DEFAULT " or " WEBHOOK_PATH_OF_BRIDGE
                      "<bridge>; here are also /health, "
                      "/ready and /metrics",
                      NULL);
    if (!str_eq(in->method, "POST"))
        return refuse(405, "method_not_allowed", "webhooks are sent by POST", "Allow: POST\n");
    return (struct check_result){ 0 };
}

static struct check_result check_media(const struct check_input *in)
{
    if (!is_json(header(in, "content-type")) &&
        !(in->takes_forms && check_is_form(header(in, "content-type"))))
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
