#include "common/app/webhook_url.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/base/url.h"
#include "common/bridge/webhook.h"

/* The path of the bridge that is called "main" by default is the one that bridges are configured with. */
#define DEFAULT_BRIDGE "main"

void webhook_url(const char *set, const char *listen, const struct bridge_settings *bridge, char *ret,
                 size_t n)
{
    bool is_default = !*bridge->file && strcmp(bridge->name, DEFAULT_BRIDGE) == 0;
    const char *path = is_default ? WEBHOOK_PATH_DEFAULT : WEBHOOK_PATH_OF_BRIDGE,
               *rest = is_default ? "" : bridge->name;
    char host[64];
    uint16_t port;

    if (*set)
        (void)snprintf(ret, n, "%s", set);
    else if (url_parse_listen(listen, host, sizeof host, &port) || port == 0)
        ret[0] = '\0';
    else if (!*host || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0) /* all addresses */
        (void)snprintf(ret, n, "http://127.0.0.1:%u%s%s", port, path, rest);
    else
        (void)snprintf(ret, n, strchr(host, ':') ? "http://[%s]:%u%s%s" : "http://%s:%u%s%s", host, port,
                       path, rest);
}
