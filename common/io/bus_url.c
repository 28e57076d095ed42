#include "common/io/bus_url.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/url.h"

static bool begins(const char *url, const char *with)
{
    return strncmp(url, with, strlen(with)) == 0;
}

static enum bus_reach reach_of_one(const char *url)
{
    static const char *const loopback[] = { "127.", "localhost:", "[::1]:", "[::ffff:127." };
    const char *host = strstr(url, "://");

    if (begins(url, "ipc:"))
        return BUS_REACH_FILE;
    if (begins(url, "tls+tcp"))
        return BUS_REACH_TLS;
    if (begins(url, "abstract:") || begins(url, "inproc:"))
        return BUS_REACH_MACHINE;
    for (size_t i = 0; host && i < sizeof loopback / sizeof loopback[0]; i++) {
        if (begins(host + 3, loopback[i]))
            return BUS_REACH_MACHINE;
    }
    return BUS_REACH_NETWORK;
}

enum bus_reach bus_url_reach(const char *urls)
{
    enum bus_reach widest = BUS_REACH_FILE;
    char url[URL_BUS_MAX];

    while (url_bus_next(&urls, url)) {
        enum bus_reach reach = reach_of_one(url);

        widest = reach > widest ? reach : widest;
    }
    return widest;
}
