#include "common/app/bridge_settings.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/bridge/drivers.h"

/* A token of HTTP. */
static bool is_header_name(const char *name)
{
    size_t n = strspn(name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    return n <= BRIDGE_KEY_HEADER_MAX && name[n] == '\0';
}

/* The key goes into Authorization: always, or with some driver that "auto" tries. */
static bool uses_authorization(const struct bridge_settings *s)
{
    static const char name[] = "Authorization";
    const struct bridge_driver *only = bridge_driver_find(s->driver);

    if (!*s->api_key)
        return false;
    if (*s->key_header)
        return strcasecmp(s->key_header, name) == 0;
    return !only || strncasecmp(only->key_header, name, sizeof name - 1) == 0;
}

int bridge_settings_check(const struct bridge_settings *s, struct buf *problem)
{
    if (*s->key_header && !is_header_name(s->key_header))
        (void)buf_adds(problem, "WHATSAPP_API_KEY_HEADER is no name of a header; set it as X-Api-Key");
    else if (*s->basic && (!strchr(s->basic, ':') || strlen(s->basic) > BRIDGE_BASIC_MAX))
        (void)buf_adds(problem, "WHATSAPP_API_BASIC must be user:password");
    else if (*s->basic && uses_authorization(s))
        (void)buf_adds(problem,
                       "WHATSAPP_API_BASIC and the key would both be in the header Authorization: set "
                       "WHATSAPP_API_KEY_HEADER to one that the proxy turns into the bridge's own");
    else if (*s->ca_file && access(s->ca_file, R_OK) != 0)
        (void)buf_addf(problem, "WHATSAPP_API_CA is %s, which cannot be read: %s", s->ca_file,
                       err_text(-errno));
    else
        return 0;
    return -EINVAL;
}

struct bridge_target bridge_settings_target(const struct bridge_settings *s)
{
    return (struct bridge_target){ .base_url = s->url,
                                   .api_key = s->api_key,
                                   .key_header = s->key_header,
                                   .basic = s->basic,
                                   .ca_file = s->ca_file };
}

void bridge_target_prepare(const struct bridge_target *t, struct http_client *client)
{
    if (t->ca_file && *t->ca_file)
        http_client_set_peer(client, &(struct http_client_peer){ .ca_file = t->ca_file });
}
