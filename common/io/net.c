#include "common/io/net.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* Addresses that are not of the public internet (IANA's registry of special-purpose IPv4 addresses). */
static const struct {
    uint32_t net;
    int bits;
} special[] = {
    { 0x00000000, 8 },  /* this network */
    { 0x0a000000, 8 },  /* 10/8 private */
    { 0x64400000, 10 }, /* 100.64/10 shared (carriers; also overlay networks) */
    { 0x7f000000, 8 },  /* loopback */
    { 0xa9fe0000, 16 }, /* 169.254/16 link-local: where clouds keep their credentials */
    { 0xac100000, 12 }, /* 172.16/12 private */
    { 0xc0000000, 24 }, /* 192.0.0/24 protocol assignments */
    { 0xc0000200, 24 }, /* documentation */
    { 0xc0a80000, 16 }, /* 192.168/16 private */
    { 0xc6120000, 15 }, /* benchmarks */
    { 0xc6336400, 24 }, /* documentation */
    { 0xcb007100, 24 }, /* documentation */
    { 0xe0000000, 3 },  /* multicast, reserved, broadcast */
};

static bool is_public_v4(uint32_t a)
{
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        if ((a ^ special[i].net) >> (32 - special[i].bits) == 0)
            return false;
    }
    return true;
}

static uint32_t v4_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool is_public_v6(const uint8_t a[16])
{
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    static const uint8_t nat64[12] = { 0, 0x64, 0xff, 0x9b };
    static const uint8_t documentation[4] = { 0x20, 0x01, 0x0d, 0xb8 };
    static const uint8_t teredo[4] = { 0x20, 0x01 };

    if (memcmp(a, mapped, sizeof mapped) == 0 || memcmp(a, nat64, sizeof nat64) == 0)
        return is_public_v4(v4_at(a + 12));
    if (a[0] == 0x20 && a[1] == 0x02) /* 6to4 */
        return is_public_v4(v4_at(a + 2));
    if (memcmp(a, documentation, sizeof documentation) == 0 || memcmp(a, teredo, sizeof teredo) == 0)
        return false;
    return a[0] >> 5 == 1;
}

bool net_is_public(const struct sockaddr *a)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (a->sa_family == AF_INET) {
        memcpy(&v4, a, sizeof v4);
        return is_public_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (a->sa_family != AF_INET6)
        return false;
    memcpy(&v6, a, sizeof v6);
    return is_public_v6(v6.sin6_addr.s6_addr);
}
